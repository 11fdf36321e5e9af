"""Distribution functions and quantiles that SciPy's compiled code computes: rows on the host.

A quantile moves with a parameter such that its probability stays. So its derivative is that of the
distribution function, divided by the density.
"""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import xp
from ...engine.primitive import Primitive
from ...errors import UnsupportedError
from ...rules.special.slopes import factor
from ..special_rows import S, on_host
from .formulas import exponnorm_log, normal

__all__ = ["ROWS"]


def skew_density(x: Any, a: Any) -> Any:
    return 2 * normal(x) * S.ndtr(a * x)


def skew_slope(x: Any, a: Any) -> Any:
    """The derivative of the distribution function by `a`, from that of Owen's T."""
    return -xp.exp(x * x * (1 + a * a) / -2) / (math.pi * (1 + a * a))


def gauss_density(x: Any, mu: Any) -> Any:
    return xp.exp(-((x / mu - 1) ** 2) / (2 * x)) / xp.sqrt(2 * math.pi * x * x * x)


def gauss_slope(x: Any, mu: Any) -> Any:
    """The derivative of the distribution function by `mu`."""
    tail = xp.exp(2 / mu + S.log_ndtr(-(x / mu + 1) / xp.sqrt(x)))
    return -2 / (mu * mu) * tail


def expon_density(x: Any, K: Any) -> Any:
    return xp.exp(exponnorm_log(x, K)) / K


def expon_slope(x: Any, K: Any) -> Any:
    """The derivative of the distribution function by `K`."""
    return xp.exp(exponnorm_log(x, K)) * (1 / K - x) / (K * K) - normal(x) / (K * K)


def mises_density(x: Any, kappa: Any) -> Any:
    return xp.exp(kappa * S.cosm1(x)) / (2 * math.pi * S.i0e(kappa))


def quantiles(name: str, density: Any, slope: Any) -> dict[str, Any]:
    """The rows ``ppf`` and ``isf`` of the distribution `name`."""

    def by_shape(t: Any, s: Any, y: Any) -> Any:
        return -t * (slope(y, s) / density(y, s))

    return {
        "ppf": on_host(f"scipy.stats.{name}_ppf(q, s, /)",
                       lambda t, s, y: t / density(y, s), by_shape),
        "isf": on_host(f"scipy.stats.{name}_isf(q, s, /)",
                       lambda t, s, y: -t / density(y, s), by_shape),
    }  # fmt: skip


SKEW = on_host(
    "scipy.stats.skewnorm_cdf(x, a, /)", lambda t, x, a: t * skew_density(x, a),
    lambda t, x, a: t * skew_slope(x, a),
)  # fmt: skip

#: The derivatives of all orders by `kappa`.
MISES_SLOPE: Primitive = on_host(
    "scipy.stats.vonmises_slope(x, kappa, order, /)",
    lambda t, x, kappa, order: t * mises_bend(x, kappa, order),
    lambda t, x, kappa, order: t * MISES_SLOPE(x, kappa, order + 1), None,
)  # fmt: skip
MISES = on_host(
    "scipy.stats.vonmises_cdf(x, kappa, /)", lambda t, x, kappa: t * mises_density(x, kappa),
    lambda t, x, kappa: t * MISES_SLOPE(x, kappa, 1),
)  # fmt: skip


def mises_bend(x: Any, kappa: Any, order: int) -> Any:
    """The derivative of the density by `kappa`, of this order."""
    if order > 2:
        raise UnsupportedError("scipy.stats.vonmises: derivatives by kappa go to the third order")
    r = S.i1e(kappa) / S.i0e(kappa)
    small = kappa < 1e-3
    bend = xp.where(small, 0.5 - 3 * kappa * kappa / 16,
                    1 - r / xp.where(small, 1.0, kappa) - r * r)  # fmt: skip
    return mises_density(x, kappa) * factor([S.cosm1(x) + 1 - r, -bend], order)


ROWS: dict[str, dict[str, Any]] = {
    "skewnorm": {
        "cdf": SKEW, "sf": lambda x, a: SKEW(-x, -a),
        **quantiles("skewnorm", skew_density, skew_slope),
    },
    "vonmises": {
        "cdf": MISES,
        **quantiles("vonmises", mises_density, lambda x, kappa: MISES_SLOPE(x, kappa, 1)),
    },
    "invgauss": quantiles("invgauss", gauss_density, gauss_slope),
    "exponnorm": quantiles("exponnorm", expon_density, expon_slope),
}  # fmt: skip
