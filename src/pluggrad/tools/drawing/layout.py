"""Where the boxes of a picture go: laid out by Graphviz, or in layers by this module.

Layers are assigned from the results upwards. Each layer is ordered so that few arrows cross, and
then its boxes move towards the boxes that they are connected to.
"""

from __future__ import annotations

import bisect
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["Layout", "Point", "by_dot", "by_graphviz", "dot_is_there", "in_layers"]

GAP_X, GAP_Y, MARGIN = 24.0, 44.0, 16.0
Point = tuple[float, float]


class Layout:
    """The centres of the boxes, the curves of the arrows (as Bézier points), and the total size."""

    def __init__(
        self, centres: list[Point], curves: list[list[Point]], width: float, height: float
    ) -> None:
        """`centres` is in the order of the boxes, `curves` in the order of the arrows."""
        self.centres, self.curves, self.width, self.height = centres, curves, width, height


# ---------------------------------------------------------------- Graphviz


def dot_is_there() -> bool:
    """Whether the program `dot` of Graphviz is installed."""
    import shutil

    return shutil.which("dot") is not None


def by_graphviz(source: str, path: str | os.PathLike[str]) -> str:
    """Have Graphviz write `source` to a file. Returns its complaint, or '' if it worked."""
    import subprocess

    kind = Path(path).suffix.lower()
    if not dot_is_there():
        return f"{kind} takes Graphviz, and there is no program `dot`"
    found = subprocess.run(
        ["dot", f"-T{kind[1:]}", "-Gdpi=144"],
        input=source.encode(),
        capture_output=True,
        check=False,
    )
    if found.returncode:
        return found.stderr.decode(errors="replace").strip().rstrip(".")
    Path(path).write_bytes(found.stdout)
    return ""


def by_dot(sizes: list[Point], arrows: list[tuple[int, int]]) -> Layout | None:
    """The layout by Graphviz; None if that fails."""
    import subprocess

    lines = ["digraph { rankdir=TB; nodesep=0.33; ranksep=0.55;",
             'node [shape=box, fixedsize=true, label=""]; edge [arrowhead=none];']  # fmt: skip
    for n, (width, height) in enumerate(sizes):
        lines.append(f"b{n} [width={width / 72:.4f}, height={height / 72:.4f}];")
    lines += [f"b{start} -> b{to};" for start, to in arrows]
    try:
        found = subprocess.run(
            ["dot", "-Tplain"], input="\n".join([*lines, "}"]), capture_output=True, text=True,
            timeout=30, check=True,
        )  # fmt: skip
        return _read_plain(found.stdout, len(sizes), arrows)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return None


def _read_plain(text: str, count: int, arrows: list[tuple[int, int]]) -> Layout:
    """The layout from the output of ``dot -Tplain``: in inches, from the lower left corner."""
    centres: list[Point] = [(0.0, 0.0)] * count
    curves: dict[tuple[int, int], list[Point]] = {}
    width = height = 0.0

    def point(x: str, y: str) -> Point:
        """Inches from the lower left as points from the upper left."""
        return float(x) * 72 + MARGIN, height - MARGIN - float(y) * 72

    for line in text.splitlines():
        words = line.split()
        if words[0] == "graph":
            width, height = [float(w) * 72 + 2 * MARGIN for w in words[2:4]]
        elif words[0] == "node":
            centres[int(words[1][1:])] = point(words[2], words[3])
        elif words[0] == "edge":
            n = int(words[3])
            xy = words[4 : 4 + 2 * n]
            points = [point(x, y) for x, y in zip(xy[::2], xy[1::2], strict=True)]
            curves[int(words[1][1:]), int(words[2][1:])] = points
    return Layout(centres, [curves[arrow] for arrow in arrows], width, height)


# ---------------------------------------------------------------- layers


