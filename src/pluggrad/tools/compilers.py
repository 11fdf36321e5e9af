"""Compilers that read code are told about pluggrad at the moment when they are imported.

A tracer that only follows arrays, such as JAX's, needs nothing. One that reads the code itself has
to know what it could not make out, and may be imported long after pluggrad: a finder on
`sys.meta_path` waits for it, and finds nothing itself.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..arrays.backend import get_backend

__all__ = ["watch"]

#: The module of a compiler, and the backend whose adapter tells it.
COMPILERS = {"torch._dynamo": "torch"}


def watch() -> None:
    """Tell the compilers that are there, and wait for the others."""
    sys.meta_path.insert(0, Finder())
    for name in COMPILERS:
        if name in sys.modules:
            tell(name)


def tell(name: str) -> None:
    """Have the adapter make the compiler `name` ready for pluggrad."""
    try:
        get_backend(COMPILERS[name]).adapter.compiler()
    except Exception as error:  # what does not concern pluggrad has to work nevertheless
        warnings.warn(
            f"{name} was not told about pluggrad, and will compile what uses it in pieces: "
            f"{type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=2,
        )


class Finder:
    """Lets the other finders look for a compiler, and adds to its import what is told to it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in COMPILERS:
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            find: Any = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                return telling(spec)
        return None


def telling(spec: ModuleSpec) -> ModuleSpec:
    """`spec`, whose module is told about pluggrad as soon as it is complete."""
    loader: Any = spec.loader
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        if module.__name__ == spec.name:
            tell(spec.name)

    loader.exec_module = exec_module
    return spec
