"""Products of arrays, with NumPy's names and meaning.

Numbers and lists stand for arrays. No product conjugates a factor, except `vdot`, `vecdot` and
`vecmat`, which conjugate the first.
"""

from __future__ import annotations

from typing import Any

from ..arrays.composites import composite, widen
from ..arrays.dispatch import xp
from ..engine.arguments import axis_of, shortened
from ..errors import InvalidArgumentError
from .operands import as_arrays, converted, differ


def column(x: Any) -> Any:
    """`x` with a last axis of length 1."""
    return xp.expand_dims(x, axis=-1)


# ---------------------------------------------------------------- of vectors


@composite(own=True)
def dot(x1: Any, x2: Any, /) -> Any:
    """The product of matrices or vectors, summed over the last axis of `x1`.

    The other axis is the last but one of `x2`, or its only one. A number, or an array without axes,
    multiplies the other argument. Nothing is conjugated; `vdot` and `vecdot` conjugate.

    Parameters
    ----------
    x1, x2 : array, list or number
        Each of any number of axes. The axes that are summed over have one length.

    Returns
    -------
    Variable
        It has the other axes of `x1`, then those of `x2`.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([1.0, 2.0, 3.0]))
    >>> pg.dot(v, [1, 2, 3]).item()
    14.0
    """
    x1, x2 = as_arrays("dot", x1, x2)
    if not x1.ndim or not x2.ndim:
        return x1 * x2
    axis = max(x2.ndim - 2, 0)
    _same_length("dot", x1, x1.ndim - 1, x2, axis)
    if x2.ndim <= 2:
        return xp.matmul(x1, x2)
    return xp.tensordot(x1, x2, axes=((x1.ndim - 1,), (axis,)))


@composite(own=True)
def inner(x1: Any, x2: Any, /) -> Any:
    """The products of `x1` and `x2`, summed over the last axis of both; nothing is conjugated.

    A number, or an array without axes, multiplies the other argument.

    Parameters
    ----------
    x1, x2 : array, list or number
        Their last axes have one length.

    Returns
    -------
    Variable
        It has the other axes of `x1`, then those of `x2`.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([[1.0, 2.0], [3.0, 4.0]]))
    >>> pg.inner(v, [1, 10]).tolist()
    [21.0, 43.0]
    """
    x1, x2 = as_arrays("inner", x1, x2)
    if not x1.ndim or not x2.ndim:
        return x1 * x2
    _same_length("inner", x1, x1.ndim - 1, x2, x2.ndim - 1)
    if x2.ndim <= 2:
        return xp.matmul(x1, x2 if x2.ndim == 1 else xp.matrix_transpose(x2))
    return xp.tensordot(x1, x2, axes=((x1.ndim - 1,), (x2.ndim - 1,)))


@composite(own=True)
def vdot(x1: Any, x2: Any, /) -> Any:
    """The dot product of the elements of two arrays, of which the first are conjugated.

    Parameters
    ----------
    x1, x2 : array, list or number
        Of any shapes, with the same number of elements.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([1.0 + 2.0j, 3.0]))
    >>> pg.vdot(v, v).item()
    (14+0j)
    """
    x1, x2 = [xp.reshape(x, (-1,)) for x in as_arrays("vdot", x1, x2)]
    _same_length("vdot", x1, 0, x2, 0)
    return xp.vecdot(x1, x2)


@composite(own=True)
def outer(x1: Any, x2: Any, /) -> Any:
    """The product of each element of `x1` with each element of `x2`.

    Arrays of several axes are taken as the row of their elements. (`linalg.outer` is the function
    of the standard, which takes vectors only.)

    Parameters
    ----------
    x1, x2 : array, list or number
        Of M and of N elements.

    Returns
    -------
    Variable
        Of shape (M, N).

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([1.0, 2.0]))
    >>> pg.outer(v, [1, 10]).tolist()
    [[1.0, 10.0], [2.0, 20.0]]
    """
    x1, x2 = as_arrays("outer", x1, x2)
    return column(xp.reshape(x1, (-1,))) * xp.reshape(x2, (-1,))


