"""Choosing between arrays, removing and inserting parts, with NumPy's names and meaning."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import is_batched, is_variable, xp
from ..engine.arguments import axes_of, axis_of, check_function, several, shortened
from ..engine.cotangents import is_complex, same_shape
from ..engine.handles import raw_of
from ..engine.strong_zeros import strong_zeros
from ..errors import InvalidArgumentError, OutOfRangeError, TypeMismatchError
from .gathering import (
    array_beside,
    booleans,
    integers_beside,
    is_kind,
    known,
    needs_array,
    places_in,
)

# ---------------------------------------------------------------- one of several arrays


def _beside_each_other(values: list[Any], where: str) -> list[Any]:
    """`values` with the lists among them as arrays; numbers stay numbers."""
    first = _first_variable(values)
    if first is None:
        raise TypeMismatchError(
            f"{where}: there is no array among the arguments; `pluggrad.asarray(...)` makes one"
        )
    return [array_beside(x, first) if isinstance(x, (list, tuple)) else x for x in values]


def _first_variable(values: Any) -> Any:
    """The first Variable among `values`, also inside lists."""
    for x in values:
        found = _first_variable(x) if isinstance(x, (list, tuple)) else x
        if is_variable(found):
            return found
    return None


@composite(own=True)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """For each element, the first choice whose condition is true, and `default` where none is.

    Parameters
    ----------
    condlist : sequence of arrays of booleans
    choicelist : sequence of arrays or numbers
        As many as there are conditions. All broadcast together.
    default : array or number, default 0

    >>> import numpy as np, pluggrad as pg
    >>> x = np.asarray([-2.0, 0.5, 3.0])
    >>> pg.select([x < 0, x > 1], [-x, x * x], 7.0).tolist()
    [2.0, 7.0, 9.0]
    """
    conditions, choices = several(condlist, "select"), several(choicelist, "select")
    if len(conditions) != len(choices):
        raise InvalidArgumentError(
            f"select: there are {len(conditions)} conditions and {len(choices)} choices"
        )
    if not conditions:
        raise InvalidArgumentError("select takes at least one condition")
    count = len(conditions)
    values = _beside_each_other([*conditions, *choices, default], "select")
    first = _first_variable(values)
    values[:count] = [array_beside(c, first) for c in values[:count]]
    for c in values[:count]:
        if not is_kind(c, "bool"):
            raise TypeMismatchError(
                f"select: the conditions are booleans, not {c.dtype} numbers; compare: `x > 0`"
            )
    y = _in_common(values[count:], values[-1], first)
    for c, x in zip(reversed(values[:count]), reversed(values[count:-1])):
        y = xp.where(c, x, y)
    return y


@composite(own=True)
def choose(x: Any, /, choices: Any, *, mode: str = "raise") -> Any:
    """For each integer n of `x`, the element of choice number n at that place.

    Parameters
    ----------
    x : array of integers
    choices : sequence of arrays, or an array, whose first axis counts the choices
        They broadcast with `x` and with each other.
    mode : 'raise', 'wrap' or 'clip'
        What becomes of numbers that no choice has: an error, modulo the number of choices, or the
        first or last one.

    >>> import numpy as np, pluggrad as pg
    >>> pg.choose(np.asarray([1, 0]), [np.asarray([1.0, 2.0]), np.asarray([3.0, 4.0])]).tolist()
    [3.0, 2.0]
    """
    parts = several(choices, "choose")
    if not parts:
        raise InvalidArgumentError("choose takes at least one choice")
    first = _first_variable([x, *parts])
    parts = _beside_each_other([*parts, first], "choose")[:-1]
    x = xp.astype(x, backend_of(x).xp.int64) if is_variable(x) and is_kind(x, "bool") else x  # type: ignore[union-attr]
    x = integers_beside(x, first, "choose", "x")
    count = len(parts)
    x = places_in(x, count, mode, "choose")
    if mode == "raise":
        flat = xp.reshape(xp.where(x < 0, count, x), (-1,))
        x = xp.reshape(xp.index(flat, length=count), x.shape)
    y = _in_common(parts, parts[0], first)
    y = xp.where(x == 0, y, y)  # in the shape of both
    for n, part in enumerate(parts[1:], 1):
        y = xp.where(x == n, part, y)
    return y


def _in_common(values: list[Any], x: Any, like: Any) -> Any:
    """`x`, one of `values`, as an array in the dtype of them all. Numbers have no dtype of their
    own, unless there are only numbers."""
    backend = backend_of(like)
    assert backend is not None
    kinds = [value.dtype if hasattr(value, "dtype") else value for value in values]
    if not any([hasattr(value, "dtype") for value in values]):
        return array_beside(sum([kind(0) for kind in map(type, kinds)], type(x)(x)), like)
    x = array_beside(x, like)
    try:
        dtype = backend.xp.result_type(*kinds)
    except TypeError:  # the library has none, and says so when the values meet
        return x
    return x if x.dtype == dtype else xp.astype(x, dtype)


@composite(own=True, arrays="x")
def piecewise(x: Any, condlist: Any, funclist: Any, /, *args: Any, **kw: Any) -> Any:
    """A function that is defined piece by piece, at `x`.

    Parameters
    ----------
    x : array
    condlist : sequence of arrays of booleans, in the shape of `x`
    funclist : sequence of functions or numbers
        One for each condition, and possibly one more for where no condition is true; else that is
        0. A later condition overrides an earlier one. Each function is called with a vector of the
        elements that it is for. Inside `vmap` and while a compiler traces, it is called with all
        elements, as those are not known; elements that it is not for contribute a derivative of 0.
    *args, **kw
        Further arguments of the functions.

    Returns
    -------
    Variable, of the shape and dtype of `x`.

    >>> import numpy as np, pluggrad as pg
    >>> x = np.asarray([-4.0, 0.0, 9.0])
    >>> pg.piecewise(x, [x < 0, x > 0], [lambda t: -t, pg.sqrt]).tolist()
    [4.0, 0.0, 3.0]
    """
    needs_array(x, "piecewise")
    functions = several(funclist, "piecewise")
    single = condlist if hasattr(condlist, "ndim") and condlist.ndim == x.ndim else None
    conditions = [condlist] if single is not None or isinstance(condlist, bool) else (
        several(condlist, "piecewise"))  # fmt: skip
    if conditions and x.ndim and not isinstance(conditions[0], (list, tuple)) and not (
        getattr(conditions[0], "ndim", 0)
    ):  # fmt: skip
        conditions = [conditions]
    conditions = [booleans(array_beside(c, x)) for c in conditions]
    for c in conditions:
        if not same_shape(c.shape, x.shape):
            raise InvalidArgumentError(
                f"piecewise: a condition has the shape {tuple(c.shape)}, and x {tuple(x.shape)}"
            )
    if len(functions) not in (len(conditions), len(conditions) + 1):
        raise InvalidArgumentError(
            f"piecewise: with {len(conditions)} conditions there are as many functions, or one "
            f"more, not {len(functions)}"
        )
    if len(functions) > len(conditions):
        other = xp.zeros_like(x) == 0
        for c in conditions:
            other = xp.logical_and(other, xp.logical_not(c))
        conditions = [*conditions, other]
    y = xp.zeros_like(x)
    for c, function in zip(conditions, functions):
        if not callable(function) or hasattr(function, "dtype"):
            y = xp.where(c, _in_dtype(function, x), y)
        elif is_batched(c) or is_batched(x) or backend_of(x).adapter.host(raw_of(c)) is None:  # type: ignore[union-attr]
            with strong_zeros():
                value = _in_dtype(function(xp.reshape(x, (-1,)), *args, **kw), x)
                value = xp.reshape(value, x.shape) if value.ndim else value
                y = xp.where(c, value, y)
        else:
            places = xp.nonzero(xp.reshape(c, (-1,)))[0]
            if places.shape[0]:
                part = xp.take(xp.reshape(x, (-1,)), places, axis=0)
                value = _in_dtype(function(part, *args, **kw), x)
                y = xp.reshape(_written(xp.reshape(y, (-1,)), places, value), x.shape)
    return y


def _written(flat: Any, places: Any, value: Any) -> Any:
    """The vector `flat` with `value` at `places`, no two of which are equal."""
    count = places.shape[0]
    value = xp.broadcast_to(value, (count,))
    return xp.put_at(value, flat, places)


def _in_dtype(value: Any, x: Any) -> Any:
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


# ---------------------------------------------------------------- parts removed and inserted


@composite(own=True, arrays="x")
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


@composite(own=True, arrays="x")
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
    values = _in_dtype(values, x)
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


# ---------------------------------------------------------------- functions along axes


@composite(own=True, arrays="arr")
def apply_along_axis(func1d: Any, axis: int, arr: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`func1d` of each vector along `axis` of `arr`.

    Parameters
    ----------
    func1d : function
        It takes a vector and returns a number or an array, always of one shape, which stands in the
        place of `axis` in the result. It is called once for each vector; `pluggrad.vmap` calls a
        function once for all of them.
    axis : int
    arr : array
    *args, **kwargs
        Further arguments of `func1d`.

    >>> import numpy as np, pluggrad as pg
    >>> x = np.asarray([[1.0, 2.0], [3.0, 5.0]])
    >>> pg.apply_along_axis(lambda v: v[1] * v, 0, x).tolist()
    [[3.0, 10.0], [9.0, 25.0]]
    """
    check_function(func1d, "apply_along_axis")
    needs_array(arr, "apply_along_axis")
    axis = axis_of(axis, arr.ndim, "apply_along_axis")
    rows = xp.moveaxis(arr, axis, -1)
    outer = tuple(rows.shape[:-1])
    if 0 in outer:
        raise InvalidArgumentError(
            f"apply_along_axis: there is no vector along axis {axis} of the shape "
            f"{tuple(arr.shape)}"
        )
    backend = backend_of(arr)
    assert backend is not None
    found = [
        backend.namespace.asarray(func1d(rows[index], *args, **kwargs))
        for index in itertools.product(*map(range, outer))
    ]
    first = found[0]
    found = [y if y.dtype == first.dtype else _in_dtype(y, first) for y in found]
    if any([not same_shape(y.shape, first.shape) for y in found]):
        raise InvalidArgumentError("apply_along_axis: the function returns arrays of one shape")
    y = xp.reshape(xp.stack(found), (*outer, *first.shape))
    inner = tuple(range(len(outer), len(outer) + first.ndim))
    return xp.moveaxis(y, inner, tuple(range(axis, axis + first.ndim)))


@composite(own=True, arrays="a")
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """`func` applied to `a` along each of `axes` in turn, as in ``func(a, axis)``.

    An axis that `func` removes is put back with length 1.

    >>> import numpy as np, pluggrad as pg
    >>> pg.apply_over_axes(pg.median, np.ones((2, 3, 4)), [0, 2]).tolist()
    [[[1.0], [1.0], [1.0]]]
    """
    check_function(func, "apply_over_axes")
    needs_array(a, "apply_over_axes")
    axes = axes.tolist() if hasattr(axes, "tolist") else axes
    for axis in axes if isinstance(axes, (list, tuple)) else [axes]:
        (axis,) = axes_of(axis, a.ndim, "apply_over_axes")
        y = array_beside(func(a, axis), a)
        if y.ndim != a.ndim:
            if y.ndim != a.ndim - 1:
                raise InvalidArgumentError(
                    f"apply_over_axes: the function returned an array of {y.ndim} axes for one of "
                    f"{a.ndim}"
                )
            y = xp.expand_dims(y, axis=axis)
        a = y
    return a
