"""Making arrays, also from Variables, with NumPy's names and meaning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..arrays.backend import Backend
from ..arrays.composites import composite, widen
from ..arrays.dispatch import xp
from ..engine.arguments import axis_of, whole
from ..engine.cotangents import create, is_complex
from ..engine.handles import raw_of
from ..errors import InvalidArgumentError, TypeMismatchError
from .common import arrays_of, known_backend
from .manipulation import with_axes

__all__: list[str] = []

widen("eye(n_rows, n_cols=None, /, k=0, dtype=None, *, device=None)")
for _name in ("zeros", "ones", "empty"):
    widen(f"{_name}(shape, dtype=None, *, device=None)")
    widen(f"{_name}_like(x, /, dtype=None, *, shape=None, device=None)")


def _is_array(x: Any) -> bool:
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _lengths(shape: Any, where: str) -> tuple[int, ...]:
    shape = shape.tolist() if hasattr(shape, "tolist") else shape
    shape = shape if isinstance(shape, (tuple, list)) else (shape,)
    return tuple([whole(n, where, "a length", least=0) for n in shape])


# ---------------------------------------------------------------- one value everywhere


def _filled(value: Any, shape: Any, dtype: Any, device: Any) -> Any:
    """The array `value`, broadcast to `shape` and copied."""
    value = value if dtype is None else xp.astype(value, dtype)
    filled = xp.broadcast_to(value, shape)
    return xp.copy(filled if device is None else xp.move(filled, device=device))


@composite(makes=True, own=True, arrays="fill_value")
def full(
    backend: Backend,
    shape: int | Sequence[int],
    fill_value: Any,
    dtype: Any = None,
    *,
    device: Any = None,
) -> Any:
    """An array of `shape`, filled with `fill_value`, which may be differentiated.

    `fill_value` is a number, or an array that broadcasts to `shape`. `dtype` and `device` are those
    of the result.

    >>> import pluggrad as pg
    >>> pg.full(2, 7.0).tolist()
    [7.0, 7.0]
    """
    ns = backend.namespace
    if _is_array(fill_value):
        return _filled(fill_value, _lengths(shape, "full"), dtype, device)
    return ns.standard("full")(_lengths(shape, "full"), fill_value, dtype=dtype, device=device)


@composite(makes=True, own=True, arrays="fill_value")
def full_like(
    backend: Backend, x: Any, /, fill_value: Any, dtype: Any = None, *, shape: Any = None,
    device: Any = None,
) -> Any:  # fmt: skip
    """An array like `x`, filled with `fill_value`, which may be differentiated.

    It has the `shape`, the `dtype` and the `device` of `x`, where no others are given. `fill_value`
    is a number, or an array that broadcasts to the shape.

    >>> import numpy as np, pluggrad as pg
    >>> pg.full_like(np.zeros(2), 7.0).tolist()
    [7.0, 7.0]
    """
    ns = backend.namespace
    (x,) = arrays_of([x])
    if _is_array(fill_value):
        lengths = x.shape if shape is None else _lengths(shape, "full_like")
        return _filled(fill_value, lengths, x.dtype if dtype is None else dtype, device)
    if shape is None:
        return ns.standard("full_like")(x, fill_value, dtype=dtype, device=device)
    lengths, dtype = _lengths(shape, "full_like"), x.dtype if dtype is None else dtype
    if device is not None:
        return ns.standard("full")(lengths, fill_value, dtype=dtype, device=device)
    return ns.asarray_constant(create("full", lengths, fill_value, beside=x, dtype=dtype))


# ---------------------------------------------------------------- evenly spaced numbers


def _dtype(dtype: Any, like: Any) -> Any:
    """`dtype`, which may be a name or a Python type, as the library of `like` has it."""
    backend = known_backend(like)
    return backend.raw("astype")(backend.raw("zeros")((0,)), dtype).dtype


def _continuous(dtype: Any, backend: Backend) -> Any:
    """`dtype` if numbers are to be computed in it, because it is one of floats; else None."""
    if dtype is None:
        return None
    dtype = backend.raw("astype")(backend.raw("zeros")((0,)), dtype).dtype
    return dtype if dtype in backend.float_dtypes else None


def _in_dtype(y: Any, dtype: Any) -> Any:
    return y if dtype is None else xp.astype(y, _dtype(dtype, y))


def _rounded_down(y: Any, dtype: Any, where: str) -> Any:
    """`y` in `dtype`; rounded down, if that holds integers."""
    if dtype is None or not known_backend(y).xp.isdtype(_dtype(dtype, y), "integral"):
        return _in_dtype(y, dtype)
    if is_complex(y):
        raise TypeMismatchError(f"{where}: complex numbers do not become integers")
    return _in_dtype(xp.floor(y), dtype)


def _spaced(start: Any, stop: Any, num: int, endpoint: bool) -> tuple[Any, Any]:
    """The numbers from `start` to `stop` along the first axis, and the step. One of the two is an
    array."""
    count = num - 1 if endpoint else num
    delta = (stop - start) * 1.0
    share = xp.cumulative_sum(xp.ones_like(_column(delta, num)), axis=0) - 1
    step = delta / max(count, 1)
    y = share * step + start
    if endpoint and num > 1:  # the last one is `stop` itself, whatever the rounding
        last = stop + xp.zeros_like(delta)
        y = xp.concat([y[:-1], xp.reshape(last, (1, *last.shape))], axis=0)
    return y, step


def _column(delta: Any, num: int) -> Any:
    """`num` numbers along the first axis, of one axis more than `delta`, and in its dtype."""
    backend = known_backend(delta)
    shape = (num,) + (1,) * delta.ndim
    made = create("zeros", shape, beside=delta, dtype=raw_of(delta).dtype)
    return backend.namespace.asarray_constant(made)


@composite(makes=True, own=True, arrays="start stop")
def linspace(
    backend: Backend, start: Any, stop: Any, /, num: int = 50, endpoint: bool = True,
    retstep: bool = False, dtype: Any = None, axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """`num` evenly spaced numbers from `start` to `stop`.

    Both ends may be arrays, and may be differentiated. The result is made on `device`.

    Parameters
    ----------
    endpoint : bool
        Whether `stop` is the last number. If not, it is where the next one would be.
    retstep : bool
        Whether the distance of two neighbours is returned, too.
    dtype : dtype, optional
        That of the result; numbers are rounded down to integers.
    axis : int
        Where the numbers run in the result, if `start` or `stop` has axes.

    >>> import pluggrad as pg
    >>> pg.linspace(0.0, 1.0, 3).tolist()
    [0.0, 0.5, 1.0]
    """
    ns = backend.namespace
    num, endpoint = whole(num, "linspace", "num", least=0), bool(endpoint)
    if not (_is_array(start) or _is_array(stop)):
        y = ns.standard("linspace")(
            start, stop, num, endpoint=endpoint, device=device, dtype=_continuous(dtype, backend)
        )
        axis_of(axis, 1, "linspace")
        step = ns.asarray((stop - start) / max(num - endpoint, 1))
    else:
        y, step = _spaced(start, stop, num, endpoint)
        axis = axis_of(axis, y.ndim, "linspace")
        y = xp.moveaxis(y, 0, axis) if axis else y
        y = y if device is None else xp.move(y, device=device)
    y = _rounded_down(y, dtype, "linspace")
    if not retstep:
        return y
    return y, step if num > endpoint else ns.asarray(math.nan)


@composite(makes=True, own=True, arrays="start stop base")
def logspace(
    backend: Backend, start: Any, stop: Any, /, num: int = 50, endpoint: bool = True,
    base: Any = 10.0, dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """`num` powers of `base`, whose exponents are evenly spaced from `start` to `stop`.

    `start`, `stop` and `base` may be arrays and differentiated. `endpoint`, `dtype` and `axis` are
    those of `linspace`, but numbers are cut off to integers.

    >>> import pluggrad as pg
    >>> pg.logspace(0.0, 2.0, 3).tolist()
    [1.0, 10.0, 100.0]
    """
    ns = backend.namespace
    if _is_array(base) and base.ndim:
        ends = arrays_of([start, stop, base])
        ndim = max([x.ndim for x in ends])
        start, stop, base = [xp.reshape(x, (1,) * (ndim - x.ndim) + tuple(x.shape)) for x in ends]
        base = xp.expand_dims(base, axis=axis_of(axis, ndim + 1, "logspace"))
    work = None if _is_array(start) or _is_array(stop) else _continuous(dtype, backend)
    return _in_dtype(base ** ns.linspace(start, stop, num, endpoint, dtype=work, axis=axis), dtype)


@composite(makes=True, own=True, arrays="start stop")
def geomspace(
    backend: Backend, start: Any, stop: Any, /, num: int = 50, endpoint: bool = True,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """`num` numbers from `start` to `stop`, each the same multiple of the one before.

    `start` and `stop` may be arrays and differentiated; neither may be 0. Complex numbers follow a
    spiral. `endpoint`, `dtype` and `axis` are those of `linspace`, but numbers are cut off to
    integers.

    >>> import pluggrad as pg
    >>> pg.geomspace(1.0, 100.0, 3).round(9).tolist()
    [1.0, 10.0, 100.0]
    """
    ns = backend.namespace
    num = whole(num, "geomspace", "num", least=0)
    if not (_is_array(start) or _is_array(stop)):
        start = ns.asarray(start * 1.0, dtype=_continuous(dtype, backend))
    start, stop = [x * 1.0 for x in arrays_of([start, stop])]
    for end in (start, stop):
        host = known_backend(end).adapter.host(raw_of(end))
        if host is not None and (host == 0).any():
            raise InvalidArgumentError("geomspace: start and stop must not be 0")
    if dtype is not None and known_backend(start).xp.isdtype(
        _dtype(dtype, start), "complex floating"
    ):
        start = start + xp.zeros_like(start) * 1j
    if is_complex(start) != is_complex(stop):
        start, stop = [x if is_complex(x) else x + xp.zeros_like(x) * 1j for x in (start, stop)]
    sign = xp.sign(start)
    first, last = start / sign, stop / sign
    y, _ = _spaced(xp.log10(first), xp.log10(last), num, bool(endpoint))
    y = 10.0**y
    shape = y.shape[1:]
    ends = [xp.reshape(xp.broadcast_to(x, shape), (1, *shape)) for x in (first, last)]
    if num > 1:  # both ends are what was asked for, whatever the rounding
        y = xp.concat([ends[0], *([y[1:-1], ends[1]] if endpoint else [y[1:]])], axis=0)
    elif num == 1:
        y = xp.astype(ends[0], y.dtype)
    y = y * sign
    axis = axis_of(axis, y.ndim, "geomspace")
    return _in_dtype(xp.moveaxis(y, 0, axis) if axis else y, dtype)


# ---------------------------------------------------------------- from other things


@composite(makes=True, own=True)
def array(
    backend: Backend, object: Any, /, dtype: Any = None, *, copy: bool | None = True, ndmin: int = 0
) -> Any:
    """`object` as a Variable, copied unless `copy` is None or False.

    It is an array, a number, or nested lists of numbers and Variables, which stay connected to the
    graph. The result has the given `dtype`, and `ndmin` axes at least; new ones stand in front.
    `pluggrad.asarray` copies only if it must.

    >>> import pluggrad as pg
    >>> pg.array([[1.0, 2.0], [3.0, 4.0]]).shape
    (2, 2)
    """
    ns = backend.namespace
    y = ns.asarray(object, dtype=dtype, copy=copy)
    ndmin = whole(ndmin, "array", "ndmin", least=0)
    return xp.reshape(y, (1,) * (ndmin - y.ndim) + tuple(y.shape)) if y.ndim < ndmin else y


@composite(makes=True, own=True)
def ascontiguousarray(backend: Backend, x: Any, /, dtype: Any = None) -> Any:
    """`x` as a Variable of one axis at least, in `dtype`.

    How the elements lie in memory is left to the library.

    >>> import pluggrad as pg
    >>> pg.ascontiguousarray(5.0).tolist()
    [5.0]
    """
    ns = backend.namespace
    return with_axes(ns.asarray(x, dtype=dtype), 1)


@composite(makes=True, own=True)
def identity(backend: Backend, n: int, dtype: Any = None) -> Any:
    """The identity matrix of `n` rows, in `dtype`.

    >>> import pluggrad as pg
    >>> pg.identity(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    ns = backend.namespace
    return ns.eye(whole(n, "identity", "n", least=0), dtype=dtype)


@composite(makes=True, own=True)
def tri(backend: Backend, N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """A matrix of `N` rows and `M` columns: ones on diagonal `k` and below, zeros above.

    `M` is `N` by default, and `dtype` is that of the result.

    >>> import pluggrad as pg
    >>> pg.tri(2).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    ns = backend.namespace
    rows = whole(N, "tri", "N", least=0)
    columns = rows if M is None else whole(M, "tri", "M", least=0)
    return ns.tril(ns.ones((rows, columns), dtype=dtype), k=whole(k, "tri", "k"))


@composite(makes=True, own=True)
def indices(
    backend: Backend, dimensions: Sequence[int], dtype: Any = None, sparse: bool = False
) -> Any:  # fmt: skip
    """The indices of an array of the lengths `dimensions`: one array per axis, stacked.

    They are integers, if no other `dtype` is given.

    With `sparse` it is a tuple, and each of the arrays has the length 1 along all axes but its own.

    >>> import pluggrad as pg
    >>> pg.indices((2, 2)).tolist()
    [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]
    """
    ns = backend.namespace
    if not hasattr(dimensions, "__len__"):
        raise TypeMismatchError(f"indices: the dimensions are a tuple, not {dimensions!r}")
    rows = [ns.arange(n) for n in _lengths(dimensions, "indices")]
    rows = rows if dtype is None else [ns.astype(row, dtype) for row in rows]
    if not rows:
        dtype = ns.arange(0).dtype if dtype is None else dtype
        return () if sparse else ns.zeros((0,), dtype=dtype)
    grids = ns.meshgrid(*rows, indexing="ij", sparse=sparse)
    return grids if sparse else ns.stack(grids, axis=0)
