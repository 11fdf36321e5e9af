"""Medians, covariances and correlations: every argument, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.backends import backend_fixture
from tests.support.calls import check_call, check_on

RNG = np.random.default_rng(11)
ROW, MATRIX, CUBE = RNG.normal(size=7), RNG.normal(size=(3, 6)), RNG.normal(size=(2, 3, 4))
MORE = RNG.normal(size=(2, 6))
COMPLEX = MATRIX + 1j * RNG.normal(size=(3, 6))
HOLES = np.where(RNG.random((3, 6)) < 0.3, np.nan, MATRIX)
HOLES[1] = np.nan
TIMES, WEIGHTS = np.array([1, 2, 0, 3, 1, 1]), RNG.random(6)

# fmt: off
COVARIANCES: list[Any] = [
    *[((x,), {**k}) for x in (ROW, MATRIX) for k in ({}, {"bias": True}, {"ddof": 0}, {"ddof": 2})],
    *[((MATRIX, MORE), {**k}) for k in ({}, {"bias": True}, {"ddof": 0})],
    ((MATRIX,), {"rowvar": False}), ((MATRIX.T, MORE.T, False), {}), ((MATRIX, MORE[0]), {}),
    ((MATRIX, None, True, True), {}),
    *[((MATRIX,), {"fweights": TIMES, **k}) for k in ({}, {"bias": True}, {"ddof": 2})],
    *[((MATRIX,), {"aweights": WEIGHTS, **k}) for k in ({}, {"bias": True}, {"ddof": 2})],
    *[((MATRIX, MORE), {"fweights": TIMES, "aweights": WEIGHTS, **k}) for k in ({}, {"ddof": 0})],
]
VALUES: list[Any] = [
    ("cov", (COMPLEX,), {}), ("cov", (COMPLEX,), {"aweights": WEIGHTS}), ("cov", ([[1, 2, 3], [4, 5, 7]],), {}),
    ("cov", (MATRIX,), {"dtype": np.float32}), ("cov", (MATRIX.astype("f4"),), {}), ("cov", (ROW[:1],), {}),
    ("cov", (np.asarray(2.0),), {}), ("cov", (np.ones((0, 3)),), {}), ("cov", (MATRIX,), {"ddof": 9}),
    ("cov", (HOLES,), {}), ("corrcoef", (COMPLEX,), {}), ("corrcoef", (MATRIX,), {"dtype": np.float32}),
    ("corrcoef", (np.ones((2, 3)),), {}), ("corrcoef", (ROW,), {}), ("median", (np.arange(6),), {}),
    ("median", ([3, 1, 2],), {}), ("median", (np.array([True, False]),), {}), ("median", (HOLES,), {"axis": 1}),
    ("median", (ROW.astype("f4"),), {}), ("nanmedian", (np.zeros((0, 3)),), {"axis": 0}),
]
# fmt: on


@pytest.mark.parametrize("name", ["median", "nanmedian"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("x", [ROW, ROW[:6], MATRIX, CUBE, np.asarray(1.5), HOLES])
def test_medians(name: str, x: Any, keepdims: bool) -> None:
    axes: list[Any] = [None, *range(-x.ndim, x.ndim)]
    axes += [(0, 1), (-1, 0)] if x.ndim > 1 else []
    for axis in axes:
        by = () if x is HOLES and name == "median" else (0,)
        check_call(name, x, axis, by=by, keepdims=keepdims)


@pytest.mark.parametrize(("args", "kwargs"), COVARIANCES)
def test_cov(args: Any, kwargs: Any) -> None:
    by = [n for n, x in enumerate(args) if isinstance(x, np.ndarray)]
    check_call("cov", *args, by=(*by, *[k for k in kwargs if k == "aweights"]), **kwargs)


@pytest.mark.parametrize("kwargs", [{}, {"rowvar": False}])
def test_corrcoef(kwargs: Any) -> None:
    check_call("corrcoef", MATRIX, **kwargs, tolerance=1e-5)
    check_call("corrcoef", MATRIX, MATRIX[:, ::-1].copy(), by=(0, 1), tolerance=1e-5, **kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), VALUES)
def test_values(name: str, args: Any, kwargs: Any) -> None:
    check_call(name, *args, by=(), **kwargs)


backend = backend_fixture("torch", "jax", "strict")


@pytest.mark.parametrize(("name", "args", "kwargs"), [
    ("median", (MATRIX, 1), {}), ("nanmedian", (HOLES, 1), {}), ("corrcoef", (MATRIX,), {}),
    ("cov", (MATRIX, MORE), {}), ("cov", (MATRIX,), {"aweights": WEIGHTS}),
])  # fmt: skip
def test_on_backends(backend: str, name: str, args: Any, kwargs: Any) -> None:
    check_on(backend, name, *args, **kwargs)


@pytest.mark.parametrize("call", [
    lambda: pg.median(MATRIX, axis=3), lambda: pg.median(MATRIX[:0]), lambda: pg.median(COMPLEX),
    lambda: pg.median(MATRIX, axis=1.5), lambda: pg.median("a"), lambda: pg.nanmedian(COMPLEX),
    lambda: pg.cov(CUBE), lambda: pg.cov(MATRIX, CUBE), lambda: pg.cov(MATRIX, MORE[:, :3]),
    lambda: pg.cov(MATRIX, ddof=0.5), lambda: pg.cov(MATRIX, ddof="a"),
    lambda: pg.cov(MATRIX, fweights=WEIGHTS), lambda: pg.cov(MATRIX, fweights=TIMES[:2]),
    lambda: pg.cov(MATRIX, fweights=-TIMES), lambda: pg.cov(MATRIX, aweights=MATRIX),
    lambda: pg.cov(MATRIX, aweights=-WEIGHTS), lambda: pg.cov(MATRIX, aweights=WEIGHTS * 0),
    lambda: pg.cov(MATRIX, dtype=int), lambda: pg.corrcoef(CUBE), lambda: pg.cov(MATRIX, aweights="a"),
    lambda: pg.cov(3.0),
])  # fmt: skip
def test_refused(call: Any) -> None:
    with pytest.raises(pg.PluggradError):
        call()
