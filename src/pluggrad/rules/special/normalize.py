"""logsumexp and softmax, with SciPy's signatures."""

from __future__ import annotations

from typing import Any

from ...arrays.composites import composite
from ...arrays.dispatch import xp
from ...errors import UnsupportedError
from ..softmax import log_softmax, softmax

composite("special.softmax", own=True)(softmax)
composite("special.log_softmax", own=True)(log_softmax)


@composite("special.logsumexp", own=True)
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """The logarithm of the sum of exponentials, each multiplied by `b`, without overflow."""
    if return_sign:
        raise UnsupportedError("special.logsumexp has no `return_sign` here")
    if b is None:
        return xp.logsumexp(a, axis=axis, keepdims=keepdims)
    top = xp.max(xp.where(xp.isfinite(a), a, 0.0), axis=axis, keepdims=True)
    y = xp.log(xp.sum(b * xp.exp(a - top), axis=axis, keepdims=True)) + top
    return y if keepdims else xp.sum(y, axis=axis)  # only removes the axes, of length 1
