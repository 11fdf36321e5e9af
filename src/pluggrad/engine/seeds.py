"""Where a walk starts: cotangents of outputs, and what saved values become on the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..arrays.backend import SCALARS, Backend, backend_of
from ..arrays.dispatch import is_variable
from ..errors import DifferentiationError, InvalidArgumentError, TypeMismatchError
from .arguments import convert, one_device
from .cotangents import device_of, same_shape
from .graph import Node
from .handles import make, raw_of, wrap
from .lazy_cotangents import Uniform
from .levels import ROOT, Level

__all__ = ["among_variables", "in_place_type", "lifter", "seed_for"]


def in_place_type(backend: Backend) -> type | None:
    """The type of arrays that the walk may add to in place."""
    return backend.adapter.array_type if backend.accumulates_in_place else None


def lifter(level: Level, backend: Backend) -> Any:
    """A function that makes a saved value a Variable of `level` again."""

    cls, nested = backend.variable, backend.nested

    def lift(value: Any, node: Node | None) -> Any:
        if node is None and (
            type(value) in SCALARS or is_variable(value) or not hasattr(value, "shape")
        ):
            return value
        kind = nested if isinstance(value, cls) else cls
        return make(kind, value, node, level if node else ROOT)

    return lift


def among_variables(seeds: Iterable[Any]) -> Any:
    """What makes saved numbers Variables where the cotangents are some, as those of `vmap` are:
    not every library lets its arrays meet others in operators. None where they are not."""
    for seed in seeds:
        seed = seed.number if type(seed) is Uniform else seed
        if is_variable(seed):
            backend = seed._backend
            return lambda value, node: (
                wrap(value, None, ROOT, backend)
                if getattr(value, "dtype", None) in backend.float_dtypes and not is_variable(value)
                else value
            )
    return None


def seed_for(y: Any, seed: Any, create_graph: bool) -> Any:
    """The cotangent to start from at `y`: checked, and one level down unless recorded."""
    backend = y._backend
    value = y._read()[0]
    if seed is None:
        if value.shape != () and y.size != 1:
            raise DifferentiationError(
                f"backward of an output of shape {tuple(y.shape)} needs a cotangent: gradient= (or "
                "grad_outputs=) of the same shape. It can be left out for one element only."
            )
        if value.dtype in backend.complex_dtypes:
            raise DifferentiationError(
                f"backward of a complex output ({value.dtype}) needs a cotangent: gradient= (or "
                "grad_outputs=). Without one, take the real part or abs first."
            )
        if value.shape == () and not backend.adapter.tracing():
            # (A compiler that reads code cannot see through `Uniform * x`, and fuses anyway.)
            seed = backend.adapter.one(raw_of(value))
            if create_graph or is_variable(value):
                seed = wrap(seed, None, ROOT, backend)
            return Uniform(seed, backend.like(value), one=True)
        seed = backend.raw("ones")(value.shape, dtype=value.dtype, device=device_of(value))
    else:
        if isinstance(seed, (int, float, complex, list, tuple)):
            seed = backend.namespace.raw_asarray(seed, dtype=y.dtype)
        if backend_of(seed) is not backend:
            seed = convert(seed, backend, y._node.rule.primitive)
        if not hasattr(seed, "shape"):
            raise TypeMismatchError(f"gradient is an array, not {type(seed).__name__}")
        if not same_shape(seed.shape, y.shape):
            raise InvalidArgumentError(
                f"gradient has shape {tuple(seed.shape)}, and the output {tuple(y.shape)}"
            )
        if not backend.adapter.same_device(raw_of(seed), raw_of(y)):
            one_device((seed, y), "backward")
        if is_variable(seed):
            seed = seed._snapshot()
            if not create_graph and (seed._level is y._level or seed._node is None):
                seed = seed._value
        if seed.dtype != y.dtype:
            if seed.dtype in backend.complex_dtypes and y.dtype not in backend.complex_dtypes:
                raise TypeMismatchError(
                    f"gradient has dtype {seed.dtype}, and the output is real ({y.dtype})"
                )
            seed = (
                backend.namespace.astype(seed, y.dtype) if is_variable(seed)
                else backend.raw("astype")(seed, y.dtype)
            )  # fmt: skip
    if (create_graph or is_variable(value)) and not is_variable(seed):
        seed = wrap(seed, None, ROOT, backend)
    return seed
