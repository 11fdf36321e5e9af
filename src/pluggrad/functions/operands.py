"""Arguments of functions that take arrays, lists and numbers alike."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import SCALARS, backend_of
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import backend_among, shortened
from ..engine.lists import array_of
from ..errors import InvalidArgumentError, PluggradError, TypeMismatchError

__all__ = ["as_arrays", "as_float", "column", "converted", "differ", "same_length"]


def as_arrays(where: str, *args: Any) -> list[Any]:
    """Arrays, numbers and lists as Variables over one library.

    A number beside NumPy's arrays has the dtype that NumPy gives it in these functions. Beside
    those of another library it does not change their dtype, unless it is of a higher kind.
    """
    if all([is_variable(x) for x in args]):
        return list(args)
    backend = backend_among(tuple([y for x in args for y in _inside(x)]), where)
    asarray = backend.namespace.asarray
    like = next(x for x in [y for x in args for y in _inside(x)] if hasattr(x, "shape"))
    found = []
    for x in args:
        if isinstance(x, (list, tuple)):
            found.append(asarray(array_of(list(x), backend, where, like)))
        elif hasattr(x, "shape") and backend_of(x) is not None:
            found.append(asarray(x))
        elif not isinstance(x, SCALARS):
            raise TypeMismatchError(f"{where} takes arrays and numbers, not {shortened(x)}")
        else:
            dtype = None
            if backend.name != "numpy":
                try:
                    dtype = backend.namespace.result_type(x, like.dtype)
                except PluggradError:  # a strict library; it chooses the dtype itself
                    dtype = None
            found.append(backend.namespace.asarray_beside(x, like, dtype))
    return found


def _inside(x: Any) -> list[Any]:
    """`x`, or what is in the nested list `x`."""
    return [z for y in x for z in _inside(y)] if isinstance(x, (list, tuple)) else [x]


def as_float(x: Any) -> Any:
    """`x`, with integers and booleans as floating-point numbers of the library's default dtype."""
    backend = backend_of(x)
    assert backend is not None
    if x.dtype in backend.float_dtypes:
        return x
    return backend.namespace.astype(x, backend.xp.asarray(1.0).dtype)


def converted(where: str, x: Any, dtype: Any, *, safely: bool = False) -> Any:
    """`x` as an array of `dtype`, which must not be of a lower kind (real, if `x` is complex) nor,
    if `safely`, of lower precision."""
    backend = backend_of(x)
    assert backend is not None
    dtype = backend.namespace.zeros((0,), dtype=dtype).dtype
    kinds = ("bool", "integral", "real floating", "complex floating")
    old, new = [
        [backend.xp.isdtype(t, kind) for kind in kinds].index(True) for t in (x.dtype, dtype)
    ]
    if old > new or (safely and not backend.xp.can_cast(x.dtype, dtype)):
        raise TypeMismatchError(
            f"{where}: dtype={dtype} does not hold {x.dtype} numbers; use `astype` first, if "
            "losing a part of them is meant"
        )
    return backend.namespace.astype(x, dtype)


def differ(n: Any, m: Any) -> bool:
    """Whether two lengths differ. An unknown one, None or nan, may be any."""
    return n != m and n is not None and m is not None and n == n and m == m


def column(x: Any) -> Any:
    """`x` with a last axis of length 1."""
    return xp.expand_dims(x, axis=-1)


def same_length(where: str, x1: Any, axis1: int, x2: Any, axis2: int) -> None:
    """Raise if the axes that are summed over differ in length, of which 1 is no exception."""
    if differ(x1.shape[axis1], x2.shape[axis2]):
        raise InvalidArgumentError(
            f"{where}: arrays of shapes {tuple(x1.shape)} and {tuple(x2.shape)} have "
            f"{x1.shape[axis1]} and {x2.shape[axis2]} elements to sum over"
        )
