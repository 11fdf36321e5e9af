"""Boundary value problems of `scipy.integrate`: values by SciPy, derivatives in closed form."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import of_scipy

needs("scipy")
solve = pg.scipy.integrate.solve_bvp
N = np.asarray
X = np.linspace(0.0, 1.0, 11)
Y = np.zeros((2, 11))


def wave(k, end, module=None, **kwargs):
    """y'' = -k² y from 0 to `end`: end · sin(k x) / sin(k)."""
    call = solve if module is None else module
    return call(lambda x, y: [y[1], -k * k * y[0]] if module is None else np.vstack(
        [y[1], -k * k * y[0]]), lambda a, b: [a[0], b[0] - end] if module is None else np.hstack(
        [a[0], b[0] - end]), X, Y, tol=1e-9, **kwargs)  # fmt: skip


def exact(x, k, end):
    return end * pg.sin(k * x) / pg.sin(k)


def test_a_linear_problem():
    theirs = wave(1.3, 2.0, of_scipy("integrate.solve_bvp"))
    k, end = N(1.3), N(2.0)
    ours = wave(pg.Variable(k, requires_grad=True), end)
    np.testing.assert_allclose(ours.y.detach().data, theirs.y, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(ours.x, theirs.x)
    np.testing.assert_allclose(ours.sol(0.37).detach().data, theirs.sol(0.37), rtol=1e-10)
    assert ours.success and ours.p is None and ours.niter == theirs.niter
    middle = ours.x.size // 2
    at = ours.x[middle]
    for f, e in (
        (lambda k, end: wave(k, end).y[0, middle], lambda k, end: exact(at, k, end)),
        (lambda k, end: wave(k, end).sol(0.37)[0], lambda k, end: exact(0.37, k, end)),
        (lambda k, end: wave(k, end).yp[0, 0], lambda k, end: end * k / pg.sin(k)),
    ):
        for got, expected in zip(
            pg.grad(f, (0, 1))(k, end), pg.grad(e, (0, 1))(k, end), strict=True
        ):
            np.testing.assert_allclose(got, expected, rtol=1e-7)
        second = pg.grad(pg.grad(f))(k, end)
        np.testing.assert_allclose(second, pg.grad(pg.grad(e))(k, end), rtol=1e-6)


def test_a_nonlinear_problem():
    """Bratu's y'' = -c exp(y), against differences of SciPy's."""

    def end(c, call=solve):
        fun = lambda x, y: pg.stack([y[1], -c * pg.exp(y[0])])
        if call is not solve:
            fun = lambda x, y: np.vstack([y[1], -c * np.exp(y[0])])
        return call(fun, lambda a, b: [a[0], b[0]] if call is solve else np.hstack([a[0], b[0]]),
                    X, Y, tol=1e-10, max_nodes=5000).sol(0.5)[0]  # fmt: skip

    theirs, step = of_scipy("integrate.solve_bvp"), 1e-4
    expected = (end(1.0 + step, theirs) - end(1.0 - step, theirs)) / (2 * step)
    np.testing.assert_allclose(pg.grad(end)(N(1.0)), expected, rtol=1e-6)


def test_unknown_parameters():
    """y'' = -p² y with y'(0) = a: the eigenvalue p = π / length, and the wave of height a / p."""

    def run(length, a):
        fun = lambda x, y, p: [length * y[1], -length * p[0] ** 2 * y[0]]
        ends = lambda u, v, p: [u[0], v[0], u[1] - a]
        guess = np.stack([np.sin(np.pi * X), np.pi * np.cos(np.pi * X)])
        return solve(fun, ends, X, guess, p=[3.0], tol=1e-9)

    length, a = N(1.2), N(0.8)
    np.testing.assert_allclose(run(length, a).p.data, np.pi / 1.2, rtol=1e-8)
    found = pg.grad(lambda n, a: run(n, a).p[0], (0, 1))(length, a)
    np.testing.assert_allclose(found, [-np.pi / 1.2**2, 0.0], rtol=1e-6, atol=1e-8)
    found = pg.grad(lambda n, a: run(n, a).sol(0.5)[0], (0, 1))(length, a)
    np.testing.assert_allclose(found, [0.8 / np.pi, 1.2 / np.pi], rtol=1e-6)


def test_odd_calls():
    v = pg.Variable(1.3, requires_grad=True)
    with pytest.raises(pg.PluggradError, match="S="):
        wave(v, 1.0, S=np.zeros((2, 2)))
    with pytest.raises(pg.PluggradError, match="no solution"):
        solve(lambda x, y: [y[1], -v * 50.0 * pg.exp(y[0])], lambda a, b: [a[0], b[0]], X, Y,
              max_nodes=20)  # fmt: skip
    with pytest.raises(pg.PluggradError, match="vmap"):
        pg.vmap(lambda k: wave(k, 1.0).y)(np.ones(2))
