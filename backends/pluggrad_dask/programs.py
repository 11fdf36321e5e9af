"""Functions of blocks as operations that can be differentiated, each block by itself.

A `BlockProgram` calls one function for every point of a grid of blocks. Its derivatives are
programs of the same kind: inside each task, pluggrad differentiates the function of that block, on
a tape of its own. Where an array is the same for all blocks along an axis of the grid, its
gradients are added up. A `LinearProgram` is a linear function, such as a change of chunks.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import pluggrad
from pluggrad.plugin import ForeignProgram, UnsupportedError, foreign_call, one_by_one, rule_of

#: How many partial sums one task adds up.
SPLIT = 8


class Blocks(NamedTuple):
    """How an array lies in the grid: for each of its axes the axis of the grid, or None for an axis
    in one chunk, which all blocks share; its chunks; and its dtype."""

    axes: tuple[int | None, ...]
    chunks: tuple[tuple[Any, ...], ...]
    dtype: Any


class _Program(ForeignProgram):
    """What programs over Dask have in common: the pullback is always a program of its own."""

    def linearized(self, arrays: list[Any], needs: Sequence[int]) -> tuple[Any, Any, Any]:
        """The results; a later program computes the gradients, and nothing is kept for it."""
        results = self(arrays)
        pull = self.pullback(len(arrays), needs, range(len(results)))
        return results, [True] * len(results), lambda gs: pull([*arrays, *gs])

    def mapped(self, axes: Sequence[int | None], size: int, randomness: str) -> ForeignProgram:
        """One element of the batch after the other: its blocks are not those of the batch."""
        return OneByOne(self, axes, size)


class OneByOne(_Program):
    """A program for a batch of `size`, called for each element. It serves `pg.hessian` and the
    like; it has no derivative of its own."""

    def __init__(self, program: ForeignProgram, axes: Sequence[int | None], size: int) -> None:
        self.run = one_by_one(program, axes, size, _stacked)

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The results, with the batch as their first axis."""
        return self.run(arrays)

    def mapped(self, axes: Sequence[int | None], size: int, randomness: str) -> ForeignProgram:
        """A batch of batches."""
        return OneByOne(self, axes, size)

    def pullback(self, count: int, needs: Sequence[int], given: Sequence[int]) -> ForeignProgram:
        """Refused."""
        raise UnsupportedError(
            "functions of blocks, of `pluggrad.interop.dask`, are not differentiated inside vmap; "
            "write the batch as an axis of the blocks"
        )

    def pushforward(self, count: int, needs: Sequence[int], smooth: list[int]) -> ForeignProgram:
        """Refused."""
        return self.pullback(count, needs, ())


def _stacked(rows: list[Any]) -> Any:
    """The results of all elements, one array."""
    import dask.array as da

    return da.stack(rows)


