"""Splines at scattered places, their derivatives, and the transposes of both, for the rows of
`pluggrad.scipy.ndimage`. The values themselves are SciPy's.

A spline of some order is a sum of coefficients times bumps, which lie around the grid points. At
each place, ``order + 1`` bumps along each axis are not zero.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import ndimage

__all__ = ["coefficients", "interpolated", "spread"]

#: Places that are worked on together, so that what belongs to them stays in the cache.
BLOCK = 8192
#: Further beyond the ends than the bumps are wide.
FAR = 16


def coefficients(x: np.ndarray, *, order: int, axis: int, mode: str) -> np.ndarray:
    """SciPy's coefficients of a spline, in the dtype of `x`."""
    output = x.dtype if x.dtype.kind == "c" else np.float64
    y: np.ndarray = ndimage.spline_filter1d(x, order, axis, output, mode)
    return y


def bumps(t: np.ndarray, order: int, derivative: int) -> list[Any]:
    """The bumps that are not zero at a place, whose position between two knots is `t`, or their
    derivatives."""
    if derivative > order:
        return [0.0] * (order + 1)
    w: list[Any] = [np.ones_like(t)]
    for n in range(1, order - derivative + 1):
        below = [0.0, *w, 0.0]  # the bumps of one order less
        w = [((t + (n - j)) * below[j] + ((j + 1) - t) * below[j + 1]) / n for j in range(n + 1)]
    for _ in range(derivative):
        w = [a - b for a, b in zip([0.0, *w], [*w, 0.0], strict=True)]
    return w


def _onto(c: np.ndarray, length: int, mode: str) -> tuple[Any, Any, Any]:
    """Where SciPy reads for the positions `c`: the position in the array, the derivative of that by
    `c`, and whether SciPy puts `cval` there instead."""
    outside = (c < 0) | (c > length - 1)
    missing = np.isnan(c)
    if missing.any():
        c = np.where(missing, 0.0, c)
    if mode == "grid-constant" or not outside.any():
        return c, 1.0, missing
    if mode == "constant":
        return np.where(outside, 0.0, c), 1.0, missing | outside
    if mode == "nearest":  # far beyond the ends, all bumps have the same coefficient
        return np.clip(c, -FAR, length + FAR), 1.0, missing
    if length == 1:
        return np.zeros_like(c), np.where(outside, 0.0, 1.0), missing
    if mode == "mirror":
        period = 2 * length - 2
        q = np.abs(c) % period
        turned = np.where(c < 0, q > length - 1, q >= length)  # as SciPy rounds in order 0
        sign = np.where(c < 0, -1.0, 1.0) * np.where(turned, -1.0, 1.0)
        return np.where(turned, period - q, q), sign, missing
    if mode == "reflect":
        period = 2 * length
        q = np.where(c < 0, -c - 1, c) % period
        turned = q >= length
        sign = np.where(c < 0, -1.0, 1.0) * np.where(turned, -1.0, 1.0)
        y = np.where(turned, period - 1 - q, q)
        return np.where(outside, y, c), np.where(outside, sign, 1.0), missing
    period = length - 1 if mode == "wrap" else length
    below = c + period * (np.floor(-c / period) + 1)
    above = c - period * np.floor(c / period)
    return np.where(c < 0, below, np.where(outside, above, c)), 1.0, missing


def _indices(k: np.ndarray, length: int, mode: str) -> Any:
    """The positions of coefficients along an axis, which may lie beyond its ends."""
    if k.size and k.min() >= 0 and k.max() < length:
        return k
    if mode == "grid-wrap":
        return k % length
    if mode == "reflect":
        k = k % (2 * length)
        return np.where(k < length, k, 2 * length - 1 - k)
    if mode in ("nearest", "grid-constant"):
        return np.clip(k, 0, length - 1)
    k = k % max(2 * length - 2, 1)
    return np.where(k < length, k, 2 * length - 2 - k)


