"""Remembering the values that a function refers to by name, as they were when it was called.

Derivative rules and checkpointed functions run again later, and Python then looks up the names they
close over: in a loop, the loop's variable has moved on. `seen` notes the contents of the closure
and the globals that the code reads, and does the same for the functions among these.
`Seen.as_called` returns the function with these values.

Values reached through an object (an attribute, the items of a list or dict) are not noted.
"""

from __future__ import annotations

import copy
import dis
import functools
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import is_
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ..arrays.backend import VARIABLES

__all__ = ["EMPTY", "PARTS", "Seen", "SeenModules", "seen"]

#: For each class of callables made of functions: the attributes that hold these functions.
PARTS: dict[type, tuple[str, ...]] = {}

NONE: dict[int, int] = {}  # no inner records; shared and never written
#: Stands for the content of an empty closure cell, and for a name that is not among the globals,
#: such as that of a builtin.
EMPTY: Any = object()
STEADY = frozenset({ModuleType, type(EMPTY)})  # types of globals that rarely change
_CACHE = 4096
_STEADY_FUNCTIONS = 16  # how many a dict of them holds; rules that are redefined bring ever more
_globals_by_code: dict[CodeType, tuple[str, ...]] = {}


class Seen:
    """A callable, and what it referred to when it was called. This base class notes nothing: it
    serves callables that refer to nothing, or that are not Python functions.

    `variables` are the Variables that the callable, or a function noted with it, refers to.
    """

    __slots__ = ("fun", "variables")

    def __init__(self, fun: Any, variables: Sequence[Any] = ()) -> None:
        self.fun, self.variables = fun, variables

    def as_called(self) -> Callable[..., Any]:
        """The callable, with the names that it reads bound to their values at the time of the
        call."""
        return self.fun  # type: ignore[no-any-return]


class _Record:
    """One function (or callable made of functions), and the values that it referred to.

    `names` are the globals that it reads (or its attributes in `PARTS`). `values` are the contents
    of its closure, then the values of `names`. `inner` maps the number of a value to the number of
    its own record, if it has one: with numbers, functions that refer to each other make no
    reference cycle.
    """

    __slots__ = ("inner", "names", "of", "values")

    def __init__(self, of: Any, names: tuple[str, ...]) -> None:
        self.of, self.names, self.inner = of, names, NONE
        self.values = _values(of, names)


class SeenFunction(Seen):
    """A function, with records of itself (the first one) and of all functions that it leads to."""

    __slots__ = ("records",)

    def __init__(self, fun: FunctionType, names: tuple[str, ...]) -> None:
        self.fun, self.records = fun, [_Record(fun, names)]
        self.variables = _follow(self.records)

    def as_called(self) -> Callable[..., Any]:
        """The function itself if nothing has changed; otherwise a copy with the noted values."""
        for record in self.records:
            if not all(map(is_, _values(record.of, record.names), record.values)):
                return self._copied()
        return self.fun  # type: ignore[no-any-return]

    def _copied(self) -> Callable[..., Any]:
        """Copies of all functions in the records, referring to each other and to the noted values;
        returns the copy of the first."""
        made = [_shell(record.of) for record in self.records]
        for record, shell in zip(self.records, made, strict=True):
            values = [made[record.inner[i]] if i in record.inner else value
                      for i, value in enumerate(record.values)]  # fmt: skip
            if type(shell) is FunctionType:
                _fill(shell, record, values)
            else:
                for name, value in zip(record.names, values, strict=True):
                    setattr(shell, name, value)
        return made[0]  # type: ignore[no-any-return]


class SeenModules(SeenFunction):
    """A function that refers to modules and builtins only, as most rules do. They rarely change
    between calls, so one record serves all calls while they `hold`."""

    __slots__ = ("find", "pairs")

    def __init__(self, fun: FunctionType, names: tuple[str, ...]) -> None:
        super().__init__(fun, names)
        self.find = fun.__globals__.get
        self.pairs = tuple(zip(names, self.records[0].values, strict=True))

    def __reduce__(self) -> Any:
        """Pickle the function and the names: `find` would take all globals along."""
        return SeenModules, (self.fun, self.records[0].names)

    def holds(self) -> bool:
        """Whether the names still have the noted values."""
        find = self.find
        # One name, most often: with a generator, or with `map`, it would take twice as long.
        return not [name for name, value in self.pairs if find(name, EMPTY) is not value]

    def as_called(self) -> Callable[..., Any]:
        """The function itself if its names have not changed; otherwise a copy."""
        return self.fun if self.holds() else self._copied()


