"""Distributions of vectors."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.backend import backend_of, get_backend
from ...arrays.dispatch import is_batched, is_variable, xp
from ...engine.arguments import shortened
from ...engine.handles import raw_of
from ...errors import (
    InvalidArgumentError,
    LinAlgError,
    TypeMismatchError,
    UnsupportedError,
)
from ...variables.library_functions import raw, tracked
from ..arguments import constant
from ..linalg import solve_triangular
from ..rows import public, refuse_away, scipy_module
from ..special_rows import S
from .distributions import Frozen, floats

__all__ = ["arrays", "dirichlet", "multivariate_normal", "whiten"]


def values(x: Any) -> Any:
    """The values of a Variable as a NumPy array, or None where they cannot be looked at."""
    return None if is_batched(x) else x._backend.adapter.host(raw_of(x))


def arrays(given: list[Any], where: str) -> list[Any]:
    """`given` as Variables of floating-point numbers over one library; None stays."""
    first = next((x for x in given if hasattr(x, "shape") and not is_variable(x)), None)
    backend = next((x._backend for x in given if is_variable(x)), None)
    if backend is None:
        backend = (None if first is None else backend_of(first)) or get_backend("numpy")
    made = [x if x is None or is_variable(x) else backend.namespace.asarray(x) for x in given]
    rest = iter(floats([x for x in made if x is not None], where))
    return [None if x is None else next(rest) for x in made]


def squeezed(y: Any) -> Any:
    """`y` without the axes of length 1, as SciPy returns densities."""
    return xp.reshape(y, tuple([n for n in y.shape if n != 1]))


def whiten(cov: Any, dev: Any, where: str) -> tuple[Any, Any]:
    """The rows of `dev` in the units of the covariance, and the logarithm of its determinant."""
    try:
        factor = xp.linalg.cholesky(cov)
    except LinAlgError as error:
        raise LinAlgError(f"{where}: the covariance must be symmetric positive definite") from error
    logs = xp.log(xp.linalg.diagonal(factor))
    return solve_triangular(factor, dev.T, lower=True).T, 2 * xp.sum(logs)


class Vectors:
    """A distribution of vectors. Attributes beyond `own` are SciPy's."""

    own: tuple[str, ...] = ()
    name = ""

    def _theirs(self) -> Any:
        return getattr(scipy_module("stats"), self.name)

    def _frozen(self, seed: Any, **kwds: Any) -> Frozen:
        refuse_away(f"stats.{self.name}", seed=(seed, None))
        return Frozen(self, (), kwds)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._theirs(), name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if tracked(args, kwargs):
                raise UnsupportedError(
                    f"scipy.stats.{self.name}.{name} has no derivative in pluggrad.scipy; "
                    "`.detach()` its arguments if no gradient is needed"
                )
            return found(*raw(args), **raw(kwargs))

        return call if callable(found) else found


class Normal(Vectors):
    """The multivariate normal distribution, as `scipy.stats.multivariate_normal`.

    `logpdf` and `pdf` have derivatives by the points, the mean and the covariance, of which both
    triangles count. With ``allow_singular=True`` the rank of the covariance counts as fixed.
    """

    own = ("logpdf", "pdf")
    name = "multivariate_normal"

    def __call__(
        self, mean: Any = None, cov: Any = 1, allow_singular: bool = False, seed: Any = None,
        **kwds: Any,
    ) -> Frozen:  # fmt: skip
        """The distribution with these parameters; `seed` is left out."""
        if kwds:
            raise TypeMismatchError(
                f"scipy.stats.multivariate_normal has no parameter {next(iter(kwds))!r}"
            )
        return self._frozen(seed, mean=mean, cov=cov, allow_singular=allow_singular)

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """The logarithm of the density."""
        return normal_logpdf(x, mean, cov, allow_singular)

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """The density."""
        return xp.exp(normal_logpdf(x, mean, cov, allow_singular))


@public("stats", arrays="x mean cov")
def normal_logpdf(x: Any, mean: Any, cov: Any, allow_singular: Any) -> Any:
    where = "scipy.stats.multivariate_normal.logpdf"
    if not hasattr(cov, "shape") and cov is not None and not isinstance(cov, (int, float)):
        raise UnsupportedError(f"{where}: cov is an array here, not {shortened(cov)}")
    x, mean, cov = arrays([x, mean, cov], where)
    like = x
    if mean is None:
        dim = 1 if cov is None or cov.ndim < 2 else cov.shape[0]
    else:
        dim = math.prod(mean.shape)
        if mean.ndim > 1 and dim > 1:
            raise InvalidArgumentError(f"{where}: mean is a vector, not of shape {mean.shape}")
        mean = xp.reshape(mean, (dim,))
    eye = constant("eye", dim, beside=like, dtype=like.dtype)
    if cov is None:
        cov = eye
    elif cov.ndim < 2:
        if cov.ndim == 1 and cov.shape[0] != dim:
            raise InvalidArgumentError(f"{where}: cov of shape {cov.shape} for {dim} dimensions")
        cov = cov * eye
    if tuple(cov.shape) != (dim, dim):
        raise InvalidArgumentError(f"{where}: cov of shape {cov.shape} for {dim} dimensions")
    if x.ndim == 0:
        x = xp.reshape(x, (1,))
    elif x.ndim == 1:
        x = xp.reshape(x, (-1, 1) if dim == 1 else (1, -1))
    if x.shape[-1] != dim:
        raise InvalidArgumentError(f"{where}: points of {x.shape[-1]} coordinates, not {dim}")
    dev = x if mean is None else x - mean
    shape, dev = tuple(dev.shape[:-1]), xp.reshape(dev, (-1, dim))
    if allow_singular:
        y = _singular(cov, dev, dim, where)
    else:
        z, log = whiten(cov, dev, where)
        y = -0.5 * (dim * math.log(2 * math.pi) + log + xp.sum(z * z, axis=-1))
    return squeezed(xp.reshape(y, shape))


