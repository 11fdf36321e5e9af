"""Differences, derivatives and integrals of samples, with NumPy's names and meaning."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of, axis_of, whole
from ..engine.cotangents import same_shape
from ..errors import InvalidArgumentError, TypeMismatchError
from ..rules.manipulation import at
from .operand import as_array, as_floats, backend_for, flat, is_number, refuse_complex

__all__ = ["diff", "ediff1d", "gradient", "trapezoid", "unwrap"]


def _is_boolean(x: Any) -> bool:
    return bool(x.dtype == backend_for(x).xp.bool)


def _steps(x: Any, axis: int) -> Any:
    """Each element along `axis` but the first, less the one before it."""
    later, earlier = x[at(axis, slice(1, None))], x[at(axis, slice(None, -1))]
    return later != earlier if _is_boolean(x) else later - earlier


@composite(own=True, arrays="x prepend append")
def diff(x: Any, /, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The differences of neighbours along an axis, `n` times over.

    Parameters
    ----------
    x : array
        Of one axis or more.
    n : int, default 1
        How many times differences are taken. With 0 the result is `x`.
    axis : int, default -1
        Which axis; negative numbers count from the last.
    prepend : array or number, optional
        What to put before `x` along the axis first. A number is one more element; an array has
        the shape of `x` but for the axis.
    append : array or number, optional
        The same, behind `x`.

    Returns
    -------
    Variable, with one element less along the axis for each of the `n` times. Booleans differ or
    they do not, so that their differences are booleans.

    >>> import numpy as np, pluggrad as pg
    >>> pg.diff(np.asarray([1.0, 4.0, 9.0]), prepend=0.0).tolist()
    [1.0, 3.0, 5.0]
    """
    x = as_array(x, "diff", "x")
    axis, n = axis_of(axis, x.ndim, "diff"), whole(n, "diff", "n", least=0)
    if not n:
        return x
    parts = [x]
    if prepend is not None:
        parts.insert(0, _edge(prepend, x, axis, "prepend"))
    if append is not None:
        parts.append(_edge(append, x, axis, "append"))
    if len(parts) > 1:
        x = xp.concat(parts, axis=axis)
    for _ in range(min(n, x.shape[axis])):
        x = _steps(x, axis)
    return x


def _edge(value: Any, x: Any, axis: int, what: str) -> Any:
    """`value`, to be joined to `x` along `axis`; a number fills one place."""
    value = as_array(value, "diff", what, x)
    if value.ndim:
        return value
    return xp.broadcast_to(value, tuple([1 if n == axis else m for n, m in enumerate(x.shape)]))


