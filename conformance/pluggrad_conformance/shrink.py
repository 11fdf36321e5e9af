"""Shrinking: a smaller input at which a cell still fails in the same way.

Rows, columns and entries are dropped first, along all axes of one length together, so that shapes
still fit each other; then numbers become simpler. Numbers stay inside the interval that the table
gives, and stay distinct and non-zero where ties and zeros are corners of their own: a failure must
not turn into another one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .cells import Cell
from .operations import Array
from .problem import Problem, round_to
from .results import Result

__all__ = ["as_minimal", "shrink_failure", "signature"]

SECONDS = 2.0
TRIES = 150
#: Operations that do not look at values: zeros and equal numbers change nothing.
LINEAR = ("movement", "contraction", "fft")
#: An input with more components is not written down.
LARGEST = 200

Arrays = list[np.ndarray[Any, Any]]


def shrink_failure(
    cell: Cell,
    problem: Problem,
    result: Result,
    judge: Callable[[Cell, Problem], Result],
    seconds: float = SECONDS,
    tries: int = TRIES,
) -> Problem | None:
    """A smaller or simpler problem on which `judge` finds the same as in `result`; None if there
    is none. It stops after so many seconds and tries."""
    if cell.operation.startswith("program") or not problem.inputs:
        return None
    want, deadline = signature(result), time.monotonic() + seconds
    best, left = problem, [tries]

    def fails(inputs: Arrays) -> bool:
        nonlocal best
        left[0] -= 1
        try:
            candidate = problem.with_inputs(inputs)
            if signature(judge(cell, candidate)) != want:
                return False
        except Exception:
            return False
        best = candidate
        return True

    for steps in (_smaller, _simpler):
        found = True
        while found:
            found = False
            for inputs in steps(best):
                if time.monotonic() > deadline or left[0] <= 0:
                    return None if best is problem else best
                if fails(inputs):
                    found = True
                    break
    return None if best is problem else best


def signature(result: Result) -> tuple[str, str]:
    """How a cell fails, to recognise the failure at another input: the outcome, with the message of
    an exception (without its numbers) or the names of the properties that do not hold."""
    if result.outcome == "error":
        lines = result.detail.strip().splitlines() or [""]
        return result.outcome, re.sub(r"[\d.,()x]+", "#", lines[0])[:80]
    if result.outcome == "wrong-structure":
        return result.outcome, ",".join(p.name for p in result.properties if not p.held)
    return result.outcome, ""


def as_minimal(problem: Problem) -> dict[str, Any]:
    """The shrunk input as a result keeps it: number of components, shapes, and values if few."""
    inputs = [np.asarray(x) for x in problem.inputs]
    size = sum(x.size for x in inputs)
    values = [_plain(x) for x in inputs] if size <= LARGEST else None
    return {"size": size, "shapes": [list(x.shape) for x in inputs], "inputs": values}


def _plain(x: np.ndarray[Any, Any]) -> Any:
    if x.dtype.kind == "c":
        return np.vectorize(str, otypes=[object])(x.astype(np.complex128)).tolist()
    return x.astype(np.float64).tolist() if x.dtype.kind == "f" else x.tolist()


# ---------------------------------------------------------------------- smaller


def _smaller(problem: Problem) -> Iterator[Arrays]:
    """Inputs with fewer components, the fewest first."""
    inputs = problem.inputs
    lengths = sorted({n for x in inputs for n in x.shape if n > 1}, reverse=True)
    for n in lengths:
        for keep in _kept(n):
            yield [_take(x, n, keep) for x in inputs]
    for k, x in enumerate(inputs):  # shapes that need not fit each other
        for axis, n in enumerate(x.shape):
            if n > 1 and (len(inputs) > 1 or x.shape.count(n) > 1):
                for keep in _kept(n):
                    changed = np.take(x, keep, axis=axis)
                    yield [*inputs[:k], changed, *inputs[k + 1 :]]


def _kept(n: int) -> Iterator[list[int]]:
    """Which indices of an axis of length n are tried: one of them, half of them, all but one."""
    if n <= 4:
        yield from ([i] for i in range(n))
    half = n // 2
    if half > 1:
        yield list(range(half))
        yield list(range(half, n))
    elif n > 4:
        yield from ([i] for i in range(n))
    if 2 < n <= 16:
        yield from ([j for j in range(n) if j != i] for i in range(n))


def _take(x: np.ndarray[Any, Any], n: int, keep: list[int]) -> np.ndarray[Any, Any]:
    """`x` with the indices `keep` alone, along every axis of length n."""
    for axis, length in enumerate(x.shape):
        if length == n:
            x = np.take(x, keep, axis=axis)
    return x


# ---------------------------------------------------------------------- simpler


def _simpler(problem: Problem) -> Iterator[Arrays]:
    """Inputs of the same shapes with simpler numbers: whole arrays first, then components."""
    inputs = problem.inputs
    specs = [_spec(problem, k) for k in range(len(inputs))]
    free = problem.operation.kind in LINEAR
    for k, spec in enumerate(specs):
        if spec is None:
            continue
        for change in _changes(free):
            yield from _tried(problem, k, spec, free, change(inputs[k]))
    if sum(x.size for x in inputs) > 16:
        return
    for k, spec in enumerate(specs):
        if spec is None:
            continue
        for i in np.ndindex(inputs[k].shape):
            for change in _changes(free):
                x = inputs[k].copy()
                x[i] = change(x[i])
                yield from _tried(problem, k, spec, free, x)


def _changes(free: bool) -> list[Callable[[Any], Any]]:
    halves = lambda x: np.round(x * 2) / 2
    plain: list[Callable[[Any], Any]] = [np.round, halves, lambda x: np.round(x, 1)]
    return [np.zeros_like, np.ones_like, *plain] if free else [np.ones_like, *plain]


def _tried(
    problem: Problem, k: int, spec: Array, free: bool, x: np.ndarray[Any, Any]
) -> Iterator[Arrays]:
    """The inputs with `x` as the k-th, if it is simpler and within what the table allows."""
    old = problem.inputs[k]
    x = np.asarray(round_to(x, problem.dtype), old.dtype).reshape(old.shape)
    if _cost(x) >= _cost(old):
        return
    for part in (x.real, x.imag) if x.dtype.kind == "c" else (x,):
        if not np.all((part >= spec.low) & (part <= spec.high)):
            return
    if not free and (np.any(x == 0) or len(np.unique(np.abs(x))) < len(np.unique(np.abs(old)))):
        return
    yield [*problem.inputs[:k], x, *problem.inputs[k + 1 :]]


def _cost(x: np.ndarray[Any, Any]) -> int:
    """How long the numbers are when they are written down."""
    parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
    numbers = [float(v) for part in parts for v in part.ravel()]
    return sum(len(f"{v:g}") if v == float(f"{v:g}") else 20 for v in numbers)


def _spec(problem: Problem, k: int) -> Array | None:
    """The table's `Array` of the k-th input; None if its numbers are given or structured."""
    i, j = problem.places[k]
    spec = problem.case.args[i] if j is None else problem.case.args[i][j]
    if not isinstance(spec, Array) or spec.values is not None or spec.structure:
        return None
    return spec
