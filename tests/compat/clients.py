"""Fits by lifelines and optimisations by pymanopt, with the autograd that ``import autograd`` finds.

    python tests/compat/clients.py [--few]

runs both with the real autograd and with `pluggrad.compat.autograd`, and compares what they find and
the time that they take.

    python tests/compat/clients.py lifelines|pymanopt [--ours] [--few]

prints what one of them found, and the seconds that it took, as JSON.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
import warnings
from typing import Any

import numpy as np

#: Whether only some of the fits are made.
FEW = "--few" in sys.argv


def lifelines() -> dict[str, Any]:
    """The parameters, their variances and the log-likelihood of lifelines' parametric models."""
    import lifelines
    from lifelines import datasets

    waltons = datasets.load_waltons()
    T, E = waltons["T"], waltons["E"]
    rossi = datasets.load_rossi().iloc[:150]
    found: dict[str, Any] = {}

    def univariate(name: str, *args: Any, **kwargs: Any) -> None:
        model = getattr(lifelines, name)
        few = ("right",) if name != "WeibullFitter" else ("right", "left", "interval")
        for censoring in few if FEW else ("right", "left", "interval"):
            fitter = model(*args, **kwargs)
            try:
                if censoring == "right":
                    fitter.fit(T, E)
                elif censoring == "left":
                    fitter.fit_left_censoring(T, E)
                else:
                    fitter.fit_interval_censoring(T, T + 1.0 + (T % 3))
            except Exception as error:
                found[f"{name} {censoring}"] = type(error).__name__
                continue
            variances = np.diag(np.asarray(fitter.variance_matrix_))
            found[f"{name} {censoring}"] = [
                *map(float, np.asarray(fitter._fitted_parameters_)), *map(float, variances),
                float(fitter.log_likelihood_),
            ]  # fmt: skip

    def regression(name: str, *args: Any, **kwargs: Any) -> None:
        fitter = getattr(lifelines, name)(*args, **kwargs)
        fitter.fit(rossi[["week", "arrest", "age", "prio", "fin"]], "week", "arrest")
        found[name] = [
            *map(float, np.asarray(fitter.params_).ravel()),
            *map(float, np.asarray(fitter.standard_errors_).ravel()),
            float(fitter.log_likelihood_),
        ]  # fmt: skip

    for name in ("WeibullFitter", "ExponentialFitter", "LogNormalFitter", "LogLogisticFitter",
                 "GeneralizedGammaFitter"):  # fmt: skip
        univariate(name)
    univariate("PiecewiseExponentialFitter", [20.0, 50.0])
    univariate("SplineFitter", [10.0, 40.0, 60.0])
    for name in ("WeibullAFTFitter", "LogNormalAFTFitter", "LogLogisticAFTFitter"):
        regression(name)
        if FEW:
            return found
    regression("PiecewiseExponentialRegressionFitter", [20.0])
    regression("CoxPHFitter", baseline_estimation_method="spline", n_baseline_knots=2)
    return found


def pymanopt() -> dict[str, Any]:
    """Costs and gradients along optimisations on several manifolds."""
    import autograd.numpy as anp
    import pymanopt
    from pymanopt import manifolds, optimizers

    rng = np.random.default_rng(0)
    square, tall = rng.normal(size=(6, 6)), rng.normal(size=(8, 5))
    symmetric = square + square.T
    points = rng.normal(size=(20, 3))
    problems = {
        "dominant eigenvector": (manifolds.Sphere(6), lambda x: -x @ symmetric @ x),
        "dominant subspace": (manifolds.Grassmann(6, 2),
                              lambda X: -anp.trace(X.T @ symmetric @ X)),
        "low rank": (manifolds.Euclidean(8, 5), lambda X: anp.sum((X - tall) ** 2)),
        "orthogonal": (manifolds.Stiefel(6, 3),
                       lambda X: anp.sum((X @ anp.diag(anp.arange(3.0)) - square[:, :3]) ** 2)),
        "rotation": (manifolds.SpecialOrthogonalGroup(3),
                     lambda X: anp.linalg.norm(points @ X - points[:, ::-1]) ** 2),
        "definite": (manifolds.SymmetricPositiveDefinite(3),
                     lambda X: anp.trace(X @ (points.T @ points)) - anp.log(anp.linalg.det(X))),
        "several": (manifolds.Product([manifolds.Sphere(6), manifolds.Euclidean(6)]),
                    lambda x, y: anp.sum((square @ x - y) ** 2) + anp.exp(-x @ y)),
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, (manifold, function) in problems.items():
        cost = pymanopt.function.autograd(manifold)(function)
        problem = pymanopt.Problem(manifold, cost)
        np.random.seed(0)  # noqa: NPY002  (pymanopt draws from it)
        start = manifold.random_point()
        tangent = manifold.random_tangent_vector(start)
        numbers = [float(problem.cost(start))]
        for part in (
            problem.riemannian_gradient(start),
            problem.riemannian_hessian(start, tangent),
        ):
            parts = part if isinstance(part, (list, tuple)) else [part]
            numbers += [float(x) for p in parts for x in np.ravel(p)]
        optimizer = optimizers.TrustRegions(verbosity=0, max_iterations=5 if FEW else 15)
        result = optimizer.run(problem, initial_point=start)
        found[name] = [*numbers, float(result.cost)]
    return found


def both(client: str, *options: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a client prints with the real autograd and with ours, in processes of their own."""
    command = [sys.executable, __file__, client, *options]
    answers = []
    for more in ([], ["--ours"]):
        done = subprocess.run(command + more, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        answers.append(json.loads(done.stdout))
    assert answers[0]["autograd"] == "autograd"
    assert answers[1]["autograd"] == "pluggrad.compat.autograd"
    return answers[0], answers[1]


def apart(a: Any, b: Any) -> float:
    """The largest difference of two lists of numbers, relative to the number, and for small ones to
    a thousandth of the largest."""
    if isinstance(a, str) or isinstance(b, str):
        return 0.0 if a == b else np.inf
    x, y = np.asarray(a), np.asarray(b)
    scale = np.maximum(np.abs(x), 1e-3 * np.max(np.abs(x)))
    return float(np.max(np.abs(x - y) / scale))


def main() -> None:
    """Print what the client found, or a comparison."""
    warnings.simplefilter("ignore")
    chosen = [name for name in sys.argv[1:] if name[0] != "-"]
    if not chosen:
        for client in ("lifelines", "pymanopt"):
            real, mine = both(client, *sys.argv[1:])
            for name, found in real["found"].items():
                print(f"{client}: {name:40} {apart(found, mine['found'][name]):.1e}")
            print(f"{client}: {mine['seconds'] / real['seconds']:.2f} of HIPS autograd's time")
        return
    if "--ours" in sys.argv:
        import pluggrad.compat.autograd

        pluggrad.compat.autograd.install()
    client = {"lifelines": lifelines, "pymanopt": pymanopt}[chosen[0]]
    importlib.import_module(chosen[0])  # whose time does not count
    start = time.process_time()
    found = client()
    import autograd

    print(json.dumps({"found": found, "seconds": time.process_time() - start,
                      "autograd": autograd.__name__}))  # fmt: skip


if __name__ == "__main__":
    main()
