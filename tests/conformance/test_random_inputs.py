"""Inputs that hypothesis draws: smooth operations pass, and a wrong one is found and shrunk."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.optional import needs

needs("mpmath", "torch", "hypothesis")

from pluggrad.arrays.backend import PRIMITIVES
from pluggrad_conformance.cells import Cell
from pluggrad_conformance.random_inputs import is_smooth, search_failure
from pluggrad_conformance.tables import load_operations


def test_what_is_smooth():
    smooth = {
        n
        for n, row in load_operations().items()
        if not row.backends and is_smooth(Cell(n, "numpy", "float64"))
    }
    assert {"sin", "multiply", "matmul"} <= smooth
    assert not {"abs", "max", "linalg.svd"} & smooth


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["sin", "divide", "tanh", "matmul", "atanh", "sum", "pow"])
def test_smooth_operations_pass(name):
    for dtype in ("float64", "complex128"):
        if "complex" not in dtype or "complex" in load_operations()[name].domains:
            assert search_failure(Cell(name, "numpy", dtype), examples=8) is None


def test_a_mistake_is_found_and_shrunk(monkeypatch):
    rule = PRIMITIVES["sin"].rules[0]
    wrong = lambda g, x: g * np.cos(x) * np.where(np.asarray(x) > 1, 1.001, 1.0)
    monkeypatch.setattr(rule, "pull", wrong)
    found = search_failure(Cell("sin", "numpy", "float64"), examples=100)
    assert found is not None
    result, (x,) = found
    assert result.outcome == "wrong" and np.max(x) > 1
    assert np.all(x == np.round(x))  # the simplest numbers that do it
