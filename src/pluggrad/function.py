"""Operations of the user's own: `Function`, and the calls that it and the custom rules record.

A custom operation computes its values once, below all levels, and leaves one `Call` per level that
tracks an input. In the graph a call is two nodes: the operation itself, whose pull answers with the
gradients of all inputs at once, and one behind it that hands each input its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from .backend import BACKENDS, Backend, backend_of
from .backward import walk
from .batch import batched
from .cotangents import dense, fit, same_shape
from .dispatch import is_variable, xp
from .errors import DifferentiationError, InvalidArgumentError, TypeMismatchError, UnsupportedError
from .forward import dual
from .forward import process as forward_process
from .graph import Node
from .levels import ROOT, VOLATILE, Level, deepest, open_level, read, recording
from .primitive import Primitive, Rule, _freed_rule, new
from .record import make_leaf, part_of, wrap, wrap_untracked

__all__ = ["Function", "FunctionContext", "once_differentiable"]


# ---------------------------------------------------------------- in the graph


class Custom(Primitive):
    """The primitive of a custom operation: a name for the graph, and not in the rule book."""

    def __init__(self, name: str, partial: bool = False) -> None:
        self.name, self.signature, self.kind = name, f"{name}(*args)", "general"
        self.parameters = self.positional = ("args",)
        self.defaults, self.formulas, self.rules = {}, (), ()
        self.jvp = self.fallback = self.put = None
        self.private, self.partial, self.keeps = True, partial, True
        self.variadic = self.aliases = self.view = self.promotes = self.takes_scatter = False
        self.fresh = self.holomorphic = False
        self.needs = []
        self.freed = _freed_rule(self)


class Gradients:
    """The cotangents of all inputs of a call, on their way to the node that shares them out."""

    __slots__ = ("items",)

    def __init__(self, items: list[Any]) -> None:
        self.items = items


def _rule(primitive: Custom, position: int, names: tuple[str, ...], pull: Any) -> Rule:
    rule: Rule = new(Rule)
    rule.primitive, rule.position, rule.names, rule.pull = primitive, position, names, pull
    rule.keeps = bool(names)
    rule.fresh = rule.is_careful = False
    rule.freed, rule.careful = primitive.freed, rule
    return rule


def rule_of(name: str, partial: bool = False) -> Rule:
    """The rule of a custom operation: its gradients, all at once."""

    def pull(g: Any, call: Call) -> Gradients:
        return Gradients(call.pull(list(g) if isinstance(g, tuple) else [g]))

    return _rule(Custom(name, partial), 0, ("call",), pull)


_SHARING = Custom("share")


@functools.cache
def _share(position: int) -> Rule:
    return _rule(_SHARING, position, (), lambda g, saved: g.items[position])


# ---------------------------------------------------------------- one call


class Operation:
    """What a custom operation is to the engine; `args` are its arrays, in a flat list.

    `differentiable` tells, once it has run, which of the outputs have gradients.
    """

    rule: Rule
    several = True
    differentiable: Sequence[bool] | None = None

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

    def mapped(self, on: list[bool], size: int) -> Operation:
        """The same for a batch, along the first axis of the arguments that are `on`."""
        raise UnsupportedError(f"{self.rule.primitive.name} cannot be batched")


class Call:
    """One call of a custom operation, as one level sees it: its values there, one level down."""

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
        inputs = [lift(x, parents.get(i)) for i, x in enumerate(self.inputs)]
        outputs = []
        for k, y in enumerate(self.outputs):
            place: Node | None = None
            if differentiable(self.op, k, y):
                place = part_of(node, tuple(self.outputs), k) if self.op.several else node
            outputs.append(lift(y, place))
        recorded = any(
            [is_variable(x) and x._level is self.level and x._node is not None for x in inputs]
        )
        return Call(self.op, inputs, outputs, self.residuals, self.needs, self.level,
                    self.backend, recorded)  # fmt: skip

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
            if not _reduces(tuple(g.shape), tuple(x.shape)):
                raise InvalidArgumentError(
                    f"the backward of {name} gave a gradient of shape {tuple(g.shape)} for input "
                    f"{i}, which has shape {tuple(x.shape)}"
                )
            found[i] = fit(g, (tuple(x.shape), x.dtype)) if among else lowered(
                fit(g, (tuple(x.shape), x.dtype)))  # fmt: skip
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


def differentiable(op: Operation, k: int, y: Any) -> bool:
    """Whether output `k` of `op`, of value `y`, has a gradient."""
    backend = backend_of(y) if hasattr(y, "dtype") else None
    if backend is None or y.dtype not in backend.float_dtypes:
        return False
    return op.differentiable is None or op.differentiable[k]


@contextmanager
def unrecorded() -> Iterator[None]:
    """No level records in here; transforms opened inside do."""
    with ExitStack() as stack:
        level: Level | None = read().level
        while level is not None:
            if level.size is None:
                stack.enter_context(recording(level, False))
            level = level.parent
        yield


def call(op: Operation, args: list[Any]) -> list[Any]:
    """A custom operation at the deepest level of its arguments, and at all below."""
    level: Level | None = None
    for x in args:
        if is_variable(x) and (x._read()[1] is not None or x._level is not ROOT):
            level = x._level if level is None else deepest(x._level, level)
    if level is None:
        with unrecorded():
            return [lowered(y) for y in op.run(args)]
    inner, here = one_down(args, level)
    backend = next(x for x in args if is_variable(x) and x._level is level)._backend
    if level.size is not None:
        if not any([is_variable(x) for x in inner]):
            with unrecorded():
                return list(op.run(args))
        return list(batched(call(op.mapped(here, level.size), inner), level, backend))
    capture = getattr(level.process, "__self__", None)
    if hasattr(capture, "through"):
        return list(capture.through(op, args))
    tracked = [
        known and x._node is not None and x.dtype in backend.float_dtypes
        for x, known in zip(args, here, strict=True)
    ]
    if level is VOLATILE or level in read().off or not any(tracked):
        outputs = call(op, inner)
        return [wrap_untracked(y, backend, VOLATILE if level is VOLATILE else ROOT) for y in outputs]
    with recording(level, False):
        outputs, residuals = op.compute(inner)
    outputs = [lowered(y) for y in outputs]
    made = Call(op, inner, outputs, residuals, tracked, level, backend)
    if level.process is forward_process:
        return _pushed(made, [x._node.value if t else None for x, t in zip(args, tracked, strict=True)])
    return _recorded(made, [x._node if t else None for x, t in zip(args, tracked, strict=True)])


def one_down(args: list[Any], level: Level) -> tuple[list[Any], list[bool]]:
    """The arguments as seen below `level`, and which of them belong to it."""
    inner, here = [], []
    for x in args:
        known = is_variable(x) and x._level is level
        if known:
            x = x._snapshot()._value
        inner.append(lowered(x))
        here.append(known)
    return inner, here


def _recorded(made: Call, parents: list[Any]) -> list[Any]:
    op, level, backend = made.op, made.level, made.backend
    sharing: Any = None
    for position in range(len(parents) - 1, -1, -1):
        if parents[position] is not None:
            edge: Any = new(Node)
            edge.rule, edge.saved = _share(position), None
            edge.parent, edge.more = parents[position], sharing
            sharing = edge
    node: Node = new(Node)
    node.rule, node.saved, node.parent, node.more = op.rule, made, sharing, None
    found = []
    for k, y in enumerate(made.outputs):
        if not differentiable(op, k, y):
            found.append(wrap_untracked(y, backend))
            continue
        place = part_of(node, tuple(made.outputs), k) if op.several else node
        found.append(wrap(y, place, level, backend))
    return found


def _pushed(made: Call, tangents: list[Any]) -> list[Any]:
    backend = made.backend
    with recording(made.level, False):
        pushed = made.op.push(tangents, made)
    found = []
    for k, (y, t) in enumerate(zip(made.outputs, pushed, strict=True)):
        if t is None or not differentiable(made.op, k, y):
            found.append(wrap_untracked(y, backend))
            continue
        t = lowered(variable(t, backend))
        if not same_shape(tuple(t.shape), tuple(y.shape)):
            raise InvalidArgumentError(
                f"the jvp of {made.op.rule.primitive.name} gave a tangent of shape "
                f"{tuple(t.shape)} for an output of shape {tuple(y.shape)}"
            )
        found.append(dual(y, t if t.dtype == y.dtype else xp.astype(t, y.dtype), made.level, backend))
    return found


def transposed(tangents: list[Any], made: Call) -> list[Any]:
    """The tangents of the outputs, as the transpose of the pull, which is linear in `g`."""
    with open_level() as level:
        leaves = []
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
        arrived = walk(cotangents) if cotangents else {}
    return [None if v is None else arrived.get(v._node) for v in leaves]


# ---------------------------------------------------------------- torch's Function


class FunctionContext:
    """What `forward` hands to `backward`; attributes of your own may be set on it, too."""

    __slots__ = ("__dict__", "_call")

    _call: tuple[Sequence[Any], Sequence[bool]] | None

    def __init__(self, needs: Sequence[bool]) -> None:
        self._call = None
        self._needs = tuple(needs)
        self._saved: tuple[Any, ...] = ()
        self._constants: tuple[Any, ...] = ()
        self._materialize = True

    def save_for_backward(self, *values: Any) -> None:
        """Keep arrays for `backward`. Inputs and outputs are differentiated again at higher
        orders; anything else is a constant there, so return what matters as an output."""
        self._constants = values

    save_for_forward = save_for_backward

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was given to `save_for_backward`."""
        return self._constants if self._call is None else tuple(self._call[0])

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """For each input of `forward`, whether its gradient is wanted."""
        return self._needs if self._call is None else tuple(self._call[1])

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """These outputs have no gradient."""
        self._constant_outputs = outputs

    def set_materialize_grads(self, value: bool) -> None:
        """Whether the cotangents of unused outputs are zeros; None otherwise."""
        self._materialize = bool(value)

    def _at(self, values: Sequence[Any], needs: Sequence[bool]) -> FunctionContext:
        """The same context, at one level: attributes are shared."""
        view: FunctionContext = new(FunctionContext)
        view.__dict__ = self.__dict__
        view._call = (values, needs)
        return view


