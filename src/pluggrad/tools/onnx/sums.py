"""More formulas, for whole arrays: reductions, running sums, products of matrices, order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .formulas import FORMULAS, formula, one

__all__ = ["FORMULAS"]

# ---------------------------------------------------------------- reductions and sums


def _count(x: Any, axis: Any) -> int:
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return math.prod([x.shape[i] for i in axes])


def _wide(x: Any, dtype: Any = None) -> Any:
    """`x` in the dtype in which NumPy computes means."""
    narrow = {"f2": np.float32}.get(x.dtype.str[1:], x.dtype)
    return np.astype(x, dtype or (narrow if x.dtype.kind == "f" else np.float64))


@formula("mean")
def mean(x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The sum, divided."""
    return np.sum(_wide(x, dtype), axis=axis, keepdims=keepdims) / float(_count(x, axis))


@formula("var")
def var(
    x: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: bool = False,
    correction: Any = None,
) -> Any:  # fmt: skip
    """The mean of the squares around the mean."""
    x = _wide(x, dtype)
    x = x - mean(x, axis, None, True)
    less = ddof if correction is None else correction
    return np.sum(x * x, axis=axis, keepdims=keepdims) / float(max(_count(x, axis) - less, 0))


FORMULAS["std"] = lambda *args, **kwargs: np.sqrt(var(*args, **kwargs))
FORMULAS["ptp"] = lambda x, axis=None, keepdims=False: (
    np.max(x, axis=axis, keepdims=keepdims) - np.min(x, axis=axis, keepdims=keepdims)
)
FORMULAS["count_nonzero"] = lambda x, axis=None, *, keepdims=False: np.sum(
    x != 0, axis=axis, dtype=np.int64, keepdims=keepdims
)


@formula("linalg.norm")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """NumPy's: of vectors over one axis, of matrices over two."""
    x = _floats(x)
    if isinstance(axis, tuple) and len(axis) == 1:
        (axis,) = axis
    if not isinstance(axis, tuple) and (axis is not None or x.ndim == 1 or ord is None):
        return _norm(np.abs(x), 2 if ord is None else ord, axis, keepdims)
    axes = (0, 1) if axis is None else tuple([i % x.ndim for i in axis])
    if ord in (None, "fro"):
        return _norm(np.abs(x), 2, axes, keepdims)
    if ord not in (1, -1, np.inf, -np.inf):
        raise TypeError(f"the norm {ord!r} of matrices")
    rows, columns = axes if ord in (1, -1) else axes[::-1]
    sums = np.sum(np.abs(x), axis=rows, keepdims=True)
    y = (np.max if ord > 0 else np.min)(sums, axis=columns, keepdims=True)
    return y if keepdims else np.squeeze(y, axis=axes)


@formula("linalg.matrix_norm")
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The standard's, over the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


@formula("linalg.vector_norm", "vector_norm")
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The standard's, over any axes."""
    return _norm(np.abs(x), ord, axis, keepdims)


def _floats(x: Any) -> Any:
    return x if x.dtype.kind == "f" else np.astype(x, np.float64)


def _norm(a: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    """Scaled by the largest modulus, so that no square overflows."""
    a = _floats(a)
    kwargs = {"axis": axis, "keepdims": keepdims}
    if ord in (np.inf, -np.inf):
        return (np.max if ord > 0 else np.min)(a, **kwargs)
    if ord == 0:
        return np.sum((a != 0).astype(a.dtype), **kwargs)
    if ord == 1:
        return np.sum(a, **kwargs)
    if ord != 2:
        return np.sum(a**ord, **kwargs) ** (1 / ord)
    top = np.max(a, axis=axis, keepdims=True)
    top = np.where((top == 0) | (top == np.inf), one(a), top)
    scale = np.reshape(top, np.sum(np.empty(a.shape, bool), **kwargs).shape)
    return np.sqrt(np.sum((a / top) ** 2, **kwargs)) * scale


@formula("diff")
def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours."""
    for _ in range(n):
        x = np.moveaxis(x, axis, 0)
        x = np.moveaxis(x[1:] != x[:-1] if x.dtype == bool else x[1:] - x[:-1], 0, axis)
    return x


def running(function: Any) -> Callable[..., Any]:
    """``function.accumulate``, by doubling: in as many steps as the length has binary digits."""

    def accumulate(x: Any, axis: Any = 0, dtype: Any = None) -> Any:
        x = np.moveaxis(x if dtype is None else np.astype(x, dtype), axis, 0)
        step = 1
        while step < x.shape[0]:
            x = np.concatenate([x[:step], function(x[step:], x[:-step])])
            step *= 2
        return np.moveaxis(x, 0, axis)

    return accumulate


def cumprod(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Products of the first elements."""
    dtype = dtype or np.cumprod(np.ones(1, x.dtype)).dtype
    return running(np.multiply)(np.ravel(x) if axis is None else x, axis or 0, dtype)


def cumulative(function: Any, start: int) -> Callable[..., Any]:
    """The standard's cumulative sums and products."""

    def cumulate(
        x: Any, *, axis: Any = None, dtype: Any = None, include_initial: bool = False
    ) -> Any:
        axis = 0 if axis is None else axis
        y = function(x, axis=axis, dtype=dtype)
        if include_initial:
            first = np.full([1 if i == axis % x.ndim else n for i, n in enumerate(x.shape)], start)
            y = np.concatenate([first.astype(y.dtype), y], axis=axis)
        return y

    return cumulate


FORMULAS |= {
    "cumprod": cumprod,
    "cumulative_sum": cumulative(np.cumsum, 0),
    "cumulative_prod": cumulative(cumprod, 1),
    "add.accumulate": lambda x, axis=0, dtype=None: np.cumsum(x, axis=axis, dtype=dtype),
    "multiply.accumulate": running(np.multiply),
    "maximum.accumulate": running(np.maximum),
    "minimum.accumulate": running(np.minimum),
}


# ---------------------------------------------------------------- products


@formula("dot", "linalg.dot")
def dot(x: Any, y: Any) -> Any:
    """NumPy's: over the last axis of `x` and the last but one of `y`."""
    if x.ndim == 0 or y.ndim == 0:
        return np.multiply(x, y)
    return np.tensordot(x, y, axes=((x.ndim - 1,), (max(y.ndim - 2, 0),)))


@formula("tensordot", "linalg.tensordot")
def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """A product of matrices, between reshapes."""
    if isinstance(axes, int):
        axes = (tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes)))
    one, two = [
        tuple([i % z.ndim for i in ((a,) if isinstance(a, int) else a)])
        for a, z in zip(axes, (x, y), strict=True)
    ]
    left = [i for i in range(x.ndim) if i not in one]
    right = [i for i in range(y.ndim) if i not in two]
    shape = [x.shape[i] for i in left] + [y.shape[i] for i in right]
    size = math.prod([x.shape[i] for i in one])
    a = np.reshape(np.transpose(x, (*left, *one)), (math.prod([x.shape[i] for i in left]), size))
    b = np.reshape(np.transpose(y, (*two, *right)), (size, math.prod([y.shape[i] for i in right])))
    return np.reshape(a @ b, tuple(shape))


