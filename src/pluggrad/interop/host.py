"""pluggrad inside the autograd of another library, the host: ``pg.interop.torch.wrap``.

Here is the part that is the same for every host: a `HostProgram`, and those of its derivatives.
The derivative of a program is a program again, so the host gets derivatives of every order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.dispatch import is_variable
from ..engine.graph_breaks import break_graph, graph_breaks
from ..engine.handles import wrap
from ..engine.levels import ROOT
from ..errors import PluggradError, TypeMismatchError
from ..transforms.gradients import jvp, vjp
from ..transforms.mapping import inner_vmap
from ..variables.top_level import top_level

__all__ = ["HostProgram", "differentiable", "first_possible", "for_host"]


def first_possible(attempt: Callable[[Any], Any], choices: list[Any]) -> Any:
    """The result of `attempt` for the first of one or two `choices` that works. That one is tried
    first from then on. If both fail, the error is that of the first."""
    try:
        return attempt(choices[0])
    except PluggradError:
        if len(choices) == 1:
            raise
        with suppress(Exception):
            found = attempt(choices[1])
            choices.reverse()
            return found
        raise


class HostProgram:
    """A function from a list of arrays to a list of arrays, which pluggrad can differentiate.

    `order` counts the derivatives that were taken: 0 for the user's own function.
    """

    def __init__(self, run: Callable[[list[Any]], list[Any]], order: int = 0) -> None:
        self.run = run
        self.order = order

    def __call__(self, arrays: Sequence[Any]) -> list[Any]:
        """The results for raw arrays, as raw arrays."""
        return [for_host(y) for y in self.run([as_variable(x) for x in arrays])]

    def linearized(self, arrays: Sequence[Any], needs: Sequence[int]) -> tuple[list[Any], Any]:
        """The results, and the pullback: from the cotangents of the differentiable results to the
        gradients of the arrays whose positions are in `needs`."""
        places: list[int] = []

        def fun(*primals: Any) -> Any:
            given = [as_variable(x) for x in arrays]
            for place, x in zip(needs, primals, strict=True):
                given[place] = x
            found = [as_variable(y) for y in self.run(given)]
            places[:] = [k for k, y in enumerate(found) if differentiable(y)]
            rest = [y for k, y in enumerate(found) if k not in places]
            return [found[k] for k in places], rest

        with graph_breaks("ignore") if self.order else nullcontext():
            found, pull, rest = vjp(fun, *[arrays[n] for n in needs], has_aux=True)
        results = list(rest)
        for place, y in zip(places, found, strict=True):
            results.insert(place, y)
        return results, lambda gs: list(pull(list(gs)))

    def pullback(self, count: int, needs: Sequence[int]) -> HostProgram:
        """The program from `count` arrays and cotangents to the gradients of the arrays in
        `needs`."""

        def run(values: list[Any]) -> list[Any]:
            _, pull = self.linearized(values[:count], needs)
            gradients: list[Any] = pull(values[count:])
            return gradients

        return HostProgram(run, self.order + 1)

    def pushforward(self, count: int, needs: Sequence[int]) -> HostProgram:
        """The program from `count` arrays and the tangents of those in `needs` to the tangents of
        the differentiable results."""

        def run(values: list[Any]) -> list[Any]:
            def fun(*primals: Any) -> Any:
                given = list(values[:count])
                for place, x in zip(needs, primals, strict=True):
                    given[place] = x
                found = [as_variable(y) for y in self.run(given)]
                return [y for y in found if differentiable(y)]

            with graph_breaks("ignore") if self.order else nullcontext():
                _, pushed = jvp(fun, [values[n] for n in needs], values[count:])
            return list(pushed)

        return HostProgram(run, self.order + 1)

    def mapped(self, axes: Sequence[int | None], size: int) -> HostProgram:
        """The program for a batch of `size`, which lies along `axes` of its arrays and along the
        first axis of its results: one batched call if `vmap` can do it, else one call per
        element."""

        def each(*values: Any) -> list[Any]:
            return self.run([as_variable(x) for x in values])

        def run(values: list[Any]) -> list[Any]:
            try:
                return list(inner_vmap(each, tuple(axes), 0, size)(*values))
            except (PluggradError, TypeError, ValueError):
                if not size:
                    raise
            # It cannot be batched, or it is wrong: calls one by one will tell.
            ones = [_elements(x, axis, size) for x, axis in zip(values, axes, strict=True)]
            rows = [each(*[x[i] for x in ones]) for i in range(size)]
            stack = top_level("stack")
            return [stack(list(column)) for column in zip(*rows, strict=True)]

        return HostProgram(run, self.order)


def _elements(x: Any, axis: int | None, size: int) -> Any:
    """The `size` elements of `x` along `axis`; without an axis, `x` for each."""
    if axis is None:
        return [x] * size
    return list(top_level("unstack")(as_variable(x), axis=axis))


def as_variable(x: Any) -> Any:
    """An array as a Variable."""
    if is_variable(x):
        return x
    backend = backend_of(x)
    if backend is None:
        raise TypeMismatchError(f"{type(x).__name__} is no array")
    return wrap(x, None, ROOT, backend)


def for_host(x: Any) -> Any:
    """An untracked Variable as its raw array; GraphBreakError if it is tracked."""
    if not is_variable(x):
        return x
    if x._tracked:
        break_graph("handing it to another library")
    return x.data


def differentiable(x: Any) -> bool:
    """Whether `x` can have a gradient: its dtype is floating-point or complex."""
    backend = backend_of(x)
    return backend is not None and x.dtype in backend.float_dtypes
