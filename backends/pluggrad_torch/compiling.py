from __future__ import annotations

import operator
import types
from collections.abc import Callable
from typing import Any

import torch._dynamo

from pluggrad.backend import get_backend
from pluggrad.foreign import label, names
from pluggrad.namespace import find_all
from pluggrad.variable import Variable
from torch._dynamo.variables import BuiltinVariable, UserDefinedObjectVariable
from pluggrad.levels import START, State, put, read


class _Traced:
    """The state while a function is being traced, where that has changed it."""

    state: State | None = None


_traced = _Traced()
_traced.state = None


@torch._dynamo.substitute_in_graph(read, skip_signature_check=True)
def _read() -> Any:
    state = _traced.state
    return START.now if state is None else state


@torch._dynamo.substitute_in_graph(put, skip_signature_check=True)
def _put(state: Any) -> None:
    before = START.now
    same = state.level is before.level and state.modes is before.modes and state.off == before.off
    _traced.state = None if same else state


OPERATORS = {
    getattr(operator, f"{prefix}{name}".rstrip("_") + end): f"__{prefix}{name}__"
    for prefix in ("", "i")
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or",
                 "xor", "lshift", "rshift")
    for end in ("_" if not prefix and name in ("and", "or") else "",)
}
_methods: dict[str, Callable[..., Any]] = {}


def _redirect(function: Any) -> Any:
    key = function.__qualname__
    _methods[key] = types.FunctionType(
        function.__code__, function.__globals__, function.__name__,
        function.__defaults__, function.__closure__,
    )
    def find(*args: Any, key: str = key, **kwargs: Any) -> Any:
        return _methods[key](*args, **kwargs)
    find = types.FunctionType(find.__code__, globals(), key, (), None)
    find.__kwdefaults__ = {"key": key}
    function._torchdynamo_inline = find


for _f in list(vars(get_backend("torch").variable).values()):
    if isinstance(_f, types.FunctionType) and _f.__closure__:
        _redirect(_f)

torch.compiler.assume_constant_result(label)
torch.compiler.assume_constant_result(names)
find_all(get_backend("torch"), torch.Tensor, torch.nn.Parameter)


_call = BuiltinVariable.call_function


def _call_function(self: Any, tx: Any, args: Any, kwargs: Any) -> Any:
    name = OPERATORS.get(self.fn)
    if name is not None and len(args) == 2 and isinstance(x := args[0].realize(), UserDefinedObjectVariable):
        if isinstance(x.value, Variable):
            return x.call_method(tx, name, [args[1]], {})
    return _call(self, tx, args, kwargs)


BuiltinVariable.call_function = _call_function
