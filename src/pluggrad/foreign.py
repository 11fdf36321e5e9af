"""The wrapped libraries' own functions, called with Variables: answered by ours of that name."""

from __future__ import annotations

from typing import Any

from .backend import Backend
from .dispatch import is_variable
from .errors import UnsupportedError
from .graph_breaks import refuse

__all__ = ["foreign", "lookup", "numpy_ufunc"]

#: NumPy's names for functions of the standard, where they differ.
NUMPY_NAMES = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh",
    "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh", "conjugate": "conj", "fabs": "abs",
    "invert": "bitwise_invert", "left_shift": "bitwise_left_shift", "mod": "remainder",
    "power": "pow", "float_power": "pow", "right_shift": "bitwise_right_shift", "rint": "round",
    "true_divide": "divide",
}  # fmt: skip
#: `ufunc.reduce` and `ufunc.accumulate`, by the ufunc's name.
REDUCTIONS = {
    ("add", "reduce"): "sum", ("multiply", "reduce"): "prod", ("maximum", "reduce"): "max",
    ("minimum", "reduce"): "min", ("logical_and", "reduce"): "all", ("logical_or", "reduce"): "any",
    ("add", "accumulate"): "cumulative_sum", ("multiply", "accumulate"): "cumulative_prod",
}  # fmt: skip


def lookup(backend: Backend, name: str) -> Any:
    """The function `name` of the differentiable namespace, such as ``linalg.solve``; or None."""
    found: Any = backend.namespace
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except (AttributeError, UnsupportedError):
            return None
    return found


def foreign(backend: Backend, func: Any, args: Any, kwargs: Any) -> Any:
    """A function of the library that a Variable wraps, or of NumPy, answered by ours."""
    answer = backend.adapter.foreign(backend, func, args, kwargs)
    if answer is NotImplemented:
        name = getattr(func, "__name__", str(func))
        module = getattr(func, "__module__", None) or type(func).__module__
        raise UnsupportedError(
            f"{module}.{name} does not work on Variables over {backend.name} arrays; use the "
            "function of that meaning in `pluggrad`, or `.detach()` its arguments"
        )
    return answer


def numpy_ufunc(backend: Backend, ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    """A NumPy ufunc called with a Variable among its arguments."""
    out = kwargs.pop("out", None)
    name = NUMPY_NAMES.get(ufunc.__name__, ufunc.__name__)
    if method == "at" or (out is not None and not all(o is None or is_variable(o) for o in out)):
        if any(is_variable(x) and x.requires_grad for x in inputs):
            refuse(f"writing the result of numpy.{ufunc.__name__} into a raw array")
        inputs = tuple([x.data if is_variable(x) else x for x in inputs])
        if method != "at":
            kwargs["out"] = out
        return getattr(ufunc, method)(*inputs, **kwargs)
    if method == "__call__" and (function := lookup(backend, name)) is not None:
        y = function(*inputs, **kwargs)
    elif method in ("reduce", "accumulate") and (ufunc.__name__, method) in REDUCTIONS:
        if len(inputs) > 1:
            kwargs["axis"], inputs = inputs[1], inputs[:1]
        elif "axis" not in kwargs:
            kwargs["axis"] = 0
        y = lookup(backend, REDUCTIONS[ufunc.__name__, method])(*inputs, **kwargs)
    else:
        return foreign(backend, getattr(ufunc, method), inputs, kwargs)
    if out is not None and out[0] is not None:
        out[0][...] = y
        return out[0]
    return y
