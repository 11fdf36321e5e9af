"""How the conformance package is laid out: its imports run one way, and all of it is described."""

from __future__ import annotations

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.examples import CHECKOUT
from tests.support.imports import import_graph, imports_of, units

ROOT = CHECKOUT / "conformance" / "pluggrad_conformance"
#: The longest file that can still be read in one sitting.
LINES = 450


def order(graph: dict[str, set[str]]) -> list[str]:
    """The modules, each after those it imports; fails with the circle if there is one."""
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " imports ".join(reversed(error.args[1]))
        pytest.fail(f"a circle: {circle}", pytrace=False)


def test_modules_import_one_way():
    """Imports inside functions count, too: a lazy import is no way around a circle."""
    found = order(import_graph(ROOT))
    assert len(found) > 60
    assert found.index("operations") < found.index("cells") < found.index("problem")
    assert found.index("oracles") < found.index("judge") < found.index("random_inputs")
    assert found.index("results") < found.index("gate") < found.index("runner") < found.index("cli")


def test_subpackages_import_one_way():
    found = order(units(import_graph(ROOT)))
    assert found.index("tables") < found.index("problem") < found.index("oracles")
    assert found.index("gate") < found.index("reports") < found.index("runner")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__in__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_every_kind_of_import_is_read(tmp_path):
    package = tmp_path / "pack"
    write(package, __init__="", a="", b="", c="", d="", far="")
    write(package / "sub", __init__="from .x import value", x="value = 1", y="")
    text = """
import pack.a, sys, package, pack_b
from . import b, version
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from pack.c import C
def f():
    from .sub import value
    from .sub import y
    import pack.sub.x as x
    class K:
        from pack import d
"""
    (package / "user.py").write_text(text)
    everything = {"a", "b", "", "c", "sub", "sub.y", "sub.x", "d"}
    assert imports_of(package / "user.py", package) == everything
    (package / "sub" / "y.py").write_text("from ..far import z\nfrom .. import a\nfrom . import x")
    graph = import_graph(package)
    assert graph["sub.y"] == {"far", "a", "sub.x"} and graph["sub"] == {"sub.x"}
    assert units(graph)["sub"] == {"far", "a"}
    assert units(graph, apart=["sub"])["sub.y"] == graph["sub.y"]
    assert set(graph) == {"", "a", "b", "c", "d", "far", "sub", "sub.x", "sub.y", "user"}


def test_a_circle_is_named(tmp_path):
    package = write(tmp_path / "pack", __init__="", a="from . import b", c="import pack.a")
    write(package, b="def f():\n    from .c import g")
    with pytest.raises(pytest.fail.Exception, match=r"a circle: .*\b[abc] imports [abc]\b"):
        order(import_graph(package))


def definitions() -> dict[str, ast.AST]:
    """Every public module, class, function and method of the package, by its path and name."""
    found: dict[str, ast.AST] = {}

    def collect(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            kinds = (ast.ClassDef, ast.FunctionDef)
            if isinstance(child, kinds) and not child.name.startswith("_"):
                found[f"{name}.{child.name}"] = child
                if isinstance(child, ast.ClassDef):
                    collect(child, f"{name}.{child.name}")

    for path in ROOT.rglob("*.py"):
        name = str(path.relative_to(ROOT))
        found[name] = tree = ast.parse(path.read_text(encoding="utf-8"))
        collect(tree, name)
    return found


def test_everything_public_has_a_docstring():
    silent = [name for name, node in definitions().items() if not ast.get_docstring(node)]
    assert silent == []


def test_function_names_are_qualified():
    """A bare verb does not tell what is read or compared; only `main` may stand in many modules.

    The helpers of the tables may share names: each serves one module.
    """
    bare = {"answer", "ask", "check", "compare", "consult", "judge", "load", "read", "render"}
    functions = [
        (name, node.name)
        for name, node in definitions().items()
        if isinstance(node, ast.FunctionDef) and name.endswith(f".py.{node.name}")
    ]
    assert sorted(bare & {word for _, word in functions}) == []
    counts = Counter(word for name, word in functions if not name.startswith("tables/"))
    assert sorted(word for word, count in counts.items() if count > 1) == ["main"]


def test_files_are_short():
    long = {
        str(path.relative_to(ROOT)): count
        for path in ROOT.rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LINES
    }
    assert long == {}
