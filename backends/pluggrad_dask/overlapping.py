"""Blocks that reach into their neighbours, and what they are cut back to: both are linear, and the
transposes are here. One axis after another."""

from __future__ import annotations

from typing import Any

import numpy as np

from pluggrad.plugin import is_variable

from .programs import linear


def overlap(x: Any, depths: dict[int, int], edges: dict[int, Any]) -> Any:
    """`x` in blocks that reach `depths` into their neighbours, as Dask's own function does it."""
    import dask.array as da

    if not is_variable(x):
        return da.overlap.overlap(x, depths, edges)
    minimum = {n: d for n, d in depths.items() if d}
    chunks = x.data.chunks
    wide = tuple([
        da.overlap.ensure_minimum_chunksize(minimum[n], c) if n in minimum else c
        for n, c in enumerate(chunks)
    ])  # fmt: skip
    kinds = {n: e if e in ("none", "periodic", "reflect", "nearest") else 0
              for n, e in edges.items()}  # fmt: skip

    def back(g: Any) -> Any:
        for axis in reversed(range(len(chunks))):
            if depths[axis]:
                g = _gathered(g, axis, depths[axis], kinds[axis], wide[axis])
        return g.rechunk(chunks)

    return linear(
        "overlap", x,
        lambda t: da.overlap.overlap(t.rechunk(wide), depths, kinds), back,
        lambda x: da.overlap.overlap(x.rechunk(wide), depths, edges),
    )  # fmt: skip


def trim(y: Any, depths: dict[int, int], edges: dict[int, Any]) -> Any:
    """`y` without what its blocks share, as Dask's own `trim_internal`."""
    import dask.array as da

    inside = {n: "none" if e in (None, "none") else "reflect" for n, e in edges.items()}
    chunks = y.data.chunks if is_variable(y) else y.chunks

    def back(g: Any) -> Any:
        from dask.layers import ArrayBlockIdDep

        axes = tuple(range(g.ndim))
        last = tuple([n - 1 for n in g.numblocks])
        made = da.blockwise(
            _padded, axes, ArrayBlockIdDep(chunks), axes, g, axes, depths=depths, edges=inside,
            last=last, meta=g._meta, align_arrays=False,
        )  # fmt: skip
        made._chunks = chunks
        return made

    return linear("trim", y, lambda y: da.overlap.trim_internal(y, depths, inside), back)


def _padded(place: Any, block: Any, *, depths: Any, edges: Any, last: Any) -> Any:
    """A block with zeros where it was trimmed."""
    widths = []
    for n in range(block.ndim):
        ends = edges[n] == "none"
        before = 0 if ends and place[n] == 0 else depths[n]
        after = 0 if ends and place[n] == last[n] else depths[n]
        widths.append((before, after))
    return np.pad(block, widths)


def _gathered(g: Any, axis: int, depth: int, edge: Any, lengths: Any) -> Any:
    """The transpose along one axis: each block keeps its own part, and gets back what its
    neighbours have of it."""
    import dask.array as da
    from dask.layers import ArrayBlockIdDep

    count = len(lengths)
    own = (*g.chunks[:axis], tuple(lengths), *g.chunks[axis + 1 :])
    halo = (*g.chunks[:axis], (depth,) * count, *g.chunks[axis + 1 :])
    axes = tuple(range(g.ndim))

    def part(which: str, chunks: Any) -> Any:
        y = da.blockwise(
            _part, axes, ArrayBlockIdDep(chunks), axes, g, axes, which=which, axis=axis,
            depth=depth, none=edge == "none", last=count - 1, meta=g._meta, align_arrays=False,
        )  # fmt: skip
        y._chunks = chunks
        return y

    core, before, after = part("core", own), part("before", halo), part("after", halo)
    place = (slice(None),) * axis
    first, final = (*place, slice(0, depth)), (*place, slice(-depth, None))
    none, around = da.zeros_like(before[first]), edge == "periodic"
    # What block i+1 has before itself belongs to the end of block i, and the other way round.
    ends = [before[(*place, slice(depth, None))], before[first] if around else none]
    starts = [after[final] if around else none, after[(*place, slice(0, -depth))]]
    ends, starts = _shifted(ends, axis, halo), _shifted(starts, axis, halo)
    y = da.blockwise(
        _joined, axes, core, axes, starts, axes, ends, axes, axis=axis, depth=depth,
        meta=g._meta, align_arrays=False,
    )  # fmt: skip
    y._chunks = own
    if edge in ("reflect", "nearest"):
        low, high = before[first], after[final]
        if edge == "reflect":
            low, high = da.flip(low, axis), da.flip(high, axis)
        else:
            low, high = low.sum(axis=axis, keepdims=True), high.sum(axis=axis, keepdims=True)
        y = y + _at_end(low, axis, sum(lengths), False) + _at_end(high, axis, sum(lengths), True)
        y = y.rechunk(own)
    return y


def _at_end(part: Any, axis: int, length: int, end: bool) -> Any:
    """Zeros of that length along `axis`, with `part` at the start or at the end."""
    import dask.array as da

    left = length - part.shape[axis]
    return da.pad(part, [((left, 0) if end else (0, left)) if n == axis else (0, 0)
                         for n in range(part.ndim)])  # fmt: skip


def _shifted(parts: list[Any], axis: int, chunks: Any) -> Any:
    """`parts` one after the other along `axis`, in these chunks."""
    import dask.array as da

    kept = [p for p in parts if p.shape[axis]]
    return da.concatenate(kept, axis=axis).rechunk(chunks)


def _part(
    place: Any, block: Any, *, which: str, axis: int, depth: int, none: bool, last: int
) -> Any:
    """What a block has before itself, of its own, or after itself; zeros where it ends."""
    n = place[axis]
    before = 0 if none and n == 0 else depth
    after = 0 if none and n == last else depth
    rows = np.moveaxis(block, axis, 0)
    if which == "core":
        found = rows[before : len(rows) - after]
    else:
        found = rows[:before] if which == "before" else rows[len(rows) - after :]
        if not len(found):
            found = np.zeros((depth, *rows.shape[1:]), dtype=block.dtype)
    return np.moveaxis(found, 0, axis)


def _joined(core: Any, start: Any, end: Any, *, axis: int, depth: int) -> Any:
    """A block with what its neighbours had of it."""
    out = core.copy()
    rows = np.moveaxis(out, axis, 0)
    rows[:depth] += np.moveaxis(start, axis, 0)
    rows[len(rows) - depth :] += np.moveaxis(end, axis, 0)
    return out
