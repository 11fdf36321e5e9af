"""The comparison as one self-contained page."""

from __future__ import annotations

from pathlib import Path

from .cli import cells_of
from .measure import Comparison

__all__ = ["render"]


def render(found: Comparison) -> str:
    """The page: a table, and bars of the times."""
    from jinja2 import Environment

    template = Path(__file__).with_name("page.html.j2").read_text(encoding="utf-8")
    slowest = max([row.spread[1] for row in found.rows if row.spread], default=0.0) or 1.0
    rows = [
        {
            "name": row.name, "problem": row.problem,
            "cells": cells_of(row) if not row.problem else [],
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
