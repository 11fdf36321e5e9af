"""Least squares with a sparse matrix, differentiated by the equations of the solution."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....arrays.dispatch import is_variable, xp
from ....errors import DifferentiationError, UnsupportedError
from ....functions.gathering import values_of
from ....functions.operand import as_array, as_floats
from ....transforms import stop_gradient
from ...arguments import constant
from ...rows import explained, scipy_module
from ..array import SparseArray, as_sparse, constant_like, promoted
from ..build import block_array, eye_array
from .operator import host_operator, is_operator
from .systems import spsolve

__all__ = ["lsmr", "lsqr"]


def _solved(name: str, A: Any, b: Any, damp: Any, x0: Any, options: dict[str, Any]) -> Any:
    """SciPy's results, with the solution as a Variable."""
    where = f"scipy.sparse.linalg.{name}"
    solve = getattr(scipy_module("sparse.linalg"), name)
    a = A if is_operator(A) else as_sparse(A).merged()
    like = a.data if isinstance(a, SparseArray) else b
    b = as_array(b, where, "b", like)
    b = as_floats(b if is_variable(b) else constant_like(b, b))
    flat = xp.reshape(b, (-1,))
    known = [values_of(stop_gradient(x) if is_variable(x) else x) for x in (flat, damp, x0)]
    if any(x is None and y is not None for x, y in zip(known, (flat, damp, x0), strict=True)):
        raise UnsupportedError(f"{where}: the values are not known here: call it outside of vmap")
    values, size, start = known
    found = solve(host_operator(a), np.asarray(values), damp=float(size), x0=start, **options)
    x = b._backend.namespace.asarray(found[0])
    tracked = (isinstance(a, SparseArray) and a.requires_grad) or b._tracked or (
        is_variable(damp) and damp._tracked
    )  # fmt: skip
    if not tracked:
        return (x, *found[1:])
    if not isinstance(a, SparseArray):
        raise UnsupportedError(f"pluggrad.{where}: there is no derivative of operators")
    wide = a.shape[0] < a.shape[1] and not size
    if wide and start is not None:
        raise UnsupportedError(f"pluggrad.{where}(x0=...) has no derivative of a wide matrix")
    exact = _exact(a, flat, damp if is_variable(damp) else float(damp), wide)
    off = np.abs(np.asarray(values_of(stop_gradient(exact))) - found[0]).max(initial=0.0)
    size = np.abs(found[0]).max(initial=0.0)
    if not off <= 1e-3 * max(size, 1e-300):
        raise DifferentiationError(
            f"{where}: the solution is off that of the equations by {off:.1e}: it has not "
            "converged, or the matrix has not full rank; then there is no derivative"
        )
    return (exact + (x - stop_gradient(exact)), *found[1:])


def _exact(a: SparseArray, b: Any, damp: Any, wide: bool) -> Any:
    """The solution by the factors of a greater system."""
    m, n = a.shape
    data, b = promoted(as_floats(a.over(b._backend)), b)
    a = a._made(a.pattern, data)
    zeros = constant("zeros", n, beside=b, dtype=b.dtype)
    if wide:  # x = Aᴴ z and A x = b
        system = block_array([[-eye_array(n), a.H], [a, None]], format="csc")
        return spsolve(system, xp.concat([zeros, b]))[:n]
    lower = None if not is_variable(damp) and not damp else eye_array(n) * (-(damp * damp))
    system = block_array([[eye_array(m), a], [a.H, lower]], format="csc")
    return spsolve(system, xp.concat([b, zeros]))[m:]  # r = b - A x, and Aᴴ r = damp² x


@explained("sparse.linalg")
def lsqr(
    A: Any, b: Any, damp: Any = 0.0, atol: float = 1e-6, btol: float = 1e-6, conlim: float = 1e8,
    iter_lim: Any = None, show: bool = False, calc_var: bool = False, x0: Any = None,
) -> Any:  # fmt: skip
    """The least-squares solution of ``A @ x = b``, and SciPy's report.

    The solution is differentiable by the data of `A`, by `b` and by `damp`, for matrices of full
    rank: its derivative is that of the exact solution. The other results are constants.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.lsqr.html
    """
    return _solved("lsqr", A, b, damp, x0, {
        "atol": atol, "btol": btol, "conlim": conlim, "iter_lim": iter_lim, "show": show,
        "calc_var": calc_var})  # fmt: skip


@explained("sparse.linalg")
def lsmr(
    A: Any, b: Any, damp: Any = 0.0, atol: float = 1e-6, btol: float = 1e-6, conlim: float = 1e8,
    maxiter: Any = None, show: bool = False, x0: Any = None,
) -> Any:  # fmt: skip
    """The least-squares solution of ``A @ x = b``, and SciPy's report.

    It is differentiable as `lsqr` is.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.lsmr.html
    """
    options = {"atol": atol, "btol": btol, "conlim": conlim, "maxiter": maxiter, "show": show}
    return _solved("lsmr", A, b, damp, x0, options)
