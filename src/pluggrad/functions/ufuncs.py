"""NumPy's elementwise functions (its ufuncs) that the standard lacks.

Those that the standard has under another name, such as `arctan2`, are aliases (`variables.names`).
"""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import SCALARS, Backend, backend_of
from ..arrays.choice import get_default_backend
from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.cotangents import is_complex, is_continuous
from ..errors import TypeMismatchError

LN2 = math.log(2)


# ---------------------------------------------------------------- what the functions share


def _backend(x: Any) -> Backend:
    backend = backend_of(x)
    assert backend is not None
    return backend


def _array(x: Any) -> Any:
    """`x` as an array: a number is one of the default backend."""
    if type(x) not in SCALARS:
        return x
    return get_default_backend().namespace.asarray(x)


def _real(x: Any, where: str) -> Any:
    """`x`, an array; complex numbers are refused."""
    if is_complex(x):
        raise TypeMismatchError(
            f"{where} is not defined for complex numbers; take `pluggrad.real(x)` or "
            "`pluggrad.abs(x)` of them first"
        )
    return x


def _floating(x: Any, where: str, real: bool = True) -> Any:
    """`x` as an array of floats: integers become floats of the library's usual precision. If
    `real`, complex numbers are refused."""
    x = _real(_array(x), where) if real else _array(x)
    if is_continuous(x):
        return x
    raw = _backend(x).xp
    dtype = raw.asarray(1.0).dtype
    if _backend(x).name == "numpy":  # which makes small integers small floats
        dtype = {1: raw.float16, 2: raw.float32}.get(x.dtype.itemsize, dtype)
    return xp.astype(x, dtype)


def _pair(x1: Any, x2: Any, where: str = "") -> tuple[Any, Any]:
    """Both arguments as arrays; complex ones are refused, if `where` names the function. A number
    takes the dtype of the array beside it, as far as that can hold it."""
    if type(x1) in SCALARS and type(x2) in SCALARS:
        x1 = _array(x1)
    if type(x1) in SCALARS:
        x1 = xp.zeros_like(x2) + x1
    elif type(x2) in SCALARS:
        x2 = xp.zeros_like(x1) + x2
    return (_real(x1, where), _real(x2, where)) if where else (x1, x2)


def _is_half(x: Any) -> bool:
    """Whether `x` is an array in half precision."""
    half = getattr(_backend(x).xp, "float16", None)
    return half is not None and bool(x.dtype == half)


def _in_single(function: Any, x: Any) -> Any:
    """``function(x)``; in single precision if `x` is in half, which SciPy's functions leave."""
    if _is_half(x):
        return xp.astype(function(xp.astype(x, _backend(x).xp.float32)), x.dtype)
    return function(x)


# ---------------------------------------------------------------- one argument


@composite(own=True, arrays="x")
def fabs(x: Any, /) -> Any:
    """The absolute value of each real number of `x`, as a float. The derivative at 0 is 0.

    >>> import pluggrad as pg
    >>> pg.fabs([-2, 3]).tolist()
    [2.0, 3.0]
    """
    return xp.abs(_floating(x, "fabs"))


@composite(own=True, arrays="x")
def rint(x: Any, /) -> Any:
    """Each number of `x` rounded to the nearest integer, as a float; halves become even.

    The derivative is 0.

    >>> import pluggrad as pg
    >>> pg.rint([0.5, 1.5, 2.7]).tolist()
    [0.0, 2.0, 3.0]
    """
    return xp.round(_floating(x, "rint", real=False))


@composite(own=True, arrays="x")
def exp2(x: Any, /) -> Any:
    """2 to the power of each element of `x`.

    >>> import pluggrad as pg
    >>> pg.exp2([0.0, 1.0, 3.0]).tolist()
    [1.0, 2.0, 8.0]
    """
    x = _floating(x, "exp2", real=False)
    return xp.pow(2.0, x) if is_complex(x) else _in_single(xp.special.exp2, x)


@composite(own=True, arrays="x")
def cbrt(x: Any, /) -> Any:
    """The cube root of each real number of `x`. The derivative at 0 is infinite.

    >>> import pluggrad as pg
    >>> pg.cbrt([8.0, -27.0]).tolist()
    [2.0, -3.0]
    """
    return _in_single(xp.special.cbrt, _floating(x, "cbrt"))


@composite(own=True, arrays="x")
def deg2rad(x: Any, /) -> Any:
    """The angles `x` in degrees, converted to radians.

    >>> import pluggrad as pg
    >>> pg.deg2rad([0.0, 180.0]).tolist()
    [0.0, 3.141592653589793]
    """
    return _floating(x, "deg2rad") * (math.pi / 180)


