"""Initial value problems of `scipy.integrate`: values by SciPy, derivatives by differences of these
and by solutions in closed form."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import convert, to_numpy
from tests.support.derivatives import check_derivatives
from tests.support.optional import installed, needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
I = pg.scipy.integrate
N = np.asarray
Y0 = np.asarray([1.0, 2.0])
#: Every step is accepted and as long as allowed, so that differences see no change of steps.
FIXED = {"rtol": 1.0, "atol": 1e3, "max_step": 0.25, "first_step": 0.25}
EXPLICIT = ["RK23", "RK45", "DOP853"]
STIFF = ["Radau", "BDF", "LSODA"]


def prey(t, y, a, b):
    return [a * y[0] - b * y[0] * y[1], b * y[0] * y[1] - a * y[1] * np.cos(t)]


def states(result):
    return result.y


def judge(function, *args, take=states, second=True, others=(), **kwargs):
    """Judge what `take` finds in the result of ``function(solve_ivp, *args)``."""
    judge_scipy("integrate.solve_ivp", *args, tracked=range(len(args)), maps=False, others=others,
                second=second, use=lambda solve, *xs: take(function(solve, *xs)), **kwargs)  # fmt: skip


@pytest.mark.parametrize("method", EXPLICIT)
def test_steps(method):
    solve = lambda ivp, y0, a, b, span=(0.0, 1.0), **kw: ivp(
        prey, span, y0, method=method, args=(a, b), **FIXED | kw
    )
    at = np.asarray([0.0, 0.1, 0.3, 0.5, 0.95])
    judge(solve, Y0, N(1.1), N(0.4), others=("torch",) if method == "RK45" else ())
    for options in (
        {"t_eval": at},
        {"span": (1.0, -0.5)},
        {"span": (1.0, 0.0), "t_eval": at[::-1]},
    ):
        judge(lambda ivp, y0, a, o=options: solve(ivp, y0, a, 0.4, **o), Y0, N(1.1), second=False)
    judge(functools.partial(solve, dense_output=True, b=0.4), Y0, N(1.1), second=False,
          take=lambda r: (r.sol(0.3), r.sol(at), r.sol(at[::-1])))  # fmt: skip
    judge(lambda ivp, y0: solve(ivp, y0 * (1 + 1j), 1.1, 0.4), Y0, second=False)
    if method != "RK23":  # by the ends of the span
        judge(lambda ivp, a, b: solve(ivp, Y0, 1.1, 0.4, (a, b), max_step=np.inf, first_step=None,
                                      rtol=1e-12, atol=1e-12), N(0.0), N(1.0), second=False,
              take=lambda r: r.y[:, -1])  # fmt: skip


@pytest.mark.parametrize("method", EXPLICIT)
def test_times_of_evaluation(method):
    """By `t_eval` and by the argument of the dense output: the slope of the interpolation."""
    at = np.asarray([0.1, 0.3, 0.55])
    options = {"method": method, "args": (1.1, 0.4), **FIXED}
    judge(lambda ivp, t: ivp(prey, (0.0, 1.0), Y0, t_eval=t, **options), at, second=False)
    judge(lambda ivp, t: ivp(prey, (0.0, 1.0), Y0, dense_output=True, **options).sol(t), at,
          take=lambda y: y)  # fmt: skip


def test_what_the_right_hand_side_may_be():
    captured = lambda ivp, a: ivp(lambda t, y: -a * y * t, (0.0, 1.0), Y0, **FIXED)
    judge(captured, N(1.5))
    matrix = np.asarray([[-0.5, 1.0], [-1.0, -0.2]])
    judge(lambda ivp, m: ivp(lambda t, y: m @ y, (0.0, 1.0), Y0, **FIXED), matrix)
    judge(lambda ivp, m: ivp(lambda t, y: m @ y, (0.0, 1.0), Y0, vectorized=True, **FIXED), matrix)
    judge(lambda ivp, y: ivp(lambda t, y: np.sin(t) * y, (0.0, 1.0), y, **FIXED), Y0)
    plain = I.solve_ivp(prey, (0.0, 1.0), [1.0, 2.0], args=(1.1, 0.4))
    theirs = of_scipy("integrate.solve_ivp")(prey, (0.0, 1.0), Y0, args=(1.1, 0.4))
    np.testing.assert_array_equal(plain.y.data, theirs.y)
    assert plain.nfev == theirs.nfev and plain.success


def ball(t, y, g):
    return [y[1], -g + 0.0 * y[0]]


def ground(t, y, g):
    return y[0]


def top(t, y, g):
    return y[1]


ground.terminal, ground.direction = True, -1.0


@pytest.mark.parametrize("method", ["RK45", "DOP853", "Radau"])
def test_events(method):
    """A thrown ball: when it is at the top, when it falls to the ground, and how fast."""

    def fall(g, v, key, **kwargs):
        start = pg.stack([v * 0.0 + 1.0, v])
        r = I.solve_ivp(ball, (0.0, 10.0), start, args=(g,), events=(ground, top), method=method,
                        max_step=0.5, rtol=1e-8, atol=1e-10, **kwargs)  # fmt: skip
        assert r.status == 1 and len(r.t_events) == 2
        return {"ground": r.t_events[0][0], "top": r.t_events[1][0], "fast": r.y_events[0][0, 1],
                "last": r.t[-1], "end": r.y[1, -1], "high": r.y_events[1][0, 0]}[key]  # fmt: skip

    root = lambda g, v: pg.sqrt(v * v + 2.0 * g)
    expected = {
        "ground": lambda g, v: (v + root(g, v)) / g, "last": lambda g, v: (v + root(g, v)) / g,
        "top": lambda g, v: v / g, "high": lambda g, v: 1.0 + v * v / (2.0 * g),
        "fast": lambda g, v: -root(g, v), "end": lambda g, v: -root(g, v),
    }  # fmt: skip
    g, v = N(9.81), N(3.0)
    for key, exact in expected.items():
        f = lambda *xs, key=key: fall(*xs, key=key)
        np.testing.assert_allclose(pg.grad(f, (0, 1))(g, v), pg.grad(exact, (0, 1))(g, v), 1e-5)
        if key in ("top", "ground"):
            second = pg.grad(pg.grad(f))(g, v), pg.grad(pg.grad(exact))(g, v)
            np.testing.assert_allclose(*second, rtol=1e-4)


@pytest.mark.parametrize("method", STIFF)
def test_stiff_equations(method):
    """The solution follows cos(t), the faster the greater the rate; and it is a linear equation, so
    that all of its derivatives are known."""

    def end(solve, k, y0, **kwargs):
        return solve(lambda t, y: [-k * (y[0] - np.cos(t))], (0.0, 1.0), y0, method=method,
                     rtol=1e-7, atol=1e-9, **kwargs)  # fmt: skip

    def exact(t, k, y0):
        fixed = (k * k * np.cos(t) + k * np.sin(t)) / (k * k + 1.0)
        return fixed + (y0[0] - k * k / (k * k + 1.0)) * pg.exp(-k * t)

    k, y0, at = N(30.0), np.asarray([2.0]), np.asarray([0.02, 0.1, 0.7])
    theirs = functools.partial(end, of_scipy("integrate.solve_ivp"))
    ours = functools.partial(end, I.solve_ivp)
    for found, expected in (
        (ours(pg.Variable(k, requires_grad=True), y0).y, theirs(k, y0).y),
        (ours(k, pg.Variable(y0, requires_grad=True), t_eval=at).y, theirs(k, y0, t_eval=at).y),
    ):
        np.testing.assert_allclose(found.detach().data, expected, rtol=1e-12)
    for f, g in (
        (lambda k, y: ours(k, y).y[0, -1], lambda k, y: exact(1.0, k, y)),
        (lambda k, y: pg.sum(ours(k, y, t_eval=at).y ** 2), lambda k, y: pg.sum(exact(at, k, y) ** 2)),
        (lambda k, y: pg.sum(ours(k, y, dense_output=True).sol(at)), lambda k, y: pg.sum(exact(at, k, y))),
    ):  # fmt: skip
        for got, e in zip(pg.grad(f, (0, 1))(k, y0), pg.grad(g, (0, 1))(k, y0), strict=True):
            np.testing.assert_allclose(got, e, rtol=1e-4, atol=1e-6)
    if method != "LSODA":
        return
    second = lambda f: pg.grad(pg.grad(lambda k: f(k, y0)))(k)
    np.testing.assert_allclose(second(lambda k, y: ours(k, y).y[0, -1]),
                               second(lambda k, y: exact(1.0, k, y)), rtol=1e-3)  # fmt: skip


def test_the_options_of_stiff_methods():
    jac = lambda t, y, k: [[-k]]
    f = lambda k: I.solve_ivp(lambda t, y, k: -k * y, (0.0, 1.0), [1.0], method="Radau", args=(k,),
                              jac=jac, rtol=1e-8).y[0, -1]  # fmt: skip
    np.testing.assert_allclose(pg.grad(f)(N(2.0)), -np.exp(-2.0), rtol=1e-6)


@pytest.mark.parametrize("method", ["RK45", "DOP853", "LSODA", "Radau"])
def test_the_adjoint_equation(method):
    """It agrees with the derivative by steps."""
    at = np.asarray([0.0, 0.2, 0.9])
    tight = {"rtol": 1e-10, "atol": 1e-11, "method": method}
    for t_eval in (None, at):

        def total(y0, a, b, t_eval=t_eval, **kwargs):
            r = I.solve_ivp(prey, (0.0, 1.0), y0, t_eval=t_eval, args=(a, b), **tight, **kwargs)
            return pg.sum(r.y[:, -2:] ** 2)

        if method != "Radau" or t_eval is not None:
            steps = pg.grad(total, (0, 1, 2))(Y0, N(1.1), N(0.4))
            found = pg.grad(functools.partial(total, adjoint=True), (0, 1, 2))(Y0, N(1.1), N(0.4))
            for got, expected in zip(found, steps, strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-7)


def test_what_the_adjoint_equation_cannot_do():
    end = lambda a, **kw: I.solve_ivp(prey, (0.0, 1.0), Y0, args=(a, 0.4), adjoint=True, **kw).y[
        0, -1
    ]
    v = pg.Variable(1.1, requires_grad=True)
    theirs = of_scipy("integrate.solve_ivp")(prey, (0.0, 1.0), Y0, args=(1.1, 0.4)).y[0, -1]
    assert end(1.1).data == end(v).detach().data == theirs
    with pytest.raises(pg.PluggradError, match="once"):
        pg.grad(pg.grad(end))(N(1.1))
    with pytest.raises(pg.PluggradError, match="dense_output"):
        end(v, dense_output=True)
    with pytest.raises(pg.PluggradError, match="captured"):
        I.solve_ivp(lambda t, y: -v * y, (0.0, 1.0), Y0, adjoint=True)
    with pytest.raises(pg.PluggradError):
        pg.jvp(end, (N(1.1),), (N(1.0),))


# ---------------------------------------------------------------- odeint


def judge_odeint(function, *args, **kwargs):
    judge_scipy("integrate.odeint", *args, tracked=range(len(args)), maps=False, others=(),
                use=function, **{"second": False, "rtol": 1e-11} | kwargs)  # fmt: skip


def test_odeint():
    times = np.linspace(0.0, 2.0, 5)
    tight = {"rtol": 1e-13, "atol": 1e-13}
    swapped = lambda y, t, *args: prey(t, y, *args)
    judge_odeint(lambda ode, y0, a: ode(swapped, y0, times, args=(a, 0.4), **tight), Y0, N(1.1))
    judge_odeint(lambda ode, y0, a: ode(prey, y0, times, (a, 0.4), tfirst=True, full_output=1,
                                        **tight)[0], Y0, N(1.1))  # fmt: skip
    judge_odeint(lambda ode, a: ode(lambda y, t: -a * y, [1.0], times[::-1], **tight), N(0.5))
    judge_odeint(lambda ode, a: ode(lambda y, t, a: -a * y, 1.0, times, (a,), **tight), N(0.5))
    judge_odeint(lambda ode, t: ode(lambda y, t: -y * t, [1.0], t, **tight), times)
    judge_odeint(lambda ode, t: ode(lambda y, t: -y, [1.0], [0.0, t, 2.0], **tight), N(0.7))
    decay = lambda k: I.odeint(lambda y, t: -k * y, [1.0], times)[-1, 0]
    np.testing.assert_allclose(pg.grad(decay)(N(1.5)), -2 * np.exp(-3.0), rtol=1e-6)
    np.testing.assert_allclose(pg.grad(pg.grad(decay))(N(1.5)), 4 * np.exp(-3.0), rtol=1e-6)
    plain, info = I.odeint(prey, Y0, times, (1.1, 0.4), tfirst=True, full_output=True)
    assert plain.shape == (5, 2) and info["message"] == "Integration successful."


def test_odeint_of_a_right_hand_side_with_kinks():
    """The derivative keeps the tolerance, too, which says little of the solution's steps there. The
    arguments are a list in a tuple, and the times are constants or tracked."""
    times, w = np.linspace(0.0, 1.5, 4), N([[0.6, -1.1, 0.3], [0.9, 0.4, -0.8]])
    right = lambda y, t, p: np.maximum(y @ p[0] + p[1], 0.0) @ p[2]
    p = [w, N([-0.1, 0.2, 0.1]), -w.T]

    def loss(y0, p, times, **how):
        return np.sum(np.sin(I.odeint(right, y0, times, ([*p],), **how)))

    exact = lambda y0, p: loss(y0, p, times, rtol=1e-12, atol=1e-12)
    slopes = [
        (exact(Y0 + h, p) - exact(Y0 - h, p)) / 2e-5 for h in 1e-5 * np.eye(2)
    ] + [(exact(Y0, [p[0] + h, *p[1:]]) - exact(Y0, [p[0] - h, *p[1:]])) / 2e-5
         for h in 1e-5 * np.eye(6).reshape(6, 2, 3)]  # fmt: skip
    for tolerance, bound in [(1e-4, 5e-3), (1e-6, 5e-5), (1e-9, 1e-6)]:
        close = functools.partial(loss, rtol=tolerance, atol=tolerance)
        by_times_too = pg.grad(close, (0, 1, 2))(Y0, p, times)
        for by_y0, by_p in (pg.grad(close, (0, 1))(Y0, p, times), by_times_too[:2]):
            found = np.concatenate([by_y0, by_p[0].ravel()])
            np.testing.assert_allclose(found, slopes, rtol=0, atol=bound)


def test_odeint_where_the_tangent_cannot_be_followed():
    """The steps are then those of the solution."""

    @pg.custom_vjp
    def half(y):
        return 0.5 * y

    half.defvjp(lambda y: (0.5 * y, None), lambda kept, g: (0.5 * g,))
    times = np.asarray([0.0, 1.0])
    f = lambda y0: I.odeint(lambda y, t: half(y), y0, times)[-1, 0]
    np.testing.assert_allclose(pg.grad(f)(N([1.0])), [np.exp(0.5)], rtol=1e-6)
    root = lambda y0, c: I.odeint(lambda y, t: c + 0.0 * np.sqrt(np.abs(t * y)), y0, times)[-1, 0]
    np.testing.assert_allclose(pg.grad(root, 1)(N([0.0]), N(1.0)), 1.0, rtol=1e-6)


def test_odeint_of_a_stiff_equation():
    times = np.asarray([0.0, 0.5, 1.0])
    f = lambda k, y: I.odeint(lambda y, t: -k * (y - np.cos(t)), y, times)[-1, 0]
    k = 1000.0
    exact = lambda k: (k * k * np.cos(1.0) + k * np.sin(1.0)) / (k * k + 1.0)
    np.testing.assert_allclose(pg.grad(f)(N(k), [2.0]), pg.grad(exact)(N(k)), rtol=1e-4)


@pytest.mark.parametrize("library", installed("torch", "jax"))
def test_other_libraries(library):
    """Initial values and parameters of torch and JAX."""
    y0, a = [convert(x, library) for x in (Y0, N(1.1))]
    f = lambda y0, a: pg.sum(I.solve_ivp(lambda t, y: -a * y * y, (0.0, 1.0), y0, **FIXED).y[:, -1])
    g = lambda y0, a: pg.sum(I.odeint(lambda y, t: -a * y * y, y0, [0.0, 1.0], rtol=1e-3)[-1])
    h = lambda y0, a: I.quad(lambda x: a * x * x, 0.0, 1.0)[0] + 0.0 * y0[0]
    for function in (f, g, h):
        found = pg.grad(function, (0, 1))(y0, a)
        for got, expected in zip(found, pg.grad(function, (0, 1))(Y0, N(1.1)), strict=True):
            np.testing.assert_allclose(to_numpy(got), expected, rtol=1e-9)


@pytest.mark.parametrize("library", installed("torch"))
def test_single_precision(library):
    """The tolerances are those that it can keep; NumPy's arrays are made double, as SciPy does."""
    y0 = convert(np.asarray([1.0], dtype=np.float32), library)
    tight = {"rtol": 1e-13, "atol": 1e-13}
    f = lambda y0: I.odeint(lambda y, t: -y, y0, [0.0, 1.0], **tight)[-1, 0]
    g = lambda y0: I.solve_ivp(lambda t, y: -y, (0.0, 1.0), y0, **tight).y[0, -1]
    for function in (f, g):
        found = pg.grad(function)(y0)
        assert "float32" in str(found.dtype)
        np.testing.assert_allclose(to_numpy(found), np.exp(-1.0), rtol=1e-4)
        single = pg.grad(function)(np.asarray([1.0], dtype=np.float32))
        np.testing.assert_allclose(single, np.exp(-1.0), rtol=1e-6)


