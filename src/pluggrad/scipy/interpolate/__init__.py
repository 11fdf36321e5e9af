"""`scipy.interpolate` with derivatives, by the values, the places of the data and the points where
an interpolation is evaluated."""

from __future__ import annotations

from ..rows import falling_through
from .bsplines import BSpline
from .cubics import Akima1DInterpolator, CubicHermiteSpline, CubicSpline, PchipInterpolator
from .fitting import make_interp_spline, make_lsq_spline, make_smoothing_spline
from .grids import RegularGridInterpolator, interpn
from .linear import interp1d
from .piecewise import PPoly
from .products import NdBSpline, RectBivariateSpline

__all__ = [
    "Akima1DInterpolator", "BSpline", "CubicHermiteSpline", "CubicSpline", "NdBSpline", "PPoly",
    "PchipInterpolator", "RectBivariateSpline", "RegularGridInterpolator", "interp1d", "interpn",
    "make_interp_spline", "make_lsq_spline", "make_smoothing_spline",
]  # fmt: skip

__getattr__, __dir__ = falling_through("interpolate", __all__)
