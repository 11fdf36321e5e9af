"""`pg.interop.jax`: functions of ours in JAX's own autograd, against its own."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pluggrad as pg
from tests.support.functions import function_that_vmap_cannot_batch, several_results
from tests.support.optional import needs

RNG = np.random.default_rng(7)
X, W = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))


@pytest.fixture
def jax():
    return needs("jax")


@pytest.fixture(params=["numpy", "torch", "jax"])
def within(request, jax):
    """A backend that computes inside JAX."""
    needs(request.param)
    return request.param


def in_jax(jax):
    def f(x, w):
        y = jax.numpy.tanh(x @ w)
        return {"y": y, "s": [jax.numpy.sum(y * y * x[:, :1]), jax.numpy.exp(w)]}

    return f


def same_tree(jax, a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype and isinstance(x, jax.Array)
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("within", "jitted"),
    [("numpy", False), ("numpy", True), ("torch", True), ("jax", True)],
    indirect=["within"],
)
def test_jax_transforms(jax, within, jitted):
    f, g = pg.interop.jax.wrap(several_results, within), in_jax(jax)
    jnp = jax.numpy

    def scalar(f):
        return lambda x, w: f(x, w)["s"][0] + jnp.sum(f(x, w)["y"] ** 3)

    xs, ws = jnp.stack([X, 2 * X]), jnp.stack([W, -W, W])
    for transform in (
        lambda f: f,
        lambda f: jax.grad(scalar(f), (0, 1)),
        lambda f: jax.jacrev(lambda x, w: f(x, w)["s"], 1),
        lambda f: jax.grad(lambda x, w: jnp.sum(jax.grad(scalar(f))(x, w) ** 2), (0, 1)),
        lambda f: jax.jacrev(jax.grad(scalar(f), 1), 1),
        lambda f: lambda x, w: jax.vmap(f, (0, None))(xs, w),
        lambda f: (
            lambda x, w: jax.vmap(jax.vmap(jax.grad(scalar(f)), (0, None)), (None, 0))(xs, ws)
        ),
        lambda f: lambda x, w: jax.grad(lambda x: jnp.sum(jax.vmap(f, (None, 0))(x, ws)["y"]))(x),
        lambda f: lambda x, w: jax.vjp(f, x, w)[1](g(x, w)),
        lambda f: lambda x, w: jax.jvp(f, (x, w), (x + 1, w * w)),
        lambda f: jax.hessian(scalar(f), 1),
        lambda f: jax.jacrev(jax.jacfwd(lambda x, w: f(x, w)["s"][0], 1)),
    ):
        mine, theirs = transform(f), transform(g)
        if jitted:
            mine = jax.jit(mine)
        args = jnp.asarray(X), jnp.asarray(W)
        same_tree(jax, mine(*args), jax.jit(theirs)(*args))


def test_jax_loops_and_linear_maps(jax):
    """Loops of JAX's around it and the transposes of its derivatives, in their orders."""
    jnp, lax = jax.numpy, jax.lax
    mine = pg.interop.jax.wrap(lambda x: np.sin(x) * np.cumsum(x))
    xs = jnp.asarray(X)

    def looped(f):
        return lambda x: lax.scan(lambda c, _: (f(c) * 0.5, c.sum()), x, None, length=3)[0].sum()

    for transform in (
        lambda f: jax.vmap(jax.grad(looped(f)))(xs),
        lambda f: jax.grad(lambda xs: jax.vmap(looped(f))(xs).sum())(xs),
        lambda f: jax.grad(lambda x: lax.cond(x[0] > 0, f, lambda x: f(x) * 2, x).sum())(xs[0]),
        lambda f: jax.linear_transpose(jax.linearize(f, xs[0])[1], xs[0])(xs[1]),
        lambda f: jax.linear_transpose(jax.vmap(jax.linearize(f, xs[0])[1]), xs)(xs),
        lambda f: jax.vjp(jax.vjp(f, xs[0])[1], xs[0])[1]((xs[1],)),
    ):
        same_tree(jax, transform(mine), transform(lambda x: jnp.sin(x) * jnp.cumsum(x)))


