"""SciPy's own functions with Variables that require grad: each gives what pluggrad's gives, or an
error of pluggrad's that names the function of `pluggrad.scipy`. Never something wrong, and never
somebody else's error."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import to_numpy
from tests.support.optional import needs

needs("scipy")
needs("pluggrad_conformance")

from pluggrad_conformance.cells import Cell
from pluggrad_conformance.problem import Problem
from pluggrad_conformance.tables import load_operations
from pluggrad_conformance.tables.scipy_rows import CALLS, Tree

SCIPY, OURS = Tree("scipy"), Tree("pluggrad.scipy")
ROWS = [name for name in sorted(load_operations()) if name.startswith("scipy.")]


def dtype_of(name: str) -> str:
    """The first dtype in double precision that the row is for."""
    return "float64" if "real" in load_operations()[name].domains else "complex128"


def outputs(how: Any, tree: Any, args: Any, kwargs: Any) -> list[Any]:
    """The results of a call. A warning that the graph was left is raised after it, because compiled
    code that calls back goes on when one is raised inside of it. That SciPy looks at sizes of
    numbers, to choose a method, is allowed."""
    error: Exception | None = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            y = how(tree, *args, **kwargs)
        except pg.GraphBreakError:
            raise
        except Exception as found:
            error = found
    for warning in caught:
        message = warning.message
        if isinstance(message, pg.GraphBreakWarning) and not str(message).startswith("int() "):
            raise message
    if error is not None:
        raise error
    return list(y) if isinstance(y, (list, tuple)) else [y]


@pytest.mark.parametrize("name", ROWS)
def test_scipys_own_function_is_right_or_names_ours(name):
    problem = Problem.of(Cell(name, "numpy", dtype_of(name)))
    for place in range(len(problem.inputs)):
        leaves = [pg.Variable(x, requires_grad=n == place) for n, x in enumerate(problem.inputs)]
        args = problem.filled(leaves, lambda x: x)
        try:
            theirs = outputs(CALLS[name], SCIPY, args, problem.kwargs)
        except pg.GraphBreakError as error:
            module = ".".join(name.split(".")[:2])
            compiled = "inside scipy" not in str(error)  # which has no frames to tell a name by
            assert compiled or f"`pluggrad.{module}." in str(error), (name, place, str(error))
            continue
        except pg.GraphBreakWarning as warning:
            assert f"`pluggrad.{name}` keeps it" in str(warning)
            continue
        except (pg.PluggradError, TypeError) as error:
            # What SciPy made of constants is its own, and does not go together with Variables.
            own = "Multiple namespaces" in str(error) or "must be numpy.ndarray" in str(error)
            assert isinstance(error, pg.PluggradError) or own, (name, place, str(error))
            continue
        ours = outputs(CALLS[name], OURS, args, problem.kwargs)
        for y, e in zip(theirs, ours, strict=True):
            assert y.requires_grad == e.requires_grad, (name, place)
            np.testing.assert_allclose(to_numpy(y), to_numpy(e), rtol=1e-9, atol=1e-9)
        total = [sum(pg.sum(pg.real(y) ** 2) for y in ys) for ys in (theirs, ours)]
        a, b = [pg.autograd.grad(t, [leaves[place]])[0] for t in total]
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-8, atol=1e-8)
