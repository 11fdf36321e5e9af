"""Loops: Python source that computes elementwise calls one element at a time, for Numba."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from pluggrad.plugin import ProgramCall, Value

__all__ = ["Loop", "compiled", "expression", "folded", "precision"]

#: Elements whose sum is taken before it is added to the others, which keeps it precise.
PIECE = 128

#: Ufuncs as expressions of their arguments. The others are called by name: Numba has them for
#: numbers, too.
EXPRESSIONS = {
    "add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}",
    "negative": "-{}", "positive": "{}", "conjugate": "{}", "absolute": "abs({})",
    "fabs": "abs({})", "square": "{0} * {0}", "reciprocal": "1 / {}", "greater": "{} > {}",
    "greater_equal": "{} >= {}", "less": "{} < {}", "less_equal": "{} <= {}", "equal": "{} == {}",
    "not_equal": "{} != {}", "logical_not": "{} == 0", "logical_and": "{} != 0 and {} != 0",
    "logical_or": "{} != 0 or {} != 0", "where": "({1} if {0} else {2})",
}  # fmt: skip
CALLED = {
    "sqrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin",
    "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "power", "maximum",
    "minimum", "fmax", "fmin", "hypot", "arctan2", "sign", "floor", "ceil", "trunc", "rint",
    "copysign", "isnan", "isfinite", "isinf", "logaddexp",
}  # fmt: skip
#: Powers that NumPy computes in another way than by `power`.
POWERS = {2: "{0} * {0}", 1: "{0}", 0.5: "np.sqrt({0})", -1: "1 / {0}"}
FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
BOOL = np.dtype(np.bool_)
NUMBERS = frozenset({int, float, bool, np.float64, np.float32, np.int64, np.bool_})


# ---------------------------------------------------------------- which calls


def expression(call: ProgramCall) -> str:
    """The template of an expression for one element; empty if `call` does not go into a loop."""
    if call.kwargs or call.writes or call.several or type(call.function) is str:
        return ""
    name = call.name
    if type(call.function) is np.ufunc or call.function is np.where:
        text = EXPRESSIONS.get(name, "")
        if name in CALLED:
            text = f"np.{name}({', '.join(['{}'] * len(call.args))})"
    elif call.function is operator.pow and type(call.args[1]) in NUMBERS:
        text = POWERS.get(call.args[1], "np.power({}, {})")
    else:
        return ""
    return text if text and _fits(call) else ""


def _fits(call: ProgramCall) -> bool:
    """Whether the arguments are numbers and floating-point arrays of one dtype (or booleans), and
    the result is one whole array."""
    (y,) = call.results
    return (
        y.kind == "array" and y.memory is y and len(y.shape) > 0 and 0 not in y.shape
        and precision(call) is not None
        and y.strides == _strides(y.shape, y.dtype.itemsize)
        and (y.dtype != BOOL or call.name not in ("add", "multiply", "where"))
        and all([type(x) is Value or type(x) in NUMBERS for x in call.args])
    )  # fmt: skip


def precision(call: ProgramCall) -> Any:
    """The one dtype of floating-point arrays among arguments and results; None if there are arrays
    of others, but for booleans."""
    values = [v for v in (*call.inputs(), *call.results) if v.kind != "number" and v.dtype != BOOL]
    dtypes = {v.dtype for v in values}
    return dtypes.pop() if len(dtypes) == 1 and dtypes <= {*FLOATS} else None


def _strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The strides of an array whose elements follow each other."""
    found = []
    for n in reversed(shape):
        found.append(itemsize)
        itemsize *= n
    return tuple(reversed(found))


def folded(call: ProgramCall) -> tuple[int, ...]:
    """The axes over which `call` sums an array, or all of those over which it takes the largest or
    smallest element; empty if it does neither."""
    ufunc = getattr(call.function, "__self__", None)
    if ufunc not in (np.add, np.maximum, np.minimum) or call.name != "reduce" or call.writes:
        return ()
    given = dict(zip(("array", "axis", "dtype", "out", "keepdims"), call.args, strict=False))
    given.update(call.kwargs)
    x, axis = given.pop("array"), given.pop("axis", 0)
    keepdims = given.pop("keepdims", False)
    if (
        type(x) is not Value
        or x.dtype not in FLOATS
        or any([v is not None for v in given.values()])
    ):
        return ()
    axes = range(len(x.shape)) if axis is None else axis if type(axis) is tuple else (axis,)
    found = tuple(sorted([n % len(x.shape) for n in axes]))
    if type(keepdims) is not bool or call.results[0].dtype != x.dtype or not found:
        return ()
    whole = len(found) == len(x.shape)
    return found if (whole and not keepdims) or (ufunc is np.add and not whole) else ()


