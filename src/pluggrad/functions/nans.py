"""Reductions and scans that skip nan. The tables in `variables/summaries.py` document them."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of
from ..engine.cotangents import is_continuous
from ..errors import InvalidArgumentError
from .reducing import (
    array_of,
    beside,
    count_of,
    fits_into,
    floating,
    known,
    mask_of,
    masked,
    restored,
    root,
    rows,
    start,
    worst,
)
from .reductions import degrees, in_complex, mean_of, running, squares


def numbers(x: Any, where: Any, name: str) -> Any:
    """Where `x` is a number and takes part."""
    mask = mask_of(where, x, name)
    return x == x if mask is None else (x == x) & mask


@composite(own=True, arrays="x where")
def nansum(
    x: Any,
    /,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    """The sum of the elements that are not nan."""
    x = array_of(x, "nansum")
    taken = masked(x, numbers(x, where, "nansum"), 0)
    total = xp.sum(taken, axis=axis, dtype=dtype, keepdims=keepdims)
    return total if initial is None else total + start(initial, total, "nansum")


@composite(own=True, arrays="x where")
def nanprod(
    x: Any,
    /,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    """The product of the elements that are not nan."""
    x = array_of(x, "nanprod")
    taken = masked(x, numbers(x, where, "nanprod"), 1)
    product = xp.prod(taken, axis=axis, dtype=dtype, keepdims=keepdims)
    return product if initial is None else product * start(initial, product, "nanprod")


@composite(own=True, arrays="x where")
def nanmean(
    x: Any,
    /,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    where: Any = None,
) -> Any:
    """The mean of the elements that are not nan; nan if there are none."""
    x = floating(array_of(x, "nanmean"), dtype, "nanmean")
    return mean_of(x, numbers(x, where, "nanmean"), axis, keepdims)


# ---------------------------------------------------------------- extrema


def extremum_of_numbers(
    name: str, sign: int, x: Any, axis: Any, keepdims: Any, initial: Any, where: Any
) -> Any:
    """The maximum (`sign` = 1) or the minimum of the elements that are not nan; nan if all are."""
    x = array_of(x, name)
    axes = axes_of(axis, x.ndim, name)
    function = xp.max if sign > 0 else xp.min
    mask, least = mask_of(where, x, name), worst(x, sign, name)
    if initial is None and mask is not None:
        raise InvalidArgumentError(
            f"{name}: with `where`, pass `initial` too: the result where no element takes part"
        )
    if initial is None and not is_continuous(x):
        return function(x, axis=axes, keepdims=keepdims)
    taken = rows(x, axes)
    there = taken == taken
    if mask is not None:
        there = there & rows(mask, axes)
    if initial is not None:
        first = xp.broadcast_to(start(initial, x, name), (*taken.shape[:-1], 1))
        taken = xp.concat([taken, first], axis=-1)
        there = xp.concat([there, first == first], axis=-1)
    y = function(masked(taken, there, least), axis=-1)
    if is_continuous(x):
        y = xp.where(xp.any(there, axis=-1), y, math.nan)
    return restored(y, axes, keepdims)


@composite(own=True, arrays="x where")
def nanmax(
    x: Any,
    /,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    """The greatest element that is not nan; nan if there is none."""
    return extremum_of_numbers("nanmax", 1, x, axis, keepdims, initial, where)


@composite(own=True, arrays="x where")
def nanmin(
    x: Any,
    /,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    """The least element that is not nan; nan if there is none."""
    return extremum_of_numbers("nanmin", -1, x, axis, keepdims, initial, where)


def place_of_extremum(name: str, sign: int, x: Any, axis: Any, keepdims: Any) -> Any:
    """Where the extremum of the elements that are not nan stands."""
    x = array_of(x, name)
    there = x == x
    values = known(xp.all(~there, axis=axis))
    if values is not None and x.size and values.any():
        raise InvalidArgumentError(f"{name}: all elements are nan, so that there is no {name[3:]}")
    function = xp.argmax if sign > 0 else xp.argmin
    taken = masked(x, there, worst(x, sign, name)) if is_continuous(x) else x
    return function(taken, axis=axis, keepdims=keepdims)


@composite(own=True, arrays="x")
def nanargmax(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """The index of the greatest element that is not nan, along `axis` or among all elements."""
    return place_of_extremum("nanargmax", 1, x, axis, keepdims)


@composite(own=True, arrays="x")
def nanargmin(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """The index of the least element that is not nan, along `axis` or among all elements."""
    return place_of_extremum("nanargmin", -1, x, axis, keepdims)


# ---------------------------------------------------------------- variance


def variance_of_numbers(
    name: str,
    x: Any,
    axis: Any,
    dtype: Any,
    ddof: Any,
    keepdims: Any,
    where: Any,
    mean: Any,
) -> Any:
    """The variance of the elements that are not nan; nan where fewer than `ddof` + 1 are left."""
    x = floating(array_of(x, name), dtype, name)
    mask = numbers(x, where, name)
    if mean is not None:
        mean = beside(mean, x, name, "mean")
        fits_into(mean, x, name, "mean")
    total = squares(x, mask, mean, axis, keepdims, name == "nanstd" and mean is None)
    left = count_of(mask, total, axis, keepdims) - ddof
    return in_complex(total / xp.where(left > 0, left, math.nan), x, dtype)


@composite(own=True, arrays="x where")
def nanvar(
    x: Any,
    /,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: Any = 0,
    keepdims: bool = False,
    where: Any = None,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """The variance of the elements that are not nan."""
    ddof = degrees(ddof, correction, "nanvar")
    return variance_of_numbers("nanvar", x, axis, dtype, ddof, keepdims, where, mean)


@composite(own=True, arrays="x where")
def nanstd(
    x: Any,
    /,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: Any = 0,
    keepdims: bool = False,
    where: Any = None,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """The standard deviation of the elements that are not nan."""
    ddof = degrees(ddof, correction, "nanstd")
    return root(variance_of_numbers("nanstd", x, axis, dtype, ddof, keepdims, where, mean))


# ---------------------------------------------------------------- scans


@composite(own=True, arrays="x")
def nancumsum(x: Any, /, axis: int | None = None, dtype: Any = None) -> Any:
    """The running sums, with nan counted as 0."""
    x = array_of(x, "nancumsum")
    x, options = running("nancumsum", masked(x, x == x, 0), axis, dtype)
    return xp.cumulative_sum(x, **options)


@composite(own=True, arrays="x")
def nancumprod(x: Any, /, axis: int | None = None, dtype: Any = None) -> Any:
    """The running products, with nan counted as 1."""
    x = array_of(x, "nancumprod")
    x, options = running("nancumprod", masked(x, x == x, 1), axis, dtype)
    return xp.cumulative_prod(x, **options)