class _FunctionCall(Operation):
    """One application of a Function."""

    def __init__(self, function: type[Function], args: tuple[Any, ...], places: list[int]) -> None:
        self.function, self.args, self.places = function, args, places
        self.context = FunctionContext([is_variable(x) and bool(x.requires_grad) for x in args])
        self.constants: list[Any] = []

    def run(self, args: list[Any]) -> list[Any]:
        function, ctx = self.function, self.context
        given = list(self.args)
        for place, x in zip(self.places, args, strict=True):
            given[place] = variable(x)
        if function.setup_context is not Function.setup_context:
            y = function.forward(*given)
            function.setup_context(ctx, tuple(given), y)
        else:
            y = function.forward(ctx, *given)
        self.several = isinstance(y, (tuple, list))
        outputs = list(y) if self.several else [y]
        where: list[tuple[str, int]] = []
        inputs = [given[place] for place in self.places]
        self.constants = []
        for value in ctx._constants:
            for kind, known in (("in", inputs), ("out", outputs)):
                found = [i for i, x in enumerate(known) if x is value and value is not None]
                if found:
                    where.append((kind, found[0]))
                    break
            else:
                where.append(("constant", len(self.constants)))
                self.constants.append(value)
        ctx._saved, ctx._constants = tuple(where), ()
        marked = ctx.__dict__.pop("_constant_outputs", ())
        self.differentiable = [not any([x is y for x in marked]) for y in outputs]
        self.rule = function._rules()[not ctx._materialize]
        return [y.detach() if is_variable(y) and y._level.size is None else y for y in outputs]

    def _context(self, call: Call) -> FunctionContext:
        values = {"in": call.inputs, "out": call.outputs, "constant": self.constants}
        needs = [False] * len(self.args)
        for place, need in zip(self.places, call.needs, strict=True):
            needs[place] = need
        saved = [variable(values[kind][i]) for kind, i in self.context._saved]
        return self.context._at(saved, needs)

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        found = self.function.backward(self._context(call), *gs)
        found = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        if len(found) > len(self.args) and all([g is None for g in found[len(self.args) :]]):
            found = found[: len(self.args)]
        if len(found) != len(self.args):
            raise InvalidArgumentError(
                f"{self.function.__name__}.backward returned {len(found)} gradients, and forward "
                f"takes {len(self.args)} inputs; return None for those without"
            )
        return [found[place] for place in self.places]

    def push(self, tangents: list[Any], call: Call) -> Sequence[Any]:
        if self.function.jvp is Function.jvp:
            return transposed(tangents, call)
        given: list[Any] = [None] * len(self.args)
        for place, t in zip(self.places, tangents, strict=True):
            given[place] = variable(t)
        found = self.function.jvp(self._context(call), *given)
        return list(found) if self.several else [found]

    def mapped(self, on: list[bool], size: int) -> Operation:
        return _MappedFunction(self, on)


