"""What the modules of `pluggrad.scipy.interpolate` share: arguments, places and checks."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.backend import Backend, backend_of, get_backend
from ...arrays.dispatch import is_batched, xp
from ...engine.arguments import axis_of
from ...engine.cotangents import is_complex
from ...engine.handles import is_tracked, raw_of
from ...errors import InvalidArgumentError, TypeMismatchError
from ...functions.gathering import values_of
from ...functions.operand import as_array, as_doubles
from ..rows import public

__all__ = ["backend_for", "check_finite", "check_increasing", "column", "data", "doubles",
           "intervals", "leading", "method", "numbers", "order_of", "placed",
           "wrapped"]  # fmt: skip


def method(name: str, arrays: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function, written for Variables, a part of a class: errors call it `name`."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__name__ = name
        return public("interpolate", arrays=arrays)(function)

    return register


def backend_for(x: Any) -> Backend:
    """The backend of the Variable `x`."""
    found = backend_of(x)
    assert found is not None
    return found


def doubles(x: Any, where: str, what: str, like: Any = None) -> Any:
    """`x` as a Variable of floats, which over NumPy have double precision. NumPy's constants become
    arrays of the library of `like`."""
    x = as_array(x, f"scipy.interpolate.{where}", what, like)
    other = None if like is None else backend_of(like)
    away = other is not None and other.name != "numpy" and backend_of(x) is get_backend("numpy")
    if other is not None and away and not is_tracked(x) and not is_batched(x):
        x = other.namespace.asarray_beside(raw_of(x), like)
    return as_doubles(x)


def leading(*arrays: Any) -> Any:
    """The first array of another library than NumPy, else the first one: the others follow it."""
    found = [x for x in arrays if hasattr(x, "dtype")]
    away = [x for x in found if backend_of(x) not in (None, get_backend("numpy"))]
    return next(iter((*away, *found)), None)


def numbers(x: Any) -> Any:
    """The values of `x` as a NumPy array; None where they are not known."""
    found = values_of(x)
    return None if found is None else np.asarray(found)


def check_finite(x: Any, where: str, what: str) -> None:
    """Raise if an element of `x` is inf or nan."""
    values = numbers(x)
    if values is not None and not np.isfinite(values).all():
        raise InvalidArgumentError(f"scipy.interpolate.{where}: {what} holds finite numbers only")


def check_increasing(x: Any, where: str, what: str = "x") -> None:
    """Raise unless the elements of the vector `x` increase strictly."""
    values = numbers(x)
    if values is not None and not (np.diff(values) > 0).all():
        raise InvalidArgumentError(f"scipy.interpolate.{where}: {what} is strictly increasing")


def data(x: Any, y: Any, axis: Any, where: str) -> tuple[Any, Any, int]:
    """The places `x`, the values with the axis of interpolation in front, and its number."""
    first = next((z for z in (y, x) if hasattr(z, "dtype")), None)
    x, y = doubles(x, where, "x", first), doubles(y, where, "y", first)
    if is_complex(x):
        raise TypeMismatchError(f"scipy.interpolate.{where}: x is real")
    if not y.ndim or x.ndim != 1:
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: x is a vector and y has one axis at least, and the shapes "
            f"are {tuple(x.shape)} and {tuple(y.shape)}"
        )
    axis = axis_of(axis, y.ndim, f"scipy.interpolate.{where}")
    if x.shape[0] != y.shape[axis]:
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: x has {x.shape[0]} elements, and y has {y.shape[axis]} "
            f"along axis {axis}"
        )
    return x, xp.moveaxis(y, axis, 0), axis


def order_of(nu: Any, where: str) -> int:
    """The order of a derivative."""
    try:
        found = operator.index(nu)
    except TypeError:
        found = -1
    if found < 0:
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: nu is an integer and not negative, not {nu!r}"
        )
    return found


def intervals(x: Any, at: Any, first: int, last: int) -> Any:
    """The number i of the interval ``x[i] <= at < x[i + 1]``, from `first` to `last`."""
    return xp.clip(xp.searchsorted(x, at, side="right") - 1, first, last)


def wrapped(at: Any, low: Any, high: Any) -> Any:
    """`at` moved by whole periods into the range from `low` to `high`."""
    return low + xp.remainder(at - low, high - low)


def placed(y: Any, ndim: int, axis: int) -> Any:
    """`y`, whose first `ndim` axes are those of the points, with these moved to `axis`."""
    if not axis or not ndim:
        return y
    return xp.moveaxis(y, tuple(range(ndim)), tuple(range(axis, axis + ndim)))


def column(x: Any, y: Any) -> Any:
    """The vector `x`, so that it broadcasts along the first axis of `y`."""
    return xp.reshape(x, (-1,) + (1,) * (y.ndim - 1))
