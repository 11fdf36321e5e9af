"""Dask: the gradients of NumPy, in the chunks of the input, and nothing is computed on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import get_backend
from tests.support.optional import needs

dask = needs("dask")
da = needs("dask.array")

X = np.linspace(-1.0, 2.0, 24).reshape(4, 6)
CHUNKS = ((2, 2), (4, 2))


class Counter:
    """A scheduler that counts what it is asked to compute."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, graph: Any, keys: Any, **kwargs: Any) -> Any:
        self.count += 1
        return dask.get(graph, keys, **kwargs)


@pytest.fixture(autouse=True)
def computes() -> Iterator[Counter]:
    counter = Counter()
    with dask.config.set(scheduler=counter):
        yield counter


def lazy(x: np.ndarray = X, chunks: Any = CHUNKS) -> Any:
    return da.from_array(x, chunks=chunks)


def constant_like(like: Any, values: Any) -> Any:
    """A raw constant of the library of `like`."""
    return get_backend(like._backend.name).xp.asarray(np.asarray(values))


def arange_like(like: Any, n: int) -> Any:
    """0, 1, 2, ... made by the library of `like`."""
    return get_backend(like._backend.name).xp.arange(n)


def set_at_pairs(x: Any) -> Any:
    y = x * x
    y[np.asarray([1, 3, 1]), np.asarray([0, 5, 0])] = x[0, :3]
    y[np.asarray([1, 2]), np.asarray([4, 5])] += x[1, :2]
    return y


def set_at_labels(x: Any) -> Any:
    y = x * x
    y[arange_like(x, 4), constant_like(x, [5, 0, 3, 5])] -= 1.0
    y[np.arange(4), np.asarray([1, 0, -1, 2])] = x[:, 0] ** 3
    return y


def set_slice(x: Any) -> Any:
    y = x * x
    y[1:3, ::2] = pg.sin(x[:2, ::2])
    return y


def set_row_from_new_axis(x: Any) -> Any:
    y = x * x
    y[None, 1, 2:4] = x[None, 3, :2]
    return y


def set_twice(x: Any) -> Any:
    """Two values for row 0: the second stays."""
    y = x * x
    y[constant_like(x, [0, 2, 0])] = pg.exp(x[1:])
    return y


def set_mask(x: Any) -> Any:
    y = x * x
    y[x > 0.5] = pg.exp(x)[x > 0.5]
    return y


def set_mask_scalar(x: Any) -> Any:
    y = x * 3
    y[x > 0.5] = x[0, 0]
    return y


def add_to_mask(x: Any) -> Any:
    y = x * x
    y[x > 0.5] *= 3.0
    y[:, constant_like(x, [True, False, True, True, False, False])] += x[:, :1]
    y[:, constant_like(x, [False, True, False, True, True, False])] = x[:, :3]
    return y


def views(x: Any) -> Any:
    y = x * x
    row = y[1]
    row *= x[0]
    y[2:] += 1.0
    return y * row


def loop(x: Any) -> Any:
    total: Any = 0.0
    for i in range(4):
        total = total + pg.sin(x[i]) * x[i, i]
    return total


