"""The one state object: which level is open, and which levels do not record.

Every call of a transform opens a Level; torch-style Variables live at `ROOT`. A level knows its
parent and its depth and nothing else: there is no counter and no tape. The state is immutable and
sits in a ContextVar, so threads and async tasks never see each other's.

Whatever is raised, and be it an interrupt between two statements, the state is then what it was:

- A block changes it by one statement, the last of `__enter__` and the first of `__exit__`, and has
  taken down before what to go back to.
- No context manager can help where the exception comes before `__exit__` has done anything. So the
  functions in which the engine opens blocks are `restored`, too: the state is put back twice.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from ..errors import LeakedVariableError

__all__ = ["ROOT", "START", "VOLATILE", "Level", "State", "deepest", "during", "holding",
           "open_level", "put", "read", "restored", "state_of"]  # fmt: skip


F = TypeVar("F", bound=Callable[..., Any])


class Level:
    """One nesting of differentiation.

    `process` is what an operation at this level does; None, as at `ROOT`, records a Node for the
    backward walk, and `_ended` refuses. `size` is the length of the batch at a level of `vmap`,
    which maps and does not differentiate; None elsewhere.
    """

    __slots__ = ("depth", "inside", "left", "outside", "parent", "process", "randomness", "sample",
                 "size")  # fmt: skip

    inside: Any  # the State where the level is opened, and the one before
    outside: Any

    def __init__(
        self,
        parent: Level | None,
        process: Callable[..., Any] | None = None,
        size: int | None = None,
    ) -> None:
        self.size = size
        self.inside = self.outside = None
        self.randomness = "error"  # what `vmap` was told
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.process = process
        self.sample: Any = None  # an array that it is over: numbers in transforms inside are alike
        self.left: str | None = None  # where a value last left the graph, for an error to name

    @property
    def alive(self) -> bool:
        """Whether the transform that opened this level is still running."""
        return self.process is not _ended

    def __repr__(self) -> str:
        return f"<Level {self.depth}{'' if self.alive else ', ended'}>"

    def contains(self, other: Level) -> bool:
        """Whether `other` is this level or one of those around it."""
        level: Level | None = self
        while level is not None and level.depth > other.depth:
            level = level.parent
        return level is other


class State:
    """What holds in this thread and task: the open level, the levels that do not record, and the
    `modes` (see there), None while there is nothing unusual."""

    __slots__ = ("level", "modes", "off", "plain")

    now: property

    def __init__(
        self, level: Level, off: frozenset[Level] = frozenset(), modes: Any = None
    ) -> None:
        self.level = level
        self.off = off
        self.modes = modes
        # The level at which the short cuts of `bind` may record: the open one, if it is ordinary.
        self.plain = level if not off and level.process is None and modes is None else None


ROOT = Level(None)
VOLATILE = Level(ROOT)  # where volatile Variables live: nothing is recorded there
START = State(ROOT)
_state: ContextVar[State] = ContextVar("pluggrad.state", default=START)
read, put = _state.get, _state.set
# `START.now` is what `read()` returns, for compilers that read code: they know no ContextVar, but
# can look at an attribute, while compiling and again before each run of what they compiled.
State.now = property(_state.get)


def state_of(level: Level, off: frozenset[Level], modes: Any) -> State:
    """The state of that level and these modes."""
    # Reuse START itself: torch.compile guards on its identity.
    usual = level is ROOT and modes is None and not off
    return START if usual else State(level, off, modes)


class open_level:
    """A new level inside the current one; it ends, and its Variables with it, on the way out."""

    __slots__ = ("_level",)

    def __init__(self, process: Callable[..., Any] | None = None, size: int | None = None) -> None:
        state = read()
        self._level = level = Level(state.level, process, size)
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
    raise LeakedVariableError(
        "a Variable was used after the transform that made it had returned, or in a transform of "
        "another thread. Return it from the transformed function instead of storing it."
    )


class holding:
    """A block in which `state` holds."""

    __slots__ = ("_before", "_state")

    def __init__(self, state: State) -> None:
        self._state = state

    def __enter__(self) -> None:
        self._before = read()
        put(self._state)

    def __exit__(self, *exc_info: object) -> None:
        put(self._before)


def during(state: State, f: Callable[..., Any], *args: Any) -> Any:
    """``f(*args)``, during which `state` holds; it takes two exceptions for it to stay."""
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
    """`f`, a function of the engine's, after which the state is what it was before.

    The blocks in `f` see to that, too, but not if something is raised on the way into `__exit__`.
    With both it takes two exceptions to leave the state changed.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        state = read()
        try:
            y = f(*args, **kwargs)
            put(state)
            return y
        except BaseException:
            put(state)
            raise

    return run  # type: ignore[return-value]  # (compilers that read code know no `cast`)
