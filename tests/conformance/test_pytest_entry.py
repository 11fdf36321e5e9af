"""``pytest --pyargs pluggrad_conformance --backend NAME``: one test for each cell."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from tests.support.optional import needs

needs("rich", "mpmath")

if "pluggrad_conformance" not in entry_points(group="pytest11").names:
    pytest.skip("pluggrad was installed before it had this entry point", allow_module_level=True)

#: NumPy with a cosine that is off by a thousandth: the gradient of sin is wrong.
BROKEN = """
import numpy as np
import pluggrad as pg
from pluggrad_numpy import backend

class Broken(type(backend)):
    functions = {**backend.functions, "cos": lambda x: np.cos(x) * 1.001}

pg.register_backend(Broken())
"""


def run(folder, *words):
    """The exit code and the output of pytest in an empty folder."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["--pyargs", "pluggrad_conformance", "--backend", "numpy", "--operations", "sin"]
    env = os.environ | {"PLUGGRAD_ORACLES": "frozen"}  # quicker: torch and JAX are not imported
    done = subprocess.run([*command, *words], cwd=folder, capture_output=True, text=True, env=env)
    return done.returncode, done.stdout + done.stderr


def test_one_test_for_each_cell(tmp_path):
    code, said = run(tmp_path, "-vv", "-k", "float64", "--level", "gate")
    assert code == 0, said
    assert "test_gradient[sin|numpy|float64] PASSED" in said and "float32" not in said


def test_failures_say_why_and_expectations_explain_them(tmp_path):
    (tmp_path / "broken.py").write_text(BROKEN)
    words = [
        "--plugin",
        "broken.py",
        "-k",
        "float64 and forward and not case",
    ]  # of order 1, and of order 2
    code, said = run(tmp_path, *words)
    assert code == 1 and "1 failed, 1 passed" in said, said
    assert "wrong: " in said and "mpmath: wrong" in said and "eps off" in said
    assert "pluggrad conformance repro 'sin|numpy|float64|mode=forward'" in said
    assert "Traceback" not in said
    file = tmp_path / "known.toml"
    text = '[[expect]]\ncells = "sin|numpy|float64|mode=forward"\noutcome = "wrong"\n'
    text += 'reason = "the cosine is broken on purpose"\nexpires = 2999-01-01\n'
    file.write_text(text)
    code, said = run(tmp_path, *words, "--expectations", str(file), "-rx")
    assert code == 0 and "1 xfailed" in said and "the cosine is broken on purpose" in said
    code, said = run(tmp_path, *words[2:], "--expectations", str(file))  # it passes now
    assert code == 1 and "expected wrong (the cosine is broken on purpose)" in said


def test_options_are_there_only_for_the_suite(tmp_path):
    command = [sys.executable, "-m", "pytest", "--backend", "numpy", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 4 and "unrecognized arguments: --backend" in done.stderr
