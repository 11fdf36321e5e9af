"""The calls of a `Function`, as the engine sees them.

`forward` runs once, below all levels, on untracked values. Each level that tracks an input then
gets its own view of the saved values, which makes every order and every nesting correct.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..arrays.backend import VARIABLES
from ..arrays.dispatch import xp
from ..engine.batch import batched
from ..engine.closures import Seen, seen
from ..engine.cotangents import shape_dtype, zeros
from ..engine.custom_call import Call, check_captured
from ..engine.custom_op import Operation, call, transposed
from ..engine.grad_mode import SEALED, sealed
from ..engine.handles import as_variable, own_handle
from ..engine.levels import Level, read
from ..errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from ..transforms.mapping import inner_vmap
from ..variables.variable import WANTED
from .function_context import OUTPUT, FunctionContext

__all__ = ["FunctionCall", "UsualCall", "VmapInfo", "backward_of"]


NONE: Mapping[Any, Any] = {}  # shared and never written


class FunctionCall(Operation):
    """One application of a Function; `places` are the positions of Variables in its arguments."""

    seen: Seen | None = None  # the backward, with the names that it reads
    count = 0  # how many outputs are arrays; other saved arrays come after them
    differentiable: list[bool]
    #: By derivative ("backward", "forward"): ("in", i), ("out", i) or ("as it is", value).
    saved: dict[str, Sequence[tuple[str, Any]]]
    others: Mapping[int, Any] = NONE  # outputs other than arrays, by position
    attributes: Mapping[str, tuple[str, Any]] = NONE  # attributes of ctx: inputs, outputs
    dirty: Sequence[tuple[int, int]] = ()  # which inputs were written: (argument, output)
    ready: tuple[list[Any], Any] | None = None  # handles and result of `forward`, if it has run

    def __init__(self, function: Any, args: tuple[Any, ...], places: list[int]) -> None:
        """Note the arguments other than Variables, and which gradients are wanted."""
        self.function, self.places = function, places
        # Do not keep the caller's Variables: they would keep their `grad` and its graph alive.
        self.args, needs = list(args), [False] * len(args)
        for place in places:
            x, self.args[place] = args[place], None
            needs[place] = x is not None and x._read()[1] is not None
        self.context = FunctionContext(needs)

    def kept(self, inputs: list[Any], outputs: list[Any]) -> tuple[list[Any], list[Any]]:
        """The inputs and outputs that were saved; shape and dtype of all others."""
        kept_in: list[Any] = [(tuple(x.shape), x.dtype) for x in inputs]
        kept_out: list[Any] = [(tuple(y.shape), y.dtype) for y in outputs]
        for kind, i in (*self.saved["backward"], *self.attributes.values()):
            if kind == "in":
                kept_in[i] = inputs[i]
            elif kind == "out":
                kept_out[i] = outputs[i]
        return kept_in, kept_out

    def trial(self) -> Operation:
        """A new call of the same Function, to run once and forget."""
        made = FunctionCall(self.function, tuple(self.args), self.places)
        made.rule = self.rule
        return made

    def compute(
        self, args: list[Any], tracked: Sequence[bool], tangents: list[Any] | None, level: Level
    ) -> tuple[list[Any], Any]:
        """The outputs one level down, and notes for `backward`; nothing records meanwhile."""
        if self.seen is None:
            self.seen = seen(backward_of(self.function), self.function._steady)
        if self.seen.variables:
            check_captured(self.seen, level)
        for x in args:
            if type(x) in VARIABLES:
                return call(self, args), None
        if read() is SEALED:
            return self.run(args), None
        with sealed():
            return self.run(args), None

    def filled(self, args: list[Any]) -> list[Any]:
        """All arguments for `forward`, with the arrays `args` at their places, as new handles that
        `forward` may write.
        """
        given = list(self.args)
        wanted = self.context._needs
        for place, x in zip(self.places, args, strict=True):
            given[place] = x._snapshot() if type(x) in VARIABLES else handed(x, wanted[place])
        return given

    def run(self, args: list[Any]) -> list[Any]:
        """Run `forward` (and `setup_context`): the array outputs, then other saved arrays."""
        function, ctx = self.function, self.context
        if self.ready is not None:
            (given, y), self.ready = self.ready, None
            return self.noted(given, y)
        given = self.filled(args)
        if function._defines("setup_context"):
            y = function.forward(*given)
            function.setup_context(ctx, tuple(given), y)
        else:
            y = function.forward(ctx, *given)
        return self.noted(given, y)

    def noted(self, given: list[Any], y: Any) -> list[Any]:
        """Note what `forward` left in `ctx`: the array outputs, then other saved arrays."""
        function, ctx = self.function, self.context
        if type(y) in VARIABLES:
            self.several, outputs = False, [y]
        else:
            self.several = isinstance(y, (tuple, list))
            outputs = list(y) if self.several else [y]
            self.others = {k: x for k, x in enumerate(outputs) if not is_array(x)}
            outputs = [x for x in outputs if is_array(x)]
        self.count = len(outputs)
        self.differentiable = [True] * self.count
        dirty, marked = ctx._dirty_inputs, ctx._constant_outputs
        if dirty:
            self.dirty = [self._written(x, given, outputs) for x in dirty]
        if marked:
            self.differentiable = [not any([x is y for x in marked]) for y in outputs]
        ctx._dirty_inputs = ctx._constant_outputs = ()
        self.saved = {"backward": ()}
        for mode, values in ctx._given.items():
            self.saved[mode] = [self._place(x, given, outputs, dirty) for x in values]
        ctx._given = {}
        for name, x in ctx.__dict__.items() if ctx.__dict__ else ():
            if type(x) in VARIABLES:
                known = self._known(x, given, outputs[: self.count], dirty)
                if known is not None:  # any other Variable is a constant
                    self.attributes = {**self.attributes, name: known}
        self.rule = function._rules[bool(self.saved["backward"] or self.attributes)]
        return outputs

    def _known(
        self, value: Any, given: list[Any], outputs: list[Any], dirty: tuple[Any, ...]
    ) -> tuple[str, int] | None:
        """Where a value is among the inputs or outputs; None if it is in neither."""
        # An input that was written holds a new value by now: it is saved as an output.
        if not dirty or not any([x is value for x in dirty]):
            for i, place in enumerate(self.places):
                if given[place] is value:
                    return "in", i
        for i, x in enumerate(outputs):
            if x is value:
                return "out", i
        return None

    def _place(
        self, value: Any, given: list[Any], outputs: list[Any], dirty: tuple[Any, ...]
    ) -> tuple[str, Any]:
        """Where a saved value is in the inputs or outputs; another array becomes an output."""
        known = self._known(value, given, outputs, dirty)
        if known is not None:
            return known
        if not is_array(value):
            return "as it is", value
        outputs.append(value)
        self.differentiable.append(False)
        return "out", len(outputs) - 1

    def materialized(self, gs: list[Any], call: Call) -> list[Any]:
        """The cotangents of the outputs, with None replaced by zeros unless the user wants None."""
        if self.count == 1 and gs[0] is not None:
            return gs[:1]
        gs = gs[: self.count]
        if not self.context._materialize:
            return gs
        some = next(g for g in gs if g is not None)
        return [zeros(shape_dtype(y), some) if g is None else g
                for g, y in zip(gs, call.outputs, strict=False)]  # fmt: skip

    def completed(self, outputs: Sequence[Any], others: Any) -> list[Any]:
        """One entry per output of `forward`: `outputs` for arrays, ``others(k)`` for the rest."""
        if not self.others:
            return list(outputs[: self.count])
        rest = iter(outputs)
        count = self.count + len(self.others)
        return [others(k) if k in self.others else next(rest) for k in range(count)]

    def _written(self, x: Any, given: list[Any], outputs: list[Any]) -> tuple[int, int]:
        """The positions, among arguments and outputs, of an input marked dirty."""
        name = self.function.__name__
        arguments = [i for i, known in enumerate(given) if known is x and i in self.places]
        found = [k for k, y in enumerate(outputs) if y is x]
        if not arguments or not found:
            raise InvalidArgumentError(
                f"{name} marks a value as written that is "
                + ("no Variable among the inputs" if not arguments else "not among its outputs")
                + ": write into an input by `x[...] = y` or `x += y`, and return that very `x`"
            )
        return arguments[0], found[0]

    def mapped_itself(
        self, args: list[Any], inner: list[Any], on: list[bool], level: Any, backend: Any
    ) -> list[Any] | None:
        """The outputs for a batch by the user's `vmap`; None if there is none."""
        function = self.function
        if not function._defines("vmap"):
            return None
        if not function._defines("setup_context"):
            raise InvalidArgumentError(
                f"{function.__name__} has a vmap, and so needs setup_context(ctx, inputs, output) "
                "beside a forward(*args) without ctx"
            )
        in_dims: list[int | None] = [None] * len(self.args)
        for place, b in zip(self.places, on, strict=True):
            in_dims[place] = 0 if b else None
        info = VmapInfo(level.size, level.randomness)
        found = function.vmap(info, tuple(in_dims), *self.filled(inner))
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeMismatchError(
                f"{function.__name__}.vmap returns a pair (output, out_dims), not "
                f"{type(found).__name__}"
            )
        y, dims = found
        several = isinstance(y, (tuple, list))
        outputs = list(y) if several else [y]
        dims = list(dims) if isinstance(dims, (tuple, list)) else [dims] * len(outputs)
        if len(dims) != len(outputs):
            raise InvalidArgumentError(
                f"{function.__name__}.vmap returned {len(outputs)} outputs and {len(dims)} out_dims"
            )
        outputs = [
            self._entering(y, dim, level, backend) for y, dim in zip(outputs, dims, strict=True)
        ]
        given = self.filled(args)
        y = tuple(outputs) if several else outputs[0]
        function.setup_context(self.context, tuple(given), y)
        return self.noted(given, y)

    def _entering(self, y: Any, dim: int | None, level: Any, backend: Any) -> Any:
        """An output of the user's `vmap` as a value of `level`, its batch axis in front."""
        if dim is None or not hasattr(y, "shape"):
            return as_variable(y, backend)
        if not -len(y.shape) <= dim < len(y.shape) or y.shape[dim] != level.size:
            raise InvalidArgumentError(
                f"{self.function.__name__}.vmap returned an output of shape {tuple(y.shape)} with "
                f"the batch at axis {dim}, and the batch has size {level.size}"
            )
        y = as_variable(y, backend)
        return batched(xp.moveaxis(y, dim, 0) if dim % len(y.shape) else y, level, backend)

    def _context(self, call: Call, mode: str) -> FunctionContext:
        """The context for one level: saved values and attributes as that level sees them."""
        needs = call.needs
        if len(needs) != len(self.args):
            needs = [False] * len(self.args)
            for place, need in zip(self.places, call.needs, strict=True):
                needs[place] = need
        saved: list[Any] = []
        for kind, i in self.saved.get(mode, self.saved["backward"]):
            if kind == "in":
                saved.append(handed(call.inputs[i], call.needs[i]))
            elif kind == "out":
                saved.append(handed(call.outputs[i], bool(self.differentiable[i])))
            else:
                saved.append(i)
        view = self.context._at(saved, needs)
        if self.attributes:  # those that are inputs or outputs, as this level sees them
            view.__dict__ = {**view.__dict__}
            for name, (kind, i) in self.attributes.items():
                view.__dict__[name] = own_handle((call.inputs if kind == "in" else call.outputs)[i])
        return view

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        """The gradients of the arrays among the inputs, by the user's `backward`."""
        name = self.function.__name__
        assert self.seen is not None
        if not (self.function._defines("backward") or self.function._defines("vjp")):
            raise UnsupportedError(f"{name} has no static method backward(ctx, *grads)")
        backward = self.seen.as_called()
        if self.count > 1 or self.others or gs[0] is None:
            gs = self.completed(self.materialized(gs, call), lambda k: None)
        found = backward(self._context(call, "backward"), *gs[: self.count + len(self.others)])
        return self.gradients(found)

    def gradients(self, found: Any) -> Sequence[Any]:
        """What `backward` returned, as a list with one entry for each array among the inputs."""
        if not isinstance(found, (tuple, list)):
            found = (found,)
        count = len(self.args)
        if len(found) > count and all([g is None for g in found[count:]]):
            found = found[:count]
        if len(found) != count:
            raise InvalidArgumentError(
                f"{self.function.__name__}.backward returned {len(found)} gradients, and forward "
                f"takes {count} inputs; return None for those without"
            )
        if len(self.places) == count:
            return list(found)
        return [found[place] for place in self.places]

    def push(self, tangents: list[Any], call: Call) -> Sequence[Any]:
        """The tangents of the outputs, by the user's `jvp`, or by transposing `backward`."""
        function = self.function
        if not function._defines("jvp"):
            return transposed(tangents, call)
        given: list[Any] = list(self.args)
        for place, x in zip(self.places, call.inputs, strict=True):
            given[place] = x
        zero = self.context._materialize
        given = [as_variable(xp.zeros_like(x)) if zero and is_array(x) else None for x in given]
        for place, t in zip(self.places, tangents, strict=True):
            given[place] = given[place] if t is None else as_variable(t)
        found = function.jvp(self._context(call, "forward"), *given)
        found = list(found) if self.several else [found]
        if len(found) != self.count + len(self.others):
            raise InvalidArgumentError(
                f"{function.__name__}.jvp returned {len(found)} tangents, and forward "
                f"{self.count + len(self.others)} outputs; return None for those without"
            )
        found = [t for k, t in enumerate(found) if k not in self.others]
        return found + [None] * (len(call.outputs) - self.count)

    def mapped(self, on: list[bool], size: int) -> Operation:
        """The call over a batch, by running `forward` and `backward` under an inner `vmap`."""
        if self.seen is None:
            self.seen = seen(backward_of(self.function))
        return MappedFunction(self, on)


