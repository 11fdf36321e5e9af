"""What a comparison found: rows of figures, with what was run on what, as JSON and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

__all__ = ["FORMAT", "Comparison", "Figures", "RecordError", "Report", "interval", "merge_reports"]

FORMAT = 2
DRAWS = 2000


class RecordError(ValueError):
    """A file is no comparison, or comparisons do not belong together."""


def interval(groups: Sequence[Sequence[float]], draws: int = DRAWS) -> tuple[float, float]:
    """The 95 % bootstrap interval of the median of times from several processes.

    Processes are drawn first, then values of each: times of one process resemble each other, since
    addresses and hashes are the same in it.

    >>> low, high = interval([[1.0, 1.1], [1.2, 1.3], [0.9, 1.0]])
    >>> bool(low < 1.05 < high)
    True
    """
    rng = np.random.default_rng(0)
    lengths = np.asarray([len(group) for group in groups])
    table = np.full((len(groups), max(lengths)), np.nan)
    for row, group in zip(table, groups, strict=True):
        row[: len(group)] = group
    processes = rng.integers(0, len(groups), (draws, len(groups)))[:, :, None]
    places = rng.integers(0, lengths[processes], (*processes.shape[:2], max(lengths)))
    drawn = table[processes, places]
    there = np.arange(max(lengths)) < lengths[processes]
    medians = np.nanmedian(np.where(there, drawn, np.nan), axis=(1, 2))
    low, high = np.quantile(medians, [0.025, 0.975])
    return float(low), float(high)


@dataclass
class Figures:
    """What one system gave. Times are in seconds, memory in bytes; empty if not measured.

    `value_error` and `gradient_errors` are the largest errors in units of eps of the dtype,
    relative to the largest number of the arbiter's. `verdict` is "agrees", "differs", "kink" (it
    differs where the function has a kink, and lies between the slopes of both sides), "narrow" (the
    library computes in a narrower dtype, and agrees to its precision), "undecided" (systems differ,
    and nothing tells who is right), "timeout" or "failed", with `note` saying where.

    `times` has one list for each process, `value_times`, `first_calls` and `peaks` one number.
    `run` is the number of the run, among those of the report, that it was measured in.
    """

    name: str
    backend: str = ""
    compiled: bool = False
    value: float | None = None
    value_error: float | None = None
    gradient_errors: list[float] = field(default_factory=list)
    verdict: str = "failed"
    note: str = ""
    first_calls: list[float] = field(default_factory=list)
    times: list[list[float]] = field(default_factory=list)
    value_times: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    run: int = 0

    @property
    def time(self) -> float | None:
        """The median time of value and gradient."""
        return median(t for group in self.times for t in group) if self.times else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """The 95 % bootstrap interval of the median time."""
        return interval(self.times) if self.times else None

    @property
    def first_call(self) -> float | None:
        """The median time of the first call, tracing and compiling included."""
        return median(self.first_calls) if self.first_calls else None

    @property
    def ratio(self) -> float | None:
        """The time of value and gradient, over that of the value alone."""
        value = median(self.value_times) if self.value_times else None
        return self.time / value if self.time is not None and value else None

    @property
    def peak(self) -> int | None:
        """The median of the peak memory of a call."""
        return int(median(self.peaks)) if self.peaks else None


@dataclass
class Comparison:
    """One function at one size: what it was called with, who judged, and a row for each system.

    `title` is what to call it, `axis` what its size is, and `setting` the size in words; empty for
    functions that have only their name.
    """

    function: str
    dtype: str
    by: list[int]
    arguments: list[str]
    arbiter: str
    rows: list[Figures]
    size: int | None = None
    gradients: dict[str, list[np.ndarray]] = field(default_factory=dict, repr=False)
    title: str = ""
    axis: str = ""
    setting: str = ""

    @property
    def name(self) -> str:
        """The title, or the name of the function without the folders that it is in."""
        module, _, name = self.function.rpartition(":")
        stem = Path(module).stem
        return self.title or f"{stem.rpartition('.')[2] or stem}: {name}"

    @property
    def heading(self) -> str:
        """The name, and at which size.

        >>> Comparison("m:f", "float64", [0], ["float64 3"], "", [], 3).heading
        'm: f, size 3'
        """
        setting = self.setting or (f"size {self.size:,}" if self.size is not None else "")
        return ", ".join(filter(None, [self.name, setting]))

    @property
    def key(self) -> tuple[Any, ...]:
        """What must be the same for two comparisons to be of the same thing."""
        return (self.function, self.dtype, self.size, tuple(self.by), tuple(self.arguments))


@dataclass
class Report:
    """Comparisons, and the runs that they come from: command, seed, commit, machine, versions."""

    runs: list[dict[str, Any]]
    comparisons: list[Comparison]

    @property
    def agreed(self) -> bool:
        """Whether no system differs, but for choices at kinks, and nothing is undecided."""
        rows = [row for c in self.comparisons for row in c.rows]
        return not any(row.verdict in ("differs", "undecided") for row in rows)

    def as_json(self) -> str:
        """Everything that was measured, and the medians and intervals that follow from it."""
        comparisons = []
        for c in self.comparisons:
            facts = {k: v for k, v in vars(c).items() if k not in ("rows", "gradients")}
            comparisons.append({**facts, "rows": [_row(row) for row in c.rows]})
        facts = {"format": FORMAT, "runs": self.runs, "comparisons": comparisons}
        return json.dumps(_plain(facts), indent=1, default=str) + "\n"

    @classmethod
    def read(cls, path: Path) -> Report:
        """The report that `as_json` wrote to a file."""
        try:
            facts = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RecordError(f"{path} cannot be read: {error}") from None
        if not isinstance(facts, dict) or facts.get("format") != FORMAT:
            raise RecordError(f"{path} is no comparison of this version of pluggrad compare")
        names = set(Figures.__dataclass_fields__)
        comparisons = []
        for c in facts["comparisons"]:
            rows = [Figures(**{k: _number(v) for k, v in row.items() if k in names})
                    for row in c.pop("rows")]  # fmt: skip
            comparisons.append(Comparison(rows=rows, **c))
        return cls(facts["runs"], comparisons)


def merge_reports(reports: Iterable[Report]) -> Report:
    """One report of several: of other systems, other sizes, or further runs of the same.

    The same system in runs with the same machine and versions becomes one row, with the times of
    all processes. On another machine, or of other versions, it stays a row of its own.
    """
    merged = Report([], [])
    found: dict[tuple[Any, ...], Comparison] = {}
    for report in reports:
        offset = len(merged.runs)
        merged.runs += report.runs
        for c in report.comparisons:
            whole = found.get(c.key)
            if whole is None:
                rows: list[Figures] = []
                whole = found[c.key] = Comparison(
                    c.function, c.dtype, c.by, c.arguments, c.arbiter, rows, c.size, title=c.title,
                    axis=c.axis, setting=c.setting,
                )  # fmt: skip
                merged.comparisons.append(whole)
            for row in c.rows:
                row.run += offset
                _put(merged.runs, whole.rows, row)
    merged.comparisons.sort(key=lambda c: (c.function, c.dtype, c.size or 0))
    return merged


def _put(runs: list[dict[str, Any]], rows: list[Figures], row: Figures) -> None:
    same = lambda facts: (facts.get("machine"), facts.get("versions"))
    for other in rows:
        if other.name == row.name and same(runs[other.run]) == same(runs[row.run]):
            if other.verdict != row.verdict:
                raise RecordError(
                    f"{row.name}: {other.verdict} in one run and {row.verdict} in another, on the "
                    "same machine and in the same versions; look at them one by one"
                )
            for name in ("first_calls", "times", "value_times", "peaks"):
                getattr(other, name).extend(getattr(row, name))
            return
    taken = {other.name for other in rows}
    name, number = row.name, 2
    while row.name in taken:
        row.name = f"{name} ({number})"
        number += 1
    rows.append(row)


def _row(row: Figures) -> dict[str, Any]:
    derived = {
        name: getattr(row, name) for name in ("time", "spread", "first_call", "ratio", "peak")
    }
    return {**asdict(row), **derived}


def _plain(x: Any) -> Any:
    """Numbers that JSON lacks become strings."""
    if isinstance(x, dict):
        return {k: _plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_plain(v) for v in x]
    if isinstance(x, np.generic):
        x = x.item()
    return str(x) if isinstance(x, float) and not math.isfinite(x) else x


def _number(x: Any) -> Any:
    if isinstance(x, list):
        return [_number(v) for v in x]
    return float(x) if x in ("inf", "-inf", "nan") else x
