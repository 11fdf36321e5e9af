"""Special functions, by their names in `scipy.special`: rows of the rule book.

The backend computes them with its own library (see `Adapter.special`); where that has none, and the
function can be written in terms of others, the row's `fallback` does. Arguments without a known
derivative are marked `unknown`: their gradient is an error. A parameter that is rounded down to an
integer has the derivative zero.
"""

from . import bessel, distributions, elementary, gamma, integrals, normalize

__all__ = ["bessel", "distributions", "elementary", "gamma", "integrals", "normalize"]
