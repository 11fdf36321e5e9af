"""Piecewise polynomials, by their coefficients."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import is_variable, xp
from ...errors import InvalidArgumentError, UnsupportedError
from ..rows import scipy_module
from .common import (
    backend_for,
    check_increasing,
    doubles,
    intervals,
    method,
    numbers,
    order_of,
    placed,
    wrapped,
)

__all__ = ["PPoly"]


@method("PPoly", "c x")
def _coefficients(c: Any, x: Any, axis: int) -> Any:
    first = next((z for z in (c, x) if hasattr(z, "dtype")), None)
    c, x = doubles(c, "PPoly", "c", first), doubles(x, "PPoly", "x", first)
    if c.ndim < 2 or x.ndim != 1 or x.shape[0] < 2 or not c.shape[0]:
        raise InvalidArgumentError(
            "scipy.interpolate.PPoly: c has an axis of coefficients and one of intervals, and x is "
            f"a vector of two elements at least; the shapes are {tuple(c.shape)} and "
            f"{tuple(x.shape)}"
        )
    if not 0 <= axis < c.ndim - 1:
        raise InvalidArgumentError(f"scipy.interpolate.PPoly: no axis {axis}")
    for _ in range(2 if axis else 0):
        c = xp.moveaxis(c, axis + 1, 0)
    if c.shape[1] != x.shape[0] - 1:
        raise InvalidArgumentError(
            f"scipy.interpolate.PPoly: {c.shape[1]} intervals for {x.shape[0]} breakpoints"
        )
    check_increasing(x, "PPoly")
    return c, x


@method("PPoly.__call__", "at")
def _evaluate(c: Any, x: Any, at: Any, nu: Any, extrapolate: Any, axis: int) -> Any:
    at = doubles(at, "PPoly", "x", c)
    return placed(evaluate(c, x, at, order_of(nu, "PPoly"), extrapolate), at.ndim, axis)


def evaluate(c: Any, x: Any, at: Any, nu: int, extrapolate: Any) -> Any:
    """The derivative of order `nu` of the piecewise polynomial, at the points `at`."""
    shape = tuple(at.shape)
    at = xp.reshape(at, (-1,))
    low, high = x[0], x[x.shape[0] - 1]
    if isinstance(extrapolate, str):  # 'periodic'
        at = wrapped(at, low, high)
    i = intervals(x, at, 0, x.shape[0] - 2)
    ones = (1,) * (c.ndim - 2)
    step = xp.reshape(at - xp.take(x, i, axis=0), (-1, *ones))
    pieces = xp.take(c, i, axis=1)
    order = c.shape[0] - 1
    factors = [float(math.perm(order - k, nu)) for k in range(order - nu + 1)] or [0.0]
    y = 0.0 * step + pieces[0] * factors[0]
    for k, factor in enumerate(factors[1:], start=1):
        y = y * step + pieces[k] * factor
    outside = at != at
    if not extrapolate:
        outside = outside | (at < low) | (at > high)
    y = xp.where(xp.reshape(outside, (-1, *ones)), math.nan, y)
    return xp.reshape(y, (*shape, *c.shape[2:]))


def antiderivative(c: Any, x: Any) -> Any:
    """The coefficients of the antiderivative that is 0 at ``x[0]``."""
    ones = (1,) * (c.ndim - 2)
    step = xp.reshape(x[1:] - x[:-1], (-1, *ones))
    order = c.shape[0]
    rows = [c[k] / float(order - k) for k in range(order)]
    total = xp.zeros_like(rows[0])
    for row in rows:
        total = (total + row) * step
    whole = xp.cumulative_sum(total, axis=0)
    starts = xp.concat([xp.zeros_like(whole[:1]), whole[:-1]], axis=0)
    return xp.stack([*rows, starts])


@method("PPoly.integrate", "a b")
def _integrate(c: Any, x: Any, a: Any, b: Any, extrapolate: Any) -> Any:
    a, b = [doubles(z, "PPoly.integrate", n, c) for z, n in ((a, "a"), (b, "b"))]
    if a.ndim or b.ndim:
        raise InvalidArgumentError("scipy.interpolate.PPoly.integrate: a and b are numbers")
    return integral(lambda at, more: evaluate(antiderivative(c, x), x, at, 0, more),
                    x[0], x[x.shape[0] - 1], a, b, extrapolate)  # fmt: skip


def integral(total: Any, low: Any, high: Any, a: Any, b: Any, extrapolate: Any) -> Any:
    """The integral from `a` to `b` of what has the antiderivative `total`, a function of the point
    and of whether to extrapolate."""
    if not isinstance(extrapolate, str):
        return total(b, extrapolate) - total(a, extrapolate)
    period = high - low
    turns = xp.floor((b - low) / period) - xp.floor((a - low) / period)
    once = total(high, False) - total(low, False)
    rest = total(wrapped(b, low, high), False) - total(wrapped(a, low, high), False)
    return once * turns + rest


class PPoly:
    """A piecewise polynomial, as `scipy.interpolate.PPoly`.

    It is differentiable by the coefficients, the breakpoints and the points where it is evaluated.
    The breakpoints increase. `solve` and `roots` take coefficients that require no grad.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.PPoly.html
    """

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> None:
        c, x = _coefficients(c, x, axis)
        self._set(c, x, True if extrapolate is None else extrapolate, axis)

    def _set(self, c: Any, x: Any, extrapolate: Any, axis: int) -> None:
        if isinstance(extrapolate, str) and extrapolate != "periodic":
            raise InvalidArgumentError(
                f"scipy.interpolate.{type(self).__name__}: extrapolate is a bool or 'periodic', "
                f"not {extrapolate!r}"
            )
        self.c, self.x, self.axis = c, x, axis
        self.extrapolate = extrapolate if extrapolate == "periodic" else bool(extrapolate)

    @classmethod
    def construct_fast(cls, c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> Any:
        """An object with these coefficients and breakpoints, which are not checked."""
        made = object.__new__(cls)
        made._set(c, x, True if extrapolate is None else extrapolate, axis)
        return made

    def _extrapolates(self, extrapolate: Any) -> Any:
        return self.extrapolate if extrapolate is None else extrapolate

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The values, or the derivatives of order `nu`, at `x`."""
        return _evaluate(self.c, self.x, x, nu, self._extrapolates(extrapolate), self.axis)

    def derivative(self, nu: int = 1) -> Any:
        """The derivative of order `nu`, as another piecewise polynomial."""
        if nu < 0:
            return self.antiderivative(-nu)
        order = self.c.shape[0]
        kept = max(order - nu, 0)
        rows = [self.c[k] * float(math.perm(order - 1 - k, nu)) for k in range(kept)]
        c = xp.stack(rows or [self.c[0] * 0.0])
        return self.construct_fast(c, self.x, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> Any:
        """The antiderivative, `nu` times, as another piecewise polynomial."""
        if nu <= 0:
            return self.derivative(-nu)
        c = self.c
        for _ in range(nu):
            c = antiderivative(c, self.x)
        extrapolate = False if self.extrapolate == "periodic" else self.extrapolate
        return self.construct_fast(c, self.x, extrapolate, self.axis)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """The integral from `a` to `b`, differentiable by both."""
        return _integrate(self.c, self.x, a, b, self._extrapolates(extrapolate))

    def solve(self, y: float = 0.0, discontinuity: bool = True, extrapolate: Any = None) -> Any:
        """The places where the value is `y`, of coefficients that require no grad."""
        if self.c.requires_grad or self.x.requires_grad or is_variable(y):
            raise UnsupportedError(
                "scipy.interpolate.PPoly.solve has no derivative: `.detach()` what it is made of"
            )
        theirs = scipy_module("interpolate").PPoly(
            numbers(self.c), numbers(self.x), self.extrapolate
        )
        found = theirs.solve(y, discontinuity, extrapolate)
        namespace = backend_for(self.c).namespace
        return found if found.dtype == object else namespace.asarray(found)

    def roots(self, discontinuity: bool = True, extrapolate: Any = None) -> Any:
        """The places where the value is 0; see `solve`."""
        return self.solve(0.0, discontinuity, extrapolate)
