"""Emitting: a program as Python source, straight-line code that NumPy runs.

The source has one line for each call. It computes what eager execution computes, to the last bit,
with less work in between:

- A ufunc writes its result into an argument that nobody reads later, if shape, dtype and layout
  agree. Buffers are reused within one run only, so threads do not meet.
- Numbers beside arrays become arrays without axes, of the dtype that NumPy would give them.
- Operations on NumPy scalars use Python's operators.
- Each array is deleted after its last use.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .program import Attribute, Call, Program, Value, values_in

__all__ = ["StaleError", "emitted", "source_of"]


class StaleError(Exception):
    """An array that the program reads does not exist any more."""


def emitted(program: Program) -> Callable[..., tuple[Any, ...]]:
    """The program as a Python function of its inputs, which returns a tuple of its outputs.

    It raises StaleError if an array that it reads by a weak reference does not exist any more.
    """
    lines, scope = source_of(program)
    exec(compile("\n".join(lines), "<a program of pluggrad>", "exec"), scope)
    function: Callable[..., tuple[Any, ...]] = scope["program"]
    return function


def source_of(program: Program) -> tuple[list[str], dict[str, Any]]:
    """The lines of the source, and what its names refer to."""
    made = _Source(program)
    return made.lines, made.scope


class _Source:
    """The source of one program: `lines`, and the `scope` with what they refer to."""

    def __init__(self, program: Program) -> None:
        self.scope: dict[str, Any] = {"StaleError": StaleError}
        self.names: dict[Value, str] = {}
        self.functions: dict[Any, str] = {}
        self.numbers: dict[Any, str] = {}
        self.count = 0
        self.given = {*program.inputs, *[v for v, _ in program.hidden + program.constants]}
        self.kept = self.given | program.shown()
        self.lines = [f"def program({', '.join([self.name(v) for v in program.inputs])}):"]
        for value, reference in program.hidden:
            name = self.name(value)
            self.lines.append(f" {name} = {self.constant(reference)}()")
            self.lines.append(f" if {name} is None: raise StaleError")
        for value, array in program.constants:
            self.names[value] = self.constant(array)
        self.ended: set[Value] = set()
        self.errors: dict[str, Any] | None = None  # of the call before
        self.fresh: set[Value] = set()  # arrays that NumPy has just made, and that can be written
        for call, dying, self.ended in zip(program.calls, *_deaths(program), strict=True):
            self.guarded(call, dying)
        made = {v for v, _ in program.constants}
        words = [
            f"{self.word(v)}.copy('K')" if type(v) is Value and v.memory in made else self.word(v)
            for v in program.outputs
        ]
        self.lines.append(f" return ({''.join([f'{word}, ' for word in words])})")

    def name(self, value: Value) -> str:
        """A new name for `value`."""
        self.count += 1
        self.names[value] = f"v{self.count}"
        return self.names[value]

    def constant(self, x: Any) -> str:
        """A name in the scope for the object `x`."""
        name = f"c{len(self.scope)}"
        self.scope[name] = x
        return name

    def word(self, x: Any) -> str:
        """The text for an argument."""
        kind = type(x)
        if kind is Value:
            return self.names[x]
        if kind in LITERAL or (kind is float and x - x == 0):
            return repr(x)
        if (kind is tuple or kind is list) and next(values_in(x), None) is not None:
            items = "".join([f"{self.word(item)}, " for item in x])
            return f"({items})" if kind is tuple else f"[{items}]"
        return self.constant(x)

    def function(self, function: Any) -> str:
        """The name of a function in the scope."""
        name = self.functions.get(function)
        if name is None:
            name = self.functions[function] = self.constant(function)
        return name

    def number(self, x: Any, dtype: Any) -> str:
        """The name of an array without axes that holds the number `x`."""
        key = (repr(x), dtype)
        name = self.numbers.get(key)
        if name is None:
            name = self.numbers[key] = self.constant(np.asarray(x, dtype))
        return name

    # ------------------------------------------------------------ calls

    def guarded(self, call: Call, dying: list[Value]) -> None:
        """The line for `call`, inside of the `errstate` that it was made in."""
        start = len(self.lines)
        if call.errors != self.errors:
            self.errors = call.errors
            if call.errors is not None:
                self.lines.append(f" with {self.constant(np.errstate)}(**{call.errors!r}):")
                start += 1
        self.add(call, dying)
        if call.errors is not None:
            self.lines[start:] = [f" {line}" for line in self.lines[start:]]

    def add(self, call: Call, dying: list[Value]) -> None:
        """The line for `call`; then what is used for the last time, `dying`, is deleted."""
        text, into = self.text(call, dying)
        if call.writes:
            self.lines.append(f" {text}")
        elif into is not None:
            name = self.names[call.results[0]] = self.names.pop(into)
            self.lines.append(f" {name} = {text}")
        elif call.several:
            names = [self.name(v) for v in call.results]
            self.lines.append(f" {''.join([f'{name}, ' for name in names])} = {text}")
        else:
            self.lines.append(f" {self.name(call.results[0])} = {text}")
        if type(call.function) is np.ufunc or reduces(call.function) or call.function is np.copy:
            self.fresh.update(call.results)
        gone = [v for v in dying if v is not into and v not in self.given]
        if gone:
            self.lines.append(f" del {', '.join([self.names.pop(v) for v in gone])}")

    def text(self, call: Call, dying: list[Value]) -> tuple[str, Value | None]:
        """The text for `call`, and the argument whose memory its result takes over, if any."""
        function, args = call.function, call.args
        if type(function) is Attribute:
            return f"{self.word(args[0])}.{function.__name__}", None
        if function is operator.getitem:
            return f"{self.word(args[0])}[{self.word(args[1])}]", None
        if function is operator.setitem:
            return f"{self.word(args[0])}[{self.word(args[1])}] = {self.word(args[2])}", None
        if function in SIGNS and not call.kwargs:
            return f"{self.word(args[0])} {SIGNS[function]} {self.word(args[1])}", None
        if function in METHODS and type(args[0]) is Value and args[0].kind == "array":
            function, names = METHODS[function]
            extra = [call.kwargs[name] for name in names if name in call.kwargs]
            words = [self.word(x) for x in (*args[1:], *extra)]
            words += [f"{key}={self.word(x)}" for key, x in call.kwargs.items() if key not in names]
            return f"{self.word(args[0])}.{function}({', '.join(words)})", None
        if function is np.expand_dims and args[0].kind == "array":
            return f"{self.word(args[0])}.reshape({self.word(call.results[0].shape)})", None
        if type(function) is str:
            words = [self.word(x) for x in args[1:]]
            words += [f"{key}={self.word(x)}" for key, x in call.kwargs.items()]
            return f"{self.word(args[0])}.{function}({', '.join(words)})", None
        if type(function) is np.ufunc and len(call.results) == 1 and not call.kwargs:
            return self.ufunc(call, dying)
        if reduces(function):
            return f"{self.function(function)}({', '.join(self.reduction(call))})", None
        words = [self.word(x) for x in args]
        words += [f"{key}={self.word(x)}" for key, x in call.kwargs.items()]
        return f"{self.function(function)}({', '.join(words)})", None

    def ufunc(self, call: Call, dying: list[Value]) -> tuple[str, Value | None]:
        """The text for a ufunc with one result."""
        (y,) = call.results
        sign = SCALAR_OPERATORS.get(call.function)
        if sign is not None and y.kind == "scalar" and y.dtype == _DOUBLE and _scalars(call.args):
            words = [self.word(x) for x in call.args]
            return (f"{sign}{words[0]}" if len(words) == 1 else sign.join(words)), None
        words = [self.operand(x, call) for x in call.args]
        into = self.reusable(call, dying)
        if into is not None:
            # (`maximum` and `minimum` deprecate `out` by position.)
            by_name = "out=" if call.function in (np.maximum, np.minimum) else ""
            words.append(f"{by_name}{self.names[into]}")
        return f"{self.function(call.function)}({', '.join(words)})", into

    def operand(self, x: Any, call: Call) -> str:
        """The text for an argument of a ufunc. NumPy takes an array without axes in half the time
        that it needs for a number, which it converts to the dtype of the arrays beside it."""
        if type(x) in (float, int, np.float64) and call.function in TAKE_NUMBERS:
            dtypes = {v.dtype for v in call.args if type(v) is Value}
            if len(dtypes) == 1 and abs(x) <= 2**24:
                (dtype,) = dtypes
                if dtype is not None and dtype.kind == "f" and (
                    dtype == _DOUBLE or (dtype.itemsize == 4 and type(x) is not np.float64)
                ):  # fmt: skip
                    return self.number(x, dtype)
        return self.word(x)

    def reusable(self, call: Call, dying: list[Value]) -> Value | None:
        """An argument that is not needed after `call` and whose memory can hold its result."""
        (y,) = call.results
        if y.kind != "array":
            return None
        for x in dying:
            if (
                x in self.fresh and x.like(y) and x in self.ended and x not in self.kept
                and all([v is x or v.memory is not x for v in call.inputs()])
            ):  # fmt: skip
                return x
        return None

    def reduction(self, call: Call) -> list[str]:
        """The arguments of ``ufunc.reduce``, by position, which is quicker than by name."""
        given = dict(zip(("array", "axis", "dtype", "out", "keepdims"), call.args, strict=False))
        given.update(call.kwargs)
        if not given.keys() <= {"array", "axis", "dtype", "out", "keepdims"}:
            return [self.word(x) for x in call.args] + [
                f"{key}={self.word(x)}" for key, x in call.kwargs.items()
            ]
        defaults = {"axis": 0, "dtype": None, "out": None, "keepdims": False}
        values = [given["array"], *[given.get(key, x) for key, x in defaults.items()]]
        return [self.word(x) for x in values]


LITERAL = frozenset({int, bool, str, type(None), type(...)})
SCALAR_OPERATORS: dict[Any, str] = {
    np.add: " + ", np.subtract: " - ", np.multiply: " * ", np.divide: " / ", np.negative: "-",
}  # fmt: skip
SIGNS: dict[Any, str] = {
    operator.pow: "**", operator.matmul: "@", operator.add: "+", operator.sub: "-",
    operator.mul: "*", operator.truediv: "/",
}  # fmt: skip
#: Functions of NumPy's that call this method, and the names of arguments that it takes by position.
METHODS: dict[Any, tuple[str, tuple[str, ...]]] = {
    np.reshape: ("reshape", ("shape",)), np.transpose: ("transpose", ("axes",)),
    np.astype: ("astype", ("dtype",)), np.squeeze: ("squeeze", ("axis",)),
    np.swapaxes: ("swapaxes", ("axis1", "axis2")),
}  # fmt: skip
#: Ufuncs that compute the same for a number and for an array without axes that holds it.
TAKE_NUMBERS = frozenset({
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.greater,
    np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
})  # fmt: skip
_DOUBLE = np.dtype(float)


def _scalars(args: Any) -> bool:
    """Whether all of `args` are NumPy's double scalars or Python floats, and one is a scalar."""
    values = [x for x in args if type(x) is Value]
    return (
        any([v.kind == "scalar" for v in values])
        and all([v.kind == "number" or (v.kind == "scalar" and v.dtype == _DOUBLE) for v in values])
        and all([type(x) in (Value, float, np.float64) for x in args])
    )


def reduces(function: Any) -> bool:
    """Whether `function` is the method ``reduce`` of a ufunc."""
    return getattr(function, "__name__", "") == "reduce" and isinstance(
        getattr(function, "__self__", None), np.ufunc
    )


def _deaths(program: Program) -> tuple[list[list[Value]], list[set[Value]]]:
    """For each call, the Values that are used, or made, for the last time there; and the memory
    that nobody reads after it."""
    seen = {v for v in program.outputs if type(v) is Value}
    memory = program.shown()
    dying, ended = [], []
    for call in reversed(program.calls):
        here = list(dict.fromkeys((*call.inputs(), *call.results)))
        dying.append([v for v in here if v not in seen])
        ended.append({v.memory for v in here} - memory)
        seen.update(here)
        memory.update([v.memory for v in here])
    return dying[::-1], ended[::-1]
