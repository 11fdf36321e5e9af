"""How the house is built: imports run one way, names say one thing, and NumPy alone is loaded."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest

import pluggrad as pg
from pluggrad import plugin
from pluggrad.arrays.backend import PRIMITIVES
from pluggrad.arrays.standard import CREATION, INQUIRIES
from tests.support.imports import import_graph

ROOT = Path(pg.__file__).parent
BACKENDS = Path(__file__).parents[1] / "backends"

#: From the ground up: what stands further left is imported by what stands further right.
FLOORS = [
    "errors", "decorator", "arrays", "engine", "rules", "functions", "variables", "staging",
    "transforms", "autograd", "interop", "tools", "", "plugin", "__main__", "numpy", "scipy",
    "adoption", "compat",
]  # fmt: skip
#: Imports for annotations alone, under TYPE_CHECKING: the only ones that may run up.
TIES = {
    ("arrays.adapter", "arrays.backend"),
    ("arrays.backend", "engine.primitive"),
    ("engine.views", "variables.variable"),
    ("variables.variable", "variables.types"),
}


@functools.cache
def all_imports() -> dict[str, set[str]]:
    """Who imports whom in pluggrad, lazy imports included."""
    return import_graph(ROOT)


def engine_imports() -> dict[str, set[str]]:
    """The same without the ties."""
    return {
        name: {n for n in needs if (name, n) not in TIES} for name, needs in all_imports().items()
    }


def floor(module: str) -> int:
    """How high in the house a module stands. The command line stands above the package itself."""
    if module in ("tools.cli", "tools.tour"):
        return FLOORS.index("plugin")
    return FLOORS.index(module.partition(".")[0])


def test_imports_run_one_way():
    graph = engine_imports()
    assert len(graph) > 60
    up = [(name, n) for name, needs in graph.items() for n in needs if floor(n) > floor(name)]
    assert up == []
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' imports '.join(reversed(error.args[1]))}", pytrace=False)
    assert order.index("engine.graph") < order.index("engine.record")
    assert order.index("engine.record") < order.index("variables.variable")


def test_the_ties_are_for_annotations_alone():
    """They stand under TYPE_CHECKING, and each of them is still there."""
    for name, other in TIES:
        path = ROOT / (name.replace(".", "/") + ".py")
        checked = [
            alias.name
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
            if isinstance(inner, ast.ImportFrom) and inner.module
            for alias in inner.names
            if inner.module.split(".")[-1] == other.split(".")[-1]
        ]
        everywhere = path.read_text().count(f"{other.split('.')[-1]} import")
        assert checked and everywhere == 1, (name, other)


@pytest.mark.parametrize("package", sorted(p.name for p in BACKENDS.glob("pluggrad_*")))
def test_backends_import_one_way(package):
    graph = import_graph(BACKENDS / package)
    list(TopologicalSorter(graph).static_order())  # raises CycleError, naming the circle


def past_the_door(source: str) -> list[str]:
    """What a plugin takes of pluggrad that is neither in `pluggrad.plugin` nor public, lazily or
    not, as an import or as an attribute of an imported package."""
    found, packages = [], {"pluggrad"}
    open_names = {"pluggrad": set(pg.__all__), "pluggrad.plugin": set(plugin.__all__),
                  "pluggrad.errors": set(pg.errors.__all__)}  # fmt: skip
    nodes = list(ast.walk(ast.parse(source)))
    for node in nodes:
        if isinstance(node, ast.Import):
            ours = [a for a in node.names if a.name.partition(".")[0] == "pluggrad"]
            found += [a.name for a in ours if a.name not in open_names]
            packages |= {a.asname for a in ours if a.asname}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            names = open_names.get(module, set())
            if module.partition(".")[0] == "pluggrad":
                found += [f"{module}.{a.name}" for a in node.names if a.name not in names]
    modules = {name.partition(".")[0] for name in all_imports()} - {"plugin", "errors"}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            inner = node.attr in modules - set(pg.__all__) or node.attr.startswith("_")
            if node.value.id in packages and inner:
                found.append(f"{node.value.id}.{node.attr}")
    return found


@pytest.mark.parametrize("package", sorted(p.name for p in BACKENDS.glob("pluggrad_*")))
def test_backends_come_in_by_the_door(package):
    paths = sorted((BACKENDS / package).rglob("*.py"))
    assert paths
    for path in paths:
        assert past_the_door(path.read_text(encoding="utf-8")) == [], path.name


def test_what_comes_in_by_a_window_is_seen():
    source = """
import pluggrad as pg, pluggrad.plugin, pluggrad.errors
from pluggrad import Variable, arrays
from pluggrad.plugin import Adapter, START
from . import pluggrad_like
def lazily():
    import pluggrad.arrays.backend
    from pluggrad.engine.levels import read
    pg.zeros, pg.autograd, pg.engine, pluggrad._watch, pluggrad.plugin.Adapter
"""
    assert sorted(past_the_door(source)) == [
        "pg.engine", "pluggrad._watch", "pluggrad.arrays", "pluggrad.arrays.backend",
        "pluggrad.engine.levels.read", "pluggrad.plugin.START",
    ]  # fmt: skip


def test_the_walks_know_no_mathematics():
    for name, needs in engine_imports().items():
        if name.startswith(("engine.", "arrays.")):
            assert not {n for n in needs if n.startswith("rules")}, name


def test_no_module_is_named_like_a_public_function():
    """A late import of such a module would rebind the function in its package."""
    functions = {*CREATION, *INQUIRIES, *(n for n, row in PRIMITIVES.items() if not row.private)}
    for package in (pg, pg.transforms, pg.autograd):
        prefix = package.__name__.removeprefix("pluggrad").lstrip(".")
        inside = {n.removeprefix(prefix).lstrip(".") for n in all_imports() if prefix in n}
        modules = {name for name in inside if name and "." not in name}
        assert len(modules) > 3
        public = {n for n in package.__all__ if not isinstance(getattr(package, n), ModuleType)}
        assert not modules & (public | (functions if package is pg else set()))


def test_import_brings_in_no_other_library():
    names = "torch jax dask cupy scipy sklearn array_api_strict"
    code = f"import sys, pluggrad; print([n for n in {names.split()!r} if n in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_import_brings_in_what_everybody_needs_and_no_more():
    """The faces come when they are first used, and what is slow to import when it is needed."""
    code = "import sys, pluggrad; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.split())
    floors = {name.split(".")[1] for name in loaded if name.startswith("pluggrad.")}
    assert floors == {
        "arrays", "decorator", "engine", "errors", "functions", "rules", "tools", "variables",
    }  # fmt: skip
    assert "pluggrad.tools.compilers" in loaded and "pluggrad.tools.drawing" not in loaded
    assert not loaded & {"importlib.metadata", "email", "socket", "pathlib"}


def test_what_is_loaded_later_is_found():
    code = (
        "import pluggrad as pg\n"
        "for name in pg.__all__: getattr(pg, name)\n"
        "from pluggrad import autograd, grad, interop, transforms\n"
        "assert pg.grad is transforms.grad is grad and pg.autograd is autograd\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
