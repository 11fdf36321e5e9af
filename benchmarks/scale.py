"""Gradients on a Dask cluster of processes, beside the same gradients written by hand.

    python benchmarks/scale.py [--workers 1 2 4] [--sizes 1 4 16] [--models NAME ...]
                               [--rounds 3] [--steps 12] [--json FILE]

For each model, number of workers and size of the data: seconds for value and gradient, ours and by
hand; how many tasks each has; the largest memory of a worker. The two alternate, and the best of the
rounds counts: compare the ratio and not the seconds, which depend on what else the machine does.
Then training steps, each persisted: the last ones must take as long as the first, with as many tasks.
Data are in the memory of the workers. Every gradient is compared with the one by hand.

Target: at most 1.2 × the time and 1.15 × the tasks of hand-written code; time linear in the data.
"""

from __future__ import annotations

import argparse
import json
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
ROWS, BLOCKS = 10_000, 8


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


def peak(client: Any) -> int:
    """The largest memory that a worker has used so far, in MiB."""
    import resource

    used = client.run(lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return int(max(used.values()) // 1024)


def compare(model: Any, x: Any, y: Any, rounds: int) -> dict[str, Any]:
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

    best: dict[Callable[[], Any], float] = {}
    found: dict[Callable[[], Any], Any] = {}
    for _ in range(rounds):
        for f in (ours, by_hand):
            start = time.perf_counter()
            found[f] = dask.compute(*f())
            best[f] = min(best.get(f, float("inf")), time.perf_counter() - start)
    for mine, theirs in zip(found[ours], found[by_hand], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)
    return {
        "seconds": best[ours], "by_hand": best[by_hand], "ratio": best[ours] / best[by_hand],
        "tasks": tasks(ours()), "tasks_by_hand": tasks(by_hand()),
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
        "first": min(seconds[:third]), "last": min(seconds[-third:]),
        "tasks_first": counts[0], "tasks_last": counts[-1],
    }  # fmt: skip


def measure(options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """All of it. Sizes grow while a cluster lives, so that the peak is that of the last one."""
    from distributed import Client, LocalCluster

    rows, steps = [], []
    for workers in options.workers:
        with LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster, Client(cluster) as client:  # fmt: skip
            for size in sorted(options.sizes):
                x, y = data(BLOCKS * size)
                for name in options.models:
                    row = {"model": name, "workers": workers, "size": size,
                           **compare(MODELS[name], x, y, options.rounds)}  # fmt: skip
                    rows.append({**row, "peak_mib": peak(client)})
                    print(rows[-1], file=sys.stderr, flush=True)
                    if workers == max(options.workers) and size == min(options.sizes):
                        found = train(MODELS[name], x, y, options.steps)
                        steps.append({"model": name, "workers": workers, **found})
                del x, y
    return {"gradients": rows, "steps": steps}


def show(found: dict[str, list[dict[str, Any]]], steps: int) -> None:
    """The tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    mib = BLOCKS * ROWS * COLUMNS * 8 / 2**20
    table = Table(title=f"value and gradient; data of size 1 have {mib:.0f} MiB")
    for name in ("model", "workers", "size"):
        table.add_column(name)
    for name in ("ms", "by hand", "ratio", "tasks", "by hand", "ratio", "per size", "peak MiB"):
        table.add_column(name, justify="right")
    least = {(r["model"], r["workers"]): r for r in reversed(found["gradients"])}
    for r in found["gradients"]:
        first = least[r["model"], r["workers"]]
        grown = r["seconds"] / first["seconds"] / (r["size"] / first["size"])
        table.add_row(
            r["model"], str(r["workers"]), str(r["size"]), f"{1000 * r['seconds']:.0f}",
            f"{1000 * r['by_hand']:.0f}", f"{r['ratio']:.2f}", str(r["tasks"]),
            str(r["tasks_by_hand"]), f"{r['tasks'] / r['tasks_by_hand']:.2f}", f"{grown:.2f}",
            str(r["peak_mib"]),
        )  # fmt: skip
    console.print(table)
    table = Table(title=f"{steps} training steps: the best of the first third and of the last")
    for name in ("model", "workers"):
        table.add_column(name)
    for name in ("first ms", "last ms", "tasks", "tasks at the end"):
        table.add_column(name, justify="right")
    for r in found["steps"]:
        table.add_row(r["model"], str(r["workers"]), f"{1000 * r['first']:.0f}",
                      f"{1000 * r['last']:.0f}", str(r["tasks_first"]), str(r["tasks_last"]))  # fmt: skip
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    found = measure(options)
    show(found, options.steps)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
