"""Statistics of the parts of an image that labels mark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError, UnsupportedError
from ...functions.gathering import values_of
from ...functions.histograms import added
from ...functions.operand import as_doubles, backend_for
from ..rows import public, scipy_module
from .common import array

__all__ = ["center_of_mass", "extrema", "maximum", "mean", "median", "minimum",
           "standard_deviation", "sum", "sum_labels", "variance"]  # fmt: skip


def _known(x: Any, where: str, what: str) -> np.ndarray:
    """`x`, which is a constant, as a NumPy array."""
    found = values_of(x)
    if found is None:
        raise UnsupportedError(
            f"pluggrad.scipy.ndimage.{where}: {what} has no values here; it is a constant, and not "
            "mapped over"
        )
    return np.asarray(found)


class _Marks:
    """Labels and index as they were given: constants, which do not become arrays of the library."""

    def __init__(self, labels: Any, index: Any) -> None:
        self.labels, self.index = labels, index


def _measurement(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of an image and `_Marks` a public one, of an image, labels and index."""
    inner = public("ndimage", "input")(function)

    def call(input: Any, labels: Any = None, index: Any = None) -> Any:
        return inner(input, _Marks(labels, index))

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__, call.__module__ = function.__doc__, inner.__module__
    return call


class _Parts:
    """The parts of an image: one (`single`), or one for each element of `index`."""

    def __init__(self, x: Any, marks: _Marks, where: str) -> None:
        labels, index = marks.labels, marks.index
        self.where, self.single = where, True
        self.x = x = array(x, where)
        self.shape: Any = ()
        self.places: Any = None
        if labels is None:
            self.flat = xp.reshape(x, (-1,))
            return
        labels = _known(labels, where, "labels")
        shape = np.broadcast_shapes(tuple(x.shape), labels.shape)
        labels = np.broadcast_to(labels, shape).ravel()
        if tuple(x.shape) != shape:
            self.x = x = xp.broadcast_to(x, shape)
        flat = xp.reshape(x, (-1,))
        if index is None or np.ndim(_known(index, where, "index")) == 0:
            chosen = labels > 0 if index is None else labels == _known(index, where, "index")
            self.places = np.flatnonzero(chosen)
            self.flat = xp.take(flat, self._array(self.places), axis=0)
            return
        index = _known(index, where, "index")
        self.single, self.flat, self.shape = False, flat, index.shape
        unique, self.inverse = np.unique(labels, return_inverse=True)
        at = np.searchsorted(unique, index.ravel())
        at = np.where(at < len(unique), at, 0)
        self.found = unique[at] == index.ravel()
        self.at, self.count = at, len(unique)
        self.sizes = np.where(self.found, np.bincount(self.inverse, minlength=self.count)[at], 0)

    def _array(self, x: np.ndarray) -> Any:
        backend = backend_for(self.x)
        return backend.namespace.asarray_constant(backend.raw("asarray")(x))

    def _shaped(self, y: Any) -> Any:
        return y if len(self.shape) == 1 else xp.reshape(y, self.shape)

    def sums(self, values: Any) -> Any:
        """The sums of `values`, one for each element of the parts."""
        if self.single:
            return xp.sum(values)
        if is_complex(values):
            raise UnsupportedError(
                f"scipy.ndimage.{self.where}: an image of complex numbers has one part"
            )
        total = added(self._array(self.inverse), as_doubles(values), self.count)
        y = xp.take(total, self._array(self.at), axis=0)
        return self._shaped(y if self.found.all() else xp.where(self._array(self.found), y, 0.0))

    def number(self) -> Any:
        """How many elements each part has."""
        if self.single:
            return float(self.flat.shape[0])
        return self._shaped(self._array(self.sizes.astype(float)))

    def spread(self, values: Any) -> Any:
        """For each element, the value of its part."""
        if self.single:
            return values
        back = np.zeros(self.count, np.int64)
        back[self.at[self.found]] = np.flatnonzero(self.found)
        flat = xp.reshape(values, (-1,))
        return xp.take(flat, self._array(back[self.inverse]), axis=0)

    def each(self, f: Any, empty: Any = 0.0) -> Any:
        """``f(elements)`` of each part; `empty` of a part without elements."""
        if self.single:
            return f(self.flat)
        order = np.argsort(self.inverse, kind="stable")
        edges = np.searchsorted(self.inverse[order], np.arange(self.count + 1))
        made: dict[int, Any] = {}
        rows = []
        for k, found in zip(self.at, self.found, strict=True):
            if not found:
                if empty is None:
                    raise InvalidArgumentError(
                        f"scipy.ndimage.{self.where}: a label in `index` marks no element"
                    )
                rows.append(xp.zeros_like(self.flat[0]) + empty)
                continue
            if k not in made:
                places = self._array(order[edges[k] : edges[k + 1]])
                made[k] = f(xp.take(self.flat, places, axis=0))
            rows.append(made[k])
        return self._shaped(xp.stack(rows))


