"""Custom operations in the graph, and at every level: what `Function` and the custom rules record.

At each level that tracks an input, a custom operation leaves one `Call`. In the graph a call of
several inputs is two nodes: the operation itself, whose pull answers with the gradients of all
inputs at once, and one behind it that hands each input its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import optree

from ..arrays.backend import BACKENDS, VARIABLES, Backend, backend_of
from ..arrays.dispatch import is_variable, xp
from ..errors import DifferentiationError, InvalidArgumentError, UnsupportedError
from .anomaly import check_made
from .arguments import of_backend
from .backward import walk
from .batch import Batch, batched
from .closures import Seen
from .cotangents import dense, fit, same_shape, shape_dtype
from .forward import Forward
from .grad_mode import Sealed, recorded, recording, sealed, sealed_at
from .graph import LeafNode, Node
from .handles import captured, handle_of, wrap, wrap_untracked
from .levels import ROOT, VOLATILE, Level, deepest, during, open_level, put, read, restored
from .linear import Linear, check_homogeneous, check_run, is_linear_level, made_of_zeros
from .modes import inside
from .primitive import Primitive, Rule, _freed_rule, new
from .record import LEAF, make_leaf, part_of
from .saved import keep
from .seeds import among_variables
from .short_cuts.over_duals import dual
from .views import settled

__all__ = ["Call", "CallRules", "Operation", "among_variables", "call", "check_captured",
           "check_tangent", "handle", "is_tracked", "lowered", "rule_of", "taken", "transposed",
           "variable"]  # fmt: skip


# ---------------------------------------------------------------- in the graph


class Custom(Primitive):
    """The primitive of a custom operation: a name for the graph, and not in the rule book."""

    def __init__(self, name: str, partial: bool = False) -> None:
        self.__dict__.update(LEAF.primitive.__dict__)  # general, of one output, without settings
        self.name, self.signature = name, f"{name}(*args)"
        self.parameters = self.positional = ("args",)
        self.partial, self.keeps, self.is_call, self.is_custom = partial, True, True, True
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


def rule_of(name: str, partial: bool = False, keeps: bool = True) -> CallRules:
    """The rules of a custom operation. One that `keeps` nothing can be walked through any number of
    times."""

    def pull(g: Any, call: Call) -> Gradients:
        return Gradients(call.pull(list(g) if isinstance(g, tuple) else [g]))

    def pull_alone(g: Any, call: Call) -> Any:
        return call.pull(list(g) if isinstance(g, tuple) else [g])[0]

    several, alone = Custom(name, partial), Custom(name, partial)
    alone.is_call = False
    rules = CallRules(_rule(several, 0, ("call",), pull), _rule(alone, 0, ("call",), pull_alone))
    rules.several.keeps = rules.alone.keeps = keeps
    return rules


class CallRules(NamedTuple):
    """The rules of a custom operation: of `several` inputs, whose gradients come all at once, and
    of one `alone`, whose node is like any other."""

    several: Rule
    alone: Rule

    @property
    def primitive(self) -> Primitive:
        """What both are rules of."""
        return self.several.primitive


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

    rule: CallRules
    several = True
    differentiable: Sequence[bool] | None = None

    def kept(self, inputs: list[Any], outputs: list[Any]) -> tuple[list[Any], list[Any]]:
        """The inputs and outputs that its derivative needs; of others, shape and dtype."""
        return inputs, [(tuple(y.shape), y.dtype) for y in outputs]

    def run(self, args: list[Any]) -> list[Any]:
        """The outputs, where nothing is tracked."""
        raise NotImplementedError

    def compute(
        self, args: list[Any], tracked: Sequence[bool], tangents: list[Any] | None, level: Level
    ) -> tuple[list[Any], Any]:
        """The outputs one level below `level`, which records, and what `pull` or `push` needs.

        `tracked` says which inputs have derivatives; at a forward level, `tangents` are theirs.
        """
        return call(self, args), None

    def check_linear(self, args: list[Any], level: Level) -> None:
        """Raise unless it is linear in its arguments that are tracked at `level`, where all is."""
        check_run(lambda args: self.trial().run(args), args, level)

    def trial(self) -> Operation:
        """An operation of the same kind, to run and forget."""
        return self

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
        parents: dict[int, Node | None] = {0: node.parent}
        if len(self.inputs) > 1:
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
        """The gradients of the inputs: each of the input's library, shape and dtype, or None."""
        backend, recording, pull = self.backend, self.recorded, self.op.pull
        among = recording
        for k, g in enumerate(gs):
            if type(g) in VARIABLES:
                among, gs[k] = True, handle(g)
            elif g is not None:
                gs[k] = wrap(dense(g), None, ROOT, backend)
        if (self.level in read().off) is recording:
            found = list(during(recorded(self.level, recording), pull, gs, self))
        else:
            found = list(pull(gs, self))
        if len(found) != len(self.inputs):
            raise InvalidArgumentError(
                f"the backward of {self.op.rule.primitive.name} gave {len(found)} gradients for "
                f"{len(self.inputs)} inputs"
            )
        if among and any([is_tracked(g) and not is_linear_level(g._level) for g in gs]):
            for g, need in zip(found, self.needs):
                if need and not is_tracked(g):
                    check_connected(g, backend, f"the backward of {self.op.rule.primitive.name}")
        for i, need in enumerate(self.needs):
            found[i] = self._gradient(i, found[i], among) if need else None
        return found

    def _gradient(self, i: int, g: Any, among: bool) -> Any:
        """What the user's rule gave for input number `i`, as the walk takes it."""
        x = self.inputs[i]
        if type(g) is self.backend.variable and g._cell is None:
            shape, dtype = x if type(x) is tuple else (x.shape, x.dtype)
            value = g._value
            if value.shape == shape and value.dtype == dtype:  # the ordinary case
                return g if among or g._node is not None or g._level is not ROOT else value
        if g is None:
            return None
        name, backend = self.op.rule.primitive.name, self.backend
        g = of_backend(g, backend, f"the backward of {name} gave", f"for input {i}")
        shape, dtype = shape_dtype(x)
        if g.shape != shape or g.dtype != dtype:
            if not _reduces(tuple(g.shape), tuple(shape)):
                raise InvalidArgumentError(
                    f"the backward of {name} gave a gradient of shape {tuple(g.shape)} for input "
                    f"{i}, which has shape {tuple(shape)}"
                )
            g = fit(variable(g, backend), (tuple(shape), dtype))
        return variable(g, backend) if among else lowered(g)


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
    kind = type(x)
    if kind in VARIABLES:
        return x
    found = BACKENDS.get(kind)
    if found is None:
        found = (backend_of(x) or backend) if hasattr(x, "dtype") else None
        if found is None:
            return x
    return wrap(x, None, ROOT, found)


