"""The methods of Variables that are functions of pluggrad's, and the others that NumPy's arrays
have."""

from __future__ import annotations

import math
from inspect import Parameter, Signature
from typing import Any

from ..arrays.backend import PRIMITIVES
from ..arrays.composites import COMPOSITES
from ..arrays.dispatch import xp
from ..engine import views
from ..engine.arguments import axis_of
from ..engine.graph_breaks import break_graph
from ..engine.handles import raw_of
from ..errors import (
    InvalidArgumentError,
    PluggradError,
    TypeMismatchError,
    UnknownNameError,
    UnsupportedError,
)
from .library_functions import into
from .names import signature_of

__all__ = ["METHODS", "ArrayMethods", "in_order", "method"]

_REDUCED = "without the axes reduced"
_SAME = "of the same shape"
_ROW = "with one axis"
_SUMS = ("axis dtype out keepdims initial where", _REDUCED)
_EXTREMES = ("axis out keepdims initial where", _REDUCED)
_SPREADS = ("axis dtype out ddof keepdims where mean", _REDUCED)
_TESTS = ("axis out keepdims where", _REDUCED)
_PLACES = ("axis out keepdims", _REDUCED)
_RUNNING = ("axis dtype out", _SAME)

#: Methods that the wrapped libraries share; each calls the namespace's function of that name. A row
#: holds the arguments in NumPy's order, and words about the result. Those before a slash have no
#: default; "*" stands for one integer per axis.
_ROWS = {
    "sum": _SUMS, "prod": _SUMS, "mean": ("axis dtype out keepdims where", _REDUCED),
    "max": _EXTREMES, "min": _EXTREMES, "std": _SPREADS, "var": _SPREADS,
    "all": _TESTS, "any": _TESTS, "argmax": _PLACES, "argmin": _PLACES,
    "cumsum": _RUNNING, "cumprod": _RUNNING,
    "copy": ("order", _SAME), "conj": ("", _SAME), "conjugate": ("", _SAME),
    "astype": ("dtype / order casting subok copy", "of the same shape, in the new dtype"),
    "reshape": ("*", "of the given shape: separate integers or one tuple"),
    "transpose": ("*", "with its axes in the given order; reversed, if none is given"),
    "flatten": ("order", _ROW), "ravel": ("order", _ROW), "clip": ("min max out", _SAME),
    "round": ("decimals out", _SAME),
    "repeat": ("repeats / axis", "as long along the axis as the counts sum to"),
    "swapaxes": ("axis1 axis2", "with two axes exchanged"),
    "trace": ("offset axis1 axis2 dtype out", "without the two axes"),
    "diagonal": ("offset axis1 axis2", "with the diagonal as its last axis"),
    "take": ("indices / axis out mode", "as the indices select"),
    "dot": ("other / out", "of the axes that are left"),
    "argsort": ("axis kind order stable", _SAME),
    "argpartition": ("kth / axis kind order", _SAME),
    "choose": ("choices / out mode", "of the elements chosen"),
    "view": ("", "of the shape or the dtype that is asked for"),
}  # fmt: skip
METHODS = {
    name: row for name, row in _ROWS.items()
    if name == "conjugate" or name in PRIMITIVES or name in COMPOSITES
}  # fmt: skip

#: The wrapped libraries' names for the standard's keywords.
SPELLINGS = {"dim": "axis", "keepdim": "keepdims", "ddof": "correction"}
#: Arguments that choose an algorithm or a layout of memory, not the values.
_SILENT = frozenset({"kind", "casting", "subok"})


