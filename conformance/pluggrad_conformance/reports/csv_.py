"""CSV: one row for each operation on each backend."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter

from ..results import OUTCOMES
from .load import Run, worst

__all__ = ["COLUMNS", "render_csv"]

COLUMNS = ("operation", "kind", "backend", "cells", "worst", *OUTCOMES, "explained",
           "largest_error_eps", "largest_ratio", "seconds")  # fmt: skip


def render_csv(run: Run) -> str:
    """The table of a run. The largest error and ratio are over the accepted cells (pass and
    convention): they tell how accurate accepted answers are."""
    errors: dict[tuple[str, str], float] = {}
    ratios: dict[tuple[str, str], float] = {}
    seconds: dict[tuple[str, str], float] = {}
    for r in run.results:
        place = r.cell.operation, r.cell.backend
        seconds[place] = seconds.get(place, 0.0) + r.seconds
        if r.outcome in ("pass", "convention"):
            for found, value in ((errors, r.error), (ratios, r.ratio)):
                if value is not None and math.isfinite(value):
                    found[place] = max(found.get(place, 0.0), value)
    explained = Counter((r.cell.operation, r.cell.backend) for r in run.results
                        if r.cell.key in run.explained)  # fmt: skip
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for kind, names in run.operations.items():
        for name in names:
            for backend in run.backends:
                place = name, backend
                if (counts := run.squares.get(place)) is None:
                    continue
                table.writerow([
                    name, kind, backend, counts.total(), worst(counts),
                    *(counts[outcome] for outcome in OUTCOMES), explained[place],
                    _number(errors.get(place)), _number(ratios.get(place)),
                    _number(seconds[place]),
                ])  # fmt: skip
    return text.getvalue()


def _number(x: float | None) -> str:
    return "" if x is None else f"{x:.6g}"
