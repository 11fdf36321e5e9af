"""Functions that are computed block by block, in one layer of the graph each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from pluggrad.plugin import UnsupportedError, get_backend

#: Functions of pluggrad's own, element by element: one layer, where formulas make many.
ELEMENTWISE = ("above", "bell", "below", "cosine", "gap", "gaussian", "leg", "share",
               "strong_multiply")  # fmt: skip
#: Functions of matrices of one chunk that Dask lacks: how their axes go in and out.
MATRICES = {
    "adjugate": "(n,n)->(n,n)",
    "linalg.det": "(n,n)->()",
    "linalg.eigh": "(n,n)->(n),(n,n)",
    "linalg.matrix_rank": "(m,n)->()",
    "linalg.pinv": "(m,n)->(n,m)",
    "linalg.slogdet": "(n,n)->(),()",
}


def functions() -> dict[str, Callable[..., Any]]:
    """What the adapter gives for the names above, and for `logistic`."""
    found: dict[str, Callable[..., Any]] = {
        name: functools.partial(elementwise, functools.partial(_numpy, name))
        for name in ELEMENTWISE
    }
    found["logistic"] = functools.partial(elementwise, logistic)
    for name, signature in MATRICES.items():
        found[name] = functools.partial(of_matrices, name, signature)
    return found


def _numpy(name: str, *args: Any, **kwargs: Any) -> Any:
    """The function called `name`, of blocks that are NumPy arrays."""
    return get_backend("numpy").raw(name)(*args, **kwargs)


def logistic(x: Any) -> Any:
    """1 / (1 + exp(-x)) of a block, in one buffer. Where exp overflows, it is 0."""
    y = np.negative(x)
    if not y.ndim:
        y = y.reshape(1)
    with np.errstate(over="ignore"):
        np.exp(y, out=y)
    y += 1
    np.reciprocal(y, out=y)
    return y.reshape(np.shape(x))


def elementwise(function: Callable[..., Any], *args: Any) -> Any:
    """`function` of blocks that broadcast against each other."""
    import dask.array as da

    return da.core.elemwise(function, *args)


def of_matrices(name: str, signature: str, x: Any, /, *rest: Any, **kwargs: Any) -> Any:
    """The function called `name`, of the last two axes, which become one chunk."""
    import dask.array as da

    outputs = signature.partition("->")[2].count("(")
    small = get_backend("numpy").raw(name)(np.eye(2, dtype=x.dtype), *rest, **kwargs)
    dtypes = [y.dtype for y in small] if outputs > 1 else small.dtype
    found = da.apply_gufunc(
        functools.partial(_matrix_block, name, rest, kwargs), signature, x,
        output_dtypes=dtypes, allow_rechunk=True,
    )  # fmt: skip
    return type(small)(*found) if outputs > 1 else found


def _matrix_block(name: str, rest: Any, kwargs: Any, x: Any) -> Any:
    """The results for a block, as a plain tuple if there are several."""
    y = _numpy(name, x, *rest, **kwargs)
    return tuple(y) if isinstance(y, tuple) else y


def svd(x: Any, /, *, full_matrices: bool = True) -> Any:
    """The singular value decomposition: of matrices in one chunk by NumPy; of one tall or wide
    matrix in many by Dask, which has no full matrices."""
    import dask.array as da

    ordinary = get_backend("numpy").raw("linalg.svd")
    kind = type(ordinary(np.eye(1)))
    if x.numblocks[-2:] == (1, 1):
        m, n = x.shape[-2:]
        if full_matrices and m != n:
            core, sizes = "(m,n)->(m,m),(k),(n,n)", {"k": min(m, n)}
        else:
            core, sizes = "(m,n)->(m,k),(k),(k,n)", {"k": min(m, n)}
        real = np.empty(0, dtype=x.dtype).real.dtype
        block = functools.partial(_matrix_block, "linalg.svd", (), {"full_matrices": full_matrices})
        return kind(*da.apply_gufunc(block, core, x, output_dtypes=[x.dtype, real, x.dtype],
                                     output_sizes=sizes))  # fmt: skip
    if full_matrices or x.ndim != 2:
        raise UnsupportedError(
            "linalg.svd: the dask backend decomposes matrices of several chunks one at a time, and "
            "with full_matrices=False; `rechunk` them to one chunk for all else"
        )
    return kind(*da.linalg.svd(x))


def expand_dims(x: Any, axis: Any) -> Any:
    """`x` with new axes of length 1, which its tasks put in: no layer of their own is left."""
    import dask.array as da
    from dask.layers import ArrayChunkShapeDep

    axes = axis if isinstance(axis, tuple) else (axis,)
    ndim = x.ndim + len(axes)
    if not all(-ndim <= n < ndim for n in axes):
        raise IndexError(f"axis {axis} is out of bounds for {ndim} axes")
    axes = tuple(sorted([n % ndim for n in axes]))
    if len(set(axes)) < len(axes):
        raise ValueError(f"repeated axis in {axis}")
    old = tuple([n for n in range(ndim) if n not in axes])
    rest = iter(x.chunks)
    # (Not by `new_axes` of `blockwise`: Dask merges these wrongly with tasks that broadcast.)
    chunks = tuple([(1,) if n in axes else next(rest) for n in range(ndim)])
    return da.blockwise(
        _expand_dims, tuple(range(ndim)), ArrayChunkShapeDep(chunks), tuple(range(ndim)), x, old,
        axis=axes, meta=np.expand_dims(x._meta, axes), align_arrays=False,
    )  # fmt: skip


def _expand_dims(shape: Any, block: Any, *, axis: Any) -> Any:
    return np.expand_dims(block, axis)


def broadcast(g: Any, chunks: Any) -> Any:
    """`g`, whose axes are of length 1 or in these chunks, broadcast to `chunks`."""
    import dask.array as da
    from dask.layers import ArrayChunkShapeDep

    axes = tuple(range(len(chunks)))
    meta = np.empty((0,) * len(chunks), dtype=g.dtype)
    return da.blockwise(
        _broadcast, axes, ArrayChunkShapeDep(chunks), axes, g, axes[len(axes) - g.ndim :],
        meta=meta, align_arrays=False,
    )  # fmt: skip


def _broadcast(shape: Any, block: Any) -> Any:
    return np.broadcast_to(block, shape)
