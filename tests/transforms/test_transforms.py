"""Jacobians, Hessians and linear maps: against jax doing the same, nested and in pytrees."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import backend_of, get_backend
from tests.support.arrays import closeness, convert, to_numpy
from tests.support.backends import INSTALLED, every_backend
from tests.support.examples import load_example
from tests.support.optional import is_installed, needs, skip_without

RNG = np.random.default_rng(0)
W = RNG.standard_normal((4, 3))
X = RNG.standard_normal(3)
B = RNG.standard_normal((2, 3))


close = closeness(rtol=1e-9, atol=1e-9, same_type=True)


def close_trees(got: Any, expected: Any) -> None:
    import optree

    a, spec_a = optree.tree_flatten(got)
    b, spec_b = optree.tree_flatten(expected)
    assert spec_a == spec_b
    for x, y in zip(a, b, strict=True):
        close(x, y)


def jax_tree(tree: Any) -> Any:
    import jax

    return jax.tree.map(np.asarray, tree)


def functions(xp: Any, w: Any) -> dict[str, Any]:
    """From vectors of three: to a vector, a matrix, a number, nothing, a pytree."""
    return {
        "vector": lambda x: xp.tanh(w @ x) * xp.sum(x),
        "matrix": lambda x: xp.sin(x[:, None] * x[None, :]) * xp.exp(x),
        "number": lambda x: xp.sum(xp.cos(w @ (x * x))),
        "empty": lambda x: x[:0] * 2.0,
        "partly constant": lambda x: {"a": xp.sum(x) * x[1], "b": (x * x[0], w[0] * 1.0)},
    }


NAMES = list(functions(np, W))


@every_backend
@pytest.mark.parametrize("transform", ["jacrev", "jacfwd", "hessian"])
@pytest.mark.parametrize("name", NAMES)
def test_against_jax(name: str, transform: str, backend: str) -> None:
    jax = needs("jax")
    import jax.numpy as jnp

    if transform == "hessian" and name == "empty":
        pytest.skip("nothing to see")
    x, w = convert(X, backend), convert(W, backend)
    w = pg.Variable(w)
    with pg.graph_breaks("ignore"):
        got = getattr(pg, transform)(functions(pg, w)[name])(x)
    expected = getattr(jax, transform)(functions(jnp, jnp.asarray(W))[name])(jnp.asarray(X))
    close_trees(got, jax_tree(expected))
    raw = got["a"] if isinstance(got, dict) else got
    assert type(raw) is type(x)


@pytest.mark.parametrize("transform", ["jacrev", "jacfwd", "hessian"])
def test_pytrees_argnums_and_aux_against_jax(transform: str) -> None:
    jax = needs("jax")

    def make(xp: Any) -> Any:
        def f(tree: Any, b: Any, n: Any, *, scale: Any) -> Any:
            y = xp.sum(tree["w"] @ xp.sin(b)) * tree["u"][0] * scale
            return {"y": y, "z": (xp.exp(b) * n,)}, (y * 2.0, "note")

        return f

    tree = {"w": W, "u": (np.asarray(0.5),)}
    for argnums in (0, 1, (0, 1), (1, 0), -2):
        got, aux = getattr(pg, transform)(make(pg), argnums, has_aux=True)(tree, X, 3.0, scale=2.0)

        def g(*args: Any, argnums: Any = argnums) -> Any:
            return make(jax.numpy)(*args, scale=2.0)[0]

        expected = getattr(jax, transform)(g, argnums)(tree, X, 3.0)
        close_trees(got, jax_tree(expected))
        value, note = aux
        close(value, make(np)(tree, X, 3.0, scale=2.0)[1][0])
        assert note == "note"


@skip_without("torch")
@pytest.mark.parametrize("transform", ["jacrev", "jacfwd"])
@pytest.mark.parametrize("number", range(4))
def test_complex_numbers_follow_backward(transform: str, number: int) -> None:
    import torch

    def make(xp: Any) -> Any:
        return [
            lambda z: xp.exp(z) * z,
            lambda z: xp.conj(z) * z[0],
            lambda z: xp.real(z) * 2.0 + xp.abs(z) ** 2,
            lambda z: (xp.real(z) + 0j) * z,
        ][number]

    z = X + 1j * B[0]
    got = getattr(pg, transform)(make(pg))(z)
    leaf = torch.tensor(z, requires_grad=True)
    y = make(torch)(leaf)
    rows = [torch.autograd.grad(v, leaf, torch.ones_like(v), retain_graph=True)[0] for v in y]
    close(got, torch.stack(rows).resolve_conj().numpy())
    if number == 0:  # holomorphic: the conjugate of JAX's
        close(got, np.diag(np.conj(np.exp(z) * (1 + z))))
    both = getattr(pg, transform)(lambda z, x: make(pg)(z) * x, (0, 1))(z, X)
    assert both[0].dtype == z.dtype
    close(both[0], got * X[:, None])


def test_a_complex_function_of_real_numbers() -> None:
    close(pg.jacfwd(lambda x: pg.exp(x * 1j))(X), np.diag(1j * np.exp(1j * X)))
    close(pg.jacrev(lambda x: pg.exp(x * 1j))(X), np.diag(1j * np.exp(1j * X)))


HOLOMORPHIC = {
    "grad": lambda lib, xp: lib.grad(lambda z: xp.sum(z**3 * xp.exp(z)), holomorphic=True),
    "value_and_grad": lambda lib, xp: lib.value_and_grad(
        lambda z: (xp.sum(z * z * z[0]), 2 * z), has_aux=True, holomorphic=True
    ),
    "twice": lambda lib, xp: lib.grad(
        lambda z: xp.sum(lib.grad(lambda z: xp.sum(z**4), holomorphic=True)(z) ** 2),
        holomorphic=True,
    ),
    "jacrev": lambda lib, xp: lib.jacrev(lambda z: xp.sin(z) * z[0], holomorphic=True),
    "jacfwd": lambda lib, xp: lib.jacfwd(lambda z: xp.sin(z) * z[0], holomorphic=True),
    "hessian": lambda lib, xp: lib.hessian(lambda z: xp.sum(xp.sin(z) * z[0]), holomorphic=True),
}


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_holomorphic_functions_have_the_derivatives_of_jax(name: str) -> None:
    jax = needs("jax")
    z = X[:2] + 1j * B[0, :2]
    expected = jax_tree(HOLOMORPHIC[name](jax, jax.numpy)(z))
    for backend in INSTALLED:
        close_trees(HOLOMORPHIC[name](pg, pg)(convert(z, backend)), expected)
    for f, x in ((pg.sum, X), (lambda z: pg.sum(pg.abs(z)), z)):
        for transform in (pg.grad, pg.jacrev, pg.jacfwd, pg.hessian):
            with pytest.raises(TypeError, match="holomorphic"):
                transform(f, holomorphic=True)(x)


@every_backend
def test_numbers_that_are_returned_become_arrays_of_the_arguments_library(backend: str) -> None:
    x = convert(X.astype(np.float32), backend)

    def f(x: Any) -> Any:
        return {"y": x * 2.0, "constant": 3.0}

    with pg.graph_breaks("ignore"):
        found = {
            "vjp": pg.vjp(f, x)[0]["constant"],
            "value": pg.value_and_grad(lambda x: 3.0)(x)[0],
            "jvp": pg.jvp(f, (x,), (x,))[0]["constant"],
        }
        zeros = {
            "jvp": pg.jvp(f, (x,), (x,))[1]["constant"],
            "linearize": pg.linearize(f, x)[1](x)["constant"],
            "jacrev": pg.jacrev(f)(x)["constant"],
            "jacfwd": pg.jacfwd(f)(x)["constant"],
            "alone": pg.jacfwd(lambda x: 3.0)(x),
            "hvp": pg.hvp(lambda x: 3.0, (x,), (x,)),
        }
    for y in found.values():
        assert backend_of(y) is backend_of(x) and y.dtype == x.dtype
        assert float(y) == 3.0
    for y in zeros.values():
        assert backend_of(y) is backend_of(x) and y.dtype == x.dtype
        assert not to_numpy(y).any()


@every_backend
def test_numbers_beside_arrays_are_of_their_library(backend: str) -> None:
    x = convert(X.astype(np.float32), backend)

    def f(x: Any, rate: Any, *, scale: Any = 1.0) -> Any:
        return pg.sum(x * x) * rate**2 * scale

    norm = np.sum(X * X)
    value, (g, by_rate) = pg.value_and_grad(f, (0, 1))(x, 0.5)
    found = {
        "grad": (by_rate, norm),
        "value": (value, norm / 4),
        "keyword": (pg.grad(lambda rate, *, x: f(x, rate))(0.5, x=x), norm),
        "tree": (pg.grad(lambda t: f(t["x"], t["rate"]))({"x": x, "rate": 0.5})["rate"], norm),
        "vjp": (pg.vjp(f, x, 0.5)[1](1.0)[1], norm),
        "jvp": (pg.jvp(f, (x, 0.5), (x * 0.0, 1.0))[1], norm),
        "linearize": (pg.linearize(f, x, 0.5)[1](x * 0.0, 1.0), norm),
        "jacrev": (pg.jacrev(f, 1)(x, 0.5), norm),
        "jacfwd": (pg.jacfwd(f, 1)(x, 0.5, scale=2.0), 2 * norm),
        "hessian": (pg.hessian(f, 1)(x, 0.5), 2 * norm),
        "hvp": (pg.hvp(f, (x, 0.5), (x * 0.0, 1.0))[1], 2 * norm),
    }
    np.testing.assert_allclose(to_numpy(g), 0.5 * X, rtol=1e-5)
    for name, (got, expected) in found.items():
        assert backend_of(got) is backend_of(x) and got.dtype == x.dtype, name
        np.testing.assert_allclose(to_numpy(got), expected, rtol=1e-5, err_msg=name)


def test_a_hessian_of_zero_is_nothing_to_warn_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(pg.hessian(lambda x: pg.sum(W @ x))(X), np.zeros((3, 3)))
        close(pg.hvp(lambda x: pg.sum(W @ x), (X,), (X,)), np.zeros(3))
    for constant in (lambda: pg.hessian(lambda x: 1.0)(X), lambda: pg.jacfwd(lambda x: 1.0)(X)):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            constant()
        assert [w.category for w in said] == [pg.GraphBreakWarning]


def test_what_a_function_must_return() -> None:
    def integer(x: Any) -> Any:
        return pg.argmax(x)

    for f, error in ((integer, "int64"), (lambda x: "text", "str"), (lambda x: None, "None")):
        for transform in (pg.grad, pg.value_and_grad, pg.jacrev, pg.hessian):
            with pg.graph_breaks("ignore"), pytest.raises(TypeError, match=error) as caught:
                transform(f)(X)
            assert isinstance(caught.value, pg.PluggradError)
    # As in JAX, a pair may be a list.
    g, aux = pg.grad(lambda x: [pg.sum(x * x), x * 1.0], has_aux=True)(X)
    close(g, 2 * X)
    close(aux, X)


@every_backend
def test_numbers_inside_of_a_transform_are_of_its_library(backend: str) -> None:
    x, xs = convert(np.asarray(3.0), backend), convert(np.asarray([1.0, 2.0]), backend)
    slope = lambda x: pg.grad(lambda y: x * y * y)(2.0)
    product = lambda x: x * pg.grad(lambda y: x + y)(1.0)  # d/dx [x · d/dy(x + y)]
    assert float(pg.grad(product)(x)) == 1.0 and pg.grad(product)(x).dtype == x.dtype
    assert [float(v) for v in pg.jvp(slope, (x,), (x,))] == [12.0, 12.0]
    assert float(pg.grad(lambda x: pg.jvp(lambda y: x * y * y, (2.0,), (1.0,))[1])(x)) == 4.0
    assert float(pg.grad(lambda x: pg.hvp(lambda y: x * y**3, (1.0,), (1.0,)))(x)) == 6.0
    np.testing.assert_array_equal(to_numpy(pg.vmap(slope)(xs)), [4.0, 8.0])
    assert type(pg.grad(lambda y: y * y)(2.0)) is type(pg.grad(lambda y: y * y)(np.asarray(2.0)))


@every_backend
def test_custom_functions_of_arrays_return_arrays(backend: str) -> None:
    x = convert(np.asarray([1.0, 2.0]), backend)
    f = lambda x: {"y": pg.sin(x), "n": 3, "x": x}
    for g in (pg.custom_vjp(f), pg.custom_jvp(f)):
        found = g(x)
        assert type(found["y"]) is type(found["x"]) is type(x) and found["n"] == 3
    assert type(pg.custom_jvp(pg.sin)(x)) is type(x)
    w = pg.Variable(x, requires_grad=True)
    assert pg.custom_vjp(lambda x: w * x)(x).requires_grad  # what depends on a Variable is one


@pg.custom_vjp
def reversed_gradient(x: Any) -> Any:
    return x * 1.0


@pg.custom_vjp
def clipped_gradient(x: Any) -> Any:
    return x * 1.0


@pg.custom_jvp
def lopsided(x: Any, y: Any) -> Any:
    return x * y


reversed_gradient.defvjp(lambda x: (x * 1.0, None), lambda _, g: (-g,))
clipped_gradient.defvjp(lambda x: (x * 1.0, None), lambda _, g: (pg.clip(g, -1, 1),))
lopsided.defjvp(lambda p, t: (p[0] * p[1], 2 * t[0] * p[1] + t[1] * p[0]))


def hooked(x: Any) -> Any:
    y = x * 1.0
    y.register_hook(lambda g: g * 5)
    return y


@pytest.mark.parametrize("f", [
    lambda x: x[0] * reversed_gradient(x[1]), lambda x: 3 * x[0] * clipped_gradient(x[1]),
    lambda x: lopsided(x[0], x[1]) * x[0], lambda x: x[0] * x[1] * hooked(x[1]) ** 2,
    lambda x: pg.checkpoint(lambda x: x[0] * reversed_gradient(x[1]))(x),
    lambda x: x[0] ** 2 * hooked(x)[1],
])  # fmt: skip
def test_hvp_is_that_of_the_gradient_as_the_user_has_it(f: Callable[[Any], Any]) -> None:
    """What custom rules and hooks make of a gradient need not be one."""
    x, v = np.asarray([2.0, 1.0]), np.asarray([1.0, 10.0])
    expected = pg.jvp(pg.grad(f), (x,), (v,))[1]
    lopsided_jacobian = pg.jacfwd(pg.grad(f))(x)
    assert not np.allclose(lopsided_jacobian, lopsided_jacobian.T)
    np.testing.assert_allclose(pg.hvp(f, (x,), (v,)), expected)
    np.testing.assert_allclose(lopsided_jacobian @ v, expected)
    g, primals, tangents = lambda a, tree: f(a) * tree["b"], (x, {"b": 2.0}), (v, {"b": 1.0})
    (da, db), (ea, eb) = (
        pg.hvp(g, primals, tangents),
        pg.jvp(pg.grad(g, (0, 1)), primals, tangents)[1],
    )
    np.testing.assert_allclose([*da, db["b"]], [*ea, eb["b"]])
    mapped = pg.vmap(lambda v: pg.hvp(f, (x,), (v,)))(np.stack([v, 2 * v]))
    np.testing.assert_allclose(mapped, [expected, 2 * expected])


# ---------------------------------------------------------------- products and linear maps


@every_backend
def test_hvp(backend: str) -> None:
    x, v = convert(X, backend), convert(B[0], backend)

    def f(x: Any) -> Any:
        return pg.sum(pg.sin(x) * x) * pg.sum(x * x)

    full = to_numpy(pg.hessian(f)(x))
    got = pg.hvp(f, (x,), (v,))
    assert type(got) is type(x)
    close(got, full @ B[0])
    close(pg.hvp(f, x, v), full @ B[0])
    two = pg.hvp(lambda a, tree: pg.sum(a * a * tree["b"]), (x, {"b": v}), (v, {"b": x}))
    assert isinstance(two, tuple)
    close(two[0], 2 * B[0] * B[0] + 2 * X * X)
    close(two[1]["b"], 2 * X * B[0])


@every_backend
def test_linearize(backend: str) -> None:
    calls = []

    def f(x: Any, tree: Any) -> Any:
        calls.append(1)
        y = pg.sin(x) * tree["b"] + pg.sum(x * x)
        return {"y": y, "m": pg.max(x)}, "aux"

    args = (convert(X, backend), {"b": convert(B[0], backend)})
    y, push, aux = pg.linearize(f, *args, has_aux=True)
    assert aux == "aux" and len(calls) == 1
    for row in B:
        tangents = (convert(row, backend), {"b": convert(row * 2.0, backend)})
        value, expected, _ = pg.jvp(f, args, tangents, has_aux=True)
        calls.clear()
        got = push(*tangents)
        assert not calls
        close_trees(got, expected)
        close_trees(y, value)
    many = pg.vmap(push)(convert(B, backend), {"b": convert(B * 2.0, backend)})
    close(many["y"][1, ...], expected["y"])
    assert type(many["y"]) is type(args[0])
    with pytest.raises(pg.InvalidArgumentError, match="structure"):
        push(args[0])
    with pytest.raises(pg.InvalidArgumentError, match="shape"):
        push(args[0][:2], args[1])


def test_tangents_are_fitted_to_what_was_linearized() -> None:
    x = X.astype(np.float32)
    _, push = pg.linearize(lambda x: (x * x, pg.argmax(x), x > 0), x)
    t, number, truth = push(B[0])
    assert t.dtype == np.float32
    np.testing.assert_allclose(t, 2 * X * B[0], rtol=1e-5)
    # Where there is no derivative, zeros, as from `jvp`.
    close_trees((number, truth), pg.jvp(lambda x: (pg.argmax(x), x > 0), (X,), (X,))[1])
    for wrong, message in ((X * 1j, "complex"), (np.arange(3), "dtype")):
        with pytest.raises(TypeError, match=message):
            push(wrong)
    if is_installed("torch"):
        with pytest.raises(pg.PluggradError, match="mixed"):
            push(convert(X, "torch"))
        t = pg.jvp(lambda x: x**2, (convert(np.asarray(3.0), "torch"),), (1.0,))[1]
        assert float(t) == 6.0
    assert pg.linearize(lambda x: x**2, 3.0)[1](1.0) == 6.0


def test_linearize_where_it_is_not_holomorphic() -> None:
    z, t = X + 1j * B[0], B[1] - 2j * X

    def f(z: Any) -> Any:
        return pg.conj(z) * pg.abs(z) + pg.real(z) * z

    _, push = pg.linearize(f, z)
    close(push(t), pg.jvp(f, (z,), (t,))[1])
    _, push = pg.linearize(lambda x: pg.stop_gradient(x) * 1.0 + 0.0 * pg.sum(x), X)
    close(push(B[0]), np.zeros(3))


def test_linearize_of_a_tracked_argument_stays_connected() -> None:
    x = pg.Variable(X, requires_grad=True)
    _, push = pg.linearize(lambda x: x**3, x)
    t = push(pg.Variable(B[0]))
    pg.sum(t).backward()
    close(x.grad.data, 6 * X * B[0])


# ---------------------------------------------------------------- autograd.grad, batched


@pytest.mark.parametrize("create_graph", [False, True])
@every_backend
def test_is_grads_batched(backend: str, create_graph: bool) -> None:
    x = pg.Variable(convert(X, backend), requires_grad=True)
    w = pg.Variable(convert(W, backend), requires_grad=True)
    unused = pg.Variable(convert(X, backend), requires_grad=True)
    y = pg.tanh(w @ x)
    eye = convert(np.eye(4), backend)
    g_x, g_w, none = pg.autograd.grad(
        y, [x, w, unused], eye, is_grads_batched=True, allow_unused=True, create_graph=create_graph,
        retain_graph=True,
    )  # fmt: skip
    rows = [pg.autograd.grad(y, [x, w], eye[i, ...], retain_graph=True) for i in range(4)]
    close(g_x, np.stack([to_numpy(row[0]) for row in rows]))
    close(g_w, np.stack([to_numpy(row[1]) for row in rows]))
    assert none is None and isinstance(g_x, pg.Variable) and g_x.requires_grad is create_graph
    if create_graph:
        (second,) = pg.autograd.grad(pg.sum(g_x * g_x), x)
        again = pg.grad(lambda x: pg.sum(pg.jacrev(lambda x: pg.tanh(w.detach() @ x))(x) ** 2))
        close(second, again(convert(X, backend)))
    (zeros,) = pg.autograd.grad(y, [unused], eye, is_grads_batched=True, materialize_grads=True)
    close(zeros, np.zeros((4, 3)))


def test_batched_grads_of_two_outputs() -> None:
    x = pg.Variable(X, requires_grad=True)
    a, b = x * 2.0, pg.sum(x * x)
    (g,) = pg.autograd.grad(
        [a, b], x, [np.eye(3)[:2], np.asarray([1.0, 10.0])], is_grads_batched=True
    )
    close(g, np.asarray([[2.0, 0, 0], [0, 2.0, 0]]) + np.asarray([[1.0], [10.0]]) * 2 * X)
    with pytest.raises(pg.InvalidArgumentError, match="shape"):
        pg.autograd.grad(x * 2.0, x, np.ones((3, 2)), is_grads_batched=True)


def test_the_torch_face_is_refused_inside_vmap() -> None:
    def f(v: Any) -> Any:
        y = v * v
        return pg.autograd.grad(y, v)[0]

    with pytest.raises(pg.PluggradError, match="inside vmap"):
        pg.vmap(f)(X)
    with pytest.raises(pg.PluggradError):
        pg.vmap(lambda v: (v * v).backward())(X)


@skip_without("jax", "torch")
def test_vmap_against_jax_and_torch() -> None:
    import jax
    import torch

    def make(xp: Any) -> Any:
        return lambda a, b: xp.sum(xp.tanh(a @ b)) * b

    a, b = RNG.standard_normal((4, 2, 3)), RNG.standard_normal((3, 4))
    got = pg.vmap(make(pg), in_axes=(0, 1), out_axes=1)(a, b)
    close(got, jax.vmap(make(jax.numpy), in_axes=(0, 1), out_axes=1)(a, b))
    theirs = torch.vmap(make(torch), in_dims=(0, 1), out_dims=1)(torch.tensor(a), torch.tensor(b))
    mine = pg.vmap(make(pg), in_axes=(0, 1), out_axes=1)(torch.tensor(a), torch.tensor(b))
    close(mine, theirs)
    assert get_backend("torch").name == "torch"


# ---------------------------------------------------------------- the example


@every_backend
def test_example(backend: str) -> None:

    found = load_example("transforms").fit(backend)
    np.testing.assert_allclose(to_numpy(found["parameters"]), [2.5, 1.3, 0.5], atol=0.05)
    np.testing.assert_allclose(to_numpy(found["gradient"]), 0.0, atol=1e-8)
    product = to_numpy(found["hessian"]) @ np.ones(3)
    close(found["hvp"], product)
    close(found["linearized"], product)


def test_stopped_gradients_stop_at_every_level():
    jax = needs("jax")
    x = np.asarray([1.0, 2.0])
    want = jax.hessian(lambda x: jax.numpy.sum(x**2 * jax.lax.stop_gradient(x**2)))(x)
    for stop in (pg.stop_gradient, lambda v: v.detach()):

        def f(x, stop=stop):
            return pg.sum(x**2 * stop(x**2))

        np.testing.assert_allclose(pg.hessian(f)(x), want)
        np.testing.assert_allclose(pg.jacrev(pg.grad(f))(x), want)
        np.testing.assert_allclose(pg.jacfwd(pg.jacfwd(f))(x), want)


def test_an_argument_is_named_once():
    for transform in (pg.grad, pg.jacrev, pg.jacfwd, pg.hessian):
        with pytest.raises(ValueError, match="twice"):
            transform(lambda x, y: x * y, argnums=(0, -2))(2.0, 3.0)


def test_what_an_inner_transform_makes_of_an_outer_forward_level_can_be_written():
    def f(x, v):
        y = pg.copy(x)
        y[0] = v
        return y * y * x

    x, v = np.asarray([1.0, 2.0, 3.0]), np.asarray([2.0, 3.0])
    along = lambda g: pg.jvp(g, (x,), (x,))[1]
    rows = [[a * a * x[0], *(3 * x[1:] ** 3)] for a in v]
    np.testing.assert_allclose(along(lambda x: pg.vmap(f, in_axes=(None, 0))(x, v)), rows)
    slope = along(lambda x: pg.grad(lambda v: pg.sum(f(x, v)))(np.asarray(2.0)))
    np.testing.assert_allclose(slope, 2 * 2.0 * x[0])


def test_gradients_twice_of_a_transposed_derivative_in_vmap():
    x, t = np.diag([1.0, 2.0, 4.0]) + 1, np.ones((3, 3))
    for f in (pg.linalg.vector_norm, pg.linalg.det, lambda v: pg.linalg.slogdet(v)[1]):
        push = lambda x, f=f: pg.jvp(f, (x,), (t,))[1]
        second = pg.grad(lambda x: pg.sum(pg.grad(push)(x)))(x)  # noqa: B023
        numeric = np.zeros((3, 3))
        for i in np.ndindex(3, 3):
            e = np.zeros((3, 3))
            e[i] = 1e-5
            numeric[i] = (pg.grad(push)(x + e) - pg.grad(push)(x - e)).sum() / 2e-5
        np.testing.assert_allclose(second, numeric, rtol=1e-6, atol=1e-7)
        both = pg.vmap(pg.grad(push))(np.stack([x, 2 * x]))
        np.testing.assert_allclose(both[1], pg.grad(push)(2 * x))
