"""Splines through data: by interpolation, by least squares, and smoothed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import whole
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError, UnsupportedError
from ...functions.operand import constant
from ..linalg import solve_banded, solveh_banded
from ..rows import falling_through
from .bsplines import BSpline, banded_basis, basis
from .common import check_finite as finite
from .common import check_increasing, column, data, doubles, method, numbers

_THEIRS, _ = falling_through("interpolate", [])

__all__ = ["make_interp_spline", "make_lsq_spline", "make_smoothing_spline"]


def _ends(t: Any, x: Any, count: int) -> Any:
    """The knots `t` with the first and the last of `x` in front and behind, `count` times."""
    first, last = x[:1], x[x.shape[0] - 1 :]
    return xp.concat([*[first] * count, t, *[last] * count])


def not_a_knot(x: Any, k: int) -> Any:
    """The knots of an interpolation without conditions at the ends."""
    half = (k + 1) // 2
    t = x if k % 2 else (x[1:] + x[:-1]) / 2
    half = half if k % 2 else k // 2
    return _ends(t[half : t.shape[0] - half], x, k + 1)


def _around(x: Any, k: int) -> Any:
    """The knots of a periodic interpolation."""
    n = x.shape[0]
    dx = x[1:] - x[:-1]
    if k % 2 == 0:
        x = xp.concat([x[:1], x[1:-1] - dx[:-1] / 2, x[n - 1 :]])
        dx = x[1:] - x[:-1]
    before, after = [x[:1]], [x[n - 1 :]]
    for i in range(k):
        j = i % (n - 1)
        before.append(before[-1] - dx[n - 2 - j : n - 1 - j])
        after.append(after[-1] + dx[j : j + 1])
    return xp.concat([*before[:0:-1], x, *after[1:]])


def _conditions(given: Any, y: Any, where: str) -> list[tuple[int, Any]]:
    """The conditions at one end: the order and the value of each derivative."""
    if given is None:
        return []
    zero = xp.zeros_like(y[0])
    if isinstance(given, str):
        if given not in ("clamped", "natural"):
            raise InvalidArgumentError(f"scipy.interpolate.{where}: no bc_type {given!r}")
        return [(1 if given == "clamped" else 2, zero)]
    try:
        pairs = [(order, value) for order, value in given]
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: bc_type is a name, or two lists of pairs (order, value)"
        ) from None
    return [
        (whole(order, f"scipy.interpolate.{where}", "order", least=0),
         zero + doubles(value, where, "bc_type", y))
        for order, value in pairs
    ]  # fmt: skip


def _solved(t: Any, k: int, rows: list[tuple[Any, int]], b: Any) -> Any:
    """The coefficients, from the points and orders of the `rows` of conditions, and their values
    `b`."""
    parts = [basis(t, k, at, nu) for at, nu in rows]
    n = t.shape[0] - k - 1
    starts = [numbers(first) for _, first in parts]
    values = xp.concat([v for v, _ in parts], axis=0)
    flat = xp.reshape(b, (n, -1))
    if any([s is None for s in starts]):  # the places are not known yet: a full matrix
        first = xp.concat([s for _, s in parts])
        matrix = _full(values, first, n, k)
        return xp.reshape(xp.linalg.solve(matrix, flat), b.shape)
    bands = banded_basis(values, np.concatenate(starts).astype(int), n, k)
    return xp.reshape(solve_banded((k, k), bands, flat, check_finite=False), b.shape)


def _full(values: Any, first: Any, n: int, k: int) -> Any:
    """The matrix with `values` in its rows from the columns `first` on."""
    columns = constant(values, "arange", n)
    first = xp.expand_dims(xp.astype(first, values.dtype), axis=-1)
    y = 0.0
    for j in range(k + 1):
        y = y + xp.where(columns == first + float(j), values[:, j : j + 1], 0.0)
    return y


@method("make_interp_spline", "x y t")
def _interpolation(x: Any, y: Any, k: int, t: Any, bc_type: Any, axis: Any, check: Any) -> Any:
    where = "make_interp_spline"
    x, y, axis = data(x, y, axis, where)
    if check:
        finite(x, where, "x")
        finite(y, where, "y")
    check_increasing(x, where)
    kind = bc_type if isinstance(bc_type, str) else None
    periodic = kind == "periodic"
    if bc_type is None or kind in ("not-a-knot", "periodic"):
        left = right = None
    elif kind is not None:
        left = right = bc_type
    else:
        left, right = bc_type
    start, end = [_conditions(c, y, where) for c in (left, right)]
    if k <= 1 and t is None:
        if start or end:
            raise InvalidArgumentError(
                f"scipy.interpolate.{where}: a spline of degree {k} has no bc_type"
            )
        return _ends(x, x, 1) if k else xp.concat([x, x[x.shape[0] - 1 :]]), y, axis, True
    n = x.shape[0]
    if periodic:
        if t is not None:
            raise UnsupportedError(f"scipy.interpolate.{where}: a periodic spline finds its knots")
        ends = numbers(y[0]), numbers(y[n - 1])
        if ends[0] is not None and not np.allclose(*ends, atol=1e-15):
            raise InvalidArgumentError(
                f"scipy.interpolate.{where}: the first and the last y of a periodic spline are "
                "equal"
            )
        t = _around(x, k)
        return t, _closed(x, y, t, k), axis, "periodic"
    if t is None:
        t = _ends(x, x, k) if start or end else not_a_knot(x, k)
    t = doubles(t, where, "t", y)
    if t.ndim != 1 or t.shape[0] - k - 1 != n + len(start) + len(end):
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: {n} values and {len(start)} + {len(end)} conditions at "
            f"the ends for {t.shape[0] - k - 1} coefficients"
        )
    if any([order > k for order, _ in (*start, *end)]):
        raise InvalidArgumentError(f"scipy.interpolate.{where}: an order is higher than k")
    rows = [(x[:1], order) for order, _ in start] + [(x, 0)]
    rows += [(x[n - 1 :], order) for order, _ in end]
    values = [xp.expand_dims(v, axis=0) for _, v in start] + [y]
    b = xp.concat(values + [xp.expand_dims(v, axis=0) for _, v in end], axis=0)
    return t, _solved(t, k, rows, b), axis, True


def _closed(x: Any, y: Any, t: Any, k: int) -> Any:
    """The coefficients of a periodic interpolation: the last `k` are the first again."""
    n = x.shape[0] - 1
    values, first = basis(t, k, x[:n])
    unit = _full(values, first, n + k, k)
    matrix = xp.concat([unit[:, :n]], axis=1)
    for j in range(k):
        place = constant(matrix, "arange", n) == float(j % n)
        matrix = matrix + xp.where(place, unit[:, n + j : n + j + 1], 0.0)
    c = xp.linalg.solve(matrix, xp.reshape(y[:n], (n, -1)))
    again = [c[j % n : j % n + 1] for j in range(k)]
    return xp.reshape(xp.concat([c, *again], axis=0), (n + k, *y.shape[1:]))


def make_interp_spline(
    x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """The spline of degree `k` through data, a `BSpline`.

    It is differentiable by `x`, `y`, `t`, the values in `bc_type` and the points where it is
    evaluated. Knots that are not given move with `x`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.make_interp_spline.html
    """
    k = whole(k, "scipy.interpolate.make_interp_spline", "k", least=0)
    t, c, axis, extrapolate = _interpolation(x, y, k, t, bc_type, axis, check_finite)
    return BSpline.construct_fast(t, c, k, extrapolate, axis)


@method("make_lsq_spline", "x y t w")
def _least_squares(x: Any, y: Any, t: Any, k: int, w: Any, axis: Any, check: Any) -> Any:
    where = "make_lsq_spline"
    x, y, axis = data(x, y, axis, where)
    t = doubles(t, where, "t", y)
    w = xp.ones_like(x) if w is None else doubles(w, where, "w", y)
    if check:
        for v, what in ((x, "x"), (y, "y"), (t, "t"), (w, "w")):
            finite(v, where, what)
    values = numbers(x), numbers(t)
    if tuple(w.shape) != tuple(x.shape) or t.ndim != 1 or x.shape[0] < k + 1:
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: x and w have the same shape, t is a vector, and there are "
            f"{k + 1} points at least; the shapes are {tuple(x.shape)}, {tuple(w.shape)} and "
            f"{tuple(t.shape)}"
        )
    if values[0] is not None and values[1] is not None:
        xs, ts = values
        if (np.diff(xs) < 0).any() or (np.diff(ts) < 0).any():
            raise InvalidArgumentError(f"scipy.interpolate.{where}: x and t do not decrease")
        if k > 0 and ((xs < ts[k]) | (xs > ts[-k - 1])).any():
            raise InvalidArgumentError(f"scipy.interpolate.{where}: x is inside of the knots")
    n = t.shape[0] - k - 1
    part, first = basis(t, k, x)
    a = _full(part, first, n, k) * xp.expand_dims(w, axis=-1)
    b = xp.reshape(y, (x.shape[0], -1)) * xp.expand_dims(w, axis=-1)
    if is_complex(b):
        a = xp.astype(a, b.dtype)
    q, r = xp.linalg.qr(a)
    c = xp.linalg.solve(r, xp.matmul(xp.conj(xp.matrix_transpose(q)), b))
    return t, xp.reshape(c, (n, *y.shape[1:])), axis


def make_lsq_spline(
    x: Any, y: Any, t: Any, k: int = 3, w: Any = None, axis: int = 0, check_finite: bool = True, *,
    method: str = "qr",
) -> Any:  # fmt: skip
    """The spline with the knots `t` that is nearest to data, a `BSpline`.

    It is differentiable by `x`, `y`, `t`, `w` and the points where it is evaluated. Both methods
    are computed by a QR decomposition.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.make_lsq_spline.html
    """
    if method not in ("qr", "norm-eq"):
        raise InvalidArgumentError(
            f"scipy.interpolate.make_lsq_spline: method is 'qr' or 'norm-eq', not {method!r}"
        )
    k = whole(k, "scipy.interpolate.make_lsq_spline", "k", least=0)
    t, c, axis = _least_squares(x, y, t, k, w, axis, check_finite)
    return BSpline.construct_fast(t, c, k, True, axis)


@method("make_smoothing_spline", "x y w lam")
def _smoothed(x: Any, y: Any, w: Any, lam: Any, axis: Any) -> Any:
    where = "make_smoothing_spline"
    x, y, axis = data(x, y, axis, where)
    check_increasing(x, where)
    if x.shape[0] < 5:
        raise InvalidArgumentError(f"scipy.interpolate.{where}: there are five points at least")
    w = xp.ones_like(x) if w is None else doubles(w, where, "w", y)
    lam = doubles(lam, where, "lam", y)
    # The natural spline that balances the second differences: Reinsch's algorithm.
    h = x[1:] - x[:-1]
    b = xp.reshape(y, (x.shape[0], -1))
    a0, a2 = 1.0 / h[:-1], 1.0 / h[1:]
    a1 = -(a0 + a2)
    v = 1.0 / w
    zero = xp.zeros_like(h[:1])
    main = (h[:-1] + h[1:]) / 3.0 + lam * (a0**2 * v[:-2] + a1**2 * v[1:-1] + a2**2 * v[2:])
    one = h[1:-1] / 6.0 + lam * (a1[:-1] * a0[1:] * v[1:-2] + a2[:-1] * a1[1:] * v[2:-1])
    two = lam * a2[:-2] * a0[2:] * v[2:-2]
    bands = xp.stack([
        xp.concat([zero, zero, two]), xp.concat([zero, one]), main,
    ])  # fmt: skip
    turns = column(a0, b) * b[:-2] + column(a1, b) * b[1:-1] + column(a2, b) * b[2:]
    curve = solveh_banded(bands, turns, check_finite=False)
    none = xp.zeros_like(curve[:1])
    wide = xp.concat([none, curve, none], axis=0)
    slope = (wide[1:] - wide[:-1]) / column(h, b)
    ends = xp.concat([none, slope, none], axis=0)
    smooth = b - lam * column(v, b) * (ends[1:] - ends[:-1])
    return x, xp.reshape(smooth, y.shape), axis


def make_smoothing_spline(x: Any, y: Any, w: Any = None, lam: Any = None, *, axis: int = 0) -> Any:
    """The natural cubic spline that is smooth and near to data, a `BSpline`.

    It is differentiable by `x`, `y`, `w`, `lam` and the points where it is evaluated. Without `lam`
    SciPy chooses it by the data, which counts as no derivative: `y` and `x` are then constants.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.make_smoothing_spline.html
    """
    if lam is None:
        return _THEIRS("make_smoothing_spline")(x, y, w, axis=axis)
    if np.ndim(numbers(lam) if hasattr(lam, "dtype") else lam):
        raise UnsupportedError(
            "pluggrad.scipy.interpolate.make_smoothing_spline: lam is one number here"
        )
    x, smooth, axis = _smoothed(x, y, w, lam, axis)
    spline = make_interp_spline(x, smooth, 3, bc_type="natural", check_finite=False)
    return BSpline.construct_fast(spline.t, spline.c, 3, True, axis)