# ---------------------------------------------------------------- the source


class Loop:
    """The source of a function of `inputs` that returns a tuple of `wanted`.

    Its text does not depend on the lengths of axes, so loops that are alike are compiled once.
    `scalars` has, for each result, the dtype if it is a NumPy scalar.
    """

    def __init__(self, calls: list[ProgramCall], inputs: list[Value], wanted: list[Value]) -> None:
        self.shape = calls[0].results[0].shape
        self.dtype = precision(calls[0])
        self.words: dict[Value, str] = {}
        self.head: list[str] = []  # before the loop
        self.body: list[str] = []  # for each element
        self.folds: list[tuple[str, list[str]]] = []  # of pieces: the part, and what becomes of it
        self.flat = len(self.shape) == 1 or (
            all([v.shape in ((), self.shape) and _is_whole(v) for v in inputs])
            and all([expression(call) or len(folded(call)) == len(self.shape) for call in calls])
        )
        self.axes = 1 if self.flat else len(self.shape)
        self.names = {v: f"a{n}" for n, v in enumerate(inputs)}
        for v in inputs:
            self.words[v] = self.read(v)
        lengths = [self.length(axis, inputs) for axis in range(self.axes)]
        self.head += [f"n{axis} = {text}" for axis, text in enumerate(lengths)]
        results = {v: f"r{n}" for n, v in enumerate(wanted)}
        self.ends = {name: name for name in results.values()}  # what is returned
        for call in calls:
            (y,) = call.results
            if expression(call):
                self.assign(call, results.get(y))
            elif y in results:
                self.fold(call, folded(call), results[y])
        if self.flat and len(self.shape) > 1:
            for v, name in results.items():
                if v.shape == self.shape:
                    self.ends[name] = f"{name}.reshape({self.whole(inputs)})"
        lines = [f"def loop({', '.join(self.names.values())}):"]
        lines += [f" {line}" for line in self.head]
        lines += self.nest()
        lines += [f" return ({''.join([f'{end}, ' for end in self.ends.values()])})"]
        self.text = "\n".join(lines)
        self.scalars = tuple([v.dtype if v.kind == "scalar" else None for v in wanted])

    def read(self, v: Value) -> str:
        """The word for an element of an input."""
        name = self.names[v]
        if v.kind != "array" or not v.shape:
            whole = f"{name}[()]" if v.kind == "array" else name
            if v.dtype != BOOL:
                whole = f"np.{self.dtype}({whole})"
            self.head.append(f"s{name} = {whole}")
            return f"s{name}"
        if self.flat:
            if len(v.shape) > 1:
                self.head.append(f"f{name} = {name}.reshape({name}.size)")
                name = f"f{name}"
            return f"{name}[0]" if v.shape == (1,) != self.shape else f"{name}[i0]"
        return f"{name}[{self.index(v.shape)}]"

    def index(self, shape: tuple[int, ...]) -> str:
        """The index of the element of an array of `shape`, as it is broadcast."""
        skipped = len(self.shape) - len(shape)
        return ", ".join([
            "0" if n == 1 else f"i{axis + skipped}" for axis, n in enumerate(shape)
        ])  # fmt: skip

    def length(self, axis: int, inputs: list[Value]) -> str:
        """The text for the length of an axis: that of an input, since programs of other lengths
        share the source."""
        if self.flat:
            full = [v for v in inputs if v.shape == self.shape]
            return f"{self.names[full[0]]}.size" if full else str(self.shape[0])
        for v in inputs:
            n = axis - len(self.shape) + len(v.shape)
            if n >= 0 and v.shape[n] == self.shape[axis]:
                return f"{self.names[v]}.shape[{n}]"
        return str(self.shape[axis])

    def whole(self, inputs: list[Value]) -> str:
        """The text for the shape of the loop, where it is flat."""
        full = [v for v in inputs if v.shape == self.shape]
        return f"{self.names[full[0]]}.shape" if full else str(self.shape)

    def assign(self, call: ProgramCall, result: str | None) -> None:
        """Add a line that computes an element of an elementwise call."""
        (y,) = call.results
        word = self.words[y] = f"v{len(self.words)}"
        words = [self.words[x] if type(x) is Value else self.number(x) for x in call.args]
        self.body.append(f"{word} = {expression(call).format(*words)}")
        if result is not None:
            size = ", ".join([f"n{axis}" for axis in range(self.axes)])
            self.head.append(f"{result} = np.empty(({size},), np.{y.dtype.name})")
            self.body.append(f"{result}[{', '.join([f'i{n}' for n in range(self.axes)])}] = {word}")

    def number(self, x: Any) -> str:
        """The text for a number."""
        if type(x) in (bool, np.bool_):
            return repr(bool(x))
        text = {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(
            str(float(x)), repr(float(x))
        )
        return f"np.{self.dtype}({text})"

    def fold(self, call: ProgramCall, axes: tuple[int, ...], result: str) -> None:
        """Add the lines for a reduction."""
        (y,) = call.results
        word, ufunc = self.words[call.inputs()[0]], call.function.__self__
        if ufunc is np.add:
            place = ""
            if len(axes) < len(self.shape):
                place = self.summed(y, axes, result)
            else:
                self.head.append(f"{result} = c{result} = 0.0")
            if len(self.shape) - 1 in axes or self.flat:
                part = f"p{len(self.folds)}"
                self.body.append(f"{part} += {word}")
                self.folds.append((part, [f"{result}{place} += {part}"] if place else [
                    f"{part} -= c{result}",  # what was lost before (Kahan)
                    f"t = {result} + {part}",
                    f"c{result} = (t - {result}) - {part} if t - t == 0 else 0.0",
                    f"{result} = t",
                ]))  # fmt: skip
            else:
                self.body.append(f"{result}{place} += {word}")
        else:
            sign, start = (">", "-np.inf") if ufunc is np.maximum else ("<", "np.inf")
            self.head.append(f"{result} = {start}")
            self.body.append(f"{result} = {word} if {word} {sign} {result} or {word} != {word} "
                             f"else {result}")  # fmt: skip

    def summed(self, y: Value, axes: tuple[int, ...], result: str) -> str:
        """Make the array of sums over some of the axes; the index of an element of it."""
        kept = [n for n in range(len(self.shape)) if n not in axes]
        size = [f"n{n}" if n in kept else "1" for n in range(len(self.shape))]
        place = [f"i{n}" if n in kept else "0" for n in range(len(self.shape))]
        if len(y.shape) < len(self.shape):
            size, place = ([row[n] for n in kept] for row in (size, place))
        self.head.append(f"{result} = np.zeros(({', '.join(size)},))")
        if self.dtype != np.float64:
            self.ends[result] = f"{result}.astype(np.{self.dtype})"
        return f"[{', '.join(place)}]"

    def nest(self) -> list[str]:
        """The loops, with the body inside. Sums are those of pieces, added up."""
        lines: list[str] = []
        pad = " "
        for axis in range(self.axes - 1):
            lines.append(f"{pad}for i{axis} in range(n{axis}):")
            pad += " "
        last = self.axes - 1
        if self.folds:
            lines.append(f"{pad}for low in range(0, n{last}, {PIECE}):")
            pad += " "
            lines += [f"{pad}{part} = 0.0" for part, _ in self.folds]
            lines.append(f"{pad}for i{last} in range(low, min(low + {PIECE}, n{last})):")
        else:
            lines.append(f"{pad}for i{last} in range(n{last}):")
        lines += [f"{pad} {line}" for line in self.body]
        return lines + [f"{pad}{line}" for _, ends in self.folds for line in ends]


def _is_whole(v: Value) -> bool:
    """Whether the elements of `v` follow each other in memory."""
    return v.kind != "array" or v.strides == _strides(v.shape, v.dtype.itemsize)


# ---------------------------------------------------------------- compiling


def compiled(loop: Loop) -> Callable[..., Any]:
    """The loop as a function, which Numba compiles when it is first called."""
    jitted = _jitted(loop.text)
    scalars = loop.scalars
    if not any([dtype is not None for dtype in scalars]):
        return jitted

    def run(*args: Any) -> tuple[Any, ...]:  # Numba returns Python floats
        return tuple([
            y if dtype is None else dtype.type(y)
            for y, dtype in zip(jitted(*args), scalars, strict=True)
        ])  # fmt: skip

    return run


@functools.lru_cache(maxsize=512)
def _jitted(text: str) -> Callable[..., Any]:
    """The function that `text` defines, for Numba. It is not compiled yet, and never stored."""
    scope: dict[str, Any] = {"np": np}
    exec(compile(text, "<a loop of pluggrad>", "exec"), scope)
    made: Callable[..., Any] = numba.njit(scope["loop"], error_model="numpy", nogil=True)
    return made
