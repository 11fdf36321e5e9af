"""Runs a program with pluggrad, in every mode, and holds it against the oracles."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

import pluggrad as pg

from . import native
from .oracle import Oracle, loss, weights
from .programs import Program, is_smooth, source
from .shrink import shrink

__all__ = ["Answer", "Check", "answer", "check", "kind", "refusals", "report", "smallest"]

TOLERANCE = 1e-8
SLOPE = 1e-5  # of finite differences
LARGE = 1e5  # programs whose derivatives are larger say little


class Check(NamedTuple):
    """What was compared, and what came of it: "" where all is well."""

    name: str
    failure: str = ""
    refusal: str = ""


class Answer(NamedTuple):
    """What is right: the values, the gradient, the Hessian times the directions."""

    values: list[Any]
    gradient: list[Any]
    hvp: list[Any]
    constants: list[Any]


class Run:
    """A program over one backend."""

    def __init__(self, program: Program, backend: str) -> None:
        self.program, self.backend = program, backend
        self.make = maker(backend)
        scope: dict[str, Any] = {"pg": pg, "A": self.array, "V": variable}
        exec(compile(source(program), "<program>", "exec"), scope)
        self.outputs: Callable[..., list[Any]] = scope["program"]
        self.inputs = program.inputs()

    def array(self, x: Any) -> Any:
        a = np.asarray(x)
        return self.make(a if a.dtype != np.int32 else a.astype(np.int64))

    def xs(self) -> list[Any]:
        return [self.make(x) for x in self.inputs]

    def terms(self, *xs: Any) -> list[Any]:
        return [
            pg.sum(pg.sin(a) * self.make(weights(tuple(a.shape), k)))
            for k, a in enumerate(self.outputs(*xs))
        ]

    def loss(self, *xs: Any) -> Any:
        return sum(self.terms(*xs))


def maker(backend: str) -> Callable[[Any], Any]:
    """From NumPy arrays to those of a backend."""
    if backend == "numpy":
        return lambda x: np.array(x)
    if backend == "torch":
        import torch

        return lambda x: torch.tensor(x)
    if backend == "jax":
        import jax.numpy

        return lambda x: jax.numpy.asarray(x)
    import array_api_strict

    return lambda x: array_api_strict.asarray(x)


def variable(x: Any) -> Any:
    """What transforms return is a plain array where nothing is tracked."""
    return x if isinstance(x, pg.Variable) else pg.Variable(x)


def plain(x: Any) -> Any:
    """As a NumPy array."""
    if isinstance(x, pg.Variable):
        x = x.data
    if type(x).__module__.startswith("array_api_strict"):
        x = x._array
    return np.asarray(x)


def directions(program: Program) -> list[Any]:
    """A direction for each input."""
    random = np.random.default_rng(program.seed + 1)
    return [np.asarray(random.uniform(-1, 1, shape)) for shape in program.shapes]


def answer(program: Program, copied: set[str]) -> Answer:
    """What torch.autograd says, over tensors that are never written."""
    import torch

    xs = [torch.tensor(x, requires_grad=True) for x in program.inputs()]
    vs = [torch.from_numpy(v) for v in directions(program)]
    oracle = Oracle(copied)
    outputs = oracle.run(program, xs)
    y = loss(outputs)
    gs = gradients(y, xs)
    along = sum([(g * v).sum() for g, v in zip(gs, vs)])
    hs = gradients(along, xs)
    arrays = lambda found: [t.detach().numpy() for t in found]
    return Answer(arrays(outputs), arrays(gs), arrays(hs), oracle.constants)


def gradients(y: Any, xs: list[Any]) -> list[Any]:
    import torch

    if not y.requires_grad:
        return [torch.zeros_like(x) for x in xs]
    found = torch.autograd.grad(y, xs, create_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, xs)]


def slope(program: Program, copied: set[str], constants: list[Any]) -> float:
    """The derivative of the loss along the directions, by central differences."""
    import torch

    step, ends = 1e-6, []
    for sign in (1, -1):
        xs = [torch.from_numpy(np.asarray(x + sign * step * v))
              for x, v in zip(program.inputs(), directions(program))]  # fmt: skip
        with torch.enable_grad():
            y = loss(Oracle(copied, constants).run(program, xs))
        ends.append(float(y))
    return (ends[0] - ends[1]) / (2 * step)


def is_tame(found: Answer) -> bool:
    """Whether all numbers are finite and of moderate size."""
    return all([bool(np.all(np.abs(a) < LARGE)) for group in found[:3] for a in group])


def check(program: Program, backend: str = "numpy", slow: bool = True) -> list[Check] | None:
    """Everything that is compared; None if the numbers are too large to say anything.

    `slow` adds the comparisons with finite differences and with torch's own views and writes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _check(program, backend, slow)


