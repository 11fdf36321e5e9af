"""`Function`: operations whose derivative the user writes, as torch's `autograd.Function`.

`forward` runs once, below all levels, on untracked values. Each level that tracks an input then
gets its own view of the saved values, which makes every order and every nesting correct.
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
    """The context `ctx` that carries values from `forward` to `backward` and `jvp`.

    Attributes of your own may be set on it, too.
    """

    __slots__ = ("__dict__", "_call", "_constant_outputs", "_dirty_inputs", "_given",
                 "_materialize", "_needs")  # fmt: skip

    _call: tuple[Sequence[Any], Sequence[bool]] | None

    def __init__(self, needs: Sequence[bool]) -> None:
        """`needs` says for each input whether its gradient is wanted."""
        self._call = None
        self._needs = tuple(needs)
        self._given: dict[str, tuple[Any, ...]] = {}
        self._materialize = True
        self._dirty_inputs: tuple[Any, ...] = ()
        self._constant_outputs: tuple[Any, ...] = ()

    def save_for_backward(self, *values: Any) -> None:
        """Keep arrays for `backward`, which finds them in `saved_tensors`.

        Saved inputs and outputs keep their graph, so higher derivatives go through them. Any other
        value is a constant there: if higher derivatives must go through it, return it as an output.
        """
        self._given["backward"] = values

    def save_for_forward(self, *values: Any) -> None:
        """Keep arrays for `jvp`. Without this call, `jvp` finds those kept for `backward`."""
        self._given["forward"] = values

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The values given to `save_for_backward`; in `jvp`, those given to `save_for_forward`."""
        return self._given.get("backward", ()) if self._call is None else tuple(self._call[0])

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """One bool per input of `forward`: whether its gradient is wanted."""
        return self._needs if self._call is None else tuple(self._call[1])

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """Declare that these outputs have no gradient."""
        self._constant_outputs = outputs

    def mark_dirty(self, *inputs: Any) -> None:
        """Declare that `forward` wrote these inputs in place and returns them.

        After the call, the caller's own Variables hold the new values. Write with the in-place
        operators of Variables or by index; never into their `.data`, a buffer that other operations
        may have saved. An input that is not both an input and an output raises ValueError.
        """
        self._dirty_inputs = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Choose how missing derivatives are passed on: as zeros (True, the default) or as None.

        They are the cotangents of unused outputs, for `backward`, and the tangents of inputs
        without one, for `jvp`.
        """
        self._materialize = bool(value)

    def _at(self, values: Sequence[Any], needs: Sequence[bool]) -> FunctionContext:
        """This context as one level sees it: its own saved values, the same attributes."""
        view: FunctionContext = new(FunctionContext)
        view.__dict__ = self.__dict__
        view._call = (values, needs)
        return view


NONE: Mapping[Any, Any] = {}  # shared and never written


class _FunctionCall(Operation):
    """One application of a Function; `places` are the positions of Variables in its arguments."""

    seen: Seen | None = None  # the backward, with the names that it reads
    count = 0  # how many outputs are arrays; other saved arrays come after them
    differentiable: list[bool]
    #: By derivative ("backward", "forward"): ("in", i), ("out", i) or ("as it is", value).
    saved: dict[str, Sequence[tuple[str, Any]]]
    others: Mapping[int, Any] = NONE  # outputs other than arrays, by position
    attributes: Mapping[str, tuple[str, Any]] = NONE  # attributes of ctx: inputs, outputs
    dirty: Sequence[tuple[int, int]] = ()  # which inputs were written: (argument, output)

    def __init__(self, function: type[Function], args: tuple[Any, ...], places: list[int]) -> None:
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
        made = _FunctionCall(self.function, tuple(self.args), self.places)
        made.rule = self.rule
        return made

    def compute(
        self, args: list[Any], tracked: Sequence[bool], tangents: list[Any] | None, level: Level
    ) -> tuple[list[Any], Any]:
        """The outputs one level down, and notes for `backward`; nothing records meanwhile."""
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
        """All arguments for `forward`, with the arrays `args` at their places, as new handles that
        `forward` may write.
        """
        given = list(self.args)
        wanted = self.context._needs
        for place, x in zip(self.places, args, strict=True):
            given[place] = x._snapshot() if type(x) in VARIABLES else _handed(x, wanted[place])
        return given

    def run(self, args: list[Any]) -> list[Any]:
        """Run `forward` (and `setup_context`): the array outputs, then other saved arrays."""
        function, ctx = self.function, self.context
        given = self.filled(args)
        if function.setup_context is not Function.setup_context:
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
        if not _is_array(value):
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
                saved.append(_handed(call.inputs[i], call.needs[i]))
            elif kind == "out":
                saved.append(_handed(call.outputs[i], bool(self.differentiable[i])))
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
        if self.seen.fun is Function.vjp:
            raise UnsupportedError(f"{name} has no static method backward(ctx, *grads)")
        backward = self.seen.as_called()
        gs = self.materialized(gs, call)
        found = backward(self._context(call, "backward"), *self.completed(gs, lambda k: None))
        if not isinstance(found, (tuple, list)):
            found = (found,)
        count = len(self.args)
        if len(found) > count and all([g is None for g in found[count:]]):
            found = found[:count]
        if len(found) != count:
            raise InvalidArgumentError(
                f"{name}.backward returned {len(found)} gradients, and forward takes "
                f"{count} inputs; return None for those without"
            )
        if len(self.places) == count:
            return list(found)
        return [found[place] for place in self.places]

    def push(self, tangents: list[Any], call: Call) -> Sequence[Any]:
        """The tangents of the outputs, by the user's `jvp`, or by transposing `backward`."""
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
        """The call over a batch, by running `forward` and `backward` under an inner `vmap`."""
        if self.seen is None:
            self.seen = seen(_backward_of(self.function))
        return _MappedFunction(self, on)


