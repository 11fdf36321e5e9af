"""Functions with user-defined derivatives: `custom_vjp` and `custom_jvp`, as in JAX."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

import optree

from ..arrays.backend import BACKENDS, SCALARS, VARIABLES
from ..arrays.dispatch import is_variable, xp
from ..engine import linear
from ..engine.arguments import of_backend
from ..engine.backward import among_variables, walk
from ..engine.boundary import ARRAY, unflatten
from ..engine.closures import PARTS, Seen, SeenModules, seen
from ..engine.custom_call import Call, check_captured, taken
from ..engine.custom_node import CallRules, rule_of
from ..engine.custom_op import Operation, call, check_tangent
from ..engine.graph import Node
from ..engine.handles import (
    as_variable,
    captured,
    is_tracked,
    own_handle,
    snapshot_of,
    unwrap_untracked,
    wrap,
)
from ..engine.levels import ROOT, Level, open_level
from ..engine.linear import Linear, check_homogeneous
from ..engine.modes import inside
from ..engine.recomputed import Made, differ
from ..engine.record import make_leaf
from ..errors import DifferentiationError, InvalidArgumentError, TypeMismatchError
from ..variables.variable import Variable
from .mapping import inner_vmap

__all__ = ["custom_jvp", "custom_vjp"]

Rule = TypeVar("Rule", bound=Callable[..., Any])
R = TypeVar("R")


class _Custom:
    """What `custom_vjp` and `custom_jvp` share: the function, its name, and how its arguments
    divide into arrays and settings (`nondiff_argnums`).
    """

    @overload  # from which type checkers know what the argument of a lambda is
    def __init__(
        self,
        fun: Callable[[Variable], Any],
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ) -> None: ...
    @overload
    def __init__(
        self,
        fun: Callable[..., Any],
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ) -> None: ...
    def __init__(
        self,
        fun: Callable[..., Any],
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ) -> None:
        """Note the signature of `fun`, and the positions of its settings."""
        functools.update_wrapper(self, fun)
        self._fun = fun
        self._steady: dict[Any, SeenModules] = {}
        self._rule = rule_of(getattr(fun, "__name__", type(fun).__name__))
        try:
            self._signature: inspect.Signature | None = inspect.signature(fun)
        except (TypeError, ValueError):
            self._signature = None
        numbers = {nondiff_argnums} if isinstance(nondiff_argnums, int) else set(nondiff_argnums)
        names = [nondiff_argnames] if isinstance(nondiff_argnames, str) else nondiff_argnames
        known = list(self._signature.parameters) if self._signature is not None else []
        for name in names:
            if name not in known:
                raise InvalidArgumentError(
                    f"nondiff_argnames: {self._rule.primitive.name} has no argument {name!r}"
                )
            numbers.add(known.index(name))
        #: A call with this many positional arguments needs no binding; -1 if every call does.
        self._arity = -1
        if self._signature is not None:
            kinds = {p.kind for p in self._signature.parameters.values()}
            if kinds <= {
                inspect.Parameter.POSITIONAL_ONLY,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
            }:
                self._arity = len(self._signature.parameters)
        if any(n < 0 for n in numbers):
            raise InvalidArgumentError(f"nondiff_argnums are not negative: {nondiff_argnums}")
        self._settings = tuple(sorted(numbers))

    def _operation(self) -> _CustomCall:
        """The operation to record for one call; raises if the derivative is not defined yet."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function. If an argument is tracked, record it with its custom derivative."""
        if kwargs or len(args) != self._arity:
            args = self._bound(args, kwargs)
        settings: list[Any] = []
        chosen = args
        if self._settings:
            settings = [args[n] for n in self._settings]
            self._check_settings(settings)
            chosen = tuple([x for n, x in enumerate(args) if n not in self._settings])
        flat, spec = flatten_arguments(chosen)
        if not any(map(is_tracked, flat)):
            # Nothing is tracked: run the plain function. Variables in give Variables out.
            y = self._fun(*args)
            if any([type(x) in VARIABLES for x in flat]):
                return y if type(y) in VARIABLES else optree.tree_map(as_variable, y)
            return unwrap_untracked(y) if is_variable(y) else optree.tree_map(unwrap_untracked, y)
        if (run := inside()) is not None:
            flat = [run.enter(x) for x in flat]
        op = self._operation()
        op.rule, op.spec, op.where, op.settings = self._rule, spec, self._settings, settings
        outputs = call(op, flat)
        if op.output_spec is ARRAY:
            return as_variable(outputs[0])
        return unflatten(op.output_spec, [as_variable(y) for y in outputs])

    def _bound(self, args: Any, kwargs: Any) -> tuple[Any, ...]:
        """All arguments by position, with defaults filled in."""
        if self._signature is not None:
            try:
                bound = self._signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeMismatchError(f"{self._rule.primitive.name}(): {error}") from None
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        if kwargs:
            raise TypeMismatchError(
                f"keyword-only arguments of {self._rule.primitive.name} cannot be passed on to a "
                "derivative rule; make them positional"
            )
        return tuple(args)

    def _check_settings(self, settings: list[Any]) -> None:
        """Raise if a setting contains a tracked Variable, whose gradient would be lost."""
        for n, setting in zip(self._settings, settings, strict=True):
            for x in optree.tree_leaves(setting):
                if type(x) in VARIABLES and _is_watched(x):
                    where = f"as argument {n} of {self._rule.primitive.name}, in nondiff_argnums"
                    raise captured(x, where)


