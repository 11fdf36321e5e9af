"""The table of what is measured: each workload, its gradient by hand if practical, and its targets.

A workload is written once, and every library runs the same lines. A row names the peers that can
run it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["ROWS", "Growth", "Memory", "Row", "Time"]

PEERS = ("torch", "autograd", "mygrad")


@dataclass(frozen=True)
class Time:
    """Seconds of value and gradient; at most `limits[peer]` times that peer's."""

    limits: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Memory:
    """Peak memory of value and gradient beyond what was in use before; limits as for `Time`."""

    limits: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Growth:
    """The `quantity` ("time" or "memory") at the second size over that at the first; at most
    `limit`.

    The second size is ten times the first, so linear cost gives 10; caches and the garbage
    collector account for the rest. It is measured for pluggrad alone: peers with quadratic cost
    would take minutes.
    """

    quantity: str
    sizes: tuple[int, int]
    limit: float = 14.0


@dataclass(frozen=True, eq=False)
class Row:
    """One workload: its function, its input arrays, and the figures to measure."""

    name: str
    title: str
    work: Callable[..., Any]  # work(size) gives f(xp, *leaves, *constants)
    arrays: Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]  # of size: leaves, constants
    figures: tuple[Time | Memory | Growth, ...]
    size: int = 1
    by_hand: Callable[..., Any] | None = None  # by_hand(*leaves, *constants) gives the gradients
    peers: tuple[str, ...] = PEERS
    freeze: bool = False  # gc.freeze() first, so that the collector skips imported objects
    alone: bool = False  # timed in its own process, on a stack too small for recursion


def rng() -> np.random.Generator:
    """A random generator with a fixed seed."""
    return np.random.default_rng(0)


# ---------------------------------------------------------------- many small operations


def chain(size: int) -> Any:
    """`size` small layers on few numbers."""

    def f(xp: Any, x: Any) -> Any:
        for _ in range(size):
            t = xp.tanh(x * 1.01 + 0.1)
            x = t * t
        return xp.sum(x)

    return f


def chain_by_hand(x: np.ndarray) -> Any:
    """The gradient of `chain` with 25 layers."""
    kept = []
    for _ in range(25):
        t = np.tanh(x * 1.01 + 0.1)
        kept.append(t)
        x = t * t
    np.sum(x)
    g = np.ones_like(x)
    for t in reversed(kept):
        g = g * 2.02 * t * (1 - t * t)
    return [g]


# ---------------------------------------------------------------- one training step


def mlp(size: int) -> Any:
    """The loss of a network with one hidden layer."""

    def f(xp: Any, w1: Any, b1: Any, w2: Any, b2: Any, images: Any, labels: Any) -> Any:
        z = xp.tanh(images @ w1 + b1) @ w2 + b2
        log_softmax = z - xp.log(xp.sum(xp.exp(z), axis=1, keepdims=True))
        return xp.sum(log_softmax * labels) * (-1 / 64)

    return f


def mlp_by_hand(w1: Any, b1: Any, w2: Any, b2: Any, images: Any, labels: Any) -> Any:
    """The gradients of `mlp` by its four weights."""
    h = np.tanh(images @ w1 + b1)
    z = h @ w2 + b2
    e = np.exp(z)
    s = np.sum(e, axis=1, keepdims=True)
    np.sum((z - np.log(s)) * labels) * (-1 / 64)  # the value
    dz = (e / s - labels) * (1 / 64)
    da = (dz @ w2.T) * (1 - h * h)
    return [images.T @ da, np.sum(da, axis=0), h.T @ dz, np.sum(dz, axis=0)]


def mlp_arrays(size: int) -> Any:
    """The weights of the network; images and one-hot labels."""
    r = rng()
    first, second = r.normal(0, 0.05, (784, 128)), r.normal(0, 0.1, (128, 10))
    images, labels = r.random((64, 784)), np.eye(10)[r.integers(0, 10, 64)]
    return [first, np.zeros(128), second, np.zeros(10)], [images, labels]


