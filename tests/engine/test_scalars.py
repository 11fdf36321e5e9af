"""NumPy's scalars, of a class that no operation has met before, are arrays from the start."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAMS = {
    "custom_vjp": """
f = pg.custom_vjp(lambda a: a * 2.0)
f.defvjp(lambda a: (a * 2.0, None), lambda _, g: (g * 5.0,))
assert pg.grad(f)(np.asarray(1.5)) == 5.0
""",
    "custom_jvp": """
f = pg.custom_jvp(lambda a: a * 2.0)
f.defjvp(lambda primals, tangents: (primals[0] * 2.0, tangents[0] * 5.0))
assert pg.grad(f)(np.asarray(1.5)) == 5.0
""",
    "Function": """
class F(pg.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        return a * 2.0
    @staticmethod
    def backward(ctx, g):
        return g * 5.0
assert pg.grad(F.apply)(np.asarray(1.5)) == 5.0
""",
    "checkpoint": "assert pg.grad(pg.checkpoint(lambda a: a * a))(np.asarray(1.5)) == 3.0",
    "vmap": """
f = pg.vmap(lambda a, b: a * b, in_axes=(0, None))
assert f(np.ones(2), np.float64(3))[1] == 3.0
""",
    "compile": """
f = pg.compile(pg.grad(lambda a: a * a))
assert f(np.asarray(1.5)) == f(np.asarray(1.5)) == 3.0
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_fresh_process_knows_them(name: str) -> None:
    code = f"import numpy as np, pluggrad as pg\n{PROGRAMS[name]}"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
