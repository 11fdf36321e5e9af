"""The continuous distributions: one row each, with the formulas of the standard form.

A row gives SciPy's name, the names of the shape parameters, and formulas of (x, *shapes). What it
leaves out follows from the others, as in SciPy: pdf = exp(logpdf), sf = 1 - cdf and so on.
"""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import xp
from ..special_rows import S
from .formulas import (
    PI,
    ROOT_2,
    all_finite,
    cauchy_ppf,
    exponnorm_log,
    invgauss_logs,
    laplace_ppf,
    log1p_ratio,
    log_normal,
    truncnorm_cdf,
    truncnorm_isf,
    truncnorm_mass,
    truncnorm_ppf,
)  # fmt: skip
from .kinds import Continuous
from .noncentral import NCT
from .quantiles import ROWS

__all__ = ["CONTINUOUS"]

CONTINUOUS: dict[str, Continuous] = {}
POSITIVE, UNIT = (0.0, math.inf), (0.0, 1.0)


def row(name: str, shapes: str = "", facts: Any = None, **formulas: Any) -> None:
    CONTINUOUS[name] = Continuous(name, shapes, formulas, **(facts or {}))


def half(x: Any) -> Any:
    return xp.zeros_like(x) + 1.5


def weibull(x: Any, c: Any) -> Any:
    return xp.log(c) + S.xlogy(c - 1, x) - x**c


# fmt: off
row("norm", logpdf=log_normal, cdf=S.ndtr, sf=lambda x: S.ndtr(-x), logcdf=S.log_ndtr,
    logsf=lambda x: S.log_ndtr(-x), ppf=S.ndtri, isf=lambda q: -S.ndtri(q))
row("t", "df",
    logpdf=lambda x, df: student(x, df),
    cdf=lambda x, df: S.stdtr(df, x), sf=lambda x, df: S.stdtr(df, -x),
    ppf=lambda q, df: S.stdtrit(df, q), isf=lambda q, df: -S.stdtrit(df, q))
row("cauchy", logpdf=lambda x: log_cauchy(x), pdf=lambda x: 1 / PI / (1 + x * x),
    cdf=lambda x: xp.atan2(xp.ones_like(x), -x) / PI,
    sf=lambda x: xp.atan2(xp.ones_like(x), x) / PI,
    ppf=cauchy_ppf, isf=lambda q: -cauchy_ppf(q))
row("laplace", logpdf=lambda x: -xp.abs(x) - math.log(2.0), pdf=lambda x: 0.5 * xp.exp(-xp.abs(x)),
    cdf=lambda x: laplace(x), sf=lambda x: laplace(-x), ppf=laplace_ppf,
    isf=lambda q: -laplace_ppf(q))
row("logistic", logpdf=lambda x: S.log_expit(x) + S.log_expit(-x),
    cdf=S.expit, sf=lambda x: S.expit(-x), logcdf=S.log_expit, logsf=lambda x: S.log_expit(-x),
    ppf=S.logit, isf=lambda q: -S.logit(q))
row("gumbel_r", logpdf=lambda x: -x - xp.exp(-x), cdf=lambda x: xp.exp(-xp.exp(-x)),
    sf=lambda x: -xp.expm1(-xp.exp(-x)), logcdf=lambda x: -xp.exp(-x),
    ppf=lambda q: -xp.log(-xp.log(q)), isf=lambda q: -xp.log(-xp.log1p(-q)))
row("gumbel_l", logpdf=lambda x: x - xp.exp(x), cdf=lambda x: -xp.expm1(-xp.exp(x)),
    sf=lambda x: xp.exp(-xp.exp(x)), logsf=lambda x: -xp.exp(x),
    ppf=lambda q: xp.log(-xp.log1p(-q)), isf=lambda q: xp.log(-xp.log(q)))
row("uniform", facts={"support": UNIT}, logpdf=lambda x: 0 * x, pdf=lambda x: 0 * x + 1,
    cdf=lambda x: x,
    ppf=lambda q: q)
row("expon", facts={"support": POSITIVE}, logpdf=lambda x: -x, cdf=lambda x: -xp.expm1(-x),
    sf=lambda x: xp.exp(-x), logsf=lambda x: -x, ppf=lambda q: -xp.log1p(-q),
    isf=lambda q: -xp.log(q))
