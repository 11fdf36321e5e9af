"""Inputs for every rule of the rule book: what `test_rules`, `test_vmap` and others call it with.

A new elementwise rule is covered by existing: it gets `UNARY` or `BINARY` below. Others need a row
here, and a test fails until there is one. A row is a list of calls; a call is a tuple of arguments
and a dict of keywords. `A(*shape)` stands for a random array of the dtype under test, in the domain
given; anything else is passed on as it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from pluggrad.arrays.backend import PRIMITIVES
from pluggrad.engine.primitive import Primitive


class A(NamedTuple):
    """A random array: its shape and the interval that its elements (real parts) come from."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0

    def make(self, rng: np.random.Generator, dtype: str) -> np.ndarray:
        values = rng.uniform(self.low, self.high, self.shape)
        if dtype.startswith("complex"):
            values = values + 1j * rng.uniform(self.low, self.high, self.shape)
        return np.asarray(values, dtype=dtype)


class Call(NamedTuple):
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = {}  # noqa: RUF012


def call(*args: Any, **kwargs: Any) -> Call:
    return Call(args, kwargs)


#: (low, high) of each elementwise function whose domain is not everything.
DOMAINS: dict[str, tuple[float, float]] = {
    "sqrt": (0.2, 2), "log": (0.2, 2), "log2": (0.2, 2), "log10": (0.2, 2), "log1p": (-0.5, 2),
    "asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "atanh": (-0.9, 0.9), "acosh": (1.2, 3),
    "pow": (0.3, 2), "reciprocal": (0.3, 2), "divide": (0.4, 2), "tan": (-1.2, 1.2),
    "remainder": (0.5, 2), "floor_divide": (0.5, 2),
    "floor": (0.1, 0.9), "ceil": (0.1, 0.9), "trunc": (0.1, 0.9), "round": (0.1, 0.4),
}  # fmt: skip

#: Shapes that hurt: ordinary, 0-d, empty; and, for two arguments, broadcast.
UNARY = [(2, 3), (), (0, 3)]
BINARY = [((2, 3), (2, 3)), ((2, 3), (3,)), ((), (3,)), ((2, 1), (1, 3)), ((0, 3), (3,)), ((), ())]

m = A((3, 4))

SAMPLES: dict[str, list[Call]] = {
    "astype": [call(m, "dtype")],
    "broadcast_to": [call(A((3, 1)), (2, 3, 4)), call(A(()), (2, 3)), call(A((0,)), (2, 0))],
    "clip": [call(m, -1.0, 1.0), call(m, A((4,), -2, 0), A((3, 1), 0.1, 2)), call(m, None, 0.5)],
    "concat": [call([m, A((2, 4))]), call([m, A((3, 1))], axis=1), call([m, m], axis=None)],
    "conj": [call(m), call(A(()))],
    "copy": [call(m)],
    "cumulative_prod": [call(A((4,))), call(m, axis=1), call(m, axis=0, include_initial=True)],
    "cumulative_sum": [call(A((4,))), call(m, axis=1), call(m, axis=0, include_initial=True)],
    "expand_dims": [call(m, axis=1), call(A(()), axis=0), call(m, axis=-1)],
    "flip": [call(m), call(m, axis=1), call(A(()))],
    "imag": [call(m)],
    "matmul": [call(m, A((4, 2))), call(A((4,)), A((4,))), call(A((4,)), A((4, 2))),
               call(m, A((4,))), call(A((2, 1, 3, 4)), A((5, 4, 2))), call(A((0, 4)), A((4, 2)))],
    "matrix_transpose": [call(m), call(A((2, 3, 4)))],
    "max": [call(m), call(m, axis=1), call(m, axis=(0, 1), keepdims=True), call(A(()))],
    "mean": [call(m), call(m, axis=1), call(m, axis=(0, 1), keepdims=True), call(A(()))],
    "min": [call(m), call(m, axis=1), call(m, axis=(0, 1), keepdims=True), call(A(()))],
    "moveaxis": [call(A((2, 3, 4)), 0, 2), call(A((2, 3, 4)), (0, 1), (1, 2))],
    "permute_dims": [call(A((2, 3, 4)), (2, 0, 1)), call(A(()), ())],
    "prod": [call(A((5,))), call(m, axis=1), call(m, axis=0, keepdims=True), call(A((0,)))],
    "real": [call(m)],
    "abs": [call(m), call(A(()))],
    "sign": [call(m)],
    "repeat": [call(m, 2), call(m, 2, axis=1), call(A((3,)), np.asarray([1, 0, 2]))],
    "reshape": [call(m, (2, 6)), call(m, (-1,)), call(A(()), (1, 1)), call(A((0, 2)), (2, 0))],
    "roll": [call(m, 1), call(m, 2, axis=1), call(m, (1, 2), axis=(0, 1))],
    "squeeze": [call(A((3, 1, 2)), 1), call(A((1, 2, 1)), (0, 2))],
    "stack": [call([m, m]), call([m, m], axis=1), call([A(()), A(())])],
    "std": [call(m), call(m, axis=1, correction=1.0), call(m, axis=0, keepdims=True)],
    "sum": [call(m), call(m, axis=1), call(m, axis=(0, 1), keepdims=True), call(A((0, 3)), axis=0),
            call(A(()))],
    "take": [call(m, np.asarray([2, 0, 2]), axis=0), call(m, np.asarray([1, 1]), axis=1)],
    "take_along_axis": [call(m, np.asarray([[0, 1], [2, 2], [3, 0]]), axis=1)],
    "tensordot": [call(m, A((4, 2)), axes=1), call(m, A((3, 4)), axes=((0, 1), (0, 1))),
                  call(A((3,)), A((2,)), axes=0)],
    "tile": [call(m, (2, 1)), call(m, (2, 2, 2))],
    "tril": [call(m), call(A((2, 3, 3)), k=1)],
    "triu": [call(m), call(A((2, 3, 3)), k=-1)],
    "var": [call(m), call(m, axis=1, correction=1.0), call(m, axis=0, keepdims=True)],
    "vecdot": [call(m, m), call(m, A((3, 4)), axis=-2), call(m, A((4,)))],
    "where": [call(np.asarray([[True], [False], [True]]), m, A((4,))),
              call(np.asarray(True), A(()), A(()))],
}  # fmt: skip

