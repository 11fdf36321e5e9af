"""Libraries that no plugin is for: the standard is all that is known of them.

Some of them cannot be written at all. What a write or the gradient of a read needs then is done in
functions of the standard: a value is surrounded by zeros until it has the shape of the whole.
"""

from __future__ import annotations

from typing import Any

from .backend import Adapter
from .errors import UnsupportedError

__all__ = ["UnknownLibrary", "complete"]


class UnknownLibrary(Adapter):
    """Stands in for the plugin of the library that `x` is from."""

    def __init__(self, name: str, namespace: Any, x: Any) -> None:
        self.name = name
        self.modules = (name.split(".")[0],)
        self.writable = hasattr(type(x), "__setitem__")
        self.functions = {"getitem": lambda x, key: x[complete(x, key)]}
        if not self.writable:
            self.functions["put"] = self._put
        self._namespace = namespace

    def namespace(self) -> Any:
        return self._namespace

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        if self.writable:
            return super().scatter_add(buffer, [(complete(buffer, key), g) for key, g in pieces])
        for key, g in pieces:
            basic = not any(hasattr(part, "dtype") for part in _parts(key))
            place = self._surround if basic else self._add_by_position
            buffer = buffer + place(buffer, key, g)
        return buffer

    def _put(self, value: Any, x: Any, key: Any) -> Any:
        """`x` with `value` at `key`."""
        xp = self._namespace
        if any(hasattr(part, "dtype") for part in _parts(key)):
            raise UnsupportedError(f"the {self.name} backend cannot be written by arrays of indices")
        shape = x[complete(x, key)].shape
        if not hasattr(value, "shape"):
            value = xp.asarray(value, dtype=x.dtype)
        value = xp.broadcast_to(value, shape)
        here = self._surround(x, key, xp.ones(shape, dtype=xp.bool))
        return xp.where(here, self._surround(x, key, value), x)

    def _surround(self, x: Any, key: Any, g: Any) -> Any:
        """Zeros of the shape of `x`, with `g` at the basic index `key`."""
        parts = list(_parts(complete(x, key)))
        if ... in parts:
            at = parts.index(...)
            parts[at : at + 1] = [slice(None)] * (x.ndim - sum(p is not None for p in parts) + 1)
        if None in parts:
            added = [0 if part is None else slice(None) for part in parts if not _single(part)]
            g = g[tuple(added)]
        axis = 0
        for part in parts:
            if part is None:
                continue
            if _single(part):
                g = self._namespace.expand_dims(g, axis=axis)
                part = slice(part, part + 1 or None)
            g = self._along(g, axis, range(x.shape[axis])[part], x.shape[axis])
            axis += 1
        return g

    def _along(self, g: Any, axis: int, places: range, length: int) -> Any:
        """`g` with zeros between and around, so that it fills `places` of `length`."""
        xp = self._namespace
        if places.step < 0:
            g, places = xp.flip(g, axis=axis), places[::-1]
        step = places.step
        if step > 1 and len(places) > 1:
            g = xp.expand_dims(g, axis=axis + 1)
            g = xp.concat([g, self._zeros(g, axis + 1, step - 1)], axis=axis + 1)
            g = xp.reshape(g, (*g.shape[:axis], g.shape[axis] * step, *g.shape[axis + 2 :]))
            last = places[-1] + 1 - places.start
            g = g[(slice(None),) * axis + (slice(0, last), ...)]
        before = places.start if places else 0
        after = length - before - g.shape[axis]
        parts = [self._zeros(g, axis, before)] * bool(before) + [g]
        parts += [self._zeros(g, axis, after)] * bool(after)
        return xp.concat(parts, axis=axis) if len(parts) > 1 else g

    def _zeros(self, g: Any, axis: int, length: int) -> Any:
        shape = (*g.shape[:axis], length, *g.shape[axis + 1 :])
        return self._namespace.zeros(shape, dtype=g.dtype, device=getattr(g, "device", None))


def _parts(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _single(part: Any) -> bool:
    """Whether an index is one number."""
    return part is not None and part is not ... and not isinstance(part, slice)


def complete(x: Any, key: Any) -> Any:
    """`key` for all axes of `x`: the standard leaves open what fewer mean."""
    parts = _parts(key)
    axes = sum(part is not None for part in parts)
    if axes >= x.ndim or any(part is ... or hasattr(part, "dtype") for part in parts):
        return key
    return (*parts, ...)
