"""Distances: `scipy.spatial.distance` with derivatives.

Where a distance is 0, its derivative is taken to be 0. Euclidean distances of all pairs are
computed by SciPy's compiled code; the other metrics need an array of all differences, of shape (M,
N, K) for M and N points of K coordinates. Metrics of boolean vectors have no derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError, UnsupportedError
from ...rules.linalg import constant_like
from ...variables.library_functions import raw, tracked
from ..arguments import arrays, constant, find_backend, floats, known_numbers
from ..rows import falling_through, public, refuse_away, scipy_module
from .metrics import METRICS, UNWEIGHTED, canonical, check_weights, divergence, root
from .pair_rows import PAIRS, PAIRS_WITHIN, SQUARE, upper_places

__all__ = ["braycurtis", "canberra", "cdist", "chebyshev", "cityblock", "correlation", "cosine",
           "euclidean", "jensenshannon", "mahalanobis", "minkowski", "pdist", "seuclidean",
           "sqeuclidean", "squareform"]  # fmt: skip

_KEYWORDS = {"minkowski": {"p"}, "seuclidean": {"V"}, "mahalanobis": {"VI"},
             "correlation": {"centered"}}  # fmt: skip

# ---------------------------------------------------------------- all pairs


def _points(where: str, *sets: Any) -> list[Any]:
    """Sets of points in one dtype: over NumPy, in double precision, as SciPy has it."""
    found = floats(where, *sets)
    for x in found:
        if x.ndim != 2:
            raise InvalidArgumentError(f"scipy.{where} takes matrices of points, not {x.shape}")
        if x.shape[1] != found[0].shape[1]:
            raise InvalidArgumentError(
                f"scipy.{where}: the points have {found[0].shape[1]} and {x.shape[1]} coordinates"
            )
    backend = find_backend(found[0])
    if backend.name == "numpy":
        if not backend.xp.isdtype(found[0].dtype, "real floating"):
            raise InvalidArgumentError(f"scipy.{where} takes real numbers")
        found = [xp.astype(x, backend.xp.float64, copy=False) for x in found]
    return found


def _settings(where: str, metric: str, points: list[Any], given: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a metric, with SciPy's defaults."""
    allowed = _KEYWORDS.get(metric, set()) | (set() if metric in UNWEIGHTED else {"w"})
    for name in given.keys() - allowed:
        raise InvalidArgumentError(f"scipy.{where}: the metric {metric!r} has no argument {name!r}")
    found, n = dict(given), points[0].shape[1]
    for name in found.keys() & {"w", "V", "VI"}:
        if found[name] is None:
            del found[name]
        else:
            found[name] = floats(where, points[0], found[name])[1]
    check_weights(found.get("w"), n, f"scipy.{where}")
    if metric == "seuclidean":
        if "V" not in found:
            found["V"] = xp.var(xp.concat(points, axis=0), axis=0, correction=1)
        if found["V"].shape != (n,):
            raise InvalidArgumentError(f"scipy.{where}: V is a vector of {n} variances")
    if metric == "mahalanobis":
        if "VI" not in found:
            found["VI"] = _inverse_covariance(where, points)
        if found["VI"].shape != (n, n):
            raise InvalidArgumentError(f"scipy.{where}: VI is a matrix of shape {(n, n)}")
    return found


def _inverse_covariance(where: str, points: list[Any]) -> Any:
    x = xp.concat(points, axis=0)
    if x.shape[0] <= x.shape[1]:
        raise InvalidArgumentError(
            f"scipy.{where}: the covariance of {x.shape[0]} points of {x.shape[1]} coordinates is "
            "singular; give `VI`"
        )
    x = x - xp.mean(x, axis=0)
    return xp.linalg.inv(xp.matrix_transpose(x) @ x / (x.shape[0] - 1))


def _boolean(name: str, metric: str, args: Any, kwargs: Any) -> Any:
    """The distances by a metric without a derivative, from SciPy."""
    if tracked(args, kwargs):
        raise UnsupportedError(
            f"scipy.spatial.distance.{name}: the metric {metric!r} is constant between its jumps "
            "and has no derivative here; `.detach()` the points if no gradient is needed"
        )
    found = getattr(scipy_module("spatial.distance"), name)(*raw(args), metric, **raw(kwargs))
    return find_backend(args[0]).namespace.asarray(found)


