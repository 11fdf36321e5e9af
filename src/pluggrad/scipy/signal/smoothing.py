"""Smoothing, medians, trends and the analytic signal. All but medians are linear in the signal."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError, TypeMismatchError
from ...functions.operand import as_doubles, as_floats, refuse_complex
from .. import ndimage
from ..rows import public, scipy_module
from .common import array, backend_for, constants, count_of, extended, part

__all__ = ["detrend", "detrended", "hilbert", "medfilt", "medfilt2d", "savgol_filter"]

# ---------------------------------------------------------------- Savitzky and Golay


@public("signal", arrays="x")
def savgol_filter(
    x: Any, window_length: int, polyorder: int, deriv: int = 0, delta: float = 1.0, axis: int = -1,
    mode: str = "interp", cval: float = 0.0,
) -> Any:  # fmt: skip
    """Fit a polynomial around each element, and take its value or a derivative there.

    The arguments are SciPy's. It is linear in `x`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.savgol_filter.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.signal
    >>> x = np.asarray([0.0, 1.0, 4.0, 9.0, 16.0])
    >>> pg.grad(lambda x: pg.scipy.signal.savgol_filter(x, 3, 1)[2])(x).round(3).tolist()
    [0.0, 0.333, 0.333, 0.333, 0.0]
    """
    where = "scipy.signal.savgol_filter"
    if mode not in ("mirror", "constant", "nearest", "wrap", "interp"):
        raise InvalidArgumentError(
            f"{where}: mode is 'mirror', 'constant', 'nearest', 'wrap' or 'interp', not {mode!r}"
        )
    x = array(x, "savgol_filter", "x")
    refuse_complex(x, where)
    if not x.ndim:
        raise InvalidArgumentError(f"{where}: x has one axis at least")
    axis = axis_of(axis, x.ndim, where)
    x = as_floats(x)
    window = count_of(window_length, "savgol_filter", "window_length")
    found = scipy_module("signal").savgol_coeffs(window, polyorder, deriv=deriv, delta=delta)
    weights = constants(np.asarray(found), x)
    if mode != "interp":
        return ndimage.convolve1d(x, weights, axis, mode=mode, cval=cval)
    n, half = x.shape[axis], window // 2
    if window > n:
        raise InvalidArgumentError(
            f"{where}: window_length is {window}, and x has {n} elements along the axis; a mode "
            "other than 'interp' takes them"
        )
    y = ndimage.convolve1d(x, weights, axis, mode="constant")
    ends = []
    for start, places in ((0, range(half)), (n - window, range(window - half, window))):
        matrix = constants(_fit(window, polyorder, deriv, delta, np.asarray(places)), x)
        segment = xp.moveaxis(part(x, axis, start, start + window), axis, -1)
        ends.append(xp.moveaxis(xp.matmul(segment, xp.matrix_transpose(matrix)), -1, axis))
    return xp.concat([ends[0], part(y, axis, half, n - half), ends[1]], axis=axis)


def _fit(window: int, order: int, deriv: int, delta: float, places: Any) -> Any:
    """The matrix that turns `window` values into the derivative, at `places`, of the polynomial
    through them."""
    c = np.polyfit(np.arange(float(window)), np.eye(window), order)
    for _ in range(deriv):
        c = c[:-1] * np.arange(len(c) - 1, 0, -1)[:, None]
    powers = places[:, None] ** np.arange(len(c) - 1, -1, -1.0)
    return powers @ c / delta**deriv


# ---------------------------------------------------------------- medians


@public("signal", arrays="volume")
def medfilt(volume: Any, kernel_size: Any = None) -> Any:
    """The median around each element, with zeros beyond the edges.

    The arguments are SciPy's. The gradient goes to the element that is the median; to the first of
    several equal ones.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.medfilt.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.signal
    >>> x = np.asarray([1.0, 5.0, 2.0])
    >>> pg.grad(lambda x: pg.scipy.signal.medfilt(x)[1])(x).tolist()
    [0.0, 0.0, 1.0]
    """
    return _medians(array(volume, "medfilt", "volume"), kernel_size, "medfilt")


@public("signal", arrays="input")
def medfilt2d(input: Any, kernel_size: Any = 3) -> Any:
    """The median around each element of a matrix, as `medfilt`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.medfilt2d.html
    """
    x = array(input, "medfilt2d", "input")
    if x.ndim != 2:
        raise InvalidArgumentError("scipy.signal.medfilt2d takes a matrix")
    return _medians(x, kernel_size, "medfilt2d")


def _medians(x: Any, kernel_size: Any, where: str) -> Any:
    refuse_complex(x, f"scipy.signal.{where}")
    x = x if x.ndim else xp.reshape(x, (1,))
    sizes = [3 if kernel_size is None else kernel_size] * x.ndim
    if hasattr(kernel_size, "__len__"):
        sizes = list(kernel_size)
    sizes = [count_of(n, where, "kernel_size") for n in sizes]
    if len(sizes) != x.ndim or any([n % 2 != 1 or n < 0 for n in sizes]):
        raise InvalidArgumentError(
            f"scipy.signal.{where}: kernel_size is an odd number, or one for each axis, not "
            f"{kernel_size!r}"
        )
    shape = tuple(x.shape)
    for axis, n in enumerate(sizes):
        x = extended(x, n // 2, n // 2, axis, "value")
    rows = [
        x[tuple([slice(k, k + m) for k, m in zip(start, shape, strict=True)])]
        for start in np.ndindex(*sizes)
    ]
    stacked = xp.stack(rows, axis=-1)
    order = xp.argsort(stacked, axis=-1, stable=True)
    middle = math.prod(sizes) // 2
    chosen = xp.take_along_axis(stacked, order[..., middle : middle + 1], axis=-1)
    return xp.squeeze(chosen, axis=-1)


# ---------------------------------------------------------------- trends


@public("signal", arrays="data")
def detrend(
    data: Any, axis: int = -1, type: Any = "linear", bp: Any = 0, overwrite_data: bool = False
) -> Any:
    """Subtract the mean, or a straight line that is fitted to each segment.

    The arguments are SciPy's. It is linear in `data`. `overwrite_data` is a hint, and not followed.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.detrend.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.signal
    >>> x = np.asarray([1.0, 2.0, 6.0])
    >>> pg.scipy.signal.detrend(x, type="constant").tolist()
    [-2.0, -1.0, 3.0]
    """
    where = "scipy.signal.detrend"
    x = array(data, "detrend", "data")
    if not x.ndim:
        raise InvalidArgumentError(f"{where}: data has one axis at least")
    axis = axis_of(axis, x.ndim, where)
    found = np.atleast_1d(np.asarray(bp))
    if found.dtype.kind not in "iu" or (found < 0).any() or (found > x.shape[axis]).any():
        raise InvalidArgumentError(
            f"{where}: bp are integers from 0 to the length along the axis, not {bp!r}"
        )
    return xp.moveaxis(detrended(xp.moveaxis(x, axis, -1), type, found, "detrend"), -1, axis)


def detrended(x: Any, type: Any, bp: Any, where: str) -> Any:
    """`x` without its trend along the last axis."""
    if type not in ("linear", "l", "constant", "c"):
        raise InvalidArgumentError(
            f"scipy.signal.{where}: the type of trend is 'linear' or 'constant', not {type!r}"
        )
    x = as_floats(x)
    if type in ("constant", "c"):
        return x - xp.mean(x, axis=-1, keepdims=True)
    n = x.shape[-1]
    bounds = sorted({0, n, *bp.tolist()})
    pieces = []
    for start, stop in pairwise(bounds):
        line = np.stack([np.arange(1, stop - start + 1) / (stop - start), np.ones(stop - start)], 1)
        basis = constants(np.linalg.qr(line)[0], x)
        if is_complex(x):
            basis = xp.astype(basis, x.dtype)
        segment = x[..., start:stop]
        pieces.append(segment - xp.matmul(xp.matmul(segment, basis), xp.matrix_transpose(basis)))
    return xp.concat(pieces, axis=-1) if pieces else x


# ---------------------------------------------------------------- the analytic signal


@public("signal", arrays="x")
def hilbert(x: Any, N: Any = None, axis: int = -1) -> Any:
    """The analytic signal: `x`, and its Hilbert transform as the imaginary part.

    The arguments are SciPy's. It is linear in `x`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.hilbert.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.signal
    >>> pg.scipy.signal.hilbert(np.asarray([1.0, 0.0, -1.0, 0.0])).imag.tolist()
    [0.0, 1.0, 0.0, -1.0]
    """
    where = "scipy.signal.hilbert"
    x = array(x, "hilbert", "x")
    if is_complex(x):
        raise TypeMismatchError(f"{where}: x is real")
    if not x.ndim:
        raise InvalidArgumentError(f"{where}: x has one axis at least")
    axis = axis_of(axis, x.ndim, where)
    n = x.shape[axis] if N is None else count_of(N, "hilbert", "N")
    if n <= 0:
        raise InvalidArgumentError(f"{where}: N is positive, not {n}")
    x = as_doubles(x) if backend_for(x).name == "numpy" and x.dtype.itemsize < 4 else as_floats(x)
    weights = np.zeros(n)
    weights[0] = 1.0
    weights[1 : (n + 1) // 2] = 2.0
    if n % 2 == 0:
        weights[n // 2] = 1.0
    weights = xp.reshape(constants(weights, x), (-1,) + (1,) * (x.ndim - 1 - axis))
    return xp.fft.ifft(xp.fft.fft(x, n=n, axis=axis) * weights, axis=axis)
