"""Functions that write into their first argument where a mask is true, with NumPy's names and
meaning."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import shortened
from ..engine.cotangents import is_complex
from ..errors import InvalidArgumentError, TypeMismatchError
from .gathering import array_beside, booleans, integers_beside
from .writing import repeated, written

_KINDS = ("bool", "unsigned integer", "signed integer", "real floating", "complex floating")


def _mask(mask: Any, x: Any, where: str) -> Any:
    """`mask` as booleans in the shape of `x`."""
    mask = booleans(array_beside(mask, x))
    if math.prod(mask.shape) != math.prod(x.shape):
        raise InvalidArgumentError(
            f"{where}: the mask has {math.prod(mask.shape)} elements, and x {math.prod(x.shape)}"
        )
    return xp.reshape(mask, x.shape)


@composite(own=True, plain="x")
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
        values = repeated(vals, flat.shape[0], x)
        if values is None:
            if flat.shape[0]:
                raise InvalidArgumentError("place: there is no value to write")
            return
        number = xp.cumulative_sum(xp.astype(flat, _integer(x)))
        found = xp.take(values, xp.clip(number - 1, 0, flat.shape[0] - 1), axis=0)
        _write_where(x, chosen, xp.reshape(found, x.shape))

    written(x, "place", write)


@composite(own=True, plain="x")
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
        found = repeated(values, math.prod(x.shape), x)
        if found is not None:
            _write_where(x, chosen, xp.reshape(found, x.shape))

    written(x, "putmask", write)


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


@composite(own=True, plain="x")
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

    written(x, "copyto", write)


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
