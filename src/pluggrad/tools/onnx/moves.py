"""Functions that move elements and compute nothing: views, transposes, indexing, padding.

Where such a function puts each element is found by applying it to the numbers 0, 1, 2, ... in the
place of the elements. The answer becomes a simple operator where there is one, and a gather
otherwise.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...staging.program import Attribute
from .graph import Graph, Tensor

__all__ = [
    "FILLING", "KEEPING", "MOVES", "TRANSPOSES", "applied", "by_places", "moved", "numbered",
    "start_of", "transposed", "words",
]  # fmt: skip


def words(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


#: The same elements in the same order, in another shape.
RESHAPES = words("reshape ravel flatten expand_dims squeeze atleast_1d atleast_2d")
TRANSPOSES = words("T mT transpose permute_dims swapaxes moveaxis rollaxis matrix_transpose "
                       "linalg.matrix_transpose")  # fmt: skip
#: The same array again, if the dtype is the same.
KEEPING = words(
    "copy asarray ascontiguousarray array asanyarray astype positive conjugate conj real to_device"
)
#: All functions that only move elements.
MOVES = (
    RESHAPES
    | TRANSPOSES
    | words(
        "getitem broadcast_to broadcast_arrays flip fliplr flipud roll rot90 diagonal repeat "
        "linalg.diagonal tile take split array_split unstack sliding_window_view resize view"
    )
)
#: Functions that move elements, and fill what is left with zeros.
FILLING = words("tril triu diag diagflat")


def numbered(shape: tuple[int, ...], first: int = 0) -> Any:
    """An array of this shape that holds `first`, `first` + 1, ..."""
    size = math.prod(shape)
    return np.arange(first, first + size).reshape(shape)


def moved(graph: Graph, x: Tensor, name: str, args: Any, kwargs: Any, shape: Any) -> Tensor | None:
    """One operator that does what the function called `name` does; None if there is none. `args`
    are what follows the array."""
    order = [kwargs.get("order"), *args]
    if name in RESHAPES and not any([isinstance(k, str) and k != "C" for k in order]):
        return graph.reshape(x, shape)
    if name == "broadcast_to":
        return graph.expand(x, shape)
    if name == "getitem":
        return _sliced(graph, x, args[0], shape)
    return None


def transposed(graph: Graph, x: Tensor, function: Any, args: Any, kwargs: Any) -> Tensor:
    """A transpose; `function` is applied to an array whose axes differ in length."""
    axes = np.broadcast_to(np.int8(0), tuple(range(2, 2 + len(x.shape))))
    order = [n - 2 for n in applied(function, axes, args, kwargs).shape]
    if order == sorted(order):
        return x
    return graph.op("Transpose", [x], x.dtype, [x.shape[i] for i in order], perm=order)


def applied(function: Any, x: Any, args: Any, kwargs: Any) -> Any:
    """What a function, or a method or an attribute by its name, makes of an array."""
    if isinstance(function, str):
        return getattr(x, function)(*args, **kwargs)
    return function(x) if type(function) is Attribute else function(x, *args, **kwargs)


def _sliced(graph: Graph, x: Tensor, key: Any, shape: Any) -> Tensor | None:
    """Indexing with integers, slices, None and an ellipsis."""
    items = list(key) if type(key) is tuple else [key]
    for k in items:
        if k is not None and k is not ... and type(k) is not int and not isinstance(k, slice):
            return None
    items = [k for k in items if k is not None]
    if any([k is ... for k in items]):
        at = [k is ... for k in items].index(True)
        items[at : at + 1] = [slice(None)] * (len(x.shape) - len(items) + 1)
    starts, ends, axes, steps, left = [], [], [], [], list(x.shape)
    for axis, k in enumerate(items):
        n = x.shape[axis]
        if not isinstance(k, slice):
            k = slice(k % n, k % n + 1)
        start, stop, step = k.indices(n)
        left[axis] = len(range(start, stop, step))
        if (start, stop, step) != (0, n, 1):
            starts.append(start)
            ends.append(stop if stop >= 0 else -n - 1)  # before the first, in steps backwards
            axes.append(axis)
            steps.append(step)
    if axes:
        given = [graph.constant(each, np.int64) for each in (starts, ends, axes, steps)]
        x = graph.op("Slice", [x, *given], x.dtype, left)
    return graph.reshape(x, shape)


def start_of(places: Any) -> int | None:
    """The first of `places` if they follow each other, otherwise None."""
    if not places.size or places.flat[-1] - places.flat[0] != places.size - 1:
        return None
    first = int(places.flat[0])
    follow = np.arange(first, first + places.size)
    return first if np.array_equal(places.ravel(), follow) else None


def by_places(graph: Graph, x: Tensor, places: Any) -> Tensor:
    """The elements of `x` at `places`, which count from its first element: an array of NumPy, or a
    tensor."""
    if not isinstance(places, Tensor):
        first = start_of(places)
        if first is not None:
            flat = graph.reshape(x, (math.prod(x.shape),))
            return graph.reshape(graph.part(flat, first, first + places.size), places.shape)
        places = graph.constant(places, np.int64)
    flat = graph.reshape(x, (math.prod(x.shape),))
    return graph.op("Gather", [flat, places], x.dtype, places.shape)
