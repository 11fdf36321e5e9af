"""Joining and splitting arrays, with NumPy's names and meaning."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..arrays.composites import composite, widen
from ..arrays.dispatch import xp
from ..engine.arguments import axis_of, shortened, whole
from ..errors import InvalidArgumentError, TypeMismatchError
from .common import arrays_of, converted
from .manipulation import with_axes

__all__: list[str] = []


def _several(arrays: Any, where: str) -> list[Any]:
    """The arrays in the sequence `arrays`, or along the first axis of an array; at least one."""
    if isinstance(arrays, (str, dict)) or not hasattr(arrays, "__getitem__"):
        raise TypeMismatchError(f"{where} takes a list of arrays, not {shortened(arrays)}")
    if hasattr(arrays, "shape") and not arrays.shape:
        raise InvalidArgumentError(f"{where} takes a list of arrays, not one without axes")
    found = arrays_of(arrays)
    if not found:
        raise InvalidArgumentError(f"{where} takes one array at least, and the list is empty")
    return found


def _joined(arrays: list[Any], axis: int, dtype: Any, where: str) -> Any:
    ndim = arrays[0].ndim
    for x in arrays:
        if x.ndim != ndim:
            raise InvalidArgumentError(
                f"{where}: arrays of {ndim} and of {x.ndim} axes cannot be joined; "
                "`pluggrad.reshape` gives them the same number of axes"
            )
    axis = axis_of(axis, ndim, where)
    return converted(xp.concat(arrays, axis=axis), dtype, where)


@widen("concat(arrays, /, axis=0, *, dtype=None)")
def _concat(arrays: Any, /, axis: Any = 0, *, dtype: Any = None) -> Any:
    return converted(xp.concat(_several(arrays, "concat"), axis=axis), dtype, "concat")


@composite(own=True)
def concatenate(arrays: Any, /, axis: int | None = 0, *, dtype: Any = None) -> Any:
    """The `arrays` joined along `axis`; with None, all their elements as one vector.

    The arrays have the same shape, but for their lengths along `axis`. With `dtype` the result is
    converted to it; a dtype of a lesser kind is refused, such as integers for floats.

    >>> import numpy as np, pluggrad as pg
    >>> pg.concatenate([np.ones(2), np.zeros(1)]).tolist()
    [1.0, 1.0, 0.0]
    """
    parts = _several(arrays, "concatenate")
    if axis is None:
        parts, axis = [xp.reshape(x, (-1,)) for x in parts], 0
    return _joined(parts, axis, dtype, "concatenate")


@widen("stack(arrays, /, axis=0, *, dtype=None)")
def _stack(arrays: Any, /, axis: int = 0, *, dtype: Any = None) -> Any:
    return converted(xp.stack(_several(arrays, "stack"), axis=axis), dtype, "stack")


@composite(own=True)
def hstack(arrays: Any, /, *, dtype: Any = None) -> Any:
    """The `arrays` side by side: vectors end to end, others joined along the second axis.

    Numbers count as vectors of one element. `dtype` is that of `concatenate`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.hstack([np.ones((2, 1)), np.zeros((2, 2))]).tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    parts = [with_axes(x, 1) for x in _several(arrays, "hstack")]
    return _joined(parts, 0 if parts[0].ndim == 1 else 1, dtype, "hstack")


@composite(own=True)
def vstack(arrays: Any, /, *, dtype: Any = None) -> Any:
    """The `arrays` on top of each other, along the first axis; vectors are rows.

    `dtype` is that of `concatenate`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.vstack([np.ones(2), np.zeros(2)]).tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """
    return _joined([with_axes(x, 2) for x in _several(arrays, "vstack")], 0, dtype, "vstack")


