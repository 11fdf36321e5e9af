"""Finite differences, extrapolated to a step of zero: a smoke test that needs no autodiff at all.

Central differences with steps that shrink by half, each column of the table removing another power
of h². The entry that moved least is the answer, and how far it moved (with a margin) is its doubt.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..problem import Problem, wide
from .answers import NoAnswer, apart, inexact, unbroadcast, wide_inputs
from .values import Values, numpy_or_torch_values

__all__ = ["LIMIT", "NAME", "derivative_along", "differences_and_doubt"]

NAME = "finite differences"
#: Gradients with more real components are left to other oracles: each takes many evaluations. Those
#: of elementwise operations take as many in all.
LIMIT = 64
LEVELS = 7
ROUNDING = 1e-15  # of values, relative to their size
FLOOR = 1e-11  # smaller numbers cannot be told from zero


def differences_and_doubt(
    problem: Problem, quantity: str
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The quantity, and the absolute error of every component of it."""
    if quantity == "value":
        raise NoAnswer("finite differences are for derivatives")
    inputs = wide_inputs(problem)
    if not all(np.all(np.isfinite(x)) for x in inputs):
        raise NoAnswer("infinities and nan have no differences")
    f = numpy_or_torch_values(problem, inputs)
    ts = [np.asarray(wide(t)) for t in problem.tangents()]
    if quantity == "tangent":
        return _tangent(f, inputs, ts)
    alone = apart(problem, f(*inputs))
    if not alone and sum(x.size * (1 + np.iscomplexobj(x)) for x in inputs) > LIMIT:
        raise NoAnswer(f"more than {LIMIT} components")
    ys = [(k, y) for k, y in enumerate(f(*inputs)) if inexact(y)]
    cs = {k: wide(problem.cotangent(k, y.shape, str(y.dtype))) for k, y in ys}
    total = (lambda x: x) if alone else np.sum

    def loss(xs: list[np.ndarray]) -> np.ndarray:
        """The outputs on their cotangents: elementwise component by component, else all in all."""
        found = f(*xs)
        return np.asarray(sum(total(np.real(np.conj(c) * found[k])) for k, c in cs.items()) + 0.0)

    size = np.asarray(sum(total(np.abs(c) * np.abs(y)) for c, (_, y) in zip(cs.values(), ys)) + 0.0)

    def derivative(e: list[np.ndarray], h: float) -> tuple[np.ndarray, np.ndarray]:
        if quantity == "gradient":
            return derivative_along(loss, inputs, e, h, size)
        return _second(loss, inputs, e, ts, size)

    answers = [np.zeros(x.shape, x.dtype) for x in inputs]
    doubts = [np.zeros(x.shape) for x in inputs]
    for k, x in enumerate(inputs):
        for unit in (1.0, 1j) if np.iscomplexobj(x) else (1.0,):
            if alone:  # all components at once, for first derivatives each by a step of its own
                step = _steps(x) if quantity == "gradient" else np.ones(x.shape)
                h = np.broadcast_to(step, size.shape)
                e = [np.zeros_like(z) for z in inputs]
                e[k] = np.asarray(unit * step)
                d, doubt = derivative(e, 1.0)
                answers[k] += unit * unbroadcast(d / h, x.shape)
                doubts[k] += unbroadcast(doubt / h, x.shape)
                continue
            for place in np.ndindex(x.shape):
                e = [np.zeros_like(z) for z in inputs]
                e[k][place] = unit
                d, doubt = derivative(e, _step(complex(x[place])))
                answers[k][place] += unit * d
                doubts[k][place] += doubt
    return _useful(answers, doubts)


