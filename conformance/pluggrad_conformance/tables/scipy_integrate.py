"""`scipy.integrate`: integrals by samples, by parameters and limits, and differential equations.

Steps are accepted one and all, so that finite differences see the same steps.
"""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array
from .rows import about, usual
from .scipy_rows import scipy

y, odd, places = Array((2, 6)), Array((2, 5)), Array(values=(0.1, 0.7, 1.6, 2.0, 3.1, 3.9))
p, q, limit, state = Array(values=1.7), Array((3,), 0.6, 2.5), Array(values=1.3), Array(values=(1.0, 2.0))
FIXED = {"rtol": 1.0, "atol": 1e3, "max_step": 0.25, "first_step": 0.25}
ENOUGH = {"rtol": 1e-13, "atol": 1e-13}


def decay(x: Any, a: Any) -> Any:
    """An integrand."""
    return np.exp(-a * x)


def prey(t: Any, y: Any, a: Any) -> Any:
    """A differential equation of two states."""
    return [a * y[0] - 0.4 * y[0] * y[1], 0.4 * y[0] * y[1] - a * y[1]]


for name in ("trapezoid", "simpson", "cumulative_trapezoid"):
    scipy(f"integrate.{name}", usual(y), about("odd", odd), about("places", y, places), about("spaced", y, dx=0.3), kind="reduction")
scipy("integrate.cumulative_simpson", usual(y), about("odd", odd), about("spaced", y, dx=0.3), kind="reduction")
scipy("integrate.romb", usual(odd), about("spaced", odd, dx=0.3), kind="reduction")
scipy("integrate.fixed_quad", usual(limit, p), how=lambda s, b, a: s.integrate.fixed_quad(decay, 0.0, b, args=(a,))[0], kind="decomposition")
scipy("integrate.quad", usual(limit, p), how=lambda s, b, a: s.integrate.quad(decay, 0.0, b, args=(a,))[0], kind="decomposition")
scipy("integrate.quad_vec", usual(q), how=lambda s, a: s.integrate.quad_vec(decay, 0.0, 1.5, args=(a,))[0], kind="decomposition")
scipy("integrate.dblquad", usual(p), how=lambda s, a: s.integrate.dblquad(lambda y, x, a: decay(x * y, a), 0.0, 1.0, 0.0, 2.0, args=(a,))[0], kind="decomposition")
scipy("integrate.tplquad", usual(p), how=lambda s, a: s.integrate.tplquad(lambda z, y, x, a: decay(x * y, a) * z, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, args=(a,))[0], kind="decomposition")
scipy("integrate.nquad", usual(p), how=lambda s, a: s.integrate.nquad(lambda y, x, a: decay(x * y, a), [[0.0, 1.0], [0.5, 1.0]], args=(a,))[0], kind="decomposition")
scipy("integrate.solve_ivp", usual(state, p), how=lambda s, y0, a: s.integrate.solve_ivp(prey, (0.0, 1.0), y0, args=(a,), **FIXED).y, kind="decomposition")
scipy("integrate.OdeSolution", usual(state, p), how=lambda s, y0, a: s.integrate.solve_ivp(prey, (0.0, 1.0), y0, args=(a,), dense_output=True, **FIXED).sol(np.asarray([0.1, 0.6])), kind="decomposition")
scipy("integrate.odeint", usual(state, p), how=lambda s, y0, a: s.integrate.odeint(prey, y0, [0.0, 0.5, 1.0], args=(a,), tfirst=True, **ENOUGH), kind="decomposition")
scipy("integrate.solve_bvp", usual(limit), how=lambda s, k: s.integrate.solve_bvp(lambda x, y: np.stack([y[1], -k * k * y[0]]), lambda a, b: np.stack([a[0], b[0] - 1.0]), np.linspace(0.0, 1.0, 5), np.zeros((2, 5)), tol=1e-9).y, kind="decomposition")
