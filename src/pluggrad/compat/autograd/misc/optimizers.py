"""Stochastic gradient descent with momentum, RMSprop and Adam, for nested parameters.

Each takes ``grad(x, i)``, the gradient at `x` in iteration `i`, and where to start: an array, or
nested lists, tuples and dicts of arrays. ``callback(x, i, g)`` is called in each iteration. All
return the last `x`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .... import numpy as np
from .flatten import flatten

__all__ = ["adam", "rmsprop", "sgd", "unflatten_optimizer"]


def unflatten_optimizer(optimize: Callable[..., Any]) -> Callable[..., Any]:
    """`optimize`, which works on vectors, for nested lists, tuples and dicts of arrays."""

    @functools.wraps(optimize)
    def nested(
        grad: Callable[[Any, int], Any],
        x0: Any,
        callback: Callable[[Any, int, Any], Any] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        start, unflatten = flatten(x0)

        def flat_grad(x: Any, i: int) -> Any:
            return flatten(grad(unflatten(x), i))[0]

        def told(x: Any, i: int, g: Any) -> None:
            if callback:
                callback(unflatten(x), i, unflatten(g))

        return unflatten(optimize(flat_grad, start, told if callback else None, *args, **kwargs))

    return nested


@unflatten_optimizer
def sgd(
    grad: Any, x: Any, callback: Any = None, num_iters: int = 200, step_size: float = 0.1,
    mass: float = 0.9,
) -> Any:  # fmt: skip
    """Gradient descent with momentum: the velocity is a running mean of the gradients."""
    velocity = np.zeros(len(x))
    for i in range(num_iters):
        g = grad(x, i)
        if callback:
            callback(x, i, g)
        velocity = mass * velocity - (1.0 - mass) * g
        x = x + step_size * velocity
    return x


@unflatten_optimizer
def rmsprop(
    grad: Any, x: Any, callback: Any = None, num_iters: int = 100, step_size: float = 0.1,
    gamma: float = 0.9, eps: float = 1e-8,
) -> Any:  # fmt: skip
    """RMSprop: steps are divided by the root of a running mean of squared gradients."""
    mean_square = np.ones(len(x))
    for i in range(num_iters):
        g = grad(x, i)
        if callback:
            callback(x, i, g)
        mean_square = gamma * mean_square + (1.0 - gamma) * g**2
        x = x - step_size * g / (np.sqrt(mean_square) + eps)
    return x


@unflatten_optimizer
def adam(
    grad: Any, x: Any, callback: Any = None, num_iters: int = 100, step_size: float = 0.001,
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
) -> Any:  # fmt: skip
    """Adam (Kingma and Ba, 2014): momentum and RMSprop, both corrected for their start at zero."""
    mean, mean_square = np.zeros(len(x)), np.zeros(len(x))
    for i in range(num_iters):
        g = grad(x, i)
        if callback:
            callback(x, i, g)
        mean = b1 * mean + (1.0 - b1) * g
        mean_square = b2 * mean_square + (1.0 - b2) * g**2
        corrected = mean / (1.0 - b1 ** (i + 1))
        scale = np.sqrt(mean_square / (1.0 - b2 ** (i + 1)))
        x = x - step_size * corrected / (scale + eps)
    return x
