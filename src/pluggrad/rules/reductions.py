"""Reductions. The cotangent of a result goes back to each element that it was computed from."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.dispatch import xp
from ..engine.cotangents import conjugate, shape_dtype, spread
from ..engine.lazy_cotangents import Uniform
from .elementwise import apart, real
from .kinds import constant, general, linear


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """`axis` as a tuple of non-negative axes; None means all."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple([n % ndim if ndim else 0 for n in axes])


def restore_axes(g: Any, ndim: int, axis: Any, keepdims: Any) -> Any:
    """`g`, of the shape of a reduction's output, with the reduced axes put back at length 1."""
    if not keepdims and g.ndim:
        for n in sorted(axes_of(axis, ndim)):
            g = xp.expand_dims(g, axis=n)
    return g


def expand(g: Any, like: Any, axis: Any, keepdims: Any) -> Any:
    """g_x of `sum`: `g` repeated along the reduced axes."""
    if type(g) is Uniform:
        return Uniform(g.number, like, g.one)
    shape, _ = shape_dtype(like)
    return spread(restore_axes(g, len(shape), axis, keepdims), like)


def count(shape: Any, axis: Any) -> Any:
    """How many elements go into each element of the output; nan if a length is unknown."""
    return math.prod([shape[n] for n in axes_of(axis, len(shape))])


def mean_back(g: Any, like: Any, axis: Any, keepdims: Any) -> Any:
    """g_x = g / n, repeated along the reduced axes."""
    shape, _ = shape_dtype(like)
    n = count(shape, axis)
    n = tally(like, axis, keepdims) if n != n else n or 1
    if type(g) is Uniform and type(n) is int:
        return Uniform(g.number / n, like)
    return expand(g / n, like, axis, keepdims)


def tally(x: Any, axis: Any, keepdims: Any) -> Any:
    """`count` as an array, for lengths that are unknown until `x` is computed."""
    return xp.sum(real(xp.ones_like(x)), axis=axis, keepdims=keepdims)


# ---------------------------------------------------------------- max, min


def attaining(x: Any, y: Any, axis: Any, keepdims: Any) -> tuple[Any, Any]:
    """1 where `x` attains the extremum `y` and 0 elsewhere; and how many elements do, nan where `y`
    is nan."""
    hits = xp.astype(x == restore_axes(y, x.ndim, axis, keepdims), y.dtype)
    ties = xp.sum(hits, axis=axis, keepdims=keepdims)
    return hits, xp.where(ties == 0, math.nan, ties)


def extremum_back(g: Any, x: Any, y: Any, axis: Any, keepdims: Any) -> Any:
    """g_x: `g` split evenly among the elements that attain the extremum."""
    hits, ties = attaining(x, y, axis, keepdims)
    return restore_axes(g / ties, x.ndim, axis, keepdims) * hits


def extremum_along(t: Any, x: Any, y: Any, axis: Any, keepdims: Any) -> Any:
    """t_y: the mean tangent of the elements that attain the extremum."""
    hits, ties = attaining(x, y, axis, keepdims)
    return xp.sum(t * hits, axis=axis, keepdims=keepdims) / ties


# ---------------------------------------------------------------- var, std


def one_by(x: Any, axis: Any, correction: Any, keepdims: Any) -> Any:
    """1 / (n - correction), or infinity unless n > correction; 0 of no elements, where the variance
    is a constant."""
    n = count(x.shape, axis)
    left = n - correction
    if left != left:
        left = tally(x, axis, keepdims) - correction
        return 1 / xp.where(left > 0, left, 0.0)
    return 1 / left if left > 0 else math.inf if n else 0.0


def deviations(x: Any, axis: Any) -> Any:
    """`x` minus its mean along `axis`."""
    return x - xp.mean(x, axis=axis, keepdims=True)


def var_back(g: Any, x: Any, axis: Any, correction: Any, keepdims: Any) -> Any:
    """g_x = 2 g (x - mean(x)) / (n - correction)."""
    g = g * (2 * one_by(x, axis, correction, keepdims))
    return restore_axes(g, x.ndim, axis, keepdims) * deviations(x, axis)


def var_along(t: Any, x: Any, axis: Any, correction: Any, keepdims: Any) -> Any:
    """t_y = 2 Σ Re(conj(x - mean(x)) t) / (n - correction)."""
    total = xp.sum(real(conjugate(deviations(x, axis)) * t), axis=axis, keepdims=keepdims)
    return total * (2 * one_by(x, axis, correction, keepdims))


def std_back(g: Any, x: Any, y: Any, axis: Any, correction: Any, keepdims: Any) -> Any:
    """g_x = g (x - mean(x)) / (y (n - correction)), and 0 where all elements are equal.

    The mean of equal numbers may be off by a rounding error, and then neither the deviations nor
    `y` are 0. Subtracting the mean of the deviations removes that error.
    """
    g = g / apart(y) * one_by(x, axis, correction, keepdims)
    return restore_axes(g, x.ndim, axis, keepdims) * deviations(deviations(x, axis), axis)


def std_along(t: Any, x: Any, y: Any, axis: Any, correction: Any, keepdims: Any) -> Any:
    """t_y = Σ Re(conj(x - mean(x)) t) / (y (n - correction)), with the deviations as in
    `std_back`."""
    far = deviations(deviations(x, axis), axis)
    total = xp.sum(real(conjugate(far) * t), axis=axis, keepdims=keepdims)
    return total / apart(y) * one_by(x, axis, correction, keepdims)


# fmt: off
linear("sum(x, /, *, axis=None, dtype=None, keepdims=False)", expand, takes_uniform=True)
linear("mean(x, /, *, axis=None, keepdims=False)", mean_back, takes_uniform=True)
general("max(x, /, *, axis=None, keepdims=False)", extremum_back, jvp=extremum_along)
general("min(x, /, *, axis=None, keepdims=False)", extremum_back, jvp=extremum_along)
general("var(x, /, *, axis=None, correction=0.0, keepdims=False)", var_back, jvp=var_along)
general("std(x, /, *, axis=None, correction=0.0, keepdims=False)", std_back, jvp=std_along)
for name in ("all", "any", "argmax", "argmin", "count_nonzero"):
    constant(f"{name}(x, /, *, axis=None, keepdims=False)")
# fmt: on
