"""The facts that a picture of a graph shows: vertices with names, shapes, dtypes and saved arrays.

A Node stores what its rule needs, and no shape of its own. Shapes are therefore inferred from what
surrounds it: the Variables drawn, the leaves, the saved values, and rules that keep the shape.
"""

from __future__ import annotations

import functools
import itertools
import math
import types
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import optree

from ...arrays.backend import backend_of
from ...arrays.dispatch import is_variable
from ...engine.backward import nodes_below
from ...engine.custom_call import Call
from ...engine.custom_node import SHARING
from ...engine.graph import LeafNode, Node
from ...engine.record import PART
from ...engine.saved import Box, Kept
from ...rules.reductions import axes_of

__all__ = ["Graph", "Vertex", "count_bytes", "size_text"]

#: Primitives that users know by another name, and that name.
LABELS = {"softmax_of": "softmax", "log_softmax_of": "log_softmax", "log_sum": "logsumexp",
          "put": "setitem"}  # fmt: skip
PLAIN = (str, bytes, int, float, complex, type(None))  # types that contain no Variables
#: Primitives, other than elementwise ones, whose result has the shape of one input: its position.
SAME = {"softmax_of": 0, "log_softmax_of": 0, "put": 1, "copy": 0, "flip": 0, "roll": 0,
        "tril": 0, "triu": 0, "conj": 0}  # fmt: skip


class Vertex:
    """One thing to draw: an operation, one of several outputs, a leaf, or a given Variable."""

    __slots__ = ("arrays", "dtype", "freed", "has_grad", "inputs", "kind", "label", "name", "node",
                 "saved", "shape")  # fmt: skip

    def __init__(self, kind: str, label: str, name: str = "", node: Node | None = None) -> None:
        """`kind` is "operation", "part" (one of several outputs), "leaf" or "output"."""
        self.kind, self.label, self.name, self.node = kind, label, name, node
        self.shape: Any = None
        self.dtype: Any = None
        self.freed = self.has_grad = False
        self.inputs: list[int] = []
        self.saved: list[str] = []
        self.arrays: dict[int, int] = {}  # bytes of each array that it saves, by id


class Graph:
    """The vertices below some Variables, each result before the vertices it was computed from."""

    def __init__(self, outputs: list[tuple[str, Any]], names: Any, around: Any = ()) -> None:
        """The graph below named `outputs`; leaves take their names from `names` and `around`."""
        named = _named(names)
        shown = [(name, *_recorded(v)) for name, v in outputs]
        roots = [node for _, _, node in shown if isinstance(node, Node)]
        order = nodes_below(roots)
        _name_leaves(order, around, named)
        shapes = _shapes(order, shown)
        self.vertices: list[Vertex] = []
        for name, v, _ in shown:
            vertex = Vertex("output", name, name)
            vertex.shape, vertex.dtype = tuple(v.shape), v.dtype
            self.vertices.append(vertex)
        place = {}
        only = []  # nodes of single outputs, which are drawn as the operation itself
        for node in order:
            if node.rule is PART and type(node.saved) is tuple and len(node.saved[1]) == 1:
                only.append(node)
                for facts in (named, shapes):
                    if node in facts:
                        facts[node.parent] = facts[node]  # type: ignore[index]
            elif node.rule.primitive is not SHARING:
                place[node] = len(self.vertices)
                self.vertices.append(_vertex(node, named.get(node, ""), shapes.get(node)))
        drawn = list(place.items())
        place.update({node: place[node.parent] for node in only if node.parent is not None})
        for node, number in drawn:
            source = node
            if node.parent is not None and node.parent.rule.primitive is SHARING:
                source = node.parent  # a custom operation has two nodes; they are drawn as one
            edge: Any = source
            inputs = self.vertices[number].inputs
            while edge is not None and edge.parent is not None:
                inputs.append(place[edge.parent])
                edge = edge.more
        for number, (_, _, node) in enumerate(shown):
            if isinstance(node, Node):
                self.vertices[number].inputs.append(place[node])

    def count(self, *kinds: str) -> int:
        """How many vertices have one of these kinds."""
        return sum([v.kind in kinds for v in self.vertices])


