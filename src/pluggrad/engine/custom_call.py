"""One call of a custom operation, and the checks of the values that users' functions return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import optree

from ..arrays.backend import VARIABLES, Backend, peek
from ..arrays.dispatch import is_variable
from ..errors import DifferentiationError, InvalidArgumentError
from .arguments import of_backend
from .closures import Seen
from .cotangents import same_shape, shape_dtype
from .grad_mode import NOT_AT_ROOT, recorded
from .graph import Node
from .handles import as_variable, captured, is_tracked, own_handle, snapshot_of, wrap
from .lazy_cotangents import dense, fit
from .levels import ROOT, START, VOLATILE, Level, during, put, read
from .linear import is_linear_level, made_of_zeros
from .record import part_of

__all__ = ["Call", "check_captured", "check_connected", "differentiable", "pulled", "taken"]


class Call:
    """One call of a custom operation at one level, with its values from one level down.

    Once recorded, an input or output that the derivative does not need is only a pair (shape,
    dtype).
    """

    __slots__ = ("backend", "inputs", "level", "needs", "op", "outputs", "recorded", "residuals")

    def __init__(
        self, op: Any, inputs: list[Any], outputs: list[Any], residuals: Any,
        needs: list[bool], level: Level, backend: Backend, recorded: bool = False,
    ) -> None:  # fmt: skip
        self.op, self.inputs, self.outputs, self.residuals = op, inputs, outputs, residuals
        self.needs, self.level, self.backend, self.recorded = needs, level, backend, recorded

    def lifted(self, node: Node, lift: Callable[[Any, Any], Any]) -> Call:
        """This call, with its values as Variables again, at their nodes in the graph."""
        assert node.parent is not None
        parents: dict[int, Node | None] = {0: node.parent}
        if len(self.inputs) > 1:
            parents = {e.rule.position: e.parent for e in node.parent.edges()}
        inputs = [x if type(x) is tuple else lift(x, parents.get(i))
                  for i, x in enumerate(self.inputs)]  # fmt: skip
        outputs = []
        for k, y in enumerate(self.outputs):
            if type(y) is not tuple:
                place: Node | None = None
                if differentiable(self.op, k, y):
                    place = part_of(node, tuple(self.outputs), k) if self.op.several else node
                y = lift(y, place)
            outputs.append(y)
        recorded = is_variable(lift(None, node))
        return Call(self.op, inputs, outputs, self.residuals, self.needs, self.level,
                    self.backend, recorded)  # fmt: skip

    def remade(self, f: Callable[[Any], Any]) -> Call:
        """This call, with `f` applied to the arrays that it saves."""
        inputs, outputs = [[x if type(x) is tuple else f(x) for x in items]
                           for items in (self.inputs, self.outputs)]  # fmt: skip
        return Call(self.op, inputs, outputs, optree.tree_map(f, self.residuals), self.needs,
                    self.level, self.backend, self.recorded)  # fmt: skip

    def pull(self, gs: list[Any]) -> list[Any]:
        """The gradients of the inputs, each in the library, shape and dtype of its input, or
        None."""
        backend, recording, pull = self.backend, self.recorded, self.op.pull
        among = recording
        for k, g in enumerate(gs):
            if type(g) in VARIABLES:
                among, gs[k] = True, own_handle(g)
            elif g is not None:
                gs[k] = wrap(dense(g), None, ROOT, backend)
        if (self.level in read().off) is recording:
            found = list(during(recorded(self.level, recording), pull, gs, self))
        else:
            found = list(pull(gs, self))
        self._one_each(found)
        if among and any([is_tracked(g) and not is_linear_level(g._level) for g in gs]):
            for g, need in zip(found, self.needs):
                if need and not is_tracked(g):
                    check_connected(g, backend, f"the backward of {self.op.rule.primitive.name}")
        for i, need in enumerate(self.needs):
            found[i] = self._gradient(i, found[i], among) if need else None
        return found

    def _one_each(self, found: Sequence[Any]) -> None:
        """Raise unless `found` has a gradient for each input."""
        if len(found) != len(self.inputs):
            raise InvalidArgumentError(
                f"the backward of {self.op.rule.primitive.name} gave {len(found)} gradients for "
                f"{len(self.inputs)} inputs"
            )

    def _gradient(self, i: int, g: Any, among: bool) -> Any:
        """The gradient `g` that the user's rule gave for input number `i`, checked and in the form
        that the walk takes."""
        x = self.inputs[i]
        if type(g) is self.backend.variable and g._cell is None:
            shape, dtype = x if type(x) is tuple else (x.shape, x.dtype)
            value = g._value
            if value.shape == shape and value.dtype == dtype:  # needs no more checks
                return g if among or g._node is not None or g._level is not ROOT else value
        if g is None:
            return None
        name, backend = self.op.rule.primitive.name, self.backend
        g = of_backend(g, backend, f"the backward of {name} gave", f"for input {i}")
        shape, dtype = shape_dtype(x)
        if g.shape != shape or g.dtype != dtype:
            if not _reduces(tuple(g.shape), tuple(shape)):
                raise InvalidArgumentError(
                    f"the backward of {name} gave a gradient of shape {tuple(g.shape)} for input "
                    f"{i}, which has shape {tuple(shape)}"
                )
            g = fit(as_variable(g, backend), (tuple(shape), dtype))
        return as_variable(g, backend) if among else snapshot_of(g)


def pulled(g: Any, call: Call) -> list[Any]:
    """The gradients of the inputs of `call`: `Call.pull`, with a short cut for one cotangent that
    is a raw array."""
    backend = call.backend
    if type(g) is not backend.adapter.array_type or call.recorded:
        return call.pull(list(g) if isinstance(g, tuple) else [g])
    handle = wrap(g, None, ROOT, backend)
    state, level = read(), call.level
    try:  # as `during`, which would take longer
        put(NOT_AT_ROOT if state is START and level is ROOT else recorded(level, False))
        found = call.op.pull([handle], call)
        put(state)
    except BaseException:
        put(state)
        raise
    if len(found) != len(call.needs):
        call._one_each(found)
    gradient = call._gradient
    if len(found) == 1:
        return [gradient(0, found[0], False)]
    return [gradient(i, found[i], False) if need else None for i, need in enumerate(call.needs)]


def _reduces(shape: tuple[Any, ...], to: tuple[Any, ...]) -> bool:
    """Whether `shape` is `to`, or a shape that `to` broadcasts to."""
    if same_shape(shape, to):
        return True
    if len(shape) < len(to):
        return False
    tail = shape[len(shape) - len(to) :]
    return all(n == m or m == 1 for n, m in zip(tail, to, strict=True))


def check_connected(made: Any, backend: Backend, what: str) -> None:
    """Raise if a rule returned nonzero, untracked numbers for a tracked cotangent or tangent. A
    derivative is linear in it, so nonzero numbers must depend on it."""
    if hasattr(made, "dtype") and made_of_zeros(made, backend) is False:
        raise DifferentiationError(
            f"{what} is differentiated in its turn, and what it returned is not connected to what "
            "it was handed: it left the graph, by `.data`, `.detach()` or another library. Compute "
            "with pluggrad's functions, or by an operation that has a derivative of its own. "
            "`once_differentiable` says that there is none."
        )


def taken(y: Any, level: Level | None, where: str) -> Any:
    """`y`, which a custom operation at `level` computed one level down, in the form in which it is
    saved.

    If `y` belongs to `level` itself or to a deeper one, it comes from a closure: it was not passed
    to the operation, its gradient would be lost, and CapturedVariableError is raised. Without a
    `level`, nothing tracked was passed, so any tracked `y` comes from a closure.
    """
    if type(y) not in VARIABLES:
        return y
    y = snapshot_of(y)
    if type(y) in VARIABLES and (
        level is None or y._level is level or not level.contains(y._level)
    ):
        if not y._level.alive:
            y._level.process()  # it raises: the transform has returned
        raise captured(y, f"in {where}")
    return y


def check_captured(fun: Seen, level: Level) -> None:
    """Raise if `fun`, a rule of an operation at `level`, refers to a value of a deeper level: the
    walk calls the rule later, when that level has ended."""
    for x in fun.variables:
        if x._read()[1] is not None or x._level is not ROOT:
            around = x._level is VOLATILE or level.contains(x._level)
            if x._level.alive and not around:
                raise captured(x, f"in {getattr(fun.fun, '__name__', 'a rule')}")


def differentiable(op: Any, k: int, y: Any) -> bool:
    """Whether output `k` of `op`, of value `y`, has a gradient."""
    if op.differentiable is not None and not op.differentiable[k]:
        return False
    backend = peek(y)
    return backend is not None and y.dtype in backend.float_dtypes
