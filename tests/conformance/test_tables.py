"""The tables have a row for all that has a derivative, and every row can be computed, by pluggrad
on NumPy and as the oracles spell it: with the same values."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import PRIMITIVES
from tests.support.optional import is_installed, is_older, needs
from tests.support.slow import slow_if

needs("pluggrad_conformance")

from pluggrad_conformance import tables
from pluggrad_conformance.cells import COMPLEX, REAL, Cell, cells_of
from pluggrad_conformance.operations import Operation
from pluggrad_conformance.oracles import consult_oracles
from pluggrad_conformance.oracles.answers import NoAnswer, quiet
from pluggrad_conformance.oracles.jax_ import jax_answer
from pluggrad_conformance.oracles.mpmath_ import mpmath_answer
from pluggrad_conformance.oracles.torch_ import torch_answer
from pluggrad_conformance.problem import Problem
from pluggrad_conformance.subject import engine_answer, probe
from pluggrad_conformance.tables import load_operations
from pluggrad_conformance.tolerance import compare_with_oracle

#: All but the rows of `pluggrad.scipy`, which tests/scipy/test_rows.py is about.
ROWS = {name: row for name, row in load_operations().items() if not name.startswith("scipy.")}
#: Functions in terms of others whose results are booleans, which have no derivative.
BOOLEANS = {
    "allclose", "array_equal", "array_equiv", "isclose", "iscomplex", "iscomplexobj", "isneginf",
    "isposinf", "isreal", "isrealobj",
}  # fmt: skip
#: Functions of numbers that make constants.
CONSTANTS = {"bartlett", "blackman", "hamming", "hanning", "identity", "indices", "tri"}
#: Functions in terms of others whose results are integers, which have no derivative.
INTEGERS = {
    "argpartition", "argwhere", "digitize", "einsum_path", "flatnonzero", "in1d", "ix_", "lexsort",
    "nanargmax", "nanargmin",
}  # fmt: skip


#: Functions of torch whose results have no derivative, and those that make constants.
WITHOUT_DERIVATIVE = {
    "__and__", "__eq__", "__floordiv__", "__or__", "__rfloordiv__", "__xor__", "all", "any", "argmax", "argmin", "bitwise_and",
    "bitwise_or", "bitwise_xor", "count_nonzero", "detach", "empty_like", "eq", "full_like", "ge", "greater",
    "greater_equal", "gt", "le", "less", "less_equal", "logical_and", "logical_or", "lt", "ne",
    "not_equal", "ones_like", "zeros_like",
}  # fmt: skip


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
            backend = row.backends[0] if row.backends else "numpy"
            yield Cell(row.name, backend, dtype, order=0, **place)  # type: ignore[arg-type]


def test_every_differentiable_function_has_a_row() -> None:
    composites = sys.modules["pluggrad.arrays.composites"].COMPOSITES
    book = {n for n, p in PRIMITIVES.items() if not p.private and p.kind != "constant"}
    book = {n for n in book if not n.startswith("scipy.")}  # rows of `pluggrad.scipy`
    assert sorted((book | set(composites)) - set(ROWS) - BOOLEANS - INTEGERS - CONSTANTS) == []
    known = book | set(composites) | {"getitem", "setitem"}
    others = [n for n, row in ROWS.items() if n not in known and not row.backends]
    assert [n for n in others if not n.startswith("program.")] == []


def test_every_function_of_torch_that_a_rule_of_ours_answers_has_a_row() -> None:
    torch = needs("torch")
    from pluggrad_torch.functions import METHODS, QUESTIONS, SPECIAL, TABLE

    found: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        overridable = torch.overrides.get_overridable_functions()
    for function in {f for functions in overridable.values() for f in functions}:
        name = getattr(function, "__name__", "")
        primitive = PRIMITIVES.get(name.replace("special_", "special.", 1))
        same = primitive is not None and not primitive.private and primitive.kind != "constant"
        elementwise = same and len(primitive.parameters) < 3
        if name in TABLE.rows or name in SPECIAL or elementwise:
            found.add(name)
    by_hand = {name.removeprefix("torch.").partition("(")[0] for name in ROWS if "torch." in name}
    known = {name.replace(".", "_").removeprefix("Tensor_").removeprefix("nn_functional_")
             for name in by_hand}  # fmt: skip
    known |= {"__rdiv__"} & {name.replace("true", "") for name in known}  # torch's name of it
    assert sorted(found - known - QUESTIONS - METHODS - WITHOUT_DERIVATIVE) == []


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


def needs_libraries(name: str) -> None:
    """Rows of one library need it, and NumPy's special functions are SciPy's."""
    for backend in ROWS[name].backends:
        needs(backend)
    if name.startswith("special.") and not is_installed("scipy"):
        pytest.skip("scipy is not installed")


@pytest.mark.parametrize("name", sorted(ROWS))
def test_every_case_can_be_computed(name: str) -> None:
    """In each dtype; and again as NumPy has it, if it has it."""
    needs_libraries(name)
    row = ROWS[name]
    for cell in cases(row):
        problem = Problem.of(cell)
        assert problem.places, cell.key
        found = engine_answer(cell, problem)
        refused = found.error is not None and found.error.type in (
            "UnsupportedError",
            "OperationError",
        )
        if refused and probe(cell, problem).error is not None:
            continue  # NumPy has no such thing, and says so
        assert found.error is None, f"{cell.key}: {found.error.traceback}"


def oracle_values(oracle: str, problem: Problem) -> list[np.ndarray] | str:
    """What an oracle computes, or why it does not."""
    try:
        with quiet():
            found: list[np.ndarray] = ORACLES[oracle](problem, "value")
    except NoAnswer as why:
        return f"NoAnswer: {why}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return found


def differences(name: str, oracle: str, *, few: bool) -> Iterator[str]:
    """Cases whose value is another one than pluggrad's on NumPy."""
    for cell in cases(ROWS[name], double=True):
        if few and (cell.case, cell.shape) != ("typical", "base"):
            continue
        problem = Problem.of(cell)
        inputs = [x for x in problem.inputs if x.dtype.kind in "fc"]
        if oracle == "mpmath" and any(np.any((x == 0) | ~np.isfinite(x)) for x in inputs):
            continue  # it has no signed zeros, and other infinities
        theirs, ours = oracle_values(oracle, problem), engine_answer(cell, problem)
        if isinstance(theirs, str):
            if not theirs.startswith(LACKING) and name not in NOT_THERE.get(oracle, ()):
                yield f"{cell.key}: {theirs}"
        elif ours.error is None:
            for a, b in zip(ours.arrays, theirs, strict=True):
                size = np.max(np.abs(b[np.isfinite(b)]), initial=0.0)
                if cell.case == "singular":  # 0 but for rounding, which processors differ in
                    size += 1e-6
                if a.shape != b.shape or not np.allclose(a, b, 1e-8, 1e-9 * size, equal_nan=True):
                    yield f"{cell.key}: {a} instead of {b}"


