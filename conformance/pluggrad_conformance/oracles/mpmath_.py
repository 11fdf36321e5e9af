"""mpmath at 50 digits, component by component, for elementwise and special functions.

Derivatives are differences of values computed with far more digits than are wanted, so that neither
rounding nor the length of the step can be seen; no rule of differentiation is used. Where a
function has a kink, the differences of both sides disagree, and the oracle says nothing. It also
says nothing of -0.0 where a function jumps, since exact numbers cannot tell it from 0, and where a
function of real numbers is complex right next to the inputs: (-2)^p is real at whole p, but has no
slope there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..problem import Problem, wide
from .answers import NoAnswer, unbroadcast, wide_inputs

__all__ = ["LIMIT", "NAME", "mpmath_answer"]

NAME = "mpmath"
#: Outputs with more components are left to other oracles: this one is slow.
LIMIT = 12
DIGITS = 50  # of an answer
STEP = 16  # digits by which a step is smaller than the smallest input


def mpmath_answer(problem: Problem, quantity: str) -> list[np.ndarray]:
    """The quantity of an elementwise operation whose row has `exact`."""
    exact = problem.operation.exact
    if exact is None:
        raise NoAnswer(f"the row of {problem.operation.name} has no function of exact numbers")
    if any(isinstance(x, (list, tuple)) for x in problem.args):
        raise NoAnswer("lists of arrays are left to the other oracles")
    shape = np.broadcast_shapes(*[x.shape for x in problem.args if isinstance(x, np.ndarray)])
    if int(np.prod(shape)) > LIMIT:
        raise NoAnswer(f"more than {LIMIT} components")
    import mpmath  # type: ignore[import-untyped]

    inputs = wide_inputs(problem)
    lengths = np.abs(np.concatenate([np.ravel(x) for x in inputs])) if inputs else np.ones(1)
    if quantity != "value" and not np.all(np.isfinite(lengths)):
        raise NoAnswer("infinities and nan have no differences")
    # a step is short beside every input, and the digits it costs are added to those wanted
    lengths = lengths[np.isfinite(lengths) & (lengths > 0)]
    zeros = STEP - math.floor(math.log10(min(lengths.min(), 1.0) if lengths.size else 1.0))
    digits = DIGITS + {"value": 0, "second": 4}.get(quantity, 2) * zeros
    with mpmath.workdps(digits):  # the context in which `exact` computes
        return _Differences(mpmath, problem, shape, mpmath.mpf(10) ** -zeros).of(quantity)


class _Differences:
    """The differences of an elementwise function at exact numbers."""

    def __init__(self, mpmath: Any, problem: Problem, shape: tuple[int, ...], step: Any) -> None:
        self.mpmath, self.problem, self.shape, self.step = mpmath, problem, shape, step
        self.inputs = [_exact(mpmath, x) for x in wide_inputs(problem)]
        kinds = {x.dtype.kind for x in problem.args if isinstance(x, np.ndarray)}
        self.real = "c" not in kinds
        self.exact: Callable[[np.ndarray], np.ndarray] = partial(_exact, mpmath)
        self.y = self.moved()
        self.cross_zero()
        self.at_zero = np.zeros(shape, dtype=bool)
        for x in wide_inputs(problem):
            self.at_zero |= np.broadcast_to(x == 0, shape)
        mixed = any(isinstance(v, mpmath.mpc) for v in self.y.flat)
        self.complex_output = mixed and not self.real

    def moved(self, *moves: tuple[list[np.ndarray], Any]) -> np.ndarray:
        """The outputs at the inputs + Σ length · direction."""
        xs = list(self.inputs)
        for direction, length in moves:
            # asarray: for 0-d arrays NumPy returns bare numbers
            xs = [np.asarray(x + length * d, object) for x, d in zip(xs, direction, strict=True)]
        args = self.problem.filled(xs, lambda x: self.exact(wide(x)))
        flat = [np.broadcast_to(x, self.shape) if isinstance(x, np.ndarray) else x for x in args]
        y = np.empty(self.shape, dtype=object)
        for place in np.ndindex(self.shape):
            scalars = [x[place] if isinstance(x, np.ndarray) else x for x in flat]
            y[place] = self.problem.operation.exact(*scalars, **self.problem.kwargs)  # type: ignore[misc]
            if self.real and self.is_complex(y[place]):
                where = "next to the input" if moves else "here"
                raise NoAnswer(f"the exact function is complex {where}, the operation is not")
        return y

    def cross_zero(self) -> None:
        """Raise `NoAnswer` if an input is -0.0, which exact numbers cannot tell from 0, and the
        function jumps there: atan2(0, -0.0) is π. A continuous function does not mind."""
        mp, problem = self.mpmath, self.problem
        if not any(np.any(_negative_zeros(x)) for x in problem.args if isinstance(x, np.ndarray)):
            return
        plain, inputs = self.exact, self.inputs
        try:
            for h in (self.step, -self.step):
                self.exact = partial(_off_zero, plain, h)
                self.inputs = [np.asarray(self.exact(x), object) for x in wide_inputs(problem)]
                for a, b in zip(self.moved().flat, self.y.flat, strict=True):
                    if not mp.isfinite(a) or abs(a - b) > (1 + abs(b)) * mp.mpf(10) ** -8:
                        raise NoAnswer("exact numbers have no -0.0, and the function jumps there")
        finally:
            self.exact, self.inputs = plain, inputs

    def is_complex(self, value: Any) -> bool:
        """Whether a value has an imaginary part that is more than rounding."""
        mp = self.mpmath
        return isinstance(value, mp.mpc) and abs(mp.im(value)) > abs(value) * mp.eps * 10**6

    def along(self, direction: list[np.ndarray]) -> np.ndarray:
        """The derivative of the outputs along a direction."""
        up, down = self.moved((direction, self.step)), self.moved((direction, -self.step))
        self.smooth(up - self.y, self.y - down, self.step)
        return self.without_noise((up - down) / (2 * self.step), [up, down], self.step)

    def twice(self, direction: list[np.ndarray], other: list[np.ndarray]) -> np.ndarray:
        """The derivative of the outputs along one direction and then another."""
        h = self.step
        corner = {(a, b): self.moved((direction, a * h), (other, b * h))
                  for a in (1, -1) for b in (1, -1)}  # fmt: skip
        if self.problem.case.axis == "case":  # there may be a kink in the function or in its slope
            self.along(direction)
            near = [
                corner[a, a] - self.moved((direction, a * h)) - self.moved((other, a * h)) + self.y
                for a in (1, -1)
            ]
            self.smooth(near[0], near[1], h * h)
        total = corner[1, 1] - corner[1, -1] - corner[-1, 1] + corner[-1, -1]
        return self.without_noise(total / (4 * h * h), list(corner.values()), h * h)

    def without_noise(self, found: np.ndarray, values: list[np.ndarray], unit: Any) -> np.ndarray:
        """`found`, with zeros in place of noise: the rounding of `values` over `unit`, and at an
        input of zero what a difference leaves of higher derivatives."""
        mp = self.mpmath
        found, made = np.asarray(found, dtype=object), np.empty(self.shape, dtype=object)
        for place in np.ndindex(self.shape):
            rounding = max(abs(v[place]) for v in values) * mp.eps * 10**6 / unit
            zero = abs(found[place]) <= rounding
            made[place] = mp.mpf(0) if zero else found[place]
            if self.at_zero[place] and abs(found[place]) < self.step * self.step * 10**6:
                made[place] = mp.mpf(0)
        return made

    def smooth(self, right: np.ndarray, left: np.ndarray, unit: Any) -> None:
        """Raise `NoAnswer` where the differences to both sides disagree: there is a kink."""
        mp = self.mpmath
        for a, b in zip(np.asarray(right).flat, np.asarray(left).flat, strict=True):
            if not (mp.isfinite(a) and mp.isfinite(b)):
                raise NoAnswer("not finite next to the input")
            if abs(a - b) > (abs(a) + abs(b)) * mp.mpf(10) ** -8 + unit * mp.mpf(10) ** -12:
                raise NoAnswer("not differentiable here")

    def of(self, quantity: str) -> list[np.ndarray]:
        """The arrays of the quantity, rounded to double precision."""
        mp, problem = self.mpmath, self.problem
        if quantity == "value":
            return [_rounded(self.y, self.complex_output)]
        ts = [_exact(mp, wide(t)) for t in problem.tangents()]
        if quantity == "tangent":
            return [_rounded(self.along(ts), self.complex_output)]
        dtype = "complex128" if self.complex_output else "float64"
        c = _exact(mp, wide(problem.cotangent(0, self.shape, dtype)))
        answers = []
        for k, x in enumerate(problem.inputs):
            units = [mp.mpf(1), mp.mpc(0, 1)] if np.iscomplexobj(x) else [mp.mpf(1)]
            total: Any = 0
            for unit in units:
                # all components of this input at once: each affects only its own output
                d = [
                    _filled(z.shape, unit if i == k else mp.mpf(0))
                    for i, z in enumerate(self.inputs)
                ]
                moved = self.along(d) if quantity == "gradient" else self.twice(d, ts)
                slopes = np.empty(self.shape, dtype=object)
                for place in np.ndindex(self.shape):
                    slopes[place] = mp.re(mp.conj(c[place]) * moved[place])
                total = total + unit * unbroadcast(slopes, x.shape)
            answers.append(_rounded(total, np.iscomplexobj(x)))
        return answers


def _negative_zeros(x: np.ndarray) -> np.ndarray:
    """Which numbers are -0.0, or have it as a part."""
    parts = {"f": (x,), "c": (x.real, x.imag)}.get(x.dtype.kind, ())
    found = [(part == 0) & np.signbit(part) for part in parts] or [np.zeros(x.shape, bool)]
    return np.asarray(np.any(found, axis=0))


def _off_zero(exact: Any, h: Any, x: np.ndarray) -> np.ndarray:
    """`x` as exact numbers, with `h` in the places of -0.0."""
    return np.asarray(exact(x) + np.where(_negative_zeros(x), h, 0), object)


def _exact(mpmath: Any, x: np.ndarray) -> np.ndarray:
    """`x` as an array of mpmath numbers; settings as Python's integers and booleans."""
    made = np.empty(x.shape, dtype=object)
    make = {"f": mpmath.mpf, "c": mpmath.mpc}.get(x.dtype.kind, lambda v: v)
    for place in np.ndindex(x.shape):
        made[place] = make(x[place].item())
    return made


def _filled(shape: tuple[int, ...], value: Any) -> np.ndarray:
    made = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        made[place] = value
    return made


def _rounded(x: np.ndarray, complex_: bool) -> np.ndarray:
    x = np.asarray(x, dtype=object)
    made = np.empty(x.shape, dtype=np.complex128 if complex_ else np.float64)
    for place in np.ndindex(x.shape):
        value = x[place]
        made[place] = complex(value) if complex_ else float(getattr(value, "real", value))
    return made
