"""Indexing by arrays that differ within a batch of `vmap`, reduced to positions in the flat array.

A key of the standard may mix slices, integers and arrays. If some of its arrays differ from one
element of the batch to the next, the key is turned into the positions that it selects in the flat
array. That takes integer arithmetic only, which batches like any other. Three primitives then
gather, add and write at positions.
"""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.dispatch import is_variable, xp
from ..arrays.tracers import atomic
from ..engine.batch import refuse
from ..engine.cotangents import create, zeros
from ..engine.lazy_cotangents import fit
from ..errors import OutOfRangeError
from .kinds import constant, linear

__all__ = ["gather", "replaced", "take_along_back", "take_back"]


def add_at_raw(g: Any, places: Any, *, length: int) -> Any:
    """Zeros with the rows of `g` added at `places` along the first axis."""
    backend = backend_of(g)
    assert backend is not None
    shape = (length, *g.shape[1:])
    key = [backend.raw("reshape")(places, (-1,) + (1,) * (len(shape) - 1))]
    for n, size in enumerate(shape[1:], 1):
        row = create("arange", size, beside=g)
        key.append(backend.raw("reshape")(row, (-1,) + (1,) * (len(shape) - 1 - n)))
    return backend.adapter.scatter_add(zeros((shape, g.dtype), g), [(tuple(key), g)])


def put_at_raw(value: Any, x: Any, places: Any) -> Any:
    """The vector `x` with `value` at `places`; of equal places, the last one wins."""
    backend = backend_of(x)
    assert backend is not None
    return backend.raw("put")(value, x, (places,))


@atomic
def from_front_raw(places: Any, *, length: int) -> Any:
    """`places` with negative ones counted from the front, in integers wide enough for positions.

    The detour through `zeros` makes the library check the range: it reads `length` zeros, broadcast
    so that they take no memory, at `places`. A lazy library checks when it computes them.
    """
    backend = backend_of(places)
    assert backend is not None
    zero = create("arange", 1, beside=places)
    zeros = backend.getitem(backend.raw("broadcast_to")(zero, (length,)), (places,))
    places = zeros + places
    return backend.raw("where")(places < 0, places + length, places)


def put_at_value(g: Any, places: Any, like: Any) -> Any:
    """g_value = g[places], and 0 for a write that a later write to the same place replaced."""
    number = arange(0, places.shape[0], 1, g)
    wins = xp.last_of_each(places) == number
    return fit(xp.where(wins, xp.take(g, places, axis=0), 0.0), like)


# fmt: off
linear("add_at(g, places, /, *, length)", lambda g, places: xp.take(g, places, axis=0),
       fallback=add_at_raw, private=True)
linear("put_at(value, x, places, /)", put_at_value,
       lambda g, places: xp.put_at(0.0, g, places),
       fallback=put_at_raw, private=True)
constant("index(places, /, *, length)", fallback=from_front_raw, private=True)
# fmt: on


# ---------------------------------------------------------------- from keys to positions


def from_front(places: Any, length: int) -> Any:
    """`places` counted from the front of an axis of `length`."""
    return xp.index(places, length=length)


def arange(start: int, stop: int, step: int, g: Any) -> Any:
    """The integers from `start` up to `stop`, as a raw array beside `g`."""
    return create("arange", start, stop, step, beside=g)


def is_array(k: Any) -> bool:
    """Whether the index `k` is an array."""
    return not isinstance(k, slice) and hasattr(k, "shape")  # torch.compile: no hasattr(slice)


def is_mask(k: Any) -> bool:
    """Whether the index `k` is a boolean or an array of booleans."""
    return isinstance(k, bool) or (is_array(k) and "bool" in str(k.dtype))


def parts_of(key: Any, ndim: int) -> list[Any]:
    """`key` as a list: one entry per axis of the array, and None for each new axis."""
    parts = list(key) if isinstance(key, tuple) else [key]
    used = sum([k is not None and k is not Ellipsis for k in parts])
    rest = [slice(None)] * (ndim - used)
    for n, k in enumerate(parts):
        if k is Ellipsis:
            return parts[:n] + rest + [k for k in parts[n + 1 :] if k is not Ellipsis]
    return parts + rest


