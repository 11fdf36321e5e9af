"""A function of another framework as one recorded operation: ``pg.interop.torch.call``.

Here is the part that is the same for every framework: a `ForeignProgram` is a function that its
framework can differentiate, and `ForeignCall` is the operation that the engine records for it. A
derivative of a program is a program again, so there are derivatives of every order, forward mode
and `vmap`, all by the framework's own transforms. `host` has the opposite direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import optree

from ..arrays.backend import VARIABLES
from ..engine.arguments import explain
from ..engine.batch import batched
from ..engine.boundary import ARRAY, flatten, unflatten
from ..engine.custom_call import Call, taken
from ..engine.custom_node import CallRules
from ..engine.custom_op import Operation, call
from ..engine.handles import as_variable, snapshot_of
from ..engine.levels import Level

__all__ = ["ForeignCall", "ForeignProgram", "TreeCall", "foreign_call", "one_by_one"]


class ForeignProgram:
    """A function from a list of raw arrays to a list of raw arrays, which a framework can
    differentiate.

    `run` is that function. It must be pure, since derivatives of higher order run it again. An
    implementation says how its framework differentiates and batches; what is returned by
    `pullback`, `pushforward` and `mapped` are programs again.
    """

    #: Whether its pullback notices that an input was changed in place since. It then has a method
    #: `check`, which raises in that case.
    notices_writes = False

    def __init__(self, run: Callable[[list[Any]], list[Any]]) -> None:
        self.run = run

    def block(self) -> Any:
        """A block to compute in, where the framework needs one, such as for its precision."""
        return nullcontext()

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The results, without a derivative."""
        raise NotImplementedError

    def linearized(
        self, arrays: list[Any], needs: Sequence[int]
    ) -> tuple[list[Any], list[bool], Callable[[list[Any]], list[Any]] | None]:
        """The results; which of them have a gradient; and the pullback. It maps the cotangents of
        all results (None for those without) to the gradients of the arrays whose positions are in
        `needs` (None for zeros). Without a pullback, the derivative is that of `pullback`."""
        raise NotImplementedError

    def pullback(self, count: int, needs: Sequence[int], given: Sequence[int]) -> ForeignProgram:
        """The program from `count` arrays and the cotangents of the results number `given` to the
        gradients of the arrays in `needs`."""
        raise NotImplementedError

    def pushforward(self, count: int, needs: Sequence[int], smooth: list[int]) -> ForeignProgram:
        """The program from `count` arrays and the tangents of those in `needs` to the results,
        followed by the tangents of those that have one. It puts their numbers into `smooth`."""
        raise NotImplementedError

    def mapped(self, axes: Sequence[int | None], size: int, randomness: str) -> ForeignProgram:
        """The program for a batch of `size`, which lies along `axes` of the arrays and along the
        first axis of the results. `randomness` is the argument of `vmap`."""
        raise NotImplementedError


def one_by_one(
    run: Callable[[list[Any]], list[Any]], axes: Sequence[int | None], size: int,
    stack: Callable[[list[Any]], Any],
) -> Callable[[list[Any]], list[Any]]:  # fmt: skip
    """`run` for a batch, called once per element."""

    def mapped(values: list[Any]) -> list[Any]:
        rows = []
        for i in range(size):
            at = [x if axis is None else x[(slice(None),) * axis + (i,)]
                  for x, axis in zip(values, axes, strict=True)]  # fmt: skip
            rows.append(run(at))
        return [stack(list(column)) for column in zip(*rows, strict=True)]

    return mapped