def _is_watched(x: Any) -> bool:
    """Whether some level differentiates by `x` or maps over it."""
    return x._read()[1] is not None or x._level is not ROOT


def flatten_arguments(args: tuple[Any, ...]) -> tuple[list[Any], Any]:
    """The leaves of the arguments, and their structure."""
    for x in args:
        if type(x) not in VARIABLES and type(x) not in SCALARS:
            return optree.tree_flatten(args)  # type: ignore[arg-type]
    return list(args), _tuple_of(len(args))


class _CustomCall(Operation):
    """One call of a function with a custom derivative, over the flat list of its differentiable
    leaves.

    `settings` are the arguments at the positions `where`; they are not differentiated by. `spec` is
    the structure of the other arguments, and `output_spec`, set by `flat`, that of the output.
    """

    where: tuple[int, ...] = ()
    settings: Sequence[Any] = ()
    spec: Any
    output_spec: Any = None
    rule: CallRules
    fun: Callable[..., Any]
    steady: dict[Any, SeenModules] | None = None  # functions that name only modules

    def arguments(self, args: Sequence[Any]) -> Sequence[Any]:
        """All arguments of the call, settings included, rebuilt from the flat list."""
        chosen = unflatten_arguments(self.spec, [as_variable(x) for x in args])
        if not self.where:
            return chosen  # type: ignore[no-any-return]
        rest = iter(chosen)
        given = dict(zip(self.where, self.settings, strict=True))
        count = len(given) + len(chosen)
        return [given[n] if n in given else next(rest) for n in range(count)]

    def run(self, args: list[Any]) -> list[Any]:
        """The outputs of the plain function, as a list."""
        return self.flat(self.fun(*self.arguments(args)))

    def flat(self, y: Any) -> list[Any]:
        """The outputs as a list; remembers their structure."""
        self.several = type(y) not in VARIABLES
        if not self.several:
            self.output_spec = ARRAY
            return [y]
        outputs, self.output_spec = optree.tree_flatten(y)
        return list(outputs)

    def again(self, name: str, differences: list[bool]) -> None:
        """Raise if any recomputed value differs from its value at the call."""
        if any(differences):
            raise DifferentiationError(
                f"{name} of {self.rule.primitive.name} was computed again for a higher derivative, "
                "and gave other numbers than at the call. It may depend on its arguments alone: "
                "something that it reads (an attribute, the items of a list or dict, random "
                "numbers) has changed."
            )


