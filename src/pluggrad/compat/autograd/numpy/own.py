"""Functions of `autograd.numpy` that are not those of `pluggrad.numpy`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .... import numpy as np
from ....errors import InvalidArgumentError, UnsupportedError
from ..trees import holds_variables, is_array

__all__ = ["OWN", "make_diagonal", "where"]

_MISSING: Any = object()


def _holds_arrays(x: Any) -> bool:
    """Whether `x` is an array, or a list or tuple with one somewhere inside."""
    if isinstance(x, (list, tuple)):
        return any([_holds_arrays(item) for item in x])
    return is_array(x)


def where(condition: Any, x: Any = _MISSING, y: Any = _MISSING) -> Any:
    """`numpy.where`. If none of the three is an array, the result is a Python value, too: a number
    or a list."""
    if x is _MISSING and y is _MISSING:
        return np.where(condition)
    if x is _MISSING or y is _MISSING:
        raise InvalidArgumentError("where: give both x and y, or neither")
    found = np.where(condition, x, y)
    return found if any(map(_holds_arrays, (condition, x, y))) else found.tolist()


def make_diagonal(D: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Matrices with the vectors along the last axis of `D` as diagonals, and zeros elsewhere: the
    opposite of `numpy.diagonal`. Only ``offset=0, axis1=-1, axis2=-2`` is supported.

    >>> import numpy as np
    >>> make_diagonal(np.asarray([1.0, 2.0]), axis1=-1, axis2=-2)
    array([[1., 0.],
           [0., 2.]])
    """
    if (offset, axis1, axis2) != (0, -1, -2):
        raise UnsupportedError("make_diagonal supports only offset=0, axis1=-1, axis2=-2")
    if not holds_variables(D):
        D = np.asarray(D)
    return D[..., None, :] * np.eye(D.shape[-1], variable=False)


def _of_iterables(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's `function` of several arrays, which also takes them from a generator."""

    @functools.wraps(function)
    def call(arrays: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(arrays, (list, tuple)) and not is_array(arrays):
            arrays = list(arrays)
        return function(arrays, *args, **kwargs)

    return call


JOINING = tuple(
    name
    for name in ("column_stack", "concatenate", "dstack", "hstack", "row_stack", "stack", "vstack")
    if hasattr(np, name)  # newer NumPy has no `row_stack`
)
OWN: dict[str, Any] = {name: _of_iterables(getattr(np, name)) for name in JOINING}
OWN |= {"make_diagonal": make_diagonal, "where": where}
