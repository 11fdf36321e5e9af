"""Quantiles and percentiles: every method and every argument, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.functions.quantiles import CONTINUOUS, METHODS
from tests.support.backends import backend_fixture
from tests.support.calls import check_call, check_on
from tests.support.optional import since

RNG = np.random.default_rng(3)
ROW, MATRIX, CUBE = RNG.normal(size=5), RNG.normal(size=(3, 4)), RNG.normal(size=(2, 3, 4))
HOLES = np.where(RNG.random((3, 4)) < 0.3, np.nan, MATRIX)
HOLES[1] = np.nan
WEIGHTS = RNG.integers(0, 4, size=(3, 4)) * 1.0
WEIGHTS[:, 0], WEIGHTS[:, 1] = 0.0, 2.0
#: The functions, and what they call the whole.
FUNCTIONS = [("quantile", 1), ("nanquantile", 1), ("percentile", 100), ("nanpercentile", 100)]
functions = pytest.mark.parametrize(("name", "whole"), FUNCTIONS)


@since("numpy", "2.4")
@functions
@pytest.mark.parametrize("method", METHODS)
def test_methods(name: str, whole: int, method: str) -> None:
    table = np.asarray([[0.0, 0.5, 1.0], [0.25, 0.2, 0.123]])
    shares: list[Any] = [0.3 * whole, [0.1 * whole, 0.75 * whole], table * whole, 0, whole]
    for x in (ROW, MATRIX, HOLES, np.asarray(1.5)):
        for q in (*shares, [0, whole], np.float64(0.5) * whole):
            check_call(name, x, q, method=method, by=() if x is MATRIX else (0,))
    for axis in (-1, (1, 0)):
        check_call(name, HOLES, shares[1], axis, method=method, keepdims=True)
    check_call(name, CUBE, shares[1], (0, 2), method=method, by=())
    ties, infinities = np.array([1.0, 1, 1, 2, 2, 3]), np.array([1.0, np.inf, -np.inf, 2])
    for x in (ties, infinities, np.arange(7), np.arange(6).reshape(2, 3), MATRIX.astype("f4")):
        check_call(name, x, np.linspace(0, 1, 7) * whole, method=method, by=())
        check_call(name, x, 0.3 * whole, method=method, by=())
        check_call(name, x, 1, method=method, by=())


@functions
@pytest.mark.parametrize("method", CONTINUOUS)
def test_the_gradient_by_the_share(name: str, whole: int, method: str) -> None:
    for x in (ROW, MATRIX):
        check_call(name, x, np.asarray([0.13, 0.61]) * whole, method=method, by=(0, 1))
        check_call(name, x, np.asarray(0.37) * whole, 0, method=method, by=(1,))


@since("numpy", "2.4")
@functions
def test_weights(name: str, whole: int) -> None:
    for q in (0.3 * whole, [0.0, 0.1 * whole, 0.75 * whole, 1.0 * whole], 0, whole):
        for x in (MATRIX, HOLES):
            given: list[tuple[Any, Any]] = [(None, WEIGHTS), (0, WEIGHTS + 1), ((1, 0), WEIGHTS.T)]
            if "nan" not in name:  # NumPy's own fail there
                given += [(1, WEIGHTS[0]), (1, [1, 2, 0, 3])]
            for axis, weights in given:
                check_call(name, x, q, axis, method="inverted_cdf", weights=weights, keepdims=True)
    found = pg.nanquantile(MATRIX, 0.3, 1, weights=WEIGHTS[0], method="inverted_cdf")
    expected = np.quantile(MATRIX, 0.3, 1, weights=WEIGHTS[0], method="inverted_cdf")
    np.testing.assert_array_equal(found.data, expected)


@functions
def test_empty(name: str, whole: int) -> None:
    check_call(name, np.zeros((0, 3)), 0.5 * whole, axis=1)
    if "nan" in name:
        check_call(name, np.zeros((0, 3)), 0.5 * whole, axis=0)


backend = backend_fixture("torch", "jax", "strict")


@pytest.mark.parametrize("method", ["linear", "averaged_inverted_cdf", "lower"])
@pytest.mark.parametrize(("name", "whole"), FUNCTIONS[1:3])
def test_on_backends(backend: str, name: str, whole: int, method: str) -> None:
    x = HOLES if "nan" in name else MATRIX
    q: Any = 0.3 * whole if method == "lower" else np.asarray([0.3, 0.4]) * whole
    check_on(backend, name, x, q, 1, method=method)
    if method == "lower":
        check_on(backend, name, x, 0.3 * whole, 1, method="inverted_cdf", weights=WEIGHTS)


def test_the_share_may_differ_within_a_batch() -> None:
    found = pg.vmap(lambda q: pg.quantile(MATRIX, q, axis=1))(np.asarray([0.2, 0.7]))
    np.testing.assert_allclose(found.data, np.quantile(MATRIX, [0.2, 0.7], axis=1))


@pytest.mark.parametrize("call", [
    lambda: pg.quantile(MATRIX, 1.5), lambda: pg.percentile(MATRIX, -1), lambda: pg.quantile(MATRIX, "a"),
    lambda: pg.quantile(MATRIX, None), lambda: pg.quantile(MATRIX, np.nan), lambda: pg.quantile(MATRIX, 1j),
    lambda: pg.quantile(MATRIX, np.full((1, 1, 1), 0.5)), lambda: pg.quantile(MATRIX, 0.5, 2),
    lambda: pg.quantile(MATRIX, 0.5, method="middle"), lambda: pg.quantile(MATRIX * 1j, 0.5),
    lambda: pg.quantile(MATRIX > 0, 0.5), lambda: pg.quantile(MATRIX[:0], 0.5, axis=0),
    lambda: pg.quantile(MATRIX, 0.5, weights=WEIGHTS), lambda: pg.quantile([], 0.5),
    lambda: pg.quantile(MATRIX, 0.5, weights=-WEIGHTS, method="inverted_cdf"),
    lambda: pg.quantile(MATRIX, 0.5, weights=WEIGHTS * 0, method="inverted_cdf"),
    lambda: pg.nanquantile(MATRIX, 0.5, weights=WEIGHTS * np.inf, method="inverted_cdf"),
    lambda: pg.quantile(MATRIX, 0.5, weights=WEIGHTS[0], method="inverted_cdf"),
    lambda: pg.quantile(MATRIX, 0.5, 0, weights=WEIGHTS[0], method="inverted_cdf"),
    lambda: pg.quantile("a", 0.5), lambda: pg.quantile(MATRIX, [0.5, [0.5]]),
])  # fmt: skip
def test_refused(call: Any) -> None:
    with pytest.raises(pg.PluggradError):
        call()