def _check(program: Program, backend: str, slow: bool) -> list[Check] | None:
    run = Run(program, backend)
    copied: set[str] = set()
    made: list[Check] = []

    # Which reshapes are copies is for the library to say.
    if any(["pg.reshape" in line for line in source(program).split("\n")]):
        copied = copies(program, run)
    right = answer(program, copied)
    if not is_tame(right):
        return None
    xs = run.xs()

    def compare(name: str, ask: Callable[[], Any], expected: list[Any]) -> None:
        before = [plain(x).copy() for x in xs]
        try:
            found = [plain(a) for a in ask()]
        except pg.PluggradError as error:
            made.append(Check(name, refusal=kind_of(error)))
            return
        except Exception as error:
            made.append(Check(name, f"{type(error).__name__}: {error}"))
            return
        problem = ""
        if len(found) != len(expected):
            problem = f"{len(found)} results, expected {len(expected)}"
        for i, (a, b) in enumerate(zip(found, expected)):
            if not problem:
                problem = differs(a, b, i)
        if not problem and any([not np.array_equal(plain(x), b) for x, b in zip(xs, before)]):
            problem = "the caller's arrays were changed"
        made.append(Check(name, problem))

    compare("value", lambda: run.outputs(*[pg.Variable(x) for x in xs]), right.values)
    compare("tracked value", lambda: run.outputs(*leaves(xs)), right.values)
    compare("backward", lambda: backward(run, xs), right.gradient)
    every = tuple(range(len(xs)))
    compare("grad", lambda: pg.grad(run.loss, argnums=every)(*xs), right.gradient)
    vs = [run.make(v) for v in directions(program)]
    compare("hvp", lambda: hvp(run, xs, vs), right.hvp)
    compare("jvp of grad", lambda: pg.jvp(pg.grad(run.loss, argnums=every), tuple(xs), tuple(vs))[1],
            right.hvp)  # fmt: skip
    compare("grad of grad", lambda: grad_of_grad(run, xs, vs), right.hvp)
    compare("create_graph", lambda: create_graph(run, xs, vs), right.hvp)
    along = sum([float(np.sum(g * v)) for g, v in zip(right.gradient, directions(program))])
    us = np.cos(np.arange(len(program.outputs)))

    def forwards() -> Any:
        _, ts = pg.jvp(run.terms, tuple(xs), tuple(vs))
        ts = [float(plain(t)) for t in ts]
        _, pull = pg.vjp(run.terms, *xs)
        pulled = pull([run.make(np.asarray(u)) for u in us])
        dot = sum([float(np.sum(plain(g) * plain(v))) for g, v in zip(pulled, vs)])
        return [np.asarray(sum(ts)), np.asarray(float(np.dot(us, ts)) - dot)]

    compare("jvp and vjp", forwards, [np.asarray(along), np.asarray(0.0)])
    if slow:
        if is_smooth(program):
            found = slope(program, copied, right.constants)
            far = abs(found - along) > SLOPE * (1 + abs(along))
            made.append(Check("finite differences", f"{found}, torch {along}" if far else ""))
        other = native.answer(program) if not copied else None
        if other is not None:
            off = [differs(a, b, i) for i, (a, b) in enumerate(zip(other, right.gradient))]
            made.append(Check("native", next((text for text in off if text), "")))
    return made


def leaves(xs: list[Any]) -> list[Any]:
    return [pg.Variable(x, requires_grad=True) for x in xs]


