"""Sorting and searching, with NumPy's names and meaning."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite, widen
from ..arrays.dispatch import is_batched, is_variable, xp
from ..engine.arguments import axis_of, several, shortened, whole
from ..engine.cotangents import is_complex
from ..engine.handles import raw_of, unwrap_untracked
from ..errors import InvalidArgumentError, OutOfRangeError, TypeMismatchError
from .gathering import array_beside, known, needs_array, values_of

widen("searchsorted(x1, x2, /, side='left', sorter=None)")


@widen("argsort(x, /, axis=-1, *, descending=False, stable=True)", when="axis is None")
def argsort(x: Any, /, axis: Any = -1, *, descending: bool = False, stable: bool = True) -> Any:
    """`argsort` of all elements in a row."""
    needs_array(x, "argsort")
    return xp.argsort(xp.reshape(x, (-1,)), axis=0, descending=descending, stable=stable)


@composite(own=True, arrays="x")
def sort(x: Any, /, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Any:
    """`x` sorted along `axis`."""
    needs_array(x, "sort")
    if axis is None:
        x, axis = xp.reshape(x, (-1,)), 0
    axis = axis_of(axis, x.ndim, "sort")
    raw, backend = unwrap_untracked(x), backend_of(x)
    if not is_variable(raw) and backend is not None and backend.has("sort"):
        return backend.raw("sort")(raw, axis=axis, descending=descending, stable=stable)
    order = xp.argsort(x, axis=axis, descending=descending, stable=stable)
    return xp.take_along_axis(x, order, axis=axis)


# ---------------------------------------------------------------- partition


def _lasting(kth: Any, count: int, where: str) -> list[int]:
    """`kth`, one place or several among `count`, each counted from the front."""
    kth = known(kth, where, "kth")
    kth = kth.tolist() if hasattr(kth, "tolist") else kth
    places = [whole(k, where, "kth") for k in (kth if isinstance(kth, (list, tuple)) else [kth])]
    for k in places:
        if not -count <= k < count:
            raise OutOfRangeError(f"{where}: kth={k} is out of range for {count} elements")
    return [k % count for k in places]


@composite(own=True, arrays="x", plain="kth")
def argpartition(x: Any, /, kth: Any, axis: int | None = -1) -> Any:
    """The indices that order `x` along `axis` as `partition` does.

    Parameters
    ----------
    x : array
    kth : int or sequence of ints
        The places whose elements are those of the sorted array.
    axis : int, optional, default -1
        None stands for all elements in a row.

    Derivative: none; the result is a constant.

    >>> import numpy as np, pluggrad as pg
    >>> x = np.asarray([3.0, 1.0, 2.0])
    >>> x[pg.argpartition(x, 0).data][0].item()
    1.0
    """
    needs_array(x, "argpartition")
    if axis is None:
        x, axis = xp.reshape(x, (-1,)), 0
    axis = axis_of(axis, x.ndim, "argpartition")
    places = _lasting(kth, x.shape[axis], "argpartition")
    backend = backend_of(x)
    assert backend is not None
    own = getattr(backend.xp, "argpartition", None)
    if own is not None and not is_batched(x):
        with suppress(TypeError):  # JAX takes one place
            found = own(raw_of(x), places[0] if len(places) == 1 else places, axis=axis)
            return backend.namespace.asarray_constant(found)
    return stable_order(x, axis)


@composite(own=True, arrays="x", plain="kth")
def partition(x: Any, /, kth: Any, axis: int | None = -1) -> Any:
    """`x`, reordered such that its elements at `kth` along `axis` are as if sorted.

    Elements before such a place are not greater, and elements after it not less. Their own order is
    the library's.

    Parameters
    ----------
    x : array
    kth : int or sequence of ints
    axis : int, optional, default -1
        None stands for all elements in a row.

    >>> import numpy as np, pluggrad as pg
    >>> pg.partition(np.asarray([3.0, 1.0, 2.0]), 1)[1].item()
    2.0
    """
    needs_array(x, "partition")
    if axis is None:
        x, axis = xp.reshape(x, (-1,)), 0
    axis = axis_of(axis, x.ndim, "partition")
    return xp.take_along_axis(x, xp.argpartition(x, kth, axis=axis), axis=axis)


# ---------------------------------------------------------------- by several keys


@composite(own=True, arrays="keys")
def lexsort(keys: Any, axis: int = -1) -> Any:
    """The indices that sort by several keys.

    The last key comes first: where it is equal, the one before it decides, and so on.

    Parameters
    ----------
    keys : sequence of arrays of one shape, or an array, whose first axis counts the keys
    axis : int, default -1
        The axis of each key to sort along.

    Derivative: none; the result is a constant.

    >>> import numpy as np, pluggrad as pg
    >>> pg.lexsort([np.asarray([1.0, 0.0, 2.0]), np.asarray([5.0, 5.0, 4.0])]).tolist()
    [2, 1, 0]
    """
    rows = several(keys, "lexsort") if getattr(keys, "ndim", 1) else []
    if not rows:
        raise InvalidArgumentError("lexsort takes at least one key, as rows of an array or a list")
    order: Any = None
    if not rows[0].ndim:  # a vector is one number for each key
        axis_of(axis, 1, "lexsort")
        return stable_order(xp.reshape(rows[-1], (1,)), 0)[0]
    axis = axis_of(axis, rows[0].ndim, "lexsort")
    for row in rows:
        if order is None:
            order = stable_order(row, axis)
        else:
            again = stable_order(xp.take_along_axis(row, order, axis=axis), axis)
            order = xp.take_along_axis(order, again, axis=axis)
    return order


def stable_order(x: Any, axis: int) -> Any:
    """The indices that sort `x` along `axis`, equal elements in their order. Complex numbers are
    sorted by their real parts, and where those are equal by their imaginary parts."""
    if is_complex(x):
        return xp.lexsort(xp.stack([xp.imag(x), xp.real(x)]), axis=axis)
    return xp.argsort(x, axis=axis, stable=True)


@composite(own=True, arrays="x")
def sort_complex(x: Any, /) -> Any:
    """`x` as complex numbers, sorted along the last axis.

    They are in the order of their real parts, and of their imaginary parts where these are equal.

    >>> import numpy as np, pluggrad as pg
    >>> pg.sort_complex(np.asarray([2.0, 1.0])).tolist()
    [(1+0j), (2+0j)]
    """
    needs_array(x, "sort_complex")
    axis = axis_of(-1, x.ndim, "sort_complex")
    y = xp.take_along_axis(x, stable_order(x, axis), axis=axis)
    if is_complex(y):
        return y
    backend = backend_of(y)
    assert backend is not None
    narrow = y.dtype in [getattr(backend.xp, name) for name in ("int8", "uint8", "int16", "uint16")]
    return xp.astype(y, backend.xp.complex64 if narrow else backend.xp.complex128)


# ---------------------------------------------------------------- intervals


@composite(own=True)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """The number of the interval that each element of `x` is in.

    Parameters
    ----------
    x : array or number, real
    bins : vector
        The limits of the intervals, ascending or descending.
    right : bool, default False
        Whether the intervals include their right end instead of their left one.

    Derivative: none; the result is a constant.

    >>> import numpy as np, pluggrad as pg
    >>> pg.digitize(np.asarray([0.5, 1.0, 9.0]), [1.0, 2.0]).tolist()
    [0, 1, 2]
    """
    if hasattr(x, "ndim") and isinstance(bins, (list, tuple)):
        bins = array_beside(bins, x, "digitize")
    if not hasattr(bins, "ndim"):
        raise TypeMismatchError(f"digitize: bins are a vector, not {shortened(bins)}")
    if bins.ndim != 1:
        raise InvalidArgumentError(f"digitize: bins are a vector, not an array of {bins.ndim} axes")
    x = array_beside(x, bins, "digitize")
    if is_complex(x) or is_complex(bins):
        raise TypeMismatchError("digitize takes real numbers")
    values = values_of(bins)
    if values is not None:
        steps = values[1:] >= values[:-1]
        if not steps.all() and not (values[1:] <= values[:-1]).all():
            raise InvalidArgumentError("digitize: bins are ascending or descending")
    flat = xp.reshape(x, (-1,))
    count = bins.shape[0]
    found = xp.searchsorted(bins, flat, side="left" if right else "right")
    if count > 1:
        turned = count - xp.searchsorted(xp.flip(bins), flat, side="left" if right else "right")
        found = xp.where(bins[0] > bins[-1], turned, found)
    return xp.reshape(found, x.shape)
