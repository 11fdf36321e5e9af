"""NumPy's arrays, and untracked Variables over them, are constants to compilers of other libraries,
as they are to those libraries alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.backends import installed
from tests.support.optional import needs

X = np.arange(6.0).reshape(2, 3)
V = pg.Variable(X)
W = np.asarray([1.0, 2.0, 3.0])


def written(w: Any) -> Any:
    u = pg.zeros_like(w)
    u[1:] = X[0, 1:]
    u[0] = w[1]
    return pg.sum(u * u)


def added_in_place(w: Any) -> Any:
    u = w * 2
    u += X[0]
    return pg.sum(u * u)


def masked(w: Any) -> Any:
    u = w * 1
    u[X[0] > 0.5] = 0.5
    return pg.sum(u * w) + pg.sum(w[X[0] < 2])


#: Scalar functions of three numbers, with constants around them.
CASES: dict[str, Callable[[Any], Any]] = {
    "array @ w": lambda w: pg.sum(X @ w),
    "w @ array": lambda w: pg.sum(w @ X.T),
    "matmul": lambda w: pg.sum(pg.matmul(X, w)),
    "operators": lambda w: pg.sum(X / w + w / X[1] + X**w - (w - X) * X),
    "comparison": lambda w: pg.sum((w > X[0]) * w),
    "numpy of constants": lambda w: pg.sum(w * np.sin(X[1])),
    "first an array": lambda w: pg.sum(pg.minimum(X, w)) + pg.sum(pg.where(X > 2, w, X)),
    "keywords": lambda w: pg.sum(pg.clip(w, X[0], X[1])),
    "lists": lambda w: pg.sum(pg.concat([X[0], w]) ** 2) + pg.sum(pg.stack([w, X[0]]) ** 2),
    "einsum": lambda w: pg.sum(pg.einsum("ij,j->i", X, w) ** 2),
    "integers": lambda w: pg.sum(np.arange(3) * w) + pg.sum(w[np.asarray([0, 0, 2])]),
    "mask": masked,
    "scalars": lambda w: pg.sum(np.float64(2) * w + w * np.float64(3)),
    "linalg": lambda w: pg.sum(pg.linalg.solve(X[:, :2] + np.eye(2), w[:2])),
    "special": lambda w: pg.sum(pg.special.logsumexp(X * w, axis=1)),
    "written": written,
    "added in place": added_in_place,
    "computed from constants": lambda w: pg.sum(X[1]) * pg.sum(w) + pg.sin(X[1]) @ w,
    "Variable @ w": lambda w: pg.sum(V @ w) + pg.sum(w @ V.T),
    "operators of Variables": lambda w: pg.sum(V * w + w * V - (V > 2) * w),
    "parts of Variables": lambda w: pg.sum(V[0] * w) + pg.sum(V.mean(axis=0) * w),
    "functions of Variables": lambda w: pg.sum(pg.sin(V) * w) + pg.sum(pg.where(V > 2, w, 0.0)),
    "of constants alone": lambda w: pg.sum((V * X)[1] * w),
    "numpy's functions": lambda w: (
        np.mean(np.tanh(X @ w)) + np.linalg.norm(w) + np.sum(np.concatenate([w, X[0]]))
        + np.sum(np.where(w < X, X, w) * np.outer(w, w)[:2]) + np.dot(w, w) + np.max(w)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_constants_under_jit(name: str) -> None:
    jax = needs("jax")
    with jax.enable_x64(True):
        got = jax.jit(pg.grad(CASES[name]))(jax.numpy.asarray(W))
        assert isinstance(got, jax.Array) and got.dtype == "float64"
        np.testing.assert_allclose(got, pg.grad(CASES[name])(W), rtol=1e-14)


def test_constants_under_torch_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = needs("torch", minversion="2.13")
    # Dynamo cannot follow a Variable of which there are views, as those that other tests made.
    monkeypatch.setitem(globals(), "V", pg.Variable(X))
    gradients = [pg.grad(f) for f in CASES.values()]
    compiled = torch.compile(lambda w: [g(w) for g in gradients], backend="eager", fullgraph=True)
    for name, f, got in zip(CASES, CASES.values(), compiled(torch.as_tensor(W)), strict=True):
        assert isinstance(got, torch.Tensor) and got.dtype is torch.float64, name
        np.testing.assert_allclose(got, pg.grad(f)(W), rtol=1e-14, err_msg=name)


@pytest.mark.parametrize("backend", installed("jax", "torch", "dask"))
def test_variables_of_two_libraries_are_not_mixed_otherwise(backend: str) -> None:
    w = pg.Variable(pg.namespace(backend).asarray(X).data, requires_grad=True)
    for mix in (lambda: V * w, lambda: w * V, lambda: pg.matmul(V, w.T), lambda: pg.concat([V, w])):
        with pytest.raises(pg.MixedBackendsError, match=r"pluggrad\.lift"):
            mix()


def test_tracked_variables_are_no_constants() -> None:
    jax = needs("jax")
    a = pg.Variable(X, requires_grad=True)
    for f in (lambda w: pg.sum(a * w), lambda w: pg.sum(w @ a.T), lambda w: pg.sum(pg.sin(a)) * w):
        with pytest.raises(pg.MixedBackendsError):
            jax.jit(pg.grad(f))(jax.numpy.asarray(W))


def test_a_builtin_that_is_shadowed_later_is_noticed() -> None:
    names = {"__builtins__": __builtins__}
    exec("def f(x):\n    return x * max(2.0, 1.0)", names)
    f = pg.compile(names["f"])
    x = np.ones(2)
    np.testing.assert_array_equal(f(x), [2.0, 2.0])
    assert f.programs == 1
    names["max"] = lambda x1, x2: 7.0
    np.testing.assert_array_equal(f(x), [7.0, 7.0])
