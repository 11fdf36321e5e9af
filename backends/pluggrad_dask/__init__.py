"""Dask: lazy arrays in chunks, on the default scheduler. Nothing here computes.

What the engine makes follows the chunks of what it is the gradient of. Dask's item assignment
changes the handle that it is called on, so handles are copied (which costs nothing) and arrays are
taken for immutable. Lengths may be unknown, as they are after a boolean mask.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from pluggrad import Variable
from pluggrad.backend import Adapter
from pluggrad.errors import UnsupportedError

from .indexing import deposit, split

MODULES = ("dask",)


class DaskAdapter(Adapter):
    name = "dask"
    modules = MODULES
    writable = False
    last_write_wins = True
    slices_beside_arrays = True

    def namespace(self) -> Any:
        import array_api_compat.dask.array as xp

        self.functions = {
            "copy": lambda x: x.copy(),
            "expand": expand,
            "expand_dims": expand_dims,
            "getitem": getitem,
            "put": put,
            "last_of_each": last_of_each,
            "ones_like": functools.partial(filled_like, xp.ones_like, 1),
            "zeros_like": functools.partial(filled_like, xp.zeros_like, 0),
        }
        return xp

    def like(self, x: Any) -> Any:
        """The array itself: its handle knows the chunks, and holds no values."""
        return x.data if isinstance(x, Variable) else x

    def hold(self, x: Any) -> Any:
        """A handle of our own: assignment to items of theirs does not reach it."""
        return x if isinstance(x, Variable) else x.copy()

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        for key, g in pieces:
            if not hasattr(g, "dask"):
                g = self.namespace().asarray(g)
            basic, axis, array, g = split(buffer, key, g)
            if array is not None:
                if not basic:
                    buffer = deposit(buffer, axis, array, g, add=True)
                    continue
                g = deposit(buffer[basic], axis, array, g, add=True)
            else:
                g = buffer[basic] + g
            buffer = buffer.copy()
            buffer[basic] = g
        return buffer

    def devices(self) -> list[Any]:
        return ["cpu"]

    def capabilities(self) -> dict[str, Any]:
        return {**super().capabilities(), "lazy": True}


def unknown(x: Any) -> bool:
    """Whether a length of `x` is unknown until it is computed."""
    return any(n != n for n in x.shape)


def expand(g: Any, *, to: Any) -> Any:
    """`g` broadcast to the shape of `to`, in its chunks."""
    import dask.array as da

    if g.chunks == to.chunks:
        return g
    if not hasattr(to, "dask"):
        return da.broadcast_to(g, to.shape)
    if not unknown(to):
        # Axes that `g` has already come in chunks of its own, should they differ.
        kept = {n: to.chunks[n - g.ndim] for n in range(-g.ndim, 0) if g.shape[n] != 1}
        return da.broadcast_to(g.rechunk({n + g.ndim: c for n, c in kept.items()}), to.shape, to.chunks)
    return da.map_blocks(lambda a, b: np.broadcast_to(a, b.shape), g, to, dtype=g.dtype,
                         chunks=to.chunks, meta=to._meta.astype(g.dtype))  # fmt: skip


def expand_dims(x: Any, axis: Any) -> Any:
    """By indexing, which does not ask for lengths."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    ndim = x.ndim + len(axes)
    if not all(-ndim <= n < ndim for n in axes):
        raise IndexError(f"axis {axis} is out of bounds for {ndim} axes")
    axes = tuple([n % ndim for n in axes])
    return x[tuple([None if n in axes else slice(None) for n in range(ndim)])]


def filled_like(function: Any, value: int, x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """`zeros_like` and `ones_like`, for arrays of unknown lengths, too."""
    if not unknown(x):
        return function(x, dtype=dtype, device=device)
    dtype = x.dtype if dtype is None else np.dtype(dtype)
    return x.map_blocks(lambda b: np.full_like(b, value, dtype=dtype), dtype=dtype)


def getitem(x: Any, key: Any) -> Any:
    parts = key if isinstance(key, tuple) else (key,)
    arrays = [part for part in parts if hasattr(part, "dtype")]
    if len(arrays) > 1 or any(part.ndim > 1 and part.dtype != bool for part in arrays):
        raise UnsupportedError(
            "the dask backend has no indexing by several arrays, or by one of several axes; index "
            "one axis at a time"
        )
    return x[key]


def put(value: Any, x: Any, key: Any) -> Any:
    """`x` with `value` at `key`: assigned to a copy of the handle."""
    basic, axis, array, value = split(x, key, value)
    if array is not None:
        if not basic:
            return deposit(x, axis, array, value, add=False)
        value = deposit(x[basic], axis, array, value, add=False)
    x = x.copy()
    x[basic or ...] = value
    return x


def last_of_each(places: Any) -> Any:
    """For each of `places`, the number of the last that is the same; they are one chunk then."""

    def last(block: Any) -> Any:
        reverse = block[::-1]
        _, first, which = np.unique(reverse, return_index=True, return_inverse=True)
        return (len(block) - 1 - first)[which][::-1]

    return places.rechunk(-1).map_blocks(last, dtype=np.intp)


backend = DaskAdapter()
