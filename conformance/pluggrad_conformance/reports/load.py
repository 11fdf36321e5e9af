"""Read runs: one or several run directories, plain or compressed, as one `Run`."""

from __future__ import annotations

import gzip
import json
import lzma
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from ..gate import GOOD, Expectation
from ..operations import KINDS
from ..results import BAD, OUTCOMES, Result
from ..tables import load_operations

__all__ = ["SEVERITY", "ReportError", "Run", "load_run", "numbered_lines", "results_file", "worst"]

#: Outcomes from the worst to the best: a square of the matrix shows the worst of its cells.
SEVERITY = (
    "wrong", "wrong-structure", "nonfinite-mismatch", "nondeterministic", "error", "timeout",
    "numerically-off", "oracle-conflict", "forward-deviation", "oracle-missing",
    "unsupported-by-engine", "unsupported-by-backend", "other-convention", "convention",
    "pass", "unmapped",
)  # fmt: skip

NAMES = ("results.jsonl", "results.jsonl.xz", "results.jsonl.gz")

#: Facts that shards of one run have in common.
SHARED = ("format", "seed", "cases")


class ReportError(ValueError):
    """A run cannot be read or merged, or there is no report of that name."""


@dataclass
class Run:
    """A run: its facts (``run.json``), its results in the order of keys, the scripts that reproduce
    failures, by the cell's id, and what explains outcomes, by the cell's key."""

    facts: dict[str, Any]
    results: list[Result]
    scripts: dict[str, str] = field(default_factory=dict)
    name: str = ""
    explained: dict[str, Expectation] = field(default_factory=dict)

    def explain(self, entries: Iterable[Expectation]) -> None:
        """Note which outcomes are as an entry says; the first entry that matches a cell counts."""
        entries = list(entries)
        for r in self.results:
            if r.outcome in GOOD:
                continue
            entry = next((e for e in entries if e.matches(r.cell.key)), None)
            if entry is not None and entry.outcome == r.outcome:
                self.explained[r.cell.key] = entry

    @cached_property
    def backends(self) -> list[str]:
        """The backends, in the order in which they were asked for."""
        found = dict.fromkeys(r.cell.backend for r in self.results)
        asked = self.facts.get("selection", {}).get("backends", [])
        return [b for b in asked if b in found] + [b for b in found if b not in asked]

    @cached_property
    def operations(self) -> dict[str, list[str]]:
        """The operations of each kind, in alphabetical order; kinds as `KINDS` orders them."""
        table = load_operations()
        groups: dict[str, list[str]] = {kind: [] for kind in (*KINDS, "other")}
        for name in sorted({r.cell.operation for r in self.results}):
            groups[table[name].kind if name in table else "other"].append(name)
        return {kind: names for kind, names in groups.items() if names}

    @cached_property
    def squares(self) -> dict[tuple[str, str], Counter[str]]:
        """How often each outcome came, by operation and backend."""
        found: dict[tuple[str, str], Counter[str]] = {}
        for r in self.results:
            found.setdefault((r.cell.operation, r.cell.backend), Counter())[r.outcome] += 1
        return found

    @cached_property
    def outcomes(self) -> dict[str, Counter[str]]:
        """How often each outcome came, by backend."""
        found: dict[str, Counter[str]] = {backend: Counter() for backend in self.backends}
        for r in self.results:
            found[r.cell.backend][r.outcome] += 1
        return found

    @cached_property
    def total(self) -> Counter[str]:
        """How often each outcome came, in the order of `OUTCOMES`."""
        counts = Counter(r.outcome for r in self.results)
        return Counter({outcome: counts[outcome] for outcome in OUTCOMES})

    @property
    def bad(self) -> int:
        """How many cells have an outcome of `BAD`."""
        return sum(self.total[outcome] for outcome in BAD)

    @property
    def unexplained(self) -> list[Result]:
        """The cells with an outcome of `BAD` that no entry explains."""
        return [r for r in self.results if r.outcome in BAD and r.cell.key not in self.explained]


def worst(counts: Counter[str]) -> str:
    """The worst outcome that came at all.

    >>> worst(Counter({"pass": 20, "wrong": 1, "convention": 3}))
    'wrong'
    """
    return next(outcome for outcome in SEVERITY if counts[outcome])


