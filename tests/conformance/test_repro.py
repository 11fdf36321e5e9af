"""Failures that can be acted on: scripts that stand alone, inputs that are small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.optional import needs, skip_without

needs("rich", "mpmath")

from pluggrad_conformance import repro, runner, source
from pluggrad_conformance.cells import Cell
from pluggrad_conformance.operations import Array, Operation, case
from pluggrad_conformance.pool import worker_environment
from pluggrad_conformance.problem import Problem
from pluggrad_conformance.results import Property, Result, read_results
from pluggrad_conformance.selection import Selection
from pluggrad_conformance.shrink import as_minimal, shrink_failure, signature

STAND_IN = f"{Path(__file__).parent / 'stand_in.py'}:judge"

#: NumPy with a cosine that is off by a thousandth: the gradient of sin is wrong.
BROKEN = """
import numpy as np
import pluggrad as pg
from pluggrad_numpy import backend

class Broken(type(backend)):
    functions = {**backend.functions, "cos": lambda x: np.cos(x) * 1.001}

pg.register_backend(Broken())
"""


def execute(script, **options):
    return subprocess.run(
        [sys.executable, "-"], input=script, text=True, capture_output=True, env=worker_environment(),
        timeout=120, **options,
    )  # fmt: skip


def if_installed(key):
    return pytest.param(key, marks=skip_without(key.split("|")[1]))


CORRECT = [
    "sin|numpy|float64", "sin|numpy|complex128|order=2", "sin|numpy|float32|order=0",
    "sin|numpy|float64|mode=forward", "sin|numpy|float64|order=2|mode=forward-over-reverse",
    "sin|numpy|float64|mode=vmap", "sin|numpy|float64|shape=empty", "sin|numpy|float64|shape=0-d",
    "sin|numpy|float64|shape=non-contiguous", "sin|torch|bfloat16", "sin|jax|float64|compiled=jit",
    "sin|strict|complex64", "sin|dask|float64",
    "torch.addmm|torch|float64", "torch.Tensor.view|torch|float64|order=2",
    "sin|strict|float64|device=array_api_strict.Device('device1')",
]  # fmt: skip


@pytest.mark.parametrize("key", [if_installed(key) for key in CORRECT])
@pytest.mark.filterwarnings("ignore")
def test_script_of_a_correct_cell(key, capsys):
    """It needs pluggrad and the library, nothing of the suite, and exits with 0."""
    script = repro.find_script(key)
    assert key in script and "pluggrad_conformance" not in script
    assert len(script.splitlines()) < 40
    with pytest.raises(SystemExit) as stop:
        exec(compile(script, key, "exec"), {})
    said = capsys.readouterr().out
    assert not stop.value.code, said
    assert "they agree" in said and "expected" in said


def test_script_of_a_planted_bug(tmp_path):
    """The disagreement is there to be seen; without the bug the same script exits with 0."""
    (tmp_path / "broken.py").write_text(BROKEN)
    cell = Cell("sin", "numpy", "float64")
    script = repro.script_for(cell, Problem.of(cell), plugins=["broken.py"])
    done = execute(script, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "THEY DIFFER" in done.stdout and not done.stderr
    got, expected = (json.loads(line) for line in done.stdout.splitlines()[1:4:2])
    assert np.allclose(np.asarray(got), np.asarray(expected) * 1.001, rtol=1e-14)
    assert "import runpy" in script
    good = execute(script.replace("import runpy; runpy.run_path('broken.py')\n", ""), cwd=tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr


def test_script_of_an_exception_shows_it(tmp_path):
    (tmp_path / "broken.py").write_text(BROKEN.replace("np.cos(x) * 1.001", "1 / 0"))
    cell = Cell("sin", "numpy", "float64")
    script = repro.script_for(cell, Problem.of(cell), plugins=["broken.py"])
    done = execute(script, cwd=tmp_path)
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr


def test_script_without_oracles_says_what_comes():
    cell = Cell("sin", "numpy", "float64")
    result = Result(cell, "timeout", "took longer than 60 s")
    script = repro.script_for(cell, Problem.of(cell), result, oracles=False)
    assert script.startswith("# timeout: sin|numpy|float64\n# took longer")
    done = execute(script)
    assert done.returncode == 0 and "Variable containing" in done.stdout


def test_script_of_what_changes_from_run_to_run(tmp_path):
    plugin = BROKEN.replace("* 1.001", "* next(count)") + "\nfrom itertools import count\n"
    (tmp_path / "broken.py").write_text(plugin + "count = count(1.0)\n")
    cell = Cell("sin", "numpy", "float64")
    result = Result(cell, "nondeterministic")
    script = repro.script_for(cell, Problem.of(cell), result, plugins=["broken.py"])
    assert execute(script, cwd=tmp_path).returncode == 1
    assert execute(repro.script_for(cell, Problem.of(cell), result)).returncode == 0


def test_numbers_come_back():
    odd = np.asarray([0.1, np.nan, np.inf, -np.inf, -0.0, 1e-300])
    turned = np.zeros(6, complex)
    turned.imag = odd[::-1]
    space = {"np": np, "array": np.asarray}
    for x in (odd, odd + 1j, turned, odd[:0], np.ones((0, 3)), np.arange(500.0) / 7,
              np.asarray(2.5), np.asarray([True, False]), np.asarray([[1, 2]])):  # fmt: skip
        back = np.asarray(eval(repro.write_down(x, "float64"), space))
        assert back.shape == x.shape
        np.testing.assert_array_equal(back, x)
        parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,) if x.dtype.kind == "f" else ()
        for a, b in zip((back.real, back.imag), parts):
            same = (np.signbit(a) == np.signbit(b)) | np.isnan(b)
            assert same.all()


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match="no cell has the ID"):
        repro.find_script("0123456789")
    with pytest.raises(ValueError, match="no cell"):
        repro.find_script("sin|numpy|float64|case=no such case")
    with pytest.raises(ValueError, match="no cell"):
        repro.find_script("no such operation|numpy|float64")


def test_scripts_of_a_run(tmp_path, monkeypatch):
    """Each failure of a run has its script, that of a process that died too."""
    key = "sin|numpy|float64|order=2"
    monkeypatch.setenv("STAND_IN", json.dumps({key: "wrong", "sin|*order=0": "leave"}))
    one = Selection(("numpy",), operations=("sin",), dtypes=("float64",))
    out = runner.run(one, tmp_path / "run", judge=STAND_IN, progress=False)
    cell, lost = Cell.parse(key), Cell.parse("sin|numpy|float64|order=0")
    assert sorted(p.stem for p in (out / "repro").glob("*.py")) == sorted([cell.id, lost.id])
    script = repro.find_script(cell.id, out)
    assert script == repro.find_script(key, out) == (out / "repro" / f"{cell.id}.py").read_text()
    assert "# wrong: " + key in script and "# as told" in script
    (result,) = [r for r in read_results(out) if r.outcome == "wrong"]
    assert result.minimal == {"size": 1, "shapes": [[1, 1]], "inputs": [[[1.0]]]}
    assert "array([[1.0]])" in script and execute(script).returncode == 0  # nothing is wrong
    assert "exit code 7" in repro.find_script(lost.key, out)
    assert "they" not in repro.find_script(lost.key, out)
    with pytest.raises(ValueError, match="has no cell"):
        repro.find_script("exp|numpy|float64", out)


def test_a_bug_from_end_to_end(tmp_path):
    """The real judge, in a worker: found, shrunk, written down, reproduced, gated."""
    needs("torch")
    plugin = tmp_path / "broken.py"
    plugin.write_text(BROKEN)
    code = (
        "import sys; from pluggrad.tools.cli import main; sys.exit(main(['conformance', 'run', '--backends',"
        "'numpy', '--cells', 'sin|numpy|float64', 'sin|numpy|float64|order=0', '--jobs', '1', '--out',"
        "'run', '--plugin', 'broken.py', '--no-report']))"
    )
    env = os.environ | {"PLUGGRAD_ORACLES": "frozen"}  # quicker: torch and JAX are not imported
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    good, bad = sorted(read_results(tmp_path / "run"), key=lambda r: -r.cell.order)[::-1]
    assert (good.outcome, bad.outcome) == ("pass", "wrong")
    assert bad.minimal["size"] == 1 and len(str(bad.minimal["inputs"][0][0][0])) <= 4
    done = execute(repro.find_script(bad.cell.id, tmp_path / "run"), cwd=tmp_path)
    assert done.returncode == 1 and "THEY DIFFER" in done.stdout


# ---------------------------------------------------------------------- source


def outer(xp, x):
    return helper(xp, x) + SHIFT


def helper(xp, x):
    return xp.sum(x * x)


SHIFT = 2.0
TABLE = {"a": 1}


def test_source_of_functions():
    twice = lambda xp, x, k=2: (
        x
        * k
    )  # fmt: skip
    made = lambda inner: lambda xp, x: inner(xp, x) + 1
    both = (lambda xp, x: x + 1, lambda xp, x: x + 2)
    for function in (outer, twice, made(helper), *both):
        text = "\n".join(source.definitions(function, "call"))
        space: dict = {}
        exec(text, space)
        assert space["call"](np, np.asarray([1.0, 2.0])).tolist() == (
            function(np, np.asarray([1.0, 2.0])).tolist()
        )


def test_source_of_what_has_none():
    array = np.ones(3)
    assert source.definitions(lambda xp, x: x + array, "call") is None
    assert source.definitions(lambda xp, x: TABLE["a"] + x, "call") is None
    assert source.definitions(np.sin, "call") is None
    assert source.definitions(test_source_of_functions, "call") is None


# ---------------------------------------------------------------------- shrink


def problem_of(*args, kind="contraction", call=lambda xp, a, b: a @ b):
    row = Operation("tried", kind, (case("typical", *args),), call=call)
    return Problem(row, row.typical, "float64")


def test_shapes_shrink_together():
    """A product of matrices that is wrong wherever the second has a large entry."""
    problem = problem_of(Array((3, 6)), Array((6, 4)))
    big = np.max(problem.inputs[1])

    def judge(cell, problem):
        a, b = problem.inputs
        _ = a @ b  # raises, where the shapes do not fit
        return Result(cell, "wrong" if b.size and np.max(b) >= np.floor(big) else "pass")

    cell = Cell("tried", "numpy", "float64")
    smaller = shrink_failure(cell, problem, judge(cell, problem), judge, seconds=60, tries=1000)
    a, b = smaller.inputs
    assert a.shape == (1, 1) and b.shape == (1, 1)
    assert b == np.floor(big) and a == 0.0  # a number that does not matter
    minimal = as_minimal(smaller)
    assert minimal["size"] == 2 and minimal["inputs"] == [[[0.0]], b.tolist()]
    assert np.max(problem.inputs[1]) == big  # the original is what it was


def test_corners_are_not_shrunk_into():
    """Where values matter, no zero, no tie and nothing outside the interval of the table appears."""
    problem = problem_of(Array((2, 3), 0.5, 3.0), kind="elementwise", call=lambda xp, x: x)
    seen = []

    def judge(cell, problem):
        seen.append(problem.inputs[0])
        return Result(cell, "wrong" if problem.inputs[0].size == 6 else "pass")

    cell = Cell("tried", "numpy", "float64")
    smaller = shrink_failure(cell, problem, Result(cell, "wrong"), judge, seconds=60, tries=1000)
    for x in seen:
        assert np.all((x >= 0.5) & (x <= 3.0)) and len(np.unique(x)) == x.size
    assert smaller.inputs[0].shape == (2, 3)
    values = problem_of(Array(values=(0.0, 1.25)), kind="elementwise", call=lambda xp, x: x)
    seen.clear()
    assert shrink_failure(cell, values, Result(cell, "wrong"), judge) is None
    assert {x.size for x in seen} == {1}  # the values of a case stay what they are


def test_another_failure_does_not_count():
    problem = problem_of(Array((4,)), Array((4,)))
    cell = Cell("tried", "numpy", "float64")

    def judge(cell, problem):
        size = problem.inputs[0].size
        return Result(cell, "error", f"ValueError: size {size}" if size > 1 else "KeyError: one")

    smaller = shrink_failure(cell, problem, judge(cell, problem), judge, seconds=60)
    assert smaller.inputs[0].shape == (2,)
    assert signature(Result(cell, "error", "E: (2, 3)\nx")) == signature(
        Result(cell, "error", "E: (10, 7)\ny")
    )
    broken = [Property("dtype", True), Property("linearity", False)]
    assert signature(Result(cell, "wrong-structure", "", properties=broken))[1] == "linearity"


def test_shrinking_is_bounded():
    calls = []

    def judge(cell, problem):
        calls.append(1)
        return Result(cell, "wrong")

    problem = problem_of(Array((64, 64)), Array((64, 64)))
    cell = Cell("tried", "numpy", "float64")
    assert shrink_failure(cell, problem, Result(cell, "wrong"), judge, tries=5) is not None
    assert len(calls) == 5
    calls.clear()
    assert (
        shrink_failure(cell, problem, Result(cell, "wrong"), judge, seconds=0.0) is None
        and not calls
    )
