from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import torch._dynamo

from pluggrad.backend import get_backend
from pluggrad.foreign import label
from pluggrad.namespace import find_all
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
    _traced.state = None if state is START.now else state


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
find_all(get_backend("torch"), torch.Tensor, torch.nn.Parameter)
