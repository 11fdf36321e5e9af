"""Folding: a graph of any size as a picture with a limited number of boxes.

Any stretch of a topological order can be drawn as one box without making a cycle. So each fold is a
stretch: a repetition, a chain of operations with one input each, or the rest.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from .facts import Graph, Vertex, size_text

__all__ = ["Panel", "Picture"]

LONGEST = 1000  # the most operations in one turn of a repetition
LEAST = 8  # the fewest operations in all its turns together
ROW = 8  # the most leaves drawn beside a folded box; more are folded, too


class Panel:
    """One vertex, or several folded into one, with the text to show."""

    __slots__ = ("arrays", "count", "kind", "lines", "tip", "title")

    def __init__(self, kind: str, title: str, lines: list[str], tip: str) -> None:
        """`title` and `lines` are shown in the box, `tip` when the pointer rests on it."""
        self.kind, self.title, self.lines, self.tip = kind, title, lines, tip
        self.count = 1  # how many vertices it stands for
        self.arrays: dict[int, int] = {}


class Picture:
    """Boxes, and arrows between them in the direction of the computation."""

    def __init__(self, graph: Graph, max_nodes: int) -> None:
        """Fold `graph` if it has more than `max_nodes` vertices."""
        vertices = graph.vertices
        inner = [n for n, v in enumerate(vertices) if v.kind in ("operation", "part")]
        ends = [n for n, v in enumerate(vertices) if v.kind in ("output", "leaf")]
        stretches = [(n,) for n in inner]
        if len(vertices) > max_nodes:
            stretches = _folded(graph, inner, max_nodes)
        group = {}  # for each vertex, the first vertex of its stretch
        for stretch in stretches:
            for n in stretch:
                group[n] = stretch[0]
        groups = {stretch[0]: list(stretch) for stretch in stretches}
        self._fold_ends(graph, ends, group, groups, max_nodes)
        number = {first: place for place, first in enumerate(groups)}
        self.boxes = [_box([vertices[n] for n in members]) for members in groups.values()]
        arrows: dict[tuple[int, int], int] = {}
        for n, vertex in enumerate(vertices):
            to = number[group[n]]
            for source in vertex.inputs:
                start = number[group[source]]
                if start != to:
                    arrows[start, to] = arrows.get((start, to), 0) + 1
        self.arrows = arrows

    def _fold_ends(
        self, graph: Graph, ends: list[int], group: dict[int, int],
        groups: dict[int, list[int]], max_nodes: int,
    ) -> None:  # fmt: skip
        """Give outputs and leaves boxes of their own, or fold them if there are too many."""
        vertices = graph.vertices
        room = max(max_nodes - len(groups), max_nodes // 4, 4)
        users: dict[int, set[int]] = {}
        for n, vertex in enumerate(vertices):
            for source in vertex.inputs:
                if vertices[source].kind == "leaf":
                    users.setdefault(source, set()).add(group.get(n, -1))
        # Many leaves that only one folded box uses share a box beside it. The others keep boxes of
        # their own while there is room, those with a name first.
        alone = {n: min(used) for n, used in users.items() if len(used) == 1}
        many = Counter(alone.values())
        crowded = len(ends) > room
        ends = sorted(ends, key=lambda n: (vertices[n].kind == "leaf", not vertices[n].name, n))
        beside: dict[Any, int] = {}
        shown = 0
        for n in ends:
            kind, user = vertices[n].kind, alone.get(n, -1)
            key: Any = None
            if len(groups.get(user, ())) > 1 and (crowded or many[user] > ROW):
                key = user if len(beside) < room // 2 else kind
            elif not crowded or shown < room // 2:
                shown += 1
            else:
                key = kind
            first = n if key is None else beside.setdefault(key, n)
            group[n] = first
            groups.setdefault(first, []).append(n)


# ---------------------------------------------------------------- stretches


def _folded(graph: Graph, inner: list[int], max_nodes: int) -> list[Any]:
    """The operations, in order, grouped into stretches."""
    found: list[Any] = []
    uses = Counter([source for v in graph.vertices for source in v.inputs])
    place = {n: position for position, n in enumerate(inner)}
    marks = _marks(graph, inner, place)
    after = _next_alike(marks)
    run: list[int] = []
    at = 0
    while at < len(inner):
        turns, period = _repeats(marks, after, at)
        if turns * period >= LEAST:
            if run:
                found += _runs(graph, run, uses)
                run = []
            end = at + turns * period
            # The first turn of the computation has other inputs than later ones: add it by label.
            labels = [[graph.vertices[n].label for n in inner[i : i + period]]
                      for i in (at, end)]  # fmt: skip
            end += period if labels[0] == labels[1] else 0
            found.append(tuple(inner[at:end]))
            at = end
        else:
            run.append(inner[at])
            at += 1
    if run:
        found += _runs(graph, run, uses)
    room = max(max_nodes * 3 // 4, 2)
    if len(found) > room:
        found[room - 1 :] = [tuple([n for stretch in found[room - 1 :] for n in stretch])]
    return found


def _marks(graph: Graph, inner: list[int], place: dict[int, int]) -> list[int]:
    """A number per operation, equal for operations that do the same to the same relative inputs."""
    numbers: dict[Any, int] = {}
    marks = []
    for position, n in enumerate(inner):
        v = graph.vertices[n]
        inputs = tuple([place[i] - position if i in place else 0 for i in v.inputs])
        mark = (v.label, v.shape, v.dtype, inputs, v.freed)
        marks.append(numbers.setdefault(mark, len(numbers)))
    return marks


def _next_alike(marks: list[int]) -> list[int]:
    """For each position, the next one with the same mark; the length if there is none."""
    after = [0] * len(marks)
    last: dict[int, int] = {}
    for position in range(len(marks) - 1, -1, -1):
        after[position] = last.get(marks[position], len(marks))
        last[marks[position]] = position
    return after


def _repeats(marks: list[int], after: list[int], at: int) -> tuple[int, int]:
    """How often a stretch starting at `at` repeats, and its length: the choice that covers most."""
    best, size = (1, 1), len(marks)
    candidate = at
    for _ in range(8):
        candidate = after[candidate]
        period = candidate - at
        if candidate >= size or period > LONGEST:
            break
        end = candidate
        while end < size and marks[end] == marks[end - period]:
            end += 1
        turns = (end - at) // period
        if turns >= 3 and turns * period > best[0] * best[1]:
            best = (turns, period)
            if end == size:
                break
    return best


def _runs(graph: Graph, some: list[int], uses: Counter[int]) -> list[Any]:
    """`some` operations in order, chains joined: each is used only by the one before it."""
    found: list[list[int]] = []
    for n in some:
        if found:
            before = graph.vertices[found[-1][-1]].inputs
            others = [i for i in before if graph.vertices[i].kind != "leaf"]
            if others == [n] and uses[n] == 1:
                found[-1].append(n)
                continue
        found.append([n])
    return [tuple(run) for run in found]


# ---------------------------------------------------------------- text


def _box(members: list[Vertex]) -> Panel:
    """A box for these vertices."""
    if len(members) == 1:
        return _single(members[0])
    arrays: dict[int, int] = {}
    for v in members:
        arrays.update(v.arrays)
    kind = members[0].kind
    if kind in ("output", "leaf"):
        names = Counter([v.name or v.label for v in members[::-1]])
        what = "leaves" if kind == "leaf" else "outputs"
        title = f"{len(members):,} {what}"
        box = Panel(f"{kind} folded", title, [_list(names)], _list(names, 1000))
    else:
        members = members[::-1]  # in the order of the computation
        counts = Counter([v.label for v in members if v.kind == "operation"])
        total = sum(counts.values())
        period = _period([v.label for v in members])
        title = f"{total:,} operations"
        lines = [_list(counts)]
        if period < len(members):
            turn = [v.label for v in members[:period] if v.kind == "operation"]
            title = f"{_sequence(turn)} × {len(members) // period:,}"
            lines = [f"{total:,} operations"] if period > 1 else []
            if len(turn) > 4:  # not all are in the title
                lines.append(f"in each: {_list(Counter(turn))}")
        elif total == len(members) <= 4:
            title, lines = _sequence([v.label for v in members]), []
        shape = _what(members[-1])
        if shape:
            lines.append(shape)
        if arrays:
            lines.append(f"saves {size_text(sum(arrays.values()))}")
        if any([v.freed for v in members]):
            lines.append("freed")
        box = Panel("operation folded", title, lines, f"{total:,} operations: {_list(counts, 30)}")
    box.count, box.arrays = len(members), arrays
    return box


def _single(v: Vertex) -> Panel:
    """A box for one vertex."""
    lines, tips = [], [] if v.node is None else [v.node.name()]
    shape = _what(v)
    if shape:
        lines.append(shape)
    if v.saved:
        lines.append(f"saves {', '.join(v.saved)} · {size_text(sum(v.arrays.values()))}")
    if v.freed:
        lines.append("freed")
    if v.kind == "leaf" and v.has_grad:
        lines.append("has .grad")
    if v.kind == "output" and not v.inputs:
        lines.append("requires no grad")
    box = Panel(f"{v.kind} freed" if v.freed else v.kind, v.label, lines,
              ", ".join([v.label, *tips, *lines]))  # fmt: skip
    box.arrays = v.arrays
    return box


def _what(v: Vertex) -> str:
    """Shape and dtype, such as ``5x3 float64``."""
    if v.shape is None:
        return ""
    shape = "x".join(["?" if n is None or n != n else str(int(n)) for n in v.shape]) or "scalar"
    return f"{shape} {str(v.dtype).rpartition('.')[2]}"


def _period(labels: list[str]) -> int:
    """The length of the shortest turn that `labels` repeats; its own length if none."""
    size = len(labels)
    border = [0] * size  # the failure function of Knuth, Morris and Pratt
    k = 0
    for i in range(1, size):
        while k and labels[i] != labels[k]:
            k = border[k - 1]
        if labels[i] == labels[k]:
            k += 1
        border[i] = k
    period = size - border[-1]
    return period if size % period == 0 else size


def _sequence(labels: list[str]) -> str:
    """Labels in order, shortened after the third if there are more than four."""
    shown = labels if len(labels) <= 4 else [*labels[:3], "…"]
    return ", ".join(shown)


def _list(counts: Counter[str], most: int = 4) -> str:
    """Counts in words: ``3 multiply, 2 tanh, …``."""
    parts = [f"{n:,} {label}" if n > 1 else label for label, n in counts.most_common(most)]
    return ", ".join(parts) + (", …" if len(counts) > most else "")
