"""A graph of ONNX under construction: nodes, constants, and names for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["OPSET", "Graph", "Tensor"]

OPSET = 18  # the first in which all reductions take their axes as an input
IR_VERSION = 8  # the version of the file format that came with it: older runtimes read it, too


class Tensor(NamedTuple):
    """An array in the graph."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class Graph:
    """Nodes in order, with what goes in and comes out."""

    def __init__(self) -> None:
        import onnx  # here, so that this module can be read without it

        self._onnx = onnx
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self._constants: dict[Any, tuple[Tensor, Any]] = {}
        self._names: set[str] = set()
        self._made: set[str] = set()  # by nodes
        self._renamed: dict[str, str] = {}

    def name(self, wanted: str) -> str:
        """`wanted`, with a number behind it if it is taken."""
        name, count = wanted, 1
        while name in self._names:
            count += 1
            name = f"{wanted}_{count}"
        self._names.add(name)
        return name

    def input(self, name: str, dtype: Any, shape: tuple[int, ...]) -> Tensor:
        """A new input."""
        made = Tensor(self.name(name), np.dtype(dtype), shape)
        self.inputs.append(self._declared(made))
        return made

    def output(self, name: str, x: Tensor) -> None:
        """Make `x` an output. What a node returns gets the name of the output: onnxruntime fuses
        nodes rightly around an output, and not always around a copy of one."""
        made = Tensor(self.name(name), x.dtype, x.shape)
        if x.name in self._made and x.name not in self._renamed:
            self._renamed[x.name] = made.name
        else:
            self.nodes.append(self._onnx.helper.make_node("Identity", [x.name], [made.name]))
        self.outputs.append(self._declared(made))

    def constant(self, x: Any, dtype: Any = None, name: str = "constant") -> Tensor:
        """A tensor that holds `x`. Equal ones are held once."""
        array = np.ascontiguousarray(np.asarray(x, dtype)).reshape(np.shape(x))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            made = Tensor(self.name(name), array.dtype, array.shape)
            self._constants[key] = (made, self._onnx.numpy_helper.from_array(array, made.name))
        return self._constants[key][0]

    def op(
        self,
        op: str,
        inputs: Sequence[Tensor],
        dtype: Any,
        shape: Any,
        skip: int = 0,
        **attributes: Any,
    ) -> Tensor:
        """A node, and its result of this dtype and shape, before which it has `skip` others."""
        if 0 in shape and not skip:  # there is nothing to compute, and 0 means more to a reshape
            return self.constant(np.zeros(shape), dtype)
        made = Tensor(self.name(op.lower()), np.dtype(dtype), tuple(shape))
        self._made.add(made.name)
        results = [*[self.name("unused") for _ in range(skip)], made.name]
        self.nodes.append(
            self._onnx.helper.make_node(op, [x.name for x in inputs], results, **attributes)
        )
        return made

    def cast(self, x: Tensor, dtype: Any) -> Tensor:
        """`x` in another dtype."""
        dtype = np.dtype(dtype)
        if x.dtype == dtype:
            return x
        return self.op(
            "Cast", [x], dtype, x.shape, to=self._onnx.helper.np_dtype_to_tensor_dtype(dtype)
        )

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """`x` in another shape."""
        shape = tuple(shape)
        if x.shape == shape:
            return x
        return self.op("Reshape", [x, self.constant(shape, np.int64)], x.dtype, shape)

    def part(self, x: Tensor, start: int, stop: int) -> Tensor:
        """The elements of a vector from `start` to `stop`."""
        if (start, stop) == (0, x.shape[0]):
            return x
        ends = [self.constant([each], np.int64) for each in (start, stop)]
        return self.op("Slice", [x, *ends], x.dtype, (stop - start,))

    def expand(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """`x` broadcast to `shape`."""
        shape = tuple(shape)
        if x.shape == shape:
            return x
        return self.op("Expand", [x, self.constant(shape, np.int64)], x.dtype, shape)

    def model(self, name: str) -> Any:
        """The finished model."""
        for node in self.nodes:
            node.input[:] = [self._renamed.get(name, name) for name in node.input]
            node.output[:] = [self._renamed.get(name, name) for name in node.output]
        held = [proto for _, proto in self._constants.values()]
        graph = self._onnx.helper.make_graph(self.nodes, name, self.inputs, self.outputs, held)
        return self._onnx.helper.make_model(
            graph, producer_name="pluggrad", ir_version=IR_VERSION,
            opset_imports=[self._onnx.helper.make_opsetid("", OPSET)],
        )  # fmt: skip

    def _declared(self, x: Tensor) -> Any:
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(x.dtype)
        return self._onnx.helper.make_tensor_value_info(x.name, kind, x.shape)
