"""Functions beyond the standard, with NumPy's names, arguments and meaning, on every backend.

Each is a composite: it is written in terms of functions that have rules, so it has derivatives of
every order without a rule of its own.
"""

from . import (
    calculus,
    comparisons,
    creation,
    elementwise,
    fitting,
    fourier,
    gathering,
    histograms,
    interpolation,
    linalg,
    manipulation,
    nans,
    ordering,
    padding,
    polynomials,
    products,
    quantiles,
    reductions,
    selection,
    sets,
    signals,
    statistics,
    ufuncs,
    writing,
)

__all__ = [
    "calculus",
    "comparisons",
    "creation",
    "elementwise",
    "fitting",
    "fourier",
    "gathering",
    "histograms",
    "interpolation",
    "linalg",
    "manipulation",
    "nans",
    "ordering",
    "padding",
    "polynomials",
    "products",
    "quantiles",
    "reductions",
    "selection",
    "sets",
    "signals",
    "statistics",
    "ufuncs",
    "writing",
]
