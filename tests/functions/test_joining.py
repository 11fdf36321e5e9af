"""Joining and splitting, compared with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.backends import OTHERS
from tests.support.numpy_calls import call, check_call, check_on, check_refused
from tests.support.optional import needs

S, V, W = np.asarray(1.5), np.asarray([1.0, -2.0, 3.0]), np.asarray([0.5])
M, C = np.arange(6.0).reshape(2, 3), np.arange(24.0).reshape(2, 3, 4) / 7
INTS, FLOAT = np.arange(6).reshape(2, 3), M.astype("float32")
EMPTY, COMPLEX = np.zeros((0, 3)), M + 1j

JOINED = ([V, V], [M, M], (M, M), [C, C], [M, 2 * M, EMPTY], [FLOAT, M], [INTS, M], [COMPLEX, M], M,
          [M, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])  # fmt: skip
CALLS = [
    *[call(name, arrays) for name in ("concatenate", "concat", "stack", "hstack", "vstack",
                                      "dstack", "column_stack")
      for arrays in JOINED if name not in ("stack", "hstack", "dstack", "column_stack")
      or not (isinstance(arrays, list) and arrays[-1] is EMPTY)],
    *[call(name, [V, 2.0, S, W]) for name in ("hstack",)],
    *[call(name, [S, S, 1.0]) for name in ("vstack", "dstack", "column_stack", "stack", "hstack")],
    *[call(name, [[1.0, 2.0], V[:2]]) for name in ("vstack", "dstack", "column_stack", "hstack")],
    *[call(name, [M, M], axis) for name in ("concatenate", "concat", "stack", "append")
      for axis in (1, -1) if name != "append"],
    *[call(name, [M, V, S], axis=None) for name in ("concatenate", "concat")],
    *[call(name, [M, M], dtype=dtype)
      for name in ("concatenate", "concat", "stack", "hstack", "vstack")
      for dtype in ("float64", np.complex128, complex)],
    call("append", M, V), call("append", V, 5.0), call("append", V, [1.0, 2.0]),
    call("append", M, M, 0), call("append", M, M, axis=-1), call("append", INTS, W),
    call("append", [1.0, 2.0], V), call("append", S, S), call("append", EMPTY, M, axis=0),
    call("block", [[M, M], [M, M]]), call("block", [M, np.ones((2, 1))]), call("block", M),
    call("block", [1.0, V]), call("block", [[C], [C]]), call("block", [[[V, V]], [[V, V]]]),
    call("block", [V, C[:, :, :3]][:1]), call("block", S), call("block", [[M, 0 * M], [INTS, M]]),
    call("block", [[np.ones((2, 2)), np.ones((2, 1))], [np.ones((1, 2)), 5.0]]),
    *[call(name, C, places, axis) for name in ("split", "array_split")
      for places, axis in ((2, 0), ([1], 1), ([1, 2], -1), ((5,), 0), ([-1], 2), ([2, 1], 1),
                           ([], 0), (np.asarray([1, 2]), 2))],
    *[call("array_split", V, n) for n in (1, 2, 3, 5)], call("split", V, np.int64(3)),
    call("hsplit", V, 3), call("hsplit", M, [1]), call("vsplit", M, 2), call("dsplit", C, 2),
    call("dsplit", C, [1, 3]), call("array_split", EMPTY, 2),
]  # fmt: skip

#: NumPy raises, and so do we.
REFUSED = [
    *[call(name, []) for name in ("concatenate", "stack", "hstack", "vstack", "dstack",
                                  "column_stack", "block")],
    *[call(name, S) for name in ("concatenate", "stack", "hstack")], call("concatenate", [M, V]),
    call("hstack", [M, V]), call("vstack", [V, W]), call("stack", [V, W]), call("hstack", M, V),
    call("concatenate", [M, M], 2), call("concatenate", [M, M], 0.5), call("concatenate", [S, S]),
    call("concatenate", [M, 1.0]), call("stack", [M, M], 3), call("append", M, V, axis=0),
    call("append", M, M, axis=5), call("block", (M, M)), call("block", [M, [M]]),
    call("block", [[M, M], [M]]), call("block", [M, []]), call("hstack", 5),
    *[call(name, [M, M], dtype=int) for name in ("concatenate", "stack", "hstack", "concat")],
    call("concatenate", [COMPLEX], dtype=float), call("hstack", [np.asarray([-1]), np.asarray([1])],
                                                      dtype="uint8"),
    call("split", V, 2), call("split", V, 0), call("split", V, -1), call("split", V, None),
    call("split", V, [0.5]), call("split", V, 2, 1), call("split", S, 1), call("array_split", V, 0),
    call("hsplit", S, 1), call("vsplit", V, 1), call("dsplit", M, 1), call("split", V, "ab"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_calls(name: str, args: Any, kwargs: Any) -> None:
    check_call(name, args, kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), REFUSED)
def test_refused(name: str, args: Any, kwargs: Any) -> None:
    if name == "hstack" and len(args) == 2:
        with pytest.raises(TypeError):
            pg.hstack(*args)
        return
    check_refused(name, args, kwargs)


ELSEWHERE = [
    call("concatenate", [M, M], 1), call("hstack", [V, 2.0, W]), call("vstack", [V, V]),
    call("dstack", [M, M]), call("column_stack", [V, V]), call("append", M, V),
    call("block", [[M, np.ones((2, 1))], [np.ones((1, 3)), 5.0]]), call("split", C, [1, 2], -1),
    call("array_split", V, 2), call("hsplit", M, 3), call("vsplit", M, 2), call("dsplit", C, 2),
    call("stack", [M, M], 1), call("concat", [M, M], -1), call("concat", [M, V], axis=None),
]  # fmt: skip


@pytest.mark.parametrize("backend", [*OTHERS, "dask"])
@pytest.mark.parametrize(("name", "args", "kwargs"), ELSEWHERE)
def test_elsewhere(backend: str, name: str, args: Any, kwargs: Any) -> None:
    needs(backend)
    check_on(backend, name, args, kwargs)


def test_numbers_alone_are_of_the_default_backend_or_the_namespace() -> None:
    assert pg.hstack([1.0, 2.0]).tolist() == [1.0, 2.0]
    assert pg.block([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]


def test_second_derivatives() -> None:
    check_call("block", ([[M, M], [M, M]],), {}, second=True)
    check_call("array_split", (C, 2, 1), {}, second=True)


def test_parts_are_views() -> None:
    v = pg.Variable(np.zeros(4))
    first, _ = pg.split(v, 2)
    first[:] = 1.0
    assert v.tolist() == [1.0, 1.0, 0.0, 0.0]