class BlockProgram(_Program):
    """`function(*blocks)` for every block of a grid; it returns a tuple with one block for each
    output. Outputs that lack an axis of the grid are sums over it.

    `grid` gives the number of blocks by the axis of the grid.
    """

    def __init__(
        self, name: str, function: Callable[..., tuple[Any, ...]], grid: dict[int, int],
        inputs: Sequence[Blocks], outputs: Sequence[Blocks],
    ) -> None:  # fmt: skip
        self.name, self.function, self.grid = name, function, grid
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The outputs, lazily."""
        import dask.array as da
        from dask.layers import ArrayChunkShapeDep

        arrays = [self._in_chunks(x, b) for x, b in zip(arrays, self.inputs, strict=True)]
        one = len(self.outputs) == 1 and not self._missing(self.outputs[0])
        labels = tuple(self.grid)
        # Axes in one chunk need a label too. They share those of the axes in one chunk of the only
        # output, so that as few as possible are contracted.
        count = self.outputs[0].axes.count(None) if one else 0
        spare = [-1 - n for n in range(count)]
        most = max([b.axes.count(None) for b in self.inputs], default=0)
        spare += [-1 - n for n in range(count, most)]
        pairs: list[Any] = []
        for x, blocks in zip(arrays, self.inputs, strict=True):
            free = iter(spare)
            pairs += [x, tuple([next(free) if n is None else n for n in blocks.axes])]
        out = labels
        if one:
            free = iter(spare)
            out = tuple([next(free) if n is None else n for n in self.outputs[0].axes])
        missing = [] if one else [self._missing(b) for b in self.outputs]
        # (An output that is one number or array for the whole grid has no axis for it.)
        lead = None if one else tuple([0 if len(m) == len(labels) else len(m) for m in missing])
        taken = {n for pair in pairs[1::2] for n in pair}
        if any(n not in taken for n in out):  # `new_axes` would be merged wrongly; see `blocks`
            pairs = [ArrayChunkShapeDep(self.outputs[0].chunks), out, *pairs]
        dtype = self.outputs[0].dtype if one else object
        made = da.blockwise(
            _Block(self.function, lead, len(pairs) // 2 > len(arrays)), out, *pairs,
            meta=np.empty((0,) * len(out), dtype=dtype), align_arrays=False,
            name=f"{self.name}-{_token(self, arrays)}",
        )  # fmt: skip
        if one:
            made._chunks = self.outputs[0].chunks
            return [made]
        return self._several(made, missing)

    def _in_chunks(self, x: Any, blocks: Blocks) -> Any:
        known = not any(math.isnan(n) for c in blocks.chunks for n in c)
        return x.rechunk(blocks.chunks) if known and x.chunks != blocks.chunks else x

    def _missing(self, blocks: Blocks) -> tuple[int, ...]:
        """The axes of the grid that an output is summed over."""
        return tuple([n for n in self.grid if n not in blocks.axes])

    def _several(self, made: Any, missing: list[tuple[int, ...]]) -> list[Any]:
        """The outputs, of `made`, which holds a tuple of them for each block."""
        import dask.array as da
        from dask.highlevelgraph import HighLevelGraph

        total = ""
        found = []
        for j, (blocks, axes) in enumerate(zip(self.outputs, missing, strict=True)):
            if len(axes) == len(self.grid) and axes:
                if not total:
                    every = [k for k, m in enumerate(missing) if len(m) == len(self.grid)]
                    total, tree = _tree(made, every)
                name = f"{total}-{j}"
                task = (_item, total, j)
                layer: Any = {(name, *(0,) * len(blocks.axes)): task}
                graph = HighLevelGraph.from_collections(name, layer, dependencies=[tree])
                found.append(da.Array(graph, name, blocks.chunks, dtype=blocks.dtype))
                continue
            name = f"{made.name}-{j}"
            layer = {}
            places = [*axes, *blocks.axes]
            order = {n: k for k, n in enumerate(self.grid)}
            for key in np.ndindex(*self.grid.values()):
                at = [0 if n is None else key[order[n]] for n in places]
                layer[name, *at] = (operator.getitem, (made.name, *key), j)
            graph = HighLevelGraph.from_collections(name, layer, dependencies=[made])
            ones = tuple([(1,) * self.grid[n] for n in axes])
            y = da.Array(graph, name, (*ones, *blocks.chunks), dtype=blocks.dtype)
            found.append(y.sum(axis=tuple(range(len(axes))), dtype=y.dtype) if axes else y)
        return found

    def pullback(self, count: int, needs: Sequence[int], given: Sequence[int]) -> BlockProgram:
        """From the inputs and the cotangents of the outputs `given` to the gradients of those in
        `needs`."""
        return BlockProgram(
            f"{self.name}-vjp", Pulled(self.function, count, tuple(needs), tuple(given)), self.grid,
            [*self.inputs, *[self.outputs[k] for k in given]], [self.inputs[k] for k in needs],
        )  # fmt: skip

    def pushforward(self, count: int, needs: Sequence[int], smooth: list[int]) -> BlockProgram:
        """From the inputs and the tangents of those in `needs` to the outputs and their
        tangents."""
        smooth += [k for k, b in enumerate(self.outputs) if np.dtype(b.dtype).kind in "fc"]
        return BlockProgram(
            f"{self.name}-jvp", Pushed(self.function, count, tuple(needs), tuple(smooth)),
            self.grid, [*self.inputs, *[self.inputs[k] for k in needs]],
            [*self.outputs, *[self.outputs[k] for k in smooth]],
        )  # fmt: skip


class SumProgram(BlockProgram):
    """A `BlockProgram` with one output, a number, that is the sum over all blocks. Value and
    gradient come from one pass: each task has a tape of its own, which ends with the task."""

    def linearized(self, arrays: list[Any], needs: Sequence[int]) -> tuple[Any, Any, Any]:
        """The sum, and a pullback that multiplies the gradients, computed together with it."""
        both = BlockProgram(
            f"{self.name}-grad", WithGradient(self.function, tuple(needs)), self.grid,
            self.inputs, [*self.outputs, *[self.inputs[k] for k in needs]],
        )  # fmt: skip
        value, *gradients = both(arrays)
        return [value], [True], lambda gs: [gs[0] * g for g in gradients]


class Map(NamedTuple):
    """A linear function of one array, and its transpose. `value`, where it is given, computes the
    value instead: the function may add a constant."""

    forward: Callable[[Any], Any]
    back: Callable[[Any], Any]
    value: Callable[[Any], Any] | None = None


class LinearProgram(_Program):
    """Sums of linear functions. Each of `rows` is an output: the Map of each input that it depends
    on, and the number of an input of the same shape, for zeros."""

    def __init__(self, rows: Sequence[tuple[int, dict[int, Map]]]) -> None:
        self.rows = rows

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The outputs."""
        import dask.array as da

        found = []
        for like, terms in self.rows:
            parts = [(m.value or m.forward)(arrays[k]) for k, m in terms.items()]
            found.append(sum(parts[1:], parts[0]) if parts else da.zeros_like(arrays[like]))
        return found

    def pullback(self, count: int, needs: Sequence[int], given: Sequence[int]) -> LinearProgram:
        """The transposes, of the cotangents that follow `count` arrays."""
        rows = []
        for k in needs:
            terms = {}
            for n, j in enumerate(given):
                if k in self.rows[j][1]:
                    m = self.rows[j][1][k]
                    terms[count + n] = Map(m.back, m.forward)
            rows.append((k, terms))
        return LinearProgram(rows)

    def pushforward(self, count: int, needs: Sequence[int], smooth: list[int]) -> LinearProgram:
        """The outputs, and the same functions of the tangents that follow `count` arrays."""
        rows = []
        for j, (like, terms) in enumerate(self.rows):
            moved = {count + n: Map(terms[k].forward, terms[k].back)
                     for n, k in enumerate(needs) if k in terms}  # fmt: skip
            if moved:
                smooth.append(j)
                rows.append((like, moved))
        return LinearProgram([*self.rows, *rows])


