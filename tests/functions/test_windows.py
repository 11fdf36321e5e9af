"""Windows for signals and the Bessel function i0, compared with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import array, leaf_of, listed, tracked
from tests.support.backends import every_backend
from tests.support.derivatives import check_derivatives

WINDOWS = ("bartlett", "blackman", "hamming", "hanning")


@pytest.mark.parametrize("name", [*WINDOWS, "kaiser"])
@pytest.mark.parametrize("length", [0, 1, 2, 5, 8, 5.5, -1, np.int64(4)])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_as_numpy(name: str, length: Any) -> None:
    args = (2.5,) if name == "kaiser" else ()
    found, expected = getattr(pg, name)(length, *args), getattr(np, name)(length, *args)
    assert (found.shape, found.data.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(listed(found), expected, atol=1e-15)


@every_backend
def test_on_every_backend(backend: str) -> None:
    xp = pg.namespace(backend)
    for name in WINDOWS:
        found = getattr(xp, name)(6)
        assert type(found.data) is type(xp.ones(2).data)
        np.testing.assert_allclose(listed(found), getattr(np, name)(6), atol=1e-6)
    beta = tracked(array(2.5, backend))
    for function in (pg.kaiser, xp.kaiser):
        y = function(6, beta)
        np.testing.assert_allclose(listed(y), np.kaiser(6, 2.5), atol=1e-6)
    pg.sum(y).backward()
    slope = (np.kaiser(6, 2.5 + 1e-6).sum() - np.kaiser(6, 2.5 - 1e-6).sum()) / 2e-6
    np.testing.assert_allclose(listed(beta.grad), slope, rtol=1e-5)


def test_the_shape_of_kaisers_window_is_differentiated() -> None:
    check_derivatives(lambda b: pg.kaiser(7, b), np.asarray(1.7))


@every_backend
def test_i0_on_every_backend(backend: str) -> None:
    x = [-300.0, -2.0, 0.0, 0.5, 8.0, 30.0, 700.0]
    v = leaf_of(x, backend)
    y = pg.i0(v)
    np.testing.assert_allclose(listed(y), np.i0(x), rtol=1e-12)
    pg.sum(y).backward()
    h = 1e-5
    slopes = (np.i0(np.add(x, h)) - np.i0(np.subtract(x, h))) / (2 * h)
    np.testing.assert_allclose(listed(v.grad), slopes, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize(
    "length", ["a", None, 1j, [5], float("nan"), np.ones(2), tracked(np.asarray(5.0))]
)
def test_what_is_no_length_is_refused(name: str, length: Any) -> None:
    with pytest.raises(pg.PluggradError):
        getattr(pg, name)(length)


def test_what_is_no_shape_is_refused() -> None:
    for beta in ("a", None, 1j, np.ones(2)):
        with pytest.raises(pg.PluggradError):
            pg.kaiser(5, beta)
    with pytest.raises(pg.PluggradError):
        pg.kaiser("a", 1.0)
