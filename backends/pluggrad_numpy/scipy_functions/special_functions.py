"""The results of functions of `scipy.special` that have several, one by one; and functions that
take integers alone, which come as whole floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

_COUNTS = {"airy": 4, "sici": 2, "shichi": 2, "fresnel": 2, "ellipj": 4}


def _part(name: str, k: int) -> Callable[..., Any]:
    function = getattr(scipy.special, name)
    return lambda *args: function(*args)[k]


def _of_degree(name: str) -> Callable[..., Any]:
    function = getattr(scipy.special, name)

    def call(n: Any, x: Any) -> Any:
        degree = np.asarray(n).astype(np.int64)
        if np.any(degree != n):
            raise TypeError(f"the degree of {name} is a whole number")
        return np.asarray(function(degree, x), np.result_type(x))

    return call


eval_hermite = _of_degree("eval_hermite")
eval_hermitenorm = _of_degree("eval_hermitenorm")
globals().update({f"{n}_{k}": _part(n, k) for n, count in _COUNTS.items() for k in range(count)})
__all__ = [f"{n}_{k}" for n, count in _COUNTS.items() for k in range(count)]
__all__ += ["eval_hermite", "eval_hermitenorm"]
