"""Statistics of labelled parts, of `pluggrad.scipy.ndimage`."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
N = pg.scipy.ndimage
X = RNG.normal(size=(4, 5))
LABELS = np.asarray([[0, 0, 1, 1, 2], [0, 1, 1, 2, 2], [3, 3, 0, 2, 2], [7, 7, 7, 7, 3]])
NAMES = ["sum_labels", "sum", "mean", "variance", "standard_deviation", "minimum", "maximum",
         "median"]  # fmt: skip
INDICES = [None, 2, np.asarray([1, 2, 7]), [3, 3, 0], np.asarray([[1, 2], [7, 0]])]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_parts(name, index):
    use = lambda f, x: f(x, LABELS, index)
    judge_scipy(f"ndimage.{name}", X, use=use, others=())
    wide = LABELS[:, :1]
    judge_scipy(f"ndimage.{name}", X, use=lambda f, x: f(x, wide, 7), others=(), maps=False)


@pytest.mark.parametrize("name", NAMES)
def test_wholes_and_libraries(name):
    judge_scipy(f"ndimage.{name}", X, others=("torch",))
    use = lambda f, x: f(x, LABELS, [1, 7])
    judge_scipy(f"ndimage.{name}", X, use=use, others=("torch",), second=False, maps=False)
    large = LABELS * 1000 - 500  # labels that are no positions
    judge_scipy(f"ndimage.{name}", X, use=lambda f, x: f(x, large, [500, 6500]), others=())


def test_labels_that_mark_nothing():
    for name in NAMES[:-1]:
        with np.errstate(all="ignore"):
            expected = of_scipy(f"ndimage.{name}")(X, LABELS, [1, 5, 9])
            np.testing.assert_allclose(getattr(N, name)(X, LABELS, [1, 5, 9]).data, expected)
    with pytest.raises(pg.PluggradError, match="no element"):
        N.median(X, LABELS, [1, 5])


def test_ties_and_equal_elements():
    x, labels = np.asarray([1.0, 1.0, 3.0, 3.0, 3.0]), np.asarray([1, 1, 2, 2, 2])
    g = pg.grad(lambda x: pg.sum(N.minimum(x, labels, [1, 2])))(x)
    np.testing.assert_allclose(g, [1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3])
    g = pg.grad(lambda x: pg.sum(N.standard_deviation(x, labels, [1, 2])))(x)
    np.testing.assert_array_equal(g, np.zeros(5))


def test_extrema_and_centres():
    weight = np.abs(X) + 0.1
    for index in (None, 2, [1, 2, 7]):
        judge_scipy("ndimage.center_of_mass", weight, LABELS, index, others=("torch",))
        use = lambda f, x, i=index: list(f(x, LABELS, i)[:2])
        judge_scipy("ndimage.extrema", X, use=use, others=(), maps=False)
        expected = of_scipy("ndimage.extrema")(X, LABELS, index)[2:]
        assert N.extrema(X, LABELS, index)[2:] == expected
    judge_scipy("ndimage.center_of_mass", weight, others=())
    with pytest.raises(pg.PluggradError, match="labels"):
        pg.vmap(lambda l: N.mean(X, l, 1))(np.stack([LABELS, LABELS]))
