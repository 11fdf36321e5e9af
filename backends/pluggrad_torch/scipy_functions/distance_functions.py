"""Functions of torch's tensors for the rows of `pluggrad.scipy.spatial.distance`."""

from __future__ import annotations

import math
from typing import Any

import torch

__all__ = ["folded", "pairs", "pairs_within", "quotient", "spread", "square"]


def _length(x: Any, squared: bool) -> Any:
    return torch.sum(x * x, dim=-1) if squared else torch.linalg.vector_norm(x, dim=-1)


def pairs(x1: Any, x2: Any, *, squared: bool) -> Any:
    """The Euclidean distances between the points in `x1` and those in `x2`."""
    if squared:
        return _length(x1[..., :, None, :] - x2[..., None, :, :], squared)
    return torch.cdist(x1, x2, compute_mode="donot_use_mm_for_euclid_dist")


def pairs_within(x: Any, *, squared: bool) -> Any:
    """The Euclidean distances between the points in `x`, each pair once."""
    n = x.shape[-2]
    i, j = torch.triu_indices(n, n, 1, device=x.device)
    return _length(x[..., i, :] - x[..., j, :], squared)


def quotient(x1: Any, x2: Any) -> Any:
    """x1 / x2, but 0 where x2 is 0."""
    return torch.where(x2 == 0, 0, x1 / torch.where(x2 == 0, 1, x2))


def spread(x1: Any, x2: Any, x3: Any, x4: Any, *, divided: bool) -> Any:
    """The sum over j of w_ij (x2_i - x3_j), where w is x1, or if `divided` x1 / x4."""
    w = quotient(x1, x4) if divided else x1
    return torch.sum(w[..., None] * (x2[..., :, None, :] - x3[..., None, :, :]), dim=-2)


def square(x: Any) -> Any:
    """The symmetric matrix, with zeros on its diagonal, of the numbers of all pairs."""
    n = (1 + math.isqrt(1 + 8 * x.shape[-1])) // 2
    i, j = torch.triu_indices(n, n, 1, device=x.device)
    y = x.new_zeros((*x.shape[:-1], n, n))
    y[..., i, j] = x
    y[..., j, i] = x
    return y


def folded(x: Any) -> Any:
    """The sums of the two elements of each pair."""
    i, j = torch.triu_indices(x.shape[-1], x.shape[-1], 1, device=x.device)
    return x[..., i, j] + x[..., j, i]
