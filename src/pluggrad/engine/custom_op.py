"""Custom operations at every level: how `Function` and the custom rules are called and recorded.

Each level that tracks an input of a custom operation records one `Call`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..arrays.backend import VARIABLES, Backend
from ..arrays.dispatch import is_variable, xp
from ..errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from .anomaly import check_made
from .arguments import of_backend
from .backward import among_variables, walk
from .batch import Batch, batched
from .cotangents import same_shape
from .custom_call import Call, check_connected, differentiable, taken
from .custom_node import CallRules, share
from .forward import Forward
from .grad_mode import Sealed, recording, sealed, sealed_at, stopped
from .graph import Node
from .handles import as_variable, captured, is_tracked, snapshot_of, wrap, wrap_untracked
from .levels import ROOT, VOLATILE, Level, deepest, open_level, put, read, restored
from .linear import Linear, check_homogeneous, check_run, is_linear_level
from .modes import inside
from .primitive import new
from .record import alone, make_leaf, part_of
from .saved import keep
from .tangents import dual
from .views import settled

__all__ = ["Operation", "at_levels", "at_once", "call", "check_tangent", "node_of", "transposed"]


class Operation:
    """A custom operation as the engine sees it. `args` are its array arguments, in a flat list.

    `several` says whether each output has a node of its own; `notices_writes`, whether the
    operation itself notices that an input was changed in place since the call. `differentiable`
    says, once the operation has run, which outputs have gradients (None: every floating-point one).
    """

    rule: CallRules
    several = True
    notices_writes = False
    differentiable: Sequence[bool] | None = None

    def kept(self, inputs: list[Any], outputs: list[Any]) -> tuple[list[Any], list[Any]]:
        """What to save of the inputs and outputs: those that the derivative needs, and only (shape,
        dtype) of the others."""
        likes: list[Any] = []
        for y in outputs:
            try:
                likes.append((y.shape, y.dtype))
            except AttributeError:
                raise TypeMismatchError(
                    f"{self.rule.primitive.name} gave {type(y).__name__} as output {len(likes)}, "
                    "no array"
                ) from None
        return inputs, likes

    def run(self, args: list[Any]) -> list[Any]:
        """The outputs, in a call with no tracked argument."""
        raise NotImplementedError

    def compute(
        self, args: list[Any], tracked: Sequence[bool], tangents: list[Any] | None, level: Level
    ) -> tuple[list[Any], Any]:
        """The outputs, and the residuals that `pull` or `push` will need, in a call that `level`
        records. `args` and outputs are the values one level below `level`.

        `tracked` says which inputs have derivatives. At a forward level, `tangents` are theirs.
        """
        return call(self, args), None

    def check_linear(self, args: list[Any], level: Level) -> None:
        """Raise unless it is linear in the arguments that are tracked at `level`, a level of linear
        functions."""
        check_run(lambda args: self.trial().run(args), args, level)

    def trial(self) -> Operation:
        """An equal operation for a trial run, whose results are dropped."""
        return self

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        """The gradients of the inputs (each a Variable or None), from the cotangents `gs` of the
        outputs."""
        raise NotImplementedError

    def push(self, tangents: list[Any], call: Call) -> Sequence[Any]:
        """The tangents of the outputs."""
        return transposed(tangents, call)

    def mapped_itself(
        self, args: list[Any], inner: list[Any], on: list[bool], level: Level, backend: Backend
    ) -> list[Any] | None:
        """The outputs at a level of `vmap`, if the operation handles batches itself; otherwise
        None. `inner` are the arguments one level down; `on` says which have the batch axis in
        front."""
        return None

    def mapped(self, on: list[bool], size: int) -> Operation:
        """The operation for a whole batch, which lies along the first axis of the arguments that
        are `on`."""
        raise UnsupportedError(f"{self.rule.primitive.name} cannot be batched")


def call(op: Operation, args: list[Any]) -> list[Any]:
    """Run a custom operation at the deepest level of its arguments, and at the levels below."""
    found = at_once(op, args)
    return at_levels(op, args) if found is None else found


def at_once(op: Operation, args: list[Any]) -> list[Any] | None:
    """A short cut for `at_levels`: the arguments are constants and Variables over raw arrays of
    one library, and the open level, which records, tracks some. None where it does not apply."""
    state = read()
    level = state.plain
    if level is None:
        return None
    inner: list[Any] = []
    parents: list[Any] = []
    backend: Any = None
    for x in args:
        node = None
        if type(x) in VARIABLES:
            cell, node, own = x._cell, x._node, x._backend
            if cell is not None and not settled(x, cell):
                return None
            if type(x) is not own.variable or (backend is not None and backend is not own):
                return None
            if x._level is not level and (node is not None or x._level is not ROOT):
                return None
            backend, x = own, x._value
        inner.append(x)
        parents.append(node)
    tracked = [node is not None for node in parents]
    if True not in tracked or (level is ROOT and stopped(backend)):
        return None
    try:
        put(sealed_at(level))
        outputs, kept = op.compute(inner, tracked, None, level)
        put(state)
    except BaseException:
        put(state)
        raise
    y: Any = outputs[0] if len(outputs) == 1 else None
    watched = backend.follows is not None or backend.counts_writes
    if (
        watched or op.several or type(y) is not backend.variable
        or y._cell is not None or y._node is not None or y._level is not ROOT
        or not differentiable(op, 0, y._value)
    ):  # fmt: skip
        return _recorded(_made(op, inner, outputs, kept, tracked, level, backend), parents)
    # For speed: what `_made` and `_recorded` do to one output that is a plain Variable.
    y = y._value
    saved, likes = op.kept(inner, [y])
    node = node_of(op.rule, Call(op, saved, likes, kept, tracked, level, backend), parents)
    return [wrap(y, node, level, backend)]


@restored
def at_levels(op: Operation, args: list[Any]) -> list[Any]:
    """Run a custom operation at the deepest level of its arguments, whatever its class, and at the
    levels below."""
    level = None
    for x in args:
        if type(x) in VARIABLES and (x._read()[1] is not None or x._level is not ROOT):
            level = x._level if level is None else deepest(x._level, level)
    if level is None:
        with sealed():
            return [taken(y, None, op.rule.primitive.name) for y in op.run(args)]
    if not level.alive:
        level.process()  # it raises: the transform has returned
    if (run := inside()) is not None and run.level is level:
        with run.further_down():
            outputs = _call(op, args, level, run.values_only)
        return list(run.own_value(outputs))
    return _call(op, args, level)


def _made(
    op: Operation, inner: list[Any], outputs: list[Any], kept: Any, tracked: list[bool],
    level: Level, backend: Backend,
) -> Call:  # fmt: skip
    """The `Call` of `op`, with its outputs checked."""
    name = op.rule.primitive.name
    for k, y in enumerate(outputs):
        if type(y) is backend.variable and y._cell is None and y._node is None and y._level is ROOT:
            outputs[k] = y._value
            continue
        outputs[k] = y = taken(y, level, name)
        if hasattr(y, "dtype") and (op.differentiable is None or op.differentiable[k]):
            outputs[k] = of_backend(y, backend, f"{name} gave", f"as output {k}")
    if level is ROOT and backend.follows is not None:
        alone(name, [y for k, y in enumerate(outputs) if differentiable(op, k, y)], backend)
    return Call(op, inner, outputs, kept, tracked, level, backend)


def _call(op: Operation, args: list[Any], level: Level, values_only: bool = False) -> list[Any]:
    """Run a custom operation at `level`, the deepest level of its arguments. With `values_only`,
    `level` will never be walked, and the rule is left to the outer levels."""
    inner, here = one_down(args, level)
    backend = next(x for x in args if is_variable(x) and x._level is level)._backend
    name = op.rule.primitive.name
    if isinstance(level, Batch):
        found = op.mapped_itself(args, inner, here, level, backend)
        if found is not None:
            return found
        if not any([is_variable(x) for x in inner]):
            with sealed():
                return list(op.run(args))
        outputs = call(op.mapped(here, level.size), inner)
        return list(batched([taken(y, level, name) for y in outputs], level, backend))
    off = read().off
    tracked = [
        known and x._node is not None and x.dtype in backend.float_dtypes
        for x, known in zip(args, here)
    ]
    stops = level is VOLATILE or level in off or (level is ROOT and stopped(backend))
    if stops or not any(tracked):
        if type(off) is Sealed and level in off.levels and any(tracked):
            raise captured(next(x for x, t in zip(args, tracked) if t), f"in {name}")
        outputs = call(op, inner)
        return [
            wrap_untracked(y, backend, VOLATILE if level is VOLATILE else ROOT) for y in outputs
        ]
    if is_linear_level(level):
        op.check_linear(args, level)
    tangents: list[Any] | None = None
    if type(level) is Forward:
        tangents = [x._node.value if t else None for x, t in zip(args, tracked)]
    if values_only:  # so nothing is sealed, and outer levels record the operation
        outputs, kept = call(op, inner), None
    else:
        with sealed(level):
            outputs, kept = op.compute(inner, tracked, tangents, level)
    made = _made(op, inner, outputs, kept, tracked, level, backend)
    if tangents is not None:
        return _pushed(made, tangents)
    return _recorded(made, [x._node if t else None for x, t in zip(args, tracked)])


def one_down(args: list[Any], level: Level) -> tuple[list[Any], list[bool]]:
    """The arguments as values one level below `level`, and which of them belong to `level`."""
    inner, here = [], []
    for x in args:
        known = is_variable(x) and x._level is level
        if known or (is_variable(x) and level is VOLATILE):
            x = x._snapshot()._value
        inner.append(snapshot_of(x))
        here.append(known)
    return inner, here


def _recorded(made: Call, parents: list[Any]) -> list[Any]:
    """The outputs of a call as Variables, with its Nodes recorded; `parents` are the inputs'
    nodes."""
    op, level, backend, outputs = made.op, made.level, made.backend, made.outputs
    made.inputs, made.outputs = op.kept(made.inputs, outputs)
    node = node_of(op.rule, made, parents)
    if (backend.counts_writes and not op.notices_writes) or read().modes is not None:
        keep(node, backend)
    found = []
    for k, y in enumerate(outputs):
        if not differentiable(op, k, y):
            found.append(wrap_untracked(y, backend))
        else:
            place = part_of(node, tuple(outputs), k) if op.several else node
            found.append(wrap(y, place, level, backend))
    return found


def node_of(rules: CallRules, made: Call, parents: list[Any]) -> Node:
    """The node of a call; `parents` are the inputs' nodes. (See `custom_node`.)"""
    node: Node = new(Node)
    node.rule, node.saved, node.parent, node.more = rules.alone, made, parents[0], None
    if len(parents) > 1:
        node.rule, node.parent = rules.several, None
        for position in range(len(parents) - 1, -1, -1):
            if parents[position] is not None:
                edge: Any = new(Node)
                edge.rule, edge.saved = share(position), None
                edge.parent, edge.more = parents[position], node.parent
                node.parent = edge
    return node


