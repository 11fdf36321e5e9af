"""Custom operations in the graph, and at every level: what `Function` and the custom rules record.

At each level that tracks an input, a custom operation leaves one `Call`. In the graph a call is two
nodes: the operation itself, whose pull answers with the gradients of all inputs at once, and one
behind it that hands each input its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import optree

from .backend import Backend, backend_of
from .backward import walk
from .batch import batched
from .boxes import keep
from .cotangents import dense, fit, same_shape, shape_dtype
from .dispatch import is_variable, xp
from .duals import dual
from .errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from .forward import process as forward_process
from .graph import Node
from .levels import (
    ROOT,
    VOLATILE,
    Level,
    deepest,
    open_level,
    read,
    recording,
    restored,
    unrecorded,
)
from .modes import check_made, inside
from .primitive import Primitive, Rule, _freed_rule, new
from .record import LEAF, make_leaf, part_of, wrap, wrap_untracked

__all__ = ["Call", "Operation", "among_variables", "call", "check_tangent", "lowered", "rule_of",
           "transposed", "unrecorded", "variable"]  # fmt: skip


# ---------------------------------------------------------------- in the graph


class Custom(Primitive):
    """The primitive of a custom operation: a name for the graph, and not in the rule book."""

    def __init__(self, name: str, partial: bool = False) -> None:
        self.__dict__.update(LEAF.primitive.__dict__)  # general, of one output, without settings
        self.name, self.signature = name, f"{name}(*args)"
        self.parameters = self.positional = ("args",)
        self.partial, self.keeps, self.is_call = partial, True, True
        self.freed = _freed_rule(self)


class Gradients:
    """The cotangents of all inputs of a call, on their way to the node that shares them out."""

    __slots__ = ("gradients",)

    def __init__(self, gradients: list[Any]) -> None:
        self.gradients = gradients


def _rule(primitive: Custom, position: int, names: tuple[str, ...], pull: Any) -> Rule:
    rule: Rule = new(Rule)
    rule.primitive, rule.position, rule.names, rule.pull = primitive, position, names, pull
    rule.keeps, rule.sources = bool(names), names[0] if names else None
    rule.fresh = rule.is_careful = False
    rule.freed, rule.careful = primitive.freed, rule
    return rule


def rule_of(name: str, partial: bool = False, keeps: bool = True) -> Rule:
    """The rule of a custom operation: its gradients, all at once. One that `keeps` nothing can be
    walked through any number of times."""

    def pull(g: Any, call: Call) -> Gradients:
        return Gradients(call.pull(list(g) if isinstance(g, tuple) else [g]))

    rule = _rule(Custom(name, partial), 0, ("call",), pull)
    rule.keeps = keeps
    return rule


_SHARING = Custom("share")


def _sharing(position: int) -> Rule:
    return _rule(_SHARING, position, (), lambda g, saved: g.gradients[position])


_SHARES = tuple([_sharing(position) for position in range(16)])  # compilers know no caches


def _share(position: int) -> Rule:
    """The rule of the edge to input number `position`."""
    return _SHARES[position] if position < len(_SHARES) else _sharing(position)


# ---------------------------------------------------------------- one call


class Operation:
    """What a custom operation is to the engine; `args` are its arrays, in a flat list.

    `differentiable` tells, once it has run, which of the outputs have gradients.
    """

    rule: Rule
    several = True
    differentiable: Sequence[bool] | None = None

    def needs(self, kind: str, i: int) -> bool:
        """Whether its derivative needs the value of input ("in") or output ("out") number `i`."""
        return kind == "in"

    def run(self, args: list[Any]) -> list[Any]:
        """The outputs, where nothing is tracked."""
        raise NotImplementedError

    def compute(self, args: list[Any]) -> tuple[list[Any], Any]:
        """The outputs one level below the one that records, and what `pull` needs besides."""
        return call(self, args), None

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        """The gradients of the inputs, None for some; all are Variables."""
        raise NotImplementedError

    def push(self, tangents: list[Any], call: Call) -> Sequence[Any]:
        """The tangents of the outputs."""
        return transposed(tangents, call)

    def mapped_itself(
        self, args: list[Any], inner: list[Any], on: list[bool], level: Level, backend: Backend
    ) -> list[Any] | None:
        """The outputs at a level of `vmap`, for an operation that has its own way with batches;
        `inner` are the arguments one level down, and those that are `on` have the batch in front.
        """
        return None

    def mapped(self, on: list[bool], size: int) -> Operation:
        """The same for a batch, along the first axis of the arguments that are `on`."""
        raise UnsupportedError(f"{self.rule.primitive.name} cannot be batched")


class Call:
    """One call of a custom operation, as one level sees it: its values there, one level down.

    In the graph, an input or output that the derivative does not need is a pair (shape, dtype).
    """

    __slots__ = ("backend", "inputs", "level", "needs", "op", "outputs", "recorded", "residuals")

    def __init__(
        self, op: Operation, inputs: list[Any], outputs: list[Any], residuals: Any,
        needs: list[bool], level: Level, backend: Backend, recorded: bool = False,
    ) -> None:  # fmt: skip
        self.op, self.inputs, self.outputs, self.residuals = op, inputs, outputs, residuals
        self.needs, self.level, self.backend, self.recorded = needs, level, backend, recorded

    def lifted(self, node: Node, lift: Callable[[Any, Any], Any]) -> Call:
        """This call, with its values at their places in the graph again."""
        assert node.parent is not None
        parents = {e.rule.position: e.parent for e in node.parent.edges()}
        inputs = [x if type(x) is tuple else lift(x, parents.get(i))
                  for i, x in enumerate(self.inputs)]  # fmt: skip
        outputs = []
        for k, y in enumerate(self.outputs):
            if type(y) is not tuple:
                place: Node | None = None
                if differentiable(self.op, k, y):
                    place = part_of(node, tuple(self.outputs), k) if self.op.several else node
                y = lift(y, place)
            outputs.append(y)
        recorded = is_variable(lift(None, node))
        return Call(self.op, inputs, outputs, self.residuals, self.needs, self.level,
                    self.backend, recorded)  # fmt: skip

    def remade(self, f: Callable[[Any], Any]) -> Call:
        """This call, with `f` applied to the arrays that it keeps."""
        inputs, outputs = [[x if type(x) is tuple else f(x) for x in items]
                           for items in (self.inputs, self.outputs)]  # fmt: skip
        return Call(self.op, inputs, outputs, optree.tree_map(f, self.residuals), self.needs,
                    self.level, self.backend, self.recorded)  # fmt: skip

    def pull(self, gs: list[Any]) -> list[Any]:
        """The gradients of the inputs, checked: of the input's shape and dtype, or None."""
        among = self.recorded or any([is_variable(g) for g in gs])
        gs = [g if g is None else variable(dense(g), self.backend) for g in gs]
        with recording(self.level, self.recorded):
            found = list(self.op.pull(gs, self))
        name = self.op.rule.primitive.name
        if len(found) != len(self.inputs):
            raise InvalidArgumentError(
                f"the backward of {name} gave {len(found)} gradients for {len(self.inputs)} inputs"
            )
        for i, (g, x, need) in enumerate(zip(found, self.inputs, self.needs, strict=True)):
            if not need or g is None:
                found[i] = None
                continue
            g = variable(g, self.backend)
            if not is_variable(g):
                raise TypeMismatchError(
                    f"the backward of {name} gave {type(g).__name__} for input {i}, not an array"
                )
            shape, dtype = shape_dtype(x)
            if not _reduces(tuple(g.shape), tuple(shape)):
                raise InvalidArgumentError(
                    f"the backward of {name} gave a gradient of shape {tuple(g.shape)} for input "
                    f"{i}, which has shape {tuple(shape)}"
                )
            g = fit(g, (tuple(shape), dtype))
            found[i] = g if among else lowered(g)
        return found


