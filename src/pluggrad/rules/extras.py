"""Functions beyond the standard that users of NumPy and similar libraries expect.

They have NumPy's names and meaning.
"""

from __future__ import annotations

from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import axes_of, axis_of, whole
from ..engine.cotangents import device_of
from ..errors import InvalidArgumentError, UnsupportedError


@composite(own=True)
def transpose(x: Any, /, axes: Any = None) -> Any:
    """`x` with its axes permuted; in reverse order, if `axes` is None."""
    return xp.permute_dims(x, tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))


@composite(own=True)
def swapaxes(x: Any, /, axis1: int, axis2: int) -> Any:
    """`x` with two axes exchanged."""
    order = list(range(x.ndim))
    axis1 = axis_of(axis1, x.ndim, "swapaxes", "axis1")
    axis2 = axis_of(axis2, x.ndim, "swapaxes", "axis2")
    order[axis1], order[axis2] = axis2, axis1
    return xp.permute_dims(x, tuple(order))


@composite(own=True)
def ravel(x: Any, /) -> Any:
    """`x` as a vector: a view, where the library's `reshape` gives one."""
    return xp.reshape(x, (-1,))


@composite(own=True)
def flatten(x: Any, /) -> Any:
    """`x` as a vector, copied."""
    return xp.copy(xp.reshape(x, (-1,)))


@composite(own=True)
def diagonal(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals over two axes, as the last axis of the result."""
    axes = axes_of((axis1, axis2), x.ndim, "diagonal")
    return xp.linalg.diagonal(xp.moveaxis(x, axes, (-2, -1)), offset=offset)


@composite(own=True)
def trace(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum along the diagonal over two axes."""
    axes = axes_of((axis1, axis2), x.ndim, "trace")
    return xp.linalg.trace(xp.moveaxis(x, axes, (-2, -1)), offset=offset)


# ---------------------------------------------------------------- pad


@composite(own=True)
def pad(x: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    """`x` with a margin on each side.

    Parameters
    ----------
    pad_width : int, pair, or one pair per axis
        How many elements to add before and after.
    mode : 'constant', 'edge', 'reflect', 'symmetric' or 'wrap'
        What to fill them with.
    constant_values : scalar, pair, or one pair per axis
        The fill of mode 'constant'; it may be tracked.
    """
    widths = _pairs(pad_width, x.ndim)
    widths = [(whole(n, "pad", "a width"), whole(m, "pad", "a width")) for n, m in widths]
    values = _pairs(constant_values, x.ndim)
    for axis in range(x.ndim):
        before, after = widths[axis]
        if before < 0 or after < 0:
            raise InvalidArgumentError(f"pad: the widths {widths} must not be negative")
        if before == after == 0:
            continue
        if mode == "constant":
            parts = [_margin(x, axis, before, values[axis][0]), x,
                     _margin(x, axis, after, values[axis][1])]  # fmt: skip
            x = xp.concat(parts, axis=axis)
        else:
            backend = backend_of(x)
            assert backend is not None
            length = x.shape[axis]
            source = [_source(n, length, mode) for n in range(-before, length + after)]
            places = backend.raw("asarray")(source, dtype=backend.xp.int64, device=device_of(x))
            x = xp.take(x, places, axis=axis)
    return x


def _pairs(value: Any, ndim: int) -> list[tuple[Any, Any]]:
    """`value` as one pair per axis, by NumPy's rules of broadcasting."""
    if not isinstance(value, (tuple, list)) and not (hasattr(value, "tolist") and value.ndim):
        return [(value, value)] * ndim
    if hasattr(value, "tolist"):
        value = value.tolist()
    rows = [v if isinstance(v, (tuple, list)) else None for v in value]
    if all(row is None for row in rows):
        pair = (value[0], value[-1])
        return [pair] * ndim
    found = [(row[0], row[-1]) for row in rows if row is not None]
    if len(found) == 1:
        return found * ndim
    if len(found) != ndim:
        raise InvalidArgumentError(f"pad: {len(found)} pairs for {ndim} axes")
    return found


def _margin(x: Any, axis: int, width: int, value: Any) -> Any:
    """The margin of `pad`: `width` along `axis`, filled with `value`, which may be tracked."""
    shape = tuple([width if n == axis else length for n, length in enumerate(x.shape)])
    if is_variable(value):
        return xp.broadcast_to(xp.astype(value, x.dtype), shape)
    backend = backend_of(x)
    assert backend is not None
    made = backend.raw("full")(shape, value, dtype=x.dtype, device=device_of(x))
    return backend.namespace.asarray_constant(made) if is_variable(x) else made


def _source(n: int, length: int, mode: str) -> int:
    """The index of the element that fills place `n` of the padded axis; `n` is -before, ..., length
    - 1 + after."""
    if mode == "edge" or (length == 1 and mode == "reflect"):
        return min(max(n, 0), length - 1)
    if mode == "wrap":
        return n % length
    if mode == "reflect":
        n = n % (2 * length - 2)
        return min(n, 2 * length - 2 - n)
    if mode == "symmetric":
        n = n % (2 * length)
        return min(n, 2 * length - 1 - n)
    raise UnsupportedError(f"pad: the mode {mode!r} is not supported")
