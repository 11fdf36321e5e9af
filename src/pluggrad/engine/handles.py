"""Where Variables are put on and taken off: every handle is made and unwrapped here.

A handle that a user holds wraps a value one level down, at a place in the graph of its level.
"""

from __future__ import annotations

from typing import Any

from ..arrays.backend import BACKENDS, VARIABLES, Backend, backend_of
from ..arrays.dispatch import is_variable, xp
from ..errors import CapturedVariableError
from .grad_mode import Sealed
from .graph import LeafNode
from .levels import ROOT, VOLATILE, Level, read
from .primitive import new

__all__ = [
    "captured",
    "constant_of",
    "handle_of",
    "raw_of",
    "released",
    "unwrap_untracked",
    "wrap",
    "wrap_untracked",
]


def make(cls: Any, value: Any, node: Any, level: Level) -> Any:
    """A handle of class `cls`: the one constructor, without the checks of the public one.

    (`short_cuts.bind` and `Variable._snapshot` state it once more, where the call would cost.)
    """
    v = new(cls)
    v._value, v._node, v._level, v._cell = value, node, level, None
    return v


def handle_of(v: Any) -> Any:
    """Another handle for the value and the place of `v`, made here, to be written by itself."""
    made = v._snapshot()
    made._birth = read().level
    return made


def constant_of(x: Any, off: frozenset[Level]) -> Any:
    """`x`, of a level around, as what the open level sees: a snapshot. Where that level does not
    track it, or does not record, its value is all that counts."""
    x = x._snapshot()
    while is_variable(x) and x._level is not VOLATILE:
        if x._node is not None:
            if x._level not in off or x._level.maps:
                break
            if type(off) is Sealed and x._level in off.levels:
                raise captured(x, "beside values that it was handed")
        x = x._value
    return x


def captured(x: Any, where: str) -> CapturedVariableError:
    """The error for a tracked or mapped value that a custom operation was not handed."""
    kind = "differentiated" if not x._level.maps else "mapped over by vmap"
    return CapturedVariableError(
        f"a custom operation uses a Variable of shape {tuple(x.shape)} that is {kind} ({where}), "
        "and was not handed it as an argument: the gradient would be lost. Make it an argument "
        "that is differentiated (its gradient may be None), or `.detach()` it."
    )


def wrap(y: Any, node: Any, level: Level, backend: Backend) -> Any:
    """A Variable for the result `y`, without the checks of the public constructor."""
    v = make(
        backend.nested if isinstance(y, backend.variable) else backend.variable, y, node, level
    )
    opened = read().level
    if opened is not ROOT:
        v._birth = opened
    return v


def wrap_untracked(y: Any, backend: Backend, level: Level = ROOT) -> Any:
    """`y`, computed without recording, as a Variable; tuples and lists item by item."""
    if isinstance(y, (tuple, list)) and not hasattr(y, "shape"):
        items = [wrap_untracked(item, backend, level) for item in y]
        return type(y)(*items) if hasattr(y, "_fields") else type(y)(items)
    if isinstance(y, backend.variable) or BACKENDS.get(type(y), backend) is None:
        return y
    return wrap(y, None, level, backend)


def raw_of(x: Any) -> Any:
    """The raw array at the bottom of `x`."""
    while type(x) in VARIABLES:
        x = x._read()[0]
    return x


def unwrap_untracked(v: Any) -> Any:
    """A raw array in the place of an untracked Variable."""
    if is_variable(v) and v._read()[1] is None and v._level is ROOT:
        return v._value
    return v


def released(g: Any) -> Any:
    """A gradient as it is handed out: not as a view of what a rule made on the way to it, which may
    be read-only."""
    return handle_of(g) if is_variable(g) and g._cell is not None else g


def as_variable(x: Any, backend: Backend | None = None) -> Any:
    """`x` as a Variable, if it is an array."""
    kind = type(x)
    if kind in VARIABLES:
        return x
    found = BACKENDS.get(kind)
    if found is None:
        found = (backend_of(x) or backend) if hasattr(x, "dtype") else None
        if found is None:
            return x
    return wrap(x, None, ROOT, found)


def snapshot_of(v: Any) -> Any:
    """`v` as it is kept: a raw array for an untracked Variable, a snapshot of a tracked one."""
    while type(v) in VARIABLES:
        if v._cell is not None:
            v._read()
            v._cell.owned = False  # from now on somebody else has its buffer
        if v._node is not None or (v._level is not ROOT and v._level is not VOLATILE):
            return v._snapshot()
        v = v._value
    return v


def own_handle(x: Any) -> Any:
    """`x` as a Variable, in a handle that a user's function may write: if it is an array."""
    if type(x) not in VARIABLES:
        return as_variable(x)
    # A leaf is not written outside of no_grad, by whatever handle.
    leaf = type(x._read()[1]) is LeafNode and x._level is ROOT
    return xp.copy(x) if leaf else handle_of(x)


def is_tracked(x: Any) -> bool:
    """Whether there is a derivative by `x` at any level."""
    while type(x) in VARIABLES:
        if x._cell is not None:
            x._read()
        if x._node is not None and not x._level.maps:
            return True
        x = x._value
    return False
