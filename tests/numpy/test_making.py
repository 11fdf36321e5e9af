"""What makes arrays in `pluggrad.numpy`, of Variables and inside transforms."""

from __future__ import annotations

import inspect
import threading
from typing import Any

import numpy
import pytest

import pluggrad as pg
import pluggrad.numpy as np
from tests.support.derivatives import check_derivatives
from tests.support.optional import skipped_if_missing

X = numpy.asarray([0.5, 1.25, 2.0])


def store(x):
    a = np.zeros(3)
    for i in range(3):
        a[i] = x[i] ** 2
    a[1:] *= x[0]
    return a


def mask(x):
    m = np.zeros(3, bool)
    for i in range(3):
        m[i] = x[i] > 1.0
    return np.where(m, x * x, 0.0)


def into(x):
    a = np.empty((3,))
    np.multiply(x, x, out=a)
    return a + np.ones_like(X) * np.full(3, x[0]) + np.eye(3)[0] + np.identity(3)[1]


def inside(x):
    return x * 2 if isinstance(x, np.ndarray) else x * 0


def each(x):
    squares = np.vectorize(lambda a, b: a * a * b)(x, X)
    return squares + np.frompyfunc(lambda a, b: a * b, 2, 1)(x, 2.0).astype(float)


def rows(x):
    return np.apply_along_axis(lambda row: np.sum(row) * x, 1, np.eye(3))[0]


def pieces(x):
    return np.piecewise(X, [X < 1.0], [lambda a: a * x[0], lambda a: a * x[2]])


