"""`scipy.ndimage` with derivatives: filters, interpolation and measurements of images.

Functions that call a Python function for each element, such as `generic_filter`, are SciPy's, and
take constants only.
"""

from __future__ import annotations

from ..rows import falling_through
from . import (
    correlations,
    edges,
    fourier,
    interpolation,
    measurements,
    morphology,
    ranks,
    resampling,
    smoothing,
)
from .correlations import *  # noqa: F403
from .edges import *  # noqa: F403
from .fourier import *  # noqa: F403
from .interpolation import *  # noqa: F403
from .measurements import *  # noqa: F403
from .morphology import *  # noqa: F403
from .ranks import *  # noqa: F403
from .resampling import *  # noqa: F403
from .smoothing import *  # noqa: F403

__all__ = sorted(
    [
        *correlations.__all__,
        *edges.__all__,
        *fourier.__all__,
        *interpolation.__all__,
        *measurements.__all__,
        *morphology.__all__,
        *ranks.__all__,
        *resampling.__all__,
        *smoothing.__all__,
    ]
)

__getattr__, __dir__ = falling_through("ndimage", __all__)
