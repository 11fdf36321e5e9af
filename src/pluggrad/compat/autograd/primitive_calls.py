"""Calls of primitives that take the way of all custom operations: in forward mode, under vmap and
checkpoint, with lists or dicts of Variables as arguments, with several results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optree

from ...arrays.backend import Backend
from ...arrays.dispatch import xp
from ...engine.batch import batched
from ...engine.boundary import ARRAY, flatten, unflatten
from ...engine.custom_call import Call
from ...engine.custom_node import rule_of
from ...engine.custom_op import Operation, at_levels
from ...engine.handles import unwrap_untracked
from ...engine.levels import Level
from ...errors import InvalidArgumentError
from .primitives import Rules, backend_among_arrays, fitted, primitive
from .trees import conjugated, is_array

__all__ = ["PrimitiveCall", "called", "primitive"]

_NOT_YET: Any = object()


class PrimitiveCall(Operation):
    """One call of a primitive. `args` hold the arrays of its positional arguments in a flat list;
    `trees` are the structures of the arguments, and `rest` what is no array."""

    def __init__(self, rules: Rules, args: Any, kwargs: Any, computed: Any = _NOT_YET) -> None:
        self.rules, self.kwargs, self.computed = rules, kwargs, computed
        self.rule = rule_of(rules.name)
        self.output_spec: Any = None
        self.flat_args: list[Any]
        tree: Any = tuple(args)
        self.flat_args, self.spec = optree.tree_flatten(tree, none_is_leaf=True)
        self.places = [i for i, x in enumerate(self.flat_args) if is_array(x)]
        self.arrays = [self.flat_args[i] for i in self.places]
        # Which positional argument each array is part of.
        counts = [optree.tree_structure(x, none_is_leaf=True).num_leaves for x in args]
        owners = [i for i, n in enumerate(counts) for _ in range(n)]
        self.owners = [owners[i] for i in self.places]

    def arguments(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """The positional arguments, with these arrays."""
        flat = list(self.flat_args)
        for place, x in zip(self.places, arrays, strict=True):
            flat[place] = unwrap_untracked(x)
        return optree.tree_unflatten(self.spec, flat)  # type: ignore[return-value]

    def flat(self, y: Any) -> list[Any]:
        """The arrays in the result `y`; notes its structure."""
        found, self.output_spec = flatten(y)
        backend = backend_among_arrays(self.arrays)
        return [v if is_array(v) else backend.namespace.raw_asarray(v) for v in found]

    def result(self, outputs: Sequence[Any]) -> Any:
        """The result with these arrays."""
        spec = self.output_spec
        return outputs[0] if spec is ARRAY else unflatten(spec, list(outputs))

    def run(self, args: list[Any]) -> list[Any]:
        """The arrays in the result of the function."""
        if self.computed is not _NOT_YET:
            y, self.computed = self.computed, _NOT_YET
            return self.flat(y)
        return self.flat(self.rules.fun(*self.arguments(args), **self.kwargs))

    def compute(
        self, args: list[Any], tracked: Sequence[bool], tangents: list[Any] | None, level: Level
    ) -> tuple[list[Any], Any]:
        """The outputs, and in reverse mode the functions from cotangents to gradients."""
        outputs = self.run(args) if self.computed is not _NOT_YET else self._below(args)
        if tangents is not None:
            return outputs, None
        return outputs, self.pulls(args, outputs, tracked)

    def _below(self, args: list[Any]) -> list[Any]:
        """The outputs of the call with arguments one level further down."""
        return self.flat(self.rules.wrapped(*self.arguments(args), **self.kwargs))

    def pulls(self, args: Any, outputs: Any, tracked: Sequence[bool]) -> Any:
        """The numbers of the arguments with a gradient, and the function from the cotangent of the
        result to their gradients."""
        rules = self.rules
        ans = self.result([unwrap_untracked(y) for y in outputs])
        call = self.arguments(args)
        argnums = tuple(dict.fromkeys(i for i, t in zip(self.owners, tracked, strict=True) if t))
        if rules.joint is not None:
            return argnums, rules.joint(argnums, ans, call, self.kwargs)
        if rules.each is None:
            raise rules.missing("VJP", argnums)
        makers = [rules.maker(i) for i in argnums]
        each = [None if m is None else m(ans, *call, **self.kwargs) for m in makers]
        return argnums, lambda g: [None if vjp is None else vjp(g) for vjp in each]

    def kept(self, inputs: list[Any], outputs: list[Any]) -> tuple[list[Any], list[Any]]:
        """Everything: the rule may have to be made again, of Variables."""
        return inputs, outputs

    def pull(self, gs: list[Any], call: Call) -> Sequence[Any]:
        """The gradients of the arrays, by the primitive's rule."""
        argnums, vjp = call.residuals
        if call.recorded:
            argnums, vjp = self.pulls(call.inputs, call.outputs, call.needs)
        cotangents = [
            xp.zeros_like(unwrap_untracked(y)) if g is None else conjugated(unwrap_untracked(g))
            for g, y in zip(gs, call.outputs, strict=True)
        ]
        found = dict(zip(argnums, vjp(self.result(cotangents)), strict=True))
        gradients: list[Any] = []
        for argnum, spec in enumerate(optree.treespec_children(self.spec)):
            c = found.get(argnum)
            if c is None:
                gradients += [None] * spec.num_leaves
            elif spec.num_leaves == 1 and is_array(c):
                gradients.append(c)
            else:
                try:
                    gradients += spec.flatten_up_to(c)
                except ValueError as error:
                    raise InvalidArgumentError(
                        f"the VJP of {self.rules.name} gave a gradient of another structure than "
                        f"argument {argnum}: {error}"
                    ) from None
        chosen = [gradients[place] for place in self.places]
        return [
            None if c is None or not need else fitted(c, unwrap_untracked(x), self.rules)
            for c, x, need in zip(chosen, call.inputs, call.needs, strict=True)
        ]

    def push(self, tangents: list[Any], call: Call) -> Sequence[Any]:
        """The tangents of the outputs, by the rule for forward mode; without one, the VJP is
        transposed."""
        rules = self.rules
        if rules.jvp is None:
            argnums, vjp = self.pulls(call.inputs, call.outputs, call.needs)
            call.residuals = argnums, vjp
            return super().push(tangents, call)
        moving = [t is not None for t in tangents]
        argnums = tuple(dict.fromkeys(i for i, m in zip(self.owners, moving, strict=True) if m))
        filled = [
            xp.zeros_like(x) if t is None else t for x, t in zip(call.inputs, tangents, strict=True)
        ]
        trees = self.arguments(filled)
        t = rules.jvp(
            argnums, [trees[i] for i in argnums], self.result(call.outputs),
            self.arguments(call.inputs), self.kwargs,
        )  # fmt: skip
        found, _ = flatten(t)
        backend = call.backend
        return [v if is_array(v) else backend.namespace.raw_asarray(v) for v in found]

    def mapped_itself(
        self, args: list[Any], inner: list[Any], on: list[bool], level: Level, backend: Backend
    ) -> list[Any] | None:
        """The function is called for each item of the batch, one level down, and the results are
        stacked."""
        rows: list[list[Any]] = []
        for i in range(level.size):  # type: ignore[attr-defined]
            item = [x[i, ...] if b else x for x, b in zip(inner, on, strict=True)]
            rows.append(self.flat(self.rules.wrapped(*self.arguments(item), **self.kwargs)))
        columns = zip(*rows, strict=True)
        stacked = [xp.stack([xp.asarray(v) for v in column]) for column in columns]
        return list(batched(stacked, level, backend))


def called(rules: Rules, args: Any, kwargs: Any, computed: Any = _NOT_YET) -> Any:
    """The result of a primitive, recorded at every level that tracks an argument."""
    op = PrimitiveCall(rules, args, kwargs, computed)
    outputs = at_levels(op, op.arrays)
    return op.result(outputs)


Rules.unusual = staticmethod(called)
