"""Cubic interpolation: slopes at the points decide, and each class has its own rule for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from ...functions.operand import constant
from ..linalg import solve_banded
from .common import check_finite, check_increasing, column, data, doubles, method, numbers
from .piecewise import PPoly

__all__ = ["Akima1DInterpolator", "CubicHermiteSpline", "CubicSpline", "PchipInterpolator"]


def _points(x: Any, y: Any, axis: Any, where: str) -> tuple[Any, Any, int]:
    """Checked data, with the axis of interpolation in front."""
    x, y, axis = data(x, y, axis, where)
    if x.shape[0] < 2:
        raise InvalidArgumentError(f"scipy.interpolate.{where}: x has two elements at least")
    check_finite(x, where, "x")
    check_finite(y, where, "y")
    check_increasing(x, where)
    return x, y, axis


def _cubic(x: Any, y: Any, slopes: Any) -> Any:
    """The coefficients of the cubic polynomials with these values and slopes at `x`."""
    step = column(x[1:] - x[:-1], y)
    secant = (y[1:] - y[:-1]) / step
    t = (slopes[:-1] + slopes[1:] - 2 * secant) / step
    return xp.stack([t / step, (secant - slopes[:-1]) / step - t, slopes[:-1], y[:-1]])


@method("CubicHermiteSpline", "x y dydx")
def _hermite(x: Any, y: Any, dydx: Any, axis: Any) -> Any:
    where = "CubicHermiteSpline"
    dydx = doubles(dydx, where, "dydx", y if hasattr(y, "dtype") else x)
    shape = np.shape(y) if not hasattr(y, "shape") else y.shape
    if tuple(dydx.shape) != tuple(shape):
        raise InvalidArgumentError(f"scipy.interpolate.{where}: y and dydx have the same shape")
    check_finite(dydx, where, "dydx")
    x, y, axis = _points(x, y, axis, where)
    return _cubic(x, y, xp.moveaxis(dydx, axis, 0)), x


class CubicHermiteSpline(PPoly):
    """The cubic interpolation with given values and slopes.

    It is `scipy.interpolate.CubicHermiteSpline`, differentiable by `x`, `y`, `dydx` and the points
    where it is evaluated.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.CubicHermiteSpline.html
    """

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None) -> None:
        found = _hermite(x, y, dydx, axis)
        self._finish(found, True if extrapolate is None else extrapolate, axis)

    def _finish(self, found: Any, extrapolate: Any, axis: int) -> None:
        c, x = found
        self._set(c, x, extrapolate, axis % (c.ndim - 1))


# ---------------------------------------------------------------- PCHIP


@method("PchipInterpolator", "x y")
def _pchip(x: Any, y: Any, axis: Any) -> Any:
    x, y, axis = _points(x, y, axis, "PchipInterpolator")
    if is_complex(y):
        raise TypeMismatchError("scipy.interpolate.PchipInterpolator: y is real")
    return _cubic(x, y, pchip_slopes(x, y)), x


def pchip_slopes(x: Any, y: Any) -> Any:
    """Harmonic means of the slopes of the neighbouring secants; 0 where these change their sign."""
    h = column(x[1:] - x[:-1], y)
    m = (y[1:] - y[:-1]) / h
    if y.shape[0] == 2:
        return xp.concat([m, m], axis=0)
    before, after = m[:-1], m[1:]
    flat = (xp.sign(before) != xp.sign(after)) | (before == 0) | (after == 0)
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    safe1, safe2 = xp.where(flat, 1.0, before), xp.where(flat, 1.0, after)
    inner = xp.where(flat, 0.0, (w1 + w2) / (w1 / safe1 + w2 / safe2))
    first = _end(h[:1], h[1:2], m[:1], m[1:2])
    n = m.shape[0]
    last = _end(h[n - 1 :], h[n - 2 : n - 1], m[n - 1 :], m[n - 2 : n - 1])
    return xp.concat([first, inner, last], axis=0)


def _end(h0: Any, h1: Any, m0: Any, m1: Any) -> Any:
    """The slope at an end, from three points, which keeps the shape."""
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    turned = xp.sign(d) != xp.sign(m0)
    steep = (xp.sign(m0) != xp.sign(m1)) & (xp.abs(d) > 3.0 * xp.abs(m0))
    return xp.where(turned, 0.0, xp.where(steep, 3.0 * m0, d))


class PchipInterpolator(CubicHermiteSpline):
    """The cubic interpolation that is monotonic where the data are.

    It is `scipy.interpolate.PchipInterpolator`, differentiable by `x`, `y` and the points where it
    is evaluated. Where the data have an extremum, the slope is 0 and has the gradient 0.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.PchipInterpolator.html
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Any = None) -> None:
        self._finish(_pchip(x, y, axis), True if extrapolate is None else extrapolate, axis)


# ---------------------------------------------------------------- Akima


