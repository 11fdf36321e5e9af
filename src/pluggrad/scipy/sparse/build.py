"""Sparse matrices made of others, of diagonals and of blocks.

SciPy arranges the elements, by their numbers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.backend import SCALARS, get_backend
from ...arrays.dispatch import xp
from ...errors import UnsupportedError
from ...functions.operand import as_array
from ..rows import explained, scipy_module
from .array import SparseArray, as_sparse, class_of, is_sparse, numbers_like, promoted
from .pattern import Pattern

__all__ = ["block_array", "block_diag", "bmat", "diags", "diags_array", "eye", "eye_array", "find",
           "hstack", "identity", "issparse", "isspmatrix", "kron", "kronsum", "spdiags", "tril",
           "triu", "vstack"]  # fmt: skip


def _default(function: str, name: str) -> Any:
    """SciPy's default of an argument that has no value of its own."""
    found = get_backend("numpy").adapter.scipy(f"sparse.{function}")
    return None if found is None else inspect.signature(found).parameters[name].default


_UNSET: Any = _default("diags", "dtype")


def _arranged(call: Callable[[list[Any]], Any], datas: list[Any], parts: list[Any]) -> Any:
    """What `call` makes of `parts`, SciPy's matrices or arrays of the numbers of the elements of
    each of `datas`, from 1 on: these are made numbers of all."""
    start, numbered = 0, []
    for data, part in zip(datas, parts, strict=True):
        if is_sparse(part):
            part = part.copy()
            part.data = part.data + start
        else:
            part = part + start
        numbered.append(part)
        start += int(data.shape[0])
    found = call(numbered)
    coo = found.tocoo()
    modern = isinstance(found, scipy_module("sparse").sparray)
    data = datas[0]
    for other in datas[1:]:
        data, other = promoted(*_same_library(data, other))
        data = xp.concat([data, other], axis=0)
    places = np.rint(np.asarray(coo.data).real).astype(np.int64) - 1
    made = object.__new__(class_of(found.format, not modern))
    data = xp.take(data, numbers_like(places, data), axis=0)
    return made._set(Pattern.of(coo), data)


def _same_library(a: Any, b: Any) -> tuple[Any, Any]:
    if a._backend is not b._backend:
        if a._backend.name == "numpy" and not a._tracked:
            a = b._backend.namespace.asarray(a.data)
        elif b._backend.name == "numpy" and not b._tracked:
            b = a._backend.namespace.asarray(b.data)
    return a, b


def _with(found: Any, dtype: Any) -> Any:
    return found if dtype in (None, _UNSET) else found.astype(dtype)


def _numbers(a: SparseArray) -> Any:
    """SciPy's matrix of the same class with the numbers of the elements of `a`."""
    numbers = a.numbered()
    made = getattr(scipy_module("sparse"), type(a).__name__)
    return made(numbers) if a.format in ("csr", "csc", "coo") else numbers


def _blocks(blocks: Any, call: Callable[[Any], Any]) -> Any:
    """`call` of nested lists of matrices, dense ones and None among them."""
    leaves: list[SparseArray] = []

    def collected(x: Any) -> Any:
        if isinstance(x, (list, tuple)) or (isinstance(x, np.ndarray) and x.dtype == object):
            return [collected(y) for y in x]
        if x is None:
            return None
        if isinstance(x, SCALARS):
            x = np.asarray([[x]])
        leaves.append(as_sparse(x).merged())
        return len(leaves) - 1

    tree = collected(blocks)

    def placed(parts: list[Any]) -> Any:
        def put(x: Any) -> Any:
            return [put(y) for y in x] if isinstance(x, list) else None if x is None else parts[x]

        return call(put(tree))

    if not leaves:
        return as_sparse(call(blocks))
    return _arranged(placed, [x.data for x in leaves], [_numbers(x) for x in leaves])


@explained("sparse")
def hstack(blocks: Any, format: Any = None, dtype: Any = None) -> Any:
    """The sparse matrices `blocks` side by side.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.hstack.html
    """
    return _with(_blocks(blocks, lambda b: scipy_module("sparse").hstack(b, format)), dtype)


