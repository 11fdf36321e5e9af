"""Measure: every system in processes of its own; then the arbiter, and the rows of figures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..facts import git, hardware, versions
from ..pool import worker_environment
from .arbiter import Answers, arbitrate, error_in_eps
from .contenders import BACKENDS, Contender, contenders
from .inputs import cast, describe_arguments, load_function, load_inputs, places_of
from .records import Comparison, Figures, Report
from .worker import VALUES, Job

__all__ = ["Settings", "compare_function", "compare_sizes", "compared_backends", "tolerance_of"]

WORKER = "pluggrad_conformance.functions.worker"

TOOK_LONGER = "took longer than"

#: Told what is being done, and which part of the whole was done before.
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Settings:
    """How to compare. `processes` measure the time of each system; 0 checks the answers only."""

    backends: Sequence[str]
    dtype: str = "float64"
    native: bool = True
    compiled: bool = True
    processes: int = 5
    seed: int = 0
    tolerance: float | None = None  # relative; the square root of eps if None
    timeout: float = 900.0  # seconds that a system may take at each size
    systems: Sequence[str] = ()  # parts of names; all if empty


def compared_backends() -> list[str]:
    """The installed ones of `BACKENDS`."""
    import pluggrad as pg

    return [name for name in BACKENDS if pg.backends().get(name, {}).get("installed")]


def tolerance_of(settings: Settings) -> float:
    """How far answers may differ, relative to the largest number of an array."""
    if settings.tolerance is not None:
        return settings.tolerance
    return float(np.sqrt(np.finfo(settings.dtype).eps))


def compare_sizes(
    function: str,
    settings: Settings,
    *,
    inputs: str | None = None,
    by: Sequence[int] | None = None,
    sizes: Sequence[int | None] = (None,),
    command: Sequence[str] = (),
    progress: Progress = lambda text, part: None,
    compiled: Path | None = None,
) -> Report:
    """Compare ``module:function`` at each of `sizes`, and tell what was run on what."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    found: list[Comparison] = []
    with tempfile.TemporaryDirectory(prefix="pluggrad-compiled-") as folder:
        for k, size in enumerate(sizes):

            def inner(text: str, part: float, before: int = k) -> None:
                progress(text, (before + part) / len(sizes))

            found.append(compare_function(
                function, settings, inputs=inputs, by=by, size=size, progress=inner,
                without=_too_slow(found), compiled=compiled or Path(folder),
            ))  # fmt: skip
    facts: dict[str, Any] = {
        "command": list(command), "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": settings.seed, "commit": git(), "machine": hardware(),
        "load": {"before": load, "after": os.getloadavg() if load else ()},
        "versions": versions([b for b in settings.backends if b != "cupy"]) | _others(),
        "threads": os.environ.get("OMP_NUM_THREADS", worker_environment()["OMP_NUM_THREADS"]),
        "processes": settings.processes, "tolerance": tolerance_of(settings),
    }  # fmt: skip
    return Report([facts], found)


def _too_slow(found: list[Comparison]) -> dict[str, str]:
    """The systems that did not end at a smaller size, and what was said of them there."""
    notes: dict[str, str] = {}
    for comparison in found:
        for row in comparison.rows:
            if row.verdict == "timeout":
                notes.setdefault(row.name, f"{row.note} at size {comparison.size}: not tried")
    return notes


def compare_function(
    function: str,
    settings: Settings,
    *,
    inputs: str | None = None,
    by: Sequence[int] | None = None,
    size: int | None = None,
    progress: Progress = lambda text, part: None,
    without: Mapping[str, str] | None = None,
    compiled: Path | None = None,
) -> Comparison:
    """Differentiate ``module:function`` by every contender, and measure.

    Each contender computes in processes of its own, so that none changes the settings of another.
    `without` names those that are not tried, and why; compilers keep their files in `compiled`, a
    folder that is empty at first. Raises `ValueError` if no contender can compute the gradient.
    """
    f = load_function(function)
    args = [cast(x, settings.dtype) for x in load_inputs(inputs, f, settings.seed, size)]
    places = places_of(args, by)
    wide = [cast(x, "float64") for x in args]
    rows, answers, doubles = [], {}, {}
    with tempfile.TemporaryDirectory(prefix="pluggrad-compare-") as folder:
        taking_part = _chosen(settings)
        for number, contender in enumerate(taking_part):
            at = f" at {size}" if size is not None else ""
            progress(f"{contender.name}{at}", number / len(taking_part))
            row = Figures(contender.name, contender.backend, contender.compiled)
            rows.append(row)
            if contender.name in (without or {}):
                row.verdict, row.note = "timeout", (without or {})[contender.name]
                continue
            job = _job(Path(folder), number, function, settings, contender, inputs, places, size)
            kept = (compiled or Path(folder)) / f"compiled-{number}"
            kept.mkdir(exist_ok=True)
            _measure(job, contender, row, settings, kept)
            if Path(job["answer"]).exists():
                answers[row.name] = _load(job["arrays"])
                doubles[row.name] = _load(job.get("wide_arrays") or job["arrays"])
        if not answers:
            problems = "; ".join(f"{row.name}: {row.note}" for row in rows)
            raise ValueError(f"no system could compute the gradient. {problems}")
        narrow = {c.name: c.narrow[settings.dtype] for c in taking_part
                  if settings.dtype in c.narrow}  # fmt: skip
        by_whom = _judge(f, wide, places, rows, answers, doubles, narrow, settings)
    gradients = {name: got[1:] for name, got in answers.items()}
    described = describe_arguments(args)
    return Comparison(function, settings.dtype, places, described, by_whom, rows, size, gradients)


