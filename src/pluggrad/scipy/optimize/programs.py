"""Linear least squares and linear programs, by their matrices, and problems without derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...errors import InvalidArgumentError
from ..rows import public
from .calls import Call, Element, shape_of, size_of, stacked
from .conditions import minimum
from .constraints import Bounds, Piece, dense, pairs, rows_of
from .fits import box_of, limits_for
from .functions import result, solver, theirs

__all__ = ["isotonic_regression", "linear_sum_assignment", "linprog", "lsq_linear", "nnls", "rosen",
           "rosen_der", "rosen_hess", "rosen_hess_prod"]  # fmt: skip

#: SciPy's own default of `atol`, which has no effect.
_NONE = object()


def _least(where: str, A: Any, b: Any, find: Any, bounds: Any) -> Any:
    """The solution of least squares ``A @ x = b`` within bounds that ``find(element, A, b, box)``
    finds."""
    A = dense(A)
    shape = shape_of(A)
    if len(shape) != 2 or not shape[1]:
        raise InvalidArgumentError(f"scipy.optimize.{where}: A is a matrix, not the shape {shape}")
    box = None if bounds is None else pairs(bounds, shape[1])

    def remainder(x: Any, given: Any) -> Any:
        return xp.matmul(stacked(given["A"], x), x) - xp.reshape(stacked(given["b"], x), (-1,))

    def objective(x: Any, given: Any) -> Any:
        return 0.5 * xp.sum(remainder(x, given) ** 2)

    def solve(e: Element) -> tuple[Any, Any]:
        return find(e, e.floats(e.given["A"]), e.floats(e.given["b"]), box)  # type: ignore[no-any-return]

    given = {"A": A, "b": b}
    solution = minimum(
        where, objective, np.ones(shape[1]), given, solve, (), [] if box is None else [box]
    )
    return solution, remainder(solution.z, given)


@solver
def nnls(A: Any, b: Any, *, maxiter: Any = None, atol: Any = _NONE) -> Any:
    """The least squares ``A @ x = b`` with no negative x, and the norm of what remains.

    Both are differentiable by `A` and `b`, with the zeros of x kept. `atol` has no effect, as in
    SciPy.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.nnls.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.optimize
    >>> a = np.asarray([[1.0, 0.0], [1.0, 1.0]])
    >>> pg.grad(lambda b: pg.scipy.optimize.nnls(a, b)[0][0])(np.asarray([2.0, 1.0])).round(6)
    array([0.5, 0.5])
    """

    def find(e: Element, A: Any, b: Any, box: Any) -> tuple[Any, Any]:
        found = theirs("nnls")(A, b, maxiter=maxiter)
        return found[0], found

    solution, rest = _least("nnls", A, b, find, Bounds(0.0, np.inf))
    return solution.z, xp.linalg.vector_norm(rest)


@solver
def lsq_linear(
    A: Any, b: Any, bounds: Any = (-np.inf, np.inf), method: str = "trf", tol: float = 1e-10,
    lsq_solver: Any = None, lsmr_tol: Any = None, max_iter: Any = None, verbose: Any = 0, *,
    lsmr_maxiter: Any = None,
) -> Any:  # fmt: skip
    """The least squares ``A @ x = b`` within bounds.

    `x`, `fun` and `cost` of the result are differentiable by `A`, `b` and the bounds that are
    active. A sparse `A` becomes dense.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.lsq_linear.html
    """

    def find(e: Element, A: Any, b: Any, box: Any) -> tuple[Any, Any]:
        found = theirs("lsq_linear")(
            A, b, limits_for(e, box), method, tol, lsq_solver, lsmr_tol, max_iter, verbose,
            lsmr_maxiter=lsmr_maxiter,
        )  # fmt: skip
        return found.x, found

    solution, rest = _least("lsq_linear", A, b, find, box_of(bounds))
    return result(solution, x=solution.z, fun=rest, cost=0.5 * xp.sum(rest**2))


def _rows(data: Any, x: Any) -> Any:
    return xp.matmul(rows_of(data["A"], x), x)


def _linear(a: Any, b: Any, equal: bool, where: str) -> list[Piece]:
    """The constraints ``a @ x <= b``, or ``==``."""
    if a is None:
        return []
    if b is None:
        raise InvalidArgumentError(f"scipy.optimize.{where}: each matrix comes with its limits")
    data = {"low": b if equal else -np.inf, "up": b, "A": dense(a)}
    return [Piece(data, lambda x, data: _rows(data, x), lambda e, data: None)]


@solver
def linprog(
    c: Any, A_ub: Any = None, b_ub: Any = None, A_eq: Any = None, b_eq: Any = None,
    bounds: Any = (0, None), method: str = "highs", callback: Any = None, options: Any = None,
    x0: Any = None, integrality: Any = None,
) -> Any:  # fmt: skip
    """The solution of a linear program.

    `x` and `fun` of the result are differentiable by `c` and by the matrices and limits of the
    constraints that are active at the solution. Where these do not determine it, as at a vertex
    with more active constraints than unknowns or along an edge of solutions, differentiating is an
    error. `integrality` is for constants.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.linprog.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.optimize
    >>> a = np.asarray([[1.0, 2.0], [3.0, 1.0]])
    >>> value = lambda b: pg.scipy.optimize.linprog([-1.0, -1.0], a, b).fun
    >>> pg.grad(value)(np.asarray([4.0, 6.0])).round(6)
    array([-0.4, -0.2])
    """
    n = size_of(c)
    pair = not hasattr(bounds, "lb") and len(bounds) == 2 and shape_of(bounds[0]) == ()
    box = pairs([tuple(bounds)] * n if pair else bounds, n)
    assert box is not None
    pieces = [box, *_linear(A_ub, b_ub, False, "linprog"), *_linear(A_eq, b_eq, True, "linprog")]
    given = {"c": c, "x0": x0}

    def objective(x: Any, given: Any) -> Any:
        return xp.sum(xp.reshape(stacked(given["c"], x), (-1,)) * x)

    def find(e: Element) -> tuple[Any, Any]:
        data = list(e.given["pieces"])
        limits = box.made(e, data[0])
        parts = [(e.floats(d["A"]), np.ravel(e.floats(d["up"]))) for d in data[1:]]
        ub = parts.pop(0) if A_ub is not None else (None, None)
        eq = parts.pop(0) if A_eq is not None else (None, None)
        start = None if x0 is None else e.floats(e.given["x0"])
        found = theirs("linprog")(
            np.ravel(e.floats(e.given["c"])), *ub, *eq,
            list(zip(limits.lb, limits.ub, strict=True)), method, callback, options, start,
            integrality,
        )  # fmt: skip
        return (np.full(n, np.nan) if found.x is None else found.x), found

    solution = minimum("linprog", objective, np.ones(n), given, find, (), pieces)
    return result(solution, x=solution.z, fun=objective(solution.z, given))


@solver
def isotonic_regression(y: Any, *, weights: Any = None, increasing: bool = True) -> Any:
    """The monotonic sequence that is nearest to `y`: `x` of the result is differentiable by both.

    Its blocks of equal numbers are kept.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.isotonic_regression.html
    """
    n = size_of(y)
    given = {"y": y, "w": weights}
    sign = 1.0 if increasing else -1.0

    def objective(x: Any, given: Any) -> Any:
        d = (x - stacked(given["y"], x)) ** 2
        return 0.5 * xp.sum(d if given["w"] is None else d * stacked(given["w"], x))

    def find(e: Element) -> tuple[Any, Any]:
        w = None if weights is None else e.floats(e.given["w"])
        found = theirs("isotonic_regression")(
            e.floats(e.given["y"]), weights=w, increasing=increasing
        )
        return found.x, found

    rises = Piece({"low": 0.0, "up": np.inf}, lambda x, data: sign * (x[1:] - x[:-1]),
                  lambda e, data: None)  # fmt: skip
    solution = minimum(
        "isotonic_regression", objective, y, given, find, (), [rises] if n > 1 else []
    )
    return result(solution, x=solution.z)


def linear_sum_assignment(cost_matrix: Any, maximize: bool = False, /) -> Any:
    """The rows and the columns of the assignment of least cost, two arrays of integers.

    They are constants in derivatives: ``cost_matrix[rows, columns]`` has the gradient. Inside
    `vmap`, there is one assignment for each element.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.linear_sum_assignment.html
    """
    call = Call("linear_sum_assignment", {"c": cost_matrix})
    batches = call.batches(lambda: ())
    rows = []
    for index in np.ndindex(*[b.size for b in batches]):
        e = Element(call, dict(zip(batches, index, strict=True)))
        rows.append(theirs("linear_sum_assignment")(e.value(e.given["c"]), maximize))
    return tuple([call.assembled(list(x), batches) for x in zip(*rows, strict=True)])


@public("optimize", arrays="x")
def rosen(x: Any) -> Any:
    """Rosenbrock's function, along the first axis.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.rosen.html
    """
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2, axis=0)


@public("optimize", arrays="x")
def rosen_der(x: Any) -> Any:
    """The gradient of Rosenbrock's function.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.rosen_der.html
    """
    rise = x[1:] - x[:-1] ** 2
    zero = xp.zeros_like(x[:1])
    first = xp.concat([-400 * x[:-1] * rise - 2 * (1 - x[:-1]), zero], axis=0)
    return first + xp.concat([zero, 200 * rise], axis=0)


@public("optimize", arrays="x")
def rosen_hess(x: Any) -> Any:
    """The Hessian of Rosenbrock's function at a vector.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.rosen_hess.html
    """
    zero = xp.zeros_like(x[:1])
    main = xp.concat([1200 * x[:-1] ** 2 - 400 * x[1:] + 2, zero])
    main = main + xp.concat([zero, xp.zeros_like(x[1:]) + 200])
    beside = -400 * x[:-1]
    return xp.diag(main) + xp.diag(beside, k=1) + xp.diag(beside, k=-1)


@public("optimize", arrays="x p")
def rosen_hess_prod(x: Any, p: Any) -> Any:
    """The product of the Hessian of Rosenbrock's function with a vector.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.rosen_hess_prod.html
    """
    return xp.matmul(rosen_hess(x), p)
