"""Systems with sparse matrices, with derivatives by their data and by right-hand sides."""

from __future__ import annotations

from ...rows import falling_through
from ..passing import passing
from .iterative import bicg, bicgstab, cg, cgs, gcrotmk, gmres, lgmres, minres, qmr, tfqmr
from .least_squares import lsmr, lsqr
from .operator import LinearOperator, aslinearoperator
from .spectra import eigsh, svds
from .systems import (
    SuperLU,
    expm,
    expm_multiply,
    factorized,
    inv,
    matrix_power,
    norm,
    splu,
    spsolve,
    spsolve_triangular,
)

__all__ = [
    "LinearOperator", "SuperLU", "aslinearoperator", "bicg", "bicgstab", "cg", "cgs", "eigsh",
    "expm", "expm_multiply", "factorized", "gcrotmk", "gmres", "inv", "lgmres", "lsmr", "lsqr",
    "matrix_power", "minres", "norm", "qmr", "splu", "spsolve", "spsolve_triangular", "svds",
    "tfqmr",
]  # fmt: skip

__getattr__, __dir__ = falling_through("sparse.linalg", __all__, passing)
