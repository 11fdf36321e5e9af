"""Minima of functions of one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from .calls import Element
from .functions import result, solver, theirs
from .minima import minimized
from .roots import only

__all__ = ["brent", "fminbound", "golden", "minimize_scalar"]

#: The step of the golden section, 1e-8 relative, as SciPy has it.
_STEP = np.float64(1.4901161193847656e-08)


def _lowest(
    where: str, func: Any, args: Any, first: Any, given: Any, find: Any, bounds: Any = None
) -> Any:
    """The minimum of a function of one number; `given` holds what it starts from. The result is the
    `Solution`, the minimum and the function of its value."""

    def on_vector(x: Any, *args: Any) -> Any:
        return func(xp.reshape(x, ()), *args)

    def solve(e: Element, f: Any, given: Any) -> tuple[Any, Any]:
        plain = e.plain(lambda x: func(x, *e.given["args"]), scalar=True)
        x, found = find(e, plain, given[1])
        return np.reshape(np.asarray(x, float), (1,)), found

    solution, value = minimized(
        where, on_vector, (first, given), args, solve, bounds, size=1, first=first
    )
    return solution, xp.reshape(solution.z, ()), value


def _inside(bracket: Any) -> Any:
    """A point where the function can be called."""
    return 1.0 if bracket is None else bracket[0]


@solver
def minimize_scalar(
    fun: Any, bracket: Any = None, bounds: Any = None, args: Any = (), method: Any = None,
    tol: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """A minimum of a function of one number, as a function of what `fun` depends on.

    `x` and `fun` of the result are differentiable by `args`, by all Variables that `fun` refers to
    and by `bounds`, where the minimum is at a bound; see `minimize`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.minimize_scalar.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.optimize
    >>> y = lambda a: pg.scipy.optimize.minimize_scalar(lambda x: (x - a) ** 4 + x**2).x
    >>> pg.grad(y)(np.asarray(3.0)).round(6)
    np.float64(0.857143)
    """

    def find(e: Element, f: Any, given: Any) -> tuple[Any, Any]:
        start, limits = [x if x is None else tuple(e.floats(x).tolist()) for x in given]
        found = theirs("minimize_scalar")(f, start, limits, (), method, tol, options)
        return found.x, found

    first = _inside(bracket if bounds is None else bounds)
    box = None if bounds is None else [tuple(bounds)]
    solution, x, value = _lowest("minimize_scalar", fun, args, first, (bracket, bounds), find, box)
    return result(solution, x=x, fun=value(solution.z))


def _simple(name: str, func: Any, args: Any, brack: Any, full: Any, **options: Any) -> Any:

    def find(e: Element, f: Any, given: Any) -> tuple[Any, Any]:
        start = None if given is None else tuple(e.floats(given).tolist())
        found = theirs(name)(f, (), start, full_output=full, **options)
        return (found[0] if full else found), found

    solution, x, value = _lowest(name, func, args, _inside(brack), brack, find)
    return (x, value(solution.z), *only(solution)[2:]) if full else x


@solver
def brent(
    func: Any, args: Any = (), brack: Any = None, tol: float = 1.48e-8, full_output: Any = 0,
    maxiter: int = 500,
) -> Any:  # fmt: skip
    """A minimum of a function of one number, by Brent's method; see `minimize_scalar`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.brent.html
    """
    return _simple("brent", func, args, brack, full_output, tol=tol, maxiter=maxiter)


@solver
def golden(
    func: Any, args: Any = (), brack: Any = None, tol: Any = _STEP, full_output: Any = 0,
    maxiter: int = 5000,
) -> Any:  # fmt: skip
    """A minimum of a function of one number, by the golden section; see `minimize_scalar`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.golden.html
    """
    return _simple("golden", func, args, brack, full_output, tol=tol, maxiter=maxiter)


@solver
def fminbound(
    func: Any, x1: Any, x2: Any, args: Any = (), xtol: float = 1e-5, maxfun: int = 500,
    full_output: Any = 0, disp: Any = 1,
) -> Any:  # fmt: skip
    """A minimum of a function of one number between `x1` and `x2`; see `minimize_scalar`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fminbound.html
    """

    def find(e: Element, f: Any, given: Any) -> tuple[Any, Any]:
        low, high = [e.floats(x).item() for x in given]
        found = theirs("fminbound")(f, low, high, (), xtol, maxfun, full_output, disp)
        return (found[0] if full_output else found), found

    solution, x, value = _lowest("fminbound", func, args, x1, (x1, x2), find, [(x1, x2)])
    return (x, value(solution.z), *only(solution)[2:]) if full_output else x
