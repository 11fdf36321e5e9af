"""`scipy.optimize` with derivatives: solutions as functions of the parameters of the problem.

What a solver finds is defined by equations: a root by ``f(x) = 0``, a minimum by the conditions of
its gradient and of the constraints that are active. Their derivatives are those of the implicit
functions, whatever the solver did. They do not depend on the starting point.
"""

from __future__ import annotations

from ..rows import falling_through
from .constraints import Bounds, LinearConstraint, NonlinearConstraint
from .minima import minimize
from .roots import fixed_point, fsolve, root
from .scalar_roots import bisect, brenth, brentq, newton, ridder, root_scalar, toms748

__all__ = [
    "Bounds", "LinearConstraint", "NonlinearConstraint", "bisect", "brenth", "brentq",
    "fixed_point", "fsolve", "minimize", "newton", "ridder", "root", "root_scalar", "toms748",
]  # fmt: skip

__getattr__, __dir__ = falling_through("optimize", __all__)
