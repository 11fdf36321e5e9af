"""Roots of functions of one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from .calls import Element, is_array, shape_of
from .functions import derivative, number, solver, theirs, tuple_of
from .roots import only, solved

__all__ = ["bisect", "brenth", "brentq", "newton", "ridder", "root_scalar", "toms748"]

_RTOL = np.float64(8.881784197001252e-16)


def _bracketed(name: str, f: Any, a: Any, b: Any, args: Any, **options: Any) -> Any:
    """The root between `a` and `b` that SciPy's function finds, with its report if it is asked."""
    full = options["full_output"]

    def find(e: Element, f: Any, ends: Any, args: Any) -> tuple[Any, Any]:
        plain = e.plain(lambda x: f(x, *args), scalar=True)
        low, high = [e.floats(x).item() for x in ends]
        found = theirs(name)(plain, low, high, (), **options)
        return np.asarray([found[0] if full else found]), found

    return _number(name, f, (a, b), a, args, find, full)


def _number(name: str, f: Any, x0: Any, first: Any, args: Any, find: Any, full: Any) -> Any:
    """The root as an array without axes, with SciPy's report in which it is the root."""
    solution, _, _ = solved(name, f, x0, args, find, (), first)
    x = xp.reshape(solution.z, ())
    if not full:
        return x
    report = only(solution)[1] or theirs("RootResults")(x, None, None, 0, name)
    report.root = x
    return x, report


@solver
def brentq(
    f: Any, a: Any, b: Any, args: Any = (), xtol: float = 2e-12, rtol: float = _RTOL,
    maxiter: int = 100, full_output: bool = False, disp: bool = True,
) -> Any:  # fmt: skip
    """A root of `f` between `a` and `b`, by Brent's method, as a function of what `f` depends on.

    It is differentiated, to the third order, by `args` and by all Variables that `f` refers to; it
    does not depend on `a` and `b`. At a multiple root there is no derivative, and differentiating
    is an error.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.brentq.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.optimize
    >>> y = lambda a: pg.scipy.optimize.brentq(lambda x: x**3 - a, 0.0, 4.0)
    >>> pg.grad(y)(np.asarray(8.0)).round(6)
    np.float64(0.083333)
    """
    return _bracketed("brentq", f, a, b, args, xtol=xtol, rtol=rtol, maxiter=maxiter,
                      full_output=full_output, disp=disp)  # fmt: skip


@solver
def brenth(
    f: Any, a: Any, b: Any, args: Any = (), xtol: float = 2e-12, rtol: float = _RTOL,
    maxiter: int = 100, full_output: bool = False, disp: bool = True,
) -> Any:  # fmt: skip
    """A root of `f` between `a` and `b`, by hyperbolic extrapolation; see `brentq`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.brenth.html
    """
    return _bracketed("brenth", f, a, b, args, xtol=xtol, rtol=rtol, maxiter=maxiter,
                      full_output=full_output, disp=disp)  # fmt: skip


@solver
def ridder(
    f: Any, a: Any, b: Any, args: Any = (), xtol: float = 2e-12, rtol: float = _RTOL,
    maxiter: int = 100, full_output: bool = False, disp: bool = True,
) -> Any:  # fmt: skip
    """A root of `f` between `a` and `b`, by Ridder's method; see `brentq`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.ridder.html
    """
    return _bracketed("ridder", f, a, b, args, xtol=xtol, rtol=rtol, maxiter=maxiter,
                      full_output=full_output, disp=disp)  # fmt: skip


@solver
def bisect(
    f: Any, a: Any, b: Any, args: Any = (), xtol: float = 2e-12, rtol: float = _RTOL,
    maxiter: int = 100, full_output: bool = False, disp: bool = True,
) -> Any:  # fmt: skip
    """A root of `f` between `a` and `b`, by bisection; see `brentq`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.bisect.html
    """
    return _bracketed("bisect", f, a, b, args, xtol=xtol, rtol=rtol, maxiter=maxiter,
                      full_output=full_output, disp=disp)  # fmt: skip


