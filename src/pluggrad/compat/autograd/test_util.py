"""`check_grads`: derivatives compared with finite differences, as HIPS's tests do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from ...errors import InvalidArgumentError
from .core import make_jvp, make_vjp, vspace
from .wrap_util import get_name, unary_to_nary

__all__ = ["check_equivalent", "check_grads", "check_jvp", "check_vjp", "combo_check",
           "scalar_close"]  # fmt: skip

STEP = 1e-6
TOLERANCE = 1e-6


def scalar_close(a: Any, b: Any) -> bool:
    """Whether two numbers agree to 1e-6, absolutely or relatively."""
    return bool(abs(a - b) < TOLERANCE or abs(a - b) / abs(a + b) < TOLERANCE)


def _difference(f: Callable[[Any], Any], x: Any) -> Callable[[Any], Any]:
    """The derivative of `f` at `x` along a direction, by a central difference."""
    x_space, y_space = vspace(x), vspace(f(x))

    def along(v: Any) -> Any:
        ahead, behind = (f(x_space.add(x, x_space.scalar_mul(v, s * STEP / 2))) for s in (1, -1))
        rise = y_space.add(ahead, y_space.scalar_mul(behind, -1.0))
        return y_space.scalar_mul(rise, 1.0 / STEP)

    return along


def check_vjp(f: Callable[[Any], Any], x: Any) -> None:
    """Compare the reverse mode of `f` at `x` with a finite difference, along random directions."""
    vjp, y = make_vjp(f, x)
    x_space, y_space = vspace(x), vspace(y)
    x_v, y_v = x_space.randn(), y_space.randn()
    pulled = x_space.covector(vjp(y_space.covector(y_v)))
    assert vspace(pulled) == x_space, f"{vspace(pulled)} is not {x_space}"
    exact = x_space.inner_prod(x_v, pulled)
    numeric = y_space.inner_prod(y_v, _difference(f, x)(x_v))
    assert scalar_close(numeric, exact), (
        f"Derivative (VJP) check of {get_name(f)} failed with arg {x}: it is {exact}, and the "
        f"finite difference {numeric}"
    )


def check_jvp(f: Callable[[Any], Any], x: Any) -> None:
    """Compare the forward mode of `f` at `x` with a finite difference, along a random direction."""
    v = vspace(x).randn()
    check_equivalent(make_jvp(f, x)(v)[1], _difference(f, x)(v))


def check_equivalent(x: Any, y: Any) -> None:
    """Raise AssertionError unless `x` and `y` are equal in structure, shapes, dtypes and values."""
    x_space, y_space = vspace(x), vspace(y)
    assert x_space == y_space, f"{x_space} is not {y_space}"
    v = x_space.randn()
    assert scalar_close(x_space.inner_prod(x, v), x_space.inner_prod(y, v)), f"{x} is not {y}"


@unary_to_nary
def check_grads(
    f: Callable[[Any], Any], x: Any, modes: Sequence[str] | None = None, order: int = 2
) -> None:
    """Compare the derivatives of `f` at `x` with finite differences, up to `order`.

    `modes` are ``"fwd"`` and ``"rev"``. Raises AssertionError where they differ.

    >>> import pluggrad.compat.autograd.numpy as np
    >>> check_grads(np.sin)(np.array([1.0, 2.0]))
    """
    modes = ("fwd", "rev") if modes is None else modes
    if not set(modes) <= {"fwd", "rev"}:
        raise InvalidArgumentError(f"modes are 'fwd' and 'rev', not {modes}")
    for mode, check in (("fwd", check_jvp), ("rev", check_vjp)):
        if mode not in modes:
            continue
        check(f, x)
        if order > 1:
            v = vspace(x if mode == "fwd" else f(x)).randn()
            derivative = _pushed(f) if mode == "fwd" else _pulled(f)
            check_grads(derivative, (0, 1), modes, order - 1)(x, v)


def _pushed(f: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """The forward derivative of `f`, as a function of point and tangent."""

    def jvp(x: Any, v: Any) -> Any:
        return make_jvp(f, x)(v)[1]

    jvp.__name__ = f"jvp_{get_name(f)}"
    return jvp


def _pulled(f: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """The reverse derivative of `f`, as a function of point and cotangent."""

    def vjp(x: Any, v: Any) -> Any:
        return make_vjp(f, x)[0](v)

    vjp.__name__ = f"vjp_{get_name(f)}"
    return vjp


def combo_check(fun: Callable[..., Any], *options: Any, **settings: Any) -> Callable[..., None]:
    """A function that runs `check_grads` for every combination of the given values: a sequence of
    values for each argument and keyword of `fun`."""

    def check(*args: Any, **kwargs: Any) -> None:
        for chosen in product(*args):
            for values in product(*kwargs.values()):
                check_grads(fun, *options, **settings)(*chosen, **dict(zip(kwargs, values)))

    return check
