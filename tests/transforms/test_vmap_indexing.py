"""vmap of reads and writes at constant keys, and at keys that are mapped."""

# ruff: noqa: B023
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import closeness, convert, numbers, stacked
from tests.support.backends import OTHERS

SIZE = 3
close = closeness(rtol=1e-9, atol=1e-9, same_type=True, scaled=True)


KEYS: list[Any] = [
    0, -1, slice(1, None), (slice(None), 1), (..., 0), None, (None, slice(None, None, 2), ..., -1),
    slice(None, None, -1), (), ...,
    np.asarray([2, 0, 2]), (np.asarray([0, 2]), np.asarray([1, -1])),
    (slice(None), np.asarray([1, 1])),
    (np.asarray([[0], [1]]), slice(None), np.asarray([3, 0])), (0, slice(None), np.asarray([1, 2])),
    (np.asarray([0, 1]), 1, np.asarray([1, 2])), (..., np.asarray([1, 1]), slice(1)),
    np.asarray([True, False, True]), (slice(None), np.asarray([True, False, True, True])),
    (np.asarray([1, 2]), None, np.asarray([0, 0])),
]  # fmt: skip
X = np.random.default_rng(3).random((SIZE, 3, 4, 5))


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_reading_and_writing_at_a_constant_key(key: Any) -> None:
    shape = X[0][key].shape
    values = np.random.default_rng(4).random((SIZE, *shape))

    def write(x: Any, value: Any) -> Any:
        y = x * 1.0
        y[key] = value * 2.0
        return y * y

    for backend in ["numpy", *(["torch"] if "torch" in OTHERS and "-1" not in repr(key) else [])]:
        if backend == "torch" and "0, slice(None, None, None), array" in repr(key):
            continue  # torch puts the axes of such a selection elsewhere
        torch_key = key
        x = convert(X, backend)
        v = convert(values, backend)
        if backend != "numpy":
            parts = key if isinstance(key, tuple) else (key,)
            torch_key = tuple([convert(k, backend) for k in parts])
        close(pg.vmap(lambda x: x[torch_key] * 1.0)(x), np.stack([row[key] for row in X]))
        for f in (write, lambda x, value: x[key] * value):
            if backend == "torch":
                break
            expected = [
                pg.grad(lambda x, u: pg.sum(pg.sin(f(x, u))), (0, 1))(a, b)
                for a, b in zip(X, values, strict=True)
            ]
            got = pg.vmap(pg.grad(lambda x, u: pg.sum(pg.sin(f(x, u))), (0, 1)))(x, v)
            close(got, stacked([list(row) for row in expected]))
            got = pg.grad(lambda x, u: pg.sum(pg.sin(pg.vmap(f)(x, u))), (0, 1))(x, v)
            close(got, stacked([list(row) for row in expected]))
    x, v = X, values
    close(
        pg.vmap(write, (None, 0))(X[0], v), np.stack([pg.vmap(write)(X[:1], b[None])[0] for b in v])
    )
    close(pg.vmap(write, (0, None))(X, values[0]),
          np.stack([pg.vmap(write)(a[None], values[:1])[0] for a in X]))  # fmt: skip


I = np.asarray([2, 0, -1])
J = np.asarray([[1, 3], [0, 0], [-1, 2]])
BATCHED_KEYS: list[Any] = [
    lambda i, j: i,
    lambda i, j: j - 1,
    lambda i, j: (i, slice(None), j),
    lambda i, j: (slice(None), j),
    lambda i, j: (slice(None, None, -1), j, 1),
    lambda i, j: (None, i, ..., j),
    lambda i, j: (j - 1, j, i),
    lambda i, j: (..., np.asarray([0, 1]), j),
    lambda i, j: (np.asarray([[0], [2]]), slice(1, 3), j),
]


@pytest.mark.parametrize("number", range(len(BATCHED_KEYS)))
@pytest.mark.parametrize("x_mapped", [True, False])
def test_keys_that_differ_within_the_batch(number: int, x_mapped: bool) -> None:
    make = BATCHED_KEYS[number]
    xs = X if x_mapped else np.stack([X[0]] * SIZE)
    x, axis = (X, 0) if x_mapped else (X[0], None)
    shape = xs[0][make(I[0], J[0])].shape
    values = np.random.default_rng(5).random((SIZE, *shape))

    def read(x: Any, value: Any, i: Any, j: Any) -> Any:
        return x[make(i, j)] * value

    def write(x: Any, value: Any, i: Any, j: Any) -> Any:
        y = x * 1.0
        y[make(i, j)] = value * 2.0
        y[make(i, j)] *= value
        return y * y

    for f in (read, write):
        rows = [numbers(f(pg.Variable(a), v, i, j))[0]
                for a, v, i, j in zip(xs, values, I, J, strict=True)]  # fmt: skip
        close(pg.vmap(f, (axis, 0, 0, 0))(x, values, I, J), np.stack(rows))

        def gradient(x: Any, value: Any, i: Any, j: Any) -> Any:
            return pg.grad(lambda x, u: pg.sum(pg.sin(f(x, u, i, j))), (0, 1))(x, value)

        expected = stacked([list(gradient(*row)) for row in zip(xs, values, I, J, strict=True)])
        close(pg.vmap(gradient, (axis, 0, 0, 0))(x, values, I, J), expected)
        found = pg.grad(
            lambda x, u: pg.sum(pg.sin(pg.vmap(f, (axis, 0, 0, 0))(x, u, I, J))), (0, 1)
        )(x, values)
        close(found, [expected[0] if x_mapped else expected[0].sum(0), expected[1]])