@solver
def toms748(
    f: Any, a: Any, b: Any, args: Any = (), k: int = 1, xtol: float = 2e-12, rtol: float = _RTOL,
    maxiter: int = 100, full_output: bool = False, disp: bool = True,
) -> Any:  # fmt: skip
    """A root of `f` between `a` and `b`, by TOMS algorithm 748; see `brentq`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.toms748.html
    """
    return _bracketed("toms748", f, a, b, args, k=k, xtol=xtol, rtol=rtol, maxiter=maxiter,
                      full_output=full_output, disp=disp)  # fmt: skip


def _slope(e: Element, given: Any, args: Any, x0: Any) -> Any:
    """``given(x, *args)``, a derivative of the user's, as a function of NumPy's numbers."""
    return None if given is None else e.plain(lambda x: given(x, *args), scalar=np.ndim(x0) == 0)


@solver
def newton(
    func: Any, x0: Any, fprime: Any = None, args: Any = (), tol: float = 1.48e-8,
    maxiter: int = 50, fprime2: Any = None, x1: Any = None, rtol: float = 0.0,
    full_output: bool = False, disp: bool = True,
) -> Any:  # fmt: skip
    """A root near `x0` by the methods of Newton, Halley or the secant, or one for each element.

    It is differentiated by `args` and by all Variables that `func` refers to; see `brentq`. Without
    `fprime` the secant method finds it, as in SciPy. With `full_output`, the root alone has a
    derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.newton.html
    """
    shape = shape_of(x0)

    def find(e: Element, f: Any, x0: Any, args: Any) -> tuple[Any, Any]:
        scalar = not shape
        first = e.floats(x0).item() if scalar else e.floats(x0)
        found = theirs("newton")(
            e.plain(lambda x: f(x, *args), scalar=scalar), first, _slope(e, fprime, args, x0), (),
            tol, maxiter, _slope(e, fprime2, args, x0), e.value(x1) if is_array(x1) else x1, rtol,
            full_output, disp,
        )  # fmt: skip
        return np.reshape(found[0] if full_output else found, (-1,)), found

    if not shape:
        return _number("newton", func, x0, x0, args, find, full_output)
    solution, _, _ = solved("newton", func, x0, args, find, shape)
    x = xp.reshape(solution.z, shape)
    return (x, *only(solution)[1:]) if full_output else x


@solver
def root_scalar(
    f: Any, args: Any = (), method: Any = None, bracket: Any = None, fprime: Any = None,
    fprime2: Any = None, x0: Any = None, x1: Any = None, xtol: Any = None, rtol: Any = None,
    maxiter: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """A root of a function of one number: `root` of the result is differentiable.

    See `brentq`. `fprime` and `fprime2` may be True, as in SciPy, where `f` returns them, too. A
    method that needs a derivative gets one from `f`, where there is no `fprime`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.root_scalar.html
    """
    several = fprime is True or fprime2 is True
    value: Callable[..., Any] = (lambda x, *args: f(x, *args)[0]) if several else f
    at = next((x for x in (x0, bracket[0] if bracket is not None else None) if x is not None), 0.0)

    def find(e: Element, g: Any, given: Any, args: Any) -> tuple[Any, Any]:
        def part(n: int, given: Any) -> Any:
            if given is True:
                return e.plain(lambda x: f(x, *args)[n], scalar=True)
            return _slope(e, given, args, 0.0) if callable(given) else given

        slope = part(1, fprime)
        if slope is None and fprime2 is None and str(method).lower() == "newton":
            exact = derivative(e, lambda x: number(g(x, *args), "root_scalar"), e.floats(at), True)
            slope = None if exact is None else lambda x: float(exact(np.asarray(float(x))))
        ends, low, high = [None if x is None else e.floats(x).tolist() for x in given]
        found = theirs("root_scalar")(
            part(0, True) if several else e.plain(lambda x: g(x, *args), scalar=True), (), method,
            ends, slope, part(2, fprime2), low, high, xtol, rtol, maxiter,
            options,
        )  # fmt: skip
        return np.asarray([found.root]), found

    solution, _, _ = solved("root_scalar", value, (bracket, x0, x1), tuple_of(args), find, (), at)
    x = xp.reshape(solution.z, ())
    if len(solution.results) != 1:
        return theirs("RootResults")(x, None, None, 0, method)
    report = solution.results[0]
    report.root = x
    return report