def linear(name: str, v: Any, forward: Any, back: Any, value: Any = None) -> Any:
    """A linear function of one Variable, recorded as one operation."""
    program = LinearProgram([(0, {0: Map(forward, back, value)})])
    return foreign_call(program, rule_of(name), [v])[0]


# ---------------------------------------------------------------- what runs inside a task


class _Block:
    """The function of one task. `lead` is None for a single output; else the number of axes of
    length 1 that each output of the tuple gets in front. With `shape`, the first argument only
    says how long the block is."""

    def __init__(self, function: Any, lead: tuple[int, ...] | None, shape: bool) -> None:
        self.function, self.lead, self.shape = function, lead, shape

    def __call__(self, *blocks: Any) -> Any:
        """The output, or all of them as a tuple."""
        given = []
        for x in blocks[self.shape :]:
            while isinstance(x, list):  # along an axis in one chunk
                (x,) = x
            given.append(x)
        results = self.function(*given)
        if self.lead is None:
            return results[0]
        pairs = zip(results, self.lead, strict=True)
        return tuple([np.asarray(y)[(None,) * n] if n else y for y, n in pairs])


class Single:
    """A function of the user's with one result, and with keyword arguments, as one that returns a
    tuple; with `several`, it returns one itself."""

    def __init__(self, function: Any, kwargs: dict[str, Any], several: bool = False) -> None:
        self.function, self.kwargs, self.several = function, kwargs, several

    def __call__(self, *blocks: Any) -> tuple[Any, ...]:
        """The tuple."""
        y = self.function(*blocks, **self.kwargs)
        return tuple(y) if self.several else (y,)


