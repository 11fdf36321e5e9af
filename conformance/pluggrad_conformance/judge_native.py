"""The judge of systems other than pluggrad. It differs from `judge` in what is fair to others:

- A system is never its own oracle. What then remains is asked, and recorded with each cell.
- What is not mapped is `unmapped`; what the library does not compute or has no derivative for is
  `unsupported-by-backend`. Neither is a fault.
- Most of pluggrad's documented conventions are choices, and bind nobody else. An answer that agrees
  with another library, or lies between the one-sided derivatives, is `other-convention`.
- Some conventions follow from mathematics. There the documented one is an oracle among others, so
  that "wrong" takes two here as well.
- A gradient is not judged where the library's own value is off.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

import pluggrad

from .cells import Cell
from .judge import AMOUNTS, Case, Finding, judge_cell, objected, traced, what_broke
from .native import NativeSubject
from .oracles import NAMES, OracleAnswer, consult_oracles
from .oracles.answers import NoAnswer, quiet, wide_cotangents, wide_inputs
from .oracles.frozen import preferred
from .oracles.values import numpy_or_torch_values
from .problem import Problem, wide
from .properties import SLACK, structure
from .results import Property, Result
from .subject import Answer
from .systems import System, Unmapped, find_system, is_native
from .tolerance import Comparison, compare_with_oracle, constant, limits

__all__ = ["MATHEMATICS", "NativeCase", "between", "judge_any"]

#: The documented conventions that follow from mathematics. The others are choices.
MATHEMATICS = ("det-singular", "last-write", "tiny-huge")


def judge_any(
    cell: Cell, problem: Problem | None = None, *, system: System | None = None
) -> Result:
    """The outcome of a cell of pluggrad or of another system; `system` stands in for the latter.

    >>> judge_any(Cell("sin", "numpy", "float64")).outcome
    'pass'
    """
    if not is_native(cell.backend):
        return judge_cell(cell, problem)
    begin = time.perf_counter()
    problem = Problem.of(cell) if problem is None else problem
    result = NativeCase(cell, problem, system).decide()
    result.seconds = time.perf_counter() - begin
    return result


class NativeCase(Case):
    """One cell of a system on its way to an outcome."""

    def __init__(self, cell: Cell, problem: Problem, system: System | None = None) -> None:
        super().__init__(cell, problem, pluggrad)
        self.system = find_system(cell.backend) if system is None else system

    def decide(self) -> Result:
        """The outcome, found inside the system's settings and without warnings."""
        with quiet(), self.system.settings(), preferred():
            return self._decide()

    def _decide(self) -> Result:
        try:
            subject = NativeSubject(self.cell, self.problem, self.system)
        except Unmapped as error:
            return self.result("unmapped", str(error))
        except Exception as error:  # the library cannot hold such an array
            return self.result("unsupported-by-backend", f"{type(error).__name__}: {error}"[:300])
        bare = subject.values()
        if bare.error is not None:
            return self.result(bare.error.kind, bare.error.summary)
        deviation, far = self.deviation(bare)
        if far:
            return self.result("forward-deviation", deviation)
        answer = subject.answer()
        if answer.error is not None:
            refused = answer.error.kind != "error"
            detail = answer.error.summary if refused else traced(answer)
            return self.result(answer.error.kind, detail)
        finding = self.compare(answer)
        if deviation and finding.outcome in AMOUNTS.values():
            return self.result("forward-deviation", deviation, finding)
        if subject.silent and finding.outcome in (*AMOUNTS.values(), "oracle-conflict"):
            return self.result("unsupported-by-backend", "it says that there is no gradient")
        properties = structure(answer)
        if not all(p.held for p in properties):
            broken = [p for p in properties if not p.held]
            return self.result("wrong-structure", what_broke(broken), finding, properties)
        if finding.outcome in (*AMOUNTS.values(), "oracle-conflict") or self.deep:
            properties.append(self.again(subject, answer))
            if not properties[-1].held:
                detail = properties[-1].note
                return self.result("nondeterministic", detail, finding, properties)
        if finding.outcome == "pass" and self.deep:
            properties += self.identities(subject, answer, finding)
            if broken := [p for p in properties if not p.held]:
                return self.result("wrong-structure", what_broke(broken), finding, properties)
        return self.result(finding.outcome, finding.detail, finding, properties)

    # ------------------------------------------------------------------ oracles

    def consult(self, problem: Problem, quantity: str, names: Iterable[str]) -> list[OracleAnswer]:
        """The oracles of these names, without the system itself. Another takes the place of the
        main one."""
        own = self.system.own_oracle
        names = set(names)
        if names & set(own):
            names = (names - set(own)) | {"jax" if "torch" in own else "torch"}
        return consult_oracles(problem, quantity, [n for n in NAMES if n in names])

    def deviation(self, bare: Answer) -> tuple[str, bool]:
        """What is wrong with the library's own value, and whether it is far off."""
        found = self.objection(bare)
        if found is None:
            return "", False
        far = found[0].verdict != "off" or self.quantity == "value"
        return f"the library's own value: {found[1]}", far

    def weigh(
        self, problem: Problem, oracles: list[OracleAnswer], found: list[Comparison]
    ) -> Finding:
        """What the oracles say, unless the difference is no fault of the gradient."""
        finding = self.chosen(problem, oracles, found)
        if finding.outcome not in AMOUNTS.values():
            return finding
        objecting = [o for o, c in zip(oracles, found, strict=True) if c.verdict != "agrees"]
        return self.softened(finding, sorted(objecting, key=lambda o: not _is_exact(o)))

    def chosen(
        self, problem: Problem, oracles: list[OracleAnswer], found: list[Comparison]
    ) -> Finding:
        """The finding, where a convention may be a choice."""
        name = problem.case.convention
        if not name:
            return self.weighed(problem, oracles, found)
        pairs = list(zip(oracles, found, strict=True))
        others = [(o, c) for o, c in pairs if o.name != "convention"]
        ours = [(replace(o, name="mathematics"), c) for o, c in pairs if o.name == "convention"]
        if name in MATHEMATICS:
            return self.weighed(problem, *_apart([*ours, *others]))
        if any(c.verdict == "agrees" for _, c in ours):
            return Finding("pass")
        finding = self.weighed(problem, *_apart(others))
        if finding.outcome == "pass" and not ours:
            return finding
        like = [o.name for o, c in others if c.verdict == "agrees"]
        if like:
            return Finding("other-convention", f"not {name}; as {' and '.join(like)}")
        if self.quantity != "gradient" or between(problem, self.arrays):
            return Finding("other-convention", f"not {name}; {finding.detail}")
        if others:  # it lies on neither side, and an oracle objects: these are two
            return Finding("wrong", f"beyond the one-sided derivatives; {finding.detail}")
        return Finding("other-convention", f"not {name}; {finding.detail}")

    def weighed(
        self, problem: Problem, oracles: list[OracleAnswer], found: list[Comparison]
    ) -> Finding:
        """As in `judge`, but what is exact decides between libraries: two of them may have the same
        formula. mpmath and mathematics save a system alone, and condemn it with a second oracle."""
        finding = super().weigh(problem, oracles, found)
        pairs = list(zip(oracles, found, strict=True))
        exact = [(o, c) for o, c in pairs if _is_exact(o)]
        exact = [pair for pair in exact if pair[0].name == "mathematics"] or exact
        if any(c.verdict == "agrees" for _, c in exact):
            return Finding("pass", finding.detail)
        if not exact or finding.outcome not in (*AMOUNTS.values(), "oracle-conflict"):
            return finding
        for oracle, comparison in exact:
            for other, its in pairs:
                if other is oracle or its.verdict == "agrees":
                    continue
                agree = self.against(oracle, other.arrays).verdict == "agrees"
                if agree and not self.same_source(oracle, other):
                    milder = min(comparison, its, key=lambda c: c.ratio)
                    return objected(oracle, milder, other.name)
        if finding.outcome == "wrong" and len(pairs) > 1:
            return Finding("oracle-conflict", f"{exact[0][0].name} differs; {finding.detail}")
        return finding

    def softened(self, finding: Finding, objecting: list[OracleAnswer]) -> Finding:
        """The finding, unless the difference is no fault of the gradient: a number where the
        derivative is undefined, rounding beside an exact zero, or the arithmetic of a library that
        computes in a narrower dtype."""
        if not objecting:
            return finding
        oracle, got = objecting[0], self.arrays
        if [g.shape for g in got] != [o.shape for o in oracle.arrays]:
            return finding
        again = lambda arrays, answer: self.against(answer, arrays).verdict == "agrees"
        if finding.outcome == "nonfinite-mismatch":
            for one in objecting:
                there = [np.where(np.isnan(o), 0, o) for o in one.arrays]
                here = [np.where(np.isnan(o), 0, g) for o, g in zip(one.arrays, got)]
                if again(here, replace(one, arrays=there)):
                    detail = f"where {one.name} says it is undefined; {finding.detail}"
                    return Finding("other-convention", detail)
            return finding
        eps = limits(self.cell.dtype).eps
        noise = (
            1e3 * eps * max([1.0, *[float(np.max(np.abs(o), initial=0)) for o in oracle.arrays]])
        )
        cleaned = [np.where((o == 0) & (np.abs(g) <= noise), 0, g)
                   for o, g in zip(oracle.arrays, got)]  # fmt: skip
        if finding.outcome == "wrong" and again(cleaned, oracle):
            return Finding("numerically-off", f"rounding instead of zero; {finding.detail}")
        narrow = self.system.narrow.get(self.cell.dtype)
        if narrow is not None:
            operation = self.problem.operation
            found = compare_with_oracle(operation, self.quantity, narrow, got, oracle)
            if found.verdict == "agrees":
                detail = f"as exact as {narrow}, in which the library computes; {finding.detail}"
                return Finding("forward-deviation", detail)
        return finding

    @property
    def thorough(self) -> bool:
        """One oracle is asked first, and the others where it objects: there are many systems."""
        return False

    def one(self, problem: Problem, arrays: list[np.ndarray]) -> Finding:
        """What the oracles say of `arrays`, which `weigh` looks at again."""
        self.arrays = arrays
        return super().one(problem, arrays)

    # ------------------------------------------------------------------ properties

    @property
    def deep(self) -> bool:
        """Whether the properties that need more calls are checked."""
        double = self.cell.dtype in ("float64", "complex128")
        return double and self.cell.is_base and self.cell.order > 0

    def again(self, subject: NativeSubject, answer: Answer) -> Property:
        """Whether asking twice gives the same numbers."""
        found = subject.answer()
        if found.error is not None:
            return Property("twice", False, f"the second time: {found.error.summary}")
        pairs = list(zip(answer.arrays, found.arrays, strict=True))
        same = all(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc") for a, b in pairs)
        return Property("twice", same, "" if same else "two runs differ")

    def identities(
        self, subject: NativeSubject, answer: Answer, finding: Finding
    ) -> list[Property]:
        """Transposition, linearity and symmetry, where the system can be asked for both sides."""
        if self.cell.dtype in self.system.narrow:
            return []
        checks = {"symmetry": self.symmetry} if self.cell.order == 2 else {
            "transposition": self.transposition, "linearity": self.linearity,
        }  # fmt: skip
        scale = finding.scale or [np.zeros(g.shape) for g in answer.arrays]
        gs = subject.numbers(answer.arrays)
        found = []
        for name, check in checks.items():
            if not all(np.all(np.isfinite(g)) for g in gs) or not subject.kept:
                continue
            try:
                note = check(subject, gs, scale)
            except Exception:  # the system does not support it
                continue
            if note is not None:
                found.append(Property(name, not note, note))
        return found

    def transposition(
        self, subject: NativeSubject, gs: list[np.ndarray], scale: list[np.ndarray]
    ) -> str | None:
        """What is wrong with ⟨c, J t⟩ = ⟨Jᵀ c, t⟩; None if the system cannot push."""
        if "forward" not in self.system.modes:
            return None
        along = subject.numbers(subject.quantity("tangent"))
        cs, ts = subject.numbers(subject.cs), [wide(t) for t in self.problem.tangents()]
        return self.equal(cs, along, ts, gs, scale)

    def symmetry(
        self, subject: NativeSubject, gs: list[np.ndarray], scale: list[np.ndarray]
    ) -> str | None:
        """What is wrong with ⟨t, H u⟩ = ⟨u, H t⟩."""
        problem = self.problem
        us = [problem.cotangent(500 + k, x.shape, problem.dtype)
              for k, x in enumerate(problem.inputs)]  # fmt: skip
        arrays = [self.system.array(u) for u in us]
        other = self.system.pull_of_pull(subject.f, subject.arrays, subject.cs, arrays)
        along = subject.numbers(other)
        return self.equal([wide(t) for t in problem.tangents()], along, us, gs, scale)

    def linearity(
        self, subject: NativeSubject, gs: list[np.ndarray], scale: list[np.ndarray]
    ) -> str | None:
        """What is wrong with Jᵀ(2c + d) = 2 Jᵀc + Jᵀd."""
        other = subject.cotangents(1)
        pull = lambda cs: subject.numbers(self.system.pull(subject.f, subject.arrays, cs))
        first, second = subject.numbers(subject.cs), subject.numbers(other)
        both = [self.system.array(np.asarray(2.0 * a + b, dtype))
                for a, b, (_, _, dtype) in zip(first, second, subject._cotangents)]  # fmt: skip
        hs = pull(other)
        expected = [2.0 * g + h for g, h in zip(gs, hs, strict=True)]
        size = [3.0 * s + 2.0 * np.abs(g) + np.abs(h) for s, g, h in zip(scale, gs, hs)]
        answer = OracleAnswer("", expected, size)
        dtype, operation = self.problem.dtype, self.problem.operation
        found = compare_with_oracle(operation, "gradient", dtype, pull(both), answer)
        return "" if found.verdict == "agrees" else found.note

    def equal(
        self, a: list[np.ndarray], b: list[np.ndarray], c: list[np.ndarray], d: list[np.ndarray],
        scale: list[np.ndarray],
    ) -> str:  # fmt: skip
        """How far Re⟨a, b⟩ is from Re⟨c, d⟩; "" if they agree."""
        inner = lambda p, q: float(sum(np.sum((np.conj(x) * y).real) for x, y in zip(p, q)))
        size = lambda p, q: float(sum(np.sum(np.abs(x) * np.abs(y)) for x, y in zip(p, q)))
        left, right = inner(a, b), inner(c, d)
        eps = limits(self.problem.dtype).eps
        bound = SLACK * constant(self.problem.operation, self.quantity) * eps
        most = bound * (size(a, b) + size(c, d) + size(scale, c)) + limits(self.problem.dtype).tiny
        return "" if not abs(left - right) > most else f"{left!r} and {right!r}"


def _is_exact(oracle: OracleAnswer) -> bool:
    return oracle.name.startswith(("mpmath", "mathematics", "convention"))


def _apart(
    pairs: list[tuple[OracleAnswer, Comparison]],
) -> tuple[list[OracleAnswer], list[Comparison]]:
    return [o for o, _ in pairs], [c for _, c in pairs]


# ---------------------------------------------------------------------- one-sided derivatives

STEP = 1e-7


def between(problem: Problem, arrays: list[np.ndarray]) -> bool:
    """Whether each component of a gradient of real numbers lies between the derivatives to its two
    sides, or is nan. True where that cannot be told."""
    inputs = wide_inputs(problem)
    if any(np.iscomplexobj(x) or not np.all(np.isfinite(x)) for x in inputs):
        return True
    try:
        f = numpy_or_torch_values(problem, inputs)
    except NoAnswer:
        return True
    ys = f(*inputs)
    cs = wide_cotangents(problem, ys)

    def loss(k: int, place: tuple[int, ...], h: float) -> float:
        moved = [x.copy() for x in inputs]
        moved[k][place] += h
        pairs = zip(cs, f(*moved), strict=True)
        return float(sum(np.sum(np.real(np.conj(c) * y)) for c, y in pairs if c is not None))

    for k, g in enumerate(arrays):
        for place in np.ndindex(np.shape(g)):
            if not np.isfinite(g[place]):
                continue
            h = STEP * max(1.0, abs(float(inputs[k][place])))
            centre = loss(k, place, 0.0)
            sides = [(loss(k, place, h) - centre) / h, (centre - loss(k, place, -h)) / h]
            if not np.all(np.isfinite(sides)):
                continue
            slack = 1e-3 * (1.0 + abs(sides[0]) + abs(sides[1]))
            if not min(sides) - slack <= float(g[place]) <= max(sides) + slack:
                return False
    return True
