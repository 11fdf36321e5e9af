"""The pages of the reference: every public name, from its docstring.

`PAGES` is the list of pages, and `written` the text of each. A test holds that every public name
is on a page.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pluggrad as pg
from pluggrad.arrays.backend import PRIMITIVES
from pluggrad.arrays.composites import COMPOSITES
from pluggrad.errors import PluggradError
from pluggrad.variables.documentation import section_of
from pluggrad.variables.names import ALIASES, CONSTANTS, EXTENSIONS, public_names

__all__ = ["PAGES", "Page", "written"]


@dataclass(frozen=True)
class Page:
    """A page of the reference: names of one module."""

    file: str
    title: str
    words: str
    module: str
    names: tuple[str, ...]


TRANSFORMS = (
    "grad value_and_grad vjp jvp linearize jacrev jacfwd hessian hvp vmap checkpoint custom_vjp "
    "custom_jvp stop_gradient"
)
RECORDING = (
    "no_grad enable_grad set_grad_enabled is_grad_enabled inference_mode strong_zeros graph_breaks "
    "debug"
)
BACKENDS = "backends set_default_backend use namespace lift register_backend Adapter"

#: Functions of arrays: the chapters of the standard and the modules of `pluggrad.functions` that a
#: page collects.
FUNCTIONS = {
    "elementwise": (
        "Elementwise functions",
        "elementwise functions; rule comparisons elementwise ufuncs",
    ),
    "creation": (
        "Creating arrays, dtypes",
        "creation functions, data type functions; creation windows diagonals",
    ),
    "manipulation": (
        "Shapes, joining, splitting",
        "manipulation functions; joining manipulation inserting padding names",
    ),
    "statistics": (
        "Sums, extrema, statistics",
        "statistical functions, utility functions; reductions nans statistics quantiles histograms "
        "softmax",
    ),
    "selection": (
        "Indexing, searching, sorting, sets",
        "searching functions, sorting functions, set functions, indexing functions; gathering "
        "ordering selection sets masking writing",
    ),
    "products": (
        "Products and contractions",
        "linear algebra functions; products einsum linalg stacks",
    ),
    "calculus": (
        "Polynomials, signals, differences",
        "; polynomials fitting interpolation signals calculus applying",
    ),
}


def chapter_of(name: str) -> tuple[str, str]:
    """The standard's chapter that has a function of the main namespace, and our module of it."""
    full = ALIASES.get(name, name)
    if full in COMPOSITES:
        return section_of(name), COMPOSITES[full].__module__.rpartition(".")[2]
    return section_of(name) or section_of(full), "rule" if full in PRIMITIVES else ""


def function_pages() -> Iterable[Page]:
    """The pages of the main namespace, and one for each extension."""
    names = [name for name in public_names() if name not in (*EXTENSIONS, *CONSTANTS)]
    for file, (title, sources) in FUNCTIONS.items():
        chapters, _, modules = sources.partition(";")
        wanted = {part.strip() for part in chapters.split(",")} - {""}, set(modules.split())
        found = []
        for name in names:
            chapter, module = chapter_of(name)
            if chapter in wanted[0] or (not chapter and module in wanted[1]):
                found.append(name)
        if file == "creation":
            found += CONSTANTS
        words = (
            "They dispatch on their arguments: arrays of any library, and Variables. What is "
            "beyond the Array API standard has NumPy's meaning."
        )
        yield Page(file, title, words, "pluggrad", tuple(found))
    titles = {
        "linalg": "Linear algebra", "fft": "Fourier transforms", "special": "Special functions",
    }  # fmt: skip
    for extension, title in titles.items():
        words = f"The functions of ``pluggrad.{extension}``."
        yield Page(extension, title, words, f"pluggrad.{extension}",
                   tuple(public_names(f"{extension}.")))  # fmt: skip


def errors() -> tuple[str, ...]:
    """Every public error and warning."""
    kinds = (PluggradError, Warning)
    classes = {n: c for n in pg.__all__ if inspect.isclass(c := getattr(pg, n))}
    return tuple(name for name, c in classes.items() if issubclass(c, kinds))


