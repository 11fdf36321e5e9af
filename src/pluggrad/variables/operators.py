"""Operators and methods of Variables: one class per backend, made from tables.

Each operator is bound to the raw operator of the backend, so `v * w` means what it means there.
"""

from __future__ import annotations

import operator
from typing import Any

from ..arrays.backend import PRIMITIVES, Backend
from ..arrays.standard import parse
from ..engine import views
from ..engine.adopted import NAMES as ADOPTED
from ..engine.arguments import operand, refuse_operand
from ..engine.batch import Batched
from ..engine.cotangents import same_shape
from ..engine.lists import comparable
from ..engine.operation import apply
from ..engine.short_cuts.bind import bind_binary, bind_first, bind_unary
from ..errors import InvalidArgumentError, TypeMismatchError
from .methods import METHODS, method
from .namespace import Namespace
from .variable import Variable

__all__ = ["BINARY", "COMPARE", "UNARY", "make_variable_classes"]

BINARY = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv,
    "floordiv": operator.floordiv, "mod": operator.mod, "pow": operator.pow,
    "matmul": operator.matmul, "and": operator.and_, "or": operator.or_, "xor": operator.xor,
    "lshift": operator.lshift, "rshift": operator.rshift,
}  # fmt: skip
COMPARE = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt,
    "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip
UNARY = {
    "neg": operator.neg, "pos": operator.pos, "abs": operator.abs, "invert": operator.invert,
}  # fmt: skip
_NAMES = {
    "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide",
    "mod": "remainder", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift", "eq": "equal",
    "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "neg": "negative", "pos": "positive", "invert": "bitwise_invert",
}  # fmt: skip


_SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "matmul": "@", "and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "neg": "-", "pos": "+", "invert": "~",
}  # fmt: skip


def make_variable_classes(backend: Backend) -> tuple[type, ...]:
    """The four classes of Variables of `backend`: over raw arrays, over other Variables, with a
    tangent, and holding a batch.

    Since each backend has classes of its own, one test, `type(x) is cls`, tells a Variable over a
    raw array of this backend from everything else, and operators can be bound to the backend's raw
    operators.
    """
    attributes = {
        "__slots__": (), "__module__": "pluggrad", "__qualname__": "Variable",
        "__doc__": Variable.__doc__, "__hash__": object.__hash__, "_backend": backend,
    }  # fmt: skip
    cls: Any = type("Variable", (Variable,), attributes)
    nested = type("Variable", (cls,), {**attributes})
    dual = type("Variable", (nested,), {**attributes})
    batched = type("Variable", (Batched, nested), {**attributes})
    backend.variable, backend.nested, backend.dual, backend.batched = cls, nested, dual, batched
    for place in ("variable", "nested", "dual", "batched"):
        # How pickle finds it in `pluggrad`.
        getattr(backend, place).__qualname__ = f"_by_name.{backend.name}._backend.{place}"
    for name, function in backend.adapter.methods.items():
        setattr(cls, name, function)
    item = bind_first(PRIMITIVES["getitem"], backend, backend.getitem)
    item.__qualname__ = "Variable._item"
    cls._item = staticmethod(item)
    short: str
    for short, raw in UNARY.items():
        primitive = PRIMITIVES[_NAMES.get(short, short)]
        _set_operator(cls, short, _unary(primitive, backend, raw), "self, /")
    for short, raw in (BINARY | COMPARE).items():
        primitive = PRIMITIVES[_NAMES.get(short, short)]
        check = comparable if short in ("eq", "ne") else _needed(primitive)
        operate = _binary(primitive, backend, raw, check)
        _set_operator(cls, short, operate)
        if short in BINARY:
            swapped = short not in ("add", "mul")
            reflected = _binary(primitive, backend, raw, check, reflected=swapped)
            _set_operator(cls, f"r{short}", reflected)
            _set_operator(cls, f"i{short}", _in_place(operate))
    return cls, nested, dual, batched


def _set_operator(cls: type, short: str, operate: Any, arguments: str = "self, other, /") -> None:
    """Name and document `operate` as the operator `short`, and put it on `cls`."""
    operate.__name__, operate.__module__ = f"__{short}__", "pluggrad"
    operate.__qualname__ = f"Variable.__{short}__"
    operate.__signature__ = parse(arguments)
    operate.__doc__ = _operator_doc(short)
    setattr(cls, operate.__name__, operate)


