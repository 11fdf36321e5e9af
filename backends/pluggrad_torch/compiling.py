"""What torch.compile has to be told in order to compile pluggrad; imported as soon as Dynamo is.

The compiler reads Python code, but not all of ours: not the context variable that holds the
engine's state, nor the closures of Variables' operators. Nor does it send an operator between a
tensor and a Variable to the Variable, as Python does. Here it is told what to do instead. This uses
private names of torch, and is tested with the version in `constraints.txt`.
"""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Callable
from typing import Any

import array_api_compat.torch._aliases as _aliases
import torch._dynamo
from torch._dynamo.variables import (
    BuiltinVariable,
    ListVariable,
    NumpyNdarrayVariable,
    NumpyVariable,
    TorchInGraphFunctionVariable,
    TupleVariable,
    UserDefinedObjectVariable,
    UserFunctionVariable,
    UserMethodVariable,
)

import pluggrad
from pluggrad import Variable
from pluggrad.plugin import CONSTANT, UNREADABLE, get_backend, lookup, make_ready
from pluggrad_numpy.functions import name_of

from . import random, recorded  # noqa: F401  (a compiler cannot import while it reads)

__all__: list[str] = []

substitute: Any = torch._dynamo.substitute_in_graph


for _function, _instead in UNREADABLE.items():
    substitute(_function, skip_signature_check=True)(_instead)
for _function in CONSTANT:
    torch.compiler.assume_constant_result(_function)


def _result_type(x: Any, y: Any) -> Any:
    """The dtype of `x` and `y` together, each a tensor, a dtype or a number: that of the product of
    empty tensors. torch's function of this name returns no tensor, so Dynamo cannot put it in a
    graph."""
    return (_empty(x) * _empty(y)).dtype


def _empty(x: Any) -> Any:
    """An empty tensor of the dtype of `x`; a number as it is."""
    if isinstance(x, torch.dtype):
        return torch.empty((0,), dtype=x)
    if isinstance(x, torch.Tensor):
        return x.new_empty((0,) if x.ndim else ())
    return x


substitute(_aliases._result_type)(_result_type)


# ---------------------------------------------------------------- the operators of Variables

_methods: dict[str, Callable[..., Any]] = {}


def _redirect(method: Any) -> None:
    """Let the compiler find a method by its name. It reads the closure of a method only if it knows
    where to get the method again, which it does not for Variables that it made itself."""
    key = method.__qualname__
    _methods[key] = types.FunctionType(
        method.__code__, method.__globals__, method.__name__, method.__defaults__,
        method.__closure__,
    )  # fmt: skip
    found: dict[str, Any] = {}
    code = f"def find(*args, **kwargs): return _methods[{key!r}](*args, **kwargs)"
    exec(code, globals(), found)
    method._torchdynamo_inline = found["find"]


for _method in list(vars(get_backend("torch").variable).values()):
    _method = getattr(_method, "__func__", _method)  # unwraps static methods
    if isinstance(_method, types.FunctionType) and _method.__closure__:
        _redirect(_method)

# Functions that are otherwise made at their first use have to exist before a trace begins.
make_ready(get_backend("torch"), torch.Tensor, torch.nn.Parameter)


# ---------------------------------------------------------------- NumPy arrays as constants


def _functions() -> set[types.CodeType]:
    """The code of pluggrad's functions of arrays, and of the methods of Variables."""
    inside = get_backend("torch").namespace
    found: list[Any] = [getattr(pluggrad, name, None) for name in dir(inside)]
    for part in ("linalg", "fft", "special"):
        ours = getattr(pluggrad, part)
        found += [getattr(ours, name, None) for name in dir(getattr(inside, part))]
    for cls in _CLASSES:
        found += [getattr(method, "__func__", method) for method in vars(cls).values()]
    return {f.__code__ for f in found if isinstance(f, types.FunctionType)}


def _over_tensor(x: torch.Tensor) -> Variable:
    """A constant. (The compiler reads this function.)"""
    return Variable(x)


_NUMPY = get_backend("numpy").variable
_CLASSES = {cls for name in ("numpy", "torch") for cls in get_backend(name).variable.__mro__}
_FUNCTIONS = _functions()
_as_tensor = TorchInGraphFunctionVariable(torch.as_tensor)
_METHODS = {name for cls in _CLASSES for name in vars(cls)} - {"requires_grad"}
_call_user_function = UserFunctionVariable.call_function
_var_getattr = UserDefinedObjectVariable.var_getattr


def _is_constant(x: Any) -> bool:
    """Whether `x` is an untracked Variable over NumPy."""
    return isinstance(x, UserDefinedObjectVariable) and (
        type(x.value) is _NUMPY and not x.value.requires_grad
    )


