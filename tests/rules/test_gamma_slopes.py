"""The derivative of the incomplete gamma function by its parameter, over NumPy: the series and the
continued fraction beside 40 digits of mpmath, and quadrature beyond them."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

needs("scipy")
mp = needs("mpmath").mp
RNG = np.random.default_rng(0)


def slope(a: float, x: float) -> float:
    """By a central difference in 40 digits, of the shorter tail."""
    with mp.workdps(40):
        low, step = x <= a + 1, mp.mpf(10) ** -12 * a

        def tail(s: float) -> float:
            ends = (0, x) if low else (x, mp.inf)
            return mp.gammainc(s, *ends, regularized=True)

        found = (tail(a + step) - tail(a - step)) / (2 * step)
        return float(found if low else -found)


@pytest.mark.parametrize(
    ("low", "high"), [(1e-3, 0.1), (0.1, 3.0), (3.0, 60.0), (60.0, 200.0), (200.0, 600.0)]
)
def test_slopes_are_those_of_mpmath(low, high):
    a = np.exp(RNG.uniform(np.log(low), np.log(high), 8))
    x = a * np.exp(RNG.normal(size=8) * np.minimum(3.0, 2.0 / np.sqrt(a)))
    got = pg.grad(lambda a: pg.sum(pg.special.gammainc(a, x)))(a)
    expected = [slope(*map(float, pair)) for pair in zip(a, x, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=1e-11 if high > 200 else 1e-12)
    upper = pg.grad(lambda a: pg.sum(pg.special.gammaincc(a, x)))(a)
    np.testing.assert_allclose(upper, -got, rtol=1e-14)


def test_shapes_dtypes_and_ends():
    slope_of = pg.grad(lambda a, x: pg.sum(pg.special.gammainc(a, x)))
    one = slope_of(np.asarray(2.5), np.asarray(1.5))
    assert one.shape == () and one.dtype == np.float64
    a, x = np.asarray([[0.5], [2.5]]), np.asarray([1.5, 40.0, 0.1])
    table = slope_of(a, x)
    np.testing.assert_allclose(table[1, 0], sum(float(slope_of(np.asarray(2.5), z)) for z in x))
    single = slope_of(a.astype(np.float32), x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, table, rtol=1e-5)
    ends = slope_of(np.asarray([2.0, 2.0, 0.7]), np.asarray([0.0, np.inf, 1e-300]))
    assert np.isfinite(ends).all() and ends[0] == ends[1] == 0.0
    assert slope_of(np.zeros((0, 3)), np.ones(3)).shape == (0, 3)


def test_further_derivatives_agree_with_the_first():
    a, x = np.asarray([0.4, 2.0, 9.0]), np.asarray([0.9, 1.5, 11.0])
    first = pg.grad(lambda a: pg.sum(pg.special.gammainc(a, x)))
    second = pg.grad(lambda a: pg.sum(pg.grad(lambda a: pg.sum(pg.special.gammainc(a, x)))(a)))(a)
    h = 1e-5
    np.testing.assert_allclose(second, (first(a + h) - first(a - h)) / (2 * h), rtol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "gammaincinv", "gammainccinv"])
def test_second_derivatives_by_the_parameter_keep_the_dtype(name, dtype):
    a, x = np.asarray([0.5, 2.3], dtype), np.asarray([0.4, 0.7], dtype)
    first = pg.grad(lambda a: pg.sum(getattr(pg.special, name)(a, x)))
    assert pg.grad(lambda a: pg.sum(first(a)))(a).dtype == dtype
