"""Lists in the place of arrays: numbers become an array, arrays and Variables are stacked."""

from __future__ import annotations

from collections.abc import Container
from contextlib import suppress
from numbers import Integral
from typing import Any

from ..arrays.backend import PRIMITIVES, SCALARS, Backend
from ..arrays.dispatch import is_variable
from ..errors import InvalidArgumentError, OperationError, TypeMismatchError
from .arguments import convert, operand, shortened
from .cotangents import create
from .handles import raw_of
from .primitive import LISTS, Primitive

__all__ = ["array_of", "comparable", "lift_lists"]

#: Arguments of primitives that come by position and are no arrays.
NO_ARRAYS = frozenset({"repetitions", "source", "destination", "dtype"})


def lift_lists(args: list[Any], backend: Backend, primitive: Primitive) -> list[Any]:
    """`args` of `primitive`, with arrays in place of lists. To a function of any number of arrays,
    a number is one, too."""
    variadic = primitive.variadic
    names = primitive.positional
    beside = first_array(args, backend.float_dtypes)
    beside = first_array(args) if beside is None else beside
    found = []
    for n, x in enumerate(args):
        name = "" if variadic else names[n]
        if name in NO_ARRAYS or (
            type(x) not in LISTS and not (variadic and isinstance(x, SCALARS))
        ):
            found.append(x)
        elif name in primitive.whole:  # the dtype of an index has nothing to do with that of `x`
            found.append(array_of(x, backend, primitive.name, beside, whole=True))
        else:
            found.append(array_of(x, backend, primitive.name, beside))
    return found


def array_of(x: Any, backend: Backend, where: str, beside: Any = None, whole: bool = False) -> Any:
    """A number, or nested lists of numbers, as a raw array; of a list that holds arrays or
    Variables, these stacked. Arrays are returned as they are.

    The library chooses the dtype of numbers; beside an array of floats, `beside`, they are floats
    of no less precision. If `whole`, they stay what they are, and an empty list is one of integers.
    For errors, `where` names the function.
    """
    if type(x) in LISTS and (first := first_array(x)) is not None:
        items = [array_of(item, backend, where, first, whole) for item in x]
        try:
            return backend.namespace.stack(items)
        except OperationError as error:
            shapes = ", ".join([str(tuple(item.shape)) for item in items])
            raise InvalidArgumentError(
                f"{where}: a list of arrays is stacked, so they need one shape, not {shapes}"
            ) from error
    if is_array(x):
        return convert(x, backend, PRIMITIVES["stack"])
    if not numeric(x):
        raise TypeMismatchError(
            f"{where} takes numbers, arrays, and lists of these, not {shortened(x)}"
        )
    xp = backend.xp
    try:
        made = xp.asarray(x, dtype=xp.int64) if whole and not x else xp.asarray(x)
        dtype = None if beside is None or whole else beside.dtype
        if dtype in backend.float_dtypes and made.dtype != dtype and made.dtype != xp.bool:
            with suppress(TypeError):  # the standard does not define integers beside floats
                dtype = xp.result_type(made.dtype, dtype)
            made = xp.asarray(x, dtype=dtype)
        if beside is None or backend.adapter.same_device(made, raw_of(beside)):
            return made
        return create("asarray", x, beside=beside, dtype=made.dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidArgumentError(
            f"{where}: {shortened(x)} cannot be made an array: {error}"
        ) from error


def comparable(x: Any, backend: Backend) -> Any:
    """As `operand`, for `==` and `!=`, which have an answer for everything: nothing equals a list
    that holds something else than numbers and arrays."""
    return operand(x, backend) if type(x) not in LISTS or numeric(x) else NotImplemented


def is_array(x: Any) -> bool:
    """Whether `x` is an array or a Variable. NumPy's scalars, which cannot be written, are
    numbers."""
    return hasattr(x, "dtype") and (is_variable(x) or hasattr(x, "__setitem__"))


def first_array(x: Any, dtypes: Container[Any] | None = None) -> Any:
    """The first array or Variable in nested lists, of one of these dtypes if any are given; None if
    there is none."""
    for item in x:
        if type(item) in LISTS:
            found = first_array(item, dtypes)
        else:
            found = item if is_array(item) and (dtypes is None or item.dtype in dtypes) else None
        if found is not None:
            return found
    return None


def numeric(x: Any) -> bool:
    """Whether `x` is a number, or nested lists of nothing else."""
    if type(x) in LISTS:
        return all([numeric(item) for item in x])
    return isinstance(x, (*SCALARS, Integral)) or hasattr(x, "dtype")
