"""Medians, covariances and correlations."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of, shortened
from ..engine.cotangents import conjugate, is_complex, is_continuous, same_shape
from ..errors import InvalidArgumentError, TypeMismatchError
from ..rules.elementwise import real
from .reducing import array_of, beside, double, floating, known, precise, restored, rows


def ordered(x: Any, axes: tuple[int, ...], where: str) -> tuple[Any, int]:
    """The elements along `axes` in order, along a last axis, and how many there are. Complex
    numbers have no order."""
    if is_complex(x):
        raise TypeMismatchError(f"{where} takes real numbers, not {x.dtype}")
    if not axes and 0 in tuple(x.shape):
        raise InvalidArgumentError(f"{where}: there are no elements in shape {tuple(x.shape)}")
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


# ---------------------------------------------------------------- covariances


def table(x: Any, name: str, what: str, dtype: Any) -> Any:
    """`x`, which has two axes at most, as a matrix; a vector is one row."""
    if len(array_of(x, name, what).shape) > 2:
        raise InvalidArgumentError(f"{name}: {what} has two axes at most, not {x.ndim}")
    x = precise(x) if dtype is None else floating(x, dtype, name)
    return x if x.ndim == 2 else xp.reshape(x, (1, -1))


def observed(weights: Any, x: Any, what: str) -> Any:
    """The weights of the observations, which are the columns of `x`."""
    weights = precise(beside(weights, x, "cov", what))
    if weights.ndim != 1 or not same_shape(tuple(weights.shape), tuple(x.shape[1:])):
        raise InvalidArgumentError(
            f"cov: {what} is one number for each of the {x.shape[1]} observations, and got the "
            f"shape {tuple(weights.shape)}"
        )
    if is_complex(weights):
        raise TypeMismatchError(f"cov: {what} takes real numbers, not {weights.dtype}")
    values = known(weights)
    if values is not None and (values < 0).any():
        raise InvalidArgumentError(f"cov: {what} must not be negative")
    if values is not None and what == "fweights" and (values % 1 != 0).any():
        raise TypeMismatchError("cov: fweights are whole numbers; aweights need not be")
    return weights


@composite(own=True, arrays="x y fweights aweights")
def cov(
    x: Any,
    /,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """The matrix of covariances of several variables."""
    rows = table(x, "cov", "x", dtype)
    rows = rows if rowvar or x.ndim == 1 else xp.matrix_transpose(rows)
    if y is not None:
        more = table(y, "cov", "y", dtype)
        more = more if rowvar or more.shape[0] == 1 else xp.matrix_transpose(more)
        if not same_shape(tuple(rows.shape[1:]), tuple(more.shape[1:])):
            raise InvalidArgumentError(
                f"cov: x has {rows.shape[1]} observations, and y has {more.shape[1]}"
            )
        rows = xp.concat([rows, more], axis=0)
    if ddof is None:
        ddof = 0 if bias else 1
    elif isinstance(ddof, (bool, str)) or not hasattr(ddof, "__int__") or ddof != int(ddof):
        raise InvalidArgumentError(f"cov: ddof is an integer, not {shortened(ddof)}")
    w: Any = None if fweights is None else observed(fweights, rows, "fweights")
    if aweights is not None:
        aweights = observed(aweights, rows, "aweights")
        w = aweights if w is None else w * aweights
    left: Any
    if w is None:
        left, middle = rows.shape[1] - ddof, xp.mean(rows, axis=1, keepdims=True)
    else:
        total = xp.sum(w)
        values = known(total)
        if values is not None and values == 0:
            raise InvalidArgumentError("cov: the weights sum to 0")
        middle = xp.sum(rows * w, axis=1, keepdims=True) / total
        left = total - ddof
        if ddof == 0:
            left = total
        elif aweights is not None:
            left = total - ddof * xp.sum(w * aweights) / total
    far = rows - middle
    weighted = far if w is None else far * w
    found = xp.matmul(far, conjugate(xp.matrix_transpose(weighted)))
    if hasattr(left, "shape"):
        found = found / xp.where(left > 0, left, 0.0)
    else:
        found = found * (1 / left if left > 0 else math.inf)
    return xp.reshape(found, ()) if tuple(found.shape) == (1, 1) else found


@composite(own=True, arrays="x y")
def corrcoef(x: Any, /, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """The matrix of the correlation coefficients of several variables."""
    c = xp.cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c
    spread = xp.sqrt(real(xp.linalg.diagonal(c)))
    c = c / xp.expand_dims(spread, axis=1) / spread
    if is_complex(c):
        return xp.clip(xp.real(c), -1, 1) + 1j * xp.clip(xp.imag(c), -1, 1)
    return xp.clip(c, -1, 1)
