"""The declarations that type checkers read: `src/pluggrad/variables/declared.pyi`.

    python docs/stubs.py           write the file
    python docs/stubs.py --check   fail if it is not current

Functions, operators and methods are made at run time, from the rule book and from tables, so that a
type checker cannot see them. This program writes them down, from the same sources: names and
signatures as `inspect.signature` gives them, types of parameters from the table that the docstrings
are made from.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path

from pluggrad.arrays.standard import CREATION
from pluggrad.variables import methods, operators
from pluggrad.variables.documentation import type_of
from pluggrad.variables.names import ALIASES, CONSTANTS, EXTENSIONS, public_names, signature_of
from pluggrad.variables.summaries import TUPLES
from pluggrad.variables.variable import Variable

TARGET = Path(__file__).parents[1] / "src/pluggrad/variables/declared.pyi"
HEAD = '''"""What type checkers see of functions, operators and methods. docs/stubs.py writes it."""

import builtins
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy

from .types import ArrayLike as ArrayLike
from .variable import Variable

__all__ = [
{names}
]
'''
#: Results that are no Variable.
RESULTS = {
    "broadcast_shapes": "tuple[Any, ...]", "can_cast": "builtins.bool", "finfo": "Any",
    "gradient": "Any", "iinfo": "Any", "iscomplexobj": "builtins.bool", "isdtype": "builtins.bool",
    "isrealobj": "builtins.bool", "result_type": "Any",
}  # fmt: skip
CONSTANT_TYPES = dict.fromkeys(("e", "inf", "nan", "pi"), "float") | {"newaxis": "None"}
#: Methods that are the same for all Variables, but whose results only a stub can name: the class of
#: Variables is defined above the modules that these methods live in.
ELEMENTS = """\
    def __getitem__(self, key: Any, /) -> Variable: ...
    def __iter__(self) -> Iterator[Variable]: ...
    def __hash__(self) -> int: ...
    # NumPy's stubs take what has this method for an array of that dtype. With any other dtype they
    # would answer `array * v` by an array, where it is a Variable.
    def __array__(
        self, dtype: Any = None, copy: builtins.bool | None = None
    ) -> numpy.ndarray[Any, numpy.dtype[numpy.object_]]: ...
"""


def annotated(text: str) -> str:
    """An annotation that works where `bool` is the name of a dtype."""
    return text.replace("bool", "builtins.bool")


def parameter_list(full: str, signature: inspect.Signature) -> str:
    """The parameters, as they stand in a stub."""
    parts: list[str] = []
    last = None
    for parameter in signature.parameters.values():
        if last is parameter.POSITIONAL_ONLY is not parameter.kind:
            parts.append("/")
        if parameter.kind is parameter.KEYWORD_ONLY and last not in (
            parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL,
        ):  # fmt: skip
            parts.append("*")
        last = parameter.kind
        if parameter.name == "self":
            parts.append("self")
            continue
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        kind = annotated(type_of(full, parameter)[0])
        if star and kind == "Sequence[int] | None":
            kind = "int | Sequence[int]"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        if default == " = None" and "None" not in kind and kind != "Any":
            kind += " | None"
        parts.append(f"{star}{parameter.name}: {kind}{default}")
    if last is inspect.Parameter.POSITIONAL_ONLY:
        parts.append("/")
    if full in CREATION:
        parts += ["requires_grad: builtins.bool = False"]
    return ", ".join(parts)


def result_of(full: str) -> str:
    """What a function returns."""
    if full in TUPLES:
        return tuple_name(full) if TUPLES[full] else "tuple[Variable, ...]"
    return RESULTS.get(full, "Variable")


def tuple_name(full: str) -> str:
    """The class of a result with named fields."""
    return "".join(part.capitalize() for part in full.split(".")[-1].split("_")) + "Result"


def function(full: str, indent: str = "") -> list[str]:
    """The declaration of a function; inside a class, of a static method."""
    full_name = ALIASES.get(full, full)
    arguments = parameter_list(full_name, signature_of(full_name))
    head = [f"{indent}@staticmethod"] if indent else []
    name = full.split(".")[-1]
    return [*head, f"{indent}def {name}({arguments}) -> {result_of(full_name)}: ..."]


def constant(name: str, indent: str = "") -> str:
    return f"{indent}{name}: {CONSTANT_TYPES.get(name, 'Any')}"


def operator_lines() -> list[str]:
    """The operators and methods of a Variable."""
    lines = [f"    def __{short}__(self) -> Variable: ..." for short in operators.UNARY]
    for short in (*operators.BINARY, *operators.COMPARE):
        forms = (short, f"r{short}", f"i{short}") if short in operators.BINARY else (short,)
        for form in forms:
            ignored = "  # type: ignore[override]" if form in ("eq", "ne") else ""
            lines.append(f"    def __{form}__(self, other: ArrayLike, /) -> Variable: ...{ignored}")
    for name in methods.METHODS:
        arguments = parameter_list(name, inspect.signature(getattr(Variable, name)))
        lines.append(f"    def {name}({arguments}) -> Variable: ...")
    return lines


def text() -> str:
    """The whole file."""
    names = [name for name in public_names() if name not in EXTENSIONS]
    quoted = "\n".join(f'    "{name}",' for name in sorted([*names, *EXTENSIONS]))
    lines = [HEAD.format(names=quoted)]
    for full, fields in TUPLES.items():
        if fields:
            lines += [f"class {tuple_name(full)}(NamedTuple):",
                      *[f"    {field}: Variable" for field in fields], ""]  # fmt: skip
    lines += ["class Declared:", '    """The operators and methods of a Variable."""', ""]
    lines += [*operator_lines(), ELEMENTS]
    for extension in EXTENSIONS:
        lines += [f"class {extension.capitalize()}:", f'    """`pluggrad.{extension}`."""', ""]
        for name in public_names(f"{extension}."):
            lines += function(f"{extension}.{name}", "    ")
        lines.append("")
    lines += ["class Functions:", '    """What the namespace of a backend offers."""', ""]
    for name in names:
        if name in CONSTANTS:
            lines.append(constant(name, "    "))
        elif name != "asarray":  # which Namespace itself defines
            lines += function(name, "    ")
    lines += [f"    {extension}: {extension.capitalize()}" for extension in EXTENSIONS]
    lines.append("")
    for name in names:
        lines += [constant(name)] if name in CONSTANTS else function(name)
    lines += [f"{extension}: {extension.capitalize()}" for extension in EXTENSIONS]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether it is current")
    if parser.parse_args().check:
        current = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text()
        print(f"{TARGET.name} is {'current' if current else 'not current: python docs/stubs.py'}")
        return 0 if current else 1
    TARGET.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
