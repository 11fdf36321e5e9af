"""Beyond the standard: functions of samples and signals, polynomials, fits."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

from ..operations import Array, add
from .rows import about, jnp_function, mp, numbers, shaped, torch_function, usual

row, m, scalar = Array((5,)), Array((3, 4)), Array()
places = numbers(0.0, 0.5, 2.0, 2.5, 4.0)

# ---------------------------------------------------------------- calculus


def torch_gradient(torch: Any, x: Any, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """torch's spelling of `gradient`, which always returns a list."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if spacing and spacing[0].requires_grad:
        raise NotImplementedError("torch's gradient has no derivative by the coordinates")
    found = torch.gradient(x, **({"spacing": spacing} if spacing else {}), dim=tuple(axes), edge_order=edge_order)
    return found[0] if len(found) == 1 else found


add("ediff1d", "reduction", usual(row), shaped("batched", m), shaped("one element", Array((1,))), about("ends", row, scalar, Array((2,))), shaped("large", Array((1000,))),
    analytic=True, torch=lambda torch, x, to_end=None, to_begin=None: torch.diff(x.reshape(-1), prepend=None, append=None) if to_end is None else
    torch.cat([to_begin.reshape(-1), torch.diff(x.reshape(-1)), to_end.reshape(-1)]), jax=jnp_function("jax.numpy", "ediff1d"))
add("gradient", "reduction", usual(row), shaped("batched", m), about("one axis", m, axis=0), about("second order", row, edge_order=2), shaped("large", Array((1000,))),
    analytic=True, torch=torch_gradient, jax=jnp_function("jax.numpy", "gradient"))
add("unwrap", "reduction", usual(Array((5,), -9.0, 9.0)), shaped("batched", Array((3, 4), -9.0, 9.0)), about("first axis", Array((3, 4), -9.0, 9.0), axis=0),
    shaped("large", Array((1000,), -9.0, 9.0)), about("jumps", numbers(0.0, 3.0, -3.0, 2.9, 9.5, 0.1)), about("of a size", Array((5,), -9.0, 9.0), 5.0), domains=("real",), no_torch=True, jax=jnp_function("jax.numpy", "unwrap"))

# ---------------------------------------------------------------- elementwise

add("i0", "elementwise", usual(Array((2, 3))), shaped("0-d", scalar), shaped("empty", Array((0, 3))), shaped("large", Array((10, 100))), about("zeros", numbers(0.0, -0.0)),
    exact=lambda x: mp.besseli(0, x), domains=("real",), torch=torch_function("special.i0"), jax=jnp_function("jax.numpy", "i0"))
add("real_if_close", "elementwise", usual(Array((2, 3))), shaped("0-d", scalar), shaped("empty", Array((0, 3))), shaped("large", Array((10, 100))),
    torch=lambda torch, x, tol=100: x, no_jax=True, compiled=False)

# ---------------------------------------------------------------- signals


def torch_correlate(torch: Any, a: Any, v: Any, mode: str = "valid") -> Any:
    """The sums of products at each shift."""
    n, k = len(a), len(v)
    full = torch.stack([sum((a[j] * v[j - shift].conj() for j in range(n) if 0 <= j - shift < k), 0 * a[0]) for shift in range(1 - k, n)])
    longer, shorter = max(n, k), min(n, k)
    if mode == "full":
        return full
    start = (shorter - (n >= k)) // 2 if mode == "same" else shorter - 1
    return full[start : start + (longer if mode == "same" else longer - shorter + 1)]


add("correlate", "contraction", usual(row, Array((3,))), about("same", Array((6,)), Array((4,)), mode="same"), about("full", Array((3,)), row, mode="full"),
    shaped("one element", row, Array((1,))), shaped("large", Array((1000,)), Array((3,))), torch=torch_correlate, jax=jnp_function("jax.numpy", "correlate"))
