"""The contenders: pluggrad on each backend, and other systems that differentiate; as functions run
eagerly, and compiled.

A contender makes a `Step` from a function and NumPy arguments. What a step returns are the
library's own arrays, and it waits until they are there.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .inputs import takes_namespace

__all__ = ["BACKENDS", "Contender", "Step", "as_numpy", "contenders", "find_contender"]

#: The backends that are compared if none are named: those that compute for a living.
BACKENDS = ("numpy", "torch", "jax", "dask", "cupy")


@dataclass(frozen=True)
class Step:
    """What is measured: `value` computes the function alone, without recording anything, and `both`
    the value and the gradients."""

    value: Callable[[], Any]
    both: Callable[[], tuple[Any, list[Any]]]


@dataclass(frozen=True)
class Contender:
    """One way to differentiate: its name, what it needs, and how to make a step.

    `backend` is that of pluggrad whose arrays it computes with; `narrow` names dtypes that the
    library computes in a narrower one, and which. `keeps` says that its compiler may keep what
    it compiled on disk, for later processes.
    """

    name: str
    backend: str
    make: Callable[[Callable[..., Any], list[Any], Sequence[int]], Step]
    compiled: bool = False
    native: bool = False
    narrow: Mapping[str, str] = field(default_factory=dict)
    keeps: bool = False


def contenders(
    backends: Sequence[str], native: bool = True, compiled: bool = True
) -> list[Contender]:
    """pluggrad on each of `backends`, and then every other system that is installed."""
    found = []
    for backend in backends:
        found.append(Contender(f"pluggrad on {backend}", backend, _ours(backend, False)))
        if backend in ("numpy", "torch", "jax"):  # others have no compiler
            name = f"pluggrad on {backend}, pg.compile"
            keeps = backend == "torch"
            found.append(Contender(name, backend, _ours(backend, True), True, keeps=keeps))
    if native:
        found += [c for module, c in _NATIVE if importlib.util.find_spec(module) is not None]
        found += _further({module for module, _ in _NATIVE})
    return [c for c in found if compiled or not c.compiled]


def find_contender(name: str, backend: str) -> Contender:
    """The contender of that name. Systems that are imported to be listed are looked at last."""
    known = [*contenders([backend], native=False), *[c for _, c in _NATIVE]]
    found = next((c for c in known if c.name == name), None)
    return found or next(c for c in contenders([backend]) if c.name == name)


def as_numpy(x: Any) -> np.ndarray:
    """A value of any library as a NumPy array."""
    x = x.detach() if hasattr(x, "detach") else x
    # Variables and MyGrad's tensors
    x = x.data if hasattr(type(x), "_backend") or hasattr(type(x), "null_grad") else x
    x = x.compute(scheduler="synchronous") if hasattr(x, "dask") else x
    return np.asarray(x.numpy(force=True) if hasattr(x, "resolve_conj") else x)


def _call(function: Callable[..., Any], xp: Any, args: list[Any], total: Any) -> Any:
    """The function's value; an array that it returns is summed by `total`."""
    y = function(xp, *args) if takes_namespace(function) else function(*args)
    return y if tuple(getattr(y, "shape", ())) == () else total(y)


def _filled(
    function: Callable[..., Any], xp: Any, fixed: list[Any], places: Sequence[int], total: Any
) -> Callable[..., Any]:
    """The function of the arrays at `places` alone."""

    def f(*chosen: Any) -> Any:
        given = list(fixed)
        for place, x in zip(places, chosen, strict=True):
            given[place] = x
        return _call(function, xp, given, total)

    return f


def _wait(x: Any) -> Any:
    """`x` when it is computed: lazy and asynchronous libraries return before that."""
    if hasattr(x, "block_until_ready"):
        return x.block_until_ready()
    return x.compute(scheduler="synchronous") if hasattr(x, "dask") else x


# ---------------------------------------------------------------- pluggrad


