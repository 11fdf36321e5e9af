"""Blocks: elementwise operations on large arrays, done piece by piece, so that what is computed in
between stays in the processor's cache; by several threads, if wanted.

`in_blocks` finds such operations in a program, with the sums over all elements at their end, and
makes one call of each group, a `Region`. Sums are those of the pieces, added up: in another order
than NumPy's, which changes them by a few units in the last place. All else stays the same.
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from .emit import emitted, reduces
from .program import Call, Program, Value

__all__ = ["Region", "in_blocks"]

#: In bytes: larger arrays than this do not stay in the cache.
LARGE = 2**20
#: Elements of a piece. A dozen pieces of doubles fit into the cache of one core.
PIECE = 2**13
#: Functions beside ufuncs that compute each element by itself.
ELEMENTWISE = frozenset({np.where})
#: What partial results of a reduction are combined with.
COMBINED = frozenset({np.add, np.maximum, np.minimum, np.multiply})


class Region:
    """Elementwise calls on arrays of one shape, as one function of whole arrays.

    `block` computes the same for a piece. `large` says of each input whether it is cut, `shapes`
    has the shape and dtype of each result that is an array, and the ufunc that combines the parts
    of the others.
    """

    __name__ = "region"

    def __init__(self, program: Program, shape: tuple[int, ...], threads: int) -> None:
        self.block = emitted(program)
        self.large = [v.shape == shape for v in program.inputs]
        self.results: list[Any] = []
        made = {v: call for call in program.calls for v in call.results}
        for v in program.outputs:
            ufunc = None if v.shape == shape else made[v].function.__self__
            self.results.append((ufunc, v.shape, v.dtype))
        self.size, self.threads = int(np.prod(shape)), threads

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        """The results for whole arrays."""
        given = [x.reshape(-1) if cut else x for x, cut in zip(args, self.large, strict=True)]
        made = [np.empty(shape, dtype) if ufunc is None else None
                for ufunc, shape, dtype in self.results]  # fmt: skip
        into = [None if y is None else y.reshape(-1) for y in made]
        work = functools.partial(self._pieces, given, into)
        if self.threads == 1:
            parts = work(0, self.size)
        else:
            step = -(-self.size // (self.threads * PIECE)) * PIECE
            starts = range(0, self.size, step)
            ends = [min(start + step, self.size) for start in starts]
            parts = [part for found in pool(self.threads).map(work, starts, ends) for part in found]
        return tuple([
            y if ufunc is None else ufunc.reduce(np.asarray([part[i] for part in parts]))
            for i, (y, (ufunc, _, _)) in enumerate(zip(made, self.results, strict=True))
        ])  # fmt: skip

    def _pieces(self, given: list[Any], into: list[Any], start: int, end: int) -> list[Any]:
        """Compute from `start` to `end`: write arrays, and return the parts of reductions."""
        parts = []
        for low in range(start, end, PIECE):
            high = min(low + PIECE, end)
            piece = [x[low:high] if cut else x for x, cut in zip(given, self.large, strict=True)]
            found = self.block(*piece)
            for y, whole in zip(found, into, strict=True):
                if whole is not None:
                    whole[low:high] = y
            parts.append(found)
        return parts


@functools.cache
def pool(threads: int) -> ThreadPoolExecutor:
    """Threads for all programs that use that many."""
    return ThreadPoolExecutor(threads, thread_name_prefix="pluggrad")


def in_blocks(program: Program, threads: int) -> Program:
    """`program` with Regions. It is changed in place."""
    used = _uses(program)
    kept: list[Call] = []
    region: list[Call] = []
    inside: set[Value] = set()  # results of the region that are arrays, and those that are sums
    sums: set[Value] = set()
    for call in program.calls:
        shape = region[0].results[0].shape if region else None
        if sums.isdisjoint(call.inputs()):
            if _is_elementwise(call, shape):
                region.append(call)
                inside.update(call.results)
                continue
            if inside and _is_sum(call) and call.inputs()[0] in inside:
                region.append(call)
                sums.update(call.results)
                continue
            if inside.isdisjoint(call.inputs()) and not call.writes:
                kept.append(call)  # it comes before the region, which does not need it so far
                continue
        kept += _made(region, used, threads)
        region, inside, sums = [], set(), set()
        if _is_elementwise(call, None):
            region.append(call)
            inside.update(call.results)
        else:
            kept.append(call)
    program.calls = kept + _made(region, used, threads)
    return program


def _uses(program: Program) -> dict[Value, list[Any]]:
    """The calls that use each Value; None stands for the caller."""
    used: dict[Value, list[Any]] = {}
    for call in program.calls:
        for v in call.inputs():
            used.setdefault(v, []).append(call)
    for v in program.outputs:
        if type(v) is Value:
            used.setdefault(v, []).append(None)
    return used


def _is_large(v: Value) -> bool:
    """Whether `v` is a large array whose elements follow each other in memory."""
    strides, step = [], v.dtype.itemsize if v.dtype is not None else 0
    for n in reversed(v.shape):
        strides.append(step)
        step *= n
    return v.kind == "array" and v.nbytes >= LARGE and v.strides == tuple(reversed(strides))


def _is_elementwise(call: Call, shape: tuple[int, ...] | None) -> bool:
    """Whether `call` computes each element of a large array by itself; of this shape, if given."""
    function = call.function
    known = (type(function) is np.ufunc and function.signature is None) or function in ELEMENTWISE
    if not known or call.errors or call.kwargs or call.writes or len(call.results) != 1:
        return False
    (y,) = call.results
    return (
        _is_large(y) and shape in (None, y.shape)
        and all([v.shape == () or (v.shape == y.shape and _is_contiguous(v, y))
                 for v in call.inputs()])
        and all([type(x) is Value or np.ndim(x) == 0 for x in call.args])
    )  # fmt: skip


def _is_contiguous(v: Value, y: Value) -> bool:
    """Whether the elements of `v`, which has the shape of the large `y`, lie in the same order."""
    return all([
        a * y.dtype.itemsize == b * v.dtype.itemsize
        for a, b in zip(v.strides, y.strides, strict=True)
    ])  # fmt: skip


def _is_sum(call: Call) -> bool:
    """Whether `call` reduces all axes of a large array."""
    if not reduces(call.function) or call.function.__self__ not in COMBINED:
        return False
    x = call.args[0]
    plain = {"axis": 0, **call.kwargs}
    whole = plain.get("axis") is None or len(x.shape) == 1
    others = {key for key, value in plain.items() if value not in (None, False)} - {"axis"}
    return type(x) is Value and _is_large(x) and whole and not others and len(call.args) == 1


def _made(region: list[Call], used: dict[Value, list[Any]], threads: int) -> list[Call]:
    """The calls of a region, as one call if that pays."""
    if len(region) < 3:
        return region
    members = set(region)
    program = Program()
    program.calls = region
    inside = {v for call in region for v in call.results}
    inputs = dict.fromkeys([v for call in region for v in call.inputs() if v not in inside])
    program.inputs = list(inputs)
    outputs = [v for call in region for v in call.results
               if any([user not in members for user in used.get(v, [None])])]  # fmt: skip
    program.outputs = list(outputs)
    shape = region[0].results[0].shape
    made = Call(Region(program, shape, threads), tuple(program.inputs), {})
    made.results, made.several = tuple(outputs), True
    return [made]
