"""Beyond the standard: functions that choose, remove, insert, sort and write elements, and sets."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array, add
from .indexing import integers, mask
from .rows import about, jnp_function, numbers, shaped, usual

row, other, m, scalar = Array((5,)), Array((5,)), Array((3, 4)), Array()
odd = mask(True, False, True, True, False)
ties = numbers(2.0, 1.0, 2.0, 0.5, 1.0)


def moved(name: str, **words: Any) -> Any:
    """torch's elements at the places where NumPy's function of that name puts them."""
    def call(torch: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        plain = [v.numpy() if hasattr(v, "numpy") else v for v in args]
        places = np.arange(x.numel()).reshape(tuple(x.shape))
        return torch.take(x, torch.from_numpy(np.asarray(getattr(np, name)(places, *plain, **words, **kwargs))))

    return call


def chosen(name: str) -> Any:
    """As `moved`, for a NumPy function that takes a condition before the array."""
    def call(torch: Any, condition: Any, x: Any, **kwargs: Any) -> Any:
        places = np.arange(x.numel()).reshape(tuple(x.shape))
        return torch.take(x, torch.from_numpy(np.asarray(getattr(np, name)(condition.numpy(), places, **kwargs))))

    return call


def torch_select(torch: Any, conditions: Any, choices: Any, default: Any) -> Any:
    """One `torch.where` for each condition."""
    for c, x in zip(conditions[::-1], choices[::-1], strict=True):
        default = torch.where(c, x, default)
    return default


def torch_choose(torch: Any, n: Any, choices: Any, mode: str = "raise") -> Any:
    """Rows of a stack of the choices."""
    n = n % len(choices) if mode == "wrap" else n.clip(0, len(choices) - 1)
    found = torch.stack(torch.broadcast_tensors(*choices, n * 0)[:-1])
    return torch.take_along_dim(found, torch.broadcast_to(n, found.shape[1:])[None], 0)[0]


add("select", "movement", usual([odd, mask(True, True, False, False, False)], [row, other], scalar), shaped("broadcast", [mask(True, False, True, False), mask((True,), (False,), (True,))], [m, Array((3, 1))], Array((4,))),
    shaped("0-d", [mask(True)], [Array((1,))], scalar), shaped("empty", [Array((0,), dtype="bool")], [Array((0,))], scalar), shaped("large", [Array((1000,), 0, 2, dtype="bool")], [Array((1000,))], scalar),
    torch=torch_select, jax=jnp_function("jax.numpy", "select"))
add("choose", "movement", usual(integers(1, 0, 1, 1, 0), [row, other]), shaped("broadcast", integers((0,), (1,), (2,)), [m, Array((4,)), scalar]), about("wrap", integers(1, 5, -1), [Array((3,)), Array((3,))], mode="wrap"),
    about("clip", integers(1, 5, -1), [Array((3,)), Array((3,))], mode="clip"), shaped("large", Array((1000,), 0, 1, dtype="int64"), [Array((1000,)), Array((1000,))]),
    torch=torch_choose, jax=jnp_function("jax.numpy", "choose"))
add("piecewise", "elementwise", usual(row), shaped("batched", m), shaped("0-d", scalar), shaped("empty", Array((0, 3))), shaped("large", Array((1000,))), about("a limit", numbers(0.0, 1.0, -1.0)),
    domains=("real",), call=lambda xp, x: xp.piecewise(x, [x > 0, x > 1], [lambda v: v * v, lambda v: 1 / v, 3.0]),
    torch=lambda torch, x: torch.where(x > 1, 1 / torch.where(x > 1, x, 1.0), torch.where(x > 0, x * x, 3.0)),
    jax=lambda jnp, x: jnp.where(x > 1, 1 / jnp.where(x > 1, x, 1.0), jnp.where(x > 0, x * x, 3.0)))
add("extract", "movement", usual(odd, row), shaped("batched", mask((True, False, True, False), (False, False, False, True), (True, True, False, False)), m), about("none", mask(False, False, False, False, False), row),
    shaped("large", Array((1000,), 0, 2, dtype="bool"), Array((1000,))), torch=chosen("extract"), jax=jnp_function("jax.numpy", "extract"), compiled=False)
add("compress", "movement", usual(odd, row), about("an axis", mask(True, False, True), m, axis=0), about("shorter", mask(False, True), m, axis=1), about("flat", odd, m),
    shaped("large", Array((1000,), 0, 2, dtype="bool"), Array((1000,))), torch=chosen("compress"), jax=jnp_function("jax.numpy", "compress"), compiled=False)

# ---------------------------------------------------------------- parts removed and inserted


def torch_insert(torch: Any, x: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """The elements of both at the places where NumPy's `insert` puts them."""
    places = np.arange(x.numel()).reshape(tuple(x.shape))
    more = np.arange(x.numel(), x.numel() + values.numel()).reshape(tuple(values.shape))
    return torch.take(torch.cat([x.reshape(-1), values.reshape(-1)]), torch.from_numpy(np.insert(places, obj, more, axis=axis)))


