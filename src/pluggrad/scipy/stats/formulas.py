"""Formulas of distributions that do not fit into a line."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import xp
from ...rules.special.stable import patched, series
from ..special_rows import S

PI, ROOT_2 = math.pi, math.sqrt(2)
HALF_LOG_2PI = math.log(2 * PI) / 2
RATIO = [(-1) ** n / (n + 1) for n in range(20)]


def log_normal(x: Any) -> Any:
    """The logarithm of the normal density."""
    return x * x / -2 - HALF_LOG_2PI


def normal(x: Any) -> Any:
    """The normal density."""
    return xp.exp(log_normal(x))


def log1p_ratio(u: Any) -> Any:
    """log(1 + u) / u, and 1 at u = 0."""
    return patched(u, 0.1, lambda u: series(u, RATIO), lambda u: xp.log1p(u) / u)


def all_finite(*shapes: Any) -> Any:
    """Where the first parameter is finite."""
    return xp.abs(shapes[0]) < math.inf


def cauchy_ppf(q: Any) -> Any:
    """The quantile, precise in both tails."""
    low, high = q < 0.25, q > 0.75
    middle = xp.tan(PI * (xp.where(low | high, 0.5, q) - 0.5))
    left = -1 / xp.tan(PI * xp.where(low, q, 0.25))
    right = 1 / xp.tan(PI * (1 - xp.where(high, q, 0.75)))
    return xp.where(low, left, xp.where(high, right, middle))


def laplace_ppf(q: Any) -> Any:
    """The quantile, precise in both tails."""
    right = q > 0.5
    y = xp.log(2 * xp.where(right, 1 - q, q))
    return xp.where(right, -y, y)


def log_less(p: Any, q: Any) -> Any:
    """log(exp(p) - exp(q))."""
    return p + xp.log1p(-xp.exp(q - p))


def _bounded(x: Any) -> Any:
    """`x` without infinities, at which derivatives would be nan."""
    return xp.where(xp.abs(x) > 1e8, xp.where(x > 0, 1e8, -1e8), x)


def truncnorm_mass(a: Any, b: Any) -> Any:
    """log(Φ(b) - Φ(a)), by the shorter tail."""
    a, b = _bounded(a), _bounded(b)
    flip = a > 0
    a, b = xp.where(flip, -b, a), xp.where(flip, -a, b)
    tail = b <= 0
    low = xp.where(tail, a, -2.0)
    inside = log_less(S.log_ndtr(xp.where(tail, b, -1.0)), S.log_ndtr(low))
    around = xp.log1p(-S.ndtr(xp.where(tail, -1.0, a)) - S.ndtr(xp.where(tail, -1.0, -b)))
    return xp.where(tail, inside, around)


def truncnorm_cdf(x: Any, a: Any, b: Any, upper: bool = False) -> Any:
    """The logarithm of the distribution function; with `upper`, of the survival function."""
    whole = truncnorm_mass(a, b)
    low, high = truncnorm_mass(a, x) - whole, truncnorm_mass(x, b) - whole
    y, rest = (high, low) if upper else (low, high)
    near = y > -0.1
    return xp.where(near, xp.log1p(-xp.exp(xp.where(near, rest, -1.0))), y)


def truncnorm_ppf(q: Any, a: Any, b: Any) -> Any:
    """The quantile, by the tail that `a` is in."""
    mass, left = truncnorm_mass(a, b), a < 0
    base = S.log_ndtr(_bounded(xp.where(left, a, -b)))
    p = xp.logaddexp(base, xp.where(left, xp.log(q), xp.log1p(-q)) + mass)
    y = S.ndtri_exp(p)
    return xp.where(left, y, -y)


def truncnorm_isf(q: Any, a: Any, b: Any) -> Any:
    """The quantile of the survival function, by the tail that `b` is in."""
    mass, left = truncnorm_mass(a, b), b < 0
    base = S.log_ndtr(_bounded(xp.where(left, b, -a)))
    y = S.ndtri_exp(log_less(base, xp.where(left, xp.log(q), xp.log1p(-q)) + mass))
    return xp.where(left, y, -y)


def invgauss_logs(x: Any, mu: Any, upper: bool = False) -> Any:
    """The logarithm of the distribution function; with `upper`, of the survival function."""
    root = 1 / xp.sqrt(x)
    z = root * (x / mu - 1)
    a = S.log_ndtr(-z if upper else z)
    share = xp.exp(2 / mu + S.log_ndtr(-root * (x / mu + 1)) - a)
    return a + xp.log1p(-share if upper else share)


def exponnorm_log(x: Any, K: Any) -> Any:
    """The logarithm of K times the density."""
    rate = 1 / K
    return rate * (0.5 * rate - x) + S.log_ndtr(x - rate)
