"""Libraries that no plugin is for: the standard is all that is known of them."""

from __future__ import annotations

from typing import Any

from .adapter import Adapter
from .immutable import complete, has_arrays, without_new_axes

__all__ = ["UnknownLibrary"]


class UnknownLibrary(Adapter):
    """Stands in for the plugin of the library that `x` is from."""

    def __init__(self, name: str, namespace: Any, x: Any) -> None:
        self.name = name
        self.modules = (name.split(".")[0],)
        self.writable = hasattr(type(x), "__setitem__")
        self.functions = {"getitem": lambda x, key: x[complete(x, key)]}
        self._namespace = namespace

    def namespace(self) -> Any:
        return self._namespace

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        return super().scatter_add(buffer, [
            (key, g) if has_arrays(key) else without_new_axes(buffer, key, g) for key, g in pieces
        ])  # fmt: skip
