"""Filters of images: correlations, Gaussians, means, edges."""

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
W1, W2 = RNG.normal(size=3), RNG.normal(size=(2, 3))
MODES = [
    "reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap",
]  # fmt: skip
LIGHT = {"second": False, "maps": False, "others": ()}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["correlate1d", "convolve1d"])
def test_lines(name, mode):
    judge_scipy(f"ndimage.{name}", X, W1, mode=mode, tracked=(0, 1), others=())
    for n, origin, axis, length in itertools.product((1, 4, 11), (-1, 0, 1), (0, -1), (1, 6)):
        if (
            -(n // 2)
            <= (origin if name == "correlate1d" else -origin - (n % 2 == 0))
            < (n + 1) // 2
        ):
            judge_scipy(f"ndimage.{name}", X[:, :length], RNG.normal(size=n), axis, None, mode, 1.5,
                        origin, tracked=(0, 1), **LIGHT)  # fmt: skip


@pytest.mark.parametrize("name", ["correlate1d", "convolve1d", "correlate", "convolve"])
def test_correlations_on_all_libraries(name):
    w = W1 if name.endswith("1d") else W2
    judge_scipy(f"ndimage.{name}", X, w, tracked=(0, 1))
    for x, weights in ((Z, w), (X, w + 1j), (Z, w * 1j + 0.5)):
        judge_scipy(f"ndimage.{name}", x, weights, tracked=(0, 1), others=("jax",))
    judge_scipy(f"ndimage.{name}", Z, w * 1j, mode="constant", cval=2.0 + 1j, **LIGHT)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["correlate", "convolve"])
def test_images(name, mode):
    judge_scipy(f"ndimage.{name}", X, W2, mode=mode, cval=0.5, tracked=(0, 1), others=())
    judge_scipy(f"ndimage.{name}", X, np.ones((3, 9)), mode=mode, origin=(1, -2), tracked=(0, 1),
                **LIGHT)  # fmt: skip
    judge_scipy(f"ndimage.{name}", X, W1, axes=0, mode=mode, origin=1, tracked=(0, 1), **LIGHT)
    judge_scipy(f"ndimage.{name}", X, W2, axes=(1, 0), mode=mode, origin=(0, -1), **LIGHT)


def test_gaussian_filters():
    judge_scipy("ndimage.gaussian_filter", X, 1.0)
    judge_scipy("ndimage.gaussian_filter1d", X, 1.0)
    for order, kwargs in itertools.product(
        (0, 1, 2, 3),
        ({"radius": 2}, {"truncate": 2.0, "mode": "nearest"}, {"mode": "constant", "cval": -1.0}),
    ):
        judge_scipy("ndimage.gaussian_filter1d", X, 0.8, 0, order, **kwargs, **LIGHT)
        judge_scipy("ndimage.gaussian_filter", X, (0.8, 1.25), order, **kwargs, **LIGHT)
    more = {"radius": (1, 3), "mode": ["wrap", "mirror"]}
    judge_scipy("ndimage.gaussian_filter", X, (1.0, 2.0), (0, 1), **more, **LIGHT)
    judge_scipy("ndimage.gaussian_filter", X, 1.0, axes=(0,), **LIGHT)
    judge_scipy("ndimage.gaussian_filter", X, (0.0, 1.0), **LIGHT)
    judge_scipy("ndimage.gaussian_filter", X, 0, **LIGHT)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_the_width_of_a_gaussian(order):
    """It is differentiable although SciPy takes numbers only; the radius stays."""
    for name in ("gaussian_filter", "gaussian_filter1d"):
        own = getattr(pg.scipy.ndimage, name)
        s = np.asarray(0.8)
        value, slope = pg.value_and_grad(lambda s, f=own: pg.sum(f(X, s, order=order) ** 2))(s)
        at = [
            np.sum(of_scipy(f"ndimage.{name}")(X, 0.8 + h, order=order) ** 2)
            for h in (0, 1e-6, -1e-6)
        ]
        np.testing.assert_allclose(value, at[0])
        np.testing.assert_allclose(slope, (at[1] - at[2]) / 2e-6, rtol=1e-6)


def test_means():
    judge_scipy("ndimage.uniform_filter", X)
    judge_scipy("ndimage.uniform_filter1d", X, 3)
    judge_scipy("ndimage.uniform_filter1d", Z, 3, others=())
    for mode, (size, origin) in itertools.product(MODES, ((1, 0), (4, 1), (4, -2), (5, 0), (5, 2))):
        kwargs = {"mode": mode, "origin": origin, "cval": 3.0}
        judge_scipy("ndimage.uniform_filter1d", X, size, 0, **kwargs, **LIGHT)
    judge_scipy("ndimage.uniform_filter", X, (2, 3), mode=("wrap", "constant"), cval=1.0,
                origin=(-1, 1), **LIGHT)  # fmt: skip
    judge_scipy("ndimage.uniform_filter", X, 4, axes=1, **LIGHT)


@pytest.mark.parametrize("name", ["sobel", "prewitt"])
def test_differences(name):
    judge_scipy(f"ndimage.{name}", X)
    judge_scipy(f"ndimage.{name}", X, 0, mode=("constant", "wrap"), cval=2.0, **LIGHT)
    judge_scipy(f"ndimage.{name}", RNG.normal(size=(2, 3, 2)), 1, mode="mirror", **LIGHT)


