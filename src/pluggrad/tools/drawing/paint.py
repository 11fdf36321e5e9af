"""A picture as text: SVG, or the DOT language of Graphviz."""

from __future__ import annotations

import math

from .folds import Panel, Picture
from .layout import Layout, Point

__all__ = ["dot_source", "size_of", "svg"]

LINE = 16.0
WIDTHS = {
    **dict.fromkeys("mw@%—", 1.4),
    **dict.fromkeys("MW", 1.6),
    **dict.fromkeys("il|.,:;' ", 0.6),
}
# In both modes text has a contrast of at least 7:1 against its box, and lines of 3:1.
STYLE = """
.pluggrad-graph text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;
font-size:12px;fill:#374151;text-anchor:middle}
.pluggrad-graph text.head{font-weight:600;font-size:13px;fill:#111827}
.pluggrad-graph .ground{fill:#ffffff}
.pluggrad-graph .edge{fill:none;stroke:#6b7280;stroke-width:1.2}
.pluggrad-graph .tip{fill:#6b7280}
.pluggrad-graph rect.shape{stroke-width:1.2}
.pluggrad-graph .operation rect.shape{fill:#eef2ff;stroke:#4f5fbf}
.pluggrad-graph .part rect.shape{fill:#f3f4f6;stroke:#6b7280}
.pluggrad-graph .leaf rect.shape{fill:#e7f6ec;stroke:#27794a}
.pluggrad-graph .output rect.shape{fill:#fdf3dc;stroke:#96690a}
.pluggrad-graph .freed rect.shape{stroke-dasharray:4 3}
@media (prefers-color-scheme:dark){
.pluggrad-graph text{fill:#d1d5db}
.pluggrad-graph text.head{fill:#f9fafb}
.pluggrad-graph .ground{fill:#14161b}
.pluggrad-graph .edge{stroke:#9ca3af}
.pluggrad-graph .tip{fill:#9ca3af}
.pluggrad-graph .operation rect.shape{fill:#232a4d;stroke:#8b9af0}
.pluggrad-graph .part rect.shape{fill:#2a2d34;stroke:#9ca3af}
.pluggrad-graph .leaf rect.shape{fill:#163524;stroke:#5cbf86}
.pluggrad-graph .output rect.shape{fill:#3d2f0e;stroke:#d9a93a}
}"""
#: The light colours again, for DOT, which has no style sheets.
FILLS = {"operation": "#eef2ff", "part": "#f3f4f6", "leaf": "#e7f6ec", "output": "#fdf3dc"}
STROKES = {"operation": "#4f5fbf", "part": "#6b7280", "leaf": "#27794a", "output": "#96690a"}


def clean(text: str) -> str:
    """`text` with characters that XML cannot hold replaced."""
    return "".join([
        c if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff" else "\ufffd"
        for c in text
    ])  # fmt: skip


