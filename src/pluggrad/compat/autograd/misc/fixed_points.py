"""Fixed points of a function, with the derivative of the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import make_vjp
from ..defining import defvjp
from ..primitives import primitive
from ..spaces import vspace

__all__ = ["fixed_point"]


@primitive
def fixed_point(
    f: Callable[[Any], Callable[[Any], Any]], a: Any, x0: Any, distance: Callable[[Any, Any], Any],
    tol: float,
) -> Any:  # fmt: skip
    """The `x` with ``f(a)(x) == x``: `f(a)` is applied to `x0` until the `distance` between two
    iterates is at most `tol`. The derivative by `a` is that of the fixed point itself, so `x0` has
    none, and `f(a)` is not recorded."""
    step = f(a)
    x, before = step(x0), x0
    while distance(x, before) > tol:
        x, before = step(x), x
    return x


def _pull(ans: Any, f: Any, a: Any, x0: Any, distance: Any, tol: float) -> Any:
    """The gradient by `a`: that of ``f(a)(x)`` by `a`, at the cotangent ``w = g + w ∂f/∂x``, which
    is a fixed point in its turn."""
    by_a = make_vjp(lambda a: f(a)(ans), a)[0]

    def step(parts: Any) -> Callable[[Any], Any]:
        a, x, g = parts
        by_x = make_vjp(f(a), x)[0]
        space = vspace(x)
        return lambda w: space.add(by_x(w), g)

    return lambda g: by_a(fixed_point(step, (a, ans, g), vspace(x0).zeros(), distance, tol))


defvjp(fixed_point, None, _pull, None)
