"""torch's functions as programs that torch differentiates: with `torch.autograd` where tensors are
plain, with `torch.func` inside its transforms."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch

from pluggrad.errors import MutationError
from pluggrad.plugin import ForeignProgram, one_by_one

__all__ = ["TorchProgram", "eagerly", "transforming", "version_of"]

#: `torch.autograd.grad` without its checks of arguments, which take as long as the walk itself.
_run_backward: Any = torch.autograd.Variable._execution_engine.run_backward
_innermost: Any = torch._C._functorch.peek_interpreter_stack


def transforming() -> bool:
    """Whether a transform of torch.func is running, or torch.compile reads: both see through
    torch.func's transforms, and not through torch.autograd."""
    return torch.compiler.is_compiling() or _innermost() is not None


class TorchProgram(ForeignProgram):
    """A function of a list of tensors, by torch's own derivatives."""

    notices_writes = True

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The results. Parameters of modules, which torch tracks, are constants."""
        if transforming():
            return self.run(arrays)
        with torch.no_grad():
            return [y.detach() if y.requires_grad else y for y in self.run(arrays)]

    def linearized(
        self, arrays: list[Any], needs: Sequence[int]
    ) -> tuple[list[Any], list[bool], Callable[[list[Any]], list[Any]] | None]:
        """torch records the function once, on tensors of its own; that graph is the pullback. Where
        torch.compile reads, nothing is kept: a compiled function cannot return such a graph."""
        if torch.compiler.is_compiling():
            found = self.run(arrays)
            return found, [_inexact(y) for y in found], None
        if transforming():
            return self._linearized_by_func(arrays, needs)
        if torch.is_inference_mode_enabled():
            with torch.inference_mode(False):
                return self.linearized(arrays, needs)
        versions = [(x, version_of(x)) for x in arrays]
        given = [x.clone() if x.is_inference() else x for x in arrays]
        with torch.enable_grad():
            for n in needs:
                given[n] = given[n].detach().requires_grad_()
            ys = self.run(given)
        smooth = [y.requires_grad for y in ys]
        pull = _Recorded(ys, [given[n] for n in needs], versions)
        return [y.detach() for y in ys], smooth, pull

    def _linearized_by_func(
        self, arrays: list[Any], needs: Sequence[int]
    ) -> tuple[list[Any], list[bool], Callable[[list[Any]], list[Any]]]:
        """The same inside a transform of torch's."""
        places: list[int] = []
        ys, pull, rest = torch.func.vjp(
            self._of(arrays, needs, places), *[arrays[n] for n in needs], has_aux=True
        )
        outputs = _merged(ys, rest, places)

        return outputs, [k in places for k in range(len(outputs))], _Traced(pull, outputs, places)

    def _of(
        self, arrays: Sequence[Any], needs: Sequence[int], places: list[int]
    ) -> Callable[..., Any]:
        """`run` as a function of the arrays in `needs` alone. It returns the results that can have
        a derivative, whose numbers it puts into `places`, and apart from them the others."""

        def fun(*primals: Any) -> Any:
            given = list(arrays)
            for place, x in zip(needs, primals, strict=True):
                given[place] = x
            ys = self.run(given)
            places[:] = [k for k, y in enumerate(ys) if _inexact(y)]
            return tuple([ys[k] for k in places]), [y for y in ys if not _inexact(y)]

        return fun

    def pullback(self, count: int, needs: Sequence[int], given: Sequence[int]) -> TorchProgram:
        """By `torch.autograd.grad`, which records itself where that is asked for, or by
        `torch.func.vjp`."""

        def by_func(xs: list[Any], gs: list[Any]) -> list[Any]:
            places: list[int] = []
            ys, pull, _ = torch.func.vjp(
                self._of(xs, needs, places), *[xs[n] for n in needs], has_aux=True
            )
            seeds = dict(zip(given, gs, strict=True))
            return list(pull(tuple([
                seeds[k] if k in seeds else torch.zeros_like(y)
                for k, y in zip(places, ys, strict=True)
            ])))  # fmt: skip

        def run(values: list[Any]) -> list[Any]:
            xs, gs = list(values[:count]), values[count:]
            if transforming():
                return by_func(xs, gs)
            records = torch.is_grad_enabled()
            with torch.enable_grad(), eagerly():
                for n in needs:
                    x = xs[n]
                    xs[n] = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
                ys = self.run(xs)
            pull = _Recorded(ys, [xs[n] for n in needs])
            seeds: list[Any] = [None] * len(ys)
            for k, g in zip(given, gs, strict=True):
                seeds[k] = g
            found = pull(seeds, records)
            return [torch.zeros_like(x) if g is None else g
                    for x, g in zip(pull.xs, found, strict=True)]  # fmt: skip

        return TorchProgram(run)

    def pushforward(self, count: int, needs: Sequence[int], smooth: list[int]) -> TorchProgram:
        """By `torch.func.jvp`. Where torch has no derivative in that mode, the pullback is
        transposed."""

        def run(values: list[Any]) -> list[Any]:
            xs, ts = values[:count], tuple(values[count:])
            primals = tuple([xs[n] for n in needs])
            fun = self._of(xs, needs, smooth)
            with eagerly():
                try:
                    ys, moved, rest = torch.func.jvp(fun, primals, ts, has_aux=True)
                except (NotImplementedError, RuntimeError) as error:
                    try:
                        ys, pull, rest = torch.func.vjp(fun, *primals, has_aux=True)
                        seeds = tuple([torch.zeros_like(y) for y in ys])
                        _, push = torch.func.vjp(lambda *gs: pull(gs), *seeds)
                        moved = push(ts)
                    except (NotImplementedError, RuntimeError):
                        found = (
                            None if transforming() else self._pushed_twice(xs, needs, ts, smooth)
                        )
                        if found is None:
                            raise error from None
                        return found
            return [*_merged(ys, rest, smooth), *moved]

        return TorchProgram(run)

    def _pushed_twice(
        self, xs: Sequence[Any], needs: Sequence[int], ts: Sequence[Any], smooth: list[int]
    ) -> list[Any] | None:
        """What `pushforward` returns, by transposing torch.autograd's pullback, for functions
        that torch.func does not take; None where torch refuses that, too."""
        if transforming():
            return None
        given = list(xs)
        try:
            with torch.enable_grad():
                for n in needs:
                    given[n] = given[n].detach().requires_grad_()
                ys = self.run(given)
                smooth[:] = [k for k, y in enumerate(ys) if _inexact(y)]
                seeds: list[Any] = [None] * len(ys)
                for k in smooth:
                    seeds[k] = torch.ones_like(ys[k]).requires_grad_()
                back = _Recorded(ys, [given[n] for n in needs])(list(seeds), True)
                known = [(g, t) for g, t in zip(back, ts, strict=True) if g is not None]
                if not all([g.requires_grad or not g.any() for g, _ in known]):
                    return None  # the pullback left the graph
                pull = _Recorded([g for g, _ in known], [seeds[k] for k in smooth])
                moved = pull([t for _, t in known])
        except (NotImplementedError, RuntimeError):
            return None
        moved = [torch.zeros_like(ys[k]) if t is None else t
                 for k, t in zip(smooth, moved, strict=True)]  # fmt: skip
        return [*[y.detach() for y in ys], *[t.detach() for t in moved]]

    def mapped(self, axes: Sequence[int | None], size: int, randomness: str) -> TorchProgram:
        """By `torch.func.vmap`; one call per element where that fails, as for functions that look
        at values."""

        def run(values: list[Any]) -> list[Any]:
            with eagerly():
                try:
                    return list(torch.func.vmap(
                        lambda *xs: tuple(self.run(list(xs))), tuple(axes), 0, randomness
                    )(*values))  # fmt: skip
                except (RuntimeError, ValueError) as error:
                    if not size or "randomness" in str(error):
                        raise
                    return one_by_one(self.run, axes, size, torch.stack)(values)

        return TorchProgram(run)


