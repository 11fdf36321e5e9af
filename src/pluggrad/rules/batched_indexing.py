"""Batching rules of indexing: by keys that the whole batch shares, and by positions that differ."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import PRIMITIVES
from ..arrays.dispatch import xp
from ..engine.batch import BatchedCall
from ..engine.cotangents import create, shape_dtype
from .batching import at_front, merged, rows
from .positions import from_front, is_array, is_mask

__all__: list[str] = []


def take(op: BatchedCall) -> Any:
    """Batching rule of `take`. If both arguments are batched, the rows of the batch are laid end to
    end, and `offset` moves the indices of each into its own row; or they are taken along the axis,
    in libraries that cut or chunk the batch."""
    x, indices = op.args
    axis, ndim = op.get("axis"), op.ndim(0)
    axis = op.axis(0 if axis is None and ndim == 1 else axis, ndim) - 1
    if not op.on[1]:
        return op(x, indices, axis=axis + 1)
    count = op.shape(1)
    flat = xp.reshape(indices, (-1,))
    if not op.on[0]:
        y = op(x, flat, axis=axis)
        lengths = tuple(x.shape)
        y = xp.reshape(y, (*lengths[:axis], op.size, *count, *lengths[axis + 1 :]))
        return at_front(y, axis)
    length = x.shape[axis + 1]
    if "add_along_axis" in op.backend.adapter.functions:
        ones = (1,) * axis, (1,) * (x.ndim - axis - 2)
        row = (op.size, *ones[0], in_each(op, count), *ones[1])
        places = xp.reshape(from_front(indices, length), row)
        y = xp.take_along_axis(x, places, axis=axis + 1)
        return xp.reshape(y, (*x.shape[: axis + 1], *count, *x.shape[axis + 2 :]))
    table = merged(xp.moveaxis(x, axis + 1, 1))
    y = op(table, xp.reshape(offset(op, indices, length), (-1,)), axis=0)
    return xp.moveaxis(xp.reshape(y, (op.size, *count, *table.shape[1:])), 1, axis + 1)


def in_each(op: BatchedCall, shape: tuple[int, ...]) -> int:
    """How many elements each of the batch has, for a reshape: -1, which no library finds out for a
    batch of none."""
    return -1 if op.size else math.prod(shape)


def offset(op: BatchedCall, places: Any, length: int) -> Any:
    """`places` in rows of `length`, as places in all the rows laid end to end."""
    starts = op.backend.raw("reshape")(op.counts() * length, (-1,) + (1,) * (places.ndim - 1))
    return from_front(places, length) + starts


def take_along_axis(op: BatchedCall) -> Any:
    """Batching rule of `take_along_axis`: an argument without a batch axis gets one of length 1,
    which broadcasts."""
    ndim = max(op.ndim(0), op.ndim(1))
    x, indices = [v if on else xp.expand_dims(v, axis=0)
                  for v, on in zip(op.args, op.on, strict=True)]  # fmt: skip
    return op(x, indices, axis=op.axis(op.get("axis"), ndim))


def add_at(op: BatchedCall) -> Any:
    """Batching rule of `add_at`: one call, on the rows of the batch laid end to end."""
    g, places, length = op.full(0), op.full(1), op.get("length")
    if "add_along_axis" in op.backend.adapter.functions:  # which keeps the axis of the batch apart
        rest = g.shape[2:]
        row = (op.size, in_each(op, op.shape(1)), *[1] * len(rest))
        places = xp.reshape(from_front(places, length), row)
        return xp.add_along_axis(g, places, axis=1, like=((op.size, length, *rest), g.dtype))
    found = op(merged(g), merged(offset(op, places, length)), length=op.size * length)
    return xp.reshape(found, (op.size, length, *found.shape[1:]))


def put_at(op: BatchedCall) -> Any:
    """Batching rule of `put_at`: one call, on the rows of the batch laid end to end."""
    value, x, places = op.aligned(0, 1), op.full(1), op.full(2)
    if hasattr(value, "shape"):
        value = merged(xp.broadcast_to(value, places.shape))
    y = op(value, merged(x), merged(offset(op, places, x.shape[1])))
    return xp.reshape(y, x.shape)


def shifted(op: BatchedCall, key: Any, ndim: int) -> tuple[Any, int] | None:
    """`key` with the batch axis in front, and the number of axes of ``x[key]`` without the batch,
    for an array `x` of `ndim` axes. None, if the key must be turned into positions first."""
    parts = key if isinstance(key, tuple) else (key,)
    new = sum([k is None for k in parts])
    arrays = [k for k in parts if is_array(k)]
    if any(is_mask(k) for k in parts):
        return None
    if not arrays:
        integers = sum(
            [not isinstance(k, slice) and k is not None and k is not Ellipsis for k in parts]
        )
        return (slice(None), *parts), ndim - integers + new
    block = max([k.ndim for k in arrays])
    advanced = [n for n, k in enumerate(parts) if is_array(k) or isinstance(k, int)]
    if len(advanced) == len(parts) == ndim:
        batch = op.backend.raw("reshape")(op.counts(), (-1,) + (1,) * block)
        return (batch, *parts), block
    if advanced[-1] - advanced[0] + 1 > len(advanced):
        return None
    return (slice(None), *parts), ndim - len(advanced) + new + block


def positions_of(op: BatchedCall, key: Any, shape: tuple[int, ...], like: Any) -> Any:
    """The positions that `key` selects in a flat array, found by indexing 0, 1, 2, ... in
    `shape`."""
    raw = op.backend.raw
    flat = create("arange", math.prod(shape), beside=like)
    return op.backend.getitem(raw("reshape")(flat, shape), key)


def getitem(op: BatchedCall) -> Any:
    """Batching rule of ``x[key]``, with a key that the whole batch shares."""
    x, key = op.args
    found = shifted(op, key, op.ndim(0))
    if found is not None:
        return op(x, found[0])
    places = positions_of(op, key, op.shape(0), x)
    flat = xp.reshape(x, (op.size, math.prod(op.shape(0))))
    y = xp.take(flat, op.backend.raw("reshape")(places, (-1,)), axis=1)
    return xp.reshape(y, (op.size, *places.shape))


def scatter(op: BatchedCall) -> Any:
    """Batching rule of `scatter`, with a key that the whole batch shares."""
    g, key = op.args[0], op.get("key")
    shape, dtype = shape_dtype(op.get("like"))
    shape = tuple(shape)
    found = shifted(op, key, len(shape))
    if found is not None:
        return op(g, key=found[0], like=((op.size, *shape), dtype))
    places = positions_of(op, key, shape, g)
    flat = xp.broadcast_to(g, (op.size, *places.shape))
    flat = xp.reshape(flat, (op.size, math.prod(places.shape)))
    y = op(flat, key=everywhere(op, places), like=((op.size, math.prod(shape)), dtype))
    return xp.reshape(y, (op.size, *shape))


def add_along_axis(op: BatchedCall) -> Any:
    """Batching rule of `add_along_axis`: the batch is one more axis in front of the others."""
    g, indices, axis = op.full(0), op.args[1], op.get("axis")
    shape, dtype = shape_dtype(op.get("like"))
    indices = indices if op.on[1] else xp.expand_dims(indices, axis=0)
    return op(g, indices, axis=axis + 1, like=((op.size, *shape), dtype))


def scatter_all(op: BatchedCall) -> Any:
    """Batching rule of `scatter_all`: one call if all keys allow it, else one `scatter` per key."""
    keys, like = op.get("keys"), op.get("like")
    shape, dtype = shape_dtype(like)
    gs = [op.full(i) for i in range(len(keys))]
    found = [shifted(op, key, len(shape)) for key in keys]
    if None not in found:
        return op(*gs, keys=tuple([f[0] for f in found if f]), like=((op.size, *shape), dtype))
    total: Any = 0.0
    for g, key in zip(gs, keys, strict=True):
        one = PRIMITIVES["scatter"]
        kwargs = {"key": key, "like": like}
        total = total + scatter(
            BatchedCall(one, [g], [True], kwargs, op.backend.raw("scatter"), op.size, op.backend)
        )
    return total


def everywhere(op: BatchedCall, places: Any) -> tuple[Any, Any]:
    """The index that selects the same `places` in every row."""
    raw = op.backend.raw
    return raw("reshape")(op.counts(), (-1, 1)), raw("reshape")(places, (1, -1))


def put(op: BatchedCall) -> Any:
    """Batching rule of `put` and `put_in_place`, with a key that the whole batch shares."""
    value, x, key = op.args[0], op.full(1), op.args[2]
    write = PRIMITIVES["put"]
    found = shifted(op, key, op.ndim(1))
    if found is not None:
        return write(fitted(op, found[1]), x, found[0])
    shape = op.shape(1)
    places = positions_of(op, key, shape, x)
    if op.on[0]:
        value = xp.broadcast_to(fitted(op, places.ndim), (op.size, *places.shape))
        value = xp.reshape(value, (op.size, math.prod(places.shape)))
    elif is_array(value):
        value = xp.reshape(xp.broadcast_to(value, tuple(places.shape)), (-1,))
    y = write(value, xp.reshape(x, (op.size, math.prod(shape))), everywhere(op, places))
    return xp.reshape(y, (op.size, *shape))


def fitted(op: BatchedCall, ndim: int) -> Any:
    """The value to write at a key where ``x[key]``, without the batch, has `ndim` axes."""
    value = op.aligned(0, ndim)
    extra = op.ndim(0) - ndim
    if op.on[0] and extra > 0:  # leading axes of length 1, which a write ignores
        value = xp.reshape(value, (op.size, *value.shape[1 + extra :]))
    return value


def nonzero(op: BatchedCall) -> Any:
    """Refuse: the number of nonzero elements may differ within the batch."""
    op.refuse("each of the batch has another number of them. Work with the mask itself, and "
              "`pluggrad.where`")  # fmt: skip


rows("getitem", getitem)
rows("scatter", scatter)
rows("scatter_all", scatter_all)
rows("add_along_axis", add_along_axis)
rows("put put_in_place", put)
rows("take", take)
rows("take_along_axis", take_along_axis)
rows("add_at", add_at)
rows("put_at", put_at)
rows("nonzero", nonzero)
