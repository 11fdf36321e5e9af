"""`scipy.signal` with derivatives: filters, convolutions, resampling, smoothing and spectra.

Windows and the design of filters have no derivatives here: they are SciPy's own functions.
"""

from __future__ import annotations

from ..rows import falling_through
from .convolutions import convolve, convolve2d, correlate, correlate2d, fftconvolve, oaconvolve

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve", "oaconvolve"]

__getattr__, __dir__ = falling_through("signal", __all__)
