"""Scripts of at most ten lines that show what another system answers, with that library alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cells import Cell
from .literals import comment, literal, write_down
from .native import NativeSubject
from .oracles.answers import quiet
from .problem import Problem
from .results import Result, printable
from .systems import System, Unmapped, find_system

__all__ = ["native_script"]

#: How far apart numbers are that a script calls different, relative to their size.
APART = {"wrong": {"float64": 1e-11, "float32": 1e-4}, "": {"float64": 1e-13, "float32": 1e-6}}


def native_script(cell: Cell, problem: Problem, result: Result | None, expected: Any) -> str:
    """The script. It exits with 1 if the system's numbers differ from `expected`, arrays of an
    oracle; None if there is none, and then it prints what it got.

    Where the suite's own tables compose the operation of several functions, the script takes it
    from there, and needs the suite.
    """
    system, quantity = find_system(cell.backend), cell.quantity
    outcome = "" if result is None else f"{result.outcome}: "
    by = [] if result is None else [o.name for o in result.oracles if o.verdict != "agrees"]
    said = f" (against {', '.join(by)})" if by else ""
    make = lambda x: system.making.format(numbers(x, cell.dtype))
    where = {place: f"x{k}" for k, place in enumerate(problem.places)}

    def argument(x: Any, place: tuple[int, int | None]) -> str:
        if place in where:
            return where[place]
        if isinstance(x, np.ndarray):
            return make(x)
        if isinstance(x, (list, tuple)) and any(isinstance(i, np.ndarray) for i in x):
            items = ", ".join(argument(i, (place[0], j)) for j, i in enumerate(x))
            return f"[{items}]" if isinstance(x, list) else f"({items},)"
        return literal(x)

    given = [argument(x, (i, None)) for i, x in enumerate(problem.args)]
    given += [f"{k}={literal(v)}" for k, v in problem.kwargs.items()]
    names = ", ".join(where.values())
    lines = [comment(f"{outcome}{cell.key}{said}")]
    begin = [system.prelude, "import sys, numpy as np", *system.setup.splitlines()]
    lines.append("; ".join(line for line in begin if line))
    try:
        text, outputs = function(system, cell, problem, given, names)
    except Unmapped as error:
        raise ValueError(f"{cell.key}: {error}") from None
    lines += [*text, f"x = [{', '.join(make(x) for x in problem.inputs)}]"]
    if quantity != "value":
        cs = [make(problem.cotangent(k, shape, dtype)) for k, shape, dtype in outputs]
        if quantity != "tangent" or "len(c)" in system.asking.get("tangent", ""):
            lines.append(f"c = [{', '.join(cs)}]")
    if quantity in ("tangent", "second"):
        lines.append(f"t = [{', '.join(make(t) for t in problem.tangents())}]")
    lines.append(system.asking[quantity])
    if expected is None:
        lines.append("print(*got)")
    else:
        apart = APART.get(result.outcome if result else "", APART[""])
        double = cell.dtype in ("float64", "complex128")
        size, tiny = (apart["float64"], 0) if double else (apart["float32"], 1e-37)
        want = ", ".join(f"np.array({write_down(a, wrap=False)})" for a in expected)
        lines.append(f"expected = [{want}]")
        same = f"np.allclose({system.reading}, b, {size:g}, {tiny:g}, True)"
        lines.append("print('got', *got, 'expected', *expected); "
                     f"sys.exit(not all({same} for a, b in zip(got, expected)))")  # fmt: skip
    return printable("\n".join(lines)) + "\n"


def numbers(x: np.ndarray, dtype: str) -> str:
    """A NumPy array as an expression."""
    name = str(x.dtype)
    if dtype in ("float16", "bfloat16") and x.dtype.kind == "f":
        name = "float16" if dtype == "float16" else "float32"
    if x.size > 40 or 0 in x.shape:
        return write_down(x, wrap=False)
    return f"np.array({write_down(x, wrap=False)}, {name!r})"


def function(
    system: System, cell: Cell, problem: Problem, given: list[str], names: str
) -> tuple[list[str], list[tuple[int, tuple[int, ...], str]]]:
    """The lines that define `f`, and number, shape and dtype of the outputs that it has."""
    with quiet(), system.settings():
        subject = NativeSubject(cell, problem, system)
        answer = subject.values()
    if answer.error is not None:
        raise Unmapped(answer.error.summary)
    outputs, row = subject._cotangents, problem.operation
    text = "" if row.gauge is not None and not subject.plain else system.written(row)
    if not text:
        key = cell.key
        lines = ["from pluggrad_conformance.native import NativeSubject, Cell, Problem",
                 f"subject = NativeSubject(Cell.parse({key!r}), Problem.of(Cell.parse({key!r})))",
                 "subject.values(); f = subject.f"]  # fmt: skip
        return lines, outputs
    called = f"({text})" if text.startswith("lambda") else text
    made = f"{called}({', '.join(given)})"
    several = len(answer.arrays) > 1 or subject.listed
    if not several:
        body = f"[{made}]"
    elif len(subject.kept) == len(answer.arrays):
        body = f"list({made})"
    else:
        body = f"[y[k] for y in [{made}] for k in {subject.kept}]"
    return [f"f = lambda {names}: {body}"], outputs
