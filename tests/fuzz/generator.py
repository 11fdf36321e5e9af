"""Draws programs that are valid: shapes fit, nothing read-only is written.

Each is made from a seed, so that a number is enough to see it again.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from .programs import LOOPS, VIEWS, Program, Statement, Sub, is_basic, numpy_key

__all__ = ["Seeded", "generate"]

MOST = 48  # elements of an array


class Seeded:
    """Choices from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        return low + int(self.random.random() * (high - low + 1))

    def pick(self, options: Sequence[Any]) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def chance(self, percent: int) -> bool:
        return self.integer(0, 99) >= 100 - percent


class Value(NamedTuple):
    """What is known of a name: its shape, and whether the array that it shows may be written.

    Inputs are written under `no_grad` only. `depth` is that of the function in which the array was
    made: it is written nowhere else.
    """

    name: str
    shape: tuple[int, ...]
    readonly: bool = False
    leaf: bool = False
    depth: int = 0

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


SUBS = ("checkpoint", "checkpoint", "vmap", "vmap", "vmap", "grad", "grad", "jvp", "hvp", "linearize",
        "vjp")  # fmt: skip
ALONG = ("jvp", "hvp", "linearize")  # those that take a direction
KINDS = {"unary": 14, "binary": 10, "reduce": 5, "matmul": 3, "join": 4, "where": 3, "view": 22,
         "take": 8, "write": 18, "inplace": 8, "look": 4, "quiet": 5, "detach": 1, "sub": 9}  # fmt: skip
UNARY = (
    "sin",
    "cos",
    "tanh",
    "exp",
    "sqrt",
    "square",
    "scale",
    "shift",
    "negative",
    "copy",
    "zeros",
)
BINARY = (
    "add",
    "subtract",
    "multiply",
    "divide",
    "maximum",
    "minimum",
    "where_positive",
    "multiply",
)
LOOKS = ("{0}.shape", "{0}.data", "{0}.requires_grad", "repr({0})", "{0}.is_leaf")
OPERATORS = ("=", "=", "+=", "*=", "-=")


#: How freely each library may be indexed with arrays: as NumPy; without the forms in which libraries
#: differ (arrays and integers apart from each other); only as the standard says, an array or an integer
#: for every axis.
FORMS = {"numpy": "numpy", "torch": "common", "jax": "common", "strict": "standard"}


def generate(source: Seeded, backend: str = "numpy", seed: int = 0) -> Program:
    """A program for a backend. The seed is that of the inputs."""
    return _Generator(source, FORMS[backend]).program(seed)


