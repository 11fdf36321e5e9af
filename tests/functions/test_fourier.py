"""Fourier transforms with NumPy's arguments, by position and by name, beside NumPy's."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import convert, to_numpy
from tests.support.derivatives import check_derivatives
from tests.support.optional import needs

ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
SEVERAL = ("fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2")
REAL = ("rfft", "rfftn", "rfft2", "ihfft")
ARGUMENTS: list[tuple[Any, ...]] = [
    (), (None,), (2,), (6, 0), (3, -2, "ortho"), (None, 1, None), (2, 0, "forward"), (0,), (-1,),
    (2.5,), (None, 5), (None, -3), (None, None), (None, 0, "other"), ("a",),
]  # fmt: skip
SIZES: list[tuple[Any, ...]] = [
    (), (None,), (None, (0,)), (None, (1, 0)), ((2, 5), (0, 1)), ((5, -1), (-2, -1), "ortho"),
    ((2,), (1,), "forward"), ((2, 3), (0, 0)), (None, (0, 0)), (None, (1, 0, 1), None), (None, [1]),
    ((2,), (0, 1)), ((2, 3, 4),), (None, (0, 5)), (None, ()), ((0, 2), (0, 1)), (None, 1),
    (2, (0,)), ((2, 2.5), (0, 1)), (None, (0, 1), "other"), ((-1, 0), (0, 0)),
]  # fmt: skip
ROWS = [(name, row) for name in ONE for row in ARGUMENTS]
ROWS += [(name, row) for name in SEVERAL for row in SIZES]
SHIFTS: list[tuple[Any, ...]] = [(), (None,), (0,), (-1,), ((0, 1),), ([1],), ((),), (5,), (0.5,)]
ROWS += [(name, row) for name in ("fftshift", "ifftshift") for row in SHIFTS]


def matrix(name: str) -> np.ndarray:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 4))
    return x if name in REAL or "shift" in name else x + 1j * rng.normal(size=(3, 4))


def expected(name: str, x: Any, row: Any) -> Any:
    """NumPy's answer; None if it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return getattr(np.fft, name)(x, *row)
        except (ValueError, TypeError, IndexError):
            return None


@pytest.mark.parametrize("name, row", ROWS)
def test_arguments_by_position(name: str, row: Any) -> None:
    """Of `pg.fft` and of `np.fft` on Variables."""
    x = matrix(name)
    value = expected(name, x, row)
    for namespace in (pg.fft, np.fft):
        call = getattr(namespace, name)
        if value is None:
            with pytest.raises(pg.PluggradError, match="fft"):
                call(pg.Variable(x), *row)
        else:
            y = call(pg.Variable(x), *row)
            assert y.dtype == value.dtype
            np.testing.assert_allclose(y.data, value, rtol=1e-12, atol=1e-14)
    if value is not None:
        check_derivatives(lambda v: getattr(pg.fft, name)(v, *row), x, second=False)


@pytest.mark.parametrize("name", [*ONE, *SEVERAL, "fftshift", "ifftshift"])
def test_parameters_have_numpys_names_and_order(name: str) -> None:
    theirs = [n for n in inspect.signature(getattr(np.fft, name)).parameters if n != "out"]
    ours = list(inspect.signature(getattr(pg.fft, name)).parameters)
    assert ours == ["x", *theirs[1:]]


@pytest.mark.parametrize("name", [*ONE, *SEVERAL])
def test_kinds_of_numbers(name: str) -> None:
    """Lists, integers, single precision, 0-d and empty arrays."""
    single = matrix(name).astype("float32" if name in REAL else "complex64")
    for x in (single, np.arange(12).reshape(3, 4), np.ones((0, 4)), np.ones((3, 0)), np.ones(())):
        value = expected(name, x, ())
        if value is None:
            with pytest.raises(pg.PluggradError):
                getattr(pg.fft, name)(pg.Variable(x))
        else:
            y = getattr(pg.fft, name)(pg.Variable(x))
            assert (y.dtype, y.shape) == (value.dtype, value.shape)
            np.testing.assert_allclose(y.data, value, rtol=1e-5, atol=1e-5)
    found = getattr(pg.fft, name)([[1.0, 2.0], [3.0, 5.0]])
    np.testing.assert_allclose(found.data, getattr(np.fft, name)([[1.0, 2.0], [3.0, 5.0]]))


def test_out_is_written() -> None:
    v = pg.Variable(matrix("rfft"), requires_grad=True)
    out = pg.Variable(np.zeros((3, 3), complex))
    assert np.fft.rfft(v, out=out) is out
    np.testing.assert_allclose(out.detach().data, np.fft.rfft(matrix("rfft")))
    assert out.requires_grad


@pytest.mark.parametrize("backend", ["torch", "jax", "strict", "dask"])
@pytest.mark.parametrize("name, row", [
    ("fft", (5, 0)), ("irfft", (None, 0, "ortho")), ("fft2", ((2, 5),)), ("rfft2", ()),
    ("ifftn", (None, (0, 0))), ("fftshift", (1,)),
])  # fmt: skip
def test_other_backends(name: str, row: Any, backend: str) -> None:
    needs(backend)
    x = matrix(name)
    found, wanted = (
        pg.Variable(convert(x, backend), requires_grad=True),
        pg.Variable(x, requires_grad=True),
    )
    if backend == "dask":
        found = pg.Variable(found.data.rechunk(-1), requires_grad=True)
    ys = [getattr(pg.fft, name)(v, *row) for v in (found, wanted)]
    for y in ys:
        pg.sum(pg.abs(y) ** 3).backward()
    np.testing.assert_allclose(to_numpy(ys[0]), to_numpy(ys[1]), rtol=1e-9)
    np.testing.assert_allclose(to_numpy(found.grad), to_numpy(wanted.grad), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["fftfreq", "rfftfreq"])
def test_frequencies(name: str) -> None:
    ours, theirs = getattr(pg.fft, name), getattr(np.fft, name)
    for args in ((5,), (4, 0.1), (1,), (np.int64(6), 2)):
        np.testing.assert_allclose(ours(*args).data, theirs(*args))
    np.testing.assert_allclose(ours(4, d=0.5).data, theirs(4, d=0.5))
    for args in ((0,), (-3,), (2.5,), (4, 0), (4, "a"), (4, 1.0, 2)):
        with pytest.raises(pg.PluggradError, match="fftfreq"):
            ours(*args)