class Pulled:
    """The gradients of `function` by the arguments in `needs`, given all `count` arguments and the
    cotangents of the results `given`."""

    def __init__(
        self, function: Any, count: int, needs: tuple[int, ...], given: tuple[int, ...]
    ) -> None:
        self.function, self.count, self.needs, self.given = function, count, needs, given

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """The gradients."""
        inputs, gs = list(arrays[: self.count]), arrays[self.count :]

        def chosen(*some: Any) -> Any:
            call = _replaced(inputs, self.needs, some)
            results = self.function(*call)
            return tuple([results[k] for k in self.given])

        y, pull = pluggrad.vjp(chosen, *[inputs[k] for k in self.needs])
        gs = tuple([_like(g, value) for g, value in zip(gs, y, strict=True)])
        return tuple(pull(gs))


class Pushed:
    """The results of `function`, and the tangents of those in `smooth`, given all `count` arguments
    and tangents for those in `needs`."""

    def __init__(
        self, function: Any, count: int, needs: tuple[int, ...], smooth: tuple[int, ...]
    ) -> None:
        self.function, self.count, self.needs, self.smooth = function, count, needs, smooth

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Results and tangents."""
        inputs = list(arrays[: self.count])

        def chosen(*some: Any) -> Any:
            return tuple(self.function(*_replaced(inputs, self.needs, some)))

        primals = tuple([inputs[k] for k in self.needs])
        y, t = pluggrad.jvp(chosen, primals, tuple(arrays[self.count :]))
        return (*y, *[t[k] for k in self.smooth])


class WithGradient:
    """The one result of `function`, a number, and its gradients by the arguments in `needs`."""

    def __init__(self, function: Any, needs: tuple[int, ...]) -> None:
        self.function, self.needs = function, needs

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """The number and the gradients."""
        inputs = list(arrays)

        def chosen(*some: Any) -> Any:
            return self.function(*_replaced(inputs, self.needs, some))[0]

        argnums = tuple(range(len(self.needs)))
        value, gradients = pluggrad.value_and_grad(chosen, argnums)(
            *[inputs[k] for k in self.needs]
        )
        return (value, *gradients)


def _replaced(inputs: list[Any], needs: tuple[int, ...], some: Any) -> list[Any]:
    """`inputs`, with `some` in the places `needs`."""
    call = list(inputs)
    for k, x in zip(needs, some, strict=True):
        call[k] = x
    return call


def _like(g: Any, value: Any) -> Any:
    """The cotangent of a block, in its dtype and shape."""
    if g.shape != value.shape:
        g = pluggrad.broadcast_to(g, value.shape)
    return g


def _item(parts: Any, j: int) -> Any:
    """Output `j` of a sum over all blocks."""
    return parts[j]


def _tree(made: Any, every: list[int]) -> tuple[str, Any]:
    """The sum of the tuples in all blocks of `made`, of the outputs in `every`, by a tree: its key,
    and an array whose graph it is in."""
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    keys: list[Any] = [(made.name, *key) for key in np.ndindex(*made.numblocks)]
    layer: dict[Any, Any] = {}
    total, depth = f"{made.name}-total", 0
    while keys != [total]:
        parts = [keys[n : n + SPLIT] for n in range(0, len(keys), SPLIT)]
        names: list[Any] = [(f"{total}-of-{depth}", n) for n in range(len(parts))]
        if len(parts) == 1:
            names = [total]
        for name, part in zip(names, parts, strict=True):
            layer[name] = (_added, part, every)
        keys, depth = names, depth + 1
    graph = HighLevelGraph.from_collections(total, layer, dependencies=[made])
    return total, da.Array(graph, total, (), dtype=object)


def _added(parts: list[Any], every: list[int]) -> Any:
    """The sums of the outputs in `every`."""
    return {j: sum([part[j] for part in parts[1:]], parts[0][j]) for j in every}


def _token(program: BlockProgram, arrays: list[Any]) -> str:
    """What tells the tasks of this call from those of others."""
    from dask.base import tokenize

    parts = program.function, program.grid, program.inputs, program.outputs
    return str(tokenize(parts, [x.name for x in arrays]))
