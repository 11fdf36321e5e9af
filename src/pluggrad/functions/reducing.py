"""What the reductions share: axes, masks, and the values of settings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays.backend import SCALARS, backend_of
from ..arrays.dispatch import xp
from ..engine.arguments import foreign_constant, shortened
from ..engine.cotangents import is_complex
from ..engine.handles import raw_of
from ..errors import InvalidArgumentError, TypeMismatchError, UnsupportedError

__all__ = ["array_of", "beside", "count_of", "double", "fits_into", "floating", "is_boolean",
           "known", "mask_of", "masked", "precise", "restored", "root", "rows", "start",
           "worst"]  # fmt: skip


def array_of(x: Any, where: str, what: str = "x") -> Any:
    """`x`, which must be an array."""
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise TypeMismatchError(
            f"{where}: {what} is an array, not {shortened(x)}; `pluggrad.asarray(...)` may make "
            "one of it"
        )
    return x


def beside(value: Any, x: Any, where: str, what: str) -> Any:
    """`value`, a number, a list or an array, as an array of the library of `x`."""
    backend = backend_of(x)
    assert backend is not None
    if value is None or isinstance(value, (str, bytes, dict, set)):
        raise TypeMismatchError(f"{where}: {what} takes numbers, not {shortened(value)}")
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        other = backend_of(value)
        if other is backend:
            return value
        if other is not None:
            return foreign_constant(value, backend, other, where)
    return backend.namespace.asarray_beside(value, x)


def known(x: Any) -> Any:
    """The values of `x` as a NumPy array, where they can be looked at at no cost: numbers, lists of
    numbers and NumPy's arrays. Otherwise None."""
    if isinstance(x, (list, tuple)):
        parts = [known(item) for item in x]
        return None if any(part is None for part in parts) else np.asarray(parts)
    raw = raw_of(x)
    if isinstance(raw, (*SCALARS, np.ndarray, np.generic)):
        return np.asarray(raw)
    return None


# ---------------------------------------------------------------- axes


def rows(x: Any, axes: tuple[int, ...]) -> Any:
    """`x` with the elements along `axes` in one axis, the last."""
    if not axes:
        return xp.expand_dims(x, axis=-1)
    if len(axes) == 1:
        return x if axes[0] == x.ndim - 1 else xp.moveaxis(x, axes[0], -1)
    kept = tuple([n for n in range(x.ndim) if n not in axes])
    count = math.prod([x.shape[n] for n in axes])
    lengths = tuple([x.shape[n] for n in kept])
    return xp.reshape(xp.permute_dims(x, kept + axes), (*lengths, count))


def restored(y: Any, axes: tuple[int, ...], keepdims: Any, before: int = 0) -> Any:
    """The result `y` of a reduction with the reduced axes at length 1, if they are kept. `before`
    is how many axes of its own the result has in front."""
    if keepdims:
        for n in sorted(axes):
            y = xp.expand_dims(y, axis=n + before)
    return y


# ---------------------------------------------------------------- masks


def mask_of(where: Any, x: Any, name: str) -> Any:
    """`where` as booleans of the shape of `x`; None if it leaves no element out."""
    if where is None or where is True:
        return None
    backend = backend_of(x)
    assert backend is not None
    everything = xp.ones_like(x, dtype=backend.xp.bool)
    if where is False:
        return ~everything
    where = beside(where, x, name, "where")
    if where.dtype != backend.xp.bool:
        raise TypeMismatchError(
            f"{name}: where takes booleans, not {where.dtype} numbers; compare them, as in "
            "`where=mask != 0`"
        )
    fits_into(where, x, name, "where")
    return where & everything


def fits_into(value: Any, x: Any, where: str, what: str) -> None:
    """Raise unless `value` can be broadcast to the shape of `x`."""
    shape, lengths = tuple(value.shape), tuple(x.shape)
    ends = zip(shape[::-1], lengths[::-1], strict=False)
    if len(shape) > len(lengths) or not all(m == 1 or m == n or m != m or n != n for m, n in ends):
        raise InvalidArgumentError(
            f"{where}: {what} of shape {shape} cannot be broadcast to the shape {lengths}"
        )


def masked(x: Any, mask: Any, fill: Any) -> Any:
    """`x` with `fill` where the mask is False. Not even nan gets through there."""
    if mask is None:
        return x
    return xp.where(mask, x, bool(fill) if is_boolean(x) else fill)


def count_of(mask: Any, like: Any, axis: Any, keepdims: Any) -> Any:
    """How many elements take part, as real numbers of the precision of `like`."""
    dtype = (xp.real(like) if is_complex(like) else like).dtype
    return xp.sum(xp.astype(mask, dtype), axis=axis, keepdims=keepdims)


# ---------------------------------------------------------------- dtypes and numbers


def is_boolean(x: Any) -> bool:
    """Whether `x` holds booleans."""
    backend = backend_of(x)
    return backend is not None and x.dtype == backend.xp.bool


def double(x: Any) -> Any:
    """`x`, with integers and booleans in the library's default precision, as NumPy computes with
    them."""
    backend = backend_of(x)
    assert backend is not None
    if x.dtype in backend.float_dtypes:
        return x
    return xp.astype(x, backend.xp.asarray(1.0).dtype)


def precise(x: Any) -> Any:
    """`x` as NumPy's statistics take it: in double precision there, elsewhere as `double`."""
    backend = backend_of(x)
    assert backend is not None
    if backend.name == "numpy" and x.dtype in backend.float_dtypes:
        dtype = backend.xp.result_type(x.dtype, backend.xp.float64)
        return x if x.dtype == dtype else xp.astype(x, dtype)
    return double(x)


def floating(x: Any, dtype: Any, where: str) -> Any:
    """`x` in the floating-point `dtype`; as it is, if that is None."""
    if dtype is None:
        return x
    backend, complex_before = backend_of(x), is_complex(x)
    x = xp.astype(x, dtype)
    if complex_before and not is_complex(x):
        raise TypeMismatchError(f"{where}: dtype is complex, as the elements are, not {x.dtype}")
    if backend is None or x.dtype not in backend.float_dtypes:
        raise TypeMismatchError(f"{where}: dtype is floating-point, not {x.dtype}")
    return x


def start(initial: Any, like: Any, where: str) -> Any:
    """`initial`, one number, in the dtype of `like`."""
    if isinstance(initial, (list, tuple)) or len(getattr(initial, "shape", ())):
        raise InvalidArgumentError(f"{where}: initial is one number, not {shortened(initial)}")
    initial = beside(initial, like, where, "initial")
    if is_complex(initial) and not is_complex(like):
        raise TypeMismatchError(f"{where}: initial is complex, and the elements are real")
    return initial if initial.dtype == like.dtype else xp.astype(initial, like.dtype)


def worst(x: Any, sign: int, where: str) -> Any:
    """The number that no element of `x` can be below (`sign` = 1) or above (`sign` = -1)."""
    backend = backend_of(x)
    assert backend is not None
    if x.dtype in backend.real_dtypes:
        return -sign * math.inf
    if is_boolean(x):
        return sign < 0
    if is_complex(x):
        raise UnsupportedError(f"{where}: complex numbers have no order here; take `abs` or `real`")
    info = backend.xp.iinfo(x.dtype)
    return int(info.min if sign > 0 else info.max)


def root(v: Any) -> Any:
    """The square root of a variance. Its derivative at 0 is 0."""
    still = v == 0
    return xp.where(still, 0.0, xp.sqrt(xp.where(still, 1.0, v)))
