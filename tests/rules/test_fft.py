"""Fourier transforms: central differences on NumPy, torch.fft, and every other backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.backends import OTHERS
from tests.support.derivatives import check_derivatives, host, random_like
from tests.support.fft_rows import FFT_ROWS, FROM_REAL
from tests.support.optional import needs


def array_for(name: str, shape: Any) -> np.ndarray:
    dtype = "float64" if name in FROM_REAL else "complex128"
    return random_like(np.empty(shape, dtype), np.random.default_rng(sum(shape)))


@pytest.mark.parametrize("name, shape, kwargs", FFT_ROWS)
def test_against_differences(name: str, shape: Any, kwargs: Any) -> None:
    if kwargs["norm"] == "ortho" or len(kwargs) > 1:
        check_derivatives(lambda x: getattr(pg.fft, name)(x, **kwargs), array_for(name, shape))
    else:
        check_derivatives(
            lambda x: getattr(pg.fft, name)(x, **kwargs), array_for(name, shape), second=False
        )


@pytest.mark.parametrize("name, shape, kwargs", FFT_ROWS)
def test_against_torch(name: str, shape: Any, kwargs: Any) -> None:
    torch = needs("torch")
    x = array_for(name, shape)
    if not x.size:
        pytest.skip("torch refuses empty arrays")
    theirs = {{"axis": "dim", "axes": "dim"}.get(key, key): value for key, value in kwargs.items()}
    leaf = torch.tensor(x, requires_grad=True)
    y = getattr(torch.fft, name)(leaf, **theirs)
    g = random_like(y.detach().resolve_conj().numpy(), np.random.default_rng(1))
    y.backward(torch.tensor(g))
    _, pull = pg.vjp(lambda v: getattr(pg.fft, name)(v, **kwargs), x)
    np.testing.assert_allclose(pull(g)[0], leaf.grad.resolve_conj().numpy(), rtol=1e-12, atol=1e-12)


TRANSFORMS = [
    "fft", "ifft", "rfft", "irfft", "hfft", "ihfft",
    "fftn", "ifftn", "rfftn", "irfftn", "fftshift", "ifftshift",
]  # fmt: skip


@pytest.mark.parametrize(
    "name, single, backend",
    [(name, single, backend) for name in TRANSFORMS for backend in OTHERS
     for single in ((False,) if backend == "jax" else (False, True))],
)  # fmt: skip
def test_backends_agree(name: str, single: bool, backend: str) -> None:
    x = array_for(name, (4, 3))
    if single:
        x = x.astype("complex64" if x.dtype.kind == "c" else "float32")
    kwargs: Any = {"n": 5}
    if name.endswith("n"):
        kwargs = {"s": (3, 5), "axes": (0, 1)}
    elif "shift" in name:
        kwargs = {}

    def derivatives(leaf: Any) -> list[np.ndarray]:
        y = getattr(pg.fft, name)(leaf, **kwargs)
        (first,) = pg.autograd.grad(pg.sum(pg.abs(y) ** 3), [leaf], create_graph=True)
        (second,) = pg.autograd.grad(pg.sum(pg.abs(first) ** 2), [leaf])
        return [host(v) for v in (y, first, second)]

    raw = pg.namespace(backend).asarray(x).data
    tolerance = 1e-3 if single else 1e-10
    found = derivatives(pg.Variable(raw, requires_grad=True))
    expected = derivatives(pg.Variable(x, requires_grad=True))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
@pytest.mark.parametrize("axes", [None, 0, (0, 1)])
def test_shifts(name: str, axes: Any) -> None:
    check_derivatives(lambda x: getattr(pg.fft, name)(x, axes=axes), array_for("rfft", (4, 3)))
    check_derivatives(lambda x: getattr(pg.fft, name)(x, axes=axes), array_for("fft", (3, 5)))


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft"])
def test_two_axes(name: str) -> None:
    x = array_for("rfft" if name == "rfft" else name, (2, 3, 4))
    check_derivatives(lambda v: getattr(pg.fft, f"{name}2")(v, s=(4, 3)), x, second=False)
    y = getattr(pg.fft, f"{name}2")(pg.Variable(x))
    np.testing.assert_allclose(y.data, getattr(np.fft, f"{name}2")(x))


def test_frequencies_are_made_by_the_backend_in_use() -> None:
    np.testing.assert_array_equal(pg.fft.fftfreq(5, d=0.5).data, np.fft.fftfreq(5, d=0.5))
    np.testing.assert_array_equal(pg.fft.rfftfreq(4).data, np.fft.rfftfreq(4))
    for backend in OTHERS:
        with pg.use(backend):
            assert pg.fft.fftfreq(3).data.__class__ is pg.zeros(3).data.__class__


def test_real_input_of_a_complex_transform_gets_a_real_gradient() -> None:
    check_derivatives(lambda x: pg.fft.fft(x, n=5), array_for("rfft", (4,)))
    check_derivatives(lambda x: pg.fft.ifftn(x), array_for("rfft", (3, 4)))


def test_gradients_added_in_place_stay_apart() -> None:
    """The same transform feeds two uses; neither cotangent may be written into."""
    x = pg.Variable(array_for("fft", (4,)), requires_grad=True)
    seed = array_for("ifft", (4,))
    kept = seed.copy()
    y = pg.fft.fft(x) + pg.fft.fftn(x, axes=(0,)) + x
    y.backward(seed)
    np.testing.assert_array_equal(seed, kept)
    np.testing.assert_allclose(x.grad.data, 2 * np.fft.ifft(seed, norm="forward") + seed)
