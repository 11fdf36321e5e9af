"""Functions of NumPy arrays for the rows of `pluggrad.scipy.spatial.distance`."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import distance

__all__ = ["pairs", "pairs_within", "spread"]

#: Differences of points nearer than this share of the extent of all are not left to rounding.
_NEAR = 1e-3


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


def spread(x1: Any, x2: Any, x3: Any, x4: Any) -> Any:
    """The sum over j of x1_ij (x2_i - x3_j). `x4` holds the distances of these points: where they
    are small, each difference is computed by itself, because rounding errors would prevail."""
    shapes = [x.shape[:-2] for x in (x1, x2, x3, x4)]
    if any(shapes):
        front = np.broadcast_shapes(*shapes)
        full = [np.broadcast_to(x, (*front, *x.shape[-2:])) for x in (x1, x2, x3, x4)]
        y = np.empty(full[1].shape, x2.dtype)
        for place in np.ndindex(front):
            y[place] = spread(*[x[place] for x in full])
        return y
    if not x1.size:
        return np.zeros(x2.shape, x2.dtype)
    center = x3.mean(axis=0)
    from_center, other = x2 - center, x3 - center
    extent = max(np.abs(from_center).max(initial=0), np.abs(other).max(initial=0))
    near = x4 < _NEAR * extent
    if not near.any():
        return x1.sum(axis=1)[:, None] * from_center - x1 @ other
    i, j = np.nonzero(near & (x1 != 0))
    far = np.where(near, 0, x1)
    y = far.sum(axis=1)[:, None] * from_center - far @ other
    np.add.at(y, i, x1[i, j][:, None] * (x2[i] - x3[j]))
    return y
