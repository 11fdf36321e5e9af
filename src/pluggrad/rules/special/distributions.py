"""The error function and related functions, and the distribution functions of statistics.

The derivative of a distribution function is its density; that of its inverse is 1 / density.
"""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import xp
from ...engine.primitive import PASS
from ..elementwise import zero
from ..kinds import elementwise, unknown
from .slopes import student
from .stable import TWO_OVER_ROOT_PI, beta_density, erfcx_slope, gamma_density, real

ROOT_2 = math.sqrt(2)
ROOT_2PI = math.sqrt(2 * math.pi)


def mills(x: Any) -> Any:
    """φ(x)/Φ(x), without underflow in the left tail or overflow in the right one."""
    left = real(x) < 0
    tail = (2 / ROOT_2PI) / xp.special.erfcx(xp.where(left, x, 0.0) / -ROOT_2)
    return xp.where(left, tail, normal(x) / xp.special.ndtr(xp.where(left, 0.0, x)))


def normal(x: Any) -> Any:
    """The standard normal density."""
    return xp.bell(x) / ROOT_2PI


def f_density(dfn: Any, dfd: Any, x: Any) -> Any:
    """The density of the F distribution."""
    total = dfd + dfn * x
    rest = dfd / total
    return beta_density(dfn / 2, dfd / 2, dfn * x / total, rest) * rest * (dfn / total)


def f_slope(k: int) -> Any:
    """The formula of fdtr by its first (0) or second (1) parameter."""

    def formula(t: Any, dfn: Any, dfd: Any, x: Any) -> Any:
        total = dfd + dfn * x
        slope = xp.beta_slope(dfn / 2, dfd / 2, dfn * x / total, order=(1 - k, k)) / 2
        return t * (slope + f_density(dfn, dfd, x) * x / (-dfd if k else dfn))

    return formula


def f_quantile(k: int) -> Any:
    """The formula of fdtri by its first (0) or second (1) parameter."""
    slope = f_slope(k)
    return lambda t, dfn, dfd, y: -slope(t, dfn, dfd, y) / f_density(dfn, dfd, y)


def chi2_slope(t: Any, v: Any, x: Any) -> Any:
    """The formula of chdtr by its parameter."""
    return t * (xp.gamma_slope(v / 2, x / 2, order=1) / 2)


def gamma_shape(t: Any, a: Any, b: Any, x: Any) -> Any:
    """The formula of gdtr by the shape `b`."""
    return t * xp.gamma_slope(b, a * x, order=1)


def chi2(v: Any, x: Any) -> Any:
    """The density of the chi-squared distribution."""
    return gamma_density(v / 2, x / 2) / 2


def poisson(k: Any, m: Any) -> Any:
    """mᵏ e⁻ᵐ / k!, with `k` rounded down."""
    return gamma_density(xp.floor(k) + 1, m)


def binomial(k: Any, n: Any, p: Any) -> Any:
    """Minus the derivative by `p` of the probability of at most `k` successes."""
    k = xp.floor(k)
    sure = k >= n
    density = beta_density(xp.where(sure, k + 1, n) - k, k + 1, 1 - p, p)
    return xp.where(sure, 0.0, density)


def stdtr(df: Any, t: Any) -> Any:
    """Student's distribution function, from the incomplete beta function."""
    tail = xp.special.betainc(df / 2, xp.zeros_like(df) + 0.5, df / (t * t + df)) / 2
    return xp.where(t < 0, tail, 1 - tail)


def betainc(a: Any, b: Any, x: Any) -> Any:
    """The library's regularised incomplete beta function."""
    return xp.special.betainc(a, b, x)


# fmt: off
elementwise("gaussian(x, /)",   lambda t, x, y: t * (-2 * xp.where(y == 0, 0.0, x) * y),
            fallback=lambda x: xp.exp(-x * x), private=True)
elementwise("bell(x, /)",       lambda t, x, y: t * (-xp.where(y == 0, 0.0, x) * y),
            fallback=lambda x: xp.exp(x * x / -2), private=True)
elementwise("special.erf",      lambda t, x: t * (TWO_OVER_ROOT_PI * xp.gaussian(x)))
elementwise("special.erfc",     lambda t, x: -t * (TWO_OVER_ROOT_PI * xp.gaussian(x)))
elementwise("special.erfcx",    lambda t, x, y: t * erfcx_slope(x, y))
elementwise("special.erfi",     lambda t, x: t * (TWO_OVER_ROOT_PI * xp.exp(x * x)))
elementwise("special.erfinv",   lambda t, y: t * (xp.exp(y * y) / TWO_OVER_ROOT_PI))
elementwise("special.erfcinv", lambda t, y: -t * (xp.exp(y * y) / TWO_OVER_ROOT_PI),
            fallback=lambda x: xp.special.ndtri(x / 2) / -ROOT_2, needs="special.ndtri")
elementwise("special.dawsn",    lambda t, x, y: t * (1 - 2 * x * y))

elementwise("special.ndtr",
            lambda t, x: t * normal(x), fallback=lambda x: xp.special.erfc(x / -ROOT_2) / 2,
            needs="special.erfc")
elementwise("special.log_ndtr", lambda t, x: t * mills(x))
elementwise("special.ndtri",    lambda t, y: t * (ROOT_2PI * xp.exp(y * y / 2)))
elementwise("special.ndtri_exp", lambda t, y: t / mills(y))
elementwise("special.nrdtrimn(p, std, x, /)",
            lambda t, p, std: -t * (std / normal(xp.special.ndtri(p))),
            lambda t, p: -t * xp.special.ndtri(p),
            PASS, promotes=True)
