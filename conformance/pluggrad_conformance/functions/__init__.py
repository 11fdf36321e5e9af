"""``pluggrad compare MODULE:FUNCTION``: one function of the user's, on every backend and by every
other system: values, gradients, time and memory side by side, and who is wrong."""

from __future__ import annotations

from .cli import main
from .measure import Settings, compare_function, compare_sizes
from .records import Comparison, Figures, Report, merge_reports

__all__ = [
    "Comparison", "Figures", "Report", "Settings", "compare_function", "compare_sizes", "main",
    "merge_reports",
]  # fmt: skip
