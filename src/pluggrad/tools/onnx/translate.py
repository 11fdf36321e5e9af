"""From a program to a graph: each call becomes nodes."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...staging.engines import program_of
from ...staging.program import Call, Program, Value, substituted, values_in
from .context import Context
from .formulas import DOUBLE, FLOATS, INTEGERS
from .graph import Tensor
from .moves import (
    FILLING,
    KEEPING,
    MOVES,
    TRANSPOSES,
    applied,
    by_places,
    moved,
    numbered,
    transposed,
    words,
)
from .rows import BOOLEAN, ELEMENTWISE, REDUCTIONS, ROWS, WRAPPING, reduce
from .sums import FORMULAS
from .writes import selected, view, write

__all__ = ["Translator"]

#: Functions whose result depends on shapes alone.
SHAPED = words("zeros_like ones_like empty_like")


class _Named(UnsupportedError):
    """An error that names the call."""


class Translator(Context):
    """Adds programs to a graph."""

    def add(self, program: Program) -> list[Any]:
        """Add the calls of a program, whose inputs have tensors. Returns its outputs, with tensors
        in the place of Values."""
        self.written |= program.written()
        for value, reference in program.hidden:
            self.know(value, reference())
        for value, array in program.constants:
            self.know(value, array)
        for call in program.calls:
            try:
                self.translate(call)
            except _Named:
                raise
            except (TypeError, UnsupportedError) as error:
                raise _Named(
                    f"`{self.name(call)}` cannot be written as ONNX: {error}; give its result as "
                    "an argument of the function, or write it with other functions"
                ) from error
        return [self.of(v) if type(v) is Value else v for v in program.outputs]

    # ------------------------------------------------------------ calls

    def translate(self, call: Call) -> None:
        """Add nodes for one call."""
        if call.writes:
            write(self, call, self.computed)
            return
        memory = {v.memory for v in call.results if v.memory is not v} & self.written
        if memory:
            view(self, call)
            return
        found = self.computed(call)
        for value, x in zip(call.results, found if call.several else [found], strict=True):
            if x.shape != value.shape:
                raise UnsupportedError(f"its result would have the shape {x.shape}")
            x = self.cast(x, value.dtype or np.float64)
            if value in self.written:
                self.states[value] = x
            else:
                self.tensors[value] = x

    def computed(self, call: Call) -> Any:
        """The tensor, or the tensors, that a call without writes returns."""
        name, args, kwargs = self.name(call), self.settled(call.args), self.settled(call.kwargs)
        y, inputs = call.results[0], call.inputs()
        for v in (*inputs, *call.results):
            if v.dtype is not None and (v.dtype.kind not in "biuf" or v.dtype.itemsize > 8):
                raise UnsupportedError(f"it computes with {v.dtype}")
        if name in SHAPED or (name != "where" and not any([math.prod(v.shape) for v in inputs])):
            return self.without_elements(call)
        if not any([math.prod(v.shape) for v in call.results]):
            return self.each(call, lambda v: np.zeros(v.shape, v.dtype))
        if name == "full_like":
            return self.graph.expand(self.of(call.args[1], y.dtype), y.shape)
        if name in KEEPING:
            return self.graph.reshape(self.cast(self.of(call.args[0]), y.dtype), y.shape)
        if name in TRANSPOSES:
            return transposed(self.graph, self.of(args[0]), call.function, args[1:], kwargs)
        if name in MOVES or name in FILLING or name == "pad":
            return self.moves(call, name, args, kwargs)
        base = name.removesuffix(".reduce")
        if name in REDUCTIONS or (base != name and base in REDUCTIONS.values()):
            return reduce(self, call, REDUCTIONS.get(name, base))
        kind = np.result_type(*[v.dtype or np.float64 for v in inputs])
        if type(call.function) is np.ufunc and call.function.signature is None:
            kind = self.loop(call, call.function)[0]
        tables = [(INTEGERS, kind.kind in "biu"), (FORMULAS, True)]
        tables += [(FLOATS, kind.kind == "f"), (DOUBLE, kind == np.float64)]
        for table, fits in tables:
            if fits and name in table:
                return self.formula(call, table[name])
        if name in ROWS:
            return ROWS[name](self, call)
        if name in ELEMENTWISE or name == "not_equal":
            return self.elementwise(call, name)
        raise UnsupportedError("ONNX has no operator for it")

    def each(self, call: Call, make: Any) -> Any:
        """A constant for each result."""
        found = [self.graph.constant(make(v)) for v in call.results]
        return found if call.several else found[0]

    def without_elements(self, call: Call) -> Any:
        """The result of a call which no element enters: as NumPy computes it."""
        empty = lambda v: np.zeros(v.shape, v.dtype)
        args, kwargs = substituted(call.args, empty), substituted(call.kwargs, empty)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = applied(call.function, args[0], args[1:], kwargs)
        arrays = iter(found if call.several else [found])
        return self.each(call, lambda v: np.asarray(next(arrays), v.dtype))

    def elementwise(self, call: Call, name: str) -> Tensor:
        """A ufunc, in the dtype in which NumPy computes it."""
        ufunc = call.function if isinstance(call.function, np.ufunc) else getattr(np, name)
        y, graph = call.results[0], self.graph
        loop = self.loop(call, ufunc)
        boolean = all([d == np.bool_ for d in loop[:-1]])
        if boolean and name in BOOLEAN:
            return graph.op(
                BOOLEAN[name], [self.of(x, np.bool_) for x in call.args], np.bool_, y.shape
            )
        logical = name.startswith("logical")
        if logical:
            return graph.op(
                ELEMENTWISE[name], [self.truth(x) for x in call.args], np.bool_, y.shape
            )
        kind = np.dtype(np.int32) if boolean else self.working(loop[0], name in WRAPPING)
        tensors = [self.cast(self.of(x, d), kind) for x, d in zip(call.args, loop, strict=False)]
        result = np.dtype(np.bool_) if loop[-1] == np.bool_ else kind
        if name == "not_equal":
            same = graph.op("Equal", tensors, np.bool_, y.shape)
            return graph.op("Not", [same], np.bool_, y.shape)
        return self.cast(graph.op(ELEMENTWISE[name], tensors, result, y.shape), loop[-1])

    def loop(self, call: Call, ufunc: Any) -> tuple[Any, ...]:
        """The dtypes to which NumPy casts the arguments, and those of the results."""
        if not call.kwargs.keys() <= {"dtype", "casting", "order", "subok"}:
            raise TypeError(f"the arguments {', '.join(call.kwargs)}")
        kinds = [_kind(x) for x in call.args]
        nothing = [None] * ufunc.nout
        wanted = call.kwargs.get("dtype")
        fixed = {}
        if wanted is not None:
            fixed["signature"] = (*[None] * len(kinds), *[np.dtype(wanted) for _ in nothing])
        found: tuple[Any, ...] = ufunc.resolve_dtypes((*kinds, *nothing), **fixed)
        return found

    def formula(self, call: Call, formula: Any) -> Any:
        """The calls that a formula makes, in the place of one."""
        values = list(dict.fromkeys(call.inputs()))
        elementwise = type(call.function) is np.ufunc and call.function.signature is None
        loop = self.loop(call, call.function) if elementwise else None

        def function(*leaves: Any) -> Any:
            given = dict(zip(values, leaves, strict=True))
            args, kwargs = substituted(call.args, given), substituted(call.kwargs, given)
            if loop is not None:
                args, kwargs = [_converted(x, d) for x, d in zip(args, loop, strict=False)], {}
            found = formula(*args, **kwargs)
            return tuple(found) if call.several else (found,)

        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = program_of(function, [_example(v) for v in values], set())
        for v, leaf in zip(values, program.inputs, strict=True):
            self.tensors[leaf] = self.of(v)
            if v in self.known:
                self.known[leaf] = self.known[v]
        try:
            outputs = self.add(program)
        except UnsupportedError as error:
            raise UnsupportedError(str(error.__cause__)) from None  # the user has called another
        found = [x if isinstance(x, Tensor) else self.graph.constant(x) for x in outputs]
        return found if call.several else found[0]

    def moves(self, call: Call, name: str, args: Any, kwargs: Any) -> Any:
        """What only moves elements, or fills up with zeros."""
        x, y = self.of(call.args[0]), call.results[0]
        if name == "view" and y.dtype != x.dtype:
            raise TypeError("bytes read as another dtype")
        key = args[1] if name == "getitem" else None
        if name == "take" and any(values_in([args[1:], kwargs])):
            key = self.taken(x, args, kwargs)
        if key is not None and any(values_in([key])):
            return by_places(self.graph, x, selected(self, x.shape, key))
        if any(values_in([args[1:], kwargs])):
            raise TypeError("its arguments are computed")
        found = moved(self.graph, x, name, args[1:], kwargs, y.shape)
        if found is not None:
            return found
        if {"A", "K"} & {kwargs.get("order"), *[k for k in args[1:] if isinstance(k, str)]}:
            raise TypeError("the order of elements in memory")
        filling = name in FILLING or (name == "pad" and not kwargs.get("constant_values", 0))
        if name == "pad" and not filling:
            raise TypeError("the argument `constant_values`")
        places = applied(call.function, numbered(x.shape, first=int(filling)), args[1:], kwargs)
        if filling:
            zero = self.graph.constant([0], x.dtype)
            flat = self.graph.reshape(x, (math.prod(x.shape),))
            x = self.graph.op("Concat", [zero, flat], x.dtype, (flat.shape[0] + 1,), axis=0)
        if call.several:
            return [by_places(self.graph, x, each) for each in places]
        return by_places(self.graph, x, np.asarray(places))

    def taken(self, x: Tensor, args: Any, kwargs: Any) -> Any:
        """`take` with indices that are computed, as a key."""
        found = dict(zip(("a", "indices", "axis", "out", "mode"), args, strict=False)) | kwargs
        if found.get("mode", "raise") != "raise":
            raise TypeError("the argument `mode`")
        axis = found.get("axis")
        if axis is None and len(x.shape) != 1:
            raise TypeError("indices without an axis")
        axis = (axis or 0) % len(x.shape)
        return (*[slice(None)] * axis, found["indices"])


def _converted(x: Any, dtype: Any) -> Any:
    """`x`, an array or a number, in another dtype."""
    if not hasattr(x, "dtype"):
        return np.asarray(x, dtype)[()]
    return x if x.dtype == dtype else np.astype(x, dtype)


def _kind(x: Any) -> Any:
    """What NumPy's promotion sees of an argument."""
    if type(x) is Value:
        return x.dtype or float
    return type(x) if type(x) in (int, float, complex) else np.asarray(x).dtype


def _example(v: Value) -> Any:
    """Something like what `v` stands for."""
    if v.kind == "number":
        return 1.0
    return np.ones(v.shape, v.dtype) if v.kind == "array" else v.dtype.type(1)
