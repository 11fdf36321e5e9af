"""The engine `jax` of `pluggrad.compile`: jax.jit, for JAX's arrays and for NumPy's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from pluggrad import Variable
from pluggrad.plugin import Engine, is_variable

try:
    from jax import enable_x64
except ImportError:  # of older versions
    from jax.experimental import enable_x64

__all__ = ["JaxEngine", "engine"]

#: What JAX raises where code asks for the values of a tracer: NumPy, for one, whose functions do
#: not know tracers.
ASKED = jax.errors.TracerArrayConversionError


class JaxEngine(Engine):
    """The function is run on JAX's tracers, and XLA compiles what it does.

    NumPy's arrays go in and out in 64 bits, whatever JAX's own setting, which stays. The results
    have the dtypes that NumPy gives. On the way to them JAX promotes as JAX does: int32 beside
    float32 is float32. Denormal numbers are zero.
    """

    name = "jax"

    def make(
        self, function: Callable[..., Any], leaves: Sequence[Any], program: Any = None
    ) -> Callable[..., Any]:
        """`function`, compiled by XLA."""
        if any([isinstance(x, jax.Array) for x in leaves]):
            return jax.jit(function)  # type: ignore[no-any-return]
        jitted = jax.jit(tolerant(function))
        with np.errstate(all="ignore"):
            examples = function(*leaves)
        kinds = [(np.asarray(y).dtype, isinstance(y, np.generic)) for y in examples]

        def run(*leaves: Any) -> tuple[Any, ...]:
            with enable_x64(True):
                # JAX may read NumPy's arrays after it has returned, and its own cannot be written.
                found = [np.array(y) for y in jitted(*leaves)]
            return tuple([
                _as(y, dtype, scalar)
                for y, (dtype, scalar) in zip(found, kinds, strict=True)
            ])  # fmt: skip

        return run


def _as(y: Any, dtype: Any, scalar: bool) -> Any:
    """`y`, in the dtype that NumPy gives; as a NumPy scalar where NumPy gives one."""
    y = y if y.dtype == dtype else y.astype(dtype)
    return y[()] if scalar else y


def tolerant(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, run on Variables over JAX's tracers if NumPy's functions in it do not take the
    tracers themselves."""

    def traced(*leaves: Any) -> tuple[Any, ...]:
        try:
            return tuple(function(*leaves))
        except ASKED:
            found = function(*[Variable(x) if hasattr(x, "dtype") else x for x in leaves])
            return tuple([y.data if is_variable(y) else y for y in found])

    return traced


engine = JaxEngine()
