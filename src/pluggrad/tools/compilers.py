"""Prepare compilers that read Python code, such as torch.compile, for pluggrad; and einops and
scipy.fft.

A tracer that only follows arrays, such as JAX's, needs no preparation. A compiler that reads code
must be told about functions that it could not work out itself. It may be imported long after
pluggrad, so a finder on `sys.meta_path` watches for its import. einops must be told, too: it knows
arrays by a class for each library, and ours is in a package of its own; so do POT and pymanopt. And
scipy.fft asks those who have registered.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..arrays.backend import BACKENDS, PRIMITIVES, Backend, get_backend
from ..arrays.composites import COMPOSITES
from ..arrays.dispatch import find_for, is_variable
from ..arrays.host import PREFIX
from ..arrays.standard import CREATION, INQUIRIES
from ..engine.replacements import MIRRORS
from ..errors import UnsupportedError
from ..variables.names import ALIASES, EXTENSIONS
from ..variables.top_level import FOUND

__all__ = ["find_all", "watch"]


class Transforms:
    """What `scipy.fft` calls, by the protocol of uarray, when a Variable is among the arguments."""

    __ua_domain__ = "numpy.scipy.fft"

    @staticmethod
    def __ua_function__(method: Any, args: Any, kwargs: Any) -> Any:
        if not any(map(is_variable, (*args, *kwargs.values()))) or "scipy" not in MIRRORS:
            return NotImplemented
        ours = MIRRORS["scipy"]().fft
        name = method.__name__
        return getattr(ours, name)(*args, **kwargs) if name in ours.__all__ else NotImplemented


#: The modules to watch for, and what prepares each: an adapter's `compiler`, or an import.
WATCHED: dict[str, Callable[[], object]] = {
    "torch._dynamo": lambda: get_backend("torch").adapter.compiler(),
    "einops._backends": lambda: import_module("pluggrad_einops"),
    "ot.backend": lambda: import_module("pluggrad_pot"),
    "pymanopt.function": lambda: import_module("pluggrad_pymanopt"),
    "scipy.fft": lambda: sys.modules["scipy.fft"].register_backend(Transforms),
}


def watch() -> None:
    """Prepare the modules that are imported already, and watch for the import of others."""
    sys.meta_path.insert(0, Finder())
    for name in WATCHED:
        if name in sys.modules:
            tell(name)


def tell(name: str) -> None:
    """Prepare the module `name` for pluggrad; warn if that fails."""
    try:
        WATCHED[name]()
    except Exception as error:  # the module must keep working for other code
        pieces = name == "torch._dynamo"
        effect = "compile what uses it in pieces" if pieces else "not know Variables"
        warnings.warn(
            f"{name} was not told about pluggrad, and will {effect}: "
            f"{type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=2,
        )


class Finder:
    """A finder that finds nothing itself, and adds `tell` to the import of a module."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the other finders give for a watched module, made to call `tell`."""
        if name not in WATCHED:
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            find: Any = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                return telling(spec)
        return None


def telling(spec: ModuleSpec) -> ModuleSpec:
    """`spec`, changed so that `tell` runs as soon as its module is loaded."""
    loader: Any = spec.loader
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        """Run the module, then prepare it."""
        execute(module)
        if module.__name__ == spec.name:
            tell(spec.name)

    loader.exec_module = exec_module
    return spec


def find_all(pluggrad: Any, backend: Backend, *arrays: type) -> None:
    """Create now everything that pluggrad otherwise creates on first use.

    These are the functions of `backend` for its `arrays` and for Variables. A compiler that reads
    code can look them up, but cannot create them. `pluggrad` is our package; its top-level
    functions are registered for these types.
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
        if not name.startswith(PREFIX):  # functions of SciPy's run on the host
            find_for(name, backend, arrays)
    for primitive in PRIMITIVES.values():
        for position in range(64):
            primitive.rule(position)
