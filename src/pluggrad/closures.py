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

__all__ = ["Seen", "captured_values", "seen"]

_EMPTY: Any = object()  # the content of a cell that has none yet
_CACHE = 4096
_globals_by_code: dict[CodeType, tuple[str, ...]] = {}


class Seen:
    """A function, with the values that its names had: of its closure, then of its globals.

    `inner` are the functions among these, by position, taken down in their turn.
    """

    __slots__ = ("fun", "inner", "names", "values")

    def __init__(self, fun: FunctionType, names: tuple[str, ...], values: tuple[Any, ...]) -> None:
        self.fun, self.names, self.values = fun, names, values
        self.inner: dict[int, Seen] = {}

    def as_called(self) -> Callable[..., Any]:
        """The function as it was when it was called: itself, if nothing has changed since."""
        return self._copy({}) if self._changed(set()) else self.fun

    def _changed(self, met: set[int]) -> bool:
        met.add(id(self))
        now = _values(self.fun, self.names)
        if any([a is not b for a, b in zip(now, self.values, strict=True)]):
            return True
        return any([id(s) not in met and s._changed(met) for s in self.inner.values()])

    def _copy(self, made: dict[int, Any]) -> Any:
        fun = self.fun
        cells = [CellType() for _ in fun.__closure__ or ()]
        count = len(cells)
        now = _values(fun, self.names)
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
                scope[self.names[i - count]] = value
        return copy


def seen(fun: Any) -> Callable[[], Callable[..., Any]]:
    """Take down what `fun` refers to; what is returned gives `fun` as it is now, at any later time.

    Partial functions and methods are taken apart; other callables are handed back as they are.
    """
    if type(fun) is FunctionType:
        if fun.__closure__ is None and not _globals_of(fun):
            return lambda: fun
        return _seen(fun, {}).as_called
    if isinstance(fun, functools.partial):
        inner = seen(fun.func)
        return lambda: fun if (f := inner()) is fun.func else functools.partial(
            f, *fun.args, **fun.keywords
        )  # fmt: skip
    if isinstance(fun, MethodType):
        bound, method = fun.__self__, seen(fun.__func__)
        return lambda: fun if (f := method()) is fun.__func__ else MethodType(f, bound)
    return lambda: fun


def captured_values(fun: Any) -> list[Any]:
    """The values that `fun` refers to by name now, and those of functions among them."""
    if isinstance(fun, functools.partial):
        return [*fun.args, *fun.keywords.values(), *captured_values(fun.func)]
    if isinstance(fun, MethodType):
        return captured_values(fun.__func__)
    if type(fun) is not FunctionType:
        return []
    found: dict[int, Seen] = {}
    _seen(fun, found)
    return [value for one in found.values() for value in one.values]


def _seen(fun: FunctionType, found: dict[int, Seen]) -> Seen:
    names = _globals_of(fun)
    made = found[id(fun)] = Seen(fun, names, _values(fun, names))
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