class UsualCall(FunctionCall):
    """What all calls of a Function share that take `count` arrays, return one, and save `saved` of
    them and nothing else. The context of each call is the residual of its `Call`."""

    several, count, differentiable = False, 1, [True]

    def __init__(
        self, function: Any, count: int, saved: tuple[tuple[str, int], ...], seen: Seen
    ) -> None:
        super().__init__(function, (None,) * count, [*range(count)])
        self.seen, self.rule = seen, function._rules[bool(saved)]
        self.saved = {"backward": saved}
        self.keeps = [("in", i) in saved for i in range(count)]
        self.keeps_output = OUTPUT in saved

    def kept(self, inputs: list[Any], outputs: list[Any]) -> tuple[list[Any], list[Any]]:
        """The inputs and the output, if they were saved; otherwise shape and dtype."""
        y = outputs[0]
        kept = [x if keep else (x.shape, x.dtype) for x, keep in zip(inputs, self.keeps)]
        return kept, [y if self.keeps_output else (y.shape, y.dtype)]

    def _context(self, call: Call, mode: str) -> FunctionContext:
        """The context for one level: saved values as that level sees them."""
        saved, needs = [], call.needs
        for kind, i in self.saved["backward"]:
            x, wanted = (call.inputs[i], needs[i]) if kind == "in" else (call.outputs[0], True)
            saved.append(handed(x, wanted))
        context: FunctionContext = call.residuals
        return context._at(saved, needs)

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        """The gradients of the inputs, by the user's `backward`."""
        assert self.seen is not None
        return self.gradients(self.seen.as_called()(self._context(call, "backward"), gs[0]))


