"""Diagonals, triangles and matrices made of them, with NumPy's names and meaning."""

from __future__ import annotations

from typing import Any

from ..arrays.composites import composite, widen
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of, axis_of, whole
from ..engine.cotangents import is_continuous, zeros
from ..errors import InvalidArgumentError
from .common import known_backend

__all__: list[str] = []

widen("tril(x, /, k=0)")
widen("triu(x, /, k=0)")


@composite(own=True, arrays="x")
def diag(x: Any, /, k: int = 0) -> Any:
    """The diagonal number `k` of a matrix, or the matrix with the vector `x` on that diagonal.

    Diagonals above the main one have positive numbers, those below negative ones.

    >>> import numpy as np, pluggrad as pg
    >>> pg.diag(np.asarray([1.0, 2.0])).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    k = whole(k, "diag", "k")
    if x.ndim == 2:
        return _diagonal(x, k)
    if x.ndim != 1:
        raise InvalidArgumentError(
            f"diag takes a vector or a matrix, and got {x.ndim} axes; `pluggrad.diagonal` takes "
            "more than two"
        )
    return _matrix(x, k)


def _diagonal(x: Any, k: int) -> Any:
    """The diagonals over the last two axes; empty if there is none of the number `k`."""
    rows, columns = x.shape[-2:]
    if not -rows < k < columns and k:
        return xp.linalg.diagonal(x[..., :0, :0])
    return xp.linalg.diagonal(x, offset=k)


def _matrix(x: Any, k: int) -> Any:
    """The square matrix with the vector `x` on the diagonal number `k`."""
    before, after = max(-k, 0), max(k, 0)
    # An n × (n + 1) array with `x` in column 0. Read as rows of n, it has `x` on the diagonal.
    n = x.shape[0]
    rows = xp.concat([xp.reshape(x, (n, 1)), zeros(((n, n), x.dtype), x)], axis=1)
    square = xp.reshape(xp.reshape(rows, (-1,))[: n * n], (n, n))
    return xp.pad(square, ((before, after), (after, before)))


@composite(own=True, arrays="x")
def diagflat(x: Any, /, k: int = 0) -> Any:
    """The matrix with all elements of `x` on the diagonal number `k`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.diagflat(np.asarray([[1.0], [2.0]])).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    return _matrix(xp.reshape(x, (-1,)), whole(k, "diagflat", "k"))


def _two_last(x: Any, axis1: Any, axis2: Any, where: str) -> Any:
    """`x` with these two axes moved to the end."""
    axes = (axis_of(axis1, x.ndim, where, "axis1"), axis_of(axis2, x.ndim, where, "axis2"))
    return xp.moveaxis(x, axes_of(axes, x.ndim, where), (-2, -1))


@composite(own=True, arrays="x")
def diagonal(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals over two axes, as the last axis of the result.

    Unlike `pluggrad.linalg.diagonal` it takes the first two axes by default, as NumPy does.

    >>> import numpy as np, pluggrad as pg
    >>> pg.diagonal(np.asarray([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [1.0, 4.0]
    """
    offset = whole(offset, "diagonal", "offset")
    return _diagonal(_two_last(x, axis1, axis2, "diagonal"), offset)


@composite(own=True, arrays="x")
def trace(
    x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None
) -> Any:  # fmt: skip
    """The sum along the diagonal over two axes, computed in `dtype`.

    Unlike `pluggrad.linalg.trace` it takes the first two axes by default, as NumPy does.

    >>> import numpy as np, pluggrad as pg
    >>> pg.trace(np.asarray([[1.0, 2.0], [3.0, 4.0]])).item()
    5.0
    """
    offset = whole(offset, "trace", "offset")
    return xp.sum(_diagonal(_two_last(x, axis1, axis2, "trace"), offset), axis=-1, dtype=dtype)


@composite(own=True, arrays="x")
def vander(x: Any, /, N: int | None = None, increasing: bool = False) -> Any:
    """The matrix whose columns are powers of the vector `x`.

    Parameters
    ----------
    N : int, optional
        The number of columns; by default as many as `x` has elements.
    increasing : bool
        Whether the powers increase from left to right; otherwise they decrease.

    >>> import numpy as np, pluggrad as pg
    >>> pg.vander(np.asarray([2.0, 3.0]), 3).tolist()
    [[4.0, 2.0, 1.0], [9.0, 3.0, 1.0]]
    """
    if x.ndim != 1:
        raise InvalidArgumentError(f"vander takes a vector, and got an array of {x.ndim} axes")
    count = x.shape[0] if N is None else whole(N, "vander", "N", least=0)
    backend = known_backend(x)
    if backend.name == "numpy" or not is_continuous(x):  # NumPy makes float64 of float32 here
        x = xp.astype(x, backend.xp.result_type(x.dtype, backend.xp.int64))
    powers = [xp.ones_like(x)]
    while len(powers) < count:
        powers.append(powers[-1] * x)
    powers = powers if increasing else powers[count - 1 :: -1] if count else powers
    return xp.stack(powers, axis=1)[:, :count]
