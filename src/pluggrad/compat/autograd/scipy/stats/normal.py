"""Log-densities of normal distributions as primitives: the most used functions of `scipy.stats`,
at the cost of their formulas."""

from __future__ import annotations

import math
from typing import Any

from ..... import numpy as np
from .....arrays.dispatch import is_variable
from ...defining import defvjp
from ...primitives import primitive

__all__ = ["multivariate_logpdf", "norm_logpdf"]


def _on_numpy(*args: Any) -> bool:
    """Whether all Variables among `args` hold NumPy arrays."""
    return all([not is_variable(x) or x._backend.name == "numpy" for x in args])


def norm_logpdf(ours: Any) -> Any:
    """`scipy.stats.norm.logpdf` for Variables; `ours` is called for those of other libraries."""

    def logpdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        return (_norm if _on_numpy(x, loc, scale) else ours)(x, loc, scale)

    return logpdf


_CONSTANT = 0.5 * math.log(2 * math.pi)


@primitive
def _norm(x: Any, loc: Any, scale: Any) -> Any:
    """`scipy.stats.norm.logpdf`, by its formula."""
    x, scale = np.asarray(x), np.asarray(scale)
    scale = np.where(scale > 0, scale, math.nan)
    z = (x - loc) / scale
    return -0.5 * z * z - np.log(scale) - _CONSTANT


defvjp(
    _norm,
    lambda ans, x, loc, scale: lambda g: g * ((loc - x) / (scale * scale)),
    lambda ans, x, loc, scale: lambda g: g * ((x - loc) / (scale * scale)),
    lambda ans, x, loc, scale: (
        lambda g: g * ((((x - loc) / scale) ** 2 - 1.0) / scale)
    ),
)  # fmt: skip


@primitive
def _logpdf(x: Any, mean: Any, cov: Any) -> Any:
    """`scipy.stats.multivariate_normal.logpdf` of vectors along the last axis of `x`."""
    import scipy.stats

    return scipy.stats.multivariate_normal.logpdf(x, mean, cov)


def _solved(x: Any, mean: Any, cov: Any) -> Any:
    """The deviations from the mean, times the inverse of the covariance."""
    d = x - mean
    rows = np.reshape(d, (-1, d.shape[-1]))
    return np.reshape(np.transpose(np.linalg.solve(cov, np.transpose(rows))), d.shape)


def _pull_covariance(ans: Any, x: Any, mean: Any, cov: Any) -> Any:
    """The gradient by the covariance, which is symmetric."""

    def pull(g: Any) -> Any:
        v = np.reshape(_solved(x, mean, cov), (-1, cov.shape[-1]))
        weighted = v * np.reshape(g, (-1, 1))
        return 0.5 * (np.transpose(weighted) @ v - np.sum(g) * np.linalg.inv(cov))

    return pull


defvjp(
    _logpdf,
    lambda ans, x, mean, cov: lambda g: -np.expand_dims(g, -1) * _solved(x, mean, cov),
    lambda ans, x, mean, cov: lambda g: np.expand_dims(g, -1) * _solved(x, mean, cov),
    _pull_covariance,
)


def multivariate_logpdf(ours: Any) -> Any:
    """`scipy.stats.multivariate_normal.logpdf` for Variables; `ours` is called for arguments of
    other shapes than vectors, a mean vector and a matrix, and for singular covariances."""

    def logpdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        n = np.shape(cov)[-1] if np.ndim(cov) == 2 else 0
        vectors = np.shape(mean) == (n,) and np.shape(x)[-1:] == (n,)
        if n and vectors and not allow_singular and _on_numpy(x, mean, cov):
            return _logpdf(x, mean, cov)
        return ours(x, mean, cov, allow_singular)

    return logpdf
