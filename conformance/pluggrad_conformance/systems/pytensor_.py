"""PyTensor: graphs of symbols, differentiated by `grad` and `Rop`, and evaluated at once."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .hips import RENAMED
from .system import Function, System, has

__all__ = ["system"]


class _PyTensor(System):
    """Each question makes a graph of symbols and evaluates it in Python, without a C compiler."""

    name, module = "pytensor", "pytensor"
    modes = ("reverse", "forward", "second")
    prelude = "import os; os.environ['PYTENSOR_FLAGS'] = 'cxx=,mode=FAST_COMPILE'"
    setup = "import pytensor, pytensor.tensor as pt"
    making = "pt.constant({})"
    reading = "a.eval()"
    names: ClassVar[dict[str, str]] = {
        "astype": "lambda x, dtype: x.astype(dtype)",
        "matrix_transpose": "lambda x: x.swapaxes(-1, -2)",
        "expand_dims": "lambda x, axis=0: pt.expand_dims(x, axis)",
        "permute_dims": "lambda x, axes: x.transpose(*axes)",
        "cumulative_sum": "lambda x, axis=None: pt.cumsum(x, axis)",
        "cumulative_prod": "lambda x, axis=None: pt.cumprod(x, axis)",
        "remainder": "pt.mod", "divide": "pt.true_div", "pow": "pt.pow", "square": "pt.sqr",
        "negative": "pt.neg", "subtract": "pt.sub", "multiply": "pt.mul", "where": "pt.where",
        "logaddexp": "pt.logaddexp", "special.erf": "pt.erf", "special.erfc": "pt.erfc",
        "special.erfcx": "pt.erfcx", "special.erfinv": "pt.erfinv", "special.erfcinv": "pt.erfcinv",
        "special.gammaln": "pt.gammaln", "special.digamma": "pt.psi", "special.psi": "pt.psi",
        "special.gamma": "pt.gamma", "special.expit": "pt.sigmoid", "special.expm1": "pt.expm1",
        "special.log1p": "pt.log1p", "special.gammainc": "pt.gammainc",
        "special.gammaincc": "pt.gammaincc", "special.betainc": "pt.betainc",
        **{f"special.{name}": f"pt.{name}" for name in (
            "betaincinv", "gammaincinv", "gammainccinv", "hyp2f1", "i0", "i1", "iv", "ive", "j0",
            "j1", "jv", "kv", "kve", "logsumexp", "polygamma")},
        "softmax": "lambda x, axis=None: pt.special.softmax(x, axis)",
        "log_softmax": "lambda x, axis=None: pt.special.log_softmax(x, axis)",
        "floor_divide": "pt.floor_div", "ravel": "lambda x: pt.flatten(x)",
        "kron": "pt.linalg.kron", "linalg.matmul": "pt.matmul",
        "linalg.matrix_transpose": "lambda x: x.swapaxes(-1, -2)",
        "linalg.diagonal": "lambda x, offset=0: pt.diagonal(x, offset, -2, -1)",
        "linalg.vector_norm": "lambda x, axis=None, keepdims=False, ord=2: pt.linalg.norm("
        "x if axis is not None else pt.flatten(x), ord, axis, keepdims)",
        "linalg.matrix_norm": "lambda x, keepdims=False, ord='fro': pt.linalg.norm("
        "x, ord, (-2, -1), keepdims)",
        "linalg.svdvals": "lambda x: pt.linalg.svd(x, compute_uv=False)",
        "linalg.eigvalsh": "lambda x: pt.linalg.eigh(x)[0]",
        "linalg.det": "pt.linalg.det", "linalg.inv": "pt.linalg.inv",
        "linalg.pinv": "pt.linalg.pinv", "linalg.solve": "pt.linalg.solve",
        "linalg.slogdet": "pt.linalg.slogdet", "linalg.cholesky": "pt.linalg.cholesky",
        "linalg.eigh": "pt.linalg.eigh", "linalg.trace": "lambda x, offset=0: pt.trace(x)",
    }  # fmt: skip
    asking: ClassVar[dict[str, str]] = {
        "value": "got = f(*x)",
        "gradient": "v = [a.type() for a in x]; g = pytensor.grad(None, v, known_grads=dict(zip("
        "f(*v), c)), disconnected_inputs='ignore')\n"
        "got = [pt.constant(a.eval(dict(zip(v, [b.data for b in x])))) for a in g]",
    }

    @cached_property
    def scope(self) -> dict[str, Any]:
        os.environ.setdefault("PYTENSOR_FLAGS", "cxx=,mode=FAST_COMPILE")
        found: dict[str, Any] = {}
        exec(self.setup, found)
        return found

    def array(self, x: np.ndarray) -> Any:
        return self.scope["pt"].constant(np.array(x))

    def to_numpy(self, x: Any) -> np.ndarray:
        return np.array(x.eval())

    def dtype_name(self, x: Any) -> str:
        return str(x.dtype)

    def _evaluate(self, graphs: list[Any], symbols: list[Any], xs: list[Any]) -> list[Any]:
        values = {v: x.data for v, x in zip(symbols, xs, strict=True)}
        known = [self.scope["pt"].as_tensor(g) for g in graphs]
        there = {v: values[v] for v in symbols}
        function = self.scope["pytensor"].function(symbols, known, on_unused_input="ignore")
        return [np.asarray(a) for a in function(*there.values())]

    def _graph(self, f: Function, symbols: list[Any], cs: list[Any]) -> list[Any]:
        known = dict(zip(f(*symbols), cs, strict=True))
        grad = self.scope["pytensor"].grad
        return list(grad(None, symbols, known_grads=known, disconnected_inputs="ignore"))

    def pull(self, f: Function, xs: list[Any], cs: list[Any]) -> list[Any]:
        symbols = [x.type() for x in xs]
        return self._evaluate(self._graph(f, symbols, cs), symbols, xs)

    def push(self, f: Function, xs: list[Any], ts: list[Any]) -> list[Any]:
        rop = self.scope["pytensor"].gradient.Rop
        symbols = [x.type() for x in xs]
        return self._evaluate(list(rop(f(*symbols), symbols, ts)), symbols, xs)

    def pull_of_pull(self, f: Function, xs: list[Any], cs: list[Any], ts: list[Any]) -> list[Any]:
        symbols = [x.type() for x in xs]
        inner = lambda *v: self._graph(f, list(v), cs)
        return self._evaluate(self._graph(inner, symbols, ts), symbols, xs)

    # ------------------------------------------------------------------ names

    def expression(self, name: str) -> str:
        if name in self.names or name in ("linalg", "fft", "special"):  # modules of other names
            return self.names.get(name, "")
        name = RENAMED.get(name, name)
        return f"pt.{name}" if has(f"pytensor.tensor.{name}") else ""


system = _PyTensor()
