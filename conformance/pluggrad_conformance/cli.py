"""``pluggrad conformance``: run, list, report, compare, repro, gate, freeze."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from . import oracles, reports
from .freezing import freeze
from .gate import EXPECTATIONS, gate_runs, gate_table
from .plugins import load_plugins
from .pool import PoolError, worker_environment
from .repro import find_script
from .results import BAD, OUTCOMES, read_results
from .runner import JUDGE, merge, run
from .selection import LEVELS, Selection, default_backends
from .systems import find_system, subject_of, system_names
from .tables import load_operations, operation_names

__all__ = ["main"]

EXAMPLES = """\
examples:
  pluggrad conformance run --backends numpy,torch --jobs 2 --out run
  pluggrad conformance run --backends jax --operations 'linalg.*' sin --dtypes float64 --out run
  pluggrad conformance run --backends mylib --plugin mylib_backend.py --out run
  pluggrad conformance run --subjects pluggrad:numpy,native:torch,native:jax --out run
  pluggrad conformance run --level gate --out run && pluggrad conformance gate run
  pluggrad conformance list cells --backends numpy --operations sin
  pluggrad conformance repro 'sin|torch|float64|order=2' --execute

A run that was stopped goes on when the same command is given again.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code: 0, 1 if a gate or a script fails, 2 for a
    mistake in the command, 130 if it was stopped."""
    for name, value in worker_environment().items():
        os.environ.setdefault(name, value)
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    arguments.words = list(sys.argv[1:] if argv is None else argv)
    try:
        load_plugins(getattr(arguments, "plugin", []))
        return int(arguments.command(arguments))
    except (ValueError, OSError, ImportError, PoolError) as error:
        if isinstance(error, BrokenPipeError):  # the reader, such as `head`, closed the pipe
            sys.stderr.close()
            return 0
        print(f"pluggrad conformance: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pluggrad conformance", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Conformance of gradients: every operation on every backend, against oracles.",
    )  # fmt: skip
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, function: Any, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        made.set_defaults(command=function)
        return made

    command = add("run", _run, "judge cells and write a run directory with its report")
    _selection(command)
    command.add_argument("--jobs", type=int, default=_cores(), metavar="N",
                         help="worker processes (default: %(default)s, the cores)")  # fmt: skip
    command.add_argument("--shard", type=_shard, default=(1, 1), metavar="I/N",
                         help="only the I-th of N parts, for several machines")  # fmt: skip
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="run directory")
    command.add_argument("--fresh", action="store_true",
                         help="start anew, even if there is something to go on with")  # fmt: skip
    command.add_argument("--timeout", type=float, default=120.0, metavar="S",
                         help="seconds that a cell may take (default: %(default)g)")  # fmt: skip
    command.add_argument("--shrink", type=int, default=3, metavar="N",
                         help="failures of an operation on a backend that are shrunk to a smaller "
                         "input (default: %(default)s)")  # fmt: skip
    command.add_argument("--no-report", action="store_true", help="results only")
    command.add_argument("--quiet", action="store_true", help="show no progress")
    command.add_argument("--judge", default=JUDGE, help=argparse.SUPPRESS)

    command = add("list", _list, "list the cells that would be run, or what there is")
    what = ["cells", "operations", "backends", "systems", "outcomes", "oracles"]
    command.add_argument("what", nargs="?", default="cells", choices=what)
    _selection(command)

    command = add("report", _report, "write the report of a run, or of several shards together")
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    command.add_argument("--out", type=Path, metavar="DIR",
                         help="where to (default: the run; needed for several)")  # fmt: skip
    command.add_argument("--formats", nargs="+", default=["html,csv,latex,junit"], metavar="NAME",
                         help="some of html, csv, latex and junit (default: all)")  # fmt: skip
    command.add_argument("--expectations", type=Path, default=EXPECTATIONS, metavar="FILE",
                         help="TOML (default: those of pluggrad itself)")  # fmt: skip

    command = add("compare", _compare, "show what changed from one run to another")
    command.add_argument("runs", nargs=2, type=Path, metavar="RUN")
    command.add_argument("--json", action="store_true", help="for programs")

    command = add("repro", _repro, "print a script that reproduces a cell")
    command.add_argument("cell", metavar="ID|KEY")
    command.add_argument("--run", type=Path, metavar="DIR", help="the run that the ID is from")
    command.add_argument("--execute", action="store_true", help="run the script, too")
    _plugin(command)

    command = add("gate", _gate, "hold runs against a file of expectations; 1 if it has surprises")
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    command.add_argument("--expectations", type=Path, default=EXPECTATIONS, metavar="FILE",
                         help="TOML (default: those of pluggrad itself)")  # fmt: skip

    command = add("freeze", _freeze, "compute the answers of torch and JAX that are shipped")
    command.add_argument("--out", type=Path, metavar="DIR",
                         help="where to (default: the package's own data)")  # fmt: skip
    command.add_argument("--missing", action="store_true",
                         help="ask only about what has no answer to its inputs yet")  # fmt: skip
    command.add_argument("--jobs", type=int, default=1, metavar="N",
                         help="processes (default: %(default)s)")  # fmt: skip
    return parser


def _selection(command: argparse.ArgumentParser) -> None:
    command.add_argument("--backends", nargs="+", default=[], metavar="NAME",
                         help="such as numpy,torch (default: all that are installed)")  # fmt: skip
    command.add_argument("--subjects", nargs="+", default=[], metavar="NAME",
                         help="pluggrad's backends and other systems in one run, such as "
                         "pluggrad:numpy,native:torch")  # fmt: skip
    command.add_argument("--operations", nargs="+", default=["*"], metavar="GLOB",
                         help="such as sin 'linalg.*' (default: all)")  # fmt: skip
    command.add_argument("--dtypes", nargs="+", default=[], metavar="NAME",
                         help="such as float64,complex128 (default: all)")  # fmt: skip
    command.add_argument("--cells", nargs="+", default=[], metavar="GLOB",
                         help="of cell keys, such as '*|order=2'")  # fmt: skip
    command.add_argument("--level", choices=LEVELS, default="full",
                         help="gate: a fixed part that takes minutes (default: full)")  # fmt: skip
    _plugin(command)


def _plugin(command: argparse.ArgumentParser) -> None:
    command.add_argument("--plugin", action="append", default=[], metavar="MODULE|FILE.py",
                         help="import this first: it registers a backend")  # fmt: skip


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    return int(part), int(parts)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _split(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for word in words for part in word.split(",") if part)


def _selected(arguments: Any) -> Selection:
    subjects = tuple([subject_of(name) for name in _split(arguments.subjects)])
    named = dict.fromkeys((*_split(arguments.backends), *subjects))
    return Selection(
        backends=tuple(named) or tuple(default_backends()),
        operations=_split(arguments.operations), dtypes=_split(arguments.dtypes),
        cells_like=tuple(arguments.cells), level=arguments.level,
        shard=getattr(arguments, "shard", (1, 1)),
    )  # fmt: skip


# ---------------------------------------------------------------------- commands


def _run(arguments: Any) -> int:
    out = run(
        _selected(arguments), arguments.out, jobs=arguments.jobs, resume=not arguments.fresh,
        timeout=arguments.timeout, shrink=arguments.shrink, progress=not arguments.quiet,
        judge=arguments.judge, plugins=arguments.plugin,
        command=["pluggrad", "conformance", *arguments.words],
    )  # fmt: skip
    print(summary(out))
    if not arguments.no_report:
        _say_written(reports.write_reports(out))
    return 0


def _say_written(paths: Iterable[Path]) -> None:
    for path in paths:
        print(f"wrote {path}")


def summary(out: Path) -> str:
    """Counts by outcome and backend, and the first failures with how to reproduce them."""
    results = list(read_results(out))
    backends = sorted({r.cell.backend for r in results})
    counts = Counter((r.outcome, r.cell.backend) for r in results)
    rows = [("", *backends)]
    rows += [(name, *(str(counts[name, b] or "") for b in backends))
             for name in OUTCOMES if any(counts[name, b] for b in backends)]  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for first, *rest in rows:
        cells = [first.ljust(widths[0]), *(text.rjust(w) for text, w in zip(rest, widths[1:]))]
        lines.append("  ".join(cells).rstrip())
    bad = [r for r in results if r.outcome in BAD]
    lines += [f"{r.cell.id}  {r.outcome}  {r.cell.key}" for r in bad[:10]]
    if bad:
        more = f"and {len(bad) - 10} more; " if len(bad) > 10 else ""
        lines.append(f"{more}see one by: pluggrad conformance repro ID --run {out}")
    return "\n".join(lines)


def _list(arguments: Any) -> int:
    if arguments.what == "outcomes":
        for name, meaning in OUTCOMES.items():
            print(f"{name:<24}{'explain  ' if name in BAD else '         '}{meaning}")
    elif arguments.what == "oracles":
        for name in oracles.NAMES:
            print(f"{name:<20}{'' if oracles.is_live(name) else 'not installed; frozen answers'}")
    elif arguments.what == "backends":
        print("\n".join(default_backends()))
    elif arguments.what == "systems":
        for name in system_names():
            found = find_system(name)
            missing = "" if found.installed else f"needs {found.module}, which is not installed"
            print(f"native:{name:<14}{missing or found.version()}")
    elif arguments.what == "operations":
        table = load_operations()
        for name in operation_names(_split(arguments.operations)):
            print(f"{name:<28}{table[name].kind:<16}{len(table[name].cases)} cases")
    else:
        cells = _selected(arguments).cells()
        for cell in cells:
            print(cell.id, cell.key)
        print(f"{len(cells)} cells", file=sys.stderr)
    return 0


def _report(arguments: Any) -> int:
    run: Path = arguments.runs[0]
    if len(arguments.runs) > 1:
        if arguments.out is None:
            raise ValueError("several runs are merged into --out DIR")
        run = merge(arguments.runs, arguments.out)
        print(summary(run))
    formats = _split(arguments.formats)
    _say_written(reports.write_reports(run, formats, arguments.out, arguments.expectations))
    return 0


def _compare(arguments: Any) -> int:
    found = reports.compare_runs(*arguments.runs)
    print(found.json() if arguments.json else found.text(), end="")
    return 0


def _repro(arguments: Any) -> int:
    script = find_script(arguments.cell, arguments.run, arguments.plugin)
    print(script, flush=True)
    if not arguments.execute:
        return 0
    command = [sys.executable, "-"]
    return subprocess.run(command, input=script, text=True, env=worker_environment()).returncode


def _gate(arguments: Any) -> int:
    made = gate_runs(arguments.runs, arguments.expectations)
    print(gate_table(made))
    return 0 if made.passed else 1


def _freeze(arguments: Any) -> int:
    def say(done: int, total: int, key: str) -> None:
        if done % 100 == 0:
            print(f"{done}/{total} {key}", file=sys.stderr)

    print(f"wrote {freeze(arguments.out, say, keep=arguments.missing, jobs=arguments.jobs)}")
    return 0
