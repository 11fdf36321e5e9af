"""Checking that a value computed again equals the one computed the first time."""

from __future__ import annotations

import math
import weakref
from typing import Any

import numpy as np

from ..arrays.backend import backend_of
from .handles import raw_of

__all__ = ["Made", "differ", "far_apart"]

_SUMS = 64


def differ(x: Any, y: Any) -> bool:
    """Whether the numbers in the arrays `x` and `y` differ beyond rounding. False if they cannot be
    compared now: lazy arrays, different shapes, values that are not arrays."""
    x, y = raw_of(x), raw_of(y)
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
    """Whether two NumPy arrays of one shape and dtype differ by more than rounding errors."""
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


class Made:
    """A value computed the first time, for comparison. The array is not kept alive: a few sums of
    its elements are saved, and a weak reference gives the whole array while it still exists."""

    __slots__ = ("ref", "sums")

    def __init__(self, y: Any) -> None:
        y = raw_of(y)
        try:
            self.ref: Any = weakref.ref(y)
        except TypeError:  # NumPy's scalars take no weak reference, but are small: keep them
            self.ref = lambda: y
        self.sums = _some_of(y)

    def differs(self, y: Any) -> bool:
        """Whether the numbers in `y`, the value computed again, differ beyond rounding."""
        y, first = raw_of(y), self.ref()
        if first is not None:
            return differ(y, first)
        again = _some_of(y)
        if self.sums is None or again is None or self.sums.shape != again.shape:
            return False
        return far_apart(again, self.sums)


def _some_of(y: Any) -> Any:
    """A NumPy array of few numbers to compare `y` by: 64 sums that together cover all its elements
    (with the remainder as it is), a sample if it has no floats, all of it if it is small. None if
    its values cannot be looked at."""
    backend = backend_of(y)
    if backend is None or not all([isinstance(n, int) for n in y.shape]):
        return None
    raw, host, pick = backend.raw, backend.adapter.host, backend.getitem
    flat = raw("reshape")(y, (-1,))
    if host(pick(flat, slice(0, 0))) is None:
        return None
    rows = math.prod(y.shape) // _SUMS
    if rows < 2:
        return host(flat).copy()
    if y.dtype not in backend.float_dtypes:
        return host(pick(flat, slice(None, None, rows))).copy()
    whole = raw("reshape")(pick(flat, slice(0, rows * _SUMS)), (rows, _SUMS))
    rest = host(pick(flat, slice(rows * _SUMS, None)))
    return np.concatenate([host(raw("sum")(whole, axis=0)), rest])
