"""Smoothing, trends, resampling and spectra of `pluggrad.scipy.signal`."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
X, X2, ODD = RNG.normal(size=10), RNG.normal(size=(3, 8)), RNG.normal(size=7)
Z = RNG.normal(size=8) + 1j * RNG.normal(size=8)
H = RNG.normal(size=5)
judge = functools.partial(judge_scipy, others=(), second=False)
S = pg.scipy.signal


@pytest.mark.parametrize("mode", ["interp", "mirror", "constant", "nearest", "wrap"])
def test_savgol_filter(mode):
    judge("signal.savgol_filter", X2, 5, 2, mode=mode)
    judge("signal.savgol_filter", X2, 3, 1, 1, 0.5, 0, mode, 0.25)
    judge("signal.savgol_filter", X, 4, 2, mode=mode)
    judge("signal.savgol_filter", X, 5, 2, 3, mode=mode, rtol=1e-9)


def test_savgol_filter_elsewhere():
    judge_scipy("signal.savgol_filter", X, 5, 2, deriv=1)


def test_medians():
    judge_scipy("signal.medfilt", X, 3)
    judge("signal.medfilt", X2)
    judge("signal.medfilt", X2, (1, 5))
    judge("signal.medfilt", X, 1)
    judge("signal.medfilt2d", X2, 3)
    judge("signal.medfilt2d", X2, [3, 1])
    found = S.medfilt(np.asarray([3, 1, 2])).data
    assert found.dtype == np.int64 and found.tolist() == [1, 2, 1]


def test_detrend():
    judge_scipy("signal.detrend", X)
    judge("signal.detrend", X2, 0, "constant")
    judge("signal.detrend", X2.copy(), 1, "linear", [3, 5], True)
    judge("signal.detrend", X, -1, "l", 4)
    judge("signal.detrend", X, -1, "l", [1, 9])
    judge("signal.detrend", Z, type="c")
    judge("signal.detrend", Z)
    assert S.detrend([1, 2, 4]).data.dtype == np.float64


def test_hilbert():
    judge_scipy("signal.hilbert", X)
    judge("signal.hilbert", ODD)
    judge("signal.hilbert", X2, 5, 0)
    judge("signal.hilbert", X2, 6)
    assert S.hilbert(X.astype("float32")).data.dtype == np.complex64


def test_upfirdn():
    judge_scipy("signal.upfirdn", H, X, 3, 2, tracked=(0, 1))
    for up, down in ((1, 1), (2, 1), (1, 3), (5, 2), (7, 3)):
        judge("signal.upfirdn", H, X, up, down, tracked=(0, 1))
        judge("signal.upfirdn", H[:2], X2, up, down, 0, tracked=(0, 1))
    judge("signal.upfirdn", H, Z, 2, tracked=(0, 1))


@pytest.mark.parametrize("mode", ["constant", "symmetric", "reflect", "edge", "wrap"])
def test_upfirdn_beyond_the_edges(mode):
    for up, down, h in ((1, 1, H), (3, 2, H), (2, 3, RNG.normal(size=23))):
        judge("signal.upfirdn", h, X2, up, down, 1, mode, tracked=(0, 1), maps=False)
    judge("signal.upfirdn", H, X2, 2, 3, 0, "constant", 1.5, tracked=(0, 1))


def test_resample_poly():
    judge_scipy("signal.resample_poly", X, 3, 2)
    for up, down in ((2, 1), (1, 2), (4, 6), (3, 3)):
        judge("signal.resample_poly", X2, up, down, 1)
    judge("signal.resample_poly", X2, 2, 3, window=("kaiser", 3.0))
    judge("signal.resample_poly", X, 2, 3, 0, H, tracked=(0, 4))
    judge("signal.resample_poly", X, 2, 3, cval=1.5)
    for padtype in ("mean", "median", "minimum", "maximum", "edge", "wrap", "symmetric", "reflect"):
        judge("signal.resample_poly", X2, 3, 2, 1, padtype=padtype)


@pytest.mark.parametrize("x", [X, ODD, Z, Z[:7]], ids=["even", "odd", "complex", "complex odd"])
def test_resample(x):
    for num in (3, 4, 7, 8, 10, 11, 15, 16):
        judge("signal.resample", x, num, rtol=1e-11)
        judge("signal.resample", x, num, window="hamming", rtol=1e-11, maps=False)
    for window in (np.cos, RNG.normal(size=len(x)), ("kaiser", 2.0)):
        judge("signal.resample", x, 5, window=window, maps=False)
    if x.dtype.kind == "c":
        judge("signal.resample", x, 6, domain="freq")
        judge("signal.resample", x, 12, domain="freq", window="hann")


def test_resample_along_an_axis():
    judge_scipy("signal.resample", X2, 6, axis=1)
    judge("signal.resample", X2, 4)
    judge("signal.resample", X, 5, np.arange(10.0) * 0.5)


def test_spectra():
    judge_scipy("signal.periodogram", X2, tracked=(0,))
    judge_scipy("signal.welch", X, 2.0, nperseg=4, noverlap=1)
    judge_scipy("signal.csd", X, X[::-1] ** 2, nperseg=4, tracked=(0, 1))
    judge("signal.coherence", X, X[::-1] ** 2, nperseg=4, tracked=(0, 1), rtol=1e-9)


VARIED = [
    {"fs": 3.0},
    {"window": "boxcar"},
    {"window": ("kaiser", 2.0)},
    {"window": np.asarray([1.0, 2.0, 3.0, 1.0]), "nperseg": None},
    {"noverlap": 0},
    {"noverlap": 3},
    {"nfft": 5},
    {"nfft": 6},
    {"detrend": False},
    {"detrend": "linear"},
    {"detrend": lambda z: z * 2},
    {"return_onesided": False},
    {"scaling": "spectrum"},
    {"axis": 0, "nperseg": 2},
    {"average": "median"},
    {"average": "median", "noverlap": 0},
    {"nperseg": 5},
    {"nperseg": 8},
]


@pytest.mark.parametrize("kwargs", VARIED, ids=str)
def test_arguments_of_spectra(kwargs):
    given = {"nperseg": 4, **kwargs}
    judge("signal.welch", X2, maps=False, **given)
    judge("signal.csd", X2, X2[::-1, ::-1] ** 2, tracked=(0, 1), maps=False, **given)
    if not kwargs.keys() & {"average", "scaling", "return_onesided", "detrend"}:
        given["detrend"] = False  # without a mean, the coherence at frequency 0 is 0 / 0
        judge("signal.coherence", X2, X2[::-1] ** 2 + 1, tracked=(0, 1), maps=False, rtol=1e-8,
              **given)  # fmt: skip


def test_periodogram():
    for kwargs in ({"nfft": 5}, {"nfft": 12}, {"axis": 0, "detrend": "linear"}, {"fs": 2.0},
                   {"window": "hann", "scaling": "spectrum"}, {"return_onesided": False},
                   {"window": np.arange(1.0, 9.0)}, {"window": None}):  # fmt: skip
        judge("signal.periodogram", X2, maps=False, **kwargs)


def test_cross_spectra():
    judge("signal.csd", Z, X[:8], nperseg=4, tracked=(0, 1))
    judge("signal.csd", X, ODD, nperseg=4, tracked=(0, 1))
    judge("signal.welch", Z, nperseg=4)
    judge("signal.csd", X2, X2[0], nperseg=4, tracked=(0, 1))
    _, power = S.csd(X, X, nperseg=4)
    assert power.dtype == np.float64
    np.testing.assert_allclose(power.data, of_scipy("signal.csd")(X, X, nperseg=4)[1])
    v = pg.Variable(X)
    assert S.csd(v, v, nperseg=4)[1].dtype == np.float64


@pytest.mark.parametrize("dtype", ["float32", "int64", "complex64"])
def test_dtypes_of_spectra(dtype):
    x = (8 * X2).astype(dtype)
    for name, args in (("welch", (x,)), ("csd", (x, x[::-1])), ("periodogram", (x,))):
        expected = of_scipy(f"signal.{name}")(*args)
        for y, e in zip(getattr(S, name)(*args), expected, strict=True):
            assert y.data.dtype == e.dtype
            np.testing.assert_allclose(y.data, e, rtol=1e-5, atol=1e-5)


def test_names_that_fall_through():
    assert S.windows.hann(4)[0] == 0 and S.butter(2, 0.5)[0].shape == (3,)
    with pytest.raises(pg.PluggradError, match="has no derivative"):
        S.find_peaks(pg.Variable(X, requires_grad=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: S.savgol_filter(v, 3, 1, mode="odd"), "mode is"),
        (lambda v: S.savgol_filter(v, 3, 4), "polyorder"),
        (lambda v: S.savgol_filter(v, 13, 4), "window_length is 13"),
        (lambda v: S.savgol_filter(v, 3.5, 1), "window_length is an integer"),
        (lambda v: S.savgol_filter(v, 3, 1, axis=1), "axis"),
        (lambda v: S.medfilt(v, 2), "odd"),
        (lambda v: S.medfilt(v, (3, 3)), "odd"),
        (lambda v: S.medfilt2d(v), "matrix"),
        (lambda v: S.detrend(v, type="square"), "trend"),
        (lambda v: S.detrend(v, bp=11), "bp"),
        (lambda v: S.detrend(v, bp=0.5), "bp"),
        (lambda v: S.detrend(v, axis=1), "axis"),
        (lambda v: S.hilbert(v * 1j), "real"),
        (lambda v: S.hilbert(v, 0), "positive"),
        (lambda v: S.upfirdn(H, v, 0), "up is at least 1"),
        (lambda v: S.upfirdn([], v), "not empty"),
        (lambda v: S.upfirdn(H, v, mode="smooth"), "smooth"),
        (lambda v: S.resample_poly(v, 2.5, 1), "up is an integer"),
        (lambda v: S.resample_poly(v, 2, 1, padtype="line"), "line"),
        (lambda v: S.resample_poly(v, 2, 1, padtype="mean", cval=1), "cval"),
        (lambda v: S.resample(v, 0), "num is at least 1"),
        (lambda v: S.resample(v, 3, domain="space"), "domain"),
        (lambda v: S.resample(v, 3, window=H), "window"),
        (lambda v: S.welch(v, nperseg=4, noverlap=4), "noverlap"),
        (lambda v: S.welch(v, nperseg=0), "positive"),
        (lambda v: S.welch(v, nperseg=4, nfft=3), "nfft"),
        (lambda v: S.welch(v, window=np.ones(11)), "elements of the signal"),
        (lambda v: S.welch(v, window=np.ones(5), nperseg=4), "window is a vector"),
        (lambda v: S.welch(v, nperseg=4, scaling="power"), "scaling"),
        (lambda v: S.welch(v, nperseg=4, average="mode"), "average"),
        (lambda v: S.welch(v, nperseg=4, detrend="square"), "trend"),
        (lambda v: S.csd(v, v * 1j, nperseg=4), "complex"),
    ],
)  # fmt: skip
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.Variable(X, requires_grad=True))
