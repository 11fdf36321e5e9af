"""Duals: Variables of a forward level, whose `_node` is a Tangent."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import Backend, backend_of
from ..arrays.dispatch import xp
from .cotangents import shape_dtype, spread
from .handles import make
from .levels import Level, read

__all__ = ["Tangent", "dual", "like_value"]


class Tangent:
    """The `_node` of a Variable at a forward level: it holds the tangent."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def dual(x: Any, t: Any, level: Level, backend: Backend) -> Any:
    """The Variable of `level` with value `x` and tangent `t`."""
    v = make(backend.dual, x, Tangent(t), level)
    if (opened := read().level) is not level:
        v._birth = opened  # made inside a deeper level, so values of that level may be written in
    return v


def like_value(t: Any, y: Any) -> Any:
    """The tangent `t`, cast to the dtype of the value `y` and broadcast to its shape."""
    shape, dtype = shape_dtype(y)
    if t.dtype != dtype:
        t = xp.astype(t, dtype)
    return t if t.shape == shape else spread(t, backend_of(y).like(y))  # type: ignore[union-attr]
