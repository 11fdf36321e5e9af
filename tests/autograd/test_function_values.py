"""autograd.Function: writing an input, what is kept, and what is handed on."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from pluggrad.autograd import Function
from tests.support.functions import Cube, scaling
from tests.support.optional import needs

# ---------------------------------------------------------------- writing an input


def exponential(base, exp):
    class ExpInPlace(base):
        @staticmethod
        def forward(ctx, x, y):
            if base is Function:
                x[...] = exp(x) * y
            else:
                x.exp_().mul_(y)
            ctx.mark_dirty(x)
            ctx.save_for_backward(x, y)
            return x

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * x, g * x / y

    return ExpInPlace


def test_writing_an_input_agrees_with_torch():
    torch = needs("torch")
    theirs, ours = exponential(torch.autograd.Function, None), exponential(Function, pg.exp)
    a = torch.tensor([0.5, 1.5], dtype=torch.float64)
    x, y = a.clone().requires_grad_(), (a + 1).requires_grad_()
    v, w = Variable(a.clone(), requires_grad=True), Variable(a + 1, requires_grad=True)
    t, u = x * 2, v * 2
    kept, k = x * 3, u * 1  # the value before
    z = theirs.apply(t, y)
    o = ours.apply(u, w)
    assert z is t and o is u
    torch.testing.assert_close(t.detach(), u.data)
    (t * z * kept).sum().backward()
    pg.sum(u * o * (k * 1.5)).backward()
    torch.testing.assert_close(x.grad, v.grad.data)
    torch.testing.assert_close(y.grad, w.grad.data)
    with pytest.raises(RuntimeError, match="leaf"):
        ours.apply(v, w)
    torch.testing.assert_close(v.data, a)
    with pg.no_grad():
        ours.apply(v, w)
    torch.testing.assert_close(v.data, a.exp() * (a + 1))


def test_writing_an_input_inside_transforms():
    ours = exponential(Function, pg.exp)

    def f(x):
        y = x * 1.0
        ours.apply(y, 2 * x)
        return pg.sum(y * x)  # 2 x² exp(x)

    x = np.asarray([0.3, 1.1])
    first = 2 * np.exp(x) * (x**2 + 2 * x)
    np.testing.assert_allclose(pg.grad(f)(x), first)
    np.testing.assert_allclose(pg.vmap(pg.grad(f))(x), first)
    np.testing.assert_allclose(pg.grad(lambda x: pg.sum(pg.vmap(f)(x)))(x), first)
    np.testing.assert_allclose(pg.grad(pg.checkpoint(f))(x), first)
    second = 2 * np.exp(x) * (x**2 + 4 * x + 2)
    np.testing.assert_allclose(pg.hessian(f)(x), np.diag(second), atol=1e-12)
    # A batched value that others have saved stays as it was.
    np.testing.assert_allclose(
        pg.vmap(pg.grad(lambda x: pg.sum(pg.sin(y := x * 1.0) * ours.apply(y, 1.0))))(x),
        np.exp(x) * (np.sin(x) + np.cos(x)),
    )


def test_marking_what_was_not_written_is_an_error():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, y, returned):
            ctx.mark_dirty(y if returned else x)
            return x * 1

    x = Variable(np.ones(2), requires_grad=True)
    with pytest.raises(ValueError, match="not among its outputs"):
        Wrong.apply(x, np.ones(2), False)
    with pytest.raises(ValueError, match="no Variable among the inputs"):
        Wrong.apply(x, np.ones(2), True)


def test_volatile_spreads():
    x, w = Variable(np.ones(2), volatile=True), Variable(np.ones(2), requires_grad=True)
    y = scaling(Function).apply(x, w)
    assert y.volatile and not y.requires_grad


# ---------------------------------------------------------------- what is kept, and what is handed on


class Tripled(Function):
    """It saves nothing."""

    @staticmethod
    def forward(ctx, x):
        return 3 * x

    @staticmethod
    def backward(ctx, g):
        return 3 * g


class Doubled(Function):
    """2 exp(x): it saves what is neither an input nor an output."""

    @staticmethod
    def forward(ctx, x):
        e = pg.exp(x)
        ctx.save_for_backward(e, None)
        return 2 * e

    @staticmethod
    def backward(ctx, g):
        e, none = ctx.saved_tensors
        assert none is None
        return 2 * e * g


def test_only_what_was_saved_is_kept():
    v = Variable(np.ones(3), requires_grad=True)
    x = v + 0
    value = weakref.ref(x.data)
    y = Tripled.apply(x)
    result = weakref.ref(y.data)
    z = pg.sum(y)
    del x, y
    assert value() is None and result() is None
    z.backward()
    z.backward()  # as nothing was saved, nothing was freed
    assert v.grad.tolist() == [6.0, 6.0, 6.0]
    v.grad = None
    (g,) = pg.autograd.grad(pg.sum(Tripled.apply(v * v)), v, create_graph=True)
    pg.sum(g * v).backward()
    assert v.grad.tolist() == [12.0, 12.0, 12.0]


@pytest.mark.parametrize("function, packed", [(Tripled, 0), (Doubled, 1), (Cube, 1)])
def test_saved_tensors_hooks_see_what_was_saved(function, packed):
    x = Variable(np.asarray([0.5, 1.0]), requires_grad=True)
    calls = []
    pack = lambda v: (calls.append(v.shape), 2 * v.data)[1]
    with pg.autograd.saved_tensors_hooks(pack, lambda v: v / 2):
        y = function.apply(x)
    assert len(calls) == packed
    (g,) = pg.autograd.grad(pg.sum(y), x)
    (expected,) = pg.autograd.grad(pg.sum(function.apply(x)), x)
    np.testing.assert_array_equal(g.data, expected.data)


def test_a_change_of_what_was_not_saved_is_none():
    torch = needs("torch")
    for function in (Tripled, Cube):
        a = torch.ones(3, dtype=torch.float64)
        x = Variable(a, requires_grad=True)
        y = pg.sum(function.apply(x))
        a.add_(1)
        if function is Cube:
            with pytest.raises(pg.MutationError, match="Cube"):
                y.backward()
        else:
            y.backward()
            assert x.grad.tolist() == [3.0, 3.0, 3.0]


def test_saved_intermediates_at_every_level():
    a = np.asarray([0.1, 0.2])
    d = 2 * np.exp(a)
    f = Doubled.apply
    each = pg.vmap(pg.grad(f))
    np.testing.assert_allclose(each(a), d)
    np.testing.assert_allclose(pg.grad(lambda a: pg.sum(each(a) * a))(a), d)
    np.testing.assert_allclose(pg.grad(lambda a: pg.sum(pg.vmap(pg.vmap(f))(a)))(a[None])[0], d)
    np.testing.assert_allclose(pg.jvp(pg.vmap(f), (a,), (a,))[1], d * a)
    np.testing.assert_allclose(pg.jacrev(f)(a), np.diag(d))


def test_outputs_that_are_no_arrays():
    class F(Function):
        @staticmethod
        def forward(ctx, x):
            return None, 2 * x, "name", 3 * x

        @staticmethod
        def backward(ctx, a, g, b, h):
            assert a is None and b is None
            return 2 * g + 3 * h

    x = Variable(np.ones(2), requires_grad=True)
    none, y, name, z = F.apply(x)
    assert none is None and name == "name"
    pg.sum(y * z).backward()
    assert x.grad.tolist() == [12.0, 12.0]
    np.testing.assert_array_equal(pg.grad(lambda x: pg.sum(F.apply(x)[3]))(np.ones(2)), [3.0, 3.0])
    np.testing.assert_array_equal(pg.vmap(lambda x: F.apply(x)[1])(np.ones(2)), [2.0, 2.0])
    assert pg.jvp(lambda x: F.apply(x)[1], (1.0,), (1.0,)) == (2.0, 2.0)


def test_what_is_saved_for_jvp_and_its_zeros():
    """As torch: `jvp` finds what `save_for_forward` was given, and zeros for missing tangents."""
    torch = needs("torch")

    def define(base):
        class Product(base):
            @staticmethod
            def forward(x, y, name):
                return x * y, name

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(inputs[1], inputs[0])
                ctx.save_for_forward(*inputs[:2])

            @staticmethod
            def backward(ctx, g, _):
                y, x = ctx.saved_tensors
                return g * y, g * x, None

            @staticmethod
            def jvp(ctx, t, s, name):
                assert name is None
                x, y = ctx.saved_tensors
                return t * y + x * s, None

        return Product

    a, b = np.asarray([1.0, 2.0]), np.asarray([3.0, 5.0])
    theirs, ours = define(torch.autograd.Function), define(Function)
    t, u = torch.asarray(a), torch.asarray(b)
    expected = torch.func.jvp(lambda x: theirs.apply(x, u, "n")[0], (t,), (t,))
    for y in (b, Variable(b)):
        found = pg.jvp(lambda x: ours.apply(x, y, "n")[0], (a,), (a,))  # noqa: B023
        for p, q in zip(found, expected, strict=True):
            np.testing.assert_array_equal(p, q.numpy())
    expected = torch.func.jvp(torch.func.grad(lambda x: theirs.apply(x, x * u, "n")[0].sum()),
                              (t,), (u,))  # fmt: skip
    found = pg.jvp(pg.grad(lambda x: pg.sum(ours.apply(x, x * b, "n")[0])), (a,), (b,))
    for p, q in zip(found, expected, strict=True):
        np.testing.assert_array_equal(p, q.numpy())


def test_keywords_and_defaults():
    class Scaled(Function):
        @staticmethod
        def forward(x, by=2, *more):
            return x * by

        @staticmethod
        def setup_context(ctx, inputs, output):
            _, ctx.by = inputs

        @staticmethod
        def vjp(ctx, g):  # torch's other name for backward
            return ctx.by * g, None

    f = Scaled.apply
    assert pg.grad(f)(1.0) == 2.0
    assert pg.grad(lambda x: f(x, by=5))(1.0) == 5.0
    assert pg.grad(lambda x: f(by=7, x=x))(1.0) == 7.0
    assert pg.grad(lambda x: Cube.apply(x, factor=2.0))(1.0) == 6.0
    with pytest.raises(TypeError, match="other"):
        f(1.0, other=2)


def test_a_function_without_backward_is_named():
    class Forward(Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

    with pytest.raises(NotImplementedError, match="Forward has no static method backward"):
        Forward.apply(Variable(1.0, requires_grad=True)).backward()


def test_missing_cotangents_are_zero_in_vmap():
    class Pair(Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x, pg.argmax(x), 3 * x

        @staticmethod
        def backward(ctx, g, _, h):
            return 2 * g + 3 * h

    x = np.arange(6.0).reshape(2, 3)
    one = lambda x: pg.sum(Pair.apply(x)[2])
    np.testing.assert_array_equal(pg.vmap(pg.grad(one))(x), np.full((2, 3), 3.0))
    np.testing.assert_array_equal(pg.grad(lambda x: pg.sum(pg.vmap(one)(x)))(x), x * 0 + 3)
    total = lambda x: pg.sum(pg.vmap(pg.vmap(lambda x: Pair.apply(x[None])[0]))(x))
    np.testing.assert_array_equal(pg.grad(total)(x), x * 0 + 2)
    product = lambda x: pg.sum(Pair.apply(x)[0] * Pair.apply(x)[2])
    np.testing.assert_array_equal(pg.hessian(product)(x[0]), 12 * np.eye(3))


def test_what_is_saved_may_be_of_another_library():
    torch = needs("torch")

    class Sine(Function):
        @staticmethod
        def forward(ctx, x):
            a = x.data.numpy()
            ctx.save_for_backward(np.cos(a), "a word", np.float64(2.0))
            return torch.asarray(np.sin(a))

        @staticmethod
        def backward(ctx, g):
            c, word, two = ctx.saved_tensors
            assert word == "a word" and two.item() == 2.0
            return torch.asarray(c.data) * g

    a = torch.asarray([0.1, 0.2], dtype=torch.float64)
    x = Variable(a, requires_grad=True)
    pg.sum(Sine.apply(x)).backward()
    torch.testing.assert_close(x.grad.data, torch.cos(a))
    torch.testing.assert_close(pg.grad(lambda x: pg.sum(Sine.apply(x)))(a), torch.cos(a))