class _MappedFunction(Operation):
    """A Function over a batch, whose arguments are tracked outside of `vmap`."""

    def __init__(self, inside: _FunctionCall, on: list[bool]) -> None:
        self.inside, self.on = inside, on

    def run(self, args: list[Any]) -> list[Any]:
        from .transforms import vmap

        inside = self.inside

        def body(*args: Any) -> Any:
            outputs = inside.run(list(args))
            return outputs, inside.constants

        outputs, constants = vmap(body, tuple([0 if b else None for b in self.on]))(*args)
        self.constants = constants
        self.several, self.differentiable = inside.several, inside.differentiable
        self.rule = inside.rule
        return list(outputs)

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        from .transforms import vmap

        inside, backend = self.inside, call.backend

        def body(gs: Any, inputs: Any, outputs: Any, constants: Any) -> Any:
            level = read().level
            op: _FunctionCall = new(_FunctionCall)
            op.__dict__.update(inside.__dict__, constants=constants)
            found = op.pull(list(gs), Call(op, inputs, outputs, None, call.needs, level, backend))
            return [
                xp.zeros_like(x) if g is None or not need else g
                for g, x, need in zip(found, inputs, call.needs, strict=True)
            ]

        given = [0 if b else None for b in self.on]
        found = vmap(body, (0, given, 0, 0))(
            gs, list(call.inputs), list(call.outputs), list(self.constants)
        )
        return [g if b else xp.sum(g, axis=0) for g, b in zip(found, self.on, strict=True)]

    def mapped(self, on: list[bool], size: int) -> Operation:
        raise UnsupportedError(
            f"{self.inside.function.__name__} inside two vmaps, of arrays that are tracked outside "
            "of them: apply it to the whole batch, or take the gradient inside of vmap"
        )


