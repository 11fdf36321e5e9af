"""What torch.compile has to know to see through pluggrad; imported as soon as Dynamo is.

The compiler reads Python code, and a few things on the way it cannot read: the context variable
that holds the engine's state, functions made in loops (the operators of Variables, which all look
alike to it), and operators between a tensor and a Variable, which Python sends to the Variable and
the compiler does not. For these it is told what to do instead. This uses names of torch's that are
not public, and is tested with the version in `constraints.txt`.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Callable
from typing import Any

import torch._dynamo
from torch._dynamo.variables import BuiltinVariable, UserDefinedObjectVariable

from pluggrad.backend import get_backend
from pluggrad.foreign import label, names
from pluggrad.levels import START, State, put, read
from pluggrad.namespace import find_all
from pluggrad.variable import Variable

__all__: list[str] = []

substitute: Any = torch._dynamo.substitute_in_graph


class _Traced:
    """The state while a function is being traced, where the function has changed it."""

    state: State | None = None


_traced = _Traced()
_traced.state = None


def _read() -> Any:
    state = _traced.state
    return START.now if state is None else state


def _put(state: Any) -> None:
    before = START.now
    same = state.level is before.level and state.modes is before.modes and state.off == before.off
    _traced.state = None if same else state


substitute(read, skip_signature_check=True)(_read)
substitute(put, skip_signature_check=True)(_put)
torch.compiler.assume_constant_result(label)
torch.compiler.assume_constant_result(names)


# ---------------------------------------------------------------- the operators of Variables

_methods: dict[str, Callable[..., Any]] = {}


def _redirect(method: Any) -> None:
    """Have the compiler find a method by its name: the closures of all operators share one code."""
    key = method.__qualname__
    _methods[key] = types.FunctionType(
        method.__code__, method.__globals__, method.__name__, method.__defaults__,
        method.__closure__,
    )  # fmt: skip

    def find(*args: Any, key: str = key, **kwargs: Any) -> Any:
        return _methods[key](*args, **kwargs)

    find = types.FunctionType(find.__code__, globals(), key, (), None)
    find.__kwdefaults__ = {"key": key}
    method._torchdynamo_inline = find


for _method in list(vars(get_backend("torch").variable).values()):
    if isinstance(_method, types.FunctionType) and _method.__closure__:
        _redirect(_method)

# What is looked up when it is first used has to be there before anything is traced.
find_all(get_backend("torch"), torch.Tensor, torch.nn.Parameter)


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
    name = _OPERATORS.get(self.fn)
    if name is not None and len(args) == 2:
        x = args[0].realize()
        if isinstance(x, UserDefinedObjectVariable) and isinstance(x.value, Variable):
            return x.call_method(tx, name, [args[1]], {})
    return _call(self, tx, args, kwargs)


BuiltinVariable.call_function = _call_function
