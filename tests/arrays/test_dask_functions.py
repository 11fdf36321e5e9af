"""Dask's own functions and schedulers, and NumPy's functions, beside Variables over Dask arrays."""

from __future__ import annotations

import collections
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

dask = needs("dask")
da = needs("dask.array")

MATRIX = np.arange(12.0).reshape(4, 3) / 7
VECTOR = np.asarray([1.0, 2.0, 3.0])


def matrix() -> Any:
    return da.from_array(MATRIX, chunks=(2, 3))


def vector() -> pg.Variable:
    return pg.Variable(da.from_array(VECTOR, chunks=2), requires_grad=True)


def test_no_function_of_dask_loses_a_gradient() -> None:
    """Every third function; `python tests/dask_sweep.py` calls all of them."""
    from tests import dask_sweep

    names = sorted({name for name, f in dask_sweep.functions() if dask_sweep.calls(name, f)})
    assert len(names) > 250 and dask_sweep.left_out() == []
    with dask.config.set(scheduler="synchronous"):
        found = list(dask_sweep.sweep(set(names[::3])))
    assert [row for row in found if row[1] in dask_sweep.BAD] == []
    counts = collections.Counter(outcome for _, outcome, _ in found)
    assert counts["right"] > 100 and counts["refused"] > 80 and counts["by Dask"] < 8


#: Where no function of Dask's stands in between, Variables are asked, and record.
RECORDED: list[Callable[[Any, Any], Any]] = [
    lambda A, v: A @ v,
    lambda A, v: A + v,
    lambda A, v: A - v,
    lambda A, v: 2.0 ** (A * v),
    lambda A, v: np.matmul(A, v),
    lambda A, v: np.dot(A, v),
    lambda A, v: np.add(A, v),
    lambda A, v: np.multiply(v, A),
    lambda A, v: np.concatenate([A[0], v]),
    lambda A, v: np.stack([A[0], v, v * v]),
    lambda A, v: np.where(A > 1, v, 0),
    lambda A, v: np.tensordot(A, v, axes=1),
    lambda A, v: np.einsum("ij,j->i", A, v),
    lambda A, v: np.sum(np.sin(v)) * np.linalg.norm(v),
]


@pytest.mark.parametrize("number", range(len(RECORDED)))
def test_operators_and_functions_of_numpy_record(number: int) -> None:
    f = RECORDED[number]
    v = vector()
    y = f(matrix(), v)
    assert isinstance(y, pg.Variable) and hasattr(y.data, "dask")
    np.testing.assert_allclose(y.detach(), f(MATRIX, VECTOR))
    pg.sum(y * y).backward()
    w = pg.Variable(VECTOR, requires_grad=True)
    y = f(MATRIX, w)
    pg.sum(y * y).backward()
    np.testing.assert_allclose(v.grad.data, w.grad.data, rtol=1e-12)


REFUSED: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "dask.array.matmul": (lambda A, v: da.matmul(A, v), "Use `pluggrad.matmul`"),
    "dask.array.Array.dot": (lambda A, v: A.dot(v), "Use `pluggrad.dot`"),
    "dask.array.add": (lambda A, v: da.add(A, v), "Use `pluggrad.add`"),
    "dask.array.linalg.qr": (lambda A, v: da.linalg.qr(A * v), "Use `pluggrad.linalg.qr`"),
    "dask.array.fft.fft": (lambda A, v: da.fft.fft(v), "Use `pluggrad.fft.fft`"),
    "dask.array.sum": (lambda A, v: da.sum(v), "Use `pluggrad.sum`"),
    "dask.array.topk": (lambda A, v: da.topk(v, 2), "Functions of Dask have no derivative"),
    "dask.array.Array.map_blocks": (
        lambda A, v: A.map_blocks(np.add, v),
        "interop.dask.map_blocks`",
    ),
    "dask.array.from_array": (lambda A, v: da.from_array(v), "have no derivative"),
    "dask.array.Array.__setitem__": (lambda A, v: A.__setitem__(0, v), "pluggrad.Variable(...)"),
    "dask.delayed": (lambda A, v: dask.delayed(np.sum)([v]), "functions of `pluggrad`"),
}


@pytest.mark.filterwarnings("ignore:Passing an object to dask.array.from_array")
@pytest.mark.parametrize("written", sorted(REFUSED))
@pytest.mark.parametrize("over", [da.from_array, np.asarray])
def test_refusals_name_the_function_and_the_line(written: str, over: Any) -> None:
    f, remedy = REFUSED[written]
    v = pg.Variable(over(VECTOR), requires_grad=True) * 1.0
    if over is np.asarray and written.endswith(("__setitem__", "delayed", "topk", "qr")):
        return  # the first is refused by NumPy, the second keeps the graph, others need Dask arrays
    with pytest.raises(pg.GraphBreakError) as caught:
        f(matrix(), v)
    text = str(caught.value)
    assert text.startswith(f"{written} of a Variable that requires grad, at {__file__}:")
    assert remedy in text and "`.detach()`" in text
    if not written.endswith(("map_blocks", "from_array")):
        with pg.graph_breaks("ignore"):
            f(matrix(), v)


