"""Constants come from arrays: rules and the engine make none from a shape, a dtype and a device."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

SOURCE = Path(pg.__file__).parent
MAKERS = {"zeros", "ones", "full", "empty", "eye", "arange", "linspace"}
#: Creation functions that users call themselves, and questions about dtypes.
NAMED = {
    "functions/creation.py": "the creation functions of the namespaces",
    "functions/common.py": "the dtype of an empty array",
    "functions/operands.py": "the dtype of an empty array",
    "scipy/ndimage/common.py": "the dtype of an empty array",
}


def creations(tree: ast.Module) -> Iterator[ast.Call]:
    """The calls that make an array without another one: ``xp.zeros(...)``, ``raw("zeros")(...)``,
    and whatever names a device."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        f = node.func
        name = owner = ""
        if isinstance(f, ast.Attribute):
            name, owner = f.attr, ast.unparse(f.value)
        elif isinstance(f, ast.Call) and ast.unparse(f.func).endswith(("raw", "standard")):
            name, owner = getattr(f.args[0], "value", ""), "raw"
        # (`op.full(0)` is an argument in a batching rule; SciPy's own functions make no constants.)
        if owner in ("", "np", "numpy", "op") or owner.startswith("scipy_module("):
            continue
        on_device = any(keyword.arg == "device" for keyword in node.keywords)
        if name in MAKERS or (name == "asarray" and on_device):
            yield node


@pytest.mark.parametrize("package", ["engine", "rules", "functions", "staging", "transforms",
                                     "scipy"])  # fmt: skip
def test_no_constant_is_made_beside_the_one_hook(package: str) -> None:
    found = {}
    for path in sorted((SOURCE / package).rglob("*.py")):
        name = str(path.relative_to(SOURCE))
        calls = [ast.unparse(call) for call in creations(ast.parse(path.read_text("utf-8")))]
        if calls and name not in NAMED:
            found[name] = calls
    assert not found, "use engine.cotangents.create, which asks Adapter.beside"


def test_the_search_finds_what_it_is_for() -> None:
    program = "xp.zeros(3, device=d)\nbackend.raw('arange')(3)\nxp.zeros_like(x)\nnp.ones(3)"
    assert [call.lineno for call in creations(ast.parse(program))] == [1, 2]


# ---------------------------------------------------------------- cubed, whose arrays have a Spec

X = np.random.default_rng(0).normal(size=(6, 4))
PROGRAMS = {
    "scalars": lambda x: pg.sum(2.0 * x + 1 - x / 3.0),
    "row and rows": lambda x: pg.sum(x[1:] * x[:-1]) + x[2, 3] * x[0, 1],
    "softmax": lambda x: pg.sum(pg.softmax(x, axis=1) ** 2),
    "matmul": lambda x: pg.sum(pg.tanh(x @ x.mT)),
    "where": lambda x: pg.sum(pg.where(x > 0, x * x, x)) + pg.max(x),
    "pad": lambda x: pg.sum(pg.pad(x, 1) ** 2),
    "take": lambda x: pg.sum(pg.take(x, np.asarray([3, 0, 3]), axis=1) ** 2),
    "take a list": lambda x: pg.sum(pg.take(x, [3, 0, 3], axis=1) ** 2),
    "rows by integers": lambda x: pg.sum(x[np.asarray([5, 0, -1])] ** 3) + pg.sum(x[[2, 2]]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_arrays_of_cubed_keep_their_spec(name: str, tmp_path: Any) -> None:
    cubed = needs("cubed")
    xp = needs("cubed.array_api")
    spec = cubed.Spec(work_dir=str(tmp_path), allowed_mem="500MB")
    v = pg.Variable(xp.asarray(X, chunks=(3, 2), spec=spec), requires_grad=True)
    PROGRAMS[name](v).backward()
    assert v.grad is not None
    np.testing.assert_allclose(v.grad.data.compute(), pg.grad(PROGRAMS[name])(X), rtol=1e-10)
