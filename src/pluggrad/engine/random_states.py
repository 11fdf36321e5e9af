"""States of random number generators, noted so that a second run can draw the same numbers."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

from ..arrays.backend import BACKENDS

__all__ = ["RandomStates"]


class RandomStates:
    """The states of the random number generators that a call of `fun` may use.

    These are the global generators of all libraries in use, and the generator objects among the
    arguments and among the names that `fun` refers to (closure, globals, and the attributes of the
    objects found there).
    """

    def __init__(self, fun: Callable[..., Any], args: Iterable[Any]) -> None:
        """Note the states before a call of `fun` with `args`."""
        adapters = {backend.adapter for backend in list(BACKENDS.values()) if backend is not None}
        found = {id(x): x for x in _around(fun, args)}.values()
        sources: list[tuple[Any, tuple[Any, ...]]] = [(adapter, ()) for adapter in adapters]
        sources += [
            (adapter, (x,)) for adapter in adapters if adapter.generators
            for x in found if isinstance(x, adapter.generators)
        ]  # fmt: skip
        self._states = [(adapter, x, adapter.rng_state(*x)) for adapter, x in sources]

    def moved(self) -> bool:
        """Whether a generator has been used since."""
        return not all([_same(adapter.rng_state(*x), state) for adapter, x, state in self._states])

    def restored(self) -> _Restored:
        """A block in which the generators have these states. Afterwards they continue as before."""
        return _Restored([entry for entry in self._states if entry[2] is not None])


class _Restored:
    """The block of `RandomStates.restored`."""

    def __init__(self, states: list[tuple[Any, tuple[Any, ...], Any]]) -> None:
        """Note the current states of these generators, to return to."""
        self._states = states
        self._before = [(adapter, x, adapter.rng_state(*x)) for adapter, x, _ in states]

    def __enter__(self) -> None:
        """Set the generators to the noted states."""
        try:
            _set(self._states)
        except BaseException:  # some may be set already: put all of them back
            _set(self._before)
            raise

    def __exit__(self, *exc_info: object) -> None:
        """Put back the states from before the block."""
        try:
            _set(self._before)
        except BaseException:  # interrupted half-way: do it again, then raise
            _set(self._before)
            raise


def _set(states: list[tuple[Any, tuple[Any, ...], Any]]) -> None:
    """Set the generators to `states`."""
    for adapter, x, state in states:
        adapter.set_rng_state(state, *x)


def _same(state: Any, other: Any) -> bool:
    """Whether two states are the same: nested tuples and dicts, with arrays in them."""
    if isinstance(state, dict):
        return all([_same(state[key], other[key]) for key in state])
    if isinstance(state, tuple):
        return all([_same(x, y) for x, y in zip(state, other, strict=True)])
    found = state == other
    return bool(found if isinstance(found, bool) else found.all())


def _around(fun: Any, args: Iterable[Any]) -> Iterator[Any]:
    """The arguments, what `fun` refers to by name, and the attributes of both."""
    for x in (*args, *_named(fun)):
        yield x
        if not isinstance(x, (type, ModuleType, FunctionType)) and hasattr(x, "__dict__"):
            yield from list(vars(x).values())


def _named(fun: Any) -> Iterator[Any]:
    """The values that a function refers to by name, bound arguments and defaults included."""
    if isinstance(fun, functools.partial):
        yield from (*fun.args, *fun.keywords.values())
        yield from _named(fun.func)
    elif isinstance(fun, MethodType):
        yield fun.__self__
        yield from _named(fun.__func__)
    elif isinstance(fun, FunctionType):
        names = inspect.getclosurevars(fun)
        yield from (*names.nonlocals.values(), *names.globals.values(), *(fun.__defaults__ or ()))
        yield from (fun.__kwdefaults__ or {}).values()
        if hasattr(fun, "__wrapped__"):
            yield from _named(fun.__wrapped__)
    else:
        yield fun
