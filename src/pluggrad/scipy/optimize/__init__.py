"""`scipy.optimize` with derivatives: solutions as functions of the parameters of the problem.

What a solver finds is defined by equations: a root by ``f(x) = 0``, a minimum by the conditions of
its gradient and of the constraints that are active. Their derivatives are those of the implicit
functions, whatever the solver did. They do not depend on the starting point.

Inside `jax.jit`, SciPy runs when the compiled function does, on NumPy arrays: what a function of
the user's refers to comes in `args`. Where there is no derivative, it is nan there.
"""

from __future__ import annotations

from ..rows import falling_through
from .constraints import Bounds, LinearConstraint, NonlinearConstraint
from .fits import curve_fit, least_squares, leastsq
from .lines import brent, fminbound, golden, minimize_scalar
from .minima import minimize
from .older import (
    fmin,
    fmin_bfgs,
    fmin_cg,
    fmin_cobyla,
    fmin_l_bfgs_b,
    fmin_ncg,
    fmin_powell,
    fmin_slsqp,
    fmin_tnc,
)
from .programs import (
    isotonic_regression,
    linear_sum_assignment,
    linprog,
    lsq_linear,
    nnls,
    rosen,
    rosen_der,
    rosen_hess,
    rosen_hess_prod,
)
from .roots import fixed_point, fsolve, root
from .scalar_roots import bisect, brenth, brentq, newton, ridder, root_scalar, toms748
from .searches import basinhopping, brute, differential_evolution, direct, dual_annealing, shgo

__all__ = [
    "Bounds", "LinearConstraint", "NonlinearConstraint", "basinhopping", "bisect", "brent",
    "brenth", "brentq", "brute", "curve_fit", "differential_evolution", "direct", "dual_annealing",
    "fixed_point", "fmin", "fmin_bfgs", "fmin_cg", "fmin_cobyla", "fmin_l_bfgs_b", "fmin_ncg",
    "fmin_powell", "fmin_slsqp", "fmin_tnc", "fminbound", "fsolve", "golden",
    "isotonic_regression", "least_squares", "leastsq", "linear_sum_assignment", "linprog",
    "lsq_linear", "minimize", "minimize_scalar", "newton", "nnls", "ridder", "root", "root_scalar",
    "rosen", "rosen_der", "rosen_hess", "rosen_hess_prod", "shgo", "toms748",
]  # fmt: skip

__getattr__, __dir__ = falling_through("optimize", __all__)