class SeenAround(Seen):
    """A partial function or a method, around an `inner` function that was `seen`."""

    __slots__ = ("inner",)

    def __init__(self, fun: Any, inner: Seen) -> None:
        given = (*fun.args, *fun.keywords.values()) if isinstance(fun, functools.partial) else ()
        super().__init__(fun, [*inner.variables, *[x for x in given if type(x) in VARIABLES]])
        self.inner = inner

    def as_called(self) -> Callable[..., Any]:
        """The same around the inner function as it was called."""
        fun, inner = self.fun, self.inner.as_called()
        if inner is self.inner.fun:
            return fun  # type: ignore[no-any-return]
        if isinstance(fun, MethodType):
            return MethodType(inner, fun.__self__)
        return functools.partial(inner, *fun.args, **fun.keywords)


def seen(fun: Any, steady: dict[FunctionType, SeenModules] | None = None) -> Seen:
    """Note the values that `fun` refers to by name. If these are modules and builtins only, the
    result is stored in `steady` for later calls."""
    if type(fun) is FunctionType:
        if steady and (known := steady.get(fun)) is not None and known.holds():
            return known
        names = _globals_of(fun)
        if fun.__closure__ is not None or fun.__defaults__:
            return SeenFunction(fun, names)
        if not names and steady is None:
            return Seen(fun)
        if steady is None or not all([type(x) in STEADY for x in _values(fun, names)]):
            return SeenFunction(fun, names)
        if len(steady) >= _STEADY_FUNCTIONS:
            steady.clear()
        steady[fun] = known = SeenModules(fun, names)
        return known
    if isinstance(fun, functools.partial):
        return SeenAround(fun, seen(fun.func))
    if isinstance(fun, MethodType):
        return SeenAround(fun, seen(fun.__func__))
    return Seen(fun)


# ---------------------------------------------------------------- noting values


def _follow(records: list[_Record]) -> Sequence[Any]:
    """Extend `records`, which begins with the record of one function, by the functions that it
    leads to. Returns the Variables found on the way."""
    numbers: dict[int, int] | None = None  # record numbers by id; most functions need none
    variables: Sequence[Any] = ()
    for record in records:  # grows during the loop
        for i, value in enumerate(record.values):
            kind = type(value)
            if kind in VARIABLES:
                variables = (*variables, value)
            if (kind is not FunctionType and kind not in PARTS) or not _leads_on(
                record.of, i, value
            ):
                continue
            if numbers is None:
                numbers = {id(record.of): 0}
            number = numbers.setdefault(id(value), len(records))
            if number == len(records):
                names = _globals_of(value) if kind is FunctionType else PARTS[kind]
                records.append(_Record(value, names))
            if record.inner is NONE:
                record.inner = {}
            record.inner[i] = number
        if type(record.of) is FunctionType and record.of.__defaults__:
            variables = (*variables, *[x for x in record.of.__defaults__ if type(x) in VARIABLES])
    return variables


def _leads_on(fun: Any, i: int, value: Any) -> bool:
    """Whether value number `i` of `fun` needs a record of its own. It is a function, or a callable
    made of functions, as `fun` is."""
    if type(value) is not FunctionType:
        return True
    if value.__module__ == "pluggrad":
        return False
    if value.__closure__ is None and not _globals_of(value):
        return False
    if type(fun) is not FunctionType or i < len(fun.__closure__ or ()):
        return True
    # Of the globals, only functions of the same module count. A closure, such as a decorator's, may
    # also lead to functions of other modules.
    return value.__globals__ is fun.__globals__


def _values(of: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """The present `values` of a `_Record` for `of`."""
    if type(of) is not FunctionType:
        return tuple([getattr(of, name) for name in names])
    # (`tuple(map(...))` would allocate room for ten.)
    values = (*map(of.__globals__.get, names, repeat(EMPTY)),)
    cells = of.__closure__
    return values if cells is None else (*map(_content, cells), *values)


def _content(cell: CellType) -> Any:
    """The content of a closure cell, or `EMPTY`."""
    try:
        return cell.cell_contents
    except ValueError:
        return EMPTY


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
    """The names of globals that `code` reads, found in its bytecode."""
    found = [
        str(step.argval) for step in dis.get_instructions(code)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    ]  # fmt: skip
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found += _read_by(constant)
    return found


# ---------------------------------------------------------------- making copies


def _shell(of: Any) -> Any:
    """A copy of a function, with empty closure cells, or of a callable made of functions."""
    if type(of) is not FunctionType:
        return copy.copy(of)
    cells = tuple([CellType() for _ in of.__closure__ or ()])
    made = FunctionType(of.__code__, dict(of.__globals__), of.__name__, of.__defaults__, cells)
    made.__kwdefaults__ = of.__kwdefaults__
    made.__dict__.update(of.__dict__)
    return made


def _fill(made: FunctionType, record: _Record, values: list[Any]) -> None:
    """Give `made`, the copy of a function, the `values` of its record."""
    cells = made.__closure__ or ()
    for cell, value in zip(cells, values):
        if value is not EMPTY:
            cell.cell_contents = value
    for name, value in zip(record.names, values[len(cells) :], strict=True):
        if value is EMPTY:
            made.__globals__.pop(name, None)
        else:
            made.__globals__[name] = value
