"""`source`: the program of a function, or of its gradient, as plain NumPy that one can read.

It is what `compile` runs, after all passes, with names in the place of numbers: those of the user's
parameters and arrays. Results that are used once stand where they are used.
"""

from __future__ import annotations

import inspect
import keyword
import operator
import re
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import optree

from ..arrays.backend import VARIABLES
from ..engine.arguments import check_function
from ..engine.handles import raw_of
from ..engine.levels import ROOT, State, during, read
from ..errors import BackendError, InvalidArgumentError
from .arguments import Result, sort_call
from .engines import program_of
from .program import Call, Program, Value
from .words import Words, adds_into

__all__ = ["Source", "source"]

WIDTH = 88  # of a line, before results are no longer put into others
LARGE = 64  # elements of an array that is no longer written out


class Source(str):
    """Source code. ``arrays`` has, by name, the arrays that are parameters beside the function's
    own: those that it refers to, and large ones that it made."""

    arrays: dict[str, Any]

    def __repr__(self) -> str:
        return str(self)


def source(
    fun: Callable[..., Any],
    *args: Any,
    style: Literal["numpy", "array-api"] = "numpy",
    **kwargs: Any,
) -> Source:
    """The program that `compile` makes of `fun` for these arguments, as source code that runs
    without pluggrad.

    Its parameters are those of `fun`, an array each (``params["w"]`` becomes ``params_w``), then
    the arrays that `fun` refers to. Comments tell shapes, dtypes other than float64, and where a
    convention enters, such as that of equal elements in a maximum.

    Parameters
    ----------
    fun : callable
        A function of NumPy arrays: a plain one, or what a transform returns.
    *args, **kwargs
        Arguments, whose shapes and dtypes the program is for.
    style : {"numpy", "array-api"}
        Functions of NumPy, or of the standard, in a namespace ``xp``.

    Returns
    -------
    Source
        A string that prints as code, whose attribute ``arrays`` has the arrays that `fun` refers
        to.

    Raises
    ------
    UntraceableError
        There is no program (see `compile`).
    BackendError
        The arguments are not NumPy arrays, or an operation cannot be written in this style.

    >>> import numpy as np, pluggrad as pg
    >>> x = np.ones(3)
    >>> print(pg.source(pg.grad(lambda w: pg.sum(pg.tanh(w) ** 2)), x))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def program(w):
        a = np.tanh(w)  # (3,)
        return (a + a) * (1.0 - a * a)
    """
    check_function(fun, "source")
    if style not in ("numpy", "array-api"):
        raise InvalidArgumentError(f"style is 'numpy' or 'array-api', not {style!r}")
    call = sort_call(args, kwargs, (), True)
    if call.backend.name != "numpy":
        raise BackendError(f"source takes NumPy arrays, not those of {call.backend.name}")
    around = _arrays_around(fun)
    result = Result()
    users = {id(x) for x in (*call.leaves, *[x for _, x in around.values()])}
    state = State(ROOT, read().off)
    program = during(state, program_of, call.flat(fun, result), call.leaves, users)
    made = _Written(program, result, _parameters(fun, args, kwargs, call.places), around, style)
    text = Source(made.text(_name_of(fun)))
    text.arrays = made.arrays
    return text


def _name_of(fun: Any) -> str:
    """A name for the printed function."""
    name = getattr(fun, "__name__", "")
    return name if name.isidentifier() and not keyword.iskeyword(name) else "program"