def in_layers(sizes: list[Point], arrows: list[tuple[int, int]]) -> Layout:
    """The layout in layers; what is computed first is at the top."""
    rank = _ranks(len(sizes), arrows)
    widths = [width for width, _ in sizes]
    # An arrow across several layers passes through a place of no width in each layer between.
    # Arrows from one box share these places: so there are few, and a leaf with many users becomes
    # one line beside them.
    links: list[tuple[int, int]] = []
    places: dict[tuple[int, int], int] = {}
    ways: list[list[int]] = []
    for first, to in arrows:
        way = [first]
        for level in range(rank[first] + 1, rank[to]):
            place = places.get((first, level))
            if place is None:
                place = places[first, level] = len(widths)
                widths.append(0.0)
                rank.append(level)
                links.append((way[-1], place))
            way.append(place)
        links.append((way[-1], to))
        ways.append([*way, to])
    above: list[list[int]] = [[] for _ in widths]
    below: list[list[int]] = [[] for _ in widths]
    for upper, lower in links:
        below[upper].append(lower)
        above[lower].append(upper)
    layers = _ordered(rank, above, below)
    x = _placed(layers, widths, above, below, len(sizes))

    tops, heights = [], []
    top = MARGIN
    for layer in layers:
        heights.append(max([sizes[n][1] for n in layer if n < len(sizes)], default=0.0))
        tops.append(top)
        top += heights[-1] + GAP_Y
    centres = [(x[n], tops[rank[n]] + heights[rank[n]] / 2) for n in range(len(sizes))]
    low = min([c[0] - w / 2 for c, (w, _) in zip(centres, sizes, strict=True)], default=0.0)
    low = min([low, *x[len(sizes) :]]) - MARGIN
    high = max([c[0] + w / 2 for c, (w, _) in zip(centres, sizes, strict=True)], default=0.0)
    high = max([high, *x[len(sizes) :]]) + MARGIN
    starts, ends = _ports(ways, x, sizes, below, above)
    curves = []
    for way in ways:
        start, end = way[0], way[-1]
        points = [(starts[start, way[1]], centres[start][1] + sizes[start][1] / 2)]
        for n in way[1:-1]:
            _bend(points, (x[n], tops[rank[n]]))
            _bend(points, (x[n], tops[rank[n]] + heights[rank[n]]))
        _bend(points, (ends[end, way[-2]], centres[end][1] - sizes[end][1] / 2))
        curves.append([(px - low, py) for px, py in points])
    centres = [(cx - low, cy) for cx, cy in centres]
    return Layout(centres, curves, high - low, top - GAP_Y + MARGIN)


def _bend(points: list[Point], to: Point) -> None:
    """Continue a curve to a point, leaving and arriving vertically."""
    x, y = points[-1]
    middle = (y + to[1]) / 2
    points += [(x, middle), (to[0], middle), to]


def _ranks(count: int, arrows: list[tuple[int, int]]) -> list[int]:
    """The layer of each box: as far down as the boxes that use it allow."""
    sources: list[list[int]] = [[] for _ in range(count)]
    uses = [0] * count
    for start, to in arrows:
        sources[to].append(start)
        uses[start] += 1
    depth = [0] * count
    ready = [n for n in range(count) if not uses[n]]
    while ready:
        n = ready.pop()
        for source in sources[n]:
            depth[source] = max(depth[source], depth[n] + 1)
            uses[source] -= 1
            if not uses[source]:
                ready.append(source)
    deepest = max(depth, default=0)
    return [deepest - d for d in depth]


def _ordered(rank: list[int], above: list[list[int]], below: list[list[int]]) -> list[list[int]]:
    """The layers, each ordered so that few arrows cross."""
    layers: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    seen = set()
    stack = [n for n in range(len(rank)) if not below[n]][::-1]
    while stack:  # depth first, so that connected boxes start next to each other
        n = stack.pop()
        if n not in seen:
            seen.add(n)
            layers[rank[n]].append(n)
            stack.extend(above[n][::-1])
    best, crossings = [list(layer) for layer in layers], _crossings(layers, below)
    for sweep in range(12):
        if not crossings:
            break
        down = sweep % 2 == 0
        for layer in layers[1:] if down else layers[-2::-1]:
            _sort_layer(layer, layers, above if down else below, rank)
        now = _crossings(layers, below)
        if now < crossings:
            best, crossings = [list(layer) for layer in layers], now
    return best


