"""SciPy's functions with derivatives, under SciPy's names: `pluggrad.scipy.fft.dct`.

The tree is SciPy's, and so are the arguments, their defaults and the results. Each argument is
honoured, or refused by name. Functions that have no derivative here fall through to SciPy: they
take Variables that require no grad.

Over NumPy arrays SciPy's compiled code computes. JAX and torch use functions of their own where
they have them, and call SciPy otherwise.

The functions of `scipy.fft` itself take Variables, and so do ufuncs of `scipy.special`. Where SciPy
can take none, the error names the function here.
"""

from __future__ import annotations

from . import (
    cluster,
    fft,
    integrate,
    interpolate,
    linalg,
    ndimage,
    optimize,
    signal,
    sparse,
    spatial,
    special,
    stats,
)

__all__ = [
    "cluster", "fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal",
    "sparse", "spatial", "special", "stats",
]  # fmt: skip
