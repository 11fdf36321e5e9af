"""The normal distribution in the form of SciPy's new infrastructure."""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ...errors import UnknownNameError, UnsupportedError
from ...variables.library_functions import raw, tracked
from ..rows import refuse_away, scipy_module
from .continuous import CONTINUOUS
from .multivariate import arrays

__all__ = ["Normal"]

NORM = CONTINUOUS["norm"]
#: Our names for what the new ones compute.
METHODS = {"pdf": "pdf", "logpdf": "logpdf", "cdf": "cdf", "logcdf": "logcdf", "ccdf": "sf",
           "logccdf": "logsf", "icdf": "ppf", "iccdf": "isf"}  # fmt: skip


class Normal:
    """The normal distribution, as `scipy.stats.Normal`.

    `pdf`, `logpdf`, `cdf`, `logcdf`, `ccdf`, `logccdf`, `icdf`, `iccdf`, `mean`, `median`, `mode`,
    `variance` and `standard_deviation` have derivatives by the point, `mu` and `sigma`. Their
    argument `method` is left out, and so is the second bound of `cdf`. Everything else is SciPy's,
    for parameters that require no grad.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.Normal.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.stats
    >>> pg.grad(lambda mu: pg.scipy.stats.Normal(mu=mu, sigma=2.0).logpdf(1.0))(np.asarray(0.0))
    np.float64(0.25)
    """

    def __init__(self, *, mu: Any = 0.0, sigma: Any = 1.0, **settings: Any) -> None:
        self.mu, self.sigma = arrays([mu, sigma], "scipy.stats.Normal")
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in METHODS:
            function = getattr(NORM, METHODS[name])

            def call(x: Any, y: Any = None, /, *, method: Any = None) -> Any:
                refuse_away(f"stats.Normal.{name}", y=(y, None), method=(method, None))
                return function(x, self.mu, self.sigma)

            return call
        theirs = scipy_module("stats").Normal
        if not hasattr(theirs, name):
            raise UnknownNameError(f"Normal has no attribute {name!r}")
        if tracked((self.mu, self.sigma), {}):
            raise UnsupportedError(
                f"scipy.stats.Normal.{name} has no derivative in pluggrad.scipy; `.detach()` mu "
                "and sigma if no gradient is needed"
            )
        mu, sigma = raw((self.mu, self.sigma))
        return getattr(theirs(mu=mu, sigma=sigma, **self._settings), name)

    def _center(self) -> Any:
        return xp.where(self.sigma > 0, self.mu, float("nan"))

    def mean(self, *, method: Any = None) -> Any:
        """The mean."""
        refuse_away("stats.Normal.mean", method=(method, None))
        return self._center()

    def median(self, *, method: Any = None) -> Any:
        """The median."""
        refuse_away("stats.Normal.median", method=(method, None))
        return self._center()

    def mode(self, *, method: Any = None) -> Any:
        """The mode."""
        refuse_away("stats.Normal.mode", method=(method, None))
        return self._center()

    def standard_deviation(self, *, method: Any = None) -> Any:
        """The standard deviation."""
        refuse_away("stats.Normal.standard_deviation", method=(method, None))
        return xp.where(self.sigma > 0, self.sigma + 0 * self.mu, float("nan"))

    def variance(self, *, method: Any = None) -> Any:
        """The variance."""
        refuse_away("stats.Normal.variance", method=(method, None))
        return self.standard_deviation() ** 2
