"""The one state object: which level is open, and which levels do not record.

Every call of a transform opens a Level; torch-style Variables live at `ROOT`. A level knows its
parent and its depth and nothing else: there is no counter and no tape. The state is immutable and
sits in a ContextVar, so threads and async tasks never see each other's.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .errors import LeakedVariableError

__all__ = [
    "ROOT",
    "VOLATILE",
    "Sealed",
    "Decorator",
    "Level",
    "State",
    "deepest",
    "enable_grad",
    "every_level_records",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "open_level",
    "read",
    "recording",
    "seal",
    "set_grad_enabled",
    "set_modes",
]


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
        level = self._level
        put(level.outside)
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


class Decorator:
    """A context manager that is a decorator, too."""

    def _again(self) -> Any:
        """One like this, for each call of a decorated function."""
        raise NotImplementedError

    def __call__(self, func: Any) -> Any:
        """`func`, with the mode while its body runs; generators and coroutines keep it to that."""
        if inspect.isgeneratorfunction(func):
            return functools.wraps(func)(lambda *args, **kwargs: self._steps(func(*args, **kwargs)))
        if inspect.isasyncgenfunction(func):
            return functools.wraps(func)(lambda *args, **kwargs: self._waits(func(*args, **kwargs)))
        if inspect.iscoroutinefunction(func):

            async def wait(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await func(*args, **kwargs)

            return functools.wraps(func)(wait)

        def run(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return func(*args, **kwargs)

        return functools.wraps(func)(run)

    def _steps(self, generator: Any) -> Any:
        """The generator, each step of it in this mode and what is between them not."""
        step, value = generator.send, None
        try:
            while True:
                with self._again():
                    item = step(value)
                try:
                    step, value = generator.send, (yield item)
                except GeneratorExit:
                    with self._again():
                        generator.close()
                    raise
                except BaseException as error:
                    step, value = generator.throw, error
        except StopIteration as end:
            return end.value

    async def _waits(self, generator: Any) -> Any:
        """The same, of an asynchronous one."""
        step, value = generator.asend, None
        try:
            while True:
                with self._again():
                    item = await step(value)
                try:
                    step, value = generator.asend, (yield item)
                except GeneratorExit:
                    with self._again():
                        await generator.aclose()
                    raise
                except BaseException as error:
                    step, value = generator.athrow, error
        except StopAsyncIteration:
            return


class _GradMode(Decorator):
    """Recording on or off at the open levels, as a context manager or a decorator."""

    _before: list[list[Level]]
    _enabled: bool

    def __new__(cls, mode: Any = True) -> Any:
        if mode is False:  # as in `torch.inference_mode(False)`
            return enable_grad() if cls is no_grad else no_grad()
        made = super().__new__(cls)
        made._before = []
        return made if mode is True else made(mode)  # `@no_grad` without parentheses

    def __enter__(self) -> None:
        self._before.append(_switch(self._enabled))

    def __exit__(self, *exc_info: object) -> None:
        _back(self._before.pop(), self._enabled)

    def _again(self) -> Any:
        return type(self)()


class no_grad(_GradMode):
    """Operations are not recorded, as under `torch.no_grad`: their results are constants.

    It works as a context manager and as a decorator, per thread and per async task. Inside a
    function that is transformed, it holds for all levels around, so that every order of
    derivative sees the same constant. A transform called inside opens a level of its own, which
    records as usual; its result is then untracked outside.

    >>> import pluggrad as pg
    >>> x = pg.Variable(pg.ones(3), requires_grad=True)
    >>> with pg.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    _enabled = False


class enable_grad(_GradMode):
    """Operations are recorded again, inside `no_grad`; not at the levels around a transform that
    was called in `no_grad`.

    >>> import pluggrad as pg
    >>> x = pg.Variable(pg.ones(3), requires_grad=True)
    >>> with pg.no_grad(), pg.enable_grad():
    ...     y = x * 2
    >>> y.requires_grad
    True
    """

    _enabled = True


