"""Cells: what is tested. Axes are varied one at a time, not in every combination.

A base cell is an operation on a backend in a dtype, with the usual value on every axis. Further
cells differ in one axis, or in a pair of axes that are known to interact. The key of a cell names
only what is unusual about it: ``sum|numpy|float64`` and ``sum|numpy|float64|order=2``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from .operations import Array, Case, Operation
from .systems import find_system, is_native
from .tables import load_operations

__all__ = ["AXES", "COMPLEX", "DTYPES", "REAL", "Cell", "cells_of", "enumerate_cells"]

REAL = ("float32", "float64")
COMPLEX = ("complex64", "complex128")
LOW = ("float16", "bfloat16")
DTYPES = (*REAL, *COMPLEX, *LOW)


@dataclass(frozen=True)
class Cell:
    """One thing to test. The fields after `dtype` are the axes, with their usual values.

    `form`: function, operator or method · `args`: "all", or the number of the one array that is
    differentiated while the others are constants · `order`: 0 (the value), 1, 2 · `mode`: reverse,
    forward, forward-over-reverse (of order 2), vmap · `compiled`: no, jit (jax), compile (torch).
    """

    operation: str
    backend: str
    dtype: str
    case: str = "typical"
    shape: str = "base"
    form: str = "function"
    args: str = "all"
    order: int = 1
    mode: str = "reverse"
    device: str = "default"
    compiled: str = "no"

    @property
    def key(self) -> str:
        """The name of the cell: operation, backend, dtype, and each axis that is unusual."""
        unusual = [f"{name}={getattr(self, name)}" for name, usual in AXES.items()
                   if getattr(self, name) != usual]  # fmt: skip
        return "|".join([self.operation, self.backend, self.dtype, *unusual])

    @property
    def id(self) -> str:
        """Ten hexadecimal digits that stand for the key on a command line."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:10]

    @property
    def problem_key(self) -> str:
        """What the inputs depend on: they are the same on every backend, in every form and mode."""
        return "|".join([self.operation, self.dtype, self.case, self.shape])

    @property
    def domain(self) -> str:
        """ "real" or "complex", by the dtype."""
        return "complex" if self.dtype.startswith("complex") else "real"

    @classmethod
    def parse(cls, key: str) -> Cell:
        """The cell with this key; `ValueError` if the key is malformed."""
        operation, backend, dtype, *rest = key.split("|") + [""] * (3 - len(key.split("|")))
        facts: dict[str, Any] = {}
        for part in rest:
            name, _, value = part.partition("=")
            if name not in AXES or not value:
                raise ValueError(f"{key!r} is no key of a cell: {part!r} is no axis")
            facts[name] = int(value) if name == "order" else value
        if not (operation and backend and dtype):
            raise ValueError(f"{key!r} is no key of a cell: operation|backend|dtype|axis=value...")
        return cls(operation, backend, dtype, **facts)

    @property
    def quantity(self) -> str:
        """The quantity that the cell asks for, one of `problem.QUANTITIES`."""
        if self.order == 0:
            return "value"
        if self.order == 2:
            return "second"
        return "tangent" if self.mode == "forward" else "gradient"

    @property
    def is_base(self) -> bool:
        """Whether every axis but the order has its usual value."""
        return all(getattr(self, name) == usual for name, usual in AXES.items() if name != "order")

    def case_of(self, operation: Operation) -> Case:
        """The case of `operation` that the inputs are made from."""
        if self.shape in ("base", "non-contiguous"):
            return (
                operation.typical if self.case == "typical" else operation.find("case", self.case)
            )
        return operation.find("shape", self.shape)


#: The axes, with their usual values.
AXES: dict[str, Any] = {f.name: f.default for f in fields(Cell)[3:]}


def enumerate_cells(
    backends: Iterable[str],
    operations: Iterable[str] | None = None,
    dtypes: Iterable[str] | None = None,
    devices: dict[str, list[str]] | None = None,
) -> Iterator[Cell]:
    """All cells of `backends`, for some operations and dtypes (None: all).

    They come operation by operation, so that an oracle answers once for all backends. `devices`
    names further devices of a backend.
    """
    table = load_operations()
    chosen = None if dtypes is None else set(dtypes)
    backends = list(backends)
    for name in sorted(table) if operations is None else operations:
        for backend in backends:
            for cell in cells_of(table[name], backend, (devices or {}).get(backend, [])):
                if chosen is None or cell.dtype in chosen:
                    yield cell


