"""autograd.Function: torch's protocol, on every backend, at every order, in every transform."""

from __future__ import annotations

import copy
import gc
import weakref

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from pluggrad.arrays.backend import PRIMITIVES
from pluggrad.autograd import Function
from pluggrad.autograd.function import once_differentiable
from tests.support.functions import Cube
from tests.support.optional import array_library, needs


class Opaque(Function):
    """The sine, by NumPy: its forward leaves no trace."""

    @staticmethod
    def forward(x):
        return np.sin(x.data), np.cos(x.data)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*output)

    @staticmethod
    def backward(ctx, g, h):
        s, c = ctx.saved_tensors
        return g * c - h * s


def raw_in(name, values):
    """An array in double precision, made by the library itself."""
    module = array_library(name)
    return module.asarray(values, dtype=module.float64)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "array_api_strict"])
def test_orders_on_every_backend(name):
    x = Variable(raw_in(name, [1.0, 2.0]), requires_grad=True)
    y = Cube.apply(x, 2.0)
    assert y.grad_fn.name() == "CubeBackward"
    (g,) = pg.autograd.grad(pg.sum(y), x, create_graph=True)
    (h,) = pg.autograd.grad(pg.sum(g), x, create_graph=True)
    (k,) = pg.autograd.grad(pg.sum(h), x)
    found = [v.detach().tolist() for v in (g, h, k)]
    assert found == [[6.0, 24.0], [12.0, 24.0], [12.0, 12.0]]
    raw = raw_in(name, [1.0, 2.0])
    f = lambda x: pg.sum(Cube.apply(x))
    second = pg.grad(lambda x: pg.sum(pg.grad(f)(x)))(raw)
    assert type(second) is type(raw)
    assert [float(second[0]), float(second[1])] == [6.0, 12.0]


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "array_api_strict"])
def test_what_is_handed_says_whether_its_gradient_is_wanted(name, once):
    seen = []

    class Product(Function):
        @staticmethod
        def forward(ctx, x, w):
            seen.append((x.requires_grad, w.requires_grad, (x * w).requires_grad))
            y = x * w
            ctx.save_for_backward(x, w, y)
            return y

        def backward(ctx, g):
            x, w, y = ctx.saved_tensors
            seen.append((x.requires_grad, w.requires_grad, y.requires_grad))
            return w * g if x.requires_grad else None, x * g if w.requires_grad else None

        backward = staticmethod(once_differentiable(backward) if once else backward)

    x = Variable(raw_in(name, [1.0, 2.0]), requires_grad=True)
    w = Variable(raw_in(name, [3.0, 4.0]))
    pg.sum(Product.apply(x, w)).backward()
    assert x.grad.tolist() == [3.0, 4.0] and not x.grad.requires_grad
    assert seen == [(True, False, False), (True, False, True)]
    g = pg.grad(lambda x: pg.sum(Product.apply(x, w)))(x.data)
    assert [float(g[0]), float(g[1])] == [3.0, 4.0]
    with pg.no_grad():
        assert not Product.apply(x, w).requires_grad


def test_what_is_handed_may_leave_for_another_library():
    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            assert bool((x > 0).all()) and float(x.sum()) == 3.0 == sum(x.tolist())
            return np.exp(np.asarray(x))

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            assert not copy.deepcopy(x).requires_grad
            return g * np.exp(x.numpy())

    x = Variable(np.asarray([1.0, 2.0]), requires_grad=True)
    pg.sum(Exp.apply(x)).backward()
    np.testing.assert_array_equal(x.grad.data, np.exp(x.data))


def test_a_value_that_was_handed_may_become_a_leaf():
    class Again(Function):
        """Its backward runs the forward again, recorded."""

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            with pg.enable_grad():
                x.requires_grad_()
                (dx,) = pg.autograd.grad(x**3, x, g)
            x.requires_grad_(False)
            assert not x.requires_grad
            return dx

    x = Variable(np.asarray([1.0, 2.0]), requires_grad=True)
    pg.sum(Again.apply(x)).backward()
    assert x.grad.tolist() == [3.0, 12.0]


def test_transforms_nest():
    f, x, a = Cube.apply, 2.0, np.asarray([0.0, 1.0, 2.0])
    assert pg.grad(pg.grad(pg.grad(f)))(x) == 6.0
    assert pg.jvp(f, (x,), (1.0,)) == (8.0, 12.0)  # by the transpose of backward
    assert pg.jvp(pg.grad(f), (x,), (1.0,)) == (12.0, 12.0)
    assert pg.grad(lambda x: pg.jvp(f, (x,), (1.0,))[1])(x) == 12.0
    np.testing.assert_array_equal(pg.vmap(f)(a), a**3)
    np.testing.assert_array_equal(pg.vmap(pg.grad(f))(a), 3 * a**2)
    np.testing.assert_array_equal(pg.grad(lambda a: pg.sum(pg.vmap(f)(a) * a))(a), 4 * a**3)
    np.testing.assert_array_equal(pg.hessian(lambda a: pg.sum(f(a)))(a), np.diag(6 * a))
    np.testing.assert_array_equal(pg.jacrev(f)(a), np.diag(3 * a**2))
    np.testing.assert_array_equal(pg.jacfwd(f)(a), np.diag(3 * a**2))


