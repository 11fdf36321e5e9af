"""tinygrad on the CPU: compiled by clang, or without clang run by tinygrad's own interpreter. That
still asks for clang here and there; then the cell is `unsupported-by-backend`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .system import Function, System

__all__ = ["system"]

OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "pow": "**", "remainder": "%",
    "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=",
}  # fmt: skip
#: Methods of Tensor by the names of the standard, where those differ.
METHODS = {
    "negative": "neg", "bitwise_invert": "bitwise_not",
    "broadcast_to": "expand", "permute_dims": "permute", "special.erf": "erf",
    "special.expit": "sigmoid", "linalg.matmul": "matmul",
    "repeat": "repeat_interleave", "tile": "repeat", "astype": "cast",
}  # fmt: skip
REDUCTIONS = ("sum", "prod", "mean", "max", "min", "logsumexp", "all", "any")
#: What has the name of a function of the standard, and another meaning or other arguments.
OTHERS = (
    "arange", "bool", "clip", "concat", "cross", "diff", "empty", "eye", "full", "linspace",
    "meshgrid", "nonzero", "pad", "real", "imag", "conj", "round", "size", "sort", "argsort",
    "split", "shape", "where", "zeros", "ones", "trace", "outer", "unfold", "dot",
    "diagonal", "diag", "interpolate", "normalize", "data", "alu", "call", "grad", "gather",
    "gradient", "full_like",
)  # fmt: skip


class _Tinygrad(System):
    """Tensor.gradient; the second derivative is one gradient of another."""

    name, module = "tinygrad", "tinygrad"
    modes = ("reverse", "second")
    refusals = (NotImplementedError, FileNotFoundError)
    setup = (
        "import os, shutil, numpy as np\n"
        "os.environ.setdefault('DEV', 'CPU' if shutil.which('clang') else 'PYTHON')\n"
        "from tinygrad import Tensor, dtypes"
    )
    names: ClassVar[dict[str, str]] = {
        **{name: f"lambda x, y: x {sign} y" for name, sign in OPERATORS.items()},
        **{name: f"lambda x, axis=None, keepdims=False: x.{name}(axis, keepdims)"
           for name in REDUCTIONS},
        **{name: f"lambda x, axis=None, correction=0, keepdims=False: x.{name}(axis, keepdims, "
                 "correction)" for name in ("std", "var")},
        "asarray": "lambda x, copy=None: Tensor(x) if not isinstance(x, Tensor) else "
        "x.clone() if copy else x",
        "cumulative_sum": "lambda x, axis=0: x.cumsum(axis)",
        "cumulative_prod": "lambda x, axis=0: x.cumprod(axis)",
        **{name: f"lambda x, axis=None: x.flatten().{name}(0).reshape(x.shape) if axis is None "
                 f"else x.{name}(axis)" for name in ("softmax", "log_softmax")},
        "special.logsumexp": "lambda x, axis=None, keepdims=False: x.logsumexp(axis, keepdims)",
        "matrix_transpose": "lambda x: x.transpose(-1, -2)",
        "expand_dims": "lambda x, axis=0: x.unsqueeze(axis)",
        "concat": "lambda xs, axis=0: xs[0].cat(*xs[1:], dim=axis)",
        "stack": "lambda xs, axis=0: xs[0].stack(*xs[1:], dim=axis)",
        "roll": "lambda x, shift, axis=None: x.roll(shift, axis) if axis is not None else "
        "x.flatten().roll(shift, 0).reshape(x.shape)",
        "flip": "lambda x, axis=None: x.flip(tuple(range(x.ndim)) if axis is None else axis)",
        "transpose": "lambda x: x.permute(tuple(reversed(range(x.ndim))))",
        "tril": "lambda x, k=0: x.tril(k)", "triu": "lambda x, k=0: x.triu(k)",
        "where": "lambda c, x, y: c.where(x, y)",
        "clip": "lambda x, min=None, max=None: x.clip(min, max)",
        "float64": "dtypes.float64", "float32": "dtypes.float32", "int64": "dtypes.int64",
    }  # fmt: skip
    making, reading = "Tensor({})", "a.numpy()"
    asking: ClassVar[dict[str, str]] = {
        "value": "got = f(*x)",
        "gradient": "got = sum((y * b).sum() for y, b in zip(f(*x), c)).gradient(*x)",
        "second": "g = sum((y * b).sum() for y, b in zip(f(*x), c)).gradient(*x)\n"
        "got = sum((a * b).sum() for a, b in zip(g, t)).gradient(*x)",
    }

    def array(self, x: np.ndarray) -> Any:
        return self.scope["Tensor"](np.array(x, order="C"))

    def to_numpy(self, x: Any) -> np.ndarray:
        return np.array(x.numpy())

    def dtype_name(self, x: Any) -> str:
        return {"double": "float64", "float": "float32"}.get(x.dtype.name, str(x.dtype.name))

    def pull(self, f: Function, xs: list[Any], cs: list[Any]) -> list[Any]:
        total = sum((y * c).sum() for y, c in zip(f(*xs), cs, strict=True))
        return list(total.gradient(*xs))

    def pull_of_pull(self, f: Function, xs: list[Any], cs: list[Any], ts: list[Any]) -> list[Any]:
        return self.pull(lambda *x: self.pull(f, list(x), cs), xs, ts)

    def expression(self, name: str) -> str:
        if name in self.names or name in OTHERS:
            return self.names.get(name, "")
        name = str(METHODS.get(name, name))
        return f"Tensor.{name}" if name and hasattr(self.scope["Tensor"], name) else ""


system = _Tinygrad()