class ForeignCall(Operation):
    """One call of a `ForeignProgram` on a flat list of arrays."""

    def __init__(self, program: ForeignProgram, rule: CallRules) -> None:
        self.program, self.rule = program, rule
        self.notices_writes = program.notices_writes

    def run(self, args: list[Any]) -> list[Any]:
        """The outputs, where nothing is tracked."""
        try:
            return self.program([x.data if type(x) in VARIABLES else x for x in args])
        except Exception as error:
            explain(error, self.rule.primitive.name, args)

    def compute(
        self, args: list[Any], tracked: Sequence[bool], tangents: list[Any] | None, level: Level
    ) -> tuple[list[Any], Any]:
        """The outputs, and the framework's own pullback, or in forward mode their tangents."""
        needs = [i for i, t in enumerate(tracked) if t]
        if tangents is not None:
            return self.pushed(args, needs, [tangents[i] for i in needs])
        for x in args:
            if type(x) in VARIABLES:  # an outer level records the call, and `pull` runs it again
                outputs = call(self.another(self.program), args)
                self.several = len(outputs) != 1
                return outputs, None
        try:
            outputs, self.differentiable, pull = self.program.linearized(args, needs)
        except Exception as error:
            explain(error, self.rule.primitive.name, args)
        self.several = len(outputs) != 1
        return outputs, None if pull is None else _Pull(pull, needs)

    def pushed(
        self, args: list[Any], needs: list[int], tangents: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The outputs, and the tangent of each (None for those without)."""
        smooth: list[int] = []
        program = self.program.pushforward(len(args), needs, smooth)
        found = call(self.another(program), [*args, *tangents])
        count = len(found) - len(smooth)
        self.several = count != 1
        moved: list[Any] = [None] * count
        for k, t in zip(smooth, found[count:], strict=True):
            moved[k] = t
        if any([type(t) in VARIABLES for t in tangents]):
            # The outputs must not depend on levels of the tangents, such as those of `jacfwd`.
            return call(self.another(self.program), args), moved
        return found[:count], moved

    def push(self, tangents: list[Any], call: Call) -> Sequence[Any]:
        """The tangents of the outputs, which were computed together with them."""
        moved: list[Any] | None = call.residuals
        if moved is None:
            needs = [i for i, t in enumerate(tangents) if t is not None]
            _, moved = self.pushed(call.inputs, needs, [tangents[i] for i in needs])
        return moved

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        """The gradients of the inputs: by the pullback that was kept at the call, or by a program
        of their own where they are to be differentiated again."""
        found: list[Any] = [None] * len(call.inputs)
        gs = [None if g is None else snapshot_of(g) for g in gs]
        kept = call.residuals
        plain = type(kept) is _Pull and not call.recorded
        if plain and not any([type(g) in VARIABLES for g in gs]):
            try:
                some = kept.pull(gs)
            except Exception as error:
                explain(error, f"the derivative of {self.rule.primitive.name}", gs)
            for place, g in zip(kept.needs, some, strict=True):
                found[place] = g
            return found
        needs = [i for i, need in enumerate(call.needs) if need]
        for place, g in zip(needs, self.pulled_again(gs, call, needs), strict=True):
            found[place] = g
        return found

    def pulled_again(self, gs: list[Any], made: Call, needs: list[int]) -> list[Any]:
        """The gradients of the inputs in `needs`, as a call that can be differentiated in turn."""
        given = [k for k, g in enumerate(gs) if g is not None]
        if self.notices_writes and type(made.residuals) is _Pull:
            made.residuals.pull.check()  # type: ignore[attr-defined]
        program = self.program.pullback(len(made.inputs), needs, given)
        return call(self.another(program), [*made.inputs, *[gs[k] for k in given]])

    def mapped_itself(
        self, args: list[Any], inner: list[Any], on: list[bool], level: Any, backend: Any
    ) -> list[Any]:
        """The outputs for a batch, by the framework's own `vmap`."""
        axes = [0 if b else None for b in on]
        program = self.program.mapped(axes, level.size, level.randomness)
        outputs = call(self.another(program), inner)
        name = self.rule.primitive.name
        return list(batched([taken(y, level, name) for y in outputs], level, backend))

    def another(self, program: ForeignProgram) -> ForeignCall:
        """The call of another program of the same name."""
        return ForeignCall(program, self.rule)


class _Pull:
    """The framework's pullback, kept with a recorded call; `needs` are the inputs' positions."""

    __slots__ = ("needs", "pull")

    def __init__(self, pull: Callable[[list[Any]], list[Any]], needs: Sequence[int]) -> None:
        self.pull, self.needs = pull, needs


def foreign_call(program: ForeignProgram, rule: CallRules, variables: list[Any]) -> list[Any]:
    """Call `program` with Variables, and record it as one operation: the results as Variables."""
    return [as_variable(y) for y in call(ForeignCall(program, rule), variables)]


class TreeCall:
    """A call ``f(*args, **kwargs)`` as a function of the flat list of its arrays.

    The arrays are those leaves of the arguments for which `takes` is true, `arrays`. What `f`
    returns is a tree, too: those leaves for which `gives` is true are the results, and the others
    (None, numbers, strings) are noted, as is the structure.
    """

    def __init__(
        self, f: Callable[..., Any], args: Any, kwargs: Any, takes: Callable[[Any], bool],
        gives: Callable[[Any], bool],
    ) -> None:  # fmt: skip
        self.f, self.gives = f, gives
        self.names = tuple(kwargs)  # torch.compile cannot handle a dict in the structure
        flat, self.spec = flatten((args, tuple(kwargs.values())), none_is_leaf=True)
        self.places = [n for n, x in enumerate(flat) if takes(x)]
        self.arrays = [flat[n] for n in self.places]
        for n in self.places:  # a graph must not keep the caller's Variables alive
            flat[n] = None
        self.flat = flat
        self.y_spec: Any = None
        self.rest: list[Any] = []  # the other leaves of what `f` returned, None for results
        self.results: list[int] = []

    def __call__(self, arrays: Sequence[Any]) -> list[Any]:
        """The results for these arrays."""
        given = list(self.flat)
        for place, x in zip(self.places, arrays, strict=True):
            given[place] = x
        args, values = unflatten(self.spec, given)
        y = self.f(*args, **dict(zip(self.names, values, strict=True)))
        if self.gives(y):
            self.y_spec = ARRAY
            return [y]
        outputs, self.y_spec = optree.tree_flatten(y, none_is_leaf=True)
        self.results = [n for n, x in enumerate(outputs) if self.gives(x)]
        self.rest = [None if self.gives(x) else x for x in outputs]
        return [outputs[n] for n in self.results]

    def alike(self, constants: Sequence[int]) -> TreeCall:
        """The same call without its values, as a function of one more array for each of
        `constants`, places of leaves."""
        made: TreeCall = object.__new__(TreeCall)
        made.__dict__.update(self.__dict__)
        made.places, made.arrays = [*self.places, *constants], []
        made.flat = [None if n in constants else x for n, x in enumerate(self.flat)]
        return made

    def completed(self, results: Sequence[Any]) -> Any:
        """What `f` returned, with `results` in the place of its arrays."""
        if self.y_spec is ARRAY:
            return results[0]
        leaves = list(self.rest)
        for place, y in zip(self.results, results, strict=True):
            leaves[place] = y
        return optree.tree_unflatten(self.y_spec, leaves)