@public("spatial.distance", arrays="XA XB")
def cdist(XA: Any, XB: Any, metric: Any = "euclidean", *, out: Any = None, **kwargs: Any) -> Any:
    """The distances between each of the points `XA` and each of the points `XB`.

    The metrics are SciPy's, by name, by one of its functions, or by any function of two vectors
    that is written for Variables. Euclidean distances are computed by compiled code. `out` is not
    supported. NumPy arrays are taken in double precision.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.spatial.distance.cdist.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.spatial
    >>> xa, xb = np.zeros((1, 2)), np.asarray([[3.0, 4.0]])
    >>> pg.grad(lambda x: pg.scipy.spatial.distance.cdist(x, xb).sum())(xa).round(6).tolist()
    [[-0.6, -0.8]]
    """
    refuse_away("spatial.distance.cdist", out=(out, None))
    where = "spatial.distance.cdist"
    name = canonical(metric, f"scipy.{where}")
    x, y = arrays(where, XA, XB)
    if name and name not in METRICS:
        return _boolean("cdist", name, (x, y), kwargs)
    x, y = _points(where, x, y)
    if not name:
        return _called(metric, [[(x[i], y[j]) for j in range(y.shape[0])]
                                for i in range(x.shape[0])], kwargs)  # fmt: skip
    given = _settings(where, name, [x, y], kwargs)
    if name in ("euclidean", "sqeuclidean") and "w" not in given:
        return PAIRS(x, y, squared=name == "sqeuclidean")
    return METRICS[name](x[:, None, :], y[None, :, :], **given)


@public("spatial.distance", arrays="X")
def pdist(X: Any, metric: Any = "euclidean", *, out: Any = None, **kwargs: Any) -> Any:
    """The distances between the points `X`, each pair once, as a vector; see `cdist`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.spatial.distance.pdist.html
    """
    refuse_away("spatial.distance.pdist", out=(out, None))
    where = "spatial.distance.pdist"
    name = canonical(metric, f"scipy.{where}")
    (x,) = arrays(where, X)
    if name and name not in METRICS:
        return _boolean("pdist", name, (x,), kwargs)
    (x,) = _points(where, x)
    n = x.shape[0]
    if not name:
        return _called(metric, [(x[i], x[j]) for i in range(n) for j in range(i + 1, n)], kwargs)
    given = _settings(where, name, [x], kwargs)
    if name in ("euclidean", "sqeuclidean") and "w" not in given:
        return PAIRS_WITHIN(x, squared=name == "sqeuclidean")
    u, v = [xp.take(x, constant_like(places, x), axis=0) for places in upper_places(n, x)]
    return METRICS[name](u, v, **given)


def _called(metric: Callable[..., Any], pairs: Any, kwargs: Any) -> Any:
    """The user's `metric` of each pair in a nested list."""
    if isinstance(pairs, list):
        if not pairs:
            raise InvalidArgumentError("scipy.spatial.distance: there are no pairs of points")
        return xp.stack([_called(metric, pair, kwargs) for pair in pairs], axis=0)
    return arrays("spatial.distance", pairs[0], metric(*pairs, **kwargs))[1]


@public("spatial.distance", arrays="X")
def squareform(X: Any, force: str = "no", checks: bool = True) -> Any:
    """The symmetric matrix of the distances that `pdist` returns, or that vector of a matrix.

    With `checks`, a matrix must be symmetric and 0 on its diagonal; only NumPy arrays are checked.
    The gradient of the vector goes to the upper triangle, which is what is read.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.spatial.distance.squareform.html
    """
    where = "scipy.spatial.distance.squareform"
    (x,) = arrays("spatial.distance.squareform", X)
    wanted = {"tomatrix": 1, "tovector": 2}.get(str(force).lower(), x.ndim)
    if x.ndim not in (1, 2) or x.ndim != wanted:
        raise InvalidArgumentError(f"{where}: force={force!r} does not fit the shape {x.shape}")
    if x.ndim == 1:
        n = math.ceil(math.sqrt(2 * x.shape[0])) or 1
        if n * (n - 1) != 2 * x.shape[0]:
            raise InvalidArgumentError(
                f"{where}: {x.shape[0]} is not the number of pairs of any number of points"
            )
        return SQUARE(x) if n > 1 else constant("zeros", (1, 1), beside=x, dtype=x.dtype)
    if x.shape[0] != x.shape[1]:
        raise InvalidArgumentError(f"{where} takes a square matrix, not {x.shape}")
    values = known_numbers(x) if checks else None
    if values is not None:
        scipy_module("spatial.distance").is_valid_dm(values, throw=True, name="X")
    i, j = upper_places(x.shape[0], x)
    places = constant_like(i * x.shape[0] + j, x)
    return xp.take(xp.reshape(x, (-1,)), places, axis=0)


# ---------------------------------------------------------------- two vectors


