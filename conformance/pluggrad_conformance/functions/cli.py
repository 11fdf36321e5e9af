"""The command line of ``pluggrad compare``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .adbench import PROCESSES, TIMEOUT, compare_suite
from .figures import HEADINGS, figures_of
from .inputs import InputError
from .measure import Settings, compare_sizes, compared_backends
from .records import Comparison, RecordError, Report, merge_reports

__all__ = ["main"]

EXAMPLES = """\
examples:
  pluggrad compare mymodule:loss --inputs 3x4,4
  pluggrad compare examples/compare.py:energy --backends numpy,torch --html out.html
  pluggrad compare mymodule:loss --inputs nxn,n --sizes 10,100,1000 --plot scaling
  pluggrad compare mymodule:loss --inputs 3x4,4 --processes 0      # answers, no times
  pluggrad compare --suite adbench --json adbench.json --plot adbench
  pluggrad compare merge laptop.json server.json --latex both.tex

the function:
  If its first parameter is called xp, it is handed the namespace of its arrays, with the names of
  the Array API standard, and runs on every system: def loss(xp, x, w): return xp.sum(x * w).
  Otherwise it uses operators, or x.__array_namespace__(), where its arrays have one. What returns
  an array is summed. Arrays of floating-point numbers are differentiated by; Python's numbers are
  settings.

who judges:
  Fifty digits of mpmath, where the function can be computed with them and has few arguments. Else
  what all systems agree in, confirmed by finite differences along random directions; and where they
  differ, finite differences. Errors are in units of eps of the dtype. Infinities and nan must be in
  the same places.

times:
  Each system runs in processes of its own, by pyperf. The first call has tracing and compiling in
  it. Shown are medians, with 95 % bootstrap intervals over processes; x value is the time of value
  and gradient over that of the value alone; memory is by how much a call raises that of a process.

exit status:
  0 if all systems that could compute it agree, up to choices at kinks and to the precision that a
  library computes in; 1 if one differs; 2 for a mistake in the command, or if no system can compute
  the gradient.
"""


#: Verdicts that are no fault of a system, or no news about its gradients.
MILD = ("agrees", "kink", "narrow", "timeout", "failed")


def main(argv: Sequence[str] | None = None) -> int:
    """Run it, and return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = ["pluggrad", "compare", *words]
    try:
        if words[:1] == ["merge"]:
            given = _merging().parse_args(words[1:])
            report = merge_reports([Report.read(path) for path in given.reports])
        else:
            parser = _parser()
            given = parser.parse_args(words)
            if (given.function is None) == (given.suite is None):
                parser.error("give MODULE:FUNCTION, or --suite")
            report = _measured(given, command)
        for comparison in report.comparisons:
            show(comparison)
        _write(report, given)
    except (InputError, RecordError, ValueError, ImportError, OSError) as error:
        print(f"pluggrad compare: {error}", file=sys.stderr)
        return 2
    return 0 if report.agreed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pluggrad compare", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="One function, differentiated by pluggrad on every backend and by every other "
        "system that is installed: values, gradients, time and memory, and who is wrong.",
    )  # fmt: skip
    parser.add_argument("function", nargs="?", metavar="MODULE:FUNCTION",
                        help="or path.py:FUNCTION; or `merge FILE.json ...`")  # fmt: skip
    parser.add_argument("--suite", choices=["adbench"],
                        help="the objectives of ADBench instead of a function: Gaussian mixtures, "
                        "bundle adjustment, LSTM, hand tracking")  # fmt: skip
    parser.add_argument("--objectives", metavar="NAMES",
                        help="only these of the suite: gmm,ba,lstm,hand")  # fmt: skip
    what = parser.add_argument_group("what is computed")
    what.add_argument("--inputs", metavar="WHAT",
                      help="shapes such as 3x4,4 (random numbers), a .npz file, or MODULE:NAME "
                      "(default: `inputs` beside the function)")  # fmt: skip
    what.add_argument("--sizes", metavar="N,M",
                      help="run at several sizes: n in the shapes, or the argument of the function "
                      "that makes the inputs")  # fmt: skip
    what.add_argument("--argnums", metavar="I,J", help="differentiate by these (default: all)")
    what.add_argument("--dtype", default="float64", choices=["float32", "float64"])
    what.add_argument("--seed", type=int, default=0, help="of random inputs (default: 0)")
    who = parser.add_argument_group("who takes part")
    who.add_argument("--backends", metavar="NAMES",
                     help="pluggrad's, such as numpy,torch (default: all that are installed but "
                     "those for tests)")  # fmt: skip
    who.add_argument("--systems", metavar="PARTS",
                     help="only those with one of these in their names: jax,hips")  # fmt: skip
    who.add_argument("--no-native", action="store_true", help="pluggrad alone")
    who.add_argument("--no-compiled", action="store_true",
                     help="no pg.compile, torch.compile, jax.jit")  # fmt: skip
    how = parser.add_argument_group("how it is measured")
    how.add_argument("--processes", type=int, metavar="N",
                     help="for each system; 0 checks the answers only (default: "
                     f"{Settings.processes}, and {PROCESSES} in the suite)")  # fmt: skip
    how.add_argument("--tolerance", type=float, metavar="R",
                     help="how far answers may differ, relative to the largest number (default: "
                     "the square root of eps)")  # fmt: skip
    how.add_argument("--timeout", type=float, metavar="S",
                     help="seconds that a system may take at each size; it is timed in as many "
                     f"processes as end within them (default: {Settings.timeout:g}, and "
                     f"{TIMEOUT:g} in the suite)")  # fmt: skip
    _outputs(parser)
    return parser


