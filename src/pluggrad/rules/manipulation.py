"""Manipulation functions: reorder, repeat, join, sort, select. Nearly all are linear."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import is_batched, xp
from ..engine.arguments import axis_of
from ..engine.batch import refuse
from ..engine.cotangents import create, device_of, pick, shape_dtype, sum_to
from ..engine.handles import raw_of
from ..engine.lazy_cotangents import dense, scatter
from ..engine.primitive import PASS
from . import positions
from .kinds import constant, elementwise, linear


def shape_of(like: Any) -> tuple[Any, ...]:
    """The shape of `like`: an array, or a pair of shape and dtype."""
    return tuple(shape_dtype(like)[0])


def raw_indices(x: Any) -> Any:
    """The raw integers or booleans in `x`; no gradient passes through them."""
    if is_batched(x):
        refuse(x, "this argument must be the same for all of the batch. Compute it")
    return raw_of(x)


def arange(n: int, g: Any) -> Any:
    """0, 1, ..., n - 1 as a raw array beside `g`."""
    return create("arange", n, beside=g)


def at(axis: int, key: Any) -> tuple[Any, ...]:
    """The index that applies `key` along `axis`, which is not negative, and takes all other
    axes."""
    return (slice(None),) * axis + (key, ...)


def grid(shape: Any, axis: int, places: Any, g: Any) -> tuple[Any, ...]:
    """The index that takes `places` along `axis` and all of the other axes, as one integer array
    per axis of `shape`: the standard does not mix integer arrays with slices."""
    backend = backend_of(g)
    assert backend is not None
    key = []
    for n, length in enumerate(shape):
        ones = [1] * len(shape)
        ones[n] = -1
        row = places if n == axis else arange(length, g)
        key.append(backend.raw("reshape")(row, tuple(ones)))
    return tuple(key)


def along(shape: Any, axis: int, places: Any, g: Any) -> tuple[Any, ...]:
    """The index that takes `places` along `axis` and all of the other axes, in the form that the
    library of `g` accepts."""
    backend = backend_of(g)
    assert backend is not None
    if backend.adapter.slices_beside_arrays:
        return at(axis, places)
    return grid(shape, axis, places, g)


def inverse(order: Any) -> tuple[int, ...] | None:
    """The permutation that undoes `order`. None means reversal, which undoes itself."""
    if order is None:
        return None
    return tuple(sorted(range(len(order)), key=lambda n: order[n] % len(order)))


def starts(arrays: Any, kwargs: Any) -> list[int]:
    """Where each of `arrays` begins in their `concat`, and where the last one ends."""
    axis = kwargs.get("axis", 0)
    lengths = [math.prod(x.shape) if axis is None else x.shape[axis] for x in arrays]
    return list(accumulate(lengths, initial=0))


def joined_part(g: Any, i: int, starts: Any, likes: Any, axis: Any) -> Any:
    """g_x of `concat` for array number `i`: its part of `g`."""
    part = slice(starts[i], starts[i + 1])
    if axis is None:
        return xp.reshape(g[part], shape_of(likes[i]))
    return pick(g, at(axis % g.ndim, part))


def negative(shift: Any) -> Any:
    """The shift that undoes `shift`."""
    return tuple([-n for n in shift]) if isinstance(shift, (tuple, list)) else -shift


def repeat_back(g: Any, repeats: Any, like: Any, axis: Any) -> Any:
    """g_x of `repeat`: the sum of the copies of each element."""
    shape = shape_of(like)
    flat = shape if axis is not None else (math.prod(shape),)
    axis = 0 if axis is None else axis % len(shape)
    if isinstance(repeats, int):
        g = xp.reshape(g, (*flat[: axis + 1], repeats, *flat[axis + 1 :]))
        return xp.reshape(xp.sum(g, axis=axis + 1), shape)
    backend = backend_of(g)
    assert backend is not None
    repeats = raw_indices(repeats)
    if not hasattr(repeats, "shape"):
        repeats = create("asarray", repeats, beside=g)
    source = backend.raw("repeat")(arange(flat[axis], g), repeats)
    total = scatter(g, along(flat, axis, source, g), (flat, g.dtype))
    return total if flat == shape else xp.reshape(dense(total), shape)


def tile_back(g: Any, repetitions: Any, like: Any) -> Any:
    """g_x of `tile`: the sum of the tiles."""
    shape = shape_of(like)
    repetitions = (repetitions,) if isinstance(repetitions, int) else repetitions
    extra = max(0, len(repetitions) - len(shape))
    lengths = (1,) * extra + shape
    counts = (1,) * (len(lengths) - len(repetitions)) + tuple(repetitions)
    split = [n for pair in zip(counts, lengths, strict=True) for n in pair]
    g = xp.sum(xp.reshape(g, tuple(split)), axis=tuple(range(0, len(split), 2)))
    return xp.reshape(g, shape)


def move(x: Any, *, device: Any) -> Any:
    """The raw array `x` on another device."""
    from array_api_compat import to_device

    return to_device(x, device)


def unsqueezed(g: Any, shape: Any, axis: Any) -> Any:
    """`g` with the axes of length 1 that `squeeze` removed from an array of `shape`."""
    if axis is None:  # beyond the standard: some libraries then remove all such axes
        return xp.reshape(g, tuple(shape))
    ndim = len(shape)
    for n in sorted([n % ndim for n in (axis if isinstance(axis, tuple) else (axis,))]):
        g = xp.expand_dims(g, axis=n)
    return g


def back_to_shape(base: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
    """Write through a view that only changed the shape: `value` in the shape of `base`."""
    return xp.reshape(value, base.shape)


# fmt: off
linear("broadcast_to(x, /, shape)", lambda g, like: sum_to(g, shape_of(like)), view=True,
       whole="shape")
linear("expand(x, /, *, to)", lambda g, like: sum_to(g, shape_of(like)),
       fallback=lambda x, to: xp.broadcast_to(x, shape_of(to)), private=True)
linear("reshape(x, /, shape, *, copy=None)", lambda g, like: xp.reshape(g, shape_of(like)),
       view=True, put=back_to_shape, whole="shape")
linear("expand_dims(x, /, axis)", lambda g, axis: xp.squeeze(g, axis),
       view=True, put=lambda base, value, axis: xp.squeeze(value, axis))
linear("squeeze(x, /, axis)", lambda g, like, axis: unsqueezed(g, shape_of(like), axis),
       view=True, put=lambda base, value, axis: unsqueezed(value, base.shape, axis))
linear("permute_dims(x, /, axes)", lambda g, axes: xp.permute_dims(g, inverse(axes)),
       view=True, put=lambda base, value, axes: xp.permute_dims(value, inverse(axes)))
linear("moveaxis(x, source, destination, /)",
       lambda g, source, destination: xp.moveaxis(g, destination, source),
       view=True, put=lambda base, value, here, there: xp.moveaxis(value, there, here))
linear("matrix_transpose(x, /)", lambda g: xp.matrix_transpose(g),
       view=True, put=lambda base, value: xp.matrix_transpose(value))
linear("flip(x, /, *, axis=None)", lambda g, axis: xp.flip(g, axis=axis),
       view=True, put=lambda base, value, axis=None: xp.flip(value, axis=axis))

linear("roll(x, /, shift, *, axis=None)",
       lambda g, shift, axis: xp.roll(g, negative(shift), axis=axis), whole="shift")
linear("repeat(x, repeats, /, *, axis=None)", repeat_back, whole="repeats")
linear("tile(x, repetitions, /)",             tile_back, whole="repetitions")
# (Some libraries accept a vector and broadcast it to a matrix: hence `sum_to`.)
linear("tril(x, /, *, k=0)",
       lambda g, like, k: sum_to(xp.tril(g, k=k), shape_of(like)), whole="k")
linear("triu(x, /, *, k=0)",
       lambda g, like, k: sum_to(xp.triu(g, k=k), shape_of(like)), whole="k")
linear("concat(arrays, /, *, axis=0)",        joined_part, variadic=True,
       computed={"starts": starts})
linear("stack(arrays, /, *, axis=0)",         lambda g, i, axis: g[at(axis % g.ndim, i)],
       variadic=True)

# PASS: where the dtypes of input and output differ, the engine casts and takes real parts.
linear("astype(x, dtype, /, *, copy=True, device=None)", PASS, aliases=True)
linear("copy(x, /)", PASS, fallback=lambda x: x + 0)
linear("move(x, /, *, device)", lambda g, x: xp.move(g, device=device_of(x)), fallback=move,
       private=True, aliases=True)
elementwise("where(condition, x1, x2, /)", None,
            lambda t, condition: xp.where(condition, dense(t), 0.0),
            lambda t, condition: xp.where(condition, 0.0, dense(t)))
# fmt: on


def common_shape(shapes: Any) -> tuple[Any, ...]:
    """The shape that arrays of `shapes` broadcast to. Shapes that do not fit are left to the
    library, which raises."""
    ndim = max([len(shape) for shape in shapes], default=0)
    found = [1] * ndim
    for shape in shapes:
        for n, length in enumerate(shape, ndim - len(shape)):
            found[n] = length if found[n] == 1 else found[n]
    return tuple(found)


@composite(own=True)
def unstack(x: Any, /, *, axis: int = 0) -> Any:
    """The parts of `x` along `axis`, as views."""
    axis = axis_of(axis, x.ndim, "unstack")
    return tuple([x[at(axis, n)] for n in range(x.shape[axis])])


# ---------------------------------------------------------------- sorting and selecting


def take_back(g: Any, indices: Any, like: Any, axis: Any) -> Any:
    """g_x of `take`: zeros like `like`, with `g` added at `indices` along `axis`."""
    shape = shape_of(like)
    if is_batched(indices):
        return positions.take_back(g, indices, shape, axis)
    indices = raw_indices(indices)
    if axis is None and len(shape) != 1:
        flat = dense(scatter(g, (indices,), ((math.prod(shape),), g.dtype)))
        return xp.reshape(flat, shape)
    return scatter(g, along(shape, 0 if axis is None else axis % len(shape), indices, g), like)


def take_along_back(g: Any, indices: Any, like: Any, axis: Any) -> Any:
    """g_x of `take_along_axis`: zeros like `like`, with `g` added at `indices` along `axis`."""
    shape = shape_of(like)
    if axis is None:  # beyond the standard: some libraries then index all elements as one vector
        count = math.prod(shape)
        return xp.reshape(dense(take_along_back(g, indices, ((count,), g.dtype), 0)), shape)
    axis = axis % len(shape)
    if is_batched(indices):
        return positions.take_along_back(g, indices, shape, axis)
    functions = backend_of(g).adapter.functions  # type: ignore[union-attr]
    if type(like) is not tuple or "add_along_axis" in functions:
        return xp.add_along_axis(g, raw_indices(indices), axis=axis, like=like)
    return scatter(g, across(g, indices, shape, axis), like)


def across(g: Any, indices: Any, shape: Any, axis: int) -> tuple[Any, ...]:
    """The index by which `take_along_axis` reads from an array of `shape`."""
    key = list(grid(shape, axis, arange(1, g), g))
    key[axis] = raw_indices(indices)
    return tuple(key)


def add_along_axis(g: Any, indices: Any, /, *, axis: int, like: Any) -> Any:
    """Zeros like `like`, with `g` added at `indices` along `axis`."""
    return dense(scatter(g, across(g, indices, shape_of(like), axis), like))


# fmt: off
linear("take(x, indices, /, *, axis=None)",            take_back, whole="indices")
linear("take_along_axis(x, indices, /, *, axis=-1)",   take_along_back, whole="indices")
linear("add_along_axis(g, indices, /, *, axis, like)",
       lambda g, indices, axis: xp.take_along_axis(g, indices, axis=axis), None,
       fallback=add_along_axis, private=True, whole="indices")
constant("argsort(x, /, *, axis=-1, descending=False, stable=True)")
constant("searchsorted(x1, x2, /, *, side='left', sorter=None)")
constant("nonzero(x, /)")
constant("isin(x1, x2, /, *, invert=False)")
# fmt: on


def first_of_each(x: Any, function: str) -> tuple[Any, Any]:
    """The library's answer to `function`, and the first index of each distinct value of `x`."""
    backend = backend_of(x)
    assert backend is not None
    raw = backend.raw
    flat = raw_indices(x)
    values, places = raw("unique_inverse")(flat)
    places = raw("reshape")(places, (-1,))
    order = raw("argsort")(places, stable=True)
    starts = raw("searchsorted")(raw("take")(places, order, axis=0), arange(values.shape[0], x))
    return raw(function)(flat), raw("take")(order, starts, axis=0)


def _unique(name: str, doc: str) -> None:
    """Add a function of the distinct values; the gradient of each goes to its first occurrence."""

    def unique(x: Any, /) -> Any:
        found, first = first_of_each(x, name)
        values = xp.take(xp.reshape(x, (-1,)), first, axis=0)
        return found._replace(values=values) if hasattr(found, "_fields") else values

    unique.__name__ = unique.__qualname__ = name
    unique.__doc__ = doc
    composite(unique)


_unique("unique_values", "The distinct values of `x`; each gradient goes to the first of its kind.")
_unique("unique_counts", "The distinct values of `x`, and how often each occurs.")
_unique("unique_inverse", "The distinct values of `x`, and where each element is among them.")
_unique("unique_all", "The distinct values of `x`, with indices, inverse indices and counts.")
