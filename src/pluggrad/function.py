"""Operations of the user's own, as torch's `autograd.Function`.

`forward` runs once, below all levels, on untracked values; each level that tracks an input then has
its own view of what was saved, and so every order and every nesting comes out right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import cells
from .backend import BACKENDS
from .batch import batched
from .calls import Call, Operation, call, rule_of, transposed, unrecorded, variable
from .dispatch import is_variable, xp
from .errors import (
    DifferentiationError,
    InvalidArgumentError,
    TypeMismatchError,
    UnsupportedError,
)
from .levels import read
from .modes import inside
from .primitive import Rule, new
from .record import wrap_untracked

__all__ = ["Function", "FunctionContext", "once_differentiable"]


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

    def mark_dirty(self, *inputs: Any) -> None:
        """These inputs were written by `forward`, with the in-place operators of Variables or by
        index, and are among the outputs. The caller's own Variables then become these outputs.

        Do not write into their `.data`: other operations may have saved that buffer.
        """
        self._dirty_inputs = inputs

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
        self.function, self.places = function, places
        # The Variables come from elsewhere: kept here, they would keep their `grad`, and its graph.
        self.args = tuple([None if is_variable(x) else x for x in args])
        self.context = FunctionContext([is_variable(x) and bool(x.requires_grad) for x in args])
        self.constants: list[Any] = []
        self.dirty: list[tuple[int, int]] = []  # which inputs were written: (argument, output)

    def filled(self, args: list[Any]) -> list[Any]:
        """The arguments as `forward` takes them, of which these are the arrays: handles of its own,
        which it may write."""
        given = list(self.args)
        for place, x in zip(self.places, args, strict=True):
            given[place] = x._snapshot() if is_variable(x) else variable(x)
        return given

    def compute(self, args: list[Any]) -> tuple[list[Any], Any]:
        return call(self, args), self.constants

    def run(self, args: list[Any]) -> list[Any]:
        function, ctx = self.function, self.context
        given = self.filled(args)
        if function.setup_context is not Function.setup_context:
            y = function.forward(*given)
            function.setup_context(ctx, tuple(given), y)
        else:
            y = function.forward(ctx, *given)
        outputs = self.noted(given, y)
        return [y.detach() if is_variable(y) and y._level.size is None else y for y in outputs]

    def noted(self, given: list[Any], y: Any) -> list[Any]:
        """The outputs as a list, once it is known what was saved and marked."""
        function, ctx = self.function, self.context
        self.several = isinstance(y, (tuple, list))
        outputs = list(y) if self.several else [y]
        dirty = ctx.__dict__.pop("_dirty_inputs", ())
        self.dirty = [self._written(x, given, outputs) for x in dirty]
        where: list[tuple[str, int]] = []
        inputs = [given[place] for place in self.places]
        self.constants = []
        for value in ctx._constants:
            # What was written is saved as it is now.
            kinds = [("in", inputs), ("out", outputs)]
            for kind, known in kinds[::-1] if any([x is value for x in dirty]) else kinds:
                found = [i for i, x in enumerate(known) if x is value and value is not None]
                if found:
                    where.append((kind, found[0]))
                    break
            else:
                where.append(("constant", len(self.constants)))
                self.constants.append(value._snapshot() if is_variable(value) else value)
        ctx._saved, ctx._constants = tuple(where), ()
        marked = ctx.__dict__.pop("_constant_outputs", ())
        self.differentiable = [not any([x is y for x in marked]) for y in outputs]
        self.rule = function._rules()[not ctx._materialize]
        return outputs

    def _written(self, x: Any, given: list[Any], outputs: list[Any]) -> tuple[int, int]:
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
        function = self.function
        if function.vmap is Function.vmap:
            return None
        if function.setup_context is Function.setup_context:
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
        """An output of the user's `vmap` as a value of `level`."""
        if dim is None or not hasattr(y, "shape"):
            return variable(y, backend)
        if not -len(y.shape) <= dim < len(y.shape) or y.shape[dim] != level.size:
            raise InvalidArgumentError(
                f"{self.function.__name__}.vmap returned an output of shape {tuple(y.shape)} with "
                f"the batch at axis {dim}, and the batch has size {level.size}"
            )
        y = variable(y, backend)
        return batched(xp.moveaxis(y, dim, 0) if dim % len(y.shape) else y, level, backend)

    def _context(self, call: Call) -> FunctionContext:
        values = {"in": call.inputs, "out": call.outputs, "constant": call.residuals}
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

    def __init__(self, inside: _FunctionCall | _MappedFunction, on: list[bool]) -> None:
        self.inside, self.on = inside, on
        self.constants: list[Any] = []

    def compute(self, args: list[Any]) -> tuple[list[Any], Any]:
        return call(self, args), self.constants

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
            one = Call(inside, inputs, outputs, constants, call.needs, read().level, backend)
            found = inside.pull(list(gs), one)
            return [
                xp.zeros_like(x) if g is None or not need else g
                for g, x, need in zip(found, inputs, call.needs, strict=True)
            ]

        given = [0 if b else None for b in self.on]
        found = vmap(body, (0, given, 0, 0))(
            gs, list(call.inputs), list(call.outputs), list(call.residuals)
        )
        return [g if b else xp.sum(g, axis=0) for g, b in zip(found, self.on, strict=True)]

    def mapped(self, on: list[bool], size: int) -> Operation:
        return _MappedFunction(self, on)


