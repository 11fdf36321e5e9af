"""Functions that make arrays: ``np.array([v, 1.0])``, ``np.zeros(n)``, ``np.full(n, v)``.

Those that make an array of something make a Variable of what holds Variables. Those that make one
of nothing, such as `zeros`, make Variables while a transform is open, so that what the function
computes can be stored into them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from itertools import islice
from typing import Any

import numpy

from ..arrays.backend import VARIABLES, backend_of
from ..arrays.dispatch import is_batched, xp
from ..arrays.tracers import ACTIVE
from ..decorator import Decorator
from ..engine.cotangents import device_of
from ..engine.handles import raw_of, wrap
from ..engine.levels import ROOT, START, read
from ..errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from ..variables.methods import in_order
from .calls import again, dressed
from .lists import array_from, backend_among, holds, in_dtype

__all__ = ["MAKING", "is_recording", "variables"]

_wanted: ContextVar[bool] = ContextVar("pluggrad.numpy", default=False)
_asked = _wanted.get


class variables(Decorator):
    """A block, or decorated function, in which `zeros`, `empty`, `ones`, `full`, `eye`, `identity`
    and the like make Variables outside of transforms, too.

    Inside transforms, such as `pluggrad.grad`, they always do. Arrays of integers and booleans stay
    NumPy's, except inside `vmap`.

    >>> import pluggrad as pg
    >>> import pluggrad.numpy as np
    >>> x = pg.Variable([1.0, 2.0], requires_grad=True)
    >>> with np.variables():
    ...     a = np.zeros(3)
    >>> a[1:] = x * x
    >>> a.sum().backward()
    >>> x.grad.data
    array([2., 4.])
    """

    _get: Any = staticmethod(_asked)
    _set: Any = staticmethod(_wanted.set)

    def __init__(self) -> None:
        self._before = []

    def _on(self, state: bool) -> tuple[bool, bool]:
        return True, state

    def _off(self, state: bool, before: bool) -> bool:
        return before

    def _again(self) -> variables:
        return variables()


def is_recording() -> bool:
    """Whether Variables are to be expected here: inside a transform, while `pluggrad.compile`
    traces, and in a block of `variables`."""
    return read().level is not ROOT or ACTIVE.array_type is not None or _asked()


# ---------------------------------------------------------------- arrays of nothing


def _sample() -> Any:
    """A sample input of the innermost transform that has one; None if there is none."""
    level: Any = read().level
    while level is not None:
        if level.sample is not None:
            return level.sample
        level = level.parent
    return None


def _is_mapped() -> bool:
    """Whether a level of `vmap` is open."""
    level: Any = read().level
    while level is not None:
        if level.maps:
            return True
        level = level.parent
    return False


def as_target(y: Any, wanted: bool | None = None) -> Any:
    """NumPy's new array `y`, as a Variable if values of Variables may be stored into it."""
    if wanted is False or type(y) is not numpy.ndarray:
        return y
    if y.dtype.kind not in "fc" and not (wanted or (y.dtype.kind in "biu" and _is_mapped())):
        return y
    sample = _sample()
    backend = None if sample is None else backend_of(sample)
    if backend is None or backend.name == "numpy":
        backend = backend_of(y)
        assert backend is not None
        return wrap(y, None, ROOT, backend)
    made = backend.xp.asarray(y.copy(), device=device_of(raw_of(sample)))
    return wrap(made, None, ROOT, backend)


def _maker(function: Callable[..., Any], name: str) -> Any:
    """NumPy's `function`, such as `zeros`, which makes Variables where `is_recording`."""

    def call(*args: Any, variable: bool | None = None, **kwargs: Any) -> Any:
        try:
            y = function(*args, **kwargs)
        except Exception as error:
            failed = error
        else:
            if variable is None and (  # `is_recording`, written out because a call costs as much
                (read() is START and ACTIVE.array_type is None and not _asked())
                or not is_recording()
            ):
                return y
            return as_target(y, variable)
        return again(function, failed, args, kwargs)

    return dressed(call, function, "pluggrad.numpy", name)


