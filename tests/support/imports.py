"""Who imports whom: the imports of a package, read from its source without running it.

A module is named by its dotted path below the package: ``gate``, ``reports.html``. The
``__init__`` of a subpackage is the subpackage itself (``reports``), that of the package ``""``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

__all__ = ["import_graph", "imports_of", "units"]


def imports_of(path: Path, root_package_dir: Path) -> set[str]:
    """The modules of the package that a file imports.

    Every import counts, wherever it stands: at the top, inside a function, under TYPE_CHECKING;
    relative, or absolute under the package's own name. ``from .a import b`` imports the module
    ``a.b`` if there is one, else ``a`` (the ``__init__`` of ``a`` if that is a subpackage). That
    Python runs the ``__init__`` of ``a`` before ``a.b`` is not counted, or no ``__init__`` could
    re-export anything.

    Parameters
    ----------
    path : Path
        A Python file of the package.
    root_package_dir : Path
        The folder of the package, with its ``__init__.py``.
    """
    found: set[str] = set()
    home = path.relative_to(root_package_dir).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first, *rest = alias.name.split(".")
                if first == root_package_dir.name:
                    found.add(_module(tuple(rest), root_package_dir))
        elif isinstance(node, ast.ImportFrom):
            named = tuple((node.module or "").split(".")) if node.module else ()
            if node.level:
                base = (*home[: len(home) - node.level + 1], *named)
            elif named[0] == root_package_dir.name:
                base = named[1:]
            else:
                continue
            found |= {_module((*base, alias.name), root_package_dir) for alias in node.names}
    return found


def _module(parts: tuple[str, ...], root: Path) -> str:
    """The longest part of a dotted path that is a module; what follows are names in it."""
    for length in range(len(parts), 0, -1):
        place = root.joinpath(*parts[:length])
        if place.with_suffix(".py").is_file() or (place / "__init__.py").is_file():
            return ".".join(parts[:length])
    return ""


def import_graph(package_dir: Path) -> dict[str, set[str]]:
    """For each module of a package, the other modules of it that it imports.

    `graphlib.TopologicalSorter` takes it as it is, and raises CycleError where there is a circle.
    """
    graph: dict[str, set[str]] = {}
    for path in sorted(package_dir.rglob("*.py")):
        parts = path.relative_to(package_dir).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        graph[name] = imports_of(path, package_dir) - {name}
    return graph


def units(graph: dict[str, set[str]], apart: Iterable[str] = ()) -> dict[str, set[str]]:
    """The graph with each subpackage drawn together into one node, but for those named `apart`."""
    kept = set(apart)

    def unit(name: str) -> str:
        first = name.partition(".")[0]
        return name if first in kept else first

    found: dict[str, set[str]] = {}
    for name, needs in graph.items():
        found.setdefault(unit(name), set()).update(unit(need) for need in needs)
    return {name: needs - {name} for name, needs in found.items()}
