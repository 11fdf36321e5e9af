"""Scattered data, polynomials and the names of FITPACK, of `pluggrad.scipy.interpolate`."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
I = pg.scipy.interpolate
judge = functools.partial(judge_scipy, others=(), second=False, maps=False, rtol=1e-9, atol=1e-10)


def use(make, *args, call=None, **kwargs):
    """The values at the last argument."""
    *given, at = args
    return make(*given, **kwargs)(at, **(call or {}))


# ---------------------------------------------------------------- radial functions

POINTS, D = RNG.random((9, 2)), RNG.normal(size=9)
AT = RNG.random((4, 2))
KERNELS = ["linear", "thin_plate_spline", "cubic", "quintic", "multiquadric",
           "inverse_multiquadric", "inverse_quadratic", "gaussian"]  # fmt: skip


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels(kernel):
    given = {"kernel": kernel, "epsilon": 1.3}
    judge("interpolate.RBFInterpolator", POINTS, D, AT, tracked=(0, 1, 2), use=use, **given)
    by_width = lambda make, d, s, e, at: make(POINTS, d, smoothing=s, kernel=kernel, epsilon=e)(at)
    judge("interpolate.RBFInterpolator", D, np.asarray(0.3), np.asarray(1.3), AT,
          tracked=(0, 1, 2, 3), use=by_width)  # fmt: skip
    wide = RNG.normal(size=(9, 2)) + 1j
    judge("interpolate.RBFInterpolator", POINTS, wide, AT, tracked=(1, 2), use=use,
          smoothing=0.1 + RNG.random(9), **given)  # fmt: skip
    judge("interpolate.RBFInterpolator", POINTS, D, AT, tracked=(0, 1, 2), use=use, neighbors=6,
          **given)  # fmt: skip
    judge("interpolate.RBFInterpolator", POINTS, D, AT, tracked=(1,), use=use, degree=2, **given)
    exact = I.RBFInterpolator(POINTS, D, **given)
    np.testing.assert_allclose(exact(POINTS).data, D, atol=1e-8)
    assert np.isfinite(pg.grad(lambda x: pg.sum(exact(x)))(POINTS)).all()


def test_radial_functions_everywhere():
    judge_scipy("interpolate.RBFInterpolator", POINTS, D, AT, tracked=(1, 2), use=use, rtol=1e-9,
                others=("torch",))  # fmt: skip
    near = lambda make, d, at: make(POINTS, d, neighbors=5)(at)
    found = pg.vmap(lambda at: near(I.RBFInterpolator, D, at))(np.stack([AT, AT[::-1]]))
    np.testing.assert_allclose(found[1], near(I.RBFInterpolator, D, AT[::-1]).data)


@pytest.mark.parametrize("function", ["multiquadric", "inverse", "gaussian", "linear", "cubic",
                                      "quintic", "thin_plate"])  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_the_older_class(function):
    a, b = POINTS[:, 0].copy(), POINTS[:, 1].copy()
    call = lambda make, a, b, d, x: make(a, b, d, function=function)(x, x * 0.9)
    judge("interpolate.Rbf", a, b, D, AT[:, 0], tracked=(0, 1, 2, 3), use=call)
    soft = lambda make, d, s, e: make(a, b, d, function=function, smooth=s, epsilon=e)(
        AT[:, 0], AT[:, 1]
    )
    judge("interpolate.Rbf", D, np.asarray(0.1), np.asarray(0.7), use=soft,
          tracked=(0, 1, 2) if function in ("multiquadric", "inverse", "gaussian") else (0, 1))  # fmt: skip
    several = lambda make, d: make(a, b, d, function=function, mode="N-D")(AT[:, 0], AT[:, 1])
    judge("interpolate.Rbf", np.stack([D, D**2], axis=-1), use=several)


# ---------------------------------------------------------------- triangles


def test_triangles():
    inside = 0.25 + 0.4 * RNG.random((3, 2))
    points = np.concatenate([POINTS, [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]])
    values = RNG.normal(size=(13, 2))
    name = "interpolate.LinearNDInterpolator"
    judge_scipy(name, points, values[:, 0], inside, tracked=(1, 2), use=use, others=("torch",),
                second=False)  # fmt: skip
    judge(name, points, values, inside, tracked=(0, 1, 2), use=use)
    judge(name, points, values, inside, tracked=(1, 2), use=use, rescale=True)
    pair = lambda make, v, a, b: make(points, v)(a, b)
    judge(name, values, inside[:, 0], inside[:, 1], tracked=(0, 1, 2), use=pair)
    outside = np.asarray([[0.3, 0.4], [2.0, 2.0]])
    judge(name, points, values, outside, tracked=(1, 2), use=use, fill_value=0.5)
    assert np.isnan(I.LinearNDInterpolator(points, values)(outside).data[1]).all()
    solid = RNG.random((12, 3))
    middle = solid[:4].mean(axis=0, keepdims=True)
    judge(name, solid, values[:12, 0], middle, tracked=(1, 2), use=use)


def test_the_nearest():
    name = "interpolate.NearestNDInterpolator"
    judge_scipy(name, POINTS, D, AT, tracked=(1,), use=use, others=("torch",))
    judge(
        name, POINTS, np.stack([D, D]).T, AT.reshape(2, 2, 2), tracked=(1,), use=use, rescale=True
    )
    near = use(I.NearestNDInterpolator, POINTS, D, AT, call={"distance_upper_bound": 0.1})
    theirs = of_scipy(name)(POINTS, D)(AT, distance_upper_bound=0.1)
    np.testing.assert_array_equal(near.data, theirs)


@pytest.mark.parametrize("method", ["linear", "nearest", "cubic"])
def test_griddata(method):
    inside = 0.3 + 0.3 * RNG.random((3, 2))
    call = lambda make, v, at: make(POINTS, v, at, method, 0.0)
    if method != "cubic":
        judge("interpolate.griddata", D, inside, tracked=(0,) if method == "nearest" else (0, 1),
              use=call)  # fmt: skip
        pair = lambda make, v: make((POINTS[:, 0], POINTS[:, 1]), v, (inside[:, 0], inside[:, 1]),
                                    method=method)  # fmt: skip
        judge("interpolate.griddata", D, use=pair)
    else:
        with pytest.raises(pg.PluggradError, match="no derivative"):
            call(I.griddata, pg.Variable(D, requires_grad=True), inside)
    line = lambda make, v: make(POINTS[:, 0], v, np.asarray([0.3, 0.5]), method)
    judge("interpolate.griddata", D, use=line)


# ---------------------------------------------------------------- polynomials

X, Y = np.asarray([0.0, 0.7, 1.5, 2.1, 3.4]), RNG.normal(size=5)
WHERE = np.asarray([[0.3, 1.5], [2.5, 3.9]])


@pytest.mark.parametrize("name", ["BarycentricInterpolator", "KroghInterpolator"])
def test_polynomials(name):
    path = f"interpolate.{name}"
    judge_scipy(path, X, Y, WHERE[0], tracked=(1, 2), use=use, others=("torch",))
    judge(path, X, Y, WHERE, tracked=(0, 1, 2), use=use)
    judge(path, X, np.stack([Y, Y**2]), WHERE, tracked=(1, 2), use=use, axis=1)
    for n in (1, 2):
        slope = lambda make, y, at, n=n: make(X, y).derivative(at, n)
        judge(path, Y, WHERE[0], tracked=(0, 1), use=slope)
    every = lambda make, y: make(X, y).derivatives(WHERE[0], 3)
    judge(path, Y, use=every)
    with pytest.raises(pg.PluggradError, match="differ"):
        getattr(I, name)(np.zeros(5), Y)


def test_functions_of_polynomials():
    for name in ("barycentric_interpolate", "krogh_interpolate", "pchip_interpolate"):
        call = lambda f, y, at: f(X, y, at)
        judge(f"interpolate.{name}", Y, WHERE[0], tracked=(0, 1), use=call)
        slopes = lambda f, y: f(X, y, WHERE[0], der=[0, 1])
        expected = np.stack(of_scipy(f"interpolate.{name}")(X, Y, WHERE[0], der=[0, 1]))
        np.testing.assert_allclose(slopes(getattr(I, name), Y).data, expected, rtol=1e-9)
        judge(f"interpolate.{name}", Y, use=lambda f, y: f(X, y, WHERE[0], der=1))


def test_bernstein():
    c = RNG.normal(size=(4, 4, 2))
    judge_scipy(
        "interpolate.BPoly", c, X, WHERE[0] + 0.1, tracked=(0, 2), use=use, others=("torch",)
    )
    inner = np.asarray([0.3, 2.5])
    judge("interpolate.BPoly", c, X, inner, tracked=(0, 1, 2), use=use)
    for nu in (1, 2):
        judge("interpolate.BPoly", c, X, inner, tracked=(0, 1, 2),
              use=lambda make, c, x, at, nu=nu: make(c, x).derivative(nu)(at))  # fmt: skip
    judge("interpolate.BPoly", c, X, inner, tracked=(0, 1, 2),
          use=lambda make, c, x, at: make(c, x).antiderivative()(at))  # fmt: skip
    ends = [np.asarray(v) for v in (0.4, 2.9)]
    judge("interpolate.BPoly", c, X, *ends, tracked=(0, 2, 3),
          use=lambda make, c, x, a, b: make(c, x).integrate(a, b))  # fmt: skip


# ---------------------------------------------------------------- FITPACK

XS, YS = np.linspace(0.0, 4.0, 9) + 0.1 * RNG.random(9), np.sin(np.linspace(0.0, 4.0, 9))
PLACES, BEYOND = np.asarray([0.4, 1.3, 3.3]), np.asarray([-1.0, 1.3, 9.0])


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_splrep_and_its_kin(k):
    spline = of_scipy("interpolate.splrep")(XS, YS, k=k)
    own = I.splrep(XS, YS, k=k)
    np.testing.assert_allclose(own[0].data, spline[0], atol=1e-12)
    np.testing.assert_allclose(own[1].data, spline[1], rtol=1e-8, atol=1e-10)

    def call(which, f):
        """`f` of the functions of ours, or of SciPy's."""
        module = I if which is I.splrep else of_scipy_module()
        return f(module, lambda x, y: module.splrep(x, y, k=k))

    for f in (
        lambda m, rep, x, y, at: m.splev(at, rep(x, y)),
        lambda m, rep, x, y, at: m.splev(at, rep(x, y), 1),
        lambda m, rep, x, y, at: m.splev(at, m.splantider(rep(x, y))),
        lambda m, rep, x, y, at: m.splint(at[0], at[2], rep(x, y)),
        *([lambda m, rep, x, y, at: m.splev(at, m.splder(rep(x, y)))] if k > 1 else []),
    ):
        judge("interpolate.splrep", XS, YS, PLACES, tracked=(0, 1, 2), rtol=1e-8,
              use=lambda which, *xs, f=f: call(which, lambda m, rep: f(m, rep, *xs)))  # fmt: skip