def _parameters(fun: Any, args: Any, kwargs: Any, places: list[int]) -> list[str]:
    """A name for each array among the arguments."""
    paths = optree.tree_paths((args, kwargs), none_is_leaf=True)  # type: ignore[arg-type]
    names: list[str] = []
    try:
        named = list(inspect.signature(_innermost(fun)).parameters.values())
    except (TypeError, ValueError):
        named = []
    order = [p.name for p in named if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for place in places:
        kind, first, *rest = paths[place]
        if kind == 0:
            first = order[first] if first < len(order) else f"x{first}"
        names.append("_".join([str(first), *[str(part) for part in rest]]))
    return names


def _innermost(fun: Any) -> Any:
    """The user's function inside of transforms."""
    while hasattr(fun, "__wrapped__"):
        fun = fun.__wrapped__
    return fun


def _arrays_around(fun: Any) -> dict[int, tuple[str, Any]]:
    """The arrays that functions refer to by name, by id, each with its name."""
    found: dict[int, tuple[str, Any]] = {}
    waiting, seen = [fun], set()
    while waiting:
        f = inspect.unwrap(waiting.pop()) if callable(waiting[-1]) else waiting.pop()
        code = getattr(f, "__code__", None)
        if code is None or id(f) in seen:
            continue
        seen.add(id(f))
        cells = [getattr(c, "cell_contents", None) for c in _filled(f)]
        names = dict(zip(code.co_freevars, cells, strict=False))
        if not f.__module__.startswith("pluggrad."):
            names |= {n: f.__globals__[n] for n in code.co_names if n in f.__globals__}
        for name, x in names.items():
            if type(x) in VARIABLES:
                x = raw_of(x)
            if type(x) is np.ndarray:
                found.setdefault(id(x), (name, x))
            elif hasattr(x, "__code__") or hasattr(x, "__wrapped__"):
                waiting.append(x)
    return found


def _filled(f: Any) -> list[Any]:
    """The cells of a closure; None for an empty one."""
    cells = []
    for cell in f.__closure__ or ():
        try:
            cell.cell_contents  # noqa: B018
            cells.append(cell)
        except ValueError:
            cells.append(None)
    return cells


class _Written:
    """A program on its way to text."""

    def __init__(
        self, program: Program, result: Result, parameters: list[str], around: Any, style: str
    ) -> None:
        self.program, self.result = program, result
        self.arrays: dict[str, Any] = {}
        self.taken: set[str] = {"np", "xp", "special", *keyword.kwlist}
        self.words = Words(style)
        self.lines: list[str] = []
        self.parameters = []
        for value, name in zip(program.inputs, parameters, strict=True):
            self.parameters.append(self.named(value, name))
        constants = list(program.constants)
        for value, reference in program.hidden:
            x = reference()
            if id(x) in around:
                self.given(value, around[id(x)][0], x)
            else:
                constants.append((value, x))
        for value, x in constants:
            one = not any(x.strides)  # a number, broadcast
            text = self.words.array(x) if one or x.size <= LARGE else ""
            if text and value not in program.written():
                self.words.names[value] = (text, 20)
            else:
                self.given(value, "c", x)
        uses: dict[Value, int] = {}
        for v in [v for c in program.calls for v in c.inputs()] + program.outputs:
            if type(v) is Value:
                uses[v] = uses.get(v, 0) + 1
        written = program.written()
        self.words.through = _written_through(program)
        for call in program.calls:
            if call.results and call.results[0] in self.words.through:
                continue  # ``x[key] += a`` needs no name for ``x[key]``
            before, text, strength = self.words.call(call, self.reserved)
            self.lines += before
            if call.writes:
                continue
            if call.several:
                names = ", ".join([self.named(v, self.fresh()) for v in call.results])
                self.add(f"{names} = {text}", call, call.results[0])
                continue
            (y,) = call.results
            if before:
                self.words.names[y] = (text, strength)
                continue
            once = uses.get(y, 0) == 1 and len(text) < WIDTH // 2
            still = written.isdisjoint([v.memory for v in (y, *call.inputs())])
            if once and still and not self.words.note(call):
                self.words.names[y] = (text, strength)
            else:
                self.add(f"{self.named(y, self.fresh())} = {text}", call, y)

    def add(self, text: str, call: Any, y: Value) -> None:
        """A line, with the shape and the dtype of its result."""
        kind = "" if y.dtype is None or y.dtype == float else f" {y.dtype}"
        note = self.words.note(call)
        self.lines.append(f"{text}  # {y.shape}{kind}{'; ' + note if note else ''}")

    def given(self, value: Value, name: str, x: Any) -> None:
        """An array that is one more parameter."""
        name = self.named(value, name)
        self.parameters.append(name)
        self.arrays[name] = x

    def named(self, value: Value, name: str) -> str:
        """Give `value` the `name`, or one like it that is free."""
        name = re.sub(r"\W", "_", name) or "x"
        name = name if name.isidentifier() else f"x{name}"
        free, count = name, 1
        while free in self.taken:
            count += 1
            free = f"{name}{count}"
        self.taken.add(free)
        self.words.names[value] = (free, 20)
        return free

    def fresh(self) -> str:
        """A short name that is free."""
        for count in range(10**6):
            for letter in "abcdefghijkmnpqrstuvwxyz":
                name = f"{letter}{count or ''}"
                if name not in self.taken:
                    return name
        return "x"

    def reserved(self) -> str:
        """A short name that is free no more."""
        name = self.fresh()
        self.taken.add(name)
        return name

    def text(self, name: str) -> str:
        """The whole."""
        outputs = []
        kept = set(self.program.inputs) | {v for v, _ in self.program.hidden}
        for v in self.program.outputs:
            text = self.words.word(v)
            made = type(v) is Value and v.memory not in kept
            constant = made and v in {c for c, _ in self.program.constants}
            outputs.append(f"{self.words.copied(text)}" if constant else text)
        lines = [*self.lines, f"return {self.result.written(outputs)}"]
        body = "\n".join([f"    {line}" for line in lines])
        imports = "\n".join(self.words.imports())
        extra = [f"# {n}: an array of shape {x.shape}, {x.dtype}" for n, x in self.arrays.items()]
        comment = "".join([f"    {line}\n" for line in extra])
        head = f"{imports}\n\n\n" if imports else ""
        return f"{head}def {name}({', '.join(self.parameters)}):\n{comment}{body}"


def _written_through(program: Program) -> dict[Value, Call]:
    """The views ``x[key]`` that serve only for ``x[key] += a`` and the like, with the calls
    that make them."""
    found = {call.results[0]: call for call in program.calls if call.function is operator.getitem}
    for v in program.outputs:
        if type(v) is Value:
            found.pop(v, None)
    for call in program.calls:
        for v in call.inputs():
            if v in found and not adds_into(call, v):
                del found[v]
    return {v: call for v, call in found.items() if v.memory in program.written()}
