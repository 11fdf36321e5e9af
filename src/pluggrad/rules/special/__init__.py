"""Special functions, named as in `scipy.special`: rows of the rule book.

The backend computes them with its own library (see `Adapter.special`). If that lacks a function,
the `fallback` of its row writes it in terms of others, where that is possible. An argument whose
derivative is not known is marked `unknown`: its gradient is an error. A parameter that SciPy rounds
down to an integer has the derivative zero.
"""

from . import bessel, distributions, elementary, gamma, integrals, normalize, slopes

__all__ = ["bessel", "distributions", "elementary", "gamma", "integrals", "normalize", "slopes"]
