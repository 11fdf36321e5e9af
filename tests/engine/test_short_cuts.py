"""The short cuts of the engine, where something is broadcast, mixed, 0-d, written or nested.

The oracle is torch.func, doing the same to the same function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import get_backend
from pluggrad.engine.backward import nodes_below
from tests.support.arrays import closeness, to_numpy
from tests.support.backends import INSTALLED, every_backend
from tests.support.optional import needs

torch = needs("torch")

RNG = np.random.default_rng(0)
X, V = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4))
W, C = RNG.standard_normal((4, 4)), RNG.standard_normal((1, 4))

#: name → f(xp, lift): a function of a 3 × 4 matrix, in the words of both libraries.
PROGRAMS: dict[str, Callable[[Any, Any], Callable[[Any], Any]]] = {
    # a cotangent that is one number everywhere, on its way
    "sum": lambda xp, lift: lambda x: xp.sum(x),
    "mean": lambda xp, lift: lambda x: xp.mean(x * x),
    "number times sum": lambda xp, lift: lambda x: 0.1 * xp.sum(x * x) + xp.sum(x) / 3.0,
    "mean of sums": lambda xp, lift: lambda x: xp.mean(xp.sum(x**3, axis=1)),
    "sum beside 0-d": lambda xp, lift: lambda x: xp.sum(x * xp.sum(x)) / xp.mean(x * x),
    "sum of a broadcast product": lambda xp, lift: lambda x: xp.sum(x * lift(C) - x[:, :1]),
    "quotients": lambda xp, lift: lambda x: xp.sum(2.0 / (1.0 + x * x)) - xp.sum(-x / 7.0),
    "a choice": lambda xp, lift: lambda x: xp.sum(xp.where(x > 0, x, x * x)),
    "steps and ties": lambda xp, lift: lambda x: xp.sum(xp.maximum(x, lift(C)) + xp.floor(x) * x),
    "powers": lambda xp, lift: lambda x: xp.sum(x**0 + x**1 + (x * x) ** 1.5 + 2.0**x),
    "numbers beside": lambda xp, lift: lambda x: xp.sum((2 - x) ** 2 / 3 + 1.5 ** (x**2) - (3 + x) * 2),
    "itself beside": lambda xp, lift: lambda x: xp.sum((x - x) * x + x / x + (x + x) * xp.exp(x)),
    "used twice": lambda xp, lift: lambda x: (lambda s: s * s + s)(xp.sum(x)),
    "0-d throughout": lambda xp, lift: lambda x: xp.exp(x[0, 0]) * xp.sin(x[1, 2]) / 2.0,
    # matrices and vectors
    "matrix times vector": lambda xp, lift: lambda x: xp.sum(xp.tanh(x @ lift(W[0])) ** 2),
    "vector times matrix": lambda xp, lift: lambda x: xp.sum(xp.sin(lift(W[0, :3]) @ x)),
    "vector times vector": lambda xp, lift: lambda x: x[0, :] @ x[1, :] + x[2, :] @ lift(W[0]),
    "quadratic form": lambda xp, lift: lambda x: x[0, :] @ (lift(W) @ x[0, :]),
    "stacked matrices": lambda xp, lift: lambda x: xp.sum(x[None, :, :] @ lift(W) @ x[1, :]),
    # functions of one array
    "axes": lambda xp, lift: lambda x: xp.sum(xp.sum(x, axis=0) ** 2 * xp.exp(x[0, :])),
    "views": lambda xp, lift: lambda x: xp.sum(x.T[1:, :] * x.T[:-1, :]) + xp.sum(x[..., ::2] ** 3),
    "reads": lambda xp, lift: lambda x: x[0, 0] * x[1, 1] + x[0, 0] ** 3 + xp.sum(x[1, :] * x[2, :]),
    "reads and the whole": lambda xp, lift: lambda x: xp.sum(x**3) * xp.sum(x[1:, 0] * x[:2, 1]),
    "reads of views": lambda xp, lift: lambda x: (lambda y: y[1] * y[2] ** 2 + y[1] ** 2)(x[:, 1]),
    "shapes": lambda xp, lift: lambda x: xp.sum(xp.reshape(x, (2, 6))[0, :] ** 2 * x[0, 0]),
    "constants on the way": lambda xp, lift: lambda x: xp.sum(x * xp.exp(lift(C)) + xp.sum(lift(W))),
}  # fmt: skip


def lifter(backend: str) -> Any:
    return lambda a: get_backend(backend).xp.asarray(np.array(a))


close = closeness(rtol=1e-10, atol=1e-12)


@every_backend
@pytest.mark.parametrize("name", PROGRAMS)
def test_against_torch(name, backend):
    lift = lifter(backend)
    if backend == "strict":  # its arrays stand on no left side of a Variable
        constant = lambda a: pg.asarray(lift(a))
    else:
        constant = lift
    f = PROGRAMS[name](pg, constant)
    g = PROGRAMS[name](torch, torch.tensor)
    x, v = lift(X), lift(V)
    tx, tv = torch.tensor(X), torch.tensor(V)
    close(pg.grad(f)(x), torch.func.grad(g)(tx))
    leaf = pg.Variable(x, requires_grad=True)
    f(leaf).backward()
    close(leaf.grad.data, torch.func.grad(g)(tx))
    value, slope = pg.jvp(f, (x,), (v,))
    close(value, g(tx))
    close(slope, torch.func.jvp(g, (tx,), (tv,))[1])
    hessian = torch.func.hessian(g)(tx)
    product = torch.tensordot(hessian, tv, 2)
    close(pg.hvp(f, (x,), (v,)), product)
    if backend == "jax":  # which compiles each operation of each nesting by itself
        return
    close(pg.jvp(pg.grad(f), (x,), (v,))[1], product)
    close(pg.grad(lambda x: pg.jvp(f, (x,), (v,))[1])(x), product)
    close(pg.hessian(f)(x), hessian)


@pytest.mark.parametrize("backend", [b for b in INSTALLED if b != "strict"])
def test_tangents_of_another_precision_and_of_complex_numbers(backend):
    xp = get_backend(backend).xp
    x = xp.asarray(np.array([1.0, 2.0, 3.0]), dtype=xp.float32)
    w = xp.asarray(np.array([0.5, 0.25, 4.0]))
    y, t = pg.jvp(lambda x: x * w + 1.0, (x,), (xp.ones_like(x),))
    assert y.dtype == t.dtype == w.dtype
    np.testing.assert_allclose(to_numpy(t), to_numpy(w))
    z = xp.asarray(np.array([1 + 2j, -1j]))
    f = lambda z: z * z * 1j + z
    y, t = pg.jvp(f, (z,), (xp.ones_like(z),))
    np.testing.assert_allclose(to_numpy(t), 2j * to_numpy(z) + 1)
    y, t = pg.jvp(lambda z: pg.abs(z) * pg.real(z), (z,), (xp.ones_like(z),))
    a, re = np.abs(to_numpy(z)), to_numpy(z).real
    np.testing.assert_allclose(to_numpy(t), re / a * re + a)


def test_writes_and_views_of_duals():
    def f(x):
        y = x * 2.0
        row = y[0, :]
        y[1, :] = y[0, :] * x[2, :]
        row *= x[1, :]
        y[2, 1:] = 0.0
        return y.T @ x

    def g(x):
        y = x * 2.0
        first = y[0] * x[1]
        second = y[0] * x[2]
        third = torch.cat([y[2, :1], torch.zeros(3, dtype=x.dtype)])
        return torch.stack([first, second, third]).T @ x

    tx, tv = torch.tensor(X), torch.tensor(V)
    for got, expected in zip(pg.jvp(f, (X,), (V,)), torch.func.jvp(g, (tx,), (tv,)), strict=True):
        close(got, expected)
    close(pg.jacfwd(f)(X), torch.func.jacfwd(g)(tx))
    close(pg.jacrev(f)(X), torch.func.jacrev(g)(tx))


def test_modes_inside_a_forward_level():
    def f(x):
        with pg.no_grad():
            c = x * x
        return c * x + pg.sin(x)

    _, t = pg.jvp(f, (X,), (V,))
    np.testing.assert_allclose(t, X * X * V + np.cos(X) * V)
    with pg.no_grad():
        _, t = pg.jvp(pg.tanh, (X,), (V,))
    np.testing.assert_allclose(t, (1 - np.tanh(X) ** 2) * V)
    with pg.strong_zeros():
        _, t = pg.jvp(lambda x: pg.where(x > 0, pg.log(x), 0.0), (np.zeros(2),), (np.zeros(2),))
    np.testing.assert_array_equal(t, [0.0, 0.0])


def test_transforms_in_transforms_with_values_of_several_levels():
    c = pg.Variable(np.array(C), requires_grad=True)

    def f(xp, lift, c):
        def inner(y, x, s):
            z = xp.sin(y * x) + y**2 * s - 2.0 / (3 + y * y)
            return xp.sum(z * z * c)

        return inner

    def orders(p, f):
        first = lambda x: p.grad(f)(2.0 * x, x, x[0, :1])  # the levels around are in the closure
        second = lambda x: p.jvp(first, (x,), (x * x,))[1]
        third = lambda x: p.grad(lambda x: (second(x) * first(x)).sum())(x)
        return second, third

    ours = orders(pg, f(pg, np.asarray, c))
    theirs = orders(torch.func, f(torch, torch.tensor, torch.tensor(C)))
    for mine, other in zip(ours, theirs, strict=True):
        got = mine(X)
        assert got.requires_grad  # by `c`
        close(got.data, other(torch.tensor(X)))


def test_writes_and_no_grad_in_transforms_in_transforms():
    def f(x):
        y = x * 2.0
        row = y[0, :]
        y[1, :] = row * x[2, :]
        row *= x[1, :]
        with pg.no_grad():
            k = x * x
        return pg.sum(y * y * x + k * x)

    def g(x):
        y = x * 2.0
        y = torch.stack([y[0] * x[1], y[0] * x[2], y[2]])
        return torch.sum(y * y * x + (x * x).detach() * x)

    tx, tv = torch.tensor(X), torch.tensor(V)
    expected = torch.func.jvp(torch.func.grad(g), (tx,), (tv,))[1]
    close(pg.jvp(pg.grad(f), (X,), (V,))[1], expected)
    close(pg.grad(lambda x: pg.sum(pg.grad(f)(x) * V))(X), expected)
    close(pg.hvp(f, (X,), (V,)), expected)


@every_backend
def test_reads_are_scattered_by_one_operation_at_second_order(backend):
    lift = lifter(backend)
    x = pg.Variable(lift(X[0]), requires_grad=True)
    index = lift(np.array([0, 1, 1]))

    def f(x):
        y = x[0] * x[1] * x[2] ** 2 + x[3]
        return y * (x[:3] ** 2)[-1] + (pg.take(x, index, axis=0) ** 3)[1]

    (g,) = pg.autograd.grad(f(x), x, create_graph=True)
    names = [node.rule.primitive.name for node in nodes_below([g.grad_fn])]
    assert names.count("scatter_all") == 1
    tx = torch.tensor(X[0])
    h = lambda x: (x[0] * x[1] * x[2] ** 2 + x[3]) * x[2] ** 2 + x[1] ** 3
    close(g.data, torch.func.grad(h)(tx))
    (second,) = pg.autograd.grad((g * g).sum(), x)
    close(second.data, torch.func.grad(lambda x: (torch.func.grad(h)(x) ** 2).sum())(tx))
    close(pg.hessian(f)(lift(X[0])), torch.func.hessian(h)(tx))


def test_reads_of_which_some_cotangents_are_variables():
    x = np.array(X[0])
    _, pull = pg.vjp(lambda x: (x[:2] * 2.0, x[1:3] * 3.0, x * x), x)
    ones = np.ones(4)

    def along(s):  # one cotangent is raw, the others are Variables
        (g,) = pull((s[:2], ones[:2], s))
        return pg.sum(g * g)

    def same(s):
        g = torch.zeros(4, dtype=s.dtype)
        g = g + torch.cat([2 * s[:2], torch.zeros(2, dtype=s.dtype)])
        return ((g + torch.tensor([0.0, 3.0, 3.0, 0.0]) + 2 * s * torch.tensor(x)) ** 2).sum()

    close(pg.grad(along)(V[0]), torch.func.grad(same)(torch.tensor(V[0])))


def test_duals_of_two_levels_and_other_libraries():
    inner = lambda x, y: pg.jvp(lambda y: pg.sin(x * y) * y, (y,), (1.0,))[1]
    _, t = pg.jvp(lambda x: inner(x, 2.0), (3.0,), (1.0,))
    # d/dx d/dy (y sin xy)
    x, y = 3.0, 2.0
    expected = y * np.cos(x * y) - x * y * y * np.sin(x * y) + y * np.cos(x * y)
    np.testing.assert_allclose(t, expected)
    with pytest.raises(TypeError, match="mixed"):
        pg.jvp(lambda x: x * torch.ones(3, 4), (X,), (V,))
    leaked = []
    pg.jvp(lambda x: (leaked.append(x), x * 2.0)[1], (X,), (V,))
    with pytest.raises(pg.LeakedVariableError):
        leaked[0] * 2.0
