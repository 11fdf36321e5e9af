"""`pg.interop`: functions of ours in torch's and JAX's own autograd, against theirs."""

from __future__ import annotations

import doctest
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import pluggrad as pg
from tests.support.examples import EXAMPLES, load_example
from tests.support.optional import needs

RNG = np.random.default_rng(7)
X, W = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))


def ours(x, w):
    """Several results, of which some depend on one argument alone."""
    y = np.tanh(x @ w)
    return {"y": y, "s": [np.sum(y * y * x[:, :1]), np.exp(w)]}


def run_code(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


# ---------------------------------------------------------------- both


def test_what_has_no_autograd_says_so():
    with pytest.raises(AttributeError, match="autograd of their own; numpy has none"):
        pg.interop.numpy
    with pytest.raises(AttributeError, match="nothing for 'nonsense'"):
        pg.interop.nonsense


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_library_that_is_missing_is_named(library):
    code = f"import sys; sys.modules[{library!r}] = None; import pluggrad as pg\n"
    code += f"try: pg.interop.{library}\nexcept pg.BackendError as e: print(e)"
    assert f"pip install 'pluggrad[{library}]'" in run_code(code).stdout


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_the_examples_of_the_docstrings_hold(library):
    needs(library)
    module = getattr(pg.interop, library)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 2 and not found.failed


@pytest.fixture
def not_batched():
    """A function that `vmap` cannot batch, and how often it was called."""
    calls = []

    class Sine(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            calls.append(x.shape)
            ctx.save_for_backward(x)
            return np.sin(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * np.cos(x)

    return SimpleNamespace(f=lambda x: Sine.apply(x) * x, calls=calls)


# ---------------------------------------------------------------- torch


@pytest.fixture
def torch():
    return needs("torch")


@pytest.fixture(params=["torch", "numpy", "strict", "jax"])
def inside(request, torch):
    """A backend that computes inside torch."""
    needs(request.param)
    return request.param


def general(x, w):
    """`ours`, in functions that every backend has."""
    y = pg.tanh(x @ w)
    return {"y": y, "s": [pg.sum(y * y * x[:, :1]), pg.exp(w)]}


def flat(f):
    return lambda *args: ((out := f(*args))["y"], *out["s"])


def in_torch(torch):
    def f(x, w):
        y = torch.tanh(x @ w)
        return {"y": y, "s": [(y * y * x[:, :1]).sum(), torch.exp(w)]}

    return f


def tensors(torch, *arrays, grad=True):
    return [torch.tensor(a, requires_grad=grad) for a in arrays]


def test_torch_gradcheck(torch, inside):
    f = flat(pg.interop.torch.wrap(general, backend=inside))
    x, w = tensors(torch, X, W)
    assert torch.autograd.gradcheck(f, (x, w), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(f, (x, w))


def test_torch_complex_gradients_are_its_own(torch, inside):
    a = RNG.normal(size=3) + 1j * RNG.normal(size=3)
    b = RNG.normal(size=3)
    f = pg.interop.torch.wrap(lambda z, x: (pg.exp(z) * x, pg.sum(pg.conj(z) * z * x)), inside)
    z, x = tensors(torch, a, b)
    assert torch.autograd.gradcheck(f, (z, x)) and torch.autograd.gradgradcheck(f, (z, x))
    loss = [
        pair[0].abs().sum() + pair[1].real * pair[0].imag.prod()
        for pair in (f(z, x), (torch.exp(z) * x, (z.conj() * z * x).sum()))
    ]
    for mine, theirs in zip(*[torch.autograd.grad(v, (z, x)) for v in loss], strict=True):
        torch.testing.assert_close(mine, theirs)


def test_torch_zeros_without_memory(torch, inside):
    """As the derivative of a sign is one in torch."""
    (x,) = tensors(torch, X)
    found = []
    for f in (pg.interop.torch.wrap(lambda x: x**3, inside), lambda x: x**3):
        (g,) = torch.autograd.grad(torch.sum(torch.abs(f(x))), x, create_graph=True)
        found += torch.autograd.grad(torch.sum(g), x)
    torch.testing.assert_close(*found)


def test_torch_third_order(torch):
    (x,) = tensors(torch, X)
    mine = pg.interop.torch.wrap(lambda x: np.sum(np.sin(x) * x), "numpy")(x)
    theirs = (torch.sin(x) * x).sum()
    for _ in range(3):
        (mine,) = torch.autograd.grad(mine.sum(), x, create_graph=True)
        (theirs,) = torch.autograd.grad(theirs.sum(), x, create_graph=True)
        torch.testing.assert_close(mine, theirs)


def test_torch_func(torch, inside):
    f, g = pg.interop.torch.wrap(general, inside), in_torch(torch)
    x, w = tensors(torch, X, W, grad=False)
    t = torch.func

    def scalar(f):
        return lambda x, w: f(x, w)["s"][0] + (f(x, w)["y"] ** 3).sum()

    for transform in (
        lambda f: t.grad(scalar(f), (0, 1))(x, w),
        lambda f: t.jacrev(scalar(f), 1)(x, w),
        lambda f: t.jacfwd(lambda x: f(x, w)["y"])(x),
        lambda f: t.hessian(scalar(f), 1)(x, w),
        lambda f: t.vmap(f, (0, None))(torch.stack([x, 2 * x]), w)["s"],
        lambda f: t.vmap(t.grad(scalar(f)), (None, 2))(x, torch.stack([w, -w], 2)),
        lambda f: t.vmap(t.vmap(f, (0, None)), (None, 0))(
            torch.stack([x, 2 * x]), torch.stack([w, -w, w])
        )["y"],
        lambda f: t.grad(lambda x: t.vmap(f, (0, None))(torch.stack([x, x * x]), w)["y"].sum())(x),
        lambda f: t.jvp(lambda x: f(x, w)["s"][0], (x,), (x + 1,)),
        lambda f: t.grad(lambda x: (t.grad(scalar(f))(x, w) ** 2).sum())(x),
    ):
        torch.testing.assert_close(transform(f), transform(g))


def test_torch_vmap_of_what_cannot_be_batched(torch, not_batched):
    f = pg.interop.torch.wrap(not_batched.f, "numpy")
    xs = torch.tensor(X)
    found = torch.func.vmap(torch.func.grad(lambda x: f(x).sum()))(xs)
    torch.testing.assert_close(found, torch.sin(xs) + xs * torch.cos(xs))
    assert set(not_batched.calls) == {(4,)}


def test_torch_trains_a_network_with_a_layer_in_numpy(torch):
    def layer(x, scale):
        return np.sin(x) * scale + np.maximum(x, 0)

    wrapped = pg.interop.torch.wrap(layer, "numpy")

    class Layer(torch.nn.Module):
        def __init__(self, native):
            super().__init__()
            self.scale, self.native = torch.nn.Parameter(torch.ones(8)), native

        def forward(self, x):
            if self.native:
                return torch.sin(x) * self.scale + torch.relu(x)
            return wrapped(x, self.scale)

    losses = []
    for native in (True, False):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(4, 8), Layer(native), torch.nn.Linear(8, 1))
        optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
        x = torch.randn(20, 4)
        y = x.prod(1, keepdim=True)
        losses.append([])
        for _ in range(30):
            optimiser.zero_grad()
            loss = ((net(x) - y) ** 2).mean()
            loss.backward()
            optimiser.step()
            losses[-1].append(loss.item())
    np.testing.assert_allclose(*losses, rtol=1e-3)
    assert losses[1][-1] < losses[1][0] / 2


def test_torch_trees_constants_and_dtypes(torch):
    seen = []

    def f(tree, n, *, how, mask=None):
        seen.append([type(v).__name__ for v in (tree["a"], n, how, mask)])
        order = np.argsort(tree["a"].detach())
        return {"y": tree["a"] * n + tree["b"][0], "order": order, "how": how, "none": None,
                "constant": np.ones(2), "big": tree["a"] > 0}  # fmt: skip

    a = torch.tensor([3.0, 1.0, 2.0], requires_grad=True)  # float32
    b = torch.tensor([1, 2, 3])
    out = pg.interop.torch.wrap(f, "numpy")({"a": a, "b": [b]}, 2, how="so", mask=b > 1)
    assert seen[0][1:3] == ["int", "str"] and seen[0][0].endswith("Variable")
    assert out["how"] == "so" and out["none"] is None
    assert out["order"].tolist() == [1, 2, 0] and not out["order"].requires_grad
    assert out["big"].dtype == torch.bool and not out["big"].requires_grad
    assert out["constant"].dtype == torch.float64
    f32 = pg.interop.torch.wrap(lambda a: np.exp(a) * 2, "numpy")(a)
    assert f32.dtype == torch.float32
    (f32.sum() + out["y"].sum()).backward()
    assert a.grad.dtype == torch.float32
    torch.testing.assert_close(a.grad, 2 * torch.exp(a.detach()) + 2)


def test_torch_only_gradients_that_are_asked_for(torch):
    asked = []

    class Product(pg.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, g):
            asked.append(ctx.needs_input_grad)
            a, b = ctx.saved_tensors
            return g * b, g * a

    f = pg.interop.torch.wrap(Product.apply, "numpy")
    a, b = tensors(torch, X, X + 1)
    f(a, b.detach()).sum().backward()
    assert b.grad is None and asked == [(True, False)]
    torch.testing.assert_close(a.grad, b.detach())
    (g,) = torch.autograd.grad(f(a.detach(), b).sum(), b, create_graph=True)
    torch.testing.assert_close(g, a.detach())
    assert asked[1:] == [(False, True)]


def test_torch_graphs_are_torchs(torch):
    f = pg.interop.torch.wrap(lambda x: np.exp(x), "numpy")
    (x,) = tensors(torch, X)
    y = f(x)
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    torch.testing.assert_close(x.grad, 2 * torch.exp(x.detach()))
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()
    with torch.no_grad():
        assert not f(x).requires_grad
    assert not f(x.detach()).requires_grad
    assert f(torch.zeros((0, 3), dtype=torch.float64)).shape == (0, 3)
    assert pg.interop.torch.wrap(lambda: np.ones(2), "numpy")().tolist() == [1, 1]


@pytest.mark.parametrize("name", ["torch", "numpy"])
def test_torch_memory_is_not_shared(torch, name):
    (x,) = tensors(torch, X)
    same, view, expanded = pg.interop.torch.wrap(
        lambda x: (x, x[::-1, 1:], pg.broadcast_to(x[:1, :], (3, 4))), name
    )(x)
    with torch.no_grad():
        for y in (same, view, expanded):
            y.fill_(7.0)
    np.testing.assert_array_equal(x.detach().numpy(), X)

    def writes(v):
        v[0] = 5.0
        v += 1
        return v

    for grad in (True, False):
        assert pg.interop.torch.wrap(writes, name)(x if grad else x.detach())[0, 0] == 6
        np.testing.assert_array_equal(x.detach().numpy(), X)

    y = pg.interop.torch.wrap(lambda x: pg.exp(x), name)(x)
    with torch.no_grad():
        y.zero_()  # what exp has saved is another array
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.exp(x.detach()))
    y = pg.interop.torch.wrap(lambda x: pg.sin(x), name)(x)
    with torch.no_grad():
        x.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_torch_errors(torch):
    wrap = pg.interop.torch.wrap
    with pytest.raises(TypeError, match="no dtype for a tensor of"):
        wrap(lambda x: x, "numpy")(torch.ones(2, dtype=torch.bfloat16))
    with pytest.raises(TypeError, match="computes in numpy, and returned Tensor"):
        wrap(lambda x: torch.ones(2), "numpy")(torch.ones(2))
    with pytest.raises(ValueError, match="unknown backend"):
        wrap(lambda x: x, "nonsense")
    w = pg.Variable(np.ones(2), requires_grad=True)
    with pytest.raises(pg.GraphBreakError, match="handing it to another library"):
        wrap(lambda x: x * w, "numpy")(torch.ones(2, dtype=torch.float64))
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    with pytest.raises(pg.GraphBreakError, match="left"), pytest.warns(pg.GraphBreakWarning):
        wrap(lambda x: pg.asarray(np.sin(x.item())) if x.size == 1 else x, "numpy")(x[:1])
    with pytest.raises(NotImplementedError, match=r"torch\.func\.vmap"):
        torch.autograd.functional.jacobian(wrap(lambda x: x * x, "numpy"), x, vectorize=True)
    with pytest.raises(ZeroDivisionError):
        wrap(lambda x: 1 // 0)(x)


def test_torch_compile_leaves_it_out(torch):
    f = pg.interop.torch.wrap(lambda x: np.sin(x) * x, "numpy")
    compiled = torch.compile(lambda x: f(x * 2) + 1, backend="eager")
    (x,) = tensors(torch, X)
    (g,) = torch.autograd.grad(compiled(x).sum(), x)
    torch.testing.assert_close(g, 2 * (torch.sin(2 * x) + 2 * x * torch.cos(2 * x)).detach())


def test_the_example_runs(torch, inside):
    found = load_example("interop").fit(inside)
    assert found["losses"][-1] < 1e-3 * found["losses"][0]
    np.testing.assert_allclose(found["found"], found["truth"], rtol=0.05)
    if inside == "torch":
        done = subprocess.run(
            [sys.executable, EXAMPLES / "interop.py", "--help"], capture_output=True, text=True
        )
        assert done.returncode == 0 and "--backend" in done.stdout


# ---------------------------------------------------------------- JAX


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
    f, g = pg.interop.jax.wrap(general, within), in_jax(jax)
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


def test_jax_vmap_of_what_cannot_be_batched(jax, not_batched):
    f = pg.interop.jax.wrap(not_batched.f)
    found = jax.vmap(jax.grad(lambda x: f(x).sum()))(X)
    np.testing.assert_allclose(found, np.sin(X) + X * np.cos(X))
    assert set(not_batched.calls) == {(4,)}
    assert jax.vmap(f)(np.zeros((0, 4))).shape == (0, 4)


def test_jax_shapes_that_ones_do_not_tell(jax):
    def f(a):
        return np.log(np.linalg.det(np.linalg.cholesky(a)))  # ones are singular

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


# ---------------------------------------------------------------- where a function computes


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_by_default_in_numpy_or_where_the_function_can(library):
    """A constant of NumPy's and one of the host's, without being told which."""
    module = needs(library)
    needs("array_api_strict")
    host = module if library == "torch" else module.numpy
    wrap, seen = getattr(pg.interop, library).wrap, []

    def f(constant):
        def weighted(x):
            seen.append(type(x.data).__module__.split(".")[0])
            return pg.sum(pg.sin(x) * constant)

        return weighted

    def gradient(f):
        if library == "jax":
            return module.jit(module.grad(f))(host.asarray(X))
        return module.func.grad(f)(host.asarray(X))

    for constant in (X, host.asarray(X)):
        np.testing.assert_allclose(gradient(wrap(f(constant))), np.cos(X) * X)
    assert seen[0] == "numpy" and seen[-1] != "numpy"
    seen.clear()
    again = wrap(f(host.asarray(X)))
    gradient(again), gradient(again)
    assert seen.count("numpy") == 1  # it is known from then on
    with pytest.raises(pg.MixedBackendsError):
        wrap(f(host.asarray(X)), "numpy")(host.asarray(X))
    with pytest.raises(TypeError, match="computes in numpy, and returned"):
        wrap(lambda x: pg.namespace("strict").ones(2).data)(host.asarray(X))
