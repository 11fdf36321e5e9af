"""Arguments that the functions of `scipy.ndimage` share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...arrays.dispatch import is_variable, xp
from ...engine.arguments import axes_of, shortened, whole
from ...engine.cotangents import create, is_complex
from ...errors import InvalidArgumentError, PluggradError, TypeMismatchError, UnsupportedError
from ...functions.operand import as_array, as_doubles, backend_for, values_of

__all__ = [
    "array", "axes_among", "constant_of", "filter_mode", "in_doubles", "integer", "kernel",
    "number", "output_dtype", "sequence", "stored",
]  # fmt: skip

_FILTER_MODES = {
    "reflect": "reflect", "constant": "constant", "nearest": "nearest", "mirror": "mirror",
    "wrap": "wrap", "grid-mirror": "reflect", "grid-constant": "constant", "grid-wrap": "wrap",
}  # fmt: skip


def array(x: Any, where: str, what: str = "input") -> Any:
    """`x` as a Variable."""
    return as_array(x, f"scipy.ndimage.{where}", what)


def filter_mode(mode: Any, where: str) -> str:
    """The name that a filter's `mode` goes by here."""
    if not isinstance(mode, str) or mode not in _FILTER_MODES:
        raise InvalidArgumentError(
            f"scipy.ndimage.{where}: mode is one of {', '.join(_FILTER_MODES)}, not {mode!r}"
        )
    return _FILTER_MODES[mode]


def sequence(x: Any, count: int, where: str, what: str) -> list[Any]:
    """`x` for each of `count` axes: one for all of them, or a sequence."""
    if isinstance(x, str) or not isinstance(x, Iterable) or getattr(x, "shape", None) == ():
        return [x] * count
    found = list(x)
    if len(found) != count:
        raise InvalidArgumentError(
            f"scipy.ndimage.{where}: {what} has {len(found)} elements for {count} axes"
        )
    return found


def axes_among(axes: Any, ndim: int, where: str) -> tuple[int, ...]:
    """`axes` as numbers counted from the front; None stands for all."""
    if isinstance(axes, Iterable) and not isinstance(axes, str):
        axes = tuple(axes)
    return axes_of(axes, ndim, f"scipy.ndimage.{where}", "axes")


def output_dtype(output: Any, x: Any, where: str, *others: Any) -> Any:
    """The dtype of a result: that of `x`, complex if one of `others` is, or the dtype `output`."""
    backend = backend_for(x)
    mixed = any([is_complex(y) for y in (x, *others) if hasattr(y, "dtype")])
    if output is None:
        if not mixed or is_complex(x):
            return x.dtype
        return backend.xp.result_type(as_doubles(x).dtype, backend.xp.complex64)
    if hasattr(output, "dtype") and not isinstance(output, type):
        raise UnsupportedError(
            f"scipy.ndimage.{where}: output is a dtype, not an array; assign the result instead"
        )
    try:
        dtype = dtype_of(output, backend)
    except Exception:
        raise TypeMismatchError(
            f"scipy.ndimage.{where}: output is a dtype, not {shortened(output)}"
        ) from None
    if mixed and not backend.xp.isdtype(dtype, "complex floating"):
        raise TypeMismatchError(
            f"scipy.ndimage.{where}: output={dtype} does not hold complex numbers"
        )
    return dtype


_BUILTIN = {float: "float64", int: "int64", complex: "complex128", bool: "bool"}


def dtype_of(dtype: Any, backend: Any) -> Any:
    """`dtype`, which may be NumPy's or one of Python's types, as one of the library."""
    try:
        return backend.raw("zeros")((0,), dtype=dtype).dtype
    except Exception:
        name = (
            _BUILTIN.get(dtype) or getattr(dtype, "name", None) or getattr(dtype, "__name__", dtype)
        )
        return getattr(backend.xp, str(name))


def constant_of(values: Any, like: Any, shape: tuple[int, ...] | None = None) -> Any:
    """Numbers as a constant array beside `like`, or one number in an array of that shape: in double
    precision over NumPy, else in the dtype of the real part of `like`."""
    backend = backend_for(like)
    dtype = backend.xp.float64
    if backend.name != "numpy" and like.dtype in backend.float_dtypes:
        dtype = (xp.real(like) if is_complex(like) else like).dtype
    name, args = ("asarray", (values,)) if shape is None else ("full", (shape, values))
    made = create(name, *args, beside=like, dtype=dtype)
    return backend.namespace.asarray_constant(made) if is_variable(like) else made


def kernel(weights: Any, like: Any, where: str, what: str = "weights") -> Any:
    """`weights` as an array of floating-point numbers beside `like`."""
    if not hasattr(weights, "dtype"):
        try:
            return constant_of(weights, like)
        except (TypeError, ValueError, PluggradError, RuntimeError):
            pass  # it holds Variables or complex numbers
    weights = array(weights, where, what)
    return weights if weights.dtype in backend_for(weights).float_dtypes else as_doubles(weights)


def in_doubles(x: Any, dtype: Any) -> Any:
    """`x`, ready for a filter whose result is stored in `dtype`: SciPy computes in doubles."""
    floats = backend_for(x).float_dtypes
    return x if x.dtype == dtype and dtype in floats else as_doubles(x)


def stored(y: Any, dtype: Any) -> Any:
    """`y` in `dtype`, cut off to whole numbers if that is an integer dtype, as SciPy stores it."""
    if y.dtype == dtype:
        return y
    space = backend_for(y).xp
    if space.isdtype(dtype, "bool"):
        y = xp.astype(y, space.int64)
    return xp.astype(y, dtype)


def number(x: Any, where: str, what: str) -> float | None:
    """The value of a number or of an array without axes; None while a library traces."""
    found = values_of(x) if hasattr(x, "dtype") else x
    if found is None or (isinstance(found, (int, float)) and not hasattr(found, "shape")):
        return found
    raise TypeMismatchError(f"scipy.ndimage.{where}: {what} is a number, not {shortened(x)}")


def integer(n: Any, where: str, what: str, least: int | None = None) -> int:
    """`n` as an int."""
    return whole(n, f"scipy.ndimage.{where}", what, least)
