"""Checking and converting users' arguments: arrays of one library on one device, with scalars."""

from __future__ import annotations

import functools
import operator
from numbers import Integral, Number
from typing import Any, NoReturn

from ..arrays.backend import BACKENDS, LIBRARIES, SCALARS, Backend, backend_of, mixed
from ..arrays.dispatch import is_batched, is_variable
from ..errors import (
    BatchingError,
    InvalidArgumentError,
    LinAlgError,
    MixedDevicesError,
    OperationError,
    OutOfRangeError,
    PluggradError,
    TypeMismatchError,
    UnsupportedError,
)
from . import cotangents
from .handles import raw_of
from .levels import ROOT, VOLATILE
from .primitive import LISTS, Primitive

__all__ = ["axes_of", "axis_of", "backend_among", "check_function", "convert", "explain",
           "integers", "no_axis", "number", "of_backend", "one_device", "operand", "promote",
           "refuse_operand", "setting", "several", "shortened", "whole"]  # fmt: skip


def backend_among(args: tuple[Any, ...], where: str) -> Backend:
    """The backend of the arrays in `args`; an error if there are several, or there is no array."""
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
            if backend is not None and _index_beside(x, other, backend):
                continue
            if backend is not None:
                raise mixed(backend, other, where)
            backend = other
    if backend is None:
        raise TypeMismatchError(f"{where}: there is no array among the arguments")
    return backend


def _index_beside(x: Any, other: Backend, backend: Backend) -> bool:
    """Whether `x` is an index, a NumPy array of integers or a mask, and `backend` takes these."""
    return (
        other.name == "numpy" and not is_variable(x) and backend.adapter.takes_numpy
        and x.dtype.kind in "iub"
    )  # fmt: skip


def one_device(args: Any, where: str, error: Exception | None = None) -> None:
    """Raise MixedDevicesError if arrays among `args` are not on the same device."""
    arrays = [x for arg in args for x in (arg if isinstance(arg, (list, tuple)) else (arg,))]
    devices = {str(cotangents.device_of(x)) for x in arrays if hasattr(x, "shape")}
    devices.discard("None")  # the device of arrays that JAX traces
    if len(devices) > 1 and not isinstance(error, PluggradError):
        raise MixedDevicesError(
            f"{where}: arrays on the devices {' and '.join(sorted(devices))} cannot be mixed. Move "
            "one of them explicitly, with `.to_device(...)`."
        ) from error


def explain(error: Exception, where: str, args: Any) -> NoReturn:
    """Raise the library's `error` in `where` again, as an error of ours that names the shapes and
    dtypes of `args`."""
    try:
        one_device(args, where, error)
        raise _explained(error, where, args)
    finally:
        del error  # its traceback may hold this frame, which would be a reference cycle


def _explained(error: Exception, where: str, args: Any) -> Exception:
    """The error for `explain` to raise."""
    if isinstance(error, PluggradError):
        text = str(error)
        if where not in text and len(error.args) == 1:  # it arose inside, in another function
            error.args = (f"{where}: {text}",)
        return error
    arrays = [x for arg in args for x in (arg if isinstance(arg, (list, tuple)) else (arg,))]
    about = ", ".join(
        f"{str(x.dtype).split('.')[-1]} {tuple(x.shape)}" if hasattr(x, "dtype") else shown(x)
        for x in arrays
    )
    linalg = "LinAlgError" in type(error).__name__
    if type(error) is RuntimeError and "division by zero" in str(error):  # torch's of a singular LU
        found: Exception = LinAlgError(f"{where} of {about}: {error}")
    elif isinstance(error, IndexError):
        found = OutOfRangeError(f"{where} of {about}: {error}")
    elif type(error) in (ValueError, TypeError, RuntimeError, AttributeError) or (
        "UFunc" in type(error).__name__  # NumPy's errors without public names
    ):
        found = OperationError(f"{where} of {about}: {error}")
    elif isinstance(error, NotImplementedError):
        found = UnsupportedError(f"{where} of {about}: {error}")
    elif _is_library(error, arrays):
        ours = LinAlgError if linalg else PluggradError
        theirs: Any = type(error)
        kind = _derived(ours, theirs)
        # (Not `__init__`, which may want other arguments.)
        found = kind.__new__(kind, f"{where} of {about}: {error}")
    else:
        error.add_note(f"{where} of {about}")  # the user's own, which callers may catch
        return error
    found.__cause__ = error
    return found


