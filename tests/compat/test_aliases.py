"""``import autograd`` as `pluggrad.compat.autograd`: `install`, `uninstall` and the command."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from multiprocessing import get_all_start_methods

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


WORKERS = """
import multiprocessing
import sys
import autograd

def name(_):
    return autograd.__name__

if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        print(pool.map(name, [0]))
"""


@pytest.mark.parametrize("method", [m for m in get_all_start_methods() if m != "fork"])
def test_processes_of_a_program_have_the_alias(tmp_path, method):
    path = tmp_path / "program.py"
    path.write_text(WORKERS)
    assert answer(str(path), method) == "['pluggrad.compat.autograd']\n"


def test_a_program_finds_what_it_would_find_without_the_runner(tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    program = "import sys, autograd; print(__file__, sys.path[0], sys.argv, __name__, annotated)"
    (tmp_path / "inner" / "program.py").write_text("annotated: 1 / 1 = 3\n" + program)
    monkeypatch.chdir(tmp_path)
    given = os.path.join("inner", "program.py")
    inner = tmp_path / "inner"
    assert answer(given) == f"{inner / 'program.py'} {inner} {[given]} __main__ 3\n"
    code = "import sys, autograd; print(autograd.__name__, sys.argv)"
    assert answer("-c", code, "x") == "pluggrad.compat.autograd ['-c', 'x']\n"
    (inner / "__main__.py").write_text(code)
    assert answer("inner").startswith("pluggrad.compat.autograd")


@pytest.mark.parametrize("arguments", [["nothing.py"], ["--nothing"], ["-c"], []])
def test_without_a_program_one_line_says_so(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pluggrad.compat.autograd", *arguments],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and not done.stdout


def test_the_name_type_makes_classes_too():
    names: dict = {}
    exec("from pluggrad.compat.autograd import *", names)
    assert names["type"]("C", (), {}).__name__ == "C"


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