def method(name: str) -> Any:
    """The method `name`: the namespace's function, with NumPy's order of arguments and torch's
    names for them, too."""
    text, result = METHODS[name]
    head, _, tail = text.rpartition("/")
    required, several = head.split(), text == "*"
    order = [] if several else [*required, *tail.split()]
    by_position = name == "view"
    full = "conj" if name == "conjugate" else name
    plain = frozenset(order) & {*signature_of(full).parameters} - {*required, *_SILENT, "order"}
    first = order[0] if order else ""
    ordered = "order" in signature_of(full).parameters
    layouts = (None, "C", "K", "A", "F") if name in ("copy", "astype") else (None, "C", "K", "A")

    def operate(self: Any, *args: Any, **kwargs: Any) -> Any:
        function = getattr(self._backend.namespace, full)
        if not args:
            if kwargs.keys() <= plain:  # most calls, without the detours below
                return function(self, **kwargs)
        elif first in plain and len(args) == 1 and not kwargs:
            return function(self, **{first: args[0]})
        if several and args:
            args = (tuple(args[0]) if isinstance(args[0], (tuple, list)) else args,)
            if not kwargs:
                return function(self, *args)
        elif not by_position:
            kwargs, args = _by_name(name, order, args, kwargs), ()
        for theirs in kwargs.keys() & SPELLINGS.keys():
            kwargs[SPELLINGS[theirs]] = kwargs.pop(theirs)
        if required and required[0] in kwargs:
            args = (kwargs.pop(required[0]),)
        out = kwargs.pop("out", None)
        if not ordered and kwargs.pop("order", None) not in layouts:
            raise UnsupportedError(
                f"the method {name} of a Variable: this order is not known; leave it out"
            )
        try:
            y = function(self, *args, **{k: x for k, x in kwargs.items() if k not in _SILENT})
        except TypeError as error:
            if isinstance(error, PluggradError):
                raise
            raise TypeMismatchError(f"the method {name} of a Variable: {error}") from error
        return y if out is None else into(operate, out, y)

    if name == "copy":
        operate = _copied
    operate.__name__, operate.__qualname__ = name, f"Variable.{name}"
    operate.__module__ = "pluggrad"
    operate.__signature__ = _signature(full, order, required, several)  # type: ignore[attr-defined]
    operate.__doc__ = f"As the function `pluggrad.{full}`: a Variable {result}."
    return operate


def _copied(self: Any, order: Any = "C") -> Any:
    """The method `copy`, whose order is 'C' by default, where that of the function is 'K'."""
    y = in_order(self, order)
    return self._backend.namespace.copy(self) if y is self else y


def in_order(x: Any, order: Any) -> Any:
    """The Variable `x`, if its elements lie in memory in `order`, as far as its library tells, else
    a copy for which they do. Of such memory `ravel` and `reshape` are views."""
    order = "K" if order is None else order.upper() if isinstance(order, str) else order
    if order not in ("C", "F", "A", "K"):
        raise InvalidArgumentError(f"order is one of 'C', 'F', 'A' and 'K', not {order!r}")
    flags: Any = getattr(raw_of(x), "flags", None)
    if order == "K" or getattr(flags, "c_contiguous" if order != "F" else "f_contiguous", True):
        return x
    if order == "A" and flags.f_contiguous:
        return x
    if order != "F":
        return xp.reshape(xp.copy(xp.reshape(x, (-1,))), tuple(x.shape))
    axes = tuple(range(x.ndim))[::-1]
    return xp.permute_dims(in_order(xp.copy(xp.permute_dims(x, axes)), "C"), axes)


def _by_name(name: str, order: list[str], args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """`kwargs` with the positional `args` under the names of `order`."""
    if len(args) > len(order):
        raise TypeMismatchError(
            f"the method {name} of a Variable takes {len(order)} arguments at most "
            f"({', '.join(order)}), and {len(args)} were given"
        )
    for key, x in zip(order, args, strict=False):
        if key in kwargs:
            raise TypeMismatchError(f"the method {name} of a Variable got {key!r} twice")
        if key not in ("out", "dtype", "where", "mean", "initial") or x is not None:
            kwargs[key] = x
    return kwargs


def _signature(name: str, order: list[str], required: list[str], several: bool) -> Signature:
    """The function's signature with `self` first, and NumPy's order of the arguments."""
    itself = Parameter("self", Parameter.POSITIONAL_ONLY)
    _, *rest = signature_of(name).parameters.values()
    if several:
        given = rest.pop(0).name
        rest = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in rest]
        return Signature([itself, Parameter(given, Parameter.VAR_POSITIONAL), *rest])
    if not order:
        return Signature([itself, *rest])
    if required:
        rest[0] = rest[0].replace(name=required[0])
    named = {p.name: p for p in rest}
    for theirs, ours in SPELLINGS.items():
        if ours in named and theirs in order:
            order = [ours if name == theirs else name for name in order]
    either = Parameter.POSITIONAL_OR_KEYWORD
    first = [named.pop(name).replace(kind=either) for name in order if name in named]
    return Signature(
        [itself, *first, *[p.replace(kind=Parameter.KEYWORD_ONLY) for p in named.values()]]
    )


class _Refused:
    """An attribute of NumPy's arrays that Variables do not have: an AttributeError that says what
    to use."""

    def __init__(self, instead: str) -> None:
        self._instead = instead

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, v: Any, owner: type) -> Any:
        raise UnknownNameError(f"Variables have no attribute {self._name!r}: {self._instead}")