# ---------------------------------------------------------------- few operations on large arrays


def elementwise(size: int) -> Any:
    """A sum of elementwise functions."""
    return lambda xp, x: xp.sum(xp.exp(-x * x) * xp.sin(x) + xp.log(1 + x * x))


def elementwise_by_hand(x: np.ndarray) -> Any:
    """The gradient of `elementwise`."""
    x2 = x * x
    e, s, q = np.exp(-x2), np.sin(x), 1 + x2
    np.sum(e * s + np.log(q))  # the value
    return [e * (np.cos(x) - 2 * x * s) + 2 * x / q]


# ---------------------------------------------------------------- loops over elements and rows


def index_loop(size: int) -> Any:
    """A sum of squares, read one element at a time."""

    def f(xp: Any, x: Any) -> Any:
        s = 0.0
        for i in range(size):
            s = s + x[i] * x[i]
        return s

    return f


def time_stepping(size: int) -> Any:
    """A simulation that writes each step into a row of one array."""

    def f(xp: Any, start: Any) -> Any:
        u = xp.zeros((size + 1, 1000))
        u[0] = start
        for k in range(size):
            u[k + 1] = xp.tanh(u[k])
        return xp.sum(u * u)

    return f


def additions(size: int) -> Any:
    """A chain of `size` additions."""

    def f(xp: Any, x: Any) -> Any:
        for _ in range(size):
            x = x + 1.0
        return xp.sum(x)

    return f


# ---------------------------------------------------------------- memory


def exponentials(size: int) -> Any:
    """A chain of `size` exponentials, each of which saves an array."""

    def f(xp: Any, x: Any) -> Any:
        for _ in range(size):  # soon infinite, which takes the same memory as any other number
            x = xp.exp(x)
        return xp.sum(x)

    return f


# fmt: off
ROWS = (
    Row("chain", "25 × t = tanh(x·1.01 + 0.1); x = t·t, on 10 numbers",
        chain, lambda size: ([rng().random(10)], []), size=25, by_hand=chain_by_hand,
        figures=(Time({"torch": 0.5, "autograd": 0.25}),)),
    Row("mlp", "MLP 64×784 → 128 → 10, tanh, log-softmax loss",
        mlp, mlp_arrays, by_hand=mlp_by_hand,
        figures=(Time({"numpy": 1.3}),)),
    Row("elementwise", "sum(exp(-x·x)·sin(x) + log(1 + x·x)), 2,000,000 numbers",
        elementwise, lambda size: ([rng().normal(size=2_000_000)], []), by_hand=elementwise_by_hand,
        figures=(Time({"numpy": 1.2}),)),
    Row("index", "for i in range(2000): s = s + x[i]·x[i]",
        index_loop, lambda size: ([rng().random(size)], []), size=2000, freeze=True,
        figures=(Time({"torch": 0.45}), Growth("time", (2000, 20_000)))),
    Row("stepping", "u[k+1] = tanh(u[k]), 400 × 1000, in place; sum(u·u)",
        time_stepping, lambda size: ([rng().random(1000)], []), size=400, peers=("torch",),
        figures=(Time({"torch": 0.5}), Growth("time", (400, 4000)), Growth("memory", (400, 4000)))),
    Row("additions", "chain of 1,000,000 additions",
        additions, lambda size: ([rng().random(1)], []), size=1_000_000, peers=("torch",),
        alone=True,
        figures=(Time(), Memory(), Growth("time", (100_000, 1_000_000)),
                 Growth("memory", (100_000, 1_000_000)))),
    Row("memory", "100 chained exp, on 100,000 numbers",
        exponentials, lambda size: ([rng().random(100_000)], []), size=100,
        figures=(Memory({"torch": 1.1}),)),
)
# fmt: on
