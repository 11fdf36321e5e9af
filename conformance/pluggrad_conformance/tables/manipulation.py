"""Manipulation: what moves, copies, joins, repeats and sorts components."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array, Case, add
from .rows import about, inf, jnp_function, numbers, shaped, torch_function, usual

v, m, cube = Array((4,)), Array((3, 4)), Array((2, 3, 4))
scalar = Array()


def moving(name: str, *cases: Case, **facts: Any) -> None:
    """A function whose output holds components of its input, and nothing new."""
    add(name, "movement", *cases, **facts)


def integers(*values: Any) -> Array:
    """An index array."""
    return Array(values=values, dtype="int64")


# ---------------------------------------------------------------- copies and conversions

moving("copy", usual(m), shaped("0-d", scalar), shaped("empty", Array((0, 3))), torch=torch_function("clone"), jax=jnp_function("jax.numpy", "copy"),
       call=lambda xp, x: xp.asarray(x, copy=True), method="copy")
moving("astype", usual(m, "same"), shaped("0-d", scalar, "same"), about("narrower", m, "float32", domain="real"), about("wider", m, "float64", domain="real"),
       about("to complex", m, "complex128"), call=lambda xp, x, name: xp.astype(x, x.dtype if name == "same" else getattr(xp, name)))
moving("broadcast_to", usual(Array((3, 1)), (2, 3, 4)), shaped("0-d", scalar, (2, 3)), shaped("empty", Array((0,)), (2, 0)), shaped("same", m, (3, 4)))
moving("broadcast_arrays", usual(Array((3, 1)), Array((4,))), shaped("0-d", scalar, Array((2,))), shaped("three", Array((2, 1, 1)), Array((3, 1)), Array((4,))))
moving("full_like", usual(m, scalar), shaped("0-d", scalar, scalar), call=lambda xp, x, value: xp.full_like(x, value),
       torch=lambda torch, x, value: value.expand(x.shape).clone())
moving("full", usual(scalar, (2, 3)), shaped("0-d", scalar, ()), call=lambda xp, value, shape: xp.full(shape, value),
       torch=lambda torch, value, shape: value.expand(shape).clone())

# ---------------------------------------------------------------- shapes

moving("reshape", usual(m, (2, 6)), shaped("0-d", scalar, (1, 1)), shaped("to 0-d", Array((1, 1)), ()), shaped("empty", Array((0, 2)), (2, 0)),
       about("guessed", cube, (4, -1)), method="reshape")
moving("expand_dims", usual(m, axis=1), shaped("0-d", scalar, axis=0), shaped("last", m, axis=-1))
moving("squeeze", usual(Array((3, 1, 2)), 1), shaped("to 0-d", Array((1,)), 0), shaped("several", Array((1, 2, 1)), (0, 2)), method="squeeze")
moving("permute_dims", usual(cube, (2, 0, 1)), shaped("0-d", scalar, ()), shaped("empty", Array((0, 3)), (1, 0)))
moving("transpose", usual(cube), shaped("chosen", cube, (2, 0, 1)), torch=lambda torch, x, axes=None: x.permute(tuple(range(x.ndim))[::-1] if axes is None else axes),
       method="transpose")
moving("swapaxes", usual(cube, 0, 2), shaped("last", cube, -1, -2), torch=torch_function("swapaxes"), method="swapaxes")
moving("moveaxis", usual(cube, 0, 2), shaped("several", cube, (0, 1), (1, 2)))
moving("matrix_transpose", usual(m), shaped("batched", cube), shaped("empty", Array((0, 3))))
moving("ravel", usual(m), shaped("0-d", scalar), shaped("empty", Array((0, 3))), torch=torch_function("ravel"), method="ravel")
moving("flatten", usual(m), shaped("0-d", scalar), torch=torch_function("flatten"), jax=jnp_function("jax.numpy", "ravel"), method="flatten")
moving("view", usual(m, (4, 3)), shaped("guessed", cube, (6, -1)), torch=lambda torch, x, shape: x.reshape(shape), jax=lambda jnp, x, shape: jnp.reshape(x, shape), method="view")

# ---------------------------------------------------------------- order

moving("flip", usual(m), shaped("0-d", scalar), shaped("one axis", m, axis=1), shaped("empty", Array((0, 3))))
moving("roll", usual(m, 1), shaped("0-d", scalar, 2), about("one axis", m, -2, axis=1), shaped("several", m, (1, 2), axis=(0, 1)))
moving("tril", usual(m), shaped("batched", cube), shaped("empty", Array((0, 3))), about("above", Array((3, 3)), k=1))
moving("triu", usual(m), shaped("batched", cube), shaped("empty", Array((0, 3))), about("below", Array((3, 3)), k=-1))
moving("diag", usual(v), about("of a matrix", m), shaped("above", v, 1), shaped("below", v, -2), shaped("of a matrix, below", m, -1), torch=torch_function("diag"))
moving("diagonal", usual(m), shaped("above", m, 1), shaped("below", m, -1), shaped("batched", cube, 1, 1, 2), torch=torch_function("diagonal"), method="diagonal")

# ---------------------------------------------------------------- joining, splitting, repeating

moving("concat", usual([m, Array((2, 4))]), shaped("empty", [m, Array((0, 4))]), about("second axis", [m, Array((3, 1)), m], axis=1),
       about("in a row", [m, Array((2,))], axis=None))
moving("concatenate", usual([m, Array((2, 4))]), shaped("second axis", [m, Array((3, 1))], axis=1), shaped("in a row", [m, Array((2,))], axis=None),
       torch=lambda torch, xs, axis=0: torch.cat(list(xs), axis) if axis is not None else torch.cat([x.reshape(-1) for x in xs]))
moving("stack", usual([m, m]), shaped("0-d", [scalar, scalar]), about("second axis", [m, m, m], axis=1), shaped("last axis", [v, v], axis=-1))
moving("unstack", usual(m), shaped("second axis", m, axis=1))
moving("meshgrid", usual(Array((2,)), Array((3,))), shaped("matrix order", Array((2,)), Array((3,)), indexing="ij"), shaped("one", v))
moving("repeat", usual(m, 2), shaped("0-d", scalar, 3), shaped("empty", Array((0,)), 2), about("one axis", m, 2, axis=1),
       shaped("counts", Array((3,)), integers(1, 0, 2)), about("counts along an axis", m, integers(2, 0, 1), axis=0), method="repeat")
moving("tile", usual(m, (2, 1)), shaped("0-d", scalar, (3,)), shaped("more axes", v, (2, 2, 2)), shaped("fewer", m, (2,)))


def torch_pad(torch: Any, x: Any, width: Any, mode: str = "constant", constant_values: Any = 0, **more: Any) -> Any:
    """torch's pad has other modes: pad the positions by NumPy, and take the elements there."""
    pad: Any = np.pad
    if mode in ("maximum", "minimum"):
        edge = (torch.amax if mode == "maximum" else torch.amin)(x)
        return torch.cat([edge.expand(width[0]), x, edge.expand(width[1])])
    if mode in ("mean", "linear_ramp") or more:  # of a vector: a linear map
        rows = pad(np.eye(x.shape[0]), ((0, 0), width), mode, **more)
        return x @ torch.from_numpy(rows).to(x.dtype)
    filled: dict[str, Any] = {"constant_values": -1} if mode == "constant" else {}
    places = pad(np.arange(x.numel()).reshape(x.shape), width, mode, **filled)
    found = torch.take(x, torch.from_numpy(np.maximum(places, 0)))
    return torch.where(torch.from_numpy(places < 0), constant_values, found) if mode == "constant" else found