def _pushed(made: Call, tangents: list[Any]) -> list[Any]:
    """The outputs of a call as duals, with tangents from the operation's `push`, checked."""
    backend = made.backend
    with recording(made.level, False):
        pushed = made.op.push(tangents, made)
    name = made.op.rule.primitive.name
    check_made(f"the derivative of {name!r} in forward mode", tangents, pushed)
    found = []
    watched = any([is_tracked(t) for t in tangents])
    for k, (y, t) in enumerate(zip(made.outputs, pushed, strict=True)):
        if watched and not is_tracked(t):
            check_connected(t, backend, f"the jvp of {name}")
        if t is None or not differentiable(made.op, k, y):
            found.append(wrap_untracked(y, backend))
            continue
        t = of_backend(t, backend, f"the jvp of {name} gave", f"for output {k}")
        t = snapshot_of(as_variable(t, backend))
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
    """The tangents of the outputs, by transposing the operation's pull, which must be linear in
    `g`."""
    with open_level(Linear) as level:
        leaves: list[Any] = []
        for k, y in enumerate(made.outputs):
            if not differentiable(made.op, k, y):
                leaves.append(None)
                continue
            v = wrap(xp.zeros_like(y), None, level, made.backend)
            v._node = make_leaf(v)
            leaves.append(v)
        cotangents: dict[Any, Any] = {}
        for pulled, t in zip(made.pull(list(leaves)), tangents, strict=True):
            if pulled is None or t is None:
                continue
            check_homogeneous(pulled, made.backend)
            if not is_variable(pulled) or pulled._level is not level:
                continue
            value, node = pulled._read()
            if node is not None:
                t = as_variable(t) if type(value) in VARIABLES else t
                cotangents[node] = cotangents[node] + t if node in cotangents else t
        arrived = walk(cotangents, lift=among_variables(cotangents.values())) if cotangents else {}
    return [None if v is None else arrived.get(v._node) for v in leaves]
