"""`scipy.linalg` with derivatives.

Systems, inverses, determinants and factorisations are those of the arrays' own library where it has
them, with SciPy's arguments. Triangular and banded systems, matrix equations and functions of
matrices are computed by SciPy's compiled code. Like SciPy's, most functions take a batch of
matrices: the axes in front of the last two.
"""

from __future__ import annotations

from ..rows import falling_through
from .equations import (
    solve_continuous_lyapunov,
    solve_discrete_lyapunov,
    solve_lyapunov,
    solve_sylvester,
)
from .factors import (
    cho_factor,
    cho_solve,
    cholesky,
    lu,
    lu_factor,
    lu_solve,
    qr,
)
from .functions import (
    coshm,
    cosm,
    expm,
    expm_frechet,
    logm,
    sinhm,
    sinm,
    sqrtm,
    tanhm,
    tanm,
)
from .general_spectra import eig, eigvals, matmul_toeplitz, solve_circulant, solve_toeplitz
from .spectra import eigh, eigvalsh, norm, polar, svd, svdvals
from .structured import block_diag, circulant, companion, hankel, khatri_rao, toeplitz
from .systems import (
    det,
    inv,
    lstsq,
    pinv,
    pinvh,
    solve,
    solve_banded,
    solve_triangular,
    solveh_banded,
)

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "circulant", "companion", "coshm",
    "cosm", "det", "eig", "eigh", "eigvals", "eigvalsh", "expm", "expm_frechet", "hankel",
    "inv", "khatri_rao", "logm", "lstsq", "lu", "lu_factor", "lu_solve", "matmul_toeplitz",
    "norm", "pinv", "pinvh", "polar", "qr", "sinhm", "sinm", "solve", "solve_banded",
    "solve_circulant", "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_lyapunov",
    "solve_sylvester", "solve_toeplitz", "solve_triangular", "solveh_banded", "sqrtm", "svd",
    "svdvals", "tanhm", "tanm", "toeplitz",
]  # fmt: skip

__getattr__, __dir__ = falling_through("linalg", __all__)