FUNCTIONS: dict[str, Any] = {
    "array": lambda x: np.array([x[0] ** 2, x[1] * x[2], 1]),
    "nested": lambda x: np.array([[x[0], 1], (2.0, x[1])]),
    "deep": lambda x: np.asarray([[[x[0]], [x[1]]], [[1.0], [x[2]]]]),
    "rows": lambda x: np.asanyarray([x, X, [1, 2, 3]]),
    "of an array": lambda x: np.array(x, dtype=float, ndmin=2) * np.copy(x),
    "contiguous": lambda x: np.ascontiguousarray(x[0]) * np.asfortranarray([x[1]]),
    "finite": lambda x: np.asarray_chkfinite([x[0], x[2]]),
    "store": store,
    "mask": mask,
    "into": into,
    "isinstance": inside,
    "vectorize": each,
    "apply_along_axis": rows,
    "piecewise": pieces,
    "linspace": lambda x: np.linspace(x[0], x[1], 4),
    "logspace": lambda x: np.logspace(x[0], 1.0, 3),
    "geomspace": lambda x: np.geomspace(x[0], x[2], 3),
    "full": lambda x: np.full((2, 2), x[0] * x[1]),
    "full_like": lambda x: np.full_like(numpy.zeros(2), x[1] ** 2),
    "r_": lambda x: np.r_[x[0], x[1:], 0.0, 1:3],
    "r_ of lists": lambda x: np.r_[[x[0], 1.0], x],
    "r_ with directions": lambda x: np.r_["0,2,0", x, x * x],
    "c_": lambda x: np.c_[x, [1, 2, 3], x * x],
    "mgrid": lambda x: np.mgrid[0 : x[0] : 3j, 0:2],
    "stack": lambda x: np.stack([[x[0], 1.0], x[:2]]),
    "hstack": lambda x: np.hstack([[x[0], x[1]], 2.0, x]),
    "atleast": lambda x: np.atleast_2d([x[0], x[1]]),
    "fromiter": lambda x: np.fromiter((v * v for v in x), float),
    "fromfunction": lambda x: np.fromfunction(lambda i, j: i * x[0] + j, (2, 2)),
    "float64": lambda x: np.float64(x[0]) * x + np.float32(x[1]).astype(float),
    "complex128": lambda x: np.real(np.complex128(x[0]) * 1j * 1j) * x,
    "sums": lambda x: np.sum([x[0], x[1]]) * np.max([x[1], x[0] ** 2]) * X,
    "norm": lambda x: np.linalg.norm([x[0], [x[1]][0], 1.0]) * X,
    "solve": lambda x: np.linalg.solve([[x[0], 0.0], [1.0, x[1]]], [1.0, x[2]]),
    "fft": lambda x: np.real(np.fft.fft([x[0], x[1] * x[2]])),
    "ndenumerate": lambda x: np.array([v * n for (n,), v in np.ndenumerate(x)]),
    "ufuncs": lambda x: np.arctan2([x[0], 1.0], np.add.reduce([[x[1]], [x[2]]])),
}
SINGLE = {"float64"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_numpys_and_derivatives_right(name):
    function = FUNCTIONS[name]
    plain = function(X)
    assert type(plain) is numpy.ndarray
    first = pg.jacrev(function)(X)
    numpy.testing.assert_array_equal(pg.vmap(function)(X[None])[0], plain)
    numpy.testing.assert_allclose(pg.jacfwd(function)(X), first, rtol=1e-12, atol=1e-12)
    if name in SINGLE:  # too coarse for differences
        assert first.shape == (3, 3)
    else:
        check_derivatives(lambda v: np.variables()(function)(v), X)


@pytest.mark.filterwarnings("ignore::pluggrad.CompileWarning")  # these run as they are
@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_functions_return_the_same(name):
    function, other = FUNCTIONS[name], X[::-1].copy() if name != "geomspace" else X * 1.5
    for f in (function, pg.jacrev(function)):
        compiled = pg.compile(f)
        compiled(X)
        numpy.testing.assert_allclose(compiled(other), f(other), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_backward_through_variables(name):
    """Outside of transforms, where `variables` asks for arrays to write into."""
    v = pg.Variable(X, requires_grad=True)
    with np.variables():
        y = FUNCTIONS[name](v)
    assert y.dtype == FUNCTIONS[name](X).dtype
    weights = numpy.cos(numpy.arange(1.0, y.size + 1)).reshape(y.shape)
    (y * weights).sum().backward()
    slopes = pg.jacrev(FUNCTIONS[name])(X)
    rtol = 1e-6 if name in SINGLE else 1e-12
    numpy.testing.assert_allclose(
        v.grad.data, numpy.tensordot(weights, slopes, y.ndim), rtol=rtol, atol=1e-12
    )


LISTS: dict[str, Any] = {
    "integers": [numpy.asarray(1), 2],
    "integer and float": [numpy.asarray(1), 2.5],
    "single and Python's": [numpy.float32(1), 2.5],
    "single and integer": [numpy.float32(1), 2],
    "single": [numpy.float32(1), numpy.float32(2)],
    "complex": [numpy.asarray(1.0), 2j],
    "booleans": [numpy.asarray(True), False],
    "boolean and float": [numpy.asarray(True), 0.5],
    "empty arrays": [numpy.zeros(0), numpy.zeros(0)],
    "large": [numpy.asarray(1.0), 2**40],
}


@pytest.mark.parametrize("name", LISTS)
def test_dtypes_and_shapes_of_lists_are_numpys(name):
    expected = numpy.array(LISTS[name])
    first, *rest = LISTS[name]
    found = np.array([pg.Variable(numpy.asarray(first)), *rest])
    assert isinstance(found, pg.Variable)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    numpy.testing.assert_array_equal(found.data, expected)


def test_variables_never_become_constants():
    """Untracked ones neither: what holds Variables is one."""
    v = pg.Variable(X)
    for y in (np.array(v), np.asarray(v), np.array([v[0], 1.0]), np.sum([v[0], v[1]]),
              np.full(2, v[0]), np.r_[v, 1.0], np.arange(v[0], 3.0), np.stack([[v[0]], [1.0]])):  # fmt: skip
        assert isinstance(y, pg.Variable)
    assert np.asarray(v) is v and np.array(v) is not v
    with pg.graph_breaks("ignore"):
        assert isinstance(np.array([v[0], 1.0]), pg.Variable)
    for broken in ([v[0], None], [v[0], "a"], [v, [1.0]], [v[0], [1.0]]):
        with pytest.raises((pg.PluggradError, ValueError)):
            np.array(broken)
    objects = np.array([v[0], None], dtype=object)
    assert objects.dtype == object and isinstance(objects[0], pg.Variable)


def test_polynomials_of_lists():
    """(How long a poly1d is depends on its values, so it does not work inside vmap.)"""
    check_derivatives(lambda x: np.poly1d([x[0], 1.0, x[1]])(X), X)
    assert isinstance(numpy.poly1d([1, 2]), np.poly1d)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # NumPy's, of matrices
def test_what_cannot_take_variables_says_so():
    v = pg.Variable(X, requires_grad=True)
    for call in (lambda: np.ma.array(v), lambda: np.matrix(v), lambda: list(np.nditer(v)),
                 lambda: np.rec.fromarrays([v, v]), lambda: numpy.array([v[0]]),
                 lambda: np.copyto(numpy.zeros(3), v), lambda: np.savetxt("/dev/null", v)):  # fmt: skip
        with pytest.raises(pg.PluggradError):
            call()
    with pytest.raises(pg.GraphBreakError, match="where"):
        np.ma.masked_where(X > 1.0, v)
    with pytest.raises(pg.PluggradError, match="vmap"):
        pg.vmap(lambda x: np.arange(x[0]))(X[None])


@pytest.mark.parametrize("backend", skipped_if_missing(["torch", "jax"]))
def test_arrays_are_those_of_the_transforms_library(backend):
    x = pg.namespace(backend).raw_asarray(X)
    for f in (FUNCTIONS["array"], FUNCTIONS["nested"], store):
        found = numpy.asarray(pg.jacrev(f)(x))
        numpy.testing.assert_allclose(found, pg.jacrev(f)(X), rtol=1e-6)


def test_other_threads_see_numpy():
    kinds = []

    def f(x):
        thread = threading.Thread(target=lambda: kinds.append(type(np.zeros(2))))
        thread.start()
        thread.join()
        kinds.append(type(np.zeros(2)))
        kinds.append(type(np.zeros(2, int)))
        return np.sum(x)

    pg.grad(f)(X)
    assert kinds[0] is numpy.ndarray is kinds[2] and issubclass(kinds[1], pg.Variable)
    assert type(np.zeros(2)) is numpy.ndarray


def test_signatures_and_docstrings_are_numpys():
    for module, theirs in ((np, numpy), (np.linalg, numpy.linalg), (np.fft, numpy.fft),
                           (np.random, numpy.random)):  # fmt: skip
        for name in theirs.__all__:
            ours, given = getattr(module, name), getattr(theirs, name)
            if not callable(given):
                continue
            assert ours.__doc__ == given.__doc__, name
            try:
                signature = inspect.signature(given)
            except (TypeError, ValueError):
                continue
            assert inspect.signature(ours) == signature, name
