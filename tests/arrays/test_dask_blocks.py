"""Functions of blocks that are differentiated block by block, sums over blocks, and gradients in two
phases: `pg.interop.dask`."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

dask = needs("dask")
cloudpickle = needs("cloudpickle")
da = needs("dask.array")

X = np.linspace(-1.0, 2.0, 24).reshape(4, 6)
W = np.linspace(0.1, 1.0, 6)
BLOCKS = ((2, 2), (4, 2))
ROWS = ((1, 2, 1), (6,))
blocks = pg.interop.dask if da is not None else None


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    with dask.config.set(scheduler="synchronous"):
        yield


def lazy(x: np.ndarray = X, chunks: Any = BLOCKS) -> Any:
    return da.from_array(x, chunks=chunks)


def by_blocks(f: Callable[[Any], Any], x: Any) -> Any:
    """What `map_blocks(f, x)` means, on NumPy."""
    halves = [x[:2], x[2:]]
    return pg.concat(
        [pg.concat([f(h[:, :4]), f(h[:, 4:])], axis=1) for h in halves], axis=0
    )  # fmt: skip


def weighted(b: Any, w: Any, power: int = 2) -> Any:
    return b * w**power


def normed(b: Any) -> Any:
    return b / np.sqrt(np.sum(b * b) + 1.0)


#: A function of Variables over Dask, the same on NumPy, the argument and its chunks.
CASES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Any, Any]] = {
    "elementwise": (lambda x: blocks.map_blocks(lambda b: np.sin(b) * b, x, dtype=float),
                    lambda x: pg.sin(x) * x, X, BLOCKS),
    "a method": (lambda x: x.map_blocks(normed, dtype=float),
                 lambda x: by_blocks(normed, x), X, BLOCKS),
    "shared by all blocks": (
        lambda w: blocks.map_blocks(weighted, lazy(X, ROWS), w[None], power=3, dtype=float),
        lambda w: X * w**3, W, 6),
    "constants": (lambda x: blocks.map_blocks(lambda a, x, b: x**2 * a + b, 2.0, x, W[0], dtype=float),
                  lambda x: 2 * x**2 + W[0], X, BLOCKS),
    "a dropped axis": (
        lambda x: blocks.map_blocks(lambda b: np.sum(b**2, axis=1), x, drop_axis=1, dtype=float),
        lambda x: pg.sum(x**2, axis=1), X, BLOCKS),
    "a new axis": (
        lambda x: blocks.map_blocks(lambda b: np.stack([b, b**2], axis=1), x, new_axis=1,
                                    chunks=((2, 2), (2,), (4, 2)), dtype=float),
        lambda x: pg.stack([x, x**2], axis=1), X, BLOCKS),
    "a gufunc": (
        lambda x: blocks.apply_gufunc(lambda b: np.sum(b * b, axis=-1), "(i)->()", x,
                                      output_dtypes=float, allow_rechunk=True),
        lambda x: pg.sum(x * x, axis=-1), X, BLOCKS),
    "a gufunc of two outputs": (
        lambda x: np.multiply(*blocks.apply_gufunc(
            lambda b, w: (b @ w, np.mean(b, axis=-1)), "(i),(i)->(),()", x, x[0],
            output_dtypes=(float, float))),
        lambda x: (x @ x[0]) * pg.mean(x, axis=-1), X, ROWS),
    "a sum over blocks": (
        lambda w: blocks.sum_blocks(lambda x, w: np.sum(np.sin(x @ w)), lazy(X, ROWS), w),
        lambda w: pg.sum(pg.sin(X @ w)), W, 6),
    "a sum over blocks of data": (lambda x: blocks.sum_blocks(lambda b: np.sum(np.sin(b)), x),
                                  lambda x: pg.sum(pg.sin(x)), X, BLOCKS),
    "rechunk": (lambda x: x.rechunk((4, 3)) ** 2, lambda x: x**2, X, BLOCKS),
}  # fmt: skip


def every_order(f: Callable[[Any], Any], x: Any) -> list[Any]:
    """The value; gradients of first and second order, by transforms and by Variables; forward
    mode, alone and over reverse."""
    loss = lambda x: pg.sum(f(x) ** 3)
    slope = lambda x: pg.sum(pg.sin(pg.grad(loss)(x)))
    v = pg.Variable(x, requires_grad=True)
    (g,) = pg.autograd.grad(loss(v), v, create_graph=True)
    (h,) = pg.autograd.grad(pg.sum(pg.sin(g)), v)
    _, along = pg.jvp(pg.grad(loss), (x,), (x,))
    return [*pg.jvp(f, (x,), (x,)), pg.grad(loss)(x), pg.grad(slope)(x), g.data, h.data, along]


@pytest.mark.parametrize("case", sorted(CASES))
def test_orders_one_and_two_are_those_of_numpy(case: str) -> None:
    ours, same, x, chunks = CASES[case]
    found, expected = every_order(ours, lazy(x, chunks)), every_order(same, x)
    assert found[2].chunks == lazy(x, chunks).chunks
    for mine, theirs in zip(dask.compute(*found), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("trim", [True, False])
@pytest.mark.parametrize("boundary", ["none", "periodic", "reflect", "nearest", 0.5])
def test_map_overlap(boundary: Any, trim: bool) -> None:
    """Dask's own value, and the slopes of it by differences."""
    step = 1e-6
    t = np.random.default_rng(0).normal(size=X.shape)
    f = lambda b: np.roll(b, 1, axis=0) * b + np.roll(b, -1, axis=1)
    settings = {"depth": {0: 1, 1: 2}, "boundary": boundary, "trim": trim, "dtype": float}

    def value(x: np.ndarray) -> Any:
        return da.map_overlap(f, lazy(x), **settings).compute()

    loss = lambda x: pg.sum(blocks.map_overlap(f, x, **settings) ** 2)
    slope = lambda x: pg.grad(loss)(lazy(x)).compute()
    v = pg.Variable(lazy(), requires_grad=True)
    np.testing.assert_array_equal(v.map_overlap(f, **settings).data, value(X))
    change = (np.sum(value(X + step * t) ** 2) - np.sum(value(X - step * t) ** 2)) / (2 * step)
    np.testing.assert_allclose(np.sum(slope(X) * t), change, rtol=1e-6)
    second = pg.grad(lambda x: pg.sum(pg.grad(loss)(x) * t))(lazy()).compute()
    change = (slope(X + step * t) - slope(X - step * t)) / (2 * step)
    np.testing.assert_allclose(second, change, rtol=1e-4, atol=1e-5)


