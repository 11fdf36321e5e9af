"""Quantiles and percentiles. The tables in `variables/summaries.py` document them.

Of n sorted elements the quantile q is the one at a virtual index v that depends on the method. If v
is no whole number, the quantile lies between two elements. See R. J. Hyndman and Y. Fan, "Sample
quantiles in statistical packages" (1996).
"""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import axes_of, shortened
from ..engine.cotangents import is_complex, is_continuous
from ..engine.handles import unwrap_untracked
from ..errors import InvalidArgumentError, TypeMismatchError
from .reducing import array_of, beside, double, is_boolean, known, masked, restored, rows
from .reductions import weights_of

#: The numbers alpha and beta of the methods for which v = n q + alpha + q (1 - alpha - beta) - 1.
CONTINUOUS = {
    "interpolated_inverted_cdf": (0, 1), "hazen": (0.5, 0.5), "weibull": (0, 0), "linear": (1, 1),
    "median_unbiased": (1 / 3, 1 / 3), "normal_unbiased": (3 / 8, 3 / 8),
}  # fmt: skip
#: The methods that choose an element, and never compute with two.
DISCRETE = ("inverted_cdf", "closest_observation", "lower", "higher", "nearest")
METHODS = (*DISCRETE, "averaged_inverted_cdf", "midpoint", *CONTINUOUS)


def place_of(method: str, n: Any, q: Any) -> tuple[Any, Any]:
    """The virtual index, and how far it lies between the elements around it, from 0 to 1. For a
    discrete method the index is whole."""
    if method in DISCRETE[:2]:
        v = n * q - (1 if method == "inverted_cdf" else 1.5)
        low = xp.floor(v)
        stays = v == low
        if method == "closest_observation":
            stays = stays & (low % 2 == 1)
        return xp.where(stays, low, low + 1), 0.0
    if method in DISCRETE:
        v = (n - 1) * q
        rounded = {"lower": xp.floor, "higher": xp.ceil, "nearest": xp.round}[method]
        return rounded(v), 0.0
    if method == "averaged_inverted_cdf":
        v = n * q - 1
        return v, xp.where(v == xp.floor(v), 0.5, xp.ones_like(v) * 1.0)
    if method == "midpoint":
        v = (n - 1) * q
        low, high = xp.floor(v), xp.ceil(v)
        return 0.5 * (low + high), xp.where(low == high, 0.0, xp.ones_like(low) * 0.5)
    alpha, beta = CONTINUOUS[method]
    # Written so that it is exact where it should be whole.
    v = (n - 1) * q if method == "linear" else n * q + (alpha + q * (1 - alpha - beta)) - 1
    return v, v - xp.floor(v)


def unwrapped(q: Any) -> Any:
    """`q` with raw arrays in place of untracked Variables, also inside lists."""
    if isinstance(q, (list, tuple)):
        return [unwrapped(item) for item in q]
    return unwrap_untracked(q)


def holds_variables(q: Any) -> bool:
    """Whether `q` is a Variable, or a list that contains one."""
    if isinstance(q, (list, tuple)):
        return any(holds_variables(item) for item in q)
    return is_variable(q)


def share_of(q: Any, x: Any, name: str, percent: bool) -> tuple[Any, bool]:
    """`q` as shares of 1: an array of NumPy's if the values are known and nobody needs their
    gradient, otherwise a Variable. And whether they leave the dtype of the result to `x`."""
    if q is None or isinstance(q, (str, dict, set)):
        raise TypeMismatchError(f"{name}: q takes numbers, not {shortened(q)}")
    backend = backend_of(x)
    weak = type(q) in (int, float)
    weak = weak or (
        backend is not None and backend.name != "numpy" and isinstance(q, (list, tuple))
    )
    q = unwrapped(q)
    values = None if holds_variables(q) else known(q)
    found = beside(q, x, name, "q") if values is None else values
    seen = known(found)
    if seen is not None and seen.dtype.kind not in "fiu":
        raise TypeMismatchError(f"{name}: q takes real numbers, not {shortened(q)}")
    if len(found.shape) > 2:
        raise InvalidArgumentError(f"{name}: q has two axes at most, not {len(found.shape)}")
    most = 100 if percent else 1
    if seen is not None and not ((seen >= 0) & (seen <= most)).all():
        raise InvalidArgumentError(f"{name}: q is between 0 and {most}, not {shortened(q)}")
    return found / 100 if percent else found, weak


