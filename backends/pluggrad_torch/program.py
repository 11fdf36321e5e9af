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

__all__ = ["TorchProgram", "transforming"]

#: Whether a transform of torch.func is running: the innermost one, or None.
transforming = torch._C._functorch.peek_interpreter_stack


class TorchProgram(ForeignProgram):
    """A function of a list of tensors, by torch's own derivatives."""

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The results. Parameters of modules, which torch tracks, are constants."""
        if transforming() is not None:
            return self.run(arrays)
        with torch.no_grad():
            return [y.detach() if y.requires_grad else y for y in self.run(arrays)]

    def linearized(
        self, arrays: list[Any], needs: Sequence[int]
    ) -> tuple[list[Any], list[bool], Callable[[list[Any]], list[Any]]]:
        """torch records the function once, on tensors of its own; that graph is the pullback."""
        if transforming() is not None:
            return self._linearized_by_func(arrays, needs)
        if torch.is_inference_mode_enabled():
            with torch.inference_mode(False):
                return self.linearized(arrays, needs)
        given = [x.clone() if x.is_inference() else x for x in arrays]
        with torch.enable_grad():
            for n in needs:
                given[n] = given[n].detach().requires_grad_()
            ys = self.run(given)
        smooth = [y.requires_grad for y in ys]
        return [y.detach() for y in ys], smooth, _Recorded(ys, [given[n] for n in needs])

    def _linearized_by_func(
        self, arrays: list[Any], needs: Sequence[int]
    ) -> tuple[list[Any], list[bool], Callable[[list[Any]], list[Any]]]:
        """The same inside a transform of torch's."""
        places: list[int] = []
        ys, pull, rest = torch.func.vjp(
            self._of(arrays, needs, places), *[arrays[n] for n in needs], has_aux=True
        )
        outputs = _merged(ys, rest, places)

        def pulled(gs: list[Any]) -> list[Any]:
            return list(pull(tuple([
                torch.zeros_like(outputs[k]) if gs[k] is None else gs[k] for k in places
            ])))  # fmt: skip

        return outputs, [k in places for k in range(len(outputs))], pulled

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
            if transforming() is not None:
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
                        raise error from None
            return [*_merged(ys, rest, smooth), *moved]

        return TorchProgram(run)

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

    __slots__ = ("xs", "ys")

    def __init__(self, ys: list[Any], xs: list[Any]) -> None:
        self.ys, self.xs = ys, xs

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
            return list(torch.autograd.grad(
                ys, self.xs, seeds, retain_graph=True, create_graph=records, allow_unused=True
            ))  # fmt: skip
        except RuntimeError as error:
            if "modified by an inplace operation" in str(error):
                raise MutationError(
                    "a tensor that torch had saved for its derivative was changed in place since. "
                    f"Change a copy, or change it after the backward. torch says: {error}"
                ) from error
            raise


def eagerly() -> Any:
    """A block in which compiled functions run uncompiled: their compiled form has a first
    derivative only, and no transforms of torch.func."""
    if "torch._dynamo" not in sys.modules:
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
