"""Turning, reshaping, repeating, diagonals and triangles, compared with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.backends import OTHERS
from tests.support.numpy_calls import call, check_call, check_on, check_refused
from tests.support.optional import needs, since

S, V, M = np.asarray(1.5), np.asarray([1.0, -2.0, 3.0]), np.arange(6.0).reshape(2, 3)
C = np.arange(24.0).reshape(2, 3, 4) / 7
INTS, SINGLE, COMPLEX = np.arange(6).reshape(2, 3), M.astype("float32"), M + 1j
EMPTY, ONES, COLUMNS = np.zeros((0, 3)), np.ones((1, 3, 1)), np.asfortranarray(M)
HOLES = np.asarray([[0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, np.nan, 2.0, 0.0]])

ORDER = [
    *[call(name, x, axes) for name in ("transpose", "permute_dims")
      for x, axes in ((M, None), (C, None), (C, (2, 0, 1)), (C, [-1, 0, 1]), (V, 0), (S, None))],
    call("swapaxes", C, 0, -1), call("moveaxis", C, 0, 2), call("moveaxis", C, [0, 1], [-1, 0]),
    call("rollaxis", C, 2), call("rollaxis", C, 0, 3), call("rollaxis", C, -1, 1),
    call("rollaxis", C, 1, start=-1), call("flipud", V), call("flipud", C), call("fliplr", M),
    call("fliplr", C), call("flip", C, 1), call("flip", C, (0, 2)), call("flip", C), call("flip", S),
    *[call("rot90", M, k) for k in (0, 1, 2, 3, -1, 5)], call("rot90", C, 1, (1, 2)),
    call("rot90", C, 3, axes=[2, 0]), call("rot90", C, k=2, axes=(-1, 0)),
]  # fmt: skip
SHAPES = [
    *[call(name, x, order) for name in ("ravel",) for x in (S, V, M, C, EMPTY, COMPLEX)
      for order in ("C", "F", "A", "K")], call("ravel", COLUMNS, "K"), call("ravel", M.T, "A"),
    call("ravel", M, order="f"), call("ravel", M), call("reshape", M, 6), call("ravel", INTS, "F"),
    *[call("reshape", x, shape, order) for x in (M, COLUMNS) for order in "CFA"
      for shape in ((3, 2), (-1,), (3, -1), 6, [1, 6])], call("reshape", M, (3, 2), order="F", copy=True),
    call("reshape", M, np.asarray([3, 2]), "F"), call("reshape", EMPTY, (3, 0, 5), "F"),
    *[call("squeeze", ONES, axis) for axis in (None, 0, -1, (0, 2))], call("squeeze", M),
    *[call(name, x) for name in ("atleast_1d", "atleast_2d", "atleast_3d") for x in (S, V, M, C)],
    call("atleast_2d", V, 2.0, [1.0, 2.0]), call("atleast_1d"), call("expand_dims", M, (0, -1)),
    call("broadcast_to", S, 3), call("broadcast_to", V, [2, 3]), call("broadcast_to", V, (2, 3)),
    call("broadcast_arrays", M, V, 2.0), call("broadcast_arrays", M, [1.0, 2.0, 3.0]),
    call("broadcast_arrays"), call("meshgrid"), call("meshgrid", V), call("meshgrid", V, M, 2.0),
    *[call("meshgrid", V, V[:2], S, indexing=indexing, sparse=sparse, copy=copy)
      for indexing in ("xy", "ij") for sparse in (True, False) for copy in (True, False)
      if copy or not sparse],
    *[call("resize", M, shape) for shape in ((3, 3), 4, (0,), (2, 2, 2), [6], (), 12)],
    call("resize", INTS, (7,)), call("resize", S, (2, 2)),
]  # fmt: skip
REPEATED = [
    call("repeat", M, 2), call("repeat", M, 2, 1), call("repeat", M, [1, 0, 2], axis=-1),
    call("repeat", M, np.asarray([2, 1]), 0), call("tile", V, 2), call("tile", M, [2, 1]),
    call("tile", M, ()), call("tile", S, (2, 2)), call("roll", M, 1), call("roll", M, 1, 1),
    call("roll", M, (1, 2), 1), call("roll", M, 1, (0, 1)), call("roll", M, [1, 2], (0, 1)),
    call("roll", M, np.asarray([1, 2]), (0, 1)), call("roll", M, (1, 2)), call("roll", M, (), 0),
    call("roll", M, (1,), (0, 1)), call("roll", S, 1), call("roll", EMPTY, 1, 1),
]  # fmt: skip
DIAGONALS = [
    *[call(name, x, k) for name in ("diag", "diagflat", "diagonal", "trace", "tril", "triu")
      for x in (V, M, C, EMPTY, INTS, SINGLE, COMPLEX) for k in (0, 1, -1, 4, -3)
      if not ((name == "diag" and x is C) or (name in ("diagonal", "trace") and x is V)
              or (x is V and name[:3] == "tri"))],
    call("diagflat", S), call("diag", V, k=-1), call("tril", V), call("diag", V > 0),
    *[call(name, C, 1, *axes) for name in ("diagonal", "trace")
      for axes in ((0, 2), (2, 1), (-1, 0), (1, 0))], call("trace", C, axis1=1, axis2=2),
    *[call("trace", M, dtype=dtype) for dtype in ("float64", complex)], call("trace", INTS, 1, 0, 1, float),
    *[call("vander", V, n, increasing) for n in (None, 2, 5) for increasing in (True, False)],
    call("vander", np.arange(3)), call("vander", V.astype("float32"), N=2),
    call("vander", V * 1j, 3),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), [*ORDER, *SHAPES, *REPEATED, *DIAGONALS])
def test_calls(name: str, args: Any, kwargs: Any) -> None:
    check_call(name, args, kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), [
    call("resize", EMPTY, (2,)), call("vander", V[:0]), call("vander", V, 0), call("vander", V, 1),
    call("vander", V, 1, True), call("broadcast_to", np.asarray(3), (0, -0)),
])  # fmt: skip
def test_constants(name: str, args: Any, kwargs: Any) -> None:
    check_call(name, args, kwargs, constant=True)


@since("numpy", "2.4")
@pytest.mark.parametrize("trim", ["fb", "F", "b"])
@pytest.mark.parametrize("axis", [None, 0, (1,), ()])
def test_trim_zeros(trim: str, axis: Any) -> None:
    """The zeros are not perturbed, as a check against differences would do it."""
    v = pg.Variable(HOLES, requires_grad=True)
    found = pg.trim_zeros(v, trim, axis)
    np.testing.assert_array_equal(found.detach().data, np.trim_zeros(HOLES, trim, axis))
    (g,) = pg.autograd.grad(pg.sum(found), [v])
    assert pg.sum(g).item() == found.size
    assert pg.trim_zeros(pg.Variable(np.zeros(3))).tolist() == []


#: NumPy raises, and so do we.
REFUSED = [
    *[call(name, C, axes) for name in ("transpose", "permute_dims")
      for axes in ((0, 1), (0, 0, 1), (0, 1, 3), (0.5, 1, 2))], call("swapaxes", M, 0, 2),
    call("moveaxis", M, 0, 2), call("rollaxis", M, 2), call("rollaxis", M, 0, 3), call("flipud", S),
    call("rollaxis", M, 0, -3), call("fliplr", V), call("flip", M, 2), call("rot90", V),
    call("rot90", M, 1, (0,)), call("rot90", M, 1, (0, 0)), call("rot90", M, 1, (0, 2)),
    call("ravel", M, "X"), call("ravel", M, 1), call("reshape", M, (3, 2), "K"),
    call("reshape", M, (4,), "F"), call("squeeze", M, 0), call("squeeze", ONES, (0, 0)),
    call("broadcast_to", S, (-1,)), call("broadcast_to", V, (2,)), call("broadcast_arrays", M, M.T),
    call("meshgrid", V, indexing="zz"), call("resize", M, (-1,)), call("resize", M, 1.5),
    call("repeat", M, -1), call("repeat", M, [1, 2], axis=1), call("roll", M, 1, 2),
    call("roll", M, (1, 2, 3), (0, 1)), call("roll", M, (), (0, 1)), call("roll", S, 1, ()), call("roll", M, (), 5), call("trim_zeros", V, "x"),
    pytest.param("trim_zeros", (V, "fb", 1), {}, marks=since("numpy", "2.4")), call("diag", C), call("diag", S), call("diagonal", V),
    call("diagonal", M, 0, 1, 1), call("trace", M, 0, 0, 2), call("trace", S), call("diag", M, 0.5),
    call("vander", M), call("vander", V, -1), call("vander", V, 1.5), call("tile", M, -1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), REFUSED)
def test_refused(name: str, args: Any, kwargs: Any) -> None:
    check_refused(name, args, kwargs)


ELSEWHERE = [
    call("transpose", C), call("permute_dims", C), call("rollaxis", C, 2), call("rot90", M, 3),
    call("flipud", M), call("fliplr", M), call("flip", M, 1), call("ravel", M, "F"),
    call("reshape", M, (3, 2), "F"), call("squeeze", ONES), call("atleast_2d", V, 2.0),
    call("atleast_3d", M), call("broadcast_to", V, [2, 3]), call("broadcast_arrays", M, V, 2.0),
    call("meshgrid", V, V, sparse=True), call("meshgrid", V, V, copy=False),
    call("resize", M, (3, 3)), call("roll", M, (1, 2), 1), call("tile", V, 2),
    call("diag", V, 1), call("diag", M, 5), call("diagflat", M), call("diagonal", C, 1, 2, 0),
    call("trace", C, 0, 2, 1), call("tril", M, 1), call("triu", M, -1), call("vander", V, 4),
    call("repeat", M, 2, 1), call("flatten", M, "F"),
]  # fmt: skip


@pytest.mark.parametrize("backend", [*OTHERS, "dask"])
@pytest.mark.parametrize(("name", "args", "kwargs"), ELSEWHERE)
def test_elsewhere(backend: str, name: str, args: Any, kwargs: Any) -> None:
    needs(backend)
    check_on(backend, name, args, kwargs)


def test_elements_in_no_order_are_not_guessed() -> None:
    crossed = np.swapaxes(C, 1, 2)
    check_refused("ravel", (crossed, "K"), {}, numpy_too=False)
    assert pg.ravel(pg.Variable(crossed), "A").tolist() == crossed.ravel("A").tolist()


def test_flatten_has_the_order_of_the_method() -> None:
    v = pg.Variable(M, requires_grad=True)
    for found in (pg.flatten(v, "F"), v.flatten("F"), v.ravel(order="F"), v.reshape(-1, order="F")):
        assert found.requires_grad and found.detach().tolist() == M.flatten("F").tolist()
    assert v.detach().reshape(3, 2, order="F").tolist() == M.reshape(3, 2, order="F").tolist()


def test_grids_can_be_written_if_they_are_copies() -> None:
    v = pg.Variable(V)
    grid, _ = pg.meshgrid(v, v)
    grid[0, 0] = 9.0
    assert v.tolist() == V.tolist()
    view, _ = pg.meshgrid(v, v, copy=False)
    with pytest.raises(pg.errors.PluggradError):
        view[0, 0] = 9.0


@pytest.mark.parametrize(("name", "args", "kwargs"), [
    call("rot90", C, 1, (1, 2)), call("reshape", M, (3, 2), "F"), call("vander", V, 4),
    call("diagflat", M), call("trace", C, 1), call("resize", M, (3, 3)),
])  # fmt: skip
def test_second_derivatives(name: str, args: Any, kwargs: Any) -> None:
    check_call(name, args, kwargs, second=True)