def _ours(backend: str, compiled: bool) -> Any:
    def make(function: Callable[..., Any], args: list[Any], places: Sequence[int]) -> Step:
        import pluggrad as pg
        from pluggrad.arrays.backend import get_backend

        raw = _on(backend, args)
        chosen = [raw[i] for i in places]
        xp, bare = pg.namespace(backend), get_backend(backend).xp
        inner = _filled(function, xp, raw, places, pg.sum)
        both = pg.value_and_grad(lambda *xs: pg.real(inner(*xs)), tuple(range(len(places))))
        plain = _filled(function, bare, raw, places, bare.sum)
        if compiled:
            both = pg.compile(both, on_break="error")
            plain = pg.compile(inner, on_break="error")

        def step() -> tuple[Any, list[Any]]:
            value, gradients = both(*chosen)
            return _wait(value), [_wait(g) for g in gradients]

        return Step(lambda: _wait(plain(*chosen)), step)

    return make


def _on(backend: str, args: list[Any]) -> list[Any]:
    from pluggrad.arrays.backend import get_backend

    xp = get_backend(backend).xp
    found = []
    for x in args:
        if not isinstance(x, np.ndarray) or backend == "numpy":
            found.append(x)
        elif hasattr(xp, "from_array"):
            found.append(xp.from_array(x))
        else:
            found.append(xp.asarray(np.array(x)))
    return found


# ---------------------------------------------------------------- other systems


def _torch(compiled: bool) -> Any:
    def make(function: Callable[..., Any], args: list[Any], places: Sequence[int]) -> Step:
        import array_api_compat.torch as xp
        import torch

        fixed = [torch.as_tensor(np.array(x)) if isinstance(x, np.ndarray) else x for x in args]
        f = _filled(function, xp, fixed, places, torch.sum)
        f = torch.compile(f) if compiled else f

        def value() -> Any:
            with torch.no_grad():
                return f(*[fixed[i] for i in places])

        def both() -> tuple[Any, list[Any]]:
            leaves = [fixed[i].detach().requires_grad_(True) for i in places]
            y = torch.real(f(*leaves))
            return y, list(torch.autograd.grad(y, leaves, materialize_grads=True))

        return Step(value, both)

    return make


def _jax(compiled: bool) -> Any:
    def make(function: Callable[..., Any], args: list[Any], places: Sequence[int]) -> Step:
        import jax
        import jax.numpy as xp

        if any((x.dtype.itemsize >= 8 and x.dtype.kind == "f") or x.dtype == np.complex128
               for x in args if isinstance(x, np.ndarray)):  # fmt: skip
            jax.config.update("jax_enable_x64", True)  # this process is a worker's
        fixed = [xp.asarray(x) if isinstance(x, np.ndarray) else x for x in args]
        f = _filled(function, xp, fixed, places, xp.sum)
        g = jax.value_and_grad(lambda *xs: xp.real(f(*xs)), tuple(range(len(places))))
        f, g = (jax.jit(f), jax.jit(g)) if compiled else (f, g)
        chosen = [fixed[i] for i in places]

        def both() -> tuple[Any, list[Any]]:
            value, gradients = g(*chosen)
            # pluggrad's gradient, as torch's, is the conjugate of JAX's
            return _wait(value), [_wait(xp.conj(g)) for g in gradients]

        return Step(lambda: _wait(f(*chosen)), both)

    return make


NUMPY_NAMES = {
    "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan",
    "atan2": "arctan2", "atanh": "arctanh", "concat": "concatenate", "permute_dims": "transpose",
    "pow": "power", "cumulative_sum": "cumsum", "cumulative_prod": "cumprod",
}  # fmt: skip


class _Renamed:
    """A module of NumPy's names as a namespace of the standard's."""

    def __init__(self, module: Any, **own: Any) -> None:
        self._module = module
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, NUMPY_NAMES.get(name, name))


