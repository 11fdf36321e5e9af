"""torch.compile sees through the engine: one graph, the same numbers, and compiled once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = torch.as_tensor(RNG.normal(size=(5, 4)))
W = torch.as_tensor(RNG.normal(size=(4, 3)))
V = torch.as_tensor(RNG.normal(size=(3, 2)))


def loss(w: Any, v: Any) -> Any:
    h = pg.tanh(X @ w) if isinstance(w, torch.Tensor) else pg.tanh(w.__rmatmul__(X))
    z = h @ v
    log_softmax = z - pg.log(pg.sum(pg.exp(z), axis=1, keepdims=True))
    return pg.sum(log_softmax[:, 0] * z[:, 1]) - pg.mean(h * h) + 2.0 * pg.sum(v[0, :])


def by_backward(w: Any, v: Any) -> Any:
    a, b = pg.Variable(w, requires_grad=True), pg.Variable(v, requires_grad=True)
    loss(a, b).backward()
    return w - 0.1 * a.grad.data, v - 0.1 * b.grad.data


def by_grad(w: Any, v: Any) -> Any:
    a, b = pg.Variable(w, requires_grad=True), pg.Variable(v, requires_grad=True)
    ga, gb = pg.autograd.grad(loss(a, b), [a, b])
    return ga.data, gb.data


def by_transform(w: Any, v: Any) -> Any:
    value, (gw, gv) = pg.value_and_grad(loss, (0, 1))(w, v)
    return value, gw, gv


def without_grad(w: Any, v: Any) -> Any:
    a = pg.Variable(w, requires_grad=True)
    with pg.no_grad():
        factor = pg.sum(a * a)
    pg.sum(a * factor).backward()
    return a.grad.data, v * 1


def torch_beside_variable(w: Any, v: Any) -> Any:
    a = pg.Variable(w, requires_grad=True)
    pg.sum(pg.tanh(X @ a) @ v + w[0, 0] * a[0, 0] - (1.0 - a[1, 1])).backward()
    return a.grad.data, v * 1


@pytest.mark.parametrize(
    "step", [by_backward, by_grad, by_transform, without_grad, torch_beside_variable]
)
def test_one_graph_and_no_second_compilation(step):
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter = CompileCounter()
    compiled = torch.compile(step, fullgraph=True, backend=counter)
    for scale in (1.0, 2.0, -0.5):
        for got, expected in zip(compiled(W * scale, V), step(W * scale, V), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    # the mode is guarded: a step that switches it is compiled a second time, and never a third
    assert counter.frame_count <= (2 if step is without_grad else 1)


def test_no_grad_outside():
    compiled = torch.compile(by_transform, fullgraph=True, backend="eager")
    expected = by_transform(W, V)
    with pg.no_grad():
        for got, wanted in zip(compiled(W, V), expected, strict=True):
            torch.testing.assert_close(got, wanted)
    for got, wanted in zip(compiled(W, V), expected, strict=True):
        torch.testing.assert_close(got, wanted)


def test_what_is_not_compiled_is_as_before():
    compiled = torch.compile(by_transform, fullgraph=True, backend="eager")
    before = by_transform(W, V)
    compiled(W, V)
    for got, wanted in zip(by_transform(W, V), before, strict=True):
        assert torch.equal(got, wanted)
    assert pg.grad(pg.grad(lambda x: x**3))(2.0) == 12.0
