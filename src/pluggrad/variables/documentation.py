"""The documentation of public functions: docstrings, made from tables.

A docstring says what a function computes, what it takes and returns, what its derivative is where
that is a matter of convention, and where the standard describes it. The facts are in `summaries`,
in the rule book and in the function's signature. `import pluggrad` needs neither this module nor
`summaries`: both are imported when a user first asks for a function.
"""

from __future__ import annotations

import functools
import inspect
import textwrap

from ..arrays.backend import PRIMITIVES
from ..arrays.composites import COMPOSITES
from ..arrays.standard import CREATION, INQUIRIES
from .names import ALIASES, EXTENSIONS, signature_of
from .summaries import (
    CORNERS,
    DTYPES,
    EXAMPLES,
    PARAMETERS,
    RESULTS,
    SECTIONS,
    SHAPES,
    SUMMARIES,
    TUPLES,
)

__all__ = ["documentation", "documents_itself", "section_of", "type_of"]

URL = "https://data-apis.org/array-api/2025.12/"
SCIPY = "https://docs.scipy.org/doc/scipy/reference/generated/scipy."
ANSWERS = {
    "broadcast_shapes": "tuple",
    "can_cast": "bool",
    "finfo": "object with bits, eps, max, min and smallest_normal",
    "iinfo": "object with bits, max and min",
    "isdtype": "bool",
    "result_type": "dtype",
}


def type_of(full: str, parameter: inspect.Parameter) -> tuple[str, str]:
    """The type of a parameter, as an annotation, and a few words about it."""
    name = parameter.name
    full = ALIASES.get(full, full)
    if f"{full}.{name}" in PARAMETERS:
        return PARAMETERS[f"{full}.{name}"]
    shape = SHAPES.get(full, {}).get(name)
    if shape is not None:
        return "ArrayLike", f"Of shape {shape}." if shape[0] == "(" else f"With {shape}."
    own = COMPOSITES[full].__annotations__.get(name, "Any") if full in COMPOSITES else "Any"
    if name not in PARAMETERS and own not in ("Any", "ArrayLike"):
        return own, ""
    special = full.startswith("special.") and name not in ("axis", "keepdims")
    if name not in PARAMETERS and full in COMPOSITES:
        annotation = COMPOSITES[full].__annotations__.get(name, "Any")
        if annotation != "Any":
            return annotation, ""
    if special or name not in PARAMETERS:
        usual = "of any dtype" if full in SUMMARIES and not special else "floating-point"
        dtype = _dtypes().get(full, usual)
        return "ArrayLike", f"{dtype[0].upper()}{dtype[1:]}."
    kind, words = PARAMETERS[name]
    if name == "axis" and parameter.default is None:
        kind, words = "int | Sequence[int] | None", "Which axes; by default all."
        if full in _ONE_AXIS:
            kind, words = "int | None", "Which axis; by default all elements in a row."
    annotation = COMPOSITES[full].__annotations__.get(name) if full in COMPOSITES else "Any"
    if annotation not in ("Any", None):
        kind = annotation
    elif name == "axes" and parameter.default not in (None, inspect.Parameter.empty):
        kind = "Sequence[int]"
    return kind, words


#: Functions of one axis, which flatten the array if none is given.
_ONE_AXIS = {
    "argmax", "argmin", "cumulative_sum", "cumulative_prod", "take", "repeat", "cumsum", "cumprod",
}  # fmt: skip


def section_of(full: str) -> str:
    """The standard's chapter that describes a function; empty for functions beyond the standard."""
    return _by_name()[0].get(full, "")


