"""Properties that hold for every derivative, so that no oracle is needed to check them.

| property | says |
|---|---|
| dtype, shape, device | a gradient has those of its input, a tangent those of its output |
| unchanged | inputs, constants, cotangents and tangents hold what they held before |
| twice | the same question has the same answer, to the last bit |
| transposition | ⟨c, J t⟩ = ⟨Jᵀ c, t⟩: forward and reverse mode differentiate one function |
| linearity | Jᵀ(2c + d) = 2 Jᵀ c + Jᵀ d |
| zero cotangent | Jᵀ 0 = 0, where the gradient is finite |
| fan-out | the gradient of f(x) + f(x) is twice that of f(x) |
| aliasing | writing into a gradient changes no input, cotangent or output, and no other gradient |
| symmetry | ⟨u, H w⟩ = ⟨w, H u⟩ |

The first four are cheap, and checked for every cell; the others for base cells in double precision.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

import pluggrad

from .cells import Cell
from .libraries import has_derivative, raw, settings, to_numpy
from .oracles.answers import OracleAnswer
from .problem import Problem
from .results import Property
from .subject import Answer, Subject
from .tolerance import compare_with_oracle, constant, limits

__all__ = ["RAISED", "STRUCTURE", "deep", "structure", "twice"]

#: What `structure` checks. Where one of these does not hold, numbers mean little.
STRUCTURE = ("dtype", "shape", "device", "unchanged")

#: The note of a property begins so if checking it raised an exception.
RAISED = "raised"

#: Sums of products are compared within this many tolerances: both sides have errors.
SLACK = 4.0


def structure(answer: Answer) -> list[Property]:
    """The properties that the answer alone decides.

    >>> expected = [("float64", (2,), "cpu")]
    >>> found = Answer([np.ones(2, "float32")], ["float32"], [(2,)], ["cpu"], expected)
    >>> [(p.name, p.held, p.note) for p in structure(found)][0]
    ('dtype', False, 'array 0: float32 instead of float64')
    """
    found = []
    if answer.expected:
        seen: list[list[Any]] = [answer.dtypes, answer.shapes, answer.devices]
        for place, name in enumerate(STRUCTURE[:3]):
            notes = [
                f"array {k}: {got} instead of {expected[place]}"
                for k, (got, expected) in enumerate(zip(seen[place], answer.expected))
                if got != expected[place] and not _unknown(expected[place])
            ]
            if len(answer.arrays) != len(answer.expected):
                notes = [f"{len(answer.arrays)} arrays instead of {len(answer.expected)}"]
            found.append(Property(name, not notes, "; ".join(notes)))
    found.append(Property("unchanged", not answer.changed, "; ".join(answer.changed)))
    return found


def _unknown(expected: Any) -> bool:
    """Whether `expected` is a shape with lengths that the library does not know."""
    return isinstance(expected, tuple) and any(n != n or n is None for n in expected)


def twice(
    cell: Cell,
    problem: Problem,
    answer: Answer,
    engine: ModuleType = pluggrad,
    *,
    whole: bool = False,
) -> Property:
    """Whether asking again gives the same answer, to the last bit."""
    with settings(cell.backend):
        again = Subject(cell, problem, engine, whole=whole).compute()
    notes = [
        f"array {k} differs by up to {_largest(a, b):g}"
        for k, (a, b) in enumerate(zip(answer.arrays, again.arrays))
        if not same(a, b)
    ]
    return Property("twice", not notes, "; ".join(notes))


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays hold the same numbers, nan included."""
    return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc" and b.dtype.kind in "fc")


def _largest(a: np.ndarray, b: np.ndarray) -> float:
    if a.shape != b.shape:
        return np.inf
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(a.astype(complex) - b.astype(complex)), initial=0.0))


