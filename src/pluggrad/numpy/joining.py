"""`r_`, `c_`, `mgrid` and `ogrid`, whose brackets take Variables: ``np.r_[v, 0.0, w]``."""

from __future__ import annotations

from typing import Any

import numpy

from ..arrays.dispatch import is_variable, xp
from ..errors import InvalidArgumentError
from .lists import array_from, backend_among, holds
from .making import MAKING

__all__ = ["INDEXED"]


def _spread(key: slice) -> Any:
    """The numbers that a slice stands for: those of `linspace` if its step is an imaginary number,
    else those of `arange`."""
    start = 0 if key.start is None else key.start
    step = 1 if key.step is None else key.step
    if isinstance(step, complex):
        return xp.linspace(start, key.stop, int(abs(step)))
    return MAKING["arange"](start, key.stop, step)


def _is_in_slice(key: Any) -> bool:
    return isinstance(key, slice) and holds([key.start, key.stop, key.step])


def _is_in_key(key: Any) -> bool:
    """Whether Variables are in what stands in the brackets."""
    items = key if isinstance(key, tuple) else (key,)
    return any([_is_in_slice(item) or holds(item) for item in items])


class _Concatenator:
    """`numpy.r_` or `numpy.c_`."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain
        self.__doc__ = plain.__doc__

    def __getitem__(self, key: Any) -> Any:
        try:
            return self._plain[key]
        except Exception as error:
            failed = error
        if not _is_in_key(key):
            raise failed
        return self._joined(key if isinstance(key, tuple) else (key,))

    def _joined(self, items: tuple[Any, ...]) -> Any:
        plain = self._plain
        axis, ndmin, moved = plain.axis, plain.ndmin, plain.trans1d
        if isinstance(items[0], str):
            axis, ndmin, moved = _directions(items[0])
            items = items[1:]
        backend = backend_among([x for x in items if holds(x)] or _slice_parts(items))
        assert backend is not None
        parts = []
        for item in items:
            if isinstance(item, slice):
                x = _spread(item) if _is_in_slice(item) else numpy.r_[item]
            else:
                x = array_from(item) if holds(item) else numpy.asarray(item)
            x = x if is_variable(x) else backend.namespace.asarray(x)
            ndim = x.ndim
            if ndim < max(ndmin, 1):
                wanted = max(ndmin, 1)
                shape = (1,) * (wanted - ndim) + tuple(x.shape)
                x = xp.reshape(x, shape)
                if moved != -1 and ndim:  # where the axes of `x` itself go
                    first = moved if moved >= 0 else wanted + moved + 1 - ndim
                    for n in range(ndim):
                        x = xp.moveaxis(x, wanted - ndim + n, first + n)
            parts.append(x)
        dtype = numpy.result_type(*[x.dtype for x in parts])
        return xp.concatenate([xp.astype(x, dtype) for x in parts], axis=axis)

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return repr(self._plain)


def _slice_parts(items: Any) -> list[Any]:
    return [x for s in items if isinstance(s, slice) for x in (s.start, s.stop, s.step)]


def _directions(text: str) -> tuple[int, int, int]:
    """What a string such as ``"0,2,-1"`` says: the axis to join along, the least number of axes,
    and where the axes of an array with fewer go."""
    try:
        numbers = [int(n) for n in text.split(",")]
    except ValueError:
        raise InvalidArgumentError(
            f"r_[{text!r}, ...] makes a matrix, which Variables are not; leave the string out"
        ) from None
    axis, ndmin, moved = (*numbers, *(0, 0, -1)[len(numbers) :])
    return axis, ndmin, moved


class _Grid:
    """`numpy.mgrid` or `numpy.ogrid`."""

    def __init__(self, plain: Any, sparse: bool) -> None:
        self._plain, self._sparse = plain, sparse
        self.__doc__ = plain.__doc__

    def __getitem__(self, key: Any) -> Any:
        if not _is_in_key(key):
            return self._plain[key]
        if not isinstance(key, tuple):
            return _spread(key)
        backend = backend_among(_slice_parts(key))
        assert backend is not None
        rows: list[Any] = [_spread(s) if _is_in_slice(s) else numpy.mgrid[s] for s in key]
        rows = [x if is_variable(x) else backend.namespace.asarray(x) for x in rows]
        dtype = numpy.result_type(*[x.dtype for x in rows])
        rows = [xp.astype(x, dtype) for x in rows]
        grids = xp.meshgrid(*rows, indexing="ij", sparse=self._sparse)
        return tuple(grids) if self._sparse else xp.stack(list(grids))

    def __repr__(self) -> str:
        return repr(self._plain)


INDEXED: dict[str, Any] = {
    "r_": _Concatenator(numpy.r_),
    "c_": _Concatenator(numpy.c_),
    "mgrid": _Grid(numpy.mgrid, False),
    "ogrid": _Grid(numpy.ogrid, True),
}
