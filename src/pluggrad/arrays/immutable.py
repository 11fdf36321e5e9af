"""Writes for arrays that cannot be written in place, in functions of the standard.

The value is padded with zeros to the shape of the array, and `where` chooses between the two. This
serves libraries without an adapter, and libraries whose adapter has nothing better.
"""

from __future__ import annotations

from typing import Any

from ..errors import UnsupportedError

__all__ = ["add_rows", "complete", "has_arrays", "put", "row_key", "surround", "without_new_axes"]


def put(adapter: Any, value: Any, x: Any, key: Any) -> Any:
    """A new array: `x` with `value` at the basic index `key`. `adapter` is that of its library."""
    xp = adapter.namespace()
    if has_arrays(key):
        raise UnsupportedError(
            f"arrays of {type(x).__module__.split('.')[0]} cannot be written by arrays of indices; "
            "use `where`"
        )
    key = complete(x, key)
    shape = x[key].shape
    if not hasattr(value, "shape"):
        value = adapter.beside(x, xp.asarray, value, dtype=x.dtype)
    ones = adapter.beside(x, xp.ones, shape, dtype=xp.bool)
    here = surround(adapter, x, key, ones)
    return xp.where(here, surround(adapter, x, key, xp.broadcast_to(value, shape)), x)


def surround(adapter: Any, x: Any, key: Any, g: Any) -> Any:
    """Zeros of the shape of `x`, with `g` at the basic index `key`."""
    xp = adapter.namespace()
    key, g = without_new_axes(x, key, g)
    try:
        for axis, part in enumerate(key):
            if not isinstance(part, slice):
                g = xp.expand_dims(g, axis=axis)
                part = slice(part, part + 1 or None)
            g = _along(adapter, g, axis, range(x.shape[axis])[part], x.shape[axis])
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"an array of {type(x).__module__.split('.')[0]} cannot be written at {key}: {error}"
        ) from error
    return g


def _along(adapter: Any, g: Any, axis: int, places: range, length: int) -> Any:
    """`g`, along `axis`, padded with zeros to `length` so that its elements lie at `places`."""
    xp = adapter.namespace()
    if places.step < 0:
        g, places = xp.flip(g, axis=axis), places[::-1]
    step = places.step
    if step > 1 and len(places) > 1:
        g = xp.expand_dims(g, axis=axis + 1)
        g = xp.concat([g, _zeros(adapter, g, axis + 1, step - 1)], axis=axis + 1)
        g = xp.reshape(g, (*g.shape[:axis], g.shape[axis] * step, *g.shape[axis + 2 :]))
        g = g[complete(g, (slice(None),) * axis + (slice(0, places[-1] + 1 - places.start),))]
    before = places.start if places else 0
    after = length - before - g.shape[axis]
    parts = [_zeros(adapter, g, axis, before)] * bool(before) + [g]
    parts += [_zeros(adapter, g, axis, after)] * bool(after)
    return xp.concat(parts, axis=axis) if len(parts) > 1 else g


def _zeros(adapter: Any, g: Any, axis: int, length: int) -> Any:
    """Zeros like `g`, but of `length` along `axis`."""
    shape = (*g.shape[:axis], length, *g.shape[axis + 1 :])
    return adapter.beside(g, adapter.namespace().zeros, shape, dtype=g.dtype)


def add_rows(adapter: Any, g: Any, places: Any, *, length: int, axis: int = 0) -> Any:
    """Zeros of `length` along `axis`, with the rows of `g` added at the vector `places`. Each row
    sums up its own contributions, which costs O(length × size of `g`)."""
    xp = adapter.namespace()
    rows = adapter.beside(g, xp.arange, length)
    ends = (1,) * (g.ndim - axis - 1)
    places = xp.reshape(places, (1,) * (axis + 1) + (-1,) + ends)
    rows = xp.reshape(rows, (1,) * axis + (-1, 1) + ends)
    hits = (places == rows) | (places == rows - length)
    g = xp.expand_dims(g, axis=axis)
    return xp.sum(xp.where(hits, g, xp.zeros_like(g)), axis=axis + 1)


# ---------------------------------------------------------------- keys


def row_key(key: Any, ndim: int) -> tuple[int, Any] | None:
    """The axis and the vector of integers in `key`, if it has one such vector and takes all of the
    other axes of an array with `ndim` axes; otherwise None."""
    parts = parts_of(key)
    vectors = [n for n, part in enumerate(parts) if getattr(part, "ndim", 0) == 1]
    if len(vectors) != 1 or "bool" in str(parts[vectors[0]].dtype):
        return None
    (at,) = vectors
    if not all([n == at or part is ... or part == slice(None) for n, part in enumerate(parts)]):
        return None
    before = any([part is ... for part in parts[:at]])
    return (ndim + at - len(parts) if before else at), parts[at]


def parts_of(key: Any) -> tuple[Any, ...]:
    """`key` as a tuple, with one part for each axis, new axis or Ellipsis."""
    return key if isinstance(key, tuple) else (key,)


def has_arrays(key: Any) -> bool:
    """Whether the index `key` contains arrays: integers or masks."""
    return any([not isinstance(part, slice) and hasattr(part, "dtype") for part in parts_of(key)])


def complete(x: Any, key: Any) -> Any:
    """`key` with an Ellipsis for the axes of `x` that it leaves out: the standard does not define
    shorter keys."""
    parts = parts_of(key)
    axes = sum(part is not None for part in parts)
    if axes >= x.ndim or has_arrays(key) or ... in parts:
        return key
    return (*parts, ...)


def without_new_axes(x: Any, key: Any, g: Any) -> tuple[tuple[Any, ...], Any]:
    """The basic index `key` with one part for each axis of `x`, and `g`, of the shape of
    ``x[key]``, without the axes that None adds."""
    parts = list(parts_of(complete(x, key)))
    if ... in parts:
        at = parts.index(...)
        parts[at : at + 1] = [slice(None)] * (x.ndim - sum(part is not None for part in parts) + 1)
    if None in parts and hasattr(g, "shape"):
        kept = [part for part in parts if part is None or isinstance(part, slice)]
        g = g[tuple([0 if part is None else slice(None) for part in kept])]
    return tuple([part for part in parts if part is not None]), g
