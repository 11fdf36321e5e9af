"""Imports in the functions of an adopted package: ``def f(): import numpy as np``.

Such a function gets code in which the statement names another module: one that only adopted code
can name, because its name begins with ``adopted:``. It is found when the statement runs.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType

from .replacements import ready, replacement_of

__all__ = ["AliasFinder", "rewritten"]

_PREFIX = "adopted:"
_IMPORT = dis.opmap["IMPORT_NAME"]
_REPLACED = frozenset({"numpy", "math", "scipy"})


def rewritten(code: CodeType) -> CodeType:
    """`code` with the modules that adopted packages see in its imports, nested functions included;
    `code` itself if it imports none of them."""
    constants = tuple([rewritten(c) if isinstance(c, CodeType) else c for c in code.co_consts])
    changed = any([a is not b for a, b in zip(constants, code.co_consts)])
    names, text = list(code.co_names), bytearray(code.co_code)
    for step in dis.get_instructions(code):
        if step.opcode != _IMPORT or step.argval.partition(".")[0] not in _REPLACED:
            continue
        alias = _PREFIX + step.argval
        place = names.index(alias) if alias in names else len(names)
        if place > 255 or (step.arg or 0) > 255:
            continue  # the instruction has no room for the number
        names[place:] = names[place:] or [alias]
        text[step.offset + 1] = place
        changed = True
    if not changed:
        return code
    return code.replace(co_consts=constants, co_names=tuple(names), co_code=bytes(text))


class AliasFinder(MetaPathFinder):
    """Finds the modules that adopted code names in its imports."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module whose name begins with ``adopted:``."""
        if not name.startswith(_PREFIX):
            return None
        return ModuleSpec(name, _AliasLoader(), is_package=True)


class _AliasLoader(Loader):
    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        found = import_module(name.removeprefix(_PREFIX))
        ready()
        sys.modules[name] = replacement_of(found)  # which is what the import system returns
