"""The operation itself, computed by NumPy (with SciPy's special functions) or else by torch, for
the oracles that need values only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..problem import Problem, wide
from .answers import NoAnswer
from .torch_ import torch_values

__all__ = ["Values", "numpy_or_torch_values", "numpy_values"]

Values = Callable[..., list[np.ndarray]]


class _Namespace:
    """NumPy with the standard's names, and `special` from SciPy."""

    def __getattr__(self, name: str) -> Any:
        if name == "special":
            import scipy.special as found
        else:
            import array_api_compat.numpy as numpy

            found = getattr(numpy, name)
        setattr(self, name, found)
        return found


_namespace = _Namespace()


def numpy_values(problem: Problem) -> Values:
    """The outputs as a function of NumPy inputs, computed by NumPy."""
    f = problem.function(_namespace, lambda x: np.array(wide(x)))
    return lambda *inputs: [np.asarray(y) for y in f(*[x.copy() for x in inputs])]


def numpy_or_torch_values(problem: Problem, inputs: list[np.ndarray]) -> Values:
    """NumPy's values if it has the operation, torch's if it has not."""
    reasons = []
    for make in (numpy_values, torch_values):
        try:
            found: Values = make(problem)
            found(*inputs)
            return found
        except Exception as error:
            reasons.append(f"{type(error).__name__}: {error}")
    raise NoAnswer("nothing computes the values: " + "; ".join(reasons))
