"""Which functions of `pluggrad.numpy` copy, and which return what they were given: a write into the
result shows it. NumPy is the oracle."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

import pluggrad as pg
import pluggrad.numpy as np

X = numpy.arange(1.0, 9.0).reshape(2, 4)

#: Functions of the namespace and an array, whose result is written into.
COPIES: dict[str, Any] = {
    "astype": lambda np, a: a.astype(float, copy=False),
    "astype of another dtype": lambda np, a: a.astype(complex, copy=False),
    "astype that copies": lambda np, a: a.astype(float),
    "the function astype": lambda np, a: np.astype(a, float, copy=False),
    "copy": lambda np, a: a.copy(),
    "ravel of a copy": lambda np, a: a.T.copy(),
    "copy by columns": lambda np, a: a.T.copy("F"),
    "copy in order A": lambda np, a: a.T.copy(order="A"),
    "the function copy": lambda np, a: np.copy(a),
    "the function copy by rows": lambda np, a: np.copy(a.T, "C"),
    "ascontiguousarray": lambda np, a: np.ascontiguousarray(a),
    "ascontiguousarray of a transpose": lambda np, a: np.ascontiguousarray(a.T),
    "ascontiguousarray of steps": lambda np, a: np.ascontiguousarray(a[:, ::2]),
    "asfortranarray": lambda np, a: np.asfortranarray(a),
    "asfortranarray of a transpose": lambda np, a: np.asfortranarray(a.T),
    "asarray": lambda np, a: np.asarray(a, order="C"),
    "asarray by columns": lambda np, a: np.asarray(a, order="F"),
    "asanyarray by columns": lambda np, a: np.asanyarray(a, order="F"),
    "array where needed": lambda np, a: np.array(a, copy=None),
    "array by columns where needed": lambda np, a: np.array(a, copy=None, order="F"),
    "array in order A": lambda np, a: np.array(a.T, copy=None, order="A"),
    "array by rows": lambda np, a: np.array(a.T, order="C"),
    "pad by nothing": lambda np, a: np.pad(a, 0),
    "pad by nothing at the edge": lambda np, a: np.pad(a, ((0, 0), (0, 0)), "edge"),
    "view": lambda np, a: a.view(),
    "view of a dtype": lambda np, a: a.view(float),
    "view as an ndarray": lambda np, a: a.view(np.ndarray),
}


@pytest.mark.parametrize("name", COPIES)
def test_what_is_written_into_a_result_is_in_its_argument_where_it_is_in_numpys(name):
    def write(np: Any, a: Any) -> Any:
        b = COPIES[name](np, a)
        b[0, 0] = 20.0
        b.ravel()[1] = 30.0
        b.reshape(-1)[-1] = 40.0
        return a, b

    def total(np: Any, x: Any) -> Any:
        a, b = write(np, x * 1.0)
        return sum(
            np.sum(y.real * numpy.cos(numpy.arange(1.0, y.size + 1)).reshape(y.shape))
            for y in (a, b)
        )

    for found, expected in zip(write(np, pg.Variable(X) * 1.0), write(numpy, X * 1.0), strict=True):
        numpy.testing.assert_array_equal(found.data, expected)
    steps = numpy.eye(8).reshape(8, 2, 4)  # exact, because what is written is linear in `X`
    slopes = [total(numpy, X + step) - total(numpy, X) for step in steps]
    numpy.testing.assert_allclose(
        pg.grad(lambda x: total(np, x))(X), numpy.reshape(slopes, X.shape), atol=1e-12
    )


def test_a_copy_that_is_not_allowed_is_refused():
    v = pg.Variable(X)
    with pytest.raises(pg.InvalidArgumentError, match="copy=False"):
        np.asarray(v, order="F", copy=False)
    with pytest.raises(pg.InvalidArgumentError, match="order"):
        v.copy("Z")
    with pytest.raises(pg.UnsupportedError, match="matrix"):
        v.view(numpy.matrix)


def test_real_and_imaginary_parts_are_written():
    def f(x):
        z = np.zeros(3, dtype=complex)
        z.real = x
        z.imag = x * x
        w = x * 1.0
        w.real = w * z.imag
        return np.sum(np.abs(z) ** 2) + np.sum(w)

    x = numpy.asarray([1.0, 2.0, 3.0])
    numpy.testing.assert_allclose(pg.grad(f)(x), 2 * x + 4 * x**3 + 3 * x**2)
    with pytest.raises(TypeError, match="imaginary"):
        pg.Variable(x).imag = x


@pytest.mark.parametrize("name, instead", [("shape", "reshape"), ("dtype", "astype")])
def test_attributes_that_cannot_be_set_say_what_to_use(name, instead):
    v = pg.Variable(X)
    with pytest.raises(pg.PluggradError, match=instead) as caught:
        setattr(v, name, getattr(v, name))
    assert isinstance(caught.value, AttributeError)


@pytest.mark.parametrize("prototype", [[1.5, 2.5, 3.0], "of Variables", [[1.5, 2.5, 3.0]]])
def test_full_like_takes_lists_for_prototypes(prototype):
    def f(x):
        like = [x[0], 2.5, 3.0] if prototype == "of Variables" else prototype
        return np.sum(
            np.full_like(like, x[1] / 4) * x + np.full_like(a=like, fill_value=[x[2], 1, 2])
        )

    x = numpy.asarray([1.0, 2.0, 3.0])
    numpy.testing.assert_allclose(pg.grad(f)(x), [0.5, 0.5 + x.sum() / 4, 1.5])
    y = np.full_like(prototype if prototype != "of Variables" else [pg.Variable(1.0)],
                     pg.Variable(2.0), shape=(2, 2))  # fmt: skip
    assert (y.dtype, y.shape) == (float, (2, 2))
