"""Interpolation of scattered data by radial basis functions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import whole
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError, UnsupportedError
from ...functions.operand import constant
from ..optimize.calls import constants
from ..rows import scipy_module
from .common import doubles, leading, method

__all__ = ["RBFInterpolator", "Rbf"]

#: The kernels whose shape does not depend on epsilon, and the least degree of the polynomial.
_INVARIANT = {"linear", "thin_plate_spline", "cubic", "quintic"}
_DEGREES = {"multiquadric": 0, "linear": 0, "thin_plate_spline": 1, "cubic": 1, "quintic": 2}


def _root(s: Any) -> Any:
    """The square root, with the derivative 0 at 0."""
    zero = s == 0
    return xp.where(zero, 0.0, xp.sqrt(xp.where(zero, 1.0, s)))


def _log_part(s: Any) -> Any:
    """r² log r, of the square of r."""
    zero = s == 0
    return xp.where(zero, 0.0, 0.5 * s * xp.log(xp.where(zero, 1.0, s)))


#: Each kernel, as a function of the squared distance.
KERNELS = {
    "linear": lambda s: -_root(s),
    "thin_plate_spline": _log_part,
    "cubic": lambda s: s * _root(s),
    "quintic": lambda s: -s * s * _root(s),
    "multiquadric": lambda s: -xp.sqrt(s + 1.0),
    "inverse_multiquadric": lambda s: 1.0 / xp.sqrt(s + 1.0),
    "inverse_quadratic": lambda s: 1.0 / (s + 1.0),
    "gaussian": lambda s: xp.exp(-s),
}


def _squares(a: Any, b: Any) -> Any:
    """The squared distances of all pairs of points; axes in front are broadcast."""
    return xp.sum((xp.expand_dims(a, axis=-2) - xp.expand_dims(b, axis=-3)) ** 2, axis=-1)


def _powers(ndim: int, degree: int) -> list[tuple[int, ...]]:
    """The exponents of all monomials of these variables up to this degree."""
    return [
        m for n in range(degree + 1)
        for m in itertools.product(range(n + 1), repeat=ndim) if sum(m) == n
    ]  # fmt: skip


def _monomials(x: Any, powers: Any) -> Any:
    """The monomials at the points, along a last axis."""
    columns = []
    for exponents in powers:
        y = xp.ones_like(x[..., 0])
        for n, k in enumerate(exponents):
            for _ in range(k):
                y = y * x[..., n]
        columns.append(y)
    return xp.stack(columns, axis=-1)


def _solved(it: Any, y: Any, d: Any, smoothing: Any, shift: Any, scale: Any) -> Any:
    """The coefficients of the kernels and of the monomials; axes in front are broadcast."""
    n = y.shape[-2]
    scaled = y * it.epsilon
    eye = constant(y, "eye", n)
    k = it._kernel(_squares(scaled, scaled)) + eye * xp.expand_dims(smoothing, axis=-1)
    b = d
    if it._powers:
        p = _monomials((y - shift) / scale, it._powers)
        r = p.shape[-1]
        zeros = xp.zeros_like(xp.matmul(xp.matrix_transpose(p), p))
        top = xp.concat([k, p], axis=-1)
        k = xp.concat([top, xp.concat([xp.matrix_transpose(p), zeros], axis=-1)], axis=-2)
        b = xp.concat([d, xp.zeros_like(xp.concat([d[..., :1, :]] * r, axis=-2))], axis=-2)
    return xp.linalg.solve(xp.astype(k, b.dtype) if is_complex(b) else k, b)


def _frame(y: Any) -> tuple[Any, Any]:
    """The middle and half the width of the points, constants: the polynomials are the same."""
    low, high = (
        xp.min(y.detach(), axis=-2, keepdims=True),
        xp.max(y.detach(), axis=-2, keepdims=True),
    )
    half = (high - low) / 2.0
    return (high + low) / 2.0, xp.where(half == 0.0, 1.0, half)


def _values(it: Any, x: Any, y: Any, c: Any, shift: Any, scale: Any) -> Any:
    columns = it._kernel(_squares(x * it.epsilon, y * it.epsilon))
    if it._powers:
        columns = xp.concat([columns, _monomials((x - shift) / scale, it._powers)], axis=-1)
    return xp.matmul(xp.astype(columns, c.dtype) if is_complex(c) else columns, c)


@method("RBFInterpolator", "y d smoothing")
def _data(y: Any, d: Any, smoothing: Any) -> Any:
    where = "RBFInterpolator"
    first = next((z for z in (d, y) if hasattr(z, "dtype")), None)
    y, d = doubles(y, where, "y", first), doubles(d, where, "d", first)
    smoothing = doubles(smoothing, where, "smoothing", y)
    if y.ndim != 2 or not d.ndim or d.shape[0] != y.shape[0]:
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: y is a matrix of points and d has an element for each, "
            f"and the shapes are {tuple(y.shape)} and {tuple(d.shape)}"
        )
    if smoothing.ndim and tuple(smoothing.shape) != (y.shape[0],):
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: smoothing is a number or has one for each point"
        )
    return y, d, xp.broadcast_to(smoothing, (y.shape[0],))


@method("RBFInterpolator", "epsilon")
def _width(epsilon: Any, like: Any) -> Any:
    return doubles(epsilon, "RBFInterpolator", "epsilon", like)


@method("RBFInterpolator.__call__", "x")
def _evaluate(it: Any, x: Any) -> Any:
    y = it.y
    x = doubles(x, "RBFInterpolator", "x", y)
    if x.ndim != 2 or x.shape[1] != y.shape[1]:
        raise InvalidArgumentError(
            f"scipy.interpolate.RBFInterpolator: x is a matrix of points with {y.shape[1]} "
            f"coordinates, and the shape is {tuple(x.shape)}"
        )
    d = xp.reshape(it.d, (y.shape[0], -1))
    if it.neighbors is None:
        if it._found is None:
            frame = _frame(y)
            it._found = (_solved(it, y, d, it.smoothing, *frame), *frame)
        found = _values(it, x, y, *it._found)
    else:
        tree = scipy_module("spatial").KDTree
        count = it.neighbors
        (near,) = constants(
            "interpolate.RBFInterpolator",
            lambda x, y: (np.sort(tree(y).query(x, count)[1].reshape(len(x), count), axis=1),),
            x, y,
        )  # fmt: skip
        flat = xp.reshape(near, (-1,))
        m = x.shape[0]
        own, values = [xp.reshape(xp.take(z, flat, axis=0), (m, count, z.shape[1])) for z in (y, d)]
        smooth = xp.reshape(xp.take(it.smoothing, flat, axis=0), (m, count))
        frame = _frame(own)
        c = _solved(it, own, values, smooth, *frame)
        found = _values(it, xp.expand_dims(x, axis=1), own, c, *frame)[:, 0, :]
    return xp.reshape(found, (x.shape[0], *it.d.shape[1:]))


class RBFInterpolator:
    """Interpolation by radial basis functions, as `scipy.interpolate.RBFInterpolator`.

    It is differentiable by `y`, `d`, `smoothing`, `epsilon` and the points where it is evaluated,
    for every kernel. Which points are the nearest, with `neighbors`, counts as constant. At a data
    point, the kernel ``"linear"`` has the slope 0.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.RBFInterpolator.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.interpolate
    >>> y = np.asarray([[0.0], [1.0], [2.0]])
    >>> f = lambda d: pg.scipy.interpolate.RBFInterpolator(y, d, kernel="linear")([[0.25]])[0]
    >>> pg.grad(f)(np.asarray([1.0, 2.0, 3.0])).round(6) + 0.0
    array([0.75, 0.25, 0.  ])
    """

    def __init__(
        self, y: Any, d: Any, neighbors: Any = None, smoothing: Any = 0.0,
        kernel: str = "thin_plate_spline", epsilon: Any = None, degree: Any = None,
    ) -> None:  # fmt: skip
        self.y, self.d, self.smoothing = _data(y, d, smoothing)
        kernel = kernel.lower()
        if kernel not in KERNELS:
            raise InvalidArgumentError(
                f"scipy.interpolate.RBFInterpolator: kernel is one of {', '.join(KERNELS)}, not "
                f"{kernel!r}"
            )
        if epsilon is None and kernel not in _INVARIANT:
            raise InvalidArgumentError(
                f"scipy.interpolate.RBFInterpolator: the kernel {kernel!r} needs an epsilon"
            )
        self.kernel, self._kernel = kernel, KERNELS[kernel]
        self.epsilon = 1.0 if epsilon is None else _width(epsilon, self.y)
        if degree is None:
            degree = max(_DEGREES.get(kernel, -1), 0)
        self.degree = whole(degree, "scipy.interpolate.RBFInterpolator", "degree", least=-1)
        self.neighbors = None if neighbors is None else min(int(neighbors), self.y.shape[0])
        self._powers = _powers(self.y.shape[1], self.degree)
        count = self.y.shape[0] if self.neighbors is None else self.neighbors
        if len(self._powers) > count:
            raise InvalidArgumentError(
                f"scipy.interpolate.RBFInterpolator: polynomials of degree {degree} need "
                f"{len(self._powers)} points at least, and there are {count}"
            )
        self._found: Any = None

    def __call__(self, x: Any) -> Any:
        """The values at the points that are the rows of `x`."""
        return _evaluate(self, x)


#: The functions of `Rbf`, of the squared distance and of epsilon.
_OLDER = {
    "multiquadric": lambda s, e: xp.sqrt(s / e**2 + 1.0),
    "inverse": lambda s, e: 1.0 / xp.sqrt(s / e**2 + 1.0),
    "gaussian": lambda s, e: xp.exp(-s / e**2),
    "linear": lambda s, e: _root(s),
    "cubic": lambda s, e: s * _root(s),
    "quintic": lambda s, e: s * s * _root(s),
    "thin_plate": lambda s, e: _log_part(s),
}


@method("Rbf")
def _rows(*args: Any) -> Any:
    first = leading(*args)
    points = [xp.reshape(doubles(x, "Rbf", "x", first), (-1,)) for x in args]
    return xp.stack(points, axis=-1)


@method("Rbf", "d")
def _nodes(it: Any, d: Any) -> Any:
    d = doubles(d, "Rbf", "d", it.xi)
    n = it.xi.shape[0]
    d = xp.reshape(d, (-1,)) if it.mode == "1-D" else d
    if d.shape[0] != n:
        raise InvalidArgumentError("scipy.interpolate.Rbf: all arrays have the same length")
    a = it._of(_squares(it.xi, it.xi)) - constant(it.xi, "eye", n) * it.smooth
    return xp.linalg.solve(a, d)


@method("Rbf.__call__")
def _radial(it: Any, xi: Any, nodes: Any, epsilon: Any, points: Any, shape: Any) -> Any:
    y = xp.matmul(_OLDER[it.function](_squares(points, xi), epsilon), nodes)
    return xp.reshape(y, (*shape, *nodes.shape[1:]))


class Rbf:
    """Interpolation by radial basis functions, as `scipy.interpolate.Rbf`.

    It is differentiable by the places and the values of the data, by `epsilon` and `smooth`, and by
    the points where it is evaluated. `norm` is Euclidean, and `function` one of SciPy's names.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.Rbf.html
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.mode = kwargs.pop("mode", "1-D")
        first = leading(*args)
        self.xi = _rows(*[doubles(x, "Rbf", "x", first) for x in args[:-1]])
        function = kwargs.pop("function", "multiquadric")
        if (
            kwargs.pop("norm", "euclidean") != "euclidean"
            or function not in _OLDER
            or (self.mode not in ("1-D", "N-D"))
        ):
            raise UnsupportedError(
                "pluggrad.scipy.interpolate.Rbf: norm is 'euclidean', mode '1-D' or 'N-D', and "
                f"function one of {', '.join(_OLDER)}"
            )
        self.function, self.smooth = function, kwargs.pop("smooth", 0.0)
        self.epsilon = kwargs.pop("epsilon", None)
        if self.epsilon is None:
            self.epsilon = _spacing(self.xi)
        if kwargs:
            raise InvalidArgumentError(f"scipy.interpolate.Rbf: unknown are {', '.join(kwargs)}")
        self._of = lambda s: _OLDER[function](s, self.epsilon)
        self.nodes = _nodes(self, doubles(args[-1], "Rbf", "d", self.xi))

    def __call__(self, *args: Any) -> Any:
        """The values at the points whose coordinates are given."""
        first = leading(self.xi, *args)
        parts = [doubles(x, "Rbf", "x", first) for x in args]
        own = [doubles(z, "Rbf", "x", first) for z in (self.xi, self.nodes, self.epsilon)]
        return _radial(self, *own, _rows(*parts), tuple(parts[0].shape))


@method("Rbf")
def _spacing(xi: Any) -> Any:
    """The mean distance of the points in a box."""
    edges = xp.max(xi, axis=0) - xp.min(xi, axis=0)
    flat = edges == 0
    count = xp.sum(xp.astype(~flat, xi.dtype))
    size = xp.prod(xp.where(flat, 1.0, edges))
    return (size / float(xi.shape[0])) ** (1.0 / count)
