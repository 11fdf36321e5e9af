"""The figures of a row, in words: for the terminal, pages and tables."""

from __future__ import annotations

from .records import Figures

__all__ = ["HEADINGS", "figures_of", "in_seconds"]

HEADINGS = ("system", "verdict", "value", "error", "gradient error", "first call", "time", "95 %",
            "× value", "memory")  # fmt: skip


def figures_of(row: Figures) -> list[str]:
    """One word for each of `HEADINGS`; a dash for what was not measured."""
    errors = ", ".join(f"{e:.2g}" for e in row.gradient_errors)
    spread = row.spread
    return [
        row.name,
        row.verdict,
        "–" if row.value is None else f"{row.value:.7g}",
        "–" if row.value_error is None else f"{row.value_error:.2g}",
        errors or "–",
        "–" if row.first_call is None else in_seconds(row.first_call),
        "–" if row.time is None else in_seconds(row.time),
        "–" if spread is None else f"{in_seconds(spread[0])} – {in_seconds(spread[1])}",
        "–" if row.ratio is None else f"{row.ratio:.2g}",
        "–" if row.peak is None else f"{row.peak / 1e6:.3g} MB",
    ]


def in_seconds(t: float) -> str:
    """A time with three digits.

    >>> in_seconds(0.00123)
    '1.23 ms'
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if t >= size or unit == "µs":
            return f"{t / size:.3g} {unit}"
    raise AssertionError
