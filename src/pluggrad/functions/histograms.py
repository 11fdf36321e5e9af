"""Histograms. The tables in `variables/summaries.py` document them.

What falls into a bin has a gradient by the weights, and a density by the edges of the bins too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import shortened, whole
from ..engine.cotangents import is_complex, same_shape
from ..engine.handles import raw_of
from ..errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from .reducing import array_of, beside, double, is_boolean, known, precise

# ---------------------------------------------------------------- counting


def added(places: Any, weights: Any, length: int) -> Any:
    """The sums of the weights with equal places, for each place below `length`."""
    if length == 0:
        return weights[:0]
    return xp.add_at(weights, places, length=length)


def ones_of(places: Any) -> Any:
    """The integer 1 for each of the places."""
    backend = backend_of(places)
    assert backend is not None
    return xp.ones_like(places, dtype=backend.xp.int64)


def at_once(number: Any, where: str, what: str) -> Any:
    """The value of an array that the shape of the result depends on, as a NumPy array."""
    try:
        return np.asarray(raw_of(number))
    except Exception as error:
        raise UnsupportedError(
            f"{where}: {what} decides the shape of the result, and its values are not known while "
            "a function is compiled; call it outside of the compiled function"
        ) from error


@composite(own=True, arrays="x weights")
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """How often each integer occurs, or the sums of the weights where it does."""
    x = array_of(x, "bincount")
    backend = backend_of(x)
    assert backend is not None
    minlength = whole(minlength, "bincount", "minlength", 0)
    if x.ndim != 1:
        raise InvalidArgumentError(f"bincount takes a vector, not an array of {x.ndim} axes")
    if x.dtype in backend.float_dtypes and x.shape[0] != 0:
        raise TypeMismatchError(f"bincount takes integers, not {x.dtype} numbers")
    places = xp.astype(x, backend.xp.int64)
    length = minlength
    if x.shape[0] != 0:
        if at_once(xp.min(places), "bincount", "x").min() < 0:
            raise InvalidArgumentError("bincount takes integers that are not negative")
        length = max(int(at_once(xp.max(places), "bincount", "x").max()) + 1, minlength)
    if weights is None:
        return added(places, ones_of(places), length)
    weights = precise(beside(weights, x, "bincount", "weights"))
    if is_complex(weights):
        raise TypeMismatchError(f"bincount: the weights are real numbers, not {weights.dtype}")
    if not same_shape(tuple(weights.shape), tuple(x.shape)):
        raise InvalidArgumentError(
            f"bincount: weights of shape {tuple(weights.shape)} for x of shape {tuple(x.shape)}"
        )
    return added(places, weights, length)


# ---------------------------------------------------------------- bins


def ends_of(range: Any, x: Any, where: str) -> tuple[Any, Any]:
    """Where the bins begin and end: the two numbers in `range`, else the least and the greatest
    element. These are arrays, with a gradient."""
    if range is not None:
        ends = known(range if not hasattr(range, "shape") else raw_of(range))
        if ends is None or ends.shape != (2,) or ends.dtype.kind not in "fiub":
            raise InvalidArgumentError(
                f"{where}: range is a pair of numbers, not {shortened(range)}"
            )
        low, high = float(ends[0]), float(ends[1])
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise InvalidArgumentError(
                f"{where}: range is two finite numbers in ascending order, not {shortened(range)}"
            )
        return (low, high) if low < high else (low - 0.5, high + 0.5)
    if 0 in tuple(x.shape):
        return 0.0, 1.0
    low, high = xp.min(x), xp.max(x)
    for end in (low, high):
        values = known(end)
        if values is not None and not np.isfinite(values).all():
            raise InvalidArgumentError(
                f"{where}: x has elements that are not finite; pass `range` to leave them out"
            )
    equal = low == high
    return xp.where(equal, low - 0.5, low), xp.where(equal, high + 0.5, high)


def evenly(count: int, range: Any, x: Any, where: str) -> Any:
    """The edges of `count` bins of equal width."""
    backend = backend_of(x)
    assert backend is not None
    low, high = ends_of(range, x, where)
    if not hasattr(low, "shape"):
        edges = np.linspace(low, high, count + 1)
        return backend.namespace.asarray_beside(edges, x, x.dtype)
    steps = backend.namespace.asarray_beside(np.arange(count), x, x.dtype)
    edges = xp.concat([steps * ((high - low) / count) + low, xp.reshape(high, (1,))])
    values = known(edges)
    if values is not None and (values[..., :-1] >= values[..., 1:]).any():
        raise InvalidArgumentError(f"{where}: there are no {count} numbers apart in the range of x")
    return edges


def edges_of(
    bins: Any, range: Any, x: Any, where: str, source: Any = None, weighted: bool = False
) -> Any:
    """The edges of the bins for the vector `x`, which `source` was before it was converted."""
    if isinstance(bins, str):
        if weighted:
            raise InvalidArgumentError(
                f"{where}: bins={bins!r} does not take weights into account; pass a number of bins"
            )
        values = at_once(source, where, "x")
        try:
            count = len(np.histogram_bin_edges(values, bins, range)) - 1
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(f"{where}: {error}") from error
        return evenly(count, range, x, where)
    if not isinstance(bins, (list, tuple)) and not getattr(bins, "shape", ()):
        return evenly(whole(bins, where, "bins", 1), range, x, where)
    edges = beside(bins, x, where, "bins")
    if edges.ndim != 1 or edges.shape[0] == 0:
        raise InvalidArgumentError(
            f"{where}: the edges of the bins are a vector, not of shape {tuple(edges.shape)}"
        )
    values = known(edges)
    if values is not None and (values[..., :-1] > values[..., 1:]).any():
        raise InvalidArgumentError(f"{where}: the edges of the bins must ascend")
    return edges


def place_of(x: Any, edges: Any) -> tuple[Any, Any]:
    """For each element of the vector `x` the number of its bin, and whether there is one. The last
    bin includes its upper edge."""
    backend = backend_of(x)
    assert backend is not None
    edges = double(edges)
    dtype = backend.xp.result_type(x.dtype, edges.dtype)
    x, edges = xp.astype(x, dtype), xp.astype(edges, dtype)
    last = edges.shape[0] - 2
    places = xp.astype(xp.searchsorted(edges, x, side="right"), backend.xp.int64) - 1
    inside = (x >= edges[0]) & (x <= edges[-1])
    return xp.clip(places, 0, max(last, 0)), inside


def vector(x: Any, where: str) -> Any:
    """The elements of `x` in a row, as floating-point numbers."""
    x = array_of(x, where)
    if is_complex(x):
        raise TypeMismatchError(f"{where} takes real numbers, not {x.dtype}")
    return xp.reshape(double(x), (-1,))


@composite(own=True, arrays="x weights")
def histogram_bin_edges(x: Any, /, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges of the bins that `histogram` would count in."""
    flat = vector(x, "histogram_bin_edges")
    check_weights(weights, x, "histogram_bin_edges")
    return edges_of(bins, range, flat, "histogram_bin_edges", x, weights is not None)