def lowered(v: Any) -> Any:
    """A raw array in the place of an untracked Variable; a snapshot of a tracked one."""
    while type(v) in VARIABLES:
        if v._cell is not None:
            v._read()
            v._cell.owned = False  # from now on somebody else has its buffer
        if v._node is not None or (v._level is not ROOT and v._level is not VOLATILE):
            return v._snapshot()
        v = v._value
    return v


def handle(x: Any) -> Any:
    """`x` as a Variable, in a handle that a user's function may write: if it is an array."""
    if type(x) not in VARIABLES:
        return variable(x)
    # A leaf is not written outside of no_grad, by whatever handle.
    leaf = type(x._read()[1]) is LeafNode and x._level is ROOT
    return xp.copy(x) if leaf else handle_of(x)


def is_tracked(x: Any) -> bool:
    """Whether there is a derivative by `x` at any level."""
    while type(x) in VARIABLES:
        if x._cell is not None:
            x._read()
        if x._node is not None and not x._level.maps:
            return True
        x = x._value
    return False


def check_connected(made: Any, backend: Backend, what: str) -> None:
    """Raise if a rule made numbers out of something tracked, and they are not tracked: a derivative
    is linear in what it is handed, so that they have to depend on it."""
    if hasattr(made, "dtype") and made_of_zeros(made, backend) is False:
        raise DifferentiationError(
            f"{what} is differentiated in its turn, and what it returned is not connected to what "
            "it was handed: it left the graph, by `.data`, `.detach()` or another library. Compute "
            "with pluggrad's functions, or by an operation that has a derivative of its own. "
            "`once_differentiable` says that there is none."
        )


def taken(y: Any, level: Level | None, where: str) -> Any:
    """`y`, what a custom operation at `level` computed one level down, as it is kept there.

    What belongs to that level itself, or to one inside of it, came out of a closure: the operation
    was not handed it, and its gradient would be lost. Where there is no level, nothing was handed.
    """
    if type(y) not in VARIABLES:
        return y
    y = lowered(y)
    if type(y) in VARIABLES and (
        level is None or y._level is level or not level.contains(y._level)
    ):
        if not y._level.alive:
            y._level.process()  # it raises: the transform has returned
        raise captured(y, f"in {where}")
    return y


def check_captured(fun: Seen, level: Level) -> None:
    """Raise if a rule of an operation at `level`, which is called when a walk comes by, refers to a
    value of a level inside of that one, which has ended by then."""
    for x in fun.variables:
        if x._read()[1] is not None or x._level is not ROOT:
            around = x._level is VOLATILE or level.contains(x._level)
            if x._level.alive and not around:
                raise captured(x, f"in {getattr(fun.fun, '__name__', 'a rule')}")


