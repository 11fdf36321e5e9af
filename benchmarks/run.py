"""Time and memory of gradients, next to other libraries in the same run.

    python benchmarks/run.py                       the whole table
    python benchmarks/run.py --only chain index    some rows
    python benchmarks/run.py --quick               fewer rounds
    python benchmarks/run.py --json out/bench.json keep the numbers

Times are for value and gradient together, in float64, on one thread. In each round every library
takes its turn, so that a slow moment of the machine affects them all; the best round counts. Before
that, each library must give the same gradient as pluggrad. Peak memory is measured in the same way
for all: it is the largest growth of the resident set of a new process, counted from after the
imports and a first small run. The chain of a million additions is also timed in such a process,
including the time to build and free the graph, on a stack of 1 MB, where recursion would overflow.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import libraries  # first: it sets the number of threads
import numpy as np
from libraries import LIBRARIES, Library
from workloads import ROWS, Growth, Memory, Row, Time

BY_HAND = "numpy"
OURS = "pluggrad"
Measured = dict[str, Any]  # by library: a number, or the reason why there is no number


# ---------------------------------------------------------------- time, in this process


def steps_of(row: Row, loaded: dict[str, Library], size: int) -> dict[str, Callable[[], Any]]:
    """A function to run for each library, and for hand-written NumPy if the row has it."""
    leaves, constants = row.arrays(size)
    steps = {
        name: library.step(row.work(size), leaves, constants)
        for name, library in loaded.items()
        if name == OURS or name in row.peers
    }
    if row.by_hand is not None:
        by_hand = row.by_hand
        steps[BY_HAND] = lambda: by_hand(*leaves, *constants)
    return steps


def tried(steps: dict[str, Callable[[], Any]]) -> tuple[dict[str, Callable[[], Any]], Measured]:
    """The steps that run and agree with the first one's gradient; for the others, the reason."""
    good: dict[str, Callable[[], Any]] = {}
    bad: Measured = {}
    expected: Any = None
    for name, step in steps.items():
        try:
            got = [np.asarray(g) for g in step()]
        except Exception as error:
            bad[name] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        if expected is None:
            expected = got
        same = all(
            np.allclose(a, b, rtol=1e-9, atol=1e-14, equal_nan=True)
            for a, b in zip(expected, got, strict=True)
        )
        if same:
            good[name] = step
        else:
            bad[name] = f"another gradient than {next(iter(good))}'s"
    return good, bad


def interleaved(
    steps: dict[Any, Callable[[], Any]], rounds: int, at_least: float
) -> dict[Any, list[float]]:
    """Seconds per call of each step, one entry per round of about `at_least` seconds."""
    calls = {}
    for name, step in steps.items():
        start = time.perf_counter()
        step()
        calls[name] = max(1, round(at_least / (time.perf_counter() - start)))
    seconds: dict[Any, list[float]] = {name: [] for name in steps}
    order = list(steps)
    for _ in range(rounds):
        for name in order:
            gc.collect()
            step, repeat = steps[name], range(calls[name])
            start = time.perf_counter()
            for _ in repeat:
                step()
            seconds[name].append((time.perf_counter() - start) / len(repeat))
        order.append(order.pop(0))
    return seconds


# ---------------------------------------------------------------- memory, in a process of its own


def probe(row: Row, name: str, size: int, through_namespace: bool) -> None:
    """In a new process: run one workload once, and print its seconds and peak memory in bytes."""
    library = libraries.load(name, through_namespace=through_namespace)
    assert library is not None
    leaves, constants = row.arrays(size)
    library.step(row.work(2), leaves, constants)()
    step = library.step(row.work(size), leaves, constants)
    gc.collect()
    gc.freeze()
    answer = {}

    def run() -> None:
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM, the peak
        before = resident("VmRSS")
        start = time.perf_counter()
        step()  # includes freeing the graph
        answer["seconds"] = time.perf_counter() - start
        answer["bytes"] = resident("VmHWM") - before

    threading.stack_size(2**20)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    print(json.dumps(answer))


