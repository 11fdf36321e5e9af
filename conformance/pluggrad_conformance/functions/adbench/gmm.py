"""The log-likelihood of a Gaussian mixture, with a Wishart prior on the precisions.

    Σᵢ log Σₖ exp(log φₖ + Σ qₖ - ½ ‖Q(qₖ, lₖ) (xᵢ - μₖ)‖²)
      + Σₖ (½ γ² (‖exp qₖ‖² + ‖lₖ‖²) - m Σ qₖ)     up to constants

with φ = softmax(α), and Q the lower triangular matrix whose diagonal is exp(q) and whose entries
below it are l: the square root of a precision matrix. The prior enters with the sign of a penalty.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["gmm_inputs", "gmm_objective"]

COMPONENTS, POINTS = 5, 1000
GAMMA, M = 1.0, 0


def gmm_inputs(dimensions: int) -> list[Any]:
    """α, μ, q and l, all normally distributed as in ADBench, and points of the same kind; where the
    entries of l go in a matrix that is written row by row."""
    rng = np.random.default_rng(dimensions)
    d = dimensions
    below = [(i, j) for i in range(d) for j in range(i)]
    spread = np.zeros((len(below), d * d))
    for k, (i, j) in enumerate(below):
        spread[k, i * d + j] = 1.0
    return [
        rng.standard_normal(COMPONENTS), rng.standard_normal((COMPONENTS, d)),
        rng.standard_normal((COMPONENTS, d)), rng.standard_normal((COMPONENTS, len(below))),
        rng.standard_normal((POINTS, d)), spread,
    ]  # fmt: skip


def gmm_objective(
    xp: Any, alpha: Any, means: Any, q: Any, low: Any, points: Any, spread: Any
) -> Any:
    """The log-likelihood of the points, with the prior."""
    k, d = q.shape
    n = points.shape[0]
    scale = xp.exp(q)
    # (n, k, d): what is left of each point without each mean
    rest = xp.expand_dims(points, axis=1) - xp.expand_dims(means, axis=0)
    lower = xp.reshape(xp.matmul(low, spread), (k, d, d))
    moved = xp.expand_dims(scale, axis=0) * rest + xp.permute_dims(
        xp.matmul(lower, xp.permute_dims(rest, (1, 2, 0))), (2, 0, 1)
    )
    inner = alpha + xp.sum(q, axis=1) - 0.5 * xp.sum(moved * moved, axis=2)
    likelihood = xp.sum(_logsumexp(xp, inner)) - n * _logsumexp(xp, xp.reshape(alpha, (1, k)))[0]
    squares = xp.sum(scale * scale) + xp.sum(low * low)
    prior = 0.5 * GAMMA**2 * squares - M * xp.sum(q)
    return likelihood - 0.5 * n * d * math.log(2 * math.pi) + prior


def _logsumexp(xp: Any, x: Any) -> Any:
    """Of each row, without overflow."""
    top = xp.max(x, axis=1, keepdims=True)
    return xp.log(xp.sum(xp.exp(x - top), axis=1)) + xp.squeeze(top, axis=1)
