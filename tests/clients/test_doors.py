"""POT and pymanopt, which have a class for each array library: ours is there as soon as they are."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from recipe import cases, check

import pluggrad as pg
from tests.support.optional import needs

RANDOM = np.random.default_rng(4)
COST = RANDOM.random((4, 5))
POINTS = RANDOM.normal(size=(4, 2))
OTHERS = RANDOM.normal(size=(5, 2))
A, B = np.full(4, 0.25), np.full(5, 0.2)
SQUARE = RANDOM.random((4, 4))


def pot() -> Any:
    for library in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW"):  # POT imports them otherwise
        os.environ.setdefault(f"POT_BACKEND_DISABLE_{library}", "1")
    return needs("ot", "scipy")


# fmt: off
POT = [
    ("sinkhorn", lambda x, c: pot().sinkhorn(c(A), c(B), x, 0.5), COST),
    ("sinkhorn by a histogram", lambda x, c: pot().sinkhorn2(x / x.sum(), c(B), c(COST), 0.5), A + COST[:, 0]),
    ("sinkhorn in logarithms", lambda x, c: pot().sinkhorn2(c(A), c(B), x, 0.2, method="sinkhorn_log"), COST),
    ("greenkhorn's plan by the cost", lambda x, c: pot().bregman.sinkhorn_stabilized(c(A), c(B), x, 0.5), COST),
    ("emd2", lambda x, c: pot().emd2(c(A), c(B), x) * 1.0, COST),
    ("emd2 of points", lambda x, c: pot().emd2(c(A), c(B), pot().dist(x, c(OTHERS))) * 1.0, POINTS),
    ("wasserstein_1d", lambda x, c: pot().wasserstein_1d(x, c(OTHERS), p=2), POINTS),
    ("dist euclidean", lambda x, c: pot().dist(x, c(OTHERS), metric="euclidean"), POINTS),
    ("dist cityblock", lambda x, c: pot().dist(x, c(OTHERS), metric="cityblock"), POINTS),
    ("sliced",
     lambda x, c: pot().sliced_wasserstein_distance(x, c(OTHERS), n_projections=7, seed=3) * 1.0, POINTS),
    ("unbalanced", lambda x, c: pot().unbalanced.sinkhorn_unbalanced2(c(A), c(B), x, 0.5, 1.0), COST),
    ("barycenter", lambda x, c: pot().bregman.barycenter(x / x.sum(axis=0), c(SQUARE), 0.5), SQUARE[:, :2] + 0.1),
    ("gromov", lambda x, c: pot().gromov_wasserstein2(x @ x.T, c(SQUARE @ SQUARE.T), c(A), c(A)) * 1.0, SQUARE),
    ("bures", lambda x, c: pot().gaussian.bures_wasserstein_distance(c(A), c(A), x @ x.T, c(np.eye(4))), SQUARE + np.eye(4)),
]
# fmt: on


@cases(POT, "numpy")
def test_pot(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend)


@cases(POT[::3], "torch")
def test_pot_over_torch(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend)


def test_pot_twice() -> None:
    """The Hessian of the entropic cost is that of finite differences."""

    def cost(m: Any) -> Any:
        like = (lambda x: pg.lift(x, like=m)) if isinstance(m, pg.Variable) else np.asarray
        return pot().sinkhorn2(like(A), like(B), m, 0.5, stopThr=1e-14)

    gradient, h = pg.grad(cost), 1e-5
    direction = RANDOM.normal(size=COST.shape)
    slope = (gradient(COST + h * direction) - gradient(COST - h * direction)) / (2 * h)
    product = pg.jvp(gradient, (COST,), (direction,))[1]
    np.testing.assert_allclose(product, slope, rtol=1e-5, atol=1e-8)


def manifolds() -> Any:
    needs("pymanopt", "scipy")
    import pymanopt.manifolds

    return pymanopt.manifolds


def problems() -> dict[str, Any]:
    """Functions on manifolds, by name: the manifold, and the function."""
    n = 5
    m = RANDOM.normal(size=(n, n))
    m = m + m.T
    hermitian = m + 1j * (m @ np.triu(m) - (m @ np.triu(m)).T)
    all_of = manifolds()
    return {
        "sphere": (all_of.Sphere(n), lambda x: -x @ m @ x),
        "stiefel": (all_of.Stiefel(n, 2), lambda x: np.sum((m @ x) * x * np.asarray([1.0, 2.0]))),
        "positive definite": (
            all_of.SymmetricPositiveDefinite(n),
            lambda x: np.sum((x - m @ m) ** 2) - np.linalg.slogdet(x)[1],
        ),
        "several": (
            all_of.Product([all_of.Sphere(n), all_of.Euclidean(n)]),
            lambda x, y: np.sum((x + y) ** 4) + x @ m @ y,
        ),
        "complex": (
            all_of.ComplexGrassmann(n, 2),
            lambda x: -np.real(np.trace(np.conj(x).T @ hermitian @ x)),
        ),
    }


NAMES = ("sphere", "stiefel", "positive definite", "several", "complex")


@pytest.mark.parametrize("name", NAMES)
def test_pymanopt(name: str) -> None:
    """Both gradient and Hessian agree with differences along the manifold, and it converges."""
    manifold, function = problems()[name]
    import pymanopt

    np.random.seed(1)  # noqa: NPY002  (pymanopt draws from it)
    cost = pymanopt.function.pluggrad(manifold)(function)
    problem = pymanopt.Problem(manifold, cost)
    x = manifold.random_point()
    v = manifold.random_tangent_vector(x)
    h = 1e-5

    def moved(t: float) -> Any:
        return manifold.retraction(x, v * t)

    slope = (problem.cost(moved(h)) - problem.cost(moved(-h))) / (2 * h)
    gradient = problem.riemannian_gradient(x)
    np.testing.assert_allclose(manifold.inner_product(x, gradient, v), slope, rtol=1e-6)
    euclidean, hessian = cost.get_gradient_operator(), cost.get_hessian_operator()
    points = x if isinstance(x, (list, tuple)) else [x]
    steps = v if isinstance(v, (list, tuple)) else [v]
    sides = [euclidean(*[p + t * s for p, s in zip(points, steps)]) for t in (h, -h)]
    sides = sides if isinstance(sides[0], (list, tuple)) else [[side] for side in sides]
    products = hessian(*points, *steps)
    products = products if isinstance(products, (list, tuple)) else [products]
    for product, after, before in zip(products, *sides):
        np.testing.assert_allclose(product, (after - before) / (2 * h), rtol=1e-5, atol=1e-6)
    if name == "sphere":
        found = (
            importlib.import_module("pymanopt.optimizers").TrustRegions(verbosity=0).run(problem)
        )
        matrix = np.stack([euclidean(e) for e in np.eye(5)])  # of a quadratic function
        np.testing.assert_allclose(found.cost, np.linalg.eigvalsh(matrix / 2)[0], rtol=1e-8)


def test_libraries_that_are_imported_first_know_variables() -> None:
    """(All other tests here import pluggrad first.)"""
    pot()
    needs("pymanopt")
    code = (
        "import ot, pymanopt, pluggrad\n"
        "classes = ot.backend.get_available_backend_implementations()\n"
        "assert [c.__name__ for c in classes] == ['NumpyBackend', 'PluggradBackend']\n"
        "assert callable(pymanopt.function.pluggrad)"
    )
    subprocess.run([sys.executable, "-W", "error::RuntimeWarning", "-c", code], check=True)