def resident(field: str) -> int:
    """A field of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field}")


@cache
def probed(row: Row, name: str, size: int, through_namespace: bool) -> dict[str, float] | str:
    """What `probe` prints in a new process, or why it prints nothing."""
    if not Path("/proc/self/clear_refs").exists():
        return "needs Linux"
    command = [sys.executable, "-W", "ignore", __file__, "--probe", row.name, name, str(size)]
    if through_namespace:
        command.append("--namespace")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        answer = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return "more than 10 minutes"
    except (IndexError, ValueError):
        answer = {}
    if answer:
        return answer
    reason = done.stderr.strip().splitlines()
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    return reason[-1] if reason else "no answer"


# ---------------------------------------------------------------- a row


def measure(row: Row, loaded: dict[str, Library], options: argparse.Namespace) -> list[Any]:
    """One entry per figure of the row: the figure, and what was measured for each library."""
    rounds, at_least = (2, 0.02) if options.quick else (options.rounds, 0.1)
    names = [name for name in loaded if name == OURS or name in row.peers]
    pick = statistics.median if options.median else min

    def from_probes(quantity: str, size: int, names: Sequence[str]) -> Measured:
        key = {"time": "seconds", "memory": "bytes"}[quantity]
        answers = {name: probed(row, name, size, options.namespace) for name in names}
        return {k: a if isinstance(a, str) else a[key] for k, a in answers.items()}

    if row.freeze:
        gc.collect()
        gc.freeze()
    figures = []
    for figure in row.figures:
        measured: Measured
        if isinstance(figure, Memory):
            measured = from_probes("memory", row.size, names)
        elif isinstance(figure, Time) and row.alone:
            measured = from_probes("time", row.size, names)
        elif isinstance(figure, Time):
            good, measured = tried(steps_of(row, loaded, row.size))
            for name, seconds in interleaved(good, rounds, at_least).items():
                measured[name] = pick(seconds)
        elif row.alone or figure.quantity == "memory":
            small, large = (from_probes(figure.quantity, n, [OURS])[OURS] for n in figure.sizes)
            wrong = [answer for answer in (small, large) if isinstance(answer, str)]
            measured = {OURS: wrong[0] if wrong else large / small}
        else:
            steps = {n: steps_of(row, {OURS: loaded[OURS]}, n)[OURS] for n in figure.sizes}
            good, measured = tried({OURS: steps[figure.sizes[0]]})
            if good:
                small, large = map(pick, interleaved(steps, rounds, at_least).values())
                measured[OURS] = large / small
        figures.append((figure, measured))
    gc.unfreeze()
    return figures


# ---------------------------------------------------------------- the table


def lines_of(row: Row, figure: Any, measured: Measured) -> list[dict[str, Any]]:
    """One line of the table per target: row, cells, target, and whether it is reached."""
    ours = measured.get(OURS)
    got = isinstance(ours, (int, float))
    if isinstance(figure, Growth):
        what = f"{figure.quantity}, {figure.sizes[1]:,} / {figure.sizes[0]:,}"
        cells = {k: v if isinstance(v, str) else f"{v:.1f}×" for k, v in measured.items()}
        goals = [(f"≤ {figure.limit:g}×", ours <= figure.limit if got else False, ours)]
    else:
        what = "time" if isinstance(figure, Time) else "peak memory"
        unit = seconds_text if isinstance(figure, Time) else bytes_text
        cells = {}
        for name, value in measured.items():
            if isinstance(value, str):
                cells[name] = value
            elif name == OURS or not got:
                cells[name] = unit(value)
            else:
                cells[name] = f"{ours / value:.2f}  {unit(value)}"
        goals = []
        for peer, limit in figure.limits.items():
            there = measured.get(peer)
            if got and isinstance(there, (int, float)):
                goals.append((f"≤ {limit:g} × {peer}", ours / there <= limit, ours / there))
            else:
                goals.append((f"≤ {limit:g} × {peer}", None if got else False, None))
        goals = goals or [("", None, None)]
    return [
        {"row": row.name, "title": row.title, "figure": what, "measured": measured, "cells": cells,
         "target": target, "ratio": ratio, "reached": reached}
        for target, reached, ratio in goals
    ]  # fmt: skip


def seconds_text(t: float) -> str:
    """A time with a unit that suits its size."""
    return f"{t:.2f} s" if t >= 1 else f"{t * 1e3:.3g} ms" if t >= 1e-3 else f"{t * 1e6:.0f} µs"


def bytes_text(n: float) -> str:
    """A size in megabytes."""
    return f"{n / 1e6:.1f} MB"


def show(line: dict[str, Any], widths: dict[str, int], *, notes: bool) -> None:
    """Print one line of the table and, with `notes`, why libraries failed."""
    cells, reasons = [], []
    for name in widths:
        text = line["cells"].get(name, "–")
        if isinstance(line["measured"].get(name), str):
            reasons.append(f"    {name}: {text}")
            text = "fails"
        cells.append(f"{text:>{widths[name]}}")
    reached = {True: "yes", False: "NO", None: ""}[line["reached"]]
    print(f"  {line['figure']:<28}{''.join(cells)}   {line['target']:<18}{reached}")
    for reason in reasons if notes else ():
        print(reason)
    sys.stdout.flush()


def versions(loaded: dict[str, Library]) -> str:
    """The versions of Python and of the libraries."""
    from importlib.metadata import version

    names = ["numpy", *loaded]
    return ", ".join(
        [f"Python {platform.python_version()}", *[f"{name} {version(name)}" for name in names]]
    )


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    about, _, how = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python benchmarks/run.py", description=about, epilog=how,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    names, peers = [row.name for row in ROWS], list(LIBRARIES)[1:]
    parser.add_argument("--only", nargs="+", choices=names, metavar="ROW", default=names,
                        help=f"these rows alone, of {', '.join(names)}")  # fmt: skip
    parser.add_argument("--peers", nargs="*", choices=peers, metavar="LIBRARY", default=peers,
                        help=f"beside these alone, of {', '.join(peers)}")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="two short rounds: a rough idea")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="rounds (default: 7)")
    parser.add_argument("--median", action="store_true", help="of the rounds, not the best")
    parser.add_argument("--namespace", action="store_true",
                        help="xp is pluggrad.namespace('numpy') instead of pluggrad")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    parser.add_argument("--probe", nargs=3, help=argparse.SUPPRESS)  # ROW LIBRARY SIZE
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, and write the numbers to a file if asked to."""
    options = parse(argv)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    rows = {row.name: row for row in ROWS}
    if options.probe:
        name, library, size = options.probe
        return probe(rows[name], library, int(size), options.namespace)
    loaded = {}
    for name in (OURS, *options.peers):
        library = libraries.load(name, through_namespace=options.namespace)
        if library is None:
            print(f"{name} is not installed: pip install '.[bench]'")
        else:
            loaded[name] = library
    print(versions(loaded))
    print("Beside each peer's own figure: pluggrad as a ratio to it.\n")
    widths = {OURS: 10, BY_HAND: 17} | dict.fromkeys(list(LIBRARIES)[1:], 17)
    print(f"  {'':<28}" + "".join(f"{name:>{width}}" for name, width in widths.items())
          + f"   {'to reach':<18}reached")  # fmt: skip
    lines = []
    for name in options.only:
        print(f"{name}: {rows[name].title}", flush=True)
        for figure, measured in measure(rows[name], loaded, options):
            for number, line in enumerate(lines_of(rows[name], figure, measured)):
                show(line, widths, notes=number == 0)
                lines.append(line)
    targets = [line["reached"] for line in lines if line["reached"] is not None]
    print(f"\n{sum(targets)} of {len(targets)} targets reached")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        record = {"versions": versions(loaded), "machine": platform.platform(), "lines": lines}
        options.json.write_text(json.dumps(record, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
