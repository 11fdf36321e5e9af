"""`scipy.integrate` with derivatives: by samples, by parameters and limits of integrals, by initial
values and parameters of differential equations."""

from __future__ import annotations

from typing import Any

from ..rows import falling_through
from .boundary_value import solve_bvp
from .initial_value import OdeSolution, solve_ivp
from .methods import METHODS, method_class
from .nested import dblquad, nquad, tplquad
from .older import odeint
from .quadrature import fixed_quad, quad, quad_vec
from .samples import cumulative_simpson, cumulative_trapezoid, romb, simpson, trapezoid

__all__ = [
    "OdeSolution", "cumulative_simpson", "cumulative_trapezoid", "dblquad", "fixed_quad", "nquad",
    "odeint", "quad", "quad_vec", "romb", "simpson", "solve_bvp", "solve_ivp", "tplquad",
    "trapezoid",
]  # fmt: skip

_theirs, __dir__ = falling_through("integrate", __all__)


def __getattr__(name: str) -> Any:
    """The methods, whose classes derive from SciPy's; else what SciPy has."""
    return method_class(name) if name in METHODS else _theirs(name)