def _useful(
    answers: list[np.ndarray], doubts: list[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The arguments; `NoAnswer` if the doubt is too large to judge by them."""
    size = max((float(np.max(np.abs(q), initial=0.0)) for q in answers), default=0.0)
    if any(np.any(d > 1e-2 * size + 1e-6) for d in doubts):
        raise NoAnswer("too inaccurate here")
    return answers, doubts


def _step(x: complex) -> float:
    """A step well below |x|, since zero may be a singularity, and below 1."""
    return 0.1 * min(abs(x), 1.0) if x != 0 else 0.01


def _steps(x: np.ndarray) -> np.ndarray:
    """`_step` of each component."""
    size = np.abs(x)
    return np.asarray(np.where(size > 0, 0.1 * np.minimum(size, 1.0), 0.01))


def _tangent(
    f: Values, inputs: list[np.ndarray], ts: list[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    h = min((_step(v) / 2.0 for x in inputs for v in x.flat), default=0.01)
    answers, doubts = [], []
    for k, y in enumerate(f(*inputs)):
        if not inexact(y):
            continue

        def output(xs: list[np.ndarray], k: int = k) -> np.ndarray:
            return f(*xs)[k]

        size = np.asarray(np.max(np.abs(y), initial=0.0))
        d, doubt = derivative_along(output, inputs, ts, h, size)
        answers.append(d)
        doubts.append(doubt)
    return _useful(answers, doubts)


def derivative_along(
    f: Callable[[list[np.ndarray]], np.ndarray],
    xs: list[np.ndarray], t: list[np.ndarray], h: float, size: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The derivative of `f` along `t`; `size` is that of the numbers that are rounded in `f`."""

    def at(s: float) -> np.ndarray:
        return np.asarray(f([x + s * d for x, d in zip(xs, t, strict=True)]))

    centre = at(0.0)
    gaps: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def difference(s: float) -> tuple[np.ndarray, np.ndarray]:
        up, down = at(s), at(-s)
        rounding = ROUNDING * size / s
        gaps.append((np.abs(up - 2 * centre + down) / s, np.abs(up - down) / s, 100 * rounding))
        return np.asarray((up - down) / (2 * s)), rounding

    found = _extrapolate(difference, h)
    # beside a kink the two sides keep apart, however short the step; else their gap shrinks with it
    first, (gap, slope, rounding) = gaps[0][0], gaps[-1]
    if np.any((gap > 1e-4 * (slope + np.abs(found[0])) + rounding) & (gap > first / 2)):
        raise NoAnswer("not differentiable here")
    return found


def _second(
    loss: Callable[[list[np.ndarray]], np.ndarray],
    xs: list[np.ndarray], e: list[np.ndarray], t: list[np.ndarray], size: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The derivative of `loss` along `e` and along `t`."""

    def at(a: float, b: float) -> np.ndarray:
        return loss([x + a * d + b * s for x, d, s in zip(xs, e, t, strict=True)])

    def difference(s: float) -> tuple[np.ndarray, np.ndarray]:
        corners = at(s, s) - at(s, -s) - at(-s, s) + at(-s, -s)
        return np.asarray(corners / (4 * s * s)), ROUNDING * size / (s * s)

    h = min((_step(v) / 2.0 for x in xs for v in x.flat), default=0.01)
    return _extrapolate(difference, max(h, 1e-2))


def _extrapolate(
    difference: Callable[[float], tuple[np.ndarray, np.ndarray]], h: float
) -> tuple[np.ndarray, np.ndarray]:
    """Neville's scheme in h², and for each component the entry that moved least."""
    rows: list[list[np.ndarray]] = []
    best = doubt = None
    for level in range(LEVELS):
        newest, rounding = difference(h / 2**level)
        row = [newest]
        for power, before in enumerate(rows[-1] if rows else []):
            row.append(row[-1] + (row[-1] - before) / (4.0 ** (power + 1) - 1.0))
        if rows:
            for k in range(1, len(row)):
                moved = np.maximum(np.abs(row[k] - row[k - 1]), np.abs(row[k] - rows[-1][k - 1]))
                moved = np.maximum(moved, rounding)  # two entries may agree by chance
                if best is None or doubt is None:
                    best, doubt = row[k], moved
                else:
                    closer = moved < doubt
                    best, doubt = np.where(closer, row[k], best), np.where(closer, moved, doubt)
        rows.append(row)
    if best is None or doubt is None or not np.all(np.isfinite(best)):
        raise NoAnswer("not finite next to the input")
    return np.asarray(best), 10.0 * np.asarray(doubt) + 1e-9 * np.abs(best) + FLOOR