@composite(own=True)
def dstack(arrays: Any, /) -> Any:
    """The `arrays` behind each other, along the third axis.

    A vector of N elements counts as an array of shape (1, N, 1), and a matrix of M × N as one of
    (M, N, 1).

    >>> import numpy as np, pluggrad as pg
    >>> pg.dstack([np.ones(2), np.zeros(2)]).tolist()
    [[[1.0, 0.0], [1.0, 0.0]]]
    """
    return _joined([with_axes(x, 3) for x in _several(arrays, "dstack")], 2, None, "dstack")


@composite(own=True)
def column_stack(arrays: Any, /) -> Any:
    """The vectors in `arrays` as the columns of a matrix.

    Arrays of more axes are joined along the second one.

    >>> import numpy as np, pluggrad as pg
    >>> pg.column_stack([np.ones(2), np.zeros(2)]).tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """
    parts = [x if x.ndim > 1 else xp.reshape(x, (-1, 1)) for x in _several(arrays, "column_stack")]
    return _joined(parts, 1, None, "column_stack")


@composite(own=True)
def append(x: Any, values: Any, /, axis: int | None = None) -> Any:
    """`values` behind `x` along `axis`; with None, all elements of both as one vector.

    Apart from `axis`, the shapes of the two are equal.

    >>> import numpy as np, pluggrad as pg
    >>> pg.append(np.zeros(2), 1.0).tolist()
    [0.0, 0.0, 1.0]
    """
    parts = arrays_of((x, values))
    if axis is None:
        parts, axis = [xp.reshape(part, (-1,)) for part in parts], 0
    return _joined(parts, axis, None, "append")


# ---------------------------------------------------------------- blocks


def _depth(x: Any) -> int:
    """How deep the lists of `block` are nested: everywhere the same."""
    if isinstance(x, tuple):
        raise TypeMismatchError("block takes nested lists, and a tuple was given")
    if not isinstance(x, list):
        return 0
    if not x:
        raise InvalidArgumentError("block: no list may be empty")
    depths = {_depth(item) for item in x}
    if len(depths) > 1:
        raise InvalidArgumentError("block: the lists must be nested equally deep everywhere")
    return depths.pop() + 1


def _leaves(x: Any) -> list[Any]:
    return [leaf for item in x for leaf in _leaves(item)] if isinstance(x, list) else [x]


def _assembled(x: Any, axis: int, leaves: Any) -> Any:
    """The blocks in the nested list `x`, whose outermost level is joined along `axis`. `leaves`
    yields the blocks in order."""
    if not isinstance(x, list):
        return next(leaves)
    parts = [_assembled(item, axis + 1, leaves) for item in x]
    return _joined(parts, axis, None, "block") if len(parts) > 1 else parts[0]


@composite(own=True)
def block(arrays: Any, /) -> Any:
    """An array put together from blocks: nested lists of `arrays`.

    The blocks of the innermost lists are joined along the last axis, those of the lists around them
    along the axis before it, and so on. All lists are nested equally deep.

    >>> import numpy as np, pluggrad as pg
    >>> pg.block([[np.eye(2), np.ones((2, 1))], [np.zeros((1, 2)), 5.0]]).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 5.0]]
    """
    depth = _depth(arrays)
    leaves = arrays_of(_leaves(arrays))
    ndim = max([depth, *[x.ndim for x in leaves]])
    full = [x if x.ndim == ndim else xp.reshape(x, (1,) * (ndim - x.ndim) + tuple(x.shape))
            for x in leaves]  # fmt: skip
    joined = _assembled(arrays, ndim - depth, iter(full))
    return xp.copy(joined) if len(full) == 1 else joined


# ---------------------------------------------------------------- splitting


def _bounds(places: Any, length: int, where: str, *, equal: bool) -> list[int | None]:
    """Where the parts begin, and where the last one ends, for a number of parts or a list of places
    along an axis of `length`."""
    if hasattr(places, "tolist"):
        places = places.tolist()
    if isinstance(places, (list, tuple)):
        return [0, *[whole(n, where, "a place") for n in places], length]
    count = whole(places, where, "the number of parts", least=1)
    if equal and length % count:
        raise InvalidArgumentError(
            f"{where}: a length of {length} is not divided equally into {count} parts; "
            "`pluggrad.array_split` makes parts of unequal lengths"
        )
    short, longer = divmod(length, count)
    return [n * short + min(n, longer) for n in range(count + 1)]