def scipy_pages() -> Iterable[Page]:
    """One page for each module of `pluggrad.scipy`."""
    for name in (*pg.scipy.__all__, "cluster.vq", "sparse.linalg", "spatial.distance"):
        module = importlib.import_module(f"pluggrad.scipy.{name}")
        if names := without_modules(module):
            words = first_paragraph(module)
            yield Page(f"scipy-{name.replace('.', '-')}", f"pluggrad.scipy.{name}", words,
                       f"pluggrad.scipy.{name}", names)  # fmt: skip


def interop_pages() -> Iterable[Page]:
    """One page for each library whose autograd pluggrad meets."""
    for name in ("torch", "jax"):
        module = getattr(pg.interop, name)
        yield Page(f"interop-{name}", f"pluggrad.interop.{name}", first_paragraph(module),
                   f"pluggrad.interop.{name}", tuple(module.__all__))  # fmt: skip


def pages() -> Iterable[Page]:
    yield Page("variable", "Variable", "", "pluggrad", ("Variable",))
    yield Page("transforms", "Transforms of functions",
               "The face of JAX: functions of plain arrays.",
               "pluggrad", tuple(TRANSFORMS.split()))  # fmt: skip
    yield Page("recording", "What is recorded",
               "Switches of the graph: most are context managers, and decorators too.",
               "pluggrad", tuple(RECORDING.split()))  # fmt: skip
    yield Page("autograd", "pluggrad.autograd", "The face of ``torch.autograd``.",
               "pluggrad.autograd", without_modules(pg.autograd))  # fmt: skip
    yield Page("graph", "pluggrad.autograd.graph", first_paragraph(pg.autograd.graph),
               "pluggrad.autograd.graph", tuple(pg.autograd.graph.__all__))  # fmt: skip
    elsewhere = {*TRANSFORMS.split(), *RECORDING.split(), *BACKENDS.split(), *errors(), "Variable"}
    others = [n for n in pg.__all__ if n not in elsewhere and not inspect.ismodule(getattr(pg, n))]
    yield Page("programs", "Programs and tools", "", "pluggrad", tuple(others))
    yield Page("backends", "Backends", "", "pluggrad", tuple(BACKENDS.split()))
    yield from function_pages()
    yield from interop_pages()
    yield from scipy_pages()
    plugin = importlib.import_module("pluggrad.plugin")
    yield Page("plugin", "pluggrad.plugin", first_paragraph(plugin), "pluggrad.plugin",
               tuple(plugin.__all__))  # fmt: skip
    yield Page("errors", "Errors and warnings", "Every error derives from `PluggradError`, and "
               "from the built-in one that a user would catch.", "pluggrad", errors())  # fmt: skip


def without_modules(module: ModuleType) -> tuple[str, ...]:
    """What a module offers, without the modules in it."""
    return tuple(n for n in module.__all__ if not inspect.ismodule(getattr(module, n)))


def first_paragraph(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").split("\n\n")[0]


def summary(thing: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def heading(text: str, underline: str = "=") -> str:
    return f"{text}\n{underline * len(text)}\n"


def entry(page: Page, name: str) -> str:
    """The directive that documents a name."""
    thing = getattr(importlib.import_module("pluggrad") if page.module == "pluggrad"
                    else resolved(page.module), name)  # fmt: skip
    full = f"{page.module}.{name}"
    same = ALIASES.get(full.removeprefix("pluggrad."), "")
    if full.removeprefix("pluggrad.") in CONSTANTS:
        what = "A dtype of the default backend." if name[-1].isdigit() or name == "bool" else (
            "A constant of the standard.")  # fmt: skip
        return f".. py:data:: {name}\n\n   {what}\n"
    if same and inspect.isfunction(thing):
        words = f"Another name of `pluggrad.{same}`."
        return f".. py:function:: {name}{inspect.signature(thing)}\n\n   {words}\n"
    elsewhere = DEFINED.get(id(thing), full)
    if page.module in AGAIN and elsewhere != full:
        kind = "class" if inspect.isclass(thing) else "function"
        return f".. py:{kind}:: {name}\n   :no-index-entry:\n\n   The same as `{elsewhere}`.\n"
    if inspect.isclass(thing):
        members = "" if issubclass(thing, BaseException) else "   :members:\n"
        return f".. autoclass:: {name}\n{members}"
    if callable(thing):
        return f".. autofunction:: {name}\n"
    return f".. py:data:: {name}\n\n   {comment_on(name)}\n"


def comment_on(name: str) -> str:
    """The comment that describes a variable which `pluggrad.plugin` offers, where it is defined."""
    from sphinx.pycode import ModuleAnalyzer  # the tests list names without Sphinx

    for module in imported_from(inspect.getsource(importlib.import_module("pluggrad.plugin"))):
        comments = ModuleAnalyzer.for_module(module).find_attr_docs()
        if ("", name) in comments:
            return " ".join(comments["", name])
    return ""


def imported_from(source: str) -> list[str]:
    """The modules of pluggrad that the source of a module in `pluggrad` imports names from."""
    statements = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom)]
    ours = [n.module for n in statements if n.level == 1 and n.module]
    return ["pluggrad.plugin", *(f"pluggrad.{name}" for name in ours)]


