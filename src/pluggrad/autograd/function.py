"""`Function`: operations whose derivative the user writes, as torch's `autograd.Function`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ..arrays.backend import VARIABLES
from ..arrays.dispatch import is_variable
from ..engine import views
from ..engine.closures import SeenModules
from ..engine.custom_node import CallRules, rule_of
from ..engine.custom_op import call
from ..engine.grad_mode import SEALED, unrecorded
from ..engine.handles import as_variable
from ..engine.levels import during
from ..engine.linear import is_linear_level
from ..engine.modes import inside
from ..engine.short_cuts.custom import is_plain, plain, record, usable
from ..errors import DifferentiationError, InvalidArgumentError, TypeMismatchError, UnsupportedError
from ..variables.variable import WANTED
from .function_call import FunctionCall, UsualCall
from .function_context import FunctionContext

__all__ = ["Function", "FunctionContext", "once_differentiable"]


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

    _shared: dict[Any, FunctionCall]  # the calls of one array, by what they save
    _steady: dict[Any, SeenModules]  # a backward that names only modules is noted once

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the rules under which calls of the subclass are recorded."""
        super().__init_subclass__(**kwargs)
        cls._steady, cls._shared = {}, {}
        cls._rules = rule_of(cls.__name__, True, False), rule_of(cls.__name__, True)

    @classmethod
    def _defines(cls, name: str) -> bool:
        """Whether the subclass has a static method `name` of its own."""
        return getattr(cls, name) is not getattr(Function, name)

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the Function. Returns what `forward` returns, with arrays as Variables.

        Only Variables among the arguments are differentiated. Arguments given by keyword take their
        positions among the inputs; with `setup_context`, so do defaults.
        """
        if cls.generate_vmap_rule and cls._defines("vmap"):
            raise InvalidArgumentError(
                f"{cls.__name__} has a vmap of its own and generate_vmap_rule = True; leave out one"
            )
        alone = cls._defines("setup_context")  # forward takes no ctx
        if not kwargs and (steady := usable(cls._steady)):
            y = cls._quickly(args, steady)
            if y is not NotImplemented:
                return y
        if kwargs or (alone and getattr(cls.forward, "__defaults__", None)):
            args = _positional(cls.forward, args if alone else (None, *args), kwargs)[not alone :]
        handles = args
        if (run := inside()) is not None:
            args = tuple([run.enter(x) for x in args])
        places = [i for i, x in enumerate(args) if type(x) in VARIABLES]
        op = FunctionCall(cls, args, places)
        # `forward` decides which rule applies; until then errors need a name.
        op.rule = cls._rules[True]
        return cls._called(op, args, handles)

    @classmethod
    def _quickly(cls, args: tuple[Any, ...], steady: dict[Any, SeenModules]) -> Any:
        """A short cut for `apply` to tracked arrays; NotImplemented where it does not apply. Calls
        that save the same, and nothing unusual, share one operation."""
        backward = cls.backward  # one that is called `vjp` goes the general way
        known = steady.get(backward) if type(backward) is FunctionType else None
        if known is None or cls.setup_context is not Function.setup_context:
            return NotImplemented
        given = plain(args)
        if given is None or not known.holds():
            return NotImplemented
        backend, _, handles, _, needs = given
        ctx = FunctionContext(needs)
        for v, need in zip(handles, needs):
            if need:
                v._leaf = WANTED
        y = during(SEALED, cls.forward, ctx, *handles)
        saved = ctx._usual(handles, y) if is_plain(y, backend) else None
        if saved is None:
            op = FunctionCall(cls, args, [*range(len(args))])
            op.rule, op.context, op.ready = cls._rules[True], ctx, (handles, y)
            return cls._called(op, args, args)
        shared = cls._shared.get((saved, len(args)))
        if shared is None or shared.seen is not known:
            shared = UsualCall(cls, len(args), saved, known)
            cls._shared[saved, len(args)] = shared
        ctx._given = {}
        return record(shared, given, y._value, ctx)

    @classmethod
    def _called(cls, op: FunctionCall, args: tuple[Any, ...], handles: tuple[Any, ...]) -> Any:
        """Run a call and return what `forward` returned, with arrays as Variables. `handles` are
        the caller's own Variables, which `forward` may write."""
        places = op.places
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
