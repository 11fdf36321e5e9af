"""Gradients on a Dask cluster of processes, beside the same gradients written by hand.

    python benchmarks/scale.py [--workers 1 2 4] [--sizes 1 4 16] [--models NAME ...]
                               [--rounds 5] [--steps 24] [--json FILE]

For each model, number of workers and size of the data: seconds for value and gradient, ours and by
hand, from the program to the result; processor time of all processes; how many tasks each has; the
largest memory of a worker. The two take turns, and the best of the rounds counts. Where processes
outnumber cores, compare the ratios and not the seconds.
Then training steps, each persisted: the last ones must take as long as the first, with as many tasks.
Data are in the memory of the workers. `--json` keeps what its file has of other numbers of workers.
Every gradient is compared with the one by hand.

Target: at most 1.2 × the time and 1.15 × the tasks of hand-written code; time linear in the data.
`python docs/scale_table.py` writes the tables of docs/scale.md from the figures of `--json`.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import importlib.metadata
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libraries  # noqa: F401  (first: it sets the number of threads)
import numpy as np

import pluggrad as pg

COLUMNS, HIDDEN = 50, 32
#: Rows of a block, and how many blocks data of size 1 have.
ROWS, BLOCKS = 20_000, 8
MIB = 2**20
#: The rounds of small data go on for so many seconds.
SECONDS = 3.0


class Logistic:
    """Logistic regression: the mean of log(1 + exp(z)) - y z."""

    def parameters(self) -> list[np.ndarray]:
        return [np.linspace(-0.1, 0.1, COLUMNS)]

    def loss(self, x: Any, y: Any, w: Any) -> Any:
        z = pg.matmul(x, w)
        return pg.mean(pg.logaddexp(0.0, z) - y * z)

    def by_hand(self, x: Any, y: Any, w: Any) -> tuple[Any, list[Any]]:
        import dask.array as da

        z = x @ w
        value = da.mean(da.logaddexp(0.0, z) - y * z)
        return value, [x.T @ (1 / (1 + da.exp(-z)) - y) / len(y)]


class SumBlocks(Logistic):
    """The same by `pg.interop.dask.sum_blocks`: a tape inside each block, and a sum by a tree."""

    def loss(self, x: Any, y: Any, w: Any) -> Any:
        def block(x: Any, y: Any, w: Any) -> Any:
            z = pg.matmul(x, w)
            return pg.sum(pg.logaddexp(0.0, z) - y * z)

        return pg.interop.dask.sum_blocks(block, x, y, w) / x.shape[0]


class MLP:
    """A network with one hidden layer, and squares."""

    def parameters(self) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        return [rng.normal(size=(COLUMNS, HIDDEN)) / 10, rng.normal(size=HIDDEN) / 10]

    def loss(self, x: Any, y: Any, w: Any, u: Any) -> Any:
        return pg.mean((pg.matmul(pg.tanh(pg.matmul(x, w)), u) - y) ** 2)

    def by_hand(self, x: Any, y: Any, w: Any, u: Any) -> tuple[Any, list[Any]]:
        import dask.array as da

        h = da.tanh(x @ w)
        e = h @ u - y
        g = 2 * e / len(y)
        return da.mean(e**2), [x.T @ (g[:, None] * u * (1 - h * h)), h.T @ g]


class LogMeanExp(Logistic):
    """The logarithm of the mean of exponentials: a barrier between values and gradients."""

    def loss(self, x: Any, y: Any, w: Any) -> Any:
        return pg.log(pg.mean(pg.exp(pg.matmul(x, w))))

    def by_hand(self, x: Any, y: Any, w: Any) -> tuple[Any, list[Any]]:
        import dask.array as da

        e = da.exp(x @ w)
        m = da.mean(e)
        return da.log(m), [x.T @ (e / (m * len(y)))]


MODELS: dict[str, Any] = {
    "logistic": Logistic(), "sum_blocks": SumBlocks(), "mlp": MLP(), "log_mean_exp": LogMeanExp(),
}  # fmt: skip


def tasks(collections: list[Any]) -> int:
    """How many tasks the scheduler gets for these collections."""
    import dask

    return len({k for y in dask.optimize(*collections) for k in dict(y.__dask_graph__())})


def data(blocks: int) -> tuple[Any, Any]:
    """Rows and labels, made by the workers, and kept there."""
    import dask
    import dask.array as da
    from distributed import wait

    x = da.random.default_rng(0).normal(size=(blocks * ROWS, COLUMNS), chunks=(ROWS, COLUMNS))
    x, y = dask.persist(x, (x[:, 0] > 0).astype(float))
    wait([x, y])
    return x, y


def memory_peak(forget: bool = False) -> int:
    """The largest memory of this process, in MiB: since it began, or on Linux since it was last
    told to `forget`. Garbage is collected then, so that no measurement pays for what another
    left."""
    import resource

    if forget:
        gc.collect()
    try:
        if forget:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) // 1024
    except (OSError, StopIteration):
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) // 1024


def processor_time(client: Any) -> float:
    """What this process and all workers have used so far, in seconds. (The scheduler is here.)"""
    return time.process_time() + sum(client.run(time.process_time).values())


def compare(client: Any, model: Any, x: Any, y: Any, rounds: int) -> dict[str, Any]:
    """Both gradients: seconds, graphs included, and tasks."""
    import dask
    import dask.array as da

    w = [da.from_array(p, chunks=p.shape) for p in model.parameters()]
    numbers = tuple(range(len(w)))

    def ours() -> list[Any]:
        value, g = pg.value_and_grad(lambda *w: model.loss(x, y, *w), numbers)(*w)
        return [value, *g]

    def by_hand() -> list[Any]:
        value, g = model.by_hand(x, y, *w)
        return [value, *g]

    turns = [ours, by_hand]
    seconds: dict[Callable[[], Any], list[float]] = {f: [] for f in turns}
    processor: dict[Callable[[], Any], list[float]] = {f: [] for f in turns}
    peak: dict[Callable[[], Any], int] = dict.fromkeys(turns, 0)
    found: dict[Callable[[], Any], Any] = {}
    begin = time.perf_counter()
    while len(seconds[ours]) < rounds or time.perf_counter() - begin < SECONDS:
        for f in turns:
            memory_peak(forget=True)
            client.run(memory_peak, forget=True)
            before, start = processor_time(client), time.perf_counter()
            found[f] = dask.compute(*f())
            seconds[f].append(time.perf_counter() - start)
            processor[f].append(processor_time(client) - before)
            peak[f] = max(peak[f], *client.run(memory_peak).values())
        turns.reverse()
    for mine, theirs in zip(found[ours], found[by_hand], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)
    best, best_by_hand = min(seconds[ours]), min(seconds[by_hand])
    return {
        "rounds": len(seconds[ours]),
        "seconds": best, "by_hand": best_by_hand, "ratio": best / best_by_hand,
        "processor": min(processor[ours]), "processor_by_hand": min(processor[by_hand]),
        "tasks": tasks(ours()), "tasks_by_hand": tasks(by_hand()),
        "peak": peak[ours], "peak_by_hand": peak[by_hand],
    }  # fmt: skip


def train(model: Any, x: Any, y: Any, steps: int) -> dict[str, Any]:
    """Steps of gradient descent with Variables, persisted one by one: seconds and tasks of each."""
    import dask
    import dask.array as da
    from distributed import wait

    w = [pg.Variable(da.from_array(p, chunks=p.shape), requires_grad=True)
         for p in model.parameters()]  # fmt: skip
    seconds, counts = [], []
    for _ in range(steps):
        start = time.perf_counter()
        for p in w:
            p.grad = None
        model.loss(x, y, *w).backward()
        with pg.no_grad():
            for p in w:
                p -= 0.01 * p.grad
        counts.append(tasks([p.data for p in w]))
        dask.persist(*w)  # the graph ends here: the next step begins with values
        wait([p.data for p in w])
        seconds.append(time.perf_counter() - start)
    third = max(steps // 3, 1)
    return {
        "steps": steps, "first": min(seconds[:third]), "last": min(seconds[-third:]),
        "tasks_first": counts[0], "tasks_last": counts[-1],
    }  # fmt: skip


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All of it."""
    from distributed import Client, LocalCluster

    rows: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    commands = [shlex.join(["python", "benchmarks/scale.py", *sys.argv[1:]])]
    if options.json and Path(options.json).exists():
        old = json.loads(Path(options.json).read_text())
        commands += [c for c in old["commands"] if c != commands[0]]
        rows += [r for r in old["gradients"] if r["workers"] not in options.workers]
        steps += [r for r in old["steps"] if r["workers"] not in options.workers]
    for workers in options.workers:
        with LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster, Client(cluster) as client:  # fmt: skip
            for size in sorted(options.sizes):
                x, y = data(BLOCKS * size)
                for name in options.models:
                    found = compare(client, MODELS[name], x, y, options.rounds)
                    rows.append({"model": name, "workers": workers, "size": size, **found})
                    print(rows[-1], file=sys.stderr, flush=True)
                    if size == min(options.sizes):
                        found = train(MODELS[name], x, y, options.steps)
                        steps.append({"model": name, "workers": workers, **found})
                del x, y
        whole = {"gradients": sorted(rows, key=place), "steps": sorted(steps, key=place),
                 "commands": commands, **circumstances()}  # fmt: skip
        if options.json:
            Path(options.json).write_text(json.dumps(whole, indent=1) + "\n")
    return whole