@functools.cache
def _by_name() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Sections, results and corners, by the name of the function."""
    return _spread(SECTIONS), _spread(RESULTS), _turned(CORNERS)


@functools.cache
def _dtypes() -> dict[str, str]:
    """The accepted dtypes, by the name of the function."""
    return _spread(DTYPES)


def _spread(table: dict[str, str]) -> dict[str, str]:
    """From ``{"words": "sin cos"}`` to ``{"sin": "words", "cos": "words"}``."""
    return {name: words for words, names in table.items() for name in names.split()}


def _turned(table: dict[str, str]) -> dict[str, str]:
    """From ``{"sin cos": "words"}`` to ``{"sin": "words", "cos": "words"}``."""
    return {name: words for names, words in table.items() for name in names.split()}


@functools.cache
def documentation(full: str) -> str:
    """The docstring of the public function `full`, such as ``sin`` or ``linalg.solve``; empty for
    functions that only the library has."""
    name = ALIASES.get(full, full)
    if documents_itself(name):
        text = inspect.cleandoc(COMPOSITES[name].__doc__ or "")
        return "\n\n".join([part for part in (text, _place(full)) if part]) + "\n"
    if name not in SUMMARIES:
        return ""
    _, results, corners = _by_name()
    parts = [SUMMARIES[name]]
    parameters = list(signature_of(name).parameters.values())
    if parameters:
        lines = ["Parameters", "----------"]
        for parameter in parameters:
            lines += _lines_about(name, parameter)
        parts.append("\n".join(lines))
    usual = (
        "of the shape of the argument"
        if len(parameters) == 1
        else ("of the shape to which the arguments broadcast")
    )
    result = results.get(name, usual)
    result = f"a tuple of Variables: {result}" if name in TUPLES else f"Variable, {result}"
    result = ANSWERS.get(name, result)
    parts.append("Returns\n-------\n" + textwrap.fill(f"{result}.", 88))
    parts += [text for text in (_derivative(name, corners), _place(full)) if text]
    if name in EXAMPLES:
        parts.append(_example(EXAMPLES[name]))
    return "\n\n".join(parts) + "\n"


def documents_itself(name: str) -> bool:
    """Whether the docstring of the composite `name` is complete: it has an example then."""
    return name in COMPOSITES and ">>>" in (COMPOSITES[name].__doc__ or "")


def _lines_about(name: str, parameter: inspect.Parameter) -> list[str]:
    """What the docstring says about one parameter."""
    kind, words = type_of(name, parameter)
    kind = kind.replace("ArrayLike", "array or number").replace("Sequence[int]", "sequence of ints")
    kind = kind.replace("Sequence[array or number]", "sequence of arrays")
    kind = kind.replace(" | ", " or ").replace("Any", "object")
    star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
    default = ""
    if parameter.default is None:
        default = ", optional"
        kind = kind.removesuffix(" or None")
    elif parameter.default is not parameter.empty:
        default = f", default {parameter.default!r}"
    line = f"{star}{parameter.name} : {kind}{default}"
    return [line, f"    {words}"] if words else [line]


def _derivative(name: str, corners: dict[str, str]) -> str:
    """The paragraph about the derivative; empty if there is nothing unusual about it."""
    if name in INQUIRIES:
        return ""
    said = [corners[name]] if name in corners else []
    row = PRIMITIVES.get(name)
    if row is not None and row.kind == "constant":
        said.append("none; the result is a constant.")
    if row is not None:
        unknown = [
            f"`{parameter}`"
            for parameter, formula in zip(row.parameters, row.formulas, strict=False)
            if getattr(formula, "__name__", "") == "unknown"
        ]
        if unknown:
            said.append(f"By {' and '.join(unknown)} it is not known here: asking for it raises.")
    if name in CREATION:
        said.append("With ``requires_grad=True`` the result is a leaf of the graph.")
    return textwrap.fill(f"Derivative: {' '.join(said)}", 88) if said else ""


def _place(full: str) -> str:
    """Where the function is described."""
    section = section_of(full)
    if section:
        where = f"{URL}API_specification/generated/array_api.{full}.html"
        if full.startswith(EXTENSIONS):
            where = f"{URL}extensions/generated/array_api.{full}.html"
        return f"Array API 2025.12, {section}: {full}\n{where}"
    if full.startswith("special."):
        return f"Beyond the Array API standard, with SciPy's meaning:\n{SCIPY}{full}.html"
    return "Beyond the Array API standard, with NumPy's meaning."


def _example(text: str) -> str:
    """The lines of an example with prompts; the last one is what it prints."""
    *lines, printed = text.split("\n")
    return "\n".join([">>> import pluggrad as pg", *[f">>> {line}" for line in lines], printed])
