"""Rank filters of `pluggrad.scipy.ndimage`: SciPy's values, and how those depend on the image.

A value depends on the elements of the window that are equal to it, on each of them the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import ndimage

from .borders import extended, folded, margins_of

__all__ = ["chosen", "chosen_adjoint", "ranked"]


def _window(size: Any, footprint: bytes | None) -> np.ndarray:
    if footprint is None:
        return np.ones(size, bool)
    return np.frombuffer(footprint, bool).reshape(size)


def ranked(
    x: np.ndarray, *, rank: int, size: Any, footprint: bytes | None, mode: str, cval: Any,
    origin: Any,
) -> Any:  # fmt: skip
    """SciPy's rank filter."""
    return ndimage.rank_filter(
        x, rank, footprint=_window(size, footprint), mode=mode, cval=cval, origin=list(origin)
    )


def _extended(x: np.ndarray, margins: Any, mode: str, cval: Any) -> np.ndarray:
    for axis, (before, after) in enumerate(margins):
        if mode == "constant" and cval:
            widths = [(0, 0)] * x.ndim
            widths[axis] = (before, after)
            x = np.pad(x, widths, constant_values=cval)
        elif before or after:
            x = extended(x, axis, mode, before, after)
    return x


def _views(shape: Any, window: np.ndarray) -> Iterator[tuple[slice, ...]]:
    """For each element of the window, where it lies in the extended image for all centres."""
    for at in itertools.product(*map(range, window.shape)):
        if window[at]:
            yield tuple([slice(k, k + n) for k, n in zip(at, shape, strict=True)])


def chosen(
    t: np.ndarray, x: np.ndarray, y: np.ndarray, *, size: Any, footprint: bytes | None, mode: str,
    cval: Any, origin: Any,
) -> np.ndarray:  # fmt: skip
    """How `y`, the ranks in the windows of `x`, change with the change `t` of `x`."""
    margins, window = margins_of(size, origin), _window(size, footprint)
    wide, change = _extended(x, margins, mode, cval), _extended(t, margins, mode, 0)
    count, total = np.zeros(y.shape), np.zeros_like(t)
    for view in _views(y.shape, window):
        equal = wide[view] == y
        count += equal
        total += np.where(equal, change[view], 0)
    with np.errstate(invalid="ignore"):  # nan is equal to nothing
        return (total / count).astype(t.dtype, copy=False)


def chosen_adjoint(
    g: np.ndarray, x: np.ndarray, y: np.ndarray, *, size: Any, footprint: bytes | None, mode: str,
    cval: Any, origin: Any,
) -> np.ndarray:  # fmt: skip
    """The transpose of `chosen`."""
    margins, window = margins_of(size, origin), _window(size, footprint)
    wide = _extended(x, margins, mode, cval)
    count = np.zeros(y.shape)
    for view in _views(y.shape, window):
        count += wide[view] == y
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(count > 0, g / count, np.nan).astype(g.dtype)
    h = np.zeros(wide.shape, g.dtype)
    for view in _views(y.shape, window):
        equal = (wide[view] == y) | np.isnan(share)
        h[view] += np.where(equal, share, 0)
    for axis, (before, after) in enumerate(margins):
        h = folded(h, axis, mode, before, after)
    return np.ascontiguousarray(h)
