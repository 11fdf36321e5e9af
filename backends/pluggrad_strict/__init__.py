"""array-api-strict: the standard and nothing beyond it, so all functions here are in its terms."""

from __future__ import annotations

from typing import Any

from pluggrad.plugin import Adapter, careful_norm, selects_once


class StrictAdapter(Adapter):
    """What the engine needs to know about array-api-strict."""

    name = "strict"
    modules = ("array_api_strict",)
    last_write_wins = True

    def namespace(self) -> Any:
        """The library itself, with keys spelled out and writes done as the standard demands."""
        import array_api_strict as xp

        self.functions = {
            "copy": lambda x: xp.asarray(x, copy=True),
            "getitem": lambda x, key: x[_complete(x, key)],
            "put": lambda value, x, key: self._put(value, xp.asarray(x, copy=True), key),
            "put_in_place": self._put,
            "linalg.vector_norm": careful_norm(xp.linalg.vector_norm, xp),
        }
        return xp

    def _put(self, value: Any, x: Any, key: Any) -> Any:
        """`x` with `value` at `key`, written in place."""
        key, value = self._settable(x, key, value)
        if selects_once(key):
            x[key] = value
            return x
        # By arrays of integers: each element takes the last of the values written to it, if any.
        xp = self.namespace()
        places = xp.reshape(xp.arange(x.size, device=x.device), x.shape)[key]
        if not hasattr(value, "shape"):
            value = xp.asarray(value, dtype=x.dtype, device=x.device)
        value = xp.reshape(xp.broadcast_to(value, places.shape), (-1,))
        count = value.shape[0]
        if not count:
            return x
        order = xp.reshape(xp.arange(count, device=x.device), (-1, 1))
        cells = xp.reshape(xp.arange(x.size, device=x.device), (1, -1))
        hits = xp.reshape(places, (-1, 1)) == cells
        last = xp.max(xp.where(hits, order, xp.full_like(order, -1)), axis=0)
        chosen = xp.astype(xp.take(value, xp.maximum(last, xp.zeros_like(last)), axis=0), x.dtype)
        flat = xp.where(last >= 0, chosen, xp.reshape(x, (-1,)))
        x[...] = xp.reshape(flat, x.shape)
        return x

    def host(self, x: Any) -> Any:
        """The NumPy array inside each array."""
        import numpy as np

        return np.asarray(x._array)

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """The default, with new axes taken out of the keys."""
        return super().scatter_add(buffer, [self._settable(buffer, *piece) for piece in pieces])

    def _settable(self, x: Any, key: Any, value: Any) -> Any:
        """`key` and `value` without new axes, which the standard has in reading only."""
        key = _complete(x, key)
        parts = key if isinstance(key, tuple) else (key,)
        if not any(part is None for part in parts):
            return key, value
        xp = self.namespace()
        fewer = tuple([part for part in parts if part is not None])
        if hasattr(value, "shape"):
            shape = x[fewer].shape if fewer else x.shape
            value = xp.reshape(xp.broadcast_to(value, x[key].shape), shape)
        return fewer or ..., value

    def capabilities(self) -> dict[str, Any]:
        """A note says what the library is for."""
        return {**super().capabilities(), "note": "a reference implementation, made for tests"}


def _complete(x: Any, key: Any) -> Any:
    """`key` with an Ellipsis for the axes of `x` that it leaves out: the standard does not define
    shorter keys."""
    parts = key if isinstance(key, tuple) else (key,)
    axes = sum(part is not None for part in parts)
    if axes >= x.ndim or any(part is ... or hasattr(part, "dtype") for part in parts):
        return key
    return (*parts, ...)


backend = StrictAdapter()