elementwise("special.nrdtrisd(mn, p, x, /)", lambda t, p: -t / xp.special.ndtri(p),
            lambda t, p, y: -t * (y / xp.special.ndtri(p) / normal(xp.special.ndtri(p))),
            lambda t, p: t / xp.special.ndtri(p), promotes=True)

elementwise("special.chdtr(v, x, /)", chi2_slope, lambda t, v, x: t * chi2(v, x), promotes=True,
            fallback=lambda v, x: xp.special.gammainc(v / 2, x / 2), needs="special.gammainc")
elementwise("special.chdtrc(v, x, /)", lambda t, v, x: chi2_slope(-t, v, x),
            lambda t, v, x: -t * chi2(v, x), promotes=True,
            fallback=lambda v, x: xp.special.gammaincc(v / 2, x / 2), needs="special.gammaincc")
elementwise("special.chdtri(v, p, /)", lambda t, v, y: chi2_slope(t, v, y) / -chi2(v, y),
            lambda t, v, y: -t / chi2(v, y), promotes=True)
elementwise("special.gdtr(a, b, x, /)",
            lambda t, a, b, x: t * (x * gamma_density(b, a * x)), gamma_shape,
            lambda t, a, b, x: t * (a * gamma_density(b, a * x)), promotes=True,
            fallback=lambda a, b, x: xp.special.gammainc(b, a * x), needs="special.gammainc")
elementwise("special.gdtrc(a, b, x, /)",
            lambda t, a, b, x: -t * (x * gamma_density(b, a * x)),
            lambda t, a, b, x: gamma_shape(-t, a, b, x),
            lambda t, a, b, x: -t * (a * gamma_density(b, a * x)), promotes=True,
            fallback=lambda a, b, x: xp.special.gammaincc(b, a * x), needs="special.gammaincc")
elementwise("special.pdtr(k, m, /)", zero, lambda t, k, m: -t * poisson(k, m), promotes=True,
            fallback=lambda k, m: xp.special.gammaincc(xp.floor(k) + 1, m),
            needs="special.gammaincc")
elementwise("special.pdtrc(k, m, /)",  zero, lambda t, k, m: t * poisson(k, m), promotes=True,
            fallback=lambda k, m: xp.special.gammainc(xp.floor(k) + 1, m), needs="special.gammainc")
elementwise("special.pdtri(k, p, /)",  unknown, lambda t, k, y: -t / poisson(k, y), promotes=True)

elementwise("special.fdtr(dfn, dfd, x, /)",
            f_slope(0), f_slope(1),
            lambda t, dfn, dfd, x: t * f_density(dfn, dfd, x), promotes=True,
            fallback=lambda dfn, dfd, x: betainc(dfn / 2, dfd / 2, dfn * x / (dfd + dfn * x)),
            needs="special.betainc")
elementwise("special.fdtrc(dfn, dfd, x, /)",
            lambda t, dfn, dfd, x: f_slope(0)(-t, dfn, dfd, x),
            lambda t, dfn, dfd, x: f_slope(1)(-t, dfn, dfd, x),
            lambda t, dfn, dfd, x: -t * f_density(dfn, dfd, x), promotes=True,
            fallback=lambda dfn, dfd, x: betainc(dfd / 2, dfn / 2, dfd / (dfd + dfn * x)),
            needs="special.betainc")
elementwise("special.fdtri(dfn, dfd, p, /)",
            f_quantile(0), f_quantile(1),
            lambda t, dfn, dfd, y: t / f_density(dfn, dfd, y), promotes=True)
elementwise("special.stdtr(df, t, /)",
            lambda g, df, t: g * xp.student_slope(df, t, order=1),
            lambda g, df, t: g * student(df, t), promotes=True, fallback=stdtr,
            needs="special.betainc")
elementwise("special.stdtrit(df, p, /)",
            lambda t, df, y: -t * (xp.student_slope(df, y, order=1) / student(df, y)),
            lambda t, df, y: t / student(df, y), promotes=True)

elementwise("special.bdtr(k, n, p, /)",
            zero, unknown, lambda t, k, n, p: -t * binomial(k, n, p), promotes=True,
            fallback=lambda k, n, p: betainc(n - xp.floor(k), xp.floor(k) + 1, 1 - p),
            needs="special.betainc")
elementwise("special.bdtrc(k, n, p, /)",
            zero, unknown, lambda t, k, n, p: t * binomial(k, n, p), promotes=True,
            fallback=lambda k, n, p: betainc(xp.floor(k) + 1, n - xp.floor(k), p),
            needs="special.betainc")
elementwise("special.bdtri(k, n, y0, /)",
            zero, unknown, lambda t, k, n, y: -t / binomial(k, n, y), promotes=True)
elementwise("special.nbdtr(k, n, p, /)",
            unknown, unknown, lambda t, k, n, p: t * beta_density(n, k + 1, p, 1 - p),
            promotes=True, fallback=lambda k, n, p: betainc(n, k + 1, p), needs="special.betainc")
elementwise("special.nbdtrc(k, n, p, /)",
            unknown, unknown, lambda t, k, n, p: -t * beta_density(n, k + 1, p, 1 - p),
            promotes=True, fallback=lambda k, n, p: betainc(k + 1, n, 1 - p),
            needs="special.betainc")
elementwise("special.nbdtri(k, n, y0, /)",
            unknown, unknown, lambda t, k, n, y: t / beta_density(n, k + 1, y, 1 - y),
            promotes=True)
# fmt: on
