"""Turning, reshaping and repeating arrays, with NumPy's names and meaning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..arrays.composites import composite, widen
from ..arrays.dispatch import is_batched, xp
from ..engine.arguments import axes_of, axis_of, no_axis, whole
from ..engine.cotangents import zeros
from ..engine.handles import raw_of
from ..errors import InvalidArgumentError, UnsupportedError
from ..rules.manipulation import common_shape
from .common import arrays_of

__all__ = ["with_axes"]


# ---------------------------------------------------------------- the order of axes


@composite(own=True, arrays="x")
def transpose(x: Any, /, axes: Any = None) -> Any:
    """`x` with its axes permuted; in reverse order, if `axes` is None.

    >>> import numpy as np, pluggrad as pg
    >>> pg.transpose(np.ones((2, 3, 4)), (1, 0, 2)).shape
    (3, 2, 4)
    """
    return xp.permute_dims(x, _order(axes, x.ndim, "transpose"))


def _order(axes: Any, ndim: int, where: str) -> tuple[int, ...]:
    """`axes`, a permutation of the axes, counted from the front; None is the reverse order."""
    if axes is None:
        return tuple(range(ndim))[::-1]
    order = axes_of(axes.tolist() if hasattr(axes, "tolist") else axes, ndim, where, "axes")
    if len(order) != ndim:
        raise InvalidArgumentError(f"{where}: axes={axes} must name each of the {ndim} axes once")
    return order


@widen("permute_dims(x, /, axes=None)", when="axes is None or type(axes) is int")
def _permute_dims(x: Any, /, axes: Any = None) -> Any:
    return xp.permute_dims(x, _order(axes, x.ndim, "permute_dims"))


@composite(own=True, arrays="x")
def swapaxes(x: Any, /, axis1: int, axis2: int) -> Any:
    """`x` with the axes `axis1` and `axis2` exchanged.

    >>> import numpy as np, pluggrad as pg
    >>> pg.swapaxes(np.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    order = list(range(x.ndim))
    axis1 = axis_of(axis1, x.ndim, "swapaxes", "axis1")
    axis2 = axis_of(axis2, x.ndim, "swapaxes", "axis2")
    order[axis1], order[axis2] = axis2, axis1
    return xp.permute_dims(x, tuple(order))


widen("moveaxis(x, /, source, destination)")


@composite(own=True, arrays="x")
def rollaxis(x: Any, /, axis: int, start: int = 0) -> Any:
    """`x` with `axis` moved to stand before the axis that is at position `start`.

    `pluggrad.moveaxis` is easier to read.

    >>> import numpy as np, pluggrad as pg
    >>> pg.rollaxis(np.ones((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    axis, place = axis_of(axis, x.ndim, "rollaxis"), whole(start, "rollaxis", "start")
    place += x.ndim if place < 0 else 0
    if not 0 <= place <= x.ndim:
        raise InvalidArgumentError(
            f"rollaxis: start={start} is not between {-x.ndim} and {x.ndim}, as it must be for "
            f"{x.ndim} axes"
        )
    return xp.moveaxis(x, axis, place - (axis < place))


@composite(own=True, arrays="x")
def rot90(x: Any, /, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """`x` turned by 90 degrees `k` times, from the first of `axes` towards the second.

    >>> import numpy as np, pluggrad as pg
    >>> pg.rot90(np.asarray([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    given = tuple(axes) if hasattr(axes, "__iter__") else axes
    axes = axes_of(given, x.ndim, "rot90", "axes")
    if len(axes) != 2:
        raise InvalidArgumentError(f"rot90 takes two axes, and got axes={axes}")
    k = whole(k, "rot90", "k") % 4
    if k == 0:
        return xp.permute_dims(x, tuple(range(x.ndim)))
    if k == 2:
        return xp.flip(x, axis=axes)
    order = list(range(x.ndim))
    order[axes[0]], order[axes[1]] = axes[1], axes[0]
    if k == 1:
        return xp.permute_dims(xp.flip(x, axis=axes[1]), tuple(order))
    return xp.flip(xp.permute_dims(x, tuple(order)), axis=axes[1])


widen("flip(x, /, axis=None)")


@composite(own=True, arrays="x")
def flipud(x: Any, /) -> Any:
    """`x` with its first axis reversed.

    >>> import numpy as np, pluggrad as pg
    >>> pg.flipud(np.asarray([1.0, 2.0])).tolist()
    [2.0, 1.0]
    """
    return xp.flip(x, axis=axis_of(0, x.ndim, "flipud"))


@composite(own=True, arrays="x")
def fliplr(x: Any, /) -> Any:
    """`x`, of two axes or more, with its second axis reversed.

    >>> import numpy as np, pluggrad as pg
    >>> pg.fliplr(np.asarray([[1.0, 2.0]])).tolist()
    [[2.0, 1.0]]
    """
    return xp.flip(x, axis=axis_of(1, x.ndim, "fliplr"))


# ---------------------------------------------------------------- shapes


def _columns_first(x: Any, order: Any, where: str, *, memory: str = "AK") -> bool:
    """Whether `order` runs through columns, the first index fastest. The orders in `memory` ask how
    the elements of `x` lie in memory."""
    order = "C" if order is None else order.upper() if isinstance(order, str) else order
    if order in ("C", "F"):
        return bool(order == "F")
    if not isinstance(order, str) or len(order) != 1 or order not in memory:
        known = ", ".join([repr(name) for name in "CF" + memory])
        raise InvalidArgumentError(f"{where}: the order is one of {known}, and not {order!r}")
    flags: Any = getattr(raw_of(x), "flags", None)
    if getattr(flags, "c_contiguous", True) or (order == "A" and not flags.f_contiguous):
        return False
    if not flags.f_contiguous or is_batched(x):
        raise UnsupportedError(
            f"{where}: the elements lie in memory neither by rows nor by columns; say order='C' or "
            "'F' instead of 'K'"
        )
    return True


def _reversed(x: Any) -> Any:
    return xp.permute_dims(x, tuple(range(x.ndim))[::-1])


@widen("reshape(x, /, shape, order='C', *, copy=None)")
def _reshape(x: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    if not _columns_first(x, order, "reshape", memory="A"):
        return xp.reshape(x, shape, copy=copy)
    if copy is False:
        raise UnsupportedError("reshape: order='F' copies; leave copy=False out")
    shape = shape.tolist() if hasattr(shape, "tolist") else shape
    shape = shape if isinstance(shape, (tuple, list)) else (shape,)
    y = _reversed(xp.reshape(_reversed(x), tuple(shape)[::-1]))
    return xp.copy(y) if copy else y


@widen("astype(x, dtype, /, *, copy=True, device=None)", when="not copy")
def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    if x.dtype == dtype and device is None:
        return x  # so that what is written into the result is written into `x`
    return xp.astype(x, dtype, device=device)


@composite(own=True, arrays="x")
def ravel(x: Any, /, order: str = "C") -> Any:
    """`x` as a vector: a view, where the library's `reshape` gives one.

    With `order` 'C' the last index runs fastest, with 'F' the first. 'A' and 'K' follow the order
    in memory of NumPy's arrays, and are 'C' for other libraries.

    >>> import numpy as np, pluggrad as pg
    >>> pg.ravel(np.asarray([[1.0, 2.0], [3.0, 4.0]]), "F").tolist()
    [1.0, 3.0, 2.0, 4.0]
    """
    return xp.reshape(_reversed(x) if _columns_first(x, order, "ravel") else x, (-1,))


@composite(own=True, arrays="x")
def flatten(x: Any, /, order: str = "C") -> Any:
    """`x` as a vector, copied. `order` is that of `ravel`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.flatten(np.asarray([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    x = _reversed(x) if _columns_first(x, order, "flatten") else x
    return xp.copy(xp.reshape(x, (-1,)))


@widen("squeeze(x, /, axis=None)", when="axis is None")
def _squeeze(x: Any, /, axis: Any = None) -> Any:
    return xp.squeeze(x, tuple([n for n, length in enumerate(x.shape) if length == 1]))


def with_axes(x: Any, ndim: int) -> Any:
    """`x` with `ndim` axes at least, which is 3 at most. New axes stand where NumPy adds them."""
    if x.ndim >= ndim:
        return x
    if ndim == 3 and x.ndim:
        return xp.reshape(x, (*((1,) if x.ndim == 1 else ()), *x.shape, 1))
    return xp.reshape(x, (1,) * (ndim - x.ndim) + tuple(x.shape))


def _each_with_axes(arrays: Any, ndim: int) -> Any:
    found = tuple([with_axes(x, ndim) for x in arrays_of(arrays)])
    return found[0] if len(found) == 1 else found


@composite(own=True)
def atleast_1d(*arrays: Any) -> Any:
    """Each of `arrays` with one axis at least: numbers become vectors of one element.

    One array alone is returned, and of several a tuple.

    >>> import numpy as np, pluggrad as pg
    >>> pg.atleast_1d(np.asarray(5.0)).tolist()
    [5.0]
    """
    return _each_with_axes(arrays, 1)


@composite(own=True)
def atleast_2d(*arrays: Any) -> Any:
    """Each of `arrays` with two axes at least: vectors become rows.

    One array alone is returned, and of several a tuple.

    >>> import numpy as np, pluggrad as pg
    >>> pg.atleast_2d(np.ones(3)).shape
    (1, 3)
    """
    return _each_with_axes(arrays, 2)


@composite(own=True)
def atleast_3d(*arrays: Any) -> Any:
    """Each of `arrays` with three axes at least.

    A vector of N elements gets the shape (1, N, 1), and a matrix of M × N gets (M, N, 1). One array
    alone is returned, and of several a tuple.

    >>> import numpy as np, pluggrad as pg
    >>> pg.atleast_3d(np.ones(3)).shape
    (1, 3, 1)
    """
    return _each_with_axes(arrays, 3)


@widen("broadcast_to(x, /, shape)", when="type(shape) is not tuple")
def _broadcast_to(x: Any, /, shape: Any) -> Any:
    shape = shape.tolist() if hasattr(shape, "tolist") else shape
    return xp.broadcast_to(x, tuple(shape) if isinstance(shape, (tuple, list)) else (shape,))


@composite(own=True)
def broadcast_arrays(*arrays: Any) -> Any:
    """Each of `arrays`, broadcast to their common shape, as a tuple.

    An array that has this shape already is returned itself and can be written, as in NumPy.

    >>> import numpy as np, pluggrad as pg
    >>> [x.tolist() for x in pg.broadcast_arrays(np.asarray([1.0, 2.0]), 3.0)]
    [[1.0, 2.0], [3.0, 3.0]]
    """
    found = arrays_of(arrays)
    shape = common_shape([x.shape for x in found])
    return tuple([x if tuple(x.shape) == shape else xp.broadcast_to(x, shape) for x in found])


@composite(own=True)
def meshgrid(
    *arrays: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> Any:  # fmt: skip
    """The coordinates of a grid, from one vector per axis: a tuple of arrays.

    The vectors are `arrays`; numbers count as vectors of one element.

    Parameters
    ----------
    copy : bool
        Whether the results can be written. Without it they are views of the vectors.
    sparse : bool
        Whether each result keeps the length 1 along all axes but its own.
    indexing : 'xy' or 'ij'
        With 'xy' the first vector runs along the second axis, with 'ij' along the first.

    >>> import numpy as np, pluggrad as pg
    >>> x, y = pg.meshgrid(np.asarray([1.0, 2.0]), np.asarray([3.0]))
    >>> x.tolist(), y.tolist()
    ([[1.0, 2.0]], [[3.0, 3.0]])
    """
    if indexing not in ("xy", "ij"):
        raise InvalidArgumentError(f"meshgrid: the indexing is 'xy' or 'ij', not {indexing!r}")
    vectors = [xp.reshape(x, (-1,)) for x in arrays_of(arrays)]
    order = list(range(len(vectors)))
    if indexing == "xy" and len(vectors) > 1:
        order[0], order[1] = 1, 0
    shape = tuple([vectors[n].shape[0] for n in order])
    grids = []
    for n, x in enumerate(vectors):
        lengths = [1] * len(vectors)
        lengths[order.index(n)] = -1
        grid = xp.reshape(x, tuple(lengths))
        if not sparse:
            grid = xp.broadcast_to(grid, shape)
        grids.append(xp.copy(grid) if copy else grid)
    return tuple(grids)


# ---------------------------------------------------------------- repeating and cutting off

widen("repeat(x, repeats, /, axis=None)")


@widen("tile(x, repetitions, /)", when="type(repetitions) is not tuple")
def _tile(x: Any, repetitions: Any, /) -> Any:
    counts = repetitions.tolist() if hasattr(repetitions, "tolist") else repetitions
    counts = tuple(counts) if isinstance(counts, (tuple, list)) else (counts,)
    return xp.tile(x, tuple([whole(n, "tile", "a number of repetitions", least=0) for n in counts]))


@widen(
    "roll(x, /, shift, axis=None)",
    when="isinstance(shift, (tuple, list)) != isinstance(axis, (tuple, list))"
    " or (isinstance(shift, (tuple, list)) and len(shift) != len(axis))"
    " or hasattr(shift, 'tolist')",
)
def _roll(x: Any, /, shift: Any, axis: Any = None) -> Any:
    shift = shift.tolist() if hasattr(shift, "tolist") else shift
    shifts = list(shift) if isinstance(shift, (tuple, list)) else [shift]
    if axis is None:
        flat = _roll(xp.reshape(x, (-1,)), shift, 0)
        return xp.reshape(flat, x.shape)
    if not x.ndim:
        no_axis(axis if axis != () else 0, "roll")
    axes = [
        axis_of(n, x.ndim, "roll") for n in (axis if isinstance(axis, (tuple, list)) else [axis])
    ]
    count = max(len(shifts), len(axes))
    if {len(shifts), len(axes)} == {0, 1}:
        return xp.copy(x)
    if {len(shifts), len(axes)} - {1, count}:
        raise InvalidArgumentError(
            f"roll: shift={shift} and axis={axis} must have equal lengths, or be single numbers"
        )
    for by, n in zip(shifts * (count // len(shifts)), axes * (count // len(axes)), strict=True):
        x = xp.roll(x, whole(by, "roll", "shift"), axis=n)
    return x


@composite(own=True, arrays="x")
def resize(x: Any, /, new_shape: int | Sequence[int]) -> Any:
    """The elements of `x` in the shape `new_shape`, cut off or repeated as often as needed.

    If `x` is empty the result is zeros.

    >>> import numpy as np, pluggrad as pg
    >>> pg.resize(np.asarray([1.0, 2.0]), (2, 2)).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    shape: Any = new_shape.tolist() if hasattr(new_shape, "tolist") else new_shape
    shape = shape if isinstance(shape, (tuple, list)) else (shape,)
    lengths = tuple([whole(n, "resize", "a length", least=0) for n in shape])
    flat, count = xp.reshape(x, (-1,)), math.prod(lengths)
    length = flat.shape[0]
    if not length:
        return zeros((lengths, x.dtype), x)
    return xp.reshape(xp.tile(flat, (-(-count // length),))[:count], lengths)


@composite(own=True, arrays="x")
def trim_zeros(x: Any, /, trim: str = "fb", axis: Any = None) -> Any:
    """`x` without the zeros at its ends: the smallest part that holds all others.

    Parameters
    ----------
    trim : str
        'f' cuts at the front alone, 'b' at the back alone, and 'fb' at both.
    axis : int or tuple of ints, optional
        The axes to cut along; by default all.

    >>> import numpy as np, pluggrad as pg
    >>> pg.trim_zeros(np.asarray([0.0, 1.0, 0.0, 2.0, 0.0])).tolist()
    [1.0, 0.0, 2.0]
    """
    if str(trim).lower() not in ("f", "b", "fb", "bf"):
        raise InvalidArgumentError(f"trim_zeros: trim is 'f', 'b' or 'fb', not {trim!r}")
    axes = axes_of(axis, x.ndim, "trim_zeros")
    key = [slice(None)] * x.ndim
    if not axes:
        return x
    for n, places in enumerate(xp.nonzero(x)):
        if n in axes and not places.shape[0]:
            key[n] = slice(0, 0)
        elif n in axes:
            front = int(xp.min(places)) if "f" in trim.lower() else None
            back = int(xp.max(places)) + 1 if "b" in trim.lower() else None
            key[n] = slice(front, back)
    return x[tuple(key)]