def differentiable(op: Operation, k: int, y: Any) -> bool:
    """Whether output `k` of `op`, of value `y`, has a gradient."""
    if op.differentiable is not None and not op.differentiable[k]:
        return False
    backend = BACKENDS.get(type(y))
    return backend is not None and y.dtype in backend.float_dtypes


def call(op: Operation, args: list[Any]) -> list[Any]:
    """A custom operation at the deepest level of its arguments, and at all below."""
    level = read().plain
    if level is not None and (found := _at_once(op, args, level)) is not None:
        return found
    return _at_levels(op, args)


def _at_once(op: Operation, args: list[Any], level: Level) -> list[Any] | None:
    """What `_at_levels` does in the ordinary case: Variables over raw arrays of one library at the
    open level, which records, beside constants. None where it is another one."""
    inner: list[Any] = []
    parents: list[Any] = []
    tracked: list[bool] = []
    backend: Any = None
    for x in args:
        node = None
        if type(x) in VARIABLES:
            cell, node = x._cell, x._node
            if cell is not None and not settled(x, cell):
                return None
            if type(x) is not x._backend.variable or (backend and backend is not x._backend):
                return None
            if x._level is not level and (node is not None or x._level is not ROOT):
                return None
            backend, x = x._backend, x._value
        inner.append(x)
        parents.append(node)
        tracked.append(node is not None)
    if True not in tracked:
        return None
    state = read()
    try:
        put(sealed_at(level))
        outputs, kept = op.compute(inner, tracked, None, level)
        put(state)
    except BaseException:
        put(state)
        raise
    return _recorded(_made(op, inner, outputs, kept, tracked, level, backend), parents)


@restored
def _at_levels(op: Operation, args: list[Any]) -> list[Any]:
    """The same at any level, and from there on down."""
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
        return list(run.keep(outputs))
    return _call(op, args, level)


def _made(
    op: Operation, inner: list[Any], outputs: list[Any], kept: Any, tracked: list[bool],
    level: Level, backend: Backend,
) -> Call:  # fmt: skip
    """The call of `op`, its outputs checked."""
    name = op.rule.primitive.name
    for k, y in enumerate(outputs):
        if type(y) is backend.variable and y._cell is None and y._node is None and y._level is ROOT:
            outputs[k] = y._value
            continue
        outputs[k] = y = taken(y, level, name)
        if hasattr(y, "dtype") and (op.differentiable is None or op.differentiable[k]):
            of_backend(y, backend, f"{name} gave", f"as output {k}")
    return Call(op, inner, outputs, kept, tracked, level, backend)


def _call(op: Operation, args: list[Any], level: Level, values_only: bool = False) -> list[Any]:
    """The same, where the deepest level is known. With `values_only`, nobody will walk at it."""
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
    if level is VOLATILE or level in off or not any(tracked):
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
    if values_only:  # then the rule holds at the levels around
        outputs, kept = call(op, inner), None
    else:
        with sealed(level):
            outputs, kept = op.compute(inner, tracked, tangents, level)
    made = _made(op, inner, outputs, kept, tracked, level, backend)
    if tangents is not None:
        return _pushed(made, tangents)
    return _recorded(made, [x._node if t else None for x, t in zip(args, tracked)])


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
    made.inputs, made.outputs = op.kept(made.inputs, outputs)
    rule, parent = op.rule.alone, parents[0]
    if len(parents) > 1:
        rule, parent = op.rule.several, None
        for position in range(len(parents) - 1, -1, -1):
            if parents[position] is not None:
                edge: Any = new(Node)
                edge.rule, edge.saved = _share(position), None
                edge.parent, edge.more = parents[position], parent
                parent = edge
    node: Node = new(Node)
    node.rule, node.saved, node.parent, node.more = rule, made, parent, None
    if backend.counts_writes or read().modes is not None:
        keep(node, backend)
    found = []
    for k, y in enumerate(outputs):
        if not differentiable(op, k, y):
            found.append(wrap_untracked(y, backend))
        elif op.several:
            found.append(wrap(y, part_of(node, tuple(outputs), k), level, backend))
        else:
            found.append(wrap(y, node, level, backend))
    return found


def _pushed(made: Call, tangents: list[Any]) -> list[Any]:
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
        t = lowered(variable(t, backend))
        of_backend(t, backend, f"the jvp of {name} gave", f"for output {k}")
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
    """The tangents of the outputs, as the transpose of the pull, which has to be linear in `g`."""
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
                t = variable(t) if type(value) in VARIABLES else t
                cotangents[node] = cotangents[node] + t if node in cotangents else t
        arrived = walk(cotangents, lift=among_variables(cotangents.values())) if cotangents else {}
    return [None if v is None else arrived.get(v._node) for v in leaves]