add("delete", "movement", usual(row, 1), about("several", row, [0, -1]), about("a slice", m, slice(0, 2), axis=1), about("flat", m, [0, 5]), about("booleans", m, [True, False, True], axis=0),
    shaped("large", Array((1000,)), 7), torch=moved("delete"), jax=lambda jnp, x, obj, axis=None: jnp.delete(x, np.asarray(obj) if isinstance(obj, list) else obj, axis=axis))
add("insert", "movement", usual(row, 1, scalar), about("several", row, [0, 3], Array((2,))), about("equal places", row, [1, 1], Array((2,))), about("a row", m, 1, Array((4,)), axis=0), about("a column", m, 1, Array((3,)), axis=1),
    about("a sequence of one", m, [1], Array((3, 2)), axis=1), about("flat", m, [0, 5], scalar), shaped("large", Array((1000,)), 7, scalar), torch=torch_insert,
    jax=lambda jnp, x, obj, values, axis=None: jnp.insert(x, np.asarray(obj) if isinstance(obj, list) else obj, values, axis=axis))


# ---------------------------------------------------------------- functions along axes


add("apply_along_axis", "reduction", usual(m), shaped("one vector", row), shaped("three axes", Array((2, 3, 2))), analytic=True, call=lambda xp, x: xp.apply_along_axis(lambda v: v * v[0], 0, x),
    torch=lambda torch, x: x * x[0], jax=lambda jnp, x: jnp.apply_along_axis(lambda v: v * v[0], 0, x))
add("apply_over_axes", "reduction", usual(m), shaped("three axes", Array((2, 3, 2))), analytic=True, call=lambda xp, x: xp.apply_over_axes(lambda v, axis: xp.sum(v * v, axis=axis), x, [0, 1]),
    torch=lambda torch, x: torch.sum(torch.sum(x * x, dim=0, keepdim=True) ** 2, dim=1, keepdim=True),
    jax=lambda jnp, x: jnp.sum(jnp.sum(x * x, axis=0, keepdims=True) ** 2, axis=1, keepdims=True))

# ---------------------------------------------------------------- sorting, and sets


def torch_unique(torch: Any, x: Any) -> Any:
    """The first of each kind."""
    return torch.take(x, torch.from_numpy(np.unique(x.detach().numpy(), return_index=True)[1]))


def kept(name: str) -> Any:
    """The elements of two vectors that NumPy's function of that name keeps, the first of each kind."""
    def call(torch: Any, x: Any, y: Any) -> Any:
        both = torch.cat([x.reshape(-1), y.reshape(-1)])
        values, first = np.unique(both.detach().numpy(), return_index=True)
        chosen = np.isin(values, getattr(np, name)(x.detach().numpy(), y.detach().numpy()))
        return both[torch.from_numpy(first[chosen])]

    return call


add("partition", "movement", usual(row), shaped("batched", m), shaped("large", Array((1000,))), domains=("real",), call=lambda xp, x: xp.partition(x, 2)[..., 2:3],
    torch=lambda torch, x: torch.sort(x, dim=-1)[0][..., 2:3], jax=lambda jnp, x: jnp.partition(x, 2)[..., 2:3])
add("sort_complex", "movement", usual(row), shaped("batched", m), shaped("large", Array((1000,))), domains=("complex",),
    torch=lambda torch, x: torch.take_along_dim(x, torch.argsort(x.real, dim=-1), -1), jax=lambda jnp, x: jnp.take_along_axis(x, jnp.argsort(x.real, axis=-1), axis=-1))
