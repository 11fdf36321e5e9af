"""Minima of functions of several numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...engine.graph_breaks import collecting
from ...transforms import grad
from .calls import Element, as_vector, shape_of, size_of
from .conditions import minimum
from .constraints import bounds_for, pairs, pieces_of
from .functions import derivative, number, result, solver, theirs, tuple_of
from .implicit import Solution

__all__ = ["minimize", "minimized"]

#: Methods that take a Hessian, and those that take a gradient.
_HESSIANS = {
    "newton-cg", "dogleg", "trust-ncg", "trust-krylov", "trust-exact", "trust-constr",
}  # fmt: skip
_SLOPES = {"cg", "bfgs", "l-bfgs-b", "tnc", "slsqp", *_HESSIANS}


def minimized(
    where: str,
    fun: Callable[..., Any],
    x0: Any,
    args: Any,
    find: Callable[[Element, Callable[[Any], Any], Any], tuple[Any, Any]],
    bounds: Any = None,
    constraints: Any = (),
    size: int | None = None,
    first: Any = None,
) -> tuple[Solution, Callable[[Any], Any]]:
    """The minimum of `fun` by ``find(element, f, x0)``, where f is a function of x alone, and the
    function of its value. `first` is a point where `fun` can be called, by default `x0`."""
    args = tuple_of(args)
    box = pairs(bounds, size_of(x0) if size is None else size)
    pieces = [*([] if box is None else [box]), *pieces_of(constraints)]

    def objective(x: Any, given: Any) -> Any:
        return number(fun(x, *given["args"]), where)

    def solve(e: Element) -> tuple[Any, Any]:
        return find(e, lambda x: fun(x, *e.given["args"]), e.given["x0"])

    given = {"args": args, "x0": x0}
    first = x0 if first is None else first
    solution = minimum(where, objective, first, given, solve, (fun,), pieces)

    def value(z: Any) -> Any:
        with collecting():
            return number(fun(z, *args), where, z)

    return solution, value


def slopes(e: Element, f: Callable[[Any], Any], x0: Any, jac: Any, method: str) -> Any:
    """What SciPy gets as `jac`: the user's, or the gradient of `f`."""
    if callable(jac):
        return e.plain(lambda x: jac(x, *e.given["args"]))
    if jac or method not in _SLOPES:
        return jac
    return derivative(e, lambda x: number(f(x), "minimize"), x0, True)


def hessians(e: Element, f: Callable[[Any], Any], x0: Any, hess: Any, method: str) -> Any:
    """What SciPy gets as `hess`: the user's, or the second derivative of `f`."""
    if callable(hess):
        return e.plain(lambda x: hess(x, *e.given["args"]))
    if hess is not None or method not in _HESSIANS:
        return hess
    slope = lambda x: as_vector(grad(lambda x: number(f(x), "minimize"))(x), e.backend)
    return derivative(e, slope, x0)


@solver
def minimize(
    fun: Any, x0: Any, args: Any = (), method: Any = None, jac: Any = None, hess: Any = None,
    hessp: Any = None, bounds: Any = None, constraints: Any = (), tol: Any = None,
    callback: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """A minimum, as a function of what `fun`, the bounds and the constraints depend on.

    `x` and `fun` of the result are differentiable by `args`, by all Variables that `fun` and the
    constraints refer to, and by Variables in `bounds`, `Bounds` and `LinearConstraint`. They do
    not depend on `x0`. `fun` is written with pluggrad's functions or NumPy's, and has two
    derivatives; it gives the gradient and the Hessian to all methods that want them, unless there
    are a `jac` and a `hess`.

    The derivatives are those of the conditions for a minimum, with the bounds and constraints that
    are active there. Where these conditions do not determine them, as at a singular Hessian, or no
    minimum was found, differentiating is an error.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.minimize.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.optimize
    >>> f = lambda x, a: pg.sum((x - a) ** 2) + x[0] * x[1]
    >>> y = lambda a: pg.scipy.optimize.minimize(f, np.zeros(2), a, bounds=[(0, None)] * 2).x[0]
    >>> pg.grad(y)(np.asarray([1.0, -1.0])).round(6)
    array([ 1., -0.])
    """
    pair = jac is True
    function: Any = (lambda x, *args: fun(x, *args)[0]) if pair else fun
    x0 = x0 if shape_of(x0) else [x0]
    if callable(method):
        kind = ""
    elif method is None:
        kind = "slsqp" if constraints else "bfgs" if bounds is None else "l-bfgs-b"
    else:
        kind = str(method).lower()

    def find(e: Element, f: Any, x0: Any) -> tuple[Any, Any]:
        first = e.floats(x0)
        slope = slopes(e, f, first, jac, kind)
        if pair:
            slope = e.plain(lambda x: fun(x, *e.given["args"])[1])
        curve = None if hessp is not None else hessians(e, f, first, hess, kind)
        product = None
        if callable(hessp):
            product = lambda x, p: e.value(hessp(e.lift(x), e.lift(p), *e.given["args"]))
        count = 0 if box is None else 1
        limits = [
            piece.made(e, data)
            for piece, data in zip(others, e.given["pieces"][count:], strict=True)
        ]
        found = theirs("minimize")(
            e.plain(f, scalar=True), first, (), method, slope, curve, product,
            bounds_for(e, box), limits, tol, callback, options,
        )  # fmt: skip
        return found.x, found

    box, others = pairs(bounds, size_of(x0)), pieces_of(constraints)
    solution, value = minimized("minimize", function, x0, args, find, bounds, constraints)
    return result(solution, x=solution.z, fun=value(solution.z))