def _sort_layer(
    layer: list[int], layers: list[list[int]], beside: list[list[int]], rank: list[int]
) -> None:
    """Sort a layer by the average position of each box's neighbours in the next layer."""
    other: dict[int, int] = {}
    for n in layer:
        if beside[n]:
            other = {m: i for i, m in enumerate(layers[rank[beside[n][0]]])}
            break
    own = {n: float(i) for i, n in enumerate(layer)}
    middle = {
        n: sum([other[m] for m in beside[n]]) / len(beside[n]) if beside[n] else own[n]
        for n in layer
    }
    layer.sort(key=lambda n: middle[n])


def _crossings(layers: list[list[int]], below: list[list[int]]) -> int:
    """How many pairs of arrows cross."""
    total = 0
    for layer, following in itertools.pairwise(layers):
        place = {n: i for i, n in enumerate(following)}
        passed: list[int] = []
        for n in layer:
            ends = sorted([place[m] for m in below[n]])
            total += sum([len(passed) - bisect.bisect_right(passed, end) for end in ends])
            for end in ends:
                bisect.insort(passed, end)
    return total


def _placed(
    layers: list[list[int]], widths: list[float], above: list[list[int]],
    below: list[list[int]], count: int,
) -> list[float]:  # fmt: skip
    """The x of each box: near its neighbours, as far as the other boxes leave room."""
    x = [0.0] * len(widths)
    apart: list[list[float]] = []
    for layer in layers:
        at = [0.0]
        for n, m in itertools.pairwise(layer):
            at.append(at[-1] + (widths[n] + widths[m]) / 2 + GAP_X)
        apart.append(at)
        for n, offset in zip(layer, at, strict=True):
            x[n] = offset - at[-1] / 2
    rounds: list[Sequence[Callable[[int], list[int]]]] = [
        (above.__getitem__,), (below.__getitem__,), (above.__getitem__, below.__getitem__),
    ]  # fmt: skip
    for sweep in range(15):
        sides = rounds[sweep % 3]
        steps = list(zip(layers, apart, strict=True))
        for layer, at in steps[::-1] if sweep % 3 == 1 else steps:
            wanted, weights = [], []
            for n, offset in zip(layer, at, strict=True):
                # Places that arrows pass through pull harder: this keeps long arrows straight.
                pulls = [(x[m], 4.0 if m >= count and n >= count else 1.0)
                         for side in sides for m in side(n)]  # fmt: skip
                weight = sum([w for _, w in pulls])
                place = sum([p * w for p, w in pulls]) / weight if weight else x[n]
                wanted.append(place - offset)
                weights.append(weight or 0.1)
            for n, offset, place in zip(layer, at, _rising(wanted, weights), strict=True):
                x[n] = place + offset
    return x


def _rising(wanted: list[float], weights: list[float]) -> list[float]:
    """The nondecreasing numbers nearest to `wanted`; conflicting values take their mean."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(wanted, weights, strict=True):
        size = 1
        while blocks and blocks[-1][0] > value:
            other, more, many = blocks.pop()
            value = (value * weight + other * more) / (weight + more)
            weight, size = weight + more, size + many
        blocks.append((value, weight, size))
    return [value for value, _, size in blocks for _ in range(size)]


def _ports(
    ways: list[list[int]], x: list[float], sizes: list[Point],
    below: list[list[int]], above: list[list[int]],
) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], float]]:  # fmt: skip
    """Where arrows leave and enter each box: spread along its edge, in the order of their ends."""
    starts: dict[tuple[int, int], float] = {}
    ends: dict[tuple[int, int], float] = {}
    for n, (width, _) in enumerate(sizes):
        for found, others in ((starts, below[n]), (ends, above[n])):
            others = sorted(set(others), key=lambda m: x[m])
            step = min(18.0, (width - 16) / len(others)) if others else 0.0
            for i, m in enumerate(others):
                found[n, m] = x[n] + (i - (len(others) - 1) / 2) * step
    return starts, ends
