"""Functions of SciPy's distributions of one shape parameter, in their standard form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
import scipy.stats

__all__ = ["binom_pmf", "exponnorm_isf", "exponnorm_ppf", "invgauss_isf", "invgauss_ppf",
           "nbinom_pmf", "nct_isf", "nct_ppf", "skewnorm_cdf", "skewnorm_isf", "skewnorm_ppf",
           "vonmises_cdf", "vonmises_isf", "vonmises_ppf", "vonmises_slope"]  # fmt: skip


def _method(name: str, method: str) -> Callable[..., Any]:
    function = getattr(getattr(scipy.stats, name), method)
    return lambda x, *shapes: np.asarray(function(x, *shapes))


binom_pmf, nbinom_pmf = _method("binom", "pmf"), _method("nbinom", "pmf")
skewnorm_cdf, vonmises_cdf = _method("skewnorm", "cdf"), _method("vonmises", "cdf")
skewnorm_ppf, skewnorm_isf = _method("skewnorm", "ppf"), _method("skewnorm", "isf")
vonmises_ppf, vonmises_isf = _method("vonmises", "ppf"), _method("vonmises", "isf")
invgauss_ppf, invgauss_isf = _method("invgauss", "ppf"), _method("invgauss", "isf")
exponnorm_ppf, exponnorm_isf = _method("exponnorm", "ppf"), _method("exponnorm", "isf")
nct_ppf, nct_isf = _method("nct", "ppf"), _method("nct", "isf")

_K = np.arange(-44, 45) * 0.075
#: The nodes and weights of the double exponential rule on [0, 1].
_NODES = 1 / (1 + np.exp(-math.pi * np.sinh(_K)))
_WEIGHTS = 0.075 * math.pi * np.cosh(_K) * _NODES / (1 + np.exp(math.pi * np.sinh(_K)))


def vonmises_slope(x: Any, kappa: Any, order: int) -> Any:
    """The derivative of that order, 1 to 3, of the distribution function by `kappa`."""
    x, kappa = np.broadcast_arrays(np.asarray(x), np.asarray(kappa))
    x, kappa = (x - 2 * math.pi * np.round(x / (2 * math.pi)))[..., None], kappa[..., None]
    points = x * _NODES
    c = scipy.special.cosm1(points)
    i0 = scipy.special.i0e(kappa)
    r = scipy.special.i1e(kappa) / i0
    small = kappa < 1e-3
    k = np.where(small, 1.0, kappa)
    one = c + 1 - r
    two = -np.where(small, 0.5 - 3 * kappa**2 / 16, 1 - r / k - r * r)
    three = np.where(small, 3 * kappa / 8, two / k * -1 - r / k**2 - 2 * r * two)
    shift = {1: one, 2: one**2 + two, 3: one**3 + 3 * one * two + three}[order]
    y = np.exp(kappa * c) / (2 * math.pi * i0) * shift
    return np.sum(y * _WEIGHTS, axis=-1) * x[..., 0]