def test_jax_third_order(jax):
    mine = pg.interop.jax.wrap(lambda x: np.sum(np.sin(x) * x))
    theirs = lambda x: jax.numpy.sum(jax.numpy.sin(x) * x)
    for _ in range(3):
        mine, theirs = [jax.grad(lambda x, f=f: jax.numpy.sum(f(x))) for f in (mine, theirs)]
        same_tree(jax, jax.jit(mine)(X), theirs(X))


@pytest.mark.parametrize("jitted", [False, True])
def test_jax_complex_gradients_are_its_own(jax, within, jitted):
    jnp = jax.numpy
    z, x = (
        jnp.asarray(RNG.normal(size=3) + 1j * RNG.normal(size=3)),
        jnp.asarray(RNG.normal(size=3)),
    )
    f = pg.interop.jax.wrap(lambda z, x: (pg.exp(z) * x, pg.sum(pg.conj(z) * z * x)), within)
    g = lambda z, x: (jnp.exp(z) * x, jnp.sum(jnp.conj(z) * z * x))

    def loss(f):
        return lambda z, x: (
            jnp.sum(jnp.abs(f(z, x)[0])) + f(z, x)[1].real * jnp.prod(f(z, x)[0].imag)
        )

    once = jax.jit if jitted else lambda f: f
    same_tree(jax, once(jax.grad(loss(f), (0, 1)))(z, x), jax.grad(loss(g), (0, 1))(z, x))
    second = lambda f: jax.grad(lambda z: jnp.sum(jnp.abs(jax.grad(loss(f))(z, x)) ** 2))
    same_tree(jax, once(second(f))(z), second(g)(z))
    seed = (z * 2 + 1j, jnp.sum(z))
    same_tree(jax, jax.vjp(f, z, x)[1](seed), jax.vjp(g, z, x)[1](seed))


def test_jax_trees_and_constants(jax):
    def f(tree, n, *, how):
        order = np.argsort(tree["a"].detach())
        return {"y": tree["a"] * n + tree["b"][0], "order": order, "how": how, "none": None}

    a, b = jax.numpy.asarray([3.0, 1.0, 2.0], dtype="float32"), jax.numpy.arange(3)
    wrapped = pg.interop.jax.wrap(f)
    out = wrapped({"a": a, "b": [b]}, 2, how="so")
    assert out["how"] == "so" and out["none"] is None and out["order"].tolist() == [1, 2, 0]

    def loss(a, b):
        return wrapped({"a": a, "b": [b]}, 2, how="so")["y"].sum()

    for once in (lambda f: f, jax.jit):
        g = once(jax.grad(loss))(a, b)
        assert g.dtype == "float32" and g.tolist() == [2, 2, 2]
        h = once(jax.grad(loss, (0, 1), allow_int=True))(a, b)[1]
        assert h.dtype == jax.dtypes.float0 and h.shape == (3,)


def test_jax_without_x64(jax):
    f = pg.interop.jax.wrap(lambda x: np.sin(x) * np.linspace(0.0, 1.0, 3))  # float64 inside
    with jax.enable_x64(False):
        x = jax.numpy.asarray([1.0, 2.0, 3.0])
        for once in (lambda f: f, jax.jit):
            assert once(f)(x).dtype == "float32"
            g = once(jax.grad(lambda x: f(x).sum()))(x)
            assert g.dtype == "float32"
            np.testing.assert_allclose(g, np.cos([1, 2, 3]) * [0, 0.5, 1], rtol=1e-5, atol=1e-6)


