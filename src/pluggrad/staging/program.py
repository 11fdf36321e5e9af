"""Programs: the calls that a function made, in order, with names in the place of arrays.

A `Value` stands for one array of a program. It knows shape, dtype and memory layout, which are the
same in every run, and not the elements. A `Call` applies a function of NumPy's to Values and to
constants. A `Program` is a list of Calls with the Values that go in and come out.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["Attribute", "Call", "Program", "Value", "attribute", "substituted", "values_in"]


class Value:
    """One array of a program.

    `kind` is "array"; "scalar" for a NumPy scalar, which many reductions return; or "number" for a
    Python float, which has no dtype. `memory` is the Value that owns the memory: another one for a
    view. Values are compared by identity.
    """

    __slots__ = ("dtype", "kind", "memory", "nbytes", "shape", "strides")

    kind: str
    shape: tuple[int, ...]
    dtype: Any
    strides: tuple[int, ...]
    nbytes: int
    memory: Value

    def __init__(self, x: Any, memory: Value | None = None) -> None:
        if type(x) is float:
            self.kind, self.shape, self.dtype, self.strides, self.nbytes = "number", (), None, (), 8
        else:
            self.kind = "array" if type(x) is np.ndarray else "scalar"
            self.shape, self.dtype, self.nbytes, self.strides = (
                x.shape,
                x.dtype,
                x.nbytes,
                x.strides,
            )
        self.memory = self if memory is None else memory

    def copied(self) -> Value:
        """Another Value like this one, with memory of its own."""
        made: Value = object.__new__(Value)
        made.kind, made.shape, made.dtype = self.kind, self.shape, self.dtype
        made.strides, made.nbytes, made.memory = self.strides, self.nbytes, made
        return made

    def like(self, other: Value) -> bool:
        """Whether both have the same kind, shape, dtype and memory layout."""
        return (
            self.shape == other.shape and self.strides == other.strides
            and self.dtype == other.dtype and self.kind == other.kind
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<{self.kind} {self.shape} {self.dtype}>"


class Call:
    """A function applied to `args` and `kwargs`, which hold Values and constants.

    `function` is a callable, or the name of a method of the first argument. `results` has one Value
    for each array that the call returns; `several` says that it returns a tuple or list. `writes`
    are the Values whose memory it changes; a call that writes returns nothing else. `errors` are
    the arguments of the `numpy.errstate` that the function has entered around it, if any.
    """

    __slots__ = ("_inputs", "args", "errors", "function", "kwargs", "results", "several", "writes")

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.results: tuple[Value, ...] = ()
        self.several = False
        self.writes: tuple[Value, ...] = ()
        self.errors: dict[str, Any] | None = None
        self._inputs: list[Value] | None = None

    @property
    def name(self) -> str:
        """The name of the function, for messages and tests."""
        return self.function if isinstance(self.function, str) else self.function.__name__

    def inputs(self) -> list[Value]:
        """The Values among the arguments, in order; one that is used twice comes twice."""
        found = self._inputs
        if found is None:
            found = self._inputs = []
            for x in self.args:
                kind = type(x)
                if kind is Value:
                    found.append(x)
                elif kind is tuple or kind is list or kind is dict:
                    found += values_in(x)
            if self.kwargs:
                found += values_in(self.kwargs)
        return found

    def forget_inputs(self) -> None:
        """Find the inputs again: the arguments have changed."""
        self._inputs = None

    def replaced(self, new: dict[Value, Value]) -> None:
        """Put other Values in the place of arguments."""
        if new.keys().isdisjoint(self.inputs()):
            return
        self._inputs = None
        self.args = substituted(self.args, new)
        if self.kwargs:
            self.kwargs = substituted(self.kwargs, new)
        if self.writes:
            self.writes = tuple([new.get(v, v) for v in self.writes])

    def __repr__(self) -> str:
        return f"<{self.name}{self.args}>"


class Program:
    """Calls in order. `inputs` are the Values that the caller gives. `hidden` are arrays that the
    function refers to by name, each with a weak reference to it: it belongs to the user, and its
    elements are read at each run. `constants` are arrays that the function made without the inputs.
    `outputs` are Values, or anything else, which is returned as it is.
    """

    def __init__(self) -> None:
        self.inputs: list[Value] = []
        self.hidden: list[tuple[Value, weakref.ref[Any]]] = []
        self.constants: list[tuple[Value, Any]] = []
        self.calls: list[Call] = []
        self.outputs: list[Any] = []

    def written(self) -> set[Value]:
        """The memory that calls write."""
        return {v.memory for call in self.calls for v in call.writes}

    def shown(self) -> set[Value]:
        """The memory that the caller gets to see."""
        return {v.memory for v in self.outputs if type(v) is Value}

    def replace(self, new: dict[Value, Value]) -> None:
        """Put other Values in the place of results that are computed no more. The calls have them
        already; this does it for outputs, and for the memory of views."""
        if not new:
            return
        self.outputs = [new.get(v, v) if type(v) is Value else v for v in self.outputs]
        for call in self.calls:
            for v in call.results:
                while v.memory in new:
                    v.memory = new[v.memory].memory


def values_in(x: Any) -> Iterator[Value]:
    """The Values in nested tuples, lists and dicts."""
    if type(x) is Value:
        yield x
    elif type(x) in (tuple, list):
        for item in x:
            yield from values_in(item)
    elif type(x) is dict:
        for item in x.values():
            yield from values_in(item)


def substituted(x: Any, new: dict[Value, Value] | Callable[[Any], Any]) -> Any:
    """`x` with other objects in the place of the Values in it."""
    kind = type(x)
    if kind is Value:
        return new.get(x, x) if type(new) is dict else new(x)  # type: ignore[operator]
    if kind is tuple or kind is list:
        return kind([substituted(item, new) for item in x])
    if kind is dict:
        return {key: substituted(item, new) for key, item in x.items()}
    return x


_attributes: dict[str, Any] = {}


def attribute(name: str) -> Any:
    """The function that reads the attribute `name`, such as ``T``; always the same object."""
    found = _attributes.get(name)
    if found is None:
        found = _attributes[name] = Attribute(name)
    return found


class Attribute:
    """A function that reads an attribute."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self.read = operator.attrgetter(name)

    def __call__(self, x: Any) -> Any:
        return self.read(x)
