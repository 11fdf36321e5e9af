"""NumPy's elementwise functions beyond the standard, and comparisons, compared with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import leaf, listed, to_numpy, tracked
from tests.support.backends import OTHERS
from tests.support.numpy_calls import call, check_call, check_on, check_refused
from tests.support.optional import needs

nan, inf = np.nan, np.inf
S, V = np.asarray(1.26), np.asarray([0.57, -2.16, 3.01, 1.24, 17.33])
M = np.random.default_rng(2).normal(size=(2, 3))
Z = V + 1j * V[::-1]
INTS, SINGLE, FLAGS = np.asarray([3, -15, 25, 0, 135]), V.astype("float32"), V > 0
EMPTY, HOLES = np.zeros((0, 3)), np.asarray([[nan, 1.0, inf], [-inf, 2.0, nan]])
HOLES_IN_BOTH = np.stack([HOLES, HOLES[::-1]], axis=-1).view(complex)[..., 0]

CALLS = [
    *[call(name, x) for name in ("around", "round", "fix", "angle", "sinc", "i0", "nan_to_num",
                                 "real_if_close", "real", "imag")
      for x in (V, S, M, INTS, SINGLE, EMPTY, Z, [1.5, -2.5])
      if not (x is Z and name in ("i0", "fix"))
      and not (x is SINGLE and name == "i0") and not (name in ("around", "round", "fix") and x is EMPTY)],
    *[call(name, x, n) for name in ("around", "round") for n in (0, 1, 2, -1, -2)
      for x in (V, S, INTS, SINGLE, Z)],
    call("round", V, decimals=np.int64(1)), call("angle", Z, True), call("angle", V, deg=True),
    call("angle", INTS, deg=True), call("angle", FLAGS), call("sinc", [0.0, 1.0, 0j]),
    call("clip", V, 0.0, 2.0), call("clip", V, a_min=0.0, a_max=S), call("clip", V, None, S),
    call("clip", M, M[0] - 0.1, M + 0.2), call("clip", V, a_min=None, a_max=2.0),
    call("clip", INTS, 0, 20), call("clip", V, min=0.0), call("clip", V, max=0.0, min=None),
    call("clip", [1.0, 9.0], 0.0, S), call("clip", M, a_min=[0.0, 0.1, 0.2], a_max=None),
    call("nan_to_num", FLAGS), call("nan_to_num", HOLES.astype("float32")),
    call("real_if_close", V + 1e-3j, tol=0.1), call("real_if_close", V + 1e-15j, 0.5),
]  # fmt: skip

#: The numbers that fill holes are NumPy's; derivatives there are checked by name below.
FILLED = [
    call("nan_to_num", HOLES), call("nan_to_num", HOLES_IN_BOTH), call("nan_to_num", HOLES, nan=7),
    call("nan_to_num", HOLES, True, 1.0, 2.0, 3.0), call("nan_to_num", HOLES, nan=S, posinf=S),
    call("nan_to_num", HOLES, nan=M, neginf=M[0]), call("nan_to_num", HOLES_IN_BOTH, posinf=1.5),
    call("nan_to_num", HOLES, posinf=inf), call("nan_to_num", [nan, 1.0], nan=[1, 2]),
    call("nan_to_num", np.asarray(nan), posinf=1), call("real_if_close", V + 1e-15j),
    call("real_if_close", V + 1e-9j, tol=1e9), call("real_if_close", V + 1e-3j),
]  # fmt: skip

ANSWERS = [
    *[call(name, x) for name in ("isneginf", "isposinf", "iscomplex", "isreal", "iscomplexobj",
                                 "isrealobj")
      for x in (V, S, HOLES, INTS, EMPTY, Z, HOLES_IN_BOTH, [1.0, 2j], 3.0)
      if not (name in ("isneginf", "isposinf") and np.iscomplexobj(x))],
    *[call(name, x, y) for name in ("isclose", "allclose")
      for x, y in ((V, V + 1e-9), (V, V + 0.1), (HOLES, HOLES), (S, V), (INTS, INTS), (Z, Z),
                   (INTS, V), (V, 1.0), (1, INTS), (M, M[0]), (EMPTY, EMPTY), (FLAGS, FLAGS),
                   (V, list(V)), (Z, V), (SINGLE, V), ([inf, inf], [inf, -inf]))],
    call("isclose", HOLES, HOLES, equal_nan=True), call("allclose", HOLES, HOLES, 0, 0, True),
    call("isclose", V, V + 0.1, 0.05, [0.0, 0.1, 0.2, 0.0, 0.0]), call("allclose", V, 2 * V, 1.0),
    call("isclose", V, V + 0.1, S), call("allclose", V, V + 0.1, atol=0.2),
    *[call(name, x, y) for name in ("array_equal", "array_equiv")
      for x, y in ((V, V), (V, V[:3]), (M, M[0]), (M, [M[0], M[1]]), (S, S), (S, 1.26), (V, INTS),
                   (HOLES, HOLES), (EMPTY, EMPTY), ([M[0], M[0]], M[0]), (INTS, list(INTS)))],
    call("array_equal", HOLES, HOLES, True), call("array_equal", HOLES, M, equal_nan=True),
]  # fmt: skip

REFUSED = [
    call("round", V, 1.5), call("round", V, None), call("angle", "a"), call("sinc", None),
    call("i0", Z), call("isneginf", Z), call("isposinf", Z), call("isclose", V, V[:3]),
    call("allclose", V, "a"), call("nan_to_num", HOLES, nan=[M, M]), call("fix", Z),
    call("clip", V, a_min=0.0, a_max=1.0, min=0.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_as_numpy(name: str, args: Any, kwargs: Any) -> None:
    check_call(name, args, kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), FILLED + ANSWERS)
def test_values(name: str, args: Any, kwargs: Any) -> None:
    found = to_numpy(getattr(pg, name)(*args, **kwargs))
    expected = np.asarray(getattr(np, name)(*args, **kwargs))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("name", "args", "kwargs"), REFUSED)
def test_what_numpy_refuses(name: str, args: Any, kwargs: Any) -> None:
    check_refused(name, args, kwargs)


ON_OTHERS = [
    call("round", V, 1), call("angle", Z), call("angle", V + 3.0, True), call("sinc", V),
    call("i0", V), call("nan_to_num", V, nan=1.0), call("clip", V, a_min=S, a_max=None),
    call("real_if_close", V + 1e-20j), call("fix", V), call("real", Z), call("imag", Z),
]  # fmt: skip


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize(("name", "args", "kwargs"), ON_OTHERS)
def test_on_other_backends(backend: str, name: str, args: Any, kwargs: Any) -> None:
    needs(backend)
    check_on(backend, name, args, kwargs)


@pytest.mark.parametrize("backend", OTHERS)
def test_answers_on_other_backends(backend: str) -> None:
    needs(backend)
    xp = pg.namespace(backend)
    x = xp.asarray([1.0, inf, nan])
    assert listed(xp.isposinf(x)).tolist() == [False, True, False]
    assert listed(xp.isclose(x, x, equal_nan=True)).tolist() == [True, True, True]
    assert not bool(xp.allclose(x, x)) and bool(xp.array_equiv(x[0], x[:1]))
    assert not bool(xp.array_equal(x, x[:1])) and listed(xp.isreal(x)).all()


def test_what_fills_holes_gets_their_gradient() -> None:
    x, fill, high = leaf(nan, 1.0, inf), leaf(5.0, 6.0, 7.0), leaf(9.0)
    pg.sum(pg.nan_to_num(x, nan=fill, posinf=high) * np.asarray([1.0, 2.0, 3.0])).backward()
    assert x.grad.tolist() == [0.0, 2.0, 0.0]
    assert fill.grad.tolist() == [1.0, 0.0, 0.0] and high.grad.tolist() == [3.0]


def test_without_a_copy_the_argument_is_repaired() -> None:
    x = tracked(HOLES) * 1.0
    y = pg.nan_to_num(x, copy=False, nan=1.0, posinf=2.0, neginf=3.0)
    assert y is x and x.detach().tolist() == [[1.0, 1.0, 2.0], [3.0, 2.0, 1.0]]


def test_sinc_at_zero_of_complex_numbers() -> None:
    z = tracked(np.asarray([0j, 0.5 + 0.1j]))
    pg.sum(pg.real(pg.sinc(z))).backward()
    assert z.grad.data[0] == 0 and z.grad.data[1] != 0
