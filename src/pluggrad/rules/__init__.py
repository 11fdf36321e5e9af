"""The rule book: one row per differentiable function of the standard."""

from . import (
    elementwise,
    fft,
    indexing,
    linalg,
    manipulation,
    names,
    norms,
    products,
    reductions,
    scans,
    softmax,
    special,
    stepwise,
)
from . import batched_indexing, batching  # isort: skip  (they look up the rows above)

__all__ = [
    "batched_indexing",
    "batching",
    "elementwise",
    "fft",
    "indexing",
    "linalg",
    "manipulation",
    "names",
    "norms",
    "products",
    "reductions",
    "scans",
    "softmax",
    "special",
    "stepwise",
]
