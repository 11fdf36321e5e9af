"""Functions that write into their first argument, with NumPy's names and meaning.

Each returns None, like NumPy's. A Variable is written as by ``x[...] = value``: the write is
recorded, and views of the Variable show it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import axis_of, shortened
from ..engine.graph_breaks import break_by_write
from ..engine.levels import ROOT
from ..errors import InvalidArgumentError, OutOfRangeError, TypeMismatchError, UnsupportedError
from .gathering import (
    array_beside,
    integers_beside,
    needs_array,
    places_in,
    unravelled,
    values_of,
)


def written(x: Any, where: str, write: Callable[[Any], None]) -> None:
    """Call `write` with `x`, if that is a Variable. An array of the library is written, too, unless
    a gradient would be lost."""
    if is_variable(x):
        write(x)
        return
    backend = backend_of(x) if hasattr(x, "shape") and hasattr(x, "dtype") else None
    if backend is None:
        raise TypeMismatchError(
            f"{where} writes into an array, and {shortened(x)} is none; `pluggrad.asarray(...)` "
            "makes one of it"
        )
    if not backend.writable:
        raise TypeMismatchError(
            f"{where}: {backend.name} arrays cannot be written; make a Variable of it first, with "
            "`pluggrad.asarray(...)`"
        )
    copy = backend.namespace.copy(backend.namespace.asarray_constant(x))
    write(copy)
    if copy._tracked or copy._level is not ROOT:
        break_by_write(f"writing into a raw array, by {where},")
    x[...] = copy.data


def repeated(values: Any, count: int, x: Any) -> Any:
    """The first `count` elements of the flat `values`, which is repeated as often as needed; None
    if there are none."""
    values = xp.reshape(array_beside(values, x), (-1,))
    length = values.shape[0]
    if not length or not count:
        return None
    if length == 1:
        return xp.broadcast_to(values, (count,))
    if length < count:
        values = xp.tile(values, (-(-count // length),))
    return values[:count]


def _write_flat(x: Any, places: Any, values: Any) -> None:
    """Write `values` at `places` of the flat `x`, which count from 0."""
    if x.ndim == 0:
        x[...] = values[-1]
    elif x.ndim == 1:
        x[places] = values
    else:
        _write_rows(x, unravelled(places, tuple(x.shape)), places, values)


def _write_rows(x: Any, key: tuple[Any, ...], places: Any, values: Any) -> None:
    """Write `values` at `key`, whose elements are at `places` of the flat `x`."""
    try:
        x[key] = values
    except UnsupportedError:  # Dask has no index of several arrays
        flat = xp.copy(xp.reshape(x, (-1,)))
        flat[places] = values
        x[...] = xp.reshape(flat, x.shape)


def _known_places(found: Any, count: int, mode: str) -> Any:
    """The flat indices `found` by `mode`, counted from the front of `count` elements."""
    places = np.asarray(found).reshape(-1)
    if not places.size:
        places = places.astype(np.int64)
    if places.dtype.kind not in "iu":
        raise TypeMismatchError(f"put: ind takes integers, not {places.dtype} numbers")
    if mode == "raise":
        if places.size and not (-count <= int(places.min()) and int(places.max()) < count):
            raise OutOfRangeError(f"put: an index is out of range for {count} elements")
        return places % max(count, 1)
    if mode not in ("wrap", "clip"):
        raise InvalidArgumentError(
            f"put: the mode is 'raise', 'wrap' or 'clip', not {shortened(mode)}"
        )
    if places.size and not count:
        raise OutOfRangeError("put: there is no element to write")
    return places % max(count, 1) if mode == "wrap" else places.clip(0, max(count - 1, 0))


def _write_known(x: Any, places: Any, values: Any) -> None:
    """Write `values` at the indices `places` of the flat `x`, which NumPy holds."""
    if x.ndim == 0:
        x[...] = values[-1]
    elif x.ndim == 1:
        x[places.tolist()] = values
    else:
        key = tuple([k.tolist() for k in np.unravel_index(places, tuple(x.shape))])
        _write_rows(x, key, places.tolist(), values)


@composite(own=True, plain="x ind")
def put(x: Any, /, ind: Any, v: Any, mode: str = "raise") -> None:
    """Write `v` at the places `ind` of the flat `x`, in place.

    Parameters
    ----------
    x : array
    ind : integers
    v : array or number
        Read as a vector, and repeated as often as needed.
    mode : 'raise', 'wrap' or 'clip'
        What becomes of places that are out of range: an error, modulo the number of elements, or
        the first or last one.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.zeros((2, 2))
    >>> pg.put(x, [0, 3], [5.0, 7.0])
    >>> x.tolist()
    [[5.0, 0.0], [0.0, 7.0]]
    """

    def write(x: Any) -> None:
        count = math.prod(x.shape)
        found = values_of(ind)
        if found is not None:  # then NumPy's own indices serve every library
            places = _known_places(found, count, mode)
            values = repeated(v, len(places), x)
            if values is not None:
                _write_known(x, places, values)
            return
        places = xp.reshape(integers_beside(ind, x, "put", "ind"), (-1,))
        places = places_in(places, count, mode, "put")
        values = repeated(v, places.shape[0], x)
        if values is not None:
            _write_flat(x, xp.index(places, length=count), values)

    written(x, "put", write)


@composite(own=True, plain="x")
def put_along_axis(x: Any, /, indices: Any, values: Any, axis: int | None) -> None:
    """Write `values` at `indices` along `axis`, in place: the converse of `take_along_axis`.

    Parameters
    ----------
    x : array
    indices : integers, with as many axes as `x`
        They broadcast with the other axes of `x`.
    values : array or number
        They broadcast to the shape of the indices.
    axis : int or None
        None stands for all elements in a row.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.zeros((2, 2))
    >>> pg.put_along_axis(x, np.asarray([[1], [0]]), 5.0, axis=1)
    >>> x.tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """

    def write(x: Any) -> None:
        places = integers_beside(indices, x, "put_along_axis")
        ndim = 1 if axis is None else x.ndim
        if places.ndim != ndim:
            raise InvalidArgumentError(
                f"put_along_axis: the indices have {ndim} axes here, not {places.ndim}"
            )
        if axis is None:
            count = math.prod(x.shape)
            key: Any = xp.index(places, length=count)
            if math.prod(places.shape):
                value = xp.broadcast_to(array_beside(values, x), places.shape)
                _write_flat(x, key, value)
            return
        n = axis_of(axis, x.ndim, "put_along_axis")
        key = []
        for m, length in enumerate(x.shape):
            ones = [1] * x.ndim
            ones[m] = -1
            row = integers_beside(list(range(length)), x, "put_along_axis")
            key.append(places if m == n else xp.reshape(row, tuple(ones)))
        x[tuple(key)] = values

    needs = x if is_variable(x) or hasattr(x, "shape") else None
    if needs is not None:
        needs_array(x, "put_along_axis")
    written(x, "put_along_axis", write)


@composite(own=True, plain="x")
def fill_diagonal(x: Any, /, val: Any, wrap: bool = False) -> None:
    """Write `val` on the main diagonal of `x`, in place.

    Parameters
    ----------
    x : array
        A matrix, or an array of more axes of one length, where the diagonal has equal indices.
    val : array or number
        Read as a vector, and repeated as often as needed.
    wrap : bool, default False
        Whether the diagonal of a tall matrix begins again below the square part, after a free row.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.zeros((2, 2))
    >>> pg.fill_diagonal(x, [5.0, 7.0])
    >>> x.tolist()
    [[5.0, 0.0], [0.0, 7.0]]
    """

    def write(x: Any) -> None:
        if x.ndim < 2:
            raise InvalidArgumentError(f"fill_diagonal takes two axes or more, not {x.ndim}")
        size = math.prod(x.shape)
        if x.ndim == 2:
            step = x.shape[1] + 1
            end = size if wrap else min(size, x.shape[1] * x.shape[1])
        else:
            if len(set(x.shape)) > 1:
                raise InvalidArgumentError(
                    f"fill_diagonal: the axes have one length, not {tuple(x.shape)}"
                )
            step, end = sum([x.shape[0] ** n for n in range(x.ndim)]), size
        places = list(range(0, end, step))
        values = repeated(val, len(places), x)
        if values is not None:
            _write_known(x, np.asarray(places), values)

    written(x, "fill_diagonal", write)
