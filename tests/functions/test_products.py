"""Products with NumPy's arguments: values and gradients against NumPy, odd calls refused."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.backends import every_backend
from tests.support.calls import check_call, floats, numpy_row, values_of, variables
from tests.support.derivatives import check_derivatives
from tests.support.optional import needs
from tests.sweep.bases import PLANE

pytestmark = pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional:DeprecationWarning")
rng = np.random.default_rng(3)
v, w = rng.normal(size=3), rng.normal(size=3)
a, m, cube = rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), rng.normal(size=(2, 3, 4))
c = a + 1j * rng.normal(size=(2, 3))
single, small, yes = a.astype("float32"), np.arange(3, dtype="int8"), v > 0
none, number = np.ones((0, 3)), np.asarray(1.5)


CALLS = [
    *[numpy_row("dot", *xs) for xs in (
        (v, w), (v, 2.0), (2, v), (v, [1, 2, 3]), (v, small), (v, number), (number, cube), (a, v),
        (v, m), (a, m), (m, a.T),
        (cube[:, :, 0], cube), (cube, cube.reshape(3, 4, 2)), (v, cube), (none, m), (none.T, none),
        (v, True))],
    *[numpy_row("inner", *xs) for xs in (
        (v, w), (v, 2.0), (a, m), (cube, cube[0]), (cube, cube), (number, a), (none, m), (v, a))],
    *[numpy_row("vdot", *xs) for xs in ((v, w), (a, a.T), (cube, cube.reshape(4, 6)), (none, none))],
    *[numpy_row("outer", *xs) for xs in (
        (v, w), (a, cube), (3, a), (v, [1, 2]), (none, v), (number, number))],
    *[numpy_row("kron", *xs) for xs in (
        (v, w), (a, v), (cube, a), (a, cube), (v, 2.0), (number, a), (none, a), (a, [[1, 2]]))],
    *[numpy_row("cross", *xs) for xs in (
        (v, w), (v, [1, 2, 3]), (a, v), *([(v[:2], w[:2]), (v[:2], w), (v, w[:2])] if PLANE else []),
        (a, np.ones((3, 1, 3))))],
    numpy_row("cross", cube, cube, axis=1), numpy_row("cross", cube, cube[:, :, :1], 1, 1, 0),
    numpy_row("cross", cube, cube, 1, 1), numpy_row("cross", cube, a[:, None], axisa=1), numpy_row("cross", m, m, 0, 1, 1),
    *([numpy_row("cross", cube, cube, 0, 0, 7)] if PLANE else []),
    *[numpy_row("tensordot", a, a, axes) for axes in (
        2, 0, ([0, 1], [0, 1]), (1, 1), ((1,), (1,)), [[0], [0]], ((-1, 0), (-1, 0)))],
    numpy_row("tensordot", cube, a, axes=([1, 0], [1, 0])), numpy_row("tensordot", 2.0, a, 0),
    numpy_row("tensordot", [1, 2], a, 1), numpy_row("tensordot", a, m, np.asarray(1)),
    numpy_row("linalg.tensordot", a, m, axes=1), numpy_row("linalg.outer", v, w), numpy_row("linalg.outer", [1], v),
    numpy_row("linalg.cross", m, m, axis=0), numpy_row("linalg.vecdot", a, a, axis=0),
    numpy_row("matvec", a, v), numpy_row("matvec", cube, rng.normal(size=4)), numpy_row("matvec", a, [1, 2, 3]),
    numpy_row("matvec", a.T.copy(), v, axes=[(1, 0), 0, 0]), numpy_row("matvec", cube, cube[:, 0]),
    numpy_row("vecmat", v, m), numpy_row("vecmat", [1, 2], a), numpy_row("vecmat", v, a, axes=[0, (1, 0), 0]),
    numpy_row("vecmat", cube[:, :, 0], cube), numpy_row("vecmat", v, m, dtype=np.complex128),
    numpy_row("vecdot", a, v), numpy_row("vecdot", a, v, keepdims=True), numpy_row("vecdot", a, a, axes=[0, 0]),
    numpy_row("vecdot", cube, cube, axis=1, keepdims=True), numpy_row("vecdot", a, v, dtype=np.complex128),
    numpy_row("matmul", a, v, axes=[(-2, -1), 0, 0]), numpy_row("matmul", v, w, axes=[0, 0, ()]),
    numpy_row("matmul", cube, cube, axes=[(1, 2), (2, 1), (0, 1)]),
    numpy_row("matmul", single, m, dtype=np.float64),
    numpy_row("linalg.multi_dot", (a, m, v)), numpy_row("linalg.multi_dot", [v, m, a.T, a, w]),
    numpy_row("linalg.multi_dot", [v, w]), numpy_row("linalg.multi_dot", [[1, 2], a, m]),
    numpy_row("linalg.multi_dot", [cube, cube.reshape(3, 4, 2)]),
    numpy_row("linalg.multi_dot", np.stack([m, m, m])),
    *[numpy_row(name, x, y) for name in ("dot", "inner", "outer", "kron") for x, y in (
        (single, 2.0), (small, small), (small, 2.5), (yes, yes), (yes, v), (single[0], v), (c[0], v))],
    numpy_row("dot", c, c.T), numpy_row("inner", c, c), numpy_row("vdot", c, c), numpy_row("vdot", yes, yes),
    numpy_row("cross", c, v), numpy_row("matvec", c, v), numpy_row("vecmat", c[:, :2], a),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_values_and_gradients_are_those_of_numpy(name: str, args: Any, kwargs: Any) -> None:
    if name == "linalg.multi_dot":
        packed = args[0]
        named = attrgetter(name)
        expected = named(np)(list(packed), **kwargs)
        by = [n for n, x in enumerate(packed) if hasattr(x, "dtype")]
        leaves = [pg.Variable(x) if n in by else x for n, x in enumerate(packed)]
        np.testing.assert_allclose(values_of(named(pg)(leaves, **kwargs))[0], expected, 1e-12)
        check_derivatives(
            lambda *xs: named(pg)([xs[by.index(n)] if n in by else x for n, x in enumerate(packed)]),
            *[packed[n] for n in by], second=False,
        )  # fmt: skip
        return
    check_call(name, *args, by=floats(args) or (), **kwargs)
    if not floats(args):
        same = attrgetter(name)(pg)(*[pg.Variable(x) if hasattr(x, "shape") else x for x in args])
        expected = attrgetter(name)(np)(*args, **kwargs)
        assert values_of(same)[0].dtype == expected.dtype
        np.testing.assert_allclose(values_of(same)[0], expected, 1e-5)


REFUSED = [
    numpy_row("dot", a, a), numpy_row("dot", v, a), numpy_row("dot", cube, v), numpy_row("dot", a, np.ones(1)),
    numpy_row("dot", v, None), numpy_row("dot", v, "a"), numpy_row("inner", a, np.ones(1)), numpy_row("inner", v, {}),
    numpy_row("vdot", v, 2.0), numpy_row("vdot", v, w[:2]), numpy_row("outer", v, "a"), numpy_row("kron", v, None),
    numpy_row("cross", np.ones(4), v), numpy_row("cross", v, 1.0), numpy_row("cross", cube, cube, 1, 1, 7),
    numpy_row("cross", cube, cube, axis=2), numpy_row("cross", cube, a, axisa=1, axisb=1),
    numpy_row("cross", v, w, axis=1), numpy_row("cross", v, w, axisa=0.5), numpy_row("tensordot", a, a, 3),
    numpy_row("tensordot", a, a, 1.0), numpy_row("tensordot", a, a, ((0, 0), (0, 0))),
    numpy_row("tensordot", a, a, ((0,), (1,))), numpy_row("tensordot", a, a, ((0,), (0,), (0,))),
    numpy_row("tensordot", a, a, ((5,), (0,))), numpy_row("tensordot", a, a, None), numpy_row("tensordot", a, a, "a"),
    numpy_row("linalg.outer", a, v), numpy_row("linalg.outer", v, 2.0), numpy_row("linalg.cross", v[:2], w[:2]),
    numpy_row("matmul", v, 2.0), numpy_row("matmul", a, a, axes=[(-2, -1), (-1, -2)]),
    numpy_row("matmul", a, v, axes=[(0, 0), 0, 0]), numpy_row("matmul", a, v, dtype=np.int64),
    numpy_row("matmul", a, v, axes=3), numpy_row("matvec", v, v), numpy_row("matvec", a, np.ones(1)),
    numpy_row("matvec", a, v, axes=[(0, 1), 0]), numpy_row("vecmat", np.ones(1), a), numpy_row("vecdot", a, v, axis=0),
    numpy_row("vecdot", a, v, axes=[0, 0, 0]), numpy_row("linalg.multi_dot", [v]), numpy_row("linalg.multi_dot", []),
    numpy_row("linalg.multi_dot", [v, w, v]), numpy_row("linalg.multi_dot", [a, a, m]),
    numpy_row("linalg.multi_dot", [a, cube, m]), numpy_row("linalg.multi_dot", 2.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), REFUSED)
def test_what_numpy_refuses_is_refused(name: str, args: Any, kwargs: Any) -> None:
    with pytest.raises((ValueError, TypeError, IndexError)):
        attrgetter(name)(np)(*args, **kwargs)
    with pytest.raises(pg.PluggradError, match=name.split(".")[-1]):
        attrgetter(name)(pg)(*variables(args), **kwargs)


@pytest.mark.parametrize("name", ["dot", "inner", "outer", "kron", "vdot", "cross", "vecmat"])
def test_complex_products_have_derivatives_of_two_orders(name: str) -> None:
    x2 = rng.normal(size=(3, 3)) + 1j * m if name == "vecmat" else c[1]
    check_derivatives(getattr(pg, name), c[0], x2)


@every_backend
@pytest.mark.parametrize(("name", "shape1", "shape2"), [
    ("dot", (2, 3), (4, 3, 2)), ("vdot", (2, 3), (3, 2)), ("kron", (2,), (2, 3)),
    ("cross", (2, 3), (3,)), ("vecmat", (3,), (2, 3, 2)),
])  # fmt: skip
def test_products_on_every_backend(backend: str, name: str, shape1: Any, shape2: Any) -> None:
    xp = pg.namespace(backend)
    x1, x2 = rng.normal(size=shape1), rng.normal(size=shape2)
    expected = getattr(np, name)(x1, x2)
    one, two = (xp.asarray(x.tolist(), dtype=xp.float32) for x in (x1, x2))
    one.requires_grad_()
    y = getattr(pg, name)(one, two)
    np.testing.assert_allclose(values_of(y)[0], expected, 1e-4, 1e-5)
    pg.sum(y).backward()
    f = lambda x: np.sum(getattr(np, name)(x, x2))
    slope = (f(x1 + 1e-6 * x1) - f(x1 - 1e-6 * x1)) / 2e-6
    assert abs(np.sum(values_of(one.grad)[0] * x1) - slope) < 1e-3
    if name in ("dot", "kron"):
        by_number = getattr(pg, name)(one, 2.0)
        assert by_number.dtype == (xp.float64 if backend == "numpy" else one.dtype)


@pytest.mark.parametrize("lengths", [(2, 2), (2, 3), (3, 2)])
def test_two_elements_have_zero_for_a_third(lengths: tuple[int, int]) -> None:
    short = [np.asarray([0.4, -1.3, 0.7])[: lengths[0]], np.asarray([2.0, 0.6, -0.5])[: lengths[1]]]
    long = [np.pad(x, (0, 3 - len(x))) for x in short]
    y = pg.cross(*variables(short))
    expected = np.cross(*long)
    np.testing.assert_allclose(values_of(y)[0], expected[2] if lengths == (2, 2) else expected)
    check_derivatives(pg.cross, *short)


def test_products_on_dask() -> None:
    da = needs("dask.array")
    x = pg.Variable(da.from_array(a, chunks=(1, 2)), requires_grad=True)
    for name, other in (("dot", m), ("outer", v), ("cross", v)):
        y = getattr(pg, name)(x, da.from_array(other, chunks=2))
        np.testing.assert_allclose(values_of(y)[0], getattr(np, name)(a, other))
        (g,) = pg.autograd.grad(pg.sum(y), [x])
        assert g.shape == a.shape


def test_numpys_ufuncs_of_matrices_take_their_own_arguments() -> None:
    x = pg.Variable(cube, requires_grad=True)
    y = np.matmul(x, x, axes=[(1, 2), (2, 1), (0, 1)])
    np.testing.assert_allclose(
        y.detach().data, np.matmul(cube, cube, axes=[(1, 2), (2, 1), (0, 1)])
    )
    y = np.vecdot(x, x, axis=1, keepdims=True)
    np.testing.assert_allclose(y.detach().data, np.vecdot(cube, cube, axis=1, keepdims=True))
    y = np.matmul(x, cube.swapaxes(1, 2), casting="no")
    np.testing.assert_allclose(y.detach().data, np.matmul(cube, cube.swapaxes(1, 2)))
    with pytest.raises(pg.PluggradError, match="int64"):
        np.matmul(x, cube.swapaxes(1, 2), dtype=int)
