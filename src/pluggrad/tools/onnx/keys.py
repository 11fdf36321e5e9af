"""Indices that are arrays of the program: where they select is computed by the model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...staging.program import Value
from .graph import Graph, Tensor
from .moves import numbered

__all__ = ["places_of"]


def places_of(graph: Graph, shape: tuple[int, ...], key: Any, tensors: dict[Value, Tensor]) -> Any:
    """The places that `key` selects in an array of this shape, counted from its first element: an
    array of NumPy, or a tensor if `key` has Values in it. An index out of bounds makes a place out
    of bounds, so that the model raises as NumPy does."""
    items = list(key) if type(key) is tuple else [key]
    values = [k for k in items if type(k) is Value]
    if not values:
        return numbered(shape)[key]
    # NumPy says where the axes of the indices go: with zeros in their place it gives the rest.
    zeros = [np.zeros(k.shape, np.intp) if type(k) is Value else k for k in items]
    rest = numbered(shape)[tuple(zeros)]
    given = [k for k in items if k is not None]
    if any([k is ... for k in given]):
        at = [k is ... for k in given].index(True)
        given[at : at + 1] = [slice(None)] * (len(shape) - len(given) + 1)
    arrays = [k for k in items if isinstance(k, (Value, np.ndarray))]
    lengths = np.broadcast_shapes(*[k.shape for k in arrays])
    first = _first(items, lengths, rest.ndim)
    after = rest.ndim - first - len(lengths)
    places = graph.constant(rest, np.int64)
    size = math.prod(shape)
    for axis, k in enumerate(given):
        if type(k) is not Value:
            continue
        n, stride = shape[axis], math.prod(shape[axis + 1 :])
        x = graph.cast(tensors[k], np.int64)
        x = graph.reshape(x, (*x.shape, *[1] * after))

        def of(op: str, y: Tensor, number: int, dtype: Any = np.int64) -> Tensor:
            return graph.op(op, [y, graph.constant(number, np.int64)], dtype, y.shape)

        x = graph.op("Where", [of("Less", x, 0, bool), of("Add", x, n), x], np.int64, x.shape)
        wrong = [of("Less", x, 0, bool), of("GreaterOrEqual", x, n, bool)]
        either = graph.op("Or", wrong, np.bool_, x.shape)
        beyond = graph.constant(size, np.int64)
        step = graph.op("Where", [either, beyond, of("Mul", x, stride)], np.int64, x.shape)
        places = graph.op("Add", [places, step], np.int64, rest.shape)
    return places


def _first(items: list[Any], lengths: tuple[int, ...], ndim: int) -> int:
    """The axis of the result at which the axes of the integer arrays begin: where the first of them
    stands if nothing is between them, otherwise 0."""
    kinds = ["array" if isinstance(k, (Value, np.ndarray, int, np.integer)) else k for k in items]
    at = [i for i, k in enumerate(kinds) if isinstance(k, str)]
    if at[-1] - at[0] + 1 > len(at):
        return 0
    before = kinds[: at[0]]
    if any([k is ... for k in before]):
        return ndim - len(lengths) - len(kinds[at[-1] + 1 :])
    return len(before)