def quantiles(
    name: str,
    x: Any,
    q: Any,
    axis: Any,
    method: Any,
    keepdims: Any,
    weights: Any,
    *,
    percent: bool = False,
    skip: bool = False,
) -> Any:
    """The quantiles `q`, or percentiles with `percent`; with `skip` those of the elements that are
    not nan."""
    x = array_of(x, name)
    if is_complex(x):
        raise TypeMismatchError(f"{name} takes real numbers, not {x.dtype}")
    if method not in METHODS:
        raise InvalidArgumentError(
            f"{name}: method is one of {', '.join(METHODS)}, not {shortened(method)}"
        )
    if weights is not None and method != "inverted_cdf":
        raise InvalidArgumentError(
            f"{name}: with weights the method is 'inverted_cdf', not {method!r}"
        )
    q, weak = share_of(q, x, name, percent)
    axes = axes_of(axis, x.ndim, name)
    if weights is not None:
        weights = weights_of(weights, x, axis, name)
    if axis is not None and not axes and (0 in tuple(x.shape) or (skip and len(q.shape) > 1)):
        raise InvalidArgumentError(f"{name}: axis names an axis at least here, not none of them")
    if 0 in tuple(x.shape) and skip:
        return xp.nanmean(x, axis=axes, keepdims=keepdims)
    whole = "int" in str(q.dtype)
    if method not in DISCRETE and not (method == "linear" and whole):
        if is_boolean(x):
            raise TypeMismatchError(f"{name} takes numbers, not booleans; `astype` them first")
        x = double(x)
    taken = rows(x, axes)
    if 0 in tuple(taken.shape[-1:]):
        raise InvalidArgumentError(
            f"{name}: there is no element along the axes {axes} of the shape {tuple(x.shape)}"
        )
    shape, lengths = tuple(q.shape), tuple(taken.shape[:-1])
    q = q.reshape((-1,)) if not is_variable(q) else xp.reshape(q, (-1,))
    there = taken == taken
    some = xp.any(there, axis=-1, keepdims=True) if skip else xp.all(there, axis=-1, keepdims=True)
    taken = xp.where(there, taken, math.inf) if skip and is_continuous(x) else taken
    if weights is not None:
        weights = rows(xp.broadcast_to(weights, tuple(x.shape)), axes)
        y = by_weight(name, taken, weights, q, there if skip else None)
    else:
        n = count_along(there, q) if skip and is_continuous(x) else taken.shape[-1]
        y = by_rank(taken, n, q, method, weak)
    if is_continuous(x):
        y = xp.where(some, y, math.nan)
    if not shape:
        return restored(y[..., 0], axes, keepdims)
    y = xp.moveaxis(y, -1, 0)
    y = xp.reshape(y, shape + lengths) if len(shape) > 1 else y
    return restored(y, axes, keepdims, len(shape))


def count_along(there: Any, q: Any) -> Any:
    """How many elements are there in each row, in a dtype precise enough for ranks."""
    backend = backend_of(there)
    assert backend is not None
    dtype = q.dtype if is_variable(q) else backend.xp.asarray(q).dtype
    if dtype not in backend.real_dtypes:
        dtype = backend.xp.asarray(1.0).dtype
    return xp.sum(xp.astype(there, dtype), axis=-1, keepdims=True)


def on_device(value: Any, x: Any, dtype: Any = None) -> Any:
    """A NumPy array as one of the library of `x`; a Variable as it is."""
    if is_variable(value):
        return value if dtype is None or value.dtype == dtype else xp.astype(value, dtype)
    return backend_of(x).namespace.asarray_beside(value, x, dtype)  # type: ignore[union-attr]


