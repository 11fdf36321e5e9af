"""Runs: cells are judged in worker processes, and written down one by one as they are done.

A run directory holds ``run.json`` (the facts), ``results.jsonl`` (one line for each cell, appended
and flushed when it is done) and ``repro/ID.py`` (a script for each failure). A run that was killed
goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import reports
from .facts import run_facts
from .plugins import load_plugins
from .pool import Done, Pool
from .problem import Problem
from .progress import Progress
from .repro import script_for
from .results import Result, RunError, parse_line, printable, read_run
from .selection import Selection, group_cells
from .worker import FAILURES

__all__ = ["JUDGE", "merge", "repair", "run"]

JUDGE = "pluggrad_conformance.judge_native:judge_any"

#: Facts that must be the same when a run is resumed.
SAME = ("seed", "cases", "versions", "selection")

FACTS_SECONDS = 10.0  # how old `duration` may be if the run is killed


def run(
    selection: Selection,
    out: Path,
    *,
    jobs: int = 1,
    resume: bool = True,
    timeout: float = 120.0,
    shrink: int = 3,
    progress: bool = True,
    judge: str = JUDGE,
    plugins: Sequence[str] = (),
    command: Sequence[str] = (),
) -> Path:
    """Judge the cells of `selection` and write the run directory `out`.

    Parameters
    ----------
    selection : Selection
        Which cells.
    out : Path
        The run directory; made if it is not there.
    jobs : int
        How many worker processes.
    resume : bool
        Go on with a run that is in `out`; False starts anew.
    timeout : float
        Seconds that a cell may take.
    shrink : int
        How many failures of an operation on a backend are shrunk to a smaller input.
    progress : bool
        Whether to show progress on stderr.
    judge, plugins : str, sequence of str
        ``module:function`` that judges a cell; modules or files that workers import first.
    command : sequence of str
        What the user typed, for ``run.json``.

    Raises
    ------
    RunError
        `out` holds a run of other cells, cases or versions, or another process writes to it.
    ValueError
        Nothing is selected, or `jobs` or `timeout` is not positive.
    """
    out = Path(out)
    load_plugins(plugins)
    cells = selection.cells()
    if not cells:
        raise ValueError("no cell is selected")
    pool = Pool(jobs, timeout, judge, plugins, shrink)
    out.mkdir(parents=True, exist_ok=True)
    facts = run_facts(selection.backends, plugins) | {"selection": selection.as_dict()}
    with _only_writer(out):
        before = _before(out, facts) if resume else {}
        done = repair(out / "results.jsonl") if before else {}
        if not before:
            _clear(out)
        elif killed := [result.cell for result in done.values() if result.killed]:
            for cell in killed:  # these are tried again
                del done[cell.key]
                (out / "repro" / f"{cell.id}.py").unlink(missing_ok=True)
            _write(out / "results.jsonl", done)
        _write_facts(out, begin := _begin(facts, before, len(cells), timeout, command))
        counts = Counter(result.outcome for result in done.values())
        shown = Progress(len(cells), counts) if progress else None
        left = [cell for cell in cells if cell.key not in done]
        written = time.monotonic()

        def tick() -> None:
            nonlocal written
            if shown is not None:
                shown.tick()
            if time.monotonic() - written > FACTS_SECONDS:
                written = time.monotonic()
                _write_facts(out, begin)

        try:
            _judge(pool.run(group_cells(left), tick), out, shown, plugins)
        finally:
            if shown is not None:
                shown.close()
        _sort(out / "results.jsonl")
        _write_facts(out, begin, finished=True)
    return out


def _judge(done: Iterator[Done], out: Path, shown: Progress | None, plugins: Sequence[str]) -> None:
    """Write each result as it comes. A lost worker has written no script: write it here, without
    asking the oracles, which may hang as well."""
    with open(out / "results.jsonl", "a", encoding="utf-8") as lines:
        for result, script in done:
            if script is None and result.outcome in FAILURES:
                problem = Problem.of(result.cell)
                script = script_for(result.cell, problem, result, plugins=plugins, oracles=False)
            if script is not None:
                _write_script(out, result.cell.id, script)
            lines.write(result.to_line() + "\n")
            lines.flush()
            if shown is not None:
                shown.add(result.outcome)


def _write_script(out: Path, name: str, text: str) -> None:
    (out / "repro").mkdir(exist_ok=True)
    (out / "repro" / f"{name}.py").write_text(printable(text), encoding="utf-8")


# ---------------------------------------------------------------------- run directories


def repair(path: Path) -> dict[str, Result]:
    """The results in a file by key. An incomplete last line, left by a kill, is removed from it."""
    if not path.is_file():
        return {}
    done: dict[str, Result] = {}
    for line in path.read_bytes().split(b"\n")[:-1]:  # str.splitlines would split at U+2028, too
        result = parse_line(line.decode("utf-8", "replace") + "\n")
        if result is not None:
            done.setdefault(result.cell.key, result)
    _write(path, done)
    return done


def merge(runs: Sequence[Path], out: Path) -> Path:
    """Merge runs of the same cases (shards, or other backends) into one run directory `out`.

    Raises `reports.ReportError` if the runs do not belong together.
    """
    if any(Path(path).resolve() == out.resolve() for path in runs):
        raise RunError(f"{out} is one of the runs; they are merged into a directory of its own")
    whole = reports.load_run(*runs)
    out.mkdir(parents=True, exist_ok=True)
    _clear(out)
    _write(out / "results.jsonl", {result.cell.key: result for result in whole.results})
    for name, text in whole.scripts.items():
        _write_script(out, name, text)
    _replace(out / "run.json", json.dumps(whole.facts, indent=2) + "\n")
    return out


def _sort(path: Path) -> None:
    """Sort a file of results by key, so that it does not depend on which worker was faster."""
    done = repair(path)
    _write(path, {key: done[key] for key in sorted(done)})


def _write(path: Path, results: dict[str, Result]) -> None:
    _replace(path, "".join(result.to_line() + "\n" for result in results.values()))


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def _clear(out: Path) -> None:
    """Remove what an earlier run wrote."""
    for path in [out / "results.jsonl", *(out / "repro").glob("*.py")]:
        path.unlink(missing_ok=True)


# ---------------------------------------------------------------------- run.json


def _before(out: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of the run that `out` holds, {} if none; `RunError` if it is a different run."""
    if not (out / "run.json").exists():
        if (out / "results.jsonl").exists():
            raise RunError(f"{out} has results but no run.json; start anew with --fresh")
        return {}
    before = read_run(out)
    plain = json.loads(json.dumps(facts))
    changed = [name for name in SAME if before.get(name) != plain[name]]
    if changed:
        raise RunError(
            f"{out} holds a run of other {' and '.join(changed)}: choose another --out, or start "
            "anew with --fresh"
        )
    return before


