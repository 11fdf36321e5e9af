"""What changed between two runs is named, the worst first."""

from __future__ import annotations

import json
import math

import pytest

from tests.support.optional import needs

needs("jinja2", "jsonschema", "mpmath")

from synthetic import FACTS, every_outcome, result, write_run

from pluggrad_conformance import reports
from pluggrad_conformance.cells import Cell
from pluggrad_conformance.reports import load


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run with every outcome and hostile names, without its reports."""
    return write_run(tmp_path_factory.mktemp("runs") / "every", every_outcome())


def test_compare(tmp_path):
    cell = lambda name, **axes: Cell(name, "numpy", "float64", **axes)
    before = [result(cell("sin"), error=1.5), result(cell("exp"), error=10.0),
              result(cell("cos"), error=40.0), result(cell("sum"), "wrong"),
              result(cell("gone")), result(cell("tan"), error=0.1),
              result(cell("same", case="x"), error=3.0)]  # fmt: skip
    after = [result(cell("sin"), "wrong", detail="now off"), result(cell("exp"), error=30.0),
             result(cell("cos"), error=4.0), result(cell("sum")), result(cell("new"), "error"),
             result(cell("tan"), error=0.9), result(cell("same", case="x"), error=4.0)]  # fmt: skip
    a = write_run(tmp_path / "a", before)
    b = write_run(tmp_path / "b", after, versions=FACTS["versions"] | {"numpy": "3.0"})
    found = reports.compare_runs(a, b)
    assert [r.cell.operation for r in found.new] == ["new"]
    assert [r.cell.operation for r in found.gone] == ["gone"]
    assert [(c.key.split("|")[0], c.before, c.after, c.worse) for c in found.changed] == [
        ("sin", "pass", "wrong", True), ("sum", "wrong", "pass", False)
    ]  # fmt: skip
    assert [(c.key.split("|")[0], c.error_before, c.error_after) for c in found.grew] == [
        ("exp", 10.0, 30.0)  # not tan, which stays below one eps, nor same, which grew by a third
    ]
    assert [c.key.split("|")[0] for c in found.shrank] == ["cos"]
    assert found and len(found.worse) == 1
    assert found.facts == {"numpy": ("2.4.6", "3.0")}
    text = found.text()
    assert str(found) == text
    for line in ("numpy: 2.4.6 -> 3.0", "became worse: 1", "became better: 1",
                 "sin|numpy|float64: pass -> wrong  (now off)", "exp|numpy|float64: 10 -> 30 eps",
                 "new: 1", "gone: 1", "error: 0 -> 1"):  # fmt: skip
        assert line in text
    read = json.loads(found.json())
    assert read["changed"][0]["key"] == "sin|numpy|float64" and read["changed"][0]["worse"]
    assert read["before"]["outcomes"] == {"pass": 6, "wrong": 1}
    assert [c["key"] for c in read["new"]] == ["new|numpy|float64"]


def test_compare_a_run_with_itself(run_dir):
    found = reports.compare_runs(run_dir, run_dir)
    assert not found and "no cell has changed" in found.text()
    with pytest.raises(ValueError, match="factor"):
        reports.compare_runs(run_dir, run_dir, factor=0.5)


def test_compare_names_only_some(tmp_path):
    many = [result(Cell(f"op{i:02d}", "numpy", "float64")) for i in range(30)]
    a = write_run(tmp_path / "a", many)
    b = write_run(tmp_path / "b", [result(r.cell, "error") for r in many])
    text = reports.compare_runs(a, b).text(limit=5)
    assert "became worse: 30" in text and "... and 25 more" in text and text.count(" -> error") == 5


def test_errors_that_become_infinite_have_grown():
    run = lambda error: load.Run(
        {}, [result(Cell("sin", "numpy", "float64"), "numerically-off", error)]
    )
    assert len(reports.compare_runs(run(3.0), run(math.inf)).grew) == 1
    assert len(reports.compare_runs(run(math.inf), run(3.0)).shrank) == 1
    assert not reports.compare_runs(run(math.inf), run(math.inf))
    assert (
        json.loads(reports.compare_runs(run(3.0), run(math.inf)).json())["grew"][0]["error_after"]
        == "inf"
    )
