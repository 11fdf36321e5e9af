"""The adapter of libraries without a plugin: all that it relies on is the standard."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .adapter import Adapter
from .immutable import add_rows, complete, has_arrays, row_key, without_new_axes

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

    slices_beside_arrays = True  # of one array; see `_getitem` and `scatter_add`

    def __init__(self, name: str, namespace: Any, x: Any) -> None:
        self.name = name
        self.modules = (name.split(".")[0],)
        self.writable = hasattr(type(x), "__setitem__")
        self.functions = {"getitem": self._getitem, "add_at": functools.partial(add_rows, self)}
        self._namespace = namespace

    def namespace(self) -> Any:
        """The namespace that array-api-compat found for the first array of the library."""
        return self._namespace

    def _getitem(self, x: Any, key: Any) -> Any:
        """``x[key]``. A vector of integers among slices is left to `take`: the standard has no such
        keys."""
        found = row_key(key, x.ndim) if type(key) is tuple and len(key) > 1 else None
        if found is None:
            return x[complete(x, key)]
        axis, places = found
        xp = self.namespace()
        places = xp.where(places < 0, places + x.shape[axis], places)
        return xp.take(x, places, axis=axis)

    def beside(self, x: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """On the device of `x`, and wherever else a library says that `x` lives."""
        for name in accepted(function):
            if getattr(x, name, None) is not None:
                kwargs[name] = getattr(x, name)
        return super().beside(x, function, *args, **kwargs)

    def same_device(self, x: Any, y: Any) -> bool:
        """Whether `x` and `y` live in one place, whatever the library says of places."""
        places = [(getattr(x, name, None), getattr(y, name, None)) for name in PLACES]
        return all([a is b or a == b for a, b in places]) and super().same_device(x, y)

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """As the default, but rows are added in one axis, which asks for less of a library, and
        without new axes in basic keys, which the standard has in reading only."""
        for key, g in pieces:
            found = row_key(key, buffer.ndim)
            if found is not None:
                axis, places = found
                length = buffer.shape[axis]
                buffer = buffer + add_rows(self, g, places, length=length, axis=axis)
                continue
            if not has_arrays(key):
                key, g = without_new_axes(buffer, key, g)
            buffer = super().scatter_add(buffer, [(key, g)])
        return buffer
