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


def bumps(t: np.ndarray, order: int, derivatives: Any) -> dict[int, list[Any]]:
    """The bumps that are not zero at a place, whose position between two knots is `t`, and their
    derivatives of each of these orders."""
    levels: list[list[Any]] = [[np.ones_like(t)]]  # the bumps of order 0, 1, 2, ...
    u = 1 - t
    for n in range(1, order + 1 - min(derivatives)):
        w = levels[-1] if n > 1 else [1.0]
        rows = [u * w[0]]
        for j in range(1, n):
            row = (t + (n - j)) * w[j - 1]
            row += (u + j) * w[j]
            rows.append(row)
        rows.append(t * w[-1])
        levels.append([row / n for row in rows] if n > 1 else rows)
    found: dict[int, list[Any]] = {}
    for d in derivatives:
        if d > order:
            found[d] = [0.0] * (order + 1)
            continue
        w = levels[order - d]
        for _ in range(d):
            w = [-w[0], *[w[j - 1] - w[j] for j in range(1, len(w))], w[-1]]
        found[d] = w
    return found


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


def _indices(first: np.ndarray, order: int, length: int, mode: str) -> list[Any]:
    """The positions of the coefficients from `first` on, which may lie beyond the ends."""
    steps = range(order + 1)
    low, high = (int(first.min()), int(first.max()) + order) if first.size else (0, 0)
    if low >= 0 and high < length:
        return [first + j for j in steps]
    if mode == "grid-wrap":
        return [(first + j) % length for j in steps]
    if mode == "reflect":
        period, top = 2 * length, 2 * length - 1
        found = [(first + j) % period for j in steps]
        return [np.where(k < length, k, top - k) for k in found]
    end = length - 1
    if mode in ("nearest", "grid-constant"):
        return [np.clip(first + j, 0, end) for j in steps]
    if low >= -end and high <= 2 * end:
        return [end - np.abs(end - np.abs(first + j)) for j in steps]
    found = [(first + j) % max(2 * end, 1) for j in steps]
    return [np.where(k < length, k, 2 * end - k) for k in found]


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
            inside = None
            if mode == "grid-constant":
                inside = [(k >= -j) & (k < length - j) for j in range(order + 1)]
            at = _indices(k, order, length, mode)
            self.offsets.append([m * stride for m in at] if stride != 1 else at)
            for d, w in bumps(t, order, {m[axis] for m in derivatives}).items():
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
    c = coordinates.reshape(len(coordinates), -1)
    g = g.reshape(len(derivatives), -1)
    size, taps = math.prod(shape), (order + 1) ** len(shape)
    y = np.zeros(size, np.result_type(g.dtype, np.float64))
    block = max(BLOCK, size // taps)  # one pass over `y` is then no more than one over the places
    for start in range(0, c.shape[1], block):
        part = np.ascontiguousarray(c[:, start : start + block], dtype=np.float64)
        rows: dict[Any, Any] = {}
        for m, row in zip(derivatives, g[:, start : start + block], strict=True):
            rows[m] = rows[m] + row if m in rows else row
        at: list[Any] = []
        values: list[Any] = []
        _scatter(at, values, rows, Places(part, shape, order, mode, derivatives), 0, None)
        places, found = np.concatenate(at), np.concatenate(values)
        if found.dtype.kind == "c":
            y.real += np.bincount(places, found.real, size)
            y.imag += np.bincount(places, found.imag, size)
        else:
            y += np.bincount(places, found, size)
    return y.reshape(shape).astype(g.dtype, copy=False)


def _scatter(
    at: list[Any], values: list[Any], rows: Any, places: Places, axis: int, offset: Any
) -> None:
    """List the positions and the values that add up there, from what `rows` hold for each of the
    derivatives along `axis` and those behind it."""
    if axis == len(places.offsets):
        at.append(offset)
        values.append(rows[()])
        return
    for j, step in enumerate(places.offsets[axis]):
        behind: dict[Any, Any] = {}
        for m, row in rows.items():
            term = row * places.weights(axis, m[0])[j]
            behind[m[1:]] = behind[m[1:]] + term if m[1:] in behind else term
        here = step if offset is None else offset + step
        _scatter(at, values, behind, places, axis + 1, here)
