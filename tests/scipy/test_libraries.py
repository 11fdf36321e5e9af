"""Data of NumPy's beside arrays of another library, and what cannot be mixed."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

scipy = needs("scipy")
RNG = np.random.default_rng(0)
POINTS, VALUES = RNG.random((6, 2)), np.arange(6.0)
AT = POINTS[:4] * 0.9 + 0.1 * POINTS.mean(axis=0)


def library(name):
    """The function that makes arrays of a library."""
    found = needs(name)
    if name == "torch":
        return found.asarray
    found.config.update("jax_enable_x64", True)
    return found.numpy.asarray


@pytest.mark.parametrize("name", ["torch", "jax"])
@pytest.mark.parametrize("kind", ["NearestNDInterpolator", "LinearNDInterpolator", "Rbf"])
@pytest.mark.parametrize("n", range(3))
def test_scattered_data(name, kind, n):
    """One argument is of that library, and the others are NumPy's."""
    make, given = getattr(pg.scipy.interpolate, kind), [POINTS, VALUES, AT]

    def run(make, points, values, at):
        if kind == "Rbf":
            return make(points[:, 0], points[:, 1], values)(at[:, 0], at[:, 1])
        return make(points, values)(at)

    f = lambda make, x: run(make, *given[:n], x, *given[n + 1 :])
    x, t = library(name)(given[n]), np.ones_like(given[n]) * RNG.random(given[n].shape)
    with pg.graph_breaks("ignore"):
        y, slope = pg.jvp(lambda x: f(make, x), (x,), (library(name)(t),))
        g = pg.grad(lambda x: pg.sum(f(make, x)))(x)
    theirs = lambda s: f(getattr(scipy.interpolate, kind), given[n] + s * t)
    np.testing.assert_allclose(y, theirs(0.0), rtol=1e-12, atol=1e-12)
    want = (theirs(1e-6) - theirs(-1e-6)) / 2e-6
    assert type(slope) is type(g) is type(x)
    np.testing.assert_allclose(slope, want, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(np.sum(np.asarray(g) * t), want.sum(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["torch", "jax"])
@pytest.mark.parametrize("mesh", ["numpy", "own"])
def test_boundary_values(name, mesh):
    """y'' = -k y with y(0) = 0, y(1) = 1 is sin(√k x) / sin √k."""
    own = library(name)
    x, y = np.linspace(0, 1, 9), np.zeros((2, 9))
    x, y = (own(x), own(y)) if mesh == "own" else (x, y)

    def middle(k):
        fun = lambda x, y: [y[1], -k * y[0]]
        bc = lambda a, b: [a[0], b[0] - 1.0]
        return pg.scipy.integrate.solve_bvp(fun, bc, x, y, tol=1e-6).sol(0.5)[0]

    k, value = own(2.0, dtype=own(1.5 * np.ones(1)).dtype), lambda k: 0.5 / np.cos(np.sqrt(k) / 2)
    want = (value(2 + 1e-6) - value(2 - 1e-6)) / 2e-6
    np.testing.assert_allclose(pg.grad(middle)(k), want, rtol=1e-5)


def test_least_squares_under_jit_refuses_other_arrays():
    jax, own = needs("jax"), library("jax")
    c, ones = own([1.0, 2.0]), own([1.0, 1.0])
    fit = pg.scipy.optimize.least_squares
    by_name = lambda k: fit(lambda x: x * k - 1.0, np.ones(2)).x.data
    constant = lambda k: fit(lambda x, k: x * k - c, ones, args=(k,)).x.data
    made = lambda k: fit(lambda x, k: x * k - own([1.0, 2.0]), ones, args=(k,)).x.data
    for f in (by_name, constant, made):
        with pytest.raises(pg.UnsupportedError, match=r"least_squares: .* over in `args`"):
            jax.jit(f)(ones)
    good = lambda k: fit(lambda x, k, c: x * k - c, ones, args=(k, c)).x.data
    np.testing.assert_allclose(jax.jit(good)(2 * ones), [0.5, 1.0])


def test_dirichlet_inside_vmap():
    x, alpha = np.asarray([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]), np.asarray([1.5, 2.0, 3.0])
    f = pg.scipy.stats.dirichlet.logpdf
    want = [scipy.stats.dirichlet.logpdf(row, alpha) for row in x]
    np.testing.assert_allclose(pg.vmap(f, in_axes=(0, None))(x, alpha), want)
    slopes = pg.vmap(pg.grad(f), in_axes=(0, None))(x, alpha)
    np.testing.assert_allclose(slopes, (alpha - 1) / x)
    by_alpha = pg.vmap(pg.grad(f, argnums=1), in_axes=(0, None))(x, alpha)
    psi = scipy.special.psi
    np.testing.assert_allclose(by_alpha, np.log(x) - psi(alpha) + psi(alpha.sum()))


def test_the_sparse_exponential_has_the_values_of_scipys():
    a = scipy.sparse.csc_array(RNG.standard_normal((6, 6)) * 3)
    y = pg.scipy.sparse.linalg.expm(a).toarray()
    want = scipy.sparse.linalg.expm(a).toarray()
    np.testing.assert_allclose(np.asarray(y), want, rtol=1e-13)


def test_scipys_own_constructor_names_the_replacement_as_the_cause():
    v = pg.Variable(np.ones(3), requires_grad=True)
    with pytest.raises(ValueError, match="csr_array") as caught:
        scipy.sparse.csr_array(v)
    cause = caught.value.__cause__
    assert isinstance(cause, pg.GraphBreakError)
    assert "`pluggrad.scipy.sparse.csr_array` keeps it" in str(cause)
