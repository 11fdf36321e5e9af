"""What a function refers to by name, taken down when it is called.

Derivative rules and checkpointed functions run again later. Python looks up what they close over at
that time: in a loop, the loop's variable has moved on. `seen` takes down the cells of the closure
and the globals that the code names; `Seen.as_called` gives the function with these.

What is reached through an object (an attribute, the items of a list or dict) is not taken down.
"""

from __future__ import annotations

import dis
import functools
from collections.abc import Callable
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

__all__ = ["Seen", "seen"]

_EMPTY: Any = object()  # the content of a cell that has none yet
_CACHE = 4096
_globals_by_code: dict[CodeType, tuple[str, ...]] = {}


class Seen:
    """A callable as it was when it was called. Of one that is no function of Python's, itself."""

    __slots__ = ("fun",)

    def __init__(self, fun: Any) -> None:
        self.fun = fun

    def as_called(self) -> Callable[..., Any]:
        """The callable, with the names that it reads as they were."""
        return self.fun  # type: ignore[no-any-return]

    def captured(self) -> list[Any]:
        """What it referred to by name, and what the functions among that referred to."""
        return []


class SeenFunction(Seen):
    """A function, with the values of its names: of its closure, then of its globals.

    `inner` are the functions among these, by position, taken down in their turn.
    """

    __slots__ = ("inner", "names", "values")

    def __init__(self, fun: FunctionType, names: tuple[str, ...], values: tuple[Any, ...]) -> None:
        self.fun, self.names, self.values = fun, names, values
        self.inner: dict[int, SeenFunction] = {}

    def as_called(self) -> Callable[..., Any]:
        return self._copy({}) if self._changed(set()) else self.fun  # type: ignore[no-any-return]

    def captured(self) -> list[Any]:
        return self._captured(set())

    def _captured(self, met: set[int]) -> list[Any]:
        met.add(id(self))
        found = list(self.values)
        for one in self.inner.values():
            if id(one) not in met:
                found += one._captured(met)
        return found

    def _changed(self, met: set[int]) -> bool:
        met.add(id(self))
        now = _values(self.fun, self.names)
        if any([a is not b for a, b in zip(now, self.values)]):
            return True
        return any([id(one) not in met and one._changed(met) for one in self.inner.values()])

    def _copy(self, made: dict[int, Any]) -> Any:
        fun, names = self.fun, self.names
        cells = [CellType() for _ in fun.__closure__ or ()]
        count = len(cells)
        now = _values(fun, names)
        scope = fun.__globals__
        if self.inner or any([a is not b for a, b in zip(now[count:], self.values[count:])]):
            scope = dict(scope)
        copy = FunctionType(fun.__code__, scope, fun.__name__, fun.__defaults__, tuple(cells))
        copy.__kwdefaults__ = fun.__kwdefaults__
        copy.__dict__.update(fun.__dict__)
        made[id(self)] = copy  # before what is inside, which may refer to it
        for i, value in enumerate(self.values):
            if i in self.inner:
                inner = self.inner[i]
                value = made[id(inner)] if id(inner) in made else inner._copy(made)
            if value is _EMPTY:
                continue
            if i < count:
                cells[i].cell_contents = value
            else:
                scope[names[i - count]] = value
        return copy


class SeenAround(Seen):
    """A partial function or a method: what is around a function that is `seen`."""

    __slots__ = ("inner",)

    def __init__(self, fun: Any, inner: Seen) -> None:
        self.fun, self.inner = fun, inner

    def as_called(self) -> Callable[..., Any]:
        fun, inner = self.fun, self.inner.as_called()
        if inner is self.inner.fun:
            return fun  # type: ignore[no-any-return]
        if isinstance(fun, MethodType):
            return MethodType(inner, fun.__self__)
        return functools.partial(inner, *fun.args, **fun.keywords)

    def captured(self) -> list[Any]:
        if isinstance(self.fun, MethodType):
            return self.inner.captured()
        return [*self.fun.args, *self.fun.keywords.values(), *self.inner.captured()]


def seen(fun: Any) -> Seen:
    """Take down what `fun` refers to by name."""
    if type(fun) is FunctionType:
        if fun.__closure__ is None and not _globals_of(fun):
            return Seen(fun)
        return _seen(fun, {})
    if isinstance(fun, functools.partial):
        return SeenAround(fun, seen(fun.func))
    if isinstance(fun, MethodType):
        return SeenAround(fun, seen(fun.__func__))
    return Seen(fun)


def _seen(fun: FunctionType, found: dict[int, SeenFunction]) -> SeenFunction:
    names = _globals_of(fun)
    made = found[id(fun)] = SeenFunction(fun, names, _values(fun, names))
    cells = len(fun.__closure__ or ())
    for i, value in enumerate(made.values):
        if type(value) is not FunctionType or value.__module__ == "pluggrad":
            continue
        # Functions of other modules are reached through a closure only, as decorators do.
        if i >= cells and value.__globals__ is not fun.__globals__:
            continue
        if value.__closure__ is not None or _globals_of(value):
            made.inner[i] = found[id(value)] if id(value) in found else _seen(value, found)
    return made


def _values(fun: FunctionType, names: tuple[str, ...]) -> tuple[Any, ...]:
    try:
        values = tuple([cell.cell_contents for cell in fun.__closure__ or ()])
    except ValueError:
        values = tuple([_content(cell) for cell in fun.__closure__ or ()])
    if not names:
        return values
    scope = fun.__globals__
    return values + tuple([scope.get(name, _EMPTY) for name in names])


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


def _globals_of(fun: FunctionType) -> tuple[str, ...]:
    """The names of module globals that the code of `fun` reads, nested functions included."""
    code = fun.__code__
    found = _globals_by_code.get(code)
    if found is None:
        if len(_globals_by_code) >= _CACHE:
            _globals_by_code.clear()
        found = _globals_by_code[code] = tuple(dict.fromkeys(_read_by(code)))
    return found


def _read_by(code: CodeType) -> list[str]:
    found = [
        str(step.argval) for step in dis.get_instructions(code)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    ]  # fmt: skip
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found += _read_by(constant)
    return found
