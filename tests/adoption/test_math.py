"""`pluggrad.adoption.math`, against `math` itself and differences of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.adoption import math as ours
from tests.support.optional import needs

#: Arguments within the domain, where 0.6 is not.
ELSEWHERE = {"acosh": 1.7, "gamma": 2.3}


def functions():
    """Each function of `math` with arguments that it takes, and each place of an argument."""
    for name in ours.__all__:
        f = getattr(math, name)
        for args in ((ELSEWHERE.get(name, 0.6),), (2.9, 0.7), (0.6, 1.3, 0.4)):
            try:
                y = f(*args) if callable(f) else None
            except TypeError:
                continue
            if isinstance(y, float):
                yield from [(name, args, i) for i in range(len(args))]


def test_it_has_all_of_math():
    assert set(ours.__all__) == {name for name in dir(math) if name[0] != "_"}
    for name in ours.__all__:
        assert hasattr(ours, name)


@pytest.mark.parametrize("name, args, i", list(functions()))
def test_values_and_slopes(name, args, i):
    if name in {"erf", "erfc", "gamma", "lgamma"}:
        needs("scipy")

    def f(t, module=ours):
        return getattr(module, name)(*args[:i], t, *args[i + 1 :])

    assert f(args[i]) == f(args[i], math) and type(f(args[i])) is float
    with pg.graph_breaks("ignore"):  # some are constant by an argument
        value, g = pg.value_and_grad(f)(args[i])
    np.testing.assert_allclose(value, f(args[i], math), rtol=1e-15)
    h = 1e-4
    slope = sum(
        c * (f(args[i] + k * h, math) - f(args[i] - k * h, math))
        for k, c in ((1, 45.0), (2, -9.0), (3, 1.0))
    ) / (60 * h)  # fmt: skip
    if name != "ulp":
        np.testing.assert_allclose(g, slope, rtol=1e-8, atol=1e-9)


def test_sequences():
    def f(x, m=ours):
        return m.dist([x, 1.0], [2.0, x]) + m.prod([x, x, 2.0], start=3.0) + m.fsum([x, x, 1.0])

    x = 2.5
    value, g = pg.value_and_grad(f)(x)
    assert math.isclose(value, f(x, math))
    assert math.isclose(g, 2.0 / math.hypot(0.5, 1.5) + 12.0 * x + 2.0)
    assert ours.prod([2, 3]) == 6 and ours.fsum([0.1] * 10) == 1.0


def test_parts():
    f = lambda x: ours.modf(x)[0] + 3.0 * ours.frexp(x)[0] + ours.ldexp(x, 2)
    assert pg.grad(f)(2.5) == 1.0 + 3.0 / 4.0 + 4.0
    x = pg.Variable(2.5, requires_grad=True)
    assert ours.modf(x)[1] == 2.0 and ours.frexp(x)[1] == 2


def test_plain_answers():
    x = pg.Variable(2.5, requires_grad=True)
    assert (ours.floor(x), ours.ceil(x), ours.trunc(x)) == (2, 3, 2)
    assert type(ours.floor(x)) is int
    assert not ours.isnan(x) and not ours.isinf(x) and ours.isfinite(x)
    assert ours.isclose(x, 2.5) and not ours.isclose(x, 2.6, rel_tol=1e-9)


@pytest.mark.parametrize("name, x", [("sqrt", -1.0), ("log", 0.0), ("acos", 2.0), ("exp", 1000.0)])
def test_errors_are_those_of_math(name, x):
    with pytest.raises((ValueError, OverflowError)) as plain:
        getattr(math, name)(x)
    with pytest.raises(plain.type, match=str(plain.value)):
        pg.grad(getattr(ours, name))(x)


def test_arrays_are_refused_as_math_refuses_them():
    assert float(ours.sin(pg.Variable(np.array([[0.3]])))) == math.sin(0.3)
    with pytest.raises(TypeError, match="one number"):
        ours.sin(pg.Variable(np.array([0.1, 0.2])))


def test_under_vmap():
    x = np.array([0.1, 0.2])
    np.testing.assert_allclose(
        pg.vmap(lambda t: ours.sin(t) + ours.hypot(t, 1.0))(x), np.sin(x) + np.hypot(x, 1.0)
    )
    with pytest.raises(pg.UnsupportedError, match="vmap"):
        pg.vmap(ours.floor)(x)
