"""What rows of `pluggrad.scipy.signal` compute with that SciPy has no function for."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import signal

__all__ = ["convolve_direct", "lags", "recursion", "recursion_from", "upfirdn_at"]

#: From this many lags on, one Fourier transform is faster than one product for each lag.
MANY = 64


def convolve_direct(x1: Any, x2: Any, *, mode: str) -> Any:
    """The sums of products themselves, without a Fourier transform."""
    if x1.ndim == 2:  # a function of its own, and a faster one
        return signal.convolve2d(x1, x2, mode=mode)
    return signal.convolve(x1, x2, mode=mode, method="direct")


def recursion(c: Any, x: Any, *, taps: int, axis: int) -> Any:
    """`lfilter` by the first `taps` coefficients in `c` over the others. (SciPy's convolves row by
    row if the others are one number.)"""
    b, a = c[:taps], c[taps:]
    if not x.size:
        return np.zeros(x.shape, x.dtype)
    if len(a) > 1 or x.ndim == 1:
        return signal.lfilter(b, a, x, axis=axis)
    b = np.reshape(b / a[0], [-1 if n == axis else 1 for n in range(x.ndim)])
    y = convolve_direct(x, b, mode="full")
    return y[(slice(None),) * axis + (slice(x.shape[axis]),)]


def recursion_from(c: Any, x: Any, zi: Any, *, taps: int, axis: int) -> Any:
    """`recursion` that starts in the state `zi`."""
    if not x.size:
        return np.zeros(x.shape, x.dtype)
    return signal.lfilter(c[:taps], c[taps:], x, axis=axis, zi=zi)[0]


def lags(u: Any, x: Any, *, count: int, axis: int) -> Any:
    """For each lag k below `count`: the sum of ``u[n] * x[n - k]`` over n and all other axes."""
    u, x = np.moveaxis(u, axis, -1), np.moveaxis(x, axis, -1)
    n = x.shape[-1]
    if min(count, n) > MANY:
        full = signal.fftconvolve(u, x[..., ::-1], axes=-1)[..., n - 1 : n - 1 + count]
        found = full.reshape(-1, full.shape[-1]).sum(axis=0)
        return np.concatenate([found, np.zeros(count - found.size, found.dtype)])
    if x.ndim == 1:
        u, x = np.ascontiguousarray(u), np.ascontiguousarray(x)
        products = [np.dot(u[k:], x[: n - k]) if k < n else 0.0 for k in range(count)]
    else:
        u, x = u.reshape(-1, n), x.reshape(-1, n)
        products = [
            np.einsum("rn,rn->", u[:, k:], x[:, : n - k]) if k < n else 0.0 for k in range(count)
        ]
    return np.asarray(products, dtype=np.result_type(u, x))


def upfirdn_at(h: Any, x: Any, *, up: int, down: int, start: int, length: int, axis: int) -> Any:
    """`length` samples of ``upfirdn(h, x, up, down)`` along `axis`, from number `start` on, which
    may be negative; zeros where there are none."""
    y = np.moveaxis(signal.upfirdn(h, x, up, down, axis=axis), axis, -1)
    out = np.zeros((*y.shape[:-1], length), y.dtype)
    first, last = max(start, 0), min(start + length, y.shape[-1])
    if last > first:
        out[..., first - start : last - start] = y[..., first:last]
    return np.moveaxis(out, -1, axis)
