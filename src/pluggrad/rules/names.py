"""More names beyond the standard that client code calls, with NumPy's meaning."""

from __future__ import annotations

from typing import Any

import numpy

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.cotangents import is_complex
from ..errors import UnsupportedError


@composite(own=True)
def view(x: Any, /, *to: Any) -> Any:
    """`x` in another shape, as torch's `view`. Given a dtype, as NumPy's: complex numbers become
    pairs of real ones along the last axis, or such pairs become complex numbers. Given nothing, or
    `numpy.ndarray`, a view of the same shape."""
    if not to or (isinstance(to[0], type) and to[0] == numpy.ndarray):
        return xp.reshape(x, tuple(x.shape))
    if len(to) != 1 or isinstance(to[0], (int, tuple, list)):
        return xp.reshape(x, to if len(to) != 1 or isinstance(to[0], int) else tuple(to[0]))
    if isinstance(to[0], type) and issubclass(to[0], numpy.ndarray):
        raise UnsupportedError(
            f"view: a Variable is not a {to[0].__name__}; `.detach()` it and take `.data` if no "
            "gradient is needed"
        )
    backend = backend_of(x)
    assert backend is not None
    dtype = {float: backend.xp.float64, complex: backend.xp.complex128}.get(to[0], to[0])
    if x.dtype == dtype:
        return x
    if is_complex(x) and xp.real(x).dtype == dtype:
        pairs = xp.stack([xp.real(x), xp.imag(x)], axis=-1)
        return xp.reshape(pairs, (*x.shape[:-1], x.shape[-1] * 2 if x.shape else 2))
    if x.dtype in backend.real_dtypes and dtype in backend.complex_dtypes:
        y = x[..., ::2] + 1j * x[..., 1::2]
        if y.dtype == dtype:
            return y
    raise UnsupportedError(f"view: {x.dtype} numbers cannot be read as {dtype}")
