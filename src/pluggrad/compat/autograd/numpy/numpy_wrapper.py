"""What programs import from ``autograd.numpy.numpy_wrapper``."""

from __future__ import annotations

from typing import Any

from .... import numpy as _ours
from .numpy_vjps import metadata
from .own import make_diagonal, where

__all__ = ["make_diagonal", "metadata", "where"]


def __getattr__(name: str) -> Any:
    return getattr(_ours, name)
