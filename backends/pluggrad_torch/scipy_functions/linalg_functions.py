"""Functions of torch's tensors for the rows of `pluggrad.scipy.linalg`."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["expm", "expm_derivative", "triangle_of_product", "triangular", "unitary"]


def expm(x: Any) -> Any:
    """The exponential of matrices."""
    return torch.linalg.matrix_exp(x)


def expm_derivative(x1: Any, x2: Any) -> Any:
    """The derivative of the exponential at `x1` in the direction `x2`: the upper right block of
    that of the blocks x1, x2, 0, x1."""
    n = x1.shape[-1]
    top = torch.cat([x1, x2], dim=-1)
    below = torch.cat([torch.zeros_like(x1), x1], dim=-1)
    return expm(torch.cat([top, below], dim=-2))[..., :n, n:]


def triangular(x1: Any, x2: Any, *, lower: bool, unit: bool, kept: Any) -> Any:
    """The solution of triangular systems, as the only result of several."""
    return (torch.linalg.solve_triangular(x1, x2, upper=not lower, unitriangular=unit),)


def triangle_of_product(x1: Any, x2: Any, *, lower: bool, unit: bool) -> Any:
    """One triangle of ``x1 @ x2``, and 0 elsewhere; with `unit`, also on the diagonal."""
    y = x1 @ x2
    return torch.tril(y, -int(unit)) if lower else torch.triu(y, int(unit))


def unitary(x: Any) -> Any:
    """The unitary factor of the polar decomposition of tall matrices."""
    u, _, v = torch.linalg.svd(x, full_matrices=False)
    return u @ v
