"""Results: the outcome of a cell, and everything that led to it; and reading those of a run.

A `Result` is one line of ``results.jsonl``; `schema.json` describes it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .cells import Cell

__all__ = [
    "BAD", "OUTCOMES", "OracleVerdict", "Property", "Result", "RunError", "parse_line", "printable",
    "read_results", "read_run",
]  # fmt: skip

#: Every outcome, with what it means. Reports show them in this order.
OUTCOMES: dict[str, str] = {
    "pass": "agrees with the oracles within the tolerance",
    "convention": "differs from an oracle where the documented convention decides, and keeps to it",
    "other-convention": "another system chooses otherwise, where that is a matter of choice",
    "numerically-off": "beyond the tolerance, but of the right size",
    "wrong": "beyond the tolerance by far, and two oracles agree on what is right",
    "wrong-structure": "the shape, the dtype or the device is not that of the input, or a property "
                       "of every derivative (linearity, transposition, symmetry) does not hold",
    "nonfinite-mismatch": "infinities or nan where the oracle has none, or the other way round",
    "nondeterministic": "two runs gave different numbers",
    "error": "an exception that says nothing of what is not supported",
    "timeout": "took longer than allowed",
    "unsupported-by-engine": "pluggrad says that it cannot do this",
    "unsupported-by-backend": "the array library itself cannot compute this",
    "unmapped": "no function of the system is known for this operation: it was not asked",
    "forward-deviation": "the library's own value is wrong, so its gradient is not judged",
    "oracle-conflict": "the oracles disagree, or only one of them objects",
    "oracle-missing": "no oracle has an answer",
}  # fmt: skip

#: Outcomes that fail the gate unless a file of expectations explains them.
BAD = ("numerically-off", "wrong", "wrong-structure", "nonfinite-mismatch", "nondeterministic",
       "error", "timeout", "oracle-conflict", "oracle-missing", "forward-deviation")  # fmt: skip


@dataclass
class OracleVerdict:
    """What one oracle says: `verdict` is agrees, off, wrong, nonfinite or none (no answer).

    `error` is the largest error in units of eps of the cell's dtype, and `ratio` in units of the
    tolerance; None where there is no number.
    """

    name: str
    verdict: str
    error: float | None = None
    ratio: float | None = None
    note: str = ""


@dataclass
class Property:
    """A property of every derivative: whether it held, and what was seen if not."""

    name: str
    held: bool
    note: str = ""


@dataclass
class Result:
    """The outcome of one cell."""

    cell: Cell
    outcome: str
    detail: str = ""
    quantity: str = "gradient"
    error: float | None = None  # in eps, against the first oracle that answered
    ratio: float | None = None  # in tolerances
    oracles: list[OracleVerdict] = field(default_factory=list)
    properties: list[Property] = field(default_factory=list)
    seconds: float = 0.0
    minimal: dict[str, Any] | None = None  # the shrunk input: {"inputs": [...], "size": n}
    killed: bool = False  # from outside: a run that is resumed tries the cell again

    def as_dict(self) -> dict[str, Any]:
        """A dictionary for JSON; numbers that JSON lacks become strings."""
        cell = asdict(self.cell)
        facts: dict[str, Any] = _clean({
            "key": self.cell.key, "id": self.cell.id, **cell, "outcome": self.outcome,
            "detail": self.detail, "quantity": self.quantity, "error_eps": self.error,
            "ratio": self.ratio, "oracles": [asdict(o) for o in self.oracles],
            "properties": [asdict(p) for p in self.properties],
            "seconds": round(self.seconds, 6), "minimal": self.minimal,
        })  # fmt: skip
        if self.killed:
            facts["killed"] = True
        return facts

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Result:
        """The result that `as_dict` describes."""
        facts = _clean(facts)
        number = lambda x: float(x) if isinstance(x, str) else x
        return cls(
            Cell.parse(facts["key"]), facts["outcome"], facts["detail"], facts["quantity"],
            number(facts["error_eps"]), number(facts["ratio"]),
            [OracleVerdict(o["name"], o["verdict"], number(o["error"]), number(o["ratio"]),
                           o["note"]) for o in facts["oracles"]],
            [Property(**p) for p in facts["properties"]], facts["seconds"], facts["minimal"],
            facts.get("killed", False),
        )  # fmt: skip

    def to_line(self) -> str:
        """The line of ``results.jsonl``, without the newline.

        ASCII only: some readers take U+2028 or U+0085 inside a text for the end of a line.
        """
        return json.dumps(self.as_dict(), allow_nan=False)


class RunError(ValueError):
    """A run directory is missing or unreadable, is in use, or belongs to another run."""


def read_run(out: Path) -> dict[str, Any]:
    """The facts in ``run.json``; `RunError` if `out` is no run directory."""
    try:
        facts: dict[str, Any] = json.loads((Path(out) / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{out} is no run: it has no run.json") from None
    except ValueError as error:
        raise RunError(f"{Path(out) / 'run.json'} cannot be read: {error}") from None
    return facts


def read_results(out: Path) -> Iterator[Result]:
    """The results in ``results.jsonl``, one by one; an incomplete last line is skipped."""
    path = Path(out) / "results.jsonl"
    if not path.is_file():
        raise RunError(f"{out} is no run: it has no results.jsonl")
    with open(path, encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            result = parse_line(line)
            if result is not None:
                yield result


def parse_line(line: str) -> Result | None:
    """The result of a line of ``results.jsonl``; None if it is incomplete or no result."""
    if not line.endswith("\n"):
        return None
    try:
        return Result.from_dict(json.loads(line))
    except (ValueError, KeyError, TypeError):
        return None


def printable(text: str) -> str:
    r"""The text, with lone surrogates written as escapes: UTF-8 cannot encode them.

    >>> print(printable("a\ud800"))
    a\ud800
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _clean(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _clean(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_clean(v) for v in x]
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    if isinstance(x, str):
        return printable(x)
    return x
