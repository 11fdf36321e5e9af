"""Nested lists, tuples and dicts of arrays as one vector, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .... import numpy as np
from ....arrays.dispatch import is_variable
from ....engine.handles import raw_of

__all__ = ["flatten", "flatten_func"]


def flatten(value: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The numbers in `value` as one vector, and the function from such vectors to values like it.

    `value` is an array or a number, or nested lists, tuples and dicts of these. Keys of dicts are
    taken in their sorted order. Both ways are differentiable.

    >>> import numpy as np
    >>> flat, unflatten = flatten({"b": 3.0, "a": [np.asarray([1.0, 2.0])]})
    >>> flat
    array([1., 2., 3.])
    >>> unflatten(2 * flat)
    {'b': np.float64(6.0), 'a': [array([2., 4.])]}
    """
    parts: list[Any] = []
    _collect(value, parts)
    flat = [np.reshape(x, (-1,)) for x in parts]
    vector = flat[0] if len(flat) == 1 else np.concatenate(flat) if flat else np.asarray([])
    places: list[tuple[int, tuple[int, ...]]] = []
    start = 0
    for x in parts:
        places.append((start, np.shape(x)))
        start += math.prod(np.shape(x))

    def unflatten(flat: Any) -> Any:
        found = []
        for start, shape in places:
            if not shape:
                found.append(flat[start])
            else:
                found.append(np.reshape(flat[start : start + math.prod(shape)], shape))
        return _rebuilt(value, iter(found))

    # (What `unflatten` needs of `value` is its structure: it must not keep Variables alive.)
    value = _rebuilt(value, iter([None] * len(parts)))
    return vector, unflatten


def _collect(value: Any, parts: list[Any]) -> None:
    """Append the arrays and numbers in `value` to `parts`."""
    if isinstance(value, dict):
        for key in sorted(value):
            _collect(value[key], parts)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _collect(item, parts)
    else:
        parts.append(value if is_variable(value) else np.asarray(raw_of(value)))


def _rebuilt(like: Any, parts: Any) -> Any:
    """A value with the structure of `like`, whose arrays are the next ones of `parts`."""
    if isinstance(like, dict):
        found = {key: _rebuilt(like[key], parts) for key in sorted(like)}
        return {key: found[key] for key in like}
    if isinstance(like, (list, tuple)):
        items = [_rebuilt(item, parts) for item in like]
        return type(like)(*items) if hasattr(like, "_fields") else type(like)(items)
    return next(parts)


def flatten_func(
    func: Callable[..., Any], example: Any
) -> tuple[Callable[..., Any], Callable[[Any], Any], Any]:
    """`func`, from values like `example` to values, as a function from vectors to vectors. Returns
    it, the function from vectors to values like `example`, and `example` as a vector."""
    flat_example, unflatten = flatten(example)

    def flat_func(flat: Any, *args: Any) -> Any:
        return flatten(func(unflatten(flat), *args))[0]

    return flat_func, unflatten, flat_example
