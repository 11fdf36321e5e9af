"""Filters of sections of second order, each of which is a filter of its own."""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ...errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from ...functions.operand import as_floats, values_of
from ..rows import public
from .common import array, backend_for, floats, promoted
from .filters import (
    both_ways,
    filtered,
    padded,
    signal_along,
    started,
    state_along,
    steady,
    with_state,
)

__all__ = ["sosfilt", "sosfilt_zi", "sosfiltfilt"]


def _sections(sos: Any, where: str, like: Any) -> Any:
    sos = array(sos, where, "sos", like)
    sos = sos if sos.ndim else xp.reshape(sos, (1,))
    sos = xp.expand_dims(sos, axis=0) if sos.ndim == 1 else sos
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise InvalidArgumentError(
            f"scipy.signal.{where}: sos has a row of 6 numbers for each section, and its shape is "
            f"{tuple(sos.shape)}"
        )
    return sos


def _check_scale(sos: Any, where: str) -> None:
    if any([c != 1 for c in values_of(sos[:, 3]) or ()]):
        raise InvalidArgumentError(f"scipy.signal.{where}: sos[:, 3] is 1 in each row")


def _one_section(sos: Any, n: int) -> tuple[Any, Any]:
    """The coefficients b and a of a section; a[0] counts as 1, whatever its value is."""
    return sos[n, :3], xp.concat([xp.ones_like(sos[n, :1]), sos[n, 4:]])


@public("signal", arrays="sos x zi")
def sosfilt(sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter `x` along `axis` by sections of second order, one after the other.

    The arguments are SciPy's. It is differentiable by `x`, `zi` and `sos`, apart from the column of
    ones in `sos`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.sosfilt.html
    """
    first = next((c for c in (x, sos, zi) if hasattr(c, "dtype")), None)
    sos, (x, axis) = _sections(sos, "sosfilt", first), signal_along(x, "sosfilt", axis, first)
    _check_scale(sos, "sosfilt")
    if zi is not None:
        zi = array(zi, "sosfilt", "zi", x)
        shape = (sos.shape[0], *x.shape[:axis], 2, *x.shape[axis + 1 :])
        if tuple(zi.shape) != shape:
            raise InvalidArgumentError(
                f"scipy.signal.sosfilt: zi has the shape {shape}, not {tuple(zi.shape)}"
            )
        sos, zi = promoted(sos, zi)
    if not {sos.dtype, x.dtype} & backend_for(x).float_dtypes:
        raise TypeMismatchError("scipy.signal.sosfilt: the arguments are integers")
    sos, x = promoted(sos, x)
    ends = []
    for n in range(sos.shape[0]):
        b, a = _one_section(sos, n)
        if zi is None:
            x = filtered(b, a, x, axis)
        else:
            x, end = with_state(b, a, x, axis, promoted(zi[n], x)[0])
            ends.append(end)
    return x if zi is None else (x, xp.stack(ends))


@public("signal", arrays="sos")
def sosfilt_zi(sos: Any) -> Any:
    """The state of `sosfilt` after a constant input of 1 for ever.

    It is differentiable by `sos`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.sosfilt_zi.html
    """
    sos = array(sos, "sosfilt_zi", "sos")
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise InvalidArgumentError("scipy.signal.sosfilt_zi: sos has the shape (n_sections, 6)")
    return _steady_sections(as_floats(sos), "sosfilt_zi")


def _steady_sections(sos: Any, where: str) -> Any:
    found, scale = [], 1.0
    for n in range(sos.shape[0]):
        b, a = sos[n, :3], sos[n, 3:]
        found.append(scale * steady(b, a, where))
        scale = scale * (xp.sum(b) / xp.sum(a))
    return xp.stack(found)


@public("signal", arrays="sos x")
def sosfiltfilt(sos: Any, x: Any, axis: int = -1, padtype: Any = "odd", padlen: Any = None) -> Any:
    """Filter `x` by sections of second order forwards and then backwards.

    The arguments are SciPy's. It is differentiable by `x` and `sos`, apart from the column of ones.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.sosfiltfilt.html
    """
    where = "sosfiltfilt"
    first = next((c for c in (x, sos) if hasattr(c, "dtype")), None)
    sos, (x, axis) = _sections(sos, where, first), signal_along(x, where, axis, first)
    _check_scale(sos, where)
    taps = 2 * sos.shape[0] + 1
    if padlen is None and padtype is not None:
        columns = [values_of(sos[:, n]) for n in (2, 5)]
        if None in columns:
            raise UnsupportedError(
                f"scipy.signal.{where}: padlen depends on how many coefficients are 0, and sos has "
                "no values here; give padlen"
            )
        taps -= min([column.count(0) for column in columns])
    x, edge = padded(x, axis, padtype, padlen, taps, where)
    sos, x = floats(sos, x)
    states = _steady_sections(
        xp.concat([sos[:, :3], xp.ones_like(sos[:, :1]), sos[:, 4:]], axis=1), where
    )

    def once(x: Any, start: Any) -> Any:
        for n in range(sos.shape[0]):
            b, a = _one_section(sos, n)
            x = started(b, a, x, state_along(states[n], axis, x.ndim) * start, axis)
        return x

    return both_ways(x, edge, axis, once)
