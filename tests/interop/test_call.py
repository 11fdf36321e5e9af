"""`pg.interop.torch.call` and `pg.interop.jax.call`: functions of torch and JAX on any backend."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import convert, to_numpy
from tests.support.backends import INSTALLED
from tests.support.optional import installed, needs

X = np.random.default_rng(0).normal(size=(3, 4))
W = np.random.default_rng(1).normal(size=(4, 4))
FRAMEWORKS = installed("torch", "jax")


class Theirs:
    """A framework: how to call functions of it, and its functions."""

    def __init__(self, name):
        needs(name)
        self.name, self.call = name, getattr(pg.interop, name).call
        if name == "torch":
            import torch as xp
        else:
            import jax.numpy as xp
        self.xp = xp

    def jitted(self, f):
        if self.name == "torch":
            return f
        import jax

        return jax.jit(f)


@pytest.fixture(params=["torch", "jax"])
def theirs(request):
    return Theirs(request.param)


@pytest.fixture(params=INSTALLED)
def backend(request):
    return request.param


def close(mine, expected, tolerance=1e-7):
    np.testing.assert_allclose(to_numpy(mine), to_numpy(expected), rtol=tolerance, atol=tolerance)


def layer(xp):
    """A function of three arguments, in either framework or in pluggrad."""
    return lambda x, w: xp.tanh(xp.matmul(x, w)) * x


def test_values_and_gradients_on_every_backend(theirs, backend):
    f = theirs.call(theirs.jitted(layer(theirs.xp)))
    x, w = convert(X, backend), convert(W, backend)
    plain = f(x, w)
    assert type(plain) is type(x)
    v, u = Variable(x, requires_grad=True), Variable(w, requires_grad=True)
    y = f(v, u)
    assert isinstance(y, Variable) and type(y.data) is type(x) and y.dtype == v.dtype
    pg.sum(y * y).backward()
    a, b = Variable(X, requires_grad=True), Variable(W, requires_grad=True)
    z = layer(pg)(a, b)
    pg.sum(z * z).backward()
    for mine, expected in ((plain, z), (y, z), (v.grad, a.grad), (u.grad, b.grad)):
        close(mine, expected)
    assert v.grad.dtype == v.dtype and type(v.grad.data) is type(x)


def test_transforms(theirs):
    f, g = theirs.call(theirs.jitted(layer(theirs.xp))), layer(pg)
    x, v, w, xs = X[0], X[1], W, X
    for transformed in (
        lambda f: pg.grad(lambda x: pg.sum(f(x, w) ** 2))(x),
        lambda f: pg.jvp(lambda x: f(x, w), (x,), (v,))[1],
        lambda f: pg.jacfwd(lambda x: f(x, w))(x),
        lambda f: pg.jacrev(lambda w: f(x, w))(w),
        lambda f: pg.hessian(lambda x: pg.sum(f(x, w) ** 2))(x),
        lambda f: pg.hvp(lambda x: pg.sum(f(x, w) ** 2), (x,), (v,)),
        lambda f: pg.vmap(lambda x: f(x, w))(xs),
        lambda f: pg.vmap(pg.grad(lambda x: pg.sum(f(x, w) ** 2)))(xs),
        lambda f: pg.grad(lambda w: pg.sum(pg.vmap(lambda x: f(x, w))(xs) ** 2))(w),
        lambda f: pg.grad(lambda w: pg.sum(pg.grad(lambda x: pg.sum(f(x, w) ** 2))(x) ** 2))(w),
        lambda f: pg.grad(
            lambda x: pg.sum(pg.grad(lambda x: pg.sum(pg.grad(
                lambda x: pg.sum(f(x, w) ** 2))(x) * v))(x) * v))(x),
        lambda f: pg.grad(lambda x: pg.sum(pg.checkpoint(f)(x, w) ** 2))(x),
        lambda f: pg.vjp(lambda x, w: f(x, w), x, w)[1](v)[1],
        lambda f: pg.linearize(lambda x: f(x, w), x)[1](v),
    ):  # fmt: skip
        close(transformed(f), transformed(g))


def test_complex_gradients_follow_ours(theirs):
    xp = theirs.xp
    f = theirs.call(lambda z, x: xp.exp(z) * x * xp.conj(z))
    g = lambda z, x: pg.exp(z) * x * pg.conj(z)
    z, x = X[0] + 1j * X[1], X[2]

    def first(f, n):
        return pg.grad(lambda *args: pg.sum(pg.abs(f(*args) + 1) ** 2), n)

    def second(f, n):
        return pg.grad(lambda *args: pg.sum(pg.abs(first(f, n)(*args)) ** 2))

    for n in (0, 1):
        close(first(f, n)(z, x), first(g, n)(z, x))
        close(second(f, n)(z, x), second(g, n)(z, x))
    t = (z * (1 + 2j), x * 3)
    close(pg.jvp(f, (z, x), t)[1], pg.jvp(g, (z, x), t)[1])


def test_trees_integers_none_and_keywords(theirs, backend):
    xp = theirs.xp

    def f(tree, n, *, how, mask=None):
        y = tree["a"] * n + tree["b"][0]
        return {"y": y, "where": xp.argmax(y), "how": how, "none": None, "s": [y * y, mask]}

    a = Variable(convert(X[0], backend), requires_grad=True)
    out = theirs.call(f)({"a": a, "b": [a * a]}, 2, how="so", mask=convert(X[0] > 0, backend))
    assert out["how"] == "so" and out["none"] is None and sorted(out) == sorted(
        ["y", "where", "how", "none", "s"]
    )  # fmt: skip
    assert not out["where"].requires_grad and not out["s"][1].requires_grad
    assert int(out["where"]) == np.argmax(2 * X[0] + X[0] ** 2)
    pg.sum(out["s"][0]).backward()
    y = 2 * X[0] + X[0] ** 2
    close(a.grad, 2 * y * (2 + 2 * X[0]))


def test_shapes_that_hurt(theirs):
    xp = theirs.xp
    f = theirs.call(lambda x: xp.exp(x) * 2)
    for x in (np.asarray(0.5), np.zeros((0, 3)), np.ones((2, 1, 3))[:, :, ::-1]):
        close(pg.grad(lambda x: pg.sum(f(x)))(x), 2 * np.exp(x))
    read_only = np.ones(3)
    read_only.flags.writeable = False
    close(f(read_only), 2 * np.exp(np.ones(3)))
    assert f(np.float64(1.0)).shape == ()
    assert theirs.call(lambda: xp.ones(2))().shape == (2,)
    several = theirs.call(lambda x, y: (x, x * 1, y))
    x = Variable(np.ones(2), requires_grad=True)
    same, _, y = several(x, np.ones(2))
    assert theirs.name == "jax" or not y.requires_grad
    pg.sum(same).backward()
    close(x.grad, np.ones(2))


def test_results_can_be_written(theirs):
    f = theirs.call(lambda x: x * 2)
    x = Variable(np.ones(3), requires_grad=True)
    y = f(x)
    y[0] = 5.0
    y += 1
    pg.sum(y * y).backward()
    close(x.grad, [0, 12, 12])
    x.grad.data[0] = 7
    raw = f(np.ones(3))
    raw[0] = 1


def test_dtypes_of_the_caller(theirs):
    f = theirs.call(layer(theirs.xp))
    for dtype in (np.float32, np.float64):
        x, w = X.astype(dtype), W.astype(dtype)
        v = Variable(x, requires_grad=True)
        y = f(v, w)
        assert y.dtype == dtype
        pg.sum(y).backward()
        assert v.grad.dtype == dtype
    one = Variable(X[0].astype(np.float32), requires_grad=True)
    y = theirs.call(lambda a, b: a * b)(one, X[1])
    pg.sum(y).backward()
    assert one.grad.dtype == np.float32


def test_modes(theirs):
    f = theirs.call(lambda x: x * x)
    x = Variable(np.ones(3), requires_grad=True)
    with pg.no_grad():
        assert not f(x).requires_grad
    assert f(x).grad_fn is not None
    y = pg.sum(f(x))
    y.backward(retain_graph=True)
    y.backward()
    close(x.grad, 4 * np.ones(3))
    with pytest.raises(pg.errors.GraphFreedError):
        y.backward()


def test_what_is_saved_is_freed_with_the_graph(theirs):
    class Held:
        pass

    held = Held()
    known = weakref.ref(held)
    f = theirs.call(lambda x, held: x * 2)
    y = f(Variable(np.ones(3), requires_grad=True), held)
    del held
    assert known() is not None
    pg.sum(y).backward()
    del y
    gc.collect()
    assert known() is None


def test_what_is_mixed_lazy_or_traced_is_refused(theirs):
    f = theirs.call(lambda x, y: x + y)
    names = [name for name in INSTALLED if name not in ("numpy", theirs.name)]
    if names:
        with pytest.raises(pg.errors.MixedBackendsError):
            f(Variable(np.ones(2)), Variable(convert(np.ones(2), names[0])))
    if installed("dask"):
        with pytest.raises(pg.errors.UnsupportedError, match="lazy"):
            f(Variable(convert(np.ones(2), "dask")), 1.0)
    with pytest.raises(TypeError, match="takes a function"):
        theirs.call(3)
    with pytest.raises(pg.PluggradError, match="lambda"):
        f(Variable(np.ones(2)), np.ones(3))


def test_a_function_that_leaves_the_graph_is_refused(theirs):
    if theirs.name == "torch":
        f = theirs.call(lambda x: float(x.sum()))
        with pytest.raises(pg.GraphBreakError):
            f(Variable(np.ones(2), requires_grad=True))
        assert f(np.ones(2)) == 2.0


def test_constants_of_the_framework_beside_variables(theirs):
    xp = theirs.xp
    w = xp.asarray(W.tolist())
    f = theirs.call(lambda x, w: xp.matmul(x, w))
    x = Variable(X.astype(np.float32), requires_grad=True)
    y = f(x, w if str(w.dtype).endswith("float32") else xp.asarray(w, dtype=xp.float32))
    pg.sum(y).backward()
    close(x.grad, np.broadcast_to(W.sum(1), (3, 4)), 1e-5)


def test_functions_that_look_at_values_are_mapped_one_by_one(theirs):
    def f(x):
        return x * 2 if float(x.sum()) > 0 else x * 3

    found = pg.vmap(theirs.call(f))(X)
    close(found, [f(x) for x in X])


def test_threads(theirs):
    f, found = theirs.call(theirs.jitted(lambda x: theirs.xp.sin(x))), {}

    def work(n):
        x = Variable(X + n, requires_grad=True)
        pg.sum(f(f(x))).backward()
        found[n] = x.grad

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for n, g in found.items():
        close(g, np.cos(X + n) * np.cos(np.sin(X + n)))


# ---------------------------------------------------------------- torch


@pytest.fixture
def torch():
    return needs("torch")


def test_a_module_with_statistics_and_dropout(torch):
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Tanh(), torch.nn.Dropout(0.5)
    ).double()
    f = pg.interop.torch.call(net)
    x, t = Variable(X.copy(), requires_grad=True), torch.tensor(X, requires_grad=True)
    before = {name: b.clone() for name, b in net.named_buffers()}
    torch.manual_seed(0)
    y = net(t)
    (g,) = torch.autograd.grad((y**2).sum(), t, create_graph=True)
    (h,) = torch.autograd.grad((g**2).sum(), t)
    once = {name: b.clone() for name, b in net.named_buffers()}
    net.load_state_dict({**net.state_dict(), **before})
    torch.manual_seed(0)
    z = f(x)
    (k,) = pg.autograd.grad(pg.sum(z**2), x, create_graph=True)
    (m,) = pg.autograd.grad(pg.sum(k**2), x)
    for mine, expected in ((z, y), (k, g), (m, h)):
        close(mine, expected.detach().numpy())
    for name, b in net.named_buffers():
        assert torch.equal(b, once[name]), name
    with torch.no_grad():
        (k,) = pg.autograd.grad(pg.sum(f(x) ** 2), x, create_graph=True)
        next(net.parameters()).add_(1)
    with pytest.raises(pg.errors.MutationError, match="changed in place"):
        pg.autograd.grad(pg.sum(k**2), x)


def test_what_torch_saved_must_not_change(torch):
    w = torch.tensor(W)
    f = pg.interop.torch.call(lambda x: torch.tanh(x @ w) ** 2)
    x = Variable(X, requires_grad=True)
    y = pg.sum(f(x))
    w.add_(1)
    with pytest.raises(pg.errors.MutationError, match="changed in place"):
        y.backward()
    with pytest.raises(pg.errors.MutationError, match="wrote into its argument"):
        pg.interop.torch.call(lambda x: x.add_(1))(X.copy())
    with pytest.raises(pg.PluggradError):
        pg.interop.torch.call(lambda x: x.add_(1))(Variable(X.copy(), requires_grad=True))


def test_functions_of_their_own_derivative(torch):
    class Cube(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    f = pg.interop.torch.call(Cube.apply)
    close(pg.grad(pg.grad(pg.grad(f)))(np.asarray(2.0)), 6.0)
    close(pg.jvp(f, (X,), (X,))[1], 3 * X**3)  # it has no jvp: its backward is transposed
    close(pg.vmap(pg.vmap(pg.grad(f)))(X), 3 * X**2)


def test_torch_under_other_modes(torch):
    f = pg.interop.torch.call(lambda x: torch.sin(x))
    with torch.inference_mode():
        x = Variable(torch.tensor(X), requires_grad=True)
        y = pg.sum(pg.grad(lambda x: pg.sum(f(x)))(x.data))
    close(y, np.cos(X).sum())
    with torch.no_grad():
        close(pg.grad(lambda x: pg.sum(f(x)))(X), np.cos(X))
    theirs = torch.func.grad(lambda x: pg.grad(lambda x: pg.sum(f(x)))(x).sum())(torch.tensor(X))
    close(theirs, -np.sin(X))
    rows = torch.func.vmap(lambda x: pg.grad(lambda x: pg.sum(f(x) ** 2))(x))(torch.tensor(X))
    close(rows, np.sin(2 * X))
    with pytest.raises(pg.errors.TypeMismatchError, match="bfloat16"):
        pg.interop.torch.call(lambda x: x.bfloat16())(X)


# ---------------------------------------------------------------- JAX


@pytest.fixture
def jax():
    return needs("jax")


def test_jax_scans_and_custom_rules(jax):
    jnp = jax.numpy

    @jax.custom_vjp
    def clipped(x):
        return x**3

    clipped.defvjp(lambda x: (x**3, x), lambda x, g: (jnp.clip(3 * x**2 * g, -1, 1),))
    close(pg.grad(pg.interop.jax.call(clipped))(np.asarray(5.0)), 1.0)

    @jax.jit
    def scanned(x):
        return jax.lax.scan(lambda c, _: (jnp.sin(c) * x, c), x, None, length=4)[0]

    def loop(x):
        c = x
        for _ in range(4):
            c = pg.sin(c) * x
        return c

    f = pg.interop.jax.call(scanned)
    x = np.asarray(0.7)
    for mine, expected in ((f, loop), (pg.grad(f), pg.grad(loop)),
                           (pg.grad(pg.grad(f)), pg.grad(pg.grad(loop)))):  # fmt: skip
        close(mine(x), expected(x))


def test_jax_precision_is_that_of_the_arguments(jax):
    code = """