def of_scipy_module():
    import scipy.interpolate

    return scipy.interpolate


def test_values_outside_of_splines():
    tck = of_scipy("interpolate.splrep")(XS, YS)
    for ext in (0, 1, 3):
        judge("interpolate.splev", tck[1], use=lambda f, c, e=ext: f(BEYOND, (tck[0], c, 3), 0, e))
    with pytest.raises(pg.PluggradError, match="out of the range"):
        I.splev(BEYOND, tck, ext=2)
    curve = [YS, XS]
    theirs = of_scipy("interpolate.splprep")(curve, s=0)[0]
    found = I.splev(PLACES / 4, theirs)
    for y, e in zip(found, of_scipy("interpolate.splev")(PLACES / 4, theirs), strict=True):
        np.testing.assert_allclose(y.data, e)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_classes_of_splines(k):
    name = "interpolate.InterpolatedUnivariateSpline"
    call = lambda make, x, y, at: make(x, y, k=k)(at)
    judge(name, XS, YS, PLACES, tracked=(0, 1, 2), use=call)
    for f in (
        lambda s, at: s(at, 1), lambda s, at: s.derivative()(at), lambda s, at: s.antiderivative()(at),
        lambda s, at: s.integral(at[0], at[1]), lambda s, at: s.derivatives(at[0]),
        lambda s, at: s.get_coeffs(),
    ):  # fmt: skip
        judge(name, YS, PLACES, tracked=(0, 1) if f(I.UnivariateSpline(XS, YS, s=0), pg.Variable(
            PLACES, requires_grad=True)).requires_grad else (0,),
            use=lambda make, y, at, f=f: f(make(XS, y, k=k), at))  # fmt: skip
    for ext in (0, 1, 3, "zeros"):
        judge(name, YS, use=lambda make, y, e=ext: make(XS, y, k=k, ext=e)(BEYOND))
    judge(name, YS, use=lambda make, y: make(XS, y, bbox=[-0.5, 5.0], k=k)(PLACES))
    inner = np.asarray([1.2, 2.6])
    lsq = lambda make, x, y, t, w: make(x, y, t, w, k=k)(PLACES)
    judge("interpolate.LSQUnivariateSpline", XS, YS, inner, 0.5 + XS, tracked=(0, 1, 2, 3), use=lsq)
    judge(
        "interpolate.LSQUnivariateSpline", YS, use=lambda make, y: make(XS, y, inner).get_residual()
    )


