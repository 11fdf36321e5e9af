"""Operations of the user's own, as torch's `autograd.Function`.

`forward` runs once, below all levels, on untracked values; each level that tracks an input then has
its own view of what was saved, and so every order and every nesting comes out right.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..arrays.backend import VARIABLES
from ..arrays.dispatch import is_variable, xp
from ..engine import views
from ..engine.batch import batched
from ..engine.closures import Seen, SeenModules, seen
from ..engine.cotangents import shape_dtype, zeros
from ..engine.custom_call import Call, check_captured
from ..engine.custom_node import CallRules, rule_of
from ..engine.custom_op import Operation, call, transposed
from ..engine.grad_mode import SEALED, sealed, unrecorded
from ..engine.handles import as_variable, own_handle
from ..engine.levels import Level, read
from ..engine.linear import is_linear_level
from ..engine.modes import inside
from ..engine.primitive import new
from ..errors import DifferentiationError, InvalidArgumentError, TypeMismatchError, UnsupportedError
from ..transforms.mapping import inner_vmap
from ..variables.variable import WANTED

__all__ = ["Function", "FunctionContext", "once_differentiable"]


class FunctionContext:
    """What `forward` hands to `backward`; attributes of your own may be set on it, too."""

    __slots__ = ("__dict__", "_call", "_constant_outputs", "_dirty_inputs", "_given",
                 "_materialize", "_needs")  # fmt: skip

    _call: tuple[Sequence[Any], Sequence[bool]] | None

    def __init__(self, needs: Sequence[bool]) -> None:
        self._call = None
        self._needs = tuple(needs)
        self._given: dict[str, tuple[Any, ...]] = {}
        self._materialize = True
        self._dirty_inputs: tuple[Any, ...] = ()
        self._constant_outputs: tuple[Any, ...] = ()

    def save_for_backward(self, *values: Any) -> None:
        """Keep arrays for `backward`. Inputs and outputs are differentiated again at higher
        orders; anything else is a constant there, so return what matters as an output."""
        self._given["backward"] = values

    def save_for_forward(self, *values: Any) -> None:
        """Keep arrays for `jvp`, which otherwise finds what is kept for `backward`."""
        self._given["forward"] = values

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was given to `save_for_backward`; in `jvp`, to `save_for_forward`."""
        return self._given.get("backward", ()) if self._call is None else tuple(self._call[0])

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
        """Whether the cotangents of unused outputs, and the tangents of inputs that have none, are
        zeros; None otherwise."""
        self._materialize = bool(value)

    def _at(self, values: Sequence[Any], needs: Sequence[bool]) -> FunctionContext:
        """The same context, at one level: attributes are shared."""
        view: FunctionContext = new(FunctionContext)
        view.__dict__ = self.__dict__
        view._call = (values, needs)
        return view


NONE: Mapping[Any, Any] = {}  # nobody writes it


