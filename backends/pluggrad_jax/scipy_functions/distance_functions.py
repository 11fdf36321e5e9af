"""Functions of JAX's arrays for the rows of `pluggrad.scipy.spatial.distance`."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

__all__ = ["folded", "pairs", "pairs_within", "quotient", "spread", "square"]


def _length(x: Any, squared: bool) -> Any:
    y = jnp.sum(x * x, axis=-1)
    return y if squared else jnp.sqrt(y)


def pairs(x1: Any, x2: Any, *, squared: bool) -> Any:
    """The Euclidean distances between the points in `x1` and those in `x2`."""
    return _length(x1[..., :, None, :] - x2[..., None, :, :], squared)


def pairs_within(x: Any, *, squared: bool) -> Any:
    """The Euclidean distances between the points in `x`, each pair once."""
    i, j = np.triu_indices(x.shape[-2], 1)
    return _length(x[..., i, :] - x[..., j, :], squared)


def quotient(x1: Any, x2: Any) -> Any:
    """x1 / x2, but 0 where x2 is 0."""
    return jnp.where(x2 == 0, 0, x1 / jnp.where(x2 == 0, 1, x2))


def spread(x1: Any, x2: Any, x3: Any, x4: Any, *, divided: bool) -> Any:
    """The sum over j of w_ij (x2_i - x3_j), where w is x1, or if `divided` x1 / x4."""
    w = quotient(x1, x4) if divided else x1
    return jnp.sum(w[..., None] * (x2[..., :, None, :] - x3[..., None, :, :]), axis=-2)


def square(x: Any) -> Any:
    """The symmetric matrix, with zeros on its diagonal, of the numbers of all pairs."""
    n = (1 + math.isqrt(1 + 8 * x.shape[-1])) // 2
    i, j = np.triu_indices(n, 1)
    y = jnp.zeros((*x.shape[:-1], n, n), x.dtype)
    return y.at[..., i, j].set(x).at[..., j, i].set(x)


def folded(x: Any) -> Any:
    """The sums of the two elements of each pair."""
    i, j = np.triu_indices(x.shape[-1], 1)
    return x[..., i, j] + x[..., j, i]
