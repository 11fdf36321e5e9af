"""Functions of `numpy.linalg` that read one triangle: value and gradient are those of NumPy's."""

from __future__ import annotations

import numpy
import pytest

import pluggrad as pg
import pluggrad.numpy as np

WEIGHTS = numpy.arange(9.0).reshape(3, 3)
FUNCTIONS = {
    "eigvalsh": lambda xp, a: xp.sum(xp.linalg.eigvalsh(a) ** 3),
    "eigvalsh, upper": lambda xp, a: xp.sum(xp.linalg.eigvalsh(a, "U") ** 3),
    "eigh": lambda xp, a: xp.sum(xp.abs(xp.linalg.eigh(a, UPLO="U")[1]) * WEIGHTS),
    "cholesky": lambda xp, a: xp.sum(xp.linalg.cholesky(a) * WEIGHTS),
    "cholesky, upper": lambda xp, a: xp.sum(xp.linalg.cholesky(a, upper=True) * WEIGHTS),
    "pinv": lambda xp, a: xp.sum(xp.linalg.pinv(a, hermitian=True) * WEIGHTS),
    "svd": lambda xp, a: xp.sum(xp.linalg.svd(a, compute_uv=False, hermitian=True) ** 3),
    "lists": lambda xp, a: xp.sum(xp.linalg.eigvalsh([[a[0, 0], 0.0], [a[1, 0], a[1, 1]]]) ** 3),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_one_triangle_is_read(f):
    a = numpy.random.default_rng(0).normal(size=(3, 3)) + 4 * numpy.eye(3)
    value, gradient = pg.value_and_grad(lambda a: f(np, a))(a)
    slopes, h = numpy.zeros((3, 3)), 1e-5
    for place in numpy.ndindex(3, 3):
        step = numpy.zeros((3, 3))
        step[place] = h
        slopes[place] = (f(numpy, a + step) - f(numpy, a - step)) / (2 * h)
    numpy.testing.assert_allclose(value, f(numpy, a), rtol=1e-13)
    numpy.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-6)


def test_what_is_not_read_may_be_nan():
    a = numpy.asarray([[2.0, numpy.nan], [0.5, 3.0]])
    gradient = pg.grad(lambda a: np.linalg.eigvalsh(a)[0])(a)
    assert gradient[0, 1] == 0.0 and numpy.isfinite(gradient).all()
