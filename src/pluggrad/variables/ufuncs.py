"""NumPy's ufuncs, called with Variables: NumPy passes these calls on through `__array_ufunc__`."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import Backend
from ..arrays.dispatch import is_variable
from ..engine.arguments import explain
from .library_functions import raw
from .ufunc_calls import Call, called
from .ufunc_methods import METHODS

__all__ = ["numpy_ufunc"]

#: Reductions that mean the same as those of the namespace, of arrays of floats: the fast path.
_REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}


def _own(ufunc: Any) -> bool:
    """Whether `ufunc` is NumPy's own of its name."""
    import numpy

    return getattr(numpy, ufunc.__name__, None) is ufunc


def _with_raw_mask(ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    """NumPy's own answer where only `where` is a Variable, which has no gradient. NumPy's functions
    come here, and expect an array of NumPy's."""
    try:
        return getattr(ufunc, method)(*inputs, **raw(kwargs))
    except Exception as error:
        explain(error, f"numpy.{ufunc.__name__}.{method}", inputs)


def numpy_ufunc(backend: Backend, ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    """Answer a NumPy ufunc, or a method of one, that was called with a Variable."""
    if method == "reduce" and not kwargs.keys() - {"axis", "keepdims"}:
        function = _REDUCTIONS.get(ufunc.__name__)
        x = inputs[0]
        if function is not None and x.ndim and x.dtype in backend.real_dtypes and _own(ufunc):
            kwargs.setdefault("axis", 0)
            return getattr(backend.namespace, function)(x, **kwargs)
    out = kwargs.get("out", ())
    if not any(map(is_variable, (*inputs, *(out if isinstance(out, tuple) else (out,))))):
        return _with_raw_mask(ufunc, method, inputs, kwargs)
    call = Call(backend, ufunc, method)
    answer = called if method == "__call__" else METHODS[method]
    try:
        return answer(call, inputs, dict(kwargs))
    except Exception as error:
        explain(error, call.name, inputs)
