"""`logsumexp`, `softmax` and `log_softmax`.

By default they take all axes together, as in SciPy and NumPy.
"""

from __future__ import annotations

import math
from typing import Any

from ..arrays.composites import composite
from ..arrays.dispatch import xp
from .kinds import general
from .reductions import restore_axes


def below_maximum(x: Any, axis: Any) -> tuple[Any, Any]:
    """`x` minus its maximum, and the maximum. Where `x` attains the maximum, the difference is 0,
    even if the maximum is infinite."""
    top = xp.max(x, axis=axis, keepdims=True)
    finite = xp.where(xp.isinf(top), 0.0, top)
    return xp.where(x == top, 0.0, xp.where(top == math.inf, -math.inf, x - finite)), top


def log_sum(x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """log Σ exp(x), without overflow."""
    z, top = below_maximum(x, axis)
    y = xp.log(xp.sum(xp.exp(z), axis=axis, keepdims=True)) + top
    return y if keepdims else xp.sum(y, axis=axis)  # only removes the axes, of length 1


def softmax_raw(x: Any, axis: Any = None) -> Any:
    """exp(x) / Σ exp(x), without overflow."""
    e = xp.exp(below_maximum(x, axis)[0])
    return e / xp.sum(e, axis=axis, keepdims=True)


def log_softmax_raw(x: Any, axis: Any = None) -> Any:
    """x - log Σ exp(x), without overflow."""
    z = below_maximum(x, axis)[0]
    return z - xp.log(xp.sum(xp.exp(z), axis=axis, keepdims=True))


def log_sum_back(g: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    """g_x = g softmax(x)."""
    return restore_axes(g, x.ndim, axis, keepdims) * xp.softmax_of(x, axis=axis)


def log_sum_along(t: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    """t_y = Σ t softmax(x)."""
    return xp.sum(t * xp.softmax_of(x, axis=axis), axis=axis, keepdims=keepdims)


def softmax_back(g: Any, y: Any, axis: Any) -> Any:
    """y (g - Σ g y). The Jacobian diag(y) - y yᵀ is symmetric, so this serves both modes."""
    return y * (g - xp.sum(g * y, axis=axis, keepdims=True))


def log_softmax_back(g: Any, y: Any, axis: Any) -> Any:
    """g_x = g - exp(y) Σ g."""
    return g - xp.exp(y) * xp.sum(g, axis=axis, keepdims=True)


def log_softmax_along(t: Any, y: Any, axis: Any) -> Any:
    """t_y = t - Σ t exp(y)."""
    return t - xp.sum(t * xp.exp(y), axis=axis, keepdims=True)


# fmt: off
general("log_sum(x, /, *, axis=None, keepdims=False)", log_sum_back, jvp=log_sum_along,
        fallback=log_sum, private=True)
general("softmax_of(x, /, *, axis=None)", softmax_back, jvp=softmax_back,
        fallback=softmax_raw, private=True)
general("log_softmax_of(x, /, *, axis=None)", log_softmax_back, jvp=log_softmax_along,
        fallback=log_softmax_raw, private=True)
# fmt: on


@composite(own=True)
def logsumexp(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The logarithm of the sum of exponentials, without overflow."""
    return xp.log_sum(x, axis=axis, keepdims=keepdims)


@composite(own=True)
def softmax(x: Any, /, axis: Any = None) -> Any:
    """The exponentials, scaled so that their sum is 1."""
    return xp.softmax_of(x, axis=axis)


@composite(own=True)
def log_softmax(x: Any, /, axis: Any = None) -> Any:
    """The logarithm of `softmax`, without underflow."""
    return xp.log_softmax_of(x, axis=axis)