def _singular(cov: Any, dev: Any, dim: int, where: str) -> Any:
    """The density on the support of a covariance that may be singular."""
    tolerance = 1e6 * float(cov._backend.xp.finfo(cov.dtype).eps)
    s = xp.linalg.eigvalsh(cov)
    eps = tolerance * xp.max(xp.abs(s))
    kept = s > eps
    found = values(s)
    if found is not None and found.min() < -tolerance * abs(found).max():
        raise InvalidArgumentError(f"{where}: the covariance has a negative eigenvalue")
    inverse = xp.linalg.pinv(cov, rtol=tolerance)
    rank = xp.sum(xp.astype(kept, s.dtype))
    log = xp.sum(xp.log(xp.where(kept, s, 1.0)))
    maha = xp.sum(dev * (dev @ inverse), axis=-1)
    y = -0.5 * (rank * math.log(2 * math.pi) + log + maha)
    rest = dev - dev @ inverse @ cov
    away = xp.sum(rest * rest, axis=-1) >= (1e3 * eps) ** 2
    return xp.where(away & (rank < dim), -math.inf, y)


class Dirichlet(Vectors):
    """The Dirichlet distribution, as `scipy.stats.dirichlet`.

    `logpdf`, `pdf`, `mean`, `var` and `entropy` have derivatives by the points and the
    concentrations. A derivative by points with all components is that of the formula, not along
    the simplex.
    """

    own = ("logpdf", "pdf", "mean", "var", "entropy")
    name = "dirichlet"

    def __call__(self, alpha: Any, seed: Any = None) -> Frozen:
        """The distribution with these concentrations; `seed` is left out."""
        return self._frozen(seed, alpha=alpha)

    def logpdf(self, x: Any, alpha: Any) -> Any:
        """The logarithm of the density."""
        return dirichlet_logpdf(x, alpha)

    def pdf(self, x: Any, alpha: Any) -> Any:
        """The density."""
        return xp.exp(dirichlet_logpdf(x, alpha))

    def mean(self, alpha: Any) -> Any:
        """The mean."""
        alpha = concentrations(alpha, "mean")
        return alpha / xp.sum(alpha)

    def var(self, alpha: Any) -> Any:
        """The variance of each component."""
        alpha = concentrations(alpha, "var")
        total = xp.sum(alpha)
        return alpha * (total - alpha) / (total * total * (total + 1))

    def entropy(self, alpha: Any) -> Any:
        """The differential entropy."""
        alpha = concentrations(alpha, "entropy")
        total = xp.sum(alpha)
        more = (total - alpha.shape[0]) * S.psi(total)
        return log_beta(alpha) + more - xp.sum((alpha - 1) * S.psi(alpha))


def concentrations(alpha: Any, method: str) -> Any:
    """`alpha`, checked."""
    where = f"scipy.stats.dirichlet.{method}"
    (alpha,) = arrays([alpha], where)
    if alpha.ndim != 1:
        raise InvalidArgumentError(f"{where}: alpha is a vector, not of shape {alpha.shape}")
    found = values(alpha)
    if found is not None and (found <= 0).any():
        raise InvalidArgumentError(f"{where}: all of alpha must be positive")
    return alpha


def log_beta(alpha: Any) -> Any:
    return xp.sum(S.gammaln(alpha)) - S.gammaln(xp.sum(alpha))


@public("stats", arrays="x alpha")
def dirichlet_logpdf(x: Any, alpha: Any) -> Any:
    where = "scipy.stats.dirichlet.logpdf"
    x, alpha = arrays([x, alpha], where)
    alpha = concentrations(alpha, "logpdf")
    count = alpha.shape[0]
    if x.ndim == 0 or x.shape[0] not in (count, count - 1):
        raise InvalidArgumentError(
            f"{where}: x has {count} or {count - 1} components along its first axis, not the "
            f"shape {tuple(x.shape)}"
        )
    if x.shape[0] == count - 1:
        x = xp.concat([x, 1 - xp.sum(x, axis=0, keepdims=True)], axis=0)
    found, shape = values(x), (count,) + (1,) * (x.ndim - 1)
    alpha = xp.reshape(alpha, shape)
    powers = values(alpha)
    if found is not None and powers is not None:
        inside = ((found >= 0) & (found <= 1) & ((found > 0) | (powers >= 1))).all()
        if not inside or (abs(found.sum(0) - 1) > 1e-9).any():
            raise InvalidArgumentError(
                f"{where}: x must lie in the simplex: no component negative, their sum 1, and "
                "none 0 whose concentration is below 1"
            )
    y = xp.sum(S.xlogy(alpha - 1, x), axis=0) - log_beta(xp.reshape(alpha, (count,)))
    return squeezed(y)


multivariate_normal, dirichlet = Normal(), Dirichlet()