#: Programs that read, write and reduce: each is run on NumPy too.
PROGRAMS: list[Callable[[Any], Any]] = [
    lambda x: x[1:, ::2] ** 2,
    lambda x: x[None, 1, ..., None] * x[0, 0],
    lambda x: x[constant_like(x, [2, 0, 2])] ** 2,
    lambda x: x[1:3, constant_like(x, [5, 0, 5, -1])] ** 3,
    lambda x: x[x > 0.3] ** 2,
    lambda x: x[constant_like(x, [True, False, True, True])] ** 2,
    lambda x: x[:, constant_like(x, [True, False, True, True, False, True])] ** 2,
    lambda x: pg.take(x, constant_like(x, [1, 1, 0]), axis=1) ** 2,
    lambda x: pg.take(pg.reshape(x, (-1,)), constant_like(x, [1, 1, 0])) ** 2,
    lambda x: pg.mean(x * x, axis=0),
    lambda x: pg.max(x * x, axis=1, keepdims=True),
    lambda x: pg.var(x**3) + pg.std(x * x, axis=1, correction=1),
    lambda x: pg.prod(x, axis=1),
    lambda x: pg.cumulative_sum(x * x, axis=1),
    lambda x: x @ x.mT,
    lambda x: pg.tensordot(x, x, axes=((0,), (0,))),
    lambda x: pg.concat([x, x * x], axis=1),
    lambda x: pg.stack([x, x * x]),
    lambda x: pg.where(x > 0, pg.exp(x), x * x),
    lambda x: pg.broadcast_to(pg.sum(x * x, axis=0), (3, 4, 6)),
    lambda x: pg.clip(x * x, 0.1, 1.0),
    lambda x: pg.roll(pg.flip(x * x, axis=0), 2, axis=1),
    lambda x: pg.squeeze(pg.expand_dims(x, axis=1), axis=1) ** 2,
    lambda x: pg.repeat(x * x, 2, axis=1) + pg.tile(x, (1, 2)),
    lambda x: pg.tril(x * x) + pg.triu(x, k=1),
    lambda x: x[0] * x[:, 1:2],
    lambda x: pg.real(pg.fft.fft(x[:2] ** 2, n=3, axis=0)),
    lambda x: pg.linalg.vector_norm(x, axis=1),
    lambda x: pg.logaddexp(x * x, 1.5) + pg.logaddexp(x, x[::-1]) + pg.logaddexp(0.0, x),
    # integers beside integers: the labels of rows, and others
    lambda x: (x**2)[np.arange(4), np.asarray([5, 0, -1, 5])],
    lambda x: (x**2)[constant_like(x, range(4)), constant_like(x, [5, 0, 3, 5])],
    lambda x: (x**2)[arange_like(x, 4), constant_like(x, [5, 0, 3, 5])],
    lambda x: pg.stack([x, x * x], axis=2)[np.arange(4), np.asarray([5, 0, -1, 5])] ** 3,
    lambda x: pg.stack([x, x * x])[:, np.asarray([1, 1, 3]), np.asarray([2, 2, 0])] ** 2,
    lambda x: pg.stack([x, x * x])[np.asarray([1, 0, 1]), 1:, np.asarray([2, 2, 0])] ** 2,
    lambda x: (x**2)[constant_like(x, [[0, 3], [3, 3]])],
    lambda x: (x**2)[np.asarray([[0, 3], [3, 3]]), np.asarray([1, -1])],
    lambda x: pg.take_along_axis(x**2, constant_like(x, [[5, 0], [1, 1], [0, -1], [2, 3]])),
    lambda x: pg.take_along_axis(x**2, constant_like(x, [[2, 3, 3, 1, 0, 0]]), axis=0),
    lambda x: pg.sort(x**2, axis=1) * x[0],
    lambda x: pg.median(x**2, axis=1) + pg.quantile(x**3, 0.3, axis=1),
    lambda x: pg.mean(pg.logsumexp(x, axis=1) - x[np.arange(4), np.asarray([5, 0, 1, 1])]),
    set_at_pairs, set_at_labels,
    set_slice, set_row_from_new_axis, set_twice, set_mask, set_mask_scalar, add_to_mask, views,
    loop,
]  # fmt: skip


