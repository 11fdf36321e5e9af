"""Functions that write into their first argument, with NumPy's names and meaning.

Each returns None, like NumPy's. A Variable is written as by ``x[...] = value``: the write is
recorded, and views of the Variable show it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import axis_of, shortened
from ..engine.cotangents import is_complex
from ..engine.graph_breaks import break_by_write
from ..engine.levels import ROOT
from ..errors import InvalidArgumentError, TypeMismatchError
from .gathering import array_beside, booleans, integers_beside, needs_array, places_in, unravelled

_KINDS = ("bool", "unsigned integer", "signed integer", "real floating", "complex floating")


def _written(x: Any, where: str, write: Callable[[Any], None]) -> None:
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


def _repeated(values: Any, count: int, x: Any) -> Any:
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
    else:
        x[places if x.ndim == 1 else unravelled(places, tuple(x.shape))] = values


def _mask(mask: Any, x: Any, where: str) -> Any:
    """`mask` as booleans in the shape of `x`."""
    mask = booleans(array_beside(mask, x))
    if math.prod(mask.shape) != math.prod(x.shape):
        raise InvalidArgumentError(
            f"{where}: the mask has {math.prod(mask.shape)} elements, and x {math.prod(x.shape)}"
        )
    return xp.reshape(mask, x.shape)


@composite(own=True, writes=True)
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
        places = xp.reshape(integers_beside(ind, x, "put", "ind"), (-1,))
        count = math.prod(x.shape)
        places = places_in(places, count, mode, "put")
        values = _repeated(v, places.shape[0], x)
        if values is not None:
            _write_flat(x, xp.index(places, length=count), values)

    _written(x, "put", write)


@composite(own=True, writes=True)
def place(x: Any, /, mask: Any, vals: Any) -> None:
    """Write the first elements of `vals`, in their order, where `mask` is true, in place.

    Parameters
    ----------
    x : array
    mask : booleans, as many as `x` has elements
    vals : array or number
        Read as a vector, and repeated as often as needed. At least one.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.asarray(np.asarray([1.0, -1.0, -2.0]))
    >>> pg.place(x, x < 0, [5.0, 7.0])
    >>> x.tolist()
    [1.0, 5.0, 7.0]
    """

    def write(x: Any) -> None:
        chosen = _mask(mask, x, "place")
        flat = xp.reshape(chosen, (-1,))
        values = _repeated(vals, flat.shape[0], x)
        if values is None:
            if flat.shape[0]:
                raise InvalidArgumentError("place: there is no value to write")
            return
        number = xp.cumulative_sum(xp.astype(flat, _integer(x)))
        found = xp.take(values, xp.clip(number - 1, 0, flat.shape[0] - 1), axis=0)
        _write_where(x, chosen, xp.reshape(found, x.shape))

    _written(x, "place", write)


@composite(own=True, writes=True)
def putmask(x: Any, /, mask: Any, values: Any) -> None:
    """Write the elements of `values` where `mask` is true, each at its own place, in place.

    Parameters
    ----------
    x : array
    mask : booleans, as many as `x` has elements
    values : array or number
        Read as a vector, and repeated as often as needed.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.asarray(np.asarray([1.0, -1.0, -2.0]))
    >>> pg.putmask(x, x < 0, [5.0, 6.0, 7.0])
    >>> x.tolist()
    [1.0, 6.0, 7.0]
    """

    def write(x: Any) -> None:
        chosen = _mask(mask, x, "putmask")
        found = _repeated(values, math.prod(x.shape), x)
        if found is not None:
            _write_where(x, chosen, xp.reshape(found, x.shape))

    _written(x, "putmask", write)


def _integer(x: Any) -> Any:
    """The library's usual dtype of integers."""
    return integers_beside([0], x, "place").dtype


def _write_where(x: Any, mask: Any, values: Any) -> None:
    """Write `values`, in the dtype of `x`, where `mask` is true."""
    if is_complex(values) and not is_complex(x):
        x[...] = values  # raises, and says what to do
    if values.dtype != x.dtype:
        values = xp.astype(values, x.dtype)
    x[...] = xp.where(mask, values, x)


@composite(own=True, writes=True)
def copyto(x: Any, /, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """Write `src` into `x`, in place, where `where` is true.

    Parameters
    ----------
    x : array
    src : array or number
        It broadcasts to the shape of `x`.
    casting : 'no', 'equiv', 'safe', 'same_kind' or 'unsafe'
        Which conversions to the dtype of `x` are allowed.
    where : booleans, default True
        They broadcast to the shape of `x`.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.zeros(3)
    >>> pg.copyto(x, [1.0, 2.0, 3.0], where=[True, False, True])
    >>> x.tolist()
    [1.0, 0.0, 3.0]
    """

    def write(x: Any) -> None:
        _check_cast(src, x, casting)
        value = array_beside(src, x)
        extra = value.ndim - x.ndim
        if extra > 0 and all([n == 1 for n in value.shape[:extra]]):
            value = xp.reshape(value, tuple(value.shape[extra:]))
        value = xp.broadcast_to(value, x.shape)
        if where is True:
            x[...] = value
        else:
            _write_where(x, xp.broadcast_to(booleans(array_beside(where, x)), x.shape), value)

    _written(x, "copyto", write)


def _check_cast(src: Any, x: Any, casting: str) -> None:
    """Raise unless `casting` allows to convert `src` to the dtype of `x`."""
    if casting not in ("no", "equiv", "safe", "same_kind", "unsafe"):
        raise InvalidArgumentError(
            "copyto: the casting is 'no', 'equiv', 'safe', 'same_kind' or 'unsafe', not "
            f"{shortened(casting)}"
        )
    backend = backend_of(x)
    assert backend is not None
    weak = not hasattr(src, "dtype")
    dtype = array_beside(src, x).dtype
    if casting == "unsafe" or dtype == x.dtype:
        return
    isdtype = backend.xp.isdtype
    ranks = [max(n for n, kind in enumerate(_KINDS) if isdtype(d, kind)) for d in (dtype, x.dtype)]
    allowed = ranks[0] <= ranks[1]
    if casting in ("no", "equiv"):
        allowed = weak and allowed
    elif casting == "safe" and not weak:
        try:
            allowed = backend.xp.result_type(dtype, x.dtype) == x.dtype
        except TypeError:  # the standard does not define integers beside floats
            allowed = False
    if not allowed:
        raise TypeMismatchError(
            f"copyto: {dtype} numbers do not become {x.dtype} with casting={casting!r}; convert "
            "them first, with `astype`, or give casting='unsafe'"
        )


@composite(own=True, writes=True)
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
    _written(x, "put_along_axis", write)


@composite(own=True, writes=True)
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
        values = _repeated(val, len(places), x)
        if values is not None:
            rows = integers_beside(places, x, "fill_diagonal")
            _write_flat(x, rows, values)

    _written(x, "fill_diagonal", write)
