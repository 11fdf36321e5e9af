"""Filters that choose an element: values as SciPy's, derivatives to the element chosen."""

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
CROSS = np.asarray([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
MODES = [
    "reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap",
]  # fmt: skip
LIGHT = {"second": False, "maps": False, "others": ()}
CALLS = [
    ("minimum_filter", ()), ("maximum_filter", ()), ("median_filter", ()), ("rank_filter", (2,)),
    ("rank_filter", (-1,)), ("percentile_filter", (40,)), ("percentile_filter", (100,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_windows(name, args):
    judge_scipy(f"ndimage.{name}", X, *args, size=3)
    judge_scipy(f"ndimage.{name}", X[0], *args, size=3, **LIGHT)
    for mode in MODES:
        options = {"mode": mode, "cval": 0.25, **LIGHT}
        judge_scipy(f"ndimage.{name}", X, *args, size=(2, 4), origin=(0, -1), **options)
        judge_scipy(f"ndimage.{name}", X, *args, footprint=CROSS, **options)
        judge_scipy(f"ndimage.{name}", X, *args, size=3, axes=(1,), origin=1, **options)


@pytest.mark.parametrize("name", ["minimum_filter1d", "maximum_filter1d"])
def test_lines(name):
    judge_scipy(f"ndimage.{name}", X, 3)
    for mode, (n, origin) in itertools.product(MODES, ((1, 0), (4, 1), (9, -2))):
        judge_scipy(f"ndimage.{name}", X, n, 0, None, mode, 0.25, origin, **LIGHT)
    judge_scipy(f"ndimage.{name[:-2]}", X, 3, mode=("wrap", "constant"), cval=0.5, **LIGHT)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("maximum_filter", [0.0, 1.0, 2.0, 0.0]), ("median_filter", [0.0, 1.0, 1.0, 0.5])],
)
def test_equal_elements_share(name, expected):
    """Evenly, also with the value outside, which is 0 here and takes the other half."""
    f, x = getattr(pg.scipy.ndimage, name), np.asarray([1.0, 2.0, 2.0, 0.0])
    g = pg.grad(lambda x: pg.sum(f(x, 3, mode="constant")[1:4]))(x)
    np.testing.assert_array_equal(g, expected)


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_dtypes(name, args):
    own, theirs = getattr(pg.scipy.ndimage, name), of_scipy(f"ndimage.{name}")
    for dtype, output in itertools.product(("float32", "int64", "uint8"), (None, np.float32)):
        x = (np.abs(X) * 100).astype(dtype)
        y, expected = own(x, *args, size=3, output=output), theirs(x, *args, size=3, output=output)
        assert y.dtype == expected.dtype
        np.testing.assert_array_equal(y.data, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n, v: n.median_filter(v), "size or footprint"),
        (lambda n, v: n.median_filter(v, 3, mode="edge"), "mode is one of"),
        (lambda n, v: n.median_filter(v, 3, mode=["wrap", "wrap"]), "one mode"),
        (lambda n, v: n.median_filter(v, footprint=np.zeros((3, 3))), "empty"),
        (lambda n, v: n.median_filter(v, footprint=np.ones(3)), "1 axes for 2"),
        (lambda n, v: n.median_filter(v + 0j, 3), "no order"),
        (lambda n, v: n.median_filter(v, 3, origin=2), "origin"),
        (lambda n, v: n.median_filter(v, 3, cval=1j), "cval"),
        (lambda n, v: n.rank_filter(v, 9, 3), "no rank"),
        (lambda n, v: n.rank_filter(v, 1.5, 3), "rank"),
        (lambda n, v: n.percentile_filter(v, 101, 3), "percentile"),
        (lambda n, v: n.minimum_filter1d(v, 0), "size"),
        (lambda n, v: n.maximum_filter1d(v, 3, axis=3), "no axis 3"),
        (lambda n, v: n.maximum_filter(v, (3, 3, 3)), "3 elements for 2"),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.scipy.ndimage, pg.Variable(X, requires_grad=True))