moving("pad", usual(m, ((1, 0), (2, 1))), shaped("all sides", m, 1), about("filled", v, (2, 1), constant_values=0.5),
       *[about(mode, v, (2, 3), mode) for mode in ("edge", "reflect", "symmetric", "wrap", "linear_ramp", "mean")],
       *[about(mode, v, (2, 3), mode, domain="real") for mode in ("maximum", "minimum")],
       *[about(f"{mode}, odd", v, (2, 3), mode, reflect_type="odd") for mode in ("reflect", "symmetric")], torch=torch_pad, jax=jnp_function("jax.numpy", "pad"))

# ---------------------------------------------------------------- selecting and sorting

moving("take", usual(m, integers(2, 0, 2), axis=0), shaped("empty", m, integers(), axis=0), about("second axis", m, integers(1, 1, -1), axis=1),
       shaped("of a row", v, integers(3, 3, 0)), torch=lambda torch, x, indices, axis=0: x.index_select(axis, indices % x.shape[axis]))
moving("take_along_axis", usual(m, integers((0, 1), (2, 2), (3, 0)), axis=1), shaped("first axis", m, integers((0, 1, 2, 0), (2, 2, 0, 1)), axis=0))


def torch_sort(torch: Any, x: Any, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """torch's sort gives the indices too; only the values are wanted."""
    return torch.sort(x, dim=axis, descending=descending, stable=stable).values


moving("sort", usual(Array((6,))), shaped("empty", Array((0,))), shaped("large", Array((1000,))), about("first axis", m, axis=0), about("descending", m, descending=True),
       about("infinities", numbers(inf, -1.0, -inf, 2.0)), domains=("real",), torch=torch_sort)


def first_of_each(c: Any, x: Any) -> list[Any]:
    """The gradient of the unique values: each goes to the first element that has the value."""
    found = np.zeros_like(x)
    found[np.unique(x, return_index=True)[1]] = c[0] if isinstance(c, list) else c
    return [found]


def torch_unique(*names: str) -> Any:
    """The elements at the places where NumPy finds the first of each; and the outputs `names`."""
    def call(torch: Any, x: Any) -> Any:
        found = np.unique(x.detach().numpy(), return_index=True, return_inverse=True, return_counts=True)
        others = dict(zip(("indices", "inverse", "counts"), [torch.from_numpy(np.array(part)) for part in found[1:]], strict=True))
        return [x.reshape(-1)[others["indices"]], *[others[name] for name in names]]

    return call


UNIQUE = {"unique_values": (), "unique_counts": ("counts",), "unique_inverse": ("inverse",), "unique_all": ("indices", "inverse", "counts")}
repeated = numbers(2.0, -1.0, 2.0, 0.5, -1.0)
for name, others in UNIQUE.items():
    moving(name, usual(Array((5,))), about("ties", repeated, convention="ties", expected=first_of_each), domains=("real",),
           torch=torch_unique(*others), no_jax=True, compiled=False)
