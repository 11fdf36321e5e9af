"""`pg.interop`: functions of ours in torch's and JAX's own autograd, against theirs."""

from __future__ import annotations

import doctest
import subprocess
import sys

import numpy as np
import pytest

import pluggrad as pg
from tests.support.examples import EXAMPLES, load_example
from tests.support.functions import function_that_vmap_cannot_batch, several_results
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


# ---------------------------------------------------------------- torch


@pytest.fixture
def torch():
    return needs("torch")


@pytest.fixture(params=["torch", "numpy", "strict", "jax"])
def inside(request, torch):
    """A backend that computes inside torch."""
    needs(request.param)
    return request.param


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
    f = flat(pg.interop.torch.wrap(several_results, backend=inside))
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
    f, g = pg.interop.torch.wrap(several_results, inside), in_torch(torch)
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


def test_torch_vmap_of_what_cannot_be_batched(torch):
    not_batched = function_that_vmap_cannot_batch()
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