def place(row: dict[str, Any]) -> tuple[int, int, int]:
    """Where a row stands in its table."""
    return list(MODELS).index(row["model"]), row["workers"], row.get("size", 0)


def circumstances() -> dict[str, Any]:
    """With what, when and where was measured."""
    names = ("pluggrad", "numpy", "dask", "distributed")
    return {
        "versions": {name: importlib.metadata.version(name) for name in names},
        "python": platform.python_version(), "cores": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        "mib_of_size_1": round(BLOCKS * ROWS * COLUMNS * 8 / MIB), "blocks_of_size_1": BLOCKS,
    }  # fmt: skip


def show(found: dict[str, Any]) -> None:
    """The tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=120)
    table = Table(title=f"value and gradient; data of size 1 have {found['mib_of_size_1']} MiB")
    for name in ("model", "workers", "size"):
        table.add_column(name)
    for name in ("ms", "by hand", "ratio", "of processor time", "tasks", "by hand", "per size",
                 "peak MiB", "by hand"):  # fmt: skip
        table.add_column(name, justify="right")
    least = {(r["model"], r["workers"]): r for r in reversed(found["gradients"])}
    for r in found["gradients"]:
        first = least[r["model"], r["workers"]]
        grown = r["seconds"] / first["seconds"] / (r["size"] / first["size"])
        table.add_row(
            r["model"], str(r["workers"]), str(r["size"]), f"{1000 * r['seconds']:.0f}",
            f"{1000 * r['by_hand']:.0f}", f"{r['ratio']:.2f}",
            f"{r['processor'] / r['processor_by_hand']:.2f}", str(r["tasks"]),
            str(r["tasks_by_hand"]), f"{grown:.2f}", str(r["peak"]), str(r["peak_by_hand"]),
        )  # fmt: skip
    console.print(table)
    table = Table(title="training steps: the best of the first third and of the last")
    for name in ("model", "workers"):
        table.add_column(name)
    for name in ("steps", "first ms", "last ms", "tasks", "tasks at the end"):
        table.add_column(name, justify="right")
    for r in found["steps"]:
        table.add_row(r["model"], str(r["workers"]), str(r["steps"]), f"{1000 * r['first']:.0f}",
                      f"{1000 * r['last']:.0f}", str(r["tasks_first"]), str(r["tasks_last"]))  # fmt: skip
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    found = measure(options)
    show(found)


if __name__ == "__main__":
    main()
