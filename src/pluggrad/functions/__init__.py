"""Functions beyond the standard, with NumPy's names, arguments and meaning, on every backend.

Each is a composite: it is written in terms of functions that have rules, so it has derivatives of
every order without a rule of its own.
"""

from . import (
    calculus,
    creation,
    einsum,
    elementwise,
    fourier,
    histograms,
    linalg,
    manipulation,
    nans,
    norms,
    padding,
    polynomials,
    products,
    quantiles,
    reductions,
    selection,
    stacks,
    statistics,
    systems,
    ufuncs,
)

__all__ = [
    "calculus",
    "creation",
    "einsum",
    "elementwise",
    "fourier",
    "histograms",
    "linalg",
    "manipulation",
    "nans",
    "norms",
    "padding",
    "polynomials",
    "products",
    "quantiles",
    "reductions",
    "selection",
    "stacks",
    "statistics",
    "systems",
    "ufuncs",
]
