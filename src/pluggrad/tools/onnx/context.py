"""What is known while a program becomes a graph: which tensor stands for which Value."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import UnsupportedError, UntraceableError
from ...staging.program import Call, Value, substituted
from .graph import Graph, Tensor
from .moves import by_places, numbered

__all__ = ["Context"]

#: Operators of Python's, and other names of functions.
NAMES = {
    "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "ipow": "power",
    "neg": "negative", "pos": "positive", "abs": "absolute", "mod": "remainder",
    "floordiv": "floor_divide", "bitwise_not": "invert",
}  # fmt: skip


class Context:
    """A graph under construction. `tensors` has, by Value, what stands for it.

    An array that calls write has a tensor for each of its states, in `states` the latest; its views
    are known by their places in it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors: dict[Value, Tensor] = {}
        self.known: dict[Value, Any] = {}  # arrays whose elements are known
        self.states: dict[Value, Tensor] = {}  # of arrays that are written
        self.views: dict[Value, Any] = {}  # by view of such an array, its places there
        self.written: set[Value] = set()

    def know(self, value: Value, array: Any) -> None:
        """Note what `value` is."""
        if array is None:
            raise UntraceableError("an array that the function refers to does not exist any more")
        if value.memory in self.written:
            self.states[value] = self.graph.constant(array)
        else:
            self.known[value] = array

    def name(self, call: Call) -> str:
        """The name of the function, by which it is looked up."""
        function = call.function
        if isinstance(function, str):
            return NAMES.get(function, function)
        owner = getattr(function, "__self__", None)
        if isinstance(owner, np.ufunc):
            return f"{owner.__name__}.{function.__name__}"
        module = getattr(function, "__module__", None) or ""
        ufunc = isinstance(function, np.ufunc)
        special = ufunc and getattr(np, function.__name__, None) is not function
        packages = [each for each in ("linalg", "fft") if each in module]
        package = "special" if special else "".join(packages)
        name = NAMES.get(function.__name__, function.__name__)
        return f"{package}.{name}" if package else name

    def of(self, x: Any, dtype: Any = None) -> Tensor:
        """The tensor for an argument, cast to `dtype`."""
        if type(x) is not Value:
            return self.graph.constant(x, dtype)
        if x.memory in self.written:
            found = by_places(self.graph, self.states[x.memory], self.places_in(x))
        elif x in self.known:
            found = self.graph.constant(self.known[x])
        else:
            found = self.tensors[x]
        return found if dtype is None else self.cast(found, dtype)

    def cast(self, x: Tensor, dtype: Any) -> Tensor:
        """`x` in another dtype, if ONNX has it."""
        if np.dtype(dtype).kind not in "biuf" or np.dtype(dtype).itemsize > 8:
            raise UnsupportedError(f"it computes with {np.dtype(dtype)}")
        return self.graph.cast(x, dtype)

    def truth(self, x: Any) -> Tensor:
        """Whether the elements of `x` are not 0."""
        return self.cast(self.of(x), np.bool_)

    def working(self, dtype: Any, wraps: bool = False) -> np.dtype[Any]:
        """The dtype to compute in: that of NumPy, or a wider one which gives the same results,
        since not all operators exist for all dtypes. With `wraps`, only the last bits matter."""
        dtype = np.dtype(dtype)
        if dtype.kind not in "biuf" or dtype.itemsize > 8 or (dtype == np.uint64 and not wraps):
            raise UnsupportedError(f"it computes with {dtype}")
        if dtype.kind == "f":
            return np.dtype(np.float32) if dtype.itemsize == 2 else dtype
        return dtype if dtype in (np.int32, np.int64) else np.dtype(np.int64)

    def places_in(self, v: Value) -> Any:
        """The places of `v` in the array that owns its memory, which is written."""
        if v not in self.views:
            self.views[v] = numbered(v.shape)
        return self.views[v]

    def settled(self, x: Any) -> Any:
        """Arguments, with arrays in the place of Values whose elements are known."""
        return substituted(x, lambda v: self.known.get(v, v))