class _MappedFunction(Operation):
    """A call of a Function over a batch, where levels outside the `vmap` track its inputs.

    `forward` and `backward` run under an inner `vmap`; `on` says which inputs have the batch axis.
    """

    def __init__(self, inside: _FunctionCall | _MappedFunction, on: list[bool]) -> None:
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
        return _MappedFunction(self, on)


class VmapInfo(NamedTuple):
    """The first argument of `Function.vmap`: the size of the batch, and `vmap`'s `randomness`."""

    batch_size: int
    randomness: str


class Function:
    """An operation whose derivative you write, as torch's `autograd.Function`.

    Subclass it, give it static methods, and call ``apply``:

    - ``forward(ctx, *args)`` computes the outputs. It receives untracked Variables, and may hand
      their `.data` to any library. It returns one array or a tuple; entries other than arrays are
      returned unchanged.
    - ``backward(ctx, *grads)`` takes one cotangent per output (None for an output that is not an
      array), of its shape and dtype. It returns one gradient per input of `forward`, or None. If it
      computes with pluggrad's functions, on saved inputs and outputs only, it can be differentiated
      again.
    - ``setup_context(ctx, inputs, output)``, optional: saves values for `backward`. `forward` then
      takes no `ctx`.
    - ``jvp(ctx, *tangents)``, optional: the derivative for forward mode. It takes one tangent per
      input (zeros for an input without one, None for one that is not an array) and returns one per
      output. Without it, forward mode transposes `backward`, which must then be linear in `grads`.
    - ``vmap(info, in_dims, *args)``, optional: computes a whole batch at once. Without it,
      `pluggrad.vmap` runs `forward` and `backward` on values that stand for one element of the
      batch; define it if they cannot compute with these, for instance because they use another
      library.

    Raises
    ------
    MixedBackendsError
        `forward` or `backward` returned an array of a library other than the arguments'.
    CapturedVariableError
        `forward` uses a Variable that requires grad but is not an argument, outside ``no_grad``.
    NotLinearError
        In forward mode without a `jvp`: `backward` is not linear in its cotangents.

    Complex cotangents and gradients follow `backward` of Variables, as in torch: ∂L/∂Re + i ∂L/∂Im.
    `backward` sees closures and globals as they were at the call.

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
        """Save what `backward` needs; defining this method means that `forward` takes no `ctx`."""

    @staticmethod
    def backward(ctx: Any, *grads: Any, **kwargs: Any) -> Any:
        """Return one gradient, or None, per input of `forward`, for one cotangent per output."""
        raise UnsupportedError("this Function has no static method backward(ctx, *grads)")

    @staticmethod
    def vjp(ctx: Any, *grads: Any, **kwargs: Any) -> Any:
        """Another name for `backward`, as in torch."""
        raise UnsupportedError("this Function has no static method vjp(ctx, *grads)")

    @staticmethod
    def jvp(ctx: Any, *tangents: Any, **kwargs: Any) -> Any:
        """Return one tangent per output, for one tangent per input of `forward`."""
        raise UnsupportedError("this Function has no static method jvp(ctx, *tangents)")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> Any:
        """Compute the outputs for a whole batch, as torch's `Function.vmap`.

        Parameters
        ----------
        info : VmapInfo
            ``info.batch_size`` is the size of the batch, ``info.randomness`` the setting of `vmap`.
        in_dims : tuple of int or None
            The batch axis of each argument; None for an argument that all elements share.
        *args
            The arguments, with their batch axes.

        Returns
        -------
        ``(output, out_dims)``, where `out_dims` gives the batch axis of each output, or None.

        It may call `apply` on the whole batch. The Function must define `setup_context`.
        """
        raise UnsupportedError("this Function has no static method vmap(info, in_dims, *args)")

    #: In torch, True derives `vmap` from forward and backward. Here that is always the default;
    #: True beside a `vmap` of your own raises.
    generate_vmap_rule: bool = False

    #: The rules of calls that saved nothing for `backward`, and of those that did.
    _rules: tuple[CallRules, CallRules]

    _steady: dict[Any, SeenModules]  # a backward that names only modules is noted once

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the rules under which calls of the subclass are recorded."""
        super().__init_subclass__(**kwargs)
        cls._steady = {}
        cls._rules = rule_of(cls.__name__, True, False), rule_of(cls.__name__, True)

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the Function. Returns what `forward` returns, with arrays as Variables.

        Only Variables among the arguments are differentiated. Arguments given by keyword take their
        positions among the inputs; with `setup_context`, so do defaults.
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
        # `forward` decides which rule applies; until then errors need a name.
        op.rule = cls._rules[True]
        outputs = call(op, list(args) if len(places) == len(args) else [args[i] for i in places])
        if not op.several and not op.dirty and outputs and type(outputs[0]) in VARIABLES:
            op.args = [None] * len(args)
            return outputs[0]
        outputs = [as_variable(y) for y in outputs]
        op.args = [None] * len(args)  # keep only the saved values alive
        for place, k in op.dirty:
            views.write(handles[place], None, outputs[k])
            outputs[k] = handles[place]
        outputs = op.completed(outputs, op.others.get)
        return tuple(outputs) if op.several else outputs[0]