#: Rules with test files of their own, whose oracles know gauges, domains and norms.
ELSEWHERE = ("linalg.", "fft.", "special.")

#: Real arguments only (the standard, or torch, has no complex version).
REAL_ONLY = {
    "atan2", "cbrt", "ceil", "clip", "copysign", "floor", "floor_divide", "hypot", "logaddexp",
    "max", "maximum", "min", "minimum", "nextafter", "remainder", "round", "std", "trunc", "var",
    "sign",
}  # fmt: skip

#: Complex arguments only.
COMPLEX_ONLY = {"imag"}

#: Every rule that has samples here, by name.
RULES = {
    name: primitive
    for name, primitive in PRIMITIVES.items()
    if primitive.kind != "constant" and not primitive.private and not name.startswith(ELSEWHERE)
}


def calls_of(primitive: Primitive, backend: str) -> list[Call]:
    """The sample calls of a rule, and fewer of them on a backend that is slow to start."""
    name = primitive.name
    if name in SAMPLES:
        calls = SAMPLES[name]
    elif primitive.kind == "elementwise" and len(primitive.parameters) <= 2:
        low, high = DOMAINS.get(name, (-2.0, 2.0))
        if len(primitive.parameters) == 1:
            calls = [Call((A(shape, low, high),)) for shape in UNARY]
        else:
            calls = [Call((A(s1, low, high), A(s2, low, high))) for s1, s2 in BINARY]
    else:
        pytest.fail(f"{name} is a rule without samples: add a row to tests/support/samples.py")
    return calls[: {"jax": 2, "dask": 4}.get(backend)]  # JAX compiles anew for every shape


def arrays_in(call: Call, rng: np.random.Generator, dtype: str) -> Any:
    """The call with arrays made, and the places of those to differentiate by."""
    args: list[Any] = []
    places: list[tuple[int, int | None]] = []
    for i, x in enumerate(call.args):
        if isinstance(x, A):
            args.append(x.make(rng, dtype))
            places.append((i, None))
        elif isinstance(x, list):
            args.append([item.make(rng, dtype) for item in x])
            places += [(i, j) for j in range(len(x))]
        else:
            args.append(x)
    return args, places


def argument_at(args: list[Any], place: tuple[int, int | None]) -> Any:
    """The argument at a place: a number, or a number and a position in a list of arrays."""
    return args[place[0]] if place[1] is None else args[place[0]][place[1]]


def put_argument(args: list[Any], place: tuple[int, int | None], x: Any) -> None:
    """Put `x` at a place of the arguments; a list of arrays is copied first."""
    if place[1] is None:
        args[place[0]] = x
    else:
        args[place[0]] = [*args[place[0]]]
        args[place[0]][place[1]] = x


def resolve(args: list[Any], dtype: str, xp: Any) -> list[Any]:
    """`astype` needs another dtype of the library: complex or double of the one under test."""
    target = {"float32": "float64", "float64": "complex128", "complex64": "complex128",
              "complex128": "complex64"}[dtype]  # fmt: skip
    return [getattr(xp, target) if isinstance(x, str) and x == "dtype" else x for x in args]
