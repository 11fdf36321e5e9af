"""Polynomials by their coefficients, with NumPy's names and meaning.

Coefficients are vectors, that of the highest power first. Some results are as long as their values
demand, such as products without leading zeros. Where values are not known, inside `vmap` and while
another library traces, nothing is left out.
"""

from __future__ import annotations

from typing import Any

from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import whole
from ..engine.cotangents import is_complex, is_continuous
from ..errors import InvalidArgumentError
from .operand import as_array, as_floats, as_vector, backend_for, constant, flat, values_of
from .signals import convolve

__all__ = [
    "poly", "polyadd", "polyder", "polydiv", "polyint", "polymul", "polysub", "polyval", "roots",
]  # fmt: skip


@composite(own=True, arrays="p x")
def polyval(p: Any, x: Any, /) -> Any:
    """The polynomial with the coefficients `p`, evaluated at `x`, by Horner's rule.

    Parameters
    ----------
    p : vector
        The coefficients, that of the highest power first.
    x : array or number
        Where to evaluate, of any shape.

    Returns
    -------
    Variable of the shape of `x`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.polyval([1.0, 0.0, -2.0], np.asarray([1.0, 3.0])).tolist()
    [-1.0, 7.0]
    """
    coefficients = as_array(p, "polyval", "p", x)
    x = as_array(x, "polyval", "x", p)
    if not coefficients.ndim:
        raise InvalidArgumentError("polyval: p is a vector of coefficients, not one number")
    y = xp.zeros_like(x)
    for n in range(coefficients.shape[0]):
        y = y * x + coefficients[n, ...]
    return y


def _joined(x1: Any, x2: Any, where: str) -> tuple[Any, Any]:
    """Both vectors, with zeros before the shorter one."""
    first, second = as_array(x1, where, "x1", x2), as_array(x2, where, "x2", x1)
    first, second = [x if x.ndim else flat(x) for x in (first, second)]
    lengths = first.shape[0], second.shape[0]
    if lengths[0] != lengths[1]:
        for x in (first, second):
            as_vector(x, where, "an array beside one of another length")
        first = _padded(first, lengths[1] - lengths[0])
        second = _padded(second, lengths[0] - lengths[1])
    return first, second


def _padded(x: Any, count: int) -> Any:
    """The vector `x`, with so many zeros before it."""
    return xp.concat([constant(x, "zeros", (count,)), x], axis=0) if count > 0 else x


@composite(own=True, arrays="x1 x2")
def polyadd(x1: Any, x2: Any, /) -> Any:
    """The coefficients of the sum of two polynomials, with the coefficients `x1` and `x2`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.polyadd(np.asarray([1.0, 2.0]), [5.0, 4.0, 3.0]).tolist()
    [5.0, 5.0, 5.0]
    """
    x1, x2 = _joined(x1, x2, "polyadd")
    return x1 + x2


@composite(own=True, arrays="x1 x2")
def polysub(x1: Any, x2: Any, /) -> Any:
    """The coefficients of the difference of two polynomials, of coefficients `x1` and `x2`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.polysub(np.asarray([1.0, 2.0]), [5.0, 4.0, 3.0]).tolist()
    [-5.0, -3.0, -1.0]
    """
    x1, x2 = _joined(x1, x2, "polysub")
    return x1 - x2


@composite(own=True, arrays="x1 x2")
def polymul(x1: Any, x2: Any, /) -> Any:
    """The coefficients of the product of two polynomials, with the coefficients `x1` and `x2`.

    Leading zeros of both are left out first.

    >>> import numpy as np, pluggrad as pg
    >>> pg.polymul(np.asarray([0.0, 1.0, 2.0]), [1.0, -2.0]).tolist()
    [1.0, 0.0, -4.0]
    """
    parts = [
        _trimmed(as_vector(x, "polymul", what, other))
        for x, what, other in ((x1, "x1", x2), (x2, "x2", x1))
    ]
    return convolve(*parts)


