"""`scipy.ndimage` with derivatives."""

from __future__ import annotations

from ..rules.kinds import linear
from .rows import falling_through, host, like

__all__: list[str] = []

LAPLACE = host(
    linear("scipy.ndimage.laplace(x, /, *, mode='reflect')", lambda g, mode: LAPLACE(g, mode=mode)),
    like(),
)

__getattr__, __dir__ = falling_through("ndimage", __all__)
