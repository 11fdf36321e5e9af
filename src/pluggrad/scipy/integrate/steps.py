"""One step of a method for differential equations, recorded.

SciPy has chosen the step already; it is a constant, unless the time span is tracked. A step gives
the state at its end, and `at`, the state at a time within it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.dispatch import is_variable, xp
from ...transforms import stop_gradient
from ..rows import scipy_module

__all__ = ["EXPLICIT", "IMPLICIT", "explicit", "implicit"]

#: The methods that are repeated step by step, and those whose steps are made by Radau's method.
EXPLICIT = ("RK23", "RK45", "DOP853")
IMPLICIT = ("Radau", "BDF", "LSODA")

Right = Callable[[Any, Any], Any]
#: The state at the end, the slope there (None if it is not known), and the state in between.
Step = tuple[Any, Any, Callable[[Any], Any]]


def _sum(ks: list[Any], weights: Any, h: Any = 1.0) -> Any:
    """`h` times the sum of `ks`, with weights."""
    used = [(k, float(w)) for k, w in zip(ks, weights, strict=False) if w]
    like = ks[0]
    constant = is_variable(h)
    factors = np.asarray([w if constant else w * h for _, w in used])
    dtype = like.dtype if like.dtype not in like._backend.complex_dtypes else None
    row = like._backend.namespace.asarray(factors, dtype=dtype)
    y = xp.matmul(row if dtype is not None else xp.astype(row, like.dtype),
                  xp.stack([k for k, _ in used]))  # fmt: skip
    return y * h if constant else y


@functools.cache
def _tableau(method: str) -> Any:
    """SciPy's class, which has the coefficients of the method."""
    return getattr(scipy_module("integrate"), method)


def explicit(method: str, fun: Right, t: Any, y: Any, h: Any, slope: Any) -> Step:
    """A step of a Runge-Kutta method from the state `y` at `t`; `slope` is the right-hand side
    there, None if it is not known."""
    table = _tableau(method)
    slope = fun(t, y) if slope is None else slope
    ks = [slope]
    for a, c in zip(table.A[1:], table.C[1:], strict=True):
        ks.append(fun(t + float(c) * h, y + _sum(ks, a, h)))
    end = y + _sum(ks, table.B, h)
    ks.append(fun(t + h, end))
    if method == "DOP853":
        extra: list[Any] = []

        def powers() -> list[Any]:
            """The coefficients of the interpolation, which need three more evaluations."""
            if not extra:
                more = list(ks)
                for a, c in zip(table.A_EXTRA, table.C_EXTRA, strict=True):
                    more.append(fun(t + float(c) * h, y + _sum(more, a, h)))
                change = end - y
                extra.extend([change, h * ks[0] - change, 2 * change - h * (ks[-1] + ks[0])])
                extra.extend([_sum(more, row, h) for row in table.D])
            return extra

        def nested(at: Any) -> Any:
            x = _column((at - t) / h, y)
            total: Any = 0.0
            for i, f in enumerate(reversed(powers())):
                total = (total + f) * (x if i % 2 == 0 else 1 - x)
            return total + y

        return end, ks[-1], nested

    def polynomial(at: Any) -> Any:
        x = (at - t) / h
        weights = [_powers(row, x) for row in table.P]
        total = y
        for k, w in zip(ks, weights, strict=True):
            total = total + _column(h * w, y) * k
        return total

    return end, ks[-1], polynomial


def _powers(row: Any, x: Any) -> Any:
    """The polynomial without a constant term, with the coefficients `row`, at `x`."""
    total: Any = 0.0
    for coefficient in reversed(row):
        total = (total + float(coefficient)) * x
    return total


def _column(x: Any, y: Any) -> Any:
    """`x`, a number or a vector of them, so that it broadcasts in front of the state `y`."""
    if not hasattr(x, "shape"):
        return x
    if not is_variable(x):
        x = y._backend.namespace.asarray(x, dtype=_real_dtype(y))
    return xp.expand_dims(x, axis=-1) if x.ndim else x


def _real_dtype(y: Any) -> Any:
    return xp.real(stop_gradient(y)).dtype if y.dtype in y._backend.complex_dtypes else y.dtype


# ---------------------------------------------------------------- Radau's method

