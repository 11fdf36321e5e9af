"""Questions about elements, with NumPy's names and meaning: the answers are booleans.

An answer about a whole array is a boolean array without axes, so that it can be asked of lazy
arrays, and while a library traces.
"""

from __future__ import annotations

from typing import Any

from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.cotangents import is_complex
from .operand import as_array, as_floats, backend_for, is_number, refuse_complex

__all__ = [
    "allclose",
    "array_equal",
    "array_equiv",
    "isclose",
    "iscomplex",
    "iscomplexobj",
    "isneginf",
    "isposinf",
    "isreal",
    "isrealobj",
]  # fmt: skip


@composite(own=True, arrays="x1 x2 rtol atol")
def isclose(
    x1: Any, x2: Any, /, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Any:
    """Whether elements of `x1` are as good as equal to those of `x2`.

    They are if they differ by no more than `atol` plus `rtol` times the absolute value of `x2`.
    Infinities are close to themselves, and nan is to nothing but, with `equal_nan`, to nan.

    >>> import numpy as np, pluggrad as pg
    >>> pg.isclose(np.asarray([1.0, 2.0]), np.asarray([1.0 + 1e-9, 2.1])).tolist()
    [True, False]
    """
    x1, x2 = _pair(x1, x2, "isclose")
    if not is_number(rtol):
        rtol = as_array(rtol, "isclose", "rtol", x1)
    if not is_number(atol):
        atol = as_array(atol, "isclose", "atol", x1)
    x2 = as_floats(x2)
    finite = xp.isfinite(x2)
    bounded = xp.where(finite, x2, 0.0)
    close = finite & (xp.abs(x1 - bounded) <= atol + rtol * xp.abs(bounded))
    close = close | (x1 == x2)
    return close | (xp.isnan(x1) & xp.isnan(x2)) if equal_nan else close


def _pair(x1: Any, x2: Any, where: str) -> list[Any]:
    """Both arguments as arrays of one library."""
    return [as_array(x1, where, "x1", x2), as_array(x2, where, "x2", x1)]


@composite(own=True, arrays="x1 x2 rtol atol")
def allclose(
    x1: Any, x2: Any, /, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Any:
    """Whether all elements of `x1` and `x2` are close, as `isclose` says.

    `rtol`, `atol` and `equal_nan` have the same meaning there.

    >>> import numpy as np, pluggrad as pg
    >>> bool(pg.allclose(np.asarray([1.0, 2.0]), [1.0, 2.0 + 1e-9]))
    True
    """
    return xp.all(isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan))


@composite(own=True, arrays="x1 x2")
def array_equal(x1: Any, x2: Any, /, equal_nan: bool = False) -> Any:
    """Whether `x1` and `x2` have the same shape and the same elements.

    With `equal_nan`, nan equals nan.

    >>> import numpy as np, pluggrad as pg
    >>> bool(pg.array_equal(np.asarray([1.0, 2.0]), [1.0, 2.0]))
    True
    """
    x1, x2 = _pair(x1, x2, "array_equal")
    if tuple(x1.shape) != tuple(x2.shape):
        return backend_for(x1, x2).namespace.asarray(False)
    same = x1 == x2
    return xp.all(same | (xp.isnan(x1) & xp.isnan(x2)) if equal_nan else same)


@composite(own=True, arrays="x1 x2")
def array_equiv(x1: Any, x2: Any, /) -> Any:
    """Whether `x1` and `x2` have the same elements after they are broadcast.

    If their shapes do not broadcast, the answer is no.

    >>> import numpy as np, pluggrad as pg
    >>> bool(pg.array_equiv(np.asarray([1.0, 2.0]), [[1.0, 2.0], [1.0, 2.0]]))
    True
    """
    x1, x2 = _pair(x1, x2, "array_equiv")
    lengths = zip(x1.shape[::-1], x2.shape[::-1], strict=False)
    if any(n != m and 1 not in (n, m) for n, m in lengths):
        return backend_for(x1, x2).namespace.asarray(False)
    return xp.all(x1 == x2)


@composite(own=True, arrays="x")
def iscomplex(x: Any, /) -> Any:
    """Whether the imaginary part of each element of `x` is not 0.

    >>> import numpy as np, pluggrad as pg
    >>> pg.iscomplex(np.asarray([1.0 + 0.0j, 2.0j])).tolist()
    [False, True]
    """
    x = as_array(x, "iscomplex", "x")
    return xp.imag(x) != 0 if is_complex(x) else (x != x) & False


@composite(own=True, arrays="x")
def isreal(x: Any, /) -> Any:
    """Whether the imaginary part of each element of `x` is 0.

    >>> import numpy as np, pluggrad as pg
    >>> pg.isreal(np.asarray([1.0 + 0.0j, 2.0j])).tolist()
    [True, False]
    """
    return xp.logical_not(iscomplex(x))


@composite(own=True, arrays="x")
def iscomplexobj(x: Any, /) -> bool:
    """Whether the dtype of `x` is complex, whatever the values are.

    >>> import numpy as np, pluggrad as pg
    >>> pg.iscomplexobj(np.asarray([1.0 + 0.0j]))
    True
    """
    return is_complex(as_array(x, "iscomplexobj", "x"))


@composite(own=True, arrays="x")
def isrealobj(x: Any, /) -> bool:
    """Whether the dtype of `x` is not complex.

    >>> import numpy as np, pluggrad as pg
    >>> pg.isrealobj(np.asarray([1.0 + 0.0j]))
    False
    """
    return not is_complex(as_array(x, "isrealobj", "x"))


@composite(own=True, arrays="x")
def isneginf(x: Any, /) -> Any:
    """Whether each element of `x` is minus infinity.

    >>> import numpy as np, pluggrad as pg
    >>> pg.isneginf(np.asarray([-np.inf, np.inf, 0.0])).tolist()
    [True, False, False]
    """
    x = as_array(x, "isneginf", "x")
    refuse_complex(x, "isneginf")
    return xp.isinf(x) & (x < 0)


@composite(own=True, arrays="x")
def isposinf(x: Any, /) -> Any:
    """Whether each element of `x` is plus infinity.

    >>> import numpy as np, pluggrad as pg
    >>> pg.isposinf(np.asarray([-np.inf, np.inf, 0.0])).tolist()
    [False, True, False]
    """
    x = as_array(x, "isposinf", "x")
    refuse_complex(x, "isposinf")
    return xp.isinf(x) & (x > 0)
