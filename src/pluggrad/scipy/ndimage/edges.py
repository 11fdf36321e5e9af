"""Filters that find edges: differences of neighbours, and their sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of, check_function
from ...engine.cotangents import is_complex
from ..rows import public
from .common import array, axes_among, constant_of, filter_mode, output_dtype, sequence, stored
from .correlations import correlation
from .smoothing import gaussian_filter

__all__ = [
    "gaussian_gradient_magnitude", "gaussian_laplace", "generic_gradient_magnitude",
    "generic_laplace", "laplace", "prewitt", "sobel",
]  # fmt: skip


def _differences(
    input: Any, axis: Any, output: Any, mode: Any, cval: Any, smooth: list[float], where: str
) -> Any:
    """Differences along `axis`, smoothed with these weights along all others."""
    x = array(input, where)
    axis = axis_of(axis, x.ndim, f"scipy.ndimage.{where}")
    dtype = output_dtype(output, x, where)
    modes = [filter_mode(m, where) for m in sequence(mode, x.ndim, where, "mode")]
    for n in (axis, *[n for n in range(x.ndim) if n != axis]):
        weights = constant_of([-1.0, 0.0, 1.0] if n == axis else smooth, x)
        x = correlation(x, weights, n, dtype, modes[n], cval, 0)
    return x


@public("ndimage")
def sobel(
    input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: Any = 0.0
) -> Any:
    """The Sobel filter, which is linear in `input`. `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.sobel.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.ndimage
    >>> pg.grad(lambda x: pg.scipy.ndimage.sobel(x, axis=0)[1, 1])(np.zeros((3, 3)))
    array([[-1., -2., -1.],
           [ 0.,  0.,  0.],
           [ 1.,  2.,  1.]])
    """
    return _differences(input, axis, output, mode, cval, [1.0, 2.0, 1.0], "sobel")


@public("ndimage")
def prewitt(
    input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: Any = 0.0
) -> Any:
    """The Prewitt filter, which is linear in `input`. `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.prewitt.html
    """
    return _differences(input, axis, output, mode, cval, [1.0, 1.0, 1.0], "prewitt")


def _parts(
    x: Any, axes: tuple[int, ...], dtype: Any, mode: Any, where: str, one: Callable[..., Any]
) -> list[Any]:
    """``one(axis, mode)`` for each axis, in `dtype`."""
    modes = sequence(mode, len(axes), where, "mode")
    return [stored(one(axis, m), dtype) for axis, m in zip(axes, modes, strict=True)]


def _sum(parts: list[Any], x: Any, dtype: Any) -> Any:
    """The sum of derivatives; the image itself if there are none."""
    if not parts:
        return stored(x, dtype) + 0
    y = parts[0]
    for part in parts[1:]:
        y = y + part
    return y


def _size(parts: list[Any], x: Any, dtype: Any) -> Any:
    """The square root of the sum of squares, whose derivative at 0 is 0."""
    if not parts:
        return stored(x, dtype) + 0
    if is_complex(parts[0]):
        return xp.sqrt(_sum([part * part for part in parts], x, dtype))
    backend = x._backend
    if dtype in backend.float_dtypes:
        return xp.linalg.vector_norm(xp.stack(parts, axis=0), axis=0)
    squares = _sum([part * part for part in parts], x, dtype)
    return stored(xp.sqrt(xp.astype(squares, backend.xp.float64)), dtype)


@public("ndimage")
def laplace(
    input: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0, *, axes: Any = None
) -> Any:
    """The sum of second differences along all axes, or those in `axes`. `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.laplace.html
    """
    x = array(input, "laplace")
    dtype, axes = output_dtype(output, x, "laplace"), axes_among(axes, x.ndim, "laplace")
    weights = constant_of([1.0, -2.0, 1.0], x)
    parts = _parts(x, axes, dtype, mode, "laplace", lambda axis, m: correlation(
        x, weights, axis, dtype, filter_mode(m, "laplace"), cval, 0,
    ))  # fmt: skip
    return _sum(parts, x, dtype)


def _gaussian_derivative(
    x: Any, sigma: Any, dtype: Any, cval: Any, order: int, kwargs: Any
) -> Callable[..., Any]:
    def one(axis: int, mode: Any) -> Any:
        orders = [0] * x.ndim
        orders[axis] = order
        return gaussian_filter(x, sigma, orders, dtype, mode, cval, **kwargs)

    return one


@public("ndimage")
def gaussian_laplace(
    input: Any, sigma: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0, *,
    axes: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """The sum of second derivatives of a Gaussian; see `gaussian_filter`, which takes `kwargs`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.gaussian_laplace.html
    """
    where = "gaussian_laplace"
    x = array(input, where)
    dtype, axes = output_dtype(output, x, where), axes_among(axes, x.ndim, where)
    sigmas: list[Any] = [0] * x.ndim
    for axis, s in zip(axes, sequence(sigma, len(axes), where, "sigma"), strict=True):
        sigmas[axis] = s
    one = _gaussian_derivative(x, sigmas, dtype, cval, 2, kwargs)
    return _sum(_parts(x, axes, dtype, mode, where, one), x, dtype)


@public("ndimage")
def gaussian_gradient_magnitude(
    input: Any, sigma: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0, *,
    axes: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """The size of the gradient by derivatives of a Gaussian.

    `gaussian_filter` takes `kwargs`. Where all derivatives are 0, so is its own derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.gaussian_gradient_magnitude.html
    """
    where = "gaussian_gradient_magnitude"
    x = array(input, where)
    dtype, axes = output_dtype(output, x, where), axes_among(axes, x.ndim, where)
    one = _gaussian_derivative(x, sigma, dtype, cval, 1, kwargs)
    return _size(_parts(x, axes, dtype, mode, where, one), x, dtype)


@public("ndimage")
def generic_laplace(
    input: Any, derivative2: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0,
    extra_arguments: Any = (), extra_keywords: Any = None, *, axes: Any = None,
) -> Any:  # fmt: skip
    """The sum of ``derivative2(input, axis, output, mode, cval, ...)`` along all axes, or those in
    `axes`. The function takes a Variable, and a dtype for `output`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.generic_laplace.html
    """
    where = "generic_laplace"
    return _generic(
        _sum, where, input, derivative2, output, mode, cval, extra_arguments, extra_keywords, axes
    )


@public("ndimage")
def generic_gradient_magnitude(
    input: Any, derivative: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0,
    extra_arguments: Any = (), extra_keywords: Any = None, *, axes: Any = None,
) -> Any:  # fmt: skip
    """The square root of the sum of squares of ``derivative(input, axis, output, mode, cval, ...)``
    along all axes, or those in `axes`. The function takes a Variable, and a dtype for `output`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.generic_gradient_magnitude.html
    """
    where = "generic_gradient_magnitude"
    return _generic(
        _size, where, input, derivative, output, mode, cval, extra_arguments, extra_keywords, axes
    )


def _generic(
    total: Any, where: str, input: Any, derivative: Any, output: Any, mode: Any, cval: Any,
    extra_arguments: Any, extra_keywords: Any, axes: Any,
) -> Any:  # fmt: skip
    check_function(derivative, f"scipy.ndimage.{where}")
    x = array(input, where)
    dtype, axes = output_dtype(output, x, where), axes_among(axes, x.ndim, where)
    more = extra_keywords or {}
    parts = _parts(x, axes, dtype, mode, where, lambda axis, m: derivative(
        x, axis, dtype, m, cval, *extra_arguments, **more
    ))  # fmt: skip
    return total(parts, x, dtype)
