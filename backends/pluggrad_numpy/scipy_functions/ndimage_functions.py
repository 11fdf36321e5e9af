"""Functions for the rows of `pluggrad.scipy.ndimage`: what SciPy has, and what it lacks."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy import ndimage

from .borders import extended, folded, margins_of
from .ranks import chosen, chosen_adjoint, ranked
from .splines import coefficients, interpolated, spread

__all__ = [
    "chosen", "chosen_adjoint", "coefficients", "correlated", "correlated_adjoint",
    "correlated_weights", "gaussian_weights", "interpolated", "ranked", "spread", "uniformed",
]  # fmt: skip


def gaussian_weights(sigma: float, order: int, radius: int) -> Any:
    """A Gaussian's derivative of this order at the whole numbers from -`radius` to `radius`, in the
    order and to the last digit in which SciPy multiplies with it."""
    k, powers = np.arange(-radius, radius + 1), np.arange(order + 1)
    variance = sigma * sigma
    bell = np.exp(-0.5 / variance * k**2)
    bell = bell / bell.sum()
    if order == 0:
        return np.flip(bell).copy()
    # The derivative is a polynomial times the Gaussian; each step differentiates once more.
    q = np.zeros(order + 1)
    q[0] = 1
    step = np.diag(powers[1:], 1) + np.diag(np.ones(order) / -variance, -1)
    for _ in range(order):
        q = step.dot(q)
    return np.flip((k[:, None] ** powers).dot(q) * bell).copy()


def uniformed(x: np.ndarray, *, size: int, axis: int, mode: str, origin: int) -> np.ndarray:
    """SciPy's means of `size` neighbours."""
    return ndimage.uniform_filter1d(x, size, axis, mode=mode, origin=origin)  # type: ignore[no-any-return]


def correlated(
    x: np.ndarray, weights: np.ndarray, *, axis: int | None, mode: str, origin: Any
) -> np.ndarray:
    """SciPy's correlation, along one axis or all of them, with the weights as they are: SciPy takes
    their complex conjugate."""
    if not x.size:
        return np.zeros(
            x.shape, np.result_type(x, weights.dtype if weights.dtype.kind == "c" else x)
        )
    weights = weights.conj() if weights.dtype.kind == "c" else weights
    if axis is None:
        return ndimage.correlate(x, weights, mode=mode, origin=origin)  # type: ignore[no-any-return]
    return ndimage.correlate1d(x, weights, axis=axis, mode=mode, origin=origin)  # type: ignore[no-any-return]


def correlated_adjoint(
    g: np.ndarray, weights: np.ndarray, *, axis: int | None, mode: str, origin: Any
) -> np.ndarray:
    """The transpose of `correlated` by `x`: a correlation with the weights turned round, whose
    ends are folded back."""
    axes = range(g.ndim) if axis is None else (axis,)
    margins = margins_of(weights.shape, (origin,) if axis is not None else origin)
    turned = np.flip(weights)
    back: Any = [after - n // 2 for n, (_, after) in zip(weights.shape, margins, strict=True)]
    symmetric = mode == "reflect" and all([a == b for a, b in margins])
    if mode in ("constant", "wrap") or (symmetric and np.array_equal(turned, weights)):
        return correlated(g, turned, axis=axis, mode=mode, origin=back if axis is None else back[0])
    widths = [(0, 0)] * g.ndim
    for n, margin in zip(axes, margins, strict=True):
        widths[n] = margin
    h = np.zeros([a + n + b for n, (a, b) in zip(g.shape, widths, strict=True)], g.dtype)
    h[tuple([slice(a, a + n) for n, (a, _) in zip(g.shape, widths, strict=True)])] = g
    h = correlated(h, turned, axis=axis, mode="constant",
                   origin=back if axis is None else back[0])  # fmt: skip
    for n, margin in zip(axes, margins, strict=True):
        h = folded(h, n, mode, *margin)
    return np.ascontiguousarray(h)


def correlated_weights(
    g: np.ndarray, x: np.ndarray, *, shape: Any, axis: int | None, mode: str, origin: Any
) -> np.ndarray:
    """The transpose of `correlated` by the weights, which have this `shape`: for each of them, the
    sum of `g` times what it is multiplied with."""
    axes = range(g.ndim) if axis is None else (axis,)
    margins = margins_of(shape, (origin,) if axis is not None else origin)
    y = np.zeros(shape, np.result_type(g, x))
    if not x.size:
        return y
    for n, (before, after) in zip(axes, margins, strict=True):
        x = extended(x, n, mode, before, after)
        g = extended(g, n, "constant", 0, before + after)
    # Both have the same shape, so a shift along an axis is a shift of the flat array. What that
    # brings in from the next row meets the zeros at the ends of `g`.
    steps = [math.prod(x.shape[n + 1 :]) for n in axes]
    flat, row = x.ravel(), g.ravel()
    most = sum([step * (n - 1) for step, n in zip(steps, shape, strict=True)])
    row = row[: len(row) - most]
    for at in itertools.product(*map(range, shape)):
        shift = sum([step * k for step, k in zip(steps, at, strict=True)])
        y[at] = row @ flat[shift : shift + len(row)]
    return y
