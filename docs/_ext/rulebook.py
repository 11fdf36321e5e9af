"""The page of the rule book: each operation with its derivative, as the code states it.

Formulas are read from the source of `pluggrad.rules`. What was measured comes from the verdicts of
the conformance suite, docs/conformance-results.jsonl.xz.
"""

from __future__ import annotations

import ast
import functools
import html
import inspect
import json
import lzma
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

import pluggrad  # noqa: F401  (it fills the rule book)
from pluggrad.arrays.backend import PRIMITIVES
from pluggrad.engine.primitive import PASS, Primitive
from pluggrad.variables.summaries import CORNERS

__all__ = ["page"]

RESULTS = Path(__file__).parents[1] / "conformance-results.jsonl.xz"
RULES = "pluggrad.rules."
BACKENDS = ("numpy", "torch", "jax", "strict", "dask")
HEAD = """\
# The rule book

Every operation with a derivative, {count} rows, as the code states it. The formulas are read from
`src/pluggrad/rules/` when this page is built. In a formula, `t` is the tangent of an input and `g` the
cotangent of the output; `x`, `x1`, `x2` are inputs, `y` is the output, and `like` stands for the shape and
dtype of an input. `xp` is the library at hand. Of an *elementwise* row, a formula is `t` times the partial
derivative. Of a *linear* or *bilinear* row it is the transpose, and forward mode is the operation itself. Of
a *general* row it is the vector-Jacobian product. The engine undoes broadcasting, casts and conjugates, so
no formula mentions these. [How differentiation works here](how-it-works.md) explains the kinds.

"Measured" says what the [conformance suite](conformance.md) found on pluggrad's own backends in the run
whose [report](conformance.html) is committed: first derivatives (1), second ones (2), forward mode (f) and
`vmap` (v). A mark is there if every cell of that kind, in every dtype, shape and special case, passed or
follows the documented convention, apart from cells that the library itself does not support. *All* are the
backends numpy, torch, jax, strict and dask.

"""


def formula(function: Any) -> str:
    """The source of a formula: the body of a lambda, or the code of a named function."""
    function = inspect.unwrap(function)
    code = function.__code__
    if code.co_name != "<lambda>":
        return textwrap.dedent(inspect.getsource(function)).rstrip()
    source = Path(code.co_filename).read_text(encoding="utf-8")
    for node in lambdas(code.co_filename):
        if node.lineno == code.co_firstlineno and encloses(node.body, code):
            one_line = node.body.lineno == node.body.end_lineno
            text = ast.get_source_segment(source, node.body) if one_line else None
            return text or ast.unparse(node.body)
    raise LookupError(f"no lambda at {code.co_filename}:{code.co_firstlineno}")


def encloses(body: ast.expr, code: Any) -> bool:
    """Whether an expression in the source is the one that `code` was compiled from."""
    start = body.lineno, body.col_offset
    end = body.end_lineno or 0, body.end_col_offset or 0
    positions = [p for p in code.co_positions() if p[3]]  # the first one is of the whole
    return all(start <= (p[0], p[2]) and (p[1], p[3]) <= end for p in positions)


@functools.cache
def lambdas(file: str) -> list[ast.Lambda]:
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


@functools.cache
def measured() -> dict[str, dict[str, str]]:
    """By operation and backend: which kinds of derivatives came out right."""
    outcomes: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    with lzma.open(RESULTS, "rt", encoding="utf-8") as lines:
        for line in lines:
            cell = json.loads(line)
            kind = {"reverse": str(cell["order"]), "forward": "f", "vmap": "v"}.get(cell["mode"])
            if kind and kind != "0" and cell["compiled"] == "no":
                outcomes[cell["operation"], cell["backend"], kind].add(cell["outcome"])
    found: dict[str, dict[str, str]] = defaultdict(lambda: defaultdict(str))
    for (operation, backend, kind), seen in sorted(outcomes.items()):
        judged = seen - {"unsupported-by-backend", "unsupported-by-engine", "forward-deviation"}
        if judged and judged <= {"pass", "convention"}:
            found[operation][backend] += kind
    return found