def _begin(
    facts: dict[str, Any],
    before: dict[str, Any],
    count: int,
    timeout: float,
    command: Sequence[str],
) -> dict[str, Any]:
    """What ``run.json`` says when the run begins. A resumed run keeps its first start."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    words = list(command) or [Path(sys.argv[0]).name, *sys.argv[1:]]
    return {
        "format": 1,
        **facts,
        "cells": count,
        "timeout": timeout,
        "command": words,
        "start": before.get("start", now),
        "duration": before.get("duration", 0.0),
        "resumed": before.get("resumed", 0) + 1 if before else 0,
        "_clock": time.monotonic(),
    }


def _write_facts(out: Path, facts: dict[str, Any], finished: bool = False) -> None:
    facts = dict(facts)
    facts["duration"] = round(facts["duration"] + time.monotonic() - facts.pop("_clock"), 1)
    facts["finished"] = finished
    _replace(out / "run.json", json.dumps(facts, indent=2) + "\n")


@contextmanager
def _only_writer(out: Path) -> Iterator[None]:
    """Lock the directory. The lock ends with this process, even if it is killed."""
    with open(out / ".lock", "w") as lock:
        with suppress(ImportError):
            import fcntl

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunError(f"another process is writing to {out}") from None
        yield
    (out / ".lock").unlink(missing_ok=True)
