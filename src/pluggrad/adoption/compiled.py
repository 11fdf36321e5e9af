"""Functions of an adopted package that are compiled code, which cannot take Variables.

A function compiled by numba has its Python original at hand, which is called for Variables. All
others raise an error instead of the foreign one that the compiled code would raise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy

from ..errors import UnsupportedError
from ..variables.library_functions import raw, tracked
from .either import holds

__all__ = ["Guarded", "Uncompiled", "is_compiled", "is_numba", "python_of", "stand_in"]

_KINDS = frozenset(
    {"builtin_function_or_method", "cython_function_or_method", "fused_cython_function", "fortran",
     "nb_func", "pybind11_builtin"}
)  # fmt: skip
_ELSEWHERE = frozenset({"numpy", "pluggrad", "builtins", "scipy"})


def is_compiled(x: Any) -> bool:
    """Whether `x` is a function of a compiled module, neither Python's own nor NumPy's or
    SciPy's."""
    kind = type(x).__name__
    if kind not in _KINDS or getattr(x, "__self__", None).__class__ not in _NO_OWNER:
        return False
    top = str(getattr(x, "__module__", None) or "builtins").partition(".")[0]
    return top not in _ELSEWHERE and top not in sys.stdlib_module_names


_NO_OWNER = (type(None), type(sys))


def is_numba(x: Any) -> bool:
    """Whether numba made the function `x` of a Python function that is at hand."""
    home = str(type(x).__module__)  # not a string where a metaclass hides it
    return home.startswith("numba.") and python_of(x) is not None


def python_of(x: Any) -> FunctionType | None:
    """The Python function that numba made `x` of, as `njit` or `vectorize` do."""
    f = getattr(x, "py_func", None) or getattr(getattr(x, "_dispatcher", None), "py_func", None)
    return f if isinstance(f, FunctionType) else None


class _Around:
    """A callable in the place of `theirs`, with its attributes."""

    def __init__(self, theirs: Any) -> None:
        self.__dict__["_theirs"] = theirs
        self.__dict__["__doc__"] = getattr(theirs, "__doc__", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._theirs, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._theirs, name, value)

    def __repr__(self) -> str:
        return repr(self._theirs)

    def __reduce__(self) -> Any:
        return (_itself, (self._theirs,))


def _itself(x: Any) -> Any:
    return x


class Guarded(_Around):
    """A compiled function: it takes the values of Variables that require no grad."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(map(holds, args)) or any(map(holds, kwargs.values())):
            if tracked(args, kwargs):
                name = getattr(self._theirs, "__qualname__", "") or str(self._theirs)
                raise UnsupportedError(
                    f"{getattr(self._theirs, '__module__', '')}.{name} is compiled code, which has "
                    "no derivative here; write the call as a function with a rule of its own, by "
                    "`pluggrad.custom_vjp`, or `.detach()` its arguments if no gradient is needed"
                )
            return self._theirs(*raw(args), **raw(kwargs))
        return self._theirs(*args, **kwargs)


class Uncompiled(_Around):
    """A function compiled by numba: its Python original runs for Variables. Other functions that
    numba compiles see the compiled one."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(map(holds, args)) or any(map(holds, kwargs.values())):
            return self._theirs.py_func(*args, **kwargs)
        return self._theirs(*args, **kwargs)


def _elementwise(x: Any) -> Callable[..., Any]:
    """What stands for a ufunc that numba made of a function of numbers."""
    import pluggrad.numpy as facade

    inner = facade.vectorize(python_of(x))

    class Elementwise(_Around):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            if any(map(holds, args)) and not kwargs:
                return inner(*args)
            return self._theirs(*args, **kwargs)

    return Elementwise(x)


def stand_in(x: Any) -> Any:
    """What stands for the compiled function `x`."""
    if not is_numba(x):
        return Guarded(x)
    if type(x).__name__ == "DUFunc":
        return _elementwise(x)
    return Guarded(x) if type(x).__name__ == "GUFunc" else Uncompiled(x)


def vectorized(x: numpy.vectorize) -> Any:
    """What stands for ``np.vectorize(f)``."""
    import pluggrad.numpy as facade

    signature = getattr(x, "signature", None)
    return facade.vectorize(
        x.pyfunc, otypes=x.otypes, doc=x.__doc__, excluded=x.excluded, cache=x.cache,
        signature=signature,
    )  # fmt: skip
