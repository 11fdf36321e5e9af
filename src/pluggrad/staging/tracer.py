"""Tracers: arrays that write down what is computed of them, and the program that comes of it.

A `Tracer` holds an array, computes with it as its library does, and adds each call to a `Program`,
which computes the same of other arrays of these shapes and dtypes. What depends on values beside
that (a question for one, a shape) raises `UntraceableError`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..arrays.adapter import Adapter
from ..arrays.backend import BACKENDS, Backend
from ..variables.operators import BINARY, COMPARE, UNARY

__all__ = ["Program", "Tracer", "UntraceableError", "tracers", "tracing"]

#: Bytes. From there on NumPy reuses arrays without a name for results, in their layout, and a
#: program names all; and it would not pay. Nor may its constants be as large.
LARGE = 2**18


class UntraceableError(Exception):
    """What is computed depends on more than the shapes and dtypes of the arrays."""


class Program:
    """Calls in their order, each of a function on inputs, on results of calls before, and on
    constants."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend  # of the arrays that are computed with
        self.traced = tracing(backend)
        self.tracer: Any = self.traced.adapter.array_type
        self.inputs: list[str] = []
        self.calls: list[tuple[str, Callable[..., Any], Any, Any]] = []

    def input(self, value: Any) -> Tracer:
        """The tracer of one more argument; `value` is what it is this time."""
        self.inputs.append(f"x{len(self.inputs)}")
        made: Tracer = self.tracer(self, self.inputs[-1], value)
        return made

    def call(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Tracer:
        """Call `function`, and take it into the program."""
        y = function(*[_value(x) for x in args], **{key: _value(x) for key, x in kwargs.items()})
        if not hasattr(y, "dtype"):
            raise UntraceableError(f"a result is a {type(y).__name__}, and not an array")
        if getattr(y, "nbytes", 0) >= LARGE:
            raise UntraceableError("a result is a large array")
        self.calls.append((f"y{len(self.calls)}", function, args, kwargs))
        made: Tracer = self.tracer(self, self.calls[-1][0], y)
        return made

    def compiled(self, outputs: list[Any]) -> Callable[..., tuple[Any, ...]]:
        """A Python function of the inputs, which returns a tuple: for each output an array, or None
        if it is None. Calls that no output needs are left out, and results are let go after their
        last use. UntraceableError if it would hold large arrays."""
        scope: dict[str, Any] = {}

        def word(x: Any) -> str:
            if isinstance(x, Tracer):
                return x.name
            if tracers(x):
                items = "".join([f"{word(item)}, " for item in x])
                return f"({items})" if isinstance(x, tuple) else f"[{items}]"
            scope[f"c{len(scope)}"] = x
            return f"c{len(scope) - 1}"

        copy = word(self.backend.raw("copy"))  # for constants, which stay ours
        found = [word(v) if v is None or isinstance(v, Tracer) else f"{copy}({word(v)})"
                 for v in outputs]  # fmt: skip
        lines = [f"    return ({''.join([f'{item}, ' for item in found])})"]
        needed = {v.name for v in outputs if isinstance(v, Tracer)}
        for name, function, args, kwargs in reversed(self.calls):
            if name not in needed:
                continue
            last = {x.name for x in tracers((*args, *kwargs.values()))} - needed
            if last:
                lines.append(f"    del {', '.join(sorted(last))}")
                needed |= last
            words = [word(x) for x in args] + [f"{key}={word(x)}" for key, x in kwargs.items()]
            lines.append(f"    {name} = {word(function)}({', '.join(words)})")
        lines.append(f"def program({', '.join(self.inputs)}):")
        sizes = [getattr(x, "nbytes", 0) for x in scope.values()]
        if sum([size for size in sizes if isinstance(size, int)]) > LARGE:
            raise UntraceableError("the constants are large arrays")
        exec("\n".join(lines[::-1]), scope)
        program: Callable[..., tuple[Any, ...]] = scope["program"]
        return program


class Tracer:
    """An array that writes down what is computed of it."""

    __slots__ = ("name", "program", "value")
    __array_ufunc__ = None  # NumPy's arrays leave their operators to ours
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, program: Program, name: str, value: Any) -> None:
        self.program, self.name, self.value = program, name, value

    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    device = property(lambda self: getattr(self.value, "device", None))

    def __iadd__(self, other: Any) -> Tracer:
        """The walk's sum in place: of arrays alone, not of NumPy's scalars, which it replaces."""
        usual = self.program.backend.adapter.array_type

        def added(c: Any, a: Any) -> Any:
            if type(c) is not usual or type(a) is not usual:
                return a + c
            c += a
            return c

        return self.program.call(added, (self, other), {})

    def __getitem__(self, key: Any) -> Tracer:
        if any(["bool" in str(k.dtype) for k in tracers(key)]):
            raise UntraceableError("the shape of what a mask selects depends on values")
        return self.program.call(self.program.backend.getitem, (self, key), {})

    def _asked(self, *args: Any, **kwargs: Any) -> Any:
        raise UntraceableError("somebody asks for the values of an array")

    __bool__ = __int__ = __float__ = __complex__ = __index__ = __iter__ = __array__ = _asked


