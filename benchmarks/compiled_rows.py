"""What `compile.py` measures: workloads beside those of `workloads.py`, and who runs them how."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from libraries import Torch
from workloads import ROWS, Row, rng

import pluggrad as pg

__all__ = ["CONTENDERS", "LIMITS", "WORK", "layers"]

Step = Callable[[], Any]


# ---------------------------------------------------------------- workloads


def stencil(size: int) -> Any:
    """The heat equation, `size` explicit steps; each leaves out the borders."""

    def f(xp: Any, u: Any) -> Any:
        for _ in range(size):
            u = u[1:-1] + 0.1 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        return xp.sum(u * u)

    return f


def stencil_by_hand(u: np.ndarray) -> Any:
    """The gradient of `stencil` with 10 steps."""
    for _ in range(10):
        u = u[1:-1] + 0.1 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    np.sum(u * u)  # the value
    g = 2.0 * u
    for _ in range(10):
        part, g = 0.1 * g, np.pad(0.8 * g, 1)
        g[2:] += part
        g[:-2] += part
    return [g]


def rosenbrock(xp: Any, x: Any) -> Any:
    """Rosenbrock's function."""
    head, tail = x[:-1], x[1:]
    return xp.sum(100.0 * (tail - head**2) ** 2 + (1.0 - head) ** 2)


def rosenbrock_by_hand(x: np.ndarray) -> Any:
    """Its value and gradient."""
    head, tail = x[:-1], x[1:]
    r, s = tail - head * head, 1.0 - head
    g = np.zeros_like(x)
    g[1:] = 200.0 * r
    g[:-1] -= 400.0 * r * head + 2.0 * s
    return np.sum(100.0 * r * r + s * s), g


def layers(size: int) -> Any:
    """A scalar function of `size` layers of four operations on 10 numbers."""

    def f(x: Any) -> Any:
        for _ in range(size):
            t = pg.tanh(x * 1.01 + 0.1)
            x = t * t
        return pg.sum(x)

    return f


WORK = [row for row in ROWS if row.name in ("chain", "mlp", "elementwise")] + [
    Row("stencil", "heat equation, 100,000 numbers, 10 steps",
        stencil, lambda size: ([rng().random(100_000)], []), size=10, by_hand=stencil_by_hand,
        figures=()),
]  # fmt: skip
#: The most that a contender may take, as a ratio to hand-written NumPy; for the contender
#: ``torch arrays`` to torch.compile of torch's own function.
LIMITS = {
    "chain": {"numpy": 0.8, "numba": 0.1, "jax": 0.2, "torch arrays": 1.5},
    "mlp": {"numpy": 1.05, "jax": 0.85, "torch arrays": 1.1},
    "elementwise": {"numpy": 1.1, "numba": 0.8, "jax": 0.85, "torch arrays": 1.1},
    "stencil": {"numpy": 1.35, "numba": 1.1, "jax": 0.4, "torch arrays": 1.1},
    "l-bfgs": {"numpy": 1.5},
}


# ---------------------------------------------------------------- contenders


def gradient(row: Row, count: int, xp: Any = pg) -> Callable[..., Any]:
    """The value of the row's function, and its gradients by the first `count` arguments."""
    work, places = row.work(row.size), tuple(range(count))
    return pg.value_and_grad(lambda *args: work(xp, *args), places)


def by_hand(row: Row, leaves: Any, constants: Any) -> Step:
    """Hand-written NumPy."""
    hand = row.by_hand
    assert hand is not None
    return lambda: hand(*leaves, *constants)


def eager(row: Row, leaves: Any, constants: Any) -> Step:
    """pluggrad as it is."""
    f = gradient(row, len(leaves))
    return lambda: f(*leaves, *constants)[1]


def engine(name: str) -> Callable[..., Step]:
    """`pg.compile` on NumPy arrays, with the engine called `name`."""

    def make(row: Row, leaves: Any, constants: Any) -> Step:
        f = pg.compile(gradient(row, len(leaves)), engine=name, on_break="error")
        return lambda: f(*leaves, *constants)[1]

    return make


def jax_jit(row: Row, leaves: Any, constants: Any) -> Step:
    """jax.jit of JAX's own gradient, on JAX's arrays."""
    jax = importlib.import_module("jax")
    with jax.enable_x64(True):
        given = [jax.numpy.asarray(x) for x in (*leaves, *constants)]
    work = row.work(row.size)
    f = jax.jit(jax.value_and_grad(
        lambda *args: work(jax.numpy, *args), tuple(range(len(leaves)))
    ))  # fmt: skip

    def step() -> Any:
        with jax.enable_x64(True):
            return [g.block_until_ready() for g in f(*given)[1]]

    return step


def torch_eager(row: Row, leaves: Any, constants: Any) -> Step:
    """torch's own `backward`."""
    return Torch().step(row.work(row.size), leaves, constants)


def torch_compile(row: Row, leaves: Any, constants: Any) -> Step:
    """torch.compile of torch's own gradient."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    work = row.work(row.size)
    f = torch.compile(
        torch.func.grad_and_value(
            lambda *args: work(torch, *args), tuple(range(len(leaves)))
        ), fullgraph=True, dynamic=False,
    )  # fmt: skip
    given = [torch.from_numpy(x) for x in (*leaves, *constants)]
    return lambda: f(*given)[0]


def torch_arrays(row: Row, leaves: Any, constants: Any) -> Step:
    """`pg.compile` on torch's arrays."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    f = pg.compile(gradient(row, len(leaves)), engine="torch", on_break="error")
    given = [torch.from_numpy(x) for x in (*leaves, *constants)]
    return lambda: f(*given)[1]


HAND, EAGER = "by hand", "eager"
CONTENDERS: dict[str, Callable[..., Step]] = {
    HAND: by_hand,
    EAGER: eager,
    "numpy": engine("numpy"),
    "numba": engine("numba"),
    "jax": engine("jax"),
    "torch": engine("torch"),
    "jax.jit": jax_jit,
    "torch eager": torch_eager,
    "torch.compile": torch_compile,
    "torch arrays": torch_arrays,
}
