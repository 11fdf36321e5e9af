"""Interpolation, with NumPy's name and meaning."""

from __future__ import annotations

from typing import Any

from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.cotangents import is_complex, same_shape
from ..errors import InvalidArgumentError
from .operand import as_array, as_doubles, is_number, refuse_complex

__all__ = ["interp"]


@composite(own=True, arrays="x xp_ fp left right period")
def interp(
    x: Any, xp_: Any, fp: Any, /, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """The piecewise linear function through given points, evaluated at `x`.

    At a point itself the derivative by `x` is the slope to the right of it. Everything may be
    tracked: where to evaluate, the points, and the values outside.

    Parameters
    ----------
    x : array or number
        Where to evaluate, of any shape.
    xp_ : vector
        The places of the points, ascending. If there is a period, they may have any order.
    fp : vector
        The values at the points, which may be complex.
    left : number, optional
        The value to the left of all points; by default that of the first point.
    right : number, optional
        The value to the right of all points; by default that of the last point.
    period : number, optional
        The period of the function. `left` and `right` are not used then.

    Returns
    -------
    Variable of the shape of `x`. Over NumPy it is in double precision, as NumPy's.

    >>> import numpy as np, pluggrad as pg
    >>> pg.interp(np.asarray([0.5, 3.0]), [0.0, 1.0], [10.0, 20.0]).tolist()
    [15.0, 20.0]
    """
    like = next((v for v in (x, xp_, fp) if hasattr(v, "dtype")), None)
    x, xp_, fp = [
        as_doubles(as_array(v, "interp", what, like))
        for v, what in ((x, "x"), (xp_, "the places"), (fp, "the values"))
    ]
    refuse_complex(x, "interp")
    refuse_complex(xp_, "interp", "a place")
    if xp_.ndim != 1 or not same_shape(xp_.shape, fp.shape) or not xp_.shape[0]:
        raise InvalidArgumentError(
            "interp takes two vectors of one length, not empty, for the points, and got the "
            f"shapes {tuple(xp_.shape)} and {tuple(fp.shape)}"
        )
    if period is not None:
        x, xp_, fp = _periodic(x, xp_, fp, period)
        left = right = None
    flat = xp.reshape(x, (-1,))
    y = _between(flat, xp_, fp)
    y = xp.where(flat < xp_[0], fp[0] if left is None else _outside(left, fp, "left"), y)
    y = xp.where(flat > xp_[-1], fp[-1] if right is None else _outside(right, fp, "right"), y)
    return xp.reshape(y, x.shape)


def _outside(value: Any, fp: Any, what: str) -> Any:
    """`left` or `right`, which must be one number."""
    if is_number(value) and not isinstance(value, complex):
        return value
    value = as_array(value, "interp", what, fp)
    if value.ndim:
        raise InvalidArgumentError(
            f"interp: {what} is one number, and an array of shape {tuple(value.shape)} was given"
        )
    if not is_complex(fp):
        refuse_complex(value, "interp", what)
    return value


def _periodic(x: Any, places: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """The arguments of `interp` within one period, with one point more on either side."""
    if is_number(period):
        if period == 0 or isinstance(period, complex):
            raise InvalidArgumentError(f"interp: the period is a number but 0, not {period!r}")
    else:
        period = as_array(period, "interp", "period", places)
        refuse_complex(period, "interp", "period")
        if period.ndim:
            raise InvalidArgumentError(
                f"interp: the period is one number, and has the shape {tuple(period.shape)}"
            )
    period = abs(period)
    x, places = x % period, places % period
    order = xp.argsort(places)
    places, fp = xp.take(places, order, axis=0), xp.take(fp, order, axis=0)
    places = xp.concat([places[-1:] - period, places, places[:1] + period], axis=0)
    return x, places, xp.concat([fp[-1:], fp, fp[:1]], axis=0)


def _between(x: Any, places: Any, fp: Any) -> Any:
    """The value at each element of the vector `x`, from the two points that surround it."""
    count = places.shape[0]
    if count == 1:
        return fp + 0.0 * xp.where(xp.isfinite(x), x, 0.0)
    low = xp.clip(xp.searchsorted(places, x, side="right") - 1, 0, count - 2)
    x0, x1 = xp.take(places, low, axis=0), xp.take(places, low + 1, axis=0)
    f0, f1 = xp.take(fp, low, axis=0), xp.take(fp, low + 1, axis=0)
    width = x1 - x0
    double = (width == 0) & (x == x)  # the last place is there twice: then the last value counts
    slope = (f1 - f0) / xp.where(width == 0, 1.0, width)
    y = xp.where(double, f1, f0 + slope * (x - x0))
    # Infinite values and places: a point itself has its value, and two equal ones that value
    # between them.
    other = xp.where((f0 == f1) & (x == x), f0, f1 + slope * (x - x1))
    other = xp.where(x == x0, f0, xp.where(x == x1, f1, other))
    return xp.where(y == y, y, other)
