"""What functions of blocks are handed: Variables that would lose their gradient are refused, chunks
have to fit, and NumPy arrays handed to a transform come back as NumPy arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

dask = needs("dask")
da = needs("dask.array")

blocks = pg.interop.dask if da is not None else None
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sum_blocks": lambda f, *args, **kwargs: blocks.sum_blocks(f, *args, **kwargs),
    "map_blocks": lambda f, *args, **kwargs: pg.sum(
        pg.asarray(blocks.map_blocks(f, *args, dtype=float, **kwargs))),
    "map_overlap": lambda f, *args, **kwargs: pg.sum(
        pg.asarray(blocks.map_overlap(f, *args, depth=0, dtype=float, **kwargs))),
    "apply_gufunc": lambda f, *args, **kwargs: pg.sum(pg.asarray(
        blocks.apply_gufunc(f, ",".join(["()"] * len(args)) + "->()", *args,
                            output_dtypes=float, **kwargs))),
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    with dask.config.set(scheduler="synchronous"):
        yield


class Model:
    """An object that keeps a parameter."""

    def __init__(self, w: Any) -> None:
        self.w = w

    def loss(self, b: Any) -> Any:
        return np.sum(b * self.w)

    __call__ = loss


def through_a_default(w: Any) -> Callable[..., Any]:
    return lambda b, p=w: np.sum(b * p)


def through_another_function(w: Any) -> Callable[..., Any]:
    def inner(b: Any) -> Any:
        return b * w

    return lambda b: np.sum(inner(b))


#: How a function of a block comes to refer to `w`.
CAPTURES: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "a closure": lambda w: lambda b: np.sum(b * w),
    "another function": through_another_function,
    "a default": through_a_default,
    "a dict": lambda w: (lambda p: lambda b: np.sum(b * p["w"]))({"w": w}),
    "a partial function": lambda w: functools.partial(lambda b, w: np.sum(b * w), w=w),
    "a method": lambda w: Model(w).loss,
    "an object": lambda w: Model(w),
    "an attribute": lambda w: (lambda m: lambda b: m.loss(b))(Model(w)),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("capture", CAPTURES)
def test_variables_that_a_function_refers_to_are_refused(function: str, capture: str) -> None:
    run, make = FUNCTIONS[function], CAPTURES[capture]
    x = da.ones(6, chunks=2)
    with pytest.raises(pg.CapturedVariableError, match=f"{function}.*as an argument"):
        pg.grad(lambda w: run(make(w), x) + pg.sum(w))(da.full(1, 2.0))
    leaf = pg.Variable(da.full(1, 2.0), requires_grad=True)
    with pytest.raises(pg.CapturedVariableError, match=r"detach"):
        run(make(leaf), x)
    assert leaf.grad is None


@pytest.mark.parametrize("function", FUNCTIONS)
def test_variables_by_keyword_and_in_trees_are_refused(function: str) -> None:
    run, x = FUNCTIONS[function], da.ones(6, chunks=2)
    for loss in (
        lambda w: run(lambda b, p: np.sum(b * p["w"]), x, {"w": w}),
        lambda w: run(lambda b, p=None: np.sum(b * p), x, p=w),
        lambda w: run(lambda b, p=None: np.sum(b * p[0]), x, p=[w]),
    ):
        with pytest.raises(NotImplementedError, match=function):
            pg.grad(loss)(da.full(1, 2.0))


def test_constants_may_be_referred_to() -> None:
    x, c = da.ones((6, 1), chunks=(2, 1)), np.full(1, 3.0)
    loss = lambda w: blocks.sum_blocks(lambda b, w: np.sum((b @ w) * c), x, w)
    np.testing.assert_array_equal(pg.grad(loss)(da.full(1, 2.0)).compute(), [18.0])
    with pg.no_grad():
        v = pg.Variable(np.full(1, 3.0), requires_grad=True)
        assert blocks.sum_blocks(lambda b: np.sum(b) * v.data[0], x).compute() == 18.0


def squares(b: Any, w: Any) -> Any:
    return np.sum((b @ w) ** 2)


def by_sum(w: Any) -> Any:
    return blocks.sum_blocks(squares, da.ones((6, 1), chunks=(2, 1)), w)


def by_map(w: Any) -> Any:
    return pg.sum(blocks.map_blocks(lambda b, w: (b * w) ** 2, da.ones((6, 1), chunks=(2, 1)),
                                    w[None], dtype=float))  # fmt: skip


def by_gufunc(w: Any) -> Any:
    x = da.ones((6, 1), chunks=(2, 1))
    return pg.sum(blocks.apply_gufunc(lambda b, w: np.sum(b * w, axis=-1) ** 2, "(i),(i)->()", x,
                                      w, output_dtypes=float))  # fmt: skip


@pytest.mark.parametrize("loss", [by_sum, by_map, by_gufunc])
def test_numpy_in_numpy_out(loss: Any) -> None:
    w, t = np.full(1, 2.0), np.ones(1)
    found = [pg.value_and_grad(loss)(w), pg.hessian(loss)(w), pg.jvp(loss, (w,), (t,)),
             pg.hvp(loss, (w,), (t,))]  # fmt: skip
    plain = lambda w: pg.sum((np.ones((6, 1)) @ w) ** 2)
    expected = [pg.value_and_grad(plain)(w), pg.hessian(plain)(w), pg.jvp(plain, (w,), (t,)),
                pg.hvp(plain, (w,), (t,))]  # fmt: skip
    for mine, theirs in zip(found, expected, strict=True):
        pairs = zip(mine, theirs, strict=True) if isinstance(mine, tuple) else [(mine, theirs)]
        for y, z in pairs:
            assert isinstance(y, (np.ndarray, np.generic))
            np.testing.assert_allclose(y, z)


def test_variables_over_numpy_are_refused_elsewhere() -> None:
    v = pg.Variable(np.full(1, 2.0), requires_grad=True)
    with pytest.raises(pg.MixedBackendsError, match=r"sum_blocks.*pluggrad\.lift"):
        by_sum(v)


def test_a_minimizer_with_sums_over_blocks() -> None:
    optimize = needs("scipy.optimize")
    x = da.from_array(np.arange(12.0).reshape(6, 2), chunks=(2, 2))
    loss = lambda w: blocks.sum_blocks(lambda b, w: np.sum((b @ w - 1.0) ** 2), x, w)
    found = optimize.minimize(pg.value_and_grad(loss), np.zeros(2), jac=True)
    expected = np.linalg.lstsq(x.compute(), np.ones(6))[0]
    np.testing.assert_allclose(found.x, expected, atol=1e-5)


def test_chunks_are_compared_and_not_only_counted() -> None:
    a = da.ones((6, 2), chunks=((1, 5), (2,)))
    b = da.arange(6.0, chunks=((5, 1),))
    dot = lambda a, b: np.sum(a[:, 0] * b)
    with pytest.raises(ValueError, match=r"\(1, 5\).*\(5, 1\).*rechunk"):
        blocks.sum_blocks(dot, a, b)
    assert blocks.sum_blocks(dot, a, b.rechunk(((1, 5),))).compute() == 15.0
    mask = da.arange(6, chunks=3) > 0  # lengths that nobody knows
    assert blocks.sum_blocks(dot, da.ones((6, 2), chunks=(3, 2))[mask],
                             da.arange(6.0, chunks=3)[mask]).compute() == 15.0  # fmt: skip


#: Writes and reads at NumPy arrays, of `y`, a Variable of shape (5, 4).
def _written(key: Any, value: Any) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        y = x * x
        y[key] = value(x)
        return pg.sum(y**3)

    return f


MASK = np.asarray([True, False, True, False, False])
INDEXED: dict[str, Callable[[Any], Any]] = {
    "a number at integers": _written(np.asarray([0, 2]), lambda x: 0.0),
    "a row at integers": _written(np.asarray([0, 2]), lambda x: x[1] ** 2),
    "a number at a mask": _written(MASK, lambda x: 0.0),
    "a row at a mask": _written(MASK, lambda x: x[1] ** 2),
    "a column at integers": _written((slice(None), np.asarray([3, 0])), lambda x: x[:, :2] ** 2),
    "a mask of all axes": _written(np.arange(20).reshape(5, 4) % 3 == 0, lambda x: 0.0),
    "take": lambda x: pg.sum(pg.take(x, np.asarray([1, 1, 0]), axis=0) ** 3),
    "reading": lambda x: pg.sum(x[np.asarray([1, 1, 0])] ** 3) + pg.sum(x[MASK] ** 3),
}


@pytest.mark.parametrize("name", INDEXED)
def test_numpy_arrays_as_indices_in_the_second_order(name: str) -> None:
    f, x = INDEXED[name], np.linspace(-1.0, 1.0, 20).reshape(5, 4)
    t = np.cos(np.arange(20.0)).reshape(5, 4)
    lazy = [da.from_array(a, chunks=(2, 3)) for a in (x, t)]
    np.testing.assert_allclose(pg.hvp(f, *lazy).compute(), pg.hvp(f, x, t), atol=1e-12)
    over_reverse = pg.grad(lambda x: pg.sum(pg.grad(f)(x) * lazy[1]))(lazy[0])
    np.testing.assert_allclose(over_reverse.compute(), pg.hvp(f, x, t), atol=1e-12)
    over_forward = pg.jvp(pg.grad(f), (lazy[0],), (lazy[1],))[1]
    np.testing.assert_allclose(over_forward.compute(), pg.hvp(f, x, t), atol=1e-12)
