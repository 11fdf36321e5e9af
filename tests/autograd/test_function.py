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
from tests.support.optional import array_library, needs


class Cube(Function):
    @staticmethod
    def forward(ctx, x, factor=1.0):
        ctx.save_for_backward(x)
        ctx.factor = factor
        return factor * x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * ctx.factor * x**2 * g, None


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


# ---------------------------------------------------------------- vmap


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


def scaling(base):
    class Scale(base):
        generate_vmap_rule = base is not Function  # torch asks for it

        @staticmethod
        def forward(x, y):
            return x * y * y

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * y * y, 2 * g * x * y

    return Scale


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
