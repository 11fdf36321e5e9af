"""Python numbers beside NumPy's arrays: small arrays of them stand in, and nobody can tell."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import pluggrad as pg
from pluggrad_numpy import backend as adapter

NUMBERS = [
    2, -3, 0, True, 0.0, -0.0, 1.01, -2.5, 1e-320, 1e308, 2**53 + 1, 2**70,
    float("inf"), float("-inf"), float("nan"),
]  # fmt: skip
ARRAYS = [
    np.asarray([1.0, -0.0, 3e200]), np.asarray(2.0), np.float64(-0.0), np.zeros((0, 2)),
    np.asarray([1.0, -2.0], np.float32),
]  # fmt: skip
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("operate", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("swapped", [False, True])
def test_the_value_is_that_of_numpy_to_the_bit(operate, swapped):
    for a in ARRAYS:
        for number in NUMBERS:
            v = pg.Variable(a, requires_grad=True)
            for _ in range(2):  # the second time, the number is known
                got = (operate(number, v) if swapped else operate(v, number)).detach().data
                want = operate(number, a) if swapped else operate(a, number)
                assert type(got) is type(want) and got.dtype == want.dtype
                assert got.tobytes() == want.tobytes(), (a, number)


FUNCTIONS = {
    "v * c": lambda v, c: v * c,
    "c / v": lambda v, c: c / v,
    "v / c": lambda v, c: v / c,
    "c - v": lambda v, c: c - v,
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("number", [2, 1.01, -2.5])
def test_both_derivatives_are_those_beside_an_array(f, number):
    a = np.asarray([1.0, -2.0, 3.0])

    def first(x, c):
        return pg.grad(lambda x: pg.sum(f(x, c) ** 2))(x)

    def second(x, c):
        return pg.grad(lambda x: pg.sum(first(x, c) ** 2))(x)

    for g in (first, second):
        np.testing.assert_array_equal(g(a, number), g(a, np.full(3, number, float)))


def test_few_numbers_are_kept():
    numbers = adapter.numbers[1]
    v = pg.Variable(np.ones(2), requires_grad=True)
    for k in range(1000):
        v * (k + 0.5)
    assert len(numbers) <= 256 and 0.0 not in numbers
    with pytest.raises(ValueError, match="read-only"):
        numbers[999.5][...] = 1.0
