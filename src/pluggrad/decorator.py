"""Context managers that are decorators, too: what `no_grad`, `use` and the other modes are made of.

A block changes some state on the way in and puts it back on the way out, whatever is raised. Which
state that is, the subclasses say.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["AtOnce", "Decorator"]

F = TypeVar("F", bound=Callable[..., Any])


class Decorator:
    """A context manager that is a decorator, too. An object may be used again, also inside itself.

    `_get` and `_set` read and write some state, and `_on` and `_off` say what it becomes; they
    change nothing themselves.
    """

    #: Of each open block, the state before it, the one in it, and what `_off` needs to know.
    _before: list[tuple[Any, Any, Any]]
    _given: Any = None  # what `with` gives
    _get: Any
    _set: Any

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

    def __call__(self, func: F) -> F:
        """`func`, with the mode while its body runs; generators and coroutines keep it to that."""
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

    def _decorated(self, func: Any) -> Any:
        # Used as a decorator: the switch made on construction is taken back.
        if self._waits_for and self._waits_for.pop():
            self._end()
        return super()._decorated(func)
