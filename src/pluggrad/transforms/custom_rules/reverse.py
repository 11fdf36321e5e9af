"""`custom_vjp`: a function whose reverse-mode derivative is given by two others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import optree

from ...arrays.dispatch import xp
from ...engine.boundary import ARRAY, unflatten
from ...engine.closures import PARTS, Seen, SeenModules, seen
from ...engine.custom_call import Call, check_captured, taken
from ...engine.custom_op import Operation
from ...engine.grad_mode import SEALED
from ...engine.handles import own_handle
from ...engine.levels import ROOT, Level, during
from ...engine.recomputed import differ
from ...engine.short_cuts.custom import is_plain, plain, record, usable
from ...errors import InvalidArgumentError, TypeMismatchError
from ...variables.variable import Variable
from ..mapping import inner_vmap
from .shared import TUPLES, CustomCall, CustomFunction, described, mapped, tuple_of

__all__ = ["custom_vjp"]


class custom_vjp(CustomFunction):
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
        self._usual = None

    def _operation(self) -> _VJP:
        """A `_VJP` for one call."""
        op = _VJP()
        op.fun, op.fwd, op.bwd, op.steady = self._fun, self._fwd, self._bwd, self._steady
        if op.fwd is None:
            op.fwd = op.bwd = self._missing
        return op

    def _quickly(self, args: tuple[Any, ...]) -> Any:
        """The call with tracked arrays, where `fwd` and `bwd` refer to modules only. All such calls
        share one operation, because they differ by their residuals alone."""
        op = usable(self._usual)
        if op is False or len(args) != self._arity or self._settings:
            return NotImplemented
        if (given := plain(args)) is None:
            return NotImplemented
        if op is None:
            op = self._shared()
        if op is False or not (op.seen_fwd.holds() and op.seen_bwd.holds()):
            return NotImplemented
        pair = during(SEALED, op.fwd, *given[2])
        if type(pair) is tuple and len(pair) == 2 and is_plain(pair[0], given[0]):
            residuals = mapped(taken, pair[1], ROOT, op.rule.primitive.name)
            return record(op, given, pair[0]._value, residuals)
        op = self._operation()
        op.rule, op.spec, op.ready = self._rule, tuple_of(len(args)), pair
        return self._called(op, args, list(args))

    def _shared(self) -> Any:
        """The operation that calls with arrays share, if `fwd` and `bwd` refer to modules only;
        otherwise False."""
        op: Any = self._operation()
        op.rule, op.spec, op.output_spec = self._rule, tuple_of(self._arity), ARRAY
        op.several = False
        op.seen_fwd, op.seen_bwd = seen(op.fwd, op.steady), seen(op.bwd, op.steady)
        found = type(op.seen_fwd) is type(op.seen_bwd) is SeenModules and op
        if op.fwd is self._fwd and op.bwd is self._bwd:  # no thread has called `defvjp` meanwhile
            self._usual = found
        return found

    def _missing(self, *args: Any) -> Any:
        """Raise, in place of the derivative."""
        raise InvalidArgumentError(
            f"{self._rule.primitive.name} has no derivative yet: call its defvjp(fwd, bwd)"
        )


class _VJP(CustomCall):
    """One call of a `custom_vjp`.

    `bwd` runs later, in the backward walk, and `fwd` runs again for higher derivatives. So the
    names that both read are noted at the call (`seen_fwd`, `seen_bwd`).
    """

    fwd: Any
    bwd: Any
    seen_fwd: Seen
    seen_bwd: Seen
    ready: Any = NotImplemented  # what `fwd` returned, if it has run already

    def compute(
        self, args: list[Any], tracked: Sequence[bool], tangents: list[Any] | None, level: Level
    ) -> tuple[list[Any], Any]:
        """The outputs of `fwd`, and the residuals for `pull`."""
        self.seen_fwd, self.seen_bwd = seen(self.fwd, self.steady), seen(self.bwd, self.steady)
        if self.seen_bwd.variables:
            check_captured(self.seen_bwd, level)
        outputs, residuals = self.forward(self.fwd, args, self.ready)
        self.ready = NotImplemented
        return self.flat(outputs), mapped(taken, residuals, level, self.rule.primitive.name)

    def forward(
        self, fwd: Callable[..., Any], args: Sequence[Any], found: Any = NotImplemented
    ) -> tuple[Any, Any]:
        """Run `fwd`, unless what it `found` is there: its output and its residuals."""
        if found is NotImplemented:
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
            _, residuals = self.forward(self.seen_fwd.as_called(), call.inputs)
            pairs = zip(*[optree.tree_leaves(r) for r in (residuals, call.residuals)], strict=False)
            self.again("fwd", [differ(x, y) for x, y in pairs])
        residuals = mapped(own_handle, residuals)
        g = gs[0] if self.output_spec is ARRAY else unflatten(self.output_spec, gs)
        found = self.seen_bwd.as_called()(*self.settings, residuals, g)
        if type(found) is tuple and self.spec is TUPLES.get(len(found)):
            return found  # every argument is a single array
        return self.gradients(found)

    def gradients(self, found: Any) -> list[Any]:
        """The result of `bwd` as a list with one entry per leaf of the arguments."""
        name = self.rule.primitive.name
        trees = optree.treespec_children(self.spec)
        if not isinstance(found, (tuple, list)) or len(found) != len(trees):
            raise InvalidArgumentError(
                f"bwd of {name} returns a tuple with one gradient for each of {len(trees)} "
                f"arguments, and it returned {described(found)}"
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
        op.spec = tuple_of(len(on))
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


# A rule often refers to a custom function, such as its own: look for names inside these, too.
PARTS[custom_vjp] = ("_fun", "_fwd", "_bwd")
