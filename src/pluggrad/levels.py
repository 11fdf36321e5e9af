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

import functools
import inspect
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, TypeVar

from .errors import LeakedVariableError

__all__ = [
    "ROOT",
    "VOLATILE",
    "AtOnce",
    "Decorator",
    "Level",
    "Sealed",
    "State",
    "deepest",
    "during",
    "enable_grad",
    "every_level_records",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "open_level",
    "read",
    "recorded",
    "recording",
    "restored",
    "sealed",
    "sealed_at",
    "set_grad_enabled",
    "state_of",
    "unrecorded",
]


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


class Decorator:
    """A context manager that is a decorator, too. An object may be used again, also inside itself.

    `_get` and `_set` read and write some state, and `_on` and `_off` say what it becomes; they
    change nothing themselves.
    """

    #: Of each open block, the state before it, the one in it, and what `_off` needs to know.
    _before: list[tuple[Any, Any, Any]]
    _given: Any = None  # what `with` gives
    _get: Any = staticmethod(read)
    _set: Any = staticmethod(put)

    def _on(self, state: Any) -> tuple[Any, Any]:
        """What `state` becomes at the beginning of a block, and what `_off` will need to know."""
        raise NotImplementedError

    def _off(self, state: Any, before: Any) -> Any:
        """What `state`, which is no longer the one in the block, becomes at its end. It does no
        harm to do this twice."""
        raise NotImplementedError

    def __enter__(self) -> Any:
        state = self._get()
        after, before = self._on(state)
        self._before.append((state, after, before))
        try:
            self._set(after)
            return self._given
        except BaseException:  # an interrupt, when it was done
            self._set(state)
            raise

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._set(self._after())
        except BaseException:  # an interrupt: once more
            self._set(self._after())
            raise
        self._before.pop()

    def _after(self) -> Any:
        """The state at the end of the innermost block."""
        state, after, before = self._before[-1]
        now = self._get()
        return state if now is after else self._off(now, before)

    def _end(self) -> None:
        """Leave the blocks that an exception left open."""
        while self._before:
            self._set(self._after())
            self._before.pop()

    def _during(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """What a function returns that is called in a block of its own."""
        block = self._again()
        try:
            with block:
                return func(*args, **kwargs)
        finally:
            block._end()

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
                return await self._awaited(func(*args, **kwargs))

            return functools.wraps(func)(wait)

        def run(*args: Any, **kwargs: Any) -> Any:
            return self._during(func, *args, **kwargs)

        return functools.wraps(func)(run)

    async def _awaited(self, coroutine: Any) -> Any:
        block = self._again()
        try:
            with block:
                return await coroutine
        finally:
            block._end()

    def _steps(self, generator: Any) -> Any:
        """The generator, each step of it in this mode and what is between them not."""
        step, value = generator.send, None
        try:
            while True:
                item = self._during(step, value)
                try:
                    step, value = generator.send, (yield item)
                except GeneratorExit:
                    self._during(generator.close)
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
                item = await self._awaited(step(value))
                try:
                    step, value = generator.asend, (yield item)
                except GeneratorExit:
                    await self._awaited(generator.aclose())
                    raise
                except BaseException as error:
                    step, value = generator.athrow, error
        except StopAsyncIteration:
            return


class AtOnce(Decorator):
    """One that switches as soon as it is made; as a context manager, until the block ends."""

    _waits_for: list[bool]  # True while the block that the switch is for has not begun

    def _start(self) -> None:
        self._before, self._waits_for = [], [True]
        super().__enter__()

    def __enter__(self) -> Any:
        if not (self._waits_for and self._waits_for.pop()):
            super().__enter__()

    def __call__(self, func: Any) -> Any:
        # Used as a decorator: the switch made on construction is taken back.
        if self._waits_for and self._waits_for.pop():
            self._end()
        return super().__call__(func)


class _GradMode(Decorator):
    """Recording on or off at the open levels, as a context manager or a decorator."""

    _enabled: bool

    def __new__(cls, mode: Any = True) -> Any:
        if mode is False:  # as in `torch.inference_mode(False)`
            return enable_grad() if cls is no_grad else no_grad()
        made = super().__new__(cls)
        made._before = []
        return made if mode is True else made(mode)  # `@no_grad` without parentheses

    def _on(self, state: State) -> tuple[State, tuple[list[Level], frozenset[Level] | None]]:
        # The current level and those around it; what has to be switched back are the levels that
        # were not so before.
        enabled, off = self._enabled, state.off
        current = _differentiating(state.level)
        # What did not record when the current level was opened does not while it lasts.
        stays = current.outside.off if enabled and current.outside is not None else ()
        switched = [x for x in _open(current) if (x in off) is enabled and x not in stays]
        after = _switched(state, switched, enabled)
        if type(after.off) is Sealed:  # whoever says `no_grad` knows that these are constants
            after = State(state.level, frozenset(off), state.modes)
        return after, (switched, off.levels if type(off) is Sealed else None)

    def _off(self, state: State, before: tuple[list[Level], frozenset[Level] | None]) -> State:
        # These flags and not the whole state, which may be another by now: generators end late.
        switched, sealed_levels = before
        after = _switched(state, [x for x in switched if x.alive], not self._enabled)
        return after if sealed_levels is None else _seal(after, sealed_levels & after.off)

    def _again(self) -> Any:
        return enable_grad() if self._enabled else no_grad()


class no_grad(_GradMode):
    """Operations are not recorded, as under `torch.no_grad`: their results are constants.

    It works as a context manager and as a decorator, per thread and per async task. Inside a
    function that is transformed, it holds for all levels around, so that every order of
    derivative sees the same constant. A transform called inside opens a level of its own, which
    records as usual; its result is then untracked outside.

    A write inside, as in ``w -= 0.1 * w.grad``, changes the value of a Variable and leaves its
    derivative as it was, as in torch.

    It ends with the block, whatever is raised there. Only if Ctrl-C comes in the very moment in
    which Python leaves a ``with`` block, recording may stay off, until ``set_grad_enabled(True)``
    switches it on. For a decorated function there is no such moment.

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


class set_grad_enabled(AtOnce, _GradMode):
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


def recorded(level: Level, enabled: bool) -> State:
    """The present state with recording on or off at `level`, whatever mode it is in."""
    state = read()
    if state is START and level is ROOT and not enabled:
        return NOT_AT_ROOT
    return _switched(state, (level,), enabled)


def recording(level: Level, enabled: bool = True) -> holding:
    """A block in which `level` records, or does not."""
    return holding(recorded(level, enabled))


def every_level_records() -> holding:
    """A block in which every level records, whatever `no_grad` said around it."""
    state = read()
    return holding(state_of(state.level, frozenset(), state.modes) if state.off else state)


class Sealed(frozenset[Level]):
    """Levels that do not record, some of them because a custom operation computes there.

    The derivative of the operation is the user's own, so nothing that it computes is recorded. A
    value that is tracked at one of the `levels` was not handed to the operation: it comes out of a
    closure, and its gradient would be lost. `record` refuses it.
    """

    levels: frozenset[Level]


def sealed(level: Level | None = None) -> holding:
    """A block in which a custom operation computes: `level` is sealed, or every open one (None)."""
    return holding(sealed_at(level))


def sealed_at(level: Level | None = None) -> State:
    """The state in such a block."""
    state = read()
    if (state is START or state is SEALED) and (level is None or level is ROOT):
        return SEALED
    levels = _open(state.level) if level is None else [level]
    return _seal(state, frozenset(levels) - state.off)


def _seal(state: State, levels: frozenset[Level]) -> State:
    """`state` with these levels sealed, besides those that are so already."""
    off = Sealed(state.off | levels)
    off.levels = levels | getattr(state.off, "levels", frozenset())
    return State(state.level, off, state.modes)


NOT_AT_ROOT = State(ROOT, frozenset({ROOT}))  # the ordinary cases, made once
SEALED = _seal(START, frozenset({ROOT}))


def _open(level: Level | None) -> list[Level]:
    """`level` and those around it, but for those of `vmap`."""
    levels = []
    while level is not None:
        if level.size is None:
            levels.append(level)
        level = level.parent
    return levels


def unrecorded() -> holding:
    """A block in which no level records; transforms opened inside do."""
    state = read()
    return holding(_switched(state, _open(state.level), False))


def state_of(level: Level, off: frozenset[Level], modes: Any) -> State:
    """The state of that level and these modes."""
    # What is as at the start is that very object: compilers ask whether it is the same.
    usual = level is ROOT and modes is None and not off
    return START if usual else State(level, off, modes)


def _switched(state: State, levels: Iterable[Level], enabled: bool) -> State:
    """`state` with recording on or off at `levels`."""
    off = state.off
    for level in levels:
        if (level in off) is enabled:
            off = off - {level} if enabled else off | {level}
    return state if off is state.off else state_of(state.level, off, state.modes)


def _differentiating(level: Level) -> Level:
    """`level`, or the next around it that is not one of `vmap`."""
    while level.size is not None and level.parent is not None:
        level = level.parent
    return level
