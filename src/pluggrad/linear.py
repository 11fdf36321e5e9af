"""A level at which everything that is recorded is linear.

A custom operation states its derivative in one direction: `custom_vjp` and `Function` from
cotangents to gradients, `custom_jvp` from tangents to tangents. The other direction is the
transpose, which exists only if the rule is linear. So the rule runs at a level of its own, on zeros
that stand for any cotangent (or tangent), and what is recorded there is walked back. An operation
that is not linear in these is refused when it happens: a product of two of them, a function such as
`sign`, a comparison, a Python `if`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .backend import Backend
from .dispatch import bottom, is_variable
from .errors import NotLinearError
from .levels import Level
from .primitive import Primitive
from .record import record

__all__ = ["check_homogeneous", "is_linear_level", "process", "refuse"]


def process(
    primitive: Primitive,
    args: Any,
    kwargs: Any,
    raw: Callable[..., Any],
    level: Level,
    backend: Backend,
) -> Any:
    """An operation at a level of linear functions."""
    moving = [
        i for i, x in enumerate(args)
        if isinstance(x, backend.variable) and x._level is level and x._read()[1] is not None
    ]  # fmt: skip
    if moving and not _linear_in(primitive, moving):
        refuse(f"it applies {primitive.name!r} to {_each(len(moving))}")
    y = record(primitive, args, kwargs, raw, level, backend)
    if moving and not isinstance(y, tuple) and y.dtype not in backend.float_dtypes:
        refuse(f"it makes {y.dtype} of it, by {primitive.name!r}")
    return y


def _each(count: int) -> str:
    return "it" if count == 1 else "two of them"


def _linear_in(primitive: Primitive, moving: list[int]) -> bool:
    """Whether `primitive` is linear in the inputs number `moving`, together.

    It is where the derivative by each does not depend on any of them, and has no jumps.
    """
    if primitive.kind == "constant" or primitive.steps or primitive.name.startswith("special."):
        return False
    if len(moving) == 1 and moving[0] in primitive.linear_in:
        return True
    own = {"y", *[primitive.positional[i] for i in moving if i < len(primitive.positional)]}
    for i in moving:
        rule = primitive.rule(i)
        if rule is None or own.intersection(rule.names):
            return False
        if "args" in rule.names and len(moving) > 1:
            return False
    return True


def is_linear_level(level: Level) -> bool:
    """Whether `level` is one of linear functions."""
    return level.process is process


def refuse(why: str) -> None:
    """Raise: a rule is not linear in what it is handed."""
    raise NotLinearError(
        f"a custom derivative was to be transposed, and is not linear in its cotangent (or "
        f"tangent): {why}. A custom_vjp or Function whose backward is not linear serves reverse "
        "mode only; give a Function a `jvp`, or use a custom_jvp for both modes. A custom_jvp must "
        "be linear in the tangents."
    )


def check_homogeneous(y: Any, backend: Backend) -> None:
    """Raise if `y`, what a rule made of zeros, is not zero, as far as that can be known now."""
    values = backend.adapter.host(bottom(y))
    if values is not None and bool(((values != 0) & (values == values)).any()):
        refuse("of zeros it makes other numbers")


def variable_at(x: Any, level: Level) -> bool:
    """Whether `x` is a Variable that is tracked at `level`."""
    return is_variable(x) and x._level is level and x._read()[1] is not None
