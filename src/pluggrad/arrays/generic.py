"""The adapter of libraries without a plugin: all that it relies on is the standard."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .adapter import Adapter
from .immutable import complete, has_arrays, without_new_axes

__all__ = ["UnknownLibrary"]

#: What arrays of some libraries carry beside a device, and their creation functions take under the
#: same name: cubed's resources, a communicator of MPI, a queue of SYCL. Two arrays that differ
#: here cannot be used together.
PLACES = ("spec", "comm", "sycl_queue")


@functools.cache
def accepted(function: Callable[..., Any]) -> tuple[str, ...]:
    """Those of `PLACES` that the creation function takes."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return ()
    return tuple([name for name in PLACES if name in parameters])


class UnknownLibrary(Adapter):
    """Stands in for the missing plugin of the library that `x` comes from."""

    def __init__(self, name: str, namespace: Any, x: Any) -> None:
        self.name = name
        self.modules = (name.split(".")[0],)
        self.writable = hasattr(type(x), "__setitem__")
        self.functions = {"getitem": lambda x, key: x[complete(x, key)]}
        self._namespace = namespace

    def namespace(self) -> Any:
        """The namespace that array-api-compat found for the first array of the library."""
        return self._namespace

    def beside(self, x: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """On the device of `x`, and wherever else a library says that `x` lives."""
        for name in accepted(function):
            if getattr(x, name, None) is not None:
                kwargs[name] = getattr(x, name)
        return super().beside(x, function, *args, **kwargs)

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """As the default, but without new axes in basic keys, which the standard has in reading
        only."""
        return super().scatter_add(buffer, [
            (key, g) if has_arrays(key) else without_new_axes(buffer, key, g) for key, g in pieces
        ])  # fmt: skip
