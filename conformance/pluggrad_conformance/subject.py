"""The subject: what pluggrad answers to a cell, on its backend and in its form, mode and device.

`engine_answer` computes the quantity that a cell asks for. `probe` computes the value by the bare
library, without pluggrad. A `Subject` is a problem laid out on a backend; `properties` uses it to
ask for more than the answer.
"""

from __future__ import annotations

import sysconfig
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import pluggrad

from .cells import Cell
from .libraries import (
    Library,
    MissingDtype,
    description,
    device_name,
    dtype_name,
    has_derivative,
    raw,
    settings,
    to_numpy,
)
from .problem import Problem, round_to

__all__ = ["Answer", "Failure", "Subject", "batch", "engine_answer", "probe", "traceback_of"]

#: By how much the inputs of the second and third problem of a batch differ from those of the first;
#: factors with few binary digits, so that little is rounded.
BATCH = (1.0, 1.015625, 0.96875)


@dataclass
class Failure:
    """An exception: `kind` is the outcome that it amounts to."""

    kind: str
    type: str
    message: str
    traceback: str

    @property
    def summary(self) -> str:
        """Type and message, on one line."""
        return f"{self.type}: {' '.join(self.message.split())}"[:500]


@dataclass
class Answer:
    """An answer: arrays in NumPy's memory, in their own dtype (bfloat16 as float32).

    There is one for each output ("value", and "tangent" of those that are floating point) or for
    each input ("gradient", "second"). `dtypes`, `shapes` and `devices` are what the library says of
    each, and `expected` what they should be: (dtype, shape, device) of the inputs, or for tangents
    of the outputs; empty for values. `others` are the answers to the other problems of a batch;
    `changed` names the inputs and other arrays that were written into, which must not be.
    """

    arrays: list[np.ndarray] = field(default_factory=list)
    dtypes: list[str] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    expected: list[tuple[str, tuple[int, ...], str]] = field(default_factory=list)
    others: list[list[np.ndarray]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    error: Failure | None = None
    seconds: float = 0.0


def engine_answer(
    cell: Cell, problem: Problem, engine: ModuleType = pluggrad, *, whole: bool = False
) -> Answer:
    """The quantity that `cell` asks for at `problem`, computed by `engine`.

    An exception is not raised: it becomes the answer's `error`. `whole` asks a library that
    computes in chunks for a single chunk.

    >>> from pluggrad_conformance.cells import Cell
    >>> cell = Cell("sin", "numpy", "float64")
    >>> problem = Problem.of(cell)
    >>> found = engine_answer(cell, problem)
    >>> found.dtypes, found.shapes
    (['float64'], [(2, 3)])
    >>> expected = np.cos(problem.inputs[0]) * problem.cotangent(0, (2, 3), "float64")
    >>> bool(np.all(found.arrays[0] == expected))
    True
    """
    return _timed(lambda: Subject(cell, problem, engine, whole=whole).compute(), cell, engine)


def probe(
    cell: Cell, problem: Problem, engine: ModuleType = pluggrad, *, whole: bool = False
) -> Answer:
    """The value as the bare library computes it: in its own namespace, on raw arrays.

    An exception becomes the answer's `error`, of the kind "unsupported-by-backend".

    >>> from pluggrad_conformance.cells import Cell
    >>> cell = Cell("sin", "numpy", "float64")
    >>> problem = Problem.of(cell)
    >>> bool(np.all(probe(cell, problem).arrays[0] == np.sin(problem.inputs[0])))
    True
    """

    def compute() -> Answer:
        subject = Subject(cell, problem, engine, whole=whole)
        subject.check_backend()
        try:
            return _answer_of(subject.bare_outputs())
        except Exception as error:
            found = failure(error, engine)
            found.kind = "unsupported-by-backend"
            return Answer(error=found)

    return _timed(compute, cell, engine)


def _timed(compute: Callable[[], Answer], cell: Cell, engine: ModuleType) -> Answer:
    begin = time.perf_counter()
    try:
        with settings(cell.backend):
            found = compute()
    except Exception as error:
        found = Answer(error=failure(error, engine))
    found.seconds = time.perf_counter() - begin
    return found


def failure(error: Exception, engine: ModuleType = pluggrad) -> Failure:
    """An exception, and whether it says that something is not supported.

    `NotImplementedError` is what libraries say of dtypes or devices that a function lacks.
    """
    kind = "error"
    if isinstance(error, engine.UnsupportedError):
        kind = "unsupported-by-engine"
    elif any(isinstance(e, MissingDtype | NotImplementedError) for e in (error, error.__cause__)):
        kind = "unsupported-by-backend"
    return Failure(kind, type(error).__name__, str(error), traceback_of(error))


def traceback_of(error: Exception) -> str:
    """The end of the traceback of `error`. Files are named from where packages are installed, so
    that it reads alike on every machine."""
    text = "".join(traceback.format_exception(error))
    installed = map(sysconfig.get_path, ("purelib", "platlib", "stdlib"))
    for root in (*installed, Path(__file__).resolve().parents[2]):
        text = text.replace(f"{root}/", "")
    return text[-4000:]


class WrongBackend(Exception):
    """The arrays of a backend's namespace belong to another backend."""


def batch(problem: Problem) -> list[Problem]:
    """The problems of a batch: the problem itself and two nearby ones."""
    nearby = [
        problem.with_inputs(
            [round_to(np.asarray(x * factor), problem.dtype) for x in problem.inputs]
        )
        for factor in BATCH[1:]
    ]
    return [problem, *nearby]


class Subject:
    """A problem laid out on a backend, ready to be differentiated by `engine`.

    `arrays` are the differentiated inputs as raw arrays of the library, `f` the function of them
    that gives the outputs, as a list. Calls must stand inside `libraries.settings` of the backend.
    """

    def __init__(
        self, cell: Cell, problem: Problem, engine: ModuleType = pluggrad, *, whole: bool = False
    ) -> None:
        self.cell, self.problem, self.engine = cell, problem, engine
        self.library = Library(cell.backend, engine, device=cell.device, whole=whole)
        self.strided = problem.layout == "strided"
        self.arrays = [self.make(x) for x in problem.inputs]
        #: The arrays that must not change: name, array, and the values it held.
        self._watched = [
            (f"input {k}", x, source)
            for k, (x, source) in enumerate(zip(self.arrays, problem.inputs))
        ]
        self._template = problem.filled([None] * len(problem.places), self._constant)
        self._cotangents: dict[tuple[int, int], Any] = {}
        self._tangents: list[Any] = []

    # ------------------------------------------------------------------ arrays

    def make(self, x: np.ndarray, dtype: str = "") -> Any:
        """A raw array of the library; floating-point ones in the dtype of the cell."""
        low = self.problem.dtype == "bfloat16" and x.dtype.kind == "f"
        return self.library.array(x, dtype or ("bfloat16" if low else ""), self.strided)

    def _constant(self, x: np.ndarray) -> Any:
        made = self.make(x)
        self._watched.append(("a constant", made, x))
        if self.cell.form == "function":
            return made
        return self.library.namespace.asarray(
            made
        )  # only Variables have these operators and methods

    def check_backend(self) -> None:
        """Raises `WrongBackend` if the engine takes the arrays for those of another library."""
        backend = self.library.backend
        found = [self.engine.Variable(x)._backend for x in self.arrays]
        if any(b is not backend for b in found):
            raise WrongBackend(
                f"arrays of the backend {self.cell.backend!r} are taken for those of "
                f"{found[0].name!r}: a backend is told by the class of its arrays, whose module "
                f"must be among the adapter's modules, {backend.adapter.modules}"
            )

    def tangents(self) -> list[Any]:
        """The tangents as raw arrays."""
        if not self._tangents:
            sources = self.problem.tangents()
            self._tangents = [self.make(t) for t in sources]
            self._watched += [
                (f"tangent {k}", t, source)
                for k, (t, source) in enumerate(zip(self._tangents, sources))
            ]
        return self._tangents

    def changed(self) -> list[str]:
        """The inputs, constants, cotangents and tangents that have been written into, by name."""
        return [
            name for name, x, source in self._watched
            if not np.array_equal(to_numpy(x), source, equal_nan=source.dtype.kind in "fc")
        ]  # fmt: skip

    def cotangent(self, number: int, y: Any, other: int = 0) -> Any:
        """The cotangent of output `number`, like `y`, as a raw array; `other` asks for others."""
        key = (other, number)
        if key not in self._cotangents:
            shape = tuple(y.shape)
            if not all(isinstance(n, int) for n in shape):  # lengths that Dask does not know
                shape = to_numpy(raw(y)).shape
            name = dtype_name(y)
            values = self.problem.cotangent(number + 1000 * other, shape, name)
            self._cotangents[key] = made = self.library.array(values, name)
            self._watched.append((f"cotangent {number}", made, values))
        return self._cotangents[key]

    # ------------------------------------------------------------------ the function

    def f(self, *inputs: Any) -> list[Any]:
        """The outputs, in the cell's form, as functions of Variables."""
        return self._outputs(self.library.namespace, self._template, inputs, self._call)

    def bare_outputs(self) -> list[Any]:
        """The outputs of the bare library."""
        template = self.problem.filled([None] * len(self.problem.places), self.make)
        call = self.problem.operation.in_namespace
        return self._outputs(self.library.bare, template, self.arrays, call)

    def _outputs(
        self, xp: Any, template: list[Any], inputs: Sequence[Any], call: Callable[..., Any]
    ) -> list[Any]:
        problem = self.problem
        args = list(template)
        for (i, j), x in zip(problem.places, inputs):
            if j is None:
                args[i] = x
            else:
                items = list(args[i])
                items[j] = x
                args[i] = type(args[i])(items)
        y = call(xp, *args, **problem.kwargs)
        outputs = list(y) if isinstance(y, (tuple, list)) else [y]
        if problem.operation.gauge is not None:
            outputs = list(problem.operation.gauge(xp, outputs, list(inputs)))
        return outputs

    def _call(self, xp: Any, *args: Any, **kwargs: Any) -> Any:
        operation, form = self.problem.operation, self.cell.form
        if form == "operator":
            assert operation.operator is not None
            return operation.operator(*args, **kwargs)
        if form == "method":
            return getattr(args[0], operation.method)(*args[1:], **kwargs)
        if operation.kind == "program":  # some libraries' arrays do not defer to Variables
            variable = self.engine.Variable
            known = lambda x: not hasattr(x, "dtype") or isinstance(x, variable)
            args = tuple([x if known(x) else variable(x) for x in args])
        return operation.in_namespace(xp, *args, **kwargs)

    def inexact_outputs(self, *inputs: Any) -> list[Any]:
        """The outputs that have a derivative."""
        return [y for y in self.f(*inputs) if has_derivative(y)]

    def seeds(self, ys: list[Any], other: int = 0) -> list[Any]:
        """A cotangent for each output that has a derivative, by its number among all outputs."""
        return [self.cotangent(k, y, other) for k, y in enumerate(ys) if has_derivative(y)]

    # ------------------------------------------------------------------ the quantities

    def leaves(self, arrays: Sequence[Any] | None = None) -> list[Any]:
        """The inputs as Variables that require grad."""
        arrays = self.arrays if arrays is None else arrays
        return [self.engine.Variable(x, requires_grad=True) for x in arrays]

    def pull(self, ys: list[Any], seeds: list[Any], leaves: list[Any], **options: Any) -> list[Any]:
        """The gradients of Σ Re⟨seeds, ys⟩ by `leaves`; zeros where nothing depends on them."""
        pairs = [(y, g) for y, g in zip(ys, seeds) if y.requires_grad]
        if not pairs:
            return [self.library.namespace.zeros_like(x.detach()) for x in leaves]
        outputs, gs = [y for y, _ in pairs], [g for _, g in pairs]
        grad = self.engine.autograd.grad
        return list(grad(outputs, leaves, gs, materialize_grads=True, **options))

    def value(self, *arrays: Any) -> list[Any]:
        """The values of all outputs."""
        return [raw(y) for y in self.f(*self.leaves(arrays))]

    def gradient(self, *arrays: Any) -> list[Any]:
        """The gradients, by `autograd.grad`."""
        leaves = self.leaves(arrays)
        ys = self.f(*leaves)
        kept = [y for y in ys if has_derivative(y)]
        return [raw(g) for g in self.pull(kept, self.seeds(ys), leaves)]

    def second(self, *arrays: Any) -> list[Any]:
        """The second derivatives, by `autograd.grad` twice."""
        return self.second_along(self.tangents(), *arrays)

    def second_along(self, ts: list[Any], *arrays: Any) -> list[Any]:
        """The gradient of Re⟨ts, gradient⟩."""
        leaves = self.leaves(arrays)
        ys = self.f(*leaves)
        kept = [y for y in ys if has_derivative(y)]
        gs = self.pull(kept, self.seeds(ys), leaves, create_graph=True)
        return [raw(h) for h in self.pull(gs, ts, leaves)]

    def tangent(self, *arrays: Any) -> list[Any]:
        """The tangents of the outputs, by `jvp`."""
        return list(self.engine.jvp(self.inexact_outputs, arrays, tuple(self.tangents()))[1])

    def pulled(self, *arrays: Any) -> list[Any]:
        """The gradient by `vjp`, which nests in other transforms."""
        _, pull = self.engine.vjp(self.inexact_outputs, *arrays)
        return list(pull(self._known_seeds()))

    def _known_seeds(self) -> list[Any]:
        if not self._cotangents:  # one call outside any transform tells their shapes
            self.seeds(self.f(*self.leaves()))
        return [g for (other, _), g in sorted(self._cotangents.items()) if not other]

    def forward_over_reverse(self, *arrays: Any) -> list[Any]:
        """The second derivatives, by `jvp` of the gradient."""
        self._known_seeds()
        return list(self.engine.jvp(self.pulled, arrays, tuple(self.tangents()))[1])

    # ------------------------------------------------------------------ the answer

    def compute(self) -> Answer:
        """The quantity of the cell, in its mode, compiled if the cell says so."""
        cell = self.cell
        if cell.mode == "vmap":
            return self._batched()
        quantity = cell.quantity
        compute: Callable[..., list[Any]] = getattr(self, quantity)
        if cell.mode == "forward-over-reverse":
            compute = self.forward_over_reverse
        found = _answer_of(self._compiled(compute)(*self.arrays))
        if quantity in ("gradient", "second"):
            found.expected = [description(x) for x in self.arrays]
        elif quantity == "tangent":
            with self.engine.no_grad():
                ys = self.inexact_outputs(*self.leaves())
            found.expected = [description(raw(y)) for y in ys]
        found.changed = self.changed()
        return found

    def _compiled(self, compute: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        if self.cell.compiled == "no":
            return compute
        self._known_seeds()
        self.tangents()
        if self.cell.compiled == "jit":
            import jax

            return jax.jit(compute)  # type: ignore[no-any-return]
        import torch

        # fullgraph: traced whole, or an error. Inductor is left out: its faults would be torch's.
        torch.compiler.reset()
        return torch.compile(compute, fullgraph=True, backend="aot_eager")  # type: ignore[no-any-return]

    def _batched(self) -> Answer:
        """`vmap` of the gradient over a batch; the first problem of the batch is the cell's."""
        self._known_seeds()
        problems = batch(self.problem)
        stacked = [
            self.make(np.stack(xs)) for xs in zip(*[p.inputs for p in problems], strict=True)
        ]
        together = _answer_of(list(self.engine.vmap(self.pulled)(*stacked)))
        found = Answer(
            [x[0] for x in together.arrays], together.dtypes,
            [shape[1:] for shape in together.shapes], together.devices,
            [description(x) for x in self.arrays],
        )  # fmt: skip
        found.changed = self.changed()
        found.others = [[x[k] for x in together.arrays] for k in range(1, len(problems))]
        return found


def _answer_of(arrays: list[Any]) -> Answer:
    arrays = [raw(x) for x in arrays]
    values = [to_numpy(x) for x in arrays]
    known = [all(n == n for n in x.shape) for x in arrays]
    return Answer(
        values,
        [dtype_name(x) for x in arrays],
        [tuple(x.shape) if k else v.shape for x, v, k in zip(arrays, values, known)],
        [device_name(x) for x in arrays],
    )
