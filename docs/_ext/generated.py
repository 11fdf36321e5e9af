"""Writes the pages that are made from code before Sphinx reads them.

They are not committed: the reference from docstrings, the tutorial from the tour, the rule book
from `pluggrad.rules`, the list of examples from their docstrings, the table of functions from what was
measured of them.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import functions
import reference
import rulebook

from pluggrad.tools.tour import STEPS

ROOT = Path(__file__).parents[2]
NOTEBOOK = """\
---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python
  language: python
---
"""
TUTORIAL = """\
# Tutorial

These are the steps of `pluggrad tour`: everything below was computed when this page was built. To run them
on your own machine, type `pluggrad tour`, or `pluggrad tour --backend torch` for another library.

```{code-cell} python
:tags: [remove-cell]
import random
rng = random.Random(2017)
```
"""
EXAMPLES = """\
# Examples

Each is a program of its own in the folder `examples/`, takes `--help`, and is run by the tests. Its first lines
say what it needs, beside `pip install '.[examples]'`. Those that
draw say so with `--picture`.

"""


def tutorial() -> str:
    """The steps of the tour, as a page that runs."""
    cell = "## {0.title}\n\n{0.prose}\n\n```{{code-cell}} python\n{0.code}\n```\n"
    return "\n".join([NOTEBOOK + TUTORIAL, *(cell.format(step) for step in STEPS)])


def examples() -> str:
    """The programs in examples/, by the first paragraphs of their docstrings."""
    parts = [EXAMPLES]
    for path in sorted((ROOT / "examples").glob("*.py")):
        words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        title, _, rest = words.partition("\n\n")
        parts.append(
            f"## {path.name}\n\n{' '.join(title.split())}\n\n{rest}\n\n"
            f"````{{dropdown}} The program\n```{{literalinclude}} ../examples/{path.name}\n"
            ":language: python\n```\n````\n"
        )
    return "\n".join(parts)


def pages() -> dict[str, str]:
    """The text of each page that is made, by its path in docs/."""
    made = {f"api/{name}": text for name, text in reference.written().items()}
    return made | {
        "tutorial.md": tutorial(), "rules.md": rulebook.page(), "examples.md": examples(),
        "functions.md": functions.page(), "contributing.md": of_the_checkout("CONTRIBUTING.md"),
        "changelog.md": of_the_checkout("CHANGELOG.md"),
    }  # fmt: skip


def of_the_checkout(name: str) -> str:
    """A page from the top of the checkout, with its links as they are inside docs/."""
    text = (ROOT / name).read_text(encoding="utf-8")
    text = re.sub(r"\]\(docs/", "](", text)
    for there, here in (("CHANGELOG.md", "changelog.md"), ("CONTRIBUTING.md", "contributing.md")):
        text = text.replace(f"]({there}", f"]({here}")
    return text


def write(app: Any) -> None:
    """Write what has changed: Sphinx reads a page again when its time of writing is new."""
    folder = Path(app.srcdir)
    for name, text in pages().items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def without_waiting(app: Any, docname: str, source: list[str]) -> None:
    """Leave patterns out of a list of pages that no page matches yet: Sphinx would warn."""
    folder = (Path(app.srcdir) / docname).parent

    def waits(line: str) -> bool:
        if not re.fullmatch(r"[\w/-]*\*", line):
            return False
        found = {p.with_suffix("") for p in folder.glob(line) if p.suffix in (".md", ".rst")}
        return not found - {Path(app.srcdir) / docname}

    if docname.rpartition("/")[2] == "index":
        source[0] = "\n".join(line for line in source[0].split("\n") if not waits(line))


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", write, priority=100)
    app.connect("source-read", without_waiting)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