@method("Akima1DInterpolator", "x y")
def _akima(x: Any, y: Any, axis: Any, kind: str) -> Any:
    x, y, axis = _points(x, y, axis, "Akima1DInterpolator")
    if is_complex(y):
        raise TypeMismatchError("scipy.interpolate.Akima1DInterpolator: y is real")
    m = (y[1:] - y[:-1]) / column(x[1:] - x[:-1], y)
    if y.shape[0] == 2:
        return _cubic(x, y, xp.concat([m, m], axis=0)), x
    n = m.shape[0]
    before = 2.0 * m[:1] - m[1:2]
    after = 2.0 * m[n - 1 :] - m[n - 2 : n - 1]
    m = xp.concat([2.0 * before - m[:1], before, m, after, 2.0 * after - m[n - 1 :]], axis=0)
    mean = 0.5 * (m[3:] + m[:-3])
    dm = xp.abs(m[1:] - m[:-1])
    f1, f2 = dm[2:], dm[:-2]
    if kind == "makima":
        pm = xp.abs(m[1:] + m[:-1])
        f1, f2 = f1 + 0.5 * pm[2:], f2 + 0.5 * pm[:-2]
    both = f1 + f2
    uneven = both > 1e-9 * xp.max(both)
    left, right = m[1:-2], m[2:-1]
    slopes = left + f2 / xp.where(uneven, both, 1.0) * (right - left)
    return _cubic(x, y, xp.where(uneven, slopes, mean)), x


class Akima1DInterpolator(CubicHermiteSpline):
    """Akima's cubic interpolation, with slopes from the five points around.

    It is `scipy.interpolate.Akima1DInterpolator`, differentiable by `x`, `y` and the points where
    it is evaluated.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.Akima1DInterpolator.html
    """

    def __init__(
        self, x: Any, y: Any, axis: int = 0, *, method: str = "akima", extrapolate: Any = None
    ) -> None:
        if method not in ("akima", "makima"):
            raise UnsupportedError(
                f"scipy.interpolate.Akima1DInterpolator: method is 'akima' or 'makima', not "
                f"{method!r}"
            )
        self._finish(
            _akima(x, y, axis, method), False if extrapolate is None else extrapolate, axis
        )


# ---------------------------------------------------------------- two continuous derivatives


def _condition(bc: Any, shape: Any, where: str, like: Any) -> Any:
    """A condition at an end: its name, or the order and the value of a derivative."""
    if isinstance(bc, str):
        if bc in ("clamped", "natural"):
            return (1 if bc == "clamped" else 2), None
        if bc == "not-a-knot":
            return bc
        raise InvalidArgumentError(f"scipy.interpolate.{where}: there is no bc_type {bc!r}")
    try:
        order, value = bc
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: a condition is a name, or (order, value), not {bc!r}"
        ) from None
    if order not in (1, 2):
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: the order of a condition is 1 or 2, not {order!r}"
        )
    value = doubles(value, where, "bc_type", like)
    if tuple(value.shape) != tuple(shape):
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: the value of a condition has the shape {tuple(shape)}, "
            f"not {tuple(value.shape)}"
        )
    return int(order), value


@method("CubicSpline", "x y")
def _spline(x: Any, y: Any, axis: Any, bc_type: Any) -> Any:
    where = "CubicSpline"
    x, y, axis = _points(x, y, axis, where)
    if isinstance(bc_type, str):
        periodic = bc_type == "periodic"
        conditions = [bc_type, bc_type]
    else:
        conditions = list(bc_type) if isinstance(bc_type, (tuple, list)) else []
        periodic = False
        alone = [type(b) is str and b == "periodic" for b in conditions]
        if len(conditions) != 2 or any(alone):
            raise InvalidArgumentError(
                f"scipy.interpolate.{where}: bc_type is a name or a pair of conditions; 'periodic' "
                "stands alone"
            )
    if periodic:
        ends = numbers(y[0]), numbers(y[y.shape[0] - 1])
        known = ends[0] is not None and ends[1] is not None
        if known and not np.allclose(*ends, rtol=1e-15, atol=1e-15):
            raise InvalidArgumentError(
                f"scipy.interpolate.{where}: with bc_type='periodic' the first and the last y are "
                "equal"
            )
        return _cubic(x, y, _periodic_slopes(x, y)), x
    found = [_condition(bc, y.shape[1:], where, y) for bc in conditions]
    return _cubic(x, y, _slopes(x, y, *found)), x


def _solved(lower: Any, middle: Any, upper: Any, b: Any) -> Any:
    """The solution of a tridiagonal system; all diagonals are as long as the matrix."""
    flat = xp.reshape(b, (b.shape[0], -1))
    return xp.reshape(solve_banded((1, 1), xp.stack([upper, middle, lower]), flat), b.shape)


