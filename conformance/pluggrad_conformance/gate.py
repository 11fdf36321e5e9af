"""Gating: a run is held against a file of expectations, and any surprise fails.

The file is TOML, one table for each thing that is known and explained::

    [[expect]]
    cells = "linalg.det|torch|*|case=singular*"   # a glob of cell keys
    outcome = "forward-deviation"
    reason = "torch.linalg.det of a singular matrix is nan: pytorch/pytorch#12345"
    expires = 2027-06-30

Cells that no entry names must not have a bad outcome. An entry must hold for every cell that it
names; if it no longer does, even because a cell passes now, the gate fails, so that the file stays
true. An entry that has expired fails the gate, too, so that its reason is looked at again.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .cells import enumerate_cells
from .results import BAD, OUTCOMES, Result, read_results, read_run
from .selection import OURS

__all__ = [
    "EXPECTATIONS", "Expectation", "ExpectationError", "Gate", "Surprise", "check_results",
    "gate_runs", "gate_table", "read_expectations",
]  # fmt: skip

#: The expectations of pluggrad itself.
EXPECTATIONS = Path(__file__).parent / "expectations.toml"

FIELDS = {"cells": str, "outcome": str, "reason": str, "expires": datetime.date}
GOOD = ("pass", "convention")


class ExpectationError(ValueError):
    """A file of expectations is malformed."""


@dataclass(frozen=True)
class Expectation:
    """An entry: the cells that the glob names have this outcome, for a reason, until a day."""

    cells: str
    outcome: str
    reason: str
    expires: datetime.date

    def matches(self, key: str) -> bool:
        """Whether the glob matches the key. A ``[`` is an ordinary character: keys may have one.

        Cells of other systems are matched only by a glob that names ``native:`` itself, so that
        what is known of pluggrad on torch says nothing of torch.
        """
        if "|native:" in key and "|native:" not in self.cells:
            return False
        return fnmatchcase(key, self.cells.replace("[", "[[]"))


@dataclass(frozen=True)
class Surprise:
    """Something that fails the gate: what kind, about which cell or entry, and why."""

    kind: str
    about: str
    why: str


@dataclass
class Gate:
    """What the gate found. Surprises fail it; the rest is information."""

    surprises: list[Surprise] = field(default_factory=list)
    explained: int = 0
    total: int = 0
    elsewhere: list[Expectation] = field(default_factory=list)  # about cells not in this run

    @property
    def passed(self) -> bool:
        """Whether there was no surprise."""
        return not self.surprises


def read_expectations(path: Path) -> list[Expectation]:
    """The entries of a file; `ExpectationError` names the one that is malformed."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ExpectationError(f"{path}: {error}") from None
    entries = content.pop("expect", [])
    if content or not isinstance(entries, list):
        raise ExpectationError(f"{path}: everything stands under [[expect]]")
    return [_entry(path, number, facts) for number, facts in enumerate(entries, 1)]


def _entry(path: Path, number: int, facts: dict[str, Any]) -> Expectation:
    where = f"{path}, entry {number} ({facts.get('cells', '?')})"
    if set(facts) != set(FIELDS):
        raise ExpectationError(f"{where} needs exactly {', '.join(FIELDS)}")
    for name, kind in FIELDS.items():
        if not isinstance(facts[name], kind) or facts[name] == "":
            raise ExpectationError(f"{where}: {name} = {facts[name]!r} is no {kind.__name__}")
    if facts["outcome"] not in OUTCOMES:
        raise ExpectationError(f"{where}: {facts['outcome']!r} is no outcome")
    return Expectation(**facts)


def gate_runs(
    runs: Iterable[Path], expectations: Path = EXPECTATIONS, today: datetime.date | None = None
) -> Gate:
    """Hold runs (several shards are one run) against a file of expectations."""
    found: dict[str, Result] = {}
    surprises: list[Surprise] = []
    backends = set(OURS)
    for out in runs:
        facts = read_run(out)
        results = {result.cell.key: result for result in read_results(out)}
        if not facts["finished"] or len(results) < facts["cells"]:
            why = f"{len(results)} of {facts['cells']} cells are done; run it again to go on"
            surprises.append(Surprise("unfinished run", str(out), why))
        backends.update(facts["selection"]["backends"])
        found.update(results)
    made = check_results(found.values(), read_expectations(expectations), today)
    made.surprises[:0] = surprises
    _set_aside(made, read_expectations(expectations), backends)
    return made


def _set_aside(made: Gate, entries: list[Expectation], backends: set[str]) -> None:
    """Set aside the entries about cells of other runs: the file serves every backend and level.

    An entry that matches no cell at all stays a surprise.
    """
    unmatched = {s.about for s in made.surprises if s.kind == "unmatched entry"}
    if not unmatched:
        return
    keys = [cell.key for cell in enumerate_cells(sorted(backends))]
    for entry in entries:
        there = "device=" in entry.cells or any(entry.matches(key) for key in keys)
        if entry.cells in unmatched and there:  # another machine may have the device
            made.elsewhere.append(entry)
    elsewhere = {entry.cells for entry in made.elsewhere}
    made.surprises = [
        s for s in made.surprises if s.kind != "unmatched entry" or s.about not in elsewhere
    ]


def check_results(
    results: Iterable[Result], entries: Iterable[Expectation], today: datetime.date | None = None
) -> Gate:
    """Hold results against entries. Of the entries that match a cell, the first one counts."""
    today = datetime.date.today() if today is None else today
    made, entries = Gate(), list(entries)
    used: set[Expectation] = set()
    for result in sorted(results, key=lambda r: r.cell.key):
        made.total += 1
        key, outcome = result.cell.key, result.outcome
        entry = next((e for e in entries if e.matches(key)), None)
        if entry is None:
            if outcome in BAD:
                made.surprises.append(Surprise("unexplained", key, _say(result)))
            continue
        used.add(entry)
        if outcome == entry.outcome:
            made.explained += 1
        elif outcome in GOOD:
            why = f"{outcome}; expected {entry.outcome}: {entry.reason}"
            made.surprises.append(Surprise("unexpected pass", key, why))
        else:
            why = f"expected {entry.outcome}, got {_say(result)}"
            made.surprises.append(Surprise("changed outcome", key, why))
    for entry in entries:
        if entry not in used:
            made.surprises.append(Surprise("unmatched entry", entry.cells, "it names no cell"))
        if entry.expires < today:
            why = f"since {entry.expires}: {entry.reason}"
            made.surprises.append(Surprise("expired entry", entry.cells, why))
    return made


def _say(result: Result) -> str:
    lines = result.detail.strip().splitlines()
    return f"{result.outcome}: {lines[0] if lines else 'no detail'}"


def gate_table(made: Gate) -> str:
    """The surprises, one line each, by kind; and a last line that sums up."""
    lines: list[str] = []
    kinds = list(dict.fromkeys(s.kind for s in made.surprises))
    for kind in kinds:
        found = [s for s in made.surprises if s.kind == kind]
        width = min(60, max(len(s.about) for s in found))
        lines.append(f"{kind} ({len(found)})")
        lines += [f"  {s.about:<{width}}  {s.why}" for s in found]
    verdict = "passed" if made.passed else f"FAILED with {len(made.surprises)} surprises"
    lines.append(f"gate {verdict}: {made.total} cells, {made.explained} as expected by an entry, "
                 f"{len(made.elsewhere)} entries about cells of other runs")  # fmt: skip
    return "\n".join(lines)
