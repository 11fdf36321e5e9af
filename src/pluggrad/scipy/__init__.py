"""SciPy's functions with derivatives, under SciPy's names: `pluggrad.scipy.ndimage.gaussian_filter`.

The tree is SciPy's, and so are the arguments, their defaults and the results. Each argument is
honoured, or refused by name. Functions that have no derivative here fall through to SciPy: they
take Variables that require no grad.

Over NumPy arrays SciPy's compiled code computes. JAX and torch use functions of their own where
they have them, and call SciPy otherwise.
"""

from __future__ import annotations

from . import ndimage

__all__ = ["ndimage"]
