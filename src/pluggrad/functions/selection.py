"""Choosing between arrays, with NumPy's names and meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..arrays.backend import Backend, backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import is_batched, is_variable, xp
from ..engine.arguments import several
from ..engine.cotangents import same_shape
from ..engine.strong_zeros import strong_zeros
from ..errors import InvalidArgumentError, TypeMismatchError
from .gathering import (
    array_beside,
    booleans,
    in_dtype,
    integers_beside,
    is_kind,
    lifted,
    needs_array,
    places_in,
    values_of,
)

# ---------------------------------------------------------------- one of several arrays


def _among(values: Any, backend: Backend) -> Any:
    """An array among `values`, beside which lists and numbers become arrays: one of floats, if
    there is one. Where all are numbers, it is made for `backend`."""
    arrays = list(_variables(values))
    floats = [x for x in arrays if x.dtype in backend.float_dtypes]
    return [*floats, *arrays, backend.namespace.asarray(0)][0]


def _variables(values: Any) -> Iterator[Any]:
    """The Variables among `values`, also inside lists."""
    for x in values:
        if isinstance(x, (list, tuple)):
            yield from _variables(x)
        elif is_variable(x):
            yield x


@composite(own=True, makes=True)
def select(backend: Backend, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
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
    conditions = several(lifted(condlist, backend), "select")
    choices, default = several(lifted(choicelist, backend), "select"), lifted(default, backend)
    if len(conditions) != len(choices):
        raise InvalidArgumentError(
            f"select: there are {len(conditions)} conditions and {len(choices)} choices"
        )
    if not conditions:
        raise InvalidArgumentError("select takes at least one condition")
    first = _among([*conditions, *choices, default], backend)
    conditions = [array_beside(c, first, "select") for c in conditions]
    values = [
        array_beside(x, first, "select") if isinstance(x, (list, tuple)) else x
        for x in (*choices, default)
    ]
    for c in conditions:
        if not is_kind(c, "bool"):
            raise TypeMismatchError(
                f"select: the conditions are booleans, not {c.dtype} numbers; compare: `x > 0`"
            )
    y = _in_common(values, values[-1], first)
    for c, x in zip(reversed(conditions), reversed(values[:-1])):
        y = xp.where(c, x, y)
    return y


@composite(own=True, makes=True)
def choose(backend: Backend, x: Any, /, choices: Any, *, mode: str = "raise") -> Any:
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
    x, parts = lifted(x, backend), several(lifted(choices, backend), "choose")
    if not parts:
        raise InvalidArgumentError("choose takes at least one choice")
    first = _among([x, *parts], backend)
    parts = [
        array_beside(part, first, "choose") if isinstance(part, (list, tuple)) else part
        for part in parts
    ]
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
            y = xp.where(c, in_dtype(function, x), y)
        elif is_batched(x) or values_of(c) is None:
            with strong_zeros():
                value = in_dtype(function(xp.reshape(x, (-1,)), *args, **kw), x)
                value = xp.reshape(value, x.shape) if value.ndim else value
                y = xp.where(c, value, y)
        else:
            places = xp.nonzero(xp.reshape(c, (-1,)))[0]
            if places.shape[0]:
                part = xp.take(xp.reshape(x, (-1,)), places, axis=0)
                value = in_dtype(function(part, *args, **kw), x)
                y = xp.reshape(_written(xp.reshape(y, (-1,)), places, value), x.shape)
    return y


def _written(flat: Any, places: Any, value: Any) -> Any:
    """The vector `flat` with `value` at `places`, no two of which are equal."""
    count = places.shape[0]
    value = xp.broadcast_to(value, (count,))
    return xp.put_at(value, flat, places)
