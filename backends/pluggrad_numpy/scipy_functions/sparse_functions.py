"""Functions of NumPy arrays for the rows of `pluggrad.scipy.sparse`: the data of a matrix, and
where they stand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

__all__ = ["factors", "hosted", "iterated", "matrix", "operated", "product", "sampled", "solve"]


def matrix(data: Any, pattern: Any) -> Any:
    """SciPy's matrix, in rows or columns, with these data at the places of `pattern`."""
    by_rows, others, starts, order = pattern.compressed
    data = data if order is None else data[order]
    make = sparse.csr_array if by_rows else sparse.csc_array
    return make((data, others, starts), shape=pattern.shape)


def product(x1: Any, x2: Any, *, pattern: Any) -> Any:
    """The sparse matrix with the data `x1`, times `x2`."""
    return matrix(x1, pattern) @ x2


def sampled(x1: Any, x2: Any, *, pattern: Any) -> Any:
    """The elements of ``x1 @ x2.T`` at the places of `pattern`."""
    x1, x2 = x1[pattern.rows], x2[pattern.columns]
    return x1 * x2 if x1.ndim == 1 else np.einsum("ek,ek->e", x1, x2)


def factors(data: Any, pattern: Any, order: str) -> Any:
    """The LU factors of the matrix with these data. The last ones are kept: the system of the
    derivative has the same matrix."""
    known = pattern.factors
    same = known is not None and known[1] == order and known[0].dtype == data.dtype
    if same and np.array_equal(known[0], data):
        return known[2]
    found = linalg.splu(matrix(data, pattern).tocsc(copy=True), permc_spec=order)
    pattern.factors = (data.copy(), order, found)
    return found


def solve(x1: Any, x2: Any, *, pattern: Any, adjoint: bool, order: str) -> Any:
    """The solution of the sparse system with the data `x1`, or of its adjoint; nan, with a warning,
    if the matrix is singular."""
    x1 = x1.astype(x2.dtype, copy=False)
    if not x2.size:
        return np.zeros(x2.shape, x2.dtype)
    try:
        lu = factors(x1, pattern, order)
    except RuntimeError as error:
        if "singular" not in str(error):
            raise
        warnings.warn("Matrix is exactly singular", linalg.MatrixRankWarning, stacklevel=2)
        return np.full(x2.shape, np.nan, x2.dtype)
    return lu.solve(np.asfortranarray(x2), trans="H" if adjoint else "N")


def iterated(x1: Any, x2: Any, *, pattern: Any, adjoint: bool, solver: Any) -> Any:
    """The solution that an iterative solver finds, column by column."""
    a = matrix(x1, pattern)
    if adjoint:
        a = a.conj().T
    if x2.ndim == 1:
        return solver(a, x2, adjoint)
    return np.stack([solver(a, column, adjoint) for column in x2.T], axis=1)


def operated(x: Any, *, operator: Any, solver: Any, adjoint: bool) -> Any:
    """The solution that an iterative solver finds for an operator, or for its adjoint."""
    symmetric = solver.name in ("cg", "minres")
    return solver(operator.host(adjoint, symmetric), x, adjoint)


def hosted(x: Any, *, operator: Any, adjoint: bool) -> Any:
    """An operator of SciPy's, or its adjoint, times a vector."""
    theirs = operator.host(False)
    return theirs.rmatvec(x) if adjoint else theirs.matvec(x)
