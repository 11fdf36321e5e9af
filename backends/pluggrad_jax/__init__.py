"""JAX: arrays are immutable, so writes make new ones, and many contributions are scattered at
once."""

from __future__ import annotations

from typing import Any

import numpy as np

from pluggrad.plugin import Adapter, InvalidArgumentError, careful_norm

from . import spread


class JaxAdapter(Adapter):
    """What the engine needs to know about JAX."""

    name = "jax"
    engine = "jax"
    modules = ("jax", "jaxlib")
    last_write_wins = True
    takes_numpy = True
    answers = ("numpy",)
    writable = False
    slices_beside_arrays = True
    like = staticmethod(spread.like)

    def namespace(self) -> Any:
        """`jax.numpy`, with writes by ``.at`` and errors for integers out of bounds."""
        import jax
        import jax.numpy as jnp

        def at_hand(x: Any) -> bool:
            return not isinstance(x, jax.core.Tracer) and jax.default_backend() == "cpu"

        self.functions = {
            "linalg.vector_norm": careful_norm(jnp.linalg.vector_norm, jnp, at_hand),
            "copy": lambda x: x,
            "getitem": _getitem,
            "put": lambda value, x, key: x.at[_in_bounds(x, key)].set(value),
            "scatter": self._scatter,
            "scatter_all": self._scatter_all,
            "add_along_axis": self._add_along,
            "expand": spread.expand,
            "matmul": spread.matmul,
            "matmul_x1": spread.matmul_x1,
            "matmul_x2": spread.matmul_x2,
            "solve_triangular": _solve_triangular,
        }
        return jnp

    def _scatter(self, g: Any, *, key: Any, like: Any) -> Any:
        """Zeros as `like` says, with `g` added at `key`."""
        shape, dtype = _shape_dtype(like)
        padded = _padded(g, key, shape)
        if padded is not None:
            return padded.astype(dtype)
        if spread.is_spread(g):
            return spread.transposed(lambda x: x[key], g, like)
        return _zeros(like).at[key].add(g)

    def _scatter_all(self, *gs: Any, keys: Any, like: Any) -> Any:
        """Zeros as `like` says, with each of `gs` added at its own of `keys`."""
        if any([spread.is_spread(g) for g in gs]):
            parts = zip(gs, keys, strict=True)
            return sum([self._scatter(g, key=key, like=like) for g, key in parts])
        return self.scatter_add(_zeros(like), list(zip(keys, gs, strict=True)))

    def _add_along(self, g: Any, indices: Any, *, axis: int, like: Any) -> Any:
        """The cotangent of `take_along_axis`, as JAX computes it."""
        import jax.numpy as jnp

        return spread.transposed(lambda x: jnp.take_along_axis(x, indices, axis=axis), g, like)

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """Pieces that fill a good part of the buffer are padded to its shape and added, which
        compilers fuse. Of the rest, all whose keys are known on the host go into one scatter."""
        import jax.numpy as jnp

        known, gs, places = [], [], None
        for key, g in pieces:
            if spread.is_spread(g):
                buffer = buffer + self._scatter(g, key=key, like=self.like(buffer))
                continue
            if len(pieces) == 1 or 8 * g.size >= buffer.size:
                padded = _padded(g, key, buffer.shape)
                if padded is not None:
                    buffer = buffer + padded
                    continue
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

    def beside(self, x: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        """On the device of `x`, if one was chosen for it. Otherwise, and beside arrays that are
        spread over several devices, on none in particular: JAX then takes it where it is needed."""
        import jax

        chosen = isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer) and x.committed
        device = x.device if chosen else None
        if isinstance(device, jax.sharding.Sharding):  # it tells how `x` is cut, not a new array
            device = None
        return function(*args, device=device, **kwargs)

    def host(self, x: Any) -> Any:
        """None while JAX traces."""
        import jax

        return None if isinstance(x, jax.core.Tracer) else np.asarray(x)

    def foreign(self, backend: Any, func: Any, args: Any, kwargs: Any) -> Any:
        """NumPy's functions. (JAX's own cannot be overridden.)"""
        from pluggrad_numpy.functions import answer

        return answer(backend, func, args, kwargs)

    def traced(self, x: Any) -> bool:
        """Whether `x` is a tracer, of a compiler or of another transform of JAX."""
        import jax

        return isinstance(x, jax.core.Tracer)

    def fence(self, x: Any) -> Any:
        """An optimization barrier while JAX traces."""
        import jax

        return jax.lax.optimization_barrier(x) if isinstance(x, jax.core.Tracer) else x

    def special(self, name: str) -> Any:
        """Looked up in `jax.scipy.special`."""
        from . import special

        return special.find(name)

    def scipy(self, name: str) -> Any:
        """One of the functions in `scipy_functions`; otherwise SciPy's own is called."""
        from .scipy_functions import find

        return find(name)

    def same_device(self, x: Any, y: Any) -> bool:
        """Always: JAX moves arrays by itself, and raises where it must not."""
        return True

    def callback(self, function: Any, args: Any, results: Any) -> list[Any]:
        """A call back to the host while JAX traces; one call for each element of JAX's own vmap."""
        import jax

        if not any([isinstance(x, jax.core.Tracer) for x in args]):
            return super().callback(function, args, results)
        places = [n for n, x in enumerate(args) if isinstance(x, (jax.Array, np.ndarray))]
        shapes = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in results]

        def on_host(*arrays: Any) -> Any:
            given = list(args)
            for n, x in zip(places, arrays, strict=True):
                given[n] = np.asarray(x)
            y = function(*given)
            parts = y if len(shapes) > 1 else [y]
            return [np.asarray(p, s.dtype) for p, s in zip(parts, shapes, strict=True)]

        arrays = [args[n] for n in places]
        return list(jax.pure_callback(on_host, shapes, *arrays, vmap_method="sequential"))

    def interop(self) -> Any:
        """The module `pg.interop.jax`."""
        from . import interop

        return interop

    def devices(self) -> list[Any]:
        """The CPU first, then the devices of JAX's default platform."""
        import jax

        return list(jax.devices("cpu")) + [d for d in jax.devices() if d.platform != "cpu"]

    def capabilities(self) -> dict[str, Any]:
        """A note says if JAX is limited to float32."""
        import jax

        found = super().capabilities()
        if not jax.config.jax_enable_x64:
            found["note"] = "float32 only; set JAX_ENABLE_X64=1 for float64"
        return found