import numpy as np, jax, jax.numpy as jnp, pluggrad as pg
f = pg.interop.jax.call(jax.jit(lambda x, *n: jnp.sin(x) * (jnp.ones(()) if not n else n[0])))
x = np.linspace(0, 1, 5)
np.testing.assert_allclose(pg.grad(lambda x: pg.sum(f(x)))(x), np.cos(x), rtol=1e-14)
np.testing.assert_allclose(pg.grad(pg.grad(f))(np.asarray(0.3)), -np.sin(0.3), rtol=1e-14)
assert f(x).dtype == np.float64 and f(x.astype(np.float32)).dtype == np.float32
assert f(x.astype(np.float32), np.arange(5)).dtype == np.float32
assert jnp.ones(2).dtype == np.float32 and not jax.config.jax_enable_x64
try:
    f(x.astype(np.float32), np.asarray(2**40))
except pg.errors.OutOfRangeError as error:
    assert "larger integers" in str(error)
else:
    raise AssertionError
"""
    import os
    import subprocess
    import sys

    env = {**os.environ, "JAX_ENABLE_X64": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


def test_jax_traces_through_a_call(jax):
    f = pg.interop.jax.call(lambda x: jax.numpy.sin(x))
    x = jax.numpy.asarray(X)
    close(jax.jit(pg.grad(lambda x: pg.sum(f(x))))(x), np.cos(X))
    close(jax.vmap(pg.grad(lambda x: pg.sum(f(x))))(x), np.cos(X))
    close(jax.grad(lambda x: pg.grad(lambda x: pg.sum(f(x)))(x).sum())(x), -np.sin(X))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_three_libraries_in_one_backward(name, torch, jax):
    network = torch.nn.Linear(4, 2).double()
    simulate = pg.interop.jax.call(jax.jit(lambda x: jax.numpy.cumsum(jax.numpy.sin(x), axis=0)))
    classify = pg.interop.torch.call(lambda x: torch.log_softmax(network(x), -1))
    x = Variable(X.copy(), requires_grad=True)
    loss = -pg.sum(classify(simulate(np.tanh(x)))[:, 0])
    loss.backward()
    step = np.zeros_like(X)
    step[1, 2] = 1e-6
    value = lambda x: float(-np.sum(classify(simulate(np.tanh(x)))[:, 0]))
    assert abs((value(X + step) - value(X - step)) / 2e-6 - to_numpy(x.grad)[1, 2]) < 1e-6


def test_randomness_of_vmap(torch):
    f = pg.interop.torch.call(lambda x: torch.rand(4, dtype=torch.float64) * x)
    rows, one = np.ones((5, 4)), Variable(np.ones(4))
    for mapped in (lambda x: f(x), lambda x: f(one) + 0 * x, pg.grad(lambda x: pg.sum(f(x)))):
        same = pg.vmap(mapped, randomness="same")(rows)
        assert len(np.unique(same, axis=0)) == 1
        different = pg.vmap(mapped, randomness="different")(rows)
        assert len(np.unique(different, axis=0)) == 5
    with pytest.raises(pg.PluggradError, match="random"):
        pg.vmap(f)(rows)
