"""JAX, through jax.numpy and jax.scipy, operation by operation: nothing is compiled as a whole."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np

from ..libraries import settings
from ..operations import Operation
from .system import Function, System, Unmapped, has

__all__ = ["system"]


class _Jax(System):
    """jax.vjp and jax.jvp in double precision. The cotangents of JAX are conjugated."""

    name, module, own_oracle = "jax", "jax", ("jax",)
    dtypes = ("float64", "float32", "complex128", "complex64")
    modes = ("reverse", "forward", "second")
    prelude = "import os; os.environ['JAX_ENABLE_X64'] = '1'"
    setup = "import jax, jax.numpy as jnp, jax.scipy.special, jax.scipy.linalg, jax.nn"
    refusals = (NotImplementedError,)
    making = "jnp.asarray({})"
    asking: ClassVar[dict[str, str]] = {
        "value": "got = f(*x)",
        "gradient": "got = [g.conj() for g in jax.vjp(f, *x)[1]([b.conj() for b in c])]",
        "tangent": "got = jax.jvp(f, x, t)[1]",
        "second": "pull = lambda *x: [g.conj() for g in jax.vjp(f, *x)[1]([b.conj() for b in c])]\n"
        "got = [h.conj() for h in jax.vjp(pull, *x)[1]([a.conj() for a in t])]",
    }

    def settings(self) -> AbstractContextManager[Any]:
        return settings("jax")

    def array(self, x: np.ndarray) -> Any:
        import jax.numpy as jnp

        return jnp.asarray(np.array(x))

    def to_numpy(self, x: Any) -> np.ndarray:
        found = np.array(x)
        return found.astype(np.float32) if found.dtype.name == "bfloat16" else found

    def pull(self, f: Function, xs: list[Any], cs: list[Any]) -> list[Any]:
        import jax

        conj = jax.numpy.conj
        gradients = jax.vjp(lambda *x: list(f(*x)), *xs)[1]([conj(c) for c in cs])
        return [conj(g) for g in gradients]

    def push(self, f: Function, xs: list[Any], ts: list[Any]) -> list[Any]:
        import jax

        return list(jax.jvp(lambda *x: list(f(*x)), tuple(xs), tuple(ts))[1])

    def pull_of_pull(self, f: Function, xs: list[Any], cs: list[Any], ts: list[Any]) -> list[Any]:
        return self.pull(lambda *x: self.pull(f, list(x), cs), xs, ts)

    # ------------------------------------------------------------------ names

    def expression(self, name: str) -> str:
        if name.startswith("special."):
            return f"jax.scipy.{name}" if has(f"jax.scipy.{name}") else ""
        return f"jnp.{name}" if has(f"jax.numpy.{name}") else ""

    def written(self, operation: Operation) -> str:
        spelled = operation.jax
        if spelled is not None and spelled.__qualname__.startswith("jnp_function"):
            facts = inspect.getclosurevars(spelled).nonlocals
            path = f"{facts['module']}.{facts['name']}"
            return path if has(path) else ""
        return "" if spelled is not None else super().written(operation)

    def call(self, operation: Operation) -> Callable[..., Any]:
        if operation.no_jax:
            raise Unmapped(f"JAX has no {operation.name}")
        spelled = operation.jax
        if spelled is None or self.written(operation):
            return super().call(operation)
        if spelled.__qualname__.startswith("jnp_function"):
            raise Unmapped(f"JAX has no {operation.name}")
        return lambda xp, *args, **kwargs: spelled(self.scope["jnp"], *args, **kwargs)


system = _Jax()
