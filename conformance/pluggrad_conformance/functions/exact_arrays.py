"""NumPy arrays of mpmath's numbers, and the standard's functions of them: a function that is
written in these can be computed with fifty digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["ExactNamespace", "exact_array"]

ELEMENTWISE = {
    name: name for name in
    ("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "exp", "expm1",
     "floor", "ceil", "hypot", "log", "log10", "log1p", "sign", "sin", "sinh", "sqrt", "tan",
     "tanh", "conj")
} | {"pow": "power", "real": "re", "imag": "im"}  # fmt: skip
#: NumPy's own functions, which work on arrays of any objects.
OWN = [
    "abs",
    "add",
    "subtract",
    "multiply",
    "divide",
    "negative",
    "positive",
    "square",
    "reshape",
    "stack",
    "expand_dims",
    "squeeze",
    "broadcast_to",
    "flip",
    "roll",
    "tile",
    "moveaxis",
    "matmul",
    "tensordot",
    "prod",
    "sum",
    "where",
    "maximum",
    "minimum",
    "max",
    "min",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_not",
    "zeros_like",
    "ones_like",
    "diagonal",
    "trace",
    "outer",
    "tril",
    "triu",
    "arange",
    "cumsum",
]
OTHER = {"concat": "concatenate", "permute_dims": "transpose", "cumulative_sum": "cumsum"}


def exact_array(mp: Any, x: np.ndarray) -> np.ndarray:
    """The array, of the very same numbers."""
    make = mp.mpc if x.dtype.kind == "c" else mp.mpf
    made = np.empty(x.shape, object)
    for place in np.ndindex(x.shape):
        made[place] = make(x[place].item())
    return made


class ExactNamespace:
    """The functions by the standard's names; `AttributeError` for one that is not there."""

    def __init__(self, mp: Any) -> None:
        self.mp, self.linalg = mp, _Linalg(mp)
        self.pi, self.e, self.inf, self.nan = mp.pi, mp.e, mp.inf, mp.nan
        self.float64 = self.float32 = object

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in ELEMENTWISE:
            function = getattr(self.mp, ELEMENTWISE[name])
            count = 2 if name in ("atan2", "hypot", "pow") else 1
            return lambda *xs: np.asarray(np.frompyfunc(function, count, 1)(*xs), object)
        if name in OWN or name in OTHER:
            function = getattr(np, OTHER.get(name, name))
            return lambda *args, **kwargs: _as_array(function(*args, **kwargs))
        raise AttributeError(name)

    def asarray(self, x: Any, **kwargs: Any) -> np.ndarray:
        """`x` as an array of exact numbers, or of booleans and integers as they are."""
        x = np.asarray(x)
        return exact_array(self.mp, x) if x.dtype.kind in "fc" else x

    def astype(self, x: Any, dtype: Any) -> np.ndarray:
        """Exact numbers stay exact."""
        return np.asarray(np.frompyfunc(self.mp.mpf, 1, 1)(np.asarray(x, object)), object)

    def mean(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """The sum over the number of elements."""
        total = np.sum(x, axis=axis, keepdims=keepdims)
        return _as_array(total / (np.size(x) // max(1, np.size(total))))

    def matrix_transpose(self, x: Any) -> Any:
        """The last two axes exchanged."""
        return np.swapaxes(x, -1, -2)


class _Linalg:
    def __init__(self, mp: Any) -> None:
        self.mp = mp

    def det(self, x: Any) -> Any:
        """By LU; a sum over permutations where the matrix is singular."""
        rows = np.asarray(x, object)
        if rows.ndim != 2:
            raise AttributeError("det of several matrices")
        return _as_array(_det(rows))

    def inv(self, x: Any) -> np.ndarray:
        """The inverse of one matrix."""
        return np.asarray((self.mp.matrix(x.tolist()) ** -1).tolist(), object).reshape(x.shape)

    def solve(self, a: Any, b: Any) -> np.ndarray:
        """Of one matrix."""
        return np.asarray(self.inv(a) @ b, object)


def _det(x: np.ndarray) -> Any:
    """By the first row: no division, so that singular matrices are as good as others."""
    if x.shape[0] > 6:
        raise AttributeError("det of a large matrix")
    if x.shape[0] == 0:
        return 1
    minors = [np.delete(x[1:], k, axis=1) for k in range(x.shape[1])]
    return sum((-1) ** k * x[0, k] * _det(minor) for k, minor in enumerate(minors))


def _as_array(x: Any) -> Any:
    return x if isinstance(x, np.ndarray) else np.asarray(x, object)
