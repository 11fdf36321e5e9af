"""Reading and writing elements: every kind of index of the standard."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import pluggrad as pg
from tests.support.derivatives import check_derivatives
from tests.support.optional import needs

RNG = np.random.default_rng(3)
MASK = np.asarray([[True, False, True], [False, False, True]])
KEYS = {
    "int": 1,
    "negative int": -2,
    "ints": (1, -1, 0),
    "slice": slice(1, None),
    "steps": (slice(None, None, 2), slice(1, 3)),
    "backwards": (slice(None, None, -1), slice(None, 0, -2)),
    "empty slice": slice(2, 2),
    "ellipsis": (..., 1),
    "ellipsis alone": ...,
    "none": (None, 0, None, ..., None),
    "empty tuple": (),
    "mask": MASK,
    "whole mask": RNG.standard_normal((2, 3, 4)) > 0,
    "no mask": np.zeros((2, 3, 4), dtype=bool),
    "row mask": (slice(None), np.asarray([True, False, True])),
    "integers": np.asarray([1, 0]),
    "duplicates": np.asarray([0, 0, 1, -1, 0]),
    "matrix of integers": np.asarray([[0, 1], [1, 1]]),
    "two arrays": (np.asarray([0, 1, 0]), np.asarray([2, 1, 2])),
    "broadcast arrays": (np.asarray([[0], [1]]), np.asarray([2, 2, -1])),
    "array and slice": (slice(None), np.asarray([2, 2, 0])),
    "slice between": (np.asarray([0, 1, 0]), slice(None), np.asarray([3, 3, 3])),
    "int and array": (1, np.asarray([0, 0, 2])),
    "int apart": (np.asarray([0, 1, 1]), slice(None), 2),
    "array last": (..., np.asarray([3, -1, 1])),
    "none and array": (None, np.asarray([1, 1])),
    "mask and array": (MASK, np.asarray([1, 1, 1])),
    "0-d array": np.asarray(1),
    "no integers": np.asarray([], dtype=np.int64),
}


def made(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    x = RNG.standard_normal(shape)
    return x + 1j * RNG.standard_normal(shape) if dtype == "complex128" else x


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", KEYS)
def test_reading(name: str, dtype: str) -> None:
    check_derivatives(lambda x: x[KEYS[name]] * x[KEYS[name]], made((2, 3, 4), dtype))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", KEYS)
def test_writing(name: str, dtype: str) -> None:
    key = KEYS[name]

    def write(x, w):  # type: ignore[no-untyped-def]
        y = x * 2
        y[key] = w
        return y

    x = made((2, 3, 4), dtype)
    w = made(x[key].shape, dtype)
    expected = x * 2
    expected[key] = w
    np.testing.assert_array_equal(write(pg.Variable(x), pg.Variable(w)).data, expected)
    check_derivatives(write, x, w)
    check_derivatives(write, x, made((), dtype))  # one number, broadcast


@pytest.mark.parametrize("name", KEYS)
def test_writing_in_a_row(name: str) -> None:
    """Write, read back, write again: the buffer is owned by then."""
    key = KEYS[name]

    def write(x, w):  # type: ignore[no-untyped-def]
        y = x * 2
        y[key] = w * w
        y[key] += y[key] * w
        y[..., 0] = x[..., 1] * y[..., 2]
        y[key] *= w
        return y

    x = made((2, 3, 4), "float64")
    w = made(x[key].shape, "float64")
    expected = x * 2
    expected[key] = w * w
    expected[key] += expected[key] * w
    expected[..., 0] = x[..., 1] * expected[..., 2]
    expected[key] *= w
    np.testing.assert_array_equal(write(pg.Variable(x), pg.Variable(w)).data, expected)
    check_derivatives(write, x, w)


@pytest.mark.parametrize(
    ("shape", "key"),
    [((), ()), ((), ...), ((3,), 0), ((0,), slice(None)), ((0, 2), (slice(None), 1))],
)
def test_small_arrays(shape: tuple[int, ...], key: object) -> None:
    def write(x, w):  # type: ignore[no-untyped-def]
        y = pg.asarray(x * 3)
        y[key] = w
        y[key] *= w
        return y

    x = made(shape, "float64")
    check_derivatives(lambda x: x[key] * 2, x)
    check_derivatives(write, x, made(x[key].shape, "float64"))


def test_lists_as_index() -> None:
    x = pg.Variable(np.arange(6.0).reshape(3, 2), requires_grad=True)
    y = x * 1
    y[[0, 0]] = pg.Variable(np.asarray([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(y.data, [[3, 4], [2, 3], [4, 5]])
    np.testing.assert_array_equal(y[[True, False, False]].data, [[3, 4]])
    assert y[[]].shape == (0, 2)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_numpy_s_arrays_as_index_of_another_library(backend: str) -> None:
    needs(backend)
    x = made((2, 3, 4), "float64")
    array = pg.namespace(backend).asarray(x).data
    keys = [KEYS[name] for name in ("duplicates", "two arrays", "array and slice", "mask")]
    for key in [*keys, np.asarray([1, 0, 1], dtype=np.uint8)]:

        def f(v: object) -> object:
            y = 1.0 * v
            y[key] = 2.0 * y[key]  # noqa: B023
            return pg.sum(y[key] ** 2) + pg.sum(y)  # noqa: B023

        expected = pg.grad(f)(x)
        np.testing.assert_allclose(np.asarray(pg.grad(f)(array)), expected)
        if backend == "torch":
            rows = pg.vmap(pg.grad(f))(pg.stack([array, array]).data)
            np.testing.assert_allclose(np.asarray(rows[1]), expected)


def test_the_last_write_wins_and_alone_gets_a_gradient() -> None:
    x = pg.Variable(np.zeros((3, 2)), requires_grad=True)
    w = pg.Variable(np.arange(6.0).reshape(3, 2), requires_grad=True)
    y = x * 1
    y[np.asarray([1, -2, 0])] = w
    np.testing.assert_array_equal(y.data, [[4, 5], [2, 3], [0, 0]])
    (y * y).sum().backward()
    np.testing.assert_array_equal(w.grad.data, [[0, 0], [4, 6], [8, 10]])
    np.testing.assert_array_equal(x.grad.data, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_the_dtype_stays(dtype: type) -> None:
    x = pg.Variable(np.ones(3, dtype), requires_grad=True)
    w = pg.Variable(np.asarray([2.0, 3.0]), requires_grad=True)
    y = x * 1
    y[1:] = w
    assert y.dtype == dtype
    y.sum().real.backward()
    assert x.grad.dtype == dtype and w.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad.data, [1, 0, 0])
    np.testing.assert_array_equal(w.grad.data, [1, 1])


def test_values_that_do_not_fit() -> None:
    real = pg.Variable(np.ones(3))
    before = real.data.copy()
    with pytest.raises(TypeError, match="complex"):
        real[0] = pg.Variable(np.asarray(1j), requires_grad=True)
    with pytest.raises(TypeError, match="integer"):
        pg.Variable(np.ones(3, np.int64))[0] = pg.Variable(np.asarray(1.0), requires_grad=True)
    with pytest.raises(ValueError):
        real[:2] = np.ones(3)
    with pytest.raises(IndexError):
        real[5] = 1.0
    np.testing.assert_array_equal(real.data, before)


def test_element_loops_are_linear() -> None:
    """In memory, which a copy per write or a dense gradient per read would make quadratic."""

    def peak(n: int) -> int:
        x = pg.Variable(np.ones(n), requires_grad=True)
        tracemalloc.start()
        y, total = x * 1.0, 0.0
        for k in range(1, n):
            y[k] += y[k - 1] * 0.5
            total = total + x[k] * x[k]
        (y.sum() + total).backward()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(50)
    assert peak(2000) < 4 * 1.3 * peak(500)


def test_a_bool_beside_integers_in_a_write_is_refused_by_name():
    v = pg.Variable(np.ones((3, 3)), requires_grad=True)
    z = v * 1.0
    rows = np.array([0, 2])
    z[rows, True] = v[rows, True] * 2.0
    with pytest.raises(pg.UnsupportedError, match="Python bool"):
        pg.sum(z).backward()
