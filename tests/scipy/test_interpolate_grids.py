"""Interpolation of one variable and on grids, of `pluggrad.scipy.interpolate`."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
I = pg.scipy.interpolate
judge = functools.partial(judge_scipy, others=(), second=False, maps=False, rtol=1e-11, atol=1e-12)


def use(make, *args, call=None, **kwargs):
    """The values at the last argument."""
    *given, at = args
    return make(*given, **kwargs)(at, **(call or {}))


# ---------------------------------------------------------------- interp1d

X, Y = np.asarray([0.0, 0.7, 1.5, 2.1, 3.4, 4.0]), RNG.normal(size=6)
Y2, MIXED = RNG.normal(size=(2, 6)), np.asarray([3, 0, 5, 1, 4, 2])
AT = np.asarray([[0.3, 1.2], [2.5, 3.9]])
SMOOTH = ["linear", "slinear", "quadratic", "cubic", 4, 5]
STEPS = ["nearest", "nearest-up", "previous", "next", "zero", 0]


@pytest.mark.parametrize("kind", SMOOTH)
def test_smooth_kinds(kind):
    judge("interpolate.interp1d", X, Y, AT, tracked=(0, 1, 2), use=use, kind=kind)
    judge("interpolate.interp1d", X[MIXED], Y[MIXED], AT, tracked=(1, 2), use=use, kind=kind)
    judge("interpolate.interp1d", X, Y2, AT, tracked=(1, 2), use=use, kind=kind)
    judge("interpolate.interp1d", X, Y2.T, np.asarray(1.2), tracked=(1, 2), use=use, kind=kind,
          axis=0, assume_sorted=True)  # fmt: skip
    judge("interpolate.interp1d", X, Y, AT * 2 - 1, tracked=(1, 2), use=use, kind=kind,
          fill_value="extrapolate")  # fmt: skip


def test_linear_everywhere():
    judge_scipy("interpolate.interp1d", X, Y, AT, tracked=(1, 2), use=use, fill_value="extrapolate")
    at_points = I.interp1d(X, Y)(X)
    np.testing.assert_allclose(at_points.data, Y)


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("axis", [0, 1])
def test_steps(kind, axis):
    y = Y2 if axis else Y2.T
    judge("interpolate.interp1d", X, y, np.concatenate([X, X[:-1] + 0.01]), tracked=(1,), use=use,
          kind=kind, axis=axis)  # fmt: skip
    if kind in ("nearest", "nearest-up", "previous", "next"):
        middle = 0.5 * (X[1:] + X[:-1])
        judge("interpolate.interp1d", X, y, middle, tracked=(1,), use=use, kind=kind, axis=axis)
        judge("interpolate.interp1d", X, y, np.asarray([1.0, 3.0]), tracked=(1,), use=use,
              kind=kind, axis=axis, fill_value="extrapolate")  # fmt: skip


@pytest.mark.parametrize("kind", ["linear", "cubic", "nearest", "next"])
def test_outside(kind):
    wide = np.asarray([-1.0, 0.35, 2.5, 4.5])
    for fill in (1.5, (0.5, -0.5), (Y2[:, 0], 2.0), Y2[:, 1]):
        judge("interpolate.interp1d", X, Y2, wide, tracked=(1,), use=use, kind=kind,
              bounds_error=False, fill_value=fill)  # fmt: skip
    filled = lambda make, y, z: make(X, y, kind, bounds_error=False, fill_value=(z, 0.0))(wide)
    judge("interpolate.interp1d", Y, np.asarray(0.5), tracked=(0, 1), use=filled)
    with pytest.raises(pg.PluggradError, match="below"):
        I.interp1d(X, Y, kind)(wide)
    with pytest.raises(ValueError, match="above"):
        I.interp1d(X, Y, kind, bounds_error=True)(wide[1:])
    for name in ("previous", "next"):
        theirs = of_scipy("interpolate.interp1d")(X, Y, name, fill_value="extrapolate")(wide)
        found = I.interp1d(X, Y, name, fill_value="extrapolate")(wide).data
        np.testing.assert_array_equal(found, theirs)


def test_missing_values():
    y = Y.copy()
    y[2] = np.nan
    for kind in ("linear", "cubic", "nearest"):
        theirs = of_scipy("interpolate.interp1d")(X, y, kind)(AT)
        np.testing.assert_allclose(I.interp1d(X, y, kind)(AT).data, theirs)
    for call in (
        lambda: I.interp1d(X, Y, "wild"), lambda: I.interp1d(X[:4], Y), lambda: I.interp1d(X, 1.0),
        lambda: I.interp1d(X[:2], Y[:2], "cubic"),
        lambda: I.interp1d(X, Y, fill_value="extrapolate", bounds_error=True),
    ):  # fmt: skip
        with pytest.raises(pg.PluggradError):
            call()


# ---------------------------------------------------------------- grids

G = (np.asarray([0.0, 0.6, 1.5, 2.1, 3.0, 3.7]), np.asarray([-1.0, 0.0, 0.4, 1.3, 2.2, 3.0]))
V, V3 = RNG.normal(size=(6, 6)), RNG.normal(size=(6, 6, 2))
POINTS = np.asarray([[0.3, 0.2], [1.7, -0.4], [2.9, 1.9], [0.61, 2.5]])
KINDS = ["linear", "nearest", "slinear", "cubic", "quintic", "pchip"]


def on_grid(make, a, b, v, at, **kwargs):
    return make((a, b), v, **kwargs)(at)


@pytest.mark.parametrize("kind", KINDS)
def test_grids(kind):
    near = {"rtol": 1e-3, "atol": 1e-4} if kind in ("cubic", "quintic") else {}  # SciPy iterates
    every = (2,) if kind == "nearest" else (0, 1, 2, 3)
    judge("interpolate.RegularGridInterpolator", *G, V, POINTS, tracked=every, use=on_grid,
          method=kind, **near)  # fmt: skip
    judge("interpolate.RegularGridInterpolator", *G, V3, POINTS.reshape(2, 2, 2), tracked=every,
          use=on_grid, method=kind, **near)  # fmt: skip
    call = lambda make, v, at: make(G, v, at, kind, False, None)
    judge("interpolate.interpn", V, POINTS * 1.2, tracked=(0,) if kind == "nearest" else (0, 1),
          use=call, **near)  # fmt: skip
    if kind in ("slinear", "cubic", "quintic"):
        slopes = lambda make, v, at: make(G, v, kind)(at, nu=(1, 0))
        judge("interpolate.RegularGridInterpolator", V, POINTS, use=slopes, tracked=(0, 1), **near)
        legacy = lambda make, v, at: make(G, v, f"{kind}_legacy")(at)
        judge("interpolate.RegularGridInterpolator", V, POINTS, tracked=(0, 1), use=legacy)


def test_grids_everywhere():
    judge_scipy(
        "interpolate.RegularGridInterpolator",
        *G,
        V,
        POINTS,
        tracked=(2, 3),
        use=on_grid,
        bounds_error=False,
        fill_value=None,
    )
    judge_scipy("interpolate.RegularGridInterpolator", *G, V, POINTS, tracked=(3, 2), use=on_grid,
                method="pchip", bounds_error=False, fill_value=None, others=("torch",))  # fmt: skip
    cube = RNG.normal(size=(6, 6, 4))
    grid = (*G, np.asarray([0.0, 1.0, 1.5, 3.0]))
    for kind in ("linear", "pchip", "cubic_legacy"):
        call = lambda make, v, at, k=kind: make(grid, v, k)(at)
        at = np.concatenate([POINTS, POINTS[:, :1] * 0.9], axis=1)
        judge("interpolate.RegularGridInterpolator", cube, at, tracked=(0, 1), use=call)


def test_descending_grids_and_outside():
    down = (G[0][::-1], G[1])
    call = lambda make, v, at: make(down, v)(at)
    judge("interpolate.RegularGridInterpolator", V, POINTS, tracked=(0, 1), use=call)
    wide = np.asarray([[-1.0, 0.2], [1.0, 9.0], [1.7, 0.3]])
    for fill in (0.5, None):
        call = lambda make, v, at, f=fill: make(G, v, bounds_error=False, fill_value=f)(at)
        judge("interpolate.RegularGridInterpolator", V, wide, tracked=(0, 1), use=call)
    found = I.RegularGridInterpolator(G, V, bounds_error=False)(wide).data
    assert np.isnan(found[:2]).all() and np.isfinite(found[2])
    single = lambda make, v, at: make((np.asarray([1.0, 2.0, 4.0]),), v)(at)
    judge("interpolate.RegularGridInterpolator", V[0, :3], np.asarray([1.2, 3.0]), tracked=(0, 1),
          use=single)  # fmt: skip
    pair = lambda make, v, a, b: make(G, v)((a, b))
    judge("interpolate.RegularGridInterpolator", V, POINTS[:, 0], POINTS[:1, 1], tracked=(0, 1, 2),
          use=pair)  # fmt: skip
    plane = lambda make, v, at: make(G, v, at, "splinef2d")
    judge("interpolate.interpn", V, POINTS, tracked=(0, 1), use=plane)
    for call in (
        lambda: I.RegularGridInterpolator(G, V)(wide), lambda: I.RegularGridInterpolator(G, V, "no"),
        lambda: I.RegularGridInterpolator(G, V[:5]), lambda: I.RegularGridInterpolator(G, V, solver=1),
        lambda: I.RegularGridInterpolator((X[MIXED], X), V), lambda: I.interpn(G, V, X),
        lambda: I.RegularGridInterpolator(G, V)(POINTS, nu=(1, 0)),
    ):  # fmt: skip
        with pytest.raises(pg.PluggradError):
            call()


# ---------------------------------------------------------------- products of splines


@pytest.mark.parametrize("degrees", [(3, 3), (1, 2), (5, 4)])
def test_rectangles(degrees):
    kx, ky = degrees
    call = lambda make, z, x, y: make(*G, z, kx=kx, ky=ky)(x, y)
    x, y = np.asarray([0.3, 1.2, 3.1]), np.asarray([-0.7, 1.1])
    judge("interpolate.RectBivariateSpline", V, x, y, tracked=(0, 1, 2), use=call)
    for dx, dy in ((0, 0), (1, 0), (1, 1)) if kx > 1 else ((0, 0),):
        at = lambda make, a, b, z, x, y, dx=dx, dy=dy: make(a, b, z, kx=kx, ky=ky).ev(x, y, dx, dy)
        judge("interpolate.RectBivariateSpline", *G, V, x[:2], y, tracked=(0, 1, 2, 3, 4), use=at)
    ends = [np.asarray(v) for v in (0.2, 3.0, -0.5, 2.7)]
    whole = lambda make, z, *ends: make(*G, z, kx=kx, ky=ky).integral(*ends)
    judge("interpolate.RectBivariateSpline", V, *ends, tracked=(0, 1, 2, 3, 4), use=whole)
    beyond = lambda make, z: make(*G, z, kx=kx, ky=ky)(np.asarray([-1.0, 9.0]), y)
    judge("interpolate.RectBivariateSpline", V, use=beyond)
    boxed = lambda make, z: make(*G, z, [-0.5, None, None, 3.5], kx, ky)(x, y)
    judge("interpolate.RectBivariateSpline", V, use=boxed)


def test_products_of_splines():
    t = (np.linspace(0.0, 4.0, 9), np.linspace(-2.0, 4.0, 8))
    c = RNG.normal(size=(5, 5, 2))
    call = lambda make, a, b, c, at: make((a, b), c, (3, 2))(at)
    inside = np.asarray([[1.7, 0.2], [2.2, 1.3]])
    judge("interpolate.NdBSpline", *t, c, inside, tracked=(0, 1, 2, 3), use=call)
    slopes = lambda make, a, b, c, at: make((a, b), c, (3, 2))(at, nu=(1, 2))
    judge("interpolate.NdBSpline", *t, c, inside, tracked=(2, 3), use=slopes)
    with pytest.raises(pg.PluggradError, match="s is 0"):
        I.RectBivariateSpline(*G, pg.Variable(V, requires_grad=True), s=1.0)
