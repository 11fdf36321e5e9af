"""The gate: every kind of surprise fails it, and nothing else does."""

from __future__ import annotations

import datetime
import json

import pytest

from tests.support.optional import needs

needs("mpmath")

from pluggrad_conformance import gate
from pluggrad_conformance.cells import Cell
from pluggrad_conformance.gate import Expectation
from pluggrad_conformance.results import BAD, OUTCOMES, Result

TODAY = datetime.date(2026, 1, 1)
LATER = datetime.date(2027, 6, 30)


def result(key, outcome="pass", detail="why it is so"):
    return Result(Cell.parse(key), outcome, detail)


def entry(cells, outcome="wrong", expires=LATER):
    return Expectation(cells, outcome, "a reason", expires)


def kinds(results, entries):
    return [s.kind for s in gate.check_results(results, entries, TODAY).surprises]


def test_what_is_good_needs_no_entry():
    good = sorted(set(OUTCOMES) - set(BAD))
    assert good == [
        "convention", "other-convention", "pass", "unmapped", "unsupported-by-backend",
        "unsupported-by-engine",
    ]  # fmt: skip
    results = [result(f"sin|numpy|float64|case={o}", o) for o in good]
    assert gate.check_results(results, [], TODAY).passed


@pytest.mark.parametrize("outcome", BAD)
def test_what_is_bad_needs_one(outcome):
    found = gate.check_results([result("sin|numpy|float64", outcome)], [], TODAY)
    (surprise,) = found.surprises
    assert surprise.kind == "unexplained" and surprise.about == "sin|numpy|float64"
    assert "why it is so" in surprise.why and outcome in surprise.why
    assert kinds([result("sin|numpy|float64", outcome)], [entry("sin|*", outcome)]) == []


def test_surprises():
    wrong, passed = result("sin|numpy|float64", "wrong"), result("sin|numpy|float32")
    assert kinds([wrong], [entry("sin|numpy|*")]) == []
    assert kinds([passed], [entry("sin|numpy|*")]) == ["unexpected pass"]
    assert kinds([wrong, passed], [entry("sin|numpy|*")]) == ["unexpected pass"]
    assert kinds([wrong], [entry("sin|*", "timeout")]) == ["changed outcome"]
    assert kinds([result("sin|numpy|float64", "unsupported-by-engine")], [entry("sin|*")]) == [
        "changed outcome"
    ]
    assert kinds([wrong], [entry("sin|*"), entry("cos|*")]) == ["unmatched entry"]
    assert kinds([wrong], [entry("sin|*", expires=datetime.date(2025, 12, 31))]) == [
        "expired entry"
    ]
    assert kinds([wrong], [entry("sin|*", expires=TODAY)]) == []


def test_the_first_entry_counts():
    wrong = result("sin|numpy|float64", "wrong")
    assert kinds([wrong], [entry("sin|numpy|*"), entry("sin|*", "timeout")]) == ["unmatched entry"]
    other = result("sin|torch|float64", "timeout")
    assert kinds([wrong, other], [entry("sin|numpy|*"), entry("sin|*", "timeout")]) == []


def test_brackets_are_ordinary():
    wrong = result("getitem[int]|numpy|float64", "wrong")
    assert kinds([wrong], [entry("getitem[int]|*")]) == []
    assert kinds([wrong], [entry("getitem?int]|*")]) == []


def test_table_names_everything():
    found = gate.check_results(
        [result("sin|numpy|float64", "wrong", "off by 3\nmore")], [entry("cos|*")], TODAY
    )
    text = gate.gate_table(found)
    assert "unexplained (1)" in text and "wrong: off by 3" in text and "more" not in text
    assert "unmatched entry (1)" in text and text.splitlines()[-1].startswith("gate FAILED with 2")
    assert gate.gate_table(gate.check_results([], [], TODAY)).startswith("gate passed: 0 cells")


GOOD = """
[[expect]]
cells = "sin|*"
outcome = "wrong"
reason = "a reason"
expires = 2027-06-30
"""


def test_files(tmp_path):
    path = tmp_path / "expectations.toml"
    path.write_text(GOOD)
    assert gate.read_expectations(path) == [entry("sin|*")]
    for bad, why in [
        (GOOD.replace('reason = "a reason"', ""), "entry 1 .* needs exactly"),
        (GOOD.replace("a reason", ""), "reason"),
        (GOOD.replace('"wrong"', '"off"'), "'off' is no outcome"),
        (GOOD.replace("2027-06-30", '"2027"'), "expires"),
        (GOOD + 'because = "x"', "needs exactly"),
        ("x = 1\n" + GOOD, "under"),
        ("[[expect", "expectations.toml"),
    ]:
        path.write_text(bad)
        with pytest.raises(gate.ExpectationError, match=why):
            gate.read_expectations(path)
    with pytest.raises(gate.ExpectationError):
        gate.read_expectations(tmp_path / "no.toml")


def test_runs(tmp_path):
    """Shards are one run; what is unfinished fails; entries about other backends wait."""
    path = tmp_path / "expectations.toml"
    path.write_text(GOOD.replace("sin|*", "sin|torch|*"))
    make(tmp_path / "a", [result("sin|torch|float64", "wrong")], backends=["torch"])
    make(tmp_path / "b", [result("exp|torch|float64")], backends=["torch"])
    make(tmp_path / "c", [result("sin|numpy|float64")], backends=["numpy"])
    both = gate.gate_runs([tmp_path / "a", tmp_path / "b"], path, TODAY)
    assert both.passed and both.total == 2 and both.explained == 1 and not both.elsewhere
    other = gate.gate_runs([tmp_path / "c"], path, TODAY)
    assert other.passed and len(other.elsewhere) == 1
    path.write_text(GOOD.replace("sin|*", "sinn|torch|*"))
    assert [s.kind for s in gate.gate_runs([tmp_path / "c"], path, TODAY).surprises] == [
        "unmatched entry"
    ]
    path.write_text("")
    make(tmp_path / "c", [result("sin|numpy|float64")], backends=["numpy"], cells=2)
    (surprise,) = gate.gate_runs([tmp_path / "c"], path, TODAY).surprises
    assert surprise.kind == "unfinished run" and "1 of 2" in surprise.why


def make(out, results, backends, cells=None):
    out.mkdir(exist_ok=True)
    facts = {"finished": True, "cells": cells or len(results), "selection": {"backends": backends}}
    (out / "run.json").write_text(json.dumps(facts))
    (out / "results.jsonl").write_text("".join(r.to_line() + "\n" for r in results))


def test_our_own_expectations_can_be_read():
    for found in gate.read_expectations(gate.EXPECTATIONS):
        assert len(found.reason) > 20 and found.outcome != "wrong"
