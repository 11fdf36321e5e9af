"""What is changed in the modules of an adopted package, and how it is put back.

From the names of a module the search goes on into the functions, classes, collections and objects
of the package that these lead to: default arguments, closures, class attributes, items of lists and
dicts. Everything else in the process is left alone.
"""

from __future__ import annotations

import functools
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy

from ..engine.adopted import covers
from .compiled import is_numba, python_of
from .imports import rewritten
from .replacements import original_of, ready, replacement_of

__all__ = ["Change", "Changes"]

_MISSING: Any = object()
#: Types of values that are never replaced and lead to nothing.
_PLAIN = frozenset(
    {str, int, float, complex, bool, bytes, type(None), numpy.ndarray, numpy.float64}
)
#: Collections that are searched. Others may compute what they return.
_COLLECTIONS = (dict, list, OrderedDict, defaultdict)


class Change(NamedTuple):
    """One thing that was changed: in which module, what (``"np"``, ``"Site.area"``,
    ``"f's default n"``), what it was, and what it is."""

    module: str
    what: str
    before: Any
    after: Any


class Changes:
    """The changes of one module, in the order in which they were made."""

    def __init__(self, module: ModuleType, name: str) -> None:
        self.name = name
        self.made: list[Change] = []
        self._undo: list[Callable[[], None]] = []
        self._seen: set[int] = set()
        self._todo: list[tuple[str, Any]] = []
        self._keep: list[Any] = []  # what is in `_seen` must not be freed
        self._original: dict[int, dict[str, Any]] = {}  # namespaces before the changes, by id
        self._spaces: list[tuple[dict[str, Any], frozenset[str]]] = []  # with the names then
        ready()
        spaces = [vars(module)]
        self._seen.add(id(spaces[0]))
        try:
            for space in spaces:
                self._namespace(space, spaces)
        except BaseException:
            self.undo()
            raise
        finally:
            self._todo, self._keep, self._seen, self._original = [], [], set(), {}

    def undo(self) -> None:
        """Put everything back, the last change first. What the package itself has changed in the
        meantime stays."""
        while self._undo:
            self._undo.pop()()
        for space, names in self._spaces:
            for name in [name for name in space if name not in names]:
                if (theirs := original_of(space[name])) is not space[name]:
                    space[name] = theirs  # by `global np` and an import, in a function
        self._spaces = []

    # ------------------------------------------------------------ the search

    def _namespace(self, space: dict[str, Any], spaces: list[dict[str, Any]]) -> None:
        """Change the names of a module, and all that they lead to."""
        self._original[id(space)] = original = dict(space)
        self._spaces.append((space, frozenset(space)))
        for name, value in original.items():
            if name.startswith("__") and name.endswith("__"):
                continue
            self._item(space, name, value, name)
        while self._todo:
            what, x = self._todo.pop()
            if isinstance(x, FunctionType):
                self._function(what, x)
                other = x.__globals__
                if id(other) not in self._seen and other.get("__name__") == self.name:
                    self._seen.add(id(other))
                    spaces.append(other)
            elif isinstance(x, type):
                for name, value in list(vars(x).items()):
                    self._attribute(x, name, value, f"{what}.{name}")
            elif isinstance(x, list):
                for n, value in enumerate(x):
                    self._item(x, n, value, f"{what}[{n}]")
            else:
                for key, value in list(x.items()):
                    self._item(x, key, value, f"{what}[{key!r}]")
                    self._key(x, key, what)

    def _of(self, what: str, value: Any) -> Any:
        """What `value` becomes. What it leads to is noted for later."""
        if type(value) in _PLAIN:
            return value
        found = replacement_of(value)
        if found is not value:
            if is_numba(value):
                self._note(what, value)
            return found
        kind = type(value)
        if kind is tuple or (isinstance(value, tuple) and hasattr(value, "_fields")):
            items = [self._of(f"{what}[{n}]", item) for n, item in enumerate(value)]
            if all([a is b for a, b in zip(items, value)]):
                return value
            return kind(*items) if hasattr(value, "_fields") else tuple(items)
        self._note(what, value)
        return value

    def _note(self, what: str, x: Any) -> None:
        """Note `x` for later, if it belongs to this module and may lead to more."""
        if isinstance(x, (staticmethod, classmethod, MethodType)):
            x = x.__func__
        elif isinstance(x, property):
            for part in (x.fget, x.fset, x.fdel):
                self._note(what, part)
            return
        elif isinstance(x, functools.cached_property):
            x = x.func
        elif is_numba(x):
            inner = python_of(x)
            self._compile_apart(x)
            x = inner
        inner = getattr(x, "__wrapped__", None) if callable(x) else None
        if inner is not None and not isinstance(x, type):
            self._note(what, inner)
        if id(x) in self._seen:
            return
        if isinstance(x, (FunctionType, type)):
            if x.__module__ != self.name and not self._strange(x):
                return
        elif type(x) not in _COLLECTIONS:
            home = str(type(x).__module__)
            space = getattr(x, "__dict__", None)
            if not covers(home) or isinstance(x, ModuleType) or not isinstance(space, dict):
                return
            self._seen.add(id(x))
            self._keep.append(x)
            x = space
        self._seen.add(id(x))
        self._keep.append(x)
        self._todo.append((what, x))

    def _strange(self, x: Any) -> bool:
        """Whether `x`, of another module by its name, runs with the names of this one, or belongs
        to no module that will be searched."""
        space = getattr(x, "__globals__", None)
        if not isinstance(space, dict) or not covers(str(space.get("__name__"))):
            return False
        return space.get("__name__") == self.name or x.__module__ not in sys.modules

    def _function(self, what: str, f: FunctionType) -> None:
        """Change default arguments, what the closure holds, and imports inside."""
        defaults = f.__defaults__
        if defaults:
            new = tuple([self._of(f"{what}'s default", x) for x in defaults])
            if any([a is not b for a, b in zip(new, defaults)]):
                self._set(f, "__defaults__", new, f"{what}'s defaults")
        named = f.__kwdefaults__
        if named:
            for key, value in list(named.items()):
                self._item(named, key, value, f"{what}'s default {key}")
        for cell in f.__closure__ or ():
            self._cell(cell, what)
        code = rewritten(f.__code__)
        if code is not f.__code__:
            self._set(f, "__code__", code, f"{what}'s imports")

    def _compile_apart(self, x: Any) -> None:
        """Let numba compile what it still will with the names as they were. A function of another
        module is left to the search there."""
        compiler = getattr(x, "_compiler", None) or getattr(x, "_dispatcher", None)
        f = getattr(compiler, "py_func", None)
        space = self._original.get(id(getattr(f, "__globals__", None)))
        if isinstance(f, FunctionType) and space is not None:
            cells = tuple([CellType(cell.cell_contents) for cell in f.__closure__ or ()])
            apart = FunctionType(f.__code__, space, f.__name__, f.__defaults__, cells)
            apart.__kwdefaults__, apart.__qualname__ = f.__kwdefaults__, f.__qualname__
            apart.__module__, apart.__doc__ = f.__module__, f.__doc__
            self._seen.add(id(apart))
            self._keep.append(apart)
            self._set(compiler, "py_func", apart, "")

    # ------------------------------------------------------------ single changes

    def _noted(self, what: str, before: Any, after: Any) -> None:
        if what:
            self.made.append(Change(self.name, what, before, after))

    def _item(self, owner: Any, key: Any, value: Any, what: str) -> None:
        new = self._of(what, value)
        if new is value:
            return
        owner[key] = new

        def undo() -> None:
            now = owner.get(key, _MISSING) if isinstance(owner, dict) else (
                owner[key] if key < len(owner) else _MISSING
            )  # fmt: skip
            if now is new:
                owner[key] = value

        self._undo.append(undo)
        self._noted(what, value, new)

    def _key(self, owner: dict[Any, Any], key: Any, what: str) -> None:
        """Let an item be found by what stands for its key, too."""
        new = self._of(f"{what}'s key", key) if callable(key) else key
        if new is key or new in owner:
            return
        owner[new] = owner[key]

        def undo() -> None:
            owner.pop(new, None)

        self._undo.append(undo)
        self._noted(f"{what}[{key!r}]", key, new)

    def _set(self, owner: Any, name: str, new: Any, what: str) -> None:
        before = getattr(owner, name)
        setattr(owner, name, new)

        def undo() -> None:
            if getattr(owner, name) is new:
                setattr(owner, name, before)

        self._undo.append(undo)
        self._noted(what, before, new)

    def _attribute(self, owner: type, name: str, value: Any, what: str) -> None:
        if name.startswith("__") and not callable(value):
            return
        if isinstance(value, (staticmethod, classmethod)):
            inner: Any = self._of(what, value.__func__)
            kind: Any = type(value)
            new: Any = value if inner is value.__func__ else kind(inner)
        else:
            new = self._of(what, value)
        if new is value:
            return
        if hasattr(type(new), "__get__") and not hasattr(type(value), "__get__"):
            new = staticmethod(new)  # the original did not become a method either
        try:
            type.__setattr__(owner, name, new)
        except (AttributeError, TypeError):
            return  # a class of compiled code, or one that is closed

        def undo() -> None:
            if vars(owner).get(name) is new:
                type.__setattr__(owner, name, value)

        self._undo.append(undo)
        self._noted(what, value, new)

    def _cell(self, cell: CellType, what: str) -> None:
        try:
            value = cell.cell_contents
        except ValueError:  # empty
            return
        new = self._of(what, value)
        if new is value:
            return
        cell.cell_contents = new

        def undo() -> None:
            if cell.cell_contents is new:
                cell.cell_contents = value

        self._undo.append(undo)
        self._noted(f"{what}'s closure", value, new)
