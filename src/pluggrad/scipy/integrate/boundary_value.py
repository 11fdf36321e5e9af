"""Boundary value problems, differentiated by the equations of the solution on its mesh."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.dispatch import is_variable, xp
from ...engine.closures import seen
from ...errors import InvalidArgumentError, UnsupportedError
from ...functions.operand import as_array, as_doubles
from ...transforms import stop_gradient
from ..interpolate import CubicHermiteSpline
from ..rows import explained, scipy_module
from ..sparse import csc_array
from ..sparse.linalg import splu
from .calls import backend_in, known, on_host, some_tracked

__all__ = ["solve_bvp"]

WHERE = "scipy.integrate.solve_bvp"


@explained("integrate")
def solve_bvp(
    fun: Any, bc: Any, x: Any, y: Any, p: Any = None, S: Any = None, fun_jac: Any = None,
    bc_jac: Any = None, tol: float = 1e-3, max_nodes: int = 1000, verbose: int = 0,
    bc_tol: Any = None,
) -> Any:  # fmt: skip
    """The solution of ``dy/dx = fun(x, y)`` with ``bc(y(a), y(b)) = 0``, on a mesh.

    It is differentiable by the Variables that `fun` and `bc` have captured, in `y`, `yp`, the
    unknown parameters `p` and the spline `sol`. SciPy finds the mesh and the solution; the
    derivative is that of the equations which the solution fulfils on this mesh, as precise as `tol`
    makes it. The first guess has no derivative, nor has a problem with a singular term `S`. `fun`
    and `bc` return arrays, Variables or lists of these.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.solve_bvp.html
    """
    backend = backend_in(*seen(fun).variables, *seen(bc).variables, x, y, p)
    namespace = backend.namespace
    lift = namespace.asarray if backend.name != "numpy" else lambda x: x
    x, y = [known(stop_gradient(v) if is_variable(v) else v, WHERE) for v in (x, y)]
    guess = None if p is None else known(stop_gradient(p) if is_variable(p) else p, WHERE)
    host_fun, host_bc = [
        on_host(lambda *xs, f=f: f(*map(lift, xs)), (), WHERE) for f in (fun, bc)
    ]  # fmt: skip
    raw = scipy_module("integrate").solve_bvp(
        host_fun, host_bc, x, y, guess, S, _maybe(fun_jac), _maybe(bc_jac), tol, max_nodes,
        verbose, bc_tol,
    )  # fmt: skip
    states = as_doubles(as_array(namespace.asarray(raw.y), WHERE, "y"))
    k = 0 if raw.p is None else raw.p.size
    given = () if raw.p is None else (namespace.asarray(raw.p),)

    def slopes(at: Any, y: Any, given: Any) -> Any:
        return _stacked(fun(lift(at), y, *given), states, tuple(y.shape))

    def ends(y: Any, given: Any) -> Any:
        n = y.shape[1] - 1
        return _stacked(bc(y[:, 0], y[:, n], *given), states, (y.shape[0] + k,))

    tracked = some_tracked(slopes(raw.x, states, given), ends(states, given))
    if tracked and S is not None:
        raise UnsupportedError(f"pluggrad.{WHERE}(S=...) has no derivative")
    if tracked and raw.status:
        raise InvalidArgumentError(f"{WHERE} has found no solution to differentiate: {raw.message}")
    if tracked:
        residual = lambda y, given: _residuals(slopes, ends, raw.x, lift(np.diff(raw.x)), y, given)
        jacobian = _jacobian(host_fun, host_bc, raw)
        states, given = _solved(residual, jacobian, states, given)
    raw.y, raw.yp = states, slopes(raw.x, states, given)
    raw.p = given[0] if given else None
    raw.sol = CubicHermiteSpline(namespace.asarray(raw.x), states, raw.yp, axis=1)
    return raw


def _maybe(function: Any) -> Any:
    """SciPy's view of a function that returns several arrays."""
    if function is None:
        return None
    return lambda *xs: tuple([
        None if z is None else known(stop_gradient(z) if is_variable(z) else z, WHERE)
        for z in function(*xs)
    ])  # fmt: skip


def _stacked(found: Any, like: Any, shape: tuple[int, ...]) -> Any:
    """What a user's function returned, as a Variable of this shape; a list may hold numbers beside
    rows."""
    if isinstance(found, (list, tuple)) and len(shape) == 2:
        row = xp.broadcast_to(xp.zeros_like(like[0, :1]), (shape[1],))
        found = xp.stack([row + part for part in found])
    found = as_array(found, WHERE, "the result of a function", like)
    found = found if is_variable(found) else like._backend.namespace.asarray(found)
    return found if tuple(found.shape) == shape else xp.reshape(found, shape)


