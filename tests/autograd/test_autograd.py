"""`backward`, `autograd.grad` and the graph, as torch users know them."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import leaf


def test_backward_fills_grad_and_accumulates():
    x = leaf(1.0, 2.0)
    pg.sum(x * x).backward()
    assert x.grad.data.tolist() == [2.0, 4.0]
    pg.sum(3 * x).backward()
    assert x.grad.data.tolist() == [5.0, 7.0]
    x.zero_grad()
    assert x.grad is None


def test_backward_with_a_cotangent():
    x = leaf(1.0, 2.0)
    (x**3).backward(gradient=np.asarray([1.0, 10.0]))
    assert x.grad.data.tolist() == [3.0, 120.0]


def test_two_grads_of_one_graph_need_retain_graph_only_where_they_meet():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    z = x**2 + 3 * y
    (dx,) = pg.autograd.grad(z, x, grad_outputs=np.ones(2))
    (dy,) = pg.autograd.grad(z, y, grad_outputs=np.ones(2))
    assert dx.data.tolist() == [2.0, 4.0]
    assert dy.data.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("hooked", [False, True])
def test_a_walk_frees_nothing_where_it_only_arrives(hooked):
    """So a graph may be walked in two halves, as torch's."""
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = pg.exp(x)
    if hooked:
        y.retain_grad()
        y.grad_fn.register_hook(lambda sent, arrived: None)
    z = pg.sum(pg.sin(y) * w)
    g, dw = pg.autograd.grad(z, [y, w])
    assert np.allclose(dw.data, np.sin(np.exp(x.data)))
    y.backward(g)
    assert np.allclose(x.grad.data, np.cos(np.exp(x.data)) * np.exp(x.data) * w.data)
    with pytest.raises(pg.GraphFreedError, match=r"sin|multiply"):
        z.backward()
    y = pg.exp(x)
    assert pg.autograd.grad(y, y, np.ones(2))[0].data.tolist() == [1.0, 1.0]
    z = pg.sum(y * x)  # here the walk goes through y to reach x
    pg.autograd.grad(z, [x, y])
    with pytest.raises(pg.GraphFreedError, match="exp"):
        y.backward(g)


def test_zeros_that_were_materialized_have_derivatives():
    x, u = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (g,) = pg.autograd.grad(pg.sum(u * u), x, create_graph=True, materialize_grads=True)
    assert g.requires_grad
    assert pg.autograd.grad(pg.sum(g), x, allow_unused=True) == (None,)
    assert pg.autograd.grad(pg.sum(g), x, materialize_grads=True)[0].data.tolist() == [0.0, 0.0]
    (g,) = pg.autograd.grad(pg.sum(u * u), x, materialize_grads=True)
    assert not g.requires_grad

    def f(a):
        (g,) = pg.autograd.grad(pg.sum(u * u), u, create_graph=True)
        zero = pg.autograd.grad(pg.sum(a), pg.stop_gradient(a), materialize_grads=True)
        return pg.sum(g * a) + pg.sum(zero[0])

    with pytest.raises(RuntimeError, match="does not require grad"):
        pg.grad(f)(np.ones(2))
    batched = pg.autograd.grad(u * u, x, np.eye(2), create_graph=True, is_grads_batched=True,
                               materialize_grads=True)  # fmt: skip
    assert batched[0].shape == (2, 2)


def test_second_walk_through_freed_values_raises_and_changes_nothing():
    x = leaf(1.0, 2.0)
    y = pg.sum(pg.exp(x))
    y.backward()
    before = x.grad.data.copy()
    with pytest.raises(pg.GraphFreedError, match=r"exp.*second time"):
        y.backward()
    assert np.array_equal(x.grad.data, before)


def test_a_path_through_freed_values_is_never_silently_skipped():
    x = leaf(1.0, 2.0)
    y = pg.sum(x**2 + x)
    pg.autograd.grad(y, x)
    with pytest.raises(pg.GraphFreedError):
        pg.autograd.grad(y, x)


