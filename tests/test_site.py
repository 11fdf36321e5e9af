"""The documentation's sources: every public name has a place, every formula is found, and what
pages say of two libraries is so. ``python docs/build.py`` builds and checks the site itself."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

import pluggrad as pg
from pluggrad.engine.primitive import PASS
from tests.support.examples import CHECKOUT
from tests.support.optional import needs

DOCS = CHECKOUT / "docs"
PAIRS = re.compile(r"^(`{3,})\{(pairs-setup|pair)\}[^\n]*\n(.*?)^\1$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def extension():
    """Imports a module of docs/_ext."""
    sys.path.insert(0, str(DOCS / "_ext"))
    yield importlib.import_module
    sys.path.remove(str(DOCS / "_ext"))


def test_every_public_name_is_in_the_reference(extension):
    needs("jax", "torch", "scipy")
    pages = extension("reference").PAGES
    documented: dict[str, set[str]] = {}
    for page in pages:
        documented.setdefault(page.module, set()).update(page.names)
    modules = ["autograd", "autograd.graph", "plugin", "interop.torch", "interop.jax"]
    modules += [f"scipy.{name}" for name in pg.scipy.__all__ if name != "cluster"]
    for name in modules:
        module = extension("reference").resolved(f"pluggrad.{name}")
        public = {n for n in module.__all__ if not inspect.ismodule(getattr(module, n))}
        assert public <= documented[f"pluggrad.{name}"], name
    top = {n for n in dir(pg) if n[0] != "_" and not inspect.ismodule(getattr(pg, n))}
    missing = top - documented["pluggrad"] - {"linalg", "fft", "special"}
    assert not missing, "give them a page in docs/_ext/reference.py"
    for name in ("linalg", "fft", "special"):
        assert set(dir(getattr(pg, name))) - documented[f"pluggrad.{name}"] <= {
            n for n in dir(getattr(pg, name)) if n[0] == "_"
        }


def test_every_name_has_words(extension):
    needs("jax", "torch", "scipy")
    reference = extension("reference")
    silent = [
        f"{page.module}.{name}"
        for page in reference.PAGES
        for name in page.names
        if callable(thing := getattr(reference.resolved(page.module), name))
        and not reference.summary(thing)
    ]
    assert not silent


def test_the_rule_book_states_every_formula(extension):
    """The source that is found for a lambda has the names and the numbers of its code."""
    book, checked = extension("rulebook"), 0
    for row in book.rows().values():
        for function in row.formulas:
            if function is None or function is PASS:
                continue
            text, bare = book.formula(function), inspect.unwrap(function)
            if bare.__name__ == "<lambda>":
                names = ", ".join(inspect.signature(bare).parameters)
                again, code = eval(f"lambda {names}: ({text})").__code__, bare.__code__
                assert set(again.co_names) == set(code.co_names) | set(code.co_freevars), row.name
                assert set(again.co_consts) == set(code.co_consts), row.name
                checked += 1
            else:
                assert bare.__name__ in text, row.name
    assert checked > 150


def test_measurements_are_of_all_rows(extension):
    """But of one, which `pluggrad.scipy` adds: docs/scipy.md has what was measured of those."""
    book = extension("rulebook")
    bare = [name for name in book.rows() if not book.by_backend(name)]
    assert set(bare) <= {"special.zetac"}, (
        "run the conformance suite, which makes docs/conformance-results.jsonl.xz"
    )


def test_figures_are_those_that_were_measured(extension):
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    page = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    again = "run `python docs/_ext/measured.py`"
    assert extension("measured").written(readme) == readme, again
    assert extension("measured").page() == page, again


@pytest.mark.parametrize(
    "page", sorted(p.name for p in DOCS.glob("*.md") if PAIRS.search(p.read_text()))
)
def test_pairs_agree(page, extension):
    """Both halves of each pair give the same; when the site is built they run, too."""
    text = (DOCS / page).read_text(encoding="utf-8")
    needs("jax", "torch", *(["autograd"] if "import autograd" in text else []))
    pairs = extension("pair_programs")
    scopes: tuple[dict[str, object], ...] = ({}, {})
    found = PAIRS.findall(text)
    assert len(found) > 3
    for _, kind, program in found:
        code = re.sub(r"^:left:.*\n", "", program)
        halves = (code, code) if kind == "pairs-setup" else code.split(pairs.RULE)
        values = [pairs.plain(pairs.run(half, scope)) for half, scope in zip(halves, scopes)]
        assert pairs.same(*values), code


def test_every_page_is_listed():
    """A page of docs/ that no list in docs/index.md names, or no pattern there, is not found."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    lists = "\n".join(re.findall(r"^```\{toctree\}\n(.*?)^```", index, re.DOTALL | re.MULTILINE))
    patterns = [line for line in lists.splitlines() if line and line[0] not in ":`"]
    listed = {p for pattern in patterns for p in DOCS.glob(f"{pattern}.md")}
    made = {DOCS / name for name in ("index.md",)}
    assert set(DOCS.glob("*.md")) - listed - made == set(), "add it to a list in docs/index.md"


