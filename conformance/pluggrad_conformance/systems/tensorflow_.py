"""TensorFlow, eagerly: tf.math, tf.linalg and tf.signal by name, else tf.experimental.numpy."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .system import Function, System, has

__all__ = ["system"]

SAME = [
    "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "conj", "cos",
    "cosh", "divide", "equal", "exp", "expm1", "floor", "imag", "log", "log1p", "maximum",
    "minimum", "multiply", "negative", "nextafter", "pow", "real", "reciprocal", "sign", "sin",
    "sinh", "sqrt", "square", "subtract", "tan", "tanh", "softmax", "log_softmax", "round", "angle",
]  # fmt: skip
SPECIAL = {
    "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "erfcinv": "erfcinv", "gammaln": "lgamma",
    "digamma": "digamma", "psi": "digamma", "expit": "sigmoid", "log_expit": "log_sigmoid",
    "ndtri": "ndtri", "xlogy": "xlogy", "xlog1py": "xlog1py", "zeta": "zeta", "expm1": "expm1",
    "polygamma": "polygamma", "betainc": "betainc", "gammainc": "igamma", "gammaincc": "igammac",
    "dawsn": "special.dawsn", "spence": "special.spence", "expi": "special.expint",
    "i0": "bessel_i0", "i0e": "bessel_i0e", "i1": "bessel_i1", "i1e": "bessel_i1e",
    "j0": "special.bessel_j0", "j1": "special.bessel_j1", "y0": "special.bessel_y0",
    "y1": "special.bessel_y1", "k0": "special.bessel_k0", "k0e": "special.bessel_k0e",
    "k1": "special.bessel_k1", "k1e": "special.bessel_k1e",
    "log1p": "log1p", "softmax": "softmax", "log_softmax": "log_softmax",
}  # fmt: skip
ALONG = "lambda x, axis=None, keepdims=False: tf.math.reduce_{}(x, axis, keepdims)"


class _TensorFlow(System):
    """GradientTape, ForwardAccumulator, and one tape inside another."""

    name, module, distribution = "tensorflow", "tensorflow", "tensorflow"
    dtypes = ("float64", "float32", "complex128", "complex64")
    modes = ("reverse", "forward", "second")
    setup = "import tensorflow as tf, tensorflow.experimental.numpy as tnp, numpy as np"
    refusals = (NotImplementedError, LookupError)
    making = "tf.constant({})"
    names: ClassVar[dict[str, str]] = {
        **{name: f"tf.math.{name}" for name in SAME},
        **{f"special.{name}": f"tf.math.{own}" for name, own in SPECIAL.items()},
        **{name: ALONG.format(name) for name in ("sum", "prod", "max", "min", "mean")},
        "logsumexp": ALONG.format("logsumexp"), "special.logsumexp": ALONG.format("logsumexp"),
        "remainder": "tf.math.floormod", "floor_divide": "tf.math.floordiv", "where": "tf.where",
        "cumulative_sum": "lambda x, axis=0: tf.math.cumsum(x, axis)",
        "cumulative_prod": "lambda x, axis=0: tf.math.cumprod(x, axis)",
        "cumsum": "tf.math.cumsum", "cumprod": "tf.math.cumprod", "matmul": "tf.linalg.matmul",
        "matrix_transpose": "tf.linalg.matrix_transpose", "astype": "tf.cast",
        "clip": "lambda x, min, max: tf.clip_by_value(x, min, max)",
        "permute_dims": "tf.transpose", "reshape": "tf.reshape", "stack": "tf.stack",
        "concat": "lambda xs, axis=0: tf.concat(xs, axis)", "roll": "tnp.roll", "tile": "tf.tile",
        "expand_dims": "lambda x, axis=0: tf.expand_dims(x, axis)", "unstack": "tf.unstack",
        "squeeze": "lambda x, axis: tf.squeeze(x, axis)", "broadcast_to": "tf.broadcast_to",
        "asarray": "lambda x, copy=None: tf.identity(x)", "tensordot": "tf.tensordot",
        "take": "lambda x, indices, axis=0: tf.gather(x, indices % x.shape[axis], axis=axis)",
        "pad": "lambda x, width, mode='constant', **k: tnp.pad(x, width, mode, **k)",
        "linalg.det": "tf.linalg.det", "linalg.inv": "tf.linalg.inv", "linalg.qr": "tf.linalg.qr",
        "linalg.solve": "tf.linalg.solve", "linalg.cholesky": "tf.linalg.cholesky",
        "linalg.slogdet": "tf.linalg.slogdet", "linalg.pinv": "tf.linalg.pinv",
        "linalg.eigh": "tf.linalg.eigh", "linalg.eigvalsh": "tf.linalg.eigvalsh",
        "linalg.eig": "tf.linalg.eig", "linalg.eigvals": "tf.linalg.eigvals",
        "linalg.svdvals": "lambda x: tf.linalg.svd(x, compute_uv=False)",
        "linalg.svd": "lambda x, full_matrices=True: (lambda s, u, v: (u, s, tf.linalg.adjoint(v)))"
        "(*tf.linalg.svd(x, full_matrices))",
        "linalg.matrix_transpose": "tf.linalg.matrix_transpose", "linalg.trace": "tf.linalg.trace",
        "linalg.diagonal": "lambda x, offset=0: tf.linalg.diag_part(x, k=offset)",
        "linalg.cross": "tf.linalg.cross", "linalg.matmul": "tf.linalg.matmul",
        "linalg.vector_norm": "lambda x, axis=None, keepdims=False, ord=2: tf.norm("
        "x, {2: 'euclidean', 1: 1, 3: 3, np.inf: np.inf}.get(ord), axis, keepdims)",
        "fft.fft": "lambda x: tf.signal.fft(tf.cast(x, tf.complex128))",
        "fft.ifft": "lambda x: tf.signal.ifft(tf.cast(x, tf.complex128))",
        "fft.rfft": "lambda x, n=None: tf.signal.rfft(x, None if n is None else [n])",
        "fft.irfft": "lambda x, n=None: tf.signal.irfft(x, None if n is None else [n])",
        "fft.rfft2": "tf.signal.rfft2d", "fft.irfft2": "tf.signal.irfft2d",
        "fft.fftshift": "lambda x, axes=None: tf.signal.fftshift(x, axes)",
        "fft.ifftshift": "lambda x, axes=None: tf.signal.ifftshift(x, axes)",
        "float64": "tf.float64", "float32": "tf.float32", "int64": "tf.int64",
        "complex128": "tf.complex128", "complex64": "tf.complex64", "bool": "tf.bool",
    }  # fmt: skip
    asking: ClassVar[dict[str, str]] = {
        "value": "got = f(*x)",
        "gradient": "with tf.GradientTape() as tape: tape.watch(x); y = f(*x)\n"
        "got = tape.gradient(y, x, c)",
        "tangent": "with tf.autodiff.ForwardAccumulator(x, t) as forward: y = f(*x)\n"
        "got = [forward.jvp(a) for a in y]",
        "second": "with tf.GradientTape() as outer, tf.GradientTape() as tape: "
        "outer.watch(x); tape.watch(x); g = tape.gradient(f(*x), x, c)\n"
        "got = outer.gradient(g, x, t)",
    }

    @cached_property
    def scope(self) -> dict[str, Any]:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        found: dict[str, Any] = {}
        exec(self.setup, found)
        return found

    def array(self, x: np.ndarray) -> Any:
        return self.scope["tf"].constant(np.array(x))

    def to_numpy(self, x: Any) -> np.ndarray:
        found = np.array(self.scope["tf"].convert_to_tensor(x).numpy())
        return found.astype(np.float32) if found.dtype.name == "bfloat16" else found

    def dtype_name(self, x: Any) -> str:
        return str(self.scope["tf"].as_dtype(x.dtype).name)

    def pull(self, f: Function, xs: list[Any], cs: list[Any]) -> list[Any]:
        return self.value_and_pull(f, xs, cs)[1]

    def value_and_pull(
        self, f: Function, xs: list[Any], cs: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        tf = self.scope["tf"]
        with tf.GradientTape() as tape:
            tape.watch(xs)
            ys = f(*xs)
        found = tape.gradient(ys, xs, cs)
        return list(ys), [None if g is None else tf.convert_to_tensor(g) for g in found]

    compiler = "tf.function"

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = self.scope["tf"].function(function, autograph=False)
        return compiled

    def push(self, f: Function, xs: list[Any], ts: list[Any]) -> list[Any]:
        tf = self.scope["tf"]
        with tf.autodiff.ForwardAccumulator(xs, ts) as forward:
            ys = f(*xs)
        return [forward.jvp(y, tf.UnconnectedGradients.ZERO) for y in ys]

    def pull_of_pull(self, f: Function, xs: list[Any], cs: list[Any], ts: list[Any]) -> list[Any]:
        def gradient(*x: Any) -> list[Any]:
            found = zip(x, self.pull(f, list(x), cs), strict=True)
            return [self.scope["tf"].zeros_like(a) if g is None else g for a, g in found]

        return self.pull(gradient, xs, ts)

    def expression(self, name: str) -> str:
        if name in self.names:
            return self.names[name]
        return f"tnp.{name}" if has(f"tensorflow.experimental.numpy.{name}") else ""

    def version(self) -> str:
        from importlib import metadata

        for name in ("tensorflow", "tensorflow-cpu"):
            try:
                return metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        return str(self.scope["tf"].__version__)


system = _TensorFlow()
