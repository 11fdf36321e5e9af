"""Lists that hold Variables, in the place of arrays: ``np.array([v, 1.0])``.

NumPy makes an array of a list before anybody is asked, so the dtype and the errors are NumPy's, and
the values are stacked by us.
"""

from __future__ import annotations

from typing import Any

import numpy

from ..arrays.backend import VARIABLES, Backend, backend_of
from ..arrays.dispatch import is_variable
from ..arrays.tracers import TRACERS
from ..engine.arguments import shortened
from ..errors import InvalidArgumentError, TypeMismatchError, UnsupportedError

__all__ = ["array_from", "backend_among", "holds", "in_dtype", "lifted", "numpy_dtype"]


def holds(x: Any) -> bool:
    """Whether `x` is a Variable or a stand-in of `pluggrad.compile`, or a sequence or dict that
    holds one."""
    kind = type(x)
    if kind in VARIABLES or kind in TRACERS:
        return True
    if kind is list or kind is tuple:
        return any([holds(item) for item in x])
    if isinstance(x, (list, tuple)):
        return any([holds(item) for item in x])
    if isinstance(x, dict):
        return any([holds(item) for item in x.values()])
    return kind is numpy.ndarray and x.dtype.hasobject and any([holds(i) for i in x.flat])


def backend_among(x: Any) -> Backend | None:
    """The backend of the first Variable in `x`, else of the first stand-in."""
    if is_variable(x):
        return x._backend  # type: ignore[no-any-return]
    if type(x) in TRACERS:
        return backend_of(x)
    items = x.values() if isinstance(x, dict) else x.flat if isinstance(x, numpy.ndarray) else x
    if isinstance(x, (list, tuple, dict)) or (isinstance(x, numpy.ndarray) and x.dtype.hasobject):
        for item in items:
            found = backend_among(item)
            if found is not None:
                return found
    return None


def numpy_dtype(x: Any) -> Any:
    """The dtype that NumPy gives to an element `x` of a list."""
    if type(x) is list or type(x) is tuple or isinstance(x, (list, tuple)):
        found = [numpy_dtype(item) for item in x]
        return numpy.result_type(*found) if found else numpy.dtype(float)
    if type(x) in VARIABLES:
        dtype = x.dtype
        return dtype if isinstance(dtype, numpy.dtype) else named(dtype)
    return x.dtype if hasattr(x, "dtype") else numpy.asarray(x).dtype


def named(dtype: Any) -> Any:
    """A library's `dtype` as NumPy's of the same name."""
    try:
        return numpy.dtype(str(dtype).rpartition(".")[2])
    except TypeError:
        raise UnsupportedError(f"NumPy has no dtype {dtype}") from None


def in_dtype(x: Any, dtype: Any) -> Any:
    """The Variable `x` in NumPy's `dtype`; `x` itself if `dtype` is None or its own."""
    if dtype is None:
        return x
    dtype = numpy.dtype(dtype)
    backend: Backend = x._backend
    if backend.name == "numpy":
        own = dtype
    else:
        own = getattr(backend.xp, "bool" if dtype.kind == "b" else dtype.name, None)
    if own is None or dtype.kind not in "biufc":
        raise UnsupportedError(
            f"Variables hold numbers, not elements of dtype {dtype}; `.detach()` them and take "
            "`.data` if no gradient is needed"
        )
    return x if x.dtype == own else backend.namespace.astype(x, own)


def array_from(x: Any, dtype: Any = None) -> Any:
    """A Variable, or nested lists of Variables, numbers and arrays, as one Variable of `dtype`, by
    default the one that NumPy would choose."""
    backend = backend_among(x)
    assert backend is not None
    if type(x) in TRACERS:
        x = backend.namespace.asarray_constant(x)
    if is_variable(x):
        return in_dtype(x, dtype)
    if isinstance(x, numpy.ndarray):
        x = x.tolist()
    if backend.name != "numpy":
        return in_dtype(backend.namespace.asarray(x), dtype)
    chosen = numpy_dtype(x) if dtype is None else numpy.dtype(dtype)
    if chosen.kind not in "biufc":
        raise TypeMismatchError(
            f"an array of Variables holds numbers, and {shortened(x)} does not"
            if dtype is None else
            f"Variables hold numbers, not elements of dtype {chosen}; `.detach()` them and take "
            "`.data` if no gradient is needed"
        )  # fmt: skip
    return _stacked(x, backend, chosen)


def _stacked(x: Any, backend: Backend, dtype: Any) -> Any:
    if is_variable(x):
        return in_dtype(x, dtype)
    if not holds(x):
        return backend.namespace.asarray_constant(numpy.asarray(x, dtype=dtype))
    if type(x) in TRACERS:
        return in_dtype(backend.namespace.asarray_constant(x), dtype)
    items = [_stacked(item, backend, dtype) for item in x]
    shapes = {tuple(item.shape) for item in items}
    if len(shapes) > 1:
        raise InvalidArgumentError(
            "setting an array element with a sequence: a list of arrays needs one shape, not "
            f"{', '.join(sorted(map(str, shapes)))}"
        )
    return backend.namespace.stack(items)


def lifted(x: Any, inside: bool = False) -> Any:
    """`x`, or if it is a list that holds Variables, the Variable that it stands for. With `inside`,
    `x` is a sequence of arrays, and this is done to each of them."""
    if type(x) in TRACERS or not isinstance(x, (list, tuple)) or not holds(x):
        return x
    if not inside:
        return array_from(x)
    if hasattr(x, "_fields"):
        return type(x)(*[lifted(item) for item in x])
    return type(x)([lifted(item) for item in x])