class MappedFunction(Operation):
    """A call of a Function over a batch, where levels outside the `vmap` track its inputs.

    `forward` and `backward` run under an inner `vmap`; `on` says which inputs have the batch axis.
    """

    def __init__(self, inside: FunctionCall | MappedFunction, on: list[bool]) -> None:
        """`inside` is the call to map, which may be mapped itself."""
        self.inside, self.on, self.rule = inside, on, inside.rule

    def kept(self, inputs: list[Any], outputs: list[Any]) -> tuple[list[Any], list[Any]]:
        """The inputs and outputs that were saved; shape and dtype of all others."""
        return self.inside.kept(inputs, outputs)

    def materialized(self, gs: list[Any], call: Call) -> list[Any]:
        """The cotangents of the outputs, with zeros for None where that is wanted."""
        return self.inside.materialized(gs, call)

    def run(self, args: list[Any]) -> list[Any]:
        """The outputs, under an inner `vmap`."""
        inside = self.inside
        axes = tuple([0 if b else None for b in self.on])
        outputs = inner_vmap(lambda *args: inside.run(list(args)), axes)(*args)
        self.several, self.differentiable = inside.several, inside.differentiable
        self.rule = inside.rule
        return list(outputs)

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        """The gradients, under an inner `vmap`; those of inputs that all share are summed."""
        inside, backend = self.inside, call.backend

        def body(gs: Any, inputs: Any, outputs: Any) -> Any:
            made = Call(inside, inputs, outputs, None, call.needs, read().level, backend)
            found = inside.pull(list(gs), made)
            return [g if need else None for g, need in zip(found, call.needs, strict=True)]

        gs = self.materialized(gs, call)
        kept = [[None if type(x) is tuple else x for x in items]
                for items in (call.inputs, call.outputs)]  # fmt: skip
        found = inner_vmap(body, (0, [0 if b else None for b in self.on], 0))(gs, *kept)
        return [
            xp.sum(g, axis=0) if g is not None and not b else g
            for g, b in zip(found, self.on, strict=True)
        ]

    def mapped(self, on: list[bool], size: int) -> Operation:
        """The call over one more batch."""
        return MappedFunction(self, on)


class VmapInfo(NamedTuple):
    """The first argument of `Function.vmap`: the size of the batch, and `vmap`'s `randomness`."""

    batch_size: int
    randomness: str


def backward_of(function: Any) -> Callable[..., Any]:
    """The user's `backward`, or `vjp`, its other name."""
    name = "backward" if function._defines("backward") else "vjp"
    found: Callable[..., Any] = getattr(function, name)
    return found


def handed(x: Any, wanted: bool) -> Any:
    """`x` as an untracked Variable; its `requires_grad` still says whether a gradient is wanted."""
    v = own_handle(x)
    if wanted and v._node is None:
        v._leaf = WANTED
    return v


def is_array(x: Any) -> bool:
    """Whether `x` is a Variable or looks like an array."""
    return type(x) in VARIABLES or (hasattr(x, "shape") and hasattr(x, "dtype"))