def _reduces(shape: tuple[Any, ...], to: tuple[Any, ...]) -> bool:
    """Whether `shape` is `to`, or `to` broadcast."""
    if same_shape(shape, to):
        return True
    if len(shape) < len(to):
        return False
    tail = shape[len(shape) - len(to) :]
    return all(n == m or m == 1 for n, m in zip(tail, to, strict=True))


def variable(x: Any, backend: Backend | None = None) -> Any:
    """`x` as a Variable, if it is an array."""
    if is_variable(x) or not hasattr(x, "dtype"):
        return x
    backend = backend_of(x) or backend
    return x if backend is None else wrap(x, None, ROOT, backend)


def lowered(v: Any) -> Any:
    """A raw array in the place of an untracked Variable."""
    if is_variable(v):
        v = v._snapshot()
        if v._node is None and v._level in (ROOT, VOLATILE):
            return lowered(v._value)
    return v


def among_variables(seeds: Iterable[Any]) -> Any:
    """Where the cotangents are Variables, what is saved meets them as Variables, too."""
    from .autograd import among_variables

    return among_variables(seeds)


def differentiable(op: Operation, k: int, y: Any) -> bool:
    """Whether output `k` of `op`, of value `y`, has a gradient."""
    backend = backend_of(y) if hasattr(y, "dtype") else None
    if backend is None or y.dtype not in backend.float_dtypes:
        return False
    return op.differentiable is None or op.differentiable[k]


@restored
def call(op: Operation, args: list[Any]) -> list[Any]:
    """A custom operation at the deepest level of its arguments, and at all below."""
    level: Level | None = None
    for x in args:
        if is_variable(x) and (x._read()[1] is not None or x._level is not ROOT):
            level = x._level if level is None else deepest(x._level, level)
    if level is None:
        with unrecorded():
            return [lowered(y) for y in op.run(args)]
    if not level.alive:
        level.process()  # type: ignore[misc]  # it raises: the transform has returned
    if (run := inside()) is not None and run.level is level:
        with run.further_down():
            outputs = _call(op, args, level)
        return list(run.keep(outputs))
    return _call(op, args, level)


