"""Interpolation of scattered data by triangles and by the nearest point."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...errors import InvalidArgumentError, UnsupportedError
from ..optimize.calls import constants, shape_of
from ..rows import falling_through, scipy_module
from .common import doubles, leading, method
from .linear import interp1d
from .products import coordinates

__all__ = ["LinearNDInterpolator", "NearestNDInterpolator", "griddata"]

_THEIRS, _ = falling_through("interpolate", [])


@method("LinearNDInterpolator", "values")
def _data(points: Any, values: Any, where: str) -> Any:
    parts = points if isinstance(points, tuple) else (points,)
    first = leading(values, *parts)
    values = doubles(values, where, "values", first)
    if isinstance(points, tuple):
        points = xp.stack([xp.reshape(doubles(p, where, "points", values), (-1,)) for p in points],
                          axis=-1)  # fmt: skip
    points = doubles(points, where, "points", values)
    points = xp.reshape(points, (-1, 1)) if points.ndim == 1 else points
    if points.ndim != 2 or not values.ndim or points.shape[0] != values.shape[0]:
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: there is a value for each row of points, and the shapes "
            f"are {tuple(points.shape)} and {tuple(values.shape)}"
        )
    return points, values


def _beside(it: Any, xi: Any) -> list[Any]:
    """The data of an interpolator, NumPy's constants among them in the library of `xi`."""
    first = leading(it.values, *(xi if isinstance(xi, tuple) else (xi,)))
    return [doubles(z, "griddata", "points", first) for z in (it.points, it.values)]


def _simplices(points: np.ndarray, xi: np.ndarray, rescale: bool) -> Any:
    """The corners of the simplex around each point, and whether there is one."""
    if rescale:
        middle, width = points.mean(axis=0), np.ptp(points, axis=0)
        width = np.where(width > 0, width, 1.0)
        points, xi = (points - middle) / width, (xi - middle) / width
    made = scipy_module("spatial").Delaunay(points)
    found = made.find_simplex(np.where(np.isnan(xi), np.inf, xi))
    return made.simplices[found].astype(np.int64), found >= 0


@method("LinearNDInterpolator.__call__")
def _linear(it: Any, points: Any, values: Any, xi: Any) -> Any:
    d = points.shape[1]
    at, shape = coordinates(xi, d, "LinearNDInterpolator", values)
    corners, inside = constants(
        "interpolate.LinearNDInterpolator", lambda p, x: _simplices(p, x, it.rescale), points, at
    )
    m = at.shape[0]
    flat = xp.reshape(corners, (-1,))
    own = xp.reshape(xp.take(points, flat, axis=0), (m, d + 1, d))
    own_values = xp.reshape(xp.take(values, flat, axis=0), (m, d + 1, *values.shape[1:]))
    last = own[:, d, :]
    sides = xp.matrix_transpose(own[:, :d, :] - xp.expand_dims(last, axis=1))
    step = xp.expand_dims(xp.where(xp.expand_dims(inside, axis=-1), at - last, 0.0), axis=-1)
    part = xp.linalg.solve(sides, step)[..., 0]
    weights = xp.concat([part, 1.0 - xp.sum(part, axis=-1, keepdims=True)], axis=-1)
    ones = (1,) * (values.ndim - 1)
    y = xp.sum(own_values * xp.reshape(weights, (m, d + 1, *ones)), axis=1)
    y = xp.where(xp.reshape(inside, (m, *ones)), y, it.fill_value)
    return xp.reshape(y, (*shape, *values.shape[1:]))


