"""A level at which every recorded operation is linear.

A custom operation states its derivative in one direction: `custom_vjp` and `Function` from
cotangents to gradients, `custom_jvp` from tangents to tangents. The other direction is the
transpose, which exists only if the rule is linear. To transpose a rule, it runs at a level of its
own, on zeros in place of the cotangents (or tangents), and the graph recorded there is walked
backwards. The level refuses any operation that is not linear in these: a product of two of them, a
function such as `sign`, a comparison, a Python `if`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..arrays.backend import Backend, backend_of
from ..arrays.dispatch import is_batched, is_variable
from ..errors import GraphBreakError, NotLinearError
from .cotangents import create
from .handles import raw_of
from .levels import Level
from .primitive import Primitive
from .recomputed import far_apart
from .record import record

__all__ = [
    "Linear",
    "check_homogeneous",
    "check_run",
    "is_linear_level",
    "made_of_zeros",
    "refuse",
    "tracked_at",
]


class Linear(Level):
    """A level of linear functions. Forward mode transposes a backward rule at such a level, and
    reverse mode a `jvp`."""

    __slots__ = ()

    @staticmethod
    def operate(
        primitive: Primitive,
        args: Any,
        kwargs: Any,
        raw: Callable[..., Any],
        level: Level,
        backend: Backend,
    ) -> Any:
        """Run an operation at a level of linear functions."""
        moving = [i for i, x in enumerate(args) if tracked_at(x, level)]
        if moving and not _linear_in(primitive, moving):
            refuse(f"it applies {primitive.name!r} to {_each(len(moving))}")
        y = record(primitive, args, kwargs, raw, level, backend)
        if moving and not isinstance(y, tuple) and y.dtype not in backend.float_dtypes:
            refuse(f"it makes {y.dtype} of it, by {primitive.name!r}")
        return y


def _each(count: int) -> str:
    return "it" if count == 1 else "two of them"


def _linear_in(primitive: Primitive, moving: list[int]) -> bool:
    """Whether `primitive` is jointly linear in the inputs with the numbers `moving`.

    It is if the derivative by each of them depends on none of them, and the primitive has no jumps.
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
    """Whether `level` is a running level of linear functions."""
    return type(level) is Linear and level.alive


def refuse(why: str, opaque: bool = False) -> NoReturn:
    """Raise NotLinearError: a rule is not linear, or its linearity cannot be checked (`opaque`)."""
    error = NotLinearError(
        f"a custom derivative was to be transposed, and is not linear in its cotangent (or "
        f"tangent): {why}. A custom_vjp or Function whose backward is not linear serves reverse "
        "mode only; give a Function a `jvp`, or use a custom_jvp for both modes. A custom_jvp must "
        "be linear in the tangents."
    )
    error.opaque = opaque
    raise error


def check_run(run: Callable[[list[Any]], list[Any]], args: list[Any], level: Level) -> None:
    """Raise unless a custom operation is linear in the `args` that are tracked at `level`.

    Its function `run` runs at that level, which checks each operation. If the function leaves the
    graph, to compute with another library, it runs on random numbers instead: the output of a
    linear combination of inputs must be the same linear combination of their outputs.
    """
    try:
        run(args)
    except (GraphBreakError, NotLinearError) as error:
        if isinstance(error, NotLinearError) and not error.opaque:
            raise
        _check_values(run, args, level)


def _check_values(run: Callable[[list[Any]], list[Any]], args: list[Any], level: Level) -> None:
    """Raise unless ``run(x1 + 2 * x2)`` is ``run(x1) + 2 * run(x2)`` for random numbers."""
    if any([is_batched(x) for x in args]):
        refuse("it leaves the graph inside of vmap, and nothing can be told of it", True)
    rng = np.random.default_rng(0)
    for scale in (1.0, 100.0):
        outputs = []
        x1, x2 = ([_random(x, scale, rng) if tracked_at(x, level) else raw_of(x) for x in args]
                  for _ in range(2))  # fmt: skip
        both = [a + 2 * b if tracked_at(x, level) else a
                for x, a, b in zip(args, x1, x2, strict=True)]  # fmt: skip
        for given in (x1, x2, both):
            values = [_values(y) for y in run(given)]
            if any([y is None for y in values]):
                refuse("it leaves the graph, and nothing can be told of it", True)
            outputs.append(values)
        for y1, y2, y in zip(*outputs, strict=True):
            if far_apart(y, y1 + 2 * y2):
                refuse("it does not give the sum of two cotangents the sum of what it gives each")


def _random(x: Any, scale: float, rng: Any) -> Any:
    """A raw array of random numbers, with the shape, dtype, library and device of `x`."""
    raw = raw_of(x)
    backend = backend_of(raw)
    assert backend is not None
    numbers = np.asarray(scale * rng.normal(size=tuple(raw.shape)))
    made = create("asarray", numbers, beside=raw)
    return backend.raw("astype")(made, raw.dtype)


def _values(y: Any) -> Any:
    """`y` as a NumPy array; None if its values cannot be looked at."""
    raw = raw_of(y)
    backend = backend_of(raw)
    return None if backend is None else backend.adapter.host(raw)


def check_homogeneous(y: Any, backend: Backend) -> None:
    """Raise if `y`, which a rule made from zeros, is known not to be zero."""
    if made_of_zeros(y, backend) is False:
        refuse("of zeros it makes other numbers")


def made_of_zeros(y: Any, backend: Backend) -> bool | None:
    """Whether every element of `y` is zero or nan; None if its values cannot be looked at."""
    values = backend.adapter.host(raw_of(y))
    return None if values is None else not ((values != 0) & (values == values)).any()


def tracked_at(x: Any, level: Level) -> bool:
    """Whether `x` is a Variable that is tracked at `level`."""
    return is_variable(x) and x._read()[1] is not None and x._level is level
