"""SciPy's functions of NumPy arrays, for the rows of `pluggrad.scipy`.

Most rows call SciPy's function of their name. What SciPy has no function for, such as the adjoint
of a filter, is in a module here: ``ndimage_functions`` for rows of `scipy.ndimage`.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import Any

__all__ = ["find"]


def find(name: str) -> Any:
    """What SciPy, or a module here, calls `name`, such as ``ndimage.correlate1d``; None if there is
    none, or SciPy is not installed. A name without a dot is a module of SciPy's."""
    module, _, function = name.rpartition(".")
    if not module:
        with suppress(ImportError):
            return importlib.import_module(f"scipy.{name}")
        return None
    with suppress(ModuleNotFoundError):
        ours = importlib.import_module(f".{module}_functions", __name__)
        if function in ours.__all__:
            return getattr(ours, function)
    with suppress(ImportError):
        return getattr(importlib.import_module(f"scipy.{module}"), function, None)
    return None
