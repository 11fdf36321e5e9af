"""Solutions of `pluggrad.scipy.optimize` as functions of the parameters: roots, fits and programs."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy
from tests.support.solver_rows import judge_solver

needs("scipy")
pytestmark = pytest.mark.filterwarnings(
    "ignore:The iteration is not making", "ignore:xtol=0.0000", "ignore:An ill-conditioned"
)
RNG = np.random.default_rng(0)
O = pg.scipy.optimize
P = np.asarray([0.7, 1.3])
judge = functools.partial(judge_scipy, rtol=1e-7, atol=1e-9, others=())


def equations(x, p):
    return pg.stack([x[0] ** 3 + p[0] * x[1] - p[1], x[1] - pg.cos(x[0]) * p[0]])


def cubic(x, p):
    return x**3 + p[0] * x - p[1] - 1.0


# ---------------------------------------------------------------- roots


def test_roots_everywhere():
    judge("optimize.root", P, rtol=1e-9, others=("torch",), use=lambda root, p: root(
        equations, [1.0, 1.0], (p,), tol=1e-13).x)  # fmt: skip


METHODS = ["hybr", "lm", "broyden1", "broyden2", "anderson", "linearmixing", "diagbroyden",
           "excitingmixing", "krylov", "df-sane"]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_all_methods_of_root(method):
    def use(root, p):
        f = lambda x: 0.4 * pg.sin(x) * p[0] - x + p[1]
        return root(f, np.asarray([1.0, 2.0]), method=method, tol=1e-12).x

    judge("optimize.root", P, use=use, rtol=1e-6, second=False)


@pytest.mark.parametrize(
    "use",
    [
        lambda f, p: f(equations, [1.0, 1.0], p, xtol=1e-13),
        lambda f, p: f(equations, [1.0, 1.0], (p,), lambda x, p: np.asarray(
            [[3 * x[0] ** 2, p[0]], [np.sin(x[0]) * p[0], 1.0]]), xtol=1e-13),
        lambda f, p: f(lambda x: [x[0] ** 3 - p[0], x[0] * x[1] - p[1]], [1.0, 1.0], xtol=1e-13),
        lambda f, p: f(equations, [1.0, 1.0], (p,), full_output=True, xtol=1e-13)[0],
        lambda f, p: f(cubic, 1.0, (p,), xtol=1e-13),
    ],
    ids=["args", "jacobian", "list", "full", "number"],
)  # fmt: skip
def test_fsolve(use):
    judge("optimize.fsolve", P, use=use)


def test_pairs_and_shapes_of_root():
    def pair(root, p):
        f = lambda x: (x**2 - p, 2 * np.diag(x))
        return root(f, [1.0, 1.0], jac=True, tol=1e-14).x

    def square(root, p):
        f = lambda x: x**3 + 0.1 * x.T - p[:, None]
        return root(f, np.ones((2, 2)), method="krylov", tol=1e-13).x

    judge("optimize.root", P, use=pair)
    judge("optimize.root", P, use=square, second=False)
    judge("optimize.fixed_point", P, use=lambda f, p: f(
        lambda x: np.cos(p * x), [0.5, 0.3], xtol=1e-13))  # fmt: skip


BRACKETED = ["brentq", "brenth", "ridder", "bisect", "toms748"]


@pytest.mark.parametrize("name", BRACKETED)
def test_bracketed_roots(name):
    exact = {"xtol": 1e-15, "rtol": 1e-14}
    call = lambda f, p: np.asarray(1.0) * f(cubic, 0.0, 3.0, (p,), **exact)
    judge(f"optimize.{name}", P, use=call)
    full = lambda f, p: np.asarray(1.0) * f(cubic, 0.0, 3.0, p, full_output=True, **exact)[1].root
    judge(f"optimize.{name}", P, use=full, second=False)


@pytest.mark.parametrize(
    "given",
    [
        {}, {"x1": 1.5}, {"fprime": lambda x, p: 3 * x**2 + p[0]},
        {"fprime": lambda x, p: 3 * x**2 + p[0], "fprime2": lambda x, p: 6 * x},
        {"full_output": True},
    ],
    ids=["secant", "two points", "newton", "halley", "full"],
)  # fmt: skip
def test_newton(given):
    first = lambda y: y[0] if isinstance(y, tuple) else y
    call = lambda f, p: np.asarray(1.0) * first(f(cubic, 1.0, args=(p,), tol=1e-14, **given))
    judge("optimize.newton", P, use=call)
    each = lambda f, p: f(lambda x: x**2 - p, np.ones(2), tol=1e-14)
    judge("optimize.newton", P, use=each)


@pytest.mark.parametrize(
    "given",
    [
        {"method": "brentq", "bracket": (0.0, 3.0)}, {"method": "newton", "x0": 1.0},
        {"method": "secant", "x0": 1.0, "x1": 1.5}, {"bracket": [0.0, 3.0]}, {"x0": 1.0},
        {"method": "halley", "x0": 1.0, "fprime": lambda x, p: 3 * x**2 + p[0],
         "fprime2": lambda x, p: 6 * x},
    ],
)  # fmt: skip
def test_root_scalar(given):
    call = lambda f, p: np.asarray(1.0) * f(cubic, (p,), xtol=1e-15, **given).root
    judge("optimize.root_scalar", P, use=call)
    both = lambda f, p: np.asarray(1.0) * f(
        lambda x: (x**2 - p[0], 2 * x), x0=1.0, fprime=True, xtol=1e-15).root  # fmt: skip
    judge("optimize.root_scalar", P, use=both, second=False)


def test_roots_on_torch_and_jax_and_under_jit():
    jax = needs("jax")
    for f in (
        lambda p: O.brentq(cubic, 0.0, 3.0, (p,)), lambda p: O.root(equations, [1.0, 1.0], p).x[0],
    ):  # fmt: skip
        expected = pg.grad(f)(P)
        np.testing.assert_allclose(jax.jit(pg.grad(f))(jax.numpy.asarray(P)), expected)
        batch = jax.jit(pg.vmap(pg.grad(f)))(jax.numpy.stack([P, P]))
        np.testing.assert_allclose(batch, [expected, expected])
        closed = lambda p, f=f: f(p * 1.0)  # a root of what refers to a value inside jit
        np.testing.assert_allclose(jax.jit(pg.grad(closed))(jax.numpy.asarray(P)), expected)
    with pytest.raises(pg.PluggradError, match="args"):
        jax.jit(pg.grad(lambda p: O.brentq(lambda x: cubic(x, p), 0.0, 3.0)))(jax.numpy.asarray(P))


# ---------------------------------------------------------------- fits

T = np.linspace(0.0, 3.0, 9)
DATA = 1.5 * np.exp(-0.8 * T) + 0.1 * RNG.normal(size=9)


def model(t, a, b):
    return a * np.exp(-b * t)


def residuals(x, y):
    return x[0] * np.exp(-x[1] * T) - y


@pytest.mark.parametrize("loss", ["linear", "soft_l1", "huber", "cauchy", "arctan"])
def test_least_squares(loss):
    def call(f, y):
        found = f(residuals, [1.5, 0.8], args=(y,), loss=loss, f_scale=0.15, xtol=1e-12, ftol=1e-14)
        return [found.x, found.fun, np.asarray(1.0) * found.cost, found.jac]

    judge_solver("optimize.least_squares", call, DATA, near=1e-3)


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_methods_of_least_squares(method):
    call = lambda f, y: f(lambda x: residuals(x, y), [1.5, 0.8], method=method).x
    judge_solver("optimize.least_squares", call, DATA, second=False)
    if method != "lm":
        within = lambda f, low: f(residuals, [1.5, 0.95], args=(DATA,), method=method,
                                  bounds=([0.0, low], [2.0, 5.0])).x  # fmt: skip
        judge_solver("optimize.least_squares", within, 0.9)
    own = lambda f, y: f(lambda x: residuals(x, y), [1.5, 0.8], lambda x: np.stack(
        [np.exp(-x[1] * T), -x[0] * T * np.exp(-x[1] * T)], axis=-1), method=method).x  # fmt: skip
    judge_solver("optimize.least_squares", own, DATA, second=False)


def test_leastsq():
    judge_solver("optimize.leastsq", lambda f, y: f(residuals, [1.5, 0.8], (y,))[0], DATA)
    full = lambda f, y: list(f(residuals, [1.5, 0.8], (y,), full_output=True)[:2])
    judge_solver("optimize.leastsq", full, DATA, second=False)


@pytest.mark.parametrize(
    "given",
    [
        {}, {"absolute_sigma": True}, {"method": "trf"}, {"bounds": (0.0, [1.0, 3.0])},
        {"p0": [1, 1], "method": "trf", "loss": "soft_l1", "xtol": 1e-12},
    ],
)  # fmt: skip
def test_curve_fit(given):
    call = lambda f, y, s: list(f(model, T, y, sigma=s, **given))
    rtol = 1e-2 if "bounds" in given else 1e-4  # SciPy's covariance at a bound is no better
    judge_solver("optimize.curve_fit", call, DATA, 0.5 + T, rtol=rtol)


def test_curve_fit_by_places_and_by_covariance():
    judge_solver("optimize.curve_fit", lambda f, t: f(model, t, DATA)[0], T)
    near = np.eye(9) + 0.3 * np.exp(-np.abs(T[:, None] - T))
    call = lambda f, c: f(model, T, DATA, sigma=near * c * np.reshape(c, (9, 1)))[0]
    judge_solver("optimize.curve_fit", call, 1.0 + T)
    y = DATA.copy()
    y[2] = np.nan
    with pytest.raises(pg.PluggradError, match="omit"):
        O.curve_fit(model, T, y, nan_policy="omit", check_finite=False)


# ---------------------------------------------------------------- matrices

A, B = RNG.normal(size=(5, 3)), RNG.normal(size=5)


def test_least_squares_of_matrices():
    for b in (B, -B, A[:, 0] + 0.1 * B):
        judge("optimize.nnls", A, b, tracked=(0, 1), use=lambda f, a, b: list(f(a, b)),
              others=("torch",))  # fmt: skip
    for bounds in ((-np.inf, np.inf), (-0.1, 0.2), ([-1.0, 0.3, -np.inf], [0.1, 0.7, np.inf])):
        for method in ("trf", "bvls"):
            call = lambda f, a, b, bounds=bounds, method=method: [
                (y := f(a, b, bounds, method, tol=1e-15)).x, y.fun, np.asarray(1.0) * y.cost
            ]  # fmt: skip
            judge("optimize.lsq_linear", A, B, tracked=(0, 1), use=call, rtol=1e-6, second=False)


def test_linear_programs():
    a, b, c = np.asarray([[1.0, 2.0], [3.0, 1.0]]), np.asarray([4.0, 6.0]), np.asarray([-1.0, -1.2])
    call = lambda f, c, a, b, **k: [(y := f(c, a, b, **k)).x, np.asarray(1.0) * y.fun]
    judge("optimize.linprog", c, a, b, tracked=(0, 1, 2), use=call)
    judge("optimize.linprog", c, a, b, tracked=(0, 1, 2), use=call, second=False,
          bounds=[(0, 1), (None, 9)])  # fmt: skip
    equal = lambda f, a, b: f([1.0, 2.0, 3.0], A_eq=a, b_eq=b).x
    judge("optimize.linprog", np.asarray([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0]]), b[::-1] / 4,
          tracked=(0, 1), use=equal, maps=False)  # fmt: skip
    with pytest.raises(pg.PluggradError, match="singular"):  # an edge of solutions
        pg.grad(lambda b: O.linprog([-1.0, -2.0], [[1.0, 2.0]], b[:1]).x[0])(b)


def test_monotonic_sequences():
    y, w = np.asarray([1.0, 0.5, 0.7, 2.0, 1.5]), 1.0 + RNG.random(5)
    judge("optimize.isotonic_regression", y, w, tracked=(0, 1), others=("torch",),
          use=lambda f, y, w: f(y, weights=w).x)  # fmt: skip
    judge("optimize.isotonic_regression", y, use=lambda f, y: f(y, increasing=False).x)


def test_assignments_are_constants():
    cost = RNG.random((2, 3, 4))
    best = lambda f, c: (pg.asarray(c)[f(c)] if isinstance(c, pg.Variable) else c[f(c)]) ** 2
    assign, theirs = O.linear_sum_assignment, of_scipy("optimize.linear_sum_assignment")
    for maximize in (False, True):
        found = assign(cost[0], maximize)
        np.testing.assert_array_equal([x.data for x in found], theirs(cost[0], maximize))
    g = pg.grad(lambda c: pg.sum(best(assign, c)))(cost[0])
    expected = np.zeros((3, 4))
    expected[theirs(cost[0])] = 2 * cost[0][theirs(cost[0])]
    np.testing.assert_allclose(g, expected)
    _, columns = pg.vmap(assign)(cost)
    np.testing.assert_array_equal(columns, [theirs(c)[1] for c in cost])


def test_rosenbrock():
    x = RNG.normal(size=4)
    for name in ("rosen", "rosen_der", "rosen_hess"):
        judge_scipy(f"optimize.{name}", x, others=("torch",))
    judge_scipy("optimize.rosen_hess_prod", x, x[::-1].copy(), tracked=(0, 1), others=())
    np.testing.assert_allclose(pg.grad(O.rosen)(x), O.rosen_der(x).data)


def test_arrays_that_numpy_makes_of_variables():
    """A function of the user's may return what NumPy makes of a list."""
    call = lambda f, p: f(lambda x: np.array([x[0] ** 3 - p[0], x[0] * x[1] - p[1]]), [1.0, 1.0])
    judge("optimize.fsolve", P, use=call, rtol=1e-6, second=False)
    root = lambda f, p: f(lambda x, p: 2 * np.array([x[0] ** 3 - p[0], x[1] - p[1]]), [1.0, 1.0], p)
    judge("optimize.root", P, use=lambda f, p: root(f, p).x, rtol=1e-6, second=False)
    fit = lambda f, y: f(lambda x: np.array([x[0] - y[0], x[1] * x[0] - y[1], x[1] - y[2]]), [1, 1])
    judge_solver("optimize.least_squares", lambda f, y: fit(f, y).x, DATA[:3])
    total = lambda f, p: (
        f(lambda x: np.sum(np.array([x[0] - p[0], x[1] * p[1]]) ** 2), [1.0, 1.0]).x
    )
    judge_solver("optimize.minimize", total, P)
    v = pg.Variable(P, requires_grad=True)
    with pytest.raises(pg.GraphBreakError):  # outside of a solver it is lost, as ever
        np.array([v[0], v[1]])
    with pytest.raises(pg.PluggradError):
        O.fsolve(lambda x: np.array([x[0] - v[0], x[1]], dtype=float), [1.0, 1.0])


