"""Compile a training step, tape and all, with jax.jit or torch.compile.

The step makes Variables, computes a loss, calls `.backward()` and returns new weights. JAX and
torch pass it tracers and see only their own operations, so the compiled step is as fast as one with
their own gradients. The table compares the step as it is, the compiled step, and the compiled
native one.

    python examples/compiled.py --backend jax
    python examples/compiled.py --backend torch
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import pluggrad as pg
from pluggrad.arrays.backend import get_backend

SIZES = (64, 128, 128, 10)


def loss(xp: Any, w: Any, x: Any, target: Any) -> Any:
    """The mean squared error of a network with two hidden layers, in any namespace."""
    h = xp.tanh(xp.matmul(xp.tanh(xp.matmul(x, w[0])), w[1]))
    return xp.mean((xp.matmul(h, w[2]) - target) ** 2)


def step(w: Any, x: Any, target: Any) -> Any:
    """One step of gradient descent, with the tape inside."""
    v = [pg.Variable(a, requires_grad=True) for a in w]
    loss(pg, v, x, target).backward()
    return [a - 0.1 * b.grad.data for a, b in zip(w, v, strict=True)]


def native(backend: str) -> Callable[..., Any]:
    """The same step, differentiated by the framework itself."""
    if backend == "jax":
        import jax

        def theirs(w: Any, x: Any, target: Any) -> Any:
            g = jax.grad(lambda w: loss(jax.numpy, w, x, target))(w)
            return [a - 0.1 * b for a, b in zip(w, g, strict=True)]
    else:
        import torch

        def theirs(w: Any, x: Any, target: Any) -> Any:
            g = torch.func.grad(lambda w: loss(torch, w, x, target))(w)
            return [a - 0.1 * b for a, b in zip(w, g, strict=True)]

    return theirs


def compiler(backend: str, engine: str = "inductor") -> Callable[..., Any]:
    """jax.jit, or torch.compile into a single graph; `engine` is the compiler's backend in
    torch."""
    if backend == "jax":
        import jax

        return jax.jit
    import torch

    return lambda f: torch.compile(f, fullgraph=True, backend=engine)


def run(backend: str, rounds: int = 200, engine: str = "inductor") -> dict[str, Any]:
    """For each step, its time in milliseconds and the new weights."""
    rng = np.random.default_rng(0)
    make = get_backend(backend).xp.asarray
    w = [make(rng.normal(0, 0.1, shape)) for shape in pairwise(SIZES)]
    x, target = make(rng.normal(size=(256, SIZES[0]))), make(rng.normal(size=(256, SIZES[-1])))
    compile_ = compiler(backend, engine)
    steps = {
        "as it is": step,
        "compiled": compile_(step),
        "native, compiled": compile_(native(backend)),
    }
    found: dict[str, Any] = {}
    for name, f in steps.items():
        result = [np.asarray(a) for a in f(w, x, target)]  # the first call compiles
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            np.asarray(f(w, x, target)[0])  # waits for the result
            times.append(time.perf_counter() - start)
        found[name] = {"ms": 1e3 * min(times), "weights": result}
    return found


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", default="jax", choices=["jax", "torch"])
    parser.add_argument("--rounds", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--engine", default="inductor", help="of torch (default: %(default)s)")
    given = parser.parse_args()
    for name, facts in run(given.backend, given.rounds, given.engine).items():
        print(f"{name:18}{facts['ms']:9.3f} ms")


if __name__ == "__main__":
    main()