def deep(
    cell: Cell,
    problem: Problem,
    answer: Answer,
    scale: list[np.ndarray] | None = None,
    engine: ModuleType = pluggrad,
    *,
    whole: bool = False,
) -> list[Property]:
    """The properties that need more calls, for base cells of order 1 and 2; none for other cells.

    `scale` is how sensitive the answer is (`OracleAnswer.scale`). A property is left out
    where the engine does not support it, or where infinities or nan come up.
    """
    if (
        not (cell.is_base and cell.dtype in ("float64", "complex128"))
        or cell.order == 0
        or not answer.arrays
    ):
        return []
    with settings(cell.backend):
        ask = _Questions(Subject(cell, problem, engine, whole=whole), answer, scale)
        questions = ask.of_second_order() if cell.order == 2 else ask.of_first_order()
        found = []
        for name, question in questions.items():
            try:
                note = question()
            except engine.UnsupportedError:
                continue
            except Exception as error:
                note = f"{RAISED} {type(error).__name__}: {error}"[:300]
            if note is not None:
                found.append(Property(name, not note, note))
    return found


class _Questions:
    """The checks. Each returns what is wrong: "" if nothing is, None if it has no meaning here."""

    def __init__(self, subject: Subject, answer: Answer, scale: list[np.ndarray] | None) -> None:
        self.subject, self.gs = subject, [_wide(g) for g in answer.arrays]
        fits = scale is not None and [s.shape for s in scale] == [g.shape for g in self.gs]
        self.scale = scale if fits and scale is not None else [np.zeros(g.shape) for g in self.gs]
        self.quantity = subject.cell.quantity
        self.finite = all(np.all(np.isfinite(g)) for g in self.gs)
        self.leaves = subject.leaves()
        self.ys = subject.f(*self.leaves)
        self.kept = [y for y in self.ys if has_derivative(y)]
        problem = subject.problem
        self.bound = SLACK * constant(problem.operation, self.quantity) * limits(problem.dtype).eps

    def of_first_order(self) -> dict[str, Callable[[], str | None]]:
        return {
            "transposition": self.transposition,
            "linearity": self.linearity,
            "zero cotangent": self.zero_cotangent,
            "fan-out": self.fan_out,
            "aliasing": self.aliasing,  # last, because it writes into memory
        }

    def of_second_order(self) -> dict[str, Callable[[], str | None]]:
        return {"symmetry": self.symmetry}

    def pull(self, seeds: list[Any]) -> list[np.ndarray]:
        """The gradients for cotangents of the outputs, in double precision."""
        gs = self.subject.pull(self.kept, seeds, self.leaves, retain_graph=True)
        return [_wide(to_numpy(raw(g))) for g in gs]

    def seeds(self, *factors: float) -> list[Any]:
        """For each output Σ factor · cotangent, over several sets of cotangents."""
        made = []
        for seeds in zip(*[self.subject.seeds(self.ys, n) for n in range(len(factors))]):
            total = sum(a * to_numpy(g) for a, g in zip(factors, seeds))
            name = str(seeds[0].dtype).rsplit(".", 1)[-1]
            made.append(self.subject.library.array(np.asarray(total), name))
        return made

    def agree(self, got: list[np.ndarray], expected: list[np.ndarray], extra: Any) -> str:
        """What is wrong with `got`, a sum of terms as large as `extra`; "" if nothing is."""
        scale = [s * 3.0 + np.abs(e) for s, e in zip(self.scale, extra)]
        problem = self.subject.problem
        found = compare_with_oracle(
            problem.operation, self.quantity, problem.dtype, got, OracleAnswer("", expected, scale)
        )
        return (
            "" if found.verdict == "agrees" else f"{found.note}, {found.ratio:.3g} tolerances off"
        )

    def linearity(self) -> str | None:
        if not self.finite or not self.kept:
            return None
        other = self.pull(self.subject.seeds(self.ys, 1))
        if not all(np.all(np.isfinite(g)) for g in other):
            return None
        expected = [2.0 * g + h for g, h in zip(self.gs, other)]
        extra = [2.0 * np.abs(g) + np.abs(h) for g, h in zip(self.gs, other)]
        return self.agree(self.pull(self.seeds(2.0, 1.0)), expected, extra)

    def zero_cotangent(self) -> str | None:
        if not self.kept:
            return None
        notes = []
        for k, (g, zero) in enumerate(zip(self.gs, self.pull(self.seeds(0.0)))):
            count = int(np.sum(np.isfinite(g) & (zero != 0)))
            if count:
                notes.append(f"array {k}: {count} of {g.size} components are not zero")
        return "; ".join(notes)

    def fan_out(self) -> str | None:
        if not self.finite or not self.kept:
            return None
        again = [y for y in self.subject.f(*self.leaves) if has_derivative(y)]
        seeds = self.subject.seeds(self.ys)
        both = self.subject.pull(
            [*self.kept, *again], [*seeds, *seeds], self.leaves, retain_graph=True
        )
        got = [_wide(to_numpy(raw(g))) for g in both]
        return self.agree(got, [2.0 * g for g in self.gs], self.gs)

    def transposition(self) -> str | None:
        subject = self.subject
        if not self.finite or not self.kept:
            return None
        along = [_wide(to_numpy(raw(t))) for t in subject.tangent(*subject.arrays)]
        if not all(np.all(np.isfinite(t)) for t in along):
            return None
        cs = [_wide(to_numpy(c)) for c in subject.seeds(self.ys)]
        ts = [_wide(t) for t in subject.problem.tangents()]
        return self.equal(cs, along, ts, self.gs, ts)

    def symmetry(self) -> str | None:
        subject = self.subject
        if not self.finite:
            return None
        ws = [_wide(t) for t in subject.problem.tangents()]
        us = [subject.problem.cotangent(500 + k, x.shape, subject.problem.dtype)
              for k, x in enumerate(subject.problem.inputs)]  # fmt: skip
        other = subject.second_along([subject.make(u) for u in us], *subject.arrays)
        us, along = [_wide(u) for u in us], [_wide(to_numpy(h)) for h in other]
        return self.equal(us, self.gs, ws, along, us)

    def equal(self, a: Any, b: Any, c: Any, d: Any, weights: Any) -> str:
        """How far Re⟨a, b⟩ is from Re⟨c, d⟩; "" if they agree. The answer is one of the factors,
        and `weights` is the other, so that they multiply its scale."""
        left, right = _inner(a, b), _inner(c, d)
        size = _size(a, b) + _size(c, d) + _size(self.scale, weights)
        off = abs(left - right)
        if off <= self.bound * size + limits(self.subject.problem.dtype).tiny:
            return ""
        return f"{left!r} and {right!r}: {off / (self.bound * size or 1.0):.3g} tolerances off"

    def aliasing(self) -> str | None:
        subject, written = self.subject, False
        if not subject.library.backend.writable or not self.kept:
            return None
        seeds = subject.seeds(self.ys)
        gs = [raw(g) for g in subject.pull(self.kept, seeds, self.leaves, retain_graph=True)]
        before = [to_numpy(g) for g in gs]
        outputs = [to_numpy(raw(y)) for y in self.ys]
        notes = []
        for k, g in enumerate(gs):
            try:
                g[...] = 77
            except (TypeError, ValueError, RuntimeError):  # read-only
                continue
            written = True
            if changed := subject.changed():
                notes.append(f"writing into gradient {k} changes {', '.join(changed)}")
            if not all(same(to_numpy(raw(y)), y_before) for y, y_before in zip(self.ys, outputs)):
                notes.append(f"writing into gradient {k} changes an output")
            notes += [
                f"writing into gradient {k} changes gradient {j}"
                for j in range(k + 1, len(gs))
                if not same(to_numpy(gs[j]), before[j])
            ]
        if not written:
            return None
        held = [to_numpy(g) for g in gs]
        again = subject.pull(self.kept, seeds, self.leaves, retain_graph=True)
        if not notes and not all(same(to_numpy(raw(g)), b) for g, b in zip(again, before)):
            notes.append("writing into a gradient changes the next one")
        if not all(same(to_numpy(g), h) for g, h in zip(gs, held)):
            notes.append("the next gradient is written into the memory of this one")
        return "; ".join(notes)


def _wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def _inner(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """Re⟨a, b⟩."""
    return float(sum(np.sum((np.conj(x) * y).real) for x, y in zip(a, b)))


def _size(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return float(sum(np.sum(np.abs(x) * np.abs(y)) for x, y in zip(a, b)))
