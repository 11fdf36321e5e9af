"""SciPy's own functions: what the values of `pluggrad.scipy` are. They have no derivatives; those
are judged by other oracles, and by finite differences of SciPy's functions."""

from __future__ import annotations

import numpy as np

from ..problem import Problem
from .answers import NoAnswer, wide_inputs
from .values import numpy_values

__all__ = ["NAME", "scipy_answer"]

NAME = "scipy"


def scipy_answer(problem: Problem, quantity: str) -> list[np.ndarray]:
    """The values of the rows of `pluggrad.scipy`."""
    if not problem.operation.name.startswith("scipy."):
        raise NoAnswer("the operation is none of SciPy's")
    if quantity != "value":
        raise NoAnswer("SciPy's functions have no derivatives")
    return numpy_values(problem)(*wide_inputs(problem))