def test_without_variables_they_are_dask_s_own() -> None:
    x = lazy()
    for y in (blocks.map_blocks(np.sin, x), blocks.rechunk(x, 2), blocks.in_two_phases(x),
              blocks.map_overlap(np.sin, x, depth=1, boundary="none", dtype=float),
              blocks.apply_gufunc(np.sin, "()->()", x, output_dtypes=float),
              blocks.sum_blocks(np.sum, x)):  # fmt: skip
        assert type(y) is da.Array
    np.testing.assert_allclose(blocks.sum_blocks(np.sum, x), np.sum(X))


def test_what_cannot_be_differentiated_is_refused_when_it_is_written() -> None:
    v = pg.Variable(lazy(), requires_grad=True)
    refused = (NotImplementedError, pg.UnsupportedError)
    with pytest.raises(pg.GraphBreakError, match=r"map_blocks cannot differentiate outside"):

        def outside(b: Any) -> Any:
            return np.asarray(b) * 2

        blocks.map_blocks(outside, v, dtype=float)
    with pytest.raises(refused, match="block_id"):
        blocks.map_blocks(lambda b, block_id=None: b, v, dtype=float)
    with pytest.raises(refused, match="positional"):
        blocks.map_blocks(lambda b, w=0.0: b * w, lazy(), w=v, dtype=float)
    with pytest.raises(refused, match="vectorize"):
        blocks.apply_gufunc(np.sum, "(i)->()", v, vectorize=True, allow_rechunk=True)
    with pytest.raises(refused, match="one depth"):
        blocks.map_overlap(np.sin, v, depth={0: (1, 0)}, boundary="none", dtype=float)
    with pytest.raises(ValueError, match="2 and 3 chunks"):
        blocks.sum_blocks(lambda a, b: np.sum(a) + np.sum(b), v, lazy(X, ((1, 2, 1), (6,))))
    with pytest.raises(ValueError, match="one number"):
        blocks.sum_blocks(np.sin, v)
    with pytest.raises(refused, match="vmap"):
        pg.vmap(lambda x: blocks.map_blocks(np.sin, x, dtype=float))(lazy())


