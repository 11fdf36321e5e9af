"""Context managers that are also decorators: the base of `no_grad`, `use` and the other modes.

A block changes some state on the way in and puts it back on the way out, whatever is raised. The
subclasses say which state.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["AtOnce", "Decorator", "F"]

F = TypeVar("F", bound=Callable[..., Any])


class Decorator:
    """A context manager that is also a decorator. An object may be used again, even inside itself.

    `_get` and `_set` read and write the state. `_on` and `_off` compute the next state, and change
    nothing themselves.
    """

    #: For each open block: the state before it, the state in it, and what `_off` needs to know.
    _before: list[tuple[Any, Any, Any]]
    _given: Any = None  # the value that `with ... as` binds
    _get: Any
    _set: Any

    def _on(self, state: Any) -> tuple[Any, Any]:
        """The state in a block that begins at `state`, and what `_off` will need to know."""
        raise NotImplementedError

    def _off(self, state: Any, before: Any) -> Any:
        """The state after a block, if the present `state` is no longer the one that the block set.
        Doing this twice must do no harm."""
        raise NotImplementedError

    def __enter__(self) -> Any:
        state = self._get()
        after, before = self._on(state)
        self._before.append((state, after, before))
        try:
            self._set(after)
            return self._given
        except BaseException:  # an interrupt, perhaps after the state was set
            self._set(state)
            raise

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._set(self._after())
        except BaseException:  # an interrupt, perhaps before the state was set: set it again
            self._set(self._after())
            raise
        self._before.pop()

    def _after(self) -> Any:
        """The state to set at the end of the innermost open block."""
        state, after, before = self._before[-1]
        now = self._get()
        return state if now is after else self._off(now, before)

    def _end(self) -> None:
        """End the blocks that an interrupt left open."""
        while self._before:
            self._set(self._after())
            self._before.pop()

    def _during(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """Call `func` in a block of its own, and return its result."""
        block = self._again()
        try:
            with block:
                return func(*args, **kwargs)
        finally:
            block._end()

    def _again(self) -> Any:
        """A new object like this one, for one call of a decorated function."""
        raise NotImplementedError

    def __call__(self, func: F) -> F:
        """`func`, decorated to run in this mode. Generators and coroutines have the mode only while
        their own bodies run."""
        decorated: F = self._decorated(func)
        return decorated

    def _decorated(self, func: Any) -> Any:
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
        """Await `coroutine` in a block of its own, and return its result."""
        block = self._again()
        try:
            with block:
                return await coroutine
        finally:
            block._end()

    def _steps(self, generator: Any) -> Any:
        """The generator, with each of its steps in this mode, but not the code between them."""
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
        """`_steps` for an asynchronous generator."""
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
    """A mode that is switched on as soon as the object is made. Used as a context manager, it is
    switched back when the block ends."""

    #: [True] until a block begins that the switch on construction is for; then empty.
    _waits_for: list[bool]

    def _start(self) -> None:
        """Switch the mode on; the last call in `__init__`."""
        self._before, self._waits_for = [], [True]
        super().__enter__()

    def __enter__(self) -> Any:
        if not (self._waits_for and self._waits_for.pop()):
            super().__enter__()

    def _decorated(self, func: Any) -> Any:
        # Used as a decorator, so take back the switch made on construction.
        if self._waits_for and self._waits_for.pop():
            self._end()
        return super()._decorated(func)
