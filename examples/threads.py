"""Gradients in threads and async tasks: each has its own levels, modes and graphs.

Eight threads take third derivatives by nesting `grad`, while some of them have recording switched
off. One task waits inside a `no_grad` block while another one records. Several threads walk graphs
that end in the same leaf, and no contribution to its `.grad` is lost. Last, an array that is
changed while a graph still needs it is detected.

    python examples/threads.py
    python examples/threads.py --backend torch
"""

from __future__ import annotations

import argparse
import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pluggrad as pg


def third_derivative(x: Any) -> Any:
    """The third derivative of sin, which is -cos, by nesting `grad`."""
    return pg.grad(pg.grad(pg.grad(pg.sin)))(x)


def in_threads(xp: Any, count: int = 8, rounds: int = 50) -> float:
    """The largest error of third derivatives taken by `count` threads at once."""

    def work(n: int) -> float:
        error = 0.0
        for k in range(rounds):
            x = 0.1 * n + 0.01 * k
            with pg.set_grad_enabled(n % 2 == 0):  # does not affect the other threads
                found = float(third_derivative(xp.asarray(x, dtype=xp.float64).data))
            error = max(error, abs(found + math.cos(x)))
        return error

    with ThreadPoolExecutor(count) as pool:
        return max(pool.map(work, range(count)))


def in_tasks() -> dict[str, bool]:
    """Whether recording is on, in a task inside `no_grad` and in one that runs at the same time."""
    found = {}

    async def without() -> None:
        with pg.no_grad():
            await asyncio.sleep(0.01)
            found["inside no_grad"] = pg.is_grad_enabled()

    async def beside() -> None:
        await asyncio.sleep(0.005)
        found["beside it"] = pg.is_grad_enabled()

    async def both() -> None:
        await asyncio.gather(without(), beside())

    asyncio.run(both())
    return found


def into_one_leaf(xp: Any, count: int = 4, rounds: int = 100) -> float:
    """The `.grad` of a leaf to which `count` threads have each added 1, `rounds` times."""
    leaf = pg.Variable(xp.zeros(3, dtype=xp.float64).data, requires_grad=True)

    def work(_: int) -> None:
        for _ in range(rounds):
            pg.sum(leaf).backward()

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))
    return float(leaf.grad[0])


def changed_behind_its_back(xp: Any) -> str:
    """The error when an array that a graph needs is changed in place."""
    x = pg.Variable(xp.ones(3, dtype=xp.float64).data, requires_grad=True)
    w = xp.asarray([1.0, 2.0, 3.0], dtype=xp.float64).data
    with pg.debug(mutations=True):  # not needed on torch, which counts writes itself
        y = pg.sum(x * w)
    try:
        w[0] = 100.0
        y.backward()
    except (RuntimeError, TypeError) as error:
        return str(error).partition("\n")[0]
    return "nothing"


def run(backend: str = "numpy") -> dict[str, Any]:
    """The results of all four demonstrations."""
    xp = pg.namespace(backend)
    return {
        "error of third derivatives in eight threads": in_threads(xp),
        "does a task record": in_tasks(),
        "400 gradients of four threads add up to": into_one_leaf(xp),
        "of a changed array is said": changed_behind_its_back(xp),
    }


def main() -> None:
    """Print the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", default="numpy", help="default: %(default)s")
    for name, value in run(parser.parse_args().backend).items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
