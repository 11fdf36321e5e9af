"""Least-squares fits, with NumPy's names and meaning."""

from __future__ import annotations

from typing import Any

from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import whole
from ..engine.cotangents import conjugate, is_complex, same_shape
from ..errors import InvalidArgumentError, TypeMismatchError
from .operand import as_array, as_doubles, as_floats, backend_for, constant, is_number, values_of

__all__ = ["polyfit"]


@composite(own=True, arrays="x y w")
def polyfit(
    x: Any, y: Any, /, deg: int, rcond: Any = None, full: bool = False, w: Any = None,
    cov: Any = False,
) -> Any:  # fmt: skip
    """The coefficients of the polynomial that fits points best, by least squares.

    Parameters
    ----------
    x : vector
        The places of M points.
    y : array
        The values, of shape (M,), or of shape (M, K) for K fits at once.
    deg : int
        The degree of the polynomial.
    rcond : number, optional
        Singular values below this, relative to the greatest, count as zero; by default M times the
        distance from 1.0 to the next number.
    full : bool, default False
        Whether to return what is known about the equations, too.
    w : vector, optional
        Weights, which multiply the differences before they are squared.
    cov : bool or 'unscaled', default False
        Whether to return the covariance matrix of the coefficients, too. With 'unscaled' it is not
        multiplied by the variance that the differences suggest.

    Returns
    -------
    Variable of shape (deg + 1,) or (deg + 1, K), that of the highest power first. With `full` a
    tuple of it, the sums of squared differences (empty, if the equations do not determine the
    polynomial), the rank, the singular values and `rcond`. With `cov` a pair of it and the
    covariances. Unlike NumPy's, it does not warn if the equations do not determine the polynomial.

    >>> import numpy as np, pluggrad as pg
    >>> pg.polyfit(np.asarray([0.0, 1.0, 2.0]), [1.0, 3.0, 5.0], 1).round(9).tolist()
    [2.0, 1.0]
    """
    order = whole(deg, "polyfit", "deg", least=0) + 1
    places, values, weights = _points(x, y, w)
    exact = rcond is None
    if rcond is None:
        rcond = places.shape[0] * float(backend_for(places).xp.finfo(places.dtype).eps)
    elif not is_number(rcond) or isinstance(rcond, complex):
        raise TypeMismatchError("polyfit: rcond is a number; `float(...)` makes one of an array")
    if cov and not full and cov != "unscaled" and places.shape[0] <= order:
        raise InvalidArgumentError(
            f"polyfit: the covariances of {order} coefficients need more than {order} points; "
            "cov='unscaled' does not"
        )
    places = as_doubles(places)
    powers = [xp.ones_like(places)]
    for _ in range(order - 1):
        powers.append(powers[-1] * places)
    matrix = xp.stack(powers[::-1], axis=1)
    if weights is not None:
        matrix = matrix * xp.expand_dims(weights, axis=1)
        values = values * (weights if values.ndim == 1 else xp.expand_dims(weights, axis=1))
    scale = xp.sqrt(xp.sum(matrix * matrix, axis=0))
    matrix = matrix / scale
    # The derivative of `pinv` holds only if no singular value is left out that matters.
    inverse = xp.linalg.pinv(matrix, rtol=rcond) if exact else _inverse(matrix, rcond)
    scaled = _product(inverse, values)
    found = scaled / (scale if values.ndim == 1 else xp.expand_dims(scale, axis=1))
    if not full and not cov:
        return found
    rest = xp.abs(values - _product(matrix, scaled))
    squares = xp.sum(rest * rest, axis=0, keepdims=values.ndim == 1)
    singular = xp.linalg.svdvals(matrix)
    rank = xp.count_nonzero(singular > rcond * singular[0])
    deficient = values_of(rank < order) is True
    if full:
        empty = deficient or places.shape[0] <= order
        rank = xp.astype(rank, backend_for(matrix).xp.int32)  # as LAPACK's integers, and NumPy's
        return found, squares[:0] if empty else squares, rank, singular, rcond
    if deficient and cov != "unscaled":
        raise InvalidArgumentError(
            "polyfit: the points do not determine the polynomial, so that there is no estimate of "
            "the variance; a lower degree or cov='unscaled' needs none"
        )
    return found, _covariances(matrix, scale, squares, cov, places.shape[0] - order, values.ndim)


def _inverse(matrix: Any, rcond: float) -> Any:
    """The pseudoinverse without singular values that are small."""
    u, s, vh = xp.linalg.svd(matrix, full_matrices=False)
    kept = s > rcond * s[0]
    inverse = xp.where(kept, 1.0 / xp.where(kept, s, 1.0), 0.0)
    return xp.matmul(
        conjugate(xp.matrix_transpose(vh)) * inverse, conjugate(xp.matrix_transpose(u))
    )


def _product(matrix: Any, y: Any) -> Any:
    """The product of a real or complex matrix with `y`, in the dtype of both."""
    if is_complex(y) and not is_complex(matrix):
        matrix = xp.astype(matrix, y.dtype)
    return xp.matmul(matrix, y)


def _points(x: Any, y: Any, w: Any) -> tuple[Any, Any, Any]:
    """Places, values and weights as floats, or None for the weights."""
    places, values = as_array(x, "polyfit", "x", y), as_array(y, "polyfit", "y", x)
    if places.ndim != 1 or values.ndim not in (1, 2) or not places.shape[0]:
        raise TypeMismatchError(
            "polyfit takes a vector of places, not empty, and values of one axis or two, and got "
            f"the shapes {tuple(places.shape)} and {tuple(values.shape)}"
        )
    if not same_shape(places.shape, values.shape[:1]):
        raise TypeMismatchError(
            f"polyfit: {places.shape[0]} places and {values.shape[0]} values; each place has one"
        )
    if w is None:
        return as_floats(places), as_floats(values), None
    weights = as_array(w, "polyfit", "w", x)
    if not same_shape(weights.shape, places.shape):
        raise TypeMismatchError(
            f"polyfit: the weights are a vector, one for each of the {places.shape[0]} places, "
            f"and have the shape {tuple(weights.shape)}"
        )
    return as_floats(places), as_floats(values), as_floats(weights)


def _covariances(matrix: Any, scale: Any, squares: Any, cov: Any, freedom: int, ndim: int) -> Any:
    """The covariances of the coefficients, one matrix or one for each fit along the last axis."""
    base = xp.linalg.inv(xp.matmul(xp.matrix_transpose(matrix), matrix))
    base = base / (xp.expand_dims(scale, axis=1) * scale)
    factor = constant(squares, "ones", ()) if cov == "unscaled" else squares / freedom
    return base * factor if ndim == 1 else xp.expand_dims(base, axis=-1) * factor
