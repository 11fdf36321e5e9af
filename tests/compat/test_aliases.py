"""``import autograd`` as `pluggrad.compat.autograd`: `install`, `uninstall` and the command."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import pluggrad.compat.autograd as ag
from tests.support.optional import is_installed

PROGRAM = """
import sys
import autograd.numpy as np
import autograd.numpy.random as npr
from autograd import grad, misc
from autograd.misc.flatten import flatten
from autograd.misc import flatten as again
from autograd.numpy.linalg import solve
import autograd.test_util, autograd.core
assert flatten is again
print(sys.argv[1:], float(grad(lambda x: np.sum(x**2))(np.array([3.0]))[0]), sys.modules["autograd"].__name__)
"""


def answer(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pluggrad.compat.autograd", *arguments],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_a_program_runs_unchanged(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    assert answer(str(path), "-x", "1") == "['-x', '1'] 6.0 pluggrad.compat.autograd\n"
    assert answer().startswith("usage:")


@pytest.fixture
def aliased():
    ag.install()
    yield
    ag.uninstall()


def test_every_name_is_the_module_here(aliased):
    ag.install()  # a second time
    for name in ("", ".numpy", ".numpy.fft", ".extend", ".misc", ".misc.optimizers", ".tracer"):
        assert importlib.import_module("autograd" + name) is sys.modules[ag.__name__ + name]
    assert sys.modules[ag.__name__ + ".numpy"].__spec__.name == ag.__name__ + ".numpy"
    with pytest.raises(ModuleNotFoundError, match=r"autograd\.nothing"):
        importlib.import_module("autograd.nothing")


def test_it_is_undone():
    before = {n for n in sys.modules if n.partition(".")[0] == "autograd"}
    ag.install()
    importlib.import_module("autograd.numpy")
    ag.uninstall()
    ag.uninstall()  # a second time
    assert {n for n in sys.modules if n.partition(".")[0] == "autograd"} == before
    if is_installed("autograd"):
        assert importlib.import_module("autograd").__name__ == "autograd"