@composite(own=True, arrays="x")
def rad2deg(x: Any, /) -> Any:
    """The angles `x` in radians, converted to degrees.

    >>> import pluggrad as pg
    >>> pg.rad2deg([0.0, pg.pi]).tolist()
    [0.0, 180.0]
    """
    return _floating(x, "rad2deg") * (180 / math.pi)


@composite(own=True, arrays="x")
def modf(x: Any, /) -> Any:
    """The fractional and the integral part of each real number of `x`, both with its sign.

    The derivative of the fractional part is 1, that of the integral part 0.

    >>> import pluggrad as pg
    >>> fractional, integral = pg.modf([2.5, -0.25])
    >>> fractional.tolist(), integral.tolist()
    ([0.5, -0.25], [2.0, -0.0])
    """
    x = _floating(x, "modf")
    infinite = xp.isinf(x)
    rest = fmod(xp.where(infinite, 1.0, x), 1)
    return xp.where(infinite, xp.copysign(xp.zeros_like(x), x), rest), xp.trunc(x)


@composite(own=True, arrays="x")
def frexp(x: Any, /) -> Any:
    """The mantissa and the exponent of each real number: `x` = mantissa · 2^exponent.

    The mantissa is at least 0.5 and less than 1 in size; the exponents are 32-bit integers. For
    zeros, infinities and nan the mantissa is `x` and the exponent 0. The exponent counts as a
    constant in the derivative of the mantissa.

    >>> import pluggrad as pg
    >>> mantissa, exponent = pg.frexp([6.0, -0.25])
    >>> mantissa.tolist(), exponent.tolist()
    ([0.75, -0.5], [3, -1])
    """
    x = _floating(x, "frexp")
    if _is_half(x):
        mantissa, k = frexp(xp.astype(x, _backend(x).xp.float32))
        return xp.astype(mantissa, x.dtype), k
    k = xp.exponent(x)  # the logarithm, rounded: the mantissa may be off by one factor of two
    size = xp.abs(_times_power(x, -k))
    k = xp.where(size >= 1, k + 1, k)
    size = xp.abs(_times_power(x, -k))
    k = xp.where((size < 0.5) & (size > 0), k - 1, k)
    k = xp.where((x == 0) | ~xp.isfinite(x), 0.0, k)
    return _times_power(x, -k), xp.astype(k, _backend(x).xp.int32)


@composite(own=True, arrays="x1 x2")
def ldexp(x1: Any, x2: Any, /) -> Any:
    """`x1` · 2^`x2`, where `x2` holds integers.

    Raises `TypeMismatchError` if `x2` holds anything else.

    >>> import pluggrad as pg
    >>> pg.ldexp([0.75, 3.0], [3, -1]).tolist()
    [6.0, 1.5]
    """
    if type(x2) in (float, complex) or (type(x2) not in SCALARS and is_continuous(x2)):
        raise TypeMismatchError(
            "ldexp: x2 takes integers; `x1 * pluggrad.exp2(x2)` takes other exponents"
        )
    if type(x1) in SCALARS:
        x1 = xp.zeros_like(x2) + x1 if type(x2) not in SCALARS else x1
    x1 = _floating(x1, "ldexp")
    k = xp.zeros_like(x1) + x2 if type(x2) in SCALARS else xp.astype(x2, x1.dtype)
    return _times_power(x1, k)


def _times_power(x: Any, k: Any) -> Any:
    """x · 2^k, for whole numbers `k` in the dtype of `x`, in three steps: 2^k alone may overflow
    where the result does not."""
    if _is_half(x):
        wide = _backend(x).xp.float32
        return xp.astype(_times_power(xp.astype(x, wide), xp.astype(k, wide)), x.dtype)
    finfo = _backend(x).xp.finfo(x.dtype)
    limit = math.frexp(float(finfo.max))[1] - 1
    k = xp.clip(k, -3 * limit, 3 * limit)
    first = xp.trunc(k / 3)
    second = xp.trunc((k - first) / 2)
    for part in (first, second, k - first - second):
        x = x * xp.exp2(part)
    return x


# ---------------------------------------------------------------- two arguments


@composite(own=True, arrays="x1 x2")
def fmax(x1: Any, x2: Any, /) -> Any:
    """The greater of `x1` and `x2`, element by element, and the other one where one is nan.

    Ties split the derivative evenly.

    >>> import pluggrad as pg
    >>> pg.fmax([1.0, pg.nan], [0.0, 2.0]).tolist()
    [1.0, 2.0]
    """
    return xp.maximum(*_without_nan(x1, x2))