class Places:
    """Scattered places in a grid of some shape: which coefficients count there, and how much.

    ``offsets[axis][j]`` is what bump number j adds to the position in the flat array, and
    ``weights(axis, d)[j]`` the derivative of order d of that bump. `totals` is the same summed over
    all bumps, including those beyond the ends, which the mode ``grid-constant`` multiplies with
    `cval`.
    """

    def __init__(
        self, coordinates: np.ndarray, shape: Any, order: int, mode: str, derivatives: Any
    ) -> None:
        self.missing: Any = np.zeros(coordinates.shape[1:], bool)
        self.offsets: list[list[Any]] = []
        self._weights: dict[tuple[int, int], list[Any]] = {}
        self.totals: dict[tuple[int, int], Any] = {}
        stride = int(np.prod(shape))
        for axis, length in enumerate(shape):
            stride //= max(length, 1)
            c, slope, missing = _onto(coordinates[axis], length, mode)
            self.missing |= missing
            first = np.floor(c + 0.5 if order % 2 == 0 else c)
            if order == 1 and length > 1 and mode in ("constant", "nearest", "mirror", "wrap"):
                first -= c == length - 1  # at the last point, the slope before it
            t = c - first + (0.5 if order % 2 == 0 else 0.0)
            k = first.astype(np.intp) - order // 2
            at = [k + j for j in range(order + 1)]
            inside = None
            if mode == "grid-constant":
                inside = [(m >= 0) & (m < length) for m in at]
            self.offsets.append([_indices(m, length, mode) * stride for m in at])
            for d in {m[axis] for m in derivatives}:
                w = bumps(t, order, d)
                if d and not isinstance(slope, float):
                    w = [a * slope**d for a in w]
                self.totals[axis, d] = sum(w)
                if inside is not None:
                    w = [a * b for a, b in zip(w, inside, strict=True)]
                self._weights[axis, d] = w
        if self.missing.any():
            kept = ~self.missing
            for d in {m[0] for m in derivatives}:
                self._weights[0, d] = [w * kept for w in self._weights[0, d]]

    def weights(self, axis: int, d: int) -> list[Any]:
        return self._weights[axis, d]


def interpolated(
    x: np.ndarray, coordinates: np.ndarray, *, order: int, mode: str, cval: Any, derivatives: Any
) -> np.ndarray:
    """The spline with the coefficients `x`, differentiated by its position as often along each axis
    as each of `derivatives` says. One array for each of them, along the first axis."""
    shape = coordinates.shape[1:]
    if not any(map(any, derivatives)):
        y = np.empty((len(derivatives), *shape), x.dtype)
        y[...] = ndimage.map_coordinates(
            x, coordinates, order=order, mode=mode, cval=cval, prefilter=False
        )
        return y
    c = coordinates.reshape(len(coordinates), -1)
    y = np.empty((len(derivatives), c.shape[1]), x.dtype)
    flat = x.ravel()
    for start in range(0, c.shape[1], BLOCK):
        part = np.ascontiguousarray(c[:, start : start + BLOCK], dtype=np.float64)
        found = Places(part, x.shape, order, mode, derivatives)
        values = _contracted(flat, found, 0, None, set(derivatives))
        for n, m in enumerate(derivatives):
            value = values[m]
            if cval and not any(m):
                value = value + cval * found.missing
            if cval and mode == "grid-constant":
                full = math.prod([found.totals[axis, d] for axis, d in enumerate(m)])
                inside = math.prod([sum(found.weights(axis, d)) for axis, d in enumerate(m)])
                value = value + cval * (full - inside) * ~found.missing
            y[n, start : start + BLOCK] = value
    return y.reshape(len(derivatives), *shape)


def _contracted(flat: np.ndarray, places: Places, axis: int, offset: Any, wanted: Any) -> Any:
    """The sum over the bumps along `axis` and those behind it, for each of the `wanted`
    derivatives along these axes."""
    if axis == len(places.offsets):
        return {(): flat[offset]}
    y: dict[Any, Any] = {}
    behind = {m[1:] for m in wanted}
    for j, step in enumerate(places.offsets[axis]):
        parts = _contracted(
            flat, places, axis + 1, step if offset is None else offset + step, behind
        )
        for m in wanted:
            term = parts[m[1:]] * places.weights(axis, m[0])[j]
            if m in y:
                y[m] += term
            else:
                y[m] = term
    return y


def spread(
    g: np.ndarray, coordinates: np.ndarray, *, shape: Any, order: int, mode: str, derivatives: Any
) -> np.ndarray:
    """The transpose of `interpolated` by the coefficients."""
    c = np.ascontiguousarray(coordinates.reshape(len(coordinates), -1), dtype=np.float64)
    places = Places(c, shape, order, mode, derivatives)
    rows: dict[Any, Any] = dict.fromkeys(derivatives, 0.0)
    for m, row in zip(derivatives, g.reshape(len(derivatives), -1), strict=True):
        rows[m] = rows[m] + row
    y = np.zeros(int(np.prod(shape)), np.result_type(g.dtype, np.float64))
    _scatter(y, rows, places, 0, None)
    return y.reshape(shape).astype(g.dtype, copy=False)


def _scatter(y: np.ndarray, rows: Any, places: Places, axis: int, offset: Any) -> None:
    """Add to `y` what `rows` hold for each of the derivatives along `axis` and those behind it."""
    if axis == len(places.offsets):
        row = rows[()]
        if row.dtype.kind == "c":
            y.real += np.bincount(offset, row.real, len(y))
            y.imag += np.bincount(offset, row.imag, len(y))
        else:
            y += np.bincount(offset, row, len(y))
        return
    for j, step in enumerate(places.offsets[axis]):
        behind: dict[Any, Any] = {}
        for m, row in rows.items():
            term = row * places.weights(axis, m[0])[j]
            behind[m[1:]] = behind[m[1:]] + term if m[1:] in behind else term
        _scatter(y, behind, places, axis + 1, step if offset is None else offset + step)
