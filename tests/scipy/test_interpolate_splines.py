"""B-splines of `pluggrad.scipy.interpolate`, and splines through data."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
X, Y = np.asarray([0.0, 0.7, 1.5, 2.1, 3.4, 4.0, 4.9]), RNG.normal(size=7)
Y2 = RNG.normal(size=(2, 7))
AT, WIDE = np.asarray([0.3, 1.1, 2.5, 3.9, 4.9]), np.asarray([[-0.5, 0.35], [2.2, 5.75]])
I = pg.scipy.interpolate
judge = functools.partial(judge_scipy, others=(), second=False, maps=False, rtol=1e-10, atol=1e-11)


def use(make, *args, call=None, **kwargs):
    """The values at the last argument."""
    *given, at = args
    return make(*given, **kwargs)(at, **(call or {}))


def knots(k):
    """Knots of which two are equal, and one has the multiplicity k."""
    return np.sort(np.concatenate([[0.0] * (k + 1), [1.0, 2.0, 2.0, 2.6], [4.0] * (k + 1)]))


@pytest.mark.parametrize("k", [0, 1, 2, 3, 5])
def test_splines(k):
    t = knots(k)
    c = RNG.normal(size=len(t) - k - 1)
    at = np.asarray([0.3, 1.0, 1.7, 2.3, 3.9, 4.0])
    judge("interpolate.BSpline", t, c, k, at, tracked=(1,), use=use)
    smooth = np.linspace(0.0, 4.0, len(t)) ** 1.1
    inside = 0.5 * (smooth[k : len(t) - k - 1] + smooth[k + 1 : len(t) - k])
    every = (0, 1, 3) if k else (1, 3)
    judge_scipy("interpolate.BSpline", smooth, c, k, inside, tracked=every, use=use,
                others=("torch",))  # fmt: skip
    for nu in range(k + 2):
        judge("interpolate.BSpline", smooth, c, k, inside, tracked=every if nu <= k else (1, 3),
              use=functools.partial(use, call={"nu": nu}))  # fmt: skip


@pytest.mark.parametrize("extrapolate", [True, False, "periodic"])
def test_outside(extrapolate):
    t = np.linspace(0.0, 4.0, 11)
    c = RNG.normal(size=(7, 2))
    at = WIDE if extrapolate is not False else np.asarray([1.3, 2.2])
    judge("interpolate.BSpline", t, c, 3, at, tracked=(0, 1, 3), use=use, extrapolate=extrapolate)
    judge("interpolate.BSpline", t, c.T, 3, at, tracked=(0, 1, 3), use=use, axis=1,
          extrapolate=extrapolate)  # fmt: skip
    judge("interpolate.BSpline", t, c[:, 0] + 1j, 3, at, tracked=(1, 3), use=use)
    y = I.BSpline(t, c, 3)(np.asarray([-1.0, np.nan, 5.0]), extrapolate=False)
    assert np.isnan(y.data).all()


def test_derivatives_and_integrals():
    t, c = np.linspace(0.0, 4.0, 11), RNG.normal(size=7)
    at = np.asarray([1.3, 2.2, 2.6])
    for nu in (1, 2, 3, -1, -2):
        call = lambda make, t, c, at, nu=nu: make(t, c, 3).derivative(nu)(at)
        judge("interpolate.BSpline", t, c, at, tracked=(0, 1, 2), use=call)
        wide = lambda make, t, c, at, nu=nu: make(t, c, 3, axis=1).antiderivative(nu)(at)
        judge("interpolate.BSpline", t, np.stack([c, -c]), at, tracked=(0, 1, 2), use=wide)
    whole = lambda make, t, c, a, b: make(t, c, 3).integrate(a, b)
    a, b = np.asarray(1.5), np.asarray(2.7)
    judge_scipy("interpolate.BSpline", t, c, a, b, tracked=(0, 1, 2, 3), use=whole, others=())
    judge("interpolate.BSpline", t, c, b, a, tracked=(0, 1, 2, 3), use=whole)
    for extrapolate in (True, False, "periodic"):
        for ends in ((0.5, 3.7), (2.5, -9.0)):
            part = lambda make, t, c, a, b, e=extrapolate: make(t, c, 3).integrate(a, b, e)
            judge(
                "interpolate.BSpline", t, c, *map(np.asarray, ends), tracked=(0, 1, 2, 3), use=part
            )


def test_basis_functions():
    element = np.asarray([0.0, 1.0, 1.5, 3.0])
    call = lambda make, t, at: make.basis_element(t)(at)
    judge("interpolate.BSpline", element, np.asarray([0.5, 1.2, 2.0]), tracked=(0, 1), use=call)
    t, theirs = knots(3), of_scipy("interpolate.BSpline")
    matrix = I.BSpline.design_matrix(AT[:4], t, 3)
    np.testing.assert_allclose(matrix.toarray(), theirs.design_matrix(AT[:4], t, 3).toarray())
    c = RNG.normal(size=8)
    np.testing.assert_allclose(I.BSpline(t, c, 3).insert_knot(1.7).c.data,
                               theirs(t, c, 3).insert_knot(1.7).c)  # fmt: skip
    power = I.BSpline.from_power_basis(I.CubicSpline(X, Y))
    np.testing.assert_allclose(power(AT).data, I.CubicSpline(X, Y)(AT).data, rtol=1e-10)
    with pytest.raises(pg.PluggradError, match="no derivative"):
        pg.grad(lambda c: I.BSpline(t, c, 3).insert_knot(1.7).c[0])(c)


# ---------------------------------------------------------------- interpolation


@pytest.mark.parametrize("k", [0, 1, 2, 3, 4, 5])
def test_interpolation(k):
    at = AT + 0.01 if k == 0 else AT
    judge("interpolate.make_interp_spline", X, Y, at[:4], tracked=(1, 2), use=use, k=k)
    inner = np.asarray([0.3, 1.1, 2.5, 3.9])
    judge("interpolate.make_interp_spline", X, Y, inner, tracked=(0, 1, 2) if k else (1, 2),
          use=use, k=k)  # fmt: skip
    judge("interpolate.make_interp_spline", X, Y2, WIDE, tracked=(1, 2), use=use, k=k, axis=1)


def test_interpolation_everywhere():
    judge_scipy("interpolate.make_interp_spline", X, Y, AT[:4], tracked=(1, 2), use=use,
                rtol=1e-10)  # fmt: skip


ENDS = ["natural", "clamped", ([(2, 0.5)], [(1, -0.3)]), ([(1, 0.5), (2, 0.1)], None),
        "not-a-knot"]  # fmt: skip


@pytest.mark.parametrize("ends", ENDS, ids=str)
def test_conditions_at_the_ends(ends):
    t = None
    if isinstance(ends, tuple) and ends[1] is None:
        t = np.concatenate([[0.0] * 4, [0.5, 1.2, 2.0, 2.8, 3.5], [4.9] * 4])
    judge("interpolate.make_interp_spline", X, Y, AT, tracked=(1, 2), use=use, bc_type=ends, t=t)
    inner = np.asarray([0.3, 1.1, 2.5, 3.9])
    judge("interpolate.make_interp_spline", X, Y, inner, tracked=(0, 1, 2), use=use, bc_type=ends,
          t=t) if t is None else None  # fmt: skip


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_periodic_interpolation(k):
    for count in (7, 4):
        closed = lambda make, x, y, at, n=count: make(
            x, np.eye(n)[:, : n - 1] @ y + np.eye(n)[:, n - 1] * y[0], k=k, bc_type="periodic")(at)  # fmt: skip
        judge("interpolate.make_interp_spline", X[:count], Y[: count - 1], WIDE, tracked=(0, 1, 2),
              use=closed)  # fmt: skip


def test_given_knots():
    t = np.asarray([0.0, 0.0, 0.0, 0.0, 1.2, 2.2, 3.1, 4.9, 4.9, 4.9, 4.9])
    call = lambda make, x, y, t, at: make(x, y, 3, t)(at)
    judge("interpolate.make_interp_spline", X, Y, t, AT[:4], tracked=(1, 3), use=call)
    inner = np.asarray([0.3, 1.1, 2.5, 3.9])
    moved = lambda make, x, y, s, at: make(x, y, 3, np.concatenate([t[:4], s, t[7:]]))(at)
    judge("interpolate.make_interp_spline", X, Y, t[4:7], inner, tracked=(1, 2, 3), use=moved)


# ---------------------------------------------------------------- least squares, smoothing

WEIGHTS = 0.5 + RNG.random(7)
FEW = np.asarray([0.0, 0.0, 0.0, 0.0, 2.2, 4.9, 4.9, 4.9, 4.9])


@pytest.mark.parametrize("method", ["qr", "norm-eq"])
def test_least_squares(method):
    call = lambda make, x, y, t, w, at: make(x, y, t, 3, w, method=method)(at)
    judge_scipy("interpolate.make_lsq_spline", X, Y, FEW, WEIGHTS, AT, tracked=(1, 3, 4), use=call,
                rtol=1e-9, others=("torch",))  # fmt: skip
    judge("interpolate.make_lsq_spline", Y2, WEIGHTS, AT, tracked=(0, 1, 2), rtol=1e-9,
          use=lambda make, y, w, at: make(X, y, FEW, 3, w, 1, method=method)(at))  # fmt: skip
    inner = X[1:6]
    by_place = lambda make, x, y, at: make(np.concatenate([X[:1], x, X[6:]]), y, FEW, 3)(at)
    judge("interpolate.make_lsq_spline", inner, Y, AT, tracked=(0, 1, 2), use=by_place, rtol=1e-9)


def test_smoothing():
    lam = np.asarray(0.3)
    call = lambda make, x, y, w, lam, at: make(x, y, w, lam)(at)
    judge_scipy("interpolate.make_smoothing_spline", X, Y, WEIGHTS, lam, AT[:4],
                tracked=(0, 1, 2, 3, 4), use=call, rtol=1e-9, others=("torch",))  # fmt: skip
    wide = lambda make, y, at: make(X, y, lam=0.1, axis=1)(at)
    judge("interpolate.make_smoothing_spline", Y2, AT[:4], tracked=(0, 1), use=wide, rtol=1e-9)
    found = I.make_smoothing_spline(X, Y)(AT)
    np.testing.assert_allclose(found, of_scipy("interpolate.make_smoothing_spline")(X, Y)(AT))
    with pytest.raises(pg.PluggradError, match="no derivative"):
        I.make_smoothing_spline(X, pg.Variable(Y, requires_grad=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: I.BSpline(X[::-1], v, 2), "decrease"),
        (lambda v: I.BSpline(X[:4], v, 3), "knots"),
        (lambda v: I.BSpline(X, v, -1), "k"),
        (lambda v: I.BSpline(knots(2), v[:7], 2).derivative(3), "order"),
        (lambda v: I.make_interp_spline(X[::-1], v), "increasing"),
        (lambda v: I.make_interp_spline(X, v * np.inf), "finite"),
        (lambda v: I.make_interp_spline(X, v, t=X), "coefficients"),
        (lambda v: I.make_interp_spline(X, v, bc_type="loose"), "loose"),
        (lambda v: I.make_interp_spline(X, v, bc_type="periodic"), "equal"),
        (lambda v: I.make_interp_spline(X, v, k=1, bc_type="natural"), "degree"),
        (lambda v: I.make_interp_spline(X, v, bc_type=([(9, 0.0)], [(1, 0.0)])), "order"),
        (lambda v: I.make_lsq_spline(X, v, X[::-1]), "decrease"),
        (lambda v: I.make_lsq_spline(X, v, FEW, method="svd"), "svd"),
        (lambda v: I.make_smoothing_spline(X[:4], v[:4], lam=1.0), "five"),
    ],
)
def test_wrong_arguments_are_errors(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.Variable(Y, requires_grad=True))