def _shaped(function: Callable[..., Any], name: str) -> Any:
    """As `_maker`, for `zeros`, `empty` and `ones`: named parameters are quicker to pass on."""

    def call(
        shape: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None,
        variable: bool | None = None,
    ) -> Any:  # fmt: skip
        try:
            if device is None and like is None:
                y = function(shape, dtype, order)
            else:
                y = function(shape, dtype, order, device=device, like=like)
        except Exception as error:
            failed = error
        else:
            if variable is None and (  # `is_recording`, written out because a call costs as much
                (read() is START and ACTIVE.array_type is None and not _asked())
                or not is_recording()
            ):
                return y
            return as_target(y, variable)
        return again(function, failed, (shape, dtype, order), {"device": device, "like": like})

    return dressed(call, function, "pluggrad.numpy", name)


def _filler(function: Callable[..., Any], name: str) -> Any:
    """`full` or `full_like`, whose `fill_value` may be a Variable."""
    make = _maker(function, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        value = args[1] if len(args) > 1 else kwargs.get("fill_value")
        if type(value) is not float and type(value) is not int and holds(value):
            args, kwargs = _filled_arguments(name, args, kwargs)
            return getattr(xp, name)(*args, **kwargs)
        return make(*args, **kwargs)

    return dressed(call, function, "pluggrad.numpy", name)


def _filled_arguments(name: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The arguments of `full` or `full_like`, which `name` says, as those of pluggrad's
    function."""
    given = dict(zip(("first", "fill_value", "dtype"), args))
    for key in ("order", "like", "subok", "variable"):
        kwargs.pop(key, None)
    if "first" not in given:
        given["first"] = kwargs.pop("a" if name == "full_like" else "shape")
    given.update(kwargs)
    first = given.pop("first")
    value = array_from(given.pop("fill_value"))
    if name == "full_like":
        first = array_from(first) if holds(first) else numpy.asarray(first)
    elif isinstance(first, (list, tuple)):
        first = tuple([int(raw_of(n)) for n in first])
    if given.get("dtype") is not None:
        value = in_dtype(value, given["dtype"])
        given["dtype"] = value.dtype
    else:
        given.pop("dtype", None)
    return (first, value), given


# ---------------------------------------------------------------- arrays of something


def _of_something(
    function: Callable[..., Any], ours: Callable[..., Any], name: str, first: str
) -> Any:
    """NumPy's `function`, such as `asarray`; `ours` does it for what holds Variables. `first` is
    the name of the first parameter."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if args and type(args[0]) in VARIABLES:
            return ours(*args, **kwargs)
        try:
            return function(*args, **kwargs)
        except Exception as error:
            failed = error
        given = args[0] if args else kwargs.get(first)
        if not holds(given):
            raise failed
        return ours(*args, **kwargs)

    return dressed(call, function, "pluggrad.numpy", name)


def _check(name: str, order: Any, like: Any = None, device: Any = None) -> None:
    if order not in (None, "K", "A", "C", "F", "k", "a", "c", "f"):
        raise InvalidArgumentError(f"{name}: order is one of 'C', 'F', 'A' and 'K', not {order!r}")
    if device not in (None, "cpu"):
        raise InvalidArgumentError(f"{name}: NumPy's device is 'cpu', not {device!r}")


def _objects(x: Any, name: str) -> Any:
    """Nested lists that hold Variables as an array of objects, which was asked for."""
    if type(x) in VARIABLES:
        raise TypeMismatchError(
            f"{name}(dtype=object): a Variable holds numbers; give `list(v)`, of its elements"
        )
    shape, row = [], x
    while isinstance(row, (list, tuple)):
        shape.append(len(row))
        row = row[0] if row else None
    found = numpy.empty(shape, object)
    for index in numpy.ndindex(*shape):
        item = x
        for n in index:
            item = item[n]
        found[index] = item
    return found


def _is_object(dtype: Any) -> bool:
    return dtype is object or (dtype is not None and numpy.dtype(dtype).kind == "O")


def _array(
    object: Any, dtype: Any = None, *, copy: bool | None = True, order: Any = "K",
    subok: bool = False, ndmin: int = 0, ndmax: int = 0, like: Any = None,
) -> Any:  # fmt: skip
    _check("array", order)
    if _is_object(dtype):
        return _objects(object, "array")
    y = array_from(object, dtype)
    if copy and y is object:
        y = xp.copy(y)
    y = in_order(y, order)
    if copy is False and y is not object:
        raise InvalidArgumentError("array: a copy is needed, and copy=False was given")
    return xp.reshape(y, (1,) * (ndmin - y.ndim) + tuple(y.shape)) if y.ndim < ndmin else y


def _asarray(
    a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: bool | None = None,
    like: Any = None,
) -> Any:  # fmt: skip
    _check("asarray", order, device=device)
    return _array(a, dtype, copy=copy, order=order)


def _ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    return _array(a, dtype, copy=None, order="C", ndmin=1)


def _asfortranarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    return _array(a, dtype, copy=None, order="F", ndmin=1)


def _asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    y = _asarray(a, dtype, order)
    if y.dtype.kind in "fc" and not numpy.isfinite(raw_of(y)).all():
        raise InvalidArgumentError("asarray_chkfinite: the array must not contain infs or NaNs")
    return y


def _copied(a: Any, order: Any = "K", subok: bool = False) -> Any:
    return _array(a, order=order)


def _arange(*args: Any, **kwargs: Any) -> Any:
    """The numbers ``start + n * step``. How many there are depends on the values, and is no part of
    the derivative."""
    given: dict[str, Any] = dict(zip(("start", "stop", "step", "dtype"), args))
    if twice := given.keys() & kwargs.keys():
        raise TypeMismatchError(f"arange: {twice.pop()} is given twice")
    given |= kwargs
    start, stop, step = [given.get(key) for key in ("start", "stop", "step")]
    dtype = given.get("dtype")
    step = 1 if step is None else step
    start, stop = (0, start) if stop is None else (0 if start is None else start, stop)
    if any(map(is_batched, (start, stop, step))):
        raise UnsupportedError(
            "numpy.arange: how many numbers there are would depend on values that vmap maps over; "
            "`linspace` is told how many"
        )
    values: list[Any] = [numpy.asarray(raw_of(x)) for x in (start, stop, step)]
    count = len(numpy.arange(*values))
    backend = backend_among([start, stop, step])
    assert backend is not None
    places = backend.xp.arange(count)
    y = start + backend.namespace.asarray_constant(places) * step
    return in_dtype(y, numpy.result_type(*values) if dtype is None else dtype)


#: The functions of this module, by their names in NumPy.
MAKING: dict[str, Any] = {
    name: _maker(getattr(numpy, name), name)
    for name in ("empty_like", "eye", "identity", "ones_like", "tri", "zeros_like")
}
MAKING |= {name: _shaped(getattr(numpy, name), name) for name in ("empty", "ones", "zeros")}
MAKING |= {name: _filler(getattr(numpy, name), name) for name in ("full", "full_like")}
MAKING |= {
    name: _of_something(getattr(numpy, name), ours, name, first)
    for name, ours, first in (
        ("array", _array, "object"),
        ("asarray", _asarray, "a"),
        ("asanyarray", _asarray, "a"),
        ("ascontiguousarray", _ascontiguousarray, "a"),
        ("asfortranarray", _asfortranarray, "a"),
        ("asarray_chkfinite", _asarray_chkfinite, "a"),
        ("copy", _copied, "a"),
    )
}


def _arange_of(function: Callable[..., Any]) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            failed = error
        if not holds(args) and not holds(kwargs):
            raise failed
        return _arange(*args, **kwargs)

    return dressed(call, function, "pluggrad.numpy", "arange")


def _fromiter_of(function: Callable[..., Any]) -> Any:
    def call(iter: Any, dtype: Any, count: int = -1, *, like: Any = None) -> Any:
        items = list(iter if count < 0 else islice(iter, count))
        if not holds(items):
            return function(items, dtype, count)
        if count > len(items):
            raise InvalidArgumentError(f"fromiter: {len(items)} elements, and count={count}")
        return array_from(items, dtype)

    return dressed(call, function, "pluggrad.numpy", "fromiter")


MAKING["arange"] = _arange_of(numpy.arange)
MAKING["fromiter"] = _fromiter_of(numpy.fromiter)
