"""The comparisons as one self-contained page."""

from __future__ import annotations

import json
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
    for c in report.comparisons:
        spreads = {row.name: row.spread for row in c.rows}
        slowest = max([s[1] for s in spreads.values() if s], default=0.0) or 1.0
        rows = []
        for row in c.rows:
            low, high = spreads[row.name] or (0.0, 0.0)
            rows.append({
                "name": row.name, "cells": figures_of(row)[1:], "note": row.note,
                "verdict": row.verdict, "timed": bool(row.times),
                "width": 100 * (row.time or 0.0) / slowest, "low": 100 * low / slowest,
                "high": 100 * high / slowest,
            })  # fmt: skip
        parts.append({"facts": c, "rows": rows, "timed": any(row.times for row in c.rows)})
    runs = [{name: _in_words(value) for name, value in run.items()} for run in report.runs]
    page = Environment(autoescape=True).from_string(template)
    return page.render(parts=parts, runs=runs, headings=HEADINGS[1:])


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_in_words(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