@explained("sparse")
def vstack(blocks: Any, format: Any = None, dtype: Any = None) -> Any:
    """The sparse matrices `blocks` above each other.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.vstack.html
    """
    return _with(_blocks(blocks, lambda b: scipy_module("sparse").vstack(b, format)), dtype)


@explained("sparse")
def bmat(blocks: Any, format: Any = None, dtype: Any = None) -> Any:
    """The sparse matrix of a table of blocks; None is a block of zeros.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.bmat.html
    """
    return _with(_blocks(blocks, lambda b: scipy_module("sparse").bmat(b, format)), dtype)


@explained("sparse")
def block_array(blocks: Any, *, format: Any = None, dtype: Any = None) -> Any:
    """The sparse matrix of a table of blocks; None is a block of zeros.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.block_array.html
    """
    call = scipy_module("sparse").block_array
    return _with(_blocks(blocks, lambda b: call(b, format=format)), dtype)


@explained("sparse")
def block_diag(mats: Any, format: Any = None, dtype: Any = None) -> Any:
    """The sparse matrix with the matrices `mats` along its diagonal.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.block_diag.html
    """
    mats = [as_sparse(x) if isinstance(x, (list, tuple)) else x for x in mats]
    return _with(_blocks(mats, lambda b: scipy_module("sparse").block_diag(b, format)), dtype)


@explained("sparse")
def tril(A: Any, k: int = 0, format: Any = None) -> Any:
    """The part of a sparse matrix on and below the diagonal `k`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.tril.html
    """
    return _blocks([A], lambda b: scipy_module("sparse").tril(b[0], k, format))


@explained("sparse")
def triu(A: Any, k: int = 0, format: Any = None) -> Any:
    """The part of a sparse matrix on and above the diagonal `k`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.triu.html
    """
    return _blocks([A], lambda b: scipy_module("sparse").triu(b[0], k, format))


def _diagonals(diagonals: Any, call: Callable[[list[Any]], Any], alone: bool) -> Any:
    rows = [diagonals] if alone else list(diagonals)
    first = next((x for x in rows if hasattr(x, "dtype")), None)
    datas = [as_array(x, "scipy.sparse.diags", "a diagonal", first) for x in rows]
    namespace = get_backend("numpy").namespace
    datas = [x if hasattr(x, "_backend") else namespace.asarray(x) for x in datas]
    datas = [xp.reshape(x, (-1,)) for x in datas]
    numbers = [np.arange(1.0, x.shape[0] + 1.0) for x in datas]
    return _arranged(lambda found: call(found[0] if alone else found), datas, numbers)


def _is_one_diagonal(diagonals: Any, offsets: Any) -> bool:
    """Whether `diagonals` is one diagonal and no list of them, as SciPy tells."""
    if not isinstance(offsets, SCALARS):
        return False
    if hasattr(diagonals, "ndim"):
        return bool(diagonals.ndim == 1)
    first = diagonals[0] if len(diagonals) else 0
    return isinstance(first, SCALARS) or getattr(first, "ndim", 1) == 0


@explained("sparse")
def diags_array(
    diagonals: Any, /, *, offsets: Any = 0, shape: Any = None, format: Any = None,
    dtype: Any = _UNSET,
) -> Any:  # fmt: skip
    """The sparse matrix with these diagonals, which may be Variables.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.diags_array.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.sparse
    >>> f = lambda d: pg.sum(pg.scipy.sparse.diags_array([d], offsets=[0]) @ np.asarray([2.0, 3.0]))
    >>> pg.grad(f)(np.ones(2))
    array([2., 3.])
    """
    call = scipy_module("sparse").diags_array
    alone = _is_one_diagonal(diagonals, offsets)
    settings = {"offsets": offsets, "shape": shape, "format": format}
    made = _diagonals(diagonals, lambda d: call(d, **settings), alone)
    return _with(made, dtype)


@explained("sparse")
def diags(
    diagonals: Any, offsets: Any = 0, shape: Any = None, format: Any = None, dtype: Any = _UNSET
) -> Any:
    """The sparse matrix with these diagonals, which may be Variables.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.diags.html
    """
    call = scipy_module("sparse").diags
    alone = _is_one_diagonal(diagonals, offsets)
    made = _diagonals(diagonals, lambda d: call(d, offsets, shape, format), alone)
    return _with(made, dtype)


