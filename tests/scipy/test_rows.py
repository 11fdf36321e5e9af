"""Each function of `pluggrad.scipy` is a row of the conformance suite, whose values are SciPy's."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

needs("scipy")
needs("pluggrad_conformance")

from pluggrad_conformance.cells import Cell, cells_of
from pluggrad_conformance.oracles import consult_oracles
from pluggrad_conformance.problem import Problem
from pluggrad_conformance.selection import in_gate
from pluggrad_conformance.subject import engine_answer
from pluggrad_conformance.tables import load_operations

OPERATIONS = load_operations()
ROWS = [name for name in sorted(OPERATIONS) if name.startswith("scipy.")]


#: What is made of constants, or is a class that others return.
CONSTANTS = {
    "sparse.eye", "sparse.eye_array", "sparse.identity", "sparse.issparse", "sparse.isspmatrix",
    "sparse.linalg.LinearOperator", "sparse.linalg.SuperLU", "sparse.linalg.aslinearoperator",
}  # fmt: skip

#: Minima and fits, which SciPy finds to half of the digits: tests/scipy/test_optimize_*.py are
#: about them.
MINIMA = {
    f"optimize.{name}" for name in ["Bounds", "LinearConstraint", "NonlinearConstraint", "basinhopping", "brent", "brute", "curve_fit", "differential_evolution", "direct", "dual_annealing", "fmin", "fmin_bfgs", "fmin_cg", "fmin_cobyla", "fmin_l_bfgs_b", "fmin_ncg", "fmin_powell", "fmin_slsqp", "fmin_tnc", "fminbound", "golden", "least_squares", "leastsq", "linear_sum_assignment", "linprog", "minimize", "minimize_scalar", "shgo"]
}  # fmt: skip


def functions() -> list[str]:
    """The paths of all public functions, such as ``ndimage.sobel``."""

    def inside(module: ModuleType, path: str) -> list[str]:
        found = []
        for name in module.__all__:
            value, full = getattr(module, name), f"{path}{name}"
            found += inside(value, f"{full}.") if isinstance(value, ModuleType) else [full]
        return found

    return inside(pg.scipy, "")


def test_each_function_has_a_row():
    """Elementwise special functions are rows by their own name."""
    found = set(functions()) - CONSTANTS - MINIMA
    assert [f for f in sorted(found) if f"scipy.{f}" not in ROWS and f not in OPERATIONS] == []
    assert [r for r in ROWS if r.removeprefix("scipy.") not in functions()] == []


@pytest.mark.parametrize("name", ROWS)
def test_values_are_those_of_scipy(name):
    """In double precision, in each case."""
    for cell in cells_of(OPERATIONS[name], "numpy"):
        if cell.dtype not in ("float64", "complex128") or cell.mode != "reverse":
            continue
        named = cell.order == 1 and (cell.case != "typical" or cell.shape != "base")
        if (cell.order and not named) or cell.shape == "non-contiguous":
            continue
        cell = Cell(**{**vars(cell), "order": 0})
        problem = Problem.of(cell)
        found = engine_answer(cell, problem)
        assert found.error is None, f"{cell.key}: {found.error.traceback}"
        (theirs,) = consult_oracles(problem, "value", ["scipy"])
        for y, e in zip(found.arrays, theirs.arrays, strict=True):
            assert y.dtype == e.dtype and y.shape == e.shape, cell.key
            size = float(np.max(np.abs(e), initial=0.0))
            np.testing.assert_allclose(y, e, rtol=1e-11, atol=1e-12 * size, err_msg=cell.key)


def test_a_sample_is_in_the_gate():
    chosen = [c for name in ROWS for c in cells_of(OPERATIONS[name], "numpy") if in_gate(c)]
    assert 10 < len(chosen) < 60
