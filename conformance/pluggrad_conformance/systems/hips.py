"""HIPS autograd, through autograd.numpy and autograd.scipy."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..operations import Operation
from .system import Function, System, Unmapped, has

__all__ = ["system"]

#: Names of the standard, and those under which autograd has a derivative.
RENAMED = {
    "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan",
    "atan2": "arctan2", "atanh": "arctanh", "concat": "concatenate", "conj": "conj", "pow": "power",
    "permute_dims": "transpose", "cumulative_sum": "cumsum", "cumulative_prod": "cumprod",
    "linalg.cross": "cross", "linalg.outer": "outer", "linalg.matmul": "matmul",
}  # fmt: skip


PULL = (
    "lambda f, x, c: [sum(anp.conj(autograd.make_vjp(lambda v: f(*[v[j] for j in range(len(x))])"
    "[k])(tuple(x))[0](anp.conj(b))[i]) for k, b in enumerate(c)) for i in range(len(x))]"
)


class _Autograd(System):
    """make_vjp and make_jvp of HIPS autograd. Its cotangents are conjugated, as JAX's are."""

    name, module = "autograd", "autograd"
    dtypes = ("float64", "float32", "complex128", "complex64")
    modes = ("reverse", "forward", "second")
    setup = (
        "import autograd, autograd.numpy as anp, autograd.numpy.linalg, autograd.numpy.fft\n"
        "import autograd.scipy.special, autograd.scipy.linalg"
    )
    names: ClassVar[dict[str, str]] = {
        "astype": "lambda x, dtype: x.astype(dtype)",
        "matrix_transpose": "lambda x: anp.swapaxes(x, -1, -2)",
        "linalg.matrix_transpose": "lambda x: anp.swapaxes(x, -1, -2)",
        "linalg.diagonal": "lambda x, offset=0: anp.diagonal(x, offset, -2, -1)",
        "linalg.trace": "lambda x, offset=0: anp.trace(x, offset)",
        "linalg.vector_norm": "lambda x, axis=None, keepdims=False, ord=2: anp.linalg.norm("
        "x if axis is not None else anp.ravel(x), ord, axis)",
        "linalg.matrix_norm": "lambda x, ord='fro': anp.linalg.norm(x, ord, (-2, -1))",
        "pad": "lambda x, width, mode='constant', **k: anp.pad(x, width, mode, **k)",
        "std": "lambda x, axis=None, correction=0.0, keepdims=False: anp.std(x, axis, "
        "ddof=correction, keepdims=keepdims)",
        "var": "lambda x, axis=None, correction=0.0, keepdims=False: anp.var(x, axis, "
        "ddof=correction, keepdims=keepdims)",
    }
    refusals = (NotImplementedError,)
    asking: ClassVar[dict[str, str]] = {
        "value": "got = f(*x)",
        "gradient": f"pull = {PULL}\ngot = pull(f, x, c)",
        "tangent": "got = [autograd.make_jvp(lambda x: f(*x)[k])(tuple(x))(tuple(t))[1] "
        "for k in range(len(c))]",
        "second": f"pull = {PULL}\ngot = pull(lambda *v: pull(f, v, c), x, t)",
    }

    def array(self, x: np.ndarray) -> Any:
        return np.array(x)

    def _pull_one(self, f: Function, k: int, xs: tuple[Any, ...], c: Any) -> Any:
        from autograd import make_vjp

        pull, _ = make_vjp(lambda x: f(*[x[i] for i in range(len(xs))])[k])(xs)
        return pull(self.scope["anp"].conj(c))

    def pull(self, f: Function, xs: list[Any], cs: list[Any]) -> list[Any]:
        anp = self.scope["anp"]
        total: list[Any] = [None] * len(xs)
        for k, c in enumerate(cs):
            gs = self._pull_one(f, k, tuple(xs), c)
            found = [anp.conj(gs[i]) for i in range(len(xs))]
            total = [g if t is None else t + g for t, g in zip(total, found, strict=True)]
        return total

    def push(self, f: Function, xs: list[Any], ts: list[Any]) -> list[Any]:
        from autograd import make_jvp

        n = len(xs)
        along = lambda k: make_jvp(lambda x: f(*[x[i] for i in range(n)])[k])(tuple(xs))(tuple(ts))
        return [along(k)[1] for k in range(len(f(*xs)))]

    def pull_of_pull(self, f: Function, xs: list[Any], cs: list[Any], ts: list[Any]) -> list[Any]:
        return self.pull(lambda *x: self.pull(f, list(x), cs), xs, ts)

    # ------------------------------------------------------------------ names

    def expression(self, name: str) -> str:
        if name in self.names:
            return self.names[name]
        name = RENAMED.get(name, name)
        if name.startswith("special."):
            return f"autograd.scipy.{name}" if has(f"autograd.scipy.{name}") else ""
        return f"anp.{name}" if has(f"autograd.numpy.{name}") else ""

    def written(self, operation: Operation) -> str:
        spelled = operation.jax
        if operation.call is None and spelled is not None:
            facts = inspect.getclosurevars(spelled).nonlocals
            path = f"{facts.get('module', '')}.{facts.get('name', '')}".replace("jax.", "autograd.")
            return path if path.startswith("autograd.") and has(path) else ""
        return super().written(operation)

    def call(self, operation: Operation) -> Callable[..., Any]:
        found = super().call(operation)
        if operation.name.startswith("special.") and not self.written(operation):
            raise Unmapped(f"autograd has no {operation.name}")
        return found


system = _Autograd()
