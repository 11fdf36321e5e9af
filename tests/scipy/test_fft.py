"""Cosine and sine transforms, and Fourier transforms with SciPy's arguments."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 5)) + 1j * RNG.normal(size=(3, 5))
ONE = ["dct", "idct", "dst", "idst"]


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("type", [1, 2, 3, 4])
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
def test_adjoints(name, type, norm):
    """⟨u, D z⟩ = ⟨Dᵀu, z⟩ for every type, norm, scale of the ends, length and axis."""
    own, function = getattr(pg.scipy.fft, name), of_scipy(f"fft.{name}")
    for ortho, n, axis in itertools.product((None, True, False), (None, 4, 7), (-1, 0)):
        kwargs = {"type": type, "norm": norm, "orthogonalize": ortho, "n": n, "axis": axis}
        y, pull = pg.vjp(lambda x, kwargs=kwargs: own(x, **kwargs), X)
        expected = function(X, **kwargs)
        np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-14)
        u, z = RNG.normal(size=expected.shape), RNG.normal(size=X.shape)
        np.testing.assert_allclose(np.sum(pull(u)[0] * z), np.sum(u * function(z, **kwargs)))


@pytest.mark.parametrize("name", [*ONE, *[f"{name}n" for name in ONE]])
def test_transforms(name):
    judge_scipy(f"fft.{name}", X)
    judge_scipy(f"fft.{name}", X, 3, norm="ortho")
    judge_scipy(f"fft.{name}", Z, 2, others=("jax",))


@pytest.mark.parametrize("name", [f"{name}n" for name in ONE])
def test_several_axes(name):
    judge_scipy(f"fft.{name}", X, axes=0)
    judge_scipy(f"fft.{name}", X, s=(4,))
    judge_scipy(f"fft.{name}", X, s=(2, 6), axes=(1, 0), others=())


@pytest.mark.parametrize("name", ["fft", "ifft", "hfft", "rfft", "irfft", "ihfft"])
def test_fourier_transforms(name):
    x = X if name in ("rfft", "ihfft") else Z
    judge_scipy(f"fft.{name}", x, 4, 0, "ortho", others=())
    if name not in ("hfft", "ihfft"):
        judge_scipy(f"fft.{name}2", x, (2, 4), norm="forward", others=())
        judge_scipy(f"fft.{name}n", x, others=())


@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
def test_shifts(name):
    judge_scipy(f"fft.{name}", X)
    judge_scipy(f"fft.{name}", X, axes=0)


@pytest.mark.parametrize("name", [*ONE, "dctn", "idstn", "rfft", "ifft2", "irfftn"])
def test_scipy_takes_variables(name):
    """SciPy's own function of a Variable comes here, by the protocol of uarray."""
    v = pg.Variable(X, requires_grad=True)
    y = of_scipy(f"fft.{name}")(v)
    assert isinstance(y, pg.Variable) and y.requires_grad
    np.testing.assert_allclose(y.detach().data, of_scipy(f"fft.{name}")(X))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: pg.scipy.fft.dct(v, type=5), "type is 1, 2, 3 or 4"),
        (lambda v: pg.scipy.fft.dct(v, axis=2), "no axis 2"),
        (lambda v: pg.scipy.fft.dct(v, norm="half"), "norm is"),
        (lambda v: pg.scipy.fft.dct(v[:, :1], 1), "too short"),
        (lambda v: pg.scipy.fft.dst(v, n=0), "too short"),
        (lambda v: pg.scipy.fft.dctn(v, s=(2, 3), axes=(0,)), "lengths"),
        (lambda v: pg.scipy.fft.fft(v, plan=1), "plan"),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.Variable(X, requires_grad=True))