class VmapInfo(NamedTuple):
    """What `Function.vmap` is told: how many are mapped over, and `vmap`'s `randomness`."""

    batch_size: int
    randomness: str


class Function:
    """An operation with a backward of its own, as torch's `autograd.Function`.

    Subclass it with two static methods. ``forward(ctx, *args)`` computes; it is handed untracked
    Variables, and may use any library on their `.data`. ``backward(ctx, *grads)`` takes one
    cotangent per output and returns one gradient per input of `forward`, or None. If `backward` is
    written with pluggrad's functions and saves only inputs and outputs, it is differentiable, too.

    With ``setup_context(ctx, inputs, output)``, `forward` is called without `ctx`. Forward mode
    uses ``jvp(ctx, *tangents)`` if there is one (None stands for an input without a tangent), and
    the transpose of `backward` if not.

    Inside `pluggrad.vmap`, `forward` and `backward` are handed values that stand for one of the
    batch. Where they cannot compute with these, because they use another library, say, give
    ``vmap(info, in_dims, *args)``, as torch has it: it takes the arguments of all of the batch at
    once, and returns ``(output, out_dims)``.

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

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> Any:
        """The outputs for a batch of ``info.batch_size``, and the axes in which they have it.

        `in_dims` says which axis of each argument counts the batch; None for those that all share.
        Returns ``(output, out_dims)``, where `out_dims` is such an axis, or None, for each output.
        It may call `apply` on the whole batch, and needs `setup_context`.
        """
        raise UnsupportedError("this Function has no static method vmap(info, in_dims, *args)")

    #: torch's mark for a Function without `vmap` whose forward and backward batch as they stand.
    #: Here all do.
    generate_vmap_rule: bool = False

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call it. Only Variables among the arguments are differentiated."""
        if cls.generate_vmap_rule and cls.vmap is not Function.vmap:
            raise InvalidArgumentError(
                f"{cls.__name__} has a vmap of its own and generate_vmap_rule = True; leave out one"
            )
        handles = args
        if (run := inside()) is not None:
            args = tuple([run.enter(x) for x in args])
        places = [i for i, x in enumerate(args) if is_variable(x)]
        op = _FunctionCall(cls, args, places)
        # The rule is known after `forward`; this one is for errors before.
        op.rule = cls._rules()[0]
        outputs = [
            wrap_untracked(y, backend) if (backend := BACKENDS.get(type(y))) is not None else y
            for y in call(op, [args[i] for i in places])
        ]
        for place, k in op.dirty:
            cells.write(handles[place], None, outputs[k])
            outputs[k] = handles[place]
        return tuple(outputs) if op.several else outputs[0]

    @classmethod
    def _rules(cls) -> tuple[Rule, Rule]:
        rules: tuple[Rule, Rule] | None = cls.__dict__.get("_own_rules")
        if rules is None:
            rules = rule_of(cls.__name__), rule_of(cls.__name__, partial=True)
            cls._own_rules = rules  # type: ignore[attr-defined]
        return rules


class _Once(Function):
    """Its first argument, the name of a Function, and then gradients that have no gradient."""

    @staticmethod
    def forward(ctx: Any, name: str, count: int, *args: Any) -> Any:
        ctx.name = name
        return args[:count]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise DifferentiationError(
            f"{ctx.name} is marked once_differentiable: its gradient cannot be differentiated "
            "again, and has no forward mode. Write it with pluggrad's functions, without the mark."
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
