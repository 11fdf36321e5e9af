"""Jitted functions of JAX as recorded operations: their pullbacks are compiled once."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import convert
from tests.support.backends import INSTALLED
from tests.support.optional import needs

X = np.random.default_rng(0).normal(size=(3, 4))
W = np.random.default_rng(1).normal(size=(3, 4))


@pytest.fixture
def jax():
    needs("jax")
    import jax

    return jax


def counted(jax, f, **options):
    """`f`, jitted, as an operation; and the list of its traces."""
    traces: list[int] = []

    def noted(*args, **kwargs):
        traces.append(1)
        return f(*args, **kwargs)

    return pg.interop.jax.call(jax.jit(noted, **options)), traces


def gradients(op, *args, seed=None, **kwargs):
    """The results of `op`, and the gradients of the arrays among its arguments."""
    vs = [Variable(a, requires_grad=True) if isinstance(a, np.ndarray) else a for a in args]
    y = op(*vs, **kwargs)
    pg.sum(y if seed is None else y * seed).backward()
    return y.data, [v.grad.data for v in vs if isinstance(v, Variable)]


def test_a_function_is_traced_once_for_each_structure(jax):
    op, traces = counted(jax, lambda x, w: jax.numpy.sin(x) * w)
    for k in range(1, 5):
        y, (a, b) = gradients(op, X * k, W)
        np.testing.assert_allclose(y, np.sin(X * k) * W, rtol=1e-12)
        np.testing.assert_allclose(a, np.cos(X * k) * W, rtol=1e-12)
        np.testing.assert_allclose(b, np.sin(X * k), rtol=1e-12)
    assert len(traces) == 1
    gradients(op, X[:2], W[:2])
    gradients(op, X.astype(np.float32), W.astype(np.float32))
    assert len(traces) == 3
    v = Variable(X, requires_grad=True)
    pg.sum(op(v, W)).backward()  # by one argument alone
    np.testing.assert_allclose(v.grad.data, np.cos(X) * W, rtol=1e-12)


def test_numbers_that_differ_in_each_call_compile_nothing_new(jax):
    op, traces = counted(jax, lambda x, step: x * x * step)
    for step in range(6):
        y, (g,) = gradients(op, X, float(step))
        np.testing.assert_allclose(y, X * X * step, rtol=1e-12)
        np.testing.assert_allclose(g, 2 * X * step, rtol=1e-12)
    assert len(traces) == 1
    for _ in range(4):
        _, (g,) = gradients(op, X, 2.0)
        np.testing.assert_allclose(g, 4 * X, rtol=1e-12)


@pytest.mark.parametrize("flag", [True, False, 1, 0, 1.0, 2 + 1j, "a", None])
def test_arguments_are_told_apart_by_value_and_type(jax, flag):
    def f(x, flag):
        return x * {bool: 2, int: 3, float: 5, complex: 7, str: 11}.get(type(flag), 13)

    op = pg.interop.jax.call(jax.jit(f, static_argnums=1))
    for other in (True, 1, 1.0, flag, flag, flag):
        _, (g,) = gradients(op, X, other)
        np.testing.assert_allclose(g, f(np.ones_like(X), other), rtol=1e-12)


def test_arrays_of_jax_are_constants_of_each_call(jax):
    op, traces = counted(jax, lambda x, c: x * c["c"])
    for k in range(1, 5):
        constant = jax.numpy.full((3, 4), float(k))
        y, (g,) = gradients(op, X, {"c": constant})
        np.testing.assert_allclose(y, X * k, rtol=1e-12)
        np.testing.assert_allclose(g, np.full_like(X, k), rtol=1e-12)
    assert len(traces) == 1


def test_results_in_a_tree_with_integers_and_unused_ones(jax):
    def f(x, w):
        return {"y": x * w, "n": jax.numpy.argmax(x), "none": None, "z": (w**2, x > 0)}

    op = pg.interop.jax.call(jax.jit(f))
    for _ in range(3):
        v, u = Variable(X, requires_grad=True), Variable(W, requires_grad=True)
        found = op(v, u)
        assert found["none"] is None and int(found["n"].data) == X.argmax()
        assert not found["n"].requires_grad and not found["z"][1].requires_grad
        np.testing.assert_array_equal(found["z"][1].data, X > 0)
        pg.sum(found["z"][0]).backward()  # `y` has no cotangent
        np.testing.assert_allclose(u.grad.data, 2 * W, rtol=1e-12)
        assert v.grad is None or not v.grad.data.any()
        pg.sum(op(v, u)["y"]).backward()
        np.testing.assert_allclose(v.grad.data, W, rtol=1e-12)


def test_complex_arrays_have_the_convention_of_pluggrad(jax):
    z = (X + 1j * W)[0]

    def f(xp):
        return lambda a, b: xp.real(xp.conj(a) * a * b)

    op = pg.interop.jax.call(jax.jit(f(jax.numpy)))
    for _ in range(2):
        _, mine = gradients(op, z, z * 2)
        _, expected = gradients(f(pg), z, z * 2)
        for g, e in zip(mine, expected, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12)


def test_higher_orders_and_transforms_follow(jax):
    op = pg.interop.jax.call(jax.jit(lambda x: jax.numpy.sum(jax.numpy.sin(x) ** 3)))

    def f(x):
        return pg.sum(pg.sin(x) ** 3)

    x = X[0]
    for transform in (pg.grad, pg.hessian, lambda f: pg.grad(lambda x: pg.sum(pg.grad(f)(x) ** 2))):
        np.testing.assert_allclose(transform(op)(x), transform(f)(x), rtol=1e-9)
    np.testing.assert_allclose(pg.vmap(pg.grad(op))(X), pg.vmap(pg.grad(f))(X), rtol=1e-9)
    mine, expected = [pg.jvp(pg.grad(f), (x,), (x * 2,)) for f in (op, f)]
    np.testing.assert_allclose(mine, expected, rtol=1e-9)


def test_errors_are_those_of_the_function(jax):
    op = pg.interop.jax.call(jax.jit(lambda x, w: x @ w))
    with pytest.raises(TypeError, match=r"dot_general"):
        gradients(op, X, W)
    _, (g, _) = gradients(op, X, W.T.copy())
    np.testing.assert_allclose(g, np.ones((3, 3)) @ W, rtol=1e-12)


def test_writes_after_the_call_change_nothing(jax):
    op = pg.interop.jax.call(jax.jit(lambda x, w: x * w))
    x, w = X.copy(), W.copy()
    v, u = Variable(x, requires_grad=True), Variable(w, requires_grad=True)
    y = op(v, u)
    with pg.no_grad():
        v += 1.0
        u *= 2.0
    pg.sum(y).backward()
    np.testing.assert_allclose(v.grad.data, W)
    np.testing.assert_allclose(u.grad.data, X)


@pytest.mark.parametrize("backend", INSTALLED)
def test_precision_follows_the_arguments_on_every_backend(jax, backend):
    op = pg.interop.jax.call(jax.jit(lambda x: jax.numpy.exp(x)))
    for dtype in (np.float32, np.float64, np.float32):
        v = Variable(convert(X.astype(dtype), backend), requires_grad=True)
        y = op(v)
        pg.sum(y).backward()
        assert y.dtype == v.dtype == v.grad.dtype
        expected = np.exp(X.astype(dtype))
        tolerance = 1e-5 if "32" in str(v.dtype) else 1e-12
        np.testing.assert_allclose(np.asarray(v.grad.data), expected, rtol=tolerance)


def test_threads_trace_at_once(jax):
    op = pg.interop.jax.call(jax.jit(lambda x: {"n": x * 2} if x.ndim == 1 else [x * 3, x]))
    wrong = []

    def work(ndim):
        for _ in range(20):
            v = Variable(np.ones((2,) * ndim), requires_grad=True)
            y = op(v)
            y = y["n"] if ndim == 1 else y[0]
            pg.sum(y).backward()
            if not (v.grad.data == (2 if ndim == 1 else 3)).all():
                wrong.append(ndim)

    threads = [threading.Thread(target=work, args=(1 + n % 2,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
