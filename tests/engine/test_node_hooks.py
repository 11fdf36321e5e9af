"""Hooks on nodes, and leaves that are found through the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import leaf_of, value_of
from tests.support.backends import every_backend
from tests.support.optional import needs

#: Hooks of three kinds on a Variable `h` that multiply its gradient by `w`.
TIMES = [
    lambda h, w: h.register_hook(lambda g: g * w),
    lambda h, w: h.grad_fn.register_prehook(lambda gs: (gs[0] * w,)),
    lambda h, w: h.grad_fn.register_hook(lambda sent, arrived: (sent[0] * w,)),
]


@every_backend
@pytest.mark.parametrize("register", TIMES)
def test_hooks_bring_in_variables_of_levels_around(backend, register):
    def hooked(v: Any, w: Any) -> Any:
        h = pg.sin(v)
        register(h, w)
        return pg.sum(h * h)

    xp = pg.namespace(backend)
    x, w = leaf_of([0.1, 0.2], backend), leaf_of([1.0, 3.0], backend)
    plain = value_of(pg.sin(2.0 * x))  # the gradient without the hook
    g = pg.grad(lambda v: hooked(v, w))(x.data)
    pg.sum(g).backward()
    np.testing.assert_allclose(value_of(w.grad), plain)
    rows = xp.stack([w.data, 2.0 * w.data]).data
    g = pg.vmap(lambda w: pg.grad(lambda v: hooked(v, w))(x.data))(rows)
    np.testing.assert_allclose(value_of(xp.asarray(g)), plain * [[1.0, 3.0], [2.0, 6.0]])


@pytest.mark.parametrize("register", TIMES)
def test_what_hooks_compute_is_recorded_under_create_graph_alone(register):
    x, w = leaf_of([0.1, 0.2]), leaf_of([1.0, 3.0])
    h = pg.sin(x)
    register(h, w)
    y = pg.sum(h * h)
    (g,) = pg.autograd.grad(y, x, create_graph=True)
    pg.sum(g).backward(inputs=[w])
    np.testing.assert_allclose(w.grad.data, np.sin([0.2, 0.4]))
    y.backward()
    assert not x.grad.requires_grad and x.grad.grad_fn is None


@pytest.mark.parametrize("register", TIMES)
def test_hooks_use_variables_of_their_own_transform(register):
    def f(v: Any) -> Any:
        h = pg.sin(v)
        register(h, v)
        return pg.sum(h * h)

    x = np.asarray([0.1, 0.2])
    g = pg.grad(f)(x)
    assert type(g) is np.ndarray
    np.testing.assert_allclose(g, x * np.sin(2 * x))
    second = np.diagonal(pg.jacrev(pg.grad(f))(x))
    np.testing.assert_allclose(second, np.sin(2 * x) + 2 * x * np.cos(2 * x))


def test_hooks_are_recorded_as_their_walk_is():
    torch = needs("torch")

    def run(make: Any, total: Any, enabled: Any, create: bool) -> list[bool]:
        seen: list[bool] = []
        see = lambda *args: seen.append(enabled())
        v = make()
        v.register_hook(see)
        v.register_post_accumulate_grad_hook(see)
        y = total(v * v)
        y.grad_fn.register_prehook(see)
        y.grad_fn.register_hook(see)
        y.backward(create_graph=create)
        return seen

    for create in (False, True):
        ours = run(lambda: leaf_of([1.0, 2.0]), pg.sum, pg.is_grad_enabled, create)
        leaves = lambda: torch.ones(2, requires_grad=True)
        assert ours == run(leaves, torch.sum, torch.is_grad_enabled, create) == [create] * 4

    p = leaf_of([1.0, 2.0])

    def step(p: Any) -> None:  # an optimiser in the backward
        p -= 0.5 * p.grad
        p.grad = None

    p.register_post_accumulate_grad_hook(step)
    pg.sum(p * p).backward()
    np.testing.assert_array_equal(p.data, [0.0, 0.0])


def test_node_hooks_as_torch_has_them():
    torch = needs("torch")

    def run(x: Any, w: Any, exp: Any) -> tuple[Any, list[Any]]:
        seen = []
        y = exp(x) * w
        node = y.grad_fn
        pre = node.register_prehook(
            lambda gs: (seen.append(("pre", gs[0].tolist())), (gs[0] * 2,))[1]
        )
        post = node.register_hook(
            lambda sent, arrived: (seen.append(("post", [g.tolist() for g in (*sent, *arrived)])),
                                   (sent[0] + 1, sent[1] * 5))[1]
        )  # fmt: skip
        y.sum().backward(retain_graph=True)
        pre.remove()
        post.remove()
        y.sum().backward()
        return [x.grad.tolist(), w.grad.tolist()], seen

    ours = run(leaf_of([0.0, 1.0]), leaf_of([3.0, 4.0]), pg.exp)
    make = lambda values: torch.tensor(values, dtype=torch.float64, requires_grad=True)
    theirs = run(make([0.0, 1.0]), make([3.0, 4.0]), torch.exp)
    np.testing.assert_allclose(ours[0], theirs[0])
    assert ours[1] == theirs[1]


def test_node_hooks_see_every_input_and_none():
    x, y = leaf_of([2.0]), leaf_of([3.0])
    z = x * y
    names = [node.name() for node, _ in z.grad_fn.next_functions]
    assert names == ["AccumulateGrad"] * 2
    z.grad_fn.register_hook(lambda sent, arrived: (sent[1], None))
    z.backward()
    assert x.grad.item() == 2.0 and y.grad.item() == 2.0


def test_node_hooks_under_create_graph_and_of_functions():
    class Pair(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y, x + y

        @staticmethod
        def backward(ctx, g, h):
            x, y = ctx.saved_tensors
            return g * y + h, g * x + h

    x, y = leaf_of([2.0]), leaf_of([3.0])
    a, b = Pair.apply(x, y)
    node = a.grad_fn
    assert node is b.grad_fn and node.name() == "PairBackward"
    assert [n.name() for n, _ in node.next_functions] == ["AccumulateGrad"] * 2
    assert (a * b).grad_fn.next_functions == ((node, 0), (node, 1))
    seen = []
    node.register_prehook(lambda gs: seen.append(len(gs)))
    node.register_hook(lambda sent, arrived: tuple([10 * g for g in sent]))
    gx, gy = pg.autograd.grad(a + b, [x, y], np.ones(1), create_graph=True)
    assert (gx.detach().item(), gy.detach().item(), seen) == (40.0, 30.0, [2])
    (gxy,) = pg.autograd.grad(gx, y)
    assert gxy.item() == 10.0


def test_node_hooks_on_one_output_of_several():
    x = leaf_of([[2.0, 1.0], [1.0, 3.0]])
    q, r = pg.linalg.qr(x)
    seen = []
    assert r.grad_fn is q.grad_fn
    r.grad_fn.register_prehook(lambda gs: seen.append((gs[0], gs[1].shape)))
    r.grad_fn.register_hook(lambda sent, arrived: (seen.append(sent[0].shape), (3 * sent[0],))[1])
    pg.sum(r).backward(retain_graph=True)
    (plain,) = pg.grad(lambda x: pg.sum(pg.linalg.qr(x)[1]), (0,))(x.data)
    np.testing.assert_allclose(x.grad.data, 3 * plain, rtol=1e-12, atol=1e-12)
    assert seen == [(None, (2, 2)), (2, 2)]


def test_hooks_on_the_way_to_a_leaf_as_torch_has_them():
    torch = needs("torch")

    def run(x: Any) -> list[Any]:
        y = x * 3
        leaf = y.grad_fn.next_functions[0][0]
        seen: list[Any] = [leaf.variable is x]
        note = lambda name, gs: seen.append((name, [g.tolist() for g in gs], x.grad is None))
        leaf.register_prehook(lambda gs: (note("before", gs), (2 * gs[0],))[1])
        leaf.register_hook(lambda sent, arrived: note("after", (*sent, *arrived)))
        x.register_hook(lambda g: note("leaf", [g]))
        x.register_post_accumulate_grad_hook(lambda x: note("post", [x.grad]))
        y.grad_fn.register_hook(lambda sent, arrived: note("sent", [sent[0]]))
        y.grad_fn.register_prehook(lambda gs: note("node", gs))
        y.register_hook(lambda g: note("variable", [g]))
        y.sum().backward(retain_graph=True)
        y.sum().backward()
        return [*seen, x.grad.tolist()]

    assert run(leaf_of([1.0, 2.0])) == run(
        torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    )


def test_hooks_of_a_node_that_is_not_passed():
    x = leaf_of([1.0])
    y = x * 2
    calls = []
    y.grad_fn.register_prehook(lambda gs: calls.append("node"))
    y.register_hook(lambda g: calls.append("variable"))
    pg.autograd.grad(y * 3, y)
    assert calls == ["variable"]


def test_what_a_node_hook_saw_does_not_change():
    x = leaf_of([1.0, 1.0])
    kept = []
    parts = [pg.exp(x) for _ in range(3)]
    for y in parts:
        y.grad_fn.register_hook(lambda sent, arrived: kept.append((sent[0], sent[0].tolist())))
    pg.sum(parts[0] + parts[1] + parts[2]).backward()
    assert len(kept) == 3
    for g, before in kept:
        assert g.tolist() == before


def test_leaves_are_found_through_the_graph():
    x, w = leaf_of([2.0, 1.0]), leaf_of([[2.0, 0.5], [0.5, 3.0]])
    values, vectors = pg.linalg.eigh(w)
    stack, leaves = [pg.sum(values * x + vectors[0]).grad_fn], []
    while stack:
        node = stack.pop()
        assert isinstance(node, pg.autograd.graph.Node)
        if hasattr(node, "variable"):
            leaves.append(node.variable)
        stack += [following for following, _ in node.next_functions]
    assert {id(v) for v in leaves} == {id(x), id(w)}


@pytest.mark.parametrize("register", [
    lambda x, hook: x.register_post_accumulate_grad_hook(lambda x: hook),
    lambda x, hook: (x * 1).grad_fn.next_functions[0][0].register_hook(lambda s, a: hook),
])  # fmt: skip
def test_an_answer_that_comes_too_late_is_an_error(register):
    x = leaf_of([1.0])
    register(x, np.ones(1))
    with pytest.raises(TypeError, match="too late"):
        (x * 2).backward()


@pytest.mark.parametrize("answer, error", [
    ((np.ones(2),), "shape"), ((np.ones(1), np.ones(1)), "2 gradients"), (("x",), "str"),
])  # fmt: skip
def test_node_hooks_are_checked(answer, error):
    x = leaf_of([1.0])
    y = pg.exp(x)
    y.grad_fn.register_hook(lambda sent, arrived: answer)
    with pytest.raises((ValueError, TypeError), match=error):
        y.backward()
    assert x.grad is None
