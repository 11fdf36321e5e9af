"""Integrals of functions of several numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...errors import DifferentiationError, InvalidArgumentError, UnsupportedError
from ...transforms import stop_gradient
from ..rows import explained, scipy_module
from . import nodes
from .calls import at_nodes, beside, constants, known, number, some_tracked
from .quadrature import _array, rounding, shifted, tuple_of

__all__ = ["dblquad", "nquad", "tplquad"]

#: By the number of variables: the steps of the rule that are tried.
STEPS = {1: (1 / 8, 1 / 16), 2: (1 / 4, 1 / 8, 1 / 16), 3: (1 / 2, 1 / 4, 1 / 8)}


def _limits(given: Any, xs: Any, args: Any) -> tuple[Any, Any]:
    """The two limits of a variable, which may depend on the outer ones."""
    found = given(*xs, *args) if callable(given) else given
    if not isinstance(found, (list, tuple)) or len(found) != 2:
        raise InvalidArgumentError("scipy.integrate.nquad: a range is a pair of limits")
    return found[0], found[1]


def _infinite(x: Any) -> bool:
    return isinstance(x, (int, float)) and bool(np.isinf(x))


def _rule(low: Any, high: Any, step: float) -> tuple[Any, Any]:
    """Nodes and weights of one variable, in a range that depends on its limits."""
    if _infinite(low) and _infinite(high):
        return nodes.line(step)
    if _infinite(low) or _infinite(high):
        return nodes.half_line(step)
    near, _, w = nodes.finite(step, 3.0)
    return near, w


def _placed(s: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """The variable at the node `s`, and the factor of its weight."""
    if _infinite(low) and _infinite(high):
        sign = 1.0 if high > low else -1.0
        return s, sign
    if _infinite(high):
        return (low + s, 1.0) if high > 0 else (low - s, -1.0)
    if _infinite(low):
        return (high - s, 1.0) if low < 0 else (high + s, -1.0)
    return low + (high - low) * s, high - low


def _nested(func: Any, ranges: Any, args: Any, value: Any, tolerance: float, where: str) -> Any:
    """The integral as a sum over a grid, which is differentiated; None if nothing is tracked."""
    count = len(ranges)
    middle: list[Any] = []
    for given in reversed(ranges):
        low, high = _limits(given, middle, args)
        s = 0.4375 if not (_infinite(low) or _infinite(high)) else 0.75
        middle.insert(0, _placed(s, low, high)[0])

    def term(*ss: Any) -> Any:
        """The integrand times the factor, at a node of all variables."""
        xs: list[Any] = []
        factor: Any = 1.0
        for s, given in zip(reversed(ss), reversed(ranges), strict=True):
            x, more = _placed(s, *_limits(given, xs, args))
            xs.insert(0, x)
            factor = factor * more
        return xp.reshape(_array(func(*xs, *args), args, xs), ()) * factor

    probe = term(*[0.4375] * count)
    if not some_tracked(probe):
        return None
    if count > 3:
        raise UnsupportedError(f"{where}: derivatives of integrals over 3 variables at most")
    kinds: list[tuple[Any, Any]] = []
    xs: list[Any] = []
    for given in reversed(ranges):
        low, high = _limits(given, xs, args)
        kinds.insert(0, (low, high))
        xs.insert(0, _placed(0.4375, low, high)[0])
    best, off, before = None, np.inf, np.inf
    for step in STEPS[count]:
        rules = [_rule(low, high, step) for low, high in kinds]
        grid = np.stack([x.reshape(-1) for x in np.meshgrid(*[r[0] for r in rules])], axis=1)
        w = np.ones(len(grid))
        for part in np.meshgrid(*[r[1] for r in rules]):
            w = w * part.reshape(-1)
        y = at_nodes(term, grid, probe)
        found = xp.tensordot(y._backend.namespace.asarray(w, dtype=y.dtype), y, axes=1)
        tolerance = max(tolerance, float(rounding(w, y, where)))
        total = float(known(stop_gradient(found), where))
        if best is None or abs(total - value) <= max(off, tolerance):
            best, off = found, abs(total - value)
        if off <= 1e-12 * abs(value) or abs(total - before) <= 1e-12 * abs(value):
            break
        before = total
    if off <= tolerance:
        return shifted(best, value)
    raise DifferentiationError(
        f"{where}: the sum that is differentiated is off SciPy's value by {off:.1e}, which is more "
        f"than {tolerance:.1e}: the integrand is not smooth enough; split the ranges"
    )


def _host_range(given: Any, args: Any, where: str) -> Any:
    if not callable(given):
        return [number(x, where) for x in constants(given)]
    fixed = constants(args)
    return lambda *xs: [number(x, where) for x in constants(given(*xs, *fixed))]


@explained("integrate")
def nquad(
    func: Any, ranges: Any, args: Any = None, opts: Any = None, full_output: bool = False
) -> Any:
    """The integral of a function over several variables, and an estimate of the error.

    It is differentiable by `args`, by captured Variables and by the limits, over three variables at
    most. The value is SciPy's; its derivative is that of a sum over a grid that is as fine as is
    needed to agree with it. Constant options of each variable are followed for the value.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.nquad.html
    """
    where, args = "scipy.integrate.nquad", () if args is None else tuple_of(args)
    fixed = constants(args)
    host: Callable[..., Any] = lambda *xs: number(constants([func(*xs, *fixed)])[0], where)
    ranges = list(ranges)
    theirs = scipy_module("integrate").nquad(
        host, [_host_range(r, args, where) for r in ranges], None, opts, full_output
    )
    value, error = theirs[:2]
    tolerance = max(1.49e-8, 1.49e-8 * abs(value), error)
    found = _nested(func, ranges, args, value, tolerance, where)
    if found is not None and opts:
        raise UnsupportedError(f"pluggrad.{where}(opts=...) is for constants: leave it out")
    if found is None:
        found = beside(value, args)
    return (found, *theirs[1:])


def _bound(given: Any) -> Callable[..., Any]:
    """A limit, which is a number or a function, as a function."""
    return given if callable(given) else lambda *xs: given


def _several(func: Any, ranges: Any, args: Any, tolerances: Any, where: str) -> Any:
    args = tuple_of(args)
    epsabs, epsrel = tolerances
    fixed = constants(args)
    host: Callable[..., Any] = lambda *xs: number(constants([func(*xs, *fixed)])[0], where)
    ours = [
        r if not callable(r) else lambda *xs, r=r: r(*xs[: len(xs) - len(args)]) for r in ranges
    ]
    value, error = scipy_module("integrate").nquad(
        host, [_host_range(r, (), where) for r in ranges],
        opts={"epsabs": epsabs, "epsrel": epsrel},
    )  # fmt: skip
    tolerance = max(epsabs, epsrel * abs(value), error)
    found = _nested(func, ours, args, value, tolerance, where)
    return (beside(value, args) if found is None else found), error


@explained("integrate")
def dblquad(
    func: Any, a: Any, b: Any, gfun: Any, hfun: Any, args: Any = (), epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
) -> Any:  # fmt: skip
    """The integral over two variables, and an estimate of the error.

    In ``func(y, x)``, y runs from ``gfun(x)`` to ``hfun(x)``, and x from `a` to `b`.
    It is differentiable as `nquad` is.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.dblquad.html
    """
    inner = lambda x: [_bound(gfun)(x), _bound(hfun)(x)]
    where = "scipy.integrate.dblquad"
    return _several(func, [inner, [a, b]], args, (epsabs, epsrel), where)


@explained("integrate")
def tplquad(
    func: Any, a: Any, b: Any, gfun: Any, hfun: Any, qfun: Any, rfun: Any, args: Any = (),
    epsabs: float = 1.49e-8, epsrel: float = 1.49e-8,
) -> Any:  # fmt: skip
    """The integral over three variables, and an estimate of the error.

    In ``func(z, y, x)``, z runs from ``qfun(x, y)`` to ``rfun(x, y)``, y from ``gfun(x)`` to
    ``hfun(x)``, and x from `a` to `b`.
    It is differentiable as `nquad` is.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.tplquad.html
    """
    inner = lambda y, x: [_bound(qfun)(x, y), _bound(rfun)(x, y)]
    outer = lambda x: [_bound(gfun)(x), _bound(hfun)(x)]
    where = "scipy.integrate.tplquad"
    return _several(func, [inner, outer, [a, b]], args, (epsabs, epsrel), where)