def resolved(module: str) -> Any:
    """A module or namespace by its dotted name."""
    found: Any = pg
    for part in module.split(".")[1:]:
        found = getattr(found, part) if hasattr(found, part) else importlib.import_module(module)
    return found


def text_of(page: Page) -> str:
    """The page, in reStructuredText: what it lists, then each name."""
    lines = [heading(page.title), page.words, "", f".. py:currentmodule:: {page.module}", ""]
    if len(page.names) > 1:
        lines += [".. list-table::", "   :class: names", "   :widths: 30 70", ""]
        for name in page.names:
            thing = getattr(resolved(page.module), name)
            words = summary(thing) if callable(thing) and name not in CONSTANTS else ""
            lines += [f"   * - :py:obj:`{name}`", f"     - {words}"]
        lines.append("")
    return "\n".join([*lines, *(entry(page, name) for name in page.names)])


#: Modules that offer names of others again, and refer to where these are documented.
AGAIN = ("pluggrad.autograd", "pluggrad.autograd.graph", "pluggrad.plugin")
PAGES = tuple(pages())
#: Where functions and classes are documented, by their identity.
DEFINED = {
    id(getattr(resolved(page.module), name)): f"{page.module}.{name}"
    for page in reversed(PAGES)
    for name in page.names
    if callable(getattr(resolved(page.module), name)) and page.module != "pluggrad.plugin"
}


#: Modules with the names of another library, which documents them: the file, the module, its model.
MIRRORS = (
    ("numpy", "pluggrad.numpy", "numpy"),
    ("compat-autograd", "pluggrad.compat.autograd", ""),
)


def mirrors() -> dict[str, str]:
    """A page for each of `MIRRORS`: what the module says of itself, and the names that it has."""
    texts = {}
    for file, name, model in MIRRORS:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        names = [n for n in getattr(module, "__all__", dir(module)) if n[0] != "_"]
        listed = ", ".join(f":py:obj:`{n} <{model or name}.{n}>`" for n in sorted(names))
        texts[f"{file}.rst"] = "\n".join([
            heading(name), f".. automodule:: {name}", "   :no-members:", "",
            heading("Names", "-"), listed, "",
        ])  # fmt: skip
    return texts


def written() -> dict[str, str]:
    """The text of each page, by the name of its file."""
    pages_of_names = {f"{page.file}.rst": text_of(page) for page in PAGES}
    return pages_of_names | mirrors() | {"index.rst": index()}


def index() -> str:
    """The page that lists the others, by part."""
    parts = {
        "Differentiating": [p for p in PAGES if not p.file.startswith("scipy-")
                            and p.file not in FUNCTIONS and p.module.count(".") < 3
                            and p.file not in EXTENSIONS and p.file != "plugin"],
        "Functions of arrays": [p for p in PAGES if p.file in FUNCTIONS or p.file in EXTENSIONS],
        "SciPy's functions": [p for p in PAGES if p.file.startswith("scipy-")],
        "For backends": [p for p in PAGES if p.file == "plugin"],
    }  # fmt: skip
    lines = [heading("Reference"), "Every public name, with its docstring. In what follows, ``pg`` "
             "is ``import pluggrad as pg``.", ""]  # fmt: skip
    for title, some in parts.items():
        lines += [heading(title, "-"), ".. toctree::", "   :maxdepth: 1", ""]
        lines += [*(f"   {page.file}" for page in some), ""]
        if title == "Functions of arrays":
            lines[-1:] = [*(f"   {name.removesuffix('.rst')}" for name in mirrors()), ""]
    return "\n".join(lines)
