"""`autograd.scipy.stats`. Distributions are modules, as in HIPS autograd:
``import autograd.scipy.stats.norm as norm``. There is one for each of SciPy's."""

from __future__ import annotations

from ..passing import passing_through
from .distributions import DISTRIBUTIONS

__all__ = list(DISTRIBUTIONS)

globals().update(DISTRIBUTIONS)
__getattr__, __dir__ = passing_through("stats", globals())
