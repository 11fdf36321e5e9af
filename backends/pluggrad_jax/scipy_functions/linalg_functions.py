"""Functions of JAX's arrays for the rows of `pluggrad.scipy.linalg`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["expm", "expm_derivative", "triangle_of_product", "triangular", "unitary"]


def expm(x: Any) -> Any:
    """The exponential of matrices; as SciPy's, of large ones, too."""
    return jax.scipy.linalg.expm(x, max_squarings=64)


def expm_derivative(x1: Any, x2: Any) -> Any:
    """The derivative of the exponential at `x1` in the direction `x2`: the upper right block of
    that of the blocks x1, x2, 0, x1."""
    n = x1.shape[-1]
    top = jnp.concatenate([x1, x2], axis=-1)
    below = jnp.concatenate([jnp.zeros_like(x1), x1], axis=-1)
    return expm(jnp.concatenate([top, below], axis=-2))[..., :n, n:]


def triangular(x1: Any, x2: Any, *, lower: bool, unit: bool, kept: Any) -> Any:
    """The solution of triangular systems, as the only result of several."""
    front = jnp.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    x1, x2 = [jnp.broadcast_to(x, (*front, *x.shape[-2:])) for x in (x1, x2)]
    options = {"left_side": True, "lower": lower, "unit_diagonal": unit}
    return (jax.lax.linalg.triangular_solve(x1, x2, **options),)


def triangle_of_product(x1: Any, x2: Any, *, lower: bool, unit: bool) -> Any:
    """One triangle of ``x1 @ x2``, and 0 elsewhere; with `unit`, also on the diagonal."""
    y = x1 @ x2
    return jnp.tril(y, -int(unit)) if lower else jnp.triu(y, int(unit))


def unitary(x: Any) -> Any:
    """The unitary factor of the polar decomposition of tall matrices."""
    u, _, v = jnp.linalg.svd(x, full_matrices=False)
    return u @ v