class _Recorded:
    """The results `ys` of a function that torch has recorded, and the tensors `xs` that it is
    differentiated by."""

    __slots__ = ("versions", "xs", "ys")

    def __init__(
        self, ys: list[Any], xs: list[Any], versions: Sequence[tuple[Any, int]] = ()
    ) -> None:
        self.ys, self.xs, self.versions = ys, xs, versions

    def check(self) -> None:
        """Raise MutationError if an input was changed in place since. (torch notices that by
        itself, but only for tensors that it needs.)"""
        for x, version in self.versions:
            if version_of(x) != version:
                raise MutationError(
                    f"a tensor that torch's derivative needs again, of shape {tuple(x.shape)}, was "
                    "changed in place since. Change a copy, or change it after the backward."
                )

    def __call__(self, gs: list[Any], records: bool = False) -> list[Any]:
        """The gradients of `xs` (None for zeros), from the cotangents of the results."""
        ys, seeds = [], []
        for y, g in zip(self.ys, gs, strict=True):
            if g is not None and y.requires_grad:
                ys.append(y)
                seeds.append(g)
        if not ys:
            return [None] * len(self.xs)
        try:
            return list(_run_backward(
                tuple(ys), tuple(seeds), True, records, tuple(self.xs), True, accumulate_grad=False
            ))  # fmt: skip
        except RuntimeError as error:
            if "modified by an inplace operation" in str(error):
                raise MutationError(
                    "a tensor that torch had saved for its derivative was changed in place since. "
                    f"Change a copy, or change it after the backward. torch says: {error}"
                ) from error
            raise


class _Traced:
    """The pullback of a function that torch.func differentiates inside a transform."""

    __slots__ = ("outputs", "places", "pull")

    def __init__(self, pull: Any, outputs: list[Any], places: list[int]) -> None:
        self.pull, self.outputs, self.places = pull, outputs, places

    def check(self) -> None:
        """Traced tensors are not written."""

    def __call__(self, gs: list[Any]) -> list[Any]:
        """The gradients, from the cotangents of the results."""
        return list(self.pull(tuple([
            torch.zeros_like(self.outputs[k]) if gs[k] is None else gs[k] for k in self.places
        ])))  # fmt: skip


def version_of(x: Any) -> int:
    """How often a tensor was changed in place; 0 where torch does not count."""
    return 0 if x.is_inference() else int(x._version)


def eagerly() -> Any:
    """A block in which compiled functions run uncompiled: their compiled form has a first
    derivative only, and no transforms of torch.func."""
    if "torch._dynamo" not in sys.modules or not hasattr(torch.compiler, "set_stance"):
        return nullcontext()
    return torch.compiler.set_stance("force_eager")


def _merged(ys: Sequence[Any], rest: Sequence[Any], places: Sequence[int]) -> list[Any]:
    """All results in their order: `ys` at `places`, and the `rest` at the others."""
    merged = list(rest)
    for place, y in zip(places, ys, strict=True):
        merged.insert(place, y)
    return merged


def _inexact(x: Any) -> bool:
    """Whether a tensor can have a derivative."""
    return bool(x.is_floating_point() or x.is_complex())
