"""The oracles agree with each other and with what is known, and keep to themselves."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.support.optional import is_installed, needs

mpmath = needs("mpmath")

from oracle_rows import ROWS, inf, m, nan, need_both, need_torch, problem_of, row

from pluggrad_conformance import oracles
from pluggrad_conformance.operations import Array, Operation, case
from pluggrad_conformance.oracles import OracleAnswer, consult_oracles, silence
from pluggrad_conformance.problem import QUANTITIES
from pluggrad_conformance.tolerance import compare_with_oracle

CELLS = [
    (name, dtype, quantity)
    for name, operation in ROWS.items()
    for dtype in ("float32", "float64", "complex128")
    if ("complex" if dtype == "complex128" else "real") in operation.domains
    for quantity in QUANTITIES
]


@need_torch
@pytest.mark.parametrize("name, dtype, quantity", CELLS)
def test_the_oracles_agree(name: str, dtype: str, quantity: str) -> None:
    """torch, mpmath, the complex step and finite differences, in double precision."""
    problem = problem_of(ROWS[name], dtype)
    names = [n for n in oracles.NAMES if n != "jax"]
    first, *others = consult_oracles(problem, quantity, names)
    assert first.name == "torch"
    assert all(a.dtype.kind != "f" or a.dtype == np.float64 for a in first.arrays)
    for other in others:
        judged, by = (first, other) if other.doubt else (other, first)
        found = compare_with_oracle(ROWS[name], quantity, "float64", judged.arrays, by)
        assert found.verdict == "agrees", (other.name, found)
    if quantity != "value":
        assert "finite differences" in [a.name for a in others], silence(problem, quantity)
    if ROWS[name].exact is not None:
        assert "mpmath" in [a.name for a in others], silence(problem, quantity)
    if ROWS[name].analytic and quantity in ("gradient", "tangent") and dtype != "complex128":
        assert "complex step" in [a.name for a in others], silence(problem, quantity)


@need_both
@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("name", ["abs", "multiply", "linalg.inv", "fft.fft", "written"])
def test_jax_agrees_in_torch_s_complex_convention(name: str, quantity: str) -> None:
    problem = problem_of(ROWS[name], "complex128")
    torch, jax = consult_oracles(problem, quantity, ["torch", "jax"])
    found = compare_with_oracle(ROWS[name], quantity, "float64", jax.arrays, torch)
    assert found.verdict == "agrees", found


def test_known_derivatives() -> None:
    """f(z) = z²: every quantity and every oracle against the formula."""
    operation = row("square", "elementwise", Array((3,)), call=lambda xp, z: z * z,
                    exact=lambda z: z * z)  # fmt: skip
    problem = problem_of(operation, "complex128")
    z, (t,) = problem.inputs[0], problem.tangents()
    c = problem.cotangent(0, (3,), "complex128")
    expected = {
        "value": z * z,
        "gradient": np.conj(2 * z) * c,
        "tangent": 2 * z * t,
        # Re⟨t, conj(2z) c⟩ = Re(conj(t) c conj(2z)), whose gradient by z is 2 c conj(t)
        "second": 2 * c * np.conj(t),
    }
    for quantity in QUANTITIES:
        answers = consult_oracles(problem, quantity)
        assert answers
        for answer in answers:
            rtol = 1e-6 if answer.doubt else 1e-14
            np.testing.assert_allclose(
                answer.arrays[0], expected[quantity], rtol, err_msg=answer.name
            )


def test_outputs_without_a_gradient_keep_their_number() -> None:
    problem = problem_of(ROWS["split"])
    (x,) = problem.inputs
    c0, c2 = problem.cotangent(0, (), "float64"), problem.cotangent(2, (2, 3), "float64")
    for answer in consult_oracles(problem, "gradient"):
        np.testing.assert_allclose(answer.arrays[0], c0 + 2 * x * c2, rtol=1e-7)
    for answer in consult_oracles(problem, "tangent"):
        assert [a.shape for a in answer.arrays] == [(), (2, 3)]
    for answer in consult_oracles(problem, "value"):
        assert answer.arrays[1] == np.argmax(x)
        assert answer.arrays[1].dtype.kind == "i"


def test_the_mask_leaves_constants() -> None:
    problem = problem_of(ROWS["multiply"], mask="1")
    x, y = problem.args
    c = problem.cotangent(0, (2, 3), "float64")
    for answer in consult_oracles(problem, "gradient"):
        assert len(answer.arrays) == 1
        np.testing.assert_allclose(answer.arrays[0], np.sum(c * x, axis=0), rtol=1e-7)
    assert y.shape == (3,)


def test_oracles_that_cannot_know_say_nothing() -> None:
    """At kinks and infinities differences mean nothing, and the convention is a matter of choice."""
    ties = Operation("abs", "elementwise", (case("zero", Array(values=(0.0, 2.0))),), exact=abs)
    assert silence(
        problem_of(ties), "gradient", ["mpmath", "finite differences", "complex step"]
    ) == {
        "mpmath": "not differentiable here",
        "finite differences": "not differentiable here",
        "complex step": "not an analytic function",
    }
    for quantity in ("gradient", "second"):
        assert "mpmath" in silence(problem_of(ties), quantity)
    # the slope of this one is continuous at 1, its second derivative is not
    huber = Operation(
        "huber", "elementwise", (case("kink", Array(values=(1.0,))),),
        call=lambda xp, x: xp.where(x < 1, x * x / 2, x - 0.5),
        exact=lambda x: x * x / 2 if x < 1 else x - mpmath.mpf(0.5),
    )  # fmt: skip
    assert "mpmath" not in silence(problem_of(huber), "gradient")
    assert silence(problem_of(huber), "second")["mpmath"] == "not differentiable here"
    infinite = Operation("sin", "elementwise", (case("inf", Array(values=(inf, 1.0))),),
                         exact=mpmath.sin)  # fmt: skip
    assert "infinities" in silence(problem_of(infinite), "gradient")["mpmath"]


def test_mpmath_is_exact_where_doubles_are_not() -> None:
    """Inputs of 1e-200, whose steps cost hundreds of digits, beside inputs of 1."""
    values = (1e-200, 1.0, 3e5)
    operation = row("expm1", "elementwise", Array(values=values), exact=mpmath.expm1)
    operation = row("log1p", "elementwise", Array(values=values), exact=mpmath.log1p)
    problem = problem_of(operation)
    (answer,) = consult_oracles(problem, "gradient", ["mpmath"])
    c = problem.cotangent(0, (3,), "float64")
    np.testing.assert_allclose(answer.arrays[0], c / (1 + np.asarray(values)), rtol=3e-16)
    (answer,) = consult_oracles(problem, "second", ["mpmath"])
    expected = -c * problem.tangents()[0] / (1 + np.asarray(values)) ** 2
    np.testing.assert_allclose(answer.arrays[0], expected, rtol=5e-16)


def test_empty_and_0_d() -> None:
    for shape in [(), (0, 3)]:
        for operation in (
            row("sin", "elementwise", Array(shape), exact=mpmath.sin, analytic=True),
            row("sum", "reduction", Array(shape)),
        ):
            for quantity in QUANTITIES:
                for answer in consult_oracles(problem_of(operation), quantity):
                    wanted = (
                        ()
                        if operation.name == "sum" and quantity in ("value", "tangent")
                        else shape
                    )
                    assert [a.shape for a in answer.arrays] == [wanted], answer.name
                    assert [s.shape for s in answer.scale] == [wanted], answer.name


# ---------------------------------------------------------------- the scale


@need_torch
def test_the_scale_is_the_condition_times_the_component() -> None:
    operation = row("subtract", "elementwise", Array((4,), 9.0, 11.0), Array((4,), 9.0, 11.0))
    problem = problem_of(operation)
    (answer,) = consult_oracles(problem, "value", ["torch"])
    expected = sum(np.abs(x) for x in problem.inputs)
    assert np.all(answer.scale[0] > 0.3 * expected)
    assert np.all(answer.scale[0] < 1.6 * expected)


@need_torch
@pytest.mark.parametrize("name", ["var", "logsumexp"])
def test_the_scale_sees_cancellation(name: str) -> None:
    """Changing every number by the same factor would hide it."""
    operation = row(name, "reduction", Array((100,), 9_990.0, 10_010.0),
                    call=lambda xp, x: xp.var(x) if name == "var" else xp.logsumexp(x, 0))  # fmt: skip
    (answer,) = consult_oracles(problem_of(operation), "gradient", ["torch"])
    assert np.median(answer.scale[0] / np.abs(answer.arrays[0])) > 500


@need_torch
def test_the_scale_of_a_linear_operation_comes_from_the_cotangent() -> None:
    (answer,) = consult_oracles(problem_of(ROWS["fft.fft"], "complex128"), "gradient", ["torch"])
    assert np.all(answer.scale[0] > 0.5)


@need_torch
def test_a_tie_that_breaks_is_no_sensitivity() -> None:
    operation = row("max", "reduction", Array(values=(1.0, 3.0, 3.0)))
    (answer,) = consult_oracles(problem_of(operation), "gradient", ["torch"])
    assert np.max(answer.scale[0]) < 5


# ---------------------------------------------------------------- asking


def test_names_and_quantities_are_checked() -> None:
    problem = problem_of(ROWS["sin"])
    with pytest.raises(ValueError, match="no oracle astrology; they are convention, torch"):
        consult_oracles(problem, "gradient", ["astrology"])
    with pytest.raises(ValueError, match="'slope' is no quantity"):
        consult_oracles(problem, "slope")


def test_a_shrunk_problem_has_answers_of_its_own() -> None:
    problem = problem_of(ROWS["sin"])
    (before,) = consult_oracles(problem, "gradient", ["mpmath"])
    smaller = problem.with_inputs([problem.inputs[0][:1]])
    (after,) = consult_oracles(smaller, "gradient", ["mpmath"])
    assert (before.arrays[0].shape, after.arrays[0].shape) == ((2, 3), (1, 3))


def test_an_answer_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    oracles.clear()
    calls = []
    monkeypatch.setattr("pluggrad_conformance.oracles.frozen_as_live", lambda *args: None)
    real = oracles._ASK["mpmath"]
    monkeypatch.setitem(oracles._ASK, "mpmath", lambda p, q: calls.append(q) or real(p, q))
    problem = problem_of(ROWS["sin"])
    consult_oracles(problem, "value", ["mpmath"])
    asked = len(calls)
    assert asked
    consult_oracles(problem_of(ROWS["sin"]), "value", ["mpmath"])
    assert len(calls) == asked


def test_an_oracle_that_fails_is_one_without_an_answer() -> None:
    def broken(xp: Any, x: Any) -> Any:
        raise ZeroDivisionError("broken")

    problem = problem_of(row("broken", "reduction", m, call=broken))
    assert consult_oracles(problem, "gradient") == []
    if is_installed("torch"):
        assert silence(problem, "gradient")["torch"] == "ZeroDivisionError: broken"


@need_both
def test_the_user_s_settings_stay() -> None:
    import jax
    import torch

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", False)
    torch.set_grad_enabled(False)
    try:
        for answer in consult_oracles(
            problem_of(ROWS["pow"], "float64"), "gradient", ["torch", "jax"]
        ):
            assert answer.arrays[0].dtype == np.float64
            assert np.any(answer.arrays[0] != answer.arrays[0].astype(np.float32))
        assert not jax.config.jax_enable_x64
        assert not torch.is_grad_enabled()
        assert torch.get_default_dtype() == torch.float32
    finally:
        jax.config.update("jax_enable_x64", before)
        torch.set_grad_enabled(True)


def test_every_oracle_is_described() -> None:
    about = oracles.describe()
    assert tuple(about) == oracles.NAMES
    assert about["mpmath"].endswith("live")


# ---------------------------------------------------------------- conventions


def put(xp: Any, x: Any, v: Any) -> Any:
    """x[[0, 0]] = v"""
    if hasattr(x, "at"):
        return x.at[xp.asarray([0, 0])].set(v)
    y = xp.asarray(x, copy=True)
    y[xp.asarray([0, 0])] = v
    return y


CONVENTIONS = {
    "logaddexp of equal infinities": Operation(
        "logaddexp", "elementwise",
        (case("infinities", Array(values=(inf, 0.0)), Array(values=(inf, 0.0)),
              convention="equal shares", expected=lambda c, x, y: [c / 2, c / 2]),),
    ),
    "duplicates in setitem": Operation(
        "setitem", "movement",
        (case("duplicates", Array((3,)), Array((2,)), convention="last write wins",
              expected=lambda c, x, v: [c * [0, 1, 1], np.asarray([0, c[0]])]),),
        call=put,
    ),
    "det of a singular matrix": Operation(
        "linalg.det", "linalg",
        (case("singular", Array(values=((1.0, 2.0), (2.0, 4.0))), convention="adjugate",
              expected=lambda c, x: [c * np.asarray([[4.0, -2.0], [-2.0, 1.0]])]),),
    ),
    "atan2 of tiny numbers": Operation(
        "atan2", "elementwise",
        (case("tiny", Array(values=(1e-200,)), Array(values=(1e-200,)), convention="no underflow",
              expected=lambda c, x, y: [c * 5e199, -c * 5e199]),),
    ),
}  # fmt: skip


@need_torch
@pytest.mark.parametrize("name", CONVENTIONS)
def test_conventions_speak_first_where_torch_is_wrong(name: str) -> None:
    operation = CONVENTIONS[name]
    problem = problem_of(operation)
    first, torch = consult_oracles(problem, "gradient", ["convention", "torch"])
    assert (first.name, first.note) == ("convention", operation.typical.convention)
    assert (
        compare_with_oracle(operation, "gradient", "float64", torch.arrays, first).verdict
        != "agrees"
    )
    assert [s.shape for s in first.scale] == [x.shape for x in problem.inputs]
    # the tangent is the transpose of the gradient
    (tangent,) = consult_oracles(problem, "tangent", ["convention"])
    c = problem.cotangent(0, tangent.arrays[0].shape, "float64")
    pairs = zip(first.arrays, problem.tangents(), strict=True)
    np.testing.assert_allclose(
        np.sum(c * tangent.arrays[0]), sum(np.sum(g * t) for g, t in pairs), rtol=1e-12
    )
    assert "says nothing" in silence(problem, "second", ["convention"])["convention"]


def test_conventions_of_complex_functions() -> None:
    operation = Operation(
        "square", "elementwise",
        (case("typical", Array((3,)), convention="by hand",
              expected=lambda c, x: [np.conj(2 * x) * c]),),
        call=lambda xp, z: z * z,
    )  # fmt: skip
    problem = problem_of(operation, "complex128")
    (tangent,) = consult_oracles(problem, "tangent", ["convention"])
    np.testing.assert_allclose(tangent.arrays[0], 2 * problem.inputs[0] * problem.tangents()[0])


def test_the_tangent_of_a_convention_keeps_components_apart() -> None:
    operation = Operation(
        "maximum", "elementwise",
        (case("nan", Array(values=(nan, 1.0)), Array(values=(0.0, 2.0)), convention="by hand",
              expected=lambda c, x, y: [c * [nan, 0], c * [nan, 1]]),),
    )  # fmt: skip
    problem = problem_of(operation)
    (tangent,) = consult_oracles(problem, "tangent", ["convention"])
    np.testing.assert_array_equal(tangent.arrays[0], [nan, problem.tangents()[1][1]])


def test_without_a_convention_the_oracle_is_silent() -> None:
    reasons = silence(problem_of(ROWS["sin"]), "gradient", ["convention"])
    assert reasons == {"convention": "no convention decides here"}


def test_with_numpy_alone() -> None:
    """The libraries cannot be imported: their oracles are silent, and the others answer."""
    code = """
import sys
sys.modules.update({name: None for name in ("torch", "jax", "scipy")})
from pluggrad_conformance.operations import Array, Operation, case
from pluggrad_conformance.oracles import consult_oracles, describe
from pluggrad_conformance.problem import Problem
row = Operation("sin", "elementwise", (case("typical", Array((2, 3))),), analytic=True)
answers = consult_oracles(Problem(row, row.typical, "float64", seed="not frozen"), "gradient")
print([a.name for a in answers], [describe()[n].endswith("live") for n in ("torch", "jax")])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['complex step', 'finite differences'] [False, False]"


def test_an_answer_is_a_plain_record() -> None:
    answer = OracleAnswer("by hand", [np.ones(2)], [np.zeros(2)])
    assert (answer.note, answer.doubt) == ("", [])
