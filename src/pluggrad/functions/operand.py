"""Arguments of functions as arrays: numbers and lists, made arrays of the library of the others."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import SCALARS, Backend, backend_of
from ..arrays.choice import get_default_backend
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import shortened
from ..engine.cotangents import create, is_complex
from ..engine.lists import array_of
from ..errors import InvalidArgumentError, TypeMismatchError

__all__ = [
    "as_array", "as_doubles", "as_floats", "as_vector", "backend_for", "constant", "flat",
    "is_number", "refuse_complex", "values_of",
]  # fmt: skip


def is_number(x: Any) -> bool:
    """Whether `x` is a number and no array."""
    return isinstance(x, SCALARS) and not hasattr(x, "dtype")


def backend_for(*xs: Any) -> Backend:
    """The backend of the first array among `xs`; the default one if there is none."""
    for x in xs:
        if hasattr(x, "dtype") and hasattr(x, "shape"):
            found = backend_of(x)
            if found is not None:
                return found
    return get_default_backend()


def as_array(x: Any, where: str, what: str, like: Any = None) -> Any:
    """`x` as an array; a number or a list becomes one of the library of `like`.

    NumPy chooses the dtype of numbers as it does by itself. Beside floats of another library they
    get the dtype of `like`, so that a Python number does not widen it. For errors, `where` names
    the function and `what` the argument.
    """
    if is_variable(x):
        return x
    if hasattr(x, "dtype") and hasattr(x, "shape") and not isinstance(x, SCALARS):
        if backend_of(x) is not None:
            return x
    elif isinstance(x, (*SCALARS, list, tuple)):
        backend = backend_for(like)
        if isinstance(x, (list, tuple)):
            return backend.namespace.asarray(array_of(list(x), backend, where, like))
        dtype = None
        if is_number(x) and not isinstance(x, bool) and backend.name != "numpy":
            floats = backend.complex_dtypes if isinstance(x, complex) else backend.float_dtypes
            dtype = getattr(like, "dtype", None)
            dtype = dtype if dtype in floats else None
        return backend.namespace.asarray_beside(x, like, dtype)
    hint = ", whose `coeffs` are an array" if type(x).__name__ == "poly1d" else ""
    raise TypeMismatchError(f"{where}: {what} is an array or numbers, not {shortened(x)}{hint}")


def as_floats(x: Any) -> Any:
    """The array `x`, with integers and booleans made floats, as NumPy's division makes them."""
    backend = backend_for(x)
    if x.dtype in backend.float_dtypes:
        return x
    return xp.astype(x, backend.xp.asarray(1.0).dtype)


def as_doubles(x: Any) -> Any:
    """`x` in floats, over NumPy in double precision."""
    backend = backend_for(x)
    if backend.name != "numpy":
        return as_floats(x)
    dtype = backend.xp.complex128 if is_complex(x) else backend.xp.float64
    return x if x.dtype == dtype else xp.astype(x, dtype)


def as_vector(x: Any, where: str, what: str, like: Any = None) -> Any:
    """`x` as an array of one axis: a number is a vector of one element."""
    x = as_array(x, where, what, like)
    if x.ndim > 1:
        raise InvalidArgumentError(
            f"{where}: {what} is a vector, and an array of {x.ndim} axes was given"
        )
    return x if x.ndim else flat(x)


def flat(x: Any) -> Any:
    """All elements of `x` as a vector."""
    return x if x.ndim == 1 else xp.reshape(x, (-1,))


def refuse_complex(x: Any, where: str, what: str = "x") -> None:
    """Raise if `x` is complex."""
    if is_complex(x):
        raise TypeMismatchError(
            f"{where}: {what} is real, and {x.dtype} numbers were given; `pluggrad.real` and "
            "`pluggrad.imag` take their parts"
        )


def constant(like: Any, name: str, *args: Any) -> Any:
    """What the creation function `name` makes, in the dtype of `like` and beside it."""
    backend = backend_for(like)
    made = create(name, *args, beside=like, dtype=like.dtype)
    return backend.namespace.asarray_constant(made) if is_variable(like) else made


def values_of(x: Any) -> Any:
    """The elements of `x` as Python numbers, for functions whose result has a shape or a dtype that
    depends on values: a list, or a number for an array without axes. None while `vmap` maps over
    them, or another library traces."""
    try:
        return (x.detach() if is_variable(x) else x).tolist()
    except TypeError:  # so are the errors for values that are not there
        return None
