"""Filters that smooth: Gaussians and means."""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...errors import InvalidArgumentError, UnsupportedError
from ...functions.operand import is_number
from ...rules.kinds import linear
from ..rows import host, host_function, like, public
from .common import (
    array,
    axes_among,
    constant_of,
    filter_mode,
    integer,
    number,
    output_dtype,
    sequence,
)
from .correlations import ADJOINT, check_cval, check_origin, correlation

__all__ = ["gaussian_filter", "gaussian_filter1d", "uniform_filter", "uniform_filter1d"]

# ---------------------------------------------------------------- Gaussian filters


def _gaussian(sigma: Any, order: int, radius: int, x: Any) -> Any:
    """`gaussian_weights` of a number or of an array without axes."""
    if is_number(sigma):
        return constant_of(host_function("ndimage.gaussian_weights")(sigma, order, radius), x)
    minus = -1.0 / (sigma * sigma)
    q: list[Any] = [1.0]
    for _ in range(order):
        down = [(n + 1) * q[n + 1] for n in range(len(q) - 1)] + [0.0, 0.0]
        q = [down[n] + (minus * q[n - 1] if n else 0.0) for n in range(len(q) + 1)]
    k = constant_of([float(n) for n in range(-radius, radius + 1)], x)
    weights = xp.exp(0.5 * minus * k * k)
    weights = weights / xp.sum(weights)
    polynomial = q[-1]
    for c in q[-2::-1]:
        polynomial = polynomial * k + c
    return xp.flip(weights * polynomial)


def _gaussian_pass(
    x: Any, sigma: Any, axis: int, order: Any, dtype: Any, mode: Any, cval: Any, truncate: Any,
    radius: Any, where: str,
) -> Any:  # fmt: skip
    value = number(sigma, where, "sigma")
    order = integer(order, where, "order", least=0)
    if radius is None:
        if value is None:
            raise UnsupportedError(
                f"scipy.ndimage.{where}: the size of the filter depends on sigma, whose value is "
                "not known here; give `radius`"
            )
        radius = int(number(truncate, where, "truncate") * value + 0.5)  # type: ignore[operator]
    radius = integer(radius, where, "radius", least=0)
    if value == 0:
        raise InvalidArgumentError(f"scipy.ndimage.{where}: sigma is not 0")
    weights = _gaussian(
        sigma if getattr(sigma, "requires_grad", value is None) else value, order, radius, x
    )
    return correlation(x, weights, axis, dtype, filter_mode(mode, where), cval, 0)


@public("ndimage")
def gaussian_filter1d(
    input: Any, sigma: Any, axis: int = -1, order: int = 0, output: Any = None,
    mode: str = "reflect", cval: Any = 0.0, truncate: float = 4.0, *, radius: int | None = None,
) -> Any:  # fmt: skip
    """A Gaussian filter along one axis, or a derivative of one.

    It is differentiated by `input`, `cval` and `sigma`; the size of the filter counts as constant.
    `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.gaussian_filter1d.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.ndimage
    >>> f = lambda x: pg.scipy.ndimage.gaussian_filter1d(x, 1.0)[0]
    >>> pg.grad(f)(np.zeros(3)).round(3)
    array([0.641, 0.296, 0.063])
    """
    where = "gaussian_filter1d"
    x = array(input, where)
    axis = axis_of(axis, x.ndim, f"scipy.ndimage.{where}")
    check_cval(x, cval, where)
    dtype = output_dtype(output, x, where)
    return _gaussian_pass(x, sigma, axis, order, dtype, mode, cval, truncate, radius, where)