def test_retain_graph():
    x = leaf(2.0)
    y = pg.sum(x**3)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.data.tolist() == [24.0]


def test_create_graph_to_the_third_order():
    x = leaf(0.5, 2.0)
    y = pg.sum(x**4)
    for expected in (4 * x.data**3, 12 * x.data**2, 24 * x.data):
        (y,) = pg.autograd.grad(pg.sum(y), x, create_graph=True)
        np.testing.assert_allclose(y.data, expected)
    (constant,) = pg.autograd.grad(pg.sum(y), x)
    assert constant.data.tolist() == [24.0, 24.0]


def test_grad_of_intermediate_variables():
    x = leaf(1.0, 2.0)
    h = x * 3
    h.retain_grad()
    y = pg.sum(h * h)
    (dh,) = pg.autograd.grad(y, h, retain_graph=True)
    y.backward()
    assert dh.data.tolist() == [6.0, 12.0]
    assert h.grad.data.tolist() == [6.0, 12.0]
    assert x.grad.data.tolist() == [18.0, 36.0]


def test_retain_grad_after_use():
    x = leaf(2.0)
    h = x * 3
    y = h * h
    h.retain_grad()
    y.backward()
    assert h.grad.data.tolist() == [12.0]


def test_inputs_limits_where_gradients_go():
    x, y = leaf(1.0), leaf(2.0)
    z = x * y
    z.backward(inputs=[x])
    assert x.grad.data.tolist() == [2.0]
    assert y.grad is None


def test_unused_inputs():
    x, y = leaf(1.0), leaf(2.0)
    with pytest.raises(pg.DifferentiationError, match="not used"):
        pg.autograd.grad(x * 2, [x, y])
    dx, dy = pg.autograd.grad(x * 2, [x, y], allow_unused=True)
    assert dy is None
    assert dx.data.tolist() == [2.0]
    _, dy = pg.autograd.grad(x * 2, [x, y], materialize_grads=True)
    assert dy.data.tolist() == [0.0]


def test_batched_cotangents():
    x = leaf(1.0, 2.0)
    (g,) = pg.autograd.grad(x * x, x, grad_outputs=np.eye(2), is_grads_batched=True)
    assert g.data.tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_gradients_do_not_alias():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = np.ones(2)
    (x + y).backward(seed)
    x.grad.data[0] = 100.0
    assert y.grad.data.tolist() == [1.0, 1.0]
    assert seed.tolist() == [1.0, 1.0]


def test_hooks_see_and_replace():
    x = leaf(1.0, 2.0)
    seen = []
    h = x * 2
    handle = h.register_hook(lambda g: seen.append(g.data.copy()) or g * 10)
    pg.sum(h).backward()
    assert seen[0].tolist() == [1.0, 1.0]
    assert x.grad.data.tolist() == [20.0, 20.0]
    handle.remove()
    x.grad = None
    pg.sum(x * 2).backward()
    assert x.grad.data.tolist() == [2.0, 2.0]


def test_requires_grad_spreads_and_volatile_wins():
    a, b = Variable(np.ones(2)), leaf(1.0, 1.0)
    assert not (a + a).requires_grad
    assert (a + b).requires_grad
    v = Variable(np.ones(2), volatile=True)
    assert (v + b).volatile
    assert not (v + b).requires_grad
    assert (v * v + b).grad_fn is None


def test_grad_modes():
    x = leaf(1.0)
    with pg.no_grad():
        assert not (x * 2).requires_grad
        with pg.enable_grad():
            assert (x * 2).requires_grad
        assert not pg.is_grad_enabled()
    assert pg.is_grad_enabled()
    with pg.set_grad_enabled(False):
        assert not pg.is_grad_enabled()
    assert pg.is_grad_enabled()

    @pg.no_grad()
    def evaluate():
        return x * 2

    assert not evaluate().requires_grad
    pg.set_grad_enabled(False)
    assert not pg.is_grad_enabled()
    pg.set_grad_enabled(True)


