"""Names beyond the standard that clients ask for, and what else made them work."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

import pluggrad as pg

RNG = np.random.default_rng(3)
MATRIX = RNG.normal(size=(4, 5))
CUBE = RNG.normal(size=(2, 3, 4))
HOLES = np.where(RNG.random((4, 5)) < 0.3, np.nan, MATRIX)
VECTOR = RNG.normal(size=6)

# fmt: off
CASES: list[Any] = [
    ("concatenate", lambda xp, x: xp.concatenate((x, x * x), axis=1), MATRIX),
    ("concatenate, flat", lambda xp, x: xp.concatenate((x, x * x), axis=None), MATRIX),
    ("diag of a vector", lambda xp, x: xp.diag(x), VECTOR),
    ("diag above", lambda xp, x: xp.diag(x, 2), VECTOR),
    ("diag below", lambda xp, x: xp.diag(x, -1), VECTOR),
    ("diag of one", lambda xp, x: xp.diag(x), VECTOR[:1]),
    ("diag of a matrix", lambda xp, x: xp.diag(x, 1), MATRIX),
    ("norm", lambda xp, x: xp.linalg.norm(x), CUBE),
    ("norm of vectors", lambda xp, x: xp.linalg.norm(x, axis=1, ord=3), CUBE),
    ("norm of matrices", lambda xp, x: xp.linalg.norm(x, axis=(0, 2), keepdims=True), CUBE),
    ("norm, nuclear", lambda xp, x: xp.linalg.norm(x, ord="nuc"), MATRIX),
    ("median", lambda xp, x: xp.median(x), MATRIX),
    ("median of an odd number", lambda xp, x: xp.median(x, axis=1), MATRIX),
    ("median of two axes", lambda xp, x: xp.median(x, axis=(0, -1), keepdims=True), CUBE),
    ("view of pairs", lambda xp, x: abs(x.view(complex)) ** 2, MATRIX[:, :4]),
    ("view of complex numbers", lambda xp, x: (x * (1 + 2j)).view(float), MATRIX),
    ("nancumsum", lambda xp, x: xp.nancumsum(x, axis=1), HOLES),
    ("nancumprod", lambda xp, x: xp.nancumprod(x), HOLES),
    ("nanmean", lambda xp, x: xp.nanmean(x, axis=0, dtype=x.dtype), HOLES),
    ("nanstd", lambda xp, x: xp.nanstd(x, axis=0, ddof=1), HOLES),
    ("convolve", lambda xp, x: xp.convolve(x, x[:3]), VECTOR),
    ("convolve, valid", lambda xp, x: xp.convolve(x[:2], x, "valid"), VECTOR),
    ("convolve, same", lambda xp, x: xp.convolve(x, x[:4], "same"), VECTOR),
]
# fmt: on


@pytest.mark.parametrize(("function", "x"), [pytest.param(f, x, id=name) for name, f, x in CASES])
def test_names(function: Any, x: Any) -> None:
    v = pg.Variable(x, requires_grad=True)
    y = function(pg, v)
    np.testing.assert_allclose(y.data, function(np, x), rtol=1e-12, atol=1e-14)
    weights = RNG.normal(size=y.shape)
    pg.sum(y * pg.Variable(weights)).backward()
    step, expected = 1e-6, np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[index] += step
        behind[index] -= step
        change = function(np, ahead) - function(np, behind)
        expected[index] = np.sum(weights * change) / (2 * step)
    numbers = ~np.isnan(x)
    np.testing.assert_allclose(v.grad.data[numbers], expected[numbers], rtol=1e-6, atol=1e-8)
    assert np.all(v.grad.data[~numbers] == 0)


@pytest.mark.parametrize("call", [
    lambda v, n: v / n, lambda v, n: n - v, lambda v, n: v**n, lambda v, n: pg.add(v, n),
    lambda v, n: pg.where(v > 0, v, n), lambda v, n: v[0] * n,
])  # fmt: skip
def test_integers_of_other_classes(call: Any) -> None:
    """`v.size`, and an IntEnum, are numbers like any other."""

    class Six(enum.IntEnum):
        N = 6

    x = np.abs(VECTOR)
    for number in (pg.Variable(x).size, Six.N):
        v = pg.Variable(x, requires_grad=True)
        w = pg.Variable(x, requires_grad=True)
        y, expected = call(v, number), call(w, 6)
        np.testing.assert_array_equal(y.data, expected.data)
        pg.sum(y).backward()
        pg.sum(expected).backward()
        np.testing.assert_array_equal(v.grad.data, w.grad.data)


def test_format_of_one_element() -> None:
    assert f"{pg.Variable(np.asarray(1.5), requires_grad=True):.2f}" == "1.50"
    assert f"{pg.Variable(VECTOR)}" == str(pg.Variable(VECTOR))
    with pytest.raises(TypeError):
        f"{pg.Variable(VECTOR):.2f}"


def test_iteration_is_lazy() -> None:
    """`numpy.iterable`, which SciPy asks of every argument, must not read a million elements."""
    v = pg.Variable(np.zeros(3), requires_grad=True) * 1.0
    rows = iter(v)
    v[1] = 7.0
    assert [row.item() for row in pg.stop_gradient(list(rows))] == [0.0, 7.0, 0.0]


def test_broadcast_arrays_hands_on_what_has_the_shape() -> None:
    """As NumPy's, it can then be written."""
    v = pg.Variable(np.zeros(3), requires_grad=True) * 1.0
    (w,) = pg.broadcast_arrays(v)
    w[0] = 5.0
    assert v.data[0] == 5.0


def test_numpy_functions_without_a_rule() -> None:
    """Of constants NumPy's own answer, untracked; of what requires grad an error that names it."""
    bits = np.asarray([1, 0, 1], dtype=np.uint8)
    y = np.packbits(pg.Variable(bits))
    assert isinstance(y, pg.Variable)
    np.testing.assert_array_equal(y.data, np.packbits(bits))
    with pytest.raises(pg.UnsupportedError, match=r"numpy\.packbits"):
        np.packbits(pg.Variable(VECTOR, requires_grad=True))


def test_a_graph_break_names_the_line_outside_of_numpy() -> None:
    v = pg.Variable(VECTOR, requires_grad=True)
    with pytest.raises(pg.GraphBreakError, match=r"test_names\.py"):
        np.asarray_chkfinite(v)
