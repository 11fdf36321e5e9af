"""What SciPy's filters of images read beyond the ends of an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["extended", "folded", "margins_of"]


def places(mode: str, length: int, before: int, after: int) -> np.ndarray:
    """The positions that SciPy reads along an axis that is extended at both ends; -1 stands for a
    place outside, of the mode ``constant``."""
    m = np.arange(-before, length + after)
    if mode == "wrap":
        return m % length
    if mode == "reflect":
        m %= 2 * length
        return np.where(m < length, m, 2 * length - 1 - m)
    if mode == "mirror":
        m %= max(2 * length - 2, 1)
        return np.where(m < length, m, 2 * length - 2 - m)
    if mode == "nearest":
        return np.clip(m, 0, length - 1)
    return np.where((m < 0) | (m >= length), -1, m)


def extended(x: np.ndarray, axis: int, mode: str, before: int, after: int) -> np.ndarray:
    """`x` with what SciPy reads beyond both ends of an axis; zeros in the mode ``constant``."""
    length, lead = x.shape[axis], (slice(None),) * axis
    shape = list(x.shape)
    shape[axis] += before + after
    y = np.zeros(shape, x.dtype)
    y[(*lead, slice(before, before + length))] = x
    if mode != "constant":
        at = places(mode, length, before, after)
        end = before + length
        y[(*lead, slice(0, before))] = np.take(x, at[:before], axis)
        y[(*lead, slice(end, None))] = np.take(x, at[end:], axis)
    return y


def folded(h: np.ndarray, axis: int, mode: str, before: int, after: int) -> np.ndarray:
    """The transpose of `extended`, which overwrites `h`: what was read beyond the ends goes back to
    where it was read."""
    length = h.shape[axis] - before - after
    lead = (slice(None),) * axis
    y = h[(*lead, slice(before, before + length))]
    if mode != "constant" and length:
        at = places(mode, length, before, after)
        for m in (*range(before), *range(before + length, h.shape[axis])):
            y[(*lead, at[m])] += h[(*lead, m)]
    return y


def margins_of(shape: Any, origin: Any) -> list[tuple[int, int]]:
    """How far SciPy reads before and after each element."""
    return [(n // 2 + o, n - 1 - n // 2 - o) for n, o in zip(shape, origin, strict=True)]