@composite(own=True)
def kron(x1: Any, x2: Any, /) -> Any:
    """The Kronecker product: a block of `x2`, multiplied, for each element of `x1`.

    Parameters
    ----------
    x1, x2 : array, list or number
        If one has fewer axes, it is given further ones in front, of length 1.

    Returns
    -------
    Variable
        Along each axis it is as long as the product of the two lengths.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([1.0, 2.0]))
    >>> pg.kron(v, [1, 1]).tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    x1, x2 = as_arrays("kron", x1, x2)
    ndim = max(x1.ndim, x2.ndim)
    shape1 = (1,) * (ndim - x1.ndim) + tuple(x1.shape)
    shape2 = (1,) * (ndim - x2.ndim) + tuple(x2.shape)
    left = [n for length in shape1 for n in (length, 1)]
    right = [n for length in shape2 for n in (1, length)]
    blocks = xp.reshape(x1, tuple(left)) * xp.reshape(x2, tuple(right))
    return xp.reshape(blocks, tuple([a * b for a, b in zip(shape1, shape2, strict=True)]))


@composite(own=True)
def cross(
    x1: Any, x2: Any, /, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """The cross product of vectors of three elements, or of two.

    A vector of two elements has 0 for its third. If both have two, only the third element of the
    product is returned, and no axis is left for it. (`linalg.cross` is the function of the
    standard, which takes three elements only.)

    Parameters
    ----------
    x1, x2 : array or list
        Stacks of vectors. The other axes broadcast.
    axisa, axisb : int, default -1
        The axis of the vectors in `x1` and in `x2`.
    axisc : int, default -1
        The axis of the vectors in the result.
    axis : int, optional
        Stands for all of the three.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([1.0, 0.0, 0.0]))
    >>> pg.cross(v, [0, 1, 0]).tolist()
    [0.0, 0.0, 1.0]
    """
    x1, x2 = as_arrays("cross", x1, x2)
    if axis is not None:
        axisa = axisb = axisc = axis
    parts = []
    for x, at, name in ((x1, axisa, "axisa"), (x2, axisb, "axisb")):
        at = axis_of(at, x.ndim, "cross", name if axis is None else "axis")
        if x.shape[at] not in (2, 3):
            raise InvalidArgumentError(
                f"cross: vectors have 2 or 3 elements, and there are {x.shape[at]} along the "
                f"axis {at} of an array of shape {tuple(x.shape)}"
            )
        x = xp.moveaxis(x, at, -1)
        parts.append([x[..., n] for n in range(x.shape[-1])])
    (a0, a1, *a), (b0, b1, *b) = parts
    third = a0 * b1 - a1 * b0
    if not a and not b:
        return third
    if a and b:
        first, second = a1 * b[0] - a[0] * b1, a[0] * b0 - a0 * b[0]
    elif a:
        first, second = -(a[0] * b1), a[0] * b0
    else:
        first, second = a1 * b[0], -(a0 * b[0])
    at = axis_of(axisc, third.ndim + 1, "cross", "axisc" if axis is None else "axis")
    return xp.stack(xp.broadcast_arrays(first, second, third), axis=at)


def _same_length(where: str, x1: Any, axis1: int, x2: Any, axis2: int) -> None:
    """Raise if the axes that are summed over differ in length, of which 1 is no exception."""
    if differ(x1.shape[axis1], x2.shape[axis2]):
        raise InvalidArgumentError(
            f"{where}: arrays of shapes {tuple(x1.shape)} and {tuple(x2.shape)} have "
            f"{x1.shape[axis1]} and {x2.shape[axis2]} elements to sum over"
        )


# ---------------------------------------------------------------- of matrices and stacks of them


@widen("matmul(x1, x2, /, *, axes=None, dtype=None)")
def matmul(x1: Any, x2: Any, /, *, axes: Any = None, dtype: Any = None) -> Any:
    x1, x2 = as_arrays("matmul", x1, x2)
    cores = [min(x1.ndim, 2), min(x2.ndim, 2)]
    return _stacks("matmul", xp.matmul, [x1, x2], cores, sum(cores) - 2, axes, dtype)


@widen("vecdot(x1, x2, /, *, axis=-1, axes=None, keepdims=False, dtype=None)")
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


@composite(own=True)
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
    _same_length("matvec", x1, x1.ndim - 1, x2, x2.ndim - 1)
    return xp.matmul(x1, column(x2))[..., 0]


@composite(own=True)
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
    _same_length("vecmat", x1, x1.ndim - 1, x2, x2.ndim - 2)
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


@widen(
    "tensordot(x1, x2, /, axes=2)",
    when="not hasattr(x1, 'ndim') or not hasattr(x2, 'ndim') or hasattr(axes, 'ndim')",
)
def tensordot(x1: Any, x2: Any, /, axes: Any = 2) -> Any:
    x1, x2 = as_arrays("tensordot", x1, x2)
    if hasattr(axes, "tolist"):
        axes = axes.tolist()
    return xp.tensordot(x1, x2, axes=axes)
