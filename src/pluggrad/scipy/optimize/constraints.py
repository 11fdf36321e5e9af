"""Bounds and constraints: what solvers take for them, and the conditions that they state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...arrays.backend import Backend, backend_of
from ...arrays.dispatch import is_variable, xp
from ...engine.handles import raw_of
from ...errors import InvalidArgumentError
from .calls import Element, as_vector, is_array, stacked
from .functions import derivative, theirs, tuple_of

__all__ = ["Bounds", "Conditions", "LinearConstraint", "NonlinearConstraint", "bounds_for", "pairs",
           "pieces_of"]  # fmt: skip


class Bounds:
    """Bounds of the unknowns, as `scipy.optimize.Bounds`; `lb` and `ub` may be Variables.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.Bounds.html
    """

    def __init__(self, lb: Any = -np.inf, ub: Any = np.inf, keep_feasible: Any = False) -> None:
        self.lb, self.ub, self.keep_feasible = lb, ub, keep_feasible


class LinearConstraint:
    """The constraint ``lb <= A @ x <= ub``, as `scipy.optimize.LinearConstraint`.

    `A`, `lb` and `ub` may be Variables.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.LinearConstraint.html
    """

    def __init__(
        self, A: Any, lb: Any = -np.inf, ub: Any = np.inf, keep_feasible: Any = False
    ) -> None:
        self.A, self.lb, self.ub, self.keep_feasible = A, lb, ub, keep_feasible


class NonlinearConstraint:
    """The constraint ``lb <= fun(x) <= ub``, as `scipy.optimize.NonlinearConstraint`.

    `fun` may refer to Variables, and `lb` and `ub` may be some. `fun` gives its Jacobian, unless
    there is a `jac` which is a function.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.NonlinearConstraint.html
    """

    def __init__(
        self, fun: Any, lb: Any, ub: Any, jac: Any = "2-point", hess: Any = None,
        keep_feasible: Any = False, finite_diff_rel_step: Any = None,
        finite_diff_jac_sparsity: Any = None,
    ) -> None:  # fmt: skip
        self.fun, self.lb, self.ub, self.jac, self.hess = fun, lb, ub, jac, hess
        self.keep_feasible = keep_feasible
        self.finite_diff_rel_step = finite_diff_rel_step
        self.finite_diff_jac_sparsity = finite_diff_jac_sparsity


@dataclass
class Piece:
    """One constraint ``low <= f(x) <= up``: its data, a tree of arrays, and what SciPy takes.

    ``value(x, data)`` is f(x), and ``made(element, data)`` is SciPy's object.
    """

    data: Any
    value: Callable[[Any, Any], Any]
    made: Callable[[Element, Any], Any]
    function: Any = None


def _limits(data: Any) -> tuple[Any, Any]:
    return data["low"], data["up"]


def bounds_piece(low: Any, up: Any, made: Callable[[Element, Any], Any] | None = None) -> Piece:
    """Bounds of the unknowns themselves."""
    return Piece({"low": low, "up": up}, lambda x, data: x, made or (lambda e, data: None))


def pieces_of(constraints: Any) -> list[Piece]:
    """The constraints that `minimize` takes: one of them, or several."""
    one = isinstance(constraints, dict) or not isinstance(constraints, (list, tuple))
    return [_piece(c) for c in ([constraints] if one else constraints)]


def _piece(c: Any) -> Piece:
    if isinstance(c, dict):
        return _of_dict(c)
    if hasattr(c, "A"):

        def linear(e: Element, data: Any) -> Any:
            low, up = [e.floats(x) for x in _limits(data)]
            return theirs("LinearConstraint")(e.floats(data["A"]), low, up, c.keep_feasible)

        return Piece({"low": c.lb, "up": c.ub, "A": dense(c.A)},
                     lambda x, data: xp.matmul(rows_of(data["A"], x), x), linear)  # fmt: skip
    if hasattr(c, "fun"):

        def nonlinear(e: Element, data: Any) -> Any:
            low, up = [e.floats(x) for x in _limits(data)]
            given = {
                key: getattr(c, key)
                for key in ("keep_feasible", "finite_diff_rel_step", "finite_diff_jac_sparsity")
                if getattr(c, key, None) is not None
            }
            jac = e.plain(c.jac) if callable(c.jac) else _later(e, c.fun, c.jac)
            if c.hess is not None:
                given["hess"] = e.plain(c.hess)
            return theirs("NonlinearConstraint")(e.plain(c.fun), low, up, jac, **given)

        return Piece({"low": c.lb, "up": c.ub}, lambda x, data: c.fun(x), nonlinear, c.fun)
    raise InvalidArgumentError(f"a constraint is a dict or one of SciPy's classes, not {c!r}")


def _later(e: Element, fun: Any, otherwise: Any) -> Any:
    """The Jacobian of `fun`, found when it is first needed."""
    found: list[Any] = []
    one: list[Any] = []

    def call(x: Any) -> Any:
        if not found:
            found.append(derivative(e, fun, x))
            one.append(np.ndim(e.value(fun(e.lift(x)))) == 0)
        y = found[0](x) if found[0] is not None else theirs("approx_fprime")(x, e.plain(fun))
        return y[0] if one[0] and np.ndim(y) == 2 else y

    return call if otherwise in ("2-point", None) else otherwise


def _of_dict(c: Any) -> Piece:
    kind = str(c.get("type")).lower()
    if kind not in ("eq", "ineq") or not callable(c.get("fun")):
        raise InvalidArgumentError(
            "a constraint has the 'type' 'eq' or 'ineq', and a function 'fun'"
        )
    fun, jac = c["fun"], c.get("jac")

    def made(e: Element, data: Any) -> Any:
        args = data["args"]
        given = lambda x: fun(x, *args)
        slope = e.plain(lambda x: jac(x, *args)) if callable(jac) else _later(e, given, jac)
        return {"type": kind, "fun": e.plain(given), "jac": slope}

    data = {"low": 0.0, "up": 0.0 if kind == "eq" else np.inf, "args": tuple_of(c.get("args", ()))}
    return Piece(data, lambda x, data: fun(x, *data["args"]), made, fun)


def dense(a: Any) -> Any:
    """A matrix; one of SciPy's sparse ones becomes dense."""
    return a.toarray() if hasattr(a, "toarray") and not is_variable(a) else a


