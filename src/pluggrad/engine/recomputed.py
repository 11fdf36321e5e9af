"""Whether what was computed again is what it was the first time."""

from __future__ import annotations

import math
import weakref
from typing import Any

import numpy as np

from ..arrays.backend import backend_of
from .handles import raw_of

__all__ = ["Made", "differ"]

_SUMS = 64


def differ(x: Any, y: Any) -> bool:
    """Whether the arrays `x` and `y` are of other numbers, beyond rounding. What cannot be compared
    here and now (lazy arrays, other shapes, what is no array) does not differ."""
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
    """Whether two NumPy arrays of one shape and dtype differ by more than rounding can do."""
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
    """What was computed the first time. It is not kept: a few sums of its elements are, and all of
    it can be looked at for as long as somebody else has it."""

    __slots__ = ("ref", "sums")

    def __init__(self, y: Any) -> None:
        y = raw_of(y)
        try:
            self.ref: Any = weakref.ref(y)
        except TypeError:  # NumPy's scalars, which are small and never change
            self.ref = lambda: y
        self.sums = _some_of(y)

    def differs(self, y: Any) -> bool:
        """Whether `y`, computed again, is of other numbers."""
        y, first = raw_of(y), self.ref()
        if first is not None:
            return differ(y, first)
        again = _some_of(y)
        if self.sums is None or again is None or self.sums.shape != again.shape:
            return False
        return far_apart(again, self.sums)


def _some_of(y: Any) -> Any:
    """Some numbers that stand for all of `y`, as a NumPy array: sums of every 64th element, so that
    no element is left out. None where they cannot be looked at."""
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