row("gamma", "a", facts={"support": POSITIVE},
    logpdf=lambda x, a: S.xlogy(a - 1, x) - x - S.gammaln(a),
    cdf=lambda x, a: S.gammainc(a, x), sf=lambda x, a: S.gammaincc(a, x),
    ppf=lambda q, a: S.gammaincinv(a, q), isf=lambda q, a: S.gammainccinv(a, q))
row("invgamma", "a", facts={"support": POSITIVE, "open": True},
    logpdf=lambda x, a: -(a + 1) * xp.log(x) - S.gammaln(a) - 1 / x,
    cdf=lambda x, a: S.gammaincc(a, 1 / x), sf=lambda x, a: S.gammainc(a, 1 / x),
    ppf=lambda q, a: 1 / S.gammainccinv(a, q), isf=lambda q, a: 1 / S.gammaincinv(a, q))
row("chi2", "df", facts={"support": POSITIVE},
    logpdf=lambda x, df: S.xlogy(df / 2 - 1, x) - x / 2 - S.gammaln(df / 2) - math.log(2) * df / 2,
    cdf=lambda x, df: S.chdtr(df, x), sf=lambda x, df: S.chdtrc(df, x),
    ppf=lambda q, df: 2 * S.gammaincinv(df / 2, q), isf=lambda q, df: S.chdtri(df, q))
row("beta", "a b", facts={"support": UNIT},
    logpdf=lambda x, a, b: S.xlog1py(b - 1, -x) + S.xlogy(a - 1, x) - S.betaln(a, b),
    cdf=lambda x, a, b: S.betainc(a, b, x), sf=lambda x, a, b: S.betaincc(a, b, x),
    ppf=lambda q, a, b: S.betaincinv(a, b, q), isf=lambda q, a, b: S.betainccinv(a, b, q))
row("f", "dfn dfd", facts={"support": POSITIVE},
    logpdf=lambda x, n, m: m / 2 * xp.log(m) + n / 2 * xp.log(n) + S.xlogy(n / 2 - 1, x)
    - (n + m) / 2 * xp.log(m + n * x) - S.betaln(n / 2, m / 2),
    cdf=lambda x, n, m: S.fdtr(n, m, x), sf=lambda x, n, m: S.fdtrc(n, m, x),
    ppf=lambda q, n, m: S.fdtri(n, m, q))
row("lognorm", "s", facts={"support": POSITIVE, "open": True},
    logpdf=lambda x, s: xp.log(x) ** 2 / (-2 * s * s) - xp.log(s * x * math.sqrt(2 * PI)),
    cdf=lambda x, s: S.ndtr(xp.log(x) / s), sf=lambda x, s: S.ndtr(xp.log(x) / -s),
    logcdf=lambda x, s: S.log_ndtr(xp.log(x) / s), logsf=lambda x, s: S.log_ndtr(xp.log(x) / -s),
    ppf=lambda q, s: xp.exp(s * S.ndtri(q)), isf=lambda q, s: xp.exp(-s * S.ndtri(q)))
row("weibull_min", "c", facts={"support": POSITIVE}, logpdf=weibull,
    pdf=lambda x, c: c * x ** (c - 1) * xp.exp(-(x**c)), cdf=lambda x, c: -xp.expm1(-(x**c)),
    sf=lambda x, c: xp.exp(-(x**c)), logsf=lambda x, c: -(x**c),
    ppf=lambda q, c: (-xp.log1p(-q)) ** (1 / c), isf=lambda q, c: (-xp.log(q)) ** (1 / c))
row("weibull_max", "c", facts={"support": (-math.inf, 0.0)}, logpdf=lambda x, c: weibull(-x, c),
    pdf=lambda x, c: c * (-x) ** (c - 1) * xp.exp(-((-x) ** c)),
    cdf=lambda x, c: xp.exp(-((-x) ** c)),
    sf=lambda x, c: -xp.expm1(-((-x) ** c)), logcdf=lambda x, c: -((-x) ** c),
    ppf=lambda q, c: -((-xp.log(q)) ** (1 / c)))
row("pareto", "b", facts={"support": (1.0, math.inf)},
    logpdf=lambda x, b: xp.log(b) - (b + 1) * xp.log(x), pdf=lambda x, b: b * x ** (-b - 1),
    cdf=lambda x, b: 1 - x ** (-b), sf=lambda x, b: x ** (-b),
    ppf=lambda q, b: (1 - q) ** (-1 / b), isf=lambda q, b: q ** (-1 / b))
