"""`pluggrad.numpy.random`: NumPy's numbers, and their derivatives by the parameters."""

from __future__ import annotations

import pickle

import numpy
import pytest

import pluggrad as pg
import pluggrad.numpy as np
from pluggrad.errors import UnsupportedError

CALLS = {
    "exponential": [1.5],
    "gamma": [2.0, 1.5],
    "gumbel": [0.5, 1.5],
    "laplace": [0.5, 1.5],
    "logistic": [0.5, 1.5],
    "lognormal": [0.5, 1.5],
    "normal": [0.5, 1.5],
    "pareto": [1.5],
    "power": [1.5],
    "rayleigh": [1.5],
    "triangular": [-1.0, 0.25, 2.0],
    "uniform": [-0.5, 1.5],
    "weibull": [1.5],
}
SOURCES = {
    "generator": lambda random: random.default_rng(7),
    "state": lambda random: random.RandomState(7),
    "module": lambda random: random.seed(7) or random,
}
WITHOUT = {("gamma", 0)}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", CALLS)
def test_draws_are_numpys_and_have_derivatives(name, source):
    args = CALLS[name]

    def drawn(random, args, **kwargs):
        return getattr(SOURCES[source](random), name)(*args, **kwargs)

    for place in range(len(args)):

        def of(value, place=place, size=(3,)):
            return drawn(np.random, [*args[:place], value, *args[place + 1 :]], size=size)

        if (name, place) in WITHOUT:
            with pytest.raises(UnsupportedError, match=name):
                pg.grad(lambda v: np.sum(of(v)))(args[place])
            continue
        v = pg.Variable(numpy.asarray(args[place]), requires_grad=True)
        theirs = drawn(numpy.random, args, size=(3,))
        numpy.testing.assert_allclose(of(v).detach().data, theirs, rtol=1e-15)
        h = 1e-6
        shifted = [
            drawn(numpy.random, [*args[:place], args[place] + d, *args[place + 1 :]], size=(3,))
            for d in (h, -h)
        ]
        slope = pg.jacrev(of)(numpy.asarray(args[place]))
        numpy.testing.assert_allclose(slope, (shifted[0] - shifted[1]) / (2 * h), rtol=1e-5)
        several = numpy.asarray([args[place]] * 2)
        one = of(pg.Variable(several), size=None)
        both = drawn(numpy.random, [*args[:place], several, *args[place + 1 :]])
        numpy.testing.assert_allclose(one.data, both, rtol=1e-15)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", CALLS)
def test_parameters_may_be_lists_that_hold_variables(name, source):
    args = [[value, value + 0.25] for value in CALLS[name]]
    last = [CALLS[name][-1], pg.Variable(CALLS[name][-1] + 0.25)]
    ours = getattr(SOURCES[source](np.random), name)(*args[:-1], last)
    theirs = getattr(SOURCES[source](numpy.random), name)(*args)
    numpy.testing.assert_allclose(ours.data, theirs, rtol=1e-15)


@pytest.mark.parametrize("source", SOURCES)
def test_the_mean_of_multivariate_normal_may_be_a_list(source):
    cov = [[2.0, 0.5], [0.5, 1.0]]
    ours = SOURCES[source](np.random).multivariate_normal([pg.Variable(1.0), 2.0], cov, 3)
    theirs = SOURCES[source](numpy.random).multivariate_normal([1.0, 2.0], cov, 3)
    numpy.testing.assert_allclose(ours.data, theirs, rtol=1e-13)


def test_discrete_draws_are_refused():
    for name, args in (("poisson", []), ("binomial", [5]), ("geometric", [])):
        with pytest.raises(UnsupportedError, match=name):
            pg.grad(lambda p, name=name, args=args: getattr(np.random, name)(*args, p) * 1.0)(0.5)


@pytest.mark.parametrize("source", SOURCES)
def test_choices_and_permutations_are_numpys(source):
    x = numpy.arange(10.0).reshape(5, 2)
    calls = [
        lambda r, x: r.permutation(x),
        lambda r, x: r.choice(x[:, 0], 3, False),
        lambda r, x: r.choice(x[:, 0]),
    ]
    if source == "generator":
        calls += [lambda r, x: r.choice(x, 3, axis=1), lambda r, x: r.permuted(x, axis=0)]
    for call in calls:
        ours = call(SOURCES[source](np.random), pg.Variable(x, requires_grad=True))
        theirs = call(SOURCES[source](numpy.random), x)
        numpy.testing.assert_array_equal(ours.detach().data, theirs)
        assert ours.requires_grad
    v, y = pg.Variable(x) * 1.0, x.copy()
    SOURCES[source](np.random).shuffle(v)
    SOURCES[source](numpy.random).shuffle(y)
    numpy.testing.assert_array_equal(v.data, y)


def test_multivariate_normal_by_the_mean_and_by_a_cholesky_factor():
    mean, cov = numpy.asarray([1.0, 2.0]), numpy.asarray([[2.0, 0.5], [0.5, 1.0]])
    for method in ("svd", "cholesky"):

        def f(m, method=method):
            return np.random.default_rng(3).multivariate_normal(m, cov, (4,), method=method)

        theirs = numpy.random.default_rng(3).multivariate_normal(mean, cov, (4,), method=method)
        numpy.testing.assert_allclose(pg.Variable(mean) * 0 + f(pg.Variable(mean)), theirs)
        numpy.testing.assert_allclose(pg.jacrev(f)(mean), [numpy.eye(2)] * 4)

    def g(c):
        return np.random.default_rng(3).multivariate_normal(mean, c, (4,), method="cholesky")

    numpy.testing.assert_allclose(g(pg.Variable(cov)).data, theirs)
    with pytest.raises(UnsupportedError, match="cholesky"):
        pg.jacrev(lambda c: np.random.multivariate_normal(mean, c))(cov)


def test_sources_are_numpys():
    ours, theirs = np.random.default_rng(1), numpy.random.default_rng(1)
    assert isinstance(ours, numpy.random.Generator) and isinstance(theirs, np.random.Generator)
    assert isinstance(numpy.random.RandomState(1), np.random.RandomState)
    assert pickle.loads(pickle.dumps(ours)).normal() == theirs.normal()
    assert np.random.default_rng(theirs) is theirs
    state = pickle.loads(pickle.dumps(np.random.RandomState(5)))
    assert state.normal() == numpy.random.RandomState(5).normal()
