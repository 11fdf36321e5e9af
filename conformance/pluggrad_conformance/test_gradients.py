"""``pytest --pyargs pluggrad_conformance --backend NAME``: one test for each cell."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from .cells import Cell
from .gate import Expectation
from .results import BAD, Result


def test_gradient(cell: Cell, expected: list[Expectation]) -> None:
    """The outcome is good, or it is the one that is expected and explained."""
    from .judge import judge_cell  # late: see `conftest`

    result = judge_cell(cell)
    entry = next((e for e in expected if e.matches(cell.key)), None)
    if entry is not None and datetime.date.today() <= entry.expires:
        if result.outcome != entry.outcome:
            pytest.fail(f"expected {entry.outcome} ({entry.reason})\n{say(result)}", pytrace=False)
        if result.outcome in BAD:
            pytest.xfail(f"{result.outcome}: {entry.reason}")
    if result.outcome in BAD:
        pytest.fail(say(result), pytrace=False)
    if result.outcome.startswith("unsupported"):
        pytest.skip(f"{result.outcome}: {first_line(result.detail)}")


def test_random_inputs(smooth_cell: Cell) -> None:
    """hypothesis finds no input, in the intervals of the typical case, at which the cell fails."""
    from .random_inputs import search_failure  # late: see `conftest`

    found = search_failure(smooth_cell)
    if found is not None:
        result, inputs = found
        pytest.fail(f"{say(result)}\nat {inputs!r}", pytrace=False)


def say(result: Result) -> str:
    """A result in full, for a person to read."""
    lines = [f"{result.outcome}: {result.detail}"]
    for o in result.oracles:
        error = "" if o.error is None else f", {o.error:.3g} eps off"
        lines.append(f"  {o.name}: {o.verdict}{error} {o.note}".rstrip())
    lines += [f"  {p.name} does not hold: {p.note}" for p in result.properties if not p.held]
    lines.append(f"pluggrad conformance repro '{result.cell.key}'")
    return "\n".join(lines)


def first_line(text: str) -> Any:
    """The first line of a text, for a short summary."""
    return text.strip().splitlines()[0] if text.strip() else "no detail"
