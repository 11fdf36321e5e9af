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

from .backend import VARIABLES

__all__ = ["Seen", "seen"]

NONE: dict[int, Any] = {}  # no functions inside; nobody writes it
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

    @property
    def variables(self) -> list[Any]:
        """The Variables that it refers to by name, or that a function which it names refers to."""
        return []


class SeenFunction(Seen):
    """A function, with the values of its names: of its closure, then of its globals.

    `inner` are the functions among these, by position, taken down in their turn.
    """

    __slots__ = ("_variables", "inner", "names", "values")

    def __init__(self, fun: FunctionType, names: tuple[str, ...], values: tuple[Any, ...]) -> None:
        self.fun, self.names, self.values = fun, names, values
        self.inner: dict[int, SeenFunction] = NONE
        self._variables: Any = ()

    @property
    def variables(self) -> list[Any]:
        return self._all(set()) if self.inner else list(self._variables)

    def _all(self, met: set[int]) -> list[Any]:
        met.add(id(self))
        found = list(self._variables)
        for one in self.inner.values():
            if id(one) not in met:
                found += one._all(met)
        return found

    def as_called(self) -> Callable[..., Any]:
        return self._copy({}) if self._changed(set()) else self.fun  # type: ignore[no-any-return]

    def _changed(self, met: set[int]) -> bool:
        met.add(id(self))
        for a, b in zip(_values(self.fun, self.names), self.values):
            if a is not b:
                return True
        return bool(self.inner) and any(
            [id(one) not in met and one._changed(met) for one in self.inner.values()]
        )

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
            if i < count:
                if value is not _EMPTY:
                    cells[i].cell_contents = value
            elif value is not now[i] or i in self.inner:
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

    @property
    def variables(self) -> list[Any]:
        found = self.inner.variables
        if isinstance(self.fun, functools.partial):
            given = (*self.fun.args, *self.fun.keywords.values())
            found = found + [x for x in given if type(x) in VARIABLES]
        return found


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
    values = _values(fun, names)
    made = found[id(fun)] = SeenFunction(fun, names, values)
    for i, value in enumerate(values):
        kind = type(value)
        if kind is FunctionType:
            _seen_inside(made, i, value, found)
        elif kind in VARIABLES:
            made._variables = (*made._variables, value)
    return made


def _seen_inside(
    made: SeenFunction, i: int, value: FunctionType, found: dict[int, SeenFunction]
) -> None:
    """Take down what a function refers to that another refers to, as its value number `i`."""
    if value.__module__ == "pluggrad":
        return
    fun = made.fun
    # Functions of other modules are reached through a closure only, as decorators do.
    if i >= len(fun.__closure__ or ()) and value.__globals__ is not fun.__globals__:
        return
    if value.__closure__ is not None or _globals_of(value):
        if made.inner is NONE:
            made.inner = {}
        made.inner[i] = found[id(value)] if id(value) in found else _seen(value, found)


def _values(fun: FunctionType, names: tuple[str, ...]) -> tuple[Any, ...]:
    closure = fun.__closure__
    if closure is None:
        return tuple(map(fun.__globals__.get, names))
    try:
        values = [cell.cell_contents for cell in closure]
    except ValueError:
        values = [_content(cell) for cell in closure]
    return (*values, *map(fun.__globals__.get, names))


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
