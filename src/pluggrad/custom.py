"""Functions with a derivative of their own: `custom_vjp` and `custom_jvp`, as JAX has them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import optree

from .backward import walk
from .calls import (
    Call,
    Operation,
    among_variables,
    call,
    check_tangent,
    lowered,
    rule_of,
    variable,
)
from .crossing import plain
from .dispatch import is_variable, xp
from .errors import InvalidArgumentError, TypeMismatchError
from .graph import Node
from .levels import open_level
from .modes import inside
from .primitive import Rule
from .record import make_leaf, wrap

__all__ = ["custom_jvp", "custom_vjp"]


class _Custom:
    """What `custom_vjp` and `custom_jvp` have in common: a function, and arguments taken apart."""

    def __init__(
        self,
        fun: Callable[..., Any],
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ) -> None:
        functools.update_wrapper(self, fun)
        self._fun = fun
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
        if any(n < 0 for n in numbers):
            raise InvalidArgumentError(f"nondiff_argnums are not negative: {nondiff_argnums}")
        self._settings = tuple(sorted(numbers))

    def _operation(self, settings: list[Any]) -> _Derived:
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself; its derivative is the custom one."""
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
        settings = [args[n] for n in self._settings]
        chosen = [x for n, x in enumerate(args) if n not in self._settings]
        tree: Any = tuple(chosen)
        flat, spec = optree.tree_flatten(tree)
        if not any([is_variable(x) for x in flat]):  # arrays in, arrays out
            y = self._fun(*args)
            return plain(y) if is_variable(y) else optree.tree_map(plain, y)
        if (run := inside()) is not None:
            flat = [run.enter(x) for x in flat]
        op = self._operation(settings)
        op.rule, op.spec, op.where = self._rule, spec, self._settings
        outputs = call(op, flat)
        outputs = [variable(y) for y in outputs]
        return optree.tree_unflatten(op.output_spec, outputs)