def mapped(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """`tree` with `f` applied to each of its arrays; `rest` are further arguments of `f`."""
    if type(tree) in BACKENDS:
        return f(tree, *rest)
    if type(tree) is tuple and all([type(x) in BACKENDS for x in tree]):
        return tuple([f(x, *rest) for x in tree])
    return optree.tree_map(lambda x: f(x, *rest), tree)


def _described(found: Any) -> str:
    """What a rule returned, described for an error message."""
    if isinstance(found, (tuple, list)):
        return f"a {type(found).__name__} of {len(found)}"
    return "an array" if hasattr(found, "dtype") else type(found).__name__


_TUPLES: dict[int, Any] = {}


def _tuple_of(count: int) -> Any:
    """The structure of a tuple of `count` arrays, cached so that it can be compared by identity."""
    spec = _TUPLES.get(count)
    if spec is None:
        tree: Any = tuple([0] * count)
        spec = _TUPLES[count] = optree.tree_structure(tree)
    return spec


def unflatten_arguments(spec: Any, flat: list[Any]) -> Any:
    """The arguments with the structure `spec` and the leaves `flat`."""
    return flat if spec is _TUPLES.get(len(flat)) else optree.tree_unflatten(spec, flat)


# ---------------------------------------------------------------- custom_vjp


class custom_vjp(_Custom):
    """A function whose reverse-mode derivative is given by two others, as `jax.custom_vjp`.

    After ``f.defvjp(fwd, bwd)``, differentiating through ``f`` runs these instead of its graph:

    - ``fwd(*args)`` takes the arguments of `f` and returns ``(output, residuals)``;
    - ``bwd(residuals, g)`` takes those residuals and the cotangent of the output, and returns a
      tuple with one gradient per argument. Each has the structure, shapes and dtypes of its
      argument; None means zero.

    Both may be differentiated again, so higher orders work.

    Parameters
    ----------
    fun : callable
        Takes and returns arrays, or pytrees of them.
    nondiff_argnums : int or sequence of ints
        Positions of arguments that are not differentiated by, and may be anything but a tracked
        Variable. `fwd` takes them where `f` does. `bwd` takes them first, before the residuals, and
        returns no gradients for them.
    nondiff_argnames : str or sequence of str
        The same by name.

    Raises
    ------
    CapturedVariableError
        `fwd` or `bwd` uses a tracked or mapped Variable that is not an argument. Its gradient would
        be lost, so this raises when `f` is called. Pass it as an argument.
    NotLinearError
        In forward mode: `bwd` is not linear in `g`.
    MixedBackendsError
        A rule returned an array of a library other than the arguments'.

    Complex gradients follow `backward`, as in torch: ∂L/∂Re + i ∂L/∂Im, the conjugate of JAX's.
    Forward mode transposes `bwd`, so `bwd` must be linear in `g`: comparing `g` or taking its sign
    raises.

    `fwd` and `bwd` see closures and globals as they were when `f` was called, even if these change
    before the backward walk: a rule may be defined in a loop.

    >>> import numpy as np, pluggrad as pg
    >>> @pg.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, g: (pg.clip(g, -1, 1),))
    >>> pg.grad(lambda x: 100 * clipped(x))(np.asarray(2.0))
    array(1.)
    """

    _fwd: Callable[..., Any] | None = None
    _bwd: Any = None

    @overload
    def defvjp(
        self,
        fwd: Callable[[Variable], Any],
        bwd: Callable[[Any, Any], Any],
        symbolic_zeros: bool = False,
        optimize_remat: bool = False,
    ) -> None: ...
    @overload
    def defvjp(
        self,
        fwd: Callable[..., Any],
        bwd: Callable[..., Any],
        symbolic_zeros: bool = False,
        optimize_remat: bool = False,
    ) -> None: ...
    def defvjp(
        self,
        fwd: Callable[..., Any],
        bwd: Callable[..., Any],
        symbolic_zeros: bool = False,
        optimize_remat: bool = False,
    ) -> None:
        """Set the derivative: `fwd` computes output and residuals, `bwd` the gradients.

        With `symbolic_zeros` it raises ValueError; `custom_jvp` supports them. `optimize_remat` is
        a hint to JAX's compiler, accepted and ignored.
        """
        if symbolic_zeros:
            raise InvalidArgumentError(
                "a custom_vjp knows no symbolic zeros: cotangents are arrays, and arguments plain. "
                "A custom_jvp has them, and serves both modes."
            )
        self._fwd, self._bwd = fwd, bwd

    def _operation(self) -> _CustomCall:
        """A `_VJP` for one call."""
        if self._fwd is None:
            raise InvalidArgumentError(
                f"{self._rule.primitive.name} has no derivative yet: call its defvjp(fwd, bwd)"
            )
        op = _VJP()
        op.fun, op.fwd, op.bwd, op.steady = self._fun, self._fwd, self._bwd, self._steady
        return op


class _VJP(_CustomCall):
    """One call of a `custom_vjp`.

    `bwd` runs later, in the backward walk, and `fwd` runs again for higher derivatives. So the
    names that both read are noted at the call (`seen_fwd`, `seen_bwd`).
    """

    fwd: Callable[..., Any]
    bwd: Callable[..., Any]
    seen_fwd: Seen
    seen_bwd: Seen

    def compute(
        self, args: list[Any], tracked: Sequence[bool], tangents: list[Any] | None, level: Level
    ) -> tuple[list[Any], Any]:
        """The outputs of `fwd`, and the residuals for `pull`."""
        self.seen_fwd, self.seen_bwd = seen(self.fwd, self.steady), seen(self.bwd, self.steady)
        if self.seen_bwd.variables:
            check_captured(self.seen_bwd, level)
        outputs, residuals = self.forward(self.fwd, args)
        return self.flat(outputs), mapped(taken, residuals, level, self.rule.primitive.name)

    def forward(self, fwd: Callable[..., Any], args: Sequence[Any]) -> tuple[Any, Any]:
        """Run `fwd`: its output and its residuals."""
        found = fwd(*self.arguments(args))
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeMismatchError(
                f"fwd of {self.rule.primitive.name} returns a pair (output, residuals), not "
                f"{type(found).__name__}"
            )
        return found[0], found[1]

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        """The gradients of the inputs, from `bwd`."""
        residuals = call.residuals
        if call.recorded:
            # For a higher derivative the residuals need a graph: record `fwd` again.
            outputs, residuals = self.forward(self.seen_fwd.as_called(), call.inputs)
            self.flat(outputs)
            pairs = zip(*[optree.tree_leaves(r) for r in (residuals, call.residuals)], strict=False)
            self.again("fwd", [differ(x, y) for x, y in pairs])
        residuals = mapped(own_handle, residuals)
        g = gs[0] if self.output_spec is ARRAY else unflatten(self.output_spec, gs)
        return self.gradients(self.seen_bwd.as_called()(*self.settings, residuals, g))

    def gradients(self, found: Any) -> list[Any]:
        """The result of `bwd` as a list with one entry per leaf of the arguments."""
        if type(found) is tuple and self.spec is _TUPLES.get(len(found)):
            return list(found)  # every argument is a single array
        name = self.rule.primitive.name
        trees = optree.treespec_children(self.spec)
        if not isinstance(found, (tuple, list)) or len(found) != len(trees):
            raise InvalidArgumentError(
                f"bwd of {name} returns a tuple with one gradient for each of {len(trees)} "
                f"arguments, and it returned {_described(found)}"
            )
        flat: list[Any] = []
        for g, spec in zip(found, trees, strict=True):
            if g is None:
                flat += [None] * spec.num_leaves
                continue
            try:
                parts = optree.treespec_children(spec) if spec.num_leaves != 1 else None
                flat += (
                    spec.flatten_up_to(g) if parts is not None or not hasattr(g, "dtype") else [g]
                )
            except ValueError as error:
                raise InvalidArgumentError(
                    f"bwd of {name} returned a gradient of another structure than its argument: "
                    f"{error}"
                ) from None
        return flat

    def mapped(self, on: list[bool], size: int) -> Operation:
        """The call over a batch: `fun`, `fwd` and `bwd` each run under an inner `vmap`."""
        axes = tuple([0 if b else None for b in on])
        inside = self
        inside.seen_fwd, inside.seen_bwd = seen(inside.fwd), seen(inside.bwd)

        def fun(*args: Any) -> Any:
            return inside.fun(*inside.arguments(args))

        def fwd(*args: Any) -> Any:
            y, residuals = inside.forward(inside.seen_fwd.as_called(), args)
            # A residual that is not an array, such as the function that `vjp` returns, is invalid
            # once the level of `vmap` ends. Then keep the arguments, and compute it again.
            arrays = all([hasattr(x, "dtype") for x in optree.tree_leaves(residuals)])
            return y, ((residuals,) if arrays else list(args))

        op = _VJP()
        op.rule, op.where = self.rule, ()
        op.spec = _tuple_of(len(on))
        op.fun = lambda *args: inside._kept(inner_vmap(fun, axes)(*args))
        op.fwd = lambda *args: inside._pair(inner_vmap(fwd, axes)(*args))

        def bwd(kept: Any, gs: Any) -> Any:
            def body(kept: Any, gs: Any) -> Any:
                if isinstance(kept, tuple):
                    residuals = kept[0]
                else:
                    residuals = inside.forward(inside.seen_fwd.as_called(), kept)[1]
                bwd = inside.seen_bwd.as_called()
                return inside.gradients(bwd(*inside.settings, residuals, gs))

            found = inner_vmap(body)(kept, gs)
            return tuple([
                g if b or g is None else xp.sum(g, axis=0) for g, b in zip(found, on, strict=True)
            ])  # fmt: skip

        op.bwd = bwd
        return op

    def _kept(self, y: Any) -> Any:
        """`y`; notes the structure of the output."""
        self.flat(y)
        return y

    def _pair(self, found: Any) -> Any:
        """`found`, a pair (output, residuals); notes the structure of the output."""
        self._kept(found[0])
        return found


# ---------------------------------------------------------------- custom_jvp


class custom_jvp(_Custom):
    """A function whose derivative is given by a rule for tangents, as `jax.custom_jvp`.

    After ``f.defjvp(rule)``, differentiating through ``f`` runs ``rule(primals, tangents)``: both
    are tuples with one entry per argument, and it returns ``(output, tangent)``, where the tangent
    has the structure, shapes and dtypes of the output. The one rule serves both modes and all
    orders; reverse mode transposes it, so it must be linear in the tangents. As in JAX, the rule
    runs when `f` is called inside a derivative, and its output is the value of the call.

    Parameters
    ----------
    fun : callable
        Takes and returns arrays, or pytrees of them.
    nondiff_argnums : int or sequence of ints
        Positions of arguments that are not differentiated by, and may be anything but a tracked
        Variable. The rule takes them first: ``rule(*settings, primals, tangents)``.
    nondiff_argnames : str or sequence of str
        The same by name.

    Raises
    ------
    NotLinearError
        In reverse mode: the rule is not linear in the tangents.
    CapturedVariableError
        The rule uses a Variable that is not an argument, but is differentiated at the same level or
        mapped over inside it. Its derivative would be lost. Pass it as an argument.
    MixedBackendsError
        The rule returned an array of a library other than the arguments'.

    >>> import numpy as np, pluggrad as pg
    >>> @pg.custom_jvp
    ... def log1pexp(x):
    ...     return pg.log(1 + pg.exp(x))
    >>> @log1pexp.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t * (1 - 1 / (1 + pg.exp(x)))
    >>> pg.grad(log1pexp)(np.asarray(100.0))
    array(1.)
    """

    _derivative: Callable[..., Any] | None = None
    _symbolic = False

    @overload
    def defjvp(
        self, jvp: Callable[[Any, Any], R], symbolic_zeros: bool = False
    ) -> Callable[[Any, Any], R]: ...
    @overload
    def defjvp(self, jvp: Rule, symbolic_zeros: bool = False) -> Rule: ...
    def defjvp(self, jvp: Any, symbolic_zeros: bool = False) -> Any:
        """Set the derivative. Returns `jvp`, so it also works as a decorator.

        With `symbolic_zeros`, the tangent of an argument that is not differentiated by is a
        `SymbolicZero` instead of an array of zeros, so `jvp` can skip the terms in it. `jvp` may
        return one, too.
        """
        self._derivative, self._symbolic = jvp, symbolic_zeros
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Set the derivative from one rule per argument.

        Each ``jvp(t, output, *primals)`` gives the contribution of one argument's tangent; the
        contributions are summed. None marks an argument without one.
        """
        if self._settings:
            raise InvalidArgumentError("defjvps does not go with nondiff_argnums; use defjvp")

        def rule(primals: Any, tangents: Any) -> Any:
            y = self(*primals)
            terms = [
                jvp(t, y, *primals)
                for jvp, t in zip(jvps, tangents, strict=True) if jvp is not None
            ]  # fmt: skip
            total = optree.tree_map(xp.zeros_like, y) if not terms else terms[0]
            for term in terms[1:]:
                total = optree.tree_map(lambda a, b: a + b, total, term)
            return y, total

        self.defjvp(rule)

    def _operation(self) -> _CustomCall:
        """A `_JVP` for one call."""
        if self._derivative is None:
            raise InvalidArgumentError(
                f"{self._rule.primitive.name} has no derivative yet: call its defjvp(rule)"
            )
        op = _JVP()
        op.fun, op.derivative, op.steady = self._fun, self._derivative, self._steady
        op.absent = SymbolicZero if self._symbolic else _zero
        return op


class SymbolicZero:
    """The tangent of an argument that is not differentiated by: zeros, known without an array.

    It has the `shape` and `dtype` of the argument. A rule set with ``defjvp(rule,
    symbolic_zeros=True)`` receives it, and can skip the terms that would be zero.

    >>> import numpy as np, pluggrad as pg
    >>> from pluggrad.transforms import SymbolicZero
    >>> f = pg.custom_jvp(lambda x, y: x * y)
    >>> def rule(primals, tangents):
    ...     (x, y), (t, s) = primals, tangents
    ...     return x * y, t * y if isinstance(s, SymbolicZero) else t * y + x * s
    >>> _ = f.defjvp(rule, symbolic_zeros=True)
    >>> pg.grad(lambda x: f(x, 3.0))(np.asarray(2.0))
    array(3.)
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, like: Any) -> None:
        """Zeros of the shape and dtype of `like`; of a Python number, its type."""
        self.shape = tuple(getattr(like, "shape", ()))
        self.dtype = getattr(like, "dtype", type(like))

    def __repr__(self) -> str:
        """The shape and dtype."""
        return f"SymbolicZero(shape={self.shape}, dtype={self.dtype})"