def _trimmed(p: Any) -> Any:
    """`p` without leading zeros; one zero, if there is nothing else."""
    values = values_of(p)
    if values is None:
        return p
    start = next((n for n, value in enumerate(values) if value != 0), None)
    return constant(p, "zeros", (1,)) if start is None else p[start:]


@composite(own=True, arrays="u v")
def polydiv(u: Any, v: Any, /) -> Any:
    """The quotient and the remainder of two polynomials, with the coefficients `u` and `v`.

    Returns
    -------
    Two Variables. Leading coefficients of the remainder that are below 1e-8 are left out.

    >>> import numpy as np, pluggrad as pg
    >>> [y.tolist() for y in pg.polydiv(np.asarray([3.0, 5.0, 2.0]), [2.0, 1.0])]
    [[1.5, 1.75], [0.25]]
    """
    first, second = as_vector(u, "polydiv", "u", v), as_vector(v, "polydiv", "v", u)
    if not first.shape[0] or not second.shape[0]:
        raise InvalidArgumentError("polydiv takes polynomials of one coefficient at least")
    first, second = as_floats(first), as_floats(second)
    dtype = (first[0] + second[0]).dtype
    rest, second = [x if x.dtype == dtype else xp.astype(x, dtype) for x in (first, second)]
    count, width = rest.shape[0] - second.shape[0] + 1, second.shape[0]
    if count < 1:
        return constant(rest, "zeros", (1,)), _without_small(rest)
    scale, quotient = 1.0 / second[0], []
    for k in range(count):
        quotient.append(scale * rest[k])
        taken = quotient[-1] * second
        after = rest.shape[0] - k - width
        rest = rest - (xp.pad(taken, (k, after)) if k or after else taken)
    return xp.stack(quotient), _without_small(rest)


def _without_small(p: Any) -> Any:
    """`p` without leading coefficients that are as good as zero; the last one is kept."""
    values = values_of(p)
    if values is None:
        return p
    last = len(values) - 1
    start = next((n for n, value in enumerate(values) if not abs(value) <= 1e-8), last)
    return p[start:] if start else p


def _powers(count: int, p: Any) -> Any:
    """count, ..., 2, 1. NumPy's dtype of these decides with the dtype of the result."""
    backend = backend_for(p)
    names = backend.namespace
    dtype = p.dtype if backend.name != "numpy" and is_continuous(p) else None
    return names.asarray(list(range(count, 0, -1)), dtype=dtype or backend.xp.int64)


@composite(own=True, arrays="p")
def polyder(p: Any, /, m: int = 1) -> Any:
    """The coefficients of the `m`-th derivative of the polynomial with the coefficients `p`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.polyder(np.asarray([1.0, 1.0, 1.0])).tolist()
    [2.0, 1.0]
    """
    m, p = whole(m, "polyder", "m", least=0), as_array(p, "polyder", "p")
    if m:
        p = as_vector(p, "polyder", "p")
    for _ in range(m):
        count = p.shape[0] - 1
        if count < 1:
            return p[:0] * _powers(0, p)
        p = p[:-1] * _powers(count, p)
    return p


@composite(own=True, arrays="p k")
def polyint(p: Any, /, m: int = 1, k: Any = None) -> Any:
    """The coefficients of the `m`-th integral of a polynomial.

    Parameters
    ----------
    p : vector
        The coefficients of the polynomial.
    m : int, default 1
        How often to integrate.
    k : number or vector, optional
        The constants of integration, that of the first integral first; one alone is used for all.
        By default 0.

    Returns
    -------
    Variable, a vector of `m` more elements.

    >>> import numpy as np, pluggrad as pg
    >>> pg.polyint(np.asarray([2.0, 1.0]), k=3.0).tolist()
    [1.0, 1.0, 3.0]
    """
    m, p = whole(m, "polyint", "m", least=0), as_array(p, "polyint", "p")
    constants = as_vector(0.0 if k is None else k, "polyint", "k", p)
    if not m:
        return p
    p = as_vector(p, "polyint", "p")
    if constants.shape[0] < m and constants.shape[0] != 1:
        raise InvalidArgumentError(
            f"polyint: k is one constant, or one for each of the {m} integrals, and has "
            f"{constants.shape[0]}"
        )
    for n in range(m):
        place = min(n, constants.shape[0] - 1)
        scaled = p / _powers(p.shape[0], p)
        p = xp.concat([scaled, constants[place : place + 1]], axis=0)
    return p


