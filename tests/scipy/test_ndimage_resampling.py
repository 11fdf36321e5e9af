"""Images shifted, zoomed, rotated and mapped by a matrix."""

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
MODES = [
    "reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap",
]  # fmt: skip
LIGHT = {"second": False, "maps": False, "others": ()}
M = np.asarray([[0.9, 0.17], [-0.21, 1.1]])
OFFSET = np.asarray([0.31, -0.43])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", range(6))
def test_all_modes(mode, order):
    options = {"order": order, "mode": mode, "cval": 1.5}
    judge_scipy("ndimage.shift", X, (0.3, -1.2), **options, **LIGHT)
    judge_scipy("ndimage.zoom", X, (1.5, 0.7), **options, **LIGHT)
    judge_scipy("ndimage.affine_transform", X, M, OFFSET, tracked=(0, 1, 2), **options, **LIGHT)
    judge_scipy("ndimage.rotate", X, 33.0, **options, **LIGHT)
    for angle in (90, 180, -90):
        judge_scipy("ndimage.rotate", X, angle, **options, **LIGHT)


def test_shift():
    judge_scipy("ndimage.shift", X, 0.3)
    judge_scipy("ndimage.shift", Z, 0.3, cval=1j, **LIGHT)
    judge_scipy("ndimage.shift", X, np.asarray([0.3, -1.2]), tracked=(0, 1), mode="mirror")
    judge_scipy("ndimage.shift", X, [1, -2], order=0, prefilter=False, **LIGHT)


def test_zoom():
    judge_scipy("ndimage.zoom", X, 2)
    for n, z, grid in itertools.product((1, 2, 7), (0.5, 1, 1.7, 3), (False, True)):
        x = RNG.normal(size=(n, 3))
        judge_scipy("ndimage.zoom", x, (z, 1.0), order=1, mode="nearest", grid_mode=grid, **LIGHT)
        judge_scipy("ndimage.zoom", x, (z, 2.0), mode="grid-wrap", grid_mode=grid, **LIGHT)
    with pytest.warns(UserWarning, match="recommended"):
        pg.scipy.ndimage.zoom(X, 2, grid_mode=True)


def test_affine_transform():
    judge_scipy("ndimage.affine_transform", X, M, OFFSET, tracked=(0, 1, 2))
    homogeneous = np.vstack([np.column_stack([M, OFFSET]), [0, 0, 1]])
    judge_scipy("ndimage.affine_transform", X, homogeneous, **LIGHT)
    judge_scipy("ndimage.affine_transform", X, homogeneous[:2], tracked=(0, 1), **LIGHT)
    judge_scipy("ndimage.affine_transform", X, np.asarray([0.9, 1.2]), OFFSET, (3, 6),
                tracked=(0, 1, 2), mode="mirror", **LIGHT)  # fmt: skip
    judge_scipy("ndimage.affine_transform", X, M[:, :1], 0.5, (7,), tracked=(0, 1), **LIGHT)
    judge_scipy("ndimage.affine_transform", X, np.eye(2), output_shape=(6, 6), cval=2.0, **LIGHT)
    y = pg.scipy.ndimage.shift(X, 1, cval=np.nan).data
    np.testing.assert_array_equal(y, of_scipy("ndimage.shift")(X, 1, cval=np.nan))


def test_rotate():
    judge_scipy("ndimage.rotate", X, 20.0)
    judge_scipy("ndimage.rotate", X, 20.0, reshape=False, mode="mirror", prefilter=False, **LIGHT)
    cube = RNG.normal(size=(2, 3, 4))
    for axes in ((1, 0), (0, 2), (-1, -2)):
        judge_scipy("ndimage.rotate", cube, 40.0, axes, **LIGHT)
    judge_scipy("ndimage.rotate", Z, 20.0, **LIGHT)
    own, theirs = pg.scipy.ndimage.rotate, of_scipy("ndimage.rotate")
    for angle in (25.0, 90.0, 200.0):
        f = lambda a: pg.sum(own(X, a, reshape=False, mode="mirror") ** 2)
        slope = pg.grad(f)(np.asarray(angle))
        a, b = [
            np.sum(theirs(X, angle + h, reshape=False, mode="mirror") ** 2) for h in (1e-5, -1e-5)
        ]
        np.testing.assert_allclose(slope, (a - b) / 2e-5, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n, v: n.shift(v, (1.0, 2.0, 3.0)), "3 elements for 2 axes"),
        (lambda n, v: n.shift(v, "far"), "shift holds numbers"),
        (lambda n, v: n.shift(v[0, 0], 1.0), "no axis"),
        (lambda n, v: n.zoom(v, v[0, 0]), "sets the shape"),
        (lambda n, v: n.zoom(v, -1.0), "negative"),
        (lambda n, v: n.affine_transform(v, np.eye(3) + 1), "last row"),
        (lambda n, v: n.affine_transform(v, np.eye(4)), "matrix of shape"),
        (lambda n, v: n.affine_transform(v, np.ones((2, 2, 2))), "one or two axes"),
        (lambda n, v: n.affine_transform(v, np.ones(2), output_shape=(3,)), "diagonal"),
        (lambda n, v: n.affine_transform(v, M, order=7), "order"),
        (lambda n, v: n.rotate(v[0], 10.0), "two axes"),
        (lambda n, v: n.rotate(v, 10.0, (0, 2)), "not two axes"),
        (lambda n, v: n.rotate(v, 10.0, (1, 1)), "the same"),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.scipy.ndimage, pg.Variable(X, requires_grad=True))
