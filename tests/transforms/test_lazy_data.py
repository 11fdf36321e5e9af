"""Functions of NumPy arrays that compute with Dask arrays: NumPy in, NumPy out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

dask = needs("dask")
da = needs("dask.array")

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 2.0
W = np.asarray([0.3, -0.2, 0.1])


class Data:
    """Dask arrays, and a count of how often their blocks are made."""

    def __init__(self) -> None:
        self.made = 0
        self.x = da.from_array(X, chunks=(10, 3)).map_blocks(self.count, dtype=float)
        self.y = da.from_array(Y, chunks=10)

    def count(self, block: Any) -> Any:
        self.made += 1
        return block


@pytest.fixture
def data() -> Any:
    with dask.config.set(scheduler="synchronous"):
        found = Data()
        found.made = 0
        yield found


def loss_of(x: Any, y: Any) -> Any:
    def loss(w: Any) -> Any:
        z = x @ w
        return pg.mean(pg.logaddexp(0.0, z) - y * z) + 0.01 * pg.sum(w**2)

    return loss


@pytest.mark.parametrize(
    "transform",
    [pg.grad, pg.value_and_grad, pg.hessian, pg.jacrev, pg.jacfwd,
     lambda f: lambda w: pg.jvp(f, (w,), (w,)), lambda f: lambda w: pg.hvp(f, (w,), (w,))],
)  # fmt: skip
def test_transforms_give_numpy_arrays_in_one_pass(transform: Any, data: Data) -> None:
    found = transform(loss_of(data.x, data.y))(W)
    assert data.made == 4
    expected = transform(loss_of(X, Y))(W)
    if not isinstance(expected, tuple):
        found, expected = (found,), (expected,)
    for mine, theirs in zip(found, expected, strict=True):
        assert isinstance(mine, (np.ndarray, np.generic)) and mine.dtype == np.float64
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


def test_trees_auxiliary_results_and_functions_of_numpy(data: Data) -> None:
    def f(p: Any, scale: Any) -> Any:
        z = np.dot(data.x, p["w"]) * scale + p["b"]
        return np.mean((z - data.y) ** 2), z

    p = {"w": W, "b": np.float64(0.5)}
    (value, z), g = pg.value_and_grad(f, has_aux=True)(p, 2.0)
    np.testing.assert_allclose(z, 2 * X @ W + 0.5)
    np.testing.assert_allclose(g["w"], 4 * X.T @ (z - Y) / 40)
    assert value == pytest.approx(np.mean((z - Y) ** 2)) and np.shape(g["b"]) == ()


def test_minimizers_of_scipy_work_as_one_types_it(data: Data) -> None:
    optimize = needs("scipy.optimize")
    f = loss_of(data.x, data.y)
    expected = optimize.minimize(pg.value_and_grad(loss_of(X, Y)), np.zeros(3), jac=True)
    found = optimize.minimize(pg.value_and_grad(f), np.zeros(3), jac=True)
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-9)
    found = optimize.minimize(
        pg.value_and_grad(f), np.zeros(3), jac=True, method="Newton-CG",
        hessp=lambda w, p: pg.hvp(f, (w,), (p,)),
    )  # fmt: skip
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-3)


def test_elsewhere_nothing_is_mixed(data: Data) -> None:
    with pytest.raises(pg.MixedBackendsError, match=r"dask.*pluggrad\.lift"):
        pg.Variable(W, requires_grad=True) @ data.x.T
    with pytest.raises(pg.MixedBackendsError):  # inside another transform
        pg.grad(lambda a: a * pg.grad(lambda w: pg.sum(data.x @ w) * a)(W)[0])(np.float64(1.0))
    with pytest.raises(pg.MixedBackendsError):
        pg.grad(lambda w: pg.sum(w * pg.Variable(X[0], requires_grad=True) + data.x[0]))(W)
    assert data.made == 0
