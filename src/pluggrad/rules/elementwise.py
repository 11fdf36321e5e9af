"""Elementwise functions of the standard. Each formula is `t` times the partial derivative.

Ties split the gradient evenly, and at the kink of `abs` the derivative is 0. Where a function is
holomorphic, its formulas hold for complex arguments too; functions that are not holomorphic are
`general` rows, which give the vector-Jacobian product itself. Every `elementwise` formula except
`PASS` returns a new array. None forms a difference or quotient that overflows, underflows or
becomes nan where the derivative does not: `where` replaces such operands first.
"""

from __future__ import annotations

import cmath
import math
from typing import Any

from ..arrays.backend import SCALARS, backend_of
from ..arrays.dispatch import xp
from ..engine.cotangents import conjugate, is_complex, shape_dtype
from ..engine.lazy_cotangents import dense, fit
from ..engine.primitive import PASS, Rule
from ..errors import TypeMismatchError
from .kinds import constant, elementwise, general


def zero(t: Any) -> Any:
    """The derivative of a step function: zeros."""
    return xp.zeros_like(dense(t))


def apart(r: Any) -> Any:
    """The divisor `r`, with infinity in place of 0: quotients by it are 0 there, and so are their
    derivatives."""
    return xp.where(r == 0, math.inf, r)


def strong_multiply(x1: Any, x2: Any) -> Any:
    """The product ⊙ of `pluggrad.strong_zeros`: 0 ⊙ x = 0, even for infinite or nan x.

    Wherever x1 * x2 is a number, the result is that product itself, so that a host library can
    differentiate through it.
    """
    y = x1 * x2
    return xp.where((y != y) & ((x1 == 0) | (x2 == 0)), 0.0, y)


def real(x: Any) -> Any:
    """The real part of an array or a Python number, real or complex."""
    return x.real if type(x) in SCALARS else xp.real(x) if is_complex(x) else x


# ---------------------------------------------------------------- powers and exponentials


def pow_x1(t: Any, x1: Any, x2: Any) -> Any:
    """By the base: t x2 x1^(x2-1), and 0 where both are 0."""
    if type(x2) in SCALARS:
        if x2 == 2:
            return t * (x1 + x1)
        return zero(t) if x2 == 0 else t * 1 if x2 == 1 else t * (x2 * x1 ** (x2 - 1))
    corner = (x1 == 0) & (x2 == 0)
    return t * xp.where(corner, 0.0, x2 * xp.where(corner, 1.0, x1) ** (x2 - 1.0))


def pow_x2(t: Any, x1: Any, x2: Any, y: Any) -> Any:
    """By the exponent: t y log(x1), and 0 where x1 = 0 and Re x2 ≥ 0."""
    if type(x1) in SCALARS:
        if x1 == 0:  # then y is 0, 1 or infinite
            return t * xp.where(real(x2) >= 0, 0.0, -y)
        return t * (y * log(x1, is_complex(y)))
    corner = (x1 == 0) & (real(x2) >= 0)
    base = x1 if x1.dtype == y.dtype else xp.astype(x1, y.dtype)
    return t * xp.where(corner, 0.0, y * xp.log(xp.where(corner, 1.0, base)))


def log(x: Any, complex_result: bool) -> Any:
    """The logarithm of a nonzero Python number; nan for a negative one, unless the result is
    complex."""
    if complex_result:
        return cmath.log(x)
    return math.log(x) if x > 0 else math.nan


def share_of_logaddexp(t: Any, mine: Any, other: Any) -> Any:
    """t σ(mine - other), where σ is the logistic function; equal infinities share equally."""
    scalar = type(other) in SCALARS
    if is_complex(mine) or type(other) is complex or (not scalar and is_complex(other)):
        return t / (1 + xp.exp(other - mine))  # beyond the standard
    if scalar and math.isfinite(other):
        return t * xp.logistic(mine - other if other else mine)
    return t * xp.share(mine, xp.zeros_like(mine) + other if scalar else other)


def share_of(mine: Any, other: Any) -> Any:
    """σ(mine - other), where σ is the logistic function; 1/2 for equal infinities."""
    corner = xp.isinf(mine) & (mine == other)
    return xp.logistic(xp.where(corner, 0.0, mine) - xp.where(corner, 0.0, other))


