"""The tables: one module per family of operations, each a list of rows."""

from __future__ import annotations

import importlib
import pkgutil

__all__ = ["load"]

_loaded = False


def load() -> None:
    """Read every table, once."""
    global _loaded
    if not _loaded:
        _loaded = True
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module(f"{__name__}.{module.name}")
