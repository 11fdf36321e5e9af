"""The methods of NumPy's ufuncs on Variables: `reduce`, `accumulate`, `reduceat`, `outer`, `at`.

Whether NumPy takes the arguments is asked of NumPy itself, by the same call on arrays of ones with
at most two elements along each axis (`_ask`): its errors are then ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..arrays.backend import SCALARS
from ..arrays.dispatch import is_variable
from ..engine.arguments import axis_of
from ..engine.graph_breaks import break_graph
from ..errors import InvalidArgumentError, UnsupportedError
from .library_functions import raw, tracked
from .ufunc_calls import Call, called

__all__ = ["METHODS"]


def _ones(call: Call, x: Any, full: int | None = None) -> Any:
    """An array of ones of the kind of `x`, cut to two elements along each axis but `full`."""
    import numpy

    if x is None or type(x) in SCALARS or x is numpy._NoValue:
        return x
    dtype = call.numpy_dtype(x)
    one: Any = numpy.ones((), dtype)
    shape = [n if k == full else 2 if type(n) is not int else min(n, 2)
             for k, n in enumerate(x.shape)]  # fmt: skip
    return numpy.broadcast_to(one, shape)


def _ask(call: Call, method: str, *args: Any, **kwargs: Any) -> Any:
    """What NumPy answers for such arguments: an array of the dtype of the result."""
    import numpy

    with numpy.errstate(all="ignore"):
        return numpy.asarray(getattr(call.ufunc, method)(*args, **kwargs))


def _loop(call: Call, x: Any, dtype: Any, out: Any) -> tuple[Any, Any]:
    """`x` in the dtype that the ufunc takes its second argument in when it reduces, and the dtype
    of its first argument and result: the same but for `ldexp`."""
    import numpy

    if dtype is None:
        own, into = call.numpy_dtype(x), None if out is None else call.numpy_dtype(out)
        dtype, second, _ = call.ufunc.resolve_dtypes(
            (into, own, None), reduction=True, casting="unsafe"
        )
    else:
        dtype = second = numpy.dtype(dtype)
    if out is not None and not numpy.can_cast(dtype, call.numpy_dtype(out), "same_kind"):
        raise UnsupportedError(
            f"{call.name}: in an `out` of dtype {call.numpy_dtype(out)} each step would be "
            f"rounded; give one of dtype {dtype}, and convert that by `pluggrad.astype`"
        )
    call.first = dtype
    if second.kind == "b" and call.numpy_dtype(x).kind != "b":
        return x != 0, dtype
    return call.cast(x, second), dtype


def _settings(call: Call, kwargs: dict[str, Any], *known: str) -> tuple[Any, Any]:
    """The arguments `dtype` and `out`."""
    call.settings(kwargs, "dtype", "out", *known)
    out = kwargs.get("out")
    return kwargs.get("dtype"), out[0] if isinstance(out, tuple) else out


# ---------------------------------------------------------------- reduce


def reduce(call: Call, inputs: Any, kwargs: dict[str, Any]) -> Any:
    """``ufunc.reduce(x, axis=0, dtype=None, out=None, keepdims=False, initial, where=True)``."""
    import numpy

    dtype, out = _settings(call, kwargs, "axis", "keepdims", "initial", "where")
    x, axis = call.array(inputs[0]), kwargs.get("axis", 0)
    none: Any = numpy._NoValue
    initial, mask = kwargs.get("initial", none), call.mask(kwargs.get("where", True))
    asked = {"axis": axis, "dtype": dtype, "keepdims": kwargs.get("keepdims", False)}
    asked["where"] = True if mask is None else _ones(call, mask)
    asked["initial"] = _ones(call, initial)
    if out is not None:
        asked["out"] = _ones(call, out).copy()
    answer = _ask(call, "reduce", _ones(call, x), **asked)
    axes: Any = axis if isinstance(axis, tuple) else (axis,)
    axes = range(x.ndim) if axis is None else axes if x.ndim else ()
    axes = tuple([axis_of(n, x.ndim, call.name) for n in axes])
    x, dtype = _loop(call, x, dtype, out)
    initial = None if initial is none or initial is None else call.array(initial)
    initial = None if initial is None else call.cast(initial, dtype)
    y = reduced(call, x, axes, initial, mask, bool(asked["keepdims"]))
    return call.write(call.cast(y, answer.dtype if out is None else dtype), out, casting="unsafe")


def reduced(
    call: Call, x: Any, axes: tuple[int, ...], initial: Any = None, mask: Any = None,
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """`x`, in the dtype to compute in, reduced over `axes`; `initial` may be None."""
    known = KNOWN.get(call.name.removesuffix(".reduce").removesuffix(".reduceat"))
    if known is not None and axes:
        y = known(call, x, axes, initial, mask)
    else:
        y = _folded(call, x, axes, initial, mask)
    if keepdims:
        shape = tuple([1 if n in axes else length for n, length in enumerate(x.shape)])
        y = call.xp.reshape(y, shape)
    return y


def _sum(call: Call, x: Any, axes: Any, initial: Any, mask: Any) -> Any:
    x = x if mask is None else call.xp.where(mask, x, 0)
    y = call.xp.sum(x, axis=axes, dtype=x.dtype)
    return y if initial is None else y + initial


def _prod(call: Call, x: Any, axes: Any, initial: Any, mask: Any) -> Any:
    x = x if mask is None else call.xp.where(mask, x, 1)
    y = call.xp.prod(x, axis=axes, dtype=x.dtype)
    return y if initial is None else y * initial


def _all(call: Call, x: Any, axes: Any, initial: Any, mask: Any) -> Any:
    x = x if mask is None else call.xp.where(mask, x, call.xp.ones_like(x))
    y = call.xp.all(x, axis=axes)
    return y if initial is None else call.xp.logical_and(y, initial)


def _any(call: Call, x: Any, axes: Any, initial: Any, mask: Any) -> Any:
    x = x if mask is None else call.xp.where(mask, x, call.xp.zeros_like(x))
    y = call.xp.any(x, axis=axes)
    return y if initial is None else call.xp.logical_or(y, initial)


def _extremum(reduction: str, sign: int) -> Callable[..., Any]:
    """The reduction by `maximum` or `minimum`."""

    def call_it(call: Call, x: Any, axes: Any, initial: Any, mask: Any) -> Any:
        kind = call.numpy_dtype(x).kind
        if initial is not None and (kind not in "f" or 0 in x.shape):
            return _folded(call, x, axes, initial, mask)
        x = x if mask is None else call.xp.where(mask, x, sign * math.inf)
        y = getattr(call.xp, reduction)(x, axis=axes)
        return y if initial is None else call.function(y, initial)

    return call_it


def _log_of_sum(call: Call, x: Any, axes: Any, initial: Any, mask: Any) -> Any:
    if 0 in x.shape or call.numpy_dtype(x).itemsize < 4:
        return _folded(call, x, axes, initial, mask)
    x = x if mask is None else call.xp.where(mask, x, -math.inf)
    y = call.xp.logsumexp(x, axis=axes)
    return y if initial is None else call.function(y, initial)


#: Reductions that the namespace has.
KNOWN: dict[str, Callable[..., Any]] = {
    "numpy.add": _sum, "numpy.multiply": _prod, "numpy.logical_and": _all,
    "numpy.logical_or": _any, "numpy.maximum": _extremum("max", -1),
    "numpy.minimum": _extremum("min", 1), "numpy.logaddexp": _log_of_sum,
}  # fmt: skip


def _folded(call: Call, x: Any, axes: Any, initial: Any, mask: Any) -> Any:
    """The elements along `axes` combined from the first to the last, one call for each."""
    if not axes:
        if initial is None and mask is None:
            return call.xp.copy(x)
        rows = [x]
        masks = [mask]
    else:
        order = (*axes, *[n for n in range(x.ndim) if n not in axes])
        mask = None if mask is None else call.xp.broadcast_to(mask, x.shape)
        rows, masks = _rows(call, x, order, len(axes)), [None]
        masks = [None] * len(rows) if mask is None else _rows(call, mask, order, len(axes))
    rest = [length for n, length in enumerate(x.shape) if n not in axes]
    if initial is None and (mask is not None or not rows):
        initial = call.ufunc.identity
    if initial is None:
        y, rows, masks = call.cast(rows[0], call.first), rows[1:], masks[1:]
    else:
        y = call.xp.broadcast_to(call.cast(call.array(initial), call.first), tuple(rest))
    for row, chosen in zip(rows, masks, strict=True):
        found = call.function(y, row)
        y = found if chosen is None else call.xp.where(chosen, found, y)
    return y


def _rows(call: Call, x: Any, order: Any, count: int) -> list[Any]:
    """The slices of `x` along the first `count` axes of `order`, as a list."""
    moved = call.xp.permute_dims(x, order)
    lengths, rest = moved.shape[:count], moved.shape[count:]
    if not all(type(n) is int or hasattr(n, "__index__") for n in moved.shape):
        raise UnsupportedError(f"{call.name}: the length of the array is not known")
    total = math.prod(lengths)
    flat = call.xp.reshape(moved, (total, *rest))
    return [flat[n] for n in range(total)]


# ---------------------------------------------------------------- accumulate and reduceat


def accumulate(call: Call, inputs: Any, kwargs: dict[str, Any]) -> Any:
    """``ufunc.accumulate(x, axis=0, dtype=None, out=None)``."""
    dtype, out = _settings(call, kwargs, "axis")
    x, axis = call.array(inputs[0]), kwargs.get("axis", 0)
    asked = {"axis": axis, "dtype": dtype}
    if out is not None:
        asked["out"] = _ones(call, out).copy()
    _ask(call, "accumulate", _ones(call, x), **asked)
    axis = axis_of(0 if axis is None else axis, x.ndim, call.name)
    x, dtype = _loop(call, x, dtype, out)
    running = {"numpy.add": "cumulative_sum", "numpy.multiply": "cumulative_prod"}
    name = running.get(call.name.removesuffix(".accumulate"))
    if name is not None:
        y = getattr(call.xp, name)(x, axis=axis, dtype=x.dtype)
    elif not x.shape[axis]:
        y = call.xp.copy(x)
    else:
        rows = _rows(call, x, (axis, *[n for n in range(x.ndim) if n != axis]), 1)
        found = [rows[0]]
        for row in rows[1:]:
            found.append(call.function(found[-1], row))
        y = call.xp.stack(found, axis=axis)
    return call.write(call.cast(y, dtype), out, casting="unsafe")


def reduceat(call: Call, inputs: Any, kwargs: dict[str, Any]) -> Any:
    """``ufunc.reduceat(x, indices, axis=0, dtype=None, out=None)``."""
    import numpy

    dtype, out = _settings(call, kwargs, "axis")
    x, indices, axis = call.array(inputs[0]), raw(inputs[1]), kwargs.get("axis", 0)
    asked = {"axis": axis, "dtype": dtype}
    if out is not None:
        asked["out"] = numpy.ones(out.shape, call.numpy_dtype(out))
    full = axis_of(0 if axis is None else axis, x.ndim, call.name)
    indices = indices if isinstance(indices, (list, tuple)) else numpy.asarray(indices)
    _ask(call, "reduceat", _ones(call, x, full), indices,
         **{key: v for key, v in asked.items() if key != "out"})  # fmt: skip
    starts = numpy.asarray(indices, dtype=int).tolist()
    x, dtype = _loop(call, x, dtype, out)
    before = (slice(None),) * full
    found = []
    for start, stop in zip(starts, [*starts[1:], x.shape[full]], strict=False):
        part = x[(*before, slice(start, max(stop, start + 1)))]
        found.append(reduced(call, part, (full,)))
    if found:
        y = call.xp.stack(found, axis=full)
    else:
        y = x[(*before, slice(0, 0))]
    return call.write(call.cast(y, dtype), out, casting="unsafe")


# ---------------------------------------------------------------- outer and at


def outer(call: Call, inputs: Any, kwargs: dict[str, Any]) -> Any:
    """``ufunc.outer(a, b, **kwargs)``: each element of one with each of the other."""
    _ask(call, "outer", 1, 1)
    a, b = (x if type(x) in SCALARS else call.array(x) for x in inputs)
    if type(a) not in SCALARS and type(b) not in SCALARS:
        a = call.xp.reshape(a, (*a.shape, *(1,) * b.ndim))
    return called(call, (a, b), kwargs)


def at(call: Call, inputs: Any, kwargs: dict[str, Any]) -> None:
    """``ufunc.at(x, indices, b)``: written into `x`, an index that comes twice two times."""
    import numpy

    x, key, *more = inputs
    call.settings(kwargs)
    if not is_variable(x):
        if tracked(inputs[2:]):
            break_graph(f"writing into a raw array, by {call.name},")
        call.ufunc.at(raw(x), *raw(inputs[1:]))
        return
    dtypes = [call.numpy_dtype(x)]
    dtypes += [call.numpy_dtype(b if type(b) in SCALARS else call.array(b)) for b in more]
    samples = [numpy.ones(1, t) if isinstance(t, numpy.dtype) else t(1) for t in dtypes]
    _ask(call, "at", samples[0], [0], *samples[1:])
    places = numpy.arange(math.prod(x.shape)).reshape(x.shape)[raw(key)]
    values = [b if type(b) in SCALARS else _spread(call, call.array(b), places.shape) for b in more]
    flat = places.ravel()
    order = numpy.argsort(flat, kind="stable")
    ordered = flat[order]
    # How often each place came before: places of one number are written at the same time.
    first = numpy.searchsorted(ordered, ordered)
    times = numpy.empty(flat.size, int)
    times[order] = numpy.arange(flat.size) - first
    for n in range(int(times.max(initial=-1)) + 1):
        chosen = numpy.flatnonzero(times == n)
        where: Any = tuple(numpy.unravel_index(flat[chosen], x.shape)) if x.ndim else ()
        where = tuple([call.backend.xp.asarray(k) for k in where]) if where else ...
        now = [b if type(b) in SCALARS else b[call.backend.xp.asarray(chosen)] for b in values]
        now = now if x.ndim else [b if type(b) in SCALARS else b[0] for b in now]
        x[where] = call.cast(call.function(x[where], *now), dtypes[0])


def _spread(call: Call, b: Any, shape: tuple[int, ...]) -> Any:
    """`b`, broadcast to the `shape` of the index, as a row."""
    try:
        return call.xp.reshape(call.xp.broadcast_to(b, shape), (-1,))
    except ValueError as error:
        raise InvalidArgumentError(
            f"{call.name}: {tuple(b.shape)} values do not fit to an index of shape {shape}"
        ) from error


METHODS: dict[str, Callable[..., Any]] = {
    "reduce": reduce, "accumulate": accumulate, "reduceat": reduceat, "outer": outer, "at": at,
}  # fmt: skip
