"""The operations that `checkpoint` records: each computes its outputs again when it is pulled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import optree

from ...arrays.backend import backend_of
from ...arrays.choice import choose, chosen, current_choice, use
from ...arrays.dispatch import is_variable, xp
from ...engine.backward import among_variables, in_place_type, walk
from ...engine.closures import Seen
from ...engine.cotangents import same_shape
from ...engine.custom_call import Call
from ...engine.custom_node import rule_of
from ...engine.custom_op import Operation, call
from ...engine.handles import as_variable, is_tracked, snapshot_of, wrap
from ...engine.levels import ROOT, Level, read, restored
from ...engine.linear import check_run
from ...engine.modes import changed, inside
from ...engine.random_states import RandomStates
from ...engine.recomputed import Made
from ...errors import TypeMismatchError
from ..gradients import jvp, vjp
from ..mapping import inner_vmap, leave
from .level import Inside, another_path, run_inside, stripped

__all__ = ["RecomputedBody"]


class _Recomputed(Operation):
    """An operation that keeps only its inputs. Subclasses say in `values` how to compute the
    outputs, and may say in `gradients` how to compute the gradients.
    """

    rule = rule_of("checkpoint")

    def values(self, args: list[Any]) -> list[Any]:
        """The outputs for the inputs `args`."""
        raise NotImplementedError

    def gradients(self, args: list[Any], wanted: list[bool], gs: list[Any]) -> list[Any]:
        """The gradients of the `wanted` inputs for the cotangents `gs`; None for the others."""
        picked = [i for i, want in enumerate(wanted) if want]

        def f(*chosen: Any) -> list[Any]:
            given = list(args)
            for i, x in zip(picked, chosen, strict=True):
                given[i] = x
            return self.values(given)

        found: list[Any] = [None] * len(args)
        _, pull = vjp(f, *[args[i] for i in picked])
        for i, g in zip(picked, pull(gs), strict=True):
            found[i] = g
        return found

    def run(self, args: list[Any]) -> list[Any]:
        """The outputs, where nothing is tracked."""
        return self.values(args)

    def check_linear(self, args: list[Any], level: Level) -> None:
        """Raise unless `values` is linear in the arguments tracked at `level`."""
        check_run(self.values, args, level)

    def pull(self, gs: list[Any], call_: Call) -> Sequence[Any]:
        """The gradients of the inputs, by an operation that again keeps only its inputs."""
        # The gradient, too, is recorded as a recomputed operation: memory stays low at all orders.
        count, needs = len(call_.inputs), call_.needs
        reached: list[int] = []

        def values(args: list[Any]) -> list[Any]:
            found = self.gradients(args[:count], needs, args[count:])
            reached[:] = [i for i, g in enumerate(found) if g is not None]
            return [found[i] for i in reached]

        flat = call(_RecomputedByFunction(values), [*call_.inputs, *gs])
        found: list[Any] = [None] * count
        for i, g in zip(reached, flat, strict=True):
            found[i] = g
        return found

    def push(self, tangents: list[Any], call_: Call) -> Sequence[Any]:
        """The tangents of the outputs, by an operation that again keeps only its inputs."""
        count = len(call_.inputs)
        moving = [i for i, t in enumerate(tangents) if t is not None]

        def values(args: list[Any]) -> list[Any]:
            def f(*chosen: Any) -> list[Any]:
                given = args[:count]
                for i, x in zip(moving, chosen, strict=True):
                    given[i] = x
                return [y if _is_float(y) else 0.0 * args[moving[0]] for y in self.values(given)]

            return list(jvp(f, [args[i] for i in moving], args[count:])[1])

        return call(_RecomputedByFunction(values), [*call_.inputs, *[tangents[i] for i in moving]])

    def mapped(self, on: list[bool], size: int) -> Operation:
        """The operation over a batch."""
        return _Mapped(self, on)


def _is_array(x: Any) -> bool:
    """Whether an argument is a Variable, or an array that a Variable can wrap."""
    try:
        backend = backend_of(x) if hasattr(x, "shape") and hasattr(x, "dtype") else None
    except TypeMismatchError:
        return False
    return backend is not None and backend.knows(x.dtype)


def _is_float(y: Any) -> bool:
    """Whether `y` is floating-point, real or complex, and so can have a derivative."""
    backend = backend_of(y)
    return backend is not None and y.dtype in backend.float_dtypes


class _RecomputedByFunction(_Recomputed):
    """A recomputed operation whose outputs are a function of its inputs alone."""

    def __init__(self, values: Callable[[list[Any]], list[Any]]) -> None:
        """The outputs are ``values(inputs)``."""
        self._values = values

    def values(self, args: list[Any]) -> list[Any]:
        """The outputs of the function, as they are kept."""
        return [snapshot_of(y) for y in self._values(list(args))]


class _Mapped(_Recomputed):
    """The operation `one` over a batch; `on` says which inputs have the batch axis, in front."""

    def __init__(self, one: _Recomputed, on: list[bool]) -> None:
        """Map `one` over the batch axis of the inputs that are `on`."""
        self.one, self.axes = one, [0 if b else None for b in on]
        self.differentiable = one.differentiable

    def values(self, args: list[Any]) -> list[Any]:
        """The outputs of `one`, under an inner `vmap`."""
        found = inner_vmap(self.one.values, (self.axes,))(list(args))
        self.differentiable = self.one.differentiable
        return list(found)

    def gradients(self, args: list[Any], wanted: list[bool], gs: list[Any]) -> list[Any]:
        """The gradients of `one`, under an inner `vmap`; those of shared inputs are summed."""

        def each(args: list[Any], gs: list[Any]) -> list[Any]:
            return self.one.gradients(args, wanted, gs)

        found = inner_vmap(each, (self.axes, 0))(list(args), list(gs))
        return [
            xp.sum(g, axis=0) if axis is None and g is not None else g
            for g, axis in zip(found, self.axes, strict=True)
        ]


class _Known(_Recomputed):
    """The operation `one` with its outputs already known from the first run, so that recording it
    does not run the function again. Each later use recomputes through `one`.
    """

    def __init__(self, one: _Recomputed, outputs: list[Any], maps: list[Level]) -> None:
        """`maps` are the levels of `vmap` among the inputs, the deepest first."""
        self.one, self.outputs, self.maps = one, outputs, maps
        self.several = len(outputs) != 1
        self.differentiable = one.differentiable

    def values(self, args: list[Any]) -> list[Any]:
        """The outputs, handed over once."""
        outputs, self.outputs = self.outputs, []
        return outputs

    def check_linear(self, args: list[Any], level: Level) -> None:
        """Raise unless `one` is linear in the arguments tracked at `level`."""
        check_run(self.one.values, args, level)

    def gradients(self, args: list[Any], wanted: list[bool], gs: list[Any]) -> list[Any]:
        """The gradients, recomputed by `one`."""
        return self.one.gradients(args, wanted, gs)

    def push(self, tangents: list[Any], call_: Call) -> Sequence[Any]:
        """The tangents, recomputed by `one`."""
        return self.one.push(tangents, call_)

    def mapped(self, on: list[bool], size: int) -> Operation:
        """The same over a batch, its outputs brought out of the deepest level of `vmap`."""
        (level, *maps), outputs = self.maps, self.outputs
        known = []
        for y in outputs:
            backend = backend_of(y)
            assert backend is not None
            known.append(leave(y, 0, level, backend))
        self.outputs = []
        return _Known(_Mapped(self.one, on), known, maps)


class RecomputedBody(_Recomputed):
    """One call of a checkpointed function. Its inputs are its arrays, then the outer Variables."""

    def __init__(
        self,
        run: Callable[[Callable[..., Any], list[Any]], Any],
        fun: Seen,
        flat: list[Any],
        prevent_cse: bool,
        random: RandomStates | None,
    ) -> None:
        """Note everything that the second run needs besides the inputs."""
        self.run_on, self.fun = run, fun
        # Raw arrays count as inputs, so that a change between the two runs is noticed.
        self.places = [i for i, x in enumerate(flat) if _is_array(x)]
        self.raw = {i for i in self.places if not is_variable(flat[i])}
        self.flat = [None if i in self.places else x for i, x in enumerate(flat)]
        self.constants: list[Any] = []
        self.tracked: list[bool] = []
        self.likes: list[Any] = []  # shape and dtype of each output
        self.prevent_cse = prevent_cse
        self.choice = current_choice()
        modes = read().modes
        self.strong = modes is not None and modes.strong
        self.random = random

    @restored
    def start(self, flat: list[Any]) -> Any:
        """The first run. Returns the outputs of the function, recorded as one operation."""
        outer = inside()
        args = [flat[i] if outer is None else outer.enter(flat[i]) for i in self.places]
        self.tracked = [is_tracked(x) for x in args]
        with run_inside(None) as run:
            inner = [stripped(x) for x in args]
            _, outputs, tree, spec = self.call(run, self.fun.fun, inner)
            self.differentiable = [y._level is run.level and y._read()[1] is not None
                                   for y in outputs]  # fmt: skip
            self.likes = [(tuple(y.shape), y.dtype) for y in outputs]
            values = [_out_of(y, run.level) for y in outputs]
            self.made = [Made(y) for y in values]
            args += run.found
            self.tracked += run.tracked
            self.constants = list(run.constants.values())
        del run
        backends = [y._backend for y in outputs]
        del outputs
        found = iter(call(_Known(self, values, _maps(args)), args))
        flat = [_as_variable(next(found), backends.pop(0)) if x is _PLACE else x for x in tree]
        return optree.tree_unflatten(spec, flat)

    def call(
        self, run: Inside, fun: Callable[..., Any], args: Sequence[Any]
    ) -> tuple[list[Any], list[Any], list[Any], Any]:
        """Call the function at the level of `run`.

        Returns the leaves made for its arguments, the Variables among its outputs, all outputs with
        `_PLACE` where those Variables belong, and the structure of the outputs.
        """
        flat = list(self.flat)
        leaves = []
        for place, x, tracked in zip(self.places, args, self.tracked, strict=False):
            leaf = run.leaf(x, tracked, run.level)
            leaves.append(leaf)
            if place in self.raw:
                flat[place] = snapshot_of(x)
                continue
            flat[place] = handle = leaf._snapshot()  # a handle that the function may write
            handle._birth = run.level
        tree, spec = optree.tree_flatten(self.run_on(fun, flat))
        outputs = [run.enter(y) for y in tree if is_variable(y)]
        return leaves, outputs, [_PLACE if is_variable(y) else y for y in tree], spec

    @contextmanager
    def again(
        self, args: list[Any], values_only: bool = False
    ) -> Iterator[tuple[Inside, list[Any], list[Any]]]:
        """Run the function again, under the settings of the first run, and check that it does the
        same.

        Gives the run, the leaves of all inputs, and the outputs.
        """
        count = len(self.places)
        for constant in self.constants:
            constant.open()
        if self.prevent_cse:
            args = _fenced(args)
        given = list(zip(args[count:], self.tracked[count:], strict=True))
        choice = chosen()
        try:
            with ExitStack() as stack:
                if self.random is not None:
                    stack.enter_context(self.random.restored())
                if self.choice is not current_choice():
                    first = self.choice
                    stack.enter_context(use(first.name, first.device, first.dtype))
                if self.strong:
                    stack.enter_context(changed(strong=True))
                run = stack.enter_context(run_inside(iter(given)))
                run.values_only = values_only
                leaves, outputs, _, _ = self.call(run, self.fun.as_called(), args[:count])
                leaves += run.made()
                if len(leaves) != len(args):
                    raise another_path("it used fewer Variables")
                self.check(outputs)
                yield run, leaves, outputs
        except BaseException:  # an interrupt, perhaps on the way into the `__exit__` of the block
            choose(choice)
            raise

    def check(self, outputs: list[Any]) -> None:
        """Raise unless the outputs of a second run are those of the first."""
        if len(outputs) != len(self.differentiable or ()):
            raise another_path("it returned other outputs")
        for y, (shape, dtype), made in zip(outputs, self.likes, self.made, strict=True):
            if not same_shape(tuple(y.shape), shape) or y.dtype != dtype:
                raise another_path(
                    f"it returned {dtype} {shape} first, and then {y.dtype} {tuple(y.shape)}"
                )
            # (With preserve_rng_state=False the user allows other random numbers.)
            if self.random is not None and made.differs(y):
                raise another_path("it returned other numbers")

    def values(self, args: list[Any]) -> list[Any]:
        """The outputs of a second run."""
        with self.again(args, values_only=True) as (run, _, outputs):
            return [snapshot_of(_out_of(y, run.level)) for y in outputs]

    def gradients(self, args: list[Any], wanted: list[bool], gs: list[Any]) -> list[Any]:
        """The gradients of the `wanted` inputs, by a second run and a walk back through it."""
        with self.again(args) as (run, leaves, outputs):
            ys = [y._read() if y._level is run.level else (None, None) for y in outputs]
        del outputs
        cotangents: dict[Any, Any] = {}
        for (value, node), g in zip(ys, gs, strict=True):
            if node is not None and g is not None:
                g = snapshot_of(g)
                if is_variable(value):
                    g = as_variable(g)
                cotangents[node] = cotangents[node] + g if node in cotangents else g
        del ys
        if not cotangents:
            return [None] * len(args)
        ends = [v._node for v, want in zip(leaves, wanted, strict=True) if want]
        backend = leaves[0]._backend
        arrived = walk(
            cotangents,
            targets=[node for node in ends if node is not None],
            lift=among_variables(cotangents.values()),
            in_place=in_place_type(backend),
        )
        return [arrived.get(v._node) if want else None
                for v, want in zip(leaves, wanted, strict=True)]  # fmt: skip


_PLACE: Any = object()  # stands for a Variable among the outputs


def _out_of(y: Any, level: Level) -> Any:
    """The value of `y` as seen outside `level`."""
    if y._level is level:
        return y._snapshot()._value
    if not y._level.alive:
        y._level.process()  # raises: `y` leaked from an inner transform that has returned
    return snapshot_of(y)


def _as_variable(y: Any, backend: Any) -> Any:
    """`y` as a Variable; an untracked one if it is a raw array."""
    return y if is_variable(y) else wrap(y, None, ROOT, backend)


def _maps(args: list[Any]) -> list[Level]:
    """The levels of `vmap` among `args`, the deepest first."""
    found: set[Level] = set()
    for x in args:
        while is_variable(x):
            if x._level.maps:
                found.add(x._level)
            x = x._read()[0]
    return sorted(found, key=lambda level: -level.depth)


def _fenced(args: list[Any]) -> list[Any]:
    """`args`, disguised so that a compiler does not merge the second run with the first."""
    found = []
    for x in args:
        raw = snapshot_of(x)
        backend = None if is_variable(raw) else backend_of(raw)
        found.append(x if backend is None else backend.adapter.fence(raw))
    return found
