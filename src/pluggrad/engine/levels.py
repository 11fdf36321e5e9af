"""Levels, and the one state object: which level is open, and which levels do not record.

Every call of a transform opens a `Level`; torch-style Variables live at `ROOT`. A level knows its
parent and its depth; there is no counter and no tape. An example shows why derivatives inside
derivatives need levels. The function ``x * d/dy (x * y)`` is x², so its derivative at 3 is 6::

    grad(lambda x: x * grad(lambda y: x * y)(1.0))(3.0)

1. The outer `grad` opens level 1 and wraps 3.0: x is a Variable of level 1, V1(3.0).
2. The inner `grad` opens level 2 and wraps 1.0: y is V2(1.0).
3. ``x * y`` runs at level 2, the deepest level among its inputs. x is a constant at level 2, but it
   is still V1(3.0): the product is computed one level down, where it is recorded at level 1, and
   the result is V2(V1(3.0)). The Node recorded at level 2 has saved V1(3.0).
4. The inner `grad` walks the graph of level 2 alone. The derivative by y is the saved V1(3.0), a
   Variable of level 1. Level 2 ends.
5. ``x * V1(3.0)`` is recorded at level 1, and the walk of level 1 finds both factors: 3 + 3 = 6.

If both shared one level, the inner walk would return the plain number 3.0 in step 4, and the outer
derivative would be 3.

The state is immutable and sits in a ContextVar, so threads and async tasks never see each other's.
Any exception, even an interrupt between two statements, leaves the state as it was before:

- A block notes the state to go back to, then switches by a single statement: the last of
  `__enter__`, or the first of `__exit__`.
- An interrupt can still arrive before `__exit__` has done anything, which no context manager can
  handle. So the engine's functions that open blocks are also decorated with `restored`, which puts
  the state back a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from ..errors import LeakedVariableError

__all__ = [
    "ROOT",
    "START",
    "VOLATILE",
    "Level",
    "Recording",
    "State",
    "deepest",
    "during",
    "holding",
    "leave",
    "open_level",
    "put",
    "read",
    "restored",
    "state_of",
]


F = TypeVar("F", bound=Callable[..., Any])


class Level:
    """One call of a transform. Each Variable belongs to one level.

    The class says what an operation does at the level: `Recording` records a Node, `Forward`
    computes a tangent along with the value, `Batch` runs once for the whole batch of `vmap`,
    `Linear` records linear operations and refuses others, and `Checkpoint` records a run whose
    graph is dropped and computed again. A level that has ended refuses every operation.
    """

    __slots__ = ("caught", "depth", "inside", "left", "outside", "parent", "process", "sample")

    #: How the class runs an operation: a function (primitive, args, kwargs, raw, level, backend).
    #: None for `Recording`, the most frequent class: `record` is then called directly.
    operate: Callable[..., Any] | None = None
    #: Whether this is a level of `vmap`, which maps and does not differentiate.
    maps = False

    inside: Any  # the State once the level is open
    outside: Any  # the State before it was opened

    def __init__(self, parent: Level | None) -> None:
        self.inside = self.outside = None
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.process: Callable[..., Any] | None = self.operate
        #: A sample input. Python numbers inside nested transforms take its library and device.
        self.sample: Any = None
        #: Where a value last left the graph; error messages name the place.
        self.left: str | None = None
        #: An error that an adopted package may have caught here: a `Raised` of `caught`.
        self.caught: Any = None

    @property
    def alive(self) -> bool:
        """Whether the transform that opened this level is still running."""
        return self.process is not _ended

    def __repr__(self) -> str:
        return f"<Level {self.depth}{'' if self.alive else ', ended'}>"

    def contains(self, other: Level) -> bool:
        """Whether `other` is this level or one of its outer levels."""
        level: Level | None = self
        while level is not None and level.depth > other.depth:
            level = level.parent
        return level is other


class Recording(Level):
    """A level that records a Node for each operation: `ROOT`, and the levels of reverse mode."""

    __slots__ = ()


class State:
    """The state of this thread and task: the open `level`, the levels that do not record (`off`),
    and the `Modes` that are on (None if there are none)."""

    __slots__ = ("level", "modes", "off", "plain")

    now: property

    def __init__(
        self, level: Level, off: frozenset[Level] = frozenset(), modes: Any = None
    ) -> None:
        self.level = level
        self.off = off
        self.modes = modes
        # The level at which the short cuts may record: the open level, if nothing is unusual.
        self.plain = level if not off and level.process is None and modes is None else None


ROOT = Recording(None)
VOLATILE = Recording(ROOT)  # where volatile Variables live: nothing is recorded there
START = State(ROOT)
_state: ContextVar[State] = ContextVar("pluggrad.state", default=START)
read, put = _state.get, _state.set
# `START.now` equals `read()`. Compilers that read code cannot follow a ContextVar, but they can
# read an attribute, both while compiling and as a guard before each compiled run.
State.now = property(_state.get)


def state_of(level: Level, off: frozenset[Level], modes: Any) -> State:
    """The state with these fields."""
    # Reuse START itself: torch.compile guards on its identity.
    usual = level is ROOT and modes is None and not off
    return START if usual else State(level, off, modes)


class open_level:
    """A block with a new level inside the current one. When the block ends, so does the level, and
    its Variables become unusable."""

    __slots__ = ("_level",)

    def __init__(self, kind: Callable[..., Level] | None = None, *facts: Any) -> None:
        state = read()
        # (torch.compile cannot instantiate a class that is the default of an argument.)
        level = Recording(state.level) if kind is None else kind(state.level, *facts)
        self._level = level
        level.outside = state
        level.inside = State(level, state.off, state.modes)

    def __enter__(self) -> Level:
        put(self._level.inside)
        return self._level

    def __exit__(self, *exc_info: object) -> None:
        put(self._level.outside)
        level = self._level
        level.process = _ended
        level.inside = level.outside = level.sample = None
        if (raised := level.caught) is not None:
            level.caught = None
            if exc_info[0] is None:
                raised.again()


def deepest(level: Level, other: Level) -> Level:
    """The deeper of two levels; LeakedVariableError unless one is nested in the other."""
    if level is other or (other is VOLATILE and level is not ROOT):
        return level
    if level is VOLATILE and other is not ROOT:
        return other
    outer, inner = (level, other) if level.depth < other.depth else (other, level)
    if not outer.alive or not inner.alive or not inner.contains(outer):
        _ended()
    return inner


def _ended(*_: Any) -> Any:
    """Refuse an operation: the `process` of every level that has ended."""
    raise LeakedVariableError(
        "a Variable was used after the transform that made it had returned, or in a transform of "
        "another thread. Return it from the transformed function instead of storing it."
    )


class holding:
    """A block in which `state` is the current state."""

    __slots__ = ("_before", "_state")

    def __init__(self, state: State) -> None:
        self._state = state

    def __enter__(self) -> None:
        self._before = read()
        put(self._state)

    def __exit__(self, *exc_info: object) -> None:
        put(self._before)


def during(state: State, f: Callable[..., Any], *args: Any) -> Any:
    """``f(*args)`` with `state` as the current state. Only two exceptions in a row could leave
    `state` in force."""
    before = read()
    try:
        put(state)
        y = f(*args)
        put(before)
        return y
    except BaseException:
        put(before)
        raise


def restored(f: F) -> F:
    """Decorate `f` so that the state after it, whatever is raised, is the state before it.

    The blocks in `f` restore the state too, except when an interrupt arrives on the way into their
    `__exit__`. With both, only two exceptions in a row could leave the state changed.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        return _restoring(f, args, kwargs)

    return run  # type: ignore[return-value]  # (compilers that read code cannot follow `cast`)


def _restoring(f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """``f(*args, **kwargs)``, after which the state is the state before it.

    A function of the module, because what `restored` returns must not name a ContextVar itself: it
    would stop cloudpickle, which takes inner functions apart.
    """
    state = read()
    try:
        y = f(*args, **kwargs)
        put(state)
        return y
    except BaseException:
        put(state)
        raise


def leave(level: Level) -> None:
    """Go on at the levels outside `level`, within its block."""
    put(level.outside)
