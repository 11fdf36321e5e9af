"""Functions of NumPy arrays for the rows of `pluggrad.scipy.cluster.vq`."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.cluster import vq

__all__ = ["nearest"]


def nearest(x1: Any, x2: Any) -> Any:
    """For each point in `x1`, the number of the nearest one in `x2`."""
    if x1.ndim == x2.ndim == 2:
        return vq.vq(x1, x2, check_finite=False)[0]
    front = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    x1 = np.broadcast_to(x1, (*front, *x1.shape[-2:]))
    x2 = np.broadcast_to(x2, (*front, *x2.shape[-2:]))
    y = np.empty((*front, x1.shape[-2]), np.int32)
    for place in np.ndindex(front):
        y[place] = vq.vq(x1[place], x2[place], check_finite=False)[0]
    return y
