"""Modules of adopted packages that are imported later are changed as soon as they have run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..engine.adopted import covers

__all__ = ["Finder"]


class Finder(MetaPathFinder):
    """Finds modules of adopted packages as Python would, and has `loaded` called with each one
    after it has run."""

    def __init__(self, loaded: Callable[[ModuleType], None]) -> None:
        self._loaded = loaded

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the other finders have for the module, with a loader around its own."""
        if not covers(name):
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = None if finder is self or find is None else find(name, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, self._loaded)
                return spec  # type: ignore[no-any-return]
        return None


class _Loader(Loader):
    """A module's own loader, which `loaded` follows. The module keeps the own one."""

    def __init__(self, own: Any, loaded: Callable[[ModuleType], None]) -> None:
        self._own, self._loaded = own, loaded

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The module, as the own loader makes it."""
        spec.loader = self._own
        try:
            return self._own.create_module(spec)  # type: ignore[no-any-return]
        finally:
            spec.loader = self

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, and hand it on."""
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._own
        module.__loader__ = self._own
        self._own.exec_module(module)
        self._loaded(module)
