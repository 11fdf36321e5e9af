"""Special functions of NumPy arrays: SciPy's, by their names there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from pluggrad.plugin import atomic


def _same_dtype(function: Callable[..., Any], place: int) -> Callable[..., Any]:
    """`function`, which always computes in float64, with its result in the dtype of the argument at
    `place`."""

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        dtype = np.asarray(args[place]).dtype
        y = function(*args)
        return y.astype(dtype) if dtype.kind == "f" else y

    return atomic(call)


def _whole_n(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of (k, n, p), with a whole `n` passed as integers: SciPy will stop taking
    floats."""

    @functools.wraps(function)
    def call(k: Any, n: Any, p: Any) -> Any:
        n = np.asarray(n)
        if n.dtype.kind == "f" and np.all(n == np.floor(n)) and np.all(abs(n) < 2**53):
            dtype = np.result_type(k, n, p)
            return function(k, n.astype(np.int64), p).astype(dtype)
        return function(k, n, p)

    return atomic(call)


FUNCTIONS = {
    "bdtr": _whole_n(scipy.special.bdtr),
    "bdtrc": _whole_n(scipy.special.bdtrc),
    "bdtri": _whole_n(scipy.special.bdtri),
    "polygamma": _same_dtype(scipy.special.polygamma, 1),
    "multigammaln": _same_dtype(scipy.special.multigammaln, 0),
}


def find(name: str) -> Callable[..., Any] | None:
    """The function of that name, or None."""
    return FUNCTIONS.get(name) or getattr(scipy.special, name, None)