def logistic(x: Any) -> Any:
    """1 / (1 + exp(-x)), without overflow."""
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1.0, e) / (1 + e)


# Factors in the derivatives of the inverse functions. Each is a primitive with its own derivative:
# differentiating the textbook formulas gives inf - inf where the second derivative is 0.


def gap(x: Any) -> Any:
    """1 - x², precise near 1 and -1."""
    return (1 - x) * (1 + x)


def below(x: Any) -> Any:
    """√(x - 1) √(x + 1), which avoids the overflow of x²."""
    return xp.sqrt(x - 1) * xp.sqrt(x - -1)  # x + 1 would turn -0j into 0j


def above(x: Any) -> Any:
    """√(x² + 1), without overflow of x² for real `x`."""
    return xp.sqrt(x * x + 1) if is_complex(x) else xp.hypot(x, 1.0)


def ratio(x: Any, y: Any) -> Any:
    """x / y, where `y` is `below(x)` or `above(x)`; where `y` is infinite, its limit sign(x)."""
    far = xp.isinf(y)
    return xp.where(far, xp.sign(x), xp.where(far, 0.0, x) / xp.where(far, 1.0, y))


def atan_x(t: Any, x: Any) -> Any:
    """t / (1 + x²), without overflow of x² for real `x`."""
    return t / (1 + x * x) if is_complex(x) else t / xp.above(x) / xp.above(x)


# ---------------------------------------------------------------- extrema and signs


def share(t: Any, mine: Any, other: Any, y: Any) -> Any:
    """`t` where `mine` is the extremum `y`, half of it on a tie, nan where either input is nan."""
    here, there = mine == y, other == y
    return xp.where(here, dense(t), 0.0) / (xp.astype(here, y.dtype) + xp.astype(there, y.dtype))


def clip_x(t: Any, x: Any, min: Any, max: Any) -> Any:
    """By `x`: `t` between the bounds, at the bounds too, and 0 elsewhere."""
    inside = x == x
    if min is not None:
        inside = inside & (x >= min)
    if max is not None:
        inside = inside & (x <= max)
    return xp.where(inside, dense(t), 0.0)


def clip_min(t: Any, x: Any, min: Any, max: Any) -> Any:
    """By the lower bound: `t` where x < min, unless max < min, when the upper bound decides."""
    return xp.where(x < min if max is None else (x < min) & (min <= max), dense(t), 0.0)


def clip_max(t: Any, x: Any, min: Any, max: Any) -> Any:
    """By the upper bound: `t` where x > max, and everywhere if max < min."""
    return xp.where(x > max if min is None else (x > max) | (min > max), dense(t), 0.0)


def phase(x: Any) -> Any:
    """x / |x|, and 0 at 0: `sign`, made safe for complex numbers of any size.

    The quotient loses precision for the smallest numbers, and |x| overflows for the largest. Both
    are scaled to a moderate size first.
    """
    if not is_complex(x):
        return xp.sign(x)
    size = xp.maximum(xp.abs(xp.real(x)), xp.abs(xp.imag(x)))
    finfo = backend_of(x).xp.finfo(size.dtype)  # type: ignore[union-attr]
    digits = 4 / float(finfo.eps)
    low, high = digits * float(finfo.smallest_normal), float(finfo.max) / 4
    scale = xp.where(size > high, 0.25, xp.ones_like(size))
    return xp.sign(x * xp.where(size < low, digits * digits, scale))


# Parts of the derivatives of `hypot` and `atan2`, as functions of two legs and their hypotenuse
# `r`, which is passed in because it is already known. Their own derivatives are written as products
# of cosines: as differences of quotients they would overflow, and lose digits where one leg is
# short. The division by `r` comes last: an infinite slope formed first would give nan for t = 0.


def cosine(x1: Any, x2: Any, r: Any) -> Any:
    """x1 / r, and 0 at the origin."""
    return x1 / apart(r)


