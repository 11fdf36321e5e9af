"""The metrics, for vectors along the last axis of arrays that broadcast."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...arrays.dispatch import xp
from ...errors import InvalidArgumentError, TypeMismatchError
from ..arguments import find_backend, known_numbers

__all__ = ["METRICS", "UNWEIGHTED", "canonical", "check_weights", "divergence", "root"]

_ALIASES = {
    "braycurtis": "", "canberra": "", "chebyshev": "chebychev cheby cheb ch",
    "cityblock": "cblock cb c", "correlation": "co", "cosine": "cos", "dice": "",
    "euclidean": "euclid eu e", "hamming": "matching hamm ha h", "jaccard": "jacc ja j",
    "jensenshannon": "js", "mahalanobis": "mahal mah", "minkowski": "mi m pnorm",
    "rogerstanimoto": "", "russellrao": "", "seuclidean": "se s", "sokalsneath": "",
    "sqeuclidean": "sqe sqeuclid", "yule": "",
}  # fmt: skip
_CANONICAL = {alias: name for name, more in _ALIASES.items() for alias in [name, *more.split()]}


def canonical(metric: Any, where: str) -> str:
    """SciPy's own name of a metric that is given by one of its names, or by its function."""
    if callable(metric):
        return _CANONICAL.get(getattr(metric, "__name__", ""), "")
    if not isinstance(metric, str):
        raise TypeMismatchError(f"{where}: a metric is a name or a function, not {metric!r}")
    name = metric.lower().removeprefix("test_")
    if name not in _CANONICAL:
        raise InvalidArgumentError(f"{where}: there is no metric {metric!r}")
    return _CANONICAL[name]


def check_weights(w: Any, n: int, where: str) -> None:
    """Raise unless `w` is None, or a vector of `n` numbers that are not negative."""
    if w is None:
        return
    if w.ndim != 1 or w.shape[0] != n:
        raise InvalidArgumentError(f"{where}: w is a vector of {n} weights, not {w.shape}")
    values = known_numbers(w)
    if values is not None and bool(find_backend(w).xp.any(values < 0)):
        raise InvalidArgumentError(f"{where}: the weights are not negative")


def root(s: Any) -> Any:
    """The square root, whose derivative is taken to be 0 at 0."""
    zero = s == 0
    return xp.where(zero, 0.0, xp.sqrt(xp.where(zero, 1.0, s)))


def _weighted(d: Any, w: Any) -> Any:
    return d if w is None else d * w


def _total(d: Any, w: Any = None) -> Any:
    return xp.sum(_weighted(d, w), axis=-1)


def sqeuclidean(u: Any, v: Any, w: Any = None) -> Any:
    return _total((u - v) ** 2, w)


def euclidean(u: Any, v: Any, w: Any = None) -> Any:
    if w is None:
        return xp.linalg.vector_norm(u - v, axis=-1)
    return root(sqeuclidean(u, v, w))


def cityblock(u: Any, v: Any, w: Any = None) -> Any:
    return _total(xp.abs(u - v), w)


def chebyshev(u: Any, v: Any, w: Any = None) -> Any:
    d = xp.abs(u - v)
    if not d.shape[-1]:
        return xp.sum(d, axis=-1)
    return xp.max(d if w is None else xp.where(w > 0, d, 0.0), axis=-1)


def minkowski(u: Any, v: Any, w: Any = None, p: Any = 2) -> Any:
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not p > 0:
        raise InvalidArgumentError(f"minkowski: p is a number greater than 0, not {p!r}")
    if p == math.inf:
        return chebyshev(u, v, None if w is None else xp.abs(w))
    if w is None:
        return xp.linalg.vector_norm(u - v, axis=-1, ord=p)
    if p in (1, 2):
        return (cityblock if p == 1 else euclidean)(u, v, w)
    s = _total(xp.abs(u - v) ** p, w)
    zero = s == 0
    return xp.where(zero, 0.0, xp.where(zero, 1.0, s) ** (1 / p))


def braycurtis(u: Any, v: Any, w: Any = None) -> Any:
    return _total(xp.abs(u - v), w) / _total(xp.abs(u + v), w)


def canberra(u: Any, v: Any, w: Any = None, skip: bool = False) -> Any:
    """With `skip`, nan counts as 0, as in SciPy's function of two vectors."""
    size = xp.abs(u) + xp.abs(v)
    zero = size == 0
    d = xp.where(zero, 0.0, xp.abs(u - v) / xp.where(zero, 1.0, size))
    d = _weighted(d, w)
    return xp.sum(xp.where(xp.isnan(d), 0.0, d) if skip else d, axis=-1)


def correlation(u: Any, v: Any, w: Any = None, centered: bool = True) -> Any:
    w = None if w is None else w / xp.sum(w)
    if centered:
        if w is None:
            u, v = [x - xp.mean(x, axis=-1, keepdims=True) for x in (u, v)]
        else:
            u, v = [x - xp.sum(x * w, axis=-1, keepdims=True) for x in (u, v)]
    d = 1.0 - _total(u * v, w) / xp.sqrt(_total(u * u, w) * _total(v * v, w))
    still = d.detach()
    return xp.clip(still, 0.0, 2.0) + (d - still)  # at the bounds, too, it has its derivative


def cosine(u: Any, v: Any, w: Any = None) -> Any:
    return correlation(u, v, w, centered=False)


def seuclidean(u: Any, v: Any, *, V: Any) -> Any:
    return euclidean(u, v, 1 / V)


def mahalanobis(u: Any, v: Any, *, VI: Any) -> Any:
    d = u - v
    return root(xp.sum((d @ VI) * d, axis=-1))


def divergence(u: Any, v: Any, axis: int = -1, keepdims: bool = False) -> Any:
    """The Jensen-Shannon divergence, times 2."""
    u, v = [x / xp.sum(x, axis=axis, keepdims=True) for x in (u, v)]
    middle = (u + v) / 2.0
    s = xp.special.rel_entr(u, middle) + xp.special.rel_entr(v, middle)
    return xp.sum(s, axis=axis, keepdims=keepdims)


def jensenshannon(u: Any, v: Any) -> Any:
    sums = [xp.sum(x, axis=-1) for x in (u, v)]
    empty = (sums[0] == 0) | (sums[1] == 0)
    u, v = [xp.where(xp.expand_dims(empty, axis=-1), 1.0, x) for x in (u, v)]
    s = divergence(u, v) / 2.0
    return xp.where(empty, math.inf, root(xp.where(s < 0, 0.0, s)))  # below 0 by rounding


METRICS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        braycurtis, canberra, chebyshev, cityblock, correlation, cosine, euclidean, jensenshannon,
        mahalanobis, minkowski, seuclidean, sqeuclidean,
    )
}  # fmt: skip
#: The metrics that take no weights.
UNWEIGHTED = ("jensenshannon", "mahalanobis", "seuclidean")