class _FunctionCall(Operation):
    """One application of a Function."""

    seen: Seen | None = None  # the backward, with what it refers to by name
    count = 0  # how many outputs are arrays; what else was saved comes after them
    differentiable: list[bool]
    saved: dict[str, Sequence[tuple[str, Any]]]  # for which derivative; what, or where
    others: Mapping[int, Any] = NONE  # outputs that are no arrays, by position
    attributes: Mapping[str, tuple[str, Any]] = NONE  # of the context, that are in or outputs
    dirty: Sequence[tuple[int, int]] = ()  # which inputs were written: (argument, output)

    def __init__(self, function: type[Function], args: tuple[Any, ...], places: list[int]) -> None:
        self.function, self.places = function, places
        # The Variables come from elsewhere: kept here, they would keep their `grad`, and its graph.
        self.args, needs = list(args), [False] * len(args)
        for place in places:
            x, self.args[place] = args[place], None
            needs[place] = x is not None and x._read()[1] is not None
        self.context = FunctionContext(needs)

    def kept(self, inputs: list[Any], outputs: list[Any]) -> tuple[list[Any], list[Any]]:
        kept_in: list[Any] = [(tuple(x.shape), x.dtype) for x in inputs]
        kept_out: list[Any] = [(tuple(y.shape), y.dtype) for y in outputs]
        for kind, i in (*self.saved["backward"], *self.attributes.values()):
            if kind == "in":
                kept_in[i] = inputs[i]
            elif kind == "out":
                kept_out[i] = outputs[i]
        return kept_in, kept_out

    def trial(self) -> Operation:
        made = _FunctionCall(self.function, tuple(self.args), self.places)
        made.rule = self.rule
        return made

    def compute(
        self, args: list[Any], tracked: Sequence[bool], tangents: list[Any] | None, level: Level
    ) -> tuple[list[Any], Any]:
        if self.seen is None:
            self.seen = seen(_backward_of(self.function), self.function._steady)
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
        """The arguments as `forward` takes them, of which these are the arrays: handles of its own,
        which it may write."""
        given = list(self.args)
        wanted = self.context.needs_input_grad
        for place, x in zip(self.places, args, strict=True):
            given[place] = x._snapshot() if is_variable(x) else _handed(x, wanted[place])
        return given

    def run(self, args: list[Any]) -> list[Any]:
        function, ctx = self.function, self.context
        given = self.filled(args)
        if function.setup_context is not Function.setup_context:
            y = function.forward(*given)
            function.setup_context(ctx, tuple(given), y)
        else:
            y = function.forward(ctx, *given)
        return self.noted(given, y)

    def noted(self, given: list[Any], y: Any) -> list[Any]:
        """The arrays among the outputs, and those that were saved besides."""
        function, ctx = self.function, self.context
        self.several = isinstance(y, (tuple, list))
        outputs = list(y) if self.several else [y]
        if self.several or not _is_array(y):
            self.others = {k: x for k, x in enumerate(outputs) if not _is_array(x)}
            outputs = [x for x in outputs if _is_array(x)]
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
        for name, x in ctx.__dict__.items():
            if type(x) in VARIABLES:
                known = self._known(x, given, outputs[: self.count], dirty)
                if known is not None:  # what is neither is a constant
                    self.attributes = {**self.attributes, name: known}
        self.rule = function._rules[bool(self.saved["backward"] or self.attributes)]
        return outputs

    def _known(
        self, value: Any, given: list[Any], outputs: list[Any], dirty: tuple[Any, ...]
    ) -> tuple[str, int] | None:
        """Where a value is among the inputs and outputs; None if it is neither."""
        if not dirty or not any([x is value for x in dirty]):  # what was written is saved as it is
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
        """Where a saved value is among the inputs and outputs; it becomes an output if nowhere."""
        known = self._known(value, given, outputs, dirty)
        if known is not None:
            return known
        if not _is_array(value):
            return "as it is", value
        outputs.append(value)
        self.differentiable.append(False)
        return "out", len(outputs) - 1

    def materialized(self, gs: list[Any], call: Call) -> list[Any]:
        """The cotangents of the outputs, with zeros for None where that is wanted."""
        gs = gs[: self.count]
        if not self.context._materialize or (self.count == 1 and gs[0] is not None):
            return gs
        some = next(g for g in gs if g is not None)
        return [zeros(shape_dtype(y), some) if g is None else g
                for g, y in zip(gs, call.outputs, strict=False)]  # fmt: skip

    def completed(self, outputs: Sequence[Any], others: Any) -> list[Any]:
        """A list with one entry per output of `forward`, of which `outputs` are for the arrays."""
        if not self.others:
            return list(outputs[: self.count])
        rest = iter(outputs)
        count = self.count + len(self.others)
        return [others(k) if k in self.others else next(rest) for k in range(count)]

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
            return as_variable(y, backend)
        if not -len(y.shape) <= dim < len(y.shape) or y.shape[dim] != level.size:
            raise InvalidArgumentError(
                f"{self.function.__name__}.vmap returned an output of shape {tuple(y.shape)} with "
                f"the batch at axis {dim}, and the batch has size {level.size}"
            )
        y = as_variable(y, backend)
        return batched(xp.moveaxis(y, dim, 0) if dim % len(y.shape) else y, level, backend)

    def _context(self, call: Call, mode: str) -> FunctionContext:
        needs = call.needs
        if len(needs) != len(self.args):
            needs = [False] * len(self.args)
            for place, need in zip(self.places, call.needs, strict=True):
                needs[place] = need
        saved: list[Any] = []
        for kind, i in self.saved.get(mode, self.saved["backward"]):
            if kind == "in":
                saved.append(_handed(call.inputs[i], call.needs[i]))
            elif kind == "out":
                saved.append(_handed(call.outputs[i], bool(self.differentiable[i])))
            else:
                saved.append(i)
        view = self.context._at(saved, needs)
        if self.attributes:  # at this level
            view.__dict__ = {**view.__dict__}
            for name, (kind, i) in self.attributes.items():
                view.__dict__[name] = own_handle((call.inputs if kind == "in" else call.outputs)[i])
        return view

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        name = self.function.__name__
        assert self.seen is not None
        if self.seen.fun is Function.vjp:
            raise UnsupportedError(f"{name} has no static method backward(ctx, *grads)")
        backward = self.seen.as_called()
        gs = self.materialized(gs, call)
        found = backward(self._context(call, "backward"), *self.completed(gs, lambda k: None))
        if not isinstance(found, (tuple, list)):
            found = (found,)
        if len(found) > len(self.args) and all([g is None for g in found[len(self.args) :]]):
            found = found[: len(self.args)]
        if len(found) != len(self.args):
            raise InvalidArgumentError(
                f"{name}.backward returned {len(found)} gradients, and forward takes "
                f"{len(self.args)} inputs; return None for those without"
            )
        return [found[place] for place in self.places]

    def push(self, tangents: list[Any], call: Call) -> Sequence[Any]:
        function = self.function
        if function.jvp is Function.jvp:
            return transposed(tangents, call)
        given: list[Any] = list(self.args)
        for place, x in zip(self.places, call.inputs, strict=True):
            given[place] = x
        zero = self.context._materialize
        given = [as_variable(xp.zeros_like(x)) if zero and _is_array(x) else None for x in given]
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
        if self.seen is None:
            self.seen = seen(_backward_of(self.function))
        return _MappedFunction(self, on)


