"""What an adopted package sees in the place of each object of NumPy's, `math`'s and SciPy's."""

from __future__ import annotations

import functools
import math
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy

import pluggrad.numpy as facade

from . import math as our_math
from .compiled import is_compiled, is_numba, stand_in, vectorized
from .either import adopted_scipy, pairs
from .scalars import SCALAR_TYPES

__all__ = ["original_of", "ready", "replacement_of"]

#: By the id of the original: the original, and what stands for it.
_table: dict[int, tuple[Any, Any]] = {}
_scipy_modules = -1


def _add(theirs: Any, ours: Any) -> None:
    _table.setdefault(id(theirs), (theirs, ours))


def _add_names(theirs: ModuleType, ours: Any) -> None:
    """The functions and classes of a module of NumPy's, and of the modules in it."""
    _add(theirs, ours)
    for name in dir(theirs):
        if name.startswith("_"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found, other = getattr(theirs, name), getattr(ours, name)
            except Exception:  # a name that NumPy has given up
                continue
        if other is found or not callable(found):
            if isinstance(found, ModuleType) and isinstance(other, ModuleType) and (
                other is not found and id(found) not in _table
                and found.__name__.startswith("numpy.")
            ):  # fmt: skip
                _add_names(found, other)
            continue
        if not isinstance(found, type) or isinstance(other, type):
            _add(found, other)


def _fill() -> None:
    """Make the table complete for the modules of SciPy's that are loaded now."""
    global _scipy_modules
    if not _table:
        _add_names(numpy, facade)
        _add(numpy.ndarray, facade.ndarray)
        for theirs, ours in SCALAR_TYPES.items():
            _add(theirs, ours)
        _add(math, our_math)
        for name in our_math.__all__:
            if callable(found := getattr(math, name)):
                _add(found, getattr(our_math, name))
    loaded = sum([name.startswith("scipy.") for name in sys.modules])
    if loaded != _scipy_modules:
        _scipy_modules = loaded
        if "scipy" in sys.modules:
            for theirs, ours in pairs():
                _add(theirs, ours)


def replacement_of(x: Any) -> Any:
    """What stands for `x` in an adopted package; `x` itself if it stays."""
    found = _table.get(id(x))
    if found is not None and found[0] is x:
        return found[1]
    if isinstance(x, ModuleType):
        name = x.__name__
        return adopted_scipy(x) if name == "scipy" or name.startswith("scipy.") else x
    kind = type(x)
    if kind is numpy.vectorize:
        return _kept(x, vectorized)
    if is_compiled(x) or is_numba(x):
        return _kept(x, stand_in)
    if kind is functools.partial:
        inner = replacement_of(x.func)
        args = [replacement_of(a) for a in x.args]
        named = {key: replacement_of(a) for key, a in x.keywords.items()}
        same = inner is x.func and all([a is b for a, b in zip(args, x.args)]) and all(
            [named[key] is x.keywords[key] for key in named]
        )  # fmt: skip
        return x if same else functools.partial(inner, *args, **named)
    return x


def original_of(x: Any) -> Any:
    """What `x` stands for in an adopted package; `x` itself if it stands for nothing."""
    for theirs, ours in _table.values():
        if ours is x:
            return theirs
    if isinstance(x, ModuleType) and x.__name__.partition(".")[0] == "scipy":
        return sys.modules.get(x.__name__, x)
    return x


def _kept(x: Any, make: Callable[[Any], Any]) -> Any:
    """``make(x)``, the same at each call."""
    made = make(x)
    _add(x, made)
    return made


def ready() -> None:
    """Prepare `replacement_of` for objects of all modules that are loaded."""
    _fill()
