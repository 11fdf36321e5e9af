"""The comparison as one self-contained page."""

from __future__ import annotations

from pathlib import Path

from .measure import ContenderRow, FunctionComparison

__all__ = ["figures_of", "render_comparison"]


def render_comparison(found: FunctionComparison) -> str:
    """The page: a table, and bars of the times."""
    from jinja2 import Environment

    template = Path(__file__).with_name("page.html.j2").read_text(encoding="utf-8")
    slowest = max([row.spread[1] for row in found.rows if row.spread], default=0.0) or 1.0
    rows = [
        {
            "name": row.name, "problem": row.problem,
            "cells": figures_of(row) if not row.problem else [],
            "width": 100 * (row.time or 0.0) / slowest,
            "low": 100 * row.spread[0] / slowest if row.spread else 0,
            "high": 100 * row.spread[1] / slowest if row.spread else 0,
        }
        for row in found.rows
    ]  # fmt: skip
    facts = {
        name: ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        for name, value in found.facts.items()
    }
    page = Environment(autoescape=True).from_string(template)
    return page.render(found=found, rows=rows, facts=facts)


def figures_of(row: ContenderRow) -> list[str]:
    """The figures of a row, in words."""
    q, time = row.spread, ""
    if row.time is not None and q is not None:
        time = f"{_seconds(row.time)} ± {50 * (q[1] - q[0]) / row.time:.0f} %"
    memory = f"{min(row.peaks) / 1e6:.3g}–{max(row.peaks) / 1e6:.3g} MB" if row.peaks else ""
    errors = ", ".join(f"{e:.2g}" for e in row.gradient_errors or [])
    return [f"{row.value:.7g}", f"{row.value_error:.2g}", errors, time, memory]


def _seconds(t: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if t >= size or unit == "µs":
            return f"{t / size:.3g} {unit}"
    raise AssertionError
