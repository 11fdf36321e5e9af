"""`compile`: a function that traces another one once, and then runs its program.

A call goes: key (shapes, dtypes, layouts, static values) → entry → guards → program. Where there is
no entry, `_first` runs the function eagerly, has a program made, and keeps it if it reproduces what
the eager run returned, to the last bit.
"""

from __future__ import annotations

import functools
import operator
import sys
import warnings
from collections.abc import Callable
from types import MethodType
from typing import Any, Literal, TypeVar, overload

import numpy as np

from ..engine.arguments import check_function
from ..engine.levels import ROOT, START, State, during, read
from ..engine.random_states import RandomStates
from ..errors import BackendError, CompileWarning, InvalidArgumentError, UntraceableError
from .arguments import Call, Result, alike, sort_call, static_places
from .blocks import in_blocks
from .emit import StaleError
from .engines import get_engine, program_of
from .guards import Guards
from .tracing import checksum, is_tracing

__all__ = ["Compiled", "compile"]

F = TypeVar("F", bound=Callable[..., Any])
OnBreak = Literal["warn", "error", "ignore"]
STORM = 64  # programs for arrays of one kind, after which no more are made
TOO_MANY = (
    "there are many programs already that differ only in values: in an integer, in a name that is "
    "rebound, or in a float that it asks for, as `if` and `math.exp` do; an array without axes, "
    "`numpy.asarray(value)`, would be an input of one program"
)


class _Entry:
    """What is known about calls of one kind: how to run them (None if there is no program), and
    whether the names that the function reads are still the same."""

    __slots__ = ("holds", "run")

    def __init__(self, holds: Callable[[], bool], run: Callable[..., Any] | None) -> None:
        self.holds, self.run = holds, run


