"""Systems of equations, powers and chains of matrices, with NumPy's names and meaning."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import is_batched, xp
from ..engine.arguments import axes_of, shortened, whole
from ..engine.handles import raw_of
from ..errors import InvalidArgumentError, LinAlgError, TypeMismatchError
from ..rules.linalg import identity
from .operands import as_arrays, as_float, differ


@composite("linalg.lstsq", own=True, arrays="x1 x2")
def lstsq(x1: Any, x2: Any, /, rcond: Any = None) -> Any:
    """The least-squares solution `x` of ``x1 @ x = x2``; of several, the one of least norm.

    Singular values of `x1` that are cut off count as 0 in the derivative, too: the rank is taken to
    be the same nearby.

    Parameters
    ----------
    x1 : array or list of shape (M, N)
        The matrix.
    x2 : array or list of shape (M,) or (M, K)
        One right-hand side, or several as columns.
    rcond : float, optional
        Singular values up to `rcond` times the greatest count as 0; by default the precision of the
        dtype times the greater one of M and N, and the precision itself if it is negative.

    Returns
    -------
    tuple
        The solution, of shape (N,) or (N, K). The sums of the squared residuals, of shape (K,) or
        (1,), or (0,) unless M > N and the rank is N. (Where values are not known yet, inside a
        compiled function or `vmap`, the rank is taken to be N for this.) The rank. The singular
        values of `x1`.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    >>> x, residuals, rank, s = pg.linalg.lstsq(v, [1.0, 4.0, 3.0])
    >>> x.tolist(), residuals.tolist(), rank.item(), s.tolist()
    ([1.0, 2.0], [9.0], 2, [2.0, 1.0])
    """
    x1, x2 = [as_float(x) for x in as_arrays("linalg.lstsq", x1, x2)]
    if x1.ndim != 2 or x2.ndim not in (1, 2) or differ(x1.shape[0], x2.shape[0]):
        raise LinAlgError(
            "linalg.lstsq takes a matrix (M, N) and a right-hand side (M,) or (M, K), and got the "
            f"shapes {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    x1, x2 = _in_one_dtype(x1, x2)
    (m, n), vector = x1.shape, x2.ndim == 1
    x2 = xp.expand_dims(x2, axis=-1) if vector else x2
    s = xp.linalg.svdvals(x1)
    backend = backend_of(x1)
    assert backend is not None
    eps = float(backend.xp.finfo(s.dtype).eps)
    if rcond is None:
        rcond = eps * max(m, n)
    elif isinstance(rcond, (int, float)) and rcond < 0:
        rcond = eps
    solution = xp.matmul(xp.linalg.pinv(x1, rtol=rcond), x2)
    great = xp.max(s) if s.shape[0] else 0.0
    rank = xp.count_nonzero(s > great * rcond)
    if backend.name == "numpy":
        rank = xp.astype(rank, backend.xp.int32)  # as NumPy has it
    gap = xp.abs(x2 - xp.matmul(x1, solution)) if m > n and _is_whole(rank, n) else x2[:0, :0]
    residuals = xp.sum(xp.real(gap * xp.conj(gap)), axis=0)
    return (solution[:, 0] if vector else solution), residuals, rank, s


def _in_one_dtype(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Both arrays in the dtype that both fit in."""
    if x1.dtype == x2.dtype:
        return x1, x2
    backend = backend_of(x1)
    assert backend is not None
    dtype = backend.namespace.result_type(x1, x2)
    return xp.astype(x1, dtype), xp.astype(x2, dtype)


def _is_whole(rank: Any, n: Any) -> bool:
    """Whether the rank of a matrix of `n` columns is `n`. True where nobody knows the values."""
    backend = backend_of(rank)
    assert backend is not None
    if is_batched(rank) or backend.adapter.capabilities().get("lazy"):
        return True
    try:
        return bool(raw_of(rank) == n)
    except Exception:  # a library that traces the function raises an error of its own
        return True


