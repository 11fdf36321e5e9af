"""Finding the tracked Variables that a function brings along, which nobody handed it."""

from __future__ import annotations

import functools
from types import FunctionType, MethodType, ModuleType
from typing import Any

from ..arrays.backend import BACKENDS, VARIABLES
from .closures import seen
from .levels import ROOT, VOLATILE

__all__ = ["brought_along", "loses"]

#: How deep to look into lists, dicts and attributes.
DEPTH = 4


def loses(x: Any) -> bool:
    """Whether a gradient would be lost if `x` were taken as a raw array."""
    if type(x) not in VARIABLES:
        return False
    return x._level not in (ROOT, VOLATILE) or x._read()[1] is not None


def brought_along(fun: Any) -> Any:
    """A Variable whose gradient would be lost if another process called `fun`; None if there is
    none. It is the content of a closure, a global, a default, an argument of a partial function, or
    an attribute of the object that is called; or inside a list, dict or object among these.

    >>> import numpy as np, pluggrad as pg
    >>> w = pg.Variable(np.ones(2), requires_grad=True)
    >>> brought_along(lambda x: x * w) is w, brought_along(lambda x: x * 2)
    (True, None)
    """
    noted = seen(fun)
    values: list[Any] = list(noted.variables)
    while type(fun) in (functools.partial, MethodType):
        if isinstance(fun, functools.partial):
            values += [*fun.args, *fun.keywords.values()]
            fun = fun.func
        else:
            values.append(fun.__self__)
            fun = fun.__func__
        noted = getattr(noted, "inner", noted)
    if type(fun) is not FunctionType and callable(fun):
        values.append(fun)
        noted = seen(vars(type(fun)).get("__call__"))
    for record in getattr(noted, "records", ()):
        values += record.values
        values += getattr(record.of, "__defaults__", None) or ()
        values += (getattr(record.of, "__kwdefaults__", None) or {}).values()
    return _first(values, DEPTH, set())


def _first(values: Any, depth: int, known: set[int]) -> Any:
    """The first such Variable in `values`."""
    for x in values:
        if loses(x):
            return x
        inside = _inside(x)
        if inside and depth and id(x) not in known:
            known.add(id(x))
            found = _first(inside, depth - 1, known)
            if found is not None:
                return found
    return None


def _inside(x: Any) -> Any:
    """What a list, a dict or an object holds; nothing for functions, modules, classes, arrays."""
    kind = type(x)
    if kind in (int, float, str, bool, ModuleType, FunctionType) or isinstance(x, type):
        return ()
    if isinstance(x, (list, tuple, set)):
        return x
    if isinstance(x, dict):
        return list(x.values())
    if kind in VARIABLES or kind in BACKENDS:
        return ()
    return list(getattr(x, "__dict__", {}).values())
