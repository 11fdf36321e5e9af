"""The source text of a function and of all it uses, so that a script can stand alone."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

__all__ = ["definitions"]

LITERALS = (bool, int, float, complex, str, bytes, type(None), slice, type(...))


class NotPlain(Exception):
    """The function needs something that cannot be written down."""


def definitions(function: Callable[..., Any], name: str) -> list[str] | None:
    """Statements that define `function` under `name`, preceded by what it uses; None if it uses
    something that cannot be written down (an array, an object of a class of its own).

    >>> definitions(textwrap.dedent, "f") is None  # it uses compiled patterns
    True
    """
    made: dict[str, str] = {}
    try:
        _define(function, name, made)
    except NotPlain:
        return None
    return list(made.values())


def _define(function: Any, name: str, made: dict[str, str]) -> None:
    if not isinstance(function, FunctionType):
        raise NotPlain(name)
    node, text = _node(function)
    if function.__defaults__ and not isinstance(node, ast.Lambda):
        values = function.__defaults__
        if not all(isinstance(value, LITERALS) for value in values):
            raise NotPlain(name)
    for used in sorted(_free(node)):
        _use(used, _look_up(function, used), made)
    if isinstance(node, ast.Lambda):
        new = f"{name} = {text}"
    else:
        new = text if node.name == name else f"{text}\n{name} = {node.name}"
    if made.setdefault(name, new) != new:
        raise NotPlain(name)  # one name for two things


def _use(name: str, value: Any, made: dict[str, str]) -> None:
    """Add the definition of a name that a function uses."""
    if isinstance(value, ModuleType):
        if value.__name__.startswith("pluggrad_conformance"):
            raise NotPlain(name)
        new = f"import {value.__name__} as {name}" if value.__name__ != name else f"import {name}"
    elif _literal(value):
        new = f"{name} = {value!r}"
    elif isinstance(value, FunctionType) and value.__module__ not in ("builtins",):
        if name not in made:
            made[name] = ""  # it may call itself
            inner: dict[str, str] = {}
            _define(value, name, inner)
            own = inner.pop(name)
            del made[name]
            for key, text in inner.items():
                if made.setdefault(key, text) != text:
                    raise NotPlain(key)
            made[name] = own
        return
    else:
        raise NotPlain(name)
    if made.setdefault(name, new) != new:
        raise NotPlain(name)


def _literal(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_literal(item) for item in value)
    if isinstance(value, float) and value - value != 0:
        return False  # inf and nan have no literal
    return isinstance(value, LITERALS)


@lru_cache(maxsize=64)
def _parsed(path: str) -> tuple[str, ast.Module]:
    text = Path(path).read_text(encoding="utf-8")
    return text, ast.parse(text)


def _node(function: FunctionType) -> tuple[Any, str]:
    """The syntax of a function, and its text without indentation."""
    code = function.__code__
    try:
        text, tree = _parsed(code.co_filename)
    except (OSError, SyntaxError):
        raise NotPlain(function.__name__) from None
    kind = ast.Lambda if code.co_name == "<lambda>" else ast.FunctionDef
    found: list[Any] = [
        n for n in ast.walk(tree) if isinstance(n, kind) and n.lineno == code.co_firstlineno
    ]
    if kind is ast.Lambda:
        starts = {
            (line, column)
            for line, _, column, end in code.co_positions()
            if line is not None and column is not None and end is not None and end > column
        }
        found = [n for n in found if _begins(n) in starts and all(_within(n, s) for s in starts)]
    if len(found) != 1 or getattr(found[0], "decorator_list", []):
        raise NotPlain(function.__name__)
    segment = ast.get_source_segment(text, found[0])
    assert segment is not None
    if kind is ast.Lambda:
        return found[0], " ".join(line.strip() for line in segment.splitlines())
    return found[0], textwrap.dedent(" " * found[0].col_offset + segment)


def _begins(node: Any) -> tuple[int, int]:
    return node.body.lineno, node.body.col_offset


def _within(node: Any, spot: tuple[int, int]) -> bool:
    end = (node.body.end_lineno or 0, node.body.end_col_offset or 0)
    return (node.lineno, node.col_offset) <= spot < end


def _free(node: Any) -> set[str]:
    """The names that a function takes from around it."""
    bound = {a.arg for n in ast.walk(node) if isinstance(n, ast.arguments)
             for a in (*n.args, *n.kwonlyargs, *n.posonlyargs, n.vararg, n.kwarg) if a}  # fmt: skip
    inside = node.body if isinstance(node.body, list) else [node.body]
    names = [n for part in inside for n in ast.walk(part) if isinstance(n, ast.Name)]
    names += [n for d in (*node.args.defaults, *node.args.kw_defaults) if d
              for n in ast.walk(d) if isinstance(n, ast.Name)]  # fmt: skip
    bound |= {n.id for n in names if not isinstance(n.ctx, ast.Load)}
    bound |= {n.name for part in inside for n in ast.walk(part) if isinstance(n, ast.FunctionDef)}
    if any(isinstance(n, (ast.Import, ast.ImportFrom)) for part in inside for n in ast.walk(part)):
        raise NotPlain("import")
    return {n.id for n in names} - bound - set(dir(builtins))


def _look_up(function: FunctionType, name: str) -> Any:
    around = inspect.getclosurevars(function)
    for space in (around.nonlocals, function.__globals__):
        if name in space:
            return space[name]
    raise NotPlain(name)
