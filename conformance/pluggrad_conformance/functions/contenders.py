"""The contenders: pluggrad on each backend, and each framework's own differentiation.

A contender makes a step from a function and NumPy arguments: called without arguments, the step
computes value and gradients, in the library's own arrays, and waits until they are there.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .inputs import takes_namespace

__all__ = ["Contender", "as_numpy", "contenders"]

Step = Callable[[], tuple[Any, list[Any]]]


@dataclass(frozen=True)
class Contender:
    """One way to differentiate: its name, the backend it is listed under, how to make a step."""

    name: str
    backend: str
    make: Callable[[Callable[..., Any], list[Any], Sequence[int]], Step]


def contenders(backends: Sequence[str], native: bool = True) -> list[Contender]:
    """pluggrad on each of `backends`, each followed by the installed frameworks native to it."""
    found = []
    for backend in backends:
        found.append(Contender(f"pluggrad on {backend}", backend, _ours(backend)))
        for library, names in _NATIVE.get(backend, {}).items():
            if native and importlib.util.find_spec(library) is not None:
                found += [Contender(name, backend, make) for name, make in names.items()]
    return found


def as_numpy(x: Any) -> np.ndarray:
    """A value of any library as a NumPy array."""
    x = x.detach() if hasattr(x, "detach") else x
    x = getattr(x, "data", x) if hasattr(type(x), "_backend") else x
    x = x.compute(scheduler="synchronous") if hasattr(x, "dask") else x
    return np.asarray(x.numpy(force=True) if hasattr(x, "resolve_conj") else x)


def _call(function: Callable[..., Any], xp: Any, args: list[Any], total: Any) -> Any:
    """The function's value; an array that it returns is summed by `total`."""
    y = function(xp, *args) if takes_namespace(function) else function(*args)
    return y if tuple(getattr(y, "shape", ())) == () else total(y)


def _ours(backend: str) -> Any:
    def make(function: Callable[..., Any], args: list[Any], places: Sequence[int]) -> Step:
        import pluggrad as pg

        raw = _on(backend, args)
        xp = pg.namespace(backend)

        def total(*chosen: Any) -> Any:
            given = list(raw)
            for place, x in zip(places, chosen, strict=True):
                given[place] = x
            return pg.real(_call(function, xp, given, pg.sum))

        both = pg.value_and_grad(total, tuple(range(len(places))))

        def step() -> tuple[Any, list[Any]]:
            value, gradients = both(*[raw[i] for i in places])
            return _wait(value), [_wait(g) for g in gradients]

        return step

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


def _wait(x: Any) -> Any:
    """`x` when it is computed: lazy and asynchronous libraries return before that."""
    if hasattr(x, "block_until_ready"):
        return x.block_until_ready()
    return x.compute(scheduler="synchronous") if hasattr(x, "dask") else x


# ---------------------------------------------------------------- what frameworks have


def _torch(function: Callable[..., Any], args: list[Any], places: Sequence[int]) -> Step:
    import array_api_compat.torch as xp
    import torch

    fixed = [torch.as_tensor(np.array(x)) if isinstance(x, np.ndarray) else x for x in args]

    def step() -> tuple[Any, list[Any]]:
        given = list(fixed)
        for i in places:
            given[i] = fixed[i].detach().requires_grad_(True)
        value = torch.real(_call(function, xp, given, torch.sum))
        return value, list(torch.autograd.grad(value, [given[i] for i in places]))

    return step


def _jax(jit: bool) -> Any:
    def make(function: Callable[..., Any], args: list[Any], places: Sequence[int]) -> Step:
        import jax
        import jax.numpy as xp

        fixed = [xp.asarray(x) if isinstance(x, np.ndarray) else x for x in args]

        def total(*chosen: Any) -> Any:
            given = list(fixed)
            for i, x in zip(places, chosen, strict=True):
                given[i] = x
            return xp.real(_call(function, xp, given, xp.sum))

        both = jax.value_and_grad(total, tuple(range(len(places))))
        both = jax.jit(both) if jit else both

        def step() -> tuple[Any, list[Any]]:
            value, gradients = both(*[fixed[i] for i in places])
            # pluggrad's gradient, as torch's, is the conjugate of JAX's
            return _wait(value), [_wait(xp.conj(g)) for g in gradients]

        return step

    return make


def _hips(function: Callable[..., Any], args: list[Any], places: Sequence[int]) -> Step:
    import autograd
    import autograd.numpy as xp

    def total(*chosen: Any) -> Any:
        given = list(args)
        for i, x in zip(places, chosen, strict=True):
            given[i] = x
        return xp.real(_call(function, xp, given, xp.sum))

    both = autograd.value_and_grad(total, tuple(range(len(places))))

    def step() -> tuple[Any, list[Any]]:
        value, gradients = both(*[args[i] for i in places])
        return value, [np.conj(g) for g in gradients]

    return step


_NATIVE: dict[str, dict[str, dict[str, Any]]] = {
    "numpy": {"autograd": {"HIPS autograd": _hips}},
    "torch": {"torch": {"torch.autograd": _torch}},
    "jax": {"jax": {"jax.grad": _jax(False), "jax.grad, jit": _jax(True)}},
}
