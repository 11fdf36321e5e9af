"""`scipy.interpolate` with derivatives, by the values, the places of the data and the points where
an interpolation is evaluated."""

from __future__ import annotations

from ..rows import falling_through
from .bsplines import BSpline
from .cubics import Akima1DInterpolator, CubicHermiteSpline, CubicSpline, PchipInterpolator
from .fitpack import (
    InterpolatedUnivariateSpline,
    LSQUnivariateSpline,
    UnivariateSpline,
    splantider,
    splder,
    splev,
    splint,
    splrep,
)
from .fitting import make_interp_spline, make_lsq_spline, make_smoothing_spline
from .grids import RegularGridInterpolator, interpn
from .linear import interp1d
from .piecewise import PPoly
from .polynomials import (
    BarycentricInterpolator,
    BPoly,
    KroghInterpolator,
    barycentric_interpolate,
    krogh_interpolate,
    pchip_interpolate,
)
from .products import NdBSpline, RectBivariateSpline
from .radial import Rbf, RBFInterpolator
from .scattered import LinearNDInterpolator, NearestNDInterpolator, griddata

__all__ = [
    "Akima1DInterpolator", "BPoly", "BSpline", "BarycentricInterpolator", "CubicHermiteSpline",
    "CubicSpline", "InterpolatedUnivariateSpline", "KroghInterpolator", "LSQUnivariateSpline",
    "LinearNDInterpolator", "NdBSpline", "NearestNDInterpolator", "PPoly", "PchipInterpolator",
    "RBFInterpolator", "Rbf", "RectBivariateSpline", "RegularGridInterpolator", "UnivariateSpline",
    "barycentric_interpolate", "griddata", "interp1d", "interpn", "krogh_interpolate",
    "make_interp_spline", "make_lsq_spline", "make_smoothing_spline", "pchip_interpolate",
    "splantider", "splder", "splev", "splint", "splrep",
]  # fmt: skip

__getattr__, __dir__ = falling_through("interpolate", __all__)
