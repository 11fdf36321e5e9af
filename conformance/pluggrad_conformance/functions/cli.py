"""The command line of ``pluggrad compare``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .inputs import InputError
from .measure import FunctionComparison, compare_contenders
from .page import figures_of, render_comparison

__all__ = ["main"]

EXAMPLES = """\
examples:
  pluggrad compare mymodule:loss --backends numpy,torch,jax --inputs 3x4,4
  pluggrad compare examples/compare.py:energy --backends numpy,torch --html out.html

A function whose first parameter is called xp is handed the namespace of its arrays; others use
operators, or x.__array_namespace__(). What returns an array is summed. Frameworks take part with
their own differentiation where they are installed; errors are in units of eps of the dtype.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 0, or 2 for a mistake in the command."""
    parser = argparse.ArgumentParser(
        prog="pluggrad compare", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="One function, on every backend and by every framework's own differentiation: "
        "values, gradients, time and memory.",
    )  # fmt: skip
    parser.add_argument("function", metavar="MODULE:FUNCTION", help="or path.py:FUNCTION")
    parser.add_argument(
        "--backends", default="numpy", metavar="NAMES", help="such as numpy,torch,jax"
    )
    parser.add_argument("--inputs", metavar="WHAT",
                        help="shapes such as 3x4,4 (random numbers), a .npz file, or MODULE:NAME "
                        "(default: `inputs` beside the function)")  # fmt: skip
    parser.add_argument(
        "--argnums", metavar="I,J", help="differentiate by these (default: all floats)"
    )
    parser.add_argument("--dtype", default="float64", choices=["float32", "float64"])
    parser.add_argument("--rounds", type=int, default=20, help="of timing (default: %(default)s)")
    parser.add_argument("--memory", type=int, default=3, metavar="N",
                        help="processes that measure memory (default: %(default)s)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of random inputs")
    parser.add_argument("--no-native", action="store_true", help="pluggrad alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page")
    given = parser.parse_args(argv)
    try:
        found = _with_progress(given)
    except (InputError, ValueError, ImportError) as error:
        print(f"pluggrad compare: {error}", file=sys.stderr)
        return 2
    show(found)
    if given.json:
        given.json.write_text(found.as_json() + "\n", encoding="utf-8")
    if given.html:
        given.html.write_text(render_comparison(found), encoding="utf-8")
    return 0


def _with_progress(given: argparse.Namespace) -> FunctionComparison:
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("") as status:
        return compare_contenders(
            given.function, [b.strip() for b in given.backends.split(",") if b.strip()],
            inputs=given.inputs,
            by=[int(n) for n in given.argnums.split(",")] if given.argnums else None,
            dtype=given.dtype, native=not given.no_native, rounds=given.rounds,
            memory=given.memory, seed=given.seed, progress=lambda text: status.update(text),
        )  # fmt: skip


def show(found: FunctionComparison) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=f"{found.function}({', '.join(found.arguments)}), {found.dtype}",
                  caption=f"errors in eps, against {found.reference}; time: median ± half the span "
                  "of the quartiles; memory: peak of a fresh process, least and most")  # fmt: skip
    for name in ("", "value", "error", "gradient error", "time", "memory"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=not name)
    for row in found.rows:
        table.add_row(row.name, *(figures_of(row) if not row.problem else ["–"] * 5))
    console.print(table)
    for row in found.rows:
        if row.problem:
            console.print(f"{row.name}: {row.problem}", style="yellow", markup=False)
