"""Distributions of vectors, the kernel density estimate, and statistics of samples."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from tests.support.derivatives import check_derivatives
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
X, MEAN, ROOT = RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=(3, 3))
COV = ROOT @ ROOT.T + np.eye(3)
A = RNG.uniform(0.5, 2.0, size=(5, 3))


@pytest.mark.parametrize("method", ["logpdf", "pdf"])
def test_multivariate_normal(method: str) -> None:
    path = f"stats.multivariate_normal.{method}"
    judge_scipy(path, X, MEAN, COV, tracked=(0, 1))
    judge_scipy(path, X[0], MEAN, np.asarray(1.3), tracked=(0, 1, 2), others=())
    judge_scipy(path, X, MEAN, np.array([1.0, 2.0, 0.5]), tracked=(2,), others=(), maps=False)
    judge_scipy(path, X[:, 0], others=())
    judge_scipy(path, X[:, 0], 1.0, 2.0, others=())
    singular = np.diag([1.0, 2.0, 0.0])
    on = X * [1.0, 1.0, 0.0]
    for points in (on, X):
        y = getattr(pg.scipy.stats.multivariate_normal, method)(points, None, singular, True)
        np.testing.assert_allclose(y.data, of_scipy(path)(points, None, singular, True))
    judge_scipy(path, X, MEAN, COV, True, tracked=(0, 1), others=(), second=False, maps=False)


@pytest.mark.parametrize("singular", [False, True])
def test_multivariate_normal_by_the_covariance(singular: bool) -> None:
    """Along symmetric matrices: both triangles count."""

    def of_root(root):
        cov = root @ root.T + np.eye(3)
        return pg.scipy.stats.multivariate_normal.logpdf(X, MEAN, cov, singular)

    check_derivatives(of_root, ROOT, second=not singular)


def test_new_normal() -> None:
    mu, sigma = np.array([0.3, -1.0]), np.array([1.5, 0.7])
    ours, theirs = (s.Normal(mu=mu, sigma=sigma) for s in (pg.scipy.stats, of_scipy("stats.norm")
                    and needs("scipy.stats")))  # fmt: skip
    for name in ("pdf", "logpdf", "cdf", "logcdf", "ccdf", "logccdf", "icdf", "iccdf"):
        y, e = getattr(ours, name)(0.4), getattr(theirs, name)(0.4)
        np.testing.assert_allclose(y.data, e, rtol=1e-12)
        check_derivatives(
            lambda x, mu, sigma, name=name: getattr(
                pg.scipy.stats.Normal(mu=mu, sigma=sigma), name
            )(x), np.array([0.4]), mu, sigma,
        )  # fmt: skip
    for name in ("mean", "median", "mode", "variance", "standard_deviation", "entropy"):
        y, e = getattr(ours, name)(), getattr(theirs, name)()
        np.testing.assert_allclose(getattr(y, "data", y), e, rtol=1e-12)


def test_frozen_ones() -> None:
    normal, of = (
        pg.scipy.stats.multivariate_normal(MEAN, COV),
        of_scipy("stats.multivariate_normal"),
    )
    np.testing.assert_allclose(normal.pdf(X).data, of(MEAN, COV).pdf(X), rtol=1e-12)
    np.testing.assert_allclose(normal.entropy(), of(MEAN, COV).entropy(), rtol=1e-12)
    found = pg.scipy.stats.dirichlet([1.0, 2.0]).logpdf([0.4, 0.6])
    np.testing.assert_allclose(
        found.data, of_scipy("stats.dirichlet")([1.0, 2.0]).logpdf([0.4, 0.6])
    )


def test_dirichlet() -> None:
    alpha, x = np.array([0.9, 2.0, 3.5]), np.array([[0.2, 0.5], [0.3, 0.1]])
    for method in ("logpdf", "pdf"):
        judge_scipy(f"stats.dirichlet.{method}", x, alpha, tracked=(0, 1))
        judge_scipy(f"stats.dirichlet.{method}", np.array([0.2, 0.3, 0.5]), alpha, tracked=(1,),
                    others=())  # fmt: skip
    for method in ("mean", "var", "entropy"):
        judge_scipy(f"stats.dirichlet.{method}", alpha, others=())


@pytest.mark.parametrize("method", ["evaluate", "logpdf", "pdf", "__call__"])
@pytest.mark.parametrize("bandwidth", [None, "silverman", 0.4, lambda kde: 0.7])
def test_gaussian_kde(method, bandwidth) -> None:
    data, points = RNG.normal(size=(2, 6)), RNG.normal(size=(2, 3))
    weights = RNG.uniform(0.5, 1.0, size=6)
    for w in (None, weights):
        theirs = of_scipy("stats.gaussian_kde")(data, bandwidth, w)
        ours = pg.scipy.stats.gaussian_kde(data, bandwidth, w)
        y = getattr(ours, method)(points)
        np.testing.assert_allclose(y.data, getattr(theirs, method)(points), rtol=1e-12)
        assert ours.integrate_box_1d if ours.d == 1 else ours.n == theirs.n

    def f(data, points, weights):
        return getattr(pg.scipy.stats.gaussian_kde(data, bandwidth, weights), method)(points)

    check_derivatives(f, data, points, weights, second=method == "logpdf")
    one = pg.scipy.stats.gaussian_kde(data[0])
    expected = of_scipy("stats.gaussian_kde")(data[0])
    np.testing.assert_allclose(one([0.2, 1.0]).data, expected([0.2, 1.0]), rtol=1e-12)
    np.testing.assert_allclose(one.integrate_box_1d(0, 1), expected.integrate_box_1d(0, 1))


def test_zscore() -> None:
    judge_scipy("stats.zscore", A)
    judge_scipy("stats.zscore", A, 1, 1, others=())
    judge_scipy("stats.zscore", A, None, others=())
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(pg.scipy.stats.zscore([2, 2, 2]).data, [np.nan] * 3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("moment", [{}, {"order": 3}, {"order": 2, "center": 0.5}, {"order": 0}]),
        ("skew", [{}, {"bias": False}]),
        ("kurtosis", [{}, {"bias": False}, {"fisher": False}]),
        ("gmean", [{}, {"weights": A + 1}]),
        ("hmean", [{}, {"weights": A + 1}]),
    ],
)
def test_summaries(name: str, options) -> None:
    for n, kwargs in enumerate(options):
        judge_scipy(f"stats.{name}", A, **kwargs, others=("torch", "jax") if n == 0 else ())
        for axis in (1, None, (0, 1)):
            judge_scipy(f"stats.{name}", A, axis=axis, keepdims=axis == 1, **kwargs, others=(),
                        second=False, maps=False)  # fmt: skip


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_pearsonr(alternative: str) -> None:
    x, y = A[:, 0], A[:, 1]
    expected = of_scipy("stats.pearsonr")(x, y, alternative=alternative)
    found = pg.scipy.stats.pearsonr(x, y, alternative=alternative)
    np.testing.assert_allclose(found.statistic.data, expected.statistic, rtol=1e-12)
    np.testing.assert_allclose(found.pvalue.data, expected.pvalue, rtol=1e-11)
    check_derivatives(lambda *a: list(pg.scipy.stats.pearsonr(*a, alternative=alternative)), x, y)
    rows = of_scipy("stats.pearsonr")(A, A[::-1], axis=1)
    found = pg.scipy.stats.pearsonr(A, A[::-1], axis=1)
    np.testing.assert_allclose(found.statistic.data, rows.statistic, rtol=1e-12)
    np.testing.assert_allclose(found.pvalue.data, rows.pvalue, rtol=1e-11)


def test_rankdata_falls_through() -> None:
    np.testing.assert_allclose(pg.scipy.stats.rankdata(pg.Variable(A)).data,
                               of_scipy("stats.rankdata")(A))  # fmt: skip


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, v: s.multivariate_normal.logpdf(v, np.ones(2)), "coordinates"),
        (lambda s, v: s.multivariate_normal.logpdf(v, np.ones(3), -np.eye(3)), "definite"),
        (lambda s, v: s.multivariate_normal.logpdf(v, np.ones(3), -np.eye(3), True), "negative"),
        (lambda s, v: s.multivariate_normal.logpdf(v, np.ones(3), np.ones((2, 3))), "cov of"),
        (lambda s, v: s.multivariate_normal.cdf(v), "no derivative"),
        (lambda s, v: s.dirichlet.logpdf(v, [1.0, 2.0]), "components"),
        (lambda s, v: s.dirichlet.logpdf([0.3, 0.9], v[:2]), "simplex"),
        (lambda s, v: s.dirichlet.logpdf([0.3, 0.7], -v[:2]), "positive"),
        (lambda s, v: s.gaussian_kde(v, "narrow"), "bw_method"),
        (lambda s, v: s.gaussian_kde(v).resample(3), "no derivative"),
        (lambda s, v: s.Normal(mu=v).entropy(), "no derivative"),
        (lambda s, v: s.Normal(mu=v).cdf(0.0, 1.0), "y="),
        (lambda s, v: s.zscore(v, nan_policy="omit"), "nan_policy"),
        (lambda s, v: s.gmean(v, dtype=np.float32), "dtype"),
        (lambda s, v: s.skew(v, axis=3), "no axis"),
        (lambda s, v: s.pearsonr(v, np.ones(4)), "equally many"),
        (lambda s, v: s.pearsonr(v, v, alternative="more"), "alternative"),
    ],
)
def test_odd_calls(call, message) -> None:
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.scipy.stats, pg.Variable(np.array([1.0, 2.0, 4.0]), requires_grad=True))
