"""The one place where values are wrapped in Variables and unwrapped again.

A Variable is a handle: it wraps a value from one level down, and holds its Node in the graph of its
own level.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..arrays.backend import BACKENDS, VARIABLES, Backend, backend_of
from ..arrays.dispatch import is_variable, xp
from ..errors import CapturedVariableError
from .grad_mode import Sealed
from .graph import LeafNode
from .levels import ROOT, VOLATILE, Level, read
from .primitive import new

__all__ = [
    "as_variable",
    "as_variables",
    "captured",
    "constant_of",
    "finished",
    "handle_of",
    "is_tracked",
    "make",
    "own_handle",
    "raw_of",
    "released",
    "snapshot_of",
    "unwrap_untracked",
    "wrap",
    "wrap_untracked",
]


def make(cls: Any, value: Any, node: Any, level: Level) -> Any:
    """A handle of class `cls`, without the checks of the public constructor.

    (`wrap`, `short_cuts.bind` and `Variable._snapshot` repeat these lines, to save the call.)
    """
    v = new(cls)
    v._value, v._node, v._level, v._cell = value, node, level, None
    return v


def handle_of(v: Any) -> Any:
    """Another handle with the value and Node of `v`, born at the current level. Writes to it do not
    change `v`."""
    made = v._snapshot()
    made._birth = read().level
    return made


def constant_of(x: Any, off: frozenset[Level]) -> Any:
    """The constant that `x`, a Variable of an outer level, is at the open level: a snapshot.
    Wherever its level does not track it, or is `off`, only the value below remains."""
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
    """The error for a tracked or mapped value that was not passed to the custom operation that uses
    it."""
    kind = "differentiated" if not x._level.maps else "mapped over by vmap"
    return CapturedVariableError(
        f"a custom operation uses a Variable of shape {tuple(x.shape)} that is {kind} ({where}), "
        "and was not handed it as an argument: the gradient would be lost. Make it an argument "
        "that is differentiated (its gradient may be None), or `.detach()` it."
    )


def wrap(y: Any, node: Any, level: Level, backend: Backend) -> Any:
    """A Variable for the result `y`, without the checks of the public constructor."""
    v = new(backend.nested if isinstance(y, backend.variable) else backend.variable)
    v._value, v._node, v._level, v._cell = y, node, level, None
    opened = read().level
    if opened is not ROOT:
        v._birth = opened
    return v


def wrap_untracked(y: Any, backend: Backend, level: Level = ROOT) -> Any:
    """`y`, computed without recording, as a Variable; items of a tuple or list one by one."""
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
    """The value of `v` if it is an untracked Variable; otherwise `v` itself."""
    if is_variable(v) and v._read()[1] is None and v._level is ROOT:
        return v._value
    return v


def finished(g: Any, v: Any) -> Any:
    """The raw gradient `g` of `v` as users get it: the adapter may place it as `v` is placed."""
    finish = v._backend.finish
    return g if finish is None else finish(g, raw_of(v))


def released(g: Any) -> Any:
    """A gradient in the form that users get: in a handle of its own, because a view of a rule's
    intermediate result may be read-only."""
    return handle_of(g) if is_variable(g) and g._cell is not None else g


def as_variable(x: Any, backend: Backend | None = None) -> Any:
    """`x` as a Variable if it is an array; otherwise `x` itself."""
    kind = type(x)
    if kind in VARIABLES:
        return x
    found = BACKENDS.get(kind)
    if found is None:
        found = (backend_of(x) or backend) if hasattr(x, "dtype") else None
        if found is None:
            return x
    return wrap(x, None, ROOT, found)


def as_variables(values: Iterable[Any]) -> list[Any]:
    """`as_variable` of each of `values`, with the calls for raw arrays saved."""
    opened = read().level
    made = []
    for x in values:
        kind = type(x)
        backend = None if kind in VARIABLES else BACKENDS.get(kind)
        if backend is None:
            made.append(as_variable(x))
            continue
        v = new(backend.variable)
        v._value, v._node, v._level, v._cell = x, None, ROOT, None
        if opened is not ROOT:
            v._birth = opened
        made.append(v)
    return made


def snapshot_of(v: Any) -> Any:
    """`v` in the form in which it is saved: an untracked Variable as a raw array, a tracked one as
    a snapshot."""
    while type(v) in VARIABLES:
        if v._cell is not None:
            v._read()
            v._cell.owned = False  # its buffer is shared from now on
        if v._node is not None or (v._level is not ROOT and v._level is not VOLATILE):
            return v._snapshot()
        v = v._value
    return v


def own_handle(x: Any) -> Any:
    """`x` in a handle that a user's function may write; `x` itself if it is not an array."""
    if type(x) not in VARIABLES:
        return as_variable(x)
    # Outside `no_grad` a leaf must not be written through any handle, so it is copied.
    leaf = type(x._read()[1]) is LeafNode and x._level is ROOT
    return xp.copy(x) if leaf else handle_of(x)


def is_tracked(x: Any) -> bool:
    """Whether any level tracks `x`, so that there is a derivative by it."""
    while type(x) in VARIABLES:
        if x._cell is not None:
            x._read()
        if x._node is not None and not x._level.maps:
            return True
        x = x._value
    return False
