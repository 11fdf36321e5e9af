"""Running sums and products, and differences of neighbours."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array, Case, add
from .rows import about, jnp_function, nan, numbers, shaped, usual

row, m = Array((5,)), Array((3, 4))


def cumulative(name: str, *cases: Case, **facts: Any) -> None:
    """A scan of the standard."""
    add(name, "scan", usual(row), shaped("one element", Array((1,))), shaped("empty", Array((0,))), shaped("batched", m, axis=1),
        shaped("large", Array((1000,), 0.9, 1.1)), about("first axis", m, axis=0), about("with initial", m, axis=0, include_initial=True), *cases, **facts)


def along(name: str, of: str, fill: float | None = None) -> Any:
    """torch's scan. Without an axis it flattens its argument; nan is replaced by `fill`."""
    def call(torch: Any, x: Any, axis: Any = None) -> Any:
        x = x.reshape(-1) if axis is None else x
        x = x if fill is None else torch.where(torch.isnan(x), torch.full_like(x, fill), x)
        return getattr(torch, of)(x, 0 if axis is None else axis)

    return call


def excluding(c: Any, x: Any) -> list[Any]:
    """The gradient of the running products: for each element, the products of the others."""
    found = np.zeros_like(x)
    for j in range(x.size):
        for k in range(j, x.size):
            mantissas, exponents = np.frexp(np.delete(x[: k + 1], j))
            found[j] += c[k] * np.ldexp(np.prod(mantissas), int(np.sum(exponents))) if c[k] else 0.0
    return [found]


zeros = (
    about("zeros", numbers(2.0, 0.0, 3.0, 0.0, 5.0)), about("zero first", numbers(0.0, 2.0, 3.0)),
    about("all zeros", numbers(0.0, 0.0, 0.0)),
)
cumulative("cumulative_sum", analytic=True)
cumulative("cumulative_prod", *zeros, *[about("huge", numbers(1e200, 1e-200, 1e200, 1e-200), domain="real", dtypes=("float64",), convention="tiny-huge", orders=1, expected=excluding)],
           analytic=True)

for name, of, fill in (("cumsum", "cumsum", None), ("cumprod", "cumprod", None), ("nancumsum", "cumsum", 0.0), ("nancumprod", "cumprod", 1.0)):
    values = m if fill is None else numbers((1.0, nan, 3.0, -2.0), (0.5, 2.0, nan, 4.0))
    add(name, "scan", usual(values, axis=1), about("in a row", values), shaped("first axis", values, axis=0), shaped("large", Array((1000,), 0.9, 1.1)),
        *(zeros[:1] if of == "cumprod" else ()), domains=("real", "complex") if fill is None else ("real",),
        torch=along(name, of, fill), jax=jnp_function("jax.numpy", name), method=name if fill is None else "")


def diff(xp: Any, x: Any, before: Any = None, after: Any = None, **kwargs: Any) -> Any:
    """`xp.diff`, with arrays to join as positional arguments, so that they are differentiated."""
    return xp.diff(x, prepend=before, append=after, **kwargs) if before is not None else xp.diff(x, **kwargs)


def torch_diff(torch: Any, x: Any, before: Any = None, after: Any = None, axis: int = -1, n: int = 1) -> Any:
    """torch's spelling of `diff`."""
    return torch.diff(x, n=n, dim=axis, prepend=before, append=after)


add("diff", "reduction", usual(row), shaped("batched", m, axis=1), shaped("one element", Array((1,))), shaped("large", Array((1000,))),
    about("first axis", m, axis=0), about("twice", row, n=2), about("joined", row, Array((1,)), Array((2,))),
    analytic=True, call=diff, torch=torch_diff)
add("trapezoid", "reduction", usual(row), about("places", row, Array((5,))), shaped("places of each row", m, Array((3, 4))), about("spaced", m, dx=0.5, axis=0),
    shaped("large", Array((1000,))), analytic=True, torch=lambda torch, y, x=None, dx=1.0, axis=-1: torch.trapezoid(y, x, dim=axis) if x is not None else torch.trapezoid(y, dx=dx, dim=axis),
    jax=jnp_function("jax.numpy", "trapezoid"))
