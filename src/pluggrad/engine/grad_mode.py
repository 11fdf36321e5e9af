"""Which levels record: `no_grad` and related modes, and the levels a custom operation seals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, overload

from ..decorator import AtOnce, Decorator, F
from .levels import ROOT, START, Level, State, holding, put, read, state_of

if TYPE_CHECKING:
    from ..arrays.backend import Backend

__all__ = [
    "SEALED",
    "Sealed",
    "enable_grad",
    "every_level_records",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "off_over",
    "recorded",
    "recording",
    "sealed",
    "sealed_at",
    "set_grad_enabled",
    "stopped",
    "unrecorded",
]


class _GradMode(Decorator):
    """Recording on or off at the open levels, as a context manager or a decorator."""

    _enabled: bool
    _get: Any = staticmethod(read)
    _set: Any = staticmethod(put)

    @overload
    def __new__(cls, mode: bool = True) -> Self: ...
    @overload
    def __new__(cls, mode: F) -> F: ...  # type: ignore[misc]
    def __new__(cls, mode: Any = True) -> Any:
        if mode is False:  # as in `torch.inference_mode(False)`
            return enable_grad() if cls is no_grad else no_grad()
        made = super().__new__(cls)
        made._before = []
        return made if mode is True else made(mode)  # `@no_grad` without parentheses

    def _on(self, state: State) -> tuple[State, tuple[list[Level], frozenset[Level] | None]]:
        # Switches the current level and its outer levels, and notes which of them really changed:
        # only these are switched back at the end of the block.
        enabled, off = self._enabled, state.off
        current = _differentiating(state.level)
        # Levels that did not record when the current level was opened stay off while it is open.
        stays = current.outside.off if enabled and current.outside is not None else ()
        switched = [x for x in _open(current) if (x in off) is enabled and x not in stays]
        after = _switched(state, switched, enabled)
        # An explicit `no_grad` in a custom operation says that captured values are constants, so
        # the levels are not sealed in this block.
        if type(after.off) is Sealed:
            after = State(state.level, frozenset(off), state.modes)
        return after, (switched, off.levels if type(off) is Sealed else None)

    def _off(self, state: State, before: tuple[list[Level], frozenset[Level] | None]) -> State:
        # Only these flags are put back, not the whole state: a generator may end its block late,
        # when other levels or modes are on.
        switched, sealed_levels = before
        after = _switched(state, [x for x in switched if x.alive], not self._enabled)
        return after if sealed_levels is None else _seal(after, sealed_levels & after.off)

    def _again(self) -> Any:
        return enable_grad() if self._enabled else no_grad()


class no_grad(_GradMode):
    """Operations are not recorded, as under `torch.no_grad`: their results are constants.

    It works as a context manager and as a decorator, per thread and per async task. Inside a
    transformed function it holds for all outer levels too, so that every order of derivative sees
    the same constant. A transform called inside the block opens a level of its own, which records
    as usual; its result is then untracked outside.

    A write in the block, as in ``w -= 0.1 * w.grad``, changes the value of a Variable and leaves
    its derivative as it was, as in torch.

    Recording resumes after the block, whatever is raised in it. Only if Ctrl-C arrives at the very
    moment at which Python leaves a ``with`` block, recording may stay off until
    ``set_grad_enabled(True)`` switches it on. A decorated function has no such moment.

    >>> import pluggrad as pg
    >>> x = pg.Variable(pg.ones(3), requires_grad=True)
    >>> with pg.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    _enabled = False


class enable_grad(_GradMode):
    """Operations are recorded again, inside `no_grad`.

    Inside a transform that was called under `no_grad`, it reaches the transform's own level only:
    the outer levels stay off.

    >>> import pluggrad as pg
    >>> x = pg.Variable(pg.ones(3), requires_grad=True)
    >>> with pg.no_grad(), pg.enable_grad():
    ...     y = x * 2
    >>> y.requires_grad
    True
    """

    _enabled = True


