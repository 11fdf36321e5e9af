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

from ..arrays.backend import BACKENDS, PRIMITIVES, Backend, get_backend
from ..arrays.composites import COMPOSITES
from ..arrays.dispatch import find_for
from ..arrays.standard import CREATION, INQUIRIES
from ..errors import UnsupportedError
from ..variables.names import (
    ALIASES,
    EXTENSIONS,
)
from ..variables.top_level import FOUND

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


def find_all(pluggrad: Any, backend: Backend, *arrays: type) -> None:
    """Make now what is otherwise made when it is first asked for: the functions of `backend`, for
    its `arrays` and for Variables. A compiler that reads code can find them, and not make them.
    `pluggrad` is our package, on which the functions of the top level are set.
    """
    for name in pluggrad.__all__:
        getattr(pluggrad, name)
    for cls in arrays:
        BACKENDS[cls] = backend
    for extension in ("", *EXTENSIONS):
        inside = getattr(backend.namespace, extension) if extension else backend.namespace
        ours: Any = getattr(pluggrad, extension) if extension else pluggrad
        for name in dir(inside):
            full = f"{extension}.{name}" if extension else name
            full = ALIASES.get(full, full)
            try:
                function = getattr(inside, name)
            except (AttributeError, UnsupportedError):  # the library does not have it
                continue
            if callable(getattr(ours, name, None)) and callable(function):
                keys = (*arrays, *backend.classes, backend)
                FOUND.setdefault(full, {}).update(dict.fromkeys(keys, function))
    for name in (*PRIMITIVES, *COMPOSITES, *CREATION, *INQUIRIES):
        find_for(name, backend, arrays)
    for primitive in PRIMITIVES.values():
        for position in range(64):
            primitive.rule(position)