def _recorded(v: Any) -> tuple[Any, Any]:
    """`v` and its node; for a batch or a dual, the recorded Variable inside it."""
    value, node = v._read()
    while not isinstance(node, Node) and is_variable(value):
        v = value
        value, node = v._read()
    return v, node


def _named(names: Any) -> dict[Any, str]:
    """The given names, by node."""
    found = {}
    paths, leaves, _ = optree.tree_flatten_with_path(names if names is not None else {})
    for path, v in zip(paths, leaves, strict=True):
        node = _recorded(v)[1] if is_variable(v) else None
        if node is not None and path:
            found[node] = ".".join([str(part) for part in path])
    return found


def _name_leaves(order: list[Node], around: Iterable[Any], named: dict[Any, str]) -> None:
    """Add to `named` the leaves found by name in the scopes `around`, preferring the shortest path.

    Containers and attributes are searched, too, up to a limit that keeps this quick.
    """
    missing = {node for node in order if isinstance(node, LeafNode) and node not in named}
    seen: set[int] = set()
    waiting = deque([("", scope) for scope in around])
    left = 50_000  # how many more things to look at
    while waiting and missing and left > 0:
        name, x = waiting.popleft()
        if id(x) in seen:
            continue
        seen.add(id(x))
        for key, item in _parts(x):
            left -= 1
            if not (key.isidentifier() and key[0] != "_") if not name else key[:2] == "__":
                continue  # set by a shell, a test runner or Python itself
            if not is_variable(item):
                if not isinstance(item, PLAIN):
                    waiting.append((f"{name}{key}.", item))
            elif item._node in missing:
                missing.remove(item._node)
                named[item._node] = f"{name}{key}".removeprefix("self.")


def _parts(x: Any) -> Iterator[tuple[str, Any]]:
    """The contents of `x`, by name. No property or other code of `x` is run."""
    kind = type(x)
    if issubclass(kind, (list, tuple)):
        items: Any = enumerate(x)
    elif issubclass(kind, dict):
        items = dict.items(x)
    elif issubclass(kind, (type, types.ModuleType, types.FunctionType)):
        return
    else:
        try:
            items = object.__getattribute__(x, "__dict__").items()
        except AttributeError:
            return
    for key, item in itertools.islice(items, 2000):
        if type(key) in (str, int):
            yield str(key), item


def _vertex(node: Node, name: str, shape: Any) -> Vertex:
    """The vertex for a node."""
    primitive = node.rule.primitive
    if isinstance(node, LeafNode):
        vertex = Vertex("leaf", name or "leaf", name, node)
        v = _leaf(node)
        vertex.has_grad = v is not None and v.grad is not None
    elif primitive is PART.primitive:
        label = "one output"
        if type(node.saved) is tuple:
            label = f"output {node.saved[0] + 1} of {len(node.saved[1])}"
        vertex = Vertex("part", f"{name} = {label}" if name else label, name, node)
    else:
        label = _label(primitive.name)
        vertex = Vertex("operation", f"{name} = {label}" if name else label, name, node)
        _note_saved(vertex, node)
        if len(vertex.saved) > 1:
            vertex.saved.sort()
    vertex.freed = node.rule is primitive.freed and vertex.kind != "leaf"
    if shape is not None:
        vertex.shape, vertex.dtype = shape
    return vertex


@functools.cache
def _label(name: str) -> str:
    """The name under which users know the primitive `name`."""
    for prefix in ("special.", "linalg.", "fft."):
        name = name.removeprefix(prefix)
    return LABELS.get(name, name)


def _leaf(node: Node) -> Any:
    """The Variable of a leaf node; None if it no longer exists."""
    reference = node.more_of().variable
    return None if reference is None else reference()


# ---------------------------------------------------------------- saved arrays


