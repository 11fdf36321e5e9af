"""Stand-ins for arrays, which write down what is computed with them (see `staging.tracing`).

NumPy's functions ask a stand-in what to do. Functions of ours that look at elements, or that write
into a new array, do not: `atomic` makes them one call in what is written down.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy

__all__ = ["ACTIVE", "TRACERS", "atomic", "stand_ins", "writable"]

F = TypeVar("F", bound=Callable[..., Any])

#: The classes of stand-ins. ``TRACERS[type(x)](x, function, args, kwargs)`` writes down a call.
TRACERS: dict[type, Callable[..., Any]] = {}


class _Active(threading.local):
    """What is true of this thread alone."""

    #: While a function is traced: the class of stand-ins for arrays that can be written.
    array_type: type | None = None


ACTIVE = _Active()


def atomic(function: F) -> F:
    """`function`, written down as one call where a stand-in is among its arguments."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if ACTIVE.array_type is not None:
            for x in stand_ins((*args, *kwargs.values())):
                return TRACERS[type(x)](x, function, args, kwargs)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def stand_ins(items: Iterable[Any]) -> Iterator[Any]:
    """The stand-ins among `items`, and in lists and tuples there."""
    for x in items:
        if type(x) in TRACERS:
            yield x
        elif type(x) in (list, tuple):
            yield from stand_ins(x)


def writable(x: Any, *written: Any) -> Any:
    """`x` as an array into which the values `written` can be written: if one of these is a
    stand-in, a stand-in for a copy of `x`, unless `x` is one itself."""
    if type(x) in TRACERS:
        return x.writable()
    for value in written:
        for item in value if type(value) is tuple else (value,):
            if type(item) in TRACERS:
                return TRACERS[type(item)](item, numpy.copy, (x,), {})
    return x