class Compiled:
    """A function made by `compile`. It has the name and the docstring of the original, which is
    ``__wrapped__``."""

    __wrapped__: Callable[..., Any]

    def __init__(
        self,
        fun: Callable[..., Any],
        engine: str,
        static: Any,
        on_break: OnBreak,
        cache: int,
        threads: int,
    ) -> None:
        functools.update_wrapper(self, fun)
        self._settings = (engine, static, on_break, cache, threads)
        self.__wrapped__ = fun
        self._engine, self._on_break, self._cache = engine, on_break, cache
        self._threads = threads  # of blocks; 0 where the program has none
        self._static = static_places(fun, static)
        self._entries: dict[Any, _Entry] = {}
        self._warned: set[str] = set()
        self._numbers_vary = True  # Python floats are inputs, unless the function asks for them
        self._counts: dict[Any, int] = {}  # how often programs were made for arrays of one kind

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program for these arguments; make it first if there is none."""
        if not kwargs and read() is START:
            key = []
            for x in args:
                kind = type(x)
                if kind is np.ndarray:
                    key.append((x.shape, x.dtype, x.strides))
                elif kind is float:
                    key.append(float)  # type: ignore[arg-type]
                else:
                    break
            else:
                entry = self._entries.get(tuple(key))
                if entry is not None and entry.holds():
                    if entry.run is None:
                        return self.__wrapped__(*args)
                    try:
                        return entry.run(*args)
                    except Exception:
                        pass  # eager execution says better what is wrong
        return self._sorted(args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a function in a class: a method of its instances, which are static arguments."""
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        """A function that was decorated is found by its name, as others are; otherwise it is
        compiled again from the original."""
        module = sys.modules.get(getattr(self, "__module__", None) or "")
        name = getattr(self, "__qualname__", "")
        try:
            if operator.attrgetter(name)(module) is self:
                return name
        except AttributeError:
            pass
        return Compiled, (self.__wrapped__, *self._settings)

    @property
    def programs(self) -> int:
        """How many programs are kept."""
        return sum([entry.run is not None for entry in self._entries.values()])

    def check(self, *args: Any, **kwargs: Any) -> Any:
        """Run both the program and the original, and return the result of the original.

        Raises UntraceableError if the two differ in a value, dtype, shape or memory layout.
        Programs of `numpy` must agree to the last bit, those of other engines within 1e-6.
        """
        expected = self.__wrapped__(*args, **kwargs)
        found = self(*args, **kwargs)
        why = alike(found, expected, exact=self._engine in ("auto", "numpy") and not self._threads)
        if why:
            raise UntraceableError(
                f"the program of `{self._name}` does not compute what the function does: {why}. "
                "Something that it depends on has changed that is not compared at each call: an "
                "attribute, an item of a container, an array written while the function runs."
            )
        return expected

    # ------------------------------------------------------------ the first call of its kind

    @property
    def _name(self) -> str:
        return getattr(self.__wrapped__, "__qualname__", repr(self.__wrapped__))

    def _sorted(self, args: Any, kwargs: Any) -> Any:
        """A call that the short way did not serve."""
        fun = self.__wrapped__
        state = read()
        if state.level is not ROOT or state.modes is not None or is_tracing():
            return fun(*args, **kwargs)
        try:
            call = sort_call(args, kwargs, self._static, self._numbers_vary)
        except UntraceableError as error:
            self._broken(str(error))
            return fun(*args, **kwargs)
        if call.inside:
            return fun(*args, **kwargs)
        entry = self._entries.get(call.key)
        if entry is None or not entry.holds():
            if self._counts.get(call.kind, 0) >= max(STORM, self._cache):
                self._broken(TOO_MANY)
                return fun(*args, **kwargs)
        else:
            if entry.run is None:
                return fun(*args, **kwargs)
            try:
                return entry.run(*call.leaves)
            except StaleError:
                pass
            except Exception:
                return fun(*args, **kwargs)
        return self._first(call, args, kwargs)

    def _first(self, call: Call, args: Any, kwargs: Any) -> Any:
        """Run the original, and have a program made for calls like this one."""
        name = self._engine
        if name == "auto":
            name = call.backend.adapter.engine
        if not name:
            return self.__wrapped__(*args, **kwargs)
        guards = Guards(self.__wrapped__)
        if get_engine(name).uses_program:
            if call.backend.name != "numpy":
                raise BackendError(f"the engine {name!r} takes NumPy arrays, and these are "
                                   f"arrays of {call.backend.name}")  # fmt: skip
            return self._traced(call, args, kwargs, name, guards)
        return self._handed_over(call, args, kwargs, name, guards)

    def _traced(self, call: Call, args: Any, kwargs: Any, engine: str, guards: Guards) -> Any:
        """Run the original, then trace it; keep the program if it gives the same result."""
        users = [x for x in (*call.leaves, *guards.arrays) if type(x) is np.ndarray]
        before = [checksum(x) for x in users]
        random = RandomStates(self.__wrapped__, call.leaves)
        expected = self.__wrapped__(*args, **kwargs)
        entry = _Entry(guards.holds, None)
        try:
            guards.check()
            if random.moved():
                raise UntraceableError("it draws random numbers, and a program would not")
            if [checksum(x) for x in users] != before:
                raise UntraceableError("it writes into an array that it was given")
            entry.run = self._program(call, expected, engine, {id(x) for x in users})
        except UntraceableError as error:
            if call.numbers:  # perhaps the function asks for the value of a Python float
                self._numbers_vary = False
                call = sort_call(args, kwargs, self._static, False)
                try:
                    entry.run = self._program(call, expected, engine, {id(x) for x in users})
                except UntraceableError:
                    self._numbers_vary = True
            if entry.run is None:
                if str(error).startswith("a second run"):
                    entry.holds = lambda: True  # not run twice again
                self._broken(str(error))
        self._keep(call, entry)
        return expected

    def _program(self, call: Call, expected: Any, engine: str, users: set[int]) -> Any:
        """How to run calls like `call`: the program, in the form of the function's result."""
        result = Result(expected)
        function = call.flat(self.__wrapped__, result)
        state = State(ROOT, read().off)  # not START, so that inner compiled functions are just run
        try:
            program = during(state, program_of, function, call.leaves, users)
            if engine != "numpy" and any(
                ["raise" in (c.errors or {}).values() for c in program.calls]
            ):
                raise UntraceableError(f"{engine!r} knows no `numpy.errstate`")
            if self._threads:
                in_blocks(program, self._threads)
            run = get_engine(engine).make(function, call.leaves, program)
            run = result.finished(run)
            found = run(*call.leaves)
        except UntraceableError:
            raise
        except Exception as error:
            raise UntraceableError(
                f"a second run raises {type(error).__name__}: {error}"
            ) from error
        why = alike(found, expected, exact=engine == "numpy" and not self._threads)
        if why:
            raise UntraceableError(f"a second run gives something else: {why}")
        return run

    def _handed_over(self, call: Call, args: Any, kwargs: Any, engine: str, guards: Guards) -> Any:
        """Have another compiler compile the function, on tracers of its own."""
        entry = _Entry(guards.holds, None)
        try:
            guards.check()
            entry.run = self._made(call, engine)
            found = entry.run(*call.leaves)
        except Exception as error:
            entry.run = None
            found = self.__wrapped__(*args, **kwargs)  # raises, if the error is the function's own
            if call.numbers:  # perhaps the function asks for the value of a Python float
                self._numbers_vary = False
                call = sort_call(args, kwargs, self._static, False)
                try:
                    entry.run = self._made(call, engine)
                    found = entry.run(*call.leaves)
                except Exception:
                    entry.run, self._numbers_vary = None, True
            if entry.run is None:
                self._broken(f"{engine} cannot compile it: {type(error).__name__}: {error}")
        self._keep(call, entry)
        return found

    def _made(self, call: Call, engine: str) -> Any:
        """How to run calls like `call`: what a compiler made of the function. What it runs by
        itself is checked as far as it runs on NumPy's arrays."""
        result = Result()
        random = RandomStates(self.__wrapped__, call.leaves)
        before = [checksum(x) for x in call.leaves if type(x) is np.ndarray]
        run = get_engine(engine).make(call.flat(self.__wrapped__, result), call.leaves)
        if random.moved():
            raise UntraceableError("it draws random numbers, and a program would not")
        if [checksum(x) for x in call.leaves if type(x) is np.ndarray] != before:
            raise UntraceableError("it writes into an array that it was given")
        return result.finished(run)

    def _keep(self, call: Call, entry: _Entry) -> None:
        """Remember `entry`, and forget the oldest if there are too many."""
        entries = self._entries
        entries.pop(call.key, None)
        entries[call.key] = entry
        self._counts[call.kind] = self._counts.get(call.kind, 0) + 1
        while len(entries) > self._cache:
            entries.pop(next(iter(entries)), None)

    def _broken(self, why: str) -> None:
        """There is no program: warn, once for each reason, or raise."""
        message = f"`{self._name}` is not compiled, and runs as it is: {why}"
        if self._on_break == "error":
            raise UntraceableError(message)
        if self._on_break == "warn" and why not in self._warned:
            self._warned.add(why)
            warnings.warn(message, CompileWarning, stacklevel=6)