def _note_saved(vertex: Vertex, node: Node) -> None:
    """Note on `vertex` which arrays `node` has saved, by name, and their sizes in bytes."""
    edge: Any = node
    while edge is not None:
        names, values = _saved(edge)
        for name, value in zip(names, values, strict=False):
            if type(value) is Call:
                _note_call(vertex, value)
                continue
            found = _arrays(value)
            if found:
                vertex.arrays.update(found)
                if name not in vertex.saved:
                    vertex.saved.append(name)
        edge = edge.more


def _note_call(vertex: Vertex, made: Call) -> None:
    """Note the arrays that a call of a custom operation keeps."""
    for name in ("inputs", "outputs", "residuals"):
        found = _arrays(getattr(made, name))
        if found.keys() - vertex.arrays.keys():
            vertex.saved.append(name)
        vertex.arrays.update(found)


def _saved(edge: Any) -> tuple[Any, Any]:
    """The names and the values of what an edge saves."""
    rule, saved = edge.rule, edge.saved
    if not rule.names or saved is None:
        return (), ()
    if type(saved) is Box:
        saved = saved.content
    if rule.is_careful:
        saved = saved[0]
    return (rule.names, saved) if len(rule.names) > 1 else (rule.names, (saved,))


def _arrays(value: Any) -> dict[int, int]:
    """The size in bytes of each array in `value`, by id."""
    found = {}
    stack = [value]
    while stack:
        x = stack.pop()
        if isinstance(x, Kept):
            x = x.value
        while is_variable(x):
            x = x._value
        if hasattr(x, "dtype") and hasattr(x, "shape"):
            if not _is_number(x):
                found[id(x)] = count_bytes(x)
        elif isinstance(x, (tuple, list)):
            stack.extend(x)
        elif isinstance(x, dict):
            stack.extend(x.values())
    return found


def _is_number(x: Any) -> bool:
    """Whether the array `x` stands for a Python number (see `Adapter.numbers`)."""
    backend = None if x.shape else backend_of(x)
    return backend is not None and any([x is n for n in backend.adapter.numbers[1].values()])


def count_bytes(x: Any) -> int:
    """The size of an array in bytes; 0 if it is unknown."""
    count = getattr(x, "nbytes", None)
    if count is None:
        count = math.prod([math.nan if n is None else n for n in x.shape]) * _itemsize(x.dtype)
    return int(count) if count == count else 0


def _itemsize(dtype: Any) -> int:
    """The bytes of one element."""
    size = getattr(dtype, "itemsize", None)
    if size is None:
        import numpy as np

        size = np.dtype(str(dtype).rpartition(".")[2]).itemsize
    return int(size)


def size_text(count: int) -> str:
    """A number of bytes for people to read.

    >>> size_text(240), size_text(3_400_000)
    ('240 B', '3.4 MB')
    """
    if count < 1000:
        return f"{count} B"
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.95:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}"


# ---------------------------------------------------------------- shapes


def _shapes(order: list[Node], shown: Iterable[tuple[str, Any, Any]]) -> dict[Node, Any]:
    """The shape and dtype of each node's result, as far as they can be inferred."""
    found: dict[Node, Any] = {}
    for _, v, node in shown:
        if isinstance(node, Node):
            found[node] = (tuple(v.shape), v.dtype)
    for node in order:
        if isinstance(node, LeafNode):
            v = _leaf(node)
            if v is not None:
                found[node] = (tuple(v.shape), v.dtype)
        elif node.rule is not node.rule.primitive.freed:
            _look(node, found)
    # Propagate known shapes: to inputs, then to results, then to inputs again.
    for turn in (order, order[::-1], order):
        for node in turn if len(found) < len(order) else ():
            shape = found.get(node)
            if shape is None and turn is not order and (shape := _result(node, found)) is not None:
                found[node] = shape
            for edge in node.edges() if shape is not None else ():
                if edge.parent not in found and _same_shape(edge):
                    found[edge.parent] = shape  # type: ignore[index]
    return found


