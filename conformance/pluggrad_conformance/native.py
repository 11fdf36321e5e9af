"""What a system other than pluggrad answers to a cell: the counterpart of `subject`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from operator import is_
from typing import Any

import numpy as np

from .cells import Cell
from .problem import Problem
from .subject import Answer, Failure, traceback_of
from .systems import System, Unmapped, find_system

__all__ = ["NativeSubject"]

#: Words by which libraries say that they have no such function or derivative, whatever the type of
#: the exception.
REFUSALS = (
    "not implemented", "notimplemented", "not supported", "unsupported", "not yet supported",
    "is not differentiable", "no gradient defined", "cannot be differentiated",
    "cannot involve non-constant",
)  # fmt: skip


class NativeSubject:
    """A problem laid out for a system, to be differentiated by it.

    `arrays` are the differentiated inputs; `f` takes them and gives those outputs that have a
    derivative, which `values`, called once, finds out. Calls stand inside ``system.settings()``.
    """

    def __init__(self, cell: Cell, problem: Problem, system: System | None = None) -> None:
        self.cell, self.problem = cell, problem
        self.system = find_system(cell.backend) if system is None else system
        self.call = self.system.call(problem.operation)
        self.sources = [self.rounded(x) for x in problem.inputs]
        self.arrays = [self.system.array(x) for x in self.sources]
        template = problem.filled([None] * len(problem.places), self.constant)
        self.template = [self.settled(x) for x in template]
        self.kept: list[int] = []
        self.silent = False  # whether the system says that there is no gradient, which may be 0
        self.plain = False  # whether the gauge leaves the outputs as they are
        self.listed = False  # whether the operation returns a list
        self.cs: list[Any] = []
        self._ts: list[Any] = []
        self._cotangents: list[tuple[int, tuple[int, ...], str]] = []

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """`x` as it is handed over; bfloat16 has a dtype of its own here."""
        if self.problem.dtype == "bfloat16" and x.dtype.kind == "f":
            import ml_dtypes

            return x.astype(ml_dtypes.bfloat16)
        return x

    def constant(self, x: np.ndarray) -> Any:
        """An array that is no input."""
        return self.system.array(self.rounded(x))

    def settled(self, x: Any) -> Any:
        """A setting, with the arrays in a key converted."""
        if isinstance(x, tuple) and any(isinstance(item, np.ndarray) for item in x):
            return tuple([self.constant(i) if isinstance(i, np.ndarray) else i for i in x])
        return x

    # ------------------------------------------------------------------ the function

    def outputs(self, *inputs: Any) -> list[Any]:
        """All outputs, as a list, after the gauge."""
        problem = self.problem
        args = problem.placed(self.template, inputs)
        y = self.call(self.system.namespace, *args, **problem.kwargs)
        self.listed = not hasattr(y, "shape")
        if isinstance(y, (tuple, list)):
            found = list(y)
        else:  # a list that a tracer stands for has a length and no shape
            found = [y] if not self.listed else [y[k] for k in range(len(y))]
        if problem.operation.gauge is not None:
            gauge, before = problem.operation.gauge, found
            found = list(gauge(self.system.namespace, found, list(inputs)))
            self.plain = len(found) == len(before) and all(map(is_, found, before))
        return found

    def f(self, *inputs: Any) -> list[Any]:
        """The outputs that have a derivative."""
        found = self.outputs(*inputs)
        return [found[k] for k in self.kept]

    def values(self) -> Answer:
        """All outputs; an exception becomes the answer's error."""
        return self._timed(self._values, forwards=True)

    def _values(self) -> Answer:
        ys = self.outputs(*self.arrays)
        found = self.described(ys)
        inexact = ("float", "bfloat", "complex")
        self.kept = [k for k, name in enumerate(found.dtypes) if name.startswith(inexact)]
        self._cotangents = [(k, found.shapes[k], found.dtypes[k]) for k in self.kept]
        self.cs = self.cotangents()
        found.changed = self.changed()
        return found

    def described(self, arrays: Sequence[Any]) -> Answer:
        """An answer of these arrays."""
        own = lambda x: isinstance(x, (np.ndarray, np.generic))
        arrays = [x if hasattr(x, "dtype") else np.asarray(x) for x in arrays]
        numbers = [np.array(x) if own(x) else self.system.to_numpy(x) for x in arrays]
        names = [str(x.dtype) if own(x) else self.system.dtype_name(x) for x in arrays]  # fmt: skip
        return Answer(numbers, names, [x.shape for x in numbers], ["cpu"] * len(arrays))

    def cotangents(self, other: int = 0) -> list[Any]:
        """A cotangent for each output of `f`; `other` asks for others."""
        sources = [self.problem.cotangent(k + 1000 * other, shape, dtype)
                   for k, shape, dtype in self._cotangents]  # fmt: skip
        return [self.system.array(self.rounded(c)) for c in sources]

    def tangents(self) -> list[Any]:
        """A tangent for each input."""
        return [self.system.array(self.rounded(t)) for t in self.problem.tangents()]

    def changed(self) -> list[str]:
        """The inputs that have been written into, by name."""
        pairs = enumerate(zip(self.arrays, self.sources, strict=True))
        same: Callable[..., bool] = lambda x, source: np.array_equal(
            self.system.to_numpy(x), np.asarray(source, self.system.to_numpy(x).dtype),
            equal_nan=source.dtype.kind in "fcV",
        )  # fmt: skip
        return [f"input {k}" for k, (x, source) in pairs if not same(x, source)]

    # ------------------------------------------------------------------ the quantities

    def answer(self) -> Answer:
        """What the cell asks for, after `values`."""
        return self._timed(self._answer)

    def _answer(self) -> Answer:
        quantity = self.cell.quantity
        if quantity == "value":
            return self.described(self.outputs(*self.arrays))
        if not self.kept:  # integers alone
            zeros = [np.zeros_like(x) for x in self.problem.inputs]
            return self.described([] if quantity == "tangent" else zeros)
        arrays = self.quantity(quantity)
        self.silent = any(g is None for g in arrays)
        if self.silent:
            pairs = zip(arrays, self.problem.inputs, strict=True)
            arrays = [np.zeros_like(x) if g is None else g for g, x in pairs]
        found = self.described(arrays)
        if quantity == "tangent":
            found.expected = [(dtype, shape, "cpu") for _, shape, dtype in self._cotangents]
        else:
            xs = self.described(self.arrays)
            found.expected = [(d, s, "cpu") for d, s in zip(xs.dtypes, xs.shapes, strict=True)]
        found.changed = self.changed()
        return found

    def quantity(self, quantity: str) -> list[Any]:
        """The arrays of a derivative."""
        system = self.system
        if quantity == "tangent":
            return list(system.push(self.f, self.arrays, self.tangents()))
        if quantity == "second":
            return list(system.pull_of_pull(self.f, self.arrays, self.cs, self.tangents()))
        return list(system.pull(self.f, self.arrays, self.cs))

    def numbers(self, arrays: Sequence[Any]) -> list[np.ndarray]:
        """Arrays in double precision, in NumPy's memory."""
        found = self.described(arrays).arrays
        return [x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in found]

    def _timed(self, compute: Callable[[], Answer], forwards: bool = False) -> Answer:
        begin = time.perf_counter()
        try:
            found = compute()
        except Exception as error:
            found = Answer(error=self.failure(error, forwards))
        found.seconds = time.perf_counter() - begin
        return found

    def failure(self, error: Exception, forwards: bool = False) -> Failure:
        """An exception, and the outcome that it amounts to: forwards, a library may refuse what it
        does not have in any way; derivatives it refuses in words."""
        said = f"{type(error).__name__} {error}".lower()
        kind = "error"
        if forwards or isinstance(error, self.system.refusals) or any(w in said for w in REFUSALS):
            kind = "unsupported-by-backend"
        if isinstance(error, Unmapped):
            kind = "unmapped"
        return Failure(kind, type(error).__name__, str(error), traceback_of(error))
