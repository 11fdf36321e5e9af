"""Convolutions and correlations of `pluggrad.scipy.signal`."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
X, H = RNG.normal(size=7), RNG.normal(size=3)
A, K = RNG.normal(size=(4, 5)), RNG.normal(size=(2, 3))
Z = RNG.normal(size=(2, 2)) + 1j * RNG.normal(size=(2, 2))
BOTH = ["convolve", "correlate"]
EACH = [*BOTH, "fftconvolve", "oaconvolve"]


@pytest.mark.parametrize("name", EACH)
def test_by_both_arrays(name):
    judge_scipy(f"signal.{name}", X, H, tracked=(0, 1))
    judge_scipy(f"signal.{name}", A, K, tracked=(0, 1), mode="same", second=False)
    judge_scipy(f"signal.{name}", A, Z, tracked=(0, 1), mode="valid", others=("jax",))


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_modes(name, mode):
    """All modes of arrays of which the first is longer, shorter, and longer along one axis."""
    for x1, x2 in ((A, K), (K, A), (X, H), (H, X), (A[:, :2], K), (Z, A), (A, A)):
        if mode == "valid" and (x1.shape, x2.shape) == ((4, 2), (2, 3)):
            continue
        for method in ("auto", "direct", "fft") if name in BOTH else (None,):
            kwargs = {"mode": mode} | ({"method": method} if method else {})
            judge_scipy(f"signal.{name}", x1, x2, tracked=(0, 1), second=False, maps=False,
                        others=(), **kwargs)  # fmt: skip


@pytest.mark.parametrize("name", ["fftconvolve", "oaconvolve"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_some_axes(name, mode):
    """Along the other axes, lengths are equal or 1."""
    for x1, x2, axes in ((A, A[:, :2], 1), (A[:1], K, (-1,)), (A, K[:, :1], [0, 1]), (K, A[:1], 1)):
        judge_scipy(f"signal.{name}", x1, x2, tracked=(0, 1), second=False, maps=False, others=(),
                    mode=mode, axes=axes)  # fmt: skip


@pytest.mark.parametrize("name", [f"{name}2d" for name in BOTH])
def test_images(name):
    judge_scipy(f"signal.{name}", A, K, tracked=(0, 1))
    judge_scipy(f"signal.{name}", A, K, "same", "symm", tracked=(0, 1), others=("torch",))
    judge_scipy(f"signal.{name}", A, K, boundary="fill", fillvalue=1.5, tracked=(0, 1), others=())


@pytest.mark.parametrize("name", [f"{name}2d" for name in BOTH])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
def test_edges(name, mode, boundary):
    """Kernels of odd and even lengths, and longer than the image, which is then repeated."""
    for x1, x2 in ((A, K), (K, A), (A, Z), (Z, A), (A[:2, :2], RNG.normal(size=(5, 7)))):
        judge_scipy(f"signal.{name}", x1, x2, mode, boundary, 0.5, tracked=(0, 1), second=False,
                    maps=False, others=())  # fmt: skip


@pytest.mark.parametrize("name", [*EACH, "convolve2d", "correlate2d"])
def test_dtypes(name):
    """Integers and single precision as SciPy has them."""
    function, own = of_scipy(f"signal.{name}"), getattr(pg.scipy.signal, name)
    for d1 in ("int64", "float32", "float64", "complex64", "bool"):
        for d2 in ("int64", "int8", "float32", "complex128"):
            x1, x2 = (3 * A).astype(d1), (3 * K).astype(d2)
            expected, found = function(x1, x2), own(x1, x2).data
            assert found.dtype == expected.dtype, (d1, d2)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_numbers_and_lists():
    assert pg.scipy.signal.convolve(2.0, 3.0).item() == 6.0
    y = pg.scipy.signal.convolve([1.0, 2.0], pg.Variable(H, requires_grad=True))
    np.testing.assert_allclose(y.detach().data, np.convolve([1.0, 2.0], H))
    assert pg.scipy.signal.fftconvolve(X, X[:0]).shape == (0,)


@pytest.mark.parametrize("name", BOTH)
def test_the_batch_may_be_of_the_second_array(name):
    function = getattr(pg.scipy.signal, name)
    batch = np.stack([H, 2 * H])
    for method in ("direct", "fft"):
        for mode in ("full", "valid"):
            mapped = pg.vmap(lambda h, m=mode, by=method: function(X, h, m, by))(batch)
            expected = np.stack([of_scipy(f"signal.{name}")(X, h, mode, method) for h in batch])
            np.testing.assert_allclose(mapped, expected, atol=1e-12)


S = None if pg is None else pg.scipy.signal


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: S.convolve(v, K), "number of axes"),
        (lambda v: S.convolve(v, H, "half"), "mode is"),
        (lambda v: S.convolve(v, H, method="slow"), "method is"),
        (lambda v: S.convolve(v, H[:0]), "not empty"),
        (lambda v: S.convolve("x", v), "array"),
        (lambda v: S.correlate(A[:, :2], K * v[0], "valid"), "at least as long"),
        (lambda v: S.fftconvolve(A, K * v[0], axes=2), "axis"),
        (lambda v: S.fftconvolve(A, K * v[0], axes=[]), "one axis at least"),
        (lambda v: S.fftconvolve(A, K * v[0], axes=0), "do not fit"),
        (lambda v: S.convolve2d(v, H), "two matrices"),
        (lambda v: S.convolve2d(A * v[0], K, boundary="reflect"), "boundary is"),
        (lambda v: S.convolve2d(A * v[0], K, fillvalue=[1, 2]), "fillvalue"),
        (lambda v: S.convolve2d(A * v[0], K, fillvalue=1j), "complex"),
        (lambda v: S.convolve2d(A * v[0], K[:0]), "not empty"),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.Variable(X, requires_grad=True))
