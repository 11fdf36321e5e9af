"""The rule book: one row per differentiable function of the standard."""

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
]
