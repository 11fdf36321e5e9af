"""Functions beyond the standard, with NumPy's names, arguments and meaning, on every backend.

Each is a composite: it is written in terms of functions that have rules, so it has derivatives of
every order without a rule of its own.
"""

from . import (
    calculus,
    creation,
    einsum,
    elementwise,
    linalg,
    manipulation,
    norms,
    padding,
    polynomials,
    products,
    reductions,
    selection,
    stacks,
    statistics,
    systems,
)

__all__ = [
    "calculus",
    "creation",
    "einsum",
    "elementwise",
    "linalg",
    "manipulation",
    "norms",
    "padding",
    "polynomials",
    "products",
    "reductions",
    "selection",
    "stacks",
    "statistics",
    "systems",
]