# ---------------------------------------------------------------- memory and tasks


class Source:
    """Rows that are made in tasks, and a count of how many blocks are there at a time."""

    def __init__(self) -> None:
        self.now = self.most = self.made = 0

    def block(self, block_id: Any = None) -> np.ndarray:
        rows = np.random.default_rng(block_id[0]).normal(size=(100, 5))
        self.now, self.made = self.now + 1, self.made + 1
        self.most = max(self.most, self.now)
        weakref.finalize(rows, self.gone)
        return rows

    def gone(self) -> None:
        self.now -= 1

    def array(self, count: int = 16) -> Any:
        meta = np.empty((0, 0))
        return da.map_blocks(self.block, chunks=((100,) * count, (5,)), dtype=float, meta=meta)


def log_mean_exp(x: Any, w: Any) -> Any:
    return pg.log(pg.mean(pg.exp(pg.matmul(x, w))))


def of_standardised(x: Any, w: Any) -> Any:
    z = pg.matmul(x, w)
    return pg.log(pg.mean(pg.exp((z - pg.mean(z)) / pg.std(z))))


@pytest.mark.parametrize("f", [log_mean_exp, of_standardised])
def test_in_two_phases_no_block_is_kept(f: Any) -> None:
    w = np.linspace(-0.2, 0.3, 5)
    source = Source()
    x = source.array()
    both = pg.value_and_grad(lambda w: f(x, w))(da.from_array(w))
    expected = dask.compute(*both)
    assert source.most == source.made == 16
    source.most = source.made = 0
    value, g = dask.compute(*blocks.in_two_phases(*both))
    assert value == expected[0] and (g == expected[1]).all()
    assert source.most <= 2 and source.made <= 16 * (2 if f is log_mean_exp else 5)
    # What is in memory is used as it is, and what needs no second phase stays.
    kept = x.persist()
    source.made = 0
    again = blocks.in_two_phases(pg.grad(lambda w: f(kept, w))(da.from_array(w)))
    np.testing.assert_array_equal(again, g)
    assert source.made == 0
    total = pg.grad(lambda w: pg.sum(pg.matmul(x, w) ** 2))(da.from_array(w))
    assert blocks.in_two_phases(total) is total


@pytest.mark.filterwarnings("error")
def test_two_phases_are_recommended_where_they_matter() -> None:
    x, w = da.ones((2**20, 64), chunks=(2**12, 64)), da.ones((64, 256), chunks=-1)
    with pytest.warns(UserWarning, match="in_two_phases"):
        pg.grad(lambda w: log_mean_exp(x, w))(w)
    squared = pg.grad(lambda x: pg.sum(x) ** 2)
    with dask.config.set({"pluggrad.two-phases-warning": 10}):
        with pytest.warns(UserWarning, match="in_two_phases"):
            squared(lazy() * 1.0)
        squared((lazy() * 1.0).persist())  # in memory: no warning
    v = pg.Variable(da.ones((4, 4), chunks=2), requires_grad=True)
    pg.log(pg.sum(pg.exp(v))).backward()  # small: no warning
    assert isinstance(blocks.in_two_phases({"g": v.grad})["g"], pg.Variable)


def tasks(*collections: Any) -> int:
    """How many tasks Dask executes."""
    count = 0

    def note(key: Any, graph: Any, state: Any) -> None:
        nonlocal count
        count += 1

    with dask.callbacks.Callback(pretask=note):
        dask.compute(*collections)
    return count


@pytest.mark.parametrize("count", [8, 9, 64, 65, 600])
def test_a_sum_over_many_blocks_is_added_up_in_several_levels(count: int) -> None:
    data = np.random.default_rng(0).normal(size=(count, 3))
    x, w, m, c = lazy(data, (1, 3)), np.linspace(-1, 1, 3), np.ones((3, 2)), np.asarray(0.5)

    def loss(x: Any, w: Any, m: Any, c: Any) -> Any:
        return pg.sum(pg.sin(x @ w)) + pg.sum(pg.cos(x @ m)) + pg.sum(c * x)

    f = lambda *p: blocks.sum_blocks(loss, x, *p)
    found = dask.compute(*pg.grad(f, (0, 1, 2))(*[lazy(p, p.shape) for p in (w, m, c)]))
    expected = pg.grad(lambda *p: loss(data, *p), (0, 1, 2))(w, m, c)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