def _handed(x: Any, wanted: bool) -> Any:
    """`x` as an untracked Variable; its `requires_grad` still says whether a gradient is wanted."""
    v = own_handle(x)
    if wanted and v._node is None:
        v._leaf = WANTED
    return v


def _backward_of(function: type[Function]) -> Callable[..., Any]:
    """The user's `backward`, or `vjp`, its other name."""
    return function.vjp if function.backward is Function.backward else function.backward


def _is_array(x: Any) -> bool:
    """Whether `x` is a Variable or looks like an array."""
    return type(x) in VARIABLES or (hasattr(x, "shape") and hasattr(x, "dtype"))


def _positional(
    forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """The arguments of `forward` by position, with defaults filled in."""
    bound = inspect.signature(forward).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeMismatchError(
            f"{forward.__qualname__} has keyword-only arguments ({', '.join(bound.kwargs)}), which "
            "have no place among the gradients; make them positional"
        )
    return bound.args


class _Once(Function):
    """The identity on gradients that must not be differentiated again: doing so raises."""

    @staticmethod
    def forward(ctx: Any, name: str, count: int, *args: Any) -> Any:
        """The first `count` of `args`, unchanged; the others make the result depend on them."""
        ctx.name = name
        return args[:count]

    @staticmethod
    def backward(ctx: Any, *grads: Any, **kwargs: Any) -> Any:
        """Raise: this is a second derivative."""
        raise _only_once(ctx.name)


def _only_once(name: str) -> DifferentiationError:
    """The error for differentiating the gradient of a once_differentiable Function."""
    return DifferentiationError(
        f"{name} is marked once_differentiable: its gradient cannot be differentiated again, and "
        "has no forward mode. Write it with pluggrad's functions, without the mark."
    )


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a static `backward` as not differentiable again, as torch's `once_differentiable`.

    Differentiating the gradient, or transposing `backward` for forward mode, then raises
    RuntimeError instead of giving a wrong answer. The marked `backward` receives untracked values,
    so it may use any library.

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
    """`x` without its history; with `wanted`, its `requires_grad` remains True."""
    v = x.detach() if is_variable(x) else x
    if wanted and v is not x:
        v._leaf = WANTED
    return v
