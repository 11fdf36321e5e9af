"""Reading elements by their indices, with NumPy's names and meaning."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import Backend, backend_of
from ..arrays.composites import composite, widen
from ..arrays.dispatch import is_batched, is_variable, xp
from ..engine.arguments import axis_of, shortened
from ..engine.cotangents import is_complex
from ..engine.handles import raw_of
from ..engine.lists import array_of
from ..errors import (
    BatchingError,
    InvalidArgumentError,
    OutOfRangeError,
    TypeMismatchError,
    UnsupportedError,
)

# ---------------------------------------------------------------- for the other modules, too


def array_beside(x: Any, other: Any, where: str = "asarray") -> Any:
    """`x` as a Variable over the library of `other`, which is one. A number or a list becomes an
    array: beside floats, one of floats of no less precision."""
    if is_variable(x):
        return x
    backend = backend_of(other)
    assert backend is not None
    return backend.namespace.asarray(array_of(x, backend, where, other))


def lifted(x: Any, backend: Backend) -> Any:
    """Arrays of the library as Variables, also those inside lists; other things as they are."""
    if isinstance(x, (list, tuple)):
        return [lifted(item, backend) for item in x]
    if is_variable(x) or not hasattr(x, "shape") or not hasattr(x, "dtype"):
        return x
    found = backend_of(x)
    constant = found is not None and found.name == "numpy" and backend.adapter.takes_numpy
    return backend.namespace.asarray(x) if found is backend or constant else x


def needs_array(x: Any, where: str) -> None:
    """Raise unless `x` is an array. (A number does not say of which library the result is.)"""
    if not hasattr(x, "ndim"):
        raise TypeMismatchError(
            f"{where} takes an array, not {shortened(x)}; `pluggrad.asarray(...)` makes one of it"
        )


def is_kind(x: Any, kind: str | tuple[str, ...]) -> bool:
    """Whether the dtype of `x` is of that kind, such as ``"integral"``, or of one of several."""
    return bool(backend_of(x).xp.isdtype(x.dtype, kind))  # type: ignore[union-attr]


def integers_beside(indices: Any, x: Any, where: str, what: str = "indices") -> Any:
    """`indices`, an integer or several, as a Variable beside `x`; anything else is refused."""
    empty = isinstance(indices, (list, tuple)) and not len(indices)
    made: Any = [0] if empty else indices
    if not is_variable(made):
        backend = backend_of(x)
        assert backend is not None
        ours = hasattr(made, "dtype") and backend_of(made) is backend
        made = backend.namespace.asarray_beside(made, None if ours else x)
    made = made[:0] if empty else made
    if not is_kind(made, "integral"):
        raise TypeMismatchError(f"{where}: {what} takes integers, not {made.dtype} numbers")
    return made


def booleans(x: Any) -> Any:
    """`x` as booleans: whether each element differs from 0."""
    return x if is_kind(x, "bool") else x != 0


def values_of(x: Any) -> Any:
    """The values of the array `x` as NumPy holds them; None if they differ within a batch, or are
    not computed yet. Of a list, those of its items; other things are returned as they are."""
    if isinstance(x, (list, tuple)):
        found = [values_of(item) for item in x]
        return None if any([item is None for item in found]) else found
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        return x
    if is_batched(x):
        return None
    raw = raw_of(x)
    backend = backend_of(raw)
    return None if backend is None else backend.adapter.host(raw)


def in_dtype(value: Any, x: Any) -> Any:
    """`value` as an array in the dtype of `x`, as if it were written into `x`."""
    value = array_beside(value, x)
    if value.dtype == x.dtype:
        return value
    if is_complex(value) and not is_complex(x):
        raise TypeMismatchError(
            f"complex values do not fit an array of dtype {x.dtype}; convert that first, with "
            "`astype`"
        )
    return xp.astype(value, x.dtype)


def known(x: Any, where: str, what: str) -> Any:
    """The values of `x`, on which the shape of the result depends, as NumPy holds them. Refused, if
    they differ within a batch or are not computed yet."""
    found = values_of(x)
    if found is None and is_batched(x):
        raise BatchingError(
            f"inside vmap, {where}: {what} decides the shape of the result, so it must be the same "
            "for all of the batch. Compute it outside of vmap"
        )
    if found is None:
        raise UnsupportedError(
            f"{where}: {what} decides the shape of the result, so its values must be known, and "
            "those of a lazy or traced array are not. Give a list or a NumPy array"
        )
    return found


def places_in(indices: Any, length: Any, mode: str, where: str) -> Any:
    """`indices` of an axis of that length, by `mode`: with 'wrap' modulo the length, with 'clip'
    moved to the nearer end; with 'raise' as they are."""
    if mode not in ("raise", "wrap", "clip"):
        raise InvalidArgumentError(
            f"{where}: the mode is 'raise', 'wrap' or 'clip', not {shortened(mode)}"
        )
    if mode == "raise":
        return indices
    if length == 0 and math.prod(indices.shape):
        raise OutOfRangeError(f"{where}: there is no element to take along an axis of length 0")
    if mode == "wrap":
        return xp.remainder(indices, max(length, 1))
    return xp.clip(indices, 0, max(length - 1, 0))


def unravelled(places: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The index along each axis of `shape` for `places` in the flat array, which count from 0."""
    found = []
    for n, length in enumerate(shape):
        step = math.prod(shape[n + 1 :])
        found.append(xp.remainder(xp.floor_divide(places, step), length))
    return tuple(found)