class Function:
    """An operation with a backward of its own, as torch's `autograd.Function`.

    Subclass it with two static methods. ``forward(ctx, *args)`` computes; it is handed untracked
    Variables, and may use any library on their `.data`. ``backward(ctx, *grads)`` takes one
    cotangent per output and returns one gradient per input of `forward`, or None. If `backward` is
    written with pluggrad's functions and saves only inputs and outputs, it is differentiable itself.

    With ``setup_context(ctx, inputs, output)``, `forward` is called without `ctx`. Forward mode uses
    ``jvp(ctx, *tangents)`` if there is one (None stands for an input without), and the transpose of
    `backward` if not.

    >>> import numpy as np, pluggrad as pg
    >>> class Cube(pg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x ** 2 * g
    >>> x = pg.Variable(np.asarray(2.0), requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> float(x.grad.data)
    12.0
    """

    @staticmethod
    def forward(*args: Any) -> Any:
        """Compute the outputs: one array, or a tuple."""
        raise UnsupportedError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what `backward` needs, where `forward` takes no `ctx`."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """One gradient, or None, per input of `forward`."""
        raise UnsupportedError("this Function has no static method backward(ctx, *grads)")

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """One tangent per output."""
        raise UnsupportedError("this Function has no static method jvp(ctx, *tangents)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call it. Only Variables among the arguments are differentiated."""
        places = [i for i, x in enumerate(args) if is_variable(x)]
        op = _FunctionCall(cls, args, places)
        # The rule is known after `forward`; this one is for errors before.
        op.rule = cls._rules()[0]
        outputs = [
            wrap_untracked(y, backend) if (backend := BACKENDS.get(type(y))) is not None else y
            for y in call(op, [args[i] for i in places])
        ]
        return tuple(outputs) if op.several else outputs[0]

    @classmethod
    def _rules(cls) -> tuple[Rule, Rule]:
        rules = cls.__dict__.get("_own_rules")
        if rules is None:
            rules = rule_of(cls.__name__), rule_of(cls.__name__, partial=True)
            cls._own_rules = rules  # type: ignore[attr-defined]
        return rules  # type: ignore[no-any-return]


class _Once(Function):
    """Its first argument, the name of a Function, and then gradients that have no gradient."""

    @staticmethod
    def forward(ctx: Any, name: str, count: int, *args: Any) -> Any:
        ctx.name = name
        return args[:count]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise DifferentiationError(
            f"{ctx.name} is marked once_differentiable: its gradient cannot be differentiated again, "
            "and it has no forward mode. Write it with pluggrad's functions and leave the mark out."
        )


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a static `backward` whose computation is not to be differentiated again: doing so
    raises instead of answering wrongly. It is handed untracked values.

    >>> import pluggrad as pg
    >>> class Double(pg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @pg.autograd.function.once_differentiable
    ...     def backward(ctx, g):
    ...         return 2 * g
    """

    @functools.wraps(backward)
    def once(ctx: FunctionContext, *grads: Any) -> Any:
        sources = [g for g in (*grads, *ctx.saved_tensors) if is_variable(g)]
        plain = ctx._at([_constant(x) for x in ctx.saved_tensors], ctx.needs_input_grad)
        with unrecorded():
            found = backward(plain, *[_constant(g) for g in grads])
        several = isinstance(found, (tuple, list))
        items = list(found) if several else [found]
        arrays = [i for i, g in enumerate(items) if g is not None]
        name = getattr(backward, "__qualname__", "backward")
        marked = _Once.apply(name, len(arrays), *[variable(items[i]) for i in arrays], *sources)
        for i, g in zip(arrays, marked, strict=True):
            items[i] = g
        return tuple(items) if several else items[0]

    return once


def _constant(x: Any) -> Any:
    return x.detach() if is_variable(x) else x
