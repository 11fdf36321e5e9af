"""Special functions: `exact` has their definitions in mpmath, and points of their domains."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

from ..exact import ROWS, Row, mp
from ..operations import Array, Case, add
from .reductions import jax_softmax, torch_over_axes, torch_softmax
from .rows import about, inf, jnp_function, numbers, shaped, torch_function, usual

#: Functions with other names in torch than in `torch.special`.
IN_TORCH = {"log_expit": "nn.functional.logsigmoid", "loggamma": "lgamma"}
IN_JAX = {"sinc": "jax.numpy", "exp2": "jax.numpy", "expm1": "jax.numpy", "log1p": "jax.numpy", "cbrt": "jax.numpy", "log_expit": "jax.nn"}
JAX_NAMES = {"log_expit": "log_sigmoid", "psi": "digamma", "loggamma": "gammaln"}
#: Functions that libraries have for complex numbers.
COMPLEX = ("erf", "erfc", "erfcx", "gamma", "rgamma", "loggamma", "expm1", "log1p", "exp1", "spence")


def spellings(name: str) -> dict[str, Any]:
    """How to call the function in torch and JAX."""
    return {
        "torch": torch_function(IN_TORCH.get(name, f"special.{name}")),
        "jax": jnp_function(IN_JAX.get(name, "jax.scipy.special"), JAX_NAMES.get(name, name)),
    }


def is_moderate(point: tuple[float, ...]) -> bool:
    """Whether a point is far from all edges, and its numbers from each other."""
    return all(0.05 <= abs(x) <= 6 for x in point) and all(0 in (x - y, int(abs(x - y) < 1e-6)) for x in point for y in point)


def arguments(points: list[tuple[float, ...]], row: Row) -> tuple[Array, ...]:
    """The arguments at several points at once; those without a derivative are constants."""
    return tuple(Array(values=values, constant=i not in row.by) for i, values in enumerate(zip(*points, strict=True)))


def spread(points: list[tuple[float, ...]], row: Row) -> tuple[Array, ...]:
    """The first argument along one axis, and the others along another. All values are those of a
    single point: those of several may leave the domain together."""
    first, *others = arguments(points[:1], row)
    column = Array(values=(first.values,) * 2, constant=first.constant)
    return (column, *[Array(values=x.values * 3, constant=x.constant) for x in others])


def special(row: Row) -> None:
    """The row of a function of `exact`."""
    typical = [p for p in row.points if is_moderate(p)][:6] or row.points
    edges = [p for p in row.points if p not in typical]
    (first, *_) = typical
    cases = [usual(*arguments(typical, row)),
             shaped("0-d", *[Array(values=x, constant=i not in row.by) for i, x in enumerate(first)])]
    if len(first) > 1:
        cases.append(shaped("broadcast", *spread(typical, row)))
    if edges:
        cases.append(about("edges", *arguments(edges, row), domain="real"))
    if row.name in COMPLEX:
        cases.append(about("complex", numbers(0.7 + 0.4j, 0.3 - 1.2j, 2.1 + 0.2j), domain="complex"))
    domains = ("real", "complex") if row.name in COMPLEX else ("real",)
    add(f"special.{row.name}", "elementwise", *cases, domains=domains, exact=row.exact, **spellings(row.name))


for row in ROWS:
    special(row)

# ---------------------------------------------------------------- with arguments of other kinds


def own(name: str, *cases: Case, **facts: Any) -> None:
    """A function that `exact` has no row of."""
    add(f"special.{name}", "elementwise", *cases, domains=("real",), **spellings(name), **facts)


own("polygamma", usual(1, Array((4,), 0.7, 5)), shaped("0-d", 1, Array((), 0.7, 5)), about("order 0", 0, Array((3,), 0.5, 4)), about("order 3", 3, Array((3,), 0.5, 4)),
    exact=lambda n, x: mp.psi(n, x))
own("multigammaln", usual(Array((4,), 2.5, 6), 2), about("three", Array((3,), 2.5, 6), 3),
    exact=lambda a, d: sum((mp.loggamma(a - mp.mpf(j) / 2) for j in range(d)), mp.mpf(d * (d - 1)) / 4 * mp.log(mp.pi())))
own("gammasgn", usual(Array((4,), 0.5, 4)), about("negative", numbers(-0.5, -1.5, -2.3)))
own("zetac", usual(Array((4,), 1.5, 4)), exact=lambda x: mp.zeta(x) - 1, note="its derivative is not known in terms of functions that libraries have")

# ---------------------------------------------------------------- reductions, with SciPy's signatures

m = Array((3, 4))
for name in ("softmax", "log_softmax"):
    add(f"special.{name}", "reduction", usual(m, axis=1), shaped("all axes", m), about("far from zero", Array((20,), 999, 1001), axis=0),
        domains=("real",), torch=torch_softmax(name), jax=jax_softmax(name))


def torch_logsumexp(torch: Any, a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """torch's logsumexp has no weights: their logarithms are added."""
    return torch_over_axes("logsumexp")(torch, a if b is None else a + torch.log(b), axis, keepdims)


def jax_logsumexp(jnp: Any, a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """JAX's logsumexp, with SciPy's keywords."""
    return jnp_function("jax.scipy.special", "logsumexp")(jnp, a, axis=axis, b=b, keepdims=keepdims)


add("special.logsumexp", "reduction", usual(m), about("one axis", m, 1), about("weighted", m, 1, Array((4,), 0.5, 2)), shaped("kept", m, 0, None, True),
    about("far from zero", Array((100,), 9999, 10001)), about("some -inf", numbers(-inf, 0.0, 1.0)), domains=("real",), torch=torch_logsumexp, jax=jax_logsumexp)
