"""`pad` in all modes, compared with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.backends import OTHERS
from tests.support.numpy_calls import call, check_call, check_on, check_refused
from tests.support.optional import needs, since

V, M = np.asarray([3.0, 1.0, 4.0, 1.5, 9.0]), np.asarray([[0.3, 1.4, -2.0], [3.0, 7.0, 5.5]])
S, C, ONE = np.asarray(1.5), np.arange(12.0).reshape(2, 3, 2) ** 1.5, np.asarray([2.0])
INTS, SINGLE, COMPLEX = (V * 2).astype(int), M.astype("float32"), M + 1j * M[::-1]
EMPTY = np.zeros((0, 3))
MODES = ("constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect",
         "symmetric", "wrap")  # fmt: skip

WIDTHS = [call("pad", x, width) for x, width in (
    (V, 2), (V, (1, 3)), (V, [2]), (M, ((1, 0), (2, 3))), (M, [[1], [2]]), (S, 3), (M, np.asarray([1, 2])), (M, 0), (EMPTY, 1), (C, ((2, 1),)),
)]  # fmt: skip
CALLS = [
    *WIDTHS,
    *[call("pad", x, width, mode) for mode in MODES for x in (V, M, INTS, SINGLE, COMPLEX, ONE)
      for width in (1, (2, 3), (0, 13)) if not (x is COMPLEX and mode == "median")],
    *[call("pad", x, 7, mode, reflect_type=kind) for mode in ("reflect", "symmetric")
      for kind in ("even", "odd") for x in (V, M, INTS, ONE, V[:2])],
    *[call("pad", M, (2, 1), mode, stat_length=length)
      for mode in ("maximum", "mean", "median", "minimum")
      for length in (1, 2, (1, 2), ((1, 2), (2, 1)), 9, None)],
    *[call("pad", x, (2, 1), mode, **{name: values})
      for mode, name in (("constant", "constant_values"), ("linear_ramp", "end_values"))
      for x in (V, M, INTS)
      for values in (2.5, (1, 2.5), [[3]], S, np.asarray([1.0, 2.0]))
      if not (x is INTS and isinstance(values, np.ndarray))],
    call("pad", M, 1, constant_values=((1.0, 2.0), (3.0, 4.0))), call("pad", EMPTY, ((0, 0), (1, 2)), "edge"),
    call("pad", M, 1, "linear_ramp", end_values=M[:, :2]), call("pad", M, 1, constant_values=M[:, :2]),
    call("pad", C, 2, "mean", stat_length=1), call("pad", S, 2, "mean"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_calls(name: str, args: Any, kwargs: Any) -> None:
    check_call(name, args, kwargs)


@since("numpy", "2.4")
@pytest.mark.parametrize("width", [{1: 2}, {-1: (0, 1), 0: 1}])
def test_widths_by_axis(width: Any) -> None:
    check_call("pad", (M, width), {})


REFUSED = [
    *[call("pad", M, width) for width in (-1, 1.5, (1, 2, 3), True, "a", None, {5: 1}, {0: 1.5},
                                          ((1, 2), (3, 4), (5, 6)), ((1, 2, 3), (4, 5, 6)))],
    call("pad", M, 1, "foo"), call("pad", M, 1, 5), call("pad", M, 1, "edge", constant_values=1),
    call("pad", M, 1, "constant", end_values=1), call("pad", M, 1, "mean", reflect_type="odd"),
    call("pad", M, 1, "reflect", stat_length=1), call("pad", M, 1, "mean", stat_length=-1),
    call("pad", M, 1, "maximum", stat_length=0), call("pad", EMPTY, 1, "edge"),
    call("pad", V, 1, constant_values="a"), call("pad", V, 1, constant_values=(1, 2, 3)),
    call("pad", S, -1), call("pad", EMPTY, 1, "mean"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), REFUSED)
def test_refused(name: str, args: Any, kwargs: Any) -> None:
    check_refused(name, args, kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), [
    call("pad", V, 1, max), call("pad", V, 1, "mean", stat_length=0),
    call("pad", V, 1, "reflect", reflect_type="none"), call("pad", COMPLEX, 1, "median"),
    call("pad", V, 1, "linear_ramp", end_values=1j), call("pad", V, 1, constant_values=1j),
])  # fmt: skip
def test_refused_by_us_alone(name: str, args: Any, kwargs: Any) -> None:
    check_refused(name, args, kwargs, numpy_too=False)


ELSEWHERE = [
    *[call("pad", M, (2, 3), mode) for mode in ("edge", "linear_ramp", "maximum", "mean", "median")],
    call("pad", V, 7, "symmetric", reflect_type="odd"), call("pad", V, 7, "wrap"), call("pad", V, 2, constant_values=M[0, :2]),
    call("pad", M, 2, "mean", stat_length=1), call("pad", M, 2, "linear_ramp", end_values=M[0, :2]),
]  # fmt: skip


@pytest.mark.parametrize("backend", [*OTHERS, "dask"])
@pytest.mark.parametrize(("name", "args", "kwargs"), ELSEWHERE)
def test_elsewhere(backend: str, name: str, args: Any, kwargs: Any) -> None:
    needs(backend)
    if backend == "dask" and args[2:] == ("median",):
        pytest.skip("Dask has no take_along_axis")
    check_on(backend, name, args, kwargs)


def test_a_margin_of_whole_numbers_is_constant() -> None:
    for mode, name in (("constant", "constant_values"), ("linear_ramp", "end_values")):
        check_call("pad", (INTS, 2, mode), {name: S}, constant=True)


def test_an_empty_margin_is_not_meant_to_be_read() -> None:
    v = pg.Variable(M, requires_grad=True)
    y = pg.pad(v, 1, "empty")
    assert y.shape == (4, 5)
    pg.sum(y[1:-1, 1:-1] * M).backward()
    assert v.grad.tolist() == M.tolist()


def test_second_derivatives() -> None:
    for mode in ("linear_ramp", "mean", "reflect"):
        check_call("pad", (M, 2, mode), {}, second=True)
