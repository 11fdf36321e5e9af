"""`scipy.signal` with derivatives: filters, convolutions, resampling, smoothing and spectra.

Windows and the design of filters have no derivatives here: they are SciPy's own functions.
"""

from __future__ import annotations

from ..rows import falling_through
from .convolutions import convolve, convolve2d, correlate, correlate2d, fftconvolve, oaconvolve
from .filters import filtfilt, lfilter, lfilter_zi
from .sections import sosfilt, sosfilt_zi, sosfiltfilt

__all__ = [
    "convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve", "filtfilt", "lfilter",
    "lfilter_zi", "oaconvolve", "sosfilt", "sosfilt_zi", "sosfiltfilt",
]  # fmt: skip

__getattr__, __dir__ = falling_through("signal", __all__)
