"""Writing into chunked arrays, and adding into them, by position and without computing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import broadcast
from .two_phases import advise


def split(x: Any, key: Any, value: Any) -> tuple[Any, int, Any, Any]:
    """`key` in two steps: a basic index (() if it selects everything), then an array, or None,
    along `axis` of the result. `value`, which broadcasts to ``x[key]``, loses its new axes."""
    parts = list(key) if isinstance(key, tuple) else [key]
    used = sum([_axes(part) for part in parts])
    rest = [slice(None)] * (x.ndim - used)
    at = next((n for n, part in enumerate(parts) if part is ...), len(parts))
    parts = parts[:at] + rest + parts[at + 1 :]
    basic: list[Any] = []
    seen: list[Any] = []  # for each axis of x[key], how to index `value` there
    axis, array = 0, None
    for part in parts:
        if part is None:
            seen.append(0)
            continue
        if hasattr(part, "dtype"):
            axis, array = sum(isinstance(k, slice) for k in basic), part
            basic += [slice(None)] * _axes(part)
            if part.ndim or part.dtype == bool:
                seen.append(slice(None))
            else:
                array = part.reshape(1)
                seen.append(None)  # restores the axis, of length 1
            continue
        basic.append(part)
        if isinstance(part, slice):
            seen.append(slice(None))
    if hasattr(value, "shape"):
        index: list[Any] = []
        left = value.ndim  # axes of `value`: its first ones may be left to broadcasting
        for s in reversed(seen):
            left -= s is not None
            if left < 0:
                break
            index.insert(0, s)
        if any(s != slice(None) for s in index):
            value = value[tuple(index)]
    whole = all(part == slice(None) for part in basic)
    return () if whole else tuple(basic), axis, array, value


def _axes(part: Any) -> int:
    """How many axes of the array this part of an index takes up."""
    if part is None or part is ...:
        return 0
    return int(part.ndim) if hasattr(part, "dtype") and part.dtype == bool else 1


def put(value: Any, x: Any, key: Any) -> Any:
    """`x` with `value` at `key`, as a new array."""
    basic, axis, array, value = split(x, key, value)
    if array is not None:
        if not basic:
            return deposit(x, axis, array, value, add=False)
        value = deposit(x[basic], axis, array, value, add=False)
    return assign(x, basic, value)


def assign(x: Any, key: Any, value: Any) -> Any:
    """`x` with `value` at `key`, a basic index, written into a copy of the handle."""
    if 0 in x[key].shape:
        return x  # nothing to write, and Dask would raise
    if unknown(x):
        return assign_by_axis(x, key, value)
    x = x.copy()
    x[key or ...] = value
    return x


def assign_by_axis(x: Any, key: Any, value: Any) -> Any:
    """`assign` for an `x` of unknown lengths: along one axis after another. The axes of unknown
    length are those that `key` takes whole; Dask has no other index there."""
    value = expand(_lazy(value, x), to=x[key]).astype(x.dtype)
    if not key:
        return value
    # Integers become slices of length 1, so that all axes stay.
    value = value[tuple([slice(None) if isinstance(k, slice) else None for k in key])]
    key = [k if isinstance(k, slice) else slice(k, k + 1 or None) for k in key]
    return _assign_slices(x, key, value, 0)


def _assign_slices(x: Any, key: list[slice], value: Any, axis: int) -> Any:
    """`x` with `value` written at the slices of `key`, from `axis` on."""
    while axis < x.ndim and key[axis] == slice(None):
        axis += 1
    if axis == x.ndim:
        return value
    part = x[(slice(None),) * axis + (key[axis],)]
    value = _assign_slices(part, key, value, axis + 1)
    return deposit(x, axis, np.arange(x.shape[axis])[key[axis]], value, add=False)


def deposit(x: Any, axis: int, array: Any, value: Any, *, add: bool) -> Any:
    """`x` with `value` written, or added, at the places along `axis` that `array` selects:
    integers, or a mask.

    Each chunk of `x` is one task, which finds its own part in all of `value`.
    """
    import dask.array as da

    value = _lazy(value, x)
    if array.dtype != bool:
        return _by_places(x, axis, array, value, add)
    if not hasattr(array, "dask"):
        array = da.from_array(array, chunks=x.chunks[axis : axis + array.ndim])
    below = x.ndim - axis - array.ndim  # the number of axes after those of the mask
    if value.ndim <= below or value.shape[-1 - below] == 1:
        # One value for all places of the mask: it broadcasts.
        if value.ndim > below and array.ndim != 1:
            value = value[(*(None,) * (array.ndim - 1), ...)]
        mask = array[(..., *(None,) * below)]
        return da.where(mask, x + value if add else value, x).astype(x.dtype)
    if array.ndim != 1:
        # Flat, in the order in which reading by the mask goes.
        flat = deposit(x.ravel(), 0, array.ravel(), value, add=add)
        return flat.reshape(x.shape).rechunk(x.chunks)
    if not any(c != c for c in x.chunks[axis]):
        array = array.rechunk((x.chunks[axis],))
    ones = ((1,) * array.numblocks[0],)
    counts = array.map_blocks(np.sum, keepdims=True, chunks=ones, dtype=np.intp)
    start = da.cumsum(counts, axis=0) - counts
    value = _spread(value, x, axis, None)
    return _blocks(_write_mask, x, axis, (start, (axis,), array, (axis,)), value, add)


def _lazy(value: Any, x: Any) -> Any:
    """`value` as a Dask array; of the dtype of `x`, if it was none."""
    import dask.array as da

    return value if hasattr(value, "dask") else da.from_array(np.asarray(value, dtype=x.dtype))


def _by_places(x: Any, axis: int, array: Any, value: Any, add: bool) -> Any:
    """`deposit` for an array of integers."""
    import dask.array as da

    if not hasattr(array, "dask"):
        array = da.from_array(np.asarray(array))
    if unknown(x):
        # (Only the shape of what is read here matters. Dask is told a wrong one by lazy places.)
        rows = np.zeros(array.shape, dtype=np.intp)
        value = expand(value, to=x[(slice(None),) * axis + (rows,)])
    array = da.where(array < 0, array + x.shape[axis], array)
    start = da.from_array(np.cumsum((0, *x.chunks[axis]))[:-1], chunks=1)
    value = _spread(value, x, axis, array.chunks[0])
    return _blocks(_write_places, x, axis, (start, (axis,), array, (x.ndim,)), value, add)


def _spread(value: Any, x: Any, axis: int, rows: Any) -> Any:
    """`value` broadcast to the lengths of `x`, in the chunks of `x`; along `axis` in chunks of
    `rows`."""
    import dask.array as da

    value = value[(*(None,) * (x.ndim - value.ndim), ...)]
    rows = value.chunks[axis] if rows is None else rows
    chunks = (*x.chunks[:axis], rows, *x.chunks[axis + 1 :])
    if value.chunks == chunks:
        return value
    if any(n != n for n in value.shape) or any(c != c for c in rows):
        known_rows = all(n == n for n in (value.shape[axis], *rows))
        return value.rechunk({n: c for n, c in enumerate(chunks) if n != axis or known_rows})
    lengths = (*x.shape[:axis], sum(rows), *x.shape[axis + 1 :])
    return da.broadcast_to(value, lengths).rechunk(chunks)


def _blocks(write: Any, x: Any, axis: int, places: Any, value: Any, add: bool) -> Any:
    """Call `write` for each chunk of `x`, with all chunks of `value` along `axis`."""
    import dask.array as da

    axes = tuple(range(x.ndim))
    along = (*axes[:axis], x.ndim, *axes[axis + 1 :])
    return da.blockwise(
        write, axes, x, axes, *places, value, along, axis=axis, add=add, dtype=x.dtype,
        meta=x._meta, align_arrays=False, concatenate=False,
    )  # fmt: skip


def _write_mask(x: Any, start: Any, mask: Any, values: Any, *, axis: int, add: bool) -> Any:
    """A chunk of `x` with its part of `values`, which begins at `start`, written at `mask`."""
    values = np.concatenate(values, axis=axis) if isinstance(values, list) else values
    begin = int(start[0])
    place = (slice(None),) * axis
    values = values[(*place, slice(begin, begin + int(np.sum(mask))))]
    out = x.copy()
    if add:
        out[(*place, mask)] += values
    else:
        out[(*place, mask)] = values
    return out


def _write_places(x: Any, start: Any, places: Any, values: Any, *, axis: int, add: bool) -> Any:
    """A chunk of `x`, which begins at `start`, with those of `values` that fall into it."""
    out = x.copy()
    rows = np.moveaxis(out, axis, 0)
    for where, value in zip(_listed(places), _listed(values), strict=True):
        where = where - start[0]
        inside = (where >= 0) & (where < rows.shape[0])
        value = np.moveaxis(value, axis, 0)[inside]
        if add:
            np.add.at(rows, where[inside], value)
        else:
            rows[where[inside]] = value
    return out


def _listed(blocks: Any) -> Any:
    return blocks if isinstance(blocks, list) else [blocks]


# ---------------------------------------------------------------- lengths that are unknown


def unknown(x: Any) -> bool:
    """Whether a length of `x` is unknown until it is computed."""
    return any(n != n for n in x.shape)


def expand(g: Any, *, to: Any) -> Any:
    """`g` broadcast to the shape of `to`, in its chunks."""
    import dask.array as da

    if g.chunks == to.chunks:
        return g
    advise(g, to)
    if not unknown(to):
        g = known(g, to)
        # Axes that `g` already has may be in other chunks.
        kept = {n: to.chunks[n] for n in range(-g.ndim, 0) if g.shape[n] != 1}
        g = g.rechunk({n + g.ndim: c for n, c in kept.items()})
        return g if g.chunks == to.chunks else broadcast(g, to.chunks)
    if g.ndim == to.ndim and all(m != 1 or n == 1 for m, n in zip(g.shape, to.shape, strict=True)):
        return g  # there is nothing to broadcast
    # The chunks of axes that `g` already has, and that are of known length, may be others.
    kept = {n: to.chunks[n] for n in range(-g.ndim, 0) if g.shape[n] == to.shape[n] != 1}
    g = g.rechunk({n + g.ndim: c for n, c in kept.items()})
    meta = to._meta.astype(g.dtype)
    return da.map_blocks(_broadcast_like, g, to, dtype=g.dtype, chunks=to.chunks, meta=meta)


def known(g: Any, to: Any) -> Any:
    """`g` with unknown lengths, and their chunks, replaced by those of `to`."""
    import dask.array as da

    for axis in range(g.ndim):
        if g.shape[axis] != g.shape[axis]:
            rows = to.chunks[axis - g.ndim]
            place = da.zeros((*g.shape[:axis], sum(rows), *g.shape[axis + 1 :]), dtype=g.dtype,
                             chunks=(*g.chunks[:axis], rows, *g.chunks[axis + 1 :]))  # fmt: skip
            g = deposit(place, axis, da.ones(sum(rows), dtype=bool, chunks=(rows,)), g, add=False)
    return g


def _broadcast_like(block: Any, like: Any) -> Any:
    return np.broadcast_to(block, like.shape)
