"""`scipy.stats` with derivatives: distributions, by the point and by all parameters."""

from __future__ import annotations

from ..rows import falling_through
from .continuous import CONTINUOUS
from .discrete import DISCRETE

__all__ = [*CONTINUOUS, *DISCRETE]

globals().update(CONTINUOUS)
globals().update(DISCRETE)

__getattr__, __dir__ = falling_through("stats", __all__)
