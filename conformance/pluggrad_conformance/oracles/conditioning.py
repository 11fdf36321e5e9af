"""How sensitive an answer is: how it changes if the inputs change a little.

The scale of a component q_i is an estimate of Σ_j |∂q_i/∂x_j| |x_j| over everything that q is
computed from (inputs, constants, cotangents, tangents): all of it is changed by one part in a
million with random signs, and the oracle asked again. Random signs matter: multiplying everything
by the same number hides what cancels (in the variance of numbers around 10⁴, in logsumexp).
Cotangents count because a gradient may be linear in them and depend on nothing else, as that of an
FFT.

Where a tie or a kink is broken, the answer jumps; a jump does not shrink with the change, and so is
told from a slope by a second, shorter change. A jump does not count as sensitivity, or a wrong tie
would pass as rounding. A jump of next to nothing is the oracle's own rounding of a zero; its scale
is 1, the size of cotangents.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problem import Problem, wide
from .answers import Ask

__all__ = ["scale_of"]

STEP, SHORTER = 1e-6, 1e-8
DRAWS = 3
#: A change this many times the answer may be a jump; smaller ones are not looked into.
SUSPECT = 100.0
NOISE = 1e-13


class _Changes:
    """One draw of random changes: the same array changes in the same way at every step."""

    def __init__(self, problem: Problem, draw: int) -> None:
        self.rng = problem.rng(f"conditioning {draw}")
        self.of: dict[str, np.ndarray] = {}

    def __call__(self, what: str, x: np.ndarray) -> np.ndarray:
        """`x` times the change of `what`, both in double precision."""
        change = self.of.get(what)
        if change is None:
            # of different sizes, so that two equal terms do not cancel
            change = self.rng.uniform(0.5, 1.5, x.shape) * self.rng.choice([-1.0, 1.0], x.shape)
            if x.dtype.kind == "c":
                change = change * np.exp(1j * self.rng.uniform(0.0, 2.0 * np.pi, x.shape))
            self.of[what] = change
        return np.asarray(wide(x) * change)


class _Nearby(Problem):
    """A problem in which every number of the cell's dtype is changed a little."""

    def __init__(self, problem: Problem, changes: _Changes, step: float) -> None:
        self.__dict__.update(problem.__dict__)
        self._near, self._changes, self._step = problem, changes, step
        self.args = [
            type(x)([self._changed(f"{i} {j}", item) for j, item in enumerate(x)])
            if isinstance(x, (list, tuple))
            else self._changed(f"{i}", x)
            for i, x in enumerate(problem.args)
        ]

    def _changed(self, what: str, x: Any) -> Any:
        if not isinstance(x, np.ndarray) or x.dtype.kind not in "fc":
            return x
        return np.asarray(wide(x) + self._step * self._changes(what, x))

    def _direction(self, what: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        return np.asarray(self._changed(what, self._near._direction(what, shape, dtype)))


def scale_of(
    ask: Ask, problem: Problem, quantity: str, arrays: list[np.ndarray], draws: int = DRAWS
) -> list[np.ndarray]:
    """The scale of each component of `arrays`, the answer of the oracle `ask`."""
    scales = [np.zeros(q.shape) for q in arrays]
    if problem.operation.kind == "movement" or not any(q.size for q in arrays):
        return scales  # copies: nothing can cancel
    for draw in range(draws):
        changes = _Changes(problem, draw)
        far = _slopes(ask, _Nearby(problem, changes, STEP), quantity, arrays, STEP)
        if far is None:
            continue
        near = far
        apart = problem.operation.kind == "elementwise"
        if any(_suspect(a, q, apart) for a, q in zip(far, arrays, strict=True)):
            nearby = _Nearby(problem, changes, SHORTER)
            near = _slopes(ask, nearby, quantity, arrays, SHORTER) or far
        for scale, q, a, b in zip(scales, arrays, far, near, strict=True):
            jump = b > 10.0 * a
            found = np.where(jump, np.where(np.abs(q) < NOISE, 1.0, 0.0), a)
            np.fmax(scale, np.where(np.isfinite(a), found, 0.0), out=scale)
    return scales


def _suspect(slope: np.ndarray, q: np.ndarray, apart: bool) -> bool:
    """Whether a component changes so much that it may jump."""
    finite = np.isfinite(q) & np.isfinite(slope)
    size = np.abs(q[finite])
    if not apart and size.size:
        size = np.mean(size)
    return bool(np.any(slope[finite] > SUSPECT * size))


def _slopes(
    ask: Ask, nearby: Problem, quantity: str, arrays: list[np.ndarray], step: float
) -> list[np.ndarray] | None:
    """By how much the answer changes, in units of the step.

    None where the changed problem has other shapes, or lies outside the domain.
    """
    try:
        found = ask(nearby, quantity)
    except Exception:
        return None
    if [q.shape for q in found] != [q.shape for q in arrays]:
        return None
    return [
        np.abs(a - b) / step if a.dtype.kind in "fc" else np.zeros(a.shape)
        for a, b in zip(found, arrays, strict=True)
    ]