def _value(x: Any) -> Any:
    """`x`, with arrays in the place of Tracers, also in tuples and lists."""
    if isinstance(x, Tracer):
        return x.value
    return type(x)([_value(item) for item in x]) if tracers(x) else x


def tracers(x: Any) -> list[Tracer]:
    """`x`, if it is one; those in a tuple or list."""
    if isinstance(x, Tracer):
        return [x]
    return [v for item in x for v in tracers(item)] if type(x) in (tuple, list) else []


def _traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which goes into the program if there is a Tracer among its arguments."""

    def call(*args: Any, **kwargs: Any) -> Any:
        for x in tracers(args):
            return x.program.call(function, args, kwargs)
        return function(*args, **kwargs)

    return call


def _set_operators() -> None:
    for name, function in (UNARY | BINARY | COMPARE).items():
        call: Any = _traced(function)  # type: ignore[arg-type]
        setattr(Tracer, f"__{name}__", call)
        if name in BINARY:
            setattr(Tracer, f"__r{name}__", lambda self, other, call=call: call(other, self))


_set_operators()
#: Functions whose results have shapes that depend on values.
DEPENDENT = frozenset({"nonzero", "repeat", "unique_all", "unique_counts", "unique_inverse",
                       "unique_values"})  # fmt: skip


@functools.cache
def tracing(backend: Backend) -> Backend:
    """The backend of Tracers of arrays of `backend`."""
    made = _Tracing(backend)
    BACKENDS[made.adapter.array_type] = made  # type: ignore[index]
    return made


class _Tracing(Backend):
    def __init__(self, backend: Backend) -> None:
        self._traces = backend
        super().__init__(_Adapter(backend))

    def _find_raw(self, name: str) -> Callable[..., Any]:
        if name == "getitem":
            return self.getitem
        if name in DEPENDENT:
            raise UntraceableError(f"the shape of what {name} returns depends on values")
        # A constant of the program must not be written: it is the same one each time.
        return _traced(self._traces.raw("put" if name == "put_in_place" else name))


class _Adapter(Adapter):
    """Like that of the arrays: sums are in the same order as theirs, and in the same layout."""

    def __init__(self, backend: Backend) -> None:
        self._of = backend
        adapter = backend.adapter
        self.name = f"{adapter.name}, traced"
        self.array_type = type("Tracer", (Tracer,), {"__slots__": ()})
        self.functions = {"getitem": lambda x, key: x[key]}
        self.writable, self.last_write_wins = adapter.writable, adapter.last_write_wins
        self.accumulates_in_place = adapter.accumulates_in_place
        self.promotes = adapter.promotes
        self.integers_first = adapter.integers_first
        self.slices_beside_arrays = adapter.slices_beside_arrays

    def namespace(self) -> Any:
        return self._of.xp

    def one(self, x: Any) -> Any:
        return self._of.adapter.one(x)

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        add, copy = self._of.adapter.scatter_add, self._of.raw("copy")
        constant = not isinstance(buffer, Tracer)  # which is not to be written

        def scattered(buffer: Any, *pieces: Any) -> Any:
            into = copy(buffer) if constant else buffer
            return add(into, list(zip(pieces[::2], pieces[1::2], strict=True)))

        return _traced(scattered)(buffer, *[x for piece in pieces for x in piece])
