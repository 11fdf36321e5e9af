"""`pad`, with every mode of NumPy's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..arrays.backend import SCALARS
from ..arrays.composites import composite
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import axis_of, shortened, whole
from ..engine.cotangents import create, is_complex, zeros
from ..errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from ..rules.manipulation import at
from .common import known_backend

__all__: list[str] = []

#: The keyword arguments of each mode, besides `pad_width`.
MODES = {
    "constant": ("constant_values",), "edge": (), "empty": (), "linear_ramp": ("end_values",),
    "maximum": ("stat_length",), "mean": ("stat_length",), "median": ("stat_length",),
    "minimum": ("stat_length",), "reflect": ("reflect_type",), "symmetric": ("reflect_type",),
    "wrap": (),
}  # fmt: skip
_STATISTICS = {"maximum": "max", "minimum": "min", "mean": "mean", "median": "median"}


@composite(own=True, arrays="x")
def pad(
    x: Any,
    /,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = None,
    end_values: Any = None,
    stat_length: Any = None,
    reflect_type: str | None = None,
) -> Any:
    """`x` with a margin on each side.

    Parameters
    ----------
    pad_width : int, pair, one pair per axis, or dict
        How many elements to add before and after; a dict has such numbers by axis.
    mode : str
        What fills the margin: 'constant' numbers; the 'edge'; a 'linear_ramp' from the edge to
        `end_values`; the 'maximum', 'mean', 'median' or 'minimum' of the elements along the axis;
        the elements mirrored at the edge ('reflect') or behind it ('symmetric'), or from the other
        side ('wrap'). With 'empty' the margin is not meant to be read.
    constant_values : number, pair, or one pair per axis
        What the mode 'constant' fills in, 0 by default. It may be differentiated.
    end_values : number, pair, or one pair per axis
        Where the mode 'linear_ramp' ends, 0 by default. It may be differentiated.
    stat_length : int, pair, or one pair per axis
        Of how many elements next to the edge a mean and the like is taken; by default of all.
    reflect_type : 'even' or 'odd'
        With 'odd', what is mirrored is subtracted from twice the edge.

    >>> import numpy as np, pluggrad as pg
    >>> pg.pad(np.asarray([1.0, 2.0]), (2, 1)).tolist()
    [0.0, 0.0, 1.0, 2.0, 0.0]
    >>> pg.pad(np.asarray([1.0, 2.0]), 2, "wrap").tolist()
    [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]
    """
    if callable(mode):
        raise UnsupportedError("pad: a function as the mode is not supported; name one of NumPy's")
    if mode not in MODES:
        raise InvalidArgumentError(f"pad: the mode is one of {', '.join(MODES)}, not {mode!r}")
    given = {"constant_values": constant_values, "end_values": end_values,
             "stat_length": stat_length, "reflect_type": reflect_type}  # fmt: skip
    for name, value in given.items():
        if value is not None and name not in MODES[mode]:
            raise InvalidArgumentError(f"pad: the mode {mode!r} takes no {name}")
    if reflect_type not in (None, "even", "odd"):
        raise InvalidArgumentError(f"pad: reflect_type is 'even' or 'odd', not {reflect_type!r}")
    given_x, ndim = x, x.ndim
    widths = _counts(_by_axis(pad_width, ndim), ndim, "a width")
    values = _pairs(constant_values if mode == "constant" else end_values, ndim, 0)
    lengths = _counts(stat_length, ndim, "stat_length")
    _check_values(values, x)
    if any(0 in pair for pair in lengths):
        raise InvalidArgumentError(f"pad: a stat_length of 0 leaves nothing for the mode {mode!r}")
    for axis, (before, after) in enumerate(widths[:ndim]):
        if before == after == 0:
            continue
        if x.shape[axis] == 0 and mode not in ("constant", "empty"):
            raise InvalidArgumentError(
                f"pad: axis {axis} is empty, and only the modes 'constant' and 'empty' extend it"
            )
        if mode in ("constant", "empty"):
            front, back = [_margin(x, axis, n, value) for n, value in
                           zip((before, after), values[axis], strict=True)]  # fmt: skip
        elif mode == "linear_ramp":
            front, back = _ramps(x, axis, (before, after), values[axis])
        elif mode in _STATISTICS:
            front, back = _statistics(x, axis, (before, after), lengths[axis], mode)
        else:
            x = _moved(x, axis, before, after, mode, odd=reflect_type == "odd")
            continue
        x = xp.concat([front, x, back], axis=axis)
    return xp.copy(x) if x is given_x else x


# ---------------------------------------------------------------- pairs per axis


def _by_axis(width: Any, ndim: int) -> Any:
    """The widths in a dict, as one pair per axis."""
    if not isinstance(width, dict):
        return width
    pairs: list[Any] = [(0, 0)] * ndim
    for axis, value in width.items():
        pair = value if isinstance(value, tuple) else (value, value)
        if len(pair) != 2:
            raise InvalidArgumentError(f"pad: a width is a number or a pair, not {value!r}")
        pairs[axis_of(axis, ndim, "pad")] = pair
    return pairs


def _rows(value: Any) -> list[list[Any]]:
    """`value`, a number, a list or a list of lists, as a list of lists of numbers or of arrays
    without axes."""
    if hasattr(value, "shape") and value.shape:
        value = list(value)
    if not isinstance(value, (list, tuple)):
        return [[value]]
    rows = [list(row) if hasattr(row, "shape") and row.shape else row for row in value]
    if not any(isinstance(row, (list, tuple)) for row in rows):
        return [rows]
    if not all(isinstance(row, (list, tuple)) and len(row) == len(rows[0]) for row in rows):
        raise InvalidArgumentError(f"pad: {shortened(value)} is not one pair per axis")
    return [list(row) for row in rows]


def _pairs(value: Any, ndim: int, default: Any = None) -> list[tuple[Any, Any]]:
    """`value` as one pair per axis, by NumPy's rules of broadcasting; one pair without axes."""
    rows, axes = _rows(default if value is None else value), max(ndim, 1)
    flat = [item for row in rows for item in row]
    if len(flat) == 1:
        return [(flat[0], flat[0])] * axes
    if len(flat) == 2 and len(rows) == 1:
        return [(flat[0], flat[1])] * axes
    if len(rows) not in (1, axes) or len(rows[0]) not in (1, 2):
        raise InvalidArgumentError(f"pad: {shortened(value)} is not one pair for {ndim} axes")
    pairs = [(row[0], row[-1]) for row in rows]
    return pairs * axes if len(pairs) == 1 else pairs


