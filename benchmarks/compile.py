"""Compiled programs, beside hand-written NumPy, jax.jit and torch.compile in the same run.

    python benchmarks/compile.py                          the whole table
    python benchmarks/compile.py --only chain stencil     some rows
    python benchmarks/compile.py --contenders numpy jax   some columns
    python benchmarks/compile.py --json out/compile.json  keep the numbers

Value and gradient together, in float64, on one core. In each round every contender takes its turn,
and the best round counts; the table shows it as a ratio to hand-written NumPy. Before that, all must
give the same gradient. `numpy`, `numba`, `jax` and `torch` are engines of `pluggrad.compile` on
NumPy arrays; `torch arrays` is `pluggrad.compile` on torch's, and to be compared with
`torch.compile` of torch's own gradient. Compiling is not counted, but in the row `l-bfgs`, a whole
fit of 20 variables. Further figures are about the engine `numpy`: how much time the guards take,
how long it takes to compile programs of various sizes, and after how many calls it has paid.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

if hasattr(os, "sched_setaffinity"):  # one core, decided before XLA counts them
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import libraries  # first: it sets the number of threads
import numpy as np
from compiled_rows import (
    CONTENDERS,
    EAGER,
    HAND,
    LIMITS,
    WORK,
    layers,
    rosenbrock,
    rosenbrock_by_hand,
)
from rich.console import Console
from rich.table import Table
from run import interleaved, seconds_text, tried, versions

import pluggrad as pg

FIT = "l-bfgs"
TOLERANCE = 1.1  # a figure within 10 % of its bar counts as reached
Measured = dict[str, Any]  # by contender: seconds, or the reason why there is no number


# ---------------------------------------------------------------- the rows


def fits(names: Sequence[str]) -> dict[str, Callable[[], Any]]:
    """Steps that each fit Rosenbrock's function of 20 variables, compiling included."""
    from scipy.optimize import minimize

    start = np.full(20, 0.3)
    both = pg.value_and_grad(lambda x: rosenbrock(pg, x))
    objectives: dict[str, Callable[[], Any]] = {HAND: lambda: rosenbrock_by_hand}
    objectives[EAGER] = lambda: both
    for name in ("numpy", "numba", "jax"):
        objectives[name] = lambda name=name: pg.compile(both, engine=name, on_break="error")

    def fit(name: str) -> Any:
        return [minimize(objectives[name](), start, jac=True, method="L-BFGS-B").x]

    return {name: lambda name=name: fit(name) for name in names if name in objectives}


def measured(name: str, names: Sequence[str], rounds: int, at_least: float) -> Measured:
    """The seconds of each contender in the row `name`; a text where there is none."""
    steps: dict[str, Callable[[], Any]] = {}
    bad: Measured = {}
    if name == FIT:
        steps = fits(names)
        for step in steps.values():  # imports are not counted
            step()
        good = steps
    else:
        row = next(row for row in WORK if row.name == name)
        leaves, constants = row.arrays(row.size)
        for contender in names:
            try:
                steps[contender] = CONTENDERS[contender](row, leaves, constants)
            except Exception as error:
                bad[contender] = f"{type(error).__name__}: {error}".splitlines()[0]
        good, wrong = tried(steps)
        bad |= wrong
    found = interleaved(good, rounds, at_least)
    return {contender: min(seconds) for contender, seconds in found.items()} | bad


def judged(name: str, found: Measured) -> dict[str, tuple[float, float]]:
    """For each contender with a bar: its ratio, and the bar."""
    verdicts = {}
    for contender, limit in LIMITS[name].items():
        base = found.get("torch.compile" if contender == "torch arrays" else HAND)
        ours = found.get(contender)
        if isinstance(base, float) and isinstance(ours, float):
            verdicts[contender] = (ours / base, limit)
    return verdicts


def cell(contender: str, found: Measured, verdicts: dict[str, tuple[float, float]]) -> str:
    """The text of one cell of the table."""
    value = found.get(contender)
    if value is None:
        return ""
    if isinstance(value, str):
        return "[dim]fails[/]"
    base = found.get(HAND)
    ratio = f"{value / base:.2f}" if isinstance(base, float) else "–"
    text = seconds_text(value) if contender == HAND else f"{ratio}  [dim]{seconds_text(value)}[/]"
    if contender in verdicts:
        got, limit = verdicts[contender]
        reached = got <= limit * TOLERANCE
        against = f"{got:.2f} " if contender == "torch arrays" else ""
        text += f"\n[{'green' if reached else 'red'}]{against}≤ {limit:g} {'yes' if reached else 'NO'}[/]"
    return text


