"""Elementwise functions of the standard."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..operations import Array, Case, add
from .rows import about, greater, inf, lesser, mp, nan, numbers, partials, shaped, usual

REAL = ("real",)
DOUBLE = ("float64", "complex128")

one = lambda *args: np.float64(1.0)
zero = lambda *args: np.float64(0.0)


def unary(name: str, low: float, high: float, exact: Callable[..., Any] | None, *cases: Case, **facts: Any) -> None:
    """A function of one argument, on the interval from `low` to `high`."""
    def x(*shape: int) -> Array:
        return Array(shape, low, high)

    add(name, "elementwise", usual(x(2, 3)), shaped("0-d", x()), shaped("empty", x(0, 3)), shaped("large", x(10, 100)),
        *cases, exact=exact, **facts)


def binary(name: str, low: float, high: float, exact: Callable[..., Any] | None, *cases: Case,
           lows: float | None = None, **facts: Any) -> None:
    """A function of two arguments; `lows` is where the interval of the second one begins."""
    def x(*shape: int) -> Array:
        return Array(shape, low, high)

    def z(*shape: int) -> Array:
        return Array(shape, low if lows is None else lows, high)

    add(name, "elementwise", usual(x(2, 3), z(2, 3)), shaped("0-d", x(), z()), shaped("empty", x(0, 3), z(3)),
        shaped("broadcast", x(2, 1), z(3)), shaped("both ways", x(3, 1), z(1, 2)), shaped("large", x(10, 100), z(10, 1)), *cases,
        exact=exact, **facts)


def extremes(number: float, name: str = "infinities", **facts: Any) -> Case:
    """Infinities and nan beside a number: nearly every function is asked about them."""
    return about(name, numbers(inf, -inf, nan, number), domain="real", **facts)


# ---------------------------------------------------------------- arithmetic

unary("positive", -2, 2, lambda x: x, analytic=True, operator=operator.pos)
unary("negative", -2, 2, lambda x: -x, analytic=True, operator=operator.neg)
binary("add", -2, 2, lambda x, y: x + y, about("infinities", numbers(inf, inf, nan), numbers(1.0, -inf, 2.0), domain="real"),
       about("a number", Array((3,)), 1.5), analytic=True, operator=operator.add)
binary("subtract", -2, 2, lambda x, y: x - y, about("infinities", numbers(inf, inf, nan), numbers(1.0, -inf, 2.0), domain="real"),
       about("a number", 1.5, Array((3,))), analytic=True, operator=operator.sub)
binary("multiply", -2, 2, lambda x, y: x * y, about("zeros", numbers(0.0, -0.0, 2.0, 0.0), numbers(3.0, 0.0, 0.0, -0.0), domain="real"),
       about("infinities", numbers(inf, 0.0, nan), numbers(2.0, -inf, 1.0), domain="real"),
       about("tiny", numbers(1e-160, 1e-300), numbers(1e-150, 1e200), domain="real", dtypes=DOUBLE),
       about("a number", Array((3,)), -0.5), analytic=True, operator=operator.mul)
binary("divide", 0.4, 2, lambda x, y: x / y, about("zeros", numbers(1.0, -2.0, 0.0, 0.0), numbers(0.0, 0.0, 0.0, 2.0), domain="real", orders=1),
       about("infinities", numbers(1.0, inf, inf), numbers(inf, 2.0, inf), domain="real", orders=1),
       about("huge", numbers(1e200, 1e-200), numbers(1e200, 1e-200), domain="real", dtypes=DOUBLE),
       about("a number", 3.0, Array((3,), 0.4, 2.0)), analytic=True, operator=operator.truediv)
unary("reciprocal", 0.3, 2, lambda x: 1 / x, about("zeros", numbers(0.0, -0.0, 2.0), domain="real", orders=1),
      about("infinities", numbers(inf, -inf, nan), domain="real"), analytic=True)
unary("square", -2, 2, lambda x: x * x, about("zeros", numbers(0.0, -0.0, 1.0), domain="real"), analytic=True)
unary("sqrt", 0.2, 2, mp.sqrt, about("zeros", numbers(0.0, 4.0), domain="real", orders=1),
      about("negative", numbers(-1.0, 4.0, inf, nan), domain="real", orders=1), analytic=True)
binary("pow", 0.3, 2, lambda x, p: mp.power(x, p),
       about("zeros", numbers(0.0, 0.0, 0.0, 0.0), numbers(0.0, 1.0, 2.0, 3.5), domain="real", convention="pow-zero", orders=1,
             expected=partials(lambda x, p: np.where(p == 1, 1.0, 0.0), zero)),
       about("complex zeros", numbers(0j, 0j), numbers(2.0 + 0j, 3.0 + 0j), domain="complex", convention="pow-zero", orders=1,
             expected=partials(zero, zero)),
       about("roots of zero", numbers(0.0, 0.0), numbers(0.5, 0.25), domain="real", convention="pow-zero", orders=1,
             expected=partials(inf, zero)),
       about("powers of zero", 0.0, numbers(0.0, 1.0, 2.5), domain="real", convention="pow-zero", expected=partials(zero)),
       about("zero to the zero", numbers(0.0, 0.0), 0, domain="real", convention="pow-zero", expected=partials(zero)),
       about("negative", numbers(-2.0, -3.0, -0.5), numbers(3.0, 2.0, -2.0), domain="real", orders=1),
       about("squares", Array((2, 3)), 2), about("cubes", numbers(-2.0, 0.0, 1.5), 3, domain="real"), about("roots", Array((2, 3), 0.3, 2.0), 0.5),
       about("inverse", Array((2, 3), 0.3, 2.0), -1), about("to the one", Array((3,)), 1), about("powers of two", 2.0, Array((2, 3))),
       analytic=True, operator=operator.pow)
binary("floor_divide", 0.5, 2, lambda x, y: mp.floor(x / y),
       about("signs", numbers(7.0, -7.0, 7.0, -7.0), numbers(3.0, 3.0, -3.0, -3.0), convention="floor-divide", expected=partials(zero, zero)),
       about("kinks", numbers(6.0, -6.0), numbers(3.0, 3.0), convention="floor-divide", expected=partials(zero, zero)),
       domains=REAL, operator=operator.floordiv)
binary("remainder", 0.5, 2, lambda x, y: x - y * mp.floor(x / y),
       about("signs", numbers(7.0, -7.0, 7.0, -7.0), numbers(3.0, 3.0, -3.0, -3.0)),
       about("kinks", numbers(6.0, -6.0, 0.0), numbers(3.0, 3.0, 2.0)),
       about("a number", Array((3,), 0.5, 6.0), 2.0), domains=REAL, operator=operator.mod)

# ---------------------------------------------------------------- exponentials and logarithms

unary("exp", -2, 2, mp.exp, about("huge", numbers(800.0, -800.0, 1.0), domain="real"), extremes(1.0), analytic=True)
unary("expm1", -2, 2, mp.expm1, about("tiny", numbers(1e-9, -1e-12, 0.0), domain="real"),
      about("low", numbers(-40.0, -20.0), domain="real", convention="tiny-huge", expected=partials(np.exp)), extremes(1.0), analytic=True)
unary("log", 0.2, 2, mp.log, about("zeros", numbers(0.0, -0.0, 1.0), domain="real", orders=1),
      about("negative", numbers(-1.0, 2.0), domain="real"), extremes(2.0), analytic=True)
unary("log1p", -0.5, 2, mp.log1p, about("tiny", numbers(1e-9, -1e-12, 0.0), domain="real"),
      about("minus one", numbers(-1.0, 1.0), domain="real", orders=1), extremes(1.0), analytic=True)
unary("log2", 0.2, 2, lambda x: mp.log(x, 2), about("zeros", numbers(0.0, 1.0), domain="real", orders=1), extremes(2.0), analytic=True)
unary("log10", 0.2, 2, mp.log10, about("zeros", numbers(0.0, 1.0), domain="real", orders=1), extremes(2.0), analytic=True)
binary("logaddexp", -2, 2, lambda x, y: mp.log(mp.exp(x) + mp.exp(y)),
       about("ties", numbers(1.0, -700.0, 1000.0), numbers(1.0, -700.0, 1000.0)),
       about("far apart", numbers(0.0, 2000.0, -1e6), numbers(1000.0, 1000.0, 0.0)),
       about("infinities", numbers(inf, -inf, inf, -inf, inf, 0.0), numbers(inf, -inf, 0.0, 0.0, -inf, inf), convention="logaddexp-infinities",
             orders=1, expected=partials(lambda x, y: np.where(x == y, 0.5, np.where(x > y, 1.0, 0.0)),
                                         lambda x, y: np.where(x == y, 0.5, np.where(x < y, 1.0, 0.0)))),
       domains=REAL)

# ---------------------------------------------------------------- trigonometric and hyperbolic

bounds = about("bounds", numbers(1.0, -1.0, 0.0), domain="real", orders=1)
outside = about("outside", numbers(1.5, -2.0, 0.5, nan), domain="real")
near = about("near one", numbers(1 - 2.0**-20, -1 + 2.0**-20), domain="real")

unary("sin", -2, 2, mp.sin, about("huge", numbers(1e5, -1e5), domain="real"), extremes(1.0), analytic=True)
unary("cos", -2, 2, mp.cos, about("huge", numbers(1e5, -1e5), domain="real"), extremes(1.0), analytic=True)
unary("tan", -1.2, 1.2, mp.tan, about("zeros", numbers(0.0, -0.0), domain="real"), extremes(1.0), analytic=True)
unary("asin", -0.9, 0.9, mp.asin, bounds, outside, near, analytic=True)
unary("acos", -0.9, 0.9, mp.acos, bounds, outside, near, analytic=True)
unary("atan", -2, 2, mp.atan, about("huge", numbers(1e8, -1e12), domain="real"), extremes(1.0, orders=1), analytic=True)
unary("sinh", -2, 2, mp.sinh, about("huge", numbers(800.0, -800.0), domain="real"), extremes(1.0), analytic=True)
unary("cosh", -2, 2, mp.cosh, about("huge", numbers(800.0, -800.0), domain="real"), extremes(1.0), analytic=True)
unary("tanh", -2, 2, mp.tanh, about("zeros", numbers(0.0, -0.0), domain="real"), extremes(1.0), analytic=True)
unary("asinh", -2, 2, mp.asinh, extremes(1.0, orders=1),
      about("huge", numbers(1e30, -1e30), domain="real", convention="tiny-huge", expected=partials(lambda x: 1 / np.hypot(x, 1.0))),
      about("very huge", numbers(1e200, -1e200), domain="real", dtypes=DOUBLE, convention="tiny-huge",
            expected=partials(lambda x: 1 / np.hypot(x, 1.0))), analytic=True)
unary("acosh", 1.2, 3, mp.acosh, about("bounds", numbers(1.0, 2.0), domain="real", orders=1),
      about("outside", numbers(0.5, -2.0, 2.0, nan), domain="real", orders=1, convention="nan-propagates",
                                                                               expected=partials(lambda x: np.where(x >= 1, 1 / np.sqrt(x * x - 1), nan))),
      about("huge", numbers(1e30, inf), domain="real", convention="tiny-huge", orders=1, expected=partials(lambda x: 1 / x)),
      about("very huge", numbers(1e200, 1e300), domain="real", dtypes=DOUBLE, convention="tiny-huge", expected=partials(lambda x: 1 / x)),
      analytic=True)
unary("atanh", -0.9, 0.9, mp.atanh, bounds, outside, near, analytic=True)


def leg1(x: Any, y: Any) -> Any:
    """The slope of hypot by its first argument."""
    r = np.hypot(x, y)
    return np.where(r == 0, 0.0, x / np.where(r == 0, 1.0, r))


def leg2(x: Any, y: Any) -> Any:
    """The slope of hypot by its second argument."""
    return leg1(y, x)


def angle1(x: Any, y: Any) -> Any:
    """The slope of atan2 by its first argument."""
    r = np.hypot(x, y)
    return np.where(r == 0, 0.0, y / np.where(r == 0, 1.0, r) / np.where(r == 0, 1.0, r))


def angle2(x: Any, y: Any) -> Any:
    """The slope of atan2 by its second argument."""
    return -angle1(y, x)


binary("hypot", -2, 2, mp.hypot,
       about("zeros", numbers(0.0, -0.0, 0.0, 3.0), numbers(0.0, 0.0, 2.0, 0.0), convention="hypot-zero", orders=1, expected=partials(leg1, leg2)),
       about("tiny", numbers(3e-30, 5e-30), numbers(4e-30, -12e-30), convention="tiny-huge", orders=1, expected=partials(leg1, leg2)),
       about("huge", numbers(3e30, 5e30), numbers(4e30, -12e30), convention="tiny-huge", orders=1, expected=partials(leg1, leg2)),
       about("very tiny", numbers(3e-200, 3e-300), numbers(4e-200, 4e-300), dtypes=DOUBLE, convention="tiny-huge", orders=1, expected=partials(leg1, leg2)),
       about("very huge", numbers(3e200, 3e300), numbers(4e200, 4e300), dtypes=DOUBLE, convention="tiny-huge", orders=1, expected=partials(leg1, leg2)),
       domains=REAL)
binary("atan2", -2, 2, mp.atan2,
       about("zeros", numbers(0.0, 0.0, 0.0, 3.0), numbers(0.0, -0.0, 2.0, 0.0), convention="atan2-zero", orders=1, expected=partials(angle1, angle2)),
       about("tiny", numbers(3e-30, 5e-30), numbers(4e-30, -12e-30), convention="tiny-huge", orders=1, expected=partials(angle1, angle2)),
       about("huge", numbers(3e30, 5e30), numbers(4e30, -12e30), convention="tiny-huge", orders=1, expected=partials(angle1, angle2)),
       about("very tiny", numbers(3e-200, 1e-200), numbers(4e-200, 1e-200), dtypes=DOUBLE, convention="tiny-huge", orders=1, expected=partials(angle1, angle2)),
       about("very huge", numbers(3e200, 1e200), numbers(4e200, 1e200), dtypes=DOUBLE, convention="tiny-huge", orders=1, expected=partials(angle1, angle2)),
       about("axes", numbers(0.0, 0.0, 2.0, -2.0), numbers(1.0, -1.0, 0.0, 0.0)), domains=REAL)

# ---------------------------------------------------------------- extrema, signs and steps


def share(mine: Any, other: Any, wins: Any) -> Any:
    """The slope by `mine`: half of a tie, and nan with nan."""
    found = np.where(mine == other, 0.5, np.where(wins, 1.0, 0.0))
    return np.where(np.isnan(mine) | np.isnan(other), nan, found)


for name, exact, wins in (("maximum", greater, np.greater), ("minimum", lesser, np.less)):
    by_order = partials(lambda x, y, wins=wins: share(x, y, wins(x, y)), lambda x, y, wins=wins: share(y, x, wins(y, x)))
    binary(name, -2, 2, lambda x, y, exact=exact: exact(x, y),
           about("ties", numbers(1.0, 2.0, 3.0, 0.0), numbers(2.0, 2.0, 2.0, -0.0), convention="ties", expected=by_order),
           about("infinities", numbers(inf, -inf, inf, 1.0), numbers(inf, -inf, 1.0, -inf), convention="ties", expected=by_order),
           about("nan", numbers(nan, 1.0, nan, 1.0), numbers(1.0, nan, nan, 2.0), convention="nan-propagates", orders=1, expected=by_order),
           about("a number", numbers(-1.0, 0.0, 2.0), 0.0, convention="ties",
                 expected=partials(lambda x, wins=wins: share(x, np.zeros_like(x), wins(x, 0.0)))),
           domains=REAL)


def clipped(x: Any, low: Any = None, high: Any = None, **names: Any) -> Any:
    """clip of exact numbers."""
    low, high = names.get("min", low), names.get("max", high)
    x = x if low is None else greater(x, low)
    return x if high is None else lesser(x, high)


inside = lambda x, low, high: np.where((x >= low) & (x <= high), 1.0, 0.0)
below = lambda x, low, high: np.where((x < low) & (low <= high), 1.0, 0.0)
above = lambda x, low, high: np.where((x > high) | (low > high), 1.0, 0.0)

add("clip", "elementwise", usual(Array((2, 3)), Array((2, 3), -1.5, -0.5), Array((2, 3), 0.5, 1.5)),
    shaped("0-d", Array(), Array((), -1, 0), Array((), 0.1, 1)), shaped("empty", Array((0, 3)), Array((3,), -1, 0), 0.5),
    shaped("broadcast", Array((3, 4)), Array((4,), -1, 0), Array((3, 1), 0.1, 1)), shaped("large", Array((10, 100)), -1.0, 1.0),
    about("numbers", Array((2, 3)), -1.0, 1.0), about("lower", Array((2, 3)), 0.0), about("upper", Array((2, 3)), None, 0.5),
    about("bounds", numbers(0.0, 1.0, 2.0, 3.0, 4.0), numbers(1.0, 1.0, 1.0, 1.0, 1.0), numbers(3.0, 3.0, 3.0, 3.0, 3.0),
          convention="clip-bound", expected=partials(inside, below, above)),
    about("bounds that are numbers", numbers(0.0, 1.0, 2.0, 3.0, 4.0), 1.0, 3.0, convention="clip-bound",
          expected=partials(lambda x: np.where((x >= 1) & (x <= 3), 1.0, 0.0))),
    about("crossed", numbers(0.0, 2.0, 4.0), numbers(3.0, 3.0, 3.0), numbers(1.0, 1.0, 1.0),
          convention="clip-crossed", expected=partials(zero, zero, one)),
    about("infinities", numbers(inf, -inf, 0.5), -1.0, 1.0), exact=clipped, domains=REAL, method="clip")
unary("abs", 0.2, 2, lambda x: abs(x), about("negative", numbers(-1.5, -0.25), domain="real"),
      about("zeros", numbers(0.0, -0.0, -2.0, 3.0), domain="real", convention="abs-zero", expected=partials(np.sign)),
      about("complex zeros", numbers(0j, 3 + 4j, -2j), domain="complex", convention="abs-zero", orders=1, expected=partials(np.sign)),
      about("tiny", numbers(3e-30 + 4e-30j, 3e30 - 4e30j), domain="complex", convention="tiny-huge", orders=1, expected=partials(np.sign)),
      extremes(-1.0, convention="nan-propagates", expected=partials(np.sign)), operator=operator.abs)
unary("sign", 0.2, 2, lambda x: mp.sign(x), about("zeros", numbers(0.0, -0.0, -2.0, 3.0), domain="real", convention="sign-zero", expected=partials(zero)),
      about("complex zeros", numbers(0j, 3 + 4j), domain="complex", convention="sign-zero", orders=1,
            expected=lambda c, z: [np.where(z == 0, 0, (c - np.sign(z) * np.real(np.conj(np.sign(z)) * c))
                                         / np.where(z == 0, 1, np.abs(z)))]))
binary("copysign", 0.2, 2, lambda x, y: abs(x) * mp.sign(y),
       about("signs", numbers(2.0, -2.0, 2.0, -2.0), numbers(1.0, 1.0, -1.0, -1.0)),
       about("zeros", numbers(0.0, -0.0, 2.0, 2.0), numbers(-1.0, 2.0, 0.0, -0.0), convention="copysign-zero",
             expected=partials(lambda x, y: np.sign(x) * np.sign(np.copysign(x, y)), zero)), domains=REAL)
binary("nextafter", 0.5, 2, None, about("zeros", numbers(0.0, 1.0), numbers(1.0, 2.0)), domains=REAL)
for name in ("floor", "ceil", "trunc", "round"):
    unary(name, 0.1, 0.4, None, about("kinks", numbers(-1.5, -1.0, 0.0, 0.5, 2.0, 2.5)), about("negative", numbers(-1.7, -0.3)), extremes(0.25),
          domains=REAL, method="round" if name == "round" else "")

# ---------------------------------------------------------------- complex numbers, choosing

unary("conj", -2, 2, mp.conj, method="conj")
unary("real", -2, 2, mp.re)
unary("imag", -2, 2, mp.im, domains=("complex",))

add("where", "elementwise", usual(Array((2, 3), dtype="bool"), Array((2, 3)), Array((2, 3))),
    shaped("0-d", Array(values=True, dtype="bool"), Array(), Array()), shaped("empty", Array((0, 3), dtype="bool"), Array((3,)), Array((1,))),
    shaped("broadcast", Array((3, 1), dtype="bool"), Array((3, 4)), Array((4,))),
    shaped("large", Array((10, 100), dtype="bool"), Array((10, 100)), Array((100,))),
    about("infinities", Array(values=(True, False, True), dtype="bool"), numbers(inf, nan, 1.0), numbers(2.0, 3.0, nan), domain="real"),
    about("a number", Array((2, 3), dtype="bool"), Array((2, 3)), 0.0), exact=lambda condition, x, y: x if condition else y)
