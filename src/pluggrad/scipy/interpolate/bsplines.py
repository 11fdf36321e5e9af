"""B-splines: their values, derivatives and integrals, by knots, coefficients and points.

Everything follows from de Boor's algorithm, written in functions that have derivatives: a spline is
evaluated from the `k` + 1 coefficients and the 2 `k` knots around each point.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import is_variable, xp
from ...engine.arguments import axis_of, whole
from ...engine.cotangents import create
from ...errors import InvalidArgumentError, UnsupportedError
from ..rows import scipy_module
from .common import (
    backend_for,
    column,
    doubles,
    intervals,
    method,
    numbers,
    order_of,
    placed,
    wrapped,
)
from .piecewise import integral

__all__ = ["BSpline", "antiderivative", "banded_basis", "derivative", "evaluate_spline"]


def _local(t: Any, k: int, at: Any) -> tuple[Any, list[Any]]:
    """The number of the interval of each point, from `k` on, and the 2 `k` knots around it."""
    i = intervals(t, at, k, t.shape[0] - k - 2)
    return i, [xp.take(t, i + n, axis=0) for n in range(1 - k, k + 1)]


def _de_boor(d: list[Any], knots: list[Any], k: int, at: Any, nu: int) -> Any:
    """The derivative of order `nu` at the points, from the coefficients `d` and the `knots` around
    them, lists of arrays that broadcast."""
    if nu > k:
        return 0.0 * (d[0] + at)
    d = list(d)
    for r in range(1, k + 1):
        for j in range(k, r - 1, -1):
            low, high = knots[j - 1], knots[j + k - r]
            empty = high == low  # an interval between equal knots
            width = xp.where(empty, 1.0, high - low)
            if r <= nu:
                slope = (k - r + 1) * (d[j] - d[j - 1]) / width
                d[j] = xp.where(empty, 0.0, slope)
            else:
                step = xp.where(empty, 0.0, (at - low) / width)
                d[j] = d[j - 1] + step * (d[j] - d[j - 1])
    return d[k] + 0.0 * at


def evaluate_spline(t: Any, c: Any, k: int, at: Any, nu: int, extrapolate: Any) -> Any:
    """The derivative of order `nu` of a spline, whose coefficients lie along the first axis of
    `c`."""
    shape = tuple(at.shape)
    at = xp.reshape(at, (-1,))
    n = t.shape[0] - k - 1
    low, high = t[k], t[n]
    if isinstance(extrapolate, str):  # 'periodic'
        at = wrapped(at, low, high)
    i, knots = _local(t, k, at)
    d = [xp.take(c, i - k + j, axis=0) for j in range(k + 1)]
    y = _de_boor(d, [column(x, c) for x in knots], k, column(at, c), nu)
    outside = at != at
    if not extrapolate:
        outside = outside | (at < low) | (at > high)
    y = xp.where(column(outside, c), np.nan, y)
    return xp.reshape(y, (*shape, *c.shape[1:]))


def basis(t: Any, k: int, at: Any, nu: int = 0) -> tuple[Any, Any]:
    """The values at each point of the k + 1 basis functions that are not zero there, shape (points,
    k + 1), and the number of the first of them."""
    i, knots = _local(t, k, at)
    unit = create("eye", k + 1, beside=t, dtype=t.dtype)
    d = [unit[j : j + 1, :] for j in range(k + 1)]
    around = [xp.expand_dims(x, axis=-1) for x in knots]
    return _de_boor(d, around, k, xp.expand_dims(at, axis=-1), nu), i - k


def banded_basis(values: Any, first: Any, n: int, k: int) -> Any:
    """The matrix with `values` in its rows from the columns `first` on, in the form that
    `solve_banded` takes, with `k` diagonals on both sides; `n` is its number of columns."""
    diagonals, column = np.meshgrid(np.arange(-k, k + 1), np.arange(n), indexing="ij")
    row = diagonals + column
    exists = (row >= 0) & (row < n)
    row = np.where(exists, row, 0)
    place = column - first[row]
    exists &= (place >= 0) & (place <= k)
    flat = row * (k + 1) + np.where(exists, place, 0)
    backend = backend_for(values)
    taken = xp.take(xp.reshape(values, (-1,)), backend.raw("asarray")(flat.ravel()), axis=0)
    mask = backend.raw("asarray")(exists)
    return xp.where(mask, xp.reshape(taken, flat.shape), 0.0)


# ---------------------------------------------------------------- other splines


def _padded(c: Any, length: int) -> Any:
    """`c` with zeros up to this length."""
    short = length - c.shape[0]
    if short <= 0:
        return c
    zero = xp.zeros_like(c[:1])
    return xp.concat([c, *[zero] * short], axis=0)


def derivative(t: Any, c: Any, k: int) -> tuple[Any, Any, int]:
    """Knots, coefficients and degree of the derivative."""
    m = t.shape[0]
    width = column(t[k + 1 : m - 1] - t[1 : m - k - 1], c)
    steps = c[1 : m - 1 - k] - c[: m - 2 - k]
    return t[1 : m - 1], _padded(steps * float(k) / width, m - 2), k - 1


def antiderivative(t: Any, c: Any, k: int) -> tuple[Any, Any, int]:
    """Knots, coefficients and degree of the antiderivative that is 0 at the first knot."""
    m = t.shape[0]
    width = column(t[k + 1 :] - t[: m - k - 1], c)
    total = xp.cumulative_sum(c[: m - k - 1] * width, axis=0) / float(k + 1)
    n = total.shape[0]
    total = xp.concat([xp.zeros_like(total[:1]), total, *[total[n - 1 :]] * (k + 2)], axis=0)
    return xp.concat([t[:1], t, t[m - 1 :]]), total, k + 1


@method("BSpline", "t c")
def _checked(t: Any, c: Any, k: int, axis: int) -> Any:
    where = "scipy.interpolate.BSpline"
    first = next((z for z in (c, t) if hasattr(z, "dtype")), None)
    t, c = doubles(t, "BSpline", "t", first), doubles(c, "BSpline", "c", first)
    if not c.ndim or t.ndim != 1:
        raise InvalidArgumentError(f"{where}: t is a vector, and c has one axis at least")
    axis = axis_of(axis, c.ndim, where)
    c = xp.moveaxis(c, axis, 0) if axis else c
    n = t.shape[0] - k - 1
    if n < k + 1 or c.shape[0] < n:
        raise InvalidArgumentError(
            f"{where}: {t.shape[0]} knots and {c.shape[0]} coefficients for degree {k}; there are "
            f"{2 * k + 2} knots at least, and degree + 1 fewer coefficients"
        )
    values = numbers(t)
    if values is not None and (
        not np.isfinite(values).all()
        or (np.diff(values) < 0).any()
        or len(np.unique(values[k : n + 1])) < 2
    ):
        raise InvalidArgumentError(
            f"{where}: knots are finite and do not decrease, and not all inner ones are equal"
        )
    return t, c, axis


@method("BSpline.__call__", "at")
def _evaluate(t: Any, c: Any, k: int, at: Any, nu: Any, extrapolate: Any, axis: int) -> Any:
    at = doubles(at, "BSpline", "x", c)
    return placed(evaluate_spline(t, c, k, at, order_of(nu, "BSpline"), extrapolate), at.ndim, axis)


@method("BSpline.integrate", "a b")
def _integrate(t: Any, c: Any, k: int, a: Any, b: Any, extrapolate: Any) -> Any:
    a, b = [doubles(z, "BSpline.integrate", n, c) for z, n in ((a, "a"), (b, "b"))]
    if a.ndim or b.ndim:
        raise InvalidArgumentError("scipy.interpolate.BSpline.integrate: a and b are numbers")
    low, high = t[k], t[t.shape[0] - k - 1]
    whole = antiderivative(t, _padded(c, t.shape[0]), k)
    if not extrapolate:
        a, b = [xp.clip(z, low, high) for z in (a, b)]
    return integral(
        lambda at, more: evaluate_spline(*whole, at, 0, True), low, high, a, b, extrapolate
    )


class BSpline:
    """A spline by its knots and coefficients, as `scipy.interpolate.BSpline`.

    It is differentiable by the knots, the coefficients and the points where it is evaluated.
    `design_matrix`, `from_power_basis` and `insert_knot` are for constants.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.BSpline.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.interpolate
    >>> t = np.asarray([0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
    >>> f = lambda c: pg.scipy.interpolate.BSpline(t, c, 2)(0.5)
    >>> pg.grad(f)(np.asarray([1.0, 0.0, 2.0, 1.0]))
    array([0.25 , 0.625, 0.125, 0.   ])
    """

    def __init__(self, t: Any, c: Any, k: Any, extrapolate: Any = True, axis: int = 0) -> None:
        self.k = whole(k, "scipy.interpolate.BSpline", "k", least=0)
        self.t, self.c, self.axis = _checked(t, c, self.k, axis)
        self.extrapolate = extrapolate if extrapolate == "periodic" else bool(extrapolate)

    @classmethod
    def construct_fast(
        cls, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0
    ) -> BSpline:
        """An object with these knots and coefficients, which are not checked."""
        made = object.__new__(cls)
        made.t, made.c, made.k, made.extrapolate, made.axis = t, c, k, extrapolate, axis
        return made

    @property
    def tck(self) -> tuple[Any, Any, int]:
        """The knots, the coefficients and the degree."""
        return self.t, self.c, self.k

    @classmethod
    def basis_element(cls, t: Any, extrapolate: Any = True) -> BSpline:
        """The basis function with the knots `t`."""
        t = _knots(t)
        k = t.shape[0] - 2
        zero = xp.zeros_like(t[:1])
        c = xp.concat([*[zero] * k, zero + 1.0, *[zero] * k])
        t = xp.concat([*[t[:1] - 1.0] * k, t, *[t[k + 1 :] + 1.0] * k])
        return cls.construct_fast(t, c, k, extrapolate)

    @classmethod
    def design_matrix(cls, x: Any, t: Any, k: int, extrapolate: Any = False) -> Any:
        """SciPy's sparse matrix of the basis functions, of constants."""
        return cls._theirs("design_matrix")(_constant(x), _constant(t), k, extrapolate)

    @classmethod
    def from_power_basis(cls, pp: Any, bc_type: Any = "not-a-knot") -> Any:
        """The spline that a piecewise polynomial is, of constants."""
        theirs = scipy_module("interpolate").CubicSpline.construct_fast(
            _constant(pp.c), _constant(pp.x), pp.extrapolate, pp.axis
        )
        made = cls._theirs("from_power_basis")(theirs, bc_type)
        return cls(made.t, made.c, made.k, made.extrapolate)

    def insert_knot(self, x: Any, m: int = 1) -> Any:
        """The same spline with another knot, of constants."""
        made = scipy_module("interpolate").BSpline(
            _constant(self.t), _constant(self.c), self.k, self.extrapolate
        ).insert_knot(_constant(x), m)  # fmt: skip
        return type(self)(made.t, made.c, made.k, made.extrapolate)

    @staticmethod
    def _theirs(name: str) -> Any:
        return getattr(scipy_module("interpolate").BSpline, name)

    def _extrapolates(self, extrapolate: Any) -> Any:
        return self.extrapolate if extrapolate is None else extrapolate

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The values, or the derivatives of order `nu`, at `x`."""
        return _evaluate(self.t, self.c, self.k, x, nu, self._extrapolates(extrapolate), self.axis)

    def derivative(self, nu: int = 1) -> BSpline:
        """The derivative of order `nu`, as another spline."""
        if nu < 0:
            return self.antiderivative(-nu)
        if nu > self.k:
            raise InvalidArgumentError(
                f"scipy.interpolate.BSpline: the derivative of order {nu} of a spline of degree "
                f"{self.k} is no spline"
            )
        t, c, k = self.t, _padded(self.c, self.t.shape[0]), self.k
        for _ in range(nu):
            t, c, k = derivative(t, c, k)
        return self.construct_fast(t, c, k, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> BSpline:
        """The antiderivative, `nu` times, as another spline."""
        if nu < 0:
            return self.derivative(-nu)
        t, c, k = self.t, _padded(self.c, self.t.shape[0]), self.k
        for _ in range(nu):
            t, c, k = antiderivative(t, c, k)
        extrapolate = False if self.extrapolate == "periodic" else self.extrapolate
        return self.construct_fast(t, c, k, extrapolate, self.axis)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """The integral from `a` to `b`, differentiable by both."""
        return _integrate(self.t, self.c, self.k, a, b, self._extrapolates(extrapolate))


@method("BSpline.basis_element", "t")
def _knots(t: Any) -> Any:
    return doubles(t, "BSpline.basis_element", "t")


def _constant(x: Any) -> Any:
    """A NumPy array of the values of what requires no grad."""
    if is_variable(x) and x.requires_grad:
        raise UnsupportedError(
            "this method of scipy.interpolate.BSpline has no derivative: `.detach()` its arguments "
            "if no gradient is needed"
        )
    return numbers(x) if is_variable(x) else x
