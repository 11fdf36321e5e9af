"""Tracers: stand-ins for arrays that write down every operation on them, as a program.

A `Tracer` holds an array and computes with it as its library does. It adds each call to a
`Program`, which can then repeat the computation on other arrays of the same shapes and dtypes. An
operation whose outcome depends on more than these (`bool` of an array, a result whose shape
depends on values) raises `UntraceableError`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..arrays.adapter import Adapter
from ..arrays.backend import BACKENDS, Backend
from ..variables.operators import BINARY, COMPARE, UNARY

__all__ = ["Program", "Tracer", "UntraceableError", "tracers", "tracing"]

#: In bytes. From this size on NumPy reuses the memory of unnamed intermediate arrays, and so their
#: layout; a program names every array and would differ. Large arrays also gain nothing from a
#: program. No result may be this large, nor all constants together.
LARGE = 2**18


class UntraceableError(Exception):
    """The computation depends on more than the shapes and dtypes of the arrays."""


class Program:
    """A list of calls in order. Each applies a function to inputs,
    results of earlier calls, and constants.
    """

    def __init__(self, backend: Backend) -> None:
        """A program without calls, for arrays of `backend`."""
        self.backend = backend  # of the arrays that the program computes with
        self.traced = tracing(backend)
        self.tracer: Any = self.traced.adapter.array_type
        self.inputs: list[str] = []
        self.calls: list[tuple[str, Callable[..., Any], Any, Any]] = []

    def input(self, value: Any) -> Tracer:
        """Add a parameter to the program, and return its tracer; `value` is its value this time."""
        self.inputs.append(f"x{len(self.inputs)}")
        made: Tracer = self.tracer(self, self.inputs[-1], value)
        return made

    def call(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Tracer:
        """Call `function` now, and add the call to the program."""
        y = function(*[_value(x) for x in args], **{key: _value(x) for key, x in kwargs.items()})
        if not hasattr(y, "dtype"):
            raise UntraceableError(f"a result is a {type(y).__name__}, and not an array")
        if getattr(y, "nbytes", 0) >= LARGE:
            raise UntraceableError("a result is a large array")
        self.calls.append((f"y{len(self.calls)}", function, args, kwargs))
        made: Tracer = self.tracer(self, self.calls[-1][0], y)
        return made

    def compiled(self, outputs: list[Any]) -> Callable[..., tuple[Any, ...]]:
        """The program as a Python function of its inputs.

        The function returns a tuple with an array for each of `outputs`, or None where that is
        None. Calls that no output needs are left out, and each result is deleted after its last
        use. Raises UntraceableError if the constants are large arrays.
        """
        scope: dict[str, Any] = {}

        def word(x: Any) -> str:
            """The source text for `x`; a constant gets a name in `scope`."""
            if isinstance(x, Tracer):
                return x.name
            if tracers(x):
                items = "".join([f"{word(item)}, " for item in x])
                return f"({items})" if isinstance(x, tuple) else f"[{items}]"
            scope[f"c{len(scope)}"] = x
            return f"c{len(scope) - 1}"

        copy = word(self.backend.raw("copy"))  # constants belong to the program: return copies
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
    """An array that adds every operation on it to its program."""

    __slots__ = ("name", "program", "value")
    __array_ufunc__ = None  # makes NumPy's arrays defer to our operators
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, program: Program, name: str, value: Any) -> None:
        """The array `name` of `program`, which is `value` this time."""
        self.program, self.name, self.value = program, name, value

    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    device = property(lambda self: getattr(self.value, "device", None))

    def __iadd__(self, other: Any) -> Tracer:
        """Add in place, as the walk does when it sums cotangents.

        NumPy's scalars cannot be written, so for them the program computes a new sum instead.
        """
        usual = self.program.backend.adapter.array_type

        def added(c: Any, a: Any) -> Any:
            if type(c) is not usual or type(a) is not usual:
                return a + c
            c += a
            return c

        return self.program.call(added, (self, other), {})

    def __getitem__(self, key: Any) -> Tracer:
        """Trace an index; a mask raises, because the result's shape depends on its values."""
        if any(["bool" in str(k.dtype) for k in tracers(key)]):
            raise UntraceableError("the shape of what a mask selects depends on values")
        return self.program.call(self.program.backend.getitem, (self, key), {})

    def _asked(self, *args: Any, **kwargs: Any) -> Any:
        """Raise: the computation asks for values."""
        raise UntraceableError("somebody asks for the values of an array")

    __bool__ = __int__ = __float__ = __complex__ = __index__ = __iter__ = __array__ = _asked


