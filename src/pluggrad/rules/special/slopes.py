"""Derivatives of the incomplete gamma and beta functions, and of the distribution function of
Student's t, by their parameters.

Each of these functions is the integral of a density, and so its derivatives by parameters are the
integrals of the density's. In the right variable the integrand falls steadily from the end of the
shorter tail on, and the double exponential rule takes care of the rest: Takahasi and Mori (1974).
Each derivative is a row whose own derivatives are the same row of a higher order, and the
derivatives of the density.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...arrays.backend import backend_of
from ...arrays.dispatch import xp
from ..kinds import elementwise
from ..manipulation import arange
from .stable import LOG_2PI, beta_density, gamma_density

__all__ = ["beta_slope", "gamma_slope", "student", "student_slope"]

COUNT, FIRST, STEP = 130, -3.6, 0.068  # to some 11 digits


def half_line(integrand: Callable[[Any], Any], scale: Any) -> Any:
    """The integral of `integrand` from 0 to infinity, which falls off within a few times `scale`.

    It is called with an axis of nodes behind those of `scale`.
    """
    backend = backend_of(scale)
    assert backend is not None
    parts = 1 if math.prod(scale.shape) <= 4096 else 13
    total: Any = 0.0
    for part in range(parts):
        k = backend.raw("astype")(arange(COUNT // parts, scale), scale.dtype)
        node = FIRST + STEP * (k * parts + part)
        point = xp.exp(node - xp.exp(-node))
        weight = STEP * point * (1 + xp.exp(-node))
        y = integrand(xp.expand_dims(scale, axis=-1) * point)
        total = total + xp.sum(y * weight, axis=-1)
    return total * scale


def factor(logs: list[Any], order: int) -> Any:
    """What multiplies a density in its derivative of this `order`, if `logs` holds the first and
    further derivatives of its logarithm."""
    found: list[Any] = [1.0]
    for n in range(order):
        found.append(sum(math.comb(n, k) * found[n - k] * logs[k] for k in range(n + 1)))
    return found[order]


def axis_of_nodes(*xs: Any) -> list[Any]:
    """`xs` with an axis of length 1 behind the others."""
    return [xp.expand_dims(x, axis=-1) for x in xs]


def psi(k: int, x: Any) -> Any:
    """The polygamma function of order `k`."""
    return xp.special.polygamma(k, x) if k else xp.special.psi(x)


# ---------------------------------------------------------------- the gamma distribution


def gamma_logs(a: Any, u: Any, order: int) -> list[Any]:
    """The derivatives by `a` of the logarithm of its density at exp(u)."""
    return [u - psi(0, a), *[-psi(k, a) for k in range(1, order)]][:order]


def gamma_bend(a: Any, x: Any, order: int) -> Any:
    """The derivative of that order, by `a`, of the density; 0 unless `x` is positive."""
    ok = x > 0
    x = xp.where(ok, x, 1.0)
    return xp.where(ok, gamma_density(a, x) * factor(gamma_logs(a, xp.log(x), order), order), 0.0)


def gamma_integral(a: Any, x: Any, order: int) -> Any:
    """The derivative of that order of gammainc(a, x) by `a`."""
    zero, ok = xp.zeros_like(a * x), (x > 0) & (a > 0) & (x < math.inf)
    a, x = xp.where(ok, a, 1.0) + zero, xp.where(ok, x, 1.0) + zero
    low = (x < a) | (x < 0.3)
    rate = xp.where(low, xp.where(x < a, a - x, 0.0), x - a)
    root = xp.sqrt(x)
    width = xp.where(low & (a < root), a, root)
    sign = xp.where(low, zero - 1.0, zero + 1.0)
    ax, xx, way = axis_of_nodes(a, x, sign)

    def integrand(s: Any) -> Any:
        v = way * s
        logs = gamma_logs(ax, xp.log(xx) + v, order)
        return xp.exp(ax * v - xx * xp.expm1(v)) * factor(logs, order)

    y = -sign * x * gamma_density(a, x) * half_line(integrand, 1 / (rate + width))
    return xp.where(ok, y, 0.0)


gamma_slope = elementwise(
    "gamma_slope(a, x, /, *, order)",
    lambda t, a, x, order: t * xp.gamma_slope(a, x, order=order + 1),
    lambda t, a, x, order: t * gamma_bend(a, x, order),
    promotes=True, private=True, fallback=gamma_integral,
    needs="special.gammaln special.psi special.polygamma",
)  # fmt: skip

# ---------------------------------------------------------------- the beta distribution


def beta_factor(a: Any, b: Any, log: Any, rest: Any, order: tuple[int, int]) -> Any:
    """What multiplies the density in its derivative of these orders by `a` and `b`; `log` and
    `rest` are the logarithms of the point and of its distance from 1."""

    def slope(i: int, j: int) -> Any:
        y = psi(i + j - 1, a + b)
        if not j:
            y = y - psi(i - 1, a)
        if not i:
            y = y - psi(j - 1, b)
        return y + log if (i, j) == (1, 0) else y + rest if (i, j) == (0, 1) else y

    found: dict[tuple[int, int], Any] = {(0, 0): 1.0}
    for i in range(order[0] + 1):
        for j in range(order[1] + 1):
            if i:
                found[i, j] = sum(
                    math.comb(i - 1, p) * math.comb(j, q) * found[i - 1 - p, j - q]
                    * slope(p + 1, q)
                    for p in range(i) for q in range(j + 1)
                )  # fmt: skip
            elif j:
                found[i, j] = sum(
                    math.comb(j - 1, q) * found[0, j - 1 - q] * slope(0, q + 1) for q in range(j)
                )
    return found[order]


def beta_bend(a: Any, b: Any, x: Any, order: tuple[int, int]) -> Any:
    """The derivative of these orders, by `a` and `b`, of the density; 0 unless 0 < `x` < 1."""
    ok = (x > 0) & (x < 1)
    x = xp.where(ok, x, 0.5)
    y = beta_density(a, b, x, 1 - x) * beta_factor(a, b, xp.log(x), xp.log1p(-x), order)
    return xp.where(ok, y, 0.0)


def beta_integral(a: Any, b: Any, x: Any, order: tuple[int, int]) -> Any:
    """The derivative of these orders of betainc(a, b, x) by `a` and `b`."""
    zero, ok = xp.zeros_like(a * b * x), (x > 0) & (x < 1) & (a > 0) & (b > 0)
    a, b, x = [xp.where(ok, z, c) + zero for z, c in ((a, 1.0), (b, 1.0), (x, 0.5))]
    rate = a - (a + b) * x
    low, rate = rate >= 0, xp.abs(rate)
    end, root = xp.where(low, a, b), xp.sqrt((a + b) * x * (1 - x))
    scale = 1 / (rate + xp.where(end < root, end, root))
    ax, bx, xx, down = axis_of_nodes(a, b, x, low)

    def integrand(s: Any) -> Any:
        q = xp.log1p(xp.where(down, xx, 1 - xx) * xp.expm1(-s))
        log, rest = xp.where(down, -s - q, -q), xp.where(down, -q, -s - q)
        logs = beta_factor(ax, bx, xp.log(xx) + log, xp.log1p(-xx) + rest, order)
        return xp.exp(ax * log + bx * rest) * logs

    front = beta_density(a, b, x, 1 - x) * x * (1 - x)
    return xp.where(ok, xp.where(low, front, -front) * half_line(integrand, scale), 0.0)


def more(order: tuple[int, int], i: int, j: int) -> tuple[int, int]:
    return order[0] + i, order[1] + j


beta_slope = elementwise(
    "beta_slope(a, b, x, /, *, order)",
    lambda t, a, b, x, order: t * xp.beta_slope(a, b, x, order=more(order, 1, 0)),
    lambda t, a, b, x, order: t * xp.beta_slope(a, b, x, order=more(order, 0, 1)),
    lambda t, a, b, x, order: t * beta_bend(a, b, x, order),
    promotes=True, private=True, fallback=beta_integral,
    needs="special.betaln special.psi special.polygamma",
)  # fmt: skip

# ---------------------------------------------------------------- Student's distribution


def student(df: Any, x: Any) -> Any:
    """The density of Student's t distribution; that of the normal one for infinite `df`."""
    endless = df == math.inf
    df = xp.where(endless, 1.0, df)
    half = xp.zeros_like(df) + 0.5
    log = -(df + 1) / 2 * xp.log1p(x * (x / df)) - xp.log(df) / 2 - xp.special.betaln(df / 2, half)
    return xp.where(endless, xp.exp(x * x / -2 - LOG_2PI / 2), xp.exp(log))


