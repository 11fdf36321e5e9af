"""MLX on the CPU, through mlx.core. It has float64 there, and computes some of it in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .system import Function, System, has

__all__ = ["system"]


class _Mlx(System):
    """mx.vjp and mx.jvp; the second derivative is one vjp of another."""

    name, module = "mlx", "mlx.core"
    dtypes = ("float64", "float32", "complex64")
    modes = ("reverse", "forward", "second")
    narrow: ClassVar[dict[str, str]] = {"float64": "float32"}
    setup = "import numpy as np, mlx.core as mx; mx.set_default_device(mx.cpu)"
    refusals = (NotImplementedError,)
    making = "mx.array(a := {}, getattr(mx, str(a.dtype)))"
    names: ClassVar[dict[str, str]] = {
        "asarray": "lambda x, copy=None: mx.array(x)",
        "astype": "lambda x, dtype: x.astype(dtype)",
        "special.erf": "mx.erf", "special.erfinv": "mx.erfinv", "special.expit": "mx.sigmoid",
        "special.expm1": "mx.expm1", "special.log1p": "mx.log1p",
        "special.logsumexp": "mx.logsumexp", "special.softmax": "mx.softmax",
        "var": "lambda x, axis=None, correction=0, keepdims=False: mx.var("
        "x, axis, keepdims, correction)",
        "std": "lambda x, axis=None, correction=0, keepdims=False: mx.std("
        "x, axis, keepdims, correction)",
        "unstack": "lambda x, axis=0: list(mx.unstack(x, axis=axis))",
        "linalg.vector_norm": "lambda x, axis=None, keepdims=False, ord=2: mx.linalg.norm("
        "x if axis is not None else x.reshape(-1), ord, axis, keepdims)",
        "linalg.matrix_norm": "lambda x, keepdims=False, ord='fro': mx.linalg.norm("
        "x, ord, (-2, -1), keepdims)",
        "linalg.diagonal": "lambda x, offset=0: mx.diagonal(x, offset, -2, -1)",
        "linalg.trace": "lambda x, offset=0: mx.trace(x, offset, -2, -1)",
        "linalg.outer": "mx.outer", "linalg.matmul": "mx.matmul",
        "linalg.matrix_transpose": "mx.matrix_transpose",
        **{
            f"linalg.{name}": f"lambda *x, **more: mx.linalg.{name}(*x, **more, stream=mx.cpu)"
            for name in ("cholesky", "inv", "pinv", "qr", "solve", "eigh", "eigvalsh", "eig",
                         "eigvals", "det", "slogdet", "cross")
        },
        "linalg.svd": "lambda x, full_matrices=False: mx.linalg.svd(x, stream=mx.cpu)",
        "linalg.svdvals": "lambda x: mx.linalg.svd(x, compute_uv=False, stream=mx.cpu)",
    }  # fmt: skip
    asking: ClassVar[dict[str, str]] = {
        "value": "got = f(*x)",
        "gradient": "got = mx.vjp(f, x, c)[1]",
        "tangent": "got = mx.jvp(f, x, t)[1]",
        "second": "got = mx.vjp(lambda *x: mx.vjp(f, list(x), c)[1], x, t)[1]",
    }

    def array(self, x: np.ndarray) -> Any:
        mx = self.scope["mx"]
        if x.dtype.name == "bfloat16":
            return mx.array(x.astype(np.float32)).astype(mx.bfloat16)
        return mx.array(np.array(x), getattr(mx, {"bool": "bool_"}.get(str(x.dtype), str(x.dtype))))

    def to_numpy(self, x: Any) -> np.ndarray:
        mx = self.scope["mx"]
        return np.array(x.astype(mx.float32) if x.dtype == mx.bfloat16 else x)

    def pull(self, f: Function, xs: list[Any], cs: list[Any]) -> list[Any]:
        return self.value_and_pull(f, xs, cs)[1]

    def value_and_pull(
        self, f: Function, xs: list[Any], cs: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        ys, gradients = self.scope["mx"].vjp(lambda *x: list(f(*x)), list(xs), list(cs))
        return list(ys), list(gradients)

    compiler = "mx.compile"

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = self.scope["mx"].compile(function)
        return compiled

    def push(self, f: Function, xs: list[Any], ts: list[Any]) -> list[Any]:
        return list(self.scope["mx"].jvp(lambda *x: list(f(*x)), list(xs), list(ts))[1])

    def pull_of_pull(self, f: Function, xs: list[Any], cs: list[Any], ts: list[Any]) -> list[Any]:
        return self.pull(lambda *x: self.pull(f, list(x), cs), xs, ts)

    def expression(self, name: str) -> str:
        if name in self.names:
            return self.names[name]
        return f"mx.{name}" if has(f"mlx.core.{name}") else ""


system = _Mlx()
