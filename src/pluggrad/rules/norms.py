"""Norms of vectors and matrices. At 0 the gradient of a vector norm is 0, whatever its order."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.dispatch import xp
from ..engine.cotangents import is_complex
from .elementwise import apart
from .kinds import general
from .reductions import axes_of


def keep_axes(g: Any, ndim: int, axis: Any, keepdims: bool) -> Any:
    """`g`, the cotangent of a reduction, with the axes that make it broadcast against the input."""
    if axis is not None and not keepdims:
        for n in sorted(axes_of(axis, ndim)):
            g = xp.expand_dims(g, axis=n)
    return g


def direction(x: Any, a: Any) -> Any:
    """x / |x|, and 0 at 0, where its derivative is taken to be 0 too. `a` is |x|."""
    if not is_complex(x):
        return xp.sign(x)
    none = a == 0
    return xp.where(none, 0.0, x / xp.where(none, 1.0, a))


def vector_norm(g: Any, x: Any, y: Any, axis: Any, keepdims: bool, ord: Any) -> Any:
    """g_x = g (|x| / y)^(ord - 1) x / |x|, and 0 where y = 0.

    For infinite orders, the elements that attain the extremum of |x| share `g` evenly.
    """
    if ord == 0:
        return xp.zeros_like(x)
    g, y = keep_axes(g, x.ndim, axis, keepdims), keep_axes(y, x.ndim, axis, keepdims)
    none = y == 0
    if ord == 2:  # x / y, because 1 / y may overflow where the quotient does not
        return g * (x / apart(y))
    a = xp.abs(x)
    if ord == 1:
        return direction(x, a) * g
    if ord in (math.inf, -math.inf):
        hits = xp.astype(a == y, y.dtype)
        return direction(x, a) * (hits * (g / xp.sum(hits, axis=axis, keepdims=True)))
    # A power of the ratio, because a power of y alone overflows much earlier.
    ratio = xp.where(a == 0, 1.0, a / xp.where(none, 1.0, y))
    return direction(x, a) * (xp.where(none, 0.0, g) * ratio ** (ord - 1))


# fmt: off
general("linalg.vector_norm(x, /, *, axis=None, keepdims=False, ord=2)", vector_norm, fresh=True)
# fmt: on
