"""Linear algebra. Factorisations are judged through functions of them that do not depend on their
gauge: on signs, phases and the choice of bases. Functions that read one triangle of a Hermitian
matrix are given the Hermitian part of their argument."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array, Case, add
from .rows import about, inf, jnp_function, numbers, shaped, usual


def square(structure: str, *batch: int) -> Array:
    """A square matrix, or a batch of them."""
    return Array((*batch, 3, 3), structure=structure)


S, B = square("regular"), square("regular", 2)  # far from singular; a batch of these
TALL, WIDE, V = Array((4, 2)), Array((2, 4)), Array((4,))


def linear(name: str, *cases: Case, kind: str = "linalg", **facts: Any) -> None:
    """A function of `linalg`."""
    add(f"linalg.{name}", kind, *cases, **facts)


# ---------------------------------------------------------------- gauges


def is_complex(x: Any) -> bool:
    """Whether an array is complex."""
    return "complex" in str(x.dtype)


def adjoint(xp: Any, x: Any) -> Any:
    """The conjugate transpose."""
    x = xp.matrix_transpose(x)
    return xp.conj(x) if is_complex(x) else x


def size(xp: Any, x: Any) -> Any:
    """|x|², which no sign or phase changes."""
    return xp.real(x * xp.conj(x)) if is_complex(x) else x * x


def scaled(xp: Any, vectors: Any, values: Any) -> Any:
    """The columns of `vectors` times the sines of `values`."""
    return vectors * xp.expand_dims(xp.astype(xp.sin(values), vectors.dtype), axis=-2)


def of_svd(xp: Any, outputs: Any, inputs: Any) -> Any:
    """The singular values, the sizes of the vectors, and U sin(S) Vᴴ; the spaces of the others."""
    u, s, vh = outputs
    k = s.shape[-1]
    found = [s, size(xp, u[..., :, :k]), size(xp, vh[..., :k, :]), scaled(xp, u[..., :, :k], s) @ vh[..., :k, :]]
    spaces = [u[..., :, k:], adjoint(xp, vh)[..., :, k:]]
    return found + [others @ adjoint(xp, others) for others in spaces if others.shape[-1]]


def of_eigh(xp: Any, outputs: Any, inputs: Any) -> Any:
    """The eigenvalues, the sizes of the vectors, and V sin(W) Vᴴ."""
    w, vectors = outputs
    return [w, size(xp, vectors), scaled(xp, vectors, w) @ adjoint(xp, vectors)]


def of_eig(xp: Any, outputs: Any, inputs: Any) -> Any:
    """Sums, in which the order of the eigenvalues does not matter; V w² V⁻¹ is A²."""
    w, vectors = outputs
    squares = xp.expand_dims(w * w, axis=-2)
    return [xp.sum(w, axis=-1), xp.sum(w * w * w, axis=-1), (vectors * squares) @ xp.linalg.inv(vectors), xp.sum(size(xp, vectors), axis=-1)]


def of_eigvals(xp: Any, outputs: Any, inputs: Any) -> Any:
    """Sums of powers, in which the order of the eigenvalues does not matter."""
    (w,) = outputs
    return [xp.sum(w, axis=-1), xp.sum(w * w * w, axis=-1)]


def of_qr(xp: Any, outputs: Any, inputs: Any) -> Any:
    """The sizes of Q and R, and the space of the columns; the sign of each row of R is free."""
    q, r = outputs
    k = min(inputs[0].shape[-2:])
    found = [size(xp, q[..., :, :k]), size(xp, r[..., :k, :]), q[..., :, :k] @ r[..., :k, :]]
    others = q[..., :, k:]
    return [*found, others @ adjoint(xp, others)] if others.shape[-1] else found


def of_slogdet(xp: Any, outputs: Any, inputs: Any) -> Any:
    """Both outputs as they are: a determinant has no gauge."""
    return list(outputs)


def torch_svd(torch: Any, x: Any, full_matrices: bool = True) -> Any:
    """torch does not differentiate the vectors beyond the rank. The projectors on their spaces take
    their place: the gauge makes the same of them."""
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    if not full_matrices:
        return u, s, vh
    m, n = x.shape[-2:]
    beyond = lambda v, size: torch.eye(size, dtype=v.dtype) - v @ v.mH
    u = torch.cat([u, beyond(u, m)], -1) if m > n else u
    vh = torch.cat([vh, beyond(vh.mH, n)], -2) if n > m else vh
    return u, s, vh


def hermitian(name: str) -> Any:
    """The function of the Hermitian part of its argument."""
    def call(xp: Any, x: Any, **kwargs: Any) -> Any:
        return getattr(xp.linalg, name)((x + adjoint(xp, x)) / 2, **kwargs)

    return call


# ---------------------------------------------------------------- determinants, inverses, systems


def cofactors(c: Any, x: Any) -> list[Any]:
    """The gradient of det, at every matrix."""
    found = np.empty_like(x)
    for i, j in np.ndindex(x.shape):
        found[i, j] = (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, 0), j, 1))
    return [c * np.conj(found)]


SINGULAR = {
    "singular": ((1.0, 2.0, 3.0), (2.0, 4.0, 6.0), (1.0, 0.0, 1.0)), "rank one": ((1.0, 2.0, 3.0), (2.0, 4.0, 6.0), (3.0, 6.0, 9.0)),
    "zeros": ((0.0, 0.0, 0.0),) * 3, "one zero": ((2.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 5.0)), "identity": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "nearly singular": ((1.0, 0.0, 0.0), (0.0, 1e-9, 0.0), (0.0, 0.0, 1e-11)), "complex singular": ((1j, 2.0, 3.0), (-2.0, 4j, 6j), (1 - 1j, -2 - 2j, -3 - 3j)),
}
linear("det", usual(S), shaped("1 by 1", Array((1, 1))), shaped("batched", B), shaped("empty", Array((0, 3, 3))), shaped("0 by 0", Array((0, 0))),
       *[about(name, numbers(*x), domain="complex" if "complex" in name else "real", convention="det-singular", orders=1, expected=cofactors) for name, x in SINGULAR.items()])
linear("slogdet", usual(S), shaped("1 by 1", Array((1, 1), 0.5)), shaped("batched", B), about("negative", numbers((1.0, 2.0), (3.0, 4.0)), domain="real"), gauge=of_slogdet)
linear("inv", usual(S), shaped("1 by 1", Array((1, 1), 0.5)), shaped("batched", B), shaped("empty", Array((0, 3, 3))))
linear("pinv", usual(TALL), shaped("square", S), shaped("wide", WIDE), shaped("batched", Array((2, 4, 2))))
linear("solve", usual(S, Array((3, 2))), shaped("vector", S, Array((3,))), shaped("batched", B, Array((2, 3, 2))), shaped("broadcast", S, Array((2, 3, 1))), shaped("batch of one side", B, Array((3, 2))))
linear("matrix_power", usual(S, 3), shaped("batched", B, 2), about("inverse", S, -2), about("zero", S, 0), about("one", S, 1))



def torch_lstsq(torch: Any, a: Any, b: Any, rcond: float | None = None) -> Any:
    """torch has no derivative for matrices without full rank; its pseudo-inverse has one."""
    eps = torch.finfo(a.dtype).eps
    y = torch.linalg.pinv(a, rtol=eps * max(a.shape) if rcond is None else rcond) @ b
    gap = (b - a @ y).abs().reshape(len(b), -1)
    return y, (gap * gap).sum(0), None, torch.linalg.svdvals(a)


def of_lstsq(xp: Any, outputs: Any, inputs: Any) -> Any:
    """All but the rank."""
    solution, residuals, _, values = outputs
    return [solution, residuals, values] if inputs[0].shape[0] > inputs[0].shape[1] else [solution, values]


linear("lstsq", usual(TALL, Array((4, 3))), shaped("vector", TALL, V), shaped("wide", WIDE, Array((2,))), shaped("square", S, Array((3,))), torch=torch_lstsq, gauge=of_lstsq)
linear("tensorsolve", usual(Array((2, 3, 6)), Array((2, 3))), about("chosen axes", Array((6, 2, 3)), Array((2, 3)), axes=(0,)),
       torch=lambda torch, a, b, axes=None: torch.linalg.tensorsolve(a, b, axes), jax=jnp_function("jax.numpy.linalg", "tensorsolve"))
linear("tensorinv", usual(Array((2, 3, 6))), about("one axis", Array((4, 2, 2)), 1), torch=lambda torch, a, ind=2: torch.linalg.tensorinv(a, ind), jax=jnp_function("jax.numpy.linalg", "tensorinv"))
linear("cond", usual(S), shaped("tall", TALL), shaped("batched", B), about("order -2", S, -2), about("order 1", S, 1), about("order -inf", S, -inf), about("Frobenius", S, "fro"), about("nuclear", S, "nuc"),
       torch=lambda torch, x, p=None: torch.linalg.cond(x, p), jax=jnp_function("jax.numpy.linalg", "cond"))

# ---------------------------------------------------------------- factorisations and spectra

equal_values = lambda c, x: [np.diag(np.asarray(c))]

linear("cholesky", usual(square("spd")), shaped("1 by 1", Array((1, 1), structure="spd")), shaped("batched", square("spd", 2)), about("upper", square("spd"), upper=True),
       call=hermitian("cholesky"))
linear("qr", usual(S), shaped("tall", TALL), shaped("wide", WIDE), shaped("batched", Array((2, 4, 3))), about("complete", Array((4, 3)), mode="complete", orders=1), kind="decomposition", gauge=of_qr)
linear("svd", usual(TALL, full_matrices=False), shaped("square", Array((3, 3)), full_matrices=False), shaped("wide", WIDE, full_matrices=False),
       shaped("batched", Array((2, 3, 2)), full_matrices=False), about("full", Array((4, 3)), full_matrices=True), kind="decomposition", gauge=of_svd, torch=torch_svd)
linear("svdvals", usual(TALL), shaped("wide", WIDE), shaped("batched", Array((2, 3, 3))), about("ties", numbers((1.0, 0.0), (0.0, 1.0)), orders=1), kind="decomposition")
linear("eigh", usual(square("hermitian")), shaped("1 by 1", Array((1, 1))), shaped("batched", square("hermitian", 2)), kind="decomposition", gauge=of_eigh, call=hermitian("eigh"))
linear("eigvalsh", usual(square("hermitian")), shaped("batched", square("hermitian", 2)), about("ties", numbers((1.0, 0.0), (0.0, 1.0)), convention="degenerate", orders=1, expected=equal_values),
       kind="decomposition", call=hermitian("eigvalsh"))
linear("eig", usual(square("spread")), shaped("batched", square("spread", 2)), kind="decomposition", gauge=of_eig)
linear("eigvals", usual(square("spread")), shaped("batched", square("spread", 2)), kind="decomposition", gauge=of_eigvals)

# ---------------------------------------------------------------- norms

still = lambda c, x: [np.zeros_like(x)]
NAMED = {1: "1", 3: "3", 0.5: "a half", -2: "-2", 0: "0", inf: "inf", -inf: "-inf"}


def share_inf(c: Any, x: Any) -> list[Any]:
    """The gradient of the maximum norm: the largest entries share it evenly."""
    hits = np.abs(x) == np.max(np.abs(x))
    return [c * np.sign(x) * hits / np.sum(hits)]


linear("vector_norm", usual(V), shaped("0-d", Array()), shaped("large", Array((1000,))), shaped("one axis", TALL, axis=0), shaped("kept", Array((2, 3, 2)), axis=(0, -1), keepdims=True),
       *[about(f"order {name}", V, ord=order) for order, name in NAMED.items()], shaped("order 3 along an axis", TALL, ord=3, axis=1),
       *[about(f"zeros, order {order}", numbers(0.0, 0.0), ord=order, convention="norm-zero", orders=1, expected=still) for order in (2, 1, 3, inf)],
       about("complex zeros", numbers(0j, 0j), domain="complex", convention="norm-zero", orders=1, expected=still),
       about("ties", numbers(3.0, -3.0, 1.0), ord=inf, convention="ties", expected=share_inf),
       about("huge", numbers(3e30, 4e30), domain="real", dtypes=("float64",)), kind="reduction")
linear("matrix_norm", usual(TALL), shaped("kept", TALL, keepdims=True), shaped("batched", Array((2, 3, 2))), *[about(f"order {order}", TALL, ord=order) for order in (1, -1, 2, -2, "nuc")],
       about("order inf", TALL, ord=inf), about("order -inf", TALL, ord=-inf), about("zeros", numbers((0.0, 0.0), (0.0, 0.0)), convention="norm-zero", orders=1, expected=still))
linear("norm", usual(V), shaped("matrix", TALL), shaped("all elements", Array((2, 3, 2))), about("order 3", V, ord=3), about("nuclear", TALL, ord="nuc"), shaped("axes", Array((2, 3, 2)), axis=(0, 2)),
       torch=lambda torch, x, ord=None, axis=None: torch.linalg.norm(x, ord, axis), jax=jnp_function("jax.numpy.linalg", "norm"))

# ---------------------------------------------------------------- diagonals

linear("diagonal", usual(Array((3, 4))), shaped("batched", Array((2, 3, 4))), about("above", Array((3, 4)), offset=2), shaped("below", Array((4, 3)), offset=-1), kind="movement")
linear("trace", usual(S), shaped("batched", Array((2, 3, 4))), about("below", Array((3, 4)), offset=-1), kind="contraction", analytic=True)
