"""Arrays that calls write: a tensor for each state of one.

A view of such an array is known by its places there: reading it gathers from the latest state, and
a write makes the next state.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...staging.program import Call, Value, values_in
from .context import Context
from .graph import Tensor
from .keys import places_of
from .moves import KEEPING, MOVES, applied, by_places, start_of

__all__ = ["put", "selected", "view", "write"]

_AT = {"add.at": "add", "multiply.at": "mul", "maximum.at": "max", "minimum.at": "min"}


def selected(t: Context, shape: tuple[int, ...], key: Any) -> Any:
    """The places that `key` selects in an array of this shape: an array of NumPy, or a tensor."""
    key = t.settled(key)
    tensors = {v: t.of(v) for v in values_in(key)}
    if any([v.dtype == np.bool_ for v in tensors]):
        raise TypeError("a mask that is computed")
    return places_of(t.graph, shape, key, tensors)


def view(t: Context, call: Call) -> None:
    """Note where the views that a call makes are."""
    x, *args = t.settled(call.args)
    name, moves = t.name(call), MOVES | KEEPING
    if type(x) is not Value or any(values_in([args, call.kwargs])) or name not in moves:
        raise TypeError("a view of an array that is written")
    if call.results[0].dtype != x.dtype:
        raise TypeError("bytes read as another dtype")
    places = t.places_in(x)
    found = places if name in KEEPING else applied(call.function, places, args, call.kwargs)
    for v, each in zip(call.results, found if call.several else [found], strict=True):
        t.views[v] = np.asarray(each)


def write(t: Context, call: Call, computed: Callable[[Call], Any]) -> None:
    """The next state of the array that a call writes. `computed` says what a call without writes
    returns."""
    name, args, kwargs, (target, *rest) = t.name(call), call.args, call.kwargs, call.writes
    if rest:
        raise TypeError("several arrays are written at once")
    where = kwargs.get("where", True)
    key = ... if where is True else where
    if name == "setitem":
        _assign(t, target, args[1], args[2])
    elif name in _AT:
        _assign(t, target, args[1], args[2], _AT[name])
    elif name == "fill":
        _assign(t, target, ..., args[1])
    elif name == "copyto" and len(args) == 2:
        _assign(t, target, key, args[1])
    elif "out" in kwargs or name == "power":
        left = {key: x for key, x in kwargs.items() if key not in ("out", "where")}
        made = Call(call.function if "out" in kwargs else np.power, args, left)
        made.results = (target.copied(),)
        _assign(t, target, key, computed(made))
    else:
        raise UnsupportedError("ONNX has no operator for it")


def _assign(t: Context, target: Value, key: Any, x: Any, reduction: str = "none") -> None:
    """Write `x` at `key` of `target`."""
    tensor = t.cast(x if isinstance(x, Tensor) else t.of(x), target.dtype)
    key = t.settled(key)
    if type(key) is Value and key.dtype == np.bool_:
        if reduction != "none":
            raise TypeError("a mask that is computed")
        tensor, key = _masked(t, target, key, tensor), ...
    places = t.places_in(target)
    if any(values_in([key])):
        inner = selected(t, target.shape, key)
        places = by_places(t.graph, t.graph.constant(places, np.int64), inner)
    else:
        places = np.asarray(places[key])
    t.states[target.memory] = put(t, t.states[target.memory], places, tensor, reduction)


def _masked(t: Context, target: Value, key: Value, x: Tensor) -> Tensor:
    """`target` with `x` where `key` says so."""
    if math.prod(x.shape) > 1 and (key.shape != target.shape or x.shape != target.shape):
        raise TypeError("a mask that is computed")
    if x.shape:
        x = t.graph.reshape(x, target.shape if math.prod(x.shape) > 1 else ())
    mask = t.graph.reshape(t.of(key), (*key.shape, *[1] * (len(target.shape) - len(key.shape))))
    return choice(t, mask, x, t.of(target), target.shape)


def choice(t: Context, mask: Tensor, x: Tensor, y: Tensor, shape: Any) -> Tensor:
    """`x` where `mask` says so, otherwise `y`; both have one dtype."""
    kind = np.dtype(np.int32) if x.dtype == np.bool_ else t.working(x.dtype, True)
    both = [t.graph.cast(x, kind), t.graph.cast(y, kind)]
    return t.graph.cast(t.graph.op("Where", [mask, *both], kind, shape), x.dtype)


def put(t: Context, state: Tensor, places: Any, x: Tensor, reduction: str = "none") -> Tensor:
    """`state` with `x` at `places`; where a place comes twice, the last counts."""
    graph, shape = t.graph, state.shape
    size, count = math.prod(shape), math.prod(places.shape)
    if not count:
        return state
    while len(x.shape) > len(places.shape):  # NumPy lets axes of length one in front be
        x = graph.reshape(x, x.shape[1:])
    x = graph.reshape(graph.expand(x, places.shape), (count,))
    flat = graph.reshape(state, (size,))
    first = None if isinstance(places, Tensor) else start_of(places)
    if first is not None and reduction in ("none", "add"):
        return graph.reshape(_between(t, flat, first, x, reduction), shape)
    if isinstance(places, Tensor):
        index = graph.reshape(places, (count,))
    else:
        places = places.ravel()
        if reduction == "none":
            last = np.sort(count - 1 - np.unique(places[::-1], return_index=True)[1])
            if len(last) < count:
                x, places = by_places(graph, x, last), places[last]
        index = graph.constant(places, np.int64)
    if isinstance(places, Tensor) and reduction == "none":
        done = _last(t, flat, index, x)
    else:
        kind = flat.dtype if reduction == "none" else t.working(flat.dtype, reduction == "add")
        both = [graph.cast(flat, kind), index, graph.cast(x, kind)]
        done = graph.op("ScatterElements", both, kind, (size,), reduction=reduction)
    return graph.reshape(graph.cast(done, state.dtype), shape)


def _between(t: Context, flat: Tensor, first: int, x: Tensor, reduction: str) -> Tensor:
    """`flat` with `x` written, or added, to elements that follow each other."""
    graph, size, end = t.graph, flat.shape[0], first + x.shape[0]
    if reduction == "add":
        kind = t.working(flat.dtype, True)
        both = [graph.cast(z, kind) for z in (graph.part(flat, first, end), x)]
        x = graph.cast(graph.op("Add", both, kind, x.shape), flat.dtype)
    around = [(0, first), (end, size)]
    before, after = [[graph.part(flat, a, b)] if a < b else [] for a, b in around]
    if not before and not after:
        return x
    return graph.op("Concat", [*before, x, *after], flat.dtype, (size,), axis=0)


def _last(t: Context, flat: Tensor, index: Tensor, x: Tensor) -> Tensor:
    """`flat` with `x` at places that may come twice: ONNX does not say which write is the last, so
    the one with the largest number is chosen."""
    graph, size = t.graph, flat.shape
    nobody = graph.constant(np.full(size, -1), np.int64)
    numbers = graph.constant(np.arange(x.shape[0]), np.int64)
    winner = graph.op("ScatterElements", [nobody, index, numbers], np.int64, size, reduction="max")
    zero = graph.constant(0, np.int64)
    written = graph.op("GreaterOrEqual", [winner, zero], np.bool_, size)
    chosen = by_places(graph, x, graph.op("Max", [winner, zero], np.int64, size))
    return choice(t, written, chosen, flat, size)