def _value(x: Any) -> Any:
    """`x` with each Tracer replaced by its array, also inside tuples and lists."""
    if isinstance(x, Tracer):
        return x.value
    return type(x)([_value(item) for item in x]) if tracers(x) else x


def tracers(x: Any) -> list[Tracer]:
    """All Tracers in `x`: itself, or those in a tuple or list."""
    if isinstance(x, Tracer):
        return [x]
    return [v for item in x for v in tracers(item)] if type(x) in (tuple, list) else []


def _traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, added to the program whenever there is a Tracer among its arguments."""

    def call(*args: Any, **kwargs: Any) -> Any:
        for x in tracers(args):
            return x.program.call(function, args, kwargs)
        return function(*args, **kwargs)

    return call


def _set_operators() -> None:
    """Give `Tracer` the operators of arrays, each of which adds itself to the program."""
    for name, function in (UNARY | BINARY | COMPARE).items():
        call: Any = _traced(function)  # type: ignore[arg-type]
        setattr(Tracer, f"__{name}__", call)
        if name in BINARY:
            setattr(Tracer, f"__r{name}__", lambda self, other, call=call: call(other, self))


_set_operators()
#: Functions whose result has a shape that depends on values: they cannot be traced.
DEPENDENT = frozenset({"nonzero", "repeat", "unique_all", "unique_counts", "unique_inverse",
                       "unique_values"})  # fmt: skip


@functools.cache
def tracing(backend: Backend) -> Backend:
    """The backend of Tracers that stand for arrays of `backend`."""
    made = _Tracing(backend)
    BACKENDS[made.adapter.array_type] = made  # type: ignore[index]
    return made


class _Tracing(Backend):
    """A backend whose raw functions are those of `backend`, traced."""

    def __init__(self, backend: Backend) -> None:
        """Make the backend, with an adapter like that of `backend`."""
        self._traces = backend
        super().__init__(_Adapter(backend))

    def _find_raw(self, name: str) -> Callable[..., Any]:
        """The traced version of the raw function `name`."""
        if name == "getitem":
            return self.getitem
        if name in DEPENDENT:
            raise UntraceableError(f"the shape of what {name} returns depends on values")
        # `put` copies, `put_in_place` writes: a constant of the program must never be written.
        return _traced(self._traces.raw("put" if name == "put_in_place" else name))


class _Adapter(Adapter):
    """An adapter for Tracers. It has the settings of the arrays' own adapter, so that a program
    sums in the same order and gives arrays of the same layout.
    """

    def __init__(self, backend: Backend) -> None:
        """Copy the settings of the adapter of `backend`."""
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
        """The Array API namespace of the arrays that Tracers stand for."""
        return self._of.xp

    def one(self, x: Any) -> Any:
        """The number 1 like `x`; a constant of the program."""
        return self._of.adapter.one(x)

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """Trace the scatter-add of the arrays' own adapter."""
        add, copy = self._of.adapter.scatter_add, self._of.raw("copy")
        constant = not isinstance(buffer, Tracer)  # never write a constant: copy it

        def scattered(buffer: Any, *pieces: Any) -> Any:
            into = copy(buffer) if constant else buffer
            return add(into, list(zip(pieces[::2], pieces[1::2], strict=True)))

        return _traced(scattered)(buffer, *[x for piece in pieces for x in piece])