def by_backend(name: str) -> str:
    """What was measured, backends with the same marks together."""
    together: dict[str, list[str]] = defaultdict(list)
    for backend in BACKENDS:
        if marks := measured().get(name, {}).get(backend):
            together["".join(sorted(marks))].append(backend)
    names = {
        m: "all" if len(found) == len(BACKENDS) else ", ".join(found)
        for m, found in together.items()
    }
    return "; ".join(f"{names[marks]}: {' '.join(marks)}" for marks in together)


@functools.cache
def corners() -> dict[str, str]:
    return {name: words for names, words in CORNERS.items() for name in names.split()}


def module_of(row: Primitive) -> str:
    """The module that a row's first formula is in."""
    for function in row.formulas:
        if callable(function) and function is not PASS:
            return inspect.unwrap(function).__module__
    return "pluggrad.rules.elementwise"


def rows() -> dict[str, Primitive]:
    """The public rows of `pluggrad.rules` with a derivative; `pluggrad.scipy` has rows, too."""
    found = {n: r for n, r in PRIMITIVES.items() if not r.private and r.kind != "constant"}
    ours = {n: r for n, r in found.items() if not n.startswith("scipy.")}
    return {n: r for n, r in ours.items() if module_of(r).startswith(RULES)}


def table_row(name: str, row: Primitive) -> str:
    """A row of the table, in HTML inside of Markdown."""
    cells = []
    names = [*row.parameters] + [""] * len(row.formulas)
    for parameter, function in zip(names, row.formulas):
        if function is None:
            continue
        text = "t" if function is PASS else formula(function)
        by = f"<em>by {html.escape(parameter)}</em> " if len(row.formulas) > 1 and parameter else ""
        if text.startswith(("def ", "@")):
            called = inspect.unwrap(function)
            words = html.escape(" ".join((called.__doc__ or "").split("\n\n")[0].split())).replace(
                "`", ""
            )
            cells.append(f"<details><summary>{by}<code>{called.__name__}</code>: {words}</summary>"
                         f"<pre>{html.escape(text)}</pre></details>")  # fmt: skip
        else:
            cells.append(f"<div>{by}<code>{html.escape(text)}</code></div>")
    if name in corners():
        cells.append(f"<div class='corner'>{html.escape(corners()[name]).replace('`', '')}</div>")
    shown = f"<code>{html.escape(name)}</code><br><small>{row.kind}</small>"
    marks = html.escape(by_backend(name))
    return f"<tr><td>{shown}</td><td>{''.join(cells)}</td><td><small>{marks}</small></td></tr>"


def page() -> str:
    """The page, in Markdown."""
    parts: dict[str, list[str]] = defaultdict(list)
    for name, row in rows().items():
        parts[module_of(row).removeprefix(RULES)].append(table_row(name, row))
    lines = [HEAD.format(count=len(rows()))]
    for module, cells in sorted(parts.items(), key=lambda item: item[0] != "elementwise"):
        lines += [f"## {module.replace('.', ': ').replace('_', ' ').capitalize()}", "",
                  "```{raw} html", "<div class='table-wrapper'><table class='rules docutils'><thead><tr>"
                  "<th>operation</th><th>derivative</th><th>measured</th></tr></thead><tbody>",
                  *cells, "</tbody></table></div>", "```", ""]  # fmt: skip
    constants = [
        n for n, r in PRIMITIVES.items() if r.kind == "constant" and not r.private and "." not in n
    ]
    lines += ["## Without a derivative", "", "The results of these are constants: "
              + ", ".join(f"`{name}`" for name in sorted(constants)) + "."]  # fmt: skip
    return "\n".join(lines) + "\n"
