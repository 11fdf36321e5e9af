"""The comparisons as LaTeX tables, for the package booktabs."""

from __future__ import annotations

from .figures import HEADINGS, figures_of
from .records import Comparison, Report

__all__ = ["latex_tables"]

SPECIAL = {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "×": r"$\times$",
           "µ": r"$\mu$", "–": "--", "{": r"\{", "}": r"\}", "^": r"\^{}", "~": r"\~{}",
           "\\": r"\textbackslash{}"}  # fmt: skip


def latex_tables(report: Report) -> str:
    """One table for each comparison, and what it was run on as a comment."""
    lines = [f"% {run.get('date', '')}: {' '.join(run.get('command', []))}" for run in report.runs]
    return "\n".join([*lines, *[_table(c) for c in report.comparisons]]) + "\n"


def _table(found: Comparison) -> str:
    caption = (
        f"{found.heading}: {', '.join(found.arguments)}. "
        f"Errors are in eps, against {found.arbiter}; times are medians."
    )
    lines = [
        r"\begin{table}",
        rf"\caption{{{_escaped(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(HEADINGS) - 1)}}}",
        r"\toprule",
        " & ".join(map(_escaped, HEADINGS)) + r" \\",
        r"\midrule",
        *[" & ".join(map(_escaped, figures_of(row))) + r" \\" for row in found.rows],
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return "".join(SPECIAL.get(c, c) for c in text)
