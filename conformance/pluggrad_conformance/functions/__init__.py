"""``pluggrad compare MODULE:FUNCTION``: one function of the user's, on every backend and by every
framework's own differentiation: values, gradients, time and memory side by side."""

from __future__ import annotations

from .cli import main
from .measure import Comparison, Row, compare

__all__ = ["Comparison", "Row", "compare", "main"]