def student_logs(df: Any, log: Any, order: int) -> list[Any]:
    """The derivatives by `df` of the logarithm of the density at a point x, where `log` is that of
    √(1 + x²/df)."""
    found: list[Any] = []
    share = xp.exp(-2 * log) / df  # 1 / (df + x²)
    for k in range(1, order + 1):
        y = (psi(k - 1, (df + 1) / 2) - psi(k - 1, df / 2)) / 2**k
        fall = ((1 + df) * share - 1) * share ** (k - 1) / 2
        sign = (-1) ** k * math.factorial(k - 1)
        if k == 1:
            y = y - log
        else:
            y = y + sign / (k - 1) * (df ** (1 - k) - share ** (k - 1)) / 2
        found.append(y + sign * fall)
    return found


def student_bend(df: Any, t: Any, order: int) -> Any:
    """The derivative of that order, by `df`, of the density."""
    ok = df < math.inf
    df = xp.where(ok, df, 1.0)
    logs = student_logs(df, xp.log1p(t * (t / df)) / 2, order)
    return xp.where(ok, student(df, t) * factor(logs, order), 0.0)


def student_integral(df: Any, t: Any, order: int) -> Any:
    """The derivative of that order of stdtr(df, t) by `df`."""
    zero, ok = xp.zeros_like(df * t), (df > 0) & (df < math.inf) & (xp.abs(t) < math.inf)
    df, t = xp.where(ok, df, 1.0) + zero, xp.where(ok, t, 0.0) + zero
    start, root = xp.asinh(xp.abs(t) / xp.sqrt(df)), xp.sqrt(df)
    scale = 1 / (df * xp.tanh(start) + xp.where(df < root, df, root))
    dx, first = axis_of_nodes(df, start)
    base = xp.log1p(xp.exp(-2 * first))

    def integrand(s: Any) -> Any:
        rise = s + xp.log1p(xp.exp(-2 * (first + s))) - base
        logs = student_logs(dx, rise + first + base - math.log(2.0), order)
        return xp.exp(-dx * rise) * factor(logs, order)

    y = -xp.sign(t) * student(df, t) * xp.sqrt(df + t * t) * half_line(integrand, scale)
    return xp.where(ok, y, 0.0)


student_slope = elementwise(
    "student_slope(df, t, /, *, order)",
    lambda g, df, t, order: g * xp.student_slope(df, t, order=order + 1),
    lambda g, df, t, order: g * student_bend(df, t, order),
    promotes=True, private=True, fallback=student_integral,
    needs="special.betaln special.psi special.polygamma",
)  # fmt: skip