def backward(run: Run, xs: list[Any]) -> list[Any]:
    variables = leaves(xs)
    y = run.loss(*variables)
    if getattr(y, "requires_grad", False):
        y.backward()
    return [np.zeros(x.shape) if v.grad is None else v.grad for x, v in zip(run.inputs, variables)]


def hvp(run: Run, xs: list[Any], vs: list[Any]) -> Any:
    found = pg.hvp(run.loss, tuple(xs), tuple(vs))
    return found if isinstance(found, tuple) else (found,)


def grad_of_grad(run: Run, xs: list[Any], vs: list[Any]) -> Any:
    every = tuple(range(len(xs)))

    def along(*ys: Any) -> Any:
        gs = pg.grad(run.loss, argnums=every)(*ys)
        return sum([pg.sum(g * v) for g, v in zip(gs, vs)])

    return pg.grad(along, argnums=every)(*xs)


def create_graph(run: Run, xs: list[Any], vs: list[Any]) -> list[Any]:
    variables = leaves(xs)
    zeros = [np.zeros(x.shape) for x in run.inputs]
    y = run.loss(*variables)
    if not y.requires_grad:
        return zeros
    gs = pg.autograd.grad(y, variables, create_graph=True, allow_unused=True)
    along = sum([pg.sum(g * v) for g, v in zip(gs, vs) if g is not None])
    if not getattr(along, "requires_grad", False):
        return zeros
    hs = pg.autograd.grad(along, variables, allow_unused=True)
    return [z if h is None else h for h, z in zip(hs, zeros)]


def copies(program: Program, run: Run) -> set[str]:
    """The reshapes that are no views here."""
    found: set[str] = set()
    text = re.sub(r"^( *)(a\d+) = pg\.reshape\((\w+), (.*)\)$",
                  r"\1\2 = pg.reshape(\3, \4); note('\2', \3, \2)", source(program), flags=re.M)  # fmt: skip

    def note(name: str, a: Any, b: Any) -> None:
        if b._cell is None or b._cell is not a._cell:
            found.add(name)

    scope: dict[str, Any] = {"pg": pg, "A": run.array, "V": variable, "note": note}
    exec(compile(text, "<program>", "exec"), scope)
    with suppress(Exception):  # which is seen again below
        scope["program"](*leaves(run.xs()))
    return found


def differs(a: Any, b: Any, place: int) -> str:
    """How two arrays differ, in words; "" if they do not."""
    if a.shape != b.shape:
        return f"number {place} has shape {a.shape}, expected {b.shape}"
    if not a.size:
        return ""
    off = np.abs(a - b)
    if not np.all(off <= TOLERANCE * (1 + np.max(np.abs(b)))):
        return f"number {place} is {a.tolist()}, expected {b.tolist()}"
    return ""


def kind_of(error: BaseException) -> str:
    """An error without what is particular."""
    text = re.sub(r"[\d.]+", "#", str(error).split("\n")[0])
    return f"{type(error).__name__}: {text[:90]}"


def kind(found: Iterable[Check] | None) -> str:
    """In which way a program fails, "" if it does not; one fault mostly has one kind."""
    for c in found or ():
        if c.failure:
            text = re.sub(r"[\d.]+", "#", c.failure.split("\n")[0])
            return f"wrong: {c.name}" if text.startswith("number") else f"{c.name}: {text[:70]}"
    return ""


def refusals(found: Iterable[Check] | None) -> list[str]:
    """The kinds of errors with which pluggrad refused something."""
    return sorted({c.refusal for c in found or () if c.refusal})


def smallest(program: Program, backend: str) -> Program:
    """The smallest program that fails in the same way, as far as deletions find one."""
    wanted = kind(check(program, backend))

    def fails(candidate: Program) -> bool:
        try:
            return kind(check(candidate, backend)) == wanted
        except Exception:  # the oracle has no answer to what is no program any more
            return False

    return shrink(program, fails)


def report(program: Program, backend: str) -> str:
    """What is wrong, and a script that shows it."""
    found = [c for c in check(program, backend) or () if c.failure]
    lines = [f"# on {backend}", *[f"# {c.name}: {c.failure[:300]}" for c in found]]
    return "\n".join(lines) + "\n" + source(program, backend)
