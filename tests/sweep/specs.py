"""What the tables of the sweep are made of: arrays that may become Variables, and calls."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "OUT_RAW",
    "OUT_VARIABLE",
    "A",
    "B",
    "C",
    "Call",
    "Context",
    "Given",
    "I",
    "N",
    "Options",
    "P",
    "R",
    "S",
    "U",
    "show",
    "specs_in",
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class A:
    """An argument that is an array: raw in one call, and a Variable in another.

    Its numbers follow from its kind, its shape and the seed. No two are equal, except of integers.
    """

    shape: tuple[int, ...]
    kind: str = "real"
    seed: int = 0

    @property
    def values(self) -> Any:
        """The numbers, always in a new array."""
        random = np.random.default_rng([len(self.kind), self.seed, *self.shape, 7])
        if self.kind == "integer":
            return random.permutation(int(np.prod(self.shape))).reshape(self.shape)
        if self.kind == "mask":
            found = random.uniform(size=self.shape) < 0.6
            found.reshape(-1)[:1] = True  # a mean over nothing is nan
            return found
        if self.kind == "hermitian":  # positive definite
            n = self.shape[-1]
            x = random.uniform(-1, 1, self.shape)
            return x @ x.swapaxes(-1, -2) + np.diag(np.arange(1.0, n + 1))
        if self.kind == "sorted":
            return np.sort(
                np.asarray(random.uniform(0.2, 1.8, self.shape)), axis=-1 if self.shape else None
            ).reshape(self.shape)
        if self.kind == "unit":  # where every function of one number is smooth
            return np.asarray(random.uniform(0.2, 0.9, self.shape))
        if self.kind == "above":  # more than 1
            return np.asarray(random.uniform(1.2, 2.9, self.shape))
        if self.kind == "positive":
            return np.asarray(random.uniform(0.3, 1.9, self.shape))
        x = np.asarray(random.uniform(0.25, 2, self.shape) * random.choice([-1, 1], self.shape))
        if self.kind == "complex":
            return x + 1j * np.asarray(random.uniform(-2, 2, self.shape))
        if self.kind == "nan":
            x.reshape(-1)[1::4] = np.nan
        if self.kind == "ties":
            return np.round(x)
        return x

    @property
    def trackable(self) -> bool:
        return self.kind not in ("integer", "mask")

    def direction(self, seed: int) -> Any:
        """A direction to move in, symmetric if the array is."""
        random = np.random.default_rng([seed, *self.shape])
        d = np.asarray(random.uniform(0.5, 1.5, self.shape))
        if self.kind == "complex":
            d = d + 1j * np.asarray(random.uniform(0.5, 1.5, self.shape))
        return d + d.swapaxes(-1, -2) if self.kind == "hermitian" else d


def R(*shape: int, s: int = 0) -> A:
    """Real numbers of either sign."""
    return A(shape, seed=s)


def P(*shape: int, s: int = 0) -> A:
    """Positive numbers."""
    return A(shape, "positive", s)


def U(*shape: int, s: int = 0) -> A:
    """Numbers between 0 and 1."""
    return A(shape, "unit", s)


def C(*shape: int, s: int = 0) -> A:
    """Complex numbers."""
    return A(shape, "complex", s)


def I(*shape: int, s: int = 0) -> A:  # noqa: E743
    """Integers, which are never tracked."""
    return A(shape, "integer", s)


def B(*shape: int, s: int = 0) -> A:
    """A mask, which is never tracked."""
    return A(shape, "mask", s)


def N(*shape: int, s: int = 0) -> A:
    """Real numbers, and some nan."""
    return A(shape, "nan", s)


def S(*shape: int, s: int = 0) -> A:
    """Positive definite symmetric matrices."""
    return A(shape, "hermitian", s)


@dataclasses.dataclass(frozen=True)
class Given:
    """What stands for an array to write the result into: a raw one, or a Variable."""

    variable: bool


OUT_RAW, OUT_VARIABLE = Given(False), Given(True)

#: Keywords, or the value of the one parameter that is away from its default.
Options = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Context:
    """What the value of an option may depend on: the positional arguments of the call."""

    args: tuple[Any, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first array."""
        found = specs_in(self.args)
        return found[0].shape if found else ()

    @property
    def ndim(self) -> int:
        return len(self.shape)


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of one function."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Options

    def arrays(self) -> list[A]:
        return specs_in((self.args, tuple(self.kwargs.values())))

    def show(self, which: int | None = None, kind: str = "v") -> str:
        """The call as text: `v` stands for a Variable, and `a` for an array."""
        count = [-1]

        def text(x: Any) -> str:
            if isinstance(x, A):
                count[0] += 1
                letter = kind if which in (None, count[0]) else "a"
                return f"{x.kind[0]}{letter}{list(x.shape)}".replace(" ", "")
            if isinstance(x, (list, tuple)) and specs_in(x):
                inside = ", ".join(map(text, x))
                return f"[{inside}]" if isinstance(x, list) else f"({inside})"
            return show(x)

        words = [text(x) for x in self.args]
        words += [f"{key}={text(x)}" for key, x in self.kwargs.items()]
        return f"np.{self.name}({', '.join(words)})"


def specs_in(x: Any) -> list[A]:
    """The arrays in an argument, in order."""
    if isinstance(x, A):
        return [x]
    if isinstance(x, dict):
        return specs_in(tuple(x.values()))
    return [a for item in x for a in specs_in(item)] if isinstance(x, (list, tuple)) else []


def show(x: Any) -> str:
    """An argument as short text."""
    if isinstance(x, Given):
        return "variable" if x.variable else "array"
    if isinstance(x, np.ndarray):
        return f"{x.dtype}{list(x.shape)}".replace(" ", "")
    if isinstance(x, type):
        return x.__name__
    if isinstance(x, (list, tuple)):
        inside = ", ".join(map(show, x))
        return f"[{inside}]" if isinstance(x, list) else f"({inside})"
    return getattr(x, "__name__", None) or repr(x)[:40]
