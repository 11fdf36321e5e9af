"""Oracles that speak only where they know: branch points, -0.0, nan, isolated points, one source."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pytest

from tests.support.optional import needs, since

mpmath = needs("mpmath")

from oracle_rows import ROWS, inf, nan, need_both, need_torch, problem_of, row

from pluggrad_conformance import freezing, oracles
from pluggrad_conformance.cells import Cell
from pluggrad_conformance.judge import Case
from pluggrad_conformance.operations import Array, Operation, case
from pluggrad_conformance.oracles import OracleAnswer, consult_oracles, frozen, silence
from pluggrad_conformance.oracles.inherited import INHERITED, same_source
from pluggrad_conformance.problem import Problem
from pluggrad_conformance.tables import load_operations


def at(*values: float, name: str = "f", **facts: Any) -> Problem:
    return problem_of(
        Operation(name, "elementwise", (case("here", Array(values=values)),), **facts)
    )


def why(problem: Problem, oracle: str, quantity: str = "gradient") -> str:
    return silence(problem, quantity, [oracle]).get(oracle, "")


# ---------------------------------------------------------------- the complex step


@pytest.mark.parametrize("name, x, reason", [
    ("sqrt", 0.0, "another than the real one"),
    ("log", 0.0, "another than the real one"),
    ("sqrt", -1.0, "another than the real one"),
    ("log", -2.0, "another than the real one"),
    ("acosh", 0.5, "another than the real one"),
    ("acosh", 1.0, "another than the real one"),
    ("asin", -1.0, "a branch point"),
    ("atanh", 3.0, "another than the real one"),
])  # fmt: skip
@pytest.mark.parametrize("quantity", ["gradient", "tangent"])
def test_the_complex_step_is_silent_at_branch_points(name, x, reason, quantity) -> None:
    problem = at(x, name=name, analytic=True)
    assert reason in why(problem, "complex step", quantity)


def test_the_complex_step_speaks_where_a_function_is_analytic() -> None:
    problem = at(0.25, 3.0, 1e-100, 1e150, name="sqrt", analytic=True)
    (answer,) = consult_oracles(problem, "gradient", ["complex step"])
    (x,) = problem.inputs
    expected = problem.cotangent(0, x.shape, "float64") / (2 * np.sqrt(x))
    np.testing.assert_allclose(answer.arrays[0], expected, rtol=1e-15)


def test_large_elementwise_problems_are_differentiated_at_once() -> None:
    """By the complex step and by differences, with broadcasting, beyond any limit."""
    operation = row("multiply", "elementwise", Array((30, 40), 0.5, 2.0), Array((40,), 0.5, 2.0),
                    exact=None, analytic=True)  # fmt: skip
    problem = problem_of(operation)
    x, y = problem.inputs
    c = problem.cotangent(0, (30, 40), "float64")
    for answer in consult_oracles(problem, "gradient", ["complex step", "finite differences"]):
        rtol = 1e-6 if answer.doubt else 1e-13
        np.testing.assert_allclose(answer.arrays[0], c * y, rtol)
        np.testing.assert_allclose(answer.arrays[1], np.sum(c * x, axis=0), rtol, atol=rtol)
    assert not silence(problem, "second", ["finite differences"])


# ---------------------------------------------------------------- mpmath


def test_mpmath_is_silent_on_negative_zero() -> None:
    """atan2(0, -0.0) is π in floating point; exact numbers have no -0.0."""
    atan2 = Operation("atan2", "elementwise", (case("axis", Array(values=(0.0, 1.0)),
                      Array(values=(-0.0, 1.0))),), exact=mpmath.atan2)  # fmt: skip
    for quantity in ("value", "gradient"):
        assert "-0.0" in why(problem_of(atan2), "mpmath", quantity)
    sign = Operation("copysign", "elementwise", (case("by x", Array(values=(2.0,)),
                     Array(values=(-0.0,), constant=True)),),
                     exact=lambda x, y: abs(x) * mpmath.sign(y))  # fmt: skip
    assert "-0.0" in why(problem_of(sign), "mpmath")
    assert why(at(-0.0, exact=lambda x: 1 / x), "mpmath")
    # where a function is continuous, -0.0 is as good as 0
    (answer,) = consult_oracles(at(-0.0, exact=mpmath.sin), "gradient", ["mpmath"])
    assert abs(answer.arrays[0][0]) > 0


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin"])
def test_mpmath_follows_numpy_with_nan(name: str) -> None:
    xs, ys = (nan, 1.0, nan, 1.0, inf), (1.0, nan, nan, 2.0, -inf)
    exact = load_operations()[name].exact
    with mpmath.workdps(30):
        found = [float(exact(mpmath.mpf(x), mpmath.mpf(y))) for x, y in zip(xs, ys, strict=True)]
    np.testing.assert_array_equal(found, getattr(np, name)(xs, ys))


def test_mpmath_is_silent_where_a_function_is_real_at_isolated_points_only() -> None:
    """(-2)^p is real at p = 3 and complex beside it: there is no slope, but there is a value."""
    power = problem_of(
        Operation("pow", "elementwise", (case("negative", Array(values=(-2.0,), constant=True),
                  Array(values=(3.0,))),), exact=mpmath.power)
    )  # fmt: skip
    for quantity in ("gradient", "tangent", "second"):
        assert "complex next to the input" in why(power, "mpmath", quantity)
    (answer,) = consult_oracles(power, "value", ["mpmath"])
    assert answer.arrays[0] == [-8.0]


# ---------------------------------------------------------------- one source


def test_libraries_with_one_formula_are_one_oracle() -> None:
    assert same_source("special.erfcx", "second", "torch (frozen)", "jax")
    assert not same_source("special.erfcx", "second", "torch", "mpmath")
    assert not same_source("sin", "second", "torch", "jax")
    table = load_operations()
    for pattern, _, libraries, reason in INHERITED:
        assert len(libraries) > 1 and reason
        assert any(fnmatchcase(name, pattern) for name in table)


@pytest.mark.parametrize("name, outcome", [("special.erfcx", "oracle-conflict"), ("sin", "wrong")])
def test_two_that_inherit_one_formula_do_not_condemn(name: str, outcome: str) -> None:
    judged = Case(Cell(name, "numpy", "float64", order=2),
                   Problem.of(Cell(name, "numpy", "float64")), None)  # fmt: skip
    (x,) = judged.problem.inputs
    said = [OracleAnswer(n, [np.ones(x.shape)], [np.zeros(x.shape)]) for n in ("torch", "jax")]
    found = [judged.against(oracle, [np.full(x.shape, 2.0)]) for oracle in said]
    assert judged.weigh(judged.problem, said, found).outcome == outcome


@need_both
@since("jax", "0.10")  # versions before have no erfcx
def test_torch_and_jax_are_wrong_alike_about_erfcx() -> None:
    """The reason for the rule: erfcx'' at 1e4 is 2/√π · 1e-12, and each has lost every digit."""
    row = load_operations()["special.erfcx"]
    operation = Operation("special.erfcx", "elementwise", (case("far", Array(values=(1e4,))),),
                          exact=row.exact, torch=row.torch, jax=row.jax)  # fmt: skip
    problem = problem_of(operation)
    said = {a.name: a.arrays[0][0] for a in consult_oracles(problem, "second")}
    assert abs(said["torch"] / said["mpmath"] - 1) > 1e-3
    assert abs(said["jax"] / said["mpmath"] - 1) > 1e-3


# ---------------------------------------------------------------- what is frozen


@pytest.fixture(scope="module")
def asked() -> dict[str, set[str]]:
    """The quantities that are frozen, by problem, of a few operations."""
    found: dict[str, set[str]] = {}
    names = ["sin", "sum", "maximum", "program.mlp", "special.erfcx"]
    for problem, quantity in freezing.problems_to_freeze(names):
        found.setdefault(problem.key, set()).add(quantity)
    return found


def test_values_of_cases_and_shapes_are_frozen(asked: dict[str, set[str]]) -> None:
    named = {key: said for key, said in asked.items() if "case=typical" not in key}
    assert any("shape=" in key for key in named)
    assert all("value" in said for said in named.values())


def test_large_problems_and_programs_are_frozen(asked: dict[str, set[str]]) -> None:
    assert {"gradient", "value"} <= asked["sum|float64|shape=large|all"]
    assert "sin|float64|shape=large|all" not in asked  # NumPy differentiates these itself
    assert {"gradient", "second"} <= asked["program.mlp|float64|case=typical|all"]
    sizes = [sum(x.size for x in p.inputs) for p, _ in freezing.problems_to_freeze()]
    assert max(sizes) <= freezing.LARGEST


@need_both
@since("jax", "0.10")
def test_jax_is_asked_about_every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem.of(Cell("special.erfcx", "numpy", "float64", case="edges"))
    assert set(freezing._said(problem, "second")) == {"torch", "jax", "mpmath"}


@pytest.mark.parametrize("number", [0, 1])
def test_a_frozen_gradient_serves_each_argument(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setenv("PLUGGRAD_ORACLES", "frozen")
    oracles.clear()
    whole = Problem.of(Cell("multiply", "numpy", "float64"))
    alone = Problem.of(Cell("multiply", "numpy", "float64", args=str(number)))
    (both,) = consult_oracles(whole, "gradient", ["torch"])
    (one,) = consult_oracles(alone, "gradient", ["torch"])
    assert len(one.arrays) == 1
    np.testing.assert_array_equal(one.arrays[0], both.arrays[number])
    oracles.clear()


@need_both
def test_freezing_goes_on_from_what_is_there(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = [(problem_of(ROWS["sin"]), "gradient")]
    two = [*one, (problem_of(ROWS["abs"]), "gradient")]
    freezing.freeze(tmp_path, problems=iter(one))
    calls = []
    real = freezing._said
    monkeypatch.setattr(freezing, "_said", lambda p, q: calls.append(p.key) or real(p, q))
    freezing.freeze(tmp_path, problems=iter(two), keep=True)
    assert calls == [two[1][0].key]
    assert set(frozen.frozen_index(tmp_path)) == {f"{p.key}/{q}" for p, q in two}
    monkeypatch.setattr(freezing, "_versions", lambda: {"torch": "other"})
    with pytest.raises(RuntimeError, match="by other versions of torch"):
        freezing.freeze(tmp_path, problems=iter(two), keep=True)
    frozen.clear_cache()


@need_torch
def test_freezing_does_not_take_over_old_answers_of_mpmath() -> None:
    problem = Problem.of(Cell("sin", "numpy", "float64"))
    with frozen.set_aside():
        assert frozen.frozen_as_live(problem, "gradient", "mpmath") is None
    assert frozen.frozen_as_live(problem, "gradient", "mpmath") is not None


@need_torch
def test_frozen_answers_stand_in_for_the_same_version_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = Problem.of(Cell("sin", "numpy", "float64"))
    calls: list[str] = []

    def live(problem: Problem, quantity: str) -> list[np.ndarray]:
        calls.append(quantity)
        return frozen.frozen_answer(problem, quantity, "torch").arrays

    monkeypatch.setitem(oracles._ASK, "torch", live)
    versions = {**frozen.frozen_versions(), "torch": frozen.version("torch")}
    for known, asked in ((versions, False), ({**versions, "torch": "0.1"}, True)):
        monkeypatch.setattr(frozen, "frozen_versions", lambda known=known: known)
        frozen._same_version.cache_clear()
        oracles.clear()
        calls.clear()
        with frozen.preferred():
            assert [a.name for a in consult_oracles(problem, "gradient", ["torch"])] == ["torch"]
        assert bool(calls) == asked
    frozen._same_version.cache_clear()
    oracles.clear()
