"""`scipy.sparse`, by the data of matrices and by what they are multiplied with."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array
from .rows import about, usual
from .scipy_rows import scipy

PLACES = np.asarray(((0, 1, 2, 3, 0, 1, 3, 2), (0, 1, 2, 3, 2, 0, 1, 3)), np.int32)  # SciPy 1.17.0 solves with no others
data = Array(values=(3.1, 2.8, 3.4, 2.9, 0.7, -0.4, 0.9, -1.1))
START = np.ones(4)
few, v, x = Array((4,)), Array((4,)), Array((4, 2))


def square(s: Any, data: Any, kind: str = "csc_array") -> Any:
    """A matrix with a dominant diagonal."""
    return getattr(s.sparse, kind)((data, PLACES), shape=(4, 4))


def small(s: Any, data: Any) -> Any:
    """Another matrix, not square."""
    return s.sparse.coo_array((data, ((0, 2, 1, 0), (1, 0, 2, 0))), shape=(4, 3))


def definite(s: Any, data: Any) -> Any:
    """A symmetric positive-definite matrix."""
    half = square(s, data)
    return (half @ half.T).tocsr()


def dense(a: Any) -> Any:
    """All elements of a sparse matrix."""
    return a.toarray()


for kind in ("csr", "csc", "coo"):
    for suffix in ("array", "matrix"):
        scipy(f"sparse.{kind}_{suffix}", usual(data, v), about("columns", data, x), how=lambda s, d, x, kind=f"{kind}_{suffix}": square(s, d, kind) @ x, kind="contraction")
for suffix in ("array", "matrix"):
    scipy(f"sparse.dia_{suffix}", usual(Array((2, 4)), v), how=lambda s, d, x, kind=f"dia_{suffix}": getattr(s.sparse, kind)((d, [0, -2]), shape=(4, 4)) @ x)
    scipy(f"sparse.bsr_{suffix}", usual(Array((3, 2, 2)), v), how=lambda s, d, x, kind=f"bsr_{suffix}": getattr(s.sparse, kind)((d, [0, 1, 1], [0, 2, 3]), shape=(4, 4)) @ x)
scipy("sparse.hstack", usual(data, few), how=lambda s, d, e: dense(s.sparse.hstack([square(s, d), small(s, e)])), kind="movement")
scipy("sparse.vstack", usual(few, few), how=lambda s, d, e: dense(s.sparse.vstack([small(s, d), small(s, e)])), kind="movement")
scipy("sparse.block_array", usual(data, few), how=lambda s, d, e: dense(s.sparse.block_array([[square(s, d), small(s, e)]])), kind="movement")
scipy("sparse.bmat", usual(data, few), how=lambda s, d, e: dense(s.sparse.bmat([[square(s, d), None], [None, small(s, e)]])), kind="movement")
scipy("sparse.block_diag", usual(data, few), how=lambda s, d, e: dense(s.sparse.block_diag([square(s, d), small(s, e)])), kind="movement")
scipy("sparse.kron", usual(data, few), how=lambda s, d, e: dense(s.sparse.kron(square(s, d), small(s, e))))
scipy("sparse.kronsum", usual(data, data), how=lambda s, d, e: dense(s.sparse.kronsum(square(s, d), square(s, e))))
scipy("sparse.diags", usual(v, Array((3,))), how=lambda s, d, e: dense(s.sparse.diags([d, e], [0, -1])), kind="movement")
scipy("sparse.diags_array", usual(v, Array((3,))), how=lambda s, d, e: dense(s.sparse.diags_array([d, e], offsets=[0, -1])), kind="movement")
scipy("sparse.spdiags", usual(Array((2, 4))), how=lambda s, d: dense(s.sparse.spdiags(d, [0, 1], 4, 4)), kind="movement")
for name in ("tril", "triu"):
    scipy(f"sparse.{name}", usual(data), how=lambda s, d, name=name: dense(getattr(s.sparse, name)(square(s, d))), kind="movement")
scipy("sparse.find", usual(data), how=lambda s, d: s.sparse.find(square(s, d))[2], kind="movement")

# ---------------------------------------------------------------- linalg

scipy("sparse.linalg.spsolve", usual(data, v), about("columns", data, x), how=lambda s, d, b: s.sparse.linalg.spsolve(square(s, d), b))
scipy("sparse.linalg.spsolve_triangular", usual(data, v), how=lambda s, d, b: s.sparse.linalg.spsolve_triangular(s.sparse.tril(square(s, d), format="csr"), b))
scipy("sparse.linalg.splu", usual(data, v), how=lambda s, d, b: s.sparse.linalg.splu(square(s, d)).solve(b))
scipy("sparse.linalg.factorized", usual(data, v), how=lambda s, d, b: s.sparse.linalg.factorized(square(s, d))(b))
for name in ("bicg", "bicgstab", "cgs", "gcrotmk", "gmres", "lgmres", "qmr", "tfqmr"):
    scipy(f"sparse.linalg.{name}", usual(data, v), how=lambda s, d, b, name=name: getattr(s.sparse.linalg, name)(square(s, d), b, rtol=1e-15)[0], kind="decomposition")
for name in ("cg", "minres"):
    scipy(f"sparse.linalg.{name}", usual(data, v), how=lambda s, d, b, name=name: getattr(s.sparse.linalg, name)(definite(s, d), b, rtol=1e-15)[0], kind="decomposition")
scipy("sparse.linalg.inv", usual(data), how=lambda s, d: dense(s.sparse.linalg.inv(square(s, d))))
scipy("sparse.linalg.expm", usual(data), how=lambda s, d: dense(s.sparse.linalg.expm(square(s, d * 0.25))), kind="decomposition")
scipy("sparse.linalg.expm_multiply", usual(data, v), how=lambda s, d, b: s.sparse.linalg.expm_multiply(square(s, d), b), kind="decomposition")
scipy("sparse.linalg.matrix_power", usual(data), how=lambda s, d: dense(s.sparse.linalg.matrix_power(square(s, d), 3)))
scipy("sparse.linalg.norm", usual(data), how=lambda s, d: s.sparse.linalg.norm(square(s, d)))
for name in ("lsqr", "lsmr"):
    scipy(f"sparse.linalg.{name}", usual(data, Array((8,))), how=lambda s, d, b, name=name: getattr(s.sparse.linalg, name)(s.sparse.vstack([square(s, d), square(s, d * d)]), b, atol=1e-15, btol=1e-15)[0], kind="decomposition")
scipy("sparse.linalg.eigsh", usual(data), how=lambda s, d: s.sparse.linalg.eigsh(definite(s, d), 2, v0=START)[0], kind="decomposition")
scipy("sparse.linalg.svds", usual(data), how=lambda s, d: s.sparse.linalg.svds(square(s, d), 2, v0=START)[1], kind="decomposition")
