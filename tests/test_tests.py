"""How the tests are laid out: they share by `support`, and ask there what is installed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pluggrad as pg

HERE = Path(__file__).parent
SUPPORT = HERE / "support"
PACKAGES = [p.name for p in Path(pg.__file__).parent.iterdir() if (p / "__init__.py").exists()]
#: These find modules of their own making, or of ours, not libraries that may be missing.
FINDERS = {"tools/test_compilers_import.py", "conformance/test_report_html.py"}


def sources(pattern: str) -> Iterator[tuple[str, ast.Module]]:
    """The path below tests/ and the syntax tree of each file outside of support/."""
    for path in sorted(HERE.rglob(pattern)):
        if SUPPORT not in path.parents:
            yield str(path.relative_to(HERE)), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """The last part of every module that is imported, and every name from a module."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").rpartition(".")[2])
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.name.rpartition(".")[2] for alias in node.names}
    return found


def functions(tree: ast.Module) -> set[str]:
    """The functions that a module defines at its top."""
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def helpers(path: Path) -> set[str]:
    """The functions that a module of support/ offers: those in `__all__`, or all public ones."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value)) & functions(tree)
    return {name for name in functions(tree) if not name.startswith("_")}


def test_no_test_file_imports_another() -> None:
    tests = {Path(path).stem for path, _ in sources("test_*.py")}
    circular = {path: found for path, tree in sources("*.py") if (found := imported(tree) & tests)}
    assert not circular, "what test files share belongs into tests/support"


def test_support_imports_no_test_file() -> None:
    tests = {Path(path).stem for path, _ in sources("test_*.py")}
    for path in SUPPORT.glob("*.py"):
        assert not imported(ast.parse(path.read_text(encoding="utf-8"))) & tests, path.name


def test_only_support_asks_what_is_installed() -> None:
    for path, tree in sources("*.py"):
        asked = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(tree)
            if isinstance(node, (ast.Attribute, ast.Name))
        } | imported(tree)
        assert "importorskip" not in asked, f"{path}: use tests.support.optional.needs"
        if path not in FINDERS:
            assert "find_spec" not in asked, f"{path}: use tests.support.optional.is_installed"


def test_no_helper_is_defined_again() -> None:
    offered = {name: path.name for path in SUPPORT.glob("*.py") for name in helpers(path)}
    assert {"leaf", "needs", "to_numpy", "check_derivatives"} <= set(offered)
    again = {
        path: {name: offered[name] for name in names}
        for path, tree in sources("*.py")
        if (names := functions(tree) & set(offered))
    }
    assert not again, "import it from tests/support, or give another function another name"


def test_folders_are_named_like_the_packages() -> None:
    folders = {path.split("/")[0] for path, _ in sources("test_*.py") if "/" in path}
    assert folders - {"clients", "conformance", "fuzz", "scale", "sweep", "typing"} <= set(PACKAGES)
    assert set(PACKAGES) <= folders, "each package of src/pluggrad has its tests in a folder"
