"""`pluggrad.numpy`: every name of NumPy's, and what it does with Variables."""

from __future__ import annotations

import doctest
import pickle

import numpy
import pytest

import pluggrad as pg
import pluggrad.numpy as np


def test_every_public_name_of_numpy_is_there():
    for ours, theirs in ((np, numpy), (np.linalg, numpy.linalg), (np.fft, numpy.fft),
                         (np.random, numpy.random)):  # fmt: skip
        assert set(dir(theirs)) <= set(dir(ours))
        for name in theirs.__all__:
            assert hasattr(ours, name), name


def test_zeros_are_variables_inside_a_transform_and_nowhere_else():
    def f(x):
        a = np.zeros(3)
        for i in range(3):
            a[i] = x[0] ** i
        return np.sum(np.array([a[1], a[2], 1.0]))

    assert pg.grad(f)(np.array([2.0])) == 5.0
    assert type(np.zeros(3)) is numpy.ndarray
    with np.variables():
        assert isinstance(np.zeros(3), pg.Variable)
    assert isinstance(np.ones((2, 2), variable=True), pg.Variable)


@pytest.mark.parametrize("function", [np.sin, np.sum, np.array, np.linalg.norm, np.random.normal])
def test_functions_pickle(function):
    assert pickle.loads(pickle.dumps(function)) is function


def test_ndarray_is_numpys_class_where_it_is_compared():
    x, v = np.ones(2), pg.Variable(np.ones(2), requires_grad=True)
    assert isinstance(x, np.ndarray) and isinstance(v, np.ndarray)
    assert isinstance(v, (list, np.ndarray)) and not isinstance([], np.ndarray)
    # (In an `assert`, pytest would keep the class in a variable.)
    same, view = (type(x) is np.ndarray, x.dtype.type is np.float64), x.view(np.ndarray)
    assert same == (True, True) and type(view) is numpy.ndarray
    number = np.float64(v[0])
    assert isinstance(number, pg.Variable)

    class Mine(np.ndarray):
        pass

    assert Mine.__mro__[1] is numpy.ndarray and type(Mine) is type


def test_the_example_in_the_docstring_runs():
    """The functions have NumPy's docstrings, which pytest therefore does not collect."""
    found = doctest.DocTestFinder(recurse=False).find(np, np.__name__, globs={})
    assert doctest.DocTestRunner().run(found[0]).failed == 0 < len(found[0].examples)
