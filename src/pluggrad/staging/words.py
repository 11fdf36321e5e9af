"""Words: the calls of a program as text, in functions of NumPy or of the standard."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import BackendError
from .emit import reduces
from .program import Attribute, Call, Value

__all__ = ["Words"]

#: Operators, and how strongly they bind.
BINARY: dict[Any, tuple[str, int]] = {
    np.add: ("+", 11), np.subtract: ("-", 11), np.multiply: ("*", 12), np.divide: ("/", 12),
    np.matmul: ("@", 12), np.greater: (">", 6), np.less: ("<", 6), np.greater_equal: (">=", 6),
    np.less_equal: ("<=", 6), np.equal: ("==", 6), np.not_equal: ("!=", 6),
    operator.add: ("+", 11), operator.sub: ("-", 11), operator.mul: ("*", 12),
    operator.truediv: ("/", 12), operator.matmul: ("@", 12), operator.pow: ("**", 15),
    operator.floordiv: ("//", 12), operator.mod: ("%", 12),
}  # fmt: skip
UNARY: dict[Any, str] = {np.negative: "-", operator.neg: "-", operator.pos: "+"}
REDUCTIONS = {np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min",
              np.logical_and: "all", np.logical_or: "any"}  # fmt: skip
#: Where a convention of pluggrad's enters.
NOTES: dict[Any, str] = {
    np.sign: "0 at 0, as the derivative of abs is there",
    np.equal: "equal elements (ties) share the gradient",
}
#: Names that the standard has for functions of NumPy.
STANDARD = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh",
    "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh", "concatenate": "concat",
    "conjugate": "conj", "power": "pow", "transpose": "permute_dims", "cumsum": "cumulative_sum",
    "cumprod": "cumulative_prod",
}  # fmt: skip
#: Other functions of the standard that are called in the same way.
SAME = frozenset(
    """
    astype broadcast_to ceil clip copysign cos cosh exp expand_dims expm1 flip floor floor_divide
    hypot imag isfinite isinf isnan linalg.cholesky linalg.det linalg.eigh linalg.inv linalg.qr
    linalg.slogdet linalg.solve linalg.svd linalg.trace log log10 log1p log2 logaddexp logical_and
    logical_not logical_or matrix_transpose max maximum min minimum moveaxis prod real reciprocal
    remainder repeat reshape roll round searchsorted sign sin sinh sqrt square squeeze stack sum
    take take_along_axis tan tanh tensordot tril triu trunc vecdot where
    """.split()  # noqa: SIM905
)
STRENGTH = 20  # of what needs no brackets


def adds_into(call: Call, v: Value) -> bool:
    """Whether `call` is ``v += a``, or another operator like that."""
    return (
        call.writes == (v,) and call.function in BINARY and list(call.kwargs) == ["out"]
        and call.args[0] is v and call.args[1] is not v
    )  # fmt: skip


class Words:
    """Text for the arguments and calls of one program. `names` has the text of each Value, and how
    strongly its outermost operator binds."""

    def __init__(self, style: str) -> None:
        self.standard = style == "array-api"
        self.np = "xp" if self.standard else "np"
        self.names: dict[Value, tuple[str, int]] = {}
        self.through: dict[Value, Call] = {}  # views that are only written through
        self._special = False

    def imports(self) -> list[str]:
        """The lines that import what is used."""
        if self.standard:
            return ["# xp: a namespace of the array API standard"]
        return ["import numpy as np"] + ["from scipy import special"] * self._special

    def note(self, call: Call) -> str:
        """What to say about a convention that enters in `call`."""
        arrays = all([type(x) is Value for x in call.args])
        return NOTES.get(call.function, "") if type(call.function) is np.ufunc and arrays else ""

    # ------------------------------------------------------------ arguments

    def word(self, x: Any, strength: int = 0) -> str:
        """The text for an argument, in brackets if it binds less than `strength`."""
        if type(x) is Value:
            text, own = self.names[x]
            return f"({text})" if own < strength else text
        if isinstance(x, (np.dtype, type)):
            return f"{self.np}.{'bool' if np.dtype(x) == bool else np.dtype(x).name}"
        if isinstance(x, np.generic):
            text = self.word(x.item(), STRENGTH)
            return text if self.standard else f"np.{x.dtype.name}({text})"
        if type(x) is float:
            text = repr(x).replace("inf", f"{self.np}.inf").replace("nan", f"{self.np}.nan")
            return f"({text})" if x < 0 and strength > 12 else text
        if type(x) is complex or (type(x) is int and x < 0 and strength > 12):
            return f"({x!r})" if type(x) is int else repr(x)
        if type(x) is slice:
            return f"slice({', '.join([self.word(part) for part in (x.start, x.stop, x.step)])})"
        if type(x) in (tuple, list):
            inner = ", ".join([self.word(item) for item in x])
            if type(x) is list:
                return f"[{inner}]"
            return f"({inner},)" if len(x) == 1 else f"({inner})"
        return repr(x) if x is not ... else "..."

    def key(self, key: Any) -> str:
        """The text for an index."""
        parts = [self._part(k) for k in key] if type(key) is tuple else [self._part(key)]
        return ", ".join(parts) + ("," if type(key) is tuple and len(key) == 1 else "") or "()"

    def _part(self, k: Any) -> str:
        """The text for one part of an index."""
        if type(k) is not slice:
            listed = self.standard and type(k) is list
            return f"xp.asarray({self.word(k)})" if listed else self.word(k)
        start, stop, step = ["" if p is None else self.word(p) for p in (k.start, k.stop, k.step)]
        return f"{start}:{stop}" + (f":{step}" if step else "")

    def array(self, x: Any) -> str:
        """An array written out."""
        kind = "" if x.dtype in (bool, int, float) else f", dtype={self.word(x.dtype)}"
        if x.size and x.dtype.kind == "f" and x.ndim and np.all(x == x.flat[0]):
            return f"{self.np}.full({x.shape}, {self.word(float(x.flat[0]))}{kind})"
        if 0 in x.shape:
            return f"{self.np}.zeros({x.shape}, dtype={self.word(x.dtype)})"
        if x.dtype.kind not in "biufc":
            return ""
        return f"{self.np}.asarray({self._nested(x.tolist())}{kind})"

    def _nested(self, x: Any) -> str:
        """Nested lists of numbers."""
        if type(x) is list:
            return f"[{', '.join([self._nested(item) for item in x])}]"
        return self.word(x)

    def copied(self, text: str) -> str:
        """A copy of an array."""
        return f"xp.asarray({text}, copy=True)" if self.standard else f"np.copy({text})"

    # ------------------------------------------------------------ calls

    def call(self, call: Call, fresh: Callable[[], str]) -> tuple[list[str], str, int]:
        """Lines before, then the text for `call` and how strongly it binds. A call that writes has
        lines only."""
        function, args = call.function, call.args
        if function in BINARY and len(args) == 2 and not call.kwargs:
            sign, strength = BINARY[function]
            first, second = strength + (sign == "**"), strength + (sign != "**")
            first, second = (strength + 1, strength + 1) if strength == 6 else (first, second)
            text = f"{self.word(args[0], first)} {sign} {self.word(args[1], second)}"
            return [], text, strength
        if function in UNARY and not call.kwargs:
            return [], f"{UNARY[function]}{self.word(args[0], 13)}", 13
        if function is operator.getitem:
            return [], f"{self.word(args[0], STRENGTH)}[{self.key(args[1])}]", STRENGTH
        if function is operator.setitem:
            return [f"{self.word(args[0])}[{self.key(args[1])}] = {self.word(args[2])}"], "", 0
        if type(function) is Attribute:
            if self.standard and function.__name__ in ("real", "imag"):
                return [], f"xp.{function.__name__}({self.word(args[0])})", STRENGTH
            return [], f"{self.word(args[0], STRENGTH)}.{function.__name__}", STRENGTH
        if function is np.copy:
            return [], self.copied(self.word(args[0])), STRENGTH
        if type(function) is str:
            return [], self._method(function, args, call.kwargs), STRENGTH
        if getattr(function, "__name__", "") in ("eig", "eigvals") and args[0].dtype.kind == "f":
            kind = "complex64" if args[0].dtype.itemsize == 4 else "complex128"
            x = f"{self.word(args[0], STRENGTH)}.astype(np.{kind})"
            return [], f"np.linalg.{function.__name__}({x})", STRENGTH
        if call.writes and call.writes[0] in self.through and adds_into(call, call.writes[0]):
            view = self.through[call.writes[0]]
            place = f"{self.word(view.args[0])}[{self.key(view.args[1])}]"
            return [f"{place} {BINARY[function][0]}= {self.word(args[1])}"], "", 0
        own = call.writes and call.writes[0].memory is call.writes[0]
        if own and adds_into(call, call.writes[0]):
            return [f"{self.word(args[0])} {BINARY[function][0]}= {self.word(args[1])}"], "", 0
        if call.writes:
            return [f"{self._function(function)}({self._arguments(args, call.kwargs)})"], "", 0
        name = getattr(function, "__name__", "")
        if name in ("scatter", "scatter_all") and "like" in call.kwargs:
            return self._scattered(call, fresh())
        if name in TEMPLATES and not self.standard:
            given = {key: self.word(x, STRENGTH) for key, x in call.kwargs.items()}
            words = [self.word(x, STRENGTH) for x in args]
            return [], TEMPLATES[name].format(*words, **given), STRENGTH
        if reduces(function) and function.__self__ in REDUCTIONS:
            return [], self._reduction(call), STRENGTH
        return [], f"{self._function(function)}({self._arguments(args, call.kwargs)})", STRENGTH

    def _arguments(self, args: Any, kwargs: Any) -> str:
        """Arguments by position and by name."""
        words = [self.word(x) for x in args]
        return ", ".join(words + [f"{key}={self.word(x)}" for key, x in kwargs.items()])

    def _method(self, name: str, args: Any, kwargs: Any) -> str:
        """A method of the first argument."""
        x = self.word(args[0], STRENGTH)
        if name == "astype":
            args = (*args[:1], *[kwargs["dtype"] for _ in range("dtype" in kwargs)], *args[1:2])
            kwargs = {}
        if not self.standard:
            return f"{x}.{name}({self._arguments(args[1:], kwargs)})"
        if name == "swapaxes" and args[1:] == (-1, -2):
            return f"{x}.mT"
        if name == "copy":
            return f"xp.asarray({x}, copy=True)"
        if name in ("conj", "conjugate"):
            return f"xp.conj({x})"
        if name in ("reshape", "astype", "sum", "max", "min", "prod", "squeeze"):
            return f"xp.{name}({self._arguments(args, kwargs)})"
        raise self._missing(f"the method {name}")

    def _reduction(self, call: Call) -> str:
        """``ufunc.reduce`` as a function."""
        given = dict(zip(("array", "axis", "dtype", "out", "keepdims"), call.args, strict=False))
        given = {"axis": 0, **given, **call.kwargs}
        words = [self.word(given.pop("array"))]
        words += [
            f"{key}={self.word(x)}" for key, x in given.items()
            if not (x is None or (key == "keepdims" and x is False))
        ]  # fmt: skip
        return f"{self.np}.{REDUCTIONS[call.function.__self__]}({', '.join(words)})"

    def _scattered(self, call: Call, name: str) -> tuple[list[str], str, int]:
        """Zeros, with values added at their places."""
        shape, dtype = call.kwargs["like"]
        keys = call.kwargs["keys"] if "keys" in call.kwargs else (call.kwargs["key"],)
        y = name
        lines = [f"{y} = {self.np}.zeros({shape}, dtype={self.word(dtype)})"]
        for key, g in zip(keys, call.args, strict=True):
            parts = key if type(key) is tuple else (key,)
            if all([k is None or k is ... or type(k) in (slice, int) for k in parts]):
                lines.append(f"{y}[{self.key(key)}] += {self.word(g)}")
            elif self.standard:
                raise self._missing("the gradient of an index by arrays")
            else:
                lines.append(f"np.add.at({y}, {self.word(key)}, {self.word(g)})")
        return lines, y, STRENGTH

    def _function(self, function: Any) -> str:
        """A function by its name."""
        name = getattr(function, "__name__", "")
        bound = getattr(function, "__self__", None)
        if type(bound) is np.ufunc:
            if self.standard:
                raise self._missing(f"numpy.{bound.__name__}.{name}")
            return f"np.{bound.__name__}.{name}"
        inner = getattr(function, "__wrapped__", function)
        module = str(getattr(inner, "__module__", "") or "")
        for part in ("linalg", "fft"):
            if part in module.split(".") or part in module.rsplit("_", 1):
                name = f"{part}.{name}"
        name = PRIVATE.get(name, name)
        if not self.standard and name == "absolute":
            return "np.abs"
        if self.standard:
            name = STANDARD.get(name, name)
            if name in SAME or name in STANDARD.values():
                return f"xp.{name}"
            raise self._missing(name)
        if _found(np, name):
            return f"np.{name}"
        if _special(name):
            self._special = True
            return f"special.{name}"
        raise self._missing(name)

    def _missing(self, name: str) -> BackendError:
        """The error for an operation that has no text."""
        style = "the array API standard" if self.standard else "plain NumPy"
        return BackendError(f"`source` cannot write `{name}` in terms of {style}")


#: Functions of ours that are NumPy's on ordinary arguments.
PRIVATE = {"vector_norm": "linalg.vector_norm", "linalg.vector_norm": "linalg.vector_norm"}
#: Others, as text with the arguments by position and by name.
TEMPLATES = {
    "from_front_raw": "np.where({0} < 0, {0} + {length}, {0})",
    "eigh_upper": "np.linalg.eigh({0}, UPLO='U')",
}


def _found(module: Any, name: str) -> bool:
    """Whether `module` has a function of this dotted name."""
    for part in name.split("."):
        module = getattr(module, part, None)
    return module is not None


def _special(name: str) -> bool:
    """Whether SciPy has a special function of this name."""
    try:
        import scipy.special
    except ImportError:
        return False
    return hasattr(scipy.special, name)