def test_a_sum_over_blocks_is_one_task_for_each_block() -> None:
    x, y = lazy(np.ones((64, 6)), (1, 6)), lazy(np.zeros(64), 1)
    squares = lambda x, y, w: np.sum((x @ w - y) ** 2)
    f = lambda w: blocks.sum_blocks(squares, x, y, w)
    value, g = pg.value_and_grad(f)(da.from_array(W))
    alone = tasks(x, y)
    assert tasks(value, g) <= alone + 64 + 9 + 6
    np.testing.assert_allclose(g, 128 * W.sum() * np.ones(6))


def logistic(x: Any, y: Any, w: Any) -> tuple[Any, Any]:
    def loss(w: Any) -> Any:
        z = pg.matmul(x, w)
        return pg.mean(pg.logaddexp(0.0, z) - y * z)

    ours, z = pg.value_and_grad(loss)(w), x @ w
    hand = da.mean(da.logaddexp(0.0, z) - y * z), x.T @ (1 / (1 + da.exp(-z)) - y) / len(y)
    return ours, hand


def mlp(x: Any, y: Any, w: Any) -> tuple[Any, Any]:
    v = da.from_array(np.linspace(-1, 1, 18).reshape(6, 3), chunks=-1)
    u = w[:3]
    (value, (gv, gu)) = pg.value_and_grad(
        lambda v, u: pg.mean((pg.matmul(pg.tanh(pg.matmul(x, v)), u) - y) ** 2), argnums=(0, 1)
    )(v, u)
    h = da.tanh(x @ v)
    e = h @ u - y
    g = 2 * e / len(y)
    return (value, gv, gu), (da.mean(e**2), x.T @ (g[:, None] * u * (1 - h * h)), h.T @ g)


def log_mean(x: Any, y: Any, w: Any) -> tuple[Any, Any]:
    e = da.exp(x @ w)
    m = da.mean(e)
    ours = pg.value_and_grad(lambda w: log_mean_exp(x, w))(w)
    return ours, (da.log(m), x.T @ (e / (m * len(y))))


@pytest.mark.parametrize("model", [logistic, mlp, log_mean])
def test_no_more_tasks_than_by_hand(model: Any) -> None:
    x = lazy(np.random.default_rng(0).normal(size=(320, 6)), (10, 6))
    y = lazy(np.arange(320.0) % 2, 10)
    ours, hand = model(x, y, lazy(W, 6))
    for mine, theirs in zip(dask.compute(*ours), dask.compute(*hand), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10)
    assert tasks(*ours) <= 1.15 * tasks(*hand)


def test_a_training_loop_does_not_grow() -> None:
    x, y = lazy(np.ones((32, 6)), (4, 6)), lazy(np.zeros(32), 4)
    w = pg.Variable(lazy(W, 6), requires_grad=True)
    sizes = []
    for _ in range(4):
        w.grad = None
        pg.mean((pg.matmul(x, w) - y) ** 2).backward()
        with pg.no_grad():
            w -= 0.01 * w.grad
        assert dask.persist(w)[0] is w and w.is_leaf and w.requires_grad
        sizes.append(len(w.data.dask))
    assert sizes == [1] * 4


def test_one_pass_over_shared_work() -> None:
    source = Source()
    x = source.array()
    w = pg.Variable(lazy(W[:5], 5), requires_grad=True)
    loss = pg.mean(pg.matmul(x, w) ** 2)
    loss.backward()
    with pg.graph_breaks("ignore"):
        value, g = dask.compute(loss, w.grad)
    assert source.made == 16 and type(g) is np.ndarray and np.shape(value) == ()
    assert w.grad.chunks == w.chunks == ((5,),) and w.numblocks == (1,) and w.npartitions == 1


def test_they_travel() -> None:
    f = lambda x: pg.sum(blocks.map_blocks(normed, x, dtype=float))
    g = pg.grad(f)(lazy())
    again = cloudpickle.loads(cloudpickle.dumps(g))
    np.testing.assert_array_equal(again, g)
    np.testing.assert_array_equal(cloudpickle.loads(cloudpickle.dumps(pg.grad(f)))(lazy()), g)
