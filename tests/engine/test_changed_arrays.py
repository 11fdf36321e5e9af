"""Arrays that are changed between the way there and the way back are found."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import array, leaf_of, value_of
from tests.support.backends import INSTALLED
from tests.support.optional import needs


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
