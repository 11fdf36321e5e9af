"""`scipy.stats`: distributions by the point and by all parameters, and statistics of samples."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

from ..operations import Array
from .rows import about, numbers, shaped, usual
from .scipy_rows import scipy

#: The points and the shape parameters of each continuous distribution. Location and scale follow.
CONTINUOUS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "norm": ((-1.2, 0.3, 2.1), ()),
    "t": ((-1.2, 0.3, 2.1), (3.5,)),
    "cauchy": ((-1.2, 0.3, 2.1), ()),
    "laplace": ((-1.2, 0.3, 2.1), ()),
    "logistic": ((-1.2, 0.3, 2.1), ()),
    "gumbel_r": ((-1.2, 0.3, 2.1), ()),
    "gumbel_l": ((-1.2, 0.3, 1.1), ()),
    "uniform": ((0.3, 0.5, 0.9), ()),
    "expon": ((0.4, 1.3, 2.1), ()),
    "gamma": ((0.4, 1.3, 2.1), (2.3,)),
    "invgamma": ((0.4, 1.3, 2.1), (2.3,)),
    "chi2": ((0.4, 1.3, 2.1), (3.3,)),
    "beta": ((0.35, 0.6, 0.8), (2.3, 1.6)),
    "f": ((0.4, 1.3, 2.1), (3.3, 5.6)),
    "lognorm": ((0.4, 1.3, 2.1), (0.8,)),
    "weibull_min": ((0.4, 1.3, 2.1), (1.7,)),
    "weibull_max": ((-2.1, -1.3, -0.4), (1.7,)),
    "pareto": ((1.9, 2.3, 3.1), (2.3,)),
    "lomax": ((0.4, 1.3, 2.1), (2.3,)),
    "rayleigh": ((0.4, 1.3, 2.1), ()),
    "maxwell": ((0.4, 1.3, 2.1), ()),
    "halfnorm": ((0.4, 1.3, 2.1), ()),
    "halfcauchy": ((0.4, 1.3, 2.1), ()),
    "truncnorm": ((-0.4, 0.3, 0.9), (-1.5, 1.3)),
    "skewnorm": ((-0.7, 0.3, 1.6), (1.4,)),
    "vonmises": ((-1.2, 0.3, 2.1), (1.8,)),
    "genextreme": ((-0.7, 0.3, 1.1), (0.3,)),
    "genpareto": ((0.4, 1.3, 2.1), (0.3,)),
    "invgauss": ((0.4, 1.3, 2.1), (0.9,)),
    "exponnorm": ((-0.7, 0.3, 1.6), (1.3,)),
    "nct": ((-0.7, 0.3, 1.6), (4.3, 0.7)),
}
#: The points and the parameters of each discrete distribution.
DISCRETE: dict[str, tuple[tuple[int, ...], tuple[float, ...]]] = {
    "poisson": ((0, 2, 4), (2.3,)),
    "binom": ((0, 2, 4), (6.0, 0.35)),
    "nbinom": ((0, 2, 4), (3.4, 0.45)),
    "bernoulli": ((0, 1, 1), (0.35,)),
    "geom": ((1, 2, 4), (0.35,)),
}


def _all_of(name: str, *methods: str) -> Any:
    """The functions `methods` of the distribution, as several results."""
    return lambda s, *args: [getattr(getattr(s.stats, name), method)(*args) for method in methods]


for name, (points, shapes) in CONTINUOUS.items():
    parameters = [Array(values=p) for p in (*shapes, 0.1, 1.2)]
    scipy(f"stats.{name}", usual(Array(values=points), *parameters), how=_all_of(name, "logpdf", "pdf", "cdf", "sf", "logsf"), jax=name not in ("truncnorm", "nct"))  # JAX takes minutes for the first, and lacks the second
for name, (counts, shapes) in DISCRETE.items():
    k = Array(values=counts, dtype="int64")
    trials = [Array(values=p, constant=name == "binom" and i == 0) for i, p in enumerate(shapes)]
    scipy(f"stats.{name}", usual(k, *trials), how=_all_of(name, "logpmf", "pmf", "cdf", "sf"), jax=True)

sample = Array((6,), 0.5, 3)
scipy("stats.multivariate_normal", usual(Array((2, 3)), Array((3,)), Array((3, 3), structure="spd")), how=lambda s, x, mean, cov: s.stats.multivariate_normal.logpdf(x, mean, (cov + cov.T) / 2), jax=True)
scipy("stats.dirichlet", usual(numbers(0.2, 0.5, 0.3), Array((3,), 0.5, 3)), how=lambda s, x, alpha: s.stats.dirichlet.logpdf(x / x.sum(), alpha), jax=True)
scipy("stats.gaussian_kde", usual(sample, Array((4,), 0.5, 3)), about("weighted", sample, Array((4,), 0.5, 3), Array((6,), 0.2, 1)), how=lambda s, data, x, *w: s.stats.gaussian_kde(data, None, *w)(x), jax=True)
scipy("stats.Normal", usual(Array((3,)), Array(values=0.3), Array(values=1.2)), how=lambda s, x, mu, sigma: [s.stats.Normal(mu=mu, sigma=sigma).logpdf(x), s.stats.Normal(mu=mu, sigma=sigma).cdf(x)])
for name in ("gmean", "hmean", "skew", "kurtosis", "zscore"):
    scipy(f"stats.{name}", usual(sample), shaped("one axis", Array((4, 3), 0.5, 3), axis=1))
scipy("stats.moment", usual(sample, 3))
scipy("stats.pearsonr", usual(sample, Array((6,))), how=lambda s, x, y: s.stats.pearsonr(x, y)[0])
