"""More names beyond the standard that client code calls, with NumPy's meaning."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of, whole
from ..engine.cotangents import is_complex
from ..errors import InvalidArgumentError, UnsupportedError


@composite(own=True)
def concatenate(arrays: Any, /, axis: int | None = 0) -> Any:
    """The arrays joined along `axis`; with None, all their elements as one vector."""
    if axis is None:
        return xp.concat([xp.reshape(x, (-1,)) for x in arrays], axis=0)
    return xp.concat(list(arrays), axis=axis)


@composite(own=True)
def diag(x: Any, /, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with the vector `x` on its diagonal."""
    if x.ndim == 2:
        return xp.linalg.diagonal(x, offset=k)
    if x.ndim != 1:
        raise InvalidArgumentError(f"diag takes a vector or a matrix, and got {x.ndim} axes")
    k = whole(k, "diag", "k")
    before, after = max(-k, 0), max(k, 0)
    # An n × (n + 1) array with `x` in column 0. Read as rows of n, it has `x` on the diagonal.
    n = x.shape[0]
    column = xp.reshape(x, (n, 1))
    rows = xp.concat([column, xp.zeros_like(column) * xp.zeros_like(x)], axis=1)
    square = xp.reshape(xp.reshape(rows, (-1,))[: n * n], (n, n))
    return xp.pad(square, ((before, after), (after, before)))


@composite("linalg.norm", own=True)
def norm(x: Any, /, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The vector norm along one axis, or the matrix norm along two. With neither `axis` nor `ord`,
    the 2-norm of all elements."""
    if axis is None and (ord is None or x.ndim == 1):
        return xp.linalg.vector_norm(x, keepdims=keepdims, ord=2 if ord is None else ord)
    axes = axes_of(axis, x.ndim, "linalg.norm")
    if len(axes) == 1:
        return xp.linalg.vector_norm(
            x, axis=axes[0], keepdims=keepdims, ord=2 if ord is None else ord
        )
    if len(axes) != 2:
        raise InvalidArgumentError(f"norm takes one axis or two, and got {axes}")
    y = xp.linalg.matrix_norm(
        xp.moveaxis(x, axes, (-2, -1)), keepdims=keepdims, ord="fro" if ord is None else ord
    )
    return xp.moveaxis(y, (-2, -1), axes) if keepdims else y


@composite(own=True)
def view(x: Any, /, *to: Any) -> Any:
    """`x` in another shape, as torch's `view`. Given a dtype, as NumPy's: complex numbers become
    pairs of real ones along the last axis, or such pairs become complex numbers."""
    if len(to) != 1 or isinstance(to[0], (int, tuple, list)):
        return xp.reshape(x, to if len(to) != 1 or isinstance(to[0], int) else tuple(to[0]))
    backend = backend_of(x)
    assert backend is not None
    dtype = {float: backend.xp.float64, complex: backend.xp.complex128}.get(to[0], to[0])
    if x.dtype == dtype:
        return x
    if is_complex(x) and xp.real(x).dtype == dtype:
        pairs = xp.stack([xp.real(x), xp.imag(x)], axis=-1)
        return xp.reshape(pairs, (*x.shape[:-1], x.shape[-1] * 2 if x.shape else 2))
    if x.dtype in backend.real_dtypes and dtype in backend.complex_dtypes:
        y = x[..., ::2] + 1j * x[..., 1::2]
        if y.dtype == dtype:
            return y
    raise UnsupportedError(f"view: {x.dtype} numbers cannot be read as {dtype}")
