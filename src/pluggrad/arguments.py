"""What users hand in: arrays of one library on one device, beside scalars that adapt to them."""

from __future__ import annotations

from typing import Any

from . import cotangents
from .backend import BACKENDS, SCALARS, Backend, backend_of, mixed
from .errors import MixedDevicesError, PluggradError, TypeMismatchError
from .primitive import Primitive

__all__ = ["backend_among", "convert", "one_device", "operand", "promote"]


def backend_among(args: tuple[Any, ...], where: str) -> Backend:
    """The one backend of the arrays in `args`."""
    backend: Backend | None = None
    for x in args:
        if type(x) in SCALARS or x is None:
            continue
        try:
            other = backend_of(x)
        except TypeMismatchError:
            if not hasattr(x, "dtype") or isinstance(x, type):
                continue
            raise
        if other is not None and other is not backend:
            if backend is not None:
                raise mixed(backend, other, where)
            backend = other
    if backend is None:
        raise TypeMismatchError(f"{where}: there is no array among the arguments")
    return backend


def one_device(args: Any, where: str, error: Exception | None = None) -> None:
    """Raise MixedDevicesError if arrays among `args` are not on the same device."""
    arrays = [x for arg in args for x in (arg if isinstance(arg, (list, tuple)) else (arg,))]
    devices = {str(cotangents.device_of(x)) for x in arrays if hasattr(x, "shape")}
    if len(devices) > 1 and not isinstance(error, PluggradError):
        raise MixedDevicesError(
            f"{where}: arrays on the devices {' and '.join(sorted(devices))} cannot be mixed. Move "
            "one of them explicitly, with `.to_device(...)`."
        ) from error


def promote(args: list[Any], backend: Backend) -> list[Any]:
    """Scalars as arrays, and integers as floats, of the dtype that `args` have together."""
    arrays = [x for x in args if hasattr(x, "dtype")]
    dtypes = {x.dtype for x in arrays}
    if not arrays or (len(arrays) == len(args) and dtypes <= backend.float_dtypes):
        return args
    floats = dtypes & backend.float_dtypes
    try:
        dtype = backend.xp.result_type(*dtypes)
    except TypeError:  # the standard leaves integers beside floats open
        dtype = backend.xp.result_type(*floats) if floats else None
    if dtype not in backend.float_dtypes:
        dtype = backend.xp.asarray(1.0).dtype
    device = cotangents.device_of(arrays[0])
    return [
        backend.xp.asarray(x, dtype=dtype, device=device) if type(x) in SCALARS
        else backend.namespace.astype(x, dtype) if x is not None and x.dtype not in floats
        else x
        for x in args
    ]  # fmt: skip


def operand(x: Any, backend: Backend) -> Any:
    """NotImplemented if `x` is nothing that an operator of a Variable knows, so that Python asks
    the other operand."""
    if type(x) in SCALARS:
        return True
    try:
        return backend_of(x) is not None or NotImplemented
    except TypeMismatchError:
        return NotImplemented


def convert(x: Any, backend: Backend, primitive: Primitive) -> Any:
    """`x` as an argument beside arrays of `backend`, or an error that says what to do."""
    try:
        other = BACKENDS[type(x)]
    except KeyError:
        if isinstance(x, (tuple, list, slice)) or x is Ellipsis or isinstance(x, type):
            return x
        try:
            other = backend_of(x)
        except TypeMismatchError:
            return x
    if other is backend:
        return x if backend.hold is None else backend.hold(x)
    if other is None:
        return x
    if other.name == "numpy" and x.ndim == 0 and not hasattr(x, "__setitem__"):
        return x.item()  # np.generic: a weak scalar beside other libraries' arrays
    raise mixed(backend, other, primitive.name)
