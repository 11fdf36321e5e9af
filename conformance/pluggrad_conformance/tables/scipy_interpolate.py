"""`scipy.interpolate`: by the values, and by the places of the data and of the points."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array
from .rows import about, numbers, shaped, usual
from .scipy_rows import scipy

# ---------------------------------------------------------------- interpolate

knots, values, at = numbers(0.0, 0.8, 1.5, 2.6, 4.0), Array((5,)), numbers(0.3, 1.1, 2.2, 3.7)


def _called(name: str) -> Any:
    return lambda s, *args, **kwargs: getattr(s.interpolate, name)(*args[:-1], **kwargs)(args[-1])


scipy("interpolate.CubicSpline", usual(knots, values, at), about("natural", knots, values, at, bc_type="natural"), about("clamped", knots, values, at, bc_type="clamped"), shaped("columns", knots, Array((5, 2)), at), how=_called("CubicSpline"))
for name in ("PchipInterpolator", "Akima1DInterpolator"):
    scipy(f"interpolate.{name}", usual(knots, values, at), shaped("columns", knots, Array((5, 2)), at), how=_called(name))
scipy("interpolate.CubicHermiteSpline", usual(knots, values, Array((5,)), at), how=_called("CubicHermiteSpline"))
scipy("interpolate.PPoly", usual(Array((3, 2)), numbers(0.0, 1.0, 2.5), numbers(0.3, 1.8)), how=_called("PPoly"))

# ---------------------------------------------------------------- splines

fixed = Array(values=(0.0, 0.8, 1.5, 2.6, 4.0, 4.7), constant=True)  # places that have no derivative
KNOTS = np.asarray([0.0] * 4 + [1.5, 2.6] + [4.7] * 4)
more, inside = Array((6,)), numbers(0.5, 1.9, 3.3)
scipy("interpolate.BSpline", usual(more, numbers(3.3, 4.6)), how=lambda s, c, x: s.interpolate.BSpline([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9], c, 3)(x))
scipy("interpolate.NdBSpline", usual(Array((4, 4)), numbers((2.2, 1.7), (2.6, 2.9))), how=lambda s, c, x: s.interpolate.NdBSpline(([0.0, 1, 2, 3, 4, 5, 6],) * 2, c, 2)(x))
scipy("interpolate.BPoly", usual(Array((3, 2)), numbers(0.3, 1.8)), how=lambda s, c, x: s.interpolate.BPoly(c, [0.0, 1.0, 2.5])(x))
scipy("interpolate.make_interp_spline", usual(fixed, more, inside), about("quadratic", fixed, more, inside, k=2), how=lambda s, x, y, at, **kw: s.interpolate.make_interp_spline(x, y, **kw)(at))
scipy("interpolate.make_lsq_spline", usual(fixed, more, inside), how=lambda s, x, y, at: s.interpolate.make_lsq_spline(x, y, [0.0] * 4 + [4.7] * 4)(at))
scipy("interpolate.make_smoothing_spline", usual(fixed, more, inside), how=lambda s, x, y, at: s.interpolate.make_smoothing_spline(x, y, lam=0.1)(at), kind="decomposition")
scipy("interpolate.interp1d", usual(fixed, more, inside), *[about(kind, fixed, more, inside, kind=kind) for kind in ("quadratic", "cubic", "nearest")], how=_called("interp1d"))
scipy("interpolate.InterpolatedUnivariateSpline", usual(fixed, more, inside), how=_called("InterpolatedUnivariateSpline"))
scipy("interpolate.UnivariateSpline", usual(fixed, more, inside), how=lambda s, x, y, at: s.interpolate.UnivariateSpline(x, y, s=0)(at))
scipy("interpolate.LSQUnivariateSpline", usual(fixed, more, inside), how=lambda s, x, y, at: s.interpolate.LSQUnivariateSpline(x, y, [2.0])(at))
scipy("interpolate.RectBivariateSpline", usual(Array((5, 5)), inside, numbers(0.7, 2.2, 3.1)), how=lambda s, z, x, y: s.interpolate.RectBivariateSpline([0.0, 1, 2, 3, 4], [0.0, 1, 2, 3, 4], z).ev(x, y))
scipy("interpolate.splrep", usual(fixed, more), how=lambda s, x, y: s.interpolate.splrep(x, y)[1][:6])
scipy("interpolate.splev", usual(more, inside), how=lambda s, c, x: s.interpolate.splev(x, ([0.0] * 4 + [1.5, 2.6] + [4.7] * 4, c, 3)))
scipy("interpolate.splint", usual(more), how=lambda s, c: s.interpolate.splint(0.5, 3.0, ([0.0] * 4 + [1.5, 2.6] + [4.7] * 4, c, 3)))
for name in ("splder", "splantider"):
    scipy(f"interpolate.{name}", usual(Array((10,)), inside), how=lambda s, c, x, name=name: s.interpolate.splev(x, getattr(s.interpolate, name)((KNOTS, c, 3))))

# ---------------------------------------------------------------- polynomials, grids and scattered places

scipy("interpolate.BarycentricInterpolator", usual(fixed, more, inside), how=_called("BarycentricInterpolator"))
scipy("interpolate.KroghInterpolator", usual(fixed, more, inside), how=_called("KroghInterpolator"))
scipy("interpolate.barycentric_interpolate", usual(fixed, more, inside))
scipy("interpolate.krogh_interpolate", usual(fixed, more, inside))
scipy("interpolate.pchip_interpolate", usual(fixed, more, inside))
grid, somewhere = Array((5, 5)), numbers((0.3, 1.2), (2.4, 3.1))
scipy("interpolate.RegularGridInterpolator", usual(grid, somewhere), about("cubic", grid, somewhere, method="cubic"), about("nearest", grid, somewhere, method="nearest"), how=lambda s, z, at, **kw: s.interpolate.RegularGridInterpolator(([0.0, 1, 2, 3, 4],) * 2, z, **kw)(at), kind="decomposition")
scipy("interpolate.interpn", usual(grid, somewhere), how=lambda s, z, at: s.interpolate.interpn(([0.0, 1, 2, 3, 4],) * 2, z, at))
corners = Array(values=((0.0, 0.0), (0.0, 2.0), (2.1, 0.1), (2.0, 2.0), (1.1, 0.9)), constant=True)
near = numbers((0.6, 0.5), (1.5, 1.3))
scipy("interpolate.LinearNDInterpolator", usual(corners, Array((5,)), near), how=_called("LinearNDInterpolator"))
scipy("interpolate.NearestNDInterpolator", usual(corners, Array((5,))), how=lambda s, x, y: s.interpolate.NearestNDInterpolator(x, y)([[0.6, 0.5], [1.5, 1.3]]), kind="movement")
scipy("interpolate.griddata", usual(corners, Array((5,)), near))
scipy("interpolate.RBFInterpolator", usual(corners, Array((5,)), near), about("gaussian", corners, Array((5,)), near, kernel="gaussian", epsilon=0.8), how=_called("RBFInterpolator"), kind="decomposition")
scipy("interpolate.Rbf", usual(Array((5,)), Array((2,), 0.5, 1.5)), how=lambda s, y, at: s.interpolate.Rbf([0.0, 0.0, 2.1, 2.0, 1.1], [0.0, 2.0, 0.1, 2.0, 0.9], y)(at, at), kind="decomposition")
