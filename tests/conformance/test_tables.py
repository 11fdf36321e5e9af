"""The tables have a row for all that has a derivative, and every row can be computed, by pluggrad
on NumPy and as the oracles spell it: with the same values."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.primitive import PRIMITIVES

pytest.importorskip("pluggrad_conformance")

from pluggrad_conformance import tables
from pluggrad_conformance.cells import COMPLEX, REAL, Cell, cells_of
from pluggrad_conformance.operations import Operation, load
from pluggrad_conformance.oracles import consult, silence
from pluggrad_conformance.problem import Problem
from pluggrad_conformance.subject import answer, probe
from pluggrad_conformance.tolerance import compare

ROWS = load()


def cases(row: Operation, *, double: bool = False) -> Iterator[Cell]:
    """A cell of order 0 for each case, in each dtype that it is for."""
    for case in row.cases:
        for dtype in (*REAL, *COMPLEX):
            domain = "complex" if dtype in COMPLEX else "real"
            if domain not in row.domains or case.domain not in ("", domain):
                continue
            if case.dtypes and dtype not in case.dtypes:
                continue
            if double and dtype in ("float32", "complex64"):
                continue
            place = {"shape" if case.axis == "shape" else "case": case.name}
            place = {} if case is row.typical else place
            yield Cell(row.name, "numpy", dtype, order=0, **place)  # type: ignore[arg-type]


def test_every_differentiable_function_has_a_row() -> None:
    composites = sys.modules["pluggrad.namespace"].COMPOSITES
    book = {n for n, p in PRIMITIVES.items() if not p.private and p.kind != "constant"}
    assert sorted((book | set(composites)) - set(ROWS)) == []
    known = book | set(composites) | {"getitem", "setitem"}
    assert [n for n in set(ROWS) - known if not n.startswith("program.")] == []


def test_every_operator_has_a_row() -> None:
    found = {row.operator.__name__ for row in ROWS.values() if row.operator is not None}
    assert found == {"pos", "neg", "abs", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow",
                     "matmul"}  # fmt: skip
    for row in ROWS.values():
        assert not row.method or hasattr(pg.Variable(np.ones(2)), row.method), row.name


def test_conventions_are_explained_and_each_is_used() -> None:
    used = {case.convention for row in ROWS.values() for case in row.cases if case.convention}
    rows = [line.split("|") for line in (tables.__doc__ or "").splitlines() if line[:1] == "|"]
    assert used == {row[1].strip() for row in rows[2:]}


def test_the_suite_has_cells_for_each_axis() -> None:
    found = [cell for row in ROWS.values() for cell in cells_of(row, "numpy")]
    assert len(found) == len({cell.key for cell in found}) == len({cell.id for cell in found})
    shapes = {cell.shape for cell in found}
    assert {"0-d", "empty", "broadcast", "batched", "large", "non-contiguous"} <= shapes
    assert {"zeros", "ties", "kinks", "infinities", "nan", "tiny", "huge"} <= {
        cell.case for cell in found
    }
    assert all(Cell.parse(cell.key) == cell for cell in found)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_every_case_can_be_computed(name: str) -> None:
    """In each dtype; and again as NumPy has it, if it has it."""
    row = ROWS[name]
    for cell in cases(row):
        problem = Problem.of(cell)
        assert problem.places, cell.key
        found = answer(cell, problem)
        refused = found.error is not None and found.error.type in ("UnsupportedError", "OperationError")
        if refused and probe(cell, problem).error is not None:
            continue  # NumPy has no such thing, and says so
        assert found.error is None, f"{cell.key}: {found.error.traceback}"


@pytest.mark.parametrize("oracle", ["torch", "jax", "mpmath", "convention"])
def test_oracles_spell_every_row(oracle: str) -> None:
    """With the value of pluggrad on NumPy; a row that an oracle lacks is one that it is known to."""
    if oracle in ("torch", "jax", "mpmath") and find_spec(oracle) is None:
        pytest.skip(f"{oracle} is not installed")
    different, missing = [], set()
    for row in ROWS.values():
        for cell in cases(row, double=True):
            if oracle == "jax" and cell.shape not in ("base", "0-d", "broadcast"):
                continue  # it compiles for each shape
            problem = Problem.of(cell)
            quantity = "gradient" if oracle == "convention" else "value"
            asked = Cell.parse(cell.key.replace("|order=0", "")) if oracle == "convention" else cell
            theirs = consult(problem, quantity, [oracle])
            if not theirs:
                why = silence(problem, quantity, [oracle])[oracle]
                missing.add((row.name, why))
                continue
            ours: Any = answer(asked, problem)
            if ours.error is None:
                found = compare(row, quantity, cell.dtype, ours.arrays, theirs[0])
                if found.verdict != "agrees":
                    different.append(f"{cell.key}: {found.note} at {found.where}")
    assert different == []
    return missing