READS: list[Any] = [
    lambda x, i, j: x[i], lambda x, i, j: x[i, j], lambda x, i, j: x[0, i], lambda x, i, j: x[:, i],
    lambda x, i, j: x[j, i], lambda x, i, j: x[..., i], lambda x, i, j: x[None, i, j],
    lambda x, i, j: x[np.asarray([0, 0]), i], lambda x, i, j: pg.take(x, i[None], axis=1),
]  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", *[n for n in OTHERS if n in ("torch", "strict")]])
@pytest.mark.parametrize("x_mapped", [True, False])
@pytest.mark.parametrize("number", range(len(READS)))
def test_an_index_out_of_range_is_an_error(backend: str, x_mapped: bool, number: int) -> None:
    """It must not read from another row, column or element of the batch."""
    read = READS[number]
    if backend != "numpy" and number >= 7:
        return  # torch's take counts from the front, and the array beside it is NumPy's
    x = convert(np.arange(24.0).reshape(2, 3, 4) if x_mapped else np.arange(12.0).reshape(3, 4),
                backend)  # fmt: skip
    length = 3 if number in (0, 1, 6) else 4

    def write(x: Any, i: Any, j: Any) -> Any:
        y = x * 1.0
        key = [i, (i, j), (0, i), (slice(None), i), (j, i), (..., i), (None, i, j)][number]
        y[key] = 5.0
        return y

    for bad in (length, -length - 1, length + 4):
        i, j = (convert(np.asarray(v), backend) for v in ([0, bad], [1, 1]))
        axes = (0 if x_mapped else None, 0, 0)
        for f in (read, write) if number < 7 else (read,):
            with pytest.raises(IndexError):
                pg.vmap(f, axes)(x, i, j)
        with pytest.raises(IndexError):
            pg.vmap(lambda x, i, j: pg.grad(lambda x: pg.sum(read(x, i, j)))(x), axes)(x, i, j)
    i = convert(np.asarray([0, 2]), backend)
    assert pg.vmap(read, axes)(x, i, j).shape[0] == 2
    with pytest.raises(IndexError, match="index 9"):
        pg.vmap(lambda x, i: x[i, 9], (axes[0], 0))(x, i)


@pytest.mark.parametrize("backend", ["numpy", *OTHERS])
@pytest.mark.parametrize("x_mapped", [True, False])
def test_an_integer_beside_mapped_indices_selects_as_the_library_has_it(
    backend: str, x_mapped: bool
) -> None:
    """torch takes integers before arrays, which moves the axes of ``x[0, :, i]``."""
    if backend == "strict":
        pytest.skip("no slices beside arrays of integers")
    x = X if x_mapped else X[0]
    i = np.asarray([[2, 0], [1, 1], [-1, 0]])

    def read(x: Any, i: Any) -> Any:
        x = pg.asarray(x)
        return [x[0, :, i], x[i, 1, :], x[i, :, -1], x[None, i, 0], x[1, i, None, 0]]

    rows = [numbers(read(convert(np.asarray(X[n] if x_mapped else x), backend),
                         convert(np.asarray(i[n]), backend))) for n in range(SIZE)]  # fmt: skip
    got = pg.vmap(read, (0 if x_mapped else None, 0))(convert(x, backend), convert(i, backend))
    close(got, stacked(rows))


@pytest.mark.parametrize("backend", ["numpy", *OTHERS])
def test_mapped_and_plain_arrays_in_one_index(backend: str) -> None:
    x, i, j = (convert(np.asarray(v), backend) for v in (X[0, :, :, 0], [0, 2], [[1, 3], [0, 0]]))
    got = pg.vmap(lambda j: pg.asarray(x)[i, j] + pg.asarray(x)[j - 1, i])(j)
    y = X[0, :, :, 0]
    close(got, np.stack([y[[0, 2], j] + y[np.asarray(j) - 1, [0, 2]] for j in ([1, 3], [0, 0])]))


