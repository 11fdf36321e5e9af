"""Derivatives of initial value problems by the adjoint equation, which is solved backwards in time:
no step is recorded, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.dispatch import is_variable
from ...engine.handles import is_tracked
from ...errors import DifferentiationError, UnsupportedError
from ...transforms import custom_vjp, stop_gradient, vjp
from ..rows import scipy_module
from .calls import known, some_tracked

__all__ = ["solved_by_adjoint"]

#: Options of the solver that the adjoint equation, which is another one, does not take.
NOT_FOR_ADJOINT = ("jac", "jac_sparsity", "first_step", "lband", "uband")


def solved_by_adjoint(
    args: Any, y0: Any, span: Any, method: str, solve: Callable[..., Any],
    right: Callable[[Any], Any], options: dict[str, Any], where: str,
) -> Any:  # fmt: skip
    """SciPy's result for ``solve(dense)``, whose states are differentiable by `y0` and by `args`.

    ``right(args)`` is the right-hand side for Variables with these arguments.
    """
    raw = solve(True)
    places = [i for i, x in enumerate(args) if is_variable(x) and is_tracked(x)]
    namespace = y0._backend.namespace

    def filled(given: Any) -> list[Any]:
        found = [stop_gradient(x) if is_variable(x) else x for x in args]
        for i, x in zip(places, given, strict=True):
            found[i] = x
        return found

    def states(start: Any, *given: Any) -> Any:
        if some_tracked(right(filled(given))(float(span[0]), stop_gradient(start)), *given):
            raise DifferentiationError(
                f"pluggrad.{where}(adjoint=True): the right-hand side has captured a Variable; "
                "pass it by `args`, or leave `adjoint` out"
            )
        return namespace.asarray(raw.y, dtype=start.dtype)

    rule = custom_vjp(states)

    def backward(kept: Any, g: Any) -> Any:
        start, given = kept[0], kept[1:]
        if some_tracked(g, start, *given):
            raise DifferentiationError(
                f"pluggrad.{where}(adjoint=True) is differentiable once: leave `adjoint` out"
            )
        return _backwards(right, filled, start, given, g, raw, span, method, options, where)

    rule.defvjp(lambda *xs: (namespace.asarray(raw.y, dtype=xs[0].dtype), xs), backward)
    if raw.status < 0:
        raise UnsupportedError(f"pluggrad.{where}(adjoint=True): {raw.message}")
    raw.y = rule(y0, *[args[i] for i in places])
    return raw


def _backwards(
    right: Any, filled: Any, start: Any, given: Any, g: Any, raw: Any, span: Any, method: str,
    options: dict[str, Any], where: str,
) -> tuple[Any, ...]:  # fmt: skip
    """The gradients by the initial state and by the arguments."""
    n = int(start.shape[0])
    namespace = start._backend.namespace if is_variable(start) else None
    shapes = [tuple(x.shape) for x in given]
    asarray: Any = namespace.asarray if namespace else np.asarray

    def slopes(t: float, z: Any) -> Any:
        """The time derivative of the adjoint state and of the gradients by the arguments."""
        y = asarray(raw.sol(t), dtype=start.dtype)
        _, pull = vjp(lambda y, *xs: right(filled(xs))(t, y), y, *given)
        parts = pull(asarray(z[:n], dtype=start.dtype))
        return -np.concatenate([known(p, where).reshape(-1) for p in parts])

    g = known(g, where)
    z = np.zeros(n + sum(int(np.prod(s)) for s in shapes), dtype=g.dtype)
    times = [float(t) for t in raw.t]
    more = {key: x for key, x in options.items() if key not in NOT_FOR_ADJOINT}
    for column, (t, before) in enumerate(
        zip(times[::-1], [*times[-2::-1], float(span[0])], strict=True)
    ):
        z[:n] += g[:, len(times) - 1 - column]
        if t != before:
            found = scipy_module("integrate").solve_ivp(slopes, (t, before), z, method=method,
                                                        **more)  # fmt: skip
            if not found.success:
                raise DifferentiationError(f"{where}: the adjoint equation: {found.message}")
            z = found.y[:, -1].copy()
    gradients, place = [asarray(z[:n], dtype=start.dtype)], n
    for x, shape in zip(given, shapes, strict=True):
        size = int(np.prod(shape))
        gradients.append(asarray(z[place : place + size].reshape(shape), dtype=x.dtype))
        place += size
    return tuple(gradients)