def rows_of(a: Any, x: Any) -> Any:
    """`a`, an array or lists, as a matrix beside `x`."""
    a = stacked(a, x)
    return xp.reshape(a, (1, -1)) if a.ndim == 1 else a


def pairs(bounds: Any, n: int) -> Piece | None:
    """Bounds as `minimize` takes them: pairs, or an object with `lb` and `ub`."""
    if bounds is None:
        return None
    if hasattr(bounds, "lb"):
        low, up, feasible = bounds.lb, bounds.ub, getattr(bounds, "keep_feasible", False)
    else:
        bounds = [tuple(pair) for pair in bounds]
        if bounds and any([len(pair) != 2 for pair in bounds]):
            raise InvalidArgumentError("bounds are pairs (low, up)")
        low = [-np.inf if pair[0] is None else pair[0] for pair in bounds]
        up = [np.inf if pair[1] is None else pair[1] for pair in bounds]
        feasible = False

    def made(e: Element, data: Any) -> Any:
        low, up = [np.broadcast_to(e.floats(x), (n,)) for x in _limits(data)]
        return theirs("Bounds")(low, up, feasible)

    return bounds_piece(low, up, made)


def bounds_for(e: Element, piece: Piece | None) -> Any:
    """SciPy's bounds."""
    return None if piece is None else piece.made(e, e.given["pieces"][0])


class Conditions:
    """Constraints as one vector c(x): where `equal`, it is 0, and elsewhere not negative.

    Its layout depends on which limits are finite and which are equal; it is the same for all
    elements of a batch.
    """

    def __init__(self, pieces: list[Piece], x: Any, backend: Backend) -> None:
        self.pieces, self.backend = pieces, backend
        self.layouts: list[Any] = []
        equal: list[np.ndarray] = []
        for piece in pieces:
            size = int(as_vector(piece.value(x, piece.data), backend).shape[0])
            low, up = [
                _known(limit, size, unknown)
                for limit, unknown in zip(_limits(piece.data), (-1.0, 1.0), strict=True)
            ]
            same = (low == up).all(axis=0)
            below, above = [np.isfinite(limit).any(axis=0) & ~same for limit in (low, up)]
            where = [np.flatnonzero(k) for k in (same, below, above)]
            self.layouts.append((size, where))
            equal += [np.full(len(k), n == 0) for n, k in enumerate(where)]
        self.equal = np.concatenate(equal) if equal else np.zeros(0, bool)

    def __call__(self, x: Any, data: Any) -> Any:
        """The vector at `x`; `data` are those of the pieces."""
        parts: list[Any] = []
        for piece, given, (size, where) in zip(self.pieces, data, self.layouts, strict=True):
            value = as_vector(piece.value(x, given), self.backend)
            for n, k in enumerate(where):
                if not len(k):
                    continue
                limit = stacked(given["up" if n == 2 else "low"], value)
                at = _some(value, k, size)
                if limit.ndim:
                    limit = _some(xp.broadcast_to(limit, (size,)), k, size)
                parts.append(limit - at if n == 2 else at - limit)
        return xp.concat(parts) if len(parts) > 1 else parts[0]


def _some(x: Any, places: np.ndarray, size: int) -> Any:
    """The elements of `x` at these places."""
    if len(places) == size:
        return x
    return xp.take(x, constant_places(places, x), axis=0)


def constant_places(places: np.ndarray, x: Any) -> Any:
    """`places` as an array of the library of `x`."""
    backend = backend_of(x)
    assert backend is not None
    return backend.namespace.asarray_constant(backend.raw("asarray")(places))


def _known(limit: Any, size: int, unknown: float) -> np.ndarray:
    """The values of a limit, one row for each element of a batch; `unknown` while another library
    traces."""
    if isinstance(limit, (list, tuple)):
        columns = [_known(x, 1, unknown) for x in limit]
        return np.concatenate(np.broadcast_arrays(*columns), axis=1)
    if not is_array(limit):
        return np.full((1, size), np.asarray(limit, float))
    raw = raw_of(limit)
    backend = backend_of(raw)
    found = None if backend is None else backend.adapter.host(raw)
    if found is None:
        return np.full((1, size), unknown)
    own = tuple(limit.shape) or (1,)
    rows = np.asarray(found, float).reshape(-1, *own)
    return np.broadcast_to(rows, (rows.shape[0], size))
