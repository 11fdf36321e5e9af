"""Runs that nobody ran, for the tests of the reports: every outcome, every axis, hostile names."""

from __future__ import annotations

import hashlib
import json

from pluggrad_conformance.cells import Cell
from pluggrad_conformance.results import BAD, OUTCOMES, OracleVerdict, Property, Result

HOSTILE = "<img src=x onerror=alert(1)>&\"'`</script> 50_%$#{}~^\\ {{ 7*7 }} ünïcode"

FACTS = {
    "format": 1,
    "seed": 1,
    "cases": "ab" * 32,
    "versions": {"python": "3.11.2", "pluggrad": "0.1.0", "numpy": "2.4.6", "torch": "2.13.0"},
    "hardware": {"machine": "x86_64", "processor": "Some CPU", "cores": 2, "memory_gb": 24.0},
    "os": "Linux",
    "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": False},
    "selection": {"backends": ["numpy", "torch"], "operations": ["*"], "shard": [1, 1]},
    "cells": 0,
    "timeout": 60.0,
    "command": ["pluggrad", "conformance", "run", "--out", "<run>"],
    "start": "2026-01-02T03:04:05+00:00",
    "duration": 12.5,
    "resumed": 0,
    "finished": True,
}

#: Error in eps that goes with an outcome.
ERRORS = {"numerically-off": 900.0, "wrong": 4e12, "nonfinite-mismatch": float("inf"),
          "oracle-conflict": 2e6, "wrong-structure": float("nan")}  # fmt: skip


def result(cell, outcome="pass", error=None, detail=None):
    """A result with everything in it."""
    draw = int(hashlib.sha256(cell.key.encode()).hexdigest()[:6], 16) / 16**6
    if error is None:
        error = ERRORS.get(outcome, 0.0 if draw < 0.2 else round(10 ** (3 * draw - 1.5), 3))
    if outcome in ("oracle-missing", "error", "timeout") or outcome.startswith("unsupported"):
        error = None
    verdict = {"pass": "agrees", "numerically-off": "off", "nonfinite-mismatch": "nonfinite"}
    oracles = [] if error is None else [
        OracleVerdict("torch", verdict.get(outcome, "wrong"), error, error / 64, ""),
        OracleVerdict("jax", verdict.get(outcome, "wrong"), error * 1.01, error / 64, "argmax <2>"),
        OracleVerdict("richardson", "none", note="no step was small enough"),
    ]  # fmt: skip
    if detail is None:
        detail = (
            "" if outcome == "pass" else f"{outcome}: component (1, 2) is 3.0 and should be 1.5"
        )
    return Result(
        cell, outcome, detail, "second" if cell.order == 2 else "gradient", error,
        None if error is None else error / 64, oracles,
        [Property("dtype", True), Property("linearity", outcome != "wrong-structure",
                                           "" if outcome == "pass" else "off by 3e-2")],
        0.001 + draw / 100,
        {"inputs": [[[1.0, 2.0]]], "size": 2} if outcome in BAD else None,
    )  # fmt: skip


def every_outcome():
    """A small run: one operation for each outcome, and a hostile one."""
    results = []
    of_others = ("other-convention", "unmapped")  # last: tests look for "wrong" at linalg.det
    for number, outcome in enumerate(sorted(OUTCOMES, key=of_others.__contains__)):
        name = ["sin", "sum", "matmul", "linalg.det", "fft.fft", "my_op"][number % 6]
        axes = [{}, {"order": 2}, {"mode": "forward"}, {"case": "zeros"}, {"shape": "0-d"},
                {"form": "operator"}, {"args": "1"}][number % 7]  # fmt: skip
        results.append(result(Cell(name, "numpy", "float64", **axes), outcome))
    results += [result(Cell(name, backend, dtype)) for name in ("sin", "sum", "matmul")
                for backend in ("numpy", "torch") for dtype in ("float32", "complex64")]  # fmt: skip
    hostile = HOSTILE.replace("|", "")
    results.append(result(Cell(hostile, "torch", "float32"), "wrong", detail=HOSTILE))
    return results


def many(operations, backends, each, seed=0):
    """A large run, nearly all pass."""
    axes = [
        dict(dtype=dtype, **more)
        for dtype in ("float32", "float64", "complex64", "complex128", "bfloat16", "float16")
        for more in ({}, {"order": 2}, {"mode": "forward"}, {"case": "zeros"}, {"case": "ties"},
                     {"shape": "0-d"}, {"shape": "empty"}, {"order": 0}, {"mode": "vmap"})
    ][:each]  # fmt: skip
    for name in operations:
        for backend in backends:
            for facts in axes:
                cell = Cell(name, backend, **facts)
                digits = hashlib.sha256(f"{cell.key} {seed}".encode()).hexdigest()
                draw = int(digits[:6], 16) % 1000
                outcome = "pass"
                if draw < 10:
                    outcome = "convention"
                elif draw < 30:
                    outcome = "unsupported-by-backend" if backend != "numpy" else "pass"
                elif draw < 34:
                    outcome = list(OUTCOMES)[2 + int(digits[6:8], 16) % 12]
                yield result(cell, outcome)


def write_run(folder, results, **facts):
    """A run directory."""
    folder.mkdir(parents=True, exist_ok=True)
    results = list(results)
    backends = list(dict.fromkeys(r.cell.backend for r in results))
    selection = FACTS["selection"] | {"backends": backends}
    written = FACTS | {"cells": len(results), "selection": selection} | facts
    (folder / "run.json").write_text(json.dumps(written), encoding="utf-8")
    lines = "".join(r.to_line() + "\n" for r in results)
    (folder / "results.jsonl").write_text(lines, encoding="utf-8")
    (folder / "repro").mkdir(exist_ok=True)
    for r in results:
        if r.outcome in BAD:
            script = (
                f'"""{r.cell.key}"""\nimport numpy as np\nimport pluggrad as pg\n\nprint(1 < 2)\n'
            )
            (folder / "repro" / f"{r.cell.id}.py").write_text(script, encoding="utf-8")
    return folder
