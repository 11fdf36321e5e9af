"""What each backend must get right, and what it answers where its library is particular."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.backends import ALL
from tests.support.optional import is_installed, needs, skip_without, skipped_if_missing


@pytest.fixture(params=skipped_if_missing(ALL))
def name(request):
    return request.param


@pytest.fixture
def raw(name):
    """A function that makes a raw array of the backend."""
    namespace = pg.namespace(name)

    def make(values, dtype=None):
        values = np.asarray(values)
        if dtype is None and values.dtype.kind == "i":
            return namespace.asarray(values).data
        return namespace.asarray(values.astype(dtype or "float64")).data

    return make


def values(v) -> np.ndarray:
    return np.asarray(Variable(v.data if isinstance(v, Variable) else v).tolist())


def equal(v, right, **kwargs):
    np.testing.assert_allclose(values(v), np.asarray(right), rtol=1e-10, atol=1e-12, **kwargs)


A = np.random.default_rng(0).normal(size=(4, 3))


# ---------------------------------------------------------------- the engine on each library


def test_backward_grad_and_jvp(raw):
    x = Variable(raw([1.0, 2.0, 3.0]), requires_grad=True)
    pg.sum(pg.sin(x) * x * 2.0 + x).backward()
    at = np.asarray([1.0, 2.0, 3.0])
    equal(x.grad, 2 * np.sin(at) + 2 * at * np.cos(at) + 1)
    cube = lambda t: pg.sum(t**3)
    g = pg.grad(cube)(raw([1.0, 2.0]))
    assert type(g) is type(raw([1.0]))
    equal(g, [3, 12])
    _, t = pg.jvp(pg.grad(cube), (raw([1.0, 2.0]),), (raw([1.0, 1.0]),))
    equal(t, [6, 12])
    equal(pg.grad(lambda t: t * pg.grad(lambda s: t * s)(raw(1.0)))(raw(3.0)), 6)
    along = lambda t: pg.jvp(cube, (t,), (raw([1.0, 1.0]),))[1]
    equal(pg.grad(along)(raw([1.0, 2.0])), [6, 12])


def test_zero_dimensions_float32_and_complex(raw):
    x = Variable(raw(3.0), requires_grad=True)
    (g,) = pg.autograd.grad(x**3, x, create_graph=True)
    (h,) = pg.autograd.grad(g, x)
    equal(h, 18)
    x = Variable(raw([1.0, 2.0], "float32"), requires_grad=True)
    pg.sum(pg.exp(x) / x).backward()
    assert "float32" in str(x.grad.dtype)
    z = Variable(raw([1 + 2j], "complex128"), requires_grad=True)
    pg.sum(pg.real(z * z)).backward()
    equal(z.grad, [2 - 4j])


def test_element_loop_and_writes(raw, name):
    x = Variable(raw(np.arange(4.0)), requires_grad=True)
    total = 0.0
    for i in range(4):
        total = total + x[i] * x[i]
    total.backward()
    equal(x.grad, [0, 2, 4, 6])
    w = Variable(raw([0.5, 0.25]), requires_grad=True)
    with pg.use(name):
        u = pg.zeros((3, 2), dtype=w.dtype)
    u[0] = w
    for k in range(2):
        u[k + 1] = u[k] * u[k]
    pg.sum(u).backward()
    at = np.asarray([0.5, 0.25])
    equal(w.grad, 1 + 2 * at + 4 * at**3)
    with pg.no_grad():
        w -= 0.1 * w.grad
    assert w.is_leaf
    assert w.requires_grad
    equal(w, at - 0.1 * (1 + 2 * at + 4 * at**3))


KEYS = [
    slice(None, None, -1), (0,), (slice(1, 3), 1), (Ellipsis, 2), (None, 1), -1, Ellipsis,
    (slice(None), slice(2, None, -2)), (1, slice(None, None, -1)), (slice(3, 0, -1), None, 0),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_basic_keys(raw, key):
    weight = np.arange(1.0, 1 + A[key].size).reshape(A[key].shape)
    x = Variable(raw(A), requires_grad=True)
    equal(x[key], A[key])
    x[key].backward(gradient=raw(weight))
    expected = np.zeros_like(A)
    expected[key] = weight
    equal(x.grad, expected)
    (g,) = pg.autograd.grad(pg.sum(x[key] ** 3), x, create_graph=True)
    (h,) = pg.autograd.grad(pg.sum(g * raw(A)), x)
    expected[key] = (6 * A * A)[key]
    equal(h, expected)
    w = Variable(raw(weight), requires_grad=True)
    u = Variable(raw(A))
    u[key] = w * 2.0
    written = A.copy()
    written[key] = 2 * weight
    equal(u, written)
    pg.sum(u * u).backward()
    equal(w.grad, 8 * weight)


INTEGERS = [
    ([0, 2, 0], [1, 1, 1]), ([0, 2, 0], 1), ([0, 2, 0],), (slice(None), [0, 2, 0]),
    (slice(1, 3), [0, 2, 0]), ([[0, 1], [1, 0]],),
]  # fmt: skip


@pytest.mark.parametrize("key", INTEGERS, ids=str)
def test_integer_keys_with_duplicates(raw, name, key):
    """Reads add up; of several writes to one place the last wins, and only it gets a gradient."""
    if name == "strict" and (len(key) == 1 or isinstance(key[0], slice)):
        pytest.skip("not in the standard")
    host = tuple([np.asarray(k) if isinstance(k, list) else k for k in key])
    theirs = tuple([raw(k) if isinstance(k, np.ndarray) else k for k in host])
    weight = np.arange(1.0, 1 + A[host].size).reshape(A[host].shape)
    x = Variable(raw(A), requires_grad=True)
    (pg.sum(x[theirs] * raw(weight)) + pg.sum(x[theirs] * x[theirs]) + pg.sum(x[0, :])).backward()
    expected = np.zeros_like(A)
    np.add.at(expected, host, weight + 2 * A[host])
    expected[0] += 1
    equal(x.grad, expected)
    w, u = Variable(raw(weight), requires_grad=True), Variable(raw(A), requires_grad=True)
    y = u * 1.0
    y[theirs] = w
    places = np.arange(A.size).reshape(A.shape)[host].ravel()
    lasting = [place not in places[n + 1 :] for n, place in enumerate(places)]
    written, untouched = A.copy(), np.ones_like(A)
    for place, value in zip(places, weight.ravel(), strict=True):
        written.flat[place], untouched.flat[place] = value, 0
    equal(y, written)
    pg.sum(y).backward()
    equal(w.grad, np.reshape(lasting, weight.shape))
    equal(u.grad, untouched)


def test_masks(raw):
    mask = pg.greater(raw(A), 0)
    x = Variable(raw(A), requires_grad=True)
    pg.sum(x[mask] ** 2).backward()
    equal(x.grad, np.where(A > 0, 2 * A, 0))
    x = Variable(raw(A), requires_grad=True)
    y = x * 1.0
    y[mask] = 2.0
    pg.sum(y * y).backward()
    equal(x.grad, np.where(A > 0, 0, 2 * A))


@pytest.mark.parametrize("function", ["maximum", "minimum", "pow", "hypot", "add", "atan2"])
def test_python_scalars_in_functions(raw, function):
    at = np.asarray([1.0, 2.0])
    ours = getattr(pg, function)
    theirs = getattr(np, {"pow": "power", "atan2": "arctan2"}.get(function, function))
    for args in ((0, 1.5), (1.5, 0)):
        x = Variable(raw(at), requires_grad=True)
        y = ours(*[a if a else x for a in args])
        equal(y, theirs(*[a if a else at for a in args]))
        pg.sum(y).backward()
        step = 1e-6
        up, down = (theirs(*[a if a else at + s for a in args]) for s in (step, -step))
        np.testing.assert_allclose(values(x.grad), (up - down) / (2 * step), atol=1e-7)
    equal(np.float64(2) * Variable(raw(at)), 2 * at)
    equal(Variable(raw(at)) * np.float32(2), 2 * at)


def test_mixed_backends(raw, name):
    v = Variable(raw([1.0, 2.0]), requires_grad=True)
    other = "strict" if name in ("numpy", "jax") else "numpy"  # JAX takes NumPy's
    if not is_installed(other):
        pytest.skip("one library alone cannot be mixed")
    foreign = pg.namespace(other).ones(2, dtype=pg.namespace(other).float64)
    for attempt in (lambda: v + foreign, lambda: pg.add(v, foreign.data), lambda: v @ foreign):
        with pytest.raises(pg.MixedBackendsError, match="lift") as caught:
            attempt()
        assert isinstance(caught.value, TypeError)
    equal(v + pg.lift(foreign, like=v), [2, 3])


def test_table_of_backends(name):
    facts = pg.backends()[name]
    assert facts["installed"]
    assert facts["version"][0].isdigit()
    assert facts["devices"]
    assert facts["capabilities"]["writable"] is (name != "jax")


def test_unknown_backend_names_what_there_is():
    for attempt in (lambda: pg.namespace("nosuch"), lambda: pg.set_default_backend("nosuch")):
        with pytest.raises(pg.BackendError, match=r"nosuch.*numpy"):
            attempt()


def test_import_brings_in_no_array_library_but_numpy():
    code = (
        "import sys, pluggrad, pluggrad_numpy, pluggrad_torch, pluggrad_jax, pluggrad_strict, "
        "pluggrad.tools.cli\npluggrad.zeros(3)\n"
        "print([m for m in ('torch', 'jax', 'scipy', 'array_api_strict') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_a_plugin_from_elsewhere():
    """The door that our own backends use, with nothing but a name and a namespace."""
    strict = needs("array_api_strict")

    class Bare(pg.Adapter):
        name = "bare"
        modules = ("nothing_of_this_name",)

        def namespace(self):
            return strict

        def version(self):
            return "1"

    pg.register_backend(Bare())
    with pg.use("bare"):
        v = pg.asarray([1.0, 2.0])
    assert pg.backends()["bare"]["version"] == "1"
    assert v.tolist() == [1.0, 2.0]


# ---------------------------------------------------------------- devices


@skip_without("array_api_strict")
def test_results_stay_on_their_device():
    import array_api_strict as xp

    device = xp.Device("device1")
    x = Variable(xp.ones(3, device=device), requires_grad=True)
    w = Variable(xp.ones((3, 2), device=device), requires_grad=True)
    pg.sum(pg.tanh(x @ w) * 2.0 + x[1]).backward()
    assert x.grad.device == w.grad.device == device
    y = x * 1.0
    y[xp.asarray([0, 0], device=device)] = 3.0
    assert pg.autograd.grad(pg.sum(y), x)[0].device == device


@skip_without("array_api_strict")
def test_mixed_devices():
    import array_api_strict as xp

    x = Variable(xp.ones(3, device=xp.Device("device1")), requires_grad=True)
    here = Variable(xp.ones(3), requires_grad=True)
    for attempt in (
        lambda: x + here, lambda: pg.multiply(x, xp.ones(3)), lambda: pg.concat([x, here]),
        lambda: (x * 2.0).backward(gradient=xp.ones(3)),
    ):  # fmt: skip
        with pytest.raises(pg.MixedDevicesError, match=r"device1.*to_device"):
            attempt()
    assert x.grad is None


@pytest.mark.cuda
@skip_without("torch")
def test_torch_on_cuda():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rows = torch.asarray([0, 2, 0], device="cuda")
    a = torch.asarray(A, device="cuda")
    x = Variable(a, requires_grad=True)
    y = x * 1.0
    y[0] = x[1] * 2.0
    pg.sum(pg.sin(y[rows, :]) @ pg.ones_like(y).mT + y[::-1, :][0, 0]).backward()
    t = a.clone().requires_grad_()
    u = t * 1.0
    u[0] = t[1] * 2.0
    (torch.sin(u[rows]) @ torch.ones_like(u).mT + u.flip(0)[0, 0]).sum().backward()
    assert x.grad.device == a.device
    torch.testing.assert_close(x.grad.data, t.grad)
    with pytest.raises(pg.MixedDevicesError, match="cuda"):
        x + Variable(torch.asarray(A))
    assert torch.device("cuda", 0) in pg.backends()["torch"]["devices"]


# ---------------------------------------------------------------- host transforms see through


def curve(a):
    return pg.sum(a[0] * pg.sin(a) + pg.sum(a[1:]) * a[::-1])


def squares(a):
    """Writes, a loop and backward(), inside a host transform."""
    v = Variable(a, requires_grad=True)
    u = v * 0.0
    for i in range(3):
        u[i] = v[i] ** 2
    pg.sum(u * u).backward()
    return v.grad.data


@skip_without("torch")
def test_torch_func_tracers():
    import torch

    x = torch.asarray([1.0, 2.0, 3.0], dtype=torch.float64)
    native = lambda a: (a[0] * torch.sin(a) + a[1:].sum() * a.flip(0)).sum()
    first = torch.func.grad(native)(x)
    second = torch.func.grad(lambda q: torch.func.grad(native)(q).sum())(x)
    torch.testing.assert_close(pg.grad(curve)(x), first)
    torch.testing.assert_close(torch.func.grad(lambda q: pg.grad(curve)(q).sum())(x), second)
    batch = torch.stack([x, 2 * x])
    torch.testing.assert_close(torch.func.vmap(squares)(batch), 4 * batch**3)
    torch.testing.assert_close(torch.func.vmap(pg.grad(curve))(torch.stack([x, x]))[1], first)


@skip_without("torch")
def test_tracked_torch_tensor_is_refused():
    import torch

    leaf = torch.ones(3, requires_grad=True)
    for tensor in (leaf, leaf * 2):
        with pytest.raises(TypeError, match="detach") as caught:
            Variable(tensor, requires_grad=True)
        assert isinstance(caught.value, pg.PluggradError)
    assert not Variable(leaf).requires_grad
    assert Variable(leaf.detach(), requires_grad=True).requires_grad


@skip_without("jax")
def test_jax_tracers():
    import jax
    import jax.numpy as jnp

    x = jnp.asarray([1.0, 2.0, 3.0])
    native = lambda a: jnp.sum(a[0] * jnp.sin(a) + jnp.sum(a[1:]) * a[::-1])
    first = jax.grad(native)(x)
    second = jax.grad(lambda q: jnp.sum(jax.grad(native)(q)))(x)
    np.testing.assert_allclose(pg.grad(curve)(x), first)
    np.testing.assert_allclose(jax.jit(pg.grad(curve))(x), first)
    np.testing.assert_allclose(jax.grad(lambda q: jnp.sum(pg.grad(curve)(q)))(x), second)
    np.testing.assert_allclose(jax.jit(squares)(x), 4 * x**3)
    by_place = jax.jit(lambda a, i: pg.grad(lambda t: pg.sum(t[i] ** 2))(a))
    np.testing.assert_allclose(by_place(x, jnp.asarray([0, 0, 2])), [4.0, 0.0, 6.0])


@skip_without("jax")
def test_jax_index_out_of_bounds():
    import jax.numpy as jnp

    with pytest.raises(IndexError, match="out of bounds") as caught:
        Variable(jnp.ones(3), requires_grad=True)[3]
    assert isinstance(caught.value, pg.PluggradError)


# ---------------------------------------------------------------- NumPy's own functions

X, Z = np.random.default_rng(1).uniform(0.5, 2.0, (2, 4, 3))
NUMPY = """
np.sin(x) | np.square(x) | np.exp2(x) | np.deg2rad(x) | np.arctan2(x, z) | np.power(x, 2)
np.sum(x) | np.sum(x, 0) | np.sum(x, axis=1, keepdims=True) | np.mean(x, (0, 1)) | np.prod(x, 1)
np.max(x, 0) | np.amin(x) | np.std(x, 0) | np.var(x, axis=1, ddof=1) | np.ptp(x, 0)
np.where(x > 1, x, 0.0) | np.where(c, x, z) | np.clip(x, 0.7, 1.5) | np.maximum(x, 1.0)
np.concatenate([x, z]) | np.concatenate([x, z], 1) | np.concatenate([x, z], axis=None)
np.stack([x, z], -1) | np.vstack([x, z]) | np.hstack([x, z]) | np.column_stack([x, z])
np.reshape(x, (3, 4)) | np.reshape(x, -1) | np.ravel(x) | np.transpose(x) | np.transpose(x, (1, 0))
np.swapaxes(x, 0, 1) | np.moveaxis(x, 0, 1) | np.expand_dims(x, 0) | np.squeeze(x[None])
np.broadcast_to(x, (2, 4, 3)) | np.flip(x) | np.flip(x, 0) | np.fliplr(x) | np.roll(x, 1, 0)
np.repeat(x, 2) | np.repeat(x, 2, axis=0) | np.tile(x, (2, 1)) | np.take(x, i, axis=0)
np.cumsum(x) | np.cumsum(x, 1) | np.cumprod(x, axis=0) | np.diff(x, axis=0) | np.round(x, 1)
np.dot(x, z.T) | np.dot(x[0], z[0]) | np.inner(x, z) | np.vdot(x, z) | np.tensordot(x, z, 2)
np.tensordot(x, z, axes=([0], [0])) | np.average(x, 0) | np.tril(x) | np.diag(x[0]) | np.copy(x)
np.zeros_like(x) | np.full_like(x, 2.0) | np.split(x, 2) | np.atleast_2d(x[0]) | np.real(x)
np.add.reduce(x) | np.add.reduce(x, 1) | np.multiply.accumulate(x, 0) | np.logaddexp2(x, z)
np.float64(2) * x | a * x | x * a | a @ x.T | a - x | a / x | np.add(a, x) | np.fmax(x, z)
np.shape(x) | np.ndim(x) | np.size(x) | np.iscomplexobj(x) | np.array_equal(x, x) | np.isnan(x)
np.allclose(x, z) | np.argmax(x, 0) | np.any(x > 1) | np.count_nonzero(x > 1, axis=0)
"""


def expressions(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n", "|").split("|") if part.strip()]


def parts(y) -> list[np.ndarray]:
    whole = isinstance(y, (tuple, list)) and not (y and isinstance(y[0], int))
    return [values(v) if isinstance(v, Variable) else np.asarray(v) for v in (y if whole else [y])]


@pytest.mark.parametrize("expression", expressions(NUMPY))
def test_numpy_function_on_variables(expression):
    scope = {"np": np, "a": Z, "c": X > 1, "i": np.asarray([0, 2])}
    right = eval(expression, scope, {"x": X, "z": Z})
    x, z = Variable(X, requires_grad=True), Variable(Z, requires_grad=True)
    y = eval(expression, scope, {"x": x, "z": z})
    for mine, theirs in zip(parts(y), parts(right), strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


@pytest.mark.parametrize(
    "expression",
    ["np.sum(np.sin(x) * a)", "np.mean(a / x)", "np.linalg.norm(x.ravel() * 1.0)",
     "np.sum(np.concatenate([x, x * x], 1) ** 2)", "np.sum(np.dot(x, a.T) ** 2)",
     "np.add.reduce(x * x, None)", "np.sum(np.where(x > 1, x * x, 3 * x))"],
)  # fmt: skip
def test_numpy_function_gradients(expression):
    scope = {"np": np, "a": Z}
    x = Variable(X, requires_grad=True)
    eval(expression, scope, {"x": x}).backward()
    expected, step = np.zeros_like(X), 1e-6
    for place in np.ndindex(X.shape):
        shift = np.zeros_like(X)
        shift[place] = step
        up, down = (eval(expression, scope, {"x": X + s}) for s in (shift, -shift))
        expected[place] = (up - down) / (2 * step)
    np.testing.assert_allclose(values(x.grad), expected, rtol=1e-6, atol=1e-7)


BREAKS = """
a.__iadd__(x) | np.add(x, 1, out=a) | np.copyto(a, x) | np.add.at(a, 0, x[0])
np.put(a, [0], x[0, 0]) | a.__setitem__(0, x[0]) | np.asarray(x) | np.sum(x, out=np.zeros(()))
"""


@pytest.mark.parametrize("expression", expressions(BREAKS))
def test_tracked_variables_are_not_written_into_numpy_arrays(expression):
    a = Z.copy()
    scope = {"np": np, "a": a, "x": Variable(X, requires_grad=True)}
    with pytest.raises(pg.GraphBreakError, match="detach") as caught:
        eval(compile(expression, "their_file.py", "eval"), scope)
    assert isinstance(caught.value, RuntimeError)
    assert "their_file.py:1" in str(caught.value)
    np.testing.assert_array_equal(a, Z)
    with pg.graph_breaks("ignore"):
        eval(expression, scope)
    eval(expression, {**scope, "x": scope["x"].detach()})


def test_unsupported_numpy_functions_name_themselves():
    x = Variable(X, requires_grad=True)
    for attempt, named in (
        (lambda: np.packbits(x), "numpy.packbits"),
        (lambda: np.sort(x, order="name"), "numpy.sort.order"),
        (lambda: np.frompyfunc(abs, 1, 1)(x), "abs"),
    ):
        with pytest.raises(pg.UnsupportedError, match=named):
            attempt()


@skip_without("torch")
def test_numpy_function_over_another_library():
    import torch

    v = Variable(torch.asarray(X), requires_grad=True)
    y = np.sum(v)
    assert isinstance(y.data, torch.Tensor)
    equal(y, X.sum())
    y.backward()
    equal(v.grad, np.ones_like(X))
    equal(np.float64(2) * v, 2 * X)


# ---------------------------------------------------------------- torch's own functions

TORCH = """
torch.sin(x) | torch.square(x) | torch.rsqrt(x) | torch.sigmoid(x) | torch.neg(x)
torch.relu(x - 1)
torch.mm(x, z.T) | torch.matmul(x, a.T) | torch.bmm(x[None], z.T[None]) | torch.mv(x, z[0])
torch.dot(x[0], z[0]) | torch.tensordot(x, z, 2) | torch.nn.functional.linear(x, z)
torch.add(x, z, alpha=2) | torch.sub(a, x) | torch.rsub(x, z)
torch.div(x, z, rounding_mode="floor")
torch.mul(x, 2) | torch.pow(x, 2) | torch.pow(2.0, x) | torch.maximum(x, z) | torch.atan2(x, z)
a * x | a + x | a - x | a / x | a ** x | a @ x.T | a // x | a % x | a < x | a == x | a.mul(x)
torch.eq(x, z) | torch.logical_and(x > 1, z > 1) | torch.where(a > 1, x, z)
torch.where(a > 1, x, 0.0)
torch.sum(x) | torch.sum(x, 0) | torch.sum(x, dim=[0, 1]) | torch.mean(x, 1, True)
torch.prod(x, 0)
torch.amax(x, 0) | torch.max(x) | torch.max(x, z) | torch.std(x) | torch.var(x, 1)
torch.var(x, dim=0, unbiased=False) | torch.var(x, 0, correction=0) | torch.argmax(x, 1)
torch.cat([x, a]) | torch.cat([x, z], dim=1) | torch.stack([x, z]) | torch.stack((x, z), 1)
torch.reshape(x, (3, 4)) | torch.permute(x, (1, 0)) | torch.transpose(x, 0, 1) | torch.t(x)
torch.unsqueeze(x, 0) | torch.squeeze(torch.unsqueeze(x, 0)) | torch.flatten(x) | torch.flip(x, [0])
torch.roll(x, 1, 0) | torch.clamp(x, 0.7, 1.5) | torch.clamp(x, min=1.0) | torch.cumsum(x, 0)
torch.cumprod(x, dim=1) | torch.tril(x) | torch.ones_like(x) | torch.full_like(x, 3.0)
torch.softmax(x, 1) | torch.log_softmax(x, 1) | torch.nn.functional.softmax(x, dim=0)
torch.broadcast_to(x, (2, 4, 3)) | torch.unbind(x) | torch.diff(x, dim=0)
torch.index_select(x, 0, i)
torch.numel(x) | torch.is_floating_point(x) | torch.allclose(x, z) | torch.equal(x, x)
torch.round(x, decimals=1) | torch.lerp(x, z, 0.5) | torch.clone(x) | torch.detach(x)
"""


@skip_without("torch")
@pytest.mark.parametrize("expression", expressions(TORCH))
def test_torch_function_on_variables(expression):
    import torch

    x, z = torch.asarray(X), torch.asarray(Z)
    scope = {"torch": torch, "a": z, "i": torch.asarray([0, 2])}
    t, u = x.clone().requires_grad_(), z.clone().requires_grad_()
    right = eval(expression, scope, {"x": t, "z": u})
    v, w = Variable(x, requires_grad=True), Variable(z, requires_grad=True)
    y = eval(expression, scope, {"x": v, "z": w})
    pairs = list(zip(y, right, strict=True)) if isinstance(y, tuple) else [(y, right)]
    for mine, theirs in pairs:
        if isinstance(mine, Variable):
            torch.testing.assert_close(mine.data, theirs.detach())
        else:
            assert mine == theirs
    mine, theirs = pairs[-1]
    # torch's own floor_divide has a grad_fn, and no derivative.
    if isinstance(mine, Variable) and theirs.requires_grad and "//" not in expression:
        g = torch.sin(torch.arange(theirs.numel(), dtype=torch.float64)).reshape(theirs.shape)
        mine.backward(gradient=g)
        theirs.backward(gradient=g)
        for ours, grad in ((v.grad, t.grad), (w.grad, u.grad)):
            assert (ours is None) == (grad is None)
            if grad is not None:
                torch.testing.assert_close(ours.data, grad)


@skip_without("torch")
def test_torch_autograd_functions():
    import torch

    x = Variable(torch.asarray(X), requires_grad=True)
    (g,) = torch.autograd.grad(torch.sum(x**3), x, create_graph=True)
    (h,) = torch.autograd.grad(g, x, grad_outputs=torch.ones_like(x))
    equal(h, 6 * X)
    if "has_torch_function" in torch.autograd.backward.__code__.co_names:  # not so in torch 2.10
        torch.autograd.backward(torch.sum(x**2))
        equal(x.grad, 2 * X)


@skip_without("torch")
def test_tracked_variables_are_not_written_into_tensors():
    import torch

    v = Variable(torch.asarray(X), requires_grad=True)
    for write in ("t.__setitem__(0, v[0])", "t.add_(v)", "torch.add(v, 1, out=t)", "t.copy_(v)"):
        t = torch.asarray(Z)
        with pytest.raises(pg.GraphBreakError, match=r"their_file.py:1"):
            eval(compile(write, "their_file.py", "eval"), {"t": t, "v": v, "torch": torch})
        assert torch.equal(t, torch.asarray(Z))
        with pg.graph_breaks("ignore"):
            eval(write, {"t": t.clone(), "v": v, "torch": torch})
    t = torch.asarray(Z).clone()
    t[0] = v.detach()[0]
    torch.testing.assert_close(t[0], torch.asarray(X[0]))


@skip_without("torch")
def test_unsupported_torch_functions_name_themselves():
    import torch

    v = Variable(torch.asarray(X), requires_grad=True)
    with pytest.raises(pg.PluggradError, match=r"torch\.nn\.functional\.conv2d|conv2d"):
        torch.nn.functional.conv2d(v, v)
    with pytest.raises(pg.UnsupportedError, match=r"torch.sin .*numpy.*pluggrad"):
        torch.sin(Variable(X))
