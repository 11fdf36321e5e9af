"""Correlations and convolutions: sums of weighted neighbours.

A correlation is linear in the image and in the weights, and so are both of its transposes: the
three rows below are each other's derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...arrays.backend import backend_of
from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...engine.batch import BatchedCall
from ...engine.cotangents import is_complex, shape_dtype
from ...engine.primitive import Primitive
from ...errors import InvalidArgumentError, UnsupportedError
from ...functions.operand import is_number
from ...rules.kinds import bilinear
from ..rows import host, looped, public
from .common import (
    array,
    axes_among,
    constant_of,
    filter_mode,
    in_doubles,
    integer,
    kernel,
    output_dtype,
    sequence,
    stored,
)

__all__ = ["convolve", "convolve1d", "correlate", "correlate1d"]

# ---------------------------------------------------------------- rows


def _kind(args: Any, kwargs: Any) -> tuple[tuple[int, ...], Any]:
    """The shape of the image, in its dtype; complex if the weights are."""
    x, weights = args
    if is_complex(x) or not is_complex(weights):
        return tuple(x.shape), x.dtype
    backend = backend_of(x)
    assert backend is not None
    return tuple(x.shape), backend.xp.result_type(x.dtype, backend.xp.complex64)


def _of_weights(args: Any, kwargs: Any) -> tuple[tuple[int, ...], Any]:
    backend = backend_of(args[0])
    assert backend is not None
    return tuple(kwargs["shape"]), backend.xp.result_type(args[0].dtype, args[1].dtype)


def _batched(op: BatchedCall) -> Any:
    """Batching rule: images in a batch are one image of more axes, if the weights are the same."""
    x, weights = op.args
    if op.on[1]:
        return looped(op)
    axis, origin = op.get("axis"), op.get("origin")
    if axis is not None:
        return op(x, weights, axis=axis + 1, mode=op.get("mode"), origin=origin)
    weights = xp.expand_dims(weights, axis=0)
    return op(x, weights, axis=None, mode=op.get("mode"), origin=(0, *origin))


CORRELATED: Primitive = host(
    bilinear(
        "scipy.ndimage.correlated(x1, x2, /, *, axis=None, mode, origin)",
        lambda g, x2, axis, mode, origin: ADJOINT(g, x2, axis=axis, mode=mode, origin=origin),
        lambda g, x1, like2, axis, mode, origin: WEIGHTS(
            g, x1, shape=shape_dtype(like2)[0], axis=axis, mode=mode, origin=origin
        ),
    ),
    _kind,
    _batched,
)
ADJOINT: Primitive = host(
    bilinear(
        "scipy.ndimage.correlated_adjoint(x1, x2, /, *, axis=None, mode, origin)",
        lambda g, x2, axis, mode, origin: CORRELATED(g, x2, axis=axis, mode=mode, origin=origin),
        lambda g, x1, like2, axis, mode, origin: WEIGHTS(
            x1, g, shape=shape_dtype(like2)[0], axis=axis, mode=mode, origin=origin
        ),
    ),
    _kind,
    _batched,
)
WEIGHTS: Primitive = host(
    bilinear(
        "scipy.ndimage.correlated_weights(x1, x2, /, *, shape, axis=None, mode, origin)",
        lambda g, x2, axis, mode, origin: CORRELATED(x2, g, axis=axis, mode=mode, origin=origin),
        lambda g, x1, axis, mode, origin: ADJOINT(x1, g, axis=axis, mode=mode, origin=origin),
    ),
    _of_weights,
)


# ---------------------------------------------------------------- correlations


def correlation(
    x: Any, weights: Any, axis: int | None, dtype: Any, mode: str, cval: Any, origin: Any,
    row: Callable[[Any], Any] | None = None,
) -> Any:  # fmt: skip
    """One correlation, along `axis` or all axes, whose result is stored in `dtype`. `row` computes
    it; by default `CORRELATED` does."""
    x = in_doubles(x, dtype)
    options = {"axis": axis, "mode": mode, "origin": origin}
    y = CORRELATED(x, weights, **options) if row is None else row(x)
    if mode == "constant" and not (is_number(cval) and cval == 0):
        # The row reads zeros outside. `missing` is the sum of the weights that lie there.
        shape = list(x.shape) if axis is None else [1] * x.ndim
        if axis is not None:
            shape[axis] = x.shape[axis]
        ones = constant_of(1.0, x, tuple(shape))
        missing = xp.sum(weights) - CORRELATED(ones, weights, **options)
        if is_number(cval) and not (abs(cval) < math.inf):
            count = CORRELATED(ones, xp.ones_like(xp.real(weights)), **options)
            outside = count < math.prod(weights.shape) - 0.5
            missing = xp.where(outside, cval * xp.where(outside, missing, 1.0), 0.0)
        else:
            missing = cval * missing
        y = y + missing
    return stored(y, dtype)


def check_cval(x: Any, cval: Any, where: str) -> None:
    if isinstance(cval, complex) and not is_complex(x):
        raise InvalidArgumentError(
            f"scipy.ndimage.{where}: cval={cval} is complex, and the input is real"
        )


def check_origin(origin: Any, length: int, where: str) -> int:
    found = integer(origin, where, "origin")
    if not -(length // 2) <= found <= (length - 1) // 2:
        raise InvalidArgumentError(
            f"scipy.ndimage.{where}: origin={origin} puts the centre outside of {length} weights"
        )
    return found


def _lines(
    x: Any, weights: Any, axis: int, output: Any, mode: Any, cval: Any, origin: Any, where: str
) -> Any:
    """`correlate1d` of arguments that are arrays; `weights` are not conjugated."""
    check_cval(x, cval, where)
    origin = check_origin(origin, weights.shape[0], where)
    dtype = output_dtype(output, x, where, weights)
    return correlation(x, weights, axis, dtype, filter_mode(mode, where), cval, origin)


def _one_axis(input: Any, weights: Any, axis: Any, where: str) -> tuple[Any, Any, int]:
    x = array(input, where)
    axis = axis_of(axis, x.ndim, f"scipy.ndimage.{where}")
    weights = kernel(weights, x, where)
    if weights.ndim != 1 or not weights.shape[0]:
        raise InvalidArgumentError(f"scipy.ndimage.{where}: weights are a vector, and not empty")
    return x, weights, axis


@public("ndimage")
def correlate1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """The correlation along one axis, by SciPy's compiled code.

    It is differentiated by `input`, `weights` and `cval`, and linear in each. `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.correlate1d.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.ndimage
    >>> f = lambda w: pg.scipy.ndimage.correlate1d(np.asarray([1.0, 2.0, 4.0]), w)[1]
    >>> pg.grad(f)(np.zeros(3))
    array([1., 2., 4.])
    """
    x, weights, axis = _one_axis(input, weights, axis, "correlate1d")
    weights = xp.conj(weights) if is_complex(weights) else weights
    return _lines(x, weights, axis, output, mode, cval, origin, "correlate1d")


@public("ndimage")
def convolve1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """The convolution along one axis, as `correlate1d` with the weights turned round.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.convolve1d.html
    """
    x, weights, axis = _one_axis(input, weights, axis, "convolve1d")
    origin = -integer(origin, "convolve1d", "origin") - (weights.shape[0] % 2 == 0)
    return _lines(x, xp.flip(weights), axis, output, mode, cval, origin, "convolve1d")


def _all_axes(
    input: Any, weights: Any, output: Any, mode: Any, cval: Any, origin: Any, axes: Any,
    convolution: bool, where: str,
) -> Any:  # fmt: skip
    x = array(input, where)
    weights = kernel(weights, x, where)
    axes = axes_among(axes, x.ndim, where)
    if not isinstance(mode, str):
        raise UnsupportedError(f"scipy.ndimage.{where}: there is one mode for all axes")
    mode = filter_mode(mode, where)
    if weights.ndim != len(axes) or not x.ndim or not math.prod(weights.shape):
        raise InvalidArgumentError(
            f"scipy.ndimage.{where}: weights of shape {tuple(weights.shape)} for {len(axes)} axes"
        )
    check_cval(x, cval, where)
    dtype = output_dtype(output, x, where, weights)
    # As in SciPy, the axes of the weights come in their order in the image, whatever the order of
    # `axes`; origins follow `axes` if there are fewer of them than the image has.
    origins = [0] * x.ndim
    order = axes if len(axes) < x.ndim else range(x.ndim)
    for axis, o in zip(order, sequence(origin, len(axes), where, "origin"), strict=True):
        origins[axis] = integer(o, where, "origin")
    others = [n for n in range(x.ndim) if n not in axes]
    for axis in others:
        weights = xp.expand_dims(weights, axis=axis)
    if convolution:
        weights = xp.flip(weights)
        origins = [-o - (n % 2 == 0) for o, n in zip(origins, weights.shape, strict=True)]
    elif is_complex(weights):
        weights = xp.conj(weights)
    for o, n in zip(origins, weights.shape, strict=True):
        check_origin(o, n, where)
    return correlation(x, weights, None, dtype, mode, cval, tuple(origins))


@public("ndimage")
def correlate(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: Any = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """The correlation along several axes, by SciPy's compiled code.

    It is differentiated by `input`, `weights` and `cval`, and linear in each. `output` is a dtype.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.correlate.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.ndimage
    >>> f = lambda x: pg.scipy.ndimage.correlate(x, np.ones((2, 2)))[1, 1]
    >>> pg.grad(f)(np.zeros((2, 2)))
    array([[1., 1.],
           [1., 1.]])
    """
    return _all_axes(input, weights, output, mode, cval, origin, axes, False, "correlate")


@public("ndimage")
def convolve(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: Any = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """The convolution along several axes, as `correlate` with the weights turned round.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.convolve.html
    """
    return _all_axes(input, weights, output, mode, cval, origin, axes, True, "convolve")
