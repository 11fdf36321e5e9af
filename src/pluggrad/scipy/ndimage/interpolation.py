"""Splines through images: their coefficients, and their values at any place.

The coefficients are linear in the image. A value is linear in the coefficients; its derivative by
the place is a spline again, whose bumps are differentiated once more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...engine.batch import BatchedCall
from ...engine.cotangents import is_complex, shape_dtype
from ...engine.primitive import Primitive
from ...errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from ...functions.operand import as_doubles, backend_for
from ...rules.kinds import general, linear
from ..rows import host, host_function, like, looped, public
from .common import array, constant_of, integer, output_dtype, stored

__all__ = ["map_coordinates", "spline_filter", "spline_filter1d"]

_MODES = {
    "reflect": "reflect", "grid-mirror": "reflect", "constant": "constant", "nearest": "nearest",
    "mirror": "mirror", "wrap": "wrap", "grid-constant": "grid-constant", "grid-wrap": "grid-wrap",
}  # fmt: skip

# ---------------------------------------------------------------- coefficients


def _coefficients_adjoint(g: Any, order: int, axis: int, mode: str) -> Any:
    """The transpose: where the image is mirrored about its last points, these are there once and
    all others twice."""
    n = g.shape[axis]
    if mode in ("reflect", "nearest") and 1 < n < 32:
        # SciPy's filter of so few points is an approximation, which is not symmetric.
        matrix = host_function("ndimage.spline_filter1d")(np.eye(n), order, 0, mode=mode)
        y = xp.tensordot(g, xp.astype(constant_of(matrix, g), g.dtype), axes=((axis,), (0,)))
        return xp.moveaxis(y, -1, axis)
    if mode in ("reflect", "nearest", "grid-wrap") or n < 2:
        return COEFFICIENTS(g, order=order, axis=axis, mode=mode)
    shape = (-1,) + (1,) * (g.ndim - 1 - axis)
    ends = xp.reshape(constant_of([2.0, *[1.0] * (n - 2), 2.0], g), shape)
    return COEFFICIENTS(g * ends, order=order, axis=axis, mode=mode) / ends


COEFFICIENTS = host(
    linear(
        "scipy.ndimage.coefficients(x, /, *, order, axis, mode)", _coefficients_adjoint, fresh=True
    ),
    like(0),
    lambda op: op(op.args[0], **{**op.kwargs, "axis": op.get("axis") + 1}),
)


def _mode(mode: Any, where: str) -> str:
    if not isinstance(mode, str) or mode not in _MODES:
        raise InvalidArgumentError(
            f"scipy.ndimage.{where}: mode is one of {', '.join(_MODES)}, not {mode!r}"
        )
    return _MODES[mode]


def check_order(order: Any, where: str, least: int = 0) -> int:
    """`order` as an int; raises if SciPy has no such spline."""
    found = integer(order, where, "order", least)
    if found > 5:
        raise InvalidArgumentError(f"scipy.ndimage.{where}: order is at most 5, not {found}")
    return found


def _filtered(x: Any, order: int, axis: int, dtype: Any, mode: str) -> Any:
    floats = backend_for(x).float_dtypes
    x = xp.astype(x, dtype) if dtype in floats and x.dtype != dtype else as_doubles(x)
    return stored(COEFFICIENTS(x, order=order, axis=axis, mode=mode), dtype)


@public("ndimage")
def spline_filter1d(
    input: Any, order: int = 3, axis: int = -1, output: Any = np.float64, mode: str = "mirror"
) -> Any:
    """The coefficients of a spline along one axis, which are linear in `input`. `output` is a
    dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.spline_filter1d.html
    """
    where = "spline_filter1d"
    x, order = array(input, where), check_order(order, where)
    dtype = _spline_dtype(output, x, where)
    if order < 2:
        return stored(x, dtype) if x.dtype != dtype else xp.astype(x, dtype)
    axis = axis_of(axis, x.ndim, f"scipy.ndimage.{where}")
    return _filtered(x, order, axis, dtype, _mode(mode, where))


@public("ndimage")
def spline_filter(
    input: Any, order: int = 3, output: Any = np.float64, mode: str = "mirror"
) -> Any:
    """The coefficients of a spline along all axes, which are linear in `input`. `output` is a
    dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.spline_filter.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.ndimage
    >>> pg.grad(lambda x: pg.scipy.ndimage.spline_filter(x)[0])(np.zeros(3)).round(3)
    array([ 1.75, -1.  ,  0.25])
    """
    where = "spline_filter"
    x, order = array(input, where), check_order(order, where, least=2)
    mode, dtype = _mode(mode, where), _spline_dtype(output, x, where)
    for axis in range(x.ndim):
        x = _filtered(x, order, axis, dtype, mode)
    return x if x.ndim else stored(x, dtype)


def _spline_dtype(output: Any, x: Any, where: str) -> Any:
    if is_complex(x) and output is np.float64:
        output = np.complex128
    return output_dtype(output, x, where)


# ---------------------------------------------------------------- values


def _by_place(
    g: Any, x: Any, coordinates: Any, order: int, mode: str, cval: Any, derivatives: Any
) -> Any:
    """The cotangent of the coordinates."""
    axes = range(coordinates.shape[0])
    wanted = tuple(
        [tuple([d + (n == axis) for n, d in enumerate(m)]) for m in derivatives for axis in axes]
    )
    y = INTERPOLATED(x, coordinates, order=order, mode=mode, cval=cval, derivatives=wanted)
    points = tuple(coordinates.shape[1:])
    y = xp.reshape(y, (len(derivatives), len(axes), *points))
    g = xp.expand_dims(xp.conj(g) if is_complex(g) else g, axis=1)
    total = xp.sum(g * y, axis=0)
    return xp.real(total) if is_complex(total) else total


def _values(args: Any, kwargs: Any) -> tuple[tuple[int, ...], Any]:
    x, coordinates = args
    return (len(kwargs["derivatives"]), *coordinates.shape[1:]), x.dtype


def _batched(op: BatchedCall) -> Any:
    """Batching rule: more places in one image are one call."""
    if op.on[0]:
        return looped(op)
    x, coordinates = op.args
    return xp.moveaxis(op(x, xp.moveaxis(coordinates, 0, 1), **op.kwargs), 1, 0)


INTERPOLATED: Primitive = host(
    general(
        "scipy.ndimage.interpolated(x, coordinates, /, *, order, mode, cval, derivatives)",
        lambda g, coordinates, like, order, mode, derivatives: SPREAD(
            g, coordinates, shape=shape_dtype(like)[0], order=order, mode=mode,
            derivatives=derivatives,
        ),
        _by_place,
        fresh=True,
    ),
    _values,
    _batched,
)  # fmt: skip
SPREAD: Primitive = host(
    general(
        "scipy.ndimage.spread(x, coordinates, /, *, shape, order, mode, derivatives)",
        lambda g, coordinates, order, mode, derivatives: INTERPOLATED(
            g, coordinates, order=order, mode=mode, cval=0.0, derivatives=derivatives
        ),
        lambda g, x, coordinates, order, mode, derivatives: _by_place(
            x, g, coordinates, order, mode, 0.0, derivatives
        ),
    ),
    lambda args, kwargs: (tuple(kwargs["shape"]), args[0].dtype),
)


def _rounded(y: Any, dtype: Any) -> Any:
    """`y` in `dtype`: SciPy rounds to the nearest whole number in range."""
    space = backend_for(y).xp
    if y.dtype == dtype or not space.isdtype(dtype, "integral"):
        return stored(y, dtype)
    y = xp.where(y > 0, xp.floor(y + 0.5), xp.ceil(y - 0.5))
    limits = space.iinfo(dtype)
    if limits.max < 2**53:
        y = xp.clip(y, limits.min, limits.max)
    elif limits.min == 0:
        y = xp.where(y > 0, y, 0.0)
    return xp.astype(y, dtype)


def check_image(
    x: Any, order: Any, mode: Any, cval: Any, output: Any, where: str
) -> tuple[int, str, Any]:
    """The order, the mode and the dtype of the result; raises for what SciPy does not take."""
    if not x.ndim:
        raise InvalidArgumentError(f"scipy.ndimage.{where}: the input has no axis")
    if not isinstance(cval, (int, float)) and not (isinstance(cval, complex) and is_complex(x)):
        if getattr(cval, "requires_grad", False):
            raise UnsupportedError(f"scipy.ndimage.{where}: there is no derivative by cval; "
                                   "`.detach()` it if none is needed")  # fmt: skip
        raise TypeMismatchError(f"scipy.ndimage.{where}: cval is a number, not {cval!r}")
    return check_order(order, where), _mode(mode, where), output_dtype(output, x, where)


def interpolate(
    x: Any, coordinates: Any, order: int, mode: str, cval: Any, prefilter: bool, dtype: Any
) -> Any:
    """The image `x` at `coordinates`, in `dtype`; all arguments are checked."""
    x = as_doubles(x)
    if prefilter and order > 1:
        if mode in ("nearest", "grid-constant"):
            # As in SciPy: the filter knows no such ends, and what is far away does not count.
            how = {"mode": "edge"} if mode == "nearest" else {"constant_values": cval}
            x, coordinates = xp.pad(x, 12, **how), coordinates + 12.0
        for axis in range(x.ndim):
            x = COEFFICIENTS(x, order=order, axis=axis, mode=mode)
    y = INTERPOLATED(x, coordinates, order=order, mode=mode, cval=cval,
                     derivatives=((0,) * x.ndim,))  # fmt: skip
    return _rounded(xp.squeeze(y, axis=0), dtype)


@public("ndimage", arrays="coordinates")
def map_coordinates(
    input: Any, coordinates: Any, output: Any = None, order: int = 3, mode: str = "constant",
    cval: Any = 0.0, prefilter: bool = True,
) -> Any:  # fmt: skip
    """The image at given coordinates, interpolated by splines of order 0 to 5.

    It is differentiated by `input` and by `coordinates`. By coordinates, order 0 has the derivative
    0, and order 1 that of the piece above each grid point. `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.map_coordinates.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.ndimage
    >>> image = np.asarray([[0.0, 1.0], [3.0, 5.0]])
    >>> f = lambda c: pg.scipy.ndimage.map_coordinates(image, c, order=1)[0]
    >>> pg.grad(f)(np.asarray([[0.5], [0.25]]))
    array([[3.25],
           [1.5 ]])
    """
    where = "map_coordinates"
    x, coordinates = array(input, where), array(coordinates, where, "coordinates")
    order, mode, dtype = check_image(x, order, mode, cval, output, where)
    if is_complex(coordinates):
        raise TypeMismatchError(f"scipy.ndimage.{where}: coordinates are real")
    if coordinates.ndim < 2 or coordinates.shape[0] != x.ndim:
        raise InvalidArgumentError(
            f"scipy.ndimage.{where}: coordinates of shape {tuple(coordinates.shape)} for an image "
            f"of {x.ndim} axes, which come first"
        )
    return interpolate(x, as_doubles(coordinates), order, mode, cval, prefilter, dtype)
