"""Cubic and piecewise interpolation of `pluggrad.scipy.interpolate`."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
X, Y = np.asarray([0.0, 0.7, 1.5, 2.1, 3.4, 4.0]), RNG.normal(size=6)
Y2, SLOPES = RNG.normal(size=(2, 6)), RNG.normal(size=6)
AT, WIDE = np.asarray([0.3, 1.1, 2.5, 3.9]), np.asarray([[-0.5, 0.35], [2.2, 4.75]])
AROUND = np.concatenate([Y[:5], Y[:1]])
I = pg.scipy.interpolate
judge = functools.partial(judge_scipy, others=(), second=False, maps=False)


def use(make, *args, call=None, **kwargs):
    """The values at the last argument."""
    *given, at = args
    return make(*given, **kwargs)(at, **(call or {}))


NAMES = ["CubicSpline", "PchipInterpolator", "Akima1DInterpolator"]


@pytest.mark.parametrize("name", NAMES)
def test_by_values_and_by_position(name):
    judge_scipy(f"interpolate.{name}", X, Y, AT, tracked=(1, 2), use=use)
    judge(f"interpolate.{name}", X, Y, AT, tracked=(0, 1, 2), use=use)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_few_points(name, count):
    judge(f"interpolate.{name}", X[:count], Y[:count], WIDE, tracked=(1, 2), use=use,
          extrapolate=True)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("extrapolate", [None, True, False, "periodic"])
@pytest.mark.parametrize("nu", [0, 1, 2, 3, 4])
def test_orders(name, extrapolate, nu):
    """Every order of derivative, inside and outside of the range, along either axis."""
    inside = functools.partial(use, call={"nu": nu})
    at = AT if extrapolate in (None, False) else WIDE
    for axis, y in ((1, Y2), (-1, Y2[:, None]), (0, Y2.T)):
        judge(f"interpolate.{name}", X, y, at, tracked=(1, 2), use=inside, axis=axis,
              extrapolate=extrapolate)  # fmt: skip
    judge(f"interpolate.{name}", X, Y, np.asarray(1.1), tracked=(1, 2), use=inside)


def test_outside_there_is_nothing():
    for name in NAMES:
        y = getattr(I, name)(X, Y)(np.asarray([-1.0, np.nan, 5.0]), extrapolate=False)
        assert np.isnan(y.data).all()
        np.testing.assert_allclose(getattr(I, name)(X, Y)(X).data, Y, atol=1e-14)


def test_hermite():
    judge_scipy("interpolate.CubicHermiteSpline", X, Y, SLOPES, AT, tracked=(1, 2, 3), use=use)
    judge("interpolate.CubicHermiteSpline", X, Y2, Y2[::-1], WIDE, tracked=(0, 1, 2, 3), use=use,
          axis=1)  # fmt: skip
    judge("interpolate.CubicHermiteSpline", X, Y + 1j, SLOPES, AT, tracked=(1, 2), use=use)


ENDS = ["not-a-knot", "clamped", "natural", (1, 0.5), (2, -0.25)]


@pytest.mark.parametrize("first", ENDS, ids=str)
@pytest.mark.parametrize("last", ENDS, ids=str)
def test_conditions_at_the_ends(first, last):
    for count in (2, 3, 4, 6):
        judge("interpolate.CubicSpline", X[:count], Y[:count], WIDE, tracked=(1, 2), use=use,
              bc_type=(first, last))  # fmt: skip
    judge("interpolate.CubicSpline", X, Y, AT, tracked=(0, 1), use=use, bc_type=(first, last))


def test_more_conditions():
    for count in (3, 4, 5, 6):
        y = np.concatenate([Y[: count - 1], Y[:1]])
        free = np.concatenate([np.eye(count - 1), np.eye(count - 1)[:1]])  # closes the curve
        np.testing.assert_allclose(free @ y[:-1], y)

        def closed(make, z, at, count=count, free=free):
            return make(X[:count], free @ z, bc_type="periodic")(at)

        judge("interpolate.CubicSpline", y[:-1], WIDE, tracked=(0, 1), use=closed)
    judge("interpolate.CubicSpline", X, AROUND + 0 * X, AT, tracked=(2,), use=use,
          bc_type="periodic")  # fmt: skip
    judge("interpolate.CubicSpline", X, Y * (1 + 1j), AT, tracked=(1,), use=use, bc_type="natural")

    def by_value(make, value):
        return make(X, Y2.T, bc_type=((1, value), (2, value)))(AT)

    judge_scipy("interpolate.CubicSpline", np.asarray([0.5, -0.5]), use=by_value, others=())


def test_akima_and_its_modification():
    judge("interpolate.Akima1DInterpolator", X, Y2, WIDE, tracked=(1, 2), use=use, axis=1,
          method="makima", extrapolate=True)  # fmt: skip
    flat = np.asarray([0.0, 1.0, 1.0, 1.0, 1.0, 3.0])
    y = I.Akima1DInterpolator(X, flat)(AT).data
    np.testing.assert_allclose(y, of_scipy("interpolate.Akima1DInterpolator")(X, flat)(AT))


def test_pchip_keeps_flat_parts():
    flat = np.asarray([0.0, 1.0, 1.0, 0.5, 2.0, 2.0])
    f = functools.partial(I.PchipInterpolator, X)
    expected = of_scipy("interpolate.PchipInterpolator")(X, flat)(AT)
    np.testing.assert_allclose(f(flat)(AT).data, expected, rtol=1e-13)
    gradient = pg.grad(lambda y: pg.sum(f(y)(AT)))(flat)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_and_integrals(name):
    for nu in (1, 2, 3, 4, -1):
        judge(f"interpolate.{name}", X, Y, AT, tracked=(1, 2),
              use=lambda make, x, y, at, n=nu: make(x, y).derivative(n)(at))  # fmt: skip
    for nu in (1, 2):
        judge(f"interpolate.{name}", X, Y2, AT, tracked=(1, 2),
              use=lambda make, x, y, at, n=nu: make(x, y, axis=1).antiderivative(n)(at))  # fmt: skip
    integrate = lambda make, x, y, a, b: make(x, y).integrate(a, b)
    a, b = np.asarray(0.5), np.asarray(3.7)
    judge_scipy(f"interpolate.{name}", X, Y, a, b, tracked=(1, 2, 3), use=integrate)
    judge(f"interpolate.{name}", X, Y, b, a, tracked=(1, 2, 3), use=integrate)
    for ends in ((0.5, 3.7), (-3.0, 9.5), (5.0, -1.0)):
        judge(f"interpolate.{name}", X, Y2, *map(np.asarray, ends), tracked=(1, 2, 3),
              use=lambda make, x, y, a, b: make(x, y, axis=1).integrate(a, b, "periodic"))  # fmt: skip


def test_piecewise_polynomials():
    c = RNG.normal(size=(3, 5, 2))
    judge_scipy("interpolate.PPoly", c, X, AT, tracked=(0, 2), use=use)
    judge("interpolate.PPoly", np.moveaxis(c, 2, 0), X, AT, tracked=(0, 2), use=use, axis=1)
    judge("interpolate.PPoly", c, X, WIDE, tracked=(0, 2), use=use, extrapolate="periodic")
    own, theirs = I.CubicSpline(X, Y), of_scipy("interpolate.CubicSpline")(X, Y)
    np.testing.assert_allclose(own.c.data, theirs.c, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(own.roots().data, theirs.roots(), rtol=1e-12)
    np.testing.assert_allclose(own.solve(0.1).data, theirs.solve(0.1), rtol=1e-12)
    assert isinstance(own, I.CubicHermiteSpline) and isinstance(own.derivative(), I.PPoly)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: I.CubicSpline(X[:5], v), "along axis"),
        (lambda v: I.CubicSpline(X[::-1], v), "increasing"),
        (lambda v: I.CubicSpline(X * 1j, v), "real"),
        (lambda v: I.CubicSpline(X[:1], v[:1]), "two elements"),
        (lambda v: I.CubicSpline(X, v * np.nan), "finite"),
        (lambda v: I.CubicSpline(X, v, axis=1), "axis"),
        (lambda v: I.CubicSpline(X, v, bc_type="loose"), "loose"),
        (lambda v: I.CubicSpline(X, v, bc_type="periodic"), "equal"),
        (lambda v: I.CubicSpline(X, v, bc_type=("natural", "periodic")), "alone"),
        (lambda v: I.CubicSpline(X, v, bc_type=((3, 0.0), "natural")), "order"),
        (lambda v: I.CubicSpline(X, v, bc_type=((1, [0.0]), "natural")), "shape"),
        (lambda v: I.CubicSpline(X, v, extrapolate="often"), "extrapolate"),
        (lambda v: I.CubicSpline(X, v)(AT, -1), "nu is"),
        (lambda v: I.CubicSpline(X, v)(AT, 0.5), "nu is"),
        (lambda v: I.CubicSpline(X, v).integrate([0.0], 1.0), "numbers"),
        (lambda v: I.CubicSpline(X, v).roots(), "no derivative"),
        (lambda v: I.PchipInterpolator(X, v * 1j), "real"),
        (lambda v: I.Akima1DInterpolator(X, v * 1j), "real"),
        (lambda v: I.Akima1DInterpolator(X, v, method="new"), "akima"),
        (lambda v: I.CubicHermiteSpline(X, v, v[:3]), "same shape"),
        (lambda v: I.PPoly(v, X), "axis of coefficients"),
        (lambda v: I.PPoly(v[:, None], X), "intervals"),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.Variable(Y, requires_grad=True))
