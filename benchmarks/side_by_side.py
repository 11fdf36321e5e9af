"""The table of the README: pluggrad beside HIPS autograd, JAX and torch, by the same functions.

    python benchmarks/side_by_side.py                            print it
    python benchmarks/side_by_side.py --json docs/benchmarks.json   keep the numbers, for the site

Value and gradient together, in float64, on one core. In each round every system takes its turn, and
the best round counts. Before that, all must give the same gradient. Time is processor time of this
process, all its threads together, so that other programs on the machine matter little.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

if hasattr(os, "sched_setaffinity"):  # one core, decided before XLA counts them
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import libraries  # first: it sets the number of threads
import numpy as np
from compiled_rows import by_hand, engine, jax_jit
from run import seconds_text, tried
from workloads import ROWS, Row

Step = Callable[[], Any]


def recorded(name: str) -> Callable[[Row, Any, Any], Step]:
    """A library that records as the program runs."""
    return lambda row, leaves, constants: libraries.LIBRARIES[name]().step(
        row.work(row.size), leaves, constants
    )


def jax_eager(row: Row, leaves: Any, constants: Any) -> Step:
    """JAX without `jit`."""
    import jax

    work, places = row.work(row.size), tuple(range(len(leaves)))
    f = jax.value_and_grad(lambda *args: work(jax.numpy, *args), places)
    with jax.enable_x64(True):
        given = [jax.numpy.asarray(x) for x in (*leaves, *constants)]

    def step() -> Any:
        with jax.enable_x64(True):
            return [g.block_until_ready() for g in f(*given)[1]]

    return step


SYSTEMS: dict[str, Callable[..., Step]] = {
    "pluggrad": recorded("pluggrad"),
    "pg.compile": engine("numpy"),
    "autograd": recorded("autograd"),
    "JAX": jax_eager,
    "jax.jit": jax_jit,
    "torch": recorded("torch"),
    "by hand": by_hand,
}
NAMES = ("chain", "mlp", "elementwise", "index", "stepping")
#: What a library does not do, and loops over elements that take it minutes to run or to compile.
LEFT_OUT = {
    ("index", "JAX"): "not tried", ("index", "jax.jit"): "not tried",
    ("index", "pg.compile"): "not tried", ("stepping", "pg.compile"): "not tried",
    ("stepping", "autograd"): "cannot write", ("stepping", "JAX"): "cannot write",
    ("stepping", "jax.jit"): "cannot write",
}  # fmt: skip


def measured(row: Row, rounds: int, at_least: float) -> dict[str, float | str]:
    """The seconds of each system; a text where there is none."""
    leaves, constants = row.arrays(row.size)
    steps, found = {}, dict[str, Any]()
    for name, make in SYSTEMS.items():
        if (row.name, name) in LEFT_OUT:
            found[name] = LEFT_OUT[row.name, name]
        elif name != "by hand" or row.by_hand is not None:
            steps[name] = make(row, leaves, constants)
    good, wrong = tried(steps)
    calls = {}
    for name, step in good.items():
        start = time.process_time()
        step()
        calls[name] = max(1, round(at_least / max(time.process_time() - start, 1e-6)))
    seconds: dict[str, list[float]] = {name: [] for name in good}
    for _ in range(rounds):
        for name, step in good.items():
            gc.collect()
            start = time.process_time()
            for _ in range(calls[name]):
                step()
            seconds[name].append((time.process_time() - start) / calls[name])
    return found | wrong | {name: min(all_of_it) for name, all_of_it in seconds.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, and write the numbers to a file if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    rows = {}
    for row in [row for row in ROWS if row.name in options.only]:
        found = measured(row, options.rounds, 0.1)
        rows[row.name] = {"title": row.title, "seconds": found}
        cells = [f"{k} {v if isinstance(v, str) else seconds_text(v)}" for k, v in found.items()]
        print(f"{row.title}\n    {', '.join(cells)}", flush=True)
    record = {
        "versions": {n: version(n) for n in ("pluggrad", "numpy", "autograd", "jax", "torch")},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "command": "python benchmarks/side_by_side.py --json docs/benchmarks.json",
        "rows": rows,
    }
    if options.json:
        if options.json.exists():  # rows that were not asked for stay
            kept = json.loads(options.json.read_text(encoding="utf-8"))["rows"]
            record["rows"] = {n: (kept | rows)[n] for n in NAMES if n in kept | rows}
        options.json.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