def _slopes(x: Any, y: Any, start: Any, end: Any) -> Any:
    n, step = x.shape[0], x[1:] - x[:-1]
    h = column(step, y)
    secant = (y[1:] - y[:-1]) / h
    one, zero = constant(x, "ones", 1), constant(x, "zeros", 1)
    if n == 2:
        start, end = [(1, secant[0]) if bc == "not-a-knot" else bc for bc in (start, end)]
    inner = 3 * (h[1:] * secant[:-1] + h[:-1] * secant[1:])
    if n == 3 and start == end == "not-a-knot":
        rows = [
            xp.concat([one, one, zero]),
            xp.concat([step[1:2], 2 * (step[:1] + step[1:2]), step[:1]]),
            xp.concat([zero, one, one]),
        ]
        b = xp.concat([2 * secant[:1], inner, 2 * secant[1:]], axis=0)
        matrix = xp.stack(rows)
        matrix = xp.astype(matrix, b.dtype) if b.dtype != matrix.dtype else matrix
        return xp.reshape(xp.linalg.solve(matrix, xp.reshape(b, (3, -1))), b.shape)

    def at_end(bc: Any, h0: Any, h1: Any, s0: Any, s1: Any, sign: float) -> tuple[Any, Any, Any]:
        """The diagonal element, its neighbour and the right side, seen from the end inwards."""
        scale0 = xp.reshape(h0, (1,))
        if bc == "not-a-knot":
            d = h0 + h1
            b = ((h0 + 2 * d) * h1 * s0 + h0**2 * s1) / d
            return xp.reshape(h1, (1,)), xp.reshape(d, (1,)), b
        order, value = bc
        value = xp.zeros_like(s0) if value is None else value
        if order == 1:
            return one, zero, value + xp.zeros_like(s0)
        return 2 * scale0, scale0, 3 * s0 * h0 - sign * 0.5 * value * h0**2

    last = n - 2
    d0, u0, b0 = at_end(start, step[0], step[min(1, last)], secant[0], secant[min(1, last)], 1.0)
    dn, un, bn = at_end(
        end, step[last], step[max(last - 1, 0)], secant[last], secant[max(last - 1, 0)], -1.0
    )
    middle = xp.concat([d0, 2 * (step[:-1] + step[1:]), dn])
    upper = xp.concat([zero, u0, step[:-1]])
    lower = xp.concat([step[1:], un, zero])
    b = xp.concat([xp.expand_dims(b0, axis=0), inner, xp.expand_dims(bn, axis=0)], axis=0)
    return _solved(lower, middle, upper, b)


def _periodic_slopes(x: Any, y: Any) -> Any:
    n, step = x.shape[0], x[1:] - x[:-1]
    h = column(step, y)
    secant = (y[1:] - y[:-1]) / h
    if n == 2:
        return xp.concat([secant, secant], axis=0)
    if n == 3:
        t = xp.sum(secant / h, axis=0, keepdims=True) / xp.sum(1.0 / h, axis=0, keepdims=True)
        return xp.concat([t, t, t], axis=0)
    # A cyclic system: the last unknown is set apart, and the others depend on it linearly.
    zero = constant(x, "zeros", 1)
    first = 3 * (h[:1] * secant[n - 2 :] + h[n - 2 :] * secant[:1])
    inner = 3 * (h[1:] * secant[:-1] + h[:-1] * secant[1:])
    b1 = xp.concat([first, inner[: n - 3]], axis=0)
    middle = xp.concat([2 * (step[n - 2 :] + step[:1]), 2 * (step[:-1] + step[1:])[: n - 3]])
    upper = xp.concat([zero, step[n - 2 :], step[: n - 4]])
    lower = xp.concat([step[1 : n - 2], zero])
    gap = constant(x, "zeros", n - 4)
    b2 = xp.concat([-step[:1], gap, -step[n - 4 : n - 3]])
    s1 = _solved(lower, middle, upper, b1)
    s2 = column(_solved(lower, middle, upper, b2), y)
    k = n - 3
    before, after = step[n - 3], step[n - 2]
    top = inner[k] - before * s1[0] - after * s1[k]
    s = top / (2 * (after + before) + before * s2[0] + after * s2[k])
    slopes = s1 + s * s2
    return xp.concat([slopes, xp.expand_dims(s, axis=0), slopes[:1]], axis=0)


class CubicSpline(CubicHermiteSpline):
    """The cubic spline, with two continuous derivatives.

    It is `scipy.interpolate.CubicSpline`, differentiable by `x`, `y`, the values in `bc_type` and
    the points where it is evaluated.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.CubicSpline.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.interpolate
    >>> x = np.arange(4.0)
    >>> spline = lambda y: pg.scipy.interpolate.CubicSpline(x, y)(1.5)
    >>> pg.grad(spline)(x**3).round(4).tolist()
    [-0.0625, 0.5625, 0.5625, -0.0625]
    """

    def __init__(
        self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None
    ) -> None:
        periodic = isinstance(bc_type, str) and bc_type == "periodic"
        if extrapolate is None:
            extrapolate = "periodic" if periodic else True
        self._finish(_spline(x, y, axis, bc_type), extrapolate, axis)
