"""What changed between two runs."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..results import OUTCOMES, Result
from .load import SEVERITY, Run, load_run

__all__ = ["Change", "Difference", "compare_runs"]

_RANK = {outcome: rank for rank, outcome in enumerate(SEVERITY)}


@dataclass(frozen=True)
class Change:
    """A cell in two runs: its outcomes and its errors in eps."""

    key: str
    before: str
    after: str
    error_before: float | None
    error_after: float | None
    detail: str = ""

    @property
    def worse(self) -> bool:
        """Whether the outcome is a worse one than before."""
        return _RANK[self.after] < _RANK[self.before]

    @property
    def moved(self) -> str:
        """A line that says how the outcome changed."""
        detail = f"  ({self.detail})" if self.detail else ""
        return f"{self.key}: {self.before} -> {self.after}{detail}"

    @property
    def grown(self) -> str:
        """A line that says how the error changed."""
        return f"{self.key}: {_eps(self.error_before)} -> {_eps(self.error_after)} eps"

    def as_dict(self) -> dict[str, Any]:
        """A dictionary for JSON."""
        return {
            "key": self.key, "before": self.before, "after": self.after, "worse": self.worse,
            "error_before": _plain(self.error_before), "error_after": _plain(self.error_after),
            "detail": self.detail,
        }  # fmt: skip


@dataclass
class Difference:
    """What changed from one run to another.

    `new` and `gone` are cells that only one of them has. `changed` are cells with another outcome,
    those that became worse first, and `grew` and `shrank` are cells with the same outcome and an
    error that is larger, or smaller, by more than the factor. `facts` are the versions and other
    facts that differ.
    """

    before: str
    after: str
    cells: tuple[int, int]
    outcomes: tuple[Counter[str], Counter[str]]
    facts: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    new: list[Result] = field(default_factory=list)
    gone: list[Result] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    grew: list[Change] = field(default_factory=list)
    shrank: list[Change] = field(default_factory=list)

    @property
    def worse(self) -> list[Change]:
        """The changed cells whose outcome is a worse one than before."""
        return [c for c in self.changed if c.worse]

    def __bool__(self) -> bool:
        """Whether any cell is new, gone, or has changed."""
        return bool(self.new or self.gone or self.changed or self.grew or self.shrank)

    def __str__(self) -> str:
        return self.text()

    def as_dict(self) -> dict[str, Any]:
        """A dictionary for JSON."""
        sides = [
            {"run": name, "cells": cells, "outcomes": {o: n for o, n in counts.items() if n}}
            for name, cells, counts in zip((self.before, self.after), self.cells, self.outcomes)
        ]
        return {
            "before": sides[0], "after": sides[1],
            "facts": {name: list(values) for name, values in self.facts.items()},
            "new": [_brief(r) for r in self.new], "gone": [_brief(r) for r in self.gone],
            "changed": [c.as_dict() for c in self.changed],
            "grew": [c.as_dict() for c in self.grew], "shrank": [c.as_dict() for c in self.shrank],
        }  # fmt: skip

    def json(self) -> str:
        """The difference as JSON."""
        return json.dumps(self.as_dict(), indent=2, allow_nan=False) + "\n"

    def text(self, limit: int = 20) -> str:
        """The difference for a terminal; of each sort, at most `limit` cells are named."""
        rows = [f"{self.before} ({self.cells[0]} cells) -> {self.after} ({self.cells[1]} cells)"]
        rows += [f"  {name}: {a} -> {b}" for name, (a, b) in self.facts.items()]
        rows += [f"  {o}: {self.outcomes[0][o]} -> {self.outcomes[1][o]}" for o in OUTCOMES
                 if self.outcomes[0][o] != self.outcomes[1][o]]  # fmt: skip
        better = [c for c in self.changed if not c.worse]
        for title, found in (
            ("became worse", [c.moved for c in self.worse]),
            ("became better", [c.moved for c in better]),
            ("error grew", [c.grown for c in self.grew]),
            ("error shrank", [c.grown for c in self.shrank]),
            ("new", [f"{r.cell.key}: {r.outcome}" for r in self.new]),
            ("gone", [f"{r.cell.key}: {r.outcome}" for r in self.gone]),
        ):
            if found:
                rows += ["", f"{title}: {len(found)}", *(f"  {line}" for line in found[:limit])]
                if len(found) > limit:
                    rows.append(f"  ... and {len(found) - limit} more")
        if not self:
            rows.append("no cell has changed")
        return "\n".join(rows) + "\n"


def compare_runs(
    run_a: Run | Path | str, run_b: Run | Path | str, *, factor: float = 2.0, floor: float = 1.0
) -> Difference:
    """What changed from `run_a` to `run_b`.

    Parameters
    ----------
    run_a, run_b : Run or path
        Runs, run directories, or files of results.
    factor, floor : float
        An error has grown if it is more than `factor` times what it was and more than `floor` eps.

    Raises
    ------
    ReportError
        One of them cannot be read.
    ValueError
        `factor` is below one, or `floor` is negative.
    """
    if not (factor >= 1 and floor >= 0):
        raise ValueError(f"factor is {factor} and floor {floor}: give at least 1 and 0")
    a = run_a if isinstance(run_a, Run) else load_run(run_a)
    b = run_b if isinstance(run_b, Run) else load_run(run_b)
    old = {r.cell.key: r for r in a.results}
    new = {r.cell.key: r for r in b.results}
    found = Difference(
        a.name or "before",
        b.name or "after",
        (len(old), len(new)),
        (a.total, b.total),
        _facts(a, b),
    )
    found.new = [r for key, r in new.items() if key not in old]
    found.gone = [r for key, r in old.items() if key not in new]
    for key, was in old.items():
        if (now := new.get(key)) is None:
            continue
        change = Change(key, was.outcome, now.outcome, was.error, now.error, now.detail)
        if was.outcome != now.outcome:
            found.changed.append(change)
        elif _larger(was.error, now.error, factor, floor):
            found.grew.append(change)
        elif _larger(now.error, was.error, factor, floor):
            found.shrank.append(change)
    found.changed.sort(key=lambda c: (not c.worse, _RANK[c.after], c.key))
    found.grew.sort(key=lambda c: -_growth(c.error_before, c.error_after))
    found.shrank.sort(key=lambda c: -_growth(c.error_after, c.error_before))
    return found


def _larger(small: float | None, large: float | None, factor: float, floor: float) -> bool:
    if small is None or large is None:
        return False
    if math.isfinite(small) != math.isfinite(large):
        return math.isfinite(small)
    return math.isfinite(large) and large > floor and large > factor * small


def _growth(small: float | None, large: float | None) -> float:
    if small is None or large is None or not math.isfinite(large):
        return math.inf
    return large / max(small, 1e-300)


def _facts(a: Run, b: Run) -> dict[str, tuple[Any, Any]]:
    both = _what(a), _what(b)
    found = {name: (both[0].get(name), both[1].get(name)) for name in both[0] | both[1]}
    return {name: values for name, values in found.items() if values[0] != values[1]}


def _what(run: Run) -> dict[str, Any]:
    """Versions and other facts that may change a number."""
    versions: dict[str, Any] = run.facts.get("versions", {})
    return versions | {
        "commit": (run.facts.get("git") or {}).get("commit", "")[:12],
        "processor": run.facts.get("hardware", {}).get("processor"),
        "cases": str(run.facts.get("cases", ""))[:12],
        "seed": run.facts.get("seed"),
    }


def _brief(r: Result) -> dict[str, Any]:
    return {"key": r.cell.key, "outcome": r.outcome, "error_eps": _plain(r.error)}


def _plain(x: float | None) -> float | str | None:
    return x if x is None or math.isfinite(x) else str(x)


def _eps(x: float | None) -> str:
    return "-" if x is None else f"{x:.3g}"
