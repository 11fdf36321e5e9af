"""Tracing: running a function once on stand-ins for NumPy arrays, which write down what is called.

A `Tracer` holds an array. NumPy asks it, by `__array_ufunc__` and `__array_function__`, before it
computes with it; the Tracer then computes with the array, and adds the call to its `Trace`. To
pluggrad it is a NumPy array like any other, so Variables are made over Tracers, and what the engine
computes is written down as well.

A program may not depend on the elements of its arrays. Where a function asks for them (``if x >
0``, a mask, ``float(x)``), or writes into an array of the user, `UntraceableError` says so.
"""

from __future__ import annotations

import functools
import operator
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..arrays.backend import BACKENDS, VARIABLES, get_backend
from ..arrays.tracers import ACTIVE, TRACERS
from ..engine.graph_breaks import MetInListError, is_met_in_list, user_line
from ..errors import LeakedVariableError, UntraceableError
from .facts import FACTS, METHODS, PARTS, STATIC, WRITERS, WRITING_METHODS, depends
from .operators import ROUNDED, give_operators, is_ambiguous
from .program import Call, Program, Value, attribute

__all__ = ["Trace", "Tracer", "is_tracing", "traced"]


def is_tracing() -> bool:
    """Whether this thread is tracing a function."""
    return ACTIVE.array_type is not None


class Trace:
    """One run of a function on Tracers.

    `known` has, by id, each array that was met beside Tracers, and its Value. `prints` are
    checksums of these arrays, by which a write is noticed. `fixed` is the memory that no call may
    write.
    """

    def __init__(self) -> None:
        self.program = Program()
        self.known: dict[int, tuple[Any, Value]] = {}
        self.prints: list[tuple[Any, int]] = []
        self.fixed: set[Value] = set()
        self.errors = np.geterr()
        self.ended = False
        self.broken: UntraceableError | None = None

    def input(self, x: Any) -> Tracer:
        """A stand-in for `x`, an argument of the function."""
        value = Value(x)
        self.fixed.add(value)
        self.program.inputs.append(value)
        return stand_in(self, value, x)

    def untraceable(self, why: str) -> UntraceableError:
        """The error for what cannot be traced. The trace is broken even if somebody catches it."""
        error = UntraceableError(f"{why} (at {user_line()})")
        if self.broken is None:
            self.broken = error
        return error

    def constant(self, x: Any) -> Value:
        """The Value of an array that is no Tracer."""
        known = self.known.get(id(x))
        if known is None:
            known = self.known[id(x)] = (x, Value(x))
            self.prints.append((x, checksum(x)))
            self.fixed.add(known[1])
        return known[1]

    def changed(self) -> bool:
        """Whether an array has been written since it was met."""
        return any([checksum(x) != before for x, before in self.prints])

    def lowered(self, x: Any) -> tuple[Any, Any]:
        """An argument twice: with Values for the program, and with arrays for the call now."""
        kind = type(x)
        if kind in TRACERS:
            return x.entry, x.value
        if kind in _PLAIN:
            return x, x
        if kind is np.ndarray:
            return self.constant(x), x
        if kind is tuple or kind is list:
            pairs = [self.lowered(item) for item in x]
            return kind([pair[0] for pair in pairs]), kind([pair[1] for pair in pairs])
        if kind is dict:
            both = {key: self.lowered(item) for key, item in x.items()}
            return {k: p[0] for k, p in both.items()}, {k: p[1] for k, p in both.items()}
        if isinstance(x, np.ndarray):
            raise self.untraceable(f"an array of the class {kind.__name__} is used")
        return x, x

    def call(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], writes: Any = ()
    ) -> Any:
        """Call `function` now, and add the call to the program. `writes` are the arguments whose
        memory it changes; such a call returns nothing."""
        if self.ended:
            raise LeakedVariableError(
                "an array of a function that `pluggrad.compile` ran was kept, in an attribute, a "
                "list or a closure, and is used now; return it from the function instead"
            )
        entries, arrays = [], []
        for x in args:
            if type(x) in TRACERS:
                entries.append(x.entry)
                arrays.append(x.value)
            elif type(x) in _PLAIN:
                entries.append(x)
                arrays.append(x)
            else:
                entry, array = self.lowered(x)
                entries.append(entry)
                arrays.append(array)
        named = given = kwargs
        if kwargs:
            named, given = self.lowered(kwargs)
        if writes:
            self._check_writes(writes)
        made = Call(function, tuple(entries), named)
        if (errors := np.geterr()) != self.errors:
            made.errors = errors  # type: ignore[assignment]
        try:
            if type(function) is str:
                y = getattr(arrays[0], function)(*arrays[1:], **given)
            else:
                y = function(*arrays, **given)
        except (TypeError, AttributeError):  # these follow from types, in every run
            raise
        except Exception as error:
            self.untraceable(f"`{made.name}` raises {type(error).__name__}, which is caught")
            raise
        self.program.calls.append(made)
        if writes:
            made.writes = tuple([x.entry for x in writes])
            return None
        if not isinstance(y, (tuple, list)):
            entry = self._result(y, made, arrays, given)
            made.results = (entry,)
            return stand_in(self, entry, y)
        made.several = True
        made.results = tuple([self._result(item, made, arrays, given) for item in y])
        tracers = [stand_in(self, v, item) for v, item in zip(made.results, y, strict=True)]
        return type(y)(*tracers) if hasattr(y, "_fields") else type(y)(tracers)

    def _result(self, y: Any, call: Call, arrays: Any, given: Any) -> Value:
        """The Value of an array that a call returned. It notes whose memory it shares."""
        kind = type(y)
        if kind is not np.ndarray and kind is not float and not issubclass(kind, np.generic):
            raise self.untraceable(f"`{call.name}` returns a {kind.__name__}, and no array")
        if kind is np.ndarray:
            if type(call.function) is np.ufunc:
                return Value(y)
            sources = _arrays_in((arrays, given), (call.args, call.kwargs))
            for entry, x in zip(call.inputs(), sources, strict=True):
                if x is y or (y.base is not None and np.may_share_memory(x, y)):
                    return Value(y, entry.memory)
        return Value(y)

    def _check_writes(self, writes: Any) -> None:
        """Raise if an array that is not the function's own would be written."""
        for x in writes:
            if type(x) not in TRACERS:
                raise self.untraceable("a traced value is written into a raw array")
            if x.entry.memory in self.fixed:
                raise self.untraceable("an array that was not made by the function is written")


