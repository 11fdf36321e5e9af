"""Filters that choose an element of each window: minima, maxima, medians, any rank.

The derivative goes to the element that was chosen. Elements that are equal share it evenly.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...engine.batch import BatchedCall
from ...engine.cotangents import is_complex
from ...engine.primitive import Primitive
from ...errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from ...functions.operand import values_of
from ...rules.kinds import general, linear
from ..rows import host, like, public
from .common import array, axes_among, filter_mode, integer, number, output_dtype, sequence, stored

__all__ = [
    "maximum_filter", "maximum_filter1d", "median_filter", "minimum_filter", "minimum_filter1d",
    "percentile_filter", "rank_filter",
]  # fmt: skip


def _batched(op: BatchedCall) -> Any:
    """Batching rule: a batch is one more axis, along which windows hold one element."""
    more = {**op.kwargs, "size": (1, *op.get("size")), "origin": (0, *op.get("origin"))}
    return op(*[op.full(n) for n in range(len(op.args))], **more)


_ARGUMENTS = "size, footprint=None, mode, cval, origin"
CHOSEN: Primitive = host(
    linear(
        f"scipy.ndimage.chosen(x1, x2, x3, /, *, {_ARGUMENTS})",
        lambda g, x2, x3, kwargs: CHOSEN_ADJOINT(g, x2, x3, **kwargs),
        None,
        None,
    ),
    like(0),
    _batched,
)
CHOSEN_ADJOINT: Primitive = host(
    linear(
        f"scipy.ndimage.chosen_adjoint(x1, x2, x3, /, *, {_ARGUMENTS})",
        lambda g, x2, x3, kwargs: CHOSEN(g, x2, x3, **kwargs),
        None,
        None,
    ),
    like(0),
    _batched,
)


def _window(kwargs: Any) -> Any:
    return {key: value for key, value in kwargs.items() if key != "rank"}


RANKED: Primitive = host(
    general(
        f"scipy.ndimage.ranked(x, /, *, rank, {_ARGUMENTS})",
        lambda g, x, y, kwargs: CHOSEN_ADJOINT(g, x, y, **_window(kwargs)),
        jvp=lambda t, x, y, kwargs: CHOSEN(t, x, y, **_window(kwargs)),
    ),
    like(0),
    _batched,
)


def _ranked(
    x: Any, rank: int, size: Any, footprint: bytes | None, mode: str, cval: Any, origin: Any,
    dtype: Any,
) -> Any:  # fmt: skip
    for n, o in zip(size, origin, strict=True):
        if not -(n // 2) <= o < (n + 1) // 2:
            raise InvalidArgumentError(
                f"scipy.ndimage: origin={o} puts the centre outside of a window of length {n}"
            )
    y = RANKED(x, rank=rank, size=tuple(size), footprint=footprint, mode=mode, cval=cval,
               origin=tuple(origin))  # fmt: skip
    return stored(y, dtype)


def _image(input: Any, cval: Any, output: Any, where: str) -> tuple[Any, Any]:
    x = array(input, where)
    if is_complex(x):
        raise TypeMismatchError(f"scipy.ndimage.{where}: complex numbers have no order")
    if not isinstance(cval, (int, float)):
        raise TypeMismatchError(f"scipy.ndimage.{where}: cval is a number, not {cval!r}")
    return x, output_dtype(output, x, where)


def _line(
    x: Any, axis: int, size: Any, mode: str, cval: Any, origin: Any, dtype: Any, largest: bool,
    where: str,
) -> Any:  # fmt: skip
    """The minimum or the maximum along one axis."""
    size = integer(size, where, "size", least=1)
    sizes, origins = [1] * x.ndim, [0] * x.ndim
    sizes[axis], origins[axis] = size, integer(origin, where, "origin")
    return _ranked(x, size - 1 if largest else 0, sizes, None, mode, cval, origins, dtype)


def _one_axis(
    input: Any, size: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any,
    largest: bool, where: str,
) -> Any:  # fmt: skip
    x, dtype = _image(input, cval, output, where)
    axis = axis_of(axis, x.ndim, f"scipy.ndimage.{where}")
    return _line(x, axis, size, filter_mode(mode, where), cval, origin, dtype, largest, where)


@public("ndimage")
def minimum_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """The minimum of `size` neighbours along one axis. Equal elements share its derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.minimum_filter1d.html
    """
    return _one_axis(input, size, axis, output, mode, cval, origin, False, "minimum_filter1d")


@public("ndimage")
def maximum_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """The maximum of `size` neighbours along one axis. Equal elements share its derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.maximum_filter1d.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.ndimage
    >>> f = lambda x: pg.sum(pg.scipy.ndimage.maximum_filter1d(x, 3))
    >>> pg.grad(f)(np.asarray([1.0, 5.0, 2.0, 3.0]))
    array([0., 3., 0., 1.])
    """
    return _one_axis(input, size, axis, output, mode, cval, origin, True, "maximum_filter1d")


def _shape_of(
    x: Any, size: Any, footprint: Any, axes: tuple[int, ...], where: str
) -> tuple[list[int], bytes | None]:
    """The lengths of the window along `axes`, and its elements, or None for all of them."""
    if footprint is None:
        if size is None:
            raise InvalidArgumentError(f"scipy.ndimage.{where}: give size or footprint")
        sizes = sequence(size, len(axes), where, "size")
        return [integer(n, where, "size", least=1) for n in sizes], None
    if size is not None:
        warnings.warn("ignoring size because footprint is set", UserWarning, stacklevel=6)
    window = array(footprint, where, "footprint")
    if window.ndim != len(axes):
        raise InvalidArgumentError(
            f"scipy.ndimage.{where}: a footprint of {window.ndim} axes for {len(axes)} axes"
        )
    values = values_of(xp.reshape(window, (-1,)))
    if values is None:
        raise UnsupportedError(f"scipy.ndimage.{where}: the values of footprint are not known here")
    elements = bytes([bool(v) for v in values])
    if not any(elements):
        raise InvalidArgumentError(f"scipy.ndimage.{where}: the footprint is empty")
    return list(window.shape), None if all(elements) else elements


def _extreme(
    input: Any, size: Any, footprint: Any, output: Any, mode: Any, cval: Any, origin: Any,
    axes: Any, largest: bool, where: str,
) -> Any:  # fmt: skip
    x, dtype = _image(input, cval, output, where)
    axes = axes_among(axes, x.ndim, where)
    sizes, elements = _shape_of(x, size, footprint, axes, where)
    if elements is not None:
        rank = sum(elements) - 1 if largest else 0
        return _windows(x, rank, sizes, elements, axes, mode, cval, origin, dtype, where)
    modes = [filter_mode(m, where) for m in sequence(mode, len(axes), where, "mode")]
    origins = sequence(origin, len(axes), where, "origin")
    for axis, n, m, o in zip(axes, sizes, modes, origins, strict=True):
        if n > 1:
            x = _line(x, axis, n, m, cval, o, dtype, largest, where)
    return xp.astype(x, dtype)


def _windows(
    x: Any, rank: int, sizes: Any, elements: bytes | None, axes: tuple[int, ...], mode: Any,
    cval: Any, origin: Any, dtype: Any, where: str,
) -> Any:  # fmt: skip
    """The element of this rank in each window, along all of `axes` at once."""
    if not isinstance(mode, str):
        raise UnsupportedError(f"scipy.ndimage.{where}: there is one mode for all axes")
    if not x.ndim:
        raise InvalidArgumentError(f"scipy.ndimage.{where}: the input has no axis")
    lengths, origins = [1] * x.ndim, [0] * x.ndim
    # As in SciPy, the axes of the window come in their order in the image; origins follow `axes`
    # if there are fewer of them than the image has.
    for axis, n in zip(sorted(axes), sizes, strict=True):
        lengths[axis] = n
    order = axes if len(axes) < x.ndim else range(x.ndim)
    for axis, o in zip(order, sequence(origin, len(axes), where, "origin"), strict=True):
        origins[axis] = integer(o, where, "origin")
    return _ranked(x, rank, lengths, elements, filter_mode(mode, where), cval, origins, dtype)


@public("ndimage")
def minimum_filter(
    input: Any, size: Any = None, footprint: Any = None, output: Any = None, mode: Any = "reflect",
    cval: Any = 0.0, origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """The minimum in each window. Equal elements share its derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.minimum_filter.html
    """
    return _extreme(
        input, size, footprint, output, mode, cval, origin, axes, False, "minimum_filter"
    )


@public("ndimage")
def maximum_filter(
    input: Any, size: Any = None, footprint: Any = None, output: Any = None, mode: Any = "reflect",
    cval: Any = 0.0, origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """The maximum in each window. Equal elements share its derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.maximum_filter.html
    """
    return _extreme(
        input, size, footprint, output, mode, cval, origin, axes, True, "maximum_filter"
    )


def _rank(
    input: Any, rank_of: Any, size: Any, footprint: Any, output: Any, mode: Any, cval: Any,
    origin: Any, axes: Any, where: str,
) -> Any:  # fmt: skip
    x, dtype = _image(input, cval, output, where)
    axes = axes_among(axes, x.ndim, where)
    sizes, elements = _shape_of(x, size, footprint, axes, where)
    count = math.prod(sizes) if elements is None else sum(elements)
    rank = rank_of(count)
    rank = rank + count if rank < 0 else rank
    if not 0 <= rank < count:
        raise InvalidArgumentError(
            f"scipy.ndimage.{where}: there is no rank {rank} among {count} elements"
        )
    return _windows(x, rank, sizes, elements, axes, mode, cval, origin, dtype, where)


@public("ndimage")
def rank_filter(
    input: Any, rank: int, size: Any = None, footprint: Any = None, output: Any = None,
    mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """The element of this rank in each window. Equal elements share its derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.rank_filter.html
    """
    where = "rank_filter"
    rank = integer(rank, where, "rank")
    return _rank(
        input, lambda count: rank, size, footprint, output, mode, cval, origin, axes, where
    )


@public("ndimage")
def median_filter(
    input: Any, size: Any = None, footprint: Any = None, output: Any = None, mode: Any = "reflect",
    cval: Any = 0.0, origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """The median of each window, the upper one of two. Equal elements share its derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.median_filter.html
    """
    return _rank(
        input, lambda count: count // 2, size, footprint, output, mode, cval, origin, axes,
        "median_filter",
    )  # fmt: skip


@public("ndimage")
def percentile_filter(
    input: Any, percentile: Any, size: Any = None, footprint: Any = None, output: Any = None,
    mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """A percentile of each window, which is one of its elements. Equal elements share its
    derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.percentile_filter.html
    """
    where = "percentile_filter"
    value = number(percentile, where, "percentile")
    if value is None or not -100 <= value <= 100:
        raise InvalidArgumentError(
            f"scipy.ndimage.{where}: percentile={percentile} is out of range"
        )
    value = value + 100.0 if value < 0 else value

    def rank_of(count: int) -> int:
        return count - 1 if value == 100 else int(float(count) * value / 100.0)

    return _rank(input, rank_of, size, footprint, output, mode, cval, origin, axes, where)
