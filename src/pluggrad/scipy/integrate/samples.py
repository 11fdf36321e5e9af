"""Integrals of functions that are known by samples."""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import is_variable, xp
from ...engine.arguments import axis_of
from ...errors import InvalidArgumentError, UnsupportedError
from ...functions.gathering import values_of
from ...functions.operand import as_floats
from ..rows import public

__all__ = ["cumulative_simpson", "cumulative_trapezoid", "romb", "simpson", "trapezoid"]


def _divided(a: Any, b: Any) -> Any:
    """``a / b``, and 0 where `b` is 0."""
    if not hasattr(b, "shape"):
        return a / b if b else 0.0 * a
    zero = b == 0
    return xp.where(zero, 0.0, a / xp.where(zero, 1.0, b))


def _samples(name: str, y: Any, x: Any, axis: Any) -> tuple[Any, Any]:
    """The samples with their axis at the end, and the differences of their places, or None."""
    y = as_floats(y)
    axis = axis_of(axis, y.ndim, f"scipy.integrate.{name}")
    y = xp.moveaxis(y, axis, -1)
    if x is None:
        return y, None
    x = as_floats(x)
    if x.ndim > 1:
        if x.ndim != y.ndim:
            raise InvalidArgumentError(
                f"scipy.integrate.{name}: x is a vector, or has the axes of y; it has {x.ndim}"
            )
        x = xp.moveaxis(x, axis, -1)
    if x.shape[-1] != y.shape[-1]:
        raise InvalidArgumentError(
            f"scipy.integrate.{name}: there are {x.shape[-1]} places for {y.shape[-1]} samples"
        )
    return y, x[..., 1:] - x[..., :-1]


@public("integrate", arrays="y x")
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples by the trapezoidal rule.

    It is differentiable by `y`, `x` and `dx`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.trapezoid.html
    """
    y, h = _samples("trapezoid", y, x, axis)
    return xp.sum((dx if h is None else h) * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)


@public("integrate", arrays="y x")
def cumulative_trapezoid(
    y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Any:
    """The integrals of samples up to each of them, by the trapezoidal rule.

    It is differentiable by `y`, `x` and `dx`. `initial` is None or 0.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.cumulative_trapezoid.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.integrate
    >>> f = lambda y: pg.scipy.integrate.cumulative_trapezoid(y)[-1]
    >>> pg.grad(f)(np.asarray([1.0, 2.0, 4.0]))
    array([0.5, 1. , 0.5])
    """
    if initial is not None and (is_variable(initial) or initial != 0):
        raise InvalidArgumentError("scipy.integrate.cumulative_trapezoid: initial is None or 0")
    where = axis
    y, h = _samples("cumulative_trapezoid", y, x, axis)
    if not y.shape[-1]:
        raise InvalidArgumentError("scipy.integrate.cumulative_trapezoid: there are no samples")
    pieces = (dx if h is None else h) * (y[..., 1:] + y[..., :-1]) / 2.0
    found = xp.cumulative_sum(pieces, axis=-1)
    if initial is not None:
        found = xp.concat([xp.zeros_like(pieces[..., :1] + y[..., :1]), found], axis=-1)
    return xp.moveaxis(found, -1, where)


def _simpson(y: Any, h: Any, dx: Any) -> Any:
    """Simpson's rule for an odd number of samples."""
    n = y.shape[-1]
    y0, y1, y2 = y[..., : n - 2 : 2], y[..., 1 : n - 1 : 2], y[..., 2::2]
    if h is None:
        return xp.sum(y0 + 4.0 * y1 + y2, axis=-1) * (dx / 3.0)
    h0, h1 = h[..., : n - 2 : 2], h[..., 1 : n - 1 : 2]
    total, ratio = h0 + h1, _divided(h0, h1)
    terms = (
        y0 * (2.0 - _divided(1.0 + 0.0 * ratio, ratio))
        + y1 * (total * _divided(total, h0 * h1))
        + y2 * (2.0 - ratio)
    )
    return xp.sum(total / 6.0 * terms, axis=-1)


