"""`scipy.interpolate` with derivatives, by the values, the places of the data and the points where
an interpolation is evaluated."""

from __future__ import annotations

from ..rows import falling_through
from .cubics import Akima1DInterpolator, CubicHermiteSpline, CubicSpline, PchipInterpolator
from .piecewise import PPoly

__all__ = [
    "Akima1DInterpolator", "CubicHermiteSpline", "CubicSpline", "PPoly", "PchipInterpolator",
]  # fmt: skip

__getattr__, __dir__ = falling_through("interpolate", __all__)
