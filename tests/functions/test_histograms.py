"""Histograms: every argument, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.backends import backend_fixture
from tests.support.calls import check_call, check_on

RNG = np.random.default_rng(5)
ROW, INTEGERS, PLACES = RNG.normal(size=30), RNG.integers(0, 20, size=30), np.array([0, 1, 1, 4, 2])
POINTS, WEIGHTS = RNG.normal(size=(20, 2)), RNG.random(20)
ESTIMATORS = ["auto", "fd", "sturges", "doane", "scott", "rice", "sqrt", "stone"]
BINS: list[Any] = [10, 1, np.int64(3), [-1, 0, 0.5, 2], [-1, 0, 0, 2], np.array([0, 1, 2, 2]), [3]]
SAMPLES = {
    "row": ROW, "integers": INTEGERS, "matrix": ROW.reshape(5, 6), "ties": np.round(ROW),
    "narrow": ROW.astype("f4"), "equal": np.ones(3), "empty": np.zeros(0), "0-d": np.asarray(2.0),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("x", SAMPLES.values(), ids=SAMPLES)
def test_histogram(x: Any) -> None:
    for bins in BINS:
        for ends in (None, (-1, 1), (1, 1)):
            check_call("histogram", x, bins, ends, by=())
            check_call("histogram_bin_edges", x, bins, ends, by=())
            check_call("histogram", x, bins, ends, True, by=())
            weights = RNG.random(x.shape)
            smooth = np.isfinite(np.histogram(x, bins, ends, True, weights)[0]).all()
            check_call("histogram", x, bins, ends, None, weights, by=(4,) if x.size < 9 else ())
            check_call("histogram", x, bins, ends, True, weights, by=(4,) if smooth else ())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bins", ESTIMATORS)
def test_bins_that_are_chosen(bins: str) -> None:
    for x in SAMPLES.values():
        for ends in (None, (-1, 1), (0, 20)):
            check_call("histogram", x, bins, ends, by=())
            check_call("histogram_bin_edges", x, bins, ends, by=())


def test_histogram_by_its_arguments() -> None:
    """The edges depend on the elements at the ends, and so does a density."""
    for density in (None, True):
        check_call("histogram", ROW, 4, density=density)
    check_call("histogram", ROW, np.array([-1, 0, 0.5, 2]), density=True, by=(1,))
    check_call("histogram", ROW, weights=INTEGERS, by=())
    check_call("histogram", ROW, weights=ROW + 1j, by=())
    check_call("histogram", np.r_[ROW[:5], np.nan], [-1, 0, 2], by=())


def test_bincount() -> None:
    check_call("bincount", PLACES, by=())
    check_call("bincount", PLACES, minlength=8, by=())
    check_call("bincount", PLACES, ROW[:5], by=(1,))
    check_call("bincount", PLACES, weights=ROW[:5], minlength=7, by=("weights",))
    for x in ([], np.array([], int), np.array([True, False]), [1, 2, 2]):
        check_call("bincount", x, minlength=3, by=())
    check_call("bincount", PLACES.astype("u1"), weights=np.ones(5, "f4"), by=())


@pytest.mark.parametrize(
    "bins", [4, (3, 5), [[-1, 0, 1], [-2, 0, 0.5, 2]], (3, [0, 1, 2]), [np.array([-1.0, 0, 1]), 3]]
)
def test_points(bins: Any) -> None:
    x, y = POINTS.T.copy()
    for ends in (None, [(-1, 1), (-2, 2)], [None, (-2, 2)]):
        for density in (None, True):
            check_call("histogramdd", POINTS, bins, ends, density, WEIGHTS, by=(4,))
            check_call("histogram2d", x, y, bins, ends, density, WEIGHTS, by=(5,))
            check_call("histogramdd", [x, y], bins, ends, density, by=())
    check_call("histogram2d", x, y, bins, by=(0, 1))


def test_other_bins_of_points() -> None:
    x, y = POINTS.T.copy()
    for bins in ([-1, 0, 1], np.array([-1, 0, 1.0]), np.array([3, 4])):
        check_call("histogram2d", x, y, bins, by=())
    check_call("histogram2d", x, y, np.array([-1, 0, 1.0]), density=True, by=(2,))
    for points in (RNG.normal(size=(20, 3)), x, np.round(POINTS)):
        check_call("histogramdd", points, 3, by=())


backend = backend_fixture("torch", "jax", "strict", "dask")


@pytest.mark.parametrize(("name", "args", "kwargs"), [
    ("bincount", (PLACES,), {}), ("bincount", (PLACES, ROW[:5]), {"minlength": 8}),
    ("histogram", (ROW, 4), {}), ("histogram", (ROW, "auto"), {}), ("histogram_bin_edges", (ROW,), {}),
    ("histogram", (ROW,), {"bins": [-1.0, 0.0, 0.5, 2.0], "weights": ROW, "density": True}),
    ("histogram", (ROW, 3), {"weights": ROW, "range": (-1, 1)}),
    ("histogram2d", (POINTS[:, 0], POINTS[:, 1], 3), {"weights": WEIGHTS}), ("histogramdd", (POINTS, 2), {}),
])  # fmt: skip
def test_on_backends(backend: str, name: str, args: Any, kwargs: Any) -> None:
    check_on(backend, name, *args, **kwargs)


@pytest.mark.parametrize("call", [
    lambda: pg.bincount(ROW), lambda: pg.bincount([-1, 2]), lambda: pg.bincount(PLACES, minlength=-1),
    lambda: pg.bincount(PLACES, minlength=1.5), lambda: pg.bincount([[1, 2]]), lambda: pg.bincount(3),
    lambda: pg.bincount(PLACES, [1, 2]), lambda: pg.bincount([1], [1j]), lambda: pg.bincount(PLACES, "a"),
    lambda: pg.histogram(ROW, 0), lambda: pg.histogram(ROW, 1.5), lambda: pg.histogram(ROW, "many"),
    lambda: pg.histogram(ROW, [2, 1]), lambda: pg.histogram(ROW, [[1, 2]]), lambda: pg.histogram(ROW, None),
    lambda: pg.histogram(ROW, range=(1, 0)), lambda: pg.histogram(ROW, range=(0, np.inf)),
    lambda: pg.histogram(ROW, range=3), lambda: pg.histogram(ROW, range="ab"), lambda: pg.histogram(ROW, []),
    lambda: pg.histogram(ROW, weights=ROW[:3]), lambda: pg.histogram(ROW, "fd", weights=ROW),
    lambda: pg.histogram([1.0, np.nan]), lambda: pg.histogram(ROW * 1j), lambda: pg.histogram("a"),
    lambda: pg.histogram([1.0, np.nextafter(1.0, 2.0)], 10), lambda: pg.histogramdd(POINTS, [3, 3, 3]),
    lambda: pg.histogramdd(POINTS, "fd"), lambda: pg.histogramdd(POINTS, range=[(0, 1)]),
    lambda: pg.histogramdd(POINTS, weights=WEIGHTS[:3]), lambda: pg.histogramdd(POINTS[None]),
    lambda: pg.histogram2d(WEIGHTS, WEIGHTS[:3]), lambda: pg.histogram2d(POINTS, POINTS),
    lambda: pg.histogram2d(WEIGHTS, WEIGHTS, weights=WEIGHTS * 1j), lambda: pg.histogram2d(WEIGHTS, None),
    lambda: pg.histogramdd([[1.0, 2.0], [1.0]]), lambda: pg.histogramdd(POINTS, ("a", 2)),
])  # fmt: skip
def test_refused(call: Any) -> None:
    with pytest.raises(pg.PluggradError):
        call()
