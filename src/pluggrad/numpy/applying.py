"""Functions that call a function of the user's for each element: `vectorize`, `frompyfunc`.

NumPy collects the results in an array of objects. If these are Variables, they are stacked.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy

from ..arrays.backend import VARIABLES
from ..arrays.dispatch import is_variable
from ..engine.graph_breaks import MetInListError
from ..errors import UnsupportedError
from .calls import dressed, with_methods
from .classes import Kind
from .lists import array_from, holds, in_dtype, lifted

__all__ = ["APPLYING"]


def _noticing(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which raises MetInListError if it returns Variables."""

    @functools.wraps(function, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        y = function(*args, **kwargs)
        if type(y) in VARIABLES or (type(y) is tuple and holds(y)):
            raise MetInListError
        return y

    return call


def _each(
    function: Callable[..., Any], args: list[Any], nout: int | None, cores: Any = None
) -> Any:
    """`function` of each element of `args`, broadcast; results are stacked. A tuple of results for
    `nout` of 2 or more; None asks the first result. `cores` says how many of its last axes each
    argument keeps."""
    args = [array_from(x) if holds(x) else numpy.asarray(x) for x in args]
    cores = [0] * len(args) if cores is None else cores
    fronts = [tuple(x.shape)[: x.ndim - n] for x, n in zip(args, cores)]
    shape = numpy.broadcast_shapes(*fronts)
    wide = [
        x if front == shape else numpy.broadcast_to(x, (*shape, *tuple(x.shape)[len(front) :]))
        for x, front in zip(args, fronts)
    ]
    rows = [function(*[x[index] for x in wide]) for index in numpy.ndindex(*shape)]
    if nout is None:
        nout = len(rows[0]) if rows and isinstance(rows[0], tuple) else 1
    columns = [rows] if nout == 1 else [[row[n] for row in rows] for n in range(nout)]
    found = []
    for column in columns:
        y = array_from(column) if holds(column) else numpy.asarray(column)
        found.append(y.reshape(shape + tuple(y.shape[1:])))
    return found[0] if nout == 1 else tuple(found)


class vectorize(numpy.vectorize, metaclass=Kind):
    __doc__ = numpy.vectorize.__doc__
    __module__: Any = "pluggrad.numpy"

    _plain: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if cast(Any, self.pyfunc) is numpy._NoValue:  # a decorator, called with its function
            return super().__call__(*args, **kwargs)
        if self._plain is None:
            self._plain = numpy.vectorize(
                _noticing(self.pyfunc), self.otypes, None, None, self.cache, self.signature
            )
            self._plain.excluded = self.excluded
        if not holds(args) and not holds(kwargs):
            try:
                return self._plain(*args, **kwargs)
            except MetInListError:
                pass
        return self._of_variables(args, kwargs)

    def _of_variables(self, args: Any, kwargs: Any) -> Any:
        """The results for Variables, or with results that are Variables."""
        keys = [*range(len(args)), *kwargs]
        given = dict(zip(keys, (*args, *kwargs.values())))
        mapped = [key for key in keys if key not in self.excluded]

        def one(*items: Any) -> Any:
            now = {**given, **dict(zip(mapped, items))}
            return self.pyfunc(
                *[now[n] for n in range(len(args))], **{key: now[key] for key in kwargs}
            )

        cores, nout = _cores(self.signature)
        y = _each(one, [given[key] for key in mapped], nout, cores)
        if not self.otypes:
            return y
        if isinstance(y, tuple):
            return tuple([_typed(x, t) for x, t in zip(y, self.otypes)])
        return _typed(y, self.otypes[0])


def _typed(y: Any, code: str) -> Any:
    """`y` in the dtype of a character that `vectorize` was given."""
    if not is_variable(y):
        return y.astype(code)
    return y if code == "O" else in_dtype(y, numpy.dtype(code))


def _cores(signature: str | None) -> tuple[list[int] | None, int | None]:
    """How many axes of each argument the function itself gets, and how many results it has."""
    if signature is None:
        return None, None
    left, right = signature.replace(" ", "").split("->")
    counts = [len([n for n in part.strip("()").split(",") if n]) for part in left.split("),(")]
    return counts, len(right.split("),("))


def frompyfunc(func: Callable[..., Any], /, nin: int, nout: int, **kwargs: Any) -> Any:
    plain = numpy.frompyfunc(_noticing(func), nin, nout, **kwargs)

    def call(*args: Any, **kwargs: Any) -> Any:
        if not holds(args):
            try:
                return plain(*args, **kwargs)
            except MetInListError:
                pass
        if kwargs:
            raise UnsupportedError(
                f"a function of numpy.frompyfunc takes no {next(iter(kwargs))!r} beside Variables"
            )
        return _each(func, list(args), nout)

    call.__name__ = call.__qualname__ = plain.__name__
    return with_methods(call, plain)


class ndenumerate(numpy.ndenumerate, metaclass=Kind):
    __doc__ = numpy.ndenumerate.__doc__
    __module__ = "pluggrad.numpy"
    __signature__ = inspect.signature(numpy.ndenumerate)

    def __new__(cls, arr: Any) -> Any:
        return _enumerated(array_from(arr)) if holds(arr) else numpy.ndenumerate(arr)


def _enumerated(v: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    for index in numpy.ndindex(*v.shape):
        yield index, v[index]


class poly1d(numpy.poly1d, metaclass=Kind):
    __doc__ = numpy.poly1d.__doc__
    __module__ = "pluggrad.numpy"
    __hash__ = None

    def __init__(self, c_or_r, r=False, variable=None):  # type: ignore[no-untyped-def]
        super().__init__(lifted(c_or_r), r, variable)


def isscalar(element: Any) -> bool:
    # An element of a Variable is one without axes, and stands for NumPy's scalar.
    if type(element) in VARIABLES:
        return not element.ndim
    return numpy.isscalar(element)


def iterable(y: Any) -> bool:
    return bool(y.ndim) if type(y) in VARIABLES else numpy.iterable(y)


APPLYING: dict[str, Any] = {
    "vectorize": vectorize,
    "frompyfunc": dressed(frompyfunc, numpy.frompyfunc, "pluggrad.numpy", "frompyfunc"),
    "ndenumerate": ndenumerate,
    "poly1d": poly1d,
    "isscalar": dressed(isscalar, numpy.isscalar, "pluggrad.numpy", "isscalar"),
    "iterable": dressed(iterable, numpy.iterable, "pluggrad.numpy", "iterable"),
}
