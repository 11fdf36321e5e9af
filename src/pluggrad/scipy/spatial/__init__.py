"""`scipy.spatial`: its module `distance` has derivatives, and the rest is SciPy's."""

from __future__ import annotations

from ..rows import falling_through
from . import distance

__all__ = ["distance"]

__getattr__, __dir__ = falling_through("spatial", __all__)
