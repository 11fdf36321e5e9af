"""Functions of torch's arrays for the rows of `pluggrad.scipy`, in place of a call of SciPy's own.

Those for rows of `scipy.linalg` are in ``linalg_functions``, and so on.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import Any

__all__ = ["find"]


def find(name: str) -> Any:
    """The function that a row calls `name`, such as ``linalg.expm``; None if there is none here."""
    module, _, function = name.rpartition(".")
    if module:
        with suppress(ModuleNotFoundError):
            ours = importlib.import_module(f".{module}_functions", __name__)
            return getattr(ours, function) if function in ours.__all__ else None
    return None
