"""`scipy.signal`: transforms of pieces, quotients and responses; `scipy.ndimage`: morphology and
filters of Fourier transforms; systems of Toeplitz matrices."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(3)
X, IMAGE = RNG.normal(size=24), RNG.normal(size=(5, 6))
judge = functools.partial(judge_scipy, second=False)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"nperseg": 8}, {"nperseg": 7, "noverlap": 3, "fs": 2.0, "scaling": "psd"},
        {"nperseg": 8, "boundary": "odd", "detrend": "linear"}, {"nperseg": 8, "nfft": 12},
        {"nperseg": 8, "boundary": None, "padded": False, "return_onesided": False},
        {"window": np.hanning(8), "nperseg": 8},
    ],
)  # fmt: skip
def test_stft(options):
    judge("signal.stft", X, **options)
    judge("signal.stft", np.stack([X, X + 1.0], axis=1), axis=0, maps=False, others=(), **options)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"nperseg": 8}, {"nperseg": 7, "noverlap": 3, "scaling": "spectrum"},
        {"nperseg": 8, "mode": "complex"}, {"nperseg": 8, "mode": "magnitude"},
        {"nperseg": 8, "mode": "angle", "detrend": False}, {"nperseg": 8, "nfft": 11},
        {"nperseg": 8, "return_onesided": False},
    ],
)  # fmt: skip
def test_spectrogram(options):
    judge("signal.spectrogram", X, others=("torch",), **options)


def test_istft_is_the_way_back():
    z = of_scipy("signal.stft")(X, nperseg=8)[2]
    for options in ({"nperseg": 8}, {"nperseg": 8, "boundary": False, "noverlap": 5, "fs": 2.0},
                    {"nperseg": 8, "scaling": "psd"}, {"input_onesided": False}):  # fmt: skip
        judge("signal.istft", z, **options)
    judge("signal.istft", np.stack([z, 2 * z]), nperseg=8)
    judge("signal.istft", z.T.copy(), nperseg=8, time_axis=0, freq_axis=1)
    y = pg.scipy.signal.istft(pg.scipy.signal.stft(X, nperseg=8)[2], nperseg=8)[1]
    np.testing.assert_allclose(y.data, X, atol=1e-12)


def test_single_precision_stays():
    x = X.astype(np.float32)
    for name in ("stft", "spectrogram"):
        ours = getattr(pg.scipy.signal, name)(x, nperseg=8)
        theirs = of_scipy(f"signal.{name}")(x, nperseg=8)
        assert ours[2].dtype == theirs[2].dtype


def test_decimate():
    for options in ({}, {"n": 3}, {"ftype": "fir"}, {"ftype": "fir", "zero_phase": False, "n": 7},
                    {"zero_phase": False}, {"ftype": "iir", "n": 2}):  # fmt: skip
        judge("signal.decimate", RNG.normal(size=40), 2, rtol=1e-10, others=("torch",), **options)
    judge("signal.decimate", RNG.normal(size=(40, 2)), 3, axis=0, n=2, rtol=1e-10, others=())


def test_quotients_and_responses():
    judge("signal.deconvolve", X[:7], np.asarray([1.5, 0.3, 0.2]), tracked=(0, 1), second=True)
    b, a = np.asarray([0.4, 0.2, 0.1]), np.asarray([1.0, -0.3])
    judge("signal.freqz", b, a, tracked=(0, 1), worN=9, second=True)
    for options in ({"whole": True}, {"fs": 10.0}, {"include_nyquist": True}):
        judge("signal.freqz", b, worN=8, others=(), **options)
    judge("signal.freqz", b, a, np.asarray([0.2, 1.1]), tracked=(0, 1, 2))
    judge("signal.wiener", IMAGE)
    judge("signal.wiener", IMAGE, (3, 5), 0.4, tracked=(0,))
    judge("signal.wiener", X, 5)


MORPHOLOGY = [
    "grey_erosion", "grey_dilation", "grey_opening", "grey_closing", "white_tophat", "black_tophat",
    "morphological_gradient", "morphological_laplace",
]  # fmt: skip


@pytest.mark.parametrize("name", MORPHOLOGY)
def test_morphology(name):
    footprint = np.asarray([[1, 1, 0], [0, 1, 1]], bool)
    judge(f"ndimage.{name}", IMAGE, size=3)
    for options in ({"size": (2, 3), "mode": "constant", "cval": 0.3},
                    {"footprint": footprint, "mode": "wrap"}, {"structure": np.zeros((2, 2))},
                    {"size": 2, "axes": (1,)}):  # fmt: skip
        judge(f"ndimage.{name}", IMAGE, others=(), maps=False, **options)
    with pytest.raises(pg.errors.UnsupportedError, match="structure"):
        getattr(pg.scipy.ndimage, name)(IMAGE, structure=np.ones((2, 2)))
    with pytest.raises(pg.errors.InvalidArgumentError, match="give size"):
        getattr(pg.scipy.ndimage, name)(IMAGE)


@pytest.mark.parametrize("name", ["fourier_gaussian", "fourier_uniform", "fourier_ellipsoid"])
def test_filters_of_fourier_transforms(name):
    z = IMAGE + 1j * RNG.normal(size=(5, 6))
    judge(f"ndimage.{name}", z, 1.5)
    judge(f"ndimage.{name}", IMAGE, (1.5, 2.0), others=())
    judge(f"ndimage.{name}", z[:, :4], 1.5, 6, others=())
    judge(f"ndimage.{name}", z[:3], 1.5, 5, axis=0, others=())


def test_fourier_shift():
    z, by = IMAGE + 1j * RNG.normal(size=(5, 6)), np.asarray([0.4, -1.3])
    judge("ndimage.fourier_shift", z, by, tracked=(0, 1), second=True)
    judge("ndimage.fourier_shift", z[:, :4], by, 6, tracked=(0, 1))
    judge("ndimage.fourier_shift", IMAGE, 0.7)


def test_toeplitz_and_circulant_systems():
    c, r = np.asarray([5.0, 1.0, -0.5, 0.3]), np.asarray([5.0, 0.7, 0.2, 0.4])
    b = RNG.normal(size=(4, 2))
    full = functools.partial(judge_scipy, tracked=(0, 1))
    full("linalg.solve_toeplitz", c, b)
    full("linalg.solve_circulant", c, b)
    full("linalg.solve_circulant", c, b[:, 0])
    full("linalg.matmul_toeplitz", c, b)
    full("linalg.solve_toeplitz", c, r, b, use=lambda f, c, r, b: f((c, r), b), tracked=(0, 1, 2))
    full("linalg.matmul_toeplitz", c, r, b, use=lambda f, c, r, b: f((c, r), b),
         tracked=(0, 1, 2))  # fmt: skip


def test_eigenvalues():
    a = RNG.normal(size=(4, 4)) + np.diag([1.0, 4.0, 7.0, 10.0])
    judge("linalg.eigvals", a, second=True, rtol=1e-10, others=("torch",))
    judge("linalg.eig", a, use=lambda eig, a: eig(a, right=False), rtol=1e-10, others=("torch",))
    judge("linalg.eig", a, use=lambda eig, a: abs(eig(a)[1]) ** 2, rtol=1e-10, others=("torch",))
    judge("linalg.eigvalsh", a, use=lambda f, a: f(a + a.T, subset_by_index=(1, 2)), rtol=1e-10)
    judge("spatial.distance_matrix", a, 1.3 * a[:2] + 1.0, tracked=(0, 1))
    for p in (1, 3, np.inf):
        judge("spatial.distance_matrix", a, 1.3 * a[:2] + 1.0, p, tracked=(0, 1), rtol=1e-11)
