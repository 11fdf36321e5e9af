"""Problems: the numbers behind a cell, the same on every backend and for every oracle.

A `Problem` is an operation at concrete inputs, rounded to the cell's dtype. `QUANTITIES` names what
is asked about it; pluggrad and the oracles answer the same question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .cells import Cell
from .operations import Array, Case, Operation
from .tables import load_operations

__all__ = ["QUANTITIES", "Problem", "round_to", "wide"]

#: What is asked for. Outputs are ``y = f(x)`` (several inputs, several outputs), `c` a cotangent of
#: each output, `t` a tangent of each input; real parts are taken so that all is real-linear.
#: value     y
#: gradient  ∂ Re⟨c, y⟩ / ∂x, in the convention ∂L/∂Re + i ∂L/∂Im
#: tangent   the derivative of y along t
#: second    ∂ Re⟨t, gradient⟩ / ∂x; forwards over backwards it is the derivative of the gradient
#:           along t, which is the same
QUANTITIES = ("value", "gradient", "tangent", "second")


class Problem:
    """An operation at concrete inputs.

    ``args`` holds NumPy arrays of the cell's dtype (bfloat16: float32 numbers that bfloat16 can
    represent) and settings; ``places`` are the positions, in ``args`` or in a list there, of the
    arrays that are differentiated. ``layout`` is "strided" if they should be non-contiguous.
    """

    def __init__(
        self, operation: Operation, case: Case, dtype: str, *, mask: str = "all", seed: str = "",
        layout: str = "", args: list[Any] | None = None,
    ) -> None:  # fmt: skip
        self.operation, self.case, self.dtype = operation, case, dtype
        self.kwargs = dict(case.kwargs)
        self.layout = layout
        self.seed = seed or f"{operation.origin}|{dtype}|{case.axis}={case.name}"
        self.mask = mask
        self.args = self._make(case) if args is None else args
        places = list(self._arrays(case))
        self.places = places if mask == "all" else [places[int(mask)]]

    @classmethod
    def of(cls, cell: Cell) -> Problem:
        """The problem of a cell."""
        operation = load_operations()[cell.operation]
        layout = "strided" if cell.shape == "non-contiguous" else ""
        return cls(operation, cell.case_of(operation), cell.dtype, mask=cell.args, layout=layout)

    @property
    def key(self) -> str:
        """The name of the problem, the same on every backend: frozen answers are found by it."""
        return f"{self.seed}|{self.mask}"

    # ------------------------------------------------------------------ inputs

    def rng(self, what: str) -> np.random.Generator:
        """A generator whose seed is the problem's name and `what` the numbers are for."""
        digest = hashlib.sha256(f"{self.seed}/{what}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "little"))

    def _make(self, case: Case) -> list[Any]:
        rng = self.rng("inputs")

        def make(x: Any) -> Any:
            if isinstance(x, Array):
                return make_array(x, rng, self.dtype)
            if isinstance(x, list) or (
                isinstance(x, tuple) and any(isinstance(i, Array) for i in x)
            ):
                return type(x)([make(item) for item in x])
            return x

        return [make(x) for x in case.args]

    @staticmethod
    def _arrays(case: Case) -> Iterator[tuple[int, int | None]]:
        for i, x in enumerate(case.args):
            if isinstance(x, Array):
                if not x.dtype and not x.constant:
                    yield i, None
            elif isinstance(x, (list, tuple)):
                for j, item in enumerate(x):
                    if isinstance(item, Array) and not item.dtype and not item.constant:
                        yield i, j

    @property
    def inputs(self) -> list[np.ndarray]:
        """The arrays that are differentiated."""
        return [self.args[i] if j is None else self.args[i][j] for i, j in self.places]

    def with_inputs(self, inputs: list[Any]) -> Problem:
        """The same problem at other inputs (smaller ones, or nearby)."""
        return Problem(
            self.operation, self.case, self.dtype, mask=self.mask, seed=self.seed,
            layout=self.layout, args=self.filled(inputs),
        )  # fmt: skip

    def filled(self, inputs: list[Any], convert: Callable[[Any], Any] = lambda x: x) -> list[Any]:
        """`args` with `inputs` at their places, and `convert` applied to the other arrays."""
        args: list[Any] = []
        for x in self.args:
            if isinstance(x, np.ndarray):
                args.append(convert(x))
            elif isinstance(x, (list, tuple)) and any(isinstance(item, np.ndarray) for item in x):
                args.append(type(x)([convert(i) if isinstance(i, np.ndarray) else i for i in x]))
            else:
                args.append(x)
        return self.placed(args, inputs)

    def placed(self, args: list[Any], inputs: Sequence[Any]) -> list[Any]:
        """A copy of `args` with `inputs` at their places."""
        args = list(args)
        for (i, j), x in zip(self.places, inputs, strict=True):
            if j is None:
                args[i] = x
            else:
                items = list(args[i])
                items[j] = x
                args[i] = type(args[i])(items)
        return args

    # ------------------------------------------------------------------ the function

    def function(
        self, xp: Any, convert: Callable[[Any], Any], how: Callable[..., Any] | None = None
    ) -> Callable[..., list[Any]]:
        """The outputs as a function of the differentiated inputs, computed in the namespace `xp`.

        `convert` makes a NumPy array one of `xp`; ``how(xp, *args, **kwargs)`` replaces the way of
        calling (an operator, an oracle's own spelling). Outputs come as a list, after the gauge.
        """
        how = self.operation.in_namespace if how is None else how

        def f(*inputs: Any) -> list[Any]:
            args = self.filled(list(inputs), convert)
            y = how(xp, *args, **self.kwargs)
            outputs = list(y) if isinstance(y, (tuple, list)) else [y]
            if self.operation.gauge is not None:
                outputs = list(self.operation.gauge(xp, outputs, list(inputs)))
            return outputs

        return f

    # ------------------------------------------------------------------ directions

    def cotangent(self, number: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """The cotangent of output `number`, in numbers that every dtype holds exactly."""
        return self._direction(f"cotangent {number}", shape, dtype)

    def tangents(self) -> list[np.ndarray]:
        """A tangent for each differentiated input."""
        return [
            self._direction(
                f"tangent {k}", x.shape, str(x.dtype) if self.dtype != "bfloat16" else "bfloat16"
            )
            for k, x in enumerate(self.inputs)
        ]

    def _direction(self, what: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        rng = self.rng(what)
        short = lambda: rng.integers(2, 15, shape) / 8.0 * rng.choice([-1.0, 1.0], shape)
        values = short()
        if dtype.startswith("complex"):
            values = values + 1j * short()
        return round_to(np.asarray(values), dtype)


def make_array(spec: Array, rng: np.random.Generator, dtype: str) -> np.ndarray:
    """The NumPy array of a specification, rounded to `dtype`."""
    if spec.values is not None:
        return round_to(np.asarray(spec.values), spec.dtype or dtype)
    if spec.dtype == "bool":
        return np.asarray(rng.integers(0, 2, spec.shape), dtype=bool)
    if spec.dtype:
        return np.asarray(rng.integers(int(spec.low), int(spec.high) + 1, spec.shape), spec.dtype)
    values: Any = rng.uniform(spec.low, spec.high, spec.shape)
    if dtype.startswith("complex"):
        values = values + 1j * rng.uniform(spec.low, spec.high, spec.shape)
    values = np.asarray(values)
    if spec.structure:
        values = _STRUCTURES[spec.structure](values)
    return round_to(values, dtype)


def _adjoint(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.conj(np.swapaxes(x, -1, -2)))


def _regular(x: np.ndarray) -> np.ndarray:
    n = x.shape[-1]
    return np.asarray(x + 2.0 * n * np.eye(n))


_STRUCTURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "spd": lambda x: x @ _adjoint(x) / x.shape[-1] + np.eye(x.shape[-1]),
    "hermitian": lambda x: (x + _adjoint(x)) / 2 + np.diag(np.arange(1.0, x.shape[-1] + 1) * 3),
    "regular": _regular,
    "spread": lambda x: x + np.diag(6.0 * np.arange(1.0, x.shape[-1] + 1)),
    "lower": lambda x: np.tril(_regular(x)),
    "upper": lambda x: np.triu(_regular(x)),
}


def round_to(x: Any, dtype: str) -> np.ndarray:
    """`x` rounded to `dtype`; for bfloat16, to float32 numbers that it can represent."""
    x = np.asarray(x)
    if dtype == "bfloat16":
        bits = np.asarray(x, np.float32).view(np.uint32)
        rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
        kept = np.asarray(x, np.float32)
        return np.asarray(np.where(np.isfinite(x), rounded.view(np.float32), kept))
    if np.iscomplexobj(x) and not dtype.startswith("complex"):
        raise ValueError(f"complex values in an array of {dtype}")
    return np.asarray(x, dtype=dtype)


def wide(x: Any) -> np.ndarray:
    """`x` in double precision: float64 or complex128. Integers and booleans, settings, stay."""
    x = np.asarray(x)
    if x.dtype.kind in "biu":
        return np.asarray(x)
    return np.asarray(x, np.complex128 if x.dtype.kind == "c" else np.float64)
