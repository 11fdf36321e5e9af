"""Dask: lazy arrays in chunks, on the default scheduler. Nothing here computes.

A gradient has the chunks of the array that it is for. Dask's item assignment changes the handle
that it is called on, so handles are copied, which costs nothing, and arrays count as immutable.
Lengths may be unknown, as they are after a boolean mask.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from pluggrad import Variable
from pluggrad.plugin import Adapter, UnsupportedError, is_batched

from .blocks import expand_dims, functions, svd
from .gathering import add_along_axis, deposit_all, gather, several, take_along_axis
from .indexing import assign, deposit, expand, put, split, unknown
from .protocols import methods, to_array, token, unwrapped


class DaskAdapter(Adapter):
    """What the engine needs to know about Dask."""

    name = "dask"
    modules = ("dask",)
    writable = False
    takes_numpy = True
    last_write_wins = True
    slices_beside_arrays = True
    answers = ("numpy",)

    def namespace(self) -> Any:
        """array-api-compat's namespace, with functions that keep chunks and allow unknown
        lengths."""
        import array_api_compat.dask.array as compat

        xp: Any = compat
        self.methods = methods()
        self.functions = {
            "copy": lambda x: x.copy(),
            "expand": expand,
            "expand_dims": expand_dims,
            "getitem": getitem,
            "put": write,
            "take_along_axis": take_along_axis,
            "add_along_axis": add_along_axis,
            "linalg.cholesky": cholesky,
            "linalg.svd": svd,
            "linalg.svdvals": svdvals,
            "last_of_each": last_of_each,
            "ones_like": functools.partial(filled_like, xp.ones_like, 1),
            "zeros_like": functools.partial(filled_like, xp.zeros_like, 0),
            **functions(),
        }
        return xp

    def like(self, x: Any) -> Any:
        """The array itself: it knows its chunks and, being lazy, holds no values. For an element of
        a batch, whose array has another shape, its shape and dtype."""
        if is_batched(x):
            return super().like(x)
        return x.data if isinstance(x, Variable) else x

    def hold(self, x: Any) -> Any:
        """A handle of our own, which the user's item assignment cannot change."""
        return x if isinstance(x, Variable) else x.copy()

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """Chunk by chunk, lazily."""
        for key, g in pieces:
            if not hasattr(g, "dask"):
                g = self.namespace().asarray(g)
            if several(key):
                buffer = deposit_all(buffer, key, g, add=True)
                continue
            basic, axis, array, g = split(buffer, key, g)
            if array is not None:
                if not basic:
                    buffer = deposit(buffer, axis, array, g, add=True)
                    continue
                g = deposit(buffer[basic], axis, array, g, add=True)
            else:
                g = buffer[basic] + g
            buffer = assign(buffer, basic, g)
        return buffer

    def foreign(self, backend: Any, func: Any, args: Any, kwargs: Any) -> Any:
        """NumPy's functions, which take Dask arrays."""
        from pluggrad_numpy.functions import answer

        return unwrapped(answer(backend, func, args, kwargs))

    def callback(self, function: Any, args: Any, results: Any) -> list[Any]:
        """One task, whose results have one chunk each."""
        import dask
        import dask.array as da

        if any([n != n for shape, _ in results for n in shape]):
            raise UnsupportedError("SciPy needs to know the lengths; `compute_chunk_sizes()` first")
        y = dask.delayed(function, pure=True)(*args)
        parts = [y[n] for n in range(len(results))] if len(results) > 1 else [y]
        return [
            da.from_delayed(part, shape, dtype).astype(dtype)
            for part, (shape, dtype) in zip(parts, results, strict=True)
        ]

    @staticmethod
    def computed(arrays: Any) -> Any:
        """By one call of `dask.compute`."""
        import dask

        return dask.compute(*arrays)

    def interop(self) -> Any:
        """Functions of blocks, sums over blocks, gradients in two phases."""
        from . import interop

        return interop

    def taken(self, v: Any) -> Any:
        """The values of a Variable, over whichever arrays, as a Dask array."""
        return to_array(v)

    def token(self, v: Any) -> Any:
        """What stands for a Variable, over whichever arrays, in the names of Dask's tasks."""
        return token(v)

    def devices(self) -> list[Any]:
        """The CPU."""
        return ["cpu"]

    def capabilities(self) -> dict[str, Any]:
        """Dask is lazy."""
        return {**super().capabilities(), "lazy": True}


def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """The lower factor by default, where array-api-compat returns the upper one, Dask's default."""
    import dask.array as da

    return da.linalg.cholesky(x, lower=not upper)


def svdvals(x: Any, /) -> Any:
    """Dask's own function: array-api-compat asks Dask for full matrices on the way."""
    import dask.array as da

    return da.linalg.svd(x)[1]


def filled_like(
    function: Any, value: int, x: Any, /, *, dtype: Any = None, device: Any = None
) -> Any:
    """`zeros_like` and `ones_like`, also for arrays of unknown lengths."""
    if not unknown(x):
        return function(x, dtype=dtype, device=device)
    dtype = x.dtype if dtype is None else np.dtype(dtype)
    return x.map_blocks(np.full_like, value, dtype=dtype)


def getitem(x: Any, key: Any) -> Any:
    """``x[key]``, also for keys with several arrays of integers."""
    return gather(x, key) if several(key) else x[key]


def write(value: Any, x: Any, key: Any) -> Any:
    """A new array: `x` with `value` at `key`."""
    return deposit_all(x, key, value, add=False) if several(key) else put(value, x, key)


def last_of_each(places: Any) -> Any:
    """For each of `places`, the position of the last equal one. All become one chunk on the way."""
    return places.rechunk(-1).map_blocks(_last_in_block, dtype=np.intp)


def _last_in_block(block: Any) -> Any:
    _, first, which = np.unique(block[::-1], return_index=True, return_inverse=True)
    return (len(block) - 1 - first)[which][::-1]


backend = DaskAdapter()