def test_the_method_of_scipys_own_solver():
    """SciPy's own `solve_ivp` takes a method of ours, and Variables with it."""
    theirs = of_scipy("integrate.solve_ivp")
    at = np.asarray([0.1, 0.3, 0.55])
    for method in ("RK45", "DOP853", "Radau"):
        ours = getattr(I, method)
        options = {"args": (1.1, 0.4), **FIXED} if method != "Radau" else {
            "args": (1.1, 0.4), "rtol": 1e-8, "atol": 1e-9}  # fmt: skip
        expected = theirs(prey, (0.0, 1.0), Y0, method=method, t_eval=at, **options).y

        def end(y0, a, ours=ours, options=options):
            return theirs(prey, (0.0, 1.0), y0, method=ours, t_eval=at, **options | {
                "args": (a, 0.4)}).y  # fmt: skip

        y = end(pg.Variable(Y0, requires_grad=True), 1.1)
        np.testing.assert_allclose(y.detach().data, expected, rtol=1e-9)
        if method != "Radau":
            check_derivatives(end, Y0, N(1.1), second=False)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: I.solve_ivp(prey, (0.0, 1.0), Y0, method="Euler", args=(v, v)), "method is one"),
        (lambda v: I.solve_ivp(prey, (0.0, 1.0), v, args=(v, v)), "vector"),
        (lambda v: I.solve_ivp(prey, (0.0, 1.0), Y0, args=(v, v), t_eval=[2.0]), "t_span"),
        (lambda v: I.solve_ivp(lambda t, y: v * np.ones(3), (0, 1), Y0), "."),
        (lambda v: pg.vmap(lambda a: I.solve_ivp(prey, (0, 1), Y0, args=(a, a)).y)(Y0), "vmap"),
        (lambda v: I.odeint(lambda y, t: v * np.ones(3), Y0, [0.0, 1.0]), "."),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.Variable(0.5, requires_grad=True))


@pytest.mark.parametrize("method", ["RK45", "BDF"])
def test_right_hand_sides_that_numpy_makes_of_variables(method):
    """As in ``return np.array([y[1], -p * y[0]])``."""
    solve, p = pg.scipy.integrate.solve_ivp, np.asarray([0.7, 1.3])
    of_array = lambda t, y, p: np.array([y[1], -p[0] * np.sin(y[0]) - p[1] * y[1]])
    of_list = lambda t, y, p: [y[1], -p[0] * np.sin(y[0]) - p[1] * y[1]]
    found = [
        pg.grad(lambda p, f=f: solve(f, (0, 2), [1.0, 0.0], method, args=(p,)).y[0, -1])(p)
        for f in (of_array, of_list)
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)
