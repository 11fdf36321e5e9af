"""How the house is built: imports run one way, and bring in no array library but NumPy."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pluggrad

ROOT = Path(pluggrad.__file__).parent
#: `record` leaves Nodes behind and makes views, `cells` writes by recording: one room, two files.
ONE_ROOM = {"cells": "record"}


def imports(path: Path) -> set[str]:
    """The modules of pluggrad that a file imports when it is itself imported."""
    found = set()
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            if node.module:
                found.add((*base, *node.module.split("."))[0])
            else:
                found |= {(*base, alias.name)[0] for alias in node.names}
    return found


def test_imports_run_one_way():
    graph: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] in ("__init__", "__main__"):
            continue
        room = ONE_ROOM.get(parts[0], parts[0])
        needs = {ONE_ROOM.get(name, name) for name in imports(path)} - {room}
        graph.setdefault(room, set()).update(needs)
    assert len(graph) > 15
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, naming the cycle
    assert order.index("graph") < order.index("record") < order.index("variable")
    assert order.index("primitive") < order.index("rules") < order.index("variable")


def test_the_walks_know_no_mathematics():
    for walk in ("backward", "forward", "graph", "record"):
        assert "rules" not in imports(ROOT / f"{walk}.py")


def test_import_brings_in_no_other_library():
    names = "torch jax dask cupy scipy sklearn array_api_strict"
    code = f"import sys, pluggrad; print([n for n in {names.split()!r} if n in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
