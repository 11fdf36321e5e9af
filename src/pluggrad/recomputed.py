"""Whether what was computed again is what it was the first time."""

from __future__ import annotations

from typing import Any

from .backend import backend_of
from .dispatch import bottom

__all__ = ["differ", "far_apart"]


def differ(x: Any, y: Any) -> bool:
    """Whether the arrays `x` and `y` are of other numbers, beyond rounding. What cannot be compared
    here and now (lazy arrays, other shapes, what is no array) does not differ."""
    x, y = bottom(x), bottom(y)
    if x is y or not hasattr(x, "dtype") or not hasattr(y, "dtype"):
        return False
    if type(x) is not type(y) or x.shape != y.shape or x.dtype != y.dtype:
        return False
    backend = backend_of(x)
    if backend is None:
        return False
    x, y = backend.adapter.host(x), backend.adapter.host(y)
    return x is not None and y is not None and far_apart(x, y)


def far_apart(x: Any, y: Any) -> bool:
    """Whether two NumPy arrays of one shape and dtype differ by more than rounding can do."""
    import numpy as np

    if (x == y).all() or not x.size:
        return False
    if x.dtype.kind not in "fc":
        return True
    tolerance = float(np.finfo(x.dtype).eps) ** 0.5
    finite = np.isfinite(x)
    if not np.array_equal(x[~finite], y[~finite], equal_nan=True):
        return True
    x, y = x[finite], y[finite]
    scale = np.abs(x).max(initial=0.0) if x.size else 0.0
    return bool((np.abs(x - y) > tolerance * scale).any())
