"""`ArrayBox`, for annotations and `isinstance`: the class of Variables."""

from __future__ import annotations

from ....variables.variable import Variable as ArrayBox

__all__ = ["ArrayBox"]