@public("ndimage")
def gaussian_filter(
    input: Any, sigma: Any, order: Any = 0, output: Any = None, mode: Any = "reflect",
    cval: Any = 0.0, truncate: float = 4.0, *, radius: Any = None, axes: Any = None,
) -> Any:  # fmt: skip
    """A Gaussian filter along several axes, or a derivative of one.

    It is differentiated by `input`, `cval` and `sigma`; the size of the filter counts as constant.
    `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.gaussian_filter.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.ndimage
    >>> f = lambda x: pg.scipy.ndimage.gaussian_filter(x, 0.5)[1, 1]
    >>> pg.grad(f)(np.zeros((2, 2))).round(3)
    array([[0.011, 0.096],
           [0.096, 0.797]])
    """
    where = "gaussian_filter"
    x = array(input, where)
    axes = axes_among(axes, x.ndim, where)
    check_cval(x, cval, where)
    dtype = output_dtype(output, x, where)
    options = [sequence(value, len(axes), where, what) for value, what in (
        (sigma, "sigma"), (order, "order"), (mode, "mode"), (radius, "radius"),
    )]  # fmt: skip
    for axis, s, o, m, r in zip(axes, *options, strict=True):
        value = number(s, where, "sigma")
        filter_mode(m, where)
        if value is None or value > 1e-15:
            x = _gaussian_pass(x, s, axis, o, dtype, m, cval, truncate, r, where)
    return xp.astype(x, dtype)


# ---------------------------------------------------------------- means


def _uniform_adjoint(g: Any, size: int, axis: int, mode: str, origin: int) -> Any:
    """The transpose of a mean is a mean of the neighbours on the other side, but for the ends."""
    before = size // 2 + origin
    if mode in ("constant", "wrap") or (mode == "reflect" and 2 * before == size - 1):
        back = size - 1 - before - size // 2
        return UNIFORMED(g, size=size, axis=axis, mode=mode, origin=back)
    weights = constant_of([1.0 / size] * size, g)
    return ADJOINT(g, weights, axis=axis, mode=mode, origin=origin)


UNIFORMED = host(
    linear("scipy.ndimage.uniformed(x, /, *, size, axis, mode, origin)", _uniform_adjoint),
    like(0),
    lambda op: op(op.args[0], **{**op.kwargs, "axis": op.get("axis") + 1}),
)


def _uniform_pass(
    x: Any, size: Any, axis: int, dtype: Any, mode: Any, cval: Any, origin: Any, where: str
) -> Any:
    size = integer(size, where, "size", least=1)
    origin = check_origin(origin, size, where)
    mode = filter_mode(mode, where)
    weights = constant_of([1.0 / size] * size, x)
    return correlation(
        x, weights, axis, dtype, mode, cval, origin,
        lambda x: UNIFORMED(x, size=size, axis=axis, mode=mode, origin=origin),
    )  # fmt: skip


@public("ndimage")
def uniform_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """The mean of `size` neighbours along one axis, differentiated by `input` and `cval`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.uniform_filter1d.html
    """
    where = "uniform_filter1d"
    x = array(input, where)
    axis = axis_of(axis, x.ndim, f"scipy.ndimage.{where}")
    check_cval(x, cval, where)
    dtype = output_dtype(output, x, where)
    return _uniform_pass(x, size, axis, dtype, mode, cval, origin, where)


@public("ndimage")
def uniform_filter(
    input: Any, size: Any = 3, output: Any = None, mode: Any = "reflect", cval: Any = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """The mean of the neighbours in a box, differentiated by `input` and `cval`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.uniform_filter.html
    """
    where = "uniform_filter"
    x = array(input, where)
    axes = axes_among(axes, x.ndim, where)
    check_cval(x, cval, where)
    dtype = output_dtype(output, x, where)
    options = [sequence(value, len(axes), where, what) for value, what in (
        (size, "size"), (origin, "origin"), (mode, "mode"),
    )]  # fmt: skip
    for axis, n, o, m in zip(axes, *options, strict=True):
        filter_mode(m, where)
        if n > 1:
            x = _uniform_pass(x, n, axis, dtype, m, cval, o, where)
    return xp.astype(x, dtype)
