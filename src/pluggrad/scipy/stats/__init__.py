"""`scipy.stats` with derivatives: distributions by the point and by all parameters, and statistics
of samples."""

from __future__ import annotations

from ..rows import falling_through
from .continuous import CONTINUOUS
from .discrete import DISCRETE
from .kernels import gaussian_kde
from .multivariate import dirichlet, multivariate_normal
from .normal import Normal
from .summaries import gmean, hmean, kurtosis, moment, pearsonr, skew, zscore

__all__ = [
    *CONTINUOUS, *DISCRETE, "Normal", "dirichlet", "gaussian_kde", "gmean", "hmean", "kurtosis",
    "moment", "multivariate_normal", "pearsonr", "skew", "zscore",
]  # fmt: skip

globals().update(CONTINUOUS)
globals().update(DISCRETE)

__getattr__, __dir__ = falling_through("stats", __all__)