@composite(own=True, arrays="x")
def poly(x: Any, /) -> Any:
    """The coefficients of the polynomial with the roots `x`, or with a matrix's eigenvalues.

    Complex roots of which each has its conjugate among the others give real coefficients.

    Parameters
    ----------
    x : vector or square matrix
        The roots, or a matrix, whose eigenvalues are the roots.

    Returns
    -------
    Variable, a vector. The first coefficient is 1.

    >>> import numpy as np, pluggrad as pg
    >>> pg.poly(np.asarray([1.0, 2.0])).tolist()
    [1.0, -3.0, 2.0]
    """
    x = as_array(x, "poly", "x")
    if x.ndim == 1 and not x.shape[0]:
        return constant(as_floats(x), "ones", ())
    if x.ndim < 2:
        x = as_floats(flat(x))
        return _made_real(_product_of_roots(x), x)
    if x.ndim != 2 or x.shape[0] != x.shape[1] or not x.shape[0]:
        raise InvalidArgumentError(
            f"poly: x is a vector of roots or a square matrix, and has the shape {tuple(x.shape)}"
        )
    zeros = xp.linalg.eigvals(as_floats(x))
    y = _product_of_roots(zeros)
    return _made_real(y, zeros) if is_complex(x) else xp.real(y)


def _product_of_roots(zeros: Any) -> Any:
    """The coefficients of the product of z - zero."""
    y = constant(zeros, "ones", (1,))
    none = constant(zeros, "zeros", (1,))
    for n in range(zeros.shape[0]):
        y = xp.concat([y, none], axis=0) - zeros[n] * xp.concat([none, y], axis=0)
    return y


def _made_real(y: Any, zeros: Any) -> Any:
    """The coefficients `y`, made real if the roots are those of their conjugates."""
    if not is_complex(y):
        return y
    values = values_of(zeros)
    if values is None:
        return y
    pairs = [[(z.real, sign * z.imag) for z in values] for sign in (1, -1)]
    return xp.real(y) if sorted(pairs[0]) == sorted(pairs[1]) else y


@composite(own=True, arrays="p")
def roots(p: Any, /) -> Any:
    """The roots of the polynomial with the coefficients `p`.

    They are the eigenvalues of a matrix made of the coefficients, and are complex, unless all are
    real. Their derivative is infinite where two of them meet.

    >>> import numpy as np, pluggrad as pg
    >>> sorted(pg.roots(np.asarray([1.0, -3.0, 2.0])).round(9).tolist())
    [1.0, 2.0]
    """
    p = as_vector(p, "roots", "p")
    values = values_of(p)
    nonzero = range(p.shape[0]) if values is None else [n for n, v in enumerate(values) if v != 0]
    p = as_floats(p)
    if not nonzero:
        return p[:0]
    trailing = p.shape[0] - 1 - nonzero[-1]
    p = p[nonzero[0] : nonzero[-1] + 1]
    count = p.shape[0] - 1
    if not count:
        return constant(p, "zeros", (trailing,))
    first = xp.reshape(-p[1:] / p[0], (1, count))
    matrix = xp.concat([first, constant(p, "eye", count - 1, count)], axis=0)
    found = xp.linalg.eigvals(matrix)
    known = values_of(found)
    if known is not None and not is_complex(p) and not any(z.imag for z in known):
        found = xp.real(found)
    return xp.concat([found, constant(found, "zeros", (trailing,))], axis=0) if trailing else found
