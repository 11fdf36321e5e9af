"""Joining, splitting and turning arrays as NumPy does, beyond the standard."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array, add
from .manipulation import moving
from .rows import about, jnp_function, numbers, shaped, torch_function, usual

v, m, cube = Array((4,)), Array((3, 4)), Array((2, 3, 4))
scalar = Array()

# ---------------------------------------------------------------- joining

moving("hstack", usual([m, Array((3, 2))]), shaped("vectors", [v, Array((2,))]), shaped("0-d", [scalar, scalar]), shaped("empty", [Array((0,)), v]), torch=torch_function("hstack"))
moving("vstack", usual([m, Array((2, 4))]), shaped("vectors", [v, v]), shaped("0-d", [scalar, scalar]), torch=torch_function("vstack"))
moving("dstack", usual([m, m]), shaped("vectors", [v, v]), shaped("cubes", [cube, cube]), torch=torch_function("dstack"))
moving("column_stack", usual([m, Array((3,))]), shaped("vectors", [v, v]), shaped("0-d", [scalar, scalar]), torch=torch_function("column_stack"))
moving("append", usual(m, v), shaped("0-d", scalar, scalar), about("along an axis", m, Array((3, 2)), axis=1),
       torch=lambda torch, x, values, axis=None: torch.cat([x.reshape(-1), values.reshape(-1)] if axis is None else [x, values], axis or 0))


def blocks(xp: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Two rows of two blocks."""
    return xp.block([[a, b], [c, d]])


moving("block", usual(m, Array((3, 2)), Array((1, 4)), Array((1, 2))), call=blocks, jax=blocks,
       torch=lambda torch, a, b, c, d: torch.cat([torch.cat([a, b], -1), torch.cat([c, d], -1)], -2))

# ---------------------------------------------------------------- splitting

moving("split", usual(m, 2, 1), about("places", m, [1, 3], axis=1), torch=lambda torch, x, places, axis=0: list(torch.tensor_split(x, places, axis)))
moving("array_split", usual(v, 3), about("places", m, [1, 2]), shaped("empty", Array((0,)), 2), torch=lambda torch, x, places, axis=0: list(torch.tensor_split(x, places, axis)))
moving("hsplit", usual(m, 2), shaped("vector", v, [1]), torch=lambda torch, x, places: list(torch.hsplit(x, places)))
moving("vsplit", usual(m, 3), about("places", m, [1]), torch=lambda torch, x, places: list(torch.vsplit(x, places)))
moving("dsplit", usual(cube, 2), about("places", cube, [1, 2]), torch=lambda torch, x, places: list(torch.dsplit(x, places)))

# ---------------------------------------------------------------- making arrays of others

moving("array", usual(m), shaped("0-d", scalar), about("more axes", v, ndmin=3), torch=lambda torch, x, ndmin=0: x.clone().reshape((1,) * max(ndmin - x.ndim, 0) + x.shape))
moving("ascontiguousarray", usual(m), shaped("0-d", scalar), torch=lambda torch, x: torch.atleast_1d(x).clone())

# ---------------------------------------------------------------- turning

moving("rollaxis", usual(cube, 2), shaped("to the end", cube, 0, 3), torch=lambda torch, x, axis, start=0: torch.movedim(x, axis, start - (axis < start)))
moving("rot90", usual(m), about("back", m, 3), about("upside down", m, 2), shaped("other axes", cube, 1, (1, 2)), torch=lambda torch, x, k=1, axes=(0, 1): torch.rot90(x, k, axes))
moving("flipud", usual(m), shaped("vector", v), shaped("empty", Array((0, 3))), torch=torch_function("flipud"))
moving("fliplr", usual(m), shaped("cube", cube), torch=torch_function("fliplr"))
for name in ("atleast_1d", "atleast_2d", "atleast_3d"):
    moving(name, usual(v), shaped("0-d", scalar), shaped("several", m, scalar), torch=lambda torch, *xs, name=name: getattr(torch, name)(*xs) if name != "atleast_3d" or len(xs) > 1 else torch.atleast_3d(xs[0]))

# ---------------------------------------------------------------- other lengths


def torch_resize(torch: Any, x: Any, shape: Any) -> Any:
    """The elements at the places where NumPy takes them from."""
    return x.reshape(-1)[torch.from_numpy(np.resize(np.arange(x.numel()), shape))]


moving("resize", usual(m, (2, 3)), about("longer", v, (3, 3)), shaped("0-d", scalar, (2,)), torch=torch_resize, jax=jnp_function("jax.numpy", "resize"))
moving("trim_zeros", usual(numbers(0.0, 0.0, 1.5, 0.0, -2.0, 0.0)), about("at the back", numbers(0.0, 1.5, 0.0), trim="b"), domains=("real",),
       torch=lambda torch, x, trim="fb": x[2:5] if trim == "fb" else x[:2], no_jax=True, compiled=False)
moving("diagflat", usual(m), shaped("above", v, 1), shaped("below", v, -1), torch=torch_function("diagflat"))
add("vander", "elementwise", usual(v), about("increasing", Array((3,)), 4, increasing=True), about("zeros", numbers(0.0, 2.0, 0.0)),
    torch=lambda torch, x, N=None, increasing=False: torch.vander(x, N, increasing), no_jax=True)  # JAX's slope at zero is nan
