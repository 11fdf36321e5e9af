"""Reports: what a run says, for people and for programs.

``schema.json`` describes a line of ``results.jsonl``, and ``run.schema.json`` a ``run.json``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .. import gate
from ..results import printable
from .csv_ import render_csv
from .difference import Difference, compare_runs
from .html import render_html
from .junit import render_junit
from .latex import render_latex
from .load import ReportError, Run, load_run
from .validate import check_run

__all__ = [
    "FORMATS", "Difference", "ReportError", "Run", "check_run", "compare_runs", "load_run",
    "write_reports",
]  # fmt: skip

#: The formats, each with its file name and the function that renders a `Run`.
FORMATS: dict[str, tuple[str, Callable[[Run], str]]] = {
    "html": ("report.html", render_html),
    "csv": ("summary.csv", render_csv),
    "latex": ("summary.tex", render_latex),
    "junit": ("junit.xml", render_junit),
}


def write_reports(
    run_dir: Path | str | Sequence[Path | str],
    formats: Iterable[str] = tuple(FORMATS),
    out: Path | str | None = None,
    expectations: Path | str | None = gate.EXPECTATIONS,
) -> list[Path]:
    """Write the reports of a run, and return their paths.

    Parameters
    ----------
    run_dir : path or sequence of paths
        A run directory, a ``results.jsonl`` (also ``.gz`` or ``.xz``), or several of them that are
        shards of one run.
    formats : iterable of str
        Some of `FORMATS`.
    out : path
        The directory to write to; by default the first run directory.
    expectations : path
        The file whose entries explain outcomes, as `pluggrad_conformance.gate` reads it; None if
        there is none.

    Raises
    ------
    ReportError
        A format has an unknown name, a run cannot be read, or runs cannot be merged.
    """
    chosen = list(formats)
    for name in chosen:
        if name not in FORMATS:
            raise ReportError(f"there is no format {name!r}; there are {', '.join(FORMATS)}")
    paths = [run_dir] if isinstance(run_dir, (str, Path)) else list(run_dir)
    run = load_run(*paths)
    if expectations is not None:
        run.explain(gate.read_expectations(Path(expectations)))
    folder = Path(out) if out is not None else _folder(Path(paths[0]))
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in chosen:
        file, render = FORMATS[name]
        (folder / file).write_text(printable(render(run)), encoding="utf-8", newline="")
        written.append(folder / file)
    return written


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent
