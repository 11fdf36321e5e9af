"""NumPy's ufuncs on Variables: masks, raw arrays that are written, other backends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import convert, to_numpy
from tests.support.optional import needs


def test_what_is_not_written_brings_in_no_nan() -> None:
    v, out = pg.Variable([0.0, 4.0], requires_grad=True), pg.zeros(2)
    y = np.sqrt(v, out=out, where=v > 0)
    pg.sum(y).backward()
    np.testing.assert_array_equal(v.grad.data, [0.0, 0.25])


def test_ufuncs_that_python_functions_are_made_of_are_refused_by_name() -> None:
    ufunc = np.frompyfunc(abs, 1, 1)
    with pytest.raises(pg.PluggradError, match=r"abs.*frompyfunc"):
        ufunc(pg.Variable([1.0]))


def test_raw_arrays_are_written_where_no_gradient_is_lost() -> None:
    a, v = np.zeros(3), pg.Variable(np.ones(3))
    assert np.add(v, 1.0, out=a) is a and a.tolist() == [2.0, 2.0, 2.0]
    np.add.at(a, [0, 0], v[:2])
    assert a.tolist() == [4.0, 2.0, 2.0]
    for write in (lambda w: np.add(w, 1.0, out=a), lambda w: np.add.at(a, [0], w[0]),
                  lambda w: np.add.reduce(w, out=a[0, ...])):  # fmt: skip
        with pytest.raises(pg.errors.GraphBreakError, match=r"numpy\.add"):
            write(pg.Variable(np.ones(3), requires_grad=True))
    found = np.greater(pg.Variable(np.ones(3), requires_grad=True), 0.5, out=np.zeros(3, bool))
    assert found.all()


@pytest.mark.parametrize("backend", ["torch", "jax", "strict", "dask"])
def test_other_backends(backend: str) -> None:
    needs(backend)
    x = np.asarray([[0.7, 1.3, 0.9], [1.1, 0.8, 1.2]])
    rows: list[Callable[..., Any]] = [
        lambda v: np.add.reduce(v), lambda v: np.maximum.reduce(v, axis=None, initial=1.0),
        lambda v: np.hypot.reduce(v, axis=1, keepdims=True), lambda v: np.subtract.accumulate(v),
        lambda v: np.multiply.reduceat(v, [0, 1], axis=1), lambda v: np.multiply.outer(v[0], v[1]),
        lambda v: np.fmod(v, 0.5), lambda v: np.multiply(v, v, dtype="float32"),
        lambda v: np.logaddexp.reduce(v, where=np.asarray([True, False, True])),
    ]  # fmt: skip
    for f in rows:
        v = pg.Variable(convert(x, backend), requires_grad=True)
        w = pg.Variable(x, requires_grad=True)
        y, expected = f(v), f(w)
        np.testing.assert_allclose(to_numpy(y), expected.detach().data, rtol=1e-6)
        pg.sum(y * y).backward()
        pg.sum(expected * expected).backward()
        np.testing.assert_allclose(to_numpy(v.grad), w.grad.data, rtol=1e-5)


@pytest.mark.parametrize("backend", ["torch", "jax", "strict", "dask"])
def test_writing_on_other_backends(backend: str) -> None:
    needs(backend)
    v = pg.Variable(convert(np.asarray([1.0, 2.0, 3.0]), backend), requires_grad=True)
    y = v * 1.0
    np.multiply.at(y, [0, 2, 0], pg.Variable(convert(np.asarray([2.0, 3.0, 4.0]), backend)))
    assert to_numpy(y).tolist() == [8.0, 2.0, 9.0]
    pg.sum(y).backward()
    assert to_numpy(v.grad).tolist() == [8.0, 1.0, 3.0]
    out = pg.Variable(convert(np.zeros(3), backend))
    assert np.add(v, v, out=out) is out and to_numpy(out).tolist() == [2.0, 4.0, 6.0]