@explained("sparse")
def spdiags(data: Any, diags: Any, m: Any = None, n: Any = None, format: Any = None) -> Any:
    """The sparse matrix with the rows of `data` as its diagonals.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.spdiags.html
    """
    data = as_array(data, "scipy.sparse.spdiags", "data")
    data = data if hasattr(data, "_backend") else get_backend("numpy").namespace.asarray(data)
    flat = xp.reshape(data, (-1,))
    numbers = np.arange(1.0, flat.shape[0] + 1.0).reshape(tuple(data.shape))
    call = scipy_module("sparse").spdiags
    return _arranged(lambda found: call(found[0], diags, m, n, format), [flat], [numbers])


@explained("sparse")
def kron(A: Any, B: Any, format: Any = None) -> Any:
    """The Kronecker product of two sparse matrices.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.kron.html
    """
    modern = not all(getattr(x, "is_matrix", not _is_modern(x)) for x in (A, B))
    a, b = [as_sparse(x).merged() for x in (A, B)]
    first, second = [np.repeat(np.arange(a.nnz), b.nnz), np.tile(np.arange(b.nnz), a.nnz)]
    places = [
        x[first].astype(np.int64) * n + y[second]
        for x, y, n in zip(a.coords, b.coords, b.shape, strict=True)
    ]
    x, y = promoted(*_same_library(a.data, b.data))
    data = xp.take(x, numbers_like(first, x)) * xp.take(y, numbers_like(second, y))
    made = object.__new__(class_of("coo", not modern))
    shape = (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1])
    kind = np.int32 if max(*shape, data.shape[0]) < 2**31 else np.int64
    rows, columns = [z.astype(kind) for z in places]
    return made._set(Pattern(rows, columns, shape), data).asformat(
        "coo" if format is None else format
    )


def _is_modern(x: Any) -> bool:
    return isinstance(x, scipy_module("sparse").sparray)


@explained("sparse")
def kronsum(A: Any, B: Any, format: Any = None) -> Any:
    """The Kronecker sum of two square sparse matrices.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.kronsum.html
    """
    a, b = as_sparse(A), as_sparse(B)
    if a.shape[0] != a.shape[1] or b.shape[0] != b.shape[1]:
        raise UnsupportedError("scipy.sparse.kronsum: the matrices are square")
    ones = [eye_array(x.shape[0]) for x in (a, b)]
    found = kron(ones[1], a) + kron(b, ones[0])
    return found.asformat("csr" if format is None else format)


@explained("sparse")
def eye_array(m: int, n: Any = None, *, k: int = 0, dtype: Any = float, format: Any = None) -> Any:
    """The sparse identity, which is constant.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.eye_array.html
    """
    return as_sparse(scipy_module("sparse").eye_array(m, n, k=k, dtype=dtype, format=format))


@explained("sparse")
def eye(m: int, n: Any = None, k: int = 0, dtype: Any = float, format: Any = None) -> Any:
    """The sparse identity, which is constant.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.eye.html
    """
    return as_sparse(scipy_module("sparse").eye(m, n, k, dtype, format))


@explained("sparse")
def identity(n: int, dtype: Any = "d", format: Any = None) -> Any:
    """The sparse identity, which is constant.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.identity.html
    """
    return as_sparse(scipy_module("sparse").identity(n, dtype, format))


@explained("sparse")
def find(A: Any) -> tuple[Any, Any, Any]:
    """The rows, the columns and the values of the elements that are not 0.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.find.html
    """
    a = as_sparse(A).asformat("coo").merged()
    on = np.nonzero(np.asarray(a.data.detach().data))[0] if a.data._backend.name == "numpy" else (
        np.arange(a.nnz)
    )  # fmt: skip
    rows, columns = a.coords
    return rows[on], columns[on], xp.take(a.data, numbers_like(on, a.data), axis=0)


def issparse(x: Any) -> bool:
    """Whether `x` is a sparse matrix, of ours or of SciPy's."""
    return is_sparse(x)


def isspmatrix(x: Any) -> bool:
    """Whether `x` is a sparse matrix of the older classes, of ours or of SciPy's."""
    return bool(getattr(x, "is_matrix", False)) or bool(scipy_module("sparse").isspmatrix(x))
