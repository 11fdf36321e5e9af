"""Images shifted, zoomed, rotated and mapped by a matrix, interpolated by splines."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...arrays.dispatch import xp
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from ...functions.operand import as_doubles, values_of
from ..rows import host_function, public
from .common import array, constant_of, integer, number, sequence
from .interpolation import check_image, interpolate

__all__ = ["affine_transform", "rotate", "shift", "zoom"]


def _counts(shape: Any, x: Any) -> list[Any]:
    """0, 1, 2, ... along each axis, as arrays that broadcast to `shape`."""
    rows = []
    for axis, length in enumerate(shape):
        ones = [1] * len(shape)
        ones[axis] = -1
        rows.append(xp.reshape(constant_of([float(k) for k in range(length)], x), tuple(ones)))
    return rows


def _stacked(rows: list[Any], shape: Any) -> Any:
    """Coordinates, one array per axis of the image, each broadcast to the shape of the result."""
    return xp.stack([xp.broadcast_to(row, tuple(shape)) for row in rows], axis=0)


def _numbers(x: Any, like: Any, where: str, what: str) -> Any:
    """`x`, numbers or an array of them, as a real array beside `like`."""
    if not hasattr(x, "dtype"):
        try:
            return constant_of(x, like)
        except Exception:
            pass  # it holds Variables
    x = as_doubles(array(x, where, what))
    if is_complex(x):
        raise TypeMismatchError(f"scipy.ndimage.{where}: {what} is real")
    return x


def _one_each(x: Any, like: Any, count: int, where: str, what: str) -> list[Any]:
    """`x` for each of `count` axes: numbers as they are, arrays as arrays without axes."""
    found = []
    for item in sequence(x, count, where, what):
        if hasattr(item, "dtype"):
            item = _numbers(item, like, where, what)
            if item.ndim:
                raise InvalidArgumentError(f"scipy.ndimage.{where}: {what} is one number per axis")
        elif not isinstance(item, (int, float)):
            raise TypeMismatchError(f"scipy.ndimage.{where}: {what} holds numbers, not {item!r}")
        found.append(item)
    return found


@public("ndimage")
def shift(
    input: Any, shift: Any, output: Any = None, order: int = 3, mode: str = "constant",
    cval: Any = 0.0, prefilter: bool = True,
) -> Any:  # fmt: skip
    """The image, shifted. It is differentiated by `input` and by `shift`. `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.shift.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.ndimage
    >>> image = np.asarray([0.0, 1.0, 4.0, 9.0])
    >>> pg.grad(lambda s: pg.scipy.ndimage.shift(image, s, order=1)[2])(np.asarray(0.5))
    array(-3.)
    """
    x = array(input, "shift")
    order, mode, dtype = check_image(x, order, mode, cval, output, "shift")
    steps = _one_each(shift, x, x.ndim, "shift", "shift")
    rows = [k - s for k, s in zip(_counts(x.shape, x), steps, strict=True)]
    return interpolate(x, _stacked(rows, x.shape), order, mode, cval, prefilter, dtype)


@public("ndimage")
def zoom(
    input: Any, zoom: Any, output: Any = None, order: int = 3, mode: str = "constant",
    cval: Any = 0.0, prefilter: bool = True, *, grid_mode: bool = False,
) -> Any:  # fmt: skip
    """The image, enlarged. It is differentiated by `input`; `zoom` only sets the shape of the
    result. `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.zoom.html
    """
    where = "zoom"
    x = array(input, where)
    order, mode, dtype = check_image(x, order, mode, cval, output, where)
    factors = [number(z, where, "zoom") for z in sequence(zoom, x.ndim, where, "zoom")]
    if None in factors or getattr(zoom, "requires_grad", False):
        raise UnsupportedError(
            "scipy.ndimage.zoom: zoom sets the shape of the result, and has no derivative; "
            "`affine_transform` has one by its matrix"
        )
    shape = [round(n * z) for n, z in zip(x.shape, factors, strict=True)]
    if min(shape) < 0:
        raise InvalidArgumentError(f"scipy.ndimage.zoom: zoom={zoom} is negative")
    if prefilter and all(z == 1 for z in factors):
        return xp.astype(x, dtype)
    if grid_mode and mode in ("constant", "wrap"):
        warnings.warn(
            f"It is recommended to use mode = grid-{mode} instead of {mode} when grid_mode is "
            "True.",
            stacklevel=4,
        )
    rows = []
    for k, n, m in zip(_counts(shape, x), x.shape, shape, strict=True):
        less = 0 if grid_mode else 1
        step = (n - less) / (m - less) if m != less else 1.0
        rows.append((k + 0.5) * step - 0.5 if grid_mode else k * step)
    return interpolate(x, _stacked(rows, shape), order, mode, cval, prefilter, dtype)


@public("ndimage")
def affine_transform(
    input: Any, matrix: Any, offset: Any = 0.0, output_shape: Any = None, output: Any = None,
    order: int = 3, mode: str = "constant", cval: Any = 0.0, prefilter: bool = True,
) -> Any:  # fmt: skip
    """The image at ``matrix @ k + offset``, for each position k in the result.

    It is differentiated by `input`, `matrix` and `offset`; see `map_coordinates`. A matrix may be
    homogeneous, or a vector that stands for its diagonal. `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.affine_transform.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.ndimage
    >>> image = np.asarray([0.0, 1.0, 4.0, 9.0])
    >>> f = lambda m: pg.scipy.ndimage.affine_transform(image, m, 0.5, order=1)[1]
    >>> pg.grad(f)(np.ones(1))
    array([3.])
    """
    where = "affine_transform"
    x = array(input, where)
    order, mode, dtype = check_image(x, order, mode, cval, output, where)
    shape = x.shape if output_shape is None else _shape(output_shape, where)
    matrix = _numbers(matrix, x, where, "matrix")
    if matrix.ndim not in (1, 2) or not matrix.shape[0]:
        raise InvalidArgumentError(f"scipy.ndimage.{where}: matrix has one or two axes")
    n = x.ndim
    if matrix.ndim == 2 and matrix.shape[1] == n + 1 and matrix.shape[0] in (n, n + 1):
        last = values_of(matrix[n, :]) if matrix.shape[0] == n + 1 else None
        if last is not None and last != [0.0] * n + [1.0]:
            raise InvalidArgumentError(
                f"scipy.ndimage.{where}: the last row of a homogeneous matrix is 0 ... 0 1, not "
                f"{last}"
            )
        offset, matrix = matrix[:n, n], matrix[:n, :n]
    if matrix.shape[0] != n or (matrix.ndim == 2 and matrix.shape[1] != len(shape)):
        raise InvalidArgumentError(
            f"scipy.ndimage.{where}: a matrix of shape {tuple(matrix.shape)} from {len(shape)} to "
            f"{n} axes"
        )
    if matrix.ndim == 1 and len(shape) != n:
        raise InvalidArgumentError(f"scipy.ndimage.{where}: a diagonal keeps the number of axes")
    steps = _one_each(offset, x, n, where, "offset")
    return _moved(x, matrix, steps, shape, order, mode, cval, prefilter, dtype)


def _moved(
    x: Any, matrix: Any, steps: Any, shape: Any, order: int, mode: str, cval: Any,
    prefilter: bool, dtype: Any,
) -> Any:  # fmt: skip
    """`x` at ``matrix @ k + steps``, in the order in which SciPy adds and multiplies: a rounding
    error at an end of the image would be seen."""
    counts, rows = _counts(shape, x), []
    for n, step in enumerate(steps):
        if matrix.ndim == 1:
            rows.append((counts[n] + step / matrix[n]) * matrix[n])
            continue
        row = 0.0
        for m, k in enumerate(counts):
            row = row + k * matrix[n, m]
        rows.append(row + step)
    return interpolate(x, _stacked(rows, shape), order, mode, cval, prefilter, dtype)


def _shape(shape: Any, where: str) -> tuple[int, ...]:
    found = tuple([integer(n, where, "output_shape", least=0) for n in list(shape)])
    if not found:
        raise InvalidArgumentError(f"scipy.ndimage.{where}: output_shape has no axis")
    return found


@public("ndimage")
def rotate(
    input: Any, angle: Any, axes: Any = (1, 0), reshape: bool = True, output: Any = None,
    order: int = 3, mode: str = "constant", cval: Any = 0.0, prefilter: bool = True,
) -> Any:  # fmt: skip
    """The image, rotated by an angle in degrees.

    It is differentiated by `input` and by `angle`; the shape of the result counts as constant.
    `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.rotate.html
    """
    where = "rotate"
    x = array(input, where)
    if x.ndim < 2:
        raise InvalidArgumentError("scipy.ndimage.rotate: the input has two axes or more")
    order, mode, dtype = check_image(x, order, mode, cval, output, where)
    plane = [integer(n, where, "axes") for n in axes]
    if len(plane) != 2 or not all(-x.ndim <= n < x.ndim for n in plane):
        raise InvalidArgumentError(f"scipy.ndimage.rotate: axes={axes} are not two axes of it")
    first, second = sorted(n % x.ndim for n in plane)
    if first == second:
        raise InvalidArgumentError(f"scipy.ndimage.rotate: axes={axes} are the same")
    value = number(angle, where, "angle")
    if value is None:
        raise UnsupportedError(
            "scipy.ndimage.rotate: the value of angle is not known here; `affine_transform` takes "
            "a matrix"
        )
    # Exact at multiples of 90 degrees; the derivative comes by the angle from there, which is 0.
    c = float(host_function("special.cosdg")(value))
    s = float(host_function("special.sindg")(value))
    sizes = [x.shape[first], x.shape[second]]
    new = sizes
    if reshape:
        ends = [(c * a + s * b, -s * a + c * b) for a in (0, sizes[0]) for b in (0, sizes[1])]
        new = [int(max(e) - min(e) + 0.5) for e in zip(*ends, strict=True)]
    turned: list[list[Any]] = [[c, s], [-s, c]]
    if hasattr(angle, "dtype"):
        if angle.ndim:
            raise InvalidArgumentError("scipy.ndimage.rotate: angle is one number")
        rest = (as_doubles(angle) - value) * (math.pi / 180)
        cosine = xp.cos(rest) * c - xp.sin(rest) * s
        sine = xp.cos(rest) * s + xp.sin(rest) * c
        turned = [[cosine, sine], [-sine, cosine]]
    steps = []
    for n, (a, b) in enumerate(turned):
        out = a * ((new[0] - 1) / 2) + b * ((new[1] - 1) / 2)
        steps.append((sizes[n] - 1) / 2 - out)
    shape = list(x.shape)
    shape[first], shape[second] = new
    if x.ndim == 2:
        counts = _counts(shape, x)
        rows = [0.0 + counts[0] * a + counts[1] * b + t for (a, b), t in zip(turned, steps)]
        return interpolate(x, _stacked(rows, shape), order, mode, cval, prefilter, dtype)
    # Planes are rotated one by one, as SciPy does, so that the other axes need no filter.
    x = xp.moveaxis(x, (first, second), (-2, -1))
    lead = tuple(x.shape[:-2])
    x = xp.reshape(x, (math.prod(lead), *x.shape[-2:]))
    counts = _counts(new, x)
    rows = [0.0 + counts[0] * a + counts[1] * b + t for (a, b), t in zip(turned, steps)]
    places = _stacked(rows, new)
    planes = [interpolate(x[n, ...], places, order, mode, cval, prefilter, dtype)
              for n in range(x.shape[0])]  # fmt: skip
    if not planes:
        raise InvalidArgumentError("scipy.ndimage.rotate: the input is empty")
    y = xp.reshape(xp.stack(planes, axis=0), (*lead, *new))
    return xp.moveaxis(y, (-2, -1), (first, second))