def test_detach_is_a_snapshot():
    x = leaf(1.0, 2.0)
    y = x * 1
    d = y.detach()
    y[0] = 5.0
    assert d.data.tolist() == [1.0, 2.0]
    assert not d.requires_grad
    assert y.data.tolist() == [5.0, 2.0]


def test_an_operand_written_after_use_keeps_the_right_gradient():
    x = leaf(1.0, 2.0)
    h = x * 1
    y = h * h
    h *= 100
    pg.sum(y).backward()
    assert x.grad.data.tolist() == [2.0, 4.0]


def test_parameter_update_under_no_grad():
    w = leaf(1.0, 2.0)
    loss = pg.sum(w * w)
    with pg.no_grad():
        w -= 0.5
    loss.backward()
    assert w.grad.data.tolist() == [2.0, 4.0]
    assert w.data.tolist() == [0.5, 1.5]
    assert w.is_leaf and w.requires_grad


def test_float32_stays_float32():
    x = Variable(np.ones(3, dtype=np.float32), requires_grad=True)
    pg.sum(x * np.arange(3.0)).backward()
    assert x.grad.dtype == np.float32
    (x * 2.0).sum().backward()
    assert x.grad.dtype == np.float32


def test_a_million_nodes_neither_recurse_nor_leak():
    x = leaf(0.0)
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    y.backward()
    assert x.grad.data.tolist() == [1.0]
    node = weakref.ref(y.grad_fn)
    del y
    assert node() is None


def test_no_reference_cycles():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = pg.sum(pg.exp(x) * x[0])
        (g,) = pg.autograd.grad(y, x, create_graph=True)
        refs = [weakref.ref(v) for v in (x, y, g)]
        del x, y, g
        assert [ref() for ref in refs] == [None, None, None]
    finally:
        gc.enable()


def test_a_leaf_pickles_and_copies():
    x = leaf(1.0, 2.0)
    pg.sum(x * x).backward()
    again = pickle.loads(pickle.dumps(x))
    assert again.requires_grad
    assert again.grad.data.tolist() == [2.0, 4.0]
    twin = copy.deepcopy(x)
    assert twin.is_leaf and twin.requires_grad and twin.data is not x.data
    connected = copy.deepcopy(x * 2)
    x.grad = None
    pg.sum(connected).backward()
    assert x.grad.data.tolist() == [2.0, 2.0]
    with pytest.raises(pg.DifferentiationError):
        pickle.dumps(x * 2)


def test_copies_of_values_of_a_transform_stay_connected():
    def f(x):
        with pytest.raises(pg.DifferentiationError):
            pickle.dumps(x)
        a, (b, c) = copy.deepcopy((x, [x, x * 2]))
        assert a is b
        return pg.sum(a * b * copy.copy(c))

    np.testing.assert_array_equal(pg.grad(f)(np.asarray([1.0, 2.0])), [6.0, 24.0])
    np.testing.assert_array_equal(pg.jvp(f, (np.ones(2),), (np.ones(2),))[1], 12.0)
    np.testing.assert_array_equal(pg.vmap(pg.grad(f))(np.ones((2, 1))), [[6.0], [6.0]])
    np.testing.assert_array_equal(pg.vmap(copy.deepcopy)(np.ones(2)), np.ones(2))


def test_graph_can_be_looked_at():
    x = leaf(1.0)
    y = x * 2
    assert y.grad_fn.name() == "MultiplyBackward"
    assert y.grad_fn.next_functions[0][0].name() == "AccumulateGrad"
    y.grad_fn.metadata["note"] = 1
    assert y.grad_fn.metadata == {"note": 1}
    assert x.grad_fn is None
    assert x.is_leaf


