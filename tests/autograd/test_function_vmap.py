"""autograd.Function under vmap: with a rule of its own, and without."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from pluggrad.autograd import Function
from tests.support.functions import scaling
from tests.support.optional import needs


def sorting(base, lib):
    """torch's own example of `vmap`: sorting, whose forward no batched value may enter."""

    class Sort(base):
        @staticmethod
        def forward(x, dim):
            values = x.data if isinstance(x, Variable) else x.detach()
            places = np.argsort(np.asarray(values), axis=dim)
            return lib(np.take_along_axis(np.asarray(values), places, axis=dim)), lib(places)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.mark_non_differentiable(output[1])
            ctx.save_for_backward(output[1])
            ctx.dim = inputs[1]

        @staticmethod
        def backward(ctx, g, _):
            (places,) = ctx.saved_tensors
            return Back.apply(g, places, ctx.dim), None

        @staticmethod
        def vmap(info, in_dims, x, dim):
            assert (info.batch_size, info.randomness) == (2, "error") and in_dims == (0, None)
            return Sort.apply(x, dim % (x.ndim - 1) + 1), (0, 0)

    class Back(base):
        @staticmethod
        def forward(g, places, dim):
            g, places = (v.data if isinstance(v, Variable) else v.detach() for v in (g, places))
            found = np.zeros(tuple(g.shape))
            np.put_along_axis(found, np.asarray(places), np.asarray(g), axis=dim)
            return lib(found)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[1])
            ctx.dim = inputs[2]

        @staticmethod
        def backward(ctx, g):
            raise AssertionError("not asked for here")

        @staticmethod
        def vmap(info, in_dims, g, places, dim):
            if in_dims[0] is None:
                g = g[None] + places * 0.0
            elif in_dims[0]:
                g = g.movedim(in_dims[0], 0)
            return Back.apply(g, places, dim % (places.ndim - 1) + 1), 0

    return Sort


def test_a_vmap_of_its_own_agrees_with_torch():
    torch = needs("torch")
    theirs, ours = sorting(torch.autograd.Function, torch.as_tensor), sorting(Function, np.asarray)
    x = np.asarray([[3.0, 1.0, 2.0], [0.5, -1.0, 7.0]])
    w = np.asarray([1.0, 10.0, 100.0])

    def f(sort, w):
        return lambda x: (sort.apply(x, -1)[0] * w).sum()

    a, b = torch.tensor(x), torch.tensor(w)
    inside = torch.func.vmap(torch.func.grad(f(theirs, b)))(a)
    outside = torch.func.grad(lambda a: (torch.func.vmap(f(theirs, b))(a) ** 2).sum())(a)
    np.testing.assert_array_equal(pg.vmap(f(ours, w))(x), torch.func.vmap(f(theirs, b))(a))
    np.testing.assert_array_equal(pg.vmap(pg.grad(f(ours, w)))(x), inside)
    got = pg.grad(lambda x: pg.sum(pg.vmap(f(ours, w))(x) ** 2))(x)
    np.testing.assert_array_equal(got, outside)
    v = Variable(x, requires_grad=True)
    pg.sum(pg.vmap(lambda x: ours.apply(x, 0)[0] * w)(v)).backward()
    np.testing.assert_array_equal(v.grad.data, (x.argsort(1).argsort(1)[..., None] == range(3)) @ w)


def test_two_vmaps_of_arrays_tracked_outside():
    torch = needs("torch")
    theirs, ours = scaling(torch.autograd.Function), scaling(Function)
    x = np.arange(1.0, 7.0).reshape(2, 3)
    for inner, outer, first, y in [
        ((0, 0), (0, 0), x, x + 1),
        ((0, None), (None, 0), x[0], x[:, 1]),
        ((None, 0), (0, 0), x[:, 1], x),
    ]:

        def total(lib, scale, outer=outer, inner=inner):
            twice = lib.vmap(lib.vmap(scale.apply, inner), outer)
            return lambda *args: (twice(*args) ** 2).sum()

        a, b = torch.tensor(first), torch.tensor(y)
        want = torch.func.grad(total(torch.func, theirs), (0, 1))(a, b)
        got = pg.grad(total(pg, ours), (0, 1))(first, y)
        for p, q in zip(got, want, strict=True):
            np.testing.assert_allclose(p, q)
        v, w = (Variable(z, requires_grad=True) for z in (first, y))
        total(pg, ours)(v, w).backward()
        np.testing.assert_allclose(v.grad.data, want[0])
        np.testing.assert_allclose(w.grad.data, want[1])
    three = lambda x: pg.vmap(pg.vmap(pg.vmap(ours.apply)))(x, x)
    x = x.reshape(1, 2, 3)
    np.testing.assert_allclose(pg.grad(lambda x: pg.sum(three(x)))(x), 3 * x**2)
    np.testing.assert_allclose(pg.jvp(three, (x,), (x,))[1], 3 * x**3)
    second = pg.grad(lambda x: pg.sum(pg.grad(lambda x: pg.sum(three(x)))(x)))
    np.testing.assert_allclose(second(x), 6 * x)


def test_a_wrong_vmap_is_an_error():
    def define(answer, setup=True, mark=False):
        class Wrong(Function):
            generate_vmap_rule = mark

            @staticmethod
            def forward(*args):
                return args[-1] * 2

            if setup:

                @staticmethod
                def setup_context(ctx, inputs, output):
                    pass

            @staticmethod
            def vmap(info, in_dims, x):
                return answer(x)

        return Wrong

    cases = [
        (define(lambda x: x), "pair"),
        (define(lambda x: (x, (0, 0))), "2 out_dims"),
        (define(lambda x: (x, 1)), "size 2"),
        (define(lambda x: (x, 5)), "axis 5"),
        (define(lambda x: (x, 0), setup=False), "setup_context"),
        (define(lambda x: (x, 0), mark=True), "generate_vmap_rule"),
    ]
    for function, match in cases:
        with pytest.raises((ValueError, TypeError), match=match):
            pg.vmap(function.apply)(np.ones((2, 3)))
    shared = define(lambda x: (x[0] * 2, None))
    np.testing.assert_array_equal(pg.vmap(shared.apply)(np.ones((2, 3))), np.full((2, 3), 2.0))
