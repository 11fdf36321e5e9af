"""Anomaly detection, saved-tensor hooks, node hooks, strong zeros, and changed arrays."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from pluggrad.arrays.backend import PRIMITIVES
from pluggrad.engine.levels import read
from tests.support.arrays import array, leaf_of, value_of
from tests.support.backends import INSTALLED, every_backend
from tests.support.optional import needs

# ---------------------------------------------------------------- anomalies


@every_backend
def test_an_anomaly_names_the_operation_and_the_line(backend):
    x = leaf_of([1.0, 0.0, 4.0], backend)
    with pg.autograd.detect_anomaly():
        y = pg.sum(pg.sqrt(x) * 2)  # the line that the error names
        with pytest.raises(RuntimeError, match="'sqrt' by input 0 has inf at 1 of 3") as caught:
            y.backward()
    assert "the line that the error names" in str(caught.value)
    assert "test_modes.py" in str(caught.value) and "src/pluggrad" not in str(caught.value)
    assert x.grad is None


def test_nan_is_named():
    x = leaf_of([0.0])
    with pg.autograd.detect_anomaly():
        y = pg.sum(pg.where(x > 0, pg.log(x), 0.0))
        with pytest.raises(pg.AnomalyError, match="'log' by input 0 has nan"):
            y.backward()
    with pg.autograd.detect_anomaly(check_nan=False):
        y = pg.sum(pg.where(x > 0, pg.log(x), 0.0))
        y.backward()
    assert np.isnan(x.grad.item())


def test_a_graph_from_outside_says_so():
    x = leaf_of([0.0])
    y = pg.sum(pg.sqrt(x))
    with pg.autograd.detect_anomaly(), pytest.raises(pg.AnomalyError, match="recorded outside"):
        y.backward()


def test_a_bad_backward_shows_the_forward_line():
    class Bad(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            raise ValueError("no gradient today")

    x = leaf_of([1.0])
    with pg.autograd.detect_anomaly():
        y = pg.sum(Bad.apply(x))  # here it was called
        with pytest.raises(ValueError, match="no gradient today") as caught:
            y.backward()
    assert any("here it was called" in note for note in caught.value.__notes__)


def test_infinite_cotangents_are_no_anomaly_of_the_operation():
    x = leaf_of([1.0, 2.0])
    with pg.autograd.detect_anomaly():
        (x * 2).backward(np.asarray([np.inf, 1.0]))
    np.testing.assert_array_equal(x.grad.data, [np.inf, 2.0])


def test_anomalies_of_the_second_order_and_in_transforms():
    with pg.autograd.detect_anomaly():
        x = leaf_of([1.0, 0.0])
        (g,) = pg.autograd.grad(pg.sum(x**1.5), x, create_graph=True)
        with pytest.raises(pg.AnomalyError, match="'pow'"):
            g.backward(np.ones(2))
        with pytest.raises(pg.AnomalyError, match="'sqrt'"):
            pg.grad(lambda x: pg.sum(pg.sqrt(x)))(np.zeros(2))
        assert pg.grad(lambda x: x * x)(3.0) == 6.0


def test_a_derivative_shows_whose_it_is():
    def power(x):
        return pg.sum(x**1.5)  # forward

    with pg.autograd.detect_anomaly():
        x = leaf_of([1.0, 0.0])
        (g,) = pg.autograd.grad(power(x), x, create_graph=True)  # backward
        with pytest.raises(pg.AnomalyError) as caught:
            g.backward(np.ones(2))
        first, second = str(caught.value).split("in the derivative of 'pow', called here")
        assert "# backward" in first and "# forward" in second

        y = pg.checkpoint(lambda x: pg.sqrt(x))(x)  # checkpoint
        with pytest.raises(pg.AnomalyError) as caught:
            y.backward(np.ones(2))
        assert "'sqrt'" in str(caught.value).splitlines()[0]
        assert "# checkpoint" in str(caught.value).split("in the derivative of 'checkpoint'")[1]
        with pytest.raises(pg.AnomalyError, match="'pow' in forward mode has") as caught:
            pg.hessian(power)(np.zeros(2))
        assert "# forward" in str(caught.value).split("in the derivative of 'pow'")[1]


@every_backend
def test_anomalies_of_forward_mode(backend):
    x = leaf_of([1.0, 0.0], backend).data
    root = lambda x: pg.sqrt(x)  # the root

    class Bad(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def jvp(ctx, t):
            return t * np.nan

    for f, what in ((root, "'sqrt'.* has inf at 1 of 2"), (Bad.apply, "'Bad'.* has nan at 2 of 2")):
        with (
            pg.autograd.detect_anomaly(),
            pytest.raises(pg.AnomalyError, match=what) as caught,
        ):
            pg.jvp(f, (x,), (x * 0 + 1,))
    with pg.autograd.detect_anomaly(check_nan=False):
        pg.jvp(root, (x,), (x,))
    assert "test_modes.py" in str(caught.value)


def test_a_hook_that_makes_nan():
    x = leaf_of([1.0])
    with pg.autograd.detect_anomaly():
        y = x * 2
        y.register_hook(lambda g: g * np.nan)
        with pytest.raises(pg.AnomalyError, match="a hook"):
            y.backward()


def test_set_detect_anomaly():
    x = leaf_of([0.0])

    def bad():
        with pytest.raises(pg.AnomalyError):
            pg.sqrt(x).backward()
        return True

    with pg.autograd.set_detect_anomaly(True):
        assert bad()
        with pg.autograd.set_detect_anomaly(False):
            pg.sqrt(x).backward()
        with pg.autograd.set_detect_anomaly(True, check_nan=False):
            pg.sqrt(x).backward()
        assert bad()
    pg.sqrt(x).backward()
    with pg.strong_zeros():
        pg.autograd.set_detect_anomaly(True)
    assert bad()  # what ended is strong_zeros alone
    pg.autograd.set_detect_anomaly(False)
    pg.sqrt(x).backward()


def test_reads_and_several_outputs_under_anomaly_detection():
    with pg.autograd.detect_anomaly():
        x = leaf_of(np.arange(1.0, 7.0).reshape(3, 2))
        y = x[0, 0] * x[1, 1] + pg.sum(x[np.asarray([0, 0])])
        _, r = pg.linalg.qr(x)
        (y + pg.sum(r * r)).backward()
    z = leaf_of(np.arange(1.0, 7.0).reshape(3, 2))
    _, r = pg.linalg.qr(z)
    (z[0, 0] * z[1, 1] + pg.sum(z[np.asarray([0, 0])]) + pg.sum(r * r)).backward()
    np.testing.assert_array_equal(x.grad.data, z.grad.data)


# ---------------------------------------------------------------- hooks on what is saved


def program(x: Any, w: Any) -> Any:
    h = pg.tanh(x @ w) * pg.exp(x[:, :1])
    return pg.sum(pg.where(h > 0, h * h, pg.sin(h))) + pg.sum(pg.linalg.det(w)) * pg.mean(x)


@every_backend
@pytest.mark.parametrize("order", [1, 2])
def test_hooks_see_all_that_is_saved(backend, order):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))

    def gradients(hooks: bool) -> list[np.ndarray]:
        x, w = leaf_of(values[0], backend), leaf_of(values[1], backend)
        packed = []

        def pack(v):
            assert isinstance(v, Variable) and not v.requires_grad
            packed.append(v)
            return len(packed) - 1

        if hooks:
            with pg.autograd.saved_tensors_hooks(pack, lambda number: packed[number]):
                y = program(x, w)
            assert packed
        else:
            y = program(x, w)
        found = pg.autograd.grad(y, [x, w], create_graph=order == 2)
        if order == 2:
            found = pg.autograd.grad(pg.sum(found[0] ** 2) + pg.sum(found[1] ** 2), [x, w])
        return [value_of(g) for g in found]

    for got, expected in zip(gradients(True), gradients(False), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_the_hooks_decide_what_is_kept():
    x = leaf_of([1.0, 2.0])
    with pg.autograd.saved_tensors_hooks(lambda v: v.data.astype("float32"), lambda v: v * 2.0):
        y = pg.sum(pg.exp(x))
    y.backward()
    np.testing.assert_allclose(x.grad.data, 2 * np.exp([1.0, 2.0]), rtol=1e-6)
    assert x.grad.dtype == np.float64


def test_hooks_nest_and_end():
    calls = []
    x = leaf_of([1.0])
    note = lambda name: lambda v: (calls.append(name), v)[1]
    keep = lambda v: v
    with pg.autograd.saved_tensors_hooks(note("outer"), keep):
        pg.exp(x)
        with pg.autograd.saved_tensors_hooks(note("inner"), keep):
            pg.exp(x)
        pg.exp(x)
    pg.exp(x)
    assert calls == ["outer", "inner", "outer"]


def test_a_hook_that_returns_no_array():
    x = leaf_of([1.0])
    with pg.autograd.saved_tensors_hooks(lambda v: None, lambda v: v):
        y = pg.exp(x)
    with pytest.raises(RuntimeError, match="unpack hook returned NoneType"):
        y.backward()


def test_what_functions_save_goes_through_the_hooks():
    class Cube(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    x, seen = leaf_of([2.0]), []
    with pg.autograd.saved_tensors_hooks(lambda v: (seen.append(v), v)[1], lambda v: v):
        y = Cube.apply(x)
    y.backward()
    assert seen and x.grad.item() == 12.0


def test_hooks_in_transforms():
    seen = []
    with pg.autograd.saved_tensors_hooks(lambda v: (seen.append(v), v)[1], lambda v: v):
        g = pg.grad(pg.grad(lambda x: pg.sin(x) * x))(0.5)
        h = pg.vmap(pg.grad(lambda x: pg.exp(x) ** 2))(np.asarray([0.1, 0.2]))
    np.testing.assert_allclose(g, 2 * np.cos(0.5) - 0.5 * np.sin(0.5))
    np.testing.assert_allclose(h, 2 * np.exp([0.2, 0.4]))
    assert seen


@every_backend
@pytest.mark.parametrize("raw", [False, True])
def test_hooks_see_arrays_and_all_levels_keep_their_derivatives(backend, raw):
    xp = pg.namespace(backend)
    x = leaf_of([0.1, 0.2], backend)

    def answers(w: Any) -> list[Any]:
        f = lambda v: pg.sum(pg.sin(v) * pg.exp(v) * w)
        g = pg.grad(f)(x.data)
        pg.sum(g).backward()
        return [w.grad, pg.hessian(f)(x.data), pg.grad(lambda v: pg.sum(pg.vmap(f)(v)))(x.data)]

    def pack(v):
        assert not v.requires_grad and type(v.data) is type(x.data)
        return v.data * 2 if raw else v * 2

    expected = answers(leaf_of([1.0, 3.0], backend))
    with pg.autograd.saved_tensors_hooks(pack, lambda v: v / 2):
        found = answers(leaf_of([1.0, 3.0], backend))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(value_of(xp.asarray(a)), value_of(xp.asarray(b)))


# ---------------------------------------------------------------- hooks on nodes


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


# ---------------------------------------------------------------- strong zeros

BRANCHES = {
    "log": lambda x: pg.where(x > 0, pg.log(x), 0.0),
    "sqrt": lambda x: pg.where(x > 0, pg.sqrt(x), 0.0),
    "divide": lambda x: pg.where(x != 0, pg.sin(x) / x, 1.0),
    "pow": lambda x: pg.where(x > 0, x**0.5 * x**-1.5, 0.0),
    "norm": lambda x: pg.where(x > 0, pg.sqrt(x * x + 0 * x), 0.0),
    "exp": lambda x: pg.where(x < 1, pg.exp(x * 1e3), x),
    "atanh": lambda x: pg.where(pg.abs(x) < 1, pg.atanh(x), 0.0),
    "logaddexp": lambda x: pg.where(x > 0, pg.logaddexp(pg.log(x), x), 0.0),
}
BAD = {"exp": 2.0, "atanh": 1.0}


@every_backend
@pytest.mark.parametrize("name", BRANCHES)
def test_the_branch_not_taken_has_no_say(name, backend):
    f, bad, good = BRANCHES[name], BAD.get(name, 0.0), 0.5
    if backend == "strict" and name == "divide":
        pytest.skip("the same as on numpy")
    total = lambda x: pg.sum(f(x))
    point = array([bad, good], backend)
    with np.errstate(all="ignore"):
        plain = [value_of(g)[1] for g in (pg.grad(total)(point), second(total)(point))]
    with pg.strong_zeros(), np.errstate(all="ignore"):
        found = [pg.grad(total)(point), pg.jvp(f, (point,), (array([1.0, 1.0], backend),))[1],
                 second(total)(point), pg.jvp(pg.grad(total), (point,), (array([1.0, 1.0], backend),))[1],
                 pg.vmap(pg.grad(f))(point)]  # fmt: skip
        x = Variable(point, requires_grad=True)
        y = total(x)
    y.backward()  # outside: what was recorded inside has them
    at_bad = 1.0 if name == "exp" else 0.0
    for g, order in zip([*found, x.grad], (1, 1, 2, 2, 1, 1), strict=True):
        g = value_of(g)
        assert g[0] == (at_bad if order == 1 else 0.0)
        np.testing.assert_allclose(g[1], plain[order - 1], rtol=1e-12)


def second(f: Any) -> Any:
    return pg.grad(lambda x: pg.sum(pg.grad(f)(x)))


HURTFUL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 800.0, -800.0, 1e308, 5e-324]
POINTWISE = [
    (name, position) for name, primitive in sorted(PRIMITIVES.items())
    for position, formula in enumerate(primitive.formulas)
    if primitive.pointwise and not primitive.private and formula is not None
    and formula.__name__ != "unknown" and name != "special.multigammaln"  # refuses such points
]  # fmt: skip
REAL_ONLY = {"atan2", "ceil", "clip", "copysign", "floor", "floor_divide", "hypot", "logaddexp",
             "maximum", "minimum", "nextafter", "remainder", "round", "trunc"}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "position"), POINTWISE)
def test_no_rule_lets_a_masked_element_through(name, position):
    """Every rule by every argument, where the partial derivative is infinite, nan, or a number."""
    if name.startswith("special."):
        needs("scipy")
    function: Any = pg.namespace("numpy")
    for part in name.split("."):
        function = getattr(function, part)
    count = len(PRIMITIVES[name].formulas)
    real = name in REAL_ONLY or "." in name
    for dtype in ["float64"] if real else ["float64", "complex128"]:
        x = np.asarray([*HURTFUL, *[1j * v for v in HURTFUL if dtype == "complex128"]], dtype)
        for other in (0.0, np.nan, 2.0)[: 1 if count == 1 else 3]:
            others: Any = [np.asarray(other, dtype)] * (count - 1)
            if name == "special.polygamma":
                others = [2]
            if name == "where":
                others[0] = np.asarray(position == 2)
            none_passes(lambda v, o=others: function(*o[:position], v, *o[position:]), x)


def none_passes(f: Any, x: Any) -> None:
    """Whatever `f` does, nothing comes of it at `x` where its value is masked, or the tangent 0."""

    def masked(v: Any) -> Any:
        return pg.where(pg.real(v) == 12345, f(v), 0.0)

    gradient = pg.grad(lambda v: pg.sum(pg.real(masked(v))))
    ones = np.ones_like(x)
    with pg.strong_zeros(), np.errstate(all="ignore"):
        along = lambda v: pg.jvp(masked, (v,), (ones,))[1]
        for found in (
            gradient(x),
            pg.grad(lambda v: pg.sum(pg.real(gradient(v))))(x),
            pg.grad(lambda v: pg.sum(pg.real(along(v))))(x),
            pg.jvp(gradient, (x,), (ones,))[1],
            pg.jvp(f, (x,), (0 * ones,))[1],
        ):
            np.testing.assert_array_equal(found, 0 * ones)


@every_backend
def test_the_product_of_a_zero_keeps_its_derivatives(backend):
    """A zero cotangent is not a constant: sin(x)²/2 has the second derivative 1 at 0."""
    f = lambda x: pg.sum(0.5 * pg.sin(x) ** 2)
    x = array([0.0, 1.0], backend)
    with pg.strong_zeros():
        np.testing.assert_allclose(value_of(pg.hessian(f)(x)), np.diag([1.0, np.cos(2.0)]))
        total = lambda x: pg.grad(f)(x).sum()
        if backend == "jax":
            jax = needs("jax")
            np.testing.assert_allclose(jax.grad(total)(x), [1.0, np.cos(2.0)])
        if backend == "torch":
            torch = needs("torch")
            np.testing.assert_allclose(torch.func.grad(total)(x), [1.0, np.cos(2.0)])


def test_a_walk_inside_over_a_graph_from_outside():
    x = leaf_of([0.0, 4.0])
    y = pg.sum(pg.where(x > 0, pg.sqrt(x), 0.0))
    with np.errstate(all="ignore"):
        y.backward(retain_graph=True)
        assert np.isnan(x.grad.data[0])
        x.zero_grad()
        with pg.strong_zeros():
            (g,) = pg.autograd.grad(y, x, create_graph=True)
            (h,) = pg.autograd.grad(g, x, np.ones(2))
    np.testing.assert_allclose(g.detach().data, [0.0, 0.25])
    np.testing.assert_allclose(h.data, [0.0, -1 / 32])


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_elsewhere_nothing_changes(dtype):
    rng = np.random.default_rng(0)
    x = np.asarray(rng.uniform(0.5, 2, (3, 4)), dtype)
    w = np.asarray(rng.uniform(0.5, 2, 4), dtype)

    def f(x, w):
        return pg.sum(pg.real(pg.sin(x) * pg.exp(-w) / (1 + x * x) + x**w)) + pg.sum(
            pg.real(pg.log(x) @ w)
        )

    plain = pg.grad(f, (0, 1))(x, w)
    with pg.strong_zeros():
        strong = pg.grad(f, (0, 1))(x, w)
    for a, b in zip(plain, strong, strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=1e-5 if dtype == "float32" else 1e-13)


# ---------------------------------------------------------------- changed arrays


@pytest.mark.parametrize("backend", [b for b in INSTALLED if b in ("numpy", "strict")])
def test_a_changed_operand_is_found(backend):
    x, w = leaf_of([1.0, 2.0], backend), array([3.0, 4.0], backend)
    with pg.debug(mutations=True):
        y = pg.sum(x * w)
    w[0] = 7.0
    with pytest.raises(RuntimeError, match=r"'multiply' had saved .* changed in place"):
        y.backward()
    assert x.grad is None
    with pg.debug(mutations=True):
        y = pg.sum(x * w)
    y.backward()
    np.testing.assert_array_equal(value_of(x.grad), [7.0, 4.0])


def test_numbers_and_strided_arrays_have_checksums():
    for w in (np.asarray(3.0), np.arange(6.0).reshape(2, 3).T, np.ones((0, 2)), np.ones(4)[::2]):
        for change in (False, True):
            x = Variable(np.ones(w.shape), requires_grad=True)
            with pg.debug():
                y = pg.sum(x * w)
            if change and w.size:
                w[...] = 5.0
                with pytest.raises(pg.MutationError):
                    y.backward()
            else:
                y.backward()
                np.testing.assert_array_equal(x.grad.data, w)


def test_torch_counts_always():
    torch = needs("torch")
    x, w = leaf_of([1.0, 2.0], "torch"), torch.tensor([3.0, 4.0], dtype=torch.float64)
    programs = [
        lambda x, w: x * w,
        lambda x, w: pg.exp(w * x),
        lambda x, w: pg.matmul(x, w),
        lambda x, w: pg.atan2(x, w),
        lambda x, w: pg.where(x > w, x, w) * pg.sum(x * w),
    ]
    for f in programs:
        y = pg.sum(f(x, w))
        w += 1
        with pytest.raises(pg.MutationError, match="changed in place"):
            y.backward()
        y = pg.sum(f(x, w))
        y.backward()
    assert x.grad is not None


class Scaled(pg.autograd.Function):
    """Takes its factor as an array, or in a list, and saves it."""

    @staticmethod
    def forward(ctx, x, w):
        w = w[0] if isinstance(w, list) else w
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[1], None


def with_residuals(x, w):
    f = pg.custom_vjp(lambda x: x * w)
    f.defvjp(lambda x: (x * w, {"w": w, "two": 2.0}), lambda kept, g: (g * kept["w"],))
    return f(x)


def around(x, w):
    v = Variable(w)
    return pg.checkpoint(lambda x: x * v)(x)


KEEPERS = {
    "operation": lambda x, w: x * w,
    "input of a Function": Scaled.apply,
    "constant of a Function": lambda x, w: Scaled.apply(x, [w]),
    "residuals": with_residuals,
    "checkpoint, argument": pg.checkpoint(lambda x, w: x * w),
    "checkpoint, tree": lambda x, w: pg.checkpoint(lambda d: d["x"] * d["w"])({"x": x, "w": w}),
    "checkpoint, closure": lambda x, w: pg.checkpoint(lambda x: x * w)(x),
    "checkpoint, nested": lambda x, w: pg.checkpoint(pg.checkpoint(lambda x: x * w))(x),
    "checkpoint, Variable": around,
    "vmap": lambda x, w: pg.vmap(lambda a, b: a * b)(x, w),
}


@pytest.mark.parametrize("backend", [b for b in INSTALLED if b in ("numpy", "torch")])
@pytest.mark.parametrize("name", KEEPERS)
def test_whatever_keeps_an_array_finds_it_changed(name, backend):
    for again in (False, True):
        x, w = leaf_of([1.0, 2.0], backend), array([3.0, 3.0], backend)
        with pg.debug() if backend == "numpy" else contextlib.nullcontext():
            y = pg.sum(pg.sin(KEEPERS[name](x, w)))
        y.backward(retain_graph=True)
        np.testing.assert_allclose(value_of(x.grad), 3 * np.cos([3.0, 6.0]))
        w += 1.0
        with pytest.raises(pg.MutationError, match="changed in place"):
            pg.autograd.grad(y, x, create_graph=again)


def test_what_a_function_saved_is_not_what_is_written_later():
    kept = []

    class Sin(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            kept.append(pg.cos(x))
            ctx.save_for_backward(kept[0])
            return pg.sin(x)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = leaf_of([1.0, 2.0])
    y = pg.sum(Sin.apply(x))
    kept[0][...] = 0.0
    y.backward()
    np.testing.assert_array_equal(x.grad.data, np.cos([1.0, 2.0]))


def test_debugging_finds_what_torch_does_not_count():
    torch = needs("torch")
    for dtype in (torch.float64, torch.bfloat16, torch.complex128):
        for inference in (False, True):
            x = Variable(torch.ones((2, 1), dtype=dtype), requires_grad=True)
            with torch.inference_mode(inference):
                w = torch.ones(1, dtype=dtype).expand(1, 1)
            with pg.debug():
                y = pg.sum(pg.abs(x * w))
            with torch.inference_mode(inference):
                w.data.add_(1)
            with pytest.raises(pg.MutationError):
                y.backward()
    values = np.ones(3)
    x, w = leaf_of([1.0, 2.0, 3.0], "torch"), torch.from_numpy(values)
    with pg.debug():
        y = pg.sum(x * w)
    values[1] = 2.0
    with pytest.raises(pg.MutationError):
        y.backward()


def test_our_own_writes_are_no_mutations():
    for backend in INSTALLED:
        with pg.debug(mutations=True):
            x = leaf_of([1.0, 2.0, 3.0], backend)
            u = x * 1.0
            for k in range(2):
                u[k + 1] = pg.tanh(u[k]) * u[k + 1]
            pg.sum(u * u).backward()
        v = leaf_of([1.0, 2.0, 3.0], backend)
        u = v * 1.0
        for k in range(2):
            u[k + 1] = pg.tanh(u[k]) * u[k + 1]
        pg.sum(u * u).backward()
        np.testing.assert_array_equal(value_of(x.grad), value_of(v.grad))


def test_the_second_order_knows_changes_too():
    torch = needs("torch")
    x, w = leaf_of([1.0, 2.0], "torch"), torch.tensor([3.0, 4.0], dtype=torch.float64)
    (g,) = pg.autograd.grad(pg.sum(pg.sin(x * w)), x, create_graph=True)
    w.mul_(2)
    with pytest.raises(pg.MutationError):
        pg.sum(g).backward()


# ---------------------------------------------------------------- all of them


def test_modes_belong_to_the_thread():
    seen = []

    def other() -> None:
        x = leaf_of([0.0])
        y = pg.sum(pg.sqrt(x))
        with np.errstate(all="ignore"):
            y.backward()
        seen.append(x.grad.item())

    with pg.autograd.detect_anomaly(), pg.strong_zeros():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == [np.inf]


def test_modes_end_and_cost_nothing_after():
    with pytest.raises(ZeroDivisionError), pg.strong_zeros(), pg.debug():
        assert read().modes.strong and read().modes.mutations and read().plain is None
        raise ZeroDivisionError
    assert read().modes is None and read().plain is not None


def test_as_decorators():
    @pg.strong_zeros()
    def f(x):
        return pg.grad(lambda x: pg.sum(pg.where(x > 0, pg.sqrt(x), 0.0)))(x)

    with np.errstate(all="ignore"):
        for _ in range(2):
            np.testing.assert_array_equal(f(np.zeros(1)), [0.0])


def test_as_decorators_of_generators_and_coroutines_and_used_again():
    strong = lambda: read().modes is not None and read().modes.strong

    @pg.strong_zeros()
    def steps():
        yield strong()
        yield strong()

    @pg.strong_zeros()
    async def later():
        return strong()

    seen = []
    for inside in steps():
        seen += [inside, strong()]
    assert seen == [True, False, True, False]
    assert asyncio.run(later()) and not strong()
    mode = pg.strong_zeros()
    with mode, mode:
        assert strong()
    assert not strong()
    with mode:
        assert strong()
    assert not strong()