def test_size_answers_both_spellings():
    v = Variable(np.ones((5, 3)))
    assert v.size == 15
    assert v.size() == (5, 3)
    assert v.size(1) == 3
    assert pickle.loads(pickle.dumps(v.size)) == 15


def test_repr():
    text = repr(Variable(np.zeros((5, 3))))
    assert text.startswith("Variable containing:")
    assert text.endswith("[numpy.float64 of size 5x3]")


def test_a_gradient_may_be_a_list():
    x = leaf(3.0, 4.0)
    (x * x).backward([1.0, 2.0])
    assert x.grad.tolist() == [6.0, 16.0]
    (g,) = pg.autograd.grad(x * x, x, grad_outputs=[np.ones(2)])
    assert g.tolist() == [6.0, 8.0]


def test_a_failed_call_frees_nothing():
    x, y = leaf(1.0, 2.0), leaf(1.0)
    z = pg.sum(x * x)
    with pytest.raises(pg.DifferentiationError, match="not used"):
        pg.autograd.grad(z, [x, y])
    (g,) = pg.autograd.grad(z, x)
    assert g.tolist() == [2.0, 4.0]


def test_the_same_input_twice_gives_two_arrays():
    x = leaf(1.0, 2.0)
    a, b = pg.autograd.grad(pg.sum(x * x), [x, x])
    a.data[0] = 99.0
    assert b.tolist() == [2.0, 4.0]


def test_what_a_hook_saw_or_returned_is_not_the_grad():
    x = leaf(1.0, 2.0)
    seen, mine = [], np.asarray([7.0, 8.0])
    handle = x.register_hook(seen.append)
    pg.sum(x * x).backward()
    x.grad.data[0] = 50.0
    assert seen[0].tolist() == [2.0, 4.0]
    handle.remove()
    x.grad = None
    with x.register_hook(lambda g: mine):
        pg.sum(x * x).backward()
    x.grad.data[0] = 50.0
    assert mine.tolist() == [7.0, 8.0]


def test_a_hook_must_keep_the_shape_and_an_error_in_one_leaves_no_grad():
    x, y = leaf(1.0, 2.0), leaf(1.0, 2.0)
    y.register_hook(lambda g: np.ones(3))
    with pytest.raises(ValueError, match=r"hook returned .*\(3,\).*\(2,\)"):
        pg.sum(x * y).backward()
    assert x.grad is None and y.grad is None


def test_post_accumulate_grad_hooks():
    w = leaf(1.0, 2.0)

    def step(p):
        with pg.no_grad():
            p -= 0.1 * p.grad
        p.grad = None

    handle = w.register_post_accumulate_grad_hook(step)
    pg.autograd.grad(pg.sum(w * w), w)
    assert w.data.tolist() == [1.0, 2.0]
    pg.sum(w * w).backward()
    np.testing.assert_allclose(w.data, [0.8, 1.6])
    assert w.grad is None
    handle.remove()
    pg.sum(w).backward()
    assert w.grad.tolist() == [1.0, 1.0]
    with pytest.raises(pg.DifferentiationError, match="leaves"):
        (w * 2).register_post_accumulate_grad_hook(step)


def test_retain_grad_beside_inputs_and_after_a_write():
    x = leaf(1.0, 2.0)
    h = x * 2
    h.retain_grad()
    pg.sum(h * h).backward(inputs=[x])
    assert h.grad.tolist() == [4.0, 8.0]
    h = x * 2
    h.retain_grad()
    h *= 3
    assert h.retains_grad
    pg.sum(h * 5).backward()
    assert h.grad.tolist() == [5.0, 5.0]


def test_requires_grad_off_and_on():
    x = leaf(1.0, 2.0)
    y = pg.sum(x * x)
    x.requires_grad_(False)
    y.backward(retain_graph=True)
    assert x.grad is None
    x.requires_grad_(True)
    (g,) = pg.autograd.grad(y, x)
    assert g.tolist() == [2.0, 4.0]