def test_narrow_integers_index_wide_arrays() -> None:
    x = np.arange(200.0 * 3).reshape(200, 3)
    i = np.asarray([100, -100, 127], dtype=np.int8)
    found = pg.vmap(lambda i: pg.Variable(x)[i, -1])(i)
    np.testing.assert_array_equal(found, x[i, -1])


def test_writing_twice_to_one_place_the_last_wins() -> None:
    def f(x: Any, value: Any, j: Any) -> Any:
        y = x * 1.0
        y[j] = value
        return y

    j = np.asarray([[1, 1, 0], [2, 2, 2]])
    x, values = np.zeros((2, 3)), np.arange(1.0, 7.0).reshape(2, 3)
    np.testing.assert_array_equal(pg.vmap(f)(x, values, j), [[3, 2, 0], [0, 0, 6]])
    g = pg.vmap(pg.grad(lambda v, x, j: pg.sum(f(x, v, j))))(values, x, j)
    np.testing.assert_array_equal(g, [[0, 1, 1], [0, 0, 1]])
    g = pg.grad(lambda v: pg.sum(pg.vmap(f)(x, v, j)))(values)
    np.testing.assert_array_equal(g, [[0, 1, 1], [0, 0, 1]])


@pytest.mark.parametrize("backend", ["numpy", *OTHERS])
@pytest.mark.parametrize("on", [(0, 0), (0, None), (None, 0)])
def test_take_by_mapped_indices(backend: str, on: Any) -> None:
    def f(x: Any, i: Any) -> Any:
        return pg.take(x, i, axis=1) * 2.0 + pg.take_along_axis(x, pg.stack([i, i, i]), axis=-1)

    xs, places = X[:, :, :, 0], np.asarray([[1, 3], [0, 0], [3, 2]])
    rows = [(xs[n if on[0] == 0 else 0], places[n if on[1] == 0 else 0]) for n in range(SIZE)]
    args = [
        convert(v if axis == 0 else v[0], backend) for v, axis in zip((xs, places), on, strict=True)
    ]
    close(pg.vmap(f, on)(*args), np.stack([2 * a[:, i] + a[:, i] for a, i in rows]))
    one = pg.grad(lambda x, i: pg.sum(f(x, i) ** 2))
    expected = np.stack([one(a, i) for a, i in rows])
    close(pg.vmap(one, on)(*args), expected)


def test_searching_and_membership() -> None:
    rng = np.random.default_rng(6)
    table, x = np.sort(rng.random((SIZE, 6)), axis=1), rng.random((SIZE, 2, 3))
    for side in ("left", "right"):

        def find(t: Any, v: Any, side: str = side) -> Any:
            return pg.searchsorted(t, v, side=side)

        expected = np.stack(
            [np.searchsorted(t, v, side=side) for t, v in zip(table, x, strict=True)]
        )
        close(pg.vmap(find)(table, x), expected)
        close(pg.vmap(find, (None, 0))(table[0], x), np.searchsorted(table[0], x, side=side))
        nan = np.asarray([[1.0, 2.0, 2.0, np.nan]] * 2)  # which is sorted behind all numbers
        some = np.asarray([[np.nan, 2.0, 0.0], [np.inf, -np.inf, 3.0]])
        expected = np.stack(
            [np.searchsorted(t, v, side=side) for t, v in zip(nan, some, strict=True)]
        )
        close(pg.vmap(find)(nan, some), expected)
    for backend in OTHERS:
        t, v = convert(table, backend), convert(x[:, 0], backend)
        own = pg.namespace(backend).searchsorted(t[0, :], v[0, :])
        close(pg.vmap(pg.searchsorted)(t, v)[0, :], own)
    a, b = np.asarray([[1, 2, 3], [4, 5, 6]]), np.asarray([[1, 9], [6, 4]])
    np.testing.assert_array_equal(
        pg.vmap(pg.isin)(a, b), [[True, False, False], [True, False, True]]
    )
    np.testing.assert_array_equal(
        pg.vmap(lambda a: pg.isin(a, b[0], invert=True))(a), ~np.isin(a, b[0]))  # fmt: skip
    for name in ("argmax", "argmin"):
        for kwargs in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"keepdims": True}):
            close(pg.vmap(lambda v: getattr(pg, name)(v, **kwargs))(x),
                  np.stack([getattr(np, name)(v, **kwargs) for v in x]))  # fmt: skip
    close(pg.vmap(lambda v: pg.argsort(v, axis=0))(x), np.argsort(x, axis=1))
    close(pg.vmap(lambda v: pg.sort(v))(x), np.sort(x))
    close(pg.vmap(lambda v: pg.any(v > 0.5))(x), np.any(x > 0.5, axis=(1, 2)))
    close(pg.vmap(lambda v: pg.softmax(v) + pg.logsumexp(v, axis=0))(x),
          np.stack([pg.softmax(v).data + pg.logsumexp(v, axis=0).data for v in x]))  # fmt: skip
