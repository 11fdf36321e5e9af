r"""LaTeX: two tables for a paper, with rules of ``booktabs``; ``\input`` them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ..results import OUTCOMES
from .accuracy import accuracy_by_dtype
from .load import Run

__all__ = ["escape", "render_latex"]

_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}", "`": r"\textasciigrave{}", "\n": " ",
}  # fmt: skip


def escape(text: str) -> str:
    r"""`text` escaped for LaTeX; letters outside ASCII are left as they are.

    >>> print(escape("50_% <a>"))
    50\_\% \textless{}a\textgreater{}
    """
    shown = "".join(_ESCAPES.get(letter, letter) for letter in text)
    return shown.replace("--", "-{}-")


def render_latex(run: Run) -> str:
    """Both tables of a run: outcomes by backend, and errors by dtype."""
    return "\n".join([
        r"% \input this file; it needs \usepackage{booktabs} and, for quotes in names,",
        r"% \usepackage[T1]{fontenc} and \usepackage{textcomp}.",
        *_outcomes(run), "", *_errors(run), "",
    ])  # fmt: skip


def _outcomes(run: Run) -> list[str]:
    rows = [
        [outcome, *(run.outcomes[backend][outcome] for backend in run.backends), count]
        for outcome in OUTCOMES
        if (count := run.total[outcome])
    ]
    totals = ["cells", *(run.outcomes[b].total() for b in run.backends), len(run.results)]
    versions = run.facts.get("versions", {})
    used = ", ".join(
        f"{escape(name)} {escape(versions[name])}"
        for name in ("pluggrad", "numpy", "torch", "jax", "dask", "array-api-strict", "python")
        if name in versions
    )
    operations = sum(map(len, run.operations.values()))
    caption = f"Outcomes of {len(run.results)} cells ({operations} operations) by backend."
    return _table(
        caption + (f" Versions: {used}." if used else ""), "conformance-outcomes",
        ["Outcome", *run.backends, "all"], rows, [totals],
    )  # fmt: skip


def _errors(run: Run) -> list[str]:
    rows = [
        [a.dtype, a.cells, *(_number(x) for x in (a.median, a.percentile, a.largest))]
        for a in accuracy_by_dtype(run.results)
    ]
    return _table(
        "Largest componentwise errors of the accepted cells against the oracle, in units of the "
        "machine epsilon of the dtype.",
        "conformance-errors", ["Dtype", "cells", "median", r"99th percentile", "largest"], rows, [],
    )  # fmt: skip


def _table(
    caption: str,
    label: str,
    head: Sequence[object],
    rows: Iterable[Sequence[object]],
    totals: Iterable[Sequence[object]],
) -> list[str]:
    """A table; cells are escaped, captions are LaTeX already."""
    body = [_row(row) for row in rows]
    foot = [_row(row) for row in totals]
    return [
        r"\begin{table}", r"  \centering", rf"  \caption{{{caption}}}", rf"  \label{{tab:{label}}}",
        rf"  \begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"    \toprule", _row(head),
        r"    \midrule", *body, *([r"    \midrule", *foot] if foot else []), r"    \bottomrule",
        r"  \end{tabular}", r"\end{table}",
    ]  # fmt: skip


def _row(row: Sequence[object]) -> str:
    return "    " + " & ".join(escape(str(x)) for x in row) + r" \\"


def _number(x: float) -> str:
    if not math.isfinite(x):
        return "-"
    return f"{x:.0f}" if 100 <= x < 1e5 else f"{x:.2g}"
