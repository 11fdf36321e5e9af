"""HTML: one page with everything in it, which opens from a file and asks the network for nothing.

The matrix, the tables and the pictures are plain HTML; a script adds filters, and shows the details
of a cell. For the script all cells are in the page once more: columns of indices into dictionaries,
as gzip and base64.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..cells import AXES, DTYPES, Cell
from ..results import BAD, OUTCOMES, Result
from ..systems import is_native
from .accuracy import BINS, Accuracy, accuracy_by_dtype
from .load import SEVERITY, ReportError, Run, worst

__all__ = ["MARKS", "TONES", "payload", "render_html"]

#: A sign for each outcome, so that nothing is said by colour alone.
MARKS = {
    "pass": "✓", "convention": "C", "numerically-off": "≈", "wrong": "W", "wrong-structure": "S",
    "nonfinite-mismatch": "∞", "nondeterministic": "R", "error": "E", "timeout": "T",
    "unsupported-by-engine": "U", "unsupported-by-backend": "–", "forward-deviation": "F",
    "oracle-conflict": "?", "oracle-missing": "O", "other-convention": "c", "unmapped": "·",
}  # fmt: skip

#: A colour for each outcome: six, because more cannot be told apart.
TONES = {
    "pass": "good", "convention": "note", "numerically-off": "off", "wrong": "bad",
    "wrong-structure": "bad", "nonfinite-mismatch": "off", "nondeterministic": "off",
    "error": "bad", "timeout": "bad", "unsupported-by-engine": "gone",
    "unsupported-by-backend": "gone", "forward-deviation": "open", "oracle-conflict": "open",
    "oracle-missing": "open", "other-convention": "note", "unmapped": "gone",
}  # fmt: skip

#: Fields of a cell that are stored as numbers into a dictionary.
COLUMNS = tuple(f.name for f in fields(Cell))

#: Further facts of each cell, one column each.
FACTS = ("outcome", "quantity", "detail", "error", "ratio", "seconds", "properties")


def render_html(run: Run) -> str:
    """The page of a run."""
    try:
        import jinja2
        from markupsafe import Markup
    except ImportError:
        raise ReportError(
            "the HTML report needs jinja2: pip install 'pluggrad[conformance]'"
        ) from None
    here = Path(__file__).parent
    page = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    page.filters |= {
        "count": lambda n: f"{n:,}".replace(",", "\N{THIN SPACE}"),
        "eps": _eps,
        "breakable": lambda name: Markup("<wbr>").join(re.findall(r"[^_.]*[_.]?", name)),
    }
    packed = json.dumps(payload(run), separators=(",", ":"))
    data = base64.b64encode(gzip.compress(packed.encode(), 9, mtime=0)).decode()
    style, script = ((here / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return page.get_template("template.html.j2").render(
        run=run, facts=run.facts, outcomes=OUTCOMES, marks=MARKS, tones=TONES, bad=BAD, worst=worst,
        severity=SEVERITY, bins=BINS, histograms=[_bars(a) for a in accuracy_by_dtype(run.results)],
        segments={b: _segments(run, b) for b in run.backends}, unexplained=_unexplained(run),
        entries=Counter(run.explained.values()), plain=_plain_squares(run),
        native=all(is_native(b) for b in run.backends), axes=list(AXES), style=Markup(style),
        script=Markup(script), data=data,
    )  # fmt: skip


def payload(run: Run) -> dict[str, Any]:
    """All cells in columns, for the script of the page."""
    places: dict[str, dict[Any, int]] = {}

    def place(name: str, value: Any) -> int:
        known = places.setdefault(name, {})
        return known.setdefault(value, len(known))

    for names in run.operations.values():
        for name in names:
            place("operation", name)
    for backend in run.backends:
        place("backend", backend)
    columns: dict[str, list[Any]] = {name: [] for name in (*COLUMNS, *FACTS)}
    oracles: list[list[Any]] = []
    failures: dict[int, dict[str, Any]] = {}
    for name in OUTCOMES:
        place("outcome", name)
    for name in dict.fromkeys((*DTYPES, *(r.cell.dtype for r in run.results))):
        if any(r.cell.dtype == name for r in run.results):
            place("dtype", name)
    for number, r in enumerate(run.results):
        for name in COLUMNS:
            columns[name].append(place(name, getattr(r.cell, name)))
        for name, value in (("outcome", r.outcome), ("quantity", r.quantity), ("detail", r.detail)):
            columns[name].append(place(name, value))
        columns["error"].append(_short(r.error))
        columns["ratio"].append(_short(r.ratio))
        columns["seconds"].append(_short(r.seconds))
        columns["properties"].append(
            place("properties", tuple((p.name, int(p.held), p.note) for p in r.properties))
        )
        said: list[Any] = []
        for o in r.oracles:
            said += [place("oracle", (o.name, o.verdict, o.note)), _short(o.error), _short(o.ratio)]
        oracles.append(said)
        if r.outcome != "pass":
            failures[number] = _failure(run, r)
    return {
        "axes": AXES, "severity": SEVERITY, "marks": MARKS, "tones": TONES, "bad": BAD,
        "kinds": run.operations, "meanings": OUTCOMES, "columns": columns, "oracles": oracles,
        "failures": failures, "dictionaries": {n: list(known) for n, known in places.items()},
    }  # fmt: skip


def _failure(run: Run, r: Result) -> dict[str, Any]:
    found: dict[str, Any] = {"id": r.cell.id}
    if r.cell.key in run.explained:
        entry = run.explained[r.cell.key]
        found["reason"] = f"{entry.reason} (to be looked at again by {entry.expires})"
    if r.minimal is not None:
        found["minimal"] = r.as_dict()["minimal"]
    if r.cell.id in run.scripts:
        found["script"] = run.scripts[r.cell.id]
    return found


def _short(x: float | None) -> Any:
    """Three digits: enough to read, and they keep the page small."""
    if x is None:
        return None
    if not math.isfinite(x):
        return str(x)
    short = float(f"{x:.3g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _eps(x: float) -> str:
    if not math.isfinite(x):
        return "–"
    return f"{x:.0f}" if 100 <= x < 1e5 else f"{x:.2g}"


def _segments(run: Run, backend: str) -> list[dict[str, Any]]:
    """The parts of a bar: outcomes of a backend, as places on a scale of 1000."""
    counts = run.outcomes[backend]
    begin, found = 0.0, []
    for outcome in OUTCOMES:
        if counts[outcome]:
            width = 1000 * counts[outcome] / counts.total()
            found.append({"outcome": outcome, "x": begin, "width": width, "count": counts[outcome]})
            begin += width
    return found


def _bars(found: Accuracy) -> dict[str, Any]:
    """The bars of a histogram: heights on a scale of one, other outcomes on top of the accepted."""
    top = max(a + b for a, b in zip(found.accepted, found.others))
    bars = [
        {"label": label, "count": a + b, "accepted": a / top, "others": b / top, "n_others": b}
        for label, a, b in zip(BINS, found.accepted, found.others)
    ]
    return {"facts": found, "bars": bars}


def _plain_squares(run: Run) -> set[tuple[str, str]]:
    """The squares with a cell of their worst outcome that no entry explains."""
    return {
        place for r in run.results
        if r.cell.key not in run.explained
        and r.outcome == worst(run.squares[place := (r.cell.operation, r.cell.backend)])
    }  # fmt: skip


def _unexplained(run: Run) -> Iterable[tuple[str, str, str, int, str]]:
    """Rows for readers without scripts: place, outcome, count and one detail, the worst first."""
    found: dict[tuple[str, str, str], list[Result]] = {}
    for r in run.unexplained:
        found.setdefault((r.outcome, r.cell.operation, r.cell.backend), []).append(r)
    ordered = sorted(found.items(), key=lambda item: (SEVERITY.index(item[0][0]), item[0]))
    return [(*place, len(rs), rs[0].detail) for place, rs in ordered]