def _arrays_in(x: Any, entries: Any) -> Iterator[Any]:
    """What stands in `x` at the places of the Values in `entries`."""
    if type(entries) is Value:
        yield x
    elif type(entries) in (tuple, list):
        for item, entry in zip(x, entries, strict=True):
            yield from _arrays_in(item, entry)
    elif type(entries) is dict:
        for key, entry in entries.items():
            yield from _arrays_in(x[key], entry)


_PLAIN = frozenset({
    float, int, bool, complex, str, type(None), type(...), slice, type, np.dtype, np.float64,
    np.float32, np.complex128, np.complex64, np.int64, np.int32, np.bool_,
})  # fmt: skip


def checksum(x: Any) -> int:
    """A number that changes when elements of the NumPy array `x` change."""
    if not x.size or x.dtype.hasobject:
        return 0
    whole = x if x.flags.c_contiguous else np.ascontiguousarray(x)
    return zlib.crc32(whole.reshape(-1).view(np.uint8).data)


def stand_in(trace: Trace, entry: Value, value: Any) -> Tracer:
    """A Tracer for the array, NumPy scalar or Python float `value`."""
    kind = ArrayTracer if type(value) is np.ndarray else Tracer
    return kind(trace, entry, value)


_DOUBLE: Any = np.dtype(float)


