"""The kernel density estimate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...arrays.dispatch import xp
from ...errors import InvalidArgumentError, UnknownNameError, UnsupportedError
from ...variables.library_functions import raw, tracked
from ..rows import scipy_module
from .multivariate import arrays, whiten

__all__ = ["gaussian_kde"]


class gaussian_kde:
    """A kernel density estimate with Gaussian kernels, as `scipy.stats.gaussian_kde`.

    `evaluate`, `pdf` and `logpdf` have derivatives by the points, the dataset and the weights.
    Other methods are SciPy's, for a dataset that requires no grad.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.gaussian_kde.html
    """

    def __init__(self, dataset: Any, bw_method: Any = None, weights: Any = None) -> None:
        where = "scipy.stats.gaussian_kde"
        data, weights = arrays([dataset, weights], where)
        self.dataset = data if data.ndim > 1 else xp.reshape(data, (1, -1))
        if self.dataset.ndim != 2 or math.prod(self.dataset.shape) < 2:
            raise InvalidArgumentError(f"{where}: the dataset is a matrix of several elements")
        self.d, self.n = self.dataset.shape
        if self.d > self.n:
            raise InvalidArgumentError(f"{where}: {self.d} dimensions for {self.n} points")
        if weights is None:
            self.weights = xp.zeros_like(self.dataset[0, :]) + 1 / self.n
        else:
            if tuple(weights.shape) != (self.n,):
                raise InvalidArgumentError(f"{where}: weights is a vector of length {self.n}")
            self.weights = weights / xp.sum(weights)
        self.neff = 1 / xp.sum(self.weights * self.weights)
        self._bandwidth = bw_method
        self.factor = self._factor(bw_method)
        mean = xp.sum(self.dataset * self.weights, axis=-1, keepdims=True)
        dev = self.dataset - mean
        spread = 1 - xp.sum(self.weights * self.weights)
        self.covariance = (dev * self.weights) @ dev.T / spread * self.factor**2

    def _factor(self, method: Any) -> Any:
        if method is None or method == "scott":
            return self.scotts_factor()
        if method == "silverman":
            return self.silverman_factor()
        if isinstance(method, str):
            raise InvalidArgumentError(
                "scipy.stats.gaussian_kde: bw_method is 'scott', 'silverman', a number or a "
                f"function, not {method!r}"
            )
        return method(self) if callable(method) else method

    def scotts_factor(self) -> Any:
        """Scott's rule for the width of the kernels."""
        return self.neff ** (-1.0 / (self.d + 4))

    def silverman_factor(self) -> Any:
        """Silverman's rule for the width of the kernels."""
        return (self.neff * (self.d + 2.0) / 4.0) ** (-1.0 / (self.d + 4))

    def logpdf(self, x: Any) -> Any:
        """The logarithm of the estimate at points."""
        (x, _) = arrays([x, self.dataset], "scipy.stats.gaussian_kde.logpdf")
        x = xp.reshape(x, (1, -1)) if x.ndim < 2 else x
        if x.shape[0] != self.d:
            if x.shape != (1, self.d):
                raise InvalidArgumentError(
                    f"scipy.stats.gaussian_kde: points of {x.shape[0]} coordinates, not {self.d}"
                )
            x = x.T
        both = xp.concat([self.dataset, x], axis=1).T
        z, log = whiten(self.covariance, both, "scipy.stats.gaussian_kde")
        steps = xp.expand_dims(z[self.n :, :], axis=1) - z[: self.n, :]
        kernels = xp.sum(steps * steps, axis=-1) / -2 + xp.log(self.weights)
        front = (self.d * math.log(2 * math.pi) + log) / 2
        return xp.logsumexp(kernels, axis=-1) - front

    def evaluate(self, points: Any) -> Any:
        """The estimate at points."""
        return xp.exp(self.logpdf(points))

    __call__ = evaluate

    def pdf(self, x: Any) -> Any:
        """The estimate at points, as `evaluate`."""
        return self.evaluate(x)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in ("dataset", "weights"):
            raise AttributeError(name)
        theirs = scipy_module("stats").gaussian_kde
        if not hasattr(theirs, name):
            raise UnknownNameError(f"gaussian_kde has no attribute {name!r}")
        if tracked((self.dataset, self.weights), {}):
            raise UnsupportedError(
                f"scipy.stats.gaussian_kde.{name} has no derivative in pluggrad.scipy; "
                "`.detach()` the dataset if no gradient is needed"
            )
        data, weights = raw((self.dataset, self.weights))
        factor = raw(self.factor) if not callable(self._bandwidth) else self.factor
        found: Callable[..., Any] = getattr(theirs(data, float(factor), weights), name)
        return found
