"""Splines through images: coefficients, values at any place, and images moved."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5))
Z = X + 1j * RNG.normal(size=(4, 5))
C = RNG.uniform(-0.9, 4.3, size=(2, 6))
FAR = RNG.uniform(-14, 17, size=(2, 40))
MODES = [
    "reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap",
]  # fmt: skip
LIGHT = {"second": False, "maps": False, "others": ()}


def test_coefficients():
    judge_scipy("ndimage.spline_filter", X)
    judge_scipy("ndimage.spline_filter1d", X)
    judge_scipy("ndimage.spline_filter1d", Z, 2, 0, np.complex128, others=())
    for order, mode, n in itertools.product((2, 3, 4, 5), MODES, (1, 2, 9)):
        judge_scipy(
            "ndimage.spline_filter1d", RNG.normal(size=(n, 2)), order, 0, mode=mode, **LIGHT
        )
    judge_scipy("ndimage.spline_filter", X, 5, mode="grid-wrap", **LIGHT)
    judge_scipy("ndimage.spline_filter1d", X, 1, **LIGHT)
    judge_scipy("ndimage.spline_filter", Z, **LIGHT)


def test_values_on_all_libraries():
    judge_scipy("ndimage.map_coordinates", X, C, tracked=(0, 1))
    judge_scipy("ndimage.map_coordinates", X, C, order=1, tracked=(0, 1))
    judge_scipy("ndimage.map_coordinates", X, C, order=2, mode="nearest", tracked=(1, 0))
    judge_scipy("ndimage.map_coordinates", Z, C, tracked=(0, 1), others=("jax",))
    judge_scipy("ndimage.map_coordinates", Z, C, None, 2, "grid-constant", 1 + 2j, others=())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", range(6))
def test_values(order, mode):
    second = order > 2 and mode in ("mirror", "grid-constant")
    for prefilter, c in itertools.product((True, False), (C, FAR.reshape(2, 4, 10))):
        judge_scipy("ndimage.map_coordinates", X, c, None, order, mode, 1.5, prefilter,
                    tracked=(0, 1), second=second, maps=False, others=())  # fmt: skip
    shape = (2, 1, 3)
    places = RNG.uniform(-2, 4, size=(3, 5))
    judge_scipy("ndimage.map_coordinates", RNG.normal(size=shape), places, order=order, mode=mode,
                tracked=(0, 1), **LIGHT)  # fmt: skip


def test_places_on_the_grid():
    """Identity maps: the slope of the piece above, and at the last point that below."""
    x = np.asarray([1.0, 3.0, 7.0])
    own = pg.scipy.ndimage.map_coordinates
    for mode in ("constant", "nearest"):
        slope = pg.grad(lambda c, m=mode: pg.sum(own(x, c, order=1, mode=m)))(np.arange(3.0)[None])
        np.testing.assert_array_equal(slope, [[2.0, 4.0, 4.0]])
    at = np.asarray([[np.nan, 1.0]])
    y, pull = pg.vjp(lambda c: own(x, c, cval=np.nan), at)
    np.testing.assert_allclose(y, [np.nan, 3.0])
    np.testing.assert_allclose(pull(np.ones(2))[0][0, 0], 0.0)


def test_dtypes():
    own, theirs = pg.scipy.ndimage.map_coordinates, of_scipy("ndimage.map_coordinates")
    for dtype, output in itertools.product(
        ("float32", "float64", "int64", "int16", "uint8"), (None, "float64", np.float32, "int32")
    ):
        x = (np.abs(X) * 100).astype(dtype)
        y, expected = own(x, C, output), theirs(x, C, output)
        assert y.dtype == expected.dtype
        np.testing.assert_allclose(y.data, expected, rtol=2e-6, err_msg=f"{dtype} {output}")
    np.testing.assert_array_equal(own(X.tolist(), C.tolist()).data, own(X, C).data)
    for name in ("spline_filter", "spline_filter1d"):
        for output in (np.float64, np.float32, "int32"):
            x = np.rint(X * 100).astype("int64")
            y = getattr(pg.scipy.ndimage, name)(x, output=output)
            expected = of_scipy(f"ndimage.{name}")(x, output=output)
            assert y.dtype == expected.dtype
            np.testing.assert_allclose(y.data, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n, v: n.map_coordinates(v, C, order=6), "order"),
        (lambda n, v: n.map_coordinates(v, C, mode="edge"), "mode is one of"),
        (lambda n, v: n.map_coordinates(v, C[:1]), "coordinates of shape"),
        (lambda n, v: n.map_coordinates(v, C[:, 0]), "coordinates of shape"),
        (lambda n, v: n.map_coordinates(v, C + 0j), "coordinates are real"),
        (lambda n, v: n.map_coordinates(v, C, output=np.zeros(6)), "output is a dtype"),
        (lambda n, v: n.map_coordinates(v, C, cval=1j), "cval"),
        (lambda n, v: n.map_coordinates(v, C, cval=v[0, 0]), "cval"),
        (lambda n, v: n.map_coordinates(v[0, 0], C), "no axis"),
        (lambda n, v: n.spline_filter(v, 1), "order"),
        (lambda n, v: n.spline_filter1d(v, mode="edge"), "mode is one of"),
        (lambda n, v: n.spline_filter1d(v, axis=2), "no axis 2"),
        (lambda n, v: n.geometric_transform(v, lambda p: p), "no derivative"),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.scipy.ndimage, pg.Variable(X, requires_grad=True))