def test_laplacians_and_magnitudes():
    judge_scipy("ndimage.laplace", X)
    judge_scipy("ndimage.laplace", X, axes=(1,), mode="constant", cval=1.0, **LIGHT)
    judge_scipy("ndimage.gaussian_laplace", X, 1.0)
    judge_scipy("ndimage.gaussian_laplace", X, (1.0, 0.5), mode=["wrap", "nearest"], **LIGHT)
    judge_scipy("ndimage.gaussian_laplace", X, 1.0, axes=(0,), truncate=2.0, **LIGHT)
    judge_scipy("ndimage.gaussian_gradient_magnitude", X, 1.0)
    judge_scipy(
        "ndimage.gaussian_gradient_magnitude", X, (1.0, 0.5), axes=(1,), mode="wrap", **LIGHT
    )
    for name in ("generic_laplace", "generic_gradient_magnitude"):
        own, theirs = getattr(pg.scipy.ndimage, name), of_scipy(f"ndimage.{name}")
        y = own(X, pg.scipy.ndimage.sobel, mode="wrap", axes=(1, 0))
        np.testing.assert_allclose(
            y.data, theirs(X, of_scipy("ndimage.sobel"), mode="wrap", axes=(1, 0))
        )
    flat = pg.grad(lambda x: pg.sum(pg.scipy.ndimage.gaussian_gradient_magnitude(x, 1.0)))
    np.testing.assert_array_equal(flat(np.ones((3, 4))), 0)


CALLS = [
    ("correlate1d", (W1,)), ("correlate", (W2,)), ("gaussian_filter", (1.0,)),
    ("gaussian_filter1d", (1.0,)), ("uniform_filter", ()), ("uniform_filter1d", (3,)),
    ("sobel", ()), ("prewitt", ()), ("laplace", ()), ("gaussian_laplace", (1.0,)),
    ("gaussian_gradient_magnitude", (1.0,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_dtypes(name, args):
    """Each pass is stored in the dtype of the result, cut off to whole numbers."""
    own, theirs = getattr(pg.scipy.ndimage, name), of_scipy(f"ndimage.{name}")
    for dtype, output in itertools.product(
        ("float32", "float64", "int64", "int16", "uint8"), (None, "float64", np.float32, "int32")
    ):
        x = (np.abs(X) * 40).astype(dtype)
        if output == "int32" and "gradient" in name:
            x = x // 8  # squares of int32 do not overflow
        expected, y = theirs(x, *args, output=output), own(x, *args, output=output)
        assert y.dtype == expected.dtype, (dtype, output)
        np.testing.assert_allclose(y.data, expected, rtol=1e-6, err_msg=f"{dtype} {output}")
    np.testing.assert_array_equal(own(X.tolist(), *args).data, own(X, *args).data)
    assert own(np.zeros((0, 3)), *args).shape == (0, 3)


def test_a_value_outside_that_is_no_number():
    for name, w in (("correlate1d", W1), ("correlate", W2)):
        own, theirs = getattr(pg.scipy.ndimage, name), of_scipy(f"ndimage.{name}")
        for cval in (np.nan, np.inf):
            np.testing.assert_allclose(
                own(X, np.abs(w), mode="constant", cval=cval).data,
                theirs(X, np.abs(w), mode="constant", cval=cval),
            )
    slope = pg.grad(lambda c: pg.sum(pg.scipy.ndimage.uniform_filter(X, mode="constant", cval=c)))
    np.testing.assert_allclose(slope(np.asarray(2.0)), 20 - of_scipy("ndimage.uniform_filter")(
        np.ones(X.shape), mode="constant").sum())  # fmt: skip


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n, v: n.correlate1d(v, W1, mode="edge"), "mode is one of"),
        (lambda n, v: n.correlate1d(v, W1, axis=2), "no axis 2"),
        (lambda n, v: n.correlate1d(v, []), "vector"),
        (lambda n, v: n.correlate1d(v, W2), "vector"),
        (lambda n, v: n.correlate1d(v, W1, origin=2), "origin"),
        (lambda n, v: n.correlate1d(v, W1, output=np.zeros((4, 5))), "output is a dtype"),
        (lambda n, v: n.correlate1d(v, W1, output="no"), "output is a dtype"),
        (lambda n, v: n.correlate1d(v, W1 * 1j, output=float), "does not hold complex"),
        (lambda n, v: n.correlate1d(v, W1, mode="constant", cval=1j), "cval"),
        (lambda n, v: n.correlate(v, W1), "weights of shape"),
        (lambda n, v: n.correlate(v, W2, mode=("wrap", "wrap")), "one mode"),
        (lambda n, v: n.correlate(v, W2, axes=(0, 0)), "twice"),
        (lambda n, v: n.gaussian_filter(v, (1.0, 2.0, 3.0)), "3 elements for 2 axes"),
        (lambda n, v: n.gaussian_filter(v, 1.0, order=-1), "order"),
        (lambda n, v: n.gaussian_filter1d(v, 1.0, radius=-1), "radius"),
        (lambda n, v: n.gaussian_filter1d(v, 1.0, radius=1.5), "radius"),
        (lambda n, v: n.gaussian_filter1d(v, 0.0), "sigma"),
        (lambda n, v: n.gaussian_filter1d(v, "wide"), "sigma"),
        (lambda n, v: n.uniform_filter1d(v, 0), "size"),
        (lambda n, v: n.uniform_filter1d(v, 3, origin=2), "origin"),
        (lambda n, v: n.generic_laplace(v, 3), "function"),
        (lambda n, v: n.generic_filter(v, np.mean, 3), "no derivative"),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.scipy.ndimage, pg.Variable(X, requires_grad=True))
