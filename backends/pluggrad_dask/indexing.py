"""Writing into chunked arrays by position, and adding up, without computing."""

from __future__ import annotations

from typing import Any

import numpy as np

from pluggrad.errors import UnsupportedError


def split(x: Any, key: Any, value: Any) -> tuple[Any, int, Any, Any]:
    """`key` in two steps: a basic index (() if it takes all), then an array along `axis` of what it
    leaves (or None). `value`, of the shape of ``x[key]`` or broadcast to it, loses the new axes."""
    parts = list(key) if isinstance(key, tuple) else [key]
    arrays = [part for part in parts if hasattr(part, "dtype")]
    if len(arrays) > 1 or any(part.ndim > 1 and part.dtype != bool for part in arrays):
        raise UnsupportedError(
            "the dask backend has no indexing by several arrays, or by one of several axes; index "
            "one axis at a time"
        )
    used = sum([_axes(part) for part in parts])
    rest = [slice(None)] * (x.ndim - used)
    at = next((n for n, part in enumerate(parts) if part is ...), len(parts))
    parts = parts[:at] + rest + parts[at + 1 :]
    basic: list[Any] = []
    seen: list[Any] = []  # how each axis of x[key] came about
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
                seen.append(None)  # an axis again, of length 1
            continue
        basic.append(part)
        if isinstance(part, slice):
            seen.append(slice(None))
    if hasattr(value, "shape"):
        # Leading axes that broadcasting would add are left out.
        missing = sum(s is not None for s in seen) - value.ndim
        for n, s in enumerate(list(seen)):
            if missing <= 0 or s is None:
                break
            seen[n] = ...
            missing -= 1
        index = [s for s in seen if s is not ...]
        if any(s != slice(None) for s in index):
            value = value[tuple(index)]
    whole = all(part == slice(None) for part in basic)
    return () if whole else tuple(basic), axis, array, value


def _axes(part: Any) -> int:
    """How many axes of the array an index takes up."""
    if part is None or part is ...:
        return 0
    return int(part.ndim) if hasattr(part, "dtype") and part.dtype == bool else 1


def deposit(x: Any, axis: int, array: Any, value: Any, *, add: bool) -> Any:
    """`x` with `value` written, or added, where `array` (integers, or a mask) says along `axis`.

    Each chunk of `x` is one task, which looks through all that is to be written for its part.
    """
    import dask.array as da

    if not hasattr(value, "dask"):
        value = da.from_array(np.asarray(value, dtype=x.dtype))
    if array.dtype == bool:
        if not hasattr(array, "dask"):
            array = da.from_array(array, chunks=x.chunks[axis : axis + array.ndim])
        if array.ndim != 1:
            return _by_full_mask(x, array, value, add)
        if value.ndim < x.ndim - axis or value.shape[axis - x.ndim] == 1:
            rows = array[(slice(None), *(None,) * (x.ndim - 1 - axis))]
            return da.where(rows, x + value if add else value, x).astype(x.dtype)
        array = _same_chunks(array, x.chunks[axis])
        counts = array.map_blocks(lambda m: np.sum(m, keepdims=True), chunks=((1,) * array.numblocks[0],),
                                  dtype=np.intp)  # fmt: skip
        start = da.cumsum(counts, axis=0) - counts
        return _blocks(_write_mask, x, axis, (start, (axis,), array, (axis,)), value, value.chunks, add)
    if not hasattr(array, "dask"):
        array = da.from_array(np.asarray(array))
    array = da.where(array < 0, array + x.shape[axis], array)
    start = da.from_array(np.cumsum((0, *x.chunks[axis]))[:-1], chunks=1)
    shape = (*x.shape[:axis], array.shape[0], *x.shape[axis + 1 :])
    if value.shape != shape and not any(n != n for n in (*shape, *value.shape)):
        value = da.broadcast_to(value, shape)
    chunks = tuple([array.chunks[0] if n == axis else c for n, c in enumerate(x.chunks)])
    return _blocks(_write_places, x, axis, (start, (axis,), array, (x.ndim,)), value, chunks, add)


def _by_full_mask(x: Any, mask: Any, value: Any, add: bool) -> Any:
    """One mask for all axes: in a row, as reading by it does."""
    import dask.array as da

    if value.ndim == 0 or value.shape[0] == 1:
        return da.where(mask, x + value if add else value, x).astype(x.dtype)
    if mask.ndim == 0:
        raise UnsupportedError("the dask backend has no writing of several values by one boolean")
    flat = deposit(x.ravel(), 0, mask.ravel(), value, add=add)
    return flat.reshape(x.shape).rechunk(x.chunks)


def _same_chunks(a: Any, chunks: tuple[Any, ...]) -> Any:
    return a if any(c != c for c in chunks) else a.rechunk((chunks,))


def _blocks(
    write: Any, x: Any, axis: int, extra: Any, value: Any, chunks: Any, add: bool
) -> Any:
    """`write` for each chunk of `x`, with all chunks of `value` along `axis`."""
    import dask.array as da

    if not any(c != c for n, row in enumerate(value.chunks) for c in row):
        value = da.broadcast_to(value, tuple([
            value.shape[n - x.ndim] if n == axis else length for n, length in enumerate(x.shape)]))
        rows = [value.chunks[n] if chunks is value.chunks and n == axis else
                chunks[n] if n == axis else c for n, c in enumerate(x.chunks)]
        value = value.rechunk(tuple(rows))
    elif value.ndim < x.ndim:
        value = value[(None,) * (x.ndim - value.ndim)]
    axes = tuple(range(x.ndim))
    along = tuple([x.ndim if n == axis else n for n in axes])
    return da.blockwise(
        write, axes, x, axes, *extra, value, along, axis=axis, add=add, dtype=x.dtype,
        meta=x._meta, align_arrays=False, concatenate=False,
    )  # fmt: skip


def _write_mask(x: Any, start: Any, mask: Any, values: Any, *, axis: int, add: bool) -> Any:
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


def _write_places(
    x: Any, start: Any, places: Any, values: Any, *, axis: int, add: bool
) -> Any:
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