@pytest.mark.filterwarnings("ignore:Passing an object to dask.array.from_array")
def test_constants_are_taken_as_arrays() -> None:
    A, v = matrix(), vector().detach()
    for y in (da.matmul(A, v), da.einsum("ij,j->i", A, v)):
        assert isinstance(y, da.Array)
        np.testing.assert_allclose(y, MATRIX @ VECTOR)
    np.testing.assert_allclose(da.cumsum(v, axis=0), np.cumsum(VECTOR))
    assert int(da.argmax(vector()).compute()) == 2
    A[0] = v
    np.testing.assert_allclose(A[0], VECTOR)
    for f in (da.from_array, A.dot, lambda v: A.map_blocks(np.add, v), lambda v: A[:, v > 1]):
        with pytest.raises(pg.UnsupportedError, match=r"`\.data`"):
            f(v)
    with pytest.raises(pg.UnsupportedError, match=r"`\.data`"):
        A[:, v > 1] = 0.0


# ---------------------------------------------------------------- computing, and keeping in memory


def test_compute_gives_arrays() -> None:
    v = vector()
    loss = pg.sum(v * v)
    loss.backward()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value, (g,), found = dask.compute(loss, [v.grad], {"v": v.detach()})
    assert {type(x) for x in (g, found["v"])} == {np.ndarray} and float(value) == 14.0
    np.testing.assert_allclose(g, 2 * VECTOR)
    assert {w.category for w in caught} == {pg.GraphBreakWarning}
    assert caught[0].filename == __file__ and "compute()" in str(caught[0].message)
    with pg.graph_breaks("error"), pytest.raises(pg.GraphBreakError, match=r"compute\(\) of"):
        loss.compute()
    with pg.graph_breaks("ignore"):
        assert float(loss.compute()) == 14.0
    np.testing.assert_allclose(v.grad.compute(scheduler="synchronous"), 2 * VECTOR)


def test_what_is_computed_inside_a_transform_is_a_constant() -> None:
    with pytest.warns(pg.GraphBreakWarning), pytest.raises(pg.GraphBreakError, match="compute"):
        pg.grad(lambda x: dask.compute(pg.sum(x * x))[0])(da.from_array(VECTOR))
    with pytest.raises(pg.errors.BatchingError):
        pg.vmap(lambda x: x.compute())(matrix())


def test_persist_keeps_the_place_in_the_graph() -> None:
    v = vector()
    y, constant, same = dask.persist(pg.exp(v), v.detach() * 2, v)
    assert not constant.requires_grad and y.requires_grad and same.requires_grad
    for x in (y, constant, same):
        assert all(isinstance(key, tuple) for key in x.data.dask)
        assert len(x.data.dask) == 2  # the chunks, and no task that would compute them
    pg.sum(y * y + same).backward()
    np.testing.assert_allclose(v.grad.data, 2 * np.exp(2 * VECTOR) + 1)
    np.testing.assert_allclose(constant.persist().data, 2 * VECTOR)


def test_collections_are_variables_over_dask_alone() -> None:
    v, numpy = vector(), pg.Variable(VECTOR, requires_grad=True)
    assert dask.is_dask_collection(v) and not dask.is_dask_collection(numpy)
    assert dask.compute(numpy)[0] is numpy
    for name in ("compute", "persist", "visualize", "chunks", "__dask_graph__", "__dask_keys__"):
        assert not hasattr(numpy, name)
    assert v.chunks == ((2, 1),) and (v.chunksize, v.numblocks, v.npartitions) == ((2,), (2,), 2)
    assert dask.tokenize.tokenize(v.detach()) == dask.tokenize.tokenize(vector().detach())
    assert dask.tokenize.tokenize(v) != dask.tokenize.tokenize(vector())
    (w,) = dask.optimize(v * 2)
    assert w.requires_grad
    assert float(dask.delayed(np.sum)(v.detach()).compute()) == 6.0


def test_gradients_are_computed_by_workers() -> None:
    """A function of pluggrad in a task, sent by the scheduler of processes."""
    g = pg.grad(lambda x: pg.sum(pg.sin(x) * x))
    found = dask.delayed(g)(VECTOR).compute(scheduler="processes", num_workers=1)
    np.testing.assert_allclose(found, np.sin(VECTOR) + VECTOR * np.cos(VECTOR))
    y = da.from_array(VECTOR, chunks=2).map_blocks(g, dtype=float)
    np.testing.assert_allclose(y.compute(scheduler="threads"), g(VECTOR))