class _Derived(Operation):
    """A call of a function with a custom derivative, on the flat list of its arrays."""

    where: tuple[int, ...]
    spec: Any
    output_spec: Any = None
    rule: Rule
    fun: Callable[..., Any]

    def tree(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """The differentiable arguments, in the structure that they were given in."""
        found: Any = optree.tree_unflatten(self.spec, [variable(x) for x in args])
        return tuple(found)

    def run(self, args: list[Any]) -> list[Any]:
        return self.flat(self.fun(*self.tree(args)))

    def flat(self, y: Any) -> list[Any]:
        """The outputs as a list; their structure is remembered."""
        outputs, self.output_spec = optree.tree_flatten(y)
        return list(outputs)

    def over(self, fun: Callable[..., Any], settings: list[Any]) -> Callable[..., Any]:
        """`fun` of the differentiable arguments alone."""

        where = self.where  # not `self`, which will hold this function

        def closed(*chosen: Any) -> Any:
            rest = iter(chosen)
            count = len(settings) + len(chosen)
            given = dict(zip(where, settings, strict=True))
            return fun(*[given[n] if n in given else next(rest) for n in range(count)])

        return closed


def _tuple_of(count: int) -> Any:
    """The structure of a tuple of so many arrays."""
    tree: Any = tuple([0] * count)
    return optree.tree_structure(tree)


# ---------------------------------------------------------------- custom_vjp


class custom_vjp(_Custom):
    """A function whose reverse-mode derivative is given by two others.

    After ``f.defvjp(fwd, bwd)``, a gradient through ``f`` calls ``fwd`` with the arguments of `f`,
    which returns ``(output, residuals)``, then ``bwd(residuals, g)``, where `g` has the structure
    of the output. It returns a tuple with one gradient per argument, in its structure, or None for
    zero. Both may be differentiated, too, at higher orders. Arguments in `nondiff_argnums` (or, by
    name, in `nondiff_argnames`) are no arrays: `fwd` takes them where `f` does, and ``bwd`` first
    of all.

    Complex gradients follow `backward`: ∂L/∂Re + i ∂L/∂Im, the conjugate of JAX's.
    In forward mode the derivative is the transpose of `bwd`.

    >>> import numpy as np, pluggrad as pg
    >>> @pg.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, g: (pg.clip(g, -1, 1),))
    >>> pg.grad(lambda x: 100 * clipped(x))(np.asarray(2.0))
    array(1.)
    """

    _fwd: Callable[..., Any] | None = None
    _bwd: Callable[..., Any]

    def defvjp(
        self,
        fwd: Callable[..., Any],
        bwd: Callable[..., Any],
        symbolic_zeros: bool = False,
        optimize_remat: bool = False,
    ) -> None:
        """Give the derivative: `fwd` computes output and residuals, `bwd` the gradients.

        `optimize_remat` is for a compiler of JAX's, and makes no difference here.
        """
        if symbolic_zeros:
            raise InvalidArgumentError(
                "a custom_vjp knows no symbolic zeros: cotangents are arrays, and arguments plain. "
                "A custom_jvp has them, and serves both modes."
            )
        self._fwd, self._bwd = fwd, bwd

    def _operation(self, settings: list[Any]) -> _Derived:
        if self._fwd is None:
            raise InvalidArgumentError(
                f"{self._rule.primitive.name} has no derivative yet: call its defvjp(fwd, bwd)"
            )
        op = _VJP()
        op.where = self._settings
        op.fun, op.fwd = op.over(self._fun, settings), op.over(self._fwd, settings)
        op.bwd = functools.partial(self._bwd, *settings)
        return op


class _VJP(_Derived):
    fwd: Callable[..., Any]
    bwd: Callable[..., Any]

    def compute(self, args: list[Any]) -> tuple[list[Any], Any]:
        outputs, residuals = self.forward(args)
        return self.flat(outputs), optree.tree_map(lowered, residuals)

    def forward(self, args: Sequence[Any]) -> tuple[Any, Any]:
        found = self.fwd(*self.tree(args))
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeMismatchError(
                f"fwd of {self.rule.primitive.name} returns a pair (output, residuals), not "
                f"{type(found).__name__}"
            )
        return found[0], found[1]

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        # Where this is to be differentiated again, the residuals must know how they came about.
        residuals = self.compute(call.inputs)[1] if call.recorded else call.residuals
        residuals = optree.tree_map(variable, residuals)
        found = self.bwd(residuals, optree.tree_unflatten(self.output_spec, gs))
        return self.gradients(found)

    def gradients(self, found: Any) -> list[Any]:
        """What `bwd` returned, as a list with one entry per array."""
        name = self.rule.primitive.name
        trees = optree.treespec_children(self.spec)
        if not isinstance(found, (tuple, list)) or len(found) != len(trees):
            raise InvalidArgumentError(
                f"bwd of {name} returns a tuple with one gradient for each of {len(trees)} "
                f"arguments, not {optree.tree_structure(found)}"
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
        from .mapping import inner_vmap

        axes = tuple([0 if b else None for b in on])
        inside = self

        def fun(*args: Any) -> Any:
            return inside.fun(*inside.tree(args))

        def fwd(*args: Any) -> Any:
            y, residuals = inside.forward(args)
            # What is no array, such as the function that `vjp` returns, does not outlive the level
            # of `vmap`: the arguments are kept instead, and it is computed again.
            arrays = all([hasattr(x, "dtype") for x in optree.tree_leaves(residuals)])
            return y, ((residuals,) if arrays else list(args))

        op = _VJP()
        op.rule, op.where = self.rule, ()
        op.spec = _tuple_of(len(on))
        op.fun = lambda *args: inside._kept(inner_vmap(fun, axes)(*args))
        op.fwd = lambda *args: inside._pair(inner_vmap(fwd, axes)(*args))

        def bwd(kept: Any, gs: Any) -> Any:
            def body(kept: Any, gs: Any) -> Any:
                residuals = kept[0] if isinstance(kept, tuple) else inside.forward(kept)[1]
                return inside.gradients(inside.bwd(residuals, gs))

            found = inner_vmap(body)(kept, gs)
            return tuple([
                g if b or g is None else xp.sum(g, axis=0) for g, b in zip(found, on, strict=True)
            ])  # fmt: skip

        op.bwd = bwd
        return op

    def _kept(self, y: Any) -> Any:
        self.output_spec = optree.tree_structure(y)
        return y

    def _pair(self, found: Any) -> Any:
        self._kept(found[0])
        return found


# ---------------------------------------------------------------- custom_jvp


class custom_jvp(_Custom):
    """A function whose derivative is given by a rule for tangents; gradients are its transpose.

    After ``f.defjvp(rule)``, ``rule(primals, tangents)`` returns ``(output, tangent)``; with
    `nondiff_argnums` or `nondiff_argnames`, these arguments come first. The rule is linear in the
    tangents, and serves both modes and all orders.

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

    def defjvp(self, jvp: Callable[..., Any], symbolic_zeros: bool = False) -> Callable[..., Any]:
        """Give the derivative; returns `jvp`, so that it is a decorator, too.

        With `symbolic_zeros`, tangents of arguments that are not differentiated by are no arrays of
        zeros, but a `SymbolicZero`, so that `jvp` can leave out what comes of them. It may return
        one, too.
        """
        self._derivative, self._symbolic = jvp, symbolic_zeros
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Give one rule per argument, ``jvp(t, output, *primals)``, whose results add up."""
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

    def _operation(self, settings: list[Any]) -> _Derived:
        if self._derivative is None:
            raise InvalidArgumentError(
                f"{self._rule.primitive.name} has no derivative yet: call its defjvp(rule)"
            )
        op = _JVP()
        op.where = self._settings
        op.fun = op.over(self._fun, settings)
        op.derivative = functools.partial(self._derivative, *settings)
        op.absent = SymbolicZero if self._symbolic else _zero
        return op


class SymbolicZero:
    """The tangent of an argument that is not differentiated by: zeros of its shape and dtype.

    >>> import numpy as np, pluggrad as pg
    >>> from pluggrad.custom import SymbolicZero
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
        self.shape = tuple(getattr(like, "shape", ()))
        self.dtype = getattr(like, "dtype", type(like))

    def __repr__(self) -> str:
        return f"SymbolicZero(shape={self.shape}, dtype={self.dtype})"


def _zero(x: Any) -> Any:
    return variable(xp.zeros_like(x)) if hasattr(x, "dtype") else 0.0


class _JVP(_Derived):
    derivative: Callable[..., Any]
    absent: Callable[[Any], Any] = staticmethod(_zero)  # the tangent of an input without one

    def derived(self, inputs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """What the rule gives for these inputs and tangents, None for those that have none."""
        filled = [self.absent(x) if t is None else t for t, x in zip(tangents, inputs, strict=True)]
        found = self.derivative(self.tree(inputs), optree.tree_unflatten(self.spec, filled))
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

    def tangents(self, call: Call, tangents: Sequence[Any]) -> list[Any]:
        """The rule's tangents of the outputs, at the inputs of `call`."""
        tangents = [variable(t) for t in tangents]
        pushed, spec = optree.tree_flatten(self.derived(call.inputs, tangents)[1])
        if spec != self.output_spec:
            raise InvalidArgumentError(
                f"the jvp of {self.rule.primitive.name} gave a tangent of structure {spec}, and "
                f"the output has {self.output_spec}"
            )
        return list(pushed)

    def push(self, tangents: list[Any], call: Call) -> Sequence[Any]:
        return self.tangents(call, tangents)

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        # The tangents of the rule are linear in those of the inputs: taken backwards, at zero.
        with open_level() as level:
            leaves: list[Any] = []
            for x, need in zip(call.inputs, call.needs, strict=True):
                v = None
                if need:
                    v = wrap(xp.zeros_like(x), None, level, call.backend)
                    v._node = make_leaf(v)
                leaves.append(v)
            cotangents: dict[Node, Any] = {}
            for t, g in zip(self.tangents(call, leaves), gs, strict=True):
                node = t._read()[1] if is_variable(t) and t._level is level else None
                if node is not None and g is not None:
                    check_tangent(t, g, self)
                    cotangents[node] = cotangents[node] + g if node in cotangents else g
            arrived = walk(cotangents, lift=among_variables(gs)) if cotangents else {}
        return [None if v is None else arrived.get(v._node) for v in leaves]

    def mapped(self, on: list[bool], size: int) -> Operation:
        from .mapping import inner_vmap

        axes = tuple([0 if b else None for b in on])
        inside = self
        op = _JVP()
        op.rule, op.where = self.rule, ()
        op.spec = _tuple_of(len(on))

        def fun(*args: Any) -> Any:
            y = inner_vmap(lambda *a: inside.fun(*inside.tree(a)), axes)(*args)
            inside.output_spec = optree.tree_structure(y)
            return y

        def derivative(primals: Any, tangents: Any) -> Any:
            return inner_vmap(inside.derived, (axes, axes))(tuple(primals), tuple(tangents))

        op.fun, op.derivative, op.absent = fun, derivative, lambda x: None
        return op
