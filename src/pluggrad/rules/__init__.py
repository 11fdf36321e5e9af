"""The rule book: one row per differentiable function of the standard."""

from . import (
    elementwise,
    extras,
    fft,
    indexing,
    linalg,
    manipulation,
    products,
    reductions,
    scans,
    softmax,
    special,
)

__all__ = [
    "elementwise",
    "extras",
    "fft",
    "indexing",
    "linalg",
    "manipulation",
    "products",
    "reductions",
    "scans",
    "softmax",
    "special",
]