def _attribute(self: Any, tx: Any, name: str) -> Any:
    """Dynamo's own, but untracked Variables over NumPy have the methods of those over tensors."""
    if name[0] != "_" and name != "data" and name in _METHODS and _is_constant(self):
        self = _lifted(tx, self)
    return _var_getattr(self, tx, name)


def _lifted(tx: Any, x: Any) -> Any:
    """`x` with tensors in place of NumPy's arrays, whose dtype Dynamo does not know; and so for
    untracked Variables over these."""
    x = x.realize()
    if isinstance(x, NumpyNdarrayVariable):
        return _as_tensor.call_function(tx, [x], {})
    if _is_constant(x):
        # (To read `data` may make a cell, and Dynamo treats objects that were written differently.)
        value = _var_getattr(x, tx, "_value" if x.value._cell is None else "data")
        made = _lifted(tx, value)
        return UserFunctionVariable(_over_tensor).call_function(tx, [made], {})
    if type(x) in (ListVariable, TupleVariable):
        items = [_lifted(tx, item) for item in x.items]
        if any([new is not old.realize() for new, old in zip(items, x.items, strict=True)]):
            return type(x)(items)
    return x


def _call_with_constants(self: Any, tx: Any, args: Any, kwargs: Any) -> Any:
    """Dynamo's own, but functions of pluggrad get NumPy's arrays as tensors."""
    if self.fn.__code__ in _FUNCTIONS:
        if isinstance(self, UserMethodVariable) and _is_constant(self.obj):
            return _lifted(tx, self.obj).call_method(tx, self.fn.__name__, args, kwargs)
        args = [_lifted(tx, x) for x in args]
        kwargs = {key: _lifted(tx, x) for key, x in kwargs.items()}
    return _call_user_function(self, tx, args, kwargs)


def _call_numpy(self: Any, tx: Any, args: Any, kwargs: Any) -> Any:
    """Dynamo's own, but a function of NumPy's that is called with Variables is pluggrad's."""
    if any([_has_variable(x) for x in (*args, *kwargs.values())]):
        function = _answers(self.value)
        if function is not None:
            return UserFunctionVariable(function).call_function(tx, args, kwargs)
    return _call_numpy_function(self, tx, args, kwargs)


def _has_variable(x: Any) -> bool:
    """Whether `x` is a Variable or holds one in a list."""
    x = x.realize()
    if type(x) in (ListVariable, TupleVariable):
        return any([_has_variable(item) for item in x.items])
    return isinstance(x, UserDefinedObjectVariable) and isinstance(x.value, Variable)


@functools.cache
def _answers(function: Any) -> Any:
    """A function that the compiler can read, and that calls the one of pluggrad of the same name
    and meaning; None if there is none."""
    name = name_of(function)
    if lookup(get_backend("torch"), name) is None:
        return None
    found: dict[str, Any] = {}
    exec(f"def answer(*args, **kwargs): return pluggrad.{name}(*args, **kwargs)", globals(), found)
    return found["answer"]


_call_numpy_function = NumpyVariable.call_function
NumpyVariable.call_function = _call_numpy
UserFunctionVariable.call_function = _call_with_constants
UserDefinedObjectVariable.var_getattr = _attribute


# ---------------------------------------------------------------- a tensor beside a Variable

_NAMES = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor",
          "lshift", "rshift")  # fmt: skip
_OPERATORS = {
    getattr(operator, f"{prefix}{name}_" if not prefix and name in ("and", "or") else
            f"{prefix}{name}"): f"__{prefix}{name}__"
    for prefix in ("", "i") for name in _NAMES
}  # fmt: skip
_OF_OPERATOR = {getattr(operator, name) for name in operator.__all__} - {
    operator.is_,
    operator.is_not,
}
_call = BuiltinVariable.call_function


def _call_function(self: Any, tx: Any, args: Any, kwargs: Any) -> Any:
    """Dynamo's own, but an operator whose first operand is a Variable calls the Variable's
    method."""
    name = _OPERATORS.get(self.fn)
    if self.fn in _OF_OPERATOR and any([_is_constant(x.realize()) for x in args]):
        args = [_lifted(tx, x) for x in args]
        name = name or f"__{self.fn.__name__}__"
    if name is not None and hasattr(Variable, name) and not kwargs:
        x = args[0].realize()
        if isinstance(x, UserDefinedObjectVariable) and isinstance(x.value, Variable):
            return x.call_method(tx, name, list(args[1:]), {})
    return _call(self, tx, args, kwargs)


BuiltinVariable.call_function = _call_function
