"""Fourier transforms of short pieces of a signal, there and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import axes_of, axis_of
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError
from ...functions.operand import as_doubles
from ..arguments import constant
from ..rows import public, scipy_module
from .common import array, backend_for, constants, extended, floats
from .spectra import segments, window_of, without_trend

__all__ = ["istft", "spectrogram", "stft"]

_BOUNDARIES = {"even": "even", "odd": "odd", "constant": "constant", "zeros": "value"}


def _transforms(
    x: Any, where: str, *, fs: Any, window: Any, nperseg: Any, noverlap: Any, nfft: Any,
    detrend: Any, return_onesided: Any, boundary: Any, padded: Any, scaling: str, axis: Any,
    overlap: int = 2,
) -> tuple[Any, Any, Any, bool]:  # fmt: skip
    """Frequencies, times, the transforms with the times along the last axis, and whether only half
    of the frequencies are there. By default a part of `overlap` of each piece overlaps."""
    axis = axis_of(axis, x.ndim, f"scipy.signal.{where}")
    x = xp.moveaxis(as_doubles(x), axis, -1)
    win, nperseg = window_of(window, nperseg, x.shape[-1], x, where)
    nfft = nperseg if nfft is None else int(nfft)
    noverlap = nperseg // overlap if noverlap is None else int(noverlap)
    if nfft < nperseg or noverlap >= nperseg:
        raise InvalidArgumentError(
            f"scipy.signal.{where}: nperseg={nperseg} is more than noverlap={noverlap}, and not "
            f"more than nfft={nfft}"
        )
    if boundary is not None:
        if boundary not in _BOUNDARIES:
            raise InvalidArgumentError(
                f"scipy.signal.{where}: boundary is 'even', 'odd', 'constant', 'zeros' or None, "
                f"not {boundary!r}"
            )
        half = nperseg // 2
        x = extended(x, half, half, x.ndim - 1, _BOUNDARIES[boundary])
    hop = nperseg - noverlap
    if padded:
        x = extended(x, 0, (-(x.shape[-1] - nperseg) % hop) % nperseg, x.ndim - 1, "value")
    count = (x.shape[-1] - noverlap) // hop
    z = without_trend(segments(x, nperseg, hop, count), detrend, where) * win
    onesided = bool(return_onesided) and not is_complex(x)
    y = (xp.fft.rfft if onesided else xp.fft.fft)(z, n=nfft)
    total = xp.sum(win) ** 2 if scaling == "spectrum" else fs * xp.sum(win * win)
    frequencies = (np.fft.rfftfreq if onesided else np.fft.fftfreq)(nfft, 1 / fs)
    times = (nperseg / 2 + hop * np.arange(count)) / fs
    if boundary is not None:
        times = times - nperseg / 2 / fs
    y = xp.matrix_transpose(y) / xp.sqrt(total)
    return constants(frequencies, x), constants(times, x), y, onesided


def _placed(y: Any, axis: int) -> Any:
    """Frequencies where the signal had its axis, and times last, as SciPy places them."""
    return xp.moveaxis(y, -2, axis if axis >= 0 else axis - 1)


def _narrow(y: Any, x: Any) -> Any:
    """`y` in single precision if `x` is, as SciPy returns it."""
    single = floats(x[..., :0])[0].dtype
    if backend_for(x).name != "numpy" or single.itemsize > (8 if single.kind == "c" else 4):
        return y
    return xp.astype(y, np.complex64 if is_complex(y) else np.float32)


@public("signal", arrays="x")
def stft(
    x: Any, fs: float = 1.0, window: Any = "hann_periodic", nperseg: Any = 256,
    noverlap: Any = None, nfft: Any = None, detrend: Any = False, return_onesided: bool = True,
    boundary: Any = "zeros", padded: bool = True, axis: int = -1, scaling: str = "spectrum",
) -> Any:  # fmt: skip
    """Frequencies, times, and the Fourier transforms of windowed pieces of `x`.

    The arguments are SciPy's. It is linear in `x`, and differentiable by `window` if that is an
    array.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.stft.html
    """
    x = array(x, "stft", "x")
    if scaling not in ("spectrum", "psd"):
        raise InvalidArgumentError(
            f"scipy.signal.stft: scaling is 'spectrum' or 'psd', not {scaling!r}"
        )
    f, t, y, _ = _transforms(
        x, "stft", fs=fs, window=window, nperseg=nperseg, noverlap=noverlap, nfft=nfft,
        detrend=detrend, return_onesided=return_onesided, boundary=boundary, padded=padded,
        scaling=scaling, axis=axis,
    )  # fmt: skip
    return f, t, _narrow(_placed(y, axis), x)


@public("signal", arrays="x")
def spectrogram(
    x: Any, fs: float = 1.0, window: Any = ("tukey_periodic", 0.25), nperseg: Any = None,
    noverlap: Any = None, nfft: Any = None, detrend: Any = "constant",
    return_onesided: bool = True, scaling: str = "density", axis: int = -1, mode: str = "psd",
) -> Any:  # fmt: skip
    """Frequencies, times, and the spectra of windowed pieces of `x`.

    The arguments are SciPy's; the mode 'phase' is refused, because unwrapping is no smooth
    function. It is differentiable by `x`, and by `window` if that is an array.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.spectrogram.html
    """
    x = array(x, "spectrogram", "x")
    if mode not in ("psd", "complex", "magnitude", "angle") or (
        scaling not in ("density", "spectrum")
    ):
        raise InvalidArgumentError(
            "scipy.signal.spectrogram: mode is 'psd', 'complex', 'magnitude' or 'angle', and "
            f"scaling 'density' or 'spectrum', not {mode!r} and {scaling!r}"
        )
    f, t, y, onesided = _transforms(
        x, "spectrogram", fs=fs, window=window, nperseg=nperseg, noverlap=noverlap, nfft=nfft,
        detrend=detrend, return_onesided=return_onesided, boundary=None, padded=False,
        scaling=scaling, axis=axis, overlap=8,
    )  # fmt: skip
    if mode == "psd":
        y = xp.real(y) ** 2 + xp.imag(y) ** 2
        if onesided:
            twice = np.full((y.shape[-2], 1), 2.0)
            twice[0] = 1.0
            length = int(nfft) if nfft else _length(window, nperseg, x.shape[axis])
            if length % 2 == 0:
                twice[-1] = 1.0
            y = y * constants(twice, y)
    elif mode == "magnitude":
        y = xp.abs(y)
    elif mode == "angle":
        y = xp.atan2(xp.imag(y), xp.real(y))
    return f, t, _narrow(_placed(y, axis), x)


def _length(window: Any, nperseg: Any, n: int) -> int:
    """How long the pieces are."""
    if isinstance(window, (str, tuple)):
        return min(256 if nperseg is None else int(nperseg), n)
    return len(window)


@public("signal", arrays="Zxx")
def istft(
    Zxx: Any, fs: float = 1.0, window: Any = "hann_periodic", nperseg: Any = None,
    noverlap: Any = None, nfft: Any = None, input_onesided: bool = True, boundary: bool = True,
    time_axis: int = -1, freq_axis: int = -2, scaling: str = "spectrum",
) -> Any:  # fmt: skip
    """Times, and the signal of which `Zxx` are the Fourier transforms of pieces.

    The arguments are SciPy's. It is linear in `Zxx`. `window` is a constant.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.istft.html
    """
    where = "scipy.signal.istft"
    z = array(Zxx, "istft", "Zxx")
    if z.ndim < 2 or scaling not in ("spectrum", "psd"):
        raise InvalidArgumentError(
            f"{where}: Zxx has two axes at least, and scaling is 'spectrum' or 'psd'"
        )
    freq_axis, time_axis = axes_of((freq_axis, time_axis), z.ndim, where)
    z = xp.moveaxis(z, (freq_axis, time_axis), (-2, -1))
    z = z if is_complex(z) else z + 0j
    count, full = z.shape[-1], z.shape[-2]
    usual = 2 * (full - 1) if input_onesided else full
    nperseg = usual if nperseg is None else int(nperseg)
    if nfft is None:
        nfft = nperseg if input_onesided and nperseg == usual + 1 else usual
    noverlap = nperseg // 2 if noverlap is None else int(noverlap)
    if not 1 <= nperseg <= int(nfft) or noverlap >= nperseg:
        raise InvalidArgumentError(
            f"{where}: nperseg={nperseg} is more than noverlap={noverlap}, and not more than "
            f"nfft={nfft}"
        )
    hop = nperseg - noverlap
    if isinstance(window, (str, tuple)):
        window = scipy_module("signal").get_window(window, nperseg)
    win = np.asarray(window)
    if win.shape != (nperseg,):
        raise InvalidArgumentError(f"{where}: the window has the shape {(nperseg,)}")
    y = (xp.fft.irfft if input_onesided else xp.fft.ifft)(z, n=int(nfft), axis=-2)
    y = xp.matrix_transpose(y[..., :nperseg, :])  # pieces as rows
    factor = np.sum(win) if scaling == "spectrum" else np.sqrt(fs * np.sum(win**2))
    y = y * constants(win * factor, y)
    # Each element is added at its place in the signal.
    places = (np.arange(count)[:, None] * hop + np.arange(nperseg)).reshape(-1)
    length = nperseg + (count - 1) * hop
    norm = np.bincount(places, np.tile(win**2, count), length)
    rows = xp.moveaxis(xp.reshape(y, (*y.shape[:-2], count * nperseg)), -1, 0)
    at = constant("asarray", places.tolist(), beside=y)
    x = xp.moveaxis(xp.add_at(rows, at, length=length), 0, -1)
    if boundary:
        half = nperseg // 2
        x, norm = x[..., half : length - half], norm[half : length - half]
    x = x / constants(np.where(norm > 1e-10, norm, 1.0), x)
    if x.ndim > 1:
        x = xp.moveaxis(x, -1, time_axis - (freq_axis < time_axis))
    return constants(np.arange(x.shape[0]) / float(fs), x), x