def xml(text: str) -> str:
    """`text`, escaped for XML."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def short(text: str, most: int = 48) -> str:
    """`text`, cut to `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _width(text: str, each: float) -> float:
    """The approximate width of `text`, if an average letter is `each` wide."""
    return each * sum(
        [2 if c >= "\u1100" else WIDTHS.get(c, 1.3 if c.isupper() else 1) for c in text]
    )


def size_of(box: Panel) -> Point:
    """The width and height that a box needs for its text."""
    width = max([_width(short(box.title), 7.6), *[_width(short(t), 6.6) for t in box.lines]])
    return max(width + 22.0, 56.0), LINE * (1 + len(box.lines)) + 12.0


def svg(picture: Picture, layout: Layout, title: str, facts: str, description: str) -> str:
    """The picture as an SVG document, with a title and a description for screen readers."""
    width, height = max(layout.width, _width(facts, 6.6) + 24), layout.height + LINE
    left = (layout.width - width) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pluggrad-graph" role="img" '
        f'viewBox="{left:.0f} 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" style="max-width:100%;height:auto">',
        f"<title>{xml(title)}: {facts}</title>",
        f"<desc>{xml(description)}</desc>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" x="{left:.0f}" width="{width:.0f}" height="{height:.0f}"/>',
        f'<text x="{layout.width / 2:.1f}" y="{height - 10:.1f}">{facts}</text>',
    ]
    for (start, to), points in zip(picture.arrows, layout.curves, strict=True):
        parts.append(_arrow(start, to, points))
    for n, (box, centre) in enumerate(zip(picture.boxes, layout.centres, strict=True)):
        parts.append(_box(n, box, centre))
    return "\n".join([*parts, "</svg>\n"])


def _arrow(start: int, to: int, points: list[Point]) -> str:
    """An arrow: a curve that stops where the head begins, and the head."""
    (x0, y0), (x, y) = points[-2:]
    length = math.hypot(x - x0, y - y0) or 1.0
    dx, dy = (x - x0) / length, (y - y0) / length
    points = [*points[:-1], (x - 6 * dx, y - 6 * dy)]
    way = f"M{points[0][0]:.1f} {points[0][1]:.1f}C" + " ".join(
        [f"{px:.1f} {py:.1f}" for px, py in points[1:]]
    )
    sides = [(-7 * dx + side * dy, -7 * dy - side * dx) for side in (3.5, -3.5)]
    corners = "L".join([f"{x + sx:.1f} {y + sy:.1f}" for sx, sy in sides])
    return (
        f'<path class="edge" data-from="{start}" data-to="{to}" d="{way}"/>'
        f'<path class="tip" d="M{x:.1f} {y:.1f}L{corners}z"/>'
    )


def _box(n: int, box: Panel, centre: Point) -> str:
    """A box at `centre`, with its text; a folded one has a second outline behind it."""
    width, height = size_of(box)
    x, y = centre[0] - width / 2, centre[1] - height / 2
    round_ = min(height / 2, 18) if "leaf" in box.kind or "output" in box.kind else 5
    shape = f'width="{width:.1f}" height="{height:.1f}" rx="{round_:.0f}"'
    parts = [f'<g class="{box.kind}" id="box{n}"><title>{xml(box.tip)}</title>']
    if "folded" in box.kind:
        parts.append(f'<rect class="shape" x="{x + 4:.1f}" y="{y + 4:.1f}" {shape}/>')
    parts.append(f'<rect class="shape" x="{x:.1f}" y="{y:.1f}" {shape}/>')
    for i, line in enumerate([box.title, *box.lines]):
        head = ' class="head"' if i == 0 else ""
        parts.append(
            f'<text{head} x="{centre[0]:.1f}" y="{y + 18 + i * LINE:.1f}">{xml(short(line))}</text>'
        )
    return "".join([*parts, "</g>"])


def dot_source(picture: Picture, title: str) -> str:
    """The picture in the DOT language."""
    lines = [
        "digraph pluggrad {",
        f"  label={_quoted(title)}; labelloc=t; fontname=Helvetica; rankdir=TB;",
        '  node [shape=box, style="rounded,filled", fontname=Helvetica, fontsize=11];',
        '  edge [color="#6b7280", arrowsize=0.7];',
    ]
    for n, box in enumerate(picture.boxes):
        kind = box.kind.split()[0]
        text = _quoted("\n".join([box.title, *box.lines]))
        style = ', style="rounded,filled,dashed"' if "freed" in box.kind else ""
        edges = ", peripheries=2" if "folded" in box.kind else ""
        lines.append(
            f'  b{n} [label={text}, tooltip={_quoted(box.tip)}, class="{box.kind}", '
            f'fillcolor="{FILLS[kind]}", color="{STROKES[kind]}"{style}{edges}];'
        )
    lines += [f"  b{start} -> b{to};" for start, to in picture.arrows]
    return "\n".join([*lines, "}\n"])


def _quoted(text: str) -> str:
    """`text` as a string of the DOT language."""
    kept = "\n".join([clean(line) for line in text.split("\n")])
    return '"' + kept.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