def cells_of(operation: Operation, backend: str, devices: Iterable[str] = ()) -> Iterator[Cell]:
    """The cells of one operation on one backend: base cells, then one axis or a pair at a time."""
    name = operation.name
    if is_native(backend):
        yield from _native_cells(operation, backend)
        return
    if operation.backends and backend not in operation.backends:
        return
    real, complex_ = "real" in operation.domains, "complex" in operation.domains
    dtypes = [*(REAL if real else ()), *(COMPLEX if complex_ else ())]
    low = (
        LOW
        if real and operation.kind in ("elementwise", "movement", "reduction", "contraction")
        else ()
    )
    for dtype in (*dtypes, *low):
        yield Cell(name, backend, dtype)
    main = "float64" if real else "complex128"
    for order in (0, 2):
        for dtype in dtypes if order == 2 else [main]:
            if order <= operation.orders:
                yield Cell(name, backend, dtype, order=order)
    doubles = [d for d in (main, "complex128") if d in dtypes]
    for dtype in dict.fromkeys(doubles):
        yield Cell(name, backend, dtype, mode="forward")
        if operation.orders >= 2:
            yield Cell(name, backend, dtype, order=2, mode="forward-over-reverse")
    yield Cell(name, backend, main, mode="vmap")
    if operation.operator is not None:
        yield Cell(name, backend, main, form="operator")
    if operation.method:
        yield Cell(name, backend, main, form="method")
    yield Cell(name, backend, main, shape="non-contiguous")
    count = count_arrays(operation.typical)
    if count > 1:
        for number in range(count):
            yield Cell(name, backend, main, args=str(number))
    if backend == "jax" and operation.compiled:
        yield Cell(name, backend, main, compiled="jit")
    if backend == "torch" and operation.kind == "program" and operation.compiled:
        yield Cell(name, backend, main, compiled="compile")
    for device in devices:
        yield Cell(name, backend, main, device=device)
    yield from _cases(operation, backend, main)


def _cases(operation: Operation, backend: str, main: str) -> Iterator[Cell]:
    """The named cases in double precision; those about values at order 2 and forwards, too."""
    name = operation.name
    for found in operation.cases[1:]:
        if backend == "jax" and found.axis == "shape" and found.name not in ("0-d", "broadcast"):
            continue  # JAX compiles every new shape: two of them must do
        for dtype in dict.fromkeys((main, "complex128")):
            domain = "complex" if dtype == "complex128" else "real"
            if domain not in operation.domains or found.domain not in ("", domain):
                continue
            if domain == "complex" and main != "complex128" and found.domain != "complex":
                continue
            if found.axis == "shape":
                yield Cell(name, backend, dtype, shape=found.name)
                continue
            if not found.dtypes or dtype in found.dtypes:
                yield Cell(name, backend, dtype, case=found.name)
            if dtype == "float64" and (not found.dtypes or "float32" in found.dtypes):
                yield Cell(name, backend, "float32", case=found.name)
            if found.dtypes and dtype not in found.dtypes:
                continue
            if min(operation.orders, found.orders) >= 2:
                yield Cell(name, backend, dtype, case=found.name, order=2)
            if found.convention != "where-nan":  # forwards, the branch not taken adds no nan
                yield Cell(name, backend, dtype, case=found.name, mode="forward")


def _native_cells(operation: Operation, subject: str) -> Iterator[Cell]:
    """The cells of another system: those of pluggrad on NumPy, in the dtypes and modes of the
    system. What is pluggrad's own is left out (operators and methods of Variables, `vmap`,
    layouts), and what adds little: values, which every cell checks before its gradient, second
    derivatives in single precision, large arrays, and the gradient by one argument alone."""
    system = find_system(subject)
    if operation.backends or operation.name.startswith("scipy."):
        return  # these rows are about functions of pluggrad
    for cell in cells_of(operation, "jax" if system.name == "jax" else "numpy"):
        if cell.form != "function" or cell.shape in ("non-contiguous", "large"):
            continue
        if cell.order == 0 or cell.args != "all" or cell.compiled != "no":
            continue
        single = cell.dtype in ("float32", "complex64")
        asked = "second" if cell.order == 2 else cell.mode
        if cell.order == 2 and (single or cell.mode != "reverse"):
            continue
        if cell.dtype in system.dtypes and asked in system.modes:
            yield replace(cell, backend=subject)


def count_arrays(found: Case) -> int:
    """How many arrays of a case have a gradient."""
    total = 0
    for x in found.args:
        for item in x if isinstance(x, (list, tuple)) else (x,):
            total += isinstance(item, Array) and not item.dtype and not item.constant
    return total