def _merging() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pluggrad compare merge",
        description="Merge what --json wrote: other systems, other sizes, other machines, or "
        "further runs of the same, whose times are taken together.",
    )
    parser.add_argument("reports", nargs="+", type=Path, metavar="FILE.json")
    _outputs(parser)
    return parser


def _outputs(parser: argparse.ArgumentParser) -> None:
    out = parser.add_argument_group("what is written")
    out.add_argument("--json", type=Path, metavar="FILE", help="everything, to merge and to cite")
    out.add_argument("--html", type=Path, metavar="FILE", help="a page")
    out.add_argument("--latex", type=Path, metavar="FILE", help="tables, for booktabs")
    out.add_argument("--plot", type=Path, metavar="NAME",
                     help="NAME.png and NAME.svg: times by size, or as bars")  # fmt: skip


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _measured(given: argparse.Namespace, command: list[str]) -> Report:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    usual = (PROCESSES, TIMEOUT) if given.suite else (Settings.processes, Settings.timeout)
    processes = usual[0] if given.processes is None else given.processes
    timeout = usual[1] if given.timeout is None else given.timeout
    settings = Settings(
        _words(given.backends) or compared_backends(), given.dtype, not given.no_native,
        not given.no_compiled, processes, given.seed, given.tolerance, timeout,
        _words(given.systems),
    )  # fmt: skip
    sizes: list[int | None] = [int(n) for n in _words(given.sizes)]
    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        tell = lambda text, part: bar.update(task, completed=part, description=text)
        if given.suite:
            return compare_suite(
                settings, [n for n in sizes if n], only=_words(given.objectives), command=command,
                progress=tell,
            )  # fmt: skip
        return compare_sizes(
            given.function, settings, inputs=given.inputs,
            by=[int(n) for n in _words(given.argnums)] or None, sizes=sizes or [None],
            command=command, progress=tell,
        )  # fmt: skip


def _write(report: Report, given: argparse.Namespace) -> None:
    if given.json:
        given.json.write_text(report.as_json(), encoding="utf-8")
    if given.html:
        from .page import render_report

        given.html.write_text(render_report(report), encoding="utf-8")
    if given.latex:
        from .latex import latex_tables

        given.latex.write_text(latex_tables(report), encoding="utf-8")
    if given.plot:
        from .plot import plot_report

        for path in plot_report(report, given.plot):
            print(f"wrote {path}")


def show(found: Comparison) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:  # a file or a pipe has room
        console = Console(width=200)
    table = Table(title=f"{found.heading}: {', '.join(found.arguments)}",
                  caption=f"errors in eps, against the arbiter: {found.arbiter}")  # fmt: skip
    rows = [figures_of(row) for row in found.rows]
    shown = [k for k in range(len(HEADINGS)) if any(row[k] != "–" for row in rows)]
    for k in shown:
        left = HEADINGS[k] in ("system", "verdict")
        table.add_column(HEADINGS[k], justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*[row[k] for k in shown])
    console.print(table)
    for figures in found.rows:
        if figures.note:
            style = "yellow" if figures.verdict in MILD else "red"
            said = f"{figures.name}: {figures.verdict}: {figures.note}"
            console.print(said, style=style, markup=False)