@composite(own=True, arrays="x1 x2")
def fmin(x1: Any, x2: Any, /) -> Any:
    """The lesser of `x1` and `x2`, element by element, and the other one where one is nan.

    Ties split the derivative evenly.

    >>> import pluggrad as pg
    >>> pg.fmin([1.0, pg.nan], [0.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    return xp.minimum(*_without_nan(x1, x2))


def _without_nan(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Both arguments, each with the other in place of nan."""
    x1, x2 = _pair(x1, x2)
    return xp.where(x1 != x1, x2, x1), xp.where(x2 != x2, x1, x2)


@composite(own=True, arrays="x1 x2")
def fmod(x1: Any, x2: Any, /) -> Any:
    """The remainder of the division of `x1` by `x2`, with the sign of `x1`.

    The function `remainder` has the sign of `x2` instead.

    >>> import pluggrad as pg
    >>> pg.fmod([-7.0, 7.0], 3.0).tolist()
    [-1.0, 1.0]
    """
    x1, x2 = _pair(x1, x2, "fmod")
    integers = _backend(x1).xp
    if x1.dtype == x2.dtype == integers.bool:
        x1, x2 = xp.astype(x1, integers.int8), xp.astype(x2, integers.int8)
    size = xp.abs(x2)
    y = xp.where(x1 < 0, -xp.remainder(-x1, size), xp.remainder(x1, size))
    return xp.where((x1 == 0) & (size > 0), x1, y)  # keeps the sign of zeros


@composite(own=True, arrays="x1 x2")
def divmod(x1: Any, x2: Any, /) -> Any:
    """The quotients of `x1` and `x2`, rounded down, and the remainders.

    They are what `floor_divide` and `remainder` return.

    >>> import pluggrad as pg
    >>> quotient, rest = pg.divmod([7.0, -7.0], 3.0)
    >>> quotient.tolist(), rest.tolist()
    ([2.0, -3.0], [1.0, 2.0])
    """
    x1, x2 = _pair(x1, x2, "divmod")
    return xp.floor_divide(x1, x2), xp.remainder(x1, x2)


@composite(own=True, arrays="x1 x2")
def heaviside(x1: Any, x2: Any, /) -> Any:
    """The step function: 0 where x1 < 0, 1 where x1 > 0, and `x2` where x1 = 0.

    The derivative by `x1` is 0.

    >>> import pluggrad as pg
    >>> pg.heaviside([-1.5, 0.0, 2.0], 0.5).tolist()
    [0.0, 0.5, 1.0]
    """
    x1, x2 = (_floating(x, "heaviside") for x in _pair(x1, x2, "heaviside"))
    return xp.where(x1 == 0, x2, (xp.sign(x1) + 1) / 2)


@composite(own=True, arrays="x1 x2")
def logaddexp2(x1: Any, x2: Any, /) -> Any:
    """The logarithm to base 2 of 2^`x1` + 2^`x2`, without overflow.

    Equal infinities share the derivative equally.

    >>> import pluggrad as pg
    >>> pg.logaddexp2([1.0, 2000.0], [1.0, 2000.0]).round(9).tolist()
    [2.0, 2001.0]
    """
    x1, x2 = (_floating(x, "logaddexp2") for x in _pair(x1, x2, "logaddexp2"))
    if _is_half(x1) and _is_half(x2):
        single = _backend(x1).xp.float32
        y = logaddexp2(xp.astype(x1, single), xp.astype(x2, single))
        return xp.astype(y, x1.dtype)
    return xp.logaddexp(x1 * LN2, x2 * LN2) / LN2


@composite(own=True, arrays="x1 x2")
def float_power(x1: Any, x2: Any, /) -> Any:
    """`x1` to the power of `x2`, always computed in float64 or complex128.

    >>> import pluggrad as pg
    >>> pg.float_power([2, 4], -1).tolist()
    [0.5, 0.25]
    """
    return xp.pow(_double(x1), _double(x2)) if type(x1) not in SCALARS else _power(x1, x2)


def _power(x1: Any, x2: Any) -> Any:
    """`float_power` of a number."""
    x2 = _double(_array(x2))
    return xp.pow(xp.zeros_like(x2) + x1, x2)


def _double(x: Any) -> Any:
    """`x` in double precision; a number stays one."""
    if type(x) in SCALARS:
        return x if type(x) is complex else float(x)
    raw = _backend(x).xp
    return xp.astype(x, raw.complex128 if is_complex(x) else raw.float64)