# ---------------------------------------------------------------- take


@widen(
    "take(x, indices, /, axis=None, *, mode='raise')",
    when="axis is None or getattr(indices, 'ndim', 0) != 1",
)
def take(x: Any, indices: Any, /, axis: Any = None, *, mode: str = "raise") -> Any:
    """`take` of NumPy: indices of any shape, out-of-range ones by `mode`, without `axis` into all
    elements in a row."""
    needs_array(x, "take")
    if axis is None:
        x, axis = xp.reshape(x, (-1,)), 0
    axis = axis_of(axis, x.ndim, "take")
    indices = integers_beside(indices, x, "take")
    indices = places_in(indices, x.shape[axis], mode, "take")
    if indices.ndim == 1:
        return xp.take(x, indices, axis=axis)
    found = xp.take(x, xp.reshape(indices, (-1,)), axis=axis)
    return xp.reshape(found, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


@widen("take_along_axis(x, indices, /, axis=-1)", when="axis is None")
def take_along_axis(x: Any, indices: Any, /, axis: Any = -1) -> Any:
    """`take_along_axis` of all elements in a row."""
    needs_array(x, "take_along_axis")
    indices = integers_beside(indices, x, "take_along_axis")
    if indices.ndim != 1:
        raise InvalidArgumentError(
            f"take_along_axis: with axis=None the indices have one axis, not {indices.ndim}"
        )
    return xp.take_along_axis(xp.reshape(x, (-1,)), indices, axis=0)


# ---------------------------------------------------------------- by conditions


@composite(own=True, arrays="condition x")
def extract(condition: Any, x: Any, /) -> Any:
    """The elements of `x` where `condition` is true, as a vector.

    `condition` is read element by element, in the order of the flat array, and may be shorter than
    `x`.

    >>> import numpy as np, pluggrad as pg
    >>> x = np.asarray([3.0, -1.0, 2.0])
    >>> pg.extract(x > 0, x).tolist()
    [3.0, 2.0]
    """
    return _compressed("extract", condition, x, None)


@composite(own=True, arrays="condition x")
def compress(condition: Any, x: Any, /, axis: int | None = None) -> Any:
    """The parts of `x` along `axis` where `condition`, a vector, is true.

    Without `axis`, the elements of the flat `x`. `condition` may be shorter than the axis.

    >>> import numpy as np, pluggrad as pg
    >>> x = np.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    >>> pg.compress([True, False, True], x, axis=1).tolist()
    [[1.0, 3.0], [4.0, 6.0]]
    """
    if getattr(condition, "ndim", 0) != 1:
        raise InvalidArgumentError("compress: the condition has one axis")
    return _compressed("compress", condition, x, axis)


def _compressed(where: str, condition: Any, x: Any, axis: Any) -> Any:
    """The parts of `x` along `axis`, or of the flat `x`, where the flat `condition` is true."""
    if not hasattr(x, "ndim"):
        x = array_beside(x, condition) if hasattr(condition, "ndim") else x
    needs_array(x, where)
    if axis is None:
        x, axis = xp.reshape(x, (-1,)), 0
    axis = axis_of(axis, x.ndim, where)
    condition = booleans(xp.reshape(array_beside(condition, x), (-1,)))
    if condition.shape[0] > x.shape[axis] and math.prod(x.shape):
        # The library decides whether one of the surplus is true.
        found = known(condition, where, "the condition")
        if found[x.shape[axis] :].any():
            raise OutOfRangeError(
                f"{where}: the condition has {condition.shape[0]} elements, for {x.shape[axis]}"
            )
        condition = condition[: x.shape[axis]]
    return xp.take(x, xp.nonzero(condition)[0], axis=axis)


# ---------------------------------------------------------------- where elements are


@widen("where(condition, x1=None, x2=None, /)", when="x1 is None or x2 is None",
       arrays="condition x1 x2")  # fmt: skip
def where(condition: Any, x1: Any = None, x2: Any = None, /) -> Any:
    """`where` of a condition alone: `nonzero`."""
    if x1 is not None or x2 is not None:
        raise InvalidArgumentError("where takes a condition alone, or two values beside it")
    needs_array(condition, "where")
    return tuple(xp.nonzero(condition))


@composite(own=True, arrays="x")
def flatnonzero(x: Any, /) -> Any:
    """The positions of the nonzero elements in the flat `x`, as a vector of integers.

    Derivative: none; the result is a constant.

    >>> import numpy as np, pluggrad as pg
    >>> pg.flatnonzero(np.asarray([[0.0, 2.0], [3.0, 0.0]])).tolist()
    [1, 2]
    """
    needs_array(x, "flatnonzero")
    return xp.nonzero(xp.reshape(x, (-1,)))[0]


@composite(own=True, arrays="x")
def argwhere(x: Any, /) -> Any:
    """The indices of the nonzero elements of `x`, one row for each.

    Derivative: none; the result is a constant.

    >>> import numpy as np, pluggrad as pg
    >>> pg.argwhere(np.asarray([[0.0, 2.0], [3.0, 0.0]])).tolist()
    [[0, 1], [1, 0]]
    """
    needs_array(x, "argwhere")
    if not x.ndim:
        places = xp.nonzero(xp.reshape(x, (1,)))[0]
        return xp.reshape(places, (places.shape[0], 1))[:, :0]
    return xp.stack(list(xp.nonzero(x)), axis=-1)


widen("argmax(x, /, axis=None, *, keepdims=False)")
widen("argmin(x, /, axis=None, *, keepdims=False)")
widen("count_nonzero(x, /, axis=None, *, keepdims=False)")


@composite(own=True, makes=True)
def ix_(backend: Backend, *args: Any) -> Any:
    """Index arrays for ``x[pg.ix_(rows, columns)]``: every row with every column.

    Parameters
    ----------
    *args : sequences
        Vectors of integers, or of booleans, which select the places where they are true.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.asarray(np.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    >>> x[pg.ix_([1, 0], [0, 2])].tolist()
    [[4.0, 6.0], [1.0, 3.0]]
    """
    found = []
    for n, k in enumerate(args):
        empty = isinstance(k, (list, tuple)) and not k
        given: Any = [0] if empty else k
        k = given if is_variable(given) else backend.namespace.asarray(given)
        k = k[:0] if empty else k
        if k.ndim != 1:
            raise InvalidArgumentError(f"ix_ takes vectors, and got an array of {k.ndim} axes")
        k = xp.nonzero(k)[0] if is_kind(k, "bool") else k
        shape = [1] * len(args)
        shape[n] = k.shape[0]
        found.append(xp.reshape(k, tuple(shape)))
    return tuple(found)
