"""checkpoint: the same derivatives as without it, for less memory; against torch and JAX."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import all_listed, array, assert_identical, closeness
from tests.support.operations import not_checkpointed
from tests.support.optional import needs

NAMES = ["numpy", "torch", "jax", "strict"]
A, B = np.asarray([0.5, 0.3, -1.2]), np.asarray([1.5, -0.4, 0.8])
ROWS = np.stack([A, A + 1, 2 * A])


close = closeness(rtol=1e-13, atol=1e-14)


# ---------------------------------------------------------------- the same as without


def leaves(ck, x, w):
    """Leaves at the root level: an argument, and one from around."""
    x, w = Variable(x, requires_grad=True), Variable(w, requires_grad=True)
    f = ck(lambda x: pg.tanh(pg.sin(x) * w))
    pg.sum(f(f(x)) * x).backward()
    return x.grad, w.grad


def twice(ck, x, w):
    x, w = Variable(x, requires_grad=True), Variable(w, requires_grad=True)
    f = ck(lambda x: pg.tanh(pg.sin(x) * w))
    g, h = pg.autograd.grad(pg.sum(f(x) * x), (x, w), create_graph=True)
    g, h = pg.autograd.grad(pg.sum(g * g * h), (x, w), create_graph=True)
    return pg.autograd.grad(pg.sum(g * h), (x, w))


def of_transforms(ck, x, w):
    return pg.grad(lambda x, w: pg.sum(ck(lambda x: pg.exp(x * w) * x)(x) ** 2), (0, 1))(x, w)


def third(ck, x, w):
    f = ck(lambda x, w: pg.sum(pg.sin(x * w) * pg.exp(x)))
    second = pg.grad(lambda x: pg.sum(pg.grad(f)(x, w) ** 2))
    return pg.grad(lambda x: pg.sum(second(x) * w))(x), pg.hessian(f)(x, w)


def forward(ck, x, w):
    f = ck(lambda x: (pg.sin(x) * w, pg.sum(x)))
    over = pg.grad(lambda x, w: pg.sum(pg.jvp(ck(lambda x: pg.sin(x * w)), (x,), (w,))[1]), (0, 1))
    under = pg.jvp(pg.grad(lambda x: pg.sum(f(x)[0] * f(x)[1])), (x,), (w,))
    return pg.jvp(f, (x,), (w,)), over(x, w), under, pg.jacfwd(f)(x), pg.jacrev(f)(x)


def mapped(ck, x, w):
    def f(x, w):
        return ck(lambda x: pg.sum(pg.cos(x * w)) * x)(x)

    def total(x, w):
        return pg.sum(pg.vmap(f, (0, None))(x, w) ** 2)

    rows = pg.vmap(lambda c: c * x)(w)
    return (
        pg.vmap(f, (0, None))(rows, w),
        pg.vmap(lambda x: pg.grad(lambda x: pg.sum(f(x, w)))(x))(rows),
        pg.grad(total, (0, 1))(rows, w),
        pg.hessian(total)(rows, w),
        pg.vmap(pg.vmap(f, (0, None)), (None, 0))(rows, pg.vmap(lambda c: c + w)(w)),
    )


def across(ck, x, w):
    """Variables of four levels meet in one function."""

    def outer(x, w):
        def each(a):
            inner = ck(lambda b: pg.sin(b * a) * pg.sum(x * w))
            return pg.grad(lambda b: inner(b) * b)(a * 2)

        return pg.sum(pg.vmap(each)(w) ** 2)

    return pg.grad(outer, (0, 1))(x, w), pg.jvp(outer, (x, w), (w, x))


def nested(ck, x, w):
    v = Variable(w, requires_grad=True)
    inner = ck(lambda x: pg.tanh(x * v))
    outer = ck(lambda x: inner(inner(pg.sin(x))) * v)
    pg.sum(ck(lambda x: outer(outer(x)))(Variable(x))).backward()
    f = ck(lambda x, w: pg.sum(ck(lambda x: pg.exp(pg.sin(x) * w))(x * w)))
    return v.grad, pg.grad(f, (0, 1))(x, w), pg.hessian(f)(x, w)


def inside(ck, x, w):
    """Transforms, custom functions, torch's face, writes and views inside of it."""

    @pg.custom_vjp
    def doubled(x, y):
        return x * y

    doubled.defvjp(lambda x, y: (x * y, (x, y)), lambda r, g: (3 * g * r[1], g * r[0]))

    class Cube(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            return 4 * ctx.saved_tensors[0] ** 2 * g

    v = Variable(w, requires_grad=True)

    def f(x):
        first = pg.grad(lambda x: pg.sum(pg.sin(x) * x * v))(x)
        (second,) = pg.autograd.grad(pg.sum(x**3 * v), v, create_graph=True)
        by_v = pg.grad(lambda v: pg.sum(pg.exp(v)))(v)
        y = pg.zeros_like(x)
        y[1:] = first[:-1] * second[1:]
        y[0] = v[0]
        x[0] = 2.0
        rows = pg.vmap(lambda a, b: a * b)(x, v)
        return doubled(y, v) + Cube.apply(v) * by_v + rows, v

    x = Variable(x, requires_grad=True)
    y, same_v = ck(f)(x * 1)
    pg.sum(y * same_v).backward()
    return x.grad, v.grad


def constants(ck, x, w):
    """What has no derivative stays without one."""

    def f(x, n, flag=None):
        c = pg.stop_gradient(pg.sin(x))
        i = pg.argmax(x * w)
        y = x**3 + x * pg.stop_gradient(x) + c * x + x.detach() * pg.round(x) + pg.take(x, i[None])
        assert flag == "yes"
        return {"y": y * n, "i": i, "c": c, "flag": flag, "none": None, "x": x.detach()}

    def total(x):
        found = ck(f)(x, 3, flag="yes")
        assert found["flag"] == "yes"
        return pg.sum(found["y"] * found["c"]) + pg.sum(found["x"])

    rows = pg.vmap(lambda c: c * x)(w)
    v = Variable(x, requires_grad=True)
    found = ck(f)(v, 3, flag="yes")
    assert found["none"] is None
    assert [found[k].requires_grad for k in "yicx"] == [True, False, False, False]
    (g,) = pg.autograd.grad(total(v), v, create_graph=True)
    g = pg.autograd.grad(pg.sum(g * g), v)
    return g, pg.grad(total)(x), pg.hessian(total)(x), pg.vmap(pg.grad(total))(rows), pg.grad(
        lambda rows: pg.sum(pg.vmap(total)(rows) ** 2))(rows), pg.jvp(total, (x,), (w,))  # fmt: skip


PROGRAMS = [leaves, twice, of_transforms, third, forward, mapped, across, nested, inside, constants]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_nothing_changes(program, name):
    needs(name)
    x, w = array(A, name), array(B, name)
    found, expected = (all_listed(program(ck, x, w)) for ck in (pg.checkpoint, not_checkpointed))
    if program in (leaves, of_transforms, forward):
        assert_identical(found, expected)
    else:  # gradients add up in another order
        close(found, expected)


def test_no_grad_inside():
    def f(x):
        with pg.no_grad():
            c = pg.sin(x)
        return pg.sum(c * x**2)

    def first_and_second(f):
        x = Variable(A, requires_grad=True)
        (g,) = pg.autograd.grad(f(x), x, create_graph=True)
        return g, *pg.autograd.grad(pg.sum(g * g), x), pg.grad(f)(A), pg.vmap(pg.grad(f))(ROWS)

    assert_identical(
        all_listed(first_and_second(pg.checkpoint(f))), all_listed(first_and_second(f))
    )


def test_agrees_with_torch():
    torch = needs("torch")
    from torch.utils.checkpoint import checkpoint

    a, b = torch.asarray(A), torch.asarray(B)
    x, w = a.clone().requires_grad_(), b.clone().requires_grad_()
    v, u = Variable(a, requires_grad=True), Variable(b, requires_grad=True)

    def theirs(x):
        return torch.nn.functional.dropout(torch.tanh(x * w), 0.5) @ w

    def ours(x):
        mask = torch.rand(3) >= 0.5  # noqa: F841  (drawn and not used: the state moves on)
        return pg.matmul(pg.tanh(x * u) * 2.0 * drawn(), u)

    def drawn():
        torch.manual_seed(5)
        return (torch.nn.functional.dropout(torch.ones(3, dtype=torch.float64), 0.5) > 0).double()

    torch.manual_seed(5)
    g = torch.autograd.grad(checkpoint(theirs, x, use_reentrant=False), (x, w), create_graph=True)
    g = torch.autograd.grad((g[0] * g[1]).sum(), (x, w))
    h = pg.autograd.grad(pg.checkpoint(ours)(v), (v, u), create_graph=True)
    h = pg.autograd.grad(pg.sum(h[0] * h[1]), (v, u))
    for p, q in zip(g, h, strict=True):
        torch.testing.assert_close(p, q.data)


def test_agrees_with_jax():
    jax = needs("jax")

    def tower(lib, xp):
        @lib.checkpoint
        def block(tree):
            return {"h": xp.tanh(tree["h"] * tree["w"]), "w": tree["w"]}

        def loss(h, w):
            return xp.sum(block(block({"h": h, "w": w}))["h"] ** 2)

        return [
            lib.grad(loss, (0, 1)),
            lib.hessian(loss),
            lambda h, w: lib.jvp(lib.grad(loss), (h, w), (w, h)),
            lambda h, w: lib.vmap(lib.grad(loss), (0, None))(xp.stack([h, w]), w),
            lambda h, w: lib.grad(lambda h: xp.sum(lib.vmap(loss, (0, None))(h, w)))(
                xp.stack([h, w])
            ),
        ]

    j = jax.numpy.asarray
    for f, g in zip(tower(pg, pg), tower(jax, jax.numpy), strict=True):
        for p, q in zip(all_listed(f(A, B)), all_listed(g(j(A), j(B))), strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-10)
