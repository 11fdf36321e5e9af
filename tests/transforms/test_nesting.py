"""Jacobians of Jacobians, in any order of modes, under vmap and over graphs outside."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import closeness, convert
from tests.support.backends import every_backend

RNG = np.random.default_rng(0)
W = RNG.standard_normal((4, 3))
X = RNG.standard_normal(3)
B = RNG.standard_normal((2, 3))

close = closeness(rtol=1e-9, atol=1e-9, same_type=True)


MODES = {
    "r": pg.jacrev, "f": pg.jacfwd,
    "v": lambda f: lambda x: pg.vmap(lambda e: pg.jvp(f, (x,), (e,))[1], out_axes=-1)(np.eye(3)),
    "g": lambda f: lambda x: pg.vmap(lambda i: pg.grad(lambda x: pg.reshape(f(x), (-1,))[i])(x))(
        np.arange(27))[: np.prod(np.shape(f(pg.Variable(X))), dtype=int)],
}  # fmt: skip


@pytest.mark.parametrize(
    "modes", ["".join(m) for n in (1, 2, 3) for m in itertools.product("rfv", repeat=n)]
)
def test_jacobians_nest_in_any_order(modes: str) -> None:
    def f(x: Any) -> Any:
        return x**3 * pg.sum(x)

    for mode in modes:
        f = MODES[mode](f)
    n = len(modes)
    got = f(X)
    # y_i = x_i³ s: the derivative of every order from the product rule.
    s, eye = X.sum(), np.eye(3)
    cube = [X**3, 3 * X**2, 6 * X, np.full(3, 6.0)]
    expected = np.zeros((3,) * (n + 1))
    for index in itertools.product(range(3), repeat=n + 1):
        i, js = index[0], index[1:]
        total = s * cube[n][i] * np.prod([eye[i, j] for j in js])
        for k in range(n):
            rest = [eye[i, j] for m, j in enumerate(js) if m != k]
            total += cube[n - 1][i] * np.prod(rest)
        expected[index] = total
    close(got, expected)


def test_vmap_of_hessian_and_hessian_of_vmap() -> None:
    def f(x: Any) -> Any:
        return pg.sum(pg.sin(x)) * x[0]

    each = np.stack([pg.hessian(f)(row) for row in B])
    close(pg.vmap(pg.hessian(f))(B), each)
    whole = pg.hessian(lambda b: pg.sum(pg.vmap(f)(b)))(B)
    assert whole.shape == (2, 3, 2, 3)
    for i, j in itertools.product(range(2), repeat=2):
        close(whole[i, :, j], each[i] if i == j else np.zeros((3, 3)))
    close(pg.vmap(pg.jacrev(lambda x: x * x))(B), np.stack([np.diag(2 * row) for row in B]))
    close(pg.grad(lambda x: pg.sum(pg.jacrev(lambda x: x**3)(x)))(X), 6 * X)


def test_perturbations_are_not_confused() -> None:
    def f(x: Any) -> Any:
        return x * pg.jacfwd(lambda y: x * y)(np.asarray(1.0))

    assert pg.jacfwd(f)(np.asarray(3.0)) == 6.0
    assert pg.jacrev(f)(np.asarray(3.0)) == 6.0
    mapped = pg.vmap(lambda x: pg.grad(lambda x: x * pg.vmap(lambda y: pg.grad(lambda y: x * y)(y))(
        np.ones(2))[0])(x))(X)  # fmt: skip
    close(mapped, 2 * X)


def test_the_graph_outside_reaches_through() -> None:
    w = pg.Variable(W, requires_grad=True)
    jacobian = pg.jacrev(lambda x: pg.tanh(w @ x))(X)
    assert isinstance(jacobian, pg.Variable) and jacobian.shape == (4, 3)
    pg.sum(jacobian * jacobian).backward()
    step = 1e-6
    shifted = [np.sum(pg.jacrev(lambda x, d=d: pg.tanh((W + d) @ x))(X) ** 2)
               for d in (step * np.ones_like(W), -step * np.ones_like(W))]  # fmt: skip
    np.testing.assert_allclose(w.grad.data.sum(), (shifted[0] - shifted[1]) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@every_backend
def test_dtypes_are_kept(backend: str, dtype: str) -> None:
    x = convert(X.astype(dtype), backend)
    for transform in (pg.jacrev, pg.jacfwd):
        assert transform(lambda x: x * x)(x).dtype == x.dtype
    assert pg.vmap(pg.sin)(x).dtype == x.dtype
    assert pg.hvp(lambda x: pg.sum(pg.real(x * pg.conj(x))), (x,), (x,)).dtype == x.dtype


def test_one_walk_for_all_rows() -> None:
    seen = []

    def f(x: Any) -> Any:
        y = pg.sin(x)
        y.register_hook(lambda g: seen.append(g.shape))
        return y * y

    assert pg.jacrev(f)(X).shape == (3, 3)
    assert seen == [(3,)]  # one cotangent, as far as it shows, for all of the batch


def test_what_cannot_be_differentiated_is_explained() -> None:
    with pytest.raises(pg.PluggradError, match="dtype"):
        pg.jacrev(lambda x: x)(np.arange(3))
    with pytest.raises(pg.PluggradError, match="dtype"):
        pg.jacfwd(lambda x: x)(np.arange(3))
    with (
        pg.graph_breaks("ignore"),
        pytest.raises(pg.PluggradError, match="dtype"),
    ):
        pg.jacrev(lambda x: pg.argmax(x))(X)
    with pytest.raises(pg.InvalidArgumentError, match="argnums"):
        pg.jacrev(lambda x: x, 1)(X)
    with pytest.raises(pg.InvalidArgumentError, match="one number"):
        pg.hvp(lambda x: x, (X,), (X,))
