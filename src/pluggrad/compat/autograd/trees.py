"""Into a level and out again under HIPS's conventions: which values have gradients, and in what
form results come back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.backend import SCALARS, VARIABLES, backend_of
from ...arrays.dispatch import is_variable, xp
from ...engine.boundary import ARRAY, flatten, inner_value, is_of, unflatten
from ...engine.cotangents import conjugate, same_shape
from ...engine.handles import unwrap_untracked, wrap
from ...engine.levels import ROOT, Level
from ...engine.record import make_leaf
from ...errors import InvalidArgumentError, TypeMismatchError

__all__ = [
    "aligned",
    "conjugated",
    "cotangent",
    "entered",
    "floating",
    "holds_variables",
    "is_array",
    "outside",
    "plain",
]


def is_array(x: Any) -> bool:
    """Whether `x` is an array of any library, a Variable or a NumPy scalar."""
    return hasattr(x, "dtype") and hasattr(x, "shape")


def holds_variables(x: Any) -> bool:
    """Whether `x` is a Variable, or a list, tuple or dict with one somewhere inside."""
    if type(x) in VARIABLES:
        return True
    if isinstance(x, (list, tuple)):
        return any([holds_variables(item) for item in x])
    return isinstance(x, dict) and any([holds_variables(item) for item in x.values()])


def floating(x: Any) -> Any:
    """The argument `x` as an array that has gradients: integers in arrays become floating-point
    numbers. Python's integers are refused, as HIPS autograd refuses them."""
    kind = type(x)
    if kind is np.ndarray and x.dtype.kind in "fc":
        return x
    if kind is float:
        return np.float64(x)
    if kind is complex:
        return np.complex128(x)
    if kind in SCALARS or not is_array(x) or (isinstance(x, np.generic) and x.dtype.kind in "iub"):
        hint = f": give {float(x)}" if isinstance(x, (int, np.generic)) else ""
        raise TypeMismatchError(f"can't differentiate w.r.t. type {kind}{hint}")
    backend = backend_of(x)
    if backend is None or x.dtype in backend.float_dtypes:
        return x
    if kind is np.ndarray and x.dtype.kind not in "iub":
        raise TypeMismatchError(f"can't differentiate w.r.t. an array of dtype {x.dtype}")
    return xp.astype(x, backend.namespace.float64)


def entered(x: Any, level: Level) -> tuple[Any, list[tuple[Any, Any]], Any]:
    """`x`, an array or nested lists, tuples and dicts of arrays, as Variables of `level`. Returns
    what to call the function with, a pair (leaf node, value) per array, and the structure."""
    flat, spec = flatten(x)
    leaves, made = [], []
    for value in flat:
        value, backend = inner_value(floating(value))
        if level.sample is None:
            level.sample = value
        v = wrap(value, None, level, backend)
        v._birth = level
        v._node = node = make_leaf(v)
        made.append(v)
        leaves.append((node, value))
    return (made[0] if spec is ARRAY else unflatten(spec, made)), leaves, spec


def aligned(g: Any, y: Any, what: str) -> list[Any]:
    """The leaves of `g`, a cotangent or tangent of `y`, in the order of those of `y`. Both have the
    same structure, but any sequence stands for a list, tuple or named tuple."""
    if isinstance(y, dict):
        if not isinstance(g, dict) or g.keys() != y.keys():
            raise InvalidArgumentError(f"the {what} has another structure than its value")
        _, spec = flatten(y)
        keys = spec.entries() if spec is not ARRAY else list(y)
        return [leaf for key in keys for leaf in aligned(g[key], y[key], what)]
    if isinstance(y, (list, tuple)):
        if not isinstance(g, (list, tuple)) or len(g) != len(y):
            raise InvalidArgumentError(f"the {what} has another structure than its value")
        return [leaf for a, b in zip(g, y) for leaf in aligned(a, b, what)]
    return [g]


def plain(x: Any) -> Any:
    """A result in HIPS's form: NumPy's arrays without axes become NumPy's scalars."""
    return x[()] if type(x) is np.ndarray and not x.shape else x


def outside(v: Any, level: Level) -> Any:
    """The result `v` of a function without `level`: a plain array, a NumPy scalar, or a Variable of
    an outer level. What is no array stays as it is."""
    if type(v) not in VARIABLES:
        return v
    return plain(unwrap_untracked(v._read()[0] if is_of(v, level) else v))


def conjugated(g: Any) -> Any:
    """`g` turned from HIPS's convention for complex gradients to the engine's, or back."""
    kind = type(g)
    if kind is np.float64 or (kind is np.ndarray and g.dtype.kind == "f"):
        return g
    return conjugate(g)


def cotangent(g: Any, value: Any) -> Any:
    """`g`, the cotangent of an output `value` as HIPS autograd states it, as the engine's: an array
    of the shape and dtype of `value`, conjugated if that is complex."""
    backend = backend_of(value)
    assert backend is not None
    if not is_array(g):
        g = backend.namespace.raw_asarray(g)
    if not same_shape(g.shape, value.shape):
        raise InvalidArgumentError(
            f"the cotangent has shape {tuple(g.shape)}, and the output {tuple(value.shape)}"
        )
    if g.dtype != value.dtype:
        if g.dtype in backend.complex_dtypes and value.dtype not in backend.complex_dtypes:
            raise TypeMismatchError(
                f"the cotangent is complex ({g.dtype}), and the output real ({value.dtype})"
            )
        g = xp.astype(g, value.dtype)
    if is_variable(value) and not is_variable(g):
        g = wrap(g, None, ROOT, backend)
    return conjugated(g)