def _call(op: Operation, args: list[Any], level: Level) -> list[Any]:
    """The same, where the deepest level is known."""
    inner, here = one_down(args, level)
    backend = next(x for x in args if is_variable(x) and x._level is level)._backend
    if level.size is not None:
        found = op.mapped_itself(args, inner, here, level, backend)
        if found is not None:
            return found
        if not any([is_variable(x) for x in inner]):
            with unrecorded():
                return list(op.run(args))
        return list(batched(call(op.mapped(here, level.size), inner), level, backend))
    tracked = [
        known and x._node is not None and x.dtype in backend.float_dtypes
        for x, known in zip(args, here, strict=True)
    ]
    if level is VOLATILE or level in read().off or not any(tracked):
        outputs = call(op, inner)
        return [
            wrap_untracked(y, backend, VOLATILE if level is VOLATILE else ROOT) for y in outputs
        ]
    with recording(level, False):
        outputs, residuals = op.compute(inner)
    outputs = [lowered(y) for y in outputs]
    made = Call(op, inner, outputs, residuals, tracked, level, backend)
    if level.process is forward_process:
        return _pushed(
            made, [x._node.value if t else None for x, t in zip(args, tracked, strict=True)]
        )
    return _recorded(made, [x._node if t else None for x, t in zip(args, tracked, strict=True)])


def one_down(args: list[Any], level: Level) -> tuple[list[Any], list[bool]]:
    """The arguments as seen below `level`, and which of them belong to it."""
    inner, here = [], []
    for x in args:
        known = is_variable(x) and x._level is level
        if known or (is_variable(x) and level is VOLATILE):
            x = x._snapshot()._value
        inner.append(lowered(x))
        here.append(known)
    return inner, here


def _recorded(made: Call, parents: list[Any]) -> list[Any]:
    op, level, backend, outputs = made.op, made.level, made.backend, made.outputs
    made.inputs, made.outputs = [
        [x if op.needs(kind, i) else (tuple(x.shape), x.dtype) for i, x in enumerate(items)]
        for kind, items in (("in", made.inputs), ("out", outputs))
    ]
    sharing: Any = None
    for position in range(len(parents) - 1, -1, -1):
        if parents[position] is not None:
            edge: Any = new(Node)
            edge.rule, edge.saved = _share(position), None
            edge.parent, edge.more = parents[position], sharing
            sharing = edge
    node: Node = new(Node)
    node.rule, node.saved, node.parent, node.more = op.rule, made, sharing, None
    if backend.counts_writes or read().modes is not None:
        keep(node, backend)
    found = []
    for k, y in enumerate(outputs):
        if not differentiable(op, k, y):
            found.append(wrap_untracked(y, backend))
            continue
        place = part_of(node, tuple(outputs), k) if op.several else node
        found.append(wrap(y, place, level, backend))
    return found


def _pushed(made: Call, tangents: list[Any]) -> list[Any]:
    backend = made.backend
    with recording(made.level, False):
        pushed = made.op.push(tangents, made)
    name = made.op.rule.primitive.name
    check_made(f"the derivative of {name!r} in forward mode", tangents, pushed)
    found = []
    for k, (y, t) in enumerate(zip(made.outputs, pushed, strict=True)):
        if t is None or not differentiable(made.op, k, y):
            found.append(wrap_untracked(y, backend))
            continue
        t = lowered(variable(t, backend))
        check_tangent(t, y, made.op)
        found.append(
            dual(y, t if t.dtype == y.dtype else xp.astype(t, y.dtype), made.level, backend)
        )
    return found


def check_tangent(t: Any, y: Any, op: Operation) -> None:
    """Raise unless the tangent `t` that `op` gave has the shape of its output `y`."""
    if not same_shape(tuple(t.shape), tuple(y.shape)):
        raise InvalidArgumentError(
            f"the jvp of {op.rule.primitive.name} gave a tangent of shape {tuple(t.shape)} for an "
            f"output of shape {tuple(y.shape)}"
        )


def transposed(tangents: list[Any], made: Call) -> list[Any]:
    """The tangents of the outputs, as the transpose of the pull, which is linear in `g`."""
    with open_level() as level:
        leaves: list[Any] = []
        for k, y in enumerate(made.outputs):
            if not differentiable(made.op, k, y):
                leaves.append(None)
                continue
            v = wrap(xp.zeros_like(y), None, level, made.backend)
            v._node = make_leaf(v)
            leaves.append(v)
        cotangents: dict[Any, Any] = {}
        for pulled, t in zip(made.pull(leaves), tangents, strict=True):
            if t is None or not is_variable(pulled) or pulled._level is not level:
                continue
            node = pulled._read()[1]
            if node is not None:
                cotangents[node] = cotangents[node] + t if node in cotangents else t
        arrived = walk(cotangents, lift=among_variables(cotangents.values())) if cotangents else {}
    return [None if v is None else arrived.get(v._node) for v in leaves]
