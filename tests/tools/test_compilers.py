"""torch.compile sees through the engine: one graph, the same numbers, and compiled once."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import leaf
from tests.support.optional import needs

torch = needs("torch", minversion="2.13")

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


def second_order(w: Any, v: Any) -> Any:
    hessian = pg.hessian(lambda x: pg.sum(pg.sin(x) ** 3))(v[0])
    return hessian, pg.vmap(pg.grad(lambda x: pg.sum(pg.maximum(x, 0.5) ** 2)))(w)


def with_parts_of_their_own(w: Any, v: Any) -> Any:
    a = pg.Variable(w, requires_grad=True)
    block = pg.checkpoint(lambda x, *, scale: pg.tanh(x) * scale)
    y = pg.sum(cube(Square.apply(block(a, scale=2.0)))) / a.size
    with pg.use("torch", dtype=v.dtype):
        z = pg.sum(a @ pg.ones((3, 2)))
    (y + z).backward()
    return a.grad.data, v * 1


class Square(pg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * g


@pg.custom_vjp
def cube(x: Any) -> Any:
    return x * x * x


cube.defvjp(lambda x: (x * x * x, x), lambda x, g: (3 * x * x * g,))

OUTSIDE = pg.Variable(V.clone(), requires_grad=True)


def with_a_variable_from_outside(w: Any, v: Any) -> Any:
    a = pg.Variable(w, requires_grad=True)
    g, h = pg.autograd.grad(
        pg.sum((a @ OUTSIDE) * X[:4, :2]) - pg.mean(2.0 / OUTSIDE), [a, OUTSIDE]
    )
    return g.data, h


@pytest.mark.parametrize(
    "step",
    [by_backward, by_grad, by_transform, without_grad, torch_beside_variable, second_order,
     with_parts_of_their_own, with_a_variable_from_outside],
)  # fmt: skip
def test_one_graph_and_no_second_compilation(step):
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    pg.exp(leaf(1.0, 2.0)).backward(np.ones(2))  # a library is made known at its first use
    counter = CompileCounter()
    compiled = torch.compile(step, fullgraph=True, backend=counter)
    for scale in (1.0, 2.0, -0.5):
        for got, expected in zip(compiled(W * scale, V), step(W * scale, V), strict=True):
            a, b = [x.data if isinstance(x, pg.Variable) else x for x in (got, expected)]
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
        # Calls with arrays of NumPy note more of a custom function than those with tensors.
        cube(Square.apply(leaf(1.0, 2.0))).backward(np.ones(2))
    assert counter.frame_count == 1


class Trained:
    """Parameters that a step changes, each time that it is called."""

    def __init__(self) -> None:
        self.w, self.v = [pg.Variable(a.clone(), requires_grad=True) for a in (W, V)]
        self.parameters = [self.w, self.v]
        self.memory = [pg.zeros_like(p) for p in self.parameters]

    def loss(self, x: Any) -> Any:
        return pg.mean((pg.tanh(x @ self.w) @ self.v) ** 2)

    def in_place(self, x: Any) -> Any:
        loss = self.loss(x)
        loss.backward()
        with pg.no_grad():
            for p in self.parameters:
                p -= 0.1 * p.grad
                p.grad = None
        return loss.data

    def with_memory(self, x: Any) -> Any:
        loss = self.loss(x)
        gradients = pg.autograd.grad(loss, self.parameters)
        with pg.no_grad():
            for p, m, g in zip(self.parameters, self.memory, gradients, strict=True):
                m *= 0.9
                m += g
                p -= 0.1 * m
        return loss.data

    def of_raw_arrays(self, x: Any) -> Any:
        loss = self.loss(x)
        loss.backward()
        for p in self.parameters:
            p.data = p.data - 0.1 * p.grad.data
            p.zero_grad()
        return loss.data

    def of_views(self, x: Any) -> Any:
        loss = pg.mean((pg.tanh(x @ self.w[:, :2]) * self.w[0, 1:]) ** 2)
        loss.backward()
        with pg.no_grad():
            self.w -= 0.1 * self.w.grad
        self.w.grad = None
        return loss.data

    def in_parts(self, x: Any) -> Any:
        loss = self.loss(x)
        loss.backward()
        with pg.no_grad():
            self.w[0] = self.w[0] - 0.1 * self.w.grad[0]
            self.v[1:, :1] -= 0.1 * self.v.grad[1:, :1]
        self.w.grad = self.v.grad = None
        return loss.data

    def of_second_order(self, x: Any) -> Any:
        loss = self.loss(x)
        (g,) = pg.autograd.grad(loss, self.w, create_graph=True)
        (loss + pg.sum(g * g)).backward()
        with pg.no_grad():
            self.w -= 0.1 * self.w.grad
        self.w.grad = None
        return loss.data


@pytest.mark.parametrize("name", [n for n in vars(Trained) if n[0] != "_" and n != "loss"])
def test_steps_that_change_their_parameters_are_compiled_once(name):
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter = CompileCounter()
    compiled = torch.compile(getattr(Trained(), name), fullgraph=True, backend=counter)
    plain = getattr(Trained(), name)
    for scale in (1.0, 2.0, -0.5, 0.3):
        torch.testing.assert_close(compiled(X * scale), plain(X * scale), rtol=1e-12, atol=0)
        assert counter.frame_count == 1


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


def test_symbolic_shapes():
    f = pg.grad(lambda w, x: pg.sum(pg.tanh(x @ w)) + pg.mean(x[1:] @ w))
    compiled = torch.compile(f, fullgraph=True, backend="eager", dynamic=True)
    for n in (5, 7):
        x = torch.ones((n, 4), dtype=W.dtype)
        torch.testing.assert_close(compiled(W, x), f(W, x))


def test_whole_in_transforms_of_torch_and_of_ours():
    ours = lambda w: torch.func.grad(lambda w: (pg.grad(loss)(w, V) ** 2).sum())(w)
    compiled = torch.compile(ours, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(W), ours(W))
    inner = lambda w: pg.sum(w * pg.sin(w))
    compiled = torch.compile(inner, fullgraph=True, backend="eager")
    torch.testing.assert_close(pg.grad(compiled)(W), pg.grad(inner)(W))


PLAIN = """
def step(w, x):
    v = pg.Variable(w, requires_grad=True)
    pg.sum(pg.tanh(x @ v) ** 2).backward()
    return w - 0.1 * v.grad.data

w, x = torch.ones((4, 3)), torch.ones((5, 4))
compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
torch.testing.assert_close(compiled(w, x), step(w, x))
"""


@pytest.mark.parametrize("imports", ["pluggrad as pg, torch", "torch._dynamo, pluggrad as pg"])
def test_nothing_has_to_be_asked_for(imports):
    code = f"import torch, {imports}\n{PLAIN}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not done.returncode, done.stderr