# ---------------------------------------------------------------- what has no derivative


def test_singular_solutions_are_errors():
    for call in (
        lambda p: O.fsolve(lambda x: (x - p[0]) ** 2, [2.0]),
        lambda p: O.brentq(lambda x: (x - p[0]) ** 3, -1.0, 2.5, maxiter=999),
        lambda p: O.root(lambda x: [x[0] + x[1] - p[0], 2 * x[0] + 2 * x[1] - 2 * p[0]], [1.0, 2.0]).x,
        lambda p: O.root(lambda x: x**2 + p[0], [1.0]).x,
        lambda p: O.minimize(lambda x: pg.sum((x - p) ** 4), [1.0, 0.0]).x,
        lambda p: O.minimize(lambda x: pg.sum(pg.abs(x - p)), [1.0, 0.0]).x,
    ):  # fmt: skip
        call(P)
        with pytest.raises(pg.errors.DifferentiationError):
            pg.grad(lambda p, call=call: pg.sum(call(p)))(P)


def test_functions_that_leave_the_graph_are_errors():
    v = pg.Variable(P, requires_grad=True)
    with pytest.raises(pg.GraphBreakError):
        O.brentq(lambda x: x - float(v[0]), 0.0, 3.0)
    with pytest.raises(pg.GraphBreakError):
        O.minimize(lambda x: sum(float(z - p) ** 2 for z, p in zip(x, v)), [1.0, 1.0])


def test_constants_need_no_derivative():
    gamma = of_scipy("special.gamma")
    found = O.minimize(lambda x: gamma(x[0]), [1.2])  # a function that takes NumPy arrays only
    np.testing.assert_allclose(found.x.data, of_scipy("optimize.minimize")(
        lambda x: gamma(x[0]), [1.2]).x)  # fmt: skip
    assert found.hess_inv.shape == (1, 1) and found.success
    assert not O.brentq(lambda x: x**2 - 2.0, 0.0, 2.0).requires_grad
    tracked = O.minimize(
        lambda x: pg.sum((x - pg.Variable(P, requires_grad=True)) ** 2), [0.0, 0.0]
    )
    with pytest.raises(AttributeError, match="hess_inv"):
        tracked.hess_inv
    with pytest.raises(ValueError, match="different signs"):
        O.brentq(lambda x: x**2 + 1.0, 0.0, 1.0)