def _counts(value: Any, ndim: int, what: str) -> list[tuple[Any, Any]]:
    """`value`, which counts elements, as one pair per axis."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return [
        (None, None) if value is None else (
            whole(before, "pad", what, least=0), whole(after, "pad", what, least=0)
        )
        for before, after in _pairs(value, ndim)
    ]  # fmt: skip


def _check_values(pairs: list[tuple[Any, Any]], x: Any) -> None:
    """Raise unless all of these are numbers that fit into `x`."""
    real = not is_complex(x)
    for value in [value for pair in pairs for value in pair]:
        if not isinstance(value, SCALARS) and not hasattr(value, "dtype"):
            raise TypeMismatchError(f"pad: a margin is filled with numbers, not {shortened(value)}")
        if real and (isinstance(value, complex) or (hasattr(value, "dtype") and is_complex(value))):
            raise TypeMismatchError(
                f"pad: the complex number {value!r} does not fit into an array of real ones; "
                "`pluggrad.astype` makes it complex"
            )


# ---------------------------------------------------------------- what fills the margins


def _margin(x: Any, axis: int, width: int, value: Any) -> Any:
    """A margin of `width` along `axis`, filled with `value`, which may be tracked."""
    shape = tuple([width if n == axis else length for n, length in enumerate(x.shape)])
    if type(value) is int and value == 0:
        return zeros((shape, x.dtype), x)
    if is_variable(value):
        return xp.broadcast_to(xp.astype(value, x.dtype), shape)
    made = create("full", shape, value, beside=x, dtype=x.dtype)
    return known_backend(x).namespace.asarray_constant(made) if is_variable(x) else made


def _is_integral(x: Any) -> bool:
    return bool(known_backend(x).xp.isdtype(x.dtype, "integral"))


def _ramps(x: Any, axis: int, widths: Any, ends: Any) -> list[Any]:
    """The margins that run from these ends to the edges of `x`, which they do not reach."""
    edges = (x[at(axis, slice(0, 1))], x[at(axis, slice(-1, None))])
    ramps = []
    for edge, width, end, backwards in zip(edges, widths, ends, (False, True), strict=True):
        dtype = x.dtype if not _is_integral(x) else (xp.zeros_like(x[at(axis, 0)]) * 1.0).dtype
        edge = xp.astype(edge, dtype)
        places = _column(range(width), edge, axis)
        ramp = places * ((edge - end) / max(width, 1)) + end
        ramp = xp.flip(ramp, axis=axis) if backwards else ramp
        ramp = xp.floor(ramp) if _is_integral(x) else ramp
        ramps.append(ramp if ramp.dtype == x.dtype else xp.astype(ramp, x.dtype))
    return ramps


def _statistics(x: Any, axis: int, widths: Any, lengths: Any, mode: str) -> list[Any]:
    """The margins that repeat the maximum or the like of the elements next to them."""
    length = x.shape[axis]
    margins = []
    for width, count, front in zip(widths, lengths, (True, False), strict=True):
        count = length if count is None else min(count, length)
        part = x[at(axis, slice(0, count) if front else slice(length - count, None))]
        y = getattr(xp, _STATISTICS[mode])(part, axis=axis, keepdims=True)
        if y.dtype != x.dtype:
            y = xp.astype(xp.round(y) if _is_integral(x) else y, x.dtype)
        shape = tuple([width if n == axis else m for n, m in enumerate(y.shape)])
        margins.append(xp.broadcast_to(y, shape))
    return margins


def _moved(x: Any, axis: int, before: int, after: int, mode: str, *, odd: bool) -> Any:
    """`x` with margins of its own elements along `axis`."""
    length = x.shape[axis]
    places = range(-before, length + after)
    y = xp.take(x, _constant([_source(n, length, mode) for n in places], x), axis=axis)
    if not odd or length == 1:
        return y
    # What is mirrored an odd number of times is subtracted from twice the last element; and each
    # full period adds twice the difference of the last element and the first.
    period = 2 * (length - (mode == "reflect"))
    laps = [divmod(n, period) for n in places]
    mirrored = [rest >= length for _, rest in laps]
    first, last = x[at(axis, slice(0, 1))], x[at(axis, slice(-1, None))]
    y = y * _column([1 - 2 * turned for turned in mirrored], x, axis)
    ahead = [2 * (lap + turned) for (lap, _), turned in zip(laps, mirrored, strict=True)]
    return (
        y + last * _column(ahead, x, axis) - first * _column([2 * lap for lap, _ in laps], x, axis)
    )


def _column(values: Iterable[int], x: Any, axis: int) -> Any:
    """Integers in the dtype of `x`, along `axis` of an array of as many axes."""
    column = xp.reshape(_constant(list(values), x), (-1,) + (1,) * (x.ndim - 1 - axis))
    return xp.astype(column, x.dtype)


def _constant(values: list[int], x: Any) -> Any:
    """Integers as an array beside `x`."""
    backend = known_backend(x)
    made = create("asarray", values, beside=x, dtype=backend.xp.int64)
    return backend.namespace.asarray_constant(made) if is_variable(x) else made


def _source(n: int, length: int, mode: str) -> int:
    """The index of the element that fills place `n` of the padded axis; `n` is -before, ..., length
    - 1 + after."""
    if mode == "edge" or (length == 1 and mode == "reflect"):
        return min(max(n, 0), length - 1)
    if mode == "wrap":
        return n % length
    if mode == "reflect":
        n = n % (2 * length - 2)
        return min(n, 2 * length - 2 - n)
    n = n % (2 * length)
    return min(n, 2 * length - 1 - n)