# ---------------------------------------------------------------- the engine numpy


def best(step: Callable[[], Any], rounds: int = 9) -> float:
    """Seconds of one call."""
    return libraries.best([step], rounds)[0]


def compiling(size: int) -> dict[str, float]:
    """Seconds to compile a program of `size` layers, to run it, and to run it eagerly."""
    f = pg.value_and_grad(layers(size))
    x = np.linspace(0.1, 1.0, 10)
    f(x)
    gc.collect()
    start = time.perf_counter()
    f(x)
    once = time.perf_counter() - start
    compiled = pg.compile(f, engine="numpy", on_break="error")
    start = time.perf_counter()
    compiled(x)  # runs `f` once, too
    made = time.perf_counter() - start - once
    rounds = 9 if size < 500 else 2
    slow, fast = best(lambda: f(x), rounds), best(lambda: compiled(x), rounds)
    return {"compiling": made, "eager": slow, "compiled": fast, "calls": made / (slow - fast)}


def guards() -> dict[str, float]:
    """Seconds that a call takes beyond what the program does, for one array and for 20."""
    x = np.ones(10)
    tree = {f"x{n}": np.ones(10) for n in range(20)}
    one = pg.compile(lambda x: x + 1.0, on_break="error")
    many = pg.compile(lambda tree: tree["x3"] + 1.0, on_break="error")
    bare = best(lambda: x + 1.0)
    return {
        "one array": best(lambda: one(x)) - bare,
        "pytree of 20": best(lambda: many(tree)) - bare,
    }


# ---------------------------------------------------------------- the command


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    about, _, how = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python benchmarks/compile.py", description=about, epilog=how,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    rows, names = [*[row.name for row in WORK], FIT], list(CONTENDERS)
    parser.add_argument("--only", nargs="+", choices=[*rows, "figures"], metavar="ROW",
                        default=[*rows, "figures"],
                        help=f"these alone, of {', '.join(rows)}, figures")  # fmt: skip
    parser.add_argument("--contenders", nargs="+", choices=names, metavar="NAME", default=names,
                        help=f"these alone, of {', '.join(names)}")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="two short rounds: a rough idea")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="rounds (default: 7)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, and write the numbers to a file if asked to."""
    options = parse(argv)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    rounds, at_least = (2, 0.02) if options.quick else (options.rounds, 0.1)
    names = list(dict.fromkeys([HAND, *options.contenders]))
    console = Console(width=None if Console().is_terminal else 200)
    table = Table(title="value and gradient, as a ratio to hand-written NumPy")
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right")
    record: dict[str, Any] = {"rows": {}}
    reached = asked = 0
    for name in [name for name in options.only if name != "figures"]:
        found = measured(name, names, rounds, at_least)
        verdicts = judged(name, found)
        table.add_row(name, *[cell(contender, found, verdicts) for contender in names])
        record["rows"][name] = {"seconds": found, "bars": verdicts}
        asked += len(verdicts)
        reached += sum([got <= limit * TOLERANCE for got, limit in verdicts.values()])
        for contender, why in found.items():
            if isinstance(why, str):
                console.print(f"{name}, {contender}: {why}", markup=False)
    console.print(table)
    console.print(f"{reached} of {asked} bars reached (within 10 %)")
    if "figures" in options.only:
        record["guards"] = guards()
        for what, seconds in record["guards"].items():
            console.print(f"guards, {what}: {seconds * 1e6:.1f} µs")
        record["compiling"] = {}
        for size in (25, 250, 2500):
            found = record["compiling"][9 * size] = compiling(size)
            console.print(
                f"{9 * size:,} operations: compiled in {seconds_text(found['compiling'])}, eager "
                f"{seconds_text(found['eager'])}, then {seconds_text(found['compiled'])}; paid "
                f"after {found['calls']:.0f} calls"
            )
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        record["versions"] = versions({})
        options.json.write_text(json.dumps(record, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
