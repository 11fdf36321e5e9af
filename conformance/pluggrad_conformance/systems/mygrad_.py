"""MyGrad, through its functions of NumPy's names: first derivatives of real numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .hips import RENAMED
from .system import Function, System, has

__all__ = ["system"]


class _MyGrad(System):
    """Tensors of MyGrad and their `backward`."""

    name, module = "mygrad", "mygrad"
    setup = "import mygrad as mg, mygrad.nnet, numpy as np"
    names: ClassVar[dict[str, str]] = {
        "astype": "lambda x, dtype: x.astype(dtype)",
        "asarray": "lambda x, copy=None: +x if isinstance(x, mg.Tensor) else mg.tensor(x)",
        "matrix_transpose": "lambda x: mg.swapaxes(x, -1, -2)",
        "linalg.matmul": "mg.matmul",
        "linalg.vector_norm": "lambda x, axis=None, keepdims=False, ord=2: mg.linalg.norm("
        "x if axis is not None else x.reshape(-1), ord, axis, keepdims)",
        "std": "lambda x, axis=None, correction=0, keepdims=False: mg.std(x, axis, "
        "ddof=correction, keepdims=keepdims)",
        "var": "lambda x, axis=None, correction=0, keepdims=False: mg.var(x, axis, "
        "ddof=correction, keepdims=keepdims)",
        "softmax": "lambda x, axis=-1: mg.nnet.softmax(x, axis)",
        "log_softmax": "lambda x, axis=-1: mg.nnet.logsoftmax(x, axis)",
        "float64": "np.float64", "float32": "np.float32", "int64": "np.int64",
    }  # fmt: skip
    making = "{}"
    asking: ClassVar[dict[str, str]] = {
        "value": "got = [y.data for y in f(*map(mg.tensor, x))]",
        "gradient": "v = [mg.tensor(a) for a in x]; sum((y * b).sum() for y, b in "
        "zip(f(*v), c)).backward(); got = [a.grad for a in v]",
    }

    def array(self, x: np.ndarray) -> Any:
        return np.array(x)

    def to_numpy(self, x: Any) -> np.ndarray:
        return np.array(getattr(x, "data", x))

    def pull(self, f: Function, xs: list[Any], cs: list[Any]) -> list[Any]:
        mg = self.scope["mg"]
        leaves = [mg.tensor(x) for x in xs]
        ys = f(*leaves)
        if len(ys) == 1:
            ys[0].backward(cs[0])
        else:
            total = sum((y * c).sum() for y, c in zip(ys, cs, strict=True))
            total.backward()
        return [v.grad for v in leaves]

    def expression(self, name: str) -> str:
        name = RENAMED.get(name, name)
        if name in self.names:
            return self.names[name]
        return f"mg.{name}" if has(f"mygrad.{name}") else ""


system = _MyGrad()
