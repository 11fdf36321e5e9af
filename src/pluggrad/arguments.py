"""What users hand in: arrays of one library on one device, beside scalars that adapt to them."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NoReturn

from . import cotangents
from .backend import BACKENDS, SCALARS, Backend, backend_of, mixed
from .dispatch import is_batched, is_variable
from .errors import (
    BatchingError,
    MixedDevicesError,
    OperationError,
    OutOfRangeError,
    PluggradError,
    TypeMismatchError,
    UnsupportedError,
)
from .levels import ROOT, VOLATILE
from .primitive import Primitive

__all__ = [
    "backend_among",
    "convert",
    "explain",
    "of_backend",
    "one_device",
    "operand",
    "promote",
    "setting",
]


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
    devices.discard("None")  # what JAX traces is on none
    if len(devices) > 1 and not isinstance(error, PluggradError):
        raise MixedDevicesError(
            f"{where}: arrays on the devices {' and '.join(sorted(devices))} cannot be mixed. Move "
            "one of them explicitly, with `.to_device(...)`."
        ) from error


def explain(error: Exception, where: str, args: Any) -> NoReturn:
    """Raise what the library said of `where`, with the shapes and dtypes that it was about."""
    try:
        one_device(args, where, error)
        raise _explained(error, where, args)
    finally:
        del error  # whose traceback may hold this frame


def _explained(error: Exception, where: str, args: Any) -> Exception:
    if isinstance(error, PluggradError):
        return error
    arrays = [x for arg in args for x in (arg if isinstance(arg, (list, tuple)) else (arg,))]
    about = ", ".join(
        f"{str(x.dtype).split('.')[-1]} {tuple(x.shape)}" if hasattr(x, "dtype") else repr(x)[:40]
        for x in arrays
    )
    if isinstance(error, IndexError):
        found: Exception = OutOfRangeError(f"{where} of {about}: {error}")
    elif type(error) in (ValueError, TypeError, RuntimeError, AttributeError):
        found = OperationError(f"{where} of {about}: {error}")
    else:
        error.add_note(f"{where} of {about}")  # the library's own, which callers know: LinAlgError
        return error
    found.__cause__ = error
    return found


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
    if type(x) in SCALARS or (isinstance(x, SCALARS) and not hasattr(x, "dtype")):
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
        if isinstance(x, SCALARS) and not hasattr(x, "dtype"):  # such as `v.size`, or an IntEnum
            kind: Any = next(kind for kind in (int, float, complex) if isinstance(x, kind))
            return kind(x)
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


def of_backend(x: Any, backend: Backend, what: str, where: str) -> Any:
    """`x`, which a user's rule returned, if it is an array of `backend`; else an error."""
    other = BACKENDS.get(type(x))
    if other is backend:
        return x
    if other is None:
        try:
            other = backend_of(x) if hasattr(x, "dtype") else None
        except TypeMismatchError:
            other = None
        if other is None:
            raise TypeMismatchError(f"{what} {type(x).__name__} {where}, not an array")
    if other is not backend:
        raise mixed(backend, other, f"{what} an array of {other.name} {where}")
    return x


def _is_other_integer(x: Any) -> bool:
    """Whether `x` is an integer such as NumPy's, which are arrays, too."""
    return isinstance(x, Integral) and not isinstance(x, (int, bool))


def setting(x: Any, primitive: Primitive) -> Any:
    """The keyword argument `x` of `primitive`, with raw arrays in the place of Variables."""
    if isinstance(x, (tuple, list)):
        if any(is_variable(item) or _is_other_integer(item) for item in x):
            return tuple([setting(item, primitive) for item in x])
        return x
    if not is_variable(x):
        return int(x) if _is_other_integer(x) else x
    if is_batched(x):
        raise BatchingError(
            f"inside vmap, {primitive.name}: a keyword argument must be the same for all of the "
            "batch, and is not. Do this outside of vmap, or with the keyword's effect written out"
        )
    if x._level is not VOLATILE and (x._level is not ROOT or x._tracked):
        raise UnsupportedError(
            f"{primitive.name}: there is no derivative by a keyword argument here; `.detach()` it "
            "if none is needed"
        )
    return x.data
