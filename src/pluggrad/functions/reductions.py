"""Reductions of the standard with all of NumPy's arguments, and NumPy's other reductions."""

# The functions have the names of built-in functions, which this file does not use.
from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite, widen
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of, axis_of
from ..engine.cotangents import conjugate, is_complex, same_shape
from ..errors import InvalidArgumentError
from ..rules.elementwise import real
from .reducing import (
    array_of,
    beside,
    count_of,
    double,
    fits_into,
    floating,
    is_boolean,
    known,
    mask_of,
    masked,
    restored,
    root,
    rows,
    start,
    worst,
)


@widen("sum(x, /, axis=None, dtype=None, *, keepdims=False, initial=None, where=None)")
def sum(
    x: Any,
    /,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    """The sum of the elements that take part, and of `initial`."""
    x = array_of(x, "sum")
    taken = masked(x, mask_of(where, x, "sum"), 0)
    total = xp.sum(taken, axis=axis, dtype=dtype, keepdims=keepdims)
    return total if initial is None else total + start(initial, total, "sum")


@widen("prod(x, /, axis=None, dtype=None, *, keepdims=False, initial=None, where=None)")
def prod(
    x: Any,
    /,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    """The product of the elements that take part, and of `initial`."""
    x = array_of(x, "prod")
    taken = masked(x, mask_of(where, x, "prod"), 1)
    product = xp.prod(taken, axis=axis, dtype=dtype, keepdims=keepdims)
    return product if initial is None else product * start(initial, product, "prod")


# ---------------------------------------------------------------- extrema


def extremum(
    name: str, sign: int, x: Any, axis: Any, keepdims: Any, initial: Any, where: Any
) -> Any:
    """The maximum (`sign` = 1) or the minimum of the elements that take part and of `initial`,
    which is one element more: equal ones share the gradient evenly."""
    function = xp.max if sign > 0 else xp.min
    x = array_of(x, name)
    mask = mask_of(where, x, name)
    if initial is None:
        if where is None or where is True:
            return function(x, axis=axis, keepdims=keepdims)
        raise InvalidArgumentError(
            f"{name}: with `where`, pass `initial` too: the result where no element takes part"
        )
    axes = axes_of(axis, x.ndim, name)
    taken = rows(masked(x, mask, worst(x, sign, name)), axes)
    first = xp.broadcast_to(start(initial, x, name), (*taken.shape[:-1], 1))
    return restored(function(xp.concat([taken, first], axis=-1), axis=-1), axes, keepdims)


@widen("max(x, /, axis=None, *, keepdims=False, initial=None, where=None)")
def max(
    x: Any,
    /,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    """The greatest of the elements that take part and of `initial`."""
    return extremum("max", 1, x, axis, keepdims, initial, where)


@widen("min(x, /, axis=None, *, keepdims=False, initial=None, where=None)")
def min(
    x: Any,
    /,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    """The least of the elements that take part and of `initial`."""
    return extremum("min", -1, x, axis, keepdims, initial, where)


@composite(own=True, arrays="x")
def ptp(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The range of the elements: the greatest minus the least.

    `x` holds real numbers, and has an element at least along the axes reduced. `axis` is one axis,
    several in a tuple, or None for all of them. With `keepdims` they stay, of length 1. Equal
    elements share the gradient evenly.

    >>> import numpy as np, pluggrad as pg
    >>> pg.ptp(np.array([3.0, 1.0, 5.0])).item()
    4.0
    """
    x = array_of(x, "ptp")
    return xp.max(x, axis=axis, keepdims=keepdims) - xp.min(x, axis=axis, keepdims=keepdims)


# ---------------------------------------------------------------- truth


@widen("all(x, /, axis=None, *, keepdims=False, where=None)")
def all(x: Any, /, axis: Any = None, *, keepdims: bool = False, where: Any = None) -> Any:
    """Whether all elements that take part are true."""
    x = array_of(x, "all")
    taken = masked(x if is_boolean(x) else x != 0, mask_of(where, x, "all"), True)
    return xp.all(taken, axis=axis, keepdims=keepdims)


@widen("any(x, /, axis=None, *, keepdims=False, where=None)")
def any(x: Any, /, axis: Any = None, *, keepdims: bool = False, where: Any = None) -> Any:
    """Whether an element that takes part is true."""
    x = array_of(x, "any")
    taken = masked(x if is_boolean(x) else x != 0, mask_of(where, x, "any"), False)
    return xp.any(taken, axis=axis, keepdims=keepdims)


# ---------------------------------------------------------------- moments


def mean_of(x: Any, mask: Any, axis: Any, keepdims: Any) -> Any:
    """The mean where `mask` is True; nan if it is nowhere."""
    total = xp.sum(masked(double(x), mask, 0), axis=axis, keepdims=keepdims)
    count = count_of(mask, total, axis, keepdims)
    return total / xp.where(count == 0, math.nan, count)


@widen("mean(x, /, axis=None, dtype=None, *, keepdims=False, where=None)")
def mean(
    x: Any,
    /,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    where: Any = None,
) -> Any:
    """The mean of the elements that take part."""
    x = floating(array_of(x, "mean"), dtype, "mean")
    mask = mask_of(where, x, "mean")
    if mask is None:
        return xp.mean(x, axis=axis, keepdims=keepdims)
    return mean_of(x, mask, axis, keepdims)


def degrees(ddof: Any, correction: Any, where: str) -> Any:
    """The one of `ddof` and `correction`, NumPy's name and the standard's, that was given."""
    if ddof and correction:
        raise InvalidArgumentError(f"{where}: pass ddof or correction, not both")
    return ddof or correction or 0


def squares(x: Any, mask: Any, mean: Any, axis: Any, keepdims: Any, twice: bool = False) -> Any:
    """The sum of the squared deviations from `mean`, or from the mean of the elements, where `mask`
    is True. `twice` subtracts the mean of the deviations, too, which is a rounding error."""
    for _ in range(2 if twice else 1):
        middle = mean_of(x, mask, axis, True) if mean is None else mean
        x = masked(x - middle, mask, 0)
    return xp.sum(real(conjugate(x) * x), axis=axis, keepdims=keepdims)


def variance(name: str, x: Any, mask: Any, axis: Any, ddof: Any, keepdims: Any, mean: Any) -> Any:
    """The variance where `mask` is True, about `mean` unless that is None."""
    x = double(x)
    if mean is not None:
        mean = beside(mean, x, name, "mean")
        fits_into(mean, x, name, "mean")
    if mask is None:
        mask = xp.ones_like(x, dtype=(x == x).dtype)
    total = squares(x, mask, mean, axis, keepdims, name == "std" and mean is None)
    left = count_of(mask, total, axis, keepdims) - ddof
    return total / xp.where(left > 0, left, 0.0)


def in_complex(found: Any, x: Any, dtype: Any) -> Any:
    """A variance in the dtype that was asked for, also in a complex one."""
    return found if dtype is None or not is_complex(x) else xp.astype(found, x.dtype)


@widen(
    "var(x, /, axis=None, dtype=None, *, ddof=0, keepdims=False, where=None, mean=None,"
    " correction=0.0)"
)
def var(
    x: Any,
    /,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: Any = 0,
    keepdims: bool = False,
    where: Any = None,
    mean: Any = None,
    correction: Any = 0.0,
) -> Any:
    """The variance of the elements that take part."""
    ddof = degrees(ddof, correction, "var")
    x = floating(array_of(x, "var"), dtype, "var")
    mask = mask_of(where, x, "var")
    if mask is None and mean is None:
        found = xp.var(x, axis=axis, correction=ddof, keepdims=keepdims)
    else:
        found = variance("var", x, mask, axis, ddof, keepdims, mean)
    return in_complex(found, x, dtype)


@widen(
    "std(x, /, axis=None, dtype=None, *, ddof=0, keepdims=False, where=None, mean=None,"
    " correction=0.0)"
)
def std(
    x: Any,
    /,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: Any = 0,
    keepdims: bool = False,
    where: Any = None,
    mean: Any = None,
    correction: Any = 0.0,
) -> Any:
    """The standard deviation of the elements that take part."""
    ddof = degrees(ddof, correction, "std")
    x = floating(array_of(x, "std"), dtype, "std")
    mask = mask_of(where, x, "std")
    if mask is None and mean is None:
        found = xp.std(x, axis=axis, correction=ddof, keepdims=keepdims)
    else:
        found = root(variance("std", x, mask, axis, ddof, keepdims, mean))
    return in_complex(found, x, dtype)


# ---------------------------------------------------------------- weights


def weights_of(weights: Any, x: Any, axis: Any, where: str) -> Any:
    """`weights` as an array that broadcasts with `x`. They have its shape, or that of its axes
    `axis`, in the order given."""
    weights = beside(weights, x, where, "weights")
    if same_shape(tuple(weights.shape), tuple(x.shape)):
        return weights
    if axis is None:
        raise InvalidArgumentError(
            f"{where}: weights of shape {tuple(weights.shape)} for x of shape {tuple(x.shape)}: "
            "pass `axis`, the axes of x that they are for"
        )
    axes = axes_of(axis, x.ndim, where)
    lengths = tuple([x.shape[n] for n in axes])
    if not same_shape(tuple(weights.shape), lengths):
        raise InvalidArgumentError(
            f"{where}: weights have the shape of x, {tuple(x.shape)}, or {lengths}, that of its "
            f"axes {axes}; and got {tuple(weights.shape)}"
        )
    weights = xp.permute_dims(weights, tuple([axes.index(n) for n in sorted(axes)]))
    return xp.reshape(weights, tuple([x.shape[n] if n in axes else 1 for n in range(x.ndim)]))


@composite(own=True, arrays="x weights")
def average(
    x: Any,
    /,
    axis: Any = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """The weighted average of the elements.

    Parameters
    ----------
    x : array
        The numbers to average.
    axis : int, tuple of ints or None
        The axes to average over; None for all of them.
    weights : array or None
        They have the shape of `x`, or that of its axes `axis`. Without weights it is the mean.
        Weights whose sum is 0 are refused on NumPy, and give nan or infinity elsewhere.
    returned : bool
        Whether to return the sums of the weights, too, as the second of a pair.
    keepdims : bool
        Whether the axes reduced stay, of length 1.

    >>> import numpy as np, pluggrad as pg
    >>> pg.average(np.array([1.0, 2.0, 6.0]), weights=np.array([2.0, 1.0, 1.0])).item()
    2.5
    """
    if not hasattr(x, "shape") and hasattr(weights, "shape"):
        x = beside(x, weights, "average", "x")
    x = double(array_of(x, "average"))
    axes = axes_of(axis, x.ndim, "average")
    if weights is None:
        if 0 in [x.shape[n] for n in range(x.ndim) if n not in axes]:
            raise InvalidArgumentError(f"average: there are no elements in shape {tuple(x.shape)}")
        mean = xp.mean(x, axis=axes, keepdims=keepdims)
        count = math.prod([x.shape[n] for n in axes])
        return (mean, xp.zeros_like(mean) + count) if returned else mean
    weights = weights_of(weights, x, axis, "average")
    # NumPy alone says what becomes of integers beside floats.
    weights = weights if backend_of(x).name == "numpy" else double(weights)  # type: ignore[union-attr]
    # Weights may be fewer than elements, and are counted once for each element.
    total = xp.sum(weights * xp.ones_like(x), axis=axes, keepdims=keepdims)
    values = known(total)
    if values is not None and (values == 0).any():
        raise InvalidArgumentError("average: the weights sum to 0, so that there is no average")
    mean = xp.sum(x * weights, axis=axes, keepdims=keepdims) / total
    return (mean, total) if returned else mean


# ---------------------------------------------------------------- running sums and products


def running(name: str, x: Any, axis: Any, dtype: Any) -> Any:
    """The arguments of a scan by NumPy's rules: without an axis all elements are in a row."""
    x = array_of(x, name)
    x = x if dtype is None else xp.astype(x, dtype)
    if axis is None:
        return xp.reshape(x, (-1,)), {"axis": 0, "dtype": dtype}
    return x, {"axis": axis_of(axis, x.ndim, name), "dtype": dtype}


@composite(own=True, arrays="x")
def cumsum(x: Any, /, axis: int | None = None, dtype: Any = None) -> Any:
    """The running sums along `axis`, or over all elements as one vector.

    `dtype` is the dtype in which they are added; None stands for that of `x`, or for the library's
    default integer if `x` holds smaller ones.

    >>> import numpy as np, pluggrad as pg
    >>> pg.cumsum(np.array([1.0, 2.0, 4.0])).tolist()
    [1.0, 3.0, 7.0]
    """
    x, options = running("cumsum", x, axis, dtype)
    return xp.cumulative_sum(x, **options)


@composite(own=True, arrays="x")
def cumprod(x: Any, /, axis: int | None = None, dtype: Any = None) -> Any:
    """The running products along `axis`, or over all elements as one vector.

    `dtype` is the dtype in which they are multiplied; None stands for that of `x`, or for the
    library's default integer if `x` holds smaller ones.

    >>> import numpy as np, pluggrad as pg
    >>> pg.cumprod(np.array([1.0, 2.0, 4.0])).tolist()
    [1.0, 2.0, 8.0]
    """
    x, options = running("cumprod", x, axis, dtype)
    return xp.cumulative_prod(x, **options)


@widen(
    "cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False)",
    when="dtype is not None",
)
def _cumulative_prod(x: Any, /, *, axis: Any, dtype: Any, include_initial: bool) -> Any:
    """`cumulative_prod` in another dtype: the numbers are converted before they are multiplied."""
    x = xp.astype(array_of(x, "cumulative_prod"), dtype)
    return xp.astype(xp.cumulative_prod(x, axis=axis, include_initial=include_initial), dtype)
