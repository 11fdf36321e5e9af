"""The complex step: f(x + iht) = f(x) + ih f'(x)t + O(h²), with nothing subtracted and so no digit
lost, for functions that are analytic and written for complex numbers too.
"""

from __future__ import annotations

import numpy as np

from ..problem import Problem, wide
from .answers import NoAnswer, inexact, wide_inputs
from .values import numpy_values

__all__ = ["LIMIT", "NAME", "complex_step_answer"]

NAME = "complex step"
#: Gradients with more components are left to other oracles: each takes an evaluation.
LIMIT = 40
STEP = 1e-150  # h² vanishes beside any number, and h is still normal


def complex_step_answer(problem: Problem, quantity: str) -> list[np.ndarray]:
    """Gradients and tangents of analytic operations on real inputs."""
    if not problem.operation.analytic:
        raise NoAnswer("not an analytic function")
    if quantity not in ("gradient", "tangent"):
        raise NoAnswer("the complex step is for first derivatives")
    inputs = wide_inputs(problem)
    if any(np.iscomplexobj(x) for x in inputs):
        raise NoAnswer("the inputs are complex already")
    f = numpy_values(problem)

    def along(direction: list[np.ndarray]) -> list[np.ndarray]:
        ys = f(*[x + 1j * STEP * t for x, t in zip(inputs, direction, strict=True)])
        if not all(np.iscomplexobj(y) for y in ys):
            raise NoAnswer("NumPy lost the imaginary part")
        found = [np.asarray(np.imag(y)) / STEP for y in ys]
        if not all(np.all(np.isfinite(d)) for d in found):
            raise NoAnswer("not finite at the complex step")
        return found

    if quantity == "tangent":
        return along([np.asarray(wide(t)) for t in problem.tangents()])
    if sum(x.size for x in inputs) > LIMIT:
        raise NoAnswer(f"more than {LIMIT} components")
    cs = [
        wide(problem.cotangent(k, y.shape, str(y.dtype)))
        for k, y in enumerate(f(*inputs))
        if inexact(y)
    ]
    answers = [np.zeros(x.shape) for x in inputs]
    for k, x in enumerate(inputs):
        for place in np.ndindex(x.shape):
            unit = [np.zeros(z.shape) for z in inputs]
            unit[k][place] = 1.0
            answers[k][place] = sum(np.sum(c * d) for c, d in zip(cs, along(unit), strict=True))
    return answers
