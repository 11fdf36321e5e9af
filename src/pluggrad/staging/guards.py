"""Guards: whether the names that a function reads still have the values that its program was made
with.

What is guarded: the closure of the function, the globals that it reads, and the same of the
functions that these lead to. Numbers and strings are compared by value, all else by identity. What
is reached through an object (an attribute, an item of a list) is not guarded.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..arrays.backend import VARIABLES
from ..engine.closures import EMPTY, Seen, SeenAround, SeenFunction, seen
from ..engine.handles import is_tracked
from ..errors import UntraceableError

__all__ = ["Guards"]

#: Compared by value.
VALUES = frozenset({float, int, complex, bool, str, bytes, type(None), np.float64, np.float32,
                    np.int64, np.bool_})  # fmt: skip
#: Held by the guard itself; other objects by weak references, so that no array of the user is kept.
HELD = (FunctionType, BuiltinFunctionType, type, MethodType, np.ufunc, tuple, frozenset)


class Guards:
    """The names that `fun` reads, as they are now. ``holds()`` tells whether they still are.

    `variables` are the Variables among them, and `arrays` the raw arrays.
    """

    holds: Callable[[], bool]

    def __init__(self, fun: Callable[..., Any]) -> None:
        self.variables: list[Any] = []
        self.arrays: list[Any] = []
        self._scope: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._tests: list[str] = []
        self._note(seen(fun))
        test = " and ".join(dict.fromkeys(self._tests)) or "True"
        self.holds = eval(f"lambda: {test}", self._scope)

    def check(self) -> None:
        """Raise UntraceableError if a Variable among the names requires grad."""
        if any([is_tracked(v) for v in self.variables]):
            raise UntraceableError(
                "it refers to a Variable that requires grad, whose graph or gradient a program "
                "would not reach; give the array as an argument, and compile "
                "`pluggrad.value_and_grad(f)`"
            )

    def _note(self, found: Seen) -> None:
        """Note what one callable refers to."""
        if isinstance(found, SeenAround):
            self._note(found.inner)
            fun = found.fun
            given = (*getattr(fun, "args", ()), *getattr(fun, "keywords", {}).values())
            for x in given:
                self._sort(x)
        elif isinstance(found, SeenFunction):
            for record in found.records:
                self._note_record(record)

    def _note_record(self, record: Any) -> None:
        """Note what one function refers to: its closure, and the globals that it reads."""
        of = record.of
        cells = of.__closure__ or () if type(of) is FunctionType else ()
        for cell, value in zip(cells, record.values, strict=False):
            self._add(f"{self._constant(cell)}.cell_contents", value)
        others = record.values[len(cells) :]
        if type(of) is not FunctionType:
            for name, value in zip(record.names, others, strict=True):
                self._add(f"{self._constant(of)}.{name}", value)
        elif not of.__globals__.get("__name__", "").startswith("pluggrad"):
            scope = self._constant(of.__globals__)
            for name, value in zip(record.names, others, strict=True):
                if value is EMPTY:  # a builtin
                    self._tests.append(f"{name!r} not in {scope}")
                else:
                    self._add(f"{scope}.get({name!r})", value)
            for x in (of.__defaults__ or ()), *(of.__kwdefaults__ or {}).values():
                self._sort(x)

    def _sort(self, x: Any) -> None:
        """Note `x` if it is a Variable or an array."""
        if type(x) in VARIABLES:
            self.variables.append(x)
        elif type(x) is np.ndarray:
            self.arrays.append(x)

    def _add(self, place: str, value: Any) -> None:
        """A test that `value` is still in its place."""
        self._sort(value)
        kind = type(value)
        if kind in VALUES:
            name = self._constant(value)
            kinds = f"type({place}) is {self._constant(kind)}"
            self._tests.append(f"({place} is {name} or ({kinds} and {place} == {name}))")
        elif isinstance(value, HELD):
            self._tests.append(f"{place} is {self._constant(value)}")
        elif not isinstance(value, ModuleType):
            try:
                reference: Any = weakref.ref(value)
            except TypeError:
                self._tests.append(f"{place} is {self._constant(value)}")
            else:
                self._tests.append(f"{place} is {self._constant(reference)}()")
                if kind in VARIABLES:
                    self._tests.append(
                        f"{place}.data is {self._constant(weakref.ref(value.data))}()"
                    )

    def _constant(self, x: Any) -> str:
        """A name in the scope for the object `x`."""
        name = self._names.get(id(x))
        if name is None:
            name = self._names[id(x)] = f"c{len(self._scope)}"
            self._scope[name] = x
        return name