def load_run(*paths: Path | str) -> Run:
    """The run in one or several run directories (or files of results).

    Several are merged, as the shards of one run are: they must have the same cases, and no cell may
    have two outcomes. Where versions differ (shards of several machines), all of them are kept.
    An incomplete last line, left by a killed run, is skipped.

    Raises
    ------
    ReportError
        There is no run at one of the paths, it cannot be read, or the runs cannot be merged.
    """
    if not paths:
        raise ReportError("no run is named")
    parts = [_read(Path(path)) for path in paths]
    return parts[0] if len(parts) == 1 else _merge(parts)


def _read(path: Path) -> Run:
    file = results_file(path)
    results: dict[str, Result] = {}
    for number, line in numbered_lines(file):
        try:
            result = Result.from_dict(line)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ReportError(f"{file}, line {number} is no result: {error!r}") from None
        if result.outcome not in OUTCOMES:
            raise ReportError(f"{file}, line {number}: {result.outcome!r} is no outcome")
        results.setdefault(result.cell.key, result)
    facts: dict[str, Any] = {}
    if (file.parent / "run.json").exists():
        try:
            facts = json.loads((file.parent / "run.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise ReportError(f"{file.parent / 'run.json'} cannot be read: {error}") from None
    scripts = {
        r.cell.id: script.read_text(encoding="utf-8", errors="replace")
        for r in results.values()
        if (script := file.parent / "repro" / f"{r.cell.id}.py").exists()
    }
    ordered = [results[key] for key in sorted(results)]
    return Run(facts, ordered, scripts, str(path))


def results_file(path: Path) -> Path:
    """The file of results at `path`: a run directory or the file itself."""
    if path.is_file():
        return path
    for name in NAMES:
        if (path / name).is_file():
            return path / name
    raise ReportError(f"{path} is no run: there is no {' or '.join(NAMES)}")


def numbered_lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The numbered lines of a file of results, from JSON; an incomplete last line is skipped."""
    broken = None
    try:
        with _open(file) as text:
            for number, line in enumerate(text, 1):
                if broken is not None:
                    raise ReportError(f"{file}, line {broken[0]} is no JSON: {broken[1]}")
                try:
                    value = json.loads(line)
                except ValueError as error:
                    broken = number, error
                    continue
                if not isinstance(value, dict):
                    raise ReportError(f"{file}, line {number} is no result: {line[:60]!r}")
                yield number, value
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise ReportError(f"{file} cannot be read: {error}") from None


def _open(file: Path) -> IO[str]:
    if file.suffix == ".xz":
        return lzma.open(file, "rt", encoding="utf-8", errors="replace", newline="\n")
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8", errors="replace", newline="\n")
    # An incomplete line may end inside a letter.
    return open(file, encoding="utf-8", errors="replace", newline="\n")


def _merge(parts: list[Run]) -> Run:
    facts = dict(parts[0].facts)
    merged: dict[str, Result] = {}
    for part in parts:
        for name in SHARED:
            if part.facts.get(name) != facts.get(name):
                raise ReportError(
                    f"{parts[0].name} and {part.name} are no parts of one run: {name} is "
                    f"{facts.get(name)} in one and {part.facts.get(name)} in the other"
                )
        for result in part.results:
            before = merged.setdefault(result.cell.key, result)
            if before.outcome != result.outcome:
                raise ReportError(
                    f"{result.cell.key} is {before.outcome} in one run and {result.outcome} in "
                    f"{part.name}: they are no parts of one run, compare them instead"
                )
    every = [part.facts for part in parts]
    machines = [m for m in (f.get("hardware") for f in every) if m]
    if any(m != machines[0] for m in machines):
        facts["machines"] = [m for i, m in enumerate(machines) if m not in machines[:i]]
    selections = [f.get("selection", {}) for f in every]
    backends = dict.fromkeys(b for s in selections for b in s.get("backends", []))
    facts["selection"] = {k: v for k, v in selections[0].items() if k != "shard"}
    facts["selection"]["backends"] = list(backends)
    facts["versions"] = _versions([f.get("versions", {}) for f in every])
    facts["cells"] = len(merged)
    facts["duration"] = round(sum(f.get("duration", 0.0) for f in every), 1)
    facts["start"] = min((f["start"] for f in every if "start" in f), default="")
    facts["finished"] = all(f.get("finished", True) for f in every)
    facts["merged"] = len(parts)
    scripts = {key: script for part in parts for key, script in part.scripts.items()}
    return Run(facts, [merged[key] for key in sorted(merged)], scripts, parts[0].name)


def _versions(parts: list[dict[str, str]]) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for versions in parts:
        for library, version in versions.items():
            found.setdefault(library, {})[version] = None
    return {library: " and ".join(versions) for library, versions in found.items()}
