"""Recipes as users of SciPy write them, that once failed."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import of_scipy

needs("scipy")
X = np.asarray([0.3, 0.4])
#: Special functions with numbers as parameters, and None for the array.
NUMBERS = [
    ("betainc", (1.2, 0.7, None)), ("betainc", (2, 3, None)), ("betaincinv", (1.2, 2, None)),
    ("betaincinv", (None, 2.0, 0.3)), ("stdtr", (3, None)), ("stdtr", (None, 0.4)),
    ("stdtrit", (3.0, None)), ("fdtr", (3.0, 4, None)), ("bdtr", (2, 5, None)), ("nbdtr", (2, 3, None)),
    ("zeta", (2.5, None)), ("ellipkinc", (0.3, None)), ("ellipeinc", (1, None)), ("powm1", (2, None)),
]  # fmt: skip


def _array(library: str):
    if library == "numpy":
        return X.copy()
    if library == "torch":
        return needs("torch").asarray(X.copy())
    needs("jax")
    return pg.namespace("jax").asarray(X).data


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize(("name", "args"), NUMBERS, ids=[f"{n}{a}" for n, a in NUMBERS])
def test_numbers_as_parameters(name: str, args, library: str) -> None:
    """Of every library, against sixth-order differences of SciPy's function."""

    def called(function, x):
        return function(*[x if a is None else a for a in args])

    v = pg.Variable(_array(library), requires_grad=True)
    y = called(getattr(pg.scipy.special, name), v)
    pg.sum(y).backward()
    theirs, h = of_scipy(f"special.{name}"), 1e-3
    slope = sum(
        c * (called(theirs, X + k * h) - called(theirs, X - k * h))
        for k, c in ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))
    ) / h  # fmt: skip
    np.testing.assert_allclose(y.detach().tolist(), called(theirs, X), rtol=1e-10)
    np.testing.assert_allclose(v.grad.tolist(), slope, rtol=1e-7)