def _split(x: Any, places: Any, axis: int, where: str, *, equal: bool = True) -> list[Any]:
    axis = axis_of(axis, x.ndim, where)
    bounds = _bounds(places, x.shape[axis], where, equal=equal)
    return [x[(slice(None),) * axis + (slice(a, b), ...)] for a, b in pairwise(bounds)]


@composite(own=True, arrays="x")
def split(x: Any, /, indices_or_sections: int | Sequence[int], axis: int = 0) -> Any:
    """`x` cut along `axis` into a list of parts.

    Parameters
    ----------
    indices_or_sections : int or sequence of ints
        The number of parts, which must divide the length equally, or the places of the cuts.

    >>> import numpy as np, pluggrad as pg
    >>> [part.tolist() for part in pg.split(np.arange(5.0), [1, 3])]
    [[0.0], [1.0, 2.0], [3.0, 4.0]]
    """
    return _split(x, indices_or_sections, axis, "split")


@composite(own=True, arrays="x")
def array_split(x: Any, /, indices_or_sections: int | Sequence[int], axis: int = 0) -> Any:
    """`x` cut along `axis` into a list of parts, which need not be of equal length.

    `indices_or_sections` is that of `split`, but a number of parts need not divide the length: the
    first parts are then longer by one.

    >>> import numpy as np, pluggrad as pg
    >>> [part.tolist() for part in pg.array_split(np.arange(5.0), 2)]
    [[0.0, 1.0, 2.0], [3.0, 4.0]]
    """
    return _split(x, indices_or_sections, axis, "array_split", equal=False)


def _at_least(x: Any, ndim: int, where: str) -> None:
    if x.ndim < ndim:
        raise InvalidArgumentError(
            f"{where} takes an array of {ndim} axes or more, and got one of {x.ndim}"
        )


@composite(own=True, arrays="x")
def hsplit(x: Any, /, indices_or_sections: int | Sequence[int]) -> Any:
    """`x` cut along its second axis into a list of parts; a vector along its only axis.

    `indices_or_sections` is that of `split`.

    >>> import numpy as np, pluggrad as pg
    >>> [part.tolist() for part in pg.hsplit(np.eye(2), 2)]
    [[[1.0], [0.0]], [[0.0], [1.0]]]
    """
    _at_least(x, 1, "hsplit")
    return _split(x, indices_or_sections, min(x.ndim - 1, 1), "hsplit")


@composite(own=True, arrays="x")
def vsplit(x: Any, /, indices_or_sections: int | Sequence[int]) -> Any:
    """`x`, of two axes or more, cut along its first axis into a list of parts.

    `indices_or_sections` is that of `split`.

    >>> import numpy as np, pluggrad as pg
    >>> [part.tolist() for part in pg.vsplit(np.eye(2), 2)]
    [[[1.0, 0.0]], [[0.0, 1.0]]]
    """
    _at_least(x, 2, "vsplit")
    return _split(x, indices_or_sections, 0, "vsplit")


@composite(own=True, arrays="x")
def dsplit(x: Any, /, indices_or_sections: int | Sequence[int]) -> Any:
    """`x`, of three axes or more, cut along its third axis into a list of parts.

    `indices_or_sections` is that of `split`.

    >>> import numpy as np, pluggrad as pg
    >>> [part.tolist() for part in pg.dsplit(np.ones((1, 1, 4)), 2)]
    [[[[1.0, 1.0]]], [[[1.0, 1.0]]]]
    """
    _at_least(x, 3, "dsplit")
    return _split(x, indices_or_sections, 2, "dsplit")
