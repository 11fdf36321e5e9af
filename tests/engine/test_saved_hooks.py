"""Hooks on what operations save for the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import leaf_of, value_of
from tests.support.backends import every_backend


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