def _hips(function: Callable[..., Any], args: list[Any], places: Sequence[int]) -> Step:
    import autograd
    import autograd.numpy as anp

    swapped = lambda x: anp.swapaxes(x, -1, -2)
    astype = lambda x, dtype: x.astype(dtype)
    xp = _Renamed(anp, matrix_transpose=swapped, astype=astype)
    f = _filled(function, xp, args, places, anp.sum)
    g = autograd.value_and_grad(lambda *xs: anp.real(f(*xs)), tuple(range(len(places))))
    chosen = [args[i] for i in places]
    plain = _filled(function, xp, args, places, np.sum)

    def both() -> tuple[Any, list[Any]]:
        value, gradients = g(*chosen)
        return value, [np.conj(g) for g in gradients]

    return Step(lambda: plain(*chosen), both)


def _mygrad(function: Callable[..., Any], args: list[Any], places: Sequence[int]) -> Step:
    import mygrad as mg

    if any(np.iscomplexobj(args[i]) for i in places):
        raise TypeError("MyGrad differentiates by real numbers only")
    swapped = lambda x: mg.swapaxes(x, -1, -2)
    astype = lambda x, dtype: x.astype(dtype)
    xp = _Renamed(mg, matrix_transpose=swapped, astype=astype)
    f = _filled(function, xp, args, places, mg.sum)

    def value() -> Any:
        with mg.no_autodiff:
            return f(*[mg.tensor(args[i], copy=False, constant=True) for i in places])

    def both() -> tuple[Any, list[Any]]:
        leaves = [mg.tensor(args[i], copy=False) for i in places]
        y = f(*leaves)
        y.backward()
        return y.data, [np.zeros(x.shape) if x.grad is None else x.grad for x in leaves]

    return Step(value, both)


#: What is there if a module is installed.
_NATIVE = (
    ("torch", Contender("torch.autograd", "torch", _torch(False), native=True)),
    ("torch", Contender("torch.compile", "torch", _torch(True), True, True, keeps=True)),
    ("jax", Contender("jax.grad", "jax", _jax(False), native=True)),
    ("jax", Contender("jax.grad, jit", "jax", _jax(True), True, True)),
    ("autograd", Contender("HIPS autograd", "numpy", _hips, native=True)),
    ("mygrad", Contender("MyGrad", "numpy", _mygrad, native=True)),
)


def _further(known: set[str]) -> list[Contender]:
    """The installed systems of `pluggrad_conformance.systems` beyond those above: TensorFlow, MLX,
    and those that plugins register."""
    from importlib import import_module

    if importlib.util.find_spec("pluggrad_conformance.systems") is None:
        return []
    systems = import_module("pluggrad_conformance.systems")
    found = []
    for system in map(systems.find_system, systems.system_names()):
        if not system.installed or system.module in known:
            continue
        found.append(Contender(system.name, "numpy", _by_system(system, False), False, True,
                               system.narrow))  # fmt: skip
        if system.compiler:
            name = f"{system.name}, {system.compiler}"
            found.append(Contender(name, "numpy", _by_system(system, True), True, True,
                                   system.narrow, keeps=True))  # fmt: skip
    return found


def _by_system(system: Any, compiled: bool) -> Any:
    def make(function: Callable[..., Any], args: list[Any], places: Sequence[int]) -> Step:
        xp = system.namespace
        fixed = [system.array(x) if isinstance(x, np.ndarray) else x for x in args]
        f = _filled(function, xp, fixed, places, lambda y: xp.sum(y))
        chosen = [fixed[i] for i in places]
        one = system.array(np.ones((), args[places[0]].dtype))
        g = lambda *xs: system.value_and_pull(lambda *given: [f(*given)], list(xs), [one])
        f, g = (system.compile(f), system.compile(g)) if compiled else (f, g)

        def value() -> Any:
            with system.settings():
                return system.to_numpy(f(*chosen))

        def both() -> tuple[Any, list[Any]]:
            with system.settings():
                (y,), gradients = g(*chosen)
                zeros = [np.zeros(args[i].shape) for i in places]
                return system.to_numpy(y), [
                    z if g is None else system.to_numpy(g)
                    for z, g in zip(zeros, gradients, strict=True)
                ]

        return Step(value, both)

    return make
