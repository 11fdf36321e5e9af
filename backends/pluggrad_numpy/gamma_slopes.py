"""The derivative of the incomplete gamma function by its parameter, faster than by quadrature.

Below the mean it is a series, above it a continued fraction, both differentiated term by term. All
terms have the same sign there, so that nothing cancels. They are given up for large parameters, of
which the mean needs many terms, and for further derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pluggrad.plugin import gamma_integral

__all__ = ["gamma_slope"]

#: Parameters and numbers of terms beyond which quadrature is faster.
LARGEST, TERMS = 200.0, 200


def gamma_slope(a: Any, x: Any, *, order: int) -> Any:
    """The derivative of that order of ``gammainc(a, x)`` by `a`."""
    if order != 1:
        return gamma_integral(a, x, order)
    dtype = np.result_type(a, x)
    shape = np.broadcast_shapes(np.shape(a), np.shape(x))
    a, x = [np.broadcast_to(z, shape).astype(np.float64).ravel() for z in (a, x)]
    y, left = np.zeros(a.shape), (a > 0) & (x > 0) & (x < np.inf)
    small = left & (a <= LARGEST)
    for chosen, method in ((small & (x <= a + 1), _series), (small & (x > a + 1), _fraction)):
        places = np.flatnonzero(chosen)
        if places.size:
            y[places], done = method(a[places], x[places])
            left[places[done]] = False
    places = np.flatnonzero(left)
    if places.size:
        y[places] = gamma_integral(a[places], x[places], 1)
    return np.asarray(y.astype(dtype, copy=False).reshape(shape))


def _special() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from scipy.special import gammaln, psi

    return gammaln, psi


def _series(a: Any, x: Any) -> tuple[Any, Any]:
    """The sum of T_n (log x - ψ(a + n + 1)), where T_n = x^(a + n) exp(-x) / Γ(a + n + 1) sum up to
    the function itself; and where it has ended."""
    gammaln, psi = _special()
    log, n = np.log(x), a + 1.0
    term, slope = np.exp(a * log - x - gammaln(n)), log - psi(n)
    total = term * slope
    for _ in range(TERMS):
        term *= x / n
        slope -= 1.0 / n
        n += 1.0
        more = term * slope
        total += more
        if np.all(np.abs(more) <= 1e-17 * np.abs(total)):
            break
    return total, np.abs(term * slope) <= 1e-16 * np.abs(total)


def _fraction(a: Any, x: Any) -> tuple[Any, Any]:
    """By Legendre's continued fraction of the upper function, and where it has ended; each number
    is followed by its derivative. The recurrence is Lentz's."""
    gammaln, psi = _special()
    value, slope, done = np.zeros(a.shape), np.zeros(a.shape), np.zeros(a.shape, bool)
    places, p, b = np.arange(a.size), a, x + 1.0 - a
    c, c1 = np.full(a.shape, 1e300), np.zeros(a.shape)
    d = 1.0 / b
    d1 = d * d
    h, h1 = d.copy(), d1.copy()
    for i in range(1, TERMS + 1):
        an = i * (p - i)
        b = b + 2.0
        d1 = -(i * d + an * d1 - 1.0)
        d = 1.0 / (an * d + b)
        d1 = d1 * (d * d)
        c1 = (i - an * c1 / c) / c - 1.0
        c = b + an / c
        factor, factor1 = d * c, d1 * c + d * c1
        before = h1
        h1 = h1 * factor + h * factor1
        h = h * factor
        if i % 8 and i < TERMS:
            continue
        ended = np.abs(h1 - before) <= 4e-16 * np.abs(h1)
        at = places[ended]
        value[at], slope[at], done[at] = h[ended], h1[ended], True
        if ended.all():
            break
        rest = ~ended  # only these go on
        places, p, b, c, c1, d, d1, h, h1 = [z[rest] for z in (places, p, b, c, c1, d, d1, h, h1)]
    density = np.exp(a * np.log(x) - x - gammaln(a))
    return -density * (value * (np.log(x) - psi(a)) + slope), done
