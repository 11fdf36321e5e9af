"""Shapes, dtypes and devices of cotangents: the questions that rules and walks ask."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import backend_of
from ..arrays.dispatch import is_variable, xp

__all__ = [
    "conjugate",
    "create",
    "device_of",
    "in_dtype_of",
    "is_complex",
    "is_continuous",
    "pick",
    "same_shape",
    "shape_dtype",
    "spread",
    "sum_to",
    "zeros",
]


def shape_dtype(like: Any) -> tuple[tuple[Any, ...], Any]:
    """The shape and dtype of `like`, which is an array or already such a pair."""
    return like if type(like) is tuple else (like.shape, like.dtype)


def same_shape(a: Any, b: Any) -> bool:
    """Whether two shapes agree. An unknown length (None, or nan) agrees with any length."""
    return a == b or (
        len(a) == len(b)
        and all(m == n or m is None or n is None or m != m or n != n for m, n in zip(a, b))
    )


def is_complex(x: Any) -> bool:
    """Whether the dtype of `x` is complex."""
    backend = backend_of(x)
    return backend is not None and x.dtype in backend.complex_dtypes


def is_continuous(x: Any) -> bool:
    """Whether the dtype of `x` is real or complex floating-point, so that it has gradients."""
    backend = backend_of(x)
    return backend is not None and x.dtype in backend.float_dtypes


def conjugate(g: Any) -> Any:
    """The conjugate of `g`; `g` itself if it is real."""
    return xp.conj(g) if is_complex(g) else g


def in_dtype_of(g: Any, saved: Any) -> Any:
    """The saved values, with arrays cast to the dtype of the cotangent `g`."""
    if type(saved) is tuple:
        return tuple([in_dtype_of(g, x) if hasattr(x, "dtype") else x for x in saved])
    if not hasattr(saved, "dtype") or saved.dtype == g.dtype:
        return saved
    return xp.astype(saved, g.dtype)


def sum_to(g: Any, shape: tuple[Any, ...]) -> Any:
    """`g` summed down to `shape`, over the axes along which an array of `shape` was broadcast."""
    extra = g.ndim - len(shape)
    if extra:
        g = xp.sum(g, axis=tuple(range(extra)))
    axes = tuple([i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1])
    return xp.sum(g, axis=axes, keepdims=True) if axes else g


def spread(g: Any, like: Any) -> Any:
    """`g` broadcast to the shape of `like`, and chunked like it in libraries that chunk arrays."""
    return xp.broadcast_to(g, like[0]) if type(like) is tuple else xp.expand(g, to=like)


def zeros(like: Any, g: Any) -> Any:
    """Zeros of the shape and dtype of `like`, on the device of `g`, at the level of `g`."""
    if type(like) is not tuple:
        made = xp.zeros_like(like)
        wraps = is_variable(g) and not is_variable(made)
        return g._backend.namespace.asarray_constant(made) if wraps else made
    shape, dtype = like
    backend = backend_of(g)
    assert backend is not None
    made = create("zeros", shape, beside=g, dtype=dtype)
    return backend.namespace.asarray_constant(made) if is_variable(g) else made


def create(name: str, *args: Any, beside: Any, **kwargs: Any) -> Any:
    """What the standard's creation function `name` makes, such as ``arange``, as a raw array that
    can be used together with the raw values of `beside`, wherever these are."""
    backend = backend_of(beside)
    assert backend is not None
    while is_variable(beside):
        beside = beside._value
    return backend.adapter.beside(beside, backend.raw(name), *args, **kwargs)


def device_of(g: Any) -> Any:
    """The device of a raw array or Variable; None in libraries without devices."""
    while is_variable(g):
        g = g._value
    return getattr(g, "device", None)


def pick(g: Any, key: Any) -> Any:
    """`g[key]`, read in the library's own way."""
    return g[key] if is_variable(g) else backend_of(g).getitem(g, key)  # type: ignore[union-attr]
