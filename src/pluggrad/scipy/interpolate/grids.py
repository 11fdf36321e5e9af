"""Interpolation on grids of several variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.cotangents import create
from ...errors import InvalidArgumentError, UnsupportedError
from .common import backend_for, column, doubles, intervals, method, numbers
from .cubics import pchip_slopes
from .products import contracted, coordinates, tensor_coefficients, tensor_values

__all__ = ["RegularGridInterpolator", "interpn"]

_DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5, "pchip": 3,
            "slinear_legacy": 1, "cubic_legacy": 3, "quintic_legacy": 5}  # fmt: skip


def _points(points: Any, values: Any, where: str) -> Any:
    """The grid in increasing order, and the values on it."""
    first = next((z for z in (values, *points) if hasattr(z, "dtype")), None)
    values = doubles(values, where, "values", first)
    grid = [doubles(p, where, "points", values) for p in points]
    if len(grid) > values.ndim:
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: there are {len(grid)} vectors of points, and values has "
            f"{values.ndim} axes"
        )
    for n, p in enumerate(grid):
        if p.ndim != 1 or p.shape[0] != values.shape[n]:
            raise InvalidArgumentError(
                f"scipy.interpolate.{where}: the points along axis {n} have the shape "
                f"{tuple(p.shape)}, and the values {tuple(values.shape)}"
            )
        known = numbers(p)
        if known is None:
            continue
        if len(known) > 1 and (np.diff(known) < 0).all():
            grid[n], values = xp.flip(p, axis=0), xp.flip(values, axis=n)
        elif not (np.diff(known) > 0).all():
            raise InvalidArgumentError(
                f"scipy.interpolate.{where}: along axis {n} points increase or decrease strictly"
            )
    return grid, values


@method("RegularGridInterpolator", "values")
def _grid(points: Any, values: Any) -> Any:
    grid, values = _points(points, values, "RegularGridInterpolator")
    return (*grid, values)


def _hats(p: Any, at: Any) -> tuple[Any, Any]:
    """The intervals of the points, and how far they are in these."""
    if p.shape[0] == 1:
        return xp.astype(0 * at.detach(), backend_for(at).xp.int64), 0.0 * (at - p[0])
    i = intervals(p, at, 0, p.shape[0] - 2)
    low, high = xp.take(p, i, axis=0), xp.take(p, i + 1, axis=0)
    return i, (at - low) / (high - low)


def _linear(grid: list[Any], values: Any, at: list[Any], nearest: bool) -> Any:
    firsts, weights = [], []
    for p, x in zip(grid, at, strict=True):
        i, t = _hats(p, x)
        one = xp.expand_dims(t, axis=-1)
        if nearest:
            i = xp.where(t.detach() <= 0.5, i, i + 1)
            weights.append(xp.ones_like(one))
        elif p.shape[0] == 1:
            weights.append(1.0 - one)
        else:
            weights.append(xp.concat([1.0 - one, one], axis=-1))
        firsts.append(i)
    return contracted(values, firsts, weights)


def _pchip(grid: list[Any], values: Any, at: list[Any]) -> Any:
    """One axis after the other, from the last on; along the others each point has its own curve."""
    last = len(grid) - 1
    y = xp.moveaxis(values, last, 0)
    for n in range(last, -1, -1):
        x = at[n]
        m = x.shape[0]
        places = None
        if n < last:  # (points, other axes, rest)
            y = xp.moveaxis(y, n + 1, 0)
            places = create("arange", m, beside=y)
        slopes = pchip_slopes(grid[n], y)
        i, t = _hats(grid[n], x)
        h = xp.take(grid[n], i + 1, axis=0) - xp.take(grid[n], i, axis=0)
        y0, y1, d0, d1 = [_picked(z, j, places) for z in (y, slopes) for j in (i, i + 1)]
        t, h = [xp.reshape(v, (m, *(1,) * (y0.ndim - 1))) for v in (t, h)]
        s = t * t * (3.0 - 2.0 * t)
        y = y0 * (1.0 - s) + y1 * s + h * t * (1.0 - t) * ((1.0 - t) * d0 - t * d1)
    return y


def _picked(z: Any, i: Any, places: Any) -> Any:
    """``z[i, ...]``, or of points with curves of their own ``z[i, places, ...]``."""
    if places is None:
        return xp.take(z, i, axis=0)
    flat = xp.reshape(z, (-1, *z.shape[2:]))
    return xp.take(flat, i * places.shape[0] + places, axis=0)


@method("RegularGridInterpolator.__call__")
def _at_points(it: Any, xi: Any, kind: str, nu: Any) -> Any:
    grid, values = it._points, it._values
    d = len(grid)
    points, shape = coordinates(xi, d, "RegularGridInterpolator", values)
    at = [points[:, n] for n in range(d)]
    outside: Any = False
    for n, (p, x) in enumerate(zip(grid, at, strict=True)):
        out = (x < p[0]) | (x > p[p.shape[0] - 1])
        known = numbers(out | (x != x)) if it.bounds_error else None
        if known is not None and known.any():
            raise InvalidArgumentError(
                "scipy.interpolate.RegularGridInterpolator: one of the requested xi is out of "
                f"bounds in dimension {n}"
            )
        outside = out if outside is False else outside | out
    if kind in ("linear", "nearest"):
        y = _linear(grid, values, at, kind == "nearest")
    elif kind == "pchip":
        y = _pchip(grid, values, at)
    else:
        k = _DEGREES[kind]
        knots, c = it._splines(kind)
        orders = [0] * d if nu is None else [int(m) for m in nu]
        y = tensor_values(knots, c, [k] * d, at, orders)
    if not it.bounds_error and it.fill_value is not None:
        y = xp.where(column(outside, y), it.fill_value, y)
    missing = points[:, 0] != points[:, 0]
    for x in at[1:]:
        missing = missing | (x != x)
    y = xp.where(column(missing, y), np.nan, y)
    return xp.reshape(y, (*shape, *values.shape[d:]))


class RegularGridInterpolator:
    """Interpolation on a grid, as `scipy.interpolate.RegularGridInterpolator`.

    It is differentiable by `points`, `values` and the points where it is evaluated, for every
    method. The systems of equations of the splines are solved exactly, so `solver` and
    `solver_args` are left out; SciPy's own solver is iterative. ``"nearest"`` has the slope 0.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.RegularGridInterpolator.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.interpolate
    >>> x = np.arange(3.0)
    >>> grid = pg.scipy.interpolate.RegularGridInterpolator((x, x), x[:, None] * x)
    >>> pg.grad(lambda at: grid(at)[0])(np.asarray([0.5, 1.5]))
    array([1.5, 0.5])
    """

    def __init__(
        self, points: Any, values: Any, method: str = "linear", bounds_error: bool = True,
        fill_value: Any = np.nan, *, solver: Any = None, solver_args: Any = None,
    ) -> None:  # fmt: skip
        self._check(method)
        if solver is not None or solver_args:
            raise UnsupportedError(
                "pluggrad.scipy.interpolate.RegularGridInterpolator(solver=...) is not supported: "
                "the equations are solved exactly"
            )
        *grid, self._values = _grid(points, values)
        self._points = tuple(grid)
        self.grid, self.values = self._points, self._values
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        self._found: dict[str, Any] = {}
        self._check_lengths(method)

    @staticmethod
    def _check(kind: Any) -> None:
        if kind not in ("linear", "nearest", *_DEGREES):
            raise InvalidArgumentError(
                f"scipy.interpolate.RegularGridInterpolator: there is no method {kind!r}"
            )

    def _check_lengths(self, kind: str) -> None:
        k = _DEGREES.get(kind, 0)
        for n, p in enumerate(self._points):
            if p.shape[0] <= k:
                raise InvalidArgumentError(
                    f"scipy.interpolate.RegularGridInterpolator: there are {p.shape[0]} points in "
                    f"dimension {n}, and the method {kind!r} needs {k + 1}"
                )

    def _splines(self, kind: str) -> Any:
        """Knots and coefficients, computed when they are first needed."""
        if kind not in self._found:
            degrees = [_DEGREES[kind]] * len(self._points)
            self._found[kind] = tensor_coefficients(list(self._points), self._values, degrees)
        return self._found[kind]

    def __call__(self, xi: Any, method: Any = None, *, nu: Any = None) -> Any:
        """The values at `xi`, or with `nu` the derivatives of these orders along each axis."""
        kind = self.method if method is None else method
        self._check(kind)
        self._check_lengths(kind)
        if nu is not None and kind not in ("slinear", "cubic", "quintic"):
            raise InvalidArgumentError(
                "scipy.interpolate.RegularGridInterpolator: nu is for the methods 'slinear', "
                "'cubic' and 'quintic'"
            )
        return _at_points(self, xi, kind, nu)


def interpn(
    points: Any, values: Any, xi: Any, method: str = "linear", bounds_error: bool = True,
    fill_value: Any = np.nan,
) -> Any:  # fmt: skip
    """The values at points `xi` of an interpolation on a grid.

    It is differentiable by `points`, `values` and `xi`; see `RegularGridInterpolator`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.interpn.html
    """
    if method != "splinef2d":
        made = RegularGridInterpolator(points, values, method, bounds_error, fill_value)
        return made(xi)
    if not bounds_error and fill_value is None:
        raise InvalidArgumentError("scipy.interpolate.interpn: 'splinef2d' does not extrapolate")
    made = RegularGridInterpolator(points, values, "cubic", bounds_error, fill_value)
    if len(made.grid) != 2 or made.values.ndim != 2:
        raise InvalidArgumentError("scipy.interpolate.interpn: 'splinef2d' is for two variables")
    return made(xi)
