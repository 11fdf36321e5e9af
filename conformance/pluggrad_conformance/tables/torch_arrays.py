"""torch's own functions of whole arrays on Variables, which rules of pluggrad answer: with torch's
names and order of arguments, `dim`, `keepdim` and lists included."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..operations import Array, Case
from .linalg import cofactors, of_eigh, of_qr, of_slogdet, of_svd, share_inf, square, still
from .rows import about, inf, numbers, shaped, usual
from .torch_elementwise import torch_row

REAL = ("real",)
v, m, cube, scalar, empty = Array((4,)), Array((3, 4)), Array((2, 3, 4)), Array(), Array((0, 3))


def rows(names: str, kind: str, *cases: Case, **facts: Any) -> None:
    """The same row for several names."""
    for name in names.split():
        torch_row(name, kind, *cases, **facts)


def integers(*values: int) -> Array:
    """An index."""
    return Array(values=values, dtype="int64")


def share_evenly(c: Any, x: Any) -> list[Any]:
    """The gradient of an extremum that every element attains."""
    return [np.full(x.shape, c / x.size)]


# ---------------------------------------------------------------- reductions and scans

reduced = (usual(m), shaped("0-d", scalar), shaped("one axis", m, dim=1), shaped("by position", m, 0, True), shaped("kept", cube, dim=(0, -1), keepdim=True), shaped("large", Array((1000,)), dim=0))
rows("sum", "reduction", *reduced, shaped("empty", empty, dim=0), shaped("a list", cube, [0, 1]), shaped("no axes", m, dim=None), analytic=True)
rows("mean", "reduction", *reduced, shaped("a list", cube, [0, 1]), analytic=True)
rows("prod", "reduction", usual(v), shaped("0-d", scalar), shaped("one axis", m, dim=1), shaped("kept", m, 0, True), about("zeros", numbers(0.0, 2.0, -1.0)), about("two zeros", numbers(0.0, 2.0, 0.0)))
rows("amax amin", "reduction", usual(m), shaped("0-d", scalar), shaped("one axis", m, dim=1), shaped("kept", cube, dim=(0, -1), keepdim=True), shaped("large", Array((1000,)), dim=0), domains=REAL)
for name in ("max", "min"):
    torch_row(name, "reduction", usual(m), shaped("0-d", scalar), shaped("large", Array((1000,))), about("ties", numbers(2.0, 2.0, 2.0), convention="ties", expected=share_evenly), domains=REAL)
    torch_row(name, "elementwise", usual(m, m), shaped("broadcast", Array((3, 1)), v), domains=REAL, name=f"{name}(other)")
rows("logsumexp special.logsumexp", "reduction", usual(v, 0), shaped("one axis", m, dim=1), shaped("kept", cube, (0, -1), True), about("huge", numbers(800.0, 0.0, -800.0), dim=0), about("infinities", numbers(-inf, 0.0, 1.0), dim=0, orders=1), domains=REAL)
for name in ("var", "std"):
    torch_row(name, "reduction", usual(m), shaped("one axis", m, 1), shaped("kept", m, dim=0, keepdim=True), shaped("several", cube, (0, 2), keepdim=True), about("biased", m, False), about("biased along an axis", m, 1, False),
              about("correction", m, dim=1, correction=0), about("unbiased", m, dim=(0, 1), unbiased=True), shaped("large", Array((1000,))))
rows("cumsum", "scan", usual(v, 0), shaped("last", m, dim=-1), shaped("first", cube, 0), shaped("empty", empty, 0), shaped("0-d", scalar, 0), shaped("large", Array((1000,)), 0))
rows("cumprod", "scan", usual(v, 0), shaped("last", m, dim=-1), about("zeros", numbers(2.0, 0.0, 3.0, 0.0, 1.0), dim=0, domain="real"))
rows("diff", "reduction", usual(v), shaped("one axis", m, dim=0), about("twice", v, n=2), about("twice along an axis", m, 2, 0), shaped("ends", m, 1, -1, Array((3, 1)), Array((3, 2))))
for name in ("softmax", "log_softmax"):
    for path in (name, f"nn.functional.{name}"):
        torch_row(path, "reduction", usual(m, dim=1), shaped("first", cube, 0), shaped("0-d", scalar, dim=0), shaped("large", Array((10, 100)), dim=-1), about("huge", numbers(800.0, -800.0, 799.0), dim=0), about("masked", numbers(-inf, 0.0, 1.0), dim=0, orders=1), domains=REAL)
    torch_row(f"special.{name}", "reduction", usual(m, 1), shaped("first", cube, 0), domains=REAL)

# ---------------------------------------------------------------- products

rows("matmul", "contraction", usual(m, Array((4, 2))), shaped("vectors", v, v), shaped("vector and matrix", v, Array((4, 2))), shaped("batched", cube, Array((4, 3))), shaped("broadcast", Array((2, 1, 3, 4)), Array((3, 4, 2))), shaped("large", Array((64, 64)), Array((64, 64))), analytic=True)
rows("mm Tensor.__matmul__", "contraction", usual(m, Array((4, 2))), shaped("large", Array((64, 64)), Array((64, 64))), analytic=True)
rows("bmm", "contraction", usual(cube, Array((2, 4, 2))), shaped("empty", Array((0, 3, 4)), Array((0, 4, 2))), analytic=True)
rows("mv", "contraction", usual(m, v), shaped("empty", Array((0, 4)), v), analytic=True)
rows("dot", "contraction", usual(v, v), shaped("empty", Array((0,)), Array((0,))), analytic=True)
rows("outer ger", "contraction", usual(v, Array((3,))), shaped("empty", v, Array((0,))), analytic=True)
rows("addmm", "contraction", usual(Array((3, 2)), m, Array((4, 2))), shaped("broadcast", Array((2,)), m, Array((4, 2))), about("alpha and beta", Array((3, 2)), m, Array((4, 2)), beta=0.5, alpha=-2.0), about("no beta", Array((3, 2)), m, Array((4, 2)), beta=0), analytic=True)
rows("nn.functional.linear", "contraction", usual(m, Array((2, 4)), Array((2,))), about("no bias", m, Array((2, 4))), shaped("vector", v, Array((2, 4))), shaped("batched", cube, Array((2, 4)), Array((2,))), shaped("one output", m, v), analytic=True)
rows("linalg.vecdot", "contraction", usual(m, m), shaped("first", m, m, dim=0), shaped("broadcast", m, v))
rows("tensordot", "contraction", usual(cube, Array((3, 4, 2))), shaped("one axis", m, Array((4, 2)), dims=1), shaped("chosen", cube, Array((4, 2)), dims=([2, 0], [0, 1])), analytic=True)
rows("linalg.cross", "contraction", usual(Array((2, 3)), Array((2, 3))), shaped("first", Array((3, 2)), Array((3, 2)), dim=0))
rows("cross", "contraction", usual(Array((3, 2)), Array((3, 2)), 0), shaped("by name", Array((2, 3)), Array((2, 3)), dim=-1), shaped("found", Array((2, 3)), Array((2, 3))))


def einsum(equation: str) -> Callable[..., Any]:
    """`torch.einsum` of that equation."""
    return lambda torch, *operands: torch.einsum(equation, *operands)


for equation, cases in {
    "ij,jk->ik": (usual(m, Array((4, 2))),), "...i,...i": (usual(cube, v),), "ii": (usual(Array((3, 3))),), "bij,bjk,k": (usual(cube, Array((2, 4, 2)), Array((2,))),),
}.items():
    torch_row("einsum", "contraction", *cases, how=einsum(equation), name=f"einsum({equation})")

# ---------------------------------------------------------------- shapes

rows("reshape", "movement", usual(m, (2, 6)), shaped("0-d", scalar, (1, 1)), shaped("a list", cube, [4, -1]), shaped("empty", Array((0, 2)), (2, 0)), shaped("to 0-d", Array((1,)), ()))
rows("Tensor.view", "movement", usual(m, 2, 6), shaped("a tuple", cube, (4, -1)), shaped("0-d", scalar, 1, 1))
rows("Tensor.view_as Tensor.reshape_as", "movement", usual(m, Array((2, 6), constant=True)))
rows("broadcast_to", "movement", usual(Array((3, 1)), (2, 3, 4)), shaped("0-d", scalar, (2, 3)), shaped("empty", Array((0,)), (2, 0)))
rows("Tensor.expand", "movement", usual(Array((3, 1)), 3, 4), shaped("a tuple", Array((3, 1)), (2, 3, 4)), shaped("kept lengths", Array((3, 1)), -1, 4))
rows("Tensor.expand_as", "movement", usual(Array((3, 1)), Array((3, 4), constant=True)))
rows("permute", "movement", usual(cube, (2, 0, 1)), shaped("from behind", cube, (-1, 0, 1)), shaped("0-d", scalar, ()))
rows("unsqueeze", "movement", usual(m, 1), shaped("by name", m, dim=-1), shaped("0-d", scalar, 0))
rows("squeeze", "movement", usual(Array((3, 1, 2, 1))), shaped("one axis", Array((3, 1, 2)), 1), shaped("not of length 1", m, 0), shaped("several", Array((1, 2, 1)), (0, 1)), shaped("0-d", scalar))
rows("flatten", "movement", usual(cube), shaped("start", cube, 1), shaped("start and end", Array((2, 3, 1, 2)), start_dim=1, end_dim=-2), shaped("0-d", scalar), shaped("empty", Array((2, 0, 3)), 1))
rows("ravel clone", "movement", usual(m), shaped("0-d", scalar), shaped("empty", empty))
rows("flip", "movement", usual(m, (0,)), shaped("several", cube, [0, -1]), shaped("0-d", scalar, ()))
rows("roll", "movement", usual(m, 2), shaped("one axis", m, 1, 0), shaped("several", m, (1, -2), dims=(0, 1)), shaped("0-d", scalar, 1))
rows("tile", "movement", usual(m, (2, 1)), shaped("more axes", v, (2, 1, 3)), shaped("fewer axes", m, (2,)))
rows("movedim moveaxis", "movement", usual(cube, 0, 2), shaped("several", cube, (0, 1), (1, 2)))
rows("transpose swapaxes swapdims", "movement", usual(cube, 0, 2), shaped("two axes", m, 0, 1), shaped("from behind", cube, -1, -2))
rows("t", "movement", usual(m), shaped("one axis", v), shaped("0-d", scalar))
rows("unbind", "movement", usual(m), shaped("last", cube, dim=-1), shaped("by position", m, 1))
rows("cat concat concatenate", "movement", usual([m, Array((2, 4))]), shaped("last", [m, Array((3, 1))], dim=-1), shaped("by position", [m, m, m], 1), shaped("a tuple", (m, m)), shaped("empty", [empty, Array((2, 3))]))
rows("stack", "movement", usual([m, m]), shaped("last", [m, m], dim=-1), shaped("by position", (v, v, v), 1), shaped("0-d", [scalar, scalar]))
rows("tril triu", "movement", usual(m), shaped("above", m, 1), shaped("below", cube, diagonal=-1), shaped("empty", Array((0, 3, 3))))
rows("index_select", "movement", usual(m, 0, integers(2, 0, 0)), shaped("last", cube, -1, integers(1, 3)), shaped("nothing", m, 1, Array(values=(), dtype="int64")))
rows("broadcast_tensors", "movement", usual(Array((3, 1)), v), shaped("three", Array((2, 1, 1)), Array((3, 1)), v))
rows("meshgrid", "movement", usual(v, Array((3,))), shaped("xy", v, Array((3,)), indexing="xy"), shaped("ij", v, Array((3,)), scalar, indexing="ij"))

# ---------------------------------------------------------------- linear algebra

S, B, TALL, WIDE = square("regular"), square("regular", 2), Array((4, 2)), Array((2, 4))


def hermitian(name: str) -> Callable[..., Any]:
    """The function of the Hermitian part of its argument."""
    def how(torch: Any, x: Any, **kwargs: Any) -> Any:
        function = getattr(torch.linalg, name) if name != "cholesky (old)" else torch.cholesky
        return function((x + torch.conj(torch.transpose(x, -1, -2))) / 2, **kwargs)

    return how


rows("det linalg.det", "linalg", usual(S), shaped("batched", B), shaped("empty", Array((0, 3, 3))),
     about("singular", numbers((1.0, 2.0, 3.0), (2.0, 4.0, 6.0), (1.0, 0.0, 1.0)), domain="real", convention="det-singular", orders=1, expected=cofactors))
rows("slogdet linalg.slogdet", "linalg", usual(S), shaped("batched", B), gauge=of_slogdet)
rows("inverse linalg.inv", "linalg", usual(S), shaped("batched", B), shaped("empty", Array((0, 3, 3))))
rows("linalg.pinv", "linalg", usual(TALL), shaped("wide", WIDE), shaped("batched", Array((2, 4, 2))), about("rtol", TALL, rtol=1e-3))
rows("linalg.solve", "linalg", usual(S, Array((3, 2))), shaped("vector", S, Array((3,))), shaped("batched", B, Array((2, 3, 2))), shaped("broadcast", S, Array((2, 3, 1))), shaped("batch of vectors", B, Array((2, 3))))
rows("matrix_power linalg.matrix_power", "linalg", usual(S, 3), shaped("batched", B, 2), about("inverse", S, -2), about("zero", S, 0))
rows("linalg.vector_norm", "reduction", usual(v), shaped("one axis", TALL, dim=0), shaped("kept", Array((2, 3, 2)), dim=(0, -1), keepdim=True), about("order 3", v, 3), about("order 1", TALL, ord=1, dim=1), about("order 0", v, ord=0, orders=1),
     about("order inf", v, inf), about("zeros", numbers(0.0, 0.0), convention="norm-zero", orders=1, expected=still), about("ties", numbers(3.0, -3.0, 1.0), inf, convention="ties", expected=share_inf))
rows("linalg.matrix_norm", "linalg", usual(TALL), shaped("kept", TALL, keepdim=True), shaped("batched", Array((2, 3, 2))), shaped("chosen axes", Array((2, 3, 2)), "fro", (0, 1)), about("nuclear", TALL, "nuc"), about("order 1", TALL, ord=1), about("order 2", TALL, ord=2))
rows("linalg.norm", "reduction", usual(v), shaped("all", cube), shaped("one axis", TALL, dim=0, keepdim=True), shaped("matrix", TALL, "fro"), shaped("pair of axes", Array((2, 3, 2)), ord="fro", dim=(0, 2)), about("order 3", v, 3), about("nuclear", TALL, "nuc"))
rows("norm", "reduction", usual(v), shaped("all", cube), shaped("one axis", TALL, dim=0, keepdim=True), about("order 3", v, 3), about("order 1 along an axis", TALL, 1, 1), about("nuclear", TALL, "nuc"))
rows("trace", "contraction", usual(S), shaped("wide", WIDE), analytic=True)
rows("linalg.cholesky", "linalg", usual(square("spd")), shaped("batched", square("spd", 2)), about("upper", square("spd"), upper=True), how=hermitian("cholesky"))
rows("cholesky", "linalg", usual(square("spd")), about("upper", square("spd"), upper=True), how=hermitian("cholesky (old)"))
rows("linalg.qr", "decomposition", usual(S), shaped("tall", TALL), shaped("batched", Array((2, 4, 3))), about("complete", S, mode="complete"), gauge=of_qr)
rows("linalg.svd", "decomposition", usual(TALL, full_matrices=False), shaped("square", Array((3, 3)), full_matrices=False), shaped("wide", WIDE, full_matrices=False), gauge=of_svd)
rows("linalg.svdvals", "decomposition", usual(TALL), shaped("wide", WIDE), shaped("batched", Array((2, 3, 3))))
rows("linalg.eigh", "decomposition", usual(square("hermitian")), shaped("batched", square("hermitian", 2)), gauge=of_eigh, how=hermitian("eigh"))
rows("linalg.eigvalsh", "decomposition", usual(square("hermitian")), shaped("batched", square("hermitian", 2)), how=hermitian("eigvalsh"))

# ---------------------------------------------------------------- Fourier transforms

x = Array((8,))
for name, domains in {"fft": ("real", "complex"), "ifft": ("real", "complex"), "rfft": REAL, "irfft": ("complex",), "hfft": ("complex",), "ihfft": REAL}.items():
    torch_row(f"fft.{name}", "fft", usual(x), shaped("odd", Array((7,))), shaped("first axis", m, dim=0, n=6), about("cut", x, 5), about("padded", Array((7,)), n=12, norm="forward"), about("orthonormal", Array((5,)), norm="ortho"), domains=domains)
    if "h" not in name:
        torch_row(f"fft.{name}n", "fft", usual(Array((4, 5))), shaped("one axis", m, dim=(0,)), about("orthonormal", Array((5, 4)), norm="ortho"), about("sizes", m, s=(2, 7), dim=(1, 0)), shaped("by position", cube, (3, 3), (0, 2), "forward"), domains=domains)