def test_smoothing_splines():
    name = "interpolate.UnivariateSpline"
    judge(name, YS, use=lambda make, y: make(XS, y)(PLACES))  # a polynomial is near enough
    judge(name, YS, use=lambda make, y: make(XS, y, s=0)(PLACES))
    rough = YS + 0.3 * RNG.normal(size=9)
    theirs = of_scipy(name)(XS, rough, s=0.1)
    np.testing.assert_allclose(I.UnivariateSpline(XS, rough, s=0.1)(PLACES).data, theirs(PLACES))
    np.testing.assert_allclose(I.UnivariateSpline(XS, rough, s=0.1).roots().data, theirs.roots())
    slope = pg.grad(lambda at: pg.sum(I.UnivariateSpline(XS, rough, s=0.1)(at)))(PLACES)
    np.testing.assert_allclose(slope, theirs(PLACES, 1))
    with pytest.raises(pg.PluggradError, match="make_smoothing_spline"):
        I.UnivariateSpline(XS, pg.Variable(rough, requires_grad=True), s=0.1)
    for call in (
        lambda: I.splrep(XS, YS, per=1), lambda: I.splrep(XS, YS, full_output=1),
        lambda: I.UnivariateSpline(XS, YS, ext="wild"), lambda: I.splrep(XS[:4], YS),
        lambda: I.splint(0, 1, I.splrep(XS, YS), full_output=1),
    ):  # fmt: skip
        with pytest.raises(pg.PluggradError):
            call()
