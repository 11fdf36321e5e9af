"""The documented conventions as an oracle: they decide where libraries disagree or are wrong.

A case with a `convention` may carry the gradient that it demands (`Case.expected`). It is the only
judge there: torch gives zeros for the gradient of the determinant of a singular matrix, gives every
duplicate a gradient in ``x[[0, 0]] = v``, loses ``atan2`` at 1e-200, and has nan for ``logaddexp``
of equal infinities. The tangent follows from the gradient, as its transpose; second derivatives are
left to the oracles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..problem import Problem, wide
from .answers import NoAnswer, quiet, wide_cotangents, wide_inputs
from .values import numpy_or_torch_values

__all__ = ["convention_answer"]

Gradient = Callable[[list[np.ndarray | None]], list[np.ndarray]]


def convention_answer(
    problem: Problem, quantity: str, values: Callable[[], list[np.ndarray] | None]
) -> tuple[list[np.ndarray], str]:
    """What the convention of the problem's case demands, and the name of the convention.

    ``values()`` gives the outputs where neither NumPy nor torch computes them; None if unknown.
    """
    expected, name = problem.case.expected, problem.case.convention
    if not name or expected is None:
        raise NoAnswer("no convention decides here")
    if quantity not in ("gradient", "tangent"):
        raise NoAnswer(f"the convention {name} says nothing of this")
    inputs = wide_inputs(problem)
    outputs = _outputs(problem, inputs, values)
    cotangents = wide_cotangents(problem, outputs)

    def gradient(cs: list[np.ndarray | None]) -> list[np.ndarray]:
        with quiet():
            found = expected(cs if len(cs) != 1 else cs[0], *[x.copy() for x in inputs])
        found = [np.asarray(g) for g in found]
        if [g.shape for g in found] != [x.shape for x in inputs]:
            shapes = ", ".join(str(g.shape) for g in found)
            raise ValueError(f"the convention {name} gives gradients of shapes {shapes}")
        return [g.astype(x.dtype) for g, x in zip(found, inputs, strict=True)]

    if quantity == "gradient":
        return gradient(cotangents), name
    ts = [wide(t) for t in problem.tangents()]
    return _tangents(gradient, cotangents, ts, problem.operation.kind == "elementwise"), name


def _outputs(
    problem: Problem, inputs: list[np.ndarray], values: Callable[[], list[np.ndarray] | None]
) -> list[np.ndarray]:
    """The outputs, for their shapes and dtypes."""
    try:
        return numpy_or_torch_values(problem, inputs)(*inputs)
    except NoAnswer:
        known = values()
        if known is None:
            raise
        return known


def _tangents(
    gradient: Gradient, cotangents: list[np.ndarray | None], ts: list[np.ndarray], apart: bool
) -> list[np.ndarray]:
    """The derivative along `ts`, component by component: Re⟨e, J t⟩ = Re⟨Jᵀ e, t⟩."""
    found = []
    for k, c in enumerate(cotangents):
        if c is None:
            continue
        along = np.zeros(c.shape, c.dtype)
        if apart and c.dtype.kind == "f" and all(t.shape == c.shape for t in ts):
            # all components at once: one by one, 0 · nan of another would spoil the sum
            pairs = zip(gradient([np.ones_like(c)]), ts, strict=True)
            found.append(np.asarray(sum(np.real(np.conj(g) * t) for g, t in pairs)))
            continue
        for place in np.ndindex(c.shape):
            for unit in (1.0, 1j) if c.dtype.kind == "c" else (1.0,):
                e = [None if z is None else np.zeros_like(z) for z in cotangents]
                np.asarray(e[k])[place] = unit
                pairs = zip(gradient(e), ts, strict=True)
                along[place] += unit * sum(np.sum(np.real(np.conj(g) * t)) for g, t in pairs)
        found.append(along)
    return found
