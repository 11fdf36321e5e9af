"""Rules of custom operations are transposed only where they are linear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import leaf_of, value_of
from tests.support.operations import made_by_function, made_by_jvp, made_by_vjp

ONE = np.asarray(1.0)


AT = np.asarray(1.3)
SLOPE = 5 * np.cos(1.3)


def written(p: Any, t: Any) -> Any:
    z = pg.zeros((2,))
    z[0] = t * 5
    z[1] = t
    return z[0] * pg.cos(p)


#: 5 cos(p) t, in many words.
LINEAR: dict[str, Callable[[Any, Any], Any]] = {
    "product": lambda p, t: 5 * pg.cos(p) * t,
    "where of the primal": lambda p, t: pg.where(p > 0, 5 * pg.cos(p) * t, 0.0),
    "quotient": lambda p, t: t / (1 / (5 * pg.cos(p))),
    "sum of a stack": lambda p, t: pg.sum(pg.stack([t, 4 * t])) * pg.cos(p),
    "zeros beside": lambda p, t: pg.zeros_like(t) + 5 * pg.cos(p) * t,
    "matmul": lambda p, t: pg.matmul(pg.reshape(t, (1,)), pg.reshape(5 * pg.cos(p), (1,))),
    "numpy's": lambda p, t: np.multiply(t, 5 * np.cos(p)),
    "written": written,
    "solve": lambda p, t: pg.linalg.solve(
        pg.reshape(1 / (5 * pg.cos(p)), (1, 1)), pg.reshape(t, (1,))
    )[0],
    "jvp inside": lambda p, t: pg.jvp(lambda q: 5 * pg.sin(q), (p,), (t,))[1],
    "vjp inside": lambda p, t: pg.vjp(lambda q: 5 * pg.sin(q), p)[1](t)[0],
    "vmap inside": lambda p, t: pg.sum(pg.vmap(lambda k: k * t * pg.cos(p))(np.asarray([2.0, 3.0]))),
    "checkpoint inside": lambda p, t: pg.checkpoint(lambda a, b: 5 * pg.cos(a) * b)(p, t),
    "custom inside": lambda p, t: made_by_vjp(
        lambda b: 5 * b, lambda b: (5 * b, None), lambda r, g: (5 * g,)
    )(t) * pg.cos(p),
    "fft": lambda p, t: 5 * pg.cos(p) * pg.real(pg.fft.ifft(pg.fft.fft(pg.reshape(t, (1,)))))[0],
}  # fmt: skip

#: Functions of the tangent (or cotangent) that are not linear.
OTHER: dict[str, Callable[[Any], Any]] = {
    "square": lambda t: t * t,
    "abs": pg.abs,
    "sign": pg.sign,
    "floor": pg.floor,
    "round": pg.round,
    "comparison": lambda t: pg.where(t > 0, t, 0.0),
    "a Python if": lambda t: t if t > 0 else 2 * t,
    "a Python if on a float": lambda t: t if float(t) > 0 else 2 * t,
    "truth": lambda t: t if t else 2 * t,
    "maximum": lambda t: pg.maximum(t, 0.0),
    "clip": lambda t: pg.clip(t, -1.0, 1.0),
    "normalised": lambda t: t / (1 + pg.abs(t)),
    "plus one": lambda t: t + 1.0,
    "plus one in place": lambda t: (t * 1.0).__iadd__(1.0),
    "constant": pg.ones_like,
    "of its data": lambda t: pg.asarray(np.clip(t.data, -1, 1)),
    "item": lambda t: pg.asarray(np.asarray(t.item() * 2)),
    "detached": lambda t: t.detach() * 2,
    "integers": lambda t: pg.astype(pg.astype(t, np.int64), np.float64),
    "sorted": lambda t: pg.sort(pg.stack([t, 0 * t]))[0],
    "norm": lambda t: pg.linalg.vector_norm(pg.reshape(t, (1,))),
    "copysign": lambda t: pg.copysign(pg.ones_like(t), t),
    "remainder": lambda t: pg.remainder(t, 2.0),
    "custom operation": lambda t: made_by_vjp(
        pg.tanh, lambda b: (pg.tanh(b), None), lambda r, g: (g,)
    )(t),
    "checkpoint": lambda t: pg.checkpoint(pg.tanh)(t),
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.filterwarnings("ignore::pluggrad.GraphBreakWarning")
def test_a_rule_that_is_linear_serves_both_modes(name: str) -> None:
    times = LINEAR[name]
    jvp = made_by_jvp(lambda z: z * 2, lambda p, t: (p[0] * 2, times(p[0], t[0])))
    vjp = made_by_vjp(lambda z: z * 2, lambda z: (z * 2, z), lambda r, g: (times(r, g),))

    def forward(ctx: Any, z: Any) -> Any:
        ctx.save_for_backward(z)
        return z * 2

    function = made_by_function(forward, lambda ctx, g: times(ctx.saved_tensors[0], g))
    pair = np.stack([AT, AT])
    for f in (jvp, vjp, function):
        np.testing.assert_allclose(pg.grad(f)(AT), SLOPE)
        np.testing.assert_allclose(pg.jvp(f, (AT,), (ONE,))[1], SLOPE)
        np.testing.assert_allclose(pg.hessian(f)(AT), -5 * np.sin(AT))
        np.testing.assert_allclose(pg.vmap(pg.grad(f))(pair), [SLOPE] * 2)
        np.testing.assert_allclose(pg.grad(lambda z, f=f: pg.sum(pg.vmap(f)(z)))(pair), [SLOPE] * 2)
        np.testing.assert_allclose(
            pg.vmap(lambda z, f=f: pg.jvp(f, (z,), (z,))[1])(pair), SLOPE * pair
        )


@pytest.mark.parametrize("name", OTHER)
@pytest.mark.filterwarnings("ignore::pluggrad.GraphBreakWarning")
def test_a_rule_that_is_not_linear_is_not_transposed(name: str) -> None:
    change = OTHER[name]
    jvp = made_by_jvp(lambda z: z * 2, lambda p, t: (p[0] * 2, change(t[0])))
    vjp = made_by_vjp(lambda z: z * 2, lambda z: (z * 2, z), lambda r, g: (change(g),))
    function = made_by_function(lambda ctx, z: z * 2, lambda ctx, g: change(g))
    for transform in (pg.grad, pg.jacrev, pg.hessian):
        with pytest.raises(pg.NotLinearError, match="not linear"):
            transform(jvp)(AT)
    for f in (vjp, function):
        with pytest.raises(pg.NotLinearError, match="not linear"):
            pg.jvp(f, (AT,), (ONE,))
        with pytest.raises(pg.NotLinearError, match="not linear"):
            pg.jacfwd(f)(AT)
        # Backwards it is what the user said.
        v = leaf_of(1.3)
        f(v).backward()
        np.testing.assert_allclose(value_of(v.grad), value_of(change(Variable(ONE))))


def test_a_printed_tangent_is_no_question() -> None:
    seen = []
    f = made_by_jvp(lambda z: z * 2, lambda p, t: (p[0] * 2, seen.append(repr(t[0])) or t[0] * 2))
    assert pg.grad(f)(AT) == 2.0 and "Variable" in seen[0]


MATRIX = np.linalg.inv(np.asarray([[2.0, 1.0], [0.5, 3.0]]))


def outside_of_the_graph(kind: str) -> Callable[[Any], Any]:
    """A product with a matrix, computed by NumPy alone; the transpose is such a product, too."""
    raw = lambda b: b.detach().data if isinstance(b, Variable) else b
    if kind == "custom_vjp":
        there = made_by_vjp(lambda b: pg.asarray(MATRIX @ raw(b)), lambda b: (there(b), None),
                       lambda _, g: (back(g),))  # fmt: skip
        back = made_by_vjp(lambda b: pg.asarray(MATRIX.T @ raw(b)), lambda b: (back(b), None),
                      lambda _, g: (there(g),))  # fmt: skip
        return there
    if kind == "Function":
        there = made_by_function(lambda ctx, b: pg.asarray(MATRIX @ b.data), lambda ctx, g: back(g))
        back = made_by_function(
            lambda ctx, b: pg.asarray(MATRIX.T @ b.data), lambda ctx, g: there(g)
        )
        return there
    if kind == "not linear":
        there = made_by_function(lambda ctx, b: pg.asarray(MATRIX @ b.data), lambda ctx, g: back(g))
        back = made_by_function(lambda ctx, b: pg.asarray(np.tanh(b.data)), lambda ctx, g: g)
        return there
    return made_by_function(lambda ctx, b: pg.asarray(MATRIX @ b.data),
                       lambda ctx, g: pg.asarray(MATRIX.T @ g.data))  # fmt: skip


@pytest.mark.parametrize("kind", ["custom_vjp", "Function", "not linear", "without a derivative"])
def test_rules_that_compute_outside_of_the_graph_are_right_or_refused(kind: str) -> None:
    f, x = outside_of_the_graph(kind), np.asarray([0.3, -0.7])
    loss = lambda b: pg.sum(f(b * b) ** 3)
    want = lambda b: pg.sum(pg.matmul(MATRIX, b * b) ** 3)
    second = pg.hessian(want)(x)

    def create_graph() -> Any:
        v = leaf_of(x)
        (g,) = pg.autograd.grad(loss(v), [v], create_graph=True)
        return pg.autograd.grad(pg.sum(g * x), [v])[0]

    forward = {"jvp": (lambda: pg.jvp(loss, (x,), (x,))[1], pg.grad(want)(x) @ x),
               "hvp": (lambda: pg.hvp(loss, (x,), (x,)), second @ x)}  # fmt: skip
    again = {
        "create_graph": (create_graph, second @ x),
        "grad(grad)": (lambda: pg.grad(lambda z: pg.sum(pg.grad(loss)(z) * x))(x), second @ x),
    }
    if kind != "not linear":
        np.testing.assert_allclose(pg.grad(loss)(x), pg.grad(want)(x))
    for run, value in (forward | again).values():
        if kind in ("custom_vjp", "Function"):
            np.testing.assert_allclose(value_of(run()), value)
    if kind == "not linear":
        for run, _ in forward.values():
            with pytest.raises(pg.NotLinearError, match="sum of two cotangents"):
                run()
    if kind == "without a derivative":
        for run, _ in forward.values():
            with pytest.raises(pg.NotLinearError, match="asks for its values"):
                run()
        for run, _ in again.values():
            with pytest.raises(pg.DifferentiationError, match="not connected"):
                run()
