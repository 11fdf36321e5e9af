"""The tolerance: it takes correct code at its word, and no seeded bug for rounding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.support.optional import needs

torch = needs("torch", "mpmath")


from pluggrad_conformance.operations import KINDS, Array, Operation, case
from pluggrad_conformance.oracles import OracleAnswer, consult_oracles
from pluggrad_conformance.problem import Problem, round_to
from pluggrad_conformance.tolerance import (
    CONSTANTS,
    Comparison,
    compare_with_oracle,
    constant,
    limits,
)

inf, nan = math.inf, math.nan


def row(name: str, kind: str, *arrays: Any, call: Any = None, **kwargs: Any) -> Operation:
    return Operation(name, kind, (case("typical", *arrays, **kwargs),), call=call)


ROWS = {
    r.name: r
    for r in (
        row("sin", "elementwise", Array((5, 200))),
        row("exp", "elementwise", Array((5, 200))),
        row("square", "elementwise", Array((5, 200))),
        row("multiply", "elementwise", Array((50, 1)), Array((20,))),
        row("sum", "reduction", Array((1000,))),
        row("var", "reduction", Array((100,), 9_999.0, 10_001.0)),
        row("logsumexp", "reduction", Array((100,), 9_990.0, 10_010.0), call=lambda xp, x: xp.logsumexp(x, 0)),
        row("cumulative_sum", "scan", Array((300,))),
        row("matmul", "contraction", Array((30, 40)), Array((40, 25))),
        row("fft.fft", "fft", Array((64,))),
        row("linalg.inv", "linalg", Array((8, 8), structure="spd")),
        row("linalg.det", "linalg", Array((6, 6), structure="regular")),
        row("permute_dims", "movement", Array((10, 100)),
            call=lambda xp, x: xp.permute_dims(x, (1, 0))),
        row("program", "program", Array((40, 40)), Array((40,), 0.5, 2.0),
            call=lambda xp, a, b: xp.sum(xp.tanh(a @ b) ** 2) / xp.sum(b)),
    )
}  # fmt: skip


def by_torch(problem: Problem, quantity: str) -> list[np.ndarray]:
    """The quantity as torch computes it in the dtype of the problem: correct code to be judged."""
    import array_api_compat.torch as xp

    f = problem.function(xp, torch.from_numpy)
    xs = [torch.from_numpy(x.copy()).requires_grad_() for x in problem.inputs]
    ys = f(*xs)
    if quantity == "value":
        return [y.detach().numpy() for y in ys]
    cs = [
        torch.from_numpy(problem.cotangent(k, tuple(y.shape), str(y.dtype)[6:]))
        for k, y in enumerate(ys)
    ]
    gs = torch.autograd.grad(ys, xs, cs, create_graph=True)
    if quantity == "second" and any(g.requires_grad for g in gs):
        ts = [torch.from_numpy(t) for t in problem.tangents()]
        gs = torch.autograd.grad(gs, xs, ts, materialize_grads=True)
    elif quantity == "second":
        gs = tuple(torch.zeros_like(x) for x in xs)
    return [g.detach().resolve_conj().numpy() for g in gs]


def judged(name: str, dtype: str, quantity: str, change: Any = None) -> Comparison:
    problem = Problem(ROWS[name], ROWS[name].typical, dtype)
    (oracle,) = consult_oracles(problem, quantity, ["torch"])
    got = [np.array(g) for g in by_torch(problem, quantity)]
    if change is not None:
        got = [np.asarray(change(g), g.dtype) for g in got]
    return compare_with_oracle(ROWS[name], quantity, dtype, got, oracle)


# ---------------------------------------------------------------- correct code


@pytest.mark.parametrize("quantity", ["value", "gradient", "second"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ROWS)
def test_correct_code_agrees(name: str, dtype: str, quantity: str) -> None:
    found = judged(name, dtype, quantity)
    assert found.verdict == "agrees", found
    assert found.ratio <= 1


def normwise(name: str) -> float:
    """The error of torch's gradient in float32, in eps, by a bound that knows of no cancellation."""
    problem = Problem(ROWS[name], ROWS[name].typical, "float32")
    (oracle,) = consult_oracles(problem, "gradient", ["torch"])
    (g,), (o,) = by_torch(problem, "gradient"), oracle.arrays
    return float(np.linalg.norm(g - o) / np.linalg.norm(o) / limits("float32").eps)


def test_variance_of_numbers_around_ten_thousand_agrees_in_float32() -> None:
    """The mean is rounded to 1e-3: a bound that knows nothing of cancellation says 255 eps and more."""
    found = judged("var", "float32", "gradient")
    assert found.verdict == "agrees"
    assert normwise("var") > 100