def _zero(x: Any) -> Any:
    """Zeros like `x`; the number 0.0 if `x` is not an array."""
    return as_variable(xp.zeros_like(x)) if hasattr(x, "dtype") else 0.0


class _JVP(_CustomCall):
    """One call of a `custom_jvp`. The rule runs at the call, in both modes, and computes the
    output.

    Forward mode hands it the true tangents. Reverse mode hands it placeholders at a level that
    accepts only linear operations. The graph recorded there leads from the tangents of the outputs
    to those of the inputs, and `pull` walks it back.
    """

    derivative: Callable[..., Any]
    seen: Seen
    absent: Callable[[Any], Any] = staticmethod(_zero)  # makes the tangent of an untracked input

    def derived(
        self, derivative: Callable[..., Any], inputs: Sequence[Any], tangents: Sequence[Any]
    ) -> tuple[Any, Any]:
        """The rule's output and its tangent, at these inputs. An entry None among `tangents` is
        replaced by zeros (`absent`).
        """
        filled = [self.absent(x) if t is None else t for t, x in zip(tangents, inputs, strict=True)]
        filled = unflatten_arguments(self.spec, filled)
        primals = unflatten_arguments(self.spec, [as_variable(x) for x in inputs])
        found = derivative(*self.settings, tuple(primals), tuple(filled))
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeMismatchError(
                f"the jvp of {self.rule.primitive.name} returns a pair (output, tangent), not "
                f"{type(found).__name__}"
            )
        outputs, y_spec = optree.tree_flatten(found[0])
        pushed, spec = optree.tree_flatten(found[1])
        if spec != y_spec:
            raise InvalidArgumentError(
                f"the jvp of {self.rule.primitive.name} gave a tangent of structure {spec}, and "
                f"an output of structure {y_spec}"
            )
        pushed = [
            _zero(y) if isinstance(t, SymbolicZero) else t
            for t, y in zip(pushed, outputs, strict=True)
        ]
        return found[0], optree.tree_unflatten(spec, pushed)

    def compute(
        self, args: list[Any], tracked: Sequence[bool], tangents: list[Any] | None, level: Level
    ) -> tuple[list[Any], Any]:
        """The outputs of the rule, and their tangents (forward) or their graph (reverse)."""
        self.seen = seen(self.derivative, self.steady)
        if tangents is None:
            return self.linearized(self.derivative, args, tracked, level)
        given = [as_variable(t) for t in tangents]
        y, pushed = self.derived(self.derivative, args, given)
        return self.flat(y), optree.tree_leaves(pushed)

    def push(self, tangents: list[Any], call: Call) -> Sequence[Any]:
        """The tangents of the outputs, which `compute` has found already."""
        return list(call.residuals)

    def linearized(
        self, derivative: Callable[..., Any], args: Sequence[Any], tracked: Sequence[bool],
        outer: Level | None,
    ) -> tuple[list[Any], tuple[list[Any], list[Any], list[Made]]]:  # fmt: skip
        """Run the rule on placeholder tangents, and record it.

        Returns the outputs, and a triple: the nodes of the input tangents, the nodes of the output
        tangents, and fingerprints of the outputs, to compare with if they are computed again.

        With `outer`, the arguments belong to levels around that one, and so must the results.
        """
        with open_level(Linear) as level:
            leaves: list[Any] = []
            for x, track in zip(args, tracked, strict=True):
                v = None
                if track:
                    zero = as_variable(xp.zeros_like(x))
                    v = wrap(snapshot_of(zero), None, level, zero._backend)
                    v._node = make_leaf(v)
                leaves.append(v)
            handles = [None if v is None else own_handle(v) for v in leaves]  # the rule may write
            y, pushed = self.derived(derivative, args, handles)
            outputs = self.flat(y)
            ends: list[Any] = []
            for t, y in zip(optree.tree_leaves(pushed), outputs, strict=True):
                ends.append(self._end(t, as_variable(y), level, outer))
        made = [Made(y) for y in outputs if hasattr(y, "dtype")]
        return outputs, ([None if v is None else v._node for v in leaves], ends, made)

    def _end(self, t: Any, y: Any, level: Level, outer: Level | None) -> Node | None:
        """The node of `t`, the tangent of the output `y`; None if `t` is constant."""
        if not hasattr(t, "dtype") or not hasattr(y, "dtype"):
            if type(t) in SCALARS and t != 0:
                linear.refuse(f"the tangent is the number {t}")
            return None
        name = self.rule.primitive.name
        t = as_variable(of_backend(t, y._backend, f"the jvp of {name} gave", "for an output"))
        check_tangent(t, y, self)
        check_homogeneous(t, y._backend)
        here = t._level is level
        if outer is not None:
            taken(t._read()[0] if here else t, outer, name)
        if not here:
            return None
        node: Node | None = (t if t.dtype == y.dtype else xp.astype(t, y.dtype))._read()[1]
        return node

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        """The gradients of the inputs, by walking back the graph of the linear rule."""
        leaves, ends, made = call.residuals
        if call.recorded:
            # For a higher derivative the partial derivatives need a graph: record the rule again.
            found = self.linearized(self.seen.as_called(), call.inputs, call.needs, None)
            arrays = [y for y in found[0] if hasattr(y, "dtype")]
            self.again("the rule", [m.differs(y) for m, y in zip(made, arrays, strict=False)])
            leaves, ends, _ = found[1]
        cotangents: dict[Node, Any] = {}
        for node, g in zip(ends, gs, strict=True):
            if node is not None and g is not None:
                cotangents[node] = cotangents[node] + g if node in cotangents else g
        if not cotangents:
            return [None] * len(leaves)
        targets = [node for node in leaves if node is not None]
        arrived = walk(cotangents, targets=targets, retain=True, lift=among_variables(gs))
        return [None if node is None else arrived.get(node) for node in leaves]

    def mapped(self, on: list[bool], size: int) -> Operation:
        """The call over a batch: `fun` and the rule each run under an inner `vmap`."""
        axes = tuple([0 if b else None for b in on])
        inside = self
        op = _JVP()
        op.rule, op.where = self.rule, ()
        op.spec = _tuple_of(len(on))
        inside.seen = seen(inside.derivative)

        def fun(*args: Any) -> Any:
            y = inner_vmap(lambda *a: inside.fun(*inside.arguments(a)), axes)(*args)
            inside.flat(y)
            return y

        def derivative(primals: Any, tangents: Any) -> Any:
            one = functools.partial(inside.derived, inside.seen.as_called())
            found = inner_vmap(one, (axes, axes))(tuple(primals), tuple(tangents))
            inside.flat(found[0])
            return found

        op.fun, op.derivative, op.absent = fun, derivative, lambda x: None
        return op


# A rule often refers to a custom function, such as its own: look for names inside these, too.
PARTS[custom_vjp] = ("_fun", "_fwd", "_bwd")
PARTS[custom_jvp] = ("_fun", "_derivative")