def test_jax_traces_once_and_calls_each_time(jax):
    calls = []

    def f(x):
        calls.append(tuple(x.shape))
        return np.sin(x)

    run = jax.jit(pg.interop.jax.wrap(f, out=lambda x: x))
    for _ in range(3):
        run(X)
    assert calls == [(3, 4)] * 3  # nothing was run to see what it returns
    jax.vmap(run)(X)
    assert len(calls) == 4  # one batch

    calls.clear()
    scanned = jax.lax.scan(lambda c, _: (pg.interop.jax.wrap(f)(c), None), X[0], None, length=5)[0]
    np.testing.assert_allclose(scanned, np.sin(np.sin(np.sin(np.sin(np.sin(X[0]))))))


def test_jax_vmap_of_what_cannot_be_batched(jax):
    not_batched = function_that_vmap_cannot_batch()
    f = pg.interop.jax.wrap(not_batched.f)
    found = jax.vmap(jax.grad(lambda x: f(x).sum()))(X)
    np.testing.assert_allclose(found, np.sin(X) + X * np.cos(X))
    assert set(not_batched.calls) == {(4,)}
    assert jax.vmap(f)(np.zeros((0, 4))).shape == (0, 4)


def test_jax_shapes_that_ones_do_not_tell(jax):
    def f(a):
        if a.detach().data[0, 0] == 1:
            raise np.linalg.LinAlgError("ones are singular")
        return np.log(np.linalg.det(np.linalg.cholesky(a)))

    a = jax.numpy.asarray(X @ X.T + np.eye(3))
    expected = np.linalg.inv(a) / 2
    with pytest.raises(ValueError, match=r"arrays of ones.*wrap\(f, out=...\)"):
        jax.jit(pg.interop.jax.wrap(f))(a)
    np.testing.assert_allclose(jax.grad(pg.interop.jax.wrap(f))(a), expected)
    scalar = jax.ShapeDtypeStruct((), "float64")
    for out in (scalar, lambda a: jax.ShapeDtypeStruct((), a.dtype)):
        wrapped = pg.interop.jax.wrap(f, out=out)
        np.testing.assert_allclose(jax.jit(jax.grad(wrapped))(a), expected)
    wrong = pg.interop.jax.wrap(lambda x: np.stack([x, x]), out=scalar)
    with pytest.raises(Exception, match=r"returned shape \(2,\), and JAX was told \(\)"):
        jax.block_until_ready(jax.jit(wrong)(a[0, 0]))


def test_jax_errors(jax):
    torch = needs("torch")
    wrap = pg.interop.jax.wrap
    with pytest.raises(TypeError, match="computes in numpy, and returned Tensor"):
        wrap(lambda x: torch.ones(2))(X)
    with pytest.raises(ValueError, match="unknown backend"):
        wrap(lambda x: x, "nonsense")
    with pytest.raises(ZeroDivisionError):
        wrap(lambda x: 1 // 0)(X)


def test_jax_trains_with_a_simulation_in_numpy(jax):
    def simulate(p):
        """A pendulum with friction, by the leapfrog method."""
        angle, speed, path = 1.0, 0.0, []
        for _ in range(30):
            speed = speed - 0.1 * (p[0] * np.sin(angle) + p[1] * speed)
            angle = angle + 0.1 * speed
            path.append(angle)
        return np.stack(path)

    wrapped = pg.interop.jax.wrap(simulate)
    truth = wrapped(jax.numpy.asarray([1.5, 0.3]))
    step = jax.jit(jax.value_and_grad(lambda p: jax.numpy.sum((wrapped(p) - truth) ** 2)))
    p = jax.numpy.asarray([1.0, 0.1])
    for _ in range(200):
        value, g = step(p)
        p = p - 0.02 * g
    assert value < 1e-6
    np.testing.assert_allclose(p, [1.5, 0.3], atol=1e-2)


def test_no_warning_where_a_derivative_is_constant(jax):
    f = pg.interop.jax.wrap(lambda x: 3 * x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jax.grad(jax.grad(lambda x: f(x) * 2))(1.0) == 0