class set_grad_enabled(AtOnce, _GradMode):
    """Switch recording on or off by a flag: at once, or, as a context manager, for the block.

    >>> import pluggrad as pg
    >>> with pg.set_grad_enabled(False):
    ...     pg.is_grad_enabled()
    False
    """

    def __new__(cls, mode: bool) -> Any:
        return super().__new__(cls)

    def __init__(self, mode: bool) -> None:
        self._enabled = bool(mode)
        self._start()


inference_mode = no_grad


def is_grad_enabled() -> bool:
    """Whether operations at the current level are recorded.

    >>> import pluggrad as pg
    >>> pg.is_grad_enabled()
    True
    """
    state = read()
    return _differentiating(state.level) not in state.off


def stopped(backend: Backend) -> bool:
    """Whether the library's own switch, such as `torch.no_grad`, stops recording at `ROOT`."""
    records = backend.records
    return records is not None and not records()


def off_over(backend: Backend, off: frozenset[Level]) -> frozenset[Level]:
    """`off`, the levels that do not record; with `ROOT`, if the library's own switch stops it."""
    return off | {ROOT} if stopped(backend) else off


def recorded(level: Level, enabled: bool) -> State:
    """The current state, with recording switched on or off at `level`."""
    state = read()
    if state is START and level is ROOT and not enabled:
        return NOT_AT_ROOT
    return _switched(state, (level,), enabled)


def recording(level: Level, enabled: bool = True) -> holding:
    """A block in which `level` records (or not, if `enabled` is False)."""
    return holding(recorded(level, enabled))


def every_level_records() -> holding:
    """A block in which every level records, even inside `no_grad`."""
    state = read()
    return holding(state_of(state.level, frozenset(), state.modes) if state.off else state)


class Sealed(frozenset[Level]):
    """The levels that do not record, while a custom operation computes at some of them (`levels`).

    The user states the derivative of the operation, so nothing that it computes is recorded. A
    value that is tracked at one of the `levels` was not passed to the operation: it comes from a
    closure, and its gradient would be lost. `record` refuses it.
    """

    levels: frozenset[Level]


def sealed(level: Level | None = None) -> holding:
    """A block in which a custom operation computes: seals `level`, or every open level if None."""
    return holding(sealed_at(level))


def sealed_at(level: Level | None = None) -> State:
    """The state that holds in a `sealed` block."""
    state = read()
    if (state is START or state is SEALED) and (level is None or level is ROOT):
        return SEALED
    levels = _open(state.level) if level is None else [level]
    return _seal(state, frozenset(levels) - state.off)


def _seal(state: State, levels: frozenset[Level]) -> State:
    """`state` with these levels sealed, in addition to those sealed already."""
    off = Sealed(state.off | levels)
    off.levels = levels | getattr(state.off, "levels", frozenset())
    return State(state.level, off, state.modes)


# The most frequent states, made once.
NOT_AT_ROOT = State(ROOT, frozenset({ROOT}))
SEALED = _seal(START, frozenset({ROOT}))


def _open(level: Level | None) -> list[Level]:
    """`level` and its outer levels, without those of `vmap`."""
    levels = []
    while level is not None:
        if not level.maps:
            levels.append(level)
        level = level.parent
    return levels


def unrecorded() -> holding:
    """A block in which no open level records. Levels opened inside it record as usual."""
    state = read()
    return holding(_switched(state, _open(state.level), False))


def _switched(state: State, levels: Iterable[Level], enabled: bool) -> State:
    """`state` with recording switched on or off at `levels`."""
    off = state.off
    for level in levels:
        if (level in off) is enabled:
            off = off - {level} if enabled else off | {level}
    return state if off is state.off else state_of(state.level, off, state.modes)


def _differentiating(level: Level) -> Level:
    """`level`, or its next outer level that is not a level of `vmap`."""
    while level.maps and level.parent is not None:
        level = level.parent
    return level
