"""Polynomials through points, and piecewise ones in the basis of Bernstein."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...errors import InvalidArgumentError, UnsupportedError
from ...functions.operand import constant
from ...transforms import jvp
from .common import column, data, doubles, method, numbers, order_of, placed
from .cubics import PchipInterpolator
from .piecewise import PPoly

__all__ = ["BPoly", "BarycentricInterpolator", "KroghInterpolator", "barycentric_interpolate",
           "krogh_interpolate", "pchip_interpolate"]  # fmt: skip


def _lagrange(xi: Any, yi: Any, at: Any) -> Any:
    """The polynomial through the points (xi, yi), at a vector of points, by Lagrange's formula."""
    n = xi.shape[0]
    own = constant(xi, "eye", n) == 1
    gaps = xp.where(own, 1.0, xp.expand_dims(xi, axis=1) - xi)  # of the rows to the columns
    steps = xp.expand_dims(at, axis=1) - xi
    ratios = xp.expand_dims(steps, axis=1) / gaps  # (points, polynomials, factors)
    basis = xp.prod(xp.where(own, 1.0, ratios), axis=2)
    flat = xp.reshape(yi, (n, -1))
    y = xp.matmul(xp.astype(basis, flat.dtype) if basis.dtype != flat.dtype else basis, flat)
    return xp.reshape(y, (at.shape[0], *yi.shape[1:]))


def _derived(xi: Any, yi: Any, at: Any, der: int) -> Any:
    """The derivative of this order by the points `at`."""
    f: Any = lambda x: _lagrange(xi, yi, x)
    for _ in range(der):
        f = _slope(f)
    return f(at)


def _slope(f: Any) -> Any:
    return lambda x: jvp(f, (x,), (xp.ones_like(x),))[1]


@method("polynomial", "xi yi")
def _points(xi: Any, yi: Any, axis: Any, where: str) -> Any:
    xi, yi, axis = data(xi, yi, axis, where)
    known = numbers(xi)
    if known is not None and len(np.unique(known)) < len(known):
        raise UnsupportedError(
            f"pluggrad.scipy.interpolate.{where}: the points xi differ here; with equal ones SciPy "
            "interpolates derivatives"
        )
    return xi, yi, axis


@method("polynomial.__call__", "at")
def _values(it: Any, at: Any, der: int) -> Any:
    at = doubles(at, type(it).__name__, "x", it._yi)
    y = _derived(it.xi, it._yi, xp.reshape(at, (-1,)), der)
    return placed(xp.reshape(y, (*at.shape, *it._yi.shape[1:])), at.ndim, it.axis)


class _Polynomial:
    """A polynomial through points."""

    def __init__(self, xi: Any, yi: Any, axis: int = 0) -> None:
        self.xi, self._yi, self.axis = _points(xi, yi, axis, type(self).__name__)

    def __call__(self, x: Any) -> Any:
        """The values at `x`."""
        return _values(self, x, 0)

    def derivative(self, x: Any, der: int = 1) -> Any:
        """The derivative of the order `der` at `x`."""
        return _values(self, x, order_of(der, type(self).__name__))

    def derivatives(self, x: Any, der: Any = None) -> Any:
        """The first `der` derivatives at `x`, the value included, along a new first axis."""
        count = self.xi.shape[0] if der is None else int(der)
        return xp.stack([_values(self, x, n) for n in range(count)])


class KroghInterpolator(_Polynomial):
    """The polynomial through points, as `scipy.interpolate.KroghInterpolator`.

    It is differentiable by `xi`, `yi` and the points where it is evaluated. The points `xi` are
    different from each other.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.KroghInterpolator.html
    """


class BarycentricInterpolator(_Polynomial):
    """The polynomial through points, as `scipy.interpolate.BarycentricInterpolator`.

    It is differentiable by `xi`, `yi` and the points where it is evaluated. `wi` and `rng` have no
    effect on the values.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.BarycentricInterpolator.html
    """

    def __init__(
        self, xi: Any, yi: Any = None, axis: int = 0, *, wi: Any = None, rng: Any = None,
        random_state: Any = None,
    ) -> None:  # fmt: skip
        if yi is None:
            raise UnsupportedError(
                "pluggrad.scipy.interpolate.BarycentricInterpolator(yi=None) is not supported: "
                "make it when the values are known"
            )
        super().__init__(xi, yi, axis)


def _several(it: Any, x: Any, der: Any) -> Any:
    """The derivative of one order, or those of each order in a list."""
    if isinstance(der, (list, tuple)) or np.ndim(der):
        return xp.stack([it.derivative(x, int(n)) for n in der])
    return it.derivative(x, der) if der else it(x)


def barycentric_interpolate(
    xi: Any, yi: Any, x: Any, axis: int = 0, *, der: Any = 0, rng: Any = None
) -> Any:
    """The polynomial through points, at `x`; see `BarycentricInterpolator`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.barycentric_interpolate.html
    """
    return _several(BarycentricInterpolator(xi, yi, axis), x, der)


def krogh_interpolate(xi: Any, yi: Any, x: Any, der: Any = 0, axis: int = 0) -> Any:
    """The polynomial through points, at `x`; see `KroghInterpolator`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.krogh_interpolate.html
    """
    return _several(KroghInterpolator(xi, yi, axis), x, der)


def pchip_interpolate(xi: Any, yi: Any, x: Any, der: Any = 0, axis: int = 0) -> Any:
    """The monotonic cubic interpolation, at `x`; see `PchipInterpolator`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.pchip_interpolate.html
    """
    made = PchipInterpolator(xi, yi, axis)
    if np.ndim(der):
        return xp.stack([made(x, int(n)) for n in der])
    return made(x, der)


# ---------------------------------------------------------------- Bernstein


def _powers(c: Any, x: Any) -> Any:
    """The coefficients of `PPoly`, from those in the basis of Bernstein."""
    k = c.shape[0] - 1
    h = column(x[1:] - x[:-1], c[0])
    rows = []
    for a in range(k, -1, -1):
        row = 0.0
        for j in range(a + 1):
            row = row + c[j] * float((-1) ** (a - j) * math.comb(a, j))
        rows.append(row * float(math.comb(k, a)) / h**a)
    return xp.stack(rows)


class BPoly(PPoly):
    """A piecewise polynomial in the basis of Bernstein, as `scipy.interpolate.BPoly`.

    It is differentiable by the coefficients, the breakpoints and the points where it is evaluated.
    The breakpoints increase.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.BPoly.html
    """

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> None:
        super().__init__(c, x, extrapolate, axis)
        self._given = self.c
        self._powers = _powers(self.c, self.x)

    def _as_powers(self) -> PPoly:
        made: PPoly = PPoly.construct_fast(self._powers, self.x, self.extrapolate, self.axis)
        return made

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The values, or the derivatives of order `nu`, at `x`."""
        return self._as_powers()(x, nu, extrapolate)

    def derivative(self, nu: int = 1) -> Any:
        """The derivative of order `nu`, as a `PPoly`."""
        return self._as_powers().derivative(nu)

    def antiderivative(self, nu: int = 1) -> Any:
        """The antiderivative, `nu` times, as a `PPoly`."""
        return self._as_powers().antiderivative(nu)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """The integral from `a` to `b`, differentiable by both."""
        return self._as_powers().integrate(a, b, extrapolate)

    def solve(self, y: float = 0.0, discontinuity: bool = True, extrapolate: Any = None) -> Any:
        """SciPy has no roots of such polynomials."""
        raise InvalidArgumentError("scipy.interpolate.BPoly has no roots: take those of a `PPoly`")
