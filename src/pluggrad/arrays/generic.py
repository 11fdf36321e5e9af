"""The adapter of libraries without a plugin: all that it relies on is the standard."""

from __future__ import annotations

from typing import Any

from .adapter import Adapter
from .immutable import complete, has_arrays, without_new_axes

__all__ = ["UnknownLibrary"]


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

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """As the default, but without new axes in basic keys, which the standard has in reading
        only."""
        return super().scatter_add(buffer, [
            (key, g) if has_arrays(key) else without_new_axes(buffer, key, g) for key, g in pieces
        ])  # fmt: skip
