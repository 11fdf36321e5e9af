"""Short cuts of operations with two arguments whose Node has one edge.

They serve a Variable beside a number, and a Variable times itself. Nothing is broadcast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...arrays.backend import Backend
from ..graph import Node
from ..levels import read
from ..primitive import Primitive, new
from ..views import settled

__all__ = ["beside_number", "with_itself"]

NONE: dict[str, Any] = {}  # no keywords; shared and never written
#: Operations that cost less with an array of `Adapter.numbers` than with a Python number.
QUICKER = frozenset({"add", "subtract", "multiply", "divide"})


def beside_number(
    primitive: Primitive, backend: Backend, raw: Callable[..., Any], first: bool
) -> Callable[[Any, Any], Any]:
    """The short cut of `primitive` for a Variable and a number. `first` says whether the Variable
    is the first argument.

    It takes the Variable and the number, and returns None where it does not apply.
    """
    cls, reals, like = backend.variable, backend.real_dtypes, backend.like
    of_variable, of_number = (1, 2) if first else (2, 1)  # as `Rule.code` counts
    usual: Any = primitive.rules[of_variable - 1]
    code = usual.code
    square: Any = primitive.squares if first and primitive.name == "pow" else None
    array_type = backend.adapter.array_type
    usual_dtype: Any
    arrays: Any
    usual_dtype, arrays = backend.adapter.numbers if primitive.name in QUICKER else (None, NONE)

    def operate(x: Any, number: Any) -> Any:
        parent, level = x._node, x._level
        if parent is None or level is not read().plain:
            return None
        if (c := x._cell) is not None and not settled(x, c):
            return None
        value = x._value
        before = value.dtype
        if before is usual_dtype and type(value) is array_type:
            number = arrays[number]
        y = raw(value, number) if first else raw(number, value)
        dtype = y.dtype
        if dtype is not before or (dtype is not usual_dtype and dtype not in reals):
            return None
        node = Node()
        node.rule, node.parent, node.more = usual, parent, None
        if square is not None and number == 2:
            node.rule, node.saved = square, value
        elif code == of_number:
            node.saved = number
        elif code < 4:
            node.saved = y if code == 3 else value if code == of_variable else None
        else:
            node.saved = usual.pick((value, number) if first else (number, value), NONE, y, like)
        v = new(cls)
        v._value, v._node = y, node
        v._level, v._cell = level, None
        return v

    return _never if primitive.kind == "bilinear" else operate


def with_itself(
    primitive: Primitive, backend: Backend, raw: Callable[..., Any]
) -> Callable[[Any], Any]:
    """The short cut of `multiply` for a Variable times itself, with the rule of `square`.

    It takes the Variable, and returns None where it does not apply.
    """
    cls, reals = backend.variable, backend.real_dtypes
    rule: Any = primitive.squares

    def operate(x: Any) -> Any:
        parent, level = x._node, x._level
        if parent is None or level is not read().plain:
            return None
        if (c := x._cell) is not None and not settled(x, c):
            return None
        value = x._value
        y = raw(value, value)
        if y.dtype not in reals:
            return None
        node = Node()
        node.rule, node.parent, node.more = rule, parent, None
        node.saved = value
        v = new(cls)
        v._value, v._node = y, node
        v._level, v._cell = level, None
        return v

    return operate if primitive.name == "multiply" else _never


def _never(*args: Any) -> None:
    """A short cut that never applies."""
