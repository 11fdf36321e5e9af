"""Reading, writing and adding at several arrays of integers, as in ``x[i, j]``.

Where the first array counts the rows, as in ``x[arange(n), labels]``, or where indices are given
for each row, as in ``take_along_axis``, each block is one task. Otherwise, several arrays become
one array of positions in the flat array.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pluggrad.plugin import UnsupportedError

from .indexing import assign, deposit


def several(key: Any) -> bool:
    """Whether `key` holds several arrays, or integers of several axes: what Dask has no index
    for."""
    parts = key if isinstance(key, tuple) else (key,)
    arrays = [k for k in parts if hasattr(k, "dtype")]
    return len(arrays) > 1 or any(k.ndim > 1 and k.dtype != bool for k in arrays)


# ---------------------------------------------------------------- along one axis, row by row


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """The entries of `x` at indices that are given for each row along `axis`, which becomes one
    chunk."""
    if not -x.ndim <= axis < x.ndim:
        raise IndexError(f"axis {axis} is out of range for an array of {x.ndim} axes")
    axis = axis % x.ndim
    x, indices = _whole(x, axis), _beside(indices, x, axis)
    own, along = tuple(range(x.ndim)), _along(x.ndim, axis)
    return _rows(_take_block, along, x, own, indices, along, axis=axis, dtype=x.dtype)


def add_along_axis(g: Any, indices: Any, /, *, axis: int, like: Any) -> Any:
    """Zeros like `like`, with `g` added at the indices for each row along `axis`."""
    import dask.array as da
    from dask.layers import ArrayChunkShapeDep

    if type(like) is tuple:  # inside `vmap`
        like = da.zeros(like[0], dtype=like[1])
    axis = axis % like.ndim
    # One block along the axis of the result, with all of the indices.
    indices = _whole(_beside(indices, like, axis), axis)
    g = _whole(_beside(g, like, axis), axis)
    own, along = tuple(range(like.ndim)), _along(like.ndim, axis)
    chunks = (*like.chunks[:axis], (like.shape[axis],), *like.chunks[axis + 1 :])
    shapes = ArrayChunkShapeDep(chunks)
    y = _rows(_add_block, own, shapes, own, indices, along, g, along, axis=axis, dtype=g.dtype)
    return y if y.chunks == like.chunks else y.rechunk(like.chunks)


def put_along_axis(value: Any, x: Any, indices: Any, *, axis: int) -> Any:
    """`x` with `value` at the indices for each row along `axis`."""
    whole = _whole(x, axis)
    indices = _whole(_beside(indices, x, axis), axis)
    value = _whole(_beside(value, x, axis), axis)
    own, along = tuple(range(x.ndim)), _along(x.ndim, axis)
    y = _rows(_put_block, own, whole, own, indices, along, value, along, axis=axis, dtype=x.dtype)
    return y if y.chunks == x.chunks else y.rechunk(x.chunks)


def _along(ndim: int, axis: int) -> tuple[int, ...]:
    """The axes of the indices: those of `x`, but another one along `axis`."""
    return tuple([ndim if n == axis else n for n in range(ndim)])


def _whole(x: Any, axis: int) -> Any:
    """`x` in one chunk along `axis`."""
    return x if x.numblocks[axis] == 1 else x.rechunk({axis: -1})


def _beside(x: Any, like: Any, axis: int) -> Any:
    """`x`, indices or values for each row of `like`, as a Dask array in the chunks of `like`."""
    import dask.array as da

    if not hasattr(x, "dask"):
        x = np.asarray(x)
        x = da.from_array(x, chunks=x.shape)
    if x.ndim != like.ndim:
        raise ValueError(f"indices of {x.ndim} axes, along an axis of {like.ndim}")
    kept = {n: c for n, c in enumerate(like.chunks)
            if n != axis and x.shape[n] == like.shape[n] and x.chunks[n] != c}  # fmt: skip
    return x.rechunk(kept) if kept else x


def _rows(function: Any, out: Any, *args: Any, **kwargs: Any) -> Any:
    """`blockwise`, with the axes of each block whole."""
    import dask.array as da

    meta = np.empty((0,) * len(out), dtype=kwargs["dtype"])
    return da.blockwise(function, out, *args, concatenate=True, align_arrays=False, meta=meta,
                        **kwargs)  # fmt: skip


def _take_block(x: Any, indices: Any, *, axis: int) -> Any:
    return np.take_along_axis(x, indices, axis=axis)


def _add_block(shape: Any, indices: Any, g: Any, *, axis: int) -> Any:
    rows = np.broadcast_shapes(indices.shape, g.shape)
    out = np.zeros((*rows[:axis], shape[axis], *rows[axis + 1 :]), dtype=g.dtype)
    shape = rows
    np.add.at(out, _grid(indices, shape, axis), np.broadcast_to(g, shape))
    return out


def _put_block(x: Any, indices: Any, value: Any, *, axis: int) -> Any:
    out = x.copy()
    shape = (*x.shape[:axis], indices.shape[axis], *x.shape[axis + 1 :])
    out[_grid(indices, shape, axis)] = np.broadcast_to(value, shape)
    return out


def _grid(indices: Any, shape: Any, axis: int) -> Any:
    """The index that takes `indices` along `axis`, row by row."""
    key = list(np.ogrid[tuple([slice(n) for n in shape])])
    key[axis] = indices
    return tuple(key)


# ---------------------------------------------------------------- several arrays in one index


def gather(x: Any, key: Any) -> Any:
    """``x[key]``, for a key with several arrays."""
    labels = _labels(x, key)
    if labels is not None:
        return take_along_axis(x, labels, axis=1)[:, 0]
    return _Flat(x, key).read(x)


def deposit_all(x: Any, key: Any, value: Any, *, add: bool) -> Any:
    """`x` with `value` written, or added, at `key`, a key with several arrays."""
    import dask.array as da

    if not hasattr(value, "dask"):
        value = da.from_array(np.asarray(value, dtype=x.dtype))
    labels = _labels(x, key)
    if labels is None:
        return _Flat(x, key).write(x, value, add)
    value = da.broadcast_to(value, (x.shape[0], *x.shape[2:]))[:, None]
    if add:
        return x + add_along_axis(value, labels, axis=1, like=x)
    return put_along_axis(value, x, labels, axis=1)


def _labels(x: Any, key: Any) -> Any:
    """The second array of ``(arange(n), labels)``, where `n` is the number of rows of `x`, with an
    axis for each axis of `x`; None for other keys."""
    parts = [k for k in key if k is not Ellipsis] if isinstance(key, tuple) else []
    if len(parts) < 2 or len(key) - len(parts) > 1 or Ellipsis in [
        k for k in key[:2] if not hasattr(k, "dtype")
    ]:  # fmt: skip
        return None
    rows, labels = parts[:2]
    if any(type(k) is not slice or k != slice(None) for k in parts[2:]):
        return None
    for k in (rows, labels):
        if not hasattr(k, "dtype") or k.ndim != 1 or k.dtype.kind not in "iu":
            return None
    if labels.shape != rows.shape or not _counts(rows, x):
        return None
    return labels[(slice(None), *(None,) * (x.ndim - 1))]


def _counts(rows: Any, x: Any) -> bool:
    """Whether `rows` is 0, 1, 2, ... up to the last row of `x`. Of a lazy array, its name says
    so."""
    import dask.array as da

    n = x.shape[0]
    if rows.shape != (n,):
        return False
    if not hasattr(rows, "dask"):
        return bool(np.array_equal(rows, np.arange(n)))
    if not rows.name.startswith("arange-"):
        return False
    return any(rows.name == da.arange(n, dtype=dtype, chunks=c).name
               for c in (rows.chunks, "auto") for dtype in (None, rows.dtype))  # fmt: skip


class _Flat:
    """A key with several arrays, as positions along one axis of an array with merged axes."""

    def __init__(self, x: Any, key: Any) -> None:
        import dask.array as da

        parts = list(key) if isinstance(key, tuple) else [key]
        if any(k is None or getattr(k, "dtype", int) == np.dtype(bool) for k in parts):
            raise UnsupportedError(
                "the dask backend has no index with a mask or None beside several arrays of "
                "integers; index one axis at a time"
            )
        if any(n != n for n in x.shape):
            raise UnsupportedError(
                "the dask backend must know the lengths of an array that is indexed by several "
                "arrays; `compute_chunk_sizes()` first"
            )
        at = next((n for n, k in enumerate(parts) if k is Ellipsis), len(parts))
        free = x.ndim - sum(k is not Ellipsis for k in parts)
        parts[at : at + 1] = [slice(None)] * free
        self.basic = tuple([k if type(k) is slice else slice(None) for k in parts])
        self.axes = [n for n, k in enumerate(parts) if type(k) is not slice]
        shape = x[self.basic].shape
        lengths = [shape[n] for n in self.axes]
        arrays = [
            k if hasattr(k, "dtype") else np.asarray(k) for k in (parts[n] for n in self.axes)
        ]
        lazy = any(hasattr(k, "dask") for k in arrays)
        flat: Any = 0
        for k, n in zip(arrays, lengths, strict=True):
            if not hasattr(k, "dask") and k.size and not (-n <= k.min() and k.max() < n):
                raise IndexError(f"an index is out of bounds for an axis of length {n}")
            where = da.where if hasattr(k, "dask") else np.where
            flat = flat * n + where(k < 0, k + n, k)
        together = self.axes == list(range(self.axes[0], self.axes[-1] + 1))
        #: Where the axes of the arrays end up, as in NumPy.
        self.place = self.axes[0] if together else 0
        self.rows = flat.shape
        self.flat = flat.ravel() if lazy else np.ravel(flat)
        rest = [n for m, n in enumerate(shape) if m not in self.axes]
        self.before, self.after = tuple(rest[: self.place]), tuple(rest[self.place :])
        self.lengths = tuple(lengths)

    def merged(self, x: Any) -> Any:
        """`x`, at the slices of the key, with the axes of the arrays merged into one."""
        import dask.array as da

        x = x[self.basic]
        x = da.moveaxis(x, self.axes, range(self.place, self.place + len(self.axes)))
        return x.reshape((*self.before, math.prod(self.lengths), *self.after))

    def read(self, x: Any) -> Any:
        """The elements at the key."""
        y = self.merged(x)[(slice(None),) * self.place + (self.flat,)]
        return y if len(self.rows) == 1 else y.reshape((*self.before, *self.rows, *self.after))

    def write(self, x: Any, value: Any, add: bool) -> Any:
        """`x` with `value` written, or added, at the key."""
        import dask.array as da

        value = da.broadcast_to(value, (*self.before, *self.rows, *self.after))
        value = value.reshape((*self.before, math.prod(self.rows), *self.after))
        y = deposit(self.merged(x), self.place, self.flat, value, add=add)
        y = y.reshape((*self.before, *self.lengths, *self.after))
        y = da.moveaxis(y, range(self.place, self.place + len(self.axes)), self.axes)
        y = y.rechunk(x[self.basic].chunks)
        whole = all(k == slice(None) for k in self.basic)
        return y if whole else assign(x, self.basic, y)
