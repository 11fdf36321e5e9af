"""How a function of SciPy's is called: SciPy's own for plain arrays, ours for Variables."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ....engine.handles import raw_of
from ....engine.levels import ROOT, read
from ....errors import MissingFunctionError, UnknownNameError
from ..trees import holds_variables, is_array, plain

__all__ = ["passing_through", "two_ways"]


def _scipy(module: str) -> ModuleType:
    """SciPy's module of that name."""
    try:
        return importlib.import_module(f"scipy.{module}")
    except ModuleNotFoundError:
        raise MissingFunctionError(
            "SciPy is not installed: `pip install pluggrad[scipy]`"
        ) from None


def two_ways(theirs: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    """SciPy's function `theirs`, in whose place `ours` is called if an argument is a Variable, or
    a function inside a transform: that may have captured some."""

    @functools.wraps(theirs, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        given = (*args, *kwargs.values()) if kwargs else args
        if any([holds_variables(x) for x in given]):
            return ours(*args, **kwargs)
        if read().level is not ROOT and any([callable(x) and not is_array(x) for x in given]):
            y = ours(*args, **kwargs)
            return y if _followed(y) else _plain(y)
        return theirs(*args, **kwargs)

    return call


def _followed(y: Any) -> bool:
    """Whether a result belongs to a transform, or its gradient is asked for."""
    if isinstance(y, (tuple, list)):
        return any([_followed(item) for item in y])
    return is_array(y) and hasattr(y, "_level") and (y._level is not ROOT or y.requires_grad)


def _plain(y: Any) -> Any:
    """A result with plain arrays in the place of Variables."""
    if isinstance(y, (tuple, list)) and not hasattr(y, "_fields"):
        return type(y)([_plain(item) for item in y])
    return plain(raw_of(y))


def passing_through(module: str, here: dict[str, Any]) -> tuple[Any, Any]:
    """`__getattr__` and `__dir__` of the module that stands for ``scipy.<module>``, whose own names
    are `here`."""

    def find(name: str) -> Any:
        if name.startswith("__"):
            raise UnknownNameError(f"module 'autograd.scipy.{module}' has no attribute {name!r}")
        theirs = getattr(_scipy(module), name, None)
        ours_module = importlib.import_module(f"pluggrad.scipy.{module}")
        ours = getattr(ours_module, name, theirs)
        if theirs is None and ours is None:
            raise UnknownNameError(f"module 'autograd.scipy.{module}' has no attribute {name!r}")
        found: Any = ours if theirs is None else theirs
        if callable(found) and not isinstance(found, type):
            found = two_ways(found, ours or found)
        here[name] = found
        return found

    def names() -> list[str]:
        theirs = dir(_scipy(module))
        return sorted({*(n for n in here if not n.startswith("_")), *theirs})

    return find, names
