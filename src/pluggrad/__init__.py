"""pluggrad: gradients on any array that follows the Array API standard.

`Variable` wraps an array and remembers how it was computed; `backward` walks back and fills in
`grad`. `grad`, `vjp`, `jvp` do the same for functions. Functions of the standard are here by name.
"""

from __future__ import annotations

from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Any

from . import functions, rules  # noqa: F401  (they fill the rule book)
from .arrays.adapter import Adapter
from .arrays.backend import backends, register_backend
from .arrays.choice import set_default_backend, use
from .engine.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .engine.graph_breaks import graph_breaks
from .engine.modes import debug
from .engine.replacements import MIRRORS
from .engine.strong_zeros import strong_zeros
from .errors import (
    AnomalyError,
    BackendError,
    CapturedVariableError,
    CompileWarning,
    DifferentiationError,
    GraphBreakError,
    GraphBreakWarning,
    GraphFreedError,
    InvalidArgumentError,
    LeakedVariableError,
    MixedBackendsError,
    MixedDevicesError,
    MutationError,
    NotLinearError,
    PluggradError,
    UnsupportedError,
    UntraceableError,
)
from .tools.compilers import watch as _watch
from .variables import operators  # noqa: F401  (it completes each backend)
from .variables.names import public_names, unknown_name
from .variables.namespace import by_name as _by_name  # noqa: F401  (pickle looks there)
from .variables.namespace import lift, namespace
from .variables.top_level import top_level
from .variables.variable import Variable

if TYPE_CHECKING:  # what `__getattr__` finds
    from . import autograd, interop, transforms  # noqa: F401
    from .staging.compiled import compile
    from .staging.source import source
    from .tools.drawing import draw
    from .tools.onnx import to_onnx
    from .tools.profiling import profile
    from .transforms import (
        checkpoint,
        custom_jvp,
        custom_vjp,
        grad,
        hessian,
        hvp,
        jacfwd,
        jacrev,
        jvp,
        linearize,
        stop_gradient,
        value_and_grad,
        vjp,
        vmap,
    )
    from .variables import declared as _declared
    from .variables.declared import *  # noqa: F403

    adopt: Any  # `pluggrad.adoption` stands above this package

# What is defined here; the functions of the standard come by `__getattr__`.
__all__ = [
    "Adapter", "AnomalyError", "BackendError", "CapturedVariableError", "CompileWarning",
    "DifferentiationError", "GraphBreakError", "GraphBreakWarning", "GraphFreedError",
    "InvalidArgumentError", "LeakedVariableError", "MixedBackendsError", "MixedDevicesError",
    "MutationError", "NotLinearError", "PluggradError", "UnsupportedError", "UntraceableError",
    "Variable", "adopt", "autograd", "backends", "checkpoint", "compile", "custom_jvp",
    "custom_vjp", "debug", "draw", "enable_grad", "grad", "graph_breaks", "hessian", "hvp",
    "inference_mode", "interop", "is_grad_enabled", "jacfwd", "jacrev", "jvp", "lift", "linearize",
    "namespace", "no_grad", "profile", "register_backend", "set_default_backend",
    "set_grad_enabled", "source", "stop_gradient", "strong_zeros", "to_onnx", "use",
    "value_and_grad", "vjp", "vmap",
]  # fmt: skip
if TYPE_CHECKING:
    __all__ += _declared.__all__
__array_api_version__ = "2025.12"


def __array_namespace_info__() -> Any:
    """The standard's inspection utilities, of the selected backend."""
    return namespace().__array_namespace_info__()


def __dir__() -> list[str]:
    """The public names, and the module's own with two underscores."""
    own = [name for name in globals() if name[:2] == "__" and name not in _HOOKS]
    return sorted({*own, "__version__", *__all__, *public_names()})


#: What is loaded when it is first used: so `import pluggrad` takes hardly longer than
#: `import numpy`. By name, the module it is in.
_LATER = {name: name for name in ("autograd", "interop", "numpy", "scipy", "transforms")}
_LATER["draw"] = "tools.drawing"
_LATER["to_onnx"] = "tools.onnx"
_LATER["adopt"] = "adoption"
_LATER["compile"] = "staging.compiled"
_LATER["source"] = "staging.source"
_LATER["profile"] = "tools.profiling"
_LATER |= dict.fromkeys(
    ("checkpoint", "custom_jvp", "custom_vjp", "grad", "hessian", "hvp", "jacfwd", "jacrev", "jvp",
     "linearize", "stop_gradient", "value_and_grad", "vjp", "vmap"),
    "transforms",
)  # fmt: skip


_loading = RLock()


def _find(name: str) -> Any:
    if name in _LATER:
        with _loading:  # two threads that import two faces could wait for each other
            module = import_module(f".{_LATER[name]}", __name__)
        globals()[name] = found = module if name == _LATER[name] else getattr(module, name)
        return found
    if name == "__version__":
        from importlib.metadata import version

        return version("pluggrad")
    if name.startswith("_"):
        raise AttributeError(f"module 'pluggrad' has no attribute {name!r}")
    try:
        found = top_level(name)
    except AttributeError:
        raise unknown_name(name, "module 'pluggrad'", {*__all__, *_LATER}) from None
    if callable(found) and getattr(found, "__module__", "") == "pluggrad":
        globals()[name] = found  # dtypes and constants depend on the default backend
    return found


_HOOKS = ("__builtins__", "__dir__", "__getattr__")
if not TYPE_CHECKING:  # a type checker would take any name for granted
    __getattr__ = _find

MIRRORS["scipy"] = lambda: _find("scipy")
_watch()
