"""Writing into chunked arrays, and adding into them, by position and without computing."""

from __future__ import annotations

from typing import Any

import numpy as np

from pluggrad.plugin import UnsupportedError


def one_array(parts: Any) -> None:
    """Raise unless Dask can index by `parts`: one row of integers, or one mask."""
    arrays = [part for part in parts if hasattr(part, "dtype")]
    if len(arrays) > 1 or any(part.ndim > 1 and part.dtype != bool for part in arrays):
        raise UnsupportedError(
            "the dask backend has no indexing by several arrays, or by integers of several axes; "
            "index one axis at a time, with a row of integers"
        )


def split(x: Any, key: Any, value: Any) -> tuple[Any, int, Any, Any]:
    """`key` in two steps: a basic index (() if it selects everything), then an array, or None,
    along `axis` of the result. `value`, which broadcasts to ``x[key]``, loses its new axes."""
    parts = list(key) if isinstance(key, tuple) else [key]
    one_array(parts)
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


def deposit(x: Any, axis: int, array: Any, value: Any, *, add: bool) -> Any:
    """`x` with `value` written, or added, at the places along `axis` that `array` selects:
    integers, or a mask.

    Each chunk of `x` is one task, which finds its own part in all of `value`.
    """
    import dask.array as da

    if not hasattr(value, "dask"):
        value = da.from_array(np.asarray(value, dtype=x.dtype))
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


def _by_places(x: Any, axis: int, array: Any, value: Any, add: bool) -> Any:
    """`deposit` for an array of integers."""
    import dask.array as da

    if not hasattr(array, "dask"):
        array = da.from_array(np.asarray(array))
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
        return value.rechunk({n: c for n, c in enumerate(chunks) if n != axis})
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
