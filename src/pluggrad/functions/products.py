"""Products of arrays, with NumPy's names and meaning.

Numbers and lists stand for arrays. No product conjugates a factor, except `vdot`, `vecdot` and
`vecmat`, which conjugate the first.
"""

from __future__ import annotations

from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite, widen
from ..arrays.dispatch import xp
from ..engine.arguments import axis_of
from ..errors import InvalidArgumentError
from .operands import as_arrays, column, same_length

# ---------------------------------------------------------------- of vectors


@composite(own=True, arrays="x1 x2")
def dot(x1: Any, x2: Any, /) -> Any:
    """The product of matrices or vectors, summed over the last axis of `x1`.

    The other axis is the last but one of `x2`, or its only one. A number, or an array without axes,
    multiplies the other argument. Nothing is conjugated; `vdot` and `vecdot` conjugate.

    Parameters
    ----------
    x1 : array, list or number
        Of any number of axes.
    x2 : array, list or number
        Of any number of axes. Both axes that are summed over have the same length.

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
    same_length("dot", x1, x1.ndim - 1, x2, axis)
    if x2.ndim <= 2:
        return xp.matmul(x1, x2)
    return xp.tensordot(x1, x2, axes=((x1.ndim - 1,), (axis,)))


@composite(own=True, arrays="x1 x2")
def inner(x1: Any, x2: Any, /) -> Any:
    """The products of `x1` and `x2`, summed over the last axis of both; nothing is conjugated.

    A number, or an array without axes, multiplies the other argument.

    Parameters
    ----------
    x1 : array, list or number
        Of any number of axes.
    x2 : array, list or number
        Its last axis is as long as that of `x1`.

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
    same_length("inner", x1, x1.ndim - 1, x2, x2.ndim - 1)
    if x2.ndim <= 2:
        return xp.matmul(x1, x2 if x2.ndim == 1 else xp.matrix_transpose(x2))
    return xp.tensordot(x1, x2, axes=((x1.ndim - 1,), (x2.ndim - 1,)))


@composite(own=True, arrays="x1 x2")
def vdot(x1: Any, x2: Any, /) -> Any:
    """The dot product of the elements of two arrays, of which the first are conjugated.

    Parameters
    ----------
    x1 : array, list or number
        Of any shape.
    x2 : array, list or number
        Of any shape, with as many elements as `x1`.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([1.0 + 2.0j, 3.0]))
    >>> pg.vdot(v, v).item()
    (14+0j)
    """
    x1, x2 = [xp.reshape(x, (-1,)) for x in as_arrays("vdot", x1, x2)]
    same_length("vdot", x1, 0, x2, 0)
    return xp.vecdot(x1, x2)


@composite(own=True, arrays="x1 x2")
def outer(x1: Any, x2: Any, /) -> Any:
    """The product of each element of `x1` with each element of `x2`.

    Arrays of several axes are taken as the row of their elements. (`linalg.outer` is the function
    of the standard, which takes vectors only.)

    Parameters
    ----------
    x1 : array, list or number
        Of M elements.
    x2 : array, list or number
        Of N elements.

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
    if x1.ndim == x2.ndim == 1 and _has(x1, "linalg.outer"):
        return xp.linalg.outer(x1, x2)
    return column(xp.reshape(x1, (-1,))) * xp.reshape(x2, (-1,))


@composite(own=True, arrays="x1 x2")
def kron(x1: Any, x2: Any, /) -> Any:
    """The Kronecker product: a block of `x2`, multiplied, for each element of `x1`.

    Parameters
    ----------
    x1 : array, list or number
        Of any shape.
    x2 : array, list or number
        Of any shape. If one has fewer axes, axes of length 1 are put in front of them.

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


@composite(own=True, arrays="x1 x2")
def cross(
    x1: Any, x2: Any, /, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """The cross product of vectors of three elements, or of two.

    A vector of two elements has 0 for its third. If both have two, only the third element of the
    product is returned, and no axis is left for it. (`linalg.cross` is the function of the
    standard, which takes three elements only; so does `numpy.cross` of arrays from NumPy 2.5.)

    Parameters
    ----------
    x1 : array or list
        Vectors.
    x2 : array or list
        Vectors. The other axes of both broadcast.
    axisa : int, default -1
        The axis of the vectors in `x1`.
    axisb : int, default -1
        The axis of the vectors in `x2`.
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
    vectors = []
    for x, at, name in ((x1, axisa, "axisa"), (x2, axisb, "axisb")):
        at = axis_of(at, x.ndim, "cross", name if axis is None else "axis")
        if x.shape[at] not in (2, 3):
            raise InvalidArgumentError(
                f"cross: vectors have 2 or 3 elements, and there are {x.shape[at]} along the "
                f"axis {at} of an array of shape {tuple(x.shape)}"
            )
        vectors.append(x if at == x.ndim - 1 else xp.moveaxis(x, at, -1))
    x1, x2 = vectors
    if x1.shape[-1] == x2.shape[-1] == 3 and _has(x1, "linalg.cross"):
        y = xp.linalg.cross(x1, x2)
        at = axis_of(axisc, y.ndim, "cross", "axisc" if axis is None else "axis")
        return y if at == y.ndim - 1 else xp.moveaxis(y, -1, at)
    a0, a1, *a = [x1[..., n] for n in range(x1.shape[-1])]
    b0, b1, *b = [x2[..., n] for n in range(x2.shape[-1])]
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


def _has(x: Any, name: str) -> bool:
    """Whether the library of `x` has the function `name`."""
    backend = backend_of(x)
    assert backend is not None
    return backend.has(name)


# ---------------------------------------------------------------- of the standard


@widen(
    "tensordot(x1, x2, /, axes=2)",
    when="not hasattr(x1, 'ndim') or not hasattr(x2, 'ndim') or hasattr(axes, 'ndim')",
)
def tensordot(x1: Any, x2: Any, /, axes: Any = 2) -> Any:
    x1, x2 = as_arrays("tensordot", x1, x2)
    if hasattr(axes, "tolist"):
        axes = axes.tolist()
    return xp.tensordot(x1, x2, axes=axes)


@widen("linalg.outer(x1, x2, /)", when="getattr(x1, 'ndim', 0) != 1 or getattr(x2, 'ndim', 0) != 1")
def vectors_outer(x1: Any, x2: Any, /) -> Any:
    x1, x2 = as_arrays("linalg.outer", x1, x2)
    if x1.ndim == x2.ndim == 1:
        return xp.linalg.outer(x1, x2)
    raise InvalidArgumentError(
        f"linalg.outer takes two vectors, and got the shapes {tuple(x1.shape)} and "
        f"{tuple(x2.shape)}; `pluggrad.outer` takes arrays of any shape"
    )
