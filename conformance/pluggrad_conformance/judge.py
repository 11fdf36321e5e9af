"""The judge: from a cell to its outcome.

The bare library is asked for the value first, then pluggrad for the cell's quantity, then the
oracles: torch, and more of them where the cell is a base cell in float64, where torch has no
answer, and where it objects. Then the properties that need no oracle.

| what the oracles say | outcome |
|---|---|
| a documented convention decides, and it agrees | pass; "convention" if another oracle differs |
| a documented convention decides, and it objects | as bad as its objection |
| all agree | pass |
| some agree, some object | oracle-conflict; "convention" where the case names one |
| all object, two of them agree with each other | as bad as the first of these two says; \
libraries that inherit one formula count as one |
| one objects, and there is no other | as bad as it says; wrong only if finite differences agree \
with it, else oracle-conflict |
| finite differences alone answer | pass if they agree, else oracle-conflict |
| none answers | oracle-missing |

"As bad as": numerically-off, wrong (by more than 100 tolerances), nonfinite-mismatch, or
wrong-structure where shapes differ. An oracle that rounds does not outweigh mpmath, which computes
with 50 digits and answers only where a function is smooth (torch's trigamma is wrong in the tenth
digit). An oracle that is merely off does not outweigh two others. Such objections stay in the
result.

If the library's own value is wrong, and pluggrad's with it, the outcome is forward-deviation. What
neither the library nor pluggrad computes is unsupported-by-backend; what pluggrad alone refuses is
unsupported-by-engine.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np

import pluggrad

from .cells import Cell
from .oracles import OracleAnswer, consult_oracles
from .oracles.inherited import same_source
from .problem import Problem
from .properties import RAISED, STRUCTURE, deep, structure, twice
from .results import OracleVerdict, Property, Result
from .subject import Answer, batch, engine_answer, probe
from .tolerance import OFF, Comparison, compare_with_oracle

__all__ = ["AMOUNTS", "Case", "Finding", "judge_cell", "traced", "what_broke"]

#: Asked at once of base cells in float64, and of others when the first one objects or is silent.
MORE = ("jax", "mpmath", "scipy", "complex step")
SMOKE = "finite differences"
#: The outcome that an objection amounts to, by its verdict.
AMOUNTS = {"off": "numerically-off", "wrong": "wrong", "nonfinite": "nonfinite-mismatch"}


def judge_cell(cell: Cell, problem: Problem | None = None, engine: ModuleType = pluggrad) -> Result:
    """The outcome of a cell, with everything that led to it.

    Parameters
    ----------
    cell : Cell
        What to judge.
    problem : Problem, optional
        Other inputs than those of the cell's case: a smaller one, for instance.
    engine : module, optional
        The pluggrad to judge; tests pass a modified copy.

    Exceptions of pluggrad, the library or an oracle are not raised: they become outcomes.

    >>> from pluggrad_conformance.cells import Cell
    >>> result = judge_cell(Cell("sin", "numpy", "float64"))
    >>> result.outcome
    'pass'
    """
    begin = time.perf_counter()
    case = Case(cell, Problem.of(cell) if problem is None else problem, engine)
    result = case.decide()
    result.seconds = time.perf_counter() - begin
    return result


@dataclass
class Finding:
    """What the comparison with the oracles found; `scale` is that of the first oracle."""

    outcome: str
    detail: str = ""
    verdicts: list[OracleVerdict] = field(default_factory=list)
    error: float | None = None
    ratio: float | None = None
    scale: list[np.ndarray] | None = None


class Case:
    """One cell on its way to an outcome."""

    def __init__(self, cell: Cell, problem: Problem, engine: ModuleType) -> None:
        self.cell, self.problem, self.engine = cell, problem, engine
        self.quantity = cell.quantity
        self.whole = False
        self.notes: list[str] = []

    def result(self, outcome: str, detail: str = "", finding: Finding | None = None,
               properties: list[Property] | None = None) -> Result:  # fmt: skip
        """The result of the cell, with the notes that were made on the way."""
        finding = finding or Finding("")
        detail = "; ".join(part for part in (detail, *self.notes) if part)
        return Result(
            self.cell, outcome, detail, self.quantity, finding.error, finding.ratio,
            finding.verdicts, properties or [],
        )  # fmt: skip

    # ------------------------------------------------------------------ the steps

    def decide(self) -> Result:
        """The outcome, step by step."""
        bare = self.probe()
        if bare.error is not None and bare.error.kind == "error":
            return self.result("error", traced(bare))
        answer = self.ask()
        if answer.error is not None:
            return self.result(*self.failed(answer, bare))
        deviation = ""
        if bare.error is not None:
            self.notes.append(f"the bare library does not compute it: {bare.error.summary}")
        else:
            deviation, far = self.deviation(bare)
            if far:
                return self.result("forward-deviation", deviation)
        finding = self.compare(answer)
        if deviation and finding.outcome in AMOUNTS.values():
            return self.result("forward-deviation", deviation, finding)
        properties = structure(answer)
        broken = [p for p in properties if not p.held]
        if broken:
            return self.result("wrong-structure", what_broke(broken), finding, properties)
        main = self.cell.dtype in ("float64", "complex128") and self.cell.is_base
        if finding.outcome in (*AMOUNTS.values(), "oracle-conflict") or main:
            properties.append(again := self.twice(answer))
            if not again.held:
                return self.result("nondeterministic", again.note, finding, properties)
        if finding.outcome not in ("pass", "convention"):
            return self.result(finding.outcome, finding.detail, finding, properties)
        properties += deep(
            self.cell, self.problem, answer, finding.scale, self.engine, whole=self.whole
        )
        broken = [p for p in properties if not p.held]
        if broken:
            raised = all(p.note.startswith(RAISED) for p in broken)
            outcome = "error" if raised else "wrong-structure"
            return self.result(outcome, what_broke(broken), finding, properties)
        return self.result(finding.outcome, finding.detail, finding, properties)

    def ask(self) -> Answer:
        """What the engine answers."""
        return engine_answer(self.cell, self.problem, self.engine, whole=self.whole)

    def twice(self, answer: Answer) -> Property:
        """Whether the engine answers the same when it is asked again."""
        try:
            return twice(self.cell, self.problem, answer, self.engine, whole=self.whole)
        except Exception as error:
            return Property(
                "twice", False, f"the second time: {type(error).__name__}: {error}"[:300]
            )

    def probe(self) -> Answer:
        """The bare library's value. Dask gets a single chunk if it cannot compute it in several."""
        bare = probe(self.cell, self.problem, self.engine)
        if bare.error is not None and self.cell.backend == "dask":
            alone = probe(self.cell, self.problem, self.engine, whole=True)
            if alone.error is None:
                self.whole = True
                self.notes.append("in one chunk")
                return alone
        return bare

    def failed(self, answer: Answer, bare: Answer) -> tuple[str, str]:
        """The outcome of an exception, by whose fault it is, and the detail."""
        failure = answer.error
        assert failure is not None
        if bare.error is None:
            if failure.kind != "error":
                return failure.kind, failure.summary
            if self.cell.mode == "vmap" and failure.type == "OperationError":
                stacked = self.stacked()
                if stacked is not None:
                    return "unsupported-by-backend", f"on a batch: {stacked}; {failure.summary}"
            return "error", traced(answer)
        refused = ("unsupported-by-engine", "unsupported-by-backend")
        missing = bare.error.type == "AttributeError"
        if missing and failure.kind not in refused and failure.type != "OperationError":
            return "error", traced(answer)  # from the engine's substitute for it
        return "unsupported-by-backend", f"{bare.error.summary}; pluggrad: {failure.summary}"

    def stacked(self) -> str | None:
        """The error of the bare library on a batch of the inputs; None if it computes them."""
        inputs = [np.stack(xs) for xs in zip(*[p.inputs for p in batch(self.problem)], strict=True)]
        found = probe(self.cell, self.problem.with_inputs(inputs), self.engine, whole=self.whole)
        return None if found.error is None else found.error.summary

    def deviation(self, bare: Answer) -> tuple[str, bool]:
        """What is wrong with the library's own value and with pluggrad's, "" if nothing is; and
        whether it is so far off that the gradient need not be judged."""
        said = self.objection(bare)
        if said is None:
            return "", False
        cell = Cell(**{**vars(self.cell), "order": 0, "mode": "reverse", "compiled": "no"})
        own = engine_answer(cell, self.problem, self.engine, whole=self.whole)
        if own.error is None and self.objection(own) is None:
            self.notes.append(f"the library's own value differs: {said[1]}")
            return "", False
        far = said[0].verdict != "off" or self.quantity == "value"
        return f"the library's own value: {said[1]}", far

    def objection(self, value: Answer) -> tuple[Comparison, str] | None:
        """The first oracle's objection to a value; None unless all of them object."""
        first: tuple[Comparison, str] | None = None
        asked: tuple[str, ...] = ("convention", "torch")
        for names in (asked, MORE):
            for oracle in self.consult(self.problem, "value", names):
                found = self.against(oracle, value.arrays, "value")
                if found.verdict == "agrees":
                    return None
                first = first or (found, f"{oracle.name}: {_words(found)}")
        return first

    def against(
        self, oracle: OracleAnswer, arrays: list[np.ndarray], quantity: str = ""
    ) -> Comparison:
        """How arrays compare with an oracle's."""
        operation, dtype = self.problem.operation, self.problem.dtype
        return compare_with_oracle(operation, quantity or self.quantity, dtype, arrays, oracle)

    def same_source(self, one: OracleAnswer, other: OracleAnswer) -> bool:
        """Whether two oracles count as one here (`oracles.inherited`)."""
        return same_source(self.problem.operation.origin, self.quantity, one.name, other.name)

    # ------------------------------------------------------------------ the oracles

    @property
    def thorough(self) -> bool:
        """Whether every oracle is asked at once."""
        return self.cell.dtype == "float64" and self.cell.is_base

    def consult(self, problem: Problem, quantity: str, names: Iterable[str]) -> list[OracleAnswer]:
        """The answers of the oracles of these names that have one."""
        return consult_oracles(problem, quantity, names)

    def compare(self, answer: Answer) -> Finding:
        """The finding on the answer; of a batch, the first that is bad."""
        findings = [self.one(self.problem, answer.arrays)]
        if answer.others:
            problems = batch(self.problem)[1:]
            findings += [self.one(p, arrays) for p, arrays in zip(problems, answer.others)]
        for k, finding in enumerate(findings):
            if finding.outcome not in ("pass", "convention"):
                # an oracle may have no answer to the nearby inputs
                if k and finding.outcome == "oracle-missing":
                    continue
                if answer.others:
                    finding.detail = f"in item {k} of the batch: {finding.detail}"
                return finding
        return findings[0]

    def one(self, problem: Problem, arrays: list[np.ndarray]) -> Finding:
        """What the oracles say of `arrays`, the answer to `problem`."""
        asked = ["convention", "torch"]
        if self.thorough:
            asked += MORE
        oracles = self.consult(problem, self.quantity, asked)
        found = [self.against(oracle, arrays) for oracle in oracles]
        silent = not any(oracle.name != "convention" for oracle in oracles)
        if len(asked) == 2 and (silent or any(c.verdict != "agrees" for c in found)):
            oracles = self.consult(problem, self.quantity, [*asked, *MORE])
            found = [self.against(oracle, arrays) for oracle in oracles]
        alone = [o for o in oracles if o.name != "convention"]
        voices = alone[:1] if alone and all(self.same_source(alone[0], o) for o in alone) else alone
        if not oracles or (len(voices) == 1 and found[-1].verdict != "agrees"):
            oracles += self.consult(problem, self.quantity, [SMOKE])
            found = [self.against(oracle, arrays) for oracle in oracles]
        finding = self.weigh(problem, oracles, found)
        finding.verdicts = [
            OracleVerdict(o.name, c.verdict, c.error, c.ratio, o.note or c.note)
            for o, c in zip(oracles, found)
        ]
        if oracles:
            finding.error, finding.ratio = found[0].error, found[0].ratio
            finding.scale = list(oracles[0].scale)
        return finding

    def weigh(
        self, problem: Problem, oracles: list[OracleAnswer], found: list[Comparison]
    ) -> Finding:
        """The outcome, by the table in the docstring of this module."""
        said = list(zip(oracles, found))
        convention = [pair for pair in said if pair[0].name == "convention"]
        smoke = [pair for pair in said if pair[0].name == SMOKE]
        said = [pair for pair in said if pair not in convention and pair not in smoke]
        objecting = [pair for pair in said if pair[1].verdict != "agrees"]
        agreeing = [pair for pair in said if pair[1].verdict == "agrees"]
        if convention:
            ours = convention[0][1]
            if ours.verdict != "agrees":
                return objected(*convention[0])
            return Finding("convention", _all_words(objecting)) if objecting else Finding("pass")
        if not said:
            return self.by_smoke(smoke)
        if not objecting:
            return Finding("pass")
        if agreeing:
            off = all(c.verdict == "off" for _, c in objecting)
            if any(o.name.startswith("mpmath") for o, _ in agreeing) or (off and len(agreeing) > 1):
                return Finding("pass", _all_words(objecting))
            outcome = "convention" if problem.case.convention else "oracle-conflict"
            return Finding(outcome, _all_words(objecting))
        if all(self.same_source(objecting[0][0], o) for o, _ in objecting):
            return self.by_one(*objecting[0], smoke)
        for k, (first, comparison) in enumerate(objecting):
            for second, _ in objecting[k + 1 :]:
                agree = self.against(first, second.arrays).verdict == "agrees"
                if agree and not self.same_source(first, second):
                    return objected(first, comparison, second.name)
        return Finding("oracle-conflict", _all_words(objecting))

    def by_one(
        self, oracle: OracleAnswer, found: Comparison, smoke: list[tuple[OracleAnswer, Comparison]]
    ) -> Finding:
        """The outcome where a single oracle answers, and objects."""
        finding = objected(oracle, found)
        if finding.outcome != "wrong":
            return finding
        for second, its in smoke:
            agreed = self.against(second, oracle.arrays).verdict == "agrees"
            if agreed and its.verdict != "agrees" and found.ratio > OFF:
                return objected(oracle, found, SMOKE)
        return Finding("oracle-conflict", f"no second oracle objects; {finding.detail}")

    def by_smoke(self, smoke: list[tuple[OracleAnswer, Comparison]]) -> Finding:
        """The outcome where only finite differences answer: they clear, but never condemn."""
        if not smoke:
            return Finding("oracle-missing")
        if smoke[0][1].verdict == "agrees":
            return Finding("pass", "by finite differences alone")
        return Finding("oracle-conflict", f"no other oracle; {_all_words(smoke)}")


def objected(oracle: OracleAnswer, found: Comparison, second: str = "") -> Finding:
    """The finding that an objection amounts to; `second` is the oracle that agrees with it."""
    outcome = AMOUNTS[found.verdict]
    if found.note.startswith("structure:"):
        outcome = "wrong-structure"
    names = f"{oracle.name} and {second}" if second else oracle.name
    return Finding(outcome, f"{names}: {_words(found)}")


def _words(found: Comparison) -> str:
    place = f" at {list(found.where[1:])} of array {found.where[0]}" if found.where else ""
    return f"{found.note}{place} ({found.ratio:.3g} tolerances)"


def _all_words(pairs: list[tuple[OracleAnswer, Comparison]]) -> str:
    return "; ".join(f"{oracle.name}: {_words(found)}" for oracle, found in pairs)


def what_broke(properties: list[Property]) -> str:
    """The properties that do not hold, in words."""
    structural = [p for p in properties if p.name in STRUCTURE] or properties
    return "; ".join(f"{p.name}: {p.note}" for p in structural)


def traced(answer: Answer) -> str:
    """The error of an answer, with its traceback."""
    assert answer.error is not None
    return f"{answer.error.summary}\n{answer.error.traceback}"
