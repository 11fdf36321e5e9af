"""Making arrays, compared with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.backends import OTHERS, every_backend
from tests.support.numpy_calls import call, check_call, check_on, check_refused
from tests.support.optional import needs

S, V, M = np.asarray(1.5), np.asarray([1.0, 2.0, 3.5]), np.arange(6.0).reshape(2, 3) + 1
W, INTS, SINGLE, COMPLEX = V[::-1].copy(), np.arange(1, 4), V.astype("float32"), M + 1j

ENDS = [(V, 2.0), (0.5, V), (V, W), (M, V), (S, 2), (INTS, V), (SINGLE, 2.0), (COMPLEX, 1),
        ([1, 2, 3], V), (M[:, :0], 1.0)]  # fmt: skip
SPACED = [
    *[call("linspace", *ends, num, endpoint) for ends in ENDS for num in (1, 2, 5)
      for endpoint in (True, False) if endpoint or num > 1],
    *[call("linspace", V, W, num, endpoint, True) for num in (2, 4) for endpoint in (True, False)],
    *[call(name, M, V, 4, axis=axis) for name in ("linspace", "logspace", "geomspace")
      for axis in (0, 1, -1, 2)],
    *[call("linspace", V, 9.0, 5, dtype=dtype) for dtype in ("float64", complex)],
    call("linspace", V, 2.0, 0),
    *[call("logspace", V, W, 4, True, base) for base in (2, 2.5, V, [2.0, 3.0, 4.0], S)],
    call("logspace", V, 2.0), call("logspace", M, 2.0, 3, base=V, axis=-1),
    call("logspace", S, V, 3, dtype="complex128"), call("logspace", 0, 1, 3, base=V),
    *[call("geomspace", *ends, num, endpoint) for num in (1, 2, 5) for endpoint in (True, False)
      if endpoint or num > 1
      for ends in ((V, 100.0), (-V, -3 * W), (2.0, V), (M, V), (S, 7), (COMPLEX, 2.0))
      if num > 1 or isinstance(ends[0], np.ndarray)],
    call("geomspace", V, 5.0, 3, dtype="complex128"), call("geomspace", V * (1 + 1j), W, 3, axis=1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), SPACED)
def test_spaced(name: str, args: Any, kwargs: Any) -> None:
    check_call(name, args, kwargs)


FILLED = [
    *[call(name, shape, value) for name in ("full",) for shape in ((2, 3), [2, 3])
      for value in (S, V, M, COMPLEX)], call("full", 3, V), call("full", (0, 3), V),
    call("full", (), S), call("full", 2, S, "complex128"), call("full", 2, S, dtype=complex),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), FILLED)
def test_filled(name: str, args: Any, kwargs: Any) -> None:
    if args[0] == (0, 3):
        found = pg.full((0, 3), pg.Variable(V, requires_grad=True))
        assert found.shape == (0, 3)
        return
    check_call(name, args, kwargs)


def test_filled_like_another() -> None:
    """By the value only: what the other holds does not matter."""
    v = pg.Variable(V, requires_grad=True)
    y = pg.full_like(M, v)
    pg.sum(y * M).backward()
    assert y.shape == M.shape and v.grad.tolist() == M.sum(0).tolist()
    for kwargs in ({"dtype": "float32"}, {"shape": (2, 2)}, {"shape": 4, "dtype": int}):
        mine, theirs = pg.full_like(M, 2.0, **kwargs), np.full_like(M, 2.0, **kwargs)
        assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
        assert mine.tolist() == theirs.tolist()


CONSTANTS = [
    *[call("linspace", *ends, num, endpoint, step) for ends in ((0, 1), (0.5, 2), (1, 1j))
      for num in (0, 1, 2, 5) for endpoint in (True, False) for step in (True, False)],
    call("linspace", 0, 1), call("linspace", 0, 9, 5, dtype=int), call("linspace", -1.5, 0, 4, dtype="int32"),
    call("linspace", V, 9, 5, dtype=int), call("logspace", 0, 2, 3), call("logspace", 0, -1, 3, dtype=int),
    call("geomspace", 1, 1000, 4), call("geomspace", -1000, -1, 4), call("geomspace", 1j, 8j, 4),
    call("geomspace", -1 + 0j, 1 + 0j, 5), call("geomspace", 1, 256, 9, dtype=int),
    *[call(name, x, *rest) for name in ("zeros_like", "ones_like") for x in (M, INTS, SINGLE, S)
      for rest in ((), ("float32",), (int,))],
    *[call(name, M, shape=shape) for name in ("zeros_like", "ones_like") for shape in ((2,), 3, ())],
    *[call(name, (2, 3), *rest) for name in ("zeros", "ones") for rest in ((), ("float32",), (int,))],
    call("full", (2, 2), 1.5), call("full", 2, 3), call("full", 2, 1.5, int), call("full", 2, True),
    call("eye", 3), call("eye", 2, 3, 1), call("eye", 3, None, -1, "float32"), call("eye", 3, k=1),
    call("identity", 3), call("identity", 2, int), call("tri", 3), call("tri", 2, 4, 1),
    call("tri", 3, k=-1, dtype=int), call("tri", 0), call("indices", (2, 3)), call("indices", (2, 0)),
    call("indices", (2, 3), float), call("indices", (2, 3), sparse=True), call("indices", ()),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CONSTANTS)
def test_constants(name: str, args: Any, kwargs: Any) -> None:
    if kwargs.get("dtype") is int and args[0] is V:
        args = (INTS, *args[1:])
    check_call(name, args, kwargs, constant=True)


def test_without_a_step() -> None:
    for num in (0, 1):
        mine, theirs = (
            pg.linspace(pg.Variable(V), W, num, retstep=True),
            np.linspace(V, W, num, retstep=True),
        )
        assert (
            mine[0].tolist() == theirs[0].tolist() and np.isnan([mine[1].item(), theirs[1]]).all()
        )


REFUSED = [
    *[call(name, V, 2.0, *rest) for name in ("linspace", "logspace", "geomspace")
      for rest in ((-1,), (2.5,), ("a",))], call("linspace", V, V[:2]), call("geomspace", V, 0),
    *[call(name, V, 2.0, axis=5) for name in ("linspace", "logspace", "geomspace")],
    call("linspace", 0, 1, axis=1), call("geomspace", 0, 1), call("linspace", COMPLEX, 1, 3, dtype=int),
    call("linspace", "a", 1), call("linspace", V, 1, dtype="foo"), call("full", -1, 2.0),
    call("full", (2,), V), call("full", 1.5, 2.0), call("identity", -1), call("identity", 1.5),
    call("eye", 2, 2, 0, "foo"), call("zeros", -1), call("zeros_like", M, shape=-1),
    call("indices", 3), call("indices", (1.5,)), call("array", [1, [2]]), call("zeros", 2, 3, 4),
    call("tri", "a"), call("array", [1], copy=False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), REFUSED)
def test_refused(name: str, args: Any, kwargs: Any) -> None:
    check_refused(name, args, kwargs)


def test_arrays_of_other_things() -> None:
    v = pg.Variable(V, requires_grad=True)
    y = pg.array([v, v * 2], ndmin=3)
    pg.sum(y).backward()
    assert y.shape == (1, 2, 3) and v.grad.tolist() == [3.0, 3.0, 3.0]
    raw = V.copy()
    pg.array(raw)[0] = 9.0
    assert raw[0] == V[0]
    assert pg.array([1, 2], "float32").dtype == np.float32 == pg.asarray([1, 2], "float32").dtype
    assert pg.asanyarray(V, float).tolist() == V.tolist()
    for name in ("ascontiguousarray", "asfortranarray"):
        assert getattr(pg, name)(1.5).shape == getattr(np, name)(1.5).shape == (1,)


@every_backend
def test_a_namespace_makes_its_own_arrays(backend: str) -> None:
    xp = pg.namespace(backend)
    made = [xp.array([1.0]), xp.linspace(0.0, 1.0, 3), xp.logspace(0.0, 1.0, 3), xp.identity(2),
            xp.geomspace(1.0, 4.0, 3), xp.tri(2), xp.indices((2, 2)), xp.full(2, 1.0),
            xp.zeros_like(xp.ones(2), shape=3), xp.eye(2, 2, 1), *xp.linspace(0.0, 1.0, 3, retstep=True)]  # fmt: skip
    for x in made:
        assert isinstance(x, pg.Variable) and pg.namespace(x).__name__ == xp.__name__


ELSEWHERE = [
    call("linspace", V, W, 4, axis=1), call("linspace", V, 2.0, 3, False, True), call("full", (2, 3), V),
    call("logspace", V, W, 4, base=V), call("geomspace", V, 100.0, 5), call("geomspace", -V, -W, 3),
]  # fmt: skip


@pytest.mark.parametrize("backend", [*OTHERS, "dask"])
@pytest.mark.parametrize(("name", "args", "kwargs"), ELSEWHERE)
def test_elsewhere(backend: str, name: str, args: Any, kwargs: Any) -> None:
    needs(backend)
    check_on(backend, name, args, kwargs)


def test_second_derivatives() -> None:
    check_call("geomspace", (V, W, 4), {}, second=True)
    check_call("logspace", (V, W, 3), {"base": V}, second=True)