class LinearNDInterpolator:
    """Linear interpolation in triangles, as `scipy.interpolate.LinearNDInterpolator`.

    It is differentiable by `points`, `values` and the points where it is evaluated, with the
    triangulation, which SciPy finds, kept. `points` are no triangulation.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.LinearNDInterpolator.html
    """

    def __init__(
        self, points: Any, values: Any, fill_value: Any = np.nan, rescale: bool = False
    ) -> None:
        self.points, self.values = _data(points, values, "LinearNDInterpolator")
        if self.points.shape[1] < 2:
            raise InvalidArgumentError(
                "scipy.interpolate.LinearNDInterpolator: points have two coordinates at least"
            )
        self.fill_value, self.rescale = fill_value, rescale

    def __call__(self, *args: Any) -> Any:
        """The values at points: an array with the coordinates along its last axis, or one array for
        each coordinate."""
        xi = args[0] if len(args) == 1 else args
        return _linear(self, *_beside(self, xi), xi)


@method("NearestNDInterpolator.__call__")
def _nearest(it: Any, points: Any, values: Any, xi: Any, bound: Any) -> Any:
    at, shape = coordinates(xi, points.shape[1], "NearestNDInterpolator", values)

    def search(p: np.ndarray, x: np.ndarray) -> Any:
        if it.rescale:
            middle, width = p.mean(axis=0), np.ptp(p, axis=0)
            width = np.where(width > 0, width, 1.0)
            p, x = (p - middle) / width, (x - middle) / width
        tree = scipy_module("spatial").KDTree(p, **it.options)
        valid = np.isfinite(x).all(axis=1)
        far, found = tree.query(np.where(valid[:, None], x, 0.0), distance_upper_bound=bound)
        good = valid & np.isfinite(far)
        return np.where(good, found, 0).astype(np.int64), good

    places, good = constants("interpolate.NearestNDInterpolator", search, points, at)
    y = xp.take(values, places, axis=0)
    y = xp.where(xp.reshape(good, (-1, *(1,) * (y.ndim - 1))), y, np.nan)
    return xp.reshape(y, (*shape, *values.shape[1:]))


class NearestNDInterpolator:
    """The value of the nearest point, as `scipy.interpolate.NearestNDInterpolator`.

    It is differentiable by the values; which point is the nearest counts as constant. By the points
    and the places where it is evaluated the slope is 0.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.NearestNDInterpolator.html
    """

    def __init__(self, x: Any, y: Any, rescale: bool = False, tree_options: Any = None) -> None:
        self.points, self.values = _data(x, y, "NearestNDInterpolator")
        self.rescale, self.options = rescale, dict(tree_options or {})

    def __call__(self, *args: Any, **query_options: Any) -> Any:
        """The values at points; see `LinearNDInterpolator`. Of the options of a query,
        `distance_upper_bound` is followed."""
        bound = query_options.pop("distance_upper_bound", np.inf)
        if query_options:
            raise UnsupportedError(
                "pluggrad.scipy.interpolate.NearestNDInterpolator: of the options of a query there "
                f"is distance_upper_bound, not {', '.join(query_options)}"
            )
        xi = args[0] if len(args) == 1 else args
        return _nearest(self, *_beside(self, xi), xi, bound)


def griddata(
    points: Any, values: Any, xi: Any, method: str = "linear", fill_value: Any = np.nan,
    rescale: bool = False,
) -> Any:  # fmt: skip
    """The values at points `xi` of an interpolation of scattered data.

    It is differentiable by `points`, `values` and `xi`; see `LinearNDInterpolator`,
    `NearestNDInterpolator` and, for one variable, `interp1d`. ``"cubic"`` in two variables is for
    constants.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.griddata.html
    """
    shape = shape_of(points)
    single = isinstance(points, tuple) and len(points) == 1
    if single or (not isinstance(points, tuple) and (len(shape) < 2 or shape[-1] == 1)):
        points, xi = [z[0] if isinstance(z, tuple) else z for z in (points, xi)]
        points = points[:, 0] if len(shape_of(points)) == 2 else points
        fill = "extrapolate" if method == "nearest" else fill_value
        return interp1d(points, values, method, 0, bounds_error=False, fill_value=fill)(xi)
    if method == "nearest":
        return NearestNDInterpolator(points, values, rescale)(xi)
    if method == "linear":
        return LinearNDInterpolator(points, values, fill_value, rescale)(xi)
    return _THEIRS("griddata")(points, values, xi, method, fill_value, rescale)