@composite(own=True, arrays="x to_end to_begin")
def ediff1d(x: Any, /, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of neighbours among all elements in a row.

    Parameters
    ----------
    x : array
        Of any shape; it is read as one vector.
    to_end : array or number, optional
        What follows the differences. It is converted to the dtype of `x`.
    to_begin : array or number, optional
        What comes before the differences.

    Returns
    -------
    Variable, a vector.

    >>> import numpy as np, pluggrad as pg
    >>> pg.ediff1d(np.asarray([1.0, 4.0, 9.0]), to_end=[0.0]).tolist()
    [3.0, 5.0, 0.0]
    """
    x = flat(as_array(x, "ediff1d", "x"))
    if _is_boolean(x):
        raise TypeMismatchError("ediff1d: booleans have no differences; `pluggrad.diff` compares")
    parts = [x[1:] - x[:-1]]
    if to_begin is not None:
        parts.insert(0, _same_kind(to_begin, x, "to_begin"))
    if to_end is not None:
        parts.append(_same_kind(to_end, x, "to_end"))
    return xp.concat(parts, axis=0) if len(parts) > 1 else parts[0]


#: Kinds of numbers, from narrow to wide.
_KINDS = ("bool", "integral", "real floating", "complex floating")


def _same_kind(value: Any, x: Any, what: str) -> Any:
    """`value` as a vector in the dtype of `x`, unless that is a narrower kind of numbers."""
    value = as_array(value, "ediff1d", what, x)
    isdtype = backend_for(x).xp.isdtype
    ranks = [[isdtype(y.dtype, kind) for kind in _KINDS].index(True) for y in (value, x)]
    if ranks[0] > ranks[1]:
        raise TypeMismatchError(
            f"ediff1d: {what} has {value.dtype} numbers, which do not become {x.dtype} without "
            "loss; convert `x` with `pluggrad.astype` first"
        )
    return flat(value if value.dtype == x.dtype else xp.astype(value, x.dtype))


@composite(own=True, arrays="x")
def gradient(x: Any, /, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """The derivative of samples along each axis, by differences of neighbours.

    It is exact for parabolas, except at both ends, and the samples need not be evenly spaced.
    (This is NumPy's function of samples; `pluggrad.grad` differentiates functions.)

    Parameters
    ----------
    x : array
        The samples.
    varargs : numbers or vectors
        The distance of neighbours, which is 1 by default: one number for all axes, or for each of
        the axes either a number or the vector of its coordinates. They may be tracked.
    axis : int or tuple of ints, optional
        Along which axes; by default all.
    edge_order : 1 or 2
        The order of the one-sided differences at both ends.

    Returns
    -------
    Variable of the shape of `x` for one axis, else a tuple with one for each axis.

    >>> import numpy as np, pluggrad as pg
    >>> pg.gradient(np.asarray([0.0, 1.0, 4.0, 9.0]), 0.5).tolist()
    [2.0, 4.0, 8.0, 10.0]
    """
    x = as_array(x, "gradient", "x")
    if _is_boolean(x):
        raise TypeMismatchError("gradient: booleans have no differences")
    x = as_floats(x)
    edge_order = whole(edge_order, "gradient", "edge_order")
    if edge_order not in (1, 2):
        raise InvalidArgumentError(f"gradient: edge_order is 1 or 2, and {edge_order} was given")
    axes = axes_of(axis, x.ndim, "gradient")
    found = []
    for n, h in zip(axes, _spacings(varargs, x, axes), strict=True):
        if x.shape[n] < edge_order + 1:
            raise InvalidArgumentError(
                f"gradient: edge_order={edge_order} needs {edge_order + 1} samples or more along "
                f"an axis, and axis {n} has {x.shape[n]}"
            )
        moved = xp.moveaxis(x, n, -1) if n != x.ndim - 1 else x
        slopes = _slopes(moved, h, edge_order)
        if slopes.dtype != x.dtype:  # the distances do not decide the dtype
            slopes = xp.astype(slopes, x.dtype)
        found.append(xp.moveaxis(slopes, -1, n) if n != x.ndim - 1 else slopes)
    return found[0] if len(axes) == 1 else tuple(found)


def _spacings(given: Any, x: Any, axes: tuple[int, ...]) -> list[Any]:
    """For each of the axes, the distance of all neighbours or the vector of their distances."""
    spacings = [h if is_number(h) else as_array(h, "gradient", "a distance", x) for h in given]
    if not spacings:
        return [1.0] * len(axes)
    if len(spacings) == 1 and not getattr(spacings[0], "ndim", 0):
        return spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeMismatchError(
            f"gradient: {len(spacings)} distances for {len(axes)} axes; give one number for all "
            "of the axes, or one number or vector for each"
        )
    for place, (n, h) in enumerate(zip(axes, spacings, strict=True)):
        if not getattr(h, "ndim", 0):
            continue
        if h.ndim != 1 or not same_shape(h.shape, (x.shape[n],)):
            raise InvalidArgumentError(
                f"gradient: the coordinates of axis {n} are a vector of {x.shape[n]} elements, "
                f"and have the shape {tuple(h.shape)}"
            )
        h = as_floats(h)
        spacings[place] = h[1:] - h[:-1]
    return spacings


def _slopes(x: Any, h: Any, edge_order: int) -> Any:
    """The derivative along the last axis of samples whose distances are `h`."""
    even = not getattr(h, "ndim", 0)
    if even:
        inside = (x[..., 2:] - x[..., :-2]) / (2.0 * h)
        first, second, before, last = h, h, h, h
    else:
        left, right = h[:-1], h[1:]
        inside = (
            -right / (left * (left + right)) * x[..., :-2]
            + (right - left) / (left * right) * x[..., 1:-1]
            + left / (right * (left + right)) * x[..., 2:]
        )
        first, last = h[0], h[-1]
        second, before = (h[1], h[-2]) if edge_order == 2 else (first, last)
    if edge_order == 1:
        start = (x[..., 1:2] - x[..., :1]) / first
        end = (x[..., -1:] - x[..., -2:-1]) / last
    else:
        start = _edge_slope(x[..., :1], x[..., 1:2], x[..., 2:3], first, second)
        end = -_edge_slope(x[..., -1:], x[..., -2:-1], x[..., -3:-2], last, before)
    return xp.concat([start, inside, end], axis=-1)


def _edge_slope(x0: Any, x1: Any, x2: Any, h1: Any, h2: Any) -> Any:
    """The derivative at x0 of the parabola through three samples with the distances h1 and h2."""
    return (
        -(2.0 * h1 + h2) / (h1 * (h1 + h2)) * x0
        + (h1 + h2) / (h1 * h2) * x1
        - h1 / (h2 * (h1 + h2)) * x2
    )


@composite(own=True, arrays="y x dx")
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples by the trapezoidal rule.

    Parameters
    ----------
    y : array
        The samples.
    x : array, optional
        Their places: a vector, or an array that broadcasts with `y`.
    dx : number or array, default 1.0
        The distance of the samples, where `x` is not given.
    axis : int, default -1
        Along which axis.

    Returns
    -------
    Variable of the shape of `y` without the axis.

    >>> import numpy as np, pluggrad as pg
    >>> pg.trapezoid(np.asarray([0.0, 1.0, 4.0]), np.asarray([0.0, 1.0, 3.0])).item()
    5.5
    """
    y = as_array(y, "trapezoid", "y", x)
    n = axis_of(axis, y.ndim, "trapezoid")
    if x is None:
        width = dx if is_number(dx) else as_array(dx, "trapezoid", "dx", y)
    else:
        x = as_array(x, "trapezoid", "x", y)
        if x.ndim == 1:
            width = xp.reshape(_steps(x, 0), (-1,) + (1,) * (y.ndim - 1 - n))
        else:
            width = _steps(x, axis_of(axis, x.ndim, "trapezoid, for the places `x`"))
    pairs = y[at(n, slice(1, None))] + y[at(n, slice(None, -1))]
    areas = width * pairs / 2.0
    return xp.sum(areas, axis=axis_of(axis, areas.ndim, "trapezoid"))


@composite(own=True, arrays="x discont period")
def unwrap(x: Any, /, discont: Any = None, axis: int = -1, *, period: Any = 2 * math.pi) -> Any:
    """Angles without jumps of more than half a period, by multiples of the period added.

    Parameters
    ----------
    x : array
        The angles.
    discont : number, optional
        Only jumps of at least this size are removed; by default, and at least, half the period.
    axis : int, default -1
        Along which axis.
    period : number, default 2 pi
        The size of a full turn. With integers for `x` and the period, the result has integers.

    Returns
    -------
    Variable of the shape of `x`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.unwrap(np.asarray([0.0, 300.0, 30.0]), period=360).tolist()
    [0.0, -60.0, 30.0]
    """
    x = as_array(x, "unwrap", "x")
    refuse_complex(x, "unwrap")
    n = axis_of(axis, x.ndim, "unwrap")
    if not is_number(period):
        period = as_array(period, "unwrap", "period", x)
        refuse_complex(period, "unwrap", "period")
    if discont is not None and not is_number(discont):
        discont = as_array(discont, "unwrap", "discont", x)
    steps = _steps(x, n)
    if isinstance(period, complex) or isinstance(discont, complex) or _is_boolean(steps):
        raise TypeMismatchError("unwrap takes real numbers, and got complex ones or booleans")
    backend = backend_for(x)
    floats = any(
        isinstance(v, float) or (hasattr(v, "dtype") and v.dtype in backend.real_dtypes)
        for v in (x, period)
    )
    # Whether a jump of exactly half a period goes either way: with integers, if the period is even.
    ambiguous = True if floats else period % 2 == 0
    high = period / 2 if floats else period // 2
    wrapped = (steps + high) % period - high
    up = (wrapped == -high) & (steps > 0)
    wrapped = xp.where(up if ambiguous is True else up & ambiguous, high, wrapped)
    correction = wrapped - steps
    large = period / 2 if discont is None else discont
    correction = xp.where(abs(steps) < large, 0, correction)
    start = x[at(n, slice(None, 1))]
    return xp.concat(
        [start, x[at(n, slice(1, None))] + xp.cumulative_sum(correction, axis=n)], axis=n
    )
