"""Helpers that rules of programs import from ``autograd.numpy.numpy_vjps``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .... import numpy as np
from ....engine.handles import raw_of

__all__ = ["balanced_eq", "repeat_to_match_shape", "replace_zero", "unbroadcast", "unbroadcast_f"]


def unbroadcast(g: Any, like: Any, broadcast_idx: int = 0) -> Any:
    """`g` summed over the axes along which an array was broadcast. `like` describes the array, as
    `numpy_wrapper.metadata` returns it; axes that it lacks are summed from `broadcast_idx` on."""
    shape, ndim, _, is_complex = like
    while np.ndim(g) > ndim:
        g = np.sum(g, axis=broadcast_idx)
    for axis, size in enumerate(shape):
        if size == 1 and g.shape[axis] != 1:
            g = np.sum(g, axis=axis, keepdims=True)
    return g if is_complex or not np.iscomplexobj(g) else np.real(g)


def unbroadcast_f(target: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`f`, a function from cotangents to gradients, with the gradient summed to the shape of
    `target`."""
    like = metadata(target)
    return lambda g: unbroadcast(f(g), like)


def metadata(x: Any) -> tuple[Any, int, Any, bool]:
    """The shape of `x`, the number of its axes, its dtype, and whether it is complex."""
    x = raw_of(x)
    return np.shape(x), np.ndim(x), np.result_type(x), bool(np.iscomplexobj(x))


def repeat_to_match_shape(
    g: Any, shape: Any, dtype: Any, axis: Any, keepdims: bool
) -> tuple[Any, int]:
    """`g`, the cotangent of a reduction over `axis`, broadcast to the `shape` before it; and how
    many elements were reduced to one."""
    if shape == ():
        return g, 1
    given = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = {i % len(shape) for i in given}
    kept = tuple([1 if i in axes else n for i, n in enumerate(shape)])
    return np.broadcast_to(np.reshape(g, kept), shape), math.prod(shape[i] for i in axes)


def balanced_eq(x: Any, z: Any, y: Any) -> Any:
    """1 where `x` equals `z` and `y` does not, 1/2 where both do, otherwise 0."""
    return (x == z) / (1.0 + (x == y))


def replace_zero(x: Any, val: Any) -> Any:
    """`x`, with `val` in the place of zeros."""
    return np.where(x, x, val)
