"""Arrays that are spread over several devices: their gradients get the shardings that JAX gives."""

from __future__ import annotations

from typing import Any


def is_spread(x: Any) -> bool:
    """Whether `x` is cut up or copied over several devices, now or by the types of an explicit mesh
    while JAX traces."""
    import jax

    if isinstance(x, jax.core.Tracer):
        return spec_of(x) is not None
    return isinstance(x, jax.Array) and len(x.sharding.device_set) > 1


def beneath(x: Any) -> Any:
    """The array under the tracers of JAX's eager transforms, such as `jax.grad`; a tracer if JAX
    traces for its compiler."""
    import jax

    while isinstance(x, jax.core.Tracer):
        inner = getattr(x, "primal", getattr(x, "val", None))
        if inner is None:
            break
        x = inner
    return x


def spec_of(x: Any) -> Any:
    """The sharding in the type of `x`, where a mesh is explicit and `x` is cut along one of its
    axes; otherwise None."""
    aval = getattr(x, "aval", None)
    sharding = getattr(aval, "sharding", None)
    if sharding is None or all([part is None for part in sharding.spec]):
        return None
    return sharding


def like(x: Any) -> Any:
    """The shape, the dtype, and on an explicit mesh the sharding of `x`, without its values."""
    import jax

    sharding = spec_of(x)
    if sharding is None:
        return (x.shape, x.dtype)
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)


def transposed(function: Any, g: Any, like: Any) -> Any:
    """The cotangent of the argument of the linear `function` of one array `like`, for `g`: exactly
    the operations that JAX's own derivative has."""
    import jax

    if type(like) is tuple:
        like = jax.ShapeDtypeStruct(*like)
    (found,) = jax.linear_transpose(function, like)(g.astype(like.dtype))
    return found


def expand(x: Any, *, to: Any) -> Any:
    """`x` broadcast to the shape of `to`; on an explicit mesh, cut like it."""
    import jax.numpy as jnp

    if type(to) is tuple:
        return jnp.broadcast_to(x, to[0])
    sharding = spec_of(to) or getattr(to, "sharding", None)
    if sharding is None or spec_of_sharding(sharding) is None:
        return jnp.broadcast_to(x, to.shape)
    return jnp.broadcast_to(x, to.shape, out_sharding=sharding)


def spec_of_sharding(sharding: Any) -> Any:
    """`sharding` if its mesh is explicit somewhere; otherwise None."""
    import jax

    mesh = getattr(sharding, "mesh", None)
    kinds = () if mesh is None else mesh.axis_types
    axis_type = getattr(jax.sharding, "AxisType", None)  # without it no mesh is explicit
    return sharding if axis_type is not None and axis_type.Explicit in kinds else None


def matmul(x1: Any, x2: Any, /) -> Any:
    """The product of matrices. If both are cut along the axis that is summed over, on an explicit
    mesh, JAX wants to be told how the result is cut: as the other axes of the two are."""
    import jax.numpy as jnp

    first, second = spec_of(x1), spec_of(x2)
    if first is None or second is None or x1.ndim < 2 or x2.ndim < 2:
        return jnp.matmul(x1, x2)
    a, b = _padded_spec(first, x1.ndim), _padded_spec(second, x2.ndim)
    if a[-1] is None or b[-2] is None:
        return jnp.matmul(x1, x2)
    batch = a[:-2] if x1.ndim >= x2.ndim else b[:-2]
    return jnp.matmul(x1, x2, out_sharding=_joined(batch, a[-2:-1], b[-1:]))


def matmul_x1(g: Any, x2: Any, *, like: Any) -> Any:
    """``g @ x2.mT``, without the transpose: compilers would gather a cut `x2` a second time for
    it."""
    if x2.ndim == 2:
        return _contracted(g, x2, [g.ndim - 1], [1], 0)
    if g.shape[:-2] != x2.shape[:-2]:
        return matmul(g, x2.mT)
    return _contracted(g, x2, [g.ndim - 1], [g.ndim - 1], g.ndim - 2)


