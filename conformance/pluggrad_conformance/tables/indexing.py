"""Reading and writing by index, with every kind of key."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array, Case, add
from .rows import about, shaped, usual

row, m, cube = Array((5,)), Array((3, 4)), Array((2, 3, 4))
every = slice(None)


def integers(*values: Any) -> Array:
    """An index array."""
    return Array(values=values, dtype="int64")


def mask(*values: Any) -> Array:
    """A boolean mask."""
    return Array(values=values, dtype="bool")


def read_at(xp: Any, x: Any, key: Any) -> Any:
    """``x[key]``."""
    return x[key]


def write(xp: Any, x: Any, value: Any, key: Any) -> Any:
    """A copy of `x`, with `value` written into it."""
    y = xp.asarray(x, copy=True)
    y[key] = value
    return y


def places(torch: Any, x: Any, key: Any) -> Any:
    """The positions in `x`, counted along its elements, that `key` selects, as NumPy does."""
    plain = lambda k: k.numpy() if hasattr(k, "numpy") else k
    key = tuple([plain(k) for k in key]) if isinstance(key, tuple) else plain(key)
    return torch.from_numpy(np.array(np.arange(x.numel()).reshape(tuple(x.shape))[key]))


def torch_read(torch: Any, x: Any, key: Any) -> Any:
    """``x[key]`` through `torch.take`, which has no kinds of key to get wrong."""
    return torch.take(x, places(torch, x, key))


def torch_write(torch: Any, x: Any, value: Any, key: Any) -> Any:
    """Of several values that are written to one place, the last one stays."""
    where = places(torch, x, key)
    value = torch.broadcast_to(torch.as_tensor(value, dtype=x.dtype), where.shape).reshape(-1)
    source = torch.full((x.numel(),), -1)
    for number, place in enumerate(where.reshape(-1).tolist()):
        source[place] = number
    written = torch.cat([value, value.new_zeros(1)])[source]
    return torch.where(source >= 0, written, x.reshape(-1)).reshape(x.shape)


def jax_write(jnp: Any, x: Any, value: Any, key: Any) -> Any:
    """``x[key] = value`` in JAX's spelling."""
    return x.at[key].set(value)


def last_wins(key: Any) -> Any:
    """The gradient of writing at the integers `key` along the first axis."""
    def expected(c: Any, x: Any, value: Any) -> list[Any]:
        kept, found = np.array(c), np.zeros_like(value)
        kept[list(key)] = 0
        for place in set(key):
            last = max(n for n, k in enumerate(key) if k == place)
            found[last] = c[place]
        return [kept, found]

    return expected


#: name → a key, for an array of 3 rows and 4 columns
KEYS: dict[str, Any] = {
    "an integer": 1, "a negative integer": -1, "integers": (2, -1), "a slice": slice(1, None), "a step": (every, slice(None, None, 2)),
    "a negative step": slice(None, None, -1), "two negative steps": (slice(2, 0, -1), slice(None, None, -2)), "an empty slice": slice(2, 2),
    "an ellipsis": (Ellipsis, 1), "a new axis": (None, every, 1), "new axes": (1, None, Ellipsis, None), "nothing": (),
    "a mask of rows": mask(True, False, True), "a mask": mask((True, False, True, False), (False, False, False, True), (True, True, False, False)), "an empty mask": mask(False, False, False),
    "an array": integers(2, 0), "an array with duplicates": integers(2, 0, 2, -1), "an array of two axes": integers((0, 1), (2, 0)), "an empty array": integers(),
    "two arrays": (integers(0, 2, 0), integers(1, 3, 1)), "arrays that broadcast": (integers((0,), (2,)), integers(1, 3)),
    "an array and a slice": (integers(2, 0, 2), slice(1, 3)), "a slice and an array": (slice(1, None), integers(3, 0, 3)), "an integer and an array": (1, integers(3, 0, 3)),
    "a mask and an integer": (mask(True, False, True), 1),
}
#: Keys that libraries differ about least; of the others, jax compiles none.
FEW = ("an integer", "a negative step", "a new axis", "a mask of rows", "an array with duplicates", "two arrays")


def reading(name: str, key: Any) -> Case:
    """The case that reads with a key; those of `FEW` at second order and forwards, too."""
    return (about if name in FEW else shaped)(name, m, key)


add("getitem", "movement", usual(m, (slice(1, None), slice(None, None, 2))), shaped("0-d", Array(), ()), shaped("empty", Array((0, 3)), (every, 0)),
    *[reading(name, key) for name, key in KEYS.items()], shaped("arrays apart", cube, (integers(1, 0, 1), every, integers(0, 3, 0))),
    shaped("an array in the middle", cube, (every, integers(2, 0, 2))), shaped("large", Array((1000,)), Array((500,), 0, 999, dtype="int64")),
    call=read_at, torch=torch_read)

add("setitem", "movement", usual(m, Array((2, 2)), (slice(1, None), slice(None, None, 2))), shaped("0-d", Array(), Array(), ()), shaped("broadcast", m, Array((4,)), (slice(0, 2), every)),
    shaped("empty", m, Array((0, 4)), slice(2, 2)), about("an integer", m, Array((4,)), 1), about("a number", m, 0.5, (every, 1)), shaped("everything", m, Array((3, 4)), Ellipsis),
    about("a negative step", row, Array((3,)), slice(None, None, -2)), about("a mask", m, Array(), mask((True, False, True, False), (False, False, False, True), (True, True, False, False))),
    shaped("a mask of rows", m, Array((2, 4)), mask(True, False, True)), about("an array", m, Array((2, 4)), integers(2, 0)), shaped("two arrays", m, Array((2,)), (integers(0, 2), integers(1, 3))),
    about("duplicates", row, Array((3,)), integers(0, 0, 3), convention="last-write", expected=last_wins((0, 0, 3))),
    about("duplicate rows", m, Array((4, 4)), integers(2, 0, 2, 2), convention="last-write", expected=last_wins((2, 0, 2, 2))),
    call=write, torch=torch_write, jax=jax_write)
