"""`custom_jvp`: a function whose derivative is given by a rule for tangents."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

import optree

from ...arrays.backend import SCALARS
from ...arrays.dispatch import xp
from ...engine import linear
from ...engine.arguments import of_backend
from ...engine.backward import among_variables, walk
from ...engine.closures import PARTS, Seen, seen
from ...engine.custom_call import Call, taken
from ...engine.custom_op import Operation, check_tangent
from ...engine.graph import Node
from ...engine.handles import as_variable, own_handle, snapshot_of, wrap
from ...engine.levels import Level, open_level
from ...engine.linear import Linear, check_homogeneous
from ...engine.recomputed import Made
from ...engine.record import make_leaf
from ...errors import InvalidArgumentError, TypeMismatchError
from ..mapping import inner_vmap
from .shared import CustomCall, CustomFunction, tuple_of, unflatten_arguments

__all__ = ["SymbolicZero", "custom_jvp"]


R = TypeVar("R")
Rule = TypeVar("Rule", bound=Callable[..., Any])


class custom_jvp(CustomFunction):
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

    def _operation(self) -> CustomCall:
        """A `_JVP` for one call."""
        op = _JVP()
        op.fun, op.steady = self._fun, self._steady
        op.derivative = self._missing if self._derivative is None else self._derivative
        op.absent = SymbolicZero if self._symbolic else _zero
        return op

    def _missing(self, *args: Any) -> Any:
        """Raise, in place of the derivative."""
        raise InvalidArgumentError(
            f"{self._rule.primitive.name} has no derivative yet: call its defjvp(rule)"
        )


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


class _JVP(CustomCall):
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
            backend = next((v._backend for v in leaves if v is not None), None)
            if backend is not None and backend.adapter.takes_numpy:
                what = f"the jvp of {self.rule.primitive.name} gave"
                outputs = [
                    of_backend(y, backend, what, "as an output") if hasattr(y, "dtype") else y
                    for y in outputs
                ]
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
        op.spec = tuple_of(len(on))
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


PARTS[custom_jvp] = ("_fun", "_derivative")


# A rule often refers to a custom function, such as its own: look for names inside these, too.
PARTS[custom_jvp] = ("_fun", "_derivative")
