"""`einsum` in every form that NumPy takes: values and gradients, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.backends import every_backend
from tests.support.calls import check_call, floats, numpy_row, values_of, variables
from tests.support.derivatives import check_derivatives
from tests.support.optional import needs

rng = np.random.default_rng(4)
v, a, m, cube = (rng.normal(size=shape) for shape in ((3,), (2, 3), (3, 3), (2, 3, 4)))
k = rng.normal(size=(3, 3, 3))
c = a + 1j * rng.normal(size=(2, 3))
single, small, yes, none = a.astype("float32"), np.arange(3, dtype="int8"), v > 0, np.ones((0, 3))


def row(*args: Any, **kwargs: Any) -> Any:
    return numpy_row("einsum", *args, **kwargs)


CALLS = [
    row("ij,j", a, v), row("ij,jk->ik", a, m), row("ij->ji", a), row("ij", a), row("ij->", a),
    row("ij->j", a), row("ba", a), row("i,j->ij", v, v), row(",i->i", 2.0, v), row("i j , j", a, v),
    row("ii", m), row("ii->i", m), row("iij->j", k), row("ijj->i", k), row("iii->i", k),
    row("iii", k), row("iji,j->", k, v), row("...i->...", a), row("...i,...i", a, v),
    row("...i,...i->...", a, v), row("...ij,...jk->...ik", cube[0], cube.swapaxes(1, 2)),
    row("i...->...i", a), row("b...a", cube), row("i->...i", v), row("ij->i...j", a),
    row("i,...", v, a), row("...,...->...", 3, v), row("...,...", a, v),
    row("...i,...i->i...", np.ones((2, 1, 3)), rng.normal(size=(4, 3))),
    row("i,i", np.ones(1), v), row("i,i->i", np.ones(1), v), row("ij,ij->ij", np.ones((1, 3)), a),
    row("ij,i,j", a, a[:, 0], v), row("ij,jk,kl->il", a, m, m, optimize=True),
    row("i,j,ij,kj,il->kl", a[:, 0], v, a, m, a), row("ij,ij", a, [[1, 2, 3], [4, 5, 6]]),
    row("Aa,aB", a, m), row("->", v[0] * np.ones(())), row("", np.ones(())),
    row(a, [0, 1], v, [1]), row(a, [0, 1], v, [1], [0]), row(a, [1, 0]), row(a, [26, 0]),
    row(a, [..., 0]), row(a, [..., 0], [0, ...]), row(m, [0, 0], []), row(a, (0, 1), (1, 0)),
    row("...i->i", a, optimize=True), row("ij->", none), row("ij,jk", none, m), row("ij,ik", none, none),
    row("ij,jk", a, m, optimize=["einsum_path", (0, 1)]), row("ij", a, optimize="greedy"),
    row("ij,jk->ki", a, m, dtype=np.complex128), row("ij,jk", single, m),
    row("i,i", small, small), row("i->", small), row("i->", yes), row("i,i", yes, yes),
    row("i,i->i", yes, yes), row("i,i", small, single[0]), row("ij,kj->ik", c, a),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_values_and_gradients_are_those_of_numpy(name: str, args: Any, kwargs: Any) -> None:
    check_call(name, *args, by=floats(args), **kwargs)
    if not floats(args):
        expected = np.einsum(*args, **kwargs)
        found = values_of(pg.einsum(*variables(args), **kwargs))[0]
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, 1e-5)


REFUSED = [
    row("...i->i", a), row("...i->", a), row("ii", np.ones((1, 3))), row("ii->i", np.ones((3, 1))),
    row("i,i", v[:2], v), row("...,...", v[:2], v), row("ij- >ji", a), row("ij->ji->ij", a),
    row("ij,", a), row("i", v[:1].reshape(())), row("ij->ii", a), row("ij->k", a), row("i1", a),
    row("i..", a), row("......i", a), row("...i...", a), row(a, [0, 0]), row(a, [0, 52]),
    row(a, [0, -1]), row(a, [0, 1.0]), row(a, ["i", "j"]), row(a), row("i,i", v), row(3, a),
    row("ij,jk->ki", c, m, dtype=np.float64), row("ij,jk", a, m, dtype=np.float32),
    row("ij", "a", a),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), REFUSED)
def test_what_numpy_refuses_is_refused(name: str, args: Any, kwargs: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        np.einsum(*args, **kwargs)
    with pytest.raises(pg.PluggradError, match="einsum"):
        pg.einsum(*variables(args), **kwargs)


def test_an_unknown_way_to_optimise_is_refused() -> None:
    with pytest.raises(pg.PluggradError, match="optimize is True, False"):
        pg.einsum("ij,jk", pg.Variable(a), m, optimize="best")
    with pytest.raises(pg.PluggradError, match="einsum_call"):
        pg.einsum_path("ij,jk", pg.Variable(a), m, einsum_call=True)


def test_complex_sums_have_derivatives_of_two_orders() -> None:
    check_derivatives(lambda x, y: pg.einsum("ij,kj,ii->k", x, y, x[:, :2]), c, c + 1)


def test_einsum_path_is_numpys() -> None:
    x = pg.Variable(a, requires_grad=True)
    for optimize in (True, False, "greedy", "optimal"):
        found = pg.einsum_path("ij,jk,kl->il", x, m, m, optimize=optimize)
        assert found == np.einsum_path("ij,jk,kl->il", a, m, m, optimize=optimize)
    assert pg.einsum_path(x, [0, 1], m, [1, 2])[0] == ["einsum_path", (0, 1)]


def test_numpys_einsum_of_variables() -> None:
    x = pg.Variable(a, requires_grad=True)
    y = np.einsum(x, [0, 1], v, [1], [0], dtype=np.complex128)
    assert y.dtype == np.complex128 and y.requires_grad
    np.testing.assert_allclose(np.einsum("ij->ji", x, order="F").detach().data, a.T)
    y = np.einsum("ij,j", x, v, dtype="f4", casting="same_kind")
    assert y.dtype == np.float32
    for kwargs in (
        {"order": "X"},
        {"casting": "bogus"},
        {"dtype": "f4"},
        {"dtype": "f4", "casting": "no"},
    ):
        with pytest.raises(pg.PluggradError, match=list(kwargs)[-1]):
            np.einsum("ij,j", x, v, **kwargs)
    with pytest.raises(pg.PluggradError, match="parenthesis"):
        np.einsum("ij,j", x, v, parenthesis=True)


@every_backend
def test_einsum_on_every_backend(backend: str) -> None:
    xp = pg.namespace(backend)
    x = xp.asarray(cube.tolist(), dtype=xp.float32).requires_grad_()
    y = pg.einsum(
        "bij,...j,ii->b...", x, xp.asarray(cube[0].tolist(), dtype=xp.float32), x[0, :, :3]
    )
    expected = np.einsum("bij,...j,ii->b...", cube, cube[0], cube[0, :, :3])
    np.testing.assert_allclose(values_of(y)[0], expected, 1e-4, 1e-5)
    pg.sum(y).backward()
    slope = 2 * np.sum(expected)  # it is of the second degree in `x`
    assert abs(np.sum(values_of(x.grad)[0] * cube) - slope) < 1e-3


def test_einsum_on_dask() -> None:
    da = needs("dask.array")
    x = pg.Variable(da.from_array(cube, chunks=2), requires_grad=True)
    y = pg.einsum("bij,kj->bik", x, da.from_array(cube[0], chunks=3))
    np.testing.assert_allclose(values_of(y)[0], np.einsum("bij,kj->bik", cube, cube[0]))
    (g,) = pg.autograd.grad(pg.sum(y), [x])
    np.testing.assert_allclose(np.asarray(g.data), np.broadcast_to(cube[0].sum(0), cube.shape))
