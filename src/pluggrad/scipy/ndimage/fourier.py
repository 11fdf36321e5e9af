"""Filters of images that are Fourier transforms: products with constants, or with waves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...engine.cotangents import is_complex
from ...errors import UnsupportedError
from ...functions.operand import as_doubles
from ..rows import host_function, public, refuse_away
from .common import array, constant_of, integer, kernel

__all__ = ["fourier_ellipsoid", "fourier_gaussian", "fourier_shift", "fourier_uniform"]


def _multiplied(name: str, input: Any, width: Any, n: Any, axis: int, output: Any) -> Any:
    """The input times what SciPy makes of ones."""
    refuse_away(f"ndimage.{name}", output=(output, None))
    if getattr(width, "requires_grad", False):
        raise UnsupportedError(
            f"scipy.ndimage.{name}: there is no derivative by its width; `.detach()` it"
        )
    x = as_doubles(array(input, name))
    ones = np.ones(tuple(x.shape))
    width = width.tolist() if hasattr(width, "tolist") else width
    return x * constant_of(host_function(f"ndimage.{name}")(ones, width, n, axis), x)


@public("ndimage")
def fourier_gaussian(
    input: Any, sigma: Any, n: int = -1, axis: int = -1, output: Any = None
) -> Any:
    """A Fourier transform times that of a Gaussian; `sigma` is a constant.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.fourier_gaussian.html
    """
    return _multiplied("fourier_gaussian", input, sigma, n, axis, output)


@public("ndimage")
def fourier_uniform(input: Any, size: Any, n: int = -1, axis: int = -1, output: Any = None) -> Any:
    """A Fourier transform times that of a box; `size` is a constant.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.fourier_uniform.html
    """
    return _multiplied("fourier_uniform", input, size, n, axis, output)


@public("ndimage")
def fourier_ellipsoid(
    input: Any, size: Any, n: int = -1, axis: int = -1, output: Any = None
) -> Any:
    """A Fourier transform times that of an ellipsoid; `size` is a constant.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.fourier_ellipsoid.html
    """
    return _multiplied("fourier_ellipsoid", input, size, n, axis, output)


@public("ndimage", arrays="shift")
def fourier_shift(input: Any, shift: Any, n: int = -1, axis: int = -1, output: Any = None) -> Any:
    """The Fourier transform of a shifted image, differentiable by `input` and by `shift`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.fourier_shift.html
    """
    where = "fourier_shift"
    refuse_away(f"ndimage.{where}", output=(output, None))
    x, n = as_doubles(array(input, where)), integer(n, where, "n")
    axis = axis_of(axis, x.ndim, f"scipy.ndimage.{where}")
    shift = as_doubles(kernel(shift, x, where, "shift"))
    phase: Any = 0.0
    for k, length in enumerate(x.shape):
        real = k == axis and n > 0
        steps = np.arange(float(length)) / n if real else np.fft.fftfreq(length)
        steps = steps.reshape([-1 if m == k else 1 for m in range(x.ndim)])
        phase = phase + constant_of(-2 * math.pi * steps, xp.real(x) if is_complex(x) else x) * (
            shift[k] if shift.ndim else shift
        )
    return x * (xp.cos(phase) + 1j * xp.sin(phase))
