"""Exponentials, logarithms, entropies, losses and trigonometry in degrees."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import xp
from ...engine.cotangents import is_complex
from ..kinds import elementwise
from .stable import exprel_slope, log1p_bend, log_ratio, sinc_slope

DEGREE = math.pi / 180
LN2, LN10 = math.log(2), math.log(10)


def expit(x: Any) -> Any:
    """1 / (1 + e⁻ˣ)."""
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1.0, e) / (1 + e)


def logit(x: Any) -> Any:
    """log(x / (1 - x))."""
    low = x < 0.3
    high = xp.where(low, 0.5, x)
    return xp.where(low, xp.log(x) - xp.log1p(-x), xp.log1p((2 * high - 1) / (1 - high)))


def log_expit(x: Any) -> Any:
    """log(expit(x))."""
    return xp.where(x < 0, x, 0.0) - xp.log1p(xp.exp(-xp.abs(x)))


def none_of(x: Any, y: Any) -> Any:
    """Where x log(y) is 0 by convention, whatever log(y) is."""
    return (x == 0) & ((y == 0) if is_complex(y) else (y <= 0))


def xlogy_x1(t: Any, x1: Any, x2: Any) -> Any:
    """By x1: t log(x2), and 0 where the value is 0 by convention."""
    none = none_of(x1, x2)
    return t * xp.where(none, 0.0, xp.log(xp.where(none, 1.0, x2)))


def xlogy_x2(t: Any, x1: Any, x2: Any) -> Any:
    """By x2: t x1/x2, and 0 for 0/0."""
    return t * (x1 / xp.where((x1 == 0) & (x2 == 0), 1.0, x2))


def xlog1py_x1(t: Any, x1: Any, x2: Any) -> Any:
    """By x1: t log(1 + x2), and 0 where the value is 0 by convention."""
    none = none_of(x1, 1 + x2)
    return t * xp.where(none, 0.0, xp.log1p(xp.where(none, 0.0, x2)))


def xlogy(x: Any, y: Any) -> Any:
    """x log(y), and 0 where x is 0."""
    zero = (x == 0) & (y == y)
    return xp.where(zero, 0.0, x * xp.log(xp.where(zero, 1.0, y)))


def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 where x is 0."""
    zero = (x == 0) & (y == y)
    return xp.where(zero, 0.0, x * xp.log1p(xp.where(zero, 0.0, y)))


def entr(x: Any) -> Any:
    """-x log(x); -inf for negative x."""
    positive = xp.where(x > 0, x, 1.0)
    return xp.where(x > 0, -x * xp.log(positive), xp.where(x < 0, -math.inf, x))


def rel_entr(x: Any, y: Any) -> Any:
    """x log(x/y), and its limits where x or y is 0; infinite outside the domain."""
    both = (x > 0) & (y > 0)
    value = x * log_ratio(xp.where(both, x, 1.0), xp.where(both, y, 1.0))
    edge = xp.where((x == 0) & (y >= 0), 0.0, xp.where((x == x) & (y == y), math.inf, x + y))
    return xp.where(both, value, edge)


def kl_div(x: Any, y: Any) -> Any:
    """x log(x/y) - x + y, with the limits of `rel_entr`."""
    value = rel_entr(x, y)
    return xp.where(value == math.inf, value, value - x + y)


def kl_div_x2(t: Any, x1: Any, x2: Any) -> Any:
    """By x2: t (1 - x1/x2), and t at (0, 0)."""
    origin = (x1 == 0) & (x2 == 0)
    return t * ((xp.where(origin, 1.0, x2) - x1) / xp.where(origin, 1.0, x2))


def boxcox_slope(power: Any, log: Any) -> Any:
    """The derivative of (x^λ - 1)/λ by λ, from `log` = log(x); its limit 1/λ² at x = 0."""
    zero = log == -math.inf
    finite = xp.where(zero, 1.0, log)
    limit = 1 / (xp.where(zero, power, 1.0) * xp.where(zero, power, 1.0))
    return xp.where(zero, limit, finite * finite * exprel_slope(power * finite))