_OF_MEMORY = "it is about the memory of an array; ask the raw array, `.data`"
_TO_DISK = "`.detach().numpy()` is an array that can be stored, and `pickle` stores leaves"


class ArrayMethods:
    """The part of `Variable` that NumPy's arrays have, too, and that needs more than a function."""

    __slots__ = ()

    def fill(self: Any, value: Any) -> None:
        """Write one value everywhere."""
        self[...] = value

    def sort(
        self: Any, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None
    ) -> None:
        """Sort in place along an axis. (`pluggrad.sort` makes a new Variable.)"""
        _no_fields("sort", order)
        axis = axis_of(axis, self.ndim, "sort")
        views.write(self, None, self._backend.namespace.sort(self, axis=axis))

    def partition(self: Any, kth: Any, axis: int = -1, kind: Any = None, order: Any = None) -> None:
        """As `sort`, of which only what `kth` asks for is promised."""
        _no_fields("partition", order)
        views.write(self, None, self._backend.namespace.partition(self, kth, axis))

    def put(self: Any, indices: Any, values: Any, mode: str = "raise") -> None:
        """Write `values`, over and over if they are too few, at `indices` of the flat array."""
        self._backend.namespace.put(self, indices, values, mode)

    def compress(self: Any, condition: Any, axis: Any = None, out: Any = None) -> Any:
        """As the function `pluggrad.compress`: the parts that `condition` selects."""
        function = self._backend.namespace.compress
        y = function(condition, self, axis=axis)
        return y if out is None else into(function, out, y)

    def nonzero(self: Any) -> Any:
        """As the function `pluggrad.nonzero`: for each axis, the places of what is not zero."""
        return self._backend.namespace.nonzero(self)

    def searchsorted(self: Any, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        """As the function `pluggrad.searchsorted`: where to insert `v`, so that the order stays."""
        return self._backend.namespace.searchsorted(self, v, side=side, sorter=sorter)

    def tobytes(self: Any, order: Any = "C") -> bytes:
        """The bytes of the elements; GraphBreakError if this Variable requires grad."""
        if self._tracked:
            break_graph("conversion to bytes")
        return self.numpy().tobytes(order)  # type: ignore[no-any-return]

    @property
    def flat(self: Any) -> Any:
        """The elements with one axis, to be read and written."""
        return self._backend.namespace.reshape(self, (-1,))

    @flat.setter
    def flat(self: Any, value: Any) -> None:
        """Write all elements, in their order."""
        self[...] = value if not getattr(value, "shape", ()) else value.reshape(self.shape)

    @property
    def itemsize(self: Any) -> int:
        """The bytes of one element."""
        xp, dtype = self._backend.xp, self.dtype
        if dtype == xp.bool:
            return 1
        if xp.isdtype(dtype, "integral"):
            return int(xp.iinfo(dtype).bits) // 8
        parts = 1 + (dtype in self._backend.complex_dtypes)
        return parts * int(xp.finfo(dtype).bits) // 8

    @property
    def nbytes(self: Any) -> int | None:
        """The bytes of all elements; None if their number is unknown."""
        return None if self.size is None else int(self.size) * self.itemsize

    def __contains__(self: Any, value: Any) -> bool:
        """Whether an element equals `value`. It is control flow, so nothing warns."""
        found = self == value
        return found is not False and bool(self._backend.namespace.any(found))

    def __round__(self: Any, ndigits: Any = None) -> Any:
        """As `round`: a Variable."""
        return self.round(0 if ndigits is None else ndigits)

    def __trunc__(self: Any) -> int:
        """The only element as an int, rounded towards zero; a tracked Variable warns."""
        return math.trunc(float(self))

    base = _Refused(_OF_MEMORY)
    ctypes = _Refused(_OF_MEMORY)
    flags = _Refused(_OF_MEMORY)
    strides = _Refused(_OF_MEMORY)
    byteswap = _Refused(_OF_MEMORY)
    getfield = _Refused(_OF_MEMORY)
    setfield = _Refused(_OF_MEMORY)
    setflags = _Refused(_OF_MEMORY)
    resize = _Refused("the shape stays; `pluggrad.reshape` and `pluggrad.pad` make new Variables")
    dump = _Refused(_TO_DISK)
    dumps = _Refused(_TO_DISK)
    tofile = _Refused(_TO_DISK)


def _no_fields(name: str, order: Any) -> None:
    """Raise if fields of records are named."""
    if order is not None:
        raise UnsupportedError(f"{name}: order= names fields of records, which Variables have not")
