"""The namespace that `pluggrad` itself is: functions that dispatch on their arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..arrays.backend import BACKENDS, LIBRARIES, PRIMITIVES, Backend, backend_of, get_backend
from ..arrays.choice import get_default_backend
from ..arrays.composites import COMPOSITES
from ..arrays.standard import CREATION, INQUIRIES
from .names import ALIASES, EXTENSIONS, public_names, signature_of, unknown_name
from .namespace import describe, is_dtype

__all__ = ["FOUND", "top_level"]


FOUND: dict[str, dict[Any, Callable[..., Any]]] = {}  # by name, then by type or backend


def top_level(name: str) -> Any:
    """`pluggrad.<name>`: a function that dispatches on its arguments."""
    if name in EXTENSIONS:
        return _extension(name)
    return _TopLevel("").find(name)


@functools.cache
def _extension(name: str) -> Any:
    """`pluggrad.<name>`, the same object each time."""
    return _TopLevel(f"{name}.")


class _TopLevel:
    """A namespace whose functions dispatch on their arguments, such as `pluggrad.linalg`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.__name__ = f"pluggrad.{prefix[:-1]}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self.find(name)
        setattr(self, name, found)
        return found

    def __reduce__(self) -> Any:
        """For pickle: by name."""
        return top_level, (self._prefix[:-1],)

    def __repr__(self) -> str:
        return f"<{self.__name__}>"

    def __dir__(self) -> list[str]:
        return ["__doc__", "__name__", *public_names(self._prefix)]

    def find(self, name: str) -> Any:
        """The function or constant called `name`. A function looks up its backend at each call."""
        full = self._prefix + name
        full = ALIASES.get(full, full)
        sample: Any = None
        if full not in PRIMITIVES and full not in COMPOSITES and full not in INQUIRIES:
            sample = _lookup(get_default_backend(), full)
            if not callable(sample) or isinstance(sample, type) or is_dtype(sample):
                return sample
        elif full not in COMPOSITES and full in PRIMITIVES and PRIMITIVES[full].private:
            raise unknown_name(full, "pluggrad")

        functions = FOUND.setdefault(full, {})

        def call(*args: Any, **kwargs: Any) -> Any:
            first = functions.get(type(args[0])) if args else None
            if first is not None:
                return first(*args, **kwargs)
            backend = BACKENDS.get(type(args[0])) if args else None
            if backend is not None:
                functions[type(args[0])] = _lookup(backend, full)
            else:
                backend = _backend_among((*args, *kwargs.values()))
                if backend is None and full in INQUIRIES:
                    backend = _backend_of_dtypes((*args, *kwargs.values()))
                if backend is None:
                    backend = get_default_backend()
            function = functions.get(backend)
            if function is None:
                function = functions[backend] = _lookup(backend, full)
            return function(*args, **kwargs)

        call.__name__ = name
        call.__module__ = "pluggrad"
        known = full not in COMPOSITES and (sample is None or full in CREATION or full == "asarray")
        if full in COMPOSITES:
            functools.update_wrapper(call, COMPOSITES[full])
            call.__module__ = "pluggrad"
        elif known:
            call.__signature__ = signature_of(full)  # type: ignore[attr-defined]
        else:
            call.__doc__ = sample.__doc__
        describe(call, self._prefix + name)
        call.__qualname__ = self._prefix + name  # how pickle finds it in `pluggrad`
        return call


def _lookup(backend: Backend, full: str) -> Any:
    """The function or constant `full` of the namespace of `backend`."""
    found: Any = backend.namespace
    for part in full.split("."):
        found = getattr(found, part)
    return found


def _backend_among(values: Any) -> Backend | None:
    """The backend of the first array among `values`, also inside lists and tuples."""
    found: Backend | None = None
    for x in values:
        if type(x) is list or type(x) is tuple:
            found = _backend_among(x)
        elif hasattr(x, "shape") and hasattr(x, "dtype") and not isinstance(x, type):
            found = backend_of(x)
        if found is not None:
            break
    return found


def _backend_of_dtypes(values: Any) -> Backend | None:
    """The backend whose library made the first dtype among `values`."""
    for x in values:
        module = (x if isinstance(x, type) else type(x)).__module__.split(".")[0]
        if module in LIBRARIES:
            return get_backend(LIBRARIES[module])
    return None
