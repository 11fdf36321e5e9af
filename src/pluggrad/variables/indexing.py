"""The elements of a Variable: counting them, and reading and writing them by index."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays.backend import Backend, backend_of
from ..arrays.dispatch import is_batched, is_variable
from ..engine import views
from ..engine.adopted import NAMES as ADOPTED
from ..engine.arguments import convert, explain
from ..engine.cotangents import create
from ..engine.graph import Node
from ..engine.handles import make
from ..engine.levels import ROOT, read
from ..engine.lists import array_of
from ..engine.modes import inside
from ..engine.operation import apply
from ..engine.primitive import new
from ..errors import OutOfRangeError, TypeMismatchError
from ..rules import positions
from ..rules.indexing import GETITEM, PUT

__all__ = ["Elements", "Size", "sized"]

GETITEM_RULE = GETITEM.rules[0]
BOUNDS = frozenset({int, type(None)})
NONE: dict[str, Any] = {}  # an index has no settings; shared, never written
#: NumPy's integers.
WHOLE = frozenset({np.dtype(code).type for code in "bBhHiIlLqQ"})


class Size(int):
    """The number of elements, as the standard's `size`; called, it answers as torch's `size()`.

    >>> import pluggrad as pg
    >>> v = pg.ones((5, 3))
    >>> v.size, v.size(), v.size(0)
    (15, (5, 3), 5)
    """

    shape: tuple[Any, ...]

    def __new__(cls, count: int, shape: tuple[Any, ...]) -> Size:
        size = super().__new__(cls, count)
        size.shape = shape
        return size

    def __call__(self, dim: int | None = None) -> Any:
        """The shape; with `dim`, the length of that axis."""
        if dim is None:
            return self.shape
        try:
            return self.shape[dim]
        except IndexError:
            raise OutOfRangeError(f"size({dim}) of {len(self.shape)} axes") from None

    def __reduce__(self) -> Any:
        return Size, (int(self), self.shape)

    def __repr__(self) -> str:
        return int.__repr__(self)


def sized(count: int, shape: tuple[Any, ...]) -> Size:
    """A Size. Compilers trace another function in its place, since they know no subclass of int."""
    return Size(count, shape)


class Elements:
    """The part of `Variable` that reads and writes elements."""

    __slots__ = ()

    def __getitem__(self: Any, key: Any, /) -> Any:
        """The elements at `key`, differentiably. A basic index gives a view."""
        backend, cell = self._backend, self._cell
        if ADOPTED and names_element(self, key):
            item = self._item((self, raw_key(key, backend, self)), NONE)
            return make(type(item), item._value, item._node, item._level)  # a number, and no view
        if not is_plain(key):
            key = raw_key(key, self._backend, self)
            if names_batch(key):
                return positions.gather(self, key)
        elif (
            type(self) is backend.variable and (parent := self._node) is not None
            and (level := self._level) is read().plain
            and (backend.records is None or level is not ROOT or backend.records())
            and not (cell := views.cell_of(self)).owned and not self._seen.past and not self._chain
        ):  # fmt: skip
            # The hot path of loops over elements: what `apply` and `view_of` do, written out.
            node = new(Node)
            node.rule, node.saved = GETITEM_RULE, (key, cell.like)
            node.parent, node.more = parent, None
            v: Any = new(backend.variable)
            try:
                value = backend.getitem(self._value, key)
            except Exception as error:
                explain(error, "getitem", (self, key))
            v._value, v._node, v._level, v._cell = value, node, level, cell
            v._seen, v._chain = cell.version, (step := new(views.Step))
            step.primitive, step.args, step.kwargs, step.before = GETITEM, (key,), NONE, None
            return v
        if cell is None or not cell.owned:
            return self._item((self, key), NONE)
        # Elements read from an owned buffer are copied, so that the buffer stays owned. A view is
        # the exception: if it was out of date, it has just been pulled and now shares the buffer.
        v = apply(GETITEM, (self, key), {}, _read_copy, backend)
        cell.owned = not self._chain and ((run := inside()) is None or not run.outside(self))
        return v

    def __setitem__(self: Any, key: Any, value: Any, /) -> None:
        """Write `value` at `key`; the write is recorded, and views show it."""
        key = raw_key(key, self._backend, self)
        if names_batch(key):
            if not is_variable(value):
                value = _convert(value, self)
            views.write(self, None, positions.replaced(self, key, value))
            return
        if is_variable(value):
            if value._backend is not self._backend:
                value = _convert(value, self)
            elif views.same_place(self, key, value):  # as at the end of `self[key] += 1`
                self._read()
                return
        else:
            value = _convert(value, self)
        views.write(self, views.Step(GETITEM, (key,), {}), value)

    def __len__(self: Any) -> int:
        """The length of the first axis."""
        if not self.shape:
            raise TypeMismatchError(
                "len() of a 0-d Variable; `pluggrad.stack` makes an array of several"
            )
        return int(self.shape[0])

    def __iter__(self: Any) -> Iterator[Any]:
        """The elements along the first axis."""
        if not self.shape:
            raise TypeMismatchError("iteration over a 0-d Variable")
        return map(self.__getitem__, range(self.shape[0]))  # lazy: `numpy.iterable` only tries


def _read_copy(x: Any, key: Any) -> Any:
    """A copy of ``x[key]``."""
    backend: Any = backend_of(x)
    return backend.raw("copy")(backend.getitem(x, key))


def _convert(value: Any, v: Any) -> Any:
    """`value`, to be written into `v`, as a raw array or scalar of its backend."""
    backend = v._backend
    if value is not None and not isinstance(value, (str, list, tuple)):
        return convert(value, backend, PUT)
    made = array_of(value, backend, "setitem", v)
    if is_variable(made) or made.dtype == v.dtype or made.dtype in backend.complex_dtypes:
        return made
    return backend.raw("astype")(made, v.dtype)


def is_plain(key: Any) -> bool:
    """Whether `key` consists of Python integers and slices only."""
    kind = type(key)
    if kind is slice:
        return type(key.start) in BOUNDS and type(key.stop) in BOUNDS and type(key.step) in BOUNDS
    return kind is int or (kind is tuple and all([is_plain(k) for k in key]))


def names_element(x: Any, key: Any) -> bool:
    """Whether `key` is one integer for each axis of `x`. What NumPy reads there is a number, which
    later writes to `x` do not change."""
    keys = key if type(key) is tuple else (key,)
    return len(keys) == x.ndim and all([type(k) is int or type(k) in WHOLE for k in keys])


def raw_key(key: Any, backend: Backend, x: Any) -> Any:
    """`key`, an index of `x`, with raw arrays in place of Variables and lists. By an index nothing
    can be differentiated."""
    if is_plain(key):
        return key
    if type(key) is slice:
        bounds = key.start, key.stop, key.step
        return slice(*[operator.index(k) if is_variable(k) else k for k in bounds])
    if isinstance(key, tuple):
        return tuple([raw_key(k, backend, x) for k in key])
    if is_variable(key):
        if is_batched(key):
            return key
        key = key.data  # perhaps an array of NumPy's
    if isinstance(key, range):
        key = list(key)
    if isinstance(key, list):
        try:
            empty = {} if key else {"dtype": backend.xp.int64}
            return create("asarray", key, beside=x, **empty)
        except (TypeError, ValueError) as error:
            explain(error, "getitem", (key,))
    kind = getattr(getattr(key, "dtype", None), "kind", "")
    if kind in ("i", "u") and not hasattr(key, "__setitem__"):
        return operator.index(key)  # a NumPy scalar
    if kind == "f" and backend.name != "numpy" and type(key).__module__ == "numpy":
        raise TypeMismatchError(f"indices are integers or booleans, not {key.dtype} numbers")
    if kind in ("i", "u", "b") and backend.hold is None and backend.name != "numpy":
        # NumPy arrays are indices everywhere, as lists are. (Dask takes them as they are.)
        found = backend_of(key)
        if found is not None and found.name == "numpy":
            if kind == "b" and backend.adapter.takes_numpy:
                return key  # its values are known, also while the library traces
            # (torch would take uint8 for a mask.)
            return create("asarray", key.astype("int64") if kind == "u" else key, beside=x)
    return key


def names_batch(key: Any) -> bool:
    """Whether `key`, as returned by `raw_key`, contains an array that `vmap` maps over."""
    return is_variable(key) or (type(key) is tuple and any([is_variable(part) for part in key]))
