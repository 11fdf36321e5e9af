"""Measure: every system in processes of its own; then the arbiter, and the rows of figures."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
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
from .worker import MIN_SECONDS, VALUES, Job

__all__ = ["Settings", "compare_function", "compare_sizes", "compared_backends", "tolerance_of"]

WORKER = "pluggrad_conformance.functions.worker"


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
    timeout: float = 900.0  # seconds that a system may take
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
    progress: Callable[[str], None] = lambda text: None,
) -> Report:
    """Compare ``module:function`` at each of `sizes`, and tell what was run on what."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    found = [
        compare_function(function, settings, inputs=inputs, by=by, size=size, progress=progress)
        for size in sizes
    ]
    facts: dict[str, Any] = {
        "command": list(command), "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": settings.seed, "commit": git(), "machine": hardware(),
        "load": {"before": load, "after": os.getloadavg() if load else ()},
        "versions": versions([b for b in settings.backends if b != "cupy"]) | _others(),
        "threads": os.environ.get("OMP_NUM_THREADS", worker_environment()["OMP_NUM_THREADS"]),
        "processes": settings.processes, "tolerance": tolerance_of(settings),
    }  # fmt: skip
    return Report([facts], found)


def compare_function(
    function: str,
    settings: Settings,
    *,
    inputs: str | None = None,
    by: Sequence[int] | None = None,
    size: int | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Comparison:
    """Differentiate ``module:function`` by every contender, and measure.

    Each contender computes in a process of its own, so that none changes the settings of another.
    Raises `ValueError` if no contender can compute the gradient.
    """
    f = load_function(function)
    args = [cast(x, settings.dtype) for x in load_inputs(inputs, f, settings.seed, size)]
    places = places_of(args, by)
    wide = [cast(x, "float64") for x in args]
    rows, answers, doubles = [], {}, {}
    with tempfile.TemporaryDirectory(prefix="pluggrad-compare-") as folder:
        jobs: dict[str, tuple[Path, dict[str, Any]]] = {}
        taking_part = _chosen(settings)
        for number, contender in enumerate(taking_part):
            at = f" at {size}" if size is not None else ""
            progress(f"{contender.name}{at}: value and gradient")
            row = Figures(contender.name, contender.backend, contender.compiled)
            rows.append(row)
            job = _job(Path(folder), number, function, settings, contender, inputs, places, size)
            probed = _probe(job, settings)
            if "problem" in probed:
                row.note = probed["problem"]
                continue
            jobs[row.name] = (Path(folder) / f"{number}.json", probed)
            answers[row.name] = _load(job["arrays"])
            doubles[row.name] = _load(job.get("wide_arrays") or job["arrays"])
            row.first_calls.append(probed["first_call"])
        if not answers:
            problems = "; ".join(f"{row.name}: {row.note}" for row in rows)
            raise ValueError(f"no system could compute the gradient. {problems}")
        narrow = {c.name: c.narrow[settings.dtype] for c in taking_part
                  if settings.dtype in c.narrow}  # fmt: skip
        by_whom = _judge(f, wide, places, rows, answers, doubles, narrow, settings)
        for row in rows:
            if row.name in jobs and settings.processes:
                progress(f"{row.name}: time and memory, {settings.processes} processes")
                path, probed = jobs[row.name]
                _measure(path, probed, row, settings)
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


def _run(words: Sequence[str], timeout: float) -> str:
    """Run the worker; what it said last if it failed, else ""."""
    command = [sys.executable, "-m", WORKER, *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=worker_environment()
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {timeout:g} s"
    if done.returncode == 0:
        return ""
    said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return said[-1][:300]


def _probe(job: Job, settings: Settings) -> dict[str, Any]:
    path = str(Path(job["arrays"]).with_suffix(".json"))
    problem = _run(["--job", path, "--probe"], settings.timeout)
    if problem:
        return {"problem": problem}
    found: dict[str, Any] = json.loads(Path(job["answer"]).read_text(encoding="utf-8"))
    return found


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
        row.verdict, row.note = ruling.judge(got, tolerance)
        if row.verdict == "differs" and row.name in narrow:
            held = narrow[row.name]
            if ruling.judge(got, float(np.sqrt(np.finfo(held).eps)))[0] != "differs":
                row.verdict = "narrow"
                row.note = f"as exact as {held}, in which the library computes; {row.note}"
        errors = [error_in_eps(a, o, settings.dtype) for a, o in zip(got, ruling.arrays)]
        row.value_error, row.gradient_errors = errors[0], errors[1:]
    return ruling.by


def _measure(path: Path, probed: dict[str, Any], row: Figures, settings: Settings) -> None:
    """Have pyperf time a contender in several processes."""
    import pyperf

    loops = max(1, math.ceil(MIN_SECONDS / max(probed["time"], 1e-9)))
    out = path.with_suffix(".pyperf.json")
    out.unlink(missing_ok=True)
    words = ["--job", str(path), "-o", str(out), "--quiet", "--copy-env", "--warmups", "1",
             "--processes", str(settings.processes), "--values", str(VALUES),
             "--loops", str(loops)]  # fmt: skip
    problem = _run(words, settings.timeout)
    if problem:
        row.note = row.note or f"not timed: {problem}"
        return
    row.first_calls = []
    for run in pyperf.Benchmark.load(str(out)).get_runs():
        facts = run.get_metadata()
        row.times.append([float(t) for t in run.values])
        row.first_calls.append(float(facts["first_call"]))
        row.value_times.append(float(facts["value_time"]))
        row.peaks.append(int(facts["peak"]))


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
