"""The answer of an oracle, `OracleAnswer`, or `NoAnswer` where it has none."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..problem import Problem, wide

__all__ = [
    "Ask", "NoAnswer", "OracleAnswer", "apart", "inexact", "quiet", "unbroadcast",
    "wide_cotangents", "wide_inputs",
]  # fmt: skip

#: An oracle: ``ask(problem, quantity)`` gives the arrays, or raises `NoAnswer`.
Ask = Callable[[Problem, str], list[np.ndarray]]


class NoAnswer(Exception):
    """An oracle has nothing to say here; the message says why."""


@dataclass
class OracleAnswer:
    """The arrays that an oracle gives, in double precision.

    `arrays` has one array for each output ("value": all of them; "tangent": those that are not
    integer or boolean) or for each input ("gradient", "second"). `scale` has arrays of the same
    shapes: by how much a component changes when everything it is computed from changes by one part,
    the condition number times the component. `doubt` is the absolute error of the oracle itself,
    where that is more than rounding (finite differences); empty if it is not.
    """

    name: str
    arrays: list[np.ndarray]
    scale: list[np.ndarray]
    note: str = ""
    doubt: list[np.ndarray] = field(default_factory=list)


def inexact(x: Any) -> bool:
    """Whether a NumPy array has a derivative: whether it is floating point or complex."""
    return bool(np.asarray(x).dtype.kind in "fc")


def wide_inputs(problem: Problem) -> list[np.ndarray]:
    """The differentiated inputs in double precision, in memory of their own."""
    return [np.array(wide(x), order="C") for x in problem.inputs]


def wide_cotangents(problem: Problem, outputs: list[Any]) -> list[np.ndarray | None]:
    """The cotangents of outputs (anything with a shape and a NumPy-like dtype name), in double
    precision; None for outputs that have no gradient."""
    found: list[np.ndarray | None] = []
    for k, y in enumerate(outputs):
        dtype = str(y.dtype).removeprefix("torch.")
        if dtype.startswith(("float", "bfloat", "complex")):
            found.append(wide(problem.cotangent(k, tuple(y.shape), dtype)))
        else:
            found.append(None)
    return found


def apart(problem: Problem, outputs: list[np.ndarray]) -> bool:
    """Whether each component of the outputs depends on the components at its own place alone."""
    arrays = [x for x in problem.args if isinstance(x, np.ndarray)]
    if problem.operation.kind != "elementwise" or not arrays:
        return False
    try:
        shape = np.broadcast_shapes(*[x.shape for x in arrays])
    except ValueError:
        return False
    return all(np.shape(y) == shape for y in outputs)


def unbroadcast(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The transpose of broadcasting `shape` to the shape of `x`: sums over the axes it made."""
    while x.ndim > len(shape):
        x = np.asarray(x.sum(axis=0), dtype=x.dtype)
    for axis, n in enumerate(shape):
        if n == 1 and x.shape[axis] != 1:
            x = np.asarray(x.sum(axis=axis, keepdims=True), dtype=x.dtype)
    return x


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings of NumPy or of a library: oracles visit corner cases on purpose."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