def matmul_x2(g: Any, x1: Any, *, like: Any) -> Any:
    """``x1.mT @ g``, without that transpose; for a matrix `like`, summed over all rows at once, in
    the order of JAX's own derivative, which compilers are better at."""
    shape = like[0] if type(like) is tuple else like.shape
    same = g.ndim == x1.ndim and g.shape[:-1] == x1.shape[:-1]
    if same and len(shape) == 2:
        rows = list(range(g.ndim - 1))
        return _contracted(g, x1, rows, rows, 0).mT
    if not same:
        return matmul(x1.mT, g)
    return _contracted(x1, g, [g.ndim - 2], [g.ndim - 2], g.ndim - 2)


def _contracted(x1: Any, x2: Any, axes1: list[int], axes2: list[int], batch: int) -> Any:
    """The sum of products over `axes1` and `axes2`; the first `batch` axes are shared."""
    from jax import lax

    shared = list(range(batch))
    how = ((axes1, axes2), (shared, shared))
    first, second = spec_of(x1), spec_of(x2)
    if first is None or second is None:
        return lax.dot_general(x1, x2, how, preferred_element_type=x1.dtype)
    a, b = _padded_spec(first, x1.ndim), _padded_spec(second, x2.ndim)
    free1 = [part for n, part in enumerate(a) if n not in axes1 and n >= batch]
    free2 = [part for n, part in enumerate(b) if n not in axes2 and n >= batch]
    out = _joined(a[:batch], free1, free2)
    return lax.dot_general(x1, x2, how, preferred_element_type=x1.dtype, out_sharding=out)


def _joined(*parts: Any) -> Any:
    """A spec put together from those of axes; an axis of the mesh cuts only the first of them."""
    from jax.sharding import PartitionSpec

    used: list[Any] = []
    kept = []
    for part in [part for group in parts for part in group]:
        names = part if isinstance(part, tuple) else (part,)
        kept.append(None if any(name in used for name in names if name) else part)
        used += names
    return PartitionSpec(*kept)


def _padded_spec(sharding: Any, ndim: int) -> tuple[Any, ...]:
    """The spec of `sharding`, one entry per axis."""
    spec = tuple(sharding.spec)
    return spec + (None,) * (ndim - len(spec))


def read(x: Any, key: Any) -> Any:
    """``x[key]`` of an array that is spread, for a key of integers, slices, None and Ellipsis; None
    for another key.

    JAX reads such keys in two ways, which leave the result on the devices differently: through
    `dynamic_slice` if it computes at once, and through `slice` in derivatives. This is the second.
    """
    from jax import lax

    parts = list(key) if isinstance(key, tuple) else [key]
    if not all([part is None or part is ... or type(part) in (int, slice) for part in parts]):
        return None
    if ... in parts:
        at = parts.index(...)
        parts[at : at + 1] = [slice(None)] * (x.ndim - sum([p is not None for p in parts]) + 1)
    parts += [slice(None)] * (x.ndim - sum([part is not None for part in parts]))
    starts, stops, steps, gone, turned = [], [], [], [], []
    for place, part in enumerate([part for part in parts if part is not None]):
        n = x.shape[place]
        if type(part) is int:
            chosen = range(part % n, part % n + 1)
            gone.append(place)
        else:
            chosen = range(n)[part]
            if chosen.step < 0:
                chosen = chosen[::-1]
                turned.append(place)
        starts.append(chosen.start if chosen else 0)
        stops.append(chosen[-1] + 1 if chosen else 0)
        steps.append(chosen.step)
    y = lax.slice(x, starts, stops, steps)
    y = lax.squeeze(lax.rev(y, turned) if turned else y, gone)
    axes = [n for n, part in enumerate(p for p in parts if type(p) is not int) if part is None]
    return lax.expand_dims(y, axes) if axes else y
