"""What torch.compile has to be told in order to compile pluggrad; imported as soon as Dynamo is.

The compiler reads Python code, but not all of ours: not the context variable that holds the
engine's state, nor the closures of Variables' operators. Nor does it send an operator between a
tensor and a Variable to the Variable, as Python does. Here it is told what to do instead. This uses
private names of torch, and is tested with the version in `constraints.txt`.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Callable
from typing import Any

import array_api_compat.torch._aliases as _aliases
import torch._dynamo
from torch._dynamo.variables import BuiltinVariable, UserDefinedObjectVariable

from pluggrad import Variable
from pluggrad.plugin import CONSTANT, UNREADABLE, get_backend, make_ready

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


# ---------------------------------------------------------------- a tensor beside a Variable

_NAMES = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor",
          "lshift", "rshift")  # fmt: skip
_OPERATORS = {
    getattr(operator, f"{prefix}{name}_" if not prefix and name in ("and", "or") else
            f"{prefix}{name}"): f"__{prefix}{name}__"
    for prefix in ("", "i") for name in _NAMES
}  # fmt: skip
_call = BuiltinVariable.call_function


def _call_function(self: Any, tx: Any, args: Any, kwargs: Any) -> Any:
    """Dynamo's own, but an operator whose first operand is a Variable calls the Variable's
    method."""
    name = _OPERATORS.get(self.fn)
    if name is not None and len(args) == 2:
        x = args[0].realize()
        if isinstance(x, UserDefinedObjectVariable) and isinstance(x.value, Variable):
            return x.call_method(tx, name, [args[1]], {})
    return _call(self, tx, args, kwargs)


BuiltinVariable.call_function = _call_function