def _operator_doc(short: str) -> str:
    """The docstring of the operator of that name."""
    bare = short if short in _NAMES or short in BINARY or short in UNARY else short[1:]
    function = f"pluggrad.{_NAMES.get(bare, bare)}"
    symbol = _SYMBOLS.get(bare, "")
    if bare in UNARY:
        shown = f"{symbol}self" if symbol else f"{bare}(self)"
        return f"`{shown}`, as `{function}`: a Variable of the same shape."
    if bare == short:
        shown = f"self {symbol} other"
    elif short[0] == "r":
        shown = f"other {symbol} self"
    else:
        return (
            f"`self {symbol}= other`, as `{function}`. The Variable is written in place, and keeps "
            "its shape and dtype."
        )
    result = "a boolean Variable" if bare in COMPARE else "a Variable"
    how = "as matrices" if bare == "matmul" else "broadcast"
    return f"`{shown}`, as `{function}`: {result}, the two {how}. `other` is an array or a number."


def _deferred(name: str) -> Any:
    """An operator for `Variable` itself, which calls that of the Variable's own class.

    Every Variable is of a class for one backend, whose operators are bound to that backend. Those
    of `Variable` are for `hasattr`, completion and documentation, and for ``Variable.__add__(v,
    w)``.
    """

    def operate(self: Any, *other: Any) -> Any:
        return getattr(type(self), name)(self, *other)

    return operate


def _give_operators() -> None:
    """Put every operator and method on `Variable` itself."""
    for short in UNARY:
        _set_operator(Variable, short, _deferred(f"__{short}__"), "self, /")
    for short in BINARY:
        for operation in (short, f"r{short}", f"i{short}"):
            _set_operator(Variable, operation, _deferred(f"__{operation}__"))
    for short in COMPARE:
        _set_operator(Variable, short, _deferred(f"__{short}__"))
    for name in METHODS:
        setattr(Variable, name, method(name))


def _unary(primitive: Any, backend: Backend, raw: Any) -> Any:
    if primitive.kind == "elementwise":
        return bind_unary(primitive, backend, raw)

    def answered(x: Any) -> Any:
        y = raw(x)
        if y is NotImplemented:  # Dask's answer for dtypes that it cannot invert
            raise TypeError(f"there is none for {x.dtype}")
        return y

    return lambda x: apply(primitive, (x,), {}, answered, backend)


def _needed(primitive: Any) -> Any:
    """The check of the other operand, for operators without which Python would raise an error."""

    def check(x: Any, backend: Backend) -> Any:
        if operand(x, backend) is not NotImplemented:
            return True
        refuse_operand(x, primitive.name)
        return NotImplemented

    return check


def _binary(primitive: Any, backend: Backend, raw: Any, check: Any, reflected: bool = False) -> Any:
    if primitive.kind in ("elementwise", "bilinear"):
        return bind_binary(primitive, backend, raw, reflected=reflected, check=check)

    def operate(x1: Any, x2: Any) -> Any:
        if check(x2, backend) is NotImplemented:
            return NotImplemented
        return apply(primitive, (x1, x2), {}, raw, backend)

    def operate_reflected(x2: Any, x1: Any) -> Any:
        if check(x1, backend) is NotImplemented:
            return NotImplemented
        return apply(primitive, (x1, x2), {}, raw, backend)

    return operate_reflected if reflected else operate


#: From narrow to wide: `a += b` may round, but never widens the dtype kind of `a`.
_KINDS = ("bool", "unsigned integer", "signed integer", "real floating", "complex floating")


def _holds(dtype: Any, other: Any, xp: Any) -> bool:
    """Whether an array of `dtype` can take values of dtype `other`: the kind is as wide or
    wider."""
    wide, narrow = ([xp.isdtype(d, kind) for kind in _KINDS].index(True) for d in (dtype, other))
    return wide >= narrow


def _in_place(operate: Any) -> Any:
    """The in-place operator made from `operate`, such as ``a += b`` from ``a + b``."""

    def update(self: Variable, other: Any) -> Any:
        y = operate(self, other)
        if y is NotImplemented or (ADOPTED and self.ndim == 0):
            return y  # numbers are never changed in place in code that was written for NumPy
        if y.shape != self.shape and not same_shape(y.shape, self.shape):
            raise InvalidArgumentError(
                f"in place, the result must keep the shape {tuple(self.shape)}, and it would have "
                f"{tuple(y.shape)}"
            )
        if y.dtype != self.dtype:
            if not _holds(self.dtype, y.dtype, self._backend.xp):
                raise TypeMismatchError(
                    f"in place, {self.dtype} cannot take a result of dtype {y.dtype}; "
                    "make it such an array first, with `astype`"
                )
            y = self._backend.namespace.astype(y, self.dtype)
        views.write(self, None, y)
        return self

    return update


def _complete(backend: Backend) -> None:
    """Give `backend` its differentiable namespace and its classes of Variables."""
    backend.namespace = Namespace(backend)
    backend.classes = make_variable_classes(backend)


_give_operators()
Backend.complete = staticmethod(_complete)
