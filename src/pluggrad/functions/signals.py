"""Convolutions and correlations of vectors, with NumPy's names and meaning."""

from __future__ import annotations

from typing import Any

from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.cotangents import conjugate
from ..errors import InvalidArgumentError
from .operand import as_array, as_vector

__all__ = ["convolve", "correlate"]

MODES = ("full", "same", "valid")


def _vectors(x1: Any, x2: Any, mode: Any, where: str) -> tuple[Any, Any]:
    """Two vectors that are not empty, if the mode is known, too."""
    first, second = as_vector(x1, where, "x1", x2), as_vector(x2, where, "x2", x1)
    if not first.shape[0] or not second.shape[0]:
        raise InvalidArgumentError(f"{where} takes vectors of one element at least")
    if not isinstance(mode, str) or mode not in MODES:
        raise InvalidArgumentError(f"{where}: the mode is 'full', 'same' or 'valid', not {mode!r}")
    return first, second


@composite(own=True, arrays="x1 x2")
def convolve(x1: Any, x2: Any, /, mode: str = "full") -> Any:
    """The discrete convolution of two vectors.

    Parameters
    ----------
    x1 : vector
        Of M elements, at least one.
    x2 : vector
        Of N elements, at least one.
    mode : 'full', 'same' or 'valid'
        How much of it: all M + N - 1 sums, the max(M, N) in the middle, or those in which the
        vectors overlap completely.

    Returns
    -------
    Variable, a vector.

    >>> import numpy as np, pluggrad as pg
    >>> pg.convolve(np.asarray([1.0, 2.0, 3.0]), np.asarray([0.0, 1.0, 0.5])).tolist()
    [0.0, 1.0, 2.5, 4.0, 1.5]
    """
    x1, x2 = _vectors(x1, x2, mode, "convolve")
    if x1.shape[0] < x2.shape[0]:
        x1, x2 = x2, x1
    return _sums(x1, xp.flip(x2), mode)


@composite(own=True, arrays="x1 x2")
def correlate(x1: Any, x2: Any, /, mode: str = "valid") -> Any:
    """The cross-correlation of two vectors: sums of shifted `x1` times the conjugate of `x2`.

    Parameters
    ----------
    x1 : vector
        Of M elements, at least one.
    x2 : vector
        Of N elements, at least one.
    mode : 'full', 'same' or 'valid'
        How much of it: all M + N - 1 sums, the max(M, N) in the middle, or those in which the
        vectors overlap completely.

    Returns
    -------
    Variable, a vector.

    >>> import numpy as np, pluggrad as pg
    >>> pg.correlate(np.asarray([1.0, 2.0, 3.0]), np.asarray([0.0, 1.0, 0.5]), "full").tolist()
    [0.5, 2.0, 3.5, 3.0, 0.0]
    """
    x1, x2 = as_array(x1, "correlate", "x1", x2), as_array(x2, "correlate", "x2", x1)
    if not x1.ndim or not x2.ndim:
        raise InvalidArgumentError("correlate takes two vectors, and got a number")
    x1, x2 = _vectors(x1, x2, mode, "correlate")
    x2 = conjugate(x2)
    if x1.shape[0] < x2.shape[0]:
        return xp.flip(_sums(x2, x1, mode))
    return _sums(x1, x2, mode)


def _sums(x: Any, kernel: Any, mode: str) -> Any:
    """The sums of `x` times `kernel`, which is not longer, at each of its places."""
    m = kernel.shape[0]
    if mode != "valid":
        after = m - 1 if mode == "full" else (m - 1) // 2
        x = xp.pad(x, (m - 1 if mode == "full" else m - 1 - after, after))
    count = x.shape[0] - m + 1
    shifted = xp.stack([x[k : k + count] for k in range(m)], axis=-1)
    return xp.matmul(shifted, kernel)