class _Generator:
    def __init__(self, source: Seeded, form: str) -> None:
        self.d, self.form = source, form
        self.count = 0
        self.depth = 0
        self.quiet = False
        self.mapped = False
        self.values: list[Value] = []

    def program(self, seed: int) -> Program:
        shapes = [self.shape() for _ in range(self.d.integer(1, 2))]
        self.values = [Value(f"x{i}", shape, leaf=True) for i, shape in enumerate(shapes)]
        first = [self.unary(self.values[0], "scale")]
        body = first + self.body(self.d.integer(3, 12))
        names = [v.name for v in self.values]
        kept = [n for n in names if self.d.chance(70)] or names[-1:]
        return Program(tuple(shapes), tuple(body), tuple(kept), seed)

    def shape(self) -> tuple[int, ...]:
        dims = [1, 2, 3, 4] if self.d.chance(95) else [0, 1, 2]
        return tuple([self.d.pick(dims) for _ in range(self.d.pick([0, 1, 1, 2, 2, 2, 3]))])

    def name(self) -> str:
        self.count += 1
        return f"a{self.count}"

    def body(self, length: int) -> list[Statement]:
        made = []
        for _ in range(length):
            statement = self.statement()
            if statement is not None:
                made.append(statement)
        return made

    def statement(self) -> Statement | None:
        at = self.d.integer(0, sum(KINDS.values()) - 1)
        ends = list(accumulate(KINDS.values()))
        kind = next(kind for kind, end in zip(KINDS, ends) if at < end)
        found: Statement | None = getattr(self, "a_" + kind)()
        return found

    def value(self) -> Value:
        """The newest more often than others."""
        if self.d.chance(50):
            return self.values[-1 - self.d.integer(0, min(2, len(self.values) - 1))]
        found: Value = self.d.pick(self.values)
        return found

    def define(
        self, op: str, ins: Sequence[Value], info: Any, shape: Any, **facts: Any
    ) -> Statement:
        v = Value(self.name(), tuple(shape), **{"depth": self.depth, **facts})
        self.values.append(v)
        return Statement(op, v.name, tuple([i.name for i in ins]), info)

    def call(
        self, name: str, ins: Sequence[Value], shape: Any, **settings: Any
    ) -> Statement | None:
        if np.prod(shape) > MOST:
            return None
        return self.define("call", ins, (name, settings), shape)

    def unary(self, v: Value, name: str) -> Statement:
        return self.define("call", [v], (name, {}), v.shape)

    # ------------------------------------------------------------ functions

    def a_unary(self) -> Statement | None:
        v = self.value()
        if v.shape and self.d.chance(10):
            axis = self.d.integer(0, len(v.shape) - 1)
            if self.d.chance(30):
                return self.call("cumulative_sum", [v], v.shape, axis=axis)
            if self.d.chance(30) and v.shape[axis]:
                places = [self.d.integer(0, v.shape[axis] - 1) for _ in range(self.d.integer(1, 4))]
                shape = (*v.shape[:axis], len(places), *v.shape[axis + 1 :])
                return self.call("take", [v], shape, places=places, axis=axis)
            if self.d.chance(30):
                times = self.d.integer(1, 2)
                return self.call("tile", [v], (*v.shape[:-1], times * v.shape[-1]), times=times)
            if self.d.chance(30) and len(v.shape) > 1:
                return self.call("triu", [v], v.shape, k=self.d.integer(-1, 1))
            return self.call("roll", [v], v.shape, shift=self.d.integer(-2, 2), axis=axis)
        return self.unary(v, self.d.pick(UNARY))

    def a_detach(self) -> Statement | None:
        return self.unary(self.value(), "detach")

    def partner(self, v: Value) -> tuple[Value, Any] | None:
        """Another value that broadcasts with `v`, and the shape of both."""
        fits = []
        for w in self.values:
            try:
                shape = np.broadcast_shapes(v.shape, w.shape)
            except ValueError:
                continue
            if np.prod(shape) <= MOST:
                fits.append((w, shape))
        return self.d.pick(fits) if fits else None

    def a_binary(self) -> Statement | None:
        v = self.value()
        if len(v.shape) == 1 and self.d.chance(10):
            w = self.value()
            if len(w.shape) == 1:
                return self.call("outer", [v, w], v.shape + w.shape)
        found = self.partner(v)
        if found is None:
            return None
        w, shape = found
        both = [v, w] if self.d.chance(50) else [w, v]
        return self.call(self.d.pick(BINARY), both, shape)

    def a_where(self) -> Statement | None:
        v = self.value()
        found = self.partner(v)
        if found is None:
            return None
        w, shape = found
        if 0 in shape:
            return None
        return self.call("where", [v, w], shape, mask=self.mask(shape))

    def mask(self, shape: Any) -> Any:
        return np.asarray(
            [self.d.integer(0, 1) for _ in range(int(np.prod(shape)))], dtype=bool
        ).reshape(shape).tolist()  # fmt: skip

    def a_reduce(self) -> Statement | None:
        v = self.value()
        axes = [i for i in range(len(v.shape)) if self.d.chance(50)]
        axis: Any = tuple(axes) if axes else None
        reduced = range(len(v.shape)) if axis is None else axes
        keepdims = self.d.chance(40)
        name = self.d.pick(["sum", "sum", "mean", "max"])
        if name != "sum" and 0 in v.shape:
            name = "sum"
        shape = [
            1 if i in reduced else n for i, n in enumerate(v.shape) if keepdims or i not in reduced
        ]
        return self.call(name, [v], shape, axis=axis, keepdims=keepdims)

    def a_matmul(self) -> Statement | None:
        v = self.value()
        fits = [w for w in self.values
                if v.shape and w.shape and w.shape[max(0, len(w.shape) - 2)] == v.shape[-1]]  # fmt: skip
        if not fits:
            return None
        w = self.d.pick(fits)
        try:
            shape = (np.zeros(v.shape) @ np.zeros(w.shape)).shape
        except ValueError:
            return None
        return self.call("matmul", [v, w], shape)

    def a_join(self) -> Statement | None:
        v = self.value()
        w = self.d.pick([w for w in self.values if w.shape == v.shape])
        axis = self.d.integer(0, max(0, len(v.shape) - 1))
        if v.shape and self.d.chance(50):
            shape = list(v.shape)
            shape[axis] *= 2
            return self.call("concat", [v, w], shape, axis=axis)
        return self.call("stack", [v, w], (*v.shape[:axis], 2, *v.shape[axis:]), axis=axis)

    # ------------------------------------------------------------ views and indices

    def a_view(self) -> Statement | None:
        v = self.value()
        if v.shape and self.d.chance(50):
            return self.view(v, "index", self.key(v.shape, basic=True))
        return self.other_view(v, self.d.pick(list(VIEWS)))

    def view(self, v: Value, name: str, setting: Any) -> Statement | None:
        shape = np.asarray(VIEWS[name].positions(np.zeros(v.shape), setting)).shape
        if np.prod(shape) > MOST or (0 in shape and self.d.chance(90)):
            return None
        return self.define("view", [v], (name, setting), shape, depth=v.depth, leaf=v.leaf,
                           readonly=v.readonly or name == "broadcast")  # fmt: skip

    def other_view(self, v: Value, name: str) -> Statement | None:
        ndim, d = len(v.shape), self.d
        match name:
            case "index":
                setting: Any = self.key(v.shape, basic=True)
            case "permute":
                axes = list(range(ndim))
                setting = []
                while axes:
                    setting.append(axes.pop(d.integer(0, len(axes) - 1)))
                setting = tuple(setting)
            case "mT" | "diagonal" if ndim < 2:
                return None
            case "mT" | "real":
                setting = None
            case "diagonal":
                setting = d.integer(-1, 1)
            case "moveaxis" | "flip" | "unstack" if not ndim:
                return None
            case "moveaxis":
                setting = (d.integer(-ndim, ndim - 1), d.integer(0, ndim - 1))
            case "flip":
                setting = d.integer(0, ndim - 1) if d.chance(80) else None
            case "squeeze":
                ones = [i for i, n in enumerate(v.shape) if n == 1]
                if not ones:
                    return None
                setting = d.pick(ones)
            case "expand":
                setting = d.integer(0, ndim)
            case "unstack":
                axis = d.integer(0, ndim - 1)
                if not v.shape[axis]:
                    return None
                setting = (axis, d.integer(0, v.shape[axis] - 1))
            case "iterate":
                if not ndim or not v.shape[0]:
                    return None
                setting = d.integer(0, v.shape[0] - 1)
            case "reshape":
                setting = d.pick(self.reshapes(v))
            case "broadcast":
                lead = (d.integer(1, 3),) if d.chance(50) else ()
                setting = lead + tuple([d.integer(1, 3) if n == 1 else n for n in v.shape])
        return self.view(v, name, setting)

    def reshapes(self, v: Value) -> list[Any]:
        size = v.size
        found: list[Any] = [(size,), (1, size)]
        if size:
            found.append((-1,))
        found += [(n, size // n) for n in (2, 3) if size % n == 0 and size]
        if size % 4 == 0 and size:
            found.append((2, size // 4, 2))
        if size == 1:
            found += [(), (1, 1)]
        return found

    def key(self, shape: tuple[int, ...], basic: bool) -> tuple[Any, ...]:
        """A key for an array of this shape."""
        if not basic and 0 not in shape and self.d.chance(30):
            return self.mask_key(shape)
        if not basic and self.form == "standard":
            return self.standard_key(shape)
        arrays = 0 if basic else self.d.integer(1, 2)
        parts: list[Any] = []
        taken = self.d.integer(min(1, len(shape)), len(shape))
        if arrays:
            taken = max(taken, min(1, len(shape)))
        ellipsis = self.d.chance(20)
        if self.form == "common" and arrays and taken == len(shape):
            ellipsis = False  # between arrays and of no axes: NumPy and torch read it differently
        where = self.d.integer(0, taken) if ellipsis else taken
        # Parts before the Ellipsis are about the first axes, parts after it about the last.
        axes = list(range(where)) + list(range(len(shape) - (taken - where), len(shape)))
        chosen: set[int] = set()
        if arrays and axes:
            start = self.d.integer(0, len(axes) - 1)
            chosen = {self.d.pick(axes) for _ in range(arrays)}
            if self.form == "common":
                chosen = set(axes[start : start + arrays])
        form = self.d.pick([(), (1,), (2,), (3,), (2, 2)])
        for number, axis in enumerate(axes):
            if ellipsis and number == where:
                parts.append("e")
            n = shape[axis]
            if axis in chosen and n:
                parts.append(("i", self.places(n, form)))
            elif n and self.d.chance(40) and not (self.form == "common" and arrays):
                parts.append(self.d.integer(-n, n - 1))
            else:
                parts.append(self.slice(n))
            if self.d.chance(8) and not (self.form == "common" and arrays):
                parts.append("n")
        if ellipsis and where == len(axes):
            parts.append("e")
        if self.d.chance(8) and not (self.form == "common" and arrays):
            parts.insert(0, "n")
        return tuple(parts)

    def standard_key(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        if not shape or 0 in shape:
            return ()
        form = self.d.pick([(), (1,), (2,), (3,), (2, 2)])
        array = self.d.integer(0, len(shape) - 1)  # this one at least
        return tuple([
            ("i", self.places(n, form)) if axis == array or self.d.chance(50)
            else self.d.integer(-n, n - 1) for axis, n in enumerate(shape)
        ])  # fmt: skip

    def places(self, n: int, form: Any) -> Any:
        count = int(np.prod(form))
        found = [self.d.integer(-n, n - 1) for _ in range(count)]
        return np.asarray(found).reshape(form).tolist()

    def slice(self, n: int) -> tuple[Any, ...]:
        d = self.d
        match d.integer(0, 5):
            case 0:
                return ("s", None, None, None)
            case 1:
                return ("s", d.integer(0, n), None, None)
            case 2:
                return ("s", None, d.integer(0, n), None)
            case 3:
                return ("s", None, None, d.pick([2, 3, -1, -1, -2]))
            case 4:
                return ("s", None, -1, None) if n > 1 else ("s", None, None, None)
        start = d.integer(0, max(0, n - 1))
        return ("s", start, d.integer(start, n), d.pick([None, 1, 2]))

    def mask_key(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        if self.form == "standard" or self.d.chance(50):
            return (("m", self.mask(shape)),)
        axes = self.d.integer(1, max(1, len(shape)))
        key: tuple[Any, ...] = (("m", self.mask(shape[:axes])),)
        rest = shape[axes:]
        if rest and self.d.chance(40):
            n = rest[0]
            key += (self.d.integer(-n, n - 1),) if n and self.d.chance(50) else (self.slice(n),)
        elif self.d.chance(20):
            key += ("e",)
        return key

    def taken(self, v: Value, key: Any) -> tuple[int, ...] | None:
        """The shape of the values at `key`."""
        try:
            shape = np.empty(v.shape)[numpy_key(key)].shape
        except IndexError:
            return None
        return shape if np.prod(shape) <= MOST else None

    def a_take(self) -> Statement | None:
        v = self.value()
        key = self.key(v.shape, basic=False)
        if is_basic(key):
            return self.view(v, "index", key) if v.shape else None
        shape = self.taken(v, key)
        if shape is None or (0 in shape and self.d.chance(70)):
            return None
        return self.define("take", [v], key, shape)

    # ------------------------------------------------------------ writes

    def target(self) -> Value | None:
        fits = [v for v in self.values
                if not v.readonly and v.depth == self.depth and (self.quiet or not v.leaf)]  # fmt: skip
        if not fits:
            return None
        if self.d.chance(40):
            return fits[-1]
        found: Value = self.d.pick(fits)
        return found

    def written(self, shape: Any) -> tuple[Value | None, float | None, int] | None:
        """A value that can be written where there is this shape: its name or a number, and axes of
        length one that are added in front."""
        if self.d.chance(15):
            return None, self.d.pick([0.75, -0.5, 0.25, 2]), 0
        fits = []
        for w in self.values:
            inner = w.shape
            while len(inner) > len(shape) and inner[0] == 1:
                inner = inner[1:]
            try:
                if np.broadcast_shapes(inner, shape) == tuple(shape):
                    fits.append(w)
            except ValueError:
                pass
        if not fits:
            return None, self.d.pick([0.75, -0.5, 0.25]), 0
        w = (
            fits[-1 - self.d.integer(0, min(2, len(fits) - 1))]
            if self.d.chance(50)
            else self.d.pick(fits)
        )
        return w, None, self.d.integer(1, 2) if self.d.chance(10) else 0

    def a_write(self) -> Statement | None:
        v = self.target()
        if v is None:
            return None
        if self.d.chance(20):
            key: Any = ("e",)
        else:
            key = self.key(v.shape, basic=self.d.chance(60)) or ("e",)
        shape = self.taken(v, key)
        if shape is None or (0 in shape and self.d.chance(70)):
            return None
        operator = self.d.pick(OPERATORS)
        found = self.written(shape)
        if found is None:
            return None
        w, number, lead = found
        if operator != "=" and w is not None and (lead or len(w.shape) > len(shape)):
            operator = "="
        ins = (v.name,) if w is None else (v.name, w.name)
        return Statement("write", "", ins, (key, operator, number, lead))

    def a_inplace(self) -> Statement | None:
        v = self.target()
        if v is None:
            return None
        operator = self.d.pick(["+=", "*=", "-="])
        fits = [w for w in self.values if _fits(w.shape, v.shape)]
        if not fits or self.d.chance(15):
            return Statement("inplace", "", (v.name,), (operator, self.d.pick([0.75, 1.5, -0.5])))
        return Statement("inplace", "", (v.name, self.d.pick(fits).name), (operator, None))

    def a_look(self) -> Statement | None:
        looks = [look for look in LOOKS if not self.mapped or look != "{0}.data"]
        return Statement("look", "", (self.value().name,), self.d.pick(looks))

    # ------------------------------------------------------------ statements with statements inside

    def a_quiet(self) -> Statement | None:
        if self.quiet:
            return None
        self.quiet = True
        body = self.body(self.d.integer(1, 3))
        self.quiet = False
        return Statement("quiet", "", (), tuple(body)) if body else None

    def a_sub(self) -> Statement | None:
        v = self.value()
        kind = self.d.pick(list(LOOPS) if self.d.chance(40) else SUBS)
        if kind.endswith("pair"):
            w = self.d.pick([w for w in self.values if w.shape == v.shape])
            return self.define("sub", [v, w], Sub(kind), v.shape)
        if kind in LOOPS:
            return self.define("sub", [v], Sub(kind), v.shape)
        if self.depth == 2 or (kind == "vmap" and (not v.shape or 0 in v.shape)):
            return None
        ins, setting = [v], None
        if kind in ALONG:
            ins.append(self.d.pick([w for w in self.values if w.shape == v.shape]))
        elif self.d.chance(40):
            ins.append(self.value())
        inner = [i.shape for i in ins]
        length = 0
        if kind == "vmap":
            axes: list[int | None] = [self.d.pick([0, 0, self.d.integer(0, len(v.shape) - 1)])]
            length = v.shape[axes[0] or 0]
            for w in ins[1:]:
                same = w.shape and w.shape[0] == length
                axes.append(0 if same and self.d.chance(60) else None)
            setting = tuple(axes)
            inner = [
                s if axis is None else s[:axis] + s[axis + 1 :] for s, axis in zip(inner, axes)
            ]
        if kind in ALONG:
            inner = inner[:1]
        outside, quiet, mapped = self.values, self.quiet, self.mapped
        self.quiet, self.mapped = False, mapped or kind == "vmap"
        self.depth += 1
        # An argument that the transform is not about is the caller's own object.
        own = [kind == "checkpoint" or i == 0 or (kind == "vmap" and setting[i] is not None)
               for i in range(len(inner))]  # fmt: skip
        params = [Value(self.name(), shape, depth=self.depth if mine else -1)
                  for shape, mine in zip(inner, own)]  # fmt: skip
        self.values = [*outside, *params]
        body = self.body(self.d.integer(1, 4))
        made = self.values[len(outside) :]
        result = self.d.pick(made) if self.d.chance(60) else made[-1]
        # An argument that is handed back is the caller's own; a view of it is not.
        if result in params or self.d.chance(80):
            body.append(self.unary(result, self.d.pick(["sin", "scale", "tanh"])))
            result = self.values[-1]
        self.depth -= 1
        self.values, self.quiet, self.mapped = outside, quiet, mapped
        shape = result.shape
        if kind in ("grad", "hvp", "vjp"):
            shape = v.shape
        elif kind == "vmap":
            shape = (length, *shape)
        if np.prod(shape) > MOST:
            return None
        sub = Sub(kind, tuple([p.name for p in params]), tuple(body), result.name, setting)
        return self.define("sub", ins, sub, shape)


def _fits(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, into) == into
    except ValueError:
        return False
