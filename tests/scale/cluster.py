"""Gradients on a real cluster of processes that lose workers, and more data than they have memory.

Run as a program, it goes through all of it and prints a table:

    python tests/scale/cluster.py --help

The tests in `test_cluster.py` take the short ones. Every gradient is compared with NumPy's.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import pluggrad as pg

MIB = 2**20
#: How far a gradient may be from NumPy's, relative to its largest element.
CLOSE = 1e-12


@contextmanager
def cluster_of(workers: int, memory: int = 0, **settings: Any) -> Iterator[tuple[Any, Any]]:
    """A cluster of processes with nannies, which restart them, and a client. `memory` is the limit
    of each worker, in MiB."""
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set({
        "distributed.scheduler.allowed-failures": 20,  # every worker may be killed several times
        "distributed.comm.timeouts.connect": "60s",  # a busy machine starts processes slowly
    }), LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None,
        memory_limit=f"{memory}MiB" if memory else 0, **settings,
    ) as cluster, Client(cluster) as client:  # fmt: skip
        yield cluster, client


def rows_of(number: int, rows: int, columns: int) -> np.ndarray:
    """Block `number` of the data: the same wherever and whenever it is made."""
    return np.random.default_rng(number).normal(size=(rows, columns))


def data(blocks: int, rows: int, columns: int, pause: float = 0.0) -> tuple[Any, Any]:
    """The rows and their labels, as Dask arrays whose blocks are made by workers, each after a
    `pause`. (The functions are local ones, so that workers need not import this file.)"""
    import dask.array as da

    def block(rows: int, columns: int, pause: float, block_id: Any = None) -> np.ndarray:
        time.sleep(pause)
        return np.random.default_rng(block_id[0]).normal(size=(rows, columns))

    chunks = ((rows,) * blocks, (columns,))
    x = da.map_blocks(block, rows, columns, pause, chunks=chunks, dtype=float,
                      meta=np.empty((0, 0)))  # fmt: skip
    return x, (x[:, 0] > 0).astype(float)


def logistic(x: Any, y: Any) -> Callable[[Any], Any]:
    """The loss of logistic regression."""

    def loss(w: Any) -> Any:
        z = pg.matmul(x, w)
        return pg.mean(pg.logaddexp(0.0, z) - y * z)

    return loss


def by_numpy(blocks: int, rows: int, columns: int, w: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss and its gradient by NumPy alone, written out by hand, block by block."""
    total, g = 0.0, np.zeros(columns)
    for number in range(blocks):
        x = rows_of(number, rows, columns)
        z, y = x @ w, x[:, 0] > 0
        total += float(np.sum(np.logaddexp(0.0, z) - y * z))
        g += x.T @ (1 / (1 + np.exp(-z)) - y)
    return total / (blocks * rows), g / (blocks * rows)


