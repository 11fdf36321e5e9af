"""Products of stacks of matrices and vectors, with NumPy's names and meaning."""

from __future__ import annotations

from typing import Any

from ..arrays.composites import composite, widen
from ..arrays.dispatch import xp
from ..engine.arguments import axis_of, shortened
from ..errors import InvalidArgumentError
from .operands import as_arrays, column, converted, same_length


@widen("matmul(x1, x2, /, *, axes=None, dtype=None)")
def matmul(x1: Any, x2: Any, /, *, axes: Any = None, dtype: Any = None) -> Any:
    x1, x2 = as_arrays("matmul", x1, x2)
    cores = [min(x1.ndim, 2), min(x2.ndim, 2)]
    return _stacks("matmul", xp.matmul, [x1, x2], cores, sum(cores) - 2, axes, dtype)


@widen(
    "vecdot(x1, x2, /, *, axis=-1, axes=None, keepdims=False, dtype=None)",
    # The axis is that of each argument before they are broadcast.
    when="axis != -1 and getattr(x1, 'ndim', None) != getattr(x2, 'ndim', None)",
)
def vecdot(
    x1: Any,
    x2: Any,
    /,
    *,
    axis: int = -1,
    axes: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Any:
    x1, x2 = as_arrays("vecdot", x1, x2)
    if axes is None:
        axes = [axis, axis]
    elif axis != -1:
        raise InvalidArgumentError("vecdot takes `axis` or `axes`, not both")
    if keepdims:
        if len(axes) == 2:
            axes = [*axes, axes[0]]
        return _stacks("vecdot", _kept, [x1, x2], [1, 1], 1, axes, dtype)
    return _stacks("vecdot", xp.vecdot, [x1, x2], [1, 1], 0, axes, dtype)


def _kept(x1: Any, x2: Any) -> Any:
    """`vecdot` along the last axis, which is kept."""
    return column(xp.vecdot(x1, x2))


@composite(own=True, arrays="x1 x2")
def matvec(x1: Any, x2: Any, /, *, axes: Any = None, dtype: Any = None) -> Any:
    """The product of each matrix in `x1` with the vector in `x2`.

    Parameters
    ----------
    x1 : array or list of shape (..., M, N)
        Matrices.
    x2 : array or list of shape (..., N)
        Vectors. The axes before broadcast.
    axes : list, optional
        The axes of the matrices as a pair, and those of the vectors and of the result, instead of
        the last ones.
    dtype : optional
        What both arguments are converted to.

    Returns
    -------
    Variable
        Of shape (..., M).

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([[1.0, 2.0], [3.0, 4.0]]))
    >>> pg.matvec(v, [1, 10]).tolist()
    [21.0, 43.0]
    """
    x1, x2 = as_arrays("matvec", x1, x2)
    _matrices("matvec", x1, "x1", x2, "x2")
    return _stacks("matvec", _matvec, [x1, x2], [2, 1], 1, axes, dtype)


def _matvec(x1: Any, x2: Any) -> Any:
    same_length("matvec", x1, x1.ndim - 1, x2, x2.ndim - 1)
    return xp.matmul(x1, column(x2))[..., 0]


@composite(own=True, arrays="x1 x2")
def vecmat(x1: Any, x2: Any, /, *, axes: Any = None, dtype: Any = None) -> Any:
    """The product of each vector in `x1`, conjugated, with the matrix in `x2`.

    Parameters
    ----------
    x1 : array or list of shape (..., M)
        Vectors. The axes before broadcast.
    x2 : array or list of shape (..., M, N)
        Matrices.
    axes : list, optional
        The axes of the vectors, those of the matrices as a pair, and those of the result, instead
        of the last ones.
    dtype : optional
        What both arguments are converted to.

    Returns
    -------
    Variable
        Of shape (..., N).

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([[1.0, 2.0], [3.0, 4.0]]))
    >>> pg.vecmat([1, 10], v).tolist()
    [31.0, 42.0]
    """
    x1, x2 = as_arrays("vecmat", x1, x2)
    _matrices("vecmat", x2, "x2", x1, "x1")
    return _stacks("vecmat", _vecmat, [x1, x2], [1, 2], 1, axes, dtype)


def _vecmat(x1: Any, x2: Any) -> Any:
    same_length("vecmat", x1, x1.ndim - 1, x2, x2.ndim - 2)
    return xp.matmul(xp.expand_dims(xp.conj(x1), axis=-2), x2)[..., 0, :]


def _matrices(where: str, x: Any, name: str, v: Any, other: str) -> None:
    """Raise if there is no matrix in `x`, or no vector in `v`."""
    if x.ndim < 2 or v.ndim < 1:
        raise InvalidArgumentError(
            f"{where}: {name} has 2 axes or more and {other} has 1 or more, and not "
            f"{x.ndim} and {v.ndim}"
        )


def _stacks(
    where: str, product: Any, args: list[Any], cores: list[int], left: int, axes: Any, dtype: Any
) -> Any:
    """`product` of `args` as NumPy calls it with `axes` and `dtype`. Of each argument, `cores` last
    axes belong to the product and the others broadcast; of the result, `left`."""
    if dtype is not None:
        args = [converted(where, x, dtype) for x in args]
    if axes is None:
        return product(*args)
    if not isinstance(axes, (list, tuple)) or len(axes) not in ((3,) if left else (2, 3)):
        raise InvalidArgumentError(
            f"{where}: `axes` is a list of an entry for each argument and one for the result, not "
            f"{shortened(axes)}"
        )
    for n, x in enumerate(args):
        args[n] = xp.moveaxis(x, _entry(where, axes[n], cores[n], x.ndim), _last(cores[n]))
    y = product(*args)
    if len(axes) == 3:
        y = xp.moveaxis(y, _last(left), _entry(where, axes[2], left, y.ndim))
    return y


def _entry(where: str, entry: Any, count: int, ndim: int) -> tuple[int, ...]:
    """One entry of `axes`: `count` axes of an array of `ndim` axes."""
    several = tuple(entry) if isinstance(entry, (tuple, list)) else (entry,)
    if len(several) != count:
        raise InvalidArgumentError(f"{where}: the entry {entry} of `axes` names {count} axes")
    found = tuple([axis_of(n, ndim, where, "axes") for n in several])
    if len(set(found)) < count:
        raise InvalidArgumentError(f"{where}: the entry {entry} of `axes` names an axis twice")
    return found


def _last(count: int) -> tuple[int, ...]:
    """The last `count` axes."""
    return tuple(range(-count, 0))
