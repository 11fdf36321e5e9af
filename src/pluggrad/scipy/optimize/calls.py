"""Calls of a solver: SciPy's code works with NumPy arrays, and the user's functions may refer to
Variables of any level, by name or by their arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import optree

from ...arrays.backend import VARIABLES, Backend, backend_of, get_backend
from ...arrays.dispatch import is_variable, xp
from ...engine.batch import Batch, batched
from ...engine.closures import seen
from ...engine.cotangents import create
from ...engine.grad_mode import unrecorded
from ...engine.graph_breaks import collecting
from ...engine.handles import is_tracked, raw_of
from ...engine.levels import Level
from ...engine.lists import array_of, first_array
from ...errors import BatchingError, TypeMismatchError, UnsupportedError

__all__ = ["Call", "Element", "as_vector", "constants", "is_array", "listed", "shape_of", "size_of",
           "stacked"]  # fmt: skip


def is_array(x: Any) -> bool:
    """Whether `x` is an array or a Variable; NumPy's scalars are arrays, too."""
    return is_variable(x) or (hasattr(x, "dtype") and hasattr(x, "shape"))


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array, or of nested lists."""
    if is_array(x):
        return tuple(x.shape)
    return (len(x), *(shape_of(x[0]) if len(x) else ())) if isinstance(x, (list, tuple)) else ()


def size_of(x: Any) -> int:
    """The number of elements of an array, or of nested lists."""
    return math.prod(shape_of(x))


def as_vector(y: Any, backend: Backend) -> Any:
    """What a function of the user's returned, as a Variable with one axis. Numbers become an array
    of `backend`."""
    y = listed(y)
    if not is_array(y):
        y = list(y) if isinstance(y, (list, tuple)) else y
        first = first_array(y) if isinstance(y, list) else None
        y = array_of(y, backend if first is None else _backend(first), "the function")
    y = y if is_variable(y) else _backend(y).namespace.asarray(y)
    return xp.reshape(y, (-1,)) if y.ndim != 1 else y


def listed(y: Any) -> Any:
    """`y`; of an array of Variables, which NumPy made of a list, that list."""
    return y.tolist() if isinstance(y, np.ndarray) and y.dtype == object else y


def _backend(x: Any) -> Backend:
    found = backend_of(x)
    assert found is not None
    return found


def arrays_in(noted: Any) -> list[Any]:
    """The arrays, not Variables, that a function refers to by name, as `seen` noted them."""
    noted = getattr(noted, "inner", noted)
    return [x for record in getattr(noted, "records", ()) for x in record.values if _is_raw(x)]


def _is_raw(x: Any) -> bool:
    """Whether `x` is an array of a library: modules and classes, too, may have dtype and shape."""
    if is_variable(x) or not is_array(x) or isinstance(x, (type, ModuleType)):
        return False
    try:
        return backend_of(x) is not None
    except TypeMismatchError:
        return False


def stacked(x: Any, like: Any) -> Any:
    """A number, an array, or nested lists of these, as a Variable of floats beside `like`."""
    backend, x = _backend(like), listed(x)
    if not is_array(x) or isinstance(x, np.generic):
        x = array_of(x, backend, "scipy.optimize", like)
    x = x if is_variable(x) else backend.namespace.asarray(x)
    return x if x.dtype in backend.float_dtypes else backend.namespace.astype(x, like.dtype)


class Call:
    """One call of a solver, `where`: its arguments and the user's functions.

    `given` is a tree of the arguments that hold arrays, and `functions` are the user's. The library
    is that of the first Variable among all these, the functions' own included, else of the first
    array.
    """

    def __init__(self, where: str, given: Any, functions: Any = ()) -> None:
        self.where, self.given = where, given
        self.leaves, self.spec = optree.tree_flatten(given, none_is_leaf=True)
        self.closed = [x for f in functions if f is not None for x in seen(f).variables]
        found = [x for x in (*self.leaves, *self.closed) if is_array(x)]
        self.like = next((x for x in found if is_variable(x)), found[0] if found else None)
        known = None if self.like is None else backend_of(self.like)
        self.backend = get_backend("numpy") if known is None else known
        if known is None:  # numbers and lists alone
            self.like = self.backend.raw("asarray")(0.0)
        self.traced = any([self._host(x) is None for x in found])
        closed = [
            *self.closed,
            *[x for f in functions if f is not None for x in arrays_in(seen(f))],
        ]
        if any([self._host(x) is None for x in closed]):
            raise UnsupportedError(
                f"pluggrad.scipy.optimize.{where}: the function refers to an array whose values "
                "are not known while it is compiled: hand it over in `args`"
            )
        for x in closed if self.traced else ():
            if _backend(x).name != "numpy":
                raise UnsupportedError(
                    f"pluggrad.scipy.optimize.{where}: what is compiled runs with NumPy's arrays, "
                    f"and the function refers to an array of {_backend(x).name}: hand it over in "
                    "`args`"
                )

    @staticmethod
    def _host(x: Any) -> Any:
        x = raw_of(x)
        backend = backend_of(x)
        return None if backend is None else backend.adapter.host(x)

    @property
    def dtype(self) -> Any:
        """The dtype of the solution: over NumPy double precision, elsewhere that of the first array
        of floats."""
        backend = self.backend
        if backend.name != "numpy":
            for x in (*self.leaves, *self.closed):
                if is_array(x) and x.dtype in backend.real_dtypes:
                    return x.dtype
        return backend.xp.asarray(1.0, dtype=backend.xp.float64).dtype

    def tracked(self) -> bool:
        """Whether an argument is differentiated by."""
        return any([is_tracked(x) for x in self.leaves])

    def batches(self, probe: Callable[[], Any]) -> list[Batch]:
        """The levels of `vmap`, outermost first, over which the arguments or the results of `probe`
        are mapped."""
        found: dict[Level, None] = {}
        values = [*self.leaves, *self.closed]
        if any([_maps(x) for x in values]):
            with unrecorded(), collecting(always=True):
                values += optree.tree_leaves(probe())
        for x in values:
            while type(x) in VARIABLES:
                if x._level.maps:
                    found[x._level] = None
                x = x._read()[0]
        return sorted(found, key=lambda level: level.depth)  # type: ignore[arg-type]

    def assembled(self, rows: Any, batches: list[Batch]) -> Any:
        """The arrays in `rows`, one for each element of all `batches`, as one Variable. They are
        constants."""
        sizes = tuple([b.size for b in batches])
        first = rows[0]
        if isinstance(first, np.ndarray):
            y = np.stack(rows).reshape(*sizes, *first.shape) if sizes else first
            dtype = self.dtype if y.dtype.kind == "f" else None
            y = create("asarray", y, beside=self.like, dtype=dtype)
        else:
            y = self.backend.raw("stack")(*rows) if sizes else first
            y = self.backend.raw("reshape")(y, (*sizes, *first.shape)) if sizes else y
        for level in batches:
            y = batched(y, level, self.backend)
        return y if is_variable(y) else self.backend.namespace.asarray_constant(y)


def _maps(x: Any) -> bool:
    while type(x) in VARIABLES:
        if x._level.maps:
            return True
        x = x._read()[0]
    return False


class Element:
    """The values of one element of all batches, which SciPy works with.

    `given` is the tree of arguments with raw arrays of the library `backend`.
    """

    def __init__(self, call: Call, index: dict[Level, int]) -> None:
        self.call, self.index, self.backend = call, index, call.backend
        self.leaves = [self._raw(x) if is_variable(x) else x for x in call.leaves]
        self.given = optree.tree_unflatten(call.spec, self.leaves)

    def on_host(self, arrays: Any) -> Element:
        """The same with NumPy arrays in the place of all arrays."""
        made = object.__new__(Element)
        made.call, made.index, made.backend = self.call, self.index, get_backend("numpy")
        made.leaves = list(arrays)
        made.given = optree.tree_unflatten(self.call.spec, made.leaves)
        return made

    def _raw(self, y: Any) -> Any:
        """The raw array in `y`, of this element."""
        at: list[int] = []
        while type(y) in VARIABLES:
            if y._level.maps:
                if y._level not in self.index:
                    raise BatchingError(
                        f"pluggrad.scipy.optimize.{self.call.where}: inside vmap, whether the "
                        "function depends on what is mapped over depends on its argument"
                    )
                at.append(self.index[y._level])
            y = y._read()[0]
        return y[(*reversed(at), ...)] if at else y

    def value(self, y: Any) -> Any:
        """`y` as a NumPy array."""
        y = listed(y)
        if isinstance(y, (list, tuple)):
            return np.asarray([self.value(x) for x in y])
        if not is_array(y):
            return np.asarray(y)
        y = self._raw(y)
        backend = backend_of(y)
        found = y if backend is None else backend.adapter.host(y)
        return np.asarray(found)

    def floats(self, y: Any) -> np.ndarray:
        """`y` as a NumPy array of floats."""
        found = self.value(y)
        floats: np.ndarray = found if found.dtype.kind in "fc" else found.astype(float)
        return floats

    def lift(self, x: Any) -> Any:
        """The NumPy array `x` as a raw array of the library."""
        if self.backend.name == "numpy":
            return x
        x = np.asarray(x)
        dtype = self.call.dtype if x.dtype.kind == "f" else None
        return create("asarray", x, beside=self.call.like, dtype=dtype)

    def plain(self, f: Callable[..., Any] | None, scalar: bool = False) -> Any:
        """`f`, a function of the user's, as a function of NumPy arrays, whose result is one; or a
        number, if it is to be `scalar`."""
        if not callable(f):
            return f

        def call(x: Any, *args: Any) -> Any:
            y = self.value(f(self.lift(x), *args))
            return y.item() if scalar and y.size == 1 else y

        return call


def constants(where: str, f: Callable[..., Any], *arrays: Any) -> Any:
    """``f(*arrays)`` as Variables that are constants: f takes NumPy arrays and returns a tuple of
    them, always of the same shapes. It is called once for each element of what `vmap` maps over."""
    call = Call(where, list(arrays))
    if call.traced:
        raise UnsupportedError(
            f"scipy.{where} looks at the values of its arguments, and they are not known here: "
            "call it outside of what is compiled or lazy"
        )
    batches = call.batches(lambda: ())
    rows = []
    for index in np.ndindex(*[b.size for b in batches]):
        e = Element(call, dict(zip(batches, index, strict=True)))
        rows.append(f(*[e.value(x) for x in e.leaves]))
    if not rows:
        raise BatchingError(f"scipy.{where}: inside vmap, there is no element")
    return tuple([call.assembled(list(x), batches) for x in zip(*rows, strict=True)])
