"""Interpolation of one variable, by `interp1d`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...errors import InvalidArgumentError, UnsupportedError
from ..arguments import constant
from ..optimize.calls import stacked
from .bsplines import evaluate_spline
from .common import column, doubles, method, numbers, placed
from .fitting import make_interp_spline

__all__ = ["interp1d"]

_ORDERS = {"zero": 0, "slinear": 1, "quadratic": 2, "cubic": 3}
_NEAR = ("linear", "nearest", "nearest-up", "previous", "next")


def _extrapolates(fill_value: Any) -> bool:
    return isinstance(fill_value, str) and fill_value == "extrapolate"


@method("interp1d", "x y")
def _data(x: Any, y: Any, axis: int, assume_sorted: bool) -> Any:
    first = next((z for z in (y, x) if hasattr(z, "dtype")), None)
    x, y = doubles(x, "interp1d", "x", first), doubles(y, "interp1d", "y", first)
    if x.ndim != 1 or not y.ndim:
        raise InvalidArgumentError(
            "scipy.interpolate.interp1d: x is a vector and y has one axis at least, and the shapes "
            f"are {tuple(x.shape)} and {tuple(y.shape)}"
        )
    axis = axis_of(axis, y.ndim, "scipy.interpolate.interp1d")
    if x.shape[0] != y.shape[axis]:
        raise InvalidArgumentError(
            f"scipy.interpolate.interp1d: x has {x.shape[0]} elements, and y has {y.shape[axis]} "
            f"along axis {axis}"
        )
    y = xp.moveaxis(y, axis, 0)
    if not assume_sorted:
        order = xp.argsort(x.detach(), stable=True)
        x, y = xp.take(x, order, axis=0), xp.take(y, order, axis=0)
    return x, y, axis


@method("interp1d.__call__", "at")
def _values(it: Any, at: Any) -> Any:
    at = doubles(at, "interp1d", "x", it._y)
    shape = tuple(at.shape)
    at = xp.reshape(at, (-1,))
    x, y = it._x, it._y
    n = x.shape[0]
    low, high = x[0], x[n - 1]
    kind = it._kind
    below, above = at < low, at > high
    if not it._extrapolate and it.bounds_error:
        for outside, what in ((below, "below"), (above, "above")):
            found = numbers(outside)
            if found is not None and found.any():
                raise InvalidArgumentError(
                    f"scipy.interpolate.interp1d: a value in x_new is {what} the range of x"
                )
    if it._spline is not None:
        t, c, k = it._spline
        found = evaluate_spline(t, c, k, at, 0, True)
    elif kind == "linear":
        i = xp.clip(xp.searchsorted(x, at), 1, n - 1)
        x0, x1, y0, y1 = [xp.take(z, j, axis=0) for z in (x, y) for j in (i - 1, i)]
        slope = (y1 - y0) / column(x1 - x0, y)
        found = slope * column(at - x0, y) + y0
    else:
        if kind.startswith("nearest"):
            middle = (x[1:] + x[:-1]) / 2.0
            i = xp.searchsorted(middle, at, side="left" if kind == "nearest" else "right")
        elif kind == "previous":
            i = xp.searchsorted(x, at, side="right") - 1
        else:
            i = xp.searchsorted(x, at, side="left")
        found = xp.take(y, xp.clip(i, 0, n - 1), axis=0)
    if not it._extrapolate:
        fill = [it._filled(z, found) for z in it._fill]
        found = xp.where(column(below, y), fill[0], found)
        found = xp.where(column(above, y), fill[1], found)
    return placed(xp.reshape(found, (*shape, *y.shape[1:])), len(shape), it.axis)


class interp1d:
    """Interpolation of one variable, as `scipy.interpolate.interp1d`.

    It is differentiable by `x`, `y`, `fill_value` and the points where it is evaluated, for every
    `kind`. At a point of the data, ``"linear"`` has the slope on its left; ``"nearest"``,
    ``"previous"`` and ``"next"`` have the slope 0. `copy` has no effect.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.interp1d.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.interpolate
    >>> x = np.arange(4.0)
    >>> f = lambda at: pg.scipy.interpolate.interp1d(x, x**2)(at)
    >>> float(pg.grad(f)(np.asarray(1.5)))
    3.0
    """

    def __init__(
        self, x: Any, y: Any, kind: Any = "linear", axis: int = -1, copy: bool = True,
        bounds_error: Any = None, fill_value: Any = np.nan, assume_sorted: bool = False,
    ) -> None:  # fmt: skip
        order = _ORDERS.get(kind) if isinstance(kind, str) else kind
        if order is None and kind not in _NEAR:
            raise UnsupportedError(f"scipy.interpolate.interp1d: there is no kind {kind!r}")
        self._x, self._y, self.axis = _data(x, y, axis, assume_sorted)
        self.x, self.y, self.copy = self._x, xp.moveaxis(self._y, 0, self.axis), copy
        n = self._x.shape[0]
        if n < (1 if order is None else order + 1):
            raise InvalidArgumentError(
                f"scipy.interpolate.interp1d: x and y have {(order or 0) + 1} elements at least"
            )
        self._kind, self._spline = kind, None
        if order is not None:
            self._spline = self._interpolated(int(order))
        self.bounds_error = bounds_error
        if _extrapolates(fill_value):
            if bounds_error:
                raise InvalidArgumentError(
                    "scipy.interpolate.interp1d: it does not extrapolate and raise at the same time"
                )
            if kind in ("previous", "next"):
                ends = (np.nan, self._y[n - 1]) if kind == "previous" else (self._y[0], np.nan)
                fill_value = ends
            self.bounds_error = False
        self.fill_value = fill_value
        self._extrapolate = _extrapolates(fill_value)
        several = isinstance(fill_value, tuple) and len(fill_value) == 2
        self._fill = fill_value if several else (fill_value, fill_value)
        if not self._extrapolate and self.bounds_error is None:
            self.bounds_error = True

    def _interpolated(self, order: int) -> Any:
        """Knots, coefficients and degree. With nan in the data, all of it is nan."""
        x, y = self._x, self._y
        values = numbers(x), numbers(y)
        known = values[0] is not None and values[1] is not None
        if order > 1 and known and any([np.isnan(v).any() for v in values]):
            places = constant("arange", x.shape[0], beside=x, dtype=x.dtype)
            t, c, k = make_interp_spline(places, xp.zeros_like(y), order).tck
            return t, c + np.nan, k
        return make_interp_spline(x, y, order, check_finite=False).tck

    def _filled(self, value: Any, found: Any) -> Any:
        """What stands outside of the range."""
        return value if isinstance(value, (int, float, complex)) else stacked(value, found)

    def __call__(self, x: Any) -> Any:
        """The values at `x`."""
        return _values(self, x)
