"""What the modules of `pluggrad.scipy.signal` share: arguments as arrays of one dtype, and pieces
of an array along an axis."""

from __future__ import annotations

from typing import Any

from ...arrays.backend import Backend, backend_of
from ...arrays.dispatch import xp
from ...engine.cotangents import is_complex
from ...errors import TypeMismatchError
from ...functions.operand import as_array, as_floats
from ..arguments import constant

__all__ = ["array", "backend_for", "constants", "count_of", "extended", "floats", "part",
           "promoted", "reversed_along"]  # fmt: skip


def backend_for(x: Any) -> Backend:
    """The backend of the Variable `x`."""
    found = backend_of(x)
    assert found is not None
    return found


def array(x: Any, where: str, what: str, like: Any = None) -> Any:
    """`x` as a Variable; a number or a list becomes one of the library of `like`."""
    return as_array(x, f"scipy.signal.{where}", what, like)


def promoted(*xs: Any) -> tuple[Any, ...]:
    """The arrays `xs` in their common dtype."""
    dtypes = {x.dtype for x in xs}
    if len(dtypes) == 1:
        return xs
    backend = backend_for(xs[0])
    numbers = dtypes & backend.float_dtypes
    try:
        dtype = backend.xp.result_type(*dtypes)
    except TypeError:  # the standard does not define integers beside floats
        dtype = backend.xp.result_type(*numbers)
    return tuple([x if x.dtype == dtype else xp.astype(x, dtype) for x in xs])


def floats(*xs: Any) -> tuple[Any, ...]:
    """The arrays `xs` in a common dtype of floating-point numbers."""
    return promoted(*map(as_floats, promoted(*xs)))


def constants(values: Any, like: Any) -> Any:
    """An array of NumPy's as a constant beside `like`: floats in its dtype, made real."""
    backend = backend_for(like)
    dtype = None
    if values.dtype.kind == "f" and like.dtype in backend.float_dtypes:
        dtype = (xp.real(like) if is_complex(like) else like).dtype
    if not values.size:
        return constant("zeros", values.shape, beside=like, dtype=dtype)
    return constant("asarray", values.tolist(), beside=like, dtype=dtype)


def part(x: Any, axis: int, start: Any = None, stop: Any = None, step: Any = None) -> Any:
    """The slice of `x` along `axis`."""
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


def reversed_along(x: Any, axis: int) -> Any:
    """`x` backwards along `axis`."""
    return xp.flip(x, axis=axis)


def extended(x: Any, before: int, after: int, axis: int, kind: str, value: Any = 0) -> Any:
    """`x` with as many more elements at each end of `axis`, of one of SciPy's kinds: 'odd', 'even'
    (SciPy's filters call it 'mirror'), 'constant' ('nearest'), 'symmetric', 'wrap' or 'value'."""
    if not before and not after:
        return x
    n = x.shape[axis]
    if kind == "odd":
        first, last = part(x, axis, 0, 1), part(x, axis, n - 1, n)
        left = 2 * first - reversed_along(part(x, axis, 1, before + 1), axis)
        right = 2 * last - reversed_along(part(x, axis, n - 1 - after, n - 1), axis)
        return xp.concat([left, x, right], axis=axis)
    places = list(range(-before, n + after))
    if kind == "value":
        widths = [(0, 0)] * x.ndim
        widths[axis] = (before, after)
        y = xp.pad(x, widths)
        if isinstance(value, (int, float, complex)) and value == 0:
            return y
        shape = (-1,) + (1,) * (x.ndim - 1 - axis)
        outside = constant("asarray", [float(not 0 <= k < n) for k in places], beside=x)
        outside = xp.astype(xp.reshape(outside, shape), x.dtype)
        return y + outside * value
    if kind in ("constant", "nearest"):
        places = [min(max(k, 0), n - 1) for k in places]
    elif kind == "wrap":
        places = [k % n for k in places]
    elif kind == "symmetric":
        places = [k % (2 * n) for k in places]
        places = [min(k, 2 * n - 1 - k) for k in places]
    else:  # 'even', 'mirror'
        period = max(2 * n - 2, 1)
        places = [min(k % period, period - k % period) if n > 1 else 0 for k in places]
    return xp.take(x, constant("asarray", places, beside=x), axis=axis)


def count_of(value: Any, where: str, what: str) -> int:
    """The integer `value`, also one that is a float without a fraction, as SciPy takes it."""
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise TypeMismatchError(
            f"scipy.signal.{where}: {what} is an integer, not {value!r}"
        ) from error
    if number != value:
        raise TypeMismatchError(f"scipy.signal.{where}: {what} is an integer, not {value!r}")
    return number
