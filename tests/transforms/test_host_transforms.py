"""JAX's and torch's own transforms around ours: they hand us tracers, and see through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import closeness
from tests.support.optional import needs, skip_without

with_jax, with_torch = skip_without("jax"), skip_without("torch")

RNG = np.random.default_rng(0)
W, X = RNG.normal(size=(4, 3)), RNG.normal(size=(5, 4))


def loss(w: Any, x: Any) -> Any:
    h = pg.tanh(x @ w)
    log_softmax = h - pg.log(pg.sum(pg.exp(h), axis=1, keepdims=True))
    return pg.sum(h[1:, 0] * h[:-1, 2]) - pg.mean(log_softmax)


def native(xp: Any, w: Any, x: Any) -> Any:
    h = xp.tanh(x @ w)
    log_softmax = h - xp.log(xp.exp(h).sum(1, keepdims=True))
    return (h[1:, 0] * h[:-1, 2]).sum() - log_softmax.mean()


def step(w: Any, x: Any) -> Any:
    """One step of training with the tape inside."""
    v = pg.Variable(w, requires_grad=True)
    loss(v, x).backward()
    return w - 0.1 * v.grad.data


close = closeness(rtol=1e-10, atol=1e-12)


# ---------------------------------------------------------------- JAX


@pytest.fixture
def jax() -> Any:
    module = needs("jax")
    assert module.config.jax_enable_x64
    return module


@with_jax
def test_jit_compiles_once(jax):
    jnp = jax.numpy
    traces = []

    def f(w, x):
        traces.append(1)
        return pg.value_and_grad(loss)(w, x)

    compiled = jax.jit(f)
    for scale in (1.0, 2.0, 3.0):
        value, g = compiled(jnp.asarray(W * scale), jnp.asarray(X))
        expected, h = jax.value_and_grad(lambda w: native(jnp, w, X))(jnp.asarray(W * scale))
        close(value, expected)
        close(g, h)
    assert len(traces) == 1 and compiled._cache_size() == 1


@with_jax
def test_the_tape_inside_jit_vmap_and_loops(jax):
    jnp = jax.numpy
    w, x = jnp.asarray(W), jnp.asarray(X)
    theirs = lambda w, x: w - 0.1 * jax.grad(lambda w: native(jnp, w, x))(w)
    close(jax.jit(step)(w, x), theirs(w, x))
    close(jax.lax.fori_loop(0, 4, lambda i, w: step(w, x), w),
          jax.lax.fori_loop(0, 4, lambda i, w: theirs(w, x), w))  # fmt: skip
    batch = jnp.stack([x, 2 * x, -x])
    close(jax.vmap(step, (None, 0))(w, batch), jax.vmap(theirs, (None, 0))(w, batch))
    (scanned, _) = jax.lax.scan(lambda w, x: (step(w, x), 0.0), w, batch)
    close(scanned, step(step(step(w, batch[0]), batch[1]), batch[2]))


@with_jax
def test_grad_and_jvp_around_ours(jax):
    jnp = jax.numpy
    w, x = jnp.asarray(W), jnp.asarray(X)
    ours = lambda w: (pg.grad(loss)(w, x) ** 2).sum()
    theirs = lambda w: (jax.grad(lambda w: native(jnp, w, x))(w) ** 2).sum()
    close(jax.grad(ours)(w), jax.grad(theirs)(w))
    close(jax.jit(jax.grad(ours))(w), jax.grad(theirs)(w))
    close(jax.jvp(ours, (w,), (w,))[1], jax.jvp(theirs, (w,), (w,))[1])
    close(jax.grad(lambda w: loss(pg.Variable(w), x).data)(w), pg.grad(loss)(w, x))


@with_jax
def test_no_grad_inside_and_outside_of_jit(jax):
    w, x = jax.numpy.asarray(W), jax.numpy.asarray(X)

    def inside(w):
        v = pg.Variable(w, requires_grad=True)
        with pg.no_grad():
            constant = loss(v, x)
        assert not constant.requires_grad
        (v * constant).backward(w)
        return v.grad.data

    close(jax.jit(inside)(w), W * native(np, W, X))
    with pg.no_grad():
        close(jax.jit(pg.grad(loss))(w, x), pg.grad(loss)(w, x))


@with_jax
def test_other_transforms_under_jit(jax):
    jnp = jax.numpy
    w = jnp.asarray(W[:, 0])
    f = lambda w: pg.sum(pg.sin(w) * w**2)
    g = lambda w: (jnp.sin(w) * w**2).sum()
    close(jax.jit(pg.hessian(f))(w), jax.hessian(g)(w))
    close(jax.jit(lambda w: pg.hvp(f, (w,), (w,)))(w), jax.hessian(g)(w) @ w)
    close(jax.jit(pg.vmap(pg.grad(lambda a: pg.exp(a) * a)))(w), jnp.exp(w) * (1 + w))
    close(jax.jit(pg.grad(pg.checkpoint(f)))(w), jax.grad(g)(w))


def attention(xp, w, x):
    q = x @ w
    s = q @ q.T / 2.0
    e = xp.exp(s - xp.max(s, axis=1, keepdims=True))
    return xp.mean(((e / xp.sum(e, axis=1, keepdims=True)) @ q) ** 2)


def normalized(xp, w, x):
    h = x @ w
    centred = h - xp.mean(h, axis=1, keepdims=True)
    return xp.sum((centred / xp.sqrt(xp.var(h, axis=1, keepdims=True) + 1e-5)) ** 3)


def stencil(xp, w, x):
    h = xp.tanh(x @ w)
    return xp.sum((4 * h[1:-1, 1:-1] - h[:-2, 1:-1] - h[2:, 1:-1] - h[1:-1, :-2]) ** 2)


def gathered(xp, w, x):
    rows = x[:4, 0] > 0  # an index that is an array of the library's
    return xp.sum(xp.tanh(x @ w)[rows.astype("int64")] ** 2) + xp.sum(w[::2, -1])


@with_jax
@pytest.mark.parametrize("f", [native, attention, normalized, stencil, gathered])
def test_no_more_work_than_jax_makes_of_its_own_gradient(jax, f):
    """Counted by the compiler, in operations and in what is read and written."""
    jnp = jax.numpy
    w, x = jnp.asarray(RNG.normal(size=(64, 96))), jnp.asarray(RNG.normal(size=(128, 64)))
    if f is native:
        f = lambda xp, w, x: loss(w, x) if xp is pg else native(jnp, w, x)
    ours = jax.jit(pg.value_and_grad(lambda w: f(pg, w, x))).lower(w).compile()
    theirs = jax.jit(jax.value_and_grad(lambda w: f(jnp, w, x))).lower(w).compile()
    for a, b in zip(ours(w), theirs(w), strict=True):
        close(a, b)
    mine, native_cost = ours.cost_analysis(), theirs.cost_analysis()
    assert mine["flops"] <= 1.01 * native_cost["flops"]
    assert mine["bytes accessed"] <= 1.4 * native_cost["bytes accessed"]


@with_jax
def test_gradients_of_slices_of_every_kind(jax):
    """Wide ones are padded, narrow ones scattered: several of one array, in first and second order."""
    jnp = jax.numpy
    a = jnp.asarray(RNG.normal(size=(6, 5, 4)))
    for keys in (
        [(slice(1, -1), 2)], [(Ellipsis, slice(None, None, 2))], [-1, (slice(None), -2)],
        [(None, slice(2, None), Ellipsis, None, 1)], [slice(4, 1)], [(2, 3, 1)], [Ellipsis, None],
        [(slice(None, None, -1),), (slice(1, None), slice(0, 5, 3))], [slice(5, 100), 2, 2],
        [(slice(1, 2), slice(1, 2)), 3, (2, 3, 1), (0, 0, 0)], [True], [np.int64(2)],
    ):  # fmt: skip

        def f(xp, a, keys=keys):
            return sum([xp.sum(xp.sin(a[key]) * (n + 1)) for n, key in enumerate(keys)])

        def second(transform, xp, f=f):
            return lambda a: transform(lambda a: xp.sum(transform(lambda a: f(xp, a))(a) ** 2))(a)

        close(pg.grad(lambda a, f=f: f(pg, a))(a), jax.jit(jax.grad(lambda a, f=f: f(jnp, a)))(a))
        close(jax.jit(second(pg.grad, pg))(a), jax.jit(second(jax.grad, jnp))(a))


@with_jax
def test_what_is_traced_can_be_shown_and_asked(jax):
    seen = []

    def f(w):
        v = pg.sum(pg.Variable(w))
        seen.extend([repr(v), np.shape(v), np.ndim(v)])
        return v.data

    jax.jit(f)(jax.numpy.ones(3))
    assert "Variable containing:" in seen[0] and seen[1:] == [(), 0]
    with pytest.raises(ValueError, match="contracting dimensions"):  # and not: other devices
        jax.jit(lambda w: (pg.Variable(w) @ jax.numpy.ones(4)).data)(jax.numpy.ones(3))


# ---------------------------------------------------------------- torch


@with_torch
def test_torch_func_around_ours():
    import torch

    w, x = torch.as_tensor(W), torch.as_tensor(X)
    ours = lambda w: (pg.grad(loss)(w, x) ** 2).sum()
    theirs = lambda w: (torch.func.grad(lambda w: native(torch, w, x))(w) ** 2).sum()
    close(torch.func.grad(ours)(w), torch.func.grad(theirs)(w))
    close(torch.func.hessian(ours)(w), torch.func.hessian(theirs)(w))
    close(torch.func.jvp(ours, (w,), (w,))[1], torch.func.jvp(theirs, (w,), (w,))[1])
    batch = torch.stack([w, 2 * w])
    close(torch.func.vmap(lambda w: pg.grad(loss)(w, x))(batch),
          torch.stack([pg.grad(loss)(v, x) for v in batch]))  # fmt: skip
    close(torch.func.vmap(lambda w: step(w, x))(batch), torch.stack([step(v, x) for v in batch]))


@with_torch
def test_torch_func_vmap_of_every_sort_of_function():
    import torch

    for ours, theirs in [
        (lambda w: pg.abs(w), torch.abs),
        (lambda w: pg.abs(w + 1j * w[::-1]), lambda w: torch.abs(w + 1j * w.flip(0))),
        (lambda w: pg.vecdot(w, w[0]), lambda w: torch.linalg.vecdot(w, w[0])),
        (lambda w: pg.moveaxis(w, 0, 1) ** 2, lambda w: torch.movedim(w, 0, 1) ** 2),
    ]:
        f, g = (lambda w, h=ours: pg.sum(h(w) ** 2)), (lambda w, h=theirs: (h(w) ** 2).sum())
        for name in ("grad", "hessian"):
            mine, other = getattr(pg, name)(f), getattr(torch.func, name)(g)
            batch = torch.as_tensor(np.stack([W, -W]))
            close(torch.func.vmap(mine)(batch), torch.func.vmap(other)(batch))


@with_torch
def test_the_sign_on_torch_is_that_of_array_api_compat():
    import array_api_compat.torch as xp
    import torch

    real = torch.tensor([0.0, -0.0, 2.0, -torch.inf, torch.nan])
    for x in (real, real.half(), real + 1j * real, real[:3].to(torch.int32), real[4]):
        found, expected = pg.sign(pg.Variable(x)).data, xp.sign(x)
        assert found.dtype == expected.dtype
        assert torch.equal(torch.nan_to_num(found), torch.nan_to_num(expected))
        assert torch.equal(torch.isnan(found), torch.isnan(expected))
