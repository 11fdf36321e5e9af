"""Functions of torch that are recorded with torch's own derivative, under torch.compile."""

from __future__ import annotations

from typing import Any

import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.optional import needs

torch: Any = needs("torch", minversion="2.13")
F = torch.nn.functional
G = torch.Generator().manual_seed(0)
X, W = torch.randn(6, 8, generator=G), torch.randn(8, 8, generator=G)
I, K = torch.randn(2, 3, 6, 6, generator=G), torch.randn(4, 3, 3, 3, generator=G)
LABELS = torch.tensor([0, 1, 2, 3, 4, 5])

PROGRAMS = {
    "keywords": (lambda x, w: F.relu(F.conv2d(x, w, padding=1), inplace=True).mean(), I, K),
    "a constant": (lambda x, w: F.cross_entropy(x @ w, LABELS), X, W),
    "several results": (lambda x, w: (x @ w).topk(2).values.pow(3).sum(), X, W),
    "mixed": (lambda x, w: (F.layer_norm(x @ w, (8,)) * F.gelu(x)).sum(), X, W),
}


def native(f: Any, *args: Any) -> list[Any]:
    ts = [x.clone().requires_grad_() for x in args]
    return list(torch.autograd.grad(f(*ts), ts))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_compiled_function_has_its_gradient(name: str) -> None:
    f, *args = PROGRAMS[name]
    torch._dynamo.reset()
    compiled = torch.compile(f, backend="aot_eager", fullgraph=True)
    vs = [Variable(x.clone(), requires_grad=True) for x in args]
    compiled(*vs).backward()
    for v, expected in zip(vs, native(f, *args), strict=True):
        torch.testing.assert_close(v.grad.data, expected)


@pytest.mark.parametrize("name", ["keywords", "a constant"])
def test_a_step_compiles_with_its_backward(name: str) -> None:
    f, *args = PROGRAMS[name]

    def step(*args: Any) -> list[Any]:
        vs = [Variable(x, requires_grad=True) for x in args]
        f(*vs).backward()
        return [v.grad.data for v in vs]

    torch._dynamo.reset()
    found = torch.compile(step, backend="aot_eager", fullgraph=True)(*args)
    torch.testing.assert_close(list(found), native(f, *args))


def test_second_derivatives_of_a_compiled_function() -> None:
    torch._dynamo.reset()
    f = torch.compile(lambda x: F.softplus(x).pow(2).sum(), backend="aot_eager", fullgraph=True)
    v = Variable(X[0].clone(), requires_grad=True)
    (g,) = pg.autograd.grad(f(v), [v], create_graph=True)
    (h,) = pg.autograd.grad(pg.sum(g), [v])
    s = torch.sigmoid(X[0])
    torch.testing.assert_close(h.data, 2 * s * s + 2 * F.softplus(X[0]) * s * (1 - s))