row("lomax", "c", facts={"support": POSITIVE},
    logpdf=lambda x, c: xp.log(c) - (c + 1) * xp.log1p(x),
    cdf=lambda x, c: -xp.expm1(-c * xp.log1p(x)),
    sf=lambda x, c: xp.exp(-c * xp.log1p(x)), logsf=lambda x, c: -c * xp.log1p(x),
    ppf=lambda q, c: xp.expm1(-xp.log1p(-q) / c), isf=lambda q, c: q ** (-1 / c) - 1)
row("rayleigh", facts={"support": POSITIVE}, logpdf=lambda x: xp.log(x) - 0.5 * x * x,
    cdf=lambda x: -xp.expm1(-0.5 * x * x), sf=lambda x: xp.exp(-0.5 * x * x),
    logsf=lambda x: -0.5 * x * x, ppf=lambda q: xp.sqrt(-2 * xp.log1p(-q)),
    isf=lambda q: xp.sqrt(-2 * xp.log(q)))
row("maxwell", facts={"support": POSITIVE},
    logpdf=lambda x: math.log(2 / PI) / 2 + 2 * xp.log(x) - 0.5 * x * x,
    pdf=lambda x: math.sqrt(2 / PI) * x * x * xp.exp(-x * x / 2),
    cdf=lambda x: S.gammainc(half(x), x * x / 2), sf=lambda x: S.gammaincc(half(x), x * x / 2),
    ppf=lambda q: xp.sqrt(2 * S.gammaincinv(half(q), q)),
    isf=lambda q: xp.sqrt(2 * S.gammainccinv(half(q), q)))
row("halfnorm", facts={"support": POSITIVE}, logpdf=lambda x: 0.5 * math.log(2 / PI) - x * x / 2,
    pdf=lambda x: math.sqrt(2 / PI) * xp.exp(-x * x / 2), cdf=lambda x: S.erf(x / ROOT_2),
    sf=lambda x: 2 * S.ndtr(-x), ppf=lambda q: S.ndtri((1 + q) / 2), isf=lambda q: -S.ndtri(q / 2))
row("halfcauchy", facts={"support": POSITIVE}, logpdf=lambda x: math.log(2 / PI) - xp.log1p(x * x),
    pdf=lambda x: 2 / PI / (1 + x * x), cdf=lambda x: 2 / PI * xp.atan(x),
    sf=lambda x: 2 / PI * xp.atan2(xp.ones_like(x), x), ppf=lambda q: xp.tan(PI / 2 * q),
    isf=lambda q: 1 / xp.tan(PI / 2 * q))
row("truncnorm", "a b",
    facts={"support": (lambda a, b: a, lambda a, b: b), "valid": lambda a, b: a < b,
           "safe": (-1.0, 1.0), "inner": lambda a, b: between(a, b)},
    logpdf=lambda x, a, b: log_normal(x) - truncnorm_mass(a, b),
    cdf=lambda x, a, b: xp.exp(truncnorm_cdf(x, a, b)),
    sf=lambda x, a, b: xp.exp(truncnorm_cdf(x, a, b, True)),
    logcdf=truncnorm_cdf, logsf=lambda x, a, b: truncnorm_cdf(x, a, b, True),
    ppf=truncnorm_ppf, isf=truncnorm_isf)
row("skewnorm", "a", facts={"valid": all_finite},
    logpdf=lambda x, a: math.log(2) + log_normal(x) + S.log_ndtr(a * x),
    pdf=lambda x, a: 2 * xp.exp(log_normal(x)) * S.ndtr(a * x),
    **ROWS["skewnorm"])
row("vonmises", "kappa", facts={"valid": lambda kappa: kappa >= 0},
    logpdf=lambda x, kappa: kappa * S.cosm1(x) - math.log(2 * PI) - xp.log(S.i0e(kappa)),
    **ROWS["vonmises"])