def test_every_function_that_was_measured_has_a_row(extension):
    """Each name in the data that docs/ keeps is on the page of functions, once in its table."""
    functions = extension("functions")
    rows = {module: [row.name for row in found]
            for tables in functions.tables().values() for module, found in tables.items()}  # fmt: skip
    for module, names in rows.items():
        assert len(set(names)) == len(names), module
    listed = {f"{module}.{name}" for module, names in rows.items() for name in names}
    names = functions.kept("function-names.json")
    swept = functions.kept("numpy-sweep.json")["functions"]
    expected = {
        f"numpy.{name}"
        for name in (*swept, *names["numpy"]["aliases"], *names["numpy"]["calls"],
                     *names["numpy"]["without"])
    }  # fmt: skip
    expected |= {f"scipy.{name}" for name in functions.kept("scipy-table.json")["rows"]}
    expected |= {
        f"scipy.{module}.{name}"
        for module, part in names["scipy"].items() if module != "version"
        for group in (part["own"], *part["refused"].values()) for name in group
    }  # fmt: skip
    expected |= {
        f"{place}.{name}"
        for place, answers in functions.kept("torch-functions.json")["functions"].items()
        for reasons in answers.values() for group in reasons.values() for name in group
    }  # fmt: skip
    assert expected <= listed
    text = functions.page()
    assert all(f"<tr id='{name}'>" in text for name in listed)


def test_the_page_of_functions_says_what_was_measured(extension):
    functions = extension("functions")
    text, names = functions.page(), functions.kept("function-names.json")
    for library, title in functions.LIBRARIES.items():
        assert f" {title} {functions.versions()[library]} |" in text
        of_names = names.get(library, {"version": functions.versions()[library]})
        assert of_names["version"] == functions.versions()[library], "measure both anew"
        assert f"{functions.versions()[library]}" in text.partition(f"## {title}\n")[2][:80]
    outcomes = {
        f"{module}.{row.name}": row
        for tables in functions.tables().values() for module, found in tables.items() for row in found
    }  # fmt: skip
    assert {row.outcome for row in outcomes.values()} == set(functions.OUTCOMES)
    for name, outcome, words in (
        ("numpy.sum", "works", ""),
        ("numpy.abs", "works", "`np.absolute`"),
        ("numpy.array", "use instead", "`pluggrad.numpy.array`"),
        ("numpy.emath.sqrt", "use instead", "`pluggrad.sqrt`"),
        ("numpy.argsort", "constant", ""),
        ("numpy.save", "refused", "no derivative"),
        ("scipy.ndimage.zoom", "works", ""),
        ("scipy.integrate.quad", "works with limits", "No `vmap`"),
        ("scipy.linalg.schur", "refused", "no derivative"),
        ("scipy.stats.gstd", "works with limits", "`SCIPY_ARRAY_API=1`"),
        ("torch.linalg.svd", "works", "rule of pluggrad"),
        ("torch.Tensor.add_", "works", "in place"),
        ("torch.Tensor.max", "works with limits", "`v.max(dim=1)`"),
        ("torch.Tensor.coalesce", "refused", "dense"),
    ):
        assert outcomes[name].outcome == outcome and words in outcomes[name].remark, name


def test_names_of_functions_are_measured_as_they_are_now(tmp_path):
    """docs/function-names.json is what its script writes with the same versions."""
    needs("scipy")
    script, found = DOCS / "function_names.py", tmp_path / "names.json"
    kept = json.loads((DOCS / "function-names.json").read_text(encoding="utf-8"))
    for library in ("numpy", "scipy"):
        if kept[library]["version"] != version(library):
            pytest.skip(f"docs/function-names.json is about {library} {kept[library]['version']}")
    subprocess.run([sys.executable, script, found], check=True)
    now = json.loads(found.read_text(encoding="utf-8"))
    assert kept == now, "run `python docs/function_names.py`"
