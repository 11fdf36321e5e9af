"""Call NumPy's functions with Variables: every function, every argument.

    python -m tests.sweep [NAME ...] [--numpy] [--ufuncs] [--list OUTCOME] [--jobs 2]

The calls are generated from NumPy's own signatures. Each array among the arguments becomes a
Variable in turn, beside raw arrays. What can come of a call:

right      value, dtype, shape and gradient are NumPy's; or NumPy raises, and pluggrad raises
refused    pluggrad raises an error where NumPy answers
wrong      something differs, a gradient is lost in silence, or NumPy raises and we answer
foreign    an exception that is not pluggrad's

The last two must not be, and no parameter may be unknown: then the exit status is 1.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import os
import re
import sys
from collections.abc import Iterator, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from .calls import functions, names, unknown
from .judge import BAD, OUTCOMES, Finding, sweep
from .table import as_text, keep
from .ufuncs import ufuncs, unknown_of_ufuncs


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m tests.sweep",
        description="Call NumPy's functions with Variables, with every argument away from its "
        "default, and hold values and gradients against NumPy's own.",
    )
    p.add_argument("names", nargs="*", metavar="NAME",
                   help="functions, such as sum or linalg.norm (default: all)")  # fmt: skip
    p.add_argument("--numpy", action="store_true", help="functions only")
    p.add_argument("--ufuncs", action="store_true", help="ufuncs only")
    p.add_argument("--list", action="append", choices=OUTCOMES, default=[],
                   help="print every call with this outcome; may be repeated")  # fmt: skip
    p.add_argument("--by-function", action="store_true", help="a row of counts for each function")
    p.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    p.add_argument("--keep", metavar="FILE",
                   help="write what was found as JSON, for docs/compatibility.py")  # fmt: skip
    p.add_argument("--report", metavar="FILE", help="write the calls that --list names (default: wrong and foreign), in groups")  # fmt: skip
    return p


def collect(name: str) -> list[Finding]:
    return list(sweep(name))


def run(chosen: list[str], jobs: int) -> Iterator[list[Finding]]:
    """What came of the calls of each function, with a progress bar on a terminal."""
    try:
        from rich.progress import track
    except ImportError:
        track = None

    def answers() -> Iterator[list[Finding]]:
        if jobs == 1:
            yield from map(collect, chosen)
            return
        with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
            futures = [pool.submit(collect, name) for name in chosen]
            for done in concurrent.futures.as_completed(futures):
                yield done.result()

    if track is None or not sys.stderr.isatty():
        return answers()
    from rich.console import Console

    return iter(track(answers(), "calling", len(chosen), console=Console(stderr=True)))


def report(found: dict[str, list[Finding]], outcomes: Sequence[str] = BAD) -> str:
    """The calls with these outcomes, grouped by function and by what is wrong; the same of many
    ufuncs once."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for name, findings in sorted(found.items()):
        for f in findings:
            if f.outcome in outcomes:
                what = re.sub(rf"-?\d+\.?\d*(e-?\d+)?j?|\[[^\]]*\]?|\b{name}\b", "#", f.details)
                ufunc = name in ufuncs()
                where = f"ufunc{f.call.split('(')[0].removeprefix(f'np.{name}')}" if ufunc else name
                key = what[:70] if "OperationError" not in what else what[-60:]
                groups.setdefault((where, f.outcome, key), []).append(f)
    lines, last = [], ""
    for (where, outcome, _), group in sorted(groups.items()):
        if where != last:
            lines += ["", f"## {where}", ""]
            last = where
        same = sorted({f.name for f in group})
        of = f", of {len(same)}: {' '.join(same)[:150]}" if len(same) > 1 else ""
        lines.append(
            f"- **{outcome}** ({len(group)}{of}): `{group[0].call}`: {group[0].details[:220]}"
        )
        others = [f for f in group[1:] if f.name == group[0].name][:1] if not of else []
        lines += [f"  - also `{f.call}`" for f in others]
    return "\n".join(lines) + "\n"


def main() -> int:
    options = parser().parse_args()
    everything = not options.numpy and not options.ufuncs
    chosen = names(options.numpy or everything, options.ufuncs or everything)
    if options.names:
        if strange := set(options.names) - set(names()):
            parser().error(f"no such function: {', '.join(sorted(strange))}")
        chosen = options.names
    found: dict[str, list[Finding]] = {}
    for findings in run(chosen, options.jobs):
        for f in findings:
            found.setdefault(f.name, []).append(f)
            if f.outcome in options.list and not options.report:
                print(f"{f.outcome:8}{f.call}: {f.details}", flush=True)
    strange = [x for name, f in functions().items() for x in unknown(name, f)] + unknown_of_ufuncs()
    counts = collections.Counter(f.outcome for findings in found.values() for f in findings)
    if options.by_function:
        for name in chosen:
            row = collections.Counter(f.outcome for f in found.get(name, ()))
            print(f"{name:24}" + "".join(f"{row[o]:9}" for o in OUTCOMES))
    for x in strange:
        print(f"not in the tables: {x}")
    print(f"{len(found)} functions, {sum(counts.values())} calls: "
          + ", ".join(f"{o} {counts[o]}" for o in OUTCOMES))  # fmt: skip
    if options.keep:
        with open(options.keep, "w", encoding="utf-8") as file:
            file.write(as_text(keep(found)))
    if options.report:
        with open(options.report, "w", encoding="utf-8") as file:
            file.write(report(found, options.list or BAD))
    return int(any(counts[o] for o in BAD) or bool(strange))


if __name__ == "__main__":
    sys.exit(main())
