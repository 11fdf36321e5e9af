"""Parts of derivatives that a textbook formula would lose to cancellation or to 0/0.

Each is smooth where the function is, branch by branch, so that higher derivatives are right too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...arrays.dispatch import xp
from ...engine.cotangents import is_complex


def real(x: Any) -> Any:
    """The real part of `x`, for comparisons."""
    return xp.real(x) if is_complex(x) else x


def series(x: Any, coefficients: Sequence[float]) -> Any:
    """The polynomial of `x` with these coefficients, lowest power first."""
    total = x * coefficients[-1] + coefficients[-2]
    for c in coefficients[-3::-1]:
        total = total * x + c
    return total


def patched(
    x: Any, bound: float, inside: Callable[[Any], Any], outside: Callable[[Any], Any]
) -> Any:
    """`inside(x)` where |x| < `bound`, and `outside(x)` elsewhere. Neither is evaluated at the
    other's `x`, where it may be nan."""
    small = xp.abs(x) < bound
    return xp.where(small, inside(xp.where(small, x, 0.0)), outside(xp.where(small, 2 * bound, x)))


# Taylor coefficients, enough for full float64 precision within the bounds used below.
EXPREL = [(n + 1) / math.factorial(n + 2) for n in range(20)]
SINC = [(-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 12)]
LOG1P = [(-1) ** (n + 1) * (n + 1) / (n + 2) for n in range(18)]
SPENCE = [(-1) ** (n + 1) / (n + 1) for n in range(18)]
BESSEL = [1 / (2 * 4**k * math.factorial(k) * math.factorial(k + 1)) for k in range(12)]
#: ((2k-1)!! / (2k)!!)², the coefficients of the series of the complete elliptic integrals.
ELLIPTIC = [(math.comb(2 * k, k) / 4**k) ** 2 for k in range(28)]
ELLIPK = [math.pi / 2 * k * c for k, c in enumerate(ELLIPTIC)][1:]
ELLIPE = [-math.pi / 2 * k * c / (2 * k - 1) for k, c in enumerate(ELLIPTIC)][1:]


def exprel_slope(x: Any) -> Any:
    """The derivative of (eˣ - 1)/x."""
    return patched(x, 1.0, lambda x: series(x, EXPREL), lambda x: (xp.exp(x) - xp.expm1(x) / x) / x)


def sinc_slope(x: Any) -> Any:
    """The derivative of sin(x)/x."""
    return patched(
        x, 1.0, lambda x: x * series(x * x, SINC), lambda x: (xp.cos(x) - xp.sin(x) / x) / x
    )


def log1p_bend(x: Any) -> Any:
    """(x/(1 + x) - log(1 + x)) / x², the derivative of log(1 + x)/x."""
    return patched(
        x, 0.1, lambda x: series(x, LOG1P), lambda x: (x / (1 + x) - xp.log1p(x)) / (x * x)
    )


def spence_slope(x: Any) -> Any:
    """The derivative log(x) / (1 - x) of the dilogarithm, and -1 at x = 1."""
    return patched(x - 1, 0.1, lambda u: series(u, SPENCE), lambda u: -xp.log(1 + u) / u)


def bessel_ratio(x: Any, y: Any, sign: int, scale: Any = None) -> Any:
    """y/x, even at x = 0, where `y` is J₁(x) for `sign` -1 and I₁(x) for `sign` +1.

    `scale` is a function of x that `y` has been multiplied by.
    """
    small = xp.abs(x) < 1
    inside = xp.where(small, x, 0.0)
    part = series(sign * inside * inside, BESSEL)
    if scale is not None:
        part = part * scale(inside)
    return xp.where(small, part, y / xp.where(small, 1.0, x))


def bessel_tail(x: Any, order: int, sign: int, front: float) -> Any:
    """The derivative of √(1/x) (c₀ + c₁/x + ...), Hankel's expansion of the scaled I and K.

    The expansion diverges, but for x > 30 these terms are exact to float64. See the NIST Digital
    Library of Mathematical Functions, 10.40(i).
    """
    coefficients, c = [], front
    for k in range(20):
        coefficients.append(-(k + 0.5) * c)
        c *= sign * (4 * order**2 - (2 * k + 1) ** 2) / (8 * (k + 1))
    return series(1 / x, coefficients) / (x * xp.sqrt(x))


def scaled_bessel(x: Any, near: Any, order: int, sign: int, front: float) -> Any:
    """The derivative of a scaled Bessel function: `near`, or for |x| > 30 that of Hankel's
    expansion."""
    size = xp.abs(x)
    far = size > 30
    tail = bessel_tail(xp.where(far, size, 60.0), order, sign, front)
    return xp.where(far, tail if order else xp.sign(x) * tail, near)


def erfcx_slope(x: Any, y: Any) -> Any:
    """The derivative 2 x y - 2/√π of y = erfcx(x); for x > 4 a continued fraction avoids
    cancellation."""
    far = real(x) > 4
    z = xp.where(far, x, 8.0)
    below = z
    for k in range(32, 1, -1):
        below = z + (k / 2) / below
    tail = 0.5 / below  # erfcx(z) is 1/(√π (z + tail))
    return xp.where(far, -TWO_OVER_ROOT_PI * tail / (z + tail), 2 * x * y - TWO_OVER_ROOT_PI)


TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


def gamma_density(a: Any, x: Any) -> Any:
    """xᵃ⁻¹ e⁻ˣ / Γ(a), by Stirling's series for large `a`, where the terms of its logarithm
    cancel."""
    large = (a > 16) & (x > 0)
    xs = xp.where(large, x, 1.0)
    big = xp.where(large, a, 32.0)
    u = (xs - big) / big
    w = 1 / (big * big)
    stirling = (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w / 1188)))) / big
    far = big * (xp.log1p(u) - u) - stirling - xp.log(xs) + (xp.log(big) - LOG_2PI) / 2
    small = xp.where(large, 1.0, a)
    xn = xp.where(large, 1.0, x)
    near = xp.special.xlogy(small - 1, xn) - xn - xp.special.gammaln(small)
    return xp.exp(xp.where(large, far, near))


LOG_2PI = math.log(2 * math.pi)


def beta_density(a: Any, b: Any, x: Any, rest: Any) -> Any:
    """xᵃ⁻¹ (1 - x)ᵇ⁻¹ / B(a, b), with `rest` = 1 - x."""
    part = xp.special.xlogy(a - 1, x) + xp.special.xlogy(b - 1, rest)
    return xp.exp(part - xp.special.betaln(a, b))


def log_ratio(x: Any, y: Any) -> Any:
    """log(x/y), precise where x and y are close, without overflow where they are not; 0 for 0/0."""
    none = (x == 0) & (y == 0)
    x, y = xp.where(none, 1.0, x), xp.where(none, 1.0, y)
    close = xp.abs(x - y) < 0.5 * xp.abs(y)
    near = xp.log1p((xp.where(close, x, 1.0) - xp.where(close, y, 1.0)) / xp.where(close, y, 1.0))
    return xp.where(close, near, xp.log(xp.where(close, 1.0, x)) - xp.log(xp.where(close, 1.0, y)))