ORACLES = {"torch": torch_answer, "jax": jax_answer, "mpmath": mpmath_answer}
#: How it begins when an oracle says that it has no such thing.
LACKING = (
    "NoAnswer", "AttributeError: module 'torch.special'", "AttributeError: module 'jax.",
    "NotImplementedError", "TypeError: erf does not", "TypeError: erfc does not",
    "TypeError: lgamma does not", "ZeroDivisionError",
)  # fmt: skip
NOT_THERE = {"jax": ["special.exp1", "special.spence"]}  # for complex numbers
if is_older("jax", "0.10"):
    NOT_THERE["jax"].append("special.gamma")


@pytest.mark.parametrize("name, oracle", [
    slow_if(oracle == "jax" and n % 3 > 0, name, oracle)  # JAX compiles each by itself
    for n, name in enumerate(sorted(ROWS)) for oracle in ORACLES
])  # fmt: skip
def test_oracles_compute_the_same_values(name: str, oracle: str) -> None:
    needs_libraries(name)
    if not is_installed(oracle):
        pytest.skip(f"{oracle} is not installed")
    if oracle == "mpmath" and ROWS[name].exact is None:
        pytest.skip("no definition with exact numbers")
    if oracle != "torch" and ROWS[name].backends:
        pytest.skip(f"{oracle} is asked about {ROWS[name].origin}, or not at all")
    assert list(differences(name, oracle, few=oracle == "jax")) == []


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_conventions_demand_what_pluggrad_does(name: str) -> None:
    needs_libraries(name)
    row = ROWS[name]
    for cell in cases(row, double=True):
        problem = Problem.of(cell)
        if not problem.case.convention:
            continue
        said = consult_oracles(problem, "gradient", ["convention"])
        if not said and not is_installed("torch"):
            continue  # NumPy cannot compute the value, nor can anybody else here
        (demanded,) = said
        found = engine_answer(dataclasses.replace(cell, order=1), problem)
        if found.error is None:
            verdict = compare_with_oracle(row, "gradient", cell.dtype, found.arrays, demanded)
            assert verdict.verdict == "agrees", f"{cell.key}: {verdict.note}"
