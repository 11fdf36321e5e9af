"""Indexing. Reading gathers and writing replaces; their transposes scatter and erase."""

from __future__ import annotations

from typing import Any

from ..arrays import immutable
from ..arrays.adapter import selects_once
from ..arrays.backend import backend_of
from ..arrays.dispatch import is_batched, xp
from ..arrays.tracers import writable
from ..engine.arguments import explain
from ..engine.batch import template
from ..engine.cotangents import pick, zeros
from ..engine.lazy_cotangents import Scatter, erase, fit, scatter
from ..errors import UnsupportedError
from .kinds import constant, linear
from .manipulation import arange, raw_indices
from .positions import is_mask, trimmed


def read(x: Any, key: Any) -> Any:
    """``x[key]``."""
    return x[key]


def put(value: Any, x: Any, key: Any) -> Any:
    """A new array: `x` with `value` at `key`."""
    backend = backend_of(x)
    assert backend is not None
    if not backend.writable:
        return immutable.put(backend.adapter, value, x, key)
    return put_in_place(value, xp.copy(x), key)


def put_in_place(value: Any, x: Any, key: Any) -> Any:
    """`x` itself, after `value` was written at `key`."""
    if getattr(x, "shape", ()) == () and not hasattr(x, "__setitem__"):  # a NumPy scalar
        x = xp.asarray(x)
    x = writable(x, value, key)
    x[key] = value
    return x


def scatter_dense(g: Any, key: Any, like: Any) -> Any:
    """Zeros like `like`, with `g` added at `key`."""
    backend = backend_of(g)
    assert backend is not None
    return backend.adapter.scatter_add(zeros(like, g), [(key, g)])


def scatter_all(*gs: Any, keys: Any, like: Any) -> Any:
    """Zeros like `like`, with each of `gs` added at its own key."""
    backend = backend_of(gs[0])
    assert backend is not None
    return backend.adapter.scatter_add(zeros(like, gs[0]), list(zip(keys, gs, strict=True)))


def last_writes(key: Any, x: Any) -> tuple[Any, tuple[int, ...], int]:
    """For a write by the integer arrays in `key`: which write to each place comes last.

    Returns three things. First a vector with one entry per write, the number of the last write to
    the same place; then the shape that the integer arrays broadcast to; then the axis of ``x[key]``
    where this shape begins.
    """
    backend = backend_of(x)
    assert backend is not None
    raw = backend.raw
    items = list(key) if isinstance(key, tuple) else [key]
    used = sum([_axes(k) for k in items])
    items = [k for item in items for k in _spelled_out(item, x.ndim - used, raw)]
    axis, places, begins, between, apart, gap = 0, 0, None, 0, False, False
    for k in items:
        if k is Ellipsis:  # it stands for no axes, but may still set arrays apart
            gap = begins is not None and backend.adapter.ellipsis_between
            continue
        if k is None or isinstance(k, slice):
            between += 1
        else:
            apart = apart or gap or (begins is not None and between > begins)
            begins = between if begins is None else begins
            if hasattr(k, "shape"):
                k = raw_indices(k)
                places = places * x.shape[axis] + raw("where")(k < 0, k + x.shape[axis], k)
        axis += k is not None
    lengths = tuple(places.shape)  # type: ignore[attr-defined]
    places = raw("reshape")(places, (-1,))
    last = raw("last_of_each")(places)
    return last, lengths, 0 if apart or begins is None else begins


def last_of_each(places: Any) -> Any:
    """For each entry of the integer vector `places`, the index of the last equal entry."""
    order = xp.argsort(places, stable=True)
    in_order = xp.take(places, order, axis=0)
    ends = xp.searchsorted(in_order, places, side="right") - 1
    return xp.take(order, ends, axis=0)


def _axes(k: Any) -> int:
    """How many axes of an array the index `k` uses up."""
    if k is None or k is Ellipsis:
        return 0
    return int(getattr(k, "ndim", 0)) if is_mask(k) else 1


def _spelled_out(k: Any, free: int, raw: Any) -> list[Any]:
    """The index `k` as a list: an Ellipsis as slices, a mask as integer arrays."""
    if isinstance(k, bool):
        raise UnsupportedError(
            "the gradient of a write at integers beside a Python bool is not known here; leave the "
            "bool out of the index"
        )
    if k is Ellipsis:
        return [slice(None)] * free or [Ellipsis]
    if is_mask(k):
        return list(raw("nonzero")(raw_indices(k)))
    return [k]


def look_up(g: Any, key: Any, like: Any) -> Any:
    """g_value = g[key], and 0 for a write that a later write to the same place replaced."""
    if type(g) is Scatter:
        g = g.dense()
        found = xp.copy(pick(g, key))
    else:
        found = pick(g, key)
    if not selects_once(key):
        last, lengths, axis = last_writes(key, g)
        wins = last == arange(last.shape[0], g)
        ones = (1,) * (found.ndim - axis - len(lengths))
        found = xp.where(backend_of(g).raw("reshape")(wins, lengths + ones), found, 0.0)  # type: ignore[union-attr]
    return fit(found, like)


def _ndim_at(x: Any, key: Any) -> int:
    """The number of axes of ``x[key]``, found without indexing."""
    parts = key if isinstance(key, tuple) else (key,)
    arrays = [1 if is_mask(k) else len(k.shape) for k in parts if hasattr(k, "shape")]
    used = sum([_axes(k) for k in parts if not isinstance(k, slice)])
    return len(x.shape) - used + sum([k is None for k in parts]) + max(arrays, default=0)


def prepared(value: Any, x: Any, key: Any) -> Any:
    """`value` in a form that every library writes into `x` at `key` with the same result."""
    backend = backend_of(x)
    assert backend is not None
    shape = value._value.shape if type(value) is backend.variable else getattr(value, "shape", ())
    if shape and shape[0] == 1:
        value = trimmed(value, _ndim_at(x, key))
    return value if backend.adapter.last_write_wins else settle(value, key, x)


def settle(value: Any, key: Any, x: Any) -> Any:
    """`value` with each write to a place replaced by the last write to it.

    This is for libraries that write in no fixed order: all writes to a place are then equal.
    """
    if selects_once(key) or not hasattr(value, "shape"):
        return value
    last, lengths, axis = last_writes(key, x)
    shape = pick(template(x) if is_batched(x) else raw_indices(x), key).shape
    rows = xp.reshape(xp.broadcast_to(value, shape),
                      (*shape[:axis], -1, *shape[axis + len(lengths) :]))  # fmt: skip
    return xp.reshape(xp.take(rows, last, axis=axis), shape)


def replace(base: Any, value: Any, key: Any) -> Any:
    """Write through a view that was made by indexing: `base` with `value` at `key`."""
    value = prepared(value, base, key)
    try:
        return PUT(value, base, key)
    except Exception as error:
        explain(error, "put", (value, base))


# fmt: off
constant("last_of_each(places, /)", fallback=last_of_each, private=True)
constant("put_in_place(value, x, key, /)", fallback=put_in_place, private=True)
GETITEM = linear("getitem(x, key, /)", scatter,
       fallback=read, private=True, view=True, put=replace)
linear("scatter(g, /, *, key, like)", lambda g, key: pick(g, key),
       fallback=scatter_dense, private=True)
linear("scatter_all(gs, /, *, keys, like)", lambda g, i, keys: pick(g, keys[i]),
       fallback=scatter_all, private=True, variadic=True)
PUT = linear("put(value, x, key, /)", look_up, lambda g, key: erase(g, key),
       fallback=put, private=True, takes_scatter=True)
PUT.prepare = prepared
# fmt: on