class set_grad_enabled(_GradMode):
    """Recording on or off by a flag: at once, and, as a context manager, until the block ends.

    >>> import pluggrad as pg
    >>> with pg.set_grad_enabled(False):
    ...     pg.is_grad_enabled()
    False
    """

    def __new__(cls, mode: bool) -> Any:
        return super().__new__(cls)

    def __init__(self, mode: bool) -> None:
        self._enabled = bool(mode)
        self._first: list[Level] | None = _switch(self._enabled)

    def _again(self) -> Any:
        return enable_grad() if self._enabled else no_grad()

    def __call__(self, func: Any) -> Any:
        # Used as a decorator: the switch made on construction is taken back.
        if self._first is not None:
            _back(self._first, self._enabled)
            self._first = None
        return super().__call__(func)

    def __enter__(self) -> None:
        first, self._first = self._first, None
        self._before.append(_switch(self._enabled) if first is None else first)


inference_mode = no_grad


def is_grad_enabled() -> bool:
    """Whether operations at the current level are recorded.

    >>> import pluggrad as pg
    >>> pg.is_grad_enabled()
    True
    """
    state = read()
    return _differentiating(state.level) not in state.off


@contextmanager
def recording(level: Level, enabled: bool = True) -> Iterator[None]:
    """`level` records in here, or does not, whatever mode it is in."""
    before = level not in read().off
    _restore(level, enabled)
    try:
        yield
    finally:
        _restore(level, before)


class every_level_records:
    """Inside, every level records, whatever `no_grad` said around it."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = state = read()
        if state.off:
            _change(state.level, frozenset(), state.modes)

    def __exit__(self, *exc_info: object) -> None:
        if self._before.off:
            put(self._before)


class Sealed(frozenset[Level]):
    """Levels that do not record, some of them because a custom operation computes there.

    The derivative of the operation is the user's own, so nothing that it computes is recorded. A
    value that is tracked at one of the `sealed` levels was not handed to the operation: it comes
    out of a closure, and its gradient would be lost. `record` refuses it.
    """

    sealed: frozenset[Level]


class seal:
    """While a custom operation computes: `level` is sealed, or every open level (None)."""

    __slots__ = ("_before", "_within")

    def __init__(self, level: Level | None = None) -> None:
        self._before = state = read()
        if state is START and (level is None or level is ROOT):
            self._within = SEALED
            return
        levels = {level} if level is not None else set()
        around: Level | None = state.level if level is None else None
        while around is not None:
            if around.size is None:
                levels.add(around)
            around = around.parent
        self._within = State(state.level, _sealed(state.off, levels), state.modes)

    def __enter__(self) -> None:
        put(self._within)

    def __exit__(self, *exc_info: object) -> None:
        put(self._before)


def _sealed(off: frozenset[Level], levels: set[Level]) -> Sealed:
    made = Sealed(off | levels)
    # What did not record before is a constant because the user said so, and no gradient is lost.
    made.sealed = frozenset(levels - off) | getattr(off, "sealed", frozenset())
    return made


SEALED = State(ROOT, _sealed(frozenset(), {ROOT}))  # the ordinary case, made once


def set_modes(modes: Any) -> None:
    """From now on, in this thread and task, these are the modes."""
    state = read()
    _change(state.level, state.off, modes)


def _change(level: Level, off: frozenset[Level], modes: Any) -> None:
    # What is as at the start is that very object: compilers ask whether it is the same.
    usual = level is ROOT and modes is None and not off
    put(START if usual else State(level, off, modes))


def _switch(enabled: bool) -> list[Level]:
    """Switch the current level and those around it; returns the ones that were not so before."""
    state = read()
    current = _differentiating(state.level)
    # What did not record when the current level was opened does not while it lasts.
    stays = current.outside.off if enabled and current.outside is not None else ()
    switched: list[Level] = []
    level: Level | None = current
    while level is not None:
        if (level in state.off) is enabled and level.size is None and level not in stays:
            _restore(level, enabled)
            switched.append(level)
        level = level.parent
    return switched


def _back(switched: list[Level], enabled: bool) -> None:
    """Undo what `_switch(enabled)` did."""
    for level in switched:
        _restore(level, not enabled)


def _restore(level: Level, enabled: bool) -> None:
    # One flag and not the whole state, which may be another one by now: generators end late.
    state = read()
    if level.alive and (level not in state.off) != enabled:
        off = state.off - {level} if enabled else state.off | {level}
        _change(state.level, off, state.modes)


def _differentiating(level: Level) -> Level:
    """`level`, or the next around it that is not one of `vmap`."""
    while level.size is not None and level.parent is not None:
        level = level.parent
    return level