def check_weights(weights: Any, x: Any, where: str) -> Any:
    """The weights, which have the shape of `x`, in a row."""
    if weights is None:
        return None
    weights = beside(weights, x, where, "weights")
    if not same_shape(tuple(weights.shape), tuple(x.shape)):
        raise InvalidArgumentError(
            f"{where}: weights of shape {tuple(weights.shape)} for x of shape {tuple(x.shape)}"
        )
    return xp.reshape(weights, (-1,))


@composite(own=True, arrays="x weights")
def histogram(
    x: Any, /, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """How many elements fall into each bin, and the edges of the bins."""
    flat = vector(x, "histogram")
    weights = check_weights(weights, x, "histogram")
    edges = edges_of(bins, range, flat, "histogram", x, weights is not None)
    places, inside = place_of(flat, edges)
    weights = ones_of(flat) if weights is None else weights
    if is_boolean(weights):
        raise TypeMismatchError("histogram: the weights are numbers, not booleans")
    found = added(places, xp.where(inside, weights, 0), edges.shape[0] - 1)
    if density:
        widths = double(edges)[1:] - double(edges)[:-1]
        found = double(found) / widths / xp.sum(found)
    return found, edges


# ---------------------------------------------------------------- several axes


def columns_of(x: Any, where: str) -> list[Any]:
    """The coordinates of the points: the columns of a matrix, or the vectors in a list."""
    if isinstance(x, (list, tuple)):
        first = next((item for item in x if hasattr(item, "shape")), None)
        if first is None:
            raise TypeMismatchError(
                f"{where} takes a list of arrays; `pluggrad.asarray(...)` makes them of numbers"
            )
        columns = [beside(item, first, where, "x") for item in x]
    else:
        x = array_of(x, where)
        if x.ndim not in (1, 2):
            raise InvalidArgumentError(f"{where} takes a matrix, not an array of {x.ndim} axes")
        columns = [x] if x.ndim == 1 else [x[:, n] for n in range(x.shape[1])]
    shapes = {tuple(column.shape) for column in columns}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise InvalidArgumentError(
            f"{where}: the coordinates are vectors of one length, not of shapes {sorted(shapes)}"
        )
    return [vector(column, where) for column in columns]


def of_points(
    columns: list[Any], bins: Any, range: Any, density: Any, weights: Any, where: str
) -> tuple[Any, list[Any]]:
    """The histogram of points with these coordinates, and the edges along each axis."""
    count = len(columns)
    several = isinstance(bins, (list, tuple)) or len(getattr(bins, "shape", ())) > 0
    each = list(bins) if several else [bins] * count
    ranges = [None] * count if range is None else list(range)
    if len(each) != count or len(ranges) != count or isinstance(bins, str):
        raise InvalidArgumentError(
            f"{where}: for {count} coordinates, bins is a number or {count} of them or {count} "
            f"vectors of edges, and range has {count} pairs"
        )
    if any(isinstance(b, str) for b in each):
        raise InvalidArgumentError(f"{where}: bins are numbers or edges; it chooses none itself")
    edges = [edges_of(b, r, x, where) for b, r, x in zip(each, ranges, columns, strict=True)]
    lengths = [e.shape[0] - 1 for e in edges]
    places: Any = 0
    inside: Any = True
    for x, e, length in zip(columns, edges, lengths, strict=True):
        here, there = place_of(x, e)
        places, inside = places * length + here, inside & there
    if weights is None:
        weights = precise(ones_of(columns[0]))
    else:
        weights = precise(check_weights(weights, columns[0], where))
        if is_complex(weights):
            raise TypeMismatchError(f"{where}: the weights are real numbers, not {weights.dtype}")
    found = added(places, xp.where(inside, weights, 0), math.prod(lengths))
    found = xp.reshape(found, tuple(lengths))
    if density:
        total = xp.sum(found)
        for n, e in enumerate(edges):
            widths = double(e)[1:] - double(e)[:-1]
            found = found / xp.reshape(widths, (-1,) + (1,) * (count - 1 - n))
        found = found / total
    return found, edges


@composite(own=True, arrays="weights")
def histogramdd(
    x: Any, /, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """How many points fall into each cell of a grid, and the edges of the grid along each axis."""
    columns = columns_of(x, "histogramdd")
    return of_points(columns, bins, range, density, weights, "histogramdd")


@composite(own=True, arrays="x1 x2 weights")
def histogram2d(
    x1: Any,
    x2: Any,
    /,
    bins: Any = 10,
    range: Any = None,
    density: Any = None,
    weights: Any = None,
) -> Any:
    """How many points of the plane fall into each cell of a grid, and its edges on both axes."""
    columns = columns_of([array_of(x1, "histogram2d", "x1"), x2], "histogram2d")
    vectors = isinstance(bins, (list, tuple)) or len(getattr(bins, "shape", ())) > 0
    if vectors and len(bins) not in (1, 2):
        bins = [bins, bins]
    found, edges = of_points(columns, bins, range, density, weights, "histogram2d")
    return found, edges[0], edges[1]
