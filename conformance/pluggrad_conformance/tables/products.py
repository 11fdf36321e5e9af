"""Products of arrays that are summed over some axes."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

import operator
from typing import Any

from ..operations import Array, Case, add
from .rows import about, jnp_function, shaped, torch_function, usual

v, w, m, n = Array((4,)), Array((3,)), Array((3, 4)), Array((4, 2))
cube = Array((2, 3, 4))


def product(name: str, *cases: Case, analytic: bool = True, **facts: Any) -> None:
    """A bilinear function; nearly all are analytic."""
    add(name, "contraction", *cases, analytic=analytic, **facts)


product("matmul", usual(m, n), about("vectors", v, v), shaped("vector and matrix", v, n), about("matrix and vector", m, v), shaped("empty", Array((0, 4)), n),
        shaped("nothing to sum", Array((3, 0)), Array((0, 2))), shaped("batched", cube, Array((2, 4, 2))), shaped("broadcast", Array((2, 1, 3, 4)), Array((5, 4, 2))),
        shaped("large", Array((25, 40)), Array((40, 25))), operator=operator.matmul)
product("tensordot", usual(cube, Array((4, 2)), axes=1), shaped("outer", w, v, axes=0), shaped("large", Array((25, 40)), Array((40, 25)), axes=1),
        about("chosen axes", m, Array((4, 3, 2)), axes=((0, 1), (1, 0))), shaped("to a number", m, m, axes=2))
product("vecdot", usual(m, m), shaped("broadcast", m, v), shaped("empty", Array((0, 4)), v), shaped("large", Array((10, 100)), Array((10, 100))),
        about("first axis", m, m, axis=-2), analytic=False)
product("dot", usual(v, v), shaped("0-d", Array(), v), about("matrices", m, n), shaped("matrix and vector", m, v), shaped("many axes", cube, Array((2, 4, 3))),
        torch=lambda torch, x, y: torch.tensordot(x, y, ([-1], [max(y.ndim - 2, 0)])) if x.ndim and y.ndim else x * y,
        jax=jnp_function("jax.numpy", "dot"), method="dot")
product("outer", usual(w, v), shaped("of matrices", Array((2, 2)), w), torch=lambda torch, x, y: torch.outer(x.reshape(-1), y.reshape(-1)), jax=jnp_function("jax.numpy", "outer"))
product("inner", usual(m, v), shaped("matrices", m, Array((2, 4))), shaped("0-d", Array(), v), shaped("many axes", cube, Array((2, 3, 4))), shaped("empty", Array((0, 4)), v),
        torch=lambda torch, x, y: torch.tensordot(x, y, ([-1], [-1])) if x.ndim and y.ndim else x * y, jax=jnp_function("jax.numpy", "inner"))
product("vdot", usual(v, v), shaped("matrices", m, Array((3, 4))), shaped("other shapes", m, Array((12,))), shaped("empty", Array((0, 4)), Array((0,))), analytic=False,
        torch=lambda torch, x, y: torch.vdot(x.reshape(-1), y.reshape(-1)), jax=jnp_function("jax.numpy", "vdot"))
product("matvec", usual(m, v), shaped("batched", cube, Array((2, 4))), shaped("broadcast", cube, v), shaped("empty", Array((0, 4)), v),
        torch=lambda torch, x, y: (x @ y[..., None])[..., 0], jax=jnp_function("jax.numpy", "matvec"))
product("vecmat", usual(w, m), shaped("batched", Array((2, 3)), cube), shaped("broadcast", w, cube), shaped("empty", w, Array((3, 0))), analytic=False,
        torch=lambda torch, x, y: (x.conj()[..., None, :] @ y)[..., 0, :], jax=jnp_function("jax.numpy", "vecmat"))
product("kron", usual(Array((2, 2)), Array((2, 3))), shaped("vectors", w, v), shaped("broadcast", Array((2,)), Array((2, 2))), torch=torch_function("kron"))
product("trace", usual(m), shaped("above", m, 1), shaped("batched", cube, 0, 1, 2), torch=lambda torch, x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2).sum(-1),
        method="trace")


def torch_convolve(torch: Any, a: Any, v: Any, mode: str = "full") -> Any:
    """torch's convolution is for batches of images: sum the products that go to each place."""
    a, v = (a, v) if len(a) >= len(v) else (v, a)
    count = len(a) + len(v) - 1
    full = torch.stack([sum((a[k - j] * v[j] for j in range(len(v)) if 0 <= k - j < len(a)), 0 * a[0]) for k in range(count)])
    start = {"full": 0, "same": (len(v) - 1) // 2, "valid": len(v) - 1}[mode]
    return full[start : start + {"full": count, "same": len(a), "valid": len(a) - len(v) + 1}[mode]]


product("convolve", usual(Array((5,)), w), about("same", Array((6,)), v, mode="same"), about("valid", w, Array((5,)), mode="valid"),
        shaped("large", Array((1000,)), w), shaped("one element", v, Array((1,))), torch=torch_convolve, jax=jnp_function("jax.numpy", "convolve"))
product("einsum", usual("ij,jk->ik", m, n), shaped("batched", "bij,bj->bi", cube, Array((2, 4))), shaped("large", "ij,kj->ik", Array((25, 40)), Array((25, 40))),
        about("trace", "ii->", Array((3, 3))), about("diagonal", "ii->i", Array((3, 3))), about("three", "i,ij,j->", w, m, v), shaped("implied", "ba,ac", n, Array((2, 3))),
        shaped("ellipsis", "...ij,...j->...i", cube, v), shaped("outer", "i,j->ij", w, v), shaped("sums", "ij->j", m), shaped("shared and kept", "ij,ij->i", m, m),
        about("lists of subscripts", m, [0, 1], v, [1], [0]), about("four", "ij,jk,kl,i->l", m, n, Array((2, 3)), w), shaped("broadcast", "ij,ij->ij", Array((1, 4)), m),
        torch=torch_function("einsum"), jax=jnp_function("jax.numpy", "einsum"))


def torch_cross(torch: Any, a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """torch's is of three elements, along one axis of both."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    a, b = a.movedim(axisa, -1), b.movedim(axisb, -1)
    flat = a.shape[-1] == b.shape[-1] == 2
    a, b = (torch.nn.functional.pad(x, (0, 3 - x.shape[-1])) for x in (a, b))
    y = torch.linalg.cross(*torch.broadcast_tensors(a, b))
    return y[..., 2] if flat else y.movedim(-1, axisc)


product("cross", usual(w, w), shaped("of two elements", Array((2,)), Array((2,))), shaped("of two and three elements", Array((4, 2)), w), shaped("broadcast", Array((2, 1, 3)), Array((4, 3))),
        about("chosen axes", Array((3, 2)), Array((2, 3)), axisa=0, axisb=1, axisc=0),
        about("first axis", Array((3, 2)), Array((3, 2)), axis=0), torch=torch_cross, jax=jnp_function("jax.numpy", "cross"))
product("linalg.multi_dot", usual([m, n, Array((2, 3))]), shaped("vectors at the ends", [w, m, v]), shaped("two", [m, n]), shaped("four", [n, Array((2, 5)), Array((5, 3)), w]),
        torch=lambda torch, arrays: torch.linalg.multi_dot(arrays), jax=jnp_function("jax.numpy.linalg", "multi_dot"))
product("linalg.outer", usual(w, v))
product("linalg.cross", usual(w, w), shaped("batched", Array((2, 3)), Array((2, 3))), shaped("broadcast", Array((2, 1, 3)), Array((4, 3))),
        about("first axis", Array((3, 2)), Array((3, 2)), axis=-2))
