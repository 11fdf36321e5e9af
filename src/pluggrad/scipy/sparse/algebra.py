"""The operators of sparse matrices: sums, products by element, powers, reductions, indexing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.backend import SCALARS
from ...arrays.dispatch import xp
from ...engine.arguments import axis_of, whole
from ...engine.cotangents import conjugate
from ...errors import InvalidArgumentError, UnsupportedError
from ...functions.operand import as_array
from ..rows import scipy_module
from .array import SparseArray, as_sparse, constant_like, is_sparse, numbers_like, promoted, summed
from .pattern import Pattern

__all__ = ["product"]


def _number(x: Any) -> bool:
    """Whether `x` is one number, perhaps in an array."""
    return isinstance(x, SCALARS) or (getattr(x, "ndim", None) == 0 and not is_sparse(x))


def _picked(a: SparseArray, numbers: Any) -> Any:
    return xp.take(a.data, numbers_like(numbers, a.data), axis=0)


def product(a: SparseArray, b: Any) -> Any:
    """The product of two sparse matrices: each stored element of `a` meets a row of `b`."""
    b = as_sparse(b).merged().asformat("csr")
    if a.shape[1] != b.shape[0]:
        raise InvalidArgumentError(f"scipy.sparse: the shapes {a.shape} and {b.shape} do not fit")
    starts = b.indptr.astype(np.int64)
    rows, columns = a.coords
    counts = np.diff(starts)[columns]
    first = np.repeat(np.arange(a.nnz), counts)
    begin = np.cumsum(counts) - counts
    second = np.arange(first.size) - np.repeat(begin - starts[columns], counts)
    x, y = promoted(*_beside(a, b))
    index_a, index_b = numbers_like(first, x), numbers_like(second, y)
    data = xp.take(x, index_a, axis=0) * xp.take(y, index_b, axis=0)
    found = Pattern(rows[first], b.pattern.columns[second], (a.shape[0], b.shape[1]))
    made = a._made(found, data, "csr" if a.format in ("coo", "dia", "bsr") else a.format)
    return made.merged()


def _beside(a: SparseArray, b: SparseArray) -> tuple[Any, Any]:
    """The data of both over one library."""
    if a.data._backend is b.data._backend:
        return a.data, b.data
    return a.over(b.data._backend), b.over(a.data._backend)


def _added(a: SparseArray, b: Any, sign: int = 1) -> Any:
    if _number(b):
        if isinstance(b, SCALARS) and not b:
            return a.copy()
        raise UnsupportedError("scipy.sparse: a number is added to a dense matrix: `toarray` first")
    if not is_sparse(b):
        return a.toarray() + sign * as_array(b, "scipy.sparse", "the other operand", a.data)
    b = as_sparse(b)
    if a.shape != b.shape:
        raise InvalidArgumentError(f"scipy.sparse: the shapes {a.shape} and {b.shape} differ")
    x, y = promoted(*_beside(a, b))
    places = [np.concatenate(pair) for pair in zip(a.coords, b.coords, strict=True)]
    data = xp.concat([x, y if sign == 1 else -y], axis=0)
    return a._made(Pattern(places[0], places[1], a.shape), data, _joint(a)).merged()


def _joint(a: SparseArray) -> str:
    return a.format if a.format in ("csr", "csc") else "csr"


def _multiplied(a: SparseArray, b: Any) -> Any:
    """The product by element, with a number, a dense array or a sparse matrix."""
    if is_sparse(b):
        return _both(a, as_sparse(b))
    b = as_array(b, "scipy.sparse", "the other operand", a.data)
    b = b if hasattr(b, "_backend") else constant_like(b, a.data)
    data, b = promoted(a.over(b._backend), b)
    if not b.ndim:
        return a._made(a.pattern, data * b)
    b = xp.reshape(b, (1, -1)) if b.ndim == 1 else b
    if b.ndim != 2 or any(m not in (1, n) for m, n in zip(b.shape, a.shape, strict=True)):
        if b.ndim == 2 and all(1 in (m, n) or m == n for m, n in zip(b.shape, a.shape)):
            return as_sparse(a.toarray() * b)
        raise InvalidArgumentError(
            f"scipy.sparse: an array of shape {tuple(b.shape)} does not broadcast to {a.shape}"
        )
    rows, columns = a.coords
    places = (rows if b.shape[0] > 1 else 0) * b.shape[1] + (columns if b.shape[1] > 1 else 0)
    places = np.broadcast_to(places, rows.shape)
    factor = xp.take(xp.reshape(b, (-1,)), numbers_like(places, b), axis=0)
    return a._made(a.pattern, data * factor)


def _both(a: SparseArray, b: SparseArray) -> Any:
    """The product by element, where both have elements."""
    if a.shape != b.shape:
        return _multiplied(a, b.toarray())
    a, b = a.merged(), b.asformat("coo").merged()
    m = a.shape[1]
    keys = [x.pattern.rows.astype(np.int64) * m + x.pattern.columns for x in (a, b)]
    _, first, second = np.intersect1d(keys[0], keys[1], assume_unique=True, return_indices=True)
    x, y = promoted(*_beside(a, b))
    data = xp.take(x, numbers_like(first, x)) * xp.take(y, numbers_like(second, y))
    pattern = Pattern(a.pattern.rows[first], a.pattern.columns[first], a.shape)
    return a._made(pattern, data, "coo").asformat(a.format)


def _divided(a: SparseArray, b: Any) -> Any:
    if is_sparse(b):
        raise UnsupportedError("scipy.sparse: a sparse matrix divides into nan: `toarray` first")
    if _number(b):
        return a._made(a.pattern, a.data / b)
    return _multiplied(a, 1.0 / as_array(b, "scipy.sparse", "the other operand", a.data))


def _times(a: SparseArray, b: Any) -> Any:
    return a.times(b) if a.is_matrix and not _number(b) else _multiplied(a, b)


def _times_left(a: SparseArray, b: Any) -> Any:
    return a.from_left(b) if a.is_matrix and not _number(b) else _multiplied(a, b)


def _power(a: SparseArray, n: Any, dtype: Any = None) -> Any:
    if not _number(n):
        raise UnsupportedError("scipy.sparse: the exponent is a number")
    if isinstance(n, SCALARS) and not n:
        raise UnsupportedError("scipy.sparse: the power 0 is a dense matrix of ones")
    return a._made(a.merged().pattern, a.merged().data ** n)


def _raised(a: SparseArray, n: Any) -> Any:
    """``a ** n``: by element, and for the older classes a power of the matrix."""
    return matrix_power(a, n) if a.is_matrix else _power(a, n)


def matrix_power(a: SparseArray, n: Any) -> Any:
    """The product of `n` times the square matrix `a`."""
    count = whole(n, "scipy.sparse.linalg.matrix_power", "power", 0)
    if a.shape[0] != a.shape[1]:
        raise InvalidArgumentError(f"scipy.sparse: a matrix of shape {a.shape} has no powers")
    if not count:
        ones = np.arange(a.shape[0], dtype=a.pattern.rows.dtype)
        data = constant_like(np.ones(a.shape[0]), a.data)
        return a._made(Pattern(ones, ones, a.shape), xp.astype(data, a.dtype))
    half = a if count == 1 else matrix_power(a, count // 2)
    if count == 1:
        return a
    square = product(half, half)
    return product(square, a) if count % 2 else square


def _sum(a: SparseArray, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    if out is not None:
        raise UnsupportedError("scipy.sparse: sum(out=...) is not supported: leave it out")
    data = a.data if dtype is None else xp.astype(a.data, dtype)
    if axis is None or (isinstance(axis, tuple) and len(axis) == 2):
        return xp.sum(data)
    axis = axis_of(axis[0] if isinstance(axis, tuple) else axis, 2, "scipy.sparse.sum")
    y = summed(data, a.coords[1 - axis], a.shape[1 - axis])
    return xp.expand_dims(y, axis=axis) if a.is_matrix else y


def _mean(a: SparseArray, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    both = axis is None or isinstance(axis, tuple)
    count = a.shape[0] * a.shape[1] if both else a.shape[axis]
    return _sum(a, axis, dtype, out) / count


def _diagonal(a: SparseArray, k: int = 0) -> Any:
    rows, columns = a.coords
    n, m = a.shape
    count = max(min(n + min(k, 0), m - max(k, 0)), 0)
    on = np.nonzero(columns.astype(np.int64) - rows == k)[0]
    places = (rows if k >= 0 else columns)[on]
    return summed(_picked(a, on), places, count)


def _trace(a: SparseArray, offset: int = 0) -> Any:
    return xp.sum(_diagonal(a, offset))


def _item(a: SparseArray, key: Any) -> Any:
    a = a.merged()
    numbers = a.numbered()
    numbers = scipy_module("sparse").csr_matrix(numbers)[key] if a.is_matrix else numbers[key]
    if getattr(numbers, "ndim", 0) == 0:
        n = int(numbers)
        return a.data[n - 1] if n else xp.sum(a.data[:0])
    if numbers.ndim == 1:  # a row or a column: dense, as there are no sparse vectors here
        return xp.reshape(a.rearranged(numbers.reshape(1, -1), "csr").toarray(), (-1,))
    return a.rearranged(numbers, a.format)


def _reshape(a: SparseArray, *shape: Any, order: str = "C", copy: bool = False) -> Any:
    a = a.merged()
    return a.rearranged(a.numbered().tocoo().reshape(*shape, order=order), a.format)


def _as_type(a: SparseArray, dtype: Any, casting: str = "unsafe", copy: bool = True) -> Any:
    return a._made(a.pattern, xp.astype(a.data, dtype))


#: The methods and operators, by name.
METHODS: dict[str, Any] = {
    "__add__": _added, "__radd__": _added, "__sub__": lambda a, b: _added(a, b, -1),
    "__rsub__": lambda a, b: _added(-a, b), "__mul__": _times, "__rmul__": _times_left,
    "__truediv__": _divided, "__pow__": _raised, "__getitem__": _item,
    "__neg__": lambda a: a._made(a.pattern, -a.data),
    "__abs__": lambda a: a.merged()._elements(xp.abs),
    "_product": product, "multiply": _multiplied, "power": _power, "sum": _sum, "mean": _mean,
    "diagonal": _diagonal, "trace": _trace, "reshape": _reshape, "astype": _as_type,
    "conj": lambda a, copy=True: a._made(a.pattern, conjugate(a.data)),
    "conjugate": lambda a, copy=True: a._made(a.pattern, conjugate(a.data)),
    "getrow": lambda a, i: a[[i], :], "getcol": lambda a, i: a[:, [i]],
    "sum_duplicates": lambda a: a.__dict__.update(vars(a.merged())),
    "maximum": lambda a, b: as_sparse(xp.maximum(a.toarray(), as_sparse(b).toarray())),
    "minimum": lambda a, b: as_sparse(xp.minimum(a.toarray(), as_sparse(b).toarray())),
}  # fmt: skip
for _name, _method in METHODS.items():
    setattr(SparseArray, _name, _method)
SparseArray.real = property(lambda a: a._made(a.pattern, xp.real(a.data)))  # type: ignore[attr-defined]
SparseArray.imag = property(lambda a: a._made(a.pattern, xp.imag(a.data)))  # type: ignore[attr-defined]
