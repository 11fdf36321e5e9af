"""Windows for signals, and the Bessel function that one of them needs, with NumPy's names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..arrays.backend import Backend
from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import shown
from ..errors import InvalidArgumentError, TypeMismatchError
from .operand import as_array, as_floats, backend_for, constant, refuse_complex, values_of

__all__ = ["bartlett", "blackman", "hamming", "hanning", "i0", "kaiser"]


@composite(own=True, arrays="x")
def i0(x: Any, /) -> Any:
    """The modified Bessel function of the first kind, of order 0, for real `x`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.i0(np.asarray([0.0, 1.0])).round(4).tolist()
    [1.0, 1.2661]
    """
    x = as_floats(as_array(x, "i0", "x"))
    refuse_complex(x, "i0")
    if backend_for(x).has("special.i0"):
        return xp.special.i0(x)
    # The mean of exp(x cos t) over all angles t. So many angles are enough for doubles.
    angles = constant(x, "arange", 256)
    return xp.mean(xp.exp(xp.expand_dims(x, axis=-1) * xp.cos(angles * (math.pi / 128))), axis=-1)


def _length(M: Any, where: str) -> float:
    """The length of a window, which may be any finite number to NumPy."""
    if hasattr(M, "dtype") and not M.shape and not getattr(M, "requires_grad", False):
        M = values_of(M)
    if not isinstance(M, (int, float)):
        raise TypeMismatchError(f"{where}: M is a number, not {M!r}; `int(...)` makes one of it")
    if not -1e300 < M < 1e300:
        raise InvalidArgumentError(f"{where}: M is a finite number, not {shown(M)}")
    return float(M)


def _window(backend: Backend, M: Any, where: str, at: Callable[[float], float]) -> Any:
    """The values of `at` at places that are evenly spaced from -1 to 1."""
    length = _length(M, where)
    if length < 1:
        values = []
    elif length == 1:
        values = [1.0]
    else:
        count = math.ceil(length - 0.5)
        values = [at((1 - length + 2 * n) / (length - 1)) for n in range(count)]
    return backend.namespace.asarray(values, dtype=backend.xp.asarray(1.0).dtype)


@composite(own=True, makes=True)
def bartlett(backend: Backend, M: int) -> Any:
    """The Bartlett window of `M` elements, a triangle with zeros at both ends.

    >>> import pluggrad as pg
    >>> pg.bartlett(5).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window(backend, M, "bartlett", lambda t: 1 - abs(t))


@composite(own=True, makes=True)
def blackman(backend: Backend, M: int) -> Any:
    """The Blackman window of `M` elements, a sum of three cosines.

    >>> import pluggrad as pg
    >>> pg.blackman(5).round(3).tolist()
    [-0.0, 0.34, 1.0, 0.34, -0.0]
    """
    return _window(
        backend, M, "blackman",
        lambda t: 0.42 + 0.5 * math.cos(math.pi * t) + 0.08 * math.cos(2 * math.pi * t),
    )  # fmt: skip


@composite(own=True, makes=True)
def hamming(backend: Backend, M: int) -> Any:
    """The Hamming window of `M` elements, a raised cosine.

    >>> import pluggrad as pg
    >>> pg.hamming(5).round(3).tolist()
    [0.08, 0.54, 1.0, 0.54, 0.08]
    """
    return _window(backend, M, "hamming", lambda t: 0.54 + 0.46 * math.cos(math.pi * t))


@composite(own=True, makes=True)
def hanning(backend: Backend, M: int) -> Any:
    """The Hann window of `M` elements, a cosine raised so that it is zero at both ends.

    >>> import pluggrad as pg
    >>> pg.hanning(5).round(3).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window(backend, M, "hanning", lambda t: 0.5 + 0.5 * math.cos(math.pi * t))


@composite(own=True, makes=True, arrays="beta")
def kaiser(backend: Backend, M: int, beta: Any) -> Any:
    """The Kaiser window of `M` elements.

    Parameters
    ----------
    M : int
        The number of elements.
    beta : number or array without axes
        The shape of the window. It may be tracked.

    Returns
    -------
    Variable, a vector.

    >>> import pluggrad as pg
    >>> pg.kaiser(5, 2.0).round(3).tolist()
    [0.439, 0.835, 1.0, 0.835, 0.439]
    """
    length = _length(M, "kaiser")
    like = beta if hasattr(beta, "dtype") else backend.namespace.asarray(1.0)
    beta = as_floats(as_array(beta, "kaiser", "beta", like))
    refuse_complex(beta, "kaiser", "beta")
    if beta.ndim:
        raise InvalidArgumentError(
            f"kaiser: beta is one number, and has the shape {tuple(beta.shape)}"
        )
    middle = (length - 1) / 2
    places = [((n - middle) / middle) ** 2 if middle else 0.0 for n in range(math.ceil(length))]
    heights = backend.namespace.asarray(
        [math.sqrt(1 - place) if place <= 1 else math.nan for place in places], dtype=beta.dtype
    )
    return i0(beta * heights) / i0(beta)
