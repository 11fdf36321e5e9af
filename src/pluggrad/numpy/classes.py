"""`np.ndarray` and NumPy's scalar types, which Variables are to pass for in `isinstance` and in
``np.float64(v)``.

`np.float64` is NumPy's own class wherever it is compared, looked up or given as a dtype. Only where
it is called at once, as in ``np.float64(x)``, is it a function that takes Variables. In the same
way `np.ndarray` is NumPy's class in ``type(x) is np.ndarray``, where it is called, and as the only
argument of a call, as in ``x.view(np.ndarray)``; everywhere else it is a class of which Variables
are instances. Which of these it is, the instructions around the name tell.
"""

from __future__ import annotations

import dis
import sys
from typing import Any

import numpy

from ..arrays.backend import VARIABLES
from ..arrays.dispatch import is_batched
from ..engine.handles import raw_of
from ..variables.variable import Variable
from .calls import dressed
from .lists import array_from, holds

__all__ = ["CLASSES", "class_at"]


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


def _scalar_type(kind: Any, name: str) -> Any:
    """A function that calls the scalar type `kind`, and takes Variables."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if args and (
            type(args[0]) in VARIABLES or (type(args[0]) in (list, tuple) and holds(args[0]))
        ):
            return _converted(kind, *args, **kwargs)
        return kind(*args, **kwargs)

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
#: How a name is used, by the code and the place in it. The code is kept, so that its id is its own.
_sites: dict[tuple[int, int], tuple[str, Any]] = {}


def class_at(name: str, depth: int = 2) -> Any:
    """What the name of a class stands for, where the frame `depth` calls up asks for it."""
    frame = sys._getframe(depth)
    code, last = frame.f_code, frame.f_lasti
    known = _sites.get((id(code), last))
    if known is None:
        if len(_sites) > 50_000:  # code that is made again and again
            _sites.clear()
        known = _sites[id(code), last] = (_use(code, last), code)
    use = known[0]
    if name == "ndarray":
        return ndarray if use == _OTHER else numpy.ndarray
    return CLASSES[name] if use == _CALL else getattr(numpy, name)


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
