"""Which operator of ONNX does what a function of NumPy's does: one row for each.

The rows of `ELEMENTWISE` name an operator that takes the same arguments. Those of `ROWS` are
functions of the translator and the call. What only moves elements is in `moves`, and what has no
operator in `formulas`.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...staging.program import Call, Value
from .context import Context
from .graph import Tensor
from .moves import words
from .writes import choice, put, selected

__all__ = ["BOOLEAN", "ELEMENTWISE", "REDUCTIONS", "ROWS", "WRAPPING", "reduce"]

#: Ufuncs.
ELEMENTWISE = {
    "absolute": "Abs", "add": "Add", "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin",
    "arcsinh": "Asinh", "arctan": "Atan", "arctanh": "Atanh", "bitwise_and": "BitwiseAnd",
    "bitwise_or": "BitwiseOr", "bitwise_xor": "BitwiseXor", "ceil": "Ceil", "cos": "Cos",
    "cosh": "Cosh", "divide": "Div", "equal": "Equal", "special.erf": "Erf", "exp": "Exp",
    "floor": "Floor", "greater": "Greater", "greater_equal": "GreaterOrEqual",
    "invert": "BitwiseNot", "isnan": "IsNaN", "less": "Less", "less_equal": "LessOrEqual",
    "log": "Log", "logical_and": "And", "logical_not": "Not", "logical_or": "Or",
    "logical_xor": "Xor", "maximum": "Max", "minimum": "Min", "multiply": "Mul",
    "negative": "Neg", "power": "Pow", "rint": "Round", "sign": "Sign", "sin": "Sin",
    "sinh": "Sinh", "sqrt": "Sqrt", "subtract": "Sub", "tan": "Tan", "tanh": "Tanh",
}  # fmt: skip
#: The same on booleans.
BOOLEAN = {
    "add": "Or", "multiply": "And", "maximum": "Or", "minimum": "And", "bitwise_and": "And",
    "bitwise_or": "Or", "bitwise_xor": "Xor", "invert": "Not", "logical_and": "And",
    "logical_or": "Or", "logical_xor": "Xor", "logical_not": "Not", "equal": "Equal",
    "not_equal": "Xor", "absolute": "Identity",
}  # fmt: skip
#: Reductions: the ufunc that each repeats.
REDUCTIONS = {
    "sum": "add", "prod": "multiply", "max": "maximum", "amax": "maximum", "min": "minimum",
    "amin": "minimum", "all": "logical_and", "any": "logical_or",
}  # fmt: skip
_REDUCE = {
    "add": "ReduceSum", "multiply": "ReduceProd", "maximum": "ReduceMax", "minimum": "ReduceMin",
    "logical_and": "ReduceMin", "logical_or": "ReduceMax",
}  # fmt: skip
#: Operations of integers whose last bits depend on the last bits of the arguments alone.
WRAPPING = words(
    "add subtract multiply negative mul bitwise_and bitwise_or bitwise_xor invert equal not_equal"
)
ROWS: dict[str, Callable[[Context, Call], Any]] = {}


def row(*names: str) -> Callable[[Any], Any]:
    """Add a function to `ROWS`."""

    def add(f: Any) -> Any:
        ROWS.update(dict.fromkeys(names, f))
        return f

    return add


def given(call: Call, names: str, **defaults: Any) -> dict[str, Any]:
    """The arguments of a call by name; `names` are those that may come by position."""
    found = dict(zip(names.split(), call.args, strict=False)) | call.kwargs
    if len(call.args) > len(names.split()) or not found.keys() <= {*names.split(), *defaults}:
        raise TypeError(f"the arguments {', '.join(found)}")
    return defaults | found


# ---------------------------------------------------------------- reductions

_EXTENT = {"axis": None, "keepdims": False, "out": None}


def reduce(t: Context, call: Call, name: str) -> Tensor:
    """A reduction by the ufunc `name`."""
    order = _orders(call.function)
    extra = {"dtype": None, "initial": None, "where": True}
    found = given(call, order, **(_EXTENT | extra | {"axis": 0 if "array" in order else None}))
    x, y = found[order.split()[0]], call.results[0]
    if found["where"] is not True:
        raise TypeError("the argument `where`")
    logical = name.startswith("logical")
    tensor = t.cast(t.truth(x), np.int32) if logical else t.of(x, y.dtype)
    kind = np.dtype(np.int32) if logical else t.working(y.dtype, name in WRAPPING)
    total = _over(t, tensor, kind, name, found["axis"])
    initial = found["initial"]
    if initial is not None and isinstance(initial, (int, float, Value, np.generic)):
        other = t.graph.cast(t.of(initial, y.dtype), kind)
        total = t.graph.op(ELEMENTWISE[name], [total, other], kind, total.shape)
    if logical:
        total = t.graph.op("Greater", [total, t.graph.constant(0, kind)], np.bool_, total.shape)
    return t.cast(t.graph.reshape(total, y.shape), y.dtype)


def _orders(function: Any) -> str:
    """The arguments of a reduction that may come by position."""
    if isinstance(getattr(function, "__self__", None), np.ufunc):
        return "array axis dtype out keepdims initial where"
    name = function if isinstance(function, str) else function.__name__
    middle = "dtype " if name in ("sum", "prod") else ""
    return f"a axis {middle}out keepdims {'' if name in ('all', 'any') else 'initial '}where"


def _axes(axis: Any, ndim: int) -> list[int]:
    axes = range(ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    return [i % ndim for i in axes] if ndim else []


def _over(t: Context, x: Tensor, kind: Any, name: str, axis: Any) -> Tensor:
    """The reduction, with axes of length one where it was taken."""
    graph, axes = t.graph, _axes(axis, len(x.shape))
    x = graph.cast(x, kind)
    if not axes:  # ONNX would take it over all axes
        return x
    shape = [1 if i in axes else n for i, n in enumerate(x.shape)]
    over: Callable[..., Tensor] = lambda op, z: graph.op(
        op, [z, graph.constant(axes, np.int64)], z.dtype, shape
    )
    y = over(_REDUCE[name], x)
    if (
        _REDUCE[name] in ("ReduceMax", "ReduceMin") and x.dtype.kind == "f"
    ):  # which may pass over nan
        nan = graph.cast(graph.op("IsNaN", [x], np.bool_, x.shape), np.int32)
        nan = graph.cast(over("ReduceMax", nan), np.bool_)
        y = graph.op("Where", [nan, graph.constant(np.nan, x.dtype), y], y.dtype, shape)
    return y


@row("argmax", "argmin")
def _argmax(t: Context, call: Call) -> Tensor:
    found = given(call, "a axis out", **_EXTENT)
    graph, y = t.graph, call.results[0]
    x = t.of(found["a"])
    x = graph.cast(x, np.int32 if x.dtype == np.bool_ else t.working(x.dtype))
    axis = found["axis"]
    if axis is None:
        x, axis = graph.reshape(x, (int(np.prod(x.shape)),)), 0
    if not x.shape:
        return graph.constant(np.zeros(y.shape), y.dtype)
    shape = [1 if i == axis % len(x.shape) else n for i, n in enumerate(x.shape)]
    where: Callable[..., Tensor] = lambda op, z: graph.op(
        op, [z], np.int64, shape, axis=axis % len(x.shape)
    )
    best = where("ArgMax" if t.name(call) == "argmax" else "ArgMin", x)
    if x.dtype.kind == "f":  # the first nan wins
        nan = graph.cast(graph.op("IsNaN", [x], np.bool_, x.shape), np.int32)
        some = graph.cast(_over(t, nan, np.int32, "maximum", axis), np.bool_)
        best = graph.op("Where", [some, where("ArgMax", nan), best], np.int64, shape)
    return graph.reshape(best, y.shape)


@row("argsort")
def _argsort(t: Context, call: Call) -> Tensor:
    found = given(call, "a axis kind order", axis=-1, kind=None, order=None, stable=None)
    graph, axis = t.graph, found["axis"]
    x = t.of(found["a"])
    x = graph.cast(x, np.int32 if x.dtype == np.bool_ else t.working(x.dtype))
    if axis is None:
        x, axis = graph.reshape(x, (int(np.prod(x.shape)),)), 0
    if not x.shape:
        return graph.constant(0, np.int64)
    if x.dtype.kind != "f":
        return _order(t, x, axis)
    nan = graph.op("IsNaN", [x], np.bool_, x.shape)  # comes last, behind infinities
    rest = graph.op("Where", [nan, graph.constant(np.inf, x.dtype), x], x.dtype, x.shape)
    order = _order(t, rest, axis)
    pick: Callable[..., Tensor] = lambda z, places: graph.op(
        "GatherElements", [z, places], z.dtype, z.shape, axis=axis % len(x.shape)
    )
    return pick(order, _order(t, pick(graph.cast(nan, np.int32), order), axis))


def _order(t: Context, x: Tensor, axis: int) -> Tensor:
    """The order that sorts `x`; of equal elements the first comes first."""
    size = t.graph.constant([x.shape[axis]], np.int64)
    return t.graph.op("TopK", [x, size], np.int64, x.shape, skip=1, axis=axis % len(x.shape),
                      largest=0, sorted=1)  # fmt: skip


@row("cumsum")
def _cumsum(t: Context, call: Call) -> Tensor:
    found = given(call, "a axis dtype out", axis=None, dtype=None, out=None)
    y = call.results[0]
    x = t.graph.cast(t.of(found["a"], y.dtype), t.working(y.dtype, True))
    x = t.graph.reshape(x, y.shape)
    axis = t.graph.constant(found["axis"] or 0, np.int64)
    return t.cast(t.graph.op("CumSum", [x, axis], x.dtype, x.shape), y.dtype)


# ---------------------------------------------------------------- several arrays


@row("where")
def _where(t: Context, call: Call) -> Tensor:
    (y,) = call.results
    x, z = [t.of(x, y.dtype) for x in call.args[1:]]
    return choice(t, t.truth(call.args[0]), x, z, y.shape)


@row("concatenate", "concat", "stack", "vstack", "hstack")
def _concatenate(t: Context, call: Call) -> Tensor:
    found = given(call, "arrays axis", axis=0, dtype=None, casting=None)
    graph, (y,), name = t.graph, call.results, t.name(call)
    axis = found["axis"]
    if name in ("vstack", "hstack"):
        ndim = 2 if name == "vstack" else 1
        axis = 0 if name == "vstack" or len(y.shape) == 1 else 1
    parts = []
    for each in found["arrays"]:
        x = t.of(each, y.dtype)
        if name == "stack":
            place = axis % len(y.shape)
            x = graph.reshape(x, (*x.shape[:place], 1, *x.shape[place:]))
        elif name in ("vstack", "hstack"):
            x = graph.reshape(x, (*[1] * (ndim - len(x.shape)), *x.shape))
        elif axis is None:
            x = graph.reshape(x, (int(np.prod(x.shape)),))
        parts.append(x)
    return graph.op("Concat", parts, y.dtype, y.shape, axis=(axis or 0) % len(y.shape))


@row("matmul")
def _matmul(t: Context, call: Call) -> Tensor:
    (y,) = call.results
    kind = t.working(y.dtype, True)
    x, z = [t.graph.cast(t.of(x, y.dtype), kind) for x in call.args]
    return t.cast(t.graph.op("MatMul", [x, z], kind, y.shape), y.dtype)


@row("einsum")
def _einsum(t: Context, call: Call) -> Tensor:
    (y,), (equation, *arrays) = call.results, call.args
    if not isinstance(equation, str):
        raise TypeError("subscripts in lists")
    if "->" not in equation:  # ONNX sorts capital letters in another way
        letters = equation.replace(".", "").replace(",", "").replace(" ", "")
        once = [c for c in sorted(set(letters)) if letters.count(c) == 1]
        equation = f"{equation}->{'...' if '...' in equation else ''}{''.join(once)}"
    assert set(equation) <= {*string.ascii_letters, *" .,->"}
    kind = t.working(y.dtype, True)
    tensors = [t.graph.cast(t.of(x, y.dtype), kind) for x in arrays]
    return t.cast(t.graph.op("Einsum", tensors, kind, y.shape, equation=equation), y.dtype)


# ---------------------------------------------------------------- integers

_MODES = {"remainder": 0, "fmod": 1}


@row("floor_divide", "remainder", "fmod")
def _divided(t: Context, call: Call) -> Tensor:
    """Division of integers, by zero too, where NumPy says 0; and the remainder of floats."""
    (y,), graph, name = call.results, t.graph, t.name(call)
    kind = t.working(y.dtype)
    a, b = [graph.cast(t.of(x, y.dtype), kind) for x in call.args]
    if kind.kind == "f":
        return t.cast(graph.op("Mod", [a, b], kind, y.shape, fmod=1), y.dtype)
    zero, one = graph.constant(0, kind), graph.constant(1, kind)
    nothing = graph.op("Equal", [b, zero], np.bool_, b.shape)
    b = graph.op("Where", [nothing, one, b], kind, b.shape)
    rest = graph.op("Mod", [a, b], kind, y.shape, fmod=_MODES.get(name, 0))
    if name == "floor_divide":
        rest = graph.op("Div", [graph.op("Sub", [a, rest], kind, y.shape), b], kind, y.shape)
    return t.cast(graph.op("Where", [nothing, zero, rest], kind, y.shape), y.dtype)


# ---------------------------------------------------------------- at indices


@row("scatter")
def _scatter(t: Context, call: Call) -> Tensor:
    return _scattered(t, call.args, [call.kwargs["key"]], call.kwargs["like"])


@row("scatter_all")
def _scatter_all(t: Context, call: Call) -> Tensor:
    return _scattered(t, call.args, call.kwargs["keys"], call.kwargs["like"])


def _scattered(t: Context, gs: Any, keys: Any, like: Any) -> Tensor:
    """Zeros, with each of `gs` added at its own of `keys`."""
    shape, dtype = like
    if np.dtype(dtype).kind == "c":
        raise UnsupportedError("complex numbers")
    total = t.graph.constant(np.zeros(shape), dtype)
    for g, key in zip(gs, keys, strict=True):
        total = put(t, total, selected(t, tuple(shape), key), t.of(g, dtype), "add")
    return total
