"""One system in a process of its own: its answers, the time to its first call, memory, and time.

``python -m pluggrad_conformance.functions.worker --job FILE --answer`` computes the answers. With
``--worker`` it also measures, as one of the processes of a benchmark of pyperf, and tells the time
of the value and of the first call as metadata.
"""

from __future__ import annotations

import ctypes
import gc
import json
import math
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from .contenders import Step, as_numpy, find_contender
from .inputs import cast, load_function, load_inputs, places_of

__all__ = ["Job", "main"]

MIN_SECONDS = 0.02  # of a measurement: shorter calls are repeated
SLOW = 0.5  # of a call of the value: it is timed once
VALUES = 3

Job = dict[str, Any]


def main() -> None:
    """Run as a program."""
    import pyperf

    runner = pyperf.Runner()
    runner.argparser.add_argument("--job", required=True)
    runner.argparser.add_argument("--answer", action="store_true")
    given = runner.parse_args()
    job: Job = json.loads(Path(given.job).read_text(encoding="utf-8"))
    try:
        step, first, found = _started(job)
        if given.answer:
            _write_answer(job, first, found)
        if given.worker:
            runner.metadata["first_call"] = first
            runner.metadata["value_time"] = _value_time(step)
            runner.metadata["peak"], seconds = _peak(step)
            given.loops = max(1, math.ceil(MIN_SECONDS / max(seconds, 1e-9)))
            runner.bench_time_func("gradient", _timed(step))
    except Exception as error:
        sys.exit(_problem(error, job))


def _write_answer(job: Job, first: float, found: tuple[Any, list[Any]]) -> None:
    value, gradients = found
    _save(job["arrays"], [as_numpy(value), *[as_numpy(g) for g in gradients]])
    if job["dtype"] != "float64":
        wide = _step(job, "float64").both()
        _save(job["wide_arrays"], [as_numpy(wide[0]), *[as_numpy(g) for g in wide[1]]])
    Path(job["answer"]).write_text(json.dumps({"first_call": first}), encoding="utf-8")


def _problem(error: Exception, job: Job) -> str:
    """What went wrong, and a way out where it is a common mistake."""
    lines = str(error).strip().splitlines() or [""]
    said = f"{type(error).__name__}: {lines[0][:200]}"
    if job["native"]:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if f"{Path('pluggrad')}/" in f.filename.replace("\\", "/")
                and "pluggrad_conformance" not in f.filename]  # fmt: skip
        if ours or "pluggrad" in said:
            said += (
                "; the function calls pluggrad's own functions, which only Variables have: take "
                "`xp` first, as in `def f(xp, x): return xp.sum(x)`, and it runs on every system"
            )
    return said


def _save(path: str, arrays: list[np.ndarray]) -> None:
    np.savez(path, *arrays)


def _step(job: Job, dtype: str = "") -> Step:
    function = load_function(job["function"])
    args = [cast(x, job["dtype"]) for x in
            load_inputs(job["inputs"], function, job["seed"], job["size"])]  # fmt: skip
    args = [cast(x, dtype or job["dtype"]) for x in args]
    contender = find_contender(job["contender"], job["backend"])
    return contender.make(function, args, places_of(args, job["by"]))


def _started(job: Job) -> tuple[Step, float, tuple[Any, list[Any]]]:
    """The step, how long its first call took, tracing and compiling included, and what it gave."""
    step = _step(job)
    start = time.perf_counter()
    found = step.both()
    return step, time.perf_counter() - start, found


def _timed(step: Step) -> Callable[[int], float]:
    def seconds(loops: int) -> float:
        both = step.both
        start = time.perf_counter()
        for _ in range(loops):
            both()
        return time.perf_counter() - start

    return seconds


def _value_time(step: Step) -> float:
    """The median time of the value alone."""
    step.value()
    start = time.perf_counter()
    step.value()
    once = time.perf_counter() - start
    if once > SLOW:
        return once
    loops = max(1, int(MIN_SECONDS / max(once, 1e-9)))
    found = []
    for _ in range(VALUES):
        start = time.perf_counter()
        for _ in range(loops):
            step.value()
        found.append((time.perf_counter() - start) / loops)
    return median(found)


# ---------------------------------------------------------------- memory


def _peak(step: Step) -> tuple[int, float]:
    """By how many bytes a call raises the memory of this process, at its highest; and its time."""
    _give_back()
    before = _highest(reset=True)
    start = time.perf_counter()
    step.both()
    took = time.perf_counter() - start
    return max(0, _highest() - before), took


def _give_back() -> None:
    """Give freed memory back to the system: what the call takes of it would not be seen."""
    gc.collect()
    with suppress(OSError, AttributeError):  # only glibc has the function
        ctypes.CDLL(None).malloc_trim(0)


def _highest(reset: bool = False) -> int:
    """The peak memory of this process; with `reset`, the peak starts anew where it can."""
    import resource

    with suppress(OSError), open("/proc/self/status") as status:  # on Linux the peak can be reset
        if reset:
            with open("/proc/self/clear_refs", "w") as forget:
                forget.write("5")
        line = next(line for line in status if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