def _residuals(slopes: Any, ends: Any, x: Any, h: Any, y: Any, given: Any) -> Any:
    """By how much the equations on the mesh are not fulfilled: those of each interval, and those
    at the ends."""
    last, f = y.shape[1] - 1, slopes(x, y, given)
    before, after = y[:, :last], y[:, 1:]
    middle = (before + after) / 2.0 - h / 8.0 * (f[:, 1:] - f[:, :last])
    f_middle = slopes((x[:-1] + x[1:]) / 2.0, middle, given)
    inner = after - before - h / 6.0 * (f[:, :last] + f[:, 1:] + 4.0 * f_middle)
    return xp.concat([xp.reshape(xp.matrix_transpose(inner), (-1,)), ends(y, given)])


def _solved(residual: Any, jacobian: Any, y: Any, given: Any) -> tuple[Any, Any]:
    """The states and parameters with their derivatives: Newton's steps from SciPy's solution, which
    change nothing, carry the first and the second derivative."""
    n, m = y.shape
    lu = splu(csc_array((y._backend.namespace.asarray(jacobian.data), jacobian.indices,
                         jacobian.indptr), shape=jacobian.shape))  # fmt: skip
    for _ in range(2):
        step = lu.solve(residual(y, given))
        step = step - stop_gradient(step)
        y = y - xp.matrix_transpose(xp.reshape(step[: n * m], (m, n)))
        if given:
            given = (given[0] - step[n * m :],)
    return y, given


def _jacobian(host_fun: Any, host_bc: Any, raw: Any) -> Any:
    """The derivative of the equations by the states of all nodes, one after the other, and by the
    parameters: by differences, as SciPy has it where users give none."""
    x, y = raw.x, raw.y
    n, m = y.shape
    p = np.zeros(0) if raw.p is None else raw.p
    rest: Callable[[Any], tuple[Any, ...]] = lambda p: (p,) if raw.p is not None else ()
    h, sparse = np.diff(x), scipy_module("sparse")

    def by_state(at: Any, y: Any) -> Any:
        return np.stack([
            _slope(lambda s, i=i: host_fun(at, y + s * np.eye(n)[:, i : i + 1], *rest(p)), y[i])
            for i in range(n)
        ], axis=1)  # fmt: skip

    def by_parameter(at: Any, y: Any) -> Any:
        return [_slope(lambda s, e=e: host_fun(at, y, *rest(p + s * e)), p) for e in np.eye(p.size)]

    f = host_fun(x, y, *rest(p))
    middle = (y[:, :-1] + y[:, 1:]) / 2 - h / 8 * np.diff(f, axis=1)
    at = x[:-1] + h / 2
    j, jm = by_state(x, y), by_state(at, middle)
    eye = np.eye(n)[:, :, None]
    through: Callable[[Any], Any] = lambda a: np.einsum("ikt,kjt->ijt", jm, a)
    left = -eye - h / 6 * (j[..., :-1] + 2 * jm) - h**2 / 12 * through(j[..., :-1])
    right = eye - h / 6 * (j[..., 1:] + 2 * jm) + h**2 / 12 * through(j[..., 1:])
    blocks: list[list[Any]] = [[None] * m for _ in range(m)]
    for t in range(m - 1):
        blocks[t][t], blocks[t][t + 1] = left[..., t], right[..., t]
    one: Callable[..., Any] = lambda s, i, k: y[:, k] + s * np.eye(n)[i]
    for k in (0, m - 1):
        blocks[m - 1][k] = np.stack([
            _slope(lambda s, i=i, k=k: host_bc(*[
                one(s, i, k) if k == at else y[:, at] for at in (0, m - 1)
            ], *rest(p)), y[i, k : k + 1]) for i in range(n)
        ], axis=1)  # fmt: skip
    if p.size:
        fp, fm = by_parameter(x, y), by_parameter(at, middle)
        columns = []
        for e, a, b in zip(np.eye(p.size), fp, fm, strict=True):
            bent = b - h / 8 * np.einsum("ikt,kt->it", jm, np.diff(a, axis=1))
            inner = -h / 6 * (a[:, :-1] + a[:, 1:] + 4 * bent)
            end = _slope(lambda s, e=e: host_bc(y[:, 0], y[:, -1], *rest(p + s * e)), p)
            columns.append(np.concatenate([inner.T.reshape(-1), end]))
        first = sparse.block_array(blocks[:-1], format="csr") if m > 1 else None
        last = sparse.hstack([sparse.csr_array(b) if b is not None else
                              sparse.csr_array((n + p.size, n)) for b in blocks[-1]])  # fmt: skip
        whole = sparse.vstack([first, last])
        return sparse.hstack([whole, sparse.csr_array(np.stack(columns, axis=1))], format="csc")
    return sparse.block_array(blocks, format="csc")


def _slope(function: Any, scale: Any) -> Any:
    """The derivative at 0 of a function of a small number, by central differences."""
    step = 6e-6 * max(float(np.abs(scale).max(initial=0.0)), 1.0)
    return (np.asarray(function(step)) - np.asarray(function(-step))) / (2 * step)
