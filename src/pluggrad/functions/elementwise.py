"""NumPy's elementwise functions that the standard lacks, or calls by other names."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.composites import composite, widen
from ..arrays.dispatch import xp
from ..engine.arguments import whole
from ..engine.cotangents import is_complex, is_continuous
from ..errors import InvalidArgumentError, TypeMismatchError
from .operand import as_array, as_floats, backend_for, is_number, refuse_complex

__all__ = ["angle", "nan_to_num", "real_if_close", "sinc"]


@widen("round(x, /, decimals=0)")
def _round(x: Any, /, decimals: int = 0) -> Any:
    """`x` rounded to so many decimals, half to even."""
    x = as_array(x, "round", "x")
    n = whole(decimals, "round", "decimals")
    if n == 0:
        return xp.round(x)
    if "bool" in str(x.dtype):
        raise TypeMismatchError("round: decimals=... takes numbers, not booleans")
    scale = 10.0 ** abs(n) if abs(n) < 309 else math.inf
    if is_continuous(x):
        return xp.round(x * scale) / scale if n > 0 else xp.round(x / scale) * scale
    return xp.copy(x) if n > 0 else xp.astype(xp.round(x / scale) * scale, x.dtype)


@widen("clip(x, /, min=None, max=None, *, a_min=None, a_max=None)", arrays="x min max a_min a_max")
def _clip(
    x: Any, /, min: Any = None, max: Any = None, *, a_min: Any = None, a_max: Any = None
) -> Any:
    """`clip`, with the bounds under NumPy's other names."""
    for given, other, name in ((min, a_min, "min"), (max, a_max, "max")):
        if given is not None and other is not None:
            raise InvalidArgumentError(
                f"clip: `a_{name}` is another name of `{name}`, and both were given"
            )
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    return xp.clip(as_array(x, "clip", "x", low), min=low, max=high)


@composite(own=True, arrays="x nan posinf neginf")
def nan_to_num(
    x: Any, /, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """`x` with numbers in place of nan and of infinities.

    Parameters
    ----------
    x : array
        Complex numbers are repaired in both parts.
    copy : bool, default True
        With False the numbers are also written into `x`, if that is a Variable.
    nan : number or array, default 0.0
        What takes the place of nan; an array broadcasts to the shape of `x`. It may be tracked.
    posinf : number or array, optional
        What takes the place of infinity; by default the greatest finite number of the dtype.
    neginf : number or array, optional
        What takes the place of minus infinity; by default the least finite number of the dtype.

    Returns
    -------
    Variable of the shape and dtype of `x`. The gradient of an element that was replaced is 0.

    >>> import numpy as np, pluggrad as pg
    >>> pg.nan_to_num(np.asarray([1.0, np.nan, np.inf]), posinf=9.0).tolist()
    [1.0, 0.0, 9.0]
    """
    x = as_array(x, "nan_to_num", "x")
    if not is_continuous(x):
        return xp.copy(x) if copy else x
    if is_complex(x):
        re, im = [_repaired(part, nan, posinf, neginf) for part in (xp.real(x), xp.imag(x))]
        y = re + im * 1j
    else:
        y = _repaired(x, nan, posinf, neginf)
    if not copy:
        x[...] = y
        return x
    return y


def _repaired(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """The real array `x` without nan and infinities."""
    info = backend_for(x).xp.finfo(x.dtype)
    infinite = xp.isinf(x)
    for where, value, name in (
        (infinite & (x > 0), float(info.max) if posinf is None else posinf, "posinf"),
        (infinite & (x < 0), float(info.min) if neginf is None else neginf, "neginf"),
        (xp.isnan(x), nan, "nan"),
    ):
        x = xp.where(where, _filling(value, x, name), x)
    return x


def _filling(value: Any, x: Any, name: str) -> Any:
    """`value` in the dtype of `x`, and no larger than `x`."""
    if is_number(value) and not isinstance(value, complex):
        return value
    value = as_array(value, "nan_to_num", name, x)
    refuse_complex(value, "nan_to_num", name)
    sizes = zip(value.shape[::-1], x.shape[::-1], strict=False)
    if value.ndim > x.ndim or any(n not in (1, m) for n, m in sizes):
        raise InvalidArgumentError(
            f"nan_to_num: {name} has the shape {tuple(value.shape)}, which does not broadcast to "
            f"that of `x`, {tuple(x.shape)}"
        )
    return value if value.dtype == x.dtype else xp.astype(value, x.dtype)


@composite(own=True, arrays="x")
def angle(x: Any, /, deg: bool = False) -> Any:
    """The angle of complex numbers `x` in the plane, in radians or, with `deg`, in degrees.

    The angle of a real number is 0 or pi. The derivative at 0 is 0.

    >>> import numpy as np, pluggrad as pg
    >>> pg.angle(np.asarray([1j, -1.0]), deg=True).tolist()
    [90.0, 180.0]
    """
    x = as_floats(as_array(x, "angle", "x"))
    if is_complex(x):
        y = xp.atan2(xp.imag(x), xp.real(x))
    else:
        y = xp.atan2(xp.zeros_like(x), x)
    return y * (180 / math.pi) if deg else y


@composite(own=True, arrays="x")
def real_if_close(x: Any, /, tol: float = 100) -> Any:
    """The real parts of complex numbers, if all imaginary parts are close to 0; else `x`.

    Parameters
    ----------
    x : array
        Of any dtype.
    tol : number, default 100
        Imaginary parts must be smaller than `tol`, or, if it is above 1, than so many times the
        distance from 1.0 to the next number.

    Returns
    -------
    Variable of the shape of `x`. Its dtype depends on the values, so it cannot be known while
    `vmap` maps over them, nor while another library traces.

    >>> import numpy as np, pluggrad as pg
    >>> pg.real_if_close(np.asarray([2.0 + 1e-15j])).tolist()
    [2.0]
    """
    x = as_array(x, "real_if_close", "x")
    if not is_complex(x):
        return x
    if not is_number(tol) or isinstance(tol, complex):
        raise TypeMismatchError("real_if_close: tol is a number")
    im = xp.imag(x)
    if tol > 1:
        tol = float(backend_for(x).xp.finfo(im.dtype).eps) * tol
    return xp.real(x) if bool(xp.all(xp.abs(im) < tol)) else x


@composite(own=True, arrays="x")
def sinc(x: Any, /) -> Any:
    """sin(pi `x`) / (pi `x`), and 1 at 0.

    >>> import numpy as np, pluggrad as pg
    >>> pg.sinc(np.asarray([0.0, 0.5])).round(4).tolist()
    [1.0, 0.6366]
    """
    x = as_floats(as_array(x, "sinc", "x"))
    if not is_complex(x):
        return xp.special.sinc(x)
    zero = x == 0
    z = math.pi * xp.where(zero, 1.0, x)
    return xp.where(zero, 1.0, xp.sin(z) / z)
