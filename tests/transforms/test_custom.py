"""custom_vjp and custom_jvp against jax.custom_vjp and jax.custom_jvp."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from pluggrad.transforms import SymbolicZero
from tests.support.optional import needs


def by_vjp(lib, xp):
    """A function of a pytree and a setting, with a derivative that is recognisably not its own."""

    def f(n, tree, w):
        return {"y": xp.sin(tree[0]) * tree[1] ** n + w, "z": tree[0] * w}

    def fwd(n, tree, w):
        return made(n, tree, w), (tree, w, xp.cos(tree[0]))

    def bwd(n, res, g):
        tree, w, c = res
        return ((2 * n * g["y"] * c * tree[1], g["z"] * tree[0] * w), g["y"] * w)

    made = lib.custom_vjp(f, nondiff_argnums=(0,))
    made.defvjp(fwd, bwd)
    return lambda a, b: xp.sum((r := made(3, (a, b), a * b))["y"] * xp.cos(b) + r["z"] ** 2)


def by_jvp(lib, xp):
    def f(n, x, y):
        return xp.exp(x) * y**n

    made = lib.custom_jvp(f, nondiff_argnums=(0,))

    @made.defjvp
    def rule(n, primals, tangents):
        (x, y), (t, s) = primals, tangents
        return made(n, x, y), 2 * t * xp.sin(x) * y + n * s * xp.exp(x) * x

    return lambda a, b: xp.sum(made(2, a, b * a) * xp.cos(a))


A, B = np.asarray([0.3, 0.7, 1.1]), np.asarray([1.5, -0.4, 0.8])


@pytest.mark.parametrize("define", [by_vjp, by_jvp])
def test_every_order_agrees_with_jax(define):
    jax = needs("jax")
    ours, theirs = define(pg, pg), define(jax, jax.numpy)

    def towers(lib, xp, f):
        first = lib.grad(f, (0, 1))
        second = lib.grad(lambda a, b: xp.sum(first(a, b)[0] * first(a, b)[1]), (0, 1))
        third = lib.grad(lambda a, b: xp.sum(second(a, b)[0] * b), (0, 1))
        return [first, second, third]

    for f, g in zip(towers(pg, pg, ours), towers(jax, jax.numpy, theirs), strict=True):
        np.testing.assert_allclose(f(A, B), g(A, B), rtol=1e-10)
    j = jax.numpy.asarray
    found = pg.grad(ours, (0, 1))(j(A), j(B))
    for got, want in zip(found, jax.grad(theirs, (0, 1))(j(A), j(B)), strict=True):
        assert isinstance(got, jax.Array)
        np.testing.assert_allclose(got, want)


@pytest.mark.parametrize("define", [by_vjp, by_jvp])
def test_vmap_agrees_with_jax(define):
    jax = needs("jax")
    ours, theirs = define(pg, pg), define(jax, jax.numpy)

    def outside(lib, xp, f, axes):
        return lib.grad(lambda a, b: xp.sum(lib.vmap(f, axes)(a, b)), (0, 1))

    def inside(lib, xp, f, axes):
        return lib.vmap(lib.grad(f, (0, 1)), axes)

    for axes in ((0, 0), (0, None), (None, 0)):
        a, b = [
            x if axis is None else np.stack([x, 2 * x])
            for x, axis in zip((A, B), axes, strict=True)
        ]
        for transform in (outside, inside):
            found = transform(pg, pg, ours, axes)(a, b)
            expected = transform(jax, jax.numpy, theirs, axes)(a, b)
            for got, want in zip(found, expected, strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-10)


@pytest.mark.parametrize("define", [by_vjp, by_jvp])
@pytest.mark.parametrize("name", ["numpy", "torch", "array_api_strict"])
def test_torch_style_orders(define, name):
    lib = needs(name)
    f = define(pg, pg)
    a, b = [Variable(lib.asarray(x), requires_grad=True) for x in (A, B)]
    g = pg.autograd.grad(f(a, b), (a, b), create_graph=True)
    h = pg.autograd.grad(pg.sum(g[0] * g[1]), (a, b))
    first = pg.grad(f, (0, 1))
    second = pg.grad(lambda a, b: pg.sum(first(a, b)[0] * first(a, b)[1]), (0, 1))
    for got, want in zip((*g, *h), (*first(A, B), *second(A, B)), strict=True):
        np.testing.assert_allclose(got.detach().tolist(), want)


@pytest.mark.parametrize("kept", ["the pull of vjp", "a number", "a string"])
def test_residuals_may_be_anything_also_in_a_batch(kept):
    def f(x):
        return pg.sin(x) * x**2

    made = pg.custom_vjp(f)
    if kept == "the pull of vjp":
        made.defvjp(lambda x: pg.vjp(f, x), lambda pull, g: pull(g))
    else:
        setting = 2 if kept == "a number" else "xx"

        def bwd(res, g):
            x, n = res
            n = n if isinstance(n, int) else len(n)
            return (g * (pg.cos(x) * x**2 + sum([pg.sin(x) * x for _ in range(n)])),)

        made.defvjp(lambda x: (f(x), (x, setting)), bwd)

    def total(f):
        return lambda x: pg.sum(pg.vmap(f)(x))

    for transform in (
        lambda f: pg.vmap(pg.grad(f)),
        lambda f: pg.grad(total(f)),
        lambda f: pg.hessian(total(f)),
        lambda f: pg.vmap(pg.grad(pg.grad(f))),
    ):
        np.testing.assert_allclose(transform(made)(A), transform(f)(A), rtol=1e-10)
    twice = np.stack([A, B])
    got = pg.grad(total(pg.vmap(made)))(twice)
    np.testing.assert_allclose(got, pg.grad(total(pg.vmap(f)))(twice), rtol=1e-10)


def test_forward_mode():
    jax = needs("jax")
    ours, theirs = by_jvp(pg, pg), by_jvp(jax, jax.numpy)
    np.testing.assert_allclose(pg.jvp(ours, (A, B), (B, A)), jax.jvp(theirs, (A, B), (B, A)))
    np.testing.assert_allclose(
        pg.jacfwd(pg.grad(ours))(A, B), jax.jacfwd(jax.grad(theirs))(A, B), rtol=1e-10
    )
    f = by_vjp(pg, pg)  # JAX refuses; here the tangent is the transpose of bwd
    t = pg.jvp(lambda a: f(a, B), (A,), (B,))[1]
    np.testing.assert_allclose(t, np.sum(pg.grad(f)(A, B) * B))


def test_none_is_zero_and_the_function_still_works_plainly():
    @pg.custom_vjp
    def clipped(x, y=2.0):
        return x * y

    clipped.defvjp(lambda x, y: (x * y, None), lambda _, g: (pg.clip(g, -1, 1), None))
    assert clipped(3.0) == 6.0 and clipped.__name__ == "clipped"
    assert pg.grad(lambda x: 100 * clipped(x, y=x))(2.0) == 1.0
    total = pg.grad(lambda x: pg.sum(100 * pg.vmap(lambda x: clipped(x, x))(x)))(np.ones(2))
    np.testing.assert_array_equal(total, [1.0, 1.0])


def test_defjvps():
    @pg.custom_jvp
    def f(x, y):
        return x * y

    f.defjvps(lambda t, z, x, y: 5 * t * y, None)
    assert pg.grad(lambda x: f(x, x))(3.0) == 15.0


def test_mistakes_are_errors():
    f = pg.custom_vjp(lambda x: x)
    with pytest.raises(ValueError, match="defvjp"):
        pg.grad(f)(1.0)
    f.defvjp(lambda x: x, lambda res, g: (g,))
    with pytest.raises(TypeError, match="pair"):
        pg.grad(f)(1.0)
    f.defvjp(lambda x: (x, None), lambda res, g: g)
    with pytest.raises(ValueError, match="tuple"):
        pg.grad(f)(1.0)
    f.defvjp(lambda x: (x, None), lambda res, g: (g[:2],))
    with pytest.raises(ValueError, match="shape"):
        pg.grad(lambda x: pg.sum(f(x)))(np.ones(3))
    with pytest.raises(ValueError, match="defjvp"):
        pg.grad(pg.custom_jvp(lambda x: x))(1.0)


@pytest.mark.parametrize("kind", ["custom_vjp", "custom_jvp"])
def test_nondiff_argnames_agree_with_jax(kind):
    jax = needs("jax")

    def define(lib):
        f = getattr(lib, kind)(lambda x, n, g: g(x) ** n, nondiff_argnames=("n", "g"))
        if kind == "custom_vjp":
            f.defvjp(
                lambda x, n, g: [f(x, n, g), x],
                lambda n, g, x, ct: (7 * ct * g(x) * n,),
                optimize_remat=True,
            )
        else:
            f.defjvp(lambda n, g, p, t: (f(*p, n, g), 7 * t[0] * g(p[0]) * n))
        return f

    ours, theirs = define(pg), define(jax)
    got = pg.grad(lambda x: pg.sum(ours(x, n=2, g=pg.sin)))(A)
    want = jax.grad(lambda x: jax.numpy.sum(theirs(x, n=2, g=jax.numpy.sin)))(A)
    np.testing.assert_allclose(got, want)
    with pytest.raises(ValueError, match="no argument 'm'"):
        getattr(pg, kind)(lambda x: x, nondiff_argnames="m")


def test_symbolic_zeros_agree_with_jax():
    jax = needs("jax")
    seen = []

    def define(lib, xp):
        f = lib.custom_jvp(lambda x, y: x * y)

        def rule(primals, tangents):
            zeros = [type(t).__name__ == "SymbolicZero" for t in tangents]
            seen.append((zeros, [(t.shape, t.dtype) for t in tangents]))
            (x, y), (t, s) = primals, tangents
            terms = ([] if zeros[0] else [2 * t * y]) + ([] if zeros[1] else [3 * x * s])
            return f(x, y), sum(terms[1:], terms[0]) if terms else t

        f.defjvp(rule, symbolic_zeros=True)
        return [
            lambda a, b: lib.grad(lambda x: xp.sum(f(x, b) * x))(a),
            lambda a, b: lib.jvp(lambda y: f(a, y), (b,), (a,))[1],
            lambda a, b: lib.jvp(f, (a, b), (b, a))[1],
            lambda a, b: lib.vmap(lib.grad(f, 1))(a, b),
            lambda a, b: lib.hessian(lambda x: xp.sum(f(x, x)))(a),
        ]

    for ours, theirs in zip(define(pg, pg), define(jax, jax.numpy), strict=True):
        seen.clear()
        got = ours(A, B)
        mine = seen[0]
        seen.clear()
        np.testing.assert_allclose(got, theirs(A, B))
        assert mine == seen[0]
    with pytest.raises(ValueError, match="symbolic zeros"):
        pg.custom_vjp(lambda x: x).defvjp(lambda x: (x, None), lambda r, g: (g,), True)


def test_a_symbolic_zero_may_be_returned():
    f = pg.custom_jvp(lambda x: (x * 2, x**2))
    f.defjvp(lambda p, t: (f(*p), (t[0] * 7, SymbolicZero(p[0]))), symbolic_zeros=True)
    t, none = pg.jvp(f, (A,), (A,))[1]
    np.testing.assert_allclose(t, 7 * A)
    np.testing.assert_array_equal(none, 0 * A)
    np.testing.assert_array_equal(pg.grad(lambda x: pg.sum(f(x)[0] + f(x)[1]))(A), [7.0] * 3)
    np.testing.assert_array_equal(pg.vmap(pg.grad(lambda x: f(x)[0] + f(x)[1]))(A), [7.0] * 3)


def test_mistakes_in_a_jvp_are_errors_in_both_modes():
    f = pg.custom_jvp(lambda x: x * 2)
    for mode in (pg.jacrev, pg.jacfwd):
        f.defjvp(lambda p, t: (p[0], t[0][:2]))
        with pytest.raises(ValueError, match=r"shape \(2,\) for an output of shape \(3,\)"):
            mode(f)(A)
        f.defjvp(lambda p, t: ((p[0],), [t[0]]))
        with pytest.raises(ValueError, match="structure"):
            mode(f)(A)
    with pytest.raises(TypeError, match="missing a required argument") as caught:
        f()
    assert isinstance(caught.value, pg.PluggradError)