def _vectors(name: str, *given: Any) -> list[Any]:
    """`given` as vectors of one length; None stays None."""
    where = f"spatial.distance.{name}"
    if name in ("cityblock", "chebyshev"):  # of integers, they are integers
        found = arrays(where, *given)
    else:
        found = floats(where, *given, check_finite=name in ("euclidean", "minkowski"))
    if name in ("braycurtis", "canberra", "correlation", "cosine") and is_complex(found[0]):
        raise InvalidArgumentError(f"scipy.{where} takes real numbers")
    backend = find_backend(found[0])
    if backend.name == "numpy" and found[0].dtype == backend.xp.float32 and name not in (
        "cityblock", "chebyshev", "sqeuclidean", "correlation", "cosine"
    ):  # fmt: skip
        found = [x if x is None else xp.astype(x, backend.xp.float64) for x in found]
    for x in found:
        if x is not None and (x.ndim != 1 or x.shape != found[0].shape):
            raise InvalidArgumentError(
                f"scipy.{where} takes vectors of one length, not the shapes {found[0].shape} and "
                f"{x.shape}"
            )
    return found


def _weighted(name: str, words: str, **fixed: Any) -> Callable[..., Any]:
    """The public function `name` of two vectors and their weights."""

    def metric(u: Any, v: Any, w: Any = None) -> Any:
        u, v, w = _vectors(name, u, v, w)
        check_weights(w, u.shape[0], f"scipy.spatial.distance.{name}")
        if name == "chebyshev" and not u.shape[0]:
            raise InvalidArgumentError("scipy.spatial.distance.chebyshev: the vectors are empty")
        return METRICS[name](u, v, w, **fixed)

    metric.__name__ = metric.__qualname__ = name
    metric.__doc__ = f"""The {words} distance of two vectors, with the weights `w`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.spatial.distance.{name}.html
    """
    return public("spatial.distance", arrays="u v w")(metric)


braycurtis = _weighted("braycurtis", "Bray-Curtis")
canberra = _weighted("canberra", "Canberra", skip=True)
chebyshev = _weighted("chebyshev", "Chebyshev")
cityblock = _weighted("cityblock", "city block")
cosine = _weighted("cosine", "cosine")
euclidean = _weighted("euclidean", "Euclidean")
sqeuclidean = _weighted("sqeuclidean", "squared Euclidean")


@public("spatial.distance", arrays="u v w")
def correlation(u: Any, v: Any, w: Any = None, centered: bool = True) -> Any:
    """The correlation distance of two vectors, with the weights `w`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.spatial.distance.correlation.html
    """
    u, v, w = _vectors("correlation", u, v, w)
    check_weights(w, u.shape[0], "scipy.spatial.distance.correlation")
    return METRICS["correlation"](u, v, w, centered)


@public("spatial.distance", arrays="u v w")
def minkowski(u: Any, v: Any, p: Any = 2, w: Any = None) -> Any:
    """The Minkowski distance of two vectors, of the order `p`, with the weights `w`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.spatial.distance.minkowski.html
    """
    u, v, w = _vectors("minkowski", u, v, w)
    check_weights(w, u.shape[0], "scipy.spatial.distance.minkowski")
    return METRICS["minkowski"](u, v, w, p)


@public("spatial.distance", arrays="u v V")
def seuclidean(u: Any, v: Any, V: Any) -> Any:
    """The Euclidean distance of two vectors whose coordinates have the variances `V`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.spatial.distance.seuclidean.html
    """
    u, v, variances = _vectors("seuclidean", u, v, V)
    return METRICS["seuclidean"](u, v, V=variances)


@public("spatial.distance", arrays="u v VI")
def mahalanobis(u: Any, v: Any, VI: Any) -> Any:
    """The Mahalanobis distance of two vectors; `VI` is the inverse of the covariance matrix.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.spatial.distance.mahalanobis.html
    """
    u, v = _vectors("mahalanobis", u, v)
    u, v, inverse = floats("spatial.distance.mahalanobis", u, v, VI)
    if inverse.shape != (u.shape[0], u.shape[0]):
        raise InvalidArgumentError(
            f"scipy.spatial.distance.mahalanobis: VI has the shape {inverse.shape}, and the "
            f"vectors {u.shape[0]} coordinates"
        )
    return METRICS["mahalanobis"](u, v, VI=inverse)


@public("spatial.distance", arrays="p q")
def jensenshannon(
    p: Any, q: Any, base: Any = None, *, axis: Any = 0, keepdims: bool = False
) -> Any:
    """The Jensen-Shannon distance of two probability vectors, or of many along `axis`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.spatial.distance.jensenshannon.html
    """
    where = "scipy.spatial.distance.jensenshannon"
    p, q = floats("spatial.distance.jensenshannon", p, q)
    axis = axis_of(axis, max(p.ndim, q.ndim), where) - max(p.ndim, q.ndim)
    if base is not None and (not isinstance(base, (int, float)) or base <= 0):
        raise InvalidArgumentError(f"{where}: base is a number greater than 0, not {base!r}")
    s = divergence(p, q, axis, bool(keepdims))
    return root((s if base is None else s / math.log(base)) / 2.0)


__getattr__, __dir__ = falling_through("spatial.distance", __all__)
