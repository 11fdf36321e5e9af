"""Functions of NumPy arrays for the rows of `pluggrad.scipy.linalg`, of one matrix or many."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import scipy.linalg
from scipy.linalg import lapack

__all__ = ["banded", "expm_derivative", "hermitian_banded", "hermitian_eigh", "logarithm",
           "lu_pivoted", "permutation", "qr_pivots", "root", "sylvester", "triangle_of_product",
           "triangular", "unitary"]  # fmt: skip

_TRTRS = {
    "f": lapack.strtrs, "d": lapack.dtrtrs, "F": lapack.ctrtrs, "D": lapack.ztrtrs,
}  # fmt: skip


def triangular(x1: Any, x2: Any, *, lower: bool, unit: bool, kept: Any) -> Any:
    """The solution of triangular systems, as the only result of several."""
    if x1.ndim == x2.ndim == 2 and x1.size and x2.size:
        return (_triangular(x1, x2, lower, unit),)
    front = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    x1 = np.broadcast_to(x1, (*front, *x1.shape[-2:]))
    x2 = np.broadcast_to(x2, (*front, *x2.shape[-2:]))
    y = np.zeros(x2.shape, dtype=np.result_type(x1, x2))
    if y.size:
        for place in np.ndindex(front):
            y[place] = _triangular(x1[place], x2[place], lower, unit)
    return (y,)


def _triangular(x1: Any, x2: Any, lower: bool, unit: bool) -> Any:
    # LAPACK reads columns: an array of rows is the transpose of what is meant.
    solve = _TRTRS[np.result_type(x1, x2).char]
    if x1.flags.f_contiguous:
        y, info = solve(x1, x2, lower=lower, unitdiag=unit)
    else:
        y, info = solve(x1.T, x2, lower=not lower, trans=1, unitdiag=unit)
    if info:
        raise np.linalg.LinAlgError(f"singular matrix: the diagonal is 0 at {info - 1}")
    return y


def triangle_of_product(x1: Any, x2: Any, *, lower: bool, unit: bool) -> Any:
    """One triangle of ``x1 @ x2``, and 0 elsewhere; with `unit`, also on the diagonal."""
    (m, k), n = x1.shape[-2:], x2.shape[-1]
    if x1.ndim > 2 or x2.ndim > 2:
        y = x1 @ x2
        return np.tril(y, -int(unit)) if lower else np.triu(y, int(unit))
    if not lower:
        return triangle_of_product(x2.T, x1.T, lower=True, unit=unit).T
    y, step = np.zeros((m, n), np.result_type(x1, x2)), 64
    multiply = np.multiply if k == 1 else np.matmul
    for i in range(0, m, step):
        block = y[i : i + step, : i + step]
        multiply(x1[i : i + step], x2[:, : i + step], out=block)
        corner = block[:, i:]
        corner[_above(unit, *corner.shape)] = 0.0
    return y


@functools.cache
def _above(unit: bool, m: int, n: int) -> Any:
    """Where a block on the diagonal is not in the lower triangle."""
    return ~np.tri(m, n, -int(unit), dtype=bool)


def banded(x1: Any, x2: Any, *, lower: int, upper: int) -> Any:
    """The solution of banded systems."""
    return scipy.linalg.solve_banded((lower, upper), x1, x2, check_finite=False)


def hermitian_banded(x1: Any, x2: Any, *, lower: bool) -> Any:
    """The solution of Hermitian positive-definite banded systems."""
    return scipy.linalg.solveh_banded(x1, x2, lower=lower, check_finite=False)


def sylvester(x1: Any, x2: Any, x3: Any) -> Any:
    """The solution of Sylvester's equation ``x1 @ y + y @ x2 = x3``."""
    if not x3.size:
        return x3
    return scipy.linalg.solve_sylvester(x1, x2, x3)


def expm_derivative(x1: Any, x2: Any) -> Any:
    """The derivative of the exponential at `x1` in the direction `x2`."""
    if not x2.size:
        return x2
    y = scipy.linalg.expm_frechet(x1, x2, compute_expm=False, check_finite=False)
    return y.astype(x2.dtype, copy=False)


def logarithm(x: Any, *, keeps: bool) -> Any:
    """The matrix logarithm. With `keeps`, that of a real matrix must be real."""
    return _real(scipy.linalg.logm(x), x, keeps)


def root(x: Any, *, keeps: bool) -> Any:
    """The square root of a matrix. With `keeps`, that of a real matrix must be real."""
    return _real(scipy.linalg.sqrtm(x), x, keeps)


def _real(y: Any, x: Any, keeps: bool) -> Any:
    if keeps and np.iscomplexobj(y) and not np.iscomplexobj(x):
        raise np.linalg.LinAlgError(
            "the result is complex, for a real matrix: give a complex one, `matrix + 0j`"
        )
    return y


def unitary(x: Any) -> Any:
    """The unitary factor of the polar decomposition of tall matrices."""
    u, _, v = np.linalg.svd(x, full_matrices=False)
    return u @ v


def hermitian_eigh(x: Any, *, lower: bool, driver: Any) -> Any:
    """Eigenvalues and eigenvectors, by SciPy's driver."""
    if not x.size:
        return tuple(np.linalg.eigh(x))
    return tuple(scipy.linalg.eigh(x, lower=lower, driver=driver, check_finite=False))


def lu_pivoted(x: Any) -> Any:
    """The LU factors of `x` in one array; the pivots; the order of the rows of `x` in which they
    are factored; and the order of those that leads back."""
    if not x.size:
        pivots = np.zeros((*x.shape[:-2], min(x.shape[-2:])), dtype=np.int32)
        lu = x.copy()
    else:
        lu, pivots = scipy.linalg.lu_factor(x, check_finite=False)
    order = _order(pivots, x.shape[-2])
    return lu, pivots, order, np.argsort(order, axis=-1)


def permutation(x: Any) -> Any:
    """The order of the rows that the pivots `x` lead to."""
    return _order(x, x.shape[-1])


def _order(pivots: Any, m: int) -> Any:
    order = np.broadcast_to(np.arange(m), (*pivots.shape[:-1], m)).copy()
    for place in np.ndindex(pivots.shape[:-1]):
        row = order[place]
        for i, j in enumerate(pivots[place]):
            row[i], row[j] = row[j], row[i]
    return order


def qr_pivots(x: Any) -> Any:
    """The order of the columns in the QR factorisation with pivoting."""
    if not x.size:
        return np.broadcast_to(np.arange(x.shape[-1], dtype=np.int32),
                               (*x.shape[:-2], x.shape[-1])).copy()  # fmt: skip
    return scipy.linalg.qr(x, mode="r", pivoting=True, check_finite=False)[-1]
