"""`profile`: the time and the memory of each operation, forwards and backwards."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.graph_breaks import user_line
from ..engine.handles import raw_of
from ..engine.lazy_cotangents import parts_of
from ..engine.modes import changed

__all__ = ["Event", "Row", "profile"]


@dataclass(frozen=True)
class Event:
    """One operation that ran: its name; "forward" or "backward"; when it began and how long it
    took, in seconds; the bytes and the shape of its result; the user's line; and the thread."""

    name: str
    phase: str
    start: float
    seconds: float
    bytes: int
    shape: tuple[int, ...]
    line: str
    thread: int


@dataclass(frozen=True)
class Row:
    """All runs of one operation in one phase."""

    name: str
    phase: str
    calls: int
    seconds: float
    bytes: int


class profile(changed):
    """Note the time and the memory of each operation in a block, forwards and backwards.

    The time is that of the library's own function, without pluggrad's bookkeeping around it, and in
    the backward phase that of the derivative's formula. The memory is that of the results. JAX's
    arrays are waited for; on a GPU, torch only starts an operation, so use its own profiler there.

    Printed, it is a table, the slowest operation first. `save` writes a trace that
    https://ui.perfetto.dev and ``chrome://tracing`` open.

    While it is on, all operations take the engine's general way, which is slower; compiled programs
    (`pluggrad.compile`) run their original function.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.ones((200, 200)), requires_grad=True)
    >>> with pg.profile() as found:
    ...     pg.sum(pg.tanh(x @ x)).backward()
    >>> sorted({(row.name, row.phase) for row in found.rows()})[:3]
    [('matmul', 'backward'), ('matmul', 'forward'), ('sum', 'backward')]
    >>> print(str(found).splitlines()[0])
    operation  phase     calls        ms      %        MB
    """

    def __init__(self) -> None:
        super().__init__(profile=self)
        self._given = self
        self.events: list[Event] = []

    def timed(self, name: str, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, whose runs are noted as the operation `name`."""
        line = user_line()

        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            y = function(*args, **kwargs)
            made = [raw_of(part) for part in parts_of(y)]
            for part in made:
                if hasattr(part, "block_until_ready"):
                    part.block_until_ready()
            seconds = time.perf_counter() - start
            shape = tuple(getattr(made[0], "shape", ())) if made else ()
            size = sum([getattr(part, "nbytes", 0) for part in made])
            self.events.append(
                Event(name, phase, start, seconds, size, shape, line, threading.get_ident())
            )
            return y

        return run

    def rows(self) -> list[Row]:
        """The operations, summed up by name and phase; the slowest first."""
        found: dict[tuple[str, str], list[Event]] = {}
        for event in self.events:
            found.setdefault((event.name, event.phase), []).append(event)
        rows = [
            Row(name, phase, len(events), sum([e.seconds for e in events]),
                sum([e.bytes for e in events]))
            for (name, phase), events in found.items()
        ]  # fmt: skip
        return sorted(rows, key=lambda row: -row.seconds)

    def __str__(self) -> str:
        """The table: milliseconds, share of the time, and megabytes of results."""
        rows = self.rows()
        total = sum([row.seconds for row in rows]) or 1.0
        wide = max([9, *[len(row.name) for row in rows]])
        lines = [f"{'operation':{wide}}  phase     calls        ms      %        MB"]
        lines += [
            f"{row.name:{wide}}  {row.phase:8}  {row.calls:5}  {row.seconds * 1e3:8.3f}"
            f"  {100 * row.seconds / total:5.1f}  {row.bytes / 1e6:8.2f}"
            for row in rows
        ]
        return "\n".join(lines)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the events as a trace file, in the Trace Event Format."""
        first = min([event.start for event in self.events], default=0.0)
        events = [
            {
                "name": event.name, "cat": event.phase, "ph": "X", "pid": os.getpid(),
                "tid": event.thread, "ts": (event.start - first) * 1e6, "dur": event.seconds * 1e6,
                "args": {"shape": list(event.shape), "bytes": event.bytes, "line": event.line},
            }
            for event in self.events
        ]  # fmt: skip
        Path(path).write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}))