def cosine_x1(t: Any, x1: Any, x2: Any, r: Any) -> Any:
    """t x2² / r³."""
    sine = xp.cosine(x2, x1, r)
    return t * (sine * sine) / apart(r)


def cosine_x2(t: Any, x1: Any, x2: Any, r: Any) -> Any:
    """-t x1 x2 / r³."""
    return -t * (xp.cosine(x1, x2, r) * xp.cosine(x2, x1, r)) / apart(r)


def leg(x1: Any, x2: Any, r: Any) -> Any:
    """x1 / r², computed without r², which would overflow or underflow first; 0 at the origin."""
    return x1 / apart(r) / apart(r)


def leg_x1(t: Any, x1: Any, x2: Any, r: Any) -> Any:
    """t (x2² - x1²) / r⁴."""
    c, s, r = xp.cosine(x1, x2, r), xp.cosine(x2, x1, r), apart(r)
    return t * ((s - c) * (s + c)) / r / r


def leg_x2(t: Any, x1: Any, x2: Any, r: Any) -> Any:
    """-2 t x1 x2 / r⁴."""
    c, s, r = xp.cosine(x1, x2, r), xp.cosine(x2, x1, r), apart(r)
    return t * (-2 * c * s) / r / r


def sign_along(t: Any, x: Any, y: Any) -> Any:
    """The derivative of x/|x|: the component of `t` perpendicular to `x`, divided by |x|. It is
    symmetric, so it serves both modes."""
    if not is_complex(y):
        return xp.zeros_like(t)
    return (t - y * xp.real(xp.conj(y) * t)) / apart(xp.abs(x))


# ---------------------------------------------------------------- complex numbers


def to_complex(re: Any, im: Any, dtype: Any) -> Any:
    """re + i im, in the complex `dtype`."""
    return xp.astype(re, dtype) + xp.astype(im, dtype) * 1j


def from_imag(g: Any, like: Any) -> Any:
    """The adjoint of `imag`: i g. Zeros if the input was real."""
    dtype = shape_dtype(like)[1]
    return xp.zeros_like(g) if dtype == g.dtype else to_complex(xp.zeros_like(g), g, dtype)


def put_real(base: Any, value: Any) -> Any:
    """`base` with its real part replaced by `value`."""
    return to_complex(value, xp.imag(base), base.dtype) if is_complex(base) else value


def put_imag(base: Any, value: Any) -> Any:
    """`base` with its imaginary part replaced by `value`."""
    if not is_complex(base):
        raise TypeMismatchError(f"an array of {base.dtype} has no imaginary part to write into")
    return to_complex(xp.real(base), value, base.dtype)


# fmt: off
elementwise("positive",   PASS, aliases=True)
elementwise("negative",   lambda t: -t)
elementwise("add",        PASS, PASS)
elementwise("subtract",   PASS, lambda t: -t)
MULTIPLY = elementwise("multiply", lambda t, x2: t * x2, lambda t, x1: t * x1)
elementwise("divide",     lambda t, x2: t / x2, lambda t, x2, y: -t * y / x2)
elementwise("strong_multiply(x1, x2, /)", lambda t, x2: xp.strong_multiply(dense(t), x2),
            lambda t, x1: xp.strong_multiply(dense(t), x1), fallback=strong_multiply, private=True)
elementwise("reciprocal", lambda t, y: -t * y * y)
SQUARE = elementwise("square", lambda t, x: t * (x + x))
elementwise("sqrt",       lambda t, y: t / (2 * y))
POW = elementwise("pow",  pow_x1, pow_x2)
MULTIPLY.squares, POW.squares = SQUARE.rules[0], Rule(POW, 0, lambda t, x1: pow_x1(t, x1, 2))

elementwise("exp",        lambda t, y: t * y)
elementwise("expm1",      lambda t, x: t * xp.exp(x))  # y + 1 would cancel for very negative x
elementwise("log",        lambda t, x: t / x)
elementwise("log1p",      lambda t, x: t / (1 + x))
elementwise("log2",       lambda t, x: t / x * (1 / math.log(2)))
elementwise("log10",      lambda t, x: t / x * (1 / math.log(10)))
elementwise("logaddexp",  lambda t, x1, x2: share_of_logaddexp(t, x1, x2),
                          lambda t, x1, x2: share_of_logaddexp(t, x2, x1))