def positions(x: Any, key: Any) -> Any:
    """The positions in the flat `x` that `key` selects, in the shape of ``x[key]``."""
    backend = backend_of(x)
    assert backend is not None
    lift = backend.namespace.asarray_constant
    parts = parts_of(key, x.ndim)
    first = backend.adapter.integers_first
    shown = [k for k in parts if not (first and isinstance(k, int))]
    block = max([k.ndim for k in parts if is_array(k)])
    places = [n for n, k in enumerate(shown) if k is not None and not isinstance(k, slice)]
    together = places == list(range(places[0], places[-1] + 1))
    free = len(shown) - len(places)
    start = places[0] if together else 0  # the axis of the result where the arrays' axes begin
    total: Any = 0
    axis = out = 0
    for k in parts:
        if k is None:
            out += 1
            continue
        stride = math.prod(x.shape[axis + 1 :])
        length = x.shape[axis]
        axis += 1
        if isinstance(k, slice):
            behind = free - 1 - out + (block if out < start else 0)
            row = arange(*k.indices(length), x) * stride
            total = total + lift(backend.raw("reshape")(row, (-1,) + (1,) * behind))
            out += 1
        elif isinstance(k, int):
            if not -length <= k < length:
                raise OutOfRangeError(f"index {k} of an axis of length {length}, in vmap")
            total = total + (k % length) * stride
        else:
            k = from_front(k if is_variable(k) else lift(k), length) * stride
            total = total + xp.reshape(k, (*k.shape, *(1,) * (free - start)))
    if any(k is None for k in parts):  # broadcasting has not added new axes at the front
        shape = [1] * (free + block - total.ndim) + list(total.shape)
        total = xp.reshape(total, tuple(shape))
    return total


def gather(x: Any, key: Any) -> Any:
    """``x[key]``, for a key with arrays that differ within the batch."""
    if any([is_mask(k) for k in (key if isinstance(key, tuple) else (key,))]):
        refuse(x, "indexing by a mask gives each of the batch another shape. Use "
                          "`pluggrad.where(mask, x, 0)`, and reduce that")  # fmt: skip
    if not isinstance(key, tuple) or len(key) == 1:
        k = key[0] if isinstance(key, tuple) else key
        y = xp.take(x, xp.reshape(k, (-1,)), axis=0)
        return xp.reshape(y, (*k.shape, *x.shape[1:]))
    places = positions(x, key)
    flat = xp.take(xp.reshape(x, (-1,)), xp.reshape(places, (-1,)), axis=0)
    return xp.reshape(flat, places.shape)


def trimmed(value: Any, ndim: int) -> Any:
    """`value` without leading axes of length 1, for writing where there are only `ndim` axes.

    NumPy and torch ignore such axes in a write; other libraries refuse them. Since `reshape`
    removes them, the gradient gets the shape of `value` on every library.
    """
    extra = len(value.shape) - ndim
    if extra <= 0 or any([n != 1 for n in value.shape[:extra]]):
        return value
    return xp.reshape(value, tuple(value.shape[extra:]))


def replaced(x: Any, key: Any, value: Any) -> Any:
    """`x` with `value` at `key`, for a key with arrays that differ within the batch."""
    key = key[0] if isinstance(key, tuple) and len(key) == 1 else key
    if is_mask(key):
        if getattr(value, "ndim", 0):
            refuse(key, "an array written by a mask goes to other places in each. "
                        "Write `pluggrad.where(mask, array, x)`, of one shape")  # fmt: skip
        mask = xp.reshape(key, (*key.shape, *(1,) * (x.ndim - key.ndim)))
        value = xp.astype(value, x.dtype) if hasattr(value, "dtype") else value
        return xp.where(mask, value, x)
    if isinstance(key, tuple) and any(is_mask(k) for k in key):
        refuse(
            x, "a mask beside other indices selects another number in each. Use `pluggrad.where`"
        )
    places = positions(x, key)
    if not hasattr(value, "dtype"):
        value = xp.zeros_like(x[(0,) * x.ndim]) + value
    value = trimmed(value, len(places.shape))
    value = xp.broadcast_to(xp.astype(value, x.dtype), places.shape)
    flat = [xp.reshape(v, (-1,)) for v in (value, x, places)]
    return xp.reshape(xp.put_at(*flat), x.shape)


# ---------------------------------------------------------------- the transposes of taking


def take_back(g: Any, indices: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """g_x of `take`: zeros of `shape`, with `g` added at `indices` along `axis`."""
    if axis is None:
        axis = 0
    rows = xp.moveaxis(g, axis, 0)
    found = xp.add_at(rows, from_front(indices, shape[axis]), length=shape[axis])
    return xp.moveaxis(found, 0, axis)


def take_along_back(g: Any, indices: Any, shape: tuple[int, ...], axis: int) -> Any:
    """g_x of `take_along_axis`: zeros of `shape`, with `g` added at `indices` along `axis`."""
    backend = backend_of(indices)
    assert backend is not None
    total = from_front(indices, shape[axis]) * math.prod(shape[axis + 1 :])
    for n, length in enumerate(shape):
        if n != axis:
            row = arange(0, length, 1, g) * math.prod(shape[n + 1 :])
            row = backend.raw("reshape")(row, (-1,) + (1,) * (len(shape) - 1 - n))
            total = total + backend.namespace.asarray_constant(row)
    flat = xp.reshape(xp.broadcast_to(g, total.shape), (-1,))
    found = xp.add_at(flat, xp.reshape(total, (-1,)), length=math.prod(shape))
    return xp.reshape(found, shape)