class _MappedFunction(Operation):
    """A Function over a batch, whose arguments are tracked outside of `vmap`."""

    def __init__(self, inside: _FunctionCall | _MappedFunction, on: list[bool]) -> None:
        self.inside, self.on, self.rule = inside, on, inside.rule

    def kept(self, inputs: list[Any], outputs: list[Any]) -> tuple[list[Any], list[Any]]:
        return self.inside.kept(inputs, outputs)

    def materialized(self, gs: list[Any], call: Call) -> list[Any]:
        """The cotangents of the outputs, with zeros for None where that is wanted."""
        return self.inside.materialized(gs, call)

    def run(self, args: list[Any]) -> list[Any]:
        inside = self.inside
        axes = tuple([0 if b else None for b in self.on])
        outputs = inner_vmap(lambda *args: inside.run(list(args)), axes)(*args)
        self.several, self.differentiable = inside.several, inside.differentiable
        self.rule = inside.rule
        return list(outputs)

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
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
    Outputs that are no arrays are handed on as they are; their cotangents are None.

    With ``setup_context(ctx, inputs, output)``, `forward` is called without `ctx`. Forward mode
    uses ``jvp(ctx, *tangents)`` if there is one (an input without a tangent has zeros, one that is
    no array None), and the transpose of `backward` if not, which has to be linear in its cotangents
    then (NotLinearError).

    `forward` and `backward` return arrays of the library of the arguments (MixedBackendsError).
    What `backward` closes over is that of the call. A Variable that requires grad and is used in
    `forward` without being an argument raises (CapturedVariableError), unless under ``no_grad``.

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

    # (For type checkers: with `*args: Any, **kwargs: Any`, a subclass may name its arguments.)

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs: one array, or a tuple."""
        raise UnsupportedError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what `backward` needs, where `forward` takes no `ctx`."""

    @staticmethod
    def backward(ctx: Any, *grads: Any, **kwargs: Any) -> Any:
        """One gradient, or None, per input of `forward`."""
        raise UnsupportedError("this Function has no static method backward(ctx, *grads)")

    @staticmethod
    def vjp(ctx: Any, *grads: Any, **kwargs: Any) -> Any:
        """Another name for `backward`."""
        raise UnsupportedError("this Function has no static method vjp(ctx, *grads)")

    @staticmethod
    def jvp(ctx: Any, *tangents: Any, **kwargs: Any) -> Any:
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

    _rules: tuple[
        CallRules, CallRules
    ]  # where nothing is saved for `backward`, and where something is

    _steady: dict[Any, SeenModules]  # what need not be taken down again

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._steady = {}
        cls._rules = rule_of(cls.__name__, True, False), rule_of(cls.__name__, True)

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call it. Only Variables among the arguments are differentiated.

        Arguments given by keyword take their place among the inputs; with `setup_context`, so do
        defaults.
        """
        if cls.generate_vmap_rule and cls.vmap is not Function.vmap:
            raise InvalidArgumentError(
                f"{cls.__name__} has a vmap of its own and generate_vmap_rule = True; leave out one"
            )
        alone = cls.setup_context is not Function.setup_context  # forward takes no ctx
        if kwargs or (alone and getattr(cls.forward, "__defaults__", None)):
            args = _positional(cls.forward, args if alone else (None, *args), kwargs)[not alone :]
        handles = args
        if (run := inside()) is not None:
            args = tuple([run.enter(x) for x in args])
        places = [i for i, x in enumerate(args) if type(x) in VARIABLES]
        op = _FunctionCall(cls, args, places)
        # The rule is known after `forward`; this one is for errors before.
        op.rule = cls._rules[True]
        outputs = call(op, [args[i] for i in places])
        if not op.several and not op.dirty and outputs and type(outputs[0]) in VARIABLES:
            op.args = [None] * len(args)
            return outputs[0]
        outputs = [as_variable(y) for y in outputs]
        op.args = [None] * len(args)  # nothing but what was saved stays alive
        for place, k in op.dirty:
            views.write(handles[place], None, outputs[k])
            outputs[k] = handles[place]
        outputs = op.completed(outputs, op.others.get)
        return tuple(outputs) if op.several else outputs[0]


def _handed(x: Any, wanted: bool) -> Any:
    """`x` as an untracked Variable, which says so where a gradient with respect to it is wanted."""
    v = own_handle(x)
    if wanted and v._node is None:
        v._leaf = WANTED
    return v


def _backward_of(function: type[Function]) -> Callable[..., Any]:
    """The user's backward, by either of its names."""
    return function.vjp if function.backward is Function.backward else function.backward


