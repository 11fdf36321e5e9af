"""`scipy.integrate` with derivatives: by samples, by parameters and limits of integrals, by initial
values and parameters of differential equations."""

from __future__ import annotations

from ..rows import falling_through
from .nested import dblquad, nquad, tplquad
from .quadrature import fixed_quad, quad, quad_vec
from .samples import cumulative_simpson, cumulative_trapezoid, romb, simpson, trapezoid

__all__ = [
    "cumulative_simpson", "cumulative_trapezoid", "dblquad", "fixed_quad", "nquad", "quad",
    "quad_vec", "romb", "simpson", "tplquad", "trapezoid",
]  # fmt: skip

__getattr__, __dir__ = falling_through("integrate", __all__)
