"""Minima of `pluggrad.scipy.optimize` as functions of the parameters."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import in_pluggrad
from tests.support.solver_rows import judge_solver

needs("scipy")
pytestmark = pytest.mark.filterwarnings("ignore:Method .* does not use", "ignore:delta_grad == 0.0")
O = pg.scipy.optimize
P = np.asarray([0.7, -0.4])
X = np.asarray([1.0, 0.9])


def objective(x, p):
    """A curved valley."""
    return (
        (1 - x[0] + p[0]) ** 2 + 10 * (x[1] - x[0] ** 2 * p[1]) ** 2 + 0.1 * x[0] ** 4 + x[1] ** 2
    )


def test_the_derivative_of_a_minimum():
    def use(f, p):
        found = f(objective, X, (p,), method="BFGS", options={"gtol": 1e-9})
        return [found.x, found.fun]

    judge_solver("optimize.minimize", use, P, near=1e-5, others=("torch",))
    within = lambda f, p: f(objective, X, p, bounds=[(None, 0.9), (-3.0, 3.0)], tol=1e-12).x
    judge_solver("optimize.minimize", within, P)


METHODS = ["Nelder-Mead", "Powell", "CG", "BFGS", "Newton-CG", "L-BFGS-B", "TNC", "COBYLA",
           "COBYQA", "SLSQP", "trust-constr", "dogleg", "trust-ncg", "trust-exact",
           "trust-krylov", None]  # fmt: skip


def same_as(expected, call):
    """The value and the gradient of ``call(P)`` are those of ``expected(P)``."""
    weights = np.asarray([1.0, 1.7])
    total = lambda f: lambda p: pg.sum(f(p) * weights)
    np.testing.assert_allclose(call(P).data, expected(P).data, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(
        pg.grad(total(call))(P), pg.grad(total(expected))(P), rtol=1e-7, atol=1e-7
    )


@pytest.mark.parametrize("method", METHODS)
def test_all_methods(method):
    plain = lambda p: O.minimize(objective, X, p, method="trust-exact").x
    same_as(plain, lambda p: O.minimize(objective, X, (p,), method=method).x)
    theirs = lambda p: O.minimize(lambda x: objective(x, p), X, method=method, tol=1e-3).x
    if method != "Powell":
        same_as(plain, theirs)


BOUNDED = ["Nelder-Mead", "Powell", "L-BFGS-B", "TNC", "COBYLA", "COBYQA", "SLSQP", "trust-constr"]


@pytest.mark.parametrize("method", BOUNDED)
def test_bounds(method):
    given = {"method": "L-BFGS-B", "tol": 1e-12}
    inside = lambda p, **k: (
        O.minimize(objective, X, (p,), bounds=[(0.5, 0.9), (p[0] * 0.5, 3)], **k).x
    )
    same_as(lambda p: inside(p, **given), lambda p: inside(p, method=method))
    free = lambda p, **k: (
        O.minimize(objective, X, p, bounds=O.Bounds(-5.0, p[0] + [5.0, 6.0]), **k).x
    )
    same_as(lambda p: free(p, **given), lambda p: free(p, method=method))


@pytest.mark.parametrize("method", ["COBYLA", "COBYQA", "SLSQP", "trust-constr"])
def test_constraints(method):
    of = in_pluggrad("optimize.minimize")
    cases = [
        {"constraints": {"type": "ineq", "fun": lambda x, p: x[0] * x[1] - p[0], "args": 0}},
        {"constraints": [{"type": "eq", "fun": lambda x, p: x[0] + x[1] ** 2 - p[0], "args": 0,
                          "jac": lambda x, p: pg.stack([1 + 0 * x[0], 2 * x[1]])}]},
        {"constraints": lambda p: O.LinearConstraint([[1.0, 2.0]], p[0], p[0])},
        {"constraints": lambda p: O.LinearConstraint(pg.stack([p, p * 2.0]), -np.inf, 0.1)},
        {"constraints": lambda p: O.NonlinearConstraint(
            lambda x: pg.stack([x[0] ** 2 + x[1] ** 2, x[0]]), [-np.inf, -9.0], [p[0], np.inf]),
         "bounds": [(0, 2), (0, 2)]},
    ]  # fmt: skip

    def given(case, p):
        made = case["constraints"]
        if callable(made):
            return {**case, "constraints": made(p)}
        one = [{**c, "args": (p,)} for c in (made if isinstance(made, list) else [made])]
        return {**case, "constraints": one}

    for case in cases:
        precise = lambda p, case=case: (
            of(objective, X, (p,), "SLSQP", tol=1e-15, **given(case, p)).x
        )
        same_as(precise, lambda p, case=case: of(objective, X, (p,), method, **given(case, p)).x)


def test_constraints_against_differences():
    def use(f, p):
        limit = {"type": "ineq", "fun": lambda x: p[0] - x[0] ** 2 - x[1] ** 2}
        y = f(objective, X * 0.5, (p,), constraints=[limit], tol=1e-14)
        return [y.x, np.asarray(1.0) * y.fun]

    judge_solver("optimize.minimize", use, P)


def test_derivatives_of_the_users():
    plain = lambda p: O.minimize(objective, X, (p,), tol=1e-12).x
    slope = lambda x, p: pg.grad(objective)(x, p)
    curve = lambda x, p: pg.hessian(objective)(x, p)
    both = lambda x, p: (objective(x, p), slope(x, p))
    for given in (
        {"jac": slope}, {"jac": "3-point"}, {"jac": slope, "hess": curve, "method": "trust-exact"},
        {"jac": slope, "hessp": lambda x, v, p: curve(x, p) @ v, "method": "Newton-CG"},
    ):  # fmt: skip
        same_as(plain, lambda p, given=given: O.minimize(objective, X, (p,), **given).x)
    same_as(plain, lambda p: O.minimize(both, X, (p,), jac=True).x)


# ---------------------------------------------------------------- other names


def quartic(x, p):
    return (x - p[0]) ** 2 + 0.3 * (x - p[1]) ** 4


@pytest.mark.parametrize(
    "given",
    [
        {}, {"bracket": (0.0, 1.0)}, {"method": "golden", "bracket": (0.0, 0.5, 2.0)},
        {"bounds": (-2.0, 5.0)}, {"bounds": (1.0, 2.0)}, {"tol": 1e-10},
    ],
)  # fmt: skip
def test_minima_of_functions_of_a_number(given):
    use = lambda f, p: [
        np.asarray(1.0) * (y := f(quartic, args=(p,), **given)).x, np.asarray(1.0) * y.fun
    ]  # fmt: skip
    judge_solver("optimize.minimize_scalar", use, P, rtol=2e-5, near=2e-3)


def test_older_names_of_functions_of_a_number():
    for name in ("brent", "golden"):
        call = lambda f, p: np.asarray(1.0) * f(quartic, (p,))
        judge_solver(f"optimize.{name}", call, P, second=False)
    full = lambda f, p: [np.asarray(1.0) * z for z in f(quartic, (p,), full_output=True)[:2]]
    judge_solver("optimize.brent", full, P, second=False)
    call = lambda f, p: np.asarray(1.0) * f(quartic, -3.0, 3.0, (p,))
    judge_solver("optimize.fminbound", call, P, near=2e-3, second=False)
    moving = lambda f, p: np.asarray(1.0) * f(quartic, p[0] + 1.0, 3.0, (P,))
    judge_solver("optimize.fminbound", moving, P, near=2e-3, second=False)


QUIET = {"disp": 0}


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("fmin", lambda p: O.fmin(objective, X, (p,), xtol=1e-6, ftol=1e-9, **QUIET)),
        ("fmin_powell", lambda p: O.fmin_powell(objective, X, (p,), **QUIET)),
        ("fmin_bfgs", lambda p: O.fmin_bfgs(objective, X, args=(p,), **QUIET)),
        ("fmin_bfgs", lambda p: O.fmin_bfgs(objective, X, args=p, full_output=1, **QUIET)[0]),
        ("fmin_cg", lambda p: O.fmin_cg(objective, X, args=(p,), **QUIET)),
        ("fmin_ncg", lambda p: O.fmin_ncg(objective, X, pg.grad(objective), args=(p,), **QUIET)),
        ("fmin_l_bfgs_b", lambda p: O.fmin_l_bfgs_b(objective, X, args=(p,), approx_grad=1)[0]),
        ("fmin_l_bfgs_b", lambda p: O.fmin_l_bfgs_b(pg.value_and_grad(objective), X, args=(p,))[0]),
        ("fmin_tnc", lambda p: O.fmin_tnc(objective, X, pg.grad(objective), (p,), messages=0)[0]),
        ("fmin_slsqp", lambda p: O.fmin_slsqp(objective, X, args=(p,), acc=1e-9, iprint=0)),
        ("fmin_cobyla", lambda p: O.fmin_cobyla(objective, X, [lambda x, p: 9.0 - x[0]], (p,))),
        ("differential_evolution", lambda p: O.differential_evolution(
            objective, [(-3, 3)] * 2, (p,), rng=0, popsize=6).x),
        ("dual_annealing", lambda p: O.dual_annealing(
            objective, [(-3, 3)] * 2, (p,), maxiter=20, rng=0).x),
        ("shgo", lambda p: O.shgo(objective, [(-3, 3)] * 2, (p,), n=20).x),
        ("direct", lambda p: O.direct(objective, [(-3, 3)] * 2, args=(p,)).x),
        ("basinhopping", lambda p: O.basinhopping(
            objective, X, 2, minimizer_kwargs={"args": (p,)}, rng=0).x),
        ("brute", lambda p: O.brute(objective, [(-3, 3)] * 2, (p,), Ns=9)),
    ],
)  # fmt: skip
def test_other_names(name, call):
    same_as(lambda p: O.minimize(objective, X, (p,), tol=1e-12).x, call)


def test_values_come_with_full_output():
    x, value, *_ = O.fmin_bfgs(objective, X, args=(pg.Variable(P, requires_grad=True),), disp=0,
                               full_output=1)  # fmt: skip
    assert x.requires_grad and value.requires_grad
    for call in (lambda p: O.fmin_l_bfgs_b(objective, X, args=(p,), approx_grad=1)[1],
                 lambda p: O.fmin(objective, X, (p,), full_output=1, disp=0)[1]):  # fmt: skip
        np.testing.assert_allclose(
            pg.grad(call)(P), pg.grad(lambda p: O.minimize(objective, X, p, tol=1e-12).fun)(P),
            atol=1e-3,
        )  # fmt: skip


def test_what_is_not_supported_is_refused():
    for call in (
        lambda: O.fmin(objective, X, (P,), retall=1),
        lambda: O.differential_evolution(objective, [(-3, 3)] * 2, (P,), integrality=[1, 0]),
        lambda: O.minimize(lambda x: x, X),
        lambda: O.minimize(objective, X, (P,), constraints={"type": "less", "fun": objective}),
        lambda: O.minimize(objective, X, (P,), bounds=[(1, 2, 3)] * 2),
        lambda: O.minimize(3.0, X),
    ):
        with pytest.raises(pg.PluggradError):
            call()
