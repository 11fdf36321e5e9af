"""Medians, covariances and correlations."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of
from ..engine.cotangents import is_complex, is_continuous
from ..errors import InvalidArgumentError, TypeMismatchError
from .reducing import array_of, double, restored, rows


def ordered(x: Any, axes: tuple[int, ...], where: str) -> tuple[Any, int]:
    """The elements along `axes` in order, along a last axis, and how many there are. Complex
    numbers have no order."""
    if is_complex(x):
        raise TypeMismatchError(f"{where} takes real numbers, not {x.dtype}")
    taken = rows(x, axes)
    return taken, taken.shape[-1]


@composite(own=True, arrays="x")
def median(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The middle one of the sorted elements, or the mean of the two middle ones.

    If an element is nan, so is the median.
    `x` holds real numbers, and has an element at least along the axes reduced. `axis` is one axis,
    several in a tuple, or None for all of them. With `keepdims` they stay, of length 1. The
    gradient goes to the elements in the middle; if others are equal to these, it goes to one of
    them.

    >>> import numpy as np, pluggrad as pg
    >>> pg.median(np.array([3.0, 1.0, 2.0])).item()
    2.0
    """
    x = double(array_of(x, "median"))
    axes = axes_of(axis, x.ndim, "median")
    taken, count = ordered(x, axes, "median")
    if count == 0:
        raise InvalidArgumentError(
            f"median: there is no element along the axes {axes} of the shape {tuple(x.shape)}"
        )
    ranks = xp.sort(taken, axis=-1)
    middle = ranks[..., count // 2]
    if count % 2 == 0:
        middle = (ranks[..., count // 2 - 1] + middle) / 2
    if is_continuous(x):
        middle = xp.where(xp.any(taken != taken, axis=-1), math.nan, middle)
    return restored(middle, axes, keepdims)


@composite(own=True, arrays="x")
def nanmedian(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The median of the elements that are not nan; nan if there are none."""
    x = double(array_of(x, "nanmedian"))
    axes = axes_of(axis, x.ndim, "nanmedian")
    taken, count = ordered(x, axes, "nanmedian")
    if count == 0:
        return xp.nanmean(x, axis=axes, keepdims=keepdims)
    backend = backend_of(x)
    assert backend is not None
    there = taken == taken
    ranks = xp.sort(xp.where(there, taken, math.inf), axis=-1)
    left = xp.sum(xp.astype(there, backend.xp.int64), axis=-1, keepdims=True)
    middle = xp.concat([xp.clip((left - 1) // 2, 0, count - 1), left // 2], axis=-1)
    middle = xp.clip(middle, 0, count - 1)
    y = xp.sum(xp.take_along_axis(ranks, middle, axis=-1), axis=-1) / 2
    y = xp.where(xp.any(there, axis=-1), y, math.nan)
    return restored(y, axes, keepdims)