def test_an_opaque_forward_with_two_outputs_at_every_level():
    def f(x):
        s, c = Opaque.apply(x)
        return pg.sum(s * c)  # sin(2x) / 2

    x = np.asarray([0.3, 1.1])
    np.testing.assert_allclose(pg.grad(f)(x), np.cos(2 * x))
    np.testing.assert_allclose(pg.hessian(f)(x), np.diag(-2 * np.sin(2 * x)), atol=1e-12)
    v = Variable(x, requires_grad=True)
    s, _ = Opaque.apply(v)  # the other output is not used: its cotangent is zero
    s.backward(np.ones(2))
    np.testing.assert_allclose(v.grad.data, np.cos(x))
    # An inner gradient by y depends on x through the value of an opaque forward.
    g = pg.grad(lambda x: pg.grad(lambda y: Opaque.apply(x * y)[0])(2.0))(0.3)
    np.testing.assert_allclose(g, np.cos(0.6) - 0.6 * np.sin(0.6))


def test_agrees_with_torch():
    torch = needs("torch")

    def define(base, sin, cos):
        class F(base):
            @staticmethod
            def forward(ctx, x, y):
                ctx.save_for_backward(x, y)
                return sin(x) * y

            @staticmethod
            def backward(ctx, g):
                x, y = ctx.saved_tensors
                assert ctx.needs_input_grad == (True, True)
                return g * cos(x) * y, g * sin(x)

        return F

    theirs = define(torch.autograd.Function, torch.sin, torch.cos)
    ours = define(Function, pg.sin, pg.cos)
    a = torch.tensor([0.5, 1.5], dtype=torch.float64)
    x, y = a.clone().requires_grad_(), (a + 1).requires_grad_()
    v, w = Variable(a, requires_grad=True), Variable(a + 1, requires_grad=True)
    g = torch.autograd.grad(theirs.apply(x, y).sum(), (x, y), create_graph=True)
    g = torch.autograd.grad((g[0] * g[1]).sum(), (x, y))
    h = pg.autograd.grad(pg.sum(ours.apply(v, w)), (v, w), create_graph=True)
    h = pg.autograd.grad(pg.sum(h[0] * h[1]), (v, w))
    for p, q in zip(g, h, strict=True):
        torch.testing.assert_close(p, q.data)


class Two(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        y, n = 2 * x, 5 * x
        ctx.mark_non_differentiable(n)
        return y, n, 3 * x

    @staticmethod
    def backward(ctx, g, n, h):
        assert g is None and n is None
        return 3 * h


def test_marks():
    x = Variable(np.asarray(1.0), requires_grad=True)
    _, n, z = Two.apply(x)
    assert not n.requires_grad and z.requires_grad
    z.backward()
    assert x.grad.item() == 3.0


def test_needs_input_grad_and_none():
    seen = []

    class Product(Function):
        @staticmethod
        def forward(ctx, x, y):
            seen.append(ctx.needs_input_grad)
            return x * y

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            return None, g

    x, y = Variable(np.asarray(2.0)), Variable(np.asarray(3.0), requires_grad=True)
    Product.apply(x, y).backward()
    assert seen == [(False, True), (False, True)]
    assert y.grad.item() == 1.0


def test_jvp_is_used():
    class Sine(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_forward(x)
            return np.sin(x.data)

        @staticmethod
        def jvp(ctx, t):
            return 7 * t * pg.cos(ctx.saved_tensors[0])

    np.testing.assert_allclose(pg.jvp(Sine.apply, (0.3,), (2.0,))[1], 14 * np.cos(0.3))


def test_once_differentiable_refuses_the_second_order():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            assert not (2 * x).requires_grad and not g.requires_grad
            return 2 * x * g

    x = Variable(np.asarray(3.0), requires_grad=True)
    (g,) = pg.autograd.grad(Square.apply(x), x, create_graph=True)
    assert g.detach().item() == 6.0
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.backward()
    assert pg.grad(Square.apply)(3.0) == 6.0
    for f in (pg.grad(Square.apply), lambda x: pg.jvp(Square.apply, (x,), (1.0,))[1]):
        with pytest.raises(RuntimeError, match="once_differentiable"):
            pg.grad(f)(3.0)


def test_a_wrong_backward_is_an_error():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, result):
            ctx.result = result
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            return ctx.result

    g = np.ones(3)
    cases = [((g, None, g), "3 gradients"), ((g, None), "shape"), ((1.5, None), "float")]
    for result, match in cases:
        x = Variable(np.ones(2), requires_grad=True)
        with pytest.raises((ValueError, TypeError), match=match):
            pg.sum(Wrong.apply(x, result)).backward()
        assert x.grad is None


def test_no_trace_is_left():
    before = set(PRIMITIVES)
    x = Variable(np.ones(2), requires_grad=True)
    gc.disable()
    try:
        y = Cube.apply(x)
        alive = weakref.ref(y.grad_fn)
        del y
        assert alive() is None  # without a garbage collection: there is no cycle
    finally:
        gc.enable()
    assert set(PRIMITIVES) == before
    y = Cube.apply(x)
    pg.sum(y).backward()
    with pytest.raises(RuntimeError, match="second time"):
        pg.sum(y).backward()


def test_modes_and_untracked_inputs():
    with pg.no_grad():
        assert not Cube.apply(Variable(np.ones(2), requires_grad=True)).requires_grad
    assert Cube.apply(Variable(np.ones(2), volatile=True)).volatile
    assert Cube.apply(np.ones(2)).tolist() == [1.0, 1.0]
