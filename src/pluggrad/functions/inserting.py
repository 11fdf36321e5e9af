"""Removing and inserting parts, with NumPy's names and meaning."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import axis_of, shortened
from ..errors import InvalidArgumentError, OutOfRangeError, TypeMismatchError
from .gathering import in_dtype, integers_beside, known, needs_array


@composite(own=True, arrays="x", plain="obj")
def delete(x: Any, /, obj: Any, axis: int | None = None) -> Any:
    """`x` without the parts at `obj` along `axis`; without `axis`, the flat `x` without them.

    Parameters
    ----------
    x : array
    obj : int, slice, sequence of ints, or booleans that are true for what goes
        Their values must be known, because the shape of the result depends on them.
    axis : int, optional

    >>> import numpy as np, pluggrad as pg
    >>> pg.delete(np.asarray([1.0, 2.0, 3.0, 4.0]), [0, -1]).tolist()
    [2.0, 3.0]
    """
    x, axis = _along(x, axis, "delete")
    kept = np.delete(np.arange(x.shape[axis]), known(obj, "delete", "obj"))
    return xp.take(x, _constant(kept, x), axis=axis)


@composite(own=True, arrays="x", plain="obj")
def insert(x: Any, /, obj: Any, values: Any, axis: int | None = None) -> Any:
    """`x` with `values` inserted before the places `obj` along `axis`, or into the flat `x`.

    Parameters
    ----------
    x : array
    obj : int, slice, sequence of ints, or an array of booleans
        Places in `x`, as it is before anything is inserted. Their values must be known.
    values : array or number
        They broadcast to the shape of what is inserted, and take the dtype of `x`.
    axis : int, optional

    >>> import numpy as np, pluggrad as pg
    >>> pg.insert(np.asarray([1.0, 2.0, 3.0]), [1, 3], [7.0, 8.0]).tolist()
    [1.0, 7.0, 2.0, 3.0, 8.0]
    """
    x, axis = _along(x, axis, "insert")
    length = x.shape[axis]
    obj = known(obj, "insert", "obj")
    if isinstance(obj, slice):
        places = np.arange(*obj.indices(length))
    else:
        places = np.asarray(obj)
        if places.dtype == bool:
            if places.ndim != 1:
                raise InvalidArgumentError("insert: booleans in obj have one axis")
            places = np.flatnonzero(places)
        elif places.size == 0 and not hasattr(obj, "dtype"):
            places = places.astype(np.int64)
    if places.dtype.kind not in "iu":
        raise TypeMismatchError(f"insert: obj takes integers, not {shortened(obj)}")
    if places.ndim > 1:
        raise InvalidArgumentError("insert: obj has one axis at most")
    if places.size and not (-length <= int(places.min()) and int(places.max()) <= length):
        raise OutOfRangeError(f"insert: obj is from {-length} to {length}, not {shortened(obj)}")
    values = in_dtype(values, x)
    if values.ndim < x.ndim:
        values = xp.reshape(values, (1,) * (x.ndim - values.ndim) + tuple(values.shape))
    if places.size == 1:
        if not places.ndim:
            values = xp.moveaxis(values, 0, axis)
        count = values.shape[axis] if values.ndim == x.ndim else 0
        places = np.full(count, places.item())
    shape = (*x.shape[:axis], places.size, *x.shape[axis + 1 :])
    try:
        fits = np.broadcast_shapes(tuple(values.shape), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise InvalidArgumentError(
            f"insert: values of shape {tuple(values.shape)} do not broadcast to {shape}"
        )
    both = xp.concat([x, xp.broadcast_to(values, shape)], axis=axis)
    order = np.insert(np.arange(length), places, length + np.arange(places.size))
    return xp.take(both, _constant(order, x), axis=axis)


def _along(x: Any, axis: Any, where: str) -> tuple[Any, int]:
    """`x` and `axis` counted from the front; without an axis, the flat `x` and 0."""
    needs_array(x, where)
    return (xp.reshape(x, (-1,)), 0) if axis is None else (x, axis_of(axis, x.ndim, where))


def _constant(indices: Any, x: Any) -> Any:
    """Indices that NumPy computed, as a constant beside `x`."""
    return integers_beside(indices.tolist(), x, "take")
