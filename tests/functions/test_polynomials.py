"""Polynomials, least-squares fits, convolutions and correlations, compared with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import leaf, leaf_of, listed, tracked
from tests.support.backends import OTHERS
from tests.support.derivatives import check_derivatives
from tests.support.numpy_calls import call, check_call, check_on, check_refused
from tests.support.optional import needs

S, P, Q = np.asarray(1.3), np.asarray([2.0, -1.0, 0.5, 3.0]), np.asarray([1.5, 0.5])
Z, INTS = P + 1j * P[::-1], np.asarray([3, 1, 4])
SINGLE, EMPTY = P.astype("float32"), np.zeros(0)
X = np.linspace(-1.0, 2.0, 7)
Y = np.sin(2 * X) + 0.1 * X**3
YS, W = np.stack([Y, X**2 - Y], axis=1), np.linspace(0.5, 2.0, 7)
M = np.asarray([[0.3, 1.1], [-1.0, 2.2]])

CALLS = [
    *[call("polyval", p, x) for p in (P, Z, INTS, SINGLE, [1.0, 2.0], M)
      for x in (S, M, INTS, SINGLE, 2.0, [1.0, 2.0])
      if not (p is M and np.size(x) in (3, 4) and np.ndim(x) == 1)],
    call("polyval", [], INTS), call("polyval", [], 2.0),
    *[call(name, a, b) for name in ("polyadd", "polysub", "polymul")
      for a, b in ((P, Q), (Q, P), (P, P), (INTS, P), (P, [1, 2]), (2.0, P), (Z, Q), (INTS, INTS),
                   (SINGLE, SINGLE), ([0.0, 0.0, 1.0], Q))],
    call("polyadd", M, M), call("polysub", EMPTY, Q), call("polymul", [0, 0], P),
    *[call("polydiv", a, b) for a, b in ((P, Q), (Q, P), (INTS, [2, 1]), (Z, Q), (P, 2.0),
                                         ([1.0, 0.0, -1.0], [1.0, -1.0]), (P, [1.0, 1.0]))],
    *[call("polyder", p, m) for m in (0, 1, 2, 5) for p in (P, Z, INTS, SINGLE)
      if m < 5 or p is INTS],
    *[call("polyint", p, m) for m in (0, 1, 2) for p in (P, Z, INTS, SINGLE, EMPTY)
      if m or p is not EMPTY],
    call("polyder", [1.0, 2.0, 3.0]), call("polyint", P, 2, S), call("polyint", P, k=[5.0]),
    call("polyint", P, 2, Q), call("polyint", P, 1, Q), call("polyint", INTS, 2, [1, 2]),
    call("poly", P), call("poly", Z), call("poly", INTS), call("poly", SINGLE), call("poly", M),
    call("poly", []), call("poly", INTS[:0]), call("poly", [1.0 + 1.0j, 1.0 - 1.0j]), call("poly", [2.0]),
    call("polyfit", X, Y, 2), call("polyfit", X, YS, 1), call("polyfit", X, Y, 0),
    call("polyfit", X, Y, 3, w=W), call("polyfit", X, YS, 2, w=W), call("polyfit", X, Y * 1j, 1),
    call("polyfit", X, Y, 2, 0.3), call("polyfit", X, Y, 2, rcond=1e-3),
    call("polyfit", X, Y, 2, cov=True), call("polyfit", X, YS, 1, cov=True, w=W),
    call("polyfit", X, Y, 2, cov="unscaled"), call("polyfit", X, Y, 7),
    call("polyfit", list(X), Y, 2), call("polyfit", INTS, [1.0, 2.0, 3.0], 1),
    *[call(name, a, b, mode) for name in ("convolve", "correlate")
      for mode in ("full", "same", "valid")
      for a, b in ((P, Q), (Q, P), (P, Z[:3]), (Z, Z[:2]), (Q, W), ([1.0, 2.0, 3.0], Q))],
    call("convolve", 1.5, Q),
    call("convolve", INTS, INTS), call("correlate", SINGLE, INTS), call("convolve", INTS, Q),
]  # fmt: skip

REFUSED = [
    call("polyval", S, X), call("polyval", P, "a"), call("polyval", M, X), call("polyadd", M, P),
    call("polymul", M, P), call("polydiv", EMPTY, P), call("polydiv", P, EMPTY),
    call("polyder", P, -1), call("polyint", P, -1), call("polyint", P, 3, Q),
    call("poly", M[:1]), call("poly", np.zeros((0, 0))), call("roots", M),
    call("polyfit", X, Y, -1), call("polyfit", X, Y[:3], 1), call("polyfit", M, M, 1),
    call("polyfit", EMPTY, EMPTY, 1), call("polyfit", X, Y, 6, cov=True),
    call("polyfit", X, Y, 1, w=M), call("polyfit", X, Y, 1, w=W[:2]), call("polyfit", X, Y, "a"),
    call("polyfit", X, Y[:, None, None], 1),
    call("convolve", EMPTY, P), call("convolve", M, P), call("convolve", P, Q, "most"),
    call("correlate", P, EMPTY), call("correlate", P, M), call("correlate", P, Q, None),
    call("correlate", Q, 1.5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.RankWarning")
def test_as_numpy(name: str, args: Any, kwargs: Any) -> None:
    check_call(name, args, kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), REFUSED)
def test_what_numpy_refuses(name: str, args: Any, kwargs: Any) -> None:
    check_refused(name, args, kwargs)


ON_OTHERS = [
    call("polyval", P, M), call("polyadd", P, Q), call("polymul", P, Q), call("polydiv", P, Q),
    call("polyder", P, 2), call("polyint", P, 2, S), call("poly", P), call("polyfit", X, Y, 2),
    call("polyfit", X, YS, 1, w=W, cov=True), call("convolve", P, Q, "same"),
    call("correlate", P, Q, "full"),
]  # fmt: skip


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize(("name", "args", "kwargs"), ON_OTHERS)
def test_on_other_backends(backend: str, name: str, args: Any, kwargs: Any) -> None:
    needs(backend)
    check_on(backend, name, args, kwargs)


@pytest.mark.parametrize(
    "p", [[1.0, -3.0, 2.0], [0.0, 2.0, -3.0, -2.0, 0.0, 0.0], [1.0, 2.0, 5.0], [3.0, 1.0], [2.0],
          [0.0], [], [1.0, 2.0j, 1.0], [1, -1, 0]],
    ids=str,
)  # fmt: skip
def test_roots(p: list[Any]) -> None:
    """Their order is that of eigenvalues, which may differ."""
    found, expected = listed(pg.roots(p)), np.roots(p)
    assert found.dtype == expected.dtype or not found.size
    np.testing.assert_allclose(np.sort(found), np.sort(expected), atol=1e-12)


def test_the_derivative_of_roots() -> None:
    for p in ([1.0, -3.0, 2.0], [2.0, 1.0, 5.0, 1.0], [0.0, 1.0, -4.0, 3.0, 0.0], [1.0, 1j, 2.0]):
        p = np.asarray(p)
        places = np.flatnonzero(p)
        p = p[places[0] : places[-1] + 1]
        check_derivatives(lambda q: pg.sum(pg.roots(q) ** 3), p)
        v = tracked(p)
        first = pg.roots(v)[0]
        pg.real(first).backward()
        slopes = -np.vander([first.detach().data], len(p))[0] / np.polyval(
            np.polyder(p), first.data
        )
        np.testing.assert_allclose(
            v.grad.data, slopes.conj() if np.iscomplexobj(p) else slopes.real
        )


def test_all_that_is_known_about_a_fit() -> None:
    for y, w in ((Y, None), (YS, W), (Y * (1 + 1j), W)):
        found, expected = [f(X, y, 2, full=True, w=w) for f in (pg.polyfit, np.polyfit)]
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(listed(mine) if hasattr(mine, "dtype") else mine, theirs)
    deficient = pg.polyfit([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], 1, full=True)
    assert deficient[1].shape == (0,) and deficient[2].item() == 1
    with pytest.raises(pg.InvalidArgumentError, match="determine"):
        pg.polyfit([1.0, 1.0, 2.0, 2.0], [1.0, 2.0, 3.0, 3.0], 2, cov=True)


def test_every_length_is_convolved_as_numpy_does() -> None:
    for n in range(1, 6):
        for m in range(1, 6):
            a, b = np.arange(n) + 1.5j, 1j * np.arange(m) + 2
            for mode in ("full", "same", "valid"):
                np.testing.assert_allclose(listed(pg.convolve(a, b, mode)), np.convolve(a, b, mode))
                np.testing.assert_allclose(
                    listed(pg.correlate(a, b, mode)), np.correlate(a, b, mode)
                )


def test_a_polynomial_object_is_refused_with_a_way_out() -> None:
    for f in (lambda p: pg.polyval(p, leaf(1.0)), lambda p: pg.polyadd(leaf(1.0), p), pg.roots):
        with pytest.raises(pg.errors.TypeMismatchError, match="coeffs"):
            f(np.poly1d([1.0, 2.0]))


def test_where_values_are_not_known_nothing_is_left_out() -> None:
    p = leaf_of([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]])
    found = pg.vmap(lambda x: pg.polymul(x, np.asarray([0.0, 1.0])))(p)
    assert listed(found).tolist() == [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]]


def test_while_jax_traces() -> None:
    jax = needs("jax")

    def f(p: Any) -> Any:
        return pg.polyfit(p, pg.polyval(p, pg.sin(p)), 1).data

    p = jax.numpy.asarray([1.0, 2.0, 3.5])
    np.testing.assert_allclose(jax.jit(f)(p), f(p), rtol=1e-5)
    assert jax.jit(lambda p: pg.roots(p).data)(p).shape == (2,)
