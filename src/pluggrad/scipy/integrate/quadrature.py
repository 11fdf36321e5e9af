"""Integrals of functions, by the parameters of these and by the limits."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.dispatch import is_variable, xp
from ...errors import DifferentiationError, InvalidArgumentError, UnsupportedError
from ...functions.gathering import values_of
from ...functions.operand import as_array
from ...transforms import stop_gradient
from ..rows import explained, scipy_module
from . import nodes
from .calls import at_nodes, backend_in, beside, constants, known, number, on_host, some_tracked

__all__ = ["fixed_quad", "moving", "quad", "quad_vec", "shifted"]

#: The steps of the rule that are tried, until it agrees with SciPy's value.
STEPS = (1 / 8, 1 / 16, 1 / 32)


def shifted(y: Any, value: Any) -> Any:
    """`y`, with the values in the NumPy array `value`."""
    constant = y._backend.namespace.asarray(value, dtype=y.dtype)
    return y + (constant - stop_gradient(y))


def rounding(weights: Any, y: Any, where: str) -> Any:
    """What rounding in the dtype of `y` may change a sum of `y` by. Beside SciPy's sum, which is in
    double precision, it is all of the difference where `y` has single precision."""
    eps = float(y._backend.xp.finfo(y.dtype).eps)
    return 4.0 * eps * np.tensordot(np.abs(weights), np.abs(known(stop_gradient(y), where)), 1)


def tuple_of(args: Any) -> tuple[Any, ...]:
    """`args`, or the tuple of it alone."""
    return args if isinstance(args, tuple) else (args,)


def moving(function: Callable[[Any], Any], b: Any, where: str) -> Any:
    """0, with the derivatives of the integral of `function` by its upper limit `b`."""
    start, total = stop_gradient(b), None
    points, weights = np.polynomial.legendre.leggauss(4)
    for x, w in zip((points + 1.0) / 2.0, weights / 2.0, strict=True):
        value = function(start + float(x) * (b - start))
        value = as_array(value, where, "the function's value", b)
        total = value * float(w) if total is None else total + value * float(w)
    if not np.isfinite(known(stop_gradient(total) if is_variable(total) else total, where)).all():
        raise DifferentiationError(
            f"{where}: the integrand is not finite at a limit, and the derivative by this limit is "
            "the integrand there"
        )
    return total * (b - start)


def integral(
    function: Callable[[Any], Any], a: Any, b: Any, pieces: Any, value: Any, tolerance: float,
    probe: Any, where: str,
) -> Any:  # fmt: skip
    """The integral from `a` to `b` with the value that SciPy found, by sums over `pieces`, the
    intervals that SciPy chose."""
    low, high = number(a, where), number(b, where)
    found = None
    if some_tracked(probe):
        size, off, before = np.abs(value).max(initial=0.0), np.inf, np.inf
        for step in STEPS:
            x, w = nodes.intervals(pieces, step)
            if np.isinf(low) or np.isinf(high):
                x, w = nodes.unfolded(x, w, min(low, high), max(low, high))
            y = at_nodes(function, x[:, None], probe)
            w = -w if low > high else w
            weights = y._backend.namespace.asarray(w, dtype=y.dtype)
            finer = xp.tensordot(weights, y, axes=1)
            tolerance = max(tolerance, rounding(w, y, where).max(initial=0.0))
            total = known(stop_gradient(finer), where)
            error = np.abs(total - value).max(initial=0.0)
            if found is None or error <= max(off, tolerance):
                found, off = finer, error
            same = np.abs(total - before).max(initial=0.0) <= 1e-12 * size
            if off <= 1e-12 * size or (same and off <= tolerance):
                break
            before = total
        if not off <= tolerance:
            raise DifferentiationError(
                f"{where}: the sum that is differentiated is off SciPy's value by {off:.1e}, which "
                f"is more than {tolerance:.1e}; give `points` where the integrand is not smooth"
            )
    for limit, sign in ((b, 1.0), (a, -1.0)):
        if some_tracked(limit):
            edge = sign * moving(function, limit, where)
            found = edge if found is None else found + edge
    assert found is not None
    return shifted(found, value)


@explained("integrate")
def quad(
    func: Any, a: Any, b: Any, args: Any = (), full_output: Any = 0, epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8, limit: int = 50, points: Any = None, weight: Any = None,
    wvar: Any = None, wopts: Any = None, maxp1: int = 50, limlst: int = 50,
    complex_func: bool = False,
) -> Any:  # fmt: skip
    """The integral of a function of one number, and an estimate of the error.

    It is differentiable by `args`, by Variables that the function has captured, and by the limits.
    The value is SciPy's. Its derivative is that of a sum over the intervals that SciPy chose, which
    is as precise for a derivative that is singular at a limit. The integrand is to be continuous in
    what it is differentiated by: a jump that moves along with a parameter is not seen. It raises if
    the sum does not agree with SciPy's value. `weight` is for constants only: write the weight into
    the function.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.quad.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.integrate
    >>> area = lambda b: pg.scipy.integrate.quad(lambda x, k: k * x, 0.0, b, args=(3.0,))[0]
    >>> float(pg.grad(area)(np.asarray(2.0)))
    6.0
    """
    where, args = "scipy.integrate.quad", tuple_of(args)
    if complex_func:
        return _complex_quad(func, a, b, args, full_output, {
            "epsabs": epsabs, "epsrel": epsrel, "limit": limit, "points": points, "weight": weight,
            "wvar": wvar, "wopts": wopts, "maxp1": maxp1, "limlst": limlst})  # fmt: skip
    low, high = number(a, where), number(b, where)
    host = on_host(func, args, where)
    theirs = scipy_module("integrate").quad(
        lambda x: float(host(x).reshape(())), low, high, (), 1, epsabs, epsrel, limit,
        None if points is None else known(points, where), weight, wvar, wopts, maxp1, limlst,
    )  # fmt: skip
    value, error, info, *message = theirs
    if message and not full_output:
        warnings.warn(message[0], scipy_module("integrate").IntegrationWarning, stacklevel=3)
    rest = (error, info, *message) if full_output else (error,)
    call: Callable[[Any], Any] = lambda x: xp.reshape(_array(func(x, *args), a, b, args), ())
    probe = call(_inside(low, high)) if low != high else call(low)
    if not some_tracked(probe, a, b):
        return (beside(value, probe, a, b, args), *rest)
    if weight is not None:
        raise UnsupportedError(
            f"pluggrad.{where}(weight=...) has no derivative: write the weight into the function"
        )
    last = info["last"]
    pieces = np.stack([info["alist"][:last], info["blist"][:last]], axis=1)
    if np.isinf(low) and np.isinf(high):  # SciPy folds the line
        pieces = np.concatenate([pieces, -pieces[:, ::-1]])
    tolerance = max(epsabs, epsrel * abs(value), error)
    return (integral(call, a, b, pieces, value, tolerance, probe, where), *rest)


def _inside(low: float, high: float) -> float:
    """A number between the limits."""
    if np.isinf(low) or np.isinf(high):
        return 1.0 if np.isinf(low) and np.isinf(high) else (
            high - np.sign(high - low) if np.isinf(low) else low + np.sign(high - low)
        )  # fmt: skip
    return low + 0.4375 * (high - low)


def _array(y: Any, *beside: Any) -> Any:
    """The value of a function as a Variable."""
    found = as_array(y, "scipy.integrate", "the function's value")
    return found if is_variable(found) else backend_in(*beside).namespace.asarray(found)


def _complex_quad(func: Any, a: Any, b: Any, args: Any, full_output: Any, options: Any) -> Any:
    """The integrals of the real and of the imaginary part."""
    parts = [
        quad(lambda *xs, part=part: part(_array(func(*xs), a, b, args)), a, b, args, full_output,
             **options) for part in (xp.real, xp.imag)
    ]  # fmt: skip
    value = parts[0][0] + 1j * parts[1][0]
    error = parts[0][1] + 1j * parts[1][1]
    if full_output:
        return value, error, {"real": parts[0][2:], "imag": parts[1][2:]}
    return value, error


@explained("integrate")
def quad_vec(
    f: Any, a: Any, b: Any, epsabs: float = 1e-200, epsrel: float = 1e-8, norm: str = "2",
    cache_size: float = 1e8, limit: float = 10000, workers: Any = 1, points: Any = None,
    quadrature: Any = None, full_output: bool = False, *, args: Any = (),
) -> Any:  # fmt: skip
    """The integral of a function whose values are arrays, and an estimate of the error.

    It is differentiable as `quad` is. Where a gradient of an integrand in single precision is
    needed, `epsrel` is no less than 1e-6.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.quad_vec.html
    """
    where, args = "scipy.integrate.quad_vec", tuple_of(args)
    low, high = number(a, where), number(b, where)
    call: Callable[[Any], Any] = lambda x: _array(f(x, *args), a, b, args)
    probe = call(_inside(low, high))
    doubles = (probe._backend.xp.float64, probe._backend.xp.complex128)
    if some_tracked(probe, a, b) and probe.dtype not in doubles:
        # SciPy would ask for more digits than there are, with thousands of intervals, over which
        # the rounding of the sum that is differentiated would add up.
        epsrel = max(epsrel, 1e-6)
    value, error, info = scipy_module("integrate").quad_vec(
        on_host(f, args, where), low, high, epsabs, epsrel, norm, cache_size, limit, workers,
        None if points is None else known(points, where), quadrature, True,
    )  # fmt: skip
    rest = (error, info) if full_output else (error,)
    if not some_tracked(probe, a, b):
        return (beside(value, probe, a, b, args), *rest)
    size = np.linalg.norm(np.asarray(value).reshape(-1))
    tolerance = max(epsabs, epsrel * size, error, 1e-12 * size)
    pieces = np.asarray(info.intervals)
    pieces = pieces if pieces[0, 0] <= pieces[0, 1] else pieces[:, ::-1]
    return (integral(call, a, b, pieces, value, tolerance, probe, where), *rest)


@explained("integrate")
def fixed_quad(func: Any, a: Any, b: Any, args: Any = (), n: int = 5) -> Any:
    """The integral of a function by Gauss's rule with `n` nodes, and None.

    The function takes all nodes at once. It is differentiable by `args`, by captured Variables and
    by the limits.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.fixed_quad.html
    """
    where, args = "scipy.integrate.fixed_quad", tuple_of(args)
    limits = [values_of(x) for x in constants((a, b))]
    if not all(x is None or np.isfinite(x).all() for x in limits):
        raise InvalidArgumentError(f"{where}: the limits are finite")
    x, w = scipy_module("special").roots_legendre(n)
    namespace = backend_in(a, b, args).namespace
    x, w = namespace.asarray(x.real), namespace.asarray(w)
    at = (b - a) * (x + 1.0) / 2.0 + a
    y = _array(func(at if some_tracked(at) else at.data, *args), a, b, args)
    w = w if y._backend is w._backend else y._backend.namespace.asarray(w.data)
    return (b - a) / 2.0 * xp.sum(w * y, axis=-1), None