def error_of(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest element."""
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


class Progress:
    """How many tasks a cluster has finished since this object was made. (Its scheduler runs in this
    process.)"""

    def __init__(self, cluster: Any) -> None:
        from distributed.diagnostics.plugin import SchedulerPlugin

        done = threading.Semaphore(0)

        class Plugin(SchedulerPlugin):  # type: ignore[misc]
            def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
                if start == "processing" and finish == "memory":
                    done.release()

        self.done = done
        cluster.scheduler.add_plugin(Plugin(), name=f"progress-{id(self)}")

    def wait(self, count: int) -> None:
        """Wait until `count` more tasks are finished."""
        for _ in range(count):
            if not self.done.acquire(timeout=120):
                raise TimeoutError("no task was finished for two minutes")


def pids(client: Any) -> list[int]:
    """The processes of the workers."""
    return list(client.run(os.getpid).values())


def kill(victims: list[int]) -> None:
    """End processes as a machine does that is switched off."""
    for pid in victims:
        os.kill(pid, signal.SIGKILL)


def peak(client: Any) -> int:
    """The largest memory that a worker has used, in MiB. (Of those that still live.)"""
    import resource

    used = client.run(
        lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, on_error="ignore"
    )  # (one may be about to leave)
    return max(used.values()) // 1024


def spilled(client: Any) -> int:
    """How much all workers have written to disk for lack of memory, in MiB."""

    def written(dask_worker: Any) -> float:
        metrics = getattr(dask_worker.data, "cumulative_metrics", {})
        return float(metrics.get(("disk-write", "bytes"), 0))

    return int(sum(client.run(written, on_error="ignore").values())) // MIB


def ready(cluster: Any, client: Any) -> None:
    """Wait for the workers that the cluster should have. If a nanny has given up, replace it."""
    count = len(cluster.worker_spec)
    try:
        client.wait_for_workers(count, timeout=60)
    except TimeoutError:
        cluster.scale(0)
        cluster.scale(count)
        client.wait_for_workers(count, timeout=300)


def interrupted(
    cluster: Any, client: Any, disturb: Callable[[], None], blocks: int = 16
) -> tuple[float, float]:
    """Compute a loss and its gradient, and call `disturb` in the middle. The largest error, and the
    seconds that it took."""
    rows, columns = 500, 8
    import dask.array as da

    x, y = data(blocks, rows, columns, pause=0.1)
    w = np.linspace(-1, 1, columns)
    ready(cluster, client)

    both = pg.value_and_grad(logistic(x, y))(da.from_array(w))
    progress, start = Progress(cluster), time.perf_counter()
    futures = client.compute(list(both))
    progress.wait(blocks // 2)
    disturb()
    found = [future.result(timeout=300) for future in futures]
    took = time.perf_counter() - start
    expected = by_numpy(blocks, rows, columns, w)
    return max(error_of(a, b) for a, b in zip(found, expected, strict=True)), took


def one_killed(cluster: Any, client: Any) -> tuple[float, float]:
    """One worker is killed."""
    victims = pids(client)[:1]
    return interrupted(cluster, client, lambda: kill(victims))


def all_killed(cluster: Any, client: Any) -> tuple[float, float]:
    """All workers are killed at once; their nannies start new ones."""
    victims = pids(client)
    return interrupted(cluster, client, lambda: kill(victims))


def one_added(cluster: Any, client: Any) -> tuple[float, float]:
    """One worker joins."""
    count = len(cluster.workers)

    def grow() -> None:
        cluster.scale(count + 1)
        client.wait_for_workers(count + 1, timeout=300)

    found = interrupted(cluster, client, grow)
    cluster.scale(count)
    return found


def scheduler_lost() -> str:
    """The name of the error that a client gets when the process of the scheduler is killed; empty
    if it got none."""
    import dask
    import dask.array as da
    from distributed import Client

    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder) / "scheduler.json"
        common = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
        scheduler = subprocess.Popen(
            [*common, "--scheduler-file", str(address), "--no-dashboard", "--port", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        worker = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(address),
             "--no-nanny", "--no-dashboard", "--nthreads", "1", "--death-timeout", "60",
             "--local-directory", folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with dask.config.set({
                "distributed.comm.timeouts.connect": "3s", "distributed.comm.retry.count": 0,
            }):  # fmt: skip
                deadline = time.monotonic() + 60
                while not address.exists() and time.monotonic() < deadline:
                    time.sleep(0.1)
                client = Client(scheduler_file=str(address), timeout=60)
                client.wait_for_workers(1, timeout=60)
                x, y = data(40, 10, 4, pause=0.2)
                future = client.compute(pg.grad(logistic(x, y))(da.ones(4, chunks=4)))
                time.sleep(1.0)
                scheduler.kill()
                try:
                    future.result(timeout=60)
                except Exception as error:
                    return f"{type(error).__name__}: {error}"
                finally:
                    client.close(timeout=1)
                return ""
        finally:
            for process in (worker, scheduler):
                process.kill()
                process.wait()


def larger_than_memory(
    cluster: Any, client: Any, blocks: int, rows: int, columns: int, phases: int = 0
) -> tuple[float, float]:
    """A gradient over data that do not fit into the workers: of logistic regression, or in so many
    `phases` of log-mean-exp, for which Dask alone would keep every block."""
    import dask.array as da

    x, y = data(blocks, rows, columns)
    w = np.linspace(-0.01, 0.01, columns)
    start = time.perf_counter()
    if phases:
        g = pg.grad(lambda w: pg.log(pg.mean(pg.exp(pg.matmul(x, w)))))(da.from_array(w))
        g = pg.interop.dask.in_two_phases(g) if phases == 2 else g
        found = client.compute(g).result()
        took = time.perf_counter() - start
        total, expected = 0.0, np.zeros(columns)
        for number in range(blocks):
            block = rows_of(number, rows, columns)
            e = np.exp(block @ w)
            total, expected = total + float(e.sum()), expected + block.T @ e
        return error_of(found, expected / total), took
    found = client.compute(pg.grad(logistic(x, y))(da.from_array(w))).result()
    took = time.perf_counter() - start
    return error_of(found, by_numpy(blocks, rows, columns, w)[1]), took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", type=int, default=512, help="of each worker, in MiB")
    parser.add_argument("--times", type=int, default=4, help="the data are so many times as large")
    parts = ("failures", "memory", "scheduler")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []

    def note(name: str, error: float, took: float, client: Any) -> None:
        memory, disk = peak(client), spilled(client)
        rows.append({"what": name, "error": error, "seconds": took, "peak_mib": memory,
                     "spilled_mib": disk})  # fmt: skip
        print(f"{name}: error {error:.1e}, {took:.1f} s, peak of a worker {memory} MiB, {disk} MiB "
              "spilled", flush=True)  # fmt: skip

    if "failures" in options.only:
        with cluster_of(options.workers) as (cluster, client):
            for case in (one_killed, all_killed, one_added):
                note(str(case.__doc__).rstrip("."), *case(cluster, client), client)
    if "memory" in options.only:
        total = options.workers * options.memory * options.times * MIB
        columns, block = 64, 4 * MIB
        shape = total // block, block // (8 * columns), columns
        size = f"{total / 2**30:.1f} GiB through {options.workers} × {options.memory} MiB"
        kinds = "logistic regression", "log-mean-exp, as it is", "log-mean-exp in two phases"
        for phases, kind in enumerate(kinds):
            with cluster_of(options.workers, options.memory) as (cluster, client):
                found = larger_than_memory(cluster, client, *shape, phases)
                note(f"{size}, {kind}", *found, client)
    good = all(row["error"] < CLOSE for row in rows)
    if "scheduler" in options.only:
        lost = scheduler_lost()
        good = good and bool(lost)
        rows.append({"what": "The scheduler is killed", "raised": lost})
        print(f"The scheduler is killed: {lost or 'NO ERROR'}")
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")
    print("all as it should be" if good else "NOT all as it should be")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
