"""Measure: values, gradients and their errors, time with its spread, memory with its spread."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..facts import hardware, versions
from .contenders import Contender, as_numpy, contenders
from .inputs import describe_arguments, load_function, load_inputs

__all__ = ["ContenderRow", "FunctionComparison", "compare_contenders", "peak_of"]

#: The first of these that has an answer is the reference for errors.
REFERENCES = ("torch.autograd", "jax.grad", "HIPS autograd")


@dataclass
class ContenderRow:
    """What one contender gave. Times are in seconds, memory in bytes; None if not measured.

    `value_error` and `gradient_errors` are the largest errors in units of eps of the dtype,
    relative to the largest magnitude of the reference.
    """

    name: str
    backend: str
    value: float | None = None
    value_error: float | None = None
    gradient_errors: list[float] | None = None
    times: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    problem: str = ""

    @property
    def time(self) -> float | None:
        """The median time."""
        return statistics.median(self.times) if self.times else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """The quartiles of the times."""
        if not self.times:
            return None
        q = statistics.quantiles(self.times, n=4) if len(self.times) > 1 else self.times * 3
        return q[0], q[2]

    def as_dict(self) -> dict[str, Any]:
        """All fields, and the median and quartiles, for JSON."""
        return {**asdict(self), "time": self.time, "spread": self.spread}


@dataclass
class FunctionComparison:
    """One function, all contenders: the rows, and what was run on what."""

    function: str
    arguments: list[str]
    by: list[int]
    dtype: str
    reference: str
    rows: list[ContenderRow]
    facts: dict[str, Any]
    gradients: dict[str, list[np.ndarray]] = field(default_factory=dict, repr=False)

    def as_json(self) -> str:
        """Everything that was measured."""
        facts = {
            "function": self.function, "arguments": self.arguments, "by": self.by,
            "dtype": self.dtype, "reference": self.reference, "facts": self.facts,
            "rows": [row.as_dict() for row in self.rows],
        }  # fmt: skip
        return json.dumps(facts, indent=2, default=str)


def compare_contenders(
    function: str,
    backends: Sequence[str],
    *,
    inputs: str | None = None,
    by: Sequence[int] | None = None,
    dtype: str = "float64",
    native: bool = True,
    rounds: int = 20,
    memory: int = 3,
    seed: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> FunctionComparison:
    """Differentiate ``module:function`` by every contender, and measure.

    Every contender is timed in every round, so that a slow moment of the machine slows them all.
    The reference for errors is the first of `REFERENCES` that has an answer, in double precision at
    the inputs as rounded to `dtype`; pluggrad on NumPy where there is none.
    """
    f = load_function(function)
    args = load_inputs(inputs, f, seed)
    args = [_cast(x, dtype) for x in args]
    places = [i for i, x in enumerate(args) if _moves(x)] if by is None else list(by)
    if not places or not all(0 <= i < len(args) and _moves(args[i]) for i in places):
        raise ValueError("there is nothing to differentiate by: floating-point arrays are needed")
    wanted = contenders(backends, native)
    rows, steps, found = [], {}, {}
    for contender in wanted:
        progress(f"{contender.name}: value and gradient")
        row = ContenderRow(contender.name, contender.backend)
        rows.append(row)
        try:
            step = contender.make(f, args, places)
            value, gradients = step()
            row.value = float(np.real(as_numpy(value)))
            found[contender.name] = [as_numpy(value), *[as_numpy(g) for g in gradients]]
            steps[contender.name] = step
        except Exception as error:
            row.problem = (
                f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            )
    problems = [f"{row.name}: {row.problem}" for row in rows if row.problem]
    name, reference = _reference(f, args, places, problems)
    for row in rows:
        if row.name in found:
            errors = [_error(a, b, dtype) for a, b in zip(found[row.name], reference, strict=True)]
            row.value_error, row.gradient_errors = errors[0], errors[1:]
    for number in range(rounds):
        progress(f"time: round {number + 1} of {rounds}")
        for row in rows:
            if row.name in steps:
                row.times.append(_time(steps[row.name], row.times))
    for row in rows:
        for number in range(memory if row.name in steps else 0):
            progress(f"{row.name}: memory, {number + 1} of {memory}")
            peak = _peak(function, inputs, row, places, dtype, seed, native)
            if peak is not None:
                row.peaks.append(peak)
    facts = {
        "python": platform.python_version(), "versions": versions(backends),
        "hardware": hardware(), "rounds": rounds,
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
    }  # fmt: skip
    kept = {row.name: found[row.name][1:] for row in rows if row.name in found}
    return FunctionComparison(
        function, describe_arguments(args), places, dtype, name, rows, facts, kept
    )


def _cast(x: Any, dtype: str) -> Any:
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fc":
        return x
    if x.dtype.kind == "c":
        dtype = {"float32": "complex64", "float64": "complex128"}.get(dtype, dtype)
    return x.astype(dtype)


def _moves(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


def _wide(x: Any) -> Any:
    return _cast(x, "float64")


def _reference(
    f: Any, args: list[Any], places: Sequence[int], problems: Sequence[str]
) -> tuple[str, list[np.ndarray]]:
    """Value and gradients by the first framework that has them, in double precision."""
    everyone = {c.name: c for c in contenders(["numpy", "torch", "jax"])}
    for name in (*REFERENCES, "pluggrad on numpy"):
        if name not in everyone:
            continue
        try:
            if name == "jax.grad":
                import jax

                with jax.enable_x64(True):
                    value, gradients = everyone[name].make(f, [_wide(x) for x in args], places)()
            else:
                value, gradients = everyone[name].make(f, [_wide(x) for x in args], places)()
        except Exception:
            continue
        return f"{name}, float64", [as_numpy(value), *[as_numpy(g) for g in gradients]]
    raise ValueError("nobody could compute the gradient. " + "; ".join(problems))


def _error(got: np.ndarray, reference: np.ndarray, dtype: str) -> float:
    """The largest error, in eps of `dtype`, relative to the largest number of the reference."""
    eps = np.finfo(dtype).eps
    if got.shape != reference.shape:
        return float("inf")
    scale = float(np.max(np.abs(reference), initial=0.0)) or 1.0
    same = (got == reference) | (np.isnan(got) & np.isnan(reference))
    with np.errstate(invalid="ignore"):
        off = np.where(same, 0.0, np.abs(got - reference))
    worst = float(np.max(off, initial=0.0))
    return float(worst / (eps * scale)) if np.isfinite(worst) else float("inf")


def _time(step: Callable[[], Any], before: list[float]) -> float:
    """Seconds of one step; of several together where one is too short for the clock."""
    count = max(1, int(2e-3 / before[0])) if before else 1
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


def _peak(
    function: str, inputs: str | None, row: ContenderRow, places: Sequence[int], dtype: str,
    seed: int, native: bool,
) -> int | None:  # fmt: skip
    """The peak memory of a fresh process in bytes, above that of imports and inputs."""
    job = json.dumps([function, inputs, row.name, row.backend, list(places), dtype, seed, native])
    code = f"import sys; from {__name__} import peak_of; peak_of(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, job], capture_output=True, text=True)
    lines = done.stdout.split()
    return int(lines[-1]) if done.returncode == 0 and lines else None


def peak_of(job: str) -> None:
    """Print the peak memory of a job; `_peak` calls this in a process of its own."""
    function, inputs, name, backend, places, dtype, seed, native = json.loads(job)
    f = load_function(function)
    args = [_cast(x, dtype) for x in load_inputs(inputs, f, seed)]
    contender: Contender = next(c for c in contenders([backend], native) if c.name == name)
    small = contender.make(lambda xp, x: xp.sum(x * x), [np.ones(2, args[places[0]].dtype)], [0])
    small()  # loads what the library loads on first use
    step = contender.make(f, args, places)
    _give_back()
    before = _highest(reset=True)
    step()
    print(max(0, _highest() - before))


def _give_back() -> None:
    """Give freed memory back to the system: what the step takes of it would not be seen."""
    gc.collect()
    with suppress(OSError, AttributeError):  # only glibc has the function
        ctypes.CDLL(None).malloc_trim(0)


def _highest(reset: bool = False) -> int:
    """The peak memory of this process in bytes; with `reset`, the peak starts anew where it can."""
    import resource

    with suppress(OSError), open("/proc/self/status") as status:  # on Linux the peak can be reset
        if reset:
            with open("/proc/self/clear_refs", "w") as forget:
                forget.write("5")
        line = next(line for line in status if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
