"""Engines: what turns a function into something faster.

The engine `numpy` is here. Others are plugins, in the entry-point group ``pluggrad.engines``.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Any

from ..errors import BackendError
from .emit import emitted
from .passes import shorten
from .program import Program
from .tracing import traced

__all__ = ["Engine", "NumpyEngine", "engines", "get_engine", "program_of"]

GROUP = "pluggrad.engines"


class Engine:
    """One compiler. A plugin makes a subclass, and registers an object of it as an entry point in
    the group ``pluggrad.engines``."""

    #: The name by which users choose it.
    name: str = ""
    #: Whether it compiles the program that pluggrad has traced. Otherwise it runs the function on
    #: tracers of its own.
    uses_program: bool = False

    def make(
        self, function: Callable[..., Any], leaves: Sequence[Any], program: Program | None = None
    ) -> Callable[..., Sequence[Any]]:
        """A faster version of `function`.

        `function` takes raw arrays and Python floats like `leaves`, and returns a tuple of raw
        arrays. So does what is returned here: arrays of the same library as `leaves`, with the
        dtypes that eager execution gives.
        """
        raise NotImplementedError


class NumpyEngine(Engine):
    """Straight-line NumPy, equal to eager execution to the last bit."""

    name = "numpy"
    uses_program = True

    def make(
        self, function: Callable[..., Any], leaves: Sequence[Any], program: Program | None = None
    ) -> Callable[..., Sequence[Any]]:
        """The program as Python source, compiled by Python."""
        assert program is not None
        return emitted(program)


_numpy = NumpyEngine()


@functools.cache
def engines() -> dict[str, Any]:
    """The entry points of engines that are installed, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


@functools.cache
def get_engine(name: str) -> Engine:
    """The engine called `name`. For an unknown name, BackendError lists the installed ones."""
    if name == "numpy":
        return _numpy
    if name not in engines():
        names = ", ".join(sorted(["auto", "numpy", *engines()]))
        raise BackendError(f"there is no engine {name!r}; installed are {names}")
    try:
        engine: Engine = engines()[name].load()
    except ImportError as error:
        raise BackendError(f"the engine {name!r} cannot be loaded: {error}") from error
    return engine


def program_of(function: Callable[..., Any], leaves: Sequence[Any], users: set[int]) -> Program:
    """The program of `function`, traced on `leaves` and made short. `users` are the ids of arrays
    that belong to the user for certain: the program refers to them weakly."""
    program, known = traced(function, leaves)
    while known:
        x, value = known.pop()
        # Nobody else holds an array that the function made: this name, and the call's argument do.
        if id(x) in users or sys.getrefcount(x) > 2:
            program.hidden.append((value, weakref.ref(x)))
        else:
            program.constants.append((value, x))
    return shorten(program)
