"""Operations of the user's own, as torch's `autograd.Function`.

`forward` runs once, below all levels, on untracked values; each level that tracks an input then has
its own view of what was saved, and so every order and every nesting comes out right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .backend import BACKENDS
from .calls import Call, Operation, call, rule_of, transposed, unrecorded, variable
from .dispatch import is_variable, xp
from .errors import DifferentiationError, InvalidArgumentError, UnsupportedError
from .levels import read
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
    written with pluggrad's functions and saves only inputs and outputs, it is differentiable, too.

    With ``setup_context(ctx, inputs, output)``, `forward` is called without `ctx`. Forward mode
    uses ``jvp(ctx, *tangents)`` if there is one (None stands for an input without a tangent), and
    the transpose of `backward` if not.

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
