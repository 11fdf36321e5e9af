"""The noncentral t distribution: integrals over the chi distribution in its denominator.

With w = exp(u) the integrands are smooth and fall off on both sides, where the trapezoidal rule is
exact to rounding, and so are its derivatives by all parameters.
"""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import is_variable, xp
from ...functions.operand import constant
from ..special_rows import S, on_host
from .formulas import HALF_LOG_2PI

__all__ = ["NCT"]

COUNT = 300


def _held(x: Any) -> Any:
    return x.detach() if is_variable(x) else x


def _log_chi(u: Any, df: Any) -> Any:
    """The logarithm of the density of u, of which exp(u) has the chi distribution."""
    return df * u - xp.exp(2 * u) / 2 + (1 - df / 2) * math.log(2) - S.gammaln(df / 2)


def _normal_argument(u: Any, x: Any, df: Any, nc: Any) -> Any:
    return x * xp.exp(u) / xp.sqrt(df) - nc


def _parts(x: Any, df: Any, nc: Any, log: Any) -> tuple[Any, Any, Any, Any, Any]:
    """The argument z of the normal distribution at the nodes, the logarithms of their weights, the
    nodes u, and `x` and `df` beside them; the nodes are constants, along a last axis.

    ``log(z)`` is the logarithm of the other factor. The nodes are close together where the product
    is greatest, at one of two places, and further apart away from there.
    """
    held = [_held(v) for v in (x, df, nc)]
    hx, hdf, hnc = held
    a, b = 1 + hx * hx / hdf, hx * hnc / xp.sqrt(hdf)
    near = xp.log((b + xp.sqrt(b * b + 4 * a * (hdf + 1))) / (2 * a))
    usual = 0.5 * xp.log(hdf)
    heights = [log(_normal_argument(u, *held)) + _log_chi(u, hdf) for u in (near, usual)]
    middle = xp.where(heights[0] > heights[1], near, usual)
    width = 1 / xp.sqrt(1 + hdf + hnc * hnc + a * xp.exp(2 * middle))
    reach = [xp.abs(near - usual) + 12 / xp.sqrt(hdf) + 40 / hdf,
             xp.abs(near - usual) + xp.minimum(12 / xp.sqrt(hdf), 4.0)]  # fmt: skip
    low, high = [xp.asinh(r / width) for r in reach]
    step, low, middle, width = [
        xp.expand_dims(v, axis=-1) for v in ((low + high) / (COUNT - 1), -low, middle, width)
    ]
    v = low + step * constant(hx, "arange", COUNT)
    u = middle + width * xp.sinh(v)
    x, df, nc = [xp.expand_dims(z, axis=-1) for z in (x, df, nc)]
    weights = _log_chi(u, df) + xp.log(step * width * xp.cosh(v))
    return _normal_argument(u, x, df, nc), weights, u, x, df


def _log_phi(z: Any) -> Any:
    return z * z / -2 - HALF_LOG_2PI


def _total(logs: Any) -> Any:
    """The logarithm of the sum of exponentials along the last axis."""
    return xp.logsumexp(logs, axis=-1)


def nct_logpdf(x: Any, df: Any, nc: Any) -> Any:
    z, weights, u, _, df = _parts(x, df, nc, _log_phi)
    return _total(_log_phi(z) + u - xp.log(df) / 2 + weights)


def nct_logs(x: Any, df: Any, nc: Any) -> tuple[Any, Any]:
    """The logarithms of the probabilities below and above `x`, both precise near 0."""
    z, weights, *_ = _parts(x, df, nc, S.log_ndtr)
    below = _total(S.log_ndtr(z) + weights)
    z, weights, *_ = _parts(x, df, nc, lambda z: S.log_ndtr(-z))
    above = _total(S.log_ndtr(-z) + weights)
    return _precise(below, above), _precise(above, below)


def _precise(log: Any, other: Any) -> Any:
    """`log`, by the logarithm of the other probability where that is small."""
    small = other < -1.0
    return xp.where(small, xp.log1p(-xp.exp(xp.where(small, other, -1.0))), log)


def nct_by_df(x: Any, df: Any, nc: Any) -> Any:
    """The derivative of the distribution function by `df`."""
    z, weights, u, x, df = _parts(x, df, nc, S.log_ndtr)
    turned = -xp.exp(_log_phi(z) + u) * x / (2 * df * xp.sqrt(df))
    moved = S.ndtr(z) * (u - math.log(2) / 2 - S.digamma(df / 2) / 2)
    return xp.sum((turned + moved) * xp.exp(weights), axis=-1)


def nct_by_nc(x: Any, df: Any, nc: Any) -> Any:
    """The derivative of the distribution function by `nc`."""
    z, weights, *_ = _parts(x, df, nc, _log_phi)
    return -xp.exp(_total(_log_phi(z) + weights))


def _quantile(name: str, sign: float) -> Any:
    def density(y: Any, df: Any, nc: Any) -> Any:
        return xp.exp(nct_logpdf(y, df, nc))

    return on_host(
        f"scipy.stats.{name}(q, df, nc, /)",
        lambda t, df, nc, y: sign * t / density(y, df, nc),
        lambda t, df, nc, y: -t * (nct_by_df(y, df, nc) / density(y, df, nc)),
        lambda t, df, nc, y: -t * (nct_by_nc(y, df, nc) / density(y, df, nc)),
    )  # fmt: skip


#: The formulas of the row.
NCT = {
    "logpdf": nct_logpdf,
    "logcdf": lambda x, df, nc: nct_logs(x, df, nc)[0],
    "logsf": lambda x, df, nc: nct_logs(x, df, nc)[1],
    "cdf": lambda x, df, nc: xp.exp(nct_logs(x, df, nc)[0]),
    "sf": lambda x, df, nc: xp.exp(nct_logs(x, df, nc)[1]),
    "ppf": _quantile("nct_ppf", 1.0), "isf": _quantile("nct_isf", -1.0),
}  # fmt: skip
