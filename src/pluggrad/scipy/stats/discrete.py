"""The discrete distributions, by their parameters: rows as in `continuous`."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import xp
from ..special_rows import S, on_host
from .kinds import Discrete

__all__ = ["DISCRETE"]

DISCRETE: dict[str, Discrete] = {}


def row(
    name: str, shapes: str, upper: Any, valid: Any, safe: Any, lower: int = 0, **formulas: Any
) -> None:  # fmt: skip
    DISCRETE[name] = Discrete(
        name, shapes, formulas, support=(lower, upper), valid=valid, safe=safe
    )


def binom_log(k: Any, n: Any, p: Any) -> Any:
    ways = S.gammaln(n + 1) - (S.gammaln(k + 1) + S.gammaln(n - k + 1))
    return ways + S.xlogy(k, p) + S.xlog1py(n - k, -p)


def nbinom_log(k: Any, n: Any, p: Any) -> Any:
    ways = S.gammaln(n + k) - S.gammaln(k + 1) - S.gammaln(n)
    return ways + n * xp.log(p) + S.xlog1py(k, -p)


def quotient(k: Any, p: Any) -> Any:
    """k/p, and 0 for 0/0."""
    return k / xp.where((k == 0) & (p == 0), 1.0, p)


def bernoulli(k: Any, p: Any) -> Any:
    return xp.where(k == 0, 1 - p, p)


# SciPy's own masses: by the logarithm, large numbers would lose digits.
BINOM = on_host(
    "scipy.stats.binom_pmf(k, n, p, /)", None,
    lambda t, k, n, p, y: t * y * (S.psi(n + 1) - S.psi(n - k + 1) + xp.log1p(-p)),
    lambda t, k, n, p, y: t * y * (quotient(k, p) - quotient(n - k, 1 - p)),
)  # fmt: skip
NBINOM = on_host(
    "scipy.stats.nbinom_pmf(k, n, p, /)", None,
    lambda t, k, n, p, y: t * y * (S.psi(n + k) - S.psi(n) + xp.log(p)),
    lambda t, k, n, p, y: t * y * (n / p - quotient(k, 1 - p)),
)  # fmt: skip

# fmt: off
row("poisson", "mu", math.inf, lambda mu: mu >= 0, (1.0,),
    logpmf=lambda k, mu: S.xlogy(k, mu) - S.gammaln(k + 1) - mu,
    cdf=lambda k, mu: S.pdtr(k, mu), sf=lambda k, mu: S.pdtrc(k, mu))
row("binom", "n p", lambda n, p: n,
    lambda n, p: (n >= 0) & (xp.floor(n) == n) & (p >= 0) & (p <= 1), (1.0, 0.5),
    logpmf=binom_log, pmf=BINOM,
    cdf=lambda k, n, p: S.betaincc(k + 1, n - k, p), sf=lambda k, n, p: S.betainc(k + 1, n - k, p))
row("nbinom", "n p", math.inf, lambda n, p: (n > 0) & (p > 0) & (p <= 1), (1.0, 0.5),
    logpmf=nbinom_log, pmf=NBINOM,
    cdf=lambda k, n, p: S.betainc(n, k + 1, p), sf=lambda k, n, p: S.betaincc(n, k + 1, p))
row("bernoulli", "p", 1, lambda p: (p >= 0) & (p <= 1), (0.5,), pmf=bernoulli,
    logpmf=lambda k, p: S.xlogy(k, p) + S.xlog1py(1 - k, -p),
    cdf=lambda k, p: 1 - p, sf=lambda k, p: p + xp.zeros_like(k))
row("geom", "p", math.inf, lambda p: (p > 0) & (p <= 1), (0.5,), lower=1,
    logpmf=lambda k, p: S.xlog1py(k - 1, -p) + xp.log(p), pmf=lambda k, p: (1 - p) ** (k - 1) * p,
    cdf=lambda k, p: -xp.expm1(k * xp.log1p(-p)), sf=lambda k, p: xp.exp(k * xp.log1p(-p)),
    logsf=lambda k, p: k * xp.log1p(-p))
# fmt: on