def _is_array(x: Any) -> bool:
    return type(x) in VARIABLES or (hasattr(x, "shape") and hasattr(x, "dtype"))


def _positional(
    forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """The arguments of `forward` in their places, defaults filled in."""
    bound = inspect.signature(forward).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeMismatchError(
            f"{forward.__qualname__} has keyword-only arguments ({', '.join(bound.kwargs)}), which "
            "have no place among the gradients; make them positional"
        )
    return bound.args


class _Once(Function):
    """Its first argument, the name of a Function, and then gradients that have no gradient."""

    @staticmethod
    def forward(ctx: Any, name: str, count: int, *args: Any) -> Any:
        ctx.name = name
        return args[:count]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise _only_once(ctx.name)


def _only_once(name: str) -> DifferentiationError:
    return DifferentiationError(
        f"{name} is marked once_differentiable: its gradient cannot be differentiated again, and "
        "has no forward mode. Write it with pluggrad's functions, without the mark."
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
        name = getattr(backward, "__qualname__", "backward")
        sources = [g for g in (*grads, *ctx.saved_tensors) if is_variable(g)]
        if any([is_linear_level(g._level) for g in sources]):
            raise _only_once(name)
        saved = [_constant(x, getattr(x, "requires_grad", False)) for x in ctx.saved_tensors]
        plain = ctx._at(saved, ctx.needs_input_grad)
        with unrecorded():
            found = backward(plain, *[_constant(g) for g in grads])
        several = isinstance(found, (tuple, list))
        items = list(found) if several else [found]
        arrays = [i for i, g in enumerate(items) if g is not None]
        marked = _Once.apply(name, len(arrays), *[as_variable(items[i]) for i in arrays], *sources)
        for i, g in zip(arrays, marked, strict=True):
            items[i] = g
        return tuple(items) if several else items[0]

    return once


def _constant(x: Any, wanted: bool = False) -> Any:
    v = x.detach() if is_variable(x) else x
    if wanted and v is not x:
        v._leaf = WANTED
    return v