def test_logsumexp_of_numbers_around_ten_thousand_agrees_in_float32() -> None:
    found = judged("logsumexp", "float32", "gradient")
    assert found.verdict == "agrees"
    assert normwise("logsumexp") > 1000


# ---------------------------------------------------------------- seeded bugs


def one_entry(change: Any) -> Any:
    """A change of one typical entry of the array."""

    def apply(g: np.ndarray) -> np.ndarray:
        flat = np.array(g).reshape(-1)
        at = int(np.argsort(np.abs(flat))[flat.size // 2])
        flat[at] = change(flat[at])
        return flat.reshape(g.shape)

    return apply


BUGS = {
    "scaled by 1 + 1e-4": lambda g: g * (1 + 1e-4),
    "one entry off by 1 %": one_entry(lambda v: v * 1.01),
    "one entry zeroed": one_entry(lambda v: v * 0),
    "one entry of the other sign": one_entry(lambda v: -v),
    "doubled": lambda g: 2 * g,
}
#: Gradients that are so sensitive at these inputs in float32 that 1e-4 of them, or 1 % of one entry, is
#: what correct code loses. (Entries of logsumexp's differ by 10⁸, most are nothing beside the largest.)
BELOW = {
    "var": ("scaled by 1 + 1e-4", "one entry off by 1 %"),
    "logsumexp": ("scaled by 1 + 1e-4", *[bug for bug in BUGS if bug.startswith("one entry")]),
}


@pytest.mark.parametrize("bug", BUGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ROWS)
def test_seeded_bugs_never_agree(name: str, dtype: str, bug: str) -> None:
    if dtype == "float32" and bug in BELOW.get(name, ()):
        pytest.skip("below the conditioning of this problem in float32")
    assert judged(name, dtype, "gradient", BUGS[bug]).verdict in ("off", "wrong")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["square", "sin", "sum"])
def test_a_gradient_that_is_doubled_at_tiny_inputs_is_wrong(name: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    x = np.asarray(rng.uniform(0.5e-7, 2e-7, (20, 50)), dtype)
    operation = ROWS[name]
    problem = Problem(operation, operation.typical, dtype).with_inputs([x])
    (oracle,) = consult_oracles(problem, "gradient", ["torch"])
    (g,) = by_torch(problem, "gradient")
    assert compare_with_oracle(operation, "gradient", dtype, [g], oracle).verdict == "agrees"
    assert compare_with_oracle(operation, "gradient", dtype, [2 * g], oracle).verdict == "wrong"
    tiny = np.where(np.abs(x) < 1e-7, 2 * g, g)
    assert compare_with_oracle(operation, "gradient", dtype, [tiny], oracle).verdict == "wrong"


def test_a_wrong_tie_is_not_excused_by_the_jump_beside_it() -> None:
    operation = Operation("max", "reduction", (case("ties", Array(values=(1.0, 3.0, 3.0))),))
    for dtype in ("float32", "float64"):
        problem = Problem(operation, operation.typical, dtype)
        (oracle,) = consult_oracles(problem, "gradient", ["torch"])
        c = float(problem.cotangent(0, (), dtype))
        right, wrong = np.asarray([0, c / 2, c / 2]), np.asarray([0, c, 0])
        assert (
            compare_with_oracle(operation, "gradient", dtype, [right], oracle).verdict == "agrees"
        )
        assert compare_with_oracle(operation, "gradient", dtype, [wrong], oracle).verdict == "wrong"


# ---------------------------------------------------------------- structure, and what is not finite


def by_hand(*arrays: Any, scale: float = 0.0) -> OracleAnswer:
    found = [np.asarray(a) for a in arrays]
    return OracleAnswer("by hand", found, [np.full(a.shape, scale) for a in found])


SIN, SUM = ROWS["sin"], ROWS["sum"]


def verdict(got: Any, expected: Any, dtype: str = "float64", operation: Operation = SIN) -> str:
    return compare_with_oracle(
        operation, "gradient", dtype, [np.asarray(got)], by_hand(expected)
    ).verdict


def test_structure() -> None:
    found = compare_with_oracle(SIN, "gradient", "float64", [np.ones((3, 1))], by_hand(np.ones(3)))
    assert found.verdict == "wrong"
    assert "shape (3, 1) instead of (3,)" in found.note
    found = compare_with_oracle(SIN, "gradient", "float64", [], by_hand(np.ones(3)))
    assert found.verdict == "wrong"
    assert "0 arrays instead of 1" in found.note
    assert verdict(np.zeros((0, 3)), np.zeros((0, 3))) == "agrees"
    assert verdict(1.0, 1.0) == "agrees"


def test_where_the_worst_component_is() -> None:
    got = [np.ones(3), np.asarray([[1.0, 1.0], [1.0, 1.5]])]
    found = compare_with_oracle(
        SIN, "gradient", "float64", got, by_hand(np.ones(3), np.ones((2, 2)))
    )
    assert found.where == (1, 1, 1)
    assert found.note == "1.5 instead of 1.0"


def test_infinities_and_nan_are_compared_by_place_and_sign() -> None:
    expected = [1.0, inf, -inf, nan]
    assert verdict([1.0, inf, -inf, nan], expected) == "agrees"
    for got in ([1, inf, inf, nan], [1, inf, -inf, 0], [1, inf, nan, nan], [nan, inf, -inf, nan]):
        assert verdict(np.asarray(got, float), expected) == "nonfinite"
    assert verdict([1.5, inf, -inf, nan], expected) == "wrong"
    assert verdict([1 + 1j, inf + 0j], [1 + 1j, complex(inf, nan)]) == "agrees"
    assert verdict([1 + 1j, nan + 0j], [1 + 1j, complex(inf, nan)]) == "nonfinite"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_what_is_beyond_the_range_of_the_dtype(dtype: str) -> None:
    largest = limits(dtype).max
    assert verdict([inf, -inf], [2 * largest, -3 * largest], dtype) == "agrees"
    assert verdict([-inf], [2 * largest], dtype) == "nonfinite"
    assert verdict([inf], [largest / 2], dtype) == "nonfinite"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_what_underflows_may_be_flushed_to_zero(dtype: str) -> None:
    tiny = limits(dtype).tiny
    assert verdict([0.0], [tiny / 3], dtype) == "agrees"
    assert verdict([0.0], [tiny * 1e3], dtype) != "agrees"


def test_a_zero_oracle() -> None:
    """Elementwise, zero is zero; elsewhere it may be what cotangents of size 1 leave."""
    assert verdict([0.0, 0.0], [0.0, 0.0]) == "agrees"
    assert verdict([0.0, 1e-16], [0.0, 0.0]) == "wrong"
    assert verdict([0.0, 1e-16], [0.0, 0.0], operation=SUM) == "agrees"
    assert verdict([0.0, 1e-9], [0.0, 0.0], operation=SUM) == "wrong"


def test_integers_and_booleans_are_exact() -> None:
    assert verdict(np.asarray([1, 2]), np.asarray([1, 2])) == "agrees"
    assert verdict(np.asarray([1, 3]), np.asarray([1, 2])) == "wrong"
    assert verdict(np.asarray([True]), np.asarray([False])) == "wrong"
    assert verdict(np.asarray([1.0]), np.asarray([1])) == "wrong"


def test_off_and_wrong() -> None:
    eps = limits("float64").eps
    c = constant(SIN, "gradient")
    assert verdict([1 + 0.9 * c * eps], [1.0]) == "agrees"
    assert verdict([1 + 20 * c * eps], [1.0]) == "off"
    assert verdict([1 + 200 * c * eps], [1.0]) == "wrong"
    # 20 tolerances of bfloat16 are more than the number itself: not of the right size
    assert verdict([4.0], [1.0], "bfloat16") == "wrong"


def test_the_doubt_of_an_oracle_widens_the_tolerance() -> None:
    answer = by_hand(np.ones(3))
    got = [np.full(3, 1 + 1e-8)]
    assert compare_with_oracle(SIN, "gradient", "float64", got, answer).verdict == "wrong"
    answer.doubt = [np.full(3, 1e-7)]
    assert compare_with_oracle(SIN, "gradient", "float64", got, answer).verdict == "agrees"


def test_every_kind_has_a_constant_and_a_reason() -> None:
    assert set(CONSTANTS) == set(KINDS)
    assert all(first <= second and reason for first, second, reason in CONSTANTS.values())


def test_low_precision() -> None:
    """Rounding to bfloat16 alone agrees, and one entry of a thousand off by half does not hide."""
    x = np.linspace(1, 2, 1000)
    for dtype in ("bfloat16", "float16"):
        got = np.asarray(round_to(x, dtype), np.float64)
        assert verdict(got, x, dtype) == "agrees"
        got[7] *= 1.5
        assert verdict(got, x, dtype) in ("off", "wrong")
