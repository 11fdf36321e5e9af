"""`np.ndarray` and NumPy's scalar types, which Variables are to pass for in `isinstance` and in
``np.float64(v)``.

`np.float64` is NumPy's own class wherever it is compared, looked up or given as a dtype. Only where
it is called at once, as in ``np.float64(x)``, is it a function that takes Variables. In the same
way `np.ndarray` is NumPy's class in ``type(x) is np.ndarray``, where it is called, and as the only
argument of a call, as in ``x.view(np.ndarray)``; everywhere else it is a class of which Variables
are instances. Which of these it is, the instructions around the name tell.
"""

from __future__ import annotations

import contextlib
import dis
import importlib
import inspect
import sys
from types import ModuleType
from typing import Any

import numpy

from ..arrays.backend import VARIABLES
from ..arrays.dispatch import is_batched
from ..engine.handles import raw_of
from ..variables.variable import Variable
from .calls import dressed
from .lists import array_from, holds

__all__ = ["CLASSES", "Kind", "Module", "ndarray"]


class _Anything(type):
    """The class of `ndarray`: equal to `numpy.ndarray`, with the same instances and Variables."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, (numpy.ndarray, Variable))

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, (numpy.ndarray, Variable))

    def __eq__(cls, other: object) -> bool:
        return other is numpy.ndarray or other is cls or other in VARIABLES

    def __hash__(cls) -> int:
        return hash(numpy.ndarray)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return numpy.ndarray(*args, **kwargs)

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: Any, **kwargs: Any) -> Any:
        """A subclass of `ndarray` is one of NumPy's."""
        if bases[0] is numpy.ndarray:
            return super().__new__(mcs, name, bases, namespace)
        own = tuple([numpy.ndarray if type(base) is _Anything else base for base in bases])
        return type(own[0])(name, own, namespace, **kwargs)

    def __repr__(cls) -> str:
        return repr(numpy.ndarray)


class ndarray(numpy.ndarray, metaclass=_Anything):
    __doc__ = numpy.ndarray.__doc__
    __module__ = "numpy"
    with contextlib.suppress(ValueError):  # NumPy 2.0 does not tell it
        __signature__ = inspect.signature(numpy.ndarray)


class Kind(type):
    """The class of a subclass that stands for its base: of equal name, with the same instances."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.__mro__[1])

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, cls.__mro__[1])

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.__mro__[1]

    def __hash__(cls) -> int:
        return hash(cls.__mro__[1])


def _scalar_type(kind: Any, name: str) -> Any:
    """A function that calls the scalar type `kind`, and takes Variables."""

    def call(*args: Any) -> Any:
        if args and type(args[0]) in VARIABLES:
            return _converted(kind, *args)
        try:
            return kind(*args)
        except Exception as error:
            failed = error
        if not holds(args):
            raise failed
        return _converted(kind, *args)

    return dressed(call, kind, "pluggrad.numpy", name)


def _converted(kind: Any, x: Any) -> Any:
    """``kind(x)``. Integers and booleans of one number have no derivative, and are NumPy's."""
    if issubclass(kind, (numpy.bool_, numpy.integer)) and not is_batched(x) and x.ndim == 0:
        return kind(raw_of(x))
    return array_from(x, numpy.dtype(kind))


#: What is called in ``np.float64(x)``, by name.
CLASSES: dict[str, Any] = {
    name: _scalar_type(kind, name)
    for name, kind in vars(numpy).items()
    if isinstance(kind, type)
    and issubclass(kind, (numpy.number, numpy.bool_))
    and kind.__name__ != "timedelta64"
    and not kind.__subclasses__()  # abstract ones, such as `numpy.floating`, are never called
}

_CALL, _COMPARE, _OTHER = "call", "compare", "other"
_frame = sys._getframe
#: Code that was looked at. It is kept, so that no other code gets its id.
_seen: list[Any] = []


def _looked_up(name: str) -> property:
    """The attribute `name` of the module: the class that fits how the caller uses it."""
    theirs: Any = getattr(numpy, name)
    mine = ndarray if name == "ndarray" else CLASSES[name]
    known: dict[tuple[int, int], Any] = {}  # by the code and the place in it

    def find(module: Any) -> Any:
        frame = _frame(1)
        try:
            return known[id(frame.f_code), frame.f_lasti]
        except KeyError:
            pass
        use = _use(frame.f_code, frame.f_lasti)
        found = mine if use == (_OTHER if name == "ndarray" else _CALL) else theirs
        if len(_seen) < 100_000:  # else a program makes new code again and again
            _seen.append(frame.f_code)
            known[id(frame.f_code), frame.f_lasti] = found
        return found

    return property(find)


class Module(ModuleType):
    """The class of the module `pluggrad.numpy`."""

    def __reduce__(self) -> Any:
        """For pickle: by name."""
        return importlib.import_module, (self.__name__,)


for _name in ("ndarray", *CLASSES):
    setattr(Module, _name, _looked_up(_name))


def _use(code: Any, last: int) -> str:
    """How the attribute that the instruction at `last` loads is used."""
    found = [i for i in dis.get_instructions(code) if i.opname not in ("CACHE", "EXTENDED_ARG")]
    places = [n for n, i in enumerate(found) if i.offset == last]
    if not places or found[places[0]].opname not in ("LOAD_ATTR", "LOAD_METHOD"):
        return _OTHER
    n = places[0]
    here, before, after = found[n], found[n - 1], found[n + 1]
    if here.opname == "LOAD_METHOD" or (sys.version_info >= (3, 12) and (here.arg or 0) & 1):
        return _CALL
    if after.opname == "PUSH_NULL":
        return _CALL
    null = before.opname == "LOAD_GLOBAL" and (before.arg or 0) & 1
    if (null or found[n - 2].opname == "PUSH_NULL") and after.opname not in (
        "LOAD_ATTR", "LOAD_METHOD"
    ):  # fmt: skip
        return _CALL
    if after.opname == "IS_OP":
        return _COMPARE
    for i in found[n + 1 : n + 4]:
        if i.opname.startswith("CALL"):
            return _COMPARE if i.arg == 1 else _OTHER
        if i.opname not in ("PRECALL", "KW_NAMES", "LOAD_CONST"):
            break
    return _OTHER