@overload
def compile(
    fun: F,
    engine: str = ...,
    static: Any = ...,
    on_break: OnBreak = ...,
    cache: int = ...,
    blocks: bool = ...,
    threads: int = ...,
) -> F: ...
@overload
def compile(
    fun: None = None,
    engine: str = ...,
    static: Any = ...,
    on_break: OnBreak = ...,
    cache: int = ...,
    blocks: bool = ...,
    threads: int = ...,
) -> Callable[[F], F]: ...
def compile(
    fun: Any = None,
    engine: str = "auto",
    static: Any = (),
    on_break: OnBreak = "warn",
    cache: int = 64,
    blocks: bool = False,
    threads: int = 1,
) -> Any:
    """A function that runs `fun` once for each kind of arguments, and then a program of what it
    computed, as `jax.jit`.

    A kind is given by the structure of the arguments (any pytrees), the shapes, dtypes and memory
    layouts of arrays, and the values of all else but Python floats, which may vary.

    The program of the engine `numpy` returns what `fun` returns, to the last bit. `fun` may be any
    function: a plain one, ``pg.value_and_grad(f)``, ``pg.hvp`` of something, a step of a
    training. It must be functional: what it returns follows from its arguments. In particular

    - values that it asks for (``if x > 0``, ``float(x)``, a mask), random numbers and written
      arguments break the trace: `fun` then runs as it is, with a warning that says why and where;
    - numbers and arrays that it refers to by name may change: closures, globals, and those of the
      functions that it calls from there. Rebinding one makes a new program, and the elements of
      arrays are read at each call;
    - what it reaches in another way (attributes, items of lists, globals of functions that a module
      exports) is frozen: it keeps the value of the first call, as in `jax.jit`. So is a number
      that is computed from an array of the closure without the arguments, such as ``2 * X``.
      `check` finds it out.

    Inside a transform, such as ``pg.grad(pg.compile(f))``, and inside another compiled function,
    `fun` itself is called.

    Parameters
    ----------
    fun : callable
        Without it, the result is a decorator.
    engine : str
        ``"numpy"``, ``"numba"``, ``"jax"``, ``"torch"``; or ``"auto"``, the library's own compiler:
        jax.jit for JAX arrays, torch.compile for torch's, `numpy` for NumPy's. Arrays of libraries
        that have none are computed with as they are.
    static : int, str, or a sequence of them
        Positions and names of arguments that are compared by value. Integers, booleans, strings and
        objects always are.
    on_break : {"warn", "error", "ignore"}
        What to do if there can be no program.
    cache : int
        How many programs are kept at most. After 64 programs (or `cache`, if that is more) that
        differ in values only, such as an integer that counts steps, other values run as they are,
        with a warning.
    blocks : bool
        Of the engine `numpy`: compute elementwise operations on large arrays piece by piece, so
        that what is in between stays in the processor's cache. Sums over all elements are then
        added up in another order, and differ by a few units in the last place.
    threads : int
        With `blocks`: how many threads share the pieces.

    Returns
    -------
    callable
        With ``check(*args)``, which compares a program with `fun`, and ``programs``, their number.

    Raises
    ------
    UntraceableError
        There can be no program, under ``on_break="error"``.

    >>> import numpy as np, pluggrad as pg
    >>> f = pg.compile(pg.value_and_grad(lambda x: pg.sum(x * x)))
    >>> value, gradient = f(np.asarray([1.0, 2.0]))
    >>> float(value), gradient.tolist()
    (5.0, [2.0, 4.0])
    >>> f.programs
    1
    """
    if on_break not in ("warn", "error", "ignore"):
        raise InvalidArgumentError(f"on_break is 'warn', 'error' or 'ignore', not {on_break!r}")
    if threads < 1:
        raise InvalidArgumentError(f"threads is at least 1, not {threads}")
    if engine != "auto":
        get_engine(engine)
    if fun is None:
        return lambda f: compile(f, engine, static, on_break, cache, blocks, threads)
    check_function(fun, "compile")
    return Compiled(fun, engine, static, on_break, cache, threads if blocks else 0)