@functools.cache
def _derived(ours: type[PluggradError], theirs: type[Exception]) -> type[PluggradError]:
    """The class of errors that are both: `ours`, and `theirs`, which callers may catch."""
    if issubclass(ours, theirs):
        return ours
    return type(theirs.__name__.lstrip("_"), (ours, theirs), {"__module__": "pluggrad.errors"})


def _is_library(error: Exception, arrays: list[Any]) -> bool:
    """Whether `error` comes from Python or from a library of arrays, not from the user's code."""
    if isinstance(error, (Warning, MemoryError, StopIteration)):
        return False
    module = type(error).__module__.partition(".")[0]
    modules = {type(raw_of(x)).__module__.partition(".")[0] for x in arrays}
    return module in {"builtins", "array_api_compat", *LIBRARIES, *modules}


def promote(args: list[Any], backend: Backend) -> list[Any]:
    """`args`, with scalars made arrays and integers made floats, in the result dtype of all."""
    arrays = [x for x in args if hasattr(x, "dtype")]
    dtypes = {x.dtype for x in arrays}
    if not arrays or (len(arrays) == len(args) and dtypes <= backend.float_dtypes):
        return args
    floats = dtypes & backend.float_dtypes
    try:
        dtype = backend.xp.result_type(*dtypes)
    except TypeError:  # the standard does not define integers beside floats
        dtype = backend.xp.result_type(*floats) if floats else None
    if dtype not in backend.float_dtypes:
        dtype = backend.xp.asarray(1.0).dtype
    return [
        cotangents.create("asarray", x, beside=arrays[0], dtype=dtype) if type(x) in SCALARS
        else backend.namespace.astype(x, dtype) if x is not None and x.dtype not in floats
        else x
        for x in args
    ]  # fmt: skip


def operand(x: Any, backend: Backend) -> Any:
    """True if the operators of Variables can take `x`. Otherwise NotImplemented, so that Python
    tries the operator of `x`."""
    kind = type(x)
    if kind in SCALARS or kind in LISTS or (isinstance(x, SCALARS) and not hasattr(x, "dtype")):
        return True
    try:
        return backend_of(x) is not None or NotImplemented
    except TypeMismatchError:
        return NotImplemented


def refuse_operand(x: Any, where: str) -> None:
    """Raise if `x`, which the operator `where` cannot take, has no operator that could answer
    instead. (Python would raise an error of its own, or repeat a string.)"""
    if type(x).__module__ == "builtins" or isinstance(x, Number):
        raise TypeMismatchError(
            f"{where} takes a number or an array, not {shortened(x)}; `float(...)` or "
            "`pluggrad.asarray(...)` may make one of it"
        )


def check_function(fun: Any, where: str) -> None:
    """Raise unless `fun` can be called."""
    if not callable(fun):
        raise TypeMismatchError(f"{where} takes a function, not {shortened(fun)}")


def shortened(x: Any) -> str:
    """`x` as Python shows it, cut after 40 characters, with its type."""
    return f"{shown(x)} ({type(x).__name__})"


def several(x: Any, where: str) -> list[Any]:
    """The arrays in `x`, a sequence of them; those along the first axis of an array."""
    if isinstance(x, (str, dict)) or not hasattr(x, "__iter__"):
        raise TypeMismatchError(f"{where} takes a list of arrays, not {shortened(x)}")
    return list(x)


def shown(x: Any) -> str:
    """`x` as Python shows it, cut after 40 characters."""
    try:
        text = repr(x)
    except Exception:  # Python shows no integer of more than some thousand digits
        return f"one {type(x).__name__}"
    return text if len(text) <= 40 else f"{text[:40]}..."


def convert(x: Any, backend: Backend, primitive: Primitive) -> Any:
    """`x` as an argument of `primitive` beside arrays of `backend`, or an error that says what to
    do."""
    try:
        other = BACKENDS[type(x)]
    except KeyError:
        if isinstance(x, (tuple, list)):
            return x if type(x) in LISTS else tuple(x)  # `lift_lists` follows
        if isinstance(x, slice) or x is Ellipsis or isinstance(x, type):
            return x
        if isinstance(x, SCALARS) and not hasattr(x, "dtype"):  # such as `v.size`, or an IntEnum
            kind: Any = next(kind for kind in (int, float, complex) if isinstance(x, kind))
            return kind(x)
        try:
            other = backend_of(x)
        except TypeMismatchError:
            if not primitive.private:
                refuse_operand(x, primitive.name)
            return x
    if other is backend:
        return x if backend.hold is None else backend.hold(x)
    if other is None:
        no_number = type(x) is str or (x is None and None not in primitive.defaults.values())
        if no_number and not primitive.private and primitive.name != "astype":
            raise TypeMismatchError(
                f"{primitive.name} takes a number or an array, not {shortened(x)}"
            )
        return x
    if other.name == "numpy" and x.ndim == 0 and not hasattr(x, "__setitem__"):
        return x.item()  # np.generic: a weak scalar beside other libraries' arrays
    return foreign_constant(x, backend, other, primitive.name)


