"""`scipy.cluster`: its module `vq` has derivatives, and the rest is SciPy's."""

from __future__ import annotations

from ..rows import falling_through
from . import vq

__all__ = ["vq"]

__getattr__, __dir__ = falling_through("cluster", __all__)
