"""Plugins: Python files or modules that register a backend, or operations of their own."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

__all__ = ["function_of", "load_plugin", "load_plugins"]


def load_plugin(name: str) -> Any:
    """Import a module by its dotted name, or a Python file by its path. Each runs only once.

    >>> load_plugin("math").pi > 3
    True
    """
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = Path(name).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no plugin {name}")
    known = sys.modules.get(path.stem)
    if known is not None:
        if getattr(known, "__file__", None) == str(path):
            return known
        raise ImportError(f"{name}: a module called {path.stem} is there already; rename the file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_plugins(names: Iterable[str]) -> None:
    """`load_plugin` of each name, in order."""
    for name in names:
        load_plugin(name)


def function_of(name: str) -> Callable[..., Any]:
    """The function that ``"module:function"`` names.

    >>> function_of("math:floor")(2.5)
    2
    """
    module, _, attribute = name.rpartition(":")
    if not module:
        raise ValueError(f"{name!r} does not name a function as module:function does")
    function: Callable[..., Any] = getattr(load_plugin(module), attribute)
    return function