def _chosen(settings: Settings) -> list[Contender]:
    found = contenders(settings.backends, settings.native, settings.compiled)
    if settings.systems:
        found = [
            c for c in found if any(part.lower() in c.name.lower() for part in settings.systems)
        ]
    if not found:
        raise ValueError(f"no system is called like {', '.join(settings.systems)}")
    return found


def _job(
    folder: Path, number: int, function: str, settings: Settings, contender: Contender,
    inputs: str | None, places: list[int], size: int | None,
) -> Job:  # fmt: skip
    job: Job = {
        "function": function, "inputs": inputs, "seed": settings.seed, "size": size, "by": places,
        "dtype": settings.dtype, "contender": contender.name, "backend": contender.backend,
        "native": contender.native, "answer": str(folder / f"{number}.answer.json"),
        "arrays": str(folder / f"{number}.npz"),
    }  # fmt: skip
    if settings.dtype != "float64":
        job["wide_arrays"] = str(folder / f"{number}.wide.npz")
    (folder / f"{number}.json").write_text(json.dumps(job), encoding="utf-8")
    return job


def _load(path: str) -> list[np.ndarray]:
    with np.load(path) as file:
        return [np.asarray(file[name]) for name in file.files]


def _run(words: Sequence[str], timeout: float, folder: Path) -> str:
    """Run the worker, whose temporary files and compilers' caches are in `folder`; what it said last
    if it failed, else ""."""
    command = [sys.executable, "-m", WORKER, *words]
    environment = worker_environment()
    environment |= {"TMPDIR": str(folder), "TORCHINDUCTOR_CACHE_DIR": str(folder)}
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
        start_new_session=True,
    )  # fmt: skip
    try:
        _, said = process.communicate(timeout=timeout)
    except BaseException as error:  # Ctrl-C ends the worker, too, with the compilers it has started
        _end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            return TOOK_LONGER
        raise
    if process.returncode == 0:
        return ""
    lines = said.strip().splitlines() or [f"exit status {process.returncode}"]
    return lines[-1][:300]


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.communicate()


def _measure(
    job: Job, contender: Contender, row: Figures, settings: Settings, kept: Path
) -> None:
    """Run a contender in one process after the other, the first of which gives the answers, and put
    the times into the row. No process is begun that would take longer than is left of the time.
    """
    import pyperf

    path = Path(job["arrays"]).with_suffix(".json")
    begin, longest, problem = time.monotonic(), 0.0, ""
    for number in range(max(1, settings.processes)):
        started = time.monotonic()
        left = settings.timeout - (started - begin)
        if longest > left:
            problem = TOOK_LONGER
            break
        out = path.with_suffix(f".{number}.pyperf.json")
        words = ["--job", str(path), *(["--answer"] if number == 0 else [])]
        if settings.processes:
            words += ["--worker", "--quiet", "--loops", "1", "--warmups", "0", "--values",
                      str(VALUES), "--output", str(out)]  # fmt: skip
        problem = _run(words, left, kept)
        if problem:
            break
        longest = max(longest, time.monotonic() - started)
        if settings.processes:
            _note_times(row, pyperf.Benchmark.load(str(out)))
    slow = problem == TOOK_LONGER
    problem = f"{problem} {settings.timeout:g} s" if slow else problem
    answer = Path(job["answer"])
    if not answer.exists():
        row.verdict, row.note = "timeout" if slow else "failed", problem
        return
    first: float = json.loads(answer.read_text(encoding="utf-8"))["first_call"]
    if contender.keeps or not row.first_calls:  # later processes find what the first one compiled
        row.first_calls = [first]
    if problem and row.times:
        row.note = f"timed in {len(row.times)} of {settings.processes} processes: {problem}"
    elif problem:
        row.note = f"not timed: {problem}"


def _note_times(row: Figures, benchmark: Any) -> None:
    for run in benchmark.get_runs():
        facts = run.get_metadata()
        row.times.append([float(t) for t in run.values])
        row.first_calls.append(float(facts["first_call"]))
        row.value_times.append(float(facts["value_time"]))
        row.peaks.append(int(facts["peak"]))


def _judge(
    f: Callable[..., Any], wide: list[Any], places: list[int], rows: list[Figures],
    answers: Answers, doubles: Answers, narrow: dict[str, str], settings: Settings,
) -> str:  # fmt: skip
    """Put errors and verdicts into the rows; who the arbiter is.

    Systems that compute in a narrower dtype than they say, `narrow`, have no voice beside others,
    and are held to what that dtype can hold.
    """
    tolerance = tolerance_of(settings)
    voices = {name: got for name, got in doubles.items() if name not in narrow} or doubles
    ruling = arbitrate(f, wide, places, voices, float(np.sqrt(np.finfo(float).eps)))
    for row in rows:
        got = answers.get(row.name)
        if got is None:
            continue
        row.value = float(np.real(got[0]))
        row.verdict, said = ruling.judge(got, tolerance)
        row.note = "; ".join(filter(None, [said, row.note]))
        if row.verdict == "differs" and row.name in narrow:
            held = narrow[row.name]
            if ruling.judge(got, float(np.sqrt(np.finfo(held).eps)))[0] != "differs":
                row.verdict = "narrow"
                row.note = f"as exact as {held}, in which the library computes; {row.note}"
        errors = [error_in_eps(a, o, settings.dtype) for a, o in zip(got, ruling.arrays)]
        row.value_error, row.gradient_errors = errors[0], errors[1:]
    return ruling.by


def _others() -> dict[str, str]:
    """The versions of systems beyond those of the suite."""
    from importlib import metadata

    found = {}
    for name in ("autograd", "mygrad", "tensorflow", "tensorflow-cpu", "mlx", "numba", "pyperf"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
