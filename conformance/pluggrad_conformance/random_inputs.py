"""Random inputs: hypothesis draws them, judges them like any cell, and shrinks what fails.

Only operations that are smooth take part, on the intervals of the typical case: for corners the
tables have named cases.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .cells import Cell
from .judge import judge_cell
from .operations import Array
from .problem import Problem
from .results import BAD, Result
from .tables import load_operations

__all__ = ["is_smooth", "search_failure"]


def is_smooth(cell: Cell) -> bool:
    """Whether random inputs suit the cell: a base cell of a smooth operation in
    double precision, whose inputs need no structure."""
    operation = load_operations()[cell.operation]
    arrays = _arrays(Problem.of(cell))
    plain = all(not spec.structure and spec.values is None for spec in arrays)
    double = cell.dtype in ("float64", "complex128")
    return operation.analytic and plain and double and cell.key.count("|") == 2


def search_failure(cell: Cell, examples: int = 10) -> tuple[Result, list[np.ndarray]] | None:
    """The result and the inputs of the smallest failure that hypothesis finds; None if none.

    It draws the same inputs each time.

    >>> from pluggrad_conformance.cells import Cell
    >>> search_failure(Cell("sin", "numpy", "float64")) is None
    True
    """
    from hypothesis import HealthCheck, Phase, given, settings

    problem = Problem.of(cell)
    failed: list[tuple[Result, list[np.ndarray]]] = []

    @settings(max_examples=examples, derandomize=True, deadline=None, database=None,
              suppress_health_check=list(HealthCheck),
              phases=(Phase.generate, Phase.shrink))  # fmt: skip
    @given(_inputs(problem))
    def attempt(inputs: Any) -> None:
        result = judge_cell(cell, problem.with_inputs(list(inputs)))
        if result.outcome in BAD:
            failed.append((result, list(inputs)))
            raise _Failed

    try:
        attempt()
    except _Failed:  # hypothesis tries the smallest failure last
        return failed[-1]
    return None


class _Failed(Exception):
    """Tells hypothesis that an outcome is bad."""


def _arrays(problem: Problem) -> list[Array]:
    """The table's `Array` of each input."""
    args = problem.case.args
    return [args[i] if j is None else args[i][j] for i, j in problem.places]


def _inputs(problem: Problem) -> Any:
    from hypothesis import strategies as st
    from hypothesis.extra.numpy import arrays

    def one(spec: Array, x: np.ndarray) -> Any:
        parts = st.floats(spec.low, spec.high, allow_subnormal=False)
        if x.dtype.kind == "c":
            numbers: Any = st.builds(complex, parts, parts)
        else:
            numbers = parts
        return arrays(x.dtype, x.shape, elements=numbers)

    return st.tuples(*[one(s, x) for s, x in zip(_arrays(problem), problem.inputs, strict=True)])
