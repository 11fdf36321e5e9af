"""Systems of equations and fixed points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.graph_breaks import collecting
from ...errors import UnsupportedError
from .calls import Call, Element, as_vector, shape_of, size_of
from .functions import derivative, on_flat, result, solver, start, theirs, tuple_of
from .implicit import Equations, Solution, implicit

__all__ = ["fixed_point", "fsolve", "root", "solved"]

#: Methods of `root` that take a Jacobian, and those that see x0 as a vector.
_WITH_JACOBIAN = ("hybr", "lm")
_FLAT = ("hybr", "lm", "df-sane")


def solved(
    where: str,
    fun: Callable[..., Any],
    x0: Any,
    args: Any,
    find: Callable[[Element, Callable[..., Any], Any, Any], tuple[Any, Any]],
    shape: Any = None,
    first: Any = None,
) -> tuple[Solution, Callable[..., Any], Any]:
    """The root of `fun` by ``find(element, fun, x0, args)``, the function of its value, and its
    shape. `shape` is the shape in which `fun` sees it, by default that of `x0`. `first` is a point
    where `fun` can be called, by default `x0`."""
    args = tuple_of(args)
    call = Call(where, {"args": args, "x0": x0}, (fun,))
    first = start(x0 if first is None else first, call)
    shape = tuple(first.shape) if shape is None else shape
    size = int(np.prod(tuple(first.shape)))
    flat = on_flat(fun, shape)

    def residual(z: Any, given: Any, active: Any) -> Any:
        return as_vector(flat(z, *given["args"]), call.backend)

    def probe(z: Any, given: Any) -> Any:
        return residual(z, given, None)

    def solve(e: Element) -> tuple[Any, Any]:
        return find(e, fun, e.given["x0"], e.given["args"])

    solution = implicit(call, solve, Equations(residual, probe), xp.reshape(first, (-1,)), size)

    def value(z: Any) -> Any:
        with collecting():
            return as_vector(flat(z, *args), call.backend)

    return solution, value, shape


def _shaped(z: Any, shape: Any) -> Any:
    return z if len(shape) == 1 else xp.reshape(z, shape)


@solver
def root(
    fun: Any, x0: Any, args: Any = (), method: str = "hybr", jac: Any = None, tol: Any = None,
    callback: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """A root of a system of equations, as a function of what `fun` depends on.

    `x` of the result is differentiable, to the third order, by `args` and by all Variables that
    `fun` refers to; it does not depend on `x0`. `fun` is written with pluggrad's functions or
    NumPy's. It also gives the Jacobian, unless there is a `jac`. Where the Jacobian is singular at
    the root, or no root was found, there is no derivative, and differentiating is an error.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.root.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.optimize
    >>> f = lambda x, a: x**3 - a
    >>> y = lambda a: pg.sum(pg.scipy.optimize.root(f, np.ones(2), (a,)).x)
    >>> pg.grad(y)(np.asarray([1.0, 8.0])).round(6)
    array([0.333333, 0.083333])
    """
    pair = jac is True
    function: Any = (lambda x, *args: fun(x, *args)[0]) if pair else fun
    kind = str(method).lower()

    def find(e: Element, f: Any, x0: Any, args: Any) -> tuple[Any, Any]:
        given = lambda x: f(x, *args)
        x0 = e.floats(x0)
        slope = derivative(e, given, x0.ravel()) if kind in _WITH_JACOBIAN and not jac else jac
        if pair:
            slope = e.plain(lambda x: fun(x, *args)[1])
        elif callable(jac):
            slope = e.plain(lambda x: jac(x, *args))
        found = theirs("root")(
            e.plain(given), x0, (), method, slope, tol=tol, callback=callback, options=options
        )
        return np.ravel(found.x), found

    flat = (size_of(x0),) if kind in _FLAT and len(shape_of(x0)) != 1 else None
    solution, value, shape = solved("root", function, x0, args, find, flat)
    x = _shaped(solution.z, shape)
    return result(solution, x=x, fun=_shaped(value(solution.z), shape))


@solver
def fsolve(
    func: Any, x0: Any, args: Any = (), fprime: Any = None, full_output: Any = 0,
    col_deriv: Any = 0, xtol: float = 1.49012e-8, maxfev: int = 0, band: Any = None,
    epsfcn: Any = None, factor: Any = 100, diag: Any = None,
) -> Any:  # fmt: skip
    """A root of a system of equations, as a function of what `func` depends on.

    It is differentiated as that of `root`. With `full_output`, only the root has a derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fsolve.html
    """

    def find(e: Element, f: Any, x0: Any, args: Any) -> tuple[Any, Any]:
        given = lambda x: f(x, *args)
        x0 = e.floats(x0)
        slope = None if band is not None else derivative(e, given, x0.ravel())
        if fprime is not None:
            slope = e.plain(lambda x: fprime(x, *args))
        columns = col_deriv if fprime is not None else 0
        found = theirs("fsolve")(
            e.plain(given), x0, (), slope, full_output, columns, xtol, maxfev, band, epsfcn,
            factor, diag,
        )  # fmt: skip
        return (found[0], found) if full_output else (found, found)

    flat = (size_of(x0),) if len(shape_of(x0)) != 1 else None
    solution, _, _ = solved("fsolve", func, x0, args, find, flat)
    return (solution.z, *only(solution)[1:]) if full_output else solution.z


def only(solution: Solution) -> Any:
    """What SciPy returned, a tuple; Nones in its place if there is one for each element of a
    batch."""
    results = solution.results
    if not results:
        raise UnsupportedError("what SciPy returns beside the solution is not known inside jit")
    return results[0] if len(results) == 1 else (None,) * len(results[0])


@solver
def fixed_point(
    func: Any, x0: Any, args: Any = (), xtol: float = 1e-8, maxiter: int = 500,
    method: str = "del2",
) -> Any:  # fmt: skip
    """A fixed point of `func`, as a function of what `func` depends on.

    It is differentiable by `args` and by all Variables that `func` refers to; see `root`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fixed_point.html
    """

    def find(e: Element, f: Any, x0: Any, args: Any) -> tuple[Any, Any]:
        plain = e.plain(lambda x: func(x, *args))
        found = theirs("fixed_point")(plain, e.floats(x0), (), xtol, maxiter, method)
        return np.ravel(found), found

    def moved(x: Any, *args: Any) -> Any:
        return func(x, *args) - x

    solution, _, shape = solved("fixed_point", moved, x0, args, find)
    return _shaped(solution.z, shape)
