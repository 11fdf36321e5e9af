"""Reductions: what came from many elements goes back to each of them."""

from __future__ import annotations

from typing import Any

from ..cotangents import shape_dtype
from ..dispatch import xp
from .kinds import linear


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """`axis` as a tuple of non-negative axes; None is all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple([n % ndim if ndim else 0 for n in axes])


def expand(g: Any, like: Any, axis: Any, keepdims: Any) -> Any:
    """`g`, the cotangent of a reduction, repeated along the reduced axes."""
    shape, _ = shape_dtype(like)
    if not keepdims and g.ndim:
        for n in sorted(axes_of(axis, len(shape))):
            g = xp.expand_dims(g, axis=n)
    return xp.broadcast_to(g, shape)


# fmt: off
linear("sum(x, /, *, axis=None, dtype=None, keepdims=False)", expand)
# fmt: on
