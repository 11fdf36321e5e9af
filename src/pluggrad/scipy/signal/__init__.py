"""`scipy.signal` with derivatives: filters, convolutions, resampling, smoothing and spectra.

Windows and the design of filters have no derivatives here: they are SciPy's own functions.
"""

from __future__ import annotations

from ..rows import falling_through
from .convolutions import convolve, convolve2d, correlate, correlate2d, fftconvolve, oaconvolve
from .filters import filtfilt, lfilter, lfilter_zi
from .quotients import decimate, deconvolve, freqz, wiener
from .resampling import resample, resample_poly, upfirdn
from .sections import sosfilt, sosfilt_zi, sosfiltfilt
from .short_time import istft, spectrogram, stft
from .smoothing import detrend, hilbert, medfilt, medfilt2d, savgol_filter
from .spectra import coherence, csd, periodogram, welch

__all__ = [
    "coherence", "convolve", "convolve2d", "correlate", "correlate2d", "csd", "decimate",
    "deconvolve", "detrend", "fftconvolve", "filtfilt", "freqz", "hilbert", "istft", "lfilter",
    "lfilter_zi", "medfilt", "medfilt2d", "oaconvolve", "periodogram", "resample",
    "resample_poly", "savgol_filter", "sosfilt", "sosfilt_zi", "sosfiltfilt", "spectrogram",
    "stft", "upfirdn", "welch", "wiener",
]  # fmt: skip

__getattr__, __dir__ = falling_through("signal", __all__)