def first_and_second(f: Callable[[Any], Any], x: Any) -> list[Any]:
    """The value of `f`, its gradient, its tangent along `x`, and the gradient of the gradient."""
    v = pg.Variable(x, requires_grad=True)
    y = f(v)
    y.sum().backward(retain_graph=True)
    (g,) = pg.autograd.grad(pg.sum(pg.sin(y)), v, create_graph=True)
    h = v if not g.requires_grad else pg.autograd.grad(pg.sum(g * g), v)[0]
    _, t = pg.jvp(f, (x,), (x,))
    by_transform = pg.grad(lambda x: pg.sum(f(x)))(x)
    assert v.grad is not None
    return [y.data, v.grad.data, g.data, h.data, t, by_transform]


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_as_numpy_without_computing(number: int, computes: Counter) -> None:
    f = PROGRAMS[number]
    found = first_and_second(f, lazy())
    assert computes.count == 0
    expected = first_and_second(f, X)
    for mine, theirs in zip(dask.compute(*found), expected, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
    for g in (found[1], found[2], found[5]):
        assert g.shape == X.shape


@pytest.mark.parametrize(
    "f",
    [pg.sum, pg.mean, pg.max, pg.var, lambda x: pg.sum(x, axis=0), lambda x: pg.mean(x, axis=1),
     lambda x: pg.sum(x * x[0] + x[:, :1]), lambda x: pg.std(x, axis=0, keepdims=True),
     lambda x: x[x > 0] ** 2, lambda x: x[da.from_array(np.asarray([0, 3, 0]))],
     lambda x: x[1:3, 2:], lambda x: pg.sum(x, axis=1)[2:]],
)  # fmt: skip
def test_gradients_come_in_the_chunks_of_the_input(f: Callable[[Any], Any]) -> None:
    v = pg.Variable(lazy(), requires_grad=True)
    pg.sum(f(v)).backward()
    assert v.grad is not None and v.grad.data.chunks == CHUNKS
    _, t = pg.jvp(lambda x: x * pg.sum(x), (lazy(),), (lazy(),))
    assert t.chunks == CHUNKS


def test_gradients_inside_and_around_vmap() -> None:
    x, w = np.arange(6.0).reshape(3, 2) / 5, np.asarray([[1.0, 2.0], [3.0, 5.0]])
    f = lambda v, w: pg.mean((v @ w) ** 2) * pg.max(pg.sin(v)) + pg.sum(pg.expand_dims(v, axis=1))
    total = lambda v, w: pg.sum(pg.vmap(f, in_axes=(0, None))(v, w))
    for g in (pg.vmap(pg.hessian(f), in_axes=(0, None)), pg.grad(total)):
        found = g(da.from_array(x, chunks=2), da.from_array(w, chunks=1))
        np.testing.assert_allclose(found.compute(), g(x, w))


def test_no_giant_chunk() -> None:
    """A hundred chunks of 8 MB: the gradient of the sum is not one of 800 MB."""
    x = da.ones((10_000, 10_000), chunks=1000)
    g = pg.grad(lambda x: pg.mean(x * x) + pg.max(x, axis=0)[0])(x)
    assert g.chunks == x.chunks
    assert float(g[:10, :10].sum().compute()) == pytest.approx(10 / 10_000 + 100 * 2e-8)


def write_into_columns(x: Any) -> Any:
    y = rows(x) * x[0]
    y[:, 2] = y[:, 3] ** 2
    y[:, 0:2] = x[1, :2] * 3
    y[:, 4] = 7.0
    y[:, -1] *= 2.0
    y[:, constant_like(x, [3, 1])] = x[0, :2]
    y[:, constant_like(x, [3])] += x[1, :1]
    return pg.sum(y**2)


def write_into_all_columns(x: Any) -> Any:
    y = rows(x) * x[0]
    y[...] = x[1] * 2
    return pg.sum(y**2)


def rows(x: Any) -> Any:
    """Rows of `x`; how many is unknown."""
    return x[x[:, 3] > 0]


UNKNOWN: list[Callable[[Any], Any]] = [
    lambda x: pg.sum(x[x > 0] ** 2),
    lambda x: pg.mean(x[x > 0] ** 2),
    lambda x: pg.var(x[x > 0]),
    lambda x: pg.std(x[x > 0], correction=1.0) + pg.max(x[x > 0.2]),
    lambda x: pg.sum(x[x > 0][x[x > 0] > 1] ** 2),
    lambda x: pg.sum(pg.mean(x[x[:, 3] > 0] ** 2, axis=0)),
    lambda x: pg.sum(pg.max(x[x[:, 3] > 0] ** 2, axis=1)),
    lambda x: pg.sum(pg.expand_dims(x[x > 0], axis=1) * x[0, :3]),
    lambda x: pg.sum(pg.where(x[x > 0] > 1, x[x > 0], 0.0) * pg.sum(x[x > 0])),
    lambda x: pg.sum(pg.squeeze(pg.expand_dims(x[x > 0], axis=0), axis=0) ** 3),
    lambda x: x[x > 0] @ x[x > 0],
    lambda x: pg.sum(rows(x)[:, 0] ** 2),
    lambda x: pg.sum(rows(x)[:, 1:4] ** 2 + rows(x)[:, -1:]),
    lambda x: pg.sum(rows(x)[:, ::-2] ** 2 * x[0, :3]),
    lambda x: pg.sum(rows(x)[..., None, 2] ** 2),
    lambda x: pg.sum(pg.take(rows(x) ** 2, constant_like(x, [0, 4, 0]), axis=1)),
    lambda x: pg.sum(pg.stack([x, x * x], axis=1)[x[:, 3] > 0][:, 1, 2:4] ** 2),
    lambda x: pg.sum(x[:, x[3] > 1.8][1:3] ** 2),
    lambda x: pg.sum(pg.matmul(rows(x), x.mT[:, :2])[:, 0]),
    write_into_columns,
    write_into_all_columns,
]


@pytest.mark.parametrize("number", range(len(UNKNOWN)))
def test_unknown_lengths(number: int, computes: Counter) -> None:
    f = UNKNOWN[number]
    found = first_and_second(f, lazy())
    assert computes.count == 0
    for mine, theirs in zip(dask.compute(*found), first_and_second(f, X), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


def test_a_cotangent_of_unknown_length() -> None:
    v = pg.Variable(lazy(), requires_grad=True)
    y = v[v > 0] ** 2
    assert y.size is None and "nan" in repr(y)
    y.backward(y.data * 0 + 3.0)
    assert v.grad is not None
    np.testing.assert_allclose(v.grad.numpy(), np.where(X > 0, 6 * X, 0))
    y = v[v > 0]
    y.backward(da.from_array(np.arange(16.0), chunks=5))  # a length that is known
    expected = np.where(X > 0, 6 * X, 0)
    expected[X > 0] += np.arange(16.0)
    np.testing.assert_allclose(v.grad.numpy(), expected)
    with pytest.raises(RuntimeError, match="needs a cotangent"):
        y.backward()


def test_what_the_user_assigns_is_not_seen() -> None:
    x, w = lazy(), lazy()
    v = pg.Variable(x, requires_grad=True)
    y = v * v * w
    x[...] = 7.0
    w[0] = 0.0
    pg.sum(y).backward()
    assert v.grad is not None
    np.testing.assert_allclose(v.grad.numpy(), 2 * X * X)
    np.testing.assert_allclose(v.numpy() if not v.requires_grad else v.detach().numpy(), X)


def test_handles_show_writes_and_raw_arrays_stay() -> None:
    x = lazy()
    v = pg.Variable(x)
    part = v[1]
    v[1, 2:4] = 5.0
    np.testing.assert_allclose(part.numpy()[2:4], 5.0)
    np.testing.assert_allclose(x.compute(), X)


def test_questions_are_answered_and_nothing_else_computes(computes: Counter) -> None:
    v = pg.Variable(lazy(), requires_grad=True)
    y = pg.sum(v * v)
    assert "dask.array<" in repr(v) and "dask.array<" in repr(y) and "dask.array<" in str(v)
    assert (v.shape, v.ndim, v.size, v.dtype) == ((4, 6), 2, 24, np.float64)
    assert len(v) == 4 and v.mT.shape == (6, 4)
    assert computes.count == 0
    assert bool(y > 0)
    assert computes.count == 1
    assert float(y.detach()) == pytest.approx(np.sum(X * X))
    assert computes.count == 2
    assert y.detach().item() == pytest.approx(np.sum(X * X))
    assert computes.count == 3
    assert v.detach().tolist() == X.tolist()
    assert computes.count == 4


def test_what_dask_lacks_names_itself() -> None:
    v = pg.Variable(lazy(), requires_grad=True)
    with pytest.raises(pg.UnsupportedError, match=r"dask .*linalg.cross"):
        pg.linalg.cross(v, v)
    with pytest.raises(pg.UnsupportedError, match="several chunks"):
        pg.linalg.svd(v)
    with pytest.raises(pg.UnsupportedError, match="mask or None"):
        v[None, np.asarray([0, 1]), np.asarray([0, 1])]
    with pytest.raises(IndexError):
        v[np.asarray([0, 4]), np.asarray([0, 1])]
    known = v[v[:, 0] > -2]
    with pytest.raises(pg.UnsupportedError, match="compute_chunk_sizes"):
        known[np.asarray([0, 1]), np.asarray([0, 1])]


MATRIX = np.asarray([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 5.0]])
LINALG: dict[str, Callable[[Any], Any]] = {
    "cholesky": lambda x: pg.linalg.cholesky(x @ x.mT),
    "inv": lambda x: pg.linalg.inv(x),
    "solve": lambda x: pg.linalg.solve(x, x * x),
    "qr": lambda x: pg.linalg.qr(x)[1],
    "svdvals": lambda x: pg.linalg.svdvals(x),
    "outer": lambda x: pg.linalg.outer(x[0], x[1]),
    "trace": lambda x: pg.linalg.trace(x * x),
    "diagonal": lambda x: pg.linalg.diagonal(x * x),
    "matrix_norm": lambda x: pg.linalg.matrix_norm(x),
    "vecdot": lambda x: pg.vecdot(x, x * x),
    "det": lambda x: pg.linalg.det(x),
    "slogdet": lambda x: pg.linalg.slogdet(x)[1],
    "pinv": lambda x: pg.linalg.pinv(x[:, :2]),
    "eigh": lambda x: pg.linalg.eigh(x + x.mT)[0] + pg.abs(pg.linalg.eigh(x + x.mT)[1]),
    "eigvalsh": lambda x: pg.linalg.eigvalsh(x + x.mT),
    "svd": lambda x: sum(pg.sum(part**2) ** 2 for part in pg.linalg.svd(x, full_matrices=False)),
    "a batch": lambda x: pg.linalg.eigvalsh(pg.stack([x, x * x]) + pg.stack([x.mT, x.mT**2])),
}


@pytest.mark.parametrize("name", sorted(LINALG))
def test_linalg(name: str, computes: Counter) -> None:
    f = LINALG[name]
    y = f(pg.Variable(lazy(MATRIX, (3, 3))))
    np.testing.assert_allclose(y.numpy(), f(pg.Variable(MATRIX)).numpy())
    computes.count = 0
    expected = pg.grad(lambda x: pg.sum(f(x)))(MATRIX)
    g = pg.grad(lambda x: pg.sum(f(x)))(lazy(MATRIX, (3, 3)))
    assert computes.count == 0
    np.testing.assert_allclose(g.compute(), expected, rtol=1e-9, atol=1e-9)


def test_numpy_s_and_dask_s_own_functions() -> None:
    v = pg.Variable(lazy(), requires_grad=True)
    for y in (np.sin(v), da.sin(v), v + lazy(), lazy() + v):
        assert isinstance(y, pg.Variable) and y.requires_grad


def test_it_is_listed() -> None:
    adapter = get_backend("dask").adapter
    assert adapter.capabilities() == {"writable": False, "lazy": True}
    assert adapter.version() == dask.__version__ and adapter.devices() == ["cpu"]
    assert pg.namespace("dask").zeros((2, 3)).data.shape == (2, 3)


def test_gradients_row_by_row(computes: Counter) -> None:
    def f(x: Any) -> Any:
        return pg.sum(x) ** 3 * pg.max(x) + pg.where(x[0] > 0, pg.sin(x[0]), 0.0)

    at, step = lazy(), 1e-5
    slopes, hessians = pg.vmap(pg.grad(f))(at), pg.vmap(pg.hessian(f))(at)
    with pg.strong_zeros():
        pushed = pg.vmap(lambda x: pg.jvp(pg.grad(f), (x,), (x,))[1])(at)
    assert computes.count == 0

    def value(x: Any) -> Any:
        return x.sum() ** 3 * x.max() + (np.sin(x[0]) if x[0] > 0 else 0.0)

    def slope(x: Any) -> Any:
        return np.stack([value(x + d) - value(x - d) for d in step * np.eye(6)]) / (2 * step)

    np.testing.assert_allclose(slopes, [slope(x) for x in X], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(pushed, np.einsum("bij,bj->bi", hessians, X), rtol=1e-9, atol=1e-9)
    ahead, behind = (np.stack([slope(x * (1 + h)) for x in X]) for h in (1e-4, -1e-4))
    np.testing.assert_allclose(pushed, (ahead - behind) / 2e-4, rtol=1e-3, atol=1e-3)