def foreign_constant(x: Any, backend: Backend, other: Backend, where: str) -> Any:
    """`x`, an array of the backend `other`, as a constant of `backend`: a NumPy array where the
    library takes those. Anything else is an error."""
    if other.name == "numpy" and not is_variable(x) and backend.adapter.takes_numpy:
        return backend.xp.asarray(x)
    raise mixed(backend, other, where)


def of_backend(x: Any, backend: Backend, what: str, where: str) -> Any:
    """`x`, which a user's function returned, as an array of `backend`; else an error."""
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
        return foreign_constant(x, backend, other, f"{what} an array of {other.name} {where}")
    return x


def _is_other_integer(x: Any) -> bool:
    """Whether `x` is an integer of another type than Python's, such as NumPy's scalars."""
    return isinstance(x, Integral) and not isinstance(x, (int, bool))


def setting(x: Any, primitive: Primitive) -> Any:
    """The keyword argument `x` of `primitive`, with Variables replaced by raw arrays."""
    if isinstance(x, (tuple, list)) and not primitive.private:
        # A tuple, because a list might be changed before the walk uses it.
        return tuple([setting(item, primitive) for item in x])
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


# ---------------------------------------------------------------- numbers that count or name axes


def whole(n: Any, where: str, what: str, least: int | None = None) -> int:
    """`n` as an int. A fraction is refused, not cut off, and so are a bool and a number below
    `least`. For errors, `where` names the function and `what` the argument."""
    try:
        if isinstance(n, bool):
            raise TypeError
        found = operator.index(n)
    except TypeError:
        raise TypeMismatchError(f"{where}: {what} is an integer, not {n!r}") from None
    if least is not None and found < least:
        raise InvalidArgumentError(f"{where}: {what} is at least {least}, and {n} was given")
    return found


def axis_of(axis: Any, ndim: int, where: str, what: str = "axis") -> int:
    """`axis` of an array of `ndim` axes, as a number counted from the front (never negative)."""
    found = whole(axis, where, what)
    if not ndim:
        no_axis(found, where)
    if not -ndim <= found < ndim:
        raise OutOfRangeError(f"{where}: there is no {what} {found} in an array of {ndim} axes")
    return found % ndim


def integers(x: Any, primitive: Primitive, name: str) -> Any:
    """`x`, an argument that must be an integer, several integers, or None. It is checked here,
    because some libraries cut off a fraction, and take True for 1."""
    if isinstance(x, (tuple, list)):
        return tuple([integers(n, primitive, name) for n in x])
    backend = None if x is None or type(x) in SCALARS or isinstance(x, str) else backend_of(x)
    if backend is None or not x.shape:
        if is_variable(x):
            x = setting(x, primitive)
        return x if x is None else whole(x, primitive.name, name)
    if not backend.xp.isdtype(x.dtype, "integral"):
        raise TypeMismatchError(f"{primitive.name}: {name} takes integers, not {x.dtype} numbers")
    return x


def number(x: Any, primitive: Primitive, name: str) -> Any:
    """`x`, an argument that must be a number: a string, a sequence and None are refused."""
    x = setting(x, primitive)
    if isinstance(x, (str, tuple, list)) or x is None:
        raise TypeMismatchError(f"{primitive.name}: {name} is a number, not {x!r}")
    return x


def no_axis(axis: Any, where: str) -> None:
    """Raise OutOfRangeError: a 0-d array has no `axis`. Some libraries accept 0 and -1, as if it
    had one axis, and some of their functions then add one."""
    if not isinstance(axis, (tuple, list)) or axis:
        raise OutOfRangeError(f"{where}: a 0-d array has no axis, and axis={axis} was given")


def axes_of(axis: Any, ndim: int, where: str, what: str = "axis") -> tuple[int, ...]:
    """One axis or several, as a tuple of numbers counted from the front; None stands for all."""
    if axis is None:
        return tuple(range(ndim))
    several = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple([axis_of(n, ndim, where, what) for n in several])
    if len(set(axes)) < len(axes):
        raise InvalidArgumentError(f"{where}: {what}={axis} names an axis twice")
    return axes