def _same_shape(edge: Any) -> bool:
    """Whether the input at `edge` has the shape and dtype of the result."""
    rule, primitive = edge.rule, edge.rule.primitive
    if rule is primitive.freed or rule.is_careful:
        return False
    return bool(primitive.pointwise or SAME.get(primitive.name) == rule.position)


def _result(node: Node, found: dict[Node, Any]) -> Any:
    """The shape and dtype of `node`'s result, from those of its inputs; None if unknown."""
    rule, name = node.rule, node.rule.primitive.name
    if rule is rule.primitive.freed:
        return None
    known: dict[int, Any] = {}  # inputs, by position
    settings: dict[str, Any] = {}
    for edge in node.edges():
        if edge.parent is not None and edge.parent in found:
            if _same_shape(edge):
                return found[edge.parent]
            known[edge.rule.position] = found[edge.parent]
        for key, value in zip(*_saved(edge), strict=False):
            if key in rule.primitive.positional:
                known.setdefault(rule.primitive.positional.index(key), _like(value))
            else:
                settings[key] = value
    like, other = known.get(0), known.get(1)
    if like is None:
        return None
    (shape, dtype), ndim = like, len(like[0])
    if name == "matmul" and other is not None and ndim > 1 < len(other[0]):
        front = sorted([shape[:-2], other[0][:-2]], key=len)
        if dtype == other[1] and front[0] in ((), front[1]):
            return (*front[1], shape[-2], other[0][-1]), dtype
    if rule.is_careful:
        return None
    if name == "matrix_transpose":
        return (*shape[:-2], shape[-1], shape[-2]), dtype
    if name == "permute_dims":
        return tuple([shape[n] for n in settings["axes"]]), dtype
    if "axis" in settings and "keepdims" in settings:
        gone = axes_of(settings["axis"], ndim)
        kept = [1 if n in gone else m for n, m in enumerate(shape)
                if settings["keepdims"] or n not in gone]  # fmt: skip
        return tuple(kept), dtype
    return None


def _look(node: Node, found: dict[Node, Any]) -> None:
    """Note the shapes that the saved values of `node` reveal."""
    rule = node.rule
    if rule is PART:
        number, likes = node.saved
        found.setdefault(node, _like(likes[number]))
        return
    positional = rule.primitive.positional
    edge: Any = node
    seen: dict[Any, Any] = {}
    while edge is not None:
        rule, saved = edge.rule, edge.saved
        if saved is not None:
            if rule.is_careful:
                content = saved.content if type(saved) is Box else saved
                seen[rule.position] = content[1]
            for name, value in zip(*_saved(edge), strict=False):
                if name == "like":
                    seen[rule.position] = value
                elif name in ("like1", "like2"):
                    seen[int(name[-1]) - 1] = value
                elif name in ("y", "like_y"):
                    found.setdefault(node, _like(value))
                elif type(value) is Call:
                    _look_call(node, value, found)
                elif name in positional:
                    seen[positional.index(name)] = value
        edge = edge.more
    if seen:
        for each in node.edges():
            like = seen.get(each.rule.position)
            if like is not None and each.parent not in found and (like := _like(like)):
                found[each.parent] = like  # type: ignore[index]


def _look_call(node: Node, made: Call, found: dict[Node, Any]) -> None:
    """Note the shapes that a call of a custom operation reveals."""
    if not made.op.several and made.outputs:
        found.setdefault(node, _like(made.outputs[0]))
    for edge in node.parent.edges() if node.parent is not None else ():
        if edge.parent is not None:
            found.setdefault(edge.parent, _like(made.inputs[edge.rule.position]))


def _like(x: Any) -> Any:
    """The (shape, dtype) of an array or of its stand-in; None for anything else."""
    if isinstance(x, Kept):
        x = x.value
    if type(x) is tuple:
        return (tuple(x[0]), x[1]) if len(x) == 2 and isinstance(x[0], tuple) else None
    return (tuple(x.shape), x.dtype) if hasattr(x, "shape") and hasattr(x, "dtype") else None
