"""SciPy with SCIPY_ARRAY_API=1: its functions take Variables as they take any array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from recipe import MATRIX, RNG, X, cases, check, check_leaving, leaving

import pluggrad as pg
from tests.support.optional import needs

needs("scipy", minversion="1.17")

import scipy.cluster.vq
import scipy.constants
import scipy.differentiate
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.optimize.elementwise
import scipy.signal
import scipy.spatial.transform
import scipy.special
import scipy.stats

special, stats, fft, signal = scipy.special, scipy.stats, scipy.fft, scipy.signal
integrate = scipy.integrate
Rotation = scipy.spatial.transform.Rotation
Y = np.asarray([1.1, 0.3, 2.2, 1.4, 0.9, 2.8, 0.6])
PROBABILITIES = np.asarray([0.1, 0.3, 0.25, 0.6, 0.05])
ROTVECS = RNG.normal(size=(4, 3))
QUATERNIONS = RNG.normal(size=(3, 4))
LONG, SHORT = RNG.normal(size=40), RNG.normal(size=5)
SIGNAL = RNG.normal(size=24)

# fmt: off
SPECIAL = [
    ("special.erf", lambda x, c: special.erf(x), X),
    ("special.erfc", lambda x, c: special.erfc(x), X),
    ("special.gammaln", lambda x, c: special.gammaln(x), X),
    ("special.psi", lambda x, c: special.psi(x), X),
    ("special.expit", lambda x, c: special.expit(x), X),
    ("special.logit", lambda x, c: special.logit(x), PROBABILITIES),
    ("special.ndtr", lambda x, c: special.ndtr(x), X),
    ("special.log_ndtr", lambda x, c: special.log_ndtr(x), X),
    ("special.ndtri", lambda x, c: special.ndtri(x), PROBABILITIES),
    ("special.i0", lambda x, c: special.i0(x), X),
    ("special.i1e", lambda x, c: special.i1e(x), X),
    ("special.j1", lambda x, c: special.j1(x), X),
    ("special.k0", lambda x, c: special.k0(x), X),
    ("special.entr", lambda x, c: special.entr(x), X),
    ("special.rel_entr", lambda x, c: special.rel_entr(x, c(Y)), X),
    ("special.kl_div", lambda x, c: special.kl_div(c(Y), x), X),
    ("special.xlogy", lambda x, c: special.xlogy(x, x), X),
    ("special.gammainc", lambda x, c: special.gammainc(c(Y), x), X),
    ("special.chdtr", lambda x, c: special.chdtr(c(Y), x), X),
    ("special.logsumexp", lambda x, c: special.logsumexp(x * x), X),
    ("special.softmax", lambda x, c: special.softmax(x), X),
    ("special.log_softmax", lambda x, c: special.log_softmax(x), X),
]
STATS = [
    ("stats.skew", lambda x, c: stats.skew(x), X),
    ("stats.kurtosis", lambda x, c: stats.kurtosis(x, bias=False), X),
    ("stats.moment", lambda x, c: stats.moment(x, 3), X),
    ("stats.gmean", lambda x, c: stats.gmean(x), X),
    ("stats.hmean", lambda x, c: stats.hmean(x), X),
    ("stats.pmean", lambda x, c: stats.pmean(x, 2.5), X),
    ("stats.gstd", lambda x, c: stats.gstd(x), X),
    ("stats.zscore", lambda x, c: stats.zscore(x), X),
    ("stats.zmap", lambda x, c: stats.zmap(c(Y), x), X),
    ("stats.gzscore", lambda x, c: stats.gzscore(x), X),
    ("stats.variation", lambda x, c: stats.variation(x), X),
    ("stats.sem", lambda x, c: stats.sem(x), X),
    ("stats.kstat", lambda x, c: stats.kstat(x, 4), X),
    ("stats.kstatvar", lambda x, c: stats.kstatvar(x, 2), X),
    ("stats.lmoment", lambda x, c: stats.lmoment(x), X),
    ("stats.circmean", lambda x, c: stats.circmean(x), X),
    ("stats.circvar", lambda x, c: stats.circvar(x), X),
    ("stats.circstd", lambda x, c: stats.circstd(x), X),
    ("stats.directional_stats", lambda x, c: stats.directional_stats(x).mean_direction, MATRIX),
    ("stats.tmean", lambda x, c: stats.tmean(x, (0.5, 3.0)), X),
    ("stats.describe", lambda x, c: stats.describe(x).variance, X),
    ("stats.power_divergence", lambda x, c: stats.power_divergence(x, lambda_=0.7).statistic, X),
    ("stats.skewtest", lambda x, c: stats.skewtest(x).statistic, SIGNAL),
    ("stats.kurtosistest", lambda x, c: stats.kurtosistest(x).statistic, SIGNAL),
    ("stats.normaltest", lambda x, c: stats.normaltest(x).statistic, SIGNAL),
    ("stats.jarque_bera", lambda x, c: stats.jarque_bera(x).statistic, SIGNAL),
    ("stats.bartlett", lambda x, c: stats.bartlett(x, c(Y)).statistic, X),
    ("stats.alexandergovern", lambda x, c: stats.alexandergovern(x, c(Y)).statistic, X),
    ("stats.combine_pvalues", lambda x, c: stats.combine_pvalues(x).statistic, PROBABILITIES),
    ("stats.combine_pvalues: pvalue", lambda x, c: stats.combine_pvalues(x).pvalue, PROBABILITIES),
    ("stats.boxcox_llf", lambda x, c: stats.boxcox_llf(1.5, x), X),
    ("stats.quantile", lambda x, c: stats.quantile(x, 0.3), X),
    ("stats.differential_entropy", lambda x, c: stats.differential_entropy(x), SIGNAL),
]
FFT = [
    ("fft.fft", lambda x, c: fft.fft(x), X),
    ("fft.rfft", lambda x, c: fft.rfft(x, n=10, norm="ortho"), X),
    ("fft.irfft", lambda x, c: fft.irfft(fft.rfft(x), n=7), X),
    ("fft.hfft", lambda x, c: fft.hfft(fft.fft(x)), X),
    ("fft.fft2", lambda x, c: fft.fft2(x), MATRIX),
    ("fft.rfftn", lambda x, c: fft.rfftn(x, s=(4, 4)), MATRIX),
    ("fft.fftshift", lambda x, c: fft.fftshift(x), X),
    ("fft.fht", lambda x, c: fft.fht(x, 0.1, 0.5), X),
]
SIGNALS = [
    ("signal.oaconvolve", lambda x, c: signal.oaconvolve(x, c(SHORT)), LONG),
    ("signal.oaconvolve: by the kernel", lambda x, c: signal.oaconvolve(c(LONG), x), SHORT),
    ("signal.fftconvolve", lambda x, c: signal.fftconvolve(x, c(SHORT), mode="same"), LONG),
    ("signal.convolve", lambda x, c: signal.convolve(x, c(SHORT), method="fft"), LONG),
    ("signal.correlate", lambda x, c: signal.correlate(x, c(SHORT), method="fft"), LONG),
    ("signal.hilbert", lambda x, c: signal.hilbert(x), SIGNAL),
    ("signal.envelope", lambda x, c: signal.envelope(x, (1, 8)), SIGNAL),
    ("signal.resample", lambda x, c: signal.resample(x, 15), SIGNAL),
    ("signal.freqz", lambda x, c: signal.freqz(x, worN=8)[1], X),
    ("signal.bilinear_zpk", lambda x, c: signal.bilinear_zpk(x, x * 2, 1.0, 10.0)[0], X),
    ("signal.vectorstrength", lambda x, c: signal.vectorstrength(x, 1.7)[0], X),
]
SPACE = [
    ("spatial.transform.Rotation.from_rotvec",
     lambda x, c: Rotation.from_rotvec(x).as_matrix(), ROTVECS),
    ("spatial.transform.Rotation.from_quat",
     lambda x, c: Rotation.from_quat(x).as_matrix(), QUATERNIONS),
    ("spatial.transform.Rotation.as_rotvec",
     lambda x, c: Rotation.from_quat(x).as_rotvec(), QUATERNIONS),
    ("spatial.transform.Rotation.from_euler",
     lambda x, c: Rotation.from_euler("xyz", x).as_quat(), ROTVECS),
    ("spatial.transform.Rotation.as_euler",
     lambda x, c: Rotation.from_quat(x).as_euler("zyx"), QUATERNIONS),
    ("spatial.transform.Rotation.apply",
     lambda x, c: Rotation.from_rotvec(x).apply(c(np.ones(3))), ROTVECS),
    ("spatial.transform.Rotation.__mul__",
     lambda x, c: (Rotation.from_rotvec(x) * Rotation.from_rotvec(x * 2)).as_matrix(), ROTVECS),
    ("cluster.vq.whiten", lambda x, c: scipy.cluster.vq.whiten(x), MATRIX),
    ("constants.convert_temperature",
     lambda x, c: scipy.constants.convert_temperature(x, "Celsius", "Fahrenheit"), X),
]
LOW, HIGH = np.zeros(7), np.full(7, 3.0)
INTEGRATE = [
    ("integrate.tanhsinh",
     lambda x, c:
         integrate.tanhsinh(lambda t, p: np.exp(-p * t), c(LOW), c(HIGH), args=(x,)).integral,
     X),
    ("integrate.tanhsinh: by a bound",
     lambda x, c: integrate.tanhsinh(lambda t: np.exp(-t), c(LOW), x).integral, X),
    ("integrate.nsum",
     lambda x, c:
         integrate.nsum(lambda k, p: k ** (-p - 1.5), c(LOW + 1), c(LOW + 20), args=(x,)).sum,
     X),
    ("integrate.cubature",
     lambda x, c:
         integrate.cubature(lambda t, p: np.exp(-p * t), c(LOW[:1]), c(X[:1]), args=(x,)).estimate,
     X),
    ("integrate.trapezoid", lambda x, c: integrate.trapezoid(x * x, dx=0.5), X),
    ("integrate.cumulative_trapezoid",
     lambda x, c: integrate.cumulative_trapezoid(x * x, dx=0.5), X),
    ("integrate.cumulative_simpson",
     lambda x, c: integrate.cumulative_simpson(x * x, dx=0.5), X),
]
elementwise = scipy.optimize.elementwise
OPTIMIZE = [
    ("optimize.elementwise.find_root",
     lambda x, c: elementwise.find_root(lambda t, p: t**3 + t - p, (c(LOW), c(HIGH)), args=(x,)).x,
     X),
    ("optimize.elementwise.find_minimum",
     lambda x, c: elementwise.find_minimum(
         lambda t, p: np.exp(t) - p * t, (c(LOW - 3), c(LOW), c(HIGH)), args=(x,)).f_x,
     X),
]
DIFFERENTIATE = [
    ("differentiate.derivative", lambda x, c: scipy.differentiate.derivative(np.exp, x).df, X),
    ("differentiate.jacobian",
     lambda x, c: scipy.differentiate.jacobian(lambda t: t**3, x).df, X[:3]),
    ("differentiate.hessian",
     lambda x, c: scipy.differentiate.hessian(lambda t: t[0] ** 3 * t[1], x).ddf, X[:2]),
]
#: torch has no betainc, for which SciPy turns to NumPy.
NUMPY_ALONE = [
    ("special.betainc", lambda x, c: special.betainc(c(X[:5]), c(Y[:5]), x), PROBABILITIES),
    ("special.stdtr", lambda x, c: special.stdtr(c(Y), x), X),
    ("stats.pearsonr", lambda x, c: stats.pearsonr(x, c(Y)).statistic, X),
    ("stats.ttest_1samp", lambda x, c: stats.ttest_1samp(x, 1.0).statistic, X),
    ("stats.ttest_1samp: pvalue", lambda x, c: stats.ttest_1samp(x, 1.0).pvalue, X),
    ("stats.ttest_ind", lambda x, c: stats.ttest_ind(x, c(Y)).statistic, X),
    ("stats.ttest_rel", lambda x, c: stats.ttest_rel(x, c(Y)).statistic, X),
    ("special.jv, a ufunc without dispatch", lambda x, c: special.jv(1, x), X),
]
#: What computes in compiled code, or on NumPy arrays alone.
LEAVING = [
    ("signal.lfilter", lambda x, c: signal.lfilter(c([1.0]), c([1.0, -0.5]), x), X),
    ("signal.detrend", lambda x, c: signal.detrend(x), SIGNAL),
    ("signal.welch", lambda x, c: signal.welch(x, nperseg=8), SIGNAL),
    ("ndimage.gaussian_filter", lambda x, c: scipy.ndimage.gaussian_filter(x, 1.0), SIGNAL),
    ("interpolate.CubicSpline",
     lambda x, c: scipy.interpolate.CubicSpline(c(np.arange(7.0)), x), X),
    ("integrate.simpson", lambda x, c: scipy.integrate.simpson(x), X),
    ("linalg.expm", lambda x, c: scipy.linalg.expm(x), MATRIX[:3]),
    ("stats.norm.pdf", lambda x, c: stats.norm.pdf(x), X),
    ("cluster.vq.kmeans2", lambda x, c: scipy.cluster.vq.kmeans2(x, 2), MATRIX),
]
# fmt: on
SMOOTH = SPECIAL + STATS + FFT + SIGNALS + SPACE


@cases(SMOOTH, "numpy", "torch")
def test_gradient(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend)


@cases(NUMPY_ALONE)
def test_gradient_numpy_alone(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend)


@cases(INTEGRATE, "numpy", "torch")
def test_integrate(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend)


@cases(DIFFERENTIATE, "numpy", "torch")
def test_differentiate(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend, rtol=1e-4)


@cases(OPTIMIZE, "numpy", "torch")
def test_optimize(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend, rtol=1e-4)


@leaving(LEAVING)
def test_leaving(function: Any, x: Any) -> None:
    check_leaving(function, x, "scipy")


def test_minimize() -> None:
    """scipy.optimize.minimize takes a value and a gradient as `value_and_grad` returns them."""

    def rosenbrock(x: Any) -> Any:
        return pg.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    for method in ("BFGS", "L-BFGS-B", "CG", "trust-constr", "SLSQP", "TNC"):
        found = scipy.optimize.minimize(
            pg.value_and_grad(rosenbrock), np.zeros(4), jac=True, method=method, tol=1e-10
        )
        np.testing.assert_allclose(found.x, np.ones(4), atol=1e-4)
        assert isinstance(found.x, np.ndarray)
        assert type(found.fun) is not pg.Variable


def test_root_and_least_squares() -> None:
    """What asks for a Jacobian takes one row per residual from `vjp`."""

    def residuals(x: Any) -> Any:
        return pg.exp(x[0] * pg.lift(Y, like=x)) + x[1] - pg.lift(X, like=x)

    def jacobian(x: Any) -> Any:
        _, pull = pg.vjp(residuals, x)
        return np.stack([pull(row)[0] for row in np.eye(len(Y))])

    def plain(x: Any) -> Any:
        return np.exp(x[0] * Y) + x[1] - X

    start = np.asarray([0.1, 0.1])
    found = scipy.optimize.least_squares(plain, start, jac=jacobian)
    expected = scipy.optimize.least_squares(plain, start, jac="3-point")
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-6)


def test_mixing_is_an_error() -> None:
    """A raw array beside a Variable is refused by SciPy, before anything is lost."""
    v = pg.Variable(X, requires_grad=True)
    with pytest.raises(TypeError, match="Multiple namespaces"):
        special.rel_entr(v, Y)


def test_ranks_are_constants() -> None:
    """They are found by `numpy.apply_along_axis`, and have no gradient."""
    found = stats.spearmanr(pg.Variable(X, requires_grad=True), Y).statistic
    np.testing.assert_allclose(found.detach().data, stats.spearmanr(X, Y).statistic)
    assert not found.requires_grad


def test_oaconvolve_writes_into_views() -> None:
    """Its overlapping sums are written through views, on a library without in-place writes too."""
    needs("jax")
    x, kernel = LONG, SHORT
    v = pg.Variable(pg.namespace("jax").raw_asarray(x), requires_grad=True)
    y = signal.oaconvolve(v, pg.lift(kernel, like=v))
    np.testing.assert_allclose(y.detach().numpy(), np.convolve(x, kernel), rtol=1e-8, atol=1e-10)
    pg.sum(y * pg.lift(np.arange(44.0), like=v)).backward()
    expected = np.correlate(np.arange(44.0), kernel, mode="valid")
    np.testing.assert_allclose(v.grad.numpy(), expected, rtol=1e-8)
