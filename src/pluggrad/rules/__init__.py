"""The rule book: one row per differentiable function of the standard."""

from . import (
    elementwise,
    extras,
    fft,
    indexing,
    linalg,
    manipulation,
    names,
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
    "extras",
    "fft",
    "indexing",
    "linalg",
    "manipulation",
    "names",
    "products",
    "reductions",
    "scans",
    "softmax",
    "special",
    "stepwise",
]
