"""NumPy's ufuncs, called with Variables: NumPy passes these calls on through `__array_ufunc__`."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import Backend
from ..engine.arguments import explain
from .ufunc_calls import Call, called
from .ufunc_methods import METHODS

__all__ = ["numpy_ufunc"]


def numpy_ufunc(backend: Backend, ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    """Answer a NumPy ufunc, or a method of one, that was called with a Variable."""
    call = Call(backend, ufunc, method)
    answer = called if method == "__call__" else METHODS[method]
    try:
        return answer(call, inputs, dict(kwargs))
    except Exception as error:
        explain(error, call.name, inputs)
