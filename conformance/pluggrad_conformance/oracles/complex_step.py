"""The complex step: f(x + iht) = f(x) + ih f'(x)t + O(h²), with nothing subtracted and so no digit
lost, for functions that are analytic and written for complex numbers too.

At a branch point, or on a branch cut, it finds a number that is no derivative. So it steps twice,
by different lengths and to both sides of the real axis, and speaks only if the two agree, and if
the real parts are f(x): sqrt(-1) is nan among real numbers, and acosh is complex below 1.
"""

from __future__ import annotations

import numpy as np

from ..problem import Problem, wide
from .answers import NoAnswer, apart, inexact, unbroadcast, wide_inputs
from .values import Values, numpy_values

__all__ = ["LIMIT", "NAME", "complex_step_answer"]

NAME = "complex step"
#: Gradients with more components are left to other oracles: each takes two evaluations. Those of
#: elementwise operations take two in all.
LIMIT = 40
#: h² vanishes beside any number, and h is still normal; at a branch point the second length gives
#: something else, and on a cut the other side of it does.
STEPS = (1e-150, -1e-152)
AGREE = 1e-9  # how far the two may differ, relative to the largest component


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

    real = f(*inputs)

    def along(direction: list[np.ndarray]) -> list[np.ndarray]:
        first, second = (_step(f, inputs, direction, real, h) for h in STEPS)
        for a, b in zip(first, second, strict=True):
            if not _agree(a, b):
                raise NoAnswer("a branch point: steps of two lengths disagree")
        return first

    if quantity == "tangent":
        return along([np.asarray(wide(t)) for t in problem.tangents()])
    cs = [
        wide(problem.cotangent(k, y.shape, str(y.dtype))) for k, y in enumerate(real) if inexact(y)
    ]
    if apart(problem, real):
        answers = []
        for k, x in enumerate(inputs):
            ones = [np.full(z.shape, float(i == k)) for i, z in enumerate(inputs)]
            slopes = sum((c * d for c, d in zip(cs, along(ones), strict=True)), np.zeros(()))
            answers.append(unbroadcast(np.asarray(slopes), x.shape))
        return answers
    if sum(x.size for x in inputs) > LIMIT:
        raise NoAnswer(f"more than {LIMIT} components")
    answers = [np.zeros(x.shape) for x in inputs]
    for k, x in enumerate(inputs):
        for place in np.ndindex(x.shape):
            unit = [np.zeros(z.shape) for z in inputs]
            unit[k][place] = 1.0
            answers[k][place] = sum(np.sum(c * d) for c, d in zip(cs, along(unit), strict=True))
    return answers


def _step(
    f: Values, inputs: list[np.ndarray], direction: list[np.ndarray], real: list[np.ndarray],
    h: float,
) -> list[np.ndarray]:  # fmt: skip
    """The derivatives of the outputs along `direction`, by one step of length `h`."""
    ys = f(*[x + 1j * h * t for x, t in zip(inputs, direction, strict=True)])
    if not all(np.iscomplexobj(y) for y in ys):
        raise NoAnswer("NumPy lost the imaginary part")
    if not all(_agree(np.real(y), value) for y, value in zip(ys, real, strict=True)):
        raise NoAnswer("the complex function is another than the real one here")
    found = [np.asarray(np.imag(y)) / h for y in ys]
    if not all(np.all(np.isfinite(d)) for d in found):
        raise NoAnswer("not finite at the complex step")
    return found


def _agree(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether arrays agree but for rounding, infinities and nan included."""
    size = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
    return bool(np.allclose(a, b, rtol=AGREE, atol=AGREE * size, equal_nan=True))