_ROOT = 6**0.5
C = np.asarray([(4 - _ROOT) / 10, (4 + _ROOT) / 10, 1.0])
A = np.asarray([
    [(88 - 7 * _ROOT) / 360, (296 - 169 * _ROOT) / 1800, (-2 + 3 * _ROOT) / 225],
    [(296 + 169 * _ROOT) / 1800, (88 + 7 * _ROOT) / 360, (-2 - 3 * _ROOT) / 225],
    [(16 - _ROOT) / 36, (16 + _ROOT) / 36, 1 / 9],
])  # fmt: skip


def implicit(fun: Right, host: Right, t: Any, y: Any, h: Any, guess: Any = None) -> Step:
    """A step of Radau's method of order 5, for stiff equations. `host` is the right-hand side for
    NumPy arrays, and `guess` a function of time that is close to the solution, if one is known.

    The stages solve a system: their values are found on the host, and two of Newton's steps from
    there, which change nothing, carry their first and second derivative.
    """
    known = [np.asarray(stop_gradient(v).data) if is_variable(v) else v for v in (t, y, h)]
    stages, inverse = _stages(host, known[0], known[1], known[2], guess)
    n = y.shape[0]
    namespace = y._backend.namespace
    z = namespace.asarray(stages, dtype=y.dtype)
    inverse = namespace.asarray(inverse, dtype=y.dtype)
    weights = namespace.asarray(A, dtype=y.dtype)
    for _ in range(2):
        slopes = xp.stack([fun(t + float(c) * h, y + z[i]) for i, c in enumerate(C)])
        residual = z - h * (weights @ slopes)
        z = z - xp.reshape(inverse @ xp.reshape(residual, (3 * n,)), (3, n))

    def within(at: Any) -> Any:
        """The state at a time within the step: at the end of a shorter one."""
        if getattr(at, "ndim", 0):
            return xp.stack([within(at[k]) for k in range(at.shape[0])])
        span = at - t
        zero = stop_gradient(span).data if is_variable(span) else span
        if not float(zero):
            return y + fun(t, y) * span
        return implicit(fun, host, t, y, span, guess)[0]

    return y + z[2], None, within


def _stages(host: Right, t: Any, y: Any, h: Any, guess: Any) -> tuple[Any, Any]:
    """The stages of a step, and the inverse of their system's derivative.

    Newton's method begins at `guess`, a function of time that is close to the solution, or else on
    the tangent; it takes a new derivative where it is slow.
    """
    n = y.size
    if guess is None:
        z = h * np.outer(C, host(t, y))
    else:
        z = np.stack([guess(t + c * h) for c in C]) - y
    z = z.astype(np.result_type(z, y))
    inverse, last = _inverse(host, t, y, h, z), np.inf
    for _ in range(60):
        slopes = np.stack([host(t + c * h, y + z[i]) for i, c in enumerate(C)])
        change = inverse @ (z - h * (A @ slopes)).reshape(-1)
        z = z - change.reshape(3, n)
        size = float(np.linalg.norm(change))
        if size <= 1e-14 * (np.linalg.norm(z) + np.linalg.norm(y)):
            break
        if size > 0.3 * last:  # slow, or as near as rounding lets it come
            if size < 1e-8 * (1 + np.linalg.norm(y)):
                break
            inverse = _inverse(host, t, y, h, z)
        last = size
    return z, inverse if guess is not None else _inverse(host, t, y, h, z)


def _inverse(host: Right, t: Any, y: Any, h: Any, z: Any) -> Any:
    """The inverse of the derivative of the stages' system, at the stages `z`."""
    points = [(t + c * h, y + z[i]) for i, c in enumerate(C)]
    slopes = [_jacobian(host, *point, host(*point)) for point in points]
    rows = [[A[i, j] * slopes[j] for j in range(3)] for i in range(3)]
    return np.linalg.inv(np.eye(3 * y.size) - h * np.block(rows))


def _jacobian(host: Right, t: Any, y: Any, slope: Any) -> Any:
    """The derivative of the right-hand side by the state, by differences."""
    columns = []
    for k in range(y.size):
        step = 1.5e-8 * max(abs(y[k]), 1e-5)
        moved = y.copy()
        moved[k] = y[k] + step
        columns.append((host(t, moved) - slope) / (moved[k] - y[k]))
    return np.stack(columns, axis=1)
