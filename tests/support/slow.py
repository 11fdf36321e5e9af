"""Tests that only ``pytest -m slow`` runs, because others of their kind do the same in less time."""

from __future__ import annotations

from typing import Any

import pytest

__all__ = ["slow_if"]


def slow_if(condition: bool, *values: Any) -> Any:
    """The values of one test's parameters, marked slow under a condition."""
    return pytest.param(*values, marks=[pytest.mark.slow] if condition else [])
