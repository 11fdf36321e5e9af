"""JAX: immutable arrays, so writes make new ones and contributions are scattered at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from pluggrad.backend import Adapter
from pluggrad.errors import InvalidArgumentError

MODULES = ("jax",)


class JaxAdapter(Adapter):
    name = "jax"
    modules = ("jax", "jaxlib")
    writable = False

    def namespace(self) -> Any:
        import jax.numpy as jnp

        self.functions = {
            "copy": lambda x: x,
            "getitem": lambda x, key: x[_in_bounds(x, key)],
            "put": lambda value, x, key: jnp.asarray(x).at[_in_bounds(x, key)].set(value),
        }
        return jnp

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """All pieces whose place is known on the host go in one scatter; the others one by one."""
        import jax.numpy as jnp

        known, gs, places = [], [], None
        for key, g in pieces:
            if len(pieces) == 1 or not _on_host(key):
                buffer = buffer.at[key].add(g)
                continue
            if places is None:
                places = np.arange(buffer.size).reshape(buffer.shape)
            place = places[_to_host(key)]
            known.append(place.ravel())
            gs.append(jnp.ravel(g if g.shape == place.shape else jnp.broadcast_to(g, place.shape)))
        if not known:
            return buffer
        flat = jnp.ravel(buffer).at[np.concatenate(known)].add(jnp.concatenate(gs))
        return flat.reshape(buffer.shape)

    def devices(self) -> list[Any]:
        import jax

        return list(jax.devices("cpu")) + [d for d in jax.devices() if d.platform != "cpu"]

    def capabilities(self) -> dict[str, Any]:
        import jax

        found = super().capabilities()
        if not jax.config.jax_enable_x64:
            found["note"] = "float32 only; set JAX_ENABLE_X64=1 for float64"
        return found


def _on_host(key: Any) -> bool:
    """Whether the values in `key` are known while tracing: no array that a device computes."""
    import jax

    parts = key if isinstance(key, tuple) else (key,)
    return not any(isinstance(part, jax.core.Tracer) for part in parts)


def _to_host(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple([_to_host(part) for part in key])
    return np.asarray(key) if hasattr(key, "dtype") else key


def _in_bounds(x: Any, key: Any) -> Any:
    """`key`, or an error where JAX would silently take the nearest element."""
    parts = key if isinstance(key, tuple) else (key,)
    if all(type(part) is int for part in parts):
        for part, n in zip(parts, x.shape, strict=False):
            if not -n <= part < n:
                raise IndexOutOfBounds(f"index {key} is out of bounds for shape {tuple(x.shape)}")
    return key


class IndexOutOfBounds(InvalidArgumentError, IndexError):
    """An integer index beyond the end of its axis."""


backend = JaxAdapter()