def expm1_over(power: Any, log: Any) -> Any:
    """(e^(λ log) - 1)/λ, and its limit `log` where λ is 0."""
    zero = power == 0
    safe = xp.where(zero, 1.0, power)
    return xp.where(zero, log, xp.expm1(safe * log) / safe)


def log1p_over(power: Any, y: Any) -> Any:
    """log(1 + λ y)/λ, and its limit `y` where λ is 0."""
    zero = power == 0
    safe = xp.where(zero, 1.0, power)
    return xp.where(zero, y, xp.log1p(safe * y) / safe)


def huber(delta: Any, r: Any) -> Any:
    """r²/2 for |r| ≤ delta, and linear in |r| beyond."""
    size = xp.abs(r)
    value = xp.where(size <= delta, r * r / 2, delta * (size - delta / 2))
    return xp.where(delta < 0, math.inf, value)


def pseudo_huber(delta: Any, r: Any) -> Any:
    """delta² (√(1 + (r/delta)²) - 1)."""
    zero = delta == 0
    u = r / xp.where(zero, 1.0, delta)
    value = delta * delta * u * (u / (1 + xp.hypot(xp.ones_like(u), u)))
    return xp.where(delta < 0, math.inf, xp.where(zero, 0.0, value))


def pseudo_huber_delta(t: Any, delta: Any, r: Any) -> Any:
    """By delta, as a product of positive factors, which does not cancel."""
    zero = delta == 0
    u = r / xp.where(zero, 1.0, delta)
    s = xp.sqrt(1 + u * u)
    q = u * (u / (s + 1))
    return t * xp.where(zero, 0.0, delta * q * (q / s))


def pseudo_huber_r(t: Any, delta: Any, r: Any) -> Any:
    """By r: t r / √(1 + (r/delta)²)."""
    zero = delta == 0
    u = r / xp.where(zero, 1.0, delta)
    return t * xp.where(zero, 0.0, r / xp.sqrt(1 + u * u))


def cbrt(x: Any) -> Any:
    """The real cube root, with one step of Newton's method."""
    size = xp.abs(x)
    safe = xp.where((size > 0) & (size < math.inf), size, 1.0)
    y = safe ** (1 / 3)
    y = y - (y - safe / (y * y)) / 3
    return xp.copysign(xp.where((size > 0) & (size < math.inf), y, size), x)


def sinc(x: Any) -> Any:
    """sin(πx)/(πx), and 1 at 0."""
    z = math.pi * xp.where(x == 0, 1.0, x)
    return xp.where(x == 0, 1.0, xp.sin(z) / z)


def exprel(x: Any) -> Any:
    """(eˣ - 1)/x, and 1 at 0."""
    safe = xp.where(x == 0, 1.0, x)
    return xp.where(x == 0, 1.0, xp.expm1(safe) / safe)


def degrees(function: str) -> Any:
    """The trigonometric `function` of an angle in degrees, first reduced exactly to one turn."""
    return lambda x: getattr(xp, function)(DEGREE * xp.remainder(x, 360.0))


# fmt: off
elementwise("special.exp2",      lambda t, y: t * (y * LN2), fallback=lambda x: 2.0 ** x)
elementwise("special.exp10",     lambda t, y: t * (y * LN10), fallback=lambda x: 10.0 ** x)
elementwise("special.expm1",     lambda t, x: t * xp.exp(x), fallback=lambda x: xp.expm1(x))
elementwise("special.log1p",     lambda t, x: t / (1 + x), fallback=lambda x: xp.log1p(x))
elementwise("special.exprel",    lambda t, x: t * exprel_slope(x), fallback=exprel)
elementwise("special.cbrt",      lambda t, y: t / (3 * y) / y, fallback=cbrt)
elementwise("special.cosm1",
            lambda t, x: -t * xp.sin(x), fallback=lambda x: -2 * xp.sin(x / 2) ** 2)
