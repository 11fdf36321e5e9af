"""The judge: what follows from the verdicts of oracles, here told what to say, and from failures."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.optional import needs

needs("mpmath")
import mpmath

import pluggrad as pg
from pluggrad_conformance import judge as judging
from pluggrad_conformance import operations, tables
from pluggrad_conformance.cells import Cell
from pluggrad_conformance.judge import judge_cell
from pluggrad_conformance.operations import Array, Operation, case
from pluggrad_conformance.oracles import OracleAnswer
from pluggrad_conformance.problem import Problem
from pluggrad_conformance.results import OUTCOMES, Result


def broken(xp, x):
    raise KeyError("a mistake in the library")


def only_ours(xp, x):
    """What the bare library lacks and pluggrad has: a function of its own."""
    if xp.__name__.startswith("pluggrad"):
        return xp.sin(x)
    raise AttributeError("the library has no only_ours")


def refused(xp, x):
    if xp.__name__.startswith("pluggrad"):
        raise pg.UnsupportedError("no derivative here")
    return xp.sin(x)


def failing(xp, x):
    if xp.__name__.startswith("pluggrad"):
        raise ZeroDivisionError("a mistake in the engine")
    return xp.sin(x)


def lacking(xp, x):
    if xp.__name__.startswith("pluggrad"):
        raise NotImplementedError("not for this dtype, says the library")
    return xp.sin(x)


def lost(xp, x):
    """Right, but the gradient is not that of the value."""
    return xp.sin(x.detach()) + 0 * x if hasattr(x, "detach") else xp.sin(x)


typical = case("typical", Array((2, 3)))
at_zero = case("zero", Array(values=(0.0, 1.0)))
conventional = case("agreed", Array(values=(0.0, 1.0)), convention="by agreement")
ROWS = [
    Operation("sin", "elementwise", (typical, at_zero, conventional), exact=mpmath.sin),
    *[
        Operation(f.__name__, "elementwise", (typical,), call=f, exact=mpmath.sin,
                  torch=lambda torch, x: torch.sin(x), jax=lambda jnp, x: jnp.sin(x))
        for f in (broken, only_ours, refused, failing, lacking, lost)
    ],
]  # fmt: skip


@pytest.fixture(autouse=True)
def table(monkeypatch):
    monkeypatch.setattr(tables, "read_tables", lambda: None)
    monkeypatch.setattr(operations, "OPERATIONS", {row.name: row for row in ROWS})


@pytest.fixture
def told(monkeypatch):
    """Oracles that say what they are told: by how much, relative to the truth, each differs."""

    def tell(**errors):
        asked = []

        def consult(problem, quantity, names=None):
            asked.append((quantity, tuple(names)))
            x = problem.inputs[0].astype(np.float64)
            c = problem.cotangent(0, x.shape, problem.dtype).astype(np.float64)
            t = problem.tangents()[0].astype(np.float64)
            truth = {
                "value": np.sin(x), "gradient": c * np.cos(x), "tangent": t * np.cos(x),
                "second": -t * c * np.sin(x),
            }[quantity]  # fmt: skip
            return [
                OracleAnswer(name.replace("_", " "), [truth + error], [np.zeros(x.shape)])
                for name, error in errors.items()
                if name.replace("_", " ") in names and error is not None
                and (quantity != "value" or error == 0.0)
            ]  # fmt: skip

        monkeypatch.setattr(judging, "consult_oracles", consult)
        return asked

    return tell


EPS = np.finfo("float64").eps
OFF, WRONG = 10 * 16 * EPS, 1e-4

VERDICTS = [
    # what each oracle differs by, and the outcome
    ({"torch": 0.0, "jax": 0.0, "mpmath": 0.0}, "pass"),
    ({"torch": 0.0}, "pass"),
    ({"torch": WRONG, "jax": WRONG}, "wrong"),
    ({"torch": OFF, "jax": OFF}, "numerically-off"),
    ({"torch": np.inf, "jax": np.inf}, "nonfinite-mismatch"),
    ({"torch": WRONG, "jax": -WRONG}, "oracle-conflict"),
    ({"torch": WRONG, "jax": -WRONG, "complex_step": -WRONG}, "wrong"),
    ({"torch": WRONG, "jax": 0.0}, "oracle-conflict"),
    ({"torch": 0.0, "jax": WRONG}, "oracle-conflict"),
    ({"torch": 0.0, "jax": OFF}, "oracle-conflict"),
    ({"torch": 0.0, "jax": WRONG, "complex_step": 0.0}, "oracle-conflict"),
    ({"torch": 0.0, "jax": OFF, "complex_step": 0.0}, "pass"),
    ({"torch": WRONG, "jax": WRONG, "mpmath": 0.0}, "pass"),
    ({"torch": 0.0, "mpmath": WRONG}, "oracle-conflict"),
    ({"torch": WRONG}, "oracle-conflict"),
    ({"torch": WRONG, "finite_differences": WRONG}, "wrong"),
    ({"torch": WRONG, "finite_differences": 0.0}, "oracle-conflict"),
    ({"torch": OFF, "finite_differences": OFF}, "numerically-off"),
    ({"torch": np.nan}, "nonfinite-mismatch"),
    ({"mpmath": WRONG, "finite_differences": WRONG}, "wrong"),
    ({"finite_differences": 0.0}, "pass"),
    ({"finite_differences": WRONG}, "oracle-conflict"),
    ({}, "oracle-missing"),
    ({"convention": 0.0, "torch": 0.0}, "pass"),
    ({"convention": 0.0, "torch": WRONG, "jax": WRONG}, "convention"),
    ({"convention": 0.0}, "pass"),
    ({"convention": WRONG, "torch": 0.0, "jax": 0.0}, "wrong"),
    ({"convention": OFF}, "numerically-off"),
    ({"convention": np.nan, "torch": 0.0}, "nonfinite-mismatch"),
]


@pytest.mark.parametrize("errors, outcome", VERDICTS, ids=str)
def test_verdicts(told, errors, outcome):
    told(**errors)
    result = judge_cell(Cell.parse("sin|numpy|float64"))
    assert result.outcome == outcome, result.detail
    assert {o.name for o in result.oracles} <= {name.replace("_", " ") for name in errors}
    if outcome not in ("pass", "oracle-missing"):
        assert result.detail
    assert (result.error is None) == (outcome == "oracle-missing")
    assert Result.from_dict(result.as_dict()).outcome in OUTCOMES


def test_a_documented_convention_settles_a_conflict(told):
    told(torch=0.0, jax=WRONG)
    assert (
        judge_cell(Cell.parse("sin|numpy|float64|case=zero")).outcome == "pass"
    )  # jax is not asked
    told(torch=WRONG, jax=0.0)
    assert judge_cell(Cell.parse("sin|numpy|float64|case=zero")).outcome == "oracle-conflict"
    assert judge_cell(Cell.parse("sin|numpy|float64|case=agreed")).outcome == "convention"


def test_more_oracles_are_asked_only_where_they_are_needed(told):
    def names(asked):
        return {name for quantity, names in asked if quantity != "value" for name in names}

    asked = told(torch=0.0)
    judge_cell(Cell.parse("sin|numpy|float32"))
    assert names(asked) == {"convention", "torch"}
    asked = told(torch=0.0)
    judge_cell(Cell.parse("sin|numpy|float64"))
    assert names(asked) == {"convention", "torch", "jax", "mpmath", "scipy", "complex step"}
    asked = told(torch=WRONG)
    judge_cell(Cell.parse("sin|numpy|float32"))
    assert "finite differences" in names(asked) and "mpmath" in names(asked)
    asked = told(mpmath=0.0)
    assert judge_cell(Cell.parse("sin|numpy|float32")).outcome == "pass"
    assert "jax" in names(asked)


def test_errors_are_in_eps_and_ratios_in_tolerances(told):
    told(torch=160 * EPS)
    result = judge_cell(Cell.parse("sin|numpy|float64"))
    size = np.abs(np.cos(Problem.of(result.cell).inputs[0]))
    assert result.oracles[0].verdict == "off"
    assert 160 / (2 * size.max()) <= result.error <= 160 / (0.2 * size.min())
    assert result.ratio == pytest.approx(result.error / 16, rel=1e-6)


def test_who_is_at_fault(told):
    told(torch=0.0, jax=0.0)
    failed = judge_cell(Cell.parse("broken|numpy|float64"))
    assert failed.outcome == "unsupported-by-backend" and "KeyError" in failed.detail
    ours = judge_cell(Cell.parse("only_ours|numpy|float64"))
    assert ours.outcome == "pass" and "the bare library does not compute it" in ours.detail
    said = judge_cell(Cell.parse("refused|numpy|float64"))
    assert (said.outcome, said.detail) == (
        "unsupported-by-engine",
        "UnsupportedError: no derivative here",
    )
    fault = judge_cell(Cell.parse("failing|numpy|float64"))
    assert fault.outcome == "error" and fault.detail.startswith(
        "ZeroDivisionError: a mistake in the engine"
    )
    lacking = judge_cell(Cell.parse("lacking|numpy|float64"))
    assert lacking.outcome == "unsupported-by-backend" and "not for this dtype" in lacking.detail
    assert judge_cell(Cell.parse("sin|numpy|bfloat16")).outcome == "unsupported-by-backend"
    unknown = judge_cell(Cell.parse("sin|nosuch|float64"))
    assert unknown.outcome == "error" and "nosuch" in unknown.detail


def test_a_lost_gradient_is_wrong(told):
    told(torch=0.0, jax=0.0)
    assert judge_cell(Cell.parse("lost|numpy|float64")).outcome == "wrong"


def test_the_value_of_the_library_is_judged_first(monkeypatch):
    """Far off, the gradient is not asked for; a little off, it may still be right."""

    def outcome(key, value, gradient):
        def consult(problem, quantity, names=None):
            x = problem.inputs[0]
            truth = np.sin(x) * (1 + value)
            if quantity == "gradient":
                truth = problem.cotangent(0, x.shape, "float64") * np.cos(x) * (1 + gradient)
            answers = [OracleAnswer(n, [truth], [np.zeros(x.shape)]) for n in ("torch", "jax")]
            return [a for a in answers if a.name in names]

        monkeypatch.setattr(judging, "consult_oracles", consult)
        result = judge_cell(Cell.parse(key))
        assert ("the library's own value: torch" in result.detail) == (result.outcome != "pass")
        return result.outcome

    assert outcome("sin|numpy|float64", 0.01, 0.0) == "forward-deviation"
    assert outcome("sin|numpy|float64", OFF, 0.0) == "pass"
    assert outcome("sin|numpy|float64", OFF, OFF) == "forward-deviation"
    assert outcome("sin|numpy|float64|order=0", OFF, 0.0) == "forward-deviation"


def test_every_mode_and_form_passes(monkeypatch):
    needs("torch")
    for key in (
        "sin|numpy|float64", "sin|numpy|float32", "sin|numpy|complex64", "sin|numpy|float16",
        "sin|numpy|complex128", "sin|numpy|float64|order=0", "sin|numpy|complex128|order=2",
        "sin|numpy|float64|mode=forward", "sin|numpy|float64|mode=vmap",
        "sin|numpy|float64|order=2|mode=forward-over-reverse",
        "sin|numpy|float64|shape=non-contiguous", "sin|strict|float64", "sin|torch|bfloat16",
    ):  # fmt: skip
        result = judge_cell(Cell.parse(key))
        assert result.outcome == "pass", (key, result.outcome, result.detail)
        assert result.seconds > 0 and all(p.held for p in result.properties)
        assert math.isfinite(result.error) and result.ratio <= 1


def test_base_cells_are_asked_for_every_property():
    needs("torch")
    first = judge_cell(Cell.parse("sin|numpy|float64"))
    assert [p.name for p in first.properties] == [
        "dtype", "shape", "device", "unchanged", "twice", "transposition", "linearity",
        "zero cotangent", "fan-out", "aliasing",
    ]  # fmt: skip
    second = judge_cell(Cell.parse("sin|numpy|complex128|order=2"))
    assert [p.name for p in second.properties][-2:] == ["twice", "symmetry"]


def test_at_other_inputs():
    """A shrunk problem is judged at its own inputs."""
    needs("torch")
    cell = Cell.parse("sin|numpy|float64")
    problem = Problem.of(cell).with_inputs([np.asarray([0.25])])
    result = judge_cell(cell, problem)
    assert result.outcome == "pass" and len(result.oracles) >= 2


HERE = Path(__file__).parent


def test_a_library_of_a_third_party_by_the_same_command(tmp_path):
    """`fakelib` is handed to the runner as a plugin; its bug is found, and nothing else."""
    needs("torch")
    needs("jax")
    needs("rich")
    out, plugin = tmp_path / "run", HERE / "fakelib.py"
    code = (
        "import sys; from pluggrad.tools.cli import main; sys.exit(main(['conformance', 'run',"
        "'--backends', 'fake', '--operations', 'sin', '--dtypes', 'float64', '--no-report',"
        f"'--shrink', '0', '--jobs', '1', '--out', {str(out)!r}, '--plugin', {str(plugin)!r}]))"
    )
    env = os.environ | {"FAKELIB_BUGS": "cos is wrong"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode in (0, 1), done.stderr
    lines = (out / "results.jsonl").read_text().splitlines()
    outcomes = {facts["key"]: facts["outcome"] for facts in map(json.loads, lines)}
    assert outcomes["sin|fake|float64"] == "wrong"
    assert outcomes["sin|fake|float64|mode=forward"] == "wrong"
    assert outcomes["sin|fake|float64|order=0"] == "pass"
