"""`isinstance`, `type`, `list`, `tuple` and `dict` for values that may be Variables.

Lists, tuples and dicts of Variables are Python's own here, so three of these names are the
builtins, and `DictBox` and `SequenceBox`, which annotations and `isinstance` use, stand for them.
"""

from __future__ import annotations

import builtins
from typing import Any

from ...engine.handles import raw_of

dict, list, tuple = builtins.dict, builtins.list, builtins.tuple

DictBox, SequenceBox = dict, list

__all__ = ["DictBox", "SequenceBox", "dict", "isinstance", "list", "tuple", "type"]


def isinstance(x: Any, kinds: Any) -> bool:
    """Whether the plain value in `x` is an instance of `kinds`."""
    return builtins.isinstance(raw_of(x), kinds)


def type(x: Any, *more: Any, **named: Any) -> Any:
    """The type of the plain value in `x`; or a new class, as of Python's ``type(name, bases,
    namespace)``."""
    if more or named:
        return builtins.type(x, *more, **named)
    return builtins.type(raw_of(x))