class Tracer(np.lib.mixins.NDArrayOperatorsMixin):
    """A NumPy array that writes down every operation on it. `entry` is its Value, and `value` the
    array itself, or a Python float that is an input."""

    __slots__ = ("__weakref__", "entry", "trace", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, trace: Trace, entry: Value, value: Any) -> None:
        self.trace, self.entry, self.value = trace, entry, value

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Answer for NumPy's ufuncs and their methods."""
        if not VARIABLES.isdisjoint(map(type, inputs)):
            return NotImplemented
        out = kwargs.pop("out", None)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if method == "__call__" and ufunc in ROUNDED and is_ambiguous(ufunc, inputs):
            raise self.trace.untraceable(
                "a NumPy scalar stands before a traced one, in a product of complex numbers or a "
                "power; a Python number there is well defined"
            )
        if method == "at":
            self.trace.call(function, inputs, kwargs, writes=inputs[:1])
            return None
        if out is None:
            return self.trace.call(function, inputs, kwargs)
        if any([x is None for x in out]):
            raise self.trace.untraceable("`out` is given for some of several results")
        into = out if len(out) > 1 else out[0]
        self.trace.call(function, inputs, {**kwargs, "out": into}, writes=out)
        return into

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Answer for NumPy's other functions."""
        if not VARIABLES.isdisjoint(types):
            return NotImplemented
        if func in STATIC:
            return func(*_values(args), **_values(kwargs))
        if func in LOWERED and (found := LOWERED[func](*args, **kwargs)) is not None:
            return found
        if why := depends(func, args, kwargs):
            raise self.trace.untraceable(f"`numpy.{func.__name__}`: {why}")
        out = kwargs.get("out")
        if out is not None:
            self.trace.call(func, args, kwargs, writes=out if type(out) is tuple else (out,))
            return out
        if func in WRITERS:
            return self.trace.call(func, args, kwargs, writes=args[:1])
        return self.trace.call(func, args, kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: code that NumPy does not ask about would compute with the array unseen."""
        if is_met_in_list():
            raise MetInListError
        raise self.trace.untraceable(
            "an array is used by code that is not written with NumPy; or by `numpy.array` or "
            "`asarray` (`numpy.stack`, `astype` and `copy` can be traced); or written into an "
            "array that is no result of others (`numpy.zeros_like` can be)"
        )

    def _asked(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse to give elements."""
        raise self.trace.untraceable("the elements of an array are asked for")

    __bool__ = __int__ = __float__ = __complex__ = __index__ = __dlpack__ = _asked
    __round__ = __trunc__ = __floor__ = __ceil__ = __format__ = _asked
    item = tolist = tobytes = tofile = dump = dumps = _asked

    def __len__(self) -> int:
        """The length of the first axis."""
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        """The arrays along the first axis."""
        return iter([self[i] for i in range(len(self.value))])

    def __getitem__(self, key: Any) -> Any:
        """Index; a mask selects a number of elements that depends on elements."""
        for k in key if type(key) is tuple else (key,):
            if type(k) in TRACERS and k.dtype == bool:
                raise self.trace.untraceable("the shape of what a mask selects depends on elements")
        return self.trace.call(operator.getitem, (self, key), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write into the array. (A mask may choose where.)"""
        self.trace.call(operator.setitem, (self, key, value), {}, writes=(self,))

    def writable(self) -> Tracer:
        """This array; an array in its place if it is a number, which cannot be written."""
        if type(self.value) is np.ndarray:
            return self
        made: Tracer = self.trace.call(np.asarray, (self,), {})
        return made

    def __getattr__(self, name: str) -> Any:
        """Facts about the array, its parts, and its methods."""
        if name in FACTS:
            return getattr(self.value, name)
        if name in PARTS:
            return self.trace.call(attribute(name), (self,), {})
        if name in METHODS or name in WRITING_METHODS:
            return functools.partial(self._method, name)
        if name.startswith("__") or not hasattr(self.value, name):
            raise AttributeError(f"NumPy arrays have no attribute {name!r}")
        raise self.trace.untraceable(f"the attribute `{name}` of an array is used")

    def _method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call the method `name` of the array."""
        if why := depends(name, args, kwargs):
            raise self.trace.untraceable(f"the method `{name}`: {why}")
        out = kwargs.get("out")
        if out is not None:
            self.trace.call(name, (self, *args), kwargs, writes=(out,))
            return out
        writes = (self,) if name in WRITING_METHODS else ()
        return self.trace.call(name, (self, *args), kwargs, writes=writes)

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        """NumPy, since that is what the array is one of."""
        return np

    # For `isinstance`, it is what it stands for.
    __class__ = property(lambda self: type(self.value))
    shape = property(lambda self: self.entry.shape)
    dtype = property(lambda self: self.entry.dtype or _DOUBLE)
    ndim = property(lambda self: len(self.entry.shape))

    def __repr__(self) -> str:
        """What is known about the array in all runs."""
        return f"<traced array of shape {self.shape}, {self.dtype}>"


class ArrayTracer(Tracer):
    """A Tracer for an array proper, which the engine may add to in place if it has made it."""

    __slots__ = ()


def _values(x: Any) -> Any:
    """`x` with arrays in the place of Tracers."""
    if type(x) in TRACERS:
        return x.value
    if type(x) in (tuple, list):
        return type(x)([_values(item) for item in x])
    return {key: _values(item) for key, item in x.items()} if type(x) is dict else x


def _sum(x: Any, *args: Any, **kwargs: Any) -> Any:
    """`numpy.sum`, without its Python code around ``add.reduce``."""
    if args or not kwargs.keys() <= {"axis", "keepdims"} or type(x) is not ArrayTracer:
        return None
    return np.add.reduce(x, axis=kwargs.get("axis"), keepdims=kwargs.get("keepdims", False))


def _mean(x: Any, *args: Any, **kwargs: Any) -> Any:
    """`numpy.mean` of doubles, by the two operations that its Python code calls."""
    if x.dtype != _DOUBLE or not x.size or (total := _sum(x, *args, **kwargs)) is None:
        return None
    return total / float(x.size // max(total.size, 1))


#: Functions that are written down as simpler calls which compute the same to the last bit. They
#: return None for arguments for which they do not know how.
LOWERED: dict[Any, Callable[..., Any]] = {np.sum: _sum, np.mean: _mean}


give_operators(Tracer)


def traced(function: Callable[..., Any], leaves: Sequence[Any]) -> tuple[Program, Any]:
    """Run `function` on stand-ins for `leaves`, which are NumPy arrays, NumPy scalars and Python
    floats.

    `function` returns a list of leaves. Returned are its program, whose outputs are these leaves
    with Values in the place of arrays, and the arrays that were met on the way, each with its
    Value.
    """
    for kind in (Tracer, ArrayTracer):
        if kind not in TRACERS:
            BACKENDS[kind] = get_backend("numpy")
            TRACERS[kind] = lambda x, *call: x.trace.call(*call)
    made = Trace()
    outer, ACTIVE.array_type = ACTIVE.array_type, ArrayTracer
    try:
        found = function(*[made.input(x) for x in leaves])
        made.program.outputs = [made.lowered(x)[0] for x in found]
    except Exception:
        if made.broken is not None:
            raise made.broken from None
        raise
    finally:
        made.ended = True
        ACTIVE.array_type = outer
    if made.broken is not None:
        raise made.broken
    if made.changed():
        raise UntraceableError("an array was written after an operation had read it")
    return made.program, list(made.known.values())
