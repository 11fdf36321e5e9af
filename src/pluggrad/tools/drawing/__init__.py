"""`draw`: a picture of the graph below a Variable."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import optree

from ...arrays.dispatch import is_variable
from ...errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from .facts import Graph, size_text
from .folds import Picture
from .layout import by_dot, by_graphviz, dot_is_there, in_layers
from .paint import dot_source, size_of, svg

__all__ = ["Drawing", "draw"]


class Drawing:
    """A picture of a graph, made by `draw`. A notebook displays it; `str` gives the SVG.

    Attributes
    ----------
    operations, leaves : int
        How many the graph has, including those folded into one box.
    saved_bytes : int
        The memory that the graph holds for computing gradients, each array counted once.
    svg, source : str
        The picture as an SVG document, and in the DOT language.
    """

    def __init__(self, graph: Graph, max_nodes: int, engine: str) -> None:
        """Fold `graph` into at most about `max_nodes` boxes; `engine` will lay them out."""
        self._picture = Picture(graph, max_nodes)
        self._engine = engine
        self.operations = graph.count("operation")
        self.leaves = graph.count("leaf")
        arrays: dict[int, int] = {}
        for vertex in graph.vertices:
            arrays.update(vertex.arrays)
        self.saved_bytes = sum(arrays.values())
        names = [v.label for v in graph.vertices if v.kind == "output"]
        self._title = f"Graph of {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"

    def __repr__(self) -> str:
        """The counts in one line."""
        return f"<Drawing: {self._facts}>"

    @property
    def _facts(self) -> str:
        """The counts of operations and leaves, and the memory saved, in words."""
        return (
            f"{self.operations:,} operation{'s' * (self.operations != 1)}, "
            f"{self.leaves:,} {'leaf' if self.leaves == 1 else 'leaves'}, "
            f"{size_text(self.saved_bytes)} saved"
        )

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG document."""
        picture = self._picture
        sizes, arrows = [size_of(box) for box in picture.boxes], list(picture.arrows)
        found = by_dot(sizes, arrows) if self._engine == "dot" else None
        layout = found or in_layers(sizes, arrows)
        heads = ". ".join([box.tip for box in picture.boxes[:100]])
        return svg(picture, layout, self._title, self._facts, heads)

    @property
    def source(self) -> str:
        """The picture in the DOT language of Graphviz."""
        return dot_source(self._picture, f"{self._title}: {self._facts}")

    def _repr_svg_(self) -> str:
        """The SVG, for notebooks."""
        return self.svg

    def __str__(self) -> str:
        """The SVG."""
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file. The ending chooses the format: .svg, or .dot or .gv for the
        source.

        With Graphviz installed, .png, .pdf and its other formats work too. Any other ending raises
        ValueError.
        """
        kind = Path(path).suffix.lower()
        if kind == ".svg":
            Path(path).write_text(self.svg, encoding="utf-8")
        elif kind in (".dot", ".gv"):
            Path(path).write_text(self.source, encoding="utf-8")
        else:
            problem = "there is no ending" if len(kind) < 2 else by_graphviz(self.source, path)
            if problem:
                raise InvalidArgumentError(
                    f"draw cannot write {os.fspath(path)!r}: {problem}. It writes .svg, .dot and "
                    ".gv files, and where Graphviz is installed others, such as .png and .pdf"
                )


def draw(
    v: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    names: Any = None,
    max_nodes: int = 200,
    engine: str | None = None,
) -> Drawing:
    """A picture of the graph below a Variable, or below several.

    Each operation is a box with its name, the shape and dtype of its result as far as the graph can
    tell, and what it has saved for its gradient (``x``, ``x1``, ``y`` are its inputs and its
    output), with the size in bytes. Arrows follow the computation, with the leaves at the top. A
    graph that a backward has freed is drawn, too, and marked as freed.

    Parameters
    ----------
    v : Variable, or a pytree of them
        The results. Keys of a dict are their names in the picture.
    path : str or path, optional
        A file to write: ``.svg``, ``.dot`` or ``.gv``; where Graphviz is installed also ``.png``,
        ``.pdf`` and others.
    names : dict or other pytree of Variables, optional
        Names for leaves and other Variables, as in ``{"w": w, "layers": [a, b]}`` (`b` is then
        ``layers.1``). Leaves without one get the names of the caller's own variables, also of those
        inside containers and attributes (``model.w``).
    max_nodes : int
        A graph with more vertices than this is folded: repetitions become one box ("matmul, add,
        tanh × 1000"), and so do chains of operations with one input each. If that is not enough,
        the remaining operations become one last box.
    engine : {"dot", "layers"}, optional
        The layout: by Graphviz ("dot"), or by pluggrad itself. The default is Graphviz if it is
        installed.

    Returns
    -------
    Drawing
        A notebook displays it. ``.svg`` and ``.source`` are the texts; ``.save(path)`` writes
        a file.

    Raises
    ------
    TypeError
        `v` contains something other than Variables, or none.
    ValueError
        The file format is unknown, `engine` is neither of the two, or `max_nodes` is not positive.
    NotImplementedError
        `engine` is "dot", and Graphviz is not installed.

    >>> import pluggrad as pg
    >>> w = pg.Variable([1.0, 2.0], requires_grad=True)
    >>> pg.draw(pg.sum(pg.tanh(w * 3)))
    <Drawing: 3 operations, 1 leaf, 16 B saved>
    """
    if engine not in (None, "dot", "layers"):
        raise InvalidArgumentError(f"engine is 'dot' or 'layers', not {engine!r}")
    if engine == "dot" and not dot_is_there():
        raise UnsupportedError("Graphviz is not installed: there is no program `dot`")
    if max_nodes < 1:
        raise InvalidArgumentError(f"max_nodes={max_nodes}; it is a positive number")
    paths, outputs, _ = optree.tree_flatten_with_path(v)
    for each in outputs:
        if not is_variable(each):
            raise TypeMismatchError(f"draw shows Variables, not {type(each).__name__}")
    if not outputs:
        raise TypeMismatchError("draw was given no Variable")
    labels = [".".join([str(part) for part in path]) or "result" for path in paths]
    caller = sys._getframe(1)
    around = [dict(caller.f_locals), caller.f_globals]
    graph = Graph(list(zip(labels, outputs, strict=True)), names, around)
    drawing = Drawing(graph, max_nodes, engine or ("dot" if dot_is_there() else "layers"))
    if path is not None:
        drawing.save(path)
    return drawing
