"""``pluggrad compare MODULE:FUNCTION``: one function of the user's, on every backend and by every
framework's own differentiation: values, gradients, time and memory side by side."""

from __future__ import annotations

from .cli import main
from .measure import ContenderRow, FunctionComparison, compare_contenders

__all__ = ["ContenderRow", "FunctionComparison", "compare_contenders", "main"]