add("unique", "movement", usual(row), shaped("batched", m), about("duplicates", ties), shaped("empty", Array((0,))), shaped("large", Array((1000,))), domains=("real",), torch=torch_unique, no_jax=True, compiled=False)
for _name in ("intersect1d", "setdiff1d", "setxor1d", "union1d"):
    add(_name, "movement", usual(ties, numbers(1.0, 3.0, -1.0, 3.0)), about("nothing in common", numbers(1.0, 2.0), numbers(3.0, 4.0)), shaped("batched", numbers((1.0, 2.0), (3.0, 2.0)), numbers(3.0, 4.0)),
        domains=("real",), torch=kept(_name), no_jax=True, compiled=False)

# ---------------------------------------------------------------- writing


def written(name: str) -> Any:
    """The function of that name, of a copy of its first argument, which it writes into."""
    def call(xp: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        y = xp.asarray(x, copy=True)
        getattr(xp, name)(y, *args, **kwargs)
        return y

    return call


def jax_written(name: str) -> Any:
    """JAX's function of that name, which makes a new array."""
    return lambda jnp, *args, **kwargs: getattr(jnp, name)(*args, **kwargs, inplace=False)


def torch_filled(torch: Any, x: Any, places: Any, values: Any) -> Any:
    """The flat `x` with `values`, over and over, at `places`."""
    values = values.reshape(-1)[torch.arange(len(places)) % values.numel()]
    return x.reshape(-1).index_put((places,), values).reshape(x.shape)


def torch_masked(torch: Any, x: Any, chosen: Any, values: Any, counted: bool) -> Any:
    """The flat `x` with `values` where `chosen` is true: one after the other, or each at its place."""
    places = torch.nonzero(chosen.reshape(-1))[:, 0]
    number = torch.arange(len(places)) if counted else places
    return x.reshape(-1).index_put((places,), values.reshape(-1)[number % values.numel()]).reshape(x.shape)


_chosen = mask((True, False, True, False), (False, False, False, True), (True, True, False, False))
add("put", "movement", usual(row, integers(3, 0), Array((2,))), about("repeated", m, integers(0, 5, 7), Array((2,))), about("one value", row, integers(1, 2), scalar), shaped("large", Array((1000,)), integers(7), scalar),
    call=written("put"), torch=torch_filled, jax=jax_written("put"))
add("place", "movement", usual(row, odd, Array((3,))), about("repeated", m, _chosen, Array((2,))), shaped("large", Array((1000,)), Array((1000,), 0, 2, dtype="bool"), Array((7,))),
    call=written("place"), torch=lambda torch, x, c, v: torch_masked(torch, x, c, v, True), no_jax=True)
add("putmask", "movement", usual(row, odd, Array((5,))), about("repeated", m, _chosen, Array((5,))), shaped("large", Array((1000,)), Array((1000,), 0, 2, dtype="bool"), Array((7,))),
    call=written("putmask"), torch=lambda torch, x, c, v: torch_masked(torch, x, c, v, False), no_jax=True)
add("copyto", "movement", usual(row, other), shaped("broadcast", m, Array((4,))), about("where", row, other, odd), about("a number", row, 0.5, odd), shaped("large", Array((1000,)), scalar),
    call=lambda xp, x, y, where=True: written("copyto")(xp, x, y, where=where),
    torch=lambda torch, x, y, where=None: torch.broadcast_to(y, x.shape) + 0 * x if where is None else torch.where(where, torch.as_tensor(y, dtype=x.dtype), x),
    jax=lambda jnp, x, y, where=True: jnp.where(where, y, x))
add("put_along_axis", "movement", usual(m, integers((3,), (0,), (1,)), Array((3, 1)), 1), about("one value", m, integers((0, 1, 2, 0)), scalar, 0), about("flat", m, integers(0, 7), Array((2,)), None),
    call=written("put_along_axis"), torch=lambda torch, x, k, v, axis: x.reshape(-1).scatter(0, k, v).reshape(x.shape) if axis is None else x.scatter(axis, k, torch.broadcast_to(v, k.shape)),
    jax=jax_written("put_along_axis"))
add("fill_diagonal", "movement", usual(m, scalar), about("several", m, Array((2,))), about("wrapped", Array((5, 2)), Array((3,)), wrap=True), shaped("three axes", Array((2, 2, 2)), scalar), shaped("large", Array((30, 30)), scalar),
    call=written("fill_diagonal"), torch=lambda torch, x, v, wrap=False: torch_filled(torch, x, torch.arange(0, x.numel() if wrap or x.ndim > 2 else min(x.numel(), x.shape[-1] ** 2), sum(x.shape[-1] ** n for n in range(x.ndim))), v),
    no_jax=True)
