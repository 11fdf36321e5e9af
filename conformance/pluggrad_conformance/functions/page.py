"""The comparisons as one self-contained page."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .figures import HEADINGS, figures_of
from .records import Report

__all__ = ["render_report"]


def render_report(report: Report) -> str:
    """The page: tables, and bars of the times."""
    from jinja2 import Environment

    template = Path(__file__).with_name("page.html.j2").read_text(encoding="utf-8")
    parts = []
    for number, c in enumerate(report.comparisons):
        ends = [t for row in c.rows for t in row.spread or ()]
        place = _places(min(ends), max(ends)) if ends else None
        rows = []
        for row in c.rows:
            cells = figures_of(row)
            shown = {"name": row.name, "cells": list(zip(HEADINGS, cells))[1:], "note": row.note,
                     "verdict": row.verdict, "timed": bool(row.times)}  # fmt: skip
            if place and row.time and row.spread:
                low, high = map(place, row.spread)
                shown |= {"width": place(row.time), "low": low, "range": high - low,
                          "time": cells[HEADINGS.index("time")],
                          "ratio": cells[HEADINGS.index("× value")]}  # fmt: skip
            rows.append(shown)
        parts.append({"facts": c, "rows": rows, "timed": bool(ends), "id": f"part-{number}"})
    runs = [{name: _in_words(value) for name, value in run.items()} for run in report.runs]
    page = Environment(autoescape=True).from_string(template)
    return page.render(parts=parts, runs=runs, headings=HEADINGS[1:])


def _places(fastest: float, slowest: float) -> Callable[[float], float]:
    """Where a time stands in the picture, in percent: on a logarithmic axis, whose left end is half
    of the fastest time."""
    width = math.log(2 * slowest / fastest)
    return lambda t: 100 * math.log(2 * t / fastest) / width


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_in_words(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
