"""Functions of NumPy arrays for the rows of `pluggrad.scipy.spatial.distance`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.spatial import distance

__all__ = ["folded", "pairs", "pairs_within", "quotient", "spread", "square"]

#: Differences of points nearer than this share of the extent of all are not left to rounding.
_NEAR = 1e-3
#: How many numbers are worked on at a time.
_BLOCK = 1 << 15


def pairs(x1: Any, x2: Any, *, squared: bool) -> Any:
    """The Euclidean distances between the points in `x1` and those in `x2`."""
    metric = "sqeuclidean" if squared else "euclidean"
    if x1.ndim == x2.ndim == 2:
        return distance.cdist(x1, x2, metric).astype(x1.dtype, copy=False)
    front = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    x1 = np.broadcast_to(x1, (*front, *x1.shape[-2:]))
    x2 = np.broadcast_to(x2, (*front, *x2.shape[-2:]))
    y = np.empty((*front, x1.shape[-2], x2.shape[-2]), x1.dtype)
    for place in np.ndindex(front):
        y[place] = distance.cdist(x1[place], x2[place], metric)
    return y


def pairs_within(x: Any, *, squared: bool) -> Any:
    """The Euclidean distances between the points in `x`, each pair once."""
    metric = "sqeuclidean" if squared else "euclidean"
    if x.ndim == 2:
        return distance.pdist(x, metric).astype(x.dtype, copy=False)
    y = np.empty((*x.shape[:-2], x.shape[-2] * (x.shape[-2] - 1) // 2), x.dtype)
    for place in np.ndindex(x.shape[:-2]):
        y[place] = distance.pdist(x[place], metric)
    return y


def quotient(x1: Any, x2: Any) -> Any:
    """x1 / x2, but 0 where x2 is 0."""
    x1, x2 = np.broadcast_arrays(x1, x2)
    if x2.all():
        return x1 / x2
    with np.errstate(divide="ignore", invalid="ignore"):
        y = x1 / x2
    y[x2 == 0] = 0
    return y


def square(x: Any) -> Any:
    """The symmetric matrix of the numbers of all pairs; at least one."""
    rows = x.reshape((-1, x.shape[-1]))
    found = [distance.squareform(row, checks=False) for row in rows]
    n = (1 + math.isqrt(1 + 8 * x.shape[-1])) // 2
    return np.reshape(found, (*x.shape[:-1], n, n))


def folded(x: Any) -> Any:
    """The sums of the two elements of each pair."""
    n = x.shape[-1]
    found = [distance.squareform(y + y.T, checks=False) for y in x.reshape((-1, n, n))]
    return np.reshape(found, (*x.shape[:-2], n * (n - 1) // 2))


def spread(x1: Any, x2: Any, x3: Any, x4: Any, *, divided: bool) -> Any:
    """The sum over j of w_ij (x2_i - x3_j), where w is x1, or if `divided` x1 / x4.

    If so, `x4` holds the distances of the points. Where these are small, each difference is
    computed by itself, because rounding errors would prevail.
    """
    shapes = [x.shape[:-2] for x in (x1, x2, x3, x4)]
    if any(shapes):
        front = np.broadcast_shapes(*shapes)
        full = [np.broadcast_to(x, (*front, *x.shape[-2:])) for x in (x1, x2, x3, x4)]
        y = np.empty(full[1].shape, x2.dtype)
        for place in np.ndindex(front):
            y[place] = spread(*[x[place] for x in full], divided=divided)
        return y
    y = np.zeros(x2.shape, x2.dtype)
    if not x1.size:
        return y
    center = x3.mean(axis=0)
    centered, other = x2 - center, x3 - center
    near = _NEAR * max(np.abs(centered).max(initial=0), np.abs(other).max(initial=0))
    step = max(1, _BLOCK // x1.shape[1])  # blocks of rows stay in the cache
    for i in range(0, len(x2), step):
        rows = slice(i, i + step)
        w = x1[rows]
        if divided:
            distance = x4[rows]
            if distance.min() <= near:
                w, close = _without_close(w, distance, near)
                a, b = close.nonzero()
                np.add.at(y, a + i, close[a, b][:, None] * (x2[a + i] - x3[b]))
            else:
                w = w / distance
        y[rows] += w.sum(axis=1)[:, None] * centered[rows] - w @ other
    return y


def _without_close(w: Any, distance: Any, near: float) -> tuple[Any, Any]:
    """The weights ``w / distance`` of pairs of points that are not near each other, and those of
    pairs that are."""
    w, close = quotient(w, distance), distance <= near
    return np.where(close, 0, w), np.where(close, w, 0)
