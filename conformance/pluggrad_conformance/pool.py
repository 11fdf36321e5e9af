"""Worker processes as the parent sees them: given cells, watched, replaced when they die."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import Thread
from typing import IO, Any

from .cells import Cell
from .results import Result

__all__ = ["Done", "Pool", "PoolError"]

#: A finished cell: its result, and the text of its script where there is one.
Done = tuple[Result, "str | None"]

START_SECONDS = 300.0  # to import everything
STARTS = 3  # how often a worker may fail to start before the run gives up
#: Exit codes of a process that was killed from outside: by the system when memory runs out, by a
#: person, by a shutdown. A crash of the library (SIGSEGV, SIGABRT) is not among them.
OUTSIDE = frozenset(-getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")
                    if hasattr(signal, name))  # fmt: skip


class PoolError(RuntimeError):
    """Workers fail to start."""


class Worker:
    """One worker process, the cells it was given, and the one it is judging."""

    def __init__(self, command: list[str], inbox: queue.Queue[tuple[Worker, Any]]) -> None:
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            env=worker_environment(), start_new_session=True,
        )  # fmt: skip
        self.todo: dict[str, Cell] = {}
        self.current: Cell | None = None
        self.judged: Result | None = None  # the current cell's, if it is only being shrunk
        self.ready = False
        self.closed = False  # whether it has closed its side: it ends, or has ended
        self.outside = False  # whether a signal from outside ended it, such as the OOM killer's
        self.since = time.monotonic()
        Thread(target=self._read, args=(inbox,), daemon=True).start()

    def _read(self, inbox: queue.Queue[tuple[Worker, Any]]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):  # half a line, of a worker that was killed
                inbox.put((self, json.loads(line)))
        self.closed = True
        inbox.put((self, None))

    def _ended(self) -> int | None:
        """The exit code of a process that ended by itself, or None if it still runs. Its pipes
        close a moment before the code is known: wait for it."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(1.0 if self.closed else 0.0)
        return None

    def give(self, cells: Iterable[Cell]) -> None:
        """Hand the worker a group."""
        self.todo = {cell.key: cell for cell in cells}
        assert self.process.stdin is not None
        with suppress(OSError):  # it died: the reader will tell
            self.process.stdin.write(json.dumps({"cells": list(self.todo)}).encode() + b"\n")
            self.process.stdin.flush()

    def end(self) -> str:
        """Kill the process, and return what it said last and how it ended."""
        self.outside = self._ended() in OUTSIDE
        with suppress(OSError):
            self.process.kill()
        code = self.process.wait()
        self.errors.seek(max(0, self.errors.seek(0, 2) - 2000))
        said = self.errors.read().decode(errors="replace").strip()
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            with suppress(OSError, AttributeError):
                pipe.close()  # type: ignore[union-attr]
        return f"{ending(code)}{': ' if said else ''}{said}"


class Pool:
    """Judges groups of cells in `jobs` processes; iterate over `run` for the results.

    A worker that takes longer than `timeout` seconds for a cell is killed, and the outcome is
    "timeout". If a worker dies the outcome is "error", with a note if it was killed from outside,
    which may not be the cell's fault. Either way a new worker goes on with the rest of the group.
    """

    def __init__(
        self, jobs: int, timeout: float, judge: str, plugins: Iterable[str], shrink: int
    ) -> None:
        if jobs < 1 or timeout <= 0:
            raise ValueError(f"{jobs} jobs with {timeout} s for a cell: both must be positive")
        self.jobs, self.timeout = jobs, timeout
        self.command = [sys.executable, "-m", "pluggrad_conformance.worker", "--judge", judge,
                        "--shrink", str(shrink)]  # fmt: skip
        for plugin in plugins:
            self.command += ["--plugin", plugin]
        self.inbox: queue.Queue[tuple[Worker, Any]] = queue.Queue()
        self.workers: set[Worker] = set()
        self.waiting: deque[list[Cell]] = deque()
        self.failed_starts = 0

    def run(self, groups: Iterable[list[Cell]], tick: Callable[[], None]) -> Iterator[Done]:
        """Yield each cell as it is done; `tick` is called about twice a second."""
        self.waiting.extend(group for group in groups if group)
        try:
            while self.waiting or any(worker.todo for worker in self.workers):
                while self.waiting and len(self.workers) < self.jobs:
                    self._start(self.waiting.popleft())
                tick()
                try:
                    worker, message = self.inbox.get(timeout=0.5)
                except queue.Empty:
                    pass
                else:
                    if worker in self.workers:
                        yield from self._hear(worker, message)
                yield from self._late()
        finally:
            for worker in self.workers:
                worker.end()
            self.workers.clear()

    def _start(self, group: list[Cell]) -> None:
        worker = Worker(self.command, self.inbox)
        self.workers.add(worker)
        worker.give(group)

    def _hear(self, worker: Worker, message: dict[str, Any] | None) -> Iterator[Done]:
        if message is None:
            yield from self._lost(worker, "error", "the process ended while this cell ran")
        elif "ready" in message:
            worker.ready = True
        elif "start" in message:
            worker.current, worker.judged = worker.todo[message["start"]], None
            worker.since = time.monotonic()
        elif "judged" in message:
            worker.judged = Result.from_dict(message["judged"])
            worker.since = time.monotonic()
        elif "result" in message:
            result = Result.from_dict(message["result"])
            worker.todo.pop(result.cell.key)
            self.failed_starts = 0
            worker.current = worker.judged = None
            worker.since = time.monotonic()
            yield result, message["repro"]
        elif message.get("retire") or not self.waiting:
            self.workers.discard(worker)
            worker.end()
        else:
            worker.give(self.waiting.popleft())

    def _late(self) -> Iterator[Done]:
        now = time.monotonic()
        for worker in list(self.workers):
            if now - worker.since > (self.timeout if worker.ready else START_SECONDS):
                why = f"took longer than the {self.timeout:g} s that a cell may take"
                yield from self._lost(worker, "timeout", why)

    def _lost(self, worker: Worker, outcome: str, why: str) -> Iterator[Done]:
        """End a worker that died or is stuck: its cell gets `outcome`, the others wait again."""
        self.workers.discard(worker)
        seconds = time.monotonic() - worker.since
        said = worker.end()
        if worker.current is None:
            self.failed_starts += 1
            if self.failed_starts >= STARTS:
                raise PoolError(f"workers end before they judge a cell. The last one said:\n{said}")
        else:
            cell, result = worker.current, worker.judged
            del worker.todo[cell.key]
            if result is None:
                why = why if outcome == "timeout" else f"{why}: {said}"
                result = Result(cell, outcome, why, cell.quantity, seconds=seconds)
                if worker.outside:
                    result.killed = True
                    result.detail += "\n(killed from outside: the same run tries it again)"
            yield result, None
        if worker.todo:
            self.waiting.appendleft(list(worker.todo.values()))


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def worker_environment() -> dict[str, str]:
    """The environment of workers: one thread each, double precision, no colours, fixed hashes."""
    usual = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
             "JAX_ENABLE_X64": "1", "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
             "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}  # fmt: skip
    return {**usual, **os.environ}
