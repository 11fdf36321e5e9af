"""How a function of NumPy's is called: NumPy's own does the work, and lists that hold Variables
become Variables only where NumPy meets one in them.

A Variable that NumPy converts to an array asks who called NumPy. If it was this package, it raises
`MetInListError`, and the function is called again with the lists lifted. So without Variables a
call costs no more than a Python function around NumPy's.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy

from ..arrays.backend import get_backend
from ..arrays.dispatch import is_variable
from ..engine.graph_breaks import MetInListError, break_graph
from ..errors import GraphBreakError, UnsupportedError, UntraceableError
from ..variables.library_functions import label, raw, tracked
from .lists import lifted

__all__ = ["again", "dressed", "is_met", "passing", "with_methods"]

#: Parameters that are sequences of arrays, by function: the elements are the arrays.
SEQUENCES: dict[str, tuple[str | int, ...]] = {
    "concatenate": (0, "arrays"),
    "concat": (0, "arrays"),
    "stack": (0, "arrays"),
    "hstack": (0, "tup"),
    "vstack": (0, "tup"),
    "dstack": (0, "tup"),
    "column_stack": (0, "tup"),
    "row_stack": (0, "tup"),
    "select": (0, 1, "condlist", "choicelist"),
    "choose": (1, "choices"),
    "lexsort": (0, "keys"),
    "multi_dot": (0, "arrays"),
    "histogramdd": (0, "sample"),
}
#: Functions that call one of the user's, which may return Variables that it did not get: the place
#: and the name of the array.
CALLING = {"apply_along_axis": (2, "arr"), "apply_over_axes": (1, "a"), "piecewise": (0, "x")}
#: Functions that answer False where a conversion raises: lists are looked through beforehand.
CATCHING = frozenset({"array_equal", "array_equiv"})


def passing(function: Callable[..., Any], module: str, name: str) -> Any:
    """NumPy's `function`, as `module` offers it under `name`."""
    if name in CATCHING:

        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*map(lifted, args), **{key: lifted(x) for key, x in kwargs.items()})
    else:

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                first = error
            return again(function, first, args, kwargs)

    call = dressed(call, function, module, name)
    return with_methods(call, function, module) if isinstance(function, numpy.ufunc) else call


#: The methods of ufuncs.
METHODS = ("accumulate", "at", "outer", "reduce", "reduceat")


def with_methods(call: Any, ufunc: Any, module: str = "") -> Any:
    """`call`, with the methods and attributes of `ufunc`."""
    for name in METHODS:
        setattr(call, name, passing(getattr(ufunc, name), module, f"{call.__name__}.{name}"))
    for name in ("identity", "nargs", "nin", "nout", "ntypes", "resolve_dtypes", "signature",
                 "types"):  # fmt: skip
        setattr(call, name, getattr(ufunc, name))
    return call


def dressed(call: Any, function: Any, module: str, name: str) -> Any:
    """`call` with the signature and the documentation of NumPy's `function`."""
    functools.update_wrapper(call, function, ("__doc__",), ())
    call.__module__, call.__name__, call.__qualname__ = module, name, name
    with suppress(TypeError, ValueError):
        call.__signature__ = inspect.signature(function)
    return call


def again(function: Any, error: Exception, args: Any, kwargs: Any) -> Any:
    """The result of `function`, which raised `error`, for lists that hold Variables; raises `error`
    if these are not the reason."""
    met = is_met(error)
    if not met and not isinstance(
        error, (GraphBreakError, UntraceableError, TypeError, ValueError)
    ):
        raise error
    name = function.__name__
    places = SEQUENCES.get(name, ())
    new = [lifted(x, n in places) for n, x in enumerate(args)]
    named = {key: lifted(x, key in places) for key, x in kwargs.items()}
    if all([x is y for x, y in zip((*new, *named.values()), (*args, *kwargs.values()))]):
        if not met:
            raise error
        place, key = CALLING.get(name, (0, ""))
        if key and place < len(new):
            new[place] = _as_variable(new[place])
        elif key in named:
            named[key] = _as_variable(named[key])
        else:
            return _of_values(function, args, kwargs)
    try:
        return function(*new, **named)
    except MetInListError:
        pass
    return _of_values(function, new, named)


def _as_variable(x: Any) -> Any:
    """An array, as an untracked Variable: a function of the user's gets Variables, and returns
    them."""
    return x if is_variable(x) else get_backend("numpy").namespace.asarray(x)


def is_met(error: BaseException | None) -> bool:
    """Whether NumPy met a Variable; it may have raised an error of its own instead."""
    while error is not None:
        if isinstance(error, MetInListError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _of_values(function: Any, args: Any, kwargs: Any) -> Any:
    """What `function`, which cannot take Variables, answers to their values; GraphBreakError where
    a gradient would be lost."""
    what = f"conversion to a NumPy array, by {label(function)},"
    if tracked(args, kwargs):
        break_graph(what)
    try:
        return function(*raw(args), **raw(kwargs))
    except MetInListError:
        pass
    break_graph(what)  # a Variable that a function of the user's returned
    raise UnsupportedError(
        f"{label(function)} cannot take Variables from a function that it calls; return `.data` "
        "of what you `.detach()` there"
    )
