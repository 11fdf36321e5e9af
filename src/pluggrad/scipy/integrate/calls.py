"""The functions that users integrate: on the host for values, recorded for derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.backend import Backend, get_backend
from ...arrays.dispatch import is_batched, is_variable, xp
from ...engine.grad_mode import no_grad
from ...engine.handles import is_tracked
from ...errors import BatchingError, PluggradError, UnsupportedError
from ...functions.gathering import values_of
from ...functions.operand import as_array
from ...transforms import stop_gradient, vmap
from ..rows import backend_among

__all__ = [
    "at_nodes",
    "backend_in",
    "beside",
    "constants",
    "known",
    "number",
    "on_host",
    "some_tracked",
]


def some_tracked(*values: Any) -> bool:
    """Whether a Variable that requires grad is among `values`, or in lists of them."""
    return any(
        is_tracked(x) if is_variable(x) else isinstance(x, (list, tuple)) and some_tracked(*x)
        for x in values
    )


def backend_in(*values: Any) -> Backend:
    """The backend of the first Variable among `values`, lists included, else of the first array of
    another library than NumPy; NumPy's if there is neither."""
    return backend_among(values) or get_backend("numpy")


def beside(value: Any, *others: Any) -> Any:
    """What SciPy computed, as an array of the library of `others`; of another library than NumPy,
    in the dtype of the first of them. (torch would make single precision of a number.)"""
    backend = backend_in(*others)
    return backend.namespace.asarray(
        value, dtype=None if backend.name == "numpy" else _float_dtype(others)
    )


def _float_dtype(values: Any) -> Any:
    """The dtype of the first Variable of floats among `values`, lists included."""
    for x in values:
        if isinstance(x, (list, tuple)):
            found = _float_dtype(x)
        else:
            found = x.dtype if is_variable(x) and "float" in str(x.dtype) else None
        if found is not None:
            return found
    return None


def constants(values: Any) -> tuple[Any, ...]:
    """`values` as constants."""
    return tuple([stop_gradient(x) if is_variable(x) else x for x in values])


def known(x: Any, where: str) -> Any:
    """The values of `x` as a NumPy array."""
    if is_variable(x) and is_batched(x):
        raise BatchingError(
            f"inside vmap, {where} chooses its steps by values, and these differ within the batch: "
            "call it for one element at a time"
        )
    if not hasattr(x, "dtype") and isinstance(x, (list, tuple)):
        return np.asarray([known(item, where) for item in x])
    found = values_of(x)
    if found is None:
        raise UnsupportedError(
            f"{where} chooses its steps by values, which are not known here: call it outside of "
            "vmap and of compiled functions"
        )
    return np.asarray(found)


def number(x: Any, where: str) -> float:
    """The number `x`."""
    found = known(x, where)
    return float(found.reshape(())) if found.size == 1 else float(found)


def on_host(function: Callable[..., Any], args: Any, where: str) -> Callable[..., Any]:
    """`function` with the constants `args` after its own arguments, as SciPy calls it: it returns
    NumPy arrays, and records nothing."""
    fixed = constants(args)

    def call(*xs: Any) -> Any:
        with no_grad():
            y = function(*xs, *fixed)
        return known(y, where)

    return call


def at_nodes(function: Callable[..., Any], nodes: Any, like: Any) -> Any:
    """The values of `function` at `nodes`, a NumPy array with the arguments of each call as a row,
    stacked along the first axis: all at once if that is possible, else call by call."""
    backend = like._backend
    columns = [backend.namespace.asarray(column, dtype=_real(like)) for column in nodes.T]

    def run(*xs: Any) -> Any:
        return as_array(function(*xs), "scipy.integrate", "the function's value", like)

    try:
        y = vmap(run)(*columns)
    except (PluggradError, TypeError, ValueError, AttributeError, RuntimeError):
        y = None
    if y is None or tuple(y.shape[1:]) != tuple(like.shape):
        rows = [run(*[float(x) for x in row]) for row in nodes]
        y = xp.stack([r if is_variable(r) else backend.namespace.asarray(r) for r in rows])
    return y if is_variable(y) else backend.namespace.asarray(y)


def _real(like: Any) -> Any:
    """The dtype of real numbers of that precision."""
    if like.dtype in like._backend.complex_dtypes:
        return xp.real(stop_gradient(like)).dtype
    return like.dtype
