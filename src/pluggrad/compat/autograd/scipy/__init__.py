"""`autograd.scipy`: SciPy's functions through `pluggrad.scipy`, for all names of SciPy's.

Functions return NumPy's arrays, as SciPy's own do, unless an argument is a Variable. Everything
that `pluggrad.scipy` differentiates is differentiable here, which is more than HIPS autograd has.
"""

from __future__ import annotations

from . import integrate, linalg, misc, signal, special, stats

__all__ = ["integrate", "linalg", "misc", "signal", "special", "stats"]