def _getitem(x: Any, key: Any) -> Any:
    """``x[key]``."""
    key = _in_bounds(x, key)
    plain = spread.spec_of(x) is not None or not spread.is_spread(x)
    found = None if plain else spread.read(x, key)
    return x[key] if found is None else found


def _shape_dtype(like: Any) -> tuple[Any, Any]:
    """The shape and dtype of what `Adapter.like` returned."""
    return like if type(like) is tuple else (like.shape, like.dtype)


def _zeros(like: Any) -> Any:
    """Zeros as `like` says."""
    import jax.numpy as jnp

    return jnp.zeros(*like) if type(like) is tuple else jnp.zeros_like(like)


def _solve_triangular(x1: Any, x2: Any, *, upper: bool) -> Any:
    """The solution of a triangular system; the axes in front of `x2` are broadcast."""
    import jax.numpy as jnp
    from jax.lax.linalg import triangular_solve

    x2 = jnp.broadcast_to(x2, x1.shape[:-1] + x2.shape[-1:])
    return triangular_solve(x1, x2, left_side=True, lower=not upper)


def _padded(g: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `g` at `key`; None unless `key` consists of integers and of slices that
    step forwards."""
    from jax import lax

    parts = [part for part in (key if isinstance(key, tuple) else (key,)) if part is not None]
    if not all([type(part) in (int, slice) or part is Ellipsis for part in parts]):
        return None
    free = len(shape) - sum([part is not Ellipsis for part in parts])
    spelled: list[Any] = []
    for part in parts:
        spelled += [slice(None)] * free if part is Ellipsis else [part]
    spelled += [slice(None)] * (len(shape) - len(spelled))
    counts, edges = [], []
    for part, n in zip(spelled, shape, strict=True):
        if type(part) is int:
            chosen = range(part % n, part % n + 1)
        elif part.step is None or part.step > 0:
            chosen = range(*part.indices(n))
        else:
            return None
        if not chosen:
            return None
        counts.append(len(chosen))
        edges.append((chosen[0], n - 1 - chosen[-1], chosen.step - 1))
    return lax.pad(g.reshape(counts), np.zeros((), g.dtype), edges)


def _on_host(key: Any) -> bool:
    """Whether the values in `key` are known now: JAX traces none of them."""
    import jax

    parts = key if isinstance(key, tuple) else (key,)
    return not any(isinstance(part, jax.core.Tracer) for part in parts)


def _to_host(key: Any) -> Any:
    """`key` with NumPy arrays in place of JAX's."""
    if isinstance(key, tuple):
        return tuple([_to_host(part) for part in key])
    return np.asarray(key) if hasattr(key, "dtype") else key


def _in_bounds(x: Any, key: Any) -> Any:
    """`key`; an error if its integers are out of bounds, where JAX would silently take the nearest
    element."""
    parts = key if isinstance(key, tuple) else (key,)
    axis = 0
    for place, part in enumerate(parts):
        if part is Ellipsis:
            axis = x.ndim - sum(other is not None for other in parts[place + 1 :])
        elif part is not None:
            if type(part) is int:
                if axis < x.ndim and not -x.shape[axis] <= part < x.shape[axis]:
                    raise IndexOutOfBounds(
                        f"index {key} is out of bounds for shape {tuple(x.shape)}"
                    )
            elif type(part) is not slice:
                return key  # an array, whose values need not be known; a mask has several axes
            axis += 1
    return key


class IndexOutOfBounds(InvalidArgumentError, IndexError):
    """An integer index beyond the end of its axis."""


backend = JaxAdapter()