def _mean(parts: _Parts) -> Any:
    return parts.sums(parts.flat) / parts.number()


def _variance(parts: _Parts) -> Any:
    centered = parts.flat - parts.spread(_mean(parts))
    return parts.sums(xp.conj(centered) * centered) / parts.number()


@_measurement
def sum_labels(input: Any, marks: _Marks) -> Any:
    """The sums of the parts that labels mark.

    Without `index` there is one part, where `labels` is positive; without `labels` it is the whole.
    `labels` and `index` are constants.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.sum_labels.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.ndimage
    >>> labels = np.asarray([1, 2, 2])
    >>> f = lambda x: pg.scipy.ndimage.sum_labels(x, labels, [1, 2])[1]
    >>> pg.grad(f)(np.asarray([5.0, 6.0, 7.0]))
    array([0., 1., 1.])
    """
    parts = _Parts(input, marks, "sum_labels")
    return parts.sums(parts.flat)


@_measurement
def sum(input: Any, marks: _Marks) -> Any:
    """The older name of `sum_labels`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.sum_labels.html
    """
    parts = _Parts(input, marks, "sum")
    return parts.sums(parts.flat)


@_measurement
def mean(input: Any, marks: _Marks) -> Any:
    """The means of the parts that labels mark; see `sum_labels`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.mean.html
    """
    return _mean(_Parts(input, marks, "mean"))


@_measurement
def variance(input: Any, marks: _Marks) -> Any:
    """The variances of the parts that labels mark; see `sum_labels`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.variance.html
    """
    return _variance(_Parts(input, marks, "variance"))


@_measurement
def standard_deviation(input: Any, marks: _Marks) -> Any:
    """The standard deviations of the parts that labels mark; see `sum_labels`.

    Of a part of equal elements the derivative is 0.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.standard_deviation.html
    """
    found = _variance(_Parts(input, marks, "standard_deviation"))
    flat = found == 0
    return xp.where(flat, 0.0, xp.sqrt(xp.where(flat, 1.0, found)))


@_measurement
def minimum(input: Any, marks: _Marks) -> Any:
    """The least elements of the parts that labels mark; see `sum_labels`.

    Equal ones share the gradient.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.minimum.html
    """
    return _Parts(input, marks, "minimum").each(xp.min)


@_measurement
def maximum(input: Any, marks: _Marks) -> Any:
    """The greatest elements of the parts that labels mark; see `sum_labels`.

    Equal ones share the gradient.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.maximum.html
    """
    return _Parts(input, marks, "maximum").each(xp.max)


@_measurement
def median(input: Any, marks: _Marks) -> Any:
    """The medians of the parts that labels mark; see `sum_labels`. No part is empty.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.median.html
    """
    return _Parts(input, marks, "median").each(xp.median, empty=None)


def extrema(input: Any, labels: Any = None, index: Any = None) -> Any:
    """The least and the greatest elements of the parts, and where they are.

    The first two of the four results have derivatives; see `minimum` and `maximum`, which also
    work where the input has no values yet, as inside `vmap`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.extrema.html
    """
    low, high = minimum(input, labels, index), maximum(input, labels, index)
    known = [z if z is None else _known(z, "extrema", "input") for z in (input, labels, index)]
    return low, high, *scipy_module("ndimage").extrema(*known)[2:]


@_measurement
def _moments(input: Any, marks: _Marks) -> Any:
    """The coordinates of the centres, along a first axis."""
    parts = _Parts(input, marks, "center_of_mass")
    total = parts.sums(parts.flat)
    shape = tuple(parts.x.shape)
    rows = []
    for n, length in enumerate(shape):
        grid = np.broadcast_to(
            np.arange(float(length)).reshape(-1, *(1,) * (len(shape) - 1 - n)), shape
        ).ravel()
        grid = grid if parts.places is None or not parts.single else grid[parts.places]
        rows.append(parts.sums(parts.flat * parts._array(grid)) / total)
    return xp.stack(rows)


def center_of_mass(input: Any, labels: Any = None, index: Any = None) -> Any:
    """The centres of mass of the parts that labels mark: a tuple, or a list of tuples.

    It is differentiable by `input`; see `sum_labels`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.center_of_mass.html
    """
    found = _moments(input, labels, index)
    axes = range(found.shape[0])
    if found.ndim == 1:
        return tuple([found[n] for n in axes])
    return [tuple([found[n, k] for n in axes]) for k in range(found.shape[1])]
