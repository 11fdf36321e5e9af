"""The tables that the sweep writes into docs/compatibility.md."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.sweep.calls import names
from tests.sweep.judge import Finding, quiet, sweep
from tests.sweep.table import as_text, keep, markdown

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_shows_what_is_kept():
    kept = json.loads((DOCS / "numpy-sweep.json").read_text(encoding="utf-8"))
    page = (DOCS / "compatibility.md").read_text(encoding="utf-8").splitlines()
    again = "run `python docs/compatibility.py --numpy`"
    assert set(markdown(kept)) <= set(page), again
    if kept["numpy"] == np.__version__:
        assert set(kept["functions"]) == set(names()), again


def test_what_is_kept_can_be_read():
    with quiet():
        found = {"flip": list(sweep("flip")), "shape": list(sweep("shape"))}
    kept = keep(found)
    assert json.loads(as_text(kept)) == kept
    rows = [line for line in markdown(kept) if line.startswith("| `")]
    assert rows == ["| `flip` | ✓ |  |", "| `shape` | value |  |"]


@pytest.mark.parametrize(
    ("outcome", "details", "cell"),
    [
        ("right", "", "✓"),
        ("wrong", "1 is not 2", "✗ 1"),
        ("foreign", "ValueError: no", "✗ 1"),
        ("refused", "UnsupportedError: numpy.dot: use `tensordot`", "–"),
        ("right", "ValueError: NumPy raises, too", ""),
    ],
)
def test_each_outcome_has_its_mark(outcome, details, cell):
    gradient = outcome == "right" and not details
    found = {"dot": [Finding("dot", "np.dot(rv[3], x=1)", outcome, details, gradient)]}
    row = next(line for line in markdown(keep(found)) if line.startswith("| `dot`"))
    assert row.split(" |")[1].strip() == cell
    assert row.endswith("use `tensordot` |") == (outcome == "refused")


def test_the_page_has_each_section_once():
    page = (DOCS / "compatibility.md").read_text(encoding="utf-8").splitlines()
    sections = [line for line in page if line.startswith("## ")]
    assert len(set(sections)) == len(sections)