@composite("linalg.tensorsolve", own=True, arrays="x1 x2")
def tensorsolve(x1: Any, x2: Any, /, axes: Any = None) -> Any:
    """The solution `x` of ``tensordot(x1, x, x.ndim) == x2``.

    Parameters
    ----------
    x1 : array or list
        First the axes of `x2`, then those of the solution, with as many elements.
    x2 : array or list
        The right-hand side.
    axes : sequence of ints, optional
        Axes of `x1` that are moved to its end before.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(2.0 * np.eye(4).reshape(2, 2, 4))
    >>> pg.linalg.tensorsolve(v, np.ones((2, 2))).tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    x1, x2 = as_arrays("linalg.tensorsolve", x1, x2)
    if axes is not None:
        last = axes_of(tuple(axes), x1.ndim, "linalg.tensorsolve", "axes")
        x1 = xp.permute_dims(x1, tuple([n for n in range(x1.ndim) if n not in last]) + last)
    shape = tuple(x1.shape)[x2.ndim :]
    count = math.prod(shape)
    size = math.prod(x2.shape)
    if math.prod(x1.shape) != count**2 or size != count or x1.ndim <= x2.ndim:
        raise LinAlgError(
            "linalg.tensorsolve takes an array with the axes of the right-hand side, then as many "
            f"elements again, and got the shapes {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    y = xp.linalg.solve(xp.reshape(x1, (count, count)), xp.reshape(x2, (count,)))
    return xp.reshape(y, shape)


@composite("linalg.tensorinv", own=True, arrays="x")
def tensorinv(x: Any, /, ind: int = 2) -> Any:
    """The inverse `y` of `x` for `tensordot`: ``tensordot(y, tensordot(x, b, k), ind) == b``.

    Parameters
    ----------
    x : array or list
        Its first `ind` axes have as many elements as the others.
    ind : int, default 2
        How many axes come last in the inverse.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(2.0 * np.eye(4).reshape(2, 2, 4))
    >>> pg.linalg.tensorinv(v).shape
    (4, 2, 2)
    """
    (x,) = as_arrays("linalg.tensorinv", x)
    ind = whole(ind, "linalg.tensorinv", "ind", 1)
    front, back = tuple(x.shape)[:ind], tuple(x.shape)[ind:]
    count = math.prod(back)
    if math.prod(front) != count:
        raise LinAlgError(
            f"linalg.tensorinv: the first {ind} axes of the shape {tuple(x.shape)} have "
            f"{math.prod(front)} elements, and the others {count}"
        )
    return xp.reshape(xp.linalg.inv(xp.reshape(x, (count, count))), back + front)


@composite("linalg.matrix_power")
def matrix_power(x: Any, n: int, /) -> Any:
    """`x` multiplied by itself `n` times, by repeated squaring; for negative `n`, a power of the
    inverse."""
    n = whole(n, "linalg.matrix_power", "n")
    if x.ndim < 2 or differ(x.shape[-1], x.shape[-2]):
        raise LinAlgError(
            f"linalg.matrix_power takes square matrices, and got the shape {tuple(x.shape)}"
        )
    if n == 0:  # the identity, plus an empty product (zeros) that keeps `x` in the graph
        return identity(x) + xp.matmul(x[..., :, :0], x[..., :0, :])
    if n < 0:
        x, n = xp.linalg.inv(x), -n
    y = None
    while n:
        if n % 2:
            y = x if y is None else y @ x
        n //= 2
        x = x @ x if n else x
    return xp.copy(y) if y is x else y


@composite("linalg.multi_dot", own=True)
def multi_dot(arrays: Any, /) -> Any:
    """The product of two or more matrices, in the order with the fewest multiplications.

    Parameters
    ----------
    arrays : sequence of arrays
        The first one may be a vector, which stands for a row, and the last one a vector that stands
        for a column.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([[1.0, 2.0], [3.0, 4.0]]))
    >>> pg.linalg.multi_dot([v, v, np.ones(2)]).tolist()
    [17.0, 37.0]
    """
    if not isinstance(arrays, (list, tuple)):
        if not hasattr(arrays, "shape") or not arrays.ndim:
            raise TypeMismatchError(
                f"linalg.multi_dot takes a list of arrays, not {shortened(arrays)}"
            )
        arrays = list(xp.unstack(arrays))
    if len(arrays) < 2:
        raise InvalidArgumentError(
            f"linalg.multi_dot takes two arrays or more, and got {len(arrays)}"
        )
    arrays = as_arrays("linalg.multi_dot", *arrays)
    if len(arrays) == 2:
        return xp.dot(*arrays)
    row, column = arrays[0].ndim == 1, arrays[-1].ndim == 1
    if row:
        arrays[0] = xp.expand_dims(arrays[0], axis=0)
    if column:
        arrays[-1] = xp.expand_dims(arrays[-1], axis=1)
    for k, x in enumerate(arrays):
        if x.ndim != 2:
            raise LinAlgError(
                f"linalg.multi_dot: array {k} of {len(arrays)} has {x.ndim} axes, and not 2"
            )
        if k and differ(arrays[k - 1].shape[1], x.shape[0]):
            raise InvalidArgumentError(
                f"linalg.multi_dot: array {k - 1} of shape {tuple(arrays[k - 1].shape)} cannot be "
                f"multiplied with the next one, of shape {tuple(x.shape)}"
            )
    lengths = [x.shape[0] for x in arrays] + [arrays[-1].shape[1]]
    y = _chain(arrays, _splits(lengths), 0, len(arrays) - 1)
    y = y[0, ...] if row else y
    return y[..., 0] if column else y


def _splits(lengths: list[Any]) -> dict[tuple[int, int], int]:
    """Where to split the product of the matrices i to j, so that few multiplications are needed.
    Matrix i has ``lengths[i]`` rows and ``lengths[i + 1]`` columns."""
    count = len(lengths) - 1
    cost = {(i, i): 0 for i in range(count)}
    split = {}
    for size in range(1, count):
        for i in range(count - size):
            j = i + size
            ways = [
                (cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1], k)
                for k in range(i, j)
            ]
            cost[i, j], split[i, j] = min(ways)
    return split


def _chain(arrays: list[Any], split: dict[tuple[int, int], int], i: int, j: int) -> Any:
    """The product of the matrices i to j."""
    if i == j:
        return arrays[i]
    k = split[i, j]
    return xp.matmul(_chain(arrays, split, i, k), _chain(arrays, split, k + 1, j))
