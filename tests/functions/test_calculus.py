"""Differences, derivatives, integrals and interpolation of samples, compared with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import leaf
from tests.support.backends import OTHERS
from tests.support.numpy_calls import call, check_call, check_on, check_refused
from tests.support.optional import needs

RNG = np.random.default_rng(1)
S, V = np.asarray(1.5), np.asarray([0.5, -2.0, 3.0, 1.0, 7.0])
M, C = RNG.normal(size=(4, 5)), RNG.normal(size=(3, 2, 4))
Z = V + 1j * V[::-1]
INTS, SINGLE, FLAGS = np.asarray([3, 1, 4, 1, 5]), V.astype("float32"), V > 0
EMPTY, ONE = np.zeros((0, 3)), np.asarray([2.0])
X = np.asarray([0.0, 0.5, 2.0, 2.5, 4.0])
TURNS = np.asarray([0.0, 3.0, -3.0, 2.9, 9.5, 0.1])
DEGREES = np.asarray([0, 350, 20, 200, 20, 380])

CALLS = [
    *[call("diff", x) for x in (V, M, C, Z, INTS, SINGLE, FLAGS, EMPTY, ONE, [1.0, 4.0], [V, V])],
    *[call("diff", M, n) for n in (0, 1, 2, 4, 7)], call("diff", FLAGS, 2),
    *[call("diff", C, 1, axis) for axis in (0, 1, -1)], call("diff", C, axis=-2, n=2),
    call("diff", V, prepend=0.0), call("diff", V, append=S), call("diff", V, prepend=[1.0, 2.0]),
    call("diff", M, axis=0, prepend=0, append=M[:2]), call("diff", INTS, prepend=2.5),
    call("diff", SINGLE, append=ONE), call("diff", V, 2, -1, ONE, V), call("diff", INTS, append=1),
    call("diff", V, 0, prepend=1.0),
    *[call("ediff1d", x) for x in (V, M, C, Z, INTS, SINGLE, EMPTY, ONE, S, [1.0, 4.0])],
    call("ediff1d", V, 5.0), call("ediff1d", M, [1.0, 2.0], S), call("ediff1d", M, to_begin=M),
    call("ediff1d", INTS, to_end=INTS), call("ediff1d", Z, to_begin=V), call("ediff1d", EMPTY, 1.0),
    *[call("gradient", x) for x in (V, M, C, Z, INTS, SINGLE, [1.0, 4.0, 9.0], [V, 2 * V])],
    *[call("gradient", M, axis=axis) for axis in (0, -1, (0, 1), (1,), (-1, 0))],
    *[call("gradient", x, edge_order=2) for x in (V, M, Z)],
    *[call("gradient", V, h, edge_order=order) for order in (1, 2)
      for h in (0.5, 2, S, X, list(X), INTS.cumsum(), np.arange(5.0))],
    *[call("gradient", M, *hs, edge_order=order) for order in (1, 2)
      for hs in ((0.5,), (S,), (0.5, X), (X[:4], S), (X[:4], X))],
    call("gradient", C, X[:3], 2.0, axis=(0, -1)), call("gradient", M, X, axis=1),
    call("gradient", SINGLE, list(X)),
    *[call("trapezoid", y) for y in (V, M, C, Z, INTS, SINGLE, EMPTY, ONE, [1.0, 4.0], FLAGS)],
    call("trapezoid", V, X), call("trapezoid", M, X), call("trapezoid", M, X[:4], axis=0),
    call("trapezoid", M, M + 1), call("trapezoid", M, None, 0.5), call("trapezoid", M, dx=S),
    call("trapezoid", M, dx=X[1:]), call("trapezoid", C, C[0]), call("trapezoid", C, axis=-2),
    call("trapezoid", C, X[:3], axis=0), call("trapezoid", V, list(X)), call("trapezoid", V, M),
    call("trapezoid", INTS, INTS), call("trapezoid", V, Z),
    *[call("unwrap", x) for x in (TURNS, 3 * M, 4 * C, DEGREES, SINGLE * 3, [0.0, 9.0], ONE)],
    *[call("unwrap", 3 * M, axis=axis) for axis in (0, 1, -2)], call("unwrap", TURNS, 5.0),
    call("unwrap", TURNS, 1.0, 0), call("unwrap", DEGREES, period=360),
    call("unwrap", DEGREES, period=365), call("unwrap", DEGREES, period=360.0),
    call("unwrap", TURNS, period=S), call("unwrap", TURNS, discont=1.3, period=2.1),
    call("unwrap", [0.0, 2.0, 4.0, 2.0], period=4.0),
    call("unwrap", np.asarray([0, 2, 4, 2]), period=4),
]  # fmt: skip

F, FZ = np.asarray([1.0, -1.0, 2.0, 5.0, 0.0]), np.asarray([1.0, -1.0j, 2.0, 5.0j, 1.0 + 1.0j])
WHERE = np.asarray([[0.3, 1.1, 3.9], [-1.0, 2.2, 6.0]])
INTERP = [
    *[call("interp", x, X, F) for x in (WHERE, S, WHERE[:, :0], [0.3, 1.0], 0.7)],
    *[call("interp", x, list(X), F) for x in (INTS, SINGLE)],
    call("interp", WHERE, X, FZ), call("interp", WHERE, list(X), list(F)),
    call("interp", WHERE, X, INTS), call("interp", WHERE, X.astype("float32"), SINGLE),
    call("interp", WHERE, X, F, -5.0), call("interp", WHERE, X, F, S, right=S),
    call("interp", WHERE, X, FZ, 1j, 2.0), call("interp", WHERE, X, F, period=3.3),
    call("interp", WHERE, X[::-1], F, 1.0, 2.0, -4.5), call("interp", WHERE, X, F, period=np.asarray(3.3)),
    call("interp", WHERE, [2.0], ONE), call("interp", WHERE, [2.0], ONE, 0.0, 1.0),
    call("interp", WHERE, X[:2], F[:2]),
]  # fmt: skip
REFUSED = [
    call("diff", S), call("diff", V, -1), call("diff", V, 1.5), call("diff", V, axis=1),
    call("diff", V, prepend=M), call("diff", M, append=V), call("diff", V, True, axis=None),
    call("ediff1d", FLAGS), call("ediff1d", INTS, to_end=1.5), call("ediff1d", V, to_begin=Z),
    call("gradient", V[:1]), call("gradient", V[:2], edge_order=2), call("gradient", FLAGS),
    call("gradient", V, edge_order=3), call("gradient", M, 1.0, 2.0, 3.0), call("gradient", V, M),
    call("gradient", V, X[:3]), call("gradient", V, axis=1), call("gradient", M, axis=(0, 0)),
    call("gradient", V, "a"),
    call("trapezoid", S), call("trapezoid", V, X[:3]), call("trapezoid", V, axis=1),
    call("trapezoid", V, S), call("trapezoid", C, M, axis=2), call("trapezoid", V, dx=M),
    call("unwrap", S), call("unwrap", Z), call("unwrap", V, axis=2), call("unwrap", V, period=1j),
    call("interp", WHERE, X, F[:3]), call("interp", WHERE, EMPTY[:, 0], EMPTY[:, 0]),
    call("interp", WHERE, M, M), call("interp", WHERE, X, F, period=0), call("interp", Z, X, F),
    call("interp", WHERE, Z, F), call("interp", WHERE, X, F, left=V), call("interp", "a", X, F),
    call("interp", WHERE, X, F, period=V), call("interp", WHERE, X, F, 1j),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS + INTERP)
def test_as_numpy(name: str, args: Any, kwargs: Any) -> None:
    check_call(name, args, kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), REFUSED)
def test_what_numpy_refuses(name: str, args: Any, kwargs: Any) -> None:
    check_refused(name, args, kwargs)


ON_OTHERS = [
    call("diff", M, 2, 0, prepend=1.0), call("ediff1d", M, 5.0, [1.0]), call("gradient", M, S, X),
    call("gradient", V, X, edge_order=2), call("trapezoid", M, X), call("trapezoid", M, dx=S),
    call("unwrap", 3 * M), call("unwrap", 3 * M, 4.0, 0, period=3.3), call("interp", WHERE, X, F),
    call("interp", WHERE, X, F, S, 2.0), call("interp", WHERE, X, F, period=3.3),
]  # fmt: skip


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize(("name", "args", "kwargs"), ON_OTHERS)
def test_on_other_backends(backend: str, name: str, args: Any, kwargs: Any) -> None:
    needs(backend)
    check_on(backend, name, args, kwargs)


def test_infinite_values_are_met_at_their_points() -> None:
    inf = np.inf
    for places, values in (([0.0, 1.0, 2.0], [0.0, inf, 1.0]), ([-inf, 0.0, inf], [1.0, 2.0, 3.0]),
                           ([0.0, 1.0, 1.0], [0.0, 1.0, 5.0]), ([0.0, 1.0, 2.0], [inf, inf, 0.0])):  # fmt: skip
        x = np.asarray([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, np.nan])
        with np.errstate(invalid="ignore"):
            found = pg.interp(x, places, values).detach().data
        np.testing.assert_array_equal(found, np.interp(x, places, values))


def test_no_axis_has_no_derivative() -> None:
    assert pg.gradient(S) == np.gradient(S) == ()


def test_the_spacing_is_differentiated() -> None:
    x = leaf(0.0, 1.0, 3.0)
    pg.sum(pg.gradient(x * x, x)).backward()
    h = 1e-6
    for n in range(3):
        ahead, behind = [np.asarray([0.0, 1.0, 3.0]) + s * h * np.eye(3)[n] for s in (1, -1)]
        slope = (np.gradient(ahead**2, ahead) - np.gradient(behind**2, behind)).sum() / (2 * h)
        np.testing.assert_allclose(x.grad.data[n], slope, atol=1e-6)
