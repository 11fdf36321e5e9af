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

add("kaiser", "elementwise", usual(5, Array((), 0.5, 3.0)), about("zero", 4, Array((), values=0.0)), about("one", 1, Array((), 0.5, 3.0)), domains=("real",),
    torch=lambda torch, n, beta: torch.special.i0(beta * torch.sqrt(1 - torch.linspace(-1, 1, n, dtype=beta.dtype) ** 2 * (n > 1))) / torch.special.i0(beta), jax=jnp_function("jax.numpy", "kaiser"))

# ---------------------------------------------------------------- polynomials

p, q = Array((4,)), Array((2,), 0.5, 2.0)


def horner(torch: Any, p: Any, x: Any) -> Any:
    """torch has no polynomials."""
    y = torch.zeros_like(x)
    for c in p:
        y = y * x + c
    return y


def padded(torch: Any, x: Any, y: Any) -> Any:
    """Both with zeros in front."""
    n = max(len(x), len(y))
    return [torch.cat([x.new_zeros(n - len(x)), x]) for x in (x, y)]


def torch_derivative(torch: Any, p: Any, m: int = 1) -> Any:
    """The derivative's coefficients."""
    for _ in range(m):
        p = p[:-1] * torch.arange(len(p) - 1, 0, -1)
    return p


def torch_integral(torch: Any, p: Any, m: int = 1, k: Any = None) -> Any:
    """The integral's coefficients."""
    for n in range(m):
        p = torch.cat([p / torch.arange(len(p), 0, -1), p.new_zeros(1) if k is None else k[n : n + 1]])
    return p


def torch_quotient(torch: Any, u: Any, v: Any) -> Any:
    """The quotient, one coefficient after the other."""
    found = []
    for k in range(len(u) - len(v) + 1):
        found.append(u[k] / v[0])
        u = u - torch.nn.functional.pad(found[-1] * v, (k, len(u) - k - len(v)))
    return torch.stack(found)


def torch_product(torch: Any, zeros: Any) -> Any:
    """The product of (z - zero)."""
    y = zeros.new_ones(1)
    for zero in zeros:
        y = torch.cat([y, y.new_zeros(1)]) - zero * torch.cat([y.new_zeros(1), y])
    return y


def torch_roots(torch: Any, p: Any) -> Any:
    """A sum of powers of the eigenvalues of the companion matrix."""
    n = len(p) - 1
    matrix = torch.cat([(-p[1:] / p[0])[None], torch.eye(n, dtype=p.dtype)[:-1]])
    return torch.sum(torch.linalg.eigvals(matrix) ** 3)


def torch_fit(torch: Any, x: Any, y: Any, deg: int, w: Any = None) -> Any:
    """Least squares of powers."""
    powers = torch.stack([x**n for n in range(deg, -1, -1)], -1)
    return torch.linalg.pinv(powers) @ y if w is None else torch.linalg.pinv(powers * w[:, None]) @ (w * y)


add("polyval", "reduction", usual(p, m), shaped("0-d", p, scalar), shaped("empty", p, Array((0, 3))), shaped("large", p, Array((10, 100))), about("one coefficient", Array((1,)), row),
    analytic=True, torch=horner, jax=jnp_function("jax.numpy", "polyval"))
for _name, _sign in (("polyadd", 1), ("polysub", -1)):
    add(_name, "elementwise", usual(p, q), shaped("longer", q, row), shaped("large", Array((1000,)), p), analytic=True,
        torch=lambda torch, x, y, sign=_sign: padded(torch, x, y)[0] + sign * padded(torch, x, y)[1], jax=jnp_function("jax.numpy", _name))
add("polymul", "contraction", usual(p, q), shaped("large", Array((1000,)), q), shaped("one coefficient", p, Array((1,))), analytic=True,
    torch=lambda torch, x, y: torch_correlate(torch, x, y.conj().flip(0), "full"), jax=jnp_function("jax.numpy", "polymul"))
add("polydiv", "contraction", usual(p, q), shaped("one coefficient", p, Array((1,), 0.5, 2.0)), shaped("long", Array((7,)), Array((3,), 1.0, 2.0)), analytic=True,
    call=lambda xp, u, v: xp.polydiv(u, v)[0], torch=torch_quotient, jax=lambda jnp, u, v: jnp_function("jax.numpy", "polydiv")(jnp, u, v)[0])
add("polyder", "elementwise", usual(p), shaped("one coefficient", Array((1,))), about("twice", row, m=2), shaped("large", Array((1000,))), analytic=True, torch=torch_derivative, jax=jnp_function("jax.numpy", "polyder"))
add("polyint", "elementwise", usual(p), about("twice", row, m=2), about("constants", p, 2, q), shaped("large", Array((1000,))), analytic=True, torch=torch_integral, jax=jnp_function("jax.numpy", "polyint"))
add("poly", "contraction", usual(p), shaped("one", Array((1,))), about("zeros", numbers(0.0, 0.0, 2.0)), about("equal", numbers(1.5, 1.5, -1.0)), torch=torch_product, jax=jnp_function("jax.numpy", "poly"))
add("roots", "linalg", usual(numbers(1.0, -6.0, 11.0, -6.0)), about("two", numbers(1.0, 2.0, 5.0)), about("complex", numbers(1.0, 2.0j, 3.0 + 1.0j, 0.5), domain="complex"),
    call=lambda xp, p: xp.sum(xp.roots(p) ** 3), torch=torch_roots, no_jax=True)
add("polyfit", "linalg", usual(row, row, 1), about("weights", Array((6,)), Array((6,)), 2, Array((6,), 0.5, 2.0)), about("exact", Array((3,)), Array((3,)), 2), shaped("batched", row, Array((5, 3)), 1),
    domains=("real",), call=lambda xp, x, y, deg, w=None: xp.polyfit(x, y, deg, w=w),
    torch=torch_fit, jax=lambda jnp, x, y, deg, w=None: jnp_function("jax.numpy", "polyfit")(jnp, x, y, deg, w=w))
