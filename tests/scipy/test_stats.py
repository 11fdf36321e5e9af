"""The distributions: values in and outside of the support, derivatives by the point and by all
parameters."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import is_older, needs
from tests.support.scipy_rows import in_pluggrad, judge_scipy, of_scipy

needs("scipy")
INF, NAN = np.inf, np.nan
#: Each distribution with its shape parameters, and the points in the standard form.
CONTINUOUS = {
    "norm": (), "t": (2.7,), "cauchy": (), "laplace": (), "logistic": (), "gumbel_r": (),
    "gumbel_l": (), "uniform": (), "expon": (), "gamma": (1.7,), "invgamma": (2.3,),
    "chi2": (3.2,), "beta": (1.4, 2.2), "f": (3.1, 5.2), "lognorm": (0.8,), "weibull_min": (1.6,),
    "weibull_max": (1.6,), "pareto": (2.1,), "lomax": (1.8,), "rayleigh": (), "maxwell": (),
    "halfnorm": (), "halfcauchy": (), "truncnorm": (0.7, 3.4), "skewnorm": (1.3,),
    "vonmises": (1.7,), "genextreme": (0.2,), "genpareto": (0.3,), "invgauss": (0.9,),
    "exponnorm": (1.2,), "nct": (3.7, 0.6),
}  # fmt: skip
DISCRETE = {"poisson": (2.3,), "binom": (5, 0.3), "nbinom": (3.2, 0.4), "bernoulli": (0.3,),
            "geom": (0.3,)}  # fmt: skip
METHODS = ["logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf"]
MASSES = ["logpmf", "pmf", "cdf", "sf", "logcdf", "logsf"]
LOC, SCALE = np.asarray(0.2), np.asarray(1.3)


def points(name: str) -> np.ndarray:
    """Points inside the support of the standard form."""
    if name in ("uniform", "beta"):
        return np.array([0.2, 0.5, 0.9])
    return {"weibull_max": np.array([-2.2, -0.4]), "pareto": np.array([1.3, 2.9])}.get(
        name, np.array([0.75, 1.9])
    )


def shapes(name: str) -> list[np.ndarray]:
    return [np.asarray(s) for s in {**CONTINUOUS, **DISCRETE}[name]]


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("method", METHODS)
def test_continuous(name: str, method: str) -> None:
    quantile = method in ("ppf", "isf")
    x = np.array([0.2, 0.65]) if quantile else points(name) * SCALE + LOC
    given = [x, *shapes(name), LOC, SCALE]
    full = method in ("logpdf", "cdf") and name in ("norm", "gamma", "truncnorm")
    others = ("torch", "jax") if full else ()
    if name == "truncnorm" and is_older("jax", "0.10"):
        others = others[:1]  # that JAX has no erfcx
    judge_scipy(
        f"stats.{name}.{method}", *given, tracked=range(len(given)),
        second=method in ("logpdf", "cdf") or (method == "ppf" and bool(shapes(name))), maps=full,
        others=others, atol=1e-14,
    )  # fmt: skip


@pytest.mark.parametrize("name", DISCRETE)
@pytest.mark.parametrize("method", MASSES)
def test_discrete(name: str, method: str) -> None:
    given = [np.array([1, 2, 4] if name != "bernoulli" else [0]), *shapes(name)]
    tracked = [len(given) - 1] if name == "binom" else list(range(1, len(given)))
    judge_scipy(
        f"stats.{name}.{method}", *given, tracked=tracked, second=name != "bernoulli",
        maps=False, others=("jax",) if name == "poisson" else (), atol=1e-14,
    )  # fmt: skip


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_outside_and_at_the_ends(name: str) -> None:
    """What SciPy has there, and gradients without nan."""
    sizes = np.array([-20.0, -3.0, -0.5, 0.1, 0.3, 0.9, 1.2, 2.5, 8.0, 40.0, NAN])
    levels = np.array([0.0, 1e-9, 0.01, 0.5, 0.99, 1.0, 2.0, -0.1, NAN])
    whole = np.array([-3, 0, 1, 2, 2.5, 5, 6, 20, NAN])
    for method in METHODS if name in CONTINUOUS else MASSES:
        x = levels if method in ("ppf", "isf") else sizes if name in CONTINUOUS else whole
        own, theirs = in_pluggrad(f"stats.{name}.{method}"), of_scipy(f"stats.{name}.{method}")
        tail = (0.2, 1.3) if name in CONTINUOUS else (1,)
        params = {**CONTINUOUS, **DISCRETE}[name]
        with np.errstate(all="ignore"):
            y, e = own(x, *params, *tail), theirs(x, *params, *tail)
            np.testing.assert_allclose(y.data, e, rtol=2e-12, atol=1e-300, err_msg=method)
            if params and name not in ("truncnorm", "binom"):
                wrong = np.array([[-1.0], [NAN]]), *params[1:]
                y, e = own(x[:3], *wrong, *tail), theirs(x[:3], *wrong, *tail)
                np.testing.assert_allclose(y.data, e, rtol=1e-11, err_msg=method)
            v = [pg.Variable(np.asarray(float(p)), requires_grad=True) for p in params]
            w = pg.Variable(np.array(1.3), requires_grad=True)
            y = own(x[:-1], *v, *((0.2, w) if name in CONTINUOUS else ()))
            y[pg.isfinite(y)].sum().backward()
        for p in [*v, *([w] if name in CONTINUOUS else [])]:
            assert np.isfinite(p.grad.item()), (method, p)


@pytest.mark.parametrize("name", ["norm", "expon", "t", "poisson"])
def test_scale_that_is_no_scale(name: str) -> None:
    scale = {"scale": np.array([1.0, 0.0, -2.0, NAN])} if name != "poisson" else {"mu": [-1.0, 2.0]}
    method, params = "cdf", (3.0,) if name == "t" else ()
    y = getattr(in_pluggrad(f"stats.{name}"), method)(1.0, *params, **scale)
    with np.errstate(all="ignore"):
        e = getattr(of_scipy(f"stats.{name}"), method)(1.0, *params, **scale)
    np.testing.assert_allclose(y.data, e)


def test_forms_of_calls() -> None:
    stats = pg.scipy.stats
    scale = pg.Variable(np.asarray(2.0), requires_grad=True)
    frozen = stats.norm(loc=1, scale=scale)
    g = pg.autograd.grad(frozen.logpdf(0.5), scale)[0]
    h = pg.autograd.grad(stats.norm.logpdf(0.5, 1, scale), scale)[0]
    np.testing.assert_allclose(g.data, h.data)
    np.testing.assert_allclose(stats.gamma.median(2.0).data, of_scipy("stats.gamma.median")(2.0))
    np.testing.assert_allclose(stats.norm.cdf([0, 1]).data, of_scipy("stats.norm.cdf")([0, 1]))
    x = np.float32([0.5])
    assert stats.norm.pdf(x).dtype == of_scipy("stats.norm.pdf")(x).dtype
    assert stats.norm.mean(3.0) == 3.0 and stats.norm(3.0).mean() == 3.0
    assert stats.gamma.shapes == "a" and stats.norm.shapes is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: pg.scipy.stats.gamma.logpdf(v), "missing"),
        (lambda v: pg.scipy.stats.norm.logpdf(v, 1, 2, 3), "too many"),
        (lambda v: pg.scipy.stats.norm(v, 1, 2, 3), "too many"),
        (lambda v: pg.scipy.stats.norm.logpdf("a", v), "real numbers"),
        (lambda v: pg.scipy.stats.norm.logpdf(v * 1j), "real numbers"),
        (lambda v: pg.scipy.stats.norm.entropy(v), "no derivative"),
        (lambda v: pg.scipy.stats.norm(v).mean(), "no derivative"),
    ],
)
def test_odd_calls(call, message) -> None:
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.Variable(np.ones(2), requires_grad=True))


def test_the_noncentral_distribution_far_out() -> None:
    """Against integrals by mpmath in 40 digits; some of SciPy's own values are off in digit 13."""
    nct = in_pluggrad("stats.nct")
    for method, expected in {"pdf": 0.005355871123694489, "cdf": 0.45929648815215796}.items():
        found = getattr(nct, method)(30.0, 0.3, 8.0)
        np.testing.assert_allclose(found.data, expected, rtol=1e-14)
    below, above = nct.cdf(2.0, 500.0, 3.0), nct.sf(2.0, 500.0, 3.0)
    np.testing.assert_allclose((below + above).data, 1.0, rtol=1e-14)
