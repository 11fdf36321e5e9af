"""Matrices that are made of vectors or of other matrices."""

from __future__ import annotations

from typing import Any

from ...arrays.backend import get_backend
from ...arrays.dispatch import is_variable, xp
from ...engine.cotangents import create
from ...errors import InvalidArgumentError
from ...rules.linalg import constant_like
from ..arguments import arrays, broadcast_shapes, constant, find_backend, known_numbers
from ..rows import public

__all__ = ["block_diag", "circulant", "companion", "hankel", "khatri_rao", "toeplitz"]


def _gathered(values: Any, places: Any) -> Any:
    """The matrix of the elements of `values`, along its last axis, at `places`, a raw matrix."""
    flat = find_backend(values).raw("reshape")(places, (-1,))
    found = xp.take(values, constant_like(flat, values), axis=-1)
    return xp.reshape(found, (*values.shape[:-1], *places.shape))


def _counts(like: Any, m: int, n: int) -> tuple[Any, Any]:
    """The numbers of the rows as a raw column, and those of the columns as a raw row."""
    new = find_backend(like).raw("expand_dims")
    rows, columns = create("arange", m, beside=like), create("arange", n, beside=like)
    return new(rows, axis=1), new(columns, axis=0)


def _vector(x: Any) -> Any:
    """`x` with at least one axis."""
    return x if x is None or x.ndim else xp.reshape(x, (1,))


def _check_lengths(where: str, *vectors: Any) -> None:
    for x in vectors:
        if not x.shape[-1]:
            raise InvalidArgumentError(f"scipy.linalg.{where}: an empty array {x.shape} was given")


@public("linalg", arrays="c r")
def toeplitz(c: Any, r: Any = None) -> Any:
    """The Toeplitz matrix with the first column `c` and the first row `r`.

    The first element of `r` is not read. By default, `r` is the conjugate of `c`.
    Further axes in front are a batch.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.toeplitz.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.linalg
    >>> pg.grad(lambda c: pg.scipy.linalg.toeplitz(c).sum())(np.ones(3))
    array([3., 4., 2.])
    """
    c, r = [_vector(x) for x in arrays("linalg.toeplitz", c, r)]
    r = xp.conj(c) if r is None else r
    m, n = c.shape[-1], r.shape[-1]
    if c.ndim > 1 or r.ndim > 1:
        front = broadcast_shapes(c, c.shape[:-1], r.shape[:-1])
        c, r = xp.broadcast_to(c, (*front, m)), xp.broadcast_to(r, (*front, n))
    i, j = _counts(c, m, n)
    values = xp.concat([xp.flip(c, axis=-1), r[..., 1:]], axis=-1)
    if not m or not n:
        return _zeros(values, (*values.shape[:-1], m, n))
    return _gathered(values, j - i + (m - 1))


@public("linalg", arrays="c")
def circulant(c: Any) -> Any:
    """The circulant matrix with the first column `c`. Further axes in front are a batch.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.circulant.html
    """
    c = _vector(arrays("linalg.circulant", c)[0])
    n = c.shape[-1]
    if not n:
        return xp.reshape(c, (*c.shape, 0))
    i, j = _counts(c, n, n)
    return _gathered(c, (i - j) % n)


@public("linalg", arrays="c r")
def hankel(c: Any, r: Any = None) -> Any:
    """The Hankel matrix with the first column `c` and the last row `r`.

    The first element of `r` is not read. By default `r` is 0.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.hankel.html
    """
    c, r = arrays("linalg.hankel", c, r)
    r = xp.zeros_like(c) if r is None else r
    if not c.ndim or not r.ndim:
        raise InvalidArgumentError("scipy.linalg.hankel takes vectors, not numbers")
    c, r = [x if x.ndim == 1 else xp.reshape(x, (-1,)) for x in (c, r)]
    _check_lengths("hankel", c, r)
    i, j = _counts(c, c.shape[0], r.shape[0])
    return _gathered(xp.concat([c, r[1:]], axis=0), i + j)


@public("linalg", arrays="a")
def companion(a: Any) -> Any:
    """The companion matrix of the polynomial with the coefficients `a`, the highest power first.
    Further axes in front are a batch.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.companion.html
    """
    a = _vector(arrays("linalg.companion", a)[0])
    n = a.shape[-1]
    if n < 2:
        raise InvalidArgumentError("scipy.linalg.companion takes at least two coefficients")
    first, values = a[..., :1], known_numbers(a)
    if values is not None and bool(find_backend(a).xp.any(values[..., 0] == 0)):
        raise InvalidArgumentError("scipy.linalg.companion: the first coefficient is 0")
    top = -a[..., 1:] / (1.0 * first)
    eye = constant("eye", n - 2, n - 1, beside=a, dtype=top.dtype)
    rest = xp.broadcast_to(eye, (*top.shape[:-1], n - 2, n - 1))
    return xp.concat([top[..., None, :], rest], axis=-2)


@public("linalg")
def block_diag(*arrs: Any) -> Any:
    """The matrix with the given ones along its diagonal, and 0 elsewhere. A vector is a row.
    Further axes in front are a batch.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.block_diag.html
    """
    given = _stacked(arrs or ([],))
    blocks = [
        x if x.ndim > 1 else xp.reshape(x, (1, -1)) for x in arrays("linalg.block_diag", *given)
    ]
    front = broadcast_shapes(blocks[0], *[x.shape[:-2] for x in blocks])
    width, left, rows = sum([x.shape[-1] for x in blocks]), 0, []
    for x in blocks:
        m, n = x.shape[-2:]
        x = xp.broadcast_to(x, (*front, m, n)) if x.shape[:-2] != front else x
        before = _zeros(x, (*front, m, left))
        rows.append(xp.concat([before, x, _zeros(x, (*front, m, width - left - n))], axis=-1))
        left += n
    return xp.concat(rows, axis=-2)


def _zeros(like: Any, shape: tuple[int, ...]) -> Any:
    return constant("zeros", shape, beside=like, dtype=like.dtype)


def _stacked(given: Any) -> list[Any]:
    """Lists among `given` as arrays of the library of the Variables among them."""
    backend = next((x._backend for x in given if is_variable(x)), None) or get_backend("numpy")
    return [backend.namespace.asarray(x) if isinstance(x, (list, tuple)) else x for x in given]


@public("linalg", arrays="a b")
def khatri_rao(a: Any, b: Any) -> Any:
    """The Khatri-Rao product: the Kronecker product column by column.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.khatri_rao.html
    """
    a, b = arrays("linalg.khatri_rao", a, b)
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise InvalidArgumentError(
            "scipy.linalg.khatri_rao takes two matrices with the same number of columns, not the "
            f"shapes {a.shape} and {b.shape}"
        )
    c = a[..., :, None, :] * b[..., None, :, :]
    return xp.reshape(c, (*c.shape[:-3], c.shape[-3] * c.shape[-2], c.shape[-1]))
