"""jax.vjp in double precision, in the complex convention of torch.

JAX's cotangent of u + iv stands for ∂L/∂u - i ∂L/∂v: conjugated on the way in and on the way out,
it is the gradient of the suite. That holds for real inputs and outputs too, where it changes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..problem import Problem, wide
from .answers import NoAnswer, wide_cotangents, wide_inputs

__all__ = ["NAME", "jax_answer"]

NAME = "jax"


@contextmanager
def _double(jax: Any) -> Iterator[None]:
    """float64 on the CPU, for this thread and this block; the user's settings stay as they are."""
    enable = getattr(jax, "enable_x64", None)
    if enable is None:  # before JAX 0.8
        from jax import experimental

        enable = experimental.enable_x64
    with enable(True), jax.default_device(jax.local_devices(backend="cpu")[0]):
        yield


def _pull(jax: Any, f: Callable[..., list[Any]], xs: list[Any], gs: list[Any]) -> list[Any]:
    """The gradient of Re⟨gs, f(xs)⟩."""
    jnp = jax.numpy
    _, vjp = jax.vjp(f, *xs)
    return [jnp.conj(g) for g in vjp([jnp.conj(g) for g in gs])]


def jax_answer(problem: Problem, quantity: str) -> list[np.ndarray]:
    """The quantity as jax.vjp and jax.jvp compute it, operation by operation (compiling
    it as a whole would take longer than it saves)."""
    import jax

    row = problem.operation
    if row.no_jax:
        raise NoAnswer(f"JAX has no {row.name}")
    jnp = jax.numpy
    how = row.jax
    with _double(jax):
        whole = problem.function(jnp, lambda x: jnp.asarray(wide(x)), how)
        xs = [jnp.asarray(x) for x in wide_inputs(problem)]
        outputs = whole(*xs)
        if quantity == "value":
            return [np.asarray(y) for y in outputs]
        found = wide_cotangents(problem, outputs)
        kept = [k for k, c in enumerate(found) if c is not None]

        def f(*inputs: Any) -> list[Any]:
            ys = whole(*inputs)
            return [ys[k] for k in kept]

        cs = [jnp.asarray(c) for c in found if c is not None]
        if quantity == "gradient":
            return [np.asarray(g) for g in _pull(jax, f, xs, cs)]
        ts = [jnp.asarray(wide(t)) for t in problem.tangents()]
        if quantity == "tangent":
            return [np.asarray(t) for t in jax.jvp(f, tuple(xs), tuple(ts))[1]]
        return [
            np.asarray(h)
            for h in _pull(jax, lambda *inputs: _pull(jax, f, list(inputs), cs), xs, ts)
        ]
