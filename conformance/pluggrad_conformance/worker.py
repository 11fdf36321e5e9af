"""A worker: a process that judges the cells it is handed, so that a hang or a crash costs one cell.

It reads groups of cells from stdin and answers on stdout, one JSON object per line::

    <- {"cells": [key, ...]}
    -> {"ready": true}                    once, when everything is imported
    -> {"start": key}                     before a cell is judged
    -> {"judged": {...}}                  a result that is still being shrunk
    -> {"result": {...}, "repro": "..."}  a cell is done
    -> {"done": true, "retire": false}    the group is done; a worker that retires has grown too big
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any

from .cells import Cell
from .plugins import function_of, load_plugins
from .problem import Problem
from .repro import script_for
from .results import Result
from .shrink import as_minimal, shrink_failure
from .tables import load_operations

__all__ = ["FAILURES", "main"]

#: Outcomes of failures: they are shrunk, and get a script that reproduces them.
FAILURES = ("numerically-off", "wrong", "wrong-structure", "nonfinite-mismatch", "nondeterministic",
            "error", "timeout", "oracle-conflict", "forward-deviation")  # fmt: skip
#: A failure that depends on the moment cannot be shrunk.
SHRINKABLE = frozenset(FAILURES) - {"timeout", "nondeterministic"}

MAX_BYTES = 2_500_000_000  # then the worker retires: compiled functions pile up
MAX_MAPS = 40_000  # so do memory maps, of which Linux allows 65 530


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m pluggrad_conformance.worker")
    parser.add_argument("--judge", default="pluggrad_conformance.judge_native:judge_any")
    parser.add_argument("--plugin", action="append", default=[])
    parser.add_argument("--shrink", type=int, default=0, metavar="N")
    arguments = parser.parse_args(argv)
    faulthandler.enable()
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not mix with the answers

    def say(**message: Any) -> None:
        channel.write(json.dumps(message) + "\n")  # ASCII, so that any text can be sent
        channel.flush()

    groups = _groups()
    load_plugins(arguments.plugin)
    load_operations()
    judge = function_of(arguments.judge)
    say(ready=True)
    while True:
        keys = groups.get()
        shrunk: dict[str, int] = {}
        for key in keys:
            say(start=key)
            serve(Cell.parse(key), judge, say, shrunk, arguments)
        retire = too_big()
        say(done=True, retire=retire)
        if retire:
            return 0


def _groups() -> SimpleQueue[list[str]]:
    """The groups that arrive on stdin. When stdin closes the process exits at once, so that a
    killed run leaves no workers behind."""
    groups: SimpleQueue[list[str]] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            groups.put(json.loads(line)["cells"])
        os._exit(0)

    Thread(target=read, daemon=True).start()
    return groups


def serve(
    cell: Cell,
    judge: Callable[..., Result],
    say: Callable[..., None],
    shrunk: dict[str, int],
    arguments: argparse.Namespace,
) -> None:
    """Judge a cell and send the result; a failure is shrunk and gets a script first.

    `shrunk` counts, by backend, the failures of this group that were shrunk: there is a limit.
    """
    begin = time.perf_counter()
    try:
        result = judge(cell)
    except Exception:
        result = Result(cell, "error", f"the suite itself failed:\n{traceback.format_exc()}")
    result.seconds = result.seconds or time.perf_counter() - begin
    if result.outcome not in FAILURES:
        say(result=result.as_dict(), repro=None)
        return
    say(judged=result.as_dict())  # what follows may hang, too
    repro = None
    try:
        repro = explain(cell, result, judge, shrunk, arguments)
    except Exception:
        traceback.print_exc()
    say(result=result.as_dict(), repro=repro)


def explain(
    cell: Cell,
    result: Result,
    judge: Callable[..., Result],
    shrunk: dict[str, int],
    arguments: argparse.Namespace,
) -> str:
    """The script that reproduces a failure, at a smaller input if there is one."""
    problem = Problem.of(cell)
    if result.outcome in SHRINKABLE and shrunk.get(cell.backend, 0) < arguments.shrink:
        shrunk[cell.backend] = shrunk.get(cell.backend, 0) + 1
        smaller = shrink_failure(cell, problem, result, judge)
        if smaller is not None:
            problem = smaller
            result.minimal = as_minimal(problem)
    return script_for(cell, problem, result, plugins=arguments.plugin)


def too_big() -> bool:
    """Whether this process uses too much memory; False where the system does not say."""
    try:
        with open("/proc/self/statm") as f:
            size = int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        with open("/proc/self/maps") as f:
            maps = sum(1 for _ in f)
    except (OSError, ValueError):
        return False
    return size > MAX_BYTES or maps > MAX_MAPS


if __name__ == "__main__":
    sys.exit(main())