row("genextreme", "c",
    facts={"support": (lambda c: ends(c, -1), lambda c: ends(c, 1)), "valid": all_finite,
           "open": True, "inner": lambda c: 0.0},
    logpdf=lambda x, c: -xp.exp(log_extreme(x, c)) + log_extreme(x, c) - xp.log1p(-c * x),
    cdf=lambda x, c: xp.exp(-xp.exp(log_extreme(x, c))),
    sf=lambda x, c: -xp.expm1(-xp.exp(log_extreme(x, c))),
    logcdf=lambda x, c: -xp.exp(log_extreme(x, c)),
    ppf=lambda q, c: of_gumbel(-xp.log(-xp.log(q)), c),
    isf=lambda q, c: of_gumbel(-xp.log(-xp.log1p(-q)), c))
row("genpareto", "c",
    facts={"support": (0.0, lambda c: xp.where(c < 0, -1 / xp.where(c < 0, c, -1.0), math.inf)),
           "valid": all_finite,
           "inner": lambda c: xp.where(c < 0, -0.5 / xp.where(c < 0, c, -1.0), 1.0)},
    logpdf=lambda x, c: -(c + 1) * x * log1p_ratio(c * x),
    cdf=lambda x, c: -xp.expm1(-x * log1p_ratio(c * x)),
    sf=lambda x, c: xp.exp(-x * log1p_ratio(c * x)), logsf=lambda x, c: -x * log1p_ratio(c * x),
    ppf=lambda q, c: of_exponential(-xp.log1p(-q), c),
    isf=lambda q, c: of_exponential(-xp.log(q), c))
row("invgauss", "mu", facts={"support": POSITIVE, "open": True},
    logpdf=lambda x, mu: -0.5 * math.log(2 * PI) - 1.5 * xp.log(x) - (x / mu - 1) ** 2 / (2 * x),
    cdf=lambda x, mu: xp.exp(invgauss_logs(x, mu)),
    sf=lambda x, mu: xp.exp(invgauss_logs(x, mu, True)),
    logcdf=invgauss_logs, logsf=lambda x, mu: invgauss_logs(x, mu, True), **ROWS["invgauss"])
row("exponnorm", "K",
    logpdf=lambda x, K: exponnorm_log(x, K) - xp.log(K),
    cdf=lambda x, K: S.ndtr(x) - xp.exp(exponnorm_log(x, K)),
    sf=lambda x, K: S.ndtr(-x) + xp.exp(exponnorm_log(x, K)), **ROWS["exponnorm"])
row("nct", "df nc",
    facts={"valid": lambda df, nc: (df > 0) & (xp.abs(nc) < math.inf), "safe": (1.0, 0.0)}, **NCT)
# fmt: on


def student(x: Any, df: Any) -> Any:
    """Of infinite `df`, the normal distribution."""
    endless = df == math.inf
    return xp.where(endless, log_normal(x), log_student(x, xp.where(endless, 1.0, df)))


def log_student(x: Any, df: Any) -> Any:
    half = xp.zeros_like(df) + 0.5
    front = xp.log(S.poch(df / 2, half)) - 0.5 * (xp.log(df) + math.log(PI))
    return front - (df + 1) / 2 * xp.log1p(x * x / df)


def log_cauchy(x: Any) -> Any:
    far = xp.abs(x) > 1
    a = xp.where(far, 1 / xp.where(far, x, 1.0), x)
    return -math.log(PI) - xp.log1p(a * a) - 2 * xp.log(xp.where(far, xp.abs(x), 1.0))


def laplace(x: Any) -> Any:
    right = x > 0
    tail = 0.5 * xp.exp(xp.where(right, -x, x))
    return xp.where(right, 1 - tail, tail)


def log_extreme(x: Any, c: Any) -> Any:
    """log(-log(cdf))."""
    return -x * log1p_ratio(-c * x)


def of_gumbel(x: Any, c: Any) -> Any:
    return x * S.exprel(-c * x)


def of_exponential(y: Any, c: Any) -> Any:
    return y * S.exprel(c * y)


def ends(c: Any, sign: int) -> Any:
    """The end of the support that 1/c is, if `c` has this sign; else an infinity."""
    there = c * sign > 0
    return xp.where(there, 1 / xp.where(there, c, 1.0), sign * math.inf)


def between(a: Any, b: Any) -> Any:
    """A point between `a` and `b`, which may be infinite."""
    low, high = xp.where(a == -math.inf, b - 2, a), xp.where(b == math.inf, a + 2, b)
    middle = xp.where(a == -math.inf, high - 1, xp.where(b == math.inf, low + 1, (low + high) / 2))
    return xp.where((a == -math.inf) & (b == math.inf), 0.0, middle)
