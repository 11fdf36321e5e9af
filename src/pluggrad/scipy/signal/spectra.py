"""Spectra: the mean of the squared Fourier transforms of windowed segments."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...engine.cotangents import conjugate, is_complex
from ...engine.handles import unwrap_untracked
from ...errors import InvalidArgumentError, TypeMismatchError
from ...functions.operand import as_doubles
from ..arguments import constant
from ..rows import public, scipy_module
from .common import array, backend_for, constants, extended, floats
from .smoothing import detrended

__all__ = ["coherence", "csd", "periodogram", "segments", "welch", "window_of", "without_trend"]


def _spectrum(
    x: Any, y: Any, where: str, *, fs: Any, window: Any, nperseg: Any, noverlap: Any, nfft: Any,
    detrend: Any, return_onesided: Any, scaling: Any, axis: int, average: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Frequencies and the cross spectrum of `x` and `y`; the power spectrum of x if y is None."""
    places = [axis_of(axis, z.ndim, f"scipy.signal.{where}") for z in (x, y) if z is not None]
    single = floats(*[z[..., :0] for z in (x, y) if z is not None])[0].dtype
    x = xp.moveaxis(as_doubles(x), places[0], -1)
    if y is not None:
        y = xp.moveaxis(as_doubles(y), places[-1], -1)
        n = max(x.shape[-1], y.shape[-1])
        x, y = [extended(z, 0, n - z.shape[-1], z.ndim - 1, "value") for z in (x, y)]
    n = x.shape[-1]
    win, nperseg = window_of(window, nperseg, n, x, where)
    nfft = nperseg if nfft is None else int(nfft)
    noverlap = nperseg // 2 if noverlap is None else int(noverlap)
    if nfft < nperseg or noverlap >= nperseg or n < nperseg:
        raise InvalidArgumentError(
            f"scipy.signal.{where}: nperseg={nperseg} is more than noverlap={noverlap}, and not "
            f"more than nfft={nfft} and the {n} elements of the signal"
        )
    onesided = bool(return_onesided) and not is_complex(x)
    if onesided and y is not None and is_complex(y):
        raise TypeMismatchError(
            f"scipy.signal.{where}: y is complex, and x is not; give return_onesided=False"
        )
    if scaling not in ("density", "spectrum"):
        raise InvalidArgumentError(
            f"scipy.signal.{where}: scaling is 'density' or 'spectrum', not {scaling!r}"
        )
    total = xp.sum(xp.abs(win) ** 2) * fs if scaling == "density" else xp.abs(xp.sum(win)) ** 2
    hop = nperseg - noverlap

    def transformed(z: Any) -> Any:
        """The Fourier transform of each segment, along the last axis."""
        z = segments(z, nperseg, hop, (n - noverlap) // hop)
        z = without_trend(z, detrend, where) * conjugate(win)
        return (xp.fft.rfft if onesided else xp.fft.fft)(z, n=nfft)

    f1 = transformed(x)
    if y is None:
        power = xp.real(f1) ** 2 + xp.imag(f1) ** 2
    else:
        power = xp.conj(f1) * transformed(y)
    power = power / total
    if onesided:
        twice = np.full(power.shape[-1], 2.0)
        twice[0] = 1.0
        if nfft % 2 == 0:
            twice[-1] = 1.0
        power = power * constants(twice, x)
    power = _averaged(power, average, where)
    if power.dtype != single and backend_for(power).name == "numpy":
        narrow = np.result_type(single, np.complex64) if is_complex(power) else np.zeros(
            0, single
        ).real.dtype  # fmt: skip
        power = xp.astype(power, narrow)
    frequencies = (np.fft.rfftfreq if onesided else np.fft.fftfreq)(nfft, 1 / fs)
    return constants(frequencies, x), xp.moveaxis(power, -1, axis)


def window_of(window: Any, nperseg: Any, n: int, x: Any, where: str) -> tuple[Any, int]:
    """The window as an array beside `x`, and its length."""
    if isinstance(window, (str, tuple)):
        length = 256 if nperseg is None else int(nperseg)
        if length < 1:
            raise InvalidArgumentError(f"scipy.signal.{where}: nperseg is positive, not {nperseg}")
        length = min(length, n)
        win = constants(np.asarray(scipy_module("signal").get_window(window, length)), x)
    else:
        win = as_doubles(array(window, where, "window", x))
        length = win.shape[0] if nperseg is None and win.ndim == 1 else nperseg
    if win.ndim != 1 or length != win.shape[0]:
        raise InvalidArgumentError(
            f"scipy.signal.{where}: the window is a vector of nperseg={nperseg} elements, and its "
            f"shape is {tuple(win.shape)}"
        )
    return win, int(length)


def segments(x: Any, length: int, hop: int, count: int) -> Any:
    """`count` pieces of the last axis, each `hop` behind the other, as rows."""
    if hop == length:
        cut = x[..., : count * length]
    else:
        places = (np.arange(count)[:, None] * hop + np.arange(length)).reshape(-1)
        cut = xp.take(x, constant("asarray", places.tolist(), beside=x), axis=x.ndim - 1)
    return xp.reshape(cut, (*x.shape[:-1], count, length))


def without_trend(z: Any, detrend: Any, where: str) -> Any:
    if detrend is False or detrend is None:
        return z
    if callable(detrend):
        rows = [detrend(z[..., k, :]) for k in range(z.shape[-2])]
        return xp.stack(rows, axis=-2)
    return detrended(z, detrend, np.zeros(0, int), where)


def _averaged(power: Any, average: Any, where: str) -> Any:
    """The mean or the median of the segments, which are the axis before the last."""
    count = power.shape[-2]
    if count == 1:
        return power[..., 0, :]
    if average == "mean":
        return xp.mean(power, axis=-2)
    if average != "median":
        raise InvalidArgumentError(
            f"scipy.signal.{where}: average is 'mean' or 'median', not {average!r}"
        )
    steps = 2 * np.arange(1.0, (count - 1) // 2 + 1)
    bias = float(1 + np.sum(1 / (steps + 1) - 1 / steps))
    if is_complex(power):
        real = xp.median(xp.real(power), axis=-2)
        return (real + xp.median(xp.imag(power), axis=-2) * 1j) / bias
    return xp.median(power, axis=-2) / bias


def _none(x: Any) -> tuple[Any, Any]:
    """What SciPy returns for an empty signal."""
    zeros = constant("zeros", tuple(x.shape), beside=x)
    return zeros, zeros


@public("signal", arrays="x window")
def periodogram(
    x: Any, fs: float = 1.0, window: Any = "boxcar", nfft: Any = None, detrend: Any = "constant",
    return_onesided: bool = True, scaling: str = "density", axis: int = -1,
) -> Any:  # fmt: skip
    """Frequencies, and the power spectrum of the whole signal.

    The arguments are SciPy's. It is differentiable by `x`, and by `window` if that is an array.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.periodogram.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.signal
    >>> f, power = pg.scipy.signal.periodogram(np.asarray([1.0, -1.0, 1.0, -1.0]))
    >>> power.tolist()
    [0.0, 0.0, 4.0]
    """
    x = array(x, "periodogram", "x")
    if 0 in x.shape:
        return _none(x)
    axis_of(axis, x.ndim, "scipy.signal.periodogram")
    n = x.shape[axis]
    length = n if nfft is None else min(int(nfft), n)
    if length < n:
        x = xp.moveaxis(xp.moveaxis(x, axis, -1)[..., :length], -1, axis)
        nfft = None
    return _spectrum(
        x, None, "periodogram", fs=fs, window="boxcar" if window is None else window,
        nperseg=length, noverlap=0, nfft=nfft, detrend=detrend, return_onesided=return_onesided,
        scaling=scaling, axis=axis, average="mean",
    )  # fmt: skip


@public("signal", arrays="x")
def welch(
    x: Any, fs: float = 1.0, window: Any = "hann_periodic", nperseg: Any = None,
    noverlap: Any = None, nfft: Any = None, detrend: Any = "constant",
    return_onesided: bool = True, scaling: str = "density", axis: int = -1, average: str = "mean",
) -> Any:  # fmt: skip
    """Frequencies, and the power spectrum as the mean of those of overlapping segments.

    The arguments are SciPy's. It is differentiable by `x`, and by `window` if that is an array.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.welch.html
    """
    x = array(x, "welch", "x")
    if 0 in x.shape:
        return _none(x)
    return _spectrum(
        x, None, "welch", fs=fs, window=window, nperseg=nperseg, noverlap=noverlap, nfft=nfft,
        detrend=detrend, return_onesided=return_onesided, scaling=scaling, axis=axis,
        average=average,
    )  # fmt: skip


@public("signal", arrays="x y")
def csd(
    x: Any, y: Any, fs: float = 1.0, window: Any = "hann_periodic", nperseg: Any = None,
    noverlap: Any = None, nfft: Any = None, detrend: Any = "constant",
    return_onesided: bool = True, scaling: str = "density", axis: int = -1, average: str = "mean",
) -> Any:  # fmt: skip
    """Frequencies, and the cross spectrum of two signals.

    The arguments are SciPy's. It is differentiable by `x` and `y`, and by `window` if that is an
    array. If `y` is the same object as `x`, the result is real, as SciPy's is.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.csd.html
    """
    same = unwrap_untracked(y) is unwrap_untracked(x)
    first = x if hasattr(x, "dtype") else y
    x, y = array(x, "csd", "x", first), array(y, "csd", "y", first)
    if 0 in x.shape or 0 in y.shape:
        raise InvalidArgumentError("scipy.signal.csd takes signals that are not empty")
    return _spectrum(
        x, None if same else y, "csd", fs=fs, window=window, nperseg=nperseg, noverlap=noverlap,
        nfft=nfft, detrend=detrend, return_onesided=return_onesided, scaling=scaling, axis=axis,
        average=average,
    )  # fmt: skip


@public("signal", arrays="x y")
def coherence(
    x: Any, y: Any, fs: float = 1.0, window: Any = "hann_periodic", nperseg: Any = None,
    noverlap: Any = None, nfft: Any = None, detrend: Any = "constant", axis: int = -1,
) -> Any:  # fmt: skip
    """Frequencies, and the squared cross spectrum over the product of the power spectra.

    The arguments are SciPy's. It is differentiable by `x` and `y`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.coherence.html
    """
    options = {
        "fs": fs, "window": window, "nperseg": nperseg, "noverlap": noverlap, "nfft": nfft,
        "detrend": detrend, "axis": axis,
    }  # fmt: skip
    frequencies, one = welch(x, **options)
    _, other = welch(y, **options)
    _, both = csd(x, y, **options)
    return frequencies, xp.abs(both) ** 2 / one / other
