"""`scipy.sparse` with derivatives, by the data of sparse matrices.

A sparse matrix of SciPy's or of this module is multiplied with Variables; one of this module may be
made of Variables, too. Its data are a Variable then, and the places of its elements are constants.
Where SciPy's `A[i]` is a sparse vector, it is a dense one here.
"""

from __future__ import annotations

from ..rows import falling_through
from . import algebra, linalg  # noqa: F401
from .build import (
    block_array,
    block_diag,
    bmat,
    diags,
    diags_array,
    eye,
    eye_array,
    find,
    hstack,
    identity,
    issparse,
    isspmatrix,
    kron,
    kronsum,
    spdiags,
    tril,
    triu,
    vstack,
)
from .formats import (
    bsr_array,
    bsr_matrix,
    coo_array,
    coo_matrix,
    csc_array,
    csc_matrix,
    csr_array,
    csr_matrix,
    dia_array,
    dia_matrix,
)
from .passing import passing

__all__ = [
    "block_array", "block_diag", "bmat", "bsr_array", "bsr_matrix", "coo_array", "coo_matrix",
    "csc_array", "csc_matrix", "csr_array", "csr_matrix", "dia_array", "dia_matrix", "diags",
    "diags_array", "eye", "eye_array", "find", "hstack", "identity", "issparse", "isspmatrix",
    "kron", "kronsum", "linalg", "spdiags", "tril", "triu", "vstack",
]  # fmt: skip

__getattr__, __dir__ = falling_through("sparse", __all__, passing)