@formula("cross", "linalg.cross")
def cross(
    x: Any, y: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    """Of vectors in space."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = np.moveaxis(x, axisa, -1), np.moveaxis(y, axisb, -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise TypeError("vectors of two elements")
    products = np.roll(x, -1, -1) * np.roll(y, -2, -1) - np.roll(x, -2, -1) * np.roll(y, -1, -1)
    return np.moveaxis(products, -1, axisc)


FORMULAS |= {
    "vdot": lambda x, y: np.sum(np.ravel(x) * np.ravel(y)),
    "inner": lambda x, y: (
        x * y if x.ndim == 0 or y.ndim == 0 else tensordot(x, y, ((x.ndim - 1,), (y.ndim - 1,)))
    ),
    "outer": lambda x, y: np.ravel(x)[:, None] * np.ravel(y),
    "linalg.outer": lambda x, y: x[:, None] * y,
    "vecdot": lambda x, y, axis=-1: np.sum(x * y, axis=axis),
    "matvec": lambda x, y: (x @ y[..., None])[..., 0],
    "vecmat": lambda x, y: (x[..., None, :] @ y)[..., 0, :],
    "trace": lambda x, offset=0, axis1=0, axis2=1, dtype=None: np.sum(
        np.diagonal(x, offset, axis1, axis2), axis=-1, dtype=dtype
    ),
    "linalg.trace": lambda x, *, offset=0, dtype=None: np.sum(
        np.diagonal(x, offset, -2, -1), axis=-1, dtype=dtype
    ),
    "linalg.matmul": np.matmul,
}
FORMULAS |= {"linalg.vecdot": FORMULAS["vecdot"]}


# ---------------------------------------------------------------- order


@formula("sort")
def sort(x: Any, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> Any:
    """By `argsort`."""
    if axis is None:
        x, axis = np.ravel(x), -1
    return np.take_along_axis(x, np.argsort(x, axis), axis)


@formula("take_along_axis")
def take_along_axis(x: Any, places: Any, axis: Any = -1) -> Any:
    """Indexing with integers for all axes."""
    if axis is None:
        return np.ravel(x)[places]
    axis %= x.ndim
    shape = np.broadcast_shapes(*[
        tuple([1 if i == axis else n for i, n in enumerate(z.shape)]) for z in (x, places)
    ])  # fmt: skip
    x = np.broadcast_to(x, tuple([x.shape[i] if i == axis else n for i, n in enumerate(shape)]))
    grids = np.ogrid[tuple([slice(n) for n in shape])]
    return x[tuple([places if i == axis else grid for i, grid in enumerate(grids)])]


@formula("searchsorted")
def searchsorted(a: Any, v: Any, side: str = "left") -> Any:
    """How many elements of `a` come before each of `v`."""
    before = np.less if side == "left" else np.less_equal
    return np.sum(before(a, v[..., None]), axis=-1, dtype=np.int64)


@formula("from_front_raw")
def from_front_raw(places: Any, *, length: int) -> Any:
    """Negative ones counted from the front. Reading zeros there checks the range."""
    places = np.take(np.zeros(length, np.int64), places) + places
    return np.where(places < 0, places + length, places)