def test_create_graph_under_no_grad():
    x = leaf(2.0)
    y = pg.sum(x**3)
    with pg.no_grad():
        (g,) = pg.autograd.grad(y, x, create_graph=True)
        assert not pg.is_grad_enabled()
    (h,) = pg.autograd.grad(g, x)
    assert h.tolist() == [12.0]


def test_hooks_make_no_reference_cycles():
    x = leaf(1.0, 2.0)
    gc.collect()
    gc.disable()
    try:
        h = x * 2
        h.retain_grad()
        h.register_hook(lambda g: g * 2)
        pg.sum(h).backward()
        node = weakref.ref(h.grad_fn)
        del h
        assert node() is None
    finally:
        gc.enable()


def test_a_leaf_whose_grad_has_a_graph_pickles():
    x = leaf(2.0)
    pg.sum(x**2).backward(create_graph=True)
    pg.sum(x**2).backward(create_graph=True)
    again = pickle.loads(pickle.dumps(x))
    assert again.grad.tolist() == [8.0] and not again.grad.requires_grad


def test_a_long_chain_of_views_is_linear():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    y = x * 1
    for _ in range(20_000):
        y = y.reshape((2, 2)).reshape((4,))
    y[0] = 5.0
    pg.sum(y).backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("dtype", ["longdouble", "clongdouble", "float16", ">f8", ">c16"])
def test_numpys_other_floats(dtype):
    x = Variable(np.asarray([1.0, 2.0], dtype=dtype), requires_grad=True)
    pg.sum(pg.real(pg.exp(x[:1]) * x[1] * np.ones(1))).backward()
    np.testing.assert_allclose(x.grad.data.astype(complex), [2 * np.e, np.e], rtol=1e-3)


def test_forward_mode_has_no_hooks_and_no_graph():
    x = np.ones(2)
    for f in (
        lambda v: (v * 2).register_hook(lambda g: g),
        lambda v: (v * 2).retain_grad(),
        lambda v: pg.autograd.grad((v * 2).sum(), v),
    ):
        with pytest.raises(pg.DifferentiationError, match="forward mode"):
            pg.jvp(f, (x,), (x,))


def test_any_iterable_of_variables():
    v, w = leaf(1.0, 2.0), leaf(3.0, 5.0)
    parameters = {"v": v, "w": w}
    found = pg.autograd.grad(pg.sum(v * w), parameters.values())
    assert [g.tolist() for g in found] == [[3.0, 5.0], [1.0, 2.0]]
    pg.autograd.backward((pg.sum(x) for x in (v, w)), inputs=(x for x in (v, w)))
    assert v.grad.tolist() == w.grad.tolist() == [1.0, 1.0]


def test_a_complex_output_needs_a_cotangent():
    """As torch has it: there is no such thing as the gradient of a complex number."""
    z = leaf(1.0 + 2.0j)
    with pytest.raises(RuntimeError, match="complex output"):
        (z * z).backward()
    with pytest.raises(RuntimeError, match="complex output"):
        pg.autograd.grad(z * z, z)
    (z * z).backward([1.0 + 0.0j])
    assert z.grad.item() == 2.0 - 4.0j


def test_what_hooks_return_is_checked():
    for answer, kind in (("x", TypeError), (1.5, TypeError), (np.ones(3), ValueError)):
        v = leaf(1.0, 2.0)
        v.register_hook(lambda g: answer)  # noqa: B023
        with pytest.raises(kind, match="a hook returned"):
            pg.sum(v * 2).backward()
        assert v.grad is None
        with pg.autograd.saved_tensors_hooks(lambda x: x, lambda x: answer):  # noqa: B023
            y = pg.sum(pg.exp(v.detach().requires_grad_()))
        with pytest.raises((RuntimeError, ValueError), match="unpack hook returned"):
            y.backward()