def by_rank(taken: Any, n: Any, q: Any, method: str, weak: bool) -> Any:
    """The quantiles `q`, a vector, along the last axis of `taken`, of which the `n` least elements
    count. With `weak` the result has the dtype of `taken`."""
    backend = backend_of(taken)
    assert backend is not None
    counts = hasattr(n, "shape")
    if counts:  # an array: then all is computed in the library of `taken`
        q = on_device(q, taken)
    v, t = place_of(method, n, q)
    last = xp.maximum(n - 1, 0.0) if counts else n - 1.0
    low = xp.minimum(xp.maximum(xp.floor(v), 0.0), last)
    ranks = xp.sort(taken, axis=-1)
    a = at_ranks(ranks, low)
    if not hasattr(t, "shape") or ("int" in str(q.dtype) and method == "linear"):
        return a
    b = at_ranks(ranks, xp.minimum(xp.where(v >= 0, low + 1, low), last))
    t = on_device(t, taken, taken.dtype if weak else None)
    step = b - a
    return xp.where(t >= 0.5, b - step * (1 - t), a + step * t)


def at_ranks(ranks: Any, places: Any) -> Any:
    """The elements of sorted rows at `places`: one vector for all rows, or a row for each."""
    backend = backend_of(ranks)
    assert backend is not None
    if len(places.shape) == 1:
        return xp.take(ranks, integers(places, ranks), axis=-1)
    return xp.take_along_axis(ranks, integers(places, ranks), axis=-1)


def integers(places: Any, x: Any) -> Any:
    """Whole numbers as integers, which have no gradient, in the library of `x`."""
    backend = backend_of(x)
    assert backend is not None
    if is_variable(places):
        return xp.astype(places, backend.xp.int64)
    return on_device(places.astype("int64"), x)


def by_weight(name: str, taken: Any, weights: Any, q: Any, there: Any) -> Any:
    """The elements at which the running sum of the weights reaches the shares `q` of the whole."""
    backend = backend_of(taken)
    assert backend is not None
    weights = double(weights)
    values = known(weights)
    if values is not None and (values < 0).any():
        raise InvalidArgumentError(f"{name}: the weights must not be negative")
    if there is not None:
        weights = xp.where(there, weights, 0.0)
    order = xp.argsort(taken, axis=-1)
    ranks = xp.take_along_axis(taken, order, axis=-1)
    sums = xp.cumulative_sum(xp.take_along_axis(weights, order, axis=-1), axis=-1)
    total = sums[..., -1:]
    some = total if there is None else masked(total, xp.any(there, axis=-1, keepdims=True), 1.0)
    seen = known(some)
    if seen is not None and not ((seen > 0) & (seen < math.inf)).all():
        raise InvalidArgumentError(f"{name}: the weights sum to 0, to infinity or to nan")
    q = on_device(q, taken)
    shares = sums / total
    if q.dtype in backend.real_dtypes:
        shares = xp.astype(shares, q.dtype)
    # Elements before the first weight are never chosen, not even for q = 0.
    shares = xp.where(shares == 0, -1.0, shares)
    below = xp.expand_dims(shares, axis=-2) < xp.expand_dims(q, axis=-1)
    places = xp.sum(xp.astype(below, backend.xp.int64), axis=-1)
    places = xp.clip(places, 0, taken.shape[-1] - 1)
    return xp.take_along_axis(ranks, places, axis=-1)


@composite(own=True, arrays="x weights")
def quantile(
    x: Any,
    /,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Any:
    """The elements below which the shares `q` of all elements lie."""
    return quantiles("quantile", x, q, axis, method, keepdims, weights)


@composite(own=True, arrays="x weights")
def percentile(
    x: Any,
    /,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Any:
    """The elements below which `q` percent of all elements lie."""
    return quantiles("percentile", x, q, axis, method, keepdims, weights, percent=True)


@composite(own=True, arrays="x weights")
def nanquantile(
    x: Any,
    /,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Any:
    """The quantiles of the elements that are not nan; nan if there are none."""
    return quantiles("nanquantile", x, q, axis, method, keepdims, weights, skip=True)


@composite(own=True, arrays="x weights")
def nanpercentile(
    x: Any,
    /,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Any:
    """The percentiles of the elements that are not nan; nan if there are none."""
    return quantiles(
        "nanpercentile", x, q, axis, method, keepdims, weights, percent=True, skip=True
    )
