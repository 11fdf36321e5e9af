"""scikit-learn with `array_api_dispatch=True`: fitted attributes and outputs have gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from recipe import RNG, cases, check, check_leaving, leaving, total

import pluggrad as pg
from tests.support.optional import needs

sklearn = needs("sklearn", minversion="1.6")

from sklearn import preprocessing
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import mean_squared_error, pairwise, r2_score
from sklearn.mixture import GaussianMixture


@pytest.fixture(autouse=True)
def dispatch() -> Iterator[None]:
    with sklearn.config_context(array_api_dispatch=True):
        yield


A = RNG.normal(size=(12, 3)) * [1.0, 2.0, 3.0]
B = RNG.normal(size=(5, 3))
T = RNG.normal(size=12)
LABELS = np.asarray([0, 1, 2] * 4)
START = {"weights_init": np.asarray([0.5, 0.5]), "means_init": A[:2],
         "precisions_init": np.stack([np.eye(3)] * 2)}  # fmt: skip


def mixture(x: Any, c: Any) -> Any:
    start = {name: c(value) for name, value in START.items()}
    return (
        GaussianMixture(2, init_params="random", max_iter=3, tol=0.0, random_state=0, **start)
        .fit(x)
        .means_
    )


# fmt: off
RECIPES = [
    ("metrics.pairwise.rbf_kernel", lambda x, c: pairwise.rbf_kernel(x, c(B), gamma=0.3), A),
    ("metrics.pairwise.linear_kernel", lambda x, c: pairwise.linear_kernel(x, x), A),
    ("metrics.pairwise.polynomial_kernel", lambda x, c: pairwise.polynomial_kernel(x, c(B)), A),
    ("metrics.pairwise.sigmoid_kernel", lambda x, c: pairwise.sigmoid_kernel(x, c(B)), A),
    ("metrics.pairwise.cosine_similarity", lambda x, c: pairwise.cosine_similarity(x, c(B)), A),
    ("metrics.pairwise.euclidean_distances", lambda x, c: pairwise.euclidean_distances(x, c(B)), A),
    ("metrics.pairwise.chi2_kernel", lambda x, c: pairwise.additive_chi2_kernel(x, c(B**2)), A**2),
    ("preprocessing.StandardScaler: with_std=False",
     lambda x, c: preprocessing.StandardScaler(with_std=False).fit_transform(x), A),
    ("preprocessing.MinMaxScaler", lambda x, c: preprocessing.MinMaxScaler().fit_transform(x), A),
    ("preprocessing.MaxAbsScaler", lambda x, c: preprocessing.MaxAbsScaler().fit_transform(x), A),
    ("preprocessing.Normalizer", lambda x, c: preprocessing.Normalizer().fit_transform(x), A),
    ("preprocessing.KernelCenterer",
     lambda x, c: preprocessing.KernelCenterer().fit_transform(x @ x.T), A),
    ("preprocessing.PolynomialFeatures",
     lambda x, c: preprocessing.PolynomialFeatures(2).fit_transform(x), A),
    ("decomposition.PCA: explained_variance_",
     lambda x, c: PCA(2, svd_solver="full").fit(x).explained_variance_, A),
    ("decomposition.PCA: transform",
     lambda x, c: PCA(2, svd_solver="full").fit(x).transform(x) ** 2, A),
    ("linear_model.Ridge: coef_", lambda x, c: Ridge(0.3, solver="svd").fit(x, c(T)).coef_, A),
    ("linear_model.Ridge: by the target",
     lambda x, c: Ridge(0.3, solver="svd").fit(c(A), x).coef_, T),
    ("linear_model.Ridge: predict",
     lambda x, c: Ridge(0.3, solver="svd").fit(x, c(T)).predict(c(B)), A),
    ("mixture.GaussianMixture: means_", mixture, A),
    ("discriminant_analysis.LinearDiscriminantAnalysis",
     lambda x, c: LinearDiscriminantAnalysis().fit(x, c(LABELS)).decision_function(c(B)),
     A),
]
LEAVING = [
    ("linear_model.LogisticRegression",
     lambda x, c: LogisticRegression().fit(x, c(LABELS % 2)), A),
    ("linear_model.LinearRegression", lambda x, c: LinearRegression().fit(x, c(T)), A),
    ("linear_model.Lasso", lambda x, c: Lasso().fit(x, c(T)), A),
    ("cluster.KMeans", lambda x, c: KMeans(2).fit(x), A),
]
# fmt: on


@cases(RECIPES, "numpy", "torch")
def test_gradient(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend, rtol=1e-4, atol=1e-6)


@leaving(LEAVING)
def test_leaving(function: Any, x: Any) -> None:
    check_leaving(function, x, "sklearn", "scipy")


def standard_scaler(x: Any, c: Any) -> Any:
    return preprocessing.StandardScaler().fit_transform(x)


def test_standard_scaler() -> None:
    """It divides 0 by 0 where it then writes something else: nan, as torch has, and never zeros;
    with strong zeros the gradient."""
    with pg.strong_zeros():
        check(standard_scaler, A, "numpy", rtol=1e-4, atol=1e-6)
    v = pg.Variable(A, requires_grad=True)
    total(standard_scaler(v, None), pg).backward()
    assert np.all(np.isnan(v.grad.data))


@pytest.mark.parametrize("metric", [mean_squared_error, r2_score])
def test_metrics_end_in_float(metric: Any) -> None:
    """They answer, since their value may be all that is wanted, and warn at the line in sklearn."""
    v = pg.Variable(T + 1.0, requires_grad=True)
    with pytest.warns(pg.GraphBreakWarning, match="float") as caught:
        value = metric(pg.lift(T, like=v), v)
    assert value == pytest.approx(metric(T, T + 1.0))
    assert "sklearn" in caught[0].filename


def test_a_transform_of_a_metric_says_where_the_graph_was_left() -> None:
    with (
        pytest.warns(pg.GraphBreakWarning),
        pytest.raises(pg.GraphBreakError, match=r"sklearn.*float"),
    ):
        pg.grad(lambda v: mean_squared_error(pg.lift(T, like=v), v))(T + 1.0)
