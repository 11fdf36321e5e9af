"""What torch.compile has to know to see through pluggrad; imported as soon as Dynamo is.

The compiler reads Python code, and a few things on the way it cannot read: the context variable
that holds the engine's state, the closures of the operators of Variables, and operators between a
tensor and a Variable, which Python sends to the Variable and the compiler does not. For these it is
told what to do instead. This uses names of torch's that are not public, and is tested with the
version in `constraints.txt`.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Callable
from typing import Any

import array_api_compat.torch._aliases as _aliases
import torch._dynamo
from torch._dynamo.variables import BuiltinVariable, UserDefinedObjectVariable

import pluggrad
from pluggrad.arrays.backend import get_backend
from pluggrad.arrays.choice import NO_CHOICE, choose, chosen, current_choice
from pluggrad.engine.closures import Seen, seen
from pluggrad.engine.levels import START, put, read
from pluggrad.tools.compilers import find_all
from pluggrad.transforms.checkpointing.checkpointed import recomputes
from pluggrad.variables.indexing import sized
from pluggrad.variables.library_functions import label, names
from pluggrad.variables.variable import Variable

__all__: list[str] = []

substitute: Any = torch._dynamo.substitute_in_graph


class _Traced:
    """What a function that is being traced has changed of the engine's state and of the choice of
    a backend; None where it is as it was."""

    state: Any
    choice: Any


_traced = _Traced()
_traced.state = _traced.choice = None


def _read() -> Any:
    state = _traced.state
    return START.now if state is None else state


def _put(state: Any) -> None:
    before = START.now
    same = state.level is before.level and state.modes is before.modes and state.off == before.off
    _traced.state = None if same else state


def _chosen() -> Any:
    choice = _traced.choice
    return NO_CHOICE.now if choice is None else choice


def _choose(choice: Any) -> None:
    _traced.choice = None if choice is NO_CHOICE.now else choice


substitute(read, skip_signature_check=True)(_read)
substitute(put, skip_signature_check=True)(_put)
substitute(chosen, skip_signature_check=True)(_chosen)
substitute(choose, skip_signature_check=True)(_choose)
current_choice()  # the default is made when it is first asked for
torch.compiler.assume_constant_result(label)
torch.compiler.assume_constant_result(names)
# Nothing is computed twice by `checkpoint`: the compiler would only merge what it computes twice.
substitute(recomputes)(lambda: False)
# What a rule closes over is what it was when it was compiled.
substitute(seen, skip_signature_check=True)(lambda fun, steady=None: Seen(fun))
substitute(sized, skip_signature_check=True)(lambda count, shape: count)


def _result_type(x: Any, y: Any) -> Any:
    """The dtype of `x` and `y` together, each a tensor, a dtype or a number: that of a product of
    empty ones. What torch itself calls so returns no tensor, so Dynamo cannot put it in a graph."""
    return (_empty(x) * _empty(y)).dtype


def _empty(x: Any) -> Any:
    if isinstance(x, torch.dtype):
        return torch.empty((0,), dtype=x)
    if isinstance(x, torch.Tensor):
        return x.new_empty((0,) if x.ndim else ())
    return x


substitute(_aliases._result_type)(_result_type)


# ---------------------------------------------------------------- the operators of Variables

_methods: dict[str, Callable[..., Any]] = {}


def _redirect(method: Any) -> None:
    """Have the compiler find a method by its name: it looks at the closure of a method only where
    it knows from where the method can be had again, and of a Variable's that it made itself it does
    not know."""
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
    _method = getattr(_method, "__func__", _method)  # what a static method holds
    if isinstance(_method, types.FunctionType) and _method.__closure__:
        _redirect(_method)

# What is looked up when it is first used has to be there before anything is traced.
find_all(pluggrad, get_backend("torch"), torch.Tensor, torch.nn.Parameter)


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
