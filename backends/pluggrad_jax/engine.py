"""The engine `jax` of `pluggrad.compile`: jax.jit, for JAX's arrays and for NumPy's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.extend.core
import numpy as np
from numpy.lib.array_utils import byte_bounds

import pluggrad
from pluggrad import Variable
from pluggrad.plugin import Engine, is_variable

try:
    from jax import enable_x64
except ImportError:  # of older versions
    from jax.experimental import enable_x64

__all__ = ["JaxEngine", "engine"]

#: In bytes: smaller results are copied, which takes less time than to make sure of their memory.
LARGE = 2**16
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
        forms = [(np.asarray(y).dtype, isinstance(y, np.generic)) for y in examples]
        with enable_x64(True):
            own = _computed(jitted.trace(*leaves).jaxpr.jaxpr)
        large = [np.asarray(y).nbytes >= LARGE for y in examples]
        kinds = [(*form, new and big) for form, new, big in zip(forms, own, large, strict=True)]

        def run(*leaves: Any) -> tuple[Any, ...]:
            with enable_x64(True):
                found = jitted(*leaves)
            # JAX may read NumPy's arguments after it has returned: each result is waited for here.
            return tuple([
                _as(y, dtype, scalar, new and _is_apart(y, leaves))
                for y, (dtype, scalar, new) in zip(found, kinds, strict=True)
            ])  # fmt: skip

        return run


def _computed(jaxpr: Any) -> list[bool]:
    """For each result, whether it is the only one with its memory: it is computed, neither an
    argument nor a constant, and returned once."""
    made = {v for equation in jaxpr.eqns for v in equation.outvars}
    outputs = [v if isinstance(v, jax.extend.core.Var) else None for v in jaxpr.outvars]
    return [v in made and outputs.count(v) == 1 for v in outputs]


def _is_apart(y: Any, leaves: Sequence[Any]) -> bool:
    """Whether the result `y` lies outside of the memory of all arguments."""
    start = y.unsafe_buffer_pointer()
    for x in leaves:
        if isinstance(x, np.ndarray):
            low, high = byte_bounds(x)
            if low < start + y.nbytes and start < high:
                return False
    return True


def _as(y: Any, dtype: Any, scalar: bool, own: bool) -> Any:
    """`y` as a NumPy array that can be written, in the dtype that NumPy gives; as a NumPy scalar
    where NumPy gives one. What is `own` is not copied."""
    found = np.asarray(_Memory(y.block_until_ready())) if own else np.array(y)
    found = found if found.dtype == dtype else found.astype(dtype)
    return found[()] if scalar else found


class _Memory:
    """The memory of an array of JAX's that nobody else has, for NumPy, which keeps this object."""

    def __init__(self, y: Any) -> None:
        self.array = y
        self.__array_interface__ = {
            "version": 3, "shape": y.shape, "typestr": y.dtype.str,
            "data": (y.unsafe_buffer_pointer(), False),
        }  # fmt: skip


def tolerant(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, run on Variables over JAX's tracers if NumPy's functions in it do not take the
    tracers themselves. Arrays that it makes by `pluggrad.zeros` and the like are JAX's."""

    @pluggrad.use("jax")
    def traced(*leaves: Any) -> tuple[Any, ...]:
        try:
            return tuple(function(*leaves))
        except ASKED:
            found = function(*[Variable(x) if hasattr(x, "dtype") else x for x in leaves])
            return tuple([y.data if is_variable(y) else y for y in found])

    return traced


engine = JaxEngine()
