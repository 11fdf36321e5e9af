"""Filters of `pluggrad.scipy.signal`."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
B, A = np.array([0.5, 0.3, -0.2]), np.array([2.0, -0.6, 0.4, 0.1])
X, X2 = RNG.normal(size=9), RNG.normal(size=(2, 6))
Z = RNG.normal(size=6) + 1j * RNG.normal(size=6)
BZ, AZ = B + 0.2j, A * (1 + 0.1j)
ZI, ZI2 = RNG.normal(size=3), RNG.normal(size=(2, 3))
SOS = np.array([[0.5, 0.2, 0.1, 1.0, -0.3, 0.2], [1.0, 0.4, 0.0, 1.0, 0.2, 0.0]])
VARIED = [(B, A, X), (B, A[:1], X), (B[:1], A, X), (B[:1], A[:1], X), (B, A, X[:2]), (BZ, AZ, Z)]


def test_lfilter():
    judge_scipy("signal.lfilter", B, A, X, tracked=(0, 1, 2))
    judge_scipy("signal.lfilter", B, A, X2, tracked=(2,), axis=0)
    judge_scipy("signal.lfilter", B, A, X, zi=ZI, tracked=(0, 1, 2, "zi"))


@pytest.mark.parametrize(("b", "a", "x"), VARIED)
def test_lfilter_by_its_coefficients(b, a, x):
    """Long and short numerators and denominators, complex ones, and a signal shorter than these."""
    judge_scipy("signal.lfilter", b, a, x, tracked=(0, 1, 2), others=())
    zi = RNG.normal(size=max(len(b), len(a)) - 1)
    judge_scipy("signal.lfilter", b, a, x, zi=zi.astype(x.dtype), tracked=(0, 1, 2, "zi"),
                others=())  # fmt: skip


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_lfilter_along_an_axis(axis):
    for a in (A, A[:1]):
        length = max(len(B), len(a)) - 1
        zi = RNG.normal(size=(length, 6) if axis == 0 else (2, length))
        judge_scipy("signal.lfilter", B, a, X2, axis, tracked=(0, 1, 2), others=(), second=False)
        judge_scipy("signal.lfilter", B, a, X2, axis, zi, tracked=(0, 1, 2, 4), others=(),
                    second=False)  # fmt: skip
    judge_scipy("signal.lfilter", B, A, X2, 1, ZI2[:1], tracked=(0, 1, 2, 4), others=(),
                second=False)  # fmt: skip


def test_many_coefficients():
    """So many that their cotangents come by a Fourier transform."""
    b, x = RNG.normal(size=70), RNG.normal(size=(2, 90))
    judge_scipy("signal.lfilter", b, A, x, tracked=(0, 1, 2), others=(), second=False, maps=False)
    judge_scipy("signal.lfilter", RNG.normal(size=99), [1.0], x, tracked=(0, 2), others=(),
                second=False, maps=False)  # fmt: skip


def test_dtypes():
    for d in ("float32", "float64", "complex64"):
        for dx in ("int64", "float32", "complex128"):
            expected = of_scipy("signal.lfilter")(B.astype(d), A.astype(d), X.astype(dx))
            found = pg.scipy.signal.lfilter(B.astype(d), A.astype(d), X.astype(dx)).data
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(pg.scipy.signal.lfilter([1.0], [2, 1], []).data, np.zeros(0))


def test_steady_states():
    judge_scipy("signal.lfilter_zi", B, A, tracked=(0, 1))
    for b, a in ((B, A[:1]), (B[:2], A[:3]), (B[:1], A), (BZ, AZ), (B, [1.0, 0.0, -0.5])):
        judge_scipy("signal.lfilter_zi", b, a, tracked=(0, 1), others=(), maps=False, second=False)
    y = pg.scipy.signal.lfilter_zi(B, np.concatenate([[0.0], A])).data
    np.testing.assert_allclose(y, of_scipy("signal.lfilter_zi")(B, np.concatenate([[0.0], A])))
    judge_scipy("signal.sosfilt_zi", SOS)


def test_filtfilt():
    judge_scipy("signal.filtfilt", B, A, X2, tracked=(0, 1, 2), padlen=3)
    judge_scipy("signal.filtfilt", B[:2], A[:2], X, tracked=(2,), others=())
    for padtype in ("odd", "even", "constant", None):
        judge_scipy("signal.filtfilt", B, A, X2, 0, padtype, 1, tracked=(0, 1, 2), others=(),
                    second=False)  # fmt: skip
    judge_scipy("signal.filtfilt", B, A[:1], X, -1, "odd", 0, "pad", tracked=(0, 1, 2), others=())
    judge_scipy("signal.filtfilt", BZ, AZ, Z, padlen=2, tracked=(0, 1, 2), others=())


def sections(*tracked):
    """The coefficients of `SOS` but for the ones, which must stay."""
    free = np.concatenate([SOS[:, :3], SOS[:, 4:]], axis=1)
    return free, lambda c: pg.concat([c[:, :3], np.ones((2, 1)), c[:, 3:]], axis=1)


def test_sosfilt():
    judge_scipy("signal.sosfilt", SOS, X, tracked=(1,))
    judge_scipy("signal.sosfilt", SOS, X2, 0, tracked=(1,), others=())
    zi, zi0 = RNG.normal(size=(2, 2, 2)), RNG.normal(size=(2, 2, 6))
    judge_scipy("signal.sosfilt", SOS, X2, zi=zi, tracked=(1, "zi"))
    judge_scipy("signal.sosfilt", SOS[0], X2, 0, zi0[:1], tracked=(1, 3), others=())


def test_sosfiltfilt():
    judge_scipy("signal.sosfiltfilt", SOS, X2, tracked=(1,), padlen=3)
    judge_scipy("signal.sosfiltfilt", SOS, RNG.normal(size=20), tracked=(1,), others=())
    for padtype in ("odd", "even", "constant", None):
        judge_scipy("signal.sosfiltfilt", SOS, X2, 0, padtype, 1, tracked=(1,), others=(),
                    second=False)  # fmt: skip


@pytest.mark.parametrize("name", ["sosfilt", "sosfiltfilt"])
def test_by_the_coefficients_of_sections(name):
    """As sections of `lfilter` and `filtfilt` have them."""
    free, whole = sections()
    more = {"padlen": 2} if name == "sosfiltfilt" else {}
    own, one = getattr(pg.scipy.signal, name), pg.scipy.signal.lfilter

    def f(c):
        return pg.sum(own(whole(c), X, **more) ** 2)

    gradient, step = pg.grad(f)(free), 1e-6
    for n in np.ndindex(free.shape):
        t = np.zeros_like(free)
        t[n] = step
        np.testing.assert_allclose(
            gradient[n], (f(free + t).item() - f(free - t).item()) / (2 * step), atol=1e-6
        )
    if name == "sosfilt":
        y = one(SOS[1, :3], SOS[1, 3:], one(SOS[0, :3], SOS[0, 3:], X))
        np.testing.assert_allclose(own(SOS, X).data, y.data)


S = pg.scipy.signal


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: S.lfilter(B, A, v[0]), "one axis"),
        (lambda v: S.lfilter(X2, A, v), "b is a vector"),
        (lambda v: S.lfilter(B, [], v), "a is a vector"),
        (lambda v: S.lfilter(B, [0.0, 1.0], v), r"a\[0\] is 0"),
        (lambda v: S.lfilter(B, A, v, axis=1), "axis"),
        (lambda v: S.lfilter(B, A, v, zi=v[:2]), "zi has the shape"),
        (lambda v: S.lfilter(B, A, v, zi=X2), "zi has the shape"),
        (lambda v: S.lfilter([1], [1, 2], [1, 2]), "integers"),
        (lambda v: S.lfilter(B, [1.0], v[:0]), "empty"),
        (lambda v: S.lfilter_zi([1.0], [1.0]), "memory"),
        (lambda v: S.lfilter_zi(B, [0.0, 0.0]), "memory"),
        (lambda v: S.filtfilt(B, A, v), "more than padlen"),
        (lambda v: S.filtfilt(B, A, v, padtype="wrap"), "padtype"),
        (lambda v: S.filtfilt(B, A, v, method="gust"), "gust"),
        (lambda v: S.filtfilt(B, A, v, method="x"), "method"),
        (lambda v: S.filtfilt(B, A, v, padlen=-1), "padlen"),
        (lambda v: S.sosfilt(X2[:, :5], v), "6 numbers"),
        (lambda v: S.sosfilt(2 * SOS, v), "is 1"),
        (lambda v: S.sosfilt(SOS, v, zi=v), "zi has the shape"),
        (lambda v: S.sosfilt_zi(SOS[0]), "n_sections"),
        (lambda v: S.sosfiltfilt(SOS, v), "more than padlen"),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.Variable(X, requires_grad=True))
