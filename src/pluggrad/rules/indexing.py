"""Indexing: reading gathers, writing replaces, and their transposes scatter and erase."""

from __future__ import annotations

from typing import Any

from ..backend import backend_of
from ..cotangents import erase, look_up, pick, scatter, zeros
from ..dispatch import xp
from .kinds import constant, linear


def read(x: Any, key: Any) -> Any:
    return x[key]


def put(value: Any, x: Any, key: Any) -> Any:
    """`x` with `value` at `key`, as a new array."""
    return put_in_place(value, xp.copy(x), key)


def put_in_place(value: Any, x: Any, key: Any) -> Any:
    if getattr(x, "shape", ()) == () and not hasattr(x, "__setitem__"):  # a NumPy scalar
        x = xp.asarray(x)
    x[key] = value
    return x


def scatter_dense(g: Any, key: Any, like: Any) -> Any:
    """Zeros with `g` added at `key`."""
    backend = backend_of(g)
    assert backend is not None
    return backend.adapter.scatter_add(zeros(like, g), [(key, g)])


# fmt: off
constant("put_in_place(value, x, key, /)", fallback=put_in_place, private=True)
linear("getitem(x, key, /)",     lambda g, key, like: scatter(g, key, like),
       fallback=read, private=True, view=True, put=lambda base, value, key: xp.put(value, base, key))
linear("scatter(g, /, *, key, like)", lambda g, key: pick(g, key), fallback=scatter_dense, private=True)
linear("put(value, x, key, /)",  lambda g, key, like: look_up(g, key, like), lambda g, key: erase(g, key),
       fallback=put, private=True, takes_scatter=True)
# fmt: on
