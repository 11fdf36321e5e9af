"""What functions of several modules share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..arrays.backend import Backend, backend_of
from ..arrays.choice import get_default_backend
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import shortened
from ..engine.cotangents import create
from ..errors import TypeMismatchError

__all__ = ["arrays_of", "converted", "first_array", "known_backend"]


def first_array(items: Iterable[Any]) -> Any:
    """The first Variable among `items`, also inside lists and tuples; else the first array; None if
    there is neither."""
    found: Any = None
    for x in items:
        if isinstance(x, (list, tuple)):
            x = first_array(x)
        if is_variable(x):
            return x
        if found is None and hasattr(x, "shape") and hasattr(x, "dtype"):
            found = x
    return found


def known_backend(x: Any) -> Backend:
    """The backend of the array `x`; the default one if `x` is None."""
    found = None if x is None else backend_of(x)
    return get_default_backend() if found is None else found


def arrays_of(items: Iterable[Any]) -> list[Any]:
    """Each of `items` as an array. Numbers and lists become arrays like the others; they belong to
    the default backend if there is no array."""
    items = list(items)
    like = first_array(items)
    backend = known_backend(like)
    wraps = like is None or is_variable(like)
    arrays = []
    for x in items:
        if hasattr(x, "shape") and hasattr(x, "dtype"):
            if getattr(x, "shape", None) != () or hasattr(x, "__setitem__"):
                arrays.append(x)
                continue
            x = x.item() if backend_of(x) is not backend else x  # one of NumPy's scalars
        if isinstance(x, (str, dict, set)) or x is None:
            raise TypeMismatchError(f"an array or numbers are needed here, not {shortened(x)}")
        if wraps:
            arrays.append(backend.namespace.asarray_beside(x, like))
        else:
            arrays.append(create("asarray", x, beside=like))
    return arrays


#: Kinds of dtypes, each of which can be converted to those after it without losing more than
#: digits.
_KINDS = ("bool", "unsigned integer", "signed integer", "real floating", "complex floating")


def converted(y: Any, dtype: Any, where: str) -> Any:
    """`y` in `dtype`, or as it is if that is None. A dtype of a lesser kind is refused, such as
    integers for floats."""
    if dtype is None:
        return y
    backend = known_backend(y)
    isdtype = backend.xp.isdtype
    found = backend.raw("astype")(backend.raw("zeros")((0,)), dtype).dtype
    ranks = [next(n for n, kind in enumerate(_KINDS) if isdtype(t, kind)) for t in (y.dtype, found)]
    if ranks[1] < ranks[0]:
        raise TypeMismatchError(
            f"{where}: {y.dtype} numbers do not become {found} without loss; "
            "`pluggrad.astype` converts them all the same"
        )
    return xp.astype(y, dtype)
