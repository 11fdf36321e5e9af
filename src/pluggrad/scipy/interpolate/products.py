"""Products of splines of several variables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import whole
from ...engine.cotangents import create
from ...errors import InvalidArgumentError, UnsupportedError
from .bsplines import BSpline, basis, evaluate_spline
from .common import doubles, method, numbers
from .fitting import make_interp_spline

__all__ = ["NdBSpline", "RectBivariateSpline", "contracted", "coordinates", "tensor_coefficients",
           "tensor_values"]  # fmt: skip


def contracted(c: Any, firsts: list[Any], weights: list[Any]) -> Any:
    """The sums over windows of `c`: along each of its first axes, the windows begin at `firsts`,
    one for each point, and are weighted by `weights`, shape (points, width)."""
    d = len(firsts)
    lengths, rest = tuple(c.shape[:d]), tuple(c.shape[d:])
    index: Any = None
    for n, (first, w) in enumerate(zip(firsts, weights, strict=True)):
        stride = math.prod(lengths[n + 1 :])
        steps = create("arange", w.shape[1], beside=c)
        part = (xp.expand_dims(first, axis=-1) + steps) * stride
        index = part if index is None else xp.expand_dims(index, axis=-1) + xp.reshape(
            part, (part.shape[0], *(1,) * (index.ndim - 1), part.shape[1])
        )  # fmt: skip
    points = firsts[0].shape[0]
    flat = xp.reshape(c, (math.prod(lengths), -1))
    y = xp.take(flat, xp.reshape(index, (-1,)), axis=0)
    y = xp.reshape(y, (points, *[w.shape[1] for w in weights], -1))
    for w in reversed(weights):
        y = xp.sum(y * xp.reshape(w, (points, *(1,) * (y.ndim - 3), w.shape[1], 1)), axis=-2)
    return xp.reshape(y, (points, *rest))


def coordinates(xi: Any, ndim: int, where: str, like: Any) -> tuple[Any, Any]:
    """Points as a matrix with one row for each, and the shape of their numbers."""
    if isinstance(xi, tuple):
        parts = xp.broadcast_arrays(*[doubles(x, where, "xi", like) for x in xi])
        xi = xp.stack(list(parts), axis=-1)
    xi = doubles(xi, where, "xi", like)
    if not xi.ndim:
        xi = xp.reshape(xi, (1, 1))
    elif xi.ndim == 1:
        xi = xp.reshape(xi, (-1, 1) if ndim == 1 else (1, -1))
    if xi.shape[-1] != ndim:
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: points have {ndim} coordinates, and xi has the shape "
            f"{tuple(xi.shape)}"
        )
    return xp.reshape(xi, (-1, ndim)), tuple(xi.shape[:-1])


def tensor_coefficients(grid: list[Any], values: Any, degrees: Any) -> tuple[list[Any], Any]:
    """Knots along each axis, and the coefficients of the product of splines through the values."""
    knots = []
    for n, (p, k) in enumerate(zip(grid, degrees, strict=True)):
        spline = make_interp_spline(p, values, k, axis=n, check_finite=False)
        knots.append(spline.t)
        values = xp.moveaxis(spline.c, 0, n)
    return knots, values


def tensor_values(knots: Any, c: Any, degrees: Any, at: Any, orders: Any) -> Any:
    """Derivatives of these `orders` of a product of splines; `at` has a vector for each axis."""
    parts = [basis(t, k, x, nu) for t, k, x, nu in zip(knots, degrees, at, orders, strict=True)]
    return contracted(c, [first for _, first in parts], [w for w, _ in parts])


@method("RectBivariateSpline", "x y z")
def _rectangle(x: Any, y: Any, z: Any, bbox: Any, kx: int, ky: int) -> Any:
    where = "RectBivariateSpline"
    first = next((v for v in (z, x, y) if hasattr(v, "dtype")), None)
    z = doubles(z, where, "z", first)
    x, y = doubles(x, where, "x", z), doubles(y, where, "y", z)
    if z.ndim != 2 or tuple(z.shape) != (x.shape[0], y.shape[0]):
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: z has the shape {tuple(z.shape)}, for {tuple(x.shape)} "
            f"and {tuple(y.shape)} points"
        )
    for p in (x, y):
        known = numbers(p)
        if known is not None and not (np.diff(known) > 0).all():
            raise InvalidArgumentError(f"scipy.interpolate.{where}: x and y increase strictly")
    tx, c = _along(x, z, kx, bbox[:2])
    ty, c = _along(y, xp.matrix_transpose(c), ky, bbox[2:])
    return tx, ty, xp.matrix_transpose(c)


def _along(x: Any, z: Any, k: int, ends: Any) -> tuple[Any, Any]:
    """Knots and coefficients along the first axis of `z`; `ends` are those of the knots."""
    spline = make_interp_spline(x, z, k, check_finite=False)
    if all([e is None for e in ends]):
        return spline.t, spline.c
    t, m = spline.t, spline.t.shape[0]
    low, high = [
        t[j : j + 1]
        if e is None
        else xp.reshape(doubles(e, "RectBivariateSpline", "bbox", t), (1,))
        for j, e in zip((0, m - 1), ends, strict=True)
    ]
    t = xp.concat([*[low] * (k + 1), t[k + 1 : m - k - 1], *[high] * (k + 1)])
    return t, make_interp_spline(x, z, k, t, check_finite=False).c


@method("RectBivariateSpline.__call__", "x y")
def _on_rectangle(it: Any, x: Any, y: Any, dx: int, dy: int, grid: bool) -> Any:
    x, y = [doubles(v, "RectBivariateSpline", n, it._c) for v, n in ((x, "x"), (y, "y"))]
    clipped = [xp.clip(v, t[0], t[t.shape[0] - 1]) for v, t in zip((x, y), it._t, strict=True)]
    if not grid:
        x, y = xp.broadcast_arrays(*clipped)
        shape = tuple(x.shape)
        at = [xp.reshape(v, (-1,)) for v in (x, y)]
        return xp.reshape(tensor_values(it._t, it._c, it.degrees, at, (dx, dy)), shape)
    at = [xp.reshape(v, (-1,)) for v in clipped]
    rows = evaluate_spline(it._t[0], it._c, it.degrees[0], at[0], dx, True)
    other = xp.matrix_transpose(rows)
    y = evaluate_spline(it._t[1], other, it.degrees[1], at[1], dy, True)
    return xp.matrix_transpose(y)


class RectBivariateSpline:
    """A product of splines through values on a grid, as `scipy.interpolate.RectBivariateSpline`.

    It is differentiable by `x`, `y`, `z` and the points where it is evaluated. `s` is 0: a
    smoothing spline has no derivative here.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.RectBivariateSpline.html
    """

    def __init__(
        self, x: Any, y: Any, z: Any, bbox: Any = (None,) * 4, kx: int = 3, ky: int = 3,
        s: Any = 0, maxit: int = 20,
    ) -> None:  # fmt: skip
        if s:
            raise UnsupportedError(
                "pluggrad.scipy.interpolate.RectBivariateSpline(s=...) is not supported: s is 0"
            )
        self.degrees = (int(kx), int(ky))
        tx, ty, self._c = _rectangle(x, y, z, list(bbox), *self.degrees)
        self._t = (tx, ty)

    def __call__(self, x: Any, y: Any, dx: int = 0, dy: int = 0, grid: bool = True) -> Any:
        """The values on the grid of `x` and `y`, or at the points themselves; or derivatives."""
        return _on_rectangle(self, x, y, dx, dy, grid)

    def ev(self, xi: Any, yi: Any, dx: int = 0, dy: int = 0) -> Any:
        """The values at the points (xi, yi), or derivatives."""
        return self(xi, yi, dx, dy, grid=False)

    def get_knots(self) -> tuple[Any, Any]:
        """The knots along both axes."""
        return self._t

    def get_coeffs(self) -> Any:
        """The coefficients, as a vector."""
        return xp.reshape(self._c, (-1,))

    def integral(self, xa: Any, xb: Any, ya: Any, yb: Any) -> Any:
        """The integral over a rectangle, differentiable by its ends."""
        rows = BSpline.construct_fast(self._t[0], self._c, self.degrees[0], False)
        first = rows.integrate(xa, xb)
        return BSpline.construct_fast(self._t[1], first, self.degrees[1], False).integrate(ya, yb)


@method("NdBSpline.__call__", "xi")
def _product(it: Any, xi: Any, nu: Any, extrapolate: Any) -> Any:
    d = len(it.t)
    points, shape = coordinates(xi, d, "NdBSpline", it.c)
    at = [points[:, n] for n in range(d)]
    y = tensor_values(it.t, it.c, it.k, at, nu)
    outside = points[:, 0] != points[:, 0]
    for t, k, x in zip(it.t, it.k, at, strict=True):
        outside = outside | (x != x)
        if not extrapolate:
            outside = outside | (x < t[k]) | (x > t[t.shape[0] - k - 1])
    y = xp.where(xp.reshape(outside, (-1, *(1,) * (y.ndim - 1))), np.nan, y)
    return xp.reshape(y, (*shape, *it.c.shape[d:]))


@method("NdBSpline", "c")
def _nd(t: Any, c: Any) -> Any:
    first = next((z for z in (c, *t) if hasattr(z, "dtype")), None)
    c = doubles(c, "NdBSpline", "c", first)
    return (*[doubles(x, "NdBSpline", "t", c) for x in t], c)


class NdBSpline:
    """A product of splines of several variables, as `scipy.interpolate.NdBSpline`.

    It is differentiable by the knots, the coefficients and the points where it is evaluated.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.NdBSpline.html
    """

    def __init__(self, t: Any, c: Any, k: Any, *, extrapolate: Any = None) -> None:
        *knots, self.c = _nd(t, c)
        self.t = tuple(knots)
        degrees = [k] * len(knots) if np.ndim(k) == 0 else list(k)
        self.k = tuple([whole(n, "scipy.interpolate.NdBSpline", "k", least=0) for n in degrees])
        self.extrapolate = True if extrapolate is None else bool(extrapolate)
        for n, (x, k) in enumerate(zip(self.t, self.k, strict=True)):
            if self.c.ndim < len(knots) or self.c.shape[n] != x.shape[0] - k - 1:
                raise InvalidArgumentError(
                    "scipy.interpolate.NdBSpline: along each axis there are degree + 1 fewer "
                    f"coefficients than knots; the shape of c is {tuple(self.c.shape)}"
                )

    def __call__(self, xi: Any, *, nu: Any = None, extrapolate: Any = None) -> Any:
        """The values at `xi`, or the derivatives of the orders `nu`."""
        orders = [0] * len(self.t) if nu is None else [int(m) for m in nu]
        return _product(self, xi, orders, self.extrapolate if extrapolate is None else extrapolate)
