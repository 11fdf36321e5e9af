"""Functions beyond the standard, with NumPy's names, arguments and meaning, on every backend.

Each is a composite: it is written in terms of functions that have rules, so it has derivatives of
every order without a rule of its own.
"""

from . import (
    calculus,
    creation,
    elementwise,
    fourier,
    histograms,
    linalg,
    manipulation,
    nans,
    padding,
    polynomials,
    products,
    quantiles,
    reductions,
    selection,
    statistics,
    ufuncs,
)

__all__ = [
    "calculus",
    "creation",
    "elementwise",
    "fourier",
    "histograms",
    "linalg",
    "manipulation",
    "nans",
    "padding",
    "polynomials",
    "products",
    "quantiles",
    "reductions",
    "selection",
    "statistics",
    "ufuncs",
]