elementwise("special.sinc", lambda t, x: t * (math.pi * sinc_slope(math.pi * x)), fallback=sinc)
elementwise("special.sindg",
            lambda t, x: t * (DEGREE * xp.special.cosdg(x)), fallback=degrees("sin"))
elementwise("special.cosdg",
            lambda t, x: -t * (DEGREE * xp.special.sindg(x)), fallback=degrees("cos"))
elementwise("special.tandg",     lambda t, y: t * (DEGREE * (1 + y * y)), fallback=degrees("tan"))
elementwise("special.cotdg",
            lambda t, y: -t * (DEGREE * (1 + y * y)), fallback=lambda x: 1 / degrees("tan")(x))
elementwise("special.radian(d, m, s, /)",
            lambda t: t * DEGREE, lambda t: t * (DEGREE / 60), lambda t: t * (DEGREE / 3600),
            promotes=True, fallback=lambda d, m, s: DEGREE * (d + m / 60 + s / 3600))

elementwise("special.expit",     lambda t, x, y: t * (y * xp.special.expit(-x)), fallback=expit)
elementwise("special.logit",     lambda t, x: t * (1 / x + 1 / (1 - x)), fallback=logit)
elementwise("special.log_expit", lambda t, x: t * xp.special.expit(-x), fallback=log_expit)

elementwise("special.xlogy",     xlogy_x1, xlogy_x2, promotes=True, fallback=xlogy)
elementwise("special.xlog1py",
            xlog1py_x1, lambda t, x1, x2: xlogy_x2(t, x1, 1 + x2), promotes=True, fallback=xlog1py)
elementwise("special.entr",      lambda t, x: t * (-1 - xp.log(x)), fallback=entr)
elementwise("special.rel_entr",
            lambda t, x1, x2: t * (log_ratio(x1, x2) + 1), lambda t, x1, x2: -xlogy_x2(t, x1, x2),
            promotes=True, fallback=rel_entr)
elementwise("special.kl_div",
            lambda t, x1, x2: t * log_ratio(x1, x2), kl_div_x2, promotes=True, fallback=kl_div)

elementwise("special.boxcox(x, lmbda, /)",
            lambda t, x, lmbda: t * x ** (lmbda - 1),
            lambda t, x, lmbda: t * boxcox_slope(lmbda, xp.log(x)),
            promotes=True, fallback=lambda x, lmbda: expm1_over(lmbda, xp.log(x)))
elementwise("special.boxcox1p(x, lmbda, /)",
            lambda t, x, lmbda: t * xp.exp(xp.special.xlog1py(lmbda - 1, x)),
            lambda t, x, lmbda: t * boxcox_slope(lmbda, xp.log1p(x)),
            promotes=True, fallback=lambda x, lmbda: expm1_over(lmbda, xp.log1p(x)))
elementwise("special.inv_boxcox(x, lmbda, /)",
            lambda t, x, lmbda, y: t * (y / (1 + lmbda * x)),
            lambda t, x, lmbda, y: t * (y * x * x * log1p_bend(lmbda * x)),
            promotes=True, fallback=lambda x, lmbda: xp.exp(log1p_over(lmbda, x)))
elementwise("special.inv_boxcox1p(x, lmbda, /)",
            lambda t, x, lmbda, y: t * ((y + 1) / (1 + lmbda * x)),
            lambda t, x, lmbda, y: t * ((y + 1) * x * x * log1p_bend(lmbda * x)),
            promotes=True, fallback=lambda x, lmbda: xp.expm1(log1p_over(lmbda, x)))

elementwise("special.huber(delta, r, /)",
            lambda t, delta, r: t * xp.where(xp.abs(r) > delta, xp.abs(r) - delta, 0.0),
            lambda t, delta, r: t * xp.where(xp.abs(r) > delta, delta * xp.sign(r), r),
            promotes=True, fallback=huber)
elementwise("special.pseudo_huber(delta, r, /)",
            pseudo_huber_delta, pseudo_huber_r, promotes=True, fallback=pseudo_huber)
# fmt: on
