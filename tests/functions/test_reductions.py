"""Reductions and scans, and those that skip nan: every argument, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.backends import backend_fixture
from tests.support.calls import check_call, check_on

RNG = np.random.default_rng(7)
ROW, MATRIX, CUBE = RNG.normal(size=5), RNG.normal(size=(3, 4)), RNG.normal(size=(2, 3, 4))
HOLES = np.where(RNG.random((3, 4)) < 0.3, np.nan, MATRIX)
MASK = RNG.random((3, 4)) < 0.6
WEIGHTS = RNG.random((3, 4))
SUMS, EXTREMA = ["sum", "prod", "nansum", "nanprod"], ["max", "min", "nanmax", "nanmin"]
MOMENTS = ["mean", "var", "std", "nanmean", "nanvar", "nanstd"]
SPREADS = ["var", "std", "nanvar", "nanstd"]
SCANS = ["cumsum", "cumprod", "nancumsum", "nancumprod"]


def by_of(name: str, x: Any) -> tuple[int, ...]:
    """What to differentiate by: not the truth of anything, nor what is nan."""
    return () if name in ("all", "any") or (x is HOLES and "nan" not in name) else (0,)


@pytest.mark.parametrize("x", [ROW, MATRIX, CUBE, np.asarray(1.5), HOLES])
@pytest.mark.parametrize("name", [*SUMS, *EXTREMA, *MOMENTS, "all", "any", "ptp", "average"])
def test_axes(name: str, x: Any) -> None:
    axes: list[Any] = [None, (), *range(-x.ndim, x.ndim)]
    axes += [(0, 1), (-1, 0)] if x.ndim > 1 else []
    for axis in axes:
        check_call(name, x, axis, by=by_of(name, x))
    check_call(name, x, axis=axes[-1], keepdims=True, by=by_of(name, x))


@pytest.mark.parametrize("name", [*SUMS, *EXTREMA, *MOMENTS, "all", "any"])
def test_where(name: str) -> None:
    initial = {"initial": -0.5} if name in EXTREMA else {}
    masks: list[Any] = [
        MASK, MASK[:1], MASK[0], MASK[:, :1], True, False, np.True_, MASK[0].tolist()
    ]  # fmt: skip
    for x in (MATRIX, HOLES):
        for mask in masks:
            for axis in (None, 0, (0, 1)):
                by = by_of(name, x)
                by = () if "std" in name and mask is False else by
                check_call(name, x, axis=axis, where=mask, by=by, **initial)
    check_call(name, MATRIX, axis=1, where=MASK, keepdims=True, by=by_of(name, MATRIX), **initial)


@pytest.mark.parametrize("name", [*SUMS, *EXTREMA])
def test_initial(name: str) -> None:
    for axis in (None, 0, 1):
        check_call(name, MATRIX, axis=axis, initial=0.3)
        check_call(name, MATRIX, axis, initial=2, keepdims=True)
        check_call(name, HOLES, axis=axis, initial=0.3, by=())
    check_call(name, np.zeros((0, 3)), axis=0, initial=1.5)
    for number in (2.5, -2):
        check_call(name, np.arange(4), initial=number, by=())


@pytest.mark.parametrize("name", SPREADS)
def test_spreads(name: str) -> None:
    middle = MATRIX.mean(axis=0, keepdims=True)
    check_call(name, MATRIX, axis=1, ddof=1)
    check_call(name, MATRIX, axis=1, correction=1)
    check_call(name, MATRIX, axis=0, mean=middle, by=(0, "mean"))
    check_call(name, MATRIX, mean=0.5)
    check_call(name, MATRIX, axis=0, where=MASK, mean=middle)
    check_call(name, MATRIX, axis=0, ddof=5, by=())
    for kwargs in ({}, {"where": MASK}, {"ddof": 1}):
        check_call(name, MATRIX + 1j * MATRIX[::-1], axis=0, by=(), **kwargs)
    still = pg.Variable(np.full((2, 3), 0.1), requires_grad=True)
    getattr(pg, name)(still, where=[True, True, False]).backward()
    np.testing.assert_allclose(still.grad.data, 0.0, atol=1e-16 if "std" not in name else 0.0)


@pytest.mark.parametrize("name", [*SUMS, *MOMENTS, *SCANS])
def test_dtype(name: str) -> None:
    check_call(name, MATRIX, 0, np.float32, by=())
    narrow = MATRIX.astype("f4")
    found = getattr(pg, name)(narrow, axis=0, dtype=np.float64)
    assert found.dtype == np.float64
    np.testing.assert_allclose(
        found.data, getattr(np, name)(narrow, axis=0, dtype=np.float64), 1e-6
    )


@pytest.mark.parametrize("name", [*SUMS, *EXTREMA, *MOMENTS, "all", "any", "average"])
def test_integers(name: str) -> None:
    for x in (
        np.arange(6).reshape(2, 3),
        np.arange(6, dtype="i4").reshape(2, 3),
        MATRIX[:2, :3] > 0,
    ):
        check_call(name, x, axis=0, by=())
        initial = {"initial": 1} if name in EXTREMA else {}
        if name != "average":
            check_call(name, x, axis=0, by=(), where=[True, False, True], **initial)


@pytest.mark.parametrize("name", SCANS)
def test_scans(name: str) -> None:
    for x in (ROW, MATRIX, np.asarray(1.5), HOLES):
        for axis in (None, *range(-x.ndim, x.ndim)):
            check_call(name, x, axis, by=by_of(name, x))
    check_call(name, np.arange(1, 5), by=())
    check_call(name, np.zeros((0, 3)), axis=0)


def test_average() -> None:
    check_call("average", MATRIX, axis=1, weights=WEIGHTS[0], by=(0, "weights"))
    check_call("average", MATRIX, weights=WEIGHTS, by=(0, "weights"))
    check_call("average", MATRIX, 0, WEIGHTS, True, by=(0, 2))
    of_axes = RNG.random((4, 3))
    check_call("average", CUBE, axis=(2, 1), weights=of_axes, by=(0, "weights"), returned=True,
               keepdims=True)  # fmt: skip
    check_call("average", CUBE, axis=(0, 2), returned=True)
    check_call("average", MATRIX, axis=1, weights=[1, 2, 3, 4])
    check_call("average", MATRIX, weights=WEIGHTS > 0.5, returned=True)
    check_call("average", [1, 2, 3], weights=[1, 2, 3], returned=True, by=())


@pytest.mark.parametrize("name", ["nanargmax", "nanargmin"])
def test_places(name: str) -> None:
    for axis in (None, 0, 1):
        check_call(name, HOLES, axis, by=())
        check_call(name, HOLES, axis=axis, keepdims=True, by=())
    check_call(name, np.arange(3), by=())


@pytest.mark.parametrize("name", ["amax", "amin"])
def test_other_names(name: str) -> None:
    check_call(name, MATRIX, 1)


@pytest.mark.parametrize("name", EXTREMA)
def test_the_initial_number_ties_as_an_element(name: str) -> None:
    x, start = (pg.Variable(np.ones(n), requires_grad=True) for n in ((3,), ()))
    getattr(pg, name)(x, initial=start).backward()
    assert x.grad.tolist() == [0.25, 0.25, 0.25] and start.grad.item() == 0.25


backend = backend_fixture("torch", "jax", "strict", "dask")
ON_BACKENDS: list[Any] = [
    *[(name, (MATRIX,), {"axis": 1, "initial": 0.3, "where": MASK}) for name in (*SUMS, *EXTREMA)],
    *[
        (name, (HOLES if "nan" in name else MATRIX,), {"axis": 1, "where": MASK})
        for name in MOMENTS
    ],
    *[(name, (MATRIX > 0,), {"axis": 1, "where": MASK}) for name in ("all", "any")],
    *[(name, (HOLES if "nan" in name else MATRIX, 1), {}) for name in (*SCANS, "nanargmax")],
    ("average", (MATRIX,), {"axis": 1, "weights": WEIGHTS, "returned": True}),
    ("std", (MATRIX,), {"axis": 1, "mean": MATRIX.mean(axis=1, keepdims=True)}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), ON_BACKENDS)
def test_on_backends(backend: str, name: str, args: Any, kwargs: Any) -> None:
    check_on(backend, name, *args, **kwargs)


def test_a_mask_may_differ_within_a_batch() -> None:
    batch = np.stack([MASK, ~MASK])
    found = pg.vmap(lambda x, m: pg.mean(x, axis=1, where=m), in_axes=(None, 0))(MATRIX, batch)
    for row, mask in zip(found, batch, strict=True):
        np.testing.assert_allclose(row.data, MATRIX.mean(axis=1, where=mask))


@pytest.mark.parametrize("call", [
    lambda: pg.sum(MATRIX, where=[1, 0, 1, 1]), lambda: pg.sum(MATRIX, where=MASK[:, :2]),
    lambda: pg.sum(MATRIX, where=np.ones((2, 3, 4), bool)), lambda: pg.sum(MATRIX, where="a"),
    lambda: pg.sum(MATRIX, initial=[1.0, 2.0]), lambda: pg.sum(MATRIX, initial="a"),
    lambda: pg.sum(MATRIX, initial=1j), lambda: pg.sum(MATRIX, axis=2, where=MASK),
    lambda: pg.max(MATRIX, where=MASK), lambda: pg.nanmin(MATRIX, where=MASK),
    lambda: pg.max(MATRIX, axis=5, initial=1), lambda: pg.max(MATRIX * 1j, initial=1),
    lambda: pg.mean(MATRIX, dtype=int), lambda: pg.var(MATRIX, ddof=1, correction=1),
    lambda: pg.nanvar(MATRIX, ddof=1, correction=1), lambda: pg.var(MATRIX, mean=np.ones((2, 3, 4))),
    lambda: pg.std(MATRIX, mean="a"), lambda: pg.ptp(MATRIX[:0]), lambda: pg.ptp(MATRIX, axis=2),
    lambda: pg.average(MATRIX, weights=WEIGHTS[0]), lambda: pg.average(MATRIX, 0, WEIGHTS[0]),
    lambda: pg.average(MATRIX, weights=WEIGHTS * 0), lambda: pg.average(MATRIX, weights="a"),
    lambda: pg.average(CUBE, (1, 2), np.ones((4, 3))), lambda: pg.cumsum(MATRIX, axis=2),
    lambda: pg.cumprod(MATRIX, axis=1.5), lambda: pg.nanargmax(HOLES * np.nan), lambda: pg.nansum("a"),
    lambda: pg.nanmax(MATRIX[:0]), lambda: pg.nanmean(None), lambda: pg.average({}),
])  # fmt: skip
def test_refused(call: Any) -> None:
    with pytest.raises(pg.PluggradError):
        call()
