"""docs/scipy.md lists the functions that there are, and none of them is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.optional import needs

needs("pluggrad_conformance")

from pluggrad_conformance.tables import load_operations

DOCS = Path(__file__).parents[2] / "docs"
ROWS = json.loads((DOCS / "scipy-table.json").read_text(encoding="utf-8"))["rows"]
NAMES = [name.removeprefix("scipy.") for name in load_operations() if name.startswith("scipy.")]


def test_the_table_lists_the_functions_that_there_are():
    page = (DOCS / "scipy.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.*)$", page, flags=re.M)[1:]
    found = {
        f"{module}.{name}"
        for module, text in zip(parts[::2], parts[1::2], strict=True)
        for name in re.findall(r"^\| `(.*?)` \|", text, flags=re.M)
    }
    assert found == set(ROWS)
    assert sorted(set(NAMES) - found) == [], "run `python docs/scipy_table.py MODULE`"
    assert sorted(found - set(NAMES)) == []


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_none_is_wrong(backend):
    assert [n for n, row in ROWS.items() if "✗" in row[backend].values()] == []