@public("integrate", arrays="y x")
def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples by Simpson's rule, with a correction for an even number of them.

    It is differentiable by `y`, `x` and `dx`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.simpson.html
    """
    y, h = _samples("simpson", y, x, axis)
    n = y.shape[-1]
    if not n:
        raise InvalidArgumentError("scipy.integrate.simpson: there are no samples")
    if n % 2:
        return _simpson(y, h, dx)
    last = dx if h is None else h[..., n - 2]
    if n == 2:
        return 0.5 * last * (y[..., 0] + y[..., 1])
    before = dx if h is None else h[..., n - 3]
    alpha = _divided(2.0 * last**2 + 3.0 * before * last, 6.0 * (last + before))
    beta = _divided(last**2 + 3.0 * before * last, 6.0 * before)
    eta = _divided(last**3, 6.0 * before * (before + last))
    most = _simpson(y[..., : n - 1], None if h is None else h[..., : n - 2], dx)
    return most + (alpha * y[..., n - 1] + beta * y[..., n - 2] - eta * y[..., n - 3])


def _first_parts(y: Any, h: Any, dx: Any) -> Any:
    """The integral from each sample to the next, of the parabola through these and one more."""
    n = y.shape[-1]
    f1, f2, f3 = y[..., : n - 2], y[..., 1 : n - 1], y[..., 2:]
    if h is None:
        return dx / 3.0 * (5.0 * f1 / 4.0 + 2.0 * f2 - f3 / 4.0)
    h21, h32 = h[..., : n - 2], h[..., 1:]
    a, b = h21 / (h21 + h32), h21 / h32
    return h21 / 6.0 * ((3.0 - a) * f1 + (3.0 + a * b + a) * f2 - a * b * f3)


@public("integrate", arrays="y x dx initial")
def cumulative_simpson(
    y: Any, *, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Any:
    """The integrals of samples up to each of them, by Simpson's rule.

    It is differentiable by `y`, `x`, `dx` and `initial`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.cumulative_simpson.html
    """
    where = axis
    y, h = _samples("cumulative_simpson", y, x, axis)
    places = None if h is None else values_of(h)
    if places is not None and not (places > 0).all():
        raise InvalidArgumentError("scipy.integrate.cumulative_simpson: x increases strictly")
    n = y.shape[-1]
    if h is None and hasattr(dx, "ndim") and dx.ndim:
        dx = xp.moveaxis(dx, where, -1)
    if n < 3:
        pieces = (dx if h is None else h) * (y[..., 1:] + y[..., :-1]) / 2.0
    else:
        there = _first_parts(y, h, dx)
        back = _first_parts(xp.flip(y, axis=-1), None if h is None else xp.flip(h, axis=-1), dx)
        back = xp.flip(back, axis=-1)
        pairs = xp.stack([there[..., ::2], back[..., ::2]], axis=-1)
        pairs = xp.reshape(pairs, (*pairs.shape[:-2], -1))[..., : n - 2]
        pieces = xp.concat([pairs, back[..., n - 3 :]], axis=-1)
    found = xp.cumulative_sum(pieces, axis=-1)
    if initial is not None:
        initial = xp.moveaxis(initial, where, -1) if getattr(initial, "ndim", 0) else initial
        found = xp.concat([initial + xp.zeros_like(found[..., :1]), found + initial], axis=-1)
    return xp.moveaxis(found, -1, where)


@public("integrate", arrays="y")
def romb(y: Any, dx: Any = 1.0, axis: int = -1, show: bool = False) -> Any:
    """The integral of ``2**k + 1`` samples by Romberg's method.

    It is differentiable by `y` and `dx`. `show` is not supported.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.romb.html
    """
    if show:
        raise UnsupportedError("pluggrad.scipy.integrate.romb(show=...) is not supported")
    y, _ = _samples("romb", y, None, axis)
    count = y.shape[-1] - 1
    if count < 1 or count & (count - 1):
        raise InvalidArgumentError("scipy.integrate.romb: there are 2**k + 1 samples")
    h = count * dx
    row = [(y[..., 0] + y[..., count]) / 2.0 * h]
    step = count
    while step > 1:
        step //= 2
        h = h / 2.0
        middle = xp.sum(y[..., step : count : 2 * step], axis=-1)
        new = [0.5 * (row[0] + 2.0 * h * middle)]
        for k, before in enumerate(row, start=1):
            new.append(new[-1] + (new[-1] - before) / (4.0**k - 1.0))
        row = new
    return row[-1]