elementwise("share(x1, x2, /)", lambda t, x1, x2: t * xp.share(x1, x2) * xp.share(x2, x1),
            lambda t, x1, x2: -t * xp.share(x1, x2) * xp.share(x2, x1), fallback=share_of,
            private=True)
elementwise("logistic(x, /)", lambda t, x: t * xp.logistic(x) * xp.logistic(-x),
            fallback=logistic, private=True)

elementwise("sin",        lambda t, x: t * xp.cos(x))
elementwise("cos",        lambda t, x: -t * xp.sin(x))
elementwise("tan",        lambda t, y: t * (1 + y * y))
elementwise("gap(x, /)",   lambda t, x: t * (-2 * x), fallback=gap, private=True)
elementwise("below(x, /)", lambda t, x, y: t * ratio(x, y), fallback=below, private=True)
elementwise("above(x, /)", lambda t, x, y: t * ratio(x, y), fallback=above, private=True)
elementwise("asin",       lambda t, x: t / xp.sqrt(xp.gap(x)))
elementwise("acos",       lambda t, x: -t / xp.sqrt(xp.gap(x)))
elementwise("atan",       atan_x)
elementwise("sinh",       lambda t, x: t * xp.cosh(x))
elementwise("cosh",       lambda t, x: t * xp.sinh(x))
elementwise("tanh",       lambda t, y: t * (1.0 - y * y))
elementwise("asinh",      lambda t, x: t / xp.above(x))
elementwise("acosh",      lambda t, x: t / xp.below(x))
elementwise("atanh",      lambda t, x: t / xp.gap(x))
elementwise("cosine(x1, x2, r, /)", cosine_x1, cosine_x2, None, fallback=cosine, private=True)
elementwise("leg(x1, x2, r, /)",    leg_x1, leg_x2, None, fallback=leg, private=True)
elementwise("hypot",      lambda t, x1, x2, y: t * xp.cosine(x1, x2, y),
                          lambda t, x1, x2, y: t * xp.cosine(x2, x1, y))
elementwise("atan2",      lambda t, x1, x2: t * xp.leg(x2, x1, xp.hypot(x1, x2)),
                          lambda t, x1, x2: -t * xp.leg(x1, x2, xp.hypot(x1, x2)))

elementwise("maximum",    lambda t, x1, x2, y: share(t, x1, x2, y),
                          lambda t, x1, x2, y: share(t, x2, x1, y))
elementwise("minimum",    lambda t, x1, x2, y: share(t, x1, x2, y),
                          lambda t, x1, x2, y: share(t, x2, x1, y))
elementwise("clip(x, /, min=None, max=None)", clip_x, clip_min, clip_max)
elementwise("copysign",   lambda t, x1, y: t * (xp.sign(x1) * xp.sign(y)), zero, steps=True)
elementwise("remainder",  PASS, lambda t, x1, x2: -t * xp.floor_divide(x1, x2),
            steps=True)
elementwise("floor_divide", zero, zero, steps=True)
elementwise("nextafter",  PASS, zero, steps=True)
elementwise("floor",      zero, steps=True)
elementwise("ceil",       zero, steps=True)
elementwise("trunc",      zero, steps=True)
elementwise("round",      zero, steps=True)

general("abs(x, /)",  lambda g, x: g * phase(x), jvp=lambda t, x: real(conjugate(phase(x)) * t),
        pointwise=True)
general("sign(x, /)", sign_along, jvp=sign_along, pointwise=True)
general("conj(x, /)", lambda g: conjugate(g), jvp=lambda t: conjugate(t), aliases=True)
general("real(x, /)", fit, jvp=lambda t: xp.real(t), view=True, put=put_real)
general("imag(x, /)", from_imag, jvp=lambda t: xp.imag(t), view=True, put=put_imag)

constant("isfinite")
constant("isinf")
constant("isnan")
constant("signbit")
constant("logical_not")
constant("bitwise_invert")
for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
             "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or",
             "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift"):
    constant(f"{name}(x1, x2, /)")
# fmt: on
