"""Elementwise functions of the standard: `t` times the partial derivative, for each input.

Conventions at kinks and ties are torch's, except where noted. Formulas hold for complex arguments
wherever the function is holomorphic; the others are `general` rows, with their adjoint.
"""

from __future__ import annotations

from typing import Any

from ..dispatch import xp
from .kinds import PASS, constant, elementwise, general


def zero(t: Any) -> Any:
    """The derivative of a step function."""
    return xp.zeros_like(t)


def share(t: Any, mine: Any, other: Any, y: Any) -> Any:
    """`t` where `mine` is the extremum `y`, half of it on a tie, nan where either is nan."""
    weight = xp.where(mine == other, 0.5, xp.where(mine == y, 1.0, 0.0))
    return t * xp.where(y == y, xp.astype(weight, y.dtype), y)


def pow_x1(t: Any, x1: Any, x2: Any) -> Any:
    """By the base: x2 x1^(x2-1), and its limit 0 where x2 is 0."""
    if not hasattr(x2, "shape"):
        return t * (x2 * x1 ** (x2 - 1)) if x2 not in (0, 1) else t * x2 * xp.ones_like(x1)
    none = x2 == 0
    return t * xp.where(none, 0.0, x2 * x1 ** xp.where(none, 1.0, x2 - 1))


def pow_x2(t: Any, x1: Any, x2: Any, y: Any) -> Any:
    """By the exponent: y log(x1), and 0 where x1 is 0 and the power finite."""
    return t * xp.where((x1 == 0) & (xp.real(x2) >= 0), 0.0, y * xp.log(x1))


# fmt: off
elementwise("positive",   PASS)
elementwise("negative",   lambda t: -t)
elementwise("add",        PASS, PASS)
elementwise("subtract",   PASS, lambda t: -t)
elementwise("multiply",   lambda t, x2: t * x2, lambda t, x1: t * x1)
elementwise("divide",     lambda t, x2: t / x2, lambda t, x2, y: -t * y / x2)
elementwise("reciprocal", lambda t, y: -t * y * y)
elementwise("square",     lambda t, x: t * (2 * x))
elementwise("sqrt",       lambda t, y: t / (2 * y))
elementwise("pow",        pow_x1, pow_x2)

elementwise("exp",        lambda t, y: t * y)
elementwise("expm1",      lambda t, y: t * (y + 1))
elementwise("log",        lambda t, x: t / x)
elementwise("log1p",      lambda t, x: t / (1 + x))
elementwise("log2",       lambda t, x: t / (x * 0.6931471805599453))
elementwise("log10",      lambda t, x: t / (x * 2.302585092994046))

elementwise("sin",        lambda t, x: t * xp.cos(x))
elementwise("cos",        lambda t, x: -t * xp.sin(x))
elementwise("tan",        lambda t, y: t * (1 + y * y))
elementwise("asin",       lambda t, x: t / xp.sqrt(1 - x * x))
elementwise("acos",       lambda t, x: -t / xp.sqrt(1 - x * x))
elementwise("atan",       lambda t, x: t / (1 + x * x))
elementwise("sinh",       lambda t, x: t * xp.cosh(x))
elementwise("cosh",       lambda t, x: t * xp.sinh(x))
elementwise("tanh",       lambda t, y: t * (1 - y * y))
elementwise("asinh",      lambda t, x: t / xp.sqrt(x * x + 1))
elementwise("acosh",      lambda t, x: t / (xp.sqrt(x - 1) * xp.sqrt(x + 1)))
elementwise("atanh",      lambda t, x: t / (1 - x * x))

elementwise("maximum",    lambda t, x1, x2, y: share(t, x1, x2, y), lambda t, x1, x2, y: share(t, x2, x1, y))
elementwise("minimum",    lambda t, x1, x2, y: share(t, x1, x2, y), lambda t, x1, x2, y: share(t, x2, x1, y))
elementwise("hypot",      lambda t, x1, y: t * x1 / xp.where(y == 0, 1.0, y), lambda t, x2, y: t * x2 / xp.where(y == 0, 1.0, y))
elementwise("atan2",      lambda t, x1, x2: t * x2 / (x1 * x1 + x2 * x2), lambda t, x1, x2: -t * x1 / (x1 * x1 + x2 * x2))
elementwise("logaddexp",  lambda t, x1, x2, y: t * xp.exp(x1 - y), lambda t, x1, x2, y: t * xp.exp(x2 - y))
elementwise("copysign",   lambda t, x1, y: t * xp.sign(x1) * xp.sign(y), lambda t: zero(t))
elementwise("remainder",  PASS, lambda t, x1, x2: -t * xp.floor(x1 / x2))
elementwise("floor_divide", zero, zero)
elementwise("nextafter",  PASS, zero)

elementwise("floor",      zero)
elementwise("ceil",       zero)
elementwise("trunc",      zero)
elementwise("round",      zero)

general("abs(x, /)",      lambda g, x: g * xp.sign(x))
general("sign(x, /)",     lambda g: xp.zeros_like(g))
general("conj(x, /)",     lambda g: xp.conj(g), jvp=lambda t: xp.conj(t))
general("real(x, /)",     lambda g: g, jvp=lambda t: xp.real(t))
general("imag(x, /)",     lambda g: g * 1j, jvp=lambda t: xp.imag(t))

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
